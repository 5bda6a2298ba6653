//! The acknowledgement watch: what is expected of a delivered or collected message, by when, and the settling of
//! what comes in (ITK3 acknowledgements on `…_ACK` workflows, HL7 acknowledgements that come as messages).

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use causeway_exchange::watch::{Meaning, Requested, Watches, hl7_meaning, itk_meaning};
use causeway_exchange::{
    AckKind, AckOutcome, Effects, EngineError, Expectation, Lease, Message, MessageId, MessageKind,
    MessageQuery, NewEvent, NewExpectation, Settle, State,
};
use jiff::{SignedDuration, Timestamp};
use quick_xml::events::Event;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio_util::sync::CancellationToken;

use super::config::{Endpoint, Kind};
use super::limits::{
    WATCH_BYTES_MAX, WATCH_CODES_MAX, WATCH_MS, WATCH_PAGE, WATCH_PENDING_MAX, WATCH_START_SECONDS,
};
use super::mllp::field;
use super::parcel::Parcel;
use crate::pipeline::read_content;
use crate::state::{AppState, Shared};

/// Configuration document with the table of deadlines.
pub const DOCUMENT: (&str, &str) = ("watch", "table");
/// Where the watch remembers how far it has read.
const CURSOR: (&str, &str) = ("service", "watch-cursor");
/// What acknowledgement workflows end with (ITK3 over MESH).
const SUFFIX: &str = "_ACK";

/// The table in force: the document kept with the data, else the configuration file's.
fn table(state: &AppState) -> Result<Watches, EngineError> {
    match state.engine.config(DOCUMENT.0, DOCUMENT.1)? {
        Some((_, json)) => serde_json::from_str(&json)
            .map_err(|_| EngineError::Corrupt("table of acknowledgement deadlines")),
        None => Ok(Watches(state.config.watches.clone())),
    }
}

/// What acknowledgements will refer to a message as: the id of its MessageHeader, its HL7 control id, else the
/// sender's own id of it, else ours.
pub(super) fn reference(message: &Message, bytes: &[u8]) -> String {
    let own = || message.new.local_id.clone().unwrap_or_else(|| message.new.id.to_string());
    if bytes.starts_with(b"MSH") {
        return field(bytes, b"MSH", 10).map_or_else(own, str::to_owned);
    }
    header_id(bytes).unwrap_or_else(own)
}

fn header_id(bytes: &[u8]) -> Option<String> {
    if bytes.len() as u64 > WATCH_BYTES_MAX {
        return None;
    }
    if bytes.first() == Some(&b'<') {
        return header_id_of_xml(bytes);
    }
    if bytes.first() != Some(&b'{') {
        return None;
    }
    let bundle: Value = serde_json::from_slice(bytes).ok()?;
    let header = &bundle["entry"][0]["resource"];
    if header["resourceType"] != "MessageHeader" {
        return None;
    }
    header["id"].as_str().map(str::to_owned)
}

/// The id of the MessageHeader of a Bundle in XML, as ITK3 has it.
fn header_id_of_xml(bytes: &[u8]) -> Option<String> {
    let mut reader = quick_xml::Reader::from_str(std::str::from_utf8(bytes).ok()?);
    let mut within = false;
    loop {
        let event = reader.read_event().ok()?;
        let (Event::Start(element) | Event::Empty(element)) = &event else {
            match event {
                Event::Eof => return None,
                _ => continue,
            }
        };
        match element.local_name().as_ref() {
            "MessageHeader" => within = true,
            "id" if within => {
                let value = element.try_get_attribute("value").ok().flatten()?;
                return Some(value.value.into_owned());
            }
            _ => {}
        }
    }
}

/// Which acknowledgements a message asks for: the flags of ITK3 MessageHandling in FHIR, MSH-15 and MSH-16 in HL7.
pub(super) fn requested(bytes: &[u8]) -> Requested {
    if bytes.starts_with(b"MSH") {
        let asks = |number| field(bytes, b"MSH", number).is_some_and(|f| matches!(f, "AL" | "SU" | "ER"));
        return Requested { infrastructure: asks(16), business: false };
    }
    Requested { infrastructure: flag(bytes, b"InfAckRequested"), business: flag(bytes, b"BusAckRequested") }
}

