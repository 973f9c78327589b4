//! Splits InfluxQL text into tokens.
//!
//! Positions are counted as InfluxDB counts them, oddities included: a string
//! is reported one character early, and the end of the text moves one to the
//! right once it has been looked at. Error messages are compared by clients and
//! tests, so the scanner keeps a cursor that can be stepped back instead of
//! working on slices.

use std::fmt;

use crate::ast::BinaryOp;
use crate::token::Token;

/// A place in the text, counted from 0; printed from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Position {
    pub line: usize,
    pub char: usize,
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}, char {}", self.line + 1, self.char + 1)
    }
}

/// A token with its place and content.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Lexeme {
    pub(crate) token: Token,
    pub(crate) position: Position,
    /// Unescaped content of strings, identifiers, numbers and regexes.
    pub(crate) text: String,
}

impl Default for Lexeme {
    fn default() -> Self {
        Lexeme::new(Token::Illegal, Position::default(), "")
    }
}

impl Lexeme {
    fn new(token: Token, position: Position, text: impl Into<String>) -> Self {
        Lexeme {
            token,
            position,
            text: text.into(),
        }
    }

    /// How a message shows the token: its content, else its name.
    pub(crate) fn found(&self) -> &str {
        if self.text.is_empty() {
            self.token.name()
        } else {
            &self.text
        }
    }
}

/// Why a quoted text could not be read.
enum Unquoted {
    Text(String),
    Bad(String),
    BadEscape(String),
}

#[derive(Debug)]
pub(crate) struct Lexer {
    chars: Vec<char>,
    line_starts: Vec<usize>,
    next: usize,
}

impl Lexer {
    pub(crate) fn new(text: &str) -> Self {
        let mut chars = Vec::with_capacity(text.len());
        let mut line_starts = vec![0];
        let mut rest = text.chars().peekable();
        while let Some(mut c) = rest.next() {
            if c == '\r' {
                rest.next_if_eq(&'\n');
                c = '\n';
            }
            chars.push(c);
            if c == '\n' {
                line_starts.push(chars.len());
            }
        }
        Lexer {
            chars,
            line_starts,
            next: 0,
        }
    }

    /// The next token, whitespace and comments included.
    pub(crate) fn scan(&mut self) -> Lexeme {
        let position = self.position(self.next);
        let Some(c) = self.read() else {
            return Lexeme::new(Token::Eof, position, "");
        };
        match c {
            _ if is_whitespace(c) => self.scan_whitespace(position, c),
            _ if is_ident_first_char(c) => {
                self.unread();
                self.scan_ident(true)
            }
            '0'..='9' => self.scan_number(),
            '"' => {
                self.unread();
                self.scan_ident(true)
            }
            '\'' => self.scan_string(),
            '.' if self.peek_char().is_some_and(|c| c.is_ascii_digit()) => self.scan_number(),
            '$' => self.scan_parameter(position),
            _ => match self.scan_symbol(c) {
                Some(token) => Lexeme::new(token, position, ""),
                None => Lexeme::new(Token::Illegal, position, c),
            },
        }
    }

    /// Reads a `/…/` literal; the cursor stands before the slash.
    pub(crate) fn scan_regex(&mut self) -> Lexeme {
        let position = self.current();
        match self.read_regex() {
            Some(text) => Lexeme::new(Token::Regex, position, text),
            None => Lexeme::new(Token::BadRegex, position, ""),
        }
    }

    /// The next character without taking it. The end, once seen, counts as
    /// taken: that is what moves the reported place of the end by one.
    pub(crate) fn peek(&mut self) -> Option<char> {
        let c = self.read();
        if c.is_some() {
            self.unread();
        }
        c
    }

    /// Whether `/*` comes next.
    pub(crate) fn at_block_comment(&self) -> bool {
        self.chars[self.next.min(self.chars.len())..].starts_with(&['/', '*'])
    }

    fn peek_char(&self) -> Option<char> {
        self.chars.get(self.next).copied()
    }

    fn read(&mut self) -> Option<char> {
        let c = self.chars.get(self.next).copied();
        self.next += 1;
        c
    }

    fn unread(&mut self) {
        self.next = self.next.saturating_sub(1);
    }

    fn read_if(&mut self, wanted: char) -> bool {
        let matches = self.peek_char() == Some(wanted);
        if matches {
            self.next += 1;
        }
        matches
    }

    /// Place of the character read last.
    fn current(&self) -> Position {
        self.next
            .checked_sub(1)
            .map_or_else(Position::default, |index| self.position(index))
    }

    fn position(&self, index: usize) -> Position {
        let in_text = index.min(self.chars.len());
        let line = self.line_starts.partition_point(|start| *start <= in_text) - 1;
        let past_end = usize::from(index > self.chars.len());
        Position {
            line,
            char: in_text - self.line_starts[line] + past_end,
        }
    }

    fn scan_whitespace(&mut self, position: Position, first: char) -> Lexeme {
        let mut text = String::from(first);
        while let Some(c) = self.read() {
            if !is_whitespace(c) {
                self.unread();
                break;
            }
            text.push(c);
        }
        Lexeme::new(Token::Whitespace, position, text)
    }

    fn scan_symbol(&mut self, c: char) -> Option<Token> {
        Some(match c {
            '.' => Token::Dot,
            '(' => Token::LeftParen,
            ')' => Token::RightParen,
            ',' => Token::Comma,
            ';' => Token::Semicolon,
            ':' if self.read_if(':') => Token::DoubleColon,
            ':' => Token::Colon,
            '-' if self.read_if('-') => {
                self.skip_line();
                Token::Comment
            }
            '/' if self.read_if('*') => {
                if self.skip_block_comment() {
                    Token::Comment
                } else {
                    Token::Illegal
                }
            }
            _ => Token::Operator(self.scan_operator(c)?),
        })
    }

