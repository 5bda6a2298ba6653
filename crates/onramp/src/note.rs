//! A care note as a person types it, checked and written as a care provider's record (`dscr-record/0.1`). Pure:
//! the form, the table and the command line all come here, so that they send the same bytes for the same note.

use causeway_core::{CqcLocationId, NhsNumber, Precision, When};
use causeway_host::hex;
use jiff::civil::DateTime;
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use super::limits::NOTE_CHARS_MAX;

/// Media type of the record.
pub const MEDIA_TYPE: &str = "application/vnd.causeway.dscr-record+json";
/// Its schema.
const SCHEMA: &str = "https://fhir.causeway.example/schema/dscr-record-0.1.json";
/// Heaviest weight that is taken for one, in kilograms.
const WEIGHT_MAX: f64 = 500.0;

/// One field: a column of the table, a box of the form, a flag of the command line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Field {
    /// Its name in table and form.
    pub name: &'static str,
    /// Its words for people.
    pub label: &'static str,
    /// How to fill it in.
    pub help: &'static str,
    /// An example, of an invented person.
    pub example: &'static str,
    /// Most characters.
    pub max: usize,
}

const fn field(
    name: &'static str,
    label: &'static str,
    help: &'static str,
    example: &'static str,
    max: usize,
) -> Field {
    Field { name, label, help, example, max }
}

/// The fields, in the order of the table.
pub const FIELDS: [Field; 15] = [
    field("nhs_number", "NHS number", "10 digits. Leave empty if you do not know it", "999 000 0018", 20),
    field("first_name", "First name", "Needed where there is no NHS number", "Edith", 35),
    field("family_name", "Family name", "Needed where there is no NHS number", "Larkspur", 35),
    field("date_of_birth", "Date of birth", "Day, month, year, like 9/3/1942", "9/3/1942", 10),
    field("address_line_1", "First line of address", "Where the person lives", "14 Heron Close", 35),
    field("postcode", "Postcode", "Of that address", "ZZ99 3VZ", 8),
    field("home_cqc_id", "CQC location ID", "It begins with 1- and is on the CQC page", "1-9990000101", 14),
    field("home_name", "Name of the home or service", "As CQC knows it", "Larchwood House", 150),
    field("date", "Date", "When it was so, like 24/11/2026", "24/11/2026", 10),
    field("time", "Time", "Like 14:30. Leave empty if you do not know it", "14:30", 5),
    field(
        "kind",
        "Kind of note",
        "One of: daily, mobility, fall, incident, weight, mood, food, other",
        "mobility",
        40,
    ),
    field(
        "note",
        "Note",
        "What you saw or did, in your words",
        "Needs one person's help to stand",
        NOTE_CHARS_MAX,
    ),
    field("weight_kg", "Weight in kilograms", "Only for a note about weight, like 61.4", "", 6),
    field("written_by", "Your name", "Who wrote the note", "Jo Fenwick", 70),
    field("role", "Your role", "Such as care assistant", "Care assistant", 150),
];

/// Kinds of note.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kind {
    /// As tables and flags write it.
    pub code: &'static str,
    /// As people read it, and as the record says it.
    pub words: &'static str,
    /// Whether it goes to the record's incidents, whose text is sensitive.
    pub incident: bool,
}

/// The kinds, most usual first.
pub const KINDS: [Kind; 8] = [
    Kind { code: "daily", words: "Daily note", incident: false },
    Kind { code: "mobility", words: "Change in mobility", incident: false },
    Kind { code: "fall", words: "Fall", incident: true },
    Kind { code: "incident", words: "Other incident", incident: true },
    Kind { code: "weight", words: "Weight", incident: false },
    Kind { code: "mood", words: "Mood", incident: false },
    Kind { code: "food", words: "Food and drink", incident: false },
    Kind { code: "other", words: "Something else", incident: false },
];

/// What was typed, by field.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Raw(Vec<(&'static str, String)>);

impl Raw {
    /// Sets a field; what is no field is left aside (form tokens). A value given again goes before the first.
    pub fn set(&mut self, name: &str, value: &str) {
        let Some(field) = FIELDS.iter().find(|f| f.name == name) else { return };
        self.0.retain(|(known, _)| *known != field.name);
        self.0.push((field.name, value.replace("\r\n", "\n")));
    }

