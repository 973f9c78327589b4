use super::{SUBQUERIES_MAX, parse_expr, parse_query, parse_query_with_params, parse_statement};
use crate::ast::{BinaryOp, Expr, Statement};
use crate::chain::DEPTH_MAX;
use crate::params::{ParamValue, Params};
use crate::{column_names, normalise, reduce_field, split_condition, validate_select};

fn error(text: &str) -> String {
    match parse_query(text) {
        Err(error) => error.to_string(),
        Ok(query) => panic!("{text} gives {query}"),
    }
}

fn printed(text: &str) -> String {
    parse_query(text).expect(text).to_string()
}

#[test]
fn statements_are_listed_when_none_is_found() {
    let expected = "SELECT, DELETE, SHOW, CREATE, DROP, EXPLAIN, GRANT, REVOKE, ALTER, SET, KILL";
    assert_eq!(
        error("SELEC"),
        format!("found SELEC, expected {expected} at line 1, char 1")
    );
    assert_eq!(
        error("\nx;\n  42"),
        format!("found x, expected {expected} at line 1, char 1")
    );
    assert_eq!(
        error("SHOW USERS;\n  42"),
        format!("found 42, expected {expected} at line 2, char 3")
    );
}

/// Statements and what is said of them.
const MISTAKES: &[(&str, &str)] = &[
    (
        "SELECT a FROM",
        "found EOF, expected identifier at line 1, char 15",
    ),
    (
        "SELECT a, FROM m",
        "found FROM, expected identifier, string, number, bool at line 1, char 11",
    ),
    (
        "SELECT a FROM m WHERE h = 'x",
        "found x, expected identifier, string, number, bool at line 1, char 26",
    ),
    (
        "SELECT a FROM m WHERE h = 'x\\q'",
        "found \\q, expected identifier, string, number, bool at line 1, char 30",
    ),
    (
        "SELECT a FROM m WHERE h =~ 'x'",
        "found x, expected regex at line 1, char 27",
    ),
    (
        "SELECT a FROM m WHERE h =~ /x",
        "bad regex:  at line 1, char 27",
    ),
    (
        "SELECT a FROM m WHERE h =~ /[/",
        "error parsing regexp: missing closing ]: `[` at line 1, char 27",
    ),
    (
        "SELECT a = 1 FROM m",
        "invalid operator = in SELECT clause at line 1, char 8; operator is intended for WHERE clause",
    ),
    (
        "SELECT f(a = 1) + (b < 2) FROM m",
        "invalid operator < in SELECT clause at line 1, char 8; operator is intended for WHERE clause",
    ),
    (
        "SELECT a FROM a.b.c.d",
        "too many segments in \"a\".\"b\".\"c\".d at line 1, char 1",
    ),
    (
        "SELECT a FROM m LIMIT x",
        "found x, expected integer at line 1, char 23",
    ),
    (
        "SELECT a FROM m ORDER BY v",
        "only ORDER BY time supported at this time",
    ),
    (
        "SELECT a FROM m ORDER BY time, v",
        "only ORDER BY time supported at this time",
    ),
    ("SELECT a FROM m fill", "fill must be a function call"),
    (
        "SELECT a FROM m fill()",
        "fill requires an argument, e.g.: 0, null, none, previous, linear",
    ),
    (
        "SELECT a FROM m fill(NULL)",
        "expected number argument in fill()",
    ),
    (
        "SELECT a FROM m tz('Mars/Olympus')",
        "unable to find time zone Mars/Olympus",
    ),
    (
        "SELECT a FROM m tz(UTC)",
        "expected string argument in tz()",
    ),
    (
        "SELECT a FROM m tz('UTC', 'UTC')",
        "tz requires exactly one argument",
    ),
    (
        "SELECT a::int FROM m",
        "found int, expected float, integer, unsigned, string, boolean, field, tag at line 1, char 11",
    ),
    (
        "SELECT *::x FROM m",
        "found x, expected field, tag at line 1, char 11",
    ),
    (
        "SELECT -'a' FROM m",
        "found a, expected identifier, number, duration, ( at line 1, char 8",
    ),
    ("SELECT 1x FROM m", "invalid duration"),
    (
        "SELECT -9223372036854775809 FROM m",
        "constant -9223372036854775809 underflows int64",
    ),
    (
        "SELECT 18446744073709551616 FROM m",
        "unable to parse integer at line 1, char 8",
    ),
    ("SELECT $ FROM m", "empty bound parameter"),
    ("SELECT a FROM m WHERE h = $x", "missing parameter: x"),
    (
        "SELECT a FROM $m",
        "found $m, expected identifier at line 1, char 15",
    ),
    (
        "SELECT a FROM m; SELECT b FROM n o",
        "found o, expected ; at line 1, char 34",
    ),
    (
        "SELECT a FROM m /* open",
        "found ILLEGAL, expected ; at line 1, char 17",
    ),
    (
        "DELETE",
        "found EOF, expected FROM, WHERE at line 1, char 8",
    ),
    (
        "DELETE FROM rp.m",
        "retention policy not supported at line 1, char 1",
    ),
    (
        "DROP SERIES FROM db..m",
        "database not supported at line 1, char 1",
    ),
    (
        "SHOW TAG VALUES WITH KEY ~ x",
        "found ~, expected IN, =, =~ at line 1, char 26",
    ),
    (
        "SHOW FIELD KEY x",
        "found x, expected EXACT, CARDINALITY at line 1, char 16",
    ),
    (
        "SHOW MEASUREMENTS ON 5",
        "found 5, expected identifier or * at line 1, char 22",
    ),
    (
        "ALTER RETENTION POLICY p ON d",
        "found EOF, expected DURATION, REPLICATION, SHARD, DEFAULT, FUTURE, PAST at line 1, char 31",
    ),
    (
        "CREATE RETENTION POLICY p ON d DURATION 1h REPLICATION 0",
        "invalid value 0: must be 1 <= n <= 2147483647 at line 1, char 56",
    ),
    (
        "DROP SHARD 99999999999999999999",
        "strconv.ParseUint: parsing \"99999999999999999999\": value out of range at line 1, char 12",
    ),
    (
        "CREATE CONTINUOUS QUERY c ON d BEGIN SELECT mean(a) INTO b FROM m END",
        "found m, expected GROUP BY time(...) at line 1, char 65",
    ),
    (
        "CREATE CONTINUOUS QUERY c ON d RESAMPLE BEGIN",
        "found BEGIN, expected EVERY, FOR at line 1, char 41",
    ),
    (
        "GRANT READ ON d FROM u",
        "found FROM, expected TO at line 1, char 17",
    ),
];

