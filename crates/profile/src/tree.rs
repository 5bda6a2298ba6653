//! JSON text as a tree, in one pass: each object and list is made with the room that it needs, what the tree can't show, an
//! object that has a member twice, is noticed on the way, and a text of too many values is read no further than they have room.

use std::cell::{Cell, RefCell};
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::{Number, Value};

use crate::places::Part;

/// What serde_json calls the only member of the object as which it gives a number whose digits are kept.
const NUMBER: &str = "$serde_json::private::Number";

/// Bytes that a value takes beside its text.
const VALUE_BYTES: usize = size_of::<Value>();

/// Bytes that a member takes beside name and value: the name's place and hash, and the member's in the table of names.
const MEMBER_BYTES: usize = size_of::<String>() + size_of::<usize>() + 16;

/// A tree, and what of its text it doesn't show.
pub(crate) struct Tree {
    pub(crate) value: Value,
    /// Whether an object of the text has a member twice (the tree holds the last).
    pub(crate) repeats: bool,
    /// Where the room ended, from the root: every list and object on this path lacks what follows in it, and nothing else lacks
    /// anything. `None` where all was read.
    pub(crate) cut: Option<Vec<Part>>,
}

impl Tree {
    /// Reads a text.
    ///
    /// # Errors
    /// It is no JSON, or nested deeper than serde_json follows.
    pub(crate) fn read(json: &[u8]) -> Result<Self, serde_json::Error> {
        Self::read_within(json, usize::MAX)
    }

    /// Reads a text until its values take so many bytes of memory; the rest need only be JSON.
    ///
    /// # Errors
    /// It is no JSON, or nested deeper than serde_json follows.
    pub(crate) fn read_within(json: &[u8], room: usize) -> Result<Self, serde_json::Error> {
        let state = State { room: Cell::new(room), ..State::default() };
        let mut reader = serde_json::Deserializer::from_slice(json);
        let value = Seed(&state).deserialize(&mut reader)?;
        reader.end()?;
        let cut = state.cut.into_inner().map(|mut path| {
            path.reverse();
            path
        });
        Ok(Self { value, repeats: state.repeats.get(), cut })
    }
}

#[derive(Default)]
struct State {
    /// The members read so far of the objects that are open.
    members: RefCell<Vec<(String, Value)>>,
    repeats: Cell<bool>,
    /// Bytes that there is room for.
    room: Cell<usize>,
    /// Whether there was no room for all.
    full: Cell<bool>,
    /// Where that was, from the inside.
    cut: RefCell<Option<Vec<Part>>>,
}

impl State {
    fn take(&self, bytes: usize) {
        let room = self.room.get().saturating_sub(bytes);
        self.room.set(room);
        self.full.set(room == 0);
    }

    fn text(&self, text: String) -> Value {
        self.take(text.len());
        Value::String(text)
    }

    /// Notes that what follows in a list or object was not read, or that something within the part of it that was read last lacks
    /// something.
    fn cut(&self, part: impl FnOnce() -> Part) {
        match &mut *self.cut.borrow_mut() {
            Some(path) => path.push(part()),
            none => *none = Some(vec![part()]),
        }
    }
}

/// The name of a member; `None` for what stands for the digits of a number.
struct Name;

impl<'d> DeserializeSeed<'d> for Name {
    type Value = Option<String>;

    fn deserialize<D: Deserializer<'d>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for Name {
    type Value = Option<String>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a name")
    }

    fn visit_str<E>(self, name: &str) -> Result<Self::Value, E> {
        Ok((name != NUMBER).then(|| name.to_owned()))
    }
}

