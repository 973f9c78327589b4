//! Prints statements as InfluxDB does, so that what is shown of a statement, or
//! stored of a continuous query, reads the same there and here.
//!
//! What is printed can be parsed again and gives the same tree; passwords are
//! the exception, they are never printed. Where InfluxDB's own text would lose
//! something on the way (a name that needs quotes, digits of a number), this
//! printer says more.

mod expression;
mod show;
mod statement;

#[cfg(test)]
mod strategy;
#[cfg(test)]
mod strategy_statement;
#[cfg(test)]
mod tests;

use std::fmt;

use crate::ast::{
    Expr, Field, Fill, FillNumber, Measurement, MeasurementName, Query, SelectStatement, SortField,
    Source, Statement,
};
use crate::duration::format_duration;
use crate::quote::{quote_ident, quote_string};

pub(crate) const REDACTED: &str = "[REDACTED]";

/// Writes a tree to a formatter; with `mask`, every literal becomes `?`.
pub(crate) struct Printer<'a, 'b> {
    pub(crate) out: &'a mut fmt::Formatter<'b>,
    pub(crate) mask: bool,
}

macro_rules! display {
    ($($type:ty => $method:ident),* $(,)?) => {
        $(impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                Printer { out: f, mask: false }.$method(self)
            }
        })*
    };
}

display! {
    Query => query,
    Statement => statement,
    SelectStatement => select,
    Field => field,
    Source => source,
    Measurement => measurement,
    SortField => sort_field,
    Expr => expr,
}

impl Printer<'_, '_> {
    fn query(&mut self, query: &Query) -> fmt::Result {
        self.list(&query.statements, ";\n", Self::statement)
    }

    fn text(&mut self, text: &str) -> fmt::Result {
        self.out.write_str(text)
    }

    fn ident(&mut self, name: &str) -> fmt::Result {
        self.text(&quote_ident(name))
    }

    /// A keyword phrase and a name.
    fn named(&mut self, phrase: &str, name: &str) -> fmt::Result {
        self.text(phrase)?;
        self.ident(name)
    }

    fn optional_name(&mut self, phrase: &str, name: Option<&str>) -> fmt::Result {
        name.map_or(Ok(()), |name| self.named(phrase, name))
    }

    /// A literal, or `?` in its place.
    fn literal(&mut self, text: &str) -> fmt::Result {
        self.text(if self.mask { "?" } else { text })
    }

    fn string(&mut self, text: &str) -> fmt::Result {
        self.literal(&quote_string(text))
    }

    fn duration(&mut self, nanoseconds: i64) -> fmt::Result {
        self.literal(&format_duration(nanoseconds))
    }

    fn regex(&mut self, regex: &str) -> fmt::Result {
        self.literal(&format!("/{}/", regex.replace('/', "\\/")))
    }

    fn list<T>(
        &mut self,
        items: &[T],
        separator: &str,
        mut print: impl FnMut(&mut Self, &T) -> fmt::Result,
    ) -> fmt::Result {
        for (index, item) in items.iter().enumerate() {
            if index > 0 {
                self.text(separator)?;
            }
            print(self, item)?;
        }
        Ok(())
    }

    /// A clause, printed only if its list is not empty.
    fn clause<T>(
        &mut self,
        phrase: &str,
        items: &[T],
        print: impl FnMut(&mut Self, &T) -> fmt::Result,
    ) -> fmt::Result {
        if items.is_empty() {
            return Ok(());
        }
        self.text(phrase)?;
        self.list(items, ", ", print)
    }

    fn condition(&mut self, condition: Option<&Expr>) -> fmt::Result {
        self.clause(" WHERE ", condition.as_slice(), |printer, expr| {
            printer.expr(expr)
        })
    }

    /// ` LIMIT n` and its like; 0 is absent.
    fn count(&mut self, phrase: &str, count: u64) -> fmt::Result {
        if count == 0 {
            return Ok(());
        }
        self.text(phrase)?;
        self.literal(&count.to_string())
    }

    pub(crate) fn select(&mut self, select: &SelectStatement) -> fmt::Result {
        self.text("SELECT ")?;
        self.list(&select.fields, ", ", Self::field)?;
        if let Some(target) = &select.target {
            self.text(" INTO ")?;
            self.measurement(target)?;
        }
        self.clause(" FROM ", &select.sources, Self::source)?;
        self.condition(select.condition.as_ref())?;
        self.clause(" GROUP BY ", &select.dimensions, Self::expr)?;
        self.fill(select.fill)?;
        self.clause(" ORDER BY ", &select.sort, Self::sort_field)?;
        self.count(" LIMIT ", select.limit)?;
        self.count(" OFFSET ", select.offset)?;
        self.count(" SLIMIT ", select.slimit)?;
        self.count(" SOFFSET ", select.soffset)?;
        if let Some(zone) = &select.timezone {
            self.text(" TZ(")?;
            self.string(zone)?;
            self.text(")")?;
        }
        Ok(())
    }

    fn field(&mut self, field: &Field) -> fmt::Result {
        self.expr(&field.expr)?;
        self.optional_name(" AS ", field.alias.as_deref())
    }

    fn fill(&mut self, fill: Fill) -> fmt::Result {
        let option = match fill {
            Fill::Null => return Ok(()),
            Fill::None => "none".to_string(),
            Fill::Previous => "previous".to_string(),
            Fill::Linear => "linear".to_string(),
            Fill::Number(_) if self.mask => "?".to_string(),
            Fill::Number(FillNumber::Float(value)) => value.to_string(),
            Fill::Number(FillNumber::Integer(value)) => value.to_string(),
        };
        write!(self.out, " fill({option})")
    }

    fn source(&mut self, source: &Source) -> fmt::Result {
        match source {
            Source::Measurement(measurement) => self.measurement(measurement),
            Source::Subquery(select) => {
                self.text("(")?;
                self.select(select)?;
                self.text(")")
            }
        }
    }

    fn measurement(&mut self, measurement: &Measurement) -> fmt::Result {
        let (database, policy) = (&measurement.database, &measurement.retention_policy);
        if let Some(database) = database {
            self.ident(database)?;
            self.text(".")?;
        }
        if let Some(policy) = policy {
            self.ident(policy)?;
        }
        let qualified = database.is_some() || policy.is_some();
        if qualified {
            self.text(".")?;
        }
        match &measurement.name {
            MeasurementName::Name(name) => self.ident(name),
            MeasurementName::Regex(regex) => self.regex(regex),
            MeasurementName::BackReference if qualified => self.text(":MEASUREMENT"),
            // Alone it is written as an empty name.
            MeasurementName::BackReference => self.ident(""),
        }
    }

    fn sort_field(&mut self, field: &SortField) -> fmt::Result {
        if !field.name.is_empty() {
            self.ident(&field.name)?;
            self.text(" ")?;
        }
        self.text(if field.ascending { "ASC" } else { "DESC" })
    }
}
