//! A reader of the instances of FHIR Shorthand (FSH): `Alias`, `RuleSet` with parameters, `Instance` and its rules of the form
//! `* path = value`, as published implementation guides write their examples. What an element is, is R4's word
//! (`causeway_profile::schema`), as FSH has no types of its own.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use causeway_profile::schema::{Field, TypeRef};
use serde_json::{Map, Value, json};

/// What the files of a folder say.
#[derive(Debug, Default)]
pub struct Shorthand {
    aliases: HashMap<String, String>,
    sets: HashMap<String, (Vec<String>, Vec<String>)>,
    /// Canonical URL before `/CodeSystem/NAME` of code systems that are named by their id.
    canonical: String,
    instances: BTreeMap<String, Instance>,
}

/// An example as written.
#[derive(Debug, Default)]
struct Instance {
    kind: String,
    inline: bool,
    rules: Vec<String>,
}

enum At {
    Nothing,
    Set(String),
    Instance(String),
}

impl Shorthand {
    /// Reads every `.fsh` file of a folder and of those within it. `prefix` is what names of profiles begin with before the type
    /// of R4 (`InterweavePatient`).
    pub fn read(folder: &Path, prefix: &str, canonical: &str) -> Self {
        let mut out = Self { canonical: canonical.to_owned(), ..Self::default() };
        let mut waiting = vec![folder.to_owned()];
        while let Some(folder) = waiting.pop() {
            for path in std::fs::read_dir(folder).into_iter().flatten().flatten().map(|e| e.path()) {
                if path.is_dir() {
                    waiting.push(path);
                } else if path.extension().is_some_and(|e| e == "fsh") {
                    out.file(&std::fs::read_to_string(path).unwrap_or_default(), prefix);
                }
            }
        }
        out
    }

    fn file(&mut self, text: &str, prefix: &str) {
        let mut at = At::Nothing;
        for line in text.lines() {
            let line = line.split(" //").next().unwrap_or_default().trim();
            if line.is_empty() || line.starts_with("//") {
                continue;
            }
            if let Some(rule) = line.strip_prefix("* ") {
                match &at {
                    At::Set(name) => self.sets.entry(name.clone()).or_default().1.push(rule.to_owned()),
                    At::Instance(name) => {
                        self.instances.entry(name.clone()).or_default().rules.push(rule.to_owned());
                    }
                    At::Nothing => {}
                }
                continue;
            }
            let Some((word, rest)) = line.split_once(':') else { continue };
            let rest = rest.trim();
            match word {
                "Alias" => {
                    let (name, url) = rest.split_once('=').unwrap_or_default();
                    self.aliases.insert(name.trim().to_owned(), url.trim().to_owned());
                }
                "RuleSet" => {
                    let (name, parameters) = called(rest);
                    self.sets.insert(name.clone(), (parameters, Vec::new()));
                    at = At::Set(name);
                }
                "Instance" => {
                    self.instances.insert(rest.to_owned(), Instance::default());
                    at = At::Instance(rest.to_owned());
                }
                "InstanceOf" | "Usage" => {
                    if let At::Instance(name) = &at
                        && let Some(one) = self.instances.get_mut(name)
                    {
                        match word {
                            "Usage" => one.inline = rest == "#inline",
                            _ => one.kind = rest.strip_prefix(prefix).unwrap_or(rest).to_owned(),
                        }
                    }
                }
                "Title" | "Description" | "Parent" | "Id" => {}
                "Profile" | "Extension" | "CodeSystem" | "ValueSet" | "Invariant" | "Logical" | "Mapping" => {
                    at = At::Nothing;
                }
                _ => {}
            }
        }
    }

    /// Names and resources of all examples that stand alone, and why one can't be read.
    pub fn resources(&self) -> Vec<(String, Result<Value, String>)> {
        let alone = self.instances.iter().filter(|(_, one)| !one.inline);
        alone.map(|(name, _)| (name.clone(), self.resource(name))).collect()
    }

    fn resource(&self, name: &str) -> Result<Value, String> {
        let one = self.instances.get(name).ok_or_else(|| format!("{name} is not there"))?;
        let ty = TypeRef::named(&one.kind).ok_or_else(|| format!("{} is no type of R4", one.kind))?;
        let mut root = json!({"resourceType": one.kind, "id": name});
        let mut counters = HashMap::new();
        for rule in self.opened(&one.rules) {
            let (path, value) =
                rule.split_once('=').filter(|(p, _)| !p.starts_with('^')).ok_or(rule.clone())?;
            // `path[=]` holds the sign itself.
            let (path, value) = match rule.find(" = ") {
                Some(at) => (&rule[..at], &rule[at + 3..]),
                None => (path, value),
            };
            self.set(&mut root, ty, path.trim(), value.trim(), &mut counters)
                .map_err(|why| format!("{rule}: {why}"))?;
        }
        Ok(root)
    }

    /// The rules, with those of their rule sets in their place.
    fn opened(&self, rules: &[String]) -> Vec<String> {
        let mut out = Vec::new();
        for rule in rules {
            let Some(call) = rule.strip_prefix("insert ") else {
                out.push(rule.clone());
                continue;
            };
            let (name, given) = called(call);
            let Some((parameters, rules)) = self.sets.get(&name) else { continue };
            for rule in self.opened(rules) {
                let pairs = parameters.iter().zip(&given);
                out.push(pairs.fold(rule, |rule, (name, value)| rule.replace(&format!("{{{name}}}"), value)));
            }
        }
        out
    }

