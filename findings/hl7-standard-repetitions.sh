#!/usr/bin/env bash
# hl7-standard 1.0.4 (npm): the second identifier is out of reach, and what it builds ends its segments with CR LF.
#
# PID-3 repeats: here an NHS number and a local number. After transform(), get('PID.3') is the first repetition alone and
# nothing says that there are more. build() without a change puts a field separator at the end of the segment
# and line feeds that HL7 v2 chapter 2.3 does not know after each carriage return.
# Seen: the components of 9990000018 alone, and "2.4|\r\nPID"
set -euo pipefail
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT; cd "$work"
npm init -y >/dev/null; npm install --silent --no-audit --no-fund hl7-standard@1.0.4 >/dev/null
cat > see.js <<'JS'
const HL7 = require('hl7-standard');
const message = new HL7('MSH|^~\\&|LAB|HOSP|GP|SURGERY|20260101||ADT^A08|1|P|2.4\rPID|1||9990000018^^^^NH~L123^^^^PI||TESTER^ANN');
message.transform();
console.log(JSON.stringify(message.get('PID.3')), JSON.stringify(message.build().match(/2\.4[^A-Z]*PID/)[0]));
JS
seen=$(node see.js); echo "seen: $seen"
[ "$seen" = '{"PID.3.1":"9990000018","PID.3.2":"","PID.3.3":"","PID.3.4":"","PID.3.5":"NH"} "2.4|\r\nPID"' ]
