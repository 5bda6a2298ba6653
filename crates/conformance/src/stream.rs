//! Documents of any size: NDJSON line by line, a large Bundle entry by entry.

use crate::Checked;
use crate::limits::{PART_MAX, WHOLE_MAX};
use causeway_profile::{BundleDigest, Definitions, EntryHead, Options, Report, is_xml};
use serde::Deserialize;
use serde::de::{Deserializer, Error as _, MapAccess, Visitor};
use serde_json::value::RawValue;
use serde_json::{Map, Value};
use std::fmt;
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom};

/// How a check reads.
pub struct Checker<'d> {
    /// What is checked against.
    pub definitions: &'d Definitions,
    /// How.
    pub options: &'d Options,
}

impl Checker<'_> {
    /// Checks what a file holds and gives each document's outcome to `each`: one, or one a line for NDJSON (a name that
    /// ends in `.ndjson` or `.jsonl`, or a text whose first line is a whole JSON object followed by another).
    ///
    /// # Errors
    /// Where the file can't be read, or `each` says so.
    pub fn file(
        &self,
        name: &str,
        mut input: impl Read + Seek,
        each: &mut dyn FnMut(Checked) -> io::Result<()>,
    ) -> io::Result<()> {
        // What its name says is not looked for in its first megabytes.
        if name.ends_with(".ndjson") || name.ends_with(".jsonl") {
            return self.lines(name, BufReader::with_capacity(1 << 18, input), each);
        }
        let mut head = Vec::new();
        (&mut input).take(WHOLE_MAX as u64 + 1).read_to_end(&mut head)?;
        if is_lines(&head) {
            drop(head);
            input.seek(SeekFrom::Start(0))?;
            return self.lines(name, BufReader::with_capacity(1 << 18, input), each);
        }
        if head.len() <= WHOLE_MAX {
            return each(self.whole(name, &head));
        }
        if is_xml(&head) {
            (&mut input)
                .take((causeway_profile::limits::MAX_BYTES - WHOLE_MAX) as u64)
                .read_to_end(&mut head)?;
            return each(self.whole(name, &head));
        }
        drop(head);
        self.bundle(name, input, each)
    }

    /// Checks a document that is in memory.
    pub fn whole(&self, name: &str, text: &[u8]) -> Checked {
        Checked { name: name.to_owned(), report: self.definitions.check_located(text, self.options) }
    }

    /// Checks a document that is in memory: whole where its values have room ([`Options::room`]), else, a Bundle, entry by entry, so
    /// that no more than one entry of it, and what it refers to, is held as values.
    pub fn within(&self, text: &[u8]) -> Report {
        self.definitions.check_within(text, self.options).unwrap_or_else(|| self.in_parts(text))
    }

    fn in_parts(&self, text: &[u8]) -> Report {
        let unreadable = || Report::refusal("r4/json", "the document is not readable as JSON");
        let Ok(Parts { shell, entries }) = serde_json::from_slice::<Parts<'_>>(text) else {
            return unreadable();
        };
        let kind = shell.get("type").and_then(Value::as_str).unwrap_or_default();
        if shell.get("resourceType").and_then(Value::as_str) != Some("Bundle") {
            let text = "a resource that is no Bundle has more values than are checked at once";
            return Report::refusal("r4/size", text);
        }
        let texts: Vec<&str> = entries.iter().map(|entry| entry.get()).collect();
        let mut digest = BundleDigest::of_texts(texts);
        digest.begin(kind);
        let mut report = self.definitions.check_shell(&shell, self.options, &digest);
        for (number, entry) in entries.iter().enumerate() {
            match self.definitions.check_entry(entry.get().as_bytes(), number, 1, self.options, &digest) {
                Some(part) => report.add(part),
                None => report.add(unreadable()),
            }
        }
        report
    }

    /// Checks NDJSON: a document a line, named `NAME#1` and so on.
    ///
    /// # Errors
    /// Where the input can't be read, or `each` says so.
    pub fn lines(
        &self,
        name: &str,
        mut input: impl BufRead,
        each: &mut dyn FnMut(Checked) -> io::Result<()>,
    ) -> io::Result<()> {
        let mut line = Vec::new();
        let mut number = 0usize;
        loop {
            line.clear();
            let read = (&mut input).take(PART_MAX as u64).read_until(b'\n', &mut line)?;
            if read == 0 {
                return Ok(());
            }
            number += 1;
            let cut = read == PART_MAX && line.last() != Some(&b'\n');
            if cut {
                input.skip_until(b'\n')?;
            }
            if line.iter().all(u8::is_ascii_whitespace) {
                continue;
            }
            let report = if cut {
                Report::refusal("r4/size", format!("the line is longer than {PART_MAX} bytes"))
            } else {
                self.definitions.check_located(&line, self.options)
            };
            each(Checked { name: format!("{name}#{number}"), report })?;
        }
    }

    /// Checks a Bundle that is too large to hold: once over it to learn what its entries are, once to check each.
    fn bundle(
        &self,
        name: &str,
        mut input: impl Read + Seek,
        each: &mut dyn FnMut(Checked) -> io::Result<()>,
    ) -> io::Result<()> {
        let refuse = |each: &mut dyn FnMut(Checked) -> io::Result<()>, rule: &str, text: String| {
            each(Checked { name: name.to_owned(), report: Report::refusal(rule, text) })
        };
        input.seek(SeekFrom::Start(0))?;
        let mut digest = BundleDigest::default();
        let mut unread = false;
        let split = Splitter::new(BufReader::with_capacity(1 << 18, &mut input)).run(&mut |_, text, _| {
            match serde_json::from_slice::<EntryHead<'_>>(text) {
                Ok(head) => digest.add(&head),
                Err(_) => {
                    digest.pass();
                    unread |= serde_json::from_slice::<serde::de::IgnoredAny>(text).is_err();
                }
            }
            Ok(())
        })?;
        let shell = match split {
            Ok(shell) => shell,
            Err(fault) => return refuse(each, fault.rule(), fault.text()),
        };
        let Ok(shell) = serde_json::from_slice::<Value>(&shell) else {
            return refuse(each, "r4/json", "the document is not readable as JSON".to_owned());
        };
        let kind = shell.get("type").and_then(Value::as_str).unwrap_or_default();
        if shell.get("resourceType").and_then(Value::as_str) != Some("Bundle")
            || matches!(kind, "document" | "message")
        {
            let text = format!(
                "a document of more than {WHOLE_MAX} bytes is checked only where it is NDJSON or a Bundle other than a \
                 document or message"
            );
            return refuse(each, "r4/size", text);
        }
        digest.begin(kind);
        let mut report = self.definitions.check_shell(&shell, self.options, &digest);
        if unread {
            report.add(Report::refusal("r4/json", "an entry is not readable as JSON"));
        }
        input.seek(SeekFrom::Start(0))?;
        let again =
            Splitter::new(BufReader::with_capacity(1 << 18, &mut input)).run(&mut |number, text, line| {
                let part = self.definitions.check_entry(text, number, line, self.options, &digest);
                part.into_iter().for_each(|part| report.add(part));
                Ok(())
            })?;
        if let Err(fault) = again {
            report.add(Report::refusal(fault.rule(), fault.text()));
        }
        each(Checked { name: name.to_owned(), report })
    }
}

