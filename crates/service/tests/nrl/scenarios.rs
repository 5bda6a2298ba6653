//! The national service's own scenarios, case by case, through a gateway that speaks for the organisations in them.

use std::collections::BTreeMap;
use std::path::PathBuf;

use causeway_locator::rules::Pointer;
use causeway_service::testing::TestServer;
use serde_json::{Value, json};

use crate::gherkin::{Scenario, Step, parse};
use crate::support::*;
use crate::world::{Asks, REQUEST, server, store};

/// Scenarios that do not pass, each with its reason.
const EXCEPTIONS: &[(&str, &str)] = &[];

const NHS: &str = "https://fhir.nhs.uk/Id/nhs-number";
const ODS: &str = "https://fhir.nhs.uk/Id/ods-organization-code";
const SNOMED: &str = "http://snomed.info/sct";

fn suite() -> Option<PathBuf> {
    let root = std::env::var_os("CAUSEWAY_ACCEPTANCE").map_or_else(
        || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/acceptance"),
        PathBuf::from,
    );
    Some(root.join("nrl")).filter(|folder| folder.is_dir())
}

/// A body of a table of properties. The category has its display, the type has none.
fn document(step: &Step) -> Value {
    let value = |name: &str| step.value(name);
    let identifier = |system: &str, value: String| json!({"identifier": {"system": system, "value": value}});
    let mut body = json!({"resourceType": "DocumentReference"});
    if let Some(id) = value("id") {
        body["id"] = id.into();
    }
    if let Some(status) = value("status") {
        body["status"] = status.into();
    }
    if let Some(code) = value("type") {
        body["type"] = json!({"coding": [{"system": SNOMED, "code": code}]});
    }
    if let Some(code) = value("category") {
        let display = causeway_locator::codes::category_display(&code, Default::default());
        body["category"] = json!([{"coding": [{"system": SNOMED, "code": code, "display": display}]}]);
    }
    if let Some(number) = value("subject") {
        body["subject"] = identifier(NHS, number);
    }
    if let Some(code) = value("custodian") {
        body["custodian"] = identifier(ODS, code);
    }
    if let Some(code) = value("author") {
        body["author"] = json!([identifier(ODS, code)]);
    }
    if let Some(id) = value("supercedes") {
        body["relatesTo"] = json!([{"code": "replaces", "target": {
            "type": "DocumentReference", "identifier": {"system": ODS, "value": id}}}]);
    }
    if let Some(url) = value("url") {
        let media_type = value("contentType").unwrap_or_else(|| "application/json".to_owned());
        body["content"] = json!([{"attachment": {"contentType": media_type, "url": url}}]);
    }
    body
}

/// A pointer that is there already, whatever the rules of making one say of it.
fn kept(step: &Step) -> Pointer {
    let resource = document(step);
    let text = |path: &str| resource.pointer(path).and_then(Value::as_str).unwrap_or_default().to_owned();
    Pointer {
        id: text("/id"),
        nhs_number: text("/subject/identifier/value"),
        custodian: text("/custodian/identifier/value"),
        kind: format!("{SNOMED}|{}", text("/type/coding/0/code")),
        category: format!("{SNOMED}|{}", text("/category/0/coding/0/code")),
        created: "2026-11-01T09:00:00.000Z".to_owned(),
        resource,
    }
}

fn escape(text: &str) -> String {
    let keep = |b: u8| b.is_ascii_alphanumeric() || b"-._~:/".contains(&b);
    text.bytes().map(|b| if keep(b) { char::from(b).to_string() } else { format!("%{b:02X}") }).collect()
}

fn parameters(step: &Step) -> Vec<(String, String)> {
    let of = |(name, value): (String, String)| match name.as_str() {
        "subject" => ("subject:identifier".to_owned(), format!("{NHS}|{value}")),
        "custodian" => ("custodian:identifier".to_owned(), format!("{ODS}|{value}")),
        "pointer_type" => ("type".to_owned(), format!("{SNOMED}|{value}")),
        _ => (name, value),
    };
    step.pairs().into_iter().map(of).collect()
}

