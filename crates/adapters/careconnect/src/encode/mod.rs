//! From a UK Core R4 bundle to a GP Connect structured record in STU3, with the list of what STU3 can't carry.

mod lists;
mod resource;
mod stu3;
mod values;

use std::collections::HashMap;

use causeway_adapter::{Context, Encoded};
use causeway_core::{Issue, IssueCode, Position, Severity, Span};
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

/// What is known of the bundle while it is written.
pub(crate) struct Encoding {
    /// STU3 reference of every resource that is carried, by `fullUrl` and by `Type/id`.
    targets: HashMap<String, String>,
    /// What could not be carried.
    pub left: Vec<Issue>,
}

impl Encoding {
    /// Enters an element that STU3 can't carry.
    pub fn leave(&mut self, path: &str, text: &'static str) {
        let issue = Issue::new(Severity::Information, IssueCode::NotSupported, "stu3-no-place", text);
        self.left.push(issue.at(Position::new(path, Span::default())));
    }

    /// The STU3 reference of an R4 reference.
    pub fn target(&self, reference: &str) -> Option<&String> {
        self.targets.get(reference)
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
    let mut encoding = Encoding { targets: HashMap::new(), left: Vec::new() };
    for (url, resource) in &entries {
        let id = resource.get("id").and_then(Value::as_str).unwrap_or("");
        if !CARRIED.contains(&kind(resource)) || id.is_empty() {
            continue;
        }
        let target = format!("{}/{id}", values::stu3_kind(resource));
        encoding.targets.insert(format!("{}/{id}", kind(resource)), target.clone());
        if !url.is_empty() {
            encoding.targets.insert((*url).to_owned(), target);
        }
    }
    let mut out = Vec::new();
    for (number, (_, resource)) in entries.iter().enumerate() {
        let path = format!("Bundle.entry[{number}].resource");
        if !CARRIED.contains(&kind(resource)) {
            encoding.leave(&path, "a GP Connect structured record holds no resource of this type");
            continue;
        }
        let written = resource::write(&mut encoding, resource, &path);
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

/// The type of a resource.
pub(crate) fn kind(resource: &Map<String, Value>) -> &str {
    resource.get("resourceType").and_then(Value::as_str).unwrap_or("")
}
