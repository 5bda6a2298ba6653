//! Writes a report as MEDRPT, variant NHS003: one interchange with one message for each DiagnosticReport.
//!
//! What the message doesn't tell is found by reading it again ([`causeway_adapter::read_back`]), so that the list of what
//! was left behind is true. A report whose sense the format would turn (a status that it has no code for) is refused.

use std::collections::HashMap;

use causeway_adapter::{Adapter, Context, Encoded, read_back, translate};
use causeway_core::Issue;
use causeway_fhir::systems;
use serde_json::Value;

use crate::codes::{CODE_LIST, COMPARATOR, FASTING, INTERPRETATION, PARTY_CODE_LIST, SEX, STATUS};
use crate::limits::CONTROL_REFERENCE_CHARS_MAX;
use crate::segments::{Segments, escaped, parts, refs};
use crate::{EdifactPathology, rules};

/// Writes the reports of a bundle.
///
/// # Errors
/// Where the bundle has no report with results about a patient, or a status would read otherwise.
pub(crate) fn encode(bundle: &Value, context: &Context) -> Result<Encoded, Issue> {
    let own = Context {
        sender: read_back::issuer(bundle, &context.sender),
        options: Vec::new(),
        ..context.clone()
    };
    let writer = Writer::new(bundle, &own);
    let text = writer.interchange()?;
    // UNOC is ISO 8859-1.
    let bytes: Vec<u8> = text.chars().map(|c| u8::try_from(u32::from(c)).unwrap_or(b'.')).collect();
    let again = translate(&EdifactPathology, &bytes, &own);
    let read: Vec<Value> =
        again.outputs.iter().filter_map(|o| serde_json::from_slice(&o.json).ok()).collect();
    if again.unreadable || read.len() != writer.all("DiagnosticReport").count() {
        return Err(rules::NOT_WRITABLE.issue());
    }
    let found = read_back::compare(bundle, &read);
    // Of requests and people the format says no status.
    let decides = |n: &usize| {
        let kind = bundle["entry"][*n]["resource"]["resourceType"].as_str();
        matches!(kind, Some("DiagnosticReport" | "Observation"))
    };
    if found.turned.iter().any(decides) {
        return Err(rules::STATUS_NOT_WRITABLE.issue());
    }
    let left_behind = found.issues(EdifactPathology.format().title);
    Ok(Encoded { bytes, media_type: "application/edifact", left_behind })
}

fn text(value: &Value, name: &str) -> String {
    match &value[name] {
        Value::String(text) => text.trim().to_owned(),
        Value::Number(n) => n.to_string(),
        _ => String::new(),
    }
}

fn list<'v>(value: &'v Value, name: &str) -> impl Iterator<Item = &'v Value> + use<'v> {
    value[name].as_array().into_iter().flatten()
}

/// The name of an identifier system that is local to a sender, after this prefix of ours.
fn local<'s>(system: &'s str, prefix: &str) -> Option<&'s str> {
    let rest = system.strip_prefix(systems::CAUSEWAY)?.strip_prefix("/Id/local/")?;
    rest.split_once('/')?.1.strip_prefix(prefix)
}

/// The source's code of a target.
fn unmapped(map: &causeway_terminology::Map, code: &str) -> Option<&'static str> {
    map.codes().find(|(_, t)| t.code == code).map(|(source, _)| source)
}

struct Writer<'b> {
    bundle: &'b Value,
    context: &'b Context,
    by_url: HashMap<String, &'b Value>,
}

impl<'b> Writer<'b> {
    fn new(bundle: &'b Value, context: &'b Context) -> Self {
        let mut by_url = HashMap::new();
        for entry in list(bundle, "entry") {
            let resource = &entry["resource"];
            by_url.insert(text(entry, "fullUrl"), resource);
            by_url.insert(format!("{}/{}", text(resource, "resourceType"), text(resource, "id")), resource);
        }
        Self { bundle, context, by_url }
    }

