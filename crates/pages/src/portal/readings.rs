//! What a person measures at home, typed in by herself: a file of the adapter `personal-readings`, accepted like every
//! other message, so that ledger and original hold for it too.

use askama::Template;
use axum::extract::{Form, Path, Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::IntoResponse;
use causeway_access::audit_event::Act;
use causeway_access::caller::same_origin;
use causeway_access::opened;
use causeway_access::record::SummaryQuery;
use causeway_access::sections::OWN_READINGS;
use causeway_access::{Opened, Reader};
use causeway_broker::accept::{self, PERSON, Typed};
use causeway_broker::state::Shared;
use causeway_exchange::AcceptOutcome;
use causeway_host::problem::Answer;
use jiff::civil::DateTime;
use serde::Deserialize;

use super::own::{PlainEntry, own};
use super::see;
use crate::{Frame, clinician, render};

/// One thing to measure: name of the field, column of the file, words, example.
struct Kind {
    name: &'static str,
    column: &'static str,
    label: &'static str,
    hint: &'static str,
}

const KINDS: &[Kind] = &[
    kind("systolic", "systolic_mmhg", "Blood pressure, upper number", "mmHg, like 128"),
    kind("diastolic", "diastolic_mmhg", "Blood pressure, lower number", "mmHg, like 76"),
    kind("pulse", "pulse_bpm", "Pulse", "beats a minute, like 72"),
    kind("weight", "weight_kg", "Weight", "kilograms, like 64.5"),
    kind("glucose", "glucose_mmol_l", "Blood glucose", "mmol/L, like 6.1"),
    kind("temperature", "temperature_c", "Temperature", "degrees Celsius, like 36.9"),
    kind("oxygen", "spo2", "Oxygen saturation", "per cent, like 97"),
];

const fn kind(name: &'static str, column: &'static str, label: &'static str, hint: &'static str) -> Kind {
    Kind { name, column, label, hint }
}

/// Characters of a note or of the words for a mood.
const TEXT_CHARS_MAX: usize = 300;
/// Characters of a number.
const NUMBER_CHARS_MAX: usize = 8;
/// Entries that the page shows below the form.
const SHOWN: usize = 30;

struct Input {
    name: &'static str,
    label: &'static str,
    hint: &'static str,
    value: String,
}

#[derive(Template)]
#[template(path = "portal/readings.html")]
struct Page {
    frame: Frame,
    id: String,
    once: String,
    date: String,
    time: String,
    inputs: Vec<Input>,
    mood: String,
    note: String,
    wrong: Vec<String>,
    sent: bool,
    entries: Vec<PlainEntry>,
}

/// What the form sends.
type Pairs = Vec<(String, String)>;

fn value<'p>(pairs: &'p Pairs, name: &str) -> &'p str {
    pairs.iter().find(|(n, _)| n == name).map_or("", |(_, v)| v.trim())
}

async fn show(
    state: &Shared,
    reader: &Reader,
    opened: Opened,
    id: String,
    given: &Pairs,
    wrong: Vec<String>,
    sent: bool,
) -> Answer {
    let now = causeway_core::london().to_datetime(state.clock.now());
    let query = SummaryQuery { today: now.date().to_string(), ..SummaryQuery::default() };
    let (mut opened, sealed) = clinician::record::read(state, reader, opened, &id, query).await?;
    let sealed = sealed.map(|(_, all)| {
        let facts = all.parts.iter().flat_map(|part| &part.facts);
        let theirs = facts.filter(|f| f.lead().is_some_and(|l| l.source.system == OWN_READINGS));
        theirs.take(SHOWN).map(PlainEntry::of).collect::<Vec<_>>()
    });
    let tell = |_: &Vec<PlainEntry>| (vec!["page/readings".to_owned()], vec!["own-readings".to_owned()]);
    let entries = opened.disclose(&state.gate, reader, Act::Read, sealed, tell).await?;
    let or = |name: &str, else_: String| match value(given, name) {
        "" => else_,
        text => text.to_owned(),
    };
    let page = render(&Page {
        frame: Frame::new("My readings", "/me"),
        id,
        once: uuid::Uuid::now_v7().simple().to_string(),
        date: or("date", now.strftime("%-d/%-m/%Y").to_string()),
        time: or("time", now.strftime("%H:%M").to_string()),
        inputs: KINDS
            .iter()
            .map(|k| Input {
                name: k.name,
                label: k.label,
                hint: k.hint,
                value: value(given, k.name).to_owned(),
            })
            .collect(),
        mood: value(given, "mood").to_owned(),
        note: value(given, "note").to_owned(),
        sent,
        entries,
        wrong: wrong.clone(),
    })?;
    if wrong.is_empty() { Ok(page) } else { Ok((StatusCode::UNPROCESSABLE_ENTITY, page).into_response()) }
}

