//! Authentication and authorization of the real binary: who may do what over which route.

use std::time::Duration;

use process_tests::https::{Authority, FAST, Https};
use process_tests::node::quoted;
use process_tests::{Client, Sandbox, wait};
use serde_json::Value;

/// The rights of each user of the matrix, as statements that give them.
const USERS: [(&str, &str); 5] = [
    ("nobody", ""),
    ("reader", "GRANT READ ON db TO reader"),
    ("writer", "GRANT WRITE ON db TO writer"),
    ("both", "GRANT ALL ON db TO both"),
    ("admin", ""),
];
/// As they stand in the columns of [`ROWS`]: no credentials, a wrong password, then users.
const ANONYMOUS: usize = 0;
const WRONG: usize = 1;

/// Method, target, body, and the status for each of: no credentials, a wrong password,
/// nobody, reader, writer, both, admin.
type Row = (&'static str, &'static str, &'static str, [u16; 7]);

const ROWS: &[Row] = &[
    ("GET", "/ping", "", [204; 7]),
    ("GET", "/health", "", [200; 7]),
    ("GET", "/ready", "", [200; 7]),
    ("GET", "/status", "", [204; 7]),
    ("OPTIONS", "/query", "", [200; 7]),
    ("GET", "/nowhere", "", [401, 401, 404, 404, 404, 404, 404]),
    ("GET", "/query", "", [401, 401, 400, 400, 400, 400, 400]),
    (
        "GET",
        "/debug/vars",
        "",
        [401, 401, 403, 403, 403, 403, 200],
    ),
    (
        "POST",
        "/write?db=db",
        "m v=1 1",
        [401, 401, 403, 403, 204, 204, 204],
    ),
    (
        "POST",
        "/write?db=other",
        "m v=1 1",
        [401, 401, 403, 403, 403, 403, 204],
    ),
    (
        "POST",
        "/write?db=none",
        "m v=1 1",
        [401, 401, 404, 404, 404, 404, 404],
    ),
    (
        "POST",
        "/api/v2/write?bucket=db",
        "m v=1 1",
        [401, 401, 403, 403, 204, 204, 204],
    ),
    (
        "POST",
        "/api/v2/delete?bucket=db",
        DELETE,
        [401, 401, 403, 403, 200, 200, 200],
    ),
    (
        "POST",
        "/api/v2/query",
        "",
        [401, 401, 403, 403, 403, 403, 403],
    ),
    (
        "GET",
        "/api/v2/buckets",
        "",
        [401, 401, 200, 200, 200, 200, 200],
    ),
    (
        "POST",
        "/api/v1/prom/write?db=db",
        "?",
        [401, 401, 403, 403, 400, 400, 400],
    ),
    (
        "POST",
        "/api/v1/prom/read?db=db",
        "?",
        [401, 401, 403, 400, 403, 400, 400],
    ),
];
const DELETE: &str =
    r#"{"start":"1970-01-01T00:00:00Z","stop":"1970-01-01T00:00:01Z","predicate":""}"#;

/// A statement on the database `db` and who of nobody, reader, writer, both, admin may.
const STATEMENTS: &[(&str, &str)] = &[
    ("SHOW DATABASES", "nrwba"),
    ("SELECT v FROM m", "rba"),
    ("SELECT v FROM other..m", "a"),
    (
        "SELECT v FROM (SELECT v FROM (SELECT v FROM other..m))",
        "a",
    ),
    ("SELECT v FROM m, (SELECT v FROM other..m)", "a"),
    ("SELECT v INTO n FROM m", "ba"),
    ("SELECT v INTO other..n FROM m", "a"),
    ("EXPLAIN SELECT v FROM m", "rba"),
    ("EXPLAIN ANALYZE SELECT v FROM other..m", "a"),
    ("SHOW MEASUREMENTS", "rba"),
    ("SHOW MEASUREMENTS ON other", "a"),
    ("SHOW SERIES", "rba"),
    ("SHOW TAG KEYS", "rba"),
    ("SHOW TAG VALUES WITH KEY = k", "rba"),
    ("SHOW FIELD KEYS", "rba"),
    ("SHOW SERIES EXACT CARDINALITY", "rba"),
    ("SHOW RETENTION POLICIES", "rba"),
    ("SHOW RETENTION POLICIES ON other", "a"),
    ("SHOW CONTINUOUS QUERIES", "rba"),
    ("SHOW QUERIES", "rba"),
    ("DELETE FROM m WHERE time < 0", "wba"),
    ("DROP SERIES FROM nosuch", "wba"),
    ("DROP MEASUREMENT nosuch", "a"),
    ("SHOW USERS", "a"),
    ("SHOW GRANTS FOR reader", "a"),
    ("SHOW STATS", "a"),
    ("SHOW DIAGNOSTICS", "a"),
    ("SHOW SHARDS", "a"),
    ("SHOW SUBSCRIPTIONS", "a"),
    ("KILL QUERY 99999", "a"),
    ("CREATE DATABASE db", "a"),
    (
        "CREATE RETENTION POLICY rp ON db DURATION 2h REPLICATION 1",
        "a",
    ),
    ("ALTER RETENTION POLICY rp ON db DURATION 3h", "a"),
    ("DROP RETENTION POLICY rp ON db", "a"),
    ("CREATE USER x WITH PASSWORD 'sesame'", "a"),
    ("SET PASSWORD FOR x = 'sesame'", "a"),
    ("GRANT READ ON db TO x", "a"),
    ("REVOKE READ ON db FROM x", "a"),
    ("GRANT ALL PRIVILEGES TO x", "a"),
    ("REVOKE ALL PRIVILEGES FROM x", "a"),
    ("DROP USER x", "a"),
    ("SHOW DATABASES; DROP DATABASE other", "a"),
];

fn sandbox() -> Sandbox {
    Sandbox::new()
        .with("auth", "enabled", "true")
        .with("auth", "jwt_secret", "\"sekrit\"")
}

fn basic(user: &str) -> String {
    format!("Token {user}:pw-{user}")
}

/// What came back, by whatever way it was asked for.
struct Answer {
    status: u16,
    /// It asks for credentials.
    challenge: bool,
    body: String,
}

impl Answer {
    fn text(&self) -> String {
        self.body.clone()
    }

    fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{}: {error}", self.body))
    }
}

