//! The convergence law at the engine's door: replicas that saw the same writes, deletes
//! and schema changes show the same, in whatever order and however often the writes came,
//! and whatever flushes and restarts lay between.
//!
//! Schema changes keep their order, which Raft gives them in a cluster. A write that is
//! later than the re-creation of a database or policy waits for it there, so it never
//! comes before it here.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use crate::common::{Point, Seen, Value, batch, host_of, open, seen_of};
use points::{Batch, TagSet};
use proptest::prelude::*;
use storage::{
    Delete, Engine, MeasurementScope, Origin, PolicyChange, SeriesPredicate, TableName, Version,
    WriteRequest,
};

/// A write or schema change as it travels: its version and what it does.
#[derive(Debug, Clone)]
struct Operation {
    version: Version,
    what: What,
}

#[derive(Debug, Clone)]
enum What {
    Write {
        policy: usize,
        measurement: usize,
        points: Vec<WrittenPoint>,
    },
    Delete {
        policy: Option<usize>,
        measurements: usize,
        host: Option<usize>,
        time: (i64, i64),
    },
    DropMeasurement(usize),
    /// Drops the database and creates it anew.
    RecreateDatabase,
    /// Drops the policy that is not the default one and creates it anew.
    RecreatePolicy,
}

#[derive(Debug, Clone)]
struct WrittenPoint {
    host: usize,
    /// Whether the series has a tag with the name of a field.
    tag_x: bool,
    time: i64,
    field: usize,
    float: bool,
    value: i64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Between {
    Nothing,
    Flush,
    Restart,
}

const POLICIES: [&str; 2] = ["autogen", "two"];
const MEASUREMENTS: [&str; 2] = ["m", "n"];
const HOSTS: [&str; 3] = ["", "a", "b"];
const FIELDS: [&str; 3] = ["x", "y", "z"];

/// Scopes of a delete: one measurement, the other, both by an expression, all.
fn scope(number: usize) -> MeasurementScope {
    match number {
        0 | 1 => MeasurementScope::One(MEASUREMENTS[number].into()),
        2 => MeasurementScope::Match("^[mn]$".into()),
        _ => MeasurementScope::All,
    }
}

fn is_in_scope(number: usize, measurement: usize) -> bool {
    number > 1 || number == measurement
}

fn what() -> impl Strategy<Value = What> {
    let point = (
        0..3_usize,
        prop::bool::weighted(0.2),
        0..6_i64,
        0..3_usize,
        prop::bool::weighted(0.3),
        0..1000_i64,
    );
    let point = point.prop_map(|(host, tag_x, time, field, float, value)| WrittenPoint {
        host,
        tag_x,
        time,
        field,
        float,
        value,
    });
    let write = (0..2_usize, 0..2_usize, prop::collection::vec(point, 1..6)).prop_map(
        |(policy, measurement, points)| What::Write {
            policy,
            measurement,
            points,
        },
    );
    let time = prop_oneof![
        3 => (0..6_i64, 0..6_i64).prop_map(|(a, b)| (a.min(b), a.max(b))),
        1 => Just((i64::MIN, i64::MAX)),
    ];
    let delete = (
        prop::option::of(0..2_usize),
        0..4_usize,
        prop::option::of(0..3_usize),
        time,
    );
    let delete = delete.prop_map(|(policy, measurements, host, time)| What::Delete {
        policy,
        measurements,
        host,
        time,
    });
    prop_oneof![
        20 => write,
        5 => delete,
        2 => (0..2_usize).prop_map(What::DropMeasurement),
        1 => Just(What::RecreateDatabase),
        1 => Just(What::RecreatePolicy),
    ]
}

/// A write of the same points with other values, larger and smaller ones.
fn with_other_values(what: &What) -> What {
    let mut other = what.clone();
    if let What::Write { points, .. } = &mut other {
        for point in points {
            point.value = (point.value * 7 + 13) % 1000;
        }
    }
    other
}

/// Operations in the order of their versions. Two writes that follow each other may have
/// the same one, as of two nodes that were joined later.
fn operations() -> impl Strategy<Value = Vec<Operation>> {
    let list = prop::collection::vec((what(), prop::bool::weighted(0.2)), 1..12);
    list.prop_map(|list| {
        let mut operations: Vec<Operation> = Vec::new();
        let is_write = |what: &What| matches!(what, What::Write { .. });
        for (at, (what, tied)) in list.into_iter().enumerate() {
            // Later than the database itself.
            let own = Version((1_700_000_001_000 + at as u64) << 22);
            let before = operations.last();
            let tie = before.filter(|last| tied && is_write(&what) && is_write(&last.what));
            let operation = match tie {
                Some(last) => Operation {
                    version: last.version,
                    what: with_other_values(&last.what),
                },
                None => Operation { version: own, what },
            };
            operations.push(operation);
        }
        operations
    })
}

type History = Vec<(usize, Between)>;

/// An order with repetitions: places in the list of operations, all of them at least once.
fn history(operations: &[Operation]) -> impl Strategy<Value = History> + use<> {
    let between = prop_oneof![
        6 => Just(Between::Nothing),
        2 => Just(Between::Flush),
        1 => Just(Between::Restart),
    ];
    let kinds: Vec<What> = operations.iter().map(|one| one.what.clone()).collect();
    let writes: Vec<usize> = (0..kinds.len())
        .filter(|at| matches!(kinds[*at], What::Write { .. }))
        .collect();
    let again = match writes.is_empty() {
        true => Just(Vec::new()).boxed(),
        false => prop::collection::vec(prop::sample::select(writes), 0..4).boxed(),
    };
    let count = kinds.len();
    let order = again.prop_flat_map(move |again| {
        let all: Vec<usize> = (0..count).chain(again).collect();
        Just(all).prop_shuffle()
    });
    order.prop_flat_map(move |order| {
        let order = allowed(&kinds, order);
        let count = order.len();
        (Just(order), prop::collection::vec(between.clone(), count))
            .prop_map(|(order, between)| order.into_iter().zip(between).collect())
    })
}

/// The order with schema changes in theirs, and writes after re-creations that they follow.
fn allowed(kinds: &[What], order: Vec<usize>) -> Vec<usize> {
    let is_change = |at: usize| !matches!(kinds[at], What::Write { .. });
    let mut changes = (0..kinds.len()).filter(|at| is_change(*at));
    let mut ordered: Vec<usize> = order
        .into_iter()
        .map(|at| match is_change(at) {
            true => changes.next().unwrap_or(at),
            false => at,
        })
        .collect();
    let recreations = (0..kinds.len())
        .filter(|at| matches!(kinds[*at], What::RecreateDatabase | What::RecreatePolicy));
    for recreation in recreations {
        let place = ordered.iter().position(|at| *at == recreation).unwrap_or(0);
        let (early, rest): (Vec<usize>, Vec<usize>) = ordered[..place]
            .iter()
            .partition(|at| **at > recreation && !is_change(**at));
        let mut next = rest;
        next.push(recreation);
        next.extend(early);
        next.extend_from_slice(&ordered[place + 1..]);
        ordered = next;
    }
    ordered
}

/// Policy, measurement, series, time, field with its type.
type Key = (usize, usize, String, i64, String);

/// The law itself, as simply as it can be said.
fn model(operations: &[Operation]) -> BTreeMap<Key, Value> {
    let mut seen: BTreeMap<Key, (Version, Value)> = BTreeMap::new();
    for Operation { version, what } in operations {
        match what {
            What::Write {
                policy,
                measurement,
                points,
            } => {
                // Of one batch the later point counts.
                let mut written = BTreeMap::new();
                for point in points {
                    let field = match point.float {
                        true => format!("{}:float", FIELDS[point.field]),
                        false => format!("{}:integer", FIELDS[point.field]),
                    };
                    let key = (*policy, *measurement, series_of(point), point.time, field);
                    written.insert(key, value_of(point));
                }
                for (key, value) in written {
                    let later = |held: &(Version, Value)| *held < (*version, value.clone());
                    if seen.get(&key).is_none_or(later) {
                        seen.insert(key, (*version, value));
                    }
                }
            }
            What::Delete {
                policy,
                measurements,
                host,
                time,
            } => seen.retain(|(of, measurement, series, at, _), _| {
                let met = policy.is_none_or(|policy| policy == *of)
                    && is_in_scope(*measurements, *measurement)
                    && host.is_none_or(|host| is_of_host(series, host))
                    && time.0 <= *at
                    && *at <= time.1;
                !met
            }),
            What::DropMeasurement(dropped) => {
                seen.retain(|(_, measurement, ..), _| measurement != dropped);
            }
            What::RecreateDatabase => seen.clear(),
            What::RecreatePolicy => seen.retain(|(policy, ..), _| *policy != 1),
        }
    }
    let values = seen.into_iter();
    values.map(|(key, (_, value))| (key, value)).collect()
}

fn tags_of(point: &WrittenPoint) -> TagSet {
    let mut tags = TagSet::default();
    if !HOSTS[point.host].is_empty() {
        tags.0.push(("host".into(), HOSTS[point.host].into()));
    }
    if point.tag_x {
        tags.0.push(("x".into(), "t".into()));
    }
    tags
}

fn series_of(point: &WrittenPoint) -> String {
    host_of(&tags_of(point))
}

fn is_of_host(series: &str, host: usize) -> bool {
    let own = series.split(',').find(|tag| !tag.contains('='));
    own.unwrap_or_default() == HOSTS[host]
}

fn value_of(point: &WrittenPoint) -> Value {
    match point.float {
        true => Value::Float((point.value as f64).to_bits()),
        false => Value::Int(point.value),
    }
}

const VERSIONED: bool = true;
const UNVERSIONED: bool = false;

fn reopen(directory: &Path, keep_versions: bool) -> Engine {
    let engine = open(directory, |config| {
        config.layout.keep_versions = keep_versions;
        config.sync = storage::Sync::Off;
    });
    let policies = engine.with_schema(|schema| schema.databases["db"].policies.len());
    if policies == 1 {
        let change = PolicyChange::default();
        engine.create_policy("db", "two", &change).unwrap();
    }
    engine
}

fn batch_of(measurement: usize, points: &[WrittenPoint]) -> Batch {
    let fields: Vec<[(&str, Value); 1]> = points
        .iter()
        .map(|point| [(FIELDS[point.field], value_of(point))])
        .collect();
    let plain: Vec<Point<'_>> = points
        .iter()
        .zip(&fields)
        .map(|(point, fields)| ("", point.time, fields.as_slice()))
        .collect();
    let mut batch = batch(MEASUREMENTS[measurement], &plain);
    for (table, point) in batch.tables.iter_mut().zip(points) {
        table.series = vec![tags_of(point)];
    }
    batch
}

fn write(engine: &Engine, policy: usize, batch: Batch, origin: Origin) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .unwrap();
    let written = runtime.block_on(engine.write(WriteRequest {
        database: "db".into(),
        policy: Some(POLICIES[policy].into()),
        batch,
        origin,
    }));
    written.unwrap();
}

