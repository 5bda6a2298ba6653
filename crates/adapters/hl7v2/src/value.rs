//! OBX-5 by its type in OBX-2: quantities, codes, texts, times, attachments.

use std::borrow::Cow;

use causeway_core::{Leaf, Outcome, Precision, common};
use causeway_fhir::writer::{decimal, ordered};
use causeway_fhir::{Writer, systems};
use causeway_hl7v2::{Part, Segment};
use causeway_terminology::ucum::{is_unit, respelt, stated_unit, ucum};

use crate::codes::{concept, is_code};
use crate::env::Env;
use crate::note;
use crate::rules;

/// Writes the value of an OBX into an open Observation (or component): one repetition.
pub fn value<'m>(env: &Env<'m>, w: &mut Writer, obx: Segment<'m>, part: Part<'m>) {
    let Some(first) = part.leaves().next() else { return };
    let kind = obx.leaf(2);
    let code = kind.map_or("", |k| k.text);
    let before = w.mark();
    match code {
        "NM" => quantity(env, w, obx, part),
        "SN" => structured(env, w, obx, part),
        "CE" | "CWE" | "CNE" | "CF" => concept(env, w, "valueCodeableConcept", part, "OBX-5"),
        "DT" | "TS" | "DTM" => {
            if env.when_silently(first).is_some() {
                env.date_time(w, "valueDateTime", Some(first));
            }
        }
        "TM" => time(w, first),
        "DR" => env.period(w, "valuePeriod", part.comp(1).leaf(), part.comp(2).leaf()),
        "ST" | "TX" | "FT" => return text(w, part),
        _ => return other(env, w, obx, part),
    }
    // What the source deletes is no text.
    if w.wrote_since(before) || part.nulls().next().is_some() {
        w.decides(kind, "the type of the value in OBX-5");
    } else {
        env.tell(w, &rules::VALUE_TYPE, first.id);
        match unit_of_text(obx, code, first) {
            Some(unit) => {
                let leaves: Vec<Leaf<'_>> = part.leaves().collect();
                w.string("valueString", &format!("{} {}", part.text(), unit.text), (leaves, unit));
            }
            None => text(w, part),
        }
        w.decides(kind, "the type of the value in OBX-5");
    }
}

/// The unit that belongs to the text of a number that can't be read as one (`1,200`, `5-10`, `12*`): a number without its
/// unit is another result. A word (`NEG`) has none.
fn unit_of_text<'m>(obx: Segment<'m>, kind: &str, first: Leaf<'m>) -> Option<Leaf<'m>> {
    let numeric = kind == "NM" && begins_with_number(first.text);
    obx.comp(6, 2).or(obx.comp(6, 1)).filter(|unit| numeric && !first.text.ends_with(unit.text))
}

/// Whether a text begins as a number does, in digits of whatever script, with or without a sign.
fn begins_with_number(text: &str) -> bool {
    let text = text.trim_start_matches(|c: char| c.is_whitespace() || "<>=+-.~≤≥±".contains(c));
    text.starts_with(char::is_numeric)
}

/// The sign of a comparison, as FHIR writes it.
fn sign(text: &str) -> &str {
    match text {
        "≤" | "=<" => "<=",
        "≥" | "=>" => ">=",
        text => text,
    }
}

/// A number behind an empty repetition (`~5`): the sign says "about", and was not meant to repeat. Whether it was so.
pub fn about<'m>(env: &Env<'m>, w: &mut Writer, obx: Segment<'m>) -> bool {
    let mut said = obx.field(5).reps().filter(|part| part.says());
    let (Some(second), None) = (said.next(), said.next()) else { return false };
    let is_number = obx.leaf(2).is_some_and(|k| matches!(k.text, "NM" | "SN"));
    let is_first = obx.first(5).says();
    let Some(leaf) = second.leaves().next().filter(|_| is_number && !is_first) else { return false };
    env.tell(w, &rules::VALUE_TYPE, leaf.id);
    let unit = obx.comp(6, 2).or(obx.comp(6, 1));
    let words = unit.map_or(String::new(), |unit| format!(" {}", unit.text));
    let leaves: Vec<Leaf<'_>> = second.leaves().collect();
    w.string("valueString", &format!("~{}{words}", second.text()), (leaves, unit));
    true
}

/// Text: a value that is divided although its type is not keeps its separators.
fn text(w: &mut Writer, part: Part<'_>) {
    let leaves: Vec<Leaf<'_>> = part.leaves().collect();
    w.string("valueString", &part.text(), &leaves);
}

