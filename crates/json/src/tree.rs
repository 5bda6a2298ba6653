//! The tree and its nodes.

use std::sync::Arc;

use causeway_core::{ItemId, Leaf, Outline, Place, Position, Sources, Span};

/// What a value is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `{…}`
    Object,
    /// `[…]`
    Array,
    /// `"…"`
    Text,
    /// A number, its digits untouched.
    Number,
    /// `true`
    True,
    /// `false`
    False,
    /// `null`
    Null,
}

/// Where the text of a value is.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Stored {
    /// In the source, as it stands.
    Source,
    /// In the arena, unescaped.
    Arena(u32, u32),
}

/// How a value hangs below its parent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    Root,
    Name(u32),
    Index(u32),
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Data {
    pub kind: Kind,
    pub span: Span,
    pub stored: Stored,
    pub first: u32,
    pub next: u32,
    pub item: ItemId,
}

/// No node, no item.
pub(crate) const NONE: u32 = u32::MAX;

/// A parsed document. Borrows the source.
#[derive(Debug)]
pub struct Tree<'a> {
    pub(crate) source: &'a str,
    /// Bytes of a byte order mark before `source`.
    pub(crate) shift: usize,
    pub(crate) nodes: Vec<Data>,
    pub(crate) arena: String,
    pub(crate) names: Arc<Names>,
    /// Nodes whose name their object already had.
    pub(crate) duplicates: Vec<u32>,
}

/// The names and parents of a document's nodes: enough to write a JSON pointer without the document.
#[derive(Debug, Default)]
pub(crate) struct Names {
    pub texts: Vec<Box<str>>,
    pub parents: Vec<(u32, Step)>,
}

impl Names {
    fn pointer(&self, node: u32) -> String {
        let mut steps = Vec::new();
        let mut at = node;
        while let Some((parent, step)) = self.parents.get(at as usize) {
            match step {
                Step::Root => break,
                Step::Name(name) => {
                    let name = self.texts.get(*name as usize).map_or("", |t| &**t);
                    steps.push(name.replace('~', "~0").replace('/', "~1"));
                }
                Step::Index(index) => steps.push(index.to_string()),
            }
            at = *parent;
        }
        steps.iter().rev().fold(String::new(), |path, step| path + "/" + step)
    }
}

impl Outline for Names {
    fn name(&self, place: Place) -> Option<String> {
        match place {
            Place::Node(node) => Some(self.pointer(node)),
            _ => None,
        }
    }
}

/// A value of a document. Cheap to copy.
#[derive(Clone, Copy, Debug)]
pub struct Node<'t> {
    tree: &'t Tree<'t>,
    index: u32,
}

/// The items below a value, in source order.
#[derive(Clone, Debug)]
pub struct Leaves<'t> {
    tree: &'t Tree<'t>,
    nodes: std::ops::Range<u32>,
}

impl<'t> Iterator for Leaves<'t> {
    type Item = Leaf<'t>;

    fn next(&mut self) -> Option<Leaf<'t>> {
        let tree = self.tree;
        self.nodes.find_map(|index| tree.node(index).leaf())
    }
}

impl Sources for Leaves<'_> {
    fn each(&self, f: &mut dyn FnMut(ItemId)) {
        self.clone().for_each(|leaf| f(leaf.id));
    }
}

impl<'a> Tree<'a> {
    /// The outermost value.
    pub fn root(&self) -> Node<'_> {
        self.node(0)
    }

    /// Members whose name their object had already: RFC 8259 leaves open what they mean, so a reader must say.
    pub fn duplicates(&self) -> impl Iterator<Item = Node<'_>> {
        self.duplicates.iter().map(|index| self.node(*index))
    }

    fn node(&self, index: u32) -> Node<'_> {
        Node { tree: self, index }
    }
}

