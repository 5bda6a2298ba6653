//! Labelled defects: one fault in a message that is otherwise right, with the rule that must be raised and what
//! becomes of the record that is spoiled.
//!
//! A defect is an edit of the text of a message. Words in braces stand for values of the person:
//! `{nhs}`, `{bad-nhs}` (its check digit wrong), `{family}`, `{given}`, `{born}` (ISO), `{born-compact}`,
//! `{born-british}`, `{sex}` (`F` or `M`), `{hospital}` (code), `{council}` (number with the council).

use std::sync::LazyLock;

use jiff::civil::date;

use crate::formats::{client_level_data, council_case_extract, messages};
use crate::journey::{Kind, journey};
use crate::people::{Person, Sex, population};
use crate::{Journey, Message};

/// What becomes of a record that is spoiled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// The message, or its only record, is refused: nothing is written.
    Refused,
    /// The record is refused and its neighbours in the file are unharmed.
    NeighboursUnharmed,
    /// The record is held back, by a rule on purpose, and its neighbours are unharmed.
    Withheld,
    /// The item alone is refused or left out; the rest of the record goes on.
    ItemLeftOut,
    /// Everything is carried, with a notice.
    Carried,
}

/// One edit of a message's text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Edit {
    /// The first occurrence.
    First(&'static str, &'static str),
    /// Every occurrence.
    All(&'static str, &'static str),
}

/// A labelled defect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Defect {
    /// Name.
    pub name: &'static str,
    /// Adapter that reads the message.
    pub format: &'static str,
    /// End of the name of the message that is spoiled.
    pub of: &'static str,
    /// The edits that make one defect of it.
    pub edits: &'static [Edit],
    /// Id of the rule that must be raised.
    pub rule: &'static str,
    /// What becomes of the record.
    pub outcome: Outcome,
}

use Edit::{All, First};
use Outcome::{Carried, ItemLeftOut, NeighboursUnharmed, Refused, Withheld};

/// The defects of one format, all of messages whose name ends so.
struct Group {
    format: &'static str,
    of: &'static str,
    list: &'static [(&'static str, &'static [Edit], &'static str, Outcome)],
}

const TELECARE: Group = Group {
    format: "telecare-alarm",
    of: "alarm.scaip",
    list: &[
        ("device-type-missing", &[First("<dty>0005</dty>", "")], "scaip-mandatory-tag", Refused),
        (
            "controller-missing",
            &[First("<cid>", "<cix>"), First("</cid>", "</cix>")],
            "scaip-mandatory-tag",
            Refused,
        ),
        ("device-type-unknown", &[First("<dty>0005", "<dty>0099")], "scaip-device-type", Carried),
        ("status-unknown", &[First("<stc>0009", "<stc>0999")], "scaip-status", Carried),
        ("location-unknown", &[First("<lco>002", "<lco>777")], "scaip-location", Carried),
        (
            "text-too-long",
            &[First("Fall detector, hall", "Fall detector in the hall beside the coats and the long mirror")],
            "scaip-too-long",
            Refused,
        ),
        ("device-id-pattern", &[First("<did>FD01", "<did>FD-1")], "scaip-pattern", Refused),
        (
            "entity-expansion",
            &[First("<mrq>", "<!DOCTYPE mrq [<!ENTITY a \"aaaa\">]><mrq>")],
            "xml-doctype",
            Refused,
        ),
    ],
};

const ADMISSION: Group = Group {
    format: "hl7v2",
    of: "adt-a01.hl7",
    list: &[
        ("version-unknown", &[First("|P|2.4|", "|P|3.0|")], "version-unsupported", Refused),
        ("patient-missing", &[First("\rPID|", "\rZID|")], "pid-missing", Refused),
        (
            "nhs-number-check-digit",
            &[First("{nhs}^^^NHS", "{bad-nhs}^^^NHS")],
            "nhs-number-check-digit",
            Carried,
        ),
        ("birth-date-impossible", &[First("|{born-compact}|", "|19421345|")], "date-invalid", ItemLeftOut),
        ("gender-unknown", &[First("|{born-compact}|{sex}|", "|{born-compact}|Q|")], "code-unknown", Carried),
        ("escape-unknown", &[First("|{family}^", "|{family}\\Q\\^")], "escape-unknown", Carried),
        (
            "message-type-unknown",
            &[First("|ADT^A01^ADT_A01|", "|ZZZ^Z01^ZZZ_Z01|")],
            "message-type-partial",
            Carried,
        ),
    ],
};

