//! Numbers as text, as Go prints them.

/// Appends an integer.
pub(super) fn integer(value: i64, out: &mut Vec<u8>) {
    out.extend_from_slice(itoa::Buffer::new().format(value).as_bytes());
}

/// Appends an unsigned integer.
pub(super) fn unsigned(value: u64, out: &mut Vec<u8>) {
    out.extend_from_slice(itoa::Buffer::new().format(value).as_bytes());
}

/// Below this every whole float prints like the integer.
const WHOLE_MAX: f64 = 1e15;

/// Appends the shortest text of a finite float; with `exponents` it has an exponent
/// below 1e-6 and from 1e21 on, as in JSON.
pub(super) fn float(value: f64, exponents: bool, out: &mut Vec<u8>) {
    if value.abs() < WHOLE_MAX && value.fract() == 0.0 {
        if value == 0.0 && value.is_sign_negative() {
            out.push(b'-');
        }
        return integer(value as i64, out);
    }
    let mut buffer = ryu::Buffer::new();
    let text = buffer.format_finite(value).as_bytes();
    if !text.contains(&b'e') {
        let whole = text.strip_suffix(b".0").unwrap_or(text);
        let small = value.abs() < 1e-6;
        if !(small && exponents) {
            out.extend_from_slice(whole);
            return;
        }
    }
    layout(&Decimal::parse(text), exponents, out);
}

/// `0.digits × 10^point`.
struct Decimal {
    negative: bool,
    digits: Vec<u8>,
    point: i32,
}

impl Decimal {
    fn parse(text: &[u8]) -> Decimal {
        let (negative, text) = match text.strip_prefix(b"-") {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        let mut parts = text.splitn(2, |c| *c == b'e');
        let mantissa = parts.next().unwrap_or_default();
        let exponent: i32 = parts
            .next()
            .and_then(|text| std::str::from_utf8(text).ok()?.parse().ok())
            .unwrap_or(0);
        let whole = mantissa.iter().take_while(|c| **c != b'.').count();
        let mut digits: Vec<u8> = mantissa.iter().copied().filter(|c| *c != b'.').collect();
        let mut point = exponent + i32::try_from(whole).unwrap_or(0);
        let leading = digits.iter().take_while(|c| **c == b'0').count();
        digits.drain(..leading);
        point -= i32::try_from(leading).unwrap_or(0);
        while digits.last() == Some(&b'0') {
            digits.pop();
        }
        Decimal {
            negative,
            digits,
            point,
        }
    }
}

fn layout(decimal: &Decimal, exponents: bool, out: &mut Vec<u8>) {
    let Decimal { digits, point, .. } = decimal;
    if decimal.negative {
        out.push(b'-');
    }
    let exponent = point - 1;
    if exponents && !(-6..21).contains(&exponent) {
        out.push(digits.first().copied().unwrap_or(b'0'));
        if digits.len() > 1 {
            out.push(b'.');
            out.extend_from_slice(&digits[1..]);
        }
        out.push(b'e');
        out.push(if exponent < 0 { b'-' } else { b'+' });
        return integer(i64::from(exponent.abs()), out);
    }
    let Ok(whole) = usize::try_from(*point) else {
        out.extend_from_slice(b"0.");
        out.resize(out.len() + point.unsigned_abs() as usize, b'0');
        out.extend_from_slice(digits);
        return;
    };
    if whole == 0 {
        out.extend_from_slice(b"0.");
        out.extend_from_slice(digits);
    } else if whole >= digits.len() {
        out.extend_from_slice(digits);
        out.resize(out.len() + whole - digits.len(), b'0');
    } else {
        out.extend_from_slice(&digits[..whole]);
        out.push(b'.');
        out.extend_from_slice(&digits[whole..]);
    }
}

#[cfg(test)]
mod tests {
    use super::{float, integer};

    fn json(value: f64) -> String {
        let mut out = Vec::new();
        float(value, true, &mut out);
        String::from_utf8(out).expect("ASCII")
    }

    fn csv(value: f64) -> String {
        let mut out = Vec::new();
        float(value, false, &mut out);
        String::from_utf8(out).expect("ASCII")
    }

    #[test]
    fn floats_print_as_go_does() {
        for (value, text) in [
            (0.0, "0"),
            (-0.0, "-0"),
            (1.0, "1"),
            (-1.5, "-1.5"),
            (100.0, "100"),
            (0.1, "0.1"),
            (1e-6, "0.000001"),
            (1.5e-6, "0.0000015"),
            (9.9e-7, "9.9e-7"),
            (1e-7, "1e-7"),
            (123_456_789.125, "123456789.125"),
            (1e15, "1000000000000000"),
            (1e20, "100000000000000000000"),
            (1.5e20, "150000000000000000000"),
            (1e21, "1e+21"),
            (1.25e21, "1.25e+21"),
            (-1e100, "-1e+100"),
            (f64::MAX, "1.7976931348623157e+308"),
            (5e-324, "5e-324"),
            (2.0_f64.powi(53) + 2.0, "9007199254740994"),
            (1.0 / 3.0, "0.3333333333333333"),
        ] {
            assert_eq!(json(value), text);
        }
    }

    #[test]
    fn csv_has_no_exponents() {
        assert_eq!(csv(1e21), "1000000000000000000000");
        assert_eq!(csv(1.5e-7), "0.00000015");
        assert_eq!(csv(-2.5), "-2.5");
    }

    #[test]
    fn integers_print_to_the_ends() {
        for value in [0, -1, 42, i64::MAX, i64::MIN] {
            let mut out = Vec::new();
            integer(value, &mut out);
            assert_eq!(String::from_utf8(out).expect("ASCII"), value.to_string());
        }
    }
}
