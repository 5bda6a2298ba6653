//! ORC, OBR, TQ1, SPM, OBX, NTE.

use serde_json::Value;

use super::document::attachment;
use super::patient::coded;
use super::segment::Seg;
use super::types::{
    authority, concept, cx, ei, extension, list, local_name, mapped, oid_of, text, time, xcn, xon,
};
use super::{Writer, kept};
use crate::maps;

const CONTROL: &str = "http://terminology.hl7.org/CodeSystem/v2-0119";
const PROTECTION: &str = "http://terminology.hl7.org/CodeSystem/v2-0177";

impl<'b> Writer<'b> {
    /// The orders of the bundle: with their results where the message reports, else as they were asked for.
    pub(super) fn orders(&mut self, reports: bool) {
        let mut told: Vec<String> = Vec::new();
        let groups: Vec<(&Value, &Value)> = if reports {
            let of = |r: &'b Value| {
                (
                    list(r, "basedOn")
                        .find_map(|b| self.target_of(b, "ServiceRequest"))
                        .unwrap_or(&Value::Null),
                    r,
                )
            };
            self.all("DiagnosticReport").into_iter().map(of).collect()
        } else {
            self.all("ServiceRequest").into_iter().map(|r| (r, &Value::Null)).collect()
        };
        for (request, report) in &groups {
            let holder = if report.is_null() { request } else { report };
            let name = if report.is_null() { "supportingInfo" } else { "result" };
            told.extend(list(holder, name).filter_map(|r| r["reference"].as_str()).map(str::to_owned));
        }
        // What belongs to no order stands before them: of the patient.
        for result in self.all("Observation") {
            if !told.iter().any(|t| self.by_url.get(t).is_some_and(|r| std::ptr::eq(*r, result)))
                && !self.is_member(result)
            {
                self.result(result, &Value::Null);
            }
        }
        for (request, report) in groups {
            self.order(request, report);
        }
    }

    /// Whether another result heads this one.
    fn is_member(&self, result: &Value) -> bool {
        self.all("Observation")
            .into_iter()
            .any(|o| list(o, "hasMember").any(|m| self.target(m).is_some_and(|r| std::ptr::eq(r, result))))
    }

    fn order(&mut self, request: &'b Value, report: &'b Value) {
        let mut orc = Seg::new("ORC");
        let mut obr = self.numbered("OBR");
        let mut tq1 = Seg::new("TQ1");
        let main = if report.is_null() { request } else { report };
        for id in list(request, "identifier").chain(list(report, "identifier")) {
            let (field, own) = match id["type"]["coding"][0]["code"].as_str() {
                Some("FILL") => (3, "filler"),
                Some("PLAC") if local_name(&text(id, "system")) == Some("alternate-placer") => {
                    (53, "alternate-placer")
                }
                Some("PLAC")
                    if obr.says(2)
                        && !report["identifier"].as_array().is_some_and(|all| all.contains(id)) =>
                {
                    (53, "alternate-placer")
                }
                Some("PLAC") => (2, "placer"),
                _ if obr.says(3) => continue,
                _ => (3, "filler"),
            };
            if !obr.says(field) {
                ei(&mut obr, field, 1, id, own);
                if field != 53 {
                    ei(&mut orc, field, 1, id, own);
                }
            }
        }
        let code = if request["code"].is_object() { &request["code"] } else { &main["code"] };
        if code["text"] != "not stated" {
            concept(&mut obr, 4, 1, code, "OBR-4");
        }
        if request["intent"] == "reflex-order" {
            obr.put(11, "G");
        }
        self.asked(&mut orc, &mut obr, &mut tq1, request);
        reported(&mut obr, report);
        self.people_of_report(&mut obr, report);
        let mut segments = [&mut orc, &mut obr, &mut tq1];
        kept(request, &mut segments);
        kept(report, &mut segments);
        let specimens: Vec<&Value> =
            list(main, "specimen").filter_map(|s| self.target_of(s, "Specimen")).collect();
        for specimen in &specimens {
            kept(specimen, &mut [&mut obr]);
            if let Some(person) = self.target_of(&specimen["collection"]["collector"], "Practitioner")
                && !obr.says(10)
            {
                xcn(&mut obr, 10, person);
            }
        }
        if !orc.says(1) {
            orc.put(1, if report.is_null() { "NW" } else { "RE" });
        }
        self.out.push(orc);
        if !tq1.is_empty() && report.is_null() {
            self.out.push(tq1.clone());
        }
        self.out.push(obr);
        self.notes(request);
        if !tq1.is_empty() && !report.is_null() {
            self.out.push(tq1);
        }
        let name = if report.is_null() { "supportingInfo" } else { "result" };
        let mut results: Vec<&'b Value> = Vec::new();
        for result in list(main, name).filter_map(|r| self.target(r)) {
            self.with_members(result, &mut results, 0);
        }
        let groups = self.groups(&results);
        for (result, group) in results.iter().zip(groups) {
            if result["resourceType"] == "Observation" {
                self.grouped_result(result, report, group);
            } else {
                self.result_document(result);
            }
        }
        for form in list(report, "presentedForm") {
            let document = form["url"].as_str().and_then(|url| self.by_url.get(url).copied());
            match document.filter(|d| d["resourceType"] == "DocumentReference") {
                Some(document) => self.result_document(document),
                None => {
                    let mut obx = self.numbered("OBX");
                    concept(&mut obx, 3, 1, &report["code"], "OBX-3");
                    attachment(&mut obx, form);
                    obx.put(11, "F");
                    self.out.push(obx);
                }
            }
        }
        for specimen in specimens {
            self.specimen(specimen);
        }
    }

    fn with_members(&self, result: &'b Value, out: &mut Vec<&'b Value>, depth: usize) {
        if depth > 8 || out.iter().any(|known| std::ptr::eq(*known, result)) {
            return;
        }
        out.push(result);
        for member in list(result, "hasMember").filter_map(|m| self.target_of(m, "Observation")) {
            self.with_members(member, out, depth + 1);
        }
    }

    /// Sub-ids for results that head others and have none of their own: `1` heads `1.1`, `1.2`.
    fn groups(&self, results: &[&'b Value]) -> Vec<String> {
        let own = |r: &Value| {
            list(r, "extension").any(|e| list(e, "extension").any(|p| p["valueString"] == "OBX-4"))
        };
        let mut ids = vec![String::new(); results.len()];
        if results.iter().any(|r| own(r)) {
            return ids;
        }
        let mut heads = 0;
        for at in 0..results.len() {
            let Some(result) = results.get(at) else { continue };
            let members: Vec<&Value> = list(result, "hasMember").filter_map(|m| self.target(m)).collect();
            if members.is_empty() {
                continue;
            }
            if ids.get(at).is_some_and(String::is_empty) {
                heads += 1;
                if let Some(id) = ids.get_mut(at) {
                    *id = heads.to_string();
                }
            }
            let head = ids.get(at).cloned().unwrap_or_default();
            for (n, member) in members.iter().enumerate() {
                if let Some(place) = results.iter().position(|r| std::ptr::eq(*r, *member))
                    && let Some(id) = ids.get_mut(place).filter(|id| id.is_empty())
                {
                    *id = format!("{head}.{}", n + 1);
                }
            }
        }
        ids
    }

    fn asked(&mut self, orc: &mut Seg, obr: &mut Seg, tq1: &mut Seg, request: &'b Value) {
        if request.is_null() {
            return;
        }
        if let Some(order) = self.all("Provenance").into_iter().find(|p| {
            !p["entity"].is_array()
                && list(p, "target").any(|t| self.target(t).is_some_and(|r| std::ptr::eq(r, request)))
                && p["activity"]["text"] != Value::Null
                || list(p, "target").any(|t| self.target(t).is_some_and(|r| std::ptr::eq(r, request)))
                    && p["activity"]["coding"][0]["system"] == CONTROL
        }) {
            orc.put(1, text(&order["activity"]["coding"][0], "code"));
            for agent in list(order, "agent") {
                let field = match agent["type"]["coding"][0]["code"].as_str() {
                    Some("enterer") => 10,
                    Some("verifier") => 11,
                    Some("performer") => 19,
                    _ => continue,
                };
                if let Some(person) = self.target_of(&agent["who"], "Practitioner") {
                    xcn(orc, field, person);
                }
            }
        }
        ei(orc, 4, 1, &request["requisition"], "placer-group");
        coded(orc, 5, request, "status", &maps::ORDER_STATUS);
        for (at, based) in list(request, "basedOn").take(2).enumerate() {
            let other = self.target_of(based, "ServiceRequest");
            match other {
                Some(other) => {
                    for id in list(other, "identifier") {
                        let half = if id["type"]["coding"][0]["code"] == "FILL" { 2 } else { 1 };
                        eip(obr, 29, half, id, if half == 2 { "filler" } else { "placer" });
                    }
                }
                None => eip(obr, 29, at + 1, &based["identifier"], if at == 0 { "placer" } else { "filler" }),
            }
        }
        orc.put(9, time(&text(request, "authoredOn")));
        let role = self.target_of(&request["requester"], "PractitionerRole");
        let person = match role {
            Some(role) => self.target_of(&role["practitioner"], "Practitioner"),
            None => self.target_of(&request["requester"], "Practitioner"),
        };
        if let Some(person) = person {
            xcn(obr, 16, person);
        }
        if let Some(organisation) = role.and_then(|r| self.target_of(&r["organization"], "Organization")) {
            xon(orc, 21, organisation, true);
        }
        if let Some(reason) = extension(request, "request-statusReason") {
            concept(orc, 16, 1, &reason["valueCodeableConcept"], "ORC-16");
        }
        let labels: Vec<&Value> = list(&request["meta"], "security").collect();
        let own = labels.iter().find(|l| l["system"] == PROTECTION).map(|l| text(l, "code"));
        let general = labels.iter().find_map(|l| match l["code"].as_str() {
            Some("V") => Some("V"),
            Some("R") => Some("R"),
            Some("N") => Some("U"),
            _ => None,
        });
        orc.put(28, own.unwrap_or_else(|| general.unwrap_or_default().to_owned()));
        concept(orc, 29, 1, &request["locationCode"][0], "ORC-29");
        for (at, reason) in list(request, "reasonCode").enumerate() {
            concept(obr, 31, at + 1, reason, "OBR-31");
        }
        for detail in list(request, "orderDetail") {
            let own =
                list(detail, "coding").find_map(|c| local_name(c["system"].as_str()?)).unwrap_or_default();
            let field = if own == "OBR-47" { 47 } else { 46 };
            let rep = obr.next(field);
            concept(obr, field, rep, detail, &format!("OBR-{field}"));
        }
        for copy in list(request, "extension") {
            if copy["url"].as_str().is_some_and(|u| u.ends_with("/copy-to"))
                && let Some(person) = self.target_of(&copy["valueReference"], "Practitioner")
            {
                xcn(obr, 28, person);
            }
        }
        let priority = match request["priority"].as_str() {
            Some("stat") => "S",
            Some("asap") => "A",
            Some("routine") => "R",
            Some("urgent") => "U",
            _ => "",
        };
        tq1.put(9, priority);
        if let Some(own) = extension(&request["_priority"], "source-code") {
            tq1.put(9, text(own, "valueString"));
        }
        let timing = &request["occurrenceTiming"];
        let bounds = &timing["repeat"]["boundsPeriod"];
        let period = if bounds.is_object() { bounds } else { &request["occurrencePeriod"] };
        tq1.put(7, time(&text(period, "start")));
        tq1.put(8, time(&text(period, "end")));
        tq1.put(11, text(&timing["code"], "text"));
        obr.put(6, time(&text(request, "occurrenceDateTime")));
    }

    fn people_of_report(&self, obr: &mut Seg, report: &Value) {
        for performer in list(report, "performer") {
            let field = match performer["display"].as_str() {
                Some("technician") => 34,
                Some("transcriptionist") => 35,
                _ => continue,
            };
            if let Some(person) = self.target_of(performer, "Practitioner") {
                ndl(obr, field, person);
            }
        }
        for interpreter in list(report, "resultsInterpreter") {
            if let Some(person) = self.target_of(interpreter, "Practitioner") {
                ndl(obr, 32, person);
            }
        }
    }

    /// A result on its own.
    pub(super) fn result(&mut self, result: &'b Value, report: &Value) {
        self.grouped_result(result, report, String::new());
    }

    fn grouped_result(&mut self, result: &'b Value, report: &Value, group: String) {
        let mut obx = self.numbered("OBX");
        concept(&mut obx, 3, 1, &result["code"], "OBX-3");
        value(&mut obx, 1, result);
        let mut others = Vec::new();
        for component in list(result, "component") {
            if component["code"] == result["code"] {
                let rep = obx.next(5);
                value(&mut obx, rep, component);
            } else {
                others.push(component);
            }
        }
        let range = &result["referenceRange"][0];
        obx.put(7, range_words(range));
        for (at, flag) in list(result, "interpretation").enumerate() {
            mapped(&mut obx, 8, at + 1, &maps::ABNORMAL_FLAG, flag, "OBX-8");
        }
        coded(&mut obx, 11, result, "status", &maps::OBSERVATION_STATUS);
        let period = &result["effectivePeriod"];
        if period.is_null() || *period != report["effectivePeriod"] {
            let at = text(result, "effectiveDateTime");
            obx.put(14, time(if at.is_empty() { period["start"].as_str().unwrap_or_default() } else { &at }));
        }
        for performer in list(result, "performer") {
            if let Some(person) = self.target_of(performer, "Practitioner") {
                xcn(&mut obx, 16, person);
            } else if let Some(organisation) = self.target_of(performer, "Organization") {
                if !obx.says(23) {
                    xon(&mut obx, 23, organisation, false);
                }
            } else {
                obx.comp(15, 2, text(performer, "display"));
            }
        }
        concept(&mut obx, 17, 1, &result["method"], "OBX-17");
        ei(&mut obx, 18, 1, &result["device"]["identifier"], "device");
        concept(&mut obx, 20, 1, &result["bodySite"], "OBX-20");
        for (at, id) in list(result, "identifier").enumerate() {
            ei(&mut obx, 21, at + 1, id, "observation");
        }
        obx.put(4, group.clone());
        kept(result, &mut [&mut obx]);
        if obx.says(5) && !obx.says(2) {
            obx.put(2, "ST");
        }
        if !obx.says(4) && !others.is_empty() {
            let number = self.numbers.get("OBX").copied().unwrap_or(1);
            obx.put(4, number.to_string());
        }
        let mut parts = Vec::new();
        let mut head = String::new();
        if !others.is_empty() {
            let mut line = String::new();
            obx.write(&mut line);
            head = line.split('|').nth(4).unwrap_or_default().to_owned();
        }
        for (at, component) in others.into_iter().enumerate() {
            let mut part = self.numbered("OBX");
            concept(&mut part, 3, 1, &component["code"], "OBX-3");
            part.put(4, format!("{head}.{}", at + 1));
            value(&mut part, 1, component);
            coded(&mut part, 11, result, "status", &maps::OBSERVATION_STATUS);
            parts.push(part);
        }
        self.out.push(obx);
        self.notes(result);
        self.out.extend(parts);
    }

    fn specimen(&mut self, specimen: &'b Value) {
        let mut spm = self.numbered("SPM");
        for id in list(specimen, "identifier") {
            match id["type"]["coding"][0]["code"].as_str() {
                Some("FILL") => eip(&mut spm, 2, 2, id, "specimen"),
                Some("PLAC") => eip(&mut spm, 2, 1, id, "specimen"),
                _ if local_name(&text(id, "system")) == Some("shipment") => {
                    ei(&mut spm, 32, 1, id, "shipment")
                }
                _ => cx(&mut spm, 31, id, "patient"),
            }
        }
        let accession = &specimen["accessionIdentifier"];
        if accession.is_object() {
            spm.put(30, text(accession, "value"));
            authority(&mut spm, (30, 1, 4), &text(accession, "system"), "accession");
        }
        match specimen["status"].as_str() {
            Some("available") => spm.put(20, "Y"),
            Some("unavailable") => spm.put(20, "N"),
            _ => {}
        }
        concept(&mut spm, 4, 1, &specimen["type"], "SPM-4");
        for (at, parent) in list(specimen, "parent").enumerate() {
            eip(&mut spm, 3, at % 2 + 1, &parent["identifier"], "specimen");
        }
        let taken = &specimen["collection"];
        spm.put(17, time(&text(taken, "collectedDateTime")));
        spm.put(17, time(&text(&taken["collectedPeriod"], "start")));
        spm.comp(17, 2, time(&text(&taken["collectedPeriod"], "end")));
        spm.put(18, time(&text(specimen, "receivedTime")));
        let quantity = &taken["quantity"];
        spm.put(12, text(quantity, "value"));
        let code = text(quantity, "code");
        spm.at(12, 1, 2, 1, if code.is_empty() { text(quantity, "unit") } else { code });
        spm.at(12, 1, 2, 2, text(quantity, "unit"));
        concept(&mut spm, 7, 1, &taken["method"], "SPM-7");
        concept(&mut spm, 8, 1, &taken["bodySite"], "SPM-8");
        let container = &specimen["container"][0];
        concept(&mut spm, 27, 1, &container["type"], "SPM-27");
        concept(&mut spm, 6, 1, &container["additiveCodeableConcept"], "SPM-6");
        for (at, condition) in list(specimen, "condition").enumerate() {
            concept(&mut spm, 24, at + 1, condition, "SPM-24");
        }
        kept(specimen, &mut [&mut spm]);
        self.out.push(spm);
        self.notes(specimen);
    }
}

