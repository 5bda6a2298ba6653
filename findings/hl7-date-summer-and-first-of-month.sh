#!/usr/bin/env bash
# hl7-date 1.0.1 (npm): in British Summer Time it writes the offset "+-100", and who is born on the first of a month loses the day.
#
# HL7 v2 chapter 2, DTM/TS: YYYY[MM[DD[HH[MM[SS]]]]] and then +/-ZZZZ, four digits; what is left out says how exact a time is.
# A JavaScript Date has no such precision, so the writer guesses it from what is zero: a birth date of 1 January comes back as
# its year alone, of 1 March as its month, a time at midnight as a day. East of Greenwich a second sign is written,
# so that all summer long each time sent from London is malformed (and read by this package as local time, without an
# error); winter, and a server in UTC, pass every test.
# Seen: 1958 195803 19580307 202601150830+0000 202607010830+-100
set -euo pipefail
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT; cd "$work"
npm init -y >/dev/null; npm install --silent --no-audit --no-fund hl7-date@1.0.1 >/dev/null
cat > see.js <<'JS'
const { parse, stringify } = require('hl7-date');
console.log(['19580101', '19580301', '19580307', '202601150830', '202607010830'].map((text) => stringify(parse(text))).join(' '));
JS
seen=$(TZ=Europe/London node see.js); echo "seen: $seen"
[ "$seen" = "1958 195803 19580307 202601150830+0000 202607010830+-100" ]
