//! Prometheus with this server as its remote storage.

use std::fs;
use std::process::Command;
use std::time::Duration;

use process_tests::client::encode;
use process_tests::{Client, Sandbox, tools, wait};
use serde_json::json;

const LIMIT: Duration = Duration::from_secs(30);

#[test]
fn it_writes_its_samples_and_reads_them_back() {
    let program = match tools::program("prometheus", "prometheus") {
        Ok(program) => program,
        Err(reason) => return tools::cannot_run("Prometheus", &reason),
    };
    let sandbox = Sandbox::new();
    let node = sandbox.start();
    node.client().run("CREATE DATABASE prom");
    let now = std::time::SystemTime::UNIX_EPOCH
        .elapsed()
        .unwrap()
        .as_nanos();
    let only_here = format!("older,job=elsewhere,__name__=older value=42 {now}");
    node.client().write("prom", &only_here);
    let address = tools::free_address();
    let config = sandbox.path().join("prometheus.yml");
    let text = format!(
        "global: {{scrape_interval: 200ms}}\n\
         scrape_configs: [{{job_name: self, scrape_timeout: 200ms, static_configs: [{{targets: ['{address}']}}]}}]\n\
         remote_write: [{{url: '{url}/api/v1/prom/write?db=prom&u=a&p=b', queue_config: {{batch_send_deadline: 100ms}}}}]\n\
         remote_read: [{{url: '{url}/api/v1/prom/read?db=prom&u=a&p=b', read_recent: true}}]\n",
        url = node.url(),
    );
    fs::write(&config, text).unwrap();
    let _running = tools::start(
        Command::new(program)
            .arg(format!("--config.file={}", config.display()))
            .arg(format!(
                "--storage.tsdb.path={}",
                sandbox.path().join("tsdb").display()
            ))
            .arg(format!("--web.listen-address={address}")),
        &sandbox.path().join("prometheus.log"),
    );
    let rows = wait::until("samples of Prometheus", LIMIT, || {
        let rows = node
            .client()
            .try_query("prom", "SELECT value, job, instance FROM up LIMIT 1");
        let rows = rows.ok()?.json()["results"][0]["series"][0]["values"].clone();
        rows.as_array().cloned()
    });
    assert_eq!(
        (&rows[0][2], &rows[0][3]),
        (&json!("self"), &json!(address))
    );
    // What only this server has comes by remote read.
    let prometheus = Client::new(&format!("http://{address}"));
    let target = format!("/api/v1/query?query={}", encode("older{job=~\"else.*\"}"));
    let value = wait::until("an answer of Prometheus", LIMIT, || {
        let reply = prometheus.send("GET", &target, &[], ()).ok()?;
        let found = reply.json()["data"]["result"][0]["value"][1].clone();
        found.is_string().then_some(found)
    });
    assert_eq!(value, json!("42"));
}
