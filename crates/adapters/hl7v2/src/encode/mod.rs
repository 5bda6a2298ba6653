//! FHIR as HL7 v2.5.1: one message of ADT, ORU, ORM or MDM by what happened.
//!
//! What the message doesn't tell is found by reading it again ([`causeway_adapter::read_back`]), so that the list of what
//! was left behind is true whatever this code forgets. A resource whose sense would be turned (a refuted diagnosis that
//! reads as one that holds) is not written at all.

mod clinical;
mod document;
mod patient;
mod results;
mod segment;
mod types;
mod visit;

use std::collections::{HashMap, HashSet};

use causeway_adapter::{Adapter, Context, Encoded, read_back, translate};
use causeway_core::Issue;
use serde_json::Value;

use crate::{Hl7v2, rules};
use segment::{NULL, Seg, place};
use types::{list, text};

/// Times that a message is written again without the resources whose sense it turned.
const ATTEMPTS_MAX: usize = 3;

/// Writes a bundle as one message.
///
/// # Errors
/// Where the bundle has no Patient, or what was written can't be read.
pub fn encode(bundle: &Value, context: &Context) -> Result<Encoded, Issue> {
    let own = Context {
        sender: read_back::issuer(bundle, &context.sender),
        options: Vec::new(),
        ..context.clone()
    };
    let mut skip: HashSet<usize> = HashSet::new();
    let mut attempts = 0;
    loop {
        let message = Writer::new(bundle, &own, &skip).message()?;
        let again = translate(&Hl7v2, message.as_bytes(), &own);
        if again.unreadable || again.outputs.is_empty() {
            return Err(rules::NOT_WRITABLE.issue());
        }
        let read: Vec<Value> =
            again.outputs.iter().filter_map(|o| serde_json::from_slice(&o.json).ok()).collect();
        let found = read_back::compare(bundle, &read);
        let turned: Vec<usize> = found.turned.iter().copied().filter(|n| !skip.contains(n)).collect();
        if turned.is_empty() || attempts == ATTEMPTS_MAX {
            return Ok(Encoded {
                bytes: message.into_bytes(),
                media_type: "application/hl7-v2",
                left_behind: found.issues(Hl7v2.format().title),
            });
        }
        skip.extend(turned);
        attempts += 1;
    }
}

/// What is known while one message is written.
struct Writer<'b> {
    bundle: &'b Value,
    context: &'b Context,
    /// Resources of the bundle that are written, by type.
    of: HashMap<&'b str, Vec<&'b Value>>,
    /// Resources by full URL and by type with id.
    by_url: HashMap<String, &'b Value>,
    out: Vec<Seg>,
    /// Counters of set ids by segment.
    numbers: HashMap<&'static str, usize>,
}

/// What the message is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Event {
    kind: &'static str,
    trigger: &'static str,
    structure: &'static str,
}

/// Events that are written, with the abstract structure of version 2.5.1 (HL7 table 0354).
const EVENTS: &[(&str, &str, &str)] = &[
    ("ADT", "A01", "ADT_A01"),
    ("ADT", "A02", "ADT_A02"),
    ("ADT", "A03", "ADT_A03"),
    ("ADT", "A04", "ADT_A01"),
    ("ADT", "A05", "ADT_A05"),
    ("ADT", "A06", "ADT_A06"),
    ("ADT", "A07", "ADT_A06"),
    ("ADT", "A08", "ADT_A01"),
    ("ADT", "A09", "ADT_A09"),
    ("ADT", "A10", "ADT_A09"),
    ("ADT", "A11", "ADT_A09"),
    ("ADT", "A12", "ADT_A12"),
    ("ADT", "A13", "ADT_A01"),
    ("ADT", "A14", "ADT_A05"),
    ("ADT", "A15", "ADT_A15"),
    ("ADT", "A16", "ADT_A16"),
    ("ADT", "A21", "ADT_A21"),
    ("ADT", "A22", "ADT_A21"),
    ("ADT", "A23", "ADT_A21"),
    ("ADT", "A25", "ADT_A21"),
    ("ADT", "A26", "ADT_A21"),
    ("ADT", "A27", "ADT_A21"),
    ("ADT", "A28", "ADT_A05"),
    ("ADT", "A29", "ADT_A21"),
    ("ADT", "A31", "ADT_A05"),
    ("ADT", "A34", "ADT_A30"),
    ("ADT", "A36", "ADT_A30"),
    ("ADT", "A38", "ADT_A38"),
    ("ADT", "A39", "ADT_A39"),
    ("ADT", "A40", "ADT_A39"),
    ("ADT", "A54", "ADT_A54"),
    ("ADT", "A55", "ADT_A52"),
    ("ADT", "A60", "ADT_A60"),
    ("ORU", "R01", "ORU_R01"),
    ("ORM", "O01", "ORM_O01"),
    ("MDM", "T01", "MDM_T01"),
    ("MDM", "T02", "MDM_T02"),
    ("MDM", "T04", "MDM_T02"),
    ("MDM", "T06", "MDM_T02"),
    ("MDM", "T08", "MDM_T02"),
    ("MDM", "T10", "MDM_T02"),
    ("MDM", "T11", "MDM_T01"),
];

