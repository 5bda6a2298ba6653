//! Helpers of this crate's tests.
#![allow(dead_code)]

use std::path::PathBuf;

use causeway_adapter::Context;
use causeway_adapter::contract::{project_root, test_context};

/// Cases of the fixtures folder: name and bytes.
pub fn cases() -> Vec<(String, Vec<u8>)> {
    let root: PathBuf = project_root().join("fixtures/care-provider-record");
    let mut folders: Vec<_> =
        std::fs::read_dir(root).expect("fixtures").flatten().map(|e| e.path()).collect();
    folders.sort();
    folders
        .into_iter()
        .map(|folder| {
            let name = folder.file_name().expect("name").to_string_lossy().into_owned();
            (name, std::fs::read(folder.join("input.json")).expect("input.json"))
        })
        .collect()
}

/// A context with every option on.
pub fn open_context() -> Context {
    let mut context = test_context();
    context.options =
        ["legal-items", "safeguarding-items", "sensitive-items", "incident-text"].map(str::to_owned).to_vec();
    context
}
