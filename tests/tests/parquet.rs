//! The data files are plain Parquet: other programs read them without us.

use std::process::Command;
use std::time::Duration;

use process_tests::{Sandbox, tools, wait};

/// The same for both readers: what the points below must look like.
const CHECK: &str = r#"
import sys, glob, math
root = sys.argv[1]

def check(rows, names):
    assert set(names) == {"time", "host", "region", "f", "i", "u", "s", "b", "rare"}, names
    assert len(rows) == 2000, len(rows)
    seen = set()
    for row in rows:
        n = row["i"]
        seen.add(n)
        assert row["time"] == (1600000000 + 60 * n) * 10**9, row
        assert row["host"] == f"h {n % 7}", row
        assert row["region"] == ("eu" if n % 2 else ""), row
        assert row["f"] == n / 3, row
        assert row["u"] == 2**64 - 1 - n, row
        assert row["s"] == f'line {n}\n"é"', row
        assert row["b"] is (n % 3 == 0), row
        assert row["rare"] == (1.5 if n % 500 == 0 else None), row
    assert seen == set(range(2000))

files = glob.glob(root + "/db/autogen/m/*/*.parquet")
days = {f.split("/")[-2] for f in files}
assert days == {"2020-09-13", "2020-09-14"}, days
"#;

const PYARROW: &str = r#"
import pyarrow as pa, pyarrow.parquet as pq
rows, names = [], set()
for f in files:
    table = pq.read_table(f, partitioning=None)
    assert pa.types.is_timestamp(table.schema.field("time").type) and table.schema.field("time").type.unit == "ns"
    names |= set(table.schema.names)
    table = table.set_column(table.schema.get_field_index("time"), "time", table.column("time").cast(pa.int64()))
    rows += table.to_pylist()
    keys = [(r["host"], r["region"], r["time"]) for r in table.to_pylist()]
    assert keys == sorted(keys), "rows are not sorted by tag set and time"
    metadata = pq.ParquetFile(f).metadata
    group = metadata.row_group(0)
    for at in range(group.num_columns):
        column = group.column(at)
        assert column.statistics is not None and column.compression == "ZSTD", column
        assert column.has_column_index and column.has_offset_index, column
for row in rows:
    for name in names:
        row.setdefault(name, None)
check(rows, names)
print("all good")
"#;

const DUCKDB: &str = r#"
import duckdb
cursor = duckdb.execute(
    "SELECT epoch_ns(time) AS time, * EXCLUDE (time) FROM read_parquet(?, union_by_name=true)", [files])
names = [c[0] for c in cursor.description]
rows = [dict(zip(names, row)) for row in cursor.fetchall()]
check(rows, names)
mean, = duckdb.execute("SELECT avg(f) FROM read_parquet(?, union_by_name=true) WHERE host = 'h 3' AND region = 'eu'", [files]).fetchone()
expected = [n / 3 for n in range(2000) if n % 7 == 3 and n % 2]
assert math.isclose(mean, sum(expected) / len(expected)), mean
print("all good")
"#;

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
    let sandbox = Sandbox::new().with("flush", "interval_secs", "1");
    let node = sandbox.start();
    let client = node.client();
    client.run("CREATE DATABASE db");
    client.write("db", &points());
    // One flush may have come between; all rows are in files when the sum says so.
    wait::until("the flush", Duration::from_secs(30), || {
        let directories = sandbox.data_files(".parquet");
        let days: Vec<_> = directories.iter().filter_map(|file| file.parent()).collect();
        (days.len() >= 2 && days.first() != days.last()).then_some(())
    });
    node.stop();
    let root = sandbox.data_dir();
    for reader in [PYARROW, DUCKDB] {
        let program = format!("{CHECK}{reader}");
        let mut command = Command::new(&python);
        command.args(["-c", &program]).arg(&root);
        let printed = tools::run(&mut command);
        assert!(printed.ends_with("all good\n"), "{printed}");
    }
}
