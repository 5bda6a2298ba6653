//! Ledgers and issues as JSON, in the form that files, pages and scoring tools read.

use std::borrow::Cow;
use std::io;

use causeway_core::{Issue, Item, Ledger, Outcome, Totals, common};
use causeway_fhir::systems::CAUSEWAY_ISSUE;
use serde_json::{Map, Value, json};

/// Totals as JSON: `items`, one count per outcome, and `unexplained`.
pub fn totals_json(totals: &Totals) -> Value {
    let mut object = Map::new();
    object.insert("items".to_owned(), json!(totals.total()));
    for outcome in Outcome::ALL {
        object.insert(outcome.word().to_owned(), json!(totals.of(outcome)));
    }
    Value::Object(object)
}

/// Writes one item as [`ledger_json`] has it, without FHIR paths: for ledgers that are written as they come.
pub fn write_item(ledger: &Ledger, item: &Item, out: &mut Vec<u8>) {
    let quote = causeway_fhir::writer::quote_into;
    out.extend_from_slice(b"{\"at\":");
    quote(out, &item.place.render(ledger.outline()));
    out.extend_from_slice(b",\"bytes\":[");
    number(out, item.span.start);
    out.push(b',');
    number(out, item.span.end);
    out.extend_from_slice(b"],\"outcome\":");
    quote(out, item.outcome.word());
    let reason = ledger.reason_of(item);
    if !reason.is_empty() {
        out.extend_from_slice(b",\"reason\":");
        quote(out, reason);
    }
    out.push(b'}');
}

/// Writes a number: thousands of them are in a ledger.
fn number(out: &mut Vec<u8>, number: u32) {
    let mut digits = [0u8; 10];
    let mut rest = number;
    let mut at = digits.len();
    for (place, digit) in digits.iter_mut().enumerate().rev() {
        *digit = b'0' + (rest % 10) as u8;
        rest /= 10;
        at = place;
        if rest == 0 {
            break;
        }
    }
    out.extend_from_slice(digits.get(at..).unwrap_or_default());
}

/// The whole ledger as JSON: totals, `unexplained`, and the items with place, bytes, outcome, reason and (in
/// explain mode) the FHIR paths they went to. No values of the source.
pub fn ledger_json(ledger: &Ledger) -> Value {
    let items: Vec<Value> = with_paths(ledger).map(|(item, to)| item_json(ledger, item, to)).collect();
    let totals = ledger.totals();
    json!({
        "totals": totals_json(&totals),
        "unexplained": totals.of(Outcome::Unexplained),
        "items": items,
    })
}

/// The ledger as a table of tab-separated columns, made to be read and compared line by line: place, outcome, reason,
/// and (in explain mode) the FHIR paths it went to, in order, `;` between. The first line has the totals. No values of
/// the source.
pub fn ledger_tsv(ledger: &Ledger) -> String {
    let totals = ledger.totals();
    let counts: Vec<String> = Outcome::ALL
        .into_iter()
        .filter(|outcome| totals.of(*outcome) > 0)
        .map(|outcome| format!("{} {}", totals.of(outcome), outcome.word()))
        .collect();
    let mut out = format!("# {} items: {}\nplace\toutcome\treason\tto\n", totals.total(), counts.join(", "));
    for (item, to) in with_paths(ledger) {
        let cells = [
            &item.place.render(ledger.outline()),
            item.outcome.word(),
            ledger.reason_of(item),
            &to.join("; "),
        ];
        let cells = cells.map(|cell| cell.replace(['\t', '\r', '\n'], " "));
        out.push_str(cells.join("\t").trim_end());
        out.push('\n');
    }
    out
}

/// Items with the FHIR paths that they went to.
fn with_paths(ledger: &Ledger) -> impl Iterator<Item = (&Item, Vec<String>)> {
    let mut paths = ledger.paths().to_vec();
    paths.sort_by_key(|(item, _)| *item);
    let mut paths = paths.into_iter().peekable();
    ledger.items().iter().zip(0..).map(move |(item, id)| {
        let mut to = Vec::new();
        while let Some((_, path)) = paths.next_if(|(about, _)| *about <= id) {
            to.push(path.into_string());
        }
        (item, to)
    })
}

/// Gives each item as [`ledger_json`] has it, one by one: a whole ledger as values takes ten times the memory.
///
/// # Errors
/// What `each` answers.
pub fn each_item(ledger: &Ledger, each: &mut dyn FnMut(&[u8]) -> io::Result<()>) -> io::Result<()> {
    let mut text = Vec::new();
    for (item, to) in with_paths(ledger) {
        text.clear();
        match to.is_empty() {
            true => write_item(ledger, item, &mut text),
            false => serde_json::to_writer(&mut text, &item_json(ledger, item, to))?,
        }
        each(&text)?;
    }
    Ok(())
}

fn item_json(ledger: &Ledger, item: &Item, to: Vec<String>) -> Value {
    let mut object = Map::new();
    object.insert("at".to_owned(), json!(item.place.render(ledger.outline())));
    object.insert("bytes".to_owned(), json!([item.span.start, item.span.end]));
    object.insert("outcome".to_owned(), json!(item.outcome.word()));
    let reason = ledger.reason_of(item);
    if !reason.is_empty() {
        object.insert("reason".to_owned(), json!(reason));
    }
    if !to.is_empty() {
        object.insert("to".to_owned(), json!(to));
    }
    Value::Object(object)
}

