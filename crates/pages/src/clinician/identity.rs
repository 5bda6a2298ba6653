//! Who is who: cases that the record asks a person about, with both sides, a decision, its history, and the way back.

use askama::Template;
use axum::Json;
use axum::extract::{Form, Path, Query, State};
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Redirect};
use causeway_access::caller::{self, Caller, same_origin};
use causeway_access::record_problem;
use causeway_broker::limits::PAGE_ROWS;
use causeway_broker::state::Shared;
use causeway_host::problem::{Answer, Problem};
use causeway_record::{Decision, Demographics, LOOK_ALIKE_POINTS, PersonView, Review};
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
    headers: HeaderMap,
    Query(query): Query<ListQuery>,
) -> Answer {
    caller.require_operator()?;
    let all = query.all;
    let mut reviews =
        state.blocking(move |s| s.record.reviews(!all, PAGE_ROWS).map_err(record_problem)).await?;
    if all {
        reviews.reverse();
    }
    let numbers: Vec<i64> = reviews.iter().map(|r| r.number).collect();
    let detail = json!({"page": "identity", "cases": numbers});
    caller::audit(&state, &caller, "identity-listed", "identity".to_owned(), detail).await?;
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

/// A case with both persons as they are now, and the decisions about either.
type Case = (Review, Option<PersonView>, Option<PersonView>, Vec<Decision>);

async fn case(state: &Shared, number: i64) -> Answer<Case> {
    let found = state
        .blocking(move |s| -> Result<Option<Case>, Problem> {
            let Some(review) = s.record.review(number).map_err(record_problem)? else { return Ok(None) };
            let person = |id: &str| s.record.person(id).map_err(record_problem);
            let (one, two) = (person(&review.person)?, person(&review.other_person)?);
            let mut history = s.record.decisions(&review.person, PAGE_ROWS).map_err(record_problem)?;
            history.extend(s.record.decisions(&review.other_person, PAGE_ROWS).map_err(record_problem)?);
            history.sort_by_key(|d| std::cmp::Reverse(d.number));
            history.dedup_by_key(|d| d.number);
            Ok(Some((review, one, two, history)))
        })
        .await?;
    found.ok_or_else(|| Problem::not_found("case"))
}

pub(crate) async fn one(
    State(state): State<Shared>,
    caller: Caller,
    headers: HeaderMap,
    Path(number): Path<i64>,
) -> Answer {
    caller.require_operator()?;
    let (review, one, two, history) = case(&state, number).await?;
    let patients: Vec<String> =
        [&review.patient, &review.other_patient].iter().map(|p| format!("Patient/{p}")).collect();
    let detail = json!({"page": "identity", "patients": patients});
    caller::audit(&state, &caller, "record-viewed", format!("identity/{number}"), detail).await?;
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
        "same-person" => Some(causeway_record::Answer::SamePerson),
        "different-people" => Some(causeway_record::Answer::DifferentPeople),
        "close" => Some(causeway_record::Answer::Close),
        "undo" => None,
        _ => return Err(Problem::invalid("answer", "choose one person, two people, or close")),
    };
    let (review, ..) = case(&state, number).await?;
    let detail = json!({"decision": form.answer, "patients":
        [format!("Patient/{}", review.patient), format!("Patient/{}", review.other_patient)]});
    caller::audit(&state, &caller, "identity-decided", format!("identity/{number}"), detail).await?;
    let actor = caller.organisation.code.to_string();
    let now = state.clock.now();
    state
        .blocking(move |s| {
            match answer {
                Some(answer) => s.record.answer_review(number, answer, &reason, &actor, now),
                None => s.record.undo_review(number, &reason, &actor, now),
            }
            .map_err(record_problem)
        })
        .await?;
    Ok(Redirect::to(&format!("/identity/{number}")).into_response())
}
