//! Builds a tree of what stands in another notation, so that one reader serves both.

use std::sync::Arc;

use causeway_core::names;
use causeway_core::{Ledger, Span};

use crate::tree::{Data, Kind, NONE, Names, Step, Stored, Tree};

/// Builds a [`Tree`] node by node, in order.
#[derive(Debug, Default)]
pub struct Builder {
    nodes: Vec<Data>,
    parents: Vec<(u32, Step)>,
    arena: String,
    names: names::Names,
    open: Vec<Open>,
}

#[derive(Debug)]
struct Open {
    node: u32,
    last: u32,
    count: u32,
}

impl Builder {
    /// Opens an object or array. The name counts within an object only.
    pub fn begin(&mut self, name: &str, kind: Kind, span: Span) {
        let node = self.push(name, kind, span, Stored::Source);
        self.open.push(Open { node, last: NONE, count: 0 });
    }

    /// Closes what was opened last.
    pub fn end(&mut self) {
        self.open.pop();
    }

    /// A string, number, boolean or null. A span without bytes makes no source item.
    pub fn value(&mut self, name: &str, kind: Kind, text: &str, span: Span) {
        let start = self.arena.len() as u32;
        self.arena.push_str(text);
        self.push(name, kind, span, Stored::Arena(start, self.arena.len() as u32));
    }

    /// How many nodes there are.
    pub fn len(&self) -> usize {
        self.nodes.len()
    }

    /// Whether nothing was built.
    pub fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }

    /// The tree; its strings, numbers and booleans are entered into the ledger.
    pub fn finish(mut self, ledger: &mut Ledger) -> Tree<'static> {
        if self.nodes.is_empty() {
            self.value("", Kind::Null, "", Span::new(0, 0));
        }
        let mut tree = Tree {
            source: "",
            shift: 0,
            nodes: self.nodes,
            arena: self.arena,
            names: Arc::new(Names { texts: self.names.into_texts(), parents: self.parents }),
            duplicates: Vec::new(),
        };
        tree.enter(ledger);
        tree
    }

    fn push(&mut self, name: &str, kind: Kind, span: Span, stored: Stored) -> u32 {
        let index = self.nodes.len() as u32;
        let step = match self.open.last() {
            None => Step::Root,
            Some(top) if self.nodes.get(top.node as usize).is_some_and(|n| n.kind == Kind::Array) => {
                Step::Index(top.count)
            }
            Some(_) => Step::Name(self.names.number(name)),
        };
        self.parents.push((self.open.last().map_or(NONE, |top| top.node), step));
        self.nodes.push(Data { kind, span, stored, first: NONE, next: NONE, item: NONE });
        if let Some(top) = self.open.last_mut() {
            let before = if top.count == 0 { top.node } else { top.last };
            if let Some(node) = self.nodes.get_mut(before as usize) {
                *(if top.count == 0 { &mut node.first } else { &mut node.next }) = index;
            }
            top.last = index;
            top.count += 1;
        }
        index
    }
}
