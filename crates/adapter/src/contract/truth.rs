//! The truth of the ledger: what it says of an item is what becomes of the output when the item's value changes.
//!
//! | claim | holds where |
//! |---|---|
//! | mapped, mapped with loss | another value gives another output (more than other ids), unless every other value is refused |
//! | structural, unsupported | another value gives the same output, also one that other messages have there |
//! | decides | not held to the two above: its value is not written, and changes what is |
//! | withheld | its value is in no output, no issue and no acknowledgement |
//! | rejected | its value is in no output and no issue |
//!
//! And for text: with a separator, quotation mark, line end, blank or control character put into it, written plainly or as
//! the format escapes it, moved to its neighbour or said again in a repeated line, every word of it arrives or is told. That a
//! program on the way lost a character (U+FFFD stands for it) is told as well.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use causeway_core::{Issue, Item, Outcome, Place, Severity};
use serde_json::Value;

use super::Suite;
use super::mutate::mutate_value;
use crate::Translation;

/// Items of one case whose truth is tested; more are sampled evenly.
const ITEMS_MAX: usize = 300;
/// Items of text of one case that are tested with separators; more are sampled evenly.
const TEXTS_MAX: usize = 10;
/// Bytes of a case that is tested at all: larger ones take minutes and show nothing that smaller ones don't.
const ITEMS_BYTES_MAX: usize = 1024 * 1024;
/// Values of other items of the same kind that an item is given.
const OTHERS_MAX: usize = 3;
/// Untruths that are listed when the test fails.
const LISTED_MAX: usize = 400;

/// What is put between two words of a text: separators of the formats, quotation marks, line ends, blanks, characters
/// that don't show, and one that none of the formats may hold.
pub(super) const BETWEEN: &[&str] = &[
    "&", "^", "~", "|", "+", "'", ":", "?", "\\", "\"", ",", ";", "<", "\n", "\r\n", "\r", "\t", "  ",
    "\u{A0}", "\u{200B}", "\0",
];
/// Two words that no fixture holds.
pub(super) const WORDS: [&str; 2] = ["Quorvex", "Wimzalk"];

/// An untruth that is known.
#[derive(Clone, Copy, Debug)]
pub(super) struct Untrue {
    place: &'static str,
    why: &'static str,
}

/// Untruths: where, and what.
pub(super) type Lies = BTreeMap<String, String>;

/// Values by kind of place and outcome.
pub(super) type Pools = HashMap<(String, Outcome), BTreeSet<Vec<u8>>>;

