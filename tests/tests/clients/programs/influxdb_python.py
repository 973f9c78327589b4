"""The Python library `influxdb` against the server on the port that is named."""
import sys
from influxdb import InfluxDBClient
from influxdb.exceptions import InfluxDBClientError

client = InfluxDBClient("127.0.0.1", int(sys.argv[1]), database="py")
version = client.ping()
assert version.startswith("1."), version
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

# The library cannot take MessagePack, which it asks for otherwise, in chunks.
plain = InfluxDBClient("127.0.0.1", int(sys.argv[1]), database="py", headers={"Accept": "application/json"})
chunked = plain.query("SELECT i FROM m", epoch="s", chunked=True, chunk_size=100)

got = [row["i"] for part in chunked for row in part.get_points()]
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
    client.write_points([{"measurement": "m", "time": 1600000000, "fields": {"i": "text"}}], time_precision="s")
    raise SystemExit("a type conflict went through")
except InfluxDBClientError as error:
    assert error.code == 400 and "field type conflict" in str(error), error

packed = InfluxDBClient("127.0.0.1", int(sys.argv[1]), database="py", gzip=True)
assert packed.write_points(points[:10], time_precision="s")
assert len(list(packed.query("SELECT i FROM m").get_points())) == 1000
client.drop_database("py")
print("all good")
