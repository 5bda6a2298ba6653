//! Runs a suite over a wire.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::expect::{self, Seen, mask};
use super::model::{Auth, Case, Each, Extract, Level, Listen, Mllp, Step, Suite};
use super::result::{CaseResult, End, Exchange, Run};
use super::values::Values;
use super::wire::{Request, Said, Wire};
use super::{fuzz, listen, mesh, must_support, transfer};
use crate::limits::{COLLECTED_MAX, EACH_MAX, MLLP_WAIT_MS, RETRY_MS};

/// What to do where nothing came back from an endpoint.
const UNREACHED: &str = "Check the address, that the endpoint runs, and that it can be reached from where this command runs \
     (firewall, proxy, certificate authority: --ca).";

/// How a suite is run.
#[derive(Clone, Debug, Default)]
pub struct Plan {
    /// Address of the endpoint, without a slash at its end.
    pub endpoint: String,
    /// Settings by name.
    pub settings: BTreeMap<String, String>,
    /// Makes the ids of the run; the same seed sends the same ids.
    pub seed: String,
    /// Cases to run, by the beginnings of their ids; all where it is empty.
    pub only: Vec<String>,
    /// Mutated requests to send after the cases, and the seed of the mutations.
    pub fuzz: Option<(u64, u64)>,
    /// What runs it, for the report.
    pub tool: String,
    /// Whose endpoint it is.
    pub provider: Option<String>,
    /// Approved exceptions from the must-support rule.
    pub exceptions: Vec<must_support::Exception>,
}

/// A run under way.
struct Runner<'r> {
    suite: &'r Suite,
    plan: &'r Plan,
    wire: &'r mut dyn Wire,
    values: Values,
    /// Requests that may be mutated.
    mutable: Vec<Request>,
    /// Must-support elements seen in answers.
    shown: must_support::Seen,
    /// Tokens of MESH that a client under test has used.
    tokens: listen::Tokens,
    /// Whether anything at all came back.
    answered: bool,
}

/// What became of the steps of a case.
#[derive(Default)]
struct Found {
    wrong: Vec<(Level, String)>,
    exchanges: Vec<Exchange>,
    /// Why the case could not be run to its end.
    stopped: Option<String>,
}

/// Runs a suite.
pub fn run(suite: &Suite, plan: &Plan, wire: &mut dyn Wire) -> Run {
    let begun = wire.now();
    let (values, shown) = values_of(suite, plan, begun);
    let mut runner = Runner {
        suite,
        plan,
        wire,
        values,
        mutable: Vec::new(),
        shown: must_support::Seen::default(),
        tokens: listen::Tokens::new(),
        answered: false,
    };
    let mut cases = Vec::new();
    for case in &suite.cases {
        if plan.only.is_empty() || plan.only.iter().any(|only| case.id.starts_with(only.as_str())) {
            runner.case(case, &mut cases);
        }
    }
    let asks = suite.listens.is_none();
    if asks && !runner.answered {
        // An endpoint that was never reached has broken no rule.
        for case in cases.iter_mut().filter(|c| !c.exchanges.is_empty()) {
            case.end = End::NotRun;
            let why = case.exchanges.last().map_or("no answer", |e| e.answered.as_str());
            case.found = vec![format!("the endpoint gave no answer at all ({why})")];
            UNREACHED.clone_into(&mut case.mend);
        }
    }
    if let Some((count, seed)) = plan.fuzz.filter(|_| runner.answered || !asks) {
        let mutable = std::mem::take(&mut runner.mutable);
        cases.push(fuzz::run(&mutable, count, seed, runner.wire));
    }
    Run {
        suite: suite.name.clone(),
        title: suite.title.clone(),
        about: suite.about.trim().to_owned(),
        version: suite.version.clone(),
        provider: plan.provider.clone(),
        endpoint: plan.endpoint.clone(),
        at: Timestamp::from_second(begun).map(|t| t.to_string()).unwrap_or_default(),
        settings: shown,
        tool: plan.tool.clone(),
        fuzz: plan.fuzz,
        cases,
        must_support: runner.shown.matrix(&plan.exceptions),
    }
}