impl Suite<'_> {
    /// The ledger tells the truth about every item of every case.
    ///
    /// # Panics
    /// With the items for which it does not.
    pub fn tells_the_truth(&self) {
        let mut lies = self.lies();
        for known in &self.untrue {
            let before = lies.len();
            lies.retain(|at, _| !at.contains(known.place));
            assert!(
                lies.len() < before,
                "{} ({}) is true now: take it out of the list of what is not",
                known.place,
                known.why
            );
        }
        let list: String =
            lies.iter().take(LISTED_MAX).map(|(at, what)| format!("  {at}: {what}\n")).collect();
        assert!(lies.is_empty(), "the ledger does not tell the truth ({} items):\n{list}", lies.len());
    }

    /// What is known not to be true yet, by a part of its line: told here until it is mended, and refused when it is.
    #[must_use]
    pub fn untrue(mut self, place: &'static str, why: &'static str) -> Self {
        self.untrue.push(Untrue { place, why });
        self
    }

    /// The untruths of the ledger: `case: place`, and what is wrong.
    pub fn lies(&self) -> BTreeMap<String, String> {
        let pools = self.pools();
        let mut lies = Lies::new();
        for (case, input) in self.cases.iter().filter(|(_, input)| input.len() <= ITEMS_BYTES_MAX) {
            let before = self.run(input);
            let step = before.ledger.len().div_ceil(ITEMS_MAX).max(1);
            for item in before.ledger.items().iter().step_by(step) {
                if item.place != Place::Whole && !item.span.is_empty() {
                    self.item(case, input, &before, item, &pools, &mut lies);
                }
            }
            if input.len() <= super::CASE_BYTES_MAX {
                self.texts(case, input, &before, &mut lies);
            }
        }
        lies
    }

    /// What values the cases have at each kind of place.
    pub(super) fn pools(&self) -> Pools {
        let mut pools = Pools::new();
        for (_, input) in &self.cases {
            let translation = self.run(input);
            for item in translation.ledger.items() {
                let kind = kind_of(&item.place.render(translation.ledger.outline()));
                let pool = pools.entry((kind, item.outcome)).or_default();
                if pool.len() < 16 && item.span.len() <= 200 {
                    pool.insert(item.span.of(input).to_vec());
                }
            }
        }
        pools
    }

    fn item(
        &self,
        case: &str,
        input: &[u8],
        before: &Translation,
        item: &Item,
        pools: &Pools,
        lies: &mut Lies,
    ) {
        let (start, end) = (item.span.start as usize, item.span.end as usize);
        // A value without letter or digit (the unit `%`) can't be changed this way: nothing is shown by it.
        let shaped = (0..4).map_while(|attempt| mutate_value(input, start, end, attempt)).collect();
        let pool = others(input, before, item, pools);
        let others = pool.take(OTHERS_MAX).map(|value| spliced(input, start, end, value)).collect();
        self.changed(case, before, item, (shaped, others), lies);
    }

    /// What an item's claim is worth with other values: those of its own shape, and those that others have.
    pub(super) fn changed(
        &self,
        case: &str,
        before: &Translation,
        item: &Item,
        (shaped, others): (Vec<Vec<u8>>, Vec<Vec<u8>>),
        lies: &mut Lies,
    ) {
        let at = format!("{case}: {}", item.place.render(before.ledger.outline()));
        let needs = matches!(item.outcome, Outcome::Mapped | Outcome::MappedWithLoss);
        let (mut accepted, mut shown, mut ids_only) = (false, false, false);
        for (number, mutant) in shaped.iter().chain(&others).enumerate() {
            let after = self.run(mutant);
            let is_shaped = number < shaped.len();
            let refused = refused(before, &after);
            let differs = after.outputs != before.outputs;
            // What the ledger says of the new value, where that is something else, is no lie about the old one.
            let said = says_otherwise(item, &after);
            if is_shaped {
                let value = String::from_utf8_lossy(item.span.of(mutant)).trim().to_owned();
                if let Some(what) = leak(item.outcome, &value, before, &after, item) {
                    lies.insert(at.clone(), what);
                }
            }
            match item.outcome {
                Outcome::Structural | Outcome::Unsupported if differs && !refused && !said => {
                    let word = item.outcome.word();
                    let what = match is_shaped {
                        true => format!("{word}, but changing it changes the output"),
                        false => {
                            format!("{word}, but a value that another item has there changes the output")
                        }
                    };
                    lies.entry(at.clone()).or_insert(what);
                }
                _ => {}
            }
            // A value that is told to be wrong, and not carried, shows nothing either; nor does one of another case,
            // which may say the same in another form (a day as a spreadsheet's number).
            accepted |= is_shaped && !refused && !said && !tells_more(before, &after);
            if differs && !refused && !shown {
                shown = without_ids(before) != without_ids(&after);
                ids_only |= !shown;
            }
            if needs && shown {
                return;
            }
        }
        if needs && accepted && !shown && !shaped.is_empty() {
            let what = if ids_only { "changes ids only" } else { "changes nothing" };
            lies.entry(at).or_insert(format!("{}, but changing it {what}", item.outcome.word()));
        }
    }

    /// Texts that arrive as they are, with something put between two words.
    fn texts(&self, case: &str, input: &[u8], before: &Translation, lies: &mut Lies) {
        let said = strings(before);
        let is_text = |item: &&Item| {
            let value = String::from_utf8_lossy(item.span.of(input));
            let value = value.trim();
            item.outcome == Outcome::Mapped
                && value.chars().filter(|c| c.is_alphabetic()).count() >= 3
                && said.contains(value)
        };
        let candidates: Vec<&Item> = before.ledger.items().iter().filter(is_text).collect();
        let step = candidates.len().div_ceil(TEXTS_MAX).max(1);
        for item in candidates.iter().step_by(step) {
            let (start, end) = (item.span.start as usize, item.span.end as usize);
            // Only what takes any word is text: a code would be told as unknown.
            let plain = self.run(&spliced(input, start, end, WORDS[0].as_bytes()));
            if refused(before, &plain) || !strings(&plain).contains(WORDS[0]) {
                continue;
            }
            let at = format!("{case}: {}", item.place.render(before.ledger.outline()));
            for between in BETWEEN {
                let escaped = escape(input, start, between);
                for written in [Some((*between).to_owned()), escaped].into_iter().flatten() {
                    let value = format!("{}{written}{}", WORDS[0], WORDS[1]);
                    let mutant = spliced(input, start, end, value.as_bytes());
                    let after = self.run(&mutant);
                    if let Some(what) = lost(&plain, &after, &mutant) {
                        lies.entry(format!("{at} with {written:?}")).or_insert(what);
                    }
                }
            }
            let lossy = self.run(&spliced(input, start, end, "Quor\u{FFFD}vex".as_bytes()));
            let is_told = lossy.issues.iter().any(|issue| issue.rule == crate::common::CHARACTER_LOST.id);
            // Of what is within an attachment its own reader tells.
            let is_carried = |output: &crate::Output| {
                String::from_utf8_lossy(&output.json).contains(char::REPLACEMENT_CHARACTER)
            };
            if lossy.outputs.iter().any(is_carried) && !is_told {
                lies.insert(
                    format!("{at} with U+FFFD"),
                    "a lost character is carried and not told".to_owned(),
                );
            }
            self.repeated(&at, input, item, &plain, lies);
            self.moved(&at, input, item, before, &said, lies);
        }
    }

    /// The line of an item, said twice, the second time with another word.
    pub(super) fn repeated(&self, at: &str, input: &[u8], item: &Item, plain: &Translation, lies: &mut Lies) {
        let (start, end) = (item.span.start as usize, item.span.end as usize);
        let is_end = |b: &u8| matches!(b, b'\r' | b'\n');
        let first = input[..start].iter().rposition(is_end).map_or(0, |p| p + 1);
        let last = input[end..].iter().position(is_end).map_or(input.len(), |p| end + p + 1);
        // One line that is the whole input is no segment, and neither is a line of a tree.
        let tree =
            input.iter().find(|b| !b.is_ascii_whitespace()).is_some_and(|b| matches!(b, b'<' | b'{' | b'['));
        if tree || first == 0 && last == input.len() {
            return;
        }
        let mut copy = input[first..start].to_vec();
        copy.extend_from_slice(WORDS[0].as_bytes());
        copy.extend_from_slice(&input[end..last]);
        let mut mutant = input[..last].to_vec();
        mutant.extend_from_slice(&copy);
        mutant.extend_from_slice(&input[last..]);
        let after = self.run(&mutant);
        if let Some(what) = lost(plain, &after, &mutant) {
            lies.entry(format!("{at} repeated")).or_insert(what);
        }
    }

    /// The text moved to the next item that is text too: a value between repetitions or components.
    pub(super) fn moved(
        &self,
        at: &str,
        input: &[u8],
        item: &Item,
        before: &Translation,
        said: &str,
        lies: &mut Lies,
    ) {
        let is_text = |other: &&Item| {
            let value = String::from_utf8_lossy(other.span.of(input));
            other.span.start >= item.span.end
                && other.outcome == Outcome::Mapped
                && value.contains(' ')
                && value.bytes().any(|b| b.is_ascii_alphabetic())
                && said.contains(value.trim())
        };
        let next = before.ledger.items().iter().find(is_text);
        let Some(next) = next else { return };
        let (start, end) = (next.span.start as usize, next.span.end as usize);
        let mutant = spliced(input, start, end, WORDS[0].as_bytes());
        let after = self.run(&mutant);
        if refused(before, &after) {
            return;
        }
        if let Some(what) = lost(before, &after, &mutant) {
            let next = next.place.render(before.ledger.outline());
            lies.entry(format!("{at} moved to {next}")).or_insert(what);
        }
    }
}

