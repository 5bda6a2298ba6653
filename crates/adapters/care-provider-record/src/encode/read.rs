//! Reads a resource as its section's table says.

use causeway_fhir::systems::{self, UCUM};
use serde_json::{Map, Value, json};

use super::Reader;
use crate::bind::{Bind, DETAIL, IDENTIFIER, Kind, NOTE_KIND, RECORD_VERSION, SECTION, Section};

/// Puts a value at a path of names.
pub fn put(item: &mut Map<String, Value>, path: &str, value: Value) {
    match path.split_once('.') {
        None => {
            item.insert(path.to_owned(), value);
        }
        Some((name, rest)) => {
            let inner = item.entry(name.to_owned()).or_insert_with(|| json!({}));
            if let Value::Object(inner) = inner {
                put(inner, rest, value);
            }
        }
    }
}

/// Adds a value to the list at a path, or puts it where the member is no list.
fn add(item: &mut Map<String, Value>, path: &str, value: Value, list: bool) {
    if !list {
        put(item, path, value);
        return;
    }
    match item.get_mut(path) {
        Some(Value::Array(all)) => all.push(value),
        _ => put(item, path, json!([value])),
    }
}

/// Reads the item of a resource.
pub fn item(reader: &mut Reader<'_>, at: usize, section: &Section, patient: usize) -> Map<String, Value> {
    let mut item = Map::new();
    if let Some(resource) = reader.resources.get_mut(at) {
        resource.placed = true;
    }
    versioned(reader, at, &mut item);
    if !section.subject.is_empty() {
        own_subject(reader, at, section.subject, patient);
    }
    for bind in section.binds {
        member(reader, at, bind, section, &mut item);
    }
    extensions(reader, at, section, &mut item);
    notes(reader, at, section, &mut item);
    item
}

/// Record id and version (MODS versioned record). An identifier of another sender is the id where there is no other.
pub fn versioned(reader: &mut Reader<'_>, at: usize, item: &mut Map<String, Value>) {
    let Some(resource) = reader.resources.get_mut(at) else { return };
    let single = resource.value["identifier"].is_object();
    let count = if single { 1 } else { resource.value["identifier"].as_array().map_or(0, Vec::len) };
    let path = |index: usize| if single { "identifier".to_owned() } else { format!("identifier[{index}]") };
    let ours = (0..count).find(|index| {
        resource.at(&format!("{}.system", path(*index))).is_some_and(|(system, _)| {
            system.as_str().is_some_and(|s| {
                s.starts_with(&format!("{}/Id/local/", systems::CAUSEWAY))
                    && s.ends_with(&format!("/{IDENTIFIER}"))
            })
        })
    });
    if let Some(index) = ours
        && let Some(uid) = resource.text(&format!("{}.value", path(index)))
    {
        resource.take(format!("{}.system", path(index)));
        item.insert("recordUid".to_owned(), json!(uid));
    }
    let extensions = resource.value["extension"].as_array().map_or(0, Vec::len);
    for index in 0..extensions {
        let url = format!("extension[{index}].url");
        if resource.at(&url).is_some_and(|(u, _)| u.as_str() == Some(RECORD_VERSION))
            && let Some((version, _)) = resource.at(&format!("extension[{index}].valuePositiveInt"))
        {
            item.insert("version".to_owned(), version.clone());
            resource.take(format!("extension[{index}]"));
        }
    }
}

/// A reference to the bundle's own person says nothing that the record does not say by being one person's.
pub fn own_subject(reader: &mut Reader<'_>, at: usize, element: &str, patient: usize) {
    let Some(value) = reader.resources.get(at).map(|r| &r.value[element]) else { return };
    if reader.target(value) == Some(patient)
        && let Some(resource) = reader.resources.get_mut(at)
    {
        resource.take(element);
    }
}