/// All repetitions of a text value, each a line.
pub fn lines(env: &Env<'_>, w: &mut Writer, field: Part<'_>) {
    let (text, leaves) = note::lines(env, w, field);
    w.string("valueString", &text, &leaves);
}

/// Whether values of this type are text, and repetitions lines of it: every type without a FHIR type of its own.
pub fn is_text(kind: &str) -> bool {
    !matches!(
        kind,
        "NM" | "SN" | "CE" | "CWE" | "CNE" | "CF" | "DT" | "TS" | "DTM" | "TM" | "DR" | "ED" | "RP"
    )
}

fn other(env: &Env<'_>, w: &mut Writer, obx: Segment<'_>, part: Part<'_>) {
    // Where a type is not given, as HL7 demands it to be, the value is of a type that is not known.
    if obx.leaf(2).is_none_or(|k| {
        !matches!(
            k.text,
            "IS" | "ID" | "SI" | "CX" | "EI" | "XCN" | "XPN" | "XAD" | "XTN" | "XON" | "HD" | "PN"
        )
    }) {
        let item = part.leaves().next().map_or(0, |l| l.id);
        env.tell(w, &rules::VALUE_TYPE, item);
    }
    text(w, part);
}

/// A decimal with an optional comparator in front, as laboratories write `<5` into a numeric value.
fn compared(text: &str) -> Option<(Option<&'static str>, Cow<'_, str>)> {
    let text = text.trim();
    for (sign, code) in [("<=", "<="), (">=", ">="), ("≤", "<="), ("≥", ">="), ("<", "<"), (">", ">")] {
        if let Some(rest) = text.strip_prefix(sign) {
            return decimal(rest).map(|d| (Some(code), d));
        }
    }
    decimal(text).map(|d| (None, d))
}

/// Whether the value is a number, so that its unit has a place.
pub fn is_quantity(obx: Segment<'_>) -> bool {
    let number = |leaf: Option<Leaf<'_>>| leaf.is_some_and(|l| compared(l.text).is_some());
    let text = |n| obx.comp(5, n).map_or("", |l| l.text);
    match obx.leaf(2).map(|k| k.text) {
        Some("NM") => obx.field(5).reps().any(|part| number(part.leaf())),
        Some("SN") => {
            let (separator, second) = (text(3), text(4));
            let compared = matches!(sign(text(1)), "" | "=" | "<" | ">" | "<=" | ">=");
            let alone = compared && separator.is_empty() && second.is_empty();
            let ends = decimal(text(2)).zip(decimal(second));
            let range = text(1).is_empty() && separator == "-" && ends.is_some_and(|(a, b)| ordered(&a, &b));
            let ratio = text(1).is_empty() && matches!(separator, ":" | "/") && decimal(second).is_some();
            (alone || range || ratio) && decimal(text(2)).is_some()
        }
        _ => false,
    }
}

fn quantity<'m>(env: &Env<'m>, w: &mut Writer, obx: Segment<'m>, part: Part<'m>) {
    let Some(leaf) = part.leaf() else { return };
    let Some((comparator, number)) = compared(leaf.text) else { return };
    w.object("valueQuantity", |w| {
        w.number("value", &number, leaf);
        if let Some(code) = comparator {
            w.fixed("comparator", code);
        }
        unit(env, w, obx.first(6));
    });
}

/// The unit of an OBX: as the laboratory writes it, and in UCUM where that is certain.
fn unit(env: &Env<'_>, w: &mut Writer, part: Part<'_>) {
    let (code, words, system) = (part.comp(1).leaf(), part.comp(2).leaf(), part.comp(3).leaf());
    // Words that are another unit than the code (`10^12/L^L`, whose second is the laboratory's table): the code is the unit.
    let differs = |w: &Leaf<'_>| {
        code.is_some_and(|c| ucum(c.text).is_some_and(|c| ucum(w.text).is_some_and(|w| w != c)))
    };
    let contradicting = words.filter(differs);
    let Some(said) = words.filter(|_| contradicting.is_none()).or(code) else { return };
    if let Some(leaf) = contradicting {
        env.tell(w, &rules::UNIT_CONTRADICTED, leaf.id);
    }
    w.leaf("unit", said);
    let declared = system.is_some_and(|s| s.text == "UCUM");
    match code {
        // What is said to be UCUM may be another spelling of the unit; one with a caret or letters outside ASCII that is no
        // unit known here is none.
        Some(code) if declared && is_code(code.text) => match respelt(code.text) {
            Some(known) => {
                w.string("system", systems::UCUM, system);
                w.string("code", known, code);
            }
            None if said.id == code.id && !is_unit(code.text) => {
                w.issue(Some(code.id), common::UNIT_UNKNOWN.issue());
                w.lossy(system, "the code is none of this system, so it was not called one");
            }
            None => stated_unit(w, code, true, system),
        },
        Some(code) => {
            if let Some(known) = ucum(code.text) {
                w.fixed("system", systems::UCUM);
                w.string("code", known, code);
            } else if let Some(name) = system.filter(|_| words.is_some() && is_code(code.text)) {
                w.string("system", &crate::codes::coding_system(env, name.text), name);
                w.leaf("code", code);
            }
        }
        None => {
            if let Some(known) = ucum(said.text) {
                w.fixed("system", systems::UCUM);
                w.string("code", known, said);
            }
        }
    }
}