/// Whether an extension of this name is followed by a `valueBoolean` of true; the same in JSON and XML.
fn flag(bytes: &[u8], name: &[u8]) -> bool {
    let find = |bytes: &[u8], what: &[u8]| bytes.windows(what.len()).position(|w| w == what);
    let Some(at) = find(bytes, name) else { return false };
    let near = bytes.get(at..(at + 200).min(bytes.len())).unwrap_or_default();
    let Some(value) = find(near, b"valueBoolean").and_then(|at| near.get(at..)) else { return false };
    match (find(value, b"true"), find(value, b"false")) {
        (Some(yes), Some(no)) => yes < no,
        (yes, _) => yes.is_some(),
    }
}

/// What is expected of a delivery and not yet written down.
pub(super) fn expected(
    state: &AppState,
    endpoint: &Endpoint,
    lease: &Lease,
    parcel: &Parcel,
) -> Result<Vec<NewExpectation>, EngineError> {
    let mut requested = parcel.requested;
    let asks = |kind| endpoint.acknowledgements.contains(&kind);
    requested.infrastructure |= asks(AckKind::Infrastructure) || endpoint.kind == Kind::Mllp;
    requested.business |= asks(AckKind::Business);
    let workflow = parcel.message.new.workflow.as_deref().unwrap_or_default();
    let (from, queued) = (&endpoint.name, lease.item.queued_at);
    let mut all = table(state)?.expectations(workflow, requested, from, &parcel.reference, queued);
    if !all.is_empty() {
        let known = state.engine.expectations(&lease.item.message)?;
        all.retain(|new| !known.iter().any(|k| k.expected.kind == new.kind && k.expected.from == new.from));
    }
    Ok(all)
}

/// Whether an answer of this endpoint is still waited for.
pub(super) fn is_watched(state: &AppState, id: &MessageId, endpoint: &str) -> Result<bool, EngineError> {
    let open = |e: &Expectation| e.settled.is_none() && e.expected.from == endpoint;
    Ok(state.engine.expectations(id)?.iter().any(open))
}

/// How far the watch has read.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Cursor {
    seq: u64,
    /// Messages that were still being uploaded.
    pending: Vec<MessageId>,
    /// What came before the watch was first set up is none of its business: nobody waits for it.
    since: Option<Timestamp>,
}

/// Follows what comes in until `stop`.
pub async fn run(state: Shared, stop: CancellationToken) {
    let pause = Duration::from_millis(WATCH_MS);
    loop {
        if let Err(problem) = state.blocking(follow).await {
            tracing::error!(rule = problem.rule, "the acknowledgement watch could not read on");
        }
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(pause) => {}
        }
    }
}

/// Reads on to the end: sets expectations for messages that wait in mailboxes, settles those that are answered.
///
/// # Errors
/// What the engine says.
pub fn follow(state: &AppState) -> Result<(), EngineError> {
    // Two at once would both see a message that nothing is expected of yet, and expect it twice.
    static FOLLOWING: Mutex<()> = Mutex::new(());
    let _one = FOLLOWING.lock().unwrap_or_else(PoisonError::into_inner);
    let watches = table(state)?;
    if watches.0.is_empty() {
        return Ok(());
    }
    let stored = state.engine.config(CURSOR.0, CURSOR.1)?;
    let stored: Option<Cursor> = stored.map(|(_, json)| {
        serde_json::from_str(&json).unwrap_or_else(|_| {
            tracing::error!("the place of the watch for acknowledgements is broken; it looks at all anew");
            Cursor::default()
        })
    });
    let before = stored.clone().unwrap_or_default();
    let since = state.clock.now().checked_sub(SignedDuration::from_secs(WATCH_START_SECONDS)).ok();
    let mut cursor = stored.unwrap_or(Cursor { since, ..Cursor::default() });
    let waiting = std::mem::take(&mut cursor.pending);
    for id in waiting {
        if let Some(message) = state.engine.message(&id)? {
            look(state, &watches, &message, &mut cursor)?;
        }
    }
    loop {
        let query = MessageQuery {
            after: Some(cursor.seq),
            oldest_first: true,
            limit: WATCH_PAGE,
            ..MessageQuery::default()
        };
        let page = state.engine.search(&query)?;
        for message in &page {
            look(state, &watches, message, &mut cursor)?;
            cursor.seq = message.seq;
        }
        if page.len() < WATCH_PAGE {
            break;
        }
    }
    if cursor != before {
        let json = serde_json::to_string(&cursor).map_err(|e| EngineError::Storage(e.to_string()))?;
        state.engine.put_config(CURSOR.0, CURSOR.1, Some(&json), None, "causeway", state.clock.now())?;
    }
    Ok(())
}

