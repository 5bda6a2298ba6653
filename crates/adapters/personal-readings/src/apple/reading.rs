//! One record as an Observation.

use causeway_adapter::{Composer, Rule};
use causeway_core::{Leaf, NhsNumber, When};
use causeway_fhir::types::{SOURCE_TEXT, Verification, concept_element, extension, nhs_number_told, period};
use causeway_fhir::writer::decimal;
use causeway_fhir::{Coding, Ref, Writer, systems};
use jiff::tz::TimeZone;

use super::Record;
use crate::kinds::{Kind, percent};
use crate::rules;

/// Writes the person into the open bundle.
pub(crate) fn patient(
    c: &mut Composer<'_>,
    number: NhsNumber,
    (born, unread): (Option<&str>, Option<&str>),
    sex: Option<&str>,
) -> Ref {
    c.resource("Patient", number.as_str(), |w| {
        w.array("identifier", |w| {
            nhs_number_told(w, number, (), Verification::PresentNotTraced, ());
        });
        if let Some(sex) = sex {
            w.fixed("gender", sex);
        }
        if let Some(born) = born {
            w.fixed("birthDate", born);
        }
        if let Some(said) = unread {
            w.object("_birthDate", |w| {
                w.array("extension", |w| {
                    extension(w, SOURCE_TEXT, |w| w.fixed("valueString", said));
                });
            });
        }
    })
}

/// A time of an export: `2026-11-03 08:00:00 +0000`.
pub(super) fn time(text: &str, zone: &TimeZone) -> Option<When> {
    let text = match text.rsplit_once(' ') {
        Some((moment, offset)) if offset.starts_with(['+', '-']) => format!("{moment}{offset}"),
        _ => text.to_owned(),
    };
    When::iso(&text, zone).ok()
}

/// A record that is a reading.
pub(super) struct Reading<'r> {
    record: &'r Record,
    kind: Kind,
    start: When,
    end: When,
    created: Option<When>,
}

impl<'r> Reading<'r> {
    /// # Errors
    /// The rule where it has no time or no value.
    pub(super) fn read(record: &'r Record, kind: Kind, zone: &TimeZone) -> Result<Self, Rule> {
        let start = record.get("startDate");
        if start.is_empty() {
            return Err(rules::TIME_ABSENT);
        }
        let start = time(start, zone).ok_or(rules::TIME_INVALID)?;
        let end = match record.get("endDate") {
            "" => start,
            text => time(text, zone).ok_or(rules::TIME_INVALID)?,
        };
        if record.get("value").is_empty() {
            return Err(rules::VALUE_ABSENT);
        }
        Ok(Self { record, kind, start, end, created: time(record.get("creationDate"), zone) })
    }

    /// Writes it into the open bundle.
    pub(super) fn write(&self, c: &mut Composer<'_>, person: &str) {
        let record = self.record;
        let leaves = record.enter(c);
        let leaf = |name: &str| record.leaf(&leaves, name);
        let key = [
            person,
            self.kind.name(),
            record.get("startDate"),
            record.get("endDate"),
            record.get("sourceName"),
            record.get("value"),
        ]
        .join("|");
        let device = device(c, person, record, &leaves);
        if c.has("Observation", &key) {
            // The same once more says nothing new.
            for name in ["type", "startDate", "endDate", "sourceName", "value"] {
                c.writer().mapped(record.leaf(&leaves, name));
            }
            return;
        }
        let subject = c.reference("Patient", person);
        c.resource("Observation", &key, |w| {
            head(w, self.kind.vital());
            let unit = unit(self.kind, record);
            code(w, self.kind, unit, leaf("type"));
            w.reference("subject", &subject, ());
            self.times(w, &leaves);
            w.array("performer", |w| w.reference_element(&subject, ()));
            value(w, self.kind, leaf("value"), leaf("unit"), record);
            tail(w, device.as_ref());
        });
    }

    /// When it was taken, and when it was put down.
    pub(super) fn times(&self, w: &mut Writer, leaves: &[Leaf<'_>]) {
        let leaf = |name: &str| self.record.leaf(leaves, name);
        let (start, end) = (leaf("startDate"), leaf("endDate"));
        if self.start.fhir() == self.end.fhir() {
            w.date_time("effectiveDateTime", &self.start, (start, end));
        } else {
            period(w, "effectivePeriod", Some((self.start, start)), Some((self.end, end)));
        }
        if let Some(created) = self.created {
            w.instant("issued", &created, leaf("creationDate"));
        }
    }
}

/// Status and category.
pub(crate) fn head(w: &mut Writer, vital: bool) {
    w.fixed("status", "final");
    if vital {
        w.array("category", |w| {
            concept_element(w, Coding::new(systems::OBSERVATION_CATEGORY, "vital-signs", "Vital Signs"), ());
        });
    }
}

/// That the person took it, and with what.
pub(super) fn tail(w: &mut Writer, device: Option<&Ref>) {
    w.object("method", |w| w.fixed("text", "Self-measured by the person"));
    if let Some(device) = device {
        w.reference("device", device, ());
    }
}

fn unit(kind: Kind, record: &Record) -> Option<&'static str> {
    kind.ucum(record.get("unit"))
}

