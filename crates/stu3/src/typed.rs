//! Values by what R4 says of the element that they go to: its type, whether it repeats, its format, its codes. What
//! STU3 calls otherwise within a part of a resource is renamed; what has no place, or can't be a value of the element,
//! is left out and told.

use std::borrow::Cow;

use causeway_core::text::first_escaped;
use causeway_core::{Leaf, Outcome, When, common};
use causeway_fhir::types::{self, concept_fixed};
use causeway_fhir::{Coding, Writer, systems};
use causeway_json::{Kind, Node};
use causeway_profile::schema::{Field, Required, Shape, TypeRef};

use crate::copy::Copier;
use crate::part::absent;
use crate::rules;

/// What becomes of an element within a part of a resource or a data type that R4 calls or shapes otherwise. Source:
/// HL7's version maps from R3 to R4.
enum Nested {
    /// Another name.
    Name(&'static str),
    /// The reference stands in a part of its own now: the name within it.
    Wrap(&'static str),
    /// An OID that is an id now: without its prefix.
    Id,
    /// An OID that is a coding now.
    Coding,
    /// A value of a choice that is a list of parts now: the list's name.
    Listed(&'static str),
    /// Not there on purpose.
    Lost(&'static str),
}

fn nested(ty: &str, key: &str) -> Option<Nested> {
    const DETAIL: &str = "CarePlan.activity.detail";
    const NO_PLACE: &str = "R4 has no such element; kept only in the original";
    Some(match (ty, key) {
        (DETAIL, "prohibited") => Nested::Name("doNotPerform"),
        (DETAIL, "definition") => Nested::Name("instantiatesCanonical"),
        (DETAIL, "category") => Nested::Lost(NO_PLACE),
        ("Encounter.diagnosis", "role") => Nested::Name("use"),
        ("Procedure.performer", "role") => Nested::Name("function"),
        ("Medication.ingredient", "amount") => Nested::Name("strength"),
        ("MedicationAdministration.performer" | "MedicationDispense.performer", "onBehalfOf") => {
            Nested::Lost(NO_PLACE)
        }
        ("ImagingStudy.series", "uid") | ("ImagingStudy.series.instance", "uid") => Nested::Id,
        ("ImagingStudy.series.instance", "sopClass") => Nested::Coding,
        ("ImagingStudy.series", "performer") => Nested::Wrap("actor"),
        ("ImagingStudy.series", "availability") => Nested::Lost(NO_PLACE),
        ("Questionnaire.item.enableWhen", "answerUri") => Nested::Name("answerString"),
        ("Questionnaire.item.enableWhen", "answerAttachment") => Nested::Lost(NO_PLACE),
        ("Questionnaire.item", "option") => Nested::Name("answerOption"),
        ("Questionnaire.item", "options") => Nested::Name("answerValueSet"),
        ("Questionnaire.item", _) if key.starts_with("initial") && key != "initial" => {
            Nested::Listed("initial")
        }
        ("Signature", "whoReference") => Nested::Name("who"),
        ("Signature", "onBehalfOfReference") => Nested::Name("onBehalfOf"),
        ("Signature", "blob") => Nested::Name("data"),
        ("Signature", "contentType") => Nested::Name("sigFormat"),
        ("Money", "code") => Nested::Name("currency"),
        ("Money", "unit" | "system") => Nested::Lost("R4 has the currency alone"),
        _ => return None,
    })
}

/// Codes that R4 dropped from a required list, by type and element: the STU3 code and R4's.
fn moved_code(ty: &str, key: &str, code: &str) -> Option<&'static str> {
    Some(match (ty, key, code) {
        ("ClinicalImpression", "status", "draft") => "in-progress",
        ("CarePlan", "status", "suspended") => "on-hold",
        ("CarePlan", "status", "cancelled") => "revoked",
        ("DocumentReference", "docStatus", "appended") => "amended",
        ("Questionnaire.item", "type", "question") => "string",
        (_, "priority", "normal") => "routine",
        ("Media" | "Procedure" | "Communication", "status", "suspended") => "on-hold",
        ("Media" | "Procedure" | "Communication", "status", "aborted") => "stopped",
        (_, "comparator", "=<" | "≤") => "<=",
        (_, "comparator", "=>" | "≥") => ">=",
        (_, "gender", "M" | "m") => "male",
        (_, "gender", "F" | "f") => "female",
        (_, "gender", "O" | "o") => "other",
        (_, "gender", "U" | "u" | "UNK" | "unk") => "unknown",
        _ => return None,
    })
}

/// A value as the element takes it, and whether it had to be changed for that.
struct Fitted<'t> {
    text: Cow<'t, str>,
    changed: bool,
}

impl<'t> Fitted<'t> {
    fn plain(text: &'t str) -> Option<Self> {
        Some(Self { text: Cow::Borrowed(text), changed: false })
    }

    fn changed(text: impl Into<Cow<'t, str>>) -> Option<Self> {
        Some(Self { text: text.into(), changed: true })
    }
}

impl<'t> Copier<'_, 't> {
    /// The same, for a part of the resource under this name.
    pub fn within(self, key: &str) -> Self {
        let ty = self.ty.and_then(|ty| ty.field(key)).map(Field::ty);
        Self { ty, ..self }
    }

    /// The same, for a data type of this name.
    pub fn typed_as(self, name: &str) -> Self {
        Self { ty: TypeRef::named(name), ..self }
    }

    /// A member of an object of a known type.
    pub(crate) fn typed(self, w: &mut Writer, ty: TypeRef, key: &str, node: Node<'t>) {
        if let Some(rule) = nested(ty.name(), key) {
            self.renamed(w, ty, rule, key, node);
            return;
        }
        let bare = key.strip_prefix('_').unwrap_or(key);
        let Some(field) = ty.field(bare) else {
            self.without_place(w, node);
            return;
        };
        if bare.len() < key.len() {
            // What is said of a primitive beside its value: an id and extensions.
            self.typed_as("Element").untyped(w, key, node);
            return;
        }
        if self.of_quantity(w, ty, key, node) || self.second_of_choice(w, ty, field, node) {
            return;
        }
        match (field.repeats(), node.kind()) {
            (_, Kind::Null) => {}
            (true, Kind::Array) => {
                w.array(key, |w| node.elements().for_each(|e| self.typed_element(w, ty, (key, field), e)));
            }
            (true, _) => {
                w.array(key, |w| self.typed_element(w, ty, (key, field), node));
            }
            (false, Kind::Array) => {
                let mut all = node.elements();
                if let Some(first) = all.next() {
                    self.single(w, ty, key, field, first);
                }
                for more in all {
                    w.issue(more.first_leaf().map(|l| l.id), rules::SECOND_LOST.issue());
                    self.lost(w, more, "R4 has this element once; the others are kept only in the original");
                }
            }
            (false, _) => self.single(w, ty, key, field, node),
        }
    }

    fn single(self, w: &mut Writer, owner: TypeRef, key: &str, field: Field, node: Node<'t>) {
        match (field.shape(), node.kind()) {
            (Shape::Object, Kind::Object) => {
                w.object(key, |w| Self { ty: Some(field.ty()), ..self }.body(w, node));
            }
            (Shape::Object, _) => {
                w.object(key, |w| self.wrapped(w, owner, key, field, node));
            }
            (shape, _) => {
                if let Some((fitted, leaf)) = self.fit(w, owner, key, field, node) {
                    if is_time(field)
                        && let Ok(when) = When::iso(&fitted.text, &self.context.zone)
                    {
                        w.tell_unlikely(key, &when, &leaf);
                    }
                    match shape {
                        Shape::Number => w.number(key, &fitted.text, leaf),
                        Shape::Boolean => w.boolean(key, fitted.text == "true", leaf),
                        _ => w.string(key, &fitted.text, leaf),
                    }
                }
            }
        }
    }

    fn typed_element(self, w: &mut Writer, owner: TypeRef, (key, field): (&str, Field), node: Node<'t>) {
        match (field.shape(), node.kind()) {
            (Shape::Object, Kind::Object) => {
                w.element(|w| Self { ty: Some(field.ty()), ..self }.body(w, node));
            }
            (Shape::Object, Kind::Null | Kind::Array) => {}
            (Shape::Object, _) => {
                w.element(|w| self.wrapped(w, owner, key, field, node));
            }
            // It holds the place of what is said beside it.
            (_, Kind::Null) => w.raw_value(b"null", ()),
            (shape, _) => {
                if let Some((fitted, leaf)) = self.fit(w, owner, key, field, node) {
                    match shape {
                        Shape::Text => w.value(&fitted.text, leaf),
                        _ => w.raw_value(fitted.text.as_bytes(), leaf),
                    }
                }
            }
        }
    }

    /// A plain value where R4 has a data type: a concept holds it as a code or as text, a remark as text.
    fn wrapped(self, w: &mut Writer, owner: TypeRef, key: &str, field: Field, node: Node<'t>) {
        let Some(leaf) = node.leaf() else { return };
        match (field.ty().name(), owner.name(), key) {
            ("CodeableConcept", "Media", "type") => {
                w.array("coding", |w| {
                    w.element(|w| {
                        let system = "http://terminology.hl7.org/CodeSystem/media-type";
                        let code = if leaf.text == "photo" { "image" } else { leaf.text };
                        Coding::new(system, code, "").body(w, leaf);
                    });
                });
            }
            ("CodeableConcept", "Consent", "policyRule") => {
                w.array("coding", |w| {
                    w.element(|w| Coding::new("urn:ietf:rfc:3986", leaf.text, "").body(w, leaf));
                });
            }
            ("CodeableConcept" | "Annotation", ..) => w.leaf("text", leaf),
            ("Device.version", ..) => w.leaf("value", leaf),
            _ => self.invalid(w, leaf),
        }
    }

    fn renamed(self, w: &mut Writer, ty: TypeRef, rule: Nested, key: &str, node: Node<'t>) {
        match rule {
            Nested::Name(to) => self.typed(w, ty, to, node),
            Nested::Wrap(inner) => {
                w.array(key, |w| {
                    let part = self.within(key);
                    let each = |w: &mut Writer, one: Node<'t>| {
                        w.element(|w| part.member(w, inner, one));
                    };
                    match node.is_array() {
                        true => node.elements().for_each(|one| each(w, one)),
                        false => each(w, node),
                    }
                });
            }
            Nested::Id => {
                let Some(leaf) = node.leaf() else { return };
                let id = leaf.text.trim().trim_start_matches("urn:oid:");
                match ty.field(key).is_some_and(|f| f.accepts(id)) {
                    true => w.string(key, id, leaf),
                    false => self.invalid(w, leaf),
                }
            }
            Nested::Coding => {
                let Some(leaf) = node.leaf() else { return };
                w.object(key, |w| Coding::new("urn:ietf:rfc:3986", leaf.text.trim(), "").body(w, leaf));
            }
            Nested::Listed(to) => {
                let value = key.strip_prefix(to).unwrap_or(key);
                w.array(to, |w| {
                    w.element(|w| self.within(to).member(w, &format!("value{value}"), node));
                });
            }
            Nested::Lost(reason) => {
                w.issue(node.first_leaf().map(|l| l.id), rules::NO_PLACE.issue());
                self.lost(w, node, reason);
            }
        }
    }