const PATHOLOGY: Group = Group {
    format: "edifact-pathology",
    of: "nhs003.edi",
    list: &[
        ("end-reference-differs", &[First("UNZ+1+", "UNZ+1+9")], "interchange-reference-differs", Refused),
        ("segment-count-wrong", &[First("UNT+", "UNT+9")], "segment-count-differs", Carried),
        ("patient-missing", &[First("'PNA+PAT", "'PNX+PAT")], "patient-missing", Refused),
        ("nhs-number-check-digit", &[First("PAT+{nhs}", "PAT+{bad-nhs}")], "nhs-number-check-digit", Carried),
        (
            "birth-date-impossible",
            &[First("DTM+329:{born-compact}", "DTM+329:19421345")],
            "date-invalid",
            ItemLeftOut,
        ),
        ("status-unknown", &[First("STS++FI'RFF+ASL", "STS++ZZ'RFF+ASL")], "code-unknown", Carried),
        ("code-list-unknown", &[First(":911::", ":999::")], "code-list-unknown", Carried),
        ("message-type-unknown", &[First("RT:NHS003", "RT:NHS009")], "message-type", Refused),
        ("message-is-an-order", &[First("+MEDRPT:", "+ORDERS:")], "message-type", Refused),
    ],
};

const CLIENT_LEVEL_DATA: Group = Group {
    format: "client-level-data",
    of: ".csv",
    list: &[
        (
            "safeguarding-row",
            &[First("Reablement assessment", "Safeguarding enquiry")],
            "alert-safeguarding",
            NeighboursUnharmed,
        ),
        ("nhs-number-check-digit", &[All("{nhs}", "{bad-nhs}")], "nhs-number-check-digit", Carried),
        ("child", &[All("{born-british}", "01/05/2015")], "child", NeighboursUnharmed),
        ("date-impossible", &[First("31/12/2026", "31/02/2026")], "date-invalid", ItemLeftOut),
        ("event-type-unknown", &[First(",Request,", ",Enquiry,")], "event-type-unknown", NeighboursUnharmed),
        ("value-in-capitals", &[First("Service user", "SERVICE USER")], "value-case-only", Carried),
        (
            "value-unknown",
            &[First("Owner occupier or shared ownership scheme", "Lives on a boat")],
            "value-unknown",
            Carried,
        ),
        ("cell-missing", &[First("{nhs},", "")], "row-cell-count", NeighboursUnharmed),
        ("council-code", &[First("\r\n998,", "\r\n99X,")], "la-code-invalid", NeighboursUnharmed),
        ("quotation-mark-open", &[First("\r\n998,", "\r\n\"998,")], "row-cell-count", NeighboursUnharmed),
        ("null-as-words", &[First(",Female,", ",NULL,")], "null-literal", ItemLeftOut),
    ],
};

const CASE_EXTRACT: Group = Group {
    format: "council-case-extract",
    of: ".csv",
    list: &[
        (
            "restricted",
            &[First(",A,{sex},British,,,N", ",A,{sex},British,,,Y")],
            "person-restricted",
            NeighboursUnharmed,
        ),
        (
            "restricted-blank",
            &[First(",A,{sex},British,,,N", ",A,{sex},British,,,")],
            "restricted-not-stated",
            NeighboursUnharmed,
        ),
        ("child", &[First(",A,{sex},British", ",C,{sex},British")], "child", NeighboursUnharmed),
        ("nhs-number-check-digit", &[First("{nhs}", "{bad-nhs}")], "nhs-number-check-digit", ItemLeftOut),
        ("birth-date-filler", &[First("{born-british}", "01/01/1900")], "date-filler", ItemLeftOut),
        ("name-differs", &[First(" {family},", " Otherwood,")], "name-conflict", Carried),
        ("gender-unknown", &[First(",A,{sex},British", ",A,9,British")], "gender-unknown", ItemLeftOut),
        (
            "orphan-visit",
            &[First("{council},Reablement", "999999,Reablement")],
            "person-absent",
            NeighboursUnharmed,
        ),
        (
            "heading-unclear",
            &[First("visit_type,planned_datetime", "visit_kind,planned_datetime")],
            "heading-unclear",
            Refused,
        ),
    ],
};

