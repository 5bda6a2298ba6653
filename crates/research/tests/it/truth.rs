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

/// Everybody of ten thousand against every cell: the row of each by number, restricted items of every tenth.
#[test]
fn every_cell_for_ten_thousand_people() {
    let policies = PolicySet::shared().expect("the built-in set");
    let rows: [&[Choice]; 7] = [
        &[],
        &[Choice::NationalOptOut],
        &[Choice::TypeOne],
        &[Choice::Objection],
        &[Choice::Sensitive],
        &[Choice::NationalOptOut, Choice::TypeOne],
        &[Choice::Objection, Choice::TypeOne],
    ];
    let people: Vec<(usize, PersonRecord)> =
        (0..10_000).map(|n| (n % rows.len(), person(n as u64, rows[n % rows.len()]))).collect();
    let consent = |covers_gp| Some(Consent { covers_gp });
    // Of each column, what is left of none, opt-out, type 1, objection, sensitive, both of two.
    let columns: [(&str, Project, Option<Consent>, [Left; 7]); 6] = [
        ("identifiable", project(Tier::Identifiable), None, [Nothing; 7]),
        (
            "legal basis",
            other_basis(project(Tier::Identifiable)),
            None,
            [All, Nothing, NoGp, Nothing, Nothing, Nothing, Nothing],
        ),
        ("consent", project(Tier::Identifiable), consent(true), [All, All, All, All, Nothing, All, All]),
        (
            "consent without the GP",
            project(Tier::Identifiable),
            consent(false),
            [All, All, NoGp, All, Nothing, NoGp, NoGp],
        ),
        (
            "pseudonymised",
            project(Tier::Pseudonymised),
            None,
            [All, Nothing, NoGp, Nothing, Nothing, Nothing, Nothing],
        ),
        ("aggregate", project(Tier::Aggregate), None, [All, All, NoGp, All, Nothing, NoGp, NoGp]),
    ];
    for (name, project, consent, expected) in columns {
        let mut gate = Gate::new(&policies, &project);
        let mut removed = Removed::default();
        let (mut lost, mut parts) = (0, 0);
        for (row, someone) in &people {
            let mut someone = someone.clone();
            someone.consent = consent;
            let cell = expected[*row];
            // A restricted item leaves in no cell, nor what would tell of it.
            let telling = |id: &str| id.starts_with("src-r-") || id.starts_with("src-x-");
            let kept: Vec<String> = someone
                .resources
                .iter()
                .filter(|held| cell == All || (cell == NoGp && !held.gp_held))
                .map(|held| held.resource["id"].as_str().unwrap_or_default().to_owned())
                .filter(|id| !telling(id))
                .collect();
            let all = someone.resources.len();
            gate.admit(&mut someone, &mut removed);
            let found: Vec<String> = someone
                .resources
                .iter()
                .map(|held| held.resource["id"].as_str().unwrap_or_default().to_owned())
                .collect();
            assert_eq!(found, kept, "{name}: {:?}, {}", rows[*row], someone.key);
            lost += u64::from(kept.is_empty());
            parts += if kept.is_empty() { 0 } else { (all - kept.len()) as u64 };
        }
        // Each removal is counted once, by rule.
        assert_eq!(removed.people.values().sum::<u64>(), lost, "{name}");
        assert_eq!(removed.resources.values().sum::<u64>(), parts, "{name}");
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
