//! References that a resource holds, in values and in texts.

use std::borrow::Cow;

use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::Value;

use crate::labels;

/// Calls `f` with the resource's own element and the text of each reference below it; elements of these names are passed over.
pub(crate) fn of(resource: &Value, but: &[&str], f: &mut dyn FnMut(&str, &str)) {
    for (own, value) in resource.as_object().into_iter().flatten() {
        if !but.contains(&own.as_str()) {
            labels::walk(value, &mut |name, value| {
                if name == "reference"
                    && let Some(reference) = value.as_str()
                {
                    f(own, reference);
                }
            });
        }
    }
}

/// The same of a resource's text.
///
/// # Errors
/// It is not JSON.
pub(crate) fn in_text(
    text: &str,
    but: &[&str],
    f: &mut dyn FnMut(&str, &str),
) -> Result<(), serde_json::Error> {
    serde_json::Deserializer::from_str(text).deserialize_map(Own { but, f })
}

/// Every reference in a text without blanks between and without a backslash: where it is asked for is of no matter.
pub(crate) fn plainly_in(text: &str) -> impl Iterator<Item = &str> {
    text.split("\"reference\":\"").skip(1).filter_map(|rest| rest.split('"').next())
}

/// A member's name, borrowed where it is written as it is.
#[derive(Deserialize)]
#[serde(transparent)]
pub(crate) struct Name<'a>(#[serde(borrow)] pub Cow<'a, str>);

/// The resource itself.
struct Own<'f> {
    but: &'f [&'f str],
    f: &'f mut dyn FnMut(&str, &str),
}

impl<'de> Visitor<'de> for Own<'_> {
    type Value = ();

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a resource")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut from: A) -> Result<(), A::Error> {
        while let Some(Name(name)) = from.next_key()? {
            if self.but.contains(&&*name) {
                from.next_value::<IgnoredAny>()?;
            } else {
                from.next_value_seed(Below { own: &name, is_reference: false, f: self.f })?;
            }
        }
        Ok(())
    }
}

/// What is below an element of it.
struct Below<'f> {
    own: &'f str,
    /// Whether it is the value of a member called `reference`.
    is_reference: bool,
    f: &'f mut dyn FnMut(&str, &str),
}

impl<'de> DeserializeSeed<'de> for Below<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<(), D::Error> {
        from.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Below<'_> {
    type Value = ();

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a value")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut from: A) -> Result<(), A::Error> {
        while let Some(Name(name)) = from.next_key()? {
            from.next_value_seed(Below { own: self.own, is_reference: name == "reference", f: self.f })?;
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut from: A) -> Result<(), A::Error> {
        while from.next_element_seed(Below { own: self.own, is_reference: false, f: self.f })?.is_some() {}
        Ok(())
    }

    fn visit_str<E>(self, text: &str) -> Result<(), E> {
        if self.is_reference {
            (self.f)(self.own, text);
        }
        Ok(())
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn both(resource: &Value) -> [Vec<(String, String)>; 2] {
        let (mut values, mut texts) = (Vec::new(), Vec::new());
        of(resource, &["subject"], &mut |own, to| values.push((own.to_owned(), to.to_owned())));
        let text = resource.to_string();
        in_text(&text, &["subject"], &mut |own, to| texts.push((own.to_owned(), to.to_owned()))).unwrap();
        [values, texts]
    }

    #[test]
    fn a_text_gives_what_its_value_gives() {
        let resource = json!({"resourceType": "List", "subject": {"reference": "Patient/p"}, "reference": "none",
            "encounter": {"reference": "Encounter/e", "display": "x"}, "n": 1.50, "b": true, "z": null,
            "entry": [{"item": {"reference": "Condition/\"c\""}}, {"item": {"reference": ["none"]}}, "reference",
                {"deep": [[{"reference": {"reference": "Observation/o"}}]]}]});
        let [values, texts] = both(&resource);
        let expected =
            [("encounter", "Encounter/e"), ("entry", "Condition/\"c\""), ("entry", "Observation/o")];
        assert_eq!(values, expected.map(|(own, to)| (own.to_owned(), to.to_owned())));
        assert_eq!(texts, values);
        assert!(in_text("{\"a\":[", &[], &mut |_, _| ()).is_err(), "what is cut off is no resource");
        let text = r#"{"a":{"reference":"A/1"},"b":[{"reference":"B/2"}]}"#;
        assert!(plainly_in(text).eq(["A/1", "B/2"]));
    }
}
