//! PID, PD1, MRG, NK1.

use causeway_fhir::systems;
use serde_json::Value;

use super::segment::Seg;
use super::types::{
    concept, cx, extension, list, local_name, mapped, text, time, unmapped, xad, xcn, xon, xpn, xtn,
};
use super::{Writer, kept};
use crate::maps;

const VERIFICATION: &str = "NHSNumberVerificationStatus";

impl<'b> Writer<'b> {
    /// The person with practice, notes, merged records and contacts.
    pub(super) fn patient(&mut self, patient: &'b Value) {
        let mut pid = Seg::new("PID");
        let mut pd1 = Seg::new("PD1");
        let mut zu8 = Seg::new("ZU8");
        pid.put(1, "1");
        for id in list(patient, "identifier") {
            match local_name(&text(id, "system")) {
                Some("pid-19") => pid.put(19, text(id, "value")),
                Some("driving-licence") => {
                    pid.put(20, text(id, "value"));
                    pid.comp(20, 2, text(&id["assigner"], "display"));
                    pid.comp(20, 3, time(&text(&id["period"], "end")));
                }
                _ => cx(&mut pid, 3, id, "patient"),
            }
            if id["system"] == systems::NHS_NUMBER
                && let Some(status) = list(id, "extension")
                    .find(|e| e["url"].as_str().is_some_and(|u| u.contains(VERIFICATION)))
            {
                pid.put(32, text(&status["valueCodeableConcept"]["coding"][0], "code"));
            }
        }
        list(patient, "name").for_each(|name| xpn(&mut pid, 5, name));
        let born = extension(&patient["_birthDate"], "patient-birthTime").map(|e| text(e, "valueDateTime"));
        pid.put(7, time(&born.unwrap_or_else(|| text(patient, "birthDate"))));
        source_text(&mut pid, 7, patient, "birthDate");
        coded(&mut pid, 8, patient, "gender", &maps::GENDER);
        list(patient, "address").for_each(|address| xad(&mut pid, 11, address));
        for contact in list(patient, "telecom") {
            let field = match contact["use"].as_str() {
                None => 40,
                Some("work") => 14,
                Some(_) => 13,
            };
            xtn(&mut pid, field, contact);
        }
        language(&mut pid, 15, patient);
        if patient["maritalStatus"].is_object() {
            mapped(&mut pid, 16, 1, &maps::MARITAL_STATUS, &patient["maritalStatus"], "marital-status");
        }
        match (&patient["multipleBirthBoolean"], &patient["multipleBirthInteger"]) {
            (Value::Bool(b), _) => pid.put(24, if *b { "Y" } else { "N" }),
            (_, Value::Number(n)) => {
                pid.put(24, "Y");
                pid.put(25, n.to_string());
            }
            _ => {}
        }
        if patient["deceasedDateTime"].is_string() {
            pid.put(29, time(&text(patient, "deceasedDateTime")));
            pid.put(30, "Y");
        }
        if let Some(dead) = patient["deceasedBoolean"].as_bool() {
            pid.put(30, if dead { "Y" } else { "N" });
        }
        source_text(&mut pid, 29, patient, "deceasedDateTime");
        said_of_person(&mut pid, &mut pd1, patient);
        for carer in list(patient, "generalPractitioner") {
            if let Some(practice) = self.target_of(carer, "Organization") {
                xon(&mut pd1, 3, practice, true);
            }
            if let Some(person) = self.target_of(carer, "Practitioner") {
                xcn(&mut pd1, 4, person);
            }
        }
        if list(&patient["meta"], "security").any(|s| s["code"] == "R") {
            pd1.put(12, "Y");
        }
        kept(patient, &mut [&mut pid, &mut pd1, &mut zu8]);
        self.out.push(pid);
        self.out.push(pd1);
        for team in self.all("CareTeam") {
            list(team, "participant").for_each(|one| self.role(one, &one["role"][0], "member"));
        }
        self.patient_notes();
        self.merged(patient);
        self.contacts();
        if !zu8.is_empty() {
            self.out.push(zu8);
        }
    }

    /// A ROL: someone's part in the care of the person, in a visit or a procedure.
    pub(super) fn role(&mut self, one: &'b Value, role: &Value, member: &str) {
        let Some(person) = self.target_of(&one[member], "Practitioner") else { return };
        let mut rol = Seg::new("ROL");
        concept(&mut rol, 3, 1, role, "ROL-3");
        xcn(&mut rol, 4, person);
        rol.put(5, time(&text(&one["period"], "start")));
        rol.put(6, time(&text(&one["period"], "end")));
        list(person, "address").for_each(|address| xad(&mut rol, 11, address));
        kept(one, &mut [&mut rol]);
        if !rol.says(2) {
            // Nothing is changed by telling it: HL7 table 0287.
            rol.put(2, "UC");
        }
        self.out.push(rol);
    }

    /// Notes about the patient, which are a Communication.
    fn patient_notes(&mut self) {
        for said in self.all("Communication") {
            for (at, payload) in list(said, "payload").enumerate() {
                let mut nte = Seg::new("NTE");
                nte.put(1, (at + 1).to_string());
                nte.put(3, text(payload, "contentString"));
                if let Some(person) = self.target_of(&said["sender"], "Practitioner") {
                    xcn(&mut nte, 5, person);
                }
                nte.put(6, time(&text(said, "sent")));
                kept(payload, &mut [&mut nte]);
                self.out.push(nte);
            }
        }
    }