/// A way to a node.
trait Door {
    fn ask(&self, method: &str, target: &str, headers: &[(&str, &str)], body: &str) -> Answer;
}

impl Door for Client {
    fn ask(&self, method: &str, target: &str, headers: &[(&str, &str)], body: &str) -> Answer {
        let reply = self.send(method, target, headers, body);
        let reply = reply.unwrap_or_else(|error| panic!("{method} {target}: {error}"));
        Answer {
            status: reply.status,
            challenge: reply.headers.contains_key("www-authenticate"),
            body: reply.text(),
        }
    }
}

impl Door for Https {
    fn ask(&self, method: &str, target: &str, headers: &[(&str, &str)], body: &str) -> Answer {
        let reply = self.send(method, target, headers, body);
        let reply = reply.unwrap_or_else(|error| panic!("{method} {target}: {error}"));
        let asks = |(name, _): &(String, String)| name == "www-authenticate";
        Answer {
            status: reply.status,
            challenge: reply.headers.iter().any(asks),
            body: reply.body,
        }
    }
}

fn run_as(door: &dyn Door, authorization: &str, database: &str, text: &str) -> Answer {
    let target = format!(
        "/query?db={}&q={}",
        process_tests::client::encode(database),
        process_tests::client::encode(text)
    );
    let headers = [("Authorization", authorization)];
    let headers = if authorization.is_empty() {
        &headers[..0]
    } else {
        &headers[..]
    };
    door.ask("POST", &target, headers, "")
}

/// Statements of an admin that must succeed.
fn admin(door: &dyn Door, text: &str) -> Value {
    let reply = run_as(door, &basic("admin"), "db", text);
    assert_eq!(reply.status, 200, "{text}: {}", reply.text());
    let results = reply.json();
    assert!(
        !reply.text().contains("\"error\""),
        "{text}: {}",
        reply.text()
    );
    results
}

fn populate(client: &dyn Door) {
    let first = "CREATE USER admin WITH PASSWORD 'pw-admin' WITH ALL PRIVILEGES";
    assert_eq!(run_as(client, "", "", first).status, 200);
    admin(client, "CREATE DATABASE db; CREATE DATABASE other");
    for (user, grant) in USERS {
        if user != "admin" {
            admin(
                client,
                &format!("CREATE USER {user} WITH PASSWORD 'pw-{user}'"),
            );
        }
        if !grant.is_empty() {
            admin(client, grant);
        }
    }
}