#[test]
fn mistakes_are_placed_as_influxdb_places_them() {
    for (text, message) in MISTAKES {
        assert_eq!(error(text), *message, "{text}");
    }
}

#[test]
fn printed_as_influxdb_prints_them() {
    for (text, expected) in [
        (
            "select COUNT(a), \"b c\" as x from m, /re/ group by TIME(90m), * FILL(0)",
            "SELECT count(a), \"b c\" AS x FROM m, /re/ GROUP BY time(90m), * fill(0)",
        ),
        (
            "SELECT -a + 2, -(1 + b), +c FROM db..m",
            "SELECT -1 * a + 2, -1 * (1 + b), 1 * c FROM db..m",
        ),
        ("SELECT a / -b FROM m", "SELECT a / (-1 * b) FROM m"),
        (
            "SELECT /* a */ a FROM m /* b */ WHERE f(/* c */ x) > 1",
            "SELECT a FROM m WHERE f(x) > 1",
        ),
        (
            "SELECT a FROM m -- note\n/* more */ WHERE x <> 1h30m",
            "SELECT a FROM m WHERE x != 90m",
        ),
        (
            "SELECT a INTO rp.:MEASUREMENT FROM m tz('Europe/Berlin')",
            "SELECT a INTO rp.:MEASUREMENT FROM m TZ('Europe/Berlin')",
        ),
        ("SELECT a.b.c, past FROM m", "SELECT \"a.b.c\", past FROM m"),
        (
            "SELECT a FROM m WHERE x =~ /a\\/b/",
            "SELECT a FROM m WHERE x =~ /a\\/b/",
        ),
        (
            "EXPLAIN ANALYZE VERBOSE SELECT a FROM m",
            "EXPLAIN ANALYZE SELECT a FROM m",
        ),
        (
            "SHOW MEASUREMENTS ON *.* WITH MEASUREMENT =~ /x/ LIMIT 3",
            "SHOW MEASUREMENTS ON *.* WITH MEASUREMENT =~ /x/ LIMIT 3",
        ),
        (
            "SHOW TAG KEYS FROM m WITH KEY IN (a, b) SLIMIT 1",
            "SHOW TAG KEYS FROM m WITH KEY IN (a, b) SLIMIT 1",
        ),
        (
            "CREATE DATABASE d WITH DURATION INF SHARD DURATION 1h PAST LIMIT 2h NAME n",
            "CREATE DATABASE d WITH DURATION 0s SHARD DURATION 1h PAST LIMIT 2h NAME n",
        ),
        (
            "ALTER RETENTION POLICY DEFAULT ON d FUTURE LIMIT 1h DEFAULT",
            "ALTER RETENTION POLICY \"default\" ON d DEFAULT FUTURE LIMIT 1h",
        ),
        (
            "CREATE USER u WITH PASSWORD 'x'",
            "CREATE USER u WITH PASSWORD [REDACTED]",
        ),
        (
            "KILL QUERY 3 ON \"h:1\"; SHOW QUERIES;",
            "KILL QUERY 3 ON \"h:1\";\nSHOW QUERIES",
        ),
        (
            "SELECT a FROM m LIMIT 99999999999999999999",
            "SELECT a FROM m LIMIT 9223372036854775807",
        ),
    ] {
        assert_eq!(printed(text), expected, "{text}");
    }
}

