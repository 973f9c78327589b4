//! Heads of requests as hand-made clients send them, and what is decided by them alone:
//! before a body comes, or instead of it.

use std::io::Write;
use std::time::Duration;

use process_tests::raw::{Raw, RawReply};
use process_tests::{Node, Sandbox, wait};
use serde_json::{Value, json};

/// Sends bytes on a connection of their own and reads the first answer.
fn told(node: &Node, bytes: &[u8]) -> RawReply {
    let mut connection = Raw::connect(node.address()).expect("a connection");
    connection.send(bytes).expect("a server that reads");
    connection.reply().expect("an answer")
}

fn get(target: &[u8]) -> Vec<u8> {
    [b"GET ", target, b" HTTP/1.1\r\nHost: test\r\n\r\n"].concat()
}

/// What is refused is JSON with the usual headers.
fn check_refusal(reply: &RawReply, status: u16, what: &str) {
    assert_eq!(reply.status, status, "{what}: {reply:?}");
    let body: Value = serde_json::from_str(&reply.body)
        .unwrap_or_else(|error| panic!("{what}: {error}: {reply:?}"));
    assert!(body["error"].is_string(), "{what}: {reply:?}");
    assert_eq!(reply.header("content-type"), "application/json", "{what}");
    assert!(!reply.header("request-id").is_empty(), "{what}: {reply:?}");
    assert!(
        reply.header("x-influxdb-version").starts_with("1."),
        "{what}: {reply:?}"
    );
}

/// InfluxDB 1.6.7 answers these with the same points, but for the unencoded spaces.
#[test]
fn urls_that_are_made_by_hand_are_answered() {
    let sandbox = Sandbox::new();
    let node = sandbox.start();
    node.client().run("CREATE DATABASE db");
    node.client()
        .write("db", "m,h=a v=1 1\nm#1 v=4 4\nt\u{e4},h=b v=5 5");
    let rows = |target: &[u8]| {
        let reply = told(&node, &get(target));
        let shown = String::from_utf8_lossy(target);
        assert_eq!(reply.status, 200, "{shown}: {reply:?}");
        let document: Value = serde_json::from_str(&reply.body).expect("JSON");
        document["results"][0]["series"][0]["values"].clone()
    };
    let values: [(&[u8], Value); 8] = [
        (
            br#"/query?db=db&epoch=ns&q=SELECT+"v"+FROM+"m"+WHERE+v<5+AND+v>0"#,
            json!([[1, 1]]),
        ),
        (
            br#"/query?db=db&epoch=ns&q=SELECT "v" FROM "m" WHERE v < 5"#,
            json!([[1, 1]]),
        ),
        (
            br#"/query?db=db&epoch=ns&q=SELECT+v+FROM+"m#1""#,
            json!([[4, 4]]),
        ),
        (
            "/query?db=db&epoch=ns&q=SELECT+v+FROM+\"t\u{e4}\"".as_bytes(),
            json!([[5, 5]]),
        ),
        (
            br#"/query?db=db&epoch=ns&params={"h":"a"}&q=SELECT+v+FROM+m+WHERE+h=$h"#,
            json!([[1, 1]]),
        ),
        (
            br"/query?db=db&epoch=ns&q=SELECT+v+FROM+m+WHERE+h=~/^(a|b)$/",
            json!([[1, 1]]),
        ),
        (
            br"/query?db=db&epoch=ns&q=SELECT+v+FROM+m+WHERE+h='`{}[]|\\'",
            Value::Null,
        ),
        (
            b"/query?db=db&epoch=ns&q=SELECT+v+FROM+m+WHERE+h='\xff'",
            Value::Null,
        ),
    ];
    for (target, expected) in values {
        assert_eq!(
            rows(target),
            expected,
            "{}",
            String::from_utf8_lossy(target)
        );
    }
    // Writes have parameters, too.
    let body = "m v=9 9";
    let head = "POST /write?db=db&precision=ns&note=<\"|^> HTTP/1.1\r\nHost: x";
    let write = format!("{head}\r\nContent-Length: {}\r\n\r\n{body}", body.len());
    assert_eq!(told(&node, write.as_bytes()).status, 204);
    node.stop();
}

