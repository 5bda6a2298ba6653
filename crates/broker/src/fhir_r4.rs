//! FHIR R4 Bundles that come in as they are: messages, documents and collections. Nothing is translated, only identity
//! is made sure of. Requests (transaction, batch) and answers (searchset, history) are no records and not taken.
//!
//! Each resource gets the id that its sender's resource always has, references within the Bundle follow, and
//! `meta.source` leads to the original. Everything else stays as it came.

use std::collections::HashMap;

use causeway_adapter::{Adapter, Confidence, Context, Detection, Format, Output, Sector, Sink, Telling};
use causeway_core::{Issue, IssueCode, Ledger, Outcome, Severity};
use causeway_fhir::systems;
use causeway_json::{Node, Tree};
use serde_json::{Map, Value, json};
use uuid::Uuid;

/// Its name.
pub const NAME: &str = "fhir-r4";
/// Entries of one Bundle.
const ENTRIES_MAX: usize = 10_000;
/// Bytes from the start within which a Bundle must show what it is.
const DETECT_BYTES: usize = 16 * 1024;
/// Bytes from the start within which a document or collection must show that it is of R4.
const DETECT_VERSION_BYTES: usize = 256 * 1024;
/// What R4 has and STU3 can't have: HL7's own code systems of R4, UK Core.
const R4_MARKS: [&[u8]; 2] = [b"terminology.hl7.org/", b"/StructureDefinition/UKCore-"];
/// Levels of a resource: what the JSON reader lets through.
const DEPTH_MAX: usize = 130;

/// The adapter.
#[derive(Clone, Copy, Debug)]
pub struct FhirR4;

/// The one of it.
pub static ADAPTER: FhirR4 = FhirR4;

fn fatal(code: IssueCode, rule: &'static str, text: &'static str) -> Issue {
    Issue::new(Severity::Fatal, code, rule, text)
}

/// The MessageHeader of a message Bundle of R4.
pub fn header(bundle: &Value) -> Option<&Value> {
    let header = &bundle["entry"][0]["resource"];
    let message = bundle["resourceType"] == "Bundle"
        && bundle["type"] == "message"
        && header["resourceType"] == "MessageHeader"
        && (header["eventCoding"]["code"].is_string() || header["eventUri"].is_string());
    message.then_some(header)
}

/// The event in the message's own words.
pub fn event(header: &Value) -> String {
    let code = header["eventCoding"]["code"].as_str().or_else(|| header["eventUri"].as_str());
    code.unwrap_or_default().to_owned()
}

/// A Bundle that is taken: what it is, and what happened. `None` for any other.
fn kind(bundle: &Value) -> Option<(&'static str, String)> {
    if let Some(header) = header(bundle) {
        return Some(("message", event(header)));
    }
    if bundle["resourceType"] != "Bundle" {
        return None;
    }
    let first = &bundle["entry"][0]["resource"];
    match bundle["type"].as_str() {
        Some("document") if first["resourceType"] == "Composition" => {
            let code = first["type"]["coding"][0]["code"].as_str().unwrap_or("document");
            Some(("document", code.to_owned()))
        }
        Some("collection") if first["resourceType"].is_string() => {
            Some(("collection", "collection".to_owned()))
        }
        _ => None,
    }
}

/// Whether a media type says that the content is FHIR of this version (`fhirVersion=4.0`, FHIR R4 3.1.0.2.1).
pub fn declared(media_type: &str) -> bool {
    media_type
        .split(';')
        .skip(1)
        .filter_map(|p| p.trim().split_once('='))
        .any(|(name, value)| name.eq_ignore_ascii_case("fhirVersion") && value.trim_matches('"') == "4.0")
}

/// What a Bundle is whose sender says that it is of R4; `None` where it is none that is taken.
pub fn as_declared(input: &[u8]) -> Option<Detection> {
    let bundle: Value = serde_json::from_slice(input).ok()?;
    kind(&bundle).map(|(_, event)| detection(&event))
}

fn detection(event: &str) -> Detection {
    Detection::is(Confidence::Likely, format!("4.0.1 {event}").trim_end())
}

/// The format.
pub const FORMAT: Format = Format {
    name: NAME,
    title: "FHIR R4",
    summary: "Systems that have FHIR R4 already: messages (Booking and Referral and others), documents, collections.",
    sector: Sector::Health,
    telling: Telling::Event,
    versions: &["4.0.1"],
    media_types: &["application/fhir+json"],
    extensions: &["json"],
};