/// Applies an operation, with its version if another node gave one.
fn apply(engine: &Engine, operation: &Operation, replicated: bool) {
    let version = operation.version;
    let ordered = engine.ordered(version);
    match &operation.what {
        What::Write {
            policy,
            measurement,
            points,
        } => {
            let origin = match replicated {
                true => Origin::Replicated { node: 2, version },
                false => Origin::Local,
            };
            write(engine, *policy, batch_of(*measurement, points), origin);
        }
        What::Delete {
            policy,
            measurements,
            host,
            time,
        } => {
            let series = host.map_or(SeriesPredicate::All, |host| {
                SeriesPredicate::Equal("host".into(), HOSTS[host].into())
            });
            let delete = Delete {
                database: "db",
                policy: policy.map(|policy| POLICIES[policy]),
                measurements: &scope(*measurements),
                series: &series,
                time: *time,
                version: replicated.then_some(version),
            };
            engine.delete(&delete).unwrap();
        }
        What::DropMeasurement(measurement) => {
            let name = MEASUREMENTS[*measurement];
            match replicated {
                true => ordered.drop_measurement("db", name).unwrap(),
                false => engine.drop_measurement("db", name).unwrap(),
            };
        }
        What::RecreateDatabase => {
            engine.drop_database("db").unwrap();
            match replicated {
                true => ordered.create_database("db", None).unwrap(),
                false => engine.create_database("db", None).unwrap(),
            }
            create_second_policy(engine, replicated.then_some(version));
        }
        What::RecreatePolicy => {
            engine.drop_policy("db", POLICIES[1]).unwrap();
            create_second_policy(engine, replicated.then_some(version));
        }
    }
}

