//! Forms of text, and the small objects that recur: coded values, workers.

use causeway_core::{CqcLocationId, OdsCode, When};
use causeway_json::shape::{Field, Form, Object, Shape};
use jiff::tz::TimeZone;

use crate::limits;

/// A day.
pub static DATE: Form =
    Form { name: "a date (YYYY-MM-DD)", format: "date", pattern: "", test: |t| is_date(t) };

/// A point in time at any precision, with or without an offset.
pub static DATE_TIME: Form = Form {
    name: "a date or time (YYYY, YYYY-MM, YYYY-MM-DD or YYYY-MM-DDThh:mm[:ss][offset])",
    format: "",
    pattern: "^[0-9]{4}(-[0-9]{2}(-[0-9]{2}(T[0-9]{2}:[0-9]{2}(:[0-9]{2}(\\.[0-9]+)?)?(Z|[+-][0-9]{2}:[0-9]{2})?)?)?)?$",
    test: is_date_time,
};

/// Ten digits.
pub static NHS_NUMBER: Form = Form {
    name: "an NHS number of ten digits",
    format: "",
    pattern: "^[0-9]{10}$",
    test: |t| t.len() == 10 && t.bytes().all(|b| b.is_ascii_digit()),
};

/// A location id of the Care Quality Commission.
pub static CQC: Form = Form {
    name: "a CQC location id (1- and digits)",
    format: "",
    pattern: "^1-[0-9]{6,12}$",
    test: |t| CqcLocationId::parse(t).is_some_and(|id| id.as_str() == t),
};

/// A code of the Organisation Data Service.
pub static ODS: Form = Form {
    name: "an ODS code (3 to 12 capital letters and digits)",
    format: "",
    pattern: "^[A-Z0-9]{3,12}$",
    test: |t| OdsCode::parse(t).is_some_and(|code| code.as_str() == t),
};

/// Base64, whole groups only, as RFC 4648 section 4 has it.
pub static BASE64: Form = Form {
    name: "base64 of at most 5 MiB, without a data: prefix",
    format: "",
    pattern: "^(?:[A-Za-z0-9+/]{4})+$|^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)$",
    test: |t| is_base64(t) && t.len() <= limits::MULTIMEDIA_BASE64_CHARS_MAX,
};

/// A media type.
pub static MEDIA_TYPE: Form = Form {
    name: "a media type (such as image/jpeg)",
    format: "",
    pattern: "^[a-z]{1,32}/[A-Za-z0-9.+-]{1,100}$",
    test: is_media_type,
};

/// A web address or another absolute URI.
pub static URI: Form = Form {
    name: "an absolute URI",
    format: "",
    pattern: "^[A-Za-z][A-Za-z0-9+.-]{1,20}:[^\\s]{1,2000}$",
    test: is_uri,
};

/// A language tag.
pub static LANGUAGE: Form = Form {
    name: "a language tag (such as en or cy)",
    format: "",
    pattern: "^[a-z]{2,3}(-[A-Za-z0-9]{2,8})?$",
    test: is_language,
};

/// A code: no blanks.
pub static CODE: Form = Form {
    name: "a code of 1 to 64 characters without blanks",
    format: "",
    pattern: "^[^\\s]{1,64}$",
    test: |t| (1..=64).contains(&t.chars().count()) && !t.chars().any(is_ecma_blank),
};

fn is_date(text: &str) -> bool {
    text.len() == 10 && When::iso(text, &TimeZone::UTC).is_ok()
}

fn is_date_time(text: &str) -> bool {
    let shape = text.bytes().enumerate().all(|(at, b)| {
        b.is_ascii_digit()
            || match b {
                b'T' => at == 10,
                b'-' => at == 4 || at == 7 || at > 15,
                b':' | b'.' | b'+' => at > 12,
                b'Z' => at + 1 == text.len(),
                _ => false,
            }
    });
    let offset = text.get(16..).and_then(|rest| rest.find(['+', '-']).map(|at| rest.len() - at));
    shape && offset.is_none_or(|len| len == 6) && When::iso(text, &TimeZone::UTC).is_ok()
}

