//! What a pack holds, read from a data directory.

use std::path::{Path, PathBuf};

use causeway_conformance::{Checked, Format, Renderer};
use causeway_core::NhsNumber;
use causeway_exchange::{AuditEntry, Engine, Message, MessageQuery, NewAudit, Translation};
use causeway_fhir::systems::NHS_NUMBER;
use causeway_profile::{Definitions, Options as CheckOptions, Severity};
use causeway_service::pages::results::Results;
use causeway_store::{Options, Store};
use jiff::Timestamp;
use serde_json::{Value, json};

use super::manifest::{CHAIN, Files, Link};
use super::papers::{self, Collected, OUTCOMES, Row};

/// Action of the audit entry that making a pack leaves. Such entries at the chain's end are not in the pack: making it twice
/// gives the same pack.
const ACTION: &str = "evidence-made";
/// Largest content of one message that is put in, in bytes.
const CONTENT_MAX: u64 = 64 * 1024 * 1024;
/// Audit entries and messages read at a time.
const PAGE: usize = 500;
/// The range of NHS numbers that are nobody's.
const INVENTED: &str = "999";
/// Folders of messages that the exchange wrote in a recipient's format.
const WRITTEN: &str = "written";
const SELF: &str = "causeway evidence";

struct Collector<'r> {
    files: Files,
    failures: Vec<String>,
    rows: Vec<Row>,
    /// What the results given say of each test.
    said: Results,
    report: Renderer<'static, &'r mut Vec<u8>>,
    junit: Renderer<'static, &'r mut Vec<u8>>,
}

/// Reads a data directory.
///
/// # Errors
/// Where it can't be opened or read: an exchange that runs holds it.
pub(super) fn collect(data: &Path, results: &[PathBuf]) -> Result<Collected, String> {
    if !data.join("exchange").is_dir() {
        return Err(format!("{} is no data directory", data.display()));
    }
    let said = |e: &dyn std::fmt::Display| format!("data directory {}: {e}", data.display());
    let store = Store::open(Options::new(data.join("exchange"))).map_err(|e| said(&e))?;
    gather(&store, data, results)
}

/// Reads an engine, of a running exchange too.
///
/// # Errors
/// Where it can't be read.
pub(super) fn gather(store: &dyn Engine, data: &Path, results: &[PathBuf]) -> Result<Collected, String> {
    let said = |e: &dyn std::fmt::Display| format!("data directory {}: {e}", data.display());
    // What a pack discloses is in the audit trail before it is read.
    let entry = NewAudit {
        actor: "operator".to_owned(),
        action: ACTION.to_owned(),
        entity: "exchange".to_owned(),
        detail: String::new(),
    };
    store.audit(vec![entry], Timestamp::now()).map_err(|e| said(&e))?;
    let (mut report, mut junit) = (Vec::new(), Vec::new());
    let held = Definitions::uk_core();
    let begin = |out, format| Renderer::new(held, format, Severity::Warning, out).map_err(|e| e.to_string());
    let mut all = Collector {
        files: Files::new(),
        failures: Vec::new(),
        rows: Vec::new(),
        said: Results::default(),
        report: begin(&mut report, Format::Html)?,
        junit: begin(&mut junit, Format::Junit)?,
    };
    let mut after = None;
    let mut number = 0;
    loop {
        let query = MessageQuery { after, oldest_first: true, limit: PAGE, ..MessageQuery::default() };
        let page = store.search(&query).map_err(|e| said(&e))?;
        let Some(last) = page.last() else { break };
        after = Some(last.seq);
        for message in &page {
            number += 1;
            all.message(store, number, message).map_err(|e| said(&e))?;
        }
    }
    all.audit(store).map_err(|e| said(&e))?;
    all.research(store).map_err(|e| said(&e))?;
    let verified = store.verify().map_err(|e| said(&e))?;
    for what in &verified.corrupt {
        all.failures.push(format!("stored bytes don't match their digest: {what}"));
    }
    all.results(results)?;
    let Collector { files, failures, rows, said, report: first, junit: second } = all;
    let totals = first.end().map_err(|e| e.to_string())?;
    second.end().map_err(|e| e.to_string())?;
    let mut out = Collected { files, failures };
    let check = "causeway evidence (the check of causeway check, over every bundle)";
    out.files.insert("03-conformance/bundles.html".to_owned(), (report, check.to_owned()));
    out.files.insert("03-conformance/bundles.junit.xml".to_owned(), (junit, check.to_owned()));
    papers::add(&mut out, &rows, &totals, &said);
    Ok(out)
}

