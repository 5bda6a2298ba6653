//! Turns FHIR definitions (StructureDefinition, ValueSet, CodeSystem) into the rows of this crate's tables.
//!
//! The table generator writes these rows to `data/*.tsv`; [`crate::Definitions::load`] reads them straight away, so
//! that a profile that is loaded at run time takes the same path as one that is built in.
//!
//! Row kinds, fields parted by tabs (`README.md` has the whole description):
//! `T` type, `e` element of the type above; `V` value set, `s` codes of one system in it; `P` profile, `x` element
//! rule of the profile above; `C` complete code system; `D` default profile of a resource type.

use crate::limits::{MAX_CODES, MAX_CONCEPT_DEPTH};
use serde_json::{Map, Value};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt::Write;

/// Canonical prefix of the base specification's structures, written `~` in the tables.
pub const FHIR_STRUCTURE: &str = "http://hl7.org/fhir/StructureDefinition/";
/// Canonical prefix of UK Core's structures, written `^` in the tables.
pub const UK_CORE_STRUCTURE: &str = "https://fhir.hl7.org.uk/StructureDefinition/";
const MAX_VALUE_SET: &str = "http://hl7.org/fhir/StructureDefinition/elementdefinition-maxValueSet";

/// Common beginnings of canonical URLs and the characters that stand for them in the tables.
const PREFIXES: &[(char, &str)] = &[
    ('~', FHIR_STRUCTURE),
    ('^', UK_CORE_STRUCTURE),
    ('%', "http://hl7.org/fhir/ValueSet/"),
    ('$', "http://terminology.hl7.org/CodeSystem/"),
    ('&', "https://fhir.hl7.org.uk/ValueSet/"),
];

/// A canonical URL without its version, with the common prefixes shortened.
fn short(url: &str) -> String {
    let url = url.split('|').next().unwrap_or(url);
    let shortened =
        PREFIXES.iter().find_map(|(sign, prefix)| Some(format!("{sign}{}", url.strip_prefix(prefix)?)));
    clean(&shortened.unwrap_or_else(|| url.to_owned()))
}

/// The URL behind a shortened one.
pub fn long(short: &str) -> String {
    let whole =
        PREFIXES.iter().find_map(|(sign, prefix)| Some(format!("{prefix}{}", short.strip_prefix(*sign)?)));
    whole.unwrap_or_else(|| short.to_owned())
}

/// Text that can stand in a field: no tab, line end or blank.
fn clean(text: &str) -> String {
    text.chars().filter(|c| !c.is_whitespace() && !c.is_control()).collect()
}

fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value.get(key).and_then(Value::as_str).unwrap_or_default()
}

fn list<'a>(value: &'a Value, key: &str) -> &'a [Value] {
    value.get(key).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

/// The type's code; the base specification writes its system types as URLs.
fn type_code(owner: &str, name: &str, code: &str) -> String {
    match code.strip_prefix("http://hl7.org/fhirpath/System.") {
        None => clean(code),
        Some(_) if owner == "Resource" && name == "id" => "id".to_owned(),
        Some(_) if owner == "Extension" && name == "url" => "uri".to_owned(),
        Some(_) => "string".to_owned(),
    }
}

/// One `type` entry: `code`, `code:profiled-type`, targets in round and profiles in curly brackets.
fn type_field(owner: &str, name: &str, entry: &Value) -> String {
    let mut field = type_code(owner, name, text(entry, "code"));
    let joined = |key: &str| {
        let urls: Vec<String> = list(entry, key).iter().filter_map(Value::as_str).map(short).collect();
        urls.join(",")
    };
    let targets = joined("targetProfile");
    if !targets.is_empty() {
        let _ = write!(field, "({targets})");
    }
    let profiles = joined("profile");
    if !profiles.is_empty() {
        let _ = write!(field, "{{{profiles}}}");
    }
    field
}

fn types_field(owner: &str, name: &str, element: &Value) -> String {
    let fields: Vec<String> = list(element, "type").iter().map(|t| type_field(owner, name, t)).collect();
    fields.join(" ")
}

