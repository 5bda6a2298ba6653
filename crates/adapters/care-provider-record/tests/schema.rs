//! The schema file is made from the tables that the adapter checks by, and `jsonschema` is the second opinion on every
//! case: both find faults at the same places.

mod common;

use std::collections::BTreeSet;

use causeway_adapter::contract::{Random, project_root};
use causeway_adapter::translate;
use causeway_adapter_care_provider_record::forms::{CODED_OBJECT, DATE_TIME, PERSON_OBJECT};
use causeway_adapter_care_provider_record::refusals::SCHEMA_RULES;
use causeway_adapter_care_provider_record::sections::documents::ATTACHMENT;
use causeway_adapter_care_provider_record::sections::people::PROFESSIONAL_CONTACT;
use causeway_adapter_care_provider_record::sections::whole::{RECORD, SCHEMA_ID};
use causeway_adapter_care_provider_record::{CareProviderRecord, SCHEMA, limits};
use causeway_json::shape::{Form, Object, Shape};
use serde_json::{Map, Value, json};

/// Objects that recur are written once.
static SHARED: [(&str, &Object); 4] = [
    ("coded", &CODED_OBJECT),
    ("person", &PERSON_OBJECT),
    ("attachment", &ATTACHMENT),
    ("professionalContact", &PROFESSIONAL_CONTACT),
];

fn schema_of(shape: &Shape) -> Value {
    match shape {
        Shape::Object(object) if SHARED.iter().any(|(_, shared)| std::ptr::eq(*shared, *object)) => {
            let name =
                SHARED.iter().find(|(_, shared)| std::ptr::eq(*shared, *object)).map_or("", |(name, _)| name);
            json!({"$ref": format!("#/$defs/{name}")})
        }
        Shape::Form(form) if std::ptr::eq(*form, &DATE_TIME) => json!({"$ref": "#/$defs/when"}),
        Shape::Any => json!({}),
        Shape::Text { min, max } => json!({"type": "string", "minLength": min, "maxLength": max}),
        Shape::Form(form) => form_schema(form),
        Shape::Code(codes) | Shape::Token(codes) => json!({"enum": codes}),
        Shape::Integer { min, max } => json!({"type": "integer", "minimum": min, "maximum": max}),
        Shape::Number { min, max } => json!({"type": "number", "minimum": min, "maximum": max}),
        Shape::Boolean => json!({"type": "boolean"}),
        Shape::List { of, min, max } | Shape::Values { of, min, max } => {
            json!({"type": "array", "items": schema_of(of), "minItems": min, "maxItems": max})
        }
        Shape::Object(object) => object_schema(object),
    }
}

fn form_schema(form: &Form) -> Value {
    let mut schema = json!({"type": "string", "description": form.name});
    if form.name.starts_with("a date or time") {
        // A real day, a real time with offset, or what RFC 3339 has no word for: less than a day, no offset.
        let partial = "^[0-9]{4}(-(0[1-9]|1[0-2]))?$";
        let local = "^[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])T([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9](\\.[0-9]+)?)?(Z|[+-][0-9]{2}:[0-9]{2})?$";
        schema["anyOf"] =
            json!([{"format": "date"}, {"format": "date-time"}, {"pattern": partial}, {"pattern": local}]);
        return schema;
    }
    if !form.format.is_empty() {
        schema["format"] = json!(form.format);
    }
    if !form.pattern.is_empty() {
        schema["pattern"] = json!(form.pattern);
    }
    if form.name.starts_with("base64") {
        schema["maxLength"] = json!(limits::MULTIMEDIA_BASE64_CHARS_MAX);
    }
    schema
}

fn object_schema(object: &Object) -> Value {
    let mut properties = Map::new();
    for field in object.fields {
        let mut schema = schema_of(&field.shape);
        schema["description"] = json!(field.about);
        properties.insert(field.name.to_owned(), schema);
    }
    let required: Vec<&str> = object.fields.iter().filter(|f| f.required).map(|f| f.name).collect();
    let mut schema = json!({"type": "object", "required": required, "properties": properties});
    if !object.any_of.is_empty() {
        let any: Vec<Value> = object.any_of.iter().map(|name| json!({"required": [name]})).collect();
        schema["anyOf"] = json!(any);
    }
    schema
}

fn whole() -> Value {
    let mut schema = json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": SCHEMA_ID,
        "title": "Digital social care record, dscr-record/0.1",
        "description": "One person's record at a care provider: the classes of MODS (DAPB4102) and the sections of PRSB's About Me, personalised care and support plan, and care home information. Members that it does not name are allowed; a reader says which it does not know. Dates and times are at their own precision.",
    });
    if let (Value::Object(into), Value::Object(from)) = (&mut schema, object_schema(&RECORD)) {
        into.extend(from);
        let mut shared: Map<String, Value> =
            SHARED.iter().map(|(name, object)| ((*name).to_owned(), object_schema(object))).collect();
        shared.insert("when".to_owned(), form_schema(&DATE_TIME));
        into.insert("$defs".to_owned(), Value::Object(shared));
    }
    schema
}