#[test]
fn operators_bind_as_in_influxql() {
    for (text, grouped) in [
        ("a + b * c - d", "((a + (b * c)) - d)"),
        ("a & b | c ^ d", "(((a & b) | c) ^ d)"),
        (
            "a = 1 OR b = 2 AND c = 3",
            "((a = 1) OR ((b = 2) AND (c = 3)))",
        ),
        ("a - b - c", "((a - b) - c)"),
        ("a % b / c", "((a % b) / c)"),
        ("a < b + 1", "(a < (b + 1))"),
    ] {
        assert_eq!(grouping(&parse_expr(text).expect(text)), grouped);
    }
}

fn grouping(expr: &Expr) -> String {
    match expr {
        Expr::Binary { op, lhs, rhs } => {
            format!("({} {} {})", grouping(lhs), op.symbol(), grouping(rhs))
        }
        other => other.to_string(),
    }
}

#[test]
fn parameters_take_any_place() {
    let params: Params = [
        ("m", ParamValue::Identifier("my m".to_string())),
        ("f", ParamValue::Identifier("v".to_string())),
        ("s", ParamValue::String("a' OR 'x' = 'x".to_string())),
        ("r", ParamValue::Regex("^b".to_string())),
        ("n", ParamValue::Integer(3)),
        ("d", ParamValue::Duration(5_000_000_000)),
        ("bad", ParamValue::Invalid("unable to bind".to_string())),
        ("my b", ParamValue::Boolean(true)),
        ("x", ParamValue::Float(-1.5)),
        ("u", ParamValue::Unsigned(u64::MAX)),
    ]
    .map(|(name, value)| (name.to_string(), value))
    .into();
    let text = "SELECT $f, $r FROM $m, $r WHERE h = $s AND k =~ $r AND b = $\"my b\" AND x > $x AND u < $u GROUP BY time($d) LIMIT $n";
    let query = parse_query_with_params(text, &params).expect(text);
    assert_eq!(
        query.to_string(),
        "SELECT v, /^b/ FROM \"my m\", /^b/ WHERE h = 'a\\' OR \\'x\\' = \\'x' AND k =~ /^b/ AND b = true AND x > -1.500 AND u < 18446744073709551615 GROUP BY time(5s) LIMIT 3"
    );
    let bad = parse_query_with_params("SELECT $bad FROM m", &params);
    assert_eq!(
        bad.map_err(|e| e.to_string()),
        Err("missing parameter: unable to bind".to_string())
    );
}

#[test]
fn only_what_a_function_needs_is_read() {
    let statement = parse_statement("DROP USER u; nonsense").expect("statement");
    assert_eq!(
        statement,
        Statement::DropUser {
            name: "u".to_string()
        }
    );
}

/// Less than a worker thread of an asynchronous runtime has.
const STACK_BYTES: usize = 1 << 20;

fn on_small_stack(test: impl FnOnce() + Send + 'static) {
    let thread = std::thread::Builder::new()
        .stack_size(STACK_BYTES)
        .spawn(test);
    thread.expect("thread").join().expect("no panic");
}

