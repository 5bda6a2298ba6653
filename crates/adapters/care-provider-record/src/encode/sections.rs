//! The sections, read back.

use serde_json::{Map, Value, json};

use super::{Reader, read};
use crate::about_me::{HEADINGS, QUESTIONNAIRE};
use crate::bind::Section;
use crate::compose::PERTAINS_TO_GOAL;
use crate::sections::{LISTS, documents, legal, notes, people, plans};

/// Every section.
pub fn all(reader: &mut Reader<'_>, record: &mut Map<String, Value>, patient: usize) {
    about_me(reader, record, patient);
    boxes(reader, record);
    plan(reader, record, patient);
    contingencies(reader, record, patient);
    for at in of_kind(reader, "CarePlan") {
        let mut item = read::item(reader, at, &plans::ADDITIONALS, patient);
        review(reader, at, &mut item, patient);
        push(record, "additionalPlans", item);
    }
    for at in of_kind(reader, "PractitionerRole") {
        let item = professional(reader, at, patient);
        push(record, "professionalContacts", item);
    }
    documents(reader, record, patient);
    let more: [&'static Section; 4] =
        [&notes::REQUIREMENTS, &notes::ADJUSTMENTS, &notes::INCIDENTS, &notes::HARM_INCIDENTS];
    let lists: Vec<&'static Section> = LISTS.into_iter().chain(more).collect();
    for at in 0..reader.resources.len() {
        let Some(section) = section_of(reader, at, &lists) else { continue };
        let mut item = read::item(reader, at, section, patient);
        special(reader, at, section, &mut item);
        push_at(record, section.path, item);
    }
}

/// Resources of a type that no section has read yet.
fn of_kind(reader: &Reader<'_>, kind: &str) -> Vec<usize> {
    let open = |r: &&super::Taken<'_>| r.kind == kind && !r.placed;
    reader.resources.iter().enumerate().filter(|(_, r)| open(r)).map(|(at, _)| at).collect()
}

fn section_of(reader: &Reader<'_>, at: usize, lists: &[&'static Section]) -> Option<&'static Section> {
    let resource = reader.resources.get(at).filter(|r| !r.placed)?;
    let own = read::marker(resource.value);
    let marked = |section: &Section| match (section.marker, own) {
        (Some(marker), Some(code)) => {
            marker.code == code
                || marker.code == "*requirement" && notes::REQUIREMENT_KINDS.display(code).is_some()
        }
        _ => false,
    };
    let kind = |section: &&&'static Section| section.resource == resource.kind;
    lists.iter().filter(kind).find(|s| marked(s)).copied().or_else(|| {
        let open = |s: &&&'static Section| s.marker.is_none() && own.is_none() || s.foreign;
        lists.iter().filter(kind).find(open).copied()
    })
}

fn push(record: &mut Map<String, Value>, name: &str, item: Map<String, Value>) {
    match record.get_mut(name) {
        Some(Value::Array(all)) => all.push(Value::Object(item)),
        _ => {
            record.insert(name.to_owned(), json!([item]));
        }
    }
}

fn push_at(record: &mut Map<String, Value>, path: &str, item: Map<String, Value>) {
    match path.split_once('.') {
        None => push(record, path, item),
        Some((outer, name)) => {
            let inner = record.entry(outer.to_owned()).or_insert_with(|| json!({}));
            if let Value::Object(inner) = inner {
                push(inner, name, item);
            }
        }
    }
}

/// The medicine of a statement that refers to a Medication.
fn referred_medicine(reader: &mut Reader<'_>, at: usize, item: &mut Map<String, Value>) {
    let Some(reference) = reader.resources.get(at).map(|r| &r.value["medicationReference"]) else { return };
    let Some(medicine) = reader.target(reference) else { return };
    if let Some(coded) = read::concept(reader, medicine, "code") {
        item.insert("medication".to_owned(), coded);
        if let Some(resource) = reader.resources.get_mut(at) {
            resource.take("medicationReference");
        }
    }
}

