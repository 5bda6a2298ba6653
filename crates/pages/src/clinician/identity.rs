//! Who is who: cases that the record asks a person about, with both sides, a decision, its history, and the way back.

use askama::Template;
use axum::Json;
use axum::extract::{Form, Path, Query, State};
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Redirect};
use causeway_access::Reader;
use causeway_access::audit_event::{Act, Event};
use causeway_access::caller::{self, Caller, same_origin};
use causeway_access::record::{Decision, Demographics, LOOK_ALIKE_POINTS, PersonView, Review};
use causeway_access::sealed::{Case, Sealed};
use causeway_broker::identity::{self, Decided};
use causeway_broker::limits::PAGE_ROWS;
use causeway_broker::state::{AppState, Shared};
use causeway_host::problem::{Answer, Problem};
use serde::Deserialize;
use serde_json::json;

use crate::words::{self, Moment};
use crate::{Frame, render, wants_html};

/// Longest reason of a decision, in characters.
const REASON_MAX: usize = 1_000;

struct Row {
    number: i64,
    text: String,
    at: Moment,
    score: i64,
    outcome: String,
}

#[derive(Template)]
#[template(path = "clinician/reviews.html")]
struct ListPage {
    frame: Frame,
    rows: Vec<Row>,
    all: bool,
}

struct Side {
    person: String,
    heading: String,
}

#[derive(Template)]
#[template(path = "clinician/review.html")]
struct ReviewPage {
    frame: Frame,
    number: i64,
    text: String,
    reason: String,
    at: Moment,
    message: String,
    score: i64,
    threshold: i64,
    sides: Vec<Side>,
    /// Element, value of each side, and `same`, `differs` or nothing.
    compared: Vec<(&'static str, String, String, &'static str)>,
    open: bool,
    outcome: String,
    history: Vec<(Moment, String, String, String)>,
}

/// Whether closed cases are wanted too.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct ListQuery {
    all: bool,
}

/// A decision.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct DecisionForm {
    /// `same-person`, `different-people`, `close` or `undo`.
    answer: String,
    reason: String,
}

pub(crate) async fn list(
    State(state): State<Shared>,
    caller: Caller,
    reader: Reader,
    headers: HeaderMap,
    Query(query): Query<ListQuery>,
) -> Answer {
    caller.require_operator()?;
    let all = query.all;
    let sealed = state.blocking(move |s| s.gate.shelf.reviews(!all, PAGE_ROWS)).await?;
    let events = about(&state, &reader, sealed.patients(), "page/identity");
    let mut reviews = sealed.open(&state.gate, |_| events).await?;
    if all {
        reviews.reverse();
    }
    if !wants_html(&headers) {
        return Ok(Json(json!({"reviews": reviews})).into_response());
    }
    let row = |r: Review| Row {
        number: r.number,
        text: r.text,
        at: r.at.into(),
        score: r.score,
        outcome: r.outcome,
    };
    render(&ListPage {
        frame: Frame::new("Identity", "/people/"),
        rows: reviews.into_iter().map(row).collect(),
        all,
    })
}

/// One entry for each person whom a page of cases is about, or one about nobody.
fn about(state: &Shared, reader: &Reader, patients: Vec<String>, page: &str) -> Vec<Event> {
    let one = |patient: String| {
        let mut event = reader.event(&state.gate, Act::Read);
        event.patient = patient;
        event.data = vec![page.to_owned()];
        event
    };
    if patients.is_empty() { vec![one(String::new())] } else { patients.into_iter().map(one).collect() }
}

/// A case, closed.
async fn case(state: &Shared, reader: &Reader, number: i64) -> Answer<Sealed<Case>> {
    let sealed = state.blocking(move |s| s.gate.shelf.case(number, PAGE_ROWS)).await?;
    let mut missing = reader.event(&state.gate, Act::Read);
    missing.data = vec![format!("page/identity/{number}")];
    sealed.found(&state.gate, missing, "case").await
}

pub(crate) async fn one(
    State(state): State<Shared>,
    caller: Caller,
    reader: Reader,
    headers: HeaderMap,
    Path(number): Path<i64>,
) -> Answer {
    caller.require_operator()?;
    let sealed = case(&state, &reader, number).await?;
    let events = about(&state, &reader, sealed.patients(), &format!("page/identity/{number}"));
    let Case { review, one, other: two, decisions: history } = sealed.open(&state.gate, |_| events).await?;
    if !wants_html(&headers) {
        return Ok(Json(json!({"review": review, "person": one, "other": two, "decisions": history}))
            .into_response());
    }
    render(&shown(review, one.as_ref(), two.as_ref(), history))
}

fn of_patient<'p>(person: Option<&'p PersonView>, patient: &str) -> Option<&'p Demographics> {
    let members = person.map(|p| p.members.as_slice()).unwrap_or_default();
    members.iter().find(|m| m.patient == patient).map(|m| &m.demographics)
}

