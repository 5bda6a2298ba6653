//! FHIR R4 as a GP Summary (REPC_MT150007UK05): the event that a practice uploads. The wrapper that carries it over the Spine
//! names two systems and a user, which a bundle doesn't know, and is put around it where it is sent.
//!
//! A summary takes the place of the one before it, so it is written only where the bundle says whose it is: it is a GP Summary
//! itself, or it names the practice where its patient is registered. What is not told is found by reading it again
//! ([`causeway_adapter::read_back`]); an entry whose sense it would turn stays out, and its words stay in the text. Sources:
//! NPfIT Message Implementation Manual 4.2 (GP Summary, care record elements), its XML schemas.

mod entries;
mod narrative;
mod people;

use std::collections::HashSet;

use causeway_adapter::{Adapter, Context, Encoded, read_back, translate};
use causeway_core::{Issue, NhsNumber};
use causeway_fhir::systems;
use causeway_hl7v3::build::{Tag, list, text, time};
use causeway_hl7v3::bundle::Bundle;
use serde_json::Value;
use uuid::Uuid;

use crate::codes::{GUID, NHS_NUMBER_OID, SUMMARIES, oid};
use crate::{SummaryCareRecord, rules};

/// Times that a summary is written again without the entries whose sense it turned.
const ATTEMPTS_MAX: usize = 3;
const SNOMED: &str = "2.16.840.1.113883.2.1.3.2.4.15";

/// What a summary is written of.
struct Summary<'a, 'b> {
    index: &'a Bundle<'b>,
    context: &'a Context,
    /// Id of the bundle, of which the ids are made that the summary needs and the bundle doesn't have.
    key: &'b str,
    number: &'b str,
    composition: Option<&'b Value>,
    author: Tag,
    written: String,
}

/// Writes a bundle as one GP Summary.
///
/// # Errors
/// Where it is no bundle of one patient with an NHS number, another document, or doesn't say who wrote it and when.
pub(crate) fn encode(bundle: &Value, context: &Context) -> Result<Encoded, Issue> {
    let mut skip: HashSet<usize> = HashSet::new();
    let stated = stated(bundle);
    for attempt in 0..=ATTEMPTS_MAX {
        let index = Bundle::new(bundle, skip.clone());
        let bytes = Summary::of(&index, text(bundle, "id"), context)?.write().into_bytes();
        let again = translate(&SummaryCareRecord, &bytes, &Context { explain: false, ..context.clone() });
        let read: Vec<Value> =
            again.outputs.iter().filter_map(|o| serde_json::from_slice(&o.json).ok()).collect();
        if again.unreadable || read.len() != 1 {
            break;
        }
        let before = skip.len();
        let whole = |n: &usize| {
            matches!(text(&bundle["entry"][*n]["resource"], "resourceType"), "Patient" | "Composition")
        };
        let turned = read_back::compare(&stated, &read).turned;
        if turned.iter().any(whole) {
            return Err(rules::WRITE_SENSE.issue());
        }
        skip.extend(turned);
        if skip.len() == before || attempt == ATTEMPTS_MAX {
            let found = read_back::compare(bundle, &read);
            return Ok(Encoded {
                bytes,
                media_type: "application/xml",
                left_behind: found.issues(SummaryCareRecord.format().title),
            });
        }
    }
    Err(rules::WRITE_UNREADABLE.issue())
}

/// The bundle as a summary states it: it has no word for how sure a diagnosis or an allergy is, and what it lists is meant.
fn stated(bundle: &Value) -> Value {
    let mut stated = bundle.clone();
    for entry in stated["entry"].as_array_mut().into_iter().flatten() {
        let resource = &mut entry["resource"];
        if resource["verificationStatus"]["coding"][0]["code"] == "confirmed"
            && let Some(map) = resource.as_object_mut()
        {
            map.remove("verificationStatus");
        }
        // Of what no longer holds, a summary doesn't say how it ended; of what holds, not that it came back.
        if let Some(clinical) = resource.pointer_mut("/clinicalStatus/coding/0/code") {
            match clinical.as_str() {
                Some("remission" | "resolved") => *clinical = Value::from("inactive"),
                Some("recurrence" | "relapse") => *clinical = Value::from("active"),
                _ => {}
            }
        }
    }
    stated
}

