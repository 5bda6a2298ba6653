"""Hand-made documents of one_fault.py: extensions, bundles, what is contained, profiles, and faults that only XML has."""

UK = "https://fhir.hl7.org.uk/StructureDefinition/"
HL7 = "http://hl7.org/fhir/StructureDefinition/"
UUID = "urn:uuid:c757873d-ec9a-4326-a141-556f4323952"


def patient(**more):
    return {"resourceType": "Patient", **more}


def extended(*extensions, key="extension", **more):
    return patient(**{key: list(extensions)}, **more)


def concept(system, code):
    return {"coding": [{"system": system, "code": code}]}


X = {"url": "http://example.org/x", "valueString": "x"}
BIRTH_PLACE = {"url": HL7 + "patient-birthPlace", "valueAddress": {"city": "X"}}
NATIONALITY = {"url": HL7 + "patient-nationality", "extension": [{"url": "code", "valueCodeableConcept": {"text": "x"}}]}
ABSENT = {"url": HL7 + "data-absent-reason", "valueCode": "unknown"}

EXTENSIONS = [
    ("own", extended(X)),
    ("both", extended({**X, "extension": [X]})),
    ("neither", extended({"url": "http://example.org/x"})),
    ("no url", extended({"valueString": "x"})),
    ("relative url", extended({"url": "x", "valueString": "x"})),
    ("two values", extended({**X, "valueCode": "x"})),
    ("value of no type", extended({"url": "http://example.org/x", "valueBanana": "x"})),
    ("value of a type that no extension takes", extended({"url": "http://example.org/x", "valueElement": {"id": "x"}})),
    ("value of a narrative", extended({"url": "http://example.org/x", "valueNarrative": {"status": "empty"}})),
    ("nested", extended({"url": "http://example.org/x", "extension": [{"url": "a", "valueString": "x"}]})),
    ("id alone", extended({"url": "http://example.org/x", "id": "a"})),
    ("value null", extended({"url": "http://example.org/x", "valueString": None})),
    ("value empty object", extended({"url": "http://example.org/x", "valueCoding": {}})),
    ("value by underscore", extended({"url": "http://example.org/x", "_valueString": {"extension": [ABSENT]}})),
    ("unknown modifier", extended(X, key="modifierExtension")),
    ("a known one as modifier", extended(BIRTH_PLACE, key="modifierExtension")),
    ("modifier within a type that has none", patient(name=[{"text": "x", "modifierExtension": [X]}])),
    ("modifier within an identifier", patient(identifier=[{"value": "1", "modifierExtension": [X]}])),
    ("modifier within a backbone", patient(contact=[{"name": {"text": "x"}, "modifierExtension": [X]}])),
    ("birth place", extended(BIRTH_PLACE)),
    ("birth place in a name", patient(name=[{"text": "x", "extension": [BIRTH_PLACE]}])),
    ("birth place twice", extended(BIRTH_PLACE, BIRTH_PLACE)),
    ("birth place as text", extended({"url": HL7 + "patient-birthPlace", "valueString": "X"})),
    ("birth place of another resource", {"resourceType": "Basic", "code": {"text": "x"}, "extension": [BIRTH_PLACE]}),
    ("nationality", extended(NATIONALITY)),
    ("nationality with an unknown part", extended({**NATIONALITY, "extension": [{"url": "other", "valueString": "x"}]})),
    ("nationality with a value", extended({"url": HL7 + "patient-nationality", "valueString": "x"})),
    ("nationality with a part twice", extended({**NATIONALITY, "extension": NATIONALITY["extension"] * 2})),
    ("nationality with a part of another type", extended({**NATIONALITY, "extension": [{"url": "code", "valueString": "x"}]})),
    ("absent reason on a date", patient(_birthDate={"extension": [ABSENT]})),
    ("absent reason with another code", patient(_birthDate={"extension": [{**ABSENT, "valueCode": "zz"}]})),
    ("absent reason beside a value", patient(birthDate="2026", _birthDate={"extension": [ABSENT]})),
    ("absent reason on the resource", extended(ABSENT)),
    ("absent reason for a mandatory status", {"resourceType": "Observation", "_status": {"extension": [ABSENT]}, "code": {"text": "x"}}),
    ("birth time on a birth date", patient(birthDate="2026-02-03", _birthDate={"extension": [{"url": HL7 + "patient-birthTime", "valueDateTime": "2026-02-03T10:00:00Z"}]})),
    ("birth time on a patient", extended({"url": HL7 + "patient-birthTime", "valueDateTime": "2026-02-03T10:00:00Z"})),
    ("unknown of HL7", extended({"url": HL7 + "patient-none", "valueString": "x"})),
    ("unknown of UK Core", extended({"url": UK + "Extension-UKCore-None", "valueString": "x"})),
    ("underscore of an object", patient(_name=[{"id": "x"}])),
    ("underscore of a list, too long", patient(name=[{"given": ["a"], "_given": [None, {"id": "x"}]}])),
    ("underscore of a list, too short", patient(name=[{"given": ["a", "b"], "_given": [{"id": "x"}]}])),
    ("null in both lists", patient(name=[{"given": ["a", None], "_given": [{"id": "x"}, None]}])),
    ("null without its underscore", patient(name=[{"given": ["a", None]}])),
    ("null filled by its underscore", patient(name=[{"given": ["a", None], "_given": [None, {"extension": [ABSENT]}]}])),
    ("underscore that is text", patient(birthDate="2026", _birthDate="x")),
    ("underscore of an unknown element", patient(_nothing={"id": "x"})),
    ("underscore empty", patient(birthDate="2026", _birthDate={})),
    ("underscore with a value", patient(birthDate="2026", _birthDate={"value": "x"})),
    ("comments", patient(fhir_comments=["x"])),
    ("list of extensions empty", patient(extension=[])),
    ("extension that is text", patient(extension=["x"])),
    ("ethnic category", extended({"url": UK + "Extension-UKCore-EthnicCategory", "valueCodeableConcept": concept("https://fhir.hl7.org.uk/CodeSystem/UKCore-EthnicCategoryEngland", "A")})),
    ("ethnic category, unknown code", extended({"url": UK + "Extension-UKCore-EthnicCategory", "valueCodeableConcept": concept("https://fhir.hl7.org.uk/CodeSystem/UKCore-EthnicCategoryEngland", "ZZZ")})),
    ("ethnic category as code", extended({"url": UK + "Extension-UKCore-EthnicCategory", "valueCode": "A"})),
    ("ethnic category twice", extended(*[{"url": UK + "Extension-UKCore-EthnicCategory", "valueCodeableConcept": {"text": "x"}}] * 2)),
    ("contact rank in a patient", extended({"url": UK + "Extension-UKCore-ContactRank", "valuePositiveInt": 1})),
    ("contact rank in a contact", patient(contact=[{"name": {"text": "x"}, "extension": [{"url": UK + "Extension-UKCore-ContactRank", "valuePositiveInt": 1}]}])),
    ("contact rank nought", patient(contact=[{"name": {"text": "x"}, "extension": [{"url": UK + "Extension-UKCore-ContactRank", "valuePositiveInt": 0}]}])),
]