    /// An element that R4 does not have here under any name.
    pub(crate) fn without_place(self, w: &mut Writer, node: Node<'t>) {
        w.issue(node.first_leaf().map(|l| l.id), rules::NO_PLACE.issue());
        self.lost(w, node, "R4 has no such element here; kept only in the original");
    }

    fn invalid(self, w: &mut Writer, leaf: Leaf<'t>) {
        w.issue(Some(leaf.id), rules::VALUE_INVALID.issue());
        w.claim(leaf, Outcome::Rejected, "R4 does not take such a value here, so it was left out");
    }

    /// A plain value as the element takes it; `None` where it can't be one, which is told.
    fn fit(
        self,
        w: &mut Writer,
        owner: TypeRef,
        key: &str,
        field: Field,
        node: Node<'t>,
    ) -> Option<(Fitted<'t>, Leaf<'t>)> {
        let leaf = match node.kind() {
            // A reference where R4 has a canonical URL.
            Kind::Object => node.leaf_of("reference").filter(|l| l.text.contains("://")),
            _ => node.leaf(),
        };
        let Some(leaf) = leaf else {
            self.without_place(w, node);
            return None;
        };
        if leaf.text.trim().is_empty() {
            return None;
        }
        if (owner.name(), key) == ("Attachment", "size") && contradicts_data(node, leaf.text) {
            w.issue(Some(leaf.id), common::ATTACHMENT_SIZE.issue());
            w.claim(leaf, Outcome::Unsupported, common::ATTACHMENT_SIZE.text);
            return None;
        }
        match fitted(owner.name(), key, field, node.kind(), leaf.text) {
            Some(fitted) => {
                if fitted.changed {
                    w.issue(Some(leaf.id), told_of(field, leaf).issue());
                    w.lossy(leaf, "the value was not in R4's form and was put into it");
                }
                Some((fitted, leaf))
            }
            None => {
                let alone = node.kind() == Kind::Text && !field.repeats();
                if is_time(field) && alone {
                    self.no_date(w, key, node, leaf);
                } else if alone && field.ty().name() == "code" && field.allows("unknown") {
                    w.issue(Some(leaf.id), rules::CODE_UNKNOWN.issue());
                    causeway_fhir::types::unmapped_code(w, key, "unknown", leaf);
                } else {
                    self.invalid(w, leaf);
                }
                None
            }
        }
    }

