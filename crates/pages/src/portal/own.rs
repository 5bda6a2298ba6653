//! Her own record in plain words, who has looked, her choices, whom she lets in, and "something is wrong here". A carer sees
//! the same pages of the person who let them in, as far as that goes.

use askama::Template;
use axum::extract::{Form, Path, Query, State};
use axum::http::{HeaderMap, StatusCode};
use causeway_access::audit_event::{Act, Event, purpose_plain};
use causeway_access::choices::Choice;
use causeway_access::opened::{self, Opened};
use causeway_access::policy::{Depth, PolicySet};
use causeway_access::record::{self, Fact, PersonQuery, PersonView, SummaryQuery};
use causeway_access::relationship::Kind;
use causeway_access::session;
use causeway_access::standing::{Alert, Grant, Reason, Standing};
use causeway_access::{Reader, Sealed};
use causeway_broker::state::Shared;
use causeway_host::problem::{Answer, Problem};
use jiff::SignedDuration;
use serde::Deserialize;

use super::see;
use crate::words::{self, Moment};
use crate::{Frame, render};
use crate::{clinician, people};

/// Kind of the documents that hold the codes by which a person lets somebody in.
const CODES: &str = "carer-code";
/// How long such a code can be used.
const CODE_HOURS: i64 = 48;
/// How long access that she gives lasts unless she takes it back.
const GRANT_DAYS: i64 = 365;
/// Rows of a page of "who has looked".
const LOOKED_ROWS: usize = 200;

struct PersonLink {
    id: String,
    words: String,
}

#[derive(Template)]
#[template(path = "portal/me.html")]
struct HomePage {
    frame: Frame,
    people: Vec<PersonLink>,
    code: String,
}

/// The people whose record this member of the public may open: her own, and of those who let her in.
async fn mine(state: &Shared, reader: &Reader) -> Answer<Vec<PersonLink>> {
    let session = reader.signed_in()?.clone();
    let (mut own, others) = state
        .blocking(move |s| -> Result<_, Problem> {
            let mut own = Vec::new();
            if !session.who.nhs_number.is_empty() {
                let query = PersonQuery { text: session.who.nhs_number.clone(), ..PersonQuery::default() };
                if let Some((id, _)) = s.gate.shelf.only_person(&query)? {
                    own.push(PersonLink { id, words: "My record".to_owned() });
                }
            }
            let mut others = Vec::new();
            for person in s.gate.access.standings.let_in(&session.who.user(), s.clock.now())? {
                others.push(s.gate.shelf.person(&person)?);
            }
            Ok((own, others))
        })
        .await?;
    if others.is_empty() {
        return Ok(own);
    }
    let sealed = Sealed::all(others).map(|people| people.into_iter().flatten().collect::<Vec<_>>());
    let events = |people: &Vec<PersonView>| {
        let one = |patient: &str| {
            let mut event = reader.event(&state.gate, Act::Read);
            patient.clone_into(&mut event.patient);
            event.data = vec!["page/me".to_owned()];
            event
        };
        if people.is_empty() {
            vec![one("")]
        } else {
            people.iter().map(|p| one(&p.display_patient)).collect()
        }
    };
    let people = sealed.open(&state.gate, events).await?;
    own.extend(people.into_iter().map(|person| PersonLink {
        words: format!("The record of {}, who let you in", person.display.name),
        id: person.id,
    }));
    Ok(own)
}

