//! What the standard's records must look like: its SHACL shapes (ontology of socialcaredata.io) as data. Which
//! spelling a token has, symbolic (`NotSpecified`) or as people read it (`Not specified`), is left open, as the
//! published examples leave it.

pub mod assessments;
pub mod person;
pub mod placements;
pub mod safeguarding;

use causeway_core::When;
use causeway_json::shape::{Field, Form, Object, Shape};
use jiff::tz::TimeZone;

use crate::limits;

/// A day.
pub static DATE: Form = Form {
    name: "a date (YYYY-MM-DD)",
    format: "date",
    pattern: "",
    test: |t| t.len() == 10 && When::iso(t, &TimeZone::UTC).is_ok(),
};

/// A point in time, with or without an offset (`xsd:dateTime`).
pub static DATE_TIME: Form = Form {
    name: "a date and time (YYYY-MM-DDThh:mm:ss)",
    format: "date-time",
    pattern: "",
    test: |t| t.len() >= 19 && t.as_bytes().get(10) == Some(&b'T') && When::iso(t, &TimeZone::UTC).is_ok(),
};

/// A postcode, in capitals, as the standard demands.
pub static POSTCODE: Form = Form {
    name: "a UK postcode in capitals (such as AB1 2CD)",
    format: "",
    pattern: "^[A-Z]{1,2}[0-9][0-9A-Z]? ?[0-9][A-Z]{2}$",
    test: is_postcode,
};

/// The outward part of a postcode.
pub static OUTWARD: Form = Form {
    name: "the outward part of a UK postcode (such as TA3)",
    format: "",
    pattern: "^[A-Z]{1,2}[0-9][0-9A-Z]?$",
    test: is_outward,
};

/// An absolute IRI, or a compact one of the context.
pub static IRI: Form = Form {
    name: "an IRI",
    format: "",
    pattern: "^[A-Za-z][A-Za-z0-9+.-]*:[^\\s]+$",
    test: |t| t.split_once(':').is_some_and(|(scheme, rest)| is_scheme(scheme) && is_word(rest)),
};

/// Which parts of a date are accurate, estimated or unknown.
pub static ACCURACY: Form = Form {
    name: "three letters of A, E and U, for day, month and year",
    format: "",
    pattern: "^[AEU]{3}$",
    test: |t| t.len() == 3 && t.bytes().all(|b| matches!(b, b'A' | b'E' | b'U')),
};

fn is_scheme(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'.' | b'-'))
}

fn is_word(text: &str) -> bool {
    !text.is_empty() && !text.chars().any(char::is_whitespace)
}

fn is_outward(text: &str) -> bool {
    let letters = text.bytes().take_while(u8::is_ascii_uppercase).count();
    let rest = text.as_bytes().get(letters..).unwrap_or_default();
    (1..=2).contains(&letters)
        && rest.first().is_some_and(u8::is_ascii_digit)
        && rest.len() <= 2
        && rest.get(1).is_none_or(|b| b.is_ascii_digit() || b.is_ascii_uppercase())
}

fn is_postcode(text: &str) -> bool {
    let Some(split) = text.len().checked_sub(3).filter(|_| text.is_ascii()) else { return false };
    let (outward, inward) = text.split_at(split);
    let inward = inward.as_bytes();
    is_outward(outward.strip_suffix(' ').unwrap_or(outward))
        && inward.first().is_some_and(u8::is_ascii_digit)
        && inward.iter().skip(1).all(u8::is_ascii_uppercase)
}

/// Text.
pub const TEXT: Shape = Shape::Text { min: 1, max: limits::TEXT_CHARS_MAX };
/// A point in time.
pub const WHEN: Shape = Shape::Form(&DATE_TIME);
/// A reference by identifier.
pub const ID: Shape = Shape::Object(&IDENTIFIER);
/// An address.
pub const ADDRESS: Shape = Shape::Object(&ADDRESS_OBJECT);
/// Contact details.
pub const CONTACT: Shape = Shape::Object(&CONTACT_OBJECT);
/// A name.
pub const NAME: Shape = Shape::Object(&NAME_OBJECT);

/// Any number of values, from `min`.
pub const fn many(of: &'static Shape, min: usize) -> Shape {
    Shape::Values { of, min, max: limits::VALUES_MAX }
}

/// One value at most.
pub const fn one(of: &'static Shape) -> Shape {
    Shape::Values { of, min: 1, max: 1 }
}

const fn must(name: &'static str, shape: Shape) -> Field {
    Field::required(name, "", shape)
}

const fn may(name: &'static str, shape: Shape) -> Field {
    Field::optional(name, "", shape)
}

/// Value and system.
pub static IDENTIFIER: Object = Object {
    fields: &[must("value", one(&TEXT)), must("system", one(&Shape::Form(&IRI)))],
    any_of: &[],
    classes: &["Identifier"],
};

static ADDRESS_OBJECT: Object = Object {
    fields: &[
        must("line1", one(&TEXT)),
        may("line2", one(&TEXT)),
        must("city", one(&TEXT)),
        must("postcode", one(&Shape::Form(&POSTCODE))),
        may("UPRN", one(&TEXT)),
        may("USRN", one(&TEXT)),
        may("use", one(&Shape::Token(&["home", "work", "temp", "old", "billing"]))),
    ],
    any_of: &[],
    classes: &["Address"],
};

static CONTACT_OBJECT: Object = Object {
    fields: &[may("name", one(&TEXT)), may("email", many(&TEXT, 0)), may("telephone", many(&TEXT, 0))],
    any_of: &[],
    classes: &["Contact"],
};

static NAME_OBJECT: Object = Object {
    fields: &[
        must("familyName", many(&TEXT, 1)),
        must("givenName", many(&TEXT, 1)),
        may("preferredName", one(&TEXT)),
        may(
            "use",
            one(&Shape::Token(&["usual", "official", "temp", "nickname", "anonymous", "old", "maiden"])),
        ),
    ],
    any_of: &[],
    classes: &["Name"],
};
