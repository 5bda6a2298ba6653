//! Free text that carries structure. Receiving systems of the national adaptor's family write labelled parts
//! into one text; this takes them apart. A text without such labels stays whole.

use causeway_core::Leaf;
use causeway_xml::Element;

/// The text of a `pertinentInformation`.
pub(crate) fn text<'d>(information: Element<'d>) -> Option<Leaf<'d>> {
    let holder = information.children().find(|c| c.name().starts_with("pertinent"))?;
    holder.child("text")?.text()
}

/// All texts of a statement's annotations.
pub(crate) fn texts<'d>(statement: Element<'d>) -> impl Iterator<Item = Leaf<'d>> {
    statement.children_named("pertinentInformation").filter_map(text)
}

/// Cuts a text at labels that follow a blank or stand at its start, each at its first occurrence: what comes
/// before the first has an empty label.
pub(crate) fn sections<'t>(text: &'t str, labels: &[&'static str]) -> Vec<(&'static str, &'t str)> {
    let mut cuts: Vec<(usize, &'static str)> = Vec::new();
    for label in labels {
        let found = text.match_indices(label).map(|(at, _)| at);
        let mut starts = found.filter(|at| {
            text.get(..*at).is_none_or(|before| before.is_empty() || before.ends_with(char::is_whitespace))
        });
        if let Some(at) = starts.next() {
            cuts.push((at, label));
        }
    }
    cuts.sort_unstable();
    let mut out = Vec::with_capacity(cuts.len() + 1);
    let first = cuts.first().map_or(text.len(), |(at, _)| *at);
    out.push(("", text.get(..first).unwrap_or("").trim()));
    for (number, (at, label)) in cuts.iter().enumerate() {
        let end = cuts.get(number + 1).map_or(text.len(), |(next, _)| *next);
        out.push((label, text.get(at + label.len()..end).unwrap_or("").trim()));
    }
    out
}

/// What a text says under a label.
pub(crate) fn labelled<'t>(sections: &[(&'static str, &'t str)], label: &str) -> &'t str {
    sections.iter().find(|(l, _)| *l == label).map_or("", |(_, value)| value)
}

const PROBLEM_INFO: &str = "Problem Info:";

/// The part of an observation's text that speaks of the entry, and the part that speaks of the problem.
pub(crate) fn split_problem(text: &str) -> (&str, Option<&str>) {
    match text.find(PROBLEM_INFO) {
        Some(at) => {
            let after = text.get(at + PROBLEM_INFO.len()..).unwrap_or("");
            (text.get(..at).unwrap_or("").trim(), Some(after.trim()))
        }
        None => (text, None),
    }
}

/// What the problem's part says.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct ProblemInfo<'t> {
    pub notes: &'t str,
    pub related: Vec<&'t str>,
    /// Words that say of what kind the entry was and how it was coded.
    pub origin: &'t str,
}

/// Takes the problem's part apart.
pub(crate) fn problem_info(text: &str) -> ProblemInfo<'_> {
    let mut info = ProblemInfo::default();
    let origin = text
        .find("Transformed ")
        .filter(|at| text.get(*at..).is_some_and(|tail| tail.contains("problem header")));
    let head = text.get(..origin.unwrap_or(text.len())).unwrap_or(text);
    info.origin = origin.and_then(|at| text.get(at..)).unwrap_or("");
    let (related, notes) = match head.find("Problem Notes:") {
        Some(at) => (head.get(..at).unwrap_or(""), head.get(at + "Problem Notes:".len()..).unwrap_or("")),
        None if head.contains("Related Problem:") => (head, ""),
        None => ("", head),
    };
    info.notes = notes.trim();
    let parts = related.split("Related Problem:").map(str::trim).filter(|p| !p.is_empty());
    info.related = parts.collect();
    info
}

/// Labels of an allergy's text, in the order in which they are written.
const ALLERGY: [&str; 6] =
    ["Status: Active", "Status: Inactive", "Status: Resolved", "Type: ", "Criticality: ", "Last Occurred: "];

/// What an allergy's text says at its start.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct AllergyInfo<'t> {
    pub status: &'static str,
    pub kind: &'static str,
    pub criticality: &'static str,
    pub rest: &'t str,
}

