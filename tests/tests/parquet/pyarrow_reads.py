"""Reads the data files below a directory with pyarrow."""
import sys

import pyarrow as pa
import pyarrow.parquet as pq

import check

rows, names = [], set()
for f in check.files(sys.argv[1]):
    table = pq.read_table(f, partitioning=None)
    assert pa.types.is_timestamp(table.schema.field("time").type) and table.schema.field("time").type.unit == "ns"
    names |= set(table.schema.names)
    table = table.set_column(table.schema.get_field_index("time"), "time", table.column("time").cast(pa.int64()))
    rows += table.to_pylist()
    keys = [(r["host"], r["region"], r["time"]) for r in table.to_pylist()]
    assert keys == sorted(keys), "rows are not sorted by tag set and time"
    metadata = pq.ParquetFile(f).metadata
    group = metadata.row_group(0)
    for at in range(group.num_columns):
        column = group.column(at)
        assert column.statistics is not None and column.compression == "ZSTD", column
        assert column.has_column_index and column.has_offset_index, column
for row in rows:
    for name in names:
        row.setdefault(name, None)
check.check(rows, names)
print("all good")