    /// A date or time that can't be read costs itself alone: its text is kept beside the value that is not there.
    fn no_date(self, w: &mut Writer, key: &str, node: Node<'t>, leaf: Leaf<'t>) {
        self.text_beside(w, key, node, leaf, &rules::DATE_INVALID);
    }

    /// A value that can't stand where it is: its text is kept beside it, and why is told.
    pub(crate) fn text_beside(
        self,
        w: &mut Writer,
        key: &str,
        node: Node<'t>,
        leaf: Leaf<'t>,
        rule: &causeway_adapter::Rule,
    ) {
        w.issue(Some(leaf.id), rule.issue());
        let beside = format!("_{key}");
        if node.parent().is_some_and(|owner| owner.get(&beside).is_some()) {
            // The sender says something of it itself.
            w.claim(leaf, Outcome::Rejected, "R4 does not take such a value here, so it was left out");
            return;
        }
        w.object(&beside, |w| {
            w.array("extension", |w| {
                types::extension(w, types::SOURCE_TEXT, |w| w.leaf("valueString", leaf));
            });
        });
        w.lossy(leaf, "a value that can't stand here; its text was kept beside it");
    }

    /// Whether the comparator of a quantity can't be read, so that its number alone would say something else.
    pub(crate) fn is_incomparable(self, quantity: Node<'t>) -> bool {
        let Some((ty, said)) = self.ty.zip(quantity.get("comparator")) else { return false };
        let Some((field, leaf)) = ty.field("comparator").zip(said.leaf()) else { return false };
        !leaf.text.trim().is_empty()
            && fitted(ty.name(), "comparator", field, said.kind(), leaf.text).is_none()
    }