/// The values that a run begins with, and the settings as a report shows them.
fn values_of(suite: &Suite, plan: &Plan, begun: i64) -> (Values, BTreeMap<String, String>) {
    let mut values = Values::new(&plan.seed, begun);
    // Short, for control ids of 20 characters.
    let run: String = Sha256::digest(plan.seed.as_bytes())[..4].iter().map(|b| format!("{b:02x}")).collect();
    values.set("run", json!(run));
    values.set("begun", json!(Timestamp::from_second(begun).map(|t| t.to_string()).unwrap_or_default()));
    values.set("base", json!(plan.endpoint.trim_end_matches('/')));
    let mut shown = BTreeMap::new();
    for setting in &suite.settings {
        values.forget(&setting.name);
        let given = plan.settings.get(&setting.name).or(setting.default.as_ref());
        let filled = given.map(|g| values.fill(g).unwrap_or_else(|_| g.clone()));
        if let Some(filled) = filled {
            if !setting.secret {
                shown.insert(setting.name.clone(), expect::shown(&filled));
            }
            let value = serde_json::from_str::<Value>(&filled).ok().filter(Value::is_object);
            values.set(&setting.name, value.unwrap_or(Value::String(filled)));
        }
    }
    (values, shown)
}

/// A file that a suite sends, filled with the settings of a plan.
///
/// # Errors
/// Where the suite has no such file, or the file names what is not known before a run.
pub fn fill_file(suite: &Suite, plan: &Plan, file: &str, now: i64) -> Result<String, String> {
    let text =
        suite.files.get(file).ok_or_else(|| format!("the suite {} sends no file {file}", suite.name))?;
    values_of(suite, plan, now).0.fill(text)
}