fn reported(obr: &mut Seg, report: &Value) {
    if report.is_null() {
        return;
    }
    obr.put(7, time(&text(report, "effectiveDateTime")));
    obr.put(7, time(&text(&report["effectivePeriod"], "start")));
    obr.put(8, time(&text(&report["effectivePeriod"], "end")));
    obr.put(22, time(&text(report, "issued")));
    let section = &report["category"][0];
    if section["coding"][0]["system"].as_str().is_some_and(|s| s.ends_with("v2-0074")) {
        obr.put(24, text(&section["coding"][0], "code"));
    } else {
        concept(obr, 24, 1, section, "OBR-24");
    }
    coded(obr, 25, report, "status", &maps::REPORT_STATUS);
}

/// A half of an EIP: an EI in the subcomponents of a component.
fn eip(seg: &mut Seg, field: usize, half: usize, id: &Value, own: &str) {
    let system = text(id, "system");
    seg.at(field, 1, half, 1, text(id, "value"));
    if let Some(name) = local_name(&system) {
        seg.at(field, 1, half, 2, if name == own { "" } else { name });
    } else if let Some(oid) = oid_of(&system) {
        seg.at(field, 1, half, 3, oid);
        seg.at(field, 1, half, 4, "ISO");
    } else if !system.is_empty() {
        seg.at(field, 1, half, 3, system);
        seg.at(field, 1, half, 4, "URI");
    }
}