def bundle(kind, *entries, **more):
    return {"resourceType": "Bundle", "type": kind, **more, "entry": list(entries)}


def entry(number, resource=None, **more):
    return {"fullUrl": f"{UUID}{number}", "resource": resource or patient(), **more}


def asked(method="POST", url="Patient", **more):
    return {"request": {"method": method, "url": url, **more}}


def observation(subject):
    return {"resourceType": "Observation", "status": "final", "code": {"text": "x"}, "subject": {"reference": subject}}


COMPOSITION = {"resourceType": "Composition", "status": "final", "type": {"text": "x"}, "date": "2026", "author": [{"display": "x"}], "title": "x"}
HEADER = {"resourceType": "MessageHeader", "eventUri": "http://example.org/e", "source": {"endpoint": "http://example.org"}}
NAMED = {"identifier": {"system": "http://example.org/i", "value": "1"}, "timestamp": "2026-02-03T10:00:00Z"}

BUNDLES = [
    ("collection", bundle("collection", entry(0), entry(1))),
    ("no type", {"resourceType": "Bundle", "entry": [entry(0)]}),
    ("unknown type", bundle("heap", entry(0))),
    ("empty entries", bundle("collection")),
    ("none", {"resourceType": "Bundle", "type": "collection"}),
    ("entry empty", bundle("collection", {})),
    ("entry without a resource", bundle("collection", {"fullUrl": UUID + "0"})),
    ("same address twice", bundle("collection", entry(0), entry(0))),
    ("same address, two versions", bundle("collection", entry(0, patient(meta={"versionId": "1"})), entry(0, patient(meta={"versionId": "2"})))),
    ("no address", bundle("collection", {"resource": patient()})),
    ("no address, id", bundle("collection", {"resource": patient(id="a")})),
    ("relative address", bundle("collection", {"fullUrl": "Patient/a", "resource": patient(id="a")})),
    ("address of another id", bundle("collection", {"fullUrl": "http://example.org/Patient/b", "resource": patient(id="a")})),
    ("address of another type", bundle("collection", {"fullUrl": "http://example.org/Slot/a", "resource": patient(id="a")})),
    ("address with a version", bundle("collection", {"fullUrl": "http://example.org/Patient/a/_history/1", "resource": patient(id="a")})),
    ("uuid in capitals", bundle("collection", {"fullUrl": "urn:uuid:C757873D-EC9A-4326-A141-556F43239520", "resource": patient()})),
    ("uuid that is none", bundle("collection", {"fullUrl": "urn:uuid:1", "resource": patient()})),
    ("oid", bundle("collection", {"fullUrl": "urn:oid:1.2.3", "resource": patient()})),
    ("total in a collection", bundle("collection", entry(0), total=1)),
    ("search in a collection", bundle("collection", entry(0, search={"mode": "match"}))),
    ("request in a collection", bundle("collection", entry(0, **asked()))),
    ("response in a collection", bundle("collection", entry(0, response={"status": "200"}))),
    ("transaction", bundle("transaction", entry(0, **asked()))),
    ("transaction without a request", bundle("transaction", entry(0))),
    ("transaction, unknown method", bundle("transaction", entry(0, **asked("FETCH")))),
    ("transaction, put without an id", bundle("transaction", entry(0, **asked("PUT", "Patient")))),
    ("transaction, delete with a resource", bundle("transaction", entry(0, **asked("DELETE", "Patient/1")))),
    ("transaction, delete alone", bundle("transaction", asked("DELETE", "Patient/1"))),
    ("transaction, get", bundle("transaction", asked("GET", "Patient?name=x"))),
    ("transaction, post of nothing", bundle("transaction", asked("POST", "Patient"))),
    ("transaction, another type", bundle("transaction", entry(0, **asked("POST", "Observation")))),
    ("transaction, etag", bundle("transaction", entry(0, **asked("PUT", "Patient/1", ifMatch="1")))),
    ("transaction, request without url", bundle("transaction", entry(0, request={"method": "POST"}))),
    ("batch", bundle("batch", entry(0, **asked()))),
    ("batch without a request", bundle("batch", entry(0))),
    ("batch response", bundle("batch-response", {"response": {"status": "201"}})),
    ("batch response without one", bundle("batch-response", entry(0))),
    ("transaction response, words", bundle("transaction-response", {"response": {"status": "Created"}})),
    ("history", bundle("history", entry(0, **asked(), response={"status": "200"}))),
    ("history without a response", bundle("history", entry(0, **asked()))),
    ("search set", bundle("searchset", {"fullUrl": "http://example.org/Patient/a", "resource": patient(id="a"), "search": {"mode": "match"}}, total=1, link=[{"relation": "self", "url": "http://example.org/Patient"}])),
    ("search set without a mode", bundle("searchset", {"fullUrl": "http://example.org/Patient/a", "resource": patient(id="a")})),
    ("search set without ids", bundle("searchset", entry(0, search={"mode": "match"}))),
    ("search set, outcome as match", bundle("searchset", {"resource": {"resourceType": "OperationOutcome", "issue": [{"severity": "error", "code": "invalid"}]}, "search": {"mode": "match"}})),
    ("search set, outcome", bundle("searchset", {"resource": {"resourceType": "OperationOutcome", "issue": [{"severity": "error", "code": "invalid"}]}, "search": {"mode": "outcome"}})),
    ("search set, two types", bundle("searchset", {"fullUrl": "http://example.org/Patient/a", "resource": patient(id="a"), "search": {"mode": "match"}}, {"fullUrl": "http://example.org/Basic/b", "resource": {"resourceType": "Basic", "id": "b", "code": {"text": "x"}}, "search": {"mode": "match"}}, link=[{"relation": "self", "url": "http://example.org/Patient?name=x"}])),
    ("search set, score above one", bundle("searchset", {"fullUrl": "http://example.org/Patient/a", "resource": patient(id="a"), "search": {"mode": "match", "score": 1.5}})),
    ("link twice", bundle("searchset", link=[{"relation": "self", "url": "http://a.example"}, {"relation": "self", "url": "http://b.example"}])),
    ("reference within", bundle("collection", entry(0), entry(1, observation(UUID + "0")))),
    ("reference to nothing", bundle("collection", entry(0), entry(1, observation(UUID + "9")))),
    ("reference to the wrong type within", bundle("collection", entry(0, {"resourceType": "Basic", "code": {"text": "x"}}), entry(1, observation(UUID + "0")))),
    ("relative reference among addresses", bundle("collection", {"fullUrl": "http://example.org/Patient/a", "resource": patient(id="a")}, {"fullUrl": "http://example.org/Observation/b", "resource": {**observation("Patient/a"), "id": "b"}})),
    ("relative reference among uuids", bundle("collection", entry(0, patient(id="a")), entry(1, observation("Patient/a")))),
    ("document", bundle("document", entry(0, COMPOSITION), **NAMED)),
    ("document without an identifier", bundle("document", entry(0, COMPOSITION), timestamp="2026-02-03T10:00:00Z")),
    ("document without a time", bundle("document", entry(0, COMPOSITION), identifier=NAMED["identifier"])),
    ("document without its system", bundle("document", entry(0, COMPOSITION), identifier={"value": "1"}, timestamp="2026-02-03T10:00:00Z")),
    ("document without a composition", bundle("document", entry(0), **NAMED)),
    ("document, composition second", bundle("document", entry(0), entry(1, COMPOSITION), **NAMED)),
    ("document, subject in it", bundle("document", entry(0, {**COMPOSITION, "subject": {"reference": UUID + "1"}}), entry(1), **NAMED)),
    ("document, subject not in it", bundle("document", entry(0, {**COMPOSITION, "subject": {"reference": UUID + "9"}}), **NAMED)),
    ("document, entry apart", bundle("document", entry(0, COMPOSITION), entry(1), **NAMED)),
    ("document, section entry", bundle("document", entry(0, {**COMPOSITION, "section": [{"entry": [{"reference": UUID + "1"}]}]}), entry(1), **NAMED)),
    ("document, section entry missing", bundle("document", entry(0, {**COMPOSITION, "section": [{"entry": [{"reference": UUID + "9"}]}]}), **NAMED)),
    ("document, empty section", bundle("document", entry(0, {**COMPOSITION, "section": [{"title": "x"}]}), **NAMED)),
    ("document, section with a reason and entries", bundle("document", entry(0, {**COMPOSITION, "section": [{"entry": [{"reference": UUID + "1"}], "emptyReason": {"text": "x"}}]}), entry(1), **NAMED)),
    ("message", bundle("message", entry(0, HEADER), timestamp="2026-02-03T10:00:00Z")),
    ("message without a time", bundle("message", entry(0, HEADER))),
    ("message without a header", bundle("message", entry(0), timestamp="2026-02-03T10:00:00Z")),
    ("message, header second", bundle("message", entry(0), entry(1, HEADER), timestamp="2026-02-03T10:00:00Z")),
    ("message, focus in it", bundle("message", entry(0, {**HEADER, "focus": [{"reference": UUID + "1"}]}), entry(1), timestamp="2026-02-03T10:00:00Z")),
    ("message, focus not in it", bundle("message", entry(0, {**HEADER, "focus": [{"reference": UUID + "9"}]}), timestamp="2026-02-03T10:00:00Z")),
    ("bundle in a bundle", bundle("collection", entry(0, bundle("collection", entry(1))))),
    ("entry of no type", bundle("collection", {"fullUrl": UUID + "0", "resource": {"id": "a"}})),
    ("entry of an unknown type", bundle("collection", {"fullUrl": UUID + "0", "resource": {"resourceType": "Banana"}})),
    ("signature", bundle("collection", entry(0), signature={"type": [{"system": "urn:iso-astm:E1762-95:2013", "code": "1.2.840.10065.1.12.1.1"}], "when": "2026-02-03T10:00:00Z", "who": {"display": "x"}})),
    ("signature without who", bundle("collection", entry(0), signature={"type": [{"code": "x"}], "when": "2026-02-03T10:00:00Z"})),
    ("text in a bundle", bundle("collection", entry(0), text={"status": "generated", "div": "<div xmlns=\"http://www.w3.org/1999/xhtml\">x</div>"})),
    ("link of an entry", bundle("collection", entry(0, link=[{"relation": "self", "url": "http://a.example"}]))),
]


