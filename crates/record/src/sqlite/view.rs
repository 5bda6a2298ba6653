//! Parts of a resource that a search asks for: `_elements`, `_summary`.

use serde_json::{Value, json};

use crate::error::{RecordError, Result};
use crate::parameters;

/// What of each match is given.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum View {
    /// All of it.
    #[default]
    Whole,
    /// These elements and those that must be there.
    Elements(Vec<String>),
    /// The elements that R4 marks as summary.
    Summary,
    /// The narrative and what must be there.
    Text,
    /// All but the narrative.
    Data,
}

impl View {
    /// What the parameters of a search ask for.
    ///
    /// # Errors
    /// [`RecordError::Search`] for a value of `_summary` that there isn't.
    pub fn of(params: &[(String, String)]) -> Result<Self> {
        let mut view = Self::Whole;
        for (name, value) in params {
            match name.as_str() {
                "_elements" => {
                    view = Self::elements(&value.split(',').map(str::to_owned).collect::<Vec<_>>())
                }
                "_summary" if value != "count" => {
                    let unknown = || {
                        RecordError::Search("_summary is none of true, false, text, data, count".to_owned())
                    };
                    view = Self::summary(value).ok_or_else(unknown)?;
                }
                _ => {}
            }
        }
        Ok(view)
    }

    /// For a value of `_summary` other than `count`.
    pub(crate) fn summary(value: &str) -> Option<Self> {
        Some(match value {
            "true" => Self::Summary,
            "false" => Self::Whole,
            "text" => Self::Text,
            "data" => Self::Data,
            _ => return None,
        })
    }

    /// For a value of `_elements`; a type before the element's name is of no matter here.
    pub(crate) fn elements(names: &[String]) -> Self {
        let own = |name: &String| name.rsplit('.').next().unwrap_or(name).trim().to_owned();
        Self::Elements(names.iter().map(own).collect())
    }

    /// Takes away what is not asked for, and says that something was taken (R4, search, 3.1.1.5.9).
    pub fn apply(&self, resource: &mut Value) {
        let Value::Object(map) = resource else { return };
        let kind = map.get("resourceType").and_then(Value::as_str).unwrap_or("").to_owned();
        let keep: Vec<&str> = match self {
            Self::Whole => return,
            Self::Data => {
                map.remove("text");
                Vec::new()
            }
            Self::Elements(names) => names.iter().map(String::as_str).collect(),
            Self::Summary => parameters::summary_of(&kind).collect(),
            Self::Text => vec!["text"],
        };
        if *self != Self::Data {
            map.retain(|key, _| {
                matches!(key.as_str(), "resourceType" | "id" | "meta")
                    || keep.iter().any(|name| is_of(key, name))
                    || parameters::required_of(&kind).any(|name| is_of(key, name))
            });
        }
        let tag = json!({"system": "http://terminology.hl7.org/CodeSystem/v3-ObservationValue", "code": "SUBSETTED"});
        let meta = map.entry("meta").or_insert_with(|| json!({}));
        match meta.get_mut("tag").and_then(Value::as_array_mut) {
            Some(tags) => tags.push(tag),
            None => meta["tag"] = json!([tag]),
        }
    }
}

/// Whether a JSON member is of an element: itself, its extensions, or one of its choices (`valueQuantity` of `value`).
fn is_of(key: &str, element: &str) -> bool {
    let key = key.strip_prefix('_').unwrap_or(key);
    !element.is_empty()
        && key
            .strip_prefix(element)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with(|c: char| c.is_ascii_uppercase()))
}
