//! The fields of a message, by tag.

use causeway_core::Leaf;
use causeway_xml::Element;

/// The fields of a message, by tag.
pub struct Fields<'d> {
    pub root: Element<'d>,
}

impl<'d> Fields<'d> {
    /// The first field of this tag that says something.
    pub fn get(&self, tag: &str) -> Option<Leaf<'d>> {
        self.root.children_named(tag).find_map(Element::text).map(Leaf::trim)
    }

    /// Everything within `lge`, the satellite position.
    pub fn position(&self) -> Vec<Leaf<'d>> {
        self.root.children_named("lge").flat_map(Element::texts).collect()
    }
}