const NOTICE: Group = Group {
    format: "discharge-notice",
    of: "-discharge-notice.json",
    list: &[
        ("type-unknown", &[First("\"discharge\"", "\"departure\"")], "value-not-allowed", Refused),
        ("person-missing", &[First("\"person\": {", "\"patient\": {")], "required-field-missing", Refused),
        ("nhs-number-check-digit", &[First("{nhs}", "{bad-nhs}")], "nhs-number-check-digit", Carried),
        ("birth-date-impossible", &[First("{born}", "1942-13-45")], "bad-format", ItemLeftOut),
        ("consent-refused", &[First("\"given\": true", "\"given\": false")], "consent-refused", Carried),
        ("type-wrong", &[First("\"given\": true", "\"given\": \"yes\"")], "wrong-type", ItemLeftOut),
        ("gender-unknown", &[First("\"gender\": \"", "\"gender\": \"not ")], "gender-unknown", ItemLeftOut),
        (
            "member-twice",
            &[First("\"person\": {", "\"noticeType\": \"discharge\", \"person\": {")],
            "member-twice",
            ItemLeftOut,
        ),
    ],
};

const PROVIDER: Group = Group {
    format: "care-provider-record",
    of: "record-reablement-v2.json",
    list: &[
        ("nhs-number-check-digit", &[First("{nhs}", "{bad-nhs}")], "nhs-number-check-digit", ItemLeftOut),
        ("risk-category-unknown", &[First("\"accidents\"", "\"stairs\"")], "schema-value", ItemLeftOut),
        (
            "service-without-description",
            &[First("\"description\": \"Reablement", "\"note\": \"Reablement")],
            "schema-required",
            ItemLeftOut,
        ),
        (
            "silent-default",
            &[First("\"risks\": [", "\"legal\": {\"dnacprInPlace\": \"No\"}, \"risks\": [")],
            "silent-default",
            ItemLeftOut,
        ),
        (
            "about-me-old",
            &[First("\"lastUpdated\": \"2026", "\"lastUpdated\": \"2024")],
            "about-me-old",
            Carried,
        ),
        (
            "contact-shares-number",
            &[First("\"roles\": [", "\"nhsNumber\": \"{nhs}\", \"roles\": [")],
            "nhs-number-shared",
            ItemLeftOut,
        ),
        ("subject-missing", &[First("\"subject\": {", "\"somebody\": {")], "subject-missing", Refused),
        (
            "member-twice",
            &[First("\"version\": 2", "\"version\": 2, \"version\": 3")],
            "member-twice",
            ItemLeftOut,
        ),
        (
            "member-unknown",
            &[First("\"aboutMe\": {", "\"aboutMe\": {\"shoeSize\": \"5\",")],
            "member-unknown",
            ItemLeftOut,
        ),
    ],
};

const EXTRACT: Group = Group {
    format: "gp2gp",
    of: "gp2gp.xml",
    list: &[
        ("nhs-number-check-digit", &[First("{nhs}", "{bad-nhs}")], "nhs-number-check-digit", Carried),
        (
            "date-impossible",
            &[First("<availabilityTime value=\"20260", "<availabilityTime value=\"20269")],
            "date-invalid",
            ItemLeftOut,
        ),
        (
            "document-type",
            &[First("<RCMR_IN030000UK06 ", "<!DOCTYPE x [<!ENTITY a \"a\">]><RCMR_IN030000UK06 ")],
            "xml-doctype",
            Refused,
        ),
        (
            "problem-without-name",
            &[First(
                "<namedStatementRef classCode=\"OBS\" moodCode=\"EVN\"><id root=\"",
                "<namedStatementRef classCode=\"OBS\" moodCode=\"EVN\"><id root=\"00000000-",
            )],
            "problem-name-not-found",
            Carried,
        ),
        (
            "not-an-extract",
            &[All("RCMR_IN030000UK06", "RCMR_IN990000UK06"), All("EhrExtract", "EhrNothing")],
            "not-an-extract",
            Refused,
        ),
    ],
};

