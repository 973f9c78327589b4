"""Bytes on disk of floats without a pattern, with two decimals."""

from . import generate
from .report import Section
from .servers import Client, Influxd, Node, VictoriaMetrics, load

HOSTS, POINTS, FIELDS = 20, 8_640, 5
# Compacts fully as soon as it may, so that its best is compared.
FULLY_COMPACTED = '  compact-full-write-cold-duration = "5s"'


def run(context):
    section = Section("floats", "Bytes on disk: floats with two random decimals")
    file = context.cached(
        f"decimals-{HOSTS}-{POINTS}.txt", lambda out: generate.decimals(out, HOSTS, POINTS)
    )
    values = HOSTS * POINTS * FIELDS
    with context.servers() as start:
        servers = [
            start(Node, "[flush]\ninterval_secs = 5\n"),
            start(Influxd, FULLY_COMPACTED),
            start(VictoriaMetrics),
        ]
        for server in servers:
            if not isinstance(server, VictoriaMetrics):
                Client(server).query("CREATE DATABASE bench")
            load(server, "/write?db=bench", file, 4, 5_000)
        Client(servers[2]).get("/internal/force_flush")
        Client(servers[2]).get("/internal/force_merge")
        for server in servers:
            server.await_rest()
        sizes = [server.data_bytes() for server in servers]
    section.text(
        f"{HOSTS} hosts, {POINTS:,} points every 10 s, {FIELDS} fields, {values:,} values, uniform between "
        "0 and 100 and different for each: 10,001 values need at least 13.3 bits, 1.66 bytes, each. "
        "Files with points, times included (VictoriaMetrics: all its files), at rest; "
        "InfluxDB compacted fully."
    )
    rows = [
        (server.name, f"{size / sizes[0]:.2f}", f"{size / values:.3f}")
        for server, size in zip(servers, sizes)
    ]
    section.table(("server", "ratio", "bytes per value"), rows)
    return section
