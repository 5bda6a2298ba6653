//! About Me: the person's own words, as they stand, in a QuestionnaireResponse under the headings of PRSB.

use causeway_fhir::Writer;
use causeway_fhir::types;

use crate::compose;
use crate::item::In;
use crate::open::Record;
use crate::write::{self, Env};

/// Canonical of the questionnaire: ours, with the SNOMED CT headings of PRSB's and items of type text, for the answers
/// are long.
pub const QUESTIONNAIRE: &str = "https://fhir.causeway.example/Questionnaire/about-me";

/// Headings: member, link id (as in PRSB's own questionnaire), words.
pub const HEADINGS: [(&str, &str, &str); 8] = [
    ("mostImportant", "7389887096653", "What is most important to me"),
    ("importantPeople", "1816845151167", "People who are important to me"),
    ("howICommunicate", "9987361660373", "How I communicate and how to communicate with me"),
    ("wellness", "9809112056156", "My wellness"),
    ("doAndDoNot", "5952027243063", "Please do and please don't"),
    ("howToSupport", "3011372023178", "How and when to support me"),
    ("alsoWorthKnowing", "7277981590679", "Also worth knowing about me"),
    ("supportedToWriteBy", "1380289675401", "Supported to write this by"),
];

/// Writes the About Me and its multimedia.
pub fn write(record: &mut Record<'_, '_, '_>) {
    let Some(about) = record.root.get("aboutMe") else { return };
    let says = HEADINGS.iter().any(|(name, ..)| about.has(name));
    if says || about.has("lastUpdated") || about.has("recordUid") {
        response(record, about);
    }
    for file in about.list("multimedia") {
        compose::file(record, file, None, "about-me", false);
    }
}

fn response(record: &mut Record<'_, '_, '_>, about: In<'_>) {
    let key = match about.leaf("recordUid") {
        Some(uid) => format!("{}|aboutMe|{}", record.patient.id, uid.text),
        None => format!("{}|aboutMe", record.patient.id),
    };
    let (patient, context, system) = (record.patient.clone(), record.c.context, record.system.clone());
    record.c.resource("QuestionnaireResponse", &key, |w| {
        let env = Env { zone: &context.zone, system: &system };
        w.array("extension", |w| {
            if let Some(version) = about.leaf("version") {
                write::version_extension(w, version);
            }
        });
        if let Some(uid) = about.leaf("recordUid") {
            w.object("identifier", |w| types::identifier_body(w, env.system, uid.text.trim(), uid));
        }
        w.fixed("questionnaire", QUESTIONNAIRE);
        w.fixed("status", "completed");
        w.reference("subject", &patient, ());
        if let Some(updated) = about.leaf("lastUpdated")
            && let Some(when) = write::when(w, updated, env)
        {
            w.date_time("authored", &when, updated);
        }
        w.array("item", |w| HEADINGS.iter().for_each(|heading| item(w, about, heading)));
    });
}

fn item(w: &mut Writer, about: In<'_>, (name, link, words): &(&str, &str, &str)) {
    let Some(answer) = about.leaf(name) else { return };
    w.element(|w| {
        w.fixed("linkId", link);
        w.fixed("text", words);
        w.array("answer", |w| {
            // The words stand as they are, blanks at the ends included.
            w.element(|w| w.string("valueString", answer.text, answer));
        });
    });
}
