//! FHIR R4 as a clinical document (CDA release 2) in an ITK envelope: header, sections with their text, coded entries.
//!
//! What the document doesn't tell is found by reading it again ([`causeway_adapter::read_back`]); an entry whose sense it
//! would turn stays out, and its words stay in the text of its section. Sources: HL7 CDA release 2; ITK 2.2 (envelope, handling
//! keys); headings of the Professional Record Standards Body in SNOMED CT.

mod entries;
mod header;
mod narrative;
mod people;

use std::collections::HashSet;

use causeway_adapter::{Adapter, Context, Encoded, read_back, translate};
use causeway_core::Issue;
use causeway_fhir::systems;
use causeway_hl7v3::build::{Tag, id, list, text};
pub(super) use causeway_hl7v3::bundle::Bundle;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::codes::{GUID, oid};
use crate::{ItkCda, rules};

/// Times that a document is written again without the entries whose sense it turned.
const ATTEMPTS_MAX: usize = 3;
/// Levels of sections and of entries within one another.
const DEPTH_MAX: usize = 8;

/// What kind of document tells of a visit: title, SNOMED CT code where one says just this, profile and interaction of ITK.
struct Kind {
    title: &'static str,
    code: (&'static str, &'static str),
    profile: &'static str,
    interaction: &'static str,
}

const DISCHARGE: Kind = Kind {
    title: "Discharge summary",
    code: ("373942005", "Discharge summary"),
    profile: "urn:nhs-en:profile:eDischargeInpatientDischargeSummary-v1-0",
    interaction: "urn:nhs-itk:interaction:primaryRecipienteDischargeInpatientDischargeSummaryDocument-v1-0",
};
const OTHER: Kind = Kind {
    title: "Clinical document",
    code: ("", ""),
    profile: "urn:nhs-en:profile:nonCodedCDADocument-v2-0",
    interaction: "urn:nhs-itk:interaction:primaryRecipientNonCodedCDADocument-v2-0",
};
const EMERGENCY: Kind = Kind { title: "Emergency care discharge summary", ..OTHER };
const OUTPATIENT: Kind = Kind { title: "Outpatient letter", ..OTHER };

/// Headings of a document that is made here: SNOMED CT code, words, resources under it.
const HEADINGS: [(&str, &str, &[&str]); 8] = [
    ("887191000000108", "Diagnoses", &["Condition"]),
    ("887171000000109", "Procedures", &["Procedure"]),
    ("886921000000105", "Allergies and adverse reactions", &["AllergyIntolerance"]),
    (
        "933361000000108",
        "Medications and medical devices",
        &["MedicationRequest", "MedicationStatement", "MedicationDispense"],
    ),
    ("1102181000000102", "Immunisations", &["Immunization"]),
    ("1082101000000102", "Investigation results", &["Observation", "DiagnosticReport"]),
    ("886931000000107", "Safety alerts", &["Flag"]),
    (
        "887201000000105",
        "Plan and requested actions",
        &["ServiceRequest", "CarePlan", "Appointment", "Goal", "DocumentReference"],
    ),
];

/// Writes a bundle as one document in an envelope.
///
/// # Errors
/// Where it is no bundle of one patient, has no document and no visit that says of which care it tells, or can't be said.
pub(crate) fn encode(bundle: &Value, context: &Context) -> Result<Encoded, Issue> {
    let index = Bundle::new(bundle, HashSet::new());
    let mut patients = index.of("Patient");
    let (Some((at, patient)), None) = (patients.next(), patients.next()) else {
        return Err(rules::WRITE_PATIENT.issue());
    };
    let compositions: Vec<&Value> = index.of("Composition").map(|(_, c)| c).collect();
    let withdrawn =
        compositions.iter().any(|c| !matches!(text(c, "status"), "final" | "amended" | "preliminary"));
    if compositions.len() > 1
        || withdrawn
        || patient["active"] == false
        || patient["modifierExtension"].is_array()
    {
        return Err(rules::WRITE_SENSE.issue());
    }
    let what = which(&index, compositions.first().copied()).ok_or_else(|| rules::WRITE_KIND.issue())?;
    // A document states an allergy and has no word for how sure it is; `confirmed` is stated too.
    let mut stated = bundle.clone();
    for entry in stated["entry"].as_array_mut().into_iter().flatten() {
        let resource = &mut entry["resource"];
        if resource["resourceType"] == "AllergyIntolerance"
            && resource["verificationStatus"]["coding"][0]["code"] == "confirmed"
        {
            resource["verificationStatus"] = json!({"coding": [{"code": "unconfirmed"}]});
        }
    }
    let mut skip: HashSet<usize> = HashSet::new();
    for attempt in 0..=ATTEMPTS_MAX {
        let index = Bundle::new(bundle, skip.clone());
        let bytes = message(&index, bundle, context, what).into_bytes();
        let again = translate(&ItkCda, &bytes, &Context { explain: false, ..context.clone() });
        let read: Vec<Value> =
            again.outputs.iter().filter_map(|o| serde_json::from_slice(&o.json).ok()).collect();
        if again.unreadable || read.is_empty() {
            break;
        }
        let found = read_back::compare(bundle, &read);
        let before = skip.len();
        skip.extend(read_back::compare(&stated, &read).turned.into_iter().filter(|n| *n != at));
        if skip.len() == before || attempt == ATTEMPTS_MAX {
            return Ok(Encoded {
                bytes,
                media_type: "text/xml",
                left_behind: found.issues(ItkCda.format().title),
            });
        }
    }
    Err(rules::WRITE_UNREADABLE.issue())
}

