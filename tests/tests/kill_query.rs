//! `KILL QUERY` ends the work of a query, whatever it waits for.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use process_tests::{Client, Sandbox, wait};

const LIMIT: Duration = Duration::from_secs(30);
/// More rows than the buffers between node and client take in.
const ROWS: usize = 600_000;

/// The numbers of running queries whose text holds `part`.
fn running(client: &Client, part: &str) -> Vec<u64> {
    let rows = client.rows("", "SHOW QUERIES");
    let is_meant =
        |row: &&Vec<serde_json::Value>| row[1].as_str().is_some_and(|q| q.contains(part));
    rows.iter()
        .filter(is_meant)
        .filter_map(|row| row[0].as_u64())
        .collect()
}

#[test]
fn a_query_whose_client_does_not_read_can_be_killed() {
    let sandbox = Sandbox::new();
    let node = sandbox.start();
    let client = node.client();
    let _created = client.query("", "CREATE DATABASE db");
    let lines: Vec<String> = (0..ROWS)
        .map(|row| format!("m,t=a v={row} {row}"))
        .collect();
    for lines in lines.chunks(ROWS / 10) {
        client.write("db", &lines.join("\n"));
    }
    let address = client.url().trim_start_matches("http://").to_string();
    let mut stalled = TcpStream::connect(&address).expect("a connection");
    let request =
        "GET /query?db=db&q=SELECT%20*%20FROM%20m HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    stalled
        .write_all(request.as_bytes())
        .expect("the request is sent");
    let id = wait::until("the query runs", LIMIT, || {
        running(client, "SELECT * FROM m").first().copied()
    });
    // It waits for its reader, and runs for as long as nobody kills it.
    assert_eq!(running(client, "SELECT * FROM m"), [id]);
    let _killed = client.query("", &format!("KILL QUERY {id}"));
    wait::until("the query has ended", LIMIT, || {
        running(client, "SELECT * FROM m").is_empty().then_some(())
    });
    // Its connection ends, too, before all rows.
    let mut rest = Vec::new();
    let _broken = stalled.read_to_end(&mut rest);
    let last = format!("{}]", ROWS - 1);
    assert!(
        !String::from_utf8_lossy(&rest).contains(&last),
        "all rows came"
    );
    let gone = client
        .try_query("", &format!("KILL QUERY {id}"))
        .expect("an answer");
    assert!(gone.text().contains("no such query id"), "{}", gone.text());
    // The place that it took is free.
    assert_eq!(client.rows("db", "SELECT count(v) FROM m")[0][1], ROWS);
}
