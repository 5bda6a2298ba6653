//! One resource for every STU3 element and every code of its required lists: none is refused, each is valid R4, and what
//! is not carried has its place in the list below, with the reason.
#![allow(missing_docs, clippy::print_stderr)]

use std::collections::BTreeMap;

use causeway_adapter::contract::test_context;
use causeway_adapter::translate;
use causeway_adapter_careconnect::CareConnect;
use causeway_core::Outcome;
use serde_json::{Map, Value, json};

struct Element {
    path: Vec<&'static str>,
    ty: &'static str,
    repeats: bool,
    codes: Vec<&'static str>,
}

fn elements() -> Vec<Element> {
    let lines = include_str!("../../../stu3/maps/stu3-elements.tsv").lines().filter(|l| !l.starts_with('#'));
    lines
        .map(|line| {
            let mut fields = line.split('\t');
            let path = fields.next().unwrap_or("").split('.').collect();
            let (ty, repeats) = (fields.next().unwrap_or(""), fields.next() == Some("*"));
            let codes =
                fields.next().unwrap_or("").split('|').filter(|c| !c.is_empty() && *c != "+").collect();
            Element { path, ty, repeats, codes }
        })
        .collect()
}

/// Elements of STU3 that R4 has under no name, and why that is so.
const NO_PLACE: [&str; 30] = [
    // R4 refers to definitions by canonical URL, which a relative reference is not.
    "CarePlan.definition",
    "CarePlan.activity.detail.definition",
    "Communication.definition",
    "FamilyMemberHistory.definition",
    "MedicationAdministration.definition",
    "MedicationRequest.definition",
    "Procedure.definition",
    "ProcedureRequest.definition",
    "ReferralRequest.definition",
    "Task.definitionReference",
    "QuestionnaireResponse.questionnaire",
    "Questionnaire.item.options",
    // Dropped between the versions.
    "CarePlan.activity.detail.category",
    "CareTeam.context",
    "Coverage.sequence",
    "ImagingStudy.availability",
    "ImagingStudy.series.availability",
    "Medication.isBrand",
    "Medication.isOverTheCounter",
    "Medication.image",
    "Medication.package",
    "MedicationAdministration.performer.onBehalfOf",
    "MedicationDispense.performer.onBehalfOf",
    "MedicationStatement.taken",
    "Observation.valueAttachment",
    "Observation.component.valueAttachment",
    "Patient.animal",
    "QuestionnaireResponse.item.subject",
    // Said by the status, or by its absence.
    "Condition.abatementBoolean",
    "Questionnaire.item.enableWhen.answerAttachment",
];

/// Where the loss is of a part that another element of the same row says, or that R4 has not in the part.
const IN_PART: [&str; 14] = [
    "Task.input.valueMoney",
    "Task.output.valueMoney",
    "Device.udi",
    "DiagnosticReport.performer",
    "Immunization.explanation",
    "Immunization.vaccinationProtocol",
    "MedicationRequest.requester",
    "Observation.related",
    "Procedure.performer",
    "ProcedureRequest.requester",
    "ReferralRequest.requester",
    "Task.requester",
    "Encounter.class",
    "Patient.contact",
];

