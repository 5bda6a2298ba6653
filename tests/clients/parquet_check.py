"""Checks that pyarrow and DuckDB read a table of an extract as it was stated. Started by `parquet`."""

import csv
import decimal
import sys

import duckdb
import pyarrow
import pyarrow.parquet

stem = sys.argv[1]
table = pyarrow.parquet.read_table(f"{stem}.parquet")
types = {field.name: str(field.type) for field in table.schema}
assert types == {
    "patient": "string", "code": "string", "final": "bool", "value": "decimal128(38, 9)", "month": "string",
}, types
described = {row[0]: row[1] for row in duckdb.sql(f"describe select * from '{stem}.parquet'").fetchall()}
assert described == {
    "patient": "VARCHAR", "code": "VARCHAR", "final": "BOOLEAN", "value": "DECIMAL(38,9)", "month": "VARCHAR",
}, described
with open(f"{stem}.csv", newline="", encoding="utf-8") as file:
    rows = list(csv.DictReader(file))
assert rows and table.num_rows == len(rows)


def text(value):
    return "" if value is None else str(value).lower() if isinstance(value, bool) else value


for told, read in zip(rows, table.to_pylist()):
    number = told.pop("value")
    value = read.pop("value")
    assert (value is None) == (number == "") and (value is None or value == decimal.Decimal(number)), (number, value)
    assert told == {name: text(cell) for name, cell in read.items()}, (told, read)
assert any(row for row in table.column('value').to_pylist()), 'no value to compare'
counted = duckdb.sql(f"select count(*), count(value), sum(value) from '{stem}.parquet'").fetchall()[0]
wanted = [decimal.Decimal(v) for v in (row["value"] for row in csv.DictReader(open(f"{stem}.csv", newline=""))) if v]
assert counted == (len(rows), len(wanted), sum(wanted) if wanted else None), counted
print(f"{len(rows)} rows, {len(wanted)} values read alike by pyarrow {pyarrow.__version__} and DuckDB {duckdb.__version__}")
