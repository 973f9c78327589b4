#!/usr/bin/env python3
"""Random statements against a node and a real InfluxDB, in every place data can be in.

    fuzz.py --node BINARY --fuzzer fuzz.py --oracle URL --work DIR [--queries N] [--seeds 1-20]

The fuzzer makes the data and the statements and compares the answers; it is not part of this
repository. This script starts the node, brings the data where a placement wants it, and tells
the differences that docs/compatibility.md lists (differences.json) from faults. Every
placement sees the same statements. It ends with status 1 when a difference is not listed, or
when half of the statements or fewer gave rows.

Placements: memory; files (all data flushed); half (half of it flushed, the rest in
memory); clickhouse (files, read by ClickHouse alone); shards (memory, shard groups of a week
instead of one of 250 years, so that InfluxDB answers from several).
"""
import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.parse
import urllib.request

PLACEMENTS = ("memory", "files", "half", "clickhouse", "shards")
DATABASES = ("fuzzdb_a", "fuzzdel_a", "fuzzinto_a", "fuzzdel", "fuzzinto")
HERE = os.path.dirname(os.path.abspath(__file__))
BATCH_LINES = 500


def post(url, body):
    try:
        with urllib.request.urlopen(urllib.request.Request(url, data=body), timeout=60) as reply:
            return reply.read()
    except urllib.error.HTTPError as error:
        sys.exit(f"fuzz: {url}: {error.code} {error.read()[:300]}")


def statement(url, text):
    answer = post(url + "/query", urllib.parse.urlencode({"q": text}).encode())
    if b'"error"' in answer:
        sys.exit(f"fuzz: {url}: {text}: {answer[:300]}")


def create(url, one_shard):
    shards = " WITH SHARD DURATION 13044w" if one_shard else ""
    for database in DATABASES:
        statement(url, f"DROP DATABASE {database}")
        statement(url, f"CREATE DATABASE {database}{shards}")


def write(url, lines):
    for at in range(0, len(lines), BATCH_LINES):
        post(url + "/write?db=fuzzdb_a", b"\n".join(lines[at:at + BATCH_LINES]))


class Node:
    """A node whose files stay over a restart."""

    def __init__(self, binary, directory):
        self.binary, self.directory, self.process, self.url = binary, directory, None, None

    def start(self, executor):
        os.makedirs(self.directory, exist_ok=True)
        settings = {
            "SERVER__PORT": "0",
            "STORAGE__DATA_DIR": self.directory + "/data",
            "STORAGE__WAL_DIR": self.directory + "/wal",
            "STORAGE__META_DIR": self.directory + "/meta",
            "CHDB__SESSION_DATA_PATH": self.directory + "/chdb",
            "QUERY__EXECUTOR": executor,
        }
        environment = dict(os.environ, **{f"HYPERBYTEDB__{k}": v for k, v in settings.items()})
        log = open(self.directory + "/log", "wb")
        self.process = subprocess.Popen([self.binary, "serve"], env=environment, stdout=log, stderr=log)
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline and self.process.poll() is None:
            with open(self.directory + "/log", encoding="utf-8", errors="replace") as text:
                found = re.search(r"listening on (http://[0-9.:]+)", text.read())
            if found:
                self.url = found.group(1)
                return
            time.sleep(0.05)
        sys.exit(f"fuzz: the node did not start, see {self.directory}/log")

    def stop(self):
        """Ends the node, which flushes what is in memory."""
        if self.process:
            self.process.terminate()
            self.process.wait(60)
            self.process = None


def place(placement, node, oracle, lines):
    """Brings the same points to both servers."""
    create(oracle, placement != "shards")
    write(oracle, lines)
    node.start("auto")
    create(node.url, placement != "shards")
    half = len(lines) // 2 if placement == "half" else len(lines)
    write(node.url, lines[:half])
    if placement in ("files", "half", "clickhouse"):
        node.stop()
        node.start("clickhouse" if placement == "clickhouse" else "auto")
    write(node.url, lines[half:])


def is_close(message):
    numbers = re.search(r"(-?[\d.]+(?:e[-+]?\d+)?) != (-?[\d.]+(?:e[-+]?\d+)?)$", message)
    if not numbers:
        return False
    a, b = (float(text) for text in numbers.groups())
    return abs(a - b) <= 1e-12 * max(abs(a), abs(b))


