#![doc = include_str!("../README.md")]

mod doubt;
mod encode;
mod form;
mod order;
pub mod rules;
mod shape;
mod stray;
mod xml;

use std::collections::HashMap;

use causeway_adapter::{
    Adapter, Confidence, Context, Detection, Encoded, Format, Output, Sector, Sink, Telling, budget,
};
use causeway_core::{Issue, IssueCode, Ledger, Outcome, Severity, common};
use causeway_fhir::systems;
use causeway_json::{Kind, Node, Tree};
use serde_json::{Map, Number, Value, json};
use uuid::Uuid;

/// Types that tell nothing of a person: answers and settings of a server.
const NO_RECORD: [&str; 5] =
    ["OperationOutcome", "Parameters", "Subscription", "CapabilityStatement", "Bundle"];
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
/// What STU3 has and R4 can't have, in JSON and in XML.
const STU3_MARKS: [&[u8]; 8] = [
    b"\"ProcedureRequest\"",
    b"\"ReferralRequest\"",
    b"\"assertedDate\"",
    b"\"taken\"",
    b"<ProcedureRequest",
    b"<ReferralRequest",
    b"<assertedDate ",
    b"<taken ",
];
/// Bytes of an unmarked document that is read whole to see which version it is of.
const DETECT_WHOLE_BYTES: usize = 8 * 1024 * 1024;
/// Levels of a resource: what the JSON reader lets through.
const DEPTH_MAX: usize = 130;

/// The adapter.
#[derive(Clone, Copy, Debug)]
pub struct FhirR4;

fn fatal(code: IssueCode, rule: &'static str, text: &'static str) -> Issue {
    Issue::new(Severity::Fatal, code, rule, text)
}

/// The MessageHeader of a message Bundle of R4.
fn header(bundle: &Value) -> Option<&Value> {
    let header = &bundle["entry"][0]["resource"];
    let message = bundle["type"] == "message"
        && header["resourceType"] == "MessageHeader"
        && (header["eventCoding"]["code"].is_string() || header["eventUri"].is_string());
    message.then_some(header)
}

/// The event in the message's own words.
fn event(header: &Value) -> String {
    let code = header["eventCoding"]["code"].as_str().or_else(|| header["eventUri"].as_str());
    code.unwrap_or_default().to_owned()
}

/// What is taken: what it is, and what happened. `None` for any other.
fn kind(bundle: &Value) -> Option<(&'static str, String)> {
    let kind = bundle["resourceType"].as_str()?;
    if kind != "Bundle" {
        return (shape::is_resource(kind) && !NO_RECORD.contains(&kind))
            .then(|| ("resource", "resource".to_owned()));
    }
    if let Some(header) = header(bundle) {
        return Some(("message", event(header)));
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
        Some(what @ ("transaction" | "batch" | "searchset")) if bundle["entry"].is_array() => {
            let what = if what == "searchset" { "search result" } else { what };
            ["transaction", "batch", "search result"]
                .into_iter()
                .find(|w| *w == what)
                .map(|w| (w, w.to_owned()))
        }
        _ => None,
    }
}

fn detection(event: &str) -> Detection {
    Detection::is(Confidence::Likely, format!("4.0.1 {event}").trim_end())
}

/// The format.
pub const FORMAT: Format = Format {
    name: NAME,
    title: "FHIR R4",
    summary: "Systems that have FHIR R4 already: resources, messages (Booking and Referral and others), documents, transactions",
    sector: Sector::Health,
    telling: Telling::Event,
    versions: &["FHIR R4 (4.0.1), UK Core"],
    media_types: &[
        "application/fhir+json; fhirVersion=4.0",
        "application/fhir+json",
        "application/fhir+xml; fhirVersion=4.0",
    ],
    extensions: &["json", "xml"],
};