/// SN: comparator, number, separator, number. Source: HL7 v2.5.1, 2.A.70.
fn structured<'m>(env: &Env<'m>, w: &mut Writer, obx: Segment<'m>, part: Part<'m>) {
    let comp = |n| part.comp(n).leaf();
    let (comparator, first, separator, second) = (comp(1), comp(2), comp(3), comp(4));
    let number = |leaf: Option<Leaf<'m>>| leaf.and_then(|l| decimal(l.text).map(|d| (l, d)));
    let (one, two) = (number(first), number(second));
    match (comparator.map(|c| sign(c.text)), &one, separator.map(|s| s.text), &two) {
        (None | Some("=" | "<" | ">" | "<=" | ">="), Some((leaf, digits)), None, None)
            if second.is_none() =>
        {
            w.object("valueQuantity", |w| {
                w.number("value", digits, leaf);
                match comparator.filter(|c| c.text != "=") {
                    Some(code) => w.string("comparator", sign(code.text), code),
                    None => w.mapped(comparator),
                }
                unit(env, w, obx.first(6));
            });
        }
        (None, Some(low), Some("-"), Some(high)) if ordered(&low.1, &high.1) => {
            w.object("valueRange", |w| {
                w.mapped(separator);
                for (key, (leaf, digits)) in [("low", low), ("high", high)] {
                    w.object(key, |w| {
                        w.number("value", digits, leaf);
                        unit(env, w, obx.first(6));
                    });
                }
            });
        }
        (None, Some(numerator), Some(":" | "/"), Some(denominator)) => {
            w.object("valueRatio", |w| {
                w.mapped(separator);
                for (key, (leaf, digits)) in [("numerator", numerator), ("denominator", denominator)] {
                    w.object(key, |w| w.number("value", digits, leaf));
                }
            });
        }
        _ => {
            let leaves: Vec<Leaf<'m>> =
                [comparator, first, separator, second].into_iter().flatten().collect();
            if let Some(leaf) = leaves.first() {
                env.tell(w, &rules::VALUE_TYPE, leaf.id);
            }
            // What reads as one number with its sign stays together, with its unit; anything else is kept apart.
            // Two numbers with nothing between them are never one.
            let read = is_compared(comparator) && one.is_some() && (separator.is_some() || second.is_none());
            let unit = obx.comp(6, 2).or(obx.comp(6, 1));
            let unit = unit.filter(|_| leaves.iter().any(|leaf| begins_with_number(leaf.text)));
            let mut joined =
                leaves.iter().map(|l| l.text).collect::<Vec<_>>().join(if read { "" } else { " " });
            if let Some(unit) = unit.filter(|unit| !joined.ends_with(unit.text)) {
                joined.push(' ');
                joined.push_str(unit.text);
            }
            w.string("valueString", &joined, (leaves, unit));
        }
    }
}

/// Whether the first component of an SN is absent or a comparator.
fn is_compared(comparator: Option<Leaf<'_>>) -> bool {
    matches!(comparator.map(|c| sign(c.text)), None | Some("=" | "<" | ">" | "<=" | ">=" | "<>"))
}

/// TM: `HH[MM[SS]]`; FHIR's time needs all three and knows no offset.
fn time(w: &mut Writer, leaf: Leaf<'_>) {
    let text = leaf.text;
    let two =
        |at: usize, max: u8| text.get(at..at + 2).and_then(|t| t.parse::<u8>().ok()).filter(|n| *n <= max);
    let digits = text.bytes().all(|b| b.is_ascii_digit());
    let (hour, minute) = (two(0, 23), two(2, 59));
    let second = if text.len() == 4 { Some(0) } else { two(4, 59) };
    if let (true, Some(h), Some(m), Some(s)) = (digits && matches!(text.len(), 4 | 6), hour, minute, second) {
        w.string("valueTime", &format!("{h:02}:{m:02}:{s:02}"), leaf);
    }
}

