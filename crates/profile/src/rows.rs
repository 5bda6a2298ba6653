//! Turns FHIR definitions (StructureDefinition, ValueSet, CodeSystem) into the rows of this crate's tables.
//!
//! The table generator writes these rows to `data/*.tsv`; [`crate::Definitions::load`] reads them straight away, so
//! that a profile that is loaded at run time takes the same path as one that is built in.
//!
//! Row kinds, fields parted by tabs (`README.md` has the whole description):
//! `T` type, `e` element of the type above; `V` value set, `s` codes of one system in it; `P` profile, `x` element
//! rule of the profile above; `C` complete code system; `D` default profile of a resource type.

use crate::limits::{MAX_CODES, MAX_CONCEPT_DEPTH};
pub use crate::urls::long;
use crate::urls::{FHIR_STRUCTURE, clean, short};
use serde_json::{Map, Value};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt::Write;

const ADDITIONAL_BINDING: &str = "http://hl7.org/fhir/tools/StructureDefinition/additional-binding";
const MAX_VALUE_SET: &str = "http://hl7.org/fhir/StructureDefinition/elementdefinition-maxValueSet";

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

/// The `j` rows of a base type: its own invariants that are no functions of this crate, by the type that states them.
pub fn invariant_rows(definition: &Value) -> String {
    let mut out = String::new();
    let elements = definition.get("snapshot").map_or(&[] as &[Value], |s| list(s, "element"));
    let own = text(definition, "url");
    // A profiled data type (SimpleQuantity) is a type of its own here.
    let (ty, id) = (text(definition, "type"), text(definition, "id"));
    for element in elements {
        let path = text(element, "path");
        let path = match path.strip_prefix(ty) {
            Some(rest) if text(definition, "derivation") == "constraint" => format!("{id}{rest}"),
            _ => path.to_owned(),
        };
        let owner = path.rsplit_once('.').map_or("", |(owner, _)| owner);
        for constraint in list(element, "constraint") {
            let (key, expression) = (text(constraint, "key"), text(constraint, "expression"));
            let source = text(constraint, "source");
            if expression.is_empty()
                || (!source.is_empty() && source != own)
                || crate::invariants::is_function(key, &path)
                || crate::invariants::is_function(key, owner)
            {
                continue;
            }
            let row =
                serde_json::json!([key, text(constraint, "severity"), expression, text(constraint, "human")]);
            let _ = writeln!(out, "j\t{}\t{row}", clean(&path));
        }
    }
    out
}

