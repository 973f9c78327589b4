//! Quoting of identifiers and strings in printed statements.

use crate::lexer::{is_ident_char, is_ident_first_char};
use crate::token::Token;

/// `name`, in double quotes if it could not be read back without them.
pub fn quote_ident(name: &str) -> String {
    if ident_needs_quotes(name) {
        force_quote_ident(name)
    } else {
        name.to_string()
    }
}

/// `text` in single quotes, escaped.
pub fn quote_string(text: &str) -> String {
    escape(text, '\'')
}

/// Whether an identifier is empty, a reserved word or has characters beyond
/// ASCII letters, digits and `_`.
pub fn ident_needs_quotes(name: &str) -> bool {
    let mut chars = name.chars();
    let plain = chars.next().is_some_and(is_ident_first_char) && chars.all(is_ident_char);
    !plain || Token::of_word(name) != Token::Ident
}

/// `"a"."b".c`: all segments but the last are always quoted, as InfluxDB does.
pub(crate) fn quote_segments(segments: &[String]) -> String {
    let last = segments.len().saturating_sub(1);
    let quoted: Vec<String> = segments
        .iter()
        .enumerate()
        .map(|(index, segment)| {
            if segment.is_empty() && index > 0 && index < last {
                String::new()
            } else if index < last {
                force_quote_ident(segment)
            } else {
                quote_ident(segment)
            }
        })
        .collect();
    quoted.join(".")
}

fn force_quote_ident(name: &str) -> String {
    escape(name, '"')
}

fn escape(text: &str, quote: char) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push(quote);
    for c in text.chars() {
        match c {
            '\n' => out.push_str("\\n"),
            '\\' => out.push_str("\\\\"),
            c if c == quote => {
                out.push('\\');
                out.push(quote);
            }
            c => out.push(c),
        }
    }
    out.push(quote);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_where_needed() {
        for (name, text) in [
            ("cpu", "cpu"),
            ("_x1", "_x1"),
            ("1h", "\"1h\""),
            ("Select", "\"Select\""),
            ("true", "\"true\""),
            ("a b", "\"a b\""),
            ("a\"b\\c\n", "\"a\\\"b\\\\c\\n\""),
            ("", "\"\""),
            ("é", "\"é\""),
            ("past", "past"),
        ] {
            assert_eq!(quote_ident(name), text);
        }
        assert_eq!(quote_string("it's"), "'it\\'s'");
    }

    #[test]
    fn segments_before_the_last_are_quoted() {
        let segments = ["a", "", "c", "d"].map(String::from);
        assert_eq!(quote_segments(&segments), "\"a\"..\"c\".d");
    }
}
