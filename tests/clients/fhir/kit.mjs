// fhir-kit-client, unmodified: `node kit.mjs URL`, with the resources of ../search in the server.
import Client from "fhir-kit-client";

const client = new Client({ baseUrl: process.argv[2] });
const check = (holds, what) => {
  if (!holds) throw new Error(what);
};
const labels = (bundle) =>
  (bundle.entry ?? [])
    .filter((e) => e.search?.mode === "match")
    .map((e) => e.resource.identifier.find((i) => i.system === "urn:t").value)
    .sort()
    .join(" ");

const statement = await client.capabilityStatement();
check(statement.resourceType === "CapabilityStatement", "metadata");
const found = await client.resourceSearch({ resourceType: "Patient", searchParams: { identifier: "urn:t|A" } });
const patient = found.entry[0].resource;
check((await client.read({ resourceType: "Patient", id: patient.id })).id === patient.id, "read");
const one = (await client.search({ resourceType: "Observation", searchParams: { code: "urn:s|bp" } })).entry[0].resource;
const version = await client.vread({ resourceType: "Observation", id: one.id, version: one.meta.versionId });
check(version.id === one.id, "vread");
check((await client.history({ resourceType: "Observation", id: one.id })).type === "history", "history");
check(labels(await client.search({ resourceType: "Observation", searchParams: { "patient.identifier": "urn:t|B" } })) === "O4 O6 O7", "chain");
const posted = await client.resourceSearch({
  resourceType: "Observation",
  searchParams: { code: "urn:s|na", _sort: "date" },
  options: { postSearch: true },
});
check(labels(posted) === "O1 O2", "POST search");
check(labels(await client.compartmentSearch({
  resourceType: "Condition", compartment: { resourceType: "Patient", id: patient.id }, searchParams: {},
})) === "C1", "compartment");
let page = await client.search({ resourceType: "Observation", searchParams: { _count: 2, _sort: "_id" } });
const seen = [];
for (; page; page = await client.nextPage({ bundle: page })) seen.push(...page.entry.map((e) => e.resource.id));
check(seen.length === 7 && new Set(seen).size === 7, `paging: ${seen.length}`);
const everything = await client.operation({ resourceType: "Patient", id: patient.id, name: "everything", method: "GET" });
check(everything.entry.length > 5, "$everything");
const batch = await client.batch({
  body: { resourceType: "Bundle", type: "batch", entry: [{ request: { method: "GET", url: `Patient/${patient.id}` } }] },
});
check(batch.entry[0].response.status.startsWith("200"), "batch");
const resolved = await client.resolve({ reference: one.subject.reference });
check(resolved.resourceType === "Patient", "resolve");
const missing = await client.read({ resourceType: "Patient", id: "none" }).catch((error) => error.response);
check(missing.status === 404 && missing.data.resourceType === "OperationOutcome", "404");
console.log("fhir-kit-client: 13 kinds of request, each as expected");
