//! HTTPS as clients see it: keys of all kinds, chains, certificates that change, and
//! files that are wrong.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use process_tests::https::{Authority, FAST, Https, KEY_KINDS, Pair, key};
use process_tests::node::quoted;
use process_tests::raw::Raw;
use process_tests::{Node, Sandbox, tools, wait};

/// Time that a change may take to be seen.
const CHANGE_LIMIT: Duration = Duration::from_secs(20);

fn with_pair(sandbox: &mut Sandbox, certificate: &Path, key: &Path) {
    sandbox.set("server", "tls_enabled", "true");
    sandbox.set("server", "tls_cert_path", &quoted(certificate));
    sandbox.set("server", "tls_key_path", &quoted(key));
}

fn started(pair: &Pair) -> (Sandbox, Node) {
    let mut sandbox = Sandbox::new();
    with_pair(&mut sandbox, &pair.certificate, &pair.key);
    let node = sandbox.start();
    (sandbox, node)
}

/// curl's output: the body, then version and status.
fn curl(authority: &Authority, arguments: &[&str]) -> String {
    let mut command = Command::new("curl");
    command
        .args([
            "--silent",
            "--show-error",
            "--noproxy",
            "*",
            "--max-time",
            "20",
        ])
        .args(["--write-out", " HTTP/%{http_version} %{http_code}"])
        .arg("--cacert")
        .arg(&authority.certificate)
        .args(arguments);
    tools::run(&mut command)
}

#[test]
fn keys_of_every_kind_serve_and_chains_lead_to_the_root() {
    let place = tempfile::tempdir().unwrap();
    let root = Authority::new(place.path(), "root");
    let between = root.intermediate(place.path(), "between");
    for (name, kind) in KEY_KINDS {
        let pair = between.pair(place.path(), name, kind);
        let mut chain = fs::read(&pair.certificate).unwrap();
        chain.extend(fs::read(&between.certificate).unwrap());
        fs::write(&pair.certificate, chain).unwrap();
        let (_sandbox, node) = started(&pair);
        let create = format!("{}/query?q=CREATE+DATABASE+db", node.url());
        assert!(
            curl(&root, &["-XPOST", &create]).ends_with("HTTP/2 200"),
            "{name}"
        );
        let write = format!("{}/write?db=db", node.url());
        let written = curl(&root, &["--http1.1", "--data-binary", "m v=1 1", &write]);
        assert_eq!(written, " HTTP/1.1 204", "{name}");
        let query = format!("{}/query?db=db&q=SELECT+v+FROM+m", node.url());
        assert!(curl(&root, &[&query]).contains("[\"1970-01-01T00:00:00.000000001Z\",1]"));
        let shown = Command::new("openssl")
            .args([
                "s_client",
                "-connect",
                node.address(),
                "-alpn",
                "h2,http/1.1",
            ])
            .args(["-verify_return_error", "-CAfile"])
            .arg(&root.certificate)
            .stdin(Stdio::null())
            .output()
            .unwrap();
        let shown = String::from_utf8_lossy(&shown.stdout).into_owned();
        for part in [
            "Verify return code: 0 (ok)",
            "ALPN protocol: h2",
            "CN = between",
        ] {
            let spaceless = part.replace(" = ", "=");
            assert!(
                shown.contains(part) || shown.contains(&spaceless),
                "{name}: {part}: {shown}"
            );
        }
        node.stop();
    }
}

#[test]
fn files_that_cannot_be_used_are_named_at_the_start() {
    let place = tempfile::tempdir().unwrap();
    let root = Authority::new(place.path(), "root");
    let good = root.pair(place.path(), "good", FAST);
    let other = place.path().join("other.key");
    key(&other, FAST);
    let missing = place.path().join("missing.pem");
    let empty = place.path().join("empty.pem");
    fs::write(&empty, "").unwrap();
    let garbage = place.path().join("garbage.pem");
    let text = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    fs::write(&garbage, text).unwrap();
    let cases = [
        (&missing, &good.key, "missing.pem: No such file"),
        (&good.certificate, &missing, "missing.pem: No such file"),
        (&empty, &good.key, "empty.pem: holds no certificate"),
        (&good.certificate, &empty, "empty.pem: holds no private key"),
        (&garbage, &good.key, "garbage.pem: "),
        (
            &good.certificate,
            &other,
            "other.key does not fit the certificate",
        ),
        (
            &good.certificate,
            &good.certificate,
            "good.pem: holds no private key",
        ),
    ];
    for (certificate, key, expected) in cases {
        let mut sandbox = Sandbox::new();
        with_pair(&mut sandbox, certificate, key);
        let ended = sandbox.run_to_end();
        assert!(!ended.status.success(), "{expected}");
        assert!(
            ended.output.contains(expected),
            "{expected}: {}",
            ended.output
        );
    }
    let mut sandbox = Sandbox::new();
    with_pair(&mut sandbox, &good.certificate, &good.key);
    sandbox.set("server", "tls_client_ca_path", &quoted(&empty));
    let ended = sandbox.run_to_end();
    assert!(
        ended.output.contains("empty.pem: holds no certificate"),
        "{}",
        ended.output
    );
}

