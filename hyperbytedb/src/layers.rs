//! What every request passes before it is answered. Each layer is generic over the
//! service inside it; `app` states their order.

mod identify;
mod trace;

pub use identify::{Identify, IdentifyLayer, VERSION};
pub use trace::{Trace, TraceLayer};

/// The id of a request, put there by [`IdentifyLayer`].
#[derive(Debug, Clone)]
pub struct RequestId(pub String);