#[test]
fn long_chains_take_little_stack() {
    on_small_stack(|| {
        let terms: Vec<String> = (0..100_000).map(|n| format!("h = 'host{n}'")).collect();
        let text = format!("SELECT v FROM m WHERE {}", terms.join(" OR "));
        let query = parse_query(&text).expect("chain");
        assert_eq!(query.to_string(), text);
        assert_eq!(query.clone(), query);
        let sum = vec!["v"; DEPTH_MAX + 2].join(" + ");
        let position = DEPTH_MAX * 4 + 10;
        assert_eq!(
            error(&format!("SELECT {sum} FROM m")),
            format!(
                "expression is more than {DEPTH_MAX} operators deep at line 1, char {position}"
            )
        );
        let longest = format!("SELECT {} FROM m", vec!["v"; DEPTH_MAX].join(" + "));
        assert_eq!(printed(&longest), longest);
    });
}

/// An expression in 10,000 parentheses, calls or signs, and one of as many operators.
fn deep_expressions() -> Vec<String> {
    const DEPTH: usize = 10_000;
    let within =
        |open: &str, close: &str| format!("{}v{}", open.repeat(DEPTH), close.repeat(DEPTH));
    let mut expressions: Vec<String> = [("(", ")"), ("abs(", ")"), ("-(", ")"), ("(1 + ", ")")]
        .iter()
        .map(|(open, close)| within(open, close))
        .collect();
    for operator in [" + ", " * ", " - ", " / ", " % ", " & ", " | ", " ^ "] {
        expressions.push(vec!["v"; DEPTH].join(operator));
    }
    expressions
}

#[test]
fn depth_takes_little_stack() {
    on_small_stack(|| {
        for expression in deep_expressions() {
            let texts = [
                format!("SELECT {expression} FROM m"),
                format!("SELECT max(v) + {expression} FROM m"),
                format!("SELECT v FROM m WHERE {expression} > 5 AND time > 7"),
                format!("SELECT v FROM m WHERE time > now() AND (v > 1 OR {expression} = 3)"),
                format!("DELETE FROM m WHERE {expression} = 'x'"),
                format!("SHOW SERIES WHERE {expression} = 'x'"),
            ];
            for text in texts {
                let query = parse_query(&text).unwrap_or_else(|error| panic!("{error}"));
                assert_eq!(parse_query(&query.to_string()).as_ref(), Ok(&query));
                assert_eq!(query.clone(), query);
                for statement in &query.statements {
                    normalise(statement);
                    let Statement::Select(select) = statement else {
                        continue;
                    };
                    column_names(select);
                    // What it says does not matter, as long as it says it.
                    let _refused = validate_select(select);
                    let condition = select.condition.as_ref();
                    let (rest, _) = split_condition(condition, 7, None).expect("a condition");
                    assert_eq!(rest.is_some(), condition.is_some());
                    for field in &select.fields {
                        assert_eq!(reduce_field(&field.expr), reduce_field(&field.expr));
                    }
                }
            }
        }
    });
}

#[test]
fn depth_is_bounded() {
    on_small_stack(|| {
        for (open, close) in [("(", ")"), ("f(", ")"), ("-(", ")")] {
            let nested = |depth: usize| {
                format!(
                    "SELECT {}v{} FROM m",
                    open.repeat(depth),
                    close.repeat(depth)
                )
            };
            let refused = error(&nested(DEPTH_MAX + 1));
            assert!(
                refused.starts_with("nested more than 50000 levels deep"),
                "{refused}"
            );
            assert_eq!(error(&nested(1_000_000)), refused);
        }
        let subqueries = |depth: usize| {
            format!(
                "SELECT v FROM {}m{}",
                "(SELECT v FROM ".repeat(depth),
                ")".repeat(depth)
            )
        };
        assert!(parse_query(&subqueries(SUBQUERIES_MAX)).is_ok());
        assert!(parse_query(&subqueries(SUBQUERIES_MAX + 1)).is_err());
    });
}

#[test]
fn chains_are_balanced() {
    let terms = (0..5).map(Expr::Integer).collect();
    let chain = Expr::chain(BinaryOp::And, terms).expect("terms");
    assert_eq!(chain.to_string(), "0 AND 1 AND 2 AND 3 AND 4");
    assert_eq!(parse_expr(&chain.to_string()), Ok(chain));
    assert_eq!(Expr::chain(BinaryOp::Or, Vec::new()), None);
}