/// Values that other items of the same kind have. A blank is no value: nothing is said there.
pub(super) fn others<'p>(
    input: &'p [u8],
    before: &Translation,
    item: &'p Item,
    pools: &'p Pools,
) -> impl Iterator<Item = &'p Vec<u8>> {
    let own = item.span.of(input);
    let is_blank = own.iter().all(u8::is_ascii_whitespace);
    let place = item.place.render(before.ledger.outline());
    let pool = pools.get(&(kind_of(&place), item.outcome)).into_iter().flatten();
    pool.filter(move |v| !is_blank && v.as_slice() != own)
}

/// A place without its numbers: what is the same thing of another message.
pub(super) fn kind_of(place: &str) -> String {
    let mut out = String::with_capacity(place.len());
    let mut depth = 0;
    let row = place.starts_with("row ");
    for (number, c) in place.chars().enumerate() {
        match c {
            '[' => depth += 1,
            ']' => depth -= 1,
            '0'..='9' if row && number < 12 => {}
            c if depth == 0 => out.push(c),
            _ => {}
        }
    }
    out
}

pub(super) fn spliced(input: &[u8], start: usize, end: usize, value: &[u8]) -> Vec<u8> {
    [&input[..start], value, &input[end..]].concat()
}

/// Whether a change made the adapter refuse more than it did.
pub(super) fn refused(before: &Translation, after: &Translation) -> bool {
    let errors = |t: &Translation| t.issues.iter().filter(|i| i.severity >= Severity::Error).count();
    let rejected = |t: &Translation| t.ledger.totals().of(Outcome::Rejected);
    after.unreadable && !before.unreadable
        || errors(after) > errors(before)
        || rejected(after) > rejected(before)
        || after.outputs.len() != before.outputs.len()
}

