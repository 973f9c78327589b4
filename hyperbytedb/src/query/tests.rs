//! The pipeline over a database in memory, against answers of InfluxDB.

mod encode;
mod explain;
mod limits;
mod memory;
mod pushdown;
mod select;
mod show;

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use influxql::ast::Statement;

use super::context::QueryContext;
use super::encode::json::JsonEncoder;
use super::encode::{Encode, Epoch, Options};
use super::execute::execute_statement;
use super::value::Value;
use memory::Memory;

const SECOND: i64 = 1_000_000_000;

pub(super) fn context() -> QueryContext {
    QueryContext {
        identity: crate::auth::Identity::Server,
        database: "db".to_owned(),
        policy: None,
        now_ns: 60 * SECOND,
        deadline: None,
        memory_bytes_max: 1 << 26,
        buckets_max: 0,
        cancelled: Arc::new(AtomicBool::new(false)),
        work: Arc::default(),
    }
}

fn statement(text: &str) -> Statement {
    influxql::parse_statement(text).unwrap_or_else(|error| panic!("{text}: {error}"))
}

/// The result in seconds, without the frame around it, or the error.
fn run_with(memory: &Memory, text: &str, context: &QueryContext) -> String {
    let mut encoder = JsonEncoder::new(Options {
        epoch: Epoch::Seconds,
        ..Options::default()
    });
    let mut out = Vec::new();
    let statement = statement(text);
    encoder.begin_statement(0, None, &[], &mut out);
    let mut failure = None;
    match execute_statement(&statement, memory, memory, context) {
        Ok(output) => {
            for chunk in output.into_chunks() {
                match chunk {
                    Ok(chunk) => encoder.chunk(&chunk, &mut out),
                    Err(error) => {
                        failure = Some(error.to_string());
                        break;
                    }
                }
            }
        }
        Err(error) => failure = Some(error.to_string()),
    }
    encoder.end_statement(failure.as_deref(), &mut out);
    encoder.finish(&mut out);
    let text = String::from_utf8(out).expect("UTF-8");
    let text = text.trim_end().to_owned();
    let inner = text.strip_prefix("{\"results\":[{\"statement_id\":0");
    let inner = inner.and_then(|rest| rest.strip_suffix("}]}"));
    let inner = inner.unwrap_or(&text);
    inner.strip_prefix(',').unwrap_or(inner).to_owned()
}

fn run(memory: &Memory, text: &str) -> String {
    run_with(memory, text, &context())
}

/// Two measurements of a few points.
fn sample() -> Memory {
    let mut memory = Memory::with_database("db");
    let mut write = |name: &str, tags: &[(&str, &str)], fields: &[(&str, Value)], seconds: i64| {
        let tags = tags
            .iter()
            .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))
            .collect();
        let fields: Vec<_> = fields
            .iter()
            .map(|(k, v)| ((*k).to_owned(), v.clone()))
            .collect();
        memory.write("db", "autogen", name, &tags, &fields, seconds * SECOND);
    };
    let float = |v: f64| ("v", Value::Float(v));
    let integer = |v: i64| ("i", Value::Integer(v));
    let text = |v: &str| ("s", Value::String(v.to_owned()));
    let boolean = |v: bool| ("b", Value::Boolean(v));
    let (ax, ay) = (
        [("host", "a"), ("region", "x")],
        [("host", "a"), ("region", "y")],
    );
    let (bx, by) = (
        [("host", "b"), ("region", "x")],
        [("host", "b"), ("region", "y")],
    );
    write(
        "cpu",
        &ax,
        &[float(1.0), integer(1), text("p"), boolean(true)],
        0,
    );
    write(
        "cpu",
        &ay,
        &[float(2.0), integer(5), text("q"), boolean(false)],
        10,
    );
    write("cpu", &bx, &[float(3.0), integer(3), text("r")], 10);
    write("cpu", &by, &[float(5.0), integer(8)], 30);
    write(
        "cpu",
        &[("host", "c")],
        &[float(7.0), ("w", Value::Float(1.5))],
        40,
    );
    write("mem", &[("host", "a")], &[float(4.0)], 0);
    write("mem", &[("host", "b")], &[float(9.0)], 50);
    memory
}