pub(super) async fn home(State(state): State<Shared>, reader: Reader) -> Answer {
    let people = mine(&state, &reader).await?;
    render(&HomePage { frame: Frame::new("My record", "/me"), people, code: String::new() })
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Token {
    csrf: String,
}

/// A code that this user can give to somebody who is to let them in.
pub(super) async fn code(State(state): State<Shared>, reader: Reader, Form(form): Form<Token>) -> Answer {
    let session = reader.check_form(&form.csrf)?.clone();
    reader.take_rate(&state)?;
    let code = session::random()?.get(..8).unwrap_or_default().to_uppercase();
    let json = serde_json::json!({"user": session.who.user(), "name": session.who.name,
        "until": (state.clock.now() + SignedDuration::from_hours(CODE_HOURS)).to_string()})
    .to_string();
    let key = code.clone();
    state
        .blocking(move |s| {
            s.engine.put_config(CODES, &key, Some(&json), Some(0), &session.who.user(), s.clock.now())
        })
        .await?;
    let people = mine(&state, &reader).await?;
    render(&HomePage { frame: Frame::new("My record", "/me"), people, code })
}

pub(super) struct PlainEntry {
    pub(super) title: String,
    pub(super) detail: String,
    /// What else is to be said of it: that it is over, that sources differ.
    standing: &'static str,
    /// Whether who wrote it corrected it, and what it said before.
    corrected: bool,
    earlier: Vec<String>,
    pub(super) lines: Vec<(String, String)>,
    more: usize,
    pub(super) date: String,
    from: String,
}

impl PlainEntry {
    pub(super) fn of(fact: &Fact) -> Self {
        let lead = fact.lead();
        let lines = lead.map(|l| l.lines.as_slice()).unwrap_or_default();
        Self {
            title: fact.title.clone(),
            detail: lead.map(|l| l.detail.clone()).unwrap_or_default(),
            // Where her sources differ she is told so, in the same words for everything.
            standing: match fact.standing {
                record::Standing::Past => "This is over.",
                record::Standing::Refuted => "It was looked into, and it is not so.",
                _ if !fact.differences.is_empty() => {
                    "The places that look after you do not all say the same about this."
                }
                _ => "",
            },
            corrected: fact.tellings.iter().any(|t| t.corrected),
            earlier: fact.tellings.iter().flat_map(|t| t.earlier.clone()).collect(),
            lines: lines.iter().take(LINES).map(|l| (l.label.clone(), l.text.clone())).collect(),
            more: lines.len().saturating_sub(LINES),
            date: lead.map(|l| words::date(&l.date)).unwrap_or_default(),
            from: lead.map(|l| l.source.organisation.clone()).unwrap_or_default(),
        }
    }
}

struct PlainSection {
    code: String,
    title: &'static str,
    entries: Vec<PlainEntry>,
    more: usize,
}

#[derive(Template)]
#[template(path = "portal/own-record.html")]
struct RecordPage {
    frame: Frame,
    id: String,
    name: String,
    own: bool,
    nhs_number: String,
    born: String,
    address: String,
    practice: String,
    notices: Vec<String>,
    sections: Vec<PlainSection>,
    large: bool,
    easy: bool,
}

/// How the page is to look.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Look {
    large: String,
    easy: String,
    section: String,
}

/// Heading of what has no other.
const OTHER: &str = "Other things";

/// A section's heading in plain words: to the person herself, and to somebody whom she let in.
fn plain(code: &str, own: bool) -> &'static str {
    let (mine, hers) = match code {
        "about-me" => ("What matters to me", "What matters"),
        "services-and-care" => ("The care and support I get", "Care and support"),
        "assessments" => ("What people found out about my needs", "What people found out about needs"),
        "care-notes" => ("Notes of my carers", "Notes of carers"),
        "support-reasons" => ("Why I get support", "Why there is support"),
        "carers-and-contacts" => ("People close to me", "People close by"),
        "accommodation" => ("Where I live", "Home"),
        "equipment" => ("Things that help me at home", "Things that help at home"),
        "alerts" => ("What staff must know first", "What staff must know first"),
        "choices" => ("What I decided", "What was decided"),
        "allergies" => ("What I react badly to", "Reacts badly to"),
        "medicines" => ("My medicines", "Medicines"),
        "problems" => ("My health problems", "Health problems"),
        "results" => ("My test results", "Test results"),
        "own-readings" => ("What I measure at home", "What is measured at home"),
        "vaccinations" => ("My vaccinations", "Vaccinations"),
        "procedures" => ("Operations and treatments", "Operations and treatments"),
        "encounters" => ("When I saw somebody", "Visits and contacts"),
        "referrals" => ("Where I was sent", "Referrals"),
        "documents" => ("Letters and documents", "Letters and documents"),
        "plans" => ("Plans for my care", "Plans for care"),
        _ => (OTHER, OTHER),
    };
    if own { mine } else { hers }
}

/// A section of the policy set in the words of her own record; what that has no heading for as the policy set calls it.
fn section_words(policies: &PolicySet, code: &str) -> String {
    match plain(code, true) {
        OTHER => {
            policies.sections.iter().find(|s| s.code == code).map_or(code, |s| s.title.as_str()).to_owned()
        }
        words => words.to_owned(),
    }
}

