//! Applies maps to one bundle: codings beside those that are there, elements that are not there yet. Each changed resource is
//! held to R4 and UK Core, and stays as it was where it would break a rule that it kept before.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use causeway_adapter::local::{Applied, Claim, Offered, Work, generic};
use causeway_core::{ItemId, Outcome, common};
use causeway_fhir::systems;
use causeway_profile::{Severity, check_value};
use serde_json::{Value, json};

use crate::code::Target;
use crate::file::Map;
use crate::limits::CODINGS_ADDED_MAX;
use crate::place::Place;
use crate::value::Kind;

/// Identifier system of local maps.
const LOCAL_MAP: &str = "https://fhir.causeway.example/Id/local-map";

/// Elements that a code map leaves alone: they decide what a resource means, or stand for what is not known.
const LEFT_ALONE: [&str; 5] = ["meta", "clinicalStatus", "verificationStatus", "dataAbsentReason", "text"];

/// One change to one resource.
struct Edit {
    label: &'static str,
    items: Vec<ItemId>,
    /// Items that decide that it is made.
    deciders: Vec<ItemId>,
    /// Where the ledger says that it went.
    path: String,
    what: Change,
}

enum Change {
    /// A coding for the concept at a JSON pointer.
    Coding { at: String, coding: Value },
    /// An element of the resource; `repeats` where it is an array.
    Element { name: String, repeats: bool, value: Value },
}

/// What came of a change.
#[derive(PartialEq, Eq)]
enum Done {
    /// It was made.
    Changed,
    /// The same was there already.
    There,
    /// Another value was there already.
    Taken,
}

impl Change {
    fn make(&self, resource: &mut Value) -> Done {
        match self {
            Self::Coding { at, coding } => {
                let Some(concept) = resource.pointer_mut(at).and_then(Value::as_object_mut) else {
                    return Done::Taken;
                };
                if !concept.contains_key("coding") {
                    // Codings stand before the text.
                    let rest = std::mem::take(concept);
                    concept.insert("coding".to_owned(), json!([]));
                    concept.extend(rest);
                }
                let Some(list) = concept.get_mut("coding").and_then(Value::as_array_mut) else {
                    return Done::Taken;
                };
                let same =
                    |other: &Value| other["system"] == coding["system"] && other["code"] == coding["code"];
                if list.iter().any(same) {
                    return Done::There;
                }
                list.push(coding.clone());
                Done::Changed
            }
            Self::Element { name, repeats: true, value } => {
                let list =
                    resource.as_object_mut().map(|r| r.entry(name.as_str()).or_insert_with(|| json!([])));
                match list.and_then(Value::as_array_mut) {
                    Some(list) if list.contains(value) => Done::There,
                    Some(list) => {
                        list.push(value.clone());
                        Done::Changed
                    }
                    None => Done::Taken,
                }
            }
            Self::Element { name, repeats: false, value } => {
                let Some(resource) = resource.as_object_mut() else { return Done::Taken };
                // `value[x]` may be there under another name.
                match resource.get(name) {
                    Some(there) if there == value => Done::There,
                    Some(_) => Done::Taken,
                    None => {
                        resource.insert(name.clone(), value.clone());
                        Done::Changed
                    }
                }
            }
        }
    }
}

struct Run<'a> {
    maps: &'a [&'a Map],
    work: &'a Work<'a>,
    /// Items by resource id and path.
    by_path: HashMap<(&'a str, &'a str), Vec<ItemId>>,
    /// Ids of the resources to which values of a segment or row went; asked for where values are offered.
    by_group: HashMap<Group, BTreeSet<&'a str>>,
    /// Offered values by segment or row, and place.
    by_place: HashMap<(Option<Group>, String), &'a Offered>,
    out: Applied,
    /// By entry of the bundle.
    edits: BTreeMap<usize, Vec<Edit>>,
}

