"""The Python library `influxdb-client` in its mode for 1.8 against the server whose URL is named."""
import json
import sys
from datetime import datetime, timezone
from influxdb_client import InfluxDBClient, Point, WriteOptions, WritePrecision
from influxdb_client.client.write_api import SYNCHRONOUS
from influxdb_client.rest import ApiException

client = InfluxDBClient(url=sys.argv[1], token="user:password", org="-", enable_gzip=True)
assert client.ping()
assert client.version().startswith("1.8."), client.version()
health = client.health()
assert health.status == "pass" and health.name == "influxdb" and health.version.startswith("1."), health
assert client.ready().status == "ready"

with client.write_api(write_options=SYNCHRONOUS) as writer:
    writer.write(bucket="v2/week", record=[
        Point("m").tag("host", f"h {n}").field("v", n).time(1700000000 + n, WritePrecision.S) for n in range(10)])
    writer.write(bucket="v2", record="m,host=x v=1i 1700000000000", write_precision=WritePrecision.MS)
    writer.write(bucket="v2", record="m,host=x v=2i 1700000000000001", write_precision=WritePrecision.US)
    for bucket, record, status, text in [
        ("nodb", "m v=1", 404, 'database not found: "nodb"'),
        ("v2", "m v=", 400, "unable to parse 'm v=': missing field value"),
        ("v2/nope", "m v=1i", 500, "retention policy not found: nope"),
    ]:
        try:
            writer.write(bucket=bucket, record=record)
            raise SystemExit(f"{record} went through")
        except ApiException as error:
            assert error.status == status and text in json.loads(error.body)["error"], error

failures = []
with client.write_api(write_options=WriteOptions(batch_size=100, flush_interval=50, max_retries=0),
                      error_callback=lambda conf, data, error: failures.append(error)) as writer:
    for n in range(500):
        writer.write(bucket="v2", record=Point("m").tag("host", "batch").field("v", n).time(1700001000 + n, WritePrecision.S))
assert not failures, failures

buckets = client.buckets_api().find_buckets(name="v2/week").buckets
assert [bucket.name for bucket in buckets] == ["v2/week"], buckets

start, stop = datetime(1970, 1, 1, tzinfo=timezone.utc), datetime(2100, 1, 1, tzinfo=timezone.utc)
client.delete_api().delete(start, stop, '_measurement="m" AND host="x"', bucket="v2/autogen", org="-")
try:
    client.delete_api().delete(start, stop, 'host="x" OR host="y"', bucket="v2", org="-")
    raise SystemExit("a predicate with OR went through")
except ApiException as error:
    assert error.status == 400, error

try:
    client.query_api().query('from(bucket:"v2") |> range(start: -1h)')
    raise SystemExit("Flux went through")
except ApiException as error:
    assert error.status == 403 and "InfluxQL" in str(error.body), error
client.close()
print("all good")
