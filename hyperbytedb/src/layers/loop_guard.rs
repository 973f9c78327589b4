//! Tells writes that a peer has accepted already from those of clients. What a peer sends
//! is stored and never sent on, so a request that forges the mark could keep its points
//! from the other nodes.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use hyper::header::HeaderMap;
use hyper::http::Extensions;
use hyper::{Request, Response};
use tower::{Layer, Service};

/// The mark of a replicated write: `true`.
pub const REPLICATED: &str = "x-hyperbytedb-replicated";
/// Carries what the nodes of a cluster share.
pub const CLUSTER_SECRET: &str = "x-hyperbytedb-cluster-secret";

/// Among a request's extensions: a believed peer has accepted this write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Replicated;

/// A mark that is not believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("X-Hyperbytedb-Replicated is for nodes of this cluster: the request is none of theirs")]
pub struct Forged;

/// Whom to believe.
#[derive(Debug, Clone, Default)]
pub struct Peers {
    /// Empty: there is none.
    pub secret: String,
    /// Connections that showed a client certificate are peers.
    pub certificates: bool,
    /// Authentication is on: without secret and certificates nobody is believed.
    pub auth: bool,
}

impl Peers {
    /// Whether a request is a replicated write.
    ///
    /// # Errors
    /// [`Forged`].
    pub fn check<C: Send + Sync + 'static>(
        &self,
        headers: &HeaderMap,
        extensions: &Extensions,
    ) -> Result<Option<Replicated>, Forged> {
        let Some(mark) = headers.get(REPLICATED) else {
            return Ok(None);
        };
        if !mark.as_bytes().eq_ignore_ascii_case(b"true") {
            return Ok(None);
        }
        let given = headers.get(CLUSTER_SECRET);
        let has_secret = !self.secret.is_empty()
            && given.is_some_and(|given| same(given.as_bytes(), self.secret.as_bytes()));
        let has_certificate = self.certificates && extensions.get::<C>().is_some();
        let nothing_to_show = self.secret.is_empty() && !self.certificates && !self.auth;
        match has_secret || has_certificate || nothing_to_show {
            true => Ok(Some(Replicated)),
            false => Err(Forged),
        }
    }
}

/// Compares in a time that tells nothing of where the texts differ.
fn same(a: &[u8], b: &[u8]) -> bool {
    a.len() == b.len() && a.iter().zip(b).fold(0, |all, (a, b)| all | (a ^ b)) == 0
}

/// Wraps services in [`LoopGuard`]. `refuse` makes the answer to a forged mark; `C` is
/// what the accepting side leaves among the extensions of a connection with a client
/// certificate.
pub struct LoopGuardLayer<Out, C> {
    peers: Peers,
    refuse: fn(Forged) -> Response<Out>,
    certificate: std::marker::PhantomData<fn() -> C>,
}

impl<Out, C> LoopGuardLayer<Out, C> {
    pub fn new(peers: Peers, refuse: fn(Forged) -> Response<Out>) -> Self {
        Self {
            peers,
            refuse,
            certificate: std::marker::PhantomData,
        }
    }
}

impl<S, Out, C> Layer<S> for LoopGuardLayer<Out, C> {
    type Service = LoopGuard<S, Out, C>;

    fn layer(&self, inner: S) -> Self::Service {
        LoopGuard {
            inner,
            peers: self.peers.clone(),
            refuse: self.refuse,
            certificate: std::marker::PhantomData,
        }
    }
}

/// See [`LoopGuardLayer`].
pub struct LoopGuard<S, Out, C> {
    inner: S,
    peers: Peers,
    refuse: fn(Forged) -> Response<Out>,
    certificate: std::marker::PhantomData<fn() -> C>,
}

impl<S: Clone, Out, C> Clone for LoopGuard<S, Out, C> {
    fn clone(&self) -> Self {
        Self {
            inner: self.inner.clone(),
            peers: self.peers.clone(),
            refuse: self.refuse,
            certificate: std::marker::PhantomData,
        }
    }
}

impl<S, In, Out, C> Service<Request<In>> for LoopGuard<S, Out, C>
where
    S: Service<Request<In>, Response = Response<Out>>,
    S::Future: Send + 'static,
    S::Error: 'static,
    Out: Send + 'static,
    C: Send + Sync + 'static,
{
    type Response = Response<Out>;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Out>, S::Error>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, mut request: Request<In>) -> Self::Future {
        match self
            .peers
            .check::<C>(request.headers(), request.extensions())
        {
            Ok(None) => Box::pin(self.inner.call(request)),
            Ok(Some(replicated)) => {
                request.extensions_mut().insert(replicated);
                Box::pin(self.inner.call(request))
            }
            Err(forged) => {
                let refusal = (self.refuse)(forged);
                Box::pin(async move { Ok(refusal) })
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Clone)]
    struct Certificate;

    fn told(
        peers: &Peers,
        headers: &[(&'static str, &str)],
        certificate: bool,
    ) -> Result<bool, Forged> {
        let headers = headers
            .iter()
            .map(|(k, v)| ((*k).parse().unwrap(), v.parse().unwrap()));
        let mut extensions = Extensions::new();
        if certificate {
            extensions.insert(Certificate);
        }
        let told = peers.check::<Certificate>(&headers.collect(), &extensions);
        told.map(|replicated| replicated.is_some())
    }

    #[test]
    fn the_mark_is_believed_of_peers_alone() {
        let mark = (REPLICATED, "true");
        let open = Peers::default();
        let auth = Peers {
            auth: true,
            ..Peers::default()
        };
        let secret = Peers {
            secret: "s".into(),
            ..auth.clone()
        };
        let certificates = Peers {
            certificates: true,
            ..auth.clone()
        };
        assert_eq!(told(&secret, &[], false), Ok(false));
        assert_eq!(told(&secret, &[(REPLICATED, "false")], false), Ok(false));
        assert_eq!(told(&open, &[mark], false), Ok(true));
        assert_eq!(told(&auth, &[mark], true), Err(Forged));
        assert_eq!(told(&secret, &[mark], true), Err(Forged));
        assert_eq!(
            told(&secret, &[mark, (CLUSTER_SECRET, "t")], false),
            Err(Forged)
        );
        assert_eq!(
            told(&secret, &[mark, (CLUSTER_SECRET, "s")], false),
            Ok(true)
        );
        assert_eq!(told(&certificates, &[mark], false), Err(Forged));
        assert_eq!(told(&certificates, &[mark], true), Ok(true));
    }

    #[tokio::test]
    async fn a_forged_mark_never_reaches_the_services_below() {
        use tower::ServiceExt;
        let inner = tower::service_fn(|request: Request<String>| async move {
            assert!(request.extensions().get::<Replicated>().is_none());
            Ok::<_, std::convert::Infallible>(Response::new(()))
        });
        let refuse = |_| Response::builder().status(403).body(()).unwrap();
        let peers = Peers {
            auth: true,
            ..Peers::default()
        };
        let service = LoopGuardLayer::<(), Certificate>::new(peers, refuse).layer(inner);
        let plain = Request::new(String::from("m v=1"));
        assert_eq!(service.clone().oneshot(plain).await.unwrap().status(), 200);
        let mut forged = Request::new(String::from("m v=1"));
        forged
            .headers_mut()
            .insert(REPLICATED, "true".parse().unwrap());
        assert_eq!(service.oneshot(forged).await.unwrap().status(), 403);
    }
}
