//! PV1, PV2.

use serde_json::Value;

use super::segment::Seg;
use super::types::{
    authority, concept, extension, kept_parts, list, local_name, mapped, text, time, unmapped, xcn,
};
use super::{Writer, kept};
use crate::maps;

impl<'b> Writer<'b> {
    /// The visit; where there is none, a PV1 that says so, if the message must have one.
    pub(super) fn visit(&mut self, encounter: Option<&'b Value>, required: bool) {
        let mut pv1 = Seg::new("PV1");
        pv1.put(1, "1");
        let Some(encounter) = encounter else {
            if required {
                pv1.put(2, "N");
                self.out.push(pv1);
            }
            return;
        };
        let mut pv2 = Seg::new("PV2");
        let class = &encounter["class"];
        let known =
            class["code"].as_str().and_then(|c| unmapped(&maps::PATIENT_CLASS, class["system"].as_str(), c));
        match (known, text(class, "code")) {
            (Some(code), _) => pv1.put(2, code),
            (None, code) if code == "UNK" => {}
            (None, code) => pv1.put(2, if code.is_empty() { text(class, "display") } else { code }),
        }
        for place in list(encounter, "location") {
            let Some(location) = self.target_of(&place["location"], "Location") else { continue };
            let field = match place["status"].as_str() {
                Some("completed") => 6,
                Some("planned") => 42,
                _ if pv1.says(3) => 11,
                _ => 3,
            };
            if !pv1.says(field) {
                pl(&mut pv1, field, location);
            }
        }
        let mut roles = Vec::new();
        for participant in list(encounter, "participant") {
            let Some(person) = self.target_of(&participant["individual"], "Practitioner") else { continue };
            let field = match participant["type"][0]["coding"][0]["code"].as_str() {
                Some("ATND") => 7,
                Some("REF") => 8,
                Some("CON") => 9,
                Some("ADM") => 17,
                Some("PART") => 52,
                _ => {
                    roles.push(participant);
                    continue;
                }
            };
            xcn(&mut pv1, field, person);
        }
        if encounter["serviceType"].is_object() {
            mapped(&mut pv1, 10, 1, &maps::TREATMENT_FUNCTION, &encounter["serviceType"], "PV1-10");
        }
        let mut fields = [4, 18].into_iter();
        let of_stay = &encounter["hospitalization"];
        let method = extension(of_stay, "AdmissionMethod")
            .and_then(|e| e["valueCodeableConcept"]["coding"][0]["code"].as_str())
            .and_then(|code| unmapped(&maps::ADMISSION_METHOD, None, code));
        if let Some(code) = method {
            pv1.put(4, code);
            fields.next();
        }
        for kind in list(encounter, "type") {
            let own =
                list(kind, "coding").find_map(|c| local_name(c["system"].as_str()?)).unwrap_or_default();
            let field = if own == "PV1-18" { Some(18) } else { fields.next() };
            if let Some(field) = field.filter(|f| !pv1.says(*f)) {
                concept(&mut pv1, field, 1, kind, &format!("PV1-{field}"));
            }
        }
        stay(&mut pv1, encounter);
        identifiers(&mut pv1, encounter);
        pv1.put(44, time(&text(&encounter["period"], "start")));
        pv1.put(45, time(&text(&encounter["period"], "end")));
        for reason in list(encounter, "reasonCode") {
            if reason["coding"].is_array() && !pv2.says(3) {
                concept(&mut pv2, 3, 1, reason, "PV2-3");
            } else if !pv2.says(12) {
                pv2.put(12, text(reason, "text"));
            }
        }
        if encounter["length"]["code"] == "d" {
            pv2.put(11, text(&encounter["length"], "value"));
        }
        concept(&mut pv2, 25, 1, &encounter["priority"], "PV2-25");
        if let Some(arrival) = extension(encounter, "encounter-modeOfArrival") {
            let coding = &arrival["valueCoding"];
            let code = text(coding, "code");
            pv2.comp(38, if code.is_empty() { 1 } else { 2 }, text(coding, "display"));
            pv2.put(38, code);
        }
        if list(&encounter["meta"], "security").any(|s| s["code"] == "R") {
            pv2.put(22, "Y");
        }
        let mut more = ["ZU1", "ZU3", "ZU4", "ZU6"].map(Seg::new);
        let mut segments: Vec<&mut Seg> = vec![&mut pv1, &mut pv2];
        segments.extend(more.iter_mut());
        kept(encounter, &mut segments);
        self.out.push(pv1);
        self.out.push(pv2);
        for one in roles {
            self.role(one, &one["type"][0], "individual");
        }
        self.out.extend(more.into_iter().filter(|seg| !seg.is_empty() || seg.says(1)));
    }
}

/// A place as a PL. Its name stands where a ward's does: which of its words is the bed is not known any more.
pub(super) fn pl(seg: &mut Seg, field: usize, location: &Value) {
    seg.put(field, text(location, "name"));
    seg.comp(field, 9, text(location, "description"));
    if field == 3 {
        seg.put(40, text(&location["operationalStatus"], "code"));
    }
    kept_parts(seg, field, 1, location);
}

fn stay(pv1: &mut Seg, encounter: &Value) {
    let stay = &encounter["hospitalization"];
    if stay["admitSource"].is_object() {
        mapped(pv1, 14, 1, &maps::ADMISSION_SOURCE, &stay["admitSource"], "PV1-14");
    }
    let again = &stay["reAdmission"];
    if again["coding"][0]["system"].as_str().is_some_and(|s| s.ends_with("v2-0092")) {
        pv1.put(13, text(&again["coding"][0], "code"));
    } else {
        concept(pv1, 13, 1, again, "PV1-13");
    }
    for (name, field) in [("specialArrangement", 15), ("specialCourtesy", 16), ("dietPreference", 38)] {
        for value in list(stay, name) {
            let rep = pv1.next(field);
            concept(pv1, field, rep, value, &format!("PV1-{field}"));
        }
    }
    if let Some(method) = extension(encounter, "DischargeMethod") {
        mapped(pv1, 36, 1, &maps::DISCHARGE_METHOD, &method["valueCodeableConcept"], "PV1-36");
    }
    if stay["dischargeDisposition"].is_object() {
        mapped(pv1, 37, 1, &maps::DISCHARGE_DESTINATION, &stay["dischargeDisposition"], "PV1-37");
    }
}

fn identifiers(pv1: &mut Seg, encounter: &Value) {
    for id in list(encounter, "identifier") {
        let system = text(id, "system");
        let visit = id["type"]["coding"][0]["code"] == "VN" || !pv1.says(19) && local_name(&system).is_none();
        let field = match local_name(&system) {
            Some("pre-admission") => 5,
            _ if visit => 19,
            _ => 50,
        };
        let rep = pv1.next(field);
        pv1.at(field, rep, 1, 1, text(id, "value"));
        authority(pv1, (field, rep, 4), &system, if field == 5 { "pre-admission" } else { "visit" });
        pv1.at(field, rep, 5, 1, text(&id["type"], "text"));
    }
}
