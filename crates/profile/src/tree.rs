//! JSON text as a tree, in one pass: each object is made with the room that it needs, and what the tree can't show, an object
//! that has a member twice, is noticed on the way.

use std::cell::{Cell, RefCell};
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Number, Value};

/// What serde_json calls the only member of the object as which it gives a number whose digits are kept.
const NUMBER: &str = "$serde_json::private::Number";

/// A tree, and whether an object of its text has a member twice (the tree holds the last).
pub(crate) struct Tree {
    pub(crate) value: Value,
    pub(crate) repeats: bool,
}

impl Tree {
    /// Reads a text.
    ///
    /// # Errors
    /// It is no JSON, or nested deeper than serde_json follows.
    pub(crate) fn read(json: &[u8]) -> Result<Self, serde_json::Error> {
        let seed = Seed { members: &RefCell::default(), repeats: &Cell::new(false) };
        let mut reader = serde_json::Deserializer::from_slice(json);
        let value = seed.deserialize(&mut reader)?;
        reader.end()?;
        Ok(Self { value, repeats: seed.repeats.get() })
    }
}

#[derive(Clone, Copy)]
struct Seed<'s> {
    /// The members read so far of the objects that are open.
    members: &'s RefCell<Vec<(String, Value)>>,
    repeats: &'s Cell<bool>,
}

impl<'d> DeserializeSeed<'d> for Seed<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'d>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'d> Visitor<'d> for Seed<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_bool<E>(self, truth: bool) -> Result<Value, E> {
        Ok(Value::Bool(truth))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Value, E> {
        Ok(Value::from(number))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Value, E> {
        Ok(Value::from(number))
    }

    fn visit_f64<E>(self, number: f64) -> Result<Value, E> {
        Ok(Value::from(number))
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_str<E>(self, text: &str) -> Result<Value, E> {
        Ok(Value::String(text.to_owned()))
    }

    fn visit_string<E>(self, text: String) -> Result<Value, E> {
        Ok(Value::String(text))
    }

    fn visit_seq<A: SeqAccess<'d>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut all = Vec::new();
        while let Some(item) = items.next_element_seed(self)? {
            all.push(item);
        }
        Ok(Value::Array(all))
    }

    fn visit_map<A: MapAccess<'d>>(self, mut members: A) -> Result<Value, A::Error> {
        let start = self.members.borrow().len();
        while let Some(name) = members.next_key::<String>()? {
            if name == NUMBER && self.members.borrow().len() == start {
                let digits: String = members.next_value()?;
                return digits.parse::<Number>().map(Value::Number).map_err(A::Error::custom);
            }
            let value = members.next_value_seed(self)?;
            self.members.borrow_mut().push((name, value));
        }
        let mut open = self.members.borrow_mut();
        let count = open.len() - start;
        let object: serde_json::Map<String, Value> = open.drain(start..).collect();
        self.repeats.set(self.repeats.get() || object.len() < count);
        Ok(Value::Object(object))
    }
}

#[cfg(test)]
mod tests {
    use super::Tree;
    use serde_json::Value;

    #[test]
    fn the_tree_is_serde_jsons_own() {
        for text in [
            r#"{"b":1.50,"a":[null,true,"x\u00e9\n",{"c":{}}],"n":1e400,"m":-0,"e":""}"#,
            "[]",
            " \"text\" ",
            "123456789012345678901234567890.10",
        ] {
            let own: Value = serde_json::from_str(text).expect(text);
            let tree = Tree::read(text.as_bytes()).expect(text);
            assert_eq!((tree.value.to_string(), tree.repeats), (own.to_string(), false), "{text}");
        }
        let deep = format!("{}{}", "[".repeat(1_000), "]".repeat(1_000));
        for text in ["", "{", "{\"a\":}", "1 2", "{\"a\":1,}", "nul", "\"\\u12\"", "\u{1}", &deep] {
            let own = serde_json::from_str::<Value>(text).expect_err(text);
            let error = Tree::read(text.as_bytes()).err().expect(text);
            assert_eq!((error.line(), error.column()), (own.line(), own.column()), "{text}");
        }
    }

    #[test]
    fn a_member_that_is_there_twice_is_noticed_at_its_own_level_only() {
        let repeats = |text: &str| Tree::read(text.as_bytes()).expect(text).repeats;
        assert!(!repeats(r#"{"a":1,"b":{"a":"a"},"c":[{"a":1},{"a":2}]}"#));
        assert!(repeats(r#"{"a":1,"b":[{"x" : 1,"x":"\"x"}],"c":"a"}"#));
        assert!(repeats(r#"{"a":1,"\u0061":2}"#), "the same name written otherwise");
    }
}