fn shown(
    review: Review,
    one: Option<&PersonView>,
    two: Option<&PersonView>,
    history: Vec<Decision>,
) -> ReviewPage {
    let empty = Demographics::default();
    let told = [of_patient(one, &review.patient), of_patient(two, &review.other_patient)];
    let (a, b) = (told[0].unwrap_or(&empty), told[1].unwrap_or(&empty));
    let compare = |element: &'static str, a: &str, b: &str| {
        let verdict = match (a.is_empty() || b.is_empty(), a.eq_ignore_ascii_case(b)) {
            (true, _) => "",
            (_, true) => "same",
            (_, false) => "differs",
        };
        (element, a.to_owned(), b.to_owned(), verdict)
    };
    let local = |d: &Demographics| {
        let all: Vec<String> = d
            .identifiers
            .iter()
            .map(|(system, value)| format!("{}: {value}", words::identifier_system(system)))
            .collect();
        all.join("; ")
    };
    let by = |person: Option<&PersonView>, patient: &str| {
        let member = person.and_then(|p| p.members.iter().find(|m| m.patient == patient));
        member.map_or_else(|| "not described yet".to_owned(), |m| m.source.organisation.clone())
    };
    let side = |person: &str, view: Option<&PersonView>, patient: &str, told: &Demographics| Side {
        person: person.to_owned(),
        heading: format!("{}, told by {}", crate::people::name_or(&told.name), by(view, patient)),
    };
    ReviewPage {
        frame: Frame::new(format!("Case {}", review.number), "/people/"),
        sides: vec![
            side(&review.person, one, &review.patient, a),
            side(&review.other_person, two, &review.other_patient, b),
        ],
        compared: vec![
            compare("NHS number", &words::nhs_number(&a.nhs_number), &words::nhs_number(&b.nhs_number)),
            compare("Family name", &a.family, &b.family),
            compare("Given names", &a.given, &b.given),
            compare("Born", &words::date(&a.birth_date), &words::date(&b.birth_date)),
            compare("Gender", &a.gender, &b.gender),
            compare("Address", &a.address, &b.address),
            compare("Contact", &a.telecom.join(", "), &b.telecom.join(", ")),
            compare("Other identifiers", &local(a), &local(b)),
        ],
        history: history
            .into_iter()
            .map(|d| (d.at.into(), d.kind.replace('-', " "), d.text, d.actor))
            .collect(),
        number: review.number,
        reason: review.reason.replace('-', " "),
        at: review.at.into(),
        message: review.message,
        score: review.score,
        threshold: LOOK_ALIKE_POINTS,
        open: review.closed.is_none(),
        outcome: review.outcome,
        text: review.text,
    }
}

pub(crate) async fn decide(
    State(state): State<Shared>,
    caller: Caller,
    reader: Reader,
    headers: HeaderMap,
    Path(number): Path<i64>,
    Form(form): Form<DecisionForm>,
) -> Answer {
    caller.require_operator()?;
    same_origin(&headers)?;
    let reason = form.reason.trim().to_owned();
    if reason.is_empty() || reason.chars().count() > REASON_MAX {
        return Err(Problem::invalid("reason", "say why in not more than 1,000 characters"));
    }
    let answer = match form.answer.as_str() {
        "same-person" => Some(causeway_access::record::Answer::SamePerson),
        "different-people" => Some(causeway_access::record::Answer::DifferentPeople),
        "close" => Some(causeway_access::record::Answer::Close),
        "undo" => None,
        _ => return Err(Problem::invalid("answer", "choose one person, two people, or close")),
    };
    let about = case(&state, &reader, number).await?.patients();
    let patients: Vec<String> = about.iter().map(|patient| format!("Patient/{patient}")).collect();
    let detail = json!({"decision": form.answer, "patients": patients});
    caller::audit(&state, &caller, "identity-decided", format!("identity/{number}"), detail).await?;
    let actor = caller.organisation.code.to_string();
    let now = state.clock.now();
    state
        .blocking(move |s| match <[String; 2]>::try_from(about) {
            Ok(patients) => carry_out(s, number, &Decided { patients, answer, reason, actor, at: now }),
            // About one Patient there is nothing to join or to keep apart.
            Err(_) => s.gate.shelf.decide(number, answer, &reason, &actor, now),
        })
        .await?;
    Ok(Redirect::to(&format!("/identity/{number}")).into_response())
}

/// The exchange keeps the decision, then the record is told; where the record refuses, what stood before stands again.
fn carry_out(state: &AppState, number: i64, decided: &Decided) -> Result<(), Problem> {
    let before = identity::before(&*state.engine, decided)?;
    identity::keep(&*state.engine, decided)?;
    let shelf = &state.gate.shelf;
    shelf.decide(number, decided.answer, &decided.reason, &decided.actor, decided.at).inspect_err(|_| {
        if identity::withdraw(&*state.engine, decided, before.as_ref()).is_err() {
            tracing::error!(
                "a decision about identity that the record refused is still kept with the exchange"
            );
        }
    })
}
