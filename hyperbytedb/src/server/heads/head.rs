//! One head: where it ends, what is in it, and how its body is framed.

use std::ops::Range;

use memchr::{memchr, memchr_iter};

use crate::layers::HeadError;

/// Bytes of a header's name that the HTTP library has room for.
const NAME_BYTES_MAX: usize = u16::MAX as usize;

/// How the end of a body is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Body {
    /// Bytes; 0 = there is none.
    Length(u64),
    Chunked,
}

/// What a head says.
#[derive(Debug, PartialEq, Eq)]
pub struct Head {
    pub target: Range<usize>,
    pub body: Body,
}

/// Where the head ends that `bytes` begin with, its empty line included. Lines up to `seen`
/// were looked at before.
pub fn end_of(bytes: &[u8], seen: usize) -> Option<usize> {
    // A line feed and up to two bytes behind it may have been the last of what was seen.
    let from = seen.saturating_sub(2).min(bytes.len());
    for at in memchr_iter(b'\n', &bytes[from..]) {
        match bytes[from + at + 1..] {
            // No line ends like this; it is refused when it is read.
            [b'\n', ..] => return Some(from + at + 2),
            [b'\r', b'\n', ..] => return Some(from + at + 3),
            _ => {}
        }
    }
    None
}

/// Reads a whole head.
///
/// # Errors
/// Whatever is malformed, or leaves in doubt where the body ends.
pub fn read(bytes: &[u8], headers_max: usize) -> Result<Head, HeadError> {
    let mut lines = Lines { bytes, at: 0 };
    let (first, is_http_11) = request_line(lines.next_line()?)?;
    let mut fields = Fields::default();
    loop {
        let line = lines.next_line()?;
        if line.is_empty() {
            break;
        }
        fields.add(line)?;
        if fields.count > headers_max {
            return Err(HeadError::TooManyHeaders(headers_max));
        }
    }
    Ok(Head {
        target: first,
        body: fields.body(is_http_11)?,
    })
}

struct Lines<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Lines<'a> {
    /// The next line without its end.
    fn next_line(&mut self) -> Result<&'a [u8], HeadError> {
        let rest = &self.bytes[self.at..];
        let end = memchr(b'\n', rest).unwrap_or(rest.len());
        self.at = (self.at + end + 1).min(self.bytes.len());
        match rest[..end] {
            [ref line @ .., b'\r'] => Ok(line),
            _ => Err(HeadError::Malformed("a line that does not end with CR LF")),
        }
    }
}

/// The target's place, and whether it is HTTP/1.1. Spaces belong to the target, but for the
/// first and the last.
fn request_line(line: &[u8]) -> Result<(Range<usize>, bool), HeadError> {
    let malformed = HeadError::Malformed("the first line is no request");
    let begin = memchr(b' ', line).ok_or(malformed)? + 1;
    let method = &line[..begin - 1];
    if method.is_empty() || !method.iter().all(|byte| is_token(*byte)) {
        return Err(malformed);
    }
    let end = memchr::memrchr(b' ', line).ok_or(malformed)?;
    if end <= begin {
        return Err(malformed);
    }
    let is_http_11 = match &line[end + 1..] {
        b"HTTP/1.1" => true,
        b"HTTP/1.0" => false,
        version if version.starts_with(b"HTTP/") => return Err(HeadError::Version),
        _ => return Err(malformed),
    };
    Ok((begin..end, is_http_11))
}

/// What headers say of the body.
#[derive(Default)]
struct Fields {
    count: usize,
    length: Option<u64>,
    chunked: bool,
}

impl Fields {
    fn add(&mut self, line: &[u8]) -> Result<(), HeadError> {
        self.count += 1;
        if matches!(line[0], b' ' | b'\t') {
            return Err(HeadError::Malformed("a header over several lines"));
        }
        let colon = memchr(b':', line).ok_or(HeadError::Malformed("a header without a colon"))?;
        let (name, value) = (&line[..colon], &line[colon + 1..]);
        let has_room = (1..=NAME_BYTES_MAX).contains(&name.len());
        if !has_room || !name.iter().all(|byte| is_token(*byte)) {
            return Err(HeadError::Malformed(
                "a header without a name, or with a character that no name may have",
            ));
        }
        if !value.iter().all(|byte| is_value(*byte)) {
            return Err(HeadError::Malformed("a control character in a header"));
        }
        if name.eq_ignore_ascii_case(b"content-length") {
            return self.add_length(value.trim_ascii());
        }
        if name.eq_ignore_ascii_case(b"transfer-encoding") {
            return self.add_encoding(value.trim_ascii());
        }
        Ok(())
    }

    fn add_length(&mut self, value: &[u8]) -> Result<(), HeadError> {
        let malformed = HeadError::Malformed("a Content-Length that is no length");
        if value.is_empty() || !value.iter().all(u8::is_ascii_digit) {
            return Err(malformed);
        }
        let text = std::str::from_utf8(value).map_err(|_| malformed)?;
        let length = text.parse().map_err(|_| malformed)?;
        match self.length.replace(length) {
            Some(other) if other != length => {
                Err(HeadError::Malformed("several different Content-Length"))
            }
            _ => Ok(()),
        }
    }

    fn add_encoding(&mut self, value: &[u8]) -> Result<(), HeadError> {
        if self.chunked || !value.eq_ignore_ascii_case(b"chunked") {
            return Err(HeadError::Malformed(
                "a Transfer-Encoding other than chunked",
            ));
        }
        self.chunked = true;
        Ok(())
    }