impl Collector<'_> {
    fn put(&mut self, path: impl Into<String>, bytes: impl Into<Vec<u8>>) {
        self.files.insert(path.into(), (bytes.into(), SELF.to_owned()));
    }

    fn json(&mut self, path: String, value: &Value) {
        let text = serde_json::to_string_pretty(value).unwrap_or_default();
        self.put(path, format!("{text}\n"));
    }

    fn message(
        &mut self,
        store: &dyn Engine,
        number: usize,
        message: &Message,
    ) -> Result<(), causeway_exchange::EngineError> {
        let id = &message.new.id;
        let translation = store.translation(id)?;
        let kind = match (&translation, message.new.inbox) {
            (Some(t), _) if !t.adapter.is_empty() => t.adapter.as_str(),
            (Some(_), _) => WRITTEN,
            (None, true) => "delivery",
            (None, false) => "message",
        };
        let folder = format!("04-transfers/{number:04}-{kind}");
        if message.content_deleted_at.is_none() && message.size <= CONTENT_MAX {
            let content = store.content(id, CONTENT_MAX)?;
            let ending = ending(message.new.media_type.as_deref());
            self.put(format!("{folder}/original.{ending}"), content.bytes);
        }
        let events: Vec<Value> = store
            .timeline(id)?
            .iter()
            .map(|e| {
                json!({"at": e.at.to_string(), "message": e.message.to_string(), "event": e.event.kind.0, "actor": e.event.actor,
                       "detail": e.event.detail})
            })
            .collect();
        self.json(
            format!("{folder}/message.json"),
            &json!({
                "id": id.to_string(), "sender": message.new.sender, "door": message.new.door, "mediaType": message.new.media_type,
                "mailboxTo": message.new.mailbox_to, "linked": message.new.linked.as_ref().map(ToString::to_string),
                "receivedAt": message.received_at.to_string(), "state": message.state.to_string(), "bytes": message.size,
                "failure": message.failure.as_ref().map(|(code, text)| json!({"code": code, "text": text})),
                "timeline": events,
            }),
        );
        let mut row = Row {
            folder: folder.clone(),
            sender: message.new.sender.clone(),
            door: message.new.door.clone(),
            adapter: kind.to_owned(),
            state: message.state.to_string(),
            counts: None,
            errors: 0,
        };
        if let Some((code, _)) = &message.failure {
            self.failures.push(format!("{folder}: the message failed ({code})"));
        }
        if let Some(translation) = translation {
            self.translation(&folder, &translation, &mut row);
        }
        self.rows.push(row);
        Ok(())
    }

    fn translation(&mut self, folder: &str, translation: &Translation, row: &mut Row) {
        for (number, output) in (1..).zip(&translation.outputs) {
            let ending = ending(Some(&output.media_type));
            let name = format!("{folder}/output-{number:03}.{ending}");
            if ending == "json" {
                self.check(&name, &output.bytes);
            }
            self.put(name, output.bytes.clone());
        }
        if !translation.pieces.is_empty() {
            let text = "This translation is kept in pieces for its size; its outputs and items are not in the pack, its totals are.\n";
            self.put(format!("{folder}/left-out.txt"), text);
        }
        if let Some(acknowledgement) = &translation.acknowledgement {
            let ending = ending(Some(&acknowledgement.media_type));
            self.put(format!("{folder}/acknowledgement.{ending}"), acknowledgement.bytes.clone());
        }
        self.put(format!("{folder}/ledger.json"), translation.ledger.clone());
        self.put(format!("{folder}/issues.json"), translation.issues.clone());
        // A message that the exchange wrote for a recipient: its ledger lists what the form had no place for.
        if row.adapter == WRITTEN {
            return;
        }
        let ledger: Value = serde_json::from_slice(&translation.ledger).unwrap_or_default();
        let totals = ledger.get("totals").or_else(|| ledger.get("summary")).unwrap_or(&ledger);
        let count = |name: &str| totals[name].as_u64();
        row.errors = translation.summary.errors;
        if row.errors > 0 {
            self.failures.push(format!("{folder}: {} errors in the translation", row.errors));
        }
        if count("items").is_none() {
            self.failures.push(format!("{folder}: the ledger has no totals"));
            return;
        }
        let counts = OUTCOMES.map(|name| count(name).unwrap_or(0));
        let [items, outcomes @ .., unexplained] = counts;
        if unexplained > 0 || outcomes.iter().sum::<u64>() != items {
            self.failures.push(format!("{folder}: the ledger does not account for every item"));
        }
        row.counts = Some(counts);
    }

    /// Checks one bundle and looks for NHS numbers that may be somebody's.
    fn check(&mut self, name: &str, bytes: &[u8]) {
        let report = Definitions::uk_core().check_located(bytes, &CheckOptions::default());
        if !report.is_valid() {
            self.failures.push(format!("{name}: {} errors against R4 and UK Core", report.errors()));
        }
        let checked = Checked { name: name.to_owned(), report };
        // Written to memory, which doesn't fail.
        let _ = self.report.document(&checked).and_then(|()| self.junit.document(&checked));
        let bundle: Value = serde_json::from_slice(bytes).unwrap_or_else(|_| {
            self.failures.push(format!("{name}: is not JSON, so nobody knows whom it is about"));
            Value::Null
        });
        let real = numbers(&bundle);
        if real > 0 {
            self.failures.push(format!(
                "{name}: {real} NHS numbers are outside of the range for invented people; a pack must not hold a real person's data"
            ));
        }
    }

    /// The register of what left for research: each project with what its extract came to, as others may see it.
    fn research(&mut self, store: &dyn Engine) -> Result<(), causeway_exchange::EngineError> {
        let entries = causeway_research::office::register(store)?;
        let shown = entries.iter().map(|entry| {
            json!({"at": entry.at.to_string(), "project": entry.project, "report": entry.report.for_others()})
        });
        let shown = Value::Array(shown.collect());
        self.json("09-deidentification/register.json".to_owned(), &shown);
        Ok(())
    }

    fn audit(&mut self, store: &dyn Engine) -> Result<(), causeway_exchange::EngineError> {
        let mut entries: Vec<AuditEntry> = Vec::new();
        loop {
            let page = store.audit_entries(None, entries.last().map(|e| e.seq), PAGE)?;
            if page.is_empty() {
                break;
            }
            entries.extend(page);
        }
        while entries.last().is_some_and(|e| e.audit.action == ACTION) {
            entries.pop();
        }
        let mut chain = Vec::new();
        for entry in &entries {
            chain.extend(serde_json::to_vec(&Link::of(entry)).unwrap_or_default());
            chain.push(b'\n');
        }
        let check = store.verify_audit()?;
        if let Some(at) = &check.broken_at {
            self.failures.push(format!("the audit chain is broken: {at:?}"));
        }
        let head = entries.last().map(|e| Link::of(e).hash);
        self.put(CHAIN, chain);
        let proof = json!({
            "entries": entries.len(), "head": head, "unbroken": check.broken_at.is_none(),
            "rule": "hash = SHA-256(previous hash, sequence and microseconds as 8 bytes big-endian each, then actor, action, entity and \
                     detail, each with its length as 8 bytes big-endian in front); the first previous hash is 32 zero bytes",
            "leftOut": format!("entries {ACTION} at the end of the chain, which making a pack writes"),
        });
        self.json("08-audit/proof.json".to_owned(), &proof);
        Ok(())
    }

    /// Results of tests that the caller gave.
    fn results(&mut self, results: &[PathBuf]) -> Result<(), String> {
        for (number, path) in (1..).zip(results) {
            let bytes = std::fs::read(path).map_err(|e| format!("{}: {e}", path.display()))?;
            let name = path.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
            // What was found of the pages stands beside the statement about them.
            let pages = String::from_utf8_lossy(&bytes).contains("<testsuite name=\"accessibility\"");
            let folder = if pages { "12-accessibility/given" } else { "03-conformance/given" };
            let at = format!("{folder}/{number:02}-{name}");
            let failed = failures_of(&bytes).ok_or_else(|| {
                format!(
                    "{}: neither JUnit XML, nor a FHIR TestReport in JSON, nor what the test programs print",
                    path.display()
                )
            })?;
            if failed > 0 {
                self.failures.push(format!("{at}: {failed} tests failed"));
            }
            self.said.read(&String::from_utf8_lossy(&bytes));
            self.files.insert(at, (bytes, "given with --results".to_owned()));
        }
        Ok(())
    }
}

