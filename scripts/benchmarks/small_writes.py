"""200 clients that write one line at a time."""

from . import generate
from .context import paired
from .ingest import comparison
from .report import Section, median
from .servers import Client, Influxd, Node, VictoriaMetrics, load

CLIENTS = 200
REQUESTS = 20_000


def run(context):
    section = Section("small_writes", f"Small writes: {CLIENTS} clients, one line a request")
    file = context.cached(
        f"small-{REQUESTS}.txt",
        lambda out: generate.gauges(
            out, "small", 100, generate.START_NS, REQUESTS // 100, 10**9
        ),
    )
    with context.servers() as start:
        servers = [start(Node), start(Influxd), start(VictoriaMetrics)]
        for server in servers[:2]:
            Client(server).query("CREATE DATABASE bench")

        def measure(server, _turn):
            return load(server, "/write?db=bench", file, CLIENTS, 1)

        results = paired(servers, context.rounds, measure)
        # What client and HTTP can do: /ping is answered without doing anything.
        pings = paired(servers, context.rounds, ping)
    ceilings = ", ".join(f"{name} {median(rates, 0)}" for name, rates in pings.items())
    section.text(
        f"{REQUESTS:,} writes a round over {CLIENTS} connections that stay open, each waiting for its "
        "answer. HyperbyteDB and InfluxDB answer after an fsync, which they share between "
        "the writes that wait; VictoriaMetrics makes none. The client is not the limit: it needs less than "
        f"a core, and sends this many requests/s to `/ping`: {ceilings}."
    )
    section.table(*comparison(results, "writes/s"))
    return section


def ping(server, _turn):
    report = load(server, "/ping", "-", CLIENTS, REQUESTS)
    return report["requests"] / report["seconds"]