fn create_second_policy(engine: &Engine, version: Option<Version>) {
    let change = PolicyChange::default();
    match version {
        Some(version) => engine.ordered(version).create_policy("db", "two", &change),
        None => engine.create_policy("db", "two", &change),
    }
    .unwrap();
}

/// What a reader sees in the end, after all that could be seen was compared with the rest.
fn live(operations: &[Operation], history: &History, replicated: bool) -> BTreeMap<Key, Value> {
    let directory = tempfile::tempdir().unwrap();
    let mut engine = reopen(directory.path(), replicated);
    for (at, between) in history {
        apply(&engine, &operations[*at], replicated);
        match between {
            Between::Nothing => {}
            Between::Flush => engine.flush().unwrap(),
            Between::Restart => {
                drop(engine);
                engine = reopen(directory.path(), replicated);
            }
        }
    }
    let mut all = BTreeMap::new();
    for (policy, policy_name) in POLICIES.iter().enumerate() {
        for (measurement, measurement_name) in MEASUREMENTS.iter().enumerate() {
            let name = TableName {
                database: "db".into(),
                policy: (*policy_name).into(),
                measurement: (*measurement_name).into(),
            };
            let seen = seen_of(&engine, &name, (i64::MIN, i64::MAX));
            check_ranges(&engine, &name, &seen);
            for ((series, time, field), value) in seen {
                all.insert((policy, measurement, series, time, field), value);
            }
        }
    }
    all
}

