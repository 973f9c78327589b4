"""Runs the parts that BENCH_ONLY names, or all, and writes docs/benchmarks.md."""

import os
import pathlib
import signal
import sys
import time

from . import at_rest, cardinality, compare, floats, ingest, report, scaling, small_writes, startup
from .context import Context
from .servers import versions

PARTS = {
    "compare": compare.run,
    "compare_large": compare.run_large,
    "ingest": ingest.run,
    "at_rest": at_rest.run,
    "small_writes": small_writes.run,
    "floats": floats.run,
    "cardinality": cardinality.run,
    "scaling": scaling.run,
    "startup": startup.run,
}


def main():
    # So that servers are stopped on SIGTERM, too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    chosen = os.environ.get("BENCH_ONLY", "").replace(",", " ").split() or list(PARTS)
    unknown = [name for name in chosen if name not in PARTS]
    if unknown:
        raise SystemExit(f"bench: no part {', '.join(unknown)}; there are {', '.join(PARTS)}")
    context = Context(pathlib.Path(os.environ["BENCH_CACHE"]))
    document = os.environ.get("BENCH_DOCUMENT", "docs/benchmarks.md")
    failures = []
    for name in chosen:
        began = time.monotonic()
        section = PARTS[name](context)
        failures += section.failures
        # At once: a later part that fails takes nothing from it.
        if document:
            report.write(document, section, list(PARTS), versions())
        print(f"bench: {name} took {time.monotonic() - began:.0f} s\n", flush=True)
    if failures:
        raise SystemExit("bench: " + "; ".join(failures))


main()