    /// What was typed, without the blanks around it.
    pub fn get(&self, name: &str) -> &str {
        self.0.iter().find(|(known, _)| *known == name).map_or("", |(_, value)| value.trim())
    }
}

/// What is wrong with one field, in a sentence for the person who typed it. Never quotes what was typed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The field.
    pub field: &'static str,
    /// The sentence.
    pub text: String,
}

/// A note that can be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CareNote {
    /// The record, JSON.
    pub json: Vec<u8>,
    /// CQC location of the home.
    pub home: String,
    /// Id of the record; the same note has the same, however it comes.
    pub uid: String,
}

/// A note that was taken before, as what corrects it needs it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Earlier {
    /// What was typed then, in the words of the form.
    pub raw: Raw,
    /// Id of the record and of its item; the correction has the same.
    pub uid: String,
    /// Its version, 1 for a note that never was corrected.
    pub version: u64,
    section: &'static str,
    item: Map<String, Value>,
}

/// Fields that say whom a note is about and where it was written: a correction leaves them as they are.
pub const KEPT: [&str; 8] = [
    "nhs_number",
    "first_name",
    "family_name",
    "date_of_birth",
    "address_line_1",
    "postcode",
    "home_cqc_id",
    "home_name",
];

/// What only the correction of a note says: not part of its wording.
const OF_VERSION: [&str; 3] = ["recordUid", "version", "status"];

/// Reads a note back from its record; `None` for a record that was not written here.
pub fn read(json: &[u8]) -> Option<Earlier> {
    let record: Value = serde_json::from_slice(json).ok()?;
    let uid = record["recordUid"].as_str().filter(|uid| uid.starts_with("care-note-"))?.to_owned();
    let section = ["dailyNotes", "incidents"].into_iter().find(|s| record.get(*s).is_some())?;
    let [item] = record[section].as_array()?.as_slice() else { return None };
    let mut item = item.as_object()?.clone();
    let mut raw = Raw::default();
    let (subject, provider) = (&record["subject"], &record["provider"]);
    for (name, value) in [
        ("nhs_number", &subject["nhsNumber"]),
        ("first_name", &subject["givenName"]),
        ("family_name", &subject["familyName"]),
        ("date_of_birth", &subject["dateOfBirth"]),
        ("address_line_1", &subject["address"]["line1"]),
        ("postcode", &subject["address"]["postcode"]),
        ("home_cqc_id", &provider["cqcLocationId"]),
        ("home_name", &provider["name"]),
        ("note", item.get("text").or(item.get("description")).unwrap_or(&Value::Null)),
        ("written_by", item.get("recordedBy").map_or(&Value::Null, |by| &by["name"])),
        ("role", item.get("recordedBy").map_or(&Value::Null, |by| &by["role"])),
    ] {
        raw.set(name, value.as_str().unwrap_or_default());
    }
    let at = item.get("dateTime").or(item.get("date")).and_then(Value::as_str)?;
    let (day, time) = at.split_once('T').unwrap_or((at, ""));
    let mut parts = day.splitn(3, '-');
    if let (Some(year), Some(month), Some(day)) = (parts.next(), parts.next(), parts.next()) {
        raw.set("date", &format!("{day}/{month}/{year}"));
    }
    raw.set("time", time);
    let topic = item.get("topic").or(item.get("type")).and_then(|t| t["text"].as_str());
    let kind = match topic {
        Some(words) => KINDS.iter().find(|k| k.words == words)?,
        None => KINDS.first()?,
    };
    raw.set("kind", kind.code);
    if let Some(weight) = item.get("measurement").map(|m| m["value"].to_string()) {
        raw.set("weight_kg", &weight);
    }
    let version = record["version"].as_u64()?;
    item.retain(|name, _| !OF_VERSION.contains(&name.as_str()));
    Some(Earlier { raw, uid, version, section, item })
}

/// Checks what was typed to correct a note. Whom it is about and which home wrote it stay as they were.
///
/// # Errors
/// As [`check`]; a fall or another incident that would become another kind of note, or the other way round; a correction
/// that changes nothing.
pub fn correct(raw: &Raw, now: DateTime, earlier: &Earlier) -> Result<CareNote, Vec<Fault>> {
    let mut raw = raw.clone();
    for name in KEPT {
        raw.set(name, earlier.raw.get(name));
    }
    made(&raw, now, Some(earlier))
}

