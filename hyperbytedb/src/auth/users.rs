//! From credentials to who asks.

use std::sync::Arc;

use hyper::http::request::Parts;
use storage::Engine;

use super::{AuthError, Credentials, Identity, Passwords, Person, jwt};

/// `[auth]`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AuthSettings {
    pub enabled: bool,
    /// Empty: tokens are refused.
    pub jwt_secret: String,
}

/// The users of a node.
pub struct Users {
    engine: Arc<Engine>,
    settings: AuthSettings,
    passwords: Passwords,
}

impl Users {
    #[must_use]
    pub fn new(engine: Arc<Engine>, settings: AuthSettings) -> Self {
        Self {
            engine,
            settings,
            passwords: Passwords::default(),
        }
    }

    /// Whoever sent a request. Without authentication everybody is the server; without
    /// an admin nobody can be known, and only an admin can be created.
    ///
    /// # Errors
    /// When the credentials are missing or wrong.
    pub async fn identify(&self, request: &Parts) -> Result<Identity, AuthError> {
        if !self.settings.enabled {
            return Ok(Identity::Server);
        }
        let has_admin = self
            .engine
            .with_schema(|schema| schema.users.iter().any(|user| user.admin));
        if !has_admin {
            return Ok(Identity::Nobody);
        }
        match Credentials::of(request)? {
            Credentials::Password { user, password } => self.log_in(&user, &password).await,
            Credentials::Bearer(token) => self.trust(&token),
        }
    }

    /// The user of a name as an identity, for what acts in that name later on.
    ///
    /// # Errors
    /// [`AuthError::UserNotFound`].
    pub fn named(&self, name: Option<&str>) -> Result<Identity, AuthError> {
        match name {
            Some(name) if self.settings.enabled => {
                let person = self.person(name).ok_or(AuthError::UserNotFound)?.1;
                Ok(Identity::Person(Arc::new(person)))
            }
            _ => Ok(Identity::Server),
        }
    }

    async fn log_in(&self, user: &str, password: &str) -> Result<Identity, AuthError> {
        if user.is_empty() {
            return Err(AuthError::UsernameRequired);
        }
        let known = self.person(user);
        let hash = known.as_ref().map(|(hash, _)| hash.as_str());
        let right = self.passwords.check(user, password, hash).await?;
        match known {
            Some((_, person)) if right => Ok(Identity::Person(Arc::new(person))),
            _ => Err(AuthError::Failed),
        }
    }

    fn trust(&self, token: &str) -> Result<Identity, AuthError> {
        if self.settings.jwt_secret.is_empty() {
            return Err(AuthError::BearerDisabled);
        }
        let name = jwt::user_of(token, &self.settings.jwt_secret)?;
        let (_, person) = self.person(&name).ok_or(AuthError::UserNotFound)?;
        Ok(Identity::Person(Arc::new(person)))
    }

    fn person(&self, name: &str) -> Option<(String, Person)> {
        self.engine.with_schema(|schema| {
            let user = schema.user(name).ok()?;
            Some((user.hash.clone(), Person::from(user)))
        })
    }
}