def held(*contained, **more):
    return {"resourceType": "Observation", "status": "final", "code": {"text": "x"}, "contained": list(contained), **more}


HERE = {"subject": {"reference": "#a"}}
CONTAINED = [
    ("referred to", held(patient(id="a"), **HERE)),
    ("not referred to", held(patient(id="a"))),
    ("without an id", held(patient())),
    ("id with its sign", held(patient(id="#a"), **HERE)),
    ("id twice", held(patient(id="a"), patient(id="a"), **HERE)),
    ("id of the resource itself", held(patient(id="a"), id="a", **HERE)),
    ("nested", held(patient(id="a", contained=[patient(id="b")]), **HERE)),
    ("with a version", held(patient(id="a", meta={"versionId": "1"}), **HERE)),
    ("with a time", held(patient(id="a", meta={"lastUpdated": "2026-02-03T10:00:00Z"}), **HERE)),
    ("with a label", held(patient(id="a", meta={"security": [{"system": "http://example.org/s", "code": "x"}]}), **HERE)),
    ("with a tag", held(patient(id="a", meta={"tag": [{"system": "http://example.org/s", "code": "x"}]}), **HERE)),
    ("with a narrative", held(patient(id="a", text={"status": "generated", "div": "<div xmlns=\"http://www.w3.org/1999/xhtml\">x</div>"}), **HERE)),
    ("referred to by another", held(patient(id="a", managingOrganization={"reference": "#b"}), {"resourceType": "Organization", "id": "b", "name": "x"}, **HERE)),
    ("refers to its holder", held({"resourceType": "Provenance", "id": "a", "target": [{"reference": "#"}], "recorded": "2026-02-03T10:00:00Z", "agent": [{"who": {"display": "x"}}]})),
    ("refers to itself alone", held(patient(id="a", link=[{"other": {"reference": "#a"}, "type": "seealso"}]))),
    ("of an unknown type", held({"resourceType": "Banana", "id": "a"})),
    ("of no type", held({"id": "a"})),
    ("broken", held(patient(id="a", gender="zz"), **HERE)),
    ("a bundle", held({"resourceType": "Bundle", "id": "a", "type": "collection"}, focus=[{"reference": "#a"}])),
    ("an object instead of a list", {**held(), "contained": patient(id="a"), **HERE}),
    ("null", held(None)),
    ("referred to by a canonical", {"resourceType": "QuestionnaireResponse", "status": "completed", "questionnaire": "#q", "contained": [{"resourceType": "Questionnaire", "id": "q", "status": "active"}]}),
    ("canonical to nothing", {"resourceType": "QuestionnaireResponse", "status": "completed", "questionnaire": "#q"}),
    ("referred to by a uri in an extension", held(patient(id="a"), extension=[{"url": "http://example.org/x", "valueUri": "#a"}])),
    ("referred to in an extension", held(patient(id="a"), extension=[{"url": "http://example.org/x", "valueReference": {"reference": "#a"}}])),
]


