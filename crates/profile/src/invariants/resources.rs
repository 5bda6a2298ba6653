//! Invariants of resources that a care record uses.

use super::{Invariant, coded, error, has, has_choice, in_order, items, text, warning};
use crate::invariants::Object;
use serde_json::Value;
use std::collections::HashSet;

const ALLERGY: &str = "http://terminology.hl7.org/CodeSystem/allergyintolerance-verification";
const VERIFICATION: &str = "http://terminology.hl7.org/CodeSystem/condition-ver-status";
const CLINICAL: &str = "http://terminology.hl7.org/CodeSystem/condition-clinical";
const WRONG: &[&str] = &["entered-in-error"];

pub(super) const ALL: &[Invariant] = &[
    warning("dom-6", "DomainResource", "a resource should have a narrative", |o| has(o, "text")),
    error("ait-1", "AllergyIntolerance", "a clinical status is required unless entered in error", |o| {
        has(o, "clinicalStatus") || coded(o, "verificationStatus", ALLERGY, WRONG)
    }),
    error("ait-2", "AllergyIntolerance", "an allergy entered in error has no clinical status", |o| {
        !has(o, "clinicalStatus") || !coded(o, "verificationStatus", ALLERGY, WRONG)
    }),
    error("app-1", "Appointment.participant", "a participant needs a type or an actor", |o| {
        has(o, "type") || has(o, "actor")
    }),
    error("app-2", "Appointment", "start and end are given both or not at all", |o| {
        has(o, "start") == has(o, "end")
    }),
    error(
        "app-3",
        "Appointment",
        "start and end are required unless proposed, cancelled or on a waiting list",
        |o| {
            (has(o, "start") && has(o, "end"))
                || matches!(text(o, "status"), Some("proposed" | "cancelled" | "waitlist"))
        },
    ),
    error("app-4", "Appointment", "a reason for cancelling is for cancelled and missed appointments", |o| {
        !has(o, "cancelationReason") || matches!(text(o, "status"), Some("cancelled" | "noshow"))
    }),
    error("sev-1", "AuditEvent.entity", "an entity has a name or a query, not both", |o| {
        !has(o, "name") || !has(o, "query")
    }),
    error("cpl-3", "CarePlan.activity", "an activity has a detail or a reference, not both", |o| {
        !has(o, "detail") || !has(o, "reference")
    }),
    error("cmp-1", "Composition.section", "a section needs text, entries or sections", |o| {
        has(o, "text") || has(o, "entry") || has(o, "section")
    }),
    error("cmp-2", "Composition.section", "a section with entries has no reason for being empty", |o| {
        !has(o, "emptyReason") || !has(o, "entry")
    }),
    error("con-1", "Condition.stage", "a stage needs a summary or an assessment", |o| {
        has(o, "summary") || has(o, "assessment")
    }),
    error("con-2", "Condition.evidence", "evidence needs a code or details", |o| {
        has(o, "code") || has(o, "detail")
    }),
    warning("con-3", "Condition", "a problem list item should have a clinical status", |o| {
        let problem = items(o, "category")
            .any(|c| items(c, "coding").any(|c| text(c, "code") == Some("problem-list-item")));
        has(o, "clinicalStatus") || coded(o, "verificationStatus", VERIFICATION, WRONG) || !problem
    }),
    error(
        "con-4",
        "Condition",
        "a condition that has abated must be inactive, resolved or in remission",
        |o| {
            !has_choice(o, "abatement")
                || coded(o, "clinicalStatus", CLINICAL, &["resolved", "remission", "inactive"])
        },
    ),
    error("con-5", "Condition", "a condition entered in error has no clinical status", |o| {
        !has(o, "clinicalStatus") || !coded(o, "verificationStatus", VERIFICATION, WRONG)
    }),
    error("ppc-1", "Consent", "a policy or a policy rule is required", |o| {
        has(o, "policy") || has(o, "policyRule")
    }),
    error("fhs-1", "FamilyMemberHistory", "an age and a birth exclude each other", |o| {
        !has_choice(o, "age") || !has_choice(o, "born")
    }),
    error("fhs-2", "FamilyMemberHistory", "an estimated age needs an age", |o| {
        has_choice(o, "age") || !has(o, "estimatedAge")
    }),
    error("gol-1", "Goal.target", "a detail needs a measure", |o| {
        !has_choice(o, "detail") || has(o, "measure")
    }),
    error("grp-1", "Group", "only an actual group has members", |o| {
        !has(o, "member") || o.get("actual") == Some(&Value::Bool(true))
    }),
    error("imm-1", "Immunization.education", "a document type or a reference is required", |o| {
        has(o, "documentType") || has(o, "reference")
    }),
    error("lst-1", "List", "a list with entries has no reason for being empty", |o| {
        !has(o, "emptyReason") || !has(o, "entry")
    }),
    error("lst-2", "List", "only a list of changes has deleted entries", |o| {
        text(o, "mode") == Some("changes") || !items(o, "entry").any(|e| has(e, "deleted"))
    }),
    error("lst-3", "List", "only a working list dates its entries", |o| {
        text(o, "mode") == Some("working") || !items(o, "entry").any(|e| has(e, "date"))
    }),
    error("mad-1", "MedicationAdministration.dosage", "a dose or a rate is required", |o| {
        has(o, "dose") || has_choice(o, "rate")
    }),
    error("mdd-1", "MedicationDispense", "handed over before it was prepared", |o| {
        in_order(o, "whenPrepared", "whenHandedOver")
    }),
    error("obs-3", "Observation.referenceRange", "a reference range needs a low, a high or a text", |o| {
        has(o, "low") || has(o, "high") || has(o, "text")
    }),
    error("obs-6", "Observation", "a reason for an absent value and a value exclude each other", |o| {
        !has(o, "dataAbsentReason") || !has_choice(o, "value")
    }),
    error(
        "obs-7",
        "Observation",
        "a component with the observation's own code excludes a value",
        component_code,
    ),
    error("org-1", "Organization", "an identifier or a name is required", |o| {
        has(o, "identifier") || has(o, "name")
    }),
    error("org-3", "Organization", "an organisation has no home telecom", |o| {
        !items(o, "telecom").any(|t| text(t, "use") == Some("home"))
    }),
    error("org-2", "Organization", "an organisation has no home address", |o| {
        !items(o, "address").any(|t| text(t, "use") == Some("home"))
    }),
    error("inv-1", "Parameters.parameter", "a parameter has one of value, resource and parts", |o| {
        let said = [has_choice(o, "value"), has(o, "resource"), has(o, "part")];
        said.iter().filter(|s| **s).count() == 1
    }),
    error(
        "pat-1",
        "Patient.contact",
        "a contact needs a name, a telecom, an address or an organisation",
        |o| has(o, "name") || has(o, "telecom") || has(o, "address") || has(o, "organization"),
    ),
    error("que-1", "Questionnaire.item", "a group has items, a display has none", |o| {
        match text(o, "type") {
            Some("group") => has(o, "item"),
            Some("display") => !has(o, "item"),
            _ => true,
        }
    }),
    error("que-2", "Questionnaire", "the link ids must be unique", unique_links),
    error("que-3", "Questionnaire.item", "a display has no code", |o| {
        text(o, "type") != Some("display") || !has(o, "code")
    }),
    error("que-4", "Questionnaire.item", "options and a value set exclude each other", |o| {
        !has(o, "answerOption") || !has(o, "answerValueSet")
    }),
    error("que-5", "Questionnaire.item", "only a choice, number, date, time or text has options", |o| {
        let kinds =
            ["choice", "open-choice", "decimal", "integer", "date", "dateTime", "time", "string", "quantity"];
        (!has(o, "answerOption") && !has(o, "answerValueSet"))
            || text(o, "type").is_some_and(|t| kinds.contains(&t))
    }),
    error("que-6", "Questionnaire.item", "a display is neither required nor repeated", |o| {
        text(o, "type") != Some("display") || (!has(o, "required") && !has(o, "repeats"))
    }),
    error("que-7", "Questionnaire.item.enableWhen", "the operator exists needs a true or false", |o| {
        text(o, "operator") != Some("exists") || o.contains_key("answerBoolean")
    }),
    error("que-8", "Questionnaire.item", "a group or display has no initial value", |o| {
        !matches!(text(o, "type"), Some("group" | "display")) || !has(o, "initial")
    }),
    error("que-9", "Questionnaire.item", "a display can't be read only", |o| {
        text(o, "type") != Some("display") || !has(o, "readOnly")
    }),
    error("que-10", "Questionnaire.item", "only text, numbers and yes or no have a longest length", |o| {
        let kinds = ["boolean", "decimal", "integer", "string", "text", "url"];
        !has(o, "maxLength") || text(o, "type").is_some_and(|t| kinds.contains(&t))
    }),
    error("que-11", "Questionnaire.item", "options exclude an initial value", |o| {
        !has(o, "answerOption") || !has(o, "initial")
    }),
    error("que-12", "Questionnaire.item", "several conditions need an enable behaviour", |o| {
        items(o, "enableWhen").count() < 2 || has(o, "enableBehavior")
    }),
    error("que-13", "Questionnaire.item", "several initial values need a repeating item", |o| {
        o.get("repeats") == Some(&Value::Bool(true)) || items(o, "initial").count() < 2
    }),
    error("qrs-1", "QuestionnaireResponse.item", "an item has answers or items, not both", |o| {
        !has(o, "answer") || !has(o, "item")
    }),
    error("rqg-1", "RequestGroup.action", "an action has a resource or actions, not both", |o| {
        has(o, "resource") != has(o, "action")
    }),
    error("prr-1", "ServiceRequest", "order details need a code", |o| {
        !has(o, "orderDetail") || has(o, "code")
    }),
    error("inv-1", "Task", "modified before it was authored", |o| in_order(o, "authoredOn", "lastModified")),
];

fn component_code(object: &Object) -> bool {
    if !has_choice(object, "value") {
        return true;
    }
    let Some(code) = object.get("code").and_then(Value::as_object) else { return true };
    // R4 intersects whole Codings: another display or version makes another Coding.
    let own: Vec<&Object> = items(code, "coding").collect();
    !items(object, "component").any(|component| {
        let code = component.get("code").and_then(Value::as_object);
        code.is_some_and(|c| items(c, "coding").any(|coding| own.contains(&coding)))
    })
}

fn unique_links(object: &Object) -> bool {
    let mut seen = HashSet::new();
    let mut open: Vec<&Object> = items(object, "item").collect();
    while let Some(item) = open.pop() {
        if text(item, "linkId").is_some_and(|id| !seen.insert(id)) {
            return false;
        }
        open.extend(items(item, "item"));
    }
    true
}
