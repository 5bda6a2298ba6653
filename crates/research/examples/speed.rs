//! How fast an extract leaves, beside a plain dump of the same rows: `speed make FOLDER PEOPLE` fills a record, `speed bundles
//! FOLDER PEOPLE` writes what it was filled with for other servers, `speed dump FOLDER` dumps it, `speed extract FOLDER`
//! extracts it, `speed run FOLDER` does both by turns. `tests/long/extract_speed.sh` and `tests/long/bulk_beside_hapi.sh` run it.

#![allow(clippy::print_stdout, reason = "it is a program that prints its figures")]

use std::collections::HashMap;
use std::error::Error;
use std::io::{BufWriter, Write};
use std::path::Path;
use std::time::Instant;

use causeway_access::PolicySet;
use causeway_core::{Sector, Telling};
use causeway_record::{Record, SourceMessage};
use causeway_research::deidentify::Key;
use causeway_research::extract::Job;
use causeway_research::{EXAMPLE, Format, Project, RecordPopulation};
use jiff::Timestamp;
use rusqlite::Connection;
use serde_json::{Value, json};

/// As the program has it.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Observations of a person; with the Patient and a Condition there are twenty resources.
const OBSERVATIONS: u64 = 18;
/// Times that dump and extract take their turns.
const TURNS: usize = 3;
/// People of one message.
const PEOPLE_OF_MESSAGE: u64 = 50;

fn number(n: u64) -> String {
    (n * 11..)
        .map(|serial| format!("999{:06}", serial % 1_000_000))
        .find_map(|head| {
            let sum: u64 = head.bytes().zip((2..=10).rev()).map(|(b, w)| u64::from(b - b'0') * w).sum();
            match 11 - sum % 11 {
                11 => Some(format!("{head}0")),
                10 => None,
                check => Some(format!("{head}{check}")),
            }
        })
        .unwrap_or_default()
}

fn coding(system: &str, code: &str, display: &str) -> Value {
    json!({"system": system, "code": code, "display": display})
}

fn person(n: u64) -> Vec<Value> {
    let subject = json!({"reference": format!("Patient/p-{n}")});
    let meta = json!({"source": format!("urn:causeway:message:m-{n}"),
        "tag": [{"system": "https://causeway.example/source", "code": "hl7v2"}]});
    let day = |d: u64| format!("2026-{:02}-{:02}", 1 + d % 12, 1 + d % 28);
    let sct = "http://snomed.info/sct";
    let hl7 = "http://terminology.hl7.org/CodeSystem";
    let mut all = vec![
        json!({"resourceType": "Patient", "id": format!("p-{n}"), "meta": meta,
            "identifier": [{"system": "https://fhir.nhs.uk/Id/nhs-number", "value": number(n)}],
            "name": [{"family": "Dunnockfield", "given": ["Persephone"]}],
            "gender": if n.is_multiple_of(2) { "female" } else { "male" },
            "birthDate": format!("{}-{:02}-{:02}", 1936 + n % 85, 1 + n % 12, 1 + n % 28),
            "address": [{"line": [format!("{} Larkspur Terrace", n % 90 + 1)], "city": "Nettlebridge",
                "postalCode": format!("ZZ{} {}AA", n % 40 + 1, n % 10)}]}),
        json!({"resourceType": "Condition", "id": format!("c-{n}"), "meta": meta, "subject": subject,
            "clinicalStatus": {"coding": [coding(&format!("{hl7}/condition-clinical"), "active", "Active")]},
            "code": {"coding": [coding(sct, "73211009", "Diabetes mellitus")], "text": "Diabetes"},
            "onsetDateTime": day(n)}),
    ];
    for o in 0..OBSERVATIONS {
        all.push(json!({"resourceType": "Observation", "id": format!("o-{n}-{o}"), "meta": meta, "status": "final",
            "category": [{"coding": [coding(&format!("{hl7}/observation-category"), "vital-signs", "Vital Signs")]}],
            "code": {"coding": [coding(sct, "27113001", "Body weight")], "text": "Weight"}, "subject": subject,
            "effectiveDateTime": format!("{}T10:15:00+00:00", day(n + o)),
            "valueQuantity": {"value": 50 + (n + o) % 40, "unit": "kg", "system": "http://unitsofmeasure.org", "code": "kg"}}));
    }
    all
}

/// The transactions that tell of so many people.
fn bundles(people: u64) -> impl Iterator<Item = (u64, String)> {
    let bundle = move |first: u64| {
        let last = people.min(first + PEOPLE_OF_MESSAGE);
        let entry = |resource: Value| {
            let text = |name: &str| resource[name].as_str().unwrap_or_default().to_owned();
            let url = format!("{}/{}", text("resourceType"), text("id"));
            json!({"fullUrl": format!("http://example.org/fhir/{url}"), "resource": resource,
                   "request": {"method": "PUT", "url": url}})
        };
        let entries: Vec<Value> = (first..last).flat_map(person).map(entry).collect();
        (first, json!({"resourceType": "Bundle", "type": "transaction", "entry": entries}).to_string())
    };
    (0..people).step_by(PEOPLE_OF_MESSAGE as usize).map(bundle)
}

fn write_bundles(folder: &Path, people: u64) -> Result<(), Box<dyn Error>> {
    std::fs::create_dir_all(folder)?;
    for (first, bundle) in bundles(people) {
        std::fs::write(folder.join(format!("{first:08}.json")), bundle)?;
    }
    Ok(())
}

