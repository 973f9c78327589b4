"""Batches of 5,000 lines over 4 connections, plain and gzip, into three servers."""

from . import generate
from .context import paired
from .report import Section, median, ratio
from .servers import Client, Influxd, Node, VictoriaMetrics, load

CONNECTIONS = 4
BATCH = 5_000
# Each round sends all of it.
HOURS = 12


def run(context):
    section = Section("ingest", "Ingest, batches of 5,000 lines")
    name = f"ingest-{context.hosts}-{HOURS}.txt"
    file = context.cached(name, lambda out: generate.cpu(out, context.hosts, HOURS))
    section.text(
        f"{context.hosts} hosts, {HOURS} h, a row of 10 tags and 10 integer fields every 10 s, over "
        f"{CONNECTIONS} connections, into a database of its own each round; the next server waits "
        "until the last one rests. HyperbyteDB and InfluxDB answer after an fsync. VictoriaMetrics "
        "does not: it writes what it has in memory to disk every few seconds, so a crash takes what it "
        "has acknowledged last."
    )
    with context.servers() as start:
        servers = [start(Node), start(Influxd), start(VictoriaMetrics)]
        for flags in ((), ("gzip",)):
            section.text("### gzip bodies" if flags else "### Plain bodies")

            def measure(server, turn, flags=flags):
                database = f"round{turn}{''.join(flags)}"
                if isinstance(server, VictoriaMetrics):
                    return load(server, f"/write?db={database}", file, CONNECTIONS, BATCH, *flags)
                client = Client(server)
                client.query(f"CREATE DATABASE {database}")
                report = load(server, f"/write?db={database}", file, CONNECTIONS, BATCH, *flags)
                found = client.count("usage_user", "cpu", database)
                if found != report["lines"]:
                    section.fail(f"{server.name}: {found:,} of {report['lines']:,} rows are found")
                return report

            section.table(*comparison(paired(servers, context.rounds, measure), "rows/s"))
    return section


def comparison(results, unit):
    """A row for each server, with the first one's speed over it."""
    ours = next(iter(results.values()))
    rows = []
    for name, runs in results.items():
        ratios = [own["per_second"] / other["per_second"] for own, other in zip(ours, runs)]
        rows.append(
            (
                name,
                "" if runs is ours else ratio(ratios),
                median([run["per_second"] for run in runs], 0),
                median([run["p50_ms"] for run in runs], 2),
                median([run["p99_ms"] for run in runs], 2),
                median([run["server_cpu_seconds"] / run["lines"] * 1e6 for run in runs], 2),
                median([run["client_cpu_seconds"] / run["seconds"] * 100 for run in runs], 0),
            )
        )
    header = (
        "server", "ratio", unit, "p50, ms", "p99, ms",
        "server CPU, µs a line", "client CPU, % of a core",
    )
    return header, rows