/// A Bundle in memory: what stands outside its entries, and the text of each.
struct Parts<'t> {
    shell: Value,
    entries: Vec<&'t RawValue>,
}

impl<'de> Deserialize<'de> for Parts<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Members;
        impl<'de> Visitor<'de> for Members {
            type Value = Parts<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Self::Value, A::Error> {
                let (mut shell, mut entries) = (Map::new(), Vec::new());
                while let Some(name) = members.next_key::<String>()? {
                    let mut value = Value::Array(Vec::new());
                    if name == "entry" {
                        let text: &RawValue = members.next_value()?;
                        match serde_json::from_str(text.get()) {
                            Ok(list) => entries = list,
                            Err(_) => value = serde_json::from_str(text.get()).map_err(A::Error::custom)?,
                        }
                    } else {
                        value = members.next_value()?;
                    }
                    shell.insert(name, value);
                }
                Ok(Parts { shell: Value::Object(shell), entries })
            }
        }
        deserializer.deserialize_map(Members)
    }
}

/// True where a text's first line is a JSON object by itself and another line follows.
fn is_lines(head: &[u8]) -> bool {
    let Some(end) = head.iter().position(|b| *b == b'\n') else { return false };
    let (first, rest) = head.split_at(end);
    let next = rest.iter().find(|b| !b.is_ascii_whitespace());
    first.trim_ascii_start().first() == Some(&b'{')
        && next == Some(&b'{')
        && serde_json::from_slice::<serde::de::IgnoredAny>(first).is_ok()
}

/// Why a text could not be split.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum SplitFault {
    /// It ends within an object, or closes what was not open.
    Broken,
    /// What stands outside the entries, or one entry, is larger than the limit.
    Large,
}

impl SplitFault {
    fn rule(self) -> &'static str {
        match self {
            Self::Broken => "r4/json",
            Self::Large => "r4/size",
        }
    }

    fn text(self) -> String {
        match self {
            Self::Broken => {
                "the document is not readable as JSON: it ends early or closes what is not open".to_owned()
            }
            Self::Large => format!("one part of the document is larger than {PART_MAX} bytes"),
        }
    }
}

