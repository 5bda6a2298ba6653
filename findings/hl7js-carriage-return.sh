#!/usr/bin/env bash
# hl7js 0.0.6 (npm) does not end a segment at the carriage return.
#
# HL7 v2 chapter 2.3: the segment terminator is always the carriage return (0x0D) and can't be changed. This reader splits
# at CR LF alone: a message as the standard writes it becomes ONE segment, without an error, in which MSH-12 is
# "2.4<CR>PID" and the patient's fields count on as MSH-13, MSH-14, ...
# Seen: [1,"MSH","2.4\rPID"] with CR, [1,"MSH","2.4\nPID"] with LF, [2,"MSH","2.4"] with both.
set -euo pipefail
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT; cd "$work"
npm init -y >/dev/null; npm install --silent --no-audit --no-fund hl7js@0.0.6 >/dev/null
cat > see.js <<'JS'
const { Reader } = require('hl7js');
const lines = ['MSH|^~\\&|LAB|HOSP|GP|SURGERY|20260101||ADT^A08|1|P|2.4', 'PID|1||9990000018||TESTER^ANN'];
for (const end of ['\r', '\n', '\r\n']) {
  new Reader('BASIC').read(lines.join(end), (error, read) => {
    if (error) throw error;
    console.log(JSON.stringify([read.segments.length, read.segments[0].id, read.segments[0]['12']]));
  });
}
JS
seen=$(node see.js); echo "seen: $seen"
[ "$seen" = '[1,"MSH","2.4\rPID"]
[1,"MSH","2.4\nPID"]
[2,"MSH","2.4"]' ]
