//! Writes registration transactions: from bundles as this adapter makes them, and from the `Parameters` that NHS
//! Digital's adaptor takes.

use std::collections::HashSet;

use causeway_adapter::{Context, Encoded};
use causeway_core::{Issue, Position, Span, When};
use causeway_edifact::escape_into;
use causeway_fhir::systems;
use serde_json::Value;

use crate::codes::{
    ADDRESS_LINE, BIRTH_PLACE, DRUGS_DISPENSED, HA_CIPHER, RESIDENTIAL_INSTITUTE, SEX, SOURCE_DELETED,
    TRANSACTION, TRANSACTION_NUMBER, TRANSACTION_SYSTEM,
};
use crate::limits::{ADDRESS_LINES, NUMBER_DIGITS};
use crate::rules;
use crate::task::{DATES, VALUES, from_practice};

/// Writes an interchange with one message for each transaction of the bundle.
///
/// # Errors
/// Where there is no transaction, or one lacks what its kind requires.
pub(crate) fn encode(input: &Value, context: &Context) -> Result<Encoded, Issue> {
    let mut notes = Vec::new();
    let found = match input["resourceType"].as_str() {
        Some("Parameters") => vec![from_parameters(input)?],
        _ => from_bundle(input, &mut notes)?,
    };
    let now = context.zone.to_datetime(context.received);
    let mut text = String::new();
    let mut reference = String::new();
    for (index, one) in found.iter().enumerate() {
        let mut out = Message { one, segments: Vec::new(), notes: Vec::new() };
        out.write(&now.strftime("%Y%m%d%H%M").to_string(), context)?;
        if index == 0 {
            let authority = format!("{:0<3}1", one.authority);
            let (from, to) = match from_practice(&one.kind) {
                true => (&one.practice, &authority),
                false => (&authority, &one.practice),
            };
            reference = padded(&one.number);
            let at = now.strftime("%y%m%d:%H%M");
            let (from, to) = (out.text(from), out.text(to));
            text.push_str(&format!("UNB+UNOA:2+{from}+{to}+{at}+{reference}'\n"));
        }
        let own = padded(&(index + 1).to_string());
        text.push_str(&format!("UNH+{own}+FHSREG:0:1:FH:FHS001'\n"));
        for segment in &out.segments {
            text.push_str(segment);
            text.push_str("'\n");
        }
        text.push_str(&format!("UNT+{}+{own}'\n", out.segments.len() + 2));
        notes.append(&mut out.notes);
        one.left_behind(&mut notes);
    }
    text.push_str(&format!("UNZ+{}+{reference}'\n", found.len()));
    Ok(Encoded { bytes: text.into_bytes(), media_type: "application/edifact", left_behind: notes })
}

/// One transaction as FHIR states it.
struct Registration<'b> {
    kind: String,
    number: String,
    sent: Option<String>,
    authority: String,
    practice: String,
    parameters: &'b Value,
    patient: &'b Value,
    /// FHIR paths that the Patient names as removed.
    removed: HashSet<String>,
}

fn at(mut issue: Issue, path: &str) -> Issue {
    issue.position = Some(Position::new(path, Span::default()));
    issue
}

fn missing(what: &str, path: &str) -> Issue {
    at(rules::WRITE_MISSING.with(what), path)
}

/// A text with something in it.
fn said(value: &Value) -> Option<&str> {
    value.as_str().map(str::trim).filter(|t| !t.is_empty())
}

fn parameter<'b>(parameters: &'b Value, name: &str) -> Option<&'b Value> {
    parameters["parameter"].as_array()?.iter().find(|p| p["name"] == name)
}

/// The value of a parameter, whatever its type.
fn parameter_text<'b>(parameters: &'b Value, name: &str) -> Option<&'b str> {
    let part = parameter(parameters, name)?;
    ["valueString", "valueDate", "valueDateTime", "valueCode"].iter().find_map(|key| said(&part[*key]))
}

