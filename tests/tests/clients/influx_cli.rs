//! The `influx` command line client of InfluxDB 1.x.

use std::fs;
use std::process::Command;

use process_tests::{Node, Sandbox, tools};
use serde_json::json;

fn influx(node: &Node, arguments: &[&str]) -> Option<String> {
    let program = tools::influx().map_err(|reason| tools::cannot_run("the influx CLI", &reason));
    let mut command = Command::new(program.ok()?);
    command
        .args(["-host", "127.0.0.1", "-port", node.port()])
        .args(arguments);
    Some(tools::run(&mut command))
}

#[test]
fn the_influx_cli_creates_inserts_and_selects() {
    let sandbox = Sandbox::new();
    let node = sandbox.start();
    let Some(printed) = influx(&node, &["-execute", "CREATE DATABASE cli"]) else {
        return;
    };
    assert_eq!(printed, "");
    for insert in [
        "INSERT weather,city=Z\\ rich,site=a temperature=3.5,ok=true,note=\"it \\\"rains\\\"\" 1600000000000000000",
        "INSERT weather,city=Oslo temperature=-1,count=9223372036854775807i 1600000001000000000",
    ] {
        influx(&node, &["-database", "cli", "-execute", insert]);
    }
    let select = "SELECT * FROM weather";
    let printed = influx(
        &node,
        &["-database", "cli", "-format", "csv", "-execute", select],
    );
    assert_eq!(
        printed.as_deref(),
        Some(
            "name,time,city,count,note,ok,site,temperature\n\
             weather,1600000000000000000,Z rich,,\"it \"\"rains\"\"\",true,a,3.5\n\
             weather,1600000001000000000,Oslo,9223372036854775807,,,,-1\n"
        )
    );
    let show = "SHOW DATABASES; SHOW TAG VALUES ON cli WITH KEY = city";
    let printed = influx(&node, &["-format", "json", "-execute", show]).unwrap();
    assert!(
        printed.contains("\"cli\"") && printed.contains("\"Oslo\""),
        "{printed}"
    );
    // The CLI asks for the answer in chunks.
    let mean = "SELECT mean(temperature) FROM weather WHERE time >= 1600000000s AND time < 1600000002s GROUP BY time(1s)";
    let printed = influx(
        &node,
        &["-database", "cli", "-format", "csv", "-execute", mean],
    );
    assert_eq!(
        printed.as_deref(),
        Some("name,time,mean\nweather,1600000000000000000,3.5\nweather,1600000001000000000,-1\n")
    );
}

#[test]
fn the_influx_cli_imports_a_dump() {
    let sandbox = Sandbox::new();
    let node = sandbox.start();
    let mut dump = String::from(
        "# DDL\nCREATE DATABASE imported WITH NAME forever\n\n# DML\n\
         # CONTEXT-DATABASE: imported\n# CONTEXT-RETENTION-POLICY: forever\n\n",
    );
    // More lines than one request of the importer holds, one field a line as
    // `influx_inspect export` writes them.
    for n in 0..6000 {
        dump.push_str(&format!(
            "load,host=h{} a={n} {}\n",
            n % 7,
            1_600_000_000_i64 + n
        ));
        dump.push_str(&format!(
            "load,host=h{} b=\"x{n}\" {}\n",
            n % 7,
            1_600_000_000_i64 + n
        ));
    }
    let file = sandbox.path().join("dump.txt");
    fs::write(&file, dump).unwrap();
    let file = file.to_string_lossy();
    let Some(printed) = influx(&node, &["-import", "-path", &file, "-precision", "s"]) else {
        return;
    };
    assert!(printed.contains("Failed 0 inserts"), "{printed}");
    let client = node.client();
    let rows = client.rows(
        "imported",
        "SELECT count(a) AS a, count(b) AS b, sum(a) AS s FROM forever.load",
    );
    assert_eq!(
        rows,
        [[json!(0), json!(6000), json!(6000), json!(17_997_000)]]
    );
    let rows = client.rows(
        "imported",
        "SELECT a, b, host FROM load WHERE host = 'h6' LIMIT 1",
    );
    assert_eq!(
        rows,
        [[
            json!(1_600_000_006_000_000_000_i64),
            json!(6),
            json!("x6"),
            json!("h6")
        ]]
    );
}
