"""fhirclient and fhirpy, unmodified: `client_py.py URL`, with the resources of ../search in the server."""

import sys

from fhirclient import client
from fhirclient.models.observation import Observation
from fhirclient.models.patient import Patient
from fhirpy import SyncFHIRClient


def labels(resources):
    values = []
    for resource in resources:
        identifiers = resource["identifier"] if isinstance(resource, dict) else resource.as_json()["identifier"]
        values += [i["value"] for i in identifiers if i.get("system") == "urn:t"]
    return " ".join(sorted(values))


url = sys.argv[1]
smart = client.FHIRClient(settings={"app_id": "t", "api_base": url})
found = Patient.where({"identifier": "urn:t|A"}).perform_resources(smart.server)
assert labels(found) == "A", labels(found)
assert Patient.read(found[0].id, smart.server).birthDate.isostring == "1941-02-03"
chained = Observation.where({"patient.identifier": "urn:t|B"}).perform_resources(smart.server)
assert labels(chained) == "O4 O6 O7", labels(chained)
paged = list(Observation.where({"_count": "2"}).perform_resources_iter(smart.server))
assert len({o.id for o in paged}) == 7 == len(paged), len(paged)
print("fhirclient: search, read, chain, pages, each as expected")

fhir = SyncFHIRClient(url)
patients = fhir.resources("Patient")
assert labels(patients.search(identifier="urn:t|A").fetch()) == "A"
assert patients.count() == 2, patients.count()
assert labels(fhir.resources("Observation").search(patient__Patient__family="hillman").limit(2).fetch_all()) == "O4 O6 O7"
one = fhir.resources("Observation").search(code="urn:s|na").sort("-date").first()
assert labels([one]) == "O2", labels([one])
assert one["subject"].to_resource()["resourceType"] == "Patient"
print("fhirpy: search, count, chain, pages, sort, first, reference, each as expected")