    /// The records that this one replaces.
    fn merged(&mut self, patient: &'b Value) {
        for link in list(patient, "link").filter(|l| l["type"] == "replaces") {
            let Some(old) = self.target_of(&link["other"], "Patient") else { continue };
            let mut mrg = Seg::new("MRG");
            list(old, "identifier").for_each(|id| cx(&mut mrg, 1, id, "patient"));
            list(old, "name").for_each(|name| xpn(&mut mrg, 7, name));
            kept(old, &mut [&mut mrg]);
            self.out.push(mrg);
        }
    }

    fn contacts(&mut self) {
        for person in self.all("RelatedPerson") {
            let mut nk1 = self.numbered("NK1");
            list(person, "name").for_each(|name| {
                if name["family"].is_null() && name["given"].is_null() {
                    nk1.put(13, text(name, "text"));
                } else {
                    xpn(&mut nk1, 2, name);
                }
            });
            let roles = "http://terminology.hl7.org/CodeSystem/v2-0131";
            for relationship in list(person, "relationship") {
                if relationship["coding"][0]["system"] == roles {
                    concept(&mut nk1, 7, 1, relationship, "NK1-7");
                } else {
                    let rep = nk1.next(3);
                    mapped(&mut nk1, 3, rep, &maps::RELATIONSHIP, relationship, "relationship");
                }
            }
            list(person, "address").for_each(|address| xad(&mut nk1, 4, address));
            for contact in list(person, "telecom") {
                let field = match contact["use"].as_str() {
                    None => 40,
                    Some("work") => 6,
                    Some(_) => 5,
                };
                xtn(&mut nk1, field, contact);
            }
            nk1.put(8, time(&text(&person["period"], "start")));
            nk1.put(9, time(&text(&person["period"], "end")));
            coded(&mut nk1, 15, person, "gender", &maps::GENDER);
            nk1.put(16, time(&text(person, "birthDate")));
            language(&mut nk1, 20, person);
            for id in list(person, "identifier") {
                if local_name(&text(id, "system")) == Some("NK1-37") {
                    nk1.put(37, text(id, "value"));
                } else {
                    cx(&mut nk1, 33, id, "patient");
                }
            }
            kept(person, &mut [&mut nk1]);
            self.out.push(nk1);
        }
    }
}

/// A code by its table, or the source's own code that stands beside the empty element.
pub(super) fn coded(
    seg: &mut Seg,
    field: usize,
    resource: &Value,
    name: &str,
    map: &causeway_terminology::Map,
) {
    if let Some(code) = resource[name].as_str().and_then(|c| unmapped(map, None, c)) {
        seg.put(field, code);
    }
    if let Some(own) = extension(&resource[format!("_{name}")], "source-code") {
        seg.put(field, text(own, "valueString"));
    }
}

/// A text that stands beside an empty element because it could not be read as what it should be.
fn source_text(seg: &mut Seg, field: usize, resource: &Value, name: &str) {
    if let Some(own) = extension(&resource[format!("_{name}")], "source-text") {
        seg.put(field, text(own, "valueString"));
    }
}

fn language(seg: &mut Seg, field: usize, person: &Value) {
    let said = &person["communication"][0]["language"];
    if let Some(code) = said["coding"][0]["code"].as_str().and_then(|c| unmapped(&maps::LANGUAGE, None, c)) {
        seg.put(field, code);
        seg.comp(field, 2, text(said, "text"));
    }
}

/// The extensions of PID and PD1 that are FHIR's or UK Core's own.
fn said_of_person(pid: &mut Seg, pd1: &mut Seg, patient: &Value) {
    for found in list(patient, "extension") {
        let url = text(found, "url");
        let value = &found["valueCodeableConcept"];
        let code = || &list(found, "extension").find(|e| e["url"] == "code").unwrap_or(&Value::Null)["valueCodeableConcept"];
        match url.rsplit('/').next().unwrap_or_default() {
            "Extension-UKCore-EthnicCategory" => {
                mapped(pid, 22, 1, &maps::ETHNIC_CATEGORY, value, "ethnic-category");
            }
            "patient-mothersMaidenName" => pid.put(6, text(found, "valueString")),
            "patient-religion" => concept(pid, 17, 1, value, "religion"),
            "patient-birthPlace" => pid.put(23, text(&found["valueAddress"], "text")),
            "patient-citizenship" => concept(pid, 26, 1, code(), "citizenship"),
            "patient-nationality" => concept(pid, 28, 1, code(), "nationality"),
            "patient-disability" => concept(pd1, 6, 1, value, "PD1-6"),
            "patient-congregation" => pd1.put(14, text(found, "valueString")),
            "patient-animal" => {
                for part in list(found, "extension") {
                    let field = if part["url"] == "species" { 35 } else { 36 };
                    concept(pid, field, 1, &part["valueCodeableConcept"], &format!("PID-{field}"));
                }
            }
            _ => {}
        }
    }
}
