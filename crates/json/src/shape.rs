//! Shapes: what a document must look like, as data, and a check of a tree against them. The words follow JSON Schema
//! (draft 2020-12); the findings carry the node, so that a caller can refuse one item and keep its neighbours.

use crate::{Kind, Node};

/// Text of a special form.
#[derive(Debug)]
pub struct Form {
    /// Name, in words: `a date (YYYY-MM-DD)`.
    pub name: &'static str,
    /// `format` of JSON Schema, empty where there is none.
    pub format: &'static str,
    /// `pattern` of JSON Schema (ECMA 262), empty where `format` says it all.
    pub pattern: &'static str,
    /// Whether a text has the form.
    pub test: fn(&str) -> bool,
}

/// What a value must look like.
#[derive(Clone, Copy, Debug)]
pub enum Shape {
    /// Text of so many characters.
    Text {
        /// Fewest characters.
        min: usize,
        /// Most characters.
        max: usize,
    },
    /// Text of a form.
    Form(&'static Form),
    /// One of these texts, exactly.
    Code(&'static [&'static str]),
    /// One of these texts once blanks, hyphens and case are set aside: see [`token`].
    Token(&'static [&'static str]),
    /// A whole number within bounds.
    Integer {
        /// Least.
        min: i64,
        /// Greatest.
        max: i64,
    },
    /// A number within bounds.
    Number {
        /// Least.
        min: f64,
        /// Greatest.
        max: f64,
    },
    /// `true` or `false`.
    Boolean,
    /// An array.
    List {
        /// What each element is.
        of: &'static Shape,
        /// Fewest elements.
        min: usize,
        /// Most elements.
        max: usize,
    },
    /// One value or an array of them, which JSON-LD takes for the same.
    Values {
        /// What each value is.
        of: &'static Shape,
        /// Fewest values.
        min: usize,
        /// Most values.
        max: usize,
    },
    /// An object.
    Object(&'static Object),
    /// Anything.
    Any,
}

/// What an object must look like. Members that it does not name are allowed.
#[derive(Debug)]
pub struct Object {
    /// Its members.
    pub fields: &'static [Field],
    /// Where not empty: at least one of these members must be there.
    pub any_of: &'static [&'static str],
    /// Where not empty: what its `@type` may be, if it has one.
    pub classes: &'static [&'static str],
}

/// A member of an object.
#[derive(Debug)]
pub struct Field {
    /// Its name.
    pub name: &'static str,
    /// Whether it must be there.
    pub required: bool,
    /// What it is, in words; the `description` of JSON Schema.
    pub about: &'static str,
    /// What it must look like.
    pub shape: Shape,
}

impl Field {
    /// A member that must be there.
    pub const fn required(name: &'static str, about: &'static str, shape: Shape) -> Self {
        Self { name, required: true, about, shape }
    }

    /// A member that may be there.
    pub const fn optional(name: &'static str, about: &'static str, shape: Shape) -> Self {
        Self { name, required: false, about, shape }
    }
}

/// What is wrong with a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// A member that must be there is not.
    Missing(&'static str),
    /// None of the members is there of which one must be.
    MissingAny(&'static [&'static str]),
    /// Another JSON type.
    WrongType,
    /// An object of another class (`@type`).
    WrongClass,
    /// Not one of the values allowed.
    NotAllowed,
    /// Not of the form; its name in words.
    BadForm(&'static str),
    /// Fewer characters than allowed.
    TooShort,
    /// More characters than allowed.
    TooLong,
    /// Fewer values than allowed.
    TooFew,
    /// More values than allowed.
    TooMany,
    /// A number outside its bounds.
    OutOfRange,
}

/// One fault at one place.
#[derive(Clone, Copy, Debug)]
pub struct Finding<'t> {
    /// The value at fault; for [`Fault::Missing`] the object that lacks the member.
    pub node: Node<'t>,
    /// What is wrong.
    pub fault: Fault,
}

/// Findings of one document beyond which the check stops: more would help nobody.
pub const FINDINGS_MAX: usize = 2_000;

/// Letters, digits, `<` and `>` of a text, in lower case: `Yes-can`, `YesCan` and `yes can` are one token.
pub fn token(text: &str) -> String {
    text.chars()
        .filter(|c| c.is_alphanumeric() || matches!(c, '<' | '>'))
        .flat_map(char::to_lowercase)
        .collect()
}

/// Checks a value against a shape and lists what is wrong, in source order as far as the shape's depth goes.
pub fn check<'t>(node: Node<'t>, shape: &Shape) -> Vec<Finding<'t>> {
    let mut found = Vec::new();
    value(node, shape, &mut found);
    found
}

/// The recursion is as deep as the shape, which is finite and small: shapes are statics that don't contain themselves.
fn value<'t>(node: Node<'t>, shape: &Shape, found: &mut Vec<Finding<'t>>) {
    if found.len() >= FINDINGS_MAX {
        return;
    }
    let fault = match *shape {
        Shape::Any => None,
        Shape::Text { min, max } => with_text(node, |t| match t.chars().count() {
            n if n < min => Some(Fault::TooShort),
            n if n > max => Some(Fault::TooLong),
            _ => None,
        }),
        Shape::Form(form) => with_text(node, |t| (!(form.test)(t)).then_some(Fault::BadForm(form.name))),
        Shape::Code(codes) => with_text(node, |t| (!codes.contains(&t)).then_some(Fault::NotAllowed)),
        Shape::Token(codes) => {
            with_text(node, |t| (!codes.contains(&token(t).as_str())).then_some(Fault::NotAllowed))
        }
        Shape::Integer { min, max } => integer(node, min, max),
        Shape::Number { min, max } => number(node, min, max),
        Shape::Boolean => node.boolean().is_none().then_some(Fault::WrongType),
        Shape::Object(object) => {
            members(node, object, found);
            None
        }
        Shape::List { of, min, max } => list(node, of, min, max, found),
        Shape::Values { of, min, max } if node.is_array() => list(node, of, min, max, found),
        Shape::Values { of, .. } => {
            value(node, of, found);
            None
        }
    };
    if let Some(fault) = fault {
        found.push(Finding { node, fault });
    }
}

