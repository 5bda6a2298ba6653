//! `/commitment` and `/coverage`: the promise clause by clause, with what stands behind each status and what would refute it.
//!
//! The wording is the Department's as it was assessed (written evidence DHS0042 to the Health and Social Care Committee's Expert
//! Panel; report HC 780, 2023). No rating is given: that is the assessor's.

use askama::Template;
use axum::Router;
use axum::extract::State;
use axum::routing::get;
use causeway_access::caller::Caller;
use causeway_adapter::Sector;
use causeway_broker::state::Shared;
use causeway_broker::view;
use causeway_host::problem::{Answer, Problem};

use super::faults::demonstration;
use super::results::Results;
use super::{Frame, render};

/// The commitment in its own words.
pub const COMMITMENT: &str = "Roll out integrated health and care records to all people, providing a functionally single health and \
care record that people, their carers and care teams can all safely access, enabled by a combination of nationally held summary data \
and links to locally held records, including shared care records.";

/// How far a prototype shows a clause.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// Tests show all of it that a prototype can show.
    Demonstrated,
    /// Some of it.
    Partly,
    /// Could be shown, and isn't.
    NotDemonstrated,
    /// No prototype can show it.
    CannotBeShown,
}

impl Status {
    /// In words.
    pub fn words(self) -> &'static str {
        match self {
            Self::Demonstrated => "demonstrated in the prototype",
            Self::Partly => "partly demonstrated",
            Self::NotDemonstrated => "not demonstrated",
            Self::CannotBeShown => "cannot be shown by a prototype",
        }
    }
}

/// One clause of the commitment.
#[derive(Debug)]
pub struct Clause {
    /// Short name, for addresses and files.
    pub id: &'static str,
    /// The clause in the commitment's words.
    pub words: &'static str,
    /// What the clause comes to, the decisive point first. Its status is worked out from them.
    pub points: &'static [Point],
    /// Pages with the records behind it: address and words.
    pub pages: &'static [(&'static str, &'static str)],
    /// What would refute it.
    pub refuted_by: &'static str,
}

/// A test: its file and its function.
pub type Test = (&'static str, &'static str);

/// One point of a clause, and how it could be shown.
#[derive(Debug)]
pub struct Point {
    /// What is to be shown.
    pub words: &'static str,
    /// By what.
    pub by: Proof,
}

