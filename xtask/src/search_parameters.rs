//! The table of R4's search parameters, from the definitions that HL7 publishes (FHIR R4 4.0.1, `search-parameters.json`
//! and `profiles-resources.json`; the specification is in the public domain, CC0).

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use serde_json::Value;

/// `xtask search-parameters [--check] DIR`: DIR holds the two files.
///
/// # Errors
/// A sentence that says what can't be read, or that the table is not the one of these files.
pub fn run(arguments: &[String]) -> Result<(), String> {
    let check = arguments.iter().any(|a| a == "--check");
    let folder = arguments.iter().find(|a| !a.starts_with("--")).ok_or("where are the definitions?")?;
    let folder = PathBuf::from(folder);
    let read = |name: &str| -> Result<Value, String> {
        let path = folder.join(name);
        let text = std::fs::read_to_string(&path).map_err(|e| format!("{}: {e}", path.display()))?;
        serde_json::from_str(&text).map_err(|e| format!("{}: {e}", path.display()))
    };
    let out = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../crates/record/data"));
    for (name, text) in [
        ("r4-search-parameters.tsv", parameters(&read("search-parameters.json")?)),
        ("r4-summary.tsv", summaries(&read("profiles-resources.json")?)),
    ] {
        let path = out.join(name);
        if check {
            if std::fs::read_to_string(&path).map_err(|e| e.to_string())? != text {
                return Err(format!("{} is not what these definitions give", path.display()));
            }
        } else {
            std::fs::write(&path, text).map_err(|e| e.to_string())?;
        }
    }
    Ok(())
}

fn list<'v>(value: &'v Value, name: &str) -> impl Iterator<Item = &'v Value> {
    value[name].as_array().into_iter().flatten()
}

fn text<'v>(value: &'v Value, name: &str) -> &'v str {
    value[name].as_str().unwrap_or_default()
}

/// One line a type and parameter: type, name, kind, expression, only-type, targets, components (`name=expression`).
fn parameters(bundle: &Value) -> String {
    let all: BTreeMap<&str, &Value> =
        list(bundle, "entry").map(|e| (text(&e["resource"], "url"), &e["resource"])).collect();
    let mut lines = BTreeSet::new();
    for parameter in all.values() {
        let kind = text(parameter, "type");
        let expression = text(parameter, "expression");
        if expression.is_empty() || kind == "special" {
            continue;
        }
        let targets: Vec<&str> = list(parameter, "target").filter_map(Value::as_str).collect();
        let targets = if targets.len() > 20 { "*".to_owned() } else { targets.join(",") };
        let components: Vec<String> = list(parameter, "component")
            .map(|c| {
                let kind = all.get(text(c, "definition")).map_or("", |d| text(d, "type"));
                format!("{kind}={}", text(c, "expression"))
            })
            .collect();
        for base in list(parameter, "base").filter_map(Value::as_str) {
            let own: Vec<&str> = expression
                .split(" | ")
                .map(str::trim)
                .filter(|part| base == "Resource" || base == "DomainResource" || begins(part, base))
                .collect();
            if own.is_empty() {
                continue;
            }
            let (own, only) = without_resolve(&own.join(" | "));
            lines.insert(
                [base, text(parameter, "code"), kind, &own, &only, &targets, &components.join(" && ")]
                    .join("\t"),
            );
        }
    }
    lines.into_iter().map(|line| line + "\n").collect()
}

fn begins(part: &str, base: &str) -> bool {
    let part = part.trim_start_matches('(');
    part.strip_prefix(base).is_some_and(|rest| !rest.starts_with(|c: char| c.is_ascii_alphanumeric()))
}

/// A search looks at the type that a reference names, and does not fetch its target.
fn without_resolve(expression: &str) -> (String, String) {
    let Some((before, rest)) = expression.split_once(".where(resolve() is ") else {
        return (expression.to_owned(), String::new());
    };
    let (only, after) = rest.split_once(')').unwrap_or((rest, ""));
    (format!("{before}{}", without_resolve(after).0), only.to_owned())
}

/// One line a type: type, elements of its summary, elements that must be there.
fn summaries(bundle: &Value) -> String {
    let mut out = String::new();
    let mut lines = BTreeMap::new();
    for definition in list(bundle, "entry").map(|e| &e["resource"]) {
        let name = text(definition, "type");
        if text(definition, "resourceType") != "StructureDefinition" || text(definition, "kind") != "resource"
        {
            continue;
        }
        let (mut summary, mut required) = (Vec::new(), Vec::new());
        for element in list(&definition["snapshot"], "element") {
            let Some(path) = text(element, "path").strip_prefix(name).and_then(|p| p.strip_prefix('.'))
            else {
                continue;
            };
            if path.contains('.') {
                continue;
            }
            let path = path.trim_end_matches("[x]");
            if element["isSummary"] == true {
                summary.push(path);
            }
            if element["min"].as_u64().unwrap_or(0) > 0 {
                required.push(path);
            }
        }
        lines.insert(name.to_owned(), format!("{name}\t{}\t{}\n", summary.join(","), required.join(",")));
    }
    out.extend(lines.into_values());
    out
}
