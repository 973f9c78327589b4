//! The fields of a line.

use memchr::memchr2;

use super::key::find_unescaped;
use super::line::skip_blanks;
use super::number::{boolean, scan_boolean, scan_number};
use super::{MAX_KEY_LENGTH, Reason};

/// A field of the line at hand.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Field<'a> {
    pub(super) key: FieldKey<'a>,
    pub(super) value: Value<'a>,
}

/// How a field's column is found.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum FieldKey<'a> {
    /// The column that the field had in the row before.
    Column(u32),
    /// The key as written, without any escape.
    Plain(&'a [u8]),
    /// The key as written.
    Escaped(&'a [u8]),
}

/// The value of a field.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Value<'a> {
    Float(f64),
    Integer(i64),
    Unsigned(u64),
    Boolean(bool),
    /// What stands between the quotes, escapes included.
    String(&'a [u8]),
}

/// Where a line's fields are and what they are read with.
pub(super) struct FieldScan<'a> {
    pub(super) line: &'a [u8],
    /// The end of measurement and tags.
    pub(super) key_end: usize,
    pub(super) unsigned: bool,
}

impl<'a> FieldScan<'a> {
    /// Reads the fields into `fields` and gives their end, and what is wrong
    /// with a value if the line has no other fault. `labels` are the `key=`
    /// texts of the row before, in its order.
    ///
    /// Fields without escapes or stray quotes are read in one pass. Anything
    /// else is left to the two passes InfluxDB makes, whose views of where
    /// quotes pair up may differ.
    pub(super) fn scan<'l>(
        &self,
        labels: impl Iterator<Item = (u32, Option<&'l [u8]>)>,
        fields: &mut Vec<Field<'a>>,
    ) -> Result<(usize, Option<Reason>), Reason> {
        let start = skip_blanks(self.line, self.key_end);
        fields.clear();
        if let Some(end) = self.scan_plain(start, labels, fields)
            && self.key_end + 4 + (end - start) <= MAX_KEY_LENGTH
        {
            return Ok((end, None));
        }
        fields.clear();
        let end = self.check(start)?;
        let fault = self.split(&self.line[start..end], fields)?;
        Ok((end, fault))
    }

    fn scan_plain<'l>(
        &self,
        start: usize,
        mut labels: impl Iterator<Item = (u32, Option<&'l [u8]>)>,
        fields: &mut Vec<Field<'a>>,
    ) -> Option<usize> {
        let line = self.line;
        let mut at = start;
        loop {
            let rest = &line[at..];
            let (key, value_at) = match labels.next() {
                Some((column, Some(label))) if rest.starts_with(label) => {
                    (FieldKey::Column(column), at + label.len())
                }
                _ => {
                    let stop = rest
                        .iter()
                        .position(|byte| matches!(byte, b'=' | b',' | b' ' | b'\\' | b'"'))?;
                    if stop == 0 || rest[stop] != b'=' {
                        return None;
                    }
                    (FieldKey::Plain(&rest[..stop]), at + stop + 1)
                }
            };
            let (end, value) = match line.get(value_at)? {
                b'0'..=b'9' | b'.' | b'-' => scan_number(line, value_at, self.unsigned).ok()?,
                b'"' => scan_string(line, value_at)?,
                _ => scan_boolean(line, value_at).ok()?,
            };
            fields.push(Field { key, value });
            match line.get(end) {
                None | Some(b' ') => return Some(end),
                Some(b',') => at = end + 1,
                Some(_) => return None,
            }
        }
    }

    /// InfluxDB's first pass: finds the end of the fields and refuses what is
    /// wrong with them.
    fn check(&self, start: usize) -> Result<usize, Reason> {
        let line = self.line;
        let mut at = start;
        let mut quoted = false;
        let mut equals = 0usize;
        let mut commas = 0usize;
        while let Some(&byte) = line.get(at) {
            match byte {
                b'\\' if at + 1 < line.len() => {
                    at += 2;
                    continue;
                }
                b'"' if equals > commas => quoted = !quoted,
                b'=' if !quoted => {
                    equals += 1;
                    if let Some(end) = self.check_value(at)? {
                        at = end;
                        continue;
                    }
                }
                b',' if !quoted => commas += 1,
                b' ' if !quoted => break,
                _ => {}
            }
            at += 1;
        }
        if quoted {
            return Err(Reason::UnbalancedQuotes);
        }
        if equals == 0 || commas != equals - 1 {
            return Err(Reason::InvalidFieldFormat);
        }
        Ok(at)
    }