impl Adapter for FhirR4 {
    fn format(&self) -> &'static Format {
        &FORMAT
    }

    fn control_id(&self, input: &[u8]) -> Option<String> {
        match causeway_profile::is_xml(input) {
            true => causeway_adapter::control_id::xml_attribute(input, "id", "value"),
            false => causeway_adapter::control_id::json_text(input, "id"),
        }
    }

    fn rules(&self) -> &'static [&'static [causeway_adapter::Rule]] {
        &[rules::ALL, causeway_stu3::xml::RULES]
    }

    fn encodes(&self) -> bool {
        true
    }

    fn written(&self) -> (&'static str, &'static str) {
        ("ips", "International Patient Summary (FHIR R4 document)")
    }

    fn encode(&self, bundle: &Value, context: &Context) -> Result<Encoded, Issue> {
        encode::encode(bundle, context)
    }

    fn detect(&self, input: &[u8]) -> Detection {
        // Other documents aren't read whole to find that they are none.
        let within = |bytes: usize, what: &[u8]| {
            let start = input.get(..bytes.min(input.len())).unwrap_or_default();
            causeway_adapter::head::holds(start, what)
        };
        let is_xml = causeway_profile::is_xml(input);
        let head = input.get(..DETECT_BYTES.min(input.len())).unwrap_or_default();
        let known = if is_xml { xml::is_fhir(head) } else { within(DETECT_BYTES, b"\"resourceType\"") };
        if !known {
            return Detection::no();
        }
        let marked = R4_MARKS.iter().any(|mark| within(DETECT_VERSION_BYTES, mark))
            && !STU3_MARKS.iter().any(|mark| within(DETECT_BYTES, mark));
        if input.len() > DETECT_WHOLE_BYTES && !marked && !within(DETECT_BYTES, b"MessageHeader") {
            return Detection::no();
        }
        if causeway_adapter::budget::is_dense(self, input) {
            // It is refused before it is read, and is not read here either.
            return if marked { detection("") } else { Detection::no() };
        }
        let mut ledger = Ledger::new();
        let tree = if is_xml { xml::read(input, &mut ledger) } else { read(input, &mut ledger) };
        let Ok(tree) = tree else { return Detection::no() };
        let document = Document { root: tree.root(), is_xml };
        let Some((what, event)) = kind(&document.shell()) else {
            return Detection::no();
        };
        // Its version can't be seen elsewhere: only the sender's own word could decide.
        let is_r4 = what == "message" || marked || document.is_r4();
        if is_r4 { detection(&event) } else { Detection::no() }
    }

    fn translate(&self, input: &[u8], context: &Context, sink: &mut dyn Sink) -> Result<(), Issue> {
        let mut ledger = Ledger::new();
        let is_xml = causeway_profile::is_xml(input);
        let tree = if is_xml { xml::read(input, &mut ledger)? } else { read(input, &mut ledger)? };
        if tree.duplicates().next().is_some() {
            return Err(fatal(
                IssueCode::Structure,
                "json-member-twice",
                "a member of an object occurs twice",
            ));
        }
        let document = Document { root: tree.root(), is_xml };
        let is_bundle = tree.root().string_of("resourceType") == Some("Bundle");
        let held = document.entries(!is_bundle).unwrap_or_default();
        if let Some(node) = held.iter().find(|node| is_too_large(**node, &ledger)) {
            return refuse(*node, ledger, sink);
        }
        let mut shell = document.shell();
        let mut foreign = Vec::new();
        if is_xml {
            xml::foreign(tree.root(), &mut ledger, &mut foreign);
        }
        let (what, event) = kind(&shell).ok_or_else(|| {
            fatal(
                IssueCode::Structure,
                "not-a-record",
                "this is no FHIR R4 resource, message with its MessageHeader first, document with its Composition first, \
                 collection, transaction, batch or search result",
            )
        })?;
        // The first entry told what it is; it is made with the others.
        if let Some(first) = shell.get_mut("entry") {
            *first = json!([]);
        }
        if let Some((leaf, rule)) = order::fault(tree.root()) {
            return Err(Issue { position: ledger.position(leaf.id), ..rule.issue() });
        }
        let is_alone = what == "resource";
        if is_alone {
            shell = json!({"resourceType": "Bundle", "type": "collection", "entry": []});
        }
        let entries = document.entries(is_alone);
        let Some(entries) = entries.filter(|entries| entries.len() <= ENTRIES_MAX) else {
            return Err(fatal(IssueCode::TooLong, "entries", "the Bundle has too many entries"));
        };
        let mut claims = Claims {
            ledger: &mut ledger,
            what,
            requests: false,
            deletions: false,
            empty: false,
            foreign: false,
        };
        match is_alone {
            true => claims.meta(tree.root()),
            false => claims.bundle(tree.root()),
        }
        for issue in claims.issues() {
            sink.issue(issue);
        }
        foreign.into_iter().for_each(|issue| sink.issue(issue));
        for (leaf, rule) in doubt::doubtful(tree.root(), context) {
            let mut issue = rule.issue();
            issue.position = ledger.position(leaf.id);
            if [common::BIRTH_FUTURE.id, rules::NO_END.id, common::RANGE_REVERSED.id].contains(&rule.id) {
                ledger.claim(leaf.id, Outcome::MappedWithLoss, "it can't be meant; its text was kept");
            }
            sink.issue(issue);
        }
        // What stands around the entries of a Bundle within is not written, and may have been mended.
        let has_bundle =
            || tree.root().get("entry").into_iter().flat_map(Node::elements).any(|e| bundle_in(e).is_some());
        let mut mended = form::mend(&mut shell, None, 0) || has_bundle();
        let mut making = Making { document, is_alone, context, names: HashMap::new() };
        let mut targets = Vec::new();
        // What is small is made once and kept; of what is large one entry at a time is held.
        let mut kept = Vec::new();
        let keeps = input.len() <= KEPT_BYTES_MAX;
        for node in &entries {
            let made = making.entries(*node, targets.len());
            mended |= made.mended;
            targets.extend(made.urls.into_iter().map(|url| json!({"reference": url})));
            if keeps {
                kept.extend(made.entries);
            }
        }
        if mended {
            for (leaf, rule, outcome) in form::mended(tree.root()) {
                let reason = rule.map_or("another element of the source says it", |rule| rule.text);
                ledger.claim(leaf.id, outcome, reason);
                let Some(mut issue) = rule.map(|rule| rule.issue()) else { continue };
                issue.position = ledger.position(leaf.id);
                sink.issue(issue);
            }
        }
        if let Some(id) = tree.root().leaf_of("id").filter(|_| !is_alone) {
            ledger.claim(id.id, Outcome::Decides, "the id of the bundle that is made");
        }
        let all = ledger.next_id();
        ledger.claim_rest(0..all, Outcome::Mapped, "");
        if !matches!(what, "message" | "document") {
            // What is taken in is no longer a request or an answer.
            shell["type"] = json!("collection");
            for name in ["total", "link"] {
                shell.as_object_mut().map(|map| map.remove(name));
            }
        }
        if targets.is_empty() {
            let text =
                "the Bundle holds an answer of a server and no resource: there is nothing to translate";
            return Err(fatal(IssueCode::NotSupported, "bundle-without-resource", text));
        }
        doubt::ends(&mut shell, context, 0);
        doubt::unspaced(&mut shell, 0);
        let resources = targets.len() as u32 + 1;
        let id = own_id(context, "Bundle", shell["id"].as_str().unwrap_or(&context.original));
        shell["id"] = Value::String(id.clone());
        let limit = budget::output_bytes(&ledger, 0);
        let mut json = Vec::with_capacity(limit.min(input.len().saturating_mul(2)));
        let (front, back) = around(&shell);
        json.extend_from_slice(front.as_bytes());
        let mut number = 0;
        for node in &entries {
            let made = match keeps {
                true => std::mem::take(&mut kept),
                false => making.entries(*node, number).entries,
            };
            for mut entry in made {
                rewrite(&mut entry["resource"], &making.names, context, 0);
                number += 1;
                append(&mut json, &entry);
                json.push(b',');
            }
            if json.len() > limit {
                return refuse(*node, ledger, sink);
            }
        }
        append(&mut json, &provenance(context, targets));
        json.extend_from_slice(back.as_bytes());
        sink.ledger(ledger);
        sink.output(Output { json, id, label: what.to_owned(), event, recipient: None, resources });
        Ok(())
    }
}