/// OBX-7: the text always; low and high where their reading is certain.
pub fn reference_range<'m>(env: &Env<'m>, w: &mut Writer, obx: Segment<'m>) {
    let Some(leaves) = obx.leaf(7) else { return };
    let text = leaves.text.to_owned();
    let numeric = obx.leaf(2).is_some_and(|k| matches!(k.text, "NM" | "SN"));
    w.array("referenceRange", |w| {
        w.element(|w| {
            if let Some((low, high)) = bounds(text.trim_end_matches(['^', '~', '&'])).filter(|_| numeric) {
                for (key, bound) in [("low", low), ("high", high)] {
                    if let Some(digits) = bound {
                        w.object(key, |w| {
                            w.number("value", &digits, leaves);
                            unit(env, w, obx.first(6));
                        });
                    }
                }
            }
            w.string("text", &text, leaves);
        });
    });
}

type Bound<'t> = Option<Cow<'t, str>>;

/// `3.5-5.0`, `3.5 - 5.0`, `<5`, `>10`, `<=5`, `>=10`. Anything else, and a low above its high, is only text.
fn bounds(text: &str) -> Option<(Bound<'_>, Bound<'_>)> {
    let text = text.trim();
    if let Some(rest) = text.strip_prefix('<') {
        return decimal(rest.strip_prefix('=').unwrap_or(rest)).map(|high| (None, Some(high)));
    }
    if let Some(rest) = text.strip_prefix('>') {
        return decimal(rest.strip_prefix('=').unwrap_or(rest)).map(|low| (Some(low), None));
    }
    // The hyphen between two numbers: not the sign of the first.
    let at = text.char_indices().skip(1).find(|(_, c)| *c == '-').map(|(at, _)| at)?;
    let (low, high) = (decimal(text.get(..at)?)?, decimal(text.get(at + 1..)?)?);
    ordered(&low, &high).then_some((Some(low), Some(high)))
}

/// Where the data of a document stand.
#[derive(Clone, Copy)]
struct Data<'m> {
    leaf: Leaf<'m>,
    encoding: Option<Leaf<'m>>,
    /// What they are, where the bytes say it.
    kind: Option<&'static str>,
    /// Whether they stand where HL7 has them.
    regular: bool,
}

/// The beginnings that files have in base64, with their media types.
const BEGINNINGS: &[(&str, &str)] = &[
    ("JVBERi0", "application/pdf"),
    ("/9j/", "image/jpeg"),
    ("iVBORw0KGgo", "image/png"),
    ("R0lGOD", "image/gif"),
    ("SUkqA", "image/tiff"),
    ("TU0AK", "image/tiff"),
    ("e1xydGY", "text/rtf"),
];

/// The media type of a file in base64, where its beginning says it.
fn recognised(text: &str) -> Option<&'static str> {
    const LEAST: usize = 24;
    if text.len() < LEAST {
        return None;
    }
    let kind = BEGINNINGS.iter().find(|(start, _)| text.starts_with(start)).map(|(_, kind)| *kind)?;
    is_base64(&compact(text)).then_some(kind)
}

/// Whether data in base64 begin as a file of this type does; of a type whose beginning is not known they do.
fn begins_as(kind: &str, data: &str) -> bool {
    let kind = kind.to_ascii_lowercase();
    let kind = kind.rsplit('/').next().unwrap_or_default();
    let kind = if kind == "jpg" { "jpeg" } else { kind };
    // What is sent of a text may be encoded here, not there.
    let starts = BEGINNINGS.iter().filter(|(_, known)| kind != "rtf" && known.ends_with(&format!("/{kind}")));
    let starts: Vec<&str> = starts.map(|(start, _)| *start).collect();
    starts.is_empty() || starts.iter().any(|start| data.starts_with(start))
}

fn compact(text: &str) -> String {
    text.chars().filter(|c| !c.is_whitespace()).collect()
}

