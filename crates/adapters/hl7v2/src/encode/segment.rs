//! Segments as they are written: fields by number, escaped, without empty ends.

use std::collections::BTreeMap;

/// Fields, repetitions, components and subcomponents that a place of a source may name.
const NUMBER_MAX: usize = 200;

/// One segment.
#[derive(Clone, Debug, Default)]
pub struct Seg {
    /// Its name.
    pub name: String,
    fields: BTreeMap<(usize, usize, usize, usize), String>,
}

impl Seg {
    /// An empty segment.
    pub fn new(name: &str) -> Self {
        Self { name: name.to_owned(), fields: BTreeMap::new() }
    }

    /// Sets the first component of the first repetition of a field.
    pub fn put(&mut self, field: usize, text: impl Into<String>) {
        self.at(field, 1, 1, 1, text);
    }

    /// Sets a component of the first repetition.
    pub fn comp(&mut self, field: usize, component: usize, text: impl Into<String>) {
        self.at(field, 1, component, 1, text);
    }

    /// Sets a value by field, repetition, component and subcomponent, all from 1. Empty text sets nothing.
    pub fn at(&mut self, field: usize, rep: usize, component: usize, sub: usize, text: impl Into<String>) {
        let text = text.into();
        if !text.is_empty() && [field, rep, component, sub].iter().all(|n| (1..=NUMBER_MAX).contains(n)) {
            self.fields.insert((field, rep, component, sub), text);
        }
    }

    /// Whether a place has a value.
    pub fn has(&self, field: usize, rep: usize, component: usize, sub: usize) -> bool {
        self.fields.contains_key(&(field, rep, component, sub))
    }

    /// Whether a field has a value.
    pub fn says(&self, field: usize) -> bool {
        self.fields.range((field, 0, 0, 0)..(field + 1, 0, 0, 0)).next().is_some()
    }

    /// The number of the next free repetition of a field.
    pub fn next(&self, field: usize) -> usize {
        self.fields.range((field, 0, 0, 0)..(field + 1, 0, 0, 0)).next_back().map_or(1, |(k, _)| k.1 + 1)
    }

    /// Whether nothing but the set id was put in.
    pub fn is_empty(&self) -> bool {
        self.fields.keys().all(|k| k.0 == 1)
    }

    /// Makes it one that version 2.5.1 allows, where what a source had is put back into its place: the number of an
    /// organisation that is no number goes where letters may stand, a date has no time, a value has a type.
    pub fn settle(&mut self) {
        let organisations: &[usize] = match self.name.as_str() {
            "PD1" => &[3],
            "NK1" => &[13],
            "ORC" => &[21],
            "OBX" => &[23],
            "IN1" => &[4],
            _ => &[],
        };
        // XON: component 3 is NM, 10 is ST.
        let numbers: Vec<_> = self
            .fields
            .keys()
            .copied()
            .filter(|k| organisations.contains(&k.0) && k.2 == 3 && k.3 == 1)
            .collect();
        for at in numbers {
            let is_number =
                |t: &String| t.parse::<f64>().is_ok() && t.bytes().all(|b| b.is_ascii_digit() || b == b'.');
            if self.fields.get(&at).is_some_and(is_number) {
                continue;
            }
            if let Some(text) = self.fields.remove(&at) {
                self.fields.entry((at.0, at.1, 10, 1)).or_insert(text);
            }
        }
        if self.name == "AL1"
            && let Some(onset) = self.fields.remove(&(6, 1, 1, 1))
        {
            let day: String = onset.chars().take(8).take_while(char::is_ascii_digit).collect();
            if matches!(day.len(), 4 | 6 | 8) {
                self.put(6, day);
            }
        }
        if self.name == "OBX" && !self.fields.contains_key(&(2, 1, 1, 1)) {
            self.fields.retain(|k, _| k.0 != 5);
        }
    }

