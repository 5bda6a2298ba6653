//! Results of tests, as the assessor's pages read them: what a run of the tests said, put with the data by the operator
//! (`./test > DATA/assessor/tests.txt`, or JUnit XML). Without it a page says that no results are here.

use std::collections::BTreeMap;
use std::path::Path;

use super::limits::RESULTS_BYTES_MAX;

/// Folder of the data directory with results.
pub const FOLDER: &str = "assessor";

/// What became of a test.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Outcome {
    /// It failed, in one place at least.
    Failed,
    /// It was left out.
    Ignored,
    /// It passed.
    Passed,
}

/// Tests by the name of their function.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Results(BTreeMap<String, Outcome>);

impl Results {
    /// Reads each file of the folder that holds results; nothing where there is none.
    pub fn of(data_directory: &Path) -> Self {
        let mut results = Self::default();
        let Ok(entries) = std::fs::read_dir(data_directory.join(FOLDER)) else { return results };
        for path in entries.flatten().map(|e| e.path()) {
            let small = path.metadata().is_ok_and(|m| m.is_file() && m.len() <= RESULTS_BYTES_MAX);
            if let Some(text) = small.then(|| std::fs::read_to_string(&path).ok()).flatten() {
                results.read(&text);
            }
        }
        results
    }

    /// Reads what the test programs print (`test a::b ... ok`), or JUnit XML.
    pub fn read(&mut self, text: &str) {
        if text.contains("<testsuite") {
            for part in text.split("<testcase").skip(1) {
                let head = part.split('>').next().unwrap_or_default();
                let Some(name) = head.split(" name=\"").nth(1).and_then(|n| n.split('"').next()) else {
                    continue;
                };
                let outcome =
                    match (part.contains("<failure") || part.contains("<error"), part.contains("<skipped")) {
                        (true, _) => Outcome::Failed,
                        (_, true) => Outcome::Ignored,
                        _ => Outcome::Passed,
                    };
                self.tell(name, outcome);
            }
            return;
        }
        for line in text.lines() {
            let Some((name, end)) = line.trim().strip_prefix("test ").and_then(|l| l.split_once(" ... "))
            else {
                continue;
            };
            let outcome = match end.trim() {
                "ok" => Outcome::Passed,
                end if end.starts_with("ignored") => Outcome::Ignored,
                end if end.starts_with("FAILED") => Outcome::Failed,
                _ => continue,
            };
            self.tell(name, outcome);
        }
    }

    fn tell(&mut self, name: &str, outcome: Outcome) {
        let name = name.split_whitespace().next().unwrap_or(name);
        let name = name.rsplit("::").next().unwrap_or(name).to_owned();
        let kept = self.0.entry(name).or_insert(outcome);
        *kept = (*kept).min(outcome);
    }

    /// How many were read.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether none was.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// What became of a test, in words.
    pub fn words(&self, name: &str) -> &'static str {
        match self.0.get(name) {
            Some(Outcome::Passed) => "passed",
            Some(Outcome::Failed) => "failed",
            Some(Outcome::Ignored) => "left out",
            None if self.is_empty() => "no results here",
            None => "not in the results",
        }
    }

    /// Whether one of these failed.
    pub fn any_failed<'n>(&self, mut names: impl Iterator<Item = &'n str>) -> bool {
        names.any(|name| self.0.get(name) == Some(&Outcome::Failed))
    }

    /// Whether all of these passed.
    pub fn all_passed<'n>(&self, mut names: impl Iterator<Item = &'n str>) -> bool {
        names.all(|name| self.0.get(name) == Some(&Outcome::Passed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn printed_lines_and_junit_are_read_and_one_failure_counts() {
        let mut results = Results::default();
        results.read("running 2 tests\ntest walls::it_holds ... ok\ntest b ... ignored, needs a server\nnoise ... ok\n");
        results.read("test other::it_holds ... FAILED\n");
        assert_eq!((results.words("it_holds"), results.words("b")), ("failed", "left out"));
        assert_eq!((results.words("c"), results.len()), ("not in the results", 2));
        let mut junit = Results::default();
        assert_eq!(junit.words("x"), "no results here");
        junit.read("<testsuites><testsuite><testcase classname=\"a\" name=\"m::x\"/><testcase name=\"y\"><failure/></testcase></testsuite></testsuites>");
        assert!(junit.all_passed(["x"].into_iter()) && junit.any_failed(["x", "y"].into_iter()));
    }
}
