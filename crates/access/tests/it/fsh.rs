//! A reader of the FHIR Shorthand of IHE's Basic Audit Log Patterns: its rules as a checker, its examples as AuditEvents.
//! It knows what those files use: cardinalities, fixed codes, slices by type, required value sets.

use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;

use serde_json::{Map, Value, json};

/// The folder of the patterns; `None` where the acceptance material is not there.
pub fn folder() -> Option<PathBuf> {
    let root = std::env::var_os("CAUSEWAY_ACCEPTANCE").map_or_else(
        || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/acceptance"),
        PathBuf::from,
    );
    let fsh = root.join("balp/fsh");
    fsh.is_dir().then_some(fsh)
}

#[derive(Clone, Debug, Default)]
struct Profile {
    parent: String,
    rules: Vec<(String, String)>,
}

/// Name, profile and rules of an example.
type Instance = (String, String, Vec<(String, String)>);

/// The rules and examples of a folder.
#[derive(Debug, Default)]
pub struct Patterns {
    profiles: BTreeMap<String, Profile>,
    sets: HashMap<String, Vec<(String, String)>>,
    aliases: HashMap<String, String>,
    instances: Vec<Instance>,
}

impl Patterns {
    pub fn read() -> Option<Self> {
        let mut files: Vec<PathBuf> =
            std::fs::read_dir(folder()?).ok()?.flatten().map(|e| e.path()).collect();
        files.sort();
        let mut out = Self::default();
        for file in files {
            out.file(&std::fs::read_to_string(file).ok()?);
        }
        Some(out)
    }

    fn file(&mut self, text: &str) {
        enum In {
            Nothing,
            Profile(String),
            Set(String),
            Instance,
        }
        let mut at = In::Nothing;
        let mut quoted = false;
        for line in text.lines() {
            let marks = line.matches("\"\"\"").count();
            if quoted {
                quoted = marks % 2 == 0;
                continue;
            }
            quoted = marks % 2 == 1;
            let line = line.split(" // ").next().unwrap_or_default().trim_end();
            let field = |name: &str| line.strip_prefix(name).map(|v| v.trim().to_owned());
            if let Some(rest) = line.strip_prefix("Alias:") {
                let (name, url) = rest.split_once('=').unwrap_or_default();
                self.aliases.insert(name.trim().to_owned(), url.trim().to_owned());
            } else if let Some(name) = field("Profile:") {
                self.profiles.insert(name.clone(), Profile::default());
                at = In::Profile(name);
            } else if let Some(name) = field("ValueSet:") {
                self.sets.insert(name.clone(), Vec::new());
                at = In::Set(name);
            } else if let Some(name) = field("Instance:") {
                self.instances.push((name, String::new(), Vec::new()));
                at = In::Instance;
            } else if let Some(of) = field("InstanceOf:") {
                if let Some(last) = self.instances.last_mut() {
                    last.1 = of;
                }
            } else if let (Some(parent), In::Profile(name)) = (field("Parent:"), &at) {
                if let Some(profile) = self.profiles.get_mut(name) {
                    profile.parent = parent;
                }
            } else if line.starts_with("Invariant:")
                || line.starts_with("CodeSystem:")
                || line.starts_with("RuleSet:")
            {
                at = In::Nothing;
            } else if let Some(rule) = line.strip_prefix("* ") {
                let (path, rest) = rule.split_once(' ').unwrap_or((rule, ""));
                let pair = (path.to_owned(), rest.trim().to_owned());
                match &at {
                    In::Profile(name) => self.profiles.get_mut(name).expect("open").rules.push(pair),
                    In::Set(name) => {
                        if let Some((system, code)) = path.split_once('#') {
                            self.sets.get_mut(name).expect("open").push((system.to_owned(), code.to_owned()));
                        }
                    }
                    In::Instance => self.instances.last_mut().expect("open").2.push(pair),
                    In::Nothing => {}
                }
            } else if let (true, In::Profile(name)) = (line.starts_with([' ', '\t']), &at)
                && let Some(last) = self.profiles.get_mut(name).and_then(|p| p.rules.last_mut())
            {
                // A rule goes on: the slices of `contains`.
                last.1 = format!("{} {}", last.1, line.trim());
            }
        }
    }

    fn code(&self, text: &str) -> Option<(String, String)> {
        let (system, code) = text.split_whitespace().next()?.split_once('#')?;
        let system = self.aliases.get(system).cloned().unwrap_or_else(|| system.to_owned());
        let system = match system.as_str() {
            "BasicAuditEntityType" => {
                "https://profiles.ihe.net/ITI/BALP/CodeSystem/BasicAuditEntityType".to_owned()
            }
            other => other.to_owned(),
        };
        Some((system, code.to_owned()))
    }

