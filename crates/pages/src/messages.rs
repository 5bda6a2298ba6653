//! The list of messages, and one message with its journey.

use std::collections::BTreeMap;

use askama::Template;
use axum::extract::{self, Path, Query};
use causeway_access::Caller;
use causeway_broker::limits::{LIST_MESSAGE_BYTES_MAX, NOTE_CHARS_MAX, PAGE_ISSUES_MAX};
use causeway_broker::state::{AppState, Shared};
use causeway_broker::view::{self, Failed, List, ListQuery, View, id_of, view};
use causeway_broker::words::advice;
use causeway_exchange::{EventKind, Message, State, TranslationHead};
use causeway_host::hex;
use causeway_host::problem::Answer;
use serde::Deserialize;
use serde_json::Value;

use super::words::{self, Moment, organisation, short};
use super::{Frame, render};

struct Row {
    id: String,
    short: String,
    received: Moment,
    sender: String,
    format: String,
    door: String,
    number: String,
    state: &'static str,
    state_words: &'static str,
    telling: u64,
    carried: u64,
    translated: bool,
    errors: u64,
    warnings: u64,
}

#[derive(Template)]
#[template(path = "messages.html")]
struct ListPage {
    frame: Frame,
    rows: Vec<Row>,
    states: Vec<(&'static str, &'static str, bool)>,
    query: ListQuery,
    /// The first and the last day, each in three fields.
    days: [Day; 2],
    /// What is wrong with what was typed: the field, and words.
    faults: Vec<(String, String)>,
    /// What was looked for, in words; empty where all were asked for.
    wanted: String,
    total: String,
    next: Option<String>,
}

/// Days as a form gives them, in three fields each: people type dates more surely than they pick them.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
pub struct Days {
    since_day: String,
    since_month: String,
    since_year: String,
    until_day: String,
    until_month: String,
    until_year: String,
}

impl Days {
    /// The days of the form: what was typed, or else what the address says.
    fn beside(&self, since: Option<&str>, until: Option<&str>) -> [Day; 2] {
        [
            Day::new("since", "From day", [&self.since_day, &self.since_month, &self.since_year], since),
            Day::new("until", "To day", [&self.until_day, &self.until_month, &self.until_year], until),
        ]
    }
}

/// One day of the form.
struct Day {
    /// Name that its fields begin with.
    name: &'static str,
    words: &'static str,
    /// Day, month and year as typed.
    fields: [String; 3],
    wrong: bool,
}

impl Day {
    /// What was typed, or else what the address says (`2026-11-28`).
    fn new(name: &'static str, words: &'static str, typed: [&str; 3], said: Option<&str>) -> Self {
        let mut fields = typed.map(|text| text.trim().to_owned());
        let said: Vec<&str> = said.unwrap_or_default().trim().splitn(3, '-').collect();
        if let ([year, month, day], true) = (&said[..], fields.iter().all(String::is_empty)) {
            fields = [day, month, year].map(|text| (*text).to_owned());
        }
        Self { name, words, fields, wrong: false }
    }

    /// The day as addresses have it; an error where it is no day.
    fn date(&self) -> Result<Option<String>, String> {
        if self.fields.iter().all(String::is_empty) {
            return Ok(None);
        }
        let [day, month, year] = &self.fields;
        let date = match (day.parse(), month.parse(), year.parse()) {
            (Ok(day), Ok(month), Ok(year)) if self.fields[2].len() == 4 => {
                jiff::civil::Date::new(year, month, day).ok()
            }
            _ => None,
        };
        date.map(|date| Some(date.to_string()))
            .ok_or_else(|| format!("{} must be a real date, like 28 11 2026", self.words))
    }
}

/// The page of a list.
///
/// # Errors
/// As [`view::list`] and [`render`].
pub async fn list(
    extract::State(state): extract::State<Shared>,
    caller: Caller,
    Query(mut query): Query<ListQuery>,
    Query(typed): Query<Days>,
) -> Answer {
    let mut days = typed.beside(query.since.as_deref(), query.until.as_deref());
    let mut faults = Vec::new();
    for (day, into) in days.iter_mut().zip([&mut query.since, &mut query.until]) {
        match day.date() {
            Ok(date) => *into = date,
            Err(words) => {
                day.wrong = true;
                faults.push((format!("{}-day", day.name), words));
            }
        }
    }
    if faults.is_empty() {
        return listed(&state, &view::list(&state, &caller, query, true).await?, days, None);
    }
    let none = List { messages: Vec::new(), query, state: None, total: 0, next: None };
    let mut page = listing(&state, &none, days, None);
    page.faults = faults;
    render(&page)
}