/// `Parameters` alone, as NHS Digital's adaptor takes them: the kind shows in what they hold.
fn from_parameters(parameters: &Value) -> Result<Registration<'_>, Issue> {
    let has = |name: &str| parameter(parameters, name).is_some();
    let kind = if has("acceptanceCode") || has("acceptanceType") || has("acceptanceDate") {
        "G1"
    } else if has("deductionReasonCode") || has("dateOfDeduction") {
        "G5"
    } else if has("patient") {
        "G3"
    } else {
        return Err(at(rules::WRITE_KIND.issue(), "Parameters"));
    };
    let patient = parameter(parameters, "patient").map_or(&Value::Null, |p| &p["resource"]);
    let practice = parameter_text(parameters, "gpTradingPartnerCode").ok_or_else(|| {
        missing("the practice's trading partner code", "Parameters.parameter(gpTradingPartnerCode)")
    })?;
    Registration::new(kind, parameters, patient, (practice, &Value::Null))
}

fn from_bundle<'b>(bundle: &'b Value, notes: &mut Vec<Issue>) -> Result<Vec<Registration<'b>>, Issue> {
    let entries: Vec<&Value> = bundle["entry"].as_array().into_iter().flatten().collect();
    let is_transaction =
        |r: &Value| r["resourceType"] == "Task" && r["code"]["coding"][0]["system"] == TRANSACTION_SYSTEM;
    let mut found = Vec::new();
    let mut named = HashSet::new();
    for task in entries.iter().map(|e| &e["resource"]).filter(|r| is_transaction(r)) {
        let kind = said(&task["code"]["coding"][0]["code"]).unwrap_or_default();
        if TRANSACTION.lookup(kind).is_none() {
            return Err(at(rules::WRITE_KIND.issue(), "Task.code"));
        }
        let parameters =
            task["contained"].as_array().into_iter().flatten().find(|r| r["resourceType"] == "Parameters");
        let reference = said(&task["for"]["reference"]).unwrap_or_default();
        let target = entries.iter().position(|e| {
            let id = e["resource"]["id"].as_str().unwrap_or_default();
            !reference.is_empty()
                && (e["fullUrl"] == reference || (!id.is_empty() && reference.ends_with(id)))
        });
        let patient = target.and_then(|at| entries.get(at)).map_or(&Value::Null, |e| &e["resource"]);
        named.extend(target);
        let side = if from_practice(kind) { "requester" } else { "owner" };
        let parameters = parameters.unwrap_or(&Value::Null);
        let practice = parameter_text(parameters, "gpTradingPartnerCode")
            .or_else(|| said(&task[side]["identifier"]["value"]))
            .ok_or_else(|| {
                missing(
                    "the practice's trading partner code",
                    "Task.contained.parameter(gpTradingPartnerCode)",
                )
            })?;
        let other = if from_practice(kind) { "owner" } else { "requester" };
        let authority = [&task[other]["identifier"]].into_iter().find(|i| i["system"] == HA_CIPHER);
        let authority = authority.map_or(&Value::Null, |i| &i["value"]);
        let mut one = Registration::new(kind, parameters, patient, (practice, authority))?;
        let identifiers = task["identifier"].as_array().into_iter().flatten();
        one.number = identifiers
            .filter(|i| i["system"] == TRANSACTION_NUMBER)
            .find_map(|i| said(&i["value"]))
            .unwrap_or("1")
            .to_owned();
        one.sent = said(&task["authoredOn"]).map(str::to_owned);
        found.push(one);
    }
    if found.is_empty() {
        return Err(at(rules::NOT_REGISTRATION.issue(), "Bundle.entry"));
    }
    for (index, entry) in entries.iter().enumerate() {
        let resource = &entry["resource"];
        let kind = resource["resourceType"].as_str().unwrap_or_default();
        if !named.contains(&index) && !is_transaction(resource) && kind != "Provenance" {
            notes.push(at(rules::LEFT_BEHIND.issue(), kind));
        }
    }
    Ok(found)
}

