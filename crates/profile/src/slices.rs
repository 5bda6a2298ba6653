//! Slicing: which slice of a profile each repetition of an element belongs to.

use crate::profiles::{By, Discriminator, Node};
use crate::report::Step;
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
                self.error(&slice.rule, format!("the profile requires the slice {}", slice.slice));
            }
            if most.is_some_and(|m| count > m) {
                let text =
                    format!("the profile allows at most {} of the slice {}", most.unwrap_or(0), slice.slice);
                self.error(&slice.rule, text);
            }
        }
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
            self.at(Step::Index(number), |w| {
                w.error(&rule.rule, "the item is in none of the profile's slices, and no other is allowed")
            });
        }
    }

    fn is_in_slice(&self, rule: &Node, slice: &Node, key: &str, item: &Value) -> bool {
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

    fn discriminates(&self, by: &Discriminator, slice: &Node, item: &Value) -> Option<bool> {
        match by.by {
            By::Value => self.has_value(slice, &by.steps, item),
            By::Exists => {
                let node = by.steps.iter().try_fold(slice, |n, s| n.child(s))?;
                let there = by.steps.iter().try_fold(item, |v, s| v.get(s)).is_some();
                match (node.min, node.max) {
                    (_, Some(0)) => Some(!there),
                    (Some(min), _) if min > 0 => Some(there),
                    _ => None,
                }
            }
            By::Type | By::Profile => {
                let value = by.steps.iter().try_fold(item, |v, s| v.get(s))?;
                let node = by.steps.iter().try_fold(slice, |n, s| n.child(s)).unwrap_or(slice);
                if by.resolves {
                    let target = self.target_type(value)?;
                    let wanted = node.types.iter().flat_map(|t| &t.targets);
                    return Some(wanted.into_iter().any(|w| self.defs.described_type(w) == target));
                }
                let name = value.get("resourceType").and_then(Value::as_str)?;
                let profiles = node.types.iter().flat_map(|t| &t.profiles);
                let by_code = node.types.iter().any(|t| t.code == name);
                Some(by_code || profiles.into_iter().any(|p| self.defs.described_type(p) == name))
            }
        }
    }

    /// Whether the value at a path below an item is what the slice asks for; `None` where the slice doesn't say.
    fn has_value(&self, node: &Node, steps: &[String], value: &Value) -> Option<bool> {
        if let Value::Array(items) = value {
            let mut answer = None;
            for item in items {
                match self.has_value(node, steps, item) {
                    Some(true) => return Some(true),
                    Some(false) => answer = Some(false),
                    None => {}
                }
            }
            return answer;
        }
        if let Some(expected) = &node.value {
            return Some(expected.is_met(value));
        }
        let Some((step, rest)) = steps.split_first() else {
            let binding = node.binding.as_ref().filter(|b| b.strength == crate::base::Strength::Required)?;
            let set = self.defs.value_set(&binding.value_set)?;
            return Some(self.is_bound(set, value));
        };
        let below = value.get(step).unwrap_or(&Value::Null);
        let mut answer = None;
        for child in node.children.iter().filter(|c| &c.name == step) {
            for node in std::iter::once(child).chain(&child.slices) {
                match self.has_value(node, rest, below) {
                    Some(true) => return Some(true),
                    Some(false) => answer = Some(false),
                    None => {}
                }
            }
        }
        answer
    }
}

fn is_extension(key: &str) -> bool {
    matches!(key, "extension" | "modifierExtension")
}
