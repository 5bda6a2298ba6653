//! What the policies cost beside a match written by hand: one request over 500 items, by turns in one run.
//!
//! `cargo run --release -p causeway-access --example decision`
//!
//! Prints medians in milliseconds: the policies asked for the first time (a set that was just loaded, nothing kept), asked again
//! (answers kept, as in a service that runs), and the match. The match knows the rules that can speak to this caller only; the run
//! fails where it and the policies differ on an item.
#![allow(clippy::print_stdout)]

use std::collections::BTreeSet;
use std::hint::black_box;
use std::sync::Arc;
use std::time::Instant;

use causeway_access::choices::Choices;
use causeway_access::decide::{Asker, Interface, Item, OrganisationFacts, Reach, Request, decide};
use causeway_access::labels::{self, Labels};
use causeway_access::policy::{Depth, PolicySet};
use causeway_access::relationship::{Kind, Relationship};

const ITEMS: usize = 500;
const ROUNDS: usize = 41;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let asker = Asker {
        user: "u1".to_owned(),
        role: "R8000".to_owned(),
        organisation: OrganisationFacts {
            registered: true,
            live: true,
            gates_in_date: true,
            ..OrganisationFacts::default()
        },
        ..Asker::default()
    };
    let relationship = Relationship {
        kind: Kind::Registered,
        holder: "ZZ900".to_owned(),
        start: None,
        end: None,
        source: "Patient/1".to_owned(),
        reason: String::new(),
        scope: Vec::new(),
    };
    let choices = Choices::default();
    let request = Request {
        asker: &asker,
        purpose: "TREAT",
        interface: Interface::Care,
        reach: Reach::Open,
        choices: &choices,
        safeguarded_child: false,
        relationship: Some(&relationship),
        now: jiff::Timestamp::now(),
    };
    let kept = Arc::new(PolicySet::built_in()?);
    let items = items(&kept);
    let (mut first, mut again, mut by_hand) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        let fresh = Arc::new(PolicySet::built_in()?);
        let asked = timed(&mut first, || by_policies(&fresh, &request, &items));
        let known = timed(&mut again, || by_policies(&kept, &request, &items));
        let matched = timed(&mut by_hand, || by_match(&kept, &request, &items));
        if asked != matched || known != matched {
            return Err("the policies and the match differ".into());
        }
    }
    let classes: BTreeSet<_> = items.iter().collect();
    println!("{ITEMS} items in {} classes, milliseconds (median of {ROUNDS})", classes.len());
    for (name, times) in [
        ("policies, first time", &mut first),
        ("policies, answers kept", &mut again),
        ("match by hand", &mut by_hand),
    ] {
        times.sort_unstable_by(f64::total_cmp);
        println!("{name:24} {:.4}", times.get(ROUNDS / 2).copied().unwrap_or_default());
    }
    Ok(())
}

fn timed<T>(times: &mut Vec<f64>, work: impl FnOnce() -> T) -> T {
    let start = Instant::now();
    let out = black_box(work());
    times.push(start.elapsed().as_secs_f64() * 1000.0);
    out
}

/// Items over all sections; of ten, one has a label.
fn items(set: &PolicySet) -> Vec<(String, Labels)> {
    let mut sections = set.sections.iter().cycle();
    let mut known = labels::KNOWN.iter().cycle();
    let item = |at: usize| {
        let label = if at.is_multiple_of(10) { known.next() } else { None };
        Some((sections.next()?.code.clone(), label.map(|l| (*l).to_owned()).into_iter().collect()))
    };
    (0..ITEMS).filter_map(item).collect()
}

fn by_policies(set: &Arc<PolicySet>, request: &Request<'_>, items: &[(String, Labels)]) -> Vec<Item> {
    let mut decision = decide(set, request);
    items.iter().map(|(section, labels)| decision.item(section, labels)).collect()
}

/// Steps 1 to 6 for staff who treat, as somebody would write them without policies.
fn by_match(set: &PolicySet, request: &Request<'_>, items: &[(String, Labels)]) -> Vec<Item> {
    let organisation = &request.asker.organisation;
    let related = request.relationship.is_some_and(|r| r.in_force(request.now) && r.kind == Kind::Registered);
    let open = organisation.registered
        && organisation.live
        && organisation.gates_in_date
        && matches!(request.purpose, "TREAT")
        && related;
    let item = |(section, labels): &(String, Labels)| {
        let row = set.sections.iter().find(|row| row.code == *section);
        let depth = row.and_then(|row| row.cells.get(&request.asker.role)).copied();
        let has = |label: &str| labels.contains(label);
        let mut rules = Vec::new();
        if has("source-confidential") || has("source-very-confidential") {
            rules.push("item-confidential".to_owned());
        }
        if has("legally-restricted") {
            rules.push("item-restricted".to_owned());
        }
        if has("safety-only") {
            rules.push("item-safety-only".to_owned());
        }
        match depth.filter(|_| open) {
            None | Some(Depth::None) => Item::NotForRole { secret: !rules.is_empty() },
            Some(_) if !rules.is_empty() => Item::Withhold { rules },
            Some(Depth::Summary) => Item::ShowInSummary,
            Some(Depth::Whole) => Item::Show,
        }
    };
    items.iter().map(item).collect()
}
