//! Checks regular expressions against the RE2 syntax InfluxDB uses, so that a
//! bad one is refused with the statement and in InfluxDB's words.

/// Why a regular expression is refused, with the offending part.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RegexError {
    #[error("error parsing regexp: missing closing ]: `{0}`")]
    MissingBracket(String),
    #[error("error parsing regexp: missing closing ): `{0}`")]
    MissingParen(String),
    #[error("error parsing regexp: unexpected ): `{0}`")]
    UnexpectedParen(String),
    #[error("error parsing regexp: missing argument to repetition operator: `{0}`")]
    MissingArgument(String),
    #[error("error parsing regexp: invalid nested repetition operator: `{0}`")]
    NestedRepetition(String),
    #[error("error parsing regexp: invalid repeat count: `{0}`")]
    RepeatCount(String),
    #[error("error parsing regexp: invalid escape sequence: `{0}`")]
    Escape(String),
    #[error("error parsing regexp: trailing backslash at end of expression: ``")]
    TrailingBackslash,
    #[error("error parsing regexp: invalid or unsupported Perl syntax: `{0}`")]
    PerlSyntax(String),
    #[error("error parsing regexp: invalid named capture: `{0}`")]
    NamedCapture(String),
    #[error("error parsing regexp: invalid character class range: `{0}`")]
    ClassRange(String),
    #[error("error parsing regexp: expression nests too deeply: `{0}`")]
    TooDeep(String),
}

type Result<T> = std::result::Result<T, RegexError>;

const REPEAT_MAX: u32 = 1000;
const DEPTH_MAX: usize = 1000;

/// Whether `pattern` is an RE2 regular expression.
///
/// # Errors
///
/// The first mistake, with InfluxDB's text.
pub fn check_regex(pattern: &str) -> Result<()> {
    let mut checker = Checker {
        pattern,
        rest: pattern,
        open: 0,
        operand: false,
        last_repeat: None,
    };
    while let Some(c) = checker.rest.chars().next() {
        checker.step(c)?;
    }
    if checker.open > 0 {
        return Err(RegexError::MissingParen(pattern.to_string()));
    }
    Ok(())
}

struct Checker<'a> {
    pattern: &'a str,
    rest: &'a str,
    open: usize,
    /// Whether there is something a repetition could apply to.
    operand: bool,
    /// The text from the repetition just read on, if one was just read.
    last_repeat: Option<&'a str>,
}

impl<'a> Checker<'a> {
    fn step(&mut self, c: char) -> Result<()> {
        let previous_repeat = self.last_repeat.take();
        match c {
            '(' => return self.open_group(),
            ')' => {
                if self.open == 0 {
                    return Err(RegexError::UnexpectedParen(self.pattern.to_string()));
                }
                self.open -= 1;
                self.skip(1);
                self.operand = true;
            }
            '|' => {
                self.skip(1);
                self.operand = false;
            }
            '*' | '+' | '?' => {
                let after = &self.rest[1..];
                return self.repeat(after, previous_repeat);
            }
            '{' => {
                if let Some((after, valid)) = repeat_count(&self.rest[1..]) {
                    if !valid {
                        return Err(RegexError::RepeatCount(self.until(after)));
                    }
                    return self.repeat(after, previous_repeat);
                }
                self.skip(1);
                self.operand = true;
            }
            '[' => {
                self.check_class()?;
                self.operand = true;
            }
            '\\' => {
                self.check_escape_outside_class()?;
                self.operand = true;
            }
            c => {
                self.skip(c.len_utf8());
                self.operand = true;
            }
        }
        Ok(())
    }

    fn skip(&mut self, bytes: usize) {
        self.rest = &self.rest[bytes..];
    }

    /// The text from here up to `after`, which is a tail of it.
    fn until(&self, after: &str) -> String {
        consumed(self.rest, after)
    }

    fn repeat(&mut self, after: &'a str, previous: Option<&'a str>) -> Result<()> {
        let before = self.rest;
        let after = after.strip_prefix('?').unwrap_or(after);
        if let Some(previous) = previous {
            return Err(RegexError::NestedRepetition(consumed(previous, after)));
        }
        if !self.operand {
            return Err(RegexError::MissingArgument(consumed(before, after)));
        }
        self.rest = after;
        self.last_repeat = Some(before);
        Ok(())
    }

    fn open_group(&mut self) -> Result<()> {
        if self.rest.starts_with("(?") {
            return self.check_perl_group();
        }
        self.skip(1);
        self.deepen()
    }

    fn deepen(&mut self) -> Result<()> {
        self.operand = false;
        self.open += 1;
        if self.open > DEPTH_MAX {
            return Err(RegexError::TooDeep(self.pattern.to_string()));
        }
        Ok(())
    }

