"""Holds written messages to published XML schemas. Run by `nhs_schemas`."""

import collections
import re
import sys

from lxml import etree

V3 = "{urn:hl7-org:v3}"
FHIR = "{http://hl7.org/fhir}"
# Format: element that is held, schema below the folders.
HELD = {
    "summary-care-record": (V3 + "GPSummary", "spine", "omvt/Schemas/REPC_MT150007UK05_4200.xsd"),
    "eps": (V3 + "ParentPrescription", "spine", "omvt/Schemas/PORX_MT132004UK31_4200.xsd"),
    "itk-cda": (V3 + "ClinicalDocument", "cda", "schema/normative/infrastructure/cda/CDA.xsd"),
    "transfer-of-care": (FHIR + "Bundle", "stu3", "fhir-single.xsd"),
}
# What differs from a schema and is meant to: format, what the schema says, why.
KNOWN = [
    ("summary-care-record", r"'UKCT_MT160017UK01.AgentOrg(SDS)?': This element is not expected",
     "a practice as author, as in the summaries that the NHS's own examples hold"),
    ("summary-care-record", r"'recordTarget': This element is not expected. Expected is \( pertinentInformation2",
     "a summary without a coded entry, as in the same examples"),
    ("summary-care-record", r"attribute 'code': \[facet 'enumeration'\] The value 'N?R\d+' is not an element",
     "a job role of the directory that is newer than the schema's list"),
    ("summary-care-record", r"The value '[^']*' is not accepted by the pattern",
     "an identifier or a number as the source stated it"),
    ("summary-care-record", r"'representedPersonSDS': This element is not expected. Expected is one of \( telecom, agentPerson",
     "a person whom the directory knows, in a role that it does not: two names would be two people"),
    ("summary-care-record", r"attribute 'displayName': \[facet 'enumeration'\]",
     "the sender's words for a code stay as they are"),
    ("summary-care-record", r"'location1?'|Expected is one of \( location",
     "a care event that does not say where it was"),
    ("summary-care-record", r"attribute 'displayName': The attribute 'displayName' is not allowed",
     "the kind of a system's owner, with its words"),
    ("itk-cda", r"'\{NPFIT:HL7:Localisation\}", "the NHS's own additions"),
]


def main() -> int:
    name, spine, cda, stu3, *files = sys.argv[1:]
    element, where, path = HELD[name]
    folder = {"spine": spine, "cda": cda, "stu3": stu3}[where]
    schema = etree.XMLSchema(etree.parse(f"{folder}/{path}"))
    held, valid, known, other = 0, 0, collections.Counter(), []
    for file in files:
        for found in etree.parse(file).iter(element):
            if found.getparent() is not None and where == "stu3":
                continue
            held += 1
            alone = etree.ElementTree(etree.fromstring(etree.tostring(found)))
            if schema.validate(alone):
                valid += 1
                continue
            for error in schema.error_log:
                text = error.message.replace(V3, "").replace(FHIR, "")
                why = next((why for of, says, why in KNOWN if of == name and re.search(says, text)), None)
                if why:
                    known[why] += 1
                else:
                    other.append(f"{file}: {text[:300]}")
    print(f"{name}: {held} messages held to {path.split('/')[-1]}, {valid} valid, {len(other)} differences not known")
    for why, times in sorted(known.items()):
        print(f"  known: {why} ({times} times)")
    for line in other[:40]:
        print("  " + line)
    return 1 if other or not held else 0


if __name__ == "__main__":
    sys.exit(main())