    fn scan_operator(&mut self, c: char) -> Option<BinaryOp> {
        Some(match c {
            '+' => BinaryOp::Add,
            '-' => BinaryOp::Sub,
            '*' => BinaryOp::Mul,
            '/' => BinaryOp::Div,
            '%' => BinaryOp::Mod,
            '&' => BinaryOp::BitAnd,
            '|' => BinaryOp::BitOr,
            '^' => BinaryOp::BitXor,
            '=' if self.read_if('~') => BinaryOp::EqRegex,
            '=' => BinaryOp::Eq,
            '!' if self.read_if('=') => BinaryOp::NotEq,
            '!' if self.read_if('~') => BinaryOp::NotEqRegex,
            '>' if self.read_if('=') => BinaryOp::GtEq,
            '>' => BinaryOp::Gt,
            '<' if self.read_if('=') => BinaryOp::LtEq,
            '<' if self.read_if('>') => BinaryOp::NotEq,
            '<' => BinaryOp::Lt,
            _ => return None,
        })
    }

    fn skip_line(&mut self) {
        while self.read().is_some_and(|c| c != '\n') {}
    }

    /// Whether the comment has an end.
    fn skip_block_comment(&mut self) -> bool {
        let mut after_star = false;
        while let Some(c) = self.read() {
            if after_star && c == '/' {
                return true;
            }
            after_star = c == '*';
        }
        false
    }

    fn scan_parameter(&mut self, position: Position) -> Lexeme {
        let name = self.scan_ident(false);
        let token = match name.token {
            Token::Ident => Token::BoundParameter,
            bad => bad,
        };
        Lexeme::new(token, position, format!("${}", name.text))
    }

    /// A word or a double-quoted identifier. A word running into a quote is
    /// dropped in favour of the quoted text, as in InfluxDB.
    fn scan_ident(&mut self, reserved: bool) -> Lexeme {
        let position = self.position(self.next);
        let mut text = String::new();
        loop {
            match self.read() {
                None => break,
                Some('"') => {
                    let quoted = self.scan_string();
                    if quoted.token != Token::String {
                        return quoted;
                    }
                    return Lexeme::new(Token::Ident, position, quoted.text);
                }
                Some(c) if is_ident_char(c) => {
                    self.unread();
                    self.read_bare_ident(&mut text);
                }
                Some(_) => {
                    self.unread();
                    break;
                }
            }
        }
        if reserved {
            let token = Token::of_word(&text);
            if token != Token::Ident {
                return Lexeme::new(token, position, "");
            }
        }
        Lexeme::new(Token::Ident, position, text)
    }

    fn read_bare_ident(&mut self, text: &mut String) {
        while let Some(c) = self.read() {
            if !is_ident_char(c) {
                self.unread();
                break;
            }
            text.push(c);
        }
    }

    /// A quoted text whose opening quote has just been read.
    fn scan_string(&mut self) -> Lexeme {
        self.unread();
        let position = self.current();
        match self.read_quoted() {
            Unquoted::Text(text) => Lexeme::new(Token::String, position, text),
            Unquoted::Bad(text) => Lexeme::new(Token::BadString, position, text),
            Unquoted::BadEscape(text) => Lexeme::new(Token::BadEscape, self.current(), text),
        }
    }

    fn read_quoted(&mut self) -> Unquoted {
        let ending = self.read();
        let mut text = String::new();
        loop {
            let c = match self.read() {
                None | Some('\n' | '\0') => return Unquoted::Bad(text),
                c if c == ending => return Unquoted::Text(text),
                Some(c) => c,
            };
            if c != '\\' {
                text.push(c);
                continue;
            }
            match self.read() {
                Some('n') => text.push('\n'),
                Some(escaped @ ('\\' | '"' | '\'')) => text.push(escaped),
                other => return Unquoted::BadEscape(format!("\\{}", other.unwrap_or('\0'))),
            }
        }
    }

    fn read_regex(&mut self) -> Option<String> {
        if self.read() != Some('/') {
            return None;
        }
        let mut text = String::new();
        loop {
            match self.read()? {
                '/' => return Some(text),
                '\n' | '\0' => return None,
                '\\' => match self.read()? {
                    '/' => text.push('/'),
                    _ => {
                        self.unread();
                        text.push('\\');
                    }
                },
                c => text.push(c),
            }
        }
    }

    /// A number, integer or duration whose first character has just been read.
    fn scan_number(&mut self) -> Lexeme {
        self.unread();
        let position = self.position(self.next);
        let mut text = String::new();
        self.read_digits(&mut text);
        if self.read_if('.') {
            if self.peek_char().is_some_and(|c| c.is_ascii_digit()) {
                text.push('.');
                self.read_digits(&mut text);
            }
            return Lexeme::new(Token::Number, position, text);
        }
        if !self.peek_char().is_some_and(is_unit_char) {
            return Lexeme::new(Token::Integer, position, text);
        }
        while let Some(c) = self
            .peek_char()
            .filter(|c| is_unit_char(*c) || c.is_ascii_digit())
        {
            text.push(c);
            self.next += 1;
        }
        Lexeme::new(Token::Duration, position, text)
    }

    fn read_digits(&mut self, text: &mut String) {
        while let Some(c) = self.peek_char().filter(char::is_ascii_digit) {
            text.push(c);
            self.next += 1;
        }
    }
}

fn is_whitespace(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\n')
}

fn is_unit_char(c: char) -> bool {
    c.is_ascii_alphabetic() || c == 'µ'
}

pub(crate) fn is_ident_first_char(c: char) -> bool {
    c.is_ascii_alphabetic() || c == '_'
}

pub(crate) fn is_ident_char(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_'
}
