#!/usr/bin/env bash
# nodehl7 2.0.0 (npm) reads the escape \S\ as the FIELD separator.
#
# HL7 v2 chapter 2.7: \S\ stands for the component separator (^ by default), \F\ for the field separator (|).
# A unit of 10^9/L is sent as 10\S\9/L; this reader hands on 10|9/L, which is neither the unit nor an error.
# It also leaves the repetitions of PID-3 in one piece: `9990000018~L123` is the first component of one identifier.
# Seen: ["10|9/L",["9990000018~L123"]]
set -euo pipefail
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT; cd "$work"
npm init -y >/dev/null; npm install --silent --no-audit --no-fund nodehl7@2.0.0 >/dev/null
cat > see.js <<'JS'
const Parser = require('nodehl7');
const message = ['MSH|^~\\&|LAB|HOSP|GP|SURGERY|20260101||ORU^R01|1|P|2.4', 'PID|1||9990000018~L123||TESTER^ANN',
  'OBX|1|NM|WBC||6.1|10\\S\\9/L|||||F', ''].join('\r');
new Parser().parse(message, 'one', (error, read) => {
  if (error) throw error;
  const identifier = read.get('PID').parts[2];
  console.log(JSON.stringify([read.get('OBX').parts[5], [].concat(identifier)]));
});
JS
seen=$(node see.js); echo "seen: $seen"
[ "$seen" = '["10|9/L",["9990000018~L123"]]' ]
