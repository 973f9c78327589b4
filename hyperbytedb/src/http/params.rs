//! The parameter `params`: values for the `$name`s of a query.

use influxql::{ParamValue, Params};
use serde_json::Value;

use super::error::HttpError;

/// Levels of arrays and objects that are looked into.
const DEPTH_MAX: usize = 100;

/// Reads a JSON object of values, or of `{"type": value}` objects. A number is an
/// integer unless it has a point; what follows the object is not looked at.
///
/// # Errors
/// In the words of Go's JSON decoder, which InfluxDB passes on.
pub fn bound_params(text: &str) -> Result<Params, HttpError> {
    let invalid =
        |error: String| HttpError::Parameter(format!("error parsing query parameters: {error}"));
    let mut scan = Scan {
        rest: text,
        numbers: Vec::new(),
        depth: 0,
    };
    scan.value().map_err(invalid)?;
    let read = &text[..text.len() - scan.rest.len()];
    let value: Value = match serde_json::from_str(read) {
        Ok(value) => value,
        // Numbers beyond floats: their text decides below.
        Err(_) if !scan.numbers.is_empty() => Value::Object(serde_json::Map::new()),
        Err(error) => return Err(invalid(error.to_string())),
    };
    let kind = match &value {
        Value::Null => return Ok(Params::new()),
        Value::Object(_) => None,
        Value::Array(_) => Some("array"),
        Value::String(_) => Some("string"),
        Value::Number(_) => Some("number"),
        Value::Bool(_) => Some("bool"),
    };
    if let Some(kind) = kind {
        return Err(invalid(format!(
            "json: cannot unmarshal {kind} into Go value of type map[string]interface {{}}"
        )));
    }
    for number in &scan.numbers {
        check_number(number)
            .map_err(|error| HttpError::Parameter(format!("error parsing json value: {error}")))?;
    }
    let Value::Object(object) = value else {
        return Ok(Params::new());
    };
    Ok(object
        .into_iter()
        .map(|(name, value)| (name, parameter_of(&value)))
        .collect())
}

fn check_number(text: &str) -> Result<(), String> {
    if text.contains('.') {
        return match text.parse::<f64>() {
            Ok(value) if value.is_finite() => Ok(()),
            _ => Err(format!(
                "strconv.ParseFloat: parsing \"{text}\": value out of range"
            )),
        };
    }
    let digits = text.strip_prefix('-').unwrap_or(text);
    if !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(format!(
            "strconv.ParseInt: parsing \"{text}\": invalid syntax"
        ));
    }
    match text.parse::<i64>() {
        Ok(_) => Ok(()),
        Err(_) => Err(format!(
            "strconv.ParseInt: parsing \"{text}\": value out of range"
        )),
    }
}

fn parameter_of(value: &Value) -> ParamValue {
    match value {
        Value::Bool(flag) => ParamValue::Boolean(*flag),
        Value::String(text) => ParamValue::String(text.clone()),
        Value::Number(number) => match (number.as_i64(), number.as_u64(), number.as_f64()) {
            (Some(integer), _, _) => ParamValue::Integer(integer),
            (None, Some(unsigned), _) => ParamValue::Unsigned(unsigned),
            (None, None, float) => ParamValue::Float(float.unwrap_or(f64::NAN)),
        },
        Value::Object(object) => match object.iter().next() {
            Some((kind, value)) if object.len() == 1 => {
                ParamValue::of_kind(kind, parameter_of(value))
            }
            _ => ParamValue::Invalid(
                "bound object parameter value must have exactly one entry".into(),
            ),
        },
        Value::Null => ParamValue::Invalid("unable to bind parameter with type <nil>".into()),
        Value::Array(_) => {
            ParamValue::Invalid("unable to bind parameter with type []interface {}".into())
        }
    }
}

/// Finds the first fault of a JSON text, as Go words it, and the numbers that are
/// values of the outermost object.
struct Scan<'a> {
    rest: &'a str,
    numbers: Vec<&'a str>,
    depth: usize,
}