/// `r:` required, `e:` extensible, `m:` the outermost value set of a weaker binding; empty where nothing is enforced.
fn binding_field(element: &Value) -> String {
    let Some(binding) = element.get("binding") else { return String::new() };
    let set = short(text(binding, "valueSet"));
    let max = list(binding, "extension")
        .iter()
        .find(|e| text(e, "url") == MAX_VALUE_SET)
        .and_then(|e| e.get("valueCanonical").or_else(|| e.get("valueUri")))
        .and_then(Value::as_str);
    match (text(binding, "strength"), max) {
        ("required", _) if !set.is_empty() => format!("r:{set}"),
        (_, Some(max)) => format!("m:{}", short(max)),
        ("extensible", None) if !set.is_empty() => format!("e:{set}"),
        // A profile may say "preferred" and so lift nothing: an empty field leaves the base binding as it was.
        _ => String::new(),
    }
}

/// The `T` and `e` rows of a base type or resource (a StructureDefinition with `derivation` = specialization).
///
/// Elements that the type inherits are left to its base type. Backbone elements become types of their own, named by
/// their path. `skip` names elements that are not part of the published specification.
pub fn type_rows(definition: &Value, skip: &dyn Fn(&str) -> bool) -> String {
    let name = text(definition, "type");
    let base = text(definition, "baseDefinition").rsplit('/').next().unwrap_or_default();
    let kind = match text(definition, "kind") {
        "resource" => "r",
        "primitive-type" => "p",
        _ => "c",
    };
    let id = if text(definition, "derivation") == "constraint" { text(definition, "id") } else { name };
    let mut out: BTreeMap<usize, (String, String)> = BTreeMap::new();
    let mut owners: HashMap<String, usize> = HashMap::new();
    let elements = definition.get("snapshot").map_or(&[] as &[Value], |s| list(s, "element"));
    for element in elements {
        let path = text(element, "path");
        if skip(path) {
            continue;
        }
        let Some((owner, leaf)) = path.rsplit_once('.') else {
            owners.insert(path.to_owned(), 0);
            out.insert(0, (format!("T\t{}\t{}\t{kind}\n", clean(id), clean(base)), String::new()));
            continue;
        };
        let own = element.get("base").is_none_or(|b| text(b, "path") == path);
        if !own {
            continue;
        }
        let backbone =
            list(element, "type").iter().any(|t| matches!(text(t, "code"), "BackboneElement" | "Element"))
                && elements
                    .iter()
                    .any(|e| text(e, "path").strip_prefix(path).is_some_and(|r| r.starts_with('.')));
        let reference = text(element, "contentReference");
        let types = if let Some((_, target)) = reference.rsplit_once('#') {
            format!("@{}", clean(target))
        } else if backbone {
            let number = out.len();
            owners.insert(path.to_owned(), number);
            let base = list(element, "type").first().map_or("BackboneElement", |t| text(t, "code"));
            out.insert(number, (format!("T\t{}\t{}\tb\n", clean(path), clean(base)), String::new()));
            format!("@{}", clean(path))
        } else {
            types_field(owner, leaf, element)
        };
        let binding = binding_field(element);
        let binding = if binding.starts_with("e:") { String::new() } else { binding };
        let min = element.get("min").and_then(Value::as_u64).unwrap_or(0);
        if let Some(number) = owners.get(owner)
            && let Some((_, rows)) = out.get_mut(number)
        {
            let row =
                format!("e\t{}\t{min}\t{}\t{types}\t{binding}", clean(leaf), clean(text(element, "max")));
            let _ = writeln!(rows, "{}", row.trim_end());
        }
    }
    out.into_values().fold(String::new(), |all, (head, rows)| all + &head + &rows)
}

/// The `P` and `x` rows of a profile or extension definition.
///
/// The differential is used where there is one: rules of base profiles are added when the profile is compiled.
pub fn profile_rows(definition: &Value) -> String {
    let view = ["differential", "snapshot"]
        .iter()
        .find_map(|k| definition.get(*k).map(|v| list(v, "element")).filter(|l| !l.is_empty()))
        .unwrap_or_default();
    let contexts: Vec<String> = list(definition, "context")
        .iter()
        .map(|c| format!("{}:{}", clean(text(c, "type")), clean(text(c, "expression"))))
        .collect();
    let mut out = format!(
        "P\t{}\t{}\t{}\t{}\t{}\n",
        short(text(definition, "url")),
        clean(text(definition, "id")),
        clean(text(definition, "type")),
        short(text(definition, "baseDefinition")),
        contexts.join(" ")
    );
    let own_url = text(definition, "url");
    for element in view {
        if !is_implied(element, own_url)
            && let Some(row) = rule_row(element)
        {
            out.push_str(&row);
            out.push('\n');
        }
    }
    out
}