#[test]
fn a_head_may_have_as_many_bytes_as_the_configuration_says() {
    let sandbox = Sandbox::new();
    let node = sandbox.start();
    node.client().run("CREATE DATABASE db");
    node.client().write("db", "m v=1 1");
    let mut connection = Raw::connect(node.address()).unwrap();
    // The parameter is there twice: what comes first counts, and all of it is read.
    for length in [60_000, 65_500, 66_000, 100_000, 130_000] {
        let filler = "x".repeat(length);
        let target = format!("/query?a={filler}&db=db&epoch=ns&q=SELECT+v+FROM+m+WHERE+v<2");
        let request = get(target.as_bytes());
        connection.send(&request).unwrap();
        let reply = connection.reply().unwrap();
        assert_eq!(reply.status, 200, "{length}: {reply:?}");
        assert!(reply.body.contains("[[1,1]]"), "{length}: {}", reply.body);
        // The next one is not taken for its continuation.
        let next = connection
            .ask("GET", "/query?q=SHOW+DATABASES", "")
            .unwrap();
        assert!(next.body.contains("databases"), "{length}: {}", next.body);
    }
    let many = "x".repeat(140_000);
    let refused = told(&node, &get(format!("/query?q={many}").as_bytes()));
    check_refusal(&refused, 431, "a head of 140,000 bytes");
    let path = "x".repeat(70_000);
    let refused = told(&node, &get(format!("/{path}").as_bytes()));
    check_refusal(&refused, 414, "a path of 70,000 bytes");
    let headers: String = (0..101).map(|n| format!("A{n}: b\r\n")).collect();
    let head = format!("GET /ping HTTP/1.1\r\n{headers}\r\n");
    check_refusal(&told(&node, head.as_bytes()), 431, "101 headers");
    node.stop();
}

/// Long credentials and long queries are the same parameters as short ones.
#[test]
fn credentials_in_a_long_url_count() {
    let sandbox = Sandbox::new().with("auth", "enabled", "true");
    let node = sandbox.start();
    node.client()
        .run("CREATE USER admin WITH PASSWORD 'secret' WITH ALL PRIVILEGES");
    let filler = "x".repeat(80_000);
    let target = format!("/query?a={filler}&u=admin&p=secret&q=SHOW+DATABASES");
    assert_eq!(told(&node, &get(target.as_bytes())).status, 200);
    let target = format!("/query?a={filler}&u=admin&p=wrong&q=SHOW+DATABASES");
    assert_eq!(told(&node, &get(target.as_bytes())).status, 401);
    node.stop();
}

/// Whatever two readers could take for different requests is refused, and what follows it on
/// the connection is never read.
#[test]
fn what_can_be_read_in_two_ways_ends_the_connection() {
    let sandbox = Sandbox::new();
    let node = sandbox.start();
    node.client().run("CREATE DATABASE db");
    let smuggled =
        "POST /query?q=CREATE+DATABASE+smuggled HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n";
    for fields in [
        "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
        "Content-Length: 5\r\nContent-Length: 0\r\n",
        "Content-Length: 0\r\n Transfer-Encoding: chunked\r\n",
        "Content-Length : 0\r\n",
        "Transfer-Encoding: gzip, chunked\r\n",
        "Transfer-Encoding: x\r\n",
        "Content-Length: 0\nTransfer-Encoding: chunked\r\n",
        "Content-Length: 0\rTransfer-Encoding: chunked\r\n",
        "Content-Length: -1\r\n",
    ] {
        let request =
            format!("POST /write?db=db HTTP/1.1\r\nHost: x\r\n{fields}\r\n0\r\n\r\n{smuggled}");
        let mut connection = Raw::connect(node.address()).unwrap();
        connection.send(request.as_bytes()).unwrap();
        let reply = connection.reply().unwrap();
        check_refusal(&reply, 400, fields);
        assert_eq!(reply.header("connection"), "close", "{fields}");
        assert_eq!(connection.rest().unwrap(), "", "{fields}");
    }
    for line in [
        "GET /ping",
        "GET /a b HTTP/1.1",
        "GET /?a\u{1} HTTP/1.1",
        "nonsense",
        "GET /ping HTTP/1.1\nHost: x\n",
    ] {
        let reply = told(&node, format!("{line}\r\n\r\n").as_bytes());
        check_refusal(&reply, 400, line);
    }
    check_refusal(&told(&node, b"GET / HTTP/3.0\r\n\r\n"), 505, "HTTP/3.0");
    // A body that stops being one is told so as well.
    let broken = "POST /write?db=db HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabcdeX";
    let mut connection = Raw::connect(node.address()).unwrap();
    connection
        .send(format!("{broken}{smuggled}").as_bytes())
        .unwrap();
    check_refusal(&connection.reply().unwrap(), 400, broken);
    assert_eq!(connection.rest().unwrap(), "");
    let databases = node.client().rows("", "SHOW DATABASES");
    assert_eq!(databases, [[json!("db")]]);
    node.stop();
}