fn holds(resource: &Value, step: &Step) -> Result<(), String> {
    for (name, value) in step.pairs() {
        let path = match name.as_str() {
            "id" => "/id",
            "status" => "/status",
            "type" => "/type/coding/0/code",
            "category" => "/category/0/coding/0/code",
            "subject" => "/subject/identifier/value",
            "custodian" => "/custodian/identifier/value",
            "author" => "/author/0/identifier/value",
            "url" => "/content/0/attachment/url",
            "contentType" => "/content/0/attachment/contentType",
            _ => return Err(format!("property {name} is not known")),
        };
        if resource.pointer(path).and_then(Value::as_str) != Some(&value) {
            return Err(format!("{path} is not {value}: {resource}"));
        }
    }
    Ok(())
}

/// Whether everything of `expected` is in `found`.
fn within(expected: &Value, found: &Value) -> bool {
    match (expected, found) {
        (Value::Object(e), Value::Object(f)) => e.iter().all(|(n, v)| f.get(n).is_some_and(|w| within(v, w))),
        (Value::Array(e), Value::Array(f)) => {
            e.len() == f.len() && e.iter().zip(f).all(|(e, f)| within(e, f))
        }
        _ => expected == found,
    }
}

struct Run<'s> {
    server: &'s TestServer,
    world: &'s World,
    types: BTreeMap<String, Vec<String>>,
    reply: Option<Reply>,
    /// Pointers that came to be.
    made: Vec<String>,
}

