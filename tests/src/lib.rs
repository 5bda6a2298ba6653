//! Fixture cases: one folder each, `fixtures/ADAPTER/CASE/`.

pub mod fsh;
pub mod population;
pub mod sections;
pub mod truth;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use causeway_adapter::{Adapter, Context, Output, Translation, contract, render};
use serde::Deserialize;
use serde_json::Value;
use sha2::{Digest, Sha256};

/// `case.toml`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CaseFile {
    /// What the case is, in a few words.
    pub title: String,
    /// What it shows.
    pub shows: String,
    /// Code of the sender, where it matters.
    #[serde(default)]
    pub sender: Option<String>,
    /// Adapter options switched on.
    #[serde(default)]
    pub options: Vec<String>,
    /// Whether the bundles are kept whole, to be read; the others are kept as digests.
    #[serde(default)]
    pub full: bool,
    /// Rules of the profile checker that this case breaks on purpose or by its source, each with its reason.
    #[serde(default)]
    pub breaks: Vec<Break>,
}

/// A rule that a case breaks, and why.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Break {
    /// Rule id of the profile checker.
    pub rule: String,
    /// Why.
    pub reason: String,
}

/// A case with its input.
#[derive(Debug)]
pub struct Case {
    /// Adapter's name.
    pub adapter: String,
    /// Folder's name.
    pub name: String,
    /// Folder.
    pub folder: PathBuf,
    /// `case.toml`.
    pub file: CaseFile,
    /// Bytes of `input.*`.
    pub input: Vec<u8>,
}

/// Every case of every adapter.
///
/// # Panics
/// Where a folder has no `case.toml` or no input: a case that can't be read must not pass silently.
pub fn cases() -> Vec<Case> {
    let root = contract::project_root().join("fixtures");
    let mut cases = Vec::new();
    for adapter in causeway::ADAPTERS {
        for folder in folders(&root.join(adapter.name())) {
            let text = std::fs::read_to_string(folder.join("case.toml"))
                .unwrap_or_else(|e| panic!("{}: case.toml: {e}", folder.display()));
            let file =
                toml::from_str(&text).unwrap_or_else(|e| panic!("{}: case.toml: {e}", folder.display()));
            let input = input_of(&folder);
            let name = folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
            cases.push(Case { adapter: adapter.name().to_owned(), name, folder, file, input });
        }
    }
    cases
}

fn folders(path: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(path).into_iter().flatten().flatten();
    let mut folders: Vec<_> = entries.map(|e| e.path()).filter(|p| p.is_dir()).collect();
    folders.sort();
    folders
}

fn input_of(folder: &Path) -> Vec<u8> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let input = entries.map(|e| e.path()).find(|p| p.file_stem().is_some_and(|s| s == "input"));
    let path = input.unwrap_or_else(|| panic!("{}: no input.*", folder.display()));
    std::fs::read(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

/// A bundle in one line: SHA-256 of its bytes, label, resources by type.
fn digest_line(output: &Output) -> String {
    let value: Value = serde_json::from_slice(&output.json).unwrap_or_default();
    let mut kinds: BTreeMap<&str, usize> = BTreeMap::new();
    for entry in value["entry"].as_array().into_iter().flatten() {
        *kinds.entry(entry["resource"]["resourceType"].as_str().unwrap_or_default()).or_default() += 1;
    }
    let kinds: Vec<String> = kinds.iter().map(|(kind, count)| format!("{kind} {count}")).collect();
    let digest: String = Sha256::digest(&output.json).iter().map(|b| format!("{b:02x}")).collect();
    format!("{digest}\t{}\t{}\n", output.label, kinds.join(", "))
}

impl Case {
    /// The adapter.
    ///
    /// # Panics
    /// Where there is none of this name.
    pub fn adapter(&self) -> &'static dyn Adapter {
        *causeway::ADAPTERS
            .iter()
            .find(|a| a.name() == self.adapter)
            .unwrap_or_else(|| panic!("{}", self.adapter))
    }

    /// The context: fixed time, the case's sender and options.
    pub fn context(&self) -> Context {
        let mut context = contract::test_context();
        if let Some(code) = &self.file.sender {
            context.sender = causeway::input::sender(Some(code));
        }
        context.options.clone_from(&self.file.options);
        context
    }

    /// Translates the input.
    pub fn translate(&self) -> Translation {
        causeway_adapter::translate(self.adapter(), &self.input, &self.context())
    }

    /// The expected files that a translation should equal: name and content.
    ///
    /// - `expected.ledger.tsv`: the account, one line an item.
    /// - `expected.issues.json`, and `expected.ack.EXT` where the format answers.
    /// - `expected.r4.json` (numbered where there are several) in cases that say `full = true`, to be read by a
    ///   person; `expected.r4.sha256` in all others: digest, label, and how many resources of which type.
    ///
    /// # Panics
    /// Where explain mode changes a bundle: it may add paths to the account and nothing else.
    pub fn rendered(&self, translation: &Translation) -> Vec<(String, Vec<u8>)> {
        let pretty = |value: &Value| {
            let mut text = serde_json::to_vec_pretty(value).unwrap_or_default();
            text.push(b'\n');
            text
        };
        let mut files = Vec::new();
        let digests: String = translation.outputs.iter().map(digest_line).collect();
        if !self.file.full && !digests.is_empty() {
            files.push(("expected.r4.sha256".to_owned(), digests.into_bytes()));
        }
        let whole = if self.file.full { translation.outputs.as_slice() } else { &[] };
        for (number, output) in whole.iter().enumerate() {
            let value: Value = serde_json::from_slice(&output.json).unwrap_or_default();
            let name = match translation.outputs.len() {
                1 => "expected.r4.json".to_owned(),
                _ => format!("expected.{}.r4.json", number + 1),
            };
            files.push((name, pretty(&value)));
        }
        let totals = translation.ledger.totals();
        let outcome = render::outcome_of(&translation.issues, translation.issues_dropped, &totals);
        files.push(("expected.issues.json".to_owned(), pretty(&outcome)));
        let mut context = self.context();
        context.explain = true;
        let explained = causeway_adapter::translate(self.adapter(), &self.input, &context);
        assert!(explained.outputs == translation.outputs, "{}: explain mode changes a bundle", self.name);
        files.push(("expected.ledger.tsv".to_owned(), render::ledger_tsv(&explained.ledger).into_bytes()));
        if let Some(ack) = &translation.acknowledgement {
            files.push((format!("expected.ack.{}", ack.extension), ack.bytes.clone()));
        }
        files
    }
}