#[test]
fn before_there_is_an_admin_only_an_admin_can_be_created() {
    let sandbox = sandbox();
    let node = sandbox.start();
    for text in [
        "SHOW DATABASES",
        "CREATE DATABASE db",
        "CREATE USER a WITH PASSWORD 'b'",
    ] {
        let reply = run_as(node.client(), "", "", text);
        assert_eq!(reply.status, 403, "{text}");
        assert!(
            reply.text().contains("create admin user first"),
            "{text}: {}",
            reply.text()
        );
    }
    populate(node.client());
    let again = "CREATE USER other WITH PASSWORD 'x' WITH ALL PRIVILEGES";
    assert_eq!(run_as(node.client(), "", "", again).status, 401);
}

#[test]
fn every_route_is_for_whom_it_is_meant_over_https_before_and_after_a_crash() {
    let mut sandbox = sandbox();
    let authority = Authority::new(sandbox.path(), "root");
    let pair = authority.pair(sandbox.path(), "node", FAST);
    sandbox.set("server", "tls_enabled", "true");
    sandbox.set("server", "tls_cert_path", &quoted(&pair.certificate));
    sandbox.set("server", "tls_key_path", &quoted(&pair.key));
    let mut node = sandbox.start();
    let door = |url: &str| Https::new(url.trim_start_matches("https://"), &authority, None);
    populate(&door(node.url()));
    for round in ["before", "after"] {
        let door = door(node.url());
        check_routes(&door, round);
        check_statements(&door, round);
        node.kill();
        node = sandbox.start();
    }
    let log = sandbox.log();
    for secret in ["pw-admin", "pw-reader", "sesame"] {
        assert!(!log.contains(secret), "{secret} is in the log");
    }
}

fn check_routes(door: &dyn Door, round: &str) {
    for (method, target, body, statuses) in ROWS {
        for (column, expected) in statuses.iter().enumerate() {
            let authorization = match column {
                ANONYMOUS => String::new(),
                WRONG => "Token admin:guess".to_string(),
                user => basic(USERS[user - 2].0),
            };
            let mut headers = vec![("Content-Type", "text/plain")];
            if !authorization.is_empty() {
                headers.push(("Authorization", authorization.as_str()));
            }
            let reply = door.ask(method, target, &headers, body);
            assert_eq!(
                reply.status,
                *expected,
                "{round} the crash: {method} {target} with {authorization:?}: {}",
                reply.text()
            );
            assert_eq!(reply.challenge, *expected == 401, "{method} {target}");
            if *expected == 401 || *expected == 403 {
                let text = reply.json()["error"].as_str().map(str::to_string);
                assert!(
                    text.is_some_and(|text| !text.is_empty()),
                    "{method} {target}"
                );
            }
        }
    }
}

fn check_statements(door: &dyn Door, round: &str) {
    for (text, may) in STATEMENTS {
        for (user, _) in USERS {
            let letter = &user[..1];
            // The one that changes what others are tested on stays for last, and is left out.
            if user == "admin" && text.contains("DROP DATABASE") {
                continue;
            }
            let reply = run_as(door, &basic(user), "db", text);
            let expected = if may.contains(letter) { 200 } else { 403 };
            assert_eq!(
                reply.status,
                expected,
                "{round} the crash: {user}: {text}: {}",
                reply.text()
            );
            assert!(!reply.text().contains("sesame"), "{text}: {}", reply.text());
        }
    }
}

#[test]
fn a_new_password_a_dropped_user_and_a_revoked_right_count_at_once() {
    let sandbox = sandbox();
    let node = sandbox.start();
    populate(node.client());
    let client = node.client();
    let status =
        |authorization: &str| run_as(client, authorization, "db", "SELECT v FROM m").status;
    assert_eq!(status(&basic("reader")), 200);
    admin(client, "SET PASSWORD FOR reader = 'new'");
    assert_eq!(status(&basic("reader")), 401);
    assert_eq!(status("Token reader:new"), 200);
    admin(client, "REVOKE READ ON db FROM reader");
    assert_eq!(status("Token reader:new"), 403);
    admin(client, "GRANT ALL ON db TO reader");
    // A new password leaves the rights as they are.
    admin(client, "SET PASSWORD FOR reader = 'newer'");
    assert_eq!(status("Token reader:newer"), 200);
    admin(client, "DROP USER reader");
    assert_eq!(status("Token reader:newer"), 401);
}