/// Whether an issue tells what none told before.
fn tells_more(before: &Translation, after: &Translation) -> bool {
    let known: HashSet<(&str, &str)> = before.issues.iter().map(|i| (i.rule, &*i.text)).collect();
    before.issues.len() < after.issues.len()
        || after.issues.iter().any(|i| !known.contains(&(i.rule, &*i.text)))
}

/// Whether the ledger has another outcome for what stands in the place of an item.
fn says_otherwise(item: &Item, after: &Translation) -> bool {
    let same = |other: &&Item| other.place == item.place && other.span.start == item.span.start;
    after.ledger.items().iter().find(same).is_some_and(|other| other.outcome != item.outcome)
}

/// How often a word stands in a text, not as a part of a longer word.
fn occurrences(text: &str, word: &str) -> usize {
    let inside = |c: char| c.is_alphanumeric();
    text.match_indices(word)
        .filter(|(at, found)| {
            let before = text[..*at].chars().next_back();
            let after = text[at + found.len()..].chars().next();
            !before.is_some_and(inside) && !after.is_some_and(inside)
        })
        .count()
}

/// Where the value of an item shows that must not show there.
fn leak(
    outcome: Outcome,
    value: &str,
    before: &Translation,
    after: &Translation,
    item: &Item,
) -> Option<String> {
    if value.chars().filter(|c| c.is_alphanumeric()).count() < 2 {
        return None;
    }
    let more = |of: &dyn Fn(&Translation) -> String| {
        occurrences(&of(after), value) > occurrences(&of(before), value)
    };
    let text = |issue: &Issue| match (&issue.position, value.len() >= 6) {
        (Some(position), true) => format!("{} {}\n", issue.text, position.path),
        _ => format!("{}\n", issue.text),
    };
    if more(&|t| t.issues.iter().map(text).collect()) {
        return Some("its value shows in an issue".to_owned());
    }
    let still = || {
        let items = after.ledger.items().iter();
        items.filter(|i| i.span == item.span).any(|i| i.outcome == outcome)
    };
    let hidden = matches!(outcome, Outcome::Withheld | Outcome::Rejected) && still();
    if hidden && more(&strings) {
        return Some(format!("{}, but its value is in the output", outcome.word()));
    }
    let answer = |t: &Translation| {
        t.acknowledgement.as_ref().map_or(String::new(), |a| String::from_utf8_lossy(&a.bytes).into_owned())
    };
    if outcome == Outcome::Withheld && still() && more(&answer) {
        return Some("withheld, but its value is in the acknowledgement".to_owned());
    }
    None
}