fn look(
    state: &AppState,
    watches: &Watches,
    message: &Message,
    cursor: &mut Cursor,
) -> Result<(), EngineError> {
    let before = cursor.since.is_some_and(|since| message.received_at < since);
    if before || message.new.kind == MessageKind::Report {
        return Ok(());
    }
    if message.state == State::Uploading {
        if cursor.pending.len() < WATCH_PENDING_MAX {
            cursor.pending.push(message.new.id.clone());
        }
        return Ok(());
    }
    let workflow = message.new.workflow.as_deref().unwrap_or_default();
    if workflow.ends_with(SUFFIX) {
        return settle_itk(state, message);
    }
    let hl7 = message.new.media_type.as_deref().is_some_and(|m| m.contains("hl7"));
    if hl7 && message.size < 8 * 1024 {
        settle_hl7(state, message)?;
    }
    if message.new.inbox {
        expect_collection(state, watches, message)?;
    }
    Ok(())
}

fn read(state: &AppState, message: &Message) -> Result<Option<Vec<u8>>, EngineError> {
    if message.size > WATCH_BYTES_MAX || message.content_deleted_at.is_some() {
        return Ok(None);
    }
    match read_content(state, message) {
        Ok(content) => Ok(Some(content.bytes)),
        // A broken or missing content is told elsewhere; the watch goes on.
        Err(error) if !error.is_transient() => Ok(None),
        Err(error) => Err(error),
    }
}

/// A message in a mailbox: it has to be collected, read and acted on.
fn expect_collection(state: &AppState, watches: &Watches, message: &Message) -> Result<(), EngineError> {
    let workflow = message.new.workflow.as_deref().unwrap_or_default();
    let Some(mailbox) = message.new.mailbox_to.as_deref() else { return Ok(()) };
    let any = Requested { infrastructure: true, business: true };
    if watches.expectations(workflow, any, mailbox, "", message.received_at).is_empty() {
        return Ok(());
    }
    if !state.engine.expectations(&message.new.id)?.is_empty() {
        return Ok(());
    }
    let bytes = read(state, message)?.unwrap_or_default();
    let reference = reference(message, &bytes);
    let expectations =
        watches.expectations(workflow, requested(&bytes), mailbox, &reference, message.received_at);
    let mut effects = Effects { expectations, ..Effects::default() };
    if message.acknowledged_at.is_some() {
        // It was collected before the watch came by.
        effects.settled.push(Settle {
            message: message.new.id.clone(),
            kind: AckKind::Transport,
            from: Some(mailbox.to_owned()),
            outcome: AckOutcome::Positive,
            code: "collected".to_owned(),
        });
    }
    state.engine.apply(&message.new.id, effects, state.clock.now())
}

/// What an acknowledgement message says.
#[derive(Debug, Default, PartialEq, Eq)]
struct Said {
    references: Vec<String>,
    codes: Vec<String>,
}

impl Said {
    fn reference(&mut self, text: &str) {
        let text = text.rsplit(['/', ':']).next().unwrap_or(text);
        if !text.is_empty()
            && self.references.len() < WATCH_CODES_MAX
            && !self.references.iter().any(|r| r == text)
        {
            self.references.push(text.to_owned());
        }
    }

    fn code(&mut self, text: &str) {
        if itk_meaning(text).is_some() && self.codes.len() < WATCH_CODES_MAX {
            self.codes.push(text.to_owned());
        }
    }

