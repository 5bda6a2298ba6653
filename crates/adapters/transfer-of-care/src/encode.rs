//! FHIR R4 as an ITK3 message in STU3: a message Bundle with its header, and in it the document, whose Composition has the
//! headings of the Professional Record Standards Body.
//!
//! What the message doesn't tell is found by reading it again ([`causeway_adapter::read_back`]); a resource whose sense it
//! would turn is left out. Sources: ITK3 Messaging Distribution (MessageHeader, handling keys), Transfer of Care (events,
//! headings), code systems ITK-MessageEvent-2 and ITK-RecipientType-1.

use std::collections::HashSet;

use causeway_adapter::{Adapter, Context, Encoded, read_back, translate};
use causeway_core::Issue;
use causeway_stu3::encode::{Encoding, kind};
use serde_json::{Map, Value, json};
use uuid::Uuid;

use crate::{TransferOfCare, rules};

const STRUCTURE: &str = "https://fhir.nhs.uk/STU3/StructureDefinition";
const SNOMED: &str = "http://snomed.info/sct";

/// Times that a message is written again without the resources whose sense it turned.
const ATTEMPTS_MAX: usize = 3;

/// What is sent: code and words of ITK-MessageEvent-2, title of the document.
struct Kind {
    event: &'static str,
    words: &'static str,
    title: &'static str,
    /// Code of the kind of document in SNOMED CT; empty where none says just this.
    code: (&'static str, &'static str),
}

const INPATIENT: Kind = Kind {
    event: "ITK003D",
    words: "ITK eDischarge",
    title: "Discharge summary",
    code: ("373942005", "Discharge summary"),
};
const EMERGENCY: Kind = Kind {
    event: "ITK005D",
    words: "ITK Emergency Care Discharge",
    title: "Emergency care discharge summary",
    code: ("", ""),
};
const OUTPATIENT: Kind =
    Kind { event: "ITK006D", words: "ITK Outpatient Letter", title: "Outpatient letter", code: ("", "") };
const MENTAL: Kind = Kind {
    event: "ITK004D",
    words: "ITK Mental Health eDischarge",
    title: "Mental health discharge summary",
    code: ("", ""),
};

/// Headings of the Professional Record Standards Body in SNOMED CT, with the resources that stand under them.
const SECTIONS: [(&str, &str, &[&str]); 10] = [
    ("886731000000109", "Patient demographics", &["Patient", "RelatedPerson"]),
    ("886811000000106", "Discharge details", &["Encounter"]),
    ("887161000000102", "Diagnoses", &["Condition"]),
    ("887171000000109", "Procedures", &["Procedure"]),
    ("886921000000105", "Allergies and adverse reactions", &["AllergyIntolerance"]),
    (
        "933361000000108",
        "Medications and medical devices",
        &["MedicationRequest", "MedicationStatement", "MedicationDispense", "MedicationAdministration"],
    ),
    ("1102181000000102", "Immunisations", &["Immunization"]),
    ("1082101000000102", "Investigation results", &["DiagnosticReport", "Observation"]),
    ("886931000000107", "Safety alerts", &["Flag"]),
    ("887201000000105", "Plan and requested actions", &["ServiceRequest", "CarePlan", "Appointment", "Goal"]),
];

/// Resources that have no place in a document: said of the exchange, or written anew.
const NOT_CARRIED: [&str; 5] = ["Provenance", "MessageHeader", "AuditEvent", "OperationOutcome", "Bundle"];

/// Writes a bundle as one ITK3 message.
///
/// # Errors
/// Where it is no bundle of one patient, or does not say of which care it tells.
pub(crate) fn encode(bundle: &Value, context: &Context) -> Result<Encoded, Issue> {
    let patients = entries(bundle).filter(|(_, _, r)| kind(r) == "Patient").count();
    if patients != 1 {
        return Err(rules::PATIENT_COUNT.issue());
    }
    let what = which(bundle).ok_or_else(|| rules::KIND_UNKNOWN.issue())?;
    let mut skip: HashSet<usize> = HashSet::new();
    for attempt in 0.. {
        let message = message(bundle, context, what, &skip);
        let bytes = causeway_stu3::xml_write::write(&message).into_bytes();
        let again = translate(&TransferOfCare, &bytes, &Context { explain: false, ..context.clone() });
        if again.unreadable || again.outputs.is_empty() {
            break;
        }
        let read: Vec<Value> =
            again.outputs.iter().filter_map(|o| serde_json::from_slice(&o.json).ok()).collect();
        let found = read_back::compare(bundle, &read);
        let before = skip.len();
        skip.extend(found.turned.iter().copied());
        if skip.len() == before || attempt == ATTEMPTS_MAX {
            return Ok(Encoded {
                bytes,
                media_type: "application/fhir+xml; fhirVersion=3.0",
                left_behind: found.issues(TransferOfCare.format().title),
            });
        }
    }
    Err(rules::NOT_WRITABLE.issue())
}