/// Every word put into a text arrives, or its item is not claimed as mapped, or an issue tells of it.
pub(super) fn lost(before: &Translation, after: &Translation, mutant: &[u8]) -> Option<String> {
    if tells_more(before, after) || after.unreadable || refused(before, after) {
        return None;
    }
    let said = strings(after);
    for word in WORDS {
        let found = mutant.windows(word.len()).rposition(|w| w == word.as_bytes());
        let Some(at) = found else { continue };
        if said.contains(word) {
            continue;
        }
        let over = |i: &&Item| (i.span.start as usize) < at + word.len() && (i.span.end as usize) > at;
        let items: Vec<&Item> = after.ledger.items().iter().filter(over).collect();
        if items.is_empty() {
            return Some("a word of it lies in no item, and nothing tells of it".to_owned());
        }
        if items.iter().all(|i| matches!(i.outcome, Outcome::Mapped | Outcome::Structural | Outcome::Decides))
        {
            return Some(format!("a word of it is {} and does not arrive", items[0].outcome.word()));
        }
    }
    None
}

/// Something put between two words, as the format of the input writes it; `None` where that is no different.
pub(super) fn escape(input: &[u8], at: usize, between: &str) -> Option<String> {
    let first = input.iter().find(|b| !b.is_ascii_whitespace() && !matches!(b, 0xEF | 0xBB | 0xBF)).copied();
    let written = match first {
        Some(b'<') => match between {
            "&" => "&amp;".to_owned(),
            "<" => "&lt;".to_owned(),
            "\"" => "&quot;".to_owned(),
            "'" => "&apos;".to_owned(),
            "\0" => return None,
            other => other.chars().map(|c| format!("&#{};", c as u32)).collect(),
        },
        Some(b'{' | b'[') => {
            let quoted = Value::String(between.to_owned()).to_string();
            quoted.trim_start_matches('"').strip_suffix('"').unwrap_or(&quoted).to_owned()
        }
        _ if input.starts_with(b"MSH") => match between {
            "|" => "\\F\\".to_owned(),
            "^" => "\\S\\".to_owned(),
            "~" => "\\R\\".to_owned(),
            "&" => "\\T\\".to_owned(),
            "\\" => "\\E\\".to_owned(),
            "\n" => "\\.br\\".to_owned(),
            "\r" => "\\X0D\\".to_owned(),
            _ => return None,
        },
        _ if input.starts_with(b"UN") => match between {
            "+" | ":" | "'" | "?" => format!("?{between}"),
            _ => return None,
        },
        // A table: between quotation marks, where the cell has some.
        _ if input.get(at.wrapping_sub(1)) == Some(&b'"') && between == "\"" => "\"\"".to_owned(),
        _ => return None,
    };
    (written != between).then_some(written)
}