const SUMMARY: Group = Group {
    format: "summary-care-record",
    of: "summary-care-record.xml",
    list: &[
        ("nhs-number-check-digit", &[First("{nhs}", "{bad-nhs}")], "nhs-number-check-digit", Refused),
        ("date-impossible", &[First("<low value=\"20", "<low value=\"20XX")], "time-invalid", ItemLeftOut),
        (
            "act-unknown",
            &[All("UKCT_MT144042UK01.Diagnosis", "UKCT_MT144042UK01.Surmise")],
            "act-unknown",
            Carried,
        ),
        ("no-summary", &[All("GPSummary", "GPGreeting")], "summary-absent", Refused),
    ],
};

const STRUCTURED: Group = Group {
    format: "careconnect",
    of: "gp-connect.json",
    list: &[
        ("nhs-number-check-digit", &[First("{nhs}", "{bad-nhs}")], "nhs-number-check-digit", Refused),
        (
            "reference-dangling",
            &[First("\"reference\": \"Practitioner/", "\"reference\": \"Practitioner/X")],
            "reference-dangling",
            Carried,
        ),
        ("birth-date-impossible", &[First("\"{born}\"", "\"1942-13-45\"")], "date-invalid", ItemLeftOut),
        (
            "patient-missing",
            &[First("\"resourceType\": \"Patient\"", "\"resourceType\": \"Basic\"")],
            "patient-absent",
            Refused,
        ),
        (
            "resource-type-unknown",
            &[First("\"resourceType\": \"List\"", "\"resourceType\": \"Lists\"")],
            "resource-type-unknown",
            Refused,
        ),
        (
            "member-twice",
            &[First("\"active\": true,", "\"active\": true, \"active\": false,")],
            "json-member-repeated",
            Refused,
        ),
    ],
};

const ASSESSMENT: Group = Group {
    format: "care-act-assessment",
    of: "care-act-assessment.jsonld",
    list: &[
        (
            "person-missing",
            &[First("\"personId\": {", "\"somebody\": {")],
            "required-field-missing",
            NeighboursUnharmed,
        ),
        (
            "status-unknown",
            &[First("\"status\": \"active\"", "\"status\": \"running\"")],
            "value-not-allowed",
            NeighboursUnharmed,
        ),
        (
            "date-form",
            &[First("\"dateCompleted\": \"2026", "\"dateCompleted\": \"in 2026")],
            "bad-format",
            NeighboursUnharmed,
        ),
        (
            "type-wrong",
            &[First("\"advocateRequired\": false", "\"advocateRequired\": \"no\"")],
            "wrong-type",
            NeighboursUnharmed,
        ),
        (
            "answer-type-unknown",
            &[First("\"answerType\": \"String\"", "\"answerType\": \"Poem\"")],
            "value-not-allowed",
            NeighboursUnharmed,
        ),
        ("nhs-number-check-digit", &[First("{nhs}", "{bad-nhs}")], "nhs-number-check-digit", Carried),
        (
            "consent-refused",
            &[First("\"consentToInformationSharing\": true", "\"consentToInformationSharing\": false")],
            "consent-refused",
            Withheld,
        ),
    ],
};

static ALL_DEFECTS: LazyLock<Vec<Defect>> = LazyLock::new(|| {
    let groups = [
        TELECARE,
        CASE_EXTRACT,
        CLIENT_LEVEL_DATA,
        PROVIDER,
        NOTICE,
        ASSESSMENT,
        PATHOLOGY,
        EXTRACT,
        ADMISSION,
        STRUCTURED,
        SUMMARY,
    ];
    let defects = groups.iter().flat_map(|group| {
        group.list.iter().map(|(name, edits, rule, outcome)| Defect {
            name,
            format: group.format,
            of: group.of,
            edits,
            rule,
            outcome: *outcome,
        })
    });
    defects.collect()
});

