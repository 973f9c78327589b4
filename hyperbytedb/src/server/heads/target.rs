//! The target of a request: what may be in it as it is, and what is percent-encoded.

use std::ops::Range;

use hyper::Uri;
use memchr::{memchr, memmem};

use crate::layers::HeadError;

/// Bytes of a target that the HTTP library has room for.
pub const TARGET_BYTES_MAX: usize = (u16::MAX - 1) as usize;

/// What a byte of a target is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// RFC 3986 has it in paths and queries.
    Plain,
    /// Stands for itself and is to be encoded: what RFC 3986 does not have there, and `#`,
    /// which begins no fragment in what a client sends.
    Encoded,
    Space,
    Control,
}

const KINDS: [Kind; 256] = {
    let mut kinds = [Kind::Encoded; 256];
    let mut byte = 0;
    while byte < 256 {
        kinds[byte] = match byte as u8 {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' => Kind::Plain,
            b'-' | b'.' | b'_' | b'~' | b'%' | b'/' | b'?' | b':' | b'@' | b'[' | b']' => {
                Kind::Plain
            }
            b'!' | b'$' | b'&' | b'\'' | b'(' | b')' | b'*' | b'+' | b',' | b';' | b'=' => {
                Kind::Plain
            }
            b' ' => Kind::Space,
            0..=0x1f | 0x7f => Kind::Control,
            _ => Kind::Encoded,
        };
        byte += 1;
    }
    kinds
};

/// How a target reaches the HTTP library.
#[derive(Debug, PartialEq, Eq)]
pub enum Target {
    AsItIs,
    /// Encoded.
    Encoded(Vec<u8>),
    /// Its path, and its query, for which there is no room.
    Divided(Vec<u8>, String),
}

/// Reads a target, which is not empty.
///
/// # Errors
/// When it holds control characters, or spaces outside of its query, is no target, or its path
/// is too long.
pub fn read(target: &[u8]) -> Result<Target, HeadError> {
    let is_plain = target
        .iter()
        .all(|byte| KINDS[*byte as usize] == Kind::Plain);
    if is_plain && target.len() <= TARGET_BYTES_MAX {
        check_form(target)?;
        return Ok(Target::AsItIs);
    }
    let query_at = memchr(b'?', target).unwrap_or(target.len());
    check_bytes(target, query_at)?;
    let path = encoded(target, 0..query_at);
    if path.len() > TARGET_BYTES_MAX {
        return Err(HeadError::PathTooLong(TARGET_BYTES_MAX));
    }
    let query = encoded(target, query_at..target.len());
    if path.len() + query.len() > TARGET_BYTES_MAX {
        check_form(&[&path, b"?".as_slice()].concat())?;
        // Behind the question mark; encoded bytes are ASCII.
        let query = query.into_iter().skip(1).map(char::from).collect();
        return Ok(Target::Divided(path, query));
    }
    let mut whole = path;
    whole.extend_from_slice(&query);
    check_form(&whole)?;
    Ok(Target::Encoded(whole))
}

fn check_bytes(target: &[u8], query_at: usize) -> Result<(), HeadError> {
    for (at, byte) in target.iter().enumerate() {
        match KINDS[*byte as usize] {
            Kind::Control => {
                return Err(HeadError::Malformed("a control character in the URL"));
            }
            Kind::Space if at < query_at => {
                return Err(HeadError::Malformed("a space in the path of the URL"));
            }
            _ => {}
        }
    }
    // Two versions in one line: who is in front of this server may have taken the first.
    if memmem::find(target, b" HTTP/").is_some() {
        return Err(HeadError::Malformed(
            "a second HTTP version in the first line",
        ));
    }
    Ok(())
}

/// The library knows paths, `*`, whole URLs, and hosts (for CONNECT).
fn check_form(target: &[u8]) -> Result<(), HeadError> {
    if target.starts_with(b"/") || target == b"*" || Uri::try_from(target).is_ok() {
        return Ok(());
    }
    Err(HeadError::Malformed("what is asked for is no URL"))
}

fn encoded(target: &[u8], range: Range<usize>) -> Vec<u8> {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    let mut out = Vec::with_capacity(range.len());
    for byte in &target[range] {
        match KINDS[*byte as usize] {
            Kind::Plain => out.push(*byte),
            _ => out.extend([
                b'%',
                DIGITS[usize::from(byte >> 4)],
                DIGITS[usize::from(byte & 15)],
            ]),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn encoded_as(target: &[u8], expected: &str) {
        assert_eq!(read(target), Ok(Target::Encoded(expected.into())));
    }

    #[test]
    fn what_hand_made_urls_hold_is_encoded() {
        let target = br#"/query?q=SELECT "a" FROM m WHERE v<1|2^3>{4}\`#"#;
        let expected =
            "/query?q=SELECT%20%22a%22%20FROM%20m%20WHERE%20v%3C1%7C2%5E3%3E%7B4%7D%5C%60%23";
        encoded_as(target, expected);
        encoded_as(b"/query?q=\xc3\xa4\xff", "/query?q=%C3%A4%FF");
        encoded_as(b"http://host/a?b=<", "http://host/a?b=%3C");
    }

    #[test]
    fn what_is_legal_stays_as_it_is() {
        for target in [
            "/",
            "/a/b?c=d%20e&f=g",
            "*",
            "/%zz?%",
            "http://host:1/a?b",
            "host:443",
        ] {
            assert_eq!(read(target.as_bytes()), Ok(Target::AsItIs), "{target}");
        }
    }

    #[test]
    fn a_long_query_is_taken_apart_and_a_long_path_refused() {
        let query = format!("q={}<", "x".repeat(TARGET_BYTES_MAX));
        let divided = read(format!("/query?{query}").as_bytes());
        let expected = query.replace('<', "%3C");
        assert_eq!(divided, Ok(Target::Divided("/query".into(), expected)));
        let path = format!("/{}", "x".repeat(TARGET_BYTES_MAX));
        assert_eq!(
            read(path.as_bytes()),
            Err(HeadError::PathTooLong(TARGET_BYTES_MAX))
        );
        let longest = format!("/?{}", "x".repeat(TARGET_BYTES_MAX - 2));
        assert_eq!(read(longest.as_bytes()), Ok(Target::AsItIs));
    }

    #[test]
    fn what_is_no_url_is_refused() {
        for target in [
            "/a b",
            "/?a=\u{1}",
            "/?a=\u{7f}",
            "/?a=b HTTP/1.1",
            "query?q=<",
            "query?q=1",
        ] {
            let refused = read(target.as_bytes());
            assert!(matches!(refused, Err(HeadError::Malformed(_))), "{target}");
        }
    }
}
