//! Walking a document.

use causeway_core::{ItemId, Leaf, Span};

use crate::document::Document;

/// One element. Cheap to copy.
#[derive(Clone, Copy)]
pub struct Element<'d> {
    pub(crate) document: &'d Document<'d>,
    pub(crate) index: u32,
}

impl std::fmt::Debug for Element<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "<{}> #{}", self.name(), self.index)
    }
}

impl PartialEq for Element<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.index == other.index && std::ptr::eq(self.document, other.document)
    }
}
impl Eq for Element<'_> {}

impl<'a> Document<'a> {
    /// The root element.
    pub fn root(&'a self) -> Element<'a> {
        Element { document: self, index: 0 }
    }

    /// The element with a number, see [`Element::index`].
    pub fn element(&'a self, index: u32) -> Option<Element<'a>> {
        self.node(index).filter(|n| !n.is_text()).map(|_| Element { document: self, index })
    }
}

/// What an element holds, in order.
#[derive(Clone, Copy, Debug)]
pub enum Content<'d> {
    /// An element.
    Element(Element<'d>),
    /// A text that is not blank.
    Text(Leaf<'d>),
}

impl<'d> Element<'d> {
    /// Local name, without prefix.
    pub fn name(self) -> &'d str {
        self.document.node(self.index).map_or("", |n| n.name)
    }

    /// URI of its namespace, empty where it has none.
    pub fn namespace(self) -> &'d str {
        self.document.namespace_of(self.index)
    }

    /// Its number within the document, in document order: a key that costs nothing.
    pub fn index(self) -> u32 {
        self.index
    }

    /// The value of an attribute by its local name.
    pub fn attribute(self, name: &str) -> Option<Leaf<'d>> {
        self.attributes().find(|(n, _)| *n == name).map(|(_, leaf)| leaf)
    }

    /// All attributes with local names, namespace declarations left out.
    pub fn attributes(self) -> Attributes<'d> {
        Attributes { document: self.document, range: self.document.attribute_range(self.index) }
    }

    /// Child elements, in order.
    pub fn children(self) -> Children<'d> {
        let end = self.document.node(self.index).map_or(self.index, |n| n.end);
        Children { document: self.document, next: self.index + 1, end }
    }

    /// Child elements of a name.
    pub fn children_named<'n>(self, name: &'n str) -> impl Iterator<Item = Element<'d>> + use<'d, 'n> {
        self.children().filter(move |c| c.name() == name)
    }

    /// The first child element of a name.
    pub fn child(self, name: &str) -> Option<Element<'d>> {
        self.children().find(|c| c.name() == name)
    }

    /// The element at the end of a path of names, the first of each name.
    pub fn path(self, names: &[&str]) -> Option<Element<'d>> {
        names.iter().try_fold(self, |at, name| at.child(name))
    }

    /// Child elements and texts, in order.
    pub fn contents(self) -> Contents<'d> {
        let end = self.document.node(self.index).map_or(self.index, |n| n.end);
        Contents { document: self.document, next: self.index + 1, end }
    }

    /// The first text that it holds itself (not within children), if there is one.
    pub fn text(self) -> Option<Leaf<'d>> {
        self.contents().find_map(|c| match c {
            Content::Text(leaf) => Some(leaf),
            Content::Element(_) => None,
        })
    }

    /// Elements within it at any depth, in document order, itself left out.
    pub fn descendants(self) -> Descendants<'d> {
        let end = self.document.node(self.index).map_or(self.index, |n| n.end);
        Descendants { document: self.document, next: self.index + 1, end }
    }

    /// All texts within it at any depth, in document order.
    pub fn texts(self) -> impl Iterator<Item = Leaf<'d>> {
        let document = self.document;
        let end = document.node(self.index).map_or(self.index, |n| n.end);
        (self.index..end).filter_map(move |index| document.text_leaf(index))
    }

    /// All text within it as one string, single blanks where the source has blanks or markup with blanks
    /// around it, and the items that it came from.
    pub fn text_content(self) -> (String, Vec<ItemId>) {
        let mut out = String::new();
        let mut items = Vec::new();
        for leaf in self.texts() {
            if !out.is_empty()
                && !out.ends_with(char::is_whitespace)
                && !leaf.text.starts_with(char::is_whitespace)
            {
                out.push(' ');
            }
            out.push_str(leaf.text);
            items.push(leaf.id);
        }
        (out, items)
    }

    /// The element that holds it; `None` for the root.
    pub fn parent(self) -> Option<Element<'d>> {
        let parent = self.document.node(self.index)?.parent;
        self.document.node(parent).map(|_| Element { document: self.document, index: parent })
    }

    /// Its bytes in the input, tags included.
    pub fn span(self) -> Span {
        self.document.span_of(self.index)
    }

    /// All source items within it and its own attributes: consecutive numbers.
    pub fn items(self) -> std::ops::Range<ItemId> {
        self.document.node(self.index).map_or(0..0, |n| n.first_item..n.end_item)
    }
}

/// See [`Element::attributes`].
#[derive(Clone, Debug)]
pub struct Attributes<'d> {
    document: &'d Document<'d>,
    range: std::ops::Range<u32>,
}

impl<'d> Iterator for Attributes<'d> {
    type Item = (&'d str, Leaf<'d>);

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let index = self.range.next()?;
            if let Some(found) = self.document.attribute_at(index) {
                return Some(found);
            }
        }
    }
}

/// See [`Element::children`].
#[derive(Clone, Debug)]
pub struct Children<'d> {
    document: &'d Document<'d>,
    next: u32,
    end: u32,
}

impl<'d> Iterator for Children<'d> {
    type Item = Element<'d>;

    fn next(&mut self) -> Option<Self::Item> {
        while self.next < self.end {
            let index = self.next;
            let node = self.document.node(index)?;
            self.next = node.end.max(index + 1);
            if !node.is_text() {
                return Some(Element { document: self.document, index });
            }
        }
        None
    }
}

/// See [`Element::contents`].
#[derive(Clone, Debug)]
pub struct Contents<'d> {
    document: &'d Document<'d>,
    next: u32,
    end: u32,
}

impl<'d> Iterator for Contents<'d> {
    type Item = Content<'d>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.next >= self.end {
            return None;
        }
        let index = self.next;
        let node = self.document.node(index)?;
        self.next = node.end.max(index + 1);
        Some(match self.document.text_leaf(index) {
            Some(leaf) => Content::Text(leaf),
            None => Content::Element(Element { document: self.document, index }),
        })
    }
}

/// See [`Element::descendants`].
#[derive(Clone, Debug)]
pub struct Descendants<'d> {
    document: &'d Document<'d>,
    next: u32,
    end: u32,
}

impl<'d> Iterator for Descendants<'d> {
    type Item = Element<'d>;

    fn next(&mut self) -> Option<Self::Item> {
        while self.next < self.end {
            let index = self.next;
            self.next += 1;
            if !self.document.node(index)?.is_text() {
                return Some(Element { document: self.document, index });
            }
        }
        None
    }
}
