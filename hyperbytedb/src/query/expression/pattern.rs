//! Regular expressions as InfluxDB understands them.

use std::fmt::Write as _;
use std::num::NonZeroUsize;
use std::sync::LazyLock;

use lru::LruCache;
use parking_lot::Mutex;
use regex::{Regex, RegexBuilder};

use crate::query::error::QueryError;

/// Most bytes of a compiled pattern.
const COMPILED_BYTES_MAX: usize = 8 << 20;

/// Patterns that are kept compiled: a dashboard sends the same ones again and again, and
/// compiling one takes longer than a small query.
const KEPT_MAX: NonZeroUsize = NonZeroUsize::new(64).unwrap();
/// Most bytes of one that is kept, compiled, and of what a search adds to it.
const KEPT_BYTES_MAX: usize = 256 << 10;

static KEPT: LazyLock<Mutex<LruCache<String, Regex>>> =
    LazyLock::new(|| Mutex::new(LruCache::new(KEPT_MAX)));

/// Compiles a pattern written in Go's syntax.
///
/// Go's `\d`, `\s`, `\w` and `\b` are about ASCII, and inside `[…]` it has neither
/// nested classes nor set operators.
///
/// # Errors
/// [`QueryError::Invalid`] when the pattern is broken or too large.
pub fn compile(pattern: &str) -> Result<Regex, QueryError> {
    if let Some(regex) = KEPT.lock().get(pattern) {
        return Ok(regex.clone());
    }
    let translated = translate(pattern);
    let small = RegexBuilder::new(&translated)
        .size_limit(KEPT_BYTES_MAX)
        .dfa_size_limit(KEPT_BYTES_MAX)
        .build();
    if let Ok(regex) = small {
        KEPT.lock().put(pattern.to_string(), regex.clone());
        return Ok(regex);
    }
    RegexBuilder::new(&translated)
        .size_limit(COMPILED_BYTES_MAX)
        .build()
        .map_err(|error| {
            let reason = error.to_string();
            let reason = reason.lines().last().unwrap_or_default().trim();
            QueryError::Invalid(format!("error parsing regexp `{pattern}`: {reason}"))
        })
}

fn translate(pattern: &str) -> String {
    let mut out = String::with_capacity(pattern.len() + 8);
    let mut chars = pattern.chars().peekable();
    let mut in_class = false;
    while let Some(c) = chars.next() {
        match c {
            '\\' => match chars.next() {
                Some('d') => out.push_str("[0-9]"),
                Some('D') => out.push_str("[^0-9]"),
                Some('s') => out.push_str("[\\t\\n\\f\\r ]"),
                Some('S') => out.push_str("[^\\t\\n\\f\\r ]"),
                Some('w') => out.push_str("[0-9A-Za-z_]"),
                Some('W') => out.push_str("[^0-9A-Za-z_]"),
                Some('b') if !in_class => out.push_str("(?-u:\\b)"),
                Some('Q') => quote_until_end(&mut chars, &mut out),
                Some('/') => out.push('/'),
                Some(other) => {
                    out.push('\\');
                    out.push(other);
                }
                None => out.push('\\'),
            },
            '[' if in_class && chars.peek() != Some(&':') => out.push_str("\\["),
            '[' if !in_class => {
                in_class = true;
                out.push('[');
                if chars.peek() == Some(&'^') {
                    out.push('^');
                    chars.next();
                }
                if chars.peek() == Some(&']') {
                    out.push_str("\\]");
                    chars.next();
                }
            }
            '[' => {
                // A named class such as [:alpha:] inside a class.
                out.push('[');
                for inner in chars.by_ref() {
                    out.push(inner);
                    if inner == ']' {
                        break;
                    }
                }
            }
            ']' if in_class => {
                in_class = false;
                out.push(']');
            }
            '&' | '~' if in_class => {
                let _ = write!(out, "\\{c}");
            }
            other => out.push(other),
        }
    }
    out
}

/// `\Q…\E`: the text in between stands for itself.
fn quote_until_end(chars: &mut std::iter::Peekable<std::str::Chars<'_>>, out: &mut String) {
    let mut text = String::new();
    while let Some(c) = chars.next() {
        if c == '\\' && chars.peek() == Some(&'E') {
            chars.next();
            break;
        }
        text.push(c);
    }
    out.push_str(&regex::escape(&text));
}

#[cfg(test)]
mod tests {
    use super::compile;

    fn matches(pattern: &str, text: &str) -> bool {
        compile(pattern).expect("a valid pattern").is_match(text)
    }

    #[test]
    fn classes_are_ascii() {
        assert!(matches(r"^\d+$", "123"));
        assert!(!matches(r"^\d+$", "١٢"));
        assert!(!matches(r"^\w$", "ü"));
        assert!(matches(r"^[\d,]+$", "1,2"));
    }

    #[test]
    fn brackets_inside_classes_are_literal() {
        assert!(matches(r"^[[x]$", "["));
        assert!(matches(r"^[a&&b]+$", "a&b"));
        assert!(matches(r"^[[:alpha:]]+$", "abc"));
        assert!(matches(r"^[]]$", "]"));
    }

    #[test]
    fn quoted_text_stands_for_itself() {
        assert!(matches(r"^\Qa.b\E$", "a.b"));
        assert!(!matches(r"^\Qa.b\E$", "axb"));
        assert!(matches(r"^\/var\/log$", "/var/log"));
    }

    #[test]
    fn broken_patterns_are_errors() {
        assert!(compile("(").is_err());
    }
}