#[test]
fn lists_show_what_their_reader_may_see() {
    let sandbox = sandbox();
    let node = sandbox.start();
    populate(node.client());
    let client = node.client();
    let body = |user: &str, text: &str| run_as(client, &basic(user), "db", text).text();
    for (user, seen) in [("nobody", false), ("reader", true), ("writer", true)] {
        let databases = body(user, "SHOW DATABASES");
        assert_eq!(databases.contains("\"db\""), seen, "{user}: {databases}");
        assert!(!databases.contains("other"), "{user}: {databases}");
    }
    let query = "BEGIN SELECT mean(v) INTO n FROM m GROUP BY time(1h) END";
    admin(
        client,
        &format!("CREATE CONTINUOUS QUERY seen ON db {query}"),
    );
    admin(
        client,
        &format!("CREATE CONTINUOUS QUERY hidden ON other {query}"),
    );
    let queries = body("reader", "SHOW CONTINUOUS QUERIES");
    assert!(
        queries.contains("seen") && !queries.contains("hidden"),
        "{queries}"
    );
    let headers = [("Authorization", basic("reader"))];
    let headers: Vec<(&str, &str)> = headers.iter().map(|(k, v)| (*k, v.as_str())).collect();
    let buckets = client
        .send("GET", "/api/v2/buckets", &headers, ())
        .expect("an answer");
    let buckets = buckets.text();
    assert!(
        buckets.contains("db/autogen") && !buckets.contains("other"),
        "{buckets}"
    );
}

#[test]
fn a_continuous_query_gets_no_further_than_its_owner() {
    let sandbox = sandbox();
    let node = sandbox.start();
    populate(node.client());
    let client = node.client();
    let create = |user: &str, into: &str| {
        let text = format!(
            "CREATE CONTINUOUS QUERY of_{user} ON db BEGIN SELECT count(v) INTO {into} FROM m GROUP BY time(1s) END"
        );
        assert_eq!(run_as(client, &basic(user), "db", &text).status, 200);
    };
    create("reader", "forbidden");
    create("both", "allowed");
    // Points of the present, until a second with some has ended.
    wait::until(
        "the query that may has run",
        Duration::from_secs(30),
        || {
            let headers = [("Authorization", basic("both"))];
            let headers: Vec<(&str, &str)> =
                headers.iter().map(|(k, v)| (*k, v.as_str())).collect();
            let written = client.send("POST", "/write?db=db", &headers, "m v=1");
            assert_eq!(written.expect("an answer").status, 204);
            let seen = run_as(client, &basic("both"), "db", "SHOW MEASUREMENTS").text();
            seen.contains("allowed").then_some(())
        },
    );
    wait::until("the log names the other", Duration::from_secs(30), || {
        let log = sandbox.log();
        let refused = log
            .lines()
            .find(|line| line.contains("continuous query failed"))?;
        (refused.contains("of_reader") && refused.contains("requires WRITE on db")).then_some(())
    });
    let seen = run_as(client, &basic("both"), "db", "SHOW MEASUREMENTS").text();
    assert!(!seen.contains("forbidden"), "{seen}");
}

#[test]
fn a_forged_mark_of_replication_is_refused() {
    let mark = ("X-Hyperbytedb-Replicated", "true");
    let writer = basic("writer");
    let sandbox = sandbox().with("cluster", "secret", "\"between us\"");
    let node = sandbox.start();
    populate(node.client());
    let write = |headers: &[(&str, &str)]| {
        let reply = node
            .client()
            .send("POST", "/write?db=db", headers, "m v=1 1");
        reply.expect("an answer").status
    };
    let authorized = ("Authorization", writer.as_str());
    let secret = |text| ("X-Hyperbytedb-Cluster-Secret", text);
    assert_eq!(write(&[authorized]), 204);
    assert_eq!(write(&[authorized, mark]), 403);
    assert_eq!(write(&[authorized, mark, secret("guess")]), 403);
    assert_eq!(write(&[authorized, mark, secret("between us")]), 204);
    // Without secret and authentication anybody is a peer.
    let open = Sandbox::new();
    let node = open.start();
    let _created = node.client().query("", "CREATE DATABASE db");
    let reply = node
        .client()
        .send("POST", "/write?db=db", &[mark], "m v=1 1");
    assert_eq!(reply.expect("an answer").status, 204);
    assert_eq!(node.client().rows("db", "SELECT v FROM m").len(), 1);
}
