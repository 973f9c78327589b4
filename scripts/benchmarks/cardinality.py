"""Many series: what they cost, how fast they come, and statements about them.

One measurement with three tags: `host` of its own for each series, `rack` with 1,000
values, `region` with 10.
"""

import statistics

from . import generate
from .report import Section, median
from .servers import Client, Influxd, Node, load

BATCH = 10_000
CONNECTIONS = 4
# A statement is repeated no longer.
STATEMENT_SECONDS_MAX = 2
SETTINGS = "[flush]\ninterval_secs = 5\n[cardinality]\nmax_tag_values_per_measurement = 0\n"


def run(context):
    series = context.series
    section = Section("cardinality", f"{series:,} series")
    file = context.cached(f"series-{series}.txt", lambda out: points(out, series))
    with context.servers() as start:
        node, influxd = start(Node, SETTINGS), start(Influxd)
        costs = {server.name: cost(server, file) for server in (node, influxd)}
        section.text(
            f"One point each, batches of {BATCH:,} lines over {CONNECTIONS} connections, every series new. Resident "
            "memory is what the kernel counts, less that of the empty server, after a flush."
        )
        ours, theirs = costs[node.name], costs[influxd.name]
        section.table(
            ("", "ratio", "hyperbytedb", "InfluxDB"),
            [
                (
                    what,
                    f"{(ours[what] / theirs[what]) if faster else (theirs[what] / ours[what]):.2f}",
                    f"{ours[what]:,.0f}",
                    f"{theirs[what]:,.0f}",
                )
                for what, faster in [("new series/s", True), ("resident bytes a series", False)]
            ],
        )
        times = timed_in_turn(context, (node, influxd), statements(series))
    rows = []
    for statement, (own, other) in times.items():
        pairs = [theirs / ours for ours, theirs in zip(own, other)]
        cell = f"`{statement}`".replace("|", "\\|")
        rows.append((cell, f"{statistics.median(pairs):,.1f}", median([t * 1e3 for t in own]), median([t * 1e3 for t in other])))
    section.text("Statements over HTTP, the two servers alternating, medians; the first of each is not counted.")
    section.table(("statement", "ratio", "hyperbytedb, ms", "InfluxDB, ms"), rows)
    return section


def points(out, series):
    """One point a series; steps of a prime spread the order of names."""
    for at in range(series):
        n = at * 7_919 % series
        out.write(
            f"cpu,host=host-{n:07d},rack=rack-{n % 1000:03d},region=region-{n % 10} "
            f"v={at} {generate.START_NS + at}\n"
        )


def cost(server, file):
    Client(server).query("CREATE DATABASE bench")
    empty = server.resident()
    loaded = load(server, "/write?db=bench", file, CONNECTIONS, BATCH)
    server.await_rest(12)
    return {
        "new series/s": loaded["per_second"],
        "resident bytes a series": (server.resident() - empty) / loaded["lines"],
    }


def timed_in_turn(context, servers, texts):
    """Seconds of each statement on each server, as many as the slower one had time for."""
    clients = [Client(server) for server in servers]
    times = {}
    for text in texts:
        own, other = [], []
        for turn in range(context.repetitions + 1):
            pair = [client.timed(text)[0] for client in clients]
            if turn > 0 or sum(pair) > STATEMENT_SECONDS_MAX:
                own.append(pair[0])
                other.append(pair[1])
            if sum(own) + sum(other) > STATEMENT_SECONDS_MAX:
                break
        times[text] = (own, other)
    return times


def statements(series):
    host = f"host-{series // 2:07d}"
    tail = f"time >= {generate.START_NS + series - series // 100}"
    return [
        "SHOW MEASUREMENTS",
        f"SHOW MEASUREMENTS WHERE host = '{host}'",
        "SHOW TAG KEYS",
        "SHOW TAG KEYS WHERE region = 'region-3'",
        "SHOW TAG VALUES WITH KEY = region",
        "SHOW TAG VALUES WITH KEY IN (region, rack) LIMIT 100",
        "SHOW TAG VALUES WITH KEY = host LIMIT 100",
        f"SHOW TAG VALUES WITH KEY = host LIMIT 100 OFFSET {series // 2}",
        "SHOW TAG VALUES WITH KEY = host WHERE region = 'region-3' LIMIT 100",
        "SHOW TAG VALUES WITH KEY = host WHERE rack =~ /^rack-00[0-4]$/ LIMIT 100",
        "SHOW TAG VALUES WITH KEY = rack WHERE region != 'region-3' LIMIT 100",
        f"SHOW TAG VALUES WITH KEY = host WHERE {tail} LIMIT 100",
        "SHOW SERIES LIMIT 100",
        "SHOW SERIES WHERE region = 'region-3' LIMIT 100",
        f"SHOW SERIES WHERE host = '{host}'",
        "SHOW SERIES CARDINALITY",
        "SHOW TAG VALUES CARDINALITY WITH KEY = host",
        f"SELECT v FROM cpu WHERE host = '{host}'",
        "SELECT count(v) FROM cpu WHERE rack = 'rack-007' GROUP BY region",
        "SELECT count(v) FROM cpu WHERE host =~ /^host-00000[12]/ GROUP BY host",
    ]
