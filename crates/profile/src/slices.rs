//! Slicing: which slice of a profile each repetition of an element belongs to.

use crate::codes::Belongs;
use crate::profiles::{By, Discriminator, Expected, Node, PathStep};
use crate::report::{About, Severity, Step, Unchecked};
use crate::walk::{Nodes, Walker};
use serde_json::Value;

impl<'a> Walker<'a> {
    /// For each item: the rules of the element and of every slice that the item is in. Reports what slices demand.
    pub(crate) fn with_slices(
        &mut self,
        rules: &[&'a Node],
        key: &str,
        items: &[&'a Value],
    ) -> Vec<Nodes<'a>> {
        let mut out: Vec<Nodes<'a>> = items.iter().map(|_| rules.to_vec()).collect();
        for rule in rules.iter().filter(|r| !r.slices.is_empty()) {
            self.slice(rule, key, items, &mut out);
        }
        out
    }

    fn slice(&mut self, rule: &'a Node, key: &str, items: &[&'a Value], out: &mut [Nodes<'a>]) {
        let mut counts = vec![0usize; rule.slices.len()];
        let mut last = 0;
        for (number, (item, nodes)) in items.iter().zip(out.iter_mut()).enumerate() {
            let mut matched = None;
            for (position, (slice, count)) in rule.slices.iter().zip(&mut counts).enumerate() {
                if self.is_in_slice(rule, slice, key, item) {
                    *count += 1;
                    nodes.push(slice);
                    matched = Some(position);
                }
            }
            match matched {
                Some(position) if rule.slicing.as_ref().is_some_and(|s| s.ordered) && position < last => {
                    self.at(Step::Index(number), |w| w.error(&rule.rule, "the slices are out of order"));
                }
                Some(position) => last = position,
                None => self.unmatched(rule, key, item, number),
            }
        }
        for (slice, count) in rule.slices.iter().zip(counts) {
            // The cardinality of an extension that the slice doesn't state is that of the extension's own definition.
            let own = if is_extension(key) { self.defs.profile(slice.extension_url()) } else { None };
            let most = slice.max.or_else(|| own.and_then(|p| p.root.max));
            if slice.min.is_some_and(|m| count < m) {
                let text = self.missing_slice(rule, slice, key, items);
                self.tell(Severity::Error, &slice.rule, text, About::Nothing);
            }
            if most.is_some_and(|m| count > m) {
                let text =
                    format!("the profile allows at most {} of the slice {}", most.unwrap_or(0), slice.slice);
                self.error(&slice.rule, text);
            }
        }
    }

    /// Says which slice is missing, what would make an item one of it, and at what the items here fail.
    fn missing_slice(&mut self, rule: &'a Node, slice: &'a Node, key: &str, items: &[&'a Value]) -> String {
        let mut text = format!("the profile requires the slice {}", slice.slice);
        if is_extension(key) {
            text.push_str(&format!(": an extension with the url {}", slice.extension_url()));
            return text;
        }
        let Some(slicing) = &rule.slicing else { return text };
        let mut wanted = Vec::new();
        let mut failing = Vec::new();
        for discriminator in &slicing.discriminators {
            let path = path_words(&discriminator.steps);
            let mut nodes = Vec::new();
            self.rules_at(slice, &discriminator.steps, &mut nodes);
            let asked = nodes.iter().find_map(|n| asked(n));
            wanted.push(asked.map_or_else(|| path.clone(), |asked| format!("{path} {asked}")));
            let wrong =
                items.iter().filter(|i| self.discriminates(discriminator, slice, i) == Some(false)).count();
            if wrong > 0 {
                failing.push(format!("{wrong} of {} differ in {path}", items.len()));
            }
        }
        text.push_str(&format!(": an item with {}", wanted.join(" and ")));
        if !failing.is_empty() {
            text.push_str(&format!("; of the items here {}", failing.join(", ")));
        }
        text
    }

    fn unmatched(&mut self, rule: &'a Node, key: &str, item: &Value, number: usize) {
        if is_extension(key) {
            let url = item.get("url").and_then(Value::as_str);
            if rule.parts_only && url.is_some_and(|u| !u.is_empty() && !u.contains(':')) {
                self.at(Step::Index(number), |w| {
                    w.error(&rule.rule, "the extension has no part of this name")
                });
            }
        } else if rule.slicing.as_ref().is_some_and(|s| s.closed) {
            let slicing = rule.slicing.iter().flat_map(|s| &s.discriminators);
            let paths: Vec<String> = slicing.map(|d| path_words(&d.steps)).collect();
            let names: Vec<&str> = rule.slices.iter().map(|s| s.slice.as_str()).collect();
            let text = format!(
                "the item is in none of the profile's slices ({}), which are told by {}, and no other is allowed",
                names.join(", "),
                paths.join(" and ")
            );
            self.at(Step::Index(number), |w| w.error(&rule.rule, text));
        }
    }

    fn is_in_slice(&mut self, rule: &'a Node, slice: &'a Node, key: &str, item: &'a Value) -> bool {
        if is_extension(key) {
            return item.get("url").and_then(Value::as_str) == Some(slice.extension_url());
        }
        if let Some(stem) = rule.name.strip_suffix("[x]") {
            // Slices of a choice go by type: named for the JSON name, or holding the type.
            let chosen = key.strip_prefix(stem).unwrap_or_default();
            return slice.slice == key
                || (!slice.types.is_empty()
                    && slice.types.iter().any(|t| t.code.eq_ignore_ascii_case(chosen)));
        }
        let Some(slicing) = &rule.slicing else { return false };
        let mut decided = false;
        for discriminator in &slicing.discriminators {
            match self.discriminates(discriminator, slice, item) {
                Some(true) => decided = true,
                Some(false) => return false,
                None => {}
            }
        }
        // A slice whose discriminators say nothing (UKCore-Observation-Lab slices Codings by being Codings) takes no item.
        decided
    }

    fn discriminates(&mut self, by: &'a Discriminator, slice: &'a Node, item: &'a Value) -> Option<bool> {
        match by.by {
            By::Value => self.has_value(slice, &by.steps, item),
            By::Exists => {
                let mut nodes = Vec::new();
                self.rules_at(slice, &by.steps, &mut nodes);
                let there = !self.values_at(item, &by.steps).is_empty();
                nodes.iter().find_map(|node| match (node.min, node.max) {
                    (_, Some(0)) => Some(!there),
                    (Some(min), _) if min > 0 => Some(there),
                    _ => None,
                })
            }
            By::Type => {
                let values = self.values_at(item, &by.steps);
                let mut nodes = Vec::new();
                self.rules_at(slice, &by.steps, &mut nodes);
                let through = by.steps.last() == Some(&PathStep::Resolve);
                for value in values {
                    let Some(name) = value.get("resourceType").and_then(Value::as_str) else { continue };
                    let fits = |url: &String| self.defs.described_type(url) == name;
                    let types = nodes.iter().flat_map(|n| &n.types);
                    let fit = types.clone().any(|t| t.code == name || t.profiles.iter().any(fits))
                        || (through && types.clone().any(|t| t.targets.iter().any(fits)));
                    if types.clone().next().is_some() {
                        return Some(fit);
                    }
                }
                // A reference that leads out of the document still names its target's type.
                let (_, before) = by.steps.split_last().filter(|_| through)?;
                let mut nodes = Vec::new();
                self.rules_at(slice, before, &mut nodes);
                let reference = self.values_at(item, before).into_iter().next()?;
                let target = self.target_type(reference)?;
                let mut wanted = nodes.iter().flat_map(|n| &n.types).flat_map(|t| &t.targets).peekable();
                wanted.peek()?;
                Some(wanted.any(|w| self.defs.described_type(w) == target))
            }
            By::Profile => self.has_profile(by, slice, item),
        }
    }

    /// Whether the value at a path conforms to one of the profiles that the slice names there.
    fn has_profile(&mut self, by: &'a Discriminator, slice: &'a Node, item: &'a Value) -> Option<bool> {
        let through = by.steps.last() == Some(&PathStep::Resolve);
        let before = if through { by.steps.split_last()?.1 } else { &by.steps[..] };
        let mut nodes = Vec::new();
        self.rules_at(slice, before, &mut nodes);
        let types = nodes.iter().flat_map(|n| &n.types);
        let urls: Vec<&'a String> =
            types.flat_map(|t| if through { &t.targets } else { &t.profiles }).collect();
        if urls.is_empty() {
            return None;
        }
        let values = self.values_at(item, &by.steps);
        for value in values {
            let name = value.get("resourceType").and_then(Value::as_str).unwrap_or_default();
            for url in &urls {
                match self.defs.profile(url) {
                    Some(profile) if profile.ty != name => {}
                    Some(profile) => {
                        if self.conforms(value, &profile.root) {
                            return Some(true);
                        }
                    }
                    None if self.defs.described_type(url) == name => return Some(true),
                    None => self.skip(Unchecked::Profile, url),
                }
            }
        }
        Some(false)
    }

    /// The values that a path leads to.
    fn values_at(&self, item: &'a Value, steps: &[PathStep]) -> Vec<&'a Value> {
        let mut at = vec![item];
        let mut steps = steps.iter().peekable();
        while let Some(step) = steps.next() {
            let wanted = match steps.peek() {
                Some(PathStep::OfType(ty)) => Some(ty.as_str()),
                _ => None,
            };
            let mut next = Vec::new();
            for value in at {
                match step {
                    PathStep::Name(name) => below(value, name, wanted, &mut next),
                    PathStep::Extension(url) => {
                        let list = value.get("extension").and_then(Value::as_array).into_iter().flatten();
                        next.extend(list.filter(|e| e.get("url").and_then(Value::as_str) == Some(url)));
                    }
                    PathStep::OfType(ty) => {
                        let name = value.get("resourceType").and_then(Value::as_str);
                        next.extend(Some(value).filter(|_| name.is_none_or(|n| n == ty)));
                    }
                    PathStep::Resolve => next.extend(self.resolve(value)),
                }
            }
            at = next;
        }
        at
    }

    /// The rules that a slice has at a path, its own and those of profiles on the way.
    fn rules_at(&self, node: &'a Node, steps: &[PathStep], out: &mut Vec<&'a Node>) {
        let Some((step, rest)) = steps.split_first() else {
            out.push(node);
            return;
        };
        for child in self.children(node, step) {
            self.rules_at(child, rest, out);
        }
    }

    /// The rules one step below a node.
    fn children(&self, node: &'a Node, step: &PathStep) -> Vec<&'a Node> {
        let mut roots = vec![node];
        for ty in &node.types {
            roots.extend(ty.profiles.iter().filter_map(|p| self.defs.profile(p)).map(|p| &p.root));
        }
        let mut found = Vec::new();
        match step {
            PathStep::Name(name) => {
                for root in roots {
                    let named = |c: &&Node| c.name == *name || c.name.strip_suffix("[x]") == Some(name);
                    for child in root.children.iter().filter(named) {
                        found.push(child);
                        found.extend(&child.slices);
                    }
                }
            }
            PathStep::Extension(url) => {
                for root in roots {
                    let slices = root.child("extension").into_iter().flat_map(|c| &c.slices);
                    found.extend(slices.filter(|s| s.extension_url() == url));
                }
                found.extend(self.defs.profile(url).map(|p| &p.root));
            }
            PathStep::OfType(ty) => {
                let fits = |n: &&Node| n.types.is_empty() || n.types.iter().any(|t| t.code == *ty);
                found.extend(roots.into_iter().filter(fits));
            }
            PathStep::Resolve => {
                let targets = node.types.iter().flat_map(|t| &t.targets);
                found.extend(targets.filter_map(|t| self.defs.profile(t)).map(|p| &p.root));
                found.push(node);
            }
        }
        found
    }

    /// Whether the value at a path below an item is what the slice asks for; `None` where the slice doesn't say.
    fn has_value(&mut self, node: &'a Node, steps: &'a [PathStep], value: &'a Value) -> Option<bool> {
        if let Some(expected) = &node.value
            && !matches!(steps.first(), Some(PathStep::Extension(_) | PathStep::Resolve))
        {
            return Some(if let Value::Array(items) = value {
                items.iter().any(|item| expected.is_met(item))
            } else {
                expected.is_met(value)
            });
        }
        let Some((step, rest)) = steps.split_first() else {
            let binding = node.binding.as_ref().filter(|b| b.strength == crate::base::Strength::Required)?;
            let set = self.defs.value_set(&binding.value_set)?;
            return match self.is_bound(set, value) {
                Belongs::Yes => Some(true),
                Belongs::No => Some(false),
                Belongs::Unknown => None,
            };
        };
        let values = self.values_at(value, std::slice::from_ref(step));
        let (values, rest) = match (step, rest.split_first()) {
            (PathStep::Name(_), Some((PathStep::OfType(_), after))) => {
                (self.values_at(value, steps.get(..2).unwrap_or_default()), after)
            }
            _ => (values, rest),
        };
        let mut answer = None;
        for node in self.children(node, step) {
            if values.is_empty() {
                // Nothing there: the slice asks for something if it says anything at all.
                let mut said = Vec::new();
                self.rules_at(node, rest, &mut said);
                if said.iter().any(|n| n.value.is_some() || n.binding.is_some()) {
                    answer = Some(false);
                }
            }
            for value in &values {
                match self.has_value(node, rest, value) {
                    Some(true) => return Some(true),
                    Some(false) => answer = Some(false),
                    None => {}
                }
            }
        }
        answer
    }
}

/// Puts the values of an element, by the name that its definition has, into `out`; a list gives its items.
fn below<'v>(value: &'v Value, name: &str, wanted: Option<&str>, out: &mut Vec<&'v Value>) {
    let Some(object) = value.as_object() else { return };
    let found = object.get(name).or_else(|| {
        // A choice: the JSON name ends with the type.
        object.iter().find_map(|(key, value)| {
            let rest = key.strip_prefix(name)?;
            let typed = rest.starts_with(|c: char| c.is_ascii_uppercase());
            (typed && wanted.is_none_or(|w| w.eq_ignore_ascii_case(rest))).then_some(value)
        })
    });
    match found {
        Some(Value::Array(items)) => out.extend(items),
        Some(value) => out.push(value),
        None => {}
    }
}

/// A discriminator's path in words.
fn path_words(steps: &[PathStep]) -> String {
    if steps.is_empty() {
        return "its value".to_owned();
    }
    let words = steps.iter().map(|step| match step {
        PathStep::Name(name) => name.clone(),
        PathStep::Extension(url) => format!("extension {}", url.rsplit('/').next().unwrap_or(url)),
        PathStep::OfType(ty) => format!("ofType({ty})"),
        PathStep::Resolve => "its target".to_owned(),
    });
    words.collect::<Vec<_>>().join(".")
}

/// What a rule asks of a value, where that is short to say.
fn asked(node: &Node) -> Option<String> {
    let binding = || node.binding.as_ref().map(|b| format!("from {}", b.value_set));
    node.value.as_ref().and_then(Expected::words).or_else(binding)
}

fn is_extension(key: &str) -> bool {
    matches!(key, "extension" | "modifierExtension")
}
