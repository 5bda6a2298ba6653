//! `Patient/[id]/$summary`: the patient summary as a document, with the sections of the International Patient Summary (IPS).

use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode};
use causeway_access::audit_event::Act;
use causeway_access::{Reader, Sealed, record_problem};
use causeway_broker::state::Shared;
use causeway_host::problem::{Answer, Problem};
use serde_json::{Map, Value, json};

use super::search::{self, Params};
use super::{answer, base, golden, guard, negotiate, param};

/// A section: LOINC code and display, title, and whether a summary always has it.
struct Section {
    code: &'static str,
    display: &'static str,
    title: &'static str,
    always: bool,
}

const fn section(code: &'static str, display: &'static str, title: &'static str, always: bool) -> Section {
    Section { code, display, title, always }
}

/// Sections in their order (IPS 1.1, Composition-uv-ips).
const SECTIONS: &[Section] = &[
    section("104605-1", "Alert", "Alerts", false),
    section("48765-2", "Allergies and adverse reactions Document", "Allergies and intolerances", true),
    section("10160-0", "History of Medication use Narrative", "Medication summary", true),
    section("11450-4", "Problem list - Reported", "Problems", true),
    section("11369-6", "History of Immunization Narrative", "Immunisations", false),
    section("47519-4", "History of Procedures Document", "History of procedures", false),
    section("30954-2", "Relevant diagnostic tests/laboratory data Narrative", "Results", false),
    section("8716-3", "Vital signs", "Vital signs", false),
    section("29762-2", "Social history Narrative", "Social history", false),
    section("47420-5", "Functional status assessment note", "Functional status", false),
    section("18776-5", "Plan of care note", "Plan of care", false),
    section("42348-3", "Advance directives", "Advance directives", false),
    section("46264-8", "History of medical device use", "Medical devices", false),
];
/// Steps that references are followed from what stands in a section to what it needs.
const STEPS: usize = 4;

/// Code of the section that a resource belongs to; `None` where a summary has no place for it.
fn place(resource: &Value) -> Option<&'static str> {
    let is = |category: &str| {
        let all = resource["category"].as_array().into_iter().flatten();
        all.flat_map(|c| c["coding"].as_array().into_iter().flatten()).any(|c| c["code"] == category)
    };
    let withdrawn = |name: &str| {
        matches!(resource[name].as_str(), Some("entered-in-error" | "cancelled"))
            || resource[name]["coding"][0]["code"] == "entered-in-error"
    };
    if withdrawn("status") || withdrawn("verificationStatus") {
        return None;
    }
    Some(match resource["resourceType"].as_str()? {
        "Flag" => "104605-1",
        "AllergyIntolerance" => "48765-2",
        "MedicationStatement" | "MedicationRequest" | "MedicationAdministration" | "MedicationDispense" => {
            "10160-0"
        }
        "Condition" => "11450-4",
        "Immunization" => "11369-6",
        "Procedure" => "47519-4",
        "DiagnosticReport" => "30954-2",
        "Observation" if is("vital-signs") => "8716-3",
        "Observation" if is("social-history") => "29762-2",
        "Observation" if is("survey") => "47420-5",
        "Observation" => "30954-2",
        "CarePlan" | "Goal" => "18776-5",
        "Consent" => "42348-3",
        "DeviceUseStatement" => "46264-8",
        _ => return None,
    })
}

pub(super) async fn by_query(
    State(state): State<Shared>,
    reader: Reader,
    headers: HeaderMap,
    Query(params): Query<Params>,
    Path((kind, id)): Path<(String, String)>,
) -> Answer {
    let form = negotiate(&headers, param(&params, "_format"))?;
    if kind != "Patient" {
        return Err(Problem::not_found("operation of this type"));
    }
    if let Some((name, _)) =
        params.iter().find(|(name, _)| !matches!(&**name, "_format" | "_pretty" | "profile"))
    {
        return Err(Problem::invalid("search", format!("$summary has no parameter {name}")));
    }
    reader.require_scope("*", true)?;
    let entity = format!("Patient/{id}");
    let opened = guard::open(&state, &reader, &id, &entity).await?;
    let sources = golden::sources(&state, &id).await?.ok_or_else(|| Problem::not_found("patient"))?;
    let patient = golden::shown(&sources, opened.as_ref()).ok_or_else(|| Problem::not_found("patient"))?;
    let (wanted, base) = (id.clone(), base(&state, &headers));
    let root = base.clone();
    let bundle = state
        .blocking(move |s| {
            s.gate.shelf.record_for_fhir().everything_asked(&wanted, &root, &[]).map_err(record_problem)
        })
        .await?;
    let mut bundle = bundle.ok_or_else(|| Problem::not_found("patient"))?;
    if let Some(opened) = &opened {
        bundle = opened.show_bundle(bundle);
    }
    let announced = opened.as_ref().is_some_and(causeway_access::Opened::announces);
    let entries = bundle["entry"].as_array_mut().map(std::mem::take).unwrap_or_default();
    let held: Vec<Value> = entries.into_iter().map(|mut e| e["resource"].take()).collect();
    let now = state.clock.now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
    let about = About { base: &base, now: &now, announced };
    let mut document = document(&about, patient, held);
    let entity = format!("Patient/{id}/$summary");
    match opened {
        None => {
            let patients: Vec<String> = sources.patients.iter().map(|v| v.key.id.clone()).take(1).collect();
            guard::write(&state, &reader, Act::Read, &entity, "", &patients).await?;
        }
        Some(mut opened) => {
            let tell = |_: &Value| (vec![entity], Vec::new());
            document = opened.disclose(&state.gate, &reader, Act::Read, Sealed::new(document), tell).await?;
        }
    }
    Ok(search::in_form(answer(StatusCode::OK, &document), form))
}