/// Entries of a bundle: number, address, resource.
fn entries(bundle: &Value) -> impl Iterator<Item = (usize, &str, &Map<String, Value>)> {
    let list = bundle["entry"].as_array().map_or(&[] as &[Value], Vec::as_slice);
    list.iter()
        .enumerate()
        .filter_map(|(n, e)| Some((n, e["fullUrl"].as_str().unwrap_or(""), e["resource"].as_object()?)))
}

/// Of which care the bundle tells: as its own header says, else by the class of its visit.
fn which(bundle: &Value) -> Option<&'static Kind> {
    let all = [&INPATIENT, &EMERGENCY, &OUTPATIENT, &MENTAL];
    let told = entries(bundle).find_map(|(_, _, r)| r.get("eventCoding")?["code"].as_str());
    if let Some(kind) = told.and_then(|code| all.into_iter().find(|k| k.event == code)) {
        return Some(kind);
    }
    let class = |r: &Map<String, Value>| r.get("class").and_then(|c| c["code"].as_str()).map(str::to_owned);
    let visits = entries(bundle).filter(|(_, _, r)| kind(r) == "Encounter");
    visits.filter_map(|(_, _, r)| class(r)).find_map(|class| match class.as_str() {
        "IMP" | "ACUTE" | "NONAC" | "SS" => Some(&INPATIENT),
        "EMER" => Some(&EMERGENCY),
        "AMB" | "VR" => Some(&OUTPATIENT),
        _ => None,
    })
}

/// Profiles of ITK3's documents are those of CareConnect.
fn profile(stu3: &str) -> Option<String> {
    match stu3 {
        "Composition" => Some(format!("{STRUCTURE}/ITK-Document-Composition-1")),
        _ => None,
    }
}

fn message(bundle: &Value, context: &Context, what: &Kind, skip: &HashSet<usize>) -> Value {
    let key = bundle["id"].as_str().unwrap_or_default();
    let id = |name: &str| {
        let text = [&context.sender.code, "|transfer-of-care|", name, "|", key].concat();
        Uuid::new_v5(&context.namespace, text.as_bytes()).hyphenated().to_string()
    };
    let url = |id: &str| format!("urn:uuid:{id}");
    let mut encoding = Encoding::new(profile);
    let carried: Vec<_> = entries(bundle)
        .filter(|(n, _, r)| !skip.contains(n) && !NOT_CARRIED.contains(&kind(r)))
        .map(|(n, full, r)| {
            // An id of a resource may be none that a URN can hold.
            let own = r.get("id").and_then(Value::as_str).unwrap_or_default();
            let new = match Uuid::parse_str(own) {
                Ok(_) => own.to_owned(),
                Err(_) => id(&format!("{n}|{own}")),
            };
            (n, full, r, new)
        })
        .collect();
    for (_, full, resource, new) in &carried {
        let own = resource.get("id").and_then(Value::as_str).unwrap_or_default();
        encoding.carry(format!("{}/{own}", kind(resource)), url(new));
        if !full.is_empty() {
            encoding.carry((*full).to_owned(), url(new));
        }
    }
    let mut written: Vec<(String, Value)> = Vec::new();
    let mut composition = None;
    for (number, _, resource, new) in &carried {
        let mut out = encoding.resource(resource, &format!("Bundle.entry[{number}].resource"));
        out["id"] = json!(new);
        match kind(resource) == "Composition" && composition.is_none() {
            true => composition = Some((new.clone(), out)),
            false => written.push((new.clone(), out)),
        }
    }
    let organisation = |id: String| {
        let name = if context.sender.name.is_empty() { &context.sender.code } else { &context.sender.name };
        json!({"resourceType": "Organization", "id": id, "name": name,
            "identifier": [{"system": context.sender.system, "value": context.sender.code}]})
    };
    let (first, composition) = composition.unwrap_or_else(|| {
        let (new, author) = (id("composition"), id("author"));
        let made = headings(&carried_kinds(&written), context, what, &url(&author), &new);
        written.push((author.clone(), organisation(author)));
        (new, made)
    });
    let sent = context.received.strftime("%Y-%m-%dT%H:%M:%S+00:00").to_string();
    let entry = |id: &str, resource: Value| json!({"fullUrl": url(id), "resource": resource});
    let mut inner = vec![entry(&first, composition)];
    inner.extend(written.into_iter().map(|(id, resource)| entry(&id, resource)));
    let document = json!({
        "resourceType": "Bundle", "id": id("document"),
        "meta": {"profile": [format!("{STRUCTURE}/ITK-Document-Bundle-1")]},
        "identifier": {"system": "https://tools.ietf.org/html/rfc4122", "value": id("document")},
        "type": "document", "entry": inner,
    });
    json!({
        "resourceType": "Bundle", "id": id("message"),
        "meta": {"profile": [format!("{STRUCTURE}/ITK-Message-Bundle-1")]},
        // An answer names the message by this or by its header's id; so they are one.
        "identifier": {"system": "https://tools.ietf.org/html/rfc4122", "value": id("header")},
        "type": "message",
        "entry": [
            entry(&id("header"), header(what, &sent, &url(&id("sender")), &url(&id("document")), &id("header"), context)),
            entry(&id("sender"), organisation(id("sender"))),
            entry(&id("document"), document),
        ],
    })
}