impl<'a> Scan<'a> {
    /// The next character that is no blank.
    fn peek(&mut self) -> Result<char, String> {
        self.rest = self.rest.trim_start_matches([' ', '\t', '\r', '\n']);
        self.first()
    }

    fn first(&self) -> Result<char, String> {
        self.rest
            .chars()
            .next()
            .ok_or_else(|| "unexpected EOF".to_string())
    }

    fn skip(&mut self, found: char) {
        self.rest = &self.rest[found.len_utf8()..];
    }

    fn value(&mut self) -> Result<(), String> {
        let found = self.peek()?;
        match found {
            '{' => self.nested(Self::object),
            '[' => self.nested(Self::array),
            '"' => self.string(),
            '-' | '0'..='9' => self.number(),
            't' => self.literal("true"),
            'f' => self.literal("false"),
            'n' => self.literal("null"),
            other => Err(wrong(other, "looking for beginning of value")),
        }
    }

    fn nested(&mut self, read: fn(&mut Self) -> Result<(), String>) -> Result<(), String> {
        if self.depth >= DEPTH_MAX {
            return Err("exceeded max depth".to_string());
        }
        self.depth += 1;
        self.rest = &self.rest[1..];
        read(self)?;
        self.depth -= 1;
        Ok(())
    }

    fn object(&mut self) -> Result<(), String> {
        if self.peek()? == '}' {
            self.skip('}');
            return Ok(());
        }
        loop {
            match self.peek()? {
                '"' => self.string()?,
                other => return Err(wrong(other, "looking for beginning of object key string")),
            }
            match self.peek()? {
                ':' => self.skip(':'),
                other => return Err(wrong(other, "after object key")),
            }
            self.peek()?;
            let begin = self.rest;
            self.value()?;
            let text = &begin[..begin.len() - self.rest.len()];
            if self.depth == 1 && text.starts_with(|c: char| c == '-' || c.is_ascii_digit()) {
                self.numbers.push(text);
            }
            match self.peek()? {
                ',' => self.skip(','),
                '}' => {
                    self.skip('}');
                    return Ok(());
                }
                other => return Err(wrong(other, "after object key:value pair")),
            }
        }
    }

    fn array(&mut self) -> Result<(), String> {
        if self.peek()? == ']' {
            self.skip(']');
            return Ok(());
        }
        loop {
            self.value()?;
            match self.peek()? {
                ',' => self.skip(','),
                ']' => {
                    self.skip(']');
                    return Ok(());
                }
                other => return Err(wrong(other, "after array element")),
            }
        }
    }

    fn string(&mut self) -> Result<(), String> {
        self.skip('"');
        loop {
            let found = self.first()?;
            self.skip(found);
            match found {
                '"' => return Ok(()),
                '\\' => {
                    let escape = self.first()?;
                    self.skip(escape);
                    match escape {
                        '"' | '\\' | '/' | 'b' | 'f' | 'n' | 'r' | 't' => {}
                        'u' => {
                            for _ in 0..4 {
                                let digit = self.first()?;
                                self.skip(digit);
                                if !digit.is_ascii_hexdigit() {
                                    return Err(wrong(
                                        digit,
                                        "in \\u hexadecimal character escape",
                                    ));
                                }
                            }
                        }
                        other => return Err(wrong(other, "in string escape code")),
                    }
                }
                control if control < ' ' => return Err(wrong(control, "in string literal")),
                _ => {}
            }
        }
    }

    fn number(&mut self) -> Result<(), String> {
        if self.rest.starts_with('-') {
            self.skip('-');
        }
        match self.first()? {
            '0' => self.skip('0'),
            '1'..='9' => self.digits(),
            other => return Err(wrong(other, "in numeric literal")),
        }
        if self.rest.starts_with('.') {
            self.skip('.');
            self.some_digits("after decimal point in numeric literal")?;
        }
        if self.rest.starts_with(['e', 'E']) {
            self.skip('e');
            if self.rest.starts_with(['+', '-']) {
                self.skip('+');
            }
            self.some_digits("in exponent of numeric literal")?;
        }
        Ok(())
    }

