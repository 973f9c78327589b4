//! The law of the printer: what it prints is parsed to the tree it printed.

use proptest::collection::vec;
use proptest::prelude::*;

use super::strategy::{ARITHMETIC, condition};
use super::strategy_statement::statement;
use crate::ast::{CreateUser, Expr, Query, Statement};
use crate::{parse_expr, parse_query, parse_statement};

proptest! {
    #![proptest_config(ProptestConfig { cases: 1000, ..ProptestConfig::default() })]

    #[test]
    fn printed_statements_parse_to_themselves(statements in vec(statement(), 1..3)) {
        let query = Query { statements };
        let text = query.to_string();
        prop_assert_eq!(parse_query(&text), Ok(query), "{}", text);
    }

    #[test]
    fn printed_expressions_parse_to_themselves(expr in condition()) {
        let text = expr.to_string();
        prop_assert_eq!(parse_expr(&text), Ok(expr), "{}", text);
    }

    #[test]
    fn hand_made_trees_get_the_parentheses_they_need(
        ops in vec(prop::sample::select(ARITHMETIC), 3),
        shape in 0..3,
    ) {
        let leaf = |n| Box::new(Expr::Integer(n));
        let join = |op, lhs, rhs| Box::new(Expr::Binary { op, lhs, rhs });
        let (a, b, c) = (ops[0], ops[1], ops[2]);
        let tree = match shape {
            0 => join(a, join(b, leaf(7), leaf(3)), join(c, leaf(5), leaf(2))),
            1 => join(a, leaf(7), join(b, leaf(3), join(c, leaf(5), leaf(2)))),
            _ => join(a, join(b, join(c, leaf(7), leaf(3)), leaf(5)), leaf(2)),
        };
        let again = parse_expr(&tree.to_string()).expect("printed");
        prop_assert_eq!(crate::reduce(&again, 0).to_string(), crate::reduce(&tree, 0).to_string());
    }
}

#[test]
fn passwords_are_never_printed() {
    let create = Statement::CreateUser(CreateUser {
        name: "u".to_string(),
        password: "geheim".to_string(),
        admin: true,
    });
    assert_eq!(
        create.to_string(),
        "CREATE USER u WITH PASSWORD [REDACTED] WITH ALL PRIVILEGES"
    );
    let set = parse_statement("SET PASSWORD FOR u = 'geheim'").expect("statement");
    assert_eq!(set.to_string(), "SET PASSWORD FOR u = [REDACTED]");
}

#[test]
fn floats_have_three_decimals_or_what_they_need() {
    for (value, text) in [
        (1.5, "1.500"),
        (1.2345, "1.2345"),
        (2.0, "2.000"),
        (0.0001, "0.0001"),
        (-1.0, "-1.000"),
        (1e21, "1000000000000000000000.000"),
        (0.1 + 0.2, "0.30000000000000004"),
    ] {
        assert_eq!(Expr::Number(value).to_string(), text);
    }
}
