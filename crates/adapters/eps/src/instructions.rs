//! Additional instructions of an item: one text in which EPS marks other medicines (`<medication>`), words to the patient
//! (`<patientInfo>`), the quantity of a controlled drug in words (`CD: `) and notes.

use crate::limits::LISTED_MAX;

/// The parts of the text.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Instructions<'t> {
    pub medicines: Vec<&'t str>,
    pub patient: Vec<&'t str>,
    pub quantity_words: Option<&'t str>,
    pub notes: Vec<&'t str>,
}

/// Reads the text; `None` where it lists more medicines than are read.
pub(crate) fn read(text: &str) -> Option<Instructions<'_>> {
    let mut found = Instructions::default();
    let mut rest = text;
    while let Some(at) = rest.find('<') {
        let (before, tagged) = rest.split_at(at);
        let Some((kind, inner, after)) = marked(tagged) else { break };
        found.plain(before);
        let inner = inner.trim();
        match kind {
            _ if inner.is_empty() => {}
            "medication" => found.medicines.push(inner),
            _ => found.patient.push(inner),
        }
        if found.medicines.len() + found.patient.len() > LISTED_MAX {
            return None;
        }
        rest = after;
    }
    found.plain(rest);
    Some(found)
}

/// A marked text at the beginning: its mark, what is in it, and what follows.
fn marked(text: &str) -> Option<(&'static str, &str, &str)> {
    [("medication", "<medication>", "</medication>"), ("patientInfo", "<patientInfo>", "</patientInfo>")]
        .into_iter()
        .find_map(|(kind, open, close)| {
            let (inner, after) = text.strip_prefix(open)?.split_once(close)?;
            Some((kind, inner, after))
        })
}

impl<'t> Instructions<'t> {
    fn plain(&mut self, text: &'t str) {
        for line in text.lines().map(str::trim).filter(|l| !l.is_empty()) {
            match line.strip_prefix("CD:") {
                Some(words) if self.quantity_words.is_none() && !words.trim().is_empty() => {
                    self.quantity_words = Some(words.trim());
                }
                _ => self.notes.push(line),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_of_a_text() {
        let text = "<medication>A 5mg (1/6)</medication><patientInfo>Review due</patientInfo>CD: twenty eight\nWith food";
        let found = read(text).unwrap();
        assert_eq!(found.medicines, ["A 5mg (1/6)"]);
        assert_eq!(found.patient, ["Review due"]);
        assert_eq!((found.quantity_words, found.notes), (Some("twenty eight"), vec!["With food"]));
        let open = read("<medication>never closed, < 5 a day").unwrap();
        assert_eq!(open.notes, ["<medication>never closed, < 5 a day"]);
        assert_eq!(read(&"<patientInfo>x</patientInfo>".repeat(LISTED_MAX + 1)), None);
    }
}
