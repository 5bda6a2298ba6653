//! Codes of items that the law or the profession restricts, as a versioned table. Its members here are invented
//! stand-ins: the real ones come with the licensed SNOMED CT UK edition.

use std::collections::{BTreeSet, HashMap};

use serde::Deserialize;

use crate::words::Words;

/// One member of a restricted set (a row of the file).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Member {
    /// SNOMED CT id of the exclusion refset.
    pub refset: String,
    /// Its title.
    pub title: String,
    /// Code system of the member.
    pub system: String,
    /// Code of the member.
    pub code: String,
    /// Its term: found in texts too.
    pub term: String,
    /// `care` (direct care and beyond) or `secondary` (beyond care only).
    pub use_: Use,
}

/// Where a restriction holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Use {
    /// In direct care and beyond it.
    Care,
    /// Beyond direct care only.
    Secondary,
}

/// The restricted codes of one version.
#[derive(Clone, Debug)]
pub struct Restricted {
    /// Name of the version.
    pub version: String,
    members: Vec<Member>,
    by_code: HashMap<String, Vec<usize>>,
    terms: Vec<String>,
    /// Finds any of the terms.
    finder: Words,
}

/// Shortest term that is looked for in texts: shorter ones would hide what has nothing to do with them.
const TERM_MIN: usize = 5;

impl Restricted {
    /// Reads the table.
    ///
    /// # Errors
    /// A row that can't be understood, or a table without rows: no restriction at all must be written as such by
    /// taking the file out of force, not by emptying it.
    pub fn read(version: &str, text: &str) -> Result<Self, String> {
        let text = text.replacen(",use\n", ",use_\n", 1);
        let mut reader = csv::Reader::from_reader(text.as_bytes());
        let members: Vec<Member> =
            reader.deserialize().collect::<Result<_, _>>().map_err(|e: csv::Error| e.to_string())?;
        if members.is_empty() {
            return Err("there is no row".to_owned());
        }
        let mut by_code: HashMap<String, Vec<usize>> = HashMap::new();
        for (n, member) in members.iter().enumerate() {
            if member.code.is_empty() || member.system.is_empty() {
                return Err(format!("row {} has no system or code", n + 2));
            }
            by_code.entry(member.code.clone()).or_default().push(n);
        }
        let terms: Vec<String> = members
            .iter()
            .filter(|m| m.use_ == Use::Care && m.term.chars().count() >= TERM_MIN)
            .map(|m| m.term.to_lowercase())
            .collect();
        let finder = Words::of(terms.iter()).map_err(|e| e.to_string())?;
        Ok(Self { version: version.to_owned(), members, by_code, terms, finder })
    }

    /// Whether a code is restricted in direct care. A code without a system counts: nobody can tell whose it is.
    pub fn has(&self, system: Option<&str>, code: &str) -> bool {
        self.member(system, code).is_some_and(|m| m.use_ == Use::Care)
    }

    /// Whether a code is restricted beyond direct care.
    pub fn has_beyond_care(&self, system: Option<&str>, code: &str) -> bool {
        self.member(system, code).is_some()
    }

    fn member(&self, system: Option<&str>, code: &str) -> Option<&Member> {
        let rows = self.by_code.get(code)?;
        rows.iter()
            .filter_map(|n| self.members.get(*n))
            .find(|m| system.is_none_or(|s| s.is_empty() || s == m.system))
    }

    /// Whether a text names a restricted member by its term, in any case of letters.
    pub fn names(&self, text: &str) -> bool {
        self.finder.are_in(text)
    }

    /// What finds the terms in texts.
    pub(crate) fn finder(&self) -> &Words {
        &self.finder
    }

    /// The terms that are looked for in texts, in lower case.
    pub(crate) fn terms(&self) -> impl Iterator<Item = &String> {
        self.terms.iter()
    }

    /// The members.
    pub fn members(&self) -> &[Member] {
        &self.members
    }

    /// What a newer version adds and gives back.
    pub(crate) fn differences(&self, newer: &Self) -> Vec<String> {
        let set = |r: &Self| r.members.iter().cloned().collect::<BTreeSet<_>>();
        let (old, new) = (set(self), set(newer));
        let line = |what: &str, m: &Member| format!("restricted {} {}: {what}", m.refset, m.code);
        let mut out: Vec<String> = new.difference(&old).map(|m| line("withheld from now on", m)).collect();
        out.extend(old.difference(&new).map(|m| line("given back", m)));
        out
    }
}
