//! Where a body of chunks ends (RFC 9112, section 7.1).

/// Bytes of the fields after the last chunk.
const TRAILER_BYTES_MAX: usize = 16 << 10;
/// Hexadecimal digits of a chunk's size: what a `u64` holds.
const DIGITS_MAX: u8 = 16;

/// The body is no body of chunks.
#[derive(Debug, PartialEq, Eq)]
pub struct Broken;

/// Follows a body of chunks to its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chunks {
    place: Place,
    /// Bytes of the chunk that are still to come.
    size: u64,
    digits: u8,
    trailer_bytes: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Size,
    /// Blanks behind the size.
    Blank,
    Extension,
    SizeEnd,
    Data,
    DataReturn,
    DataEnd,
    /// The beginning of a line behind the last chunk.
    Last,
    Trailer,
    TrailerEnd,
    LastEnd,
    End,
}

impl Default for Chunks {
    fn default() -> Self {
        Self {
            place: Place::Size,
            size: 0,
            digits: 0,
            trailer_bytes: 0,
        }
    }
}

impl Chunks {
    /// Whether the body is complete.
    pub fn is_complete(&self) -> bool {
        self.place == Place::End
    }

    /// How many bytes belong to the body: all, unless it ends among them.
    ///
    /// # Errors
    /// When they are no chunks.
    pub fn pass(&mut self, bytes: &[u8]) -> Result<usize, Broken> {
        let mut at = 0;
        while at < bytes.len() && self.place != Place::End {
            if self.place == Place::Data {
                let left = usize::try_from(self.size).unwrap_or(usize::MAX);
                let count = left.min(bytes.len() - at);
                self.size -= count as u64;
                at += count;
                if self.size == 0 {
                    self.place = Place::DataReturn;
                }
                continue;
            }
            self.place = self.step(bytes[at])?;
            at += 1;
        }
        Ok(at)
    }

    fn step(&mut self, byte: u8) -> Result<Place, Broken> {
        Ok(match (self.place, byte) {
            (Place::Size, b'0'..=b'9' | b'a'..=b'f' | b'A'..=b'F') => self.digit(byte)?,
            (Place::Size | Place::Blank | Place::Extension, _) if self.digits == 0 => {
                return Err(Broken);
            }
            (Place::Size | Place::Blank, b' ' | b'\t') => Place::Blank,
            (Place::Size | Place::Blank, b';') => Place::Extension,
            (Place::Size | Place::Blank | Place::Extension, b'\r') => Place::SizeEnd,
            (Place::Extension, b'\t' | b' '..=b'~' | 0x80..) => Place::Extension,
            (Place::SizeEnd, b'\n') => {
                self.digits = 0;
                match self.size {
                    0 => Place::Last,
                    _ => Place::Data,
                }
            }
            (Place::DataReturn, b'\r') => Place::DataEnd,
            (Place::DataEnd, b'\n') => Place::Size,
            (Place::Last, b'\r') => Place::LastEnd,
            (Place::Trailer, b'\r') => Place::TrailerEnd,
            (Place::Last | Place::Trailer, b'\t' | b' '..=b'~' | 0x80..) => {
                self.trailer_bytes += 1;
                if self.trailer_bytes > TRAILER_BYTES_MAX {
                    return Err(Broken);
                }
                Place::Trailer
            }
            (Place::TrailerEnd, b'\n') => Place::Last,
            (Place::LastEnd, b'\n') => Place::End,
            _ => return Err(Broken),
        })
    }

    fn digit(&mut self, byte: u8) -> Result<Place, Broken> {
        self.digits += 1;
        if self.digits > DIGITS_MAX {
            return Err(Broken);
        }
        let digit = char::from(byte).to_digit(16).ok_or(Broken)?;
        self.size = (self.size << 4) | u64::from(digit);
        Ok(Place::Size)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_ends_where_its_last_chunk_does() {
        for body in [
            "0\r\n\r\n",
            "3\r\nabc\r\n0\r\n\r\n",
            "a;name=\"v\"\r\n0123456789\r\nC \r\n0\r\n\r\n0\r\n\r\n12\r\n000;x\r\n\r\n",
            "1\r\n\r\r\n0\r\nTrailer: x\r\nOther: y\r\n\r\n",
        ] {
            let more = format!("{body}GET / HTTP/1.1\r\n");
            let mut chunks = Chunks::default();
            assert_eq!(chunks.pass(more.as_bytes()), Ok(body.len()), "{body}");
            assert!(chunks.is_complete(), "{body}");
            let mut chunks = Chunks::default();
            for byte in body.bytes() {
                assert!(!chunks.is_complete(), "{body}");
                assert_eq!(chunks.pass(&[byte]), Ok(1), "{body}");
            }
            assert!(chunks.is_complete(), "{body}");
        }
    }

    #[test]
    fn what_another_reader_may_read_otherwise_is_broken() {
        for body in [
            "\r\n",
            ";\r\n",
            "g\r\n",
            "0x3\r\nabc\r\n",
            "-1\r\n",
            "+1\r\n",
            " 1\r\n",
            "1 1\r\n",
            "1\nabc",
            "1\r\r\n",
            "1;a\nb\r\n",
            "1;a\rb\r\n",
            "1\r\nab",
            "1\r\na\n0\r\n\r\n",
            "00000000000000001\r\na\r\n",
            "0\r\nTrailer: x\n\r\n",
            "0\r\n\rx",
        ] {
            assert_eq!(
                Chunks::default().pass(body.as_bytes()),
                Err(Broken),
                "{body}"
            );
        }
    }
}