/// Reads a document in JSON.
fn read<'i>(input: &'i [u8], ledger: &mut Ledger) -> Result<Tree<'i>, Issue> {
    Ok(Tree::parse(input, ledger)?)
}

/// Bytes of a document whose entries are held all at once.
const KEPT_BYTES_MAX: usize = 128 * 1024;

/// Bytes of memory for each value of a resource while it is worked on.
const VALUE_BYTES: u64 = 200;

/// Whether a resource has more values than may be held.
fn is_too_large(entry: Node<'_>, ledger: &Ledger) -> bool {
    entry.size() as u64 * VALUE_BYTES > budget::free_bytes(ledger, 0)
}

/// Refuses a document that would become too large, and says where.
fn refuse(entry: Node<'_>, mut ledger: Ledger, sink: &mut dyn Sink) -> Result<(), Issue> {
    let rule = common::OUTPUT_TOO_LARGE;
    let all = 0..ledger.next_id();
    ledger.overrule(all.clone(), Outcome::Rejected, budget::TOO_LARGE);
    ledger.claim_rest(all, Outcome::Rejected, budget::TOO_LARGE);
    sink.ledger(ledger);
    sink.issue(rule.with(&budget::MEMORY_TIMES.to_string()).at(entry.position()));
    Ok(())
}

