//! Writes a FHIR bundle as a flat notice, and says what the data set has no place for.

use std::collections::HashSet;

use causeway_adapter::{Context, Encoded};
use causeway_core::{Issue, IssueCode, Position, Severity, Span};
use causeway_fhir::systems;
use serde_json::{Map, Value, json};

use crate::limits::ELEMENT_DEPTH_MAX;
use crate::notice::refusal;

/// Writes a notice from a bundle with a Patient and an Encounter: a discharge notice where the stay has ended, an
/// assessment notice where it has not.
///
/// # Errors
/// Where the bundle has no Patient or no Encounter.
pub fn encode(bundle: &Value, context: &Context) -> Result<Encoded, Issue> {
    let mut reader = Reader { resources: Vec::new(), used: HashSet::new() };
    for entry in bundle["entry"].as_array().into_iter().flatten() {
        reader.resources.push((entry["fullUrl"].as_str().unwrap_or_default().to_owned(), &entry["resource"]));
    }
    let patient = reader.first("Patient").ok_or_else(|| {
        refusal(
            IssueCode::Required,
            "required-field-missing",
            "the bundle has no Patient, so there is nobody to tell of",
        )
    })?;
    let stay = reader.first("Encounter").ok_or_else(|| {
        refusal(
            IssueCode::Required,
            "required-field-missing",
            "the bundle has no Encounter, so there is no stay to tell of",
        )
    })?;
    let mut notice = Map::new();
    let discharged = reader.text(stay, &["period", "end"]);
    notice.insert("format".to_owned(), json!("discharge-notice/0.1"));
    notice.insert(
        "noticeType".to_owned(),
        json!(if discharged.is_some() { "discharge" } else { "assessment" }),
    );
    if let Some(id) = bundle["id"].as_str() {
        notice.insert("noticeId".to_owned(), json!(id));
    }
    let stay_id = reader.text(stay, &["identifier", "value"]);
    put(&mut notice, "referralId", stay_id);
    notice.insert("issued".to_owned(), json!(context.received.to_string()));
    let person = reader.person(patient);
    notice.insert("person".to_owned(), person);
    let hospital = reader.hospital(stay, patient);
    notice.insert("hospital".to_owned(), hospital);
    let admission = reader.admission(stay, discharged);
    notice.insert("admission".to_owned(), admission);
    if let Some(carer) = reader.carer() {
        notice.insert("carer".to_owned(), carer);
    }
    let mut bytes = serde_json::to_vec_pretty(&Value::Object(notice)).unwrap_or_default();
    bytes.push(b'\n');
    let media_type = "application/vnd.causeway.discharge-notice+json";
    Ok(Encoded { bytes, media_type, left_behind: reader.left_behind() })
}

fn put(object: &mut Map<String, Value>, name: &str, value: Option<String>) {
    if let Some(value) = value {
        object.insert(name.to_owned(), json!(value));
    }
}

struct Reader<'b> {
    resources: Vec<(String, &'b Value)>,
    /// Resource and element (`name[0].family`) that went into the notice, with all below it.
    used: HashSet<(usize, String)>,
}

impl<'b> Reader<'b> {
    fn first(&self, kind: &str) -> Option<usize> {
        self.resources.iter().position(|(_, r)| r["resourceType"] == kind)
    }

    fn use_element(&mut self, resource: usize, element: impl Into<String>) {
        self.used.insert((resource, element.into()));
    }

    /// The text at the end of a path; of arrays the first element. It counts as carried.
    fn text(&mut self, resource: usize, path: &[&str]) -> Option<String> {
        let mut value = self.resources.get(resource)?.1;
        let mut plain = String::new();
        for name in path {
            value = &value[*name];
            if !plain.is_empty() {
                plain.push('.');
            }
            plain.push_str(name);
            if value.is_array() {
                value = &value[0];
                plain.push_str("[0]");
            }
        }
        let text = value.as_str()?.to_owned();
        self.use_element(resource, plain);
        Some(text)
    }

