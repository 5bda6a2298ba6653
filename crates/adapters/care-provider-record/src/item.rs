//! A view of the source that leaves out what was refused.

use std::collections::HashSet;

use causeway_adapter::Composer;
use causeway_core::{Leaf, Outcome};
use causeway_json::Node;

/// Nodes that were refused alone: nothing at or below them is read.
#[derive(Debug, Default)]
pub struct Refused(pub HashSet<u32>);

/// A value of the record, seen without what was refused.
#[derive(Clone, Copy, Debug)]
pub struct In<'t> {
    /// The node.
    pub node: Node<'t>,
    refused: &'t Refused,
}

impl<'t> In<'t> {
    /// A view of a node.
    pub fn new(node: Node<'t>, refused: &'t Refused) -> Self {
        Self { node, refused }
    }

    /// The member at a path of names (`recordedBy.name`); the value itself for an empty path. `null` is nothing.
    pub fn get(self, path: &str) -> Option<In<'t>> {
        let mut at = self;
        let mut rest = path;
        while !rest.is_empty() {
            let end = rest.bytes().position(|b| b == b'.').unwrap_or(rest.len());
            let name = rest.get(..end).unwrap_or("");
            rest = rest.get(end + 1..).unwrap_or("");
            if name.is_empty() {
                continue;
            }
            let node = at.node.get(name)?;
            if self.refused.0.contains(&node.index()) || node.is_null() {
                return None;
            }
            at = In { node, ..self };
        }
        Some(at)
    }

    /// The leaf at a path.
    pub fn leaf(self, path: &str) -> Option<Leaf<'t>> {
        self.get(path).and_then(|found| found.node.leaf()).filter(|leaf| !leaf.is_blank())
    }

    /// The elements of the array at a path.
    pub fn list(self, path: &str) -> impl Iterator<Item = In<'t>> {
        self.get(path)
            .into_iter()
            .flat_map(|found| found.node.elements())
            .filter(move |node| !self.refused.0.contains(&node.index()))
            .map(move |node| In { node, ..self })
    }

    /// Whether there is a value with something in it at a path.
    pub fn has(self, path: &str) -> bool {
        self.get(path).is_some_and(|found| found.has_leaf())
    }

    fn has_leaf(self) -> bool {
        any_leaf(self.node)
    }
}

/// Whether a value says something; as deep as the document, whose depth is limited.
fn any_leaf(node: Node<'_>) -> bool {
    match node.leaf() {
        Some(leaf) => !leaf.is_blank(),
        None => node.children().any(any_leaf),
    }
}

/// Refuses a part of the record: its items are rejected, whatever else was said of them.
pub fn refuse(c: &mut Composer<'_>, refused: &mut Refused, unit: Node<'_>, why: &'static str) {
    if refused.0.insert(unit.index()) {
        for leaf in unit.leaves() {
            c.claim(leaf, Outcome::Rejected, why);
        }
    }
}
