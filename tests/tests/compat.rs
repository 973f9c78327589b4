//! Answers recorded from a real InfluxDB: `tests/compat/README.md` has the format.

use std::fs;
use std::path::PathBuf;

use process_tests::answers::{equal, same};
use process_tests::{Client, Sandbox};
use serde_json::Value;

struct Case {
    name: String,
    database: String,
    writes: String,
    queries: Vec<(String, Value)>,
}

fn cases() -> Vec<Case> {
    let directory = process_tests::beside("compat/cases");
    let entries = fs::read_dir(&directory).expect("the directory of cases");
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.expect("a case").path()).collect();
    paths.sort();
    assert!(!paths.is_empty(), "no case in {}", directory.display());
    paths.iter().enumerate().map(read).collect()
}

fn read((number, path): (usize, &PathBuf)) -> Case {
    let name = path.display().to_string();
    let text = fs::read_to_string(path).unwrap_or_else(|error| panic!("{name}: {error}"));
    let case: Value = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{name}: {error}"));
    let list = |key: &str| {
        let list = case[key].as_array();
        list.unwrap_or_else(|| panic!("{name}: {key}")).clone()
    };
    let text_of = |value: &Value| {
        let text = value.as_str();
        text.unwrap_or_else(|| panic!("{name}: {value}"))
            .to_string()
    };
    let writes: Vec<String> = list("writes").iter().map(text_of).collect();
    let queries = list("queries");
    let queries = queries
        .iter()
        .map(|item| (text_of(&item["q"]), item["expect"].clone()));
    Case {
        queries: queries.collect(),
        writes: writes.join("\n"),
        database: format!("case_{number}"),
        name,
    }
}

fn load(client: &Client, cases: &[Case]) {
    for case in cases {
        client.run(&format!("CREATE DATABASE {}", case.database));
        client.write(&case.database, &case.writes);
    }
}

/// What does not answer as recorded.
fn differences(client: &Client, cases: &[Case], how: &str) -> Vec<String> {
    let mut out = Vec::new();
    for case in cases {
        for (query, expected) in &case.queries {
            let reply = client.try_query(&case.database, query).expect("a reply");
            let mut result = reply.json()["results"][0].clone();
            if let Some(fields) = result.as_object_mut() {
                fields.remove("statement_id");
            }
            if !same(&result, expected, equal) {
                out.push(format!(
                    "{} ({how})\n  {query}\n  expected {expected}\n  got      {result}",
                    case.name
                ));
            }
        }
    }
    out
}

fn check(executor: &str) {
    let cases = cases();
    let sandbox = Sandbox::new().with("query", "executor", &format!("\"{executor}\""));
    let node = sandbox.start();
    load(node.client(), &cases);
    let mut wrong = differences(node.client(), &cases, &format!("{executor}, memory"));
    // Stopping writes what is in memory into files.
    node.stop();
    let node = sandbox.start();
    wrong.extend(differences(
        node.client(),
        &cases,
        &format!("{executor}, files"),
    ));
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn direct_executor_answers_as_recorded() {
    check("direct");
}

#[test]
fn clickhouse_executor_answers_as_recorded() {
    check("clickhouse");
}
