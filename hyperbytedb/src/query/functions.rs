//! From the calls of a select list to the steps that compute them.

use influxql::Interval;
use influxql::ast::{DataType, Expr, Fill, FillNumber};

use super::aggregate::Function;
use super::call::{Leaf, Node};
use super::error::QueryError;
use super::expression::{call_type, expression_type};
use super::scan::TimeBounds;
use super::source::Want;
use super::transform::{Average, Transform, Warmup};
use super::window::{Buckets, MAX_TIME, MIN_TIME};

/// Builds the steps of the calls of one statement.
pub struct Builder {
    pub leaves: Vec<Leaf>,
    /// Companion columns; `top(f, tag, n)` looks its tags up here.
    pub aux: Vec<Want>,
    /// Whether the only call is a selector, which shows the time of its point.
    pub selector: bool,
    pub fill: Fill,
    pub timezone: Option<chrono_tz::Tz>,
    pub interval: Option<Interval>,
    pub ascending: bool,
}

fn invalid(text: String) -> QueryError {
    QueryError::Invalid(text)
}

fn integer(args: &[Expr], place: usize) -> Option<i64> {
    match args.get(place) {
        Some(Expr::Integer(v)) => Some(*v),
        _ => None,
    }
}

fn count(args: &[Expr], place: usize) -> usize {
    integer(args, place)
        .and_then(|v| usize::try_from(v).ok())
        .unwrap_or(0)
}

fn type_of(expr: &Expr) -> Result<Option<DataType>, QueryError> {
    expression_type(expr, &|_, cast| cast)
}

impl Builder {
    fn buckets(&self, time: TimeBounds) -> Buckets {
        let interval = self.interval;
        Buckets {
            every: interval.map_or(0, |i| i.every),
            offset: interval.map_or(0, |i| i.offset),
            timezone: self.timezone,
            time,
            ascending: self.ascending,
        }
    }

    fn leaf(
        &mut self,
        function: Function,
        input: &Expr,
        time: TimeBounds,
    ) -> Result<Node, QueryError> {
        let Expr::VarRef { name, cast } = input else {
            return Err(invalid(format!("invalid expression type: {input}")));
        };
        function.check_type(*cast)?;
        let leaf = Leaf {
            function,
            input: Want {
                name: name.clone(),
                data_type: *cast,
            },
            buckets: self.buckets(time),
        };
        let place = self.leaves.iter().position(|other| *other == leaf);
        Ok(Node::Leaf(place.unwrap_or_else(|| {
            self.leaves.push(leaf);
            self.leaves.len() - 1
        })))
    }

    /// The steps of a call over rows of a range of time.
    ///
    /// # Errors
    /// [`QueryError::Invalid`] for functions that do not exist or do not take the
    /// type of their argument.
    pub fn call(&mut self, call: &Expr, time: TimeBounds) -> Result<Node, QueryError> {
        let Expr::Call { name, args } = call else {
            return self.leaf(Function::Rows, call, time);
        };
        let Some(first) = args.first() else {
            return Err(invalid(format!("undefined function {name}()")));
        };
        match name.as_str() {
            "distinct" => {
                let input = self.leaf(Function::Distinct, first, time)?;
                Ok(self.bucketed(input, None, time))
            }
            "sample" => self.leaf(Function::Sample(count(args, 1)), first, time),
            "top" | "bottom" => {
                let function = self.top(name == "bottom", args);
                self.leaf(function, first, time)
            }
            "count" => {
                let input = match first {
                    Expr::Call { .. } => Node::Count {
                        input: Box::new(self.call(first, time)?),
                        buckets: self.buckets(time),
                    },
                    _ => self.leaf(Function::Count, first, time)?,
                };
                let fill = match self.fill {
                    Fill::Null => Fill::Number(FillNumber::Integer(0)),
                    other => other,
                };
                Ok(self.aggregated(input, fill, time))
            }
            _ => match aggregate(name, args) {
                Some(function) => {
                    let input = self.leaf(function, first, time)?;
                    Ok(self.aggregated(input, self.fill, time))
                }
                None => self.transform(name, args, time),
            },
        }
    }

    /// A selector on its own keeps the times of its points unless there are buckets.
    fn aggregated(&self, input: Node, fill: Fill, time: TimeBounds) -> Node {
        if self.selector && self.interval.is_none() {
            return input;
        }
        let fill = (self.interval.is_some() && fill != Fill::None).then_some(fill);
        self.bucketed(input, fill, time)
    }

    fn bucketed(&self, input: Node, fill: Option<Fill>, time: TimeBounds) -> Node {
        Node::Bucket {
            input: Box::new(input),
            fill,
            buckets: self.buckets(time),
        }
    }

