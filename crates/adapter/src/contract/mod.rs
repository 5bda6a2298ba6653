//! The contract's own tests. An adapter runs them over its cases:
//!
//! ```ignore
//! #[test]
//! fn keeps_the_contract() {
//!     causeway_adapter::contract::Suite::new(&MyAdapter).folder("fixtures/my-adapter").check();
//! }
//! ```
//!
//! They are data-driven and they assert what can fail: determinism, the sum of the ledger, the ledger's truth,
//! references that resolve, no value in any issue text, outputs that stay within what the input's size allows, no panic
//! on mutated input.

use std::collections::HashSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};

use causeway_core::Outcome;
use serde_json::Value;

use crate::{Adapter, Context, Sender, Translation, translate};

mod at_random;
pub mod bench;
mod mutate;
mod size;
mod truth;
pub mod ways_back;

pub use at_random::AtRandom;
pub use mutate::Random;

/// Bytes of a case that is tried with separators or at random: larger ones take minutes and show nothing that smaller ones don't.
const CASE_BYTES_MAX: usize = 64 * 1024;

/// An adapter with its cases.
pub struct Suite<'a> {
    adapter: &'a dyn Adapter,
    context: Context,
    cases: Vec<(String, Vec<u8>)>,
    untrue: Vec<truth::Untrue>,
    translated: AtomicU64,
}

impl std::fmt::Debug for Suite<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Suite({}, {} cases)", self.adapter.name(), self.cases.len())
    }
}

/// A context with fixed time and sender, the same for every test.
pub fn test_context() -> Context {
    let sender = Sender {
        system: causeway_fhir::systems::ODS_ORGANISATION.to_owned(),
        code: "ZZ901".to_owned(),
        name: "Test sender".to_owned(),
    };
    let received = "2026-11-02T09:30:00Z".parse().unwrap_or_default();
    Context::new(sender, received, "urn:uuid:00000000-0000-5000-8000-000000000000")
}

impl<'a> Suite<'a> {
    /// A suite with no case yet.
    pub fn new(adapter: &'a dyn Adapter) -> Self {
        Self {
            adapter,
            context: test_context(),
            cases: Vec::new(),
            untrue: Vec::new(),
            translated: AtomicU64::new(0),
        }
    }

    /// Uses another context.
    #[must_use]
    pub fn context(mut self, context: Context) -> Self {
        self.context = context;
        self
    }

    /// Adds one case.
    #[must_use]
    pub fn case(mut self, name: impl Into<String>, input: impl Into<Vec<u8>>) -> Self {
        self.cases.push((name.into(), input.into()));
        self
    }

    /// Adds every file named `input.*` under a folder of case folders, seen from the project's root.
    ///
    /// # Panics
    /// Where the folder is absent or holds no case: a suite without cases proves nothing.
    #[must_use]
    pub fn folder(mut self, path: &str) -> Self {
        let root = project_root().join(path);
        let mut found = 0;
        let mut folders: Vec<_> = std::fs::read_dir(&root)
            .unwrap_or_else(|e| panic!("fixtures {path}: {e}"))
            .flatten()
            .map(|entry| entry.path())
            .collect();
        folders.sort();
        for folder in folders {
            let Ok(files) = std::fs::read_dir(&folder) else { continue };
            for file in files.flatten().map(|f| f.path()) {
                if file.file_stem().is_some_and(|stem| stem == "input") {
                    let name = folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
                    self.cases.push((name, std::fs::read(&file).unwrap_or_default()));
                    found += 1;
                }
            }
        }
        assert!(found > 0, "no input.* under {path}");
        self
    }

    fn run(&self, input: &[u8]) -> Translation {
        self.translated.fetch_add(1, Ordering::Relaxed);
        translate(self.adapter, input, &self.context)
    }

    /// Inputs that were translated until now.
    fn translated(&self) -> u64 {
        self.translated.load(Ordering::Relaxed)
    }

