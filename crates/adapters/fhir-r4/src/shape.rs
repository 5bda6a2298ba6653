//! Whether a document is R4 down to its last element.

use causeway_profile::Definitions;
use causeway_profile::schema::{Shape, TypeRef};
use serde_json::Value;

/// Whether R4 has a resource of this name.
pub(crate) fn is_resource(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_uppercase())
        && TypeRef::named(name).is_some_and(|ty| ty.field("meta").is_some())
        && Definitions::r4().to_xml(&serde_json::json!({"resourceType": name})).is_ok()
}

/// Whether each resource of a document has only elements of R4, in the shape that R4 gives them.
pub(crate) fn is_r4(document: &Value) -> bool {
    if document["resourceType"] != "Bundle" {
        return resource(document);
    }
    let entries = document["entry"].as_array().map(Vec::as_slice).unwrap_or_default();
    let mut all = entries.iter().map(|e| &e["resource"]).filter(|r| !r.is_null()).peekable();
    all.peek().is_some() && all.all(is_r4)
}

fn resource(value: &Value) -> bool {
    let name = value["resourceType"].as_str().unwrap_or_default();
    is_resource(name) && TypeRef::named(name).is_some_and(|ty| object(ty, value))
}

/// Whether the members of an object are elements of its type. The depth is bounded by the JSON reader's limit.
fn object(ty: TypeRef, value: &Value) -> bool {
    let Some(map) = value.as_object() else { return false };
    map.iter().all(|(key, value)| {
        if key == "resourceType" {
            return true;
        }
        if key == "contained" {
            return value.as_array().is_some_and(|list| list.iter().all(resource));
        }
        if let Some(key) = key.strip_prefix('_') {
            return ty.field(key).is_some();
        }
        let Some(field) = ty.field(key) else { return false };
        let one = |value: &Value| match field.shape() {
            Shape::Text => value.is_string() || value.is_null(),
            Shape::Number => value.is_number() || value.is_null(),
            Shape::Boolean => value.is_boolean() || value.is_null(),
            Shape::Object if value.get("resourceType").is_some() => resource(value),
            Shape::Object => object(field.ty(), value),
        };
        match (field.repeats(), value) {
            (true, Value::Array(list)) => list.iter().all(one),
            (true, _) | (false, Value::Array(_)) => false,
            (false, value) => one(value),
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn r4_and_stu3_are_told_apart() {
        assert!(is_r4(&json!({"resourceType": "Patient"})));
        let r4 = json!({"coding": [{"code": "active"}]});
        assert!(is_r4(
            &json!({"resourceType": "Condition", "clinicalStatus": r4, "subject": {"display": "x"}})
        ));
        for stu3 in [
            json!({"resourceType": "Condition", "clinicalStatus": "active"}),
            json!({"resourceType": "Observation", "context": {"reference": "Encounter/1"}}),
            json!({"resourceType": "ProcedureRequest"}),
            json!({"resourceType": "Patient", "animal": {}}),
            json!({"resourceType": "Immunization", "notGiven": false}),
        ] {
            assert!(!is_r4(&stu3), "{stu3}");
        }
    }
}
