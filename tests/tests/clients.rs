//! Client programs and libraries that people use with InfluxDB 1.x, as published.

use std::fs;
use std::process::Command;

use process_tests::{Node, Sandbox, tools};
use serde_json::json;

fn influx(node: &Node, arguments: &[&str]) -> Option<String> {
    let program = tools::influx().map_err(|reason| tools::cannot_run("the influx CLI", &reason));
    let mut command = Command::new(program.ok()?);
    command
        .args(["-host", "127.0.0.1", "-port", node.port()])
        .args(arguments);
    Some(tools::run(&mut command))
}

#[test]
fn the_influx_cli_creates_inserts_and_selects() {
    let sandbox = Sandbox::new();
    let node = sandbox.start();
    let Some(printed) = influx(&node, &["-execute", "CREATE DATABASE cli"]) else {
        return;
    };
    assert_eq!(printed, "");
    for insert in [
        "INSERT weather,city=Z\\ rich,site=a temperature=3.5,ok=true,note=\"it \\\"rains\\\"\" 1600000000000000000",
        "INSERT weather,city=Oslo temperature=-1,count=9223372036854775807i 1600000001000000000",
    ] {
        influx(&node, &["-database", "cli", "-execute", insert]);
    }
    let select = "SELECT * FROM weather";
    let printed = influx(&node, &["-database", "cli", "-format", "csv", "-execute", select]);
    assert_eq!(
        printed.as_deref(),
        Some(
            "name,time,city,count,note,ok,site,temperature\n\
             weather,1600000000000000000,Z rich,,\"it \"\"rains\"\"\",true,a,3.5\n\
             weather,1600000001000000000,Oslo,9223372036854775807,,,,-1\n"
        )
    );
    let show = "SHOW DATABASES; SHOW TAG VALUES ON cli WITH KEY = city";
    let printed = influx(&node, &["-format", "json", "-execute", show]).unwrap();
    assert!(printed.contains("\"cli\"") && printed.contains("\"Oslo\""), "{printed}");
    // The CLI asks for the answer in chunks.
    let mean = "SELECT mean(temperature) FROM weather WHERE time >= 1600000000s AND time < 1600000002s GROUP BY time(1s)";
    let printed = influx(&node, &["-database", "cli", "-format", "csv", "-execute", mean]);
    assert_eq!(
        printed.as_deref(),
        Some("name,time,mean\nweather,1600000000000000000,3.5\nweather,1600000001000000000,-1\n")
    );
}

#[test]
fn the_influx_cli_imports_a_dump() {
    let sandbox = Sandbox::new();
    let node = sandbox.start();
    let mut dump = String::from(
        "# DDL\nCREATE DATABASE imported WITH NAME forever\n\n# DML\n\
         # CONTEXT-DATABASE: imported\n# CONTEXT-RETENTION-POLICY: forever\n\n",
    );
    // More lines than one request of the importer holds, one field a line as
    // `influx_inspect export` writes them.
    for n in 0..6000 {
        dump.push_str(&format!("load,host=h{} a={n} {}\n", n % 7, 1_600_000_000_i64 + n));
        dump.push_str(&format!("load,host=h{} b=\"x{n}\" {}\n", n % 7, 1_600_000_000_i64 + n));
    }
    let file = sandbox.path().join("dump.txt");
    fs::write(&file, dump).unwrap();
    let file = file.to_string_lossy();
    let Some(printed) = influx(&node, &["-import", "-path", &file, "-precision", "s"]) else {
        return;
    };
    assert!(printed.contains("Failed 0 inserts"), "{printed}");
    let client = node.client();
    let rows = client.rows(
        "imported",
        "SELECT count(a) AS a, count(b) AS b, sum(a) AS s FROM forever.load",
    );
    assert_eq!(rows, [[json!(0), json!(6000), json!(6000), json!(17_997_000)]]);
    let rows = client.rows("imported", "SELECT a, b, host FROM load WHERE host = 'h6' LIMIT 1");
    assert_eq!(
        rows,
        [[json!(1_600_000_006_000_000_000_i64), json!(6), json!("x6"), json!("h6")]]
    );
}

#[test]
fn the_python_library_works() {
    let python = match tools::python(&["influxdb==5.3.2"]) {
        Ok(python) => python,
        Err(reason) => return tools::cannot_run("the Python library", &reason),
    };
    let sandbox = Sandbox::new();
    let node = sandbox.start();
    let printed = tools::run(Command::new(python).args(["-c", PYTHON, node.port()]));
    assert!(printed.ends_with("all good\n"), "{printed}");
}

const PYTHON: &str = r#"
import sys
from influxdb import InfluxDBClient
from influxdb.exceptions import InfluxDBClientError

client = InfluxDBClient("127.0.0.1", int(sys.argv[1]), database="py")
version = client.ping()
assert version.startswith("1.8."), version
client.create_database("py")
assert {"name": "py"} in client.get_list_database()
assert client.write_points([])

