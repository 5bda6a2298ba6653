//! The one decision, in seven steps. Deny outweighs permit, the default is deny, and each step says which rules spoke.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use jiff::Timestamp;
use serde::Serialize;

use crate::choices::{Choice, Choices};
use crate::labels::Labels;
use crate::policy::{Answer, Audience, Depth, Facts, PolicySet};
use crate::relationship::{Kind, Relationship};

/// The organisation that asks, as the register of participants has it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OrganisationFacts {
    /// ODS, CQC or CASSR code.
    pub code: String,
    /// Name.
    pub name: String,
    /// Whether it is in the register at all.
    pub registered: bool,
    /// Whether it is live.
    pub live: bool,
    /// Whether its agreements and assessments are in date.
    pub gates_in_date: bool,
    /// Whether nobody proves who they are (demonstration).
    pub demonstration: bool,
}

/// Who asks.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Asker {
    /// Id of the user; empty for a system.
    pub user: String,
    /// Name as shown in the access log.
    pub name: String,
    /// Role code.
    pub role: String,
    /// Activity codes, such as `B0107`.
    pub activities: BTreeSet<String>,
    /// For whom the caller works.
    pub organisation: OrganisationFacts,
    /// NHS number of a person who sees herself, empty otherwise.
    pub own_number: String,
}

/// On what the request comes in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Interface {
    /// Pages, FHIR, mailboxes: a person's care.
    Care,
    /// Extracts.
    Extract,
}

/// Whether one person is opened, or people are looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// One person's record.
    Open,
    /// A list or search in which the person would appear.
    Find,
}

/// What is asked of one person.
#[derive(Clone, Debug)]
pub struct Request<'a> {
    /// Who asks.
    pub asker: &'a Asker,
    /// Why: a code of HL7's ActReason, such as `TREAT`.
    pub purpose: &'a str,
    /// On which interface.
    pub interface: Interface,
    /// Open or find.
    pub reach: Reach,
    /// The person's choices.
    pub choices: &'a Choices,
    /// Whether a source flags a safeguarding concern and the person is a child.
    pub safeguarded_child: bool,
    /// The caller's relationship in force, if there is one.
    pub relationship: Option<&'a Relationship>,
    /// Now.
    pub now: Timestamp,
}

/// What a step came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// Went on.
    Passed,
    /// Ended the decision.
    Refused,
    /// Went on with less: sections or items held back.
    Limited,
    /// Not reached.
    NotReached,
}

impl Outcome {
    /// In words.
    pub fn plain(self) -> &'static str {
        match self {
            Self::Passed => "passed",
            Self::Refused => "refused",
            Self::Limited => "in part",
            Self::NotReached => "not reached",
        }
    }
}

/// One step of the decision.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Step {
    /// 1 to 7.
    pub number: u8,
    /// What it looks at.
    pub question: &'static str,
    /// What it came to.
    pub outcome: Outcome,
    /// Ids of the rules that spoke.
    pub rules: Vec<String>,
    /// In a sentence.
    pub because: String,
}

/// Something that must be done because of a permit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Obligation {
    /// A privacy officer must look at the claimed relationship.
    AlertSelfClaim,
    /// A privacy officer must review the emergency access; a banner tells the user.
    AlertBreakGlass,
    /// The local authority is told that child protection information was seen.
    TellLocalAuthority,
}

impl Obligation {
    /// What must be done, in a sentence.
    pub fn plain(self) -> &'static str {
        match self {
            Self::AlertSelfClaim => "a privacy officer looks at the claimed relationship",
            Self::AlertBreakGlass => {
                "a privacy officer reviews the emergency access, and a banner tells the user so"
            }
            Self::TellLocalAuthority => {
                "the local authority is told that child protection information was seen"
            }
        }
    }
}

/// What happens to one item.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Item {
    /// Shown.
    Show,
    /// Shown if it is part of the section's summary.
    ShowInSummary,
    /// Held back because of the role: the section says so.
    NotForRole {
        /// Whether it would be withheld from a role that sees the section too: then nothing may tell of it.
        secret: bool,
    },
    /// Held back because of what it is: announced without its kind.
    Withhold {
        /// The rules that forbid it.
        rules: Vec<String>,
    },
}