/// What is short enough for easy read.
const EASY: &[&str] =
    &["about-me", "alerts", "allergies", "medicines", "services-and-care", "carers-and-contacts"];
/// Entries of a section on the whole page.
const SHOWN: usize = 5;
/// Notes and answers of one entry.
const LINES: usize = 10;

pub(super) async fn record(
    State(state): State<Shared>,
    reader: Reader,
    Path(id): Path<String>,
    Query(look): Query<Look>,
) -> Answer {
    reader.signed_in()?;
    let opened = people::open(&state, &reader, &id, "page/own-record").await?;
    let today = causeway_core::london().to_datetime(state.clock.now()).date().to_string();
    let query = SummaryQuery { today, part: look.section.clone(), ..SummaryQuery::default() };
    let (mut opened, sealed) = clinician::record::read(&state, &reader, opened, &id, query).await?;
    let own = is_own(&opened);
    let easy = look.easy == "1";
    let alone = !look.section.is_empty();
    let shown = if alone { 60 } else { SHOWN };
    let sealed = sealed.map(|(person, all)| {
        let chosen = all.parts.iter().filter(|p| !p.facts.is_empty());
        let chosen = chosen.filter(|p| !easy || EASY.contains(&p.code));
        let sections: Vec<PlainSection> = chosen
            .map(|part| PlainSection {
                code: part.code.to_owned(),
                title: plain(part.code, own),
                more: part.facts.len().saturating_sub(shown),
                entries: part.facts.iter().take(shown).map(PlainEntry::of).collect(),
            })
            .collect();
        (person, all.gaps, sections)
    });
    let tell = |(_, _, sections): &(_, _, Vec<PlainSection>)| {
        (vec!["page/own-record".to_owned()], sections.iter().map(|s| s.code.clone()).collect())
    };
    let (person, gaps, sections) = opened.disclose(&state.gate, &reader, Act::Read, sealed, tell).await?;
    render(&RecordPage {
        frame: Frame::new(if own { "My record" } else { "A record" }, "/me"),
        name: person.display.name.clone(),
        own,
        nhs_number: words::nhs_number(&person.display.nhs_number),
        born: words::date(&person.display.birth_date),
        address: person.display.address.clone(),
        practice: person.display.general_practice.clone(),
        notices: gaps.iter().map(|g| g.text.clone()).collect(),
        sections,
        large: look.large == "1",
        easy,
        id,
    })
}

fn is_own(opened: &Opened) -> bool {
    opened.decision.as_ref().is_some_and(|d| d.relationship == Kind::Own)
}

/// Opens her own record, nobody else's.
pub(super) async fn own(state: &Shared, reader: &Reader, id: &str, what: &str) -> Answer<Opened> {
    reader.signed_in()?;
    let opened = people::open(state, reader, id, what).await?;
    if is_own(&opened) {
        return Ok(opened);
    }
    Err(Problem::new(
        StatusCode::FORBIDDEN,
        "forbidden",
        "own-only",
        "only the person herself sees this page",
    ))
}

struct LookedRow {
    at: Moment,
    who: String,
    organisation: String,
    role: String,
    purpose: &'static str,
    because: String,
    parts: String,
    emergency: bool,
    refused: bool,
}

#[derive(Template)]
#[template(path = "portal/looked.html")]
struct LookedPage {
    frame: Frame,
    id: String,
    rows: Vec<LookedRow>,
    total: usize,
    /// Whether these are not the newest.
    later: bool,
    /// Entries before those that are shown.
    before: usize,
}

/// Which entries are shown.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Until {
    /// The first so many; all where it is not given.
    first: Option<usize>,
}

