//! What a resource says beside its title: notes, answers, goals, risks, mitigations, in the source's words.

use serde_json::{Map, Value};

use super::related::{Line, Related, reference_in_words};
use crate::describe;
use crate::limits;
use crate::paths::{first_text, walk};

/// Elements of plain text with their label.
const TEXTS: &[(&str, &str)] = &[
    ("note.text", "Note"),
    ("mitigation", "Mitigation"),
    ("prediction.outcome.text", "Risk"),
    ("prediction.qualitativeRisk.text", "Likelihood"),
    ("prediction.qualitativeRisk.coding.display", "Likelihood"),
    ("prediction.rationale", "Why"),
    ("statusReason.text", "Reason"),
    ("statusReason.coding.display", "Reason"),
    ("achievementStatus.text", "Progress"),
    ("achievementStatus.coding.display", "Progress"),
    ("outcomeCode.text", "Outcome"),
    ("outcome.text", "Outcome"),
    ("outcome.coding.display", "Outcome"),
    ("target.detailString", "Target"),
    ("target.detailCodeableConcept.text", "Target"),
    ("activity.detail.description", "Activity"),
    ("activity.detail.code.text", "Activity"),
    ("activity.detail.code.coding.display", "Activity"),
    ("patientInstruction", "Instruction"),
    ("dosageInstruction.patientInstruction", "Instruction"),
    ("dosage.patientInstruction", "Instruction"),
    ("dosageInstruction.additionalInstruction.text", "Instruction"),
    ("reaction.description", "Reaction"),
    ("policyRule.text", "About"),
    ("comment", "Note"),
    ("conclusion", "Conclusion"),
    ("description", "Description"),
    ("hospitalization.dischargeDisposition.text", "Discharged to"),
    ("hospitalization.dischargeDisposition.coding.display", "Discharged to"),
    ("bodySite.text", "Site"),
    ("bodySite.coding.display", "Site"),
    ("communication.language.text", "Language"),
    ("payload.contentString", "Message"),
    ("businessStatus.text", "State"),
    ("event.text", "Event"),
    ("seriousness.text", "Seriousness"),
    ("suspectEntity.instance.display", "Cause"),
];

/// References with their label, where what they lead to has a name.
const REFERENCES: &[(&str, &str)] = &[
    ("location.location", "Place"),
    ("location", "Place"),
    ("managingOrganization", "Provider"),
    ("serviceProvider", "Provider"),
    ("careManager", "Care manager"),
    ("custodian", "Kept by"),
];

/// The lines of a resource, each once, what the title or the detail says already left out.
pub(super) fn of(kind: &str, map: &Map<String, Value>, related: &Related) -> Vec<Line> {
    let mut out: Vec<Line> = Vec::new();
    let said = [describe::title(kind, map), describe::detail(map)];
    let mut add = |label: &str, text: &str| {
        let text = text.trim();
        if text.is_empty()
            || out.len() >= limits::LINES_MAX
            || said.iter().any(|s| s.contains(text))
            || out.iter().any(|line| line.text == text && line.label == label)
        {
            return;
        }
        out.push(Line { label: label.to_owned(), text: text.to_owned() });
    };
    for (path, label) in TEXTS {
        walk(map, path, &mut |value| add(label, value.as_str().unwrap_or("")));
    }
    for item in map.get("item").and_then(Value::as_array).into_iter().flatten() {
        answers(item, &mut add);
    }
    for section in map.get("section").and_then(Value::as_array).into_iter().flatten() {
        sections(section, &mut add);
    }
    if kind == "Goal" {
        walk(map, "target.dueDate", &mut |v| add("By", &describe::in_words(v.as_str().unwrap_or(""))));
    }
    for (path, label) in REFERENCES {
        walk_objects(map, path, &mut |reference| add(label, &reference_in_words(reference, map, related)));
    }
    details(map, &mut add);
    out
}

/// Calls `f` with every object at a path.
fn walk_objects<'m>(map: &'m Map<String, Value>, path: &str, f: &mut dyn FnMut(&'m Map<String, Value>)) {
    let (step, rest) = path.split_once('.').map_or((path, ""), |(step, rest)| (step, rest));
    let list = match map.get(step) {
        Some(Value::Array(list)) => list.as_slice(),
        Some(one) => std::slice::from_ref(one),
        None => return,
    };
    for object in list.iter().filter_map(Value::as_object) {
        if rest.is_empty() { f(object) } else { walk_objects(object, rest, f) }
    }
}

/// Questions and answers. The depth is bounded by the JSON reader's limit.
fn answers(item: &Value, add: &mut dyn FnMut(&str, &str)) {
    let label = ["text", "linkId"].into_iter().find_map(|n| item.get(n)?.as_str()).unwrap_or("");
    let mut said = Vec::new();
    for answer in item.get("answer").and_then(Value::as_array).into_iter().flatten() {
        if let Some(text) = answer.as_object().and_then(value_in_words) {
            said.push(text);
        }
        for inner in answer.get("item").and_then(Value::as_array).into_iter().flatten() {
            answers(inner, add);
        }
    }
    if !said.is_empty() {
        add(label, &said.join("; "));
    }
    for inner in item.get("item").and_then(Value::as_array).into_iter().flatten() {
        answers(inner, add);
    }
}

