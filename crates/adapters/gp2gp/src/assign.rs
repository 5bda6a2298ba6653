//! What each statement of an extract becomes.

use causeway_adapter::Composer;
use causeway_core::{Issue, IssueCode, Leaf, Outcome, Rule, Severity};
use causeway_hl7v3::{negated, not_happened};
use causeway_xml::Element;

use crate::codes::{self, READ_OID, SNOMED_OID};
use crate::extract::{Extract, Kind, Statement};
use crate::role::Role;
use crate::{annotation, hl7, rules};

/// Decides the role of every statement; parents come before what is within them.
pub(crate) fn assign(x: &mut Extract<'_>, c: &mut Composer<'_>) {
    name_problems(x);
    for leaf in x.compositions.iter().filter_map(|composition| denies_act(composition.element)) {
        c.issue_at(leaf.id, rules::STATEMENT_NEGATED.issue());
    }
    for number in 0..x.statements.len() {
        if x.statements[number].role == Role::Component {
            continue;
        }
        if let Some((said, rule, why)) = denied(x, number) {
            refuse(c, x.statements[number].element, said, rule, why);
            continue;
        }
        let role = match x.statements[number].kind {
            Kind::Compound => compound(x, number),
            Kind::Observation => observation(x, number, c),
            Kind::Narrative => narrative(x, number),
            Kind::LinkSet => link_set(x, x.statements[number].element),
            Kind::Plan => Role::Diary,
            Kind::Request if is_self_referral(x.statements[number].element) => Role::SelfReferral,
            Kind::Request => Role::Referral,
            Kind::Medication => Role::Medication,
        };
        x.statements[number].role = role;
        if role == Role::BloodPressure {
            for child in x.statements[number].children.clone() {
                if x.statements[child].kind == Kind::Observation {
                    x.statements[child].role = Role::Component;
                }
            }
        }
    }
}

/// The attribute that takes back what a statement says, or the group that it is in: it is negated, or, of what is stated as a
/// fact, its mood says that it has not happened; with the rule and the words for the account. Source: HL7 v3 RIM,
/// Act.negationInd and Act.moodCode.
fn denied<'d>(x: &Extract<'d>, number: usize) -> Option<(Leaf<'d>, Rule, &'static str)> {
    let mut at = Some(number);
    while let Some(number) = at {
        let statement = x.statements.get(number)?;
        if let Some(leaf) = denies_act(statement.element) {
            return Some((leaf, rules::STATEMENT_NEGATED, "the statement is negated and was left out"));
        }
        let is_plan = matches!(statement.kind, Kind::Plan | Kind::Request | Kind::Medication);
        if let Some(leaf) = not_happened(statement.element).filter(|_| !is_plan) {
            return Some((
                leaf,
                rules::STATEMENT_NOT_HAPPENED,
                "what it states has not happened; it was left out",
            ));
        }
        at = statement.parent;
    }
    let composition = x.compositions.get(x.statements.get(number)?.composition)?;
    denies_act(composition.element)
        .map(|leaf| (leaf, rules::STATEMENT_NEGATED, "what holds the statement is negated; it was left out"))
}

/// What negates an act: its own attribute, or that of the component that holds it. Source: HL7 v3 RIM, Act.negationInd and
/// ActRelationship.negationInd.
fn denies_act(element: Element<'_>) -> Option<Leaf<'_>> {
    negated(element)
        .or_else(|| element.parent().filter(|holder| holder.name() == "component").and_then(negated))
}

/// A statement that is denied is left out: written without that it would say the opposite.
fn refuse(c: &mut Composer<'_>, element: Element<'_>, said: Leaf<'_>, rule: Rule, why: &'static str) {
    // What denies a group is told once, with the group.
    let holder = element.parent().filter(|holder| holder.name() == "component").map(|holder| holder.items());
    if element.items().contains(&said.id) || holder.is_some_and(|items| items.contains(&said.id)) {
        c.issue_at(said.id, rule.issue());
    }
    c.ledger.claim_rest(element.items(), Outcome::Rejected, why);
}

/// Notes which statements link sets name as their problem.
fn name_problems(x: &mut Extract<'_>) {
    for number in 0..x.statements.len() {
        let element = x.statements[number].element;
        if x.statements[number].kind != Kind::LinkSet || link_set(x, element) != Role::Problem {
            continue;
        }
        let named = element.path(&["conditionNamed", "namedStatementRef"]).and_then(hl7::guid);
        if let Some(target) = named.and_then(|id| x.by_id.get(&hl7::key(id.text))).copied() {
            x.statements[target].names.push(number);
        }
    }
}

/// A link set makes the statement that it names a problem; one of unspecified status around a request gathers
/// the request's documents.
fn link_set(x: &Extract<'_>, element: Element<'_>) -> Role {
    let Some(named) = element.path(&["conditionNamed", "namedStatementRef"]) else { return Role::Link };
    let unspecified = element.child("code").is_some_and(|c| hl7::says(c, SNOMED_OID, &["394776006"]));
    let target = hl7::guid(named).and_then(|id| x.by_id.get(&hl7::key(id.text)));
    let request = target.is_some_and(|n| {
        let target = &x.statements[*n];
        target.kind == Kind::Request && !is_self_referral(target.element)
    });
    if unspecified && request { Role::Link } else { Role::Problem }
}

/// A request that no one made: its text says that the patient came on his own.
fn is_self_referral(element: Element<'_>) -> bool {
    element.child("text").and_then(|t| t.text()).is_some_and(|t| t.text.contains("Purpose: SelfReferral"))
}

fn code<'d>(statement: &Statement<'d>) -> Option<Element<'d>> {
    statement.element.child("code")
}

