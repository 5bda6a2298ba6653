#!/usr/bin/env bash
# Holds what every adapter writes to R4 and UK Core with HL7's Java validator: the cases of fixtures/ and the given corpora.
# Errors are named by kind and counted; what is known stands below with its reason, and any other ends in 1.
#
#   tests/long/validator.sh [FOLDER]...     folders of inputs besides fixtures/ [every folder of corpora]
#
# Needs the acceptance material, a JDK and Maven; says SKIPPED without them. CAUSEWAY is the binary [target/release/causeway].
set -euo pipefail
cd "$(dirname "$0")/../.."
acceptance="${CAUSEWAY_ACCEPTANCE:-../shared/acceptance}" corpora="${CAUSEWAY_CORPORA:-../shared/corpora}"
skip() { echo "SKIPPED: outputs in the Java validator: $1" >&2; exit 0; }
[ -x "$acceptance/fhir-validator/run" ] || skip "the acceptance material is not here"
command -v mvn >/dev/null && command -v java >/dev/null || skip "Java or Maven is absent"
if [ -z "${CAUSEWAY:-}" ]; then
  cargo build --release --locked --quiet -p causeway
  CAUSEWAY=target/release/causeway
fi
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT
[ $# -gt 0 ] || set -- "$corpora"/*/in
for input in fixtures/*/*/input.*; do
  case="$(basename "$(dirname "$input")")" format="$(basename "$(dirname "$(dirname "$input")")")"
  "$CAUSEWAY" translate --out "$work/out/$format-$case" "$input" >/dev/null 2>&1 || true
done
number=0
for folder in "$@"; do
  number=$((number + 1))
  [ ! -d "$folder" ] || "$CAUSEWAY" translate --out "$work/out/corpus-$number" "$folder" >/dev/null 2>&1 || true
done
mkdir "$work/bundles"
find "$work/out" -name '*.r4.json' | while read -r bundle; do
  cp "$bundle" "$work/bundles/$(echo "${bundle#"$work/out/"}" | tr / _)"
done
"$acceptance/fhir-validator/run" --uk-core --errors-only "$work/bundles" >"$work/found" || true
python3 - "$work/found" "$work/bundles" "$work/out" <<'PY'
import collections, json, pathlib, re, sys
# What is known: a part of the error with its place, as a pattern, and why it stands.
KNOWN = {
    r"""['"]cy['"]""": "Welsh: BCP 47 has it, and the definitions take it in one place and not in another",
    r"""['"](bfi|gd)['"]""": "British Sign Language and Scottish Gaelic: BCP 47 has them, the definitions' list has not",
    r"http://hl7\.org/fhir/3\.0/": "the address of STU3's own extensions, as HL7 writes it",
    r"^Constraint failed: ait-1": "an allergy without a clinical status in the source: R4 demands one of a list that has none for what "
        "is not known",
    r"No code provided, and a code is required from the value set.*\.intent$":
        "a code that R4 demands and the source does not state, of a list that has none for what is not known: "
        "its place has the data-absent-reason",
    r"Extension-UKCore-AllergyIntoleranceEnd is not allowed": "UK Core has the end of an allergy beside its clinical status; a fragment "
        "that states none keeps it where the source has it",
}
TOLD = "FHIR R4 that came as FHIR R4 and breaks a rule of it: told by translate as r4-invalid at the same element"
# Where translate itself says of a bundle that it breaks R4: element paths.
told = collections.defaultdict(set)
for path in pathlib.Path(sys.argv[3]).rglob("*.r4.json"):
    stem = re.sub(r"(\.\d+)?\.r4\.json$", "", path.name)
    issues = path.with_name(stem + ".issues.json")
    if not issues.exists():
        continue
    for issue in json.loads(issues.read_text()).get("issue", []):
        if any(c.get("code") == "r4-invalid" for c in issue["details"].get("coding", [])):
            told[str(path.relative_to(sys.argv[3])).replace("/", "_")].update(issue.get("location", []))
found = [json.loads(line) for line in open(sys.argv[1]) if line.startswith("{")]
kinds, known, examples = collections.Counter(), collections.Counter(), {}
for one in found:
    for issue in one["issues"]:
        if issue["severity"] not in ("error", "fatal"):
            continue
        place = re.sub(r"/\*.*?\*/", "", issue["location"]).rstrip("/")
        why = next((why for part, why in KNOWN.items() if re.search(part, issue["text"] + " at " + place)), None)
        if not why and place in told[pathlib.Path(one["file"]).name]:
            why = TOLD
        if why:
            known[why] += 1
            continue
        kind = (issue["id"], re.sub(r"\[\d+\]", "[]", issue["location"].split(".resource")[-1]).split("/*")[0])
        kinds[kind] += 1
        examples.setdefault(kind, (pathlib.Path(one["file"]).name, issue["text"][:240]))
for why, count in known.most_common():
    print(f"known {count:6}: {why}")
for kind, count in kinds.most_common(60):
    print(f"error {count:6}: {kind[0]} at {kind[1]}; {examples[kind][0]}: {examples[kind][1]}")
total = len(list(pathlib.Path(sys.argv[2]).glob("*.json")))
print(f"{total} bundles, {len(found)} judged; {sum(kinds.values())} errors of {len(kinds)} kinds that are not known")
sys.exit(1 if kinds or len(found) < total or not total else 0)
PY
