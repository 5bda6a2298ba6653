//! Names of the places of one document: element paths, without any value.

use causeway_core::names::Names;
use causeway_core::{Outline, Place};

/// Number of "no parent": the root's.
pub(crate) const NONE: u32 = u32::MAX;

/// One node as far as its path goes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Step {
    pub parent: u32,
    /// Index of the name; [`NONE`] for a text.
    pub name: u32,
    /// Ordinal among the siblings of the same name, from 1; 0 where not counted.
    pub ordinal: u32,
    pub first_attribute: u32,
}

/// Paths of a document's nodes and attributes.
#[derive(Debug, Default)]
pub(crate) struct Paths {
    pub names: Names,
    pub steps: Vec<Step>,
    /// Name index of every attribute.
    pub attributes: Vec<u32>,
}

impl Paths {
    fn name_of(&self, index: u32) -> &str {
        self.names.text(index).unwrap_or("?")
    }

    /// Path of a node: `/a/b[2]`, and for a text the path of the element that holds it.
    pub fn path(&self, node: u32) -> String {
        let mut chain = Vec::new();
        let mut at = node;
        while let Some(step) = self.steps.get(at as usize) {
            if step.name != NONE {
                chain.push(step);
            }
            if step.parent >= at {
                break;
            }
            at = step.parent;
        }
        let mut out = String::new();
        for step in chain.into_iter().rev() {
            out.push('/');
            out.push_str(self.name_of(step.name));
            if step.ordinal > 1 {
                out.push_str(&format!("[{}]", step.ordinal));
            }
        }
        out
    }
}

impl Outline for Paths {
    fn name(&self, place: Place) -> Option<String> {
        match place {
            Place::Node(node) => Some(self.path(node)),
            Place::Attribute { node, attribute } => {
                let step = self.steps.get(node as usize)?;
                let index = step.first_attribute as usize + usize::from(attribute);
                let name = self.attributes.get(index).map_or("?", |name| self.name_of(*name));
                Some(format!("{}/@{name}", self.path(node)))
            }
            _ => None,
        }
    }
}