impl Adapter for FhirR4 {
    fn format(&self) -> &'static Format {
        &FORMAT
    }

    fn detect(&self, input: &[u8]) -> Detection {
        // Other JSON isn't read whole to find that it is none.
        let within = |bytes: usize, what: &[u8]| {
            let start = input.get(..bytes.min(input.len())).unwrap_or_default();
            start.windows(what.len()).any(|w| w == what)
        };
        let message = within(DETECT_BYTES, b"MessageHeader");
        // Documents and collections of STU3 look the same: only what it can't have speaks for R4.
        let marked = || R4_MARKS.iter().any(|mark| within(DETECT_VERSION_BYTES, mark));
        let marked_bundle = || within(DETECT_BYTES, b"\"Bundle\"") && marked();
        if !message && !marked_bundle() {
            return Detection::no();
        }
        let Ok(bundle) = serde_json::from_slice::<Value>(input) else { return Detection::no() };
        match kind(&bundle) {
            Some((what, event)) if what == "message" || marked() => detection(&event),
            _ => Detection::no(),
        }
    }

    fn translate(&self, input: &[u8], context: &Context, sink: &mut dyn Sink) -> Result<(), Issue> {
        let mut ledger = Ledger::new();
        let tree = Tree::parse(input, &mut ledger)?;
        if tree.duplicates().next().is_some() {
            return Err(fatal(
                IssueCode::Structure,
                "json-member-twice",
                "a member of an object occurs twice",
            ));
        }
        let mut bundle: Value = serde_json::from_slice(input)
            .map_err(|_| fatal(IssueCode::Structure, "json-syntax", "the document can't be read"))?;
        let (what, event) = kind(&bundle).ok_or_else(|| {
            fatal(
                IssueCode::Structure,
                "not-a-record",
                "this is no FHIR R4 message with its MessageHeader first, document with its Composition first, or \
                 collection",
            )
        })?;
        if bundle["entry"].as_array().is_none_or(|e| e.len() > ENTRIES_MAX) {
            return Err(fatal(IssueCode::TooLong, "entries", "the Bundle has too many entries"));
        }
        for issue in claims(tree.root(), &mut ledger) {
            sink.issue(issue);
        }
        let all = ledger.next_id();
        ledger.claim_rest(0..all, Outcome::Mapped, "");
        let resources = identify(&mut bundle, context);
        let id = own_id(context, "Bundle", bundle["id"].as_str().unwrap_or(&context.original));
        bundle["id"] = Value::String(id.clone());
        let label = what.to_owned();
        let json = bundle.to_string().into_bytes();
        sink.ledger(ledger);
        sink.output(Output { json, id, label, event, recipient: None, resources });
        Ok(())
    }
}

/// Claims what doesn't go through as it is, and says so.
fn claims(root: Node<'_>, ledger: &mut Ledger) -> Vec<Issue> {
    let (mut requests, mut empty) = (false, false);
    for entry in root.get("entry").into_iter().flat_map(Node::elements) {
        let resource = entry.get("resource");
        if resource.and_then(|r| r.string_of("resourceType")).is_none() {
            empty = true;
            for leaf in entry.leaves() {
                ledger.claim(leaf.id, Outcome::Rejected, "an entry without a resource");
            }
            continue;
        }
        for name in ["request", "response", "search"] {
            for leaf in entry.get(name).map(Node::leaves).unwrap_or_default() {
                requests = true;
                ledger.claim(leaf.id, Outcome::Unsupported, "not carried out within a record");
            }
        }
        let meta = resource.and_then(|r| r.get("meta"));
        if let Some(leaf) = meta.and_then(|m| m.leaf_of("source")) {
            ledger.claim(leaf.id, Outcome::Unsupported, "the source is the original that is kept");
        }
    }
    let request = requests.then(|| {
        let text = "requests within a Bundle are not carried out; they stay in the original";
        Issue::new(Severity::Warning, IssueCode::NotSupported, "entry-request", text)
    });
    let nothing = empty.then(|| {
        let text = "an entry of the Bundle has no resource";
        Issue::new(Severity::Error, IssueCode::Structure, "entry-without-resource", text)
    });
    request.into_iter().chain(nothing).collect()
}

