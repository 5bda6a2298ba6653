#!/usr/bin/env bash
# healthkit-to-sqlite 1.0.1 (PyPI): each blood pressure of an Apple Health export is counted twice, and values are text.
#
# An export lists the parts of a correlation (a blood pressure is one of two records) within it and once more at the top
# level; its own document type says so. This reader makes a row of each, and keeps nothing of the correlation, so that
# nobody can tell a reading from its repetition, or which diastolic value belongs to which systolic. Values are text: the
# greatest of 9.5 and 71.50 kg is 9.5.
# Seen: 2 rows for one systolic value, no table of correlations, greatest weight 9.5
set -euo pipefail
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT; cd "$work"
python3 -m venv venv
venv/bin/pip -q install healthkit-to-sqlite==1.0.1
python3 - >export.xml <<'P'
def record(kind, unit, value, day):
    at = f"2026-11-{day:02} 08:00:00 +0000"
    return (f'<Record type="HKQuantityTypeIdentifier{kind}" sourceName="Home" unit="{unit}" creationDate="{at}" '
            f'startDate="{at}" endDate="{at}" value="{value}"/>')
pair = [record("BloodPressureSystolic", "mmHg", 128, 3), record("BloodPressureDiastolic", "mmHg", 76, 3)]
at = "2026-11-03 08:00:00 +0000"
print('<?xml version="1.0" encoding="UTF-8"?>', '<HealthData locale="en_GB">', f'<ExportDate value="{at}"/>',
      record("BodyMass", "kg", "9.5", 1), record("BodyMass", "kg", "71.50", 2), *pair,
      '<Correlation type="HKCorrelationTypeIdentifierBloodPressure" sourceName="Home" '
      f'creationDate="{at}" startDate="{at}" endDate="{at}">', *pair, '</Correlation>', '</HealthData>', sep="\n")
P
venv/bin/healthkit-to-sqlite --xml export.xml health.db >/dev/null
seen=$(python3 - <<'P'
import sqlite3
db = sqlite3.connect("health.db")
rows = db.execute("select count(*) from rBloodPressureSystolic").fetchone()[0]
tables = [n for (n,) in db.execute("select name from sqlite_master where type = 'table'") if "orrelation" in n]
print(rows, len(tables), db.execute("select max(value) from rBodyMass").fetchone()[0])
P
)
echo "seen: $seen"
[ "$seen" = "2 0 9.5" ]
