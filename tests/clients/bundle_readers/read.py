"""Reads each resource of bundles with a published model, unmodified, and prints what it refuses.

    read.py fhir.resources|fhirclient FOLDER...

Exit 0: nothing is refused but what known_reason names; 1: something else; 3: nothing to read.
"""
import collections, glob, json, logging, re, sys, warnings

logging.disable(logging.CRITICAL)
warnings.simplefilter("ignore")

ABSENT = "the source has it not and data-absent-reason says so, which is valid R4; fhirclient takes no extension for a value"
FRAGMENT = "a fragment whose source names no patient; told as r4-invalid"


def known_reason(reader, resource, text):
    """Why a refusal is none of our faults, or None."""
    lacking = re.findall(r'Non-optional property "(\w+)"', text)
    if reader == "fhirclient" and lacking and all(f'"_{name}"' in json.dumps(resource) for name in lacking):
        return ABSENT
    if resource["resourceType"] == "AllergyIntolerance" and "patient" not in resource and "patient" in text:
        return FRAGMENT
    return None


reader, folders = sys.argv[1], sys.argv[2:]
if reader == "fhir.resources":
    from fhir.resources.R4B import get_fhir_model_class

    def read(resource):
        get_fhir_model_class(resource["resourceType"]).model_validate(resource)
else:
    from fhirclient.models.fhirelementfactory import FHIRElementFactory

    def read(resource):
        FHIRElementFactory.instantiate(resource["resourceType"], resource)


resources, known, refused = 0, collections.Counter(), []
for file in sorted(f for folder in folders for f in glob.glob(f"{folder}/**/*.r4.json", recursive=True)):
    for entry in json.load(open(file)).get("entry", []):
        resource = entry["resource"]
        resources += 1
        try:
            read(resource)
        except Exception as error:  # each library has its own kinds
            text = " ".join(str(error).split())
            reason = known_reason(reader, resource, text)
            if reason:
                known[reason] += 1
            else:
                refused.append((file, resource["resourceType"], text[:300]))
kinds = collections.Counter((kind, re.sub(r" at 0x[0-9a-f]+|\.[0-9]+", "", text)) for _, kind, text in refused)
for (kind, text), times in kinds.most_common(20):
    print(f"{times} x {kind}: {text}")
for row in refused[:3]:
    print(*row, sep=": ")
for reason, times in known.items():
    print(f"{times} known: {reason}")
print(f"{reader}: {resources} resources read, {len(refused)} refused, {sum(known.values())} known")
sys.exit(1 if refused else 0 if resources else 3)