    fn rules(&self, profile: &str) -> Vec<(String, String)> {
        let Some(own) = self.profiles.get(profile) else { return Vec::new() };
        let mut rules = self.rules(&own.parent);
        rules.extend(own.rules.iter().cloned());
        rules
    }

    /// What is wrong with an event by a profile's rules.
    pub fn check(&self, profile: &str, event: &Value) -> Vec<String> {
        let rules = self.rules(profile);
        assert!(rules.len() > 10, "{profile} has rules");
        let mut wrong = Vec::new();
        for (path, rest) in rules.iter().filter(|(path, _)| !path.starts_with('^') && path != "insert") {
            if rest.starts_with('^') || rest == "MS" || rest.starts_with("obeys") || rest.starts_with("only")
            {
                continue;
            }
            if let Some(slices) = rest.strip_prefix("contains") {
                for slice in slices.split(" and ") {
                    let mut words = slice.split_whitespace();
                    let (Some(name), Some(card)) = (words.next(), words.next()) else { continue };
                    let count = self.slice(&rules, event, path, name).len();
                    range(&format!("{path}[{name}]"), card, count, &mut wrong);
                }
                continue;
            }
            let (list, sub) = match path.split_once(']') {
                Some((slice, sub)) => {
                    let (list, name) = slice.split_once('[').unwrap_or_default();
                    (self.slice(&rules, event, list, name), sub.trim_start_matches('.'))
                }
                None => (vec![event], path.as_str()),
            };
            for of in list {
                self.rule(path, of, sub, rest, &mut wrong);
            }
        }
        // `insert requireAtLeastOneMatch(subtype, disclosure, CODE)`.
        for (_, rest) in rules.iter().filter(|(path, _)| path == "insert") {
            let inside = rest.split_once('(').map_or("", |(_, r)| r.trim_end_matches(')'));
            let parts: Vec<&str> = inside.split(',').map(str::trim).collect();
            if let [element, slice, code] = parts.as_slice()
                && let Some(code) = self.code(code)
                && !event[*element].as_array().into_iter().flatten().any(|v| has_code(v, &code))
            {
                wrong.push(format!("{element}[{slice}]: none is {}", code.1));
            }
        }
        wrong
    }

    /// Members of a slice: by the fixed type (or value, for `subtype`) or the value set of it.
    fn slice<'v>(
        &self,
        rules: &[(String, String)],
        event: &'v Value,
        list: &str,
        name: &str,
    ) -> Vec<&'v Value> {
        let own = format!("{list}[{name}]");
        let by_type = format!("{own}.type");
        let mut out: Vec<&Value> = Vec::new();
        for item in event[list].as_array().into_iter().flatten() {
            let matches = rules.iter().any(|(path, rest)| {
                let (value, applies) = (&item["type"], *path == by_type);
                let (value, applies) = if *path == own { (item, true) } else { (value, applies) };
                if !applies {
                    return false;
                }
                if let Some(code) = rest.strip_prefix("= ").and_then(|c| self.code(c)) {
                    return has_code(value, &code);
                }
                let set = rest.strip_prefix("from ").and_then(|r| r.split_whitespace().next());
                set.and_then(|s| self.sets.get(s))
                    .is_some_and(|codes| codes.iter().any(|c| has_code(value, c)))
            });
            if matches {
                out.push(item);
            }
        }
        out
    }

    fn rule(&self, path: &str, of: &Value, sub: &str, rest: &str, wrong: &mut Vec<String>) {
        let found = select(of, sub);
        if let Some(fixed) = rest.strip_prefix("= ") {
            let ok = match (self.code(fixed), fixed.split_whitespace().next()) {
                (Some((system, code)), _) if system.is_empty() => found.iter().any(|v| **v == json!(code)),
                (Some(code), _) => found.iter().any(|v| has_code(v, &code)),
                (None, Some("true")) => found.iter().any(|v| **v == json!(true)),
                (None, Some("false")) => found.iter().any(|v| **v == json!(false)),
                _ => true,
            };
            if !ok {
                wrong.push(format!("{path} is not {fixed}"));
            }
            return;
        }
        if let Some(set) = rest.strip_prefix("from ").and_then(|r| r.split_whitespace().next()) {
            if let Some(codes) = self.sets.get(set).filter(|c| !c.is_empty())
                && !found.is_empty()
                && !found.iter().any(|v| codes.iter().any(|c| has_code(v, c)))
            {
                wrong.push(format!("{path} is not in {set}"));
            }
            return;
        }
        if let Some(card) = rest.split_whitespace().next().filter(|c| c.contains("..")) {
            range(path, card, found.len(), wrong);
        }
    }

    /// The examples as (name, profile, AuditEvent).
    pub fn examples(&self) -> Vec<(String, String, Value)> {
        let of = self.instances.iter().filter(|(_, profile, _)| self.profiles.contains_key(profile));
        of.map(|(name, profile, rules)| (name.clone(), profile.clone(), self.instance(rules))).collect()
    }

    fn instance(&self, rules: &[(String, String)]) -> Value {
        let mut out = json!({"resourceType": "AuditEvent"});
        let mut slices: HashMap<String, Vec<String>> = HashMap::new();
        for (path, rest) in rules {
            let Some(text) = rest.strip_prefix("= ") else { continue };
            let value = self.value(path, text.trim());
            put(&mut out, path, value, &mut slices);
        }
        out
    }

    fn value(&self, path: &str, text: &str) -> Value {
        if let Some(inside) = text.strip_prefix("Reference(") {
            return json!({"reference": inside.trim_end_matches(')')});
        }
        if let Some(quoted) = text.strip_prefix('"') {
            return json!(quoted.trim_end_matches('"'));
        }
        if let Some((system, code)) = self.code(text) {
            let last = path.rsplit('.').next().unwrap_or_default();
            if system.is_empty() || path.ends_with("network.type") || last == "action" || last == "outcome" {
                return json!(code);
            }
            let coding = json!({"system": system, "code": code});
            let concept = path.starts_with("agent")
                || path.ends_with("purposeOfEvent")
                || path.ends_with("purposeOfUse");
            return if concept { json!({"coding": [coding]}) } else { coding };
        }
        match text {
            "true" => json!(true),
            "false" => json!(false),
            other => json!(other),
        }
    }
}

