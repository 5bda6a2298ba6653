//! AL1, IAM, DG1, PR1, and results of a patient without an order.

use serde_json::Value;

use super::segment::Seg;
use super::types::{concept, ei, extension, list, text, time, xcn};
use super::visit::pl;
use super::{Writer, kept};

impl<'b> Writer<'b> {
    /// What an ADT message says of the patient's health.
    pub(super) fn clinical(&mut self) {
        for result in self.all("Observation") {
            self.result(result, &Value::Null);
        }
        for allergy in self.all("AllergyIntolerance") {
            self.allergy(allergy);
        }
        let encounter = self.all("Encounter").first().copied();
        for condition in self.all("Condition") {
            self.diagnosis(condition, encounter);
        }
        for procedure in self.all("Procedure") {
            self.procedure(procedure);
        }
    }

    /// An allergy as AL1; what AL1 has no place for (doubt, refutation, kind, number) as IAM.
    fn allergy(&mut self, allergy: &'b Value) {
        let iam = ["verificationStatus", "type", "identifier", "recordedDate", "asserter", "onsetString"]
            .iter()
            .any(|name| !allergy[*name].is_null());
        let mut seg = self.numbered(if iam { "IAM" } else { "AL1" });
        let category = match allergy["category"][0].as_str() {
            Some("medication") => "DA",
            Some("food") => "FA",
            Some("environment") => "EA",
            _ => "",
        };
        seg.put(2, category);
        concept(&mut seg, 3, 1, &allergy["code"], if iam { "IAM-3" } else { "AL1-3" });
        let reaction = &allergy["reaction"][0];
        let severity = match reaction["severity"].as_str() {
            Some("severe") => "SV",
            Some("moderate") => "MO",
            Some("mild") => "MI",
            _ => "",
        };
        seg.put(4, severity);
        for (at, manifestation) in list(reaction, "manifestation").enumerate() {
            let words = text(manifestation, "text");
            let words = if words.is_empty() { text(&manifestation["coding"][0], "display") } else { words };
            seg.at(5, at + 1, 1, 1, words);
        }
        let onset = time(&text(allergy, "onsetDateTime"));
        if iam {
            list(allergy, "identifier").take(1).for_each(|id| ei(&mut seg, 7, 1, id, "allergy"));
            let kind = match allergy["type"].as_str() {
                Some("allergy") => "AL",
                Some("intolerance") => "IN",
                _ => "",
            };
            seg.put(6, "A");
            seg.put(9, kind);
            seg.put(11, onset);
            seg.put(12, text(allergy, "onsetString"));
            let status = match allergy["verificationStatus"]["coding"][0]["code"].as_str() {
                Some("entered-in-error") => "E",
                Some("confirmed") => "C",
                Some("unconfirmed") => "U",
                Some("refuted") => "D",
                _ => "",
            };
            seg.put(17, status);
            if let Some(person) = self.target_of(&allergy["asserter"], "Practitioner") {
                xcn(&mut seg, 18, person);
            }
            seg.put(20, time(&text(allergy, "recordedDate")));
        } else {
            seg.put(6, onset);
        }
        kept(allergy, &mut [&mut seg]);
        self.out.push(seg);
        self.notes(allergy);
    }

    fn diagnosis(&mut self, condition: &'b Value, encounter: Option<&'b Value>) {
        let mut dg1 = self.numbered("DG1");
        coded_words(&mut dg1, &condition["code"], "DG1-3");
        let id = text(condition, "id");
        let of_visit = encounter.and_then(|e| {
            list(e, "diagnosis").find(|d| self.target(&d["condition"]).is_some_and(|c| text(c, "id") == id))
        });
        let admission = of_visit.is_some_and(|d| d["use"]["coding"][0]["code"] == "AD");
        match condition["verificationStatus"]["coding"][0]["code"].as_str() {
            Some("confirmed") => dg1.put(6, "F"),
            Some("provisional") => dg1.put(6, if admission { "A" } else { "W" }),
            Some("entered-in-error") => dg1.put(21, "D"),
            _ => {}
        }
        if let Some(own) = extension(condition, "source-code") {
            dg1.put(6, text(own, "valueString"));
        }
        if let Some(asserted) = extension(condition, "condition-assertedDate") {
            dg1.put(5, time(&text(asserted, "valueDateTime")));
        }
        if let Some(of_visit) = of_visit {
            dg1.put(15, text(of_visit, "rank"));
        }
        if let Some(person) = self.target_of(&condition["asserter"], "Practitioner") {
            xcn(&mut dg1, 16, person);
        }
        for more in list(condition, "extension") {
            if more["url"].as_str().is_some_and(|u| u.ends_with("/further-asserter"))
                && let Some(person) = self.target_of(&more["valueReference"], "Practitioner")
            {
                xcn(&mut dg1, 16, person);
            }
        }
        dg1.put(19, time(&text(condition, "recordedDate")));
        list(condition, "identifier").take(1).for_each(|id| ei(&mut dg1, 20, 1, id, "diagnosis"));
        if let Some(cause) = extension(condition, "condition-dueTo") {
            ei(&mut dg1, 22, 1, &cause["valueReference"]["identifier"], "diagnosis");
        }
        kept(condition, &mut [&mut dg1]);
        self.out.push(dg1);
        self.notes(condition);
    }

    fn procedure(&mut self, procedure: &'b Value) {
        let mut pr1 = self.numbered("PR1");
        coded_words(&mut pr1, &procedure["code"], "PR1-3");
        let period = &procedure["performedPeriod"];
        let start = text(period, "start");
        pr1.put(
            5,
            time(if start.is_empty() {
                procedure["performedDateTime"].as_str().unwrap_or_default()
            } else {
                &start
            }),
        );
        if let (Ok(from), Ok(to)) =
            (start.parse::<jiff::Timestamp>(), text(period, "end").parse::<jiff::Timestamp>())
        {
            pr1.put(7, ((to.as_second() - from.as_second()) / 60).to_string());
        }
        concept(&mut pr1, 6, 1, &procedure["category"], "PR1-6");
        let mut roles = Vec::new();
        for performer in list(procedure, "performer") {
            let Some(person) = self.target_of(&performer["actor"], "Practitioner") else { continue };
            let field = match performer["function"]["text"].as_str() {
                Some("anaesthetist") => 8,
                Some("surgeon") => 11,
                Some("procedure practitioner") => 12,
                _ => {
                    roles.push(performer);
                    continue;
                }
            };
            xcn(&mut pr1, field, person);
        }
        concept(&mut pr1, 15, 1, &procedure["reasonCode"][0], "PR1-15");
        list(procedure, "identifier").take(1).for_each(|id| ei(&mut pr1, 19, 1, id, "procedure"));
        if procedure["status"] == "entered-in-error" {
            pr1.put(20, "D");
        }
        if let Some(place) = self.target_of(&procedure["location"], "Location") {
            pl(&mut pr1, 23, place);
        }
        ei(&mut pr1, 25, 1, &procedure["partOf"][0]["identifier"], "procedure");
        kept(procedure, &mut [&mut pr1]);
        self.out.push(pr1);
        self.notes(procedure);
        for one in roles {
            self.role(one, &one["function"], "actor");
        }
    }
}

/// The code in field 3, its words in field 4.
fn coded_words(seg: &mut Seg, code: &Value, own: &str) {
    concept(seg, 3, 1, code, own);
}