/// The NHS number of the one patient.
fn patient<'b>(index: &Bundle<'b>) -> Result<(&'b Value, &'b str), Issue> {
    let mut all = index.of("Patient");
    let (Some((_, patient)), None) = (all.next(), all.next()) else {
        return Err(rules::WRITE_PATIENT.issue());
    };
    let number = list(patient, "identifier").iter().find(|i| i["system"] == systems::NHS_NUMBER);
    let number = number.map(|i| text(i, "value")).filter(|n| NhsNumber::parse(n).is_ok());
    number.map(|number| (patient, number)).ok_or_else(|| rules::WRITE_PATIENT.issue())
}

impl<'a, 'b> Summary<'a, 'b> {
    fn of(index: &'a Bundle<'b>, key: &'b str, context: &'a Context) -> Result<Self, Issue> {
        let (patient, number) = patient(index)?;
        if patient["active"] == false || patient["modifierExtension"].is_array() {
            return Err(rules::WRITE_SENSE.issue());
        }
        let compositions: Vec<&Value> = index.of("Composition").map(|(_, c)| c).collect();
        if compositions.len() > 1 || compositions.iter().any(|c| c["status"] != "final") {
            return Err(rules::WRITE_SENSE.issue());
        }
        let composition = compositions.first().copied();
        let is_summary = |c: &Value| {
            list(&c["type"], "coding")
                .iter()
                .any(|c| c["system"] == systems::SNOMED && SUMMARIES.contains(&text(c, "code")))
        };
        if composition.is_some_and(|c| !is_summary(c)) {
            return Err(rules::WRITE_KIND.issue());
        }
        // The text of a summary may tell of any of its entries.
        if composition.is_some() && index.all.iter().any(|(_, _, r)| restricted(r)) {
            return Err(rules::WRITE_RESTRICTED.issue());
        }
        let author = match composition {
            Some(c) => list(c, "author").iter().find_map(|a| people::agent(index, a)),
            None => practice(index, patient),
        };
        let author = author.ok_or_else(|| rules::WRITE_MISSING.with("who wrote it"))?;
        let written = composition.map(|c| text(c, "date")).and_then(time).or_else(|| newest(index));
        let written = written.ok_or_else(|| rules::WRITE_MISSING.with("when it was written"))?;
        Ok(Self { index, context, key, number, composition, author, written })
    }

    /// A UUID that the same bundle always has, in upper case as these messages write them.
    fn own_id(&self, name: &str) -> String {
        let text = [&self.context.sender.code, "|summary-care-record|", name, "|", self.key].concat();
        upper(Uuid::new_v5(&self.context.namespace, text.as_bytes()))
    }

    fn write(&self) -> String {
        let none = Value::Null;
        let composition = self.composition.unwrap_or(&none);
        let id = &composition["identifier"];
        let id = if id["system"] == *GUID { text(id, "value").to_owned() } else { self.own_id("summary") };
        let code = causeway_hl7v3::build::concept("code", &composition["type"], oid);
        let code = code.unwrap_or_else(|| snomed("code", "196981000000101", "General Practice Summary"));
        let effective = time(text(&composition["event"][0]["period"], "end"));
        let effective = effective.as_deref().unwrap_or(&self.written);
        let author = Tag::new("author")
            .with("typeCode", "AUT")
            .with("contextControlCode", "OP")
            .child(Tag::new("time").with("value", &self.written))
            .child(self.author.clone());
        let replaced = list(composition, "relatesTo").iter().filter(|r| r["code"] == "replaces");
        let replaced = replaced.map(|r| &r["targetIdentifier"]).filter(|i| i["system"] == *GUID).take(1);
        let replaced = replaced.map(|i| {
            let reference = act("priorMessageRef", "COMPOSITION", "EVN");
            let reference = reference.child(Tag::new("id").with("root", text(i, "value")));
            Tag::new("replacementOf").with("typeCode", "RPLC").child(reference)
        });
        let patient = Tag::new("patient")
            .with("classCode", "PAT")
            .child(Tag::new("id").with("root", NHS_NUMBER_OID).with("extension", self.number));
        act("GPSummary", "COMPOSITION", "EVN")
            .with("xmlns", "urn:hl7-org:v3")
            .with("xmlns:xsi", "http://www.w3.org/2001/XMLSchema-instance")
            .child(Tag::new("id").with("root", &id))
            .child(code)
            .child(Tag::new("effectiveTime").with("value", effective))
            .child(Tag::new("statusCode").with("code", "active"))
            .child(author)
            .child(self.text(effective))
            .child(
                pertinent("pertinentInformation1")
                    .child(act("pertinentRootCREType", "CATEGORY", "EVN").child(documentation())),
            )
            .children(entries::write(self.index))
            .child(Tag::new("recordTarget").with("typeCode", "RCT").child(patient))
            .children(replaced)
            .xml()
    }

