//! Numbers with units, ranges and second values, where what STU3 senders write is more or other than R4 takes.

use causeway_core::common;
use causeway_fhir::writer::decimal;
use causeway_fhir::{Writer, systems, types};
use causeway_json::{Kind, Node};
use causeway_profile::schema::{Field, TypeRef};
use causeway_terminology::ucum;

use crate::copy::Copier;
use crate::rules;

/// Whether a type is Quantity or one of those made of it.
fn is_quantity(name: &str) -> bool {
    matches!(name, "Quantity" | "SimpleQuantity" | "Age" | "Count" | "Distance" | "Duration")
}

/// A number behind its sign, as laboratories write it (`<5`): R4's comparator and the digits.
fn signed(text: &str) -> Option<(&'static str, std::borrow::Cow<'_, str>)> {
    let signs = [("<=", "<="), (">=", ">="), ("≤", "<="), ("≥", ">="), ("<", "<"), (">", ">")];
    let (rest, code) = signs.iter().find_map(|(sign, code)| Some((text.strip_prefix(sign)?, *code)))?;
    decimal(rest.trim()).map(|digits| (code, digits))
}

impl<'t> Copier<'_, 't> {
    /// A member of a quantity that is not in R4's form. Whether it was one, and has been written.
    pub(crate) fn of_quantity(self, w: &mut Writer, ty: TypeRef, key: &str, node: Node<'t>) -> bool {
        match key {
            _ if !is_quantity(ty.name()) => false,
            "code" => self.respelt(w, node),
            "value" if node.kind() == Kind::Text => self.number_in_words(w, node),
            _ => false,
        }
    }

    /// The code of a unit that is said to be UCUM and is spelt otherwise: UCUM's, and the sender's as words where there are
    /// none.
    fn respelt(self, w: &mut Writer, node: Node<'t>) -> bool {
        let Some(quantity) = node.parent() else { return false };
        let Some(leaf) = node.leaf().filter(|_| quantity.string_of("system") == Some(systems::UCUM)) else {
            return false;
        };
        let Some(code) = ucum::respelt(leaf.text) else {
            let none = !ucum::is_unit(leaf.text);
            if none {
                ucum::not_a_unit(w, leaf, quantity.get("unit").is_some());
            }
            return none;
        };
        w.issue(Some(leaf.id), common::UNIT_RESPELT.issue());
        if quantity.get("unit").is_none() {
            w.leaf("unit", leaf);
        }
        w.string("code", code, leaf);
        true
    }

    /// A text in the place of the number: a number with its sign, or words that are kept beside the number that is not there.
    fn number_in_words(self, w: &mut Writer, node: Node<'t>) -> bool {
        let Some(leaf) = node.leaf() else { return false };
        let text = leaf.text.trim();
        let owner = node.parent();
        let has = |key: &str| owner.is_some_and(|quantity| quantity.get(key).is_some());
        if text.is_empty() || decimal(text).is_some() {
            return false;
        }
        if let Some((code, digits)) = signed(text).filter(|_| !has("comparator")) {
            w.issue(Some(leaf.id), rules::VALUE_REPAIRED.issue());
            w.number("value", &digits, leaf);
            w.string("comparator", code, leaf);
            return true;
        }
        if has("_value") {
            return false;
        }
        w.issue(Some(leaf.id), rules::VALUE_WORDS.issue());
        w.object("_value", |w| {
            w.array("extension", |w| {
                types::extension(w, types::SOURCE_TEXT, |w| w.leaf("valueString", leaf));
            });
        });
        w.lossy(leaf, "no number; its words were kept beside it");
        true
    }

    /// A value of a choice of which the object has another: R4 has one. The first is it, but for a boolean, which says less than a
    /// date or words. Whether this is another, and has been told.
    pub(crate) fn second_of_choice(self, w: &mut Writer, ty: TypeRef, field: Field, node: Node<'t>) -> bool {
        let (Some(choice), Some(owner)) = (field.choice(), node.parent()) else { return false };
        let is_boolean = |one: Node<'_>| matches!(one.kind(), Kind::True | Kind::False);
        let same = |name: &str| ty.field(name).and_then(Field::choice) == Some(choice);
        let others = owner
            .members()
            .filter(|(name, one)| same(name) && one.index() != node.index() && one.kind() != Kind::Null);
        let gives_way = others.into_iter().any(|(_, other)| match (is_boolean(node), is_boolean(other)) {
            (true, false) => true,
            (false, true) => false,
            _ => other.index() < node.index(),
        });
        if gives_way {
            w.issue(node.first_leaf().map(|leaf| leaf.id), rules::CHOICE_TWICE.issue());
            self.lost(w, node, "R4 has one value here; the other is kept only in the original");
        }
        gives_way
    }
}
