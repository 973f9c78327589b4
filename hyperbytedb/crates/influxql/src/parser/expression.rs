//! Expressions: operators, calls, references and literals.

use super::{ParseError, Parser, Result, source};
use crate::ast::{BinaryOp, DataType, Expr, WildcardKind};
use crate::chain::{DEPTH_MAX, Sized, balance};
use crate::duration::parse_duration;
use crate::lexer::Lexeme;
use crate::regex::check_regex;
use crate::token::{Keyword, Token};

impl Parser<'_> {
    pub(super) fn parse_expr(&mut self) -> Result<Expr> {
        self.parse_sized_expr().map(|sized| sized.expr)
    }

    /// One chain of operands and operators. `AND` and `OR` are gathered and
    /// balanced at the end, the others are folded from the left as they come.
    fn parse_sized_expr(&mut self) -> Result<Sized> {
        let mut chain = Chain::default();
        let mut operand = self.parse_operand()?;
        loop {
            let lexeme = self.next_significant();
            let Token::Operator(op) = lexeme.token else {
                self.put_back();
                return chain.finish(operand).checked(&lexeme);
            };
            chain.push(operand, op);
            chain.depth_so_far().checked(&lexeme)?;
            operand = if op.takes_regex() {
                Sized::leaf(Expr::Regex(self.require_regex()?))
            } else {
                guard_product(self.parse_operand()?, op)
            };
        }
    }

    pub(super) fn require_regex(&mut self) -> Result<String> {
        match self.parse_regex()? {
            Some(regex) => Ok(regex),
            None => {
                let lexeme = self.next_significant();
                Err(ParseError::unexpected(&lexeme, &["regex"]))
            }
        }
    }

    fn parse_operand(&mut self) -> Result<Sized> {
        let lexeme = self.next_significant();
        match lexeme.token {
            Token::LeftParen => {
                let inner = self.nested(DEPTH_MAX, Self::parse_sized_expr)?;
                self.require_token(Token::RightParen)?;
                Ok(inner.within(|expr| Expr::Paren(Box::new(expr))))
            }
            Token::Ident => {
                if self.next().token == Token::LeftParen {
                    return self.nested(DEPTH_MAX, |parser| parser.parse_call(&lexeme.text));
                }
                self.put_back();
                self.put_back();
                self.parse_reference().map(Sized::leaf)
            }
            Token::Word(Keyword::Distinct) => self.parse_distinct(),
            Token::Operator(BinaryOp::Mul) => self.parse_wildcard().map(Sized::leaf),
            Token::Operator(BinaryOp::Add) => self.parse_signed(1),
            Token::Operator(BinaryOp::Sub) => self.parse_signed(-1),
            Token::BoundParameter => Err(unbound(&lexeme)),
            _ => literal(lexeme).map(Sized::leaf),
        }
    }

    /// What follows a sign: literals take it over, all else is multiplied by -1.
    fn parse_signed(&mut self, sign: i64) -> Result<Sized> {
        let lexeme = self.next_significant();
        if !matches!(
            lexeme.token,
            Token::Number | Token::Integer | Token::Duration | Token::LeftParen | Token::Ident
        ) {
            let expected = ["identifier", "number", "duration", "("];
            return Err(ParseError::unexpected(&lexeme, &expected));
        }
        self.put_back();
        let operand = self.parse_operand()?;
        Ok(match &operand.expr {
            Expr::Number(value) => Sized::leaf(Expr::Number(value * sign as f64)),
            Expr::Integer(value) => Sized::leaf(Expr::Integer(value.wrapping_mul(sign))),
            Expr::Duration(value) => Sized::leaf(Expr::Duration(value.wrapping_mul(sign))),
            Expr::Unsigned(value) if sign < 0 => Sized::leaf(negated(*value)?),
            Expr::Unsigned(_) => operand,
            _ => Sized::leaf(Expr::Integer(sign)).joined(BinaryOp::Mul, operand),
        })
    }

    fn parse_distinct(&mut self) -> Result<Sized> {
        let lexeme = self.next();
        match lexeme.token {
            Token::LeftParen => self.nested(DEPTH_MAX, |parser| parser.parse_call("distinct")),
            Token::Whitespace => self
                .parse_ident()
                .map(|name| Sized::leaf(Expr::Distinct(name))),
            _ => Err(ParseError::unexpected(&lexeme, &["(", "identifier"])),
        }
    }

    fn parse_wildcard(&mut self) -> Result<Expr> {
        if self.next().token != Token::DoubleColon {
            self.put_back();
            return Ok(Expr::Wildcard(WildcardKind::Any));
        }
        let lexeme = self.next();
        match lexeme.token {
            Token::Word(Keyword::Field) => Ok(Expr::Wildcard(WildcardKind::Field)),
            Token::Word(Keyword::Tag) => Ok(Expr::Wildcard(WildcardKind::Tag)),
            _ => Err(ParseError::unexpected(&lexeme, &["field", "tag"])),
        }
    }

    /// `name`, `a.b.name`, `name::type`.
    fn parse_reference(&mut self) -> Result<Expr> {
        let name = self.parse_segments()?.join(".");
        if self.next().token != Token::DoubleColon {
            self.put_back();
            return Ok(Expr::VarRef { name, cast: None });
        }
        let lexeme = self.next();
        let cast = match lexeme.token {
            Token::Word(Keyword::Field) => DataType::AnyField,
            Token::Word(Keyword::Tag) => DataType::Tag,
            Token::Ident => match lexeme.text.to_ascii_lowercase().as_str() {
                "float" => DataType::Float,
                "integer" => DataType::Integer,
                "unsigned" => DataType::Unsigned,
                "string" => DataType::String,
                "boolean" => DataType::Boolean,
                _ => {
                    let expected = [
                        "float", "integer", "unsigned", "string", "boolean", "field", "tag",
                    ];
                    return Err(ParseError::unexpected(&lexeme, &expected));
                }
            },
            _ => {
                let expected = ["float", "integer", "string", "boolean", "field", "tag"];
                return Err(ParseError::unexpected(&lexeme, &expected));
            }
        };
        Ok(Expr::VarRef {
            name,
            cast: Some(cast),
        })
    }

    /// The arguments of a call whose opening parenthesis has been taken.
    fn parse_call(&mut self, name: &str) -> Result<Sized> {
        let mut args = Vec::new();
        let mut depth = 0;
        loop {
            if let Some(regex) = self.parse_regex()? {
                args.push(Expr::Regex(regex));
            } else {
                if args.is_empty() {
                    if self.next().token == Token::RightParen {
                        break;
                    }
                    self.put_back();
                }
                let arg = self.parse_sized_expr()?;
                depth = depth.max(arg.depth);
                args.push(arg.expr);
            }
            if self.accept_token(Token::Comma) {
                continue;
            }
            let lexeme = self.next();
            if lexeme.token != Token::RightParen {
                return Err(ParseError::unexpected(&lexeme, &[")"]));
            }
            break;
        }
        let name = name.to_lowercase();
        Ok(Sized {
            expr: Expr::Call { name, args },
            depth: depth + 1,
        })
    }

    /// A regular expression, if one comes next.
    pub(super) fn parse_regex(&mut self) -> Result<Option<String>> {
        if self.lexer.peek().is_some_and(source::is_whitespace) {
            self.skip_whitespace();
        }
        match self.lexer.peek() {
            Some('$') => {
                // A parameter may stand for a regular expression.
                let token = self.next().token;
                self.put_back();
                if token != Token::Regex {
                    return Ok(None);
                }
            }
            // InfluxDB would try to read a comment as a regular expression here.
            Some('/') if !self.lexer.at_block_comment() => {}
            _ => return Ok(None),
        }
        let lexeme = self.next_regex();
        match lexeme.token {
            Token::Regex => checked_regex(lexeme).map(Some),
            Token::BadEscape => Err(ParseError::at(
                lexeme.position,
                format!("bad escape: {}", lexeme.text),
            )),
            Token::BadRegex => Err(ParseError::at(
                lexeme.position,
                format!("bad regex: {}", lexeme.text),
            )),
            _ => Err(ParseError::unexpected(&lexeme, &["regex"])),
        }
    }
}