/// The decision about one person for one caller.
#[derive(Clone, Debug)]
pub struct Decision {
    /// Whether anything may be shown.
    pub permit: bool,
    /// Where refused: a stable code of the step, such as `no-relationship`.
    pub reason: &'static str,
    /// The seven steps.
    pub steps: Vec<Step>,
    /// What must be done.
    pub obligations: BTreeSet<Obligation>,
    /// The relationship that it rests on.
    pub relationship: Kind,
    /// The purpose.
    pub purpose: String,
    role: String,
    audience: Audience,
    activities: BTreeSet<String>,
    sensitive: bool,
    scope: Vec<String>,
    policies: Arc<PolicySet>,
    items: HashMap<(String, Labels), Item>,
}

const QUESTIONS: [&str; 7] = [
    "Is the organisation live, with its agreements in date?",
    "Is the purpose allowed here?",
    "Do the person's choices or flags stand against it?",
    "Has the caller to do with the person?",
    "What may the role see?",
    "Are items restricted or confidential?",
    "Is the access written down before anything is shown?",
];

const REFUSALS: [(&str, &str); 4] = [
    ("organisation-not-live", "the organisation is not registered and live here"),
    ("purpose-not-allowed", "nothing allows this purpose here"),
    ("person-flags", "a choice or flag of the person stands against it"),
    ("no-relationship", "no source tells that this caller has to do with the person"),
];

/// Decides steps 1 to 6. Step 7 is [`Decision::audited`].
pub fn decide(policies: &Arc<PolicySet>, request: &Request<'_>) -> Decision {
    let asker = request.asker;
    // A role that the policy set does not know is nobody's.
    let known = policies.role(&asker.role);
    let audience = known.map_or(Audience::System, |r| r.audience);
    let relationship = request.relationship.filter(|r| r.in_force(request.now));
    let kind = relationship.map_or(Kind::None, |r| r.kind);
    let sensitive = request.choices.is_on(Choice::Sensitive);
    let own = kind == Kind::Own && audience == Audience::Person;
    let mut decision = Decision {
        permit: false,
        reason: "",
        steps: Vec::with_capacity(7),
        obligations: BTreeSet::new(),
        relationship: kind,
        purpose: request.purpose.to_owned(),
        role: asker.role.clone(),
        audience,
        activities: asker.activities.clone(),
        sensitive,
        scope: relationship.map(|r| r.scope.clone()).unwrap_or_default(),
        policies: Arc::clone(policies),
        items: HashMap::new(),
    };
    let interface = match request.interface {
        Interface::Care => "care",
        Interface::Extract => "extract",
    };
    let organisation = &asker.organisation;
    let ask = |action: &'static str, resource: (&'static str, &str), facts: Facts| {
        if known.is_none() {
            return Answer { permit: false, rules: Vec::new() };
        }
        policies.ask(&asker.role, action, resource, facts)
    };
    // The person and those she let in are of no organisation; the exchange itself answers for them.
    let outside = matches!(audience, Audience::Person | Audience::Carer);
    let questions: [&dyn Fn() -> Answer; 4] = [
        &|| {
            let facts = Facts::new()
                .flag("registered", organisation.registered || outside)
                .flag("live", organisation.live || outside)
                .flag("gatesInDate", organisation.gates_in_date || outside)
                .flag("demonstration", organisation.demonstration);
            ask("connect", ("Interface", interface), facts)
        },
        &|| {
            let facts = Facts::new().text("purpose", request.purpose).text("audience", audience.word());
            ask("ask", ("Interface", interface), facts)
        },
        &|| {
            let facts = Facts::new()
                .text("purpose", request.purpose)
                .text("audience", audience.word())
                .flag("objection", request.choices.is_on(Choice::Objection))
                .flag("sensitive", sensitive)
                .flag("own", own);
            let action = if request.reach == Reach::Find { "find" } else { "open" };
            ask(action, ("Record", "person"), facts)
        },
        &|| {
            let facts = Facts::new()
                .text("purpose", request.purpose)
                .text("audience", audience.word())
                .text("relationship", kind.word())
                .flag("reasonGiven", relationship.is_some_and(|r| !r.reason.trim().is_empty()))
                .flag("safeguardedChild", request.safeguarded_child);
            ask("relate", ("Record", "person"), facts)
        },
    ];
    for (n, question) in questions.iter().enumerate() {
        let answer = question();
        let (code, default) = REFUSALS.get(n).copied().unwrap_or_default();
        let because = decision.because(&answer, default);
        decision.oblige(&answer);
        let outcome = if answer.permit { Outcome::Passed } else { Outcome::Refused };
        decision.push(n, outcome, answer.rules, because);
        if !answer.permit {
            decision.reason = code;
            decision.obligations.clear();
            decision.rest();
            return decision;
        }
    }
    decision.permit = true;
    decision.sections_step();
    decision.items_step();
    decision.push(6, Outcome::NotReached, Vec::new(), "nothing was disclosed yet".to_owned());
    decision
}