/// What was answered before a refused head is not lost by it.
#[test]
fn answers_keep_their_order_when_a_head_is_refused() {
    let sandbox = Sandbox::new();
    let node = sandbox.start();
    let mut connection = Raw::connect(node.address()).unwrap();
    let requests =
        "GET /query?q=SHOW+DATABASES HTTP/1.1\r\n\r\nGET /ping HTTP/1.1\r\nA : b\r\n\r\n";
    connection.send(requests.as_bytes()).unwrap();
    assert_eq!(connection.reply().unwrap().status, 200);
    check_refusal(&connection.reply().unwrap(), 400, "the second");
    assert_eq!(connection.rest().unwrap(), "");
    node.stop();
}

#[test]
fn a_head_that_does_not_come_to_its_end_is_told_so() {
    let sandbox = Sandbox::new().with("server", "header_timeout_secs", "1");
    let node = sandbox.start();
    let mut connection = Raw::connect(node.address()).unwrap();
    connection.send(b"POST /write HTTP/1.1\r\nHo").unwrap();
    check_refusal(&connection.reply().unwrap(), 408, "half a head");
    assert_eq!(connection.rest().unwrap(), "");
    node.stop();
}

/// The gauge of memory that bodies have.
fn body_bytes(node: &Node) -> f64 {
    let metrics = node.client().get("/metrics").text();
    let line = metrics
        .lines()
        .find(|line| line.starts_with("hyperbytedb_http_body_bytes "));
    let value = line.and_then(|line| line.split(' ').nth(1)?.parse().ok());
    value.expect("the gauge")
}