impl Runner<'_> {
    /// Runs a case, once or for each of its values.
    fn case(&mut self, case: &Case, out: &mut Vec<CaseResult>) {
        if let Some(why) = self.not_run(case) {
            out.push(self.result(case, "", End::NotRun, vec![why], Vec::new(), 0));
            return;
        }
        let rows = match self.rows(&case.each, Vec::new()) {
            Ok(rows) => rows,
            Err(e) => {
                out.push(self.result(case, "", End::NotRun, vec![e], Vec::new(), 0));
                return;
            }
        };
        if rows.is_empty() {
            let why = "the endpoint has nothing that this is about".to_owned();
            out.push(self.result(case, "", End::NotRun, vec![why], Vec::new(), 0));
        }
        let left = rows.len().saturating_sub(EACH_MAX);
        for row in rows.into_iter().take(EACH_MAX) {
            for (name, value) in &row {
                self.values.set(name, json!(value));
            }
            let words: Vec<&str> = row.iter().map(|(_, v)| v.as_str()).collect();
            let started = self.wire.ticks();
            let mut found = Found::default();
            for step in &case.steps {
                self.step(case, step, &mut found);
                if found.stopped.is_some() {
                    break;
                }
            }
            let took = self.wire.ticks().saturating_sub(started);
            let (end, texts) = match (&found.stopped, found.wrong.iter().map(|(level, _)| *level).min()) {
                (_, Some(Level::Shall)) => (End::Failed, texts(&found)),
                (_, Some(Level::Should)) => (End::Warned, texts(&found)),
                (_, Some(Level::May)) => (End::Noted, texts(&found)),
                (Some(why), None) => (End::NotRun, vec![why.clone()]),
                (None, None) => (End::Passed, Vec::new()),
            };
            out.push(self.result(case, &words.join(" "), end, texts, found.exchanges, took));
            for (name, _) in &row {
                self.values.forget(name);
            }
        }
        if left > 0 {
            let why = format!("{left} more of these were not run: more than {EACH_MAX}");
            out.push(self.result(case, "rest", End::NotRun, vec![why], Vec::new(), 0));
        }
    }

    fn not_run(&self, case: &Case) -> Option<String> {
        for name in &case.needs {
            if self.values.get(name).is_none() {
                return Some(match self.suite.setting(name) {
                    Some(setting) => format!("the setting {name} was not given: {}", setting.about),
                    None => self.unsaved(name),
                });
            }
        }
        let when = case.when.as_ref()?;
        let over = self.values.get(&when.of).cloned().unwrap_or_default();
        match self.values.truth(&when.fhirpath, &over) {
            Ok(true) => None,
            Ok(false) => Some(when.otherwise.clone()),
            Err(e) => Some(format!("the condition can't be evaluated: {e}")),
        }
    }

    /// Why something that an earlier case saves is not there.
    fn unsaved(&self, name: &str) -> String {
        let saves = |case: &&Case| case.steps.iter().any(|s| s.save.contains_key(name));
        match self.suite.cases.iter().find(saves) {
            Some(case) => format!(
                "it goes on from what \"{}\" ({}) finds, and that found nothing to go on from",
                plainly(&case.title),
                case.id
            ),
            None => format!("an earlier case did not find {name}"),
        }
    }

    /// All combinations of the values that a case is run for; one empty one where it has none.
    fn rows(
        &mut self,
        each: &[Each],
        so_far: Vec<(String, String)>,
    ) -> Result<Vec<Vec<(String, String)>>, String> {
        let Some((first, rest)) = each.split_first() else { return Ok(vec![so_far]) };
        let mut values = first.values.clone();
        if let Some(path) = &first.fhirpath {
            let over = first.of.as_deref().and_then(|of| self.values.get(of)).cloned().unwrap_or_default();
            values.extend(self.values.texts(path, &over)?);
        }
        let mut rows = Vec::new();
        for value in values {
            self.values.set(&first.name, json!(value));
            let mut row = so_far.clone();
            row.push((first.name.clone(), value));
            rows.extend(self.rows(rest, row)?);
        }
        self.values.forget(&first.name);
        Ok(rows)
    }

    fn result(
        &mut self,
        case: &Case,
        row: &str,
        end: End,
        found: Vec<String>,
        exchanges: Vec<Exchange>,
        milliseconds: u64,
    ) -> CaseResult {
        let said = |values: &mut Values, text: &str| values.fill(text).unwrap_or_else(|_| plainly(text));
        CaseResult {
            id: if row.is_empty() { case.id.clone() } else { format!("{}[{}]", case.id, mask(row)) },
            title: said(&mut self.values, &case.title),
            rule: case.rule.clone(),
            source: case.source.clone(),
            link: case.link.clone(),
            level: case.level.word().to_owned(),
            end,
            found: found.iter().map(|f| mask(f)).collect(),
            mend: said(&mut self.values, case.mend.trim()),
            exchanges,
            milliseconds,
        }
    }

    fn step(&mut self, case: &Case, step: &Step, found: &mut Found) {
        let now = self.wire.now();
        self.values.at(now);
        for one in &step.lets {
            let template = match one.value.strip_prefix("{{file:").and_then(|v| v.strip_suffix("}}")) {
                Some(file) => self.suite.files.get(file).cloned().unwrap_or_default(),
                None => one.value.clone(),
            };
            match self.values.fill(&template) {
                Ok(text) => {
                    self.values.set(&one.name, json!(text));
                }
                Err(e) => {
                    found.stopped = Some(e);
                    return;
                }
            }
        }
        if let Some(compare) = &step.compare {
            let wrong = transfer::compare(compare, &mut self.values);
            found.wrong.extend(wrong.into_iter().map(|w| (case.level, w)));
            return;
        }
        if let Some(listen) = &step.listen {
            if let Err(why) = self.listen(case, step, listen, found) {
                found.stopped = Some(why);
            }
            return;
        }
        let until = self.wire.ticks() + step.until_seconds * 1000;
        loop {
            let exchanged = match &step.mllp {
                Some(mllp) => self.over_mllp(mllp),
                None => self.over_http(case, step),
            };
            let (seen, exchange) = match exchanged {
                Ok(exchanged) => {
                    self.answered = true;
                    exchanged
                }
                Err(Failure::NotReady(why)) => {
                    found.stopped = Some(why);
                    return;
                }
                Err(Failure::NoAnswer(asked, why)) => {
                    if self.wire.ticks() < until {
                        self.wire.pause(RETRY_MS);
                        continue;
                    }
                    found.exchanges.push(Exchange { asked, answered: why.clone(), sha256: String::new() });
                    found.wrong.push((case.level, why.clone()));
                    found.stopped = Some(why);
                    return;
                }
            };
            let mut wrong = Vec::new();
            for expect in &step.expect {
                let level = expect.level.unwrap_or(case.level);
                let said = expect::judge(expect, &seen, &mut self.values);
                wrong.extend(said.into_iter().map(|w| (level, w)));
            }
            if !wrong.is_empty() && self.wire.ticks() < until {
                self.wire.pause(RETRY_MS);
                continue;
            }
            found.exchanges.push(exchange);
            let broken = wrong.iter().any(|(level, _)| *level == Level::Shall);
            found.wrong.extend(wrong);
            if broken {
                // Later cases go on from what can be read of an answer that is wrong in other things.
                if seen.json.is_object() && seen.json["resourceType"] != "OperationOutcome" {
                    drop(self.keep(step, &seen));
                }
                found.stopped = Some("an earlier step failed".to_owned());
                return;
            }
            if let Err(why) = self.keep(step, &seen) {
                found.stopped = Some(why);
            }
            return;
        }
    }

    /// Hears a client under test, and judges all that it did in this step.
    fn listen(&mut self, case: &Case, step: &Step, listen: &Listen, found: &mut Found) -> Result<(), String> {
        let mut mesh = self.suite.mesh.clone();
        for text in mesh.iter_mut().flat_map(|m| [&mut m.password, &mut m.key]) {
            *text = self.values.fill(text)?;
        }
        let routes = &self.suite.routes;
        let heard = listen::hear(listen, routes, mesh, &mut self.tokens, &mut self.values, self.wire)?;
        found.exchanges.extend(heard.exchanges);
        if !heard.any {
            return Err("the client sent nothing".to_owned());
        }
        if self.suite.must_support {
            self.shown.look(&heard.seen.json["bundle"]);
        }
        for expect in &step.expect {
            let level = expect.level.unwrap_or(case.level);
            let said = expect::judge(expect, &heard.seen, &mut self.values);
            found.wrong.extend(said.into_iter().map(|w| (level, w)));
        }
        if found.wrong.iter().any(|(level, _)| *level == Level::Shall) {
            return Err("an earlier step failed".to_owned());
        }
        self.keep(step, &heard.seen)
    }

    /// Keeps what a step saves.
    fn keep(&mut self, step: &Step, seen: &Seen) -> Result<(), String> {
        for (name, extract) in &step.save {
            match self.extract(extract, seen)? {
                Some(value) => self.values.set(name, value),
                None => self.values.forget(name),
            }
        }
        if let Some(name) = &step.collect {
            let resources: Vec<Value> = match seen.json["entry"].as_array() {
                // With its address, by which others in the same Bundle may name it.
                Some(entries) => entries.iter().filter(|e| e["resource"].is_object()).cloned().collect(),
                None if seen.json["resourceType"] == "Bundle" => Vec::new(),
                None => vec![seen.json.clone()],
            };
            let list = self.values.list(name);
            list.extend(resources.into_iter().filter(Value::is_object));
            list.truncate(COLLECTED_MAX);
        }
        Ok(())
    }

    fn extract(&self, extract: &Extract, seen: &Seen) -> Result<Option<Value>, String> {
        if extract.body {
            let text = || String::from_utf8_lossy(&seen.bytes).into_owned();
            return Ok(Some(if seen.json.is_null() { json!(text()) } else { seen.json.clone() }));
        }
        if let Some(path) = &extract.fhirpath {
            return Ok(self.values.texts(path, &seen.json)?.into_iter().next().map(Value::String));
        }
        if let Some(pointer) = &extract.pointer {
            return Ok(seen.json.pointer(pointer).cloned().filter(|v| !v.is_null()));
        }
        let header = extract.header.as_deref().unwrap_or_default().to_ascii_lowercase();
        Ok(seen.headers.get(&header).map(|h| json!(h)))
    }

    fn request(&mut self, step: &Step) -> Result<Request, String> {
        let (method, path) = match (&step.get, &step.post, &step.put, &step.path) {
            (Some(path), ..) => (step.method.as_deref().unwrap_or("GET"), path),
            (_, Some(path), ..) => (step.method.as_deref().unwrap_or("POST"), path),
            (_, _, Some(path), _) => (step.method.as_deref().unwrap_or("PUT"), path),
            (.., Some(path)) => (step.method.as_deref().unwrap_or("GET"), path),
            _ => return Err("the step has no address".to_owned()),
        };
        let path = self.values.fill(path)?;
        let url = if path.starts_with("http://") || path.starts_with("https://") {
            path
        } else {
            format!("{}{path}", self.plan.endpoint.trim_end_matches('/'))
        };
        let mut headers = BTreeMap::new();
        for (name, value) in self.suite.headers.iter().chain(&step.headers) {
            let value = self.values.fill(value)?;
            let name = name.to_ascii_lowercase();
            match value.is_empty() {
                true => drop(headers.remove(&name)),
                false => drop(headers.insert(name, value)),
            }
        }
        let template = match (&step.body, &step.file) {
            (Some(body), _) => Some(body.clone()),
            (None, Some(file)) => self.suite.files.get(file).cloned(),
            (None, None) => None,
        };
        let body = match template {
            Some(template) if step.fill.unwrap_or(true) => self.values.fill(&template)?.into_bytes(),
            Some(template) => template.into_bytes(),
            None => Vec::new(),
        };
        if let Auth::Mesh(auth) = &step.auth {
            let mut filled = auth.clone();
            for text in [&mut filled.mailbox, &mut filled.password, &mut filled.key, &mut filled.nonce] {
                *text = self.values.fill(text)?;
            }
            if filled.nonce.is_empty() {
                filled.nonce = self.values.fill("{{new-uuid}}")?;
            }
            headers.insert("authorization".to_owned(), mesh::token(&filled, self.values.now()));
        }
        let credentials = step.auth == Auth::Tester && self.trusted(&url);
        Ok(Request { method: method.to_owned(), url, headers, body, credentials })
    }

    /// Credentials go to the origins that the tester named, and to no other that a suite names or an answer links to.
    fn trusted(&self, url: &str) -> bool {
        let named = std::iter::once(&self.plan.endpoint).chain(self.plan.settings.values());
        named.into_iter().any(|origin| same_origin(url, origin))
    }

    fn over_http(&mut self, case: &Case, step: &Step) -> Result<(Seen, Exchange), Failure> {
        let request = self.request(step).map_err(Failure::NotReady)?;
        let asked = format!("{} {}", request.method, mask(&request.url));
        let no_answer = |why| Failure::NoAnswer(asked.clone(), why);
        let response = self.wire.http(&request).map_err(no_answer)?;
        if case.fuzz {
            self.mutable.push(request.clone());
        }
        let mut seen = Seen::of(response);
        if step.pages > 1 {
            self.follow(step.pages, &request, &mut seen).map_err(no_answer)?;
        }
        if self.suite.must_support && (200..300).contains(&seen.status) {
            self.shown.look(&seen.json);
        }
        let kind = seen.headers.get("content-type").filter(|kind| !kind.is_empty());
        let kind = kind.map_or("without a content type", String::as_str);
        let answered = format!("{} {kind}, {} bytes", seen.status, seen.bytes.len());
        Ok((seen.clone(), Exchange { asked, answered, sha256: digest(&seen.bytes) }))
    }

    /// Adds the entries of the next pages to the first.
    fn follow(&mut self, pages: usize, first: &Request, seen: &mut Seen) -> Result<(), String> {
        let next = |bundle: &Value| {
            let links = bundle["link"].as_array().into_iter().flatten();
            links.filter(|l| l["relation"] == "next").find_map(|l| l["url"].as_str().map(str::to_owned))
        };
        let mut url = next(&seen.json);
        for _ in 1..pages {
            let Some(at) = url.take() else { break };
            let base = self.plan.endpoint.trim_end_matches('/');
            let at = match at.starts_with("http://") || at.starts_with("https://") {
                true => at,
                false => format!("{base}/{}", at.trim_start_matches('/')),
            };
            let credentials = first.credentials && self.trusted(&at);
            let request =
                Request { method: "GET".to_owned(), url: at, body: Vec::new(), credentials, ..first.clone() };
            let page = Seen::of(self.wire.http(&request)?);
            if page.status != 200 {
                return Err(format!("the next page is answered with {}", page.status));
            }
            url = next(&page.json);
            let more = page.json["entry"].as_array().cloned().unwrap_or_default();
            if let Some(entries) = seen.json["entry"].as_array_mut() {
                entries.extend(more);
            }
        }
        Ok(())
    }

    fn over_mllp(&mut self, mllp: &Mllp) -> Result<(Seen, Exchange), Failure> {
        let not_ready = Failure::NotReady;
        let mut bytes = Vec::new();
        if let Some(raw) = &mllp.raw {
            let raw = self.values.fill(raw).map_err(not_ready)?;
            let raw = raw.replace("<VT>", "\u{b}").replace("<FS>", "\u{1c}").replace("<CR>", "\r");
            bytes.extend_from_slice(raw.as_bytes());
        }
        for frame in &mllp.frames {
            let text = self.values.fill(frame).map_err(Failure::NotReady)?;
            let lines: Vec<&str> = text.trim().lines().map(str::trim).collect();
            bytes.push(0x0b);
            bytes.extend_from_slice(lines.join("\r").as_bytes());
            bytes.extend_from_slice(b"\r\x1c\r");
        }
        let size = bytes.len().div_ceil(mllp.pieces.max(1)).max(1);
        let said = Said {
            pieces: bytes.chunks(size).map(<[u8]>::to_vec).collect(),
            answers: mllp.answers,
            wait_ms: mllp.wait_ms.unwrap_or(MLLP_WAIT_MS),
            close: mllp.close,
        };
        let asked = format!("MLLP {} bytes in {}", bytes.len(), counted(said.pieces.len(), "write"));
        let heard = self.wire.mllp(&said).map_err(|why| Failure::NoAnswer(asked.clone(), why))?;
        let seen = Seen::heard(heard);
        let frames = seen.json["frames"].as_array().map_or(0, Vec::len);
        let answered = format!("{}, {} bytes", counted(frames, "frame"), seen.bytes.len());
        Ok((seen.clone(), Exchange { asked, answered, sha256: digest(&seen.bytes) }))
    }
}

