//! Aggregates, selectors and transformations.

use super::argument::{
    check_count, check_count_between, check_hold_period, check_period, check_unit, check_warmup,
    refused, wrong_count,
};
use super::field::Place;
use super::{Checker, Result, ValidateError};
use crate::ast::Expr;

/// How a transformation takes the aggregate inside it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Inner {
    /// `distinct` inside does not count as one of the statement's.
    DistinctAllowed,
    Plain,
}

impl Checker {
    pub(super) fn check_call(
        &mut self,
        name: &str,
        args: &[Expr],
        place: &mut Place,
    ) -> Result<()> {
        match name {
            "percentile" => self.check_percentile(args, *place),
            "sample" => self.check_sample(args, *place),
            "distinct" => self.check_distinct(args, false),
            "top" | "bottom" => self.check_top_bottom(name, args),
            "derivative" | "non_negative_derivative" | "elapsed" => {
                check_count_between(name, args, 1, 2)?;
                check_unit(args.get(1), |unit| {
                    format!(
                        "second argument to {name} must be a duration, got {}",
                        unit.kind()
                    )
                })?;
                self.check_transformation(name, args, Inner::DistinctAllowed, place)
            }
            "difference" | "non_negative_difference" | "cumulative_sum" => {
                check_count(name, args, 1)?;
                self.check_transformation(name, args, Inner::DistinctAllowed, place)
            }
            "moving_average" => {
                check_count(name, args, 2)?;
                check_window(&args[1])?;
                self.check_transformation(name, args, Inner::DistinctAllowed, place)
            }
            "exponential_moving_average"
            | "double_exponential_moving_average"
            | "triple_exponential_moving_average"
            | "relative_strength_index"
            | "triple_exponential_derivative" => {
                check_count_between(name, args, 2, 4)?;
                check_period(name, &args[1])?;
                let min = i64::from(name == "triple_exponential_derivative");
                check_hold_period(name, args.get(2), min)?;
                check_warmup(name, args.get(3), &["exponential", "simple"])?;
                self.check_transformation(name, args, Inner::Plain, place)
            }
            "kaufmans_efficiency_ratio" | "kaufmans_adaptive_moving_average" => {
                check_count_between(name, args, 2, 3)?;
                check_period(name, &args[1])?;
                check_hold_period(name, args.get(2), 0)?;
                self.check_transformation(name, args, Inner::Plain, place)
            }
            "chande_momentum_oscillator" => {
                check_count_between(name, args, 2, 4)?;
                check_period(name, &args[1])?;
                check_hold_period(name, args.get(2), 0)?;
                check_warmup(name, args.get(3), &["none", "exponential", "simple"])?;
                self.check_transformation(name, args, Inner::Plain, place)
            }
            "integral" => {
                check_count_between(name, args, 1, 2)?;
                check_unit(args.get(1), |_| {
                    "second argument must be a duration".to_string()
                })?;
                self.only_selectors = false;
                self.check_column(name, &args[0], *place)
            }
            "holt_winters" | "holt_winters_with_fit" => self.check_holt_winters(name, args, place),
            _ => self.check_aggregate(name, args, *place),
        }
    }

    /// The functions of one column.
    fn check_aggregate(&mut self, name: &str, args: &[Expr], place: Place) -> Result<()> {
        match name {
            "max" | "min" | "first" | "last" => {}
            "count" | "sum" | "mean" | "median" | "mode" | "stddev" | "spread" => {
                self.only_selectors = false;
            }
            _ => return Err(ValidateError::UndefinedFunction(name.to_string())),
        }
        check_count(name, args, 1)?;
        match &args[0] {
            Expr::Call {
                name: inner,
                args: inner_args,
            } if name == "count" && inner == "distinct" => self.check_distinct(inner_args, true),
            Expr::Distinct(_) if name == "count" => Ok(()),
            arg => self.check_column(name, arg, place),
        }
    }

    fn check_percentile(&mut self, args: &[Expr], place: Place) -> Result<()> {
        check_count("percentile", args, 2)?;
        if !matches!(args[1], Expr::Integer(_) | Expr::Number(_)) {
            return refused("expected float argument in percentile()".to_string());
        }
        self.check_column("percentile", &args[0], place)
    }

