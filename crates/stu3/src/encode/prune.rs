//! What STU3 is, of what is written: elements and codes that it does not have go, and are told; what it demands and is not
//! known is said to be so.

use std::collections::HashMap;
use std::sync::LazyLock;

use serde_json::{Map, Value, json};

use super::Encoding;

/// Type and codes of an element.
struct Element {
    ty: &'static str,
    codes: Vec<&'static str>,
}

/// Elements of STU3 (3.0.2) by path. Source: HL7's definitions.
static ELEMENTS: LazyLock<HashMap<&str, Element>> = LazyLock::new(|| {
    let lines = crate::ELEMENTS.lines().filter(|l| !l.starts_with('#'));
    lines
        .map(|line| {
            let mut fields = line.split('\t');
            let (path, ty) = (fields.next().unwrap_or(""), fields.next().unwrap_or(""));
            let codes = fields.nth(1).unwrap_or("").split('|').filter(|c| !c.is_empty()).collect();
            (path, Element { ty, codes })
        })
        .collect()
});

/// Elements that any resource or part may have; they are not in the table.
const ANYWHERE: [&str; 8] =
    ["resourceType", "id", "meta", "extension", "modifierExtension", "contained", "text", "language"];

/// Takes out of a resource what STU3 does not have, and tells it.
pub(super) fn prune(e: &mut Encoding, resource: &mut Map<String, Value>, stu3: &str, path: &str) {
    let any = ELEMENTS.keys().any(|known| known.split('.').next() == Some(stu3));
    if any {
        prune_part(e, resource, stu3, path);
    }
}

fn prune_part(e: &mut Encoding, part: &mut Map<String, Value>, kind: &str, path: &str) {
    let names: Vec<String> = part.keys().cloned().collect();
    for name in names {
        let plain = name.strip_prefix('_').unwrap_or(&name);
        if ANYWHERE.contains(&plain) {
            continue;
        }
        let at = format!("{path}.{name}");
        let own = format!("{kind}.{plain}");
        let Some(element) = ELEMENTS.get(own.as_str()) else {
            part.remove(&name);
            e.leave(&at, "STU3 has no such element");
            continue;
        };
        if element.ty == "part" {
            // Questions within questions are as those above them.
            let own = if own.ends_with("item.item") || own.ends_with("answer.item") {
                format!("{}.item", kind.split('.').next().unwrap_or(kind))
            } else {
                own
            };
            match part.get_mut(&name) {
                Some(Value::Array(list)) => {
                    for (number, item) in list.iter_mut().enumerate() {
                        if let Some(item) = item.as_object_mut() {
                            prune_part(e, item, &own, &format!("{at}[{number}]"));
                        }
                    }
                }
                Some(Value::Object(item)) => prune_part(e, item, &own, &at),
                _ => {}
            }
            continue;
        }
        let is_code = element.ty == "code" && !element.codes.is_empty() && !element.codes.contains(&"+");
        let Some(code) = part.get(&name).and_then(Value::as_str).filter(|_| is_code) else { continue };
        if !element.codes.contains(&code) {
            e.leave(&at, "STU3 has no such code");
            part.remove(&name);
            part.insert(format!("_{plain}"), absent());
        }
    }
}

/// An element of which nothing is known.
pub(super) fn absent() -> Value {
    json!({"extension": [{"url": causeway_fhir::types::DATA_ABSENT_REASON, "valueCode": "unknown"}]})
}

/// Elements that STU3 demands and R4 does not, by what is said where the record has none.
pub(super) fn demand(out: &mut Map<String, Value>, stu3: &str) {
    let mut want = |name: &str, value: Value| {
        if !out.contains_key(name) && !out.contains_key(name.trim_start_matches('_')) {
            out.insert(name.to_owned(), value);
        }
    };
    match stu3 {
        "Immunization" => {
            want("_primarySource", absent());
            for protocol in
                out.get_mut("vaccinationProtocol").and_then(Value::as_array_mut).into_iter().flatten()
            {
                let Some(protocol) = protocol.as_object_mut() else { continue };
                protocol.entry("doseStatus").or_insert_with(absent);
                protocol.entry("targetDisease").or_insert_with(|| json!([absent()]));
            }
        }
        // GP Connect fixes this code for what its record does not verify.
        "AllergyIntolerance" => want("verificationStatus", json!("unconfirmed")),
        "ProcedureRequest" => want("code", absent()),
        "Specimen" => want("subject", absent()),
        "MedicationStatement" => want("_status", absent()),
        "DocumentReference" => {
            want("type", absent());
            want("_indexed", absent());
        }
        _ => {}
    }
}
