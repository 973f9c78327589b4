//! What Prometheus gets from `/metrics`, and what `SHOW STATS` has.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::Write;
use std::net::TcpStream;
use std::process::{Command, Stdio};
use std::time::Duration;

use process_tests::client::encode;
use process_tests::raw::Raw;
use process_tests::{Client, Node, Sandbox, tools, wait};
use serde_json::json;

const LIMIT: Duration = Duration::from_secs(30);

fn scrape(node: &Node) -> String {
    let reply = node.client().get("/metrics");
    assert_eq!(reply.status, 200);
    assert_eq!(reply.headers["content-type"], "text/plain; version=0.0.4");
    reply.text().to_string()
}

/// Names and kinds, as `# TYPE` has them.
fn families(text: &str) -> BTreeMap<String, String> {
    let lines = text.lines().filter_map(|line| line.strip_prefix("# TYPE "));
    let pairs = lines.filter_map(|line| line.split_once(' '));
    pairs
        .map(|(name, kind)| (name.to_string(), kind.to_string()))
        .collect()
}

/// All samples with their labels, without the values.
fn samples(text: &str) -> BTreeSet<String> {
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    let samples = lines.filter_map(|line| line.rsplit_once(' '));
    samples.map(|(name, _)| name.to_string()).collect()
}

fn value(text: &str, sample: &str) -> f64 {
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix(sample)?.strip_prefix(' '));
    let line = line.unwrap_or_else(|| panic!("no {sample} in {text}"));
    line.parse().expect("a number")
}

/// Some of everything, errors included.
fn work(node: &Node) {
    let client = node.client();
    client.run("CREATE DATABASE d");
    client.write("d", "cpu,host=a v=1\ncpu,host=b v=2");
    let _series = client.query("d", "SELECT mean(v) FROM cpu GROUP BY host");
    let failed = client
        .try_query("d", "SELECT v FROM nosuch..cpu")
        .expect("a reply");
    assert!(failed.text().contains("database not found"));
    let invalid = client.try_query("d", "SELECT").expect("a reply");
    assert_eq!(invalid.status, 400);
    let mut large = Raw::connect(node.address()).expect("a connection");
    large
        .send(b"POST /write?db=d HTTP/1.1\r\nHost: test\r\nExpect: 100-continue\r\nContent-Length: 30000000\r\n\r\n")
        .expect("a request on its way");
    assert_eq!(large.reply().expect("a reply").status, 413);
}

#[test]
fn what_is_documented_is_what_is_answered() {
    let sandbox = Sandbox::new();
    let node = sandbox.start();
    work(&node);
    let documented: BTreeMap<String, String> =
        fs::read_to_string(process_tests::beside("../docs/metrics.md"))
            .unwrap()
            .lines()
            .filter_map(|line| line.strip_prefix("| `")?.split_once("` | "))
            .map(|(name, rest)| {
                (
                    name.to_string(),
                    rest.split(' ').next().unwrap().to_string(),
                )
            })
            .collect();
    // The counter of requests by route has a sample once a scrape is answered.
    let _first = scrape(&node);
    let text = scrape(&node);
    assert_eq!(families(&text), documented);
    let refused = "hyperbytedb_http_requests_refused_total{reason=\"body_too_large\"}";
    assert_eq!(value(&text, refused), 1.0);
    assert!(value(&text, "hyperbytedb_http_connections") >= 1.0);
    assert_eq!(value(&text, "hyperbytedb_ingestion_points_total"), 2.0);
    assert_eq!(value(&text, "hyperbytedb_series"), 2.0);
    assert_eq!(value(&text, "hyperbytedb_wal_backlog_entries"), 1.0);
    assert_eq!(value(&text, "hyperbytedb_wal_commit_seconds_count"), 1.0);
    assert!(value(&text, "hyperbytedb_memtable_bytes") > 0.0);
    for sample in [
        "hyperbytedb_query_errors_total{statement=\"select\"}",
        "hyperbytedb_query_errors_total{statement=\"invalid\"}",
    ] {
        assert_eq!(value(&text, sample), 1.0, "{sample}");
    }
}

#[test]
fn promtool_finds_nothing_to_complain_of() {
    let program = match tools::program("promtool", "prometheus") {
        Ok(program) => program,
        Err(reason) => return tools::cannot_run("promtool", &reason),
    };
    let sandbox = Sandbox::new();
    let node = sandbox.start();
    work(&node);
    let mut child = Command::new(program)
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = child.stdin.take().unwrap();
    input.write_all(scrape(&node).as_bytes()).unwrap();
    drop(input);
    let output = child.wait_with_output().unwrap();
    let said = format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    assert!(output.status.success() && said.is_empty(), "{said}");
}

