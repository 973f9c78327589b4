//! The harness of the process-level tests: it starts the real release binary in a
//! directory of its own, talks to it over HTTP as any client would, kills it, starts it
//! again, and runs real client libraries against it.
//!
//! A function that cannot do its work panics with the reason: this runs in tests only.

pub mod answers;
pub mod binary;
pub mod client;
pub mod disk;
pub mod https;
pub mod node;
pub mod random;
pub mod raw;
pub mod tools;
pub mod wait;

pub use client::{Client, Reply};
pub use node::{Node, Sandbox};

/// A file below the folder of these tests. Asked at run time: several checkouts may share
/// one target directory, and a test that another one built would read its files.
#[must_use]
pub fn beside(relative: &str) -> std::path::PathBuf {
    let built_in = env!("CARGO_MANIFEST_DIR").to_string();
    let directory = std::env::var("CARGO_MANIFEST_DIR").unwrap_or(built_in);
    std::path::Path::new(&directory).join(relative)
}
