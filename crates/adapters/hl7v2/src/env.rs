//! What every part of the translation needs to know: message, zone, sender; dates and issues.

use causeway_adapter::Rule;
use causeway_core::{Issue, ItemId, Leaf, Position, When};
use causeway_fhir::systems::CAUSEWAY;
use causeway_fhir::types::extension;
use causeway_fhir::writer::Mark;
use causeway_fhir::{Writer, systems};
use causeway_hl7v2::{Message, Part, Segment};
use jiff::tz::TimeZone;

use crate::rules;

/// What is known while one message is translated. Cheap to copy.
#[derive(Clone, Copy)]
pub struct Env<'m> {
    /// The message.
    pub message: &'m Message<'m>,
    /// Zone of local times.
    pub zone: &'m TimeZone,
    /// Code of the sender.
    pub sender: &'m str,
    /// Number of the message within a batch, from 1; 0 where the input is one message.
    pub number: u32,
    /// When the message was received: nobody is born after it.
    pub received: jiff::Timestamp,
    /// Whether the message holds an explicit null at all.
    pub nulls: bool,
}

impl<'m> Env<'m> {
    /// Where an item stands; in a batch, in which message.
    pub fn position(&self, item: ItemId) -> Option<Position> {
        let mut position = self.message.position(item)?;
        if self.number > 0 {
            position.path = format!("message {}, {}", self.number, position.path);
        }
        Some(position)
    }

    /// The issue of a broken rule at an item.
    pub fn breach(&self, rule: &Rule, item: Option<ItemId>) -> Issue {
        self.at(rule.issue(), item)
    }

    fn at(&self, issue: Issue, item: Option<ItemId>) -> Issue {
        match item.and_then(|item| self.position(item)) {
            Some(position) => issue.at(position),
            None => issue,
        }
    }

    /// Tells that an item breaks a rule.
    pub fn tell(&self, w: &mut Writer, rule: &Rule, item: ItemId) {
        w.issue(Some(item), self.breach(rule, Some(item)));
    }

    /// The system of identifiers or codes that the sender issues under a name.
    pub fn local(&self, name: &str) -> String {
        systems::local(self.sender, name)
    }

    /// Reads a point in time; raises an issue where it is none, or where its offset is doubtful.
    pub fn when(&self, w: &mut Writer, leaf: Leaf<'_>) -> Option<When> {
        match self.when_silently(leaf) {
            Some(when) => {
                if let Some(doubt) = when.doubt() {
                    w.issue(Some(leaf.id), self.at(rules::TIME_DOUBTFUL.with(doubt), Some(leaf.id)));
                }
                Some(when)
            }
            None => {
                self.tell(w, &rules::DATE_INVALID, leaf.id);
                None
            }
        }
    }

    /// Reads a point in time without a word about it.
    pub fn when_silently(&self, leaf: Leaf<'_>) -> Option<When> {
        // Some senders end a time with the sign of an offset that they then leave out.
        When::hl7(leaf.text.trim_end_matches('+'), self.zone).ok()
    }

    /// A `dateTime`; a text that is no date is kept beside the empty element.
    pub fn date_time(&self, w: &mut Writer, key: &str, leaf: Option<Leaf<'_>>) {
        let Some(leaf) = leaf else { return };
        match self.when(w, leaf) {
            Some(when) => w.date_time(key, &when, leaf),
            None => source_text(w, key, leaf),
        }
    }

    /// A `date`.
    pub fn date(&self, w: &mut Writer, key: &str, leaf: Option<Leaf<'_>>) {
        let Some(leaf) = leaf else { return };
        match self.when(w, leaf) {
            Some(when) => w.date(key, &when, leaf),
            None => source_text(w, key, leaf),
        }
    }

    /// An `instant`; a time that is less exact is kept as the source's text. Returns whether it was written.
    pub fn instant(&self, w: &mut Writer, key: &str, leaf: Option<Leaf<'_>>) -> bool {
        let Some(leaf) = leaf else { return false };
        let written = self.when(w, leaf).is_some_and(|when| w.instant(key, &when, leaf));
        if !written {
            source_text(w, key, leaf);
        }
        written
    }

    /// A `Period`. An end before its start is kept as text, for FHIR allows none.
    pub fn period(&self, w: &mut Writer, key: &str, start: Option<Leaf<'_>>, end: Option<Leaf<'_>>) {
        w.object(key, |w| {
            self.date_time(w, "start", start);
            let read = |leaf: Option<Leaf<'_>>| leaf.and_then(|l| self.when_silently(l));
            match (read(start), read(end), end) {
                (Some(first), Some(last), Some(leaf)) if last.earliest() < first.earliest() => {
                    self.tell(w, &rules::PERIOD_REVERSED, leaf.id);
                    source_text(w, "end", leaf);
                }
                _ => self.date_time(w, "end", end),
            }
        });
    }