    fn target(&self, reference: Option<String>) -> Option<usize> {
        let reference = reference?;
        self.resources.iter().position(|(url, r)| {
            *url == reference || r["id"].as_str().is_some_and(|id| reference.ends_with(id))
        })
    }

    fn person(&mut self, at: usize) -> Value {
        let mut person = Map::new();
        let Some(patient) = self.resources.get(at).map(|(_, r)| *r) else { return Value::Null };
        let identifiers = patient["identifier"].as_array().map(Vec::as_slice).unwrap_or_default();
        // The notice has one member for the number as stated, sound or not.
        let sound = identifiers.iter().any(|i| i["system"] == systems::NHS_NUMBER);
        for (number, identifier) in identifiers.iter().enumerate() {
            let value = identifier["value"].as_str().map(str::to_owned);
            let stated = identifier["system"] == systems::STATED_NHS_NUMBER;
            if identifier["system"] == systems::NHS_NUMBER || (stated && !sound) {
                put(&mut person, "nhsNumber", value);
                let status = &identifier["extension"][0]["valueCodeableConcept"]["coding"][0]["code"];
                put(&mut person, "nhsNumberStatus", status.as_str().map(str::to_owned));
                // The number's own member says its system, the code of its status says the rest.
                self.use_element(at, format!("identifier[{number}]"));
            } else if !stated && !person.contains_key("hospitalId") {
                put(&mut person, "hospitalId", value);
                self.use_element(at, format!("identifier[{number}].value"));
            }
        }
        for (name, path) in [
            ("familyName", &["name", "family"][..]),
            ("givenName", &["name", "given"][..]),
            ("dateOfBirth", &["birthDate"][..]),
            ("gender", &["gender"][..]),
        ] {
            let value = self.text(at, path);
            put(&mut person, name, value);
        }
        let address = &patient["address"][0];
        if address.is_object() {
            let mut lines: Vec<Value> = address["line"].as_array().cloned().unwrap_or_default();
            lines.extend(["city", "district"].iter().map(|n| address[*n].clone()).filter(Value::is_string));
            let mut flat = Map::new();
            flat.insert("lines".to_owned(), json!(lines));
            put(&mut flat, "postcode", address["postalCode"].as_str().map(str::to_owned));
            person.insert("address".to_owned(), Value::Object(flat));
            for name in ["line", "city", "district", "postalCode"] {
                self.use_element(at, format!("address[0].{name}"));
            }
        }
        self.reach(at, &mut person);
        Value::Object(person)
    }

    fn reach(&mut self, at: usize, into: &mut Map<String, Value>) {
        let Some(resource) = self.resources.get(at).map(|(_, r)| *r) else { return };
        for (number, point) in resource["telecom"].as_array().into_iter().flatten().enumerate() {
            let name = match point["system"].as_str() {
                Some("email") => "email",
                _ => "phone",
            };
            if !into.contains_key(name) {
                put(into, name, point["value"].as_str().map(str::to_owned));
                self.use_element(at, format!("telecom[{number}].value"));
                if matches!(point["system"].as_str(), Some("phone" | "email")) {
                    self.use_element(at, format!("telecom[{number}].system"));
                }
            }
        }
    }

    /// The stay's own hospital; where the stay names none, the one that keeps the person's record.
    fn hospital(&mut self, stay: usize, patient: usize) -> Value {
        let mut hospital = Map::new();
        let reference = self
            .text(stay, &["serviceProvider", "reference"])
            .or_else(|| self.text(patient, &["managingOrganization", "reference"]));
        if let Some(at) = self.target(reference) {
            let code = self.text(at, &["identifier", "value"]);
            if self
                .resources
                .get(at)
                .is_some_and(|(_, o)| o["identifier"][0]["system"] == systems::ODS_ORGANISATION)
            {
                self.use_element(at, "identifier[0].system");
            }
            put(&mut hospital, "siteCode", code);
            let name = self.text(at, &["name"]);
            put(&mut hospital, "name", name);
        }
        let ward = self.text(stay, &["location", "location", "reference"]);
        if let Some(at) = self.target(ward) {
            let name = self.text(at, &["name"]);
            put(&mut hospital, "ward", name);
        }
        Value::Object(hospital)
    }