def claims(url, **more):
    return patient(meta={"profile": url if isinstance(url, list) else [url]}, **more)


NHS = {"system": "https://fhir.nhs.uk/Id/nhs-number", "value": "9990000018"}
VERIFIED = {"url": UK + "Extension-UKCore-NHSNumberVerificationStatus", "valueCodeableConcept": concept("https://fhir.hl7.org.uk/CodeSystem/UKCore-NHSNumberVerificationStatusEngland", "01")}
WEIGHT = {"resourceType": "Observation", "status": "final", "category": [concept("http://terminology.hl7.org/CodeSystem/observation-category", "vital-signs")], "code": concept("http://loinc.org", "29463-7"), "subject": {"display": "x"}, "effectiveDateTime": "2026-02-03", "valueQuantity": {"value": 70, "unit": "kg", "system": "http://unitsofmeasure.org", "code": "kg"}}

PROFILES = [
    ("UK Core", claims(UK + "UKCore-Patient")),
    ("UK Core, its version", claims(UK + "UKCore-Patient|2.6.1")),
    ("UK Core, another version", claims(UK + "UKCore-Patient|9.9.9")),
    ("unknown", claims("http://example.org/none")),
    ("unknown of HL7", claims(HL7 + "none")),
    ("of another type", claims(UK + "UKCore-Observation")),
    ("an extension's", claims(UK + "Extension-UKCore-EthnicCategory")),
    ("a value set", claims("http://hl7.org/fhir/ValueSet/administrative-gender")),
    ("the base", claims(HL7 + "Patient")),
    ("the base of another type", claims(HL7 + "Observation")),
    ("a parent", claims(HL7 + "DomainResource")),
    ("twice", claims([UK + "UKCore-Patient"] * 2)),
    ("empty list", claims([])),
    ("relative", claims("UKCore-Patient")),
    ("NHS number", claims(UK + "UKCore-Patient", identifier=[{**NHS, "extension": [VERIFIED]}])),
    ("NHS number, unverified", claims(UK + "UKCore-Patient", identifier=[NHS])),
    ("NHS number twice", claims(UK + "UKCore-Patient", identifier=[{**NHS, "extension": [VERIFIED]}] * 2)),
    ("NHS number without a value", claims(UK + "UKCore-Patient", identifier=[{"system": NHS["system"], "extension": [VERIFIED]}])),
    ("NHS number, verified twice", claims(UK + "UKCore-Patient", identifier=[{**NHS, "extension": [VERIFIED, VERIFIED]}])),
    ("NHS number, status of another list", claims(UK + "UKCore-Patient", identifier=[{**NHS, "extension": [{**VERIFIED, "valueCodeableConcept": concept("http://example.org/s", "01")}]}])),
    ("weight", WEIGHT),
    ("weight in stone", {**WEIGHT, "valueQuantity": {"value": 11, "unit": "st", "system": "http://unitsofmeasure.org", "code": "[stone_av]"}}),
    ("weight without a subject", {k: v for k, v in WEIGHT.items() if k != "subject"}),
    ("weight without a category", {k: v for k, v in WEIGHT.items() if k != "category"}),
    ("weight without a time", {k: v for k, v in WEIGHT.items() if k != "effectiveDateTime"}),
    ("weight by month", {**WEIGHT, "effectiveDateTime": "2026-02"}),
    ("weight without a value", {k: v for k, v in WEIGHT.items() if k != "valueQuantity"}),
    ("weight absent", {**{k: v for k, v in WEIGHT.items() if k != "valueQuantity"}, "dataAbsentReason": {"text": "x"}}),
    ("weight as text", {**{k: v for k, v in WEIGHT.items() if k != "valueQuantity"}, "valueString": "70 kg"}),
    ("pressure without its parts", {**{k: v for k, v in WEIGHT.items() if k != "valueQuantity"}, "code": concept("http://loinc.org", "85354-9")}),
    ("vital signs as category alone", {**WEIGHT, "code": {"text": "x"}, "valueQuantity": {"value": 1, "system": "http://unitsofmeasure.org", "code": "kg"}}),
    ("lipid profile", {"resourceType": "DiagnosticReport", "meta": {"profile": [HL7 + "lipidprofile"]}, "status": "final", "code": concept("http://loinc.org", "57698-3")}),
    ("shareable value set, bare", {"resourceType": "ValueSet", "meta": {"profile": [HL7 + "shareablevalueset"]}, "url": "http://example.org/v", "status": "draft"}),
]