/// Appends a value as JSON.
fn append(json: &mut Vec<u8>, value: &Value) {
    // Into memory, and with keys that are text: it can't fail.
    let _ = serde_json::to_writer(json, value);
}

/// What stands in a Bundle before its entries and after them.
fn around(shell: &Value) -> (String, String) {
    let (mut front, mut back) = (String::from("{"), String::from("]"));
    let mut before = true;
    for (name, value) in shell.as_object().into_iter().flatten() {
        let key = Value::String(name.clone());
        match (name == "entry", before) {
            (true, _) => {
                front.push_str("\"entry\":[");
                before = false;
            }
            (false, true) => front.push_str(&format!("{key}:{value},")),
            (false, false) => back.push_str(&format!(",{key}:{value}")),
        }
    }
    back.push('}');
    (front, back)
}

/// A document, read entry by entry: as values it would take many times its size.
#[derive(Clone, Copy)]
struct Document<'t> {
    root: Node<'t>,
    is_xml: bool,
}

impl<'t> Document<'t> {
    /// A node as a value, without what XML says and FHIR has no place for. Room is made for as many members as there are:
    /// lists that grow by themselves hold up to four times as many.
    fn value(self, node: Node<'_>) -> Value {
        match node.kind() {
            Kind::Object => {
                let members = || node.members().filter(|(name, _)| !(self.is_xml && xml::is_foreign(name)));
                let mut object = Map::with_capacity(members().count());
                object.extend(members().map(|(name, node)| (name.to_owned(), self.value(node))));
                Value::Object(object)
            }
            Kind::Array => {
                let mut list = Vec::with_capacity(node.elements().count());
                list.extend(node.elements().map(|one| self.value(one)));
                Value::Array(list)
            }
            Kind::Number => serde_json::from_str::<Number>(node.text()).map_or(Value::Null, Value::Number),
            Kind::True => Value::Bool(true),
            Kind::False => Value::Bool(false),
            Kind::Null => Value::Null,
            Kind::Text => Value::String(node.text().to_owned()),
        }
    }

    /// What stands around the entries of a Bundle, with the first of them; of any other resource its type.
    fn shell(self) -> Value {
        let mut shell = Map::new();
        let is_bundle = self.root.string_of("resourceType") == Some("Bundle");
        for (name, node) in self.root.members() {
            let value = match (name, is_bundle) {
                ("entry", true) if node.is_array() => {
                    node.elements().take(1).map(|first| self.value(first)).collect()
                }
                ("resourceType", _) => self.value(node),
                (_, true) if !(self.is_xml && xml::is_foreign(name)) => self.value(node),
                _ => continue,
            };
            shell.insert(name.to_owned(), value);
        }
        Value::Object(shell)
    }

    /// The entries of a Bundle, with those of the Bundles within it in their places; a resource alone stands for one. `None`
    /// where there is no list of them.
    fn entries(self, is_alone: bool) -> Option<Vec<Node<'t>>> {
        if is_alone {
            return Some(vec![self.root]);
        }
        let mut flat = Vec::new();
        let mut open = vec![self.root.get("entry").filter(|list| list.is_array())?.elements()];
        while let Some(list) = open.last_mut() {
            let Some(entry) = list.next() else {
                open.pop();
                continue;
            };
            match bundle_in(entry) {
                Some(bundle) => {
                    open.extend(bundle.get("entry").filter(|list| list.is_array()).map(Node::elements))
                }
                None => flat.push(entry),
            }
        }
        Some(flat)
    }

    /// Whether each resource has only elements of R4.
    fn is_r4(self) -> bool {
        let is_r4 = |node: Node<'_>| shape::is_r4(&self.value(node));
        if self.root.string_of("resourceType") != Some("Bundle") {
            return is_r4(self.root);
        }
        let entries = self.root.get("entry").into_iter().flat_map(Node::elements);
        let mut all = entries.filter_map(|e| e.get("resource")).filter(|r| !r.is_null()).peekable();
        all.peek().is_some() && all.all(is_r4)
    }
}