    /// Says of what R4 demands and the source does not state that it is not known. `start` is where the object's
    /// content begins in the writer.
    pub(crate) fn complete(self, w: &mut Writer, start: usize) {
        let Some(ty) = self.ty.filter(|ty| ty.name() != "Extension") else { return };
        let mut needed = ty.required().peekable();
        if needed.peek().is_none() || w.bytes().len() == start {
            return;
        }
        let written = keys_of(w.bytes().get(start..).unwrap_or_default());
        let is_written = |element: &Required| written.iter().any(|key| element.is(key));
        let missing: Vec<_> = needed.filter(|element| !element.is_part() && !is_written(element)).collect();
        let mut told = false;
        for element in missing {
            let Some((key, best)) = element.best() else { continue };
            told = true;
            let unknown = Coding::new(systems::DATA_ABSENT, "unknown", "Unknown");
            match (element.shape(), best.name()) {
                (Shape::Text, "code") if element.may_be_unknown() => w.fixed(&key, "unknown"),
                (Shape::Text, "string") => w.fixed(&key, "unknown"),
                // A narrative takes no extension.
                (Shape::Text, "xhtml") => {
                    w.fixed(&key, "<div xmlns=\"http://www.w3.org/1999/xhtml\">No narrative is given.</div>");
                }
                // The codes of a list that is closed do not say it.
                (Shape::Object, "CodeableConcept") if key == "language" => absent(w, &key),
                (Shape::Object, "CodeableConcept") if element.repeats() => {
                    w.array(&key, |w| causeway_fhir::types::concept_element(w, unknown, ()));
                }
                (Shape::Object, "CodeableConcept") => concept_fixed(w, &key, unknown),
                (Shape::Object, "Coding") => {
                    w.object(&key, |w| unknown.body(w, ()));
                }
                (Shape::Object, _) if element.repeats() => {
                    w.array(&key, |w| {
                        w.element(crate::part::absent_body);
                    });
                }
                (Shape::Object, _) => absent(w, &key),
                _ => absent(w, &format!("_{key}")),
            }
        }
        if told {
            w.issue(self.about, rules::REQUIRED_UNKNOWN.issue());
        }
    }
}

