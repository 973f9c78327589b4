"""The same answer out of 10 and 100 times as much data."""

import statistics

from . import generate
from .report import Section, ratio
from .servers import Client, Node, load

HOSTS = 10
STEP_S = 30
POINTS = 86_400 // STEP_S
SIZES = (1, 10, 100)
# Each round of a statement: repetitions, the sizes alternating.
REPETITIONS = 30


def run(context):
    section = Section("scaling", "The same answer out of 10 and 100 times the data")
    section.text(
        f"Once: {HOSTS} hosts, a day, a point of two fields every {STEP_S} s, in one file. Then so many days, "
        "measurements or hosts, of which the statement asks for the same one, and the same day "
        "in so many files. Cells are the median time over that of the smallest size (with the lowest and "
        "highest round). Wanted is at most 1.2."
    )
    with context.servers() as start:
        # Nothing is flushed but by stopping, so that each load is one file a partition.
        node = start(Node, "cache_max_memory_mb = 4096\n[flush]\ninterval_secs = 3600\nwal_size_threshold_mb = 4096\n")
        for kind, write in (("days", days), ("measurements", measurements), ("hosts", hosts)):
            for size in SIZES:
                file = context.cached(f"scaling-{kind}-{size}.txt", lambda out: write(out, size))
                fill(node, f"{kind}{size}", file)
        restart(node)
        in_files(context, node)
        for kind in ("days", "measurements", "hosts", "files"):
            databases = [f"{kind if size > 1 or kind == 'files' else 'days'}{size}" for size in SIZES]
            rows = [row(section, context, node, name, text, databases) for name, text in statements().items()]
            section.text(f"### More {kind}")
            section.table(("statement", *(f"{size}×" for size in SIZES)), rows)
    return section


def statements():
    start = generate.START_NS
    hour = f"time >= {start + 10 * 3_600 * 10**9} AND time < {start + 11 * 3_600 * 10**9}"
    day = f"time >= {start} AND time < {start + generate.DAY_NS}"
    one, all_hosts = "host = 'h3'", "host =~ /^h[0-9]$/"
    return {
        "one host, an hour, max by minute": f"SELECT max(busy) FROM m0 WHERE {one} AND {hour} GROUP BY time(1m)",
        "one host, an hour, points": f"SELECT busy, idle FROM m0 WHERE {one} AND {hour}",
        "one host, a day, mean by hour": f"SELECT mean(busy) FROM m0 WHERE {one} AND {day} GROUP BY time(1h)",
        "ten hosts, a day, mean by hour and host": f"SELECT mean(busy) FROM m0 WHERE {all_hosts} AND {day} GROUP BY time(1h), host",
    }


def days(out, size):
    generate.gauges(out, "m0", HOSTS, generate.START_NS, POINTS * size, STEP_S * 10**9)


def measurements(out, size):
    for at in range(size):
        generate.gauges(out, f"m{at}", HOSTS, generate.START_NS, POINTS, STEP_S * 10**9)


def hosts(out, size):
    generate.gauges(out, "m0", HOSTS * size, generate.START_NS, POINTS, STEP_S * 10**9)


def fill(node, database, file):
    Client(node).query(f"CREATE DATABASE {database}")
    load(node, f"/write?db={database}", file, 2, 5_000)


def restart(node):
    """Writes memory into files."""
    node.stop()
    node.start()


def in_files(context, node):
    """The same day in so many pieces, each flushed before the next one comes."""
    lines = (context.cache / "scaling-days-1.txt").read_text(encoding="utf-8").splitlines(keepends=True)
    for size in SIZES:
        Client(node).query(f"CREATE DATABASE files{size}")
    largest = max(SIZES)
    for turn in range(largest):
        for size in SIZES:
            # Those with fewer pieces are done earlier.
            if turn < size:
                piece = lines[len(lines) * turn // size : len(lines) * (turn + 1) // size]
                path = context.cache / "scaling-piece.txt"
                path.write_text("".join(piece), encoding="utf-8")
                load(node, f"/write?db=files{size}", path, 1, 5_000)
        restart(node)


def row(section, context, node, name, text, databases):
    client = Client(node)
    answers = [client.query(text, database) for database in databases]
    if kinds_differ(answers, name):
        section.fail(f"{name}: answers differ between {', '.join(databases)}")
    rounds = {database: [] for database in databases}
    for _ in range(context.rounds):
        times = {database: [] for database in databases}
        for _ in range(REPETITIONS):
            for database in databases:
                times[database].append(client.timed(text, database)[0])
        for database in databases:
            rounds[database].append(statistics.median(times[database]))
    smallest = rounds[databases[0]]
    cells = [f"{statistics.median(smallest) * 1e3:.2f} ms"]
    for database in databases[1:]:
        cells.append(ratio([large / small for large, small in zip(rounds[database], smallest)]))
    return (name, *cells)


def kinds_differ(answers, _name):
    """Shapes must be equal: as many series, columns and rows."""
    shapes = [
        [(series["name"], series.get("tags"), series["columns"], [value[0] for value in series["values"]]) for series in answer]
        for answer in answers
    ]
    return any(shape != shapes[0] for shape in shapes) or not shapes[0]