    /// All tests, with 10,000 mutated inputs and 500 changed ones; `CAUSEWAY_MUTATIONS`, `CAUSEWAY_CHANGES` and `CAUSEWAY_SEED` set
    /// other numbers, for long runs.
    ///
    /// # Panics
    /// With the first broken rule.
    pub fn check(&self) {
        let number = |name: &str, usual: u64| {
            std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(usual)
        };
        let seed = number("CAUSEWAY_SEED", 1);
        self.describes_itself();
        self.accounts();
        self.is_deterministic();
        self.resolves_references();
        self.tells_the_truth();
        self.tells_the_truth_at_random(number("CAUSEWAY_CHANGES", 500), seed);
        self.stays_within_its_size();
        self.survives_mutation(number("CAUSEWAY_MUTATIONS", 10_000), seed);
    }

    /// Name, titles, versions and mapping tables are in order.
    ///
    /// # Panics
    /// Where they are not.
    pub fn describes_itself(&self) {
        let name = self.adapter.name();
        let kebab = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
        assert!(name.bytes().all(kebab), "{name}: not kebab-case");
        for text in [self.adapter.format().title, self.adapter.format().summary] {
            assert!(!text.is_empty(), "{name}: no title or summary");
        }
        assert!(!self.adapter.format().versions.is_empty(), "{name}: no versions");
        assert!(!self.adapter.format().media_types.is_empty(), "{name}: no media types");
        for map in self.adapter.maps() {
            assert_eq!(map.faults(), Vec::<String>::new(), "{name}: mapping table");
        }
    }

    /// Every item has an outcome and, where it needs one, a reason; spans lie within the input; the outputs are
    /// JSON.
    ///
    /// # Panics
    /// Where one has not.
    pub fn accounts(&self) {
        for (case, input) in &self.cases {
            let translation = self.run(input);
            assert!(!translation.ledger.is_empty(), "{case}: an empty ledger");
            for item in translation.ledger.items() {
                let place = item.place.render(translation.ledger.outline());
                assert_ne!(item.outcome, Outcome::Unexplained, "{case}: {place} is unexplained");
                assert!(item.span.end as usize <= input.len(), "{case}: {place} lies outside the input");
                let needs_reason = matches!(
                    item.outcome,
                    Outcome::MappedWithLoss
                        | Outcome::Decides
                        | Outcome::Withheld
                        | Outcome::Rejected
                        | Outcome::Unsupported
                );
                assert!(
                    !needs_reason || !translation.ledger.reason_of(item).is_empty(),
                    "{case}: {place} has no reason"
                );
            }
            self.says_what_it_declares(case, &translation);
            for output in &translation.outputs {
                let parsed: Result<Value, _> = serde_json::from_slice(&output.json);
                assert!(parsed.is_ok(), "{case}: {} is not JSON: {parsed:?}", output.label);
            }
        }
    }

    /// Every issue is of a rule of the adapter's tables or of the common one: id, severity, kind and sentence.
    fn says_what_it_declares(&self, case: &str, translation: &Translation) {
        let tables = self.adapter.rules();
        let declared = || tables.iter().copied().flatten().chain(crate::common::ALL);
        for issue in &translation.issues {
            assert!(
                declared().any(|rule| rule.says(issue)),
                "{case}: no rule says this; add it to the table of rules:\n    NAME {:?} {:?} {:?} {:?};",
                issue.severity,
                issue.code,
                issue.rule,
                issue.text
            );
        }
    }

    /// The same bytes give the same translation.
    ///
    /// # Panics
    /// Where they don't.
    pub fn is_deterministic(&self) {
        for (case, input) in &self.cases {
            let (first, second) = (self.run(input), self.run(input));
            assert!(first.outputs == second.outputs, "{case}: two runs differ in output");
            assert_eq!(first.issues, second.issues, "{case}: two runs differ in issues");
            assert_eq!(first.acknowledgement, second.acknowledgement, "{case}: acknowledgement");
        }
    }