    fn all<'k>(&self, kind: &'k str) -> impl Iterator<Item = &'b Value> + use<'b, 'k> {
        list(self.bundle, "entry").map(|e| &e["resource"]).filter(move |r| r["resourceType"] == kind)
    }

    fn target(&self, reference: &Value, kind: &str) -> Option<&'b Value> {
        let found = self.by_url.get(reference["reference"].as_str()?).copied()?;
        (found["resourceType"] == kind).then_some(found)
    }

    fn interchange(&self) -> Result<String, Issue> {
        let now = self.context.zone.to_datetime(self.context.received);
        let header = self.all("MessageHeader").next();
        let recipient = header.and_then(|h| {
            list(h, "destination").find_map(|d| {
                d["endpoint"].as_str()?.strip_prefix("urn:nhs-uk:addressing:ods:").map(str::to_owned)
            })
        });
        // A number that the same bundle always has.
        let digest = text(self.bundle, "id")
            .bytes()
            .fold(7u64, |sum, b| sum.wrapping_mul(1_099_511_628_211).wrapping_add(u64::from(b)));
        let mut reference = (digest % 100_000_000 + 1).to_string();
        reference.truncate(CONTROL_REFERENCE_CHARS_MAX);
        let mut out = format!(
            "UNB+UNOC:3+{}+{}+{}+{reference}++MEDRPT++1'\r\n",
            escaped(&self.context.sender.code),
            escaped(&recipient.unwrap_or_default()),
            now.strftime("%y%m%d:%H%M"),
        );
        let mut count = 0;
        for report in self.all("DiagnosticReport") {
            count += 1;
            let segments = self.message(report, header, &now.strftime("%Y%m%d%H%M").to_string())?;
            out.push_str(&format!("UNH+{count}+MEDRPT:0:1:RT:NHS003'\r\n"));
            for segment in &segments.0 {
                out.push_str(segment);
                out.push_str("'\r\n");
            }
            out.push_str(&format!("UNT+{}+{count}'\r\n", segments.0.len() + 2));
        }
        if count == 0 {
            return Err(rules::NO_REPORT.issue());
        }
        out.push_str(&format!("UNZ+{count}+{reference}'\r\n"));
        Ok(out)
    }

    fn message(&self, report: &'b Value, header: Option<&'b Value>, now: &str) -> Result<Segments, Issue> {
        let patient = self.target(&report["subject"], "Patient").ok_or_else(|| rules::NO_REPORT.issue())?;
        let request = list(report, "basedOn").find_map(|r| self.target(r, "ServiceRequest"));
        let mut s = Segments::default();
        s.add("BGM", &[&["LSR"]]);
        s.add("DTM", &[&["137", now, "203"]]);
        self.parties(&mut s, report, request, header);
        s.add("S02", &[&["02"]]);
        s.add("GIS", &[&["N"]]);
        self.report(&mut s, report);
        self.patient(&mut s, patient);
        if let Some(request) = request {
            clinical(&mut s, request);
        }
        let specimens: Vec<&Value> =
            list(report, "specimen").filter_map(|r| self.target(r, "Specimen")).collect();
        for (at, specimen) in specimens.iter().enumerate() {
            self.specimen(&mut s, specimen, at + 1);
        }
        let mut results: Vec<(&Value, Option<usize>)> = Vec::new();
        for result in list(report, "result").filter_map(|r| self.target(r, "Observation")) {
            self.with_members(result, None, &mut results, 0);
        }
        // A result that was met before its battery: whose member it is says the battery.
        let heads: Vec<usize> = (0..results.len())
            .filter(|n| results.get(*n).is_some_and(|(r, _)| r["hasMember"].is_array()))
            .collect();
        for (number, head) in heads.iter().enumerate() {
            let Some((battery, _)) = results.get(*head).copied() else { continue };
            for member in list(battery, "hasMember").filter_map(|m| self.target(m, "Observation")) {
                if let Some(slot) = results.iter_mut().find(|(r, _)| std::ptr::eq(*r, member)) {
                    slot.1 = Some(number + 1);
                }
            }
        }
        for (at, (result, battery)) in results.iter().enumerate() {
            let own = heads.iter().position(|h| *h == at).map(|n| n + 1);
            let specimen = self
                .target(&result["specimen"], "Specimen")
                .and_then(|found| specimens.iter().position(|one| std::ptr::eq(*one, found)));
            self.result(&mut s, result, own, *battery, specimen.map(|n| n + 1));
        }
        Ok(s)
    }

    fn with_members(
        &self,
        result: &'b Value,
        battery: Option<usize>,
        out: &mut Vec<(&'b Value, Option<usize>)>,
        depth: usize,
    ) {
        if depth > 8 || out.iter().any(|(known, _)| std::ptr::eq(*known, result)) {
            return;
        }
        out.push((result, battery));
        for member in list(result, "hasMember").filter_map(|m| self.target(m, "Observation")) {
            self.with_members(member, battery, out, depth + 1);
        }
    }

    /// Who asked for the report, whom it is for, who made it.
    fn parties(
        &self,
        s: &mut Segments,
        report: &'b Value,
        request: Option<&'b Value>,
        header: Option<&'b Value>,
    ) {
        let asked = request.map_or(&Value::Null, |r| &r["requester"]);
        let role = self.target(asked, "PractitionerRole");
        let (person, organisation) = match role {
            Some(role) => (
                self.target(&role["practitioner"], "Practitioner"),
                self.target(&role["organization"], "Organization"),
            ),
            None => (self.target(asked, "Practitioner"), self.target(asked, "Organization")),
        };
        let destinations: Vec<&Value> = header.map(|h| list(h, "destination").collect()).unwrap_or_default();
        let code_of = |resource: Option<&Value>| resource.map(|r| text(&r["identifier"][0], "value"));
        // The recipient's organisation is the requester's where both name the same professional.
        let receives = |resource: Option<&Value>| {
            let code = code_of(resource).filter(|c| !c.is_empty());
            code.is_some_and(|c| {
                destinations.iter().any(|d| text(&d["receiver"]["identifier"], "value") == c)
            })
        };
        if let Some(person) = person {
            self.party(s, "PO", "PRO", person);
        }
        if let Some(organisation) = organisation
            && !(receives(Some(organisation)) && receives(person))
        {
            self.party(s, "PO", "ORG", organisation);
        }
        for destination in destinations {
            let receiver = &destination["receiver"];
            let kind = if receiver["type"] == "Practitioner" { "PRO" } else { "ORG" };
            let name = text(receiver, "display");
            let name = if name.is_empty() { text(destination, "name") } else { name };
            self.named(s, "MR", kind, &[receiver["identifier"].clone()], &name);
        }
        for performer in list(report, "performer") {
            let department = text(performer, "display");
            if !department.is_empty() {
                self.named(s, "SLA", "DPT", &[], &department);
            }
            if let Some(organisation) = self.target(performer, "Organization") {
                let is_department =
                    department.is_empty() && organisation["type"][0]["coding"][0]["code"] == "dept";
                self.party(s, "SLA", if is_department { "DPT" } else { "ORG" }, organisation);
            } else if let Some(person) = self.target(performer, "Practitioner") {
                self.party(s, "SLA", "PRO", person);
            }
        }
    }

    fn party(&self, s: &mut Segments, role: &str, kind: &str, resource: &Value) {
        let ids: Vec<Value> = list(resource, "identifier").cloned().collect();
        let name = if resource["name"].is_array() {
            person_name(&resource["name"][0])
        } else {
            text(resource, "name")
        };
        self.named(s, role, kind, &ids, &name);
    }

    fn named(&self, s: &mut Segments, role: &str, kind: &str, ids: &[Value], name: &str) {
        let mut code = (String::new(), String::new());
        let mut others = Vec::new();
        for id in ids {
            let system = text(id, "system");
            let known = match system.as_str() {
                systems::ODS_ORGANISATION => Some(if role == "SLA" { "903" } else { "901" }),
                systems::GMP_NUMBER => unmapped_system(&system),
                other => local(other, "party-code-list-"),
            };
            match known {
                Some(list) if code.0.is_empty() => code = (text(id, "value"), list.to_owned()),
                _ => others.extend(local(&system, "").map(|name| (name.to_uppercase(), text(id, "value")))),
            }
            if id["value"].is_null() && id["_value"].is_object() {
                others.push(("AHI".to_owned(), "UNKNOWN".to_owned()));
            }
        }
        if code.0.is_empty() && name.is_empty() {
            return;
        }
        s.add("S01", &[&["01"]]);
        let words = parts(name);
        s.add("NAD", &[&[role], &[&code.0, &code.1], &[], &refs(&words)]);
        for (qualifier, value) in others {
            s.add("RFF", &[&[&qualifier, &value]]);
        }
        s.add("SPR", &[&[kind]]);
    }

    fn report(&self, s: &mut Segments, report: &Value) {
        let mut own = None;
        for id in list(report, "identifier") {
            let system = text(id, "system");
            match local(&system, "report-") {
                Some("sri") | None if own.is_none() => own = Some(text(id, "value")),
                Some(other) => s.add("RFF", &[&[&other.to_uppercase(), &text(id, "value")]]),
                None => {}
            }
        }
        let own = own.filter(|id| !id.is_empty()).unwrap_or_else(|| text(report, "id"));
        s.add("RFF", &[&["SRI", &own]]);
        status(s, report);
        match report["issued"].as_str() {
            Some(issued) => self.time(s, "ISR", issued),
            None => {
                if let Some(partial) = list(&report["_issued"], "extension").next() {
                    self.time(s, "ISR", &text(partial, "valueDateTime"));
                }
            }
        }
        for note in list(report, "extension")
            .filter(|e| e["url"].as_str().is_some_and(|u| u.ends_with("extension-DiagnosticReport.note")))
        {
            s.text("SPC", &text(&note["valueAnnotation"], "text"));
        }
        let conclusion = text(report, "conclusion");
        if !conclusion.is_empty() {
            s.text("SPC", &conclusion);
        }
    }

    /// A time as it is said in the zone, with what precision it has.
    fn time(&self, s: &mut Segments, kind: &str, fhir: &str) {
        let (value, format) = self.moment(fhir);
        if !value.is_empty() {
            s.add("DTM", &[&[kind, &value, format]]);
        }
    }

    fn moment(&self, fhir: &str) -> (String, &'static str) {
        if let Ok(at) = fhir.parse::<jiff::Timestamp>() {
            let local = self.context.zone.to_datetime(at);
            return if local.second() == 0 {
                (local.strftime("%Y%m%d%H%M").to_string(), "203")
            } else {
                (local.strftime("%Y%m%d%H%M%S").to_string(), "204")
            };
        }
        let digits: String = fhir.chars().filter(char::is_ascii_digit).collect();
        let format = match digits.len() {
            4 => "602",
            6 => "610",
            8 => "102",
            _ => return (String::new(), ""),
        };
        (digits, format)
    }

    fn patient(&self, s: &mut Segments, patient: &Value) {
        s.add("S06", &[&["06"]]);
        let mut official = (String::new(), "");
        for id in list(patient, "identifier") {
            let system = text(id, "system");
            let value = text(id, "value");
            if matches!(system.as_str(), systems::NHS_NUMBER | systems::STATED_NHS_NUMBER)
                && official.0.is_empty()
            {
                official = (value, "OPI");
            } else if let Some(qualifier) = local(&system, "patient-") {
                s.add("RFF", &[&[&qualifier.to_uppercase(), &value]]);
            } else if local(&system, "").is_some() && !value.is_empty() {
                s.add("RFF", &[&["SSI", &value]]);
            }
        }
        for address in list(patient, "address") {
            let mut lines = vec!["US".to_owned()];
            lines.extend(list(address, "line").filter_map(Value::as_str).map(str::to_owned));
            lines.extend(["city", "district"].iter().map(|n| text(address, n)).filter(|t| !t.is_empty()));
            s.add(
                "ADR",
                &[&[], &refs(&lines), &[], &[&text(address, "postalCode")], &[&text(address, "country")]],
            );
        }
        s.add("S07", &[&["07"]]);
        let name = &patient["name"][0];
        let mut elements: Vec<[String; 2]> = Vec::new();
        let mut part = |kind: &str, value: String| {
            if !value.is_empty() {
                elements.push([kind.to_owned(), value]);
            }
        };
        part("SU", text(name, "family"));
        for (at, given) in list(name, "given").filter_map(Value::as_str).enumerate() {
            part(if at == 0 { "FO" } else { "MI" }, given.to_owned());
        }
        for prefix in list(name, "prefix").filter_map(Value::as_str) {
            part("TI", prefix.to_owned());
        }
        let names: Vec<[&str; 2]> = elements.iter().map(|[a, b]| [a.as_str(), b.as_str()]).collect();
        let id = [official.0.as_str(), official.1];
        let mut all: Vec<&[&str]> = vec![&["PAT"], &id, &[], &[]];
        all.extend(names.iter().map(|pair| pair.as_slice()));
        s.add("PNA", &all);
        self.time(s, "329", &text(patient, "birthDate"));
        let own = list(&patient["_gender"], "extension").next().map(|e| text(e, "valueString"));
        let sex = own.or_else(|| unmapped(&SEX, patient["gender"].as_str()?).map(str::to_owned));
        if let Some(sex) = sex {
            s.add("PDI", &[&[&sex]]);
        }
    }

    fn specimen(&self, s: &mut Segments, specimen: &Value, number: usize) {
        s.add("S16", &[&["16"]]);
        s.add("SEQ", &[&[], &[&number.to_string()]]);
        if specimen["type"].is_object() {
            let coded = coded(&specimen["type"]);
            s.add("SPC", &[&["TSP"], &refs(&coded)]);
        }
        let taken = &specimen["collection"];
        let fasting = &taken["fastingStatusCodeableConcept"];
        let code =
            fasting["coding"][0]["code"].as_str().and_then(|c| unmapped(&FASTING, c).map(str::to_owned));
        let code = code.unwrap_or_else(|| text(fasting, "text"));
        if !code.is_empty() {
            s.add("SPC", &[&["FS"], &[&code]]);
        }
        let accession = text(&specimen["accessionIdentifier"], "value");
        if !accession.is_empty() {
            s.add("RFF", &[&["STI", &accession]]);
        }
        for id in list(specimen, "identifier") {
            if let Some(qualifier) = local(&text(id, "system"), "specimen-") {
                s.add("RFF", &[&[&qualifier.to_uppercase(), &text(id, "value")]]);
            }
        }
        let amount = &taken["quantity"];
        if amount["value"].is_number() {
            s.add("QTY", &[&["SVO", &text(amount, "value")], &["", "", "", &text(amount, "unit")]]);
        }
        let span = &taken["collectedPeriod"];
        if span.is_object() {
            let (start, end) = (self.moment(&text(span, "start")), self.moment(&text(span, "end")));
            match (start.1, end.1) {
                ("102", "102") => s.add("DTM", &[&["SCO", &format!("{}-{}", start.0, end.0), "718"]]),
                ("203", "203") => s.add("DTM", &[&["SCO", &format!("{}-{}", start.0, end.0), "719"]]),
                _ => self.time(s, "SCO", &text(span, "start")),
            }
        } else {
            self.time(s, "SCO", &text(taken, "collectedDateTime"));
        }
        self.time(s, "SRI", &text(specimen, "receivedTime"));
        for note in list(specimen, "note") {
            s.text("SPC", &text(note, "text"));
        }
    }

    fn result(
        &self,
        s: &mut Segments,
        result: &Value,
        own: Option<usize>,
        battery: Option<usize>,
        specimen: Option<usize>,
    ) {
        s.add("GIS", &[&["N"]]);
        s.add("INV", &[&["MQ"], &refs(&coded(&result["code"]))]);
        if let Some(number) = own {
            s.add("SEQ", &[&[], &[&number.to_string()]]);
        }
        value(s, result);
        status(s, result);
        if result["valueString"].is_string() && result["_valueString"].is_null() {
            s.text("RIT", &text(result, "valueString"));
        }
        for note in list(result, "note") {
            s.text("SPC", &text(note, "text"));
        }
        for range in list(result, "referenceRange").filter(|r| r["low"].is_null() && r["high"].is_null()) {
            s.text("CRR", &text(range, "text"));
        }
        for id in list(result, "identifier") {
            if let Some(qualifier) = local(&text(id, "system"), "result-") {
                s.add("RFF", &[&[&qualifier.to_uppercase(), &text(id, "value")]]);
            }
        }
        match (battery, specimen) {
            (Some(number), _) => s.add("RFF", &[&["ARL", &number.to_string()]]),
            (None, Some(number)) => s.add("RFF", &[&["ASL", &number.to_string()]]),
            (None, None) => {}
        }
        for range in list(result, "referenceRange").filter(|r| !(r["low"].is_null() && r["high"].is_null())) {
            s.add("S20", &[&["20"]]);
            let unit =
                [&range["low"], &range["high"]].iter().map(|q| text(q, "unit")).find(|u| !u.is_empty());
            s.add(
                "RND",
                &[
                    &["U"],
                    &[&text(&range["low"], "value")],
                    &[&text(&range["high"], "value")],
                    &[&unit.unwrap_or_default()],
                ],
            );
            let whom = text(&range["appliesTo"][0], "text");
            let whom = if whom.is_empty() { text(range, "text") } else { whom };
            if !whom.is_empty() {
                s.text("RPD", &whom);
            }
        }
    }
}

