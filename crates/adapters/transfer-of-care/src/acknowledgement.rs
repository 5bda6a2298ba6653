//! ITK3 responses (ITK008M): those that a sender asks for, and those that arrive.
//!
//! `InfAckRequested` asks whether a message arrived and could be read; that is answered here. `BusAckRequested` asks
//! whether the person is known, which only the practice can say: it is told. No key, no answer; an answer asks for none.

use causeway_adapter::{Acknowledgement, Composer};
use causeway_core::{Leaf, Outcome, Severity};
use causeway_json::Node;
use causeway_xml::escape_attribute;

use crate::rules;

const CODES: &str = "https://fhir.nhs.uk/STU3/CodeSystem/ITK-ResponseCodes-1";
const EVENTS: &str = "https://fhir.nhs.uk/STU3/CodeSystem/ITK-MessageEvent-2";
const STRUCTURE: &str = "https://fhir.nhs.uk/STU3/StructureDefinition";

/// What is answered: code and display of ITK3.
const SUCCESS: (&str, &str) = ("20013", "Success");
const HEADER_FAILURE: (&str, &str) = ("20006", "ITK3 Header validation failure");
const PAYLOAD_FAILURE: (&str, &str) = ("20009", "Payload validation failure");

/// The MessageHeader of a message, where it has one first.
fn header(root: Node<'_>) -> Option<Node<'_>> {
    let first = root.get("entry")?.elements().next()?.get("resource")?;
    (first.string_of("resourceType") == Some("MessageHeader")).then_some(first)
}

/// The value of a handling key.
fn handling<'t>(header: Node<'t>, key: &str) -> Option<Node<'t>> {
    let mut all = header.get("extension")?.elements();
    let keys =
        all.find(|e| e.string_of("url").is_some_and(|u| u.contains("Extension-ITK-MessageHandling")))?;
    let one = keys.get("extension")?.elements().find(|e| e.string_of("url") == Some(key))?;
    one.members().find(|(name, _)| name.starts_with("value")).map(|(_, node)| node)
}