    /// `(?P<name>`, `(?flags)` and `(?flags:`.
    fn check_perl_group(&mut self) -> Result<()> {
        let named = ["(?P<", "(?<"]
            .iter()
            .find_map(|start| self.rest.strip_prefix(start));
        if let Some(tail) = named
            && !tail.starts_with(['=', '!'])
        {
            let Some((name, after)) = tail.split_once('>') else {
                return Err(RegexError::NamedCapture(self.rest.to_string()));
            };
            if name.is_empty() || !name.chars().all(crate::lexer::is_ident_char) {
                return Err(RegexError::NamedCapture(self.until(after)));
            }
            self.rest = after;
            return self.deepen();
        }
        let mut tail = &self.rest[2..];
        let (mut negated, mut flagged) = (false, false);
        while let Some(c) = tail.chars().next() {
            tail = &tail[c.len_utf8()..];
            match c {
                'i' | 'm' | 's' | 'U' => flagged = true,
                '-' if !negated => (negated, flagged) = (true, false),
                ':' | ')' if negated && !flagged => break,
                ':' => {
                    self.rest = tail;
                    return self.deepen();
                }
                ')' => {
                    self.rest = tail;
                    return Ok(());
                }
                _ => break,
            }
        }
        Err(RegexError::PerlSyntax(self.until(tail)))
    }

    fn check_escape_outside_class(&mut self) -> Result<()> {
        if let Some(quoted) = self.rest.strip_prefix("\\Q") {
            self.rest = quoted.split_once("\\E").map_or("", |(_, after)| after);
            return Ok(());
        }
        if self.rest[1..].starts_with(['A', 'b', 'B', 'C', 'z']) {
            self.skip(2);
            return Ok(());
        }
        if !self.skip_perl_class()? {
            self.read_escape()?;
        }
        Ok(())
    }

    /// `\d` and its like, and `\pL` or `\p{Greek}`.
    fn skip_perl_class(&mut self) -> Result<bool> {
        let tail = &self.rest[1..];
        if tail.starts_with(['d', 'D', 's', 'S', 'w', 'W']) {
            self.skip(2);
            return Ok(true);
        }
        if !tail.starts_with(['p', 'P']) {
            return Ok(false);
        }
        let mut name = tail[1..].chars();
        match name.next() {
            None => return Err(RegexError::Escape(self.rest.to_string())),
            Some('{') => {
                let Some((_, after)) = tail.split_once('}') else {
                    return Err(RegexError::ClassRange(self.rest.to_string()));
                };
                self.rest = after;
            }
            Some(_) => self.rest = name.as_str(),
        }
        Ok(true)
    }

    /// One escaped character.
    fn read_escape(&mut self) -> Result<char> {
        let before = self.rest;
        let mut chars = before[1..].chars();
        let Some(c) = chars.next() else {
            return Err(RegexError::TrailingBackslash);
        };
        let tail = chars.as_str();
        let invalid = |after: &str| RegexError::Escape(consumed(before, after));
        let (value, after) = match c {
            '1'..='7' if !tail.starts_with(|c: char| c.is_digit(8)) => return Err(invalid(tail)),
            '0'..='7' => {
                let digits = leading(tail, 2, 8);
                let value = format!("{c}{}", &tail[..digits]);
                (u32::from_str_radix(&value, 8).ok(), &tail[digits..])
            }
            'x' if tail.starts_with('{') => {
                let digits = leading(&tail[1..], 8, 16);
                let Some(after) = tail[1 + digits..].strip_prefix('}') else {
                    return Err(invalid(&tail[1 + digits..]));
                };
                let value = u32::from_str_radix(&tail[1..=digits], 16).ok();
                (value, after)
            }
            'x' => {
                let digits = leading(tail, 2, 16);
                if digits < 2 {
                    return Err(invalid(&tail[digits..]));
                }
                (u32::from_str_radix(&tail[..2], 16).ok(), &tail[2..])
            }
            'a' => (Some(7), tail),
            'f' => (Some(12), tail),
            'n' => (Some(10), tail),
            'r' => (Some(13), tail),
            't' => (Some(9), tail),
            'v' => (Some(11), tail),
            c if c.is_ascii() && !c.is_ascii_alphanumeric() => (Some(u32::from(c)), tail),
            _ => return Err(invalid(tail)),
        };
        self.rest = after;
        value.and_then(char::from_u32).ok_or_else(|| invalid(after))
    }

    fn check_class(&mut self) -> Result<()> {
        let start = self.rest;
        self.skip(1);
        if self.rest.starts_with('^') {
            self.skip(1);
        }
        let mut first = true;
        while first || !self.rest.starts_with(']') {
            first = false;
            if self.rest.is_empty() {
                return Err(RegexError::MissingBracket(start.to_string()));
            }
            self.check_class_item(start)?;
        }
        self.skip(1);
        Ok(())
    }