/// The list of a party's code system.
fn unmapped_system(system: &str) -> Option<&'static str> {
    PARTY_CODE_LIST.codes().find(|(_, t)| t.system == system).map(|(list, _)| list)
}

fn person_name(name: &Value) -> String {
    let whole = text(name, "text");
    if !whole.is_empty() {
        return whole;
    }
    let words = ["prefix", "given"].iter().flat_map(|n| list(name, n)).filter_map(Value::as_str);
    let mut words: Vec<String> = words.map(str::to_owned).collect();
    words.push(text(name, "family"));
    words.join(" ").trim().to_owned()
}

/// STS with the code of a status, or the source's own that stands beside it.
fn status(s: &mut Segments, resource: &Value) {
    let own = list(&resource["_status"], "extension").next().map(|e| text(e, "valueString"));
    let code = own.or_else(|| match resource["status"].as_str()? {
        "appended" => Some("SR".to_owned()),
        other => unmapped(&STATUS, other).map(str::to_owned),
    });
    if let Some(code) = code {
        s.add("STS", &[&[], &[&code]]);
    }
}

/// Code, list, agency and words. A code of no list that the format has is not written: its words are.
fn coded(concept: &Value) -> Vec<String> {
    let known = list(concept, "coding").find_map(|coding| {
        let system = text(coding, "system");
        let own = list(coding, "extension").next().map(|e| text(e, "valueString"));
        let of = CODE_LIST.codes().find(|(_, t)| !t.system.is_empty() && t.system == system);
        let number = own.or_else(|| of.map(|(number, _)| number.to_owned()));
        number.map(|number| (coding, number))
    });
    let first = &concept["coding"][0];
    let (coding, mut out) = match known {
        Some((coding, number)) => (coding, vec![text(coding, "code"), number, String::new()]),
        None if first["system"].is_null() && first["code"].is_string() => {
            (first, vec![text(first, "code"), String::new(), String::new()])
        }
        None => (first, vec![String::new(); 3]),
    };
    let words =
        [text(coding, "display"), text(concept, "text"), text(first, "display"), text(coding, "code")];
    let words = words.into_iter().find(|w| !w.is_empty()).unwrap_or_default();
    out.extend(parts(&words));
    out
}

