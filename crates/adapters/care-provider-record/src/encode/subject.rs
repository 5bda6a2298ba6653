//! The person, the provider and the record itself, read back.

use causeway_adapter::Context;
use causeway_core::{CqcLocationId, OdsCode};
use causeway_fhir::systems;
use causeway_fhir::types::ukcore_extension;
use serde_json::{Map, Value, json};

use super::taken::Taken;
use super::{Reader, read};
use crate::bind::SECTION;
use crate::sections::people::{ETHNICITY, GENDER};
use crate::sections::whole::RECORD_CODE;
use crate::subject::{GENDER_IDENTITY, INTERPRETER, SENSITIVE};

/// Id, version and date of the record: from our own Basic, or from the bundle.
pub fn record(reader: &mut Reader<'_>, bundle: &Value, record: &mut Map<String, Value>) {
    let basic = reader
        .resources
        .iter()
        .position(|r| r.kind == "Basic" && read::marker(r.value) == Some(RECORD_CODE.code));
    if let Some(at) = basic {
        read::versioned(reader, at, record);
        if let Some(resource) = reader.resources.get_mut(at) {
            for own in ["code", "subject", "author"] {
                resource.take(own);
            }
            if let Some(created) = resource.text("created") {
                record.insert("recordedAt".to_owned(), json!(created));
            }
        }
    }
    let id = bundle["identifier"]["value"].as_str().or(bundle["id"].as_str()).unwrap_or("record");
    record.entry("recordUid").or_insert_with(|| json!(id));
    record.entry("version").or_insert_with(|| json!(1));
}

/// Whose record it is: the organisation that manages the person's record, or else the sender.
pub fn provider(reader: &mut Reader<'_>, context: &Context, record: &mut Map<String, Value>) {
    let managing = reader
        .first("Patient")
        .and_then(|at| reader.resources.get(at))
        .and_then(|patient| reader.target(&patient.value["managingOrganization"]));
    let author = reader.resources.iter().position(|r| {
        r.kind == "Organization" && r.value["identifier"][0]["system"] == systems::CQC_LOCATION
    });
    let mut provider = Map::new();
    if let Some(at) = managing.or(author)
        && let Some(resource) = reader.resources.get_mut(at)
    {
        resource.placed = true;
        let count = resource.value["identifier"].as_array().map_or(0, Vec::len);
        for index in 0..count {
            let system = resource.value["identifier"][index]["system"].as_str();
            let name = match system {
                Some(systems::CQC_LOCATION) => "cqcLocationId",
                Some(systems::ODS_ORGANISATION) => "odsCode",
                _ => continue,
            };
            if let Some(code) = resource.text(&format!("identifier[{index}].value")) {
                resource.take(format!("identifier[{index}].system"));
                provider.entry(name).or_insert_with(|| json!(code));
            }
        }
        if let Some(name) = resource.text("name") {
            provider.insert("name".to_owned(), json!(name));
        }
        if let Some(phone) = resource.text("telecom[system=phone].value") {
            resource.take("telecom[0].system");
            provider.insert("telephone".to_owned(), json!(phone));
        }
    }
    if !provider.contains_key("cqcLocationId") && !provider.contains_key("odsCode") {
        let code = &context.sender.code;
        let name = if CqcLocationId::parse(code).is_some() { "cqcLocationId" } else { "odsCode" };
        if name == "cqcLocationId" || OdsCode::parse(code).is_some() {
            provider.insert(name.to_owned(), json!(code));
        }
        if !context.sender.name.is_empty() {
            provider.entry("name").or_insert_with(|| json!(context.sender.name));
        }
    }
    record.insert("provider".to_owned(), Value::Object(provider));
}

/// The name of a practitioner or other person as one text.
pub fn human_name(resource: &mut Taken<'_>) -> Option<String> {
    if let Some(text) = resource.text("name[].text") {
        return Some(text);
    }
    let name = resource.value["name"].get(0)?;
    let list = |key: &str| {
        name[key].as_array().into_iter().flatten().filter_map(Value::as_str).collect::<Vec<_>>().join(" ")
    };
    let parts =
        [list("prefix"), list("given"), name["family"].as_str().unwrap_or("").to_owned(), list("suffix")];
    let text = parts.into_iter().filter(|p| !p.is_empty()).collect::<Vec<_>>().join(" ");
    resource.take("name[0]");
    (!text.is_empty()).then_some(text)
}

