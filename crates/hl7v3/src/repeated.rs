//! Elements that stand a second time where one is read: what the second says must not be lost in silence.

use causeway_core::{Item, ItemId, Outcome};
use causeway_xml::Element;

/// Elements of which every message has several, each read for itself.
const SEVERAL: [&str; 6] = ["component", "part", "entry", "id", "telecom", "templateId"];

/// Names of one parent's children that are looked at; no message of these formats has as many.
const NAMES_MAX: usize = 64;

/// The first item of each element from which nothing was taken, and before which an element of the same name in the same
/// place was read. For use once everything is accounted for: `items` are those of the whole ledger. It takes time in
/// proportion to the document.
pub fn repeated(root: Element<'_>, items: &[Item]) -> Vec<ItemId> {
    let all = root.items();
    let of = |id: ItemId| items.get(id as usize).map_or(Outcome::Structural, |item| item.outcome);
    let (mut taken, mut left) = (vec![0u32], Vec::new());
    for id in all.clone() {
        let before = taken.last().copied().unwrap_or(0);
        match of(id) {
            Outcome::Unsupported => left.push(id),
            Outcome::Structural | Outcome::Unexplained => {}
            _ => {
                taken.push(before + 1);
                continue;
            }
        }
        taken.push(before);
    }
    let at = |id: ItemId| taken.get(id.saturating_sub(all.start) as usize).copied().unwrap_or(0);
    let mut found = Vec::new();
    let mut open = vec![root];
    // Names of one parent's children are few, and looked for one after the other.
    let mut read: Vec<(&str, bool)> = Vec::new();
    while let Some(parent) = open.pop() {
        read.clear();
        for child in parent.children() {
            let range = child.items();
            let is_read = at(range.end) > at(range.start);
            let first = left.get(left.partition_point(|id| *id < range.start)).filter(|id| **id < range.end);
            let has_room = read.len() < NAMES_MAX;
            let known = read.iter_mut().find(|(name, _)| *name == child.name());
            match (&known, first) {
                (Some((_, true)), Some(id)) if !is_read && !SEVERAL.contains(&child.name()) => {
                    found.push(*id)
                }
                _ => {
                    match known {
                        Some((_, known)) => *known |= is_read,
                        None if has_room => read.push((child.name(), is_read)),
                        None => {}
                    }
                    open.push(child);
                }
            }
        }
    }
    found.sort_unstable();
    found
}
