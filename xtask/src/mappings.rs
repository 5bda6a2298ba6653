//! `docs/mappings/FORMAT.md`: what each adapter does with each place of its format, seen over its fixtures. An analyst
//! reads a mapping here without reading Rust, and a change of a mapping shows in review.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use causeway_core::Outcome;
use causeway_tests::Case;

/// Items of one place that became the same.
type Rows = BTreeMap<(String, &'static str, &'static str, String), u64>;

/// One document for each format.
pub fn documents() -> Vec<(PathBuf, String)> {
    let cases = causeway_tests::cases();
    let of = |name: &str| cases.iter().filter(|c| c.adapter == name).collect::<Vec<_>>();
    let adapters = causeway::ADAPTERS.iter();
    adapters
        .map(|a| {
            (
                PathBuf::from(format!("docs/mappings/{}.md", a.name())),
                document(a.format().title, &of(a.name())),
            )
        })
        .collect()
}

fn document(title: &str, cases: &[&Case]) -> String {
    let mut rows = Rows::new();
    let mut totals: BTreeMap<&str, u64> = BTreeMap::new();
    let mut places = BTreeSet::new();
    for case in cases {
        let mut context = case.context();
        context.explain = true;
        let ledger = causeway_adapter::translate(case.adapter(), &case.input, &context).ledger;
        let mut to: BTreeMap<u32, BTreeSet<String>> = BTreeMap::new();
        for (item, path) in ledger.paths() {
            to.entry(*item).or_default().insert(general(path));
        }
        for (number, item) in ledger.items().iter().enumerate() {
            let place = general(&item.place.render(ledger.outline()));
            let paths = u32::try_from(number).ok().and_then(|n| to.get(&n)).into_iter().flatten();
            let paths = paths.cloned().collect::<Vec<_>>().join(", ");
            places.insert(place.clone());
            *totals.entry(item.outcome.word()).or_default() += 1;
            *rows.entry((place, item.outcome.word(), ledger.reason_of(item), paths)).or_default() += 1;
        }
    }
    let items: u64 = totals.values().sum();
    let totals: Vec<String> =
        Outcome::ALL.iter().filter_map(|o| Some(format!("{} {}", totals.get(o.word())?, o.word()))).collect();
    let mut out = format!(
        "# {title}: what becomes of what\n\n\
         Seen over {} cases of `fixtures/` with {items} items at {} kinds of place: {}. Numbers of segments, rows and \
         repetitions are left out. One place may become several things, as its value or what stands beside it decides; what \
         no case holds is not listed. Made by `cargo run -p xtask -- generate`.\n\n\
         | source | becomes | FHIR | why | times |\n|---|---|---|---|---|\n",
        cases.len(),
        places.len(),
        totals.join(", "),
    );
    let cell = |text: &str| text.replace('|', "\\|").replace('<', "&lt;").replace(['\r', '\n'], " ");
    for ((place, outcome, reason, paths), count) in rows {
        out.push_str(&format!(
            "| {} | {outcome} | {} | {} | {count} |\n",
            cell(&place),
            cell(&paths),
            cell(reason)
        ));
    }
    out
}

/// A place or path without the numbers that tell one occurrence from another.
fn general(place: &str) -> String {
    let mut out = String::with_capacity(place.len());
    let mut depth = 0usize;
    for c in place.chars() {
        match c {
            '[' => depth += 1,
            ']' => depth = depth.saturating_sub(1),
            c if depth == 0 => out.push(c),
            _ => {}
        }
    }
    let counted = ["row ", "message ", "segment "];
    let mut words = Vec::new();
    let mut skip = false;
    for word in out.split(' ') {
        let number = word.trim_end_matches(',');
        if skip && !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit()) {
            skip = false;
            continue;
        }
        skip = counted.iter().any(|c| c.trim_end() == word);
        words.push(word);
    }
    let joined = words.join(" ");
    // `/entry/5/resource`: a place in a list.
    let parts = joined.split('/').filter(|p| p.is_empty() || !p.bytes().all(|b| b.is_ascii_digit()));
    parts.collect::<Vec<_>>().join("/")
}

#[cfg(test)]
mod tests {
    use super::general;

    #[test]
    fn one_kind_of_place() {
        assert_eq!(general("OBX[3]-5.1"), "OBX-5.1");
        assert_eq!(general("row 12, Event Outcome"), "row Event Outcome");
        assert_eq!(general("message 1, segment 32 SPC-2.4"), "message segment SPC-2.4");
        assert_eq!(general("/entry/5/resource/id"), "/entry/resource/id");
        assert_eq!(general("Patient[0].name[1].given[0]"), "Patient.name.given");
    }
}
