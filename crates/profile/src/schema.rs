//! What R4 says of elements, for those who write resources: which type an element has, whether it repeats, which texts
//! and codes it takes, and what must be there.

use crate::Definitions;
use crate::base::{Element, Kind, Strength, Type, TypeId};
use crate::codes::{Belongs, Codes};
use crate::primitive::JsonKind;

/// A type of R4: a resource, a data type, or a part of one, which is named by its path (`CarePlan.activity.detail`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TypeRef(TypeId);

/// How JSON carries a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// A string.
    Text,
    /// A number.
    Number,
    /// `true` or `false`.
    Boolean,
    /// An object.
    Object,
}

/// An element of a type, under one JSON name (`valueQuantity` of `value[x]`).
#[derive(Clone, Copy)]
pub struct Field {
    element: &'static Element,
    ty: TypeId,
}

impl std::fmt::Debug for Field {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Field").field(&self.element.name).finish()
    }
}

fn ty(id: TypeId) -> Option<&'static Type> {
    Definitions::r4().base.ty(id)
}

impl TypeRef {
    /// The type of this name.
    pub fn named(name: &str) -> Option<Self> {
        Definitions::r4().base.by_name.get(name).copied().map(Self)
    }

    /// Its name.
    pub fn name(self) -> &'static str {
        ty(self.0).map_or("", |t| t.name.as_str())
    }

    /// The element under a JSON name.
    pub fn field(self, key: &str) -> Option<Field> {
        let owner = ty(self.0)?;
        let found = owner.keys.get(key)?;
        let element = owner.elements.get(found.element)?;
        Some(Field { element, ty: element.types.get(found.kind)?.id })
    }

    /// The elements that must be there.
    pub fn required(self) -> impl Iterator<Item = Required> {
        let owner = ty(self.0);
        let positions = owner.map_or(&[] as &[usize], |o| o.required.as_slice());
        positions.iter().filter_map(move |at| owner?.elements.get(*at)).map(Required)
    }
}

impl Field {
    /// Whether it repeats, so that JSON has an array.
    pub fn repeats(self) -> bool {
        self.element.max > 1
    }

    /// The name of the choice that it is a value of (`value` of `valueQuantity`): of these an object has one.
    pub fn choice(self) -> Option<&'static str> {
        self.element.is_choice().then_some(self.element.stem.as_str())
    }

    /// Its type under this name.
    pub fn ty(self) -> TypeRef {
        TypeRef(self.ty)
    }

    /// How JSON carries it.
    pub fn shape(self) -> Shape {
        match ty(self.ty).map(|t| t.kind) {
            Some(Kind::Primitive(primitive)) => match primitive.json() {
                JsonKind::Boolean => Shape::Boolean,
                JsonKind::Number => Shape::Number,
                JsonKind::Text => Shape::Text,
            },
            _ => Shape::Object,
        }
    }

    /// Whether a text has the format of its primitive type.
    pub fn accepts(self, text: &str) -> bool {
        match ty(self.ty).map(|t| t.kind) {
            Some(Kind::Primitive(primitive)) => primitive.accepts(text),
            _ => false,
        }
    }

    /// Whether a required binding takes a code; any where there is none, or its content is not known.
    pub fn allows(self, code: &str) -> bool {
        self.set().is_none_or(|set| set.has(None, code) != Belongs::No)
    }

    /// The code of a required binding that differs from a text in capitals and blanks alone.
    pub fn closest(self, text: &str) -> Option<&'static str> {
        let wanted = text.trim();
        let lists = self.set()?.systems.iter().filter_map(|(_, codes)| match codes {
            Codes::These(codes) => Some(codes),
            Codes::All | Codes::Unknown => None,
        });
        lists.flatten().map(String::as_str).find(|code| code.eq_ignore_ascii_case(wanted))
    }

    fn set(self) -> Option<&'static crate::codes::ValueSet> {
        set_of(self.element)
    }
}

