//! Reads the parts of an encoding, never past its end.

use super::CodecError;
use super::integers::read_integers;

pub(super) struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Reader<'a> {
        Reader { bytes, at: 0 }
    }

    /// How many bytes were read.
    pub(super) fn position(&self) -> usize {
        self.at
    }

    pub(super) fn remaining(&self) -> usize {
        self.bytes.len() - self.at
    }

    /// Fails unless `count` bytes are left.
    pub(super) fn require(&self, count: usize) -> Result<(), CodecError> {
        if count > self.remaining() {
            return Err(CodecError::Truncated);
        }
        Ok(())
    }

    pub(super) fn take(&mut self, count: usize) -> Result<&'a [u8], CodecError> {
        self.require(count)?;
        let taken = &self.bytes[self.at..self.at + count];
        self.at += count;
        Ok(taken)
    }

    pub(super) fn byte(&mut self) -> Result<u8, CodecError> {
        let byte = *self.bytes.get(self.at).ok_or(CodecError::Truncated)?;
        self.at += 1;
        Ok(byte)
    }

    pub(super) fn varint(&mut self) -> Result<u64, CodecError> {
        let mut value = 0u64;
        for shift in (0..70).step_by(7) {
            let byte = self.byte()?;
            let part = u64::from(byte & 0x7f);
            if shift == 63 && part > 1 {
                return Err(CodecError::Number);
            }
            value |= part << shift;
            if byte < 0x80 {
                return Ok(value);
            }
        }
        Err(CodecError::Number)
    }

    /// A number of things of which each takes at least a byte.
    pub(super) fn length(&mut self) -> Result<usize, CodecError> {
        let length = usize::try_from(self.varint()?).map_err(|_| CodecError::Number)?;
        self.require(length)?;
        Ok(length)
    }

    pub(super) fn text(&mut self) -> Result<&'a str, CodecError> {
        let length = self.length()?;
        str::from_utf8(self.take(length)?).map_err(|_| CodecError::Text)
    }

    /// `count` groups of `N` bytes.
    pub(super) fn array<const N: usize>(
        &mut self,
        count: usize,
    ) -> Result<impl ExactSizeIterator<Item = [u8; N]> + use<'a, N>, CodecError> {
        let length = count.checked_mul(N).ok_or(CodecError::Truncated)?;
        let (groups, _) = self.take(length)?.as_chunks::<N>();
        Ok(groups.iter().copied())
    }

    pub(super) fn bits(&mut self, count: usize) -> Result<Vec<bool>, CodecError> {
        let bytes = self.take(count.div_ceil(8))?;
        let bit = |at: usize| bytes[at / 8] >> (at % 8) & 1 == 1;
        Ok((0..count).map(bit).collect())
    }

    pub(super) fn integers(&mut self, count: usize) -> Result<Vec<i64>, CodecError> {
        read_integers(self, count)
    }
}