impl<'b> Writer<'b> {
    fn new(bundle: &'b Value, context: &'b Context, skip: &HashSet<usize>) -> Self {
        let mut of: HashMap<&str, Vec<&Value>> = HashMap::new();
        let mut by_url = HashMap::new();
        for (number, entry) in list(bundle, "entry").enumerate() {
            let resource = &entry["resource"];
            let Some(kind) = resource["resourceType"].as_str() else { continue };
            by_url.insert(text(entry, "fullUrl"), resource);
            by_url.insert(format!("{kind}/{}", text(resource, "id")), resource);
            if !skip.contains(&number) {
                of.entry(kind).or_default().push(resource);
            }
        }
        Self { bundle, context, of, by_url, out: Vec::new(), numbers: HashMap::new() }
    }

    /// Resources of a type.
    fn all(&self, kind: &str) -> Vec<&'b Value> {
        self.of.get(kind).cloned().unwrap_or_default()
    }

    /// What a reference leads to.
    fn target(&self, reference: &Value) -> Option<&'b Value> {
        self.by_url.get(reference["reference"].as_str()?).copied()
    }

    /// What a reference leads to, where it is of this type.
    fn target_of(&self, reference: &Value, kind: &str) -> Option<&'b Value> {
        self.target(reference).filter(|r| r["resourceType"] == kind)
    }

    /// A new segment with its set id.
    fn numbered(&mut self, name: &'static str) -> Seg {
        let number = self.numbers.entry(name).or_default();
        *number += 1;
        let mut seg = Seg::new(name);
        seg.put(1, number.to_string());
        seg
    }

    /// The event that the bundle tells of: the one that its Provenance names, else by what it holds.
    fn event(&self) -> Event {
        let of = |words: &str| {
            let (kind, trigger) = words.split_once('^')?;
            let found = EVENTS.iter().find(|(k, t, _)| *k == kind && *t == trigger)?;
            Some(Event { kind: found.0, trigger: found.1, structure: found.2 })
        };
        if let Some(event) = self.provenance().and_then(|p| of(&text(&p["activity"], "text"))) {
            return event;
        }
        let words = if !self.all("DiagnosticReport").is_empty() {
            "ORU^R01"
        } else if !self.all("DocumentReference").is_empty() {
            "MDM^T02"
        } else if !self.all("ServiceRequest").is_empty() {
            "ORM^O01"
        } else if self.survivor().is_some() {
            "ADT^A40"
        } else {
            self.visit_event()
        };
        of(words).unwrap_or(Event { kind: "ADT", trigger: "A31", structure: "ADT_A05" })
    }

    fn visit_event(&self) -> &'static str {
        let Some(encounter) = self.all("Encounter").first().copied() else { return "ADT^A31" };
        let class = encounter["class"]["code"].as_str().unwrap_or_default();
        match encounter["status"].as_str() {
            Some("in-progress") if matches!(class, "IMP" | "ACUTE" | "NONAC") => "ADT^A01",
            Some("in-progress") => "ADT^A04",
            Some("finished") => "ADT^A03",
            Some("planned") => "ADT^A05",
            Some("cancelled") => "ADT^A11",
            Some("onleave") => "ADT^A21",
            Some("arrived") => "ADT^A10",
            Some("entered-in-error") => "ADT^A23",
            _ => "ADT^A31",
        }
    }

    /// The Provenance of the event.
    fn provenance(&self) -> Option<&'b Value> {
        self.all("Provenance")
            .into_iter()
            .find(|p| !p["entity"].is_array() && p["activity"]["text"].is_string())
    }

    /// The patient that replaces another.
    fn survivor(&self) -> Option<&'b Value> {
        self.all("Patient").into_iter().find(|p| list(p, "link").any(|l| l["type"] == "replaces"))
    }

    fn message(mut self) -> Result<String, Issue> {
        let subject = self.subject().ok_or_else(|| rules::NOBODY.issue())?;
        let event = self.event();
        self.header(event);
        self.patient(subject);
        let visit = self.all("Encounter").first().copied();
        self.visit(visit, event.kind == "ADT");
        match event.kind {
            "ADT" => self.clinical(),
            "MDM" => self.documents(),
            _ => self.orders(event.kind == "ORU"),
        }
        let mut text = String::new();
        self.out.iter_mut().for_each(Seg::settle);
        self.out
            .iter()
            .filter(|seg| !seg.is_empty() || seg.name == "PV1")
            .for_each(|seg| seg.write(&mut text));
        Ok(text)
    }

    /// Of whom the message is: the survivor of a merge, else the first patient that is not replaced.
    fn subject(&self) -> Option<&'b Value> {
        let replaced = |p: &Value| list(p, "link").any(|l| l["type"] == "replaced-by");
        self.survivor().or_else(|| self.all("Patient").into_iter().find(|p| !replaced(p)))
    }

    fn header(&mut self, event: Event) {
        let provenance = self.provenance();
        let mut msh = Seg::new("MSH");
        msh.put(2, "^~\\&");
        let who = provenance.map_or(String::new(), |p| {
            let author = list(p, "agent").find(|a| a["type"]["coding"][0]["code"] == "author");
            author.map_or(String::new(), |a| text(&a["who"], "display"))
        });
        match who.split_once(", ") {
            Some((application, facility)) => {
                msh.put(3, application);
                msh.put(4, facility);
            }
            None if !who.is_empty() && who != "sending application, not named" => msh.put(3, who),
            None => {
                msh.put(3, "CAUSEWAY");
                msh.put(4, self.context.sender.code.clone());
            }
        }
        let recorded = provenance.map_or(String::new(), |p| text(p, "recorded"));
        let now = self.context.received.to_string();
        msh.put(7, types::time(if recorded.is_empty() { &now } else { &recorded }));
        msh.put(9, event.kind);
        msh.comp(9, 2, event.trigger);
        msh.comp(9, 3, event.structure);
        let id: String =
            text(self.bundle, "id").chars().filter(char::is_ascii_alphanumeric).take(20).collect();
        msh.put(10, if id.is_empty() { "1".to_owned() } else { id });
        msh.put(11, "P");
        msh.put(12, "2.5.1");
        msh.put(17, "GBR");
        msh.put(18, "UNICODE UTF-8");
        self.out.push(msh);
        if event.kind == "ADT"
            || event.kind == "MDM"
            || provenance.is_some_and(|p| p["occurredDateTime"].is_string())
        {
            let mut evn = Seg::new("EVN");
            evn.put(1, event.trigger);
            evn.put(2, types::time(if recorded.is_empty() { &now } else { &recorded }));
            if let Some(p) = provenance {
                types::concept(&mut evn, 4, 1, &p["reason"][0], "EVN-4");
                let enterer = list(p, "agent").find(|a| a["type"]["coding"][0]["code"] == "enterer");
                if let Some(person) = enterer.and_then(|a| self.target_of(&a["who"], "Practitioner")) {
                    types::xcn(&mut evn, 5, person);
                }
                evn.put(6, types::time(&text(p, "occurredDateTime")));
                kept(p, &mut [&mut evn]);
            }
            self.out.push(evn);
        }
    }

    /// The notes of a resource below its segment.
    fn notes(&mut self, resource: &Value) {
        for (at, note) in list(resource, "note").enumerate() {
            let mut nte = Seg::new("NTE");
            nte.put(1, (at + 1).to_string());
            nte.put(3, text(note, "text"));
            if let Some(person) = self.target_of(&note["authorReference"], "Practitioner") {
                types::xcn(&mut nte, 5, person);
            }
            nte.put(6, types::time(&text(note, "time")));
            kept(note, &mut [&mut nte]);
            self.out.push(nte);
        }
    }
}

