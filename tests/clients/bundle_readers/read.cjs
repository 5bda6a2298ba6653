// Reads each resource of bundles with the zod schemas of @solarahealth/fhir-r4, unmodified, and prints what they refuse.
//
//   node read.cjs FOLDER...     (run where the package is installed)
//
// Exit 0: nothing is refused but what lacks a mandatory element or has an address of its own kind; 1: something else; 3: nothing to read.
const fs = require('node:fs');
const path = require('node:path');
const { createRequire } = require('node:module');
const fhir = createRequire(path.join(process.cwd(), 'x.js'))('@solarahealth/fhir-r4');

const files = process.argv.slice(2).flatMap((folder) =>
  fs.readdirSync(folder, { recursive: true }).filter((f) => f.endsWith('.r4.json')).map((f) => path.join(folder, f)));
const schemas = {};
const refused = new Map();
let resources = 0;
let bad = 0;
let known = 0;
for (const file of files) {
  for (const { resource } of JSON.parse(fs.readFileSync(file, 'utf8')).entry ?? []) {
    const type = resource.resourceType;
    const make = fhir[`create${type}Schema`];
    if (!make) continue;
    resources += 1;
    const found = (schemas[type] ??= make()).safeParse(resource);
    if (found.success) continue;
    const lacking = (i) => {
      // R4's url and uri take what is no address on the web, as the source wrote it: a mailbox, a placeholder.
      if (i.message === 'Invalid URL') return true;
      // The element itself is absent, and data-absent-reason says so beside it, or the source named no patient.
      const at = i.path.slice(0, -1).reduce((value, step) => value?.[step], resource);
      const name = i.path.at(-1);
      return at?.[name] === undefined && (at?.[`_${name}`] !== undefined || (type === 'AllergyIntolerance' && name === 'patient'));
    };
    if (found.error.issues.every(lacking)) { known += 1; continue; }
    bad += 1;
    for (const i of found.error.issues.filter((i) => !lacking(i))) {
      const kind = `${type}.${i.path.filter((p) => typeof p === 'string').join('.')}: ${i.message}`.slice(0, 200);
      refused.set(kind, [(refused.get(kind)?.[0] ?? 0) + 1, file]);
    }
  }
}
for (const [kind, [times, file]] of [...refused].sort((a, b) => b[1][0] - a[1][0]).slice(0, 20)) console.log(`${times} x ${kind} (${file})`);
console.log(`@solarahealth/fhir-r4: ${resources} resources read, ${bad} refused, ${known} known: the source has a mandatory element not, or an address that is none of the web`);
process.exit(bad ? 1 : resources ? 0 : 3);
