//! FHIR R4: read, vread, search, create, update, transaction.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{Answer, Asked, Control, lock};

const NHS_NUMBER: &str = "https://fhir.nhs.uk/Id/nhs-number";

/// Types, with their search parameters and their kinds.
const TYPES: &[(&str, &[(&str, &str)])] = &[
    (
        "Patient",
        &[
            ("_id", "token"),
            ("identifier", "token"),
            ("family", "string"),
            ("given", "string"),
            ("birthdate", "date"),
            ("gender", "token"),
        ],
    ),
    ("Condition", &[("_id", "token"), ("patient", "reference"), ("code", "token")]),
    ("AllergyIntolerance", &[("_id", "token"), ("patient", "reference")]),
    ("MedicationRequest", &[("_id", "token"), ("patient", "reference"), ("status", "token")]),
    ("MedicationStatement", &[("_id", "token"), ("patient", "reference"), ("status", "token")]),
    ("Immunization", &[("_id", "token"), ("patient", "reference")]),
    ("Procedure", &[("_id", "token"), ("patient", "reference")]),
    ("Encounter", &[("_id", "token"), ("patient", "reference")]),
    ("DocumentReference", &[("_id", "token"), ("patient", "reference")]),
    ("Observation", &[("_id", "token"), ("patient", "reference"), ("code", "token"), ("date", "date")]),
    ("RelatedPerson", &[("_id", "token"), ("patient", "reference")]),
    ("CarePlan", &[("_id", "token"), ("patient", "reference")]),
    ("Flag", &[("_id", "token"), ("patient", "reference")]),
];

/// Everything kept: all versions of each resource, oldest first.
pub struct Store {
    kept: BTreeMap<(String, String), Vec<Value>>,
    next: usize,
}

impl Store {
    pub fn new() -> Self {
        let mut store = Self { kept: BTreeMap::new(), next: 1 };
        let people = [
            ("1", "9990000018", "Aldous", "Wren", "1950-03-04", "male"),
            ("2", "9990000026", "Aldous", "Ivy", "1952-11-30", "female"),
            ("3", "9990000034", "Berrow", "Tam", "1981-07-01", "male"),
            ("4", "9990000042", "Caddick", "Una", "1990-01-15", "female"),
        ];
        for (id, number, family, given, born, gender) in people {
            store.put(json!({
                "resourceType": "Patient", "id": id,
                "identifier": [{"system": NHS_NUMBER, "value": number}],
                "name": [{"use": "official", "family": family, "given": [given]}],
                "gender": gender, "birthDate": born,
            }));
        }
        for (id, person, code, text) in [
            ("c1", "1", "38341003", "Hypertension"),
            ("c2", "1", "73211009", "Diabetes mellitus"),
            ("c3", "2", "195967001", "Asthma"),
        ] {
            store.put(json!({
                "resourceType": "Condition", "id": id,
                "clinicalStatus": {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/condition-clinical", "code": "active"}]},
                "code": {"coding": [{"system": "http://snomed.info/sct", "code": code}], "text": text},
                "subject": {"reference": format!("Patient/{person}")},
            }));
        }
        store
    }

    /// Keeps a version and says which.
    fn put(&mut self, mut resource: Value) -> Value {
        let kind = resource["resourceType"].as_str().unwrap_or_default().to_owned();
        let id = resource["id"].as_str().unwrap_or_default().to_owned();
        let versions = self.kept.entry((kind, id)).or_default();
        resource["meta"]["versionId"] = json!((versions.len() + 1).to_string());
        resource["meta"]["lastUpdated"] = json!("2026-01-02T03:04:05Z");
        versions.push(resource.clone());
        resource
    }

    fn new_id(&mut self) -> String {
        self.next += 1;
        format!("n{}", self.next)
    }
}

fn outcome(code: &str, text: &str) -> Value {
    json!({"resourceType": "OperationOutcome", "issue": [{"severity": "error", "code": code, "details": {"text": text}}]})
}

/// A date's first and last day, as text that sorts.
fn span(date: &str) -> (String, String) {
    let day = date.get(..10).unwrap_or(date);
    let missing = 10_usize.saturating_sub(day.len());
    (
        format!("{day}{}", "-01-01".get(6 - missing.min(6)..).unwrap_or("")),
        format!("{day}{}", "-12-31".get(6 - missing.min(6)..).unwrap_or("")),
    )
}

fn date_matches(value: &str, wanted: &str, ignore_prefix: bool) -> bool {
    let prefixed = wanted.get(..2).filter(|p| p.chars().all(|c| c.is_ascii_lowercase()));
    let (prefix, date) = prefixed.map_or(("eq", wanted), |p| (p, &wanted[2..]));
    let (low, high) = span(date);
    let (from, to) = span(value);
    match if ignore_prefix { "any" } else { prefix } {
        "eq" => from >= low && to <= high,
        "ge" => to >= low,
        "le" => from <= high,
        "gt" => to > high,
        "lt" => from < low,
        _ => true,
    }
}

impl Control {
    fn fhir_error(&self, status: u16, code: &str, text: &str) -> Answer {
        if self.bad("error-without-outcome") {
            return Answer::new(status, "text/plain", text);
        }
        Answer::fhir(status, &outcome(code, text))
    }