struct Check<'r> {
    raw: &'r Raw,
    faults: Vec<Fault>,
}

/// Checks what was typed. `now` is the time in London: nothing has happened later than that.
///
/// # Errors
/// What has to be put right, field by field in the order of the form.
pub fn check(raw: &Raw, now: DateTime) -> Result<CareNote, Vec<Fault>> {
    made(raw, now, None)
}

fn made(raw: &Raw, now: DateTime, earlier: Option<&Earlier>) -> Result<CareNote, Vec<Fault>> {
    let mut check = Check { raw, faults: Vec::new() };
    check.lengths();
    let subject = check.subject(now);
    let (provider, home) = check.provider();
    let at = check.at(now);
    let item = check.item(&at);
    if let Some(earlier) = earlier {
        check.against(earlier, item.0, &item.1);
    }
    if !check.faults.is_empty() {
        let place = |f: &Fault| FIELDS.iter().position(|known| known.name == f.field);
        check.faults.sort_by_key(place);
        check.faults.dedup_by(|b, a| a.field == b.field);
        return Err(check.faults);
    }
    let (section, mut item) = item;
    let mut record = Map::new();
    record.insert("$schema".to_owned(), json!(SCHEMA));
    record.insert("version".to_owned(), json!(earlier.map_or(1, |e| e.version + 1)));
    record.insert("provider".to_owned(), provider);
    record.insert("subject".to_owned(), subject);
    record.insert(section.to_owned(), json!([item.clone()]));
    // The id follows from the content: sent twice, by whatever way, it is the same note.
    let digest = Sha256::digest(Value::Object(record.clone()).to_string());
    let uid = match earlier {
        // A correction is a new version of the same note.
        Some(earlier) => earlier.uid.clone(),
        None => format!("care-note-{}", hex(digest.get(..16).unwrap_or_default())),
    };
    if let Some(earlier) = earlier {
        item.insert("version".to_owned(), json!(earlier.version + 1));
        item.insert("status".to_owned(), json!("corrected"));
    }
    item.insert("recordUid".to_owned(), json!(uid));
    record.insert(section.to_owned(), json!([item]));
    record.insert("recordUid".to_owned(), json!(uid));
    let mut json = serde_json::to_vec_pretty(&Value::Object(record)).unwrap_or_default();
    json.push(b'\n');
    Ok(CareNote { json, home, uid })
}

