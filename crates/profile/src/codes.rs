//! Value sets and code systems, as far as their content is known.

use crate::urls::long;
use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::sync::{Arc, OnceLock};

/// The codes of one system in a value set.
#[derive(Clone, Debug)]
pub(crate) enum Codes {
    /// Every code of the system: judged by the system's syntax where it has one.
    All,
    These(HashSet<String>),
    /// Some codes of the system, which ones is not known here.
    Unknown,
}

/// Whether something belongs to a set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Belongs {
    Yes,
    No,
    /// The set draws on a system whose content is not known here.
    Unknown,
}

/// A value set: codes by system.
#[derive(Clone, Debug, Default)]
pub(crate) struct ValueSet {
    pub(crate) systems: Vec<(String, Codes)>,
}

impl ValueSet {
    /// Whether the code belongs to the set. `system` is `None` for an element of type `code`, which carries none.
    pub(crate) fn has(&self, system: Option<&str>, code: &str) -> Belongs {
        let mut answer = Belongs::No;
        for (name, codes) in &self.systems {
            if system.is_some_and(|s| s != name) {
                continue;
            }
            match codes {
                Codes::All if well_formed(name, code) => return Belongs::Yes,
                Codes::These(codes) if codes.contains(code) => return Belongs::Yes,
                Codes::Unknown => answer = Belongs::Unknown,
                Codes::All | Codes::These(_) => {}
            }
        }
        answer
    }
}

/// True where the code has the shape that its open system demands.
fn well_formed(system: &str, code: &str) -> bool {
    match system {
        "urn:ietf:bcp:47" => crate::languages::is_language(code),
        "urn:ietf:bcp:13" => media_type(code),
        "urn:iso:std:iso:4217" => code.len() == 3 && code.bytes().all(|b| b.is_ascii_uppercase()),
        _ => !code.is_empty(),
    }
}

/// BCP 13: `type/subtype`, with parameters after a semicolon.
fn media_type(code: &str) -> bool {
    let name = code.split(';').next().unwrap_or_default().trim();
    let token =
        |t: &str| !t.is_empty() && t.bytes().all(|b| b.is_ascii_alphanumeric() || b"!#$&-^_.+*".contains(&b));
    name.split_once('/').is_some_and(|(a, b)| token(a) && token(b))
}

/// Top-level media types of IANA's registry (RFC 6838, 9695).
const MEDIA: &[&str] =
    &["application", "audio", "font", "haptics", "image", "message", "model", "multipart", "text", "video"];

/// True for a well-formed media type whose first half IANA doesn't know and that isn't private (`x-…`).
pub(crate) fn is_unregistered_media(code: &str) -> bool {
    let front = code.split('/').next().unwrap_or_default().to_ascii_lowercase();
    media_type(code) && !front.starts_with("x-") && front != "*" && !MEDIA.contains(&front.as_str())
}

fn codes(field: &str) -> Codes {
    match field {
        "*" => Codes::All,
        "?" => Codes::Unknown,
        list => Codes::These(list.split('|').map(str::to_owned).collect()),
    }
}

/// Rows of a table, read when they are first asked for.
#[derive(Clone, Debug)]
pub(crate) struct Lazy<T> {
    rows: Cow<'static, str>,
    held: Arc<OnceLock<T>>,
}

impl<T> Lazy<T> {
    fn new(rows: Cow<'static, str>) -> Self {
        Self { rows, held: Arc::new(OnceLock::new()) }
    }
}

impl Lazy<ValueSet> {
    pub(crate) fn get(&self) -> &ValueSet {
        self.held.get_or_init(|| {
            let rows = self.rows.lines().filter_map(|l| l.strip_prefix("s\t")?.split_once('\t'));
            ValueSet { systems: rows.map(|(system, list)| (long(system), codes(list))).collect() }
        })
    }
}

impl Lazy<HashSet<String>> {
    pub(crate) fn get(&self) -> &HashSet<String> {
        self.held.get_or_init(|| self.rows.split('|').map(str::to_owned).collect())
    }
}

/// The parts of a table that begin with a line of this kind, with that line.
pub(crate) fn parts<'t>(table: &'t str, kind: &'static str) -> impl Iterator<Item = &'t str> {
    let mut starts = table.match_indices('\n').map(|(at, _)| at + 1).chain([0]).filter(move |at| {
        table.get(*at..).is_some_and(|rest| rest.starts_with(kind) && rest[kind.len()..].starts_with('\t'))
    });
    std::iter::from_fn(move || {
        let start = starts.next()?;
        let body = &table[start..];
        // A part goes on while lines begin with a small letter.
        let end = body
            .match_indices('\n')
            .map(|(at, _)| at + 1)
            .find(|at| !body.as_bytes().get(*at).is_some_and(u8::is_ascii_lowercase))
            .unwrap_or(body.len());
        Some(&body[..end])
    })
}

#[allow(clippy::ptr_arg, reason = "a borrowed table is cut without copying")]
fn cut(table: &Cow<'static, str>, part: &str) -> Cow<'static, str> {
    match table {
        Cow::Borrowed(whole) => {
            let start = part.as_ptr() as usize - whole.as_ptr() as usize;
            Cow::Borrowed(&whole[start..start + part.len()])
        }
        Cow::Owned(_) => Cow::Owned(part.to_owned()),
    }
}

/// The `V` and `s` rows of a table.
#[allow(clippy::ptr_arg, reason = "a borrowed table is cut without copying")]
pub(crate) fn value_sets(table: &Cow<'static, str>) -> HashMap<String, Lazy<ValueSet>> {
    let named = parts(table, "V").filter_map(|part| {
        let url = part.lines().next()?.strip_prefix("V\t")?;
        Some((long(url), Lazy::new(cut(table, part))))
    });
    named.collect()
}

/// The `C` rows of a table: complete code systems.
#[allow(clippy::ptr_arg, reason = "a borrowed table is cut without copying")]
pub(crate) fn code_systems(table: &Cow<'static, str>) -> HashMap<String, Lazy<HashSet<String>>> {
    let rows = table.lines().filter_map(|l| l.strip_prefix("C\t")?.split_once('\t'));
    rows.map(|(url, list)| (long(url), Lazy::new(cut(table, list)))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn open_systems_are_judged_by_syntax() {
        assert!(media_type("text/plain") && media_type("application/fhir+json; charset=utf-8"));
        assert!(!media_type("pdf") && !media_type("/x"));
        assert!(is_unregistered_media("chemical/x-pdb") && !is_unregistered_media("x-world/x-3dmf"));
        assert!(!is_unregistered_media("Application/pdf") && !is_unregistered_media("pdf"));
    }

    #[test]
    fn a_set_that_draws_on_an_unknown_system_says_so() {
        let table = Cow::Borrowed("V\t%a\ns\tsct\t?\ns\tlocal\tx|y\nV\t%b\ns\tlocal\t*\nC\tlocal\tx|y|z\n");
        let sets = value_sets(&table);
        let a = sets["http://hl7.org/fhir/ValueSet/a"].get();
        assert_eq!(a.has(Some("local"), "x"), Belongs::Yes);
        assert_eq!(a.has(Some("local"), "z"), Belongs::No);
        assert_eq!(a.has(Some("sct"), "1"), Belongs::Unknown);
        assert_eq!(a.has(None, "x"), Belongs::Yes);
        assert_eq!(a.has(None, "q"), Belongs::Unknown);
        assert_eq!(sets.len(), 2);
        assert!(code_systems(&table)["local"].get().contains("z"));
    }
}