/// Cuts the items of the top-level member `entry` out of a JSON object.
struct Splitter<R> {
    input: R,
    /// The object without its entries.
    shell: Vec<u8>,
    /// The entry that is being read.
    part: Vec<u8>,
    /// The last string at the top level.
    name: Vec<u8>,
}

/// What is outside of the entries, or why the text could not be split; an error where it could not be read.
type Shell = io::Result<Result<Vec<u8>, SplitFault>>;
/// Takes an entry: its number, its text, the line that it begins in.
type Each<'a> = dyn FnMut(usize, &[u8], usize) -> io::Result<()> + 'a;

impl<R: BufRead> Splitter<R> {
    fn new(input: R) -> Self {
        Self { input, shell: Vec::new(), part: Vec::new(), name: Vec::new() }
    }

    /// Gives each entry with its number and the line that it begins in; then the object without entries.
    fn run(mut self, each: &mut Each<'_>) -> Shell {
        let (mut depth, mut number, mut line, mut start) = (0usize, 0usize, 1usize, 1usize);
        let (mut quoted, mut escaped, mut inside) = (false, false, false);
        loop {
            let buffer = self.input.fill_buf()?;
            if buffer.is_empty() {
                break;
            }
            let length = buffer.len();
            for byte in buffer {
                line += usize::from(*byte == b'\n');
                // Within the list of entries, deeper than the list itself, bytes belong to an entry.
                let item = inside && (depth > 2 || (depth == 2 && *byte == b'{'));
                if quoted {
                    match byte {
                        _ if escaped => escaped = false,
                        b'\\' => escaped = true,
                        b'"' => quoted = false,
                        _ => {}
                    }
                    if depth == 1 && quoted {
                        self.name.push(*byte);
                    }
                } else {
                    match byte {
                        b'"' => {
                            quoted = true;
                            if depth == 1 {
                                self.name.clear();
                            }
                        }
                        b'{' | b'[' => {
                            if inside && depth == 2 {
                                self.part.clear();
                                start = line;
                            }
                            inside |= depth == 1 && *byte == b'[' && self.name == b"entry";
                            depth += 1;
                        }
                        b'}' | b']' => {
                            let Some(out) = depth.checked_sub(1) else { return Ok(Err(SplitFault::Broken)) };
                            depth = out;
                            if inside && depth == 1 {
                                inside = false;
                                self.name.clear();
                            }
                        }
                        b',' if inside && depth == 2 => continue,
                        _ => {}
                    }
                }
                if item {
                    self.part.push(*byte);
                    if depth == 2 && !quoted && matches!(byte, b'}' | b']') {
                        each(number, &self.part, start)?;
                        number += 1;
                    }
                } else {
                    self.shell.push(*byte);
                }
                if self.part.len() > PART_MAX || self.shell.len() > PART_MAX {
                    return Ok(Err(SplitFault::Large));
                }
            }
            self.input.consume(length);
        }
        Ok(if depth == 0 && !quoted { Ok(self.shell) } else { Err(SplitFault::Broken) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use std::io::Cursor;

    /// Entries with number and line, and what is outside of them.
    type Parts = (Vec<(usize, String, usize)>, String);

    fn split(text: &str) -> Result<Parts, SplitFault> {
        let mut parts = Vec::new();
        let shell = Splitter::new(BufReader::with_capacity(3, text.as_bytes()))
            .run(&mut |number, text, line| {
                parts.push((number, String::from_utf8_lossy(text).into_owned(), line));
                Ok(())
            })
            .expect("readable")?;
        Ok((parts, String::from_utf8_lossy(&shell).into_owned()))
    }

    #[test]
    fn entries_are_cut_out() {
        let text = "{\"a\":[{\"entry\":[{\"x\":1}]}],\"entry\" : [ {\"b\":\"}]\\\"\"},\n{\"c\":[1,{\"entry\":[2]}]} ],\"d\":\"entry\",\"e\":[3]}";
        let (parts, shell) = split(text).expect("split");
        assert_eq!(
            parts,
            [(0, r#"{"b":"}]\""}"#.to_owned(), 1), (1, r#"{"c":[1,{"entry":[2]}]}"#.to_owned(), 2)]
        );
        assert_eq!(
            serde_json::from_str::<Value>(&shell).expect("json"),
            json!({
                "a": [{"entry": [{"x": 1}]}], "entry": [], "d": "entry", "e": [3]
            })
        );
        assert_eq!(split("{\"entry\":[{}"), Err(SplitFault::Broken));
        assert_eq!(split("}"), Err(SplitFault::Broken));
    }

    /// A rule that follows a reference to another entry can't be asked of an entry alone: that is told, and nothing false is said.
    #[test]
    fn a_rule_that_follows_a_reference_is_told_as_not_asked() {
        let url = "https://example.org/StructureDefinition/of-active";
        let profile = json!({
            "resourceType": "StructureDefinition", "id": "of-active", "url": url, "type": "Observation", "derivation": "constraint",
            "baseDefinition": "http://hl7.org/fhir/StructureDefinition/Observation",
            "differential": {"element": [{"id": "Observation", "path": "Observation", "constraint": [
                {"key": "a-1", "severity": "error", "human": "x", "expression": "subject.resolve().active = true"}
            ]}]}
        });
        let mut held = Definitions::r4().clone();
        assert_eq!(held.load_all([&profile]).skipped, []);
        for active in [true, false] {
            let mut bundle = json!({"resourceType": "Bundle", "type": "collection", "entry": [
                {"fullUrl": "http://example.org/Observation/o", "resource": {
                    "resourceType": "Observation", "id": "o", "meta": {"profile": [url]}, "status": "final", "code": {"text": "x"},
                    "subject": {"reference": "Patient/p"}}},
                {"fullUrl": "http://example.org/Patient/p", "resource": {"resourceType": "Patient", "id": "p", "active": active}}
            ]});
            let more = (0..300).map(|n| {
                json!({"fullUrl": format!("http://example.org/Basic/{n}"), "resource": {"resourceType": "Basic", "id": n.to_string(),
                    "code": {"text": "x"}}})
            });
            bundle["entry"].as_array_mut().expect("a list").extend(more);
            let bundle = bundle.to_string();
            let found = |room: usize| {
                let options = Options { room: Some(room), ..Options::default() };
                let report = Checker { definitions: &held, options: &options }.within(bundle.as_bytes());
                let not_asked = report
                    .coverage
                    .not_checked
                    .keys()
                    .any(|(_, what)| what == "rules that follow a reference");
                (report.findings.iter().any(|f| f.rule == "inv/a-1"), not_asked)
            };
            assert_eq!(found(usize::MAX), (!active, false));
            assert_eq!(found(1 << 16), (false, true));
        }
    }

    /// A Bundle checked entry by entry gives what the same Bundle gives when it is checked whole.
    #[test]
    fn parts_give_what_the_whole_gives() {
        let entry = |n: usize, subject: &str, status: &str| {
            json!({"fullUrl": format!("http://example.org/Observation/{n}"), "resource": {
                "resourceType": "Observation", "id": n.to_string(), "status": status,
                "code": {"text": "x"}, "subject": {"reference": subject}
            }})
        };
        let bundle = json!({"resourceType": "Bundle", "type": "collection", "total": 3, "entry": [
            entry(1, "Patient/elsewhere", "final"),
            {"fullUrl": "http://example.org/Patient/p", "resource": {"resourceType": "Patient", "id": "p", "gender": "M"}},
            entry(2, "Patient/p", "finished"),
            entry(2, "urn:uuid:4d6d1f2e-1d1c-4f0a-9f0a-000000000000", "final"),
            {"resource": {"resourceType": "Nonsense"}},
            {"fullUrl": "relative", "search": {"mode": "match"}, "resource": {"resourceType": "Basic", "code": {"text": "x"}}}
        ]});
        let text = serde_json::to_string_pretty(&bundle).expect("text");
        let held = Definitions::r4();
        let options = Options::default();
        let checker = Checker { definitions: held, options: &options };
        let whole = checker.whole("b", text.as_bytes());
        let mut parts = None;
        checker
            .bundle("b", Cursor::new(text.as_bytes()), &mut |checked| {
                parts = Some(checked);
                Ok(())
            })
            .expect("read");
        let parts = parts.expect("one document");
        let key = |c: &Checked| {
            let mut all: Vec<String> = c
                .report
                .findings
                .iter()
                .map(|f| {
                    // What stands outside the entries has no place: its text was cut together.
                    let line = f.place.filter(|_| f.path.contains('[')).map(|p| p.line);
                    format!("{} {} {} {line:?}", f.severity.code(), f.path, f.rule)
                })
                .collect();
            all.sort();
            all
        };
        assert_eq!(key(&whole), key(&parts));
        assert!(whole.report.errors() >= 6, "{:#?}", whole.report.findings);
    }

    #[test]
    fn lines_are_documents() {
        let text = "{\"resourceType\":\"Basic\",\"code\":{\"text\":\"x\"}}\n\n{\"resourceType\":\"Basic\"}\nnonsense\n";
        let options = Options::default();
        let checker = Checker { definitions: Definitions::r4(), options: &options };
        let mut seen = Vec::new();
        checker
            .file("x", Cursor::new(text.as_bytes()), &mut |c| {
                seen.push((c.name, c.report.errors()));
                Ok(())
            })
            .expect("read");
        assert_eq!(seen, [("x#1".to_owned(), 0), ("x#3".to_owned(), 1), ("x#4".to_owned(), 1)]);
        assert!(!is_lines(b"{\n \"a\": 1\n}") && !is_lines(b"{\"a\":1}\n"));
    }
}
