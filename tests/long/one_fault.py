#!/usr/bin/env python3
"""Invents small FHIR R4 documents, each sound or with one fault, of every resource type, for two validators to be held together.

    tests/long/one_fault.py OUT --definitions FOLDER [--seed 1] [--count 4000] [--only KIND]

FOLDER holds HL7's own profiles-resources.xml and profiles-types.xml, valuesets.xml and v3-codesystems.xml (Maven:
hapi-fhir-validation-resources-r4, anywhere below the folder). Nothing of our own tables is read. OUT/changes.tsv: file, kind of
change, where. What is made, by kind:

invariant    of each rule of each type: what its expression names, there and not there, with the codes that it names
element      each element of each type alone, and twice where it may be once; a mandatory one left out
code         a required, extensible or weaker binding: another code, another system, a display alone
choice       a type that the choice hasn't
target       a reference to a type that isn't allowed: by address, contained, to nothing
format       texts that are and are not of each primitive type
narrative    XHTML, sound and not
extension    both, neither, wrong value, wrong place, unknown modifier
bundle       ids, addresses, types and links of a Bundle
contained    ids, nesting, tags of what is contained
xml          order, namespaces, attributes, texts and declarations of a document in XML
"""
import argparse
import copy
import itertools
import json
import pathlib
import random
import re
import xml.etree.ElementTree as ET
from xml.sax.saxutils import quoteattr

from one_fault_tables import BUNDLES, CONTAINED, EXTENSIONS, PROFILES, xml_faults