/// How a point is shown.
#[derive(Debug)]
pub enum Proof {
    /// By tests, wherever they are run.
    Tests(&'static [Test]),
    /// Not here: it is not connected or not built.
    Nothing,
    /// By no prototype: roll-out, people's experience, approval.
    NoPrototype,
}

/// The six clauses.
pub const CLAUSES: [Clause; 6] = [
    Clause {
        id: "all-people",
        words: "to all people",
        points: &[
            Point { words: "All people are reached: roll-out, workforce, funding", by: Proof::NoPrototype },
            Point {
                words: "Nobody's record is lost or doubled on the way, for invented people in hundreds, those known to social care alone among them",
                by: Proof::Tests(&[
                    ("tests/it/population.rs", "every_persons_sources_join_and_every_defect_is_found"),
                    (
                        "crates/causeway/tests/process.rs",
                        "what_was_answered_is_there_once_and_translated_after_kill",
                    ),
                ]),
            },
        ],
        pages: &[("/coverage", "Which settings are connected"), ("/people/", "People in the record")],
        refuted_by: "A person whose message was acknowledged and who is not in the record.",
    },
    Clause {
        id: "functionally-single",
        words: "a functionally single health and care record",
        points: &[
            Point {
                words: "What several sources tell of one person is one record, and nobody is joined falsely",
                by: Proof::Tests(&[("crates/record/tests/it/identity.rs", "who_is_joined_and_who_is_not")]),
            },
            Point {
                words: "What differs between sources is shown, not resolved",
                by: Proof::Tests(&[(
                    "crates/record/tests/it/truth.rs",
                    "nothing_is_joined_falsely_and_every_planted_difference_is_shown",
                )]),
            },
        ],
        pages: &[("/people/", "Open a person"), ("/identity", "Questions of identity")],
        refuted_by: "Two people's facts in one record, or one person's facts in two without a question of identity.",
    },
    Clause {
        id: "people-and-carers",
        words: "that people, their carers … can all … access",
        points: &[
            Point {
                words: "A person reads her record and who looked at it",
                by: Proof::Tests(&[(
                    "crates/service/tests/it/access.rs",
                    "ig_18_she_sees_who_looked_and_refusals_are_there",
                )]),
            },
            Point {
                words: "She lets a carer in and out again",
                by: Proof::Tests(&[(
                    "crates/service/tests/it/access.rs",
                    "ig_24_the_daughter_is_let_in_and_out",
                )]),
            },
            Point { words: "She signs in with NHS login", by: Proof::Nothing },
            Point { words: "People and carers have tried it", by: Proof::NoPrototype },
        ],
        pages: &[("/look-as", "Look as the person or her carer (demonstration)")],
        refuted_by: "A person or carer who is let in and can't read, or who reads what others told in confidence.",
    },
    Clause {
        id: "care-teams",
        words: "care teams can all … access",
        points: &[
            Point {
                words: "Health and social-care roles see what their role and relationship allow",
                by: Proof::Tests(&[(
                    "crates/service/tests/it/access.rs",
                    "ig_04_and_ig_12_who_may_open_and_what_is_announced",
                )]),
            },
            Point {
                words: "They sign in at an identity provider",
                by: Proof::Tests(&[(
                    "crates/service/tests/it/sign_in.rs",
                    "people_sign_in_at_an_identity_provider",
                )]),
            },
            Point { words: "They sign in with CIS2", by: Proof::Nothing },
        ],
        pages: &[("/look-as", "Look as a member of a care team (demonstration)"), ("/access", "Access")],
        refuted_by: "A social-care worker with a relationship who is shown less than a health worker in the same role and relationship.",
    },
    Clause {
        id: "safely",
        words: "safely",
        points: &[
            Point {
                words: "One decision stands before each disclosure, and its audit entry is written first",
                by: Proof::Tests(&[
                    ("crates/access/tests/it/decision.rs", "step_7_without_an_entry_nothing_is_shown"),
                    ("crates/service/tests/it/fhir.rs", "nothing_is_disclosed_that_is_not_audited"),
                ]),
            },
            Point {
                words: "Nobody is told of an item that is restricted, on any route",
                by: Proof::Tests(&[(
                    "crates/service/tests/it/access.rs",
                    "ig_10_no_role_is_told_of_a_restricted_item_on_any_route",
                )]),
            },
            Point {
                words: "An audit trail that was shortened is noticed",
                by: Proof::Tests(&[("crates/store/tests/faults.rs", "a_shortened_audit_is_noticed")]),
            },
            Point { words: "A clinical safety officer has approved it", by: Proof::NoPrototype },
        ],
        pages: &[("/access", "Access"), ("/parked", "What waits for a person")],
        refuted_by: "A disclosure without its audit entry, or a fact shown, counted or hinted at to somebody who may not see it.",
    },
    Clause {
        id: "national-and-local",
        words: "enabled by a combination of nationally held summary data and links to locally held records, including shared care records",
        points: &[
            Point {
                words: "Summary Care Records and local records (GP, hospital, council, care home) come into one record",
                by: Proof::Tests(&[("tests/it/fixtures.rs", "every_case_gives_what_is_expected")]),
            },
            Point {
                words: "Every item of a source is accounted for and leads to the original",
                by: Proof::Tests(&[("tests/it/fixtures.rs", "ledgers_add_up_on_every_case")]),
            },
            Point { words: "National services are connected", by: Proof::Nothing },
        ],
        pages: &[("/adapters", "Formats read and written"), ("/messages/", "Messages with their ledgers")],
        refuted_by: "A source item without an outcome, or a fact without a way to its original.",
    },
];

/// What a prototype cannot show, and what is not built or only simulated.
pub const LIMITS: [&str; 8] = [
    "Every person and message is invented. Nothing here says that a real provider conforms.",
    "No clinical safety officer, Caldicott Guardian, data protection officer or ethics committee has approved anything.",
    "No national service is connected: PDS, NHS login, CIS2, Spine, MESH and the national data opt-out are simulated or absent.",
    "Funding, workforce, roll-out and effects on people cannot be shown by a prototype.",
    "SNOMED CT and dm+d codes are checked by form and check digit, not for membership of a release.",
    "The formats' test messages are written by us after published specifications; suppliers' dialects will differ.",
    "No person with a disability has tested the pages; automated checks find only part of what is wrong.",
    "One process and one disk: what is durable survives a kill and a power cut, not the loss of the disk.",
];

impl Point {
    /// The tests that show it.
    pub fn tests(&self) -> &'static [Test] {
        match self.by {
            Proof::Tests(tests) => tests,
            Proof::Nothing | Proof::NoPrototype => &[],
        }
    }