/// A person as an NDL: a CNN in the subcomponents of the first component.
fn ndl(seg: &mut Seg, field: usize, person: &Value) {
    let rep = seg.next(field);
    seg.at(field, rep, 1, 1, text(&person["identifier"][0], "value"));
    let name = &person["name"][0];
    let part = |member: &str, at: usize| name[member][at].as_str().unwrap_or_default().to_owned();
    seg.at(field, rep, 1, 2, text(name, "family"));
    for (member, at, sub) in
        [("given", 0, 3), ("given", 1, 4), ("suffix", 0, 5), ("prefix", 0, 6), ("suffix", 1, 7)]
    {
        seg.at(field, rep, 1, sub, part(member, at));
    }
}

/// The words of a range; where it has none, its bounds as laboratories write them.
fn range_words(range: &Value) -> String {
    let words = text(range, "text");
    let (low, high) = (text(&range["low"], "value"), text(&range["high"], "value"));
    match (words.is_empty(), low.is_empty(), high.is_empty()) {
        (false, _, _) => words,
        (true, false, false) => format!("{low}-{high}"),
        (true, false, true) => format!(">={low}"),
        (true, true, false) => format!("<={high}"),
        (true, true, true) => String::new(),
    }
}

/// A value with its type in OBX-2 and its unit in OBX-6.
fn value(obx: &mut Seg, rep: usize, of: &Value) {
    let kind = if let Some(quantity) = of.get("valueQuantity") {
        unit(obx, quantity);
        let number = text(quantity, "value");
        match quantity["comparator"].as_str() {
            Some(sign) => {
                obx.at(5, rep, 1, 1, sign);
                obx.at(5, rep, 2, 1, number);
                "SN"
            }
            None => {
                obx.at(5, rep, 1, 1, number);
                "NM"
            }
        }
    } else if let Some(range) = of.get("valueRange") {
        unit(obx, &range["low"]);
        obx.at(5, rep, 2, 1, text(&range["low"], "value"));
        obx.at(5, rep, 3, 1, "-");
        obx.at(5, rep, 4, 1, text(&range["high"], "value"));
        "SN"
    } else if let Some(ratio) = of.get("valueRatio") {
        obx.at(5, rep, 2, 1, text(&ratio["numerator"], "value"));
        obx.at(5, rep, 3, 1, ":");
        obx.at(5, rep, 4, 1, text(&ratio["denominator"], "value"));
        "SN"
    } else if let Some(coded) = of.get("valueCodeableConcept") {
        concept(obx, 5, rep, coded, "OBX-5");
        "CWE"
    } else if of["valueDateTime"].is_string() {
        obx.at(5, rep, 1, 1, time(&text(of, "valueDateTime")));
        "TS"
    } else if of["valueTime"].is_string() {
        obx.at(5, rep, 1, 1, text(of, "valueTime").replace(':', ""));
        "TM"
    } else if let Some(period) = of.get("valuePeriod") {
        obx.at(5, rep, 1, 1, time(&text(period, "start")));
        obx.at(5, rep, 2, 1, time(&text(period, "end")));
        "DR"
    } else if of["valueInteger"].is_number() {
        obx.at(5, rep, 1, 1, text(of, "valueInteger"));
        "NM"
    } else if let Some(said) = of["valueBoolean"].as_bool() {
        obx.at(5, rep, 1, 1, if said { "true" } else { "false" });
        "ST"
    } else if of["valueString"].is_string() {
        let words = text(of, "valueString");
        let kind = if words.contains('\n') || words.len() > 199 { "TX" } else { "ST" };
        obx.at(5, rep, 1, 1, words);
        kind
    } else {
        return;
    };
    obx.put(2, kind);
}

fn unit(obx: &mut Seg, quantity: &Value) {
    let (words, code, system) = (text(quantity, "unit"), text(quantity, "code"), text(quantity, "system"));
    if code.is_empty() {
        obx.put(6, words);
        return;
    }
    // The sender's own way of writing, where the code is known by it.
    if system == causeway_fhir::systems::UCUM
        && causeway_terminology::ucum::ucum(&words) == Some(code.as_str())
    {
        obx.put(6, words);
        return;
    }
    obx.put(6, code);
    obx.comp(6, 2, words);
    if system == causeway_fhir::systems::UCUM {
        obx.comp(6, 3, "UCUM");
    } else {
        obx.comp(6, 3, system);
    }
}