/// Whether it was sent.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Sent {
    sent: String,
}

pub(super) async fn page(
    State(state): State<Shared>,
    reader: Reader,
    Path(id): Path<String>,
    Query(query): Query<Sent>,
) -> Answer {
    let opened = own(&state, &reader, &id, "page/readings").await?;
    show(&state, &reader, opened, id, &Vec::new(), Vec::new(), query.sent == "1").await
}

fn is_number(text: &str) -> bool {
    let mut parts = text.split('.');
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    text.len() <= NUMBER_CHARS_MAX && (1..=2).contains(&text.split('.').count()) && parts.all(digits)
}

/// A time of day on a British date; none where it is not one.
fn moment(date: &str, time: &str) -> Option<DateTime> {
    let mut parts = date.split(['/', '.', '-']).map(|p| p.trim().parse::<i16>().ok());
    let (Some(day), Some(month), Some(year), None) =
        (parts.next()?, parts.next()?, parts.next()?, parts.next())
    else {
        return None;
    };
    let date = jiff::civil::Date::new(year, i8::try_from(month).ok()?, i8::try_from(day).ok()?).ok()?;
    let (hour, minute) = time.split_once([':', '.'])?;
    let (hour, minute) = (hour.trim().parse().ok()?, minute.trim().parse().ok()?);
    jiff::civil::Time::new(hour, minute, 0, 0).ok().map(|time| date.to_datetime(time))
}

fn quoted(text: &str) -> String {
    let line: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    format!("\"{}\"", line.replace('"', "\"\""))
}

/// The file of one form, or what is wrong with it, in words.
fn file(number: &str, given: &Pairs, now: DateTime) -> Result<String, Vec<String>> {
    let mut wrong = Vec::new();
    let at = moment(value(given, "date"), value(given, "time"));
    match at {
        None => wrong.push("Give the day like 28/10/2026 and the time like 07:30.".to_owned()),
        Some(at) if at > now => {
            wrong.push("The time lies ahead: give the time at which you took it.".to_owned())
        }
        Some(_) => {}
    }
    let mut head = "nhs_number,taken_at".to_owned();
    let mut row = format!("{number},{}", at.unwrap_or(now).strftime("%Y-%m-%d %H:%M"));
    let mut readings = 0;
    for kind in KINDS {
        let text = value(given, kind.name);
        if text.is_empty() {
            continue;
        }
        if !is_number(text) {
            wrong.push(format!("{} must be a number, {}.", kind.label, kind.hint));
        }
        readings += 1;
        head.push_str(&format!(",{}", kind.column));
        row.push_str(&format!(",{text}"));
    }
    if value(given, "systolic").is_empty() != value(given, "diastolic").is_empty() {
        wrong.push("A blood pressure has two numbers: give both.".to_owned());
    }
    for name in ["mood", "note"] {
        let text = value(given, name);
        if text.chars().count() > TEXT_CHARS_MAX {
            wrong.push(format!("The {name} is too long: {TEXT_CHARS_MAX} characters at most."));
        }
        if !text.is_empty() {
            readings += usize::from(name == "mood");
            head.push_str(&format!(",{name}"));
            row.push_str(&format!(",{}", quoted(text)));
        }
    }
    if readings == 0 {
        wrong.push("Give at least one reading.".to_owned());
    }
    if wrong.is_empty() { Ok(format!("{head}\n{row}\n")) } else { Err(wrong) }
}

