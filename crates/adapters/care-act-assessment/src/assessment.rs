//! Care needs assessments: the answers as QuestionnaireResponse, the assessment as Task, the consent as Consent.

use causeway_adapter::Composer;
use causeway_core::{IssueCode, Leaf};
use causeway_fhir::types;
use causeway_fhir::writer::decimal;
use causeway_fhir::{Coding, Ref, Writer, systems};
use causeway_json::Node;
use causeway_json::shape::token;
use causeway_terminology::Map;
use jiff::tz::TimeZone;

use crate::parts::{self, leaf, leaves, value, values};

/// Statuses of an assessment as statuses of a QuestionnaireResponse.
pub static RESPONSE_STATUS: Map =
    Map::new("care-act-response-status", include_str!("../maps/response-status.csv"));
/// Statuses of an assessment as statuses of a Task.
pub static TASK_STATUS: Map = Map::new("care-act-task-status", include_str!("../maps/task-status.csv"));
/// Categories of questions.
pub static CATEGORY: Map =
    Map::new("care-act-question-category", include_str!("../maps/question-category.csv"));

const QUESTION_CATEGORY: &str =
    "https://fhir.causeway.example/StructureDefinition/care-act-question-category";
const ASSESSMENT_TYPE: &str = "https://fhir.causeway.example/CodeSystem/social-care-assessment-type";
const OUTPUT_TYPE: &str = "https://fhir.causeway.example/CodeSystem/care-act-document";

/// Writes an assessment.
pub fn write(record: Node<'_>, c: &mut Composer<'_>) {
    let key = parts::key(value(record, "identifier"));
    let zone = c.context.zone.clone();
    let ids: Vec<String> = values(record, "assessmentQuestion")
        .iter()
        .map(|question| {
            let text = leaf(*question, "questionText").map_or("", |t| t.text);
            leaf(*question, "questionId").map_or_else(|| c.id("linkId", text), |id| id.text.trim().to_owned())
        })
        .collect();
    let response = c.resource("QuestionnaireResponse", &key, |w| {
        w.array("extension", |w| parts::episodes(w, record));
        parts_identifier(w, record);
        if let Some(status) = leaf(record, "status") {
            let code = parts::code_of(w, &RESPONSE_STATUS, status).unwrap_or("completed");
            w.string("status", code, status);
        }
        parts::reference(w, "subject", "Patient", value(record, "personId"));
        completed(w, "authored", record, &zone);
        parts::reference(w, "author", "Practitioner", value(record, "professionalId"));
        w.array("item", |w| {
            for (name, words) in [
                (
                    "capacityToCompleteAssessment",
                    "Does the person have the capacity to complete this assessment?",
                ),
                ("advocateRequired", "Does the person require an advocate to complete this assessment?"),
            ] {
                if let Some(answer) = leaf(record, name) {
                    w.element(|w| statement(w, name, words, answer));
                }
            }
            for (question, id) in values(record, "assessmentQuestion").into_iter().zip(&ids) {
                w.element(|w| item(w, question, id, &zone));
            }
        });
    });
    task(record, c, &key, &response, &zone);
    consent(record, c, &key, &response, &zone);
}

fn parts_identifier(w: &mut Writer, record: Node<'_>) {
    if let Some(id) = value(record, "identifier") {
        w.object("identifier", |w| parts::identifier_body(w, id, false));
    }
}

/// The time of completion under a key.
pub fn completed(w: &mut Writer, key: &str, record: Node<'_>, zone: &TimeZone) {
    if let Some(at) = leaf(record, "dateCompleted")
        && let Some(when) = parts::when(w, at, zone)
    {
        w.date_time(key, &when, at);
    }
}

fn statement(w: &mut Writer, name: &str, words: &str, answer: Leaf<'_>) {
    w.fixed("linkId", name);
    w.fixed("text", words);
    w.array("answer", |w| {
        w.element(|w| w.boolean("valueBoolean", answer.text == "true", answer));
    });
}

fn item(w: &mut Writer, question: Node<'_>, id: &str, zone: &TimeZone) {
    w.array("extension", |w| {
        if let Some(category) = leaf(question, "category") {
            types::extension(w, QUESTION_CATEGORY, |w| {
                w.object("valueCodeableConcept", |w| parts::coded(w, &CATEGORY, category));
            });
        }
        parts::detail(w, "required", question);
    });
    w.string("linkId", id, leaf(question, "questionId"));
    w.leaf_opt("text", leaf(question, "questionText"));
    let kind = leaf(question, "answerType");
    w.decides(kind, "the type of the answer");
    w.array("answer", |w| {
        for given in leaves(question, "answer") {
            w.element(|w| answer(w, given, &kind.map_or_else(String::new, |k| token(k.text)), zone));
        }
    });
}

