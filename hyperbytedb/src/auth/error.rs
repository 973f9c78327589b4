//! Why a request's credentials do not do.

/// The texts are InfluxDB's; clients look for them.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AuthError {
    /// There are none, or in no form that is known.
    #[error("unable to parse authentication credentials")]
    Missing,
    #[error("username required")]
    UsernameRequired,
    /// An unknown user or a wrong password; the two look alike.
    #[error("authorization failed")]
    Failed,
    #[error("bearer auth disabled")]
    BearerDisabled,
    /// A token that does not do, and why.
    #[error("{0}")]
    Token(String),
    #[error("user not found")]
    UserNotFound,
    /// Too many passwords are being checked.
    #[error("too many logins at one time; try again")]
    Busy,
    /// A route for admins.
    #[error("{name:?} is no admin: {path} is for admins only")]
    AdminRequired { name: String, path: String },
}