    fn check_sample(&mut self, args: &[Expr], place: Place) -> Result<()> {
        check_count("sample", args, 2)?;
        match args[1] {
            Expr::Integer(1..) => self.check_column("sample", &args[0], place),
            Expr::Integer(size) => {
                refused(format!("sample window must be greater than 1, got {size}"))
            }
            _ => refused("expected integer argument in sample()".to_string()),
        }
    }

    /// A function of successive points, or of the aggregates of successive buckets.
    fn check_transformation(
        &mut self,
        name: &str,
        args: &[Expr],
        inner: Inner,
        place: &mut Place,
    ) -> Result<()> {
        self.only_selectors = false;
        match &args[0] {
            Expr::Call { .. } if self.interval == 0 => {
                Err(ValidateError::IntervalRequired(name.to_string()))
            }
            call @ Expr::Call { .. } if inner == Inner::DistinctAllowed => {
                self.check_nested(call, place)
            }
            call @ Expr::Call { .. } => self.check_expr(call, place),
            _ if self.interval != 0 && !self.inherited => {
                Err(ValidateError::AggregateRequired(name.to_string()))
            }
            column => self.check_column(name, column, *place),
        }
    }

    fn check_holt_winters(&mut self, name: &str, args: &[Expr], place: &mut Place) -> Result<()> {
        check_count(name, args, 3)?;
        match args[1] {
            Expr::Integer(1..) => {}
            Expr::Integer(count) => {
                return refused(format!(
                    "second arg to {name} must be greater than 0, got {count}"
                ));
            }
            _ => return refused(format!("expected integer argument as second arg in {name}")),
        }
        match args[2] {
            Expr::Integer(0..) => {}
            Expr::Integer(season) => {
                return refused(format!(
                    "third arg to {name} cannot be negative, got {season}"
                ));
            }
            _ => return refused(format!("expected integer argument as third arg in {name}")),
        }
        self.only_selectors = false;
        match &args[0] {
            Expr::Call { .. } if self.interval == 0 => {
                Err(ValidateError::IntervalRequired(name.to_string()))
            }
            call @ Expr::Call { .. } => self.check_nested(call, place),
            _ => refused(format!("must use aggregate function with {name}")),
        }
    }

    /// `top(field, tag, …, n)`.
    fn check_top_bottom(&mut self, name: &str, args: &[Expr]) -> Result<()> {
        if let Some(other) = &self.top_bottom {
            return Err(ValidateError::SelectorCombined(other.clone()));
        }
        let [field, tags @ .., count] = args else {
            return wrong_count(name, args, "at least 2".to_string());
        };
        let Expr::Integer(count) = count else {
            return refused(format!(
                "expected integer as last argument in {name}(), found {count}"
            ));
        };
        if *count <= 0 {
            return refused(format!(
                "limit ({count}) in {name} function must be at least 1"
            ));
        }
        if self.limit > 0 && count.unsigned_abs() > self.limit {
            return refused(format!(
                "limit ({count}) in {name} function can not be larger than the LIMIT ({}) in the select statement",
                self.limit
            ));
        }
        if !matches!(field, Expr::VarRef { .. }) {
            return refused(format!(
                "expected first argument to be a field in {name}(), found {field}"
            ));
        }
        for tag in tags {
            if !matches!(tag, Expr::VarRef { .. }) {
                return refused(format!(
                    "only fields or tags are allowed in {name}(), found {tag}"
                ));
            }
            // Each tag is a column of the result, unless that is written.
            if !self.has_target {
                self.fields += 1;
                self.has_columns = true;
            }
        }
        self.top_bottom = Some(name.to_string());
        Ok(())
    }
}

fn check_window(arg: &Expr) -> Result<()> {
    match arg {
        Expr::Integer(2..) => Ok(()),
        Expr::Integer(window) => refused(format!(
            "moving_average window must be greater than 1, got {window}"
        )),
        other => refused(format!(
            "second argument for moving_average must be an integer, got {}",
            other.kind()
        )),
    }
}