/// Elements of an AuditEvent that repeat.
const LISTS: &[&str] = &[
    "subtype",
    "agent",
    "entity",
    "purposeOfEvent",
    "role",
    "policy",
    "purposeOfUse",
    "detail",
    "security",
    "securityLabel",
];

/// Puts a value at a path such as `agent[server].who`, `entity[+].type`, `agent[1].type`.
fn put(out: &mut Value, path: &str, value: Value, slices: &mut HashMap<String, Vec<String>>) {
    let mut at = out;
    let mut prefix = String::new();
    let parts: Vec<&str> = path.split('.').collect();
    for (n, part) in parts.iter().enumerate() {
        let (name, index) = part.split_once('[').map_or((*part, ""), |(n, i)| (n, i.trim_end_matches(']')));
        let last = n + 1 == parts.len();
        prefix.push_str(name);
        let map = match at {
            Value::Object(map) => map,
            _ => return,
        };
        let is_source_type = prefix == "sourcetype";
        if LISTS.contains(&name) || is_source_type {
            let list = map.entry(name).or_insert_with(|| json!([]));
            let known = slices.entry(prefix.clone()).or_default();
            let position = match index {
                "+" => {
                    known.push(format!("#{}", known.len()));
                    known.len() - 1
                }
                "=" => known.len().saturating_sub(1),
                "" => {
                    if known.is_empty() {
                        known.push("#0".to_owned());
                    }
                    0
                }
                slice => match (known.iter().position(|k| k == slice), slice.parse::<usize>()) {
                    (Some(at), _) => at,
                    (None, Ok(number)) => {
                        while known.len() <= number {
                            known.push(format!("{}", known.len()));
                        }
                        number
                    }
                    (None, Err(_)) => {
                        known.push(slice.to_owned());
                        known.len() - 1
                    }
                },
            };
            let Value::Array(list) = list else { return };
            while list.len() <= position {
                list.push(Value::Object(Map::new()));
            }
            at = &mut list[position];
        } else {
            at = map.entry(name).or_insert_with(|| Value::Object(Map::new()));
        }
        if last {
            *at = value;
            return;
        }
        prefix.push_str(index.trim_matches(['+', '=']));
    }
}

fn select<'v>(of: &'v Value, path: &str) -> Vec<&'v Value> {
    let mut at = vec![of];
    for part in path.split('.').filter(|p| !p.is_empty()) {
        at = at
            .into_iter()
            .flat_map(|v| match &v[part] {
                Value::Array(list) => list.iter().collect(),
                Value::Null => Vec::new(),
                one => vec![one],
            })
            .collect();
    }
    at
}

fn has_code(value: &Value, (system, code): &(String, String)) -> bool {
    let same = |c: &Value| c["system"] == json!(system) && c["code"] == json!(code);
    same(value) || value["coding"].as_array().into_iter().flatten().any(same) || (value == &json!(code))
}

fn range(path: &str, card: &str, count: usize, wrong: &mut Vec<String>) {
    let (least, most) = card.split_once("..").unwrap_or(("0", "*"));
    let least = least.parse().unwrap_or(0);
    let most = most.parse().unwrap_or(usize::MAX);
    if count < least || count > most {
        wrong.push(format!("{path}: {count} of {card}"));
    }
}
