//! Random expressions and `SELECT`s, as the parser would build them.

use proptest::collection::vec;
use proptest::option::of;
use proptest::prelude::*;

use crate::ast::{
    BinaryOp, DataType, Expr, Field, Fill, FillNumber, Measurement, MeasurementName,
    SelectStatement, SortField, Source, WildcardKind,
};

pub(super) fn name() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-z_][a-z0-9_]{0,6}",
        "[ -~é\n]{1,6}",
        Just("select".to_string()),
        Just("Time".to_string()),
        Just("fill".to_string()),
    ]
}

/// A name other than one that starts a clause when it stands alone.
fn column() -> impl Strategy<Value = String> {
    name().prop_filter("a clause", |name| name != "fill" && name != "tz")
}

pub(super) fn text() -> impl Strategy<Value = String> {
    "[ -~é\n]{0,8}"
}

pub(super) fn regex() -> impl Strategy<Value = String> {
    "[a-z/ .$^]{0,6}(\\\\d|\\[a-z\\]|x\\+|\\\\/)?"
}

pub(super) fn duration() -> impl Strategy<Value = i64> {
    prop_oneof![
        any::<i64>().prop_map(|n| n.saturating_add(1)),
        (1i64..100).prop_map(|n| n * 60_000_000_000),
        Just(0),
    ]
}

pub(super) fn positive_duration() -> impl Strategy<Value = i64> {
    1i64..i64::MAX
}

fn float() -> impl Strategy<Value = f64> {
    prop_oneof![
        any::<f64>().prop_filter("finite", |value| value.is_finite()),
        (-1000i32..1000).prop_map(|n| f64::from(n) / 8.0),
    ]
}

fn data_type() -> impl Strategy<Value = DataType> {
    prop::sample::select(vec![
        DataType::Float,
        DataType::Integer,
        DataType::Unsigned,
        DataType::String,
        DataType::Boolean,
        DataType::Tag,
        DataType::AnyField,
    ])
}

fn leaf() -> impl Strategy<Value = Expr> {
    let wildcards = vec![WildcardKind::Any, WildcardKind::Tag, WildcardKind::Field];
    prop_oneof![
        4 => (column(), of(data_type())).prop_map(|(name, cast)| Expr::VarRef { name, cast }),
        1 => name().prop_map(Expr::Distinct),
        1 => prop::sample::select(wildcards).prop_map(Expr::Wildcard),
        1 => float().prop_map(Expr::Number),
        1 => any::<i64>().prop_map(Expr::Integer),
        1 => (1u64 << 63..=u64::MAX).prop_map(Expr::Unsigned),
        1 => text().prop_map(Expr::String),
        1 => any::<bool>().prop_map(Expr::Boolean),
        1 => duration().prop_map(Expr::Duration),
    ]
}

pub(super) const ARITHMETIC: &[BinaryOp] = &[
    BinaryOp::Add,
    BinaryOp::Sub,
    BinaryOp::Mul,
    BinaryOp::Div,
    BinaryOp::Mod,
    BinaryOp::BitAnd,
    BinaryOp::BitOr,
    BinaryOp::BitXor,
];

const COMPARISONS: &[BinaryOp] = &[
    BinaryOp::Eq,
    BinaryOp::NotEq,
    BinaryOp::Lt,
    BinaryOp::LtEq,
    BinaryOp::Gt,
    BinaryOp::GtEq,
];

/// `lhs op rhs` with the parentheses the parser would need to give this tree.
fn binary(op: BinaryOp, lhs: Expr, rhs: Expr) -> Expr {
    let loose = |expr: &Expr, tightest: u8| matches!(expr, Expr::Binary { op, .. } if op.precedence() <= tightest);
    let lhs_loose = loose(&lhs, op.precedence() - 1);
    let rhs_loose = loose(&rhs, op.precedence());
    Expr::Binary {
        op,
        lhs: Box::new(if lhs_loose {
            Expr::Paren(Box::new(lhs))
        } else {
            lhs
        }),
        rhs: Box::new(if rhs_loose {
            Expr::Paren(Box::new(rhs))
        } else {
            rhs
        }),
    }
}

/// What may stand in a select list.
fn value() -> impl Strategy<Value = Expr> {
    leaf().prop_recursive(4, 24, 3, |inner| {
        let argument = prop_oneof![4 => inner.clone(), 1 => regex().prop_map(Expr::Regex)];
        prop_oneof![
            (
                prop::sample::select(ARITHMETIC),
                inner.clone(),
                inner.clone()
            )
                .prop_map(|(op, lhs, rhs)| binary(op, lhs, rhs)),
            inner.prop_map(|inner| Expr::Paren(Box::new(inner))),
            (column(), vec(argument, 0..3)).prop_map(|(name, args)| Expr::Call {
                name: name.to_lowercase(),
                args
            }),
        ]
    })
}