    fn top(&self, bottom: bool, args: &[Expr]) -> Function {
        // Fields that are named keep no values apart, as in InfluxDB.
        let tags = args.iter().skip(1).filter_map(|arg| match arg {
            Expr::VarRef {
                name,
                cast: Some(DataType::Tag),
            } => self.aux.iter().position(|want| want.name == *name),
            _ => None,
        });
        Function::Top {
            n: count(args, args.len() - 1),
            bottom,
            by: (args.len() > 2).then(|| tags.collect()),
        }
    }

    fn transform(
        &mut self,
        name: &str,
        args: &[Expr],
        time: TimeBounds,
    ) -> Result<Node, QueryError> {
        let every = self.interval.map(|interval| interval.every);
        let unit = |default: i64| match args.get(1) {
            Some(Expr::Duration(unit)) => *unit,
            _ => default,
        };
        let per = every.unwrap_or(1_000_000_000);
        let transform = match name {
            "derivative" | "non_negative_derivative" => Transform::Derivative {
                unit: unit(per),
                non_negative: name.starts_with("non_"),
            },
            "difference" | "non_negative_difference" => Transform::Difference {
                non_negative: name.starts_with("non_"),
            },
            "moving_average" => Transform::MovingAverage(count(args, 1)),
            "elapsed" => Transform::Elapsed { unit: unit(1) },
            "cumulative_sum" => Transform::CumulativeSum,
            "integral" => Transform::Integral {
                unit: unit(1_000_000_000),
            },
            "holt_winters" | "holt_winters_with_fit" => Transform::HoltWinters {
                horizon: count(args, 1),
                season: count(args, 2),
                fit: name.ends_with("_fit"),
                every: every.unwrap_or(0),
            },
            _ => Transform::Average(average(name, args)?),
        };
        let looks_back = !matches!(
            transform,
            Transform::CumulativeSum | Transform::Integral { .. } | Transform::HoltWinters { .. }
        );
        let input_time = match every {
            Some(every) if looks_back => self.one_bucket_more(time, every),
            _ => time,
        };
        let argument = &args[0];
        transform.check_type(type_of(argument)?)?;
        let input = self.call(argument, input_time)?;
        Ok(Node::Transform {
            input: Box::new(input),
            transform,
            buckets: self.buckets(time),
        })
    }

    /// The first bucket needs the one before it. An open range stays open.
    fn one_bucket_more(&self, time: TimeBounds, every: i64) -> TimeBounds {
        let mut time = time;
        if self.ascending {
            if time.min > MIN_TIME {
                time.min = time.min.saturating_sub(every).max(MIN_TIME);
            }
        } else if time.max < MAX_TIME {
            time.max = time.max.saturating_add(every).min(MAX_TIME);
        }
        time
    }
}

fn aggregate(name: &str, args: &[Expr]) -> Option<Function> {
    Some(match name {
        "sum" => Function::Sum,
        "mean" => Function::Mean,
        "min" => Function::Min,
        "max" => Function::Max,
        "first" => Function::First,
        "last" => Function::Last,
        "spread" => Function::Spread,
        "median" => Function::Median,
        "mode" => Function::Mode,
        "stddev" => Function::Stddev,
        "percentile" => Function::Percentile(match args.get(1) {
            Some(Expr::Integer(v)) => *v as f64,
            Some(Expr::Number(v)) => *v,
            _ => return None,
        }),
        _ => return None,
    })
}

fn average(name: &str, args: &[Expr]) -> Result<Average, QueryError> {
    let kind =
        Average::kind(name).ok_or_else(|| invalid(format!("undefined function {name}()")))?;
    let chande = name == "chande_momentum_oscillator";
    let warmup = match args.get(3) {
        Some(Expr::String(text)) if text == "simple" => Warmup::Simple,
        Some(Expr::String(text)) if text == "none" => Warmup::None,
        None if chande => Warmup::None,
        _ => Warmup::Exponential,
    };
    Ok(Average {
        kind,
        period: count(args, 1),
        hold: integer(args, 2).and_then(|hold| usize::try_from(hold).ok()),
        warmup,
    })
}

/// Whether a call selects points rather than computing a value.
#[must_use]
pub fn is_selector(call: &Expr) -> bool {
    matches!(
        call,
        Expr::Call { name, .. } if matches!(
            name.as_str(),
            "first" | "last" | "min" | "max" | "percentile" | "sample" | "top" | "bottom"
        )
    )
}

/// The type of a call's values.
pub fn result_type(call: &Expr) -> Result<Option<DataType>, QueryError> {
    match call {
        Expr::Call { name, args } => {
            let args = args.iter().map(type_of).collect::<Result<Vec<_>, _>>()?;
            call_type(name, &args)
        }
        other => type_of(other),
    }
}
