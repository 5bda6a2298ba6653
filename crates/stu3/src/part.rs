//! A resource that is being written, as the writers of its elements are given it.

use causeway_core::{Leaf, Outcome};
use causeway_fhir::Writer;
use causeway_fhir::types::data_absent;
use causeway_json::{Kind as Of, Node};

use crate::copy::Copier;
use crate::copy::extension::Lifted;
use crate::kinds::Kind;
use crate::rules;

/// A resource that is being written.
pub(crate) struct Part<'r, 't> {
    pub copy: Copier<'r, 't>,
    pub node: Node<'t>,
    pub stu3: &'t str,
    pub kind: &'static Kind,
    pub lifted: Lifted<'t>,
    /// The identifier of the document that a composition stands for.
    pub document: Option<Node<'t>>,
}

/// Whether an element of an earlier version by which something was not done says so: `notGiven` and `notDone` are true or false,
/// also as text, and a medicine's `taken` is a code (y, n, unk, na). `None` where it can't be read. Source: STU3's definitions.
pub fn says_not_done(element: &str, words: &str) -> Option<bool> {
    let is = |one: &&str| words.trim().eq_ignore_ascii_case(one);
    let (yes, no): (&[&str], &[&str]) = match element {
        "taken" => (&["n"], &["y", "unk", "na"]),
        _ => (&["true"], &["false"]),
    };
    match (yes.iter().any(&is), no.iter().any(&is)) {
        (true, _) => Some(true),
        (_, true) => Some(false),
        _ => None,
    }
}

/// What a flag says by which something was not done: `notGiven`, `notDone`, `taken`.
#[derive(Clone, Copy)]
pub(crate) enum Flag<'t> {
    /// That it was done: `false`, or nothing.
    Done,
    /// That it was not.
    NotDone(Leaf<'t>),
    /// What is neither: nobody can tell whether it was done.
    Unreadable,
}

impl<'t> Part<'_, 't> {
    /// What such a flag says.
    pub fn flag(&self, name: &str) -> Flag<'t> {
        let Some(node) = self.node.get(name).filter(|node| node.kind() != Of::Null) else {
            return Flag::Done;
        };
        match node.leaf().and_then(|leaf| Some((leaf, says_not_done(name, leaf.text)?))) {
            Some((leaf, true)) => Flag::NotDone(leaf),
            Some((_, false)) => Flag::Done,
            None => Flag::Unreadable,
        }
    }

    /// Says of a flag what became of it: one that can't be read is told.
    pub fn flagged(&self, w: &mut Writer, name: &str, node: Node<'t>) {
        match self.flag(name) {
            Flag::Unreadable => {
                w.issue(node.first_leaf().map(|leaf| leaf.id), rules::FLAG_UNREADABLE.issue());
                w.claim(node.leaves(), Outcome::Unsupported, rules::FLAG_UNREADABLE.text);
            }
            Flag::Done | Flag::NotDone(_) => w.mapped(node.leaf()),
        }
    }

    /// Leaves a status out beside a flag that can't be read: it may be the opposite of what happened. That R4 demands one is seen to
    /// where the resource ends.
    pub fn undecided(&self, w: &mut Writer, status: Node<'t>) {
        w.claim(status.leaves(), Outcome::Unsupported, "what says whether it was done can't be read");
    }
}

/// The extension that says that a required value is not known, under the element's name.
pub(crate) fn absent(w: &mut Writer, key: &str) {
    w.object(key, absent_body);
}

/// Its content.
pub(crate) fn absent_body(w: &mut Writer) {
    data_absent(w, "unknown", ());
}