/// The Bundle that an entry holds.
fn bundle_in(entry: Node<'_>) -> Option<Node<'_>> {
    entry.get("resource").filter(|held| held.string_of("resourceType") == Some("Bundle"))
}

/// What is made of one entry of a Bundle.
struct Made {
    entries: Vec<Value>,
    /// The URL of each resource.
    urls: Vec<String>,
    /// Whether anything had to be put into R4's form.
    mended: bool,
}

/// Makes entries.
struct Making<'t, 'c> {
    document: Document<'t>,
    is_alone: bool,
    context: &'c Context,
    /// Names of resources by those that they had.
    names: HashMap<String, String>,
}

impl Making<'_, '_> {
    /// Makes what becomes of an entry; `number` is how many there are before it.
    fn entries(&mut self, node: Node<'_>, number: usize) -> Made {
        let value = self.document.value(node);
        // Put into each other by hand: `json!` would copy what may be most of the document.
        let around = |name: &str, value: Value| Value::Object(Map::from_iter([(name.to_owned(), value)]));
        let value = if self.is_alone { around("resource", value) } else { value };
        let mut part = around("entry", Value::Array(vec![value]));
        part["resourceType"] = json!("Bundle");
        let mended = form::mend(&mut part, None, 0);
        without_outcomes(&mut part);
        doubt::unborn(&mut part, self.context);
        doubt::ends(&mut part, self.context, 0);
        doubt::unspaced(&mut part, 0);
        let mut entries = part["entry"].as_array_mut().map(std::mem::take).unwrap_or_default();
        entries.retain(|entry| entry["resource"]["resourceType"].is_string());
        let mut urls = Vec::new();
        for (at, entry) in entries.iter_mut().enumerate() {
            let Some(entry) = entry.as_object_mut() else { continue };
            for name in ["request", "response", "search"] {
                entry.remove(name);
            }
            urls.extend(name(entry, number + at, self.context, &mut self.names));
        }
        Made { entries, urls, mended }
    }
}

/// Claims what doesn't go through as it is, and says so.
struct Claims<'l> {
    ledger: &'l mut Ledger,
    what: &'static str,
    requests: bool,
    deletions: bool,
    empty: bool,
    foreign: bool,
}

impl Claims<'_> {
    fn claim(&mut self, node: Option<Node<'_>>, outcome: Outcome, reason: &'static str) -> bool {
        let mut some = false;
        for leaf in node.into_iter().flat_map(Node::leaves) {
            self.ledger.claim(leaf.id, outcome, reason);
            some = true;
        }
        some
    }

    fn bundle(&mut self, bundle: Node<'_>) {
        if !matches!(self.what, "message" | "document") {
            for name in ["total", "link"] {
                self.claim(bundle.get(name), Outcome::Structural, "");
            }
        }
        for entry in bundle.get("entry").into_iter().flat_map(Node::elements) {
            self.entry(entry);
        }
    }

    fn entry(&mut self, entry: Node<'_>) {
        let resource = entry.get("resource").filter(|r| r.string_of("resourceType").is_some());
        let request = entry.get("request");
        let Some(resource) = resource else {
            if request.is_some() {
                self.deletions = true;
                self.claim(Some(entry), Outcome::Unsupported, "deletions and queries are not carried out");
            } else {
                self.empty = true;
                self.claim(Some(entry), Outcome::Rejected, "an entry without a resource");
            }
            return;
        };
        for name in ["response", "search"] {
            self.claim(entry.get(name), Outcome::Structural, "");
        }
        let puts = self.what == "transaction" || self.what == "batch";
        for (name, node) in request.into_iter().flat_map(Node::members) {
            if puts && matches!(name, "method" | "url") {
                self.claim(Some(node), Outcome::Structural, "");
            } else {
                self.requests |=
                    self.claim(Some(node), Outcome::Unsupported, "not carried out within a record");
            }
        }
        match resource.string_of("resourceType") {
            Some("OperationOutcome") => {
                self.claim(Some(entry), Outcome::Unsupported, "what a server says of itself is no record");
            }
            Some(kind) if !shape::is_resource(kind) => {
                self.foreign = true;
                self.claim(Some(entry), Outcome::Rejected, "R4 has no resource of this type");
            }
            Some("Bundle") => {
                // It goes, and its entries stay.
                self.claim(entry.get("fullUrl"), Outcome::Structural, "");
                let around = |name: &str| !matches!(name, "entry" | "resourceType");
                for (name, node) in resource.members().filter(|(name, _)| around(name)) {
                    let outcome =
                        if name == "signature" { Outcome::Unsupported } else { Outcome::Structural };
                    self.claim(Some(node), outcome, "the signature is of the original, which is kept");
                }
                self.bundle(resource);
            }
            _ => self.meta(resource),
        }
    }

    fn meta(&mut self, resource: Node<'_>) {
        let meta = resource.get("meta");
        let source = meta.and_then(|m| m.get("source"));
        self.claim(source, Outcome::Unsupported, "the source is the original that is kept");
        let tags = meta.and_then(|m| m.get("tag"));
        self.claim(tags, Outcome::Unsupported, "labels of the sender's own store; kept in the original");
    }

    fn issues(self) -> Vec<Issue> {
        let warning = |rule, text| Issue::new(Severity::Warning, IssueCode::NotSupported, rule, text);
        let request = self.requests.then(|| {
            warning(
                "entry-request",
                "requests within a Bundle are not carried out; they stay in the original",
            )
        });
        let deletion = self.deletions.then(|| {
            warning(
                "entry-deletion",
                "deletions and queries of a transaction are not carried out; they stay in the original",
            )
        });
        let nothing = self.empty.then(|| {
            let text = "an entry of the Bundle has no resource";
            Issue::new(Severity::Error, IssueCode::Structure, "entry-without-resource", text)
        });
        let foreign = self.foreign.then(|| rules::TYPE_UNKNOWN.issue());
        request.into_iter().chain(deletion).chain(nothing).chain(foreign).collect()
    }
}