impl Check<'_> {
    fn fault(&mut self, field: &'static str, text: impl Into<String>) {
        self.faults.push(Fault { field, text: text.into() });
    }

    fn against(&mut self, earlier: &Earlier, section: &str, item: &Map<String, Value>) {
        if section != earlier.section {
            let text =
                "A fall or another incident stays one, and another note can't become one. Write a new note";
            self.fault("kind", text);
        } else if *item == earlier.item {
            self.fault("note", "Nothing is changed. Correct what is wrong, or leave the note as it is");
        }
    }

    fn lengths(&mut self) {
        for field in FIELDS {
            let value = self.raw.get(field.name);
            if value.chars().count() > field.max {
                let text = format!("{} can have at most {} characters", field.label, field.max);
                self.fault(field.name, text);
            } else if value
                .chars()
                .any(|c| c.is_control() && !(field.name == "note" && matches!(c, '\n' | '\t')))
            {
                let text =
                    format!("{} holds a character that can't be kept, such as a line break", field.label);
                self.fault(field.name, text);
            }
        }
    }

    fn optional(&self, into: &mut Map<String, Value>, key: &str, name: &str) {
        let value = self.raw.get(name);
        if !value.is_empty() {
            into.insert(key.to_owned(), json!(value));
        }
    }

    fn subject(&mut self, now: DateTime) -> Value {
        let mut subject = Map::new();
        let number = self.raw.get("nhs_number");
        let digits: String = number.chars().filter(|c| !matches!(c, ' ' | '-' | '\u{a0}')).collect();
        if digits.is_empty() {
            for (name, text) in [
                ("first_name", "Enter the first name, or the NHS number"),
                ("family_name", "Enter the family name, or the NHS number"),
                ("date_of_birth", "Enter the date of birth, or the NHS number"),
            ] {
                if self.raw.get(name).is_empty() {
                    self.fault(name, text);
                }
            }
        } else {
            match NhsNumber::parse(&digits) {
                Ok(number) => drop(subject.insert("nhsNumber".to_owned(), json!(number.as_str()))),
                Err(error) => self.fault(
                    "nhs_number",
                    format!("Check the NHS number: {error}. Leave it empty if you are not sure of it"),
                ),
            }
        }
        self.optional(&mut subject, "familyName", "family_name");
        self.optional(&mut subject, "givenName", "first_name");
        if let Some(born) = self.day("date_of_birth", "Write the date of birth like 9/3/1942") {
            if born.as_str() > now.date().to_string().as_str() {
                self.fault("date_of_birth", "The date of birth can't be in the future");
            }
            subject.insert("dateOfBirth".to_owned(), json!(born));
        }
        let mut address = Map::new();
        self.optional(&mut address, "line1", "address_line_1");
        self.optional(&mut address, "postcode", "postcode");
        if !address.is_empty() {
            for (name, text) in [
                ("address_line_1", "Enter the first line of the address, or leave the postcode empty too"),
                ("postcode", "Enter the postcode, or leave the address empty too"),
            ] {
                if self.raw.get(name).is_empty() {
                    self.fault(name, text);
                }
            }
            subject.insert("address".to_owned(), Value::Object(address));
        }
        Value::Object(subject)
    }

    /// A whole day as `YYYY-MM-DD`; `None` where nothing was typed or a fault was found.
    fn day(&mut self, name: &'static str, text: &'static str) -> Option<String> {
        let value = self.raw.get(name);
        if value.is_empty() {
            return None;
        }
        let zone = causeway_core::london();
        let read = When::british(value, &zone).or_else(|_| When::iso(value, &zone));
        match read.ok().filter(|when| when.precision() == Precision::Day) {
            Some(when) => Some(when.fhir_date()),
            None => {
                self.fault(name, text);
                None
            }
        }
    }

    fn provider(&mut self) -> (Value, String) {
        let mut provider = Map::new();
        let code = self.raw.get("home_cqc_id");
        let mut home = String::new();
        match CqcLocationId::parse(code) {
            Some(code) => {
                home = code.to_string();
                provider.insert("cqcLocationId".to_owned(), json!(home));
            }
            None if code.is_empty() => self.fault("home_cqc_id", "Enter the CQC location ID of the home"),
            None => self.fault("home_cqc_id", "A CQC location ID is 1- and then digits, like 1-123456789"),
        }
        self.optional(&mut provider, "name", "home_name");
        (Value::Object(provider), home)
    }

    /// When it was so, at the precision that was typed, in local time.
    fn at(&mut self, now: DateTime) -> String {
        if self.raw.get("date").is_empty() {
            self.fault("date", "Enter the date on which it was so");
        }
        let Some(day) = self.day("date", "Write the date like 24/11/2026") else { return String::new() };
        let time = self.raw.get("time");
        if time.is_empty() {
            if day.as_str() > now.date().to_string().as_str() {
                self.fault("date", "The date can't be in the future");
            }
            return day;
        }
        let Some(clock) = clock(time) else {
            self.fault("time", "Write the time like 14:30");
            return day;
        };
        let at = format!("{day}T{clock}");
        if at.parse::<DateTime>().is_ok_and(|at| at > now) {
            self.fault("date", "The date and time can't be in the future");
        }
        at
    }

    fn kind(&mut self) -> Option<Kind> {
        let value = self.raw.get("kind");
        if value.is_empty() {
            self.fault("kind", "Choose the kind of note");
            return None;
        }
        let found = KINDS
            .into_iter()
            .find(|k| k.code.eq_ignore_ascii_case(value) || k.words.eq_ignore_ascii_case(value));
        if found.is_none() {
            let codes: Vec<&str> = KINDS.iter().map(|k| k.code).collect();
            self.fault("kind", format!("The kind must be one of: {}", codes.join(", ")));
        }
        found
    }

    /// The item that the record holds, and its section.
    fn item(&mut self, at: &str) -> (&'static str, Map<String, Value>) {
        let kind = self.kind();
        let text = self.raw.get("note");
        let weight = self.weight(kind);
        if text.is_empty() && weight.is_none() {
            self.fault("note", "Write the note");
        }
        let mut writer = Map::new();
        if self.raw.get("written_by").is_empty() {
            self.fault("written_by", "Enter your name");
        }
        self.optional(&mut writer, "name", "written_by");
        self.optional(&mut writer, "role", "role");
        let mut item = Map::new();
        item.insert("recordedBy".to_owned(), Value::Object(writer));
        let incident = kind.is_some_and(|k| k.incident);
        let words = kind.map_or("", |k| k.words);
        item.insert(if incident { "date" } else { "dateTime" }.to_owned(), json!(at));
        if kind.is_some_and(|k| k.code != "daily" && k.code != "other") {
            item.insert(if incident { "type" } else { "topic" }.to_owned(), json!({"text": words}));
        }
        if !text.is_empty() {
            item.insert(if incident { "description" } else { "text" }.to_owned(), json!(text));
        }
        if let Some(weight) = weight {
            item.insert("measurement".to_owned(), json!({"value": weight, "unit": "kg", "unitCode": "kg"}));
        }
        (if incident { "incidents" } else { "dailyNotes" }, item)
    }

    fn weight(&mut self, kind: Option<Kind>) -> Option<Value> {
        let typed = self.raw.get("weight_kg");
        if typed.is_empty() {
            return None;
        }
        if kind.is_some_and(|k| k.code != "weight") {
            self.fault("weight_kg", "A weight goes with a note about weight only");
            return None;
        }
        let plain = typed.bytes().all(|b| b.is_ascii_digit() || b == b'.')
            && typed.starts_with(|c: char| c.is_ascii_digit())
            && typed.ends_with(|c: char| c.is_ascii_digit());
        let number = typed.parse::<f64>().ok().filter(|n| plain && *n > 0.0 && *n <= WEIGHT_MAX);
        // Read as JSON, the number keeps its digits: 61.40 stays 61.40.
        let exact = number.and_then(|_| serde_json::from_str(typed.trim_start_matches('0')).ok());
        let exact = exact.or_else(|| number.and_then(|n| serde_json::from_str(&n.to_string()).ok()));
        if exact.is_none() {
            self.fault("weight_kg", "Write the weight in kilograms like 61.4");
        }
        exact
    }
}

