//! De-identification by an allow-list: what is not known to be harmless does not leave.
//!
//! Kept are codes of known code systems, quantities, Booleans, numbers and generalised dates, in resource types of a list.
//! Names, addresses, telephone numbers, identifiers, narratives, notes, attachments, displays, extensions, contained
//! resources, `meta`, free text of every kind, and references to anything but the person's own clinical resources are
//! left out.

use std::collections::{BTreeMap, HashMap};

use causeway_fhirpath::Model;
use causeway_fhirpath::model::{Kind, System, TypeId};
use hmac::{Hmac, KeyInit, Mac};
use jiff::ToSpan;
use jiff::civil::Date;
use serde_json::{Map, Value};
use sha2::Sha256;

use crate::error::Error;
use crate::project::Dates;

/// Resource types that leave.
pub const TYPES: &[&str] = &[
    "AllergyIntolerance",
    "Condition",
    "Encounter",
    "EpisodeOfCare",
    "Immunization",
    "Medication",
    "MedicationAdministration",
    "MedicationDispense",
    "MedicationRequest",
    "MedicationStatement",
    "Observation",
    "Patient",
    "Procedure",
    "ServiceRequest",
];

/// Code systems whose codes leave; a code of another may say anything.
const SYSTEMS: &[&str] = &[
    "http://snomed.info/sct",
    "https://dmd.nhs.uk",
    "http://loinc.org",
    "http://unitsofmeasure.org",
    "http://hl7.org/fhir/sid/icd-10",
    "http://read.info/readv2",
    "http://read.info/ctv3",
];

/// Beginnings of names of further systems.
const SYSTEM_STARTS: &[&str] =
    &["http://terminology.hl7.org/", "http://hl7.org/fhir/", "https://fhir.hl7.org.uk/CodeSystem/"];

/// Data types that are left out whole.
const DROPPED: &[&str] = &[
    "Narrative",
    "HumanName",
    "ContactPoint",
    "Identifier",
    "Attachment",
    "Annotation",
    "Meta",
    "Extension",
    "Signature",
    "Resource",
];

/// Years of birth in one band.
const BAND_YEARS: i16 = 5;
/// Age from which all are one band.
const OLDEST: i16 = 90;
/// Days by which a shift may move, either way, never by none.
const SHIFT_DAYS: u32 = 182;
/// Bytes that a key of a project must have.
pub const KEY_BYTES: usize = 32;

/// The secret of a project, kept apart from its data. Another secret makes other pseudonyms: that is the rotation.
pub struct Key(Vec<u8>);

impl Key {
    /// A key of at least [`KEY_BYTES`] bytes.
    ///
    /// # Errors
    /// [`Error::Definition`] for a shorter one.
    pub fn new(secret: &[u8]) -> Result<Self, Error> {
        if secret.len() < KEY_BYTES {
            return Err(Error::Definition(format!("the key of a project has {KEY_BYTES} bytes or more")));
        }
        Ok(Self(secret.to_vec()))
    }

    fn digest(&self, parts: &[&str]) -> [u8; 32] {
        // Any length of key is taken by HMAC.
        let Ok(mut mac) = <Hmac<Sha256> as KeyInit>::new_from_slice(&self.0) else { return [0; 32] };
        for part in parts {
            mac.update(&(part.len() as u64).to_be_bytes());
            mac.update(part.as_bytes());
        }
        mac.finalize().into_bytes().into()
    }

    /// The pseudonym of a thing in a project: 32 letters a to p, so that no search for numbers hits it by chance.
    pub fn pseudonym(&self, project: &str, kind: &str, id: &str) -> String {
        let digest = self.digest(&[project, kind, id]);
        digest.iter().take(16).flat_map(|b| [b >> 4, b & 15]).map(|n| char::from(b'a' + n)).collect()
    }

