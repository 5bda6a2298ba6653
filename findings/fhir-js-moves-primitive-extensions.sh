#!/usr/bin/env bash
# fhir 4.12.0 (npm, FHIR.js) turns XML into JSON in which an extension belongs to another name.
#
# FHIR R4, JSON, "primitive elements": where an element repeats, the two arrays (`given`, `_given`) run in parallel and are
# filled with null. Given a first given name that has an extension alone (here: data-absent-reason "masked") and a second
# one with a value, the converter writes given ["Ann"] and _given [{extension}]: now "Ann" is the masked one.
# Its own validator calls the result valid.
# Seen: {"given":["Ann"],"_given":[{"extension":[{"url":"http://hl7.org/fhir/StructureDefinition/data-absent-reason","valueCode":"masked"}]}]} true
set -euo pipefail
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT; cd "$work"
npm init -y >/dev/null; npm install --silent --no-audit --no-fund fhir@4.12.0 >/dev/null
cat > see.js <<'JS'
const { Fhir } = require('fhir');
const fhir = new Fhir();
const xml = '<Patient xmlns="http://hl7.org/fhir"><name><given><extension url="http://hl7.org/fhir/StructureDefinition/'
  + 'data-absent-reason"><valueCode value="masked"/></extension></given><given value="Ann"/></name></Patient>';
const patient = fhir.xmlToObj(xml);
console.log(JSON.stringify(patient.name[0]), fhir.validate(patient).valid);
JS
seen=$(node see.js); echo "seen: $seen"
[ "$seen" = '{"given":["Ann"],"_given":[{"extension":[{"url":"http://hl7.org/fhir/StructureDefinition/data-absent-reason","valueCode":"masked"}]}]} true' ]