F = "{http://hl7.org/fhir}"
SIMPLE = {
    "boolean": True, "integer": 3, "positiveInt": 3, "unsignedInt": 3, "decimal": 1.5, "string": "words", "markdown": "words",
    "code": "words", "id": "id1", "uri": "http://example.org/it", "url": "http://example.org/it", "canonical": "http://example.org/it",
    "oid": "urn:oid:1.2.3", "uuid": "urn:uuid:c757873d-ec9a-4326-a141-556f43239520", "date": "2026-02-03", "dateTime": "2026-02-03",
    "instant": "2026-02-03T10:00:00Z", "time": "10:00:00", "base64Binary": "QUJD", "xhtml": None,
}
COMPLEX = {
    "CodeableConcept": {"text": "words"}, "Reference": {"display": "words"}, "Identifier": {"value": "1"}, "HumanName": {"text": "A"},
    "Coding": {"display": "words"}, "Quantity": {"value": 1}, "SimpleQuantity": {"value": 1}, "Age": {"value": 3, "system": "http://unitsofmeasure.org", "code": "a"},
    "Duration": {"value": 3, "system": "http://unitsofmeasure.org", "code": "h"}, "Count": {"value": 3, "system": "http://unitsofmeasure.org", "code": "1"},
    "Distance": {"value": 3, "system": "http://unitsofmeasure.org", "code": "m"}, "Money": {"value": 1}, "MoneyQuantity": {"value": 1},
    "Period": {"start": "2026"}, "Range": {"low": {"value": 1}}, "Ratio": {"numerator": {"value": 1}, "denominator": {"value": 2}},
    "Annotation": {"text": "words"}, "Attachment": {"title": "words"}, "ContactPoint": {"system": "phone", "value": "1"}, "Address": {"text": "A"},
    "ContactDetail": {"name": "A"}, "Timing": {"event": ["2026"]}, "Dosage": {"text": "words"}, "Meta": {"versionId": "1"},
    "Narrative": {"status": "generated", "div": '<div xmlns="http://www.w3.org/1999/xhtml">words</div>'}, "Extension": {"url": "http://example.org/x", "valueString": "x"},
    "Element": {"id": "x"}, "Expression": {"language": "text/fhirpath", "expression": "true"}, "UsageContext": {"code": {"code": "age"}, "valueCodeableConcept": {"text": "x"}},
    "RelatedArtifact": {"type": "citation", "display": "words"},
}
FORMATS = {
    "boolean": [True, "true", 1, "True"],
    "integer": [0, -5, 2147483647, 2147483648, 1.0, 1.5, "3", 1e2],
    "positiveInt": [1, 0, -1, 2147483648], "unsignedInt": [0, -1, 2147483647],
    "decimal": [1, 1.50, -0.1, 1e-3, 1e400, "1.5"],
    "string": ["words", "", " ", " words", "words ", "a\tb", "a\nb", "a\u00a0b", "\u0001", "\U0001F600", "\u200b"],
    "markdown": ["# head", "", "  ", "a  \nb", "<b>x</b>", "\u0007"],
    "code": ["a b", "a  b", " a", "a ", "a\tb", "", "a\u00a0b"],
    "id": ["a", "A-1.b", "a_b", "a" * 64, "a" * 65, "", "a b", "\u00e4"],
    "uri": ["http://a.example/b", "urn:x:y", "relative", "a b", "http://a.example/\u00e4", "urn:oid:1.2", "urn:oid:01.2", "urn:uuid:C757873D-EC9A-4326-A141-556F43239520",
            "urn:uuid:c757873d-ec9a-4326-a141-556f43239520", "urn:uuid:1", "http://", "http://a.example/{b}", "HTTP://A.EXAMPLE", "#", "mailto:a@b.example", "http:a", ""],
    "url": ["http://a.example/b", "relative", "urn:oid:1.2.3", "ftp://a.example/b", "mllp://a.example", "mailto:a@b.example", "tel:1", "a b", "/x"],
    "canonical": ["http://a.example/b", "http://a.example/b|1", "relative", "#x", "http://a.example/b|1|2", "urn:uuid:c757873d-ec9a-4326-a141-556f43239520", "a b"],
    "oid": ["urn:oid:1.2.3", "1.2.3", "urn:oid:3.1", "urn:oid:0.1", "urn:oid:1.02", "urn:oid:1", "urn:oid:2.999999999999999999999"],
    "uuid": ["urn:uuid:c757873d-ec9a-4326-a141-556f43239520", "c757873d-ec9a-4326-a141-556f43239520", "urn:uuid:C757873D-EC9A-4326-A141-556F43239520", "urn:uuid:1"],
    "date": ["2026", "2026-02", "2026-02-28", "2026-02-29", "2024-02-29", "2026-13", "2026-00", "26", "2026-2-3", "2026-02-03T10:00:00Z", "0001", "0000", "9999-12-31", "12026", "2026-02-30", "2026-04-31", "1800-01-01", "2026-02-03 "],
    "dateTime": ["2026", "2026-02-03T10:00:00Z", "2026-02-03T10:00Z", "2026-02-03T10:00:00", "2026-02-03T10:00:00+01:00", "2026-02-03T10:00:00+14:00", "2026-02-03T10:00:00+14:30",
                 "2026-02-03T10:00:00+15:00", "2026-02-03T24:00:00Z", "2026-02-03T23:59:60Z", "2026-02-03T10:00:00.123456789Z", "2026-02-03T10:00:00,5Z", "2026-02-03t10:00:00z",
                 "2026-02-03T10:00:00-00:00", "2026-02-03T10:00:00.Z", "2026-02-03T10", "2026-02-03T", "2026-02-30T10:00:00Z", "2026-02-03 10:00:00Z"],
    "instant": ["2026-02-03T10:00:00Z", "2026-02-03T10:00:00.1+01:00", "2026-02-03", "2026-02-03T10:00Z", "2026-02-03T10:00:00", "2026-02-30T10:00:00Z"],
    "time": ["10:00:00", "10:00", "24:00:00", "10:00:00Z", "10:00:00.5", "23:59:60", "1:00:00"],
    "base64Binary": ["QUJD", "QUI=", "QQ==", "QUJ", "Q U J D", "QU\nJD", "QU-_", "====", "=QUJ", "", "QUJD=", "\u00e4"],
}
DIV = '<div xmlns="http://www.w3.org/1999/xhtml">{}</div>'
NARRATIVES = [
    DIV.format(x) for x in [
        "<p>x</p>", "x", "", " ", "<p/>", "<br/>", '<img src="a.png"/>', '<img src="a.png" alt="x"/>', "<img alt='x'/>", "<script>1</script>", "<p onclick='x'>x</p>", "<style>p{}</style>",
        "<p style='color:red'>x</p>", "<form>x</form>", "<input/>", "<iframe src='x'/>", "<object>x</object>", "<video>x</video>", "<a href='x'>x</a>", "<a name='x'>x</a>", "<a href='#x'>x</a>",
        "<a href='javascript:x'>x</a>", "<font color='red'>x</font>", "<center>x</center>", "<u>x</u>", "<s>x</s>", "<tt>x</tt>", "<small>x</small>", "<sub>x</sub>", "<q>x</q>", "<blockquote>x</blockquote>",
        "<table><tr><td>x</td></tr></table>", "<table border='1'><tbody><tr><td colspan='2'>x</td></tr></tbody></table>", "<table><caption>c</caption><thead><tr><th>x</th></tr></thead></table>",
        "<ul><li>x</li></ul>", "<dl><dt>x</dt><dd>x</dd></dl>", "<h1>x</h1>", "<h7>x</h7>", "<pre>x</pre>", "<p class='a b' id='i' title='t' lang='en' dir='ltr'>x</p>", "<p xml:lang='en'>x</p>", "<p data-x='1'>x</p>",
        "<p align='left'>x</p>", "<p>&amp;</p>", "<p>&nbsp;</p>", "<p>&copy;</p>", "<p>&#160;</p>", "<p>&#xA0;</p>", "<p>&nosuch;</p>", "<p>a & b</p>", "<p>a < b</p>", "<P>x</P>", "<p>x", "<b><i>x</b></i>",
        "<!-- x -->", "<p>x</p><!-- x -->", "<![CDATA[x]]>", "<?x y?>", "<span>x</span>", "<section>x</section>", "<nav>x</nav>", "<article>x</article>", "<svg/>", "<math/>", "<p foo='x'>x</p>", "<td>x</td>",
        "<p><p>x</p></p>", "<p a='1' a='2'>x</p>", "<p class=x>x</p>", "<img src='#a' alt='x'/>", "<img src='data:image/png;base64,AA==' alt='x'/>", "<p>\u0001</p>", "<h:p xmlns:h='http://www.w3.org/1999/xhtml'>x</h:p>",
        "<b>x</b>", "<hr/>", "<col/>", "<colgroup><col/></colgroup>", "<address>x</address>", "<bdo dir='ltr'>x</bdo>", "<map name='x'><area shape='rect'/></map>", "<ins>x</ins>", "<del>x</del>", "<link/>", "<base/>", "<meta/>", "<head/>", "<body>x</body>",
    ]
] + ["<div>x</div>", "x", "", "<p xmlns='http://www.w3.org/1999/xhtml'>x</p>", "<DIV xmlns='http://www.w3.org/1999/xhtml'>x</DIV>", "<div xmlns='http://hl7.org/fhir'>x</div>", DIV.format("x") + "y", "  " + DIV.format("x") + "\n",
     "<?xml version='1.0'?>" + DIV.format("x"), "<!DOCTYPE div>" + DIV.format("x"), DIV.format("x") + DIV.format("y"), "<!-- x -->" + DIV.format("x"), '<div xmlns="http://www.w3.org/1999/xhtml"/>', '<h:div xmlns:h="http://www.w3.org/1999/xhtml">x</h:div>']


