//! Data types in the other direction: references, systems, extensions, dosages.

use serde_json::{Map, Value, json};

use super::{Encoding, kind};
use crate::codes::{EXTENSIONS, SYSTEMS, TERMINOLOGY};

const UKCORE: &str = "https://fhir.hl7.org.uk/StructureDefinition/Extension-UKCore-";
const NHS: &str = "https://fhir.nhs.uk/STU3/StructureDefinition/Extension-CareConnect-GPC-";
const HL7UK: &str = "https://fhir.hl7.org.uk/STU3/StructureDefinition/Extension-CareConnect-";

/// The STU3 type of an R4 resource: what is asked of somebody outside is a referral.
pub fn stu3_kind(resource: &Map<String, Value>) -> &str {
    match kind(resource) {
        "ServiceRequest" if is_referral(resource) => "ReferralRequest",
        "ServiceRequest" => "ProcedureRequest",
        other => other,
    }
}

/// A request whose category is a referral, or that is addressed to a service or organisation.
fn is_referral(resource: &Map<String, Value>) -> bool {
    let list = |name: &str| resource.get(name).and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    let codings = list("category").iter().flat_map(|c| c["coding"].as_array().into_iter().flatten());
    let by_category = codings.into_iter().any(|c| c["code"] == "3457005" || c["code"] == "referral");
    by_category || list("performer").len() > 1
}

/// URL of an extension in STU3; `None` where it is the same there.
pub(crate) fn extension_url(url: &str) -> Option<String> {
    if url == format!("{UKCORE}CodingSCTDescId") {
        return Some("https://fhir.nhs.uk/STU3/StructureDefinition/Extension-coding-sctdescid".to_owned());
    }
    let (name, _) = EXTENSIONS.codes().find(|(_, target)| target.code == url)?;
    if url.starts_with("http://hl7.org/fhir/StructureDefinition/patient-") {
        return Some(format!("http://hl7.org/fhir/StructureDefinition/{name}"));
    }
    let gpc = matches!(
        name,
        "ClinicalSetting"
            | "ListWarningCode"
            | "MainLocation"
            | "NHSCommunication"
            | "NHSNumberVerificationStatus"
            | "MedicationStatementLastIssueDate"
            | "MedicationRepeatInformation"
            | "MedicationQuantityText"
            | "PrescribingAgency"
    );
    Some(format!("{}{name}-1", if gpc { NHS } else { HL7UK }))
}

/// A system as STU3 names it.
pub(crate) fn system(url: &str) -> Option<String> {
    if let Some(rest) = url.strip_prefix(&format!("{TERMINOLOGY}v3-")) {
        return Some(format!("http://hl7.org/fhir/v3/{rest}"));
    }
    if let Some(rest) = url.strip_prefix(&format!("{TERMINOLOGY}v2-")) {
        return Some(format!("http://hl7.org/fhir/v2/{rest}"));
    }
    if url == format!("{TERMINOLOGY}condition-category") {
        return Some("https://fhir.hl7.org.uk/STU3/CodeSystem/CareConnect-ConditionCategory-1".to_owned());
    }
    SYSTEMS
        .codes()
        .filter(|(source, _)| !source.ends_with(".html") && !source.starts_with("http://fhir.nhs.net/"))
        .find(|(_, target)| target.code == url)
        .map(|(source, _)| source.to_owned())
}

/// A value of any data type.
pub(crate) fn value(e: &mut Encoding, from: &Value, path: &str) -> Value {
    match from {
        Value::Array(list) => {
            let written = list.iter().enumerate().map(|(n, v)| value(e, v, &format!("{path}[{n}]")));
            Value::Array(written.filter(|v| !is_empty(v)).collect())
        }
        Value::Object(object) => Value::Object(object_of(e, object, path)),
        other => other.clone(),
    }
}

fn is_empty(value: &Value) -> bool {
    matches!(value, Value::Object(o) if o.is_empty()) || matches!(value, Value::Array(a) if a.is_empty())
}