/// What was measured.
pub(crate) fn code(w: &mut Writer, kind: Kind, unit: Option<&str>, from: Option<Leaf<'_>>) {
    w.object("code", |w| match kind.code(unit.unwrap_or_default()) {
        Some((system, code, words)) => {
            w.array("coding", |w| {
                w.element(|w| Coding::new(system, code, words).body(w, from));
            });
        }
        None => w.string("text", "Glucose", from),
    });
}

/// The number with its unit. A share of one is said in per cent, by its digits; what is no number stays as words.
pub(super) fn value(
    w: &mut Writer,
    kind: Kind,
    value: Option<Leaf<'_>>,
    unit_leaf: Option<Leaf<'_>>,
    record: &Record,
) {
    let Some(leaf) = value else { return };
    let Some(digits) = decimal(leaf.text.trim()) else {
        w.issue(Some(leaf.id), rules::NOT_A_NUMBER.issue());
        w.leaf("valueString", leaf);
        return;
    };
    let share = kind.is_share().then(|| percent(&digits)).flatten();
    w.object("valueQuantity", |w| {
        w.number("value", share.as_deref().unwrap_or(&digits), leaf);
        match (unit(kind, record), unit_leaf) {
            (Some(code), from) => {
                let words = match code {
                    "mm[Hg]" => "mmHg",
                    "/min" => "per minute",
                    "Cel" => "°C",
                    "[degF]" => "°F",
                    "[lb_av]" => "lb",
                    "[stone_av]" => "st",
                    "[in_i]" => "in",
                    "[ft_i]" => "ft",
                    other => other,
                };
                w.string("unit", words, from);
                w.fixed("system", systems::UCUM);
                w.fixed("code", code);
            }
            (None, Some(leaf)) => w.leaf("unit", leaf),
            (None, None) => {}
        }
    });
    if unit_leaf.is_none() {
        w.issue(Some(leaf.id), rules::UNIT_ABSENT.issue());
    }
}

/// The program that wrote the record, with its version and the device that it names.
pub(super) fn device(
    c: &mut Composer<'_>,
    person: &str,
    record: &Record,
    leaves: &[Leaf<'_>],
) -> Option<Ref> {
    let leaf = |name: &str| record.leaf(leaves, name);
    let (name, version, text) = (leaf("sourceName"), leaf("sourceVersion"), leaf("device"));
    if name.is_none() && text.is_none() {
        return None;
    }
    let said = text.map_or("", |l| described(l.text));
    let key = [person, record.get("sourceName"), record.get("sourceVersion"), said].join("|");
    if c.has("Device", &key) {
        c.writer().mapped((name, version, text));
        return Some(c.reference("Device", &key));
    }
    Some(c.resource("Device", &key, |w| {
        if let Some(name) = name {
            w.array("deviceName", |w| {
                w.element(|w| {
                    w.leaf("name", name);
                    w.fixed("type", "user-friendly-name");
                });
            });
        }
        if let Some(version) = version {
            w.array("version", |w| {
                w.element(|w| w.leaf("value", version));
            });
        }
        if let Some(text) = text {
            w.array("note", |w| {
                w.element(|w| w.string("text", said, text));
            });
        }
    }))
}

/// A device's description without the address in memory that it begins with, which is another in each export.
fn described(text: &str) -> &str {
    let inner = text.trim().trim_start_matches('<').trim_end_matches('>');
    match inner.strip_prefix("HKDevice: ") {
        Some(rest) => rest.split_once(", ").map_or("", |(_, rest)| rest).trim_start_matches('>').trim(),
        None => inner,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_device_is_known_without_its_address() {
        let text = "<<HKDevice: 0x2834b>, name:Watch, manufacturer:Apple Inc.>";
        assert_eq!(described(text), "name:Watch, manufacturer:Apple Inc.");
        assert_eq!(described("Omron M7"), "Omron M7");
    }

    #[test]
    fn times_of_an_export() {
        let when = time("2026-11-03 08:00:00 +0100", &TimeZone::UTC).expect("a time");
        assert_eq!(when.fhir(), "2026-11-03T08:00:00+01:00");
        assert!(time("03/11/2026", &TimeZone::UTC).is_none());
    }
}