def listed(finding, placement, differences):
    """The listed difference that explains a finding."""
    query = " ".join(finding["query"][-1].split())
    for known in differences:
        if known.get("shards") == "several" and placement != "shards":
            continue
        if known.get("category", finding["category"]) != finding["category"]:
            continue
        if known.get("close") and not is_close(finding["message"]):
            continue
        if re.search(known["query"], query):
            return known["what"]
    return None


def rows_share(fuzzer, seed, queries, oracle):
    """Which part of the plain statements gives rows."""
    printed = subprocess.run([sys.executable, fuzzer, "--seed", str(seed), "-n", str(queries), "--dump-queries"],
                             capture_output=True, text=True, check=True).stdout
    asked = with_rows = 0
    for line in printed.splitlines():
        _, category, _, text = line.split(" ", 3)
        if not text.startswith(("SELECT", "SHOW")) or category in ("delete", "into"):
            continue
        url = oracle + "/query?" + urllib.parse.urlencode({"db": "fuzzdb_a"})
        body = urllib.parse.urlencode({"q": text.replace("fuzzdb_x", "fuzzdb_a")}).encode()
        try:
            with urllib.request.urlopen(urllib.request.Request(url, data=body), timeout=60) as reply:
                with_rows += b'"values"' in reply.read()
        except urllib.error.HTTPError:
            pass
        asked += 1
    return asked, with_rows


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--node", required=True)
    parser.add_argument("--fuzzer", required=True)
    parser.add_argument("--oracle", required=True)
    parser.add_argument("--work", required=True)
    parser.add_argument("--queries", type=int, default=300, help="statements of a seed and placement")
    parser.add_argument("--seeds", default="1", help="such as 1 or 1-20")
    parser.add_argument("--placements", default=",".join(PLACEMENTS))
    options = parser.parse_args()
    with open(HERE + "/differences.json", encoding="utf-8") as file:
        differences = json.load(file)
    first, _, last = options.seeds.partition("-")
    counts, faults, asked, with_rows = {}, 0, 0, 0
    for seed in range(int(first), int(last or first) + 1):
        data = f"{options.work}/data.lp"
        subprocess.run([sys.executable, options.fuzzer, "--seed", str(seed), "--dump-data", data],
                       check=True, stdout=subprocess.DEVNULL)
        with open(data, "rb") as file:
            lines = file.read().splitlines()
        for placement in options.placements.split(","):
            with tempfile.TemporaryDirectory(dir=options.work) as directory:
                node = Node(options.node, directory)
                try:
                    place(placement, node, options.oracle, lines)
                    report = f"{options.work}/report.json"
                    run = subprocess.run(
                        [sys.executable, options.fuzzer, "--oracle", options.oracle, "--subject", node.url, "--seed", str(seed),
                         "-n", str(options.queries), "--no-setup", "--json", report, "--max-report", "0"],
                        stdout=subprocess.PIPE, text=True)
                    if run.returncode not in (0, 1):
                        sys.exit(f"fuzz: the fuzzer failed: {run.stdout[-2000:]}")
                finally:
                    node.stop()
                with open(report, encoding="utf-8") as file:
                    result = json.load(file)
            unlisted = 0
            for finding in result["findings"]:
                what = listed(finding, placement, differences)
                if what:
                    counts[what] = counts.get(what, 0) + 1
                    continue
                unlisted += 1
                print(f"FAULT seed {seed} statement {finding['index']} ({placement}, epoch {finding['epoch']})")
                for step in finding["query"]:
                    print("   " + step)
                print(f"   {finding['message'][:300]}")
                print(f"   InfluxDB:    {finding['oracle'].strip()[:400]}")
                print(f"   HyperbyteDB: {finding['subject'].strip()[:400]}")
            faults += unlisted
            print(f"seed {seed} {placement}: {result['n']} statements, {len(result['findings']) - unlisted} listed "
                  f"differences, {unlisted} others", flush=True)
        more = rows_share(options.fuzzer, seed, options.queries, options.oracle)
        asked, with_rows = asked + more[0], with_rows + more[1]
    for what in sorted(counts, key=counts.get, reverse=True):
        print(f"{counts[what]:6} {what}")
    share = with_rows / asked if asked else 0
    print(f"statements that give rows: {with_rows} of {asked} ({share:.0%})")
    if share <= 0.5:
        print("fuzz: too few statements give rows to tell anything")
        return 1
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