/// An answer in the type that the question says; where the words are of another type, they stay words.
fn answer(w: &mut Writer, given: Leaf<'_>, kind: &str, zone: &TimeZone) {
    match kind {
        "boolean" => {
            if let Some(value) = yes_no(given.text) {
                return w.boolean("valueBoolean", value, given);
            }
        }
        "number" => {
            if let Some(digits) = decimal(given.text) {
                return w.number("valueDecimal", &digits, given);
            }
        }
        "date" => {
            if let Ok(when) = causeway_core::When::iso(given.text, zone) {
                return w.date("valueDate", &when, given);
            }
        }
        "enum" => {
            w.object("valueCoding", |w| w.leaf("display", given));
            return;
        }
        _ => {
            w.leaf("valueString", given);
            return;
        }
    }
    let text = "the answer is not of the type that its question says; the words were kept";
    parts::warn(w, given, IssueCode::Value, "answer-type", text);
    w.leaf("valueString", given);
}

fn yes_no(text: &str) -> Option<bool> {
    match text.trim().to_ascii_lowercase().as_str() {
        "yes" | "true" => Some(true),
        "no" | "false" => Some(false),
        _ => None,
    }
}

/// Details of the reviews, and the documents that they review.
pub fn reviews(w: &mut Writer, record: Node<'_>) {
    for review in values(record, "review") {
        parts::detail(w, "isReview", review);
    }
}

/// Identifiers of earlier documents.
pub fn previous<'t>(record: Node<'t>) -> Vec<Node<'t>> {
    values(record, "review").into_iter().flat_map(|review| values(review, "previousId")).collect()
}

fn task(record: Node<'_>, c: &mut Composer<'_>, key: &str, response: &Ref, zone: &TimeZone) {
    c.resource("Task", key, |w| {
        w.array("extension", |w| reviews(w, record));
        parts::identifiers(w, record, false);
        w.array("basedOn", |w| {
            for id in previous(record) {
                w.element(|w| parts::reference_body(w, "Task", id));
            }
        });
        if let Some(status) = leaf(record, "status") {
            let code = parts::code_of(w, &TASK_STATUS, status).unwrap_or("completed");
            w.string("status", code, status);
            w.object("businessStatus", |w| w.leaf("text", status));
        }
        w.fixed("intent", "plan");
        types::concept_fixed(w, "code", Coding::new(ASSESSMENT_TYPE, "CN", "Care Act needs assessment"));
        w.reference("focus", response, ());
        parts::reference(w, "for", "Patient", value(record, "personId"));
        completed(w, "authoredOn", record, zone);
        parts::reference(w, "owner", "Practitioner", value(record, "professionalId"));
        w.array("output", |w| {
            if let Some(plan) = value(record, "planId") {
                w.element(|w| {
                    types::concept_fixed(w, "type", Coding::new(OUTPUT_TYPE, "care-plan", "Care plan"));
                    parts::reference(w, "valueReference", "CarePlan", Some(plan));
                });
            }
        });
    });
}

/// The consent to share: written only where it was given, for without it nothing is.
pub fn consent(record: Node<'_>, c: &mut Composer<'_>, key: &str, source: &Ref, zone: &TimeZone) {
    let given = leaf(record, "consentToInformationSharing");
    c.resource("Consent", key, |w| {
        w.fixed("status", "active");
        let scope = Coding::new(
            "http://terminology.hl7.org/CodeSystem/consentscope",
            "patient-privacy",
            "Privacy Consent",
        );
        types::concept_fixed(w, "scope", scope);
        w.array("category", |w| {
            types::concept_element(w, Coding::new(systems::ACT_CODE, "INFA", "information access"), ());
        });
        parts::reference(w, "patient", "Patient", value(record, "personId"));
        completed(w, "dateTime", record, zone);
        if source.kind == "QuestionnaireResponse" {
            w.reference("sourceReference", source, ());
        }
        w.object("policyRule", |w| {
            w.fixed("text", "consent to information sharing, as the Care Act assessment or plan records it");
        });
        w.object("provision", |w| w.string("type", "permit", given));
    });
}
