//! Selectors of one row: `min`, `max`, `first`, `last`.

use std::cmp::Ordering;
use std::ops::Range;

use super::element::Element;
use super::{Reducer, Rows, SeriesBuilder, aux_values};
use crate::query::error::QueryError;
use crate::query::value::Value;

/// Which row wins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Rule {
    /// The smallest value, of equal ones the earliest.
    Min,
    /// The largest value, of equal ones the earliest.
    Max,
    /// The earliest, of several at that time the largest (of booleans: false).
    First,
    /// The latest, of several at that time the largest.
    Last,
}

impl Rule {
    /// Whether a row wins over another, given how its time and its value compare.
    fn wins(self, time: Ordering, value: Ordering, boolean: bool) -> bool {
        match self {
            Rule::Min => value == Ordering::Less || (value.is_eq() && time.is_lt()),
            Rule::Max => value == Ordering::Greater || (value.is_eq() && time.is_lt()),
            Rule::First if boolean => time.is_lt() || (time.is_eq() && value.is_lt()),
            Rule::First => time.is_lt() || (time.is_eq() && value.is_gt()),
            Rule::Last => time.is_gt() || (time.is_eq() && value.is_gt()),
        }
    }
}

/// Holds the winner so far.
pub(super) struct Pick<E: Element> {
    rule: Rule,
    best: Option<(i64, E::Item, Vec<Value>)>,
}

impl<E: Element> Pick<E> {
    pub(super) fn new(rule: Rule) -> Pick<E> {
        Pick { rule, best: None }
    }
}

impl<E: Element> Reducer for Pick<E> {
    fn push(&mut self, rows: &Rows<'_>, range: Range<usize>) -> Result<(), QueryError> {
        let Some(array) = E::array(rows.values) else {
            return Ok(());
        };
        let boolean = matches!(rows.values, crate::query::column::Column::Boolean(_));
        let mut winner: Option<usize> = None;
        for row in range {
            let time = rows.times[row];
            let wins = match (winner, &self.best) {
                (Some(other), _) => self.rule.wins(
                    time.cmp(&rows.times[other]),
                    E::compare_rows(array, row, other),
                    boolean,
                ),
                (None, Some((best_time, best, _))) => {
                    self.rule
                        .wins(time.cmp(best_time), E::compare(array, row, best), boolean)
                }
                (None, None) => true,
            };
            if wins {
                winner = Some(row);
            }
        }
        if let Some(row) = winner {
            self.best = Some((rows.times[row], E::item(array, row), aux_values(rows, row)));
        }
        Ok(())
    }

    fn finish(&mut self, _start: i64, out: &mut SeriesBuilder) -> Result<(), QueryError> {
        if let Some((time, item, aux)) = self.best.take() {
            out.push(time, &E::value(&item), &aux);
        }
        Ok(())
    }
}
