//! The walk over a document: structure, cardinality, types, and the rules of profiles at each element.

mod address;
mod apart;
mod bundle;
pub(crate) mod expressions;
mod joined;
pub mod parts;
mod references;

use self::bundle::BundleIndex;
use self::expressions::type_of;
use self::parts::BundleDigest;
use self::references::Container;
use crate::Options;
use crate::base::{Element, ElementType, Fnv, Kind, Type, TypeId};
use crate::definitions::Definitions;
use crate::invariants::Object;
use crate::limits::{MAX_COVERED, MAX_DEPTH, MAX_PROBES, MAX_PROFILES, MAX_TEXT};
use crate::primitive::{JsonKind, Primitive};
use crate::profiles::Node;
use crate::report::{About, Finding, Report, Severity, Step, Unchecked, render};
use serde_json::Value;
use std::collections::{HashMap, HashSet};
use std::hash::BuildHasherDefault;

/// The state of one check.
pub(crate) struct Walker<'a> {
    pub(crate) defs: &'a Definitions,
    pub(crate) options: &'a Options,
    pub(crate) report: Report,
    pub(crate) steps: Vec<Step<'a>>,
    depth: usize,
    /// The Bundles around this place, innermost last.
    pub(crate) bundles: Vec<BundleIndex<'a>>,
    /// The resources around this place that may hold contained ones, innermost last.
    pub(crate) containers: Vec<Container<'a>>,
    /// The resources around this place, innermost last.
    pub(crate) values: Vec<&'a Value>,
    /// For each resource around this place: its type and how many steps lead to it.
    pub(crate) resources: Vec<(&'a str, usize)>,
    /// For each resource around this place: the ids of its elements so far.
    ids: Vec<HashSet<&'a str>>,
    /// URLs of the extensions around this place.
    pub(crate) extensions: Vec<&'a str>,
    /// The fullUrls of the Bundle entries around this place, innermost last.
    pub(crate) full_urls: Vec<&'a str>,
    /// The entries of the outermost Bundle where it is read in parts.
    pub(crate) digest: Option<&'a BundleDigest<'a>>,
    /// Ids and names that links within narratives may lead to, once one was met.
    pub(crate) anchors: Option<HashSet<&'a str>>,
    /// What was asked of whole resources: whether one conforms to rules; `true` while it is being found out.
    probes: HashMap<(usize, usize), bool>,
    /// How many such questions are open.
    probing: usize,
    /// Profiles held, by canonical URL.
    held: HashMap<&'a str, usize, BuildHasherDefault<Fnv>>,
    /// What could not be judged.
    unchecked: HashMap<(Unchecked, &'a str), usize, BuildHasherDefault<Fnv>>,
}

/// Where a resource stands.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    Root,
    Entry,
    Contained,
}

/// The rules that apply at one place.
pub(crate) type Nodes<'a> = Vec<&'a Node>;

/// Checks one document.
pub(crate) fn check(defs: &Definitions, options: &Options, resource: &Value) -> Report {
    let mut walker = Walker::new(defs, options);
    walker.resource(resource, Place::Root, &[]);
    walker.finish()
}

/// One element with its place in the definitions.
struct Found<'a> {
    owner: &'a Type,
    element: &'a Element,
    kind: &'a ElementType,
    key: &'a str,
    value: Option<&'a Value>,
    extra: Option<&'a Value>,
}

impl<'a> Walker<'a> {
    pub(crate) fn new(defs: &'a Definitions, options: &'a Options) -> Self {
        Self {
            defs,
            options,
            report: Report::default(),
            steps: Vec::with_capacity(24),
            depth: 0,
            bundles: Vec::new(),
            containers: Vec::new(),
            values: Vec::new(),
            resources: Vec::new(),
            ids: Vec::new(),
            extensions: Vec::new(),
            full_urls: Vec::new(),
            digest: None,
            anchors: None,
            probes: HashMap::new(),
            probing: 0,
            held: HashMap::default(),
            unchecked: HashMap::default(),
        }
    }

    /// Puts the walker where the entries of the outermost Bundle are.
    pub(crate) fn enter_bundle(&mut self) {
        self.resources.push(("Bundle", 1));
        self.ids.push(HashSet::new());
        self.containers.push(Container::of(&Value::Null));
    }