fn clinical(s: &mut Segments, request: &Value) {
    s.add("S10", &[&["10"]]);
    let reasons: Vec<&Value> = list(request, "reasonCode").collect();
    if reasons.is_empty() {
        s.add("CIN", &[&["UN"]]);
    }
    for reason in reasons {
        s.add("CIN", &[&["UN"], &refs(&coded(reason))]);
    }
    for note in list(request, "note") {
        s.text("CID", &text(note, "text"));
    }
}

/// RSL with a number, a span or a code, and how it deviates.
fn value(s: &mut Segments, result: &Value) {
    let flag = &result["interpretation"][0];
    let deviates = match flag["coding"][0]["code"].as_str() {
        Some("PA") => "PA".to_owned(),
        Some(code) => unmapped(&INTERPRETATION, code).unwrap_or_default().to_owned(),
        None => text(flag, "text"),
    };
    if let Some(quantity) = result.get("valueQuantity") {
        let sign = quantity["comparator"].as_str().and_then(|c| unmapped(&COMPARATOR, c)).unwrap_or_default();
        let (number, unit) = (text(quantity, "value"), text(quantity, "unit"));
        s.add("RSL", &[&["NV"], &[&number, sign], &[], &["", "", "", &unit], &[&deviates]]);
    } else if let Some(range) = result.get("valueRange") {
        let (low, high) = (text(&range["low"], "value"), text(&range["high"], "value"));
        let unit = text(&range["low"], "unit");
        s.add("RSL", &[&["NV"], &[&low], &[&high], &["", "", "", &unit], &[&deviates]]);
    } else if let Some(concept) = result.get("valueCodeableConcept") {
        let mut components = vec![String::new(), String::new()];
        components.extend(coded(concept));
        s.add("RSL", &[&["CV"], &refs(&components), &[], &[], &[&deviates]]);
    } else if result["valueInteger"].is_number() {
        s.add("RSL", &[&["NV"], &[&text(result, "valueInteger")], &[], &[], &[&deviates]]);
    } else if result["_valueString"].is_object() {
        // A value that was sent as a number and could not be read as one.
        s.add("RSL", &[&["NV"], &[&text(result, "valueString")], &[], &[], &[&deviates]]);
    } else if !deviates.is_empty() {
        s.add("RSL", &[&["NV"], &[], &[], &[], &[&deviates]]);
    }
}