#[test]
fn the_schema_file_is_what_the_tables_say() {
    assert!(jsonschema::meta::is_valid(&whole()), "the schema is no valid schema of draft 2020-12");
    let text = serde_json::to_string_pretty(&whole()).expect("JSON") + "\n";
    if std::env::var_os("UPDATE").is_some() {
        let path = project_root().join("crates/adapters/care-provider-record/schema/dscr-record.schema.json");
        std::fs::write(path, &text).expect("schema file");
        return;
    }
    assert_eq!(
        SCHEMA, text,
        "run UPDATE=1 cargo test -p causeway-adapter-care-provider-record --test schema"
    );
}

/// The pointers of faults as the second opinion sees them. A member that is missing is a fault of the object that
/// lacks it; alternatives (`anyOf`) are faults of the value.
fn second_opinion(validator: &jsonschema::Validator, input: &[u8]) -> BTreeSet<String> {
    let document: Value = serde_json::from_slice(input).expect("JSON");
    validator.iter_errors(&document).map(|error| error.instance_path().to_string()).collect()
}

fn validator() -> jsonschema::Validator {
    jsonschema::options().should_validate_formats(true).build(&whole()).expect("a valid schema")
}

/// The pointers of faults as the adapter sees them.
fn own_opinion(input: &[u8]) -> BTreeSet<String> {
    let translation = translate(&CareProviderRecord, input, &common::open_context());
    let mut pointers = BTreeSet::new();
    for issue in translation.issues.iter().filter(|issue| SCHEMA_RULES.contains(&issue.rule)) {
        let path = issue.position.as_ref().map(|p| p.path.clone()).unwrap_or_default();
        let missing = issue.rule == "schema-required" && !issue.text.starts_with("one of these");
        let at = if missing {
            path.rsplit_once('/').map(|(at, _)| at.to_owned()).unwrap_or_default()
        } else {
            path
        };
        pointers.insert(at);
    }
    pointers
}

fn pointers(value: &Value, path: String, into: &mut Vec<String>) {
    match value {
        Value::Object(members) => {
            members.iter().for_each(|(name, member)| pointers(member, format!("{path}/{name}"), into));
        }
        Value::Array(all) => {
            all.iter().enumerate().for_each(|(n, element)| pointers(element, format!("{path}/{n}"), into));
        }
        _ => {}
    }
    into.push(path);
}

/// Changes of every kind at places of every kind: both opinions see the same faults.
#[test]
fn both_opinions_agree_on_broken_records() {
    let validator = validator();
    let (_, input) = common::cases().into_iter().find(|(name, _)| name == "edith-larkspur").expect("case");
    let sound: Value = serde_json::from_slice(&input).expect("JSON");
    let mut places = Vec::new();
    pointers(&sound, String::new(), &mut places);
    let mut random = Random(5);
    let values = [
        json!(null),
        json!(0),
        json!(-7.5),
        json!(2.0),
        json!(true),
        json!(""),
        json!("x"),
        json!("y".repeat(20_001)),
        json!("2026-02-31"),
        json!("2026-10"),
        json!("2026-10-01T25:00"),
        json!("2026-10-01T10:00:00+01:00"),
        json!([]),
        json!([{}]),
        json!({}),
        json!({"code": "a b"}),
    ];
    for round in 0..600 {
        let mut broken = sound.clone();
        let place = places[random.below(places.len())].clone();
        // A record without a subject is refused before its other faults are looked for.
        if place.is_empty() || place == "/subject" {
            continue;
        }
        let (parent, name) = place.rsplit_once('/').expect("a pointer");
        let choice = random.below(values.len() + 1);
        match (broken.pointer_mut(parent), values.get(choice)) {
            (Some(Value::Object(members)), None) => {
                members.remove(name);
            }
            (Some(Value::Array(all)), None) => {
                all.remove(name.parse().expect("an index"));
            }
            (_, value) => *broken.pointer_mut(&place).expect("a place") = value.cloned().unwrap_or(json!(1)),
        }
        let bytes = serde_json::to_vec(&broken).expect("JSON");
        assert_eq!(
            own_opinion(&bytes),
            second_opinion(&validator, &bytes),
            "round {round}: {place}, change {choice}"
        );
    }
}

#[test]
fn both_opinions_agree_on_every_case() {
    let validator = validator();
    for (case, input) in common::cases() {
        if case == "subject-missing" {
            assert!(second_opinion(&validator, &input).contains(""), "{case}");
            continue;
        }
        // serde_json takes the last of two members of one name, so the second opinion sees a valid document.
        if case != "member-twice" {
            assert_eq!(own_opinion(&input), second_opinion(&validator, &input), "{case}");
        }
    }
}