pub(super) async fn looked(
    State(state): State<Shared>,
    reader: Reader,
    Path(id): Path<String>,
    Query(until): Query<Until>,
) -> Answer {
    let mut opened = own(&state, &reader, &id, "page/looked").await?;
    if opened.decision.as_ref().map_or(Depth::None, |d| d.depth("access-log")) != Depth::Whole {
        return Err(Problem::new(
            StatusCode::FORBIDDEN,
            "forbidden",
            "access-log",
            "this is not for your role",
        ));
    }
    let patients = opened.patients.clone();
    let sealed = state.blocking(move |s| opened::events(&s.gate, &patients, 1000)).await?;
    let tell = |_: &Vec<Event>| (vec!["page/looked".to_owned()], vec!["access-log".to_owned()]);
    // What was there before this look.
    let events = opened.disclose(&state.gate, &reader, Act::Read, sealed, tell).await?;
    let policies = state.gate.access.policies.clone();
    let total = events.len();
    // Entries are only added: those of a page that is counted from the first stay the same while she reads.
    let end = until.first.map_or(total, |first| first.min(total));
    let before = end.saturating_sub(LOOKED_ROWS);
    let me = reader.session.as_ref().map(|s| s.who.clone());
    let page = events.get(before..end).unwrap_or_default();
    let rows = page
        .iter()
        .rev()
        .map(|e| {
            let user = e.user.as_ref();
            // The role of members of the public is "you" in words: true of the one who reads, and of nobody else.
            let role = match user {
                Some(u)
                    if me
                        .as_ref()
                        .is_some_and(|me| me.issuer == u.who.system && me.subject == u.who.value) =>
                {
                    "you"
                }
                Some(u) if matches!(u.role.as_str(), "person" | "carer") => "a member of the public",
                Some(u) => policies.role(&u.role).map_or("a member of staff", |r| r.plain.as_str()),
                None => "a connected system",
            };
            let sections: Vec<String> =
                e.sections.iter().map(|code| section_words(&policies, code)).collect();
            LookedRow {
                at: e.recorded.into(),
                who: user.map(|u| u.who.name.clone()).unwrap_or_default(),
                organisation: e.client.name.clone(),
                role: role.to_owned(),
                purpose: if e.relationship == "operator" {
                    "run the exchange"
                } else {
                    purpose_plain(&e.purpose)
                },
                because: because(&e.relationship),
                parts: if sections.is_empty() { what(e) } else { sections.join("; ") },
                emergency: e.is_break_glass(),
                refused: !e.refused.is_empty(),
            }
        })
        .collect();
    let frame = Frame::new("Who has looked", "/me");
    let later = end < total;
    render(&LookedPage { frame, id, rows, total, later, before })
}

fn what(event: &Event) -> String {
    match event.act {
        Act::Query => "a search".to_owned(),
        Act::Export => "a copy that left the exchange".to_owned(),
        Act::ConsentChange => "a choice was changed".to_owned(),
        Act::BreakGlass => "emergency access began".to_owned(),
        Act::SelfClaim => "somebody said that they care for you".to_owned(),
        Act::Review => "an access was reviewed".to_owned(),
        Act::Create => "something was written".to_owned(),
        _ => "a part of the record".to_owned(),
    }
}

fn because(relationship: &str) -> String {
    // The kind "none" is no reason to give.
    let kind = Kind::of(relationship).filter(|kind| *kind != Kind::None);
    kind.map(|kind| kind.plain().to_owned()).unwrap_or_default()
}

struct ChoiceRow {
    word: &'static str,
    title: &'static str,
    plain: &'static str,
    on: bool,
    since: String,
    changeable: bool,
}

#[derive(Template)]
#[template(path = "portal/choices.html")]
struct ChoicesPage {
    frame: Frame,
    id: String,
    rows: Vec<ChoiceRow>,
    history: Vec<String>,
}