/// Every labelled defect.
pub fn all() -> &'static [Defect] {
    &ALL_DEFECTS
}

/// People among whom the spoiled one and its neighbour are sought.
const SAMPLE: usize = 60;

/// Two people who fell, with their journeys: the first is spoiled, the second is the neighbour in files of many.
fn sample(seed: u64) -> Vec<(Person, Journey)> {
    let people = population(seed, SAMPLE).into_iter().map(|person| {
        let journey = journey(seed, &person);
        (person, journey)
    });
    let fell = people.filter(|(p, j)| j.kind == Kind::FallToReablement && p.sex == Sex::Female);
    fell.take(2).collect()
}

/// A message with this defect, and the people whom it is about, the spoiled one first. `None` where the sample
/// of the seed has no such message, or what is to be edited is not in it.
pub fn spoiled(seed: u64, defect: &Defect) -> Option<(Vec<Person>, Message)> {
    let sample = sample(seed);
    let (person, journey) = sample.first()?;
    let many = matches!(defect.format, "client-level-data" | "council-case-extract");
    let mut message = if many {
        let some: Vec<(&Person, &Journey)> = sample.iter().map(|(p, j)| (p, j)).collect();
        match defect.format {
            "client-level-data" => client_level_data::file(&some, date(2026, 12, 31)),
            _ => council_case_extract::file(&some, date(2026, 12, 31).at(6, 0, 0, 0)),
        }
    } else {
        let wanted = |m: &Message| m.format == defect.format && m.name.ends_with(defect.of);
        messages(person, journey).into_iter().find(wanted)?
    };
    message.bytes = edit(&message.bytes, person, defect.edits)?;
    message.title = format!("{} ({})", message.title, defect.name);
    let people = sample.into_iter().map(|(p, _)| p).take(if many { 2 } else { 1 }).collect();
    Some((people, message))
}

/// The bytes with the edits made; `None` where one of them finds nothing to edit.
pub fn edit(bytes: &[u8], person: &Person, edits: &[Edit]) -> Option<Vec<u8>> {
    let mut text = String::from_utf8(bytes.to_vec()).ok()?;
    for edit in edits {
        let (First(from, to) | All(from, to)) = *edit;
        let (from, to) = (fill(from, person), fill(to, person));
        if !text.contains(&from) {
            return None;
        }
        text = match edit {
            First(..) => text.replacen(&from, &to, 1),
            All(..) => text.replace(&from, &to),
        };
    }
    Some(text.into_bytes())
}

fn fill(text: &str, person: &Person) -> String {
    if !text.contains('{') {
        return text.to_owned();
    }
    text.replace("{nhs}", &person.nhs_number)
        .replace("{bad-nhs}", &wrong_check_digit(&person.nhs_number))
        .replace("{family}", &person.family)
        .replace("{given}", &person.given)
        .replace("{born}", &person.born.to_string())
        .replace("{born-compact}", &person.born.strftime("%Y%m%d").to_string())
        .replace("{born-british}", &person.born.strftime("%d/%m/%Y").to_string())
        .replace("{sex}", if person.sex == Sex::Female { "F" } else { "M" })
        .replace("{hospital}", person.hospital.code)
        .replace("{council}", &person.council_number)
}

fn wrong_check_digit(number: &str) -> String {
    let (nine, check) = number.split_at(number.len().saturating_sub(1));
    let wrong = check.bytes().next().map_or(0, |digit| (digit.wrapping_sub(b'0') + 1) % 10);
    format!("{nine}{wrong}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn every_defect_finds_what_it_edits_and_has_a_name_of_its_own() {
        let mut names = HashSet::new();
        for defect in all() {
            assert!(spoiled(7, defect).is_some(), "{} {}", defect.format, defect.name);
            assert!(names.insert((defect.format, defect.name)), "{} {}", defect.format, defect.name);
        }
    }
}
