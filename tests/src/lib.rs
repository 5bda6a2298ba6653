//! Fixture cases: one folder each, `fixtures/ADAPTER/CASE/`.

pub mod population;

use std::path::{Path, PathBuf};

use causeway_adapter::{Adapter, Context, Translation, contract, render};
use serde::Deserialize;
use serde_json::Value;

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
    pub fn rendered(&self, translation: &Translation) -> Vec<(String, Vec<u8>)> {
        let pretty = |value: &Value| {
            let mut text = serde_json::to_vec_pretty(value).unwrap_or_default();
            text.push(b'\n');
            text
        };
        let mut files = Vec::new();
        for (number, output) in translation.outputs.iter().enumerate() {
            let value: Value = serde_json::from_slice(&output.json).unwrap_or_default();
            let name = match translation.outputs.len() {
                1 => "expected.r4.json".to_owned(),
                _ => format!("expected.{}.r4.json", number + 1),
            };
            files.push((name, pretty(&value)));
        }
        let outcome = render::operation_outcome(&translation.issues, translation.issues_dropped);
        files.push(("expected.issues.json".to_owned(), pretty(&outcome)));
        let totals = render::totals_json(&translation.ledger.totals());
        files.push(("expected.totals.json".to_owned(), pretty(&totals)));
        if let Some(ack) = &translation.acknowledgement {
            files.push((format!("expected.ack.{}", ack.extension), ack.bytes.clone()));
        }
        files
    }
}
