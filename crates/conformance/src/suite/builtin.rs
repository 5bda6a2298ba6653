//! The suites that are in the binary.

use std::collections::BTreeMap;

use super::model::{Suite, Unreadable};

/// Name, TOML, files by name.
type Kept = (&'static str, &'static str, &'static [(&'static str, &'static str)]);

macro_rules! kept {
    ($($name:literal: [$($file:literal),*]);* $(;)?) => {
        &[$((
            $name,
            include_str!(concat!("../../suites/", $name, "/suite.toml")),
            &[$(($file, include_str!(concat!("../../suites/", $name, "/", $file)))),*],
        )),*]
    };
}

const SUITES: &[Kept] = kept! {
    "social-care-http": ["care-note.json", "one-bad-item.json"];
    "record-transfer": ["story.json"];
    "record-sender": ["../record-transfer/story.json"];
    "fhir-r4": [];
    "uk-core-read": [];
    "process-message": ["referral.json"];
    "gp-connect-structured": [];
    "nrl-consumer": ["pointer.json"];
    "nrl-producer": ["pointer.json"];
    "mesh-server": [];
    "mesh-client": [];
    "mllp-receiver": [];
    "mllp-sender": [];
};

/// Names of the suites, social care first.
pub fn names() -> Vec<&'static str> {
    SUITES.iter().map(|(name, ..)| *name).collect()
}

/// A suite by its name.
///
/// # Errors
/// [`Unreadable`] where there is none of this name.
pub fn builtin(name: &str) -> Result<Suite, Unreadable> {
    let Some((_, toml, files)) = SUITES.iter().find(|(own, ..)| *own == name) else {
        return Err(Unreadable(format!("there is no suite {name}; there are {}", names().join(", "))));
    };
    // A file that another suite has too is known by its own name.
    let own = |path: &str| path.rsplit('/').next().unwrap_or(path).to_owned();
    let files: BTreeMap<String, String> =
        files.iter().map(|(path, text)| (own(path), (*text).to_owned())).collect();
    Suite::read(toml, files)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_suite_reads_and_every_case_says_where_its_rule_stands() {
        for name in names() {
            let suite = builtin(name).unwrap_or_else(|e| panic!("{name}: {e}"));
            assert_eq!(suite.name, name);
            for case in &suite.cases {
                let told = [&case.title, &case.rule, &case.source, &case.mend];
                assert!(told.iter().all(|t| !t.trim().is_empty()), "{name}: {}", case.id);
                let judged = |s: &super::super::model::Step| !s.expect.is_empty() || s.compare.is_some();
                assert!(case.steps.iter().any(judged), "{name}: {} expects nothing", case.id);
            }
        }
    }
}
