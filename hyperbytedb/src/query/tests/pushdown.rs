//! What a reader computes equals what is computed from its rows.

use proptest::prelude::*;

use super::memory::Memory;
use super::{SECOND, run};
use crate::query::value::Value;

/// Host, second, float (in quarters, exact in any order of adding), integer.
type Point = (u8, i64, Option<i32>, Option<i64>);

fn memory(points: &[Point]) -> Memory {
    let mut memory = Memory::with_database("db");
    for (host, second, float, integer) in points {
        let mut fields = Vec::new();
        if let Some(v) = float {
            fields.push(("f".to_owned(), Value::Float(f64::from(*v) / 4.0)));
        }
        if let Some(v) = integer {
            fields.push(("i".to_owned(), Value::Integer(*v)));
        }
        let tags = vec![("host".to_owned(), host.to_string())];
        memory.write("db", "autogen", "m", &tags, &fields, second * SECOND);
    }
    memory
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// A subquery cannot be given to the reader, so that the outer function works
    /// on its rows.
    #[test]
    fn aggregates_equal_those_of_rows(
        points in prop::collection::vec(
            (0_u8..3, 0_i64..50, prop::option::of(-100_i32..100), prop::option::of(any::<i64>())),
            0..40,
        ),
        function in prop::sample::select(vec![
            "count", "sum", "mean", "min", "max", "first", "last", "spread",
        ]),
        field in prop::sample::select(vec!["f", "i"]),
        group in prop::sample::select(vec![
            "", "GROUP BY host", "GROUP BY time(7s)", "GROUP BY host, time(20s, 3s)",
        ]),
        order in prop::sample::select(vec!["", "ORDER BY time DESC"]),
    ) {
        let memory = memory(&points);
        let tail = format!("WHERE time >= 0 AND time < 50s {group} {order}");
        let pushed = run(&memory, &format!("SELECT {function}({field}) FROM m {tail}"));
        let computed = run(
            &memory,
            &format!("SELECT {function}({field}) FROM (SELECT f, i FROM m) {tail}"),
        );
        prop_assert_eq!(pushed, computed);
    }
}
