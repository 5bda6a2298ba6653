//! Profiles and extension definitions, compiled to trees of rules.

use crate::base::{Binding, TypeRule, max};
use crate::expression::Expression;
use crate::invariants::Invariant;
use crate::limits::MAX_BASES;
use crate::urls::long;
use serde_json::Value;
use std::collections::HashMap;
use std::sync::Arc;

/// A value that a rule asks for.
#[derive(Clone, Debug)]
pub(crate) enum Expected {
    /// Exactly this value.
    Fixed(Value),
    /// At least what this value holds.
    Pattern(Value),
}

impl Expected {
    /// The value asked for, where it is short enough to say.
    pub(crate) fn words(&self) -> Option<String> {
        let (Self::Fixed(value) | Self::Pattern(value)) = self;
        let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        (text.len() <= 200).then_some(text)
    }

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

/// One step of a discriminator's path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum PathStep {
    /// An element by its name, without the type of a choice.
    Name(String),
    /// The extension of this URL.
    Extension(String),
    /// Where it is of this type: a choice or a resource.
    OfType(String),
    /// The resource that the reference leads to.
    Resolve,
}

impl PathStep {
    /// Reads `code.coding`, `extension('url').value`, `value.ofType(Coding)`, `entry.item.resolve()`, `$this`.
    fn parse(path: &str) -> Option<Vec<Self>> {
        let mut steps = Vec::new();
        let mut rest = path.trim();
        while !rest.is_empty() {
            let end = match rest.strip_prefix("extension(") {
                Some(after) => "extension(".len() + after.find(')')? + 1,
                None => rest.find(['.', '(']).map_or(rest.len(), |at| {
                    if rest[at..].starts_with('(') {
                        rest[at..].find(')').map_or(rest.len(), |e| at + e + 1)
                    } else {
                        at
                    }
                }),
            };
            let (step, after) = rest.split_at(end);
            rest = after.strip_prefix('.').unwrap_or(after);
            let argument = || {
                step.split_once('(')?.1.strip_suffix(')').map(|a| a.trim_matches(['\'', '"', '`']).to_owned())
            };
            steps.push(match step.split('(').next()? {
                "$this" => continue,
                "resolve" => Self::Resolve,
                "extension" if step.ends_with(')') => Self::Extension(argument()?),
                "ofType" | "as" => Self::OfType(argument()?),
                name if !step.contains('(') => Self::Name(name.trim_end_matches("[x]").to_owned()),
                _ => return None,
            });
        }
        Some(steps)
    }
}

#[derive(Clone, Debug)]
pub(crate) struct Discriminator {
    pub(crate) by: By,
    /// Steps of the path; empty for `$this`.
    pub(crate) steps: Vec<PathStep>,
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
            slicing.discriminators.push(Discriminator { by, steps: PathStep::parse(path)? });
        }
        slicing.closed = parts.next() == Some("closed");
        slicing.ordered = parts.next() == Some("ordered");
        Some(slicing)
    }
}

/// The least and the most that a value may be.
#[derive(Clone, Debug, Default)]
pub(crate) struct Limits {
    pub(crate) min: Option<Value>,
    pub(crate) max: Option<Value>,
    pub(crate) length: Option<usize>,
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
    /// Bindings that hold besides the main one.
    pub(crate) more_bindings: Vec<Binding>,
    pub(crate) slicing: Option<Slicing>,
    pub(crate) invariants: Vec<&'static Invariant>,
    /// Invariants given as FHIRPath.
    pub(crate) expressions: Vec<Expression>,
    pub(crate) limits: Limits,
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
    /// Business version; empty where the definition has none.
    pub(crate) version: String,
    contexts: Vec<(String, String)>,
    /// True for an extension that may stand among `modifierExtension` only.
    modifier: bool,
    /// `x` and `i` rows.
    rules: Vec<String>,
}

/// A compiled profile or extension definition.
#[derive(Clone, Debug)]
pub(crate) struct Profile {
    pub(crate) ty: String,
    pub(crate) version: Option<String>,
    pub(crate) root: Node,
    /// Where an extension may stand: kind (`element`, `extension`, `fhirpath`) and expression.
    /// True for an extension that may stand among `modifierExtension` only.
    pub(crate) modifier: bool,
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
                .map(|(k, e)| (k.to_owned(), e.to_owned()))
                .collect();
            let version = next().to_owned();
            let modifier = next() == "M";
            all.push((url, ProfileRows { id, ty, base, version, modifier, contexts, rules: Vec::new() }));
        } else if let (true, Some((_, rows))) =
            (line.starts_with("x\t") || line.starts_with("i\t"), all.last_mut())
        {
            rows.rules.push(line.to_owned());
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
    } else if url.starts_with(crate::urls::FHIR_STRUCTURE) {
        "r4"
    } else {
        "profile"
    };
    let mut chain = vec![own];
    let find = |url: &str| rows.get(url).or_else(|| rows.get(url.split_once('|')?.0));
    while let Some(next) = chain.last().and_then(|p| find(&p.base)).filter(|_| chain.len() < MAX_BASES) {
        chain.push(next);
    }
    let mut root = Node { rule: format!("{prefix}/{}", own.id), ..Node::default() };
    // An extension built on another keeps that one's URL, unless it says otherwise.
    if let ([.., derived, _], "Extension") = (chain.as_slice(), own.ty.as_str()) {
        let url = Value::String(derived.base.clone());
        apply(&mut root, &format!("x\turl\t\t\t\t\t={url}"));
    }
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
    let version = Some(own.version.clone()).filter(|v| !v.is_empty());
    let modifier = chain.iter().any(|p| p.modifier);
    Some(Profile { ty: own.ty.clone(), version, root, modifier, contexts: own.contexts.clone() })
}

/// Puts one rule row into the tree.
fn apply(root: &mut Node, row: &str) {
    let mut fields = row.split('\t');
    let mut next = || fields.next().unwrap_or_default();
    let kind = next();
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
    if kind == "i" {
        if let Some(expression) = Expression::parse(next()) {
            node.expressions.retain(|e| e.key != expression.key);
            node.expressions.push(expression);
        }
        return;
    }
    let (least, most, types, flag, value, binding, slicing, keys, limits) =
        (next(), next(), next(), next(), next(), next(), next(), next(), next());
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
    let mut bindings = binding.split(' ').filter_map(Binding::parse);
    node.binding = bindings.next().or(node.binding.take());
    node.more_bindings.extend(bindings);
    node.slicing = Slicing::parse(slicing).or(node.slicing.take());
    node.invariants.extend(keys.split_whitespace().filter_map(crate::invariants::named));
    if let Ok(Value::Object(mut limits)) = serde_json::from_str(limits) {
        let length = limits.get("length").and_then(Value::as_u64).and_then(|l| usize::try_from(l).ok());
        node.limits.min = limits.remove("min").or(node.limits.min.take());
        node.limits.max = limits.remove("max").or(node.limits.max.take());
        node.limits.length = length.or(node.limits.length);
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
