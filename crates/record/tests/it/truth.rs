//! Facts against a truth set: nothing joined that is two things, nearly all joined that is one, every planted difference
//! shown. `CAUSEWAY_PEOPLE=2000` for the figures of the documents.

use std::collections::{BTreeMap, BTreeSet};

use causeway_record::{Delivery, Fact, Summary};

use crate::population::{self, Random, SOURCES, Truth};
use crate::support::*;

#[derive(Default, Debug)]
struct Count {
    pairs: usize,
    joined: usize,
    planted: usize,
    shown: usize,
    standings: usize,
    right: usize,
}

/// The number of the truth that a resource's id ends in.
fn truth_of(id: &str) -> Option<usize> {
    id.rsplit_once("-t").and_then(|(_, n)| n.parse().ok())
}

fn judge(
    n: u32,
    summary: &Summary,
    truths: &[Truth],
    counts: &mut BTreeMap<&'static str, Count>,
    wrong: &mut Vec<String>,
    missed: &mut Vec<String>,
) {
    let facts: Vec<&Fact> = summary.parts.iter().flat_map(|p| &p.facts).collect();
    let of =
        |fact: &Fact| -> Vec<usize> { fact.tellings.iter().filter_map(|t| truth_of(&t.key.id)).collect() };
    for fact in &facts {
        let labels: BTreeSet<usize> = of(fact).into_iter().collect();
        if labels.len() > 1 {
            let titles: Vec<&str> = fact.tellings.iter().map(|t| t.title.as_str()).collect();
            wrong.push(format!("person {n}: {titles:?}"));
        }
    }
    for (at, truth) in truths.iter().enumerate() {
        let count = counts.entry(truth.kind).or_default();
        let mine: Vec<&&Fact> = facts.iter().filter(|f| of(f).contains(&at)).collect();
        let sizes: Vec<usize> = mine.iter().map(|f| of(f).iter().filter(|t| **t == at).count()).collect();
        let all: usize = sizes.iter().sum();
        let pairs = |n: usize| n * n.saturating_sub(1) / 2;
        count.pairs += pairs(all);
        count.joined += sizes.iter().map(|n| pairs(*n)).sum::<usize>();
        if sizes.len() > 1 {
            let titles: Vec<&str> = mine.iter().flat_map(|f| &f.tellings).map(|t| t.title.as_str()).collect();
            missed.push(format!("{} {:?} {titles:?}", truth.kind, truth.differs));
        }
        if !truth.differs.is_empty() {
            count.planted += 1;
            if mine.iter().any(|f| f.differences.iter().any(|d| d.aspect == truth.differs)) {
                count.shown += 1;
            } else {
                missed.push(format!("not shown: {} {:?}", truth.kind, truth.differs));
            }
        }
        if !truth.standing.is_empty() {
            count.standings += 1;
            let said: Vec<String> =
                mine.iter().map(|f| serde_json::to_string(&f.standing).unwrap().replace('"', "")).collect();
            if said.iter().all(|s| s == truth.standing) {
                count.right += 1;
            } else {
                missed.push(format!("standing {said:?} for {}", truth.standing));
            }
        }
    }
}

#[test]
fn nothing_is_joined_falsely_and_every_planted_difference_is_shown() {
    let people: u32 = std::env::var("CAUSEWAY_PEOPLE").ok().and_then(|n| n.parse().ok()).unwrap_or(60);
    let s = scratch();
    let mut random = Random(7);
    let mut counts = BTreeMap::new();
    let (mut wrong, mut missed) = (Vec::new(), Vec::new());
    let mut tellings = 0;
    for n in 1..=people {
        let told = population::person(n, &mut random);
        let messages: Vec<_> = SOURCES
            .iter()
            .enumerate()
            .map(|(k, (code, format))| message(&format!("m{n}-{k}"), code, format, i64::from(n)))
            .collect();
        let bundles: Vec<Vec<u8>> = messages.iter().zip(&told.by_source).map(|(m, r)| bundle(m, r)).collect();
        let slices: Vec<[&[u8]; 1]> = bundles.iter().map(|b| [b.as_slice()]).collect();
        let all: Vec<Delivery<'_>> =
            slices.iter().zip(&messages).map(|(bundles, source)| Delivery { bundles, source }).collect();
        assert!(s.record.apply_many(&all, at(0)).unwrap().iter().all(Result::is_ok));
        let shown = summary(&s.record, &format!("p{n}-0"));
        let given: u64 = told.by_source.iter().map(|r| r.len() as u64 - 1).sum();
        tellings += given;
        // Nothing hidden: what the parts count, what they show, and what was told are one number.
        assert_eq!(shown.parts.iter().map(|p| p.total).sum::<u64>(), given);
        assert_eq!(
            shown.parts.iter().flat_map(|p| &p.facts).map(|f| f.tellings.len() as u64).sum::<u64>(),
            given
        );
        judge(n, &shown, &told.truths, &mut counts, &mut wrong, &mut missed);
    }
    eprintln!("{people} people, {tellings} entries");
    for (kind, count) in &counts {
        let recall = count.joined as f64 / count.pairs.max(1) as f64;
        eprintln!(
            "{kind}: recall {recall:.4} ({} of {} pairs), differences shown {} of {}, standing right {} of {}",
            count.joined, count.pairs, count.shown, count.planted, count.right, count.standings
        );
    }
    for (kind, count) in &counts {
        let recall = count.joined as f64 / count.pairs.max(1) as f64;
        let least = if *kind == "result" { 0.98 } else { 0.95 };
        assert!(recall >= least, "{kind}: {recall}; {:#?}", missed.get(..missed.len().min(20)));
        assert_eq!(count.shown, count.planted, "{kind}: {:#?}", missed.get(..missed.len().min(20)));
        assert!(
            count.right * 100 >= count.standings * 99,
            "{kind}: {:#?}",
            missed.get(..missed.len().min(20))
        );
    }
    assert!(wrong.is_empty(), "joined falsely: {:#?}", wrong.get(..wrong.len().min(20)));
}