    /// Says which elements the source deleted with the explicit null `""`, within an array of extensions: whole
    /// fields, and what stands in the components of one, with the words that say which of several it was.
    pub fn deletions(&self, w: &mut Writer, segment: Segment<'_>) {
        if !self.nulls {
            return;
        }
        for null in segment.all().nulls() {
            // What has no element of its own is named as HL7 names it.
            let named = format!("{}-{}", String::from_utf8_lossy(&segment.name()), null.field);
            let element = element_of(segment.name(), null.field).unwrap_or(&named);
            let part = segment.field(null.field).rep(null.repetition);
            let which: Vec<Leaf<'_>> = match null.whole {
                true => Vec::new(),
                false => kinds_of(element).iter().filter_map(|n| part.comp(*n).leaves().next()).collect(),
            };
            let mut text = element.to_owned();
            if !null.whole {
                text.push_str(component_of(element, null.component));
            }
            if !which.is_empty() {
                let words: Vec<&str> = which.iter().map(|l| l.text).collect();
                text.push_str(&format!("({})", words.join(", ")));
            }
            extension(w, &format!("{CAUSEWAY}/StructureDefinition/source-deleted"), |w| {
                w.string("valueString", &text, (null.item, which.as_slice()));
            });
            self.tell(w, &rules::DELETED, null.item);
        }
    }

    /// What is left of these parts of a segment: values that nothing written since `since` has claimed. Each is kept
    /// with its name, within an open array of extensions.
    pub fn leftovers<'p>(&self, w: &mut Writer, since: Mark, parts: impl IntoIterator<Item = Part<'p>>) {
        for part in parts {
            if !part.says() {
                continue;
            }
            let range = part.items();
            let claimed = w.claimed(since, range.clone());
            for leaf in part.leaves() {
                let at = leaf.id.saturating_sub(range.start) as usize;
                if claimed.get(at).copied().unwrap_or(true) {
                    continue;
                }
                let name = self.message.position(leaf.id).map_or(String::new(), |p| p.path);
                source_value(w, &name, Some(leaf));
            }
        }
    }

    /// As [`Env::leftovers`], of single values.
    pub fn leftover_leaves(&self, w: &mut Writer, since: Mark, leaves: &[Leaf<'_>]) {
        for leaf in leaves {
            if !w.claimed(since, leaf.id..leaf.id + 1).contains(&true) {
                let name = self.message.position(leaf.id).map_or(String::new(), |p| p.path);
                source_value(w, &name, Some(*leaf));
            }
        }
    }

    /// As [`Env::leftovers`], of whole fields of a segment.
    pub fn leftover_fields(&self, w: &mut Writer, since: Mark, segment: Segment<'_>, fields: &[u16]) {
        let range = segment.all().items();
        let claimed = w.claimed(since, range.clone());
        for (field, leaf) in segment.by_field() {
            let at = leaf.id.saturating_sub(range.start) as usize;
            if !claimed.get(at).copied().unwrap_or(true) && fields.contains(&field) {
                let name = self.message.position(leaf.id).map_or(String::new(), |p| p.path);
                source_value(w, &name, Some(leaf));
            }
        }
    }
}

pub use causeway_fhir::types::source_text;

/// An extension array that holds only the source's own code, where FHIR has no code for it.
pub fn source_code(w: &mut Writer, leaf: Option<Leaf<'_>>) {
    let Some(leaf) = leaf else { return };
    w.array("extension", |w| source_code_element(w, leaf));
}

/// The same as an element of an open extension array.
pub fn source_code_element(w: &mut Writer, leaf: Leaf<'_>) {
    extension(w, causeway_fhir::types::SOURCE_CODE, |w| w.leaf("valueString", leaf));
}

/// A value that has no element of its own, with the name of the item, within an open extension array.
pub fn source_value(w: &mut Writer, name: &str, leaf: Option<Leaf<'_>>) {
    let Some(leaf) = leaf else { return };
    w.element(|w| {
        w.array("extension", |w| {
            extension(w, "item", |w| w.fixed("valueString", name));
            extension(w, "value", |w| w.leaf("valueString", leaf));
        });
        w.fixed("url", &format!("{CAUSEWAY}/StructureDefinition/source-value"));
    });
}

/// FHIR's own way to say that a required element is not known, as the whole content of an element.
pub fn absent(w: &mut Writer, code: &str) {
    w.array("extension", |w| {
        extension(w, "http://hl7.org/fhir/StructureDefinition/data-absent-reason", |w| {
            w.fixed("valueCode", code);
        });
    });
}

/// The component that an explicit null stands in, as FHIR names it.
fn component_of(element: &str, component: u8) -> &'static str {
    match (element, component) {
        ("Patient.name" | "RelatedPerson.name", 1) => ".family",
        ("Patient.name" | "RelatedPerson.name", 2 | 3) => ".given",
        ("Patient.name" | "RelatedPerson.name", 5) => ".prefix",
        ("Patient.name" | "RelatedPerson.name", 4 | 6) => ".suffix",
        ("Patient.address" | "RelatedPerson.address", 1 | 2 | 8) => ".line",
        ("Patient.address" | "RelatedPerson.address", 3) => ".city",
        ("Patient.address" | "RelatedPerson.address", 4) => ".district",
        ("Patient.address" | "RelatedPerson.address", 5) => ".postalCode",
        ("Patient.address" | "RelatedPerson.address", 6) => ".country",
        _ => "",
    }
}