def value(node, tag, default=""):
    found = node.find(F + tag)
    return found.get("value", default) if found is not None else default


class Definitions:
    """HL7's definitions of types: elements by path, rules by path, codes by value set."""

    def __init__(self, folder):
        self.elements, self.rules, self.kinds, self.codes = {}, {}, {}, {}
        self.systems, included = {}, []
        for name in ("profiles-types.xml", "profiles-resources.xml"):
            for definition in self.read(folder, name, "StructureDefinition"):
                if value(definition, "derivation") == "constraint" or value(definition, "kind") == "logical":
                    continue
                kind = value(definition, "kind")
                self.kinds[value(definition, "type")] = "abstract" if value(definition, "abstract") == "true" else kind
                for element in definition.find(F + "snapshot"):
                    self.take(element)
        for name in ("valuesets.xml", "v3-codesystems.xml"):
            for system in self.read(folder, name, "CodeSystem"):
                self.systems[value(system, "url")] = [value(c, "code") for c in system.iter(F + "concept") if value(c, "code")]
            for each in self.read(folder, name, "ValueSet"):
                for include in each.iter(F + "include"):
                    listed = [value(c, "code") for c in include.findall(F + "concept")]
                    whole = not listed and include.find(F + "filter") is None
                    included.append((value(each, "url"), value(include, "system"), listed, whole))
        for url, system, listed, whole in included:
            for code in self.systems.get(system, []) if whole else listed:
                self.codes.setdefault(url, []).append((system, code))

    @staticmethod
    def read(folder, name, tag):
        path = next(iter(sorted(folder.rglob(name))), None)
        if path is None:
            raise SystemExit(f"{name} is not below {folder}")
        for _, node in ET.iterparse(path):
            if node.tag == F + tag:
                yield node
                node.clear()

    def take(self, element):
        path = value(element, "path")
        own = value(element.find(F + "base"), "path") if element.find(F + "base") is not None else path
        rules = [(value(c, "key"), value(c, "expression")) for c in element.findall(F + "constraint") if value(c, "severity") == "error"]
        if rules:
            self.rules[path] = rules
        if "." not in path:
            return
        binding = element.find(F + "binding")
        types = []
        for each in element.findall(F + "type"):
            code = value(each, "code")
            code = {"http://hl7.org/fhirpath/System.String": "string"}.get(code, code)
            types.append((code, [t.get("value").rsplit("/", 1)[1] for t in each.findall(F + "targetProfile")]))
        reference = value(element, "contentReference")
        self.elements.setdefault(path.rsplit(".", 1)[0], []).append({
            "path": path, "name": path.rsplit(".", 1)[1], "min": int(value(element, "min", "0")), "max": value(element, "max"), "types": types,
            "from": own, "strength": value(binding, "strength") if binding is not None else "", "same": reference.lstrip("#"),
            "set": value(binding, "valueSet").split("|")[0] if binding is not None else "",
        })

    def children(self, path):
        return self.elements.get(path, [])

    def sound(self, element, kind=0, depth=0):
        """A value of an element, as small as its type allows."""
        if element["same"]:
            return self.body(element["same"], depth + 1)
        code, targets = element["types"][kind]
        if code in ("code", "Coding", "CodeableConcept", "string", "uri") and element["strength"] in ("required",):
            system, text = next(iter(self.codes.get(element["set"], [])), ("", SIMPLE.get(code, "words")))
            if code in ("code", "string", "uri"):
                return text
            coding = {"system": system, "code": text} if system else {"display": "words"}
            return coding if code == "Coding" else {"coding": [coding]}
        if code in SIMPLE:
            return SIMPLE[code]
        if code in ("BackboneElement", "Element") and self.children(element["path"]):
            return self.body(element["path"], depth + 1)
        if code in ("Resource",):
            return {"resourceType": "Basic", "code": {"text": "x"}}
        known = COMPLEX.get(code)
        return copy.deepcopy(known) if known else self.body(code, depth + 1)

    def body(self, path, depth=0):
        """An object with what is mandatory, or with the first that can be where nothing is."""
        out = {}
        for element in self.children(path):
            if element["min"] > 0 and depth < 8:
                self.put(out, element)
        if not out and depth:
            for element in self.children(path):
                if element["types"] and element["types"][0][0] in SIMPLE and element["name"] not in ("id", "url"):
                    self.put(out, element)
                    break
            else:
                out["id"] = "x"
        return out

    def put(self, holder, element, kind=0, given=None):
        if not element["types"] and not element["same"]:
            return
        name = element["name"]
        if name.endswith("[x]"):
            code = element["types"][kind][0]
            name = name[:-3] + code[0].upper() + code[1:]
        text = self.sound(element, kind) if given is None else given
        if text is not None:
            holder[name] = [text] if element["max"] == "*" else text

    def resource(self, name):
        return {"resourceType": name, **self.body(name)}