/// What kind of document: as its own says, else by the class of the visit.
fn which(index: &Bundle<'_>, composition: Option<&Value>) -> Option<&'static Kind> {
    if let Some(composition) = composition {
        let said = format!("{} {}", text(composition, "title"), composition["type"]).to_ascii_lowercase();
        return Some(if said.contains("discharge") { &DISCHARGE } else { &OTHER });
    }
    index.of("Encounter").find_map(|(_, visit)| match text(&visit["class"], "code") {
        "IMP" | "ACUTE" | "NONAC" | "SS" => Some(&DISCHARGE),
        "EMER" => Some(&EMERGENCY),
        "AMB" | "VR" => Some(&OUTPATIENT),
        _ => None,
    })
}

/// A UUID that the same bundle always has, in upper case as ITK writes them.
fn own_id(context: &Context, key: &str, name: &str) -> String {
    let text = [&context.sender.code, "|itk-cda|", name, "|", key].concat();
    Uuid::new_v5(&context.namespace, text.as_bytes()).hyphenated().to_string().to_uppercase()
}

/// The envelope with the document in it.
fn message(index: &Bundle<'_>, bundle: &Value, context: &Context, what: &Kind) -> String {
    let key = text(bundle, "id");
    let mut document = header::Header { index, context, key, what, people: people::People::default() };
    let (document, to) = document.write();
    let spec = |key: &str, value: &str| {
        Tag::new("spec").with("key", &format!("urn:nhs-itk:ns:201005:{key}")).with("value", value)
    };
    let payload = format!("uuid_{}", own_id(context, key, "payload"));
    let addresses =
        to.iter().map(|code| Tag::new("address").with("uri", &format!("urn:nhs-uk:addressing:ods:{code}")));
    let addresses = Tag::new("addresslist").children(addresses);
    let own = |name: &str| {
        let urn = if name == "id" { "identity" } else { "addressing" };
        Tag::new(name).with("uri", &format!("urn:nhs-uk:{urn}:ods:{}", context.sender.code))
    };
    let header = Tag::new("header")
        .with("service", "urn:nhs-itk:services:201005:SendCDADocument-v2-0")
        .with("trackingid", &own_id(context, key, "envelope"))
        .children((!addresses.is_empty()).then_some(addresses))
        .child(Tag::new("auditIdentity").child(own("id")))
        .child(
            Tag::new("manifest").with("count", "1").child(
                Tag::new("manifestitem")
                    .with("mimetype", "text/xml")
                    .with("id", &payload)
                    .with("profileid", what.profile),
            ),
        )
        .child(own("senderAddress"))
        .child(
            Tag::new("handlingSpecification")
                .child(spec("ackrequested", "true"))
                .child(spec("infackrequested", "true"))
                .child(spec("interaction", what.interaction)),
        );
    let payloads = Tag::new("payloads")
        .with("count", "1")
        .child(Tag::new("payload").with("id", &payload).child(document));
    Tag::new("DistributionEnvelope")
        .with("xmlns", "urn:nhs-itk:ns:201005")
        .child(header)
        .child(payloads)
        .xml()
}

/// Ids of a resource that a document can hold, and where it has none its own UUID: an act is called by something.
fn ids(resource: &Value) -> Vec<Tag> {
    let mut found: Vec<Tag> =
        list(resource, "identifier").iter().filter_map(|one| id("id", one, GUID, oid)).collect();
    let own = Uuid::parse_str(text(resource, "id"));
    if let (true, Ok(own)) = (found.is_empty(), own) {
        found.push(Tag::new("id").with("root", &own.hyphenated().to_string().to_uppercase()));
    }
    found
}

/// `confidentialityCode` of security labels.
fn confidentiality(resource: &Value) -> Vec<Tag> {
    let labels = list(&resource["meta"], "security").iter();
    let known = labels.filter(|l| matches!(text(l, "system"), systems::CONFIDENTIALITY | systems::ACT_CODE));
    known
        .map(|label| {
            Tag::new("confidentialityCode")
                .with("code", text(label, "code"))
                .with("codeSystem", "2.16.840.1.113883.1.11.16926")
                .with("displayName", text(label, "display"))
        })
        .collect()
}
