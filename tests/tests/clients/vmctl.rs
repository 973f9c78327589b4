//! vmctl, which takes the data of an InfluxDB to VictoriaMetrics: users can leave, too.

use std::process::Command;
use std::time::Duration;

use process_tests::client::encode;
use process_tests::{Client, Sandbox, tools, wait};
use serde_json::json;

#[test]
fn it_takes_everything_along() {
    let programs = tools::program("victoria-metrics", "victoria-metrics")
        .and_then(|server| Ok((server, tools::program("vmctl", "victoria-metrics")?)));
    let (server, vmctl) = match programs {
        Ok(programs) => programs,
        Err(reason) => return tools::cannot_run("vmctl", &reason),
    };
    let sandbox = Sandbox::new();
    let node = sandbox.start();
    node.client().run("CREATE DATABASE leaving");
    let lines: String = (0..500)
        .map(|n| {
            format!(
                "cpu,host=h\\ {} usage={n}.5,count={n}i,text=\"x\" {}\n",
                n % 3,
                1_700_000_000_000_000_000_i64 + n * 1_000_000_000
            )
        })
        .collect();
    node.client().write("leaving", &lines);
    let address = tools::free_address();
    let _running = tools::start(
        Command::new(server)
            .arg(format!("-httpListenAddr={address}"))
            .arg(format!(
                "-storageDataPath={}",
                sandbox.path().join("vm").display()
            ))
            .arg("-retentionPeriod=100y"),
        &sandbox.path().join("victoria-metrics.log"),
    );
    let victoria = Client::new(&format!("http://{address}"));
    wait::until("VictoriaMetrics", Duration::from_secs(20), || {
        let health = victoria.send("GET", "/health", &[], ()).ok()?;
        (health.status == 200).then_some(())
    });
    // It draws its progress on a terminal and ends without one.
    let command = format!(
        "{} influx -s --influx-database leaving --influx-addr {} --vm-addr http://{address}",
        vmctl.display(),
        node.url()
    );
    tools::run(Command::new("script").args([
        "--quiet",
        "--return",
        "--command",
        &command,
        "/dev/null",
    ]));
    let target = format!(
        "/api/v1/export?match%5B%5D={}",
        encode("cpu_usage{host=\"h 1\"}")
    );
    let exported = wait::until("the points", Duration::from_secs(20), || {
        let reply = victoria.send("GET", &target, &[], ()).ok()?;
        (!reply.body.is_empty()).then(|| reply.json())
    });
    assert_eq!(exported["metric"]["db"], json!("leaving"));
    let values = exported["values"].as_array().expect("values");
    assert_eq!(values.len(), 167);
    assert_eq!(values[0], json!(1.5));
    assert_eq!(exported["timestamps"][0], json!(1_700_000_001_000_i64));
}