/// Failed tests of a JUnit file, a TestReport or what test programs print; `None` where it is none of them.
fn failures_of(bytes: &[u8]) -> Option<usize> {
    if let Ok(report) = serde_json::from_slice::<Value>(bytes) {
        let kind = report["resourceType"] == "TestReport";
        return kind.then(|| usize::from(report["result"] != "pass"));
    }
    let text = std::str::from_utf8(bytes).ok()?;
    if text.lines().any(|line| line.starts_with("test result: ")) {
        return Some(text.lines().filter(|l| l.starts_with("test ") && l.ends_with(" ... FAILED")).count());
    }
    let is = text.contains("<testsuite");
    let count =
        |tag: &str| text.matches(&format!("<{tag} ")).count() + text.matches(&format!("<{tag}>")).count();
    is.then(|| {
        count("failure")
            + count("error")
            + text.matches("<failure/>").count()
            + text.matches("<error/>").count()
    })
}

/// NHS numbers in identifiers of a resource that are not of the range for invented people.
fn numbers(value: &Value) -> usize {
    match value {
        Value::Object(members) => {
            let own = members.get("system").and_then(Value::as_str) == Some(NHS_NUMBER)
                && members
                    .get("value")
                    .and_then(Value::as_str)
                    .is_some_and(|text| !text.starts_with(INVENTED) && NhsNumber::parse(text).is_ok());
            usize::from(own) + members.values().map(numbers).sum::<usize>()
        }
        Value::Array(list) => list.iter().map(numbers).sum(),
        _ => 0,
    }
}

/// The ending of a file of a media type.
fn ending(media_type: Option<&str>) -> &'static str {
    let kind = media_type.unwrap_or_default();
    match kind {
        k if k.contains("json") => "json",
        k if k.contains("xml") => "xml",
        k if k.contains("csv") => "csv",
        k if k.contains("hl7v2") || k.contains("hl7-v2") => "hl7",
        k if k.contains("edifact") => "edi",
        k if k.starts_with("text/plain") => "txt",
        _ => "bin",
    }
}