GOOD = '<Patient xmlns="http://hl7.org/fhir"><id value="a"/>{}<active value="true"/><name><text value="x"/></name><gender value="male"/></Patient>'


def xml_faults():
    """Name and text of documents in XML, sound or with one fault."""
    good = GOOD.format("")
    div = '<text><status value="generated"/>{}</text>'
    yield from [
        ("good", good),
        ("declaration", '<?xml version="1.0" encoding="UTF-8"?>' + good),
        ("declaration of version 1.1", '<?xml version="1.1"?>' + good),
        ("byte order mark", "\ufeff" + good),
        ("comment", good.replace("<active", "<!-- x --><active")),
        ("instruction", good.replace("<active", "<?x y?><active")),
        ("instruction before", "<?x y?>" + good),
        ("blank before the declaration", ' <?xml version="1.0"?>' + good),
        ("document type", "<!DOCTYPE Patient>" + good),
        ("CDATA between", good.replace("<active", "<![CDATA[ ]]><active")),
        ("text between", good.replace("<active", "x<active")),
        ("text within a primitive", good.replace('<gender value="male"/>', '<gender value="male">x</gender>')),
        ("text instead of a value", good.replace('<gender value="male"/>', "<gender>male</gender>")),
        ("empty primitive", good.replace('<gender value="male"/>', "<gender/>")),
        ("empty value", good.replace('<gender value="male"/>', '<gender value=""/>')),
        ("empty complex", good.replace('<name><text value="x"/></name>', "<name/>")),
        ("blank within a primitive", good.replace('<gender value="male"/>', '<gender value="male"> </gender>')),
        ("unknown attribute", good.replace('<gender value="male"/>', '<gender value="male" other="x"/>')),
        ("unknown attribute of a complex", good.replace("<name>", '<name other="x">')),
        ("value on a complex", good.replace("<name>", '<name value="x">')),
        ("id on an element", good.replace("<name>", '<name id="n">')),
        ("id on a primitive", good.replace("<gender ", '<gender id="n" ')),
        ("id on the root", good.replace('<Patient xmlns="http://hl7.org/fhir">', '<Patient xmlns="http://hl7.org/fhir" id="x">')),
        ("id with a blank", good.replace("<name>", '<name id="a b">')),
        ("attribute twice", good.replace('<gender value="male"/>', '<gender value="male" value="male"/>')),
        ("schema location", good.replace('xmlns="http://hl7.org/fhir"', 'xmlns="http://hl7.org/fhir" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:schemaLocation="http://hl7.org/fhir patient.xsd"')),
        ("foreign attribute", good.replace("<name>", '<name xmlns:o="http://example.org" o:x="y">')),
        ("no namespace", good.replace(' xmlns="http://hl7.org/fhir"', "")),
        ("another namespace", good.replace("http://hl7.org/fhir", "http://hl7.org/other")),
        ("prefix", good.replace("xmlns=", "xmlns:f=").replace("</", "</f:").replace("<P", "<f:P").replace("<a", "<f:a").replace("<n", "<f:n").replace("<g", "<f:g").replace("<i", "<f:i").replace("<t", "<f:t")),
        ("element of another namespace", good.replace("<active", '<x xmlns="http://example.org"/><active')),
        ("wrong order", '<Patient xmlns="http://hl7.org/fhir"><gender value="male"/><active value="true"/></Patient>'),
        ("list parted by another", '<Patient xmlns="http://hl7.org/fhir"><name><text value="a"/></name><active value="true"/><name><text value="b"/></name></Patient>'),
        ("once, but twice", good.replace('<gender value="male"/>', '<gender value="male"/><gender value="male"/>')),
        ("unknown element", good.replace("<active", '<nothing value="x"/><active')),
        ("in capitals", good.replace('<gender value="male"/>', '<Gender value="male"/>')),
        ("choice without its type", good.replace("</Patient>", '<deceased value="true"/></Patient>')),
        ("choice in order", good.replace("</Patient>", '<deceasedBoolean value="true"/></Patient>')),
        ("choice of a wrong type", good.replace("</Patient>", '<deceasedString value="x"/></Patient>')),
        ("both of a choice", good.replace("</Patient>", '<deceasedBoolean value="true"/><deceasedDateTime value="2026"/></Patient>')),
        ("unknown code", good.replace("male", "zz")),
        ("boolean in capitals", good.replace("true", "TRUE")),
        ("boolean of one", good.replace("true", "1")),
        ("date wrong", good.replace("</Patient>", '<birthDate value="2026-02-30"/></Patient>')),
        ("date with blanks", good.replace("</Patient>", '<birthDate value=" 2026-02-03 "/></Patient>')),
        ("date", good.replace("</Patient>", '<birthDate value="2026-02-03"/></Patient>')),
        ("root of no type", good.replace("Patient", "Banana")),
        ("not closed", good.replace("</Patient>", "")),
        ("closed wrongly", good.replace("</name>", "</nam>")),
        ("two roots", good + good),
        ("text after", good + "x"),
        ("comment after", good + "<!-- x -->"),
        ("bare ampersand", good.replace('value="x"', 'value="a & b"')),
        ("less than in a value", good.replace('value="x"', 'value="a < b"')),
        ("entity of XML", good.replace('value="x"', 'value="a &amp; b"')),
        ("entity of HTML", good.replace('value="x"', 'value="a&nbsp;b"')),
        ("number of a character", good.replace('value="x"', 'value="a&#160;b"')),
        ("number of a control character", good.replace('value="x"', 'value="a&#1;b"')),
        ("line end in a value", good.replace('value="x"', 'value="a\nb"')),
        ("value without quotes", good.replace('value="x"', "value=x")),
        ("value in apostrophes", good.replace('value="x"', "value='x'")),
        ("narrative", GOOD.format(div.format('<div xmlns="http://www.w3.org/1999/xhtml">x</div>'))),
        ("narrative without its namespace", GOOD.format(div.format("<div>x</div>"))),
        ("narrative as a value", GOOD.format(div.format('<div value="x"/>'))),
        ("narrative empty", GOOD.format(div.format('<div xmlns="http://www.w3.org/1999/xhtml"/>'))),
        ("narrative by prefix", GOOD.format(div.format('<h:div xmlns:h="http://www.w3.org/1999/xhtml"><h:p>x</h:p></h:div>'))),
        ("narrative with a script", GOOD.format(div.format('<div xmlns="http://www.w3.org/1999/xhtml"><script>x</script></div>'))),
        ("narrative with an element of FHIR", GOOD.format(div.format('<div xmlns="http://www.w3.org/1999/xhtml"><p xmlns="http://hl7.org/fhir">x</p></div>'))),
        ("narrative missing", GOOD.format('<text><status value="generated"/></text>')),
        ("extension", GOOD.format('<extension url="http://example.org/x"><valueString value="x"/></extension>')),
        ("extension's address as element", GOOD.format('<extension><url value="http://example.org/x"/><valueString value="x"/></extension>')),
        ("extension without its address", GOOD.format('<extension><valueString value="x"/></extension>')),
        ("extension on a primitive", good.replace('<gender value="male"/>', '<gender><extension url="http://example.org/x"><valueString value="x"/></extension></gender>')),
        ("extension after the value's sibling", good.replace("<name>", '<name>').replace("</name>", '<extension url="http://example.org/x"><valueString value="x"/></extension></name>')),
        ("contained", GOOD.format('<contained><Organization><id value="o"/><name value="x"/></Organization></contained>').replace("</Patient>", '<managingOrganization><reference value="#o"/></managingOrganization></Patient>')),
        ("contained without its wrapper", GOOD.format('<Organization><id value="o"/><name value="x"/></Organization>')),
        ("contained, two in one", GOOD.format('<contained><Organization><id value="o"/><name value="x"/></Organization><Organization><id value="p"/><name value="x"/></Organization></contained>').replace("</Patient>", '<managingOrganization><reference value="#o"/></managingOrganization></Patient>')),
        ("contained, empty", GOOD.format("<contained/>")),
        ("a bundle", '<Bundle xmlns="http://hl7.org/fhir"><type value="collection"/><entry><fullUrl value="urn:uuid:c757873d-ec9a-4326-a141-556f43239520"/><resource>' + good.replace('<id value="a"/>', "") + "</resource></entry></Bundle>"),
        ("a bundle, resource without its wrapper", '<Bundle xmlns="http://hl7.org/fhir"><type value="collection"/><entry><fullUrl value="urn:uuid:c757873d-ec9a-4326-a141-556f43239520"/>' + good + "</entry></Bundle>"),
        ("nothing", ""),
        ("text alone", "x"),
        ("an element alone", '<Patient xmlns="http://hl7.org/fhir"/>'),
    ]