/// Messages about one person.
///
/// # Errors
/// As [`view::of_person`] and [`render`].
pub async fn of_person(state: &Shared, caller: &Caller, number: &str) -> Answer {
    let list = view::of_person(state, caller, number, true).await?;
    let days = Days::default().beside(None, None);
    listed(state, &list, days, Some("about this person"))
}

/// What was looked for, in words.
fn wanted(list: &List) -> String {
    let given =
        |text: &Option<String>| text.as_deref().map(str::trim).filter(|t| !t.is_empty()).map(str::to_owned);
    let mut words: Vec<String> = Vec::new();
    words.extend(list.state.map(|s| format!("that is {}", words::state_word(s))));
    words.extend(given(&list.query.sender).map(|s| format!("from {s}")));
    words.extend(given(&list.query.number).map(|n| format!("with the number {n}")));
    words.extend(given(&list.query.since).map(|d| format!("since {d}")));
    words.extend(given(&list.query.until).map(|d| format!("until {d}")));
    words.join(" ")
}

fn listed(state: &AppState, list: &List, days: [Day; 2], about: Option<&str>) -> Answer {
    render(&listing(state, list, days, about))
}

fn listing(state: &AppState, list: &List, days: [Day; 2], about: Option<&str>) -> ListPage {
    let rows = list
        .messages
        .iter()
        .map(|(message, translation)| {
            let summary = translation.as_ref().map(|t| t.summary).unwrap_or_default();
            let format = translation.as_ref().map(|t| t.format.clone()).filter(|f| !f.is_empty());
            Row {
                id: message.new.id.to_string(),
                short: short(message.new.id.as_str()),
                received: message.received_at.into(),
                sender: organisation(&state.config, &message.new.sender),
                format: format.unwrap_or_else(|| untranslated(message)),
                door: message.new.door.clone(),
                number: message
                    .control_id
                    .clone()
                    .or_else(|| message.new.local_id.clone())
                    .unwrap_or_default(),
                state: message.state.as_str(),
                state_words: words::state_word(message.state),
                telling: if summary.telling == 0 { summary.items } else { summary.telling },
                carried: if summary.telling == 0 { summary.mapped } else { summary.carried },
                translated: translation.as_ref().is_some_and(|t| !t.adapter.is_empty()),
                errors: summary.errors,
                warnings: summary.warnings,
            }
        })
        .collect();
    let total = match list.total {
        more if more > view::COUNT_MAX => format!("more than {}", view::COUNT_MAX),
        exact => exact.to_string(),
    };
    ListPage {
        frame: Frame::new("Messages", "/messages/"),
        rows,
        days,
        faults: Vec::new(),
        states: State::ALL
            .into_iter()
            .map(|s| (s.as_str(), words::state_word(s), list.state == Some(s)))
            .collect(),
        wanted: about.map_or_else(|| wanted(list), str::to_owned),
        query: list.query.clone(),
        total,
        next: list.next.map(|after| list.query.address("/messages/", after)),
    }
}

struct FailedRow {
    id: String,
    short: String,
    received: Moment,
    sender: String,
    number: String,
    why: String,
    advice: &'static str,
}

struct WaitingRow {
    number: u64,
    message: String,
    short: String,
    step: String,
    why: String,
    advice: &'static str,
    since: Moment,
}

#[derive(Template)]
#[template(path = "failed.html")]
struct FailedPage {
    frame: Frame,
    lists: Vec<(&'static str, &'static str, u64, Vec<FailedRow>)>,
    waiting: Vec<WaitingRow>,
    nothing: bool,
}

/// The page of what failed: why, and what to do.
///
/// # Errors
/// As [`render`].
pub fn failed(state: &AppState, failed: &Failed) -> Answer {
    let row = |message: &Message| {
        let (code, text) = message.failure.clone().unwrap_or_default();
        FailedRow {
            id: message.new.id.to_string(),
            short: short(message.new.id.as_str()),
            received: message.received_at.into(),
            sender: organisation(&state.config, &message.new.sender),
            number: message.control_id.clone().or_else(|| message.new.local_id.clone()).unwrap_or_default(),
            why: if text.is_empty() { words::state(message.state).to_owned() } else { text },
            advice: advice(if code.is_empty() && message.state == State::Undeliverable {
                "expired"
            } else {
                &code
            }),
        }
    };
    let rows = |list: &[Message]| list.iter().map(row).collect::<Vec<_>>();
    let waiting: Vec<WaitingRow> = failed
        .waiting
        .iter()
        .map(|item| {
            let (code, text) = item.last_error.clone().unwrap_or_default();
            let to = &item.work.destination;
            WaitingRow {
                number: item.id.0,
                message: item.message.to_string(),
                short: short(item.message.as_str()),
                step: if to.is_empty() {
                    item.work.kind.to_string()
                } else {
                    format!("{} to {to}", item.work.kind)
                },
                why: if text.is_empty() { words::event(&code) } else { text },
                advice: advice(&code),
                since: item.queued_at.into(),
            }
        })
        .collect();
    render(&FailedPage {
        frame: Frame::new("What failed", "/failed"),
        nothing: waiting.is_empty() && failed.refused_total == 0 && failed.not_collected_total == 0,
        lists: vec![
            ("refused", "Refused or given up", failed.refused_total, rows(&failed.refused)),
            ("late", "Not collected in time", failed.not_collected_total, rows(&failed.not_collected)),
        ],
        waiting,
    })
}