def holders(d, root, limit=4):
    """Each place that an element may stand at: its type's path and how to make it: a list of elements from the root."""
    queue = [(root, [])]
    while queue:
        path, way = queue.pop(0)
        yield path, way
        if len(way) >= limit:
            continue
        for element in d.children(path):
            if element["path"] in d.elements and element["types"] and element["types"][0][0] in ("BackboneElement", "Element"):
                queue.append((element["path"], way + [element]))


def grown(d, root, way):
    """A resource with what leads to a place, and the object there."""
    out = d.resource(root)
    at = out
    for element in way:
        if element["name"] not in at:
            d.put(at, element)
        at = at[element["name"]]
        at = at[0] if isinstance(at, list) else at
    return out, at


def of_invariants(d, root, rng):
    for path, way in holders(d, root):
        for key, expression in d.rules.get(path, []):
            if key in ("ele-1", "ext-1") or key.startswith("dom-"):
                continue
            words = set(re.findall(r"[A-Za-z]+", re.sub(r"'[^']*'", " ", expression)))
            named = [e for e in d.children(path) if e["name"].removesuffix("[x]") in words][:4]
            literals = re.findall(r"'([^']*)'", expression)
            for there in itertools.product([False, True], repeat=len(named)):
                out, at = grown(d, root, way)
                for element, yes in zip(named, there):
                    for name in [n for n in at if n == element["name"] or element["name"].endswith("[x]") and n.startswith(element["name"][:-3])]:
                        del at[name]
                    if yes:
                        d.put(at, element)
                yield f"invariant {key}", path, out
                codes = [e for e, yes in zip(named, there) if yes and e["types"] and e["types"][0][0] == "code"]
                for element in codes:
                    for literal in literals[:4]:
                        other = copy.deepcopy((out, at))
                        out2, at2 = other if not way else (other[0], None)
                        if at2 is None:
                            at2 = out2
                            for step in way:
                                at2 = at2[step["name"]]
                                at2 = at2[0] if isinstance(at2, list) else at2
                        d.put(at2, element, given=literal)
                        yield f"invariant {key}", path, out2