/// What the tables don't say.
fn special(reader: &mut Reader<'_>, at: usize, section: &Section, item: &mut Map<String, Value>) {
    if section.resource.starts_with("Medication") && !item.contains_key("medication") {
        referred_medicine(reader, at, item);
    }
    let Some(resource) = reader.resources.get_mut(at) else { return };
    match section.resource {
        "RelatedPerson" => {
            let list = resource.value["identifier"].as_array().map(Vec::as_slice).unwrap_or_default();
            let nhs = list.iter().position(|i| i["system"] == causeway_fhir::systems::NHS_NUMBER);
            if let Some(index) = nhs
                && let Some(number) = resource.text(&format!("identifier[{index}].value"))
            {
                resource.take(format!("identifier[{index}].system"));
                item.insert("nhsNumber".to_owned(), json!(number));
            }
            if !item.contains_key("name")
                && section.path == people::PERSONAL_CONTACTS.path
                && let Some(name) = super::subject::human_name(resource)
            {
                item.insert("name".to_owned(), json!(name));
            }
        }
        "EpisodeOfCare" => resource.take("managingOrganization"),
        _ => {}
    }
    if section.resource == "Flag" && section.path == notes::ADJUSTMENTS.path {
        item.entry("kind").or_insert_with(|| json!("reasonable-adjustment"));
    }
    if section.resource == "EpisodeOfCare"
        && !item.contains_key("description")
        && let Some(words) = resource.text("type[].coding[].display")
    {
        item.insert("description".to_owned(), json!(words));
    }
    if section.resource == "AdverseEvent" {
        item.entry("harm").or_insert_with(|| json!(true));
    }
    if section.resource == "Flag" && section.gate != crate::bind::Gate::Open {
        // It follows from the end.
        resource.take("status");
    }
    if section.gate == crate::bind::Gate::Legal {
        legal_document(reader, at, item);
    }
}

/// The document of a legal item: the DocumentReference that names the item as related.
fn legal_document(reader: &mut Reader<'_>, owner: usize, item: &mut Map<String, Value>) {
    let found = reader.children(owner, "DocumentReference").first().copied();
    let Some(at) = found else { return };
    let document = read::item(reader, at, &documents::DOCUMENTS, usize::MAX);
    if let Some(resource) = reader.resources.get_mut(at) {
        for own in ["category", "context.related[0]", "subject"] {
            resource.take(own);
        }
    }
    item.insert("document".to_owned(), Value::Object(document));
}

fn documents(reader: &mut Reader<'_>, record: &mut Map<String, Value>, patient: usize) {
    for at in of_kind(reader, "DocumentReference") {
        let code = reader.resources.get(at).and_then(|r| read::marker(r.value)).map(str::to_owned);
        match code.as_deref() {
            // Read with the item that it belongs to.
            Some("legal-document") => {}
            Some("about-me") => {
                let item = read::item(reader, at, &documents::DOCUMENTS, patient);
                if let Some(resource) = reader.resources.get_mut(at) {
                    resource.take("category");
                }
                push_at(record, "aboutMe.multimedia", item);
            }
            _ => {
                let item = read::item(reader, at, &documents::DOCUMENTS, patient);
                push(record, "documents", item);
            }
        }
    }
}