    /// Checks what stands around the `=` at `equals`. Gives the end of the
    /// value unless it is a string.
    fn check_value(&self, equals: usize) -> Result<Option<usize>, Reason> {
        let line = self.line;
        let before = |distance: usize| equals.checked_sub(distance).map(|at| line[at]);
        if matches!(before(1), Some(b' ' | b',')) && before(2) != Some(b'\\') {
            return Err(Reason::MissingFieldKey);
        }
        match line.get(equals + 1) {
            None | Some(b',' | b' ') => Err(Reason::MissingFieldValue),
            Some(b'0'..=b'9' | b'.' | b'-' | b'N' | b'n') => {
                let (end, _) = scan_number(line, equals + 1, self.unsigned)?;
                Ok(Some(end))
            }
            Some(b'"') => Ok(None),
            Some(_) => {
                let (end, _) = scan_boolean(line, equals + 1)?;
                Ok(Some(end))
            }
        }
    }

    /// InfluxDB's second pass: splits fields that passed the first.
    fn split(
        &self,
        mut text: &'a [u8],
        fields: &mut Vec<Field<'a>>,
    ) -> Result<Option<Reason>, Reason> {
        let mut fault = None;
        while !text.is_empty() {
            let equals = find_unescaped(text, 0, b'=').unwrap_or(text.len());
            let key = &text[..equals];
            if equals + 2 > text.len() {
                return Err(Reason::FieldWithoutValue(lossy(key)));
            }
            let length = self.key_end + 4 + key.len();
            if length > MAX_KEY_LENGTH {
                return Err(Reason::KeyTooLong(length));
            }
            if key.is_empty() {
                fault.get_or_insert(Reason::MissingFieldKey);
            }
            let rest = &text[equals + 1..];
            let end = value_end(rest);
            // An empty value has no type, and InfluxDB ignores its field.
            if end > 0 {
                let key = FieldKey::Escaped(key);
                match self.value(&rest[..end]) {
                    Ok(value) => fields.push(Field { key, value }),
                    Err(reason) => drop(fault.get_or_insert(reason)),
                }
            }
            text = rest.get(end + 1..).unwrap_or_default();
        }
        Ok(fault)
    }

    fn value(&self, text: &'a [u8]) -> Result<Value<'a>, Reason> {
        match text {
            [b'"'] => Err(Reason::UnbalancedQuotes),
            // The last byte is taken for the closing quote, whatever it is; what
            // is cut inside a character is no text any more.
            [b'"', .., 0x80..=0xff] => Err(Reason::InvalidUtf8),
            [b'"', inner @ .., _] => Ok(Value::String(inner)),
            [
                b'0'..=b'9' | b'.' | b'-' | b'n' | b'N' | b'i' | b'I' | b'u',
                ..,
            ] => {
                let (end, value) = scan_number(text, 0, self.unsigned)?;
                if end < text.len() {
                    return Err(Reason::InvalidNumber);
                }
                Ok(value)
            }
            _ => boolean(text)
                .map(Value::Boolean)
                .ok_or(Reason::InvalidBoolean),
        }
    }
}

/// Reads the string whose opening quote is at `start`, if it is closed.
fn scan_string(line: &[u8], start: usize) -> Option<(usize, Value<'_>)> {
    let mut at = start + 1;
    loop {
        at += memchr2(b'"', b'\\', line.get(at..)?)?;
        if line[at] == b'"' {
            return Some((at + 1, Value::String(&line[start + 1..at])));
        }
        at += 2;
    }
}

fn value_end(text: &[u8]) -> usize {
    let mut at = 0;
    let mut quoted = false;
    while let Some(&byte) = text.get(at) {
        match byte {
            b'\\' if matches!(text.get(at + 1), Some(b'"' | b'\\')) => at += 1,
            b'"' => quoted = !quoted,
            b',' if !quoted => break,
            _ => {}
        }
        at += 1;
    }
    at
}

fn lossy(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Appends what stands between the quotes of a string: a backslash escapes a
/// quote and a backslash only.
pub(super) fn unescape_string(mut text: &[u8], out: &mut Vec<u8>) {
    while let Some(at) = memchr::memchr(b'\\', text) {
        match text.get(at + 1) {
            Some(next @ (b'"' | b'\\')) => {
                out.extend_from_slice(&text[..at]);
                out.push(*next);
                text = &text[at + 2..];
            }
            _ => {
                out.extend_from_slice(&text[..=at]);
                text = &text[at + 1..];
            }
        }
    }
    out.extend_from_slice(text);
}

#[cfg(test)]
mod tests;