struct About<'a> {
    base: &'a str,
    now: &'a str,
    /// Whether something is held back that readers must be told of.
    announced: bool,
}

fn key(resource: &Value) -> String {
    let word = |name: &str| resource[name].as_str().unwrap_or_default();
    format!("{}/{}", word("resourceType"), word("id"))
}

/// The document. `held`: what the reader may see of her record.
fn document(about: &About<'_>, patient: Value, mut held: Vec<Value>) -> Value {
    let person = key(&patient);
    // All sources tell of one person here.
    let own: Vec<String> = held.iter().filter(|r| r["resourceType"] == "Patient").map(key).collect();
    held.retain(|r| {
        !matches!(r["resourceType"].as_str(), Some("Patient" | "Provenance" | "OperationOutcome") | None)
    });
    for resource in &mut held {
        refer(resource, &own, &person);
    }
    let mut sections = Vec::new();
    let mut chosen: Vec<&Value> = Vec::new();
    for section in SECTIONS {
        let of: Vec<&Value> = held.iter().filter(|r| place(r) == Some(section.code)).collect();
        if of.is_empty() && !section.always {
            continue;
        }
        sections.push(written(section, &of, &held, about));
        chosen.extend(of);
    }
    // What these need to be understood: medicines, people, places.
    for _ in 0..STEPS {
        let mut wanted = Vec::new();
        chosen.iter().for_each(|resource| references(resource, &mut wanted));
        let more: Vec<&Value> = held
            .iter()
            .filter(|r| wanted.contains(&key(r)) && !chosen.iter().any(|c| std::ptr::eq(*c, *r)))
            .collect();
        if more.is_empty() {
            break;
        }
        chosen.extend(more);
    }
    let id = uuid::Uuid::now_v7().to_string();
    let device = json!({
        "resourceType": "Device", "id": "causeway",
        "deviceName": [{"name": "Causeway", "type": "user-friendly-name"}],
        "version": [{"value": env!("CARGO_PKG_VERSION")}],
    });
    let composition = json!({
        "resourceType": "Composition",
        "id": id,
        "status": "final",
        "type": {"coding": [{"system": "http://loinc.org", "code": "60591-5", "display": "Patient summary Document"}]},
        "subject": {"reference": person},
        "date": about.now,
        "author": [{"reference": "Device/causeway", "display": "Causeway"}],
        "title": "Patient summary",
        "section": sections,
    });
    let url = |resource: &Value| format!("{}/{}", about.base, key(resource));
    let mut entries = vec![
        json!({"fullUrl": url(&composition), "resource": composition}),
        json!({"fullUrl": url(&patient), "resource": patient}),
        json!({"fullUrl": url(&device), "resource": device}),
    ];
    entries.extend(chosen.into_iter().map(|r| json!({"fullUrl": url(r), "resource": r})));
    json!({
        "resourceType": "Bundle",
        "id": id,
        "type": "document",
        "identifier": {"system": "urn:ietf:rfc:3986", "value": format!("urn:uuid:{id}")},
        "timestamp": about.now,
        "entry": entries,
    })
}