fn about_me(reader: &mut Reader<'_>, record: &mut Map<String, Value>, patient: usize) {
    let found = of_kind(reader, "QuestionnaireResponse").into_iter().find(|at| {
        let response = reader.resources.get(*at).map(|r| &r.value["questionnaire"]);
        response
            .and_then(Value::as_str)
            .is_some_and(|q| q == QUESTIONNAIRE || q.ends_with("/1515851000000101"))
    });
    let Some(at) = found else { return };
    let mut about = Map::new();
    read::versioned(reader, at, &mut about);
    read::own_subject(reader, at, "subject", patient);
    let Some(resource) = reader.resources.get_mut(at) else { return };
    resource.placed = true;
    resource.take("questionnaire");
    resource.expect("status", "completed");
    if let Some(authored) = resource.text("authored") {
        about.insert("lastUpdated".to_owned(), json!(authored));
    }
    let items = resource.value["item"].as_array().map(Vec::as_slice).unwrap_or_default();
    for (index, item) in items.iter().enumerate() {
        let Some((name, ..)) = HEADINGS.iter().find(|(_, link, _)| item["linkId"].as_str() == Some(link))
        else {
            continue;
        };
        if let Some(answer) = resource.text(&format!("item[{index}].answer[].valueString")) {
            for part in ["linkId", "text"] {
                resource.take(format!("item[{index}].{part}"));
            }
            about.insert((*name).to_owned(), json!(answer));
        }
    }
    record.insert("aboutMe".to_owned(), Value::Object(about));
}

/// Tick boxes that said yes.
fn boxes(reader: &mut Reader<'_>, record: &mut Map<String, Value>) {
    let codes = [legal::CPR_CODE, legal::CAPACITY_CODE, legal::LPA_CODE, legal::DOLS_CODE];
    for at in of_kind(reader, "Flag") {
        let Some(resource) = reader.resources.get_mut(at) else { continue };
        let ticked =
            resource.value["code"]["text"].as_str().is_some_and(|t| t.starts_with("ticked in the sending"));
        let marker = read::marker(resource.value);
        let name = legal::SILENT_DEFAULTS.iter().zip(&codes).find(|(_, code)| Some(code.code) == marker);
        if let Some((name, _)) = name.filter(|_| ticked) {
            resource.placed = true;
            for own in ["status", "category", "code", "subject"] {
                resource.take(own);
            }
            read::put(record, &format!("legal.{name}"), json!("Yes"));
        }
    }
}

fn professional(reader: &mut Reader<'_>, at: usize, patient: usize) -> Map<String, Value> {
    let mut item = read::item(reader, at, &people::PROFESSIONAL_CONTACTS, patient);
    let Some(role) = reader.resources.get(at).map(|r| r.value) else { return item };
    if let Some(name) = reader.words(&role["practitioner"]) {
        item.insert("name".to_owned(), json!(name));
        if let Some(who) = reader.target(&role["practitioner"])
            && let Some(resource) = reader.resources.get_mut(who)
        {
            resource.placed = true;
        }
        if let Some(resource) = reader.resources.get_mut(at) {
            resource.take("practitioner");
        }
    }
    item
}

/// The references of an element that lie in the bundle, read.
fn references(reader: &mut Reader<'_>, at: usize, element: &str, inner: &str) -> Vec<usize> {
    let Some(list) = reader.resources.get(at).and_then(|r| r.value[element].as_array()) else {
        return Vec::new();
    };
    let mut found = Vec::new();
    for (index, value) in list.iter().enumerate() {
        let reference = if inner.is_empty() { value } else { &value[inner] };
        if let Some(target) = reader.target(reference) {
            found.push(target);
            if let Some(resource) = reader.resources.get_mut(at) {
                let dot = if inner.is_empty() { "" } else { "." };
                resource.take(format!("{element}[{index}]{dot}{inner}"));
            }
        }
    }
    found
}

