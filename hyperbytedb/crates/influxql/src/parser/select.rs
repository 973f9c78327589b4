//! `SELECT` and `EXPLAIN`.

use super::{ParseError, Parser, Result, source};
use crate::ast::{
    Expr, Field, Fill, FillNumber, Measurement, MeasurementName, SelectStatement, Statement,
};
use crate::depth::deeper;
use crate::time_literal::find_zone;
use crate::token::{Keyword, Token};

/// Whether `INTO` must be there.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Target {
    Required,
    Optional,
}

impl Parser<'_> {
    /// `[ANALYZE] [VERBOSE] SELECT …`.
    pub(super) fn parse_explain(&mut self) -> Result<Statement> {
        let analyze = self.accept(Keyword::Analyze);
        self.accept_unreserved("VERBOSE");
        self.require(Keyword::Select)?;
        let select = self.parse_select(Target::Optional)?;
        Ok(Statement::Explain {
            select: Box::new(select),
            analyze,
        })
    }

    /// What follows the word `SELECT`.
    pub(super) fn parse_select(&mut self, target: Target) -> Result<SelectStatement> {
        let fields = self.parse_fields()?;
        let target = self.parse_target(target)?;
        self.require(Keyword::From)?;
        Ok(SelectStatement {
            fields,
            target,
            sources: self.parse_sources(true)?,
            condition: self.parse_optional_condition()?,
            dimensions: self.parse_dimensions()?,
            fill: self.parse_fill()?,
            sort: self.parse_order_by()?,
            limit: self.parse_optional_count(Keyword::Limit)?,
            offset: self.parse_optional_count(Keyword::Offset)?,
            slimit: self.parse_optional_count(Keyword::Slimit)?,
            soffset: self.parse_optional_count(Keyword::Soffset)?,
            timezone: self.parse_timezone()?,
        })
    }

    fn parse_fields(&mut self) -> Result<Vec<Field>> {
        let mut fields = Vec::new();
        loop {
            let expr = self.parse_field_expr()?;
            let alias = if self.accept(Keyword::As) {
                super::non_empty(self.parse_ident()?)
            } else {
                None
            };
            fields.push(Field { expr, alias });
            self.skip_whitespace();
            if self.next().token != Token::Comma {
                self.put_back();
                return Ok(fields);
            }
        }
    }

    fn parse_field_expr(&mut self) -> Result<Expr> {
        if let Some(regex) = self.parse_regex()? {
            return Ok(Expr::Regex(regex));
        }
        let position = self.next_significant().position;
        self.put_back();
        let expr = self.parse_expr()?;
        match last_condition(&expr) {
            Some(operator) => Err(ParseError::ConditionInSelect { operator, position }),
            None => Ok(expr),
        }
    }

    /// `INTO [[database.]retention_policy.](name|:MEASUREMENT)`.
    fn parse_target(&mut self, target: Target) -> Result<Option<Measurement>> {
        let lexeme = self.next_significant();
        if lexeme.token != Token::Word(Keyword::Into) {
            if target == Target::Required {
                return Err(ParseError::unexpected(&lexeme, &["INTO"]));
            }
            self.put_back();
            return Ok(None);
        }
        let segments = self.parse_segments()?;
        if segments.len() < 3 && self.lexer.peek() == Some(':') {
            self.require_token(Token::Colon)?;
            self.require(Keyword::Measurement)?;
            let name = MeasurementName::BackReference;
            return Ok(Some(source::qualified(&segments, name)));
        }
        let mut measurement = source::named_measurement(&segments);
        // An empty name stands for the source's, as in InfluxDB.
        if measurement.name == MeasurementName::Name(String::new()) {
            measurement.name = MeasurementName::BackReference;
        }
        Ok(Some(measurement))
    }

    /// Whether a call of the given function comes next.
    fn at_call(&mut self, name: &str) -> bool {
        let found = self.accept_unreserved(name);
        if found {
            self.put_back();
        }
        found
    }

    fn parse_fill(&mut self) -> Result<Fill> {
        if !self.at_call("fill") {
            return Ok(Fill::Null);
        }
        let expr = self.parse_expr()?;
        let Expr::Call { args, .. } = &expr else {
            return Err(ParseError::unplaced("fill must be a function call"));
        };
        let [option] = args.as_slice() else {
            let message = "fill requires an argument, e.g.: 0, null, none, previous, linear";
            return Err(ParseError::unplaced(message));
        };
        match option {
            Expr::Integer(value) => return Ok(Fill::Number(FillNumber::Integer(*value))),
            Expr::Number(value) => return Ok(Fill::Number(FillNumber::Float(*value))),
            Expr::VarRef { name, cast: None } => match name.as_str() {
                "null" => return Ok(Fill::Null),
                "none" => return Ok(Fill::None),
                "previous" => return Ok(Fill::Previous),
                "linear" => return Ok(Fill::Linear),
                _ => {}
            },
            _ => {}
        }
        Err(ParseError::unplaced("expected number argument in fill()"))
    }

    fn parse_timezone(&mut self) -> Result<Option<String>> {
        if !self.at_call("tz") {
            return Ok(None);
        }
        let expr = self.parse_expr()?;
        let Expr::Call { args, .. } = &expr else {
            return Err(ParseError::unplaced("tz must be a function call"));
        };
        let [zone] = args.as_slice() else {
            return Err(ParseError::unplaced("tz requires exactly one argument"));
        };
        let Expr::String(name) = zone else {
            return Err(ParseError::unplaced("expected string argument in tz()"));
        };
        match find_zone(name) {
            Some(zone) => Ok(Some(zone.name().to_string())),
            None => Err(ParseError::unplaced(format!(
                "unable to find time zone {name}"
            ))),
        }
    }
}

/// The operator InfluxDB complains about: of several conditions side by side
/// the last, of nested ones the outermost.
fn last_condition(expr: &Expr) -> Option<&'static str> {
    match expr {
        Expr::Binary { op, .. } if op.is_condition() => Some(op.symbol()),
        Expr::Binary { lhs, rhs, .. } => {
            deeper(|| last_condition(rhs).or_else(|| last_condition(lhs)))
        }
        Expr::Call { args, .. } => deeper(|| args.iter().rev().find_map(last_condition)),
        Expr::Paren(inner) => deeper(|| last_condition(inner)),
        _ => None,
    }
}