fn set_of(element: &'static Element) -> Option<&'static crate::codes::ValueSet> {
    let binding = element.binding.as_ref().filter(|b| matches!(b.strength, Strength::Required))?;
    Definitions::r4().value_set(&binding.value_set)
}

/// An element that must be there.
#[derive(Clone, Copy)]
pub struct Required(&'static Element);

impl std::fmt::Debug for Required {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Required").field(&self.0.name).finish()
    }
}

impl Required {
    /// Whether a JSON name, `_` included, is one of its names.
    pub fn is(self, key: &str) -> bool {
        let key = key.strip_prefix('_').unwrap_or(key);
        match self.0.is_choice() {
            true => key
                .strip_prefix(self.0.stem.as_str())
                .is_some_and(|rest| self.0.types.iter().any(|t| t.code.eq_ignore_ascii_case(rest))),
            false => key == self.0.name,
        }
    }

    /// Whether it repeats.
    pub fn repeats(self) -> bool {
        self.0.max > 1
    }

    /// Whether a code `unknown` may stand in it.
    pub fn may_be_unknown(self) -> bool {
        set_of(self.0).is_some_and(|set| set.has(None, "unknown") == Belongs::Yes)
    }

    /// The JSON name and type in which not knowing is said best: a concept, else a text, else the first there is.
    pub fn best(self) -> Option<(String, TypeRef)> {
        let order = ["CodeableConcept", "string"];
        let by_name = |name: &&str| self.0.types.iter().find(|t| t.code == **name);
        let found = order.iter().find_map(by_name).or_else(|| self.0.types.first())?;
        let mut letters = found.code.chars();
        let first = letters.next().map(|c| c.to_ascii_uppercase()).unwrap_or_default();
        let key = match self.0.is_choice() {
            true => format!("{}{first}{}", self.0.stem, letters.as_str()),
            false => self.0.name.clone(),
        };
        Some((key, TypeRef(found.id)))
    }

    /// How JSON carries the best type.
    pub fn shape(self) -> Shape {
        let best = self.best().map_or(0, |(_, t)| t.0);
        Field { element: self.0, ty: best }.shape()
    }

    /// Whether it is a part of its own, not a data type.
    pub fn is_part(self) -> bool {
        self.0.types.first().and_then(|t| ty(t.id)).is_some_and(|t| t.kind == Kind::Backbone)
    }
}

impl Definitions {
    /// Whether a code system that is known whole lacks a code.
    pub fn lacks(&self, system: &str, code: &str) -> bool {
        self.is_unknown_code(system, code)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elements_by_their_json_names() {
        let observation = TypeRef::named("Observation").unwrap();
        let value = observation.field("valueQuantity").unwrap();
        assert_eq!((value.shape(), value.repeats(), value.ty().name()), (Shape::Object, false, "Quantity"));
        assert!(observation.field("valueAttachment").is_none());
        let status = observation.field("status").unwrap();
        assert!(status.allows("final") && !status.allows("Final"));
        assert_eq!(status.closest(" Final"), Some("final"));
        let detail =
            TypeRef::named("CarePlan").unwrap().field("activity").unwrap().ty().field("detail").unwrap();
        assert_eq!(detail.ty().name(), "CarePlan.activity.detail");
        assert_eq!(detail.ty().field("doNotPerform").unwrap().shape(), Shape::Boolean);
        let born = TypeRef::named("Patient").unwrap().field("birthDate").unwrap();
        assert!(born.accepts("1942-03-09") && !born.accepts("1942-03-09T00:00:00Z"));
        let needed: Vec<_> = TypeRef::named("Immunization").unwrap().required().collect();
        let occurrence = needed.iter().find(|r| r.is("_occurrenceDateTime")).unwrap();
        assert_eq!(occurrence.best().unwrap().0, "occurrenceString");
        assert!(!occurrence.is("occurrenceQuantity"));
    }
}