pub(super) async fn choices(State(state): State<Shared>, reader: Reader, Path(id): Path<String>) -> Answer {
    let mut opened = own(&state, &reader, &id, "page/choices").await?;
    let sealed = opened.standing();
    let tell = |_: &Standing| (vec!["page/choices".to_owned()], Vec::new());
    let chosen = opened.disclose(&state.gate, &reader, Act::Read, sealed, tell).await?.choices;
    let said = |source: &str, at: jiff::Timestamp| {
        if at == jiff::Timestamp::UNIX_EPOCH {
            source.to_owned()
        } else {
            format!("{} · {source}", Moment::from(at).words)
        }
    };
    let rows = Choice::ALL
        .into_iter()
        .map(|choice| ChoiceRow {
            word: choice.word(),
            title: choice.title(),
            plain: choice.plain(),
            on: chosen.is_on(choice),
            since: chosen.latest(choice).map(|c| said(&c.source, c.at)).unwrap_or_default(),
            changeable: choice.by_person(),
        })
        .collect();
    let history = chosen
        .history
        .iter()
        .rev()
        .map(|c| {
            format!("{}: {} ({})", c.choice.title(), if c.on { "on" } else { "off" }, said(&c.source, c.at))
        })
        .collect();
    let frame = Frame::new("My choices", "/me");
    render(&ChoicesPage { frame, id, rows, history })
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct ChoiceForm {
    csrf: String,
    choice: String,
    on: String,
}

pub(super) async fn choose(
    State(state): State<Shared>,
    reader: Reader,
    headers: HeaderMap,
    Path(id): Path<String>,
    Form(form): Form<ChoiceForm>,
) -> Answer {
    causeway_access::caller::same_origin(&headers)?;
    let session = reader.check_form(&form.csrf)?.clone();
    reader.take_rate(&state)?;
    let opened = own(&state, &reader, &id, "page/choices").await?;
    let choice = Choice::of(&form.choice).filter(|c| c.by_person());
    let choice = choice.ok_or_else(|| Problem::invalid("choice", "this choice can't be changed here"))?;
    let on = form.on == "yes";
    let mut event = reader.event(&state.gate, Act::ConsentChange);
    event.patient = opened.patients.first().cloned().unwrap_or_default();
    event.text = format!("{} {}", choice.word(), if on { "on" } else { "off" });
    event.relationship = "own".to_owned();
    opened::write(&state.gate, &[event]).await?;
    let person = id.clone();
    let source = format!("{}, whose record it is", session.who.name);
    state
        .blocking(move |s| s.gate.access.standings.choose(&person, choice, on, &source, s.clock.now()))
        .await?;
    see(&format!("/me/{id}/choices"))
}

struct GrantRow {
    carer: String,
    name: String,
    since: Moment,
    until: String,
    in_force: bool,
    scope: String,
}

#[derive(Template)]
#[template(path = "portal/let-in.html")]
struct PeoplePage {
    frame: Frame,
    id: String,
    rows: Vec<GrantRow>,
    parts: Vec<(String, String)>,
    wrong: String,
}

async fn people_page(state: &Shared, reader: &Reader, id: String, wrong: String) -> Answer {
    let mut opened = own(state, reader, &id, "page/people").await?;
    let sealed = opened.standing();
    let tell = |_: &Standing| (vec!["page/people".to_owned()], Vec::new());
    let standing = opened.disclose(&state.gate, reader, Act::Read, sealed, tell).await?;
    let now = state.clock.now();
    let policies = state.gate.access.policies.clone();
    let title = |code: &String| section_words(&policies, code);
    let rows = standing
        .grants
        .iter()
        .map(|g| GrantRow {
            carer: g.carer.clone(),
            name: g.name.clone(),
            since: g.start.into(),
            until: g.end.map(|e| Moment::from(e).words).unwrap_or_default(),
            in_force: g.end.is_none_or(|end| now < end),
            scope: if g.scope.is_empty() {
                "everything that a carer may see".to_owned()
            } else {
                g.scope.iter().map(title).collect::<Vec<_>>().join(", ")
            },
        })
        .collect();
    let parts = policies
        .sections
        .iter()
        .filter(|s| s.cells.get("carer").is_some_and(|d| *d != Depth::None))
        .filter(|s| {
            !matches!(s.code.as_str(), "demographics" | "directory" | "provenance" | "contact-details")
        })
        .map(|s| (s.code.clone(), title(&s.code)))
        .collect();
    let frame = Frame::new("People I let in", "/me");
    render(&PeoplePage { frame, id, rows, parts, wrong })
}

pub(super) async fn people(State(state): State<Shared>, reader: Reader, Path(id): Path<String>) -> Answer {
    people_page(&state, &reader, id, String::new()).await
}

/// Pairs of a form: parts of the record may be ticked several times.
type Pairs = Vec<(String, String)>;

pub(super) async fn let_in(
    State(state): State<Shared>,
    reader: Reader,
    headers: HeaderMap,
    Path(id): Path<String>,
    Form(form): Form<Pairs>,
) -> Answer {
    causeway_access::caller::same_origin(&headers)?;
    let value = |name: &str| {
        form.iter().find(|(n, _)| n == name).map(|(_, v)| v.trim().to_owned()).unwrap_or_default()
    };
    let session = reader.check_form(&value("csrf"))?.clone();
    reader.take_rate(&state)?;
    let opened = own(&state, &reader, &id, "page/people").await?;
    let now = state.clock.now();
    let mut event = reader.event(&state.gate, Act::ConsentChange);
    event.patient = opened.patients.first().cloned().unwrap_or_default();
    event.relationship = "own".to_owned();
    let person = id.clone();
    let carer = value("revoke");
    if !carer.is_empty() {
        event.text = "access of a carer taken back".to_owned();
        opened::write(&state.gate, &[event]).await?;
        let actor = session.who.user();
        state
            .blocking(move |s| s.gate.access.standings.revoke(&person, &carer, &actor, s.clock.now()))
            .await?;
        return see(&format!("/me/{id}/people"));
    }
    let code = value("code").to_uppercase().replace(' ', "");
    let wanted = code.clone();
    let found = state.blocking(move |s| s.engine.config(CODES, &wanted)).await?;
    let known = found.and_then(|(_, json)| serde_json::from_str::<serde_json::Value>(&json).ok());
    let known = known.filter(|k| {
        k["until"].as_str().and_then(|u| u.parse().ok()).is_some_and(|u: jiff::Timestamp| now < u)
    });
    let Some(known) = known else {
        let wrong = "This code is not known or out of date. Ask for a new one.".to_owned();
        return people_page(&state, &reader, id, wrong).await;
    };
    let scope: Vec<String> = form.iter().filter(|(n, _)| n == "part").map(|(_, v)| v.clone()).collect();
    let text = |name: &str| known[name].as_str().unwrap_or_default().to_owned();
    let grant = Grant {
        carer: text("user"),
        name: text("name"),
        scope,
        start: now,
        end: Some(now + SignedDuration::from_hours(24 * GRANT_DAYS)),
        given_by: session.who.name.clone(),
    };
    event.text = "access given to a carer".to_owned();
    opened::write(&state.gate, &[event]).await?;
    let actor = session.who.user();
    state
        .blocking(move |s| -> Result<_, Problem> {
            s.gate
                .access
                .standings
                .change(&person, &actor, s.clock.now(), |st| st.grants.push(grant.clone()))?;
            // A code lets in once.
            s.engine.put_config(CODES, &code, None, None, &actor, s.clock.now())?;
            Ok(())
        })
        .await?;
    see(&format!("/me/{id}/people"))
}

#[derive(Template)]
#[template(path = "portal/wrong.html")]
struct WrongPage {
    frame: Frame,
    id: String,
    told: bool,
}

/// Whether it was told.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Told {
    told: String,
}

