#!/usr/bin/env bash
# Holds the export for NHS England's Patient Audit Record Service to its profile with HL7's Java validator: each kind of event
# without an error, each of the broken ones with one. Needs the acceptance material, a JDK and Maven; says SKIPPED without them.
set -euo pipefail
cd "$(dirname "$0")/../.."
acceptance="${CAUSEWAY_ACCEPTANCE:-../shared/acceptance}"
skip() { echo "SKIPPED: PARS in the Java validator: $1" >&2; exit 0; }
[ -d "$acceptance/pars" ] && [ -x "$acceptance/fhir-validator/run" ] || skip "the acceptance material is not here"
command -v mvn >/dev/null && command -v java >/dev/null || skip "Java or Maven is absent"
ukcore="${CAUSEWAY_FHIR:-$acceptance/../fhir}/ukcore"
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT
mkdir "$work/events"
CAUSEWAY_PARS_OUT="$work/events" cargo test -q -p causeway-access --test it --locked ig_16
python3 tests/long/pars.py "$acceptance/pars" "$work/definitions"
definitions=(--definitions "$work/definitions")
for kind in structuredefinitions valuesets codesystems; do definitions+=(--definitions "$ukcore/$kind"); done
"$acceptance/fhir-validator/run" --errors-only "${definitions[@]}" "$work/events" >"$work/found" || true
python3 - "$work/found" "$work/events" <<'PY'
import json, pathlib, sys
found = [json.loads(line) for line in open(sys.argv[1]) if line.startswith("{")]
names = {pathlib.Path(one["file"]).name: one for one in found}
files = sorted(p.name for p in pathlib.Path(sys.argv[2]).glob("*.json"))
wrong = [n for n in files if n not in names or (names[n]["errors"] > 0) != n.startswith("bad")]
for name in wrong:
    print(name, json.dumps(names.get(name, "not judged"))[:600])
good = sum(n.startswith("good") for n in files)
print(f"PARS: {good} kinds of events and {len(files) - good} broken ones; {len(wrong)} judged otherwise")
sys.exit(1 if wrong or not good else 0)
PY