fn fitted<'t>(owner: &str, key: &str, field: Field, kind: Kind, text: &'t str) -> Option<Fitted<'t>> {
    let right_kind = matches!(
        (field.shape(), kind),
        (Shape::Text, Kind::Text | Kind::Object)
            | (Shape::Number, Kind::Number)
            | (Shape::Boolean, Kind::True | Kind::False)
    );
    let plain = field.accepts(text) && field.allows(text);
    if right_kind && plain {
        return Fitted::plain(text);
    }
    let trimmed = text.trim();
    if plain || field.accepts(trimmed) && field.allows(trimmed) {
        return Fitted::changed(trimmed);
    }
    match field.ty().name() {
        "code" => {
            let code = moved_code(owner, key, trimmed).or_else(|| field.closest(trimmed))?;
            // A code that STU3 had is no fault of the source.
            match right_kind && moved_code(owner, key, trimmed).is_some() && trimmed.len() > 3 {
                true => Some(Fitted { text: Cow::Borrowed(code), changed: false }),
                false => Fitted::changed(code),
            }
        }
        "boolean" => match trimmed.to_ascii_lowercase().as_str() {
            "true" => Fitted::changed("true"),
            "false" => Fitted::changed("false"),
            _ => None,
        },
        "date" => Fitted::changed(match local_day(trimmed) {
            Some(day) => day,
            None => When::iso(trimmed, &causeway_core::london()).ok()?.fhir_date(),
        }),
        "dateTime" => Fitted::changed(When::iso(trimmed, &causeway_core::london()).ok()?.fhir()),
        "instant" => Fitted::changed(When::iso(trimmed, &causeway_core::london()).ok()?.fhir_instant()?),
        "decimal" => {
            let digits = causeway_fhir::writer::decimal(trimmed)?;
            Fitted::changed(digits.into_owned())
        }
        "integer" | "positiveInt" | "unsignedInt" => {
            let digits = causeway_core::identifier::point_zero(trimmed)?;
            field.accepts(digits).then(|| Fitted { text: Cow::Owned(digits.to_owned()), changed: true })
        }
        // R4 takes no control characters: the text without them is the text.
        "string" | "markdown" if kind == Kind::Text => {
            let kept: String = text.chars().filter(|c| !c.is_control() || "\t\n\r".contains(*c)).collect();
            (kept != text && field.accepts(kept.trim()))
                .then(|| Fitted { text: Cow::Owned(kept.trim().to_owned()), changed: true })
        }
        // Bare OIDs and UUIDs are no URIs.
        "uri" | "url" | "canonical" | "oid" => {
            let urn = format!("urn:oid:{trimmed}");
            (trimmed.contains('.') && field.accepts(&urn))
                .then_some(Fitted { text: Cow::Owned(urn), changed: true })
        }
        _ => None,
    }
}