/// Takes out what is no record.
fn without_outcomes(bundle: &mut Value) {
    let Some(entries) = bundle["entry"].as_array_mut() else { return };
    entries.retain(|entry| match entry["resource"]["resourceType"].as_str() {
        Some("OperationOutcome") => false,
        kind => kind.is_none_or(shape::is_resource),
    });
}

fn own_id(context: &Context, kind: &str, key: &str) -> String {
    let name = [context.sender.code.as_str(), "|", NAME, "|", kind, "|", key].concat();
    Uuid::new_v5(&context.namespace, name.as_bytes()).hyphenated().to_string()
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
        let place = match (full.is_empty(), full.ends_with(&own)) {
            (true, _) => format!("{kind}/{key}"),
            (false, true) => full.clone(),
            // The two need not agree; neither is lost.
            (false, false) => format!("{full}|{kind}/{own}"),
        };
        meta.insert("source".to_owned(), Value::String(format!("{}#{place}", context.original)));
        // Who told it is who sent it now, whatever the sender's own store says.
        meta.insert("tag".to_owned(), tags(context));
    }
    entry.insert("fullUrl".to_owned(), Value::String(url.clone()));
    Some(url)
}

/// The labels that say where a resource comes from.
fn tags(context: &Context) -> Value {
    let sender = &context.sender;
    let name = if sender.name.is_empty() { &sender.code } else { &sender.name };
    json!([{"system": systems::TAG_SOURCE, "code": NAME},
        {"system": systems::TAG_PROVENANCE, "code": sender.code, "display": name}])
}

/// The id that a resource of the sender's own store has here, by a reference relative to that store: what it told before, or
/// will tell, is found by it. `None` for any other reference.
fn told_apart(reference: &str, context: &Context) -> Option<String> {
    let (kind, id) = reference.split_once('/')?;
    let is_id = !id.is_empty()
        && id.len() <= 64
        && id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'.');
    (is_id && shape::is_resource(kind)).then(|| format!("{kind}/{}", own_id(context, kind, id)))
}

fn rewrite(value: &mut Value, names: &HashMap<String, String>, context: &Context, depth: usize) {
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
                        } else if let Some(earlier) = told_apart(plain, context) {
                            *text = earlier;
                        }
                    }
                    other => rewrite(other, names, context, depth + 1),
                }
            }
        }
        Value::Array(list) => list.iter_mut().for_each(|value| rewrite(value, names, context, depth + 1)),
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
        "meta": {"source": context.original, "tag": tags(context)},
        "target": targets,
        "recorded": context.received.to_string(),
        "agent": [agent("author", who), agent("assembler", json!({"display": assembler}))],
        "entity": [{"role": "source",
                    "what": {"identifier": {"system": systems::ORIGINAL, "value": context.original}}}],
    }})
}