    fn json(bundle: &Value) -> Self {
        let mut said = Self::default();
        let alone = std::slice::from_ref(bundle);
        let entries = bundle["entry"].as_array();
        let resources: Vec<&Value> = match entries {
            Some(entries) => entries.iter().map(|e| &e["resource"]).collect(),
            None => alone.iter().collect(),
        };
        for resource in resources {
            match resource["resourceType"].as_str() {
                Some("MessageHeader") => {
                    said.reference(resource["response"]["identifier"].as_str().unwrap_or_default());
                    for handling in resource["extension"].as_array().into_iter().flatten() {
                        for part in handling["extension"].as_array().into_iter().flatten() {
                            if part["url"] == "SenderReference" {
                                said.reference(part["valueString"].as_str().unwrap_or_default());
                            }
                        }
                    }
                }
                Some("OperationOutcome") => {
                    for issue in resource["issue"].as_array().into_iter().flatten() {
                        for coding in issue["details"]["coding"].as_array().into_iter().flatten() {
                            said.code(coding["code"].as_str().unwrap_or_default());
                        }
                    }
                }
                _ => {}
            }
        }
        said
    }

    fn xml(bytes: &[u8]) -> Self {
        let mut said = Self::default();
        let Ok(text) = std::str::from_utf8(bytes) else { return said };
        let mut reader = quick_xml::Reader::from_str(text);
        let mut parents: Vec<String> = Vec::new();
        let mut sender_reference = false;
        while let Ok(event) = reader.read_event() {
            let (element, opens) = match &event {
                Event::Eof => break,
                Event::End(_) => {
                    parents.pop();
                    continue;
                }
                Event::Start(element) => (element, true),
                Event::Empty(element) => (element, false),
                _ => continue,
            };
            let attribute = |name: &str| {
                let found = element.try_get_attribute(name).ok().flatten()?;
                Some(found.value.into_owned())
            };
            let parent = parents.last().map(String::as_str).unwrap_or_default();
            match (parent, element.local_name().as_ref()) {
                ("response", "identifier") => said.reference(&attribute("value").unwrap_or_default()),
                ("coding", "code") => said.code(&attribute("value").unwrap_or_default()),
                (_, "extension") => sender_reference = attribute("url").as_deref() == Some("SenderReference"),
                (_, "valueString") if sender_reference => {
                    said.reference(&attribute("value").unwrap_or_default());
                }
                _ => {}
            }
            if opens {
                parents.push(element.local_name().as_ref().to_owned());
            }
        }
        said
    }
}

fn settle_itk(state: &AppState, message: &Message) -> Result<(), EngineError> {
    let Some(bytes) = read(state, message)? else { return Ok(()) };
    let mut said = match serde_json::from_slice::<Value>(&bytes) {
        Ok(value) => Said::json(&value),
        Err(_) => Said::xml(&bytes),
    };
    if let Some(local) = &message.new.local_id {
        said.reference(local);
    }
    let meanings: Vec<(Meaning, &String)> =
        said.codes.iter().filter_map(|code| itk_meaning(code).map(|m| (m, code))).collect();
    settle(state, message, &said.references, &meanings)
}

fn settle_hl7(state: &AppState, message: &Message) -> Result<(), EngineError> {
    let Some(bytes) = read(state, message)? else { return Ok(()) };
    let (Some(code), Some(reference)) = (field(&bytes, b"MSA", 1), field(&bytes, b"MSA", 2)) else {
        return Ok(());
    };
    let code = code.to_owned();
    let Some(meaning) = hl7_meaning(&code) else { return Ok(()) };
    settle(state, message, &[reference.to_owned()], &[(meaning, &code)])
}

/// Whether an acknowledgement comes from whom it is expected.
fn comes_from(state: &AppState, expectation: &Expectation, message: &Message) -> bool {
    let from = expectation.expected.from.as_str();
    let sender = &message.new.sender;
    let organisation = state.config.organisation(sender);
    let takes = |o: &causeway_access::Organisation| {
        o.endpoint.as_deref() == Some(from) || o.mailbox.as_deref() == Some(from)
    };
    message.new.mailbox_from.as_deref().is_some_and(|m| m.eq_ignore_ascii_case(from))
        || sender.eq_ignore_ascii_case(from)
        || organisation.is_some_and(takes)
}