    /// The report, errors first.
    pub(crate) fn finish(mut self) -> Report {
        for (url, count) in self.held {
            self.report.coverage.held.insert(url.to_owned(), count);
        }
        for ((kind, name), count) in self.unchecked {
            self.report.coverage.not_checked.insert((kind, name.to_owned()), count);
        }
        self.report.broken_entries.sort_unstable();
        self.report.broken_entries.dedup();
        self.report.settle();
        self.report
    }

    pub(crate) fn find(&mut self, severity: Severity, rule: &str, text: impl Into<String>) {
        self.tell(severity, rule, text, About::Nothing);
    }

    /// Counts a finding, and keeps it while there is room for its severity.
    pub(crate) fn tell(&mut self, severity: Severity, rule: &str, text: impl Into<String>, about: About) {
        if severity == Severity::Error
            && let Some([Step::Root("Bundle"), Step::Name("entry"), Step::Index(entry)]) = self.steps.get(..3)
            && self.report.broken_entries.last() != Some(entry)
        {
            self.report.broken_entries.push(*entry);
        }
        if self.report.take(severity) {
            let path = render(&self.steps);
            let finding =
                Finding { severity, path, rule: rule.to_owned(), text: text.into(), about, place: None };
            self.report.findings.push(finding);
        }
    }

    /// Notes that something could not be judged.
    pub(crate) fn skip(&mut self, kind: Unchecked, name: &'a str) {
        let full = self.unchecked.len() >= MAX_COVERED && !self.unchecked.contains_key(&(kind, name));
        *self.unchecked.entry((kind, if full { "…" } else { name })).or_default() += 1;
    }

    pub(crate) fn error(&mut self, rule: &str, text: impl Into<String>) {
        self.find(Severity::Error, rule, text);
    }

    /// True where a resource of the document, by itself, keeps all the rules of a profile. Nothing is reported.
    pub(crate) fn conforms(&mut self, resource: &'a Value, rules: &'a Node) -> bool {
        let key = (std::ptr::from_ref(resource) as usize, std::ptr::from_ref(rules) as usize);
        if let Some(known) = self.probes.get(&key) {
            return *known;
        }
        let (Some(object), true) = (resource.as_object(), self.probing < MAX_PROBES) else { return true };
        let name = object.get("resourceType").and_then(Value::as_str).unwrap_or_default();
        let Some(ty) = self.defs.base.resource(name) else { return false };
        // A resource that refers to itself, through others too, conforms as far as that reference goes.
        self.probes.insert(key, true);
        self.probing += 1;
        let report = std::mem::take(&mut self.report);
        let covered = (std::mem::take(&mut self.held), std::mem::take(&mut self.unchecked));
        let contained = self.containers.last().is_some_and(|c| c.holds(resource));
        let steps = std::mem::take(&mut self.steps);
        let ids = std::mem::replace(&mut self.ids, vec![HashSet::new()]);
        let full_urls = self.full_urls.len();
        self.full_urls.extend(self.bundles.iter().rev().find_map(|b| b.url_of(resource)));
        if !contained {
            self.containers.push(Container::of(resource));
        }
        if let Some(known) = self.defs.base.ty(ty) {
            self.steps.push(Step::Root(&known.name));
            self.resources.push((&known.name, 1));
            self.values.push(resource);
            self.object(resource, ty, &[rules]);
            self.values.pop();
            self.resources.pop();
        }
        if !contained {
            self.containers.pop();
        }
        self.full_urls.truncate(full_urls);
        (self.steps, self.ids) = (steps, ids);
        (self.held, self.unchecked) = covered;
        let found = std::mem::replace(&mut self.report, report);
        self.probing -= 1;
        let conforms = found.is_valid();
        self.probes.insert(key, conforms);
        conforms
    }

    /// Whether one question more may be open.
    fn is_probing_possible(&self) -> bool {
        self.probing < MAX_PROBES
    }

    /// Counts the questions that are open in another walk as this one's.
    fn probe_within(&mut self, outer: &Walker<'_>) {
        self.probing = outer.probing;
    }

    /// Does something one step further down.
    pub(crate) fn at<R>(&mut self, step: Step<'a>, act: impl FnOnce(&mut Self) -> R) -> R {
        self.steps.push(step);
        let result = act(self);
        self.steps.pop();
        result
    }

