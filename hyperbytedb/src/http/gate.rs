//! Which routes are open to whom.

use std::sync::Arc;

use hyper::header::ORIGIN;
use hyper::http::request::Parts;
use hyper::{Method, Response};
use storage::Engine;

use super::body::AnswerBody;
use super::cors;
use super::error::HttpError;
use super::format::Format;
use super::request::Parameters;
use super::routes::{check_head, count_answer, count_request};
use crate::auth::{AuthError, Forbidden, Identity, Users};
use crate::layers::{Gate, HeadError, query_of};
use crate::monitor::Statistics;

/// Whom a route is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Audience {
    Everybody,
    Users,
    Admins,
}

/// Routes that the configuration opens to everybody.
#[derive(Debug, Clone, Copy, Default)]
pub struct Exposed {
    pub metrics: bool,
    pub statements: bool,
}

/// Asks for credentials where a route needs them, and refuses what can be refused for the head
/// of a request alone: its body is not taken in for that.
#[derive(Clone)]
pub struct HttpGate {
    pub users: Arc<Users>,
    pub engine: Arc<Engine>,
    pub exposed: Exposed,
    pub statistics: Arc<Statistics>,
}

/// What is not named is for users.
fn audience_of(path: &str, method: &Method, exposed: Exposed) -> Audience {
    match path {
        _ if method == Method::OPTIONS => Audience::Everybody,
        "/ping" | "/status" | "/health" | "/ready" => Audience::Everybody,
        "/metrics" if exposed.metrics => Audience::Everybody,
        "/api/v1/statements" if exposed.statements && method == Method::GET => Audience::Everybody,
        "/api/v1/statements" => Audience::Admins,
        path if path.starts_with("/debug/") => Audience::Admins,
        path if path.starts_with("/cluster/") || path.starts_with("/internal/") => Audience::Admins,
        _ => Audience::Users,
    }
}

impl HttpGate {
    async fn identify(&self, request: &Parts) -> Result<Identity, HttpError> {
        let path = request.uri.path();
        let audience = audience_of(path, &request.method, self.exposed);
        if audience == Audience::Everybody {
            return Ok(Identity::Nobody);
        }
        let identity = self.users.identify(request).await?;
        if audience == Audience::Users || identity.is_admin() {
            return Ok(identity);
        }
        Err(match identity.name() {
            None => Forbidden::NoAdmin.into(),
            Some(name) => AuthError::AdminRequired {
                name: name.to_string(),
                path: path.to_string(),
            }
            .into(),
        })
    }
}

fn refuse(request: &Parts, error: &HttpError, pretty: bool) -> Response<AnswerBody> {
    let mut answer = error.answer(Format::of(&request.headers, pretty));
    if let Some(origin) = request.headers.get(ORIGIN) {
        cors::allow(origin.clone(), answer.headers_mut());
    }
    answer
}

impl Gate<AnswerBody> for HttpGate {
    type Pass = Identity;

    async fn admit(&self, request: &Parts) -> Result<Identity, Response<AnswerBody>> {
        if let Some(error) = request.extensions.get::<HeadError>() {
            self.statistics.requests.add(1);
            self.statistics.client_errors.add(1);
            return Err(refuse(request, &HttpError::Head(*error), false));
        }
        let identity = self.identify(request).await.map_err(|error| {
            self.statistics.requests.add(1);
            self.statistics.authentication_failures.add(1);
            refuse(request, &error, false)
        })?;
        check_head(request, &identity, &self.engine).map_err(|error| {
            count_request(request.uri.path(), &request.method, &self.statistics);
            let parameters = Parameters::of_url(query_of(&request.uri, &request.extensions));
            let pretty = parameters.get("pretty") == Some("true");
            let answer = refuse(request, &error, pretty);
            count_answer(answer.status(), &self.statistics);
            answer
        })?;
        Ok(identity)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_route_that_nobody_thought_of_is_for_users() {
        let closed = Exposed::default();
        let open = Exposed {
            metrics: true,
            statements: true,
        };
        let of = |path, exposed| audience_of(path, &Method::GET, exposed);
        assert_eq!(of("/ping", closed), Audience::Everybody);
        assert_eq!(of("/query", open), Audience::Users);
        assert_eq!(of("/surprise", open), Audience::Users);
        assert_eq!(of("/metrics", open), Audience::Everybody);
        assert_eq!(of("/metrics", closed), Audience::Users);
        assert_eq!(of("/api/v1/statements", closed), Audience::Admins);
        assert_eq!(of("/api/v1/statements", open), Audience::Everybody);
        let reset = audience_of("/api/v1/statements", &Method::DELETE, open);
        assert_eq!(reset, Audience::Admins);
        assert_eq!(of("/debug/vars", open), Audience::Admins);
        assert_eq!(of("/internal/x", open), Audience::Admins);
        let preflight = audience_of("/query", &Method::OPTIONS, closed);
        assert_eq!(preflight, Audience::Everybody);
    }
}
