//! ITK3 responses (ITK008M): those that a sender asks for, and those that arrive.
//!
//! `InfAckRequested` asks whether a message arrived and could be read; that is answered here. `BusAckRequested` asks
//! whether the person is known, which only the practice can say: it is told, and written when the practice says it
//! ([`respond`]). No key, no answer; an answer asks for none.

use causeway_adapter::{Acknowledgement, Composer, Context, Sender};
use causeway_core::{Issue, Leaf, Ledger, Outcome, Severity};
use causeway_json::Node;
use causeway_xml::escape_attribute;

use crate::rules;

const CODES: &str = "https://fhir.nhs.uk/STU3/CodeSystem/ITK-ResponseCodes-1";
const EVENTS: &str = "https://fhir.nhs.uk/STU3/CodeSystem/ITK-MessageEvent-2";
const STRUCTURE: &str = "https://fhir.nhs.uk/STU3/StructureDefinition";

/// What is answered: ITK3's code with its display (none where it is not published), and whether the message was taken,
/// else the type of issue. Source: ITK3 Messaging Distribution, response codes and their FHIR elements.
#[derive(Clone, Copy, Debug)]
struct Said {
    code: &'static str,
    display: &'static str,
    failed: Option<&'static str>,
}

const fn said(code: &'static str, display: &'static str, failed: Option<&'static str>) -> Said {
    Said { code, display, failed }
}

const SUCCESS: Said = said("20013", "Success", None);
const HEADER_FAILURE: Said = said("20006", "ITK3 Header validation failure", Some("processing"));
const PAYLOAD_FAILURE: Said = said("20009", "Payload validation failure", Some("processing"));

/// What a practice may say of the person.
const BUSINESS: [Said; 4] = [
    said("30001", "Patient known here. (e.g. Patient is registered here)", None),
    said("30002", "Patient not known here. (aka ‘patient record not present in system’)", Some("not-found")),
    said("30003", "Patient no longer at this clinical setting", Some("business-rule")),
    said("30004", "", None),
];

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
    if !asks(header, "InfAckRequested") {
        return None;
    }
    let worst = c.issues().iter().find(|i| i.severity >= Severity::Error && c.outputs().is_empty());
    let what = match worst {
        None => SUCCESS,
        Some(issue) if matches!(issue.rule, "bundle-type" | "message-header-absent" | "focus-absent") => {
            HEADER_FAILURE
        }
        Some(_) => PAYLOAD_FAILURE,
    };
    Some(message(c, header, root, what, worst.map(|i| i.rule), None))
}

/// The business response of a practice to a message that asked for one: an ITK008M message to the sender.
///
/// `code`: 30001 known, 30002 not known, 30003 gone, 30004 known and recently deceased. The context's sender is the
/// practice, and what was received is the answer's time.
///
/// # Errors
/// Where the code is none of these, the message can't be read, is an answer itself, or asks for no business response.
pub fn respond(input: &[u8], code: &str, context: &Context) -> Result<Acknowledgement, Issue> {
    let what = BUSINESS.into_iter().find(|s| s.code == code).ok_or_else(|| rules::RESPONSE_CODE.issue())?;
    let mut ledger = Ledger::new();
    let tree = crate::tree(input, &mut ledger)?;
    let root = tree.root();
    let header = header(root).filter(|h| h.get("response").is_none());
    let header = header.ok_or_else(|| rules::NOTHING_ASKED.issue())?;
    if !asks(header, "BusAckRequested") {
        return Err(rules::NOTHING_ASKED.issue());
    }
    Ok(message(&Composer::new(crate::FORMAT.name, context), header, root, what, None, Some(&context.sender)))
}

/// Whether a handling key says yes.
fn asks(header: Node<'_>, key: &str) -> bool {
    handling(header, key).is_some_and(|n| n.text() == "true")
}

fn message(
    c: &Composer<'_>,
    header: Node<'_>,
    root: Node<'_>,
    what: Said,
    rule: Option<&str>,
    by: Option<&Sender>,
) -> Acknowledgement {
    let asked = root.get("identifier").and_then(|i| i.string_of("value")).or_else(|| header.string_of("id"));
    let asked = asked.unwrap_or("").trim();
    // The infrastructure's answer and the practice's are two messages.
    let level = if BUSINESS.iter().any(|s| s.code == what.code) { "business " } else { "" };
    let id = |part: &str| c.id("Acknowledgement", &format!("{level}{part}|{asked}"));
    let (bundle, own, outcome, sender) = (id("bundle"), id("header"), id("outcome"), id("sender"));
    let q = |text: &str| escape_attribute(text).into_owned();
    let sent = c.context.received.strftime("%Y-%m-%dT%H:%M:%S+00:00");
    let (answered, severity, kind) = match what.failed {
        None => ("ok", "information", "informational"),
        Some(kind) => ("fatal-error", "fatal", kind),
    };
    let display = match what.display {
        "" => String::new(),
        display => format!("<display value=\"{}\"/>", q(display)),
    };
    let diagnostics = rule.map_or(String::new(), |r| format!("<diagnostics value=\"{}\"/>", q(r)));
    let endpoint = header.get("source").and_then(|s| s.string_of("endpoint")).unwrap_or("");
    let destination = match endpoint {
        "" => String::new(),
        to => format!("<destination><endpoint value=\"{}\"/></destination>", q(to)),
    };
    let flag = |key: &str| format!("<extension url=\"{key}\"><valueBoolean value=\"false\"/></extension>");
    let flags = flag("BusAckRequested") + &flag("InfAckRequested");
    let by = match by {
        None => "<name value=\"Causeway\"/>".to_owned(),
        Some(by) => format!(
            "<identifier><system value=\"{}\"/><value value=\"{}\"/></identifier>",
            q(&by.system),
            q(&by.code)
        ),
    };
    let text = format!(
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
         {by}</Organization></resource></entry>\
         <entry><fullUrl value=\"urn:uuid:{outcome}\"/><resource><OperationOutcome><id value=\"{outcome}\"/>\
         <issue><severity value=\"{severity}\"/><code value=\"{kind}\"/><details><coding>\
         <system value=\"{CODES}\"/><code value=\"{}\"/>{display}</coding></details>{diagnostics}\
         </issue></OperationOutcome></resource></entry></Bundle>\n",
        q(asked),
        what.code,
    );
    let (media_type, positive) = ("application/fhir+xml", what.failed.is_none());
    Acknowledgement { bytes: text.into_bytes(), media_type, extension: "xml", positive }
}

/// Tells that the sender waits for a business response.
pub(crate) fn business(c: &mut Composer<'_>, root: Node<'_>) {
    let key = header(root).and_then(|h| handling(h, "BusAckRequested")).filter(|n| n.text() == "true");
    if let Some(leaf) = key.and_then(Node::leaf) {
        c.issue_at(leaf.id, rules::BUSINESS_ASKED.issue());
    }
}