fn value(element: &Element, code: Option<&str>) -> Value {
    let target = element.codes.first().copied().unwrap_or("Observation");
    match element.ty {
        "string" | "markdown" => json!("mark"),
        "boolean" => json!(true),
        "code" => json!(code.or(element.codes.first().copied()).unwrap_or(match element.path.last() {
            Some(&"language") => "en",
            Some(&"contentType") => "text/plain",
            _ => "mark",
        })),
        "uri" => json!("http://example.org/mark"),
        "oid" => json!("urn:oid:1.2.3.4"),
        "id" => json!("mark-1"),
        "dateTime" | "instant" => json!("2020-01-01T10:00:00Z"),
        "date" => json!("2020-01-01"),
        "time" => json!("10:00:00"),
        "integer" | "positiveInt" | "unsignedInt" => json!(3),
        "decimal" => json!(3.5),
        "base64Binary" => json!("bWFyaw=="),
        "Reference" if matches!(target, "Patient" | "Resource") => json!({"reference": "Patient/p1"}),
        "Reference" if element.codes.contains(&"Patient") => json!({"reference": "Patient/p1"}),
        "Reference" => json!({"reference": format!("https://example.org/{target}/x"), "display": "mark"}),
        "CodeableConcept" if element.path.contains(&"communication") => {
            json!({"coding": [{"system": "urn:ietf:bcp:47", "code": "en"}]})
        }
        "CodeableConcept" => {
            json!({"coding": [{"system": "http://example.org/cs", "code": "c"}], "text": "mark"})
        }
        "Coding" => json!({"system": "http://example.org/cs", "code": "c", "display": "mark"}),
        "Identifier" => json!({"system": "http://example.org/id", "value": "mark"}),
        "Period" => json!({"start": "2019-03-01", "end": "2020-01-01"}),
        "Quantity" | "Distance" => {
            json!({"value": 7.5, "unit": "mg", "system": "http://unitsofmeasure.org", "code": "mg"})
        }
        "Count" => json!({"value": 3, "system": "http://unitsofmeasure.org", "code": "1"}),
        "Age" => json!({"value": 30, "unit": "a", "system": "http://unitsofmeasure.org", "code": "a"}),
        "Duration" => json!({"value": 3, "unit": "h", "system": "http://unitsofmeasure.org", "code": "h"}),
        "Money" => json!({"value": 3.5, "unit": "GBP", "system": "urn:iso:std:iso:4217", "code": "GBP"}),
        "Range" => json!({"low": {"value": 1, "unit": "mg"}, "high": {"value": 2, "unit": "mg"}}),
        "Ratio" => {
            json!({"numerator": {"value": 1, "unit": "mg"}, "denominator": {"value": 2, "unit": "mL"}})
        }
        "Annotation" => json!({"text": "mark"}),
        "Attachment" => json!({"contentType": "text/plain", "data": "bWFyaw==", "title": "mark"}),
        "HumanName" => json!({"family": "Mark"}),
        "Address" => json!({"city": "mark"}),
        "ContactPoint" => json!({"system": "phone", "value": "mark"}),
        "ContactDetail" => json!({"name": "mark"}),
        "Timing" => json!({"repeat": {"frequency": 3, "period": 1, "periodUnit": "d"}}),
        "Dosage" => {
            json!({"text": "mark", "doseQuantity": {"value": 1, "unit": "mg"}, "asNeededBoolean": true})
        }
        "SampledData" => json!({"origin": {"value": 0}, "period": 10, "dimensions": 1, "data": "1 2 3"}),
        "Signature" => {
            json!({"type": [{"system": "urn:iso-astm:E1762-95:2013", "code": "1.2.840.10065.1.12.1.1"}], "when": "2020-01-01T10:00:00Z", "whoReference": {"reference": "Patient/p1"}, "contentType": "text/plain", "blob": "bWFyaw=="})
        }
        "UsageContext" => {
            json!({"code": {"system": "http://terminology.hl7.org/CodeSystem/usage-context-type", "code": "focus"}, "valueCodeableConcept": {"text": "mark"}})
        }
        "Meta" => json!({"versionId": "1"}),
        "part" => json!({}),
        other => panic!("no value for {other}"),
    }
}

/// The element in its parts, those around it as the table says.
fn resource(element: &Element, lists: &BTreeMap<String, bool>, code: Option<&str>) -> Value {
    let kind = element.path.first().copied().unwrap_or("");
    let mut inner = value(element, code);
    for (depth, name) in element.path.iter().enumerate().skip(1).rev() {
        let path = element.path.get(..=depth).unwrap_or_default().join(".");
        if lists.get(&path) == Some(&true) {
            inner = json!([inner]);
        }
        let mut holder = Map::new();
        // A part is told by what STU3 demands of it.
        if depth > 1 {
            let part = element.path.get(..depth).unwrap_or_default().join(".");
            for (needed, with) in neighbours(&part) {
                holder.insert(needed.to_owned(), with);
            }
        }
        holder.insert((*name).to_owned(), inner);
        inner = Value::Object(holder);
    }
    for (name, with) in mandatory(kind) {
        if inner.get(name).is_none() {
            inner[name] = with;
        }
    }
    inner["resourceType"] = json!(kind);
    inner["id"] = json!("x1");
    inner
}

/// Parts that STU3 demands as R4 does.
fn mandatory(kind: &str) -> Vec<(&'static str, Value)> {
    match kind {
        "Appointment" => vec![("participant", json!([{"status": "accepted", "type": [{"text": "mark"}]}]))],
        "DocumentReference" => vec![("content", json!([{"attachment": {"title": "mark"}}]))],
        _ => Vec::new(),
    }
}

