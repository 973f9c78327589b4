//! As much of protocol buffers as the remote protocol needs: fields of a message one
//! after the other. Unknown fields are passed over.

/// What is wrong with a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum WireError {
    #[error("unexpected EOF")]
    CutOff,
    #[error("integer overflow")]
    Overflow,
    #[error("wrong wireType = {0}")]
    WireType(u8),
    #[error("string field contains invalid UTF-8")]
    Utf8,
}

/// The content of a field.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Content<'a> {
    Varint(u64),
    Fixed64(u64),
    Bytes(&'a [u8]),
    Fixed32(u32),
}

impl<'a> Content<'a> {
    /// # Errors
    /// When the field is of another kind.
    pub fn integer(self) -> Result<i64, WireError> {
        match self {
            Content::Varint(value) => Ok(value.cast_signed()),
            other => Err(WireError::WireType(other.wire_type())),
        }
    }

    /// # Errors
    /// When the field is of another kind.
    pub fn double(self) -> Result<f64, WireError> {
        match self {
            Content::Fixed64(bits) => Ok(f64::from_bits(bits)),
            other => Err(WireError::WireType(other.wire_type())),
        }
    }

    /// # Errors
    /// When the field is of another kind.
    pub fn bytes(self) -> Result<&'a [u8], WireError> {
        match self {
            Content::Bytes(bytes) => Ok(bytes),
            other => Err(WireError::WireType(other.wire_type())),
        }
    }

    /// # Errors
    /// When the field is of another kind, or no UTF-8.
    pub fn string(self) -> Result<String, WireError> {
        let text = std::str::from_utf8(self.bytes()?).map_err(|_| WireError::Utf8)?;
        Ok(text.to_string())
    }

    fn wire_type(self) -> u8 {
        match self {
            Content::Varint(_) => 0,
            Content::Fixed64(_) => 1,
            Content::Bytes(_) => 2,
            Content::Fixed32(_) => 5,
        }
    }
}

/// Calls `visit` with number and content of each field.
///
/// # Errors
/// When the message is cut off or no message, and the errors of `visit`.
pub fn fields<'a>(
    mut rest: &'a [u8],
    mut visit: impl FnMut(u64, Content<'a>) -> Result<(), WireError>,
) -> Result<(), WireError> {
    while !rest.is_empty() {
        let key = varint(&mut rest)?;
        let content = match key & 7 {
            0 => Content::Varint(varint(&mut rest)?),
            1 => Content::Fixed64(u64::from_le_bytes(array(&mut rest)?)),
            2 => {
                let length = varint(&mut rest)?;
                let length = usize::try_from(length).map_err(|_| WireError::CutOff)?;
                let (bytes, tail) = rest.split_at_checked(length).ok_or(WireError::CutOff)?;
                rest = tail;
                Content::Bytes(bytes)
            }
            5 => Content::Fixed32(u32::from_le_bytes(array(&mut rest)?)),
            other => return Err(WireError::WireType(other as u8)),
        };
        visit(key >> 3, content)?;
    }
    Ok(())
}

fn varint(rest: &mut &[u8]) -> Result<u64, WireError> {
    let mut value = 0_u64;
    for place in 0..10 {
        let (byte, tail) = rest.split_first().ok_or(WireError::CutOff)?;
        *rest = tail;
        value |= u64::from(byte & 0x7f) << (7 * place);
        if byte & 0x80 == 0 {
            return Ok(value);
        }
    }
    Err(WireError::Overflow)
}

fn array<const N: usize>(rest: &mut &[u8]) -> Result<[u8; N], WireError> {
    let (bytes, tail) = rest.split_first_chunk::<N>().ok_or(WireError::CutOff)?;
    *rest = tail;
    Ok(*bytes)
}

/// Appends an integer field; 0 is left out.
pub fn put_integer(number: u64, value: i64, out: &mut Vec<u8>) {
    if value != 0 {
        put_varint(number << 3, out);
        put_varint(value.cast_unsigned(), out);
    }
}

/// Appends a float field; 0 is left out.
pub fn put_double(number: u64, value: f64, out: &mut Vec<u8>) {
    if value.to_bits() != 0 {
        put_varint(number << 3 | 1, out);
        out.extend_from_slice(&value.to_bits().to_le_bytes());
    }
}

/// Appends a field of bytes, a text or a message.
pub fn put_bytes(number: u64, bytes: &[u8], out: &mut Vec<u8>) {
    put_varint(number << 3 | 2, out);
    put_varint(bytes.len() as u64, out);
    out.extend_from_slice(bytes);
}

fn put_varint(mut value: u64, out: &mut Vec<u8>) {
    while value >= 0x80 {
        out.push((value & 0x7f) as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_is_put_comes_back(integer: i64, double: f64, bytes: Vec<u8>) {
            let mut out = Vec::new();
            put_integer(1, integer, &mut out);
            put_double(2, double, &mut out);
            put_bytes(300, &bytes, &mut out);
            let (mut i, mut d, mut b) = (0, 0.0_f64, Vec::new());
            fields(&out, |number, content| {
                match number {
                    1 => i = content.integer()?,
                    2 => d = content.double()?,
                    _ => b = content.bytes()?.to_vec(),
                }
                Ok(())
            })
            .unwrap();
            prop_assert_eq!((i, d.to_bits(), b), (integer, double.to_bits(), bytes));
        }

        #[test]
        fn nothing_makes_it_panic(bytes: Vec<u8>) {
            let _refused = fields(&bytes, |_, _| Ok(()));
        }
    }

    #[test]
    fn faults_are_named() {
        let read = |bytes: &[u8]| fields(bytes, |_, content| content.string().map(|_| ()));
        assert_eq!(read(&[0x0a, 5, b'x']), Err(WireError::CutOff));
        assert_eq!(read(&[0x0a, 1, 0xff]), Err(WireError::Utf8));
        assert_eq!(read(&[0x08, 1]), Err(WireError::WireType(0)));
        assert_eq!(read(&[0x0b]), Err(WireError::WireType(3)));
        assert_eq!(read(&[0xff; 11]), Err(WireError::Overflow));
    }
}