#[test]
fn who_may_not_write_is_told_before_the_body_comes() {
    let sandbox = Sandbox::new().with("auth", "enabled", "true");
    let node = sandbox.start();
    node.client()
        .run("CREATE USER admin WITH PASSWORD 'secret' WITH ALL PRIVILEGES");
    let admin = "u=admin&p=secret";
    let setup =
        "CREATE DATABASE db; CREATE USER reader WITH PASSWORD 'r'; GRANT READ ON db TO reader";
    let target = format!("/query?{admin}&q={}", process_tests::client::encode(setup));
    let mut connection = Raw::connect(node.address()).unwrap();
    assert_eq!(connection.ask("POST", &target, "").unwrap().status, 200);
    for (target, status) in [
        ("/write?db=db".to_string(), 401),
        ("/write?db=db&u=admin&p=wrong".to_string(), 401),
        ("/write?db=db&u=reader&p=r".to_string(), 403),
        ("/api/v2/write?bucket=db&u=reader&p=r".to_string(), 403),
        ("/api/v1/prom/write?db=db&u=reader&p=r".to_string(), 403),
        ("/query".to_string(), 401),
        (format!("/write?db=nodb&{admin}"), 404),
        (format!("/write?{admin}"), 400),
        (format!("/write?db=db&consistency=x&{admin}"), 400),
        (format!("/api/v2/write?bucket=db&precision=x&{admin}"), 400),
        (format!("/nowhere?{admin}"), 404),
    ] {
        let mut connection = Raw::connect(node.address()).unwrap();
        let mut sender = connection.sender();
        // A part of the body only: the rest comes when the answer is there.
        let head = format!("POST {target} HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n");
        sender.write_all(head.as_bytes()).unwrap();
        sender.write_all(&[b'x'; 500_000]).unwrap();
        let reply = connection.reply().unwrap();
        assert_eq!(reply.status, status, "{target}: {reply:?}");
        assert_eq!(body_bytes(&node), 0.0, "{target}");
        // Whoever sends it all the same goes on with the connection.
        sender.write_all(&[b'x'; 500_000]).unwrap();
        assert_eq!(
            connection.ask("GET", "/ping", "").unwrap().status,
            204,
            "{target}"
        );
    }
    // Parameters of a form are read from the body.
    let form = "POST /query?u=admin&p=secret HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 16\r\n\r\nq=SHOW+DATABASES";
    let reply = told(&node, form.as_bytes());
    assert!(reply.body.contains("\"db\""), "{reply:?}");
    node.stop();
}

/// The same answers without the body, which nobody asks for: the connection ends, since nobody
/// knows whether it comes all the same.
#[test]
fn nobody_is_asked_for_a_body_in_vain() {
    let sandbox = Sandbox::new();
    let node = sandbox.start();
    node.client().run("CREATE DATABASE db");
    for (target, length, status) in [
        ("/write?db=nodb", 10, 404),
        ("/write", 10, 400),
        ("/api/v2/write?bucket=db&precision=x", 10, 400),
        ("/api/v2/write?bucket=nodb", 10, 404),
        ("/api/v2/delete?bucket=nodb", 10, 404),
        ("/api/v1/prom/write?db=nodb", 10, 404),
        ("/nowhere", 10, 404),
        ("/ping", 10, 405),
        ("/write?db=db", 100_000_000, 413),
    ] {
        let request = format!(
            "POST {target} HTTP/1.1\r\nHost: x\r\nContent-Length: {length}\r\nExpect: 100-continue\r\n\r\n"
        );
        let mut connection = Raw::connect(node.address()).unwrap();
        connection.send(request.as_bytes()).unwrap();
        let reply = connection.reply().unwrap();
        assert_eq!(reply.status, status, "{target}: {reply:?}");
        assert_eq!(reply.header("connection"), "close", "{target}");
        assert_eq!(connection.rest().unwrap(), "", "{target}");
    }
    // Where nothing is in the way the client gets leave.
    let mut connection = Raw::connect(node.address()).unwrap();
    let head = "POST /write?db=db HTTP/1.1\r\nHost: x\r\nContent-Length: 7\r\nExpect: 100-continue\r\n\r\n";
    connection.send(head.as_bytes()).unwrap();
    assert_eq!(connection.reply().unwrap().status, 100);
    connection.send(b"m v=1 1").unwrap();
    assert_eq!(connection.reply().unwrap().status, 204);
    assert_eq!(connection.ask("GET", "/ping", "").unwrap().status, 204);
    node.stop();
}

/// A body that nobody wants is taken in within bounds, and its connection is not taken for an
/// idle one meanwhile.
#[test]
fn a_refused_body_that_stands_still_ends_with_its_connection() {
    let sandbox = Sandbox::new().with("server", "body_timeout_secs", "1");
    let node = sandbox.start();
    let mut connection = Raw::connect(node.address()).unwrap();
    let head = "POST /write?db=nodb HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\nm v";
    connection.send(head.as_bytes()).unwrap();
    assert_eq!(connection.reply().unwrap().status, 404);
    wait::until("the end of the connection", Duration::from_secs(30), || {
        connection.rest().ok()
    });
    node.stop();
}