/// The issues of a translation as an OperationOutcome. That items of its source are not carried is said once, however
/// well each is known to have no place: what nobody is told of is lost.
pub fn outcome_of(issues: &[Issue], dropped: usize, totals: &Totals) -> Value {
    operation_outcome(told(issues, totals).iter().map(Cow::as_ref), dropped)
}

/// The issues of a translation, with that of the items that are not carried.
pub fn told<'a>(issues: &'a [Issue], totals: &Totals) -> Vec<Cow<'a, Issue>> {
    let unsupported = totals.of(Outcome::Unsupported);
    let more = (unsupported > 0).then(|| common::ITEMS_UNSUPPORTED.with(&unsupported.to_string()));
    issues.iter().map(Cow::Borrowed).chain(more.map(Cow::Owned)).collect()
}

/// Issues as a FHIR OperationOutcome. An empty list says "all ok", for the resource needs one issue.
pub fn operation_outcome<'a>(issues: impl IntoIterator<Item = &'a Issue>, dropped: usize) -> Value {
    let mut list: Vec<Value> = issues.into_iter().map(issue_json).collect();
    list.extend(last(list.is_empty(), dropped));
    json!({"resourceType": "OperationOutcome", "issue": list})
}

/// Writes what [`operation_outcome`] gives, made to be read, issue by issue: thousands of them as values take as much memory
/// as a large message may.
///
/// # Errors
/// Where it can't be written.
pub fn write_outcome<'a>(
    issues: impl IntoIterator<Item = &'a Issue>,
    dropped: usize,
    out: &mut dyn io::Write,
) -> io::Result<()> {
    out.write_all(b"{\n  \"resourceType\": \"OperationOutcome\",\n  \"issue\": [")?;
    let mut first = true;
    let mut write = |issue: Value| {
        let text = serde_json::to_string_pretty(&issue)?.replace('\n', "\n    ");
        let before = if std::mem::take(&mut first) { "" } else { "," };
        write!(out, "{before}\n    {text}")
    };
    let mut none = true;
    for issue in issues {
        none = false;
        write(issue_json(issue))?;
    }
    last(none, dropped).map_or(Ok(()), &mut write)?;
    out.write_all(b"\n  ]\n}")
}

/// What is told after all issues: how many more there are, or that there is none.
fn last(none: bool, dropped: usize) -> Option<Value> {
    if dropped > 0 {
        return Some(json!({
            "severity": "warning",
            "code": "too-long",
            "details": {"coding": [{"system": CAUSEWAY_ISSUE, "code": "more-issues"}],
                        "text": format!("{dropped} more issues were found and are not listed")},
        }));
    }
    none.then(|| {
        json!({
            "severity": "information",
            "code": "informational",
            "details": {"coding": [{"system": CAUSEWAY_ISSUE, "code": "all-ok"}], "text": "nothing to report"},
        })
    })
}

/// One issue as an element of `OperationOutcome.issue`.
pub fn issue_json(issue: &Issue) -> Value {
    let mut object = json!({
        "severity": issue.severity.code(),
        "code": issue.code.code(),
        "details": {
            "coding": [{"system": CAUSEWAY_ISSUE, "code": issue.rule}],
            "text": issue.text,
        },
    });
    if let Some(position) = &issue.position {
        object["diagnostics"] = json!(position.to_string());
        // FHIRPath can't point into other formats; the place is given as text, as R4's `location` did for XPath.
        object["location"] = json!([position.path]);
    }
    object
}

#[cfg(test)]
mod tests {
    use causeway_core::{Place, Span};

    use super::*;

    #[test]
    fn issues_written_one_by_one_are_those_of_the_whole_outcome() {
        let issue =
            |rule: &causeway_core::Rule| rule.issue().at(causeway_core::Position::new("a", Span::new(1, 3)));
        let some = [issue(&common::NHS_SHAPE), common::XML_DEPTH.issue(), issue(&common::NHS_SPACED)];
        for (issues, dropped) in [(&some[..], 0), (&some[..], 7), (&some[..0], 7), (&some[..0], 0)] {
            let mut text = Vec::new();
            write_outcome(issues, dropped, &mut text).unwrap();
            let whole = serde_json::to_string_pretty(&operation_outcome(issues, dropped)).unwrap();
            assert_eq!(String::from_utf8(text).unwrap(), whole);
        }
    }

    #[test]
    fn items_written_one_by_one_are_those_of_the_whole_ledger() {
        let mut ledger = Ledger::new();
        ledger.set_outline(std::sync::Arc::new(vec!["a \"name\"".to_owned(), "zwei\t".to_owned()]));
        for (column, reason) in [(0, ""), (1, "held \\ back"), (7, "")] {
            let id = ledger.add(
                Place::Cell { row: 2, column },
                Span { start: 0, end: 4_294_967_295 - u32::from(column) },
            );
            ledger.claim(id, Outcome::Withheld, reason);
        }
        let mut text = b"[".to_vec();
        for (number, item) in ledger.items().iter().enumerate() {
            if number > 0 {
                text.push(b',');
            }
            write_item(&ledger, item, &mut text);
        }
        text.push(b']');
        assert_eq!(String::from_utf8(text).unwrap(), ledger_json(&ledger)["items"].to_string());
        // With the paths of explain mode too.
        ledger.trace(1, "Patient[0].gender");
        let mut items = Vec::new();
        let kept = each_item(&ledger, &mut |item| {
            items.push(String::from_utf8_lossy(item).into_owned());
            Ok(())
        });
        assert!(kept.is_ok());
        assert_eq!(format!("[{}]", items.join(",")), ledger_json(&ledger)["items"].to_string());
    }
}
