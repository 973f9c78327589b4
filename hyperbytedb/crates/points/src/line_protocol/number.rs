//! Numbers and booleans of field values.

use super::Reason;
use super::fields::Value;

/// The whole number written as `digits`, which holds digits only.
pub(super) fn integer(negative: bool, digits: &[u8]) -> Option<i64> {
    // Eighteen digits cannot overflow, which is nearly every number.
    if digits.len() <= 18 {
        let magnitude = digits
            .iter()
            .fold(0i64, |sum, digit| sum * 10 + i64::from(digit - b'0'));
        return Some(if negative { -magnitude } else { magnitude });
    }
    digits.iter().try_fold(0i64, |sum, digit| {
        let digit = i64::from(digit - b'0');
        let sum = sum.checked_mul(10)?;
        if negative {
            sum.checked_sub(digit)
        } else {
            sum.checked_add(digit)
        }
    })
}

fn unsigned(digits: &[u8]) -> Option<u64> {
    digits.iter().try_fold(0u64, |sum, digit| {
        sum.checked_mul(10)?.checked_add(u64::from(digit - b'0'))
    })
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// What a number was seen to hold before its end was reached.
#[derive(Default)]
struct Seen {
    suffix: Option<u8>,
    decimal: bool,
    scientific: bool,
}

/// Reads the number at `start`, which ends at a comma, a space or the end of
/// the line. Gives its end, too.
pub(super) fn scan_number(
    line: &[u8],
    start: usize,
    unsigned_allowed: bool,
) -> Result<(usize, Value<'static>), Reason> {
    let negative = line.get(start) == Some(&b'-');
    let mut at = start + usize::from(negative);
    let digits = at;
    while let Some(b'0'..=b'9') = line.get(at) {
        at += 1;
    }
    // The plain integer, decided without looking at a byte twice.
    if at > digits
        && line.get(at) == Some(&b'i')
        && matches!(line.get(at + 1), None | Some(b',' | b' '))
    {
        return match integer(negative, &line[digits..at]) {
            Some(value) => Ok((at + 1, Value::Integer(value))),
            None => Err(Reason::IntegerOutOfRange(text(&line[start..at]))),
        };
    }
    let mut seen = Seen::default();
    while let Some(&byte) = line.get(at) {
        match byte {
            b',' | b' ' => break,
            b'i' | b'u' if at > start && seen.suffix.is_none() => seen.suffix = Some(byte),
            b'.' if !seen.decimal => seen.decimal = true,
            b'e' | b'E' if at > start => seen.scientific = true,
            b'+' | b'-' if matches!(line[at - 1], b'e' | b'E') => {}
            b'0'..=b'9' => {}
            _ => return Err(Reason::InvalidNumber),
        }
        at += 1;
    }
    let value = typed(&line[start..at], negative, &seen, unsigned_allowed)?;
    Ok((at, value))
}

fn typed(
    number: &[u8],
    negative: bool,
    seen: &Seen,
    unsigned_allowed: bool,
) -> Result<Value<'static>, Reason> {
    if seen.suffix.is_some() && (seen.decimal || seen.scientific) {
        return Err(Reason::InvalidNumber);
    }
    let marks = usize::from(negative) + usize::from(seen.decimal);
    let magnitude = &number[usize::from(negative)..];
    match (seen.suffix, magnitude) {
        // A suffix in the middle (`9i10`) has been counted but does not end it.
        (Some(b'i'), [digits @ .., b'i']) if !digits.is_empty() => integer(negative, digits)
            .map(Value::Integer)
            .ok_or_else(|| Reason::IntegerOutOfRange(text(&number[..number.len() - 1]))),
        (Some(b'u'), [digits @ .., b'u'])
            if !digits.is_empty() && !negative && unsigned_allowed =>
        {
            unsigned(digits)
                .map(Value::Unsigned)
                .ok_or_else(|| Reason::UnsignedOutOfRange(text(digits)))
        }
        (Some(_), _) => Err(Reason::InvalidNumber),
        (None, _) if number.len() == marks => Err(Reason::InvalidNumber),
        (None, _) => match fast_float2::parse::<f64, _>(number) {
            Ok(value) if value.is_finite() => Ok(Value::Float(value)),
            _ => Err(Reason::InvalidFloat),
        },
    }
}

/// Reads the boolean at `start`, which ends at a comma, a space or the end of
/// the line. Gives its end, too.
pub(super) fn scan_boolean(line: &[u8], start: usize) -> Result<(usize, Value<'static>), Reason> {
    let rest = &line[start..];
    let length = rest
        .iter()
        .position(|byte| matches!(byte, b',' | b' '))
        .unwrap_or(rest.len());
    boolean(&rest[..length])
        .map(|value| (start + length, Value::Boolean(value)))
        .ok_or(Reason::InvalidBoolean)
}

pub(super) fn boolean(text: &[u8]) -> Option<bool> {
    match text {
        b"t" | b"T" | b"true" | b"True" | b"TRUE" => Some(true),
        b"f" | b"F" | b"false" | b"False" | b"FALSE" => Some(false),
        _ => None,
    }
}
