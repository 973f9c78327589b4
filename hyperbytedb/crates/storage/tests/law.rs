//! The convergence law at the engine's door: replicas that saw the same writes and
//! deletes show the same, in whatever order and however often they came, and whatever
//! flushes and restarts lay between.

mod common;

use common::{Point, Seen, Value, batch, open, seen, table, write_from};
use proptest::prelude::*;
use storage::{Engine, Origin, Version};

/// A write as it travels: its version and its points (host, time, field, value).
#[derive(Debug, Clone)]
struct Write {
    version: Version,
    points: Vec<(u8, i64, u8, i64)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Between {
    Nothing,
    Flush,
    Restart,
}

const HOSTS: [&str; 3] = ["", "a", "b"];
const FIELDS: [&str; 3] = ["x", "y", "z"];

fn writes() -> impl Strategy<Value = Vec<Write>> {
    let point = (0..3_u8, 0..6_i64, 0..3_u8, 0..1000_i64);
    prop::collection::vec(prop::collection::vec(point, 1..6), 1..10).prop_map(|batches| {
        let number = |at: usize| Version(((at as u64) + 1) << 30);
        let write = |(at, points)| Write { version: number(at), points };
        batches.into_iter().enumerate().map(write).collect()
    })
}

/// An order with repetitions: places in the list of writes, all of them at least once.
fn history(writes: usize) -> impl Strategy<Value = Vec<(usize, Between)>> {
    let between = prop_oneof![
        6 => Just(Between::Nothing),
        2 => Just(Between::Flush),
        1 => Just(Between::Restart),
    ];
    let again = prop::collection::vec(0..writes, 0..4);
    let order = again.prop_flat_map(move |again| {
        let all: Vec<usize> = (0..writes).chain(again).collect();
        Just(all).prop_shuffle()
    });
    order.prop_flat_map(move |order| {
        let count = order.len();
        (Just(order), prop::collection::vec(between.clone(), count))
            .prop_map(|(order, between)| order.into_iter().zip(between).collect())
    })
}

/// The law itself, as simply as it can be said.
fn model(writes: &[Write]) -> Seen {
    let mut seen = Seen::new();
    let mut sorted: Vec<&Write> = writes.iter().collect();
    sorted.sort_by_key(|write| write.version);
    for write in sorted {
        for (host, time, field, value) in &write.points {
            let field = format!("{}:integer", FIELDS[*field as usize]);
            let key = (HOSTS[*host as usize].to_string(), *time, field);
            seen.insert(key, Value::Int(*value));
        }
    }
    seen
}

fn reopen(directory: &std::path::Path) -> Engine {
    open(directory, |config| {
        config.layout.keep_versions = true;
        config.sync = storage::Sync::Off;
    })
}

fn live(writes: &[Write], history: &[(usize, Between)]) -> Seen {
    let directory = tempfile::tempdir().unwrap();
    let mut engine = reopen(directory.path());
    for (at, between) in history {
        let write = &writes[*at];
        let fields: Vec<[(&str, Value); 1]> = write
            .points
            .iter()
            .map(|(_, _, field, value)| [(FIELDS[*field as usize], Value::Int(*value))])
            .collect();
        let points: Vec<Point<'_>> = write
            .points
            .iter()
            .zip(&fields)
            .map(|((host, time, _, _), fields)| (HOSTS[*host as usize], *time, fields.as_slice()))
            .collect();
        let origin = Origin::Replicated { node: 2, version: write.version };
        write_from(&engine, batch("m", &points), origin).unwrap();
        match between {
            Between::Nothing => {}
            Between::Flush => engine.flush().unwrap(),
            Between::Restart => {
                drop(engine);
                engine = reopen(directory.path());
            }
        }
    }
    assert!(engine.read_view(&table("m"), (0, 1)).unwrap().is_some());
    seen(&engine, "m")
}

fn cases() -> u32 {
    std::env::var("PROPTEST_CASES").ok().and_then(|text| text.parse().ok()).unwrap_or(48)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: cases(), ..ProptestConfig::default() })]

    #[test]
    fn every_order_of_the_same_writes_shows_the_same(
        (writes, history) in writes().prop_flat_map(|writes| {
            let count = writes.len();
            (Just(writes), history(count))
        })
    ) {
        prop_assert_eq!(live(&writes, &history), model(&writes));
    }
}