    fn some_digits(&mut self, place: &str) -> Result<(), String> {
        match self.first()? {
            '0'..='9' => self.digits(),
            other => return Err(wrong(other, place)),
        }
        Ok(())
    }

    fn digits(&mut self) {
        self.rest = self.rest.trim_start_matches(|c: char| c.is_ascii_digit());
    }

    fn literal(&mut self, word: &str) -> Result<(), String> {
        for expected in word.chars() {
            let found = self.first()?;
            if found != expected {
                let place = format!("in literal {word} (expecting '{expected}')");
                return Err(wrong(found, &place));
            }
            self.skip(found);
        }
        Ok(())
    }
}

fn wrong(found: char, place: &str) -> String {
    let shown = match found {
        '\'' => "'\\''".to_string(),
        '"' => "'\"'".to_string(),
        '\n' => "'\\n'".to_string(),
        '\t' => "'\\t'".to_string(),
        '\r' => "'\\r'".to_string(),
        '\\' => "'\\\\'".to_string(),
        control if control < ' ' => format!("'\\x{:02x}'", u32::from(control)),
        other => format!("'{other}'"),
    };
    format!("invalid character {shown} {place}")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Texts and what InfluxDB 1.6.7 says of them.
    #[test]
    fn faults_are_worded_as_go_words_them() {
        let cases = [
            ("{", "unexpected EOF"),
            (r#"{"a" 1}"#, "invalid character '1' after object key"),
            (
                r#"{"a":1 "b"}"#,
                "invalid character '\"' after object key:value pair",
            ),
            (
                r#"{"a":[1 2]}"#,
                "invalid character '2' after array element",
            ),
            (
                r#"{"a":tru}"#,
                "invalid character '}' in literal true (expecting 'e')",
            ),
            (r#"{"a":-}"#, "invalid character '}' in numeric literal"),
            (
                r#"{"a":01}"#,
                "invalid character '1' after object key:value pair",
            ),
            (
                r#"{"a":"\q"}"#,
                "invalid character 'q' in string escape code",
            ),
            (
                r#"{"a":1,}"#,
                "invalid character '}' looking for beginning of object key string",
            ),
            (
                r#"{"a":}"#,
                "invalid character '}' looking for beginning of value",
            ),
            (
                "{'a':1}",
                "invalid character '\\'' looking for beginning of object key string",
            ),
            (
                "[1]",
                "json: cannot unmarshal array into Go value of type map[string]interface {}",
            ),
        ];
        for (text, expected) in cases {
            let error = bound_params(text).unwrap_err().to_string();
            assert_eq!(
                error,
                format!("error parsing query parameters: {expected}"),
                "{text}"
            );
        }
    }

    #[test]
    fn numbers_must_fit() {
        let error = |text: &str| bound_params(text).unwrap_err().to_string();
        assert_eq!(
            error(r#"{"v":99999999999999999999}"#),
            "error parsing json value: strconv.ParseInt: parsing \"99999999999999999999\": value out of range"
        );
        assert_eq!(
            error(r#"{"v":1e3}"#),
            "error parsing json value: strconv.ParseInt: parsing \"1e3\": invalid syntax"
        );
        assert_eq!(
            error(r#"{"v":1.5e999}"#),
            "error parsing json value: strconv.ParseFloat: parsing \"1.5e999\": value out of range"
        );
    }

    #[test]
    fn values_keep_their_types() {
        let params = bound_params(r#" {"i":-3,"f":1.5,"s":"x","b":true,"d":{"duration":"5m"}} x"#);
        let params = params.unwrap();
        assert_eq!(params["i"], ParamValue::Integer(-3));
        assert_eq!(params["f"], ParamValue::Float(1.5));
        assert_eq!(params["d"], ParamValue::Duration(300_000_000_000));
        assert!(bound_params("null").unwrap().is_empty());
    }

    #[test]
    fn nesting_ends_somewhere() {
        let deep = format!("{{\"a\":{}", "[".repeat(100_000));
        assert!(bound_params(&deep).is_err());
    }
}
