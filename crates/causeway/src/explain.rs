//! `causeway explain`: source and FHIR side by side, item by item.

use causeway_adapter::Translation;
use causeway_core::Outcome;
use serde_json::Value;

/// One line of an explanation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// Place in the source.
    pub at: String,
    /// The source's text there.
    pub source: String,
    /// What became of it.
    pub outcome: Outcome,
    /// Why, where that needs a word.
    pub reason: &'static str,
    /// FHIR paths it went to, with the value written there.
    pub to: Vec<(String, String)>,
}

/// Characters of a value that a line shows.
const VALUE_CHARS_SHOWN: usize = 60;

/// The explanation of a translation made with `Context::explain` on.
pub fn lines(source: &[u8], translation: &Translation) -> Vec<Line> {
    let ledger = &translation.ledger;
    let mut paths = ledger.paths().to_vec();
    paths.sort_by_key(|(item, _)| *item);
    let mut paths = paths.into_iter().peekable();
    ledger
        .items()
        .iter()
        .zip(0..)
        .map(|(item, id)| {
            let mut to: Vec<(String, String)> = Vec::new();
            while let Some((_, path)) = paths.next_if(|(about, _)| *about <= id) {
                to.push((path.into_string(), String::new()));
            }
            Line {
                at: item.place.render(ledger.outline()),
                source: shown(&String::from_utf8_lossy(item.span.of(source))),
                outcome: item.outcome,
                reason: ledger.reason_of(item),
                to,
            }
        })
        .collect()
}

/// A value on one line, cut where it is long.
pub fn shown(text: &str) -> String {
    let flat: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    if flat.chars().count() <= VALUE_CHARS_SHOWN {
        return flat;
    }
    let head: String = flat.chars().take(VALUE_CHARS_SHOWN).collect();
    format!("{head}…")
}

/// The explanation as text for a terminal.
pub fn text(lines: &[Line]) -> String {
    let widest = |f: fn(&Line) -> &str, max: usize| {
        lines.iter().map(|l| f(l).chars().count()).max().unwrap_or(0).min(max)
    };
    let at = widest(|l| &l.at, 44);
    let source = widest(|l| &l.source, 34);
    let mut out = String::new();
    for line in lines {
        let to: Vec<&str> = line.to.iter().map(|(path, _)| path.as_str()).collect();
        let what = match (to.is_empty(), line.reason.is_empty()) {
            (false, true) => format!("→ {}", to.join(", ")),
            (false, false) => format!("→ {} ({})", to.join(", "), line.reason),
            (true, false) => format!("({})", line.reason),
            (true, true) => String::new(),
        };
        let row = format!("{:at$}  {:source$}  {:16}  {what}", line.at, line.source, line.outcome.word());
        out.push_str(row.trim_end());
        out.push('\n');
    }
    out
}

/// The bundles of a translation, indented.
pub fn bundles(translation: &Translation) -> String {
    let mut out = String::new();
    for output in &translation.outputs {
        let value: Value = serde_json::from_slice(&output.json).unwrap_or_default();
        out.push_str(&format!("{} ({})\n", output.label, output.event));
        out.push_str(&serde_json::to_string_pretty(&value).unwrap_or_default());
        out.push('\n');
    }
    out
}
