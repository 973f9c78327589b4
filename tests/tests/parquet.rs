//! The data files are plain Parquet: other programs read them without us.

use std::process::Command;
use std::time::Duration;

use process_tests::{Sandbox, tools, wait};

/// Points of every type, on two days, one field only now and then.
fn points() -> String {
    (0..2000_u64)
        .map(|n| {
            let region = if n % 2 == 1 { ",region=eu" } else { "" };
            let rare = if n % 500 == 0 { ",rare=1.5" } else { "" };
            format!(
                "m,host=h\\ {}{region} f={},i={n}i,u={}u,s=\"line {n}\n\\\"é\\\"\",b={}{rare} {}000000000\n",
                n % 7,
                n as f64 / 3.0,
                u64::MAX - n,
                n % 3 == 0,
                1_600_000_000 + 60 * n,
            )
        })
        .collect()
}

#[test]
fn pyarrow_and_duckdb_read_the_files() {
    let python = match tools::python(&["pyarrow==21.0.0", "duckdb==1.3.2"]) {
        Ok(python) => python,
        Err(reason) => return tools::cannot_run("reading the files with others", &reason),
    };
    let sandbox = Sandbox::new().with("flush", "interval_secs", "1").with(
        "write",
        "unsigned_integers",
        "true",
    );
    let node = sandbox.start();
    let client = node.client();
    client.run("CREATE DATABASE db");
    client.write("db", &points());
    // One request is flushed as a whole, into a file for each day.
    wait::until("the flush", Duration::from_secs(30), || {
        let directories = sandbox.data_files(".parquet");
        let days: Vec<_> = directories
            .iter()
            .filter_map(|file| file.parent())
            .collect();
        (days.len() >= 2 && days.first() != days.last()).then_some(())
    });
    node.stop();
    let root = sandbox.data_dir();
    for reader in ["pyarrow_reads.py", "duckdb_reads.py"] {
        let program = process_tests::beside(&format!("tests/parquet/{reader}"));
        let mut command = Command::new(&python);
        // -B: no byte code into the source tree.
        command.arg("-B").arg(&program).arg(&root);
        let printed = tools::run(&mut command);
        assert!(printed.ends_with("all good\n"), "{printed}");
    }
}
