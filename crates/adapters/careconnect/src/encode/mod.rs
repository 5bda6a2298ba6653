//! From a UK Core R4 bundle to a GP Connect structured record in STU3, with the list of what STU3 can't carry.

mod lists;

use causeway_adapter::{Context, Encoded};
use causeway_core::{Issue, IssueCode, Severity};
use causeway_stu3::encode::{Encoding, kind, stu3_kind};
use serde_json::{Map, Value, json};

/// Resource types of a GP Connect structured record, or of its appointments and documents.
const CARRIED: [&str; 24] = [
    "AllergyIntolerance",
    "Appointment",
    "Condition",
    "DiagnosticReport",
    "DocumentReference",
    "Encounter",
    "HealthcareService",
    "Immunization",
    "List",
    "Location",
    "Medication",
    "MedicationRequest",
    "MedicationStatement",
    "Observation",
    "Organization",
    "Patient",
    "Practitioner",
    "PractitionerRole",
    "QuestionnaireResponse",
    "RelatedPerson",
    "Schedule",
    "ServiceRequest",
    "Slot",
    "Specimen",
];

/// The GP Connect profile of an STU3 type, where there is one.
fn profile(stu3: &str) -> Option<String> {
    match stu3 {
        "HealthcareService" | "QuestionnaireResponse" | "RelatedPerson" => {
            Some(format!("https://fhir.hl7.org.uk/STU3/StructureDefinition/CareConnect-{stu3}-1"))
        }
        "Condition" => Some(
            "https://fhir.nhs.uk/STU3/StructureDefinition/CareConnect-GPC-ProblemHeader-Condition-1"
                .to_owned(),
        ),
        "Appointment" | "Schedule" | "Slot" => {
            Some(format!("https://fhir.nhs.uk/STU3/StructureDefinition/GPConnect-{stu3}-1"))
        }
        _ => Some(format!("https://fhir.nhs.uk/STU3/StructureDefinition/CareConnect-GPC-{stu3}-1")),
    }
}

fn refuse(rule: &'static str, text: &'static str) -> Issue {
    Issue::new(Severity::Fatal, IssueCode::Required, rule, text)
}

/// Writes a bundle as a GP Connect structured record.
///
/// # Errors
/// Where it is no bundle, or not the record of one patient.
pub(crate) fn encode(bundle: &Value, context: &Context) -> Result<Encoded, Issue> {
    if bundle["resourceType"] != "Bundle" {
        return Err(refuse("bundle-expected", "only a Bundle can be written as a structured record"));
    }
    let entries: Vec<(&str, &Map<String, Value>)> = bundle["entry"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|e| Some((e["fullUrl"].as_str().unwrap_or(""), e["resource"].as_object()?)))
        .collect();
    let patients = entries.iter().filter(|(_, r)| kind(r) == "Patient").count();
    if patients != 1 {
        let text = "a structured record is that of exactly one patient, and the bundle holds none or several";
        return Err(refuse("patient-count", text));
    }
    let mut encoding = Encoding::new(profile);
    for (url, resource) in &entries {
        let id = resource.get("id").and_then(Value::as_str).unwrap_or("");
        if !CARRIED.contains(&kind(resource)) || id.is_empty() {
            continue;
        }
        let target = format!("{}/{id}", stu3_kind(resource));
        encoding.carry(format!("{}/{id}", kind(resource)), target.clone());
        if !url.is_empty() {
            encoding.carry((*url).to_owned(), target);
        }
    }
    let mut out = Vec::new();
    for (number, (_, resource)) in entries.iter().enumerate() {
        let path = format!("Bundle.entry[{number}].resource");
        if !CARRIED.contains(&kind(resource)) {
            encoding.leave(&path, "a GP Connect structured record holds no resource of this type");
            continue;
        }
        let written = encoding.resource(resource, &path);
        out.push(json!({"resource": written}));
    }
    lists::complete(&mut out, &entries, context);
    let record = json!({
        "resourceType": "Bundle",
        "meta": {"profile": ["https://fhir.nhs.uk/STU3/StructureDefinition/GPConnect-StructuredRecord-Bundle-1"]},
        "type": "collection",
        "entry": out,
    });
    let bytes = serde_json::to_vec(&record).map_err(|_| {
        Issue::new(Severity::Fatal, IssueCode::Exception, "json-write", "the record could not be written")
    })?;
    Ok(Encoded { bytes, media_type: "application/fhir+json; fhirVersion=3.0", left_behind: encoding.left })
}
