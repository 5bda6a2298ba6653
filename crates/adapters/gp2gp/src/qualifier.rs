//! Qualifiers of a code: how significant a problem is, which episode of it, whom it concerns.

use causeway_core::Leaf;
use causeway_xml::Element;

use crate::hl7;
use crate::write::Note;

/// How significant a link set says its problem is, and the item that says so.
pub(crate) fn significance<'d>(link_set: Element<'d>) -> Option<(&'static str, Leaf<'d>)> {
    let mut qualifiers = link_set.child("code")?.children_named("qualifier");
    let leaf = qualifiers.find_map(|q| q.child("name")?.attribute("code"))?;
    match leaf.text.trim() {
        "386134007" => Some(("major", leaf)),
        "394847000" => Some(("minor", leaf)),
        _ => None,
    }
}

/// The name of a qualifier that has no value: the episodicity of a problem.
pub(crate) fn episodicity<'d>(qualifier: Element<'d>) -> Option<Element<'d>> {
    qualifier.child("name").filter(|_| qualifier.child("value").and_then(stated).is_none())
}

/// What the value of a qualifier says: its words, its code, or a text.
pub(crate) fn stated<'d>(value: Element<'d>) -> Option<Leaf<'d>> {
    let plain = || value.attribute("code").or_else(|| value.attribute("value")).or_else(|| value.text());
    hl7::words(value).or_else(plain).filter(|leaf| !leaf.is_blank())
}

/// Qualifiers of a code that have a value, each as a note: it says what its own name says.
pub(crate) fn valued<'d>(code: Element<'d>) -> impl Iterator<Item = Note<'d>> {
    code.children_named("qualifier").filter_map(|qualifier| {
        let name = qualifier.child("name").and_then(hl7::words)?;
        let value = qualifier.child("value").and_then(stated)?;
        let text = format!("{} : {}", name.text.trim(), value.text.trim());
        Some(Note { text, leaf: value, time: None, also: Some(name) })
    })
}