/// Applies the maps that are for the sender and format of a bundle.
pub(crate) fn apply(maps: &[&Map], work: &Work<'_>) -> Applied {
    let Ok(mut bundle) = serde_json::from_slice::<Value>(work.bundle) else { return Applied::default() };
    let mut by_path: HashMap<(&str, &str), Vec<ItemId>> = HashMap::new();
    for step in &work.trail.steps {
        if let Some(resource) = work.trail.resources.get(step.resource as usize) {
            by_path.entry((resource, &step.path)).or_default().push(step.item);
        }
    }
    let mut run = Run {
        maps,
        work,
        by_path,
        by_group: HashMap::new(),
        by_place: HashMap::new(),
        out: Applied::default(),
        edits: BTreeMap::new(),
    };
    let entries = bundle["entry"].as_array().map_or(&[] as &[Value], Vec::as_slice);
    for (number, entry) in entries.iter().enumerate() {
        let resource = &entry["resource"];
        let (Some(kind), Some(id)) = (resource["resourceType"].as_str(), resource["id"].as_str()) else {
            continue;
        };
        if kind != "Provenance" {
            run.concepts(number, id, resource, kind.to_owned(), String::new());
        }
    }
    run.places(entries);
    let Run { mut out, edits, .. } = run;
    let mut used: BTreeSet<&'static str> = BTreeSet::new();
    let mut changed = false;
    for (number, edits) in edits {
        if let Some(resource) = bundle.pointer_mut(&format!("/entry/{number}/resource")) {
            changed |= settle(resource, edits, &mut out, &mut used);
        }
    }
    if changed {
        tell(&mut bundle, &used);
        out.bundle = serde_json::to_vec(&bundle).ok();
    }
    out
}

/// Makes the changes of one resource; whether any was made.
fn settle(
    resource: &mut Value,
    edits: Vec<Edit>,
    out: &mut Applied,
    used: &mut BTreeSet<&'static str>,
) -> bool {
    let before = errors(resource);
    let kept = resource.clone();
    let mut done: Vec<Option<Done>> = edits.iter().map(|edit| Some(edit.what.make(resource))).collect();
    if errors(resource).iter().any(|error| !before.contains(error)) {
        // One after the other, to leave out those alone that break something.
        *resource = kept;
        for (edit, done) in edits.iter().zip(&mut done) {
            let last = resource.clone();
            *done = Some(edit.what.make(resource));
            if errors(resource).iter().any(|error| !before.contains(error)) {
                *resource = last;
                *done = None;
            }
        }
    }
    let mut changed = false;
    for (edit, done) in edits.into_iter().zip(done) {
        let rule = match done {
            Some(Done::Changed | Done::There) => {
                used.insert(edit.label);
                changed = true;
                let claim = |item, outcome, path: &str| Claim {
                    item,
                    outcome,
                    reason: edit.label,
                    path: path.to_owned(),
                };
                out.claims.extend(edit.items.iter().map(|item| claim(*item, Outcome::Mapped, &edit.path)));
                out.claims.extend(edit.deciders.iter().map(|item| claim(*item, Outcome::Decides, "")));
                continue;
            }
            Some(Done::Taken) => common::LOCAL_MAP_TAKEN,
            None => common::LOCAL_MAP_INVALID,
        };
        out.issues.extend(edit.items.first().map(|item| (*item, rule.issue())));
    }
    changed
}

/// What is wrong with a resource on its own, by place and rule.
fn errors(resource: &Value) -> Vec<(String, String)> {
    let report = check_value(resource);
    let wrong = report.findings.into_iter().filter(|f| f.severity == Severity::Error);
    wrong.map(|f| (f.path, f.rule)).collect()
}

/// Names the maps in the bundle's own Provenance, its last entry.
fn tell(bundle: &mut Value, used: &BTreeSet<&'static str>) {
    let entries = bundle["entry"].as_array_mut().into_iter().flatten();
    let last = entries.filter(|e| e["resource"]["resourceType"] == "Provenance").last();
    let Some(list) = last.and_then(|e| e["resource"]["entity"].as_array_mut()) else { return };
    for label in used {
        list.push(json!({
            "role": "source",
            "what": {
                "identifier": {"system": LOCAL_MAP, "value": label.trim_start_matches("local map ").replace(" version ", "|")},
                "display": label,
            },
        }));
    }
}