impl<'t> Node<'t> {
    fn data(self) -> &'t Data {
        // Indices come from the parser alone; a document has at least its root.
        &self.tree.nodes[self.index as usize]
    }

    fn other(self, index: u32) -> Option<Node<'t>> {
        (index != NONE).then_some(Node { tree: self.tree, index })
    }

    /// What it is.
    pub fn kind(self) -> Kind {
        self.data().kind
    }

    /// Whether it is an object.
    pub fn is_object(self) -> bool {
        self.kind() == Kind::Object
    }

    /// Whether it is an array.
    pub fn is_array(self) -> bool {
        self.kind() == Kind::Array
    }

    /// Whether it is `null`.
    pub fn is_null(self) -> bool {
        self.kind() == Kind::Null
    }

    /// The text of a string (unescaped), number or boolean; empty for the others.
    pub fn text(self) -> &'t str {
        let data = self.data();
        match (data.kind, data.stored) {
            (Kind::Object | Kind::Array | Kind::Null, _) => "",
            (_, Stored::Arena(start, end)) => self.tree.arena.get(start as usize..end as usize).unwrap_or(""),
            _ => {
                let shift = self.tree.shift;
                let start = (data.span.start as usize).saturating_sub(shift);
                let end = (data.span.end as usize).saturating_sub(shift);
                self.tree.source.get(start..end).unwrap_or("")
            }
        }
    }

    /// The source item of a string, number or boolean; `None` for containers, `null` and empty strings.
    pub fn leaf(self) -> Option<Leaf<'t>> {
        let item = self.data().item;
        (item != NONE).then(|| Leaf { text: self.text(), id: item })
    }

    /// The text of a string; `None` for everything else.
    pub fn string(self) -> Option<&'t str> {
        (self.kind() == Kind::Text).then(|| self.text())
    }

    /// The value of a boolean.
    pub fn boolean(self) -> Option<bool> {
        match self.kind() {
            Kind::True => Some(true),
            Kind::False => Some(false),
            _ => None,
        }
    }

    /// Members or elements, in order.
    pub fn children(self) -> impl Iterator<Item = Node<'t>> {
        let first = match self.kind() {
            Kind::Object | Kind::Array => self.other(self.data().first),
            _ => None,
        };
        std::iter::successors(first, |node| node.other(node.data().next))
    }

    /// Elements of an array; nothing for other kinds.
    pub fn elements(self) -> impl Iterator<Item = Node<'t>> {
        self.is_array().then(|| self.children()).into_iter().flatten()
    }

    /// Members of an object with their names; nothing for other kinds.
    pub fn members(self) -> impl Iterator<Item = (&'t str, Node<'t>)> {
        self.is_object().then(|| self.children().map(|child| (child.name(), child))).into_iter().flatten()
    }

    /// The first member of this name.
    pub fn get(self, name: &str) -> Option<Node<'t>> {
        if !self.is_object() {
            return None;
        }
        let (nodes, names) = (&self.tree.nodes, &self.tree.names);
        let mut at = self.data().first;
        while let Some(node) = nodes.get(at as usize) {
            if let Some((_, Step::Name(own))) = names.parents.get(at as usize)
                && names.texts.get(*own as usize).is_some_and(|own| **own == *name)
            {
                return self.other(at);
            }
            at = node.next;
        }
        None
    }

    /// The source item of a member, where it has one.
    pub fn leaf_of(self, name: &str) -> Option<Leaf<'t>> {
        self.get(name).and_then(Node::leaf)
    }

    /// The text of a string member.
    pub fn string_of(self, name: &str) -> Option<&'t str> {
        self.get(name).and_then(Node::string)
    }

    /// Its name within its object; empty elsewhere.
    pub fn name(self) -> &'t str {
        match self.tree.names.parents.get(self.index as usize) {
            Some((_, Step::Name(name))) => self.tree.names.texts.get(*name as usize).map_or("", |t| &**t),
            _ => "",
        }
    }

    /// The value that it lies in.
    pub fn parent(self) -> Option<Node<'t>> {
        match self.tree.names.parents.get(self.index as usize) {
            Some((parent, Step::Name(_) | Step::Index(_))) => self.other(*parent),
            _ => None,
        }
    }

    /// The number of the first node after it and all that it holds.
    fn end(self) -> u32 {
        let mut at = self;
        loop {
            let next = at.data().next;
            if next != NONE {
                return next;
            }
            match at.parent() {
                Some(parent) => at = parent,
                None => return self.tree.nodes.len() as u32,
            }
        }
    }

    /// How many values it holds, itself included.
    pub fn size(self) -> usize {
        self.end().saturating_sub(self.index) as usize
    }

    /// Every item below it, itself included, in source order.
    pub fn leaves(self) -> Leaves<'t> {
        // The values in it follow it without a gap.
        Leaves { tree: self.tree, nodes: self.index..self.end() }
    }

    /// The first item below it, itself included.
    pub fn first_leaf(self) -> Option<Leaf<'t>> {
        self.leaves().next()
    }

    /// The bytes of the value in the source: a string without its quotation marks, a container with its braces.
    pub fn span(self) -> Span {
        self.data().span
    }

    /// The number of the node, unique within its tree, rising in source order.
    pub fn index(self) -> u32 {
        self.index
    }

    /// Its JSON pointer (RFC 6901).
    pub fn pointer(self) -> String {
        self.tree.names.pointer(self.index)
    }

    /// Its pointer and bytes, for an issue.
    pub fn position(self) -> Position {
        Position::new(self.pointer(), self.span())
    }
}