#[test]
fn plain_http_is_refused_at_once() {
    let place = tempfile::tempdir().unwrap();
    let root = Authority::new(place.path(), "root");
    let (_sandbox, node) = started(&root.pair(place.path(), "server", FAST));
    let began = Instant::now();
    let mut plain = Raw::connect(node.address()).unwrap();
    let reply = plain.ask("GET", "/ping", "").unwrap();
    assert_eq!(reply.status, 400);
    assert!(reply.body.contains("use https"), "{}", reply.body);
    assert_eq!(plain.rest().unwrap(), "");
    assert!(began.elapsed() < Duration::from_secs(5));
    node.stop();
}

/// Asks as fast as 200 times a second until told to stop: half of it on new connections,
/// half on one that stays. Counts the requests; panics at the first that fails.
fn steady(client: &Https, stop: &AtomicBool) -> u64 {
    let (mut kept, _) = client.connect().expect("a connection");
    let began = Instant::now();
    let mut asked = 0;
    while !stop.load(Ordering::Relaxed) {
        let (mut fresh, _) = client.connect().expect("a connection");
        for connection in [&mut kept, &mut fresh] {
            let reply = connection.ask("GET", "/ping", "").expect("an answer");
            assert_eq!(reply.status, 204);
            asked += 1;
        }
        let due = began + Duration::from_millis(asked * 5);
        std::thread::park_timeout(due.saturating_duration_since(Instant::now()));
    }
    asked
}

fn shown(client: &Https) -> Vec<u8> {
    client.connect().expect("a connection").1
}

#[test]
fn new_certificates_come_into_force_and_no_request_fails() {
    let place = tempfile::tempdir().unwrap();
    let root = Authority::new(place.path(), "root");
    let [first, second, third] =
        ["first", "second", "third"].map(|name| root.pair(place.path(), name, FAST));
    let live = Pair {
        certificate: place.path().join("live.pem"),
        key: place.path().join("live.key"),
    };
    let install = |pair: &Pair| {
        for (from, to) in [
            (&pair.key, &live.key),
            (&pair.certificate, &live.certificate),
        ] {
            let beside = to.with_extension("new");
            fs::copy(from, &beside).unwrap();
            fs::rename(&beside, to).unwrap();
        }
    };
    install(&first);
    let (sandbox, node) = started(&live);
    let client = Https::new(node.address(), &root, None);
    let is_shown = |pair: &Pair| (shown(&client) == pair.der()).then_some(());
    let stop = AtomicBool::new(false);
    let (asked, seconds) = std::thread::scope(|scope| {
        let began = Instant::now();
        let running = scope.spawn(|| steady(&client, &stop));
        is_shown(&first).expect("the first certificate");
        install(&second);
        node.signal("HUP");
        wait::until("reloaded by SIGHUP", CHANGE_LIMIT, || is_shown(&second));
        install(&third);
        wait::until("reloaded by change", CHANGE_LIMIT, || is_shown(&third));
        // A pair that does not fit changes nothing.
        let offset = sandbox.log().len();
        fs::copy(&first.key, &live.key).unwrap();
        wait::until("told of the bad pair", CHANGE_LIMIT, || {
            let log = sandbox.log();
            log[offset..]
                .contains("does not fit the certificate")
                .then_some(())
        });
        is_shown(&third).expect("the third certificate still");
        install(&first);
        wait::until("good again", CHANGE_LIMIT, || is_shown(&first));
        stop.store(true, Ordering::Relaxed);
        (running.join().unwrap(), began.elapsed().as_secs_f64())
    });
    eprintln!(
        "{asked} requests over four reloads in {seconds:.1} s ({:.0}/s), none failed",
        asked as f64 / seconds
    );
    assert!(asked > 100);
    node.stop();
}

#[test]
fn clients_may_show_a_certificate_and_need_not() {
    let place = tempfile::tempdir().unwrap();
    let root = Authority::new(place.path(), "root");
    let peers = Authority::new(place.path(), "peers");
    let strangers = Authority::new(place.path(), "strangers");
    let mut sandbox = Sandbox::new().with("logging", "level", "\"info,hyperbytedb=debug\"");
    let pair = root.pair(place.path(), "server", FAST);
    with_pair(&mut sandbox, &pair.certificate, &pair.key);
    sandbox.set("server", "tls_client_ca_path", &quoted(&peers.certificate));
    let node = sandbox.start();
    let ping = |own: Option<&Pair>| -> std::io::Result<u16> {
        let (mut connection, _) = Https::new(node.address(), &root, own).connect()?;
        Ok(connection.ask("GET", "/ping", "")?.status)
    };
    let believed = || {
        sandbox
            .log()
            .matches("showed a certificate that is believed")
            .count()
    };
    assert_eq!(ping(None).unwrap(), 204);
    assert_eq!(believed(), 0);
    let peer = peers.pair(place.path(), "peer", FAST);
    assert_eq!(ping(Some(&peer)).unwrap(), 204);
    assert_eq!(believed(), 1);
    let stranger = strangers.pair(place.path(), "stranger", FAST);
    assert!(ping(Some(&stranger)).is_err());
    assert_eq!(believed(), 1);
    node.stop();
}
