//! A text of the source as a value of a FHIR type, or not at all: nothing is guessed.

use causeway_core::When;
use causeway_fhir::writer::decimal;
use jiff::tz::TimeZone;
use serde_json::{Map, Number, Value, json};

use crate::code::is_uri;

/// A type that a row of places may name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    String,
    Boolean,
    Integer,
    Decimal,
    Date,
    DateTime,
    CodeableConcept,
    Identifier,
    ContactPoint,
    Annotation,
    Quantity,
}

/// Every type.
const ALL: [Kind; 11] = [
    Kind::String,
    Kind::Boolean,
    Kind::Integer,
    Kind::Decimal,
    Kind::Date,
    Kind::DateTime,
    Kind::CodeableConcept,
    Kind::Identifier,
    Kind::ContactPoint,
    Kind::Annotation,
    Kind::Quantity,
];

/// FHIR's systems of contacts.
const CONTACTS: [&str; 7] = ["phone", "fax", "email", "pager", "url", "sms", "other"];

impl Kind {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::String => "string",
            Self::Boolean => "boolean",
            Self::Integer => "integer",
            Self::Decimal => "decimal",
            Self::Date => "date",
            Self::DateTime => "dateTime",
            Self::CodeableConcept => "CodeableConcept",
            Self::Identifier => "Identifier",
            Self::ContactPoint => "ContactPoint",
            Self::Annotation => "Annotation",
            Self::Quantity => "Quantity",
        }
    }

    pub(crate) fn names() -> String {
        ALL.map(Self::name).join(", ")
    }

    pub(crate) fn parse(text: &str) -> Option<Self> {
        ALL.into_iter().find(|kind| kind.name() == text)
    }

    /// Whether an extension may have it here.
    pub(crate) fn in_extension(self) -> bool {
        !matches!(self, Self::ContactPoint | Self::Annotation)
    }

    /// The member of an extension that holds it.
    pub(crate) fn member(self) -> String {
        let mut letters = self.name().chars();
        let first = letters.next().map(|c| c.to_ascii_uppercase()).unwrap_or_default();
        format!("value{first}{}", letters.as_str())
    }

    /// Whether `system` is what the type needs; the error says what it needs.
    pub(crate) fn needs(self, system: &str) -> Result<(), String> {
        let (good, need) = match self {
            Self::Identifier => (is_uri(system), "an Identifier needs its system: an absolute URI"),
            Self::ContactPoint => {
                (CONTACTS.contains(&system), "a ContactPoint needs its system: phone, email …")
            }
            Self::Quantity => {
                let probe = json!({"resourceType": "Basic", "id": "a", "code": {"text": "a"}, "extension":
                    [{"url": "https://a.example/a", "valueQuantity": {"value": 1, "unit": system, "code": system,
                    "system": "http://unitsofmeasure.org"}}]});
                let valid = !system.is_empty() && causeway_profile::check_value(&probe).findings.is_empty();
                (valid, "a Quantity needs its unit as UCUM writes it in system")
            }
            Self::CodeableConcept => (true, ""),
            _ => (
                system.is_empty(),
                "system belongs to Identifier, ContactPoint, Quantity and CodeableConcept",
            ),
        };
        if good { Ok(()) } else { Err(need.to_owned()) }
    }

    /// A text as a value of this type; `None` where it is none. Concepts are made by the caller, who has the codes.
    pub(crate) fn value(self, text: &str, system: &str, zone: &TimeZone) -> Option<Value> {
        let text = text.trim();
        if text.is_empty() || text.chars().any(|c| c.is_control() && !matches!(c, '\n' | '\r' | '\t')) {
            return None;
        }
        let number = || decimal(text).and_then(|digits| digits.parse::<Number>().ok());
        Some(match self {
            Self::String => json!(text),
            Self::Boolean => json!(boolean(text)?),
            Self::Integer => json!(text.parse::<i32>().ok()?),
            Self::Decimal => Value::Number(number()?),
            Self::Date => json!(
                when(text, zone).filter(|w| w.precision() <= causeway_core::Precision::Day)?.fhir_date()
            ),
            Self::DateTime => json!(when(text, zone).filter(|w| w.lossy().is_none())?.fhir()),
            Self::CodeableConcept => return None,
            Self::Identifier => {
                if causeway_core::identifier::is_scientific(text) {
                    return None;
                }
                json!({"use": "secondary", "system": system, "value": text})
            }
            Self::ContactPoint => json!({"system": system, "value": text}),
            Self::Annotation => json!({"text": text}),
            Self::Quantity => {
                let mut quantity = Map::new();
                quantity.insert("value".to_owned(), Value::Number(number()?));
                quantity.insert("unit".to_owned(), json!(system));
                quantity.insert("system".to_owned(), json!("http://unitsofmeasure.org"));
                quantity.insert("code".to_owned(), json!(system));
                Value::Object(quantity)
            }
        })
    }
}

fn boolean(text: &str) -> Option<bool> {
    match text.to_ascii_lowercase().as_str() {
        "y" | "yes" | "true" => Some(true),
        "n" | "no" | "false" => Some(false),
        _ => None,
    }
}

/// A point in time as HL7, ISO 8601 or the British write it; each form is told from the others by its shape.
fn when(text: &str, zone: &TimeZone) -> Option<When> {
    let found = [When::hl7, When::british].into_iter().find_map(|read| read(text, zone).ok())?;
    (found.doubt().is_none() && !found.is_sentinel()).then_some(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_a_value_or_none() {
        let zone = causeway_core::london();
        for (kind, text, wanted) in [
            (Kind::Date, "03/04/1950", Some(json!("1950-04-03"))),
            (Kind::Date, "19500403", Some(json!("1950-04-03"))),
            (Kind::Date, "1950", Some(json!("1950"))),
            (Kind::Date, "31/02/1950", None),
            (Kind::Date, "03/04/50", None),
            (Kind::Date, "195004031200", None),
            (Kind::DateTime, "202607011200", Some(json!("2026-07-01T12:00:00+01:00"))),
            (Kind::Boolean, "Y", Some(json!(true))),
            (Kind::Boolean, "1", None),
            (Kind::Integer, "12", Some(json!(12))),
            (Kind::Integer, "12.0", None),
            (Kind::String, " a\u{0}b", None),
            (Kind::Identifier, "1.2E+9", None),
        ] {
            assert_eq!(kind.value(text, "", &zone), wanted, "{} {text}", kind.name());
        }
        let digits = Kind::Decimal.value("7.10", "", &zone).unwrap();
        assert_eq!(digits.to_string(), "7.10");
    }
}