    pub(super) fn fhir(&self, asked: &Asked, parts: &[&str]) -> Answer {
        let accept = asked.header("accept");
        if !accept.is_empty() && !accept.contains("json") && !accept.contains('*') {
            return self.fhir_error(406, "not-supported", "only JSON is written");
        }
        match (asked.method.as_str(), parts) {
            ("GET", ["metadata"]) => self.metadata(),
            ("POST", [] | [""]) => self.transaction(asked),
            ("GET", [kind]) => self.search(asked, kind),
            ("POST", [kind, "_search"]) if !self.bad("post-search-away") => self.search(asked, kind),
            ("POST", [_, "_search"]) => self.fhir_error(404, "not-found", "there is no such address"),
            ("POST", [kind]) => self.create(asked, kind),
            ("GET", [kind, id]) => self.read(kind, id),
            ("PUT", [kind, id]) => self.update(asked, kind, id),
            ("GET", [kind, id, "_history", version]) => self.version(kind, id, version),
            (_, [kind, ..]) if TYPES.iter().any(|(name, _)| name == kind) || *kind == "metadata" => {
                self.fhir_error(405, "not-supported", "this method is not for this address")
            }
            _ => self.fhir_error(404, "not-found", "there is no such address"),
        }
    }

    fn metadata(&self) -> Answer {
        let resources: Vec<Value> = TYPES
            .iter()
            .map(|(kind, parameters)| {
                let parameters: Vec<Value> =
                    parameters.iter().map(|(name, of)| json!({"name": name, "type": of})).collect();
                let interactions: Vec<Value> = ["read", "vread", "search-type", "create", "update"]
                    .iter()
                    .map(|code| json!({"code": code}))
                    .collect();
                let include = if *kind == "Patient" { json!([]) } else { json!([format!("{kind}:patient")]) };
                let mut resource = json!({"type": kind, "interaction": interactions, "versioning": "versioned", "searchParam": parameters});
                if include != json!([]) {
                    resource["searchInclude"] = include;
                }
                resource
            })
            .collect();
        let mut statement = json!({
            "resourceType": "CapabilityStatement", "status": "active", "date": "2026-01-02", "kind": "instance",
            "software": {"name": "control"},
            "implementation": {"description": "the control of conformance runs"},
            "fhirVersion": if self.bad("metadata-of-stu3") { "3.0.2" } else { "4.0.1" },
            "format": ["application/fhir+json", "json"],
            "rest": [{"mode": "server", "resource": resources, "interaction": [{"code": "transaction"}]}],
        });
        if self.bad("metadata-invalid") {
            for key in ["date", "kind"] {
                statement.as_object_mut().expect("an object").shift_remove(key);
            }
        }
        let media = if self.bad("metadata-is-html") { "text/html" } else { "application/fhir+json" };
        Answer::new(200, media, statement.to_string())
    }

