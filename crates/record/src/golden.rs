//! One Patient for a person whom several sources tell of: the golden view, whose links lead to the sources' Patients.

use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

/// The Patient of a person from her sources' Patients, the displayed one first: its demographics whole (never a blend),
/// the identifiers and security labels of all, and a link to each. `None` where there is no Patient.
///
/// `meta.versionId` follows the content, so that it changes with it and with nothing else.
pub fn golden(person: &str, patients: &[Value]) -> Option<Value> {
    let mut map = patients.first()?.as_object()?.clone();
    map.insert("id".to_owned(), json!(person));
    let mut identifiers: Vec<Value> = Vec::new();
    let mut labels: Vec<Value> = Vec::new();
    let mut links = Vec::new();
    let mut updated = "";
    for patient in patients {
        for identifier in patient["identifier"].as_array().into_iter().flatten() {
            let is_same =
                |i: &Value| i["system"] == identifier["system"] && i["value"] == identifier["value"];
            if !identifiers.iter().any(is_same) {
                identifiers.push(identifier.clone());
            }
        }
        for label in patient["meta"]["security"].as_array().into_iter().flatten() {
            if !labels.contains(label) {
                labels.push(label.clone());
            }
        }
        // Instants of the record are all of one form, so their texts have the order of their times.
        updated = updated.max(patient["meta"]["lastUpdated"].as_str().unwrap_or_default());
        let id = patient["id"].as_str().unwrap_or_default();
        links.push(json!({"other": {"reference": format!("Patient/{id}")}, "type": "seealso"}));
    }
    let put = |map: &mut Map<String, Value>, name: &str, list: Vec<Value>| {
        if list.is_empty() {
            map.remove(name)
        } else {
            map.insert(name.to_owned(), list.into())
        };
    };
    put(&mut map, "identifier", identifiers);
    put(&mut map, "link", links);
    if let Some(meta) = map.entry("meta").or_insert_with(|| json!({})).as_object_mut() {
        put(meta, "security", labels);
        meta.insert("lastUpdated".to_owned(), json!(updated));
        meta.remove("versionId");
    }
    let digest = Sha256::digest(Value::Object(map.clone()).to_string());
    let version: String = digest.iter().take(8).map(|b| format!("{b:02x}")).collect();
    map["meta"]["versionId"] = json!(version);
    Some(Value::Object(map))
}

/// Adds the link that says where the person's whole Patient is.
pub(crate) fn refer(patient: &mut Value, person: &str) {
    let link = json!({"other": {"reference": format!("Patient/{person}")}, "type": "refer"});
    match patient.get_mut("link").and_then(Value::as_array_mut) {
        Some(links) => links.push(link),
        None => patient["link"] = json!([link]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_patient_of_several() {
        let told = |id: &str, system: &str, at: &str| {
            json!({"resourceType": "Patient", "id": id,
                "meta": {"versionId": "3", "lastUpdated": at, "security": [{"code": id}]},
                "identifier": [{"system": "nhs", "value": "1"}, {"system": system, "value": id}],
                "name": [{"family": id}]})
        };
        let all = [told("a", "x", "2026-01-01T00:00:00Z"), told("b", "y", "2026-02-01T00:00:00Z")];
        let one = golden("p", &all).unwrap();
        assert_eq!(one["id"], "p");
        assert_eq!(one["name"], json!([{"family": "a"}]));
        assert_eq!(one["identifier"].as_array().map(Vec::len), Some(3));
        assert_eq!(one["meta"]["lastUpdated"], "2026-02-01T00:00:00Z");
        assert_eq!(one["meta"]["security"], json!([{"code": "a"}, {"code": "b"}]));
        assert_eq!(one["link"][1], json!({"other": {"reference": "Patient/b"}, "type": "seealso"}));
        assert_eq!(one, golden("p", &all).unwrap());
        assert_ne!(one["meta"]["versionId"], golden("p", &all[..1]).unwrap()["meta"]["versionId"]);
        assert_eq!(golden("p", &[]), None);
        let mut source = all[0].clone();
        refer(&mut source, "p");
        assert_eq!(source["link"][0]["type"], "refer");
    }
}