fn member(reader: &mut Reader<'_>, at: usize, bind: &Bind, section: &Section, item: &mut Map<String, Value>) {
    let Some(resource) = reader.resources.get_mut(at) else { return };
    match bind.kind {
        Kind::Note | Kind::Detail | Kind::DetailDate | Kind::Extension(..) | Kind::FixedExtension(..) => {}
        Kind::UnitCode => {
            resource.expect(&bind.to.replace(".code", ".system"), UCUM);
            if let Some(text) = resource.text(bind.to) {
                put(item, bind.from, json!(text));
            }
        }
        Kind::Text | Kind::Date | Kind::DateTime => {
            let selector =
                bind.to.rsplit_once('.').filter(|(head, _)| head.ends_with(']') && head.contains('='));
            if let Some(text) = resource.text(bind.to) {
                if let Some((head, _)) = selector
                    && let Some((_, plain)) = resource.at(head)
                    && let Some((key, _)) = head.rsplit_once('[').and_then(|(_, s)| s.split_once('='))
                {
                    resource.take(format!("{plain}.{key}"));
                }
                put(item, bind.from, json!(text));
            }
        }
        Kind::Number => {
            if let Some((value, plain)) = resource.at(bind.to)
                && value.is_number()
            {
                resource.take(plain);
                put(item, bind.from, value.clone());
            }
        }
        Kind::CodeOr(other) => {
            if let Some(code) = resource.text(bind.to).filter(|code| code != other) {
                put(item, bind.from, json!(code));
            }
        }
        Kind::Fixed(text) | Kind::FixedIf(text) => {
            resource.expect(bind.to, text);
        }
        Kind::FixedCode(coding) => {
            fixed(reader, at, bind.to, coding.system, coding.code);
        }
        Kind::ConceptOr(coding) => {
            if !fixed(reader, at, bind.to, coding.system, coding.code)
                && let Some(coded) = concept(reader, at, bind.to)
            {
                put(item, bind.from, coded);
            }
        }
        Kind::Concept => {
            if let Some(coded) = concept(reader, at, bind.to) {
                put(item, bind.from, coded);
            }
        }
        Kind::Concepts => {
            let count = resource.value[bind.to].as_array().map_or(0, Vec::len);
            let all: Vec<Value> =
                (0..count).filter_map(|n| concept(reader, at, &format!("{}[{n}]", bind.to))).collect();
            if !all.is_empty() {
                put(item, bind.from, Value::Array(all));
            }
        }
        Kind::ConceptText => {
            let text = resource
                .text(&format!("{}.text", bind.to))
                .or_else(|| resource.text(&format!("{}.coding[].display", bind.to)));
            if let Some(text) = text {
                put(item, bind.from, json!(text));
            }
        }
        Kind::Listed(codes) => {
            let path = format!("{}.coding[].code", bind.to);
            if resource.at(&path).is_some_and(|(c, _)| c.as_str().is_some_and(|c| codes.display(c).is_some()))
                && let Some(code) = resource.text(&path)
            {
                resource.expect(&format!("{}.coding[].system", bind.to), codes.system);
                if let Some((_, plain)) = resource.at(&format!("{}.coding[].display", bind.to)) {
                    resource.take(plain);
                }
                put(item, bind.from, json!(code));
            }
        }
        Kind::System(system) => {
            if resource.expect(&format!("{}.coding[].system", bind.to), system)
                && let Some(code) = resource.text(&format!("{}.coding[].code", bind.to))
            {
                if let Some((_, plain)) = resource.at(&format!("{}.coding[].display", bind.to)) {
                    resource.take(plain);
                }
                put(item, bind.from, json!(code));
            }
        }
        Kind::Display => display(reader, at, bind, item),
        Kind::Displays => {
            let count = resource.value[bind.to].as_array().map_or(0, Vec::len);
            let words: Vec<Value> = (0..count)
                .filter_map(|n| resource.text(&format!("{}[{n}].display", bind.to)))
                .map(Value::from)
                .collect();
            if !words.is_empty() {
                put(item, bind.from, Value::Array(words));
            }
        }
    }
    let _ = section;
}