fn parent_role(x: &Extract<'_>, number: usize) -> Option<Role> {
    x.statements[number].parent.map(|p| x.statements[p].role)
}

fn compound(x: &Extract<'_>, number: usize) -> Role {
    let statement = &x.statements[number];
    let class = statement.element.attribute("classCode").map_or("", |c| c.text.trim());
    if let Some(code) = code(statement) {
        if hl7::says(code, READ_OID, &["14L..00", "14L.."]) {
            return Role::AllergyHeading(true);
        }
        if hl7::says(code, READ_OID, &["SN53.00", "SN53."]) {
            return Role::AllergyHeading(false);
        }
        if hl7::says(code, SNOMED_OID, &["16488004"]) {
            return Role::Report;
        }
        if hl7::says(code, SNOMED_OID, &["123038009"]) && statement.element.child("specimen").is_some() {
            return Role::Specimen;
        }
    }
    match class {
        "TOPIC" => return Role::Topic,
        "CATEGORY" => return Role::Category,
        _ => {}
    }
    if blood_pressure(x, statement) {
        return Role::BloodPressure;
    }
    let count = |kind: Kind| statement.children.iter().filter(|c| x.statements[**c].kind == kind).count();
    let only_comments = count(Kind::Observation) + count(Kind::Narrative) == statement.children.len();
    let laboratory = in_laboratory(x, number);
    if class == "CLUSTER" && laboratory && count(Kind::Observation) == 1 && only_comments {
        return Role::Cluster;
    }
    Role::Group
}

/// Whether a statement lies within a laboratory report.
pub(crate) fn in_laboratory(x: &Extract<'_>, number: usize) -> bool {
    let mut at = x.statements[number].parent;
    while let Some(parent) = at {
        if matches!(x.statements[parent].role, Role::Report | Role::Specimen) {
            return true;
        }
        at = x.statements[parent].parent;
    }
    false
}

/// Whether a code is that of a diastolic pressure.
pub(crate) fn is_diastolic(code: Element<'_>) -> bool {
    hl7::says(code, SNOMED_OID, &codes::DIASTOLIC) || hl7::says(code, READ_OID, &codes::DIASTOLIC_READ)
}

/// One systolic and one diastolic value and no other observation.
fn blood_pressure(x: &Extract<'_>, statement: &Statement<'_>) -> bool {
    let mut systolic = 0;
    let mut diastolic = 0;
    for child in &statement.children {
        let child = &x.statements[*child];
        match child.kind {
            Kind::Narrative => continue,
            Kind::Observation => {}
            _ => return false,
        }
        let Some(code) = code(child) else { return false };
        if hl7::says(code, SNOMED_OID, &codes::SYSTOLIC) || hl7::says(code, READ_OID, &codes::SYSTOLIC_READ) {
            systolic += 1;
        } else if is_diastolic(code) {
            diastolic += 1;
        } else {
            return false;
        }
    }
    systolic == 1 && diastolic == 1
}

