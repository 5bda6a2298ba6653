//! Structured records of 1 to 64 consultations: µs with the ledger on, beside their floor in the same run, which is
//! reading the JSON alone plus writing the output alone; and growth. Real records too, where the corpora are there.
//!
//! `cargo bench -p causeway-adapter-careconnect`
#![allow(clippy::print_stdout)]

use std::hint::black_box;
use std::time::Instant;

use causeway_adapter::{Context, Sender, translate};
use causeway_adapter_careconnect::CareConnect;
use causeway_core::Ledger;
use causeway_json::Tree;
use serde_json::{Value, json};

/// What the binary uses.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// A record of so many consultations with 20 results each.
fn record(consultations: usize) -> Vec<u8> {
    let snomed = "http://snomed.info/sct";
    let mut entries = vec![json!({"resource": {"resourceType": "Patient", "id": "p",
        "identifier": [{"system": "https://fhir.nhs.uk/Id/nhs-number", "value": "9990000018"}],
        "name": [{"family": "Larkspur", "given": ["Edith", "Mary"]}], "birthDate": "1942-03-09"}})];
    for c in 0..consultations {
        entries.push(
            json!({"resource": {"resourceType": "Encounter", "id": format!("e{c}"), "status": "finished",
            "type": [{"text": "GP Surgery"}], "subject": {"reference": "Patient/p"},
            "period": {"start": "2026-10-12T09:30:00+01:00"}}}),
        );
        for r in 0..20 {
            entries.push(json!({"resource": {"resourceType": "Observation", "id": format!("o{c}-{r}"),
                "meta": {"profile": ["https://fhir.nhs.uk/STU3/StructureDefinition/CareConnect-GPC-Observation-1"]},
                "identifier": [{"system": "https://millpond.example/id", "value": format!("o{c}-{r}")}],
                "status": "final", "subject": {"reference": "Patient/p"},
                "context": {"reference": format!("Encounter/e{c}")},
                "code": {"coding": [{"extension": [{
                    "url": "https://fhir.nhs.uk/STU3/StructureDefinition/Extension-coding-sctdescid",
                    "extension": [{"url": "descriptionId", "valueId": "121589010"}]}],
                    "system": snomed, "code": format!("10013710000{r:05}"), "display": "Plasma glucose level"}]},
                "effectiveDateTime": "2026-10-12T09:35:00+01:00", "issued": "2026-10-12T09:36:10.250+01:00",
                "valueQuantity": {"value": 7.1, "unit": "mmol/L"}, "comment": "Within the usual range"}}));
        }
    }
    let bundle = json!({"resourceType": "Bundle", "type": "collection", "entry": entries});
    serde_json::to_vec(&bundle).unwrap_or_default()
}

/// The least of several times, in µs.
fn least(mut f: impl FnMut()) -> f64 {
    let mut best = f64::MAX;
    for _ in 0..15 {
        let start = Instant::now();
        f();
        best = best.min(start.elapsed().as_secs_f64() * 1e6);
    }
    best
}

fn measure(name: &str, input: &[u8], context: &Context) -> f64 {
    let whole = least(|| {
        black_box(translate(&CareConnect, black_box(input), context));
    });
    let parse = least(|| {
        let mut ledger = Ledger::new();
        black_box(Tree::parse(black_box(input), &mut ledger).is_ok());
    });
    let outputs = translate(&CareConnect, input, context).outputs;
    let trees: Vec<Value> = outputs.iter().filter_map(|o| serde_json::from_slice(&o.json).ok()).collect();
    let write = least(|| {
        for tree in &trees {
            black_box(serde_json::to_vec(black_box(tree)).unwrap_or_default());
        }
    });
    let bytes = input.len();
    println!(
        "{name:<36} {:>9.1} kB {whole:>10.0} µs  parse {parse:>8.0}  write {write:>8.0}  ratio {:>5.2}  {:>6.1} MB/s",
        bytes as f64 / 1e3,
        whole / (parse + write),
        bytes as f64 / whole
    );
    whole
}

fn main() {
    let sender = Sender {
        system: "https://fhir.nhs.uk/Id/ods-organization-code".to_owned(),
        code: "ZP401".to_owned(),
        name: "Millpond Surgery".to_owned(),
    };
    let context = Context::new(sender, "2026-11-02T09:30:00Z".parse().unwrap_or_default(), "urn:uuid:0");
    let mut last = 0.0;
    for consultations in [1, 4, 16, 64, 128, 256] {
        let time = measure(&format!("{consultations} consultations"), &record(consultations), &context);
        if last > 0.0 {
            println!("{:<36} {:>9.2} times the time", "", time / last);
        }
        last = time;
    }
    let Some(corpora) = causeway_adapter::contract::corpora("careconnect-stu3") else { return };
    for name in ["uat_TC7_Gainsford", "uat_TC4_Sajal", "uat_TC7_Meyers"] {
        if let Ok(input) = std::fs::read(corpora.join("in").join(format!("{name}.stu3.json"))) {
            measure(name, &input, &context);
        }
    }
}