/// True for what every extension says of itself: its own URL, the names of its parts, and that parts have no parts.
fn is_implied(element: &Value, own_url: &str) -> bool {
    let id = text(element, "id");
    let Some((owner, leaf)) = id.rsplit_once('.') else { return false };
    let part = owner.rsplit_once(":").map_or("", |(_, part)| part);
    match leaf {
        "url" if owner == "Extension" => text(element, "fixedUri") == own_url,
        "url" => id.starts_with("Extension.") && !part.is_empty() && text(element, "fixedUri") == part,
        "extension" => id.starts_with("Extension.extension:") && text(element, "max") == "0",
        _ => false,
    }
}

fn rule_row(element: &Value) -> Option<String> {
    let id = element.get("id").and_then(Value::as_str).unwrap_or_else(|| text(element, "path"));
    let rest = id.split_once('.').map_or("", |(_, rest)| rest);
    let min = element.get("min").and_then(Value::as_u64).map_or(String::new(), |m| m.to_string());
    let max = clean(text(element, "max"));
    let types = types_field("", "", element);
    let flag = if element.get("mustSupport") == Some(&Value::Bool(true)) { "M" } else { "" };
    let value = element.as_object().and_then(fixed_field).unwrap_or_default();
    let binding = binding_field(element);
    let slicing = element.get("slicing").map(slicing_field).unwrap_or_default();
    let keys: Vec<String> = list(element, "constraint")
        .iter()
        .filter(|c| !list_has_source(c))
        .map(|c| clean(text(c, "key")))
        .collect();
    let keys = keys.join(" ");
    let named_slice = rest.rsplit('.').next().is_some_and(|leaf| leaf.contains(':'));
    let says = [&min, &max, &types, &value, &binding, &slicing, &keys];
    if !named_slice && flag.is_empty() && says.iter().all(|f| f.is_empty()) {
        return None;
    }
    let row =
        format!("x\t{}\t{min}\t{max}\t{types}\t{flag}\t{value}\t{binding}\t{slicing}\t{keys}", clean(rest));
    Some(row.trim_end().to_owned())
}

/// A snapshot repeats the constraints of base types; those name their source.
fn list_has_source(constraint: &Value) -> bool {
    text(constraint, "source").starts_with(FHIR_STRUCTURE)
}

/// `=` and a JSON value for `fixed[x]`, `~` and a JSON value for `pattern[x]`.
fn fixed_field(element: &Map<String, Value>) -> Option<String> {
    element.iter().find_map(|(key, value)| {
        let sign = if key.starts_with("fixed") {
            '='
        } else if key.starts_with("pattern") {
            '~'
        } else {
            return None;
        };
        // JSON text escapes tabs and line ends, so it can stand in a field.
        Some(format!("{sign}{value}"))
    })
}

fn slicing_field(slicing: &Value) -> String {
    let by: Vec<String> = list(slicing, "discriminator")
        .iter()
        .map(|d| format!("{}:{}", clean(text(d, "type")), clean(text(d, "path"))))
        .collect();
    let ordered = if slicing.get("ordered") == Some(&Value::Bool(true)) { ";ordered" } else { "" };
    format!("{};{}{ordered}", by.join(","), clean(text(slicing, "rules")))
}

/// Code systems and value sets by canonical URL, from which value sets are expanded.
#[derive(Default)]
pub struct Terminology {
    code_systems: BTreeMap<String, Value>,
    value_sets: BTreeMap<String, Value>,
}

/// The codes of one value set, by system; `None` stands for every code of the system.
type Codes = BTreeMap<String, Option<BTreeSet<String>>>;

impl Terminology {
    /// Takes a CodeSystem or ValueSet; anything else is left.
    pub fn add(&mut self, resource: &Value) {
        let url = text(resource, "url").to_owned();
        match text(resource, "resourceType") {
            "CodeSystem" => drop(self.code_systems.insert(url, resource.clone())),
            "ValueSet" => drop(self.value_sets.insert(url, resource.clone())),
            _ => {}
        }
    }