/// Each range of time shows its part, and the index of series agrees with the points.
fn check_ranges(engine: &Engine, name: &TableName, seen: &Seen) {
    for from in 0..6 {
        for to in from..6 {
            let is_within = |at: &i64| (from..=to).contains(at);
            let within: Seen = seen
                .iter()
                .filter(|((_, at, _), _)| is_within(at))
                .map(|(key, value)| (key.clone(), value.clone()))
                .collect();
            let series = within.keys().map(|(series, _, _)| series.clone()).collect();
            assert_eq!(present(engine, name, (from, to)), series, "{from}..={to}");
            assert_eq!(seen_of(engine, name, (from, to)), within);
        }
    }
    let series: BTreeSet<String> = seen.keys().map(|(series, _, _)| series.clone()).collect();
    let table = engine.with_schema(|schema| schema.table(name).cloned());
    let indexed: BTreeSet<String> = table.map_or_else(BTreeSet::new, |table| {
        let inner = table.read();
        let ids = inner.series.ids();
        ids.map(|id| host_of(&inner.series.tags(id))).collect()
    });
    assert_eq!(indexed, series, "SHOW SERIES and SELECT disagree");
}

/// The series that have a point in a range of time.
fn present(engine: &Engine, name: &TableName, time: (i64, i64)) -> BTreeSet<String> {
    let Some(view) = engine.read_view(name, time).unwrap() else {
        return BTreeSet::new();
    };
    let live = view.table.read().series.live().clone();
    let present = view.present(&live).unwrap();
    let inner = view.table.read();
    let series = |id| host_of(&inner.series.tags(id));
    present.iter().map(series).collect()
}

fn cases() -> u32 {
    std::env::var("PROPTEST_CASES")
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or(64)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: cases(), ..ProptestConfig::default() })]

    #[test]
    fn every_order_of_the_same_operations_shows_the_same(
        (operations, history) in operations().prop_flat_map(|operations| {
            let history = history(&operations);
            (Just(operations), history)
        })
    ) {
        prop_assert_eq!(live(&operations, &history, VERSIONED), model(&operations));
    }

    /// One node alone, whose files have no versions and which forgets its deletes.
    #[test]
    fn operations_in_their_order_show_what_the_law_says(
        (operations, between) in operations().prop_flat_map(|operations| {
            let between = prop_oneof![
                3 => Just(Between::Nothing),
                2 => Just(Between::Flush),
                2 => Just(Between::Restart),
            ];
            let between = prop::collection::vec(between, operations.len());
            (Just(operations), between)
        })
    ) {
        let mut operations = one_type_a_field(operations);
        for (at, operation) in operations.iter_mut().enumerate() {
            operation.version = Version(at as u64 + 1);
        }
        let history: History = between.into_iter().enumerate().collect();
        prop_assert_eq!(live(&operations, &history, UNVERSIONED), model(&operations));
    }
}

/// Operations whose fields have one type each: of a client, another one is refused.
fn one_type_a_field(mut operations: Vec<Operation>) -> Vec<Operation> {
    for operation in &mut operations {
        if let What::Write { points, .. } = &mut operation.what {
            for point in points {
                point.float = point.field == 2;
            }
        }
    }
    operations
}