/// Takes an allergy's text apart: only labels that stand at its start, one after another, count.
pub(crate) fn allergy(text: &str) -> AllergyInfo<'_> {
    let mut info = AllergyInfo { rest: text.trim(), ..AllergyInfo::default() };
    loop {
        let Some(label) = ALLERGY.iter().find(|label| info.rest.starts_with(**label)) else { return info };
        let after = info.rest.get(label.len()..).unwrap_or("");
        let (slot, words): (&mut &'static str, &[(&str, &'static str)]) = match *label {
            "Status: Active" => (&mut info.status, &[("", "active")]),
            "Status: Inactive" => (&mut info.status, &[("", "inactive")]),
            "Status: Resolved" => (&mut info.status, &[("", "resolved")]),
            "Type: " => (&mut info.kind, &[("Allergy", "allergy"), ("Intolerance", "intolerance")]),
            "Criticality: " => (
                &mut info.criticality,
                &[("Low Risk", "low"), ("High Risk", "high"), ("Unable to Assess Risk", "unable-to-assess")],
            ),
            _ => return info,
        };
        let Some((word, code)) = words.iter().find(|(word, _)| after.starts_with(word)) else { return info };
        *slot = code;
        info.rest = after.get(word.len()..).unwrap_or("").trim_start_matches([',', '.']).trim_start();
    }
}

/// Labels of a vaccination's text (national adaptor), in the order in which they are written.
const VACCINE: [&str; 7] =
    ["Location: ", "Manufacturer: ", "Batch: ", "Expiration: ", "Site: ", "Route: ", "Quantity: "];

/// What a vaccination's text says.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct VaccineInfo<'t> {
    pub primary_source: Option<bool>,
    pub location: &'t str,
    pub manufacturer: &'t str,
    pub batch: &'t str,
    pub expiration: &'t str,
    pub site: &'t str,
    pub route: &'t str,
    pub quantity: &'t str,
    pub rest: String,
}

/// Whether a text is one that senders write only beside a vaccination.
pub(crate) fn is_vaccine_detail(text: &str) -> bool {
    let text = text.trim();
    text.starts_with("Primary Source: ")
        || text.starts_with("Recorded: ") && text.contains("Primary Source: ")
        || ["[Batch Number:", "[Manufacturer:", "[Expiry Date:"].iter().filter(|l| text.contains(**l)).count()
            > 1
}

/// Takes a vaccination's text apart; the rest is what is not labelled.
pub(crate) fn vaccine(text: &str) -> VaccineInfo<'_> {
    let mut info = VaccineInfo::default();
    if let Some(after) = text.trim_start().strip_prefix("Primary Source: ") {
        let (flag, after) = split_words(after, 1);
        info.primary_source = flag.parse().ok();
        labelled_vaccine(after, &mut info);
        return info;
    }
    let mut rest = String::new();
    let mut left = text;
    while let Some((before, after)) = left.split_once('[') {
        rest.push_str(before);
        let Some((inner, tail)) = after.split_once(']') else {
            rest.push('[');
            left = after;
            continue;
        };
        match inner.split_once(':').map(|(label, value)| (label.trim(), value.trim())) {
            Some(("Manufacturer", value)) => info.manufacturer = value,
            Some(("Batch Number", value)) => info.batch = value,
            Some(("Expiry Date", value)) => info.expiration = value,
            _ => {
                rest.push('[');
                rest.push_str(inner);
                rest.push(']');
                left = tail;
                continue;
            }
        }
        left = tail.strip_prefix(',').unwrap_or(tail).trim_start();
    }
    rest.push_str(left);
    info.rest = rest.trim().to_owned();
    info
}

/// Reads the labels in their order. The text of the last one that is there runs into the author's own remark,
/// which nothing separates: one word is taken for it (two for a site or a quantity).
fn labelled_vaccine<'t>(text: &'t str, info: &mut VaccineInfo<'t>) {
    let mut rest = text;
    for (number, label) in VACCINE.iter().enumerate() {
        let Some(after) = rest.strip_prefix(label) else { continue };
        let later = VACCINE.iter().skip(number + 1);
        let next = later.filter_map(|l| after.find(&format!(" {l}"))).min();
        // A date is one word, whatever follows.
        let (value, left) = match next.filter(|_| *label != "Expiration: ") {
            Some(at) => (after.get(..at).unwrap_or(""), after.get(at + 1..).unwrap_or("")),
            None => split_words(after, if matches!(*label, "Site: " | "Quantity: ") { 2 } else { 1 }),
        };
        let slot = match *label {
            "Location: " => &mut info.location,
            "Manufacturer: " => &mut info.manufacturer,
            "Batch: " => &mut info.batch,
            "Expiration: " => &mut info.expiration,
            "Site: " => &mut info.site,
            "Route: " => &mut info.route,
            _ => &mut info.quantity,
        };
        *slot = value.trim();
        rest = left;
    }
    info.rest = rest.trim().to_owned();
}