    /// The canonical URLs of all value sets.
    pub fn value_set_urls(&self) -> impl Iterator<Item = &str> {
        self.value_sets.keys().map(String::as_str)
    }

    /// The `V` and `s` rows of a value set; `None` where its content can't be known from what was added.
    pub fn value_set_rows(&self, url: &str) -> Option<String> {
        let codes = self.expand(url, 0)?;
        let mut out = format!("V\t{}\n", short(url));
        for (system, codes) in codes {
            let field = match codes {
                None => "*".to_owned(),
                Some(codes) => join_codes(&codes)?,
            };
            let _ = writeln!(out, "s\t{}\t{field}", short(&system));
        }
        Some(out)
    }

    /// The `C` row of a complete code system; `None` where it is not complete or too large.
    pub fn code_system_row(&self, url: &str) -> Option<String> {
        let system = self.code_systems.get(url)?;
        if text(system, "content") != "complete" || system.get("caseSensitive") == Some(&Value::Bool(false)) {
            return None;
        }
        let mut codes = BTreeSet::new();
        collect(list(system, "concept"), &mut codes, 0);
        (!codes.is_empty()).then_some(())?;
        Some(format!("C\t{}\t{}\n", short(url), join_codes(&codes)?))
    }

    /// The code systems that a value set draws on, also through value sets that it imports.
    pub fn systems_of(&self, url: &str) -> BTreeSet<String> {
        let mut found = BTreeSet::new();
        self.draw(url, &mut found, 0);
        found
    }

    fn draw(&self, url: &str, found: &mut BTreeSet<String>, depth: usize) {
        let Some(set) = self.value_sets.get(url.split('|').next().unwrap_or(url)) else { return };
        if depth > MAX_CONCEPT_DEPTH {
            return;
        }
        for include in set.get("compose").map_or(&[] as &[Value], |c| list(c, "include")) {
            let system = text(include, "system");
            if !system.is_empty() {
                found.insert(system.to_owned());
            }
            list(include, "valueSet")
                .iter()
                .filter_map(Value::as_str)
                .for_each(|v| self.draw(v, found, depth + 1));
        }
    }

    /// The canonical URLs of all code systems.
    pub fn code_system_urls(&self) -> impl Iterator<Item = &str> {
        self.code_systems.keys().map(String::as_str)
    }

    fn expand(&self, url: &str, depth: usize) -> Option<Codes> {
        if depth > MAX_CONCEPT_DEPTH {
            return None;
        }
        let url = url.split('|').next().unwrap_or(url);
        let set = self.value_sets.get(url)?;
        if let Some(stored) = stored_expansion(set) {
            return Some(stored);
        }
        let compose = set.get("compose")?;
        let mut all = Codes::new();
        for include in list(compose, "include") {
            for (system, codes) in self.component(include, depth)? {
                match (all.get_mut(&system), codes) {
                    (Some(Some(have)), Some(more)) => have.extend(more),
                    (Some(have), None) => *have = None,
                    (Some(None), Some(_)) => {}
                    (None, codes) => drop(all.insert(system, codes)),
                }
            }
        }
        for exclude in list(compose, "exclude") {
            for (system, codes) in self.component(exclude, depth)? {
                match (all.get_mut(&system), codes) {
                    (Some(Some(have)), Some(less)) => have.retain(|c| !less.contains(c)),
                    (Some(_), None) => drop(all.remove(&system)),
                    (Some(None), Some(_)) => return None,
                    (None, _) => {}
                }
            }
        }
        Some(all)
    }

