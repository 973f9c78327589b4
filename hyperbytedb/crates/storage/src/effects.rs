//! The moments at which something becomes durable, made visible to tests.

use std::io;

/// Asked before each durable effect: a RocksDB write, a file written, renamed or
/// removed. Production says yes; a test may stop the world after the N-th.
pub trait Effects: Send + Sync {
    /// # Errors
    /// To forbid the effect, as a crash before it would.
    fn before(&self, effect: &'static str) -> io::Result<()>;
}

/// Lets everything happen.
#[derive(Debug, Clone, Copy, Default)]
pub struct AllEffects;

impl Effects for AllEffects {
    fn before(&self, _effect: &'static str) -> io::Result<()> {
        Ok(())
    }
}