def of_elements(d, root, rng):
    for path, way in holders(d, root):
        for element in d.children(path):
            if element["name"] in ("id", "extension", "modifierExtension", "contained", "meta", "text", "implicitRules", "language"):
                continue
            for kind in range(max(1, len(element["types"]))):
                out, at = grown(d, root, way)
                for name in [n for n in at if element["name"].endswith("[x]") and n.startswith(element["name"][:-3])]:
                    del at[name]
                d.put(at, element, kind)
                yield "element", element["path"], out
            out, at = grown(d, root, way)
            name = element["name"]
            if element["min"] and name in at:
                del at[name]
                yield "element missing", element["path"], out
            elif not element["name"].endswith("[x]") and element["types"]:
                text = d.sound(element)
                if text is not None and rng.random() < 0.1:
                    at[name] = text if element["max"] == "*" else [text]
                    yield "element list", element["path"], out
            for code, targets in element["types"]:
                if code == "Reference" and targets and targets != ["Resource"]:
                    other = next(t for t in ("Slot", "Schema", "Basic", "Linkage") if t not in targets and t in d.kinds)
                    for way_of, given in [("address", {"reference": f"{other}/1"}), ("right", {"reference": f"{targets[0]}/1"}), ("contained", {"reference": "#c"}), ("nothing", {"reference": "#none"}), ("type", {"type": other, "display": "x"}), ("identifier", {"identifier": {"value": "1"}, "type": targets[0]})]:
                        out, at = grown(d, root, way)
                        if way_of == "contained":
                            out["contained"] = [{**d.resource(other), "id": "c"}]
                        d.put(at, element, [t[0] for t in element["types"]].index("Reference"), given)
                        yield f"target {way_of}", element["path"], out
            if element["strength"] and element["types"] and element["types"][0][0] in ("code", "Coding", "CodeableConcept"):
                code = element["types"][0][0]
                system = next((s for s, _ in d.codes.get(element["set"], [])), "http://example.org/s")
                codings = [{"system": system, "code": "zz-none"}, {"system": "http://example.org/s", "code": "x"}, {"code": "x"}, {"display": "x"}, {"system": system}]
                for coding in codings[: 1 if code == "code" else 5]:
                    out, at = grown(d, root, way)
                    d.put(at, element, 0, {"code": coding.get("code"), "Coding": coding, "CodeableConcept": {"coding": [coding]}}[code])
                    yield f"code {element['strength']}", element["path"], out
            if element["name"].endswith("[x]"):
                have = {t for t, _ in element["types"]}
                out, at = grown(d, root, way)
                for name in [n for n in at if n.startswith(element["name"][:-3])]:
                    del at[name]
                other = next((t for t in ("Money", "SampledData", "Ratio", "base64Binary") if t not in have), None)
                if other:
                    at[element["name"][:-3] + other[0].upper() + other[1:]] = SIMPLE.get(other) or COMPLEX.get(other) or {"origin": {"value": 1}, "period": 1, "dimensions": 1}
                    yield "choice", element["path"], out


def of_formats(d, rng):
    places = {}
    for root in sorted(n for n, k in d.kinds.items() if k == "resource"):
        for path, way in holders(d, root, 2):
            for element in d.children(path):
                for kind, (code, _) in enumerate(element["types"]):
                    if code in FORMATS and not (element["strength"] == "required" or element["name"] in ("id", "div")):
                        places.setdefault(code, []).append((root, way, element, kind))
    for code, texts in FORMATS.items():
        for text in texts:
            for root, way, element, kind in rng.sample(places.get(code, []), min(3, len(places.get(code, [])))):
                out, at = grown(d, root, way)
                d.put(at, element, kind, text)
                yield f"format {code}", f"{element['path']} {json.dumps(text)[:60]}", out


