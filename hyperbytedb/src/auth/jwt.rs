//! JSON web tokens that say who asks (RFC 7519), signed with a shared secret.

use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode};
use serde_json::Value;

use super::AuthError;

/// The user that a valid token names.
///
/// # Errors
/// In InfluxDB's words: a wrong signature, no time of expiry or one in the past, no name.
pub fn user_of(token: &str, secret: &str) -> Result<String, AuthError> {
    let refuse = |text: &str| AuthError::Token(text.to_string());
    let mut validation = Validation::new(Algorithm::HS256);
    validation.algorithms = vec![Algorithm::HS256, Algorithm::HS384, Algorithm::HS512];
    validation.required_spec_claims.clear();
    validation.validate_aud = false;
    validation.leeway = 0;
    let key = DecodingKey::from_secret(secret.as_bytes());
    let claims = decode::<Value>(token, &key, &validation)
        .map_err(|error| match error.kind() {
            ErrorKind::InvalidSignature => refuse("signature is invalid"),
            ErrorKind::ExpiredSignature => refuse("Token is expired"),
            ErrorKind::ImmatureSignature => refuse("Token is not valid yet"),
            _ => refuse("token is malformed"),
        })?
        .claims;
    if !claims["exp"].is_number() {
        return Err(refuse("token expiration required"));
    }
    match &claims["username"] {
        Value::String(name) if name.is_empty() => Err(refuse("token must contain a username")),
        Value::String(name) => Ok(name.clone()),
        _ => Err(refuse("username in token must be a string")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jsonwebtoken::{EncodingKey, Header, encode};
    use serde_json::json;

    fn said(claims: &Value, secret: &str) -> Result<String, String> {
        let key = EncodingKey::from_secret(secret.as_bytes());
        let token = encode(&Header::default(), claims, &key).unwrap();
        user_of(&token, "sekrit").map_err(|error| error.to_string())
    }

    #[test]
    fn only_a_signed_token_that_expires_names_somebody() {
        let later = 4_000_000_000_u64;
        let good = json!({"username": "me", "exp": later});
        assert_eq!(said(&good, "sekrit"), Ok("me".into()));
        let refused = |claims: Value, secret: &str| said(&claims, secret).unwrap_err();
        assert_eq!(refused(good, "guess"), "signature is invalid");
        let past = json!({"username": "me", "exp": 1000});
        assert_eq!(refused(past, "sekrit"), "Token is expired");
        let endless = json!({"username": "me"});
        assert_eq!(refused(endless, "sekrit"), "token expiration required");
        let nameless = json!({"exp": later});
        assert!(refused(nameless, "sekrit").contains("must be a string"));
        let empty = json!({"username": "", "exp": later});
        assert!(refused(empty, "sekrit").contains("must contain a username"));
    }

    #[test]
    fn a_token_without_a_signature_is_refused() {
        // {"alg":"none"}.{"username":"me","exp":4000000000}.
        let token = "eyJhbGciOiJub25lIn0.eyJ1c2VybmFtZSI6Im1lIiwiZXhwIjo0MDAwMDAwMDAwfQ.";
        assert!(user_of(token, "sekrit").is_err());
        assert!(user_of("abc", "sekrit").is_err());
    }
}
