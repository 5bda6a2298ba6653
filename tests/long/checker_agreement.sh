#!/usr/bin/env bash
# The profile checker beside HL7's Java validator: published UK Core examples broken one way a file (anywhere, and where their
# profile says something), invented documents of every resource type with one fault (one_fault.py), HL7's own R4 definitions
# and snapshots of UK Core that nobody should refuse, and HL7's validator cases. Ends with 1 where an aim is missed (agreement.py).
#
#   tests/long/checker_agreement.sh [SEED] [FOLDER]     seed of what is broken [1]; where it is kept [a temporary folder]
#
# Needs the acceptance material, a JDK, Maven and Python; says SKIPPED without them. CAUSEWAY is the binary [target/release/causeway].
set -euo pipefail
cd "$(dirname "$0")/../.."
acceptance="${CAUSEWAY_ACCEPTANCE:-../shared/acceptance}" fhir="${CAUSEWAY_FHIR:-../shared/fhir}"
tools="$acceptance/fhir-validator" own="$fhir/ukcore"
skip() { echo "SKIPPED: the checker beside Java: $1" >&2; exit 0; }
[ -x "$tools/run" ] || skip "the acceptance material is not here"
command -v mvn >/dev/null && command -v java >/dev/null || skip "Java or Maven is absent"
if [ -z "${CAUSEWAY:-}" ]; then
  cargo build --release --locked --quiet -p causeway
  CAUSEWAY=target/release/causeway
fi
export CAUSEWAY
seed="${1:-1}" work="${2:-}"
if [ -z "$work" ]; then
  work="$(mktemp -d)"
  trap 'rm -rf "$work"' EXIT
fi
mkdir -p "$work"
check() { "$CAUSEWAY" check --format jsonl --fail-on never "$@"; }
# What HL7's validator is run on: itself exits 1 where it finds errors.
java_says() { "$tools/run" "$@" 2>>"$work/java.log" || true; }
compare() {
  echo "== $1"
  python3 tests/long/agreement.py "$work/$2.java" "$work/$2.ours" "$work/$2/changes.tsv" || below=1
}
below=0

python3 "$tools/mutants.py" "$work/generic" --seed "$seed" --per-file 12 "$own/examples"
python3 "$tools/conform-mutants.py" "$work/targeted" --seed "$seed" --formats 6 --snapshots "$fhir/ukcore-snapshots" --examples "$own/examples"
for kind in generic targeted; do
  java_says --uk-core --errors-only --rest-references "$work/$kind" >"$work/$kind.java"
  check "$work/$kind" >"$work/$kind.ours"
  compare "published examples, broken ($kind)" "$kind"
done

java_says "$own/examples/nothing.json" >/dev/null
jar="$(find "$HOME/.m2" "${XDG_CACHE_HOME:-$HOME/.cache}" -name 'hapi-fhir-validation-resources-r4-*.jar' 2>/dev/null | head -1)"
mkdir -p "$work/definitions"
python3 -m zipfile -e "$jar" "$work/definitions"
python3 tests/long/one_fault.py "$work/one" --definitions "$work/definitions" --seed "$seed" --count 2600
java_says --definitions "$own/structuredefinitions" --definitions "$own/valuesets" --definitions "$own/codesystems" \
  --errors-only --rest-references "$work/one" >"$work/one.java"
check --r4 --package "$own/structuredefinitions" --package "$own/valuesets" --package "$own/codesystems" "$work/one" >"$work/one.ours"
compare "invented documents with one fault" one

echo "== HL7's own definitions and the snapshots of UK Core: who is refused"
python3 - "$work/definitions" "$work/hl7" <<'PY'
import pathlib, re, sys
out = pathlib.Path(sys.argv[2])
out.mkdir(exist_ok=True)
number = 0
for path in sorted(pathlib.Path(sys.argv[1]).rglob("*.xml")):
    for part in re.split(r"<entry>", path.read_text())[1:]:
        begin, end = part.find("<resource>"), part.rfind("</resource>")
        body = part[begin + 10:end].strip()
        if begin >= 0 and (name := re.match(r"<(\w+)", body)):
            if 'xmlns="http://hl7.org/fhir"' not in body[:200]:
                body = body.replace("<" + name[1], "<" + name[1] + ' xmlns="http://hl7.org/fhir"', 1)
            number += 1
            (out / f"{path.stem}-{number:05}-{name[1]}.xml").write_text(body)
PY
check --show error "$work/hl7" >"$work/hl7.ours"
check --show error "$fhir/ukcore-snapshots" >"$work/snapshots.ours"
python3 - "$work/hl7.ours" "$work/snapshots.ours" <<'PY'
import json, pathlib, sys
for path in map(pathlib.Path, sys.argv[1:]):
    said = [json.loads(line) for line in path.open()]
    bad = [one for one in said if one["errors"]]
    print(f"{path.stem}: {len(said)} documents, {len(bad)} refused")
    for one in bad:
        issue = one["issues"][0]
        print(f"  {pathlib.Path(one['file']).name}: {issue['location']} {issue['id']}: {issue['text'][:120]}")
PY
echo "== HL7's validator cases"
python3 tests/long/hl7_cases.py --java || below=1
exit "$below"
