//! Names and values in SQL text. The engine can read any file and URL, so nothing that
//! a user wrote reaches it but through these two.

/// A quoted identifier.
#[must_use]
pub fn identifier(name: &str) -> String {
    quoted(name, '`')
}

/// A string literal.
#[must_use]
pub fn literal(text: &str) -> String {
    quoted(text, '\'')
}

fn quoted(text: &str, quote: char) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push(quote);
    for character in text.chars() {
        match character {
            '\\' => out.push_str("\\\\"),
            '\0' => out.push_str("\\0"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            character if character == quote => {
                out.push('\\');
                out.push(character);
            }
            character => out.push(character),
        }
    }
    out.push(quote);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_and_backslashes_cannot_end_a_literal() {
        assert_eq!(literal("a'b\\"), "'a\\'b\\\\'");
        assert_eq!(identifier("a`b'"), "`a\\`b'`");
    }
}