impl Decision {
    fn because(&self, answer: &Answer, default: &str) -> String {
        let said: Vec<&str> =
            answer.rules.iter().filter_map(|id| self.policies.rule(id)).map(|r| r.because.as_str()).collect();
        if said.is_empty() { default.to_owned() } else { said.join("; ") }
    }

    fn oblige(&mut self, answer: &Answer) {
        if !answer.permit {
            return;
        }
        for rule in answer.rules.iter().filter_map(|id| self.policies.rule(id)) {
            match rule.obligation.as_deref() {
                Some("alert-self-claim") => self.obligations.insert(Obligation::AlertSelfClaim),
                Some("alert-break-glass") => self.obligations.insert(Obligation::AlertBreakGlass),
                Some("tell-local-authority") => self.obligations.insert(Obligation::TellLocalAuthority),
                _ => false,
            };
        }
    }

    fn push(&mut self, n: usize, outcome: Outcome, rules: Vec<String>, because: String) {
        let question = QUESTIONS.get(n).copied().unwrap_or_default();
        self.steps.push(Step {
            number: u8::try_from(n + 1).unwrap_or(u8::MAX),
            question,
            outcome,
            rules,
            because,
        });
    }

    fn rest(&mut self) {
        for n in self.steps.len()..QUESTIONS.len() {
            self.push(n, Outcome::NotReached, Vec::new(), "not reached".to_owned());
        }
    }

    fn sections_step(&mut self) {
        let (mut whole, mut summary, mut none) = (0, 0, 0);
        let mut rules = BTreeSet::new();
        let codes: Vec<String> = self.policies.sections.iter().map(|row| row.code.clone()).collect();
        for code in &codes {
            let (depth, spoke) = self.depth_with_rules(code);
            match depth {
                Depth::Whole => whole += 1,
                Depth::Summary => summary += 1,
                Depth::None => none += 1,
            }
            rules.extend(spoke);
        }
        let outcome = if summary + none == 0 { Outcome::Passed } else { Outcome::Limited };
        let because = format!("{whole} parts whole, {summary} in summary, {none} not for this role");
        self.push(4, outcome, rules.into_iter().collect(), because);
    }

    /// The activity that a rule gives more for is an obligation where its section is opened.
    fn items_step(&mut self) {
        let because = "each item is looked at with its labels before it is shown".to_owned();
        self.push(5, Outcome::Passed, vec!["item-plain".to_owned()], because);
    }

    fn depth_with_rules(&self, section: &str) -> (Depth, Vec<String>) {
        if !self.permit {
            return (Depth::None, Vec::new());
        }
        let base = matches!(section, "demographics" | "directory" | "provenance");
        if !self.scope.is_empty() && !base && !self.scope.iter().any(|s| s == section) {
            return (Depth::None, Vec::new());
        }
        // An identity check shows who somebody is, whatever the matrix gives the role with a relationship.
        if self.relationship == Kind::None
            && self.purpose != "HCOMPL"
            && !matches!(section, "demographics" | "contact-details")
        {
            return (Depth::None, Vec::new());
        }
        self.policies.depth(&self.role, &self.purpose, &self.activities, section)
    }

    /// How much of a section may be shown.
    pub fn depth(&self, section: &str) -> Depth {
        self.depth_with_rules(section).0
    }

    /// What happens to an item of this section with these labels; asked once for each such class.
    pub fn item(&mut self, section: &str, labels: &Labels) -> Item {
        let class = (section.to_owned(), labels.clone());
        if let Some(known) = self.items.get(&class) {
            return known.clone();
        }
        let item = self.item_of(section, labels);
        self.items.insert(class, item.clone());
        item
    }