/// The person.
pub fn patient(reader: &mut Reader<'_>, at: usize) -> Map<String, Value> {
    let mut person = Map::new();
    sensitive(reader, &mut person);
    practice(reader, at, &mut person);
    let religion = extension(reader, at, &ukcore_extension("ReligiousAffiliation")).and_then(|path| {
        read::concept(reader, at, &format!("{path}.valueCodeableConcept")).map(|c| (path, c))
    });
    let Some(resource) = reader.resources.get_mut(at) else { return person };
    resource.placed = true;
    if let Some((path, coded)) = religion {
        resource.take(format!("{path}.url"));
        person.insert("religion".to_owned(), coded);
    }
    identifiers(resource, &mut person);
    names(resource, &mut person);
    extensions(resource, &mut person);
    telecom(resource, &mut person);
    address(resource, &mut person);
    let gender = resource.value["gender"].as_str();
    if let Some((code, _)) = GENDER.iter().find(|(_, fhir)| Some(*fhir) == gender) {
        resource.take("gender");
        person.insert("gender".to_owned(), json!(code));
    }
    for (element, name) in [("birthDate", "dateOfBirth"), ("deceasedDateTime", "dateOfDeath")] {
        if let Some(date) = resource.text(element) {
            person.insert(name.to_owned(), json!(date));
        }
    }
    if resource.value["deceasedBoolean"] == json!(false) {
        resource.take("deceasedBoolean");
    }
    if resource.value["communication"][0]["language"]["coding"][0]["system"] == systems::BCP_47
        && let Some(code) = resource.text("communication[].language.coding[].code")
    {
        for part in ["language.coding[0].system", "language.coding[0].display", "preferred"] {
            resource.take(format!("communication[0].{part}"));
        }
        person.insert("firstLanguage".to_owned(), json!(code));
    }
    person
}

/// Sensitive statements are Observations of ours.
fn sensitive(reader: &mut Reader<'_>, person: &mut Map<String, Value>) {
    for resource in &mut reader.resources {
        let Some((name, _)) = SENSITIVE.iter().find(|(_, code)| {
            resource.kind == "Observation" && read::marker(resource.value) == Some(code.code)
        }) else {
            continue;
        };
        if let Some(text) = resource.text("valueString") {
            resource.placed = true;
            for own in ["status", "code", "subject"] {
                resource.take(own);
            }
            person.insert((*name).to_owned(), json!(text));
        }
    }
}

fn identifiers(resource: &mut Taken<'_>, person: &mut Map<String, Value>) {
    let mut others = Vec::new();
    let list = resource.value["identifier"].as_array().map(Vec::as_slice).unwrap_or_default();
    for (index, identifier) in list.iter().enumerate() {
        let Some(value) = identifier["value"].as_str() else { continue };
        let path = format!("identifier[{index}]");
        match identifier["system"].as_str() {
            Some(systems::NHS_NUMBER) if !person.contains_key("nhsNumber") => {
                person.insert("nhsNumber".to_owned(), json!(value));
                resource.take(format!("{path}.system"));
                resource.take(format!("{path}.value"));
                // This format never says more than "present, not traced".
                if identifier["extension"][0]["valueCodeableConcept"]["coding"][0]["code"] == "02" {
                    resource.take(format!("{path}.extension[0]"));
                }
            }
            Some(system) => {
                let own = system.starts_with(&format!("{}/Id/local/", systems::CAUSEWAY))
                    && system.ends_with("/person");
                others.push(if own {
                    json!({"value": value})
                } else {
                    json!({"system": system, "value": value})
                });
                resource.take(format!("{path}.system"));
                resource.take(format!("{path}.value"));
            }
            None => {}
        }
    }
    if !others.is_empty() {
        person.insert("localIdentifiers".to_owned(), Value::Array(others));
    }
}

fn names(resource: &mut Taken<'_>, person: &mut Map<String, Value>) {
    let list = resource.value["name"].as_array().map(Vec::as_slice).unwrap_or_default();
    let of =
        |usage: &str| list.iter().position(|n| n["use"].as_str() == Some(usage) && !n["family"].is_null());
    let official =
        of("official").or_else(|| of("usual")).or_else(|| list.iter().position(|n| !n["family"].is_null()));
    if let Some(index) = official {
        let path = format!("name[{index}]");
        if let Some(family) = resource.text(&format!("{path}.family")) {
            person.insert("familyName".to_owned(), json!(family));
        }
        let given: Vec<&str> = list
            .get(index)
            .and_then(|n| n["given"].as_array())
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .collect();
        resource.take(format!("{path}.given"));
        if let Some((first, middle)) = given.split_first() {
            person.insert("givenName".to_owned(), json!(first));
            if !middle.is_empty() {
                person.insert("middleNames".to_owned(), json!(middle));
            }
        }
        for (key, name) in [("prefix", "title"), ("suffix", "suffix")] {
            if let Some(text) = resource.text(&format!("{path}.{key}[0]")) {
                person.insert(name.to_owned(), json!(text));
            }
        }
        if matches!(list.get(index).and_then(|n| n["use"].as_str()), Some("official" | "usual")) {
            resource.take(format!("{path}.use"));
        }
    }
    if let Some(index) = list.iter().position(|n| n["use"].as_str() == Some("usual") && n["family"].is_null())
        && let Some(text) = resource.text(&format!("name[{index}].text"))
    {
        resource.take(format!("name[{index}].use"));
        person.insert("preferredName".to_owned(), json!(text));
    }
}

fn extension(reader: &Reader<'_>, at: usize, url: &str) -> Option<String> {
    let list = reader.resources.get(at)?.value["extension"].as_array()?;
    list.iter().position(|e| e["url"].as_str() == Some(url)).map(|index| format!("extension[{index}]"))
}

