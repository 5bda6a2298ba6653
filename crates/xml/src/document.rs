//! A parsed document as flat lists.

use std::borrow::Cow;

use causeway_core::{ItemId, Leaf, Span};

/// An element or a text. Nodes lie in document order, so that a subtree is a range.
#[derive(Debug)]
pub(crate) struct Node<'a> {
    /// Local name; empty for a text.
    pub name: &'a str,
    pub parent: u32,
    /// One past the last node within it.
    pub end: u32,
    pub first_item: ItemId,
    pub end_item: ItemId,
    /// First attribute; for a text, its number among the texts.
    pub(crate) first: u32,
    pub(crate) attributes: u16,
    pub(crate) namespace: u16,
    pub(crate) start_byte: u32,
    pub(crate) end_byte: u32,
}

impl Node<'_> {
    pub fn is_text(&self) -> bool {
        self.name.is_empty()
    }
}

#[derive(Debug)]
pub(crate) struct Attribute<'a> {
    pub(crate) value: Value<'a>,
    /// Number of the local name; [`NONE`] for a namespace declaration.
    pub(crate) name: u32,
    pub(crate) item: ItemId,
}

/// A value as it stands in the source, or the number of one that had to be unescaped. A message has hundreds of
/// thousands, so an attribute is kept at 24 bytes.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Value<'a> {
    Raw(&'a str),
    Unescaped(u32),
}

/// A parsed document.
#[derive(Debug)]
pub struct Document<'a> {
    pub(crate) nodes: Vec<Node<'a>>,
    pub(crate) attributes: Vec<Attribute<'a>>,
    pub(crate) unescaped: Vec<Box<str>>,
    pub(crate) names: Vec<&'a str>,
    pub(crate) texts: Vec<Cow<'a, str>>,
    pub(crate) namespaces: Vec<Cow<'a, str>>,
}

impl<'a> Document<'a> {
    /// Number of elements and texts.
    pub fn len(&self) -> usize {
        self.nodes.len()
    }

    /// Never: a document has a root.
    pub fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }

    pub(crate) fn node(&self, index: u32) -> Option<&Node<'a>> {
        self.nodes.get(index as usize)
    }

    pub(crate) fn namespace_of(&self, index: u32) -> &str {
        self.node(index).and_then(|n| self.namespaces.get(usize::from(n.namespace))).map_or("", |n| n)
    }

    pub(crate) fn attribute_range(&self, index: u32) -> std::ops::Range<u32> {
        self.node(index).filter(|n| !n.is_text()).map_or(0..0, |n| n.first..n.first + u32::from(n.attributes))
    }

    pub(crate) fn attribute_at(&self, index: u32) -> Option<(&str, Leaf<'_>)> {
        let found = self.attributes.get(index as usize)?;
        let name = self.names.get(found.name as usize)?;
        let text = match found.value {
            Value::Raw(text) => text,
            Value::Unescaped(number) => self.unescaped.get(number as usize)?,
        };
        Some((name, Leaf { text, id: found.item }))
    }

    pub(crate) fn text_leaf(&self, index: u32) -> Option<Leaf<'_>> {
        let node = self.node(index).filter(|n| n.is_text())?;
        self.texts.get(node.first as usize).map(|text| Leaf { text, id: node.first_item })
    }

    pub(crate) fn span_of(&self, index: u32) -> Span {
        self.node(index).map_or_else(Span::default, |n| Span { start: n.start_byte, end: n.end_byte })
    }
}