    /// What a read or search shows of a resource: the fault in it, if it has one.
    fn shown(&self, mut resource: Value) -> Value {
        if self.bad("invalid-resource") && resource["birthDate"].is_string() {
            resource["birthDate"] = json!("04/03/1950");
        }
        if self.bad("nhs-number-system") && resource["resourceType"] == "Patient" {
            for identifier in resource["identifier"].as_array_mut().into_iter().flatten() {
                identifier["system"] = json!("http://fhir.nhs.net/Id/nhs-number");
            }
        }
        if self.bad("subject-missing") && resource["resourceType"] == "Condition" {
            resource.as_object_mut().expect("an object").shift_remove("subject");
        }
        resource
    }

    fn read(&self, kind: &str, id: &str) -> Answer {
        let store = lock(&self.fhir);
        let Some(resource) = store.kept.get(&(kind.to_owned(), id.to_owned())).and_then(|v| v.last()) else {
            if self.bad("unknown-id-is-200") {
                return Answer::fhir(200, &json!({"resourceType": kind}));
            }
            return self.fhir_error(404, "not-found", "there is no such resource");
        };
        let mut resource = self.shown(resource.clone());
        if self.bad("read-another") {
            resource["id"] = json!("another");
        }
        let version = resource["meta"]["versionId"].as_str().unwrap_or_default().to_owned();
        let answer = Answer::fhir(200, &resource);
        if self.bad("read-without-etag") { answer } else { answer.with("etag", format!("W/\"{version}\"")) }
    }

    fn version(&self, kind: &str, id: &str, version: &str) -> Answer {
        let store = lock(&self.fhir);
        let versions = store.kept.get(&(kind.to_owned(), id.to_owned()));
        let at = version.parse::<usize>().unwrap_or_default().wrapping_sub(1);
        let found =
            versions.and_then(|v| v.get(at).filter(|_| !(self.bad("version-gone") && at + 1 < v.len())));
        match found {
            Some(resource) => Answer::fhir(200, resource),
            None => self.fhir_error(404, "not-found", "there is no such version"),
        }
    }

    fn matches(&self, resource: &Value, name: &str, wanted: &str) -> bool {
        let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
        match name {
            "_id" => resource["id"] == wanted,
            "identifier" => list(&resource["identifier"]).iter().any(|i| {
                let (system, value) = wanted.split_once('|').unwrap_or(("", wanted));
                let any_system = !wanted.contains('|') || self.bad("identifier-without-system");
                (any_system || i["system"] == system) && i["value"] == value
            }),
            "family" | "given" => list(&resource["name"]).iter().any(|n| {
                let words = match name {
                    "family" => vec![n["family"].clone()],
                    _ => list(&n["given"]),
                };
                words.iter().filter_map(Value::as_str).any(|w| match self.bad("name-exact-only") {
                    true => w.starts_with(wanted),
                    false => w.to_lowercase().starts_with(&wanted.to_lowercase()),
                })
            }),
            "birthdate" => date_matches(
                resource["birthDate"].as_str().unwrap_or_default(),
                wanted,
                self.bad("birth-date-range"),
            ),
            "date" => date_matches(resource["effectiveDateTime"].as_str().unwrap_or_default(), wanted, false),
            "gender" => resource["gender"] == wanted || self.bad("gender-ignored"),
            "status" => resource["status"] == wanted,
            "code" => list(&resource["code"]["coding"]).iter().any(|c| {
                let (system, code) = wanted.split_once('|').unwrap_or(("", wanted));
                (system.is_empty() || c["system"] == system) && c["code"] == code
            }),
            "patient" => {
                let person = wanted.strip_prefix("Patient/").unwrap_or(wanted);
                self.bad("of-another-person")
                    || [&resource["subject"], &resource["patient"]]
                        .iter()
                        .any(|r| r["reference"] == format!("Patient/{person}"))
            }
            _ => true,
        }
    }

