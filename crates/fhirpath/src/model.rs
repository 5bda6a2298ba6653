//! The types of FHIR R4: which elements each has, and where they stand in JSON.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::OnceLock;

/// A type of the model, or [`TypeId::UNKNOWN`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TypeId(u16);

impl TypeId {
    /// No type of the model: elements are then found by their JSON names.
    pub const UNKNOWN: Self = Self(u16::MAX);
}

/// A type that FHIRPath has of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum System {
    /// `true` or `false`
    Boolean,
    /// Text
    String,
    /// A whole number
    Integer,
    /// A decimal number with its digits
    Decimal,
    /// A date, from the year alone to the day
    Date,
    /// A date that may have a time of day
    DateTime,
    /// A time of day
    Time,
    /// A decimal with a unit
    Quantity,
}

impl System {
    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Boolean => "Boolean",
            Self::String => "String",
            Self::Integer => "Integer",
            Self::Decimal => "Decimal",
            Self::Date => "Date",
            Self::DateTime => "DateTime",
            Self::Time => "Time",
            Self::Quantity => "Quantity",
        }
    }

    /// The type of this name.
    pub fn named(name: &str) -> Option<Self> {
        [
            Self::Boolean,
            Self::String,
            Self::Integer,
            Self::Decimal,
            Self::Date,
            Self::DateTime,
            Self::Time,
            Self::Quantity,
        ]
        .into_iter()
        .find(|s| s.name() == name)
    }
}

/// What kind of thing a type is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A resource, abstract ones included.
    Resource,
    /// A primitive data type.
    Primitive,
    /// A complex data type.
    Complex,
    /// A part of a resource or data type, named by its path.
    Backbone,
}

/// One JSON form of an element: a choice has several.
#[derive(Debug)]
pub struct Form {
    /// The member's name (`valueQuantity`).
    pub key: String,
    /// The name of the member that holds id and extensions of a primitive (`_valueString`).
    pub extra: String,
    /// The type of what stands there.
    pub ty: TypeId,
}

/// An element of a type.
#[derive(Debug)]
pub struct Element {
    /// Its name, without `[x]`.
    pub name: String,
    /// Whether it repeats.
    pub many: bool,
    /// Whether its type is one of several.
    pub choice: bool,
    /// Its JSON forms.
    pub forms: Vec<Form>,
}

#[derive(Debug)]
struct Type {
    name: String,
    base: TypeId,
    kind: Kind,
    system: Option<System>,
    elements: Vec<Element>,
    named: Names<usize>,
    /// JSON member → element and form.
    keys: Names<(usize, usize)>,
}

/// FNV-1a: the names are short and from the definitions; unknown ones only miss.
#[derive(Clone, Copy)]
struct Fnv(u64);

impl Default for Fnv {
    fn default() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }
}

impl Hasher for Fnv {
    fn finish(&self) -> u64 {
        self.0
    }
    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }
}

type Names<V> = HashMap<String, V, BuildHasherDefault<Fnv>>;

/// The types of FHIR R4 (4.0.1).
#[derive(Debug)]
pub struct Model {
    types: Vec<Type>,
    by_name: Names<TypeId>,
}

/// Types that are converted to a quantity of FHIRPath.
const QUANTITY: &str = "Quantity";

