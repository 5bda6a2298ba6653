//! Pages on which the decision can be tried: as any role, with any choices, by another version of the policy, and side by side.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use askama::Template;
use axum::extract::{Query, State};
use causeway_access::audit_event::Act;
use causeway_access::choices::{Change, Choice, Choices};
use causeway_access::decide::{
    self, Asker, ExtractRequest, Form, Interface, Obligation, OrganisationFacts, Outcome, Reach, Request,
    decide_extract,
};
use causeway_access::policy::{Depth, PolicySet, built_in_files};
use causeway_access::record::PersonQuery;
use causeway_access::relationship::{Kind, Relationship};
use causeway_access::{HasGate, Reader, Sealed, opened};
use causeway_broker::state::{AppState, Shared};
use causeway_host::problem::{Answer, Problem};
use serde::Deserialize;
use serde_json::Value;

use super::cast::cast;
use super::officer::OFFICERS;
use crate::{Frame, render};

#[derive(Template)]
#[template(path = "portal/access.html")]
struct Contents {
    frame: Frame,
    version: String,
    date: String,
    owner: String,
    status: String,
    open: bool,
    /// Whether the reader may open the pages of privacy officers, and the one side by side.
    officer: bool,
    side: bool,
}

pub(super) async fn contents(State(state): State<Shared>, reader: Reader) -> Answer {
    let head = &state.gate.access.policies.head;
    let officer = reader.require_role(OFFICERS).is_ok();
    render(&Contents {
        frame: Frame::new("Access", "/access"),
        version: head.version.clone(),
        date: head.date.to_string(),
        owner: head.owner.clone(),
        status: head.status.clone(),
        open: state.gate.open,
        officer,
        side: state.gate.open && (officer || reader.operator),
    })
}

/// What is to be decided.
#[derive(Debug, Deserialize)]
#[serde(default)]
pub(super) struct Trial {
    role: String,
    purpose: String,
    relationship: String,
    flag: String,
    organisation: String,
}

impl Default for Trial {
    fn default() -> Self {
        Self {
            role: "R8000".to_owned(),
            purpose: "TREAT".to_owned(),
            relationship: "registered".to_owned(),
            flag: String::new(),
            organisation: "live".to_owned(),
        }
    }
}

struct StepRow {
    number: u8,
    question: &'static str,
    class: &'static str,
    word: &'static str,
    because: String,
    rules: String,
}