/// Finds the data of a document in a value of an OBX: where ED has them, or in another component or under another type
/// where they are base64 that shows what it is.
fn data<'m>(obx: Segment<'m>, part: Part<'m>) -> Option<Data<'m>> {
    let (encoding, fifth) = (part.comp(4).leaf(), part.comp(5).leaf());
    let is_ed = obx.leaf(2).is_some_and(|k| k.text == "ED");
    let says_base64 = encoding.is_some_and(|e| e.text.eq_ignore_ascii_case("base64"));
    if let Some(leaf) = fifth
        && (is_ed || (says_base64 && is_base64(&compact(leaf.text))))
    {
        return Some(Data { leaf, encoding, kind: recognised(leaf.text), regular: is_ed });
    }
    let found = part.leaves().find_map(|leaf| recognised(leaf.text).map(|kind| (leaf, kind)));
    found.map(|(leaf, kind)| Data { leaf, encoding: None, kind: Some(kind), regular: false })
}

/// Whether a value holds a document although its type is another: base64 of a file.
pub fn holds_document(obx: Segment<'_>) -> bool {
    let may =
        obx.leaf(2).is_none_or(|k| matches!(k.text, "CE" | "CWE" | "CNE" | "CF" | "ST" | "TX" | "FT" | "XX"));
    may && obx.field(5).reps().any(|part| data(obx, part).is_some())
}

/// A document within a value: ED (data), RP (pointer), or text.
pub fn attachment<'m>(env: &Env<'m>, w: &mut Writer, obx: Segment<'m>, part: Part<'m>) {
    let kind = obx.leaf(2);
    if kind.is_some_and(|k| k.text == "RP") {
        if let Some(pointer) = part.comp(1).leaf() {
            // A share of a network, a file's path or a number says where to look and is no URL.
            let scheme = pointer.text.split_once(':').map_or("", |(scheme, _)| scheme);
            let named =
                scheme.len() > 1 && scheme.bytes().all(|b| b.is_ascii_alphanumeric() || b"+-.".contains(&b));
            match named && !pointer.text.contains(|c: char| c.is_whitespace() || c == '\\') {
                true => w.leaf("url", pointer),
                false => {
                    env.tell(w, &rules::POINTER, pointer.id);
                    crate::env::source_text(w, "url", pointer);
                }
            }
            w.decides(kind, "the type of the value in OBX-5");
        }
        return;
    }
    w.mapped(kind);
    let (broad, narrow) = (part.comp(2).leaf(), part.comp(3).leaf());
    let found = data(obx, part);
    let is_data = |leaf: &Leaf<'_>| found.is_some_and(|f| f.leaf.id == leaf.id);
    let mut typed = media_type(w, broad.filter(|l| !is_data(l)), narrow.filter(|l| !is_data(l)));
    let Some(found) = found else {
        if let Some(leaf) = part.leaves().next() {
            env.tell(w, &rules::DOCUMENT_MISSING, leaf.id);
        }
        return crate::env::absent(w, if part.says() { "error" } else { "unknown" });
    };
    if let Some(kind) = found.kind.filter(|_| !typed) {
        w.string("contentType", kind, found.leaf);
        typed = true;
    }
    if !found.regular {
        env.tell(w, &rules::DOCUMENT_ELSEWHERE, found.leaf.id);
    }
    let (data, encoding) = (found.leaf, found.encoding);
    let bytes = match encoding.map(|e| e.text.to_ascii_lowercase()).as_deref() {
        Some("base64") => {
            let clean = compact(data.text);
            is_base64(&clean).then_some(clean)
        }
        Some("hex") => hex(data.text).map(|bytes| base64(&bytes)),
        // Without an encoding it is text, but for a file in base64 that shows what it is.
        None if found.kind.is_some() => Some(compact(data.text)),
        Some("a") | None => Some(base64(data.text.as_bytes())),
        Some(_) => None,
    };
    match bytes {
        Some(text) => {
            // R4 wants a type beside data (att-1): what nothing names is bytes, or the text that it came as.
            if !typed {
                let coded =
                    found.kind.is_some() || encoding.is_some_and(|e| !e.text.eq_ignore_ascii_case("a"));
                w.fixed("contentType", if coded { "application/octet-stream" } else { "text/plain" });
            }
            if let Some(leaf) = broad.into_iter().chain(narrow).find(|l| !begins_as(l.text, &text)) {
                env.tell(w, &rules::DOCUMENT_KIND, leaf.id);
            }
            w.string("data", &text, (data, encoding));
        }
        None => {
            env.tell(w, &rules::DOCUMENT_MISSING, data.id);
            w.claim((data, encoding), Outcome::Rejected, "the data of the document can't be decoded");
            crate::env::absent(w, "error");
        }
    }
}

