use super::validate_select;
use crate::ast::Statement;

fn check(text: &str) -> Result<(), String> {
    let Ok(Statement::Select(select)) = crate::parse_statement(text) else {
        panic!("{text}");
    };
    validate_select(&select).map_err(|error| error.to_string())
}

#[test]
fn sound_statements_pass() {
    for text in [
        "SELECT time, v FROM m",
        "SELECT * FROM m",
        "SELECT max(v), host FROM m",
        "SELECT mean(*) FROM m GROUP BY time(1h, 5m), host, *, /re/",
        "SELECT top(v, host, 3) FROM m",
        "SELECT count(DISTINCT v), count(distinct(v)) FROM m",
        "SELECT derivative(mean(v), 1s) FROM m GROUP BY time(1m)",
        "SELECT difference(v) FROM (SELECT v FROM m) GROUP BY host",
        "SELECT mean(v) FROM (SELECT v FROM m) GROUP BY time(1h)",
        "SELECT exponential_moving_average(v, 3, -1, 'simple') FROM m",
        "SELECT holt_winters(mean(v), 3, 0) FROM m GROUP BY time(1m)",
        "SELECT sin(v) * pow(2, v) + 1 FROM m WHERE abs(v) > 2",
        "SELECT mean(v) FROM m GROUP BY time(1m, now())",
        "SELECT mean(v) FROM m GROUP BY time(1m, '2000-01-01')",
    ] {
        assert_eq!(check(text), Ok(()), "{text}");
    }
}

/// Statements and what is said of them.
const MISTAKES: &[(&str, &str)] = &[
    (
        "SELECT time FROM m",
        "at least 1 non-time field must be queried",
    ),
    (
        "SELECT mean(v), v FROM m",
        "mixing aggregate and non-aggregate queries is not supported",
    ),
    (
        "SELECT max(v), min(v), host FROM m",
        "mixing multiple selector functions with tags or fields is not supported",
    ),
    (
        "SELECT v FROM m GROUP BY time(1h)",
        "GROUP BY requires at least one aggregate function",
    ),
    (
        "SELECT v FROM m fill(none)",
        "fill(none) must be used with a function",
    ),
    (
        "SELECT max(v) FROM (SELECT v FROM m GROUP BY time(1m))",
        "fill(none) must be used with a function",
    ),
    (
        "SELECT max(v) FROM (SELECT v FROM m ORDER BY time DESC)",
        "subqueries must be ordered in the same direction as the query itself",
    ),
    (
        "SELECT max(v) FROM (SELECT nope(v) FROM m)",
        "undefined function nope()",
    ),
    (
        "SELECT v + * FROM m",
        "unable to use wildcard in a binary expression",
    ),
    (
        "SELECT 1 + mean(*) FROM m",
        "unsupported expression with wildcard: mean()",
    ),
    (
        "SELECT 1 + mean(/x/) FROM m",
        "unsupported expression with regex field: mean()",
    ),
    (
        "SELECT 1 + 1 FROM m",
        "field must contain at least one variable",
    ),
    (
        "SELECT 'a' * 2 FROM m",
        "cannot perform a binary expression on two literals",
    ),
    (
        "SELECT v FROM m WHERE max(v) > 1",
        "invalid function call in condition: max(v)",
    ),
    (
        "SELECT v FROM m WHERE pow(v) > 1",
        "invalid number of arguments for pow, expected 2, got 1",
    ),
    (
        "SELECT mean(v) FROM m GROUP BY time",
        "time() is a function and expects at least one argument",
    ),
    (
        "SELECT mean(v) FROM m GROUP BY now()",
        "only time() calls allowed in dimensions",
    ),
    (
        "SELECT mean(v) FROM m GROUP BY 5",
        "only time and tag dimensions allowed",
    ),
    (
        "SELECT mean(v) FROM m GROUP BY time(1m), time(2m)",
        "multiple time dimensions not allowed",
    ),
    (
        "SELECT mean(v) FROM m GROUP BY time(1m, host)",
        "time dimension offset must be duration or now()",
    ),
    (
        "SELECT mean(v) FROM m GROUP BY time(1m, '2000-99-01')",
        "invalid timestamp string",
    ),
    (
        "SELECT derivative(v, 0s) FROM m",
        "duration argument must be positive, got 0s",
    ),
    (
        "SELECT integral(v, 1) FROM m",
        "second argument must be a duration",
    ),
    (
        "SELECT moving_average(v, 'x') FROM m",
        "second argument for moving_average must be an integer, got *influxql.StringLiteral",
    ),
    (
        "SELECT relative_strength_index(v, 0) FROM m",
        "relative_strength_index period must be greater than or equal to 1",
    ),
    (
        "SELECT triple_exponential_derivative(v, 1, 0) FROM m",
        "triple_exponential_derivative hold period must be greater than or equal to 1",
    ),
    (
        "SELECT chande_momentum_oscillator(v, 1, 2, 'x') FROM m",
        "chande_momentum_oscillator warmup type must be one of: 'none' 'exponential' 'simple'",
    ),
    (
        "SELECT kaufmans_efficiency_ratio(v, 1, 2, 3) FROM m",
        "invalid number of arguments for kaufmans_efficiency_ratio, expected at least 2 but no more than 3, got 4",
    ),
    (
        "SELECT holt_winters(mean(v), 0, 1) FROM m",
        "second arg to holt_winters must be greater than 0, got 0",
    ),
    (
        "SELECT distinct(v), v FROM m",
        "aggregate function distinct() cannot be combined with other functions or fields",
    ),
    (
        "SELECT top(v, 2), bottom(v, 2) FROM m",
        "selector function top() cannot be combined with other functions",
    ),
    (
        "SELECT top(v, x + 1, 2) FROM m",
        "only fields or tags are allowed in top(), found x + 1",
    ),
];

#[test]
fn mistakes_are_named_as_influxdb_names_them() {
    for (text, message) in MISTAKES {
        assert_eq!(check(text), Err((*message).to_string()), "{text}");
    }
}
