#!/usr/bin/env python3
"""Writes StructureDefinitions that are XML as JSON, which the Java validator reads. Python's own library only.

    tests/long/pars.py FOLDER-OF-XML FOLDER-OF-JSON
"""
import json
import pathlib
import sys
import xml.etree.ElementTree as tree

FHIR = "{http://hl7.org/fhir}"
# Elements of a StructureDefinition that repeat (R4), by their name below the parent's.
REPEATED = {"contact", "telecom", "jurisdiction", "coding", "element", "discriminator", "constraint", "mapping", "type", "alias",
            "condition", "profile", "targetProfile", "aggregation", "representation", "code", "example", "useContext", "keyword",
            "context", "extension", "identifier"}
ONCE = {("StructureDefinition", "type"), ("discriminator", "type"), ("type", "code"), ("useContext", "code"),
        ("patternIdentifier", "type"), ("coding", "code"), ("constraint", "type"), ("who", "type")}
NUMBERS, TRUTHS = {"min"}, {"abstract", "experimental", "mustSupport", "isModifier", "isSummary", "ordered"}


def value(node, parent):
    name = node.tag.removeprefix(FHIR)
    text = node.get("value")
    if text is not None:
        if name in NUMBERS and parent == "element":
            return int(text)
        return text == "true" if name in TRUTHS else text
    out = {key: text for key, text in node.attrib.items() if key in ("id", "url")}
    for child in node:
        if not child.tag.startswith(FHIR):
            continue
        key = child.tag.removeprefix(FHIR)
        one = value(child, name)
        if key in REPEATED and (name, key) not in ONCE:
            out.setdefault(key, []).append(one)
        else:
            out[key] = one
    return out


source, target = map(pathlib.Path, sys.argv[1:3])
target.mkdir(parents=True, exist_ok=True)
for file in sorted(source.glob("*.xml")):
    root = tree.parse(file).getroot()
    resource = {"resourceType": root.tag.removeprefix(FHIR), **value(root, "")}
    for element in resource.get("differential", {}).get("element", []):
        # A slice that says no least number takes the element's own, by which each event would need each kind of agent; the
        # published examples have some of them.
        if "sliceName" in element:
            element.setdefault("min", 0)
    (target / f"{file.stem}.json").write_text(json.dumps(resource))