    fn body(&self, is_http_11: bool) -> Result<Body, HeadError> {
        match (self.chunked, self.length) {
            (true, Some(_)) => Err(HeadError::Malformed(
                "both Content-Length and Transfer-Encoding",
            )),
            (true, None) if !is_http_11 => {
                Err(HeadError::Malformed("Transfer-Encoding in HTTP/1.0"))
            }
            (true, None) => Ok(Body::Chunked),
            (false, length) => Ok(Body::Length(length.unwrap_or(0))),
        }
    }
}

/// Bytes of methods and of the names of headers.
const TOKEN: [bool; 256] = {
    let mut token = [false; 256];
    let mut byte = 0;
    while byte < 256 {
        token[byte] = matches!(
            byte as u8,
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'!' | b'#' | b'$' | b'%' | b'&' | b'\''
                | b'*' | b'+' | b'-' | b'.' | b'^' | b'_' | b'`' | b'|' | b'~'
        );
        byte += 1;
    }
    token
};

fn is_token(byte: u8) -> bool {
    TOKEN[byte as usize]
}

fn is_value(byte: u8) -> bool {
    byte == b'\t' || (byte >= b' ' && byte != 0x7f)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn body_of(text: &str) -> Result<Body, HeadError> {
        let length = end_of(text.as_bytes(), 0).unwrap();
        assert_eq!(length, text.len(), "{text}");
        read(text.as_bytes(), 3).map(|head| head.body)
    }

    #[test]
    fn lengths_and_chunks_frame_bodies() {
        let of = |fields: &str| body_of(&format!("POST /a HTTP/1.1\r\n{fields}\r\n")).unwrap();
        assert_eq!(of(""), Body::Length(0));
        assert_eq!(of("Host: x\r\nContent-Length:\t12 \r\n"), Body::Length(12));
        assert_eq!(
            of("content-length: 5\r\nCONTENT-LENGTH: 5\r\n"),
            Body::Length(5)
        );
        assert_eq!(of("Transfer-Encoding: Chunked\r\n"), Body::Chunked);
    }

    #[test]
    fn the_target_is_between_the_first_space_and_the_last() {
        let target = |line: &str| {
            let text = format!("{line}\r\n\r\n");
            let head = read(text.as_bytes(), 1).unwrap();
            text[head.target].to_string()
        };
        assert_eq!(target("GET /a HTTP/1.1"), "/a");
        assert_eq!(target("GET /a?q=b c HTTP/1.0"), "/a?q=b c");
        assert_eq!(target("GET  /a?  HTTP/1.0"), " /a? ");
    }

    #[test]
    fn what_can_be_read_in_two_ways_is_refused() {
        for fields in [
            "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
            "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n",
            "Content-Length: 5\r\nContent-Length: 6\r\n",
            "Content-Length: 5, 5\r\n",
            "Content-Length: +5\r\n",
            "Content-Length: 0x5\r\n",
            "Content-Length:\r\n",
            "Content-Length: 99999999999999999999\r\n",
            "Transfer-Encoding: gzip, chunked\r\n",
            "Transfer-Encoding: identity\r\n",
            "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
            "Transfer-Encoding: \u{b}chunked\r\n",
            "Content-Length : 5\r\n",
            "Host: x\r\n Content-Length: 5\r\n",
            "Host: x\r\n\tContent-Length: 5\r\n",
            " Host: x\r\n",
            "Host: x\nContent-Length: 5\r\n",
            "Host: x\rContent-Length: 5\r\n",
            "Host: x\0\r\n",
            ": x\r\n",
            "Host\r\n",
            "A: b\r\n\n",
        ] {
            let text = format!("POST /a HTTP/1.1\r\n{fields}\r\n");
            let refused = read(text.as_bytes(), 3);
            assert!(
                matches!(refused, Err(HeadError::Malformed(_))),
                "{fields:?}: {refused:?}"
            );
        }
        let old = body_of("POST /a HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n");
        assert!(matches!(old, Err(HeadError::Malformed(_))));
    }

    #[test]
    fn what_is_no_request_is_told() {
        for line in [
            "",
            "GET",
            "GET /",
            "GET  HTTP/1.1",
            " / HTTP/1.1",
            "GET / http/1.1",
            "G(T / HTTP/1.1",
        ] {
            let refused = body_of(&format!("{line}\r\n\r\n"));
            assert!(matches!(refused, Err(HeadError::Malformed(_))), "{line}");
        }
        let newer = body_of("GET / HTTP/2.0\r\n\r\n");
        assert_eq!(newer, Err(HeadError::Version));
        let many = body_of(&format!("GET / HTTP/1.1\r\n{}\r\n", "A: b\r\n".repeat(4)));
        assert_eq!(many, Err(HeadError::TooManyHeaders(3)));
    }

    #[test]
    fn a_head_that_comes_in_pieces_ends_where_a_whole_one_does() {
        let text = b"GET / HTTP/1.1\r\nA: b\r\n\r\nGET";
        for length in 0..text.len() {
            let mut seen = 0;
            let mut end = None;
            for available in [length, text.len()] {
                end = end.or_else(|| end_of(&text[..available], seen));
                seen = available;
            }
            assert_eq!(end, Some(text.len() - 3), "{length}");
        }
        assert_eq!(end_of(b"GET / HTTP/1.1\n\nGET", 0), Some(16));
    }
}
