//! Structured records of 1 to 256 consultations, beside reading them into the tree alone. Real records too, where the corpora
//! are there.
//!
//! `cargo bench -p causeway-adapter-careconnect`

use std::hint::black_box;

use causeway_adapter::contract::bench::Bench;
use causeway_adapter_careconnect::CareConnect;
use causeway_core::Ledger;
use causeway_json::Tree;
use serde_json::json;

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

/// Reading alone: the tree, with its ledger.
fn read(input: &[u8]) {
    let mut ledger = Ledger::new();
    black_box(Tree::parse(input, &mut ledger).is_ok());
}

fn main() {
    let _ = Bench::of(&CareConnect)
        .reading(&read)
        .growth("consultations", [1, 4, 16, 64, 128, 256].map(|count| (count, record(count))))
        .corpus(
            "careconnect-stu3",
            &["in/uat_TC7_Gainsford.stu3.json", "in/uat_TC4_Sajal.stu3.json", "in/uat_TC7_Meyers.stu3.json"],
        );
}