    fn search(&self, asked: &Asked, kind: &str) -> Answer {
        let Some((_, parameters)) = TYPES.iter().find(|(name, _)| *name == kind) else {
            if self.bad("unknown-type-is-200") {
                return Answer::fhir(
                    200,
                    &json!({"resourceType": "Bundle", "type": "searchset", "total": 0}),
                );
            }
            return self.fhir_error(404, "not-supported", "there is no such type");
        };
        if self.bad("declares-what-fails") && kind == "Flag" {
            return self.fhir_error(404, "not-supported", "there is no such type");
        }
        let known = |name: &str| {
            parameters.iter().any(|(p, _)| *p == name)
                || ["_count", "_format", "_include", "page"].contains(&name)
        };
        let strict = asked.header("prefer").contains("handling=strict") && !self.bad("strict-ignored");
        if strict && asked.query.iter().any(|(name, _)| !known(name)) {
            return self.fhir_error(400, "not-supported", "there is no such parameter");
        }
        let store = lock(&self.fhir);
        let all: Vec<&Value> = store
            .kept
            .iter()
            .filter(|((of, _), _)| of == kind)
            .filter_map(|(_, versions)| versions.last())
            .collect();
        let mut found: Vec<&Value> = all
            .iter()
            .copied()
            .filter(|resource| {
                asked.query.iter().all(|(name, wanted)| {
                    let ignored = self.bad("parameter-ignored")
                        && name == "gender"
                        && !asked.query.iter().any(|(n, _)| n == "family");
                    ignored || self.matches(resource, name, wanted)
                })
            })
            .collect();
        let by_number = asked.parameter("identifier").is_some_and(|i| i.starts_with(NHS_NUMBER));
        if self.bad("nhs-number-shared") && by_number && found.len() == 1 {
            found.extend(all.iter().copied().find(|r| r["id"] != found[0]["id"]));
        }
        let total = found.len();
        let size: usize = asked.parameter("_count").and_then(|c| c.parse().ok()).unwrap_or(100).max(1);
        let page: usize = asked.parameter("page").and_then(|p| p.parse().ok()).unwrap_or_default();
        let mut from = page * size;
        if page == 1 && self.bad("page-repeats") {
            from -= 1;
        }
        if page == 1 && self.bad("page-loses") {
            from += 1;
        }
        let base = lock(&self.base).clone();
        let full = |resource: &Value| {
            format!(
                "{base}/{}/{}",
                resource["resourceType"].as_str().unwrap_or_default(),
                resource["id"].as_str().unwrap_or_default()
            )
        };
        let entry = |resource: &Value, mode: &str| {
            let mut entry = json!({"fullUrl": full(resource), "resource": self.shown(resource.clone()), "search": {"mode": mode}});
            if self.bad("search-without-full-url") {
                entry.as_object_mut().expect("an object").shift_remove("fullUrl");
            }
            entry
        };
        let shown: Vec<&Value> = found.iter().copied().skip(from).take(size).collect();
        let mut entries: Vec<Value> = shown.iter().map(|r| entry(r, "match")).collect();
        if asked.parameter("_include").is_some_and(|i| i.ends_with(":patient"))
            && !self.bad("include-ignored")
        {
            let mut people: Vec<&str> = shown
                .iter()
                .filter_map(|r| r["subject"]["reference"].as_str().or(r["patient"]["reference"].as_str()))
                .collect();
            people.sort_unstable();
            people.dedup();
            for person in people {
                let id = person.trim_start_matches("Patient/").to_owned();
                if let Some(versions) = store.kept.get(&("Patient".to_owned(), id)) {
                    entries.extend(versions.last().map(|r| entry(r, "include")));
                }
            }
        }
        let query = |page: usize| {
            let kept = asked.query.iter().filter(|(name, _)| name != "page");
            let mut parts: Vec<String> =
                kept.map(|(k, v)| format!("{k}={}", v.replace('|', "%7C"))).collect();
            if page > 0 {
                parts.push(format!("page={page}"));
            }
            format!("{base}/{kind}?{}", parts.join("&"))
        };
        let mut links = Vec::new();
        if !self.bad("search-without-self") {
            links.push(json!({"relation": "self", "url": query(page)}));
        }
        if (page + 1) * size < total {
            links.push(json!({"relation": "next", "url": query(page + 1)}));
        }
        let mut bundle = json!({
            "resourceType": "Bundle",
            "type": if self.bad("search-is-collection") { "collection" } else { "searchset" },
            "total": if self.bad("search-total-wrong") { total + 1 } else { total },
            "link": links,
        });
        if bundle["link"] == json!([]) {
            bundle.as_object_mut().expect("an object").shift_remove("link");
        }
        if !entries.is_empty() {
            bundle["entry"] = Value::Array(entries);
        }
        if self.bad("search-is-collection") {
            bundle.as_object_mut().expect("an object").shift_remove("total");
        }
        Answer::fhir(200, &bundle)
    }