impl<'b> Registration<'b> {
    fn new(
        kind: &str,
        parameters: &'b Value,
        patient: &'b Value,
        (practice, authority): (&str, &'b Value),
    ) -> Result<Self, Issue> {
        // NHS Digital's own requests have the identifier as a list here, which is not FHIR.
        let organisation = &patient["managingOrganization"]["identifier"];
        let cipher = said(&organisation["value"])
            .or_else(|| said(&organisation[0]["value"]))
            .or_else(|| said(authority));
        let authority = cipher
            .ok_or_else(|| missing("the authority's cipher", "Patient.managingOrganization.identifier"))?;
        let removed = patient["extension"].as_array().into_iter().flatten();
        let removed = removed.filter(|e| e["url"] == SOURCE_DELETED).filter_map(|e| said(&e["valueString"]));
        Ok(Self {
            kind: kind.to_owned(),
            number: "1".to_owned(),
            sent: None,
            authority: authority.to_owned(),
            practice: practice.to_owned(),
            parameters,
            patient,
            removed: removed.map(str::to_owned).collect(),
        })
    }

    /// A value of the patient, or `%` where it is removed.
    fn value(&self, path: &str, value: &'b Value) -> Option<&'b str> {
        said(value).or_else(|| self.removed.contains(path).then_some("%"))
    }

    fn extension(&self, url: &str) -> Option<&'b Value> {
        self.patient["extension"].as_array()?.iter().find(|e| e["url"] == url)
    }

    /// Elements of the patient that no segment has a place for.
    fn left_behind(&self, notes: &mut Vec<Issue>) {
        let mut leave = |path: String| notes.push(at(rules::LEFT_BEHIND.issue(), &path));
        for (name, value) in self.patient.as_object().into_iter().flatten() {
            let kept = match name.as_str() {
                "resourceType"
                | "id"
                | "meta"
                | "gender"
                | "_gender"
                | "birthDate"
                | "managingOrganization" => continue,
                "extension" => {
                    let known = [BIRTH_PLACE, DRUGS_DISPENSED, RESIDENTIAL_INSTITUTE, SOURCE_DELETED];
                    for (index, one) in value.as_array().into_iter().flatten().enumerate() {
                        if !known.iter().any(|url| one["url"] == *url) {
                            leave(format!("Patient.extension[{index}]"));
                        }
                    }
                    continue;
                }
                "identifier" | "generalPractitioner" => 1,
                "name" | "address" => 2,
                _ => 0,
            };
            match value.as_array() {
                Some(list) if kept > 0 => {
                    (kept..list.len()).for_each(|index| leave(format!("Patient.{name}[{index}]")));
                }
                _ => leave(format!("Patient.{name}")),
            }
        }
    }
}

fn padded(number: &str) -> String {
    let digits: String = number.chars().filter(char::is_ascii_digit).collect();
    format!("{digits:0>NUMBER_DIGITS$}")
}

struct Message<'r, 'b> {
    one: &'r Registration<'b>,
    segments: Vec<String>,
    notes: Vec<Issue>,
}

impl Message<'_, '_> {
    /// A text in the repertoire of UNOA, service characters released.
    fn text(&mut self, text: &str) -> String {
        let mut out = String::new();
        for c in text.chars() {
            let c = match c {
                c if c.is_ascii_alphanumeric() => c.to_ascii_uppercase(),
                ' ' | '.' | ',' | '-' | '(' | ')' | '/' | '=' | '!' | '"' | '%' | '&' | '*' | ';' | '<'
                | '>' | '?' | '\'' | '+' | ':' => c,
                other => {
                    if self.notes.is_empty() {
                        self.notes.push(rules::WRITE_CHARACTER.issue());
                    }
                    plain(other)
                }
            };
            escape_into(&mut out, c.encode_utf8(&mut [0; 4]));
        }
        out
    }

    fn push(&mut self, start: &str, text: &str, end: &str) {
        let text = self.text(text);
        self.segments.push(format!("{start}{text}{end}"));
    }

    /// A date as CCYYMMDD.
    fn date(&mut self, qualifier: &str, date: &str, path: &str) -> Result<(), Issue> {
        let digits: String = date.get(..10).unwrap_or_default().chars().filter(|c| *c != '-').collect();
        let shaped = date.get(4..5) == Some("-") && date.get(7..8) == Some("-");
        if date == "%" {
            self.segments.push(format!("DTM+{qualifier}:%:102"));
        } else if shaped && When::hl7(&digits, &jiff::tz::TimeZone::UTC).is_ok() && digits.len() == 8 {
            self.segments.push(format!("DTM+{qualifier}:{digits}:102"));
        } else {
            return Err(at(rules::WRITE_DATE.issue(), path));
        }
        Ok(())
    }

