//! `curl` in scripts and in cron.

use std::fs;
use std::process::Command;

use process_tests::{Sandbox, tools};

fn curl(arguments: &[&str]) -> String {
    tools::run(
        Command::new("curl")
            .args(["--silent", "--show-error", "--fail-with-body"])
            .args(arguments),
    )
}

#[test]
fn scripts_create_write_and_ask() {
    let sandbox = Sandbox::new();
    let node = sandbox.start();
    let at = |path: &str| format!("{}{path}", node.url());
    let done = "{\"results\":[{\"statement_id\":0}]}\n";
    assert_eq!(
        curl(&[
            "-XPOST",
            &at("/query"),
            "--data-urlencode",
            "q=CREATE DATABASE cron"
        ]),
        done
    );
    let write = at("/write?db=cron&precision=s");
    assert_eq!(
        curl(&[
            "-i",
            "-XPOST",
            &write,
            "--data-binary",
            "load,host=a v=0.5 1700000000"
        ])
        .lines()
        .next(),
        Some("HTTP/1.1 204 No Content")
    );
    let file = sandbox.path().join("lines.txt");
    fs::write(
        &file,
        "load,host=a v=0.75 1700000060\nload,host=b v=1 1700000060\n\n# end\n",
    )
    .unwrap();
    assert_eq!(
        curl(&[
            "-u",
            "user:password",
            &write,
            "--data-binary",
            &format!("@{}", file.display())
        ]),
        ""
    );
    let asked = curl(&[
        "-G",
        &at("/query?pretty=true"),
        "--data-urlencode",
        "db=cron",
        "--data-urlencode",
        "epoch=s",
        "--data-urlencode",
        "q=SELECT max(v) FROM load",
    ]);
    assert!(
        asked.contains("\"max\"\n") && asked.contains("1700000060,\n"),
        "{asked}"
    );
    let csv = curl(&[
        "-H",
        "Accept: application/csv",
        "-G",
        &at("/query"),
        "--data-urlencode",
        "db=cron",
        "--data-urlencode",
        "q=SELECT v FROM load WHERE host='b'",
    ]);
    assert_eq!(csv, "name,tags,time,v\nload,,1700000060000000000,1\n");
    let statements = sandbox.path().join("queries.txt");
    fs::write(&statements, "SHOW DATABASES; SHOW MEASUREMENTS ON cron").unwrap();
    let both = curl(&["-F", &format!("q=<{}", statements.display()), &at("/query")]);
    assert!(
        both.contains("[[\"cron\"]]") && both.contains("[[\"load\"]]"),
        "{both}"
    );
}
