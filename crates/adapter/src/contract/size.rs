//! That what is made of an input stays within what its size allows ([`crate::budget::MEMORY_TIMES`]): each case is grown to
//! [`INPUT_BYTES_LEAST`] by repeating one thing of it, and what the sink is handed at once is counted.

use causeway_core::{Issue, Item, Ledger};
use serde_json::Value;

use super::Suite;
use crate::budget::{INPUT_BYTES_LEAST, MEMORY_BYTES, MEMORY_TIMES, within};
use crate::{Acknowledgement, Output, Sink};

/// Cases that are grown.
const CASES: usize = 2;
/// Things of one case that are repeated, each by itself.
const PLACES: usize = 3;
/// Bytes of one thing that is repeated.
const THING_BYTES: std::ops::Range<usize> = 4..20_000;

/// Counts the most that is handed over at once.
#[derive(Default)]
struct Most {
    bundle: usize,
    items: usize,
}

impl Sink for Most {
    fn output(&mut self, output: Output) {
        self.bundle = self.bundle.max(output.json.len());
    }
    fn issue(&mut self, _: Issue) {}
    fn ledger(&mut self, ledger: Ledger) {
        self.items = self.items.max(ledger.len());
    }
    fn acknowledgement(&mut self, _: Acknowledgement) {}
}

impl Suite<'_> {
    /// What is made of an input takes no more than [`MEMORY_TIMES`] its size, whatever is repeated in it.
    ///
    /// # Panics
    /// With the case and what was repeated where it takes more.
    pub fn stays_within_its_size(&self) {
        let size = INPUT_BYTES_LEAST as usize;
        for (case, input) in spread(&self.cases, CASES) {
            for (what, grown) in shapes(input, size) {
                let mut most = Most::default();
                // What is refused, before or within, is as good as what is small.
                let _ = within(self.adapter, &grown, MEMORY_BYTES)
                    .and_then(|()| self.adapter.translate(&grown, &self.context, &mut most));
                let held = most.bundle + most.items * size_of::<Item>();
                let times = held as u64 / grown.len().max(1) as u64;
                assert!(
                    times <= MEMORY_TIMES,
                    "{case}: {what} repeated makes a bundle of {} bytes and {} items of {} bytes: {times} times as much",
                    most.bundle,
                    most.items,
                    grown.len()
                );
            }
        }
    }
}

/// Some of a list, over all of it.
fn spread<T>(list: &[T], most: usize) -> impl Iterator<Item = &T> {
    list.iter().step_by((list.len() / most).max(1)).take(most)
}

/// An input with one thing repeated until it has about so many bytes: what it was, and the input.
fn shapes(input: &[u8], size: usize) -> Vec<(String, Vec<u8>)> {
    match input.iter().find(|byte| !byte.is_ascii_whitespace()) {
        Some(b'{' | b'[') => members(input, size),
        Some(b'<') => elements(&String::from_utf8_lossy(input), size),
        _ => lines(&String::from_utf8_lossy(input), size),
    }
}

/// A part of a text repeated behind itself.
fn repeated(text: &str, start: usize, end: usize, size: usize) -> Vec<u8> {
    let (before, after) = (text.get(..end).unwrap_or_default(), text.get(end..).unwrap_or_default());
    let one = text.get(start..end).unwrap_or_default();
    [before, &one.repeat(size / one.len().max(1)), after].concat().into_bytes()
}

fn lines(text: &str, size: usize) -> Vec<(String, Vec<u8>)> {
    let ends: &[char] = if text.trim_start().starts_with("UN") { &['\''] } else { &['\r', '\n'] };
    let mut found: Vec<(String, usize, usize)> = Vec::new();
    let mut at = 0;
    for line in text.split_inclusive(ends) {
        let kind: String = line.chars().take_while(|c| c.is_ascii_alphanumeric()).take(12).collect();
        if THING_BYTES.contains(&line.len()) && found.iter().all(|(known, ..)| *known != kind) {
            found.push((kind, at, at + line.len()));
        }
        at += line.len();
    }
    spread(&found, PLACES)
        .map(|(kind, start, end)| (format!("the line {kind}"), repeated(text, *start, *end, size)))
        .collect()
}

fn elements(text: &str, size: usize) -> Vec<(String, Vec<u8>)> {
    let mut found: Vec<(String, usize, usize)> = Vec::new();
    for (start, _) in text.match_indices('<') {
        let rest = text.get(start..).unwrap_or_default();
        let name: String =
            rest.chars().skip(1).take_while(|c| c.is_ascii_alphanumeric() || "_:-.".contains(*c)).collect();
        let Some(head) = rest.find('>') else { continue };
        let end = match rest.as_bytes().get(head.saturating_sub(1)) == Some(&b'/') {
            true => Some(head + 1),
            false => rest.find(&format!("</{name}>")).map(|at| at + name.len() + 3),
        };
        let Some(end) = end.filter(|end| !name.is_empty() && THING_BYTES.contains(end)) else { continue };
        if found.iter().all(|(known, ..)| *known != name) {
            found.push((name, start, start + end));
        }
    }
    spread(&found, PLACES)
        .map(|(name, start, end)| (format!("the element {name}"), repeated(text, *start, *end, size)))
        .collect()
}