    /// Whether it is shown by these results: all its tests passed, or none of any was given and it has tests.
    fn shown(&self, results: &Results) -> bool {
        let names = self.tests().iter().map(|(_, name)| *name);
        !self.tests().is_empty() && (results.is_empty() || results.all_passed(names))
    }

    /// What stands behind it, in words.
    pub fn said(&self, results: &Results) -> &'static str {
        let names = || self.tests().iter().map(|(_, name)| *name);
        match self.by {
            Proof::Nothing => "not shown: not connected or not built",
            Proof::NoPrototype => "no prototype can show it",
            Proof::Tests(_) if results.is_empty() => {
                "claimed when the program was built; no results are here"
            }
            Proof::Tests(_) if results.any_failed(names()) => "refuted: a test failed in the results given",
            Proof::Tests(_) if results.all_passed(names()) => "shown: its tests passed in the results given",
            Proof::Tests(_) => "not shown: its tests are not all in the results given",
        }
    }
}

impl Clause {
    /// The tests behind all its points.
    pub fn tests(&self) -> impl Iterator<Item = &'static Test> {
        self.points.iter().flat_map(Point::tests)
    }

    /// How far the clause is shown, worked out from its points and what became of their tests. Where no results are here, as
    /// if every test had passed, and the page says so.
    pub fn shown(&self, results: &Results) -> Status {
        if self.points.first().is_some_and(|p| matches!(p.by, Proof::NoPrototype)) {
            return Status::CannotBeShown;
        }
        let shown = self.points.iter().filter(|p| p.shown(results)).count();
        match shown {
            _ if results.any_failed(self.tests().map(|(_, name)| *name)) => Status::NotDemonstrated,
            0 => Status::NotDemonstrated,
            all if all == self.points.len() => Status::Demonstrated,
            _ => Status::Partly,
        }
    }

    /// What the results that are here say of the tests behind it.
    pub fn said(&self, results: &Results) -> String {
        let names = || self.tests().map(|(_, name)| *name);
        let all = self.tests().count();
        if results.is_empty() {
            return "No results of tests are here, so this is what was claimed when the program was built."
                .to_owned();
        }
        let count = |word: &str| names().filter(|name| results.words(name) == word).count();
        match (results.any_failed(names()), results.all_passed(names())) {
            (true, _) => format!("{} of its {all} tests failed in the results given.", count("failed")),
            (_, true) => format!("All {all} tests behind it passed in the results given."),
            _ => format!(
                "{} of its {all} tests passed in the results given; the others are not in them.",
                count("passed")
            ),
        }
    }
}

pub(super) fn router() -> Router<Shared> {
    Router::new().route("/commitment", get(commitment)).route("/coverage", get(coverage))
}

#[derive(Template)]
#[template(path = "commitment.html")]
struct CommitmentPage {
    frame: Frame,
    commitment: &'static str,
    clauses: Vec<Shown>,
    /// Tests whose results are here.
    results: usize,
    now: Vec<(&'static str, String)>,
    limits: &'static [&'static str],
    /// Whether everybody is invented, so that a pack may be taken from the page.
    demonstration: bool,
}