fn make(folder: &Path, people: u64) -> Result<(), Box<dyn Error>> {
    std::fs::create_dir_all(folder)?;
    let record = Record::open(folder.join("record.sqlite"))?;
    let now: Timestamp = "2026-11-29T09:00:00Z".parse()?;
    for (first, bundle) in bundles(people) {
        let source = SourceMessage {
            message: format!("m-{first}"),
            sender_code: "RXX01".to_owned(),
            sender_system: "https://fhir.nhs.uk/Id/ods-organization-code".to_owned(),
            sender_name: "Nettlebridge Hospital".to_owned(),
            adapter: "hl7v2".to_owned(),
            sector: Sector::Health,
            telling: Telling::Event,
            received: now,
            partial: false,
            notices: Vec::new(),
        };
        record.apply(bundle.as_bytes(), &source, now)?;
    }
    Ok(())
}

/// Bytes of memory that the process had at most.
fn peak() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|l| l.strip_prefix("VmHWM:"));
    line.and_then(|l| l.trim().trim_end_matches(" kB").parse::<u64>().ok()).unwrap_or(0) * 1024
}

/// The same rows as SQL gives them, a line each.
fn dump(folder: &Path) -> Result<u64, Box<dyn Error>> {
    let db = Connection::open(folder.join("record.sqlite"))?;
    let mut out = BufWriter::new(std::fs::File::create(folder.join("dump.ndjson"))?);
    let mut list = db.prepare(
        "SELECT v.content FROM person p JOIN member m ON m.pid=p.pid
         JOIN resource r INDEXED BY resource_patient ON r.patient=m.patient
         JOIN version v ON v.rid=r.rid AND v.version=r.version
         WHERE r.state='told' AND r.withdrawn=0 ORDER BY p.pid, m.patient, r.rid",
    )?;
    let mut rows = list.query([])?;
    let mut count = 0;
    while let Some(row) = rows.next()? {
        let text = row.get_ref(0)?.as_blob()?;
        match causeway_pack::is_packed(text) {
            true => out.write_all(&causeway_pack::unpack(text, usize::MAX)?)?,
            false => out.write_all(text)?,
        }
        out.write_all(b"\n")?;
        count += 1;
    }
    out.into_inner().map_err(|e| e.to_string())?.sync_all()?;
    Ok(count)
}

fn extract(folder: &Path) -> Result<u64, Box<dyn Error>> {
    let record = Record::open(folder.join("record.sqlite"))?;
    let mut project = Project::read(EXAMPLE)?;
    project.cohort = String::new();
    project.elements = ["Patient", "Condition", "Observation"].map(str::to_owned).to_vec();
    project.views = vec![json!({"resource": "Observation", "name": "observations", "select": [{"column": [
        {"name": "patient", "path": "subject.getReferenceKey(Patient)"},
        {"name": "code", "path": "code.coding.code.first()"},
        {"name": "value", "path": "value.ofType(Quantity).value", "type": "decimal"},
        {"name": "month", "path": "effective.ofType(dateTime)"}]}]})];
    let policies = PolicySet::shared()?;
    let key = Key::new(&[7; 32])?;
    let out = folder.join("out");
    std::fs::remove_dir_all(&out).ok();
    let (standings, consents) = (HashMap::new(), HashMap::new());
    let report = record.snapshot(|snapshot| {
        let population = RecordPopulation { snapshot, standings: &standings, consents: &consents };
        let job = Job {
            project: &project,
            policies: &policies,
            key: &key,
            today: jiff::civil::date(2026, 11, 29),
            formats: &[Format::Parquet],
            folder: &out,
            vocabulary: None,
            selection: None,
            state: None,
            block_people: causeway_research::limits::BLOCK_PEOPLE,
        };
        job.run(&population)
    })?;
    let lines = report.files.iter().filter(|f| f.name.ends_with(".ndjson"));
    Ok(lines.map(|f| f.rows).sum())
}

/// Times a call: how long it took, and the processor's seconds of all threads.
fn timed(what: &str, call: impl FnOnce() -> Result<u64, Box<dyn Error>>) -> Result<f64, Box<dyn Error>> {
    let (started, before) = (Instant::now(), processor());
    let count = call()?;
    let took = started.elapsed().as_secs_f64();
    let (rate, work) = (count as f64 / took, processor() - before);
    println!(
        "{what}: {count} resources in {took:.2} s, {rate:.0}/s, {work:.2} s of processor, {} MB at most",
        peak() / 1_000_000
    );
    Ok(took)
}

/// Seconds that the process had of processors.
fn processor() -> f64 {
    let line = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields: Vec<f64> =
        line.rsplit(')').next().unwrap_or_default().split(' ').flat_map(str::parse).collect();
    // Fields 14 and 15 of the line, in ticks of 10 ms; the second and the one after the name hold no numbers here.
    fields.get(10..12).map_or(0.0, |ticks| ticks.iter().sum::<f64>() / 100.0)
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let dumped = |folder: &str| timed("plain dump", || dump(Path::new(folder)));
    let extracted = |folder: &str| timed("extract", || extract(Path::new(folder)));
    match arguments.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["make", folder, people] => make(Path::new(folder), people.parse()?),
        ["bundles", folder, people] => write_bundles(Path::new(folder), people.parse()?),
        ["dump", folder] => dumped(folder).map(|_| ()),
        ["extract", folder] => extracted(folder).map(|_| ()),
        ["run", folder] => {
            let mut ratios = Vec::new();
            for _ in 0..TURNS {
                let plain = dumped(folder)?;
                ratios.push(extracted(folder)? / plain);
            }
            ratios.sort_by(f64::total_cmp);
            println!("extract / dump: {ratios:.2?}");
            Ok(())
        }
        _ => Err("usage: speed make FOLDER PEOPLE | bundles FOLDER PEOPLE | dump FOLDER | extract FOLDER | run FOLDER".into()),
    }
}