    /// The text for people: that of the summary, or lines under headings.
    fn text(&self, effective: &str) -> Tag {
        let body = match self.composition {
            Some(composition) => narrative::of_sections(composition),
            None => narrative::of_resources(self.index),
        };
        let html = Tag::new("html")
            .with("xmlns", "xhtml:NPfIT:PresentationText")
            .child(Tag::new("head"))
            .child(Tag::new("body").raw(&body));
        let code = Tag::new("code")
            .with("code", "PresentationText")
            .with("codeSystem", "2.16.840.1.113883.2.1.3.2.4.17.126")
            .with("displayName", "Presentation Text");
        let presented = act("presentationText", "OBS", "EVN")
            .child(Tag::new("value").child(html))
            .child(Tag::new("id").with("root", &self.own_id("text")))
            .child(code)
            .child(Tag::new("statusCode").with("code", "completed"))
            .child(Tag::new("effectiveTime").with("value", effective));
        let component = relation("component", "COMP", "CSAB_RM-NPfITUK10.component").child(presented);
        let category = act("UKCT_MT144051UK01.CareProfessionalDocumentationCRE", "CATEGORY", "EVN");
        let category = category.child(documentation()).child(component);
        Tag::new("excerptFrom")
            .with("typeCode", "XCRPT")
            .with("inversionInd", "false")
            .with("contextConductionInd", "true")
            .with("negationInd", "false")
            .child(template("CSAT_RM-NPfITUK10.excerptFrom"))
            .child(Tag::new("seperatableInd").with("value", "false"))
            .child(category)
    }
}

/// The practice of the patient, as the author of a summary that is made here.
fn practice(index: &Bundle<'_>, patient: &Value) -> Option<Tag> {
    let all = list(patient, "generalPractitioner").iter().chain([&patient["managingOrganization"]]);
    all.filter_map(|r| people::practice(index, r)).next()
}

/// The newest time at which something of the bundle was recorded: a summary that is made here is no older.
fn newest(index: &Bundle<'_>) -> Option<String> {
    let names = ["recordedDate", "authoredOn", "issued", "effectiveDateTime", "performedDateTime"];
    let all = index.all.iter().flat_map(|(_, _, r)| names.iter().map(|name| text(r, name)));
    let zoned = |t: &str| t.parse::<jiff::Timestamp>().ok();
    let newest = all.filter_map(|t| Some((zoned(t)?, t))).max_by_key(|(at, _)| *at);
    newest.and_then(|(_, t)| time(t))
}

fn upper(id: Uuid) -> String {
    id.hyphenated().to_string().to_uppercase()
}

fn act(name: &str, class: &str, mood: &str) -> Tag {
    Tag::new(name).with("classCode", class).with("moodCode", mood)
}

fn snomed(name: &str, code: &str, words: &str) -> Tag {
    Tag::new(name).with("code", code).with("codeSystem", SNOMED).with("displayName", words)
}

fn documentation() -> Tag {
    snomed("code", "163171000000105", "Care Professional Documentation")
}

fn template(extension: &str) -> Tag {
    Tag::new("templateId").with("root", "2.16.840.1.113883.2.1.3.2.4.18.2").with("extension", extension)
}

/// A relationship whose target means nothing without its source.
fn relation(name: &str, kind: &str, extension: &str) -> Tag {
    Tag::new(name)
        .with("typeCode", kind)
        .with("inversionInd", "false")
        .with("negationInd", "false")
        .child(template(extension))
        .child(Tag::new("seperatableInd").with("value", "false"))
}

fn pertinent(name: &str) -> Tag {
    Tag::new(name)
        .with("typeCode", "PERT")
        .with("inversionInd", "false")
        .with("contextConductionInd", "true")
        .with("negationInd", "false")
        .child(template("CSAB_RM-NPfITUK10.pertinentInformation1"))
        .child(Tag::new("seperatableInd").with("value", "true"))
}

/// Whether a resource is labelled for fewer eyes than those who see a summary, or with what is not known here.
fn restricted(resource: &Value) -> bool {
    let open = |l: &Value| {
        l["system"] == systems::CONFIDENTIALITY && matches!(text(l, "code"), "U" | "L" | "M" | "N")
    };
    list(&resource["meta"], "security").iter().any(|label| !open(label))
}