impl Model {
    /// The types of FHIR R4.
    pub fn r4() -> &'static Self {
        static HELD: OnceLock<Model> = OnceLock::new();
        HELD.get_or_init(|| Self::parse(include_str!("../data/r4-types.tsv")))
    }

    /// Reads rows `T name base kind` each followed by its `e name 1|* types`.
    fn parse(table: &str) -> Self {
        struct Draft<'t> {
            name: &'t str,
            base: &'t str,
            kind: Kind,
            rows: Vec<(&'t str, bool, &'t str)>,
        }
        let mut drafts: Vec<Draft<'_>> = Vec::new();
        for line in table.lines() {
            let fields: Vec<&str> = line.split('\t').collect();
            match fields.as_slice() {
                ["T", name, base, kind] => {
                    let kind = match *kind {
                        "r" => Kind::Resource,
                        "p" => Kind::Primitive,
                        "b" => Kind::Backbone,
                        _ => Kind::Complex,
                    };
                    drafts.push(Draft { name, base, kind, rows: Vec::new() });
                }
                ["e", name, many, types] => {
                    if let Some(draft) = drafts.last_mut() {
                        draft.rows.push((name, *many == "*", types));
                    }
                }
                _ => {}
            }
        }
        let number = |n: usize| u16::try_from(n).map_or(TypeId::UNKNOWN, TypeId);
        let by_name: Names<TypeId> =
            drafts.iter().enumerate().map(|(n, d)| (d.name.to_owned(), number(n))).collect();
        let id = |name: &str| by_name.get(name).copied().unwrap_or(TypeId::UNKNOWN);
        let mut types = Vec::with_capacity(drafts.len());
        for draft in &drafts {
            // Inherited elements come first.
            let mut chain = vec![draft];
            while let Some(base) =
                chain.last().and_then(|d| drafts.get(usize::from(id(d.base).0))).filter(|_| chain.len() < 16)
            {
                chain.push(base);
            }
            let mut ty = Type {
                name: draft.name.to_owned(),
                base: id(draft.base),
                kind: draft.kind,
                system: chain.iter().find_map(|d| system(d.name)),
                elements: Vec::new(),
                named: Names::default(),
                keys: Names::default(),
            };
            for (name, many, codes) in chain.iter().rev().flat_map(|d| &d.rows) {
                // The value of a primitive is the JSON value itself.
                if draft.kind == Kind::Primitive && *name == "value" {
                    continue;
                }
                ty.add(element(name, *many, codes, &id));
            }
            types.push(ty);
        }
        Self { types, by_name }
    }

    fn get(&self, ty: TypeId) -> Option<&Type> {
        self.types.get(usize::from(ty.0))
    }

    /// The type of this name; parts of resources are named by path (`Patient.contact`).
    pub fn named(&self, name: &str) -> Option<TypeId> {
        self.by_name.get(name).copied()
    }

    /// The type of a resource by its `resourceType`, or unknown.
    pub fn resource(&self, name: &str) -> TypeId {
        self.named(name).filter(|ty| self.kind(*ty) == Some(Kind::Resource)).unwrap_or(TypeId::UNKNOWN)
    }

    /// The name of a type; empty where it is unknown.
    pub fn name(&self, ty: TypeId) -> &str {
        self.get(ty).map_or("", |t| &t.name)
    }

    /// What kind of type it is.
    pub fn kind(&self, ty: TypeId) -> Option<Kind> {
        self.get(ty).map(|t| t.kind)
    }

    /// The FHIRPath type that a primitive or a Quantity turns into.
    pub fn system(&self, ty: TypeId) -> Option<System> {
        self.get(ty).and_then(|t| t.system)
    }

    /// Whether a type is another or inherits from it.
    pub fn is_a(&self, ty: TypeId, other: TypeId) -> bool {
        let mut at = ty;
        for _ in 0..16 {
            if at == other && at != TypeId::UNKNOWN {
                return true;
            }
            let Some(known) = self.get(at) else { return false };
            at = known.base;
        }
        false
    }

    /// An element of a type by its name, without `[x]`.
    pub fn element(&self, ty: TypeId, name: &str) -> Option<&Element> {
        let known = self.get(ty)?;
        known.elements.get(*known.named.get(name)?)
    }

    /// The element and form that a JSON member of a type stands for.
    pub fn member(&self, ty: TypeId, key: &str) -> Option<(&Element, &Form)> {
        let known = self.get(ty)?;
        let (element, form) = known.keys.get(key)?;
        let element = known.elements.get(*element)?;
        Some((element, element.forms.get(*form)?))
    }

    /// The elements of a type, inherited ones first.
    pub fn elements(&self, ty: TypeId) -> &[Element] {
        self.get(ty).map_or(&[], |t| &t.elements)
    }
}

impl Type {
    fn add(&mut self, element: Element) {
        let at = match self.named.get(&element.name) {
            Some(at) => *at,
            None => self.elements.len(),
        };
        for (number, form) in element.forms.iter().enumerate() {
            self.keys.insert(form.key.clone(), (at, number));
        }
        self.named.insert(element.name.clone(), at);
        match self.elements.get_mut(at) {
            Some(have) => *have = element,
            None => self.elements.push(element),
        }
    }
}

fn element(name: &str, many: bool, codes: &str, id: &impl Fn(&str) -> TypeId) -> Element {
    let stem = name.strip_suffix("[x]");
    let forms = codes.split(' ').filter(|c| !c.is_empty()).map(|code| {
        let key = match stem {
            Some(stem) => {
                let mut letters = code.chars();
                let first = letters.next().map(|c| c.to_ascii_uppercase()).unwrap_or_default();
                format!("{stem}{first}{}", letters.as_str())
            }
            None => name.to_owned(),
        };
        let ty = id(code.strip_prefix('@').unwrap_or(code));
        Form { extra: format!("_{key}"), key, ty }
    });
    Element { name: stem.unwrap_or(name).to_owned(), many, choice: stem.is_some(), forms: forms.collect() }
}

fn system(name: &str) -> Option<System> {
    Some(match name {
        "boolean" => System::Boolean,
        "integer" | "positiveInt" | "unsignedInt" => System::Integer,
        "decimal" => System::Decimal,
        "date" => System::Date,
        "dateTime" | "instant" => System::DateTime,
        "time" => System::Time,
        "string" | "uri" | "base64Binary" | "xhtml" => System::String,
        QUANTITY => System::Quantity,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn choices_and_inheritance() {
        let model = Model::r4();
        let observation = model.resource("Observation");
        let value = model.element(observation, "value").expect("value[x]");
        assert!(value.choice && !value.many && value.forms.len() == 11);
        let (element, form) = model.member(observation, "valueQuantity").expect("a form");
        assert_eq!((element.name.as_str(), model.name(form.ty)), ("value", "Quantity"));
        let named = |name| model.named(name).expect("a type");
        assert!(model.is_a(named("code"), named("string")) && !model.is_a(named("id"), named("code")));
        assert!(model.is_a(named("Age"), named("Quantity")));
        assert!(model.is_a(observation, named("Resource")));
        assert_eq!(model.system(named("Age")), Some(System::Quantity));
        assert_eq!(model.system(named("markdown")), Some(System::String));
        let item = model.element(model.resource("Questionnaire"), "item").expect("item");
        let item = item.forms.first().expect("a form").ty;
        let nested = model.element(item, "item").expect("item of item");
        assert_eq!(nested.forms.first().map(|f| f.ty), Some(item));
    }
}
