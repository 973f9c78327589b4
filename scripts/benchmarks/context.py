"""What all parts share: sizes, where files go, which servers run."""

import contextlib
import copy
import os
import pathlib
import shutil
import tempfile


class Context:
    def __init__(self, cache):
        number = lambda name, default: int(os.environ.get(name, default))
        self.hosts = number("BENCH_HOSTS", 100)
        self.large_hosts = number("BENCH_LARGE_HOSTS", 1_000)
        self.hours = number("BENCH_HOURS", 24)
        self.rounds = number("BENCH_ROUNDS", 3)
        self.repetitions = number("BENCH_REPS", 7)
        self.series = number("BENCH_SERIES", 1_000_000)
        self.files = number("BENCH_FILES", 10_000)
        self.compare = pathlib.Path(os.environ.get("BENCH_COMPARE", "../shared/bench/compare.py"))
        self.cache = cache
        self.cache.mkdir(parents=True, exist_ok=True)

    def replace(self, **sizes):
        """The same with other sizes."""
        other = copy.copy(self)
        vars(other).update(sizes)
        return other

    @contextlib.contextmanager
    def servers(self):
        """Gives a function that starts a server of a class in a directory of its own; all
        are stopped, and their files removed, in the end."""
        work = pathlib.Path(tempfile.mkdtemp(prefix="hyperbytedb-bench."))
        running = []

        def start(kind, *settings, name=""):
            server = kind(work / (name or kind.__name__), *settings)
            running.append(server)
            server.start()
            return server

        try:
            yield start
        finally:
            # Nothing of theirs is kept, so none needs to write its memory.
            for server in running:
                server.kill()
            shutil.rmtree(work, ignore_errors=True)

    def cached(self, name, make):
        """A file that is made once: `make` writes lines into an open file."""
        path = self.cache / name
        if not path.exists():
            print(f"bench: generating {path}", flush=True)
            half = path.with_suffix(".half")
            with open(half, "w", encoding="utf-8", buffering=1 << 20) as out:
                make(out)
            half.rename(path)
        return path


def paired(servers, rounds, measure):
    """Measures every server once a round, in turning order; results by name."""
    results = {server.name: [] for server in servers}
    for turn in range(rounds):
        at = turn % len(servers)
        for server in servers[at:] + servers[:at]:
            results[server.name].append(measure(server, turn))
            server.await_idle()
    return results