    fn write(&mut self, now: &str, context: &Context) -> Result<(), Issue> {
        let one = self.one;
        let patient = one.patient;
        self.requires()?;
        self.segments.push("BGM+++507".to_owned());
        self.push("NAD+FHS+", &one.authority, ":954");
        let sent = one.sent.as_deref().and_then(|t| When::iso(t, &context.zone).ok()).map(|w| w.fhir());
        let sent: String = sent.unwrap_or_default().chars().filter(char::is_ascii_digit).take(12).collect();
        let sent = if sent.len() == 12 { sent } else { now.to_owned() };
        self.segments.push(format!("DTM+137:{sent}:203"));
        self.push("RFF+950:", &one.kind, "");
        self.segments.push("S01+1".to_owned());
        self.push("RFF+TN:", &one.number, "");
        let parameter = |name: &str| parameter_text(one.parameters, name);
        if let Some(gp) = said(&patient["generalPractitioner"][0]["identifier"]["value"]) {
            self.push("NAD+GP+", gp, ":900");
        }
        let institute = one.extension(RESIDENTIAL_INSTITUTE).map_or(&Value::Null, |e| &e["valueString"]);
        if let Some(code) = one.value("Patient.extension(ResidentialInstituteCode)", institute) {
            self.push("NAD+RIC+", code, ":956");
        }
        for (name, tag, qualifier, _) in VALUES.iter().filter(|v| v.1 == b"NAD" || v.1 == b"GIS") {
            let Some(value) = parameter(name) else { continue };
            match (*tag, *qualifier) {
                (b"GIS", _) => self.push("GIS+", value, ":ZZZ"),
                (_, "PGP") => self.push("NAD+PGP+++", value, ""),
                (_, other) => self.push(&format!("NAD+{other}+"), value, ":954"),
            }
        }
        for (name, _, qualifier, _) in VALUES.iter().filter(|v| v.1 == b"HEA") {
            if let Some(value) = parameter(name) {
                self.push(&format!("HEA+{qualifier}+"), value, ":ZZZ");
            }
        }
        if let Some(marker) = one.extension(DRUGS_DISPENSED).and_then(|e| e["valueBoolean"].as_bool()) {
            self.segments.push(format!("HEA+DM+{}:ZZZ", if marker { "Y" } else { "N" }));
        }
        for (name, qualifier) in DATES {
            if let Some(date) = parameter(name) {
                self.date(qualifier, date, &format!("parameter({name})"))?;
            }
        }
        if let Some(place) = one.extension(BIRTH_PLACE) {
            let address = &place["valueAddress"];
            let place = said(&address["text"])
                .or_else(|| said(&address["city"]))
                .or_else(|| said(&place["valueString"]));
            if let Some(place) = place {
                self.push("LOC+950+", place, "");
            }
        }
        if let Some(text) = parameter("freeText") {
            let lines: Vec<String> = text.lines().map(|line| self.text(line)).collect();
            self.segments.push(format!("FTX+RGI+++{}", lines.join(":")));
        }
        self.person()
    }

    fn person(&mut self) -> Result<(), Issue> {
        let one = self.one;
        let patient = one.patient;
        let before = self.segments.len();
        let number = self.number();
        let mut pna = match number {
            Some(number) => format!("PNA+PAT+{}:OPI", self.text(&number)),
            None => "PNA+PAT+".to_owned(),
        };
        let names = self.name(&patient["name"][0], 0);
        if !names.is_empty() {
            pna.push_str("++");
            pna.push_str(&names);
        }
        if pna.len() > "PNA+PAT+".len() {
            self.segments.push(pna);
        }
        if let Some(born) = one.value("Patient.birthDate", &patient["birthDate"]) {
            self.date("329", born, "Patient.birthDate")?;
        }
        self.sex();
        self.address();
        if self.segments.len() > before {
            self.segments.insert(before, "S02+2".to_owned());
        }
        let previous = self.name(&patient["name"][1], 1);
        let amended = parameter_text(one.parameters, "amendedNhsNumber").map(|n| self.text(n));
        if !previous.is_empty() || amended.is_some() {
            self.segments.push("S02+2".to_owned());
            let mut pna = format!("PNA+PER+{}", amended.map_or_else(String::new, |n| format!("{n}:OPI")));
            if !previous.is_empty() {
                pna.push_str("++");
                pna.push_str(&previous);
            }
            self.segments.push(pna);
        }
        Ok(())
    }