/// The words of a reference: what it points to is named in the record and not carried as a thing of its own.
fn display(reader: &mut Reader<'_>, at: usize, bind: &Bind, item: &mut Map<String, Value>) {
    let Some((reference, plain)) = reader.resources.get(at).and_then(|r| r.at(bind.to)) else { return };
    let Some(words) = reader.words(reference) else { return };
    let known = reader.target(reference).is_some() || reference["reference"].is_null();
    if let Some(resource) = reader.resources.get_mut(at) {
        resource.take(format!("{plain}.display"));
        if known {
            resource.take(format!("{plain}.reference"));
            resource.take(format!("{plain}.type"));
        }
    }
    put(item, bind.from, json!(words));
}

/// Whether a concept is this coding, read if so.
fn fixed(reader: &mut Reader<'_>, at: usize, to: &str, system: &str, code: &str) -> bool {
    let Some(resource) = reader.resources.get_mut(at) else { return false };
    let is = |part: &str, wanted: &str| {
        resource.at(&format!("{to}.coding[].{part}")).is_some_and(|(v, _)| v.as_str() == Some(wanted))
    };
    if !is("system", system) || !is("code", code) {
        return false;
    }
    for part in ["system", "code", "display"] {
        if let Some((_, plain)) = resource.at(&format!("{to}.coding[].{part}")) {
            resource.take(plain);
        }
    }
    true
}

/// A CodeableConcept as coded value: of several codings the one of SNOMED CT, else the first.
pub fn concept(reader: &mut Reader<'_>, at: usize, to: &str) -> Option<Value> {
    let resource = reader.resources.get_mut(at)?;
    let (value, plain) = resource.at(to)?;
    let mut coded = Map::new();
    let codings = value["coding"].as_array();
    let index = codings
        .map_or(0, |all| all.iter().position(|c| c["system"].as_str() == Some(systems::SNOMED)).unwrap_or(0));
    if let Some(coding) = codings.and_then(|all| all.get(index))
        && coding["code"].is_string()
    {
        for (part, name) in [("system", "system"), ("code", "code"), ("display", "display")] {
            if let Some(text) = coding[part].as_str() {
                resource.take(format!("{plain}.coding[{index}].{part}"));
                if text != systems::SNOMED {
                    coded.insert(name.to_owned(), json!(text));
                }
            }
        }
        // Every system but SNOMED CT's must be named: none at all would be taken for it.
        if !coding["system"].is_string() {
            coded.clear();
            if let Some(words) = coding["display"].as_str().or(coding["code"].as_str()) {
                coded.insert("text".to_owned(), json!(words));
            }
        }
    }
    if let Some(text) = value["text"].as_str() {
        resource.take(format!("{plain}.text"));
        coded.insert("text".to_owned(), json!(text));
    }
    (!coded.is_empty()).then_some(Value::Object(coded))
}

fn is_list(section: &Section, from: &str) -> bool {
    use causeway_json::shape::Shape;
    let mut fields = section.shape.fields;
    let mut names = from.split('.').peekable();
    while let Some(name) = names.next() {
        let Some(field) = fields.iter().find(|field| field.name == name) else { return false };
        match field.shape {
            Shape::List { .. } => return names.peek().is_none(),
            Shape::Object(object) => fields = object.fields,
            _ => return false,
        }
    }
    false
}

