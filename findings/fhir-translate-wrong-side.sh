#!/usr/bin/env bash
# @synanetics/fhir-translate 1.2.0 (npm) answers with targets whose conditions are not met.
#
# FHIR R4, ConceptMap.group.element.target.dependsOn: a target applies only if the named element has the given value, and
# $translate has a `dependency` parameter to say what it is. This implementation knows neither. A local code "knee" that
# becomes "left knee" or "right knee" with the side comes back with both, each "equivalent", result true; the same when the
# caller says "right", when the first match is the left one, and when the caller says nothing, when neither applies.
# Seen: nothing said: true left-knee right-knee; "right" said: true left-knee right-knee
set -euo pipefail
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT; cd "$work"
npm init -y >/dev/null; npm install --silent --no-audit --no-fund --ignore-scripts @synanetics/fhir-translate@1.2.0 >/dev/null
cat > see.js <<'JS'
const { conceptMapTranslate } = require('@synanetics/fhir-translate');
const at = 'http://example.org/';
const target = ['left', 'right'].map((side) => ({ code: `${side}-knee`, equivalence: 'equivalent',
  dependsOn: [{ property: `${at}side`, system: `${at}sides`, value: side }] }));
const map = { resourceType: 'ConceptMap', url: `${at}map`, status: 'active', sourceUri: `${at}local-codes`, targetUri: `${at}other-codes`,
  group: [{ source: `${at}local`, target: `${at}other`, element: [{ code: 'knee', target }] }] };
const coding = { name: 'coding', valueCoding: { system: `${at}local`, code: 'knee' } };
const right = { name: 'dependency', part: [{ name: 'element', valueUri: `${at}side` },
  { name: 'concept', valueCodeableConcept: { coding: [{ system: `${at}sides`, code: 'right' }] } }] };
for (const parameter of [[coding], [coding, right]]) {
  const { parameter: [result, ...matches] } = conceptMapTranslate({
    parameters: { resourceType: 'Parameters', parameter }, fhirVersion: 'r4', conceptMaps: [map] });
  console.log(result.valueBoolean, ...matches.map(({ part }) => part.find(({ name }) => name === 'concept').valueCoding.code));
}
JS
seen=$(node see.js); echo "$seen"
[ "$seen" = "true left-knee right-knee
true left-knee right-knee" ]