    /// The number that registration knows the person by: their NHS number, or what was stated in its place.
    fn number(&self) -> Option<String> {
        let all = self.one.patient["identifier"].as_array()?;
        let of = |system: &str| all.iter().filter(|i| i["system"] == system).find_map(|i| said(&i["value"]));
        of(systems::NHS_NUMBER).or_else(|| of(systems::STATED_NHS_NUMBER)).map(str::to_owned)
    }

    /// The parts of a name, each in the element that it has by custom; empty ones at the end are left out.
    fn name(&mut self, name: &Value, index: usize) -> String {
        let given = name["given"].as_array().map(Vec::as_slice).unwrap_or_default();
        let further: Vec<&str> = given.iter().skip(2).filter_map(said).collect();
        let further = Value::from(further.join(" "));
        let parts = [
            ("SU", "family", &name["family"]),
            ("FO", "given[0]", &name["given"][0]),
            ("TI", "prefix", &name["prefix"][0]),
            ("MI", "given[1]", &name["given"][1]),
            ("FS", "given[2]", &further),
        ];
        let mut out = String::new();
        let mut empty = 0;
        for (code, path, value) in parts {
            let path = format!("Patient.name[{index}].{path}");
            let said =
                said(value).or_else(|| self.one.removed.contains(&path).then_some("%")).map(str::to_owned);
            let Some(value) = said else {
                empty += 1;
                continue;
            };
            out.push_str(&"+".repeat(empty + 1));
            empty = 0;
            out.push_str(&format!("{code}:{}", self.text(&value)));
        }
        out
    }

    fn sex(&mut self) {
        let patient = self.one.patient;
        let kept = patient["_gender"]["extension"][0]["valueString"].as_str();
        let gender = said(&patient["gender"]);
        let code = match (kept, gender) {
            (Some(kept), _) => Some(kept),
            (None, Some(gender)) => {
                SEX.codes().find(|(_, target)| target.code == gender).map(|(code, _)| code)
            }
            (None, None) => self.one.removed.contains("Patient.gender").then_some("%"),
        };
        match code {
            Some(code) => self.push("PDI+", code, ""),
            None if gender.is_some() => self.notes.push(at(rules::LEFT_BEHIND.issue(), "Patient.gender")),
            None => {}
        }
    }

    /// The address and the one before it.
    fn address(&mut self) {
        let patient = self.one.patient;
        let present = &patient["address"][0];
        let current = (present["use"] != "old").then_some(present);
        let old = if current.is_some() { &patient["address"][1] } else { present };
        let mut lines = current.map(places).unwrap_or_default();
        let removed = |path: &str| self.one.removed.contains(&format!("Patient.address[0].{path}"));
        for (line, path) in lines.iter_mut().zip(["line[0]", "line[1]", "line[2]", "city", "district"]) {
            if line.is_empty() && removed(path) {
                "%".clone_into(line);
            }
        }
        let code = current.and_then(|a| said(&a["postalCode"]));
        let code = code.or_else(|| removed("postalCode").then_some("%")).map(str::to_owned);
        if lines.iter().any(|l| !l.is_empty()) || code.is_some() {
            let filled = lines.iter().rposition(|l| !l.is_empty()).map_or(0, |at| at + 1);
            lines.truncate(filled);
            if let Some(first) = lines.first_mut().filter(|l| l.is_empty()) {
                "?".clone_into(first);
            }
            let lines: Vec<String> = lines.iter().map(|line| self.text(line)).collect();
            let code = code.map_or_else(String::new, |code| format!("+++++{}", self.text(&code)));
            self.segments.push(format!("NAD+PAT++{}{code}", lines.join(":")));
        }
        let before: Vec<String> = places(old).into_iter().filter(|l| !l.is_empty()).collect();
        let code = said(&old["postalCode"]).map(str::to_owned);
        if !before.is_empty() || code.is_some() {
            let lines: Vec<String> = before.iter().map(|line| self.text(line)).collect();
            let code = code.map_or_else(String::new, |code| format!("+++++{}", self.text(&code)));
            self.segments.push(format!("NAD+PER++{}{code}", lines.join(":")));
        }
    }

