//! What every request passes before it is answered. Each layer is generic over the
//! service inside it; `app` states their order.

mod authenticate;
mod authorize;
mod drain;
mod identify;
mod loop_guard;
mod metrics;
mod trace;

pub use authenticate::{Authenticate, AuthenticateLayer, Gate};
pub use authorize::{Authorize, AuthorizeLayer, Guarded};
pub use drain::drain;
pub use identify::{Identify, IdentifyLayer, VERSION};
pub use loop_guard::{
    CLUSTER_SECRET, Forged, LoopGuard, LoopGuardLayer, Peers, REPLICATED, Replicated,
};
pub use metrics::{Metrics, MetricsLayer};
pub use trace::{Trace, TraceLayer};

/// Among the extensions of requests on a connection that showed a client certificate.
#[derive(Debug, Clone, Copy)]
pub struct PeerCertificate;

/// The id of a request, put there by [`IdentifyLayer`].
#[derive(Debug, Clone)]
pub struct RequestId(pub String);