#[derive(Template)]
#[template(path = "replay.html")]
struct ReplayPage {
    frame: Frame,
    id: String,
    short: String,
    state: &'static str,
    note_max: usize,
}

/// The page that asks before a message is translated again.
///
/// # Errors
/// 403 for everyone but an operator; as [`view()`] and [`render`].
pub async fn replay(
    extract::State(state): extract::State<Shared>,
    caller: Caller,
    Path(id): Path<String>,
) -> Answer {
    caller.require_operator()?;
    let message = view(&state, &caller, &id_of(&id)?).await?.message;
    let id = message.new.id.to_string();
    render(&ReplayPage {
        frame: Frame::new(format!("Translate message {} again", short(&id)), "/messages/"),
        short: short(&id),
        state: message.state.as_str(),
        note_max: NOTE_CHARS_MAX,
        id,
    })
}

fn untranslated(message: &Message) -> String {
    match (&message.new.linked, message.new.door.as_str()) {
        (Some(_), "broker") => "copy for a mailbox".to_owned(),
        _ if message.size > LIST_MESSAGE_BYTES_MAX => "large, open it to see".to_owned(),
        _ if message.state == State::Error => "not recognised".to_owned(),
        _ => "not translated yet".to_owned(),
    }
}

struct EventRow {
    at: Moment,
    what: String,
    actor: String,
    detail: String,
    of: Option<String>,
}

struct OutcomeRow {
    word: String,
    meaning: &'static str,
    count: u64,
    percent: String,
}

pub(super) struct IssueRow {
    pub(super) severity: String,
    pub(super) text: String,
    pub(super) place: String,
    pub(super) rule: String,
}

struct ExpectationRow {
    kind: &'static str,
    from: String,
    due: Moment,
    came: Option<(String, Moment)>,
    overdue: bool,
}

/// One source item, without its value.
struct ItemRow {
    place: String,
    outcome: String,
    meaning: String,
}

/// What the form of a copy for a mailbox could not carry.
struct LeftBehind {
    form: String,
    rows: Vec<IssueRow>,
    more: usize,
}

