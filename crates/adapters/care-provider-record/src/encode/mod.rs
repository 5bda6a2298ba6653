//! The way back: a FHIR bundle as a record. A care home receives a discharge like this.
//!
//! Every leaf of the bundle is either read into the record or listed in `left_behind` with its FHIR path.

mod fit;
mod read;
mod sections;
mod subject;
mod taken;

use std::collections::HashMap;

use causeway_adapter::{Context, Encoded};
use causeway_core::{Issue, IssueCode, Position, Severity, Span};
use serde_json::{Map, Value, json};

use crate::compose::PERTAINS_TO_GOAL;
use crate::sections::whole::{RECORD, SCHEMA_ID};
use taken::Taken;

/// Resources that are the envelope of a bundle and say nothing of the person.
const ENVELOPE: [&str; 4] = ["Provenance", "MessageHeader", "OperationOutcome", "AuditEvent"];

/// A bundle that is being read.
#[derive(Debug)]
pub struct Reader<'v> {
    /// Its resources, each with what was read of it.
    pub resources: Vec<Taken<'v>>,
    /// Resources by full URL and by `Type/id`.
    by_reference: HashMap<String, usize>,
    /// Resources that belong to another: goals to their need, requests to their goal, tasks to what they are about,
    /// documents to what they are related to.
    children: HashMap<usize, Vec<usize>>,
    /// What could not be carried.
    pub left: Vec<Issue>,
}

impl<'v> Reader<'v> {
    fn new(bundle: &'v Value) -> Self {
        let mut reader = Self {
            resources: Vec::new(),
            by_reference: HashMap::new(),
            children: HashMap::new(),
            left: Vec::new(),
        };
        let entries: Vec<(&str, String, &'v Value)> = match bundle["resourceType"].as_str() {
            Some("Bundle") => bundle["entry"]
                .as_array()
                .into_iter()
                .flatten()
                .enumerate()
                .map(|(n, entry)| {
                    let resource = &entry["resource"];
                    let kind = resource["resourceType"].as_str().unwrap_or("Resource");
                    let path = format!("Bundle.entry[{n}].resource.ofType({kind})");
                    (entry["fullUrl"].as_str().unwrap_or(""), path, resource)
                })
                .collect(),
            kind => vec![("", kind.unwrap_or("Resource").to_owned(), bundle)],
        };
        for (url, path, resource) in entries {
            let Some(kind) = resource["resourceType"].as_str() else { continue };
            let at = reader.resources.len();
            let id = resource["id"].as_str().unwrap_or("");
            reader.by_reference.insert(url.to_owned(), at);
            reader.by_reference.insert(format!("{kind}/{id}"), at);
            reader.resources.push(Taken::new(kind, path, resource));
        }
        for (at, resource) in reader.resources.iter().enumerate() {
            if let Some(parent) = parent(resource).and_then(|reference| reader.target(reference)) {
                reader.children.entry(parent).or_default().push(at);
            }
        }
        reader
    }

    /// Resources of a type that belong to another, and that no section has read yet.
    pub fn children(&self, of: usize, kind: &str) -> Vec<usize> {
        let open = |at: &&usize| self.resources.get(**at).is_some_and(|r| r.kind == kind && !r.placed);
        self.children.get(&of).into_iter().flatten().filter(open).copied().collect()
    }

    /// The first resource of a type.
    pub fn first(&self, kind: &str) -> Option<usize> {
        self.resources.iter().position(|r| r.kind == kind)
    }

    /// The resource that a reference points to.
    pub fn target(&self, reference: &Value) -> Option<usize> {
        let text = reference["reference"].as_str()?;
        self.by_reference
            .get(text)
            .or_else(|| {
                // An absolute URL ends in Type/id.
                let mut tail = text.rsplit('/');
                let (id, kind) = (tail.next()?, tail.next()?);
                self.by_reference.get(&format!("{kind}/{id}"))
            })
            .copied()
    }

    /// Words for what a reference points to: its display, or the name of the resource.
    pub fn words(&mut self, reference: &Value) -> Option<String> {
        if let Some(display) = reference["display"].as_str() {
            return Some(display.to_owned());
        }
        let mut at = self.target(reference)?;
        let resource = self.resources.get(at)?;
        if resource.kind == "PractitionerRole" {
            // One step and no more: a role that points to itself would lead nowhere.
            let who = &resource.value["practitioner"];
            if let Some(display) = who["display"].as_str() {
                return Some(display.to_owned());
            }
            at = self.target(who)?;
        }
        let resource = self.resources.get_mut(at)?;
        match resource.kind {
            "Organization" | "Location" => resource.text("name"),
            "Practitioner" | "RelatedPerson" => subject::human_name(resource),
            _ => None,
        }
    }

    /// Lists something as left behind.
    pub fn leave(&mut self, path: String, why: &'static str) {
        let issue = Issue::new(Severity::Warning, IssueCode::NotSupported, "left-behind", why);
        self.left.push(issue.at(Position::new(path, Span::default())));
    }
}

/// The reference to what a resource belongs to.
fn parent<'v>(resource: &Taken<'v>) -> Option<&'v Value> {
    match resource.kind {
        "Goal" => resource.value["addresses"].get(0),
        "Task" => resource.value.get("focus"),
        "DocumentReference" => resource.value["context"]["related"].get(0),
        "ServiceRequest" => {
            let extensions = resource.value["extension"].as_array()?;
            extensions.iter().find(|e| e["url"].as_str() == Some(PERTAINS_TO_GOAL))?.get("valueReference")
        }
        _ => None,
    }
}

/// Encodes a bundle.
pub fn encode(bundle: &Value, context: &Context) -> Result<Encoded, Issue> {
    let mut reader = Reader::new(bundle);
    let Some(patient) = reader.first("Patient") else {
        let text = "the bundle has no Patient, and a record is always one person's";
        return Err(Issue::new(Severity::Fatal, IssueCode::Required, "patient-missing", text));
    };
    let mut record = Map::new();
    record.insert("$schema".to_owned(), json!(SCHEMA_ID));
    subject::record(&mut reader, bundle, &mut record);
    subject::provider(&mut reader, context, &mut record);
    let person = subject::patient(&mut reader, patient);
    record.insert("subject".to_owned(), Value::Object(person));
    sections::all(&mut reader, &mut record, patient);
    let fitted = fit::fit(Value::Object(record), &RECORD, &mut reader.left);
    rest(&mut reader);
    let mut bytes = serde_json::to_vec_pretty(&fitted).unwrap_or_default();
    bytes.push(b'\n');
    Ok(Encoded { bytes, media_type: "application/vnd.causeway.dscr-record+json", left_behind: reader.left })
}

/// What nobody read.
fn rest(reader: &mut Reader<'_>) {
    let mut paths = Vec::new();
    for resource in &reader.resources {
        if !ENVELOPE.contains(&resource.kind) {
            resource.untouched(&mut paths);
        }
    }
    for path in paths {
        reader.leave(path, "the record has no member for this element");
    }
}
