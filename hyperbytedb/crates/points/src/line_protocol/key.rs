//! The measurement and tags at the start of a line.

use std::borrow::Cow;

use memchr::{memchr, memchr_iter};

use super::Reason;

/// The end (exclusive) of measurement and tags as InfluxDB writes them: the
/// first space that no backslash stands before. `None` when the line has none.
pub(super) fn key_end(line: &[u8]) -> Option<usize> {
    memchr_iter(b' ', line).find(|&at| at == 0 || line[at - 1] != b'\\')
}

/// The parts of a key as written, escapes included.
#[derive(Default)]
pub(super) struct Key<'a> {
    pub(super) measurement: &'a [u8],
    /// Keys and values in the order of the line.
    pub(super) tags: Vec<(&'a [u8], &'a [u8])>,
}

/// Splits `key`, the text before the first unescaped space. `complete` says
/// that there was such a space; without it the line ends too early, and the
/// reason for refusing it depends on where.
pub(super) fn split_key<'a>(
    key: &'a [u8],
    complete: bool,
    parts: &mut Key<'a>,
) -> Result<(), Reason> {
    parts.tags.clear();
    if matches!(key.first(), None | Some(b',')) {
        return Err(Reason::MissingMeasurement);
    }
    let comma = find_unescaped(key, 1, b',');
    parts.measurement = &key[..comma.unwrap_or(key.len())];
    let Some(comma) = comma else {
        return if complete {
            Ok(())
        } else {
            Err(Reason::MissingFields)
        };
    };
    split_tags(&key[comma + 1..], complete, &mut parts.tags)?;
    if has_duplicates(&parts.tags) {
        return Err(Reason::DuplicateTags);
    }
    Ok(())
}

fn split_tags<'a>(
    mut rest: &'a [u8],
    complete: bool,
    tags: &mut Vec<(&'a [u8], &'a [u8])>,
) -> Result<(), Reason> {
    loop {
        if matches!(rest.first(), None | Some(b',' | b'=')) {
            return Err(Reason::MissingTagKey);
        }
        let equals = (1..rest.len())
            .find(|&at| matches!(rest[at], b',' | b'=') && rest[at - 1] != b'\\')
            .filter(|&at| rest[at] == b'=')
            .ok_or(Reason::MissingTagValue)?;
        let tail = &rest[equals + 1..];
        if matches!(tail.first(), None | Some(b',')) {
            return Err(Reason::MissingTagValue);
        }
        // The first byte of a value is not looked at: `t==1` has the value `=1`.
        let end =
            (1..tail.len()).find(|&at| matches!(tail[at], b',' | b'=') && tail[at - 1] != b'\\');
        match end {
            Some(end) if tail[end] == b'=' => return Err(Reason::InvalidTagFormat),
            Some(end) => {
                tags.push((&rest[..equals], &tail[..end]));
                rest = &tail[end + 1..];
            }
            None if complete => {
                tags.push((&rest[..equals], tail));
                return Ok(());
            }
            None => return Err(Reason::MissingFields),
        }
    }
}

fn has_duplicates(tags: &[(&[u8], &[u8])]) -> bool {
    if tags.windows(2).all(|pair| pair[0].0 < pair[1].0) {
        return false;
    }
    let mut keys: Vec<&[u8]> = tags.iter().map(|(key, _)| *key).collect();
    keys.sort_unstable();
    keys.windows(2).any(|pair| pair[0] == pair[1])
}

/// The first `stop` at or after `from` that no backslash stands before.
pub(super) fn find_unescaped(text: &[u8], from: usize, stop: u8) -> Option<usize> {
    memchr_iter(stop, text.get(from..)?)
        .map(|at| from + at)
        .find(|&at| at == 0 || text[at - 1] != b'\\')
}

/// Removes the backslash before each byte of `escaped`.
fn unescape<'a>(text: &'a [u8], escaped: &[u8]) -> Cow<'a, [u8]> {
    if memchr(b'\\', text).is_none() {
        return Cow::Borrowed(text);
    }
    let mut plain = Vec::with_capacity(text.len());
    let mut at = 0;
    while let Some(&byte) = text.get(at) {
        match text.get(at + 1) {
            Some(next) if byte == b'\\' && escaped.contains(next) => {
                plain.push(*next);
                at += 2;
            }
            _ => {
                plain.push(byte);
                at += 1;
            }
        }
    }
    Cow::Owned(plain)
}

/// The name that a measurement or a field key as written stands for.
pub(super) fn unescape_name(text: &[u8]) -> Cow<'_, [u8]> {
    unescape(text, b",\" =")
}

/// The text that a tag key or value as written stands for.
pub(super) fn unescape_tag(text: &[u8]) -> Cow<'_, [u8]> {
    unescape(text, b", =")
}