points = [
    {"measurement": "m", "tags": {"host": f"h {n % 3}"}, "time": 1600000000 + n,
     "fields": {"f": n + 0.5, "i": n, "s": f'"{n}" °C', "b": n % 2 == 0}}
    for n in range(1000)
]
assert client.write_points(points, time_precision="s", batch_size=300)

rows = list(client.query("SELECT * FROM m").get_points())
assert len(rows) == 1000, len(rows)
for n, row in enumerate(rows):
    assert row["f"] == n + 0.5 and row["i"] == n and type(row["i"]) is int, row
    assert row["s"] == f'"{n}" °C' and row["b"] is (n % 2 == 0), row
    assert row["host"] == f"h {n % 3}", row
assert rows[0]["time"] == "2020-09-13T12:26:40Z", rows[0]

chunked = client.query("SELECT i FROM m", epoch="s", chunked=True, chunk_size=100)
parts = [chunked] if not isinstance(chunked, list) else chunked
got = [row["i"] for part in parts for row in part.get_points()]
assert got == list(range(1000)), len(got)

groups = client.query("SELECT sum(i) FROM m GROUP BY host")
sums = {tags["host"]: next(iter(series))["sum"] for (_, tags), series in groups.items()}
assert sums == {f"h {k}": sum(range(k, 1000, 3)) for k in range(3)}, sums

bound = client.query("SELECT i FROM m WHERE host = $h AND i > $i LIMIT 1", bind_params={"h": "h 1", "i": 10})
assert next(bound.get_points())["i"] == 13

client.create_retention_policy("week", "7d", "1", database="py")
assert "week" in [p["name"] for p in client.get_list_retention_policies("py")]
try:
    client.query("SELECT nonsense(")
    raise SystemExit("a syntax error went through")
except InfluxDBClientError as error:
    assert error.code == 400 and "error parsing query" in str(error), error
try:
    client.write_points([{"measurement": "m", "fields": {"i": "text"}}])
    raise SystemExit("a type conflict went through")
except InfluxDBClientError as error:
    assert error.code == 400 and "field type conflict" in str(error), error

packed = InfluxDBClient("127.0.0.1", int(sys.argv[1]), database="py", gzip=True)
assert packed.write_points(points[:10], time_precision="s")
assert len(list(packed.query("SELECT i FROM m").get_points())) == 1000
client.drop_database("py")
print("all good")
"#;

#[test]
fn the_node_library_works() {
    let home = match tools::npm(&["influx@5.12.0"]) {
        Ok(home) => home,
        Err(reason) => return tools::cannot_run("the Node.js library", &reason),
    };
    let sandbox = Sandbox::new();
    let node = sandbox.start();
    let mut command = Command::new("node");
    command
        .current_dir(home)
        .args(["-e", NODE, node.port()]);
    let printed = tools::run(&mut command);
    assert!(printed.ends_with("all good\n"), "{printed}");
}

const NODE: &str = r#"
const assert = require('assert');
const Influx = require('influx');
const influx = new Influx.InfluxDB({
  host: '127.0.0.1', port: Number(process.argv[1]), database: 'js',
  schema: [{ measurement: 'm', tags: ['host'], fields: {
    f: Influx.FieldType.FLOAT, i: Influx.FieldType.INTEGER,
    s: Influx.FieldType.STRING, b: Influx.FieldType.BOOLEAN } }],
});
(async () => {
  const [state] = await influx.ping(5000);
  assert(state.online && state.version.startsWith('1.8.'), JSON.stringify(state));
  await influx.createDatabase('js');
  assert((await influx.getDatabaseNames()).includes('js'));
  const points = [];
  for (let n = 0; n < 500; n++) {
    points.push({ measurement: 'm', tags: { host: `h,${n % 2}` }, timestamp: 1600000000 + n,
      fields: { f: n + 0.25, i: n, s: `a "${n}"`, b: n % 3 === 0 } });
  }
  await influx.writePoints(points, { precision: 's' });
  const rows = await influx.query('select * from m order by time desc limit 2');
  assert.strictEqual(rows.length, 2);
  assert.strictEqual(rows[0].i, 499);
  assert.strictEqual(rows[0].f, 499.25);
  assert.strictEqual(rows[0].s, 'a "499"');
  assert.strictEqual(rows[0].host, 'h,1');
  assert.strictEqual(rows[0].time.getNanoTime(), '1600000499000000000');
  const groups = (await influx.query('select sum(i) from m group by host')).groups();
  assert.deepStrictEqual(groups.map((g) => [g.tags.host, g.rows[0].sum]),
    [['h,0', 62250], ['h,1', 62500]]);
  await influx.createRetentionPolicy('week', { database: 'js', duration: '7d', replication: 1 });
  const policies = await influx.showRetentionPolicies('js');
  assert(policies.some((p) => p.name === 'week' && p.duration === '168h0m0s'), JSON.stringify(policies));
  await assert.rejects(influx.query('selekt 1'), /error parsing query/);
  await influx.dropDatabase('js');
  console.log('all good');
})().catch((error) => { console.error(error); process.exit(1); });
"#;