def of_narratives():
    for number, div in enumerate(NARRATIVES):
        out = {"resourceType": "Basic", "text": {"status": "generated", "div": div}, "code": {"text": "x"}}
        yield "narrative", f"{number} {div[42:90]}", out
    for status in ("empty", "extensions", "additional", "none"):
        yield "narrative status", status, {"resourceType": "Basic", "text": {"status": status, "div": DIV.format("x")}, "code": {"text": "x"}}


def to_xml(d, resource):
    """The resource in XML, elements in the order of their type."""
    def write(path, body, name):
        attributes, inner = "", ""
        order = {}
        for number, element in enumerate(d.children(path)):
            order[element["name"]] = (number, element)
        def place(key):
            if key in order:
                return order[key]
            return next((order[n] for n in order if n.endswith("[x]") and key.startswith(n[:-3])), (999, None))
        for key in sorted((k for k in body if k != "resourceType"), key=lambda k: place(k)[0]):
            element = place(key)[1]
            for item in body[key] if isinstance(body[key], list) else [body[key]]:
                if key == "id" and name != path or key == "url" and path == "Extension":
                    attributes += f" {key}={quoteattr(str(item))}"
                elif isinstance(item, dict) and "resourceType" in item:
                    inner += f"<{key}>{write(item['resourceType'], item, item['resourceType'])}</{key}>"
                elif isinstance(item, dict):
                    below = element["same"] or (element["path"] if element["path"] in d.elements else None) if element else None
                    if element and not below:
                        code = next((t for t, _ in element["types"] if key.endswith(t[0].upper() + t[1:])), element["types"][0][0])
                        below = code
                    inner += write(below or "", item, key)
                elif key == "div":
                    inner += item
                else:
                    text = {True: "true", False: "false"}.get(item, item) if isinstance(item, bool) else item
                    inner += f"<{key} value={quoteattr(str(text), {chr(10): '&#10;', chr(9): '&#9;'})}/>"
        return f"<{name}{attributes}>{inner}</{name}>"
    kind = resource["resourceType"]
    return write(kind, resource, kind).replace(f"<{kind}", f'<{kind} xmlns="http://hl7.org/fhir"', 1)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("out", type=pathlib.Path)
    parser.add_argument("--definitions", type=pathlib.Path, required=True)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--count", type=int, default=4000, help="at most so many of invariants and of elements, drawn")
    parser.add_argument("--only", default="", help="kinds that begin so")
    given = parser.parse_args()
    rng = random.Random(given.seed)
    d = Definitions(given.definitions)
    roots = sorted(n for n, k in d.kinds.items() if k == "resource")
    made, drawn = [], {"invariant": [], "element": []}
    for root in roots:
        made.append(("sound", root, d.resource(root)))
        drawn["invariant"] += of_invariants(d, root, rng)
        drawn["element"] += of_elements(d, root, rng)
    for kind, ones in drawn.items():
        distinct = list({json.dumps(one[2], sort_keys=True): one for one in ones}.values())
        made += rng.sample(distinct, min(given.count, len(distinct)))
    made += of_formats(d, rng)
    made += of_narratives()
    for kind, table in [("extension", EXTENSIONS), ("bundle", BUNDLES), ("contained", CONTAINED), ("profile", PROFILES)]:
        made += [(kind, name, out) for name, out in table]
    given.out.mkdir(parents=True, exist_ok=True)
    number = 0
    with (given.out / "changes.tsv").open("w") as log:
        def keep(kind, where, text, ending):
            nonlocal number
            if kind.startswith(given.only):
                number += 1
                file = f"f{number:05}.{ending}"
                (given.out / file).write_text(text)
                log.write(f"{file}\t{kind}\t{where!r}\n")
        for kind, where, out in made:
            # Python writes a number that it can't hold as a word.
            keep(kind, where, json.dumps(out).replace("Infinity", "1e400"), "json")
        # A tenth of them in XML too, and faults that only XML has.
        for kind, where, out in rng.sample(made, len(made) // 10):
            if all(isinstance(k, str) for k in out):
                try:
                    keep(f"xml {kind}", where, to_xml(d, out), "xml")
                except (KeyError, TypeError, AttributeError, IndexError):
                    continue
        for where, text in xml_faults():
            keep("xml", where, text, "xml")
    print(f"{number} documents")


if __name__ == "__main__":
    main()