impl Run<'_> {
    /// Looks through a part of a resource for concepts whose codes a map knows.
    fn concepts(&mut self, number: usize, id: &str, value: &Value, path: String, at: String) {
        match value {
            Value::Object(members) => {
                let words_only = members.get("text").is_some_and(Value::is_string)
                    && members.keys().all(|key| matches!(key.as_str(), "text" | "extension" | "id"));
                if members.get("coding").is_some_and(Value::is_array) {
                    self.coded(number, id, &members["coding"], &path, &at);
                } else if words_only {
                    self.words(number, id, &members["text"], &path, &at);
                }
                for (key, member) in members {
                    if key != "coding" && !LEFT_ALONE.contains(&key.as_str()) {
                        self.concepts(number, id, member, format!("{path}.{key}"), format!("{at}/{key}"));
                    }
                }
            }
            Value::Array(list) => {
                for (n, element) in list.iter().enumerate() {
                    self.concepts(number, id, element, format!("{path}[{n}]"), format!("{at}/{n}"));
                }
            }
            _ => {}
        }
    }

    /// A concept with codings: each is looked up by its system, and by its place where the system is the sender's own.
    fn coded(&mut self, number: usize, id: &str, codings: &Value, path: &str, at: &str) {
        let list = codings.as_array().map_or(&[] as &[Value], Vec::as_slice);
        let mut found: Vec<(Vec<ItemId>, &'static str, Target)> = Vec::new();
        for (n, coding) in list.iter().enumerate() {
            let Some(code) = coding["code"].as_str() else { continue };
            let system = coding["system"].as_str().unwrap_or_default();
            let items =
                self.items(id, &[&format!("{path}.coding[{n}].code"), &format!("{path}.coding[{n}]")]);
            let own = system.is_empty() || system.starts_with(&systems::local(&self.work.sender.code, ""));
            let places = if own { self.places_of(&items) } else { Vec::new() };
            if let Some((label, target)) = self.target(system, &places, code) {
                found.push((items, label, target));
            }
        }
        for (items, label, target) in found.into_iter().take(CODINGS_ADDED_MAX) {
            self.add(number, label, items, target, path, at, list.len());
        }
    }

    /// A concept of words alone: looked up by the place of the words.
    fn words(&mut self, number: usize, id: &str, text: &Value, path: &str, at: &str) {
        let items = self.items(id, &[&format!("{path}.text")]);
        if items.is_empty() {
            return;
        }
        let places = self.places_of(&items);
        let text = text.as_str().unwrap_or_default();
        if let Some((label, target)) = self.target("", &places, text) {
            self.add(number, label, items, target, path, at, 0);
        }
    }

    #[expect(clippy::too_many_arguments, reason = "one call for two callers")]
    fn add(
        &mut self,
        number: usize,
        label: &'static str,
        items: Vec<ItemId>,
        target: Target,
        path: &str,
        at: &str,
        place: usize,
    ) {
        let coding = coding(&target);
        let path = format!("{path}.coding[{place}].code");
        let what = Change::Coding { at: at.to_owned(), coding };
        self.edits.entry(number).or_default().push(Edit { label, items, deciders: Vec::new(), path, what });
    }

    fn items(&self, id: &str, paths: &[&str]) -> Vec<ItemId> {
        let found = paths.iter().find_map(|path| self.by_path.get(&(id, *path)));
        found.cloned().unwrap_or_default()
    }

    /// The places of items without their occurrence; `OBX-3.1` is in `OBX-3` too.
    fn places_of(&self, items: &[ItemId]) -> Vec<String> {
        let mut places = Vec::new();
        for item in items {
            let place = self.place(*item);
            if let Some((field, part)) = place.rsplit_once('.')
                && part.bytes().all(|b| b.is_ascii_digit())
            {
                places.push(field.to_owned());
            }
            places.push(place);
        }
        places
    }

    fn place(&self, item: ItemId) -> String {
        let ledger = self.work.ledger;
        let found = ledger.items().get(item as usize);
        found.map(|i| generic(&i.place.render(ledger.outline()))).unwrap_or_default()
    }

    /// What a map says of a code: by the URI of its system, by the name that the sender gives the system, by its place.
    fn target(&self, system: &str, places: &[String], code: &str) -> Option<(&'static str, Target)> {
        let sender = &self.work.sender.code;
        for map in self.maps {
            let by_name = map.systems().filter(|name| {
                *name == system
                    || !system.is_empty() && systems::local(sender, name) == system
                    || places.iter().any(|place| place == name)
            });
            for name in by_name {
                if let Some(target) = map.code(name, code).and_then(|c| c.target.clone()) {
                    return Some((map.label(), target));
                }
            }
        }
        None
    }

    /// Values without a place of the adapter's.
    fn places(&mut self, entries: &[Value]) {
        let work = self.work;
        if work.offered.is_empty() {
            return;
        }
        for step in &work.trail.steps {
            if let (Some(group), Some(id)) =
                (self.group(step.item), work.trail.resources.get(step.resource as usize))
            {
                self.by_group.entry(group).or_default().insert(id);
            }
        }
        for offered in work.offered {
            let key = (self.group(offered.item), self.place(offered.item));
            self.by_place.entry(key).or_insert(offered);
        }
        for offered in work.offered {
            let item = work.ledger.items().get(offered.item as usize);
            if item
                .is_none_or(|i| matches!(i.outcome, Outcome::Rejected | Outcome::Withheld | Outcome::Mapped))
            {
                continue;
            }
            let place = self.place(offered.item);
            for map in self.maps {
                for row in map.places().iter().filter(|row| row.source == place) {
                    self.one(map, row, offered, entries);
                }
            }
        }
    }

    fn one(&mut self, map: &Map, row: &Place, offered: &Offered, entries: &[Value]) {
        let group = self.group(offered.item);
        let mut deciders = Vec::new();
        if let Some(condition) = &row.condition {
            let other = match condition.place == row.source {
                true => Some(offered),
                false => self.by_place.get(&(group, condition.place.clone())).copied(),
            };
            if !condition.holds(other.map(|o| o.text.as_str())) {
                return;
            }
            deciders.extend(other.map(|o| o.item).filter(|item| *item != offered.item));
        }
        let Some(number) = self.resource(&row.resource, group, entries) else {
            self.out.issues.push((offered.item, common::LOCAL_MAP_NOWHERE.issue()));
            return;
        };
        let value = match row.kind {
            Kind::CodeableConcept => self.concept(map, row, offered),
            kind => kind.value(&offered.text, &row.system, self.work.zone),
        };
        let Some(value) = value else {
            self.out.issues.push((offered.item, common::LOCAL_MAP_VALUE.issue()));
            return;
        };
        let (name, value) = match row.url.is_empty() {
            true => (row.element.clone(), value),
            false => {
                let mut extension = serde_json::Map::new();
                extension.insert("url".to_owned(), json!(row.url));
                extension.insert(row.kind.member(), value);
                ("extension".to_owned(), Value::Object(extension))
            }
        };
        let path = format!("{}.{name}", row.resource);
        let what = Change::Element { name, repeats: row.repeats, value };
        let edit = Edit { label: map.label(), items: vec![offered.item], deciders, path, what };
        self.edits.entry(number).or_default().push(edit);
    }

    /// A concept of an offered value: the sender's code, what the map says of it, and its words.
    fn concept(&mut self, map: &Map, row: &Place, offered: &Offered) -> Option<Value> {
        let text = Kind::String.value(&offered.text, "", self.work.zone)?;
        let words = text.as_str().unwrap_or_default();
        if row.system.is_empty() {
            return Some(json!({"text": text}));
        }
        let Some(code) = map.code(&row.system, words) else {
            self.out.issues.push((offered.item, common::LOCAL_MAP_CODE.issue()));
            return Some(json!({"text": text}));
        };
        let display = if code.source_display.is_empty() { words } else { code.source_display.as_str() };
        // The source's own code stays beside what the map says of it.
        let own = json!({"system": systems::local(&self.work.sender.code, &row.system), "code": words});
        let codings: Vec<Value> = std::iter::once(own).chain(code.target.as_ref().map(coding)).collect();
        Some(json!({"coding": codings, "text": display}))
    }

    /// What values of one segment or row have in common.
    fn group(&self, item: ItemId) -> Option<Group> {
        Group::of(self.work.ledger.items().get(item as usize)?.place)
    }

    /// The one resource of a type to which other values of the same segment or row went; else the only one of its type.
    fn resource(&self, kind: &str, group: Option<Group>, entries: &[Value]) -> Option<usize> {
        let all: Vec<usize> = entries
            .iter()
            .enumerate()
            .filter(|(_, e)| e["resource"]["resourceType"] == kind)
            .map(|(n, _)| n)
            .collect();
        let touched = group.and_then(|group| self.by_group.get(&group));
        // A row of which nothing was written into this bundle is not of this bundle.
        if matches!(group, Some(Group::Row(_))) && touched.is_none() {
            return None;
        }
        let is_touched = |id: &str| touched.is_some_and(|ids| ids.contains(id));
        let near: Vec<usize> = all
            .iter()
            .copied()
            .filter(|n| entries[*n]["resource"]["id"].as_str().is_some_and(is_touched))
            .collect();
        match (near.as_slice(), all.as_slice()) {
            ([one], _) | ([], [one]) => Some(*one),
            _ => None,
        }
    }
}

/// A segment or a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Group {
    Segment([u8; 3], u16),
    Row(u32),
}

impl Group {
    fn of(place: causeway_core::Place) -> Option<Self> {
        match place {
            causeway_core::Place::Hl7 { segment, occurrence, .. } => Some(Self::Segment(segment, occurrence)),
            causeway_core::Place::Cell { row, .. } => Some(Self::Row(row)),
            _ => None,
        }
    }
}

fn coding(target: &Target) -> Value {
    json!({"system": target.system, "code": target.code, "display": target.display})
}