fn with_text(node: Node<'_>, test: impl FnOnce(&str) -> Option<Fault>) -> Option<Fault> {
    node.string().map_or(Some(Fault::WrongType), test)
}

/// JSON Schema takes `2.0` for an integer, and so does this.
fn integer(node: Node<'_>, min: i64, max: i64) -> Option<Fault> {
    if node.kind() != Kind::Number {
        return Some(Fault::WrongType);
    }
    let text = node.text();
    if text.contains(['e', 'E']) {
        return Some(Fault::WrongType);
    }
    let whole = match text.split_once('.') {
        Some((whole, fraction)) if fraction.bytes().all(|b| b == b'0') => whole,
        Some(_) => return Some(Fault::WrongType),
        None => text,
    };
    match whole.parse::<i64>() {
        Ok(n) if (min..=max).contains(&n) => None,
        _ => Some(Fault::OutOfRange),
    }
}

fn number(node: Node<'_>, min: f64, max: f64) -> Option<Fault> {
    if node.kind() != Kind::Number {
        return Some(Fault::WrongType);
    }
    let within = node.text().parse::<f64>().is_ok_and(|n| n >= min && n <= max);
    (!within).then_some(Fault::OutOfRange)
}

fn list<'t>(
    node: Node<'t>,
    of: &Shape,
    min: usize,
    max: usize,
    found: &mut Vec<Finding<'t>>,
) -> Option<Fault> {
    if !node.is_array() {
        return Some(Fault::WrongType);
    }
    let mut count = 0;
    for element in node.elements() {
        value(element, of, found);
        count += 1;
    }
    match count {
        n if n < min => Some(Fault::TooFew),
        n if n > max => Some(Fault::TooMany),
        _ => None,
    }
}

fn members<'t>(node: Node<'t>, object: &Object, found: &mut Vec<Finding<'t>>) {
    if !node.is_object() {
        found.push(Finding { node, fault: Fault::WrongType });
        return;
    }
    if let Some(class) = node.get("@type").filter(|_| !object.classes.is_empty())
        && class.string().is_none_or(|own| !object.classes.contains(&own))
    {
        found.push(Finding { node: class, fault: Fault::WrongClass });
    }
    for field in object.fields {
        match node.get(field.name) {
            Some(member) => value(member, &field.shape, found),
            None if field.required => found.push(Finding { node, fault: Fault::Missing(field.name) }),
            None => {}
        }
    }
    if !object.any_of.is_empty() && !object.any_of.iter().any(|name| node.get(name).is_some()) {
        found.push(Finding { node, fault: Fault::MissingAny(object.any_of) });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Tree;
    use causeway_core::Ledger;

    static DATE: Form = Form { name: "a year", format: "", pattern: "^[0-9]{4}$", test: |t| t.len() == 4 };
    static PART: Object = Object {
        fields: &[Field::required("code", "", Shape::Code(&["a", "b"]))],
        any_of: &[],
        classes: &["Part"],
    };
    static WHOLE: Object = Object {
        fields: &[
            Field::required("name", "", Shape::Text { min: 1, max: 5 }),
            Field::optional("year", "", Shape::Form(&DATE)),
            Field::optional("count", "", Shape::Integer { min: 1, max: 9 }),
            Field::optional("cost", "", Shape::Number { min: 0.0, max: 10.0 }),
            Field::optional("parts", "", Shape::List { of: &Shape::Object(&PART), min: 1, max: 2 }),
            Field::optional("pets", "", Shape::Values { of: &Shape::Token(&["yescan"]), min: 1, max: 1 }),
        ],
        any_of: &["year", "count"],
        classes: &[],
    };

    fn faults(text: &str) -> Vec<(String, Fault)> {
        let mut ledger = Ledger::new();
        let tree = Tree::parse(text.as_bytes(), &mut ledger).expect("JSON");
        check(tree.root(), &Shape::Object(&WHOLE)).iter().map(|f| (f.node.pointer(), f.fault)).collect()
    }

    #[test]
    fn what_fits_gives_nothing() {
        let text = r#"{"name":"éèçàù","year":"2024","count":2.0,"cost":1.50,"parts":[{"code":"a"}],"pets":"Yes-can"}"#;
        assert_eq!(faults(text), []);
    }

    #[test]
    fn each_fault_at_its_place() {
        let text =
            r#"{"name":"","count":10,"cost":-1,"parts":[{"@type":"X","code":"c"},{}],"pets":["No","No"]}"#;
        let at = |p: &str| p.to_owned();
        assert_eq!(
            faults(text),
            [
                (at("/name"), Fault::TooShort),
                (at("/count"), Fault::OutOfRange),
                (at("/cost"), Fault::OutOfRange),
                (at("/parts/0/@type"), Fault::WrongClass),
                (at("/parts/0/code"), Fault::NotAllowed),
                (at("/parts/1"), Fault::Missing("code")),
                (at("/pets/0"), Fault::NotAllowed),
                (at("/pets/1"), Fault::NotAllowed),
                (at("/pets"), Fault::TooMany),
            ]
        );
        let any = Fault::MissingAny(&["year", "count"]);
        assert_eq!(faults(r#"{"name":1}"#), [(at("/name"), Fault::WrongType), (String::new(), any)]);
    }
}