/// The `P` and `x` rows of a profile or extension definition.
///
/// The differential is used where there is one: rules of base profiles are added when the profile is compiled.
pub fn profile_rows(definition: &Value) -> String {
    let elements = |key: &str| definition.get(key).map(|v| list(v, "element")).unwrap_or_default();
    let differential = !elements("differential").is_empty();
    let view = elements(if differential { "differential" } else { "snapshot" });
    let contexts: Vec<String> = list(definition, "context")
        .iter()
        .map(|c| format!("{}:{}", clean(text(c, "type")), clean(text(c, "expression"))))
        .collect();
    let modifier = view.first().is_some_and(|root| root.get("isModifier") == Some(&Value::Bool(true)));
    let mut out = format!(
        "P\t{}\t{}\t{}\t{}\t{}\t{}\t{}",
        short(text(definition, "url")),
        clean(text(definition, "id")),
        clean(text(definition, "type")),
        short(text(definition, "baseDefinition")),
        contexts.join(" "),
        clean(text(definition, "version")),
        if modifier { "M" } else { "" },
    );
    out.truncate(out.trim_end().len());
    out.push('\n');
    let own_url = text(definition, "url");
    let derived = text(definition, "baseDefinition") != format!("{FHIR_STRUCTURE}Extension");
    for element in view {
        if derived && text(element, "id") == "Extension.url" || !is_implied(element, own_url) {
            out.push_str(&rule_rows(element, differential));
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

/// The `x` row of an element, and an `i` row for each invariant that is no function of this crate.
fn rule_rows(element: &Value, differential: bool) -> String {
    let id = element.get("id").and_then(Value::as_str).unwrap_or_else(|| text(element, "path"));
    let rest = clean(id.split_once('.').map_or("", |(_, rest)| rest));
    let min = element.get("min").and_then(Value::as_u64).map_or(String::new(), |m| m.to_string());
    let max = clean(text(element, "max"));
    let types = types_field("", "", element);
    let flag = if element.get("mustSupport") == Some(&Value::Bool(true)) { "M" } else { "" };
    let value = element.as_object().and_then(fixed_field).unwrap_or_default();
    let binding = bindings_field(element);
    let slicing = element.get("slicing").map(slicing_field).unwrap_or_default();
    let limits = limits_field(element);
    let mut keys = Vec::new();
    let mut expressions = String::new();
    // A differential states the profile's own invariants; a snapshot repeats those of base types under known keys.
    let own = list(element, "constraint")
        .iter()
        .filter(|c| !list_has_source(c))
        .filter(|c| differential || !crate::invariants::is_of_base(text(c, "key")));
    for constraint in own {
        let key = clean(text(constraint, "key"));
        if crate::invariants::named(&key).is_some() {
            keys.push(key);
        } else {
            let row = serde_json::json!([
                key,
                text(constraint, "severity"),
                text(constraint, "expression"),
                text(constraint, "human"),
            ]);
            let _ = writeln!(expressions, "i\t{rest}\t{row}");
        }
    }
    let keys = keys.join(" ");
    let named_slice = rest.rsplit('.').next().is_some_and(|leaf| leaf.contains(':'));
    let says = [&min, &max, &types, &value, &binding, &slicing, &keys, &limits];
    if !named_slice && flag.is_empty() && says.iter().all(|f| f.is_empty()) {
        return expressions;
    }
    let row =
        format!("x\t{rest}\t{min}\t{max}\t{types}\t{flag}\t{value}\t{binding}\t{slicing}\t{keys}\t{limits}");
    format!("{}\n{expressions}", row.trim_end())
}

/// `minValue[x]`, `maxValue[x]` and `maxLength` as a JSON object.
fn limits_field(element: &Value) -> String {
    let mut limits = Map::new();
    for (key, value) in element.as_object().into_iter().flatten() {
        let name = if key.starts_with("minValue") {
            "min"
        } else if key.starts_with("maxValue") {
            "max"
        } else if key == "maxLength" {
            "length"
        } else {
            continue;
        };
        limits.insert(name.to_owned(), value.clone());
    }
    if limits.is_empty() { String::new() } else { Value::Object(limits).to_string() }
}

/// The binding, then additional ones that hold without condition, parted by blanks.
fn bindings_field(element: &Value) -> String {
    let mut fields = vec![binding_field(element)];
    let Some(binding) = element.get("binding") else { return String::new() };
    for extension in list(binding, "extension").iter().filter(|e| text(e, "url") == ADDITIONAL_BINDING) {
        let part = |name: &str| list(extension, "extension").iter().find(|e| text(e, "url") == name);
        let purpose = part("purpose").map_or("", |p| text(p, "valueCode"));
        let set = part("valueSet").map_or("", |p| text(p, "valueCanonical"));
        if matches!(purpose, "required" | "maximum") && !set.is_empty() && part("usage").is_none() {
            fields.push(format!("r:{}", short(set)));
        }
    }
    fields.retain(|f| !f.is_empty());
    fields.join(" ")
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
    /// Expansions that are known without their resource.
    known: BTreeMap<String, Codes>,
    /// Systems whose codes must not be copied, by the beginning of their URL; a set that draws on one is open there.
    withheld: Vec<String>,
}

/// Which codes of one system a value set has.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    All,
    These(BTreeSet<String>),
    /// Some, which ones is not known.
    Unknown,
}

/// The codes of one value set, by system.
type Codes = BTreeMap<String, Part>;

impl Terminology {
    /// Adds code systems that are known whole, without their hierarchy; those added by [`Self::add`] go before them.
    pub(crate) fn know(&mut self, systems: impl Iterator<Item = Value>) {
        for system in systems {
            let url = text(&system, "url").to_owned();
            self.code_systems.entry(url).or_insert(system);
        }
    }

    /// The code systems that the value sets name.
    pub(crate) fn wanted_systems(&self) -> BTreeSet<String> {
        self.value_sets.keys().flat_map(|url| self.systems_of(url)).collect()
    }

    /// Leaves out the codes of systems whose URL begins like this: their licence doesn't let them be copied.
    pub fn withhold(&mut self, systems: &[&str]) {
        self.withheld = systems.iter().map(|s| (*s).to_owned()).collect();
    }

    /// Looks up the value sets that those added import and that were not added themselves.
    pub(crate) fn imports(&mut self, find: impl Fn(&str) -> Option<crate::codes::ValueSet>) {
        let mut wanted = Vec::new();
        for set in self.value_sets.values() {
            let Some(compose) = set.get("compose") else { continue };
            for part in list(compose, "include").iter().chain(list(compose, "exclude")) {
                wanted.extend(list(part, "valueSet").iter().filter_map(Value::as_str).map(bare));
            }
        }
        let mut known = BTreeMap::new();
        for url in wanted {
            if let Some(found) = find(url) {
                let codes = found.systems.into_iter().map(|(system, codes)| {
                    let part = match codes {
                        crate::codes::Codes::All => Part::All,
                        crate::codes::Codes::These(codes) => Part::These(codes.into_iter().collect()),
                        crate::codes::Codes::Unknown => Part::Unknown,
                    };
                    (system, part)
                });
                known.insert(url.to_owned(), codes.collect());
            }
        }
        self.known.extend(known);
    }

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
            let held_back = self.withheld.iter().any(|w| system.starts_with(w.as_str()));
            let field = match codes {
                _ if held_back => "?".to_owned(),
                Part::All => "*".to_owned(),
                Part::Unknown => "?".to_owned(),
                Part::These(codes) if codes.is_empty() => continue,
                Part::These(codes) => join_codes(&codes).unwrap_or_else(|| "?".to_owned()),
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
        let url = bare(url);
        let Some(set) = self.value_sets.get(url) else { return self.known.get(url).cloned() };
        if let Some(stored) = stored_expansion(set) {
            return Some(stored);
        }
        let compose = set.get("compose")?;
        let mut all = Codes::new();
        for include in list(compose, "include") {
            for (system, more) in self.component(include, depth)? {
                let merged = match (all.remove(&system), more) {
                    (Some(Part::These(mut have)), Part::These(more)) => {
                        have.extend(more);
                        Part::These(have)
                    }
                    (Some(Part::All), _) | (_, Part::All) => Part::All,
                    (Some(Part::Unknown), _) | (Some(_), Part::Unknown) => Part::Unknown,
                    (None, more) => more,
                };
                all.insert(system, merged);
            }
        }
        for exclude in list(compose, "exclude") {
            let Some(less) = self.component(exclude, depth) else {
                all.values_mut().for_each(|part| *part = Part::Unknown);
                continue;
            };
            for (system, less) in less {
                let Some(have) = all.get_mut(&system) else { continue };
                match (&mut *have, less) {
                    (Part::These(have), Part::These(less)) => have.retain(|c| !less.contains(c)),
                    (_, Part::All) => drop(all.remove(&system)),
                    (have, _) => *have = Part::Unknown,
                }
            }
        }
        Some(all)
    }

    /// The codes of one `include` or `exclude`; `None` where it draws on a value set that is not known.
    fn component(&self, part: &Value, depth: usize) -> Option<Codes> {
        let system = text(part, "system");
        let mut codes = Codes::new();
        if !system.is_empty() {
            codes.insert(system.to_owned(), self.of_system(part, system));
        }
        // Everything that one component names must hold of a code: the system's part and each value set.
        for (number, url) in list(part, "valueSet").iter().filter_map(Value::as_str).enumerate() {
            let imported = self.expand(url, depth + 1)?;
            codes = if number == 0 && system.is_empty() { imported } else { intersect(codes, &imported) };
        }
        Some(codes)
    }

    fn of_system(&self, part: &Value, system: &str) -> Part {
        let named: BTreeSet<String> =
            list(part, "concept").iter().map(|c| text(c, "code").to_owned()).take(MAX_CODES).collect();
        if !named.is_empty() {
            return Part::These(named);
        }
        let filters = list(part, "filter");
        let open = matches!(
            system,
            "urn:ietf:bcp:47" | "urn:ietf:bcp:13" | "urn:iso:std:iso:4217" | "http://unitsofmeasure.org"
        );
        if open {
            // Open systems whose codes have a syntax; what the syntax can't tell is not claimed.
            return Part::All;
        }
        let Some(source) = self.code_systems.get(system).filter(|s| text(s, "content") == "complete") else {
            return if filters.is_empty() { Part::All } else { Part::Unknown };
        };
        if !filters.is_empty() && source.get("flat").is_some() {
            return Part::Unknown;
        }
        let mut chosen = BTreeSet::new();
        collect(list(source, "concept"), &mut chosen, 0);
        for filter in filters {
            let Some(kept) = filtered(source, filter) else { return Part::Unknown };
            chosen.retain(|c| kept.contains(c));
        }
        Part::These(chosen)
    }
}

/// The codes that one filter of a value set lets through; `None` where it can't be told.
fn filtered(source: &Value, filter: &Value) -> Option<BTreeSet<String>> {
    let (property, op, value) = (text(filter, "property"), text(filter, "op"), text(filter, "value"));
    let mut found = BTreeSet::new();
    match (property, op) {
        ("concept" | "code", "is-a") => {
            found = descendants(source, value);
            found.insert(value.to_owned());
        }
        ("concept" | "code", "descendent-of") => {
            found = descendants(source, value);
            found.remove(value);
        }
        ("concept" | "code", "is-not-a") => {
            collect(list(source, "concept"), &mut found, 0);
            let less = descendants(source, value);
            found.retain(|c| c != value && !less.contains(c));
        }
        ("concept" | "code", "in") => found.extend(value.split(',').map(|c| c.trim().to_owned())),
        ("concept" | "code", "=") => drop(found.insert(value.to_owned())),
        (_, "=" | "in") => {
            let wanted: Vec<&str> =
                if op == "in" { value.split(',').map(str::trim).collect() } else { vec![value] };
            with_property(list(source, "concept"), property, &wanted, &mut found, 0);
        }
        _ => return None,
    }
    Some(found)
}

fn with_property(
    concepts: &[Value],
    property: &str,
    wanted: &[&str],
    found: &mut BTreeSet<String>,
    depth: usize,
) {
    if depth > MAX_CONCEPT_DEPTH {
        return;
    }
    for concept in concepts {
        let has = list(concept, "property").iter().filter(|p| text(p, "code") == property).any(|p| {
            p.as_object().is_some_and(|p| {
                p.iter().filter(|(key, _)| key.starts_with("value")).any(|(_, value)| {
                    let shown = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
                    wanted.contains(&shown.as_str())
                })
            })
        });
        if has {
            found.insert(text(concept, "code").to_owned());
        }
        with_property(list(concept, "concept"), property, wanted, found, depth + 1);
    }
}

/// The codes that both have.
fn intersect(one: Codes, other: &Codes) -> Codes {
    let both = one.into_iter().filter_map(|(system, part)| {
        let part = match (part, other.get(&system)?) {
            (Part::All, part) => part.clone(),
            (part, Part::All) => part,
            (Part::These(a), Part::These(b)) => Part::These(a.intersection(b).cloned().collect()),
            _ => Part::Unknown,
        };
        Some((system, part))
    });
    both.collect()
}

/// A canonical URL without its version.
fn bare(url: &str) -> &str {
    url.split('|').next().unwrap_or(url)
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
        let system =
            codes.entry(text(entry, "system").to_owned()).or_insert_with(|| Part::These(BTreeSet::new()));
        if let Part::These(codes) = system {
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

/// The `G` rows of an ImplementationGuide: profiles that all resources of a type are held to.
pub fn global_rows(guide: &Value) -> String {
    let mut out = String::new();
    for global in list(guide, "global") {
        let (ty, profile) = (text(global, "type"), text(global, "profile"));
        if !ty.is_empty() && !profile.is_empty() {
            let _ = writeln!(out, "G\t{}\t{}", clean(ty), short(profile));
        }
    }
    out
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