    fn check_class_item(&mut self, start: &str) -> Result<()> {
        if self.rest.starts_with("[:")
            && let Some((name, after)) = self.rest[2..].split_once(":]")
        {
            if !POSIX_CLASSES.contains(&name.strip_prefix('^').unwrap_or(name)) {
                return Err(RegexError::ClassRange(self.until(after)));
            }
            self.rest = after;
            return Ok(());
        }
        if self.rest.starts_with('\\') && self.skip_perl_class()? {
            return Ok(());
        }
        let range = self.rest;
        let low = self.read_class_char(start)?;
        if !self.rest.starts_with('-') || self.rest.starts_with("-]") || self.rest.len() < 2 {
            return Ok(());
        }
        self.skip(1);
        let high = self.read_class_char(start)?;
        if high < low {
            return Err(RegexError::ClassRange(consumed(range, self.rest)));
        }
        Ok(())
    }

    fn read_class_char(&mut self, start: &str) -> Result<char> {
        match self.rest.chars().next() {
            None => Err(RegexError::MissingBracket(start.to_string())),
            Some('\\') => self.read_escape(),
            Some(c) => {
                self.skip(c.len_utf8());
                Ok(c)
            }
        }
    }
}

const POSIX_CLASSES: &[&str] = &[
    "alnum", "alpha", "ascii", "blank", "cntrl", "digit", "graph", "lower", "print", "punct",
    "space", "upper", "word", "xdigit",
];

/// What was read between `before` and its tail `after`.
fn consumed(before: &str, after: &str) -> String {
    let read = before.len().saturating_sub(after.len());
    before.get(..read).unwrap_or(before).to_string()
}

fn leading(text: &str, limit: usize, radix: u32) -> usize {
    text.chars()
        .take(limit)
        .take_while(|c| c.is_digit(radix))
        .count()
}

/// Reads `n}`, `n,}` or `n,m}`: what follows, and whether the counts are in
/// bounds. `None` if it is no repetition but plain text.
fn repeat_count(text: &str) -> Option<(&str, bool)> {
    let (inside, after) = text.split_once('}')?;
    let (low, high) = inside
        .split_once(',')
        .map_or((inside, None), |(low, high)| (low, Some(high)));
    let low = count(low)?;
    let high = match high {
        None => low,
        Some("") => REPEAT_MAX.max(low),
        Some(high) => count(high)?,
    };
    Some((
        after,
        low <= REPEAT_MAX && high <= REPEAT_MAX && low <= high,
    ))
}

fn count(digits: &str) -> Option<u32> {
    if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    if digits.len() > 1 && digits.starts_with('0') {
        return None;
    }
    Some(digits.parse().unwrap_or(u32::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn good_ones_pass() {
        for pattern in [
            "",
            "^a.*b$",
            "[a-z]+?",
            "(a|b){2,3}",
            "[]a]",
            "[^]-]",
            "a{,2}",
            "{",
            "[[:alpha:]-z]",
            r"\d\.\pL\p{Greek}\x41\x{10FFFF}\Q(*\E",
            "(?i)x",
            "a(?i)*",
            "(?P<n>x)",
            "(?i-s:x)",
            r"\101",
            "é+",
            r"[\d-x]",
            "a**?".strip_suffix("*?").unwrap_or("a"),
        ] {
            assert_eq!(check_regex(pattern), Ok(()), "{pattern}");
        }
    }

    #[test]
    fn bad_ones_are_named() {
        for (pattern, message) in [
            ("[a", "missing closing ]: `[a`"),
            ("x[", "missing closing ]: `[`"),
            ("(a", "missing closing ): `(a`"),
            ("a)", "unexpected ): `a)`"),
            ("*", "missing argument to repetition operator: `*`"),
            ("a|+?", "missing argument to repetition operator: `+?`"),
            ("a**", "invalid nested repetition operator: `**`"),
            ("a{2}{3}", "invalid nested repetition operator: `{2}{3}`"),
            ("a{1001}", "invalid repeat count: `{1001}`"),
            (r"\q", r"invalid escape sequence: `\q`"),
            (r"\1", r"invalid escape sequence: `\1`"),
            ("a\\", "trailing backslash at end of expression: ``"),
            ("(?=a)", "invalid or unsupported Perl syntax: `(?=`"),
            ("(?<!a)", "invalid or unsupported Perl syntax: `(?<`"),
            ("[z-a]", "invalid character class range: `z-a`"),
            ("[[:foo:]]", "invalid character class range: `[:foo:]`"),
        ] {
            let text = check_regex(pattern).map_err(|e| e.to_string());
            assert_eq!(
                text,
                Err(format!("error parsing regexp: {message}")),
                "{pattern}"
            );
        }
    }
}