    /// Days by which a person's dates move.
    fn shift(&self, project: &str, person: &str) -> i64 {
        let [a, b, c, d, sign, ..] = self.digest(&[project, "shift", person]);
        let days = i64::from(u32::from_be_bytes([a, b, c, d]) % SHIFT_DAYS) + 1;
        if sign & 1 == 0 { days } else { -days }
    }

    /// Tells one key from another without giving it away.
    pub(crate) fn check(&self, project: &str) -> [u8; 32] {
        self.digest(&[project, "check"])
    }

    /// A seed for the noise of a table: of the key and all that the extract depends on.
    pub(crate) fn seed(&self, project: &str, table: &str, digest: &str) -> [u8; 32] {
        self.digest(&[project, "noise", table, digest])
    }

    /// A number for a person, for counting without names.
    pub(crate) fn mark(&self, project: &str, person: &str) -> u64 {
        let [a, b, c, d, e, f, g, h, ..] = self.digest(&[project, "mark", person]);
        u64::from_be_bytes([a, b, c, d, e, f, g, h])
    }
}

impl std::fmt::Debug for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Key(…)")
    }
}

/// What was left out, by kind of thing.
pub type LeftOut = BTreeMap<String, u64>;

/// De-identifies the resources of a project.
#[derive(Debug)]
pub struct Deidentifier<'p> {
    /// Secret of the project.
    pub key: &'p Key,
    /// Its id.
    pub project: &'p str,
    /// What becomes of dates.
    pub dates: Dates,
    /// The day of the extract, for ages.
    pub today: Date,
}

/// One person on the way out.
pub(crate) struct Subject<'s> {
    pub person: &'s str,
    shift: i64,
    /// `Type/id` of the person's resources that leave → pseudonym.
    ids: HashMap<String, String>,
}

impl<'p> Deidentifier<'p> {
    /// The person's resources as they leave, in order.
    pub fn person(&self, person: &str, resources: &[&Value], left_out: &mut LeftOut) -> Vec<Value> {
        self.numbered(person, resources, left_out).into_iter().map(|(_, resource)| resource).collect()
    }

    /// The same, each with the number of the resource that it is made of.
    pub(crate) fn numbered(
        &self,
        person: &str,
        resources: &[&Value],
        left_out: &mut LeftOut,
    ) -> Vec<(usize, Value)> {
        let text = |value: &Value, name: &str| value.get(name).and_then(Value::as_str).map(str::to_owned);
        let mut ids = HashMap::new();
        for resource in resources {
            if let (Some(kind), Some(id)) = (text(resource, "resourceType"), text(resource, "id"))
                && TYPES.contains(&kind.as_str())
            {
                let own = if kind == "Patient" { person.to_owned() } else { format!("{person}/{id}") };
                ids.insert(format!("{kind}/{id}"), self.key.pseudonym(self.project, &kind, &own));
            }
        }
        let subject = Subject { person, shift: self.key.shift(self.project, person), ids };
        let mut out = Vec::with_capacity(resources.len());
        let mut patient = false;
        for (number, resource) in resources.iter().enumerate() {
            let kind = text(resource, "resourceType").unwrap_or_default();
            // Of one person's several Patient resources the first stands for the person.
            if !TYPES.contains(&kind.as_str()) || (kind == "Patient" && patient) {
                count(left_out, if kind == "Patient" { "further Patient" } else { "resource type" });
                continue;
            }
            patient |= kind == "Patient";
            if let Some(clean) = self.resource(&subject, &kind, resource, left_out) {
                out.push((number, clean));
            }
        }
        out
    }

