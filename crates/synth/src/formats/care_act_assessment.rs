//! Care Act assessment and plan as a council's system exports them: JSON-LD of socialcaredata.io.

use jiff::civil::DateTime;
use serde_json::{Value, json};

use super::{message, offset};
use crate::people::{COUNCIL, Person};
use crate::{Event, Journey, Message};

const KIND: (&str, &str) = ("care-act-assessment", "application/ld+json");
const CONTEXT: &str = "https://ns.socialcaredata.io/assessments-and-plans/context.jsonld";
const BASE: &str = "https://fhir.causeway.example/Id/la/998";

/// Questions of the Care Act outcomes: id, category, words, answer.
const QUESTIONS: [(&str, &str, &str, &str); 5] = [
    ("STAT-HOUSING-01", "Housing", "Does the person live alone?", "Yes"),
    (
        "CA-NUTRITION-01",
        "CA.nutrition",
        "Care act: Managing and maintaining nutrition. Does the person currently achieve this outcome?",
        "No - needs help with hot meals since the fall",
    ),
    (
        "CA-HYGIENE-01",
        "CA.hygiene",
        "Care act: Maintaining personal hygiene. Does the person currently achieve this outcome?",
        "No - needs one person for washing in the morning",
    ),
    (
        "CA-CLOTHING-01",
        "CA.clothing",
        "Care act: Being appropriately clothed. Does the person currently achieve this outcome?",
        "Partly - stockings and shoes need help",
    ),
    (
        "CA-ELIGIBILITY-01",
        "Eligibility",
        "Have eligible needs been identified, according to the Care Act 2014?",
        "Eligible needs identified",
    ),
];

/// The document that a Care Act assessment causes, with the plan that follows from it.
pub fn of_event(person: &Person, journey: &Journey, event: &Event) -> Vec<Message> {
    let Event::Assessment { to, description: "Care Act assessment", .. } = event else { return Vec::new() };
    let at = to.at(16, 30, 0, 0);
    let service = journey.events.iter().find_map(|e| match e {
        Event::Service { from, to: None, component, .. } if from >= to => Some((*from, *component)),
        _ => None,
    });
    let mut graph = vec![assessment(person, at, service.is_some())];
    if let Some((from, component)) = service {
        graph.push(plan(person, at, from.at(9, 0, 0, 0), component));
    }
    let value = json!({"@context": CONTEXT, "@graph": graph});
    let names = ("care-act-assessment.jsonld", "The council's Care Act assessment and plan");
    vec![message(person, KIND, names, (COUNCIL, at), format!("{value:#}\n"))]
}

fn identifier(system: &str, value: &str) -> Value {
    json!({"@type": "Identifier", "value": value, "system": system})
}

fn local(kind: &str, value: &str) -> Value {
    identifier(&format!("{BASE}/{kind}"), value)
}

fn common(person: &Person, kind: &str, id: &str, at: DateTime) -> Value {
    json!({
        "@id": format!("ex:{id}"),
        "@type": kind,
        "identifier": local(if kind == "CarePlan" { "plan" } else { "assessment" }, id),
        "personId": identifier("https://fhir.nhs.uk/Id/nhs-number", &person.nhs_number),
        "professionalId": local("worker", "501"),
        "dateCompleted": offset(at),
        "capacityToCompleteAssessment": true,
        "advocateRequired": false,
        "consentToInformationSharing": true,
        "review": [{"@type": "Review", "isReview": false}],
        "status": "active",
    })
}

fn assessment(person: &Person, at: DateTime, planned: bool) -> Value {
    let id = format!("ASS-{}", person.council_number);
    let mut value = common(person, "CareNeedsAssessment", &id, at);
    let questions: Vec<Value> = QUESTIONS
        .iter()
        .map(|(id, category, text, answer)| {
            json!({
                "@type": "AssessmentQuestion", "questionId": id, "category": category, "questionText": text,
                "answer": [answer], "answerType": "String", "required": true,
            })
        })
        .collect();
    value["assessmentQuestion"] = Value::from(questions);
    if planned {
        value["planId"] = local("plan", &format!("PLAN-{}", person.council_number));
    }
    value
}

fn plan(person: &Person, at: DateTime, from: DateTime, component: &str) -> Value {
    let id = format!("PLAN-{}", person.council_number);
    let mut value = common(person, "CarePlan", &id, at);
    value["assessmentId"] = local("assessment", &format!("ASS-{}", person.council_number));
    value["careComponent"] = json!([{
        "@type": "CareComponent",
        "actor": [{
            "@type": "CareActor",
            "actorType": "Professional services",
            "actorId": local("service", &format!("SRV-{}", person.council_number)),
        }],
        "time": {"@type": "CareTiming", "frequency": "Daily", "startDateTime": offset(from)},
        "activity": {
            "@type": "CareActivity",
            "activityDescription": format!("{component}: help with washing, dressing and a hot meal"),
            "outcome": "CA-NUTRITION",
            "directPayment": false,
        },
    }]);
    value
}