/// The components that say which of several a value is: authority and type of an identifier, use and equipment of a
/// number, the type of a name or an address.
fn kinds_of(element: &str) -> &'static [u8] {
    match element.split_once('.').map_or("", |(_, e)| e) {
        "identifier" => &[4, 5],
        "telecom" => &[2, 3],
        "name" | "address" => &[7],
        _ => &[],
    }
}

/// Which FHIR element a field becomes: what an explicit null deletes.
pub fn element_of(segment: [u8; 3], field: u16) -> Option<&'static str> {
    Some(match (&segment, field) {
        (b"PID", 3) => "Patient.identifier",
        (b"PID", 2) => "Patient.identifier(PID-2)",
        (b"PID", 4) => "Patient.identifier(PID-4)",
        (b"PID", 18) => "Patient.identifier(PID-18)",
        (b"PID", 19) => "Patient.identifier(PID-19)",
        (b"PID", 20) => "Patient.identifier(PID-20)",
        (b"PID", 40) => "Patient.telecom(PID-40)",
        (b"PID", 5 | 9) => "Patient.name",
        (b"PID", 7) => "Patient.birthDate",
        (b"PID", 8) => "Patient.gender",
        (b"PID", 10 | 22) => "Patient.extension(EthnicCategory)",
        (b"PID", 11) => "Patient.address",
        (b"PID", 13 | 14) => "Patient.telecom",
        (b"PID", 6) => "Patient.extension(mothersMaidenName)",
        (b"PID", 26) => "Patient.extension(citizenship)",
        (b"PID", 28) => "Patient.extension(nationality)",
        (b"PID", 15) => "Patient.communication",
        (b"PID", 16) => "Patient.maritalStatus",
        (b"PID", 17) => "Patient.extension(religion)",
        (b"PID", 23) => "Patient.extension(birthPlace)",
        (b"PID", 24 | 25) => "Patient.multipleBirth",
        (b"PID", 29 | 30) => "Patient.deceased",
        (b"PD1", 3 | 4) => "Patient.generalPractitioner",
        (b"PD1", 6) => "Patient.extension(disability)",
        (b"PD1", 12) => "Patient.meta.security",
        (b"PV1", 13) => "Encounter.hospitalization.reAdmission",
        (b"PV1", 15) => "Encounter.hospitalization.specialArrangement",
        (b"PV1", 16) => "Encounter.hospitalization.specialCourtesy",
        (b"PV1", 38) => "Encounter.hospitalization.dietPreference",
        (b"PV1", 19) => "Encounter.identifier(PV1-19)",
        (b"PV1", 50) => "Encounter.identifier(PV1-50)",
        (b"PV1", 3 | 6 | 11 | 42) => "Encounter.location",
        (b"PV1", 4) => "Encounter.hospitalization.extension(AdmissionMethod)",
        (b"PV1", 7 | 8 | 9 | 17 | 52) => "Encounter.participant",
        (b"PV1", 10) => "Encounter.serviceType",
        (b"PV1", 14) => "Encounter.hospitalization.admitSource",
        (b"PV1", 36) => "Encounter.extension(DischargeMethod)",
        (b"PV1", 37) => "Encounter.hospitalization.dischargeDisposition",
        (b"PV1", 44) => "Encounter.period.start",
        (b"PV1", 45) => "Encounter.period.end",
        (b"PV2", 38) => "Encounter.extension(modeOfArrival)",
        (b"PV2", 3) => "Encounter.reasonCode",
        (b"NK1", 2) => "RelatedPerson.name",
        (b"NK1", 3 | 7) => "RelatedPerson.relationship",
        (b"NK1", 4) => "RelatedPerson.address",
        (b"NK1", 5 | 6 | 31 | 40 | 41) => "RelatedPerson.telecom",
        (b"NK1", 12 | 33) => "RelatedPerson.identifier",
        (b"NK1", 20) => "RelatedPerson.communication",
        (b"NK1", 15) => "RelatedPerson.gender",
        (b"NK1", 16) => "RelatedPerson.birthDate",
        (b"AL1" | b"IAM", 2) => "AllergyIntolerance.category",
        (b"AL1" | b"IAM", 3) => "AllergyIntolerance.code",
        (b"AL1" | b"IAM", 4) => "AllergyIntolerance.reaction.severity",
        (b"AL1" | b"IAM", 5) => "AllergyIntolerance.reaction.manifestation",
        (b"AL1", 6) | (b"IAM", 11 | 12) => "AllergyIntolerance.onset",
        (b"OBX", 5) => "Observation.value",
        (b"OBX", 6..=8) => "Observation.referenceRange",
        _ => return None,
    })
}
