//! The only door to data files: their names, how they are written, read and removed, and
//! how long they live.

mod handle;
mod local;
mod name;

pub use handle::{FileHandle, Purge, PurgeQueue};
pub use local::LocalStore;
pub use name::path_of;

use std::io;

/// An open data file that is read at any place.
pub trait ReadAt: Send + Sync {
    /// Fills `out` with the bytes from `offset` on.
    ///
    /// # Errors
    /// When the file ends before that or cannot be read.
    fn read_exact_at(&self, out: &mut [u8], offset: u64) -> io::Result<()>;

    /// The length of the file in bytes.
    ///
    /// # Errors
    /// When the file is gone.
    fn length(&self) -> io::Result<u64>;
}
