//! Profiles and extension definitions, compiled to trees of rules.

use crate::base::{Binding, max};
use crate::invariants::Invariant;
use crate::limits::MAX_BASES;
use crate::rows::long;
use serde_json::Value;
use std::collections::HashMap;
use std::sync::Arc;

/// A type that a rule allows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct TypeRule {
    pub(crate) code: String,
    /// Canonical URLs of the structures that a reference may go to.
    pub(crate) targets: Vec<String>,
    /// Canonical URLs of the profiles that the value itself is held to.
    pub(crate) profiles: Vec<String>,
}

impl TypeRule {
    /// Reads `code(target,target){profile,profile}`.
    pub(crate) fn parse(field: &str) -> Self {
        let urls = |text: &str| text.split(',').filter(|u| !u.is_empty()).map(long).collect::<Vec<_>>();
        let (front, profiles) =
            field.split_once('{').map_or((field, ""), |(f, p)| (f, p.trim_end_matches('}')));
        let (code, targets) =
            front.split_once('(').map_or((front, ""), |(c, t)| (c, t.trim_end_matches(')')));
        Self { code: code.to_owned(), targets: urls(targets), profiles: urls(profiles) }
    }
}

/// A value that a rule asks for.
#[derive(Clone, Debug)]
pub(crate) enum Expected {
    /// Exactly this value.
    Fixed(Value),
    /// At least what this value holds.
    Pattern(Value),
}

impl Expected {
    pub(crate) fn is_met(&self, value: &Value) -> bool {
        match self {
            Self::Fixed(want) => want == value,
            Self::Pattern(want) => covers(value, want),
        }
    }
}

/// True where `value` holds everything that `pattern` holds. A pattern comes from a definition, so its depth is small.
fn covers(value: &Value, pattern: &Value) -> bool {
    match (value, pattern) {
        (Value::Object(have), Value::Object(want)) => {
            want.iter().all(|(key, want)| have.get(key).is_some_and(|have| covers(have, want)))
        }
        (Value::Array(have), Value::Array(want)) => {
            want.iter().all(|want| have.iter().any(|have| covers(have, want)))
        }
        _ => value == pattern,
    }
}

/// What tells slices apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum By {
    Value,
    Exists,
    Type,
    Profile,
}

#[derive(Clone, Debug)]
pub(crate) struct Discriminator {
    pub(crate) by: By,
    /// Steps of the path; empty for `$this`.
    pub(crate) steps: Vec<String>,
    /// True where the path follows a reference.
    pub(crate) resolves: bool,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Slicing {
    pub(crate) discriminators: Vec<Discriminator>,
    pub(crate) closed: bool,
    pub(crate) ordered: bool,
}

impl Slicing {
    /// Reads `value:system,type:$this;open;ordered`.
    fn parse(field: &str) -> Option<Self> {
        let mut parts = field.split(';');
        let by = parts.next().filter(|_| !field.is_empty())?;
        let mut slicing = Self::default();
        for entry in by.split(',').filter(|e| !e.is_empty()) {
            let (kind, path) = entry.split_once(':')?;
            let by = match kind {
                "value" | "pattern" => By::Value,
                "exists" => By::Exists,
                "type" => By::Type,
                "profile" => By::Profile,
                _ => return None,
            };
            let resolves = path.contains("resolve()");
            let steps =
                path.split('.').filter(|s| !s.is_empty() && *s != "$this" && !s.contains("resolve()"));
            slicing.discriminators.push(Discriminator {
                by,
                steps: steps.map(str::to_owned).collect(),
                resolves,
            });
        }
        slicing.closed = parts.next() == Some("closed");
        slicing.ordered = parts.next() == Some("ordered");
        Some(slicing)
    }
}

/// The rules of one element of a profile, or of one slice of it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Node {
    /// Element name as the profile writes it (`value[x]` for a choice); empty at the root.
    pub(crate) name: String,
    /// Slice name; empty for the element itself.
    pub(crate) slice: String,
    /// The rule's stable id.
    pub(crate) rule: String,
    pub(crate) min: Option<usize>,
    pub(crate) max: Option<usize>,
    pub(crate) types: Vec<TypeRule>,
    pub(crate) must_support: bool,
    pub(crate) value: Option<Expected>,
    pub(crate) binding: Option<Binding>,
    pub(crate) slicing: Option<Slicing>,
    pub(crate) invariants: Vec<&'static Invariant>,
    /// Keys of invariants that this crate doesn't know.
    pub(crate) unknown: Vec<String>,
    pub(crate) children: Vec<Node>,
    pub(crate) slices: Vec<Node>,
    /// True at the `extension` of an extension that defines its parts: others are not allowed.
    pub(crate) parts_only: bool,
}

impl Node {
    pub(crate) fn child(&self, name: &str) -> Option<&Self> {
        self.children.iter().find(|c| c.name == name)
    }

    /// The URL that an extension slice stands for.
    pub(crate) fn extension_url(&self) -> &str {
        if let Some(profile) = self.types.iter().flat_map(|t| &t.profiles).next() {
            return profile;
        }
        match self.child("url").and_then(|u| u.value.as_ref()) {
            Some(Expected::Fixed(Value::String(url)) | Expected::Pattern(Value::String(url))) => url,
            _ => &self.slice,
        }
    }

    /// Gives the slices below a slice what the same slices below the unsliced element say and they don't.
    ///
    /// A profile states such rules once, at the unsliced element, and leaves it to the snapshot to copy them.
    fn inherit(&mut self, unsliced: &Self) {
        for child in &mut self.children {
            let Some(same) = unsliced.child(&child.name) else { continue };
            if child.slicing.is_none() {
                child.slicing.clone_from(&same.slicing);
            }
            for slice in &mut child.slices {
                let Some(from) = same.slices.iter().find(|s| s.slice == slice.slice) else { continue };
                for rule in &from.children {
                    if slice.child(&rule.name).is_none() {
                        slice.children.push(rule.clone());
                    }
                }
            }
            child.inherit(same);
        }
    }

