//! What is answered without reading all points, of series whose points lie in several
//! sources that overlap.

use std::collections::BTreeMap;
use std::time::Duration;

use process_tests::random::{Random, seed};
use process_tests::{Client, Sandbox, wait};

const START_S: u64 = 1_704_067_200;
const HOSTS: usize = 8;
const LOADS: usize = 5;

/// The second one is rare, the third one everywhere.
const FIELDS: [&str; 3] = ["v", "w", "n"];

/// The values of each point, by host and second.
type Points = BTreeMap<(usize, u64), [Option<u64>; 3]>;

/// Some points of some hosts, each load later than the one before, mostly.
fn load(random: &mut Random, number: usize, points: &mut Points) -> String {
    let mut lines = String::new();
    for host in 0..HOSTS {
        if host > 0 && random.below(4) == 0 {
            continue;
        }
        for _ in 0..1 + random.below(12) {
            let at = number as u64 * 40 + random.between(0, 60);
            let v = (random.below(4) > 0).then(|| random.between(0, 999));
            let w = (v.is_none() || random.below(3) == 0).then(|| random.between(0, 999));
            let own = points.entry((host, at)).or_default();
            let mut fields = Vec::new();
            for (place, value) in [v, w, Some(at)].into_iter().enumerate() {
                if let Some(value) = value {
                    own[place] = Some(value);
                    fields.push(format!("{}={value}i", FIELDS[place]));
                }
            }
            let fields = fields.join(",");
            lines += &format!("m,host=h{host} {fields} {}000000000\n", START_S + at);
        }
    }
    lines
}

/// Time and value of what a function finds among a host's points, of which only some times
/// count.
fn expected(
    points: &Points,
    function: &str,
    host: usize,
    field: usize,
    until: u64,
) -> Option<(u64, u64)> {
    let mut values = points
        .range((host, 0)..(host, until))
        .filter_map(|((_, at), values)| Some((START_S + at, values[field]?)));
    match function {
        "first" => values.next(),
        "last" => values.next_back(),
        _ => {
            let count = values.count() as u64;
            (count > 0).then_some((0, count))
        }
    }
}

fn answer(client: &Client, statement: &str) -> Vec<(usize, u64, u64)> {
    let answer = client.query("db", statement);
    let series = answer["results"][0]["series"].as_array();
    let found = series.into_iter().flatten().map(|series| {
        let host = series["tags"]["host"].as_str().expect("a host");
        let row = &series["values"][0];
        let time = row[0].as_u64().expect("a time") / 1_000_000_000;
        let host = host[1..].parse().expect("a number");
        (host, time, row[1].as_u64().expect("a value"))
    });
    found.collect()
}

#[test]
fn ends_and_numbers_of_points_are_right_wherever_the_points_are() {
    let mut random = Random::new(seed("SOURCES_SEED"));
    let sandbox = Sandbox::new().with("flush", "interval_secs", "1");
    let node = sandbox.start();
    let client = node.client();
    client.run("CREATE DATABASE db");
    let mut points = Points::new();
    for number in 0..LOADS {
        let lines = load(&mut random, number, &mut points);
        client.write("db", &lines);
        // The last one is in memory, mostly.
        if number + 1 < LOADS {
            wait::until("the flush", Duration::from_secs(30), || {
                let text = client.get("/metrics").text();
                text.contains("\nhyperbytedb_memtable_bytes 0\n")
                    .then_some(())
            });
        }
    }
    for _ in 0..200 {
        let place = random.below(FIELDS.len());
        let until = random.between(1, 260);
        let function = ["first", "last", "count"][random.below(3)];
        let statement = format!(
            "SELECT {function}({}) FROM m WHERE time < {}s GROUP BY host",
            FIELDS[place],
            START_S + until,
        );
        let expected = (0..HOSTS).filter_map(|host| {
            let (time, value) = expected(&points, function, host, place, until)?;
            Some((host, time, value))
        });
        let expected: Vec<_> = expected.collect();
        assert_eq!(answer(client, &statement), expected, "{statement}");
    }
}
