//! What the schema can't say: dates against each other and against today, people taken for another, decisions that are
//! none.

use causeway_adapter::Composer;
use causeway_core::{Issue, IssueCode, Leaf, Outcome, Severity, When};
use causeway_json::Node;

use crate::item::{In, Refused, refuse};
use crate::limits;
use crate::rules;
use crate::sections::legal::SILENT_DEFAULTS;
use crate::sections::notes::RESIDENTIAL;

/// SNOMED CT codes of ReSPECT, which is a plan and no decision on resuscitation.
const RESPECT: [&str; 2] = ["1382601000000107", "1107891000000106"];

/// Pairs of start and end.
const PERIODS: [(&str, &str); 2] = [("startDate", "endDate"), ("identifiedDateTime", "endedDateTime")];

/// Whether a tick box says yes.
pub fn is_yes(text: &str) -> bool {
    matches!(text.trim().to_ascii_lowercase().as_str(), "yes" | "true" | "y" | "1")
}

/// All checks, before anything is written.
pub fn before(root: Node<'_>, c: &mut Composer<'_>, refused: &mut Refused) {
    defaults(root, c, refused);
    periods(root, c, refused);
    contacts(root, c, refused);
    about_me(root, c, refused);
    future(root, c);
    resuscitation(root, c, refused);
    no_allergy(root, c, refused);
    homes(root, c);
    results(root, c, refused);
    attorneys(root, c);
}

fn warn(c: &mut Composer<'_>, leaf: Leaf<'_>, code: IssueCode, rule: &'static str, text: &'static str) {
    c.issue_at(leaf.id, Issue::new(Severity::Warning, code, rule, text));
}

/// "No" in a tick box is what software writes by itself: it decides nothing.
fn defaults(root: Node<'_>, c: &mut Composer<'_>, refused: &mut Refused) {
    let text = "a box that is not ticked may be a default of the software; it is no recorded decision and was not translated";
    for leaf in SILENT_DEFAULTS.iter().filter_map(|name| root.get("legal")?.leaf_of(name)) {
        if !is_yes(leaf.text) {
            warn(c, leaf, IssueCode::BusinessRule, "silent-default", text);
            c.claim(leaf, Outcome::Unsupported, text);
        }
    }
    let agreed =
        "a plan that is not agreed, by nobody, may be a default of the software; it was not translated";
    let plans = root
        .get("carePlan")
        .into_iter()
        .chain(root.get("contingencyPlans").into_iter().flat_map(Node::elements));
    for agreement in plans.filter_map(|plan| plan.get("agreement")) {
        if let Some(node) = agreement.get("agreed")
            && let Some(leaf) = node.leaf()
            && leaf.text == "false"
            && agreement.get("name").is_none()
            && agreement.get("role").is_none()
        {
            warn(c, leaf, IssueCode::BusinessRule, "silent-default", agreed);
            c.claim(leaf, Outcome::Unsupported, agreed);
            refused.insert(node);
        }
    }
}

/// Every list of the record and of its legal section.
fn items<'t>(root: Node<'t>) -> impl Iterator<Item = Node<'t>> {
    let legal = root.get("legal").into_iter().flat_map(Node::children);
    root.children().chain(legal).filter(|list| list.is_array()).flat_map(Node::elements)
}

/// An end before its start is refused alone: FHIR has no such period.
fn periods(root: Node<'_>, c: &mut Composer<'_>, refused: &mut Refused) {
    let zone = c.context.zone.clone();
    let text = "the end lies before the start, so the end was refused";
    let single = root.get("carePlan");
    let found: Vec<Node<'_>> = items(root)
        .chain(single)
        .filter_map(|item| {
            PERIODS.iter().find_map(|(start, end)| {
                let at =
                    |name: &str| When::iso(item.string_of(name)?, &zone).ok().map(|when| when.earliest());
                (at(end)? < at(start)?).then(|| item.get(end)).flatten()
            })
        })
        .collect();
    for end in found {
        c.issue(
            Issue::new(Severity::Error, IssueCode::BusinessRule, "end-before-start", text).at(end.position()),
        );
        refuse(c, refused, end, text);
    }
}

/// A contact with the subject's own NHS number is a slip of copying.
fn contacts(root: Node<'_>, c: &mut Composer<'_>, refused: &mut Refused) {
    let Some(own) = root.get("subject").and_then(|s| s.string_of("nhsNumber")) else { return };
    let text = "the contact has the NHS number of the subject, which one of the two can't have";
    for contact in root.get("personalContacts").into_iter().flat_map(Node::elements) {
        if let Some(number) = contact.get("nhsNumber").filter(|n| n.string() == Some(own)) {
            let issue = Issue::new(Severity::Error, IssueCode::Conflict, "nhs-number-shared", text);
            c.issue(issue.at(number.position()));
            refuse(c, refused, number, text);
        }
    }
}

fn about_me(root: Node<'_>, c: &mut Composer<'_>, refused: &Refused) {
    let Some(leaf) = In::new(root, refused).leaf("aboutMe.lastUpdated") else { return };
    let Ok(when) = When::iso(leaf.text, &c.context.zone) else { return };
    let oldest = c.context.received.as_second() - limits::ABOUT_ME_MONTHS_MAX * 365 / 12 * 86_400;
    if when.earliest() < oldest {
        let text = "the About Me is older than 12 months: the person may say something else today";
        warn(c, leaf, IssueCode::BusinessRule, "about-me-old", text);
    }
}

