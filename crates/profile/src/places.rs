//! Where in the text a finding is: line and column from its path.

use crate::report::{Finding, Place, Report};
use std::collections::HashMap;

/// One step of a path below the root.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Part {
    Name(String),
    Index(usize),
}

/// The steps of a finding's path, by JSON names: `value.ofType(Quantity)` is `valueQuantity`.
pub(crate) fn parts(path: &str) -> Vec<Part> {
    let mut out: Vec<Part> = Vec::new();
    for step in path.split('.').skip(1) {
        if let Some(kind) = step.strip_prefix("ofType(") {
            let (kind, rest) = kind.split_once(')').unwrap_or((kind, ""));
            if let Some(Part::Name(name)) = out.last_mut() {
                let mut letters = kind.chars();
                name.extend(letters.next().map(|c| c.to_ascii_uppercase()));
                name.push_str(letters.as_str());
            }
            indices(rest, &mut out);
        } else {
            let end = step.find('[').unwrap_or(step.len());
            out.push(Part::Name(step[..end].to_owned()));
            indices(&step[end..], &mut out);
        }
    }
    out
}

fn indices(text: &str, out: &mut Vec<Part>) {
    out.extend(text.split('[').filter_map(|i| i.strip_suffix(']')?.parse().ok()).map(Part::Index));
}

#[derive(Default)]
struct Wanted {
    names: HashMap<String, Wanted>,
    items: HashMap<usize, Wanted>,
    findings: Vec<usize>,
}

impl Wanted {
    fn below(&mut self, part: Part) -> &mut Self {
        match part {
            Part::Name(name) => self.names.entry(name).or_default(),
            Part::Index(number) => self.items.entry(number).or_default(),
        }
    }
}

/// Gives each finding that has no place its line and column in the JSON text it was found in.
pub(crate) fn locate_json(json: &[u8], report: &mut Report) {
    locate(json, report, 0);
}

/// The same for the text of one entry of a Bundle, which begins in this line.
pub(crate) fn locate_part(json: &[u8], report: &mut Report, line: usize) {
    locate(json, report, 2);
    for place in report.findings.iter_mut().filter_map(|f| f.place.as_mut()) {
        place.line += line - 1;
    }
}

/// `above`: how many steps of each path lead to the text itself.
fn locate(json: &[u8], report: &mut Report, above: usize) {
    if report.findings.iter().all(|f| f.place.is_some()) {
        return;
    }
    let mut root = Wanted::default();
    for (number, finding) in report.findings.iter().enumerate().filter(|(_, f)| f.place.is_none()) {
        let mut at = &mut root;
        for part in parts(&finding.path).into_iter().skip(above) {
            at = at.below(part);
        }
        at.findings.push(number);
    }
    let mut offsets = vec![0; report.findings.len()];
    let mut scan = Scan { json, at: 0 };
    scan.blank();
    let start = scan.at;
    scan.value(&root, start, &mut offsets);
    settle(json, &offsets, &mut report.findings);
}

/// Turns offsets into lines and columns. Each byte is looked at once: a document of one line has all its findings in it.
pub(crate) fn settle(text: &[u8], offsets: &[usize], findings: &mut [Finding]) {
    let mut order: Vec<usize> = (0..findings.len()).filter(|n| findings[*n].place.is_none()).collect();
    order.sort_by_key(|n| offsets.get(*n).copied().unwrap_or(0));
    let (mut line, mut column, mut at) = (1, 1, 0);
    for number in order {
        let offset = offsets.get(number).copied().unwrap_or(0).min(text.len());
        for byte in text.get(at..offset).unwrap_or_default() {
            match byte {
                b'\n' => (line, column) = (line + 1, 1),
                _ => column += usize::from((byte & 0xC0) != 0x80),
            }
        }
        at = offset;
        findings[number].place = Some(Place { line, column });
    }
}

/// A walk over JSON text that is known to be well formed; on any other it stops early.
struct Scan<'j> {
    json: &'j [u8],
    at: usize,
}

