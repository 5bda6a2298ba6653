#!/usr/bin/env bash
# fhirpathpy 2.2.4 (PyPI) and fhirpath 5.2.2 (npm), of which it is a port, answer differently for negative numbers and days.
#
# FHIRPath 2.0: `div` cuts towards zero and `mod` is the remainder of it, so -7 mod 3 is -1. The port takes its language's own
# remainder and answers 2. It also takes @2020-02-30, a day that there is not, where the original refuses it, and
# says false to `today() is Date`.
# Seen: port 2, taken, false; original -1, refused, true
set -euo pipefail
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT; cd "$work"
python3 -m venv v; v/bin/pip -q install fhirpathpy==2.2.4
npm init -y >/dev/null; npm install --silent --no-audit --no-fund fhirpath@5.2.2 >/dev/null
cat > see.py <<'PY'
from fhirpathpy import evaluate
def day():
    try:
        return "taken" if evaluate({}, "@2020-02-30") else "nothing"
    except Exception:
        return "refused"
print(evaluate({}, "-7 mod 3")[0], day(), str(evaluate({}, "today() is Date")[0]).lower())
PY
cat > see.js <<'JS'
const { evaluate } = require('fhirpath');
let day = 'taken';
try { evaluate({}, '@2020-02-30'); } catch { day = 'refused'; }
console.log(evaluate({}, '-7 mod 3')[0], day, evaluate({}, 'today() is Date')[0]);
JS
port=$(v/bin/python see.py); original=$(node see.js); echo "port: $port; original: $original"
[ "$port" = "2 taken false" ] && [ "$original" = "-1 refused true" ]
