#!/usr/bin/env bash
# uk-postcode-utils 1.1, postcodes-uk 1.0.2 (PyPI), postcode-validator 3.10.22 and validator 13.15.35 (npm): the postcodes that
# the NHS itself gives out.
#
# The NHS Postcode Directory has codes for people without an address: ZZ99 3VZ is "no fixed abode", ZZ99 3WZ "unknown". Records
# hold them. One published checker refuses both; the others take them, but not for knowing them: they take ZZ99 8XX as well,
# which nobody gave out. GIR 0AA, a real one, is refused by two of four. A checker of addresses can't decide here.
# Seen (ZZ99 3VZ, ZZ99 3WZ, ZZ99 8XX, GIR 0AA): uk-postcode-utils F F F F; postcodes-uk T T T T; postcode-validator T T T F; validator T T T T
set -euo pipefail
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT; cd "$work"
python3 -m venv v; v/bin/pip -q install uk-postcode-utils==1.1 postcodes-uk==1.0.2
npm init -y >/dev/null; npm install --silent --no-audit --no-fund postcode-validator@3.10.22 validator@13.15.35 >/dev/null
cat > see.py <<'PY'
import postcodes_uk
from ukpostcodeutils import validation
codes = ["ZZ99 3VZ", "ZZ99 3WZ", "ZZ99 8XX", "GIR 0AA"]
say = lambda name, check: print(name, *["T" if check(code) else "F" for code in codes])
say("uk-postcode-utils", lambda code: validation.is_valid_postcode(code.replace(" ", "")))
say("postcodes-uk", postcodes_uk.validate)
PY
cat > see.js <<'JS'
const codes = ['ZZ99 3VZ', 'ZZ99 3WZ', 'ZZ99 8XX', 'GIR 0AA'];
const say = (name, check) => console.log(name, ...codes.map((code) => (check(code) ? 'T' : 'F')));
say('postcode-validator', (code) => require('postcode-validator').postcodeValidator(code, 'GB'));
say('validator', (code) => require('validator').isPostalCode(code, 'GB'));
JS
seen=$(v/bin/python see.py; node see.js); echo "$seen"
[ "$seen" = "uk-postcode-utils F F F F
postcodes-uk T T T T
postcode-validator T T T F
validator T T T T" ]
