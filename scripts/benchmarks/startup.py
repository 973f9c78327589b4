"""How long a node takes to start after kill -9 with many files."""

import time

from . import generate
from .report import Section, median, ratio
from .servers import Client, Influxd, Node, load

MEASUREMENTS = 100
HOSTS = 5
POINTS_A_DAY = 4
SETTINGS = "cache_max_memory_mb = 4096\n[flush]\ninterval_secs = 3600\nwal_size_threshold_mb = 4096\n"


def run(context):
    section = Section("startup", f"Start with {context.files:,} files")
    days = max(1, context.files // MEASUREMENTS)
    file = context.cached(f"startup-{days}.txt", lambda out: points(out, days))
    text = f"SELECT count(busy) FROM m7 WHERE time >= {generate.START_NS}"
    with context.servers() as start:
        servers = [start(Node, SETTINGS), start(Influxd)]
        for server in servers:
            Client(server).query("CREATE DATABASE bench")
            load(server, "/write?db=bench", file, 4, 5_000)
        # Stopping writes memory into files; what comes after it stays in the log.
        stopped = stop_and_start(servers[0])
        servers[1].await_rest()
        for server in servers:
            Client(server).query("CREATE DATABASE late")
            load(server, "/write?db=late", file, 4, 5_000)
        files = {server.name: len(server.files("*.parquet")) + len(server.files("*.tsm")) for server in servers}
        starts = {server.name: [] for server in servers}
        for _ in range(context.rounds):
            for server in servers:
                starts[server.name].append(killed_and_started(section, server, text, days))
    section.text(
        f"{MEASUREMENTS} measurements, {days} days, {HOSTS * POINTS_A_DAY} points a measurement and day. The server is "
        "killed (`kill -9`) with as many points again in its log, and started: until `/health` says yes "
        "(InfluxDB: `/ping`), and until a first query has its answer. "
        f"Writing the files at a stop took HyperbyteDB {stopped:.1f} s. The system has the files in its cache."
    )
    ours = starts["hyperbytedb"]
    rows = []
    for name, runs in starts.items():
        ratios = [sum(other) / sum(own) for own, other in zip(ours, runs)]
        rows.append((
            name, "" if runs is ours else ratio(ratios), f"{files[name]:,}",
            median([ready for ready, _ in runs], 2), median([ready + answer for ready, answer in runs], 2),
        ))
    section.table(("server", "ratio", "files", "healthy after, s", "first answer after, s"), rows)
    return section


def points(out, days):
    for measurement in range(MEASUREMENTS):
        for day in range(days):
            begin = generate.START_NS + day * generate.DAY_NS
            generate.gauges(out, f"m{measurement}", HOSTS, begin, POINTS_A_DAY, 3_600 * 10**9)


def stop_and_start(node):
    began = time.perf_counter()
    node.stop()
    took = time.perf_counter() - began
    node.start()
    return took


def killed_and_started(section, server, text, days):
    """Seconds until healthy, and from then until a first query is answered."""
    server.kill()
    ready = server.start()
    client = Client(server)
    took, _ = client.timed(text)
    count = client.query(text)[0]["values"][0][1]
    if count != days * HOSTS * POINTS_A_DAY:
        section.fail(f"{server.name}: {count} points after the start, {days * HOSTS * POINTS_A_DAY} were written")
    return ready, took
