//! `first` and `last` of series whose points lie in several sources that overlap.

use std::collections::BTreeMap;
use std::time::Duration;

use process_tests::random::{Random, seed};
use process_tests::{Client, Sandbox, wait};

const START_S: u64 = 1_704_067_200;
const HOSTS: usize = 8;
const LOADS: usize = 5;

/// The values of the two fields of each point, by host and second.
type Points = BTreeMap<(usize, u64), [Option<u64>; 2]>;

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
            for (place, (name, value)) in [("v", v), ("w", w)].into_iter().enumerate() {
                if let Some(value) = value {
                    own[place] = Some(value);
                    fields.push(format!("{name}={value}i"));
                }
            }
            let fields = fields.join(",");
            lines += &format!("m,host=h{host} {fields} {}000000000\n", START_S + at);
        }
    }
    lines
}

/// Time and value at the end of a host's points, of which only some times count.
fn end(points: &Points, host: usize, field: usize, last: bool, until: u64) -> Option<(u64, u64)> {
    let mut values = points
        .range((host, 0)..(host, until))
        .filter_map(|((_, at), values)| Some((START_S + at, values[field]?)));
    if last {
        values.next_back()
    } else {
        values.next()
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
fn the_ends_of_series_are_found_in_whichever_sources_have_them() {
    let mut random = Random::new(seed("ENDS_SEED"));
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
    for _ in 0..120 {
        let (place, last) = (random.below(2), random.below(2) == 0);
        let until = random.between(1, 260);
        let function = if last { "last" } else { "first" };
        let statement = format!(
            "SELECT {function}({}) FROM m WHERE time < {}s GROUP BY host",
            ["v", "w"][place],
            START_S + until,
        );
        let expected = (0..HOSTS).filter_map(|host| {
            let (time, value) = end(&points, host, place, last, until)?;
            Some((host, time, value))
        });
        let expected: Vec<_> = expected.collect();
        assert_eq!(answer(client, &statement), expected, "{statement}");
    }
}