fn extensions(resource: &mut Taken<'_>, person: &mut Map<String, Value>) {
    let list = resource.value["extension"].as_array().map(Vec::as_slice).unwrap_or_default();
    for (index, extension) in list.iter().enumerate() {
        let url = extension["url"].as_str().unwrap_or("");
        let coding = &extension["valueCodeableConcept"]["coding"][0];
        if url == ukcore_extension("EthnicCategory")
            && coding["system"] == ETHNICITY.system
            && let Some(code) = coding["code"].as_str()
        {
            person.insert("ethnicity".to_owned(), json!(code));
        } else if url == GENDER_IDENTITY
            && let Some(words) =
                extension["valueCodeableConcept"]["text"].as_str().or(coding["display"].as_str())
        {
            person.insert("genderIdentity".to_owned(), json!(words));
        } else if url == INTERPRETER && extension["valueBoolean"].is_boolean() {
            person.insert("interpreterRequired".to_owned(), extension["valueBoolean"].clone());
        } else {
            continue;
        }
        resource.take(format!("extension[{index}]"));
    }
}

fn telecom(resource: &mut Taken<'_>, person: &mut Map<String, Value>) {
    let list = resource.value["telecom"].as_array().map(Vec::as_slice).unwrap_or_default();
    let (mut phones, mut emails) = (Vec::new(), Vec::new());
    for (index, point) in list.iter().enumerate() {
        let Some(value) = point["value"].as_str() else { continue };
        let (into, key) = match point["system"].as_str() {
            Some("phone" | "sms") => (&mut phones, "number"),
            Some("email") => (&mut emails, "address"),
            _ => continue,
        };
        let mut one = json!({key: value});
        if let Some(usage) = point["use"].as_str() {
            one["use"] = json!(usage);
        }
        into.push(one);
        for part in ["system", "value", "use"] {
            resource.take(format!("telecom[{index}].{part}"));
        }
    }
    for (name, list) in [("telephones", phones), ("emails", emails)] {
        if !list.is_empty() {
            person.insert(name.to_owned(), Value::Array(list));
        }
    }
}

fn address(resource: &mut Taken<'_>, person: &mut Map<String, Value>) {
    let list = resource.value["address"].as_array().map(Vec::as_slice).unwrap_or_default();
    let index = list.iter().position(|a| a["use"].as_str() == Some("home")).unwrap_or(0);
    let Some(found) = list.get(index) else { return };
    let mut lines: Vec<(String, &str)> = Vec::new();
    for (n, line) in found["line"].as_array().into_iter().flatten().enumerate() {
        if let Some(line) = line.as_str() {
            lines.push((format!("line[{n}]"), line));
        }
    }
    for part in ["city", "district"] {
        if let Some(text) = found[part].as_str() {
            lines.push((part.to_owned(), text));
        }
    }
    let mut address = Map::new();
    for (slot, (path, line)) in ["line1", "line2", "line3", "line4", "line5"].iter().zip(&lines) {
        address.insert((*slot).to_owned(), json!(line));
        resource.take(format!("address[{index}].{path}"));
    }
    if let Some(postcode) = resource.text(&format!("address[{index}].postalCode")) {
        address.insert("postcode".to_owned(), json!(postcode));
    }
    if found["use"].as_str() == Some("home") {
        resource.take(format!("address[{index}].use"));
    }
    person.insert("address".to_owned(), Value::Object(address));
}

fn practice(reader: &mut Reader<'_>, at: usize, person: &mut Map<String, Value>) {
    let Some(patient) = reader.resources.get(at) else { return };
    let list = patient.value["generalPractitioner"].as_array().map(Vec::as_slice).unwrap_or_default();
    for (index, reference) in list.iter().enumerate() {
        let target = reader.target(reference);
        let kind =
            target.and_then(|t| reader.resources.get(t)).map(|r| r.kind).or(reference["type"].as_str());
        let words = reader.words(reference);
        let path = format!("generalPractitioner[{index}]");
        let mut read = Vec::new();
        if kind == Some("Organization") && !person.contains_key("gpPracticeCode") {
            let code = reference["identifier"]["value"].as_str().map(str::to_owned).or_else(|| {
                let organisation = reader.resources.get_mut(target?)?;
                organisation.placed = true;
                let code = organisation.text("identifier[].value");
                organisation.take("identifier[0].system");
                code
            });
            if let Some(code) = code {
                person.insert("gpPracticeCode".to_owned(), json!(code));
                read.push("identifier");
            }
            if let Some(words) = words {
                person.insert("gpPracticeName".to_owned(), json!(words));
            }
        } else if kind == Some("Practitioner")
            && let Some(words) = words
        {
            person.insert("gpName".to_owned(), json!(words));
        } else {
            continue;
        }
        read.extend(["display", "type", "reference"]);
        if let Some(resource) = reader.resources.get_mut(at) {
            read.iter().for_each(|part| resource.take(format!("{path}.{part}")));
        }
    }
    read::own_subject(reader, at, "managingOrganization", usize::MAX);
    if let Some(resource) = reader.resources.get_mut(at) {
        resource.take("managingOrganization");
        debug_assert!(SECTION.starts_with(systems::CAUSEWAY));
    }
}