fn members(input: &[u8], size: usize) -> Vec<(String, Vec<u8>)> {
    let Ok(whole) = serde_json::from_slice::<Value>(input) else { return Vec::new() };
    let mut found = Vec::new();
    arrays(&whole, String::new(), &mut found);
    let grow = |pointer: &String| {
        let mut grown = whole.clone();
        let list = grown.pointer_mut(pointer)?.as_array_mut()?;
        let one = list.first()?.clone();
        let times = size / one.to_string().len().max(1);
        list.extend(std::iter::repeat_n(one, times));
        Some((format!("what is in {pointer}"), grown.to_string().into_bytes()))
    };
    spread(&found, PLACES).filter_map(grow).collect()
}

/// JSON pointers of the arrays that hold something.
fn arrays(value: &Value, pointer: String, found: &mut Vec<String>) {
    match value {
        Value::Array(list) => {
            for (at, inner) in list.iter().enumerate() {
                arrays(inner, format!("{pointer}/{at}"), found);
            }
            if !list.is_empty() {
                found.push(pointer);
            }
        }
        Value::Object(object) => {
            for (name, inner) in object {
                arrays(inner, format!("{pointer}/{name}"), found);
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Adapter, Composer, Context, Detection, Format, Sector, Telling};
    use causeway_core::{Leaf, Outcome, Place, Span};

    const FORMAT: Format = Format {
        name: "x",
        title: "x",
        summary: "x",
        sector: Sector::Health,
        telling: Telling::Event,
        versions: &["1"],
        media_types: &["text/plain"],
        extensions: &[],
    };

    /// Writes a resource for each line: into one bundle by the composer, or as it likes.
    struct Lines {
        by_composer: bool,
        /// Whether the first line has a bundle of its own, and claims are settled while the others' is open.
        first_apart: bool,
    }

    impl Adapter for Lines {
        fn format(&self) -> &'static Format {
            &FORMAT
        }
        fn detect(&self, _: &[u8]) -> Detection {
            Detection::no()
        }
        fn translate(&self, input: &[u8], context: &Context, sink: &mut dyn Sink) -> Result<(), Issue> {
            let mut c = Composer::new("x", context);
            let mut at = 0;
            let lines = input.split_inclusive(|b| *b == b'\n');
            let items: Vec<_> = lines
                .map(|line| {
                    let span = Span::new(at, at + line.len());
                    at += line.len();
                    c.ledger.add(Place::Whole, span)
                })
                .collect();
            c.begin("all");
            for (at, id) in items.into_iter().enumerate() {
                c.resource("Basic", &id.to_string(), |w| {
                    w.object("code", |w| w.leaf("text", Leaf { text: "a line", id }));
                });
                if self.first_apart && at == 0 {
                    c.end("first", "x", None);
                    c.begin("others");
                }
                if self.first_apart && at % 1_000 == 1 {
                    c.settle();
                }
            }
            c.end("all", "x", None);
            if !self.by_composer {
                let json = vec![b' '; input.len() * 30];
                let (id, label, event) = (String::new(), String::new(), String::new());
                sink.output(Output { json, id, label, event, recipient: None, resources: 1 });
            }
            c.flush(sink);
            Ok(())
        }
    }

    fn held(adapter: &Lines, text: &str) -> crate::Translation {
        crate::translate(adapter, text.as_bytes(), &crate::contract::test_context())
    }

    #[test]
    fn what_would_become_too_large_is_refused_with_all_its_items() {
        let lines = Lines { by_composer: true, first_apart: false };
        let small = held(&lines, &"some words\n".repeat(100));
        assert_eq!((small.outputs.len(), small.issues.len()), (1, 0));
        let large = held(&lines, &"some words\n".repeat(95_000));
        assert!(large.outputs.is_empty());
        assert_eq!(large.issues.iter().map(|i| i.rule).collect::<Vec<_>>(), ["output-too-large"]);
        assert!(large.issues[0].position.is_some());
        let rejected = large.ledger.items().iter().all(|i| i.outcome == Outcome::Rejected);
        assert!(rejected && large.ledger.len() == 95_000);
        Suite::new(&lines).case("words", "some words\nmore words\n").stays_within_its_size();
    }

    #[test]
    fn a_bundle_that_is_refused_takes_its_own_items_only() {
        let lines = Lines { by_composer: true, first_apart: true };
        let large = held(&lines, &"some words\n".repeat(95_000));
        assert_eq!(large.outputs.len(), 1);
        let outcomes = large.ledger.items().iter().map(|i| i.outcome);
        let of = |wanted| outcomes.clone().filter(|o| *o == wanted).count();
        assert_eq!((of(Outcome::Mapped), of(Outcome::Rejected)), (1, 94_999));
        assert_eq!(large.ledger.items()[0].outcome, Outcome::Mapped);
    }

    #[test]
    #[should_panic(expected = "repeated makes a bundle")]
    fn an_adapter_that_writes_past_the_composer_is_found() {
        Suite::new(&Lines { by_composer: false, first_apart: false })
            .case("words", "some words\n")
            .stays_within_its_size();
    }

    #[test]
    fn each_form_is_grown_by_what_it_is_made_of() {
        for (text, what) in [
            ("MSH|^~\\&|A\rPID|1||9\r", "the line PID"),
            ("UNB+UNOA:2'UNH+1'", "the line UNH"),
            ("a,b\n1,2\n", "the line 1"),
            ("<a><b c='1'/><d>x</d></a>", "the element d"),
            ("{\"a\":[{\"b\":[1]}]}", "what is in /a/0/b"),
        ] {
            let grown = shapes(text.as_bytes(), 10_000);
            let found = grown.iter().find(|(name, _)| name == what);
            assert!(
                found.is_some_and(|(_, bytes)| (9_000..20_100).contains(&bytes.len())),
                "{what}: {grown:?}"
            );
        }
    }
}