    /// Checks a resource with the profiles that it claims and the rules that its place in a profile gives it.
    pub(crate) fn resource(&mut self, value: &'a Value, place: Place, rules: &[&'a Node]) {
        let named = value.get("resourceType").and_then(Value::as_str);
        let (Some(object), Some(name)) = (value.as_object(), named) else {
            return self.error("r4/resource-type", "a resource must be an object with a resourceType");
        };
        let Some(ty) = self.defs.base.resource(name) else {
            return self.error("r4/resource-type", "the resourceType is not a resource of FHIR R4");
        };
        let Some(known) = self.defs.base.ty(ty) else { return };
        if self.depth >= MAX_DEPTH {
            return self.error("r4/depth", "the document is nested too deeply");
        }
        if place == Place::Root {
            self.steps.push(Step::Root(&known.name));
        }
        // What a profile asks of a resource inside another has that other for its %resource.
        for expression in rules.iter().flat_map(|r| &r.expressions) {
            self.expression(expression, Some(value), None, type_of(&known.name));
        }
        self.resources.push((&known.name, self.steps.len()));
        self.ids.push(HashSet::new());
        if place != Place::Contained {
            self.containers.push(Container::of(value));
        }
        let bundled = known.name == "Bundle";
        if bundled {
            let parts = self.digest.filter(|_| place == Place::Root);
            self.bundles.push(parts.map_or_else(|| BundleIndex::of(object), BundleIndex::of_parts));
        }
        let mut nodes = self.claimed(object, &known.name, place);
        self.placed(&known.name, rules, &mut nodes);
        self.values.push(value);
        self.object(value, ty, &nodes);
        self.meaning(&known.name, object);
        self.values.pop();
        if bundled {
            self.bundle(object);
            self.bundles.pop();
        }
        if place != Place::Contained {
            self.close_container(object);
        }
        self.resources.pop();
        self.ids.pop();
    }

    /// The profiles that a resource is held to.
    fn claimed(&mut self, object: &'a Object, name: &str, place: Place) -> Nodes<'a> {
        let mut nodes = Nodes::new();
        let defs = self.defs;
        let claims = object.get("meta").and_then(|m| m.get("profile")).and_then(Value::as_array);
        let mut claimed = 0;
        for (number, url) in claims.into_iter().flatten().enumerate().take(MAX_PROFILES) {
            let Some(url) = url.as_str() else { continue };
            claimed += 1;
            self.steps.extend([Step::Name("meta"), Step::Name("profile"), Step::Index(number)]);
            nodes.extend(self.claim(url, name));
            self.steps.truncate(self.steps.len() - 3);
        }
        let options = self.options;
        for url in options.profiles.iter().filter(|_| place == Place::Root) {
            claimed += 1;
            nodes.extend(self.claim(url, name));
        }
        for url in defs.global_profiles(name).iter().filter(|_| place != Place::Contained) {
            claimed += 1;
            nodes.extend(self.claim(url, name));
        }
        if claimed == 0
            && place != Place::Contained
            && let Some(url) = defs.default_profile(name)
        {
            nodes.extend(self.claim(url, name));
        }
        nodes
    }

    /// The rules of a profile that a resource of this type claims.
    fn claim(&mut self, claimed: &'a str, name: &str) -> Option<&'a Node> {
        let (url, version) = claimed.split_once('|').map_or((claimed, None), |(u, v)| (u, Some(v)));
        if url.strip_prefix(crate::urls::FHIR_STRUCTURE) == Some(name) {
            if version.is_some_and(|v| v != "4.0.1" && !"4.0.1".starts_with(&format!("{v}."))) {
                self.error("profile/version", "the profile is claimed in another version than is known here");
            }
            return None;
        }
        if let Some(base) = url.strip_prefix(crate::urls::FHIR_STRUCTURE)
            && self.defs.base.by_name.contains_key(base)
            && self.defs.profile(url).is_none()
        {
            // Every resource is what its type is built on; a type of the specification is no other one.
            if !self.is_built_on(name, base) {
                let text = format!("the resource claims to be of another type: {base}");
                self.tell(Severity::Error, "profile/type", text, About::Nothing);
            }
            return None;
        }
        let Some(profile) = self.defs.profile(url) else {
            self.skip(Unchecked::Profile, claimed);
            let severity =
                if self.options.refuse_unknown_profiles { Severity::Error } else { Severity::Warning };
            let text = "the resource claims a profile that is not known here, so it was not held to it";
            self.tell(severity, "profile/unknown", text, About::Nothing);
            return None;
        };
        let about = || About::Definition(url.to_owned());
        if let (Some(asked), Some(known)) = (version, profile.version.as_deref())
            && asked != known
            && !known.starts_with(&format!("{asked}."))
        {
            let text = format!("the profile is claimed in another version than is known here ({known})");
            self.tell(Severity::Error, "profile/version", text, about());
        }
        if profile.ty != name {
            let text = format!("the resource claims a profile of another type: it describes {}", profile.ty);
            self.tell(Severity::Error, "profile/type", text, about());
            return None;
        }
        if self.held.len() < MAX_COVERED || self.held.contains_key(url) {
            *self.held.entry(url).or_default() += 1;
        }
        Some(&profile.root)
    }

    /// Adds the rules that a profile has for a resource inside another, such as an entry of a Bundle.
    fn placed(&mut self, name: &str, rules: &[&'a Node], nodes: &mut Nodes<'a>) {
        for rule in rules {
            nodes.push(rule);
            let mut profiles = rule.types.iter().filter(|t| t.code == name || t.code == "Resource");
            match (profiles.next(), rule.types.is_empty()) {
                (None, false) => self.wrong_type(rule),
                (Some(allowed), _) => {
                    if let [url] = allowed.profiles.as_slice()
                        && let Some(profile) = self.defs.profile(url).filter(|p| p.ty == name)
                    {
                        nodes.push(&profile.root);
                    }
                }
                (None, true) => {}
            }
        }
    }

    /// Checks an object of a type.
    pub(crate) fn object(&mut self, whole: &'a Value, ty: TypeId, nodes: &[&'a Node]) {
        let (Some(known), Some(object)) = (self.defs.base.ty(ty), whole.as_object()) else { return };
        if self.depth >= MAX_DEPTH {
            return self.error("r4/depth", "the document is nested too deeply");
        }
        if object.keys().all(|k| k == "id") {
            return self.error("inv/ele-1", "the element is empty: it must have a value or children");
        }
        if known.kind != Kind::Resource
            && let Some(id) = object.get("id").and_then(Value::as_str)
            && self.ids.last_mut().is_some_and(|ids| !ids.insert(id))
        {
            self.error("r4/element-id", "another element of the resource has the same id");
        }
        self.depth += 1;
        // Snapshot and differential name the same elements by design.
        let view = matches!(
            known.name.as_str(),
            "StructureDefinition.snapshot" | "StructureDefinition.differential"
        );
        let outer = if view { self.ids.last_mut().map(std::mem::take) } else { None };
        let present = self.members(object, known, nodes);
        if let (Some(outer), Some(ids)) = (outer, self.ids.last_mut()) {
            *ids = outer;
        }
        for position in &known.required {
            if present.contains(position) {
                continue;
            }
            if let Some(element) = known.elements.get(*position) {
                self.error("r4/cardinality-min", format!("{} is required", element.stem));
            }
        }
        for node in nodes {
            self.absent(object, known, node, &present);
            for invariant in &node.invariants {
                if !(invariant.test)(object) {
                    self.find(invariant.severity, &format!("inv/{}", invariant.key), invariant.text);
                }
            }
            let elsewhere = known.kind == Kind::Resource && !node.name.is_empty();
            // What a primitive has besides its value is not all of it: its invariants are held to the whole.
            for expression in node.expressions.iter().filter(|_| !elsewhere && ty != self.defs.base.element) {
                self.expression(expression, Some(whole), None, type_of(&known.name));
            }
        }
        for invariant in &known.invariants {
            if invariant.key == "dom-6" && !self.options.best_practice {
                continue;
            }
            if !(invariant.test)(object) {
                self.find(invariant.severity, &format!("inv/{}", invariant.key), invariant.text);
            }
        }
        for expression in &known.expressions {
            self.expression(expression, Some(whole), None, type_of(&known.name));
        }
        self.depth -= 1;
    }

    /// Checks each member of an object; returns the positions of the elements seen.
    fn members(&mut self, object: &'a Object, known: &'a Type, nodes: &[&'a Node]) -> Vec<usize> {
        let mut present: Vec<usize> = Vec::with_capacity(object.len());
        // Most objects have no twin at all, and looking for one would build a name for every element.
        let twins = object.keys().any(|k| k.starts_with('_'));
        for (name, value) in object {
            let (key, value, extra) = match name.strip_prefix('_') {
                Some(stem) if object.contains_key(stem) => continue,
                Some(stem) => (stem, None, Some(value)),
                None => (name.as_str(), Some(value), None),
            };
            if key == "resourceType" && known.kind == Kind::Resource {
                continue;
            }
            let found = known.keys.get(key).and_then(|k| {
                let element = known.elements.get(k.element)?;
                Some((k.element, element, element.types.get(k.kind)?))
            });
            let Some((position, element, kind)) = found else {
                let step = Step::Name(name);
                let about = About::Type(known.name.clone());
                let text = format!("the element is not part of {}", known.name);
                self.at(step, |w| w.tell(Severity::Error, "r4/unknown-element", text, about));
                continue;
            };
            let primitive = self.primitive(kind).is_some();
            if extra.is_some() && !primitive {
                let step = Step::Name(name);
                self.at(step, |w| {
                    w.error("r4/unknown-element", "only a primitive element has a twin with an underscore")
                });
                continue;
            }
            if present.contains(&position) {
                let text = format!("{} may have one type only", element.stem);
                self.error("r4/choice", text);
            }
            present.push(position);
            let extra = if primitive && extra.is_none() && twins { twin(object, key) } else { extra };
            let found = Found { owner: known, element, kind, key, value, extra };
            self.element(&found, nodes);
        }
        present
    }

    fn primitive(&self, kind: &ElementType) -> Option<Primitive> {
        match self.defs.base.ty(kind.id)?.kind {
            Kind::Primitive(primitive) => Some(primitive),
            _ => None,
        }
    }

    /// True at the top of a resource.
    fn is_resource_root(&self) -> bool {
        self.resources.last().is_some_and(|(_, steps)| *steps == self.steps.len())
    }

    /// Reports what a profile demands and is not there at all.
    fn absent(&mut self, object: &'a Object, known: &'a Type, node: &'a Node, present: &[usize]) {
        for child in &node.children {
            let required = child.min.is_some_and(|m| m > 0);
            let asked = child.must_support && self.options.must_support;
            if !required && !asked && !child.slices.iter().any(|s| s.min.is_some_and(|m| m > 0)) {
                continue;
            }
            let there = known
                .elements
                .iter()
                .position(|e| e.name == child.name)
                .map_or_else(|| object.contains_key(&child.name), |position| present.contains(&position));
            if there {
                continue;
            }
            if required {
                self.error(
                    &child.rule,
                    format!("the profile requires {}", child.name.trim_end_matches("[x]")),
                );
            } else if asked && self.is_resource_root() {
                let text = format!("the profile marks {} as must-support and it is absent", child.name);
                self.find(Severity::Information, &child.rule, text);
            }
            for slice in &child.slices {
                if slice.min.is_some_and(|m| m > 0) {
                    self.error(&slice.rule, format!("the profile requires the slice {}", slice.slice));
                }
            }
        }
    }

    /// Checks an element with all its repetitions.
    fn element(&mut self, found: &Found<'a>, nodes: &[&'a Node]) {
        let element = found.element;
        let step = if element.is_choice() {
            Step::Choice(&element.stem, &found.kind.code)
        } else {
            Step::Name(&element.stem)
        };
        let mut rules = Nodes::new();
        for node in nodes {
            rules.extend(node.children.iter().filter(|c| c.name == element.name || c.name == found.key));
        }
        let value_list = found.value.and_then(Value::as_array);
        let extra_list = found.extra.and_then(Value::as_array);
        let repeats = element.max > 1;
        let mistaken = [(found.value, value_list), (found.extra, extra_list)]
            .iter()
            .any(|(value, list)| value.is_some_and(|v| !v.is_null()) && list.is_some() != repeats);
        if mistaken {
            let text = if repeats {
                "the element repeats, so it must be a list"
            } else {
                "the element doesn't repeat, so it can't be a list"
            };
            return self.at(step, |w| w.error("r4/list", text));
        }
        if !repeats {
            let null = |value: Option<&Value>| value.is_some_and(Value::is_null);
            if (null(found.value) && found.extra.is_some()) || (null(found.extra) && found.value.is_some()) {
                self.at(step, |w| w.error("r4/type", "null stands only in lists of primitive elements"));
            }
            let count = 1;
            self.count(&rules, count, element, step);
            if rules.iter().all(|rule| rule.slices.is_empty()) {
                return self.at(step, |w| w.item(found, found.value, found.extra, &rules));
            }
            let rules = self
                .with_slices(&rules, found.key, &[found.value.unwrap_or(&Value::Null)])
                .pop()
                .unwrap_or_default();
            return self.at(step, |w| w.item(found, found.value, found.extra, &rules));
        }
        let values = value_list.map_or(&[][..], Vec::as_slice);
        let extras = extra_list.map_or(&[][..], Vec::as_slice);
        let count = values.len().max(extras.len());
        if count == 0 && found.owner.name == "Bundle" && self.digest.is_some_and(|d| !d.is_empty()) {
            return;
        }
        if count == 0 {
            return self.at(step, |w| w.error("r4/empty", "a list must not be empty"));
        }
        self.count(&rules, count, element, step);
        self.steps.push(step);
        if rules.iter().all(|rule| rule.slices.is_empty()) {
            for number in 0..count {
                self.at(Step::Index(number), |w| {
                    w.item(found, values.get(number), extras.get(number), &rules)
                });
            }
            self.steps.pop();
            return;
        }
        let items: Vec<&Value> = (0..count).map(|n| values.get(n).unwrap_or(&Value::Null)).collect();
        let sliced = self.with_slices(&rules, found.key, &items);
        for (number, (item, rules)) in items.iter().zip(&sliced).enumerate() {
            let value = values.get(number).map(|_| *item);
            self.at(Step::Index(number), |w| w.item(found, value, extras.get(number), rules));
        }
        self.steps.pop();
    }

    /// Checks how often an element occurs.
    fn count(&mut self, rules: &[&'a Node], count: usize, element: &Element, step: Step<'a>) {
        if count > element.max {
            self.at(step, |w| w.error("r4/cardinality-max", format!("at most {} allowed", element.max)));
        }
        for rule in rules {
            if rule.max.is_some_and(|m| count > m) {
                let text =
                    format!("the profile allows at most {} of {}", rule.max.unwrap_or(0), element.stem);
                self.error(&rule.rule, text);
            }
            if rule.min.is_some_and(|m| count < m) {
                let text =
                    format!("the profile requires at least {} of {}", rule.min.unwrap_or(0), element.stem);
                self.error(&rule.rule, text);
            }
        }
    }

    /// Checks one value of an element.
    fn item(
        &mut self,
        found: &Found<'a>,
        value: Option<&'a Value>,
        extra: Option<&'a Value>,
        rules: &[&'a Node],
    ) {
        let Some(known) = self.defs.base.ty(found.kind.id) else { return };
        if let Kind::Primitive(primitive) = known.kind {
            return self.primitive_item(found, primitive, value, extra, rules);
        }
        let Some(value) = value else { return };
        let Some(object) = value.as_object() else {
            let text = if value.is_null() {
                "null stands only in lists of primitive elements"
            } else {
                "the element must be an object"
            };
            return self.error("r4/type", text);
        };
        if found.kind.id == self.defs.base.resource {
            let place = match found.key {
                "contained" => Place::Contained,
                _ => Place::Entry,
            };
            return self.resource(value, place, rules);
        }
        let mut all: Nodes<'a> = rules.to_vec();
        self.type_profiles(found, rules, &mut all);
        let is_extension = found.kind.id == self.defs.base.extension;
        if is_extension {
            let url = object.get("url").and_then(Value::as_str).unwrap_or_default();
            all.extend(self.extension(found.owner, found.key, url));
            self.extensions.push(url);
        }
        let full_url =
            if known.name == "Bundle.entry" { object.get("fullUrl").and_then(Value::as_str) } else { None };
        self.full_urls.extend(full_url);
        self.object(value, found.kind.id, &all);
        if full_url.is_some() {
            self.full_urls.pop();
        }
        if is_extension {
            self.extensions.pop();
        }
        let element = found.element;
        for expression in &element.expressions {
            self.expression(expression, Some(value), None, type_of(&found.kind.code));
        }
        self.value_rules(found.element, found.kind, value, rules);
        self.known_type(&known.name, object);
        if matches!(found.kind.code.as_str(), "Reference") {
            self.reference(object, &found.kind.targets, rules);
        }
    }

    /// Adds the profiles that a rule holds the value itself to.
    fn type_profiles(&mut self, found: &Found<'a>, rules: &[&'a Node], all: &mut Nodes<'a>) {
        for rule in rules {
            let backbone = self.defs.base.ty(found.kind.id).is_some_and(|t| t.kind == Kind::Backbone);
            if rule.types.is_empty() || found.kind.code == "Extension" || backbone {
                continue;
            }
            match rule.types.iter().find(|t| t.code == found.kind.code) {
                Some(allowed) => {
                    if let [profile] = allowed.profiles.as_slice()
                        && let Some(profile) = self.defs.profile(profile)
                    {
                        all.push(&profile.root);
                    }
                }
                None => self.wrong_type(rule),
            }
        }
    }

    fn wrong_type(&mut self, rule: &Node) {
        let names: Vec<&str> = rule.types.iter().map(|t| t.code.as_str()).collect();
        self.error(&rule.rule, format!("the profile allows only the type {}", names.join(" or ")));
    }

    fn primitive_item(
        &mut self,
        found: &Found<'a>,
        primitive: Primitive,
        value: Option<&'a Value>,
        extra: Option<&'a Value>,
        rules: &[&'a Node],
    ) {
        let value = value.filter(|v| !v.is_null());
        let extra = extra.filter(|v| !v.is_null());
        for rule in rules {
            if found.element.is_choice()
                && !rule.types.is_empty()
                && !rule.types.iter().any(|t| t.code == found.kind.code)
            {
                self.wrong_type(rule);
            }
        }
        match extra.map(|e| e.as_object()) {
            None if value.is_none() => {
                return self.error("inv/ele-1", "the element is empty: it must have a value or an extension");
            }
            Some(None) => return self.error("r4/type", "the twin of a primitive element must be an object"),
            Some(Some(_)) => {
                if let Some(extra) = extra {
                    self.object(extra, self.defs.base.element, rules);
                }
            }
            None => {}
        }
        let element = found.element;
        for expression in rules.iter().flat_map(|r| &r.expressions).chain(&element.expressions) {
            self.expression(expression, value, extra, type_of(&found.kind.code));
        }
        let Some(value) = value else { return };
        let text = match (primitive.json(), value) {
            (JsonKind::Boolean, Value::Bool(_)) => {
                return self.value_rules(found.element, found.kind, value, rules);
            }
            (JsonKind::Number, Value::Number(number)) => number.as_str(),
            (JsonKind::Text, Value::String(text)) => text.as_str(),
            (JsonKind::Boolean, _) => return self.error("r4/type", "the element must be true or false"),
            (JsonKind::Number, _) => return self.error("r4/type", "the element must be a number"),
            (JsonKind::Text, _) => return self.error("r4/type", "the element must be text"),
        };
        if text.is_empty() {
            return self.error("r4/empty", "text must not be empty");
        }
        if !primitive.accepts(text) {
            let kind = &found.kind.code;
            let rule = format!("r4/format-{kind}");
            let about = About::Format(kind.clone());
            if matches!(primitive, Primitive::Text | Primitive::Markdown) {
                // R4 says that such text should not be; it does not forbid it.
                let words = "the text is blank, or holds a control character";
                self.tell(Severity::Warning, &rule, words, about);
            } else {
                let words = format!("the value doesn't have the format of {kind}");
                return self.tell(Severity::Error, &rule, words, about);
            }
        }
        if text.len() > MAX_TEXT && !matches!(primitive, Primitive::Base64Binary | Primitive::Xhtml) {
            self.error("r4/text-length", "a text must not be longer than 1 MB");
        }
        if primitive == Primitive::Canonical && !text.contains(':') && !text.starts_with('#') {
            self.error(
                "r4/canonical-absolute",
                "a canonical URL must be absolute, or name what is contained (#id)",
            );
        }
        if matches!(primitive, Primitive::Uri | Primitive::Url | Primitive::Canonical) {
            self.mark_contained(text);
        }
        self.value_rules(found.element, found.kind, value, rules);
    }
}

/// The `_name` member of a primitive element.
fn twin<'a>(object: &'a Object, key: &str) -> Option<&'a Value> {
    object.get(format!("_{key}").as_str())
}