    /// Writes the segment with its end.
    pub fn write(&self, out: &mut String) {
        out.push_str(&self.name);
        let header = self.name == "MSH";
        let mut at = if header { (1, 1, 1, 1) } else { (0, 1, 1, 1) };
        for (&(field, rep, component, sub), text) in &self.fields {
            if header && field == 2 {
                out.push_str("|^~\\&");
                at = (2, 1, 1, 1);
                continue;
            }
            if field > at.0 {
                (at.0..field).for_each(|_| out.push('|'));
                at = (field, 1, 1, 1);
            }
            if rep > at.1 {
                (at.1..rep).for_each(|_| out.push('~'));
                at = (field, rep, 1, 1);
            }
            if component > at.2 {
                (at.2..component).for_each(|_| out.push('^'));
                at = (field, rep, component, 1);
            }
            (at.3..sub).for_each(|_| out.push('&'));
            at.3 = sub;
            escape(text, out);
        }
        out.push('\r');
    }
}

/// The explicit null, written as it is.
pub const NULL: &str = "\"\"";

fn escape(text: &str, out: &mut String) {
    for c in text.chars() {
        match c {
            '|' => out.push_str("\\F\\"),
            '^' => out.push_str("\\S\\"),
            '&' => out.push_str("\\T\\"),
            '~' => out.push_str("\\R\\"),
            '\\' => out.push_str("\\E\\"),
            '\n' => out.push_str("\\.br\\"),
            '\r' => out.push_str("\\X0D\\"),
            c => out.push(c),
        }
    }
}

/// A place as positions name it: `PID-3[2].1`, `OBX[2]-5.5.1`: segment, field, repetition, component, subcomponent.
pub fn place(text: &str) -> Option<(String, [usize; 4])> {
    let text = text.rsplit(", ").next()?;
    let (segment, rest) = text.split_once('-')?;
    let name = segment.split('[').next()?;
    let mut parts = rest.split('.');
    let field = parts.next()?;
    let (field, rep) = match field.split_once('[') {
        Some((field, rep)) => (field, rep.trim_end_matches(']').parse().ok()?),
        None => (field, 1),
    };
    let mut number = || parts.next().map_or(Some(1), |n| n.parse().ok());
    let (component, sub) = (number()?, number()?);
    (name.len() == 3).then(|| Some((name.to_owned(), [field.parse().ok()?, rep, component, sub])))?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn separators_in_text_are_escaped_and_empty_ends_are_not_written() {
        let mut seg = Seg::new("OBX");
        seg.put(1, "1");
        seg.at(5, 2, 3, 2, "a|b^c&d~e\\f\ng");
        let mut out = String::new();
        seg.write(&mut out);
        assert_eq!(out, "OBX|1||||~^^&a\\F\\b\\S\\c\\T\\d\\R\\e\\E\\f\\.br\\g\r");
    }

    #[test]
    fn what_is_put_back_is_what_the_version_allows() {
        for (name, field, component, text, wanted) in [
            ("NK1", 13, 3, "C88", "NK1|||||||||||||^^^^^^^^^C88\r"),
            ("NK1", 13, 3, "881", "NK1|||||||||||||^^881\r"),
            ("AL1", 6, 1, "20240229100500+0100", "AL1||||||20240229\r"),
            ("OBX", 5, 4, "Base64", "OBX\r"),
            ("DG1", 3, 3, "C88", "DG1|||^^C88\r"),
        ] {
            let mut seg = Seg::new(name);
            seg.comp(field, component, text);
            seg.settle();
            let mut out = String::new();
            seg.write(&mut out);
            assert_eq!(out, wanted);
        }
    }

    #[test]
    fn places() {
        assert_eq!(place("PID-3[2].4.1"), Some(("PID".to_owned(), [3, 2, 4, 1])));
        assert_eq!(place("OBX[2]-5"), Some(("OBX".to_owned(), [5, 1, 1, 1])));
        assert_eq!(place("message 2, ZU1-6"), Some(("ZU1".to_owned(), [6, 1, 1, 1])));
        assert_eq!(place("nothing"), None);
    }
}