    fn body(&self, asked: &Asked, kind: &str) -> Result<Value, Box<Answer>> {
        let Some(resource) = asked.json() else {
            let status = if self.bad("error-is-500") { 500 } else { 400 };
            return Err(Box::new(self.fhir_error(status, "structure", "the body is no JSON")));
        };
        if resource["resourceType"] != kind {
            return Err(Box::new(self.fhir_error(400, "invalid", "the body is of another type")));
        }
        Ok(resource)
    }

    fn create(&self, asked: &Asked, kind: &str) -> Answer {
        if !TYPES.iter().any(|(name, _)| *name == kind) {
            return self.fhir_error(404, "not-supported", "there is no such type");
        }
        let mut resource = match self.body(asked, kind) {
            Ok(resource) => resource,
            Err(refusal) => return *refusal,
        };
        let mut store = lock(&self.fhir);
        let id = store.new_id();
        resource["id"] = json!(id);
        if self.bad("create-loses") {
            resource.as_object_mut().expect("an object").shift_remove("telecom");
        }
        if self.bad("create-rounds") && resource["valueQuantity"]["value"].is_number() {
            let value = resource["valueQuantity"]["value"].to_string();
            resource["valueQuantity"]["value"] =
                serde_json::from_str(value.trim_end_matches('0').trim_end_matches('.')).expect("a number");
        }
        let kept = store.put(resource);
        let base = lock(&self.base).clone();
        let answer = Answer::fhir(201, &kept).with("etag", "W/\"1\"");
        if self.bad("create-without-location") {
            return answer;
        }
        answer.with("location", format!("{base}/{kind}/{id}/_history/1"))
    }

    fn update(&self, asked: &Asked, kind: &str, id: &str) -> Answer {
        let resource = match self.body(asked, kind) {
            Ok(resource) => resource,
            Err(refusal) => return *refusal,
        };
        if resource["id"] != id {
            return self.fhir_error(400, "invalid", "the body is of another id");
        }
        let mut store = lock(&self.fhir);
        let now = store.kept.get(&(kind.to_owned(), id.to_owned())).map_or(0, Vec::len);
        let wanted = asked.header("if-match");
        if !wanted.is_empty() && wanted != format!("W/\"{now}\"") && !self.bad("lost-update") {
            return self.fhir_error(412, "conflict", "the resource has changed");
        }
        let kept = store.put(resource);
        let version = kept["meta"]["versionId"].as_str().unwrap_or_default().to_owned();
        Answer::fhir(if now == 0 { 201 } else { 200 }, &kept).with("etag", format!("W/\"{version}\""))
    }