/// Operands and operators read so far, each level waiting for the next one.
#[derive(Default)]
struct Chain {
    /// Operands of comparisons and arithmetic, precedence rising.
    tight: Vec<(Sized, BinaryOp)>,
    conjuncts: Vec<Sized>,
    disjuncts: Vec<Sized>,
}

impl Chain {
    fn push(&mut self, operand: Sized, op: BinaryOp) {
        let folded = self.fold(operand, op.precedence());
        match op {
            BinaryOp::And => self.conjuncts.push(folded),
            BinaryOp::Or => {
                let conjunction = self.take_conjunction(folded);
                self.disjuncts.push(conjunction);
            }
            _ => self.tight.push((folded, op)),
        }
    }

    fn finish(mut self, operand: Sized) -> Sized {
        let folded = self.fold(operand, 0);
        let conjunction = self.take_conjunction(folded);
        let mut disjuncts = self.disjuncts;
        disjuncts.push(conjunction);
        balance(BinaryOp::Or, disjuncts)
    }

    /// Joins the operands left of `operand` that bind at least as tightly.
    fn fold(&mut self, mut operand: Sized, precedence: u8) -> Sized {
        while let Some((left, op)) = self.tight.pop_if(|(_, op)| op.precedence() >= precedence) {
            operand = left.joined(op, operand);
        }
        operand
    }

