"""Loads many series into a running node and times the statements about them.

    cardinality.py URL PID SERIES REPETITIONS

One measurement with three tags: `host` of its own for each series, `rack` with 1,000
values, `region` with 10. Prints the ingest rate, resident bytes a series over the empty
node after load and flush, and the median time of each statement over HTTP.
"""

import http.client
import json
import statistics
import sys
import threading
import time
import urllib.parse

BATCH = 10_000
WRITERS = 2
FLUSH_DEADLINE_S = 60


def resident(pid):
    """Bytes of memory the process holds, as the kernel counts them."""
    with open(f"/proc/{pid}/status", encoding="ascii") as status:
        line = next(line for line in status if line.startswith("VmRSS:"))
    return int(line.split()[1]) * 1024


class Node:
    def __init__(self, url):
        self.address = urllib.parse.urlsplit(url).netloc
        self.connection = http.client.HTTPConnection(self.address)

    def request(self, method, path, body=None):
        self.connection.request(method, path, body)
        response = self.connection.getresponse()
        text = response.read()
        if response.status >= 300:
            raise SystemExit(f"{method} {path}: {response.status} {text[:200]!r}")
        return text

    def query(self, statement, database="db"):
        arguments = urllib.parse.urlencode({"db": database, "q": statement})
        text = self.request("POST", f"/query?{arguments}")
        result = json.loads(text)["results"][0]
        if "error" in result:
            raise SystemExit(f"{statement}: {result['error']}")
        return text, result


def batch(first, last, series, start):
    """Lines of one point a series; 2^20-odd steps spread the order of names."""
    lines = []
    for i in range(first, last):
        n = i * 7_919 % series
        lines.append(
            f"cpu,host=host-{n:07d},rack=rack-{n % 1000:03d},region=region-{n % 10} "
            f"v={i} {start + i}"
        )
    return "\n".join(lines).encode()


def load(url, series, start):
    """Writes all series; returns how long the server's part took."""
    batches = [batch(at, min(at + BATCH, series), series, start) for at in range(0, series, BATCH)]
    lock = threading.Lock()

    def work():
        node = Node(url)
        while True:
            with lock:
                if not batches:
                    return
                body = batches.pop()
            node.request("POST", "/write?db=db", body)

    began = time.perf_counter()
    writers = [threading.Thread(target=work) for _ in range(WRITERS)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    return time.perf_counter() - began


def settle(pid):
    """Waits until the flush is over: until memory has not moved for three seconds."""
    deadline = time.monotonic() + FLUSH_DEADLINE_S
    last, still = resident(pid), 0
    while still < 12 and time.monotonic() < deadline:
        time.sleep(0.25)
        now = resident(pid)
        still = still + 1 if abs(now - last) < 1 << 20 else 0
        last = now
    return last


def statements(series, start):
    host = f"host-{series // 2:07d}"
    tail = f"time >= {start + series - series // 100}"
    return [
        "SHOW MEASUREMENTS",
        f"SHOW MEASUREMENTS WHERE host = '{host}'",
        "SHOW TAG KEYS",
        f"SHOW TAG KEYS WHERE host = '{host}'",
        "SHOW TAG KEYS WHERE region = 'region-3'",
        "SHOW TAG VALUES WITH KEY = region",
        "SHOW TAG VALUES WITH KEY IN (region, rack) LIMIT 100",
        "SHOW TAG VALUES WITH KEY =~ /^r/ LIMIT 100 OFFSET 500",
        "SHOW TAG VALUES WITH KEY = host LIMIT 100",
        f"SHOW TAG VALUES WITH KEY = host LIMIT 100 OFFSET {series // 2}",
        "SHOW TAG VALUES WITH KEY = host WHERE region = 'region-3' LIMIT 100",
        "SHOW TAG VALUES WITH KEY = host WHERE rack =~ /^rack-00[0-4]$/ LIMIT 100",
        f"SHOW TAG VALUES WITH KEY = rack WHERE host =~ /^({host}|host-0000001)$/",
        "SHOW TAG VALUES WITH KEY = rack WHERE region != 'region-3' LIMIT 100",
        "SHOW SERIES LIMIT 100",
        "SHOW SERIES WHERE region = 'region-3' LIMIT 100",
        f"SHOW SERIES WHERE host = '{host}'",
        "SHOW SERIES CARDINALITY",
        "SHOW SERIES EXACT CARDINALITY WHERE region = 'region-3'",
        "SHOW MEASUREMENT EXACT CARDINALITY WHERE region = 'region-3'",
        "SHOW TAG KEY CARDINALITY",
        "SHOW TAG VALUES CARDINALITY WITH KEY = host",
        f"SHOW TAG VALUES WITH KEY = region WHERE {tail}",
        f"SHOW TAG VALUES WITH KEY = host WHERE {tail} LIMIT 100",
        f"SHOW TAG KEYS WHERE {tail}",
        f"SHOW SERIES WHERE {tail} LIMIT 100",
        f"SELECT v FROM cpu WHERE host = '{host}'",
        "SELECT count(v) FROM cpu WHERE rack = 'rack-007' GROUP BY region",
        "SELECT count(v) FROM cpu WHERE host =~ /^host-00000[12]/ GROUP BY host",
    ]


def main():
    url, pid, series, repetitions = sys.argv[1], *map(int, sys.argv[2:5])
    node = Node(url)
    node.query("CREATE DATABASE db")
    empty = resident(pid)
    start = time.time_ns() // 86_400_000_000_000 * 86_400_000_000_000
    took = load(url, series, start)
    loaded = resident(pid)
    flushed = settle(pid)
    # The server has closed a connection that was silent for so long.
    node = Node(url)
    print(f"series                    {series:12,}")
    print(f"ingest, new series/s      {series / took:12,.0f}")
    print(f"resident, empty, MB       {empty / 1e6:12.1f}")
    print(f"resident, loaded, MB      {loaded / 1e6:12.1f}")
    print(f"resident, flushed, MB     {flushed / 1e6:12.1f}")
    print(f"bytes a series, flushed   {(flushed - empty) / series:12.0f}")
    print()
    print(f"{'first ms':>9} {'p50 ms':>9} {'bytes':>10}  statement")
    for statement in statements(series, start):
        times = []
        for _ in range(repetitions + 1):
            began = time.perf_counter()
            text, _ = node.query(statement)
            times.append((time.perf_counter() - began) * 1e3)
            if sum(times) > 2_000:
                break
        p50 = statistics.median(times[1:] or times)
        print(f"{times[0]:9.1f} {p50:9.1f} {len(text):10,}  {statement}", flush=True)
    print(f"\nresident, after all, MB   {resident(pid) / 1e6:12.1f}")


main()
