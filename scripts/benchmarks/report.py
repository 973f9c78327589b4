"""Tables: printed as they are made, and written into docs/benchmarks.md.

The document has a pair of marks for each part. A run replaces what is between the marks of
the parts that it ran, and nothing else: what a person wrote outside of them stays.
"""

import datetime
import os
import pathlib
import statistics

HEAD = """# Benchmarks

`make bench` measures all of this and writes this file; `BENCH_ONLY=scaling,floats make bench`
measures some parts and replaces their sections. Servers run on one machine, one after the
other on the same work, and take turns at being first. **A ratio above 1 says how many times
faster (or smaller) HyperbyteDB is**; it is the median over rounds, with the lowest and highest
round in parentheses. Absolute figures are for orientation: they are of one machine.

"""

PROFILES = """## What bounds it

Written by hand, from profiles (`perf record -g`) of what is slowest above; `make bench` does not
touch this section.
"""


class Section:
    """What one part has to say."""

    def __init__(self, part, title):
        self.part, self.lines, self.failures = part, [], []
        self.text(f"## {title}")

    def text(self, text):
        print(text, end="\n\n", flush=True)
        self.lines += [text, ""]

    def table(self, header, rows):
        """Columns but the first are figures."""
        lines = ["| " + " | ".join(header) + " |", "|---|" + "---:|" * (len(header) - 1)]
        lines += ["| " + " | ".join(str(cell) for cell in row) + " |" for row in rows]
        print("\n".join(lines), end="\n\n", flush=True)
        self.lines += [*lines, ""]

    def fail(self, reason):
        """What makes the whole run fail in the end."""
        self.failures.append(reason)
        self.text(f"**{reason}**")


def ratio(values):
    """Median and range of a ratio over rounds."""
    return f"{statistics.median(values):.2f} ({min(values):.2f} to {max(values):.2f})"


def median(values, digits=1):
    return f"{statistics.median(values):,.{digits}f}"


def machine():
    """The machine, in a line."""
    cpu = next(
        (line.split(":", 1)[1].strip() for line in _read("/proc/cpuinfo") if line.startswith("model name")),
        "unknown CPU",
    )
    memory = next(int(line.split()[1]) for line in _read("/proc/meminfo") if line.startswith("MemTotal"))
    return f"{os.cpu_count()} cores ({cpu}), {memory / 2**20:.0f} GiB, {os.uname().sysname} {os.uname().release.split('-')[0]}"


def write(path, section, order, versions):
    """Puts a section into the document, between its marks."""
    path = pathlib.Path(path)
    text = path.read_text(encoding="utf-8") if path.exists() else ""
    if not text:
        text = HEAD + "\n".join(f"{_begin(part)}\n{_end(part)}\n" for part in order) + "\n" + PROFILES
    begin, end = _begin(section.part), _end(section.part)
    if text.count(begin) != 1 or text.count(end) != 1:
        raise SystemExit(f"{path} lacks the marks {begin} and {end}; nothing was written")
    head, rest = text.split(begin)
    tail = rest.split(end)[1]
    stamp = f"{datetime.date.today()}, {', '.join(versions)}, {machine()}."
    body = "\n".join([*section.lines, stamp])
    text = f"{head}{begin}\n{body}\n{end}{tail}"
    path.write_text(text, encoding="utf-8")


def _begin(part):
    return f"<!-- {part}: written by make bench -->"


def _end(part):
    return f"<!-- {part}: end -->"


def _read(path):
    return pathlib.Path(path).read_text(encoding="utf-8").splitlines()