    /// A transaction, all of it or nothing; the place of the faults of a transfer.
    fn transaction(&self, asked: &Asked) -> Answer {
        let Some(bundle) = asked.json() else {
            let status = if self.bad("error-is-500") { 500 } else { 400 };
            return self.fhir_error(status, "structure", "the body is no JSON");
        };
        if bundle["resourceType"] != "Bundle" || bundle["type"] != "transaction" {
            return self.fhir_error(400, "invalid", "only a transaction is taken here");
        }
        let mut store = lock(&self.fhir);
        let mut places = BTreeMap::new();
        let mut resources = Vec::new();
        for entry in bundle["entry"].as_array().into_iter().flatten() {
            let mut resource = entry["resource"].clone();
            let kind = resource["resourceType"].as_str().unwrap_or_default().to_owned();
            let url = entry["request"]["url"].as_str().unwrap_or_default();
            let id = match entry["request"]["method"].as_str() {
                Some("PUT") => url.rsplit('/').next().unwrap_or_default().to_owned(),
                _ => store.new_id(),
            };
            resource["id"] = json!(id);
            if let Some(full) = entry["fullUrl"].as_str() {
                places.insert(full.to_owned(), format!("{kind}/{id}"));
            }
            resources.push(resource);
        }
        let (mut answers, mut reply) = (Vec::new(), Vec::new());
        for resource in resources {
            let mut text = resource.to_string();
            for (full, place) in &places {
                text = text.replace(&format!("\"{full}\""), &format!("\"{place}\""));
            }
            let resource: Value = serde_json::from_str(&text).expect("JSON");
            let place = format!(
                "{}/{}",
                resource["resourceType"].as_str().unwrap_or_default(),
                resource["id"].as_str().unwrap_or_default()
            );
            for resource in self.transferred(resource, &mut store) {
                reply.push(json!({"resource": resource}));
                store.put(resource);
            }
            answers.push(
                json!({"response": {"status": "201 Created", "location": format!("{place}/_history/1")}}),
            );
        }
        // What was kept also goes to a mailbox, as an exchange passes a record on.
        self.post_reply(&json!({"resourceType": "Bundle", "type": "collection", "entry": reply}));
        Answer::fhir(
            200,
            &json!({"resourceType": "Bundle", "type": "transaction-response", "entry": answers}),
        )
    }

    fn transferred(&self, mut resource: Value, store: &mut Store) -> Vec<Value> {
        let kind = resource["resourceType"].as_str().unwrap_or_default().to_owned();
        let cut = |value: &mut Value| {
            if let Some(text) = value.as_str().and_then(|t| t.get(..10)).map(str::to_owned) {
                *value = json!(text);
            }
        };
        match kind.as_str() {
            "AllergyIntolerance" if self.bad("transfer-loses-allergy") => return Vec::new(),
            "CarePlan" if self.bad("transfer-loses-care-plan") => return Vec::new(),
            "MedicationRequest" | "MedicationStatement" if self.bad("transfer-changes-dose") => {
                let list = if kind == "MedicationRequest" { "dosageInstruction" } else { "dosage" };
                for dosage in resource[list].as_array_mut().into_iter().flatten() {
                    dosage["text"] = json!("two in the morning");
                }
            }
            "Observation" if self.bad("transfer-cuts-time") => cut(&mut resource["effectiveDateTime"]),
            "Observation" if self.bad("transfer-unit") => {
                if let Some(quantity) = resource["valueQuantity"].as_object_mut() {
                    for key in ["unit", "code", "system"] {
                        quantity.shift_remove(key);
                    }
                }
            }
            "Observation" if self.bad("transfer-other-person") => {
                resource["subject"] = json!({"reference": "Patient/3"});
            }
            "Condition" => {
                if self.bad("transfer-loses-words") {
                    resource["code"].as_object_mut().expect("an object").shift_remove("text");
                }
                if self.bad("transfer-turns-status") && resource["verificationStatus"].is_object() {
                    resource.as_object_mut().expect("an object").shift_remove("verificationStatus");
                    resource["clinicalStatus"] = json!({"coding": [{"system": "http://terminology.hl7.org/CodeSystem/condition-clinical", "code": "active"}]});
                }
                if self.bad("transfer-doubles") {
                    let mut second = resource.clone();
                    second["id"] = json!(store.new_id());
                    return vec![resource, second];
                }
                if self.bad("transfer-invents") {
                    let mut second = resource.clone();
                    second["id"] = json!(store.new_id());
                    second["code"] = json!({"text": "Dementia"});
                    return vec![resource, second];
                }
            }
            _ => {}
        }
        vec![resource]
    }
}
