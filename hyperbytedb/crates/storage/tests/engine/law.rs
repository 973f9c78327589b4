//! The convergence law at the engine's door: replicas that saw the same writes and
//! deletes show the same, in whatever order and however often they came, and whatever
//! flushes and restarts lay between.

use std::collections::BTreeSet;

use crate::common::{Point, Seen, Value, batch, open, seen, seen_between, table, write_from};
use proptest::prelude::*;
use storage::{DeleteRequest, Engine, Origin, SeriesPredicate, Version};

/// A write or delete as it travels: its version and what it does.
#[derive(Debug, Clone)]
struct Operation {
    version: Version,
    what: What,
}

#[derive(Debug, Clone)]
enum What {
    /// Points: host, time, field, value.
    Write(Vec<(u8, i64, u8, i64)>),
    /// A delete of one host's points, or all, in a range of time.
    Delete { host: Option<u8>, time: (i64, i64) },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Between {
    Nothing,
    Flush,
    Restart,
}

const HOSTS: [&str; 3] = ["", "a", "b"];
const FIELDS: [&str; 3] = ["x", "y", "z"];

fn operations() -> impl Strategy<Value = Vec<Operation>> {
    let point = (0..3_u8, 0..6_i64, 0..3_u8, 0..1000_i64);
    let write = prop::collection::vec(point, 1..6).prop_map(What::Write);
    let delete =
        (prop::option::of(0..3_u8), 0..6_i64, 0..6_i64).prop_map(|(host, a, b)| What::Delete {
            host,
            time: (a.min(b), a.max(b)),
        });
    let what = prop_oneof![5 => write, 1 => delete];
    prop::collection::vec(what, 1..10).prop_map(|list| {
        // Later than the database itself.
        let number = |at: usize| Version((1_700_000_001_000 + at as u64) << 22);
        let operation = |(at, what)| Operation {
            version: number(at),
            what,
        };
        list.into_iter().enumerate().map(operation).collect()
    })
}

/// An order with repetitions: places in the list of operations, all of them at least once.
fn history(operations: usize) -> impl Strategy<Value = Vec<(usize, Between)>> {
    let between = prop_oneof![
        6 => Just(Between::Nothing),
        2 => Just(Between::Flush),
        1 => Just(Between::Restart),
    ];
    let again = prop::collection::vec(0..operations, 0..4);
    let order = again.prop_flat_map(move |again| {
        let all: Vec<usize> = (0..operations).chain(again).collect();
        Just(all).prop_shuffle()
    });
    order.prop_flat_map(move |order| {
        let count = order.len();
        (Just(order), prop::collection::vec(between.clone(), count))
            .prop_map(|(order, between)| order.into_iter().zip(between).collect())
    })
}

/// The law itself, as simply as it can be said.
fn model(operations: &[Operation]) -> Seen {
    let mut seen = Seen::new();
    let mut sorted: Vec<&Operation> = operations.iter().collect();
    sorted.sort_by_key(|operation| operation.version);
    for operation in sorted {
        match &operation.what {
            What::Write(points) => {
                for (host, time, field, value) in points {
                    let field = format!("{}:integer", FIELDS[*field as usize]);
                    let key = (HOSTS[*host as usize].to_string(), *time, field);
                    seen.insert(key, Value::Int(*value));
                }
            }
            What::Delete { host, time } => seen.retain(|(of, at, _), _| {
                let met = host.is_none_or(|host| HOSTS[host as usize] == of);
                !(met && time.0 <= *at && *at <= time.1)
            }),
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

fn apply(engine: &Engine, operation: &Operation) {
    match &operation.what {
        What::Write(points) => {
            let fields: Vec<[(&str, Value); 1]> = points
                .iter()
                .map(|(_, _, field, value)| [(FIELDS[*field as usize], Value::Int(*value))])
                .collect();
            let points: Vec<Point<'_>> = points
                .iter()
                .zip(&fields)
                .map(|((host, time, _, _), fields)| {
                    (HOSTS[*host as usize], *time, fields.as_slice())
                })
                .collect();
            let origin = Origin::Replicated {
                node: 2,
                version: operation.version,
            };
            write_from(engine, batch("m", &points), origin).unwrap();
        }
        What::Delete { host, time } => {
            let name = table("m");
            let series = match host {
                None => SeriesPredicate::All,
                Some(host) => SeriesPredicate::Equal("host".into(), HOSTS[*host as usize].into()),
            };
            let request = DeleteRequest {
                table: &name,
                series: &series,
                time: *time,
                drop_series: false,
                version: Some(operation.version),
            };
            engine.delete(&request).unwrap();
        }
    }
}

fn live(operations: &[Operation], history: &[(usize, Between)]) -> Seen {
    let directory = tempfile::tempdir().unwrap();
    let mut engine = reopen(directory.path());
    for (at, between) in history {
        apply(&engine, &operations[*at]);
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
    let seen = seen(&engine, "m");
    for from in 0..6 {
        for to in from..6 {
            let within = seen.keys().filter(|(_, at, _)| (from..=to).contains(at));
            let hosts: BTreeSet<String> = within.map(|(host, _, _)| host.clone()).collect();
            assert_eq!(present(&engine, (from, to)), hosts, "{from}..={to}");
            let within = seen
                .iter()
                .filter(|((_, at, _), _)| (from..=to).contains(at));
            let within: Seen = within
                .map(|(key, value)| (key.clone(), value.clone()))
                .collect();
            assert_eq!(seen_between(&engine, "m", from, to), within);
        }
    }
    seen
}

/// The hosts that the index of series says have a point in a range of time.
fn present(engine: &Engine, time: (i64, i64)) -> BTreeSet<String> {
    let view = engine.read_view(&table("m"), time).unwrap().unwrap();
    let live = view.table.read().series.live().clone();
    let present = view.present(&live).unwrap();
    let inner = view.table.read();
    let host = |id| inner.series.tag(id, "host").into_owned();
    present.iter().map(host).collect()
}

fn cases() -> u32 {
    std::env::var("PROPTEST_CASES")
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or(48)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: cases(), ..ProptestConfig::default() })]

    #[test]
    fn every_order_of_the_same_operations_shows_the_same(
        (operations, history) in operations().prop_flat_map(|operations| {
            let count = operations.len();
            (Just(operations), history(count))
        })
    ) {
        prop_assert_eq!(live(&operations, &history), model(&operations));
    }
}