impl Run<'_> {
    async fn call(&mut self, side: &str, who: &str, method: &str, path: &str, body: Option<Value>) {
        let types = self.types.get(who).cloned().unwrap_or_default();
        let body = body.map(|b| b.to_string()).unwrap_or_default();
        let asks = Asks { who: who.to_owned(), types, permissions: Vec::new(), request: REQUEST };
        let path = format!("/{side}/FHIR/R4/DocumentReference{path}");
        let reply = asks.call(self.server, method, &path, body.as_bytes()).await;
        self.made.extend(reply.header("location").and_then(|l| l.rsplit('/').next()).map(str::to_owned));
        self.reply = Some(reply);
    }

    fn reply(&self) -> Result<&Reply, String> {
        self.reply.as_ref().ok_or_else(|| "nothing was asked".to_owned())
    }

    fn entries(&self) -> Result<Vec<Value>, String> {
        let bundle = self.reply()?.json();
        let entries = bundle["entry"].as_array().ok_or("no entry")?;
        Ok(entries.iter().map(|e| e["resource"].clone()).collect())
    }

    async fn step(&mut self, step: &Step) -> Result<(), String> {
        let words = step.quoted();
        let word = |n: usize| words.get(n).cloned().unwrap_or_default();
        let number = || step.text.split(' ').find_map(|w| w.parse::<usize>().ok()).unwrap_or(usize::MAX);
        let side = if step.text.starts_with("producer") { "producer" } else { "consumer" };
        let is = |what: &str| step.text.contains(what);
        let check = |ok: bool, said: String| if ok { Ok(()) } else { Err(said) };
        if is("is registered to access the API") {
            return Ok(());
        }
        if is("is authorised to access pointer types") {
            let types = step.pairs().into_iter().map(|(s, v)| format!("{s}|{v}")).collect();
            self.types.insert(word(0), types);
            return Ok(());
        }
        if step.text.starts_with("a DocumentReference resource exists") {
            let pointer = kept(step);
            store(self.world).create(&pointer, &[], false).map_err(|e| e.to_string())?;
            self.made.push(pointer.id);
            return Ok(());
        }
        if is("searches for DocumentReferences using POST") {
            let body = parameters(step).into_iter().map(|(n, v)| (n, Value::String(v))).collect();
            self.call(side, &word(0), "POST", "/_search", Some(Value::Object(body))).await;
            return Ok(());
        }
        if is("searches for DocumentReferences with") || is("counts DocumentReferences with") {
            let query: Vec<String> =
                parameters(step).iter().map(|(n, v)| format!("{}={}", escape(n), escape(v))).collect();
            let count = if is("counts") { "/_count" } else { "" };
            self.call(side, &word(0), "GET", &format!("{count}?{}", query.join("&")), None).await;
            return Ok(());
        }
        if is("reads a DocumentReference with ID") {
            self.call(side, &word(0), "GET", &format!("/{}", word(1)), None).await;
            return Ok(());
        }
        if is("creates a DocumentReference with values") {
            self.call(side, &word(0), "POST", "", Some(document(step))).await;
            return Ok(());
        }
        if is("upserts a DocumentReference with values") {
            self.call(side, &word(0), "PUT", "", Some(document(step))).await;
            return Ok(());
        }
        if is("with default test values except") {
            let file = suite().ok_or("no suite")?.join("defaults/documentreference.json");
            let mut body: Value =
                serde_json::from_slice(&std::fs::read(file).map_err(|e| e.to_string())?).unwrap();
            let instead: Value =
                serde_json::from_str(&format!("{{{}}}", step.doc)).map_err(|e| e.to_string())?;
            for (name, value) in instead.as_object().into_iter().flatten() {
                body[name] = value.clone();
            }
            let method = if is("upsert") { "PUT" } else { "POST" };
            self.call(side, &word(0), method, "", Some(body)).await;
            return Ok(());
        }
        if is("requests to delete DocumentReference with id") {
            self.call(side, &word(0), "DELETE", &format!("/{}", escape(&word(1))), None).await;
            return Ok(());
        }
        if step.text.starts_with("the response status code is") {
            let reply = self.reply()?;
            return check(
                usize::from(reply.status) == number(),
                format!("{}: {}", reply.status, reply.text()),
            );
        }
        if is("is an OperationOutcome with") {
            let outcome = self.reply()?.json();
            let count = outcome["issue"].as_array().map_or(0, Vec::len);
            let right = outcome["resourceType"] == "OperationOutcome" && count == number();
            return check(right, outcome.to_string());
        }
        if is("the OperationOutcome contains the issue") {
            let expected: Value = serde_json::from_str(&step.doc).map_err(|e| e.to_string())?;
            let outcome = self.reply()?.json();
            let issues = outcome["issue"].as_array().cloned().unwrap_or_default();
            return check(issues.contains(&expected), outcome.to_string());
        }
        if is("the response is a searchset Bundle") {
            let bundle = self.reply()?.json();
            let right = bundle["resourceType"] == "Bundle" && bundle["type"] == "searchset";
            return check(right, bundle.to_string());
        }
        if is("has a total of") {
            let bundle = self.reply()?.json();
            return check(bundle["total"] == number(), bundle.to_string());
        }
        if step.text.starts_with("the Bundle has") && (is("entry") || is("entries")) {
            let count = self.entries()?.len();
            return check(count == number(), format!("{count} entries"));
        }
        if is("has a self link matching") {
            let bundle = self.reply()?.json();
            let url = bundle["link"][0]["url"].as_str().unwrap_or_default().to_owned();
            let right = bundle["link"][0]["relation"] == "self"
                && url.split_once("consumer/FHIR/R4/").map(|(_, rest)| rest) == Some(&*word(0));
            return check(right, url);
        }
        if is("the Bundle contains an DocumentReference") || is("the Bundle contains a DocumentReference") {
            let found = self.entries()?.iter().any(|r| holds(r, step).is_ok());
            return check(found, "not in the Bundle".to_owned());
        }
        if is("the Bundle does not contain a DocumentReference with ID") {
            let found = self.entries()?.iter().any(|r| r["id"] == word(0).as_str());
            return check(!found, "in the Bundle".to_owned());
        }
        if is("does not contain the key") {
            let reply = self.reply()?.json();
            return check(reply.get(word(0)).is_none(), reply.to_string());
        }
        if is("is a DocumentReference with JSON value") {
            let expected: Value = serde_json::from_str(&step.doc).map_err(|e| e.to_string())?;
            let reply = self.reply()?.json();
            return check(within(&expected, &reply), reply.to_string());
        }
        if is("the response has a Location header") {
            return check(self.reply()?.header("location").is_some(), "no Location".to_owned());
        }
        if is("the Location header starts with") {
            let place = self.reply()?.header("location").unwrap_or_default().to_owned();
            return check(place.starts_with(&word(0)), place);
        }
        if is("the resource in the Location header exists") {
            let place = self.reply()?.header("location").unwrap_or_default().to_owned();
            let id = place.rsplit('/').next().unwrap_or_default();
            let pointer = store(self.world).get(id).unwrap().ok_or("not kept")?;
            return holds(&pointer.resource, step);
        }
        if is("exists with values") {
            let pointer = store(self.world).get(&word(0)).unwrap().ok_or("not kept")?;
            return holds(&pointer.resource, step);
        }
        if is("does not exist") {
            let there = store(self.world).get(&word(0)).unwrap().is_some();
            return check(!there, "it is there".to_owned());
        }
        Err("this step is not known here".to_owned())
    }
}