#[test]
fn prometheus_scrapes_it() {
    let program = match tools::program("prometheus", "prometheus") {
        Ok(program) => program,
        Err(reason) => return tools::cannot_run("Prometheus", &reason),
    };
    let sandbox = Sandbox::new().with("cluster", "node_id", "7");
    let node = sandbox.start();
    work(&node);
    let address = tools::free_address();
    let config = sandbox.path().join("prometheus.yml");
    let target = node.url().trim_start_matches("http://");
    let text = format!(
        "global: {{scrape_interval: 200ms}}\n\
         scrape_configs: [{{job_name: node, scrape_timeout: 200ms, static_configs: [{{targets: ['{target}']}}]}}]\n"
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
    let prometheus = Client::new(&format!("http://{address}"));
    let ask = |query: &str| {
        let target = format!("/api/v1/query?query={}", encode(query));
        let reply = prometheus.send("GET", &target, &[], ()).ok()?;
        if reply.status != 200 {
            // It is still starting.
            return None;
        }
        let found = reply.json()["data"]["result"][0].clone();
        found.is_object().then_some(found)
    };
    let info = wait::until("a scrape", LIMIT, || ask("hyperbytedb_info"));
    assert_eq!(info["metric"]["node_id"], json!("7"));
    let writes = "histogram_quantile(0.9, hyperbytedb_write_duration_seconds_bucket)";
    let found = wait::until("a quantile", LIMIT, || ask(writes));
    let seconds: f64 = found["value"][1].as_str().unwrap().parse().unwrap();
    assert!(seconds > 0.0 && seconds < 30.0, "{found}");
}

#[test]
fn clients_cannot_make_labels() {
    let sandbox = Sandbox::new();
    let node = sandbox.start();
    work(&node);
    let client = node.client();
    let visit = |number: usize| {
        let unknown = client.get(&format!("/nosuch/{number}"));
        assert_eq!(unknown.status, 404);
    };
    visit(0);
    let _first = scrape(&node);
    let before = samples(&scrape(&node));
    for number in 0..10_000 {
        let database = format!("db{number}");
        let statement = format!("SELECT f{number} FROM m{number} WHERE t{number} = 'x'");
        let reply = client.try_query(&database, &statement).unwrap();
        assert_eq!(reply.status, 200);
    }
    for number in 0..100 {
        visit(number);
        client.run(&format!("CREATE DATABASE made{number}"));
        client.write(
            &format!("made{number}"),
            &format!("m{number},t{number}=a v=1"),
        );
    }
    let text = scrape(&node);
    assert_eq!(samples(&text), before);
    assert_eq!(value(&text, "hyperbytedb_databases"), 101.0);
    assert!(value(&text, "hyperbytedb_statement_digests") <= 1000.0);
}

#[test]
fn it_answers_while_queries_wait() {
    let sandbox = Sandbox::new().with("server", "max_concurrent_queries", "1");
    let node = sandbox.start();
    work(&node);
    node.client().write("d", "cpu v=1 1");
    // Clients that ask for much and read nothing: the first one keeps its turn.
    let statement =
        "SELECT count(v) FROM cpu WHERE time >= 0 AND time < 2000000s GROUP BY time(1s) fill(0)";
    let request = format!(
        "GET /query?db=d&q={} HTTP/1.1\r\nhost: node\r\n\r\n",
        encode(statement)
    );
    let connections: Vec<TcpStream> = (0..3)
        .map(|_| {
            let mut connection =
                TcpStream::connect(node.url().trim_start_matches("http://")).unwrap();
            connection.write_all(request.as_bytes()).unwrap();
            connection
        })
        .collect();
    let text = wait::until("queries that wait", LIMIT, || {
        let text = scrape(&node);
        (value(&text, "hyperbytedb_queries_waiting") == 2.0).then_some(text)
    });
    assert_eq!(value(&text, "hyperbytedb_queries_running"), 1.0);
    assert_eq!(value(&text, "hyperbytedb_queries_limit"), 1.0);
    drop(connections);
    wait::until("the end of the queries", LIMIT, || {
        let text = scrape(&node);
        let left = value(&text, "hyperbytedb_queries_waiting")
            + value(&text, "hyperbytedb_queries_running")
            + value(&text, "hyperbytedb_http_requests_in_flight");
        // The scrape is a request itself.
        (left == 1.0).then_some(())
    });
}

#[test]
fn they_can_be_switched_off() {
    let sandbox = Sandbox::new().with("metrics", "enabled", "false");
    let node = sandbox.start();
    work(&node);
    assert_eq!(node.client().get("/metrics").status, 404);
}

#[test]
fn statistics_have_the_modules_that_agents_ask_for() {
    let sandbox = Sandbox::new();
    let node = sandbox.start();
    let shown = node.client().query("", "SHOW STATS FOR 'subscriber'");
    assert_eq!(
        shown["results"][0]["series"][0],
        json!({
            "name": "subscriber",
            "columns": ["createFailures", "pointsWritten", "writeFailures"],
            "values": [[0, 0, 0]],
        })
    );
}