    fn resource(
        &self,
        subject: &Subject<'_>,
        kind: &str,
        value: &Value,
        left: &mut LeftOut,
    ) -> Option<Value> {
        let object = value.as_object()?;
        let model = Model::r4();
        let ty = model.resource(kind);
        let mut out = Map::new();
        out.insert("resourceType".to_owned(), Value::from(kind));
        let id = object.get("id").and_then(Value::as_str).unwrap_or_default();
        if let Some(pseudonym) = subject.ids.get(&format!("{kind}/{id}")) {
            out.insert("id".to_owned(), Value::from(pseudonym.as_str()));
        }
        self.members(subject, ty, object, &mut out, left);
        // What is refuted must not leave as if it were so, and nobody here knows what a modifier says.
        if object.contains_key("modifierExtension")
            || (object.contains_key("verificationStatus") && !out.contains_key("verificationStatus"))
        {
            count(left, "resource whose meaning would change");
            return None;
        }
        if kind == "Patient" {
            self.patient(object, &mut out);
        }
        Some(Value::Object(out))
    }

    /// Band of the year of birth, sex, district and whether the person has died: what is left of who somebody is.
    fn patient(&self, object: &Map<String, Value>, out: &mut Map<String, Value>) {
        for name in [
            "birthDate",
            "address",
            "maritalStatus",
            "communication",
            "contact",
            "link",
            "multipleBirthInteger",
            "multipleBirthBoolean",
            "deceasedBoolean",
            "deceasedDateTime",
        ] {
            out.remove(name);
        }
        // Deaths are published: with the day or month of it a person would be found.
        if object.contains_key("deceasedDateTime")
            || object.get("deceasedBoolean") == Some(&Value::Bool(true))
        {
            out.insert("deceasedBoolean".to_owned(), Value::Bool(true));
        }
        if let Some(year) = object.get("birthDate").and_then(Value::as_str).and_then(year_of) {
            out.insert("birthDate".to_owned(), Value::from(format!("{:04}", self.band(year))));
        }
        let addresses = object.get("address").and_then(Value::as_array);
        let home = |a: &&Value| a.get("use").and_then(Value::as_str) != Some("old");
        let postcode =
            addresses.into_iter().flatten().filter(home).find_map(|a| a.get("postalCode")?.as_str());
        if let Some(district) = postcode.and_then(district) {
            let mut address = Map::new();
            address.insert("postalCode".to_owned(), Value::from(district));
            out.insert("address".to_owned(), Value::Array(vec![Value::Object(address)]));
        }
    }

    /// The first year of a band of five; everybody of 90 or more is in one.
    fn band(&self, year: i16) -> i16 {
        let first = |year: i16| year - year.rem_euclid(BAND_YEARS);
        let today = self.today.year();
        first(year.clamp(today - OLDEST, today))
    }

    fn members(
        &self,
        subject: &Subject<'_>,
        ty: TypeId,
        object: &Map<String, Value>,
        out: &mut Map<String, Value>,
        left: &mut LeftOut,
    ) {
        let model = Model::r4();
        for (key, value) in object {
            if matches!(key.as_str(), "resourceType" | "id") {
                continue;
            }
            let Some((_, form)) = model.member(ty, key) else {
                count(left, if key.starts_with('_') { "extension" } else { "unknown element" });
                continue;
            };
            if let Some(clean) = self.value(subject, form.ty, value, left, 0) {
                out.insert(key.clone(), clean);
            }
        }
    }

    fn value(
        &self,
        subject: &Subject<'_>,
        ty: TypeId,
        value: &Value,
        left: &mut LeftOut,
        depth: usize,
    ) -> Option<Value> {
        let model = Model::r4();
        if depth > 64 {
            return None;
        }
        if let Value::Array(list) = value {
            let kept: Vec<Value> =
                list.iter().filter_map(|v| self.value(subject, ty, v, left, depth + 1)).collect();
            return (!kept.is_empty()).then_some(Value::Array(kept));
        }
        let name = model.name(ty);
        if DROPPED.contains(&name) {
            count(left, name);
            return None;
        }
        match (name, value) {
            ("Reference", Value::Object(object)) => return self.reference(subject, object, left),
            (
                "Coding" | "Quantity" | "Age" | "Duration" | "Count" | "SimpleQuantity",
                Value::Object(object),
            ) => {
                return coded(name, object, left);
            }
            ("Address", _) => {
                count(left, "Address");
                return None;
            }
            _ => {}
        }
        match (model.kind(ty), value) {
            (Some(Kind::Primitive), value) => self.primitive(subject, ty, value, left),
            (_, Value::Object(object)) => {
                let mut out = Map::new();
                self.members(subject, ty, object, &mut out, left);
                (!out.is_empty()).then_some(Value::Object(out))
            }
            _ => None,
        }
    }