async fn run(server: &TestServer, world: &World, scenario: &Scenario) -> Result<(), String> {
    let mut run = Run { server, world, types: BTreeMap::new(), reply: None, made: Vec::new() };
    let mut result = Ok(());
    for step in &scenario.steps {
        result = run.step(step).await.map_err(|said| format!("{}: {said}", step.text));
        if result.is_err() {
            break;
        }
    }
    // The next one begins with none.
    for id in run.made {
        store(world).delete(&id).unwrap();
    }
    result
}

#[tokio::test(flavor = "multi_thread")]
async fn each_scenario_of_the_national_service_passes() {
    let Some(suite) = suite() else {
        eprintln!("skipped: the acceptance suites are not there (CAUSEWAY_ACCEPTANCE)");
        return;
    };
    let world = World::new();
    let server = server(&world, Default::default()).await;
    let mut passed = 0;
    let mut failed = Vec::new();
    for side in ["consumer", "producer"] {
        let mut files: Vec<_> = std::fs::read_dir(suite.join("features").join(side))
            .unwrap()
            .map(|f| f.unwrap().path())
            .collect();
        files.sort();
        for file in files {
            let name = file.file_stem().unwrap().to_string_lossy().into_owned();
            for scenario in parse(&std::fs::read_to_string(&file).unwrap()) {
                let title = format!("{side}/{name}: {}", scenario.name);
                match run(&server, &world, &scenario).await {
                    Ok(()) => passed += 1,
                    Err(said) => failed.push((title, said)),
                }
            }
        }
    }
    server.stop().await.unwrap();
    eprintln!("NRL scenarios: {passed} passed, {} not", failed.len());
    let unexpected: Vec<_> =
        failed.iter().filter(|(title, _)| !EXCEPTIONS.iter().any(|(t, _)| title.ends_with(t))).collect();
    assert!(unexpected.is_empty(), "{unexpected:#?}");
    assert_eq!(failed.len(), EXCEPTIONS.len(), "an exception that passes now is taken off the list");
    assert!(passed >= 40, "{passed} scenarios were found");
}

/// Pointers that the national service accepts, made here and read back as they were sent.
#[tokio::test(flavor = "multi_thread")]
async fn each_example_pointer_is_taken_and_given_back() {
    let Some(suite) = suite() else {
        eprintln!("skipped: the acceptance suites are not there (CAUSEWAY_ACCEPTANCE)");
        return;
    };
    let world = World::new();
    let server = server(&world, Default::default()).await;
    let mut files: Vec<PathBuf> = std::fs::read_dir(suite.join("examples/DocumentReference"))
        .unwrap()
        .map(|f| f.unwrap().path())
        .collect();
    files.sort();
    assert!(files.len() >= 5, "{files:?}");
    for file in files {
        let sent: Value = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
        let word = |path: &str| sent.pointer(path).and_then(Value::as_str).unwrap_or_default().to_owned();
        let kind = format!("{}|{}", word("/type/coding/0/system"), word("/type/coding/0/code"));
        let asks = Asks {
            who: word("/custodian/identifier/value"),
            types: vec![kind],
            permissions: Vec::new(),
            request: REQUEST,
        };
        let path = "/producer/FHIR/R4/DocumentReference";
        let made = asks.call(&server, "POST", path, sent.to_string().as_bytes()).await;
        assert_eq!(made.status, 201, "{}: {}", file.display(), made.text());
        let place = made.header("location").unwrap().to_owned();
        let read = asks.call(&server, "GET", &place, b"").await.json();
        let mut expected = sent.clone();
        for name in ["id", "date", "meta"] {
            expected.as_object_mut().unwrap().remove(name);
        }
        assert!(within(&expected, &read), "{}: {read}", file.display());
        assert_ne!(read["meta"]["lastUpdated"], sent["meta"]["lastUpdated"], "the service's own time");
    }
    server.stop().await.unwrap();
}