    fn settle(&mut self) {
        self.children.iter_mut().chain(&mut self.slices).for_each(Self::settle);
        let unsliced = Self { children: self.children.clone(), ..Self::default() };
        for slice in &mut self.slices {
            slice.inherit(&unsliced);
        }
    }
}

/// The rows of one definition, as its table has them.
#[derive(Clone, Debug, Default)]
pub(crate) struct ProfileRows {
    pub(crate) id: String,
    pub(crate) ty: String,
    pub(crate) base: String,
    contexts: Vec<(String, String)>,
    rules: Vec<String>,
}

/// A compiled profile or extension definition.
#[derive(Clone, Debug)]
pub(crate) struct Profile {
    pub(crate) ty: String,
    pub(crate) root: Node,
    /// Where an extension may stand: kind (`element`, `extension`, `fhirpath`) and expression.
    pub(crate) contexts: Vec<(String, String)>,
}

/// Reads the `P` and `x` rows of a table.
pub(crate) fn parse_rows(table: &str) -> Vec<(String, ProfileRows)> {
    let mut all: Vec<(String, ProfileRows)> = Vec::new();
    for line in table.lines() {
        if let Some(rest) = line.strip_prefix("P\t") {
            let mut fields = rest.split('\t');
            let mut next = || fields.next().unwrap_or_default();
            let url = long(next());
            let (id, ty, base) = (next().to_owned(), next().to_owned(), long(next()));
            let contexts = next()
                .split(' ')
                .filter_map(|c| c.split_once(':'))
                .map(|(k, e)| (k.to_owned(), e.to_owned()));
            all.push((url, ProfileRows { id, ty, base, contexts: contexts.collect(), rules: Vec::new() }));
        } else if let (Some(rest), Some((_, rows))) = (line.strip_prefix("x\t"), all.last_mut()) {
            rows.rules.push(rest.to_owned());
        }
    }
    all
}

/// Compiles a profile with the rules of all its base profiles.
pub(crate) fn compile(url: &str, rows: &HashMap<String, Arc<ProfileRows>>) -> Option<Profile> {
    let own = rows.get(url)?;
    let prefix = if url.starts_with("https://fhir.hl7.org.uk/")
        || own.id.starts_with("Extension-UKCore")
        || own.id.starts_with("UKCore")
    {
        "ukcore"
    } else if url.starts_with(crate::rows::FHIR_STRUCTURE) {
        "r4"
    } else {
        "profile"
    };
    let mut chain = vec![own];
    while let Some(next) = chain.last().and_then(|p| rows.get(&p.base)).filter(|_| chain.len() < MAX_BASES) {
        chain.push(next);
    }
    let mut root = Node { rule: format!("{prefix}/{}", own.id), ..Node::default() };
    for profile in chain.iter().rev() {
        for rule in &profile.rules {
            apply(&mut root, rule);
        }
    }
    root.settle();
    if own.ty == "Extension"
        && let Some(parts) = root.children.iter_mut().find(|c| c.name == "extension")
    {
        parts.parts_only = !parts.slices.is_empty();
    }
    Some(Profile { ty: own.ty.clone(), root, contexts: own.contexts.clone() })
}

/// Puts one rule row into the tree.
fn apply(root: &mut Node, row: &str) {
    let mut fields = row.split('\t');
    let mut next = || fields.next().unwrap_or_default();
    let id = next();
    let head = root.rule.clone();
    let mut node = root;
    let mut path = String::new();
    for step in id.split('.').filter(|s| !s.is_empty()) {
        let (name, slice) = step.split_once(':').unwrap_or((step, ""));
        path = if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") };
        node = descend(&mut node.children, name, "", &head, &path);
        if !slice.is_empty() {
            path = format!("{path}:{slice}");
            node = descend(&mut node.slices, name, slice, &head, &path);
        }
    }
    let (least, most, types, flag, value, binding, slicing, keys) =
        (next(), next(), next(), next(), next(), next(), next(), next());
    node.min = least.parse().ok().or(node.min);
    node.max = max(most).or(node.max);
    if !types.is_empty() {
        node.types = types.split(' ').map(TypeRule::parse).collect();
    }
    node.must_support |= flag == "M";
    if let Some(rest) = value.strip_prefix('=') {
        node.value = serde_json::from_str(rest).ok().map(Expected::Fixed);
    } else if let Some(rest) = value.strip_prefix('~') {
        node.value = serde_json::from_str(rest).ok().map(Expected::Pattern);
    }
    node.binding = Binding::parse(binding).or(node.binding.take());
    node.slicing = Slicing::parse(slicing).or(node.slicing.take());
    for key in keys.split_whitespace() {
        match crate::invariants::named(key) {
            Some(invariant) => node.invariants.push(invariant),
            // A snapshot repeats what the base types state, and that is checked anyway.
            None if crate::invariants::is_of_base(key) => {}
            None => node.unknown.push(key.to_owned()),
        }
    }
}

fn descend<'n>(nodes: &'n mut Vec<Node>, name: &str, slice: &str, head: &str, path: &str) -> &'n mut Node {
    let at = nodes.iter().position(|n| n.name == name && n.slice == slice).unwrap_or_else(|| {
        nodes.push(Node {
            name: name.to_owned(),
            slice: slice.to_owned(),
            rule: format!("{head}/{path}"),
            ..Node::default()
        });
        nodes.len() - 1
    });
    &mut nodes[at]
}