/// The media type: by the subtype where that alone says it, else by type and subtype together. Whether there is one.
fn media_type(w: &mut Writer, broad: Option<Leaf<'_>>, narrow: Option<Leaf<'_>>) -> bool {
    let of = |leaf: Option<Leaf<'_>>| leaf.map_or(String::new(), |l| l.text.to_ascii_lowercase());
    let (b, whole) = (of(broad), of(narrow));
    // `application/pdf` in one component, as some write it.
    let n = whole.rsplit('/').next().unwrap_or("").to_owned();
    let by_subtype = match n.as_str() {
        "pdf" => "application/pdf",
        "jpeg" | "jpg" => "image/jpeg",
        "png" => "image/png",
        "tiff" | "tif" => "image/tiff",
        "gif" => "image/gif",
        "rtf" => "text/rtf",
        "html" => "text/html",
        "xml" => "application/xml",
        _ => "",
    };
    if !by_subtype.is_empty() {
        w.claim(broad, Outcome::Structural, "");
        w.string("contentType", by_subtype, narrow);
        return true;
    }
    let mime = |t: &str| !t.is_empty() && t.bytes().all(|b| b.is_ascii_alphanumeric() || b"-.+".contains(&b));
    match (b.as_str(), n.as_str()) {
        ("pdf", "") => w.string("contentType", "application/pdf", broad),
        ("text" | "tx", "") => w.string("contentType", "text/plain", broad),
        ("application" | "audio" | "image" | "text" | "video", _) if mime(&n) => {
            w.string("contentType", &format!("{b}/{n}"), (broad, narrow));
        }
        _ => {
            // No media type that anybody registered: its words are the title.
            let words: Vec<Leaf<'_>> = [broad, narrow].into_iter().flatten().collect();
            let joined = words.iter().map(|l| l.text).collect::<Vec<_>>().join("/");
            w.string("title", &joined, &words);
            return false;
        }
    }
    true
}

fn is_base64(text: &str) -> bool {
    let body = text.trim_end_matches('=');
    !body.is_empty()
        && text.len().is_multiple_of(4)
        && text.len() - body.len() <= 2
        && body.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/'))
}

fn hex(text: &str) -> Option<Vec<u8>> {
    let digits: Option<Vec<u8>> = text
        .bytes()
        .filter(|b| !b.is_ascii_whitespace())
        .map(|b| char::from(b).to_digit(16).map(|d| d as u8))
        .collect();
    let digits = digits.filter(|d| !d.is_empty() && d.len().is_multiple_of(2))?;
    Some(digits.chunks_exact(2).map(|pair| pair.iter().fold(0u8, |sum, d| sum << 4 | d)).collect())
}

/// Base64 of bytes (RFC 4648).
pub fn base64(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let word = chunk.iter().chain([&0, &0]).take(3).fold(0u32, |sum, b| sum << 8 | u32::from(*b));
        for at in 0..4 {
            let index = (word >> (18 - 6 * at)) as usize & 63;
            let letter = ALPHABET.get(index).copied().unwrap_or(b'A');
            out.push(if at <= chunk.len() { char::from(letter) } else { '=' });
        }
    }
    out
}

/// Whether a time is exact enough to be an instant.
pub fn is_instant(env: &Env<'_>, leaf: Leaf<'_>) -> bool {
    env.when_silently(leaf).is_some_and(|when| when.precision() >= Precision::Minute)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_only_where_certain() {
        let read = |t| bounds(t).map(|(l, h)| (l.map(Cow::into_owned), h.map(Cow::into_owned)));
        let some = |t: &str| Some(t.to_owned());
        assert_eq!(read("3.5-5.0"), Some((some("3.5"), some("5.0"))));
        assert_eq!(read("-2 - 2"), Some((some("-2"), some("2"))));
        assert_eq!(read("<5"), Some((None, some("5"))));
        assert_eq!(read(">=10"), Some((some("10"), None)));
        for text in ["5-3", "negative", "3.5-5.0 g/L", "1-2-3", "-", "3,5-5,0", ""] {
            assert_eq!(read(text), None, "{text}");
        }
    }

    #[test]
    fn base64_of_every_length() {
        for (bytes, text) in [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg==")]
        {
            assert_eq!(base64(bytes.as_bytes()), text);
        }
        assert!(is_base64("Zm9vYg==") && !is_base64("Zm9vY") && !is_base64("====") && !is_base64(""));
    }
}