    fn primitive(
        &self,
        subject: &Subject<'_>,
        ty: TypeId,
        value: &Value,
        left: &mut LeftOut,
    ) -> Option<Value> {
        let model = Model::r4();
        match (model.system(ty), value) {
            (Some(System::Boolean), Value::Bool(_)) => Some(value.clone()),
            (Some(System::Integer | System::Decimal), Value::Number(_)) => Some(value.clone()),
            (Some(System::Date | System::DateTime), Value::String(text)) => {
                let date = self.date(subject, text);
                if date.is_none() {
                    count(left, "date that is none");
                }
                date.map(Value::from)
            }
            // A code is of a set that R4 defines; one that does not look like it is text.
            (_, Value::String(text)) if model.name(ty) == "code" && text.len() <= 40 && is_code(text) => {
                Some(value.clone())
            }
            _ => {
                count(left, "free text");
                None
            }
        }
    }

    /// A date cut to the month or year, or moved.
    fn date(&self, subject: &Subject<'_>, text: &str) -> Option<String> {
        let year = year_of(text)?;
        let part = |from: usize, to: usize| text.get(from..to).and_then(|p| p.parse::<i8>().ok());
        let month = part(5, 7).filter(|_| text.as_bytes().get(4) == Some(&b'-'));
        let day = part(8, 10).filter(|_| text.as_bytes().get(7) == Some(&b'-'));
        match (self.dates, month, day) {
            (Dates::Month, Some(month @ 1..=12), _) => Some(format!("{year:04}-{month:02}")),
            (Dates::Shift, Some(month), Some(day)) => {
                let moved = Date::new(year, month, day).ok()?.checked_add(subject.shift.days()).ok()?;
                Some(moved.to_string())
            }
            // A date without its day can't be moved by days.
            _ => Some(format!("{year:04}")),
        }
    }

    fn reference(
        &self,
        subject: &Subject<'_>,
        object: &Map<String, Value>,
        left: &mut LeftOut,
    ) -> Option<Value> {
        let reference = object.get("reference").and_then(Value::as_str).unwrap_or_default();
        let mut parts = reference.rsplit('/');
        let key = match (parts.next(), parts.next()) {
            (Some(id), Some(kind)) => format!("{kind}/{id}"),
            _ => String::new(),
        };
        // A reference to a Patient is to the person: whose record else would it stand in?
        let target = if key.starts_with("Patient/") && !subject.ids.contains_key(&key) {
            Some(("Patient", self.key.pseudonym(self.project, "Patient", subject.person)))
        } else {
            subject.ids.get(&key).map(|id| (key.split('/').next().unwrap_or_default(), id.clone()))
        };
        let Some((kind, id)) = target else {
            count(left, "reference");
            return None;
        };
        let mut out = Map::new();
        out.insert("reference".to_owned(), Value::from(format!("{kind}/{id}")));
        Some(Value::Object(out))
    }
}

fn count(left: &mut LeftOut, what: &str) {
    match left.get_mut(what) {
        Some(count) => *count += 1,
        None => drop(left.insert(what.to_owned(), 1)),
    }
}

fn is_code(text: &str) -> bool {
    text.bytes().all(|b| {
        b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.' | b'+' | b'/' | b'<' | b'>' | b'=')
    })
}