fn is_base64(text: &str) -> bool {
    let body = text.trim_end_matches('=');
    !body.is_empty()
        && text.len().is_multiple_of(4)
        && text.len() - body.len() <= 2
        && body.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/'))
}

fn is_media_type(text: &str) -> bool {
    text.split_once('/').is_some_and(|(kind, rest)| {
        (1..=32).contains(&kind.len())
            && kind.bytes().all(|b| b.is_ascii_lowercase())
            && (1..=100).contains(&rest.len())
            && rest.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'+' | b'-'))
    })
}

fn is_language(text: &str) -> bool {
    let (language, rest) =
        text.split_once('-').map_or((text, None), |(language, rest)| (language, Some(rest)));
    (2..=3).contains(&language.len())
        && language.bytes().all(|b| b.is_ascii_lowercase())
        && rest.is_none_or(|r| (2..=8).contains(&r.len()) && r.bytes().all(|b| b.is_ascii_alphanumeric()))
}

fn is_uri(text: &str) -> bool {
    text.split_once(':').is_some_and(|(scheme, rest)| {
        (2..=21).contains(&scheme.len())
            && scheme.starts_with(|c: char| c.is_ascii_alphabetic())
            && scheme.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'.' | b'-'))
            && (1..=2_000).contains(&rest.chars().count())
            && !rest.chars().any(is_ecma_blank)
    })
}

/// `\s` of ECMA 262.
fn is_ecma_blank(c: char) -> bool {
    c.is_whitespace() && c != '\u{85}' || c == '\u{feff}'
}

/// Text of at most 150 characters.
pub const SHORT: Shape = Shape::Text { min: 1, max: limits::SHORT_TEXT_CHARS_MAX };
/// Text of at most 70 characters.
pub const NAME: Shape = Shape::Text { min: 1, max: limits::FULL_NAME_CHARS_MAX };
/// Long text.
pub const LONG: Shape = Shape::Text { min: 1, max: limits::LONG_TEXT_CHARS_MAX };
/// A point in time.
pub const WHEN: Shape = Shape::Form(&DATE_TIME);
/// A day.
pub const DAY: Shape = Shape::Form(&DATE);
/// A coded value.
pub const CODED: Shape = Shape::Object(&CODED_OBJECT);
/// Coded values.
pub const CODED_LIST: Shape = Shape::List { of: &CODED, min: 1, max: limits::LIST_ITEMS_MAX };
/// Short texts.
pub const TEXTS: Shape = Shape::List { of: &SHORT, min: 1, max: limits::LIST_ITEMS_MAX };
/// A worker or other person, by name and role.
pub const PERSON: Shape = Shape::Object(&PERSON_OBJECT);

/// A coded value with its words: PRSB's "coded value / free text".
pub static CODED_OBJECT: Object = Object {
    fields: &[
        Field::optional("system", "URI of the code system; SNOMED CT where absent", Shape::Form(&URI)),
        Field::optional("code", "the code", Shape::Form(&CODE)),
        Field::optional("display", "the code's own words", Shape::Text { min: 1, max: 1_000 }),
        Field::optional("text", "the person's or worker's words", LONG),
    ],
    any_of: &["code", "text"],
    classes: &[],
};

/// A worker or other person.
pub static PERSON_OBJECT: Object = Object {
    fields: &[
        Field::required("name", "name", NAME),
        Field::optional("role", "role", SHORT),
        Field::optional("contact", "telephone number or other contact details", NAME),
    ],
    any_of: &[],
    classes: &[],
};

/// MODS versioned record: id of the item.
pub const RECORD_UID: Field = Field::optional(
    "recordUid",
    "id of the item in the sending system; the same item keeps it in every later version",
    Shape::Text { min: 1, max: limits::UID_CHARS_MAX },
);
/// MODS versioned record: version of the item.
pub const VERSION: Field =
    Field::optional("version", "version of the item", Shape::Integer { min: 1, max: i32::MAX as i64 });
/// When it was written down.
pub const RECORDED_AT: Field = Field::optional("recordedAt", "when it was written down", WHEN);
/// Who wrote it down.
pub const RECORDED_BY: Field = Field::optional("recordedBy", "who wrote it down", PERSON);
/// A remark.
pub const COMMENT: Field = Field::optional("comment", "remark", LONG);