/// One section with its text. What nobody told is said to be unavailable, never to be none.
fn written(section: &Section, of: &[&Value], held: &[Value], about: &About<'_>) -> Value {
    let coding = json!({"system": "http://loinc.org", "code": section.code, "display": section.display});
    let mut out = json!({"title": section.title, "code": {"coding": [coding]}});
    let mut lines: Vec<String> = of.iter().map(|r| line(r, held)).collect();
    if of.is_empty() {
        lines.push("No source has told anything of this.".to_owned());
        out["emptyReason"] = json!({"coding": [{
            "system": "http://terminology.hl7.org/CodeSystem/list-empty-reason",
            "code": "unavailable", "display": "Unavailable",
        }]});
    } else {
        out["entry"] = of.iter().map(|r| json!({"reference": key(r)})).collect();
    }
    if about.announced {
        lines.push("More may be held that is not shown here.".to_owned());
    }
    let list: String = lines.iter().map(|text| format!("<li>{}</li>", escape(text))).collect();
    let div = format!("<div xmlns=\"http://www.w3.org/1999/xhtml\"><ul>{list}</ul></div>");
    out["text"] = json!({"status": "generated", "div": div});
    out
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

/// A concept's own words.
fn words(concept: &Value) -> Option<&str> {
    let displays = concept["coding"].as_array().into_iter().flatten().filter_map(|c| c["display"].as_str());
    let codes = concept["coding"].as_array().into_iter().flatten().filter_map(|c| c["code"].as_str());
    concept["text"].as_str().or(displays.chain(codes).next())
}

/// What a resource says, in one line.
fn line(resource: &Value, held: &[Value]) -> String {
    let referred = || {
        let reference = resource["medicationReference"]["reference"].as_str()?;
        let medicine = held.iter().find(|r| key(r) == reference)?;
        words(&medicine["code"])
    };
    let concept = ["code", "medicationCodeableConcept", "vaccineCode", "description", "scope"];
    let name = concept.iter().find_map(|name| words(&resource[*name])).or_else(referred);
    let name = name.or(resource["title"].as_str()).or(resource["medicationReference"]["display"].as_str());
    let mut out = name.unwrap_or("without a name").to_owned();
    if let Some(value) = words(&resource["valueCodeableConcept"]).or(resource["valueString"].as_str()) {
        out.push_str(&format!(": {value}"));
    }
    let quantity = &resource["valueQuantity"];
    if !quantity["value"].is_null() {
        let unit = quantity["unit"].as_str().unwrap_or_default();
        out.push_str(&format!(": {} {unit}", quantity["value"].to_string().trim_matches('"')));
    }
    let dates = [
        "effectiveDateTime",
        "occurrenceDateTime",
        "performedDateTime",
        "onsetDateTime",
        "recordedDate",
        "authoredOn",
    ];
    let status = words(&resource["clinicalStatus"]).or(resource["status"].as_str());
    let date = dates.iter().find_map(|name| resource[*name].as_str());
    for part in status.into_iter().chain(date) {
        out.push_str(&format!(", {part}"));
    }
    out
}

/// Puts the person in place of her sources' Patients.
fn refer(value: &mut Value, own: &[String], person: &str) {
    match value {
        Value::Object(map) => {
            let is_own = |r: &Value| r.as_str().is_some_and(|r| own.iter().any(|o| o == r));
            if map.get("reference").is_some_and(is_own) {
                map.insert("reference".to_owned(), person.into());
            }
            map.values_mut().for_each(|v| refer(v, own, person));
        }
        Value::Array(items) => items.iter_mut().for_each(|v| refer(v, own, person)),
        _ => {}
    }
}

fn references(value: &Value, found: &mut Vec<String>) {
    let of = |map: &Map<String, Value>| map.get("reference").and_then(Value::as_str).map(str::to_owned);
    match value {
        Value::Object(map) => {
            found.extend(of(map));
            map.values().for_each(|v| references(v, found));
        }
        Value::Array(items) => items.iter().for_each(|v| references(v, found)),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_nobody_told_is_unavailable_and_what_is_withdrawn_is_left_out() {
        let patient = json!({"resourceType": "Patient", "id": "p"});
        let held = vec![
            json!({"resourceType": "Patient", "id": "a"}),
            json!({"resourceType": "AllergyIntolerance", "id": "1", "code": {"text": "nuts & <seeds>"},
                "clinicalStatus": {"coding": [{"code": "active",
                    "system": "http://terminology.hl7.org/CodeSystem/allergyintolerance-clinical"}]},
                "patient": {"reference": "Patient/a"}}),
            json!({"resourceType": "AllergyIntolerance", "id": "2", "code": {"text": "milk"},
                "verificationStatus": {"coding": [{"code": "entered-in-error"}]}}),
            json!({"resourceType": "MedicationRequest", "id": "3", "status": "active", "intent": "order",
                "subject": {"reference": "Patient/a"}, "substitution": {"allowedBoolean": true},
                "medicationReference": {"reference": "Medication/4"}}),
            json!({"resourceType": "Medication", "id": "4", "code": {"text": "Amlodipine 5 mg"}}),
            json!({"resourceType": "Medication", "id": "5", "code": {"text": "of nobody"}}),
        ];
        let about = About { base: "http://x/fhir", now: "2026-11-29T10:00:00Z", announced: false };
        let document = document(&about, patient, held);
        let text = document.to_string();
        assert!(
            text.contains("nuts &amp; &lt;seeds&gt;")
                && !text.contains("milk")
                && !text.contains("of nobody")
        );
        let sections = document["entry"][0]["resource"]["section"].as_array().unwrap();
        let titles: Vec<&str> = sections.iter().map(|s| s["title"].as_str().unwrap()).collect();
        assert_eq!(titles, ["Allergies and intolerances", "Medication summary", "Problems"]);
        assert!(sections[1]["text"]["div"].as_str().unwrap().contains("Amlodipine 5 mg"));
        assert_eq!(sections[2]["emptyReason"]["coding"][0]["code"], "unavailable");
        assert_eq!(document["entry"][3]["resource"]["patient"]["reference"], "Patient/p");
        let report = causeway_profile::check(text.as_bytes());
        let errors: Vec<_> =
            report.findings.iter().filter(|f| f.severity == causeway_profile::Severity::Error).collect();
        assert!(errors.is_empty(), "{errors:?}");
    }
}