fn future(root: Node<'_>, c: &mut Composer<'_>) {
    let zone = c.context.zone.clone();
    let now = c.context.received.as_second();
    for (list, name) in
        [("incidents", "date"), ("dailyNotes", "dateTime"), ("medicationAdministrations", "dateTime")]
    {
        for item in root.get(list).into_iter().flat_map(Node::elements) {
            if let Some(leaf) = item.leaf_of(name)
                && When::iso(leaf.text, &zone).is_ok_and(|when| when.earliest() > now)
            {
                let rule = causeway_core::common::DATE_IN_FUTURE;
                warn(c, leaf, rule.code, rule.id, rule.text);
            }
        }
    }
}

/// ReSPECT is not a decision on resuscitation; decisions that contradict each other are all kept, and said to.
fn resuscitation(root: Node<'_>, c: &mut Composer<'_>, refused: &mut Refused) {
    let Some(list) = root.get("legal").and_then(|legal| legal.get("cprDecisions")) else { return };
    let mut seen: Option<String> = None;
    for item in list.elements() {
        let Some(decision) = item.get("decision") else { continue };
        let code = decision.string_of("code").unwrap_or_default();
        let words = decision.string_of("text").unwrap_or_default();
        if RESPECT.contains(&code) || (code.is_empty() && words.to_ascii_lowercase().contains("respect form"))
        {
            let text = "a ReSPECT form is a plan and no decision on resuscitation, so it was refused here";
            let issue = Issue::new(Severity::Error, IssueCode::BusinessRule, "respect-is-not-cpr", text);
            c.issue(issue.at(decision.position()));
            refuse(c, refused, item, text);
            continue;
        }
        let this = if code.is_empty() { words.trim().to_lowercase() } else { code.to_owned() };
        if seen.as_ref().is_some_and(|other| *other != this) {
            let text =
                "the record holds different decisions on resuscitation; a person must say which one holds";
            let issue = Issue::new(Severity::Warning, IssueCode::Conflict, "cpr-decisions-differ", text);
            c.issue(issue.at(item.position()));
        }
        seen = Some(this);
    }
}

/// How words begin that deny the allergy that they stand for (`No known drug allergies`).
const DENIALS: [&str; 8] = ["no ", "nil ", "none ", "nka", "nkda", "not allergic", "denies ", "denied "];

/// "None" as an allergen is what an empty form says, not a finding.
fn no_allergy(root: Node<'_>, c: &mut Composer<'_>, refused: &mut Refused) {
    let text = "an allergen that says none may be a default of the software; it is no recorded finding";
    for item in root.get("allergies").into_iter().flat_map(Node::elements) {
        let Some(agent) = item.get("agent").filter(|a| a.get("code").is_none()) else { continue };
        let words = agent.string_of("text").unwrap_or_default().trim().to_ascii_lowercase();
        if matches!(
            words.as_str(),
            "no" | "none" | "nil" | "n/a" | "na" | "none known" | "not known" | "unknown" | "-"
        ) {
            let issue = Issue::new(Severity::Warning, IssueCode::BusinessRule, "silent-default", text);
            c.issue(issue.at(item.position()));
            refuse(c, refused, item, text);
        } else if DENIALS.iter().any(|denial| words.starts_with(denial)) {
            c.issue(rules::ALLERGY_DENIED.issue().at(item.position()));
        }
    }
}

/// Two care homes at once: the person may have moved and the first home not have closed its record.
fn homes(root: Node<'_>, c: &mut Composer<'_>) {
    let open: Vec<Node<'_>> = root
        .get("services")
        .into_iter()
        .flat_map(Node::elements)
        .filter(|s| s.string_of("serviceType").is_some_and(|code| RESIDENTIAL.contains(&code)))
        .filter(|s| {
            s.get("endDate").is_none()
                && !matches!(s.string_of("status"), Some("finished" | "cancelled" | "planned"))
        })
        .collect();
    for second in open.iter().skip(1) {
        let text = "two care home services are open at the same time: the person may have moved";
        let issue = Issue::new(Severity::Warning, IssueCode::Conflict, "two-homes-open", text);
        c.issue(issue.at(second.position()));
    }
}

/// One result, one value: FHIR has room for one.
fn results(root: Node<'_>, c: &mut Composer<'_>, refused: &mut Refused) {
    let text = "a result has one value, and this one has several";
    for item in root.get("investigationResults").into_iter().flat_map(Node::elements) {
        let values = ["value", "valueText", "valueCoded"].iter().filter(|n| item.get(n).is_some()).count();
        if values > 1 {
            let issue = Issue::new(Severity::Error, IssueCode::BusinessRule, "result-values", text);
            c.issue(issue.at(item.position()));
            refuse(c, refused, item, text);
        }
    }
}

/// A picture of a document names nobody.
fn attorneys(root: Node<'_>, c: &mut Composer<'_>) {
    let list = root.get("legal").and_then(|legal| legal.get("lastingPowersOfAttorney"));
    for item in list.into_iter().flat_map(Node::elements) {
        if item.get("nameOfAttorney").is_none() && item.get("document").is_some() {
            let text = "the power of attorney is only a picture: who the attorney is stands in no field";
            let issue = Issue::new(Severity::Warning, IssueCode::Incomplete, "attorney-only-picture", text);
            c.issue(issue.at(item.position()));
        }
    }
}