/// Details and other extensions that the table knows.
fn extensions(reader: &mut Reader<'_>, at: usize, section: &Section, item: &mut Map<String, Value>) {
    let count = reader.resources.get(at).map_or(0, |r| r.value["extension"].as_array().map_or(0, Vec::len));
    for index in 0..count {
        let path = format!("extension[{index}]");
        let Some((value, _)) = reader.resources.get(at).and_then(|r| r.at(&path)) else { continue };
        let url = value["url"].as_str().unwrap_or("");
        if url == DETAIL {
            detail(reader, at, &path, section, item);
            continue;
        }
        for bind in section.binds {
            match bind.kind {
                Kind::Extension(own, codes) if own == url => {
                    let coding = &value["valueCodeableConcept"]["coding"][0];
                    if let Some(code) = coding["code"].as_str().filter(|c| codes.display(c).is_some()) {
                        add(item, bind.from, json!(code), true);
                        take(reader, at, &path);
                    }
                }
                Kind::FixedExtension(own, coding)
                    if own == url
                        && value["valueCodeableConcept"]["coding"][0]["code"].as_str()
                            == Some(coding.code) =>
                {
                    take(reader, at, &path);
                }
                _ => {}
            }
        }
    }
}

fn take(reader: &mut Reader<'_>, at: usize, path: &str) {
    if let Some(resource) = reader.resources.get_mut(at) {
        resource.take(path);
    }
}

fn detail(reader: &mut Reader<'_>, at: usize, path: &str, section: &Section, item: &mut Map<String, Value>) {
    let Some((value, _)) = reader.resources.get(at).and_then(|r| r.at(path)) else { return };
    let parts = value["extension"].as_array();
    let part = |name: &str| parts.and_then(|all| all.iter().find(|e| e["url"].as_str() == Some(name)));
    let Some(name) = part("name").and_then(|e| e["valueCode"].as_str()) else { return };
    let known =
        section.binds.iter().any(|b| b.from == name && matches!(b.kind, Kind::Detail | Kind::DetailDate));
    let Some(inner) = part("value").filter(|_| known) else { return };
    let index =
        parts.and_then(|all| all.iter().position(|e| e["url"].as_str() == Some("value"))).unwrap_or(0);
    let list = is_list(section, name);
    if inner["valueCodeableConcept"].is_object() {
        if let Some(coded) = concept(reader, at, &format!("{path}.extension[{index}].valueCodeableConcept")) {
            add(item, name, coded, list);
            take(reader, at, path);
        }
        return;
    }
    for kind in ["valueString", "valueBoolean", "valueDecimal", "valueDateTime"] {
        if !inner[kind].is_null() {
            add(item, name, inner[kind].clone(), list);
            take(reader, at, path);
        }
    }
}

/// Notes by kind; a note without a kind is a comment where the section has one.
fn notes(reader: &mut Reader<'_>, at: usize, section: &Section, item: &mut Map<String, Value>) {
    let count = reader.resources.get(at).map_or(0, |r| r.value["note"].as_array().map_or(0, Vec::len));
    for index in 0..count {
        let Some((note, _)) = reader.resources.get(at).and_then(|r| r.at(&format!("note[{index}]"))) else {
            continue;
        };
        let Some(text) = note["text"].as_str() else { continue };
        let kind = note["extension"]
            .as_array()
            .into_iter()
            .flatten()
            .find(|e| e["url"].as_str() == Some(NOTE_KIND))
            .and_then(|e| e["valueCode"].as_str());
        let name = kind.unwrap_or("comment");
        if !section.binds.iter().any(|b| b.from == name && matches!(b.kind, Kind::Note)) {
            continue;
        }
        let list = is_list(section, name);
        if !list && item.contains_key(name) {
            continue;
        }
        add(item, name, json!(text), list);
        take(reader, at, &format!("note[{index}].text"));
        if kind.is_some() {
            take(reader, at, &format!("note[{index}].extension[0]"));
        }
    }
}

/// The code of [`SECTION`] that a resource carries, in its category, code or relationship.
pub fn marker(value: &Value) -> Option<&str> {
    ["category", "code", "relationship"]
        .iter()
        .flat_map(|element| match &value[*element] {
            Value::Array(all) => all.iter().collect(),
            one => vec![one],
        })
        .flat_map(|concept| concept["coding"].as_array().into_iter().flatten())
        .find(|coding| coding["system"].as_str() == Some(SECTION))
        .and_then(|coding| coding["code"].as_str())
}