/// A Coding or Quantity: its code where the system is known, numbers, comparator.
fn coded(name: &str, object: &Map<String, Value>, left: &mut LeftOut) -> Option<Value> {
    let mut out = Map::new();
    let text = |key: &str| object.get(key).and_then(Value::as_str);
    match (text("system"), text("code")) {
        (Some(system), Some(code)) if known_system(system) && is_coded(system, code) => {
            out.insert("system".to_owned(), Value::from(system));
            out.insert("code".to_owned(), Value::from(code));
        }
        (_, Some(_)) => count(left, "code of a local system"),
        _ => {}
    }
    if name != "Coding" {
        if let Some(value @ Value::Number(_)) = object.get("value") {
            out.insert("value".to_owned(), value.clone());
        }
        if let Some(comparator) = text("comparator").filter(|c| matches!(*c, "<" | "<=" | ">" | ">=")) {
            out.insert("comparator".to_owned(), Value::from(comparator));
        }
    }
    if object.contains_key("display") || object.contains_key("unit") {
        count(left, "display");
    }
    (!out.is_empty()).then_some(Value::Object(out))
}

fn known_system(system: &str) -> bool {
    SYSTEMS.contains(&system) || SYSTEM_STARTS.iter().any(|start| system.starts_with(start))
}

/// Whether it looks like a code of its system: SNOMED CT and dm+d codes are numbers, but none of ten digits with the
/// check digit of an NHS number that is not also one of SNOMED CT's.
fn is_coded(system: &str, code: &str) -> bool {
    if code.len() > 40 {
        return false;
    }
    if matches!(system, "http://snomed.info/sct" | "https://dmd.nhs.uk") {
        return causeway_core::snomed::is_identifier(code);
    }
    if system == "http://unitsofmeasure.org" {
        return code.bytes().all(|b| (33..=126).contains(&b));
    }
    is_code(code)
}

fn year_of(text: &str) -> Option<i16> {
    let year = text.get(..4)?;
    year.bytes().all(|b| b.is_ascii_digit()).then(|| year.parse().ok())?
}

/// The district of a postcode: `LS6` of `LS6 2AB`.
fn district(postcode: &str) -> Option<String> {
    let letters: String = postcode.chars().filter(|c| !c.is_whitespace()).collect::<String>().to_uppercase();
    let cut = letters.len().checked_sub(3)?;
    let (out, inward) = letters.split_at_checked(cut)?;
    let shaped = (2..=4).contains(&out.len())
        && out.starts_with(|c: char| c.is_ascii_uppercase())
        && out.bytes().all(|b| b.is_ascii_alphanumeric())
        && inward.starts_with(|c: char| c.is_ascii_digit())
        && inward.bytes().skip(1).all(|b| b.is_ascii_uppercase());
    shaped.then(|| out.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn check_digits_and_districts() {
        assert!(
            is_coded("http://snomed.info/sct", "22298006") && !is_coded("http://snomed.info/sct", "22298007")
        );
        assert_eq!(district("ls6 2ab").as_deref(), Some("LS6"));
        assert_eq!(district("ZZ99 3VZ").as_deref(), Some("ZZ99"));
        assert_eq!(district("Elm Cottage"), None);
        assert_eq!(district(""), None);
    }

    #[test]
    fn pseudonyms_are_keyed_and_letters_only() {
        let (a, b) = (Key::new(&[1; 32]).expect("a key"), Key::new(&[2; 32]).expect("a key"));
        let first = a.pseudonym("one", "Patient", "9990000018");
        assert_eq!(first, a.pseudonym("one", "Patient", "9990000018"));
        assert_ne!(first, a.pseudonym("two", "Patient", "9990000018"));
        assert_ne!(first, b.pseudonym("one", "Patient", "9990000018"));
        assert!(first.len() == 32 && first.bytes().all(|c| (b'a'..=b'p').contains(&c)));
        assert!(Key::new(b"short").is_err());
        assert_ne!(a.shift("one", "x"), 0);
    }
}