/// A text whose beginning stands again at its end says it once.
pub(crate) fn said_once(text: &str) -> &str {
    let bytes = text.as_bytes();
    let mut border = vec![0usize; bytes.len()];
    let mut length = 0;
    for at in 1..bytes.len() {
        while length > 0 && bytes.get(at) != bytes.get(length) {
            length = border.get(length - 1).copied().unwrap_or(0);
        }
        if bytes.get(at) == bytes.get(length) {
            length += 1;
        }
        if let Some(slot) = border.get_mut(at) {
            *slot = length;
        }
    }
    let repeated = border.last().copied().unwrap_or(0);
    let blank_after = text.get(repeated..).is_some_and(|rest| rest.starts_with(' '));
    let long = repeated >= 8 && repeated * 2 < text.len();
    if long && blank_after { text.get(repeated..).unwrap_or(text).trim_start() } else { text }
}

fn split_words(text: &str, count: usize) -> (&str, &str) {
    let mut at = 0;
    for _ in 0..count {
        let rest = text.get(at..).unwrap_or("");
        let skipped = rest.len() - rest.trim_start().len();
        let word = rest.trim_start().find(char::is_whitespace).unwrap_or(rest.trim_start().len());
        at += skipped + word;
    }
    (text.get(..at).unwrap_or("").trim(), text.get(at..).unwrap_or("").trim())
}

/// A comment in the form of pathology messages (`text/x-h7uk-pmip`).
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Pmip<'t> {
    pub kind: &'t str,
    pub date: &'t str,
    pub text: &'t str,
}

/// Reads `CommentType:…`, `CommentDate:…` and the text after a blank line.
pub(crate) fn pmip(text: &str) -> Option<Pmip<'_>> {
    let rest = text.trim_start().strip_prefix("CommentType:")?;
    let (kind, rest) = rest.split_once('\n')?;
    let rest = rest.trim_start().strip_prefix("CommentDate:")?;
    let (date, text) = rest.split_once('\n').unwrap_or((rest, ""));
    Some(Pmip { kind: kind.trim(), date: date.trim(), text: text.trim_matches(['\n', '\r']) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn problem_parts() {
        let (entry, problem) = split_problem(
            "Significance : Major Problem Info: Related Problem: Parent of Cough Problem Notes: n Transformed Immunization problem header Originally coded: X",
        );
        assert_eq!(entry, "Significance : Major");
        let info = problem_info(problem.unwrap_or(""));
        assert_eq!(info.related, ["Parent of Cough"]);
        assert_eq!(info.notes, "n");
        assert!(info.origin.starts_with("Transformed Immunization"));
        assert_eq!(split_problem("plain").1, None);
    }

    #[test]
    fn allergy_parts() {
        let info = allergy("Status: Active Criticality: High Risk Note - rash");
        assert_eq!((info.status, info.criticality, info.rest), ("active", "high", "Note - rash"));
        assert_eq!(allergy("Note, Status: Active").status, "");
    }

    #[test]
    fn vaccine_parts() {
        let info = vaccine(
            "Primary Source: true Location: L P Manufacturer: M N Batch: b1 Expiration: 2023-01-02 GMS, Site: x",
        );
        assert_eq!(info.primary_source, Some(true));
        assert_eq!((info.location, info.manufacturer, info.batch), ("L P", "M N", "b1"));
        assert_eq!((info.expiration, info.rest.as_str()), ("2023-01-02", "GMS, Site: x"));
        let info =
            vaccine("[Manufacturer: Pete], [Expiry Date: 21-Jun-2011], [Batch Number: 1], GMS: GMS, arm");
        assert_eq!((info.manufacturer, info.batch, info.rest.as_str()), ("Pete", "1", "GMS: GMS, arm"));
    }

    #[test]
    fn repeated_text_is_said_once() {
        assert_eq!(said_once("asprin allergy Major - asprin allergy"), "Major - asprin allergy");
        assert_eq!(said_once("rash rash"), "rash rash");
        assert_eq!(said_once(""), "");
    }

    #[test]
    fn pathology_comments() {
        let comment =
            pmip("CommentType:USER COMMENT\nCommentDate:20100120162723\n\n(x) - Abnormal\n").unwrap();
        assert_eq!((comment.kind, comment.text), ("USER COMMENT", "(x) - Abnormal"));
        assert!(pmip("plain").is_none());
    }
}