    fn set(
        &self,
        root: &mut Value,
        ty: TypeRef,
        path: &str,
        value: &str,
        counters: &mut HashMap<String, usize>,
    ) -> Result<(), String> {
        let (mut at, mut ty, mut so_far) = (root, ty, String::new());
        let mut steps = path.split('.').peekable();
        while let Some(step) = steps.next() {
            let (name, index) = match step.split_once('[') {
                Some((name, rest)) => (name, Some(rest.trim_end_matches(']'))),
                None => (step, None),
            };
            so_far = format!("{so_far}.{name}");
            let field = ty.field(name).ok_or_else(|| format!("{} has no {name}", ty.name()))?;
            let here = at.as_object_mut().ok_or("no object")?.entry(name.to_owned()).or_insert(Value::Null);
            let here = if field.repeats() {
                let before = counters.get(&so_far).copied();
                let number = match index {
                    None => 0,
                    Some("=") => before.unwrap_or(0),
                    Some("+") => before.map_or(0, |n| n + 1),
                    Some(number) => number.parse::<usize>().map_err(|_| format!("a slice {number}"))?,
                };
                counters.insert(so_far.clone(), number);
                // What follows counts anew in another item.
                let within = format!("{so_far}[{number}]");
                so_far = within;
                if !here.is_array() {
                    *here = json!([]);
                }
                let list = here.as_array_mut().ok_or("no list")?;
                while list.len() <= number {
                    list.push(Value::Null);
                }
                &mut list[number]
            } else {
                here
            };
            if steps.peek().is_none() {
                let written = self.value(field, value)?;
                match (&mut *here, written) {
                    (Value::Object(have), Value::Object(more)) => have.extend(more),
                    (here, written) => *here = written,
                }
                return Ok(());
            }
            if here.is_null() {
                *here = Value::Object(Map::new());
            }
            (at, ty) = (here, field.ty());
        }
        Ok(())
    }

    /// A value as its element has it.
    fn value(&self, field: Field, text: &str) -> Result<Value, String> {
        let ty = field.ty().name();
        if let Some(rest) = text.strip_prefix("Reference(") {
            let (name, rest) = rest.split_once(')').ok_or("no end of a reference")?;
            let kind = self.instances.get(name.trim()).map(|one| one.kind.as_str());
            // What the guide has elsewhere is named by its type, which its name holds.
            let reference = match kind {
                Some(kind) => format!("{kind}/{}", name.trim()),
                None if name.contains('/') => name.trim().to_owned(),
                None => format!("{}/{}", guessed(name.trim()), name.trim()),
            };
            let mut reference = json!({"reference": reference});
            if let Some(display) = quoted(rest.trim()) {
                reference["display"] = display.into();
            }
            return Ok(reference);
        }
        if let Some(text) = quoted(text) {
            return Ok(Value::String(text));
        }
        if let Some((system, rest)) = text.split_once('#') {
            let (code, rest) = rest.split_once(char::is_whitespace).unwrap_or((rest, ""));
            if !matches!(ty, "Coding" | "CodeableConcept" | "Quantity") {
                return Ok(Value::String(code.to_owned()));
            }
            let mut coding = json!({"code": code});
            if !system.is_empty() {
                coding["system"] = self.system(system).into();
            }
            if let Some(display) = quoted(rest.trim()) {
                coding["display"] = display.into();
            }
            return Ok(if ty == "CodeableConcept" { json!({"coding": [coding]}) } else { coding });
        }
        if let Some(one) = self.instances.get(text).filter(|one| one.inline) {
            debug_assert!(!one.kind.is_empty());
            return self.resource(text);
        }
        if matches!(ty, "boolean" | "decimal" | "integer" | "positiveInt" | "unsignedInt") {
            return serde_json::from_str(text).map_err(|_| format!("{text} is no {ty}"));
        }
        // Dates and times may stand without quotation marks.
        Ok(Value::String(text.to_owned()))
    }

    fn system(&self, named: &str) -> String {
        match self.aliases.get(named) {
            Some(url) => url.clone(),
            None if named.contains("://") || named.starts_with("urn:") => named.to_owned(),
            None => format!("{}/CodeSystem/{named}", self.canonical),
        }
    }
}

/// `Name(a, b)`.
fn called(text: &str) -> (String, Vec<String>) {
    let (name, rest) = text.trim().split_once('(').unwrap_or((text.trim(), ""));
    let inner = rest.rsplit_once(')').map_or(rest, |(inner, _)| inner);
    let given = inner.split(',').map(|p| p.trim().to_owned()).filter(|p| !p.is_empty());
    (name.trim().to_owned(), given.collect())
}

/// A text in quotation marks.
fn quoted(text: &str) -> Option<String> {
    let inner = text.strip_prefix('"')?;
    let end = inner.rfind('"')?;
    Some(inner[..end].replace("\\\"", "\""))
}

/// The type in the name of an example: the longest that it holds.
fn guessed(name: &str) -> &str {
    let starts = name.char_indices().filter(|(_, c)| c.is_ascii_uppercase()).map(|(n, _)| n);
    let mut best = "Basic";
    for start in starts {
        for end in start + 1..=name.len() {
            let word = &name[start..end];
            let is_resource = TypeRef::named(word).is_some_and(|ty| ty.field("meta").is_some());
            if is_resource && (best == "Basic" || word.len() > best.len()) {
                best = word;
            }
        }
    }
    best
}