    /// What a kind of transaction can't do without.
    fn requires(&self) -> Result<(), Issue> {
        let one = self.one;
        let kind = one.kind.as_str();
        let parameter = |name: &str, what: &str| match parameter_text(one.parameters, name) {
            Some(_) => Ok(()),
            None => Err(missing(what, &format!("Parameters.parameter({name})"))),
        };
        if kind == "F8" {
            return Ok(());
        }
        if said(&one.patient["generalPractitioner"][0]["identifier"]["value"]).is_none() {
            return Err(missing("the practitioner's code", "Patient.generalPractitioner[0].identifier"));
        }
        if matches!(kind, "F1" | "F2" | "F9" | "F10" | "F11" | "G2" | "G3" | "G5") && self.number().is_none()
        {
            return Err(missing("the person's number", "Patient.identifier"));
        }
        if matches!(kind, "G1" | "F9") && said(&one.patient["name"][0]["family"]).is_none() {
            return Err(missing("the person's surname", "Patient.name[0].family"));
        }
        match kind {
            "F2" | "G5" => {
                parameter("deductionReasonCode", "the reason of the deduction")?;
                parameter("dateOfDeduction", "the date of the deduction")
            }
            "F9" => {
                parameter("fp69ReasonCode", "the reason of the notification")?;
                parameter("fp69ExpiryDate", "the day it expires")
            }
            "G1" => {
                parameter("acceptanceCode", "the acceptance code")?;
                parameter("acceptanceType", "the type of acceptance")?;
                parameter("acceptanceDate", "the date of the acceptance")
            }
            "F11" | "G3" => parameter("freeText", "the notes"),
            _ => Ok(()),
        }
    }
}

/// The five lines of an address by their places: as extensions say, or as they stand, town and county last.
fn places(address: &Value) -> Vec<String> {
    let mut out = vec![String::new(); ADDRESS_LINES];
    let lines = address["line"].as_array().map(Vec::as_slice).unwrap_or_default();
    for (index, line) in lines.iter().enumerate() {
        let stated = address["_line"][index]["extension"].as_array().into_iter().flatten();
        let place = stated.filter(|e| e["url"] == ADDRESS_LINE).find_map(|e| e["valuePositiveInt"].as_u64());
        let place =
            place.and_then(|p| usize::try_from(p).ok()).and_then(|p| p.checked_sub(1)).unwrap_or(index);
        if let (Some(slot), Some(text)) = (out.get_mut(place), said(line)) {
            text.clone_into(slot);
        }
    }
    for (name, place) in [("city", 3), ("district", 4)] {
        if let (Some(slot), Some(text)) = (out.get_mut(place), said(&address[name])) {
            text.clone_into(slot);
        }
    }
    out
}

/// The plain letter of an accented one; a blank for what has none.
fn plain(c: char) -> char {
    match c {
        'À'..='Å' | 'à'..='å' => 'A',
        'Ç' | 'ç' => 'C',
        'È'..='Ë' | 'è'..='ë' => 'E',
        'Ì'..='Ï' | 'ì'..='ï' => 'I',
        'Ñ' | 'ñ' => 'N',
        'Ò'..='Ö' | 'Ø' | 'ò'..='ö' | 'ø' => 'O',
        'Ù'..='Ü' | 'ù'..='ü' => 'U',
        'Ŵ' | 'ŵ' => 'W',
        'Ý' | 'ý' | 'ÿ' | 'Ŷ' | 'ŷ' => 'Y',
        '‘' | '’' => '\'',
        '–' | '—' => '-',
        _ => ' ',
    }
}
