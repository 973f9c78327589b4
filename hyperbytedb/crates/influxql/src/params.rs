//! Values of bound parameters (`$name`).
//!
//! A parameter is replaced where the text is split into tokens, as InfluxDB
//! does it, so that it may stand for an identifier or a regular expression as
//! well as for a literal; see [`crate::parse_query_with_params`].

use std::collections::BTreeMap;

use crate::duration::{format_duration, parse_duration};
use crate::token::Token;

/// Values by parameter name, without the `$`.
pub type Params = BTreeMap<String, ParamValue>;

/// What a parameter stands for.
#[derive(Debug, Clone, PartialEq)]
pub enum ParamValue {
    Float(f64),
    Integer(i64),
    Unsigned(u64),
    String(String),
    Boolean(bool),
    /// Nanoseconds.
    Duration(i64),
    Regex(String),
    Identifier(String),
    /// A value that cannot be bound, and why: a statement that uses the parameter
    /// fails with `missing parameter: ` and that message, as in InfluxDB.
    Invalid(String),
}

impl ParamValue {
    /// The value of `{"kind": value}`, as requests give a parameter whose kind is
    /// not plain from its JSON: `identifier`, `regex`, `string`, `float`,
    /// `integer` or `duration` (text such as `5m`, or nanoseconds).
    pub fn of_kind(kind: &str, value: ParamValue) -> ParamValue {
        let message = match (kind, value) {
            ("ident" | "identifier", ParamValue::String(name)) => {
                return ParamValue::Identifier(name);
            }
            ("regex", ParamValue::String(regex)) => return ParamValue::Regex(regex),
            ("string", value @ ParamValue::String(_)) => return value,
            ("float" | "number", value @ ParamValue::Float(_)) => return value,
            ("float" | "number", ParamValue::Integer(value)) => {
                return ParamValue::Float(value as f64);
            }
            ("int" | "integer", value @ ParamValue::Integer(_)) => return value,
            ("duration", ParamValue::Integer(value)) => return ParamValue::Duration(value),
            ("duration", ParamValue::String(text)) => match parse_duration(&text) {
                Ok(value) => return ParamValue::Duration(value),
                Err(error) => error.to_string(),
            },
            ("ident" | "identifier", _) => "identifier must be a string value".to_string(),
            ("regex", _) => "regex literal must be a string value".to_string(),
            ("string", _) => "string literal must be a string value".to_string(),
            ("float" | "number", _) => "number literal must be a float value".to_string(),
            ("int" | "integer", _) => "integer literal must be an integer value".to_string(),
            ("duration", _) => "duration literal must be a string or integer value".to_string(),
            (other, _) => format!("unknown bind object type: {other}"),
        };
        ParamValue::Invalid(message)
    }

    /// The token and content that take the place of the parameter.
    pub(crate) fn lexeme(&self) -> (Token, String) {
        match self {
            ParamValue::Float(value) => (Token::Number, value.to_string()),
            ParamValue::Integer(value) => (Token::Integer, value.to_string()),
            ParamValue::Unsigned(value) => (Token::Integer, value.to_string()),
            ParamValue::String(value) => (Token::String, value.clone()),
            ParamValue::Boolean(true) => (Token::True, String::new()),
            ParamValue::Boolean(false) => (Token::False, String::new()),
            ParamValue::Duration(value) => (Token::Duration, format_duration(*value)),
            ParamValue::Regex(value) => (Token::Regex, value.clone()),
            ParamValue::Identifier(value) => (Token::Ident, value.clone()),
            // Where InfluxDB would look up the name it finds the message.
            ParamValue::Invalid(message) => (Token::BoundParameter, message.clone()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_are_checked() {
        let text = |text: &str| ParamValue::String(text.to_string());
        let invalid = |text: &str| ParamValue::Invalid(text.to_string());
        for (kind, value, expected) in [
            ("ident", text("v"), ParamValue::Identifier("v".to_string())),
            ("regex", text("v"), ParamValue::Regex("v".to_string())),
            ("float", ParamValue::Integer(2), ParamValue::Float(2.0)),
            ("duration", text("5u"), ParamValue::Duration(5_000)),
            ("duration", ParamValue::Integer(5), ParamValue::Duration(5)),
            ("duration", text("5"), invalid("invalid duration")),
            (
                "int",
                text("5"),
                invalid("integer literal must be an integer value"),
            ),
            ("date", text("5"), invalid("unknown bind object type: date")),
        ] {
            assert_eq!(ParamValue::of_kind(kind, value), expected, "{kind}");
        }
    }
}