    /// Every `urn:uuid:` reference points to an entry of the same bundle, no two entries share an id, and every
    /// resource is a target of the bundle's Provenance.
    ///
    /// # Panics
    /// Where one does not.
    pub fn resolves_references(&self) {
        for (case, input) in &self.cases {
            for output in self.run(input).outputs {
                let bundle: Value = serde_json::from_slice(&output.json).unwrap_or_default();
                let mut known = HashSet::new();
                for entry in bundle["entry"].as_array().into_iter().flatten() {
                    let url = entry["fullUrl"].as_str().unwrap_or_default().to_owned();
                    assert!(known.insert(url), "{case}: {} has two entries with one id", output.label);
                    assert!(
                        entry["resource"]["meta"]["source"].is_string(),
                        "{case}: a resource has no meta.source"
                    );
                }
                let mut references = Vec::new();
                collect_references(&bundle, &mut references, 0);
                for reference in &references {
                    let found = !reference.starts_with("urn:uuid:") || known.contains(reference);
                    assert!(found, "{case}: {}: a reference points nowhere", output.label);
                }
                let targets: HashSet<&String> = references.iter().collect();
                let count = known.iter().filter(|url| targets.contains(url)).count();
                assert!(count + 1 >= known.len(), "{case}: a resource has no Provenance");
            }
        }
    }

    /// Every issue has an id that a table holds: of damaged input the sentence may be the reader's own.
    fn knows_its_rules(&self, case: &str, translation: &Translation) {
        let tables = self.adapter.rules();
        let known =
            |id: &str| tables.iter().copied().flatten().chain(crate::common::ALL).any(|rule| rule.id == id);
        for issue in &translation.issues {
            assert!(known(issue.rule), "{case}: {} is in no table of rules", issue.rule);
        }
    }

    /// Mutated inputs: no panic, and the account still adds up.
    ///
    /// # Panics
    /// With the case, the seed and the round of the first failure.
    pub fn survives_mutation(&self, rounds: u64, seed: u64) {
        let mut random = Random(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1);
        // Small cases first: mutation finds faults in structure, not in length.
        let small: Vec<_> = self.cases.iter().filter(|(_, input)| input.len() <= 16 * 1024).collect();
        let pool: Vec<_> = if small.is_empty() { self.cases.iter().collect() } else { small };
        for round in 0..rounds {
            let Some((case, input)) = pool.get(random.below(pool.len().max(1))) else { return };
            let mutant = random.mutate(input);
            let outcome = catch_unwind(AssertUnwindSafe(|| self.run(&mutant)));
            let Ok(translation) = outcome else {
                panic!("{case}: panic on a mutated input (seed {seed}, round {round})");
            };
            self.knows_its_rules(case, &translation);
            let unexplained = translation.ledger.totals().of(Outcome::Unexplained);
            assert_eq!(
                unexplained, 0,
                "{case}: unexplained items after mutation (seed {seed}, round {round})"
            );
        }
    }
}

fn collect_references(value: &Value, into: &mut Vec<String>, depth: usize) {
    if depth > 64 {
        return;
    }
    match value {
        Value::Object(object) => {
            if let Some(Value::String(reference)) = object.get("reference") {
                into.push(reference.clone());
            }
            object.values().for_each(|v| collect_references(v, into, depth + 1));
        }
        Value::Array(list) => list.iter().for_each(|v| collect_references(v, into, depth + 1)),
        _ => {}
    }
}

/// The project's root, found from this crate.
pub fn project_root() -> std::path::PathBuf {
    std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// The folder of test corpora, or `None` with a loud word on standard error where it is absent.
#[allow(clippy::print_stderr)]
pub fn corpora(name: &str) -> Option<std::path::PathBuf> {
    let base = std::env::var_os("CAUSEWAY_CORPORA")
        .map_or_else(|| project_root().join("../shared/corpora"), std::path::PathBuf::from);
    let folder = base.join(name);
    if folder.is_dir() {
        return Some(folder);
    }
    eprintln!("SKIPPED: {} is absent (set CAUSEWAY_CORPORA to the folder of corpora)", folder.display());
    None
}
