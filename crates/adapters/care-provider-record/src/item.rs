//! A view of the source that leaves out what was refused.

use std::collections::{HashMap, HashSet};

use causeway_adapter::Composer;
use causeway_core::{Leaf, Outcome};
use causeway_json::Node;

/// Nodes that are not read as they stand.
#[derive(Clone, Debug, Default)]
pub struct Refused {
    /// Refused alone: nothing at or below them is read.
    nodes: HashSet<u32>,
    /// Codes that are written otherwise than the schema has them, and how it has them.
    respelt: HashMap<u32, &'static str>,
}

impl Refused {
    /// Refuses a node; whether it was not before.
    pub fn insert(&mut self, node: Node<'_>) -> bool {
        self.nodes.insert(node.index())
    }

    /// Reads a node as a code of the schema.
    pub fn respell(&mut self, node: Node<'_>, code: &'static str) {
        self.respelt.insert(node.index(), code);
    }

    fn holds(&self, node: Node<'_>) -> bool {
        self.nodes.contains(&node.index())
    }
}

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

    /// What is not read as it stands.
    pub fn refused(self) -> &'t Refused {
        self.refused
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
            if self.refused.holds(node) || node.is_null() {
                return None;
            }
            at = In { node, ..self };
        }
        Some(at)
    }

    /// The leaf at a path.
    pub fn leaf(self, path: &str) -> Option<Leaf<'t>> {
        let found = self.get(path)?.node;
        let leaf = found.leaf().filter(|leaf| !leaf.is_blank())?;
        Some(match self.refused.respelt.get(&found.index()) {
            Some(text) => Leaf { text, ..leaf },
            None => leaf,
        })
    }

    /// The elements of the array at a path.
    pub fn list(self, path: &str) -> impl Iterator<Item = In<'t>> {
        self.get(path)
            .into_iter()
            .flat_map(|found| found.node.elements())
            .filter(move |node| !self.refused.holds(*node))
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
    if refused.insert(unit) {
        for leaf in unit.leaves() {
            c.claim(leaf, Outcome::Rejected, why);
        }
    }
}