/// All strings and numbers of the outputs, without ids and what leads to the original.
pub(super) fn strings(translation: &Translation) -> String {
    fn collect(value: &Value, into: &mut String, depth: usize) {
        match value {
            Value::String(text) if !is_id(text) => {
                into.push_str(text);
                into.push('\n');
            }
            Value::Number(number) => {
                into.push_str(&number.to_string());
                into.push('\n');
            }
            Value::Array(list) if depth < 64 => list.iter().for_each(|v| collect(v, into, depth + 1)),
            Value::Object(map) if depth < 64 => {
                map.values().for_each(|v| collect(v, into, depth + 1));
                // A text that is carried as an attachment arrives too.
                let is_text = |kind: &Value| kind.as_str().is_some_and(|k| k.starts_with("text/"));
                if let (Some(kind), Some(Value::String(data))) = (map.get("contentType"), map.get("data"))
                    && is_text(kind)
                    && let Ok(bytes) = STANDARD.decode(data)
                {
                    into.push_str(&String::from_utf8_lossy(&bytes));
                    into.push('\n');
                }
            }
            _ => {}
        }
    }
    let mut text = String::new();
    for output in &translation.outputs {
        let bundle: Value = serde_json::from_slice(&output.json).unwrap_or_default();
        collect(&bundle, &mut text, 0);
        if let Some(recipient) = &output.recipient {
            text.push_str(recipient);
            text.push('\n');
        }
    }
    text
}

/// Whether a string ends in a UUID.
fn is_id(text: &str) -> bool {
    let end = text.get(text.len().wrapping_sub(36)..).unwrap_or_default().as_bytes();
    end.len() == 36
        && end.iter().enumerate().all(|(n, b)| match n {
            8 | 13 | 18 | 23 => *b == b'-',
            _ => b.is_ascii_hexdigit(),
        })
}

/// The outputs with each UUID replaced by the number of its first mention.
fn without_ids(translation: &Translation) -> Vec<(Vec<u8>, Option<String>, String, String)> {
    let mut numbers: HashMap<Vec<u8>, usize> = HashMap::new();
    let mut out = Vec::new();
    for output in &translation.outputs {
        let mut json = Vec::with_capacity(output.json.len());
        let mut at = 0;
        while at < output.json.len() {
            let here = output.json.get(at..at + 36).and_then(|b| std::str::from_utf8(b).ok());
            if let Some(id) = here.filter(|t| is_id(t)) {
                let next = numbers.len();
                let number = *numbers.entry(id.as_bytes().to_vec()).or_insert(next);
                json.extend_from_slice(format!("#{number}").as_bytes());
                at += 36;
            } else {
                json.push(output.json[at]);
                at += 1;
            }
        }
        out.push((json, output.recipient.clone(), output.event.clone(), output.label.clone()));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_and_not_parts_of_them() {
        assert_eq!(occurrences("ab cab ab-ab", "ab"), 3);
        assert_eq!(occurrences("12 123", "12"), 1);
    }

    #[test]
    fn places_of_one_kind() {
        assert_eq!(kind_of("OBX[2]-5.1"), kind_of("OBX[11]-5.1"));
        assert_ne!(kind_of("OBX[2]-5.1"), kind_of("OBX[2]-5.2"));
        assert_eq!(kind_of("row 7, Code 2"), kind_of("row 12, Code 2"));
        assert_eq!(kind_of("/a[1]/b[2]/@v"), "/a/b/@v");
    }

    #[test]
    fn ids_are_known_by_their_form() {
        assert!(is_id("urn:uuid:00000000-0000-5000-8000-000000000000"));
        assert!(!is_id("00000000-0000-5000-8000-00000000000x"));
        assert!(!is_id(""));
    }
}