/// Needs with goals and actions, and the care and support plan.
fn plan(reader: &mut Reader<'_>, record: &mut Map<String, Value>, patient: usize) {
    let needs: Vec<usize> = of_kind(reader, "Condition")
        .into_iter()
        .filter(|at| {
            reader.resources.get(*at).and_then(|r| read::marker(r.value)) == Some(plans::NEED_CODE.code)
        })
        .collect();
    for need in needs {
        let mut item = read::item(reader, need, &plans::NEEDS, patient);
        let own: Vec<Value> = reader
            .children(need, "Goal")
            .into_iter()
            .map(|goal| Value::Object(goal_item(reader, goal, patient)))
            .collect();
        if !own.is_empty() {
            item.insert("goals".to_owned(), Value::Array(own));
        }
        push(record, "needs", item);
    }
    let plan = of_kind(reader, "CarePlan").into_iter().find(|at| {
        reader.resources.get(*at).and_then(|r| read::marker(r.value)) == Some(plans::PLAN_CODE.code)
    });
    let Some(at) = plan else { return };
    let mut item = read::item(reader, at, &plans::CARE_PLAN, patient);
    for (element, inner) in [("addresses", ""), ("goal", ""), ("activity", "reference")] {
        references(reader, at, element, inner);
    }
    let strengths: Vec<Value> = references(reader, at, "supportingInfo", "")
        .into_iter()
        .filter_map(|strength| {
            let coded = read::concept(reader, strength, "valueCodeableConcept")?;
            let resource = reader.resources.get_mut(strength)?;
            resource.placed = true;
            for own in ["status", "code", "subject"] {
                resource.take(own);
            }
            Some(coded)
        })
        .collect();
    if !strengths.is_empty() {
        item.insert("strengths".to_owned(), Value::Array(strengths));
    }
    review(reader, at, &mut item, patient);
    record.insert("carePlan".to_owned(), Value::Object(item));
}

fn goal_item(reader: &mut Reader<'_>, goal: usize, patient: usize) -> Map<String, Value> {
    let mut item = read::item(reader, goal, &plans::GOALS, patient);
    references(reader, goal, "addresses", "");
    let mut actions = Vec::new();
    for request in reader.children(goal, "ServiceRequest") {
        let list = reader.resources.get(request).and_then(|r| r.value["extension"].as_array());
        let index = list.and_then(|all| all.iter().position(|e| e["url"].as_str() == Some(PERTAINS_TO_GOAL)));
        let Some(index) = index else { continue };
        let action = read::item(reader, request, &plans::ACTIONS, patient);
        if let Some(resource) = reader.resources.get_mut(request) {
            resource.take(format!("extension[{index}]"));
        }
        actions.push(Value::Object(action));
    }
    if !actions.is_empty() {
        item.insert("actions".to_owned(), Value::Array(actions));
    }
    item
}

fn contingencies(reader: &mut Reader<'_>, record: &mut Map<String, Value>, patient: usize) {
    let marked: Vec<usize> = of_kind(reader, "CarePlan")
        .into_iter()
        .filter(|at| {
            reader.resources.get(*at).and_then(|r| read::marker(r.value))
                == Some(plans::CONTINGENCY_CODE.code)
        })
        .collect();
    for at in marked {
        let mut item = read::item(reader, at, &plans::CONTINGENCIES, patient);
        let mut actions = Vec::new();
        for request in references(reader, at, "activity", "reference") {
            if let Some(coded) = read::concept(reader, request, "code") {
                actions.push(coded);
            }
            read::own_subject(reader, request, "subject", patient);
            if let Some(resource) = reader.resources.get_mut(request) {
                resource.placed = true;
                resource.expect("status", "unknown");
                resource.expect("intent", "plan");
            }
        }
        let people: Vec<Value> = references(reader, at, "contributor", "")
            .into_iter()
            .map(|who| Value::Object(professional(reader, who, patient)))
            .collect();
        for (name, list) in [("whatShouldHappen", actions), ("whoToContact", people)] {
            if !list.is_empty() {
                item.insert(name.to_owned(), Value::Array(list));
            }
        }
        review(reader, at, &mut item, patient);
        push(record, "contingencyPlans", item);
    }
}

/// The review of a plan: the Task whose focus it is.
fn review(reader: &mut Reader<'_>, plan: usize, item: &mut Map<String, Value>, patient: usize) {
    let found = reader.children(plan, "Task").first().copied();
    let Some(at) = found else { return };
    let task = read::item(reader, at, &plans::REVIEWS, patient);
    if let Some(resource) = reader.resources.get_mut(at) {
        resource.take("focus");
    }
    item.extend(task);
}