fn narrative(x: &Extract<'_>, number: usize) -> Role {
    let statement = &x.statements[number];
    if statement.element.path(&["reference", "referredToExternalDocument"]).is_some() {
        return Role::Document;
    }
    match parent_role(x, number) {
        Some(Role::BloodPressure | Role::Cluster | Role::Report | Role::Specimen) => Role::Note,
        Some(Role::Group) if in_laboratory(x, number) => Role::Note,
        _ => Role::Comment,
    }
}

fn observation(x: &Extract<'_>, number: usize, c: &mut Composer<'_>) -> Role {
    if let Some(Role::AllergyHeading(_)) = parent_role(x, number) {
        return Role::Allergy;
    }
    let statement = &x.statements[number];
    if !statement.names.is_empty() && is_problem_name(statement.element) {
        return Role::ProblemName;
    }
    match immunisation(statement.element) {
        Some(true) => Role::Immunisation,
        Some(false) => {
            let issue = Issue::new(
                Severity::Information,
                IssueCode::CodeInvalid,
                "immunisation-undecided",
                "the words of this entry speak of a vaccination, and neither its codes nor its text say that one was given; it stays an observation",
            );
            if let Some(code) = code(statement).and_then(hl7::words) {
                c.issue_at(code.id, issue);
            }
            Role::Observation
        }
        None => Role::Observation,
    }
}

/// A problem whose entry is of another kind: senders repeat its name as an observation with the code
/// "problem" and say so in its text.
fn is_problem_name(element: Element<'_>) -> bool {
    let generic = element.child("code").is_some_and(|c| hl7::says(c, SNOMED_OID, &["55607006"]));
    generic
        && element
            .children_named("pertinentInformation")
            .filter_map(annotation::text)
            .any(|t| t.text.contains("problem header"))
}

/// Whether the words of a vaccination say that it was not given.
fn denies(words: &str) -> bool {
    [
        "not given",
        "not done",
        "not administered",
        "declined",
        "refused",
        "refusal",
        "contraindicated",
        "not indicated",
        "did not attend",
    ]
    .iter()
    .any(|word| words.contains(word))
}

/// Whether a remark beside a vaccination begins by saying so; further on it may speak of another one.
fn begins_with_denial(text: &str) -> bool {
    const WORDS: usize = 5;
    let text = text.trim_start().to_lowercase();
    let first = text.split([',', '.', ';', ':', '\n']).next().unwrap_or_default();
    denies(&first.split_whitespace().take(WORDS).collect::<Vec<_>>().join(" "))
}

/// Whether a qualifier of the code says so (finding context *known absent*, procedure context *not done*).
fn qualified_away(code: Element<'_>) -> bool {
    let values = code.children_named("qualifier").filter_map(|q| q.child("value").and_then(hl7::words));
    values.map(|words| words.text.to_lowercase()).any(|words| words.contains("absent") || denies(&words))
}

/// Whether an observation is a vaccination: yes, undecided (`Some(false)`), or no.
fn immunisation(element: Element<'_>) -> Option<bool> {
    let code = element.child("code")?;
    let by_code = hl7::codes(code).any(|part| {
        let system = part.attribute("codeSystem").map_or("", |s| s.text.trim());
        let code = part.attribute("code").map_or("", |c| c.text.trim());
        match system {
            READ_OID => code.get(..3).is_some_and(|stem| codes::IMMUNISATION.lookup(stem).is_some()),
            SNOMED_OID => codes::IMMUNISATION.lookup(code).is_some(),
            _ => false,
        }
    });
    let by_text = element
        .children_named("pertinentInformation")
        .filter_map(annotation::text)
        .any(|text| annotation::is_vaccine_detail(text.text));
    let words = hl7::words(code).map_or(String::new(), |words| words.text.to_lowercase());
    let mut texts = element.children_named("pertinentInformation").filter_map(annotation::text);
    if by_code || by_text {
        // Words that say that none was given stand against the code: nobody may read it as given.
        let denied =
            denies(&words) || qualified_away(code) || texts.any(|text| begins_with_denial(text.text));
        return Some(!denied);
    }
    let names = ["vaccin", "immunis"].iter().any(|w| words.contains(w));
    let negates = [
        "declin",
        "refus",
        "not ",
        "no ",
        "consent",
        "invit",
        "due",
        "advice",
        "advis",
        "contra",
        "recall",
        "status",
        "offer",
        "allerg",
        "reaction",
        "letter",
        "counsel",
        "discuss",
        "required",
        "education",
        "eligib",
    ];
    (names && !negates.iter().any(|n| words.contains(n))).then_some(false)
}
