//! Statements without what differs from one use to the next, and texts without
//! passwords.

use std::fmt;

use crate::ast::Statement;
use crate::printer::{Printer, REDACTED};

/// The statement's printed text with each literal replaced by `?`, so that
/// statements of the same shape have the same text. Names are kept, passwords
/// never show.
pub fn normalise(statement: &Statement) -> String {
    struct Masked<'a>(&'a Statement);
    impl fmt::Display for Masked<'_> {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            Printer { out: f, mask: true }.statement(self.0)
        }
    }
    Masked(statement).to_string()
}

/// A query's text with `[REDACTED]` for what may be a password: after `WITH
/// PASSWORD`, and after the `=` that follows `PASSWORD FOR`, whether or not the
/// rest is a statement.
///
/// Like InfluxDB's sanitiser, but a quoted password is blanked up to its closing
/// quote, or to the end of the text if it has none.
pub fn redact_passwords(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(word) = find_word(rest, "password") {
        let (before, tail) = rest.split_at(word + "password".len());
        out.push_str(before);
        rest = tail;
        let start = if ends_with_word(&before[..word], "with") {
            skip_blank(tail)
        } else {
            after_equals(tail)
        };
        if let Some(start) = start {
            let password = &tail[start..];
            let length = password_length(password);
            if length > 0 {
                out.push_str(&tail[..start]);
                out.push_str(REDACTED);
                rest = &password[length..];
            }
        }
    }
    out.push_str(rest);
    out
}

/// Where `word` stands in `text`, in any case.
fn find_word(text: &str, word: &str) -> Option<usize> {
    let bytes = text.as_bytes();
    bytes
        .windows(word.len())
        .position(|window| window.eq_ignore_ascii_case(word.as_bytes()))
}

fn ends_with_word(text: &str, word: &str) -> bool {
    let trimmed = trim_blank_end(text);
    let start = trimmed.len().saturating_sub(word.len());
    trimmed.len() < text.len()
        && trimmed
            .get(start..)
            .is_some_and(|end| end.eq_ignore_ascii_case(word))
}

fn trim_blank_end(text: &str) -> &str {
    let mut text = text.trim_end();
    while let Some(open) = text.strip_suffix("*/").and_then(|text| text.rfind("/*")) {
        text = text[..open].trim_end();
    }
    text
}

/// Bytes of white space and comments at the start.
fn skip_blank(text: &str) -> Option<usize> {
    let mut rest = text.trim_start();
    while let Some(comment) = rest.strip_prefix("/*") {
        rest = comment.split_once("*/")?.1.trim_start();
    }
    Some(text.len() - rest.len())
}

/// Where the value starts after `FOR user =`.
fn after_equals(tail: &str) -> Option<usize> {
    let blank = skip_blank(tail)?;
    let word = tail.get(blank..blank + 3)?;
    if blank == 0 || !word.eq_ignore_ascii_case("for") {
        return None;
    }
    let equals = blank + tail[blank..].find('=')? + 1;
    Some(equals + skip_blank(&tail[equals..])?)
}

/// Bytes of the password at the start: up to the closing quote, or to white
/// space or `;` if there are no quotes.
fn password_length(text: &str) -> usize {
    let mut chars = text.char_indices();
    let Some((_, quote @ ('\'' | '"'))) = chars.next() else {
        return text
            .find(|c: char| c.is_whitespace() || c == ';')
            .unwrap_or(text.len());
    };
    let mut escaped = false;
    for (index, c) in chars {
        if escaped {
            escaped = false;
        } else if c == '\\' {
            escaped = true;
        } else if c == quote {
            return index + c.len_utf8();
        }
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parse_statement;

    #[test]
    fn literals_are_masked() {
        for (text, masked) in [
            (
                "SELECT mean(v) + 1.5 FROM db.rp.m WHERE a = 'x' AND b =~ /y/ AND time > now() - 1h GROUP BY time(5m), * fill(3) LIMIT 10 tz('UTC')",
                "SELECT mean(v) + ? FROM db.rp.m WHERE a = ? AND b =~ ? AND time > now() - ? GROUP BY time(?), * fill(?) LIMIT ? TZ(?)",
            ),
            (
                "create user u with password 'geheim'",
                "CREATE USER u WITH PASSWORD [REDACTED]",
            ),
            (
                "SET PASSWORD FOR u = 'geheim'",
                "SET PASSWORD FOR u = [REDACTED]",
            ),
            ("DROP SHARD 3", "DROP SHARD ?"),
            (
                "ALTER RETENTION POLICY a ON b DURATION 1h",
                "ALTER RETENTION POLICY a ON b DURATION ?",
            ),
        ] {
            let statement = parse_statement(text).expect(text);
            assert_eq!(normalise(&statement), masked);
        }
    }

    #[test]
    fn passwords_are_blanked() {
        for (text, blanked) in [
            (
                "CREATE USER a WITH PASSWORD 'b c' WITH ALL PRIVILEGES",
                "CREATE USER a WITH PASSWORD [REDACTED] WITH ALL PRIVILEGES",
            ),
            (
                "create user a with   password \"b\"; x",
                "create user a with   password [REDACTED]; x",
            ),
            (
                "CREATE USER a WITH PASSWORD b",
                "CREATE USER a WITH PASSWORD [REDACTED]",
            ),
            (
                "CREATE USER a WITH PASSWORD 'it\\'s' x",
                "CREATE USER a WITH PASSWORD [REDACTED] x",
            ),
            (
                "CREATE USER a WITH PASSWORD 'open ended",
                "CREATE USER a WITH PASSWORD [REDACTED]",
            ),
            (
                "SET PASSWORD FOR \"u\" = 'p'; SET PASSWORD FOR v='q'",
                "SET PASSWORD FOR \"u\" = [REDACTED]; SET PASSWORD FOR v=[REDACTED]",
            ),
            (
                "SET PASSWORD/**/FOR u = 'p'",
                "SET PASSWORD/**/FOR u = [REDACTED]",
            ),
            (
                "WITH/* x */PASSWORD/**/'p'",
                "WITH/* x */PASSWORD/**/[REDACTED]",
            ),
            ("SELECT password FROM t", "SELECT password FROM t"),
            ("password for é", "password for é"),
            ("WITH PASSWORD", "WITH PASSWORD"),
            ("", ""),
        ] {
            assert_eq!(redact_passwords(text), blanked);
        }
    }
}
