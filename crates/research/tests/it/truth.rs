//! Every cell of the truth table of choices, at the moment of an extract, and what a project must have.

use causeway_access::PolicySet;
use causeway_access::choices::Choice;
use causeway_access::policy::built_in_files;
use causeway_research::{Consent, Gate, LegalBasis, PersonRecord, Project, Removed, Tier};

use super::people::{TODAY, person, project};

/// What is left of a person: nothing, all but what the GP holds, or all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Left {
    Nothing,
    NoGp,
    All,
}
use Left::{All, NoGp, Nothing};

fn other_basis(mut project: Project) -> Project {
    project.legal_basis = LegalBasis::Other { reference: "26/CAG/0001 (invented)".to_owned() };
    project
}

fn left(policies: &PolicySet, project: &Project, mut person: PersonRecord) -> (Left, Removed) {
    let all = person.resources.len();
    let gp = person.resources.iter().filter(|held| held.gp_held).count();
    let mut removed = Removed::default();
    let admitted = Gate::new(policies, project).admit(&mut person, &mut removed);
    let left = person.resources.len();
    let found = match (admitted, left) {
        (false, _) => Nothing,
        (true, n) if n == all => All,
        (true, n) if n == all - gp && person.resources.iter().all(|held| !held.gp_held) => NoGp,
        (true, n) => panic!("{n} of {all} left"),
    };
    (found, removed)
}

#[test]
fn ig_08_and_ig_21_every_cell_of_the_truth_table() {
    let policies = PolicySet::shared().expect("the built-in set");
    let columns: [(&str, Project, Option<Consent>); 7] = [
        ("identifiable, nothing", project(Tier::Identifiable), None),
        ("identifiable, legal basis", other_basis(project(Tier::Identifiable)), None),
        ("identifiable, consent", project(Tier::Identifiable), Some(Consent { covers_gp: true })),
        (
            "identifiable, consent without the GP",
            project(Tier::Identifiable),
            Some(Consent { covers_gp: false }),
        ),
        (
            "identifiable, basis and consent",
            other_basis(project(Tier::Identifiable)),
            Some(Consent { covers_gp: true }),
        ),
        ("pseudonymised", project(Tier::Pseudonymised), None),
        ("aggregate", project(Tier::Aggregate), None),
    ];
    let rows: [(&str, &[Choice], [Left; 7]); 5] = [
        ("none", &[], [Nothing, All, All, All, All, All, All]),
        ("national opt-out", &[Choice::NationalOptOut], [Nothing, Nothing, All, All, All, Nothing, All]),
        ("type 1", &[Choice::TypeOne], [Nothing, NoGp, All, NoGp, All, NoGp, NoGp]),
        ("objection", &[Choice::Objection], [Nothing, Nothing, All, All, All, Nothing, All]),
        ("sensitive", &[Choice::Sensitive], [Nothing; 7]),
    ];
    for (row, on, expected) in rows {
        for ((column, project, consent), expected) in columns.iter().zip(expected) {
            let mut someone = person(3, on);
            someone.consent = *consent;
            let (found, removed) = left(&policies, project, someone);
            assert_eq!(found, expected, "{row}: {column}");
            // Who lost everything is counted once, under one rule; who lost a part by the part.
            let people: u64 = removed.people.values().sum();
            let resources: u64 = removed.resources.values().sum();
            assert_eq!(people, u64::from(expected == Nothing), "{row}: {column}: people by rule");
            assert_eq!(resources, u64::from(expected == NoGp), "{row}: {column}: resources by rule");
        }
    }
}

#[test]
fn a_restricted_item_takes_along_what_would_tell_of_it() {
    let policies = PolicySet::shared().expect("the built-in set");
    for project in
        [other_basis(project(Tier::Identifiable)), project(Tier::Pseudonymised), project(Tier::Aggregate)]
    {
        let mut someone = person(10, &[]);
        let before = someone.resources.len();
        let mut removed = Removed::default();
        assert!(Gate::new(&policies, &project).admit(&mut someone, &mut removed));
        assert_eq!(someone.resources.len(), before - 2, "the item and the procedure for it");
        let rules: Vec<&str> = removed.resources.keys().map(String::as_str).collect();
        assert_eq!(rules, ["extract-restricted", "would-tell-of-restricted"]);
    }
    // The other setting of the policy includes them where data are pseudonymised, and there only.
    let mut files = built_in_files();
    let head = files["policy.toml"]
        .replace("pseudonymised_restricted = \"leave-out\"", "pseudonymised_restricted = \"include\"");
    files.insert("policy.toml".to_owned(), head);
    let other = PolicySet::load(&files).expect("a policy set");
    for (project, lost) in [(project(Tier::Pseudonymised), 0), (project(Tier::Aggregate), 2)] {
        let mut someone = person(10, &[]);
        let before = someone.resources.len();
        assert!(Gate::new(&other, &project).admit(&mut someone, &mut Removed::default()));
        assert_eq!(before - someone.resources.len(), lost);
    }
}

#[test]
fn a_project_runs_only_with_all_that_it_must_have() {
    let mut good = project(Tier::Pseudonymised);
    good.elements.push("Condition".to_owned());
    good.may_run(TODAY).expect("it has everything");
    type Change = fn(&mut Project);
    let changes: [(&str, Change); 10] = [
        ("purpose", |p| p.purpose = "TREAT".to_owned()),
        ("reason", |p| p.why = " ".to_owned()),
        ("two people", |p| p.approvals.truncate(1)),
        ("two people", |p| p.approvals[1].by = p.approvals[0].by.to_uppercase()),
        ("two people", |p| p.approvals[1].by = p.requester.name.clone()),
        ("two people", |p| p.approvals[1].on = jiff::civil::date(2027, 1, 1)),
        ("expiry", |p| p.expires = jiff::civil::date(2026, 11, 28)),
        ("legal basis", |p| p.tier = Tier::Identifiable),
        ("smallest", |p| p.smallest = 4),
        ("something", |p| p.elements.clear()),
    ];
    for (name, change) in changes {
        let mut project = good.clone();
        change(&mut project);
        let refusal = project.may_run(TODAY).expect_err(name).to_string();
        assert!(refusal.contains(name), "{name}: {refusal}");
    }
}

#[test]
fn the_example_is_a_project_that_may_run() {
    let example = Project::read(causeway_research::EXAMPLE).expect("a project");
    example.may_run(TODAY).expect("it has everything");
}
