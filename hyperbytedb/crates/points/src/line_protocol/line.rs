//! Where lines end.

use memchr::{memchr, memchr2};

/// Spaces, tabs and NUL, which InfluxDB skips between the parts of a line.
pub(super) fn skip_blanks(text: &[u8], mut at: usize) -> usize {
    while let Some(b' ' | b'\t' | 0) = text.get(at) {
        at += 1;
    }
    at
}

/// The end (exclusive) of the line that starts at `start`: a newline, or the
/// end of `body`. A newline inside a quoted field value does not end a line.
pub(super) fn line_end(body: &[u8], start: usize) -> usize {
    let rest = &body[start..];
    let end = memchr(b'\n', rest).unwrap_or(rest.len());
    if memchr2(b'"', b'\\', &rest[..end]).is_none() {
        return start + end;
    }
    quoted_line_end(body, start)
}

/// Follows quotes and escapes the way InfluxDB does before it parses a line:
/// what counts as a field value here is decided by the first space and by
/// counting `=` and `,`, and need not agree with the parse that comes after.
fn quoted_line_end(body: &[u8], start: usize) -> usize {
    let mut at = start;
    let mut quoted = false;
    let mut in_fields = false;
    let mut equals = 0usize;
    let mut commas = 0usize;
    while let Some(&byte) = body.get(at) {
        match byte {
            b'\\' if at + 2 < body.len() => {
                at += 2;
                continue;
            }
            b'\n' if !quoted => break,
            b' ' => in_fields = true,
            b'=' if in_fields && !quoted => equals += 1,
            b',' if in_fields && !quoted => commas += 1,
            b'"' if in_fields && equals > commas => quoted = !quoted,
            _ => {}
        }
        at += 1;
    }
    at
}