/// What a part must have beside the element for a reader to know what it is.
fn neighbours(part: &str) -> Vec<(&'static str, Value)> {
    match part {
        "Questionnaire.item" | "QuestionnaireResponse.item" => vec![("linkId", json!("1"))],
        "Questionnaire.item.enableWhen" => vec![("question", json!("2"))],
        "Patient.communication" => {
            vec![("language", json!({"coding": [{"system": "urn:ietf:bcp:47", "code": "en"}]}))]
        }
        "Encounter.statusHistory" => vec![("period", json!({"start": "2020-01-01"}))],
        _ => Vec::new(),
    }
}

fn run(one: &Value) -> Result<(Vec<String>, Vec<String>), String> {
    let patient = json!({"resourceType": "Patient", "id": "p1", "name": [{"family": "Testling"}]});
    let kind = one["resourceType"].as_str().unwrap_or("");
    let mut entries = vec![json!({"resource": one})];
    if kind != "Patient" {
        entries.insert(0, json!({"resource": patient}));
    }
    let bundle = json!({"resourceType": "Bundle", "type": "searchset", "entry": entries});
    let found = translate(&CareConnect, bundle.to_string().as_bytes(), &test_context());
    let Some(output) = found.outputs.first() else { return Err(format!("refused: {:?}", found.issues)) };
    let report = causeway_profile::check(&output.json);
    let errors = report.findings.iter().filter(|f| f.severity == causeway_profile::Severity::Error);
    let errors = errors.map(|f| format!("{} {} {}", f.rule, f.path, f.text)).collect();
    let lost =
        found.ledger.items().iter().filter(|i| matches!(i.outcome, Outcome::Unsupported | Outcome::Rejected));
    let lost = lost
        .map(|i| format!("{} {}", i.place.render(found.ledger.outline()), found.ledger.reason_of(i)))
        .collect();
    Ok((errors, lost))
}

/// What the checker finds of these is of the test's own making: a lone part without what belongs beside it.
fn of_the_test(error: &str) -> bool {
    // Invariants between elements: a lone element can't keep them, and the item that a condition asks about is not there.
    let between = ["r4/invariant", "r4/reference", "r4/questionnaire-condition"];
    between.iter().any(|rule| error.starts_with(rule)) || !error.starts_with("r4/")
}

#[test]
fn every_element_of_stu3_has_its_place_in_r4() {
    let all = elements();
    assert!(all.len() > 1200);
    let lists: BTreeMap<String, bool> = all.iter().map(|e| (e.path.join("."), e.repeats)).collect();
    let mut faults = Vec::new();
    for element in all.iter().filter(|e| e.ty != "part") {
        let path = element.path.join(".");
        let without = NO_PLACE.iter().any(|p| path == *p || path.starts_with(&format!("{p}.")));
        let in_part = IN_PART.iter().any(|p| path.starts_with(p));
        match run(&resource(element, &lists, None)) {
            Err(refused) => faults.push(format!("{path}: {refused}")),
            Ok((errors, lost)) => {
                faults.extend(errors.iter().filter(|e| !of_the_test(e)).map(|e| format!("{path}: {e}")));
                if !without && !in_part {
                    faults.extend(lost.iter().map(|l| format!("{path}: lost {l}")));
                }
            }
        }
    }
    assert!(faults.is_empty(), "{} faults:\n{}", faults.len(), faults.join("\n"));
}

#[test]
fn every_code_of_a_required_list_is_carried_as_one_that_r4_has() {
    let all = elements();
    let lists: BTreeMap<String, bool> = all.iter().map(|e| (e.path.join("."), e.repeats)).collect();
    let (mut tried, mut faults) = (0, Vec::new());
    for element in all.iter().filter(|e| e.ty == "code") {
        let path = element.path.join(".");
        for code in &element.codes {
            tried += 1;
            match run(&resource(element, &lists, Some(code))) {
                Err(refused) => faults.push(format!("{path} {code}: {refused}")),
                Ok((errors, lost)) => {
                    faults.extend(
                        errors.iter().filter(|e| !of_the_test(e)).map(|e| format!("{path} {code}: {e}")),
                    );
                    let rejected = lost.iter().filter(|l| l.contains("does not take such a value"));
                    faults.extend(rejected.map(|l| format!("{path} {code}: {l}")));
                }
            }
        }
    }
    assert!(tried > 300, "{tried}");
    assert!(faults.is_empty(), "{} faults:\n{}", faults.len(), faults.join("\n"));
}