pub(super) async fn wrong(
    State(state): State<Shared>,
    reader: Reader,
    Path(id): Path<String>,
    Query(query): Query<Told>,
) -> Answer {
    let mut opened = own(&state, &reader, &id, "page/wrong").await?;
    opened.disclose_page(&state.gate, &reader, "page/wrong").await?;
    let frame = Frame::new("Something is wrong here", "/me");
    render(&WrongPage { frame, id, told: query.told == "1" })
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct WrongForm {
    csrf: String,
    text: String,
}

pub(super) async fn tell(
    State(state): State<Shared>,
    reader: Reader,
    headers: HeaderMap,
    Path(id): Path<String>,
    Form(form): Form<WrongForm>,
) -> Answer {
    causeway_access::caller::same_origin(&headers)?;
    let session = reader.check_form(&form.csrf)?.clone();
    reader.take_rate(&state)?;
    own(&state, &reader, &id, "page/wrong").await?;
    let text: String = form.text.trim().chars().take(2000).collect();
    if text.is_empty() {
        return Err(Problem::invalid("empty", "write what is wrong, then send it"));
    }
    let now = state.clock.now();
    let alert = Alert {
        id: uuid::Uuid::now_v7().to_string(),
        reason: Reason::SomethingWrong,
        at: now,
        user: session.who.user(),
        user_name: session.who.name.clone(),
        role: session.who.role.clone(),
        organisation: session.who.organisation.clone(),
        person: id.clone(),
        text,
        review: None,
    };
    state.blocking(move |s| s.gate.access.standings.raise(&alert, now)).await?;
    see(&format!("/me/{id}/wrong?told=1"))
}
