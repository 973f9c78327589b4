"""What lies on disk when nothing more comes: data files, and log and catalog beside them."""

from . import generate
from .ingest import BATCH, CONNECTIONS, HOURS
from .report import Section
from .servers import Client, Influxd, Node, load

# Each into a database of its own: more than the log keeps back by itself.
LOADS = 10
FLUSHING = "[flush]\ninterval_secs = 10\n"
# All files over data files, of this server. What was written into files is not kept elsewhere.
ALL_OVER_DATA_MAX = 1.3


def run(context):
    section = Section("at_rest", "Bytes at rest")
    name = f"ingest-{context.hosts}-{HOURS}.txt"
    file = context.cached(name, lambda out: generate.cpu(out, context.hosts, HOURS))
    rows = []
    with context.servers() as start:
        for server in (start(Node, FLUSHING), start(Influxd)):
            values = loaded(section, server, file)
            server.await_rest()
            server.stop()
            server.start()
            server.await_rest()
            data, every = server.data_bytes(), server.written_bytes()
            found = f"{server.name}: all files are {every / data:.2f} times the data files"
            if server.name == Node.name and every > ALL_OVER_DATA_MAX * data:
                section.fail(f"{found}, which is more than {ALL_OVER_DATA_MAX}")
            rows.append((
                server.name, f"{every / data:.2f}", f"{data / 1e6:,.1f}", f"{every / 1e6:,.1f}",
                f"{data / values:.3f}",
            ))
            server.stop()
    section.text(
        f"{LOADS} databases of {context.hosts} hosts and {HOURS} h, a row of 10 tags and 10 integer fields every "
        "10 s. When everything is in files the server is stopped and started, and comes to rest: what is on "
        f"disk then, log and catalog included. More than {ALL_OVER_DATA_MAX} times the data files makes this fail."
    )
    section.table(
        ("server", "all files over data files", "data files, MB", "all files, MB", "data files, bytes per value"),
        rows,
    )
    return section


def loaded(section, server, file):
    """Loads the file into its databases; how many values there are then."""
    client, values = Client(server), 0
    for turn in range(LOADS):
        database = f"rest{turn}"
        client.query(f"CREATE DATABASE {database}")
        lines = load(server, f"/write?db={database}", file, CONNECTIONS, BATCH)["lines"]
        found = client.count("usage_user", "cpu", database)
        if found != lines:
            section.fail(f"{server.name}: {found:,} of {lines:,} rows are found")
        values += lines * len(generate.FIELDS)
    return values
