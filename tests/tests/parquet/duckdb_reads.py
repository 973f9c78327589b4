"""Reads the data files below a directory with DuckDB."""
import math
import sys

import duckdb

import check

files = check.files(sys.argv[1])
cursor = duckdb.execute(
    "SELECT epoch_ns(time) AS time, * EXCLUDE (time) FROM read_parquet(?, union_by_name=true)", [files])
names = [c[0] for c in cursor.description]
rows = [dict(zip(names, row)) for row in cursor.fetchall()]
check.check(rows, names)
mean, = duckdb.execute("SELECT avg(f) FROM read_parquet(?, union_by_name=true) WHERE host = 'h 3' AND region = 'eu'", [files]).fetchone()
expected = [n / 3 for n in range(2000) if n % 7 == 3 and n % 2]
assert math.isclose(mean, sum(expected) / len(expected)), mean
print("all good")
