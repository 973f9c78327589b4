//! What every request passes before it is answered. Each layer is generic over the
//! service inside it; `app` states their order. A limit that refuses a request fails with
//! an error of its own, which the one table in `http` makes an answer.

mod authenticate;
mod authorize;
mod drain;
mod head;
mod held;
mod identify;
mod in_flight;
mod loop_guard;
mod metrics;
mod rate_limit;
mod receive;
mod shed;
mod timeout;
mod trace;

use std::sync::Arc;

pub use authenticate::{Authenticate, AuthenticateLayer, Gate};
pub use authorize::{Authorize, AuthorizeLayer, Guarded};
pub use drain::{Busy, Drain, DrainLayer, Unread};
pub use head::{HeadError, LongQuery, query_of};
pub use held::Held;
pub use identify::{Identify, IdentifyLayer, VERSION};
pub use in_flight::{InFlight, InFlightLayer, InFlightService, RunningRequest};
pub use loop_guard::{
    CLUSTER_SECRET, Forged, LoopGuard, LoopGuardLayer, Peers, REPLICATED, Replicated,
};
pub use metrics::{Metrics, MetricsLayer};
pub use rate_limit::{RateLimit, RateLimitLayer, RateLimited};
pub use receive::{BodyMemory, HeldMemory, Receive, ReceiveError, ReceiveLayer, ReceiveLimits};
pub use shed::{Overloaded, Shed, ShedLayer, ShedLimits};
pub use timeout::{OutcomeUnknown, Timeout, TimeoutLayer};
pub use trace::{Trace, TraceLayer};

/// The id of a request, put there by [`IdentifyLayer`].
#[derive(Debug, Clone)]
pub struct RequestId(pub Arc<str>);

/// The certificate (DER) that the client of a request showed, put there by the accepting
/// side after one of `server.tls_client_ca_path` was found to have signed it.
#[derive(Debug, Clone)]
pub struct PeerCertificate(pub Arc<[u8]>);

/// What a request is to the limits, by its path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// Never refused: whoever asks how the node is must get an answer.
    Probe,
    /// Stores points. Has limits of its own, so that queries cannot stop it.
    Write,
    /// Everything else.
    Other,
}

/// Tells what class a path is of.
pub type Classify = fn(&str) -> Class;

/// Something for each class that has limits.
#[derive(Debug, Clone)]
pub struct PerClass<T> {
    write: T,
    other: T,
}

impl<T> PerClass<T> {
    /// Makes one for each.
    pub fn new(mut make: impl FnMut() -> T) -> Self {
        Self {
            write: make(),
            other: make(),
        }
    }

    /// That of a class; none for [`Class::Probe`].
    pub fn of(&self, class: Class) -> Option<&T> {
        match class {
            Class::Probe => None,
            Class::Write => Some(&self.write),
            Class::Other => Some(&self.other),
        }
    }
}