    fn admission(&mut self, stay: usize, discharged: Option<String>) -> Value {
        let mut admission = Map::new();
        let start = self.text(stay, &["period", "start"]);
        put(&mut admission, "date", start);
        put(&mut admission, "dischargeDate", discharged);
        let reason = self
            .text(stay, &["reasonReference", "reference"])
            .or_else(|| self.text(stay, &["diagnosis", "condition", "reference"]));
        if let Some(at) = self.target(reason).or_else(|| self.first("Condition")) {
            let words =
                self.text(at, &["code", "text"]).or_else(|| self.text(at, &["code", "coding", "display"]));
            put(&mut admission, "reason", words);
        }
        let code = self.text(stay, &["priority", "coding", "code"]);
        put(&mut admission, "type", code.filter(|c| matches!(c.as_str(), "EM" | "EL")));
        Value::Object(admission)
    }

    fn carer(&mut self) -> Option<Value> {
        let at = self.first("RelatedPerson")?;
        let mut carer = Map::new();
        let whole = self.text(at, &["name", "text"]).or_else(|| {
            let family = self.text(at, &["name", "family"])?;
            Some(match self.text(at, &["name", "given"]) {
                Some(given) => format!("{given} {family}"),
                None => family,
            })
        });
        put(&mut carer, "name", whole);
        let role = self
            .text(at, &["relationship", "text"])
            .or_else(|| self.text(at, &["relationship", "coding", "display"]));
        put(&mut carer, "relationship", role);
        self.reach(at, &mut carer);
        (!carer.is_empty()).then_some(Value::Object(carer))
    }

    /// Each element of each resource that has no place in the data set.
    fn left_behind(&self) -> Vec<Issue> {
        // Written anew by whoever reads the notice, or plumbing between the resources.
        const PLUMBING: [&str; 8] =
            ["resourceType", "id", "meta", "text", "subject", "patient", "status", "managingOrganization"];
        let mut left = Vec::new();
        for (number, (_, resource)) in self.resources.iter().enumerate() {
            let kind = resource["resourceType"].as_str().unwrap_or_default();
            if kind == "Provenance" {
                continue;
            }
            for (name, value) in resource.as_object().into_iter().flatten() {
                if !PLUMBING.contains(&name.as_str()) {
                    self.leaves(number, kind, name, value, 0, &mut left);
                }
            }
        }
        left
    }

    /// The leaves of an element that were not carried.
    fn leaves(
        &self,
        resource: usize,
        kind: &str,
        path: &str,
        value: &Value,
        depth: usize,
        left: &mut Vec<Issue>,
    ) {
        if self.used.contains(&(resource, path.to_owned())) {
            return;
        }
        match value {
            Value::Array(list) if depth < ELEMENT_DEPTH_MAX => {
                for (index, item) in list.iter().enumerate() {
                    self.leaves(resource, kind, &format!("{path}[{index}]"), item, depth + 1, left);
                }
            }
            Value::Object(object) if depth < ELEMENT_DEPTH_MAX => {
                for (name, member) in object {
                    self.leaves(resource, kind, &format!("{path}.{name}"), member, depth + 1, left);
                }
            }
            _ => {
                let text = "a discharge notice has no place for this element";
                let issue = Issue::new(Severity::Information, IssueCode::NotSupported, "left-behind", text);
                left.push(issue.at(Position::new(format!("{kind}.{path}"), Span::default())));
            }
        }
    }
}