#[derive(Clone, Copy)]
struct Seed<'s>(&'s State);

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
        Ok(self.0.text(text.to_owned()))
    }

    fn visit_string<E>(self, text: String) -> Result<Value, E> {
        Ok(self.0.text(text))
    }

    fn visit_seq<A: SeqAccess<'d>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut all = Vec::new();
        loop {
            if self.0.full.get() {
                // What an item lacks, and what comes after it.
                let mut more = self.0.cut.borrow().is_some();
                while items.next_element::<IgnoredAny>()?.is_some() {
                    more = true;
                }
                if more {
                    self.0.cut(|| Part::Index(all.len().saturating_sub(1)));
                }
                break;
            }
            let Some(item) = items.next_element_seed(self)? else { break };
            self.0.take(VALUE_BYTES);
            if all.is_empty() {
                // Most lists have one item.
                all.reserve_exact(1);
            }
            all.push(item);
        }
        all.shrink_to_fit();
        Ok(Value::Array(all))
    }

    fn visit_map<A: MapAccess<'d>>(self, mut members: A) -> Result<Value, A::Error> {
        let start = self.0.members.borrow().len();
        loop {
            if self.0.full.get() {
                let mut more = self.0.cut.borrow().is_some();
                while members.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {
                    more = true;
                }
                if more {
                    let last = || self.0.members.borrow().get(start..)?.last().map(|(name, _)| name.clone());
                    let name = last().unwrap_or_default();
                    self.0.cut(|| Part::Name(name));
                }
                break;
            }
            let Some(name) = members.next_key_seed(Name)? else { break };
            let name = match name {
                None if self.0.members.borrow().len() == start => {
                    let digits: String = members.next_value()?;
                    self.0.take(digits.len());
                    return digits.parse::<Number>().map(Value::Number).map_err(A::Error::custom);
                }
                None => NUMBER.to_owned(),
                Some(name) => name,
            };
            let value = members.next_value_seed(self)?;
            self.0.take(VALUE_BYTES + MEMBER_BYTES + name.len());
            self.0.members.borrow_mut().push((name, value));
        }
        let mut open = self.0.members.borrow_mut();
        let count = open.len() - start;
        let object: serde_json::Map<String, Value> = open.drain(start..).collect();
        self.0.repeats.set(self.0.repeats.get() || object.len() < count);
        Ok(Value::Object(object))
    }
}

#[cfg(test)]
mod tests {
    use super::Tree;
    use crate::places::Part;
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
    fn a_tree_is_read_as_far_as_there_is_room() {
        let text = r#"{"a":[{"b":"1"},{"b":"2"},{"b":"3"}],"c":{"d":[1,2,3]},"e":"f"}"#;
        let whole: Value = serde_json::from_str(text).expect(text);
        let mut cuts = Vec::new();
        for room in 0..3_000 {
            let tree = Tree::read_within(text.as_bytes(), room).expect(text);
            match &tree.cut {
                None => assert_eq!(tree.value, whole),
                Some(path) => {
                    // What does not lie on the path is as it is in the whole.
                    lacks(&whole, &tree.value, path);
                    if cuts.last() != Some(path) {
                        cuts.push(path.clone());
                    }
                }
            }
        }
        assert_eq!(cuts.len(), 6, "{cuts:?}");
        assert!(Tree::read_within(text.as_bytes(), 3_000).is_ok_and(|tree| tree.cut.is_none()));
        // What is not read is JSON all the same.
        assert!(Tree::read_within(br#"{"a":[1,2,3}"#, 1).is_err());
        assert!(Tree::read_within(br#"{"a":[1,2,tru]}"#, 1).is_err());
    }

    fn lacks(whole: &Value, read: &Value, path: &[Part]) {
        match (whole, read) {
            (Value::Array(all), Value::Array(some)) => {
                assert!(some.len() <= all.len());
                for (number, (one, other)) in all.iter().zip(some).enumerate() {
                    match path.split_first() {
                        Some((first, rest)) if *first == Part::Index(number) => lacks(one, other, rest),
                        _ => assert_eq!(one, other),
                    }
                }
                assert!(some.len() == all.len() || !path.is_empty());
            }
            (Value::Object(all), Value::Object(some)) => {
                for ((name, one), (same, other)) in all.iter().zip(some) {
                    assert_eq!(name, same);
                    match path.split_first() {
                        Some((first, rest)) if *first == Part::Name(name.clone()) => lacks(one, other, rest),
                        _ => assert_eq!(one, other),
                    }
                }
                assert!(some.len() == all.len() || !path.is_empty());
            }
            _ => assert_eq!(whole, read),
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
