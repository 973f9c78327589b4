//! The `time(…)` term of a `GROUP BY`.

use chrono_tz::Tz;

use crate::ast::{Expr, SelectStatement};
use crate::reduce::reduce_constant;
use crate::time_literal::{find_zone, parse_time};

/// Seconds from the year 1, from which InfluxDB aligns buckets whose offset is a
/// point in time, to 1970.
const YEAR_ONE_SECONDS: i128 = 62_135_596_800;

/// What is wrong with the arguments of `time(…)`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum IntervalError {
    #[error("time dimension expected 1 or 2 arguments")]
    ArgumentCount,
    #[error("time dimension must have duration argument")]
    NoDuration,
}

/// Buckets of time: `start = t - (t - offset) mod every`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Interval {
    /// Nanoseconds, more than 0.
    pub every: i64,
    /// Nanoseconds, of any sign, less than `every`.
    pub offset: i64,
}

impl SelectStatement {
    /// The length of the buckets and, if given, the expression of their offset.
    /// `None` without a usable `time(…)`.
    pub fn group_by_interval(&self) -> Option<(i64, Option<Expr>)> {
        let mut args = self.time_arguments()?.iter().map(reduce_constant);
        let (every, offset, further) = (args.next()?, args.next(), args.next());
        match every {
            Expr::Duration(every) if every > 0 && further.is_none() => Some((every, offset)),
            _ => None,
        }
    }

    /// The buckets, their offset evaluated: a duration, `now()` or a point in
    /// time, the latter in the zone of the statement.
    pub fn interval_at(&self, now: i64) -> Option<Interval> {
        let (every, offset) = self.group_by_interval()?;
        let zone = self.zone();
        let offset = offset.map_or(Some(0), |offset| offset_of(&offset, every, now, zone));
        Some(Interval {
            every,
            offset: offset.unwrap_or(0),
        })
    }

    /// The zone of `tz('…')`.
    pub fn zone(&self) -> Option<Tz> {
        self.timezone.as_deref().and_then(find_zone)
    }

    /// Nanoseconds of the interval, 0 without one.
    pub(crate) fn group_by_duration(&self) -> Result<i64, IntervalError> {
        match self.time_arguments() {
            None => Ok(0),
            Some([Expr::Duration(every)] | [Expr::Duration(every), _]) => Ok(*every),
            Some([_] | [_, _]) => Err(IntervalError::NoDuration),
            Some(_) => Err(IntervalError::ArgumentCount),
        }
    }

    fn time_arguments(&self) -> Option<&[Expr]> {
        self.dimensions
            .iter()
            .find_map(|dimension| match dimension {
                Expr::Call { name, args } if name == "time" => Some(args.as_slice()),
                _ => None,
            })
    }
}

/// Nanoseconds a bucket is shifted by; `None` if the expression says nothing
/// that can be evaluated. `every` must be more than 0.
pub(crate) fn offset_of(offset: &Expr, every: i64, now: i64, zone: Option<Tz>) -> Option<i64> {
    let moment = match offset {
        Expr::Duration(value) => return Some(value % every),
        Expr::Call { name, args } if name == "now" && args.is_empty() => i128::from(now),
        Expr::String(text) => parse_time(text, zone)?,
        _ => return None,
    };
    let since_year_one = moment + YEAR_ONE_SECONDS * 1_000_000_000;
    i64::try_from(since_year_one.rem_euclid(i128::from(every))).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ast::Statement;

    const HOUR: i64 = 3_600_000_000_000;

    fn interval(dimension: &str) -> Option<Interval> {
        let text = format!("SELECT max(v) FROM m GROUP BY {dimension}");
        let Ok(Statement::Select(select)) = crate::parse_statement(&text) else {
            panic!("{text}");
        };
        select.interval_at(HOUR / 2)
    }

    #[test]
    fn offsets_are_evaluated() {
        for (dimension, every, offset) in [
            ("time(1h)", HOUR, 0),
            ("host, time(1h * 2)", 2 * HOUR, 0),
            ("time(1h, -15m)", HOUR, -HOUR / 4),
            ("time(1h, 75m)", HOUR, HOUR / 4),
            ("time(1h, now())", HOUR, HOUR / 2),
            ("time(1h, '1970-01-01T00:15:00Z')", HOUR, HOUR / 4),
            // Weeks begin on Monday, the first day of the year 1.
            ("time(1w, '1970-01-05')", 168 * HOUR, 0),
        ] {
            assert_eq!(
                interval(dimension),
                Some(Interval { every, offset }),
                "{dimension}"
            );
        }
        for dimension in ["host", "time()", "time(0s)", "time(5)", "time(1h, 1m, 1s)"] {
            assert_eq!(interval(dimension), None, "{dimension}");
        }
    }
}