    fn component(&self, part: &Value, depth: usize) -> Option<Codes> {
        let mut codes = Codes::new();
        let system = text(part, "system");
        if system.is_empty() {
            // Several value sets in one component mean their intersection; one alone is a plain import.
            let [only] = list(part, "valueSet") else { return None };
            return self.expand(only.as_str()?, depth + 1);
        }
        if !list(part, "valueSet").is_empty() {
            return None;
        }
        let named: BTreeSet<String> =
            list(part, "concept").iter().map(|c| text(c, "code").to_owned()).take(MAX_CODES).collect();
        if !named.is_empty() {
            codes.insert(system.to_owned(), Some(named));
            return Some(codes);
        }
        if matches!(
            system,
            "urn:ietf:bcp:47" | "urn:ietf:bcp:13" | "urn:iso:std:iso:4217" | "http://unitsofmeasure.org"
        ) {
            // Open systems whose codes have a syntax; what the syntax can't tell is not claimed.
            codes.insert(system.to_owned(), None);
            return Some(codes);
        }
        let source = self.code_systems.get(system).filter(|s| text(s, "content") == "complete")?;
        let mut chosen = BTreeSet::new();
        match list(part, "filter") {
            [] => collect(list(source, "concept"), &mut chosen, 0),
            [filter] if text(filter, "property") == "concept" => {
                let root = text(filter, "value");
                chosen = descendants(source, root);
                match text(filter, "op") {
                    "is-a" => drop(chosen.insert(root.to_owned())),
                    "descendent-of" => drop(chosen.remove(root)),
                    _ => return None,
                }
            }
            _ => return None,
        }
        codes.insert(system.to_owned(), Some(chosen));
        Some(codes)
    }
}

/// The codes of an expansion that the publisher stored whole.
fn stored_expansion(set: &Value) -> Option<Codes> {
    let expansion = set.get("expansion")?;
    let contains = list(expansion, "contains");
    let total = expansion.get("total").and_then(Value::as_u64)?;
    if contains.is_empty() || total != contains.len() as u64 {
        return None;
    }
    let mut codes = Codes::new();
    for entry in contains.iter().take(MAX_CODES) {
        let system = codes.entry(text(entry, "system").to_owned()).or_insert_with(|| Some(BTreeSet::new()));
        if let Some(codes) = system {
            codes.insert(text(entry, "code").to_owned());
        }
    }
    Some(codes)
}

/// Codes joined by `|`; `None` where a code holds that character.
fn join_codes(codes: &BTreeSet<String>) -> Option<String> {
    if codes.len() > MAX_CODES || codes.iter().any(|c| c.contains(['|', '\t', '\n', '\r'])) {
        return None;
    }
    Some(codes.iter().map(String::as_str).collect::<Vec<_>>().join("|"))
}

fn collect(concepts: &[Value], into: &mut BTreeSet<String>, depth: usize) {
    if depth > MAX_CONCEPT_DEPTH {
        return;
    }
    for concept in concepts {
        into.insert(text(concept, "code").to_owned());
        collect(list(concept, "concept"), into, depth + 1);
    }
}

/// All codes below a code, by nesting and by the `subsumedBy` property that version 3 systems use.
fn descendants(system: &Value, root: &str) -> BTreeSet<String> {
    let mut parents: Vec<(String, String)> = Vec::new();
    edges(list(system, "concept"), None, &mut parents, 0);
    let mut children: HashMap<&str, Vec<&str>> = HashMap::new();
    for (child, parent) in &parents {
        children.entry(parent).or_default().push(child);
    }
    let mut found = BTreeSet::new();
    let mut open = vec![root];
    while let Some(code) = open.pop() {
        for child in children.get(code).into_iter().flatten() {
            if found.insert((*child).to_owned()) {
                open.push(child);
            }
        }
    }
    found
}

fn edges(concepts: &[Value], parent: Option<&str>, into: &mut Vec<(String, String)>, depth: usize) {
    if depth > MAX_CONCEPT_DEPTH {
        return;
    }
    for concept in concepts {
        let code = text(concept, "code");
        if let Some(parent) = parent {
            into.push((code.to_owned(), parent.to_owned()));
        }
        for property in list(concept, "property") {
            if text(property, "code") == "subsumedBy" {
                into.push((code.to_owned(), text(property, "valueCode").to_owned()));
            }
        }
        edges(list(concept, "concept"), Some(code), into, depth + 1);
    }
}

/// The `D` rows of a CapabilityStatement: the default profile of each resource type.
pub fn default_profile_rows(statement: &Value) -> String {
    let mut out = String::new();
    for rest in list(statement, "rest") {
        for resource in list(rest, "resource") {
            if let Some(profile) = resource.get("profile").and_then(Value::as_str) {
                let _ = writeln!(out, "D\t{}\t{}", clean(text(resource, "type")), short(profile));
            }
        }
    }
    out
}
