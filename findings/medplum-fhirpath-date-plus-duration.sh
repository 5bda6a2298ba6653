#!/usr/bin/env bash
# @medplum/core 4.5.2 (npm), evalFhirPath: a date plus a duration joins two texts.
#
# FHIRPath 2.0, "Date/Time Arithmetic": @2020-01-31 + 1 month is @2020-02-29. This engine answers the text "2020-01-311",
# without an error. 4 g and 4000 mg are not equal to it. Two literals for the same moment in two zones are equal, but an
# element (deceasedDateTime) with that moment is not, unless it is sent through toDateTime() first.
# Seen: ["2020-01-311"] [false] [true] [false] [true]
set -euo pipefail
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT; cd "$work"
npm init -y >/dev/null; npm install --silent --no-audit --no-fund @medplum/core@4.5.2 >/dev/null
cat > see.js <<'JS'
const { evalFhirPath } = require('@medplum/core');
const patient = { resourceType: 'Patient', deceasedDateTime: '2020-01-01T10:00:00+01:00' };
console.log(["@2020-01-31 + 1 month", "4 'g' = 4000 'mg'", "@2020-01-01T10:00:00+01:00 = @2020-01-01T09:00:00Z",
  'deceased = @2020-01-01T09:00:00Z', 'deceased.toDateTime() = @2020-01-01T09:00:00Z']
  .map((expression) => JSON.stringify(evalFhirPath(expression, patient))).join(' '));
JS
seen=$(node see.js); echo "seen: $seen"
[ "$seen" = '["2020-01-311"] [false] [true] [false] [true]' ]