/// The code of ITK3 with which a message answers: its first, which is the worst of an outcome.
fn response_code(root: Node<'_>) -> Option<Leaf<'_>> {
    let resources = root.get("entry")?.elements().filter_map(|e| e.get("resource"));
    let outcomes = resources.filter(|r| r.string_of("resourceType") == Some("OperationOutcome"));
    let issues = outcomes.filter_map(|o| o.get("issue")).flat_map(Node::elements);
    let codings = issues.filter_map(|i| i.get("details")?.get("coding")).flat_map(Node::elements);
    codings
        .filter(|c| c.string_of("system").is_some_and(|s| s.contains("ITK-ResponseCodes")))
        .find_map(|c| c.leaf_of("code"))
}

/// Whether a message answers another; then it is told and holds no record.
pub(crate) fn received(c: &mut Composer<'_>, root: Node<'_>) -> bool {
    let Some(response) = header(root).and_then(|h| h.get("response")) else { return false };
    let code = response.get("code");
    let said = response_code(root);
    let rule = match (said.map(|leaf| leaf.text.trim()), code.map(Node::text)) {
        (Some("30001"), _) => rules::PERSON_KNOWN,
        (Some("30002"), _) => rules::PERSON_UNKNOWN,
        (Some("30003"), _) => rules::PERSON_GONE,
        (Some("30004"), _) => rules::PERSON_DEAD,
        (Some("20007" | "20008"), _) => rules::DUPLICATE,
        (_, Some("ok")) => rules::ACKNOWLEDGED,
        _ => rules::ACKNOWLEDGED_FAILURE,
    };
    match said.or(code.and_then(Node::leaf)) {
        Some(leaf) => c.issue_at(leaf.id, rule.issue()),
        None => c.issue(rule.issue()),
    }
    let reason = "an acknowledgement says nothing of a person's care";
    c.ledger.claim_rest(0..c.ledger.next_id(), Outcome::Unsupported, reason);
    true
}

/// The answer to a message, where its sender asks for one.
pub(crate) fn answer(c: &Composer<'_>, root: Node<'_>) -> Option<Acknowledgement> {
    let header = header(root)?;
    let asked = handling(header, "InfAckRequested").is_some_and(|n| n.text() == "true");
    if !asked {
        return None;
    }
    let worst = c.issues().iter().find(|i| i.severity >= Severity::Error && c.outputs().is_empty());
    let (code, display) = match worst {
        None => SUCCESS,
        Some(issue) if matches!(issue.rule, "bundle-type" | "message-header-absent" | "focus-absent") => {
            HEADER_FAILURE
        }
        Some(_) => PAYLOAD_FAILURE,
    };
    let rule = worst.map(|i| i.rule);
    let bytes = message(c, header, root, (code, display), rule).into_bytes();
    let media_type = "application/fhir+xml";
    Some(Acknowledgement { bytes, media_type, extension: "xml", positive: worst.is_none() })
}

fn message(
    c: &Composer<'_>,
    header: Node<'_>,
    root: Node<'_>,
    (code, display): (&str, &str),
    rule: Option<&str>,
) -> String {
    let asked = root.get("identifier").and_then(|i| i.string_of("value")).or_else(|| header.string_of("id"));
    let asked = asked.unwrap_or("").trim();
    let id = |what: &str| c.id("Acknowledgement", &format!("{what}|{asked}"));
    let (bundle, own, outcome, sender) = (id("bundle"), id("header"), id("outcome"), id("sender"));
    let q = |text: &str| escape_attribute(text).into_owned();
    let sent = c.context.received.strftime("%Y-%m-%dT%H:%M:%S+00:00");
    let answered = match rule {
        None => "ok",
        Some(_) => "fatal-error",
    };
    let (severity, kind) = match rule {
        None => ("information", "informational"),
        Some(_) => ("fatal", "processing"),
    };
    let diagnostics = rule.map_or(String::new(), |r| format!("<diagnostics value=\"{}\"/>", q(r)));
    let endpoint = header.get("source").and_then(|s| s.string_of("endpoint")).unwrap_or("");
    let destination = match endpoint {
        "" => String::new(),
        to => format!("<destination><endpoint value=\"{}\"/></destination>", q(to)),
    };
    let flag = |key: &str| format!("<extension url=\"{key}\"><valueBoolean value=\"false\"/></extension>");
    let flags = flag("BusAckRequested") + &flag("InfAckRequested");
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Bundle xmlns=\"http://hl7.org/fhir\"><id value=\"{bundle}\"/>\
         <meta><profile value=\"{STRUCTURE}/ITK-Message-Bundle-1\"/></meta>\
         <identifier><system value=\"https://tools.ietf.org/html/rfc4122\"/><value value=\"{bundle}\"/></identifier>\
         <type value=\"message\"/>\
         <entry><fullUrl value=\"urn:uuid:{own}\"/><resource><MessageHeader><id value=\"{own}\"/>\
         <meta><profile value=\"{STRUCTURE}/ITK-MessageHeader-2\"/></meta>\
         <extension url=\"{STRUCTURE}/Extension-ITK-MessageHandling-2\">{flags}\
         <extension url=\"RecipientType\"><valueCoding>\
         <system value=\"https://fhir.nhs.uk/STU3/CodeSystem/ITK-RecipientType-1\"/><code value=\"FI\"/>\
         <display value=\"For Information\"/></valueCoding></extension></extension>\
         <event><system value=\"{EVENTS}\"/><code value=\"ITK008M\"/><display value=\"ITK Response\"/></event>\
         {destination}<sender><reference value=\"urn:uuid:{sender}\"/></sender><timestamp value=\"{sent}\"/>\
         <source><endpoint value=\"urn:uuid:{sender}\"/></source>\
         <response><identifier value=\"{}\"/><code value=\"{answered}\"/>\
         <details><reference value=\"urn:uuid:{outcome}\"/></details></response>\
         <focus><reference value=\"urn:uuid:{outcome}\"/></focus></MessageHeader></resource></entry>\
         <entry><fullUrl value=\"urn:uuid:{sender}\"/><resource><Organization><id value=\"{sender}\"/>\
         <name value=\"Causeway\"/></Organization></resource></entry>\
         <entry><fullUrl value=\"urn:uuid:{outcome}\"/><resource><OperationOutcome><id value=\"{outcome}\"/>\
         <issue><severity value=\"{severity}\"/><code value=\"{kind}\"/><details><coding>\
         <system value=\"{CODES}\"/><code value=\"{code}\"/><display value=\"{}\"/></coding></details>{diagnostics}\
         </issue></OperationOutcome></resource></entry></Bundle>\n",
        q(asked),
        q(display),
    )
}

/// Tells that the sender waits for a business response.
pub(crate) fn business(c: &mut Composer<'_>, root: Node<'_>) {
    let key = header(root).and_then(|h| handling(h, "BusAckRequested")).filter(|n| n.text() == "true");
    if let Some(leaf) = key.and_then(Node::leaf) {
        c.issue_at(leaf.id, rules::BUSINESS_ASKED.issue());
    }
}
