//! The accepting side: listeners, TLS, and what every connection is held to.
//!
//! `accept` takes connections and hands each to a task, `connection` serves it and ends
//! it by what `activity` says, `heads` reads what requests begin with before the HTTP
//! library does, `room` bounds how many there are, `tls` and `reload` keep
//! the certificates. Nothing here knows what the service behind it answers.

mod accept;
mod activity;
mod connection;
mod heads;
mod open_files;
mod reload;
mod room;
mod tls;
mod unix;

pub use accept::{Draining, Listeners, Server, ServerError, Settings, listen};
pub use activity::Limits;
pub use open_files::raise_open_files;
pub use tls::{TlsError, TlsFiles};
pub use unix::UnixSocket;