/// Puts back what was kept with the name of its item, where its place is still free, and what the source deleted.
fn kept(resource: &Value, segments: &mut [&mut Seg]) {
    walk(resource, 0, &mut |extension| {
        let url = extension["url"].as_str().unwrap_or_default();
        if url.ends_with("/StructureDefinition/source-value") {
            let part = |name: &str| list(extension, "extension").find(|e| e["url"] == name);
            let (Some(item), Some(value)) = (part("item"), part("value")) else { return };
            let Some((name, [field, rep, component, sub])) = place(&text(item, "valueString")) else {
                return;
            };
            if let Some(seg) = segments.iter_mut().find(|seg| seg.name == name)
                && !seg.has(field, rep, component, sub)
            {
                seg.at(field, rep, component, sub, text(value, "valueString"));
            }
        } else if url.ends_with("/StructureDefinition/source-deleted") {
            let words = text(extension, "valueString");
            for seg in segments.iter_mut() {
                let name: [u8; 3] = seg.name.as_bytes().try_into().unwrap_or_default();
                let field = (1..=60u16).find(|f| {
                    crate::env::element_of(name, *f).is_some_and(|e| e == words) && !seg.says(usize::from(*f))
                });
                let named = words.strip_prefix(&format!("{}-", seg.name)).and_then(|n| n.parse().ok());
                if let Some(field) = field.map(usize::from).or(named).filter(|f| !seg.says(*f)) {
                    seg.put(field, NULL);
                    break;
                }
            }
        }
    });
}

/// Every extension of a resource at any depth.
fn walk(value: &Value, depth: usize, f: &mut dyn FnMut(&Value)) {
    if depth > 16 {
        return;
    }
    match value {
        Value::Object(map) => {
            for extension in list(value, "extension") {
                f(extension);
            }
            // What is kept beside these stands where they are written.
            const APART: [&str; 5] = ["extension", "identifier", "name", "telecom", "address"];
            map.iter()
                .filter(|(name, _)| !APART.contains(&name.as_str()))
                .for_each(|(_, v)| walk(v, depth + 1, f));
        }
        Value::Array(all) => all.iter().for_each(|v| walk(v, depth + 1, f)),
        _ => {}
    }
}