fn own_id(context: &Context, kind: &str, key: &str) -> String {
    let name = [context.sender.code.as_str(), "|", NAME, "|", kind, "|", key].concat();
    Uuid::new_v5(&context.namespace, name.as_bytes()).hyphenated().to_string()
}

/// Gives every resource its id, rewrites references, adds the Provenance. Returns how many resources there are.
fn identify(bundle: &mut Value, context: &Context) -> u32 {
    let Some(entries) = bundle["entry"].as_array_mut() else { return 0 };
    let mut names: HashMap<String, String> = HashMap::new();
    let mut targets = Vec::new();
    entries.retain(|entry| entry["resource"]["resourceType"].is_string());
    for (number, entry) in entries.iter_mut().enumerate() {
        let Some(entry) = entry.as_object_mut() else { continue };
        for name in ["request", "response", "search"] {
            entry.remove(name);
        }
        if let Some(url) = name(entry, number, context, &mut names) {
            targets.push(json!({"reference": url}));
        }
    }
    for entry in entries.iter_mut() {
        rewrite(&mut entry["resource"], &names, 0);
    }
    let count = targets.len() as u32 + 1;
    entries.push(provenance(context, targets));
    count
}

/// Names one entry's resource anew; its names of before lead to the new one. Gives the new URL.
fn name(
    entry: &mut Map<String, Value>,
    number: usize,
    context: &Context,
    names: &mut HashMap<String, String>,
) -> Option<String> {
    let full = entry.get("fullUrl").and_then(Value::as_str).unwrap_or_default().to_owned();
    let resource = entry.get_mut("resource")?.as_object_mut()?;
    let kind = resource.get("resourceType")?.as_str()?.to_owned();
    let own = resource.get("id").and_then(Value::as_str).unwrap_or_default().to_owned();
    let key = match (own.is_empty(), full.is_empty()) {
        (false, _) => own.clone(),
        (true, false) => full.clone(),
        // Without any name it can't be recognised in a later message.
        (true, true) => format!("{}#{number}", context.original),
    };
    let id = own_id(context, &kind, &key);
    let url = format!("urn:uuid:{id}");
    if !full.is_empty() {
        names.entry(full.clone()).or_insert_with(|| url.clone());
    }
    if !own.is_empty() {
        names.entry(format!("{kind}/{own}")).or_insert_with(|| url.clone());
    }
    resource.insert("id".to_owned(), Value::String(id));
    let meta = resource.entry("meta").or_insert_with(|| json!({}));
    if let Some(meta) = meta.as_object_mut() {
        // Its own name in the message: the way back to the place in the original.
        let place = if full.is_empty() { format!("{kind}/{key}") } else { full.clone() };
        meta.insert("source".to_owned(), Value::String(format!("{}#{place}", context.original)));
    }
    entry.insert("fullUrl".to_owned(), Value::String(url.clone()));
    Some(url)
}

fn rewrite(value: &mut Value, names: &HashMap<String, String>, depth: usize) {
    if depth > DEPTH_MAX {
        return;
    }
    match value {
        Value::Object(object) => {
            for (key, value) in object.iter_mut() {
                match value {
                    Value::String(text) if key == "reference" => {
                        let plain = text.split("/_history/").next().unwrap_or(text);
                        if let Some(url) = names.get(text.as_str()).or_else(|| names.get(plain)) {
                            text.clone_from(url);
                        }
                    }
                    other => rewrite(other, names, depth + 1),
                }
            }
        }
        Value::Array(list) => list.iter_mut().for_each(|value| rewrite(value, names, depth + 1)),
        _ => {}
    }
}

fn provenance(context: &Context, targets: Vec<Value>) -> Value {
    let id = own_id(context, "Provenance", &context.original);
    let who = json!({"identifier": {"system": context.sender.system, "value": context.sender.code}});
    let agent = |code: &str, who: Value| {
        json!({"type": {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/provenance-participant-type",
                                    "code": code}]}, "who": who})
    };
    let assembler = format!("Causeway {}, adapter {NAME}", env!("CARGO_PKG_VERSION"));
    json!({"fullUrl": format!("urn:uuid:{id}"), "resource": {
        "resourceType": "Provenance",
        "id": id,
        "meta": {"source": context.original},
        "target": targets,
        "recorded": context.received.to_string(),
        "agent": [agent("author", who), agent("assembler", json!({"display": assembler}))],
        "entity": [{"role": "source",
                    "what": {"identifier": {"system": systems::ORIGINAL, "value": context.original}}}],
    }})
}