/// What is told of a repaired value: of a local time that was there twice or never, that it was.
fn told_of(field: Field, leaf: Leaf<'_>) -> causeway_adapter::Rule {
    let is_moment = matches!(field.ty().name(), "dateTime" | "instant");
    let when = When::iso(leaf.text.trim(), &causeway_core::london()).ok().filter(|_| is_moment);
    let doubt = when.and_then(|when| when.doubt());
    let doubtful = [common::LOCAL_TIME_TWICE, common::LOCAL_TIME_ABSENT];
    doubtful.into_iter().find(|rule| doubt == Some(rule.text)).unwrap_or(rules::VALUE_REPAIRED)
}

/// Whether the size of an attachment is not that of the data beside it.
fn contradicts_data(size: Node<'_>, stated: &str) -> bool {
    let data = size.parent().and_then(|attachment| attachment.string_of("data"));
    let stated = stated.trim().parse::<u64>().ok();
    data.zip(stated).is_some_and(|(data, stated)| causeway_profile::size_differs(data, stated))
}

fn is_time(field: Field) -> bool {
    matches!(field.ty().name(), "date" | "dateTime" | "instant" | "time")
}

/// The day of a moment that is midnight in London: programs write a summer's day as `T23:00:00Z` of the day before.
fn local_day(text: &str) -> Option<String> {
    let moment: jiff::Timestamp = text.parse().ok()?;
    let local = causeway_core::london().to_datetime(moment);
    (local.time() == jiff::civil::Time::midnight()).then(|| local.date().to_string())
}

/// The names of an object's own members, from JSON text that begins within the object.
fn keys_of(json: &[u8]) -> Vec<&str> {
    let mut keys = Vec::with_capacity(KEYS_GUESS);
    let (mut depth, mut at) = (0usize, 0usize);
    while let Some(byte) = json.get(at) {
        match byte {
            b'"' => {
                let start = at + 1;
                at = start;
                while let Some(found) = first_escaped(json.get(at..).unwrap_or_default()) {
                    at += found;
                    match json.get(at) {
                        Some(b'"') => break,
                        Some(b'\\') => at += 2,
                        _ => at += 1,
                    }
                }
                if depth == 0 && json.get(at + 1) == Some(&b':') {
                    keys.extend(json.get(start..at).and_then(|key| std::str::from_utf8(key).ok()));
                }
            }
            b'{' | b'[' => depth += 1,
            b'}' | b']' => depth = depth.saturating_sub(1),
            _ => {}
        }
        at += 1;
    }
    keys
}

/// Members of an object for which room is made at once.
const KEYS_GUESS: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_an_object_s_own_members() {
        let json = br#""a":1,"b":{"c":"}\"x\":"},"d":["e:",{"f":2}],"_g":{}"#;
        assert_eq!(keys_of(json), ["a", "b", "d", "_g"]);
    }
}