#[derive(Template)]
#[template(path = "portal/try.html")]
struct TryPage {
    frame: Frame,
    roles: Vec<(String, String)>,
    role: String,
    purposes: [&'static str; 8],
    purpose: String,
    relationships: [&'static str; 11],
    relationship: String,
    flags: Vec<(&'static str, &'static str)>,
    flag: String,
    organisation: String,
    permit: bool,
    reason: &'static str,
    steps: Vec<StepRow>,
    obligations: String,
    grid: Vec<(String, &'static str)>,
}

const KINDS: [Kind; 11] = [
    Kind::Registered,
    Kind::Admitted,
    Kind::Referred,
    Kind::SocialCare,
    Kind::Allocated,
    Kind::Resident,
    Kind::Own,
    Kind::Delegated,
    Kind::SelfClaimed,
    Kind::BreakGlass,
    Kind::None,
];

pub(super) async fn steps(State(state): State<Shared>, _: Reader, Query(trial): Query<Trial>) -> Answer {
    let policies = &state.gate.access.policies;
    let now = state.clock.now();
    let kind = KINDS.into_iter().find(|k| k.word() == trial.relationship).unwrap_or(Kind::None);
    let relationship = relationship(kind, "trial", now);
    let asker = Asker {
        user: "trial".to_owned(),
        role: trial.role.clone(),
        organisation: OrganisationFacts {
            code: "trial".to_owned(),
            registered: trial.organisation != "unknown",
            live: trial.organisation != "unknown",
            gates_in_date: trial.organisation != "out-of-date",
            ..OrganisationFacts::default()
        },
        ..Asker::default()
    };
    let choices = chosen(&Choice::of(&trial.flag).into_iter().collect::<Vec<_>>(), now);
    let research = matches!(trial.purpose.as_str(), "HRESCH" | "HOPERAT" | "PUBHLTH");
    let request = Request {
        asker: &asker,
        purpose: &trial.purpose,
        interface: if research && trial.role == "R1860" { Interface::Extract } else { Interface::Care },
        reach: Reach::Open,
        choices: &choices,
        safeguarded_child: false,
        relationship: relationship.as_ref(),
        now,
    };
    let decision = decide::decide(policies, &request);
    let row = |s: &decide::Step| {
        let (class, word) = match s.outcome {
            Outcome::Passed => ("passed", "Passed."),
            Outcome::Refused => ("refused", "Refused."),
            Outcome::Limited => ("limited", "Passed with less."),
            Outcome::NotReached => ("not-reached", "Not reached."),
        };
        StepRow {
            number: s.number,
            question: s.question,
            class,
            word,
            because: s.because.clone(),
            rules: s.rules.join(", "),
        }
    };
    let obligation = |o: &Obligation| match o {
        Obligation::AlertSelfClaim => "a privacy officer looks at the claim",
        Obligation::AlertBreakGlass => "a privacy officer reviews the emergency",
        Obligation::TellLocalAuthority => "the local authority is told",
    };
    let mut flags = vec![("", "no choice or flag")];
    flags.extend(Choice::ALL.into_iter().map(|c| (c.word(), c.title())));
    render(&TryPage {
        frame: Frame::new("Try as any role", "/access"),
        roles: policies.roles.iter().map(|r| (r.code.clone(), r.name.clone())).collect(),
        purposes: ["TREAT", "ETREAT", "PATRQT", "FAMRQT", "HCOMPL", "HRESCH", "HOPERAT", "PUBHLTH"],
        relationships: KINDS.map(Kind::word),
        flags,
        permit: decision.permit,
        reason: decision.reason,
        steps: decision.steps.iter().map(row).collect(),
        obligations: decision.obligations.iter().map(obligation).collect::<Vec<_>>().join("; "),
        grid: policies.sections.iter().map(|s| (s.title.clone(), decision.depth(&s.code).word())).collect(),
        role: trial.role,
        purpose: trial.purpose,
        relationship: trial.relationship,
        flag: trial.flag,
        organisation: trial.organisation,
    })
}

fn relationship(kind: Kind, holder: &str, now: jiff::Timestamp) -> Option<Relationship> {
    (kind != Kind::None).then(|| Relationship {
        kind,
        holder: holder.to_owned(),
        start: Some(now),
        end: None,
        source: "trial".to_owned(),
        reason: "tried on this page".to_owned(),
        scope: Vec::new(),
    })
}

fn chosen(on: &[Choice], now: jiff::Timestamp) -> Choices {
    let change = |choice: &Choice| Change { choice: *choice, on: true, at: now, source: "trial".to_owned() };
    Choices { history: on.iter().map(change).collect() }
}

struct TruthRow {
    name: String,
    cells: Vec<String>,
}

#[derive(Template)]
#[template(path = "portal/truth.html")]
struct TruthPage {
    frame: Frame,
    toggles: Vec<(&'static str, &'static str, bool)>,
    uses: [&'static str; 4],
    rows: Vec<TruthRow>,
}

pub(super) async fn truth(
    State(state): State<Shared>,
    _: Reader,
    Query(given): Query<Vec<(String, String)>>,
) -> Answer {
    let policies = state.gate.access.policies.clone();
    let now = state.clock.now();
    let own: Vec<Choice> =
        Choice::ALL.into_iter().filter(|c| given.iter().any(|(n, _)| n == c.word())).collect();
    let mut rows = vec![truth_row(&policies, "none", &[], false, now)];
    rows.extend(Choice::ALL.into_iter().map(|c| truth_row(&policies, c.title(), &[c], false, now)));
    rows.push(truth_row(&policies, "a restricted item", &[], true, now));
    if own.len() > 1 {
        let name: Vec<&str> = own.iter().map(|c| c.title()).collect();
        rows.push(truth_row(&policies, &name.join(" and "), &own, false, now));
    }
    render(&TruthPage {
        frame: Frame::new("Choices honoured", "/access"),
        toggles: Choice::ALL.into_iter().map(|c| (c.word(), c.title(), own.contains(&c))).collect(),
        uses: [
            "Identifiable, legal basis, no consent",
            "Identifiable, with consent",
            "Pseudonymised",
            "Counts",
        ],
        rows,
    })
}

fn truth_row(
    policies: &Arc<PolicySet>,
    name: &str,
    on: &[Choice],
    restricted: bool,
    now: jiff::Timestamp,
) -> TruthRow {
    let choices = chosen(on, now);
    let asker = Asker {
        role: "R8000".to_owned(),
        organisation: OrganisationFacts {
            registered: true,
            live: true,
            gates_in_date: true,
            ..OrganisationFacts::default()
        },
        ..Asker::default()
    };
    let relationship = relationship(Kind::Registered, "", now);
    let request = Request {
        asker: &asker,
        purpose: "TREAT",
        interface: Interface::Care,
        reach: Reach::Open,
        choices: &choices,
        safeguarded_child: false,
        relationship: relationship.as_ref(),
        now,
    };
    let mut decision = decide::decide(policies, &request);
    let label = if restricted { BTreeSet::from(["legally-restricted".to_owned()]) } else { BTreeSet::new() };
    let care = match (
        decision.permit,
        decision.item("problems", &label),
        decision.item("contact-details", &BTreeSet::new()),
    ) {
        (false, ..) => "no (emergency only)",
        (true, decide::Item::Withhold { .. }, _) => "withheld, announced",
        (true, _, decide::Item::Withhold { .. }) => {
            "yes, without address and contact; not found by searching"
        }
        _ => "yes",
    };
    let mut cells = vec![care.to_owned()];
    for (form, legal_basis, consent) in [
        (Form::Identifiable, true, false),
        (Form::Identifiable, false, true),
        (Form::Pseudonymised, false, false),
        (Form::Aggregate, false, false),
    ] {
        let ask = |gp_held: bool| {
            let request = ExtractRequest {
                role: "R1860",
                purpose: "HRESCH",
                form,
                legal_basis,
                consent,
                consent_covers_gp: false,
                choices: &choices,
                gp_held,
                restricted,
            };
            decide_extract(policies, &request).permit
        };
        cells.push(
            match (ask(false), ask(true)) {
                (true, true) => "yes",
                (true, false) => "no GP rows",
                _ => "no",
            }
            .to_owned(),
        );
    }
    TruthRow { name: name.to_owned(), cells }
}

#[derive(Template)]
#[template(path = "portal/sensitive.html")]
struct SensitivePage {
    frame: Frame,
    version: String,
    owner: String,
    date: String,
    members: usize,
    people: usize,
    other: String,
    counts: Vec<(String, String, usize, usize)>,
    changes: Vec<String>,
    refsets: Vec<(String, String, usize)>,
}

/// People over whom withheld items are counted.
const COUNTED: usize = 50;

/// The set as it would be with the older restricted codes.
fn other_set() -> Answer<Arc<PolicySet>> {
    static SET: std::sync::OnceLock<Arc<PolicySet>> = std::sync::OnceLock::new();
    if let Some(set) = SET.get() {
        return Ok(set.clone());
    }
    let mut files = built_in_files();
    if let Some(head) = files.get_mut("policy.toml") {
        *head = head.replace("restricted-2026-11", "restricted-2026-06");
    }
    let set = PolicySet::load(&files).map_err(|_| Problem::internal())?;
    Ok(SET.get_or_init(|| Arc::new(set)).clone())
}

pub(super) async fn sensitive(State(state): State<Shared>, reader: Reader) -> Answer {
    reader.require_role(OFFICERS)?;
    let policies = state.gate.access.policies.clone();
    let (people, counts, changes) = state
        .blocking(|s| -> Result<_, Problem> {
            let other = other_set()?;
            let query = PersonQuery { limit: COUNTED, ..PersonQuery::default() };
            let people = s.gate.shelf.ids(&query)?;
            let mut counts = std::collections::BTreeMap::<String, (usize, usize)>::new();
            for person in &people {
                for (n, set) in [&s.gate.access.policies, &other].into_iter().enumerate() {
                    let opened = opened::open_with(s.gate(), person, set, "R8000", Kind::Registered)?;
                    for (rule, count) in opened.by_rule() {
                        let of = counts.entry(rule).or_default();
                        if n == 0 { of.0 += count } else { of.1 += count }
                    }
                }
            }
            Ok((people.len(), counts, s.gate.access.policies.differences(&other)))
        })
        .await?;
    let because = |rule: &str| match rule {
        "inference" => "would tell of a withheld item".to_owned(),
        "role" => "not for the role".to_owned(),
        id => policies.rule(id).map(|r| r.because.clone()).unwrap_or_default(),
    };
    let mut refsets: Vec<(String, String, usize)> = Vec::new();
    for member in policies.restricted.members() {
        match refsets.iter_mut().find(|r| r.0 == member.refset) {
            Some(known) => known.2 += 1,
            None => refsets.push((member.refset.clone(), member.title.clone(), 1)),
        }
    }
    let mut event = reader.event(&state.gate, Act::Read);
    event.data = vec!["page/sensitive".to_owned()];
    opened::write(&state.gate, &[event]).await?;
    render(&SensitivePage {
        frame: Frame::new("Sensitive information", "/access"),
        version: policies.restricted.version.clone(),
        owner: policies.head.owner.clone(),
        date: policies.head.date.to_string(),
        members: policies.restricted.members().len(),
        people,
        other: "restricted-2026-06".to_owned(),
        counts: counts
            .into_iter()
            .map(|(rule, (now, then))| (rule.clone(), because(&rule), now, then))
            .collect(),
        changes,
        refsets,
    })
}

struct SideReader {
    name: String,
    role: String,
    decision: String,
}

#[derive(Template)]
#[template(path = "portal/side-by-side.html")]
struct SidePage {
    frame: Frame,
    name: String,
    readers: Vec<SideReader>,
    rows: Vec<(String, Vec<String>)>,
}

/// Who is shown side by side.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Side {
    person: String,
}

pub(super) async fn side_by_side(
    State(state): State<Shared>,
    reader: Reader,
    Query(side): Query<Side>,
) -> Answer {
    if !reader.operator {
        reader.require_role(OFFICERS)?;
    }
    if !state.gate.open {
        return Err(Problem::not_found("page: it is for the demonstration, where everybody is invented"));
    }
    let sealed = state.blocking(move |s| sides(s, &side.person)).await?;
    let mut event = reader.event(&state.gate, Act::Read);
    event.data = vec!["page/side-by-side".to_owned()];
    let (_, name, readers, rows) = sealed
        .open(&state.gate, |(patient, ..)| {
            event.patient.clone_from(patient);
            vec![event]
        })
        .await?;
    let frame = Frame::new("Side by side", "/access");
    render(&SidePage { frame, name, readers, rows })
}

/// Patient, name, readers, and a row for each section.
type Sides = (String, String, Vec<SideReader>, Vec<(String, Vec<String>)>);

fn sides(s: &AppState, person: &str) -> Answer<Sealed<Sides>> {
    let cast = cast(s)?;
    let own =
        cast.iter().find(|c| c.role == "person" && !c.nhs_number.is_empty()).map(|c| c.nhs_number.clone());
    let query = PersonQuery { text: own.unwrap_or_default(), limit: 1, ..PersonQuery::default() };
    let person = if person.is_empty() {
        s.gate.shelf.ids(&query)?.into_iter().next()
    } else {
        Some(person.to_owned())
    };
    // Nobody is found by an empty id.
    let person = person.unwrap_or_default();
    let view = s.gate.shelf.person(&person)?;
    if person.is_empty() {
        return Ok(view.map(|_| Sides::default()));
    }
    let policies = s.gate.access.policies.clone();
    let mut readers = Vec::new();
    let mut shown: Vec<Sealed<Vec<Value>>> = Vec::new();
    let mut depths: Vec<std::collections::BTreeMap<String, Depth>> = Vec::new();
    for who in &cast {
        let reader = Reader::of_session(s.gate(), who);
        let opened = opened::open(s.gate(), &reader, &person, Reach::Open)?;
        let decision = match &opened.decision {
            Some(d) if d.permit => format!("yes: {}", because(d.relationship)),
            Some(d) => format!("no: {}", d.refusal()),
            None => "everything".to_owned(),
        };
        let permit = opened.permit();
        shown.push(opened.resources(s.gate())?.map(|all| if permit { all } else { Vec::new() }));
        // Somebody of the public who was let in is there as a carer.
        let let_in = opened.decision.as_ref().is_some_and(|d| d.relationship == Kind::Delegated);
        let role = policies.role(if let_in { "carer" } else { &who.role });
        depths.push(
            policies
                .sections
                .iter()
                .map(|r| {
                    (r.code.clone(), opened.decision.as_ref().map_or(Depth::Whole, |d| d.depth(&r.code)))
                })
                .collect(),
        );
        readers.push(SideReader {
            name: who.name.clone(),
            role: role.map(|r| r.name.clone()).unwrap_or_default(),
            decision,
        });
    }
    let skip = ["directory", "provenance", "originals", "contact-details", "access-log", "other"];
    Ok(view.zip(Sealed::all(shown)).map(|(view, shown)| {
        let counts: Vec<_> = shown.iter().map(|all| by_section(all)).collect();
        let rows = policies
            .sections
            .iter()
            .filter(|r| !skip.contains(&r.code.as_str()))
            .map(|r| {
                let cells = counts.iter().zip(&depths).map(|(of, depth)| {
                    match (of.get(&r.code), depth.get(&r.code)) {
                        (Some(n), Some(Depth::Summary)) => format!("{n}, summary"),
                        (Some(n), _) => n.to_string(),
                        (None, Some(Depth::None) | None) => "closed".to_owned(),
                        (None, _) => "0".to_owned(),
                    }
                });
                (r.title.clone(), cells.collect())
            })
            .collect();
        let (patient, name) = view.map(|v| (v.display_patient, v.display.name)).unwrap_or_default();
        (patient, name, readers, rows)
    }))
}

/// Why somebody may look, in a few words.
fn because(kind: Kind) -> &'static str {
    match kind {
        Kind::Own => "her own record",
        Kind::Registered => "her practice",
        Kind::Admitted => "in their care",
        Kind::Referred => "referred to them",
        Kind::SocialCare => "gives her care",
        Kind::Allocated => "her worker",
        Kind::Resident => "she lives there",
        Kind::Delegated => "she let them in",
        Kind::SelfClaimed => "they said so, to be checked",
        Kind::BreakGlass => "emergency",
        Kind::None => "to check who looked",
    }
}

/// How many resources are in each section.
fn by_section(resources: &[Value]) -> BTreeMap<String, usize> {
    let mut of = BTreeMap::new();
    for resource in resources {
        let section =
            causeway_access::sections::section_of(resource, causeway_access::meta::adapter_of(resource));
        *of.entry(section.to_owned()).or_default() += 1;
    }
    of
}