    fn take_conjunction(&mut self, last: Sized) -> Sized {
        let mut conjuncts = std::mem::take(&mut self.conjuncts);
        conjuncts.push(last);
        balance(BinaryOp::And, conjuncts)
    }

    /// The operand that grows with the chain, to refuse it before it is too deep.
    fn depth_so_far(&self) -> Depth {
        Depth(self.tight.last().map_or(0, |(operand, _)| operand.depth))
    }
}

struct Depth(usize);

impl Depth {
    fn checked(self, lexeme: &Lexeme) -> Result<()> {
        if self.0 <= DEPTH_MAX {
            return Ok(());
        }
        let message = format!("expression is more than {DEPTH_MAX} operators deep");
        Err(ParseError::at(lexeme.position, message))
    }
}

impl Sized {
    fn checked(self, lexeme: &Lexeme) -> Result<Sized> {
        Depth(self.depth).checked(lexeme)?;
        Ok(self)
    }
}

/// `a / -b` reads `a / (-1 * b)`: without the parentheses the printed text would
/// mean something else.
fn guard_product(operand: Sized, op: BinaryOp) -> Sized {
    if op.precedence() == BinaryOp::Mul.precedence() && matches!(operand.expr, Expr::Binary { .. })
    {
        operand.within(|expr| Expr::Paren(Box::new(expr)))
    } else {
        operand
    }
}

/// A parameter reaches the parser only if nothing could be put in its place.
fn unbound(lexeme: &Lexeme) -> ParseError {
    let name = lexeme.text.strip_prefix('$').unwrap_or(&lexeme.text);
    ParseError::unplaced(if name.is_empty() {
        "empty bound parameter".to_string()
    } else {
        format!("missing parameter: {name}")
    })
}

fn negated(value: u64) -> Result<Expr> {
    if value == i64::MIN.unsigned_abs() {
        return Ok(Expr::Integer(i64::MIN));
    }
    let message = format!("constant -{value} underflows int64");
    Err(ParseError::unplaced(message))
}

fn literal(lexeme: Lexeme) -> Result<Expr> {
    let position = lexeme.position;
    Ok(match lexeme.token {
        Token::String => Expr::String(lexeme.text),
        Token::True => Expr::Boolean(true),
        Token::False => Expr::Boolean(false),
        Token::Regex => Expr::Regex(checked_regex(lexeme)?),
        Token::Number => match lexeme.text.parse::<f64>() {
            Ok(value) if value.is_finite() => Expr::Number(value),
            _ => return Err(ParseError::at(position, "unable to parse number")),
        },
        Token::Integer => match (lexeme.text.parse(), lexeme.text.parse()) {
            (Ok(value), _) => Expr::Integer(value),
            (_, Ok(value)) => Expr::Unsigned(value),
            _ => return Err(ParseError::at(position, "unable to parse integer")),
        },
        Token::Duration => Expr::Duration(
            parse_duration(&lexeme.text).map_err(|e| ParseError::unplaced(e.to_string()))?,
        ),
        _ => {
            let expected = ["identifier", "string", "number", "bool"];
            return Err(ParseError::unexpected(&lexeme, &expected));
        }
    })
}

fn checked_regex(lexeme: Lexeme) -> Result<String> {
    match check_regex(&lexeme.text) {
        Ok(()) => Ok(lexeme.text),
        Err(error) => Err(ParseError::at(lexeme.position, error.to_string())),
    }
}