pub(super) async fn send(
    State(state): State<Shared>,
    reader: Reader,
    headers: HeaderMap,
    Path(id): Path<String>,
    Form(given): Form<Pairs>,
) -> Answer {
    same_origin(&headers)?;
    let session = reader.check_form(value(&given, "csrf"))?.clone();
    reader.take_rate(&state)?;
    let opened = own(&state, &reader, &id, "page/readings").await?;
    let now = causeway_core::london().to_datetime(state.clock.now());
    let text = match file(&session.who.nhs_number, &given, now) {
        Ok(text) => text,
        Err(wrong) => return show(&state, &reader, opened, id, &given, wrong, false).await,
    };
    let mut event = reader.event(&state.gate, Act::Create);
    event.patient = opened.patients.first().cloned().unwrap_or_default();
    event.relationship = "own".to_owned();
    event.data = vec!["page/readings".to_owned()];
    opened::write(&state.gate, &[event]).await?;
    // A form that is sent twice counts once; whose it is stays hidden.
    let once = state.digest(&format!("readings|{}|{}", session.who.user(), value(&given, "once")));
    let typed = Typed {
        sender: PERSON,
        content: text.into_bytes(),
        media_type: "text/csv",
        file_name: "readings.csv",
        local_id: None,
        action: "readings-written",
        detail: serde_json::json!({}),
        key: format!("readings-{once}"),
    };
    let (outcome, message_id) = accept::typed(&state, typed).await?;
    let message_id = match outcome {
        AcceptOutcome::Accepted { .. } => message_id,
        AcceptOutcome::Replayed { id, .. } | AcceptOutcome::InProgress { id } => id,
        AcceptOutcome::Conflict { .. } => {
            let again = "This form was sent before with other readings. Send it once more if these are new.";
            return show(&state, &reader, opened, id, &given, vec![again.to_owned()], false).await;
        }
    };
    // So that the page that follows has them.
    accept::settled(&state, &message_id).await?;
    see(&format!("/me/{id}/readings?sent=1"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs(fields: &[(&str, &str)]) -> Pairs {
        fields.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect()
    }

    #[test]
    fn a_form_becomes_a_file_or_says_what_is_wrong() {
        let now = jiff::civil::datetime(2026, 11, 29, 12, 0, 0, 0);
        let at = [("date", "28/10/2026"), ("time", "07:30")];
        let with = |more: &[(&str, &str)]| file("9990000018", &pairs(&[&at[..], more].concat()), now);
        assert_eq!(
            with(&[
                ("systolic", "128"),
                ("diastolic", "76"),
                ("weight", "64.50"),
                ("note", "after \"tea\"\nand cake")
            ]),
            Ok("nhs_number,taken_at,systolic_mmhg,diastolic_mmhg,weight_kg,note\n\
                9990000018,2026-10-28 07:30,128,76,64.50,\"after \"\"tea\"\" and cake\"\n"
                .to_owned())
        );
        for (fields, said) in [
            (&[][..], "at least one reading"),
            (&[("systolic", "128")], "two numbers"),
            (&[("weight", "64,5")], "Weight must be a number"),
            (&[("weight", "6.4.5")], "Weight must be a number"),
            (&[("pulse", "=1+1")], "Pulse must be a number"),
            (&[("mood", "well"), ("date", "")], ""),
        ] {
            match with(fields) {
                Err(wrong) => assert!(wrong.iter().any(|w| w.contains(said)), "{wrong:?}"),
                Ok(text) => assert!(said.is_empty(), "{text}"),
            }
        }
        for (date, time, said) in [
            ("31/2/2026", "07:30", "Give the day"),
            ("28/10/2026", "25:00", "Give the day"),
            ("2026", "", "Give the day"),
            ("30/11/2026", "07:30", "lies ahead"),
        ] {
            let wrong = file("9990000018", &pairs(&[("date", date), ("time", time), ("pulse", "70")]), now);
            assert!(wrong.is_err_and(|w| w.iter().any(|w| w.contains(said))), "{date} {time}");
        }
    }
}