pub(super) fn condition() -> impl Strategy<Value = Expr> {
    let regex_op = prop_oneof![Just(BinaryOp::EqRegex), Just(BinaryOp::NotEqRegex)];
    let comparison = prop_oneof![
        (prop::sample::select(COMPARISONS), value(), value())
            .prop_map(|(op, lhs, rhs)| binary(op, lhs, rhs)),
        (regex_op, column(), regex()).prop_map(|(op, name, regex)| {
            binary(op, Expr::VarRef { name, cast: None }, Expr::Regex(regex))
        }),
    ];
    comparison.prop_recursive(3, 16, 4, |inner| {
        let terms = vec(inner, 2..5).prop_map(|terms| {
            let wrap = |term: Expr| match term {
                Expr::Binary {
                    op: BinaryOp::And | BinaryOp::Or,
                    ..
                } => Expr::Paren(Box::new(term)),
                other => other,
            };
            terms.into_iter().map(wrap).collect::<Vec<_>>()
        });
        (prop_oneof![Just(BinaryOp::And), Just(BinaryOp::Or)], terms)
            .prop_map(|(op, terms)| Expr::chain(op, terms).expect("terms"))
    })
}

pub(super) fn measurement() -> impl Strategy<Value = Measurement> {
    let measured = prop_oneof![
        3 => name().prop_map(MeasurementName::Name),
        1 => regex().prop_map(MeasurementName::Regex),
    ];
    (of(name()), of(name()), measured).prop_map(|(database, retention_policy, name)| Measurement {
        database,
        retention_policy,
        name,
    })
}

fn target() -> impl Strategy<Value = Measurement> {
    let measured = prop_oneof![
        name().prop_map(MeasurementName::Name),
        Just(MeasurementName::BackReference)
    ];
    (of(name()), of(name()), measured).prop_map(|(database, retention_policy, name)| Measurement {
        database,
        retention_policy,
        name,
    })
}

pub(super) fn measurements() -> impl Strategy<Value = Vec<Source>> {
    vec(measurement().prop_map(Source::Measurement), 0..3)
}

fn fill() -> impl Strategy<Value = Fill> {
    prop_oneof![
        Just(Fill::Null),
        Just(Fill::None),
        Just(Fill::Previous),
        Just(Fill::Linear),
        any::<i64>().prop_map(|n| Fill::Number(FillNumber::Integer(n))),
        // A whole float is printed, and read again, as an integer, as in InfluxDB.
        (-1000i32..1000).prop_map(|n| Fill::Number(FillNumber::Float(f64::from(n) + 0.25))),
    ]
}

pub(super) fn sort() -> impl Strategy<Value = Vec<SortField>> {
    let name = prop_oneof![Just(String::new()), Just("time".to_string())];
    let field = (name, any::<bool>()).prop_map(|(name, ascending)| SortField { name, ascending });
    vec(field, 0..2)
}

pub(super) fn count() -> impl Strategy<Value = u64> {
    prop_oneof![Just(0), 1u64..1000, Just(i64::MAX.unsigned_abs())]
}

pub(super) fn dimensions() -> impl Strategy<Value = Vec<Expr>> {
    let dimension = prop_oneof![4 => value(), 1 => regex().prop_map(Expr::Regex)];
    vec(dimension, 0..3)
}

pub(super) fn flat_select() -> impl Strategy<Value = SelectStatement> {
    let item = prop_oneof![4 => value(), 1 => regex().prop_map(Expr::Regex)];
    let field = (item, of(name())).prop_map(|(expr, alias)| Field { expr, alias });
    let zone = prop::sample::select(vec!["UTC", "Europe/Berlin"]).prop_map(String::from);
    let sources = vec(measurement().prop_map(Source::Measurement), 1..3);
    (
        (vec(field, 1..4), sources, of(condition())),
        (dimensions(), fill(), sort()),
        (count(), count(), count(), count(), of(zone)),
    )
        .prop_map(
            |((fields, sources, condition), (dimensions, fill, sort), rest)| {
                let (limit, offset, slimit, soffset, timezone) = rest;
                SelectStatement {
                    fields,
                    target: None,
                    sources,
                    condition,
                    dimensions,
                    fill,
                    sort,
                    limit,
                    offset,
                    slimit,
                    soffset,
                    timezone,
                }
            },
        )
}

pub(super) fn select() -> impl Strategy<Value = SelectStatement> {
    let nested = flat_select().prop_recursive(2, 4, 2, |inner| {
        (flat_select(), vec(inner, 1..3)).prop_map(|(mut select, inner)| {
            let subqueries = inner
                .into_iter()
                .map(|inner| Source::Subquery(Box::new(inner)));
            select.sources.extend(subqueries);
            select
        })
    });
    (nested, of(target())).prop_map(|(mut select, target)| {
        select.target = target;
        select
    })
}