/// A clause with what the results say of it.
struct Shown {
    clause: &'static Clause,
    status: &'static str,
    said: String,
    /// Each point and what stands behind it.
    points: Vec<(&'static str, &'static str)>,
    tests: Vec<(&'static str, &'static str, &'static str)>,
}

fn shown(clause: &'static Clause, results: &Results) -> Shown {
    Shown {
        clause,
        status: clause.shown(results).words(),
        said: clause.said(results),
        points: clause.points.iter().map(|p| (p.words, p.said(results))).collect(),
        tests: clause.tests().map(|(file, name)| (*file, *name, results.words(name))).collect(),
    }
}

/// Figures of this exchange, counted when the page is asked for.
async fn now(state: &Shared, caller: &Caller) -> Answer<Vec<(&'static str, String)>> {
    // What came, and from whom, is for the operator alone.
    if !caller.is_operator() {
        return Ok(Vec::new());
    }
    let (counts, _) = view::came(state, caller, MESSAGES_READ).await?;
    let of = |sector: Sector| -> (u64, u64) {
        let own = state.adapters.iter().filter(|a| a.format().sector == sector);
        own.filter_map(|a| counts.get(a.name())).fold((0, 0), |(m, i), c| (m + c.messages, i + c.items))
    };
    let ((social, social_items), (health, health_items)) = (of(Sector::SocialCare), of(Sector::Health));
    let figures = state.blocking(|s| s.record_figures()).await?;
    Ok(vec![
        ("Messages from social care", social.to_string()),
        ("Their source items, each with its outcome", social_items.to_string()),
        ("Messages from health", health.to_string()),
        ("Their source items, each with its outcome", health_items.to_string()),
        ("People in the record", figures.persons.to_string()),
        ("Facts in the record", figures.resources.to_string()),
    ])
}

async fn commitment(State(state): State<Shared>, caller: Caller) -> Answer {
    let read = state.config.data_directory.clone();
    let results = tokio::task::spawn_blocking(move || Results::of(&read));
    let results = results.await.map_err(|_| Problem::internal())?;
    render(&CommitmentPage {
        frame: Frame::new("The commitment", ""),
        commitment: COMMITMENT,
        clauses: CLAUSES.iter().map(|clause| shown(clause, &results)).collect(),
        results: results.len(),
        now: now(&state, &caller).await?,
        limits: &LIMITS,
        demonstration: demonstration(&state).is_ok(),
    })
}

/// A format by setting, with what this exchange has seen of it.
struct Row {
    title: &'static str,
    sector: &'static str,
    versions: String,
    ways: &'static str,
    messages: u64,
    items: u64,
    last: String,
}

#[derive(Template)]
#[template(path = "coverage.html")]
struct CoveragePage {
    frame: Frame,
    rows: Vec<Row>,
    seen: usize,
    /// Whether there are more messages than were read.
    more: bool,
}

/// Messages that the coverage page reads, the newest.
const MESSAGES_READ: usize = 1_000;

async fn coverage(State(state): State<Shared>, caller: Caller) -> Answer {
    let (counts, seen) = view::came(&state, &caller, MESSAGES_READ).await?;
    let mut all = state.adapters.to_vec();
    all.sort_by_key(|a| (a.format().sector, a.name()));
    let rows = all
        .into_iter()
        .map(|adapter| {
            let came = counts.get(adapter.name()).cloned().unwrap_or_default();
            let last = came.last.map(|at| at.strftime("%-d %B %Y %H:%M UTC").to_string());
            Row {
                title: adapter.format().title,
                sector: if adapter.format().sector == Sector::SocialCare { "Social care" } else { "Health" },
                versions: adapter.format().versions.join(", "),
                ways: if adapter.encodes() { "contributes and receives" } else { "contributes" },
                messages: came.messages,
                items: came.items,
                last: last.unwrap_or_default(),
            }
        })
        .collect();
    render(&CoveragePage { frame: Frame::new("Coverage", ""), rows, seen, more: seen == MESSAGES_READ })
}
