//! The moments at which something is written or becomes durable, made visible to tests.

use std::io;
use std::path::Path;

/// Asked before each durable effect: a RocksDB write, a file written, renamed or
/// removed. Production says yes; a test may stop the world after the N-th.
pub trait Effects: Send + Sync {
    /// # Errors
    /// To forbid the effect, as a crash before it would.
    fn before(&self, effect: &'static str) -> io::Result<()>;

    /// Told after each sync what a power loss can no longer take.
    fn synced(&self, _what: Synced<'_>) {}
}

/// What a sync has made durable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Synced<'a> {
    /// The content of a file, not its name.
    File(&'a Path),
    /// The names in a directory.
    Directory(&'a Path),
    /// All that was written to a RocksDB database.
    Database(&'a Path),
}

/// Lets everything happen.
#[derive(Debug, Clone, Copy, Default)]
pub struct AllEffects;

impl Effects for AllEffects {
    fn before(&self, _effect: &'static str) -> io::Result<()> {
        Ok(())
    }
}
