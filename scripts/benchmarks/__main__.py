"""Runs the parts that BENCH_ONLY names, or all, and writes docs/benchmarks.md."""

import os
import pathlib
import signal
import sys
import time

from . import cardinality, compare, floats, ingest, report, scaling, small_writes, startup
from .context import Context

PARTS = {
    "compare": compare,
    "ingest": ingest,
    "small_writes": small_writes,
    "floats": floats,
    "cardinality": cardinality,
    "scaling": scaling,
    "startup": startup,
}


def main():
    # So that servers are stopped on SIGTERM, too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    chosen = [name for name in os.environ.get("BENCH_ONLY", "").replace(",", " ").split()] or list(PARTS)
    unknown = [name for name in chosen if name not in PARTS]
    if unknown:
        raise SystemExit(f"bench: no part {', '.join(unknown)}; there are {', '.join(PARTS)}")
    context = Context(pathlib.Path(os.environ["BENCH_CACHE"]))
    sections = []
    for name in chosen:
        began = time.monotonic()
        sections.append(PARTS[name].run(context))
        print(f"bench: {name} took {time.monotonic() - began:.0f} s\n", flush=True)
    document = os.environ.get("BENCH_DOCUMENT", "docs/benchmarks.md")
    if document:
        report.write(document, sections, list(PARTS))
    failures = [failure for section in sections for failure in section.failures]
    if failures:
        raise SystemExit("bench: " + "; ".join(failures))


main()
