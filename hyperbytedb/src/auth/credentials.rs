//! Credentials as a request brings them.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use hyper::header::AUTHORIZATION;
use hyper::http::request::Parts;

use super::AuthError;
use crate::layers::query_of;

/// What a request says of who sent it.
#[derive(Clone, PartialEq, Eq)]
pub enum Credentials {
    Password {
        user: String,
        password: String,
    },
    /// A JSON web token.
    Bearer(String),
}

impl std::fmt::Debug for Credentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Credentials::Password { user, .. } => write!(f, "Password({user:?}, …)"),
            Credentials::Bearer(_) => write!(f, "Bearer(…)"),
        }
    }
}

impl Credentials {
    /// Finds them where InfluxDB 1.8 looks, in its order: the parameters `u` and `p` of
    /// the URL, then the header `Authorization` as Bearer, Token or Basic.
    ///
    /// # Errors
    /// [`AuthError::Missing`].
    pub fn of(request: &Parts) -> Result<Self, AuthError> {
        of_url(query_of(&request.uri, &request.extensions))
            .or_else(|| of_header(request.headers.get(AUTHORIZATION)?.to_str().ok()?))
            .ok_or(AuthError::Missing)
    }
}

fn of_url(query: &str) -> Option<Credentials> {
    let mut user = None;
    let mut password = None;
    for (key, value) in url::form_urlencoded::parse(query.as_bytes()) {
        match key.as_ref() {
            "u" if user.is_none() => user = Some(value),
            "p" if password.is_none() => password = Some(value),
            _ => {}
        }
    }
    Some(Credentials::Password {
        user: user.filter(|user| !user.is_empty())?.into_owned(),
        password: password.filter(|text| !text.is_empty())?.into_owned(),
    })
}

fn of_header(header: &str) -> Option<Credentials> {
    let (scheme, rest) = header.split_once(' ')?;
    let pair = |text: &str| {
        let (user, password) = text.split_once(':')?;
        Some(Credentials::Password {
            user: user.to_string(),
            password: password.to_string(),
        })
    };
    if scheme.eq_ignore_ascii_case("basic") {
        let text = BASE64_STANDARD.decode(rest.trim()).ok()?;
        return pair(&String::from_utf8(text).ok()?);
    }
    match scheme {
        "Bearer" => Some(Credentials::Bearer(rest.to_string())),
        "Token" => pair(rest),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(url: &str, header: Option<&str>) -> Result<Credentials, AuthError> {
        let mut request = hyper::Request::builder().uri(url);
        if let Some(header) = header {
            request = request.header(AUTHORIZATION, header);
        }
        Credentials::of(&request.body(()).unwrap().into_parts().0)
    }

    fn password(user: &str, password: &str) -> Result<Credentials, AuthError> {
        Ok(Credentials::Password {
            user: user.into(),
            password: password.into(),
        })
    }

    #[test]
    fn the_url_comes_before_the_header() {
        // "u:p"
        let basic = Some("Basic dTpw");
        assert_eq!(of("/query?u=a&p=b%26c", basic), password("a", "b&c"));
        assert_eq!(of("/query?u=a", basic), password("u", "p"));
        assert_eq!(of("/query?u=a&p=", None), Err(AuthError::Missing));
    }

    #[test]
    fn every_scheme_of_influxdb_is_known() {
        assert_eq!(of("/", Some("Token me:a:b")), password("me", "a:b"));
        assert_eq!(of("/", Some("basic dTpw")), password("u", "p"));
        assert_eq!(
            of("/", Some("Bearer a.b.c")),
            Ok(Credentials::Bearer("a.b.c".into()))
        );
        for wrong in ["Basic !!!", "Digest x", "Token me", "Basic", ""] {
            assert_eq!(of("/", Some(wrong)), Err(AuthError::Missing), "{wrong}");
        }
    }

    #[test]
    fn nothing_secret_is_printed() {
        let printed = format!("{:?}", of("/", Some("Token me:secret")).unwrap());
        assert!(!printed.contains("secret"));
    }
}
