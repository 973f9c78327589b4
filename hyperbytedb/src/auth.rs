//! Who asks, and what they may do.
//!
//! [`Users`] tells from a request's credentials who asks; [`privileges`] tells from a
//! statement what it touches; [`authorize`] compares both. Nothing else decides.

mod authorize;
mod credentials;
mod error;
mod identity;
mod jwt;
mod password;
pub mod privileges;
mod users;

pub use authorize::{Forbidden, authorize, may_read, may_write};
pub use credentials::Credentials;
pub use error::AuthError;
pub use identity::{Identity, Person};
pub use password::{Passwords, hash, verify};
pub use users::{AuthSettings, Users};
