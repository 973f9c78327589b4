//! An open data file as the Parquet library wants to read it.

use std::io::{self, Read};
use std::sync::Arc;

use bytes::Bytes;
use parquet::errors::Result;
use parquet::file::reader::{ChunkReader, Length};

use crate::files::ReadAt;

/// Bytes that are read at once by who reads on without saying how much.
const READ_BYTES: usize = 64 << 10;

/// A data file of a known length.
pub struct Chunks {
    file: Arc<dyn ReadAt>,
    length: u64,
}

impl Chunks {
    /// # Errors
    /// When the file is gone.
    pub fn new(file: Arc<dyn ReadAt>) -> io::Result<Self> {
        let length = file.length()?;
        Ok(Self { file, length })
    }
}

impl Length for Chunks {
    fn len(&self) -> u64 {
        self.length
    }
}

impl ChunkReader for Chunks {
    type T = io::BufReader<From>;

    fn get_read(&self, start: u64) -> Result<Self::T> {
        let from = From {
            file: self.file.clone(),
            at: start,
            end: self.length,
        };
        Ok(io::BufReader::with_capacity(READ_BYTES, from))
    }

    fn get_bytes(&self, start: u64, length: usize) -> Result<Bytes> {
        let mut bytes = vec![0; length];
        self.file.read_exact_at(&mut bytes, start)?;
        Ok(bytes.into())
    }
}

/// A data file from a place on.
pub struct From {
    file: Arc<dyn ReadAt>,
    at: u64,
    end: u64,
}

impl Read for From {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let left = usize::try_from(self.end.saturating_sub(self.at)).unwrap_or(usize::MAX);
        let count = out.len().min(left);
        self.file.read_exact_at(&mut out[..count], self.at)?;
        self.at += count as u64;
        Ok(count)
    }
}
