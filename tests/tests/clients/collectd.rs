//! collectd: its plugin write_influxdb_udp.

use std::fs;
use std::process::Command;
use std::time::Duration;

use process_tests::{Sandbox, tools, wait};
use serde_json::Value;

#[test]
fn it_sends_by_udp() {
    let program = match tools::program("collectd", "collectd-core") {
        Ok(program) => program,
        Err(reason) => return tools::cannot_run("collectd", &reason),
    };
    let sandbox = Sandbox::new()
        .with("udp", "enabled", "true")
        .with("udp", "bind_address", "\"127.0.0.1:0\"")
        .with("udp", "database", "\"collectd\"")
        .with("udp", "batch_timeout", "\"20ms\"");
    let node = sandbox.start();
    let address = sandbox.udp_address();
    let (host, port) = address.rsplit_once(':').expect("an address");
    let directory = sandbox.path().display();
    let config = sandbox.path().join("collectd.conf");
    let text = format!(
        "Hostname \"a host\"\nInterval 0.2\nBaseDir \"{directory}\"\nPIDFile \"{directory}/collectd.pid\"\n\
         LoadPlugin load\nLoadPlugin memory\nLoadPlugin write_influxdb_udp\n\
         <Plugin write_influxdb_udp>\n  Server \"{host}\" \"{port}\"\n</Plugin>\n"
    );
    fs::write(&config, text).unwrap();
    let log = sandbox.path().join("collectd.log");
    let _running = tools::start(Command::new(program).arg("-f").arg("-C").arg(&config), &log);
    let series = wait::until("values of collectd", Duration::from_secs(20), || {
        let reply = node.client().try_query("collectd", "SHOW SERIES").ok()?;
        let series = reply.json()["results"][0]["series"][0]["values"].clone();
        series.as_array().filter(|series| series.len() > 2).cloned()
    });
    let has = |part: &str| {
        let mut texts = series.iter().filter_map(|row| row[0].as_str());
        texts.any(|text| text.contains(part))
    };
    assert!(
        has("load") && has("memory") && has("a\\ host"),
        "{}",
        Value::from(series.clone())
    );
}