impl Scan<'_> {
    fn peek(&self) -> u8 {
        self.json.get(self.at).copied().unwrap_or(0)
    }

    fn blank(&mut self) {
        while self.peek().is_ascii_whitespace() {
            self.at += 1;
        }
    }

    /// Goes over a value; `here` is where the thing itself begins (its name, or the item).
    fn value(&mut self, wanted: &Wanted, here: usize, offsets: &mut [usize]) {
        mark(wanted, here, offsets);
        match self.peek() {
            b'{' if !wanted.names.is_empty() => {
                self.at += 1;
                loop {
                    self.blank();
                    if self.peek() != b'"' {
                        break;
                    }
                    let start = self.at;
                    self.string();
                    let raw = self.json.get(start + 1..self.at.saturating_sub(1)).unwrap_or_default();
                    let below = std::str::from_utf8(raw).ok().and_then(|name| wanted.names.get(name));
                    self.blank();
                    self.at += 1; // the colon
                    self.blank();
                    match below {
                        Some(below) => self.value(below, start, offsets),
                        None => self.skip(),
                    }
                    self.blank();
                    if self.peek() != b',' {
                        break;
                    }
                    self.at += 1;
                }
                self.at += 1;
            }
            b'[' if !wanted.items.is_empty() => {
                self.at += 1;
                let mut number = 0;
                loop {
                    self.blank();
                    if matches!(self.peek(), b']' | 0) {
                        break;
                    }
                    let here = self.at;
                    match wanted.items.get(&number) {
                        Some(below) => self.value(below, here, offsets),
                        None => self.skip(),
                    }
                    number += 1;
                    self.blank();
                    if self.peek() != b',' {
                        break;
                    }
                    self.at += 1;
                }
                self.at += 1;
            }
            _ => self.skip(),
        }
    }

    fn string(&mut self) {
        self.at += 1;
        loop {
            match self.peek() {
                0 if self.at >= self.json.len() => return,
                b'"' => break,
                b'\\' => self.at += 2,
                _ => self.at += 1,
            }
        }
        self.at += 1;
    }

    fn skip(&mut self) {
        let mut depth = 0usize;
        loop {
            match self.peek() {
                0 if self.at >= self.json.len() => return,
                b'"' => {
                    self.string();
                    if depth == 0 {
                        return;
                    }
                    continue;
                }
                b'{' | b'[' => depth += 1,
                b'}' | b']' => {
                    if depth <= 1 {
                        self.at += usize::from(depth == 1);
                        return;
                    }
                    depth -= 1;
                }
                b',' if depth == 0 => return,
                _ => {}
            }
            self.at += 1;
        }
    }
}

/// Everything below is at least here: what is missing is told at what should hold it.
fn mark(wanted: &Wanted, here: usize, offsets: &mut [usize]) {
    for number in &wanted.findings {
        if let Some(offset) = offsets.get_mut(*number) {
            *offset = here;
        }
    }
    wanted.names.values().chain(wanted.items.values()).for_each(|below| mark(below, here, offsets));
}

#[cfg(test)]
mod tests {
    use crate::Definitions;

    #[test]
    fn findings_have_their_line_and_column() {
        let json = "{\n \"resourceType\": \"Observation\", \"status\": \"finished\",\n  \"code\": {\"text\": \"é\", \"x\": 1},\n \
                    \"component\": [{\"code\": {\"text\": \"a\"}}, {\"valueQuantity\": {\"value\": \"2\"}}]}";
        let report = Definitions::r4().check_located(json.as_bytes(), &crate::Options::default());
        let at = |rule: &str| {
            let found = report.findings.iter().find(|f| f.rule == rule).expect(rule);
            found.place.map(|p| (p.line, p.column)).expect("it has a place")
        };
        assert_eq!(at("r4/binding-required"), (2, 33));
        assert_eq!(at("r4/unknown-element"), (3, 25));
        assert_eq!(at("r4/type"), (4, 60));
        // What is missing is told where it should be.
        assert_eq!(at("r4/cardinality-min"), (4, 41));
    }

    #[test]
    fn many_findings_of_one_line_are_counted_through_once() {
        let text = "aé".repeat(1_000_000);
        let finding = || crate::Report::refusal("r4/json", "x").findings.remove(0);
        let mut findings: Vec<_> = (0..20_000).map(|_| finding()).collect();
        let offsets: Vec<usize> = (0..20_000).map(|n| 3 * n * 50).collect();
        super::settle(text.as_bytes(), &offsets, &mut findings);
        assert!(
            findings
                .iter()
                .zip(0..)
                .all(|(f, n)| f.place.map(|p| (p.line, p.column)) == Some((1, 100 * n + 1)))
        );
    }
}
