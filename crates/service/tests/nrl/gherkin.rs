//! As much of Gherkin as the suite uses: scenarios, outlines with examples, tables and texts.

use std::collections::HashMap;

#[derive(Debug, Clone, Default)]
pub struct Step {
    pub text: String,
    pub rows: Vec<Vec<String>>,
    pub doc: String,
}

impl Step {
    /// The rows below the head, as pairs.
    pub fn pairs(&self) -> Vec<(String, String)> {
        self.rows.iter().skip(1).map(|r| (r[0].clone(), r.get(1).cloned().unwrap_or_default())).collect()
    }

    pub fn value(&self, name: &str) -> Option<String> {
        self.pairs().into_iter().find(|(n, _)| n == name).map(|(_, v)| v)
    }

    /// The words in quotation marks.
    pub fn quoted(&self) -> Vec<String> {
        self.text.split('\'').skip(1).step_by(2).map(str::to_owned).collect()
    }
}

#[derive(Debug, Clone, Default)]
pub struct Scenario {
    pub name: String,
    pub steps: Vec<Step>,
}

fn cells(line: &str) -> Vec<String> {
    // A bar within a cell is written with a backslash before it.
    let line = line.trim().trim_start_matches('|').replace("\\|", "\u{1}");
    let line = line.strip_suffix('|').unwrap_or(&line).to_owned();
    line.split('|').map(|cell| cell.trim().replace('\u{1}', "|")).collect()
}

/// The scenarios of a file; an outline makes one for each example.
pub fn parse(text: &str) -> Vec<Scenario> {
    let mut out = Vec::new();
    let mut current: Option<(Scenario, bool)> = None;
    let mut examples: Option<Vec<String>> = None;
    let mut doc: Option<Vec<String>> = None;
    for line in text.lines() {
        let bare = line.trim();
        if let Some(lines) = &mut doc {
            if bare == "\"\"\"" {
                let text = lines.join("\n");
                if let Some(step) = current.as_mut().and_then(|(s, _)| s.steps.last_mut()) {
                    step.doc = text;
                }
                doc = None;
            } else {
                lines.push(line.to_owned());
            }
            continue;
        }
        if bare.is_empty() || bare.starts_with('#') || bare.starts_with("Feature:") {
            continue;
        }
        if bare == "\"\"\"" {
            doc = Some(Vec::new());
        } else if let Some(name) = bare.strip_prefix("Scenario Outline:").or(bare.strip_prefix("Scenario:")) {
            if let Some((scenario, false)) = current.take() {
                out.push(scenario);
            }
            let outline = bare.starts_with("Scenario Outline:");
            current = Some((Scenario { name: name.trim().to_owned(), steps: Vec::new() }, outline));
            examples = None;
        } else if bare.starts_with("Examples:") {
            examples = Some(Vec::new());
        } else if bare.starts_with('|') {
            let row = cells(bare);
            match &mut examples {
                Some(head) if head.is_empty() => *head = row,
                Some(head) => {
                    let values: HashMap<&String, &String> = head.iter().zip(&row).collect();
                    let Some((outline, _)) = &current else { continue };
                    out.push(filled(outline, &values));
                }
                None => {
                    if let Some(step) = current.as_mut().and_then(|(s, _)| s.steps.last_mut()) {
                        step.rows.push(row);
                    }
                }
            }
        } else if let Some((scenario, _)) = &mut current {
            let text = bare.split_once(' ').map_or(bare, |(_, rest)| rest);
            scenario.steps.push(Step { text: text.trim_end_matches(':').to_owned(), ..Step::default() });
        }
    }
    if let Some((scenario, false)) = current {
        out.push(scenario);
    }
    out
}

fn filled(outline: &Scenario, values: &HashMap<&String, &String>) -> Scenario {
    let fill = |text: &str| {
        let mut text = text.to_owned();
        for (name, value) in values {
            text = text.replace(&format!("<{name}>"), value);
        }
        text
    };
    let mut name = outline.name.clone();
    for value in values.values() {
        name.push_str(&format!(" {value}"));
    }
    let steps = outline.steps.iter().map(|s| Step {
        text: fill(&s.text),
        rows: s.rows.iter().map(|r| r.iter().map(|c| fill(c)).collect()).collect(),
        doc: fill(&s.doc),
    });
    Scenario { name, steps: steps.collect() }
}