/// A time of day as `hh:mm`, from `14:30`, `9:05` or `14.30`.
fn clock(text: &str) -> Option<String> {
    let (hour, minute) = text.split_once([':', '.'])?;
    let number = |part: &str, most: u8| {
        let digits = (1..=2).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_digit());
        part.parse::<u8>().ok().filter(|n| digits && *n <= most)
    };
    let (hour, minute) = (number(hour, 23)?, number(minute, 59).filter(|_| minute.len() == 2)?);
    Some(format!("{hour:02}:{minute:02}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn now() -> DateTime {
        jiff::civil::datetime(2026, 11, 24, 12, 0, 0, 0)
    }

    fn raw(values: &[(&str, &str)]) -> Raw {
        let mut raw = Raw::default();
        for field in FIELDS {
            raw.set(field.name, field.example);
        }
        raw.set("date", "24/11/2026");
        raw.set("time", "9:30");
        for (name, value) in values {
            raw.set(name, value);
        }
        raw
    }

    fn faults(values: &[(&str, &str)]) -> Vec<&'static str> {
        check(&raw(values), now()).unwrap_err().into_iter().map(|f| f.field).collect()
    }

    #[test]
    fn a_change_in_mobility_is_a_daily_note() {
        let note = check(&raw(&[]), now()).unwrap();
        let json: Value = serde_json::from_slice(&note.json).unwrap();
        assert_eq!(json["subject"]["nhsNumber"], "9990000018");
        assert_eq!(json["subject"]["dateOfBirth"], "1942-03-09");
        assert_eq!(json["dailyNotes"][0]["dateTime"], "2026-11-24T09:30");
        assert_eq!(json["dailyNotes"][0]["topic"]["text"], "Change in mobility");
        assert_eq!(json["recordUid"], note.uid);
        assert_eq!(check(&raw(&[]), now()).unwrap(), note, "the same note, the same bytes");
        assert_ne!(check(&raw(&[("note", "Walks")]), now()).unwrap().uid, note.uid);
    }

    #[test]
    fn a_note_is_read_back_as_it_was_typed_and_corrected_under_its_id() {
        for changes in [
            vec![],
            vec![("time", ""), ("kind", "daily"), ("role", "")],
            vec![("kind", "weight"), ("weight_kg", "61.40"), ("note", "")],
            vec![("kind", "fall"), ("note", "Slipped\nin the bath")],
            vec![("nhs_number", "")],
        ] {
            let first = check(&raw(&changes), now()).unwrap();
            let earlier = read(&first.json).unwrap();
            assert_eq!((earlier.uid.as_str(), earlier.version), (first.uid.as_str(), 1));
            // What was read back makes the same note again.
            assert_eq!(check(&earlier.raw, now()).unwrap(), first, "{changes:?}");
            let unchanged = correct(&earlier.raw, now(), &earlier).unwrap_err();
            assert_eq!(unchanged[0].field, "note");
            let mut wanted = earlier.raw.clone();
            wanted.set("note", "Walks with a frame");
            // Whose note it is can't be changed on the way.
            wanted.set("nhs_number", "9990000026");
            wanted.set("home_cqc_id", "1-9990000102");
            let second = correct(&wanted, now(), &earlier).unwrap();
            assert_eq!((&second.uid, &second.home), (&first.uid, &first.home));
            let again = read(&second.json).unwrap();
            assert_eq!((again.version, again.raw.get("note")), (2, "Walks with a frame"));
            for name in KEPT {
                assert_eq!(again.raw.get(name), earlier.raw.get(name), "{name}");
            }
            let json: Value = serde_json::from_slice(&second.json).unwrap();
            assert_eq!(json[earlier.section][0]["status"], "corrected");
        }
        let daily = read(&check(&raw(&[]), now()).unwrap().json).unwrap();
        let mut fall = daily.raw.clone();
        fall.set("kind", "fall");
        assert_eq!(correct(&fall, now(), &daily).unwrap_err()[0].field, "kind");
        assert!(read(b"{\"recordUid\": \"x\"}").is_none() && read(b"no json").is_none());
    }

    #[test]
    fn a_fall_is_an_incident_and_a_weight_a_measurement() {
        let fall = check(&raw(&[("kind", "Fall"), ("time", "")]), now()).unwrap();
        let json: Value = serde_json::from_slice(&fall.json).unwrap();
        assert_eq!(json["incidents"][0]["type"]["text"], "Fall");
        assert_eq!(json["incidents"][0]["date"], "2026-11-24");
        let weight = check(&raw(&[("kind", "weight"), ("weight_kg", "61.40"), ("note", "")]), now()).unwrap();
        assert!(String::from_utf8_lossy(&weight.json).contains("61.4"));
    }

    #[test]
    fn what_is_wrong_is_said_at_its_field() {
        assert_eq!(faults(&[("nhs_number", "999 000 0019")]), ["nhs_number"]);
        assert_eq!(
            faults(&[("nhs_number", ""), ("first_name", ""), ("date_of_birth", "soon")]),
            ["first_name", "date_of_birth"]
        );
        assert_eq!(faults(&[("home_cqc_id", "Larchwood")]), ["home_cqc_id"]);
        assert_eq!(faults(&[("date", "25/11/2026")]), ["date"]);
        assert_eq!(faults(&[("time", "13:00")]), ["date"]);
        assert_eq!(faults(&[("time", "half past")]), ["time"]);
        assert_eq!(faults(&[("kind", "gossip")]), ["kind"]);
        assert_eq!(faults(&[("weight_kg", "61")]), ["weight_kg"]);
        assert_eq!(faults(&[("kind", "weight"), ("weight_kg", "6e1")]), ["weight_kg"]);
        assert_eq!(faults(&[("note", &"x".repeat(5000)), ("role", "a\u{7}b")]), ["note", "role"]);
        assert_eq!(faults(&[("postcode", "")]), ["postcode"]);
        assert!(check(&raw(&[("nhs_number", ""), ("note", "two\nlines")]), now()).is_ok());
        let empty = check(&Raw::default(), now()).unwrap_err();
        let names: Vec<_> = empty.iter().map(|f| f.field).collect();
        assert_eq!(
            names,
            [
                "first_name",
                "family_name",
                "date_of_birth",
                "home_cqc_id",
                "date",
                "kind",
                "note",
                "written_by"
            ]
        );
    }

    #[test]
    fn faults_quote_nothing() {
        for fault in check(&raw(&[("nhs_number", "9990000019"), ("kind", "Zebra"), ("date", "Zebra")]), now())
            .unwrap_err()
        {
            assert!(!fault.text.contains("Zebra") && !fault.text.contains("9990000019"));
        }
    }
}