    fn item_of(&mut self, section: &str, labels: &Labels) -> Item {
        let (depth, spoke) = self.depth_with_rules(section);
        if depth != Depth::None && spoke.iter().any(|id| id == "section-child-protection") {
            self.obligations.insert(Obligation::TellLocalAuthority);
        }
        let facts = Facts::new()
            .text("purpose", &self.purpose)
            .text("audience", self.audience.word())
            .texts("labels", labels.iter())
            .texts("activities", self.activities.iter())
            .flag("sensitive", self.sensitive);
        let answer = self.policies.ask(&self.role, "show", ("Section", section), facts);
        // Not announced where the role sees nothing of the section: the announcement would tell something new.
        if depth == Depth::None {
            return Item::NotForRole { secret: !answer.permit };
        }
        if !answer.permit {
            return Item::Withhold { rules: answer.rules };
        }
        if depth == Depth::Summary { Item::ShowInSummary } else { Item::Show }
    }

    /// Writes the result of steps 6 and 7 into the trace: how many items were held back by which rule, and that the entry
    /// of the access log is durable (or not: then nothing may be shown).
    pub fn audited(&mut self, held: &HashMap<String, usize>, durable: bool) -> bool {
        if !self.permit {
            return false;
        }
        if !held.is_empty()
            && let Some(step) = self.steps.get_mut(5)
        {
            step.outcome = Outcome::Limited;
            step.rules = held.keys().cloned().collect::<BTreeSet<_>>().into_iter().collect();
            step.because = format!("{} items held back", held.values().sum::<usize>());
        }
        let answer = self.policies.ask(
            &self.role,
            "disclose",
            ("Record", "person"),
            Facts::new().flag("audited", durable),
        );
        let because = self.because(&answer, "the access could not be written down, so nothing is shown");
        if let Some(step) = self.steps.get_mut(6) {
            step.outcome = if answer.permit { Outcome::Passed } else { Outcome::Refused };
            step.rules = answer.rules;
            step.because = because;
        }
        self.permit = answer.permit;
        if !answer.permit {
            self.reason = "not-audited";
        }
        answer.permit
    }

    /// For whom the caller speaks.
    pub fn audience(&self) -> Audience {
        self.audience
    }

    /// The policy set that decided.
    pub fn policies(&self) -> &Arc<PolicySet> {
        &self.policies
    }

    /// The refusal in a sentence for the caller, without saying anything about the person.
    pub fn refusal(&self) -> &str {
        self.steps.iter().find(|s| s.outcome == Outcome::Refused).map_or("", |s| s.because.as_str())
    }
}

/// In which form data leave for research or planning.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// With who it is.
    Identifiable,
    /// With a key of the project instead.
    Pseudonymised,
    /// Counts.
    Aggregate,
}

/// One person's rows of one kind in one extract.
#[derive(Clone, Debug)]
pub struct ExtractRequest<'a> {
    /// Role of who runs the extract.
    pub role: &'a str,
    /// Why.
    pub purpose: &'a str,
    /// In which form.
    pub form: Form,
    /// Whether there is a legal basis other than consent (such as section 251 support).
    pub legal_basis: bool,
    /// Whether the person consented to this use explicitly.
    pub consent: bool,
    /// Whether that consent covers what the GP holds.
    pub consent_covers_gp: bool,
    /// The person's choices.
    pub choices: &'a Choices,
    /// Whether a GP practice holds the rows.
    pub gp_held: bool,
    /// Whether the item's code is restricted beyond care.
    pub restricted: bool,
}

/// Whether the rows may leave, with the rules that spoke.
pub fn decide_extract(policies: &PolicySet, request: &ExtractRequest<'_>) -> Answer {
    if policies.role(request.role).is_none() {
        return Answer { permit: false, rules: Vec::new() };
    }
    let form = match request.form {
        Form::Identifiable => "identifiable",
        Form::Pseudonymised => "pseudonymised",
        Form::Aggregate => "aggregate",
    };
    let choices = request.choices;
    let facts = Facts::new()
        .text("purpose", request.purpose)
        .text("form", form)
        .flag("legalBasis", request.legal_basis)
        .flag("consent", request.consent)
        .flag("consentCoversGp", request.consent_covers_gp)
        .flag("nationalOptOut", choices.is_on(Choice::NationalOptOut))
        .flag("typeOne", choices.is_on(Choice::TypeOne))
        .flag("objection", choices.is_on(Choice::Objection))
        .flag("sensitive", choices.is_on(Choice::Sensitive))
        .flag("gpHeld", request.gp_held)
        .flag("restricted", request.restricted)
        .flag("includeOptedOut", policies.head.pseudonymised_opt_out == "include")
        .flag("includeRestricted", policies.head.pseudonymised_restricted == "include");
    policies.ask(request.role, "extract", ("Extract", "rows"), facts)
}