fn settle(
    state: &AppState,
    message: &Message,
    references: &[String],
    meanings: &[(Meaning, &String)],
) -> Result<(), EngineError> {
    let mut settled = 0;
    for (meaning, code) in meanings {
        for reference in references {
            let open = state.engine.expectations_for(meaning.kind, reference)?;
            for expectation in open.iter().filter(|e| e.settled.is_none() && comes_from(state, e, message)) {
                let settle = Settle {
                    message: expectation.message.clone(),
                    kind: meaning.kind,
                    from: Some(expectation.expected.from.clone()),
                    outcome: meaning.outcome,
                    code: (*code).clone(),
                };
                let effects = Effects { settled: vec![settle], ..Effects::default() };
                state.engine.apply(&expectation.message, effects, state.clock.now())?;
                settled += 1;
            }
        }
    }
    let text = match settled {
        0 => "an acknowledgement that nothing waits for".to_owned(),
        _ => format!("an acknowledgement of {settled} expected"),
    };
    state.engine.record_event(
        &message.new.id,
        NewEvent::new("acknowledgement", "causeway", &text),
        state.clock.now(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_in_both_syntaxes() {
        let json = br#"{"extension":[{"url":"BusAckRequested","valueBoolean":true},{"url":"InfAckRequested","valueBoolean":false}]}"#;
        assert_eq!(requested(json), Requested { infrastructure: false, business: true });
        let xml = br#"<extension url="BusAckRequested"><valueBoolean value="false"/></extension><extension url="InfAckRequested"><valueBoolean value="true"/></extension>"#;
        assert_eq!(requested(xml), Requested { infrastructure: true, business: false });
        assert!(requested(b"MSH|^~\\&|A|B|C|D|1||ADT^A01|M|P|2.4|||AL|AL\r").infrastructure);
        assert_eq!(requested(b"MSH|^~\\&|A|B|C|D|1||ADT^A01|M|P|2.4|||AL|NE\r"), Requested::default());
    }

    #[test]
    fn the_id_of_a_header_in_both_syntaxes() {
        let json = br#"{"resourceType":"Bundle","id":"b","entry":[{"resource":{"resourceType":"MessageHeader","id":"m-1"}}]}"#;
        let xml = br#"<?xml version="1.0"?><Bundle xmlns="http://hl7.org/fhir"><id value="b"/><entry><fullUrl value="urn:uuid:m-1"/>
            <resource><MessageHeader><id value="m-1"/></MessageHeader></resource></entry></Bundle>"#;
        for bytes in [&json[..], xml] {
            assert_eq!(header_id(bytes).as_deref(), Some("m-1"));
        }
        for other in [&b"<Bundle><id value=\"b\"/></Bundle>"[..], b"<a><b", b"MSH|", b"\xFF"] {
            assert_eq!(header_id(other), None);
        }
    }

    #[test]
    fn acknowledgements_in_both_syntaxes() {
        let json = serde_json::json!({"resourceType": "Bundle", "entry": [
            {"resource": {"resourceType": "MessageHeader", "response": {"identifier": "urn:uuid:m-1", "code": "ok"},
                "extension": [{"url": "x", "extension": [{"url": "SenderReference", "valueString": "s-1"}]}]}},
            {"resource": {"resourceType": "OperationOutcome", "issue": [
                {"details": {"coding": [{"code": "20013"}, {"code": "other"}]}}]}},
        ]});
        let expected =
            Said { references: vec!["m-1".to_owned(), "s-1".to_owned()], codes: vec!["20013".to_owned()] };
        assert_eq!(Said::json(&json), expected);
        let xml = br#"<Bundle xmlns="http://hl7.org/fhir"><entry><resource><MessageHeader><response><identifier value="urn:uuid:m-1"/></response>
            <extension url="x"><extension url="SenderReference"><valueString value="s-1"/></extension></extension></MessageHeader></resource></entry>
            <entry><resource><OperationOutcome><issue><details><coding><code value="20013"/></coding></details></issue></OperationOutcome></resource></entry></Bundle>"#;
        assert_eq!(Said::xml(xml), expected);
        assert_eq!(Said::xml(b"<a><b"), Said::default());
    }
}