/// An object of any data type.
pub(crate) fn object_of(e: &mut Encoding, from: &Map<String, Value>, path: &str) -> Map<String, Value> {
    if let Some(reference) = from.get("reference").and_then(Value::as_str) {
        return reference_of(e, from, reference, path);
    }
    let is_identifier = path.rsplit('.').next().is_some_and(|last| {
        let last = last.split('[').next().unwrap_or(last);
        last == "identifier" || last.ends_with("Identifier")
    });
    let is_reference =
        from.keys().all(|k| matches!(k.as_str(), "type" | "identifier" | "display" | "extension"));
    let mut out = Map::new();
    for (name, child) in from {
        let at = format!("{path}.{name}");
        match (name.as_str(), child) {
            // A reference by identifier says its type in R4 alone.
            ("type", Value::String(_)) if is_reference => e.leave(&at, "STU3 has no such element"),
            ("use", Value::String(code)) if is_identifier && code == "old" => {
                e.leave(&at, "STU3 has no such code");
            }
            ("extension" | "modifierExtension", Value::Array(list)) => {
                let written: Vec<Value> = list
                    .iter()
                    .enumerate()
                    .filter_map(|(n, x)| x.as_object().map(|x| extension(e, x, &format!("{at}[{n}]"))))
                    .collect();
                out.insert(name.clone(), Value::Array(written));
            }
            ("system", Value::String(url)) => {
                out.insert(name.clone(), json!(system(url).unwrap_or_else(|| url.clone())));
            }
            _ => {
                let written = value(e, child, &at);
                if !is_empty(&written) {
                    out.insert(name.clone(), written);
                }
            }
        }
    }
    out
}

/// A reference; to what is not carried only its words remain.
fn reference_of(
    e: &mut Encoding,
    from: &Map<String, Value>,
    reference: &str,
    path: &str,
) -> Map<String, Value> {
    let mut out = Map::new();
    match e.target(reference).cloned() {
        Some(target) => {
            out.insert("reference".to_owned(), json!(target));
        }
        None if reference.starts_with("urn:uuid:") => {
            e.leave(&format!("{path}.reference"), "refers to a resource that the record can't carry");
        }
        None => {
            out.insert("reference".to_owned(), json!(reference));
        }
    }
    for name in ["identifier", "display", "extension"] {
        if let Some(child) = from.get(name) {
            let written = value(e, child, &format!("{path}.{name}"));
            out.insert(name.to_owned(), written);
        }
    }
    out
}

/// An extension.
pub(crate) fn extension(e: &mut Encoding, from: &Map<String, Value>, path: &str) -> Value {
    let url = from.get("url").and_then(Value::as_str).unwrap_or("");
    let mut out = object_of(e, from, path);
    if let Some(renamed) = extension_url(url) {
        out.insert("url".to_owned(), json!(renamed));
    }
    let name = url.strip_prefix(UKCORE).unwrap_or("");
    match name {
        "ListWarningCode" | "DeliveryChannel" => {
            let code = from.get("valueCodeableConcept").map(|c| c["coding"][0]["code"].clone());
            if let Some(code) = code.filter(Value::is_string) {
                out.remove("valueCodeableConcept");
                out.insert("valueCode".to_owned(), code);
            }
        }
        "CodingSCTDescId" => each_part(&mut out, |part| {
            let id = part.get("valueIdentifier").map(|i| i["value"].clone()).filter(Value::is_string);
            if let Some(id) = id {
                part.remove("valueIdentifier");
                part.insert("valueId".to_owned(), id);
            }
        }),
        "MedicationChangeSummary" => each_part(&mut out, |part| {
            let code = part.get("valueCoding").map(|c| c["code"].clone()).filter(Value::is_string);
            if let Some(code) = code {
                part.remove("valueCoding");
                part.insert("valueCode".to_owned(), code);
            }
        }),
        _ => {}
    }
    Value::Object(out)
}

fn each_part(extension: &mut Map<String, Value>, f: impl Fn(&mut Map<String, Value>)) {
    let parts = extension.get_mut("extension").and_then(Value::as_array_mut);
    parts.into_iter().flatten().filter_map(Value::as_object_mut).for_each(f);
}

/// Dosages: one dose and one rate each.
pub(crate) fn dosages(e: &mut Encoding, from: &Value, path: &str) -> Value {
    let mut written = value(e, from, path);
    for (number, dosage) in
        written.as_array_mut().into_iter().flatten().filter_map(Value::as_object_mut).enumerate()
    {
        let Some(Value::Array(doses)) = dosage.remove("doseAndRate") else { continue };
        for (place, dose) in doses.into_iter().enumerate() {
            let Value::Object(dose) = dose else { continue };
            for (name, child) in dose {
                let at = format!("{path}[{number}].doseAndRate[{place}].{name}");
                if place > 0 || name == "type" {
                    e.leave(&at, "STU3 has one dose and one rate of a dosage, without a type");
                } else {
                    dosage.insert(name, child);
                }
            }
        }
    }
    written
}

/// The first code of a concept.
pub(crate) fn code(concept: &Value) -> Option<&str> {
    concept["coding"].as_array()?.iter().find_map(|c| c["code"].as_str())
}