/// A `value[x]` in words.
pub(super) fn value_in_words(map: &Map<String, Value>) -> Option<String> {
    let (name, value) = map.iter().find(|(name, _)| name.starts_with("value") && name.len() > 5)?;
    let text = match value {
        Value::String(text) if name.contains("Date") => describe::in_words(text),
        Value::String(text) => text.clone(),
        Value::Bool(flag) => if *flag { "yes" } else { "no" }.to_owned(),
        Value::Number(number) => number.to_string(),
        Value::Object(inner) if name == "valueQuantity" => {
            let number = inner.get("value").map(ToString::to_string).unwrap_or_default();
            format!("{number} {}", first_text(inner, &["unit", "code"])).trim().to_owned()
        }
        Value::Object(inner) if name == "valuePeriod" => {
            let end = |n: &str| describe::in_words(first_text(inner, &[n]));
            format!("{} to {}", end("start"), end("end"))
        }
        Value::Object(inner) => {
            first_text(inner, &["text", "coding.display", "display", "title", "value", "coding.code", "code"])
                .to_owned()
        }
        _ => return None,
    };
    (!text.is_empty()).then_some(text)
}

/// Sections of a document with their text, tags taken out.
fn sections(section: &Value, add: &mut dyn FnMut(&str, &str)) {
    let title = section.get("title").and_then(Value::as_str).unwrap_or("");
    if let Some(div) = section.get("text").and_then(|t| t.get("div")).and_then(Value::as_str) {
        add(title, &plain(div));
    }
    for inner in section.get("section").and_then(Value::as_array).into_iter().flatten() {
        sections(inner, add);
    }
}

/// XHTML as text: tags become blanks or line ends, the five entities their characters.
pub(crate) fn plain(div: &str) -> String {
    let mut out = String::with_capacity(div.len());
    let mut rest = div;
    while let Some(at) = rest.find('<') {
        out.push_str(rest.get(..at).unwrap_or(""));
        let Some(end) = rest.get(at..).and_then(|r| r.find('>')) else { break };
        let tag = rest.get(at + 1..at + end).unwrap_or("");
        let name = tag.trim_start_matches('/').split([' ', '/']).next().unwrap_or("");
        out.push(match name {
            "p" | "br" | "tr" | "li" | "h1" | "h2" | "h3" | "h4" | "table" | "div" => '\n',
            _ => ' ',
        });
        rest = rest.get(at + end + 1..).unwrap_or("");
    }
    out.push_str(rest);
    for (entity, character) in [
        ("&lt;", "<"),
        ("&gt;", ">"),
        ("&quot;", "\""),
        ("&#39;", "'"),
        ("&apos;", "'"),
        ("&nbsp;", " "),
        ("&#160;", " "),
        ("&amp;", "&"),
    ] {
        out = out.replace(entity, character);
    }
    let lines = out.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "));
    lines.filter(|line| !line.is_empty()).collect::<Vec<_>>().join("\n")
}

/// What adapters keep in extensions as name and value (`…-detail`), and roles.
fn details(map: &Map<String, Value>, add: &mut dyn FnMut(&str, &str)) {
    for extension in
        map.get("extension").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_object)
    {
        let url = first_text(extension, &["url"]);
        if url.ends_with("-detail") {
            let part = |wanted: &str| {
                let parts = extension.get("extension").and_then(Value::as_array)?;
                let found =
                    parts.iter().filter_map(Value::as_object).find(|p| first_text(p, &["url"]) == wanted)?;
                value_in_words(found)
            };
            if let (Some(name), Some(value)) = (part("name"), part("value")) {
                add(&label_of(&name), &value);
            }
        } else if url.ends_with("/social-care-support-role") {
            add("Role", &value_in_words(extension).unwrap_or_default());
        }
    }
}

/// A member's name as a label: `recordedBy.role` becomes `Recorded by role`.
fn label_of(name: &str) -> String {
    let mut out = String::new();
    for c in name.chars() {
        match c {
            '.' | '-' | '_' => out.push(' '),
            c if c.is_uppercase() => {
                out.push(' ');
                out.extend(c.to_lowercase());
            }
            c => out.push(c),
        }
    }
    let mut chars = out.trim().chars();
    chars.next().map(|first| first.to_uppercase().chain(chars).collect()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn lines(value: &Value) -> Vec<(String, String)> {
        let map = value.as_object().cloned().unwrap_or_default();
        let kind = map.get("resourceType").and_then(Value::as_str).unwrap_or("").to_owned();
        of(&kind, &map, &Related::new()).into_iter().map(|l| (l.label, l.text)).collect()
    }

    fn pairs(of: &[(&str, &str)]) -> Vec<(String, String)> {
        of.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect()
    }

    #[test]
    fn answers_notes_risks_and_goals_are_read_out() {
        assert_eq!(
            lines(&json!({"resourceType": "QuestionnaireResponse", "item": [
                {"linkId": "1", "text": "What matters", "answer": [{"valueString": "My garden"}]},
                {"linkId": "2", "item": [{"linkId": "2.1", "text": "Alone?", "answer": [{"valueBoolean": false}]}]}]})),
            pairs(&[("What matters", "My garden"), ("Alone?", "no")])
        );
        assert_eq!(
            lines(
                &json!({"resourceType": "RiskAssessment", "code": {"text": "Falls"}, "mitigation": "Sensor mat",
                "prediction": [{"outcome": {"text": "Falls at night"}}], "note": [{"text": "Weekly"}],
                "extension": [{"url": "https://x/dscr-record-detail", "extension": [
                    {"url": "name", "valueCode": "recordedBy.role"}, {"url": "value", "valueString": "Carer"}]}]})
            ),
            pairs(&[
                ("Note", "Weekly"),
                ("Mitigation", "Sensor mat"),
                ("Risk", "Falls at night"),
                ("Recorded by role", "Carer")
            ])
        );
        assert_eq!(
            lines(&json!({"resourceType": "Composition", "title": "Summary", "section": [
                {"title": "Risks", "text": {"div": "<div><p>Falls &amp; <b>slips</b></p><p>Two</p></div>"}}]})),
            pairs(&[("Risks", "Falls & slips\nTwo")])
        );
    }
}
