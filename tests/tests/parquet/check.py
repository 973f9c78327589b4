"""What the points of the test must look like, whoever reads the files."""
import glob


def check(rows, names):
    assert set(names) == {"time", "host", "region", "f", "i", "u", "s", "b", "rare"}, names
    assert len(rows) == 2000, len(rows)
    seen = set()
    for row in rows:
        n = row["i"]
        seen.add(n)
        assert row["time"] == (1600000000 + 60 * n) * 10**9, row
        assert row["host"] == f"h {n % 7}", row
        assert row["region"] == ("eu" if n % 2 else ""), row
        assert row["f"] == n / 3, row
        assert row["u"] == 2**64 - 1 - n, row
        assert row["s"] == f'line {n}\n"é"', row
        assert row["b"] is (n % 3 == 0), row
        assert row["rare"] == (1.5 if n % 500 == 0 else None), row
    assert seen == set(range(2000))


def files(root):
    found = sorted(glob.glob(root + "/db/autogen/m/*/*.parquet"))
    days = {f.split("/")[-2] for f in found}
    assert days == {"2020-09-13", "2020-09-14"}, days
    return found