/// The header: what is sent, which answers are asked for.
fn header(what: &Kind, sent: &str, sender: &str, focus: &str, id: &str, context: &Context) -> Value {
    let flag = |key: &str| json!({"url": key, "valueBoolean": true});
    let mut keys = vec![flag("BusAckRequested"), flag("InfAckRequested")];
    keys.push(json!({"url": "RecipientType", "valueCoding": {
        "system": "https://fhir.nhs.uk/STU3/CodeSystem/ITK-RecipientType-1", "code": "FA", "display": "For Action"}}));
    if what.event == INPATIENT.event {
        keys.push(json!({"url": "MessageDefinition", "valueReference": {
            "reference": "https://fhir.nhs.uk/STU3/MessageDefinition/ITK-eDischarge-MessageDefinition-Instance-1"}}));
    }
    json!({
        "resourceType": "MessageHeader", "id": id,
        "meta": {"profile": [format!("{STRUCTURE}/ITK-MessageHeader-2")]},
        "extension": [{"url": format!("{STRUCTURE}/Extension-ITK-MessageHandling-2"), "extension": keys}],
        "event": {"system": "https://fhir.nhs.uk/STU3/CodeSystem/ITK-MessageEvent-2", "code": what.event, "display": what.words},
        "sender": {"reference": sender},
        "timestamp": sent,
        "source": {"endpoint": context.sender.code},
        "focus": [{"reference": focus}],
    })
}

/// Type, address and words of each resource that is written.
fn carried_kinds(written: &[(String, Value)]) -> Vec<(&str, String, String)> {
    let words = |r: &Value| {
        let concept =
            ["code", "vaccineCode", "medicationCodeableConcept", "type"].into_iter().find_map(|name| {
                let one = if r[name].is_array() { &r[name][0] } else { &r[name] };
                one["text"].as_str().or(one["coding"][0]["display"].as_str())
            });
        concept.unwrap_or_default().to_owned()
    };
    written
        .iter()
        .map(|(id, r)| (r["resourceType"].as_str().unwrap_or_default(), format!("urn:uuid:{id}"), words(r)))
        .collect()
}

/// A Composition with the headings under which the resources belong.
fn headings(
    written: &[(&str, String, String)],
    context: &Context,
    what: &Kind,
    author: &str,
    id: &str,
) -> Value {
    // What STU3 calls otherwise.
    let stu3 = |r4: &str, other: &str| {
        r4 == other || r4 == "ServiceRequest" && matches!(other, "ReferralRequest" | "ProcedureRequest")
    };
    let sections: Vec<Value> = SECTIONS
        .iter()
        .filter_map(|(code, title, kinds)| {
            let of: Vec<_> = written.iter().filter(|(kind, ..)| kinds.iter().any(|k| stu3(k, kind))).collect();
            if of.is_empty() {
                return None;
            }
            let lines: String = of
                .iter()
                .filter(|(_, _, words)| !words.is_empty())
                .map(|(_, _, words)| format!("<li>{}</li>", causeway_xml::escape_text(words)))
                .collect();
            let body = if lines.is_empty() { format!("<p>{title}</p>") } else { format!("<ul>{lines}</ul>") };
            Some(json!({
                "title": title,
                "code": {"coding": [{"system": SNOMED, "code": code, "display": title}]},
                "text": {"status": "generated", "div": format!("<div xmlns=\"http://www.w3.org/1999/xhtml\">{body}</div>")},
                "entry": of.iter().map(|(_, url, _)| json!({"reference": url})).collect::<Vec<_>>(),
            }))
        })
        .collect();
    let subject = written.iter().find(|(kind, ..)| *kind == "Patient").map(|(_, url, _)| url.as_str());
    let visit = written.iter().find(|(kind, ..)| *kind == "Encounter").map(|(_, url, _)| url.as_str());
    let mut kind = json!({"text": what.title});
    if !what.code.0.is_empty() {
        kind = json!({"coding": [{"system": SNOMED, "code": what.code.0, "display": what.code.1}]});
    }
    let mut out = json!({
        "resourceType": "Composition", "id": id,
        "meta": {"profile": [format!("{STRUCTURE}/ITK-Document-Composition-1")]},
        "status": "final", "type": kind,
        "subject": {"reference": subject},
        "date": context.received.strftime("%Y-%m-%dT%H:%M:%S+00:00").to_string(),
        "author": [{"reference": author}],
        "title": what.title,
        "section": sections,
    });
    if let Some(visit) = visit {
        out["encounter"] = json!({"reference": visit});
    }
    out
}
