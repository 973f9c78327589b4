"""The comparison program beside this project: ingest, queries whose answers must be equal,
bytes on disk, memory."""

import json
import re
import subprocess
import sys

from .report import Section, median, ratio
from .servers import Influxd, Node

FLUSHING = "[flush]\ninterval_secs = 10\n"
IN_MEMORY = "cache_max_memory_mb = 16384\n[flush]\ninterval_secs = 86400\nwal_size_threshold_mb = 16384\n"


def run_large(context):
    """Once, with ten times the hosts."""
    return run(context.replace(hosts=context.large_hosts, rounds=1), "compare_large")


def run(context, part="compare"):
    section = Section(part, f"Against InfluxDB: {context.hosts} hosts, {context.hours} h")
    if not context.compare.is_file():
        section.text(f"There is no comparison program at {context.compare} (`BENCH_COMPARE`): left out.")
        return section
    file = points(context)
    with context.servers() as start:
        rows = sum(1 for _ in open(file, "rb"))
        section.text(
            f"{rows:,} rows of 10 tags and 10 integer fields, {rows * 10:,} values; batches of 5,000 "
            "lines over 4 connections, each on disk before its answer; queries one at a time, the "
            "two servers alternating. InfluxDB has its points in files; HyperbyteDB once in files, "
            "once all of them in memory."
        )
        influxd = start(Influxd)
        placements = [("in files", start(Node, FLUSHING)), ("in memory", start(Node, IN_MEMORY, name="memory"))]
        files = placements[0][1]
        empty = {server.name: server.resident() for server in (files, influxd)}
        ingested = ingest(context, files, influxd, file, context.rounds)
        load_only(context, placements[1][1], influxd, file)
        for server in (files, influxd):
            server.await_rest()
        resident = {server.name: server.resident() for server in (files, influxd)}
        section.text(f"Ingest, ratio: {ingested['ingest_ratio']:.2f} ({context.rounds} rounds; hyperbytedb "
                     f"{ingested['subject_rows_per_s']:,} rows/s, InfluxDB {ingested['oracle_rows_per_s']:,}).")
        answers = [(name, queries(context, node, influxd)) for name, node in placements]
        for name, runs in answers:
            table(section, name, runs)
        at_rest(section, files, influxd, rows * 10, empty, resident)
    return section


def points(context):
    """The comparison program's own points, made once."""
    path = context.cache / f"cpu-{context.hosts}-{context.hours}.txt"
    if not path.exists():
        half = path.with_suffix(".half")
        call(context, "gen", half, context.hosts, context.hours)
        half.rename(path)
    return path


def call(context, *arguments):
    """Runs the comparison program; the JSON of its last line, and all it printed."""
    command = [sys.executable, str(context.compare), *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{' '.join(command)}: {done.stderr.strip()}")
    lines = done.stdout.strip().splitlines()
    return (json.loads(lines[-1]) if lines else {}), done.stdout


def ingest(context, node, influxd, file, rounds):
    return call(context, "ingest", node.url, influxd.url, file, rounds)[0]


def load_only(context, node, influxd, file):
    """Loads a node alone: the program's two servers are one."""
    call(context, "ingest", node.url, node.url, file, 1)


def queries(context, node, influxd):
    """The program's queries, run as often as there are rounds."""
    runs = []
    for _ in range(context.rounds):
        result, printed = call(
            context, "query", node.url, influxd.url, context.hosts, context.hours, context.repetitions
        )
        times = re.findall(r"^(\S+)\s+ratio .*? subject\s+([\d.]+) ms\s+oracle\s+([\d.]+) ms", printed, re.M)
        result["times"] = {name: (float(ours), float(theirs)) for name, ours, theirs in times}
        if result["wrong"]:
            print(printed)
        runs.append(result)
    return runs


def table(section, placement, runs):
    section.text(f"### Queries, {placement}")
    wrong = sorted({name for run in runs for name in run["wrong"]})
    if wrong:
        section.fail(f"Answers differ: {', '.join(wrong)}")
    else:
        section.text("No answer differs.")
    rows = []
    for name in runs[0]["ratios"]:
        ours, theirs = ([run["times"][name][at] for run in runs] for at in (0, 1))
        rows.append((name, ratio([run["ratios"][name] for run in runs]), median(ours, 2), median(theirs, 2)))
    rows.append(("geometric mean", ratio([run["geomean"] for run in runs]), "", ""))
    section.table(("query", "ratio", "hyperbytedb, ms", "InfluxDB, ms"), rows)


def at_rest(section, node, influxd, values, empty, resident):
    section.text("### At rest, points in files")
    data = {server.name: server.data_bytes() for server in (node, influxd)}
    every = {server.name: server.written_bytes() for server in (node, influxd)}

    def row(what, figures, scale, digits):
        ours, theirs = figures[node.name], figures[influxd.name]
        return (what, f"{theirs / ours:.2f}", f"{ours / scale:,.{digits}f}", f"{theirs / scale:,.{digits}f}")

    section.table(
        ("", "ratio", "hyperbytedb", "InfluxDB"),
        [
            row("data files, bytes per value", data, values, 3),
            row("all files, bytes per value", every, values, 3),
            row("resident, empty, MB", empty, 1e6, 0),
            row("resident after ingest, MB", resident, 1e6, 0),
        ],
    )