/// Why a step has no answer to judge.
enum Failure {
    /// The suite asks for what is not known.
    NotReady(String),
    /// What was asked, and why nothing came.
    NoAnswer(String, String),
}

fn texts(found: &Found) -> Vec<String> {
    found.wrong.iter().map(|(_, text)| text.clone()).collect()
}

fn counted(count: usize, what: &str) -> String {
    if count == 1 { format!("1 {what}") } else { format!("{count} {what}s") }
}

fn digest(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|b| format!("{b:02x}")).collect()
}

/// Whether a URL is of the same scheme, host and port as the endpoint.
pub fn same_origin(url: &str, base: &str) -> bool {
    let origin = |text: &str| {
        let (scheme, rest) = text.split_once("://")?;
        let host = rest.split(['/', '?', '#']).next()?;
        // What stands before an @ is not the host.
        (!host.contains('@')).then(|| format!("{scheme}://{host}").to_ascii_lowercase())
    };
    origin(url).is_some() && origin(url) == origin(base)
}

/// A text whose values are not known: what stands in double braces is left open.
fn plainly(text: &str) -> String {
    let mut parts = text.split("{{");
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |said, part| said + "…" + part.split_once("}}").map_or("", |(_, rest)| rest))
}

#[cfg(test)]
mod tests;