#[derive(Template)]
#[template(path = "message.html")]
struct OnePage {
    frame: Frame,
    id: String,
    state: &'static str,
    meaning: &'static str,
    failure: Option<String>,
    sender: String,
    door: String,
    received: Moment,
    size: String,
    sha256: String,
    media_type: String,
    workflow: Option<String>,
    /// Numbers by which its sender knows it: what each is, and the number.
    numbers: Vec<(&'static str, String)>,
    state_words: &'static str,
    advice: Option<&'static str>,
    mailbox: Option<String>,
    linked: Option<(String, String)>,
    content_kept: bool,
    may_replay: bool,
    /// Whether everybody is invented, so that it may be sent with a fault.
    demonstration: bool,
    translated: bool,
    adapter: String,
    format: String,
    items: u64,
    outcomes: Vec<OutcomeRow>,
    issues: Vec<IssueRow>,
    issues_more: usize,
    bundles: Vec<(usize, String, String)>,
    bundles_more: u64,
    /// Whether the ledger is too large for one document, and the message too large for the page side by side.
    ledger_paged: bool,
    acknowledgement: Option<String>,
    expectations: Vec<ExpectationRow>,
    timeline: Vec<EventRow>,
    /// Whose note it is, where it was typed here.
    typed_for: Option<String>,
    items_shown: Vec<ItemRow>,
    left_behind: Option<LeftBehind>,
    derived: Vec<(String, String, String)>,
}

/// Bundles that the page links to.
const BUNDLES_SHOWN: usize = 50;
/// Items of a typed message that the page shows.
const ITEMS_SHOWN: usize = 60;
/// Events that the page shows.
const EVENTS_SHOWN: usize = 150;

/// The page of one message.
///
/// # Errors
/// As [`view()`] and [`render`].
pub async fn one(
    extract::State(state): extract::State<Shared>,
    caller: Caller,
    Path(id): Path<String>,
) -> Answer {
    let view = view(&state, &caller, &id_of(&id)?).await?;
    shown(&state, &view, caller.is_operator())
}

fn shown(state: &AppState, view: &View, operator: bool) -> Answer {
    let message = &view.message;
    let id = message.new.id.to_string();
    let translation = view.translation.as_ref().map(|head| &head.translation);
    let count = view.translation.as_ref().map_or(0, TranslationHead::output_count);
    let (mut issues, issues_more) = issues(translation.map_or(&[], |t| &t.issues));
    let outcomes = outcomes(translation.map_or(&[], |t| &t.ledger));
    let outcomes = outcomes.unwrap_or_else(|_| {
        issues.insert(0, damaged("account of its items"));
        Vec::new()
    });
    render(&OnePage {
        frame: Frame::new(format!("Message {}", short(&id)), "/messages/"),
        state: message.state.as_str(),
        meaning: words::state(message.state),
        failure: message.failure.as_ref().map(|(_, text)| text.clone()),
        sender: organisation(&state.config, &message.new.sender),
        door: message.new.door.clone(),
        received: message.received_at.into(),
        size: words::size(message.size),
        sha256: hex(&message.sha256),
        media_type: message.new.media_type.clone().unwrap_or_else(|| "not stated".to_owned()),
        workflow: message.new.workflow.clone(),
        numbers: [
            ("Number in the message", &message.control_id),
            ("Sender's own id", &message.new.local_id),
            ("Correlation id", &message.new.correlation_id),
        ]
        .into_iter()
        .filter_map(|(what, number)| Some((what, number.clone()?)))
        .collect(),
        state_words: words::state_word(message.state),
        advice: message.failure.as_ref().map(|(code, _)| advice(code)),
        mailbox: message.new.mailbox_to.clone(),
        linked: message.new.linked.as_ref().map(|l| (l.to_string(), short(l.as_str()))),
        content_kept: message.content_deleted_at.is_none(),
        may_replay: operator && message.new.door != "broker",
        demonstration: operator && super::faults::demonstration(state).is_ok(),
        translated: translation.is_some_and(|t| !t.adapter.is_empty()),
        adapter: translation.map(|t| t.adapter.clone()).unwrap_or_default(),
        format: translation.map(|t| t.format.clone()).unwrap_or_default(),
        items: translation.map_or(0, |t| t.summary.items),
        outcomes,
        issues,
        issues_more,
        bundles: (1..)
            .zip(&view.bundles)
            .take(BUNDLES_SHOWN)
            .map(|(n, o)| (n, o.name.clone(), words::size(o.size)))
            .collect(),
        bundles_more: count.saturating_sub(BUNDLES_SHOWN as u64),
        ledger_paged: translation.is_some_and(|t| !t.pieces.is_empty()),
        acknowledgement: translation.and_then(|t| t.acknowledgement.as_ref()).map(|a| a.media_type.clone()),
        expectations: expectations(view),
        timeline: timeline(view),
        typed_for: (message.new.door == causeway_broker::accept::FORM_DOOR
            && message.new.sender != causeway_broker::accept::PERSON)
            .then(|| message.new.sender.clone()),
        items_shown: items_shown(view),
        left_behind: left_behind(view),
        derived: view
            .linked
            .iter()
            .map(|m| {
                let to = m.new.mailbox_to.clone().unwrap_or_default();
                (m.new.id.to_string(), to, m.state.as_str().to_owned())
            })
            .collect(),
        id,
    })
}

/// Items of a message that a person typed here: each with what became of it.
fn items_shown(view: &View) -> Vec<ItemRow> {
    let typed = view.message.new.door == causeway_broker::accept::FORM_DOOR;
    let Some(head) = view.translation.as_ref().filter(|_| typed) else { return Vec::new() };
    let Ok(ledger) = serde_json::from_slice::<Value>(&head.translation.ledger) else {
        let meaning = "The account of this message is damaged; `causeway verify` says where.".to_owned();
        return vec![ItemRow { place: String::new(), outcome: "damaged".to_owned(), meaning }];
    };
    let items = ledger["items"].as_array().map(Vec::as_slice).unwrap_or_default();
    items
        .iter()
        .take(ITEMS_SHOWN)
        .map(|item| {
            let text = |key: &str| item[key].as_str().unwrap_or_default().to_owned();
            let outcome = text("outcome");
            let reason = text("reason");
            let meaning = words::outcome(&outcome);
            ItemRow {
                place: text("at"),
                meaning: if reason.is_empty() {
                    meaning.to_owned()
                } else {
                    format!("{meaning} Why: {reason}.")
                },
                outcome,
            }
        })
        .collect()
}

fn left_behind(view: &View) -> Option<LeftBehind> {
    let head = view.translation.as_ref().filter(|_| view.message.new.door == "broker")?;
    let written = Some(&head.translation).filter(|t| t.adapter.is_empty())?;
    let (rows, more) = issues(&written.issues);
    Some(LeftBehind { form: written.format.clone(), rows, more })
}

fn expectations(view: &View) -> Vec<ExpectationRow> {
    view.expectations
        .iter()
        .map(|e| ExpectationRow {
            kind: e.expected.kind.as_str(),
            from: e.expected.from.clone(),
            due: e.expected.deadline.into(),
            came: e.settled.as_ref().map(|(_, at, code)| (code.clone(), (*at).into())),
            overdue: e.overdue_since.is_some() && e.settled.is_none(),
        })
        .collect()
}

fn timeline(view: &View) -> Vec<EventRow> {
    let own = &view.message.new.id;
    view.timeline
        .iter()
        // What a step did has an event of its own: that it is finished tells a person nothing more.
        .filter(|e| e.event.kind.0 != EventKind::DONE)
        .take(EVENTS_SHOWN)
        .map(|e| EventRow {
            at: e.at.into(),
            what: words::event(&e.event.kind.0),
            actor: e.event.actor.clone(),
            detail: match e.event.kind.0.as_str() {
                EventKind::ACCEPTED => format!("by {}", e.event.detail),
                _ => e.event.detail.clone(),
            },
            of: (e.message != *own).then(|| e.message.to_string()),
        })
        .collect()
}

fn outcomes(ledger: &[u8]) -> serde_json::Result<Vec<OutcomeRow>> {
    // Only the totals are wanted of what may be a large document.
    #[derive(serde::Deserialize)]
    struct Head {
        totals: BTreeMap<String, u64>,
    }
    if ledger.is_empty() {
        return Ok(Vec::new());
    }
    let head = serde_json::from_slice::<Head>(ledger)?;
    let all = head.totals.get("items").copied().unwrap_or_default();
    let rows = causeway_core::Outcome::ALL
        .into_iter()
        .map(|outcome| {
            let word = outcome.word();
            let count = head.totals.get(word).copied().unwrap_or_default();
            let percent = if all == 0 { 0.0 } else { count as f64 * 100.0 / all as f64 };
            OutcomeRow {
                word: word.replace('-', " "),
                meaning: words::outcome(word),
                count,
                percent: format!("{percent:.1} %"),
            }
        })
        .collect();
    Ok(rows)
}

/// That what is kept of a translation can't be read: never shown as if there were nothing.
fn damaged(what: &str) -> IssueRow {
    IssueRow {
        severity: "fatal".to_owned(),
        text: format!("The {what} is damaged and can't be read; `causeway verify` says what else is."),
        place: String::new(),
        rule: "corrupt".to_owned(),
    }
}

/// Issues for people: gravest first, and how many are not shown.
pub(super) fn issues(outcome: &[u8]) -> (Vec<IssueRow>, usize) {
    let outcome: Value = match outcome {
        b"" => Value::Null,
        kept => match serde_json::from_slice(kept) {
            Ok(outcome) => outcome,
            Err(_) => return (vec![damaged("list of issues")], 0),
        },
    };
    let list = outcome["issue"].as_array().map(Vec::as_slice).unwrap_or_default();
    let text = |v: &Value| v.as_str().unwrap_or_default().to_owned();
    let mut rows: Vec<IssueRow> = list
        .iter()
        .filter(|i| i["details"]["coding"][0]["code"] != "all-ok")
        .map(|i| IssueRow {
            severity: text(&i["severity"]),
            text: text(&i["details"]["text"]),
            place: text(i["location"].get(0).unwrap_or(&i["diagnostics"])),
            rule: text(&i["details"]["coding"][0]["code"]),
        })
        .collect();
    let weight = |row: &IssueRow| match row.severity.as_str() {
        "fatal" => 0,
        "error" => 1,
        "warning" => 2,
        _ => 3,
    };
    rows.sort_by_key(weight);
    let more = rows.len().saturating_sub(PAGE_ISSUES_MAX);
    rows.truncate(PAGE_ISSUES_MAX);
    (rows, more)
}
