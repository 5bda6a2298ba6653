//! A client under test: what it sends is answered as the suite says, and kept as JSON for the expectations.
//!
//! Over HTTP the JSON is `{"requests": [{"n", "connection", "method", "path", "query", "headers", "json", "bytes",
//! "sha256", "route", "mesh"}], "bundle"}`; over MLLP `{"messages": [{"n", "connection", "start", "stray", "early",
//! "newlines", "utf8", "sha256", "route", "text", "MSH": {"9": …}}], "halves"}`. `bundle` holds the FHIR resources of all
//! bodies, each body once however often it was sent.

use std::collections::{BTreeMap, BTreeSet};

use regex::Regex;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::expect::{Seen, frame, mask};
use super::mesh;
use super::model::{Listen, MeshAuth, Route};
use super::result::Exchange;
use super::values::Values;
use super::wire::{Act, Reply, Request, Response, Wire};
use crate::limits::LISTENED_MAX;

/// Tokens that clients have used in this run.
pub(super) type Tokens = BTreeSet<String>;

/// What a step heard.
pub(super) struct Heard {
    pub seen: Seen,
    pub exchanges: Vec<Exchange>,
    /// Whether the client did anything.
    pub any: bool,
}

struct Hearing<'h> {
    routes: Vec<&'h Route>,
    taken: Vec<usize>,
    mesh: Option<MeshAuth>,
    log: Vec<Value>,
    halves: usize,
    bodies: BTreeSet<String>,
    entries: Vec<Value>,
    last: Vec<u8>,
    exchanges: Vec<Exchange>,
}

/// Listens until all that is needed has come and the time for more is over, or the time of the step is.
pub(super) fn hear(
    listen: &Listen,
    general: &[Route],
    mesh: Option<MeshAuth>,
    tokens: &mut Tokens,
    values: &mut Values,
    wire: &mut dyn Wire,
) -> Result<Heard, String> {
    let seconds = values.fill(&listen.seconds)?;
    let seconds: u64 = seconds.trim().parse().map_err(|_| format!("{seconds} is no number of seconds"))?;
    if let Some(tell) = &listen.tell {
        wire.tell(&values.fill(tell)?);
    }
    let routes: Vec<&Route> = listen.routes.iter().chain(general).collect();
    let taken = vec![0; routes.len()];
    let mut hearing = Hearing {
        routes,
        taken,
        mesh,
        log: Vec::new(),
        halves: 0,
        bodies: BTreeSet::new(),
        entries: Vec::new(),
        last: Vec::new(),
        exchanges: Vec::new(),
    };
    let end = wire.ticks() + seconds * 1000;
    let mut enough = None;
    while hearing.log.len() < LISTENED_MAX {
        let until = enough.unwrap_or(end);
        let now = wire.ticks();
        if now >= until {
            break;
        }
        let Some(came) = wire.await_client(until.saturating_sub(now))? else { break };
        values.at(wire.now());
        let (asked, sha256, reply) = match &came.what {
            Act::Half(count) => {
                hearing.halves += 1;
                (format!("{count} bytes without an end of block"), String::new(), None)
            }
            Act::Request(request) => hearing.request(came.connection, request, tokens, values)?,
            Act::Block { bytes, start, stray, early } => {
                hearing.block(came.connection, bytes, (*start, *stray, *early), values)?
            }
        };
        let answered = reply.as_ref().map_or("nothing".to_owned(), said);
        hearing.exchanges.push(Exchange { asked: format!("client: {asked}"), answered, sha256 });
        if let Some(reply) = reply {
            wire.reply(came.id, reply);
        }
        let needs = hearing.routes.iter().zip(&hearing.taken).any(|(route, taken)| *taken < route.needed);
        if hearing.halves > 0 || (!needs && listen.more_ms == 0) {
            break;
        }
        if !needs && enough.is_none() {
            enough = Some(wire.ticks() + listen.more_ms);
        }
    }
    Ok(hearing.over())
}

fn said(reply: &Reply) -> String {
    let what = match &reply.response {
        Some(response) => format!("{}", response.status),
        None if reply.pieces.is_empty() => "nothing".to_owned(),
        None => format!("{} bytes", reply.pieces.iter().map(Vec::len).sum::<usize>()),
    };
    format!("{what}{}", if reply.close { ", closed" } else { "" })
}

impl Hearing<'_> {
    fn over(self) -> Heard {
        let any = !self.log.is_empty() || self.halves > 0;
        let bundle = json!({"resourceType": "Bundle", "type": "collection", "entry": self.entries});
        let json = json!({
            "requests": self.log, "messages": self.log, "halves": self.halves, "bundle": bundle,
        });
        Heard { seen: Seen { json, bytes: self.last, ..Seen::default() }, exchanges: self.exchanges, any }
    }

    /// The first route that fits, counted; what its path names becomes values.
    fn route(&mut self, method: &str, path: &str, values: &mut Values) -> Option<&Route> {
        let fits = |at: &usize| {
            let route = self.routes[*at];
            let over = route.before.as_ref().is_some_and(|name| {
                self.routes.iter().zip(&self.taken).any(|(r, taken)| r.name == *name && *taken > 0)
            });
            let path_fits = route.path.as_ref().is_none_or(|p| Regex::new(p).is_ok_and(|p| p.is_match(path)));
            path_fits
                && !over
                && route.method.as_ref().is_none_or(|m| m == method)
                && route.times.is_none_or(|times| self.taken[*at] < times)
        };
        let at = (0..self.routes.len()).find(fits)?;
        self.taken[at] += 1;
        let route = self.routes[at];
        let pattern = route.path.as_ref().and_then(|p| Regex::new(p).ok());
        if let Some((pattern, found)) = pattern.as_ref().and_then(|p| Some((p, p.captures(path)?))) {
            for name in pattern.capture_names().flatten() {
                if let Some(group) = found.name(name) {
                    values.set(name, json!(group.as_str()));
                }
            }
        }
        Some(route)
    }

    fn request(
        &mut self,
        connection: u64,
        request: &Request,
        tokens: &mut Tokens,
        values: &mut Values,
    ) -> Result<(String, String, Option<Reply>), String> {
        let (path, query) = request.url.split_once('?').unwrap_or((&request.url, ""));
        let sha256 = digest(&request.body);
        let body: Value = serde_json::from_slice(&request.body).unwrap_or_default();
        let mesh = self.mesh.as_ref().map(|auth| {
            let header = request.headers.get("authorization").map_or("", String::as_str);
            match mesh::read(auth, header, values.now()) {
                Some((mailbox, once, right, minutes)) => json!({
                    "mailbox": mailbox, "fresh": tokens.insert(once), "right": right, "minutes": minutes,
                }),
                None => json!({"fresh": true, "right": false, "minutes": 0}),
            }
        });
        let mut entry = json!({
            "n": self.log.len() + 1, "connection": connection, "method": request.method, "path": path, "query": query,
            "headers": request.headers, "bytes": request.body.len(), "sha256": sha256, "json": body, "mesh": mesh,
        });
        let route = self.route(&request.method, path, values).cloned();
        entry["route"] = json!(route.as_ref().map_or("", |r| r.name.as_str()));
        if route.as_ref().is_some_and(|r| r.needed > 0) {
            self.last.clone_from(&request.body);
            if self.bodies.insert(sha256.clone()) {
                match body["entry"].as_array() {
                    Some(list) => self.entries.extend(list.iter().cloned()),
                    None if body["resourceType"].is_string() => self.entries.push(json!({"resource": body})),
                    None => {}
                }
            }
        }
        self.log.push(entry);
        let asked = format!("{} {}", request.method, mask(&request.url));
        let reply = match route {
            None => {
                Reply { response: Some(Response { status: 404, ..Response::default() }), ..Reply::default() }
            }
            Some(route) => {
                let mut headers = BTreeMap::new();
                for (name, value) in &route.headers {
                    headers.insert(name.to_ascii_lowercase(), values.fill(value)?);
                }
                let body = values.fill(&route.body)?.into_bytes();
                let response = route.status.map(|status| Response { status, headers, body });
                Reply { response, delay_ms: route.delay_ms, close: route.close, ..Reply::default() }
            }
        };
        Ok((asked, sha256, Some(reply)))
    }

    fn block(
        &mut self,
        connection: u64,
        bytes: &[u8],
        (start, stray, early): (bool, usize, bool),
        values: &mut Values,
    ) -> Result<(String, String, Option<Reply>), String> {
        let sha256 = digest(bytes);
        let mut entry = frame(bytes);
        let facts = json!({
            "n": self.log.len() + 1, "connection": connection, "start": start, "stray": stray, "early": early,
            "newlines": bytes.iter().filter(|b| **b == b'\n').count(), "utf8": std::str::from_utf8(bytes).is_ok(),
            "sha256": sha256, "bytes": bytes.len(),
        });
        for (key, value) in facts.as_object().into_iter().flatten() {
            entry[key] = value.clone();
        }
        let route = self.route("", "", values).cloned();
        entry["route"] = json!(route.as_ref().map_or("", |r| r.name.as_str()));
        let reply = match &route {
            None => Reply { close: true, ..Reply::default() },
            Some(route) => Reply {
                pieces: pieces(&acknowledgement(route, &entry, values)?, route.pieces),
                delay_ms: route.delay_ms,
                close: route.close,
                response: None,
            },
        };
        self.last = bytes.to_vec();
        self.log.push(entry);
        Ok((format!("MLLP {} bytes", bytes.len()), sha256, Some(reply)))
    }
}

fn acknowledgement(route: &Route, message: &Value, values: &mut Values) -> Result<Vec<u8>, String> {
    let field = |number: &str| message["MSH"][number].as_str().unwrap_or_default().to_owned();
    values.set("control-id", json!(field("10")));
    if let Some(raw) = &route.raw {
        let raw = values.fill(raw)?;
        return Ok(raw.replace("<VT>", "\u{b}").replace("<FS>", "\u{1c}").replace("<CR>", "\r").into_bytes());
    }
    let code = match route.ack.as_deref() {
        None => return Ok(Vec::new()),
        // The mode that the message asks for.
        Some("auto") if matches!(field("15").as_str(), "AL" | "SU") => "CA".to_owned(),
        Some("auto") => "AA".to_owned(),
        Some(code) => values.fill(code)?,
    };
    let id = match &route.ack_id {
        Some(id) => values.fill(id)?,
        None => field("10"),
    };
    let now = values.fill("{{now-hl7}}")?;
    let event = field("9").split('^').nth(1).map_or(String::new(), |event| format!("^{event}"));
    let [from, at, to, there, version] = ["5", "6", "3", "4", "12"].map(field);
    Ok(format!(
        "\u{b}MSH|^~\\&|{from}|{at}|{to}|{there}|{now}||ACK{event}|A{id}|P|{version}\rMSA|{code}|{id}\r\u{1c}\r"
    )
    .into_bytes())
}

fn pieces(bytes: &[u8], count: usize) -> Vec<Vec<u8>> {
    bytes.chunks(bytes.len().div_ceil(count.max(1)).max(1)).map(<[u8]>::to_vec).collect()
}

fn digest(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|b| format!("{b:02x}")).collect()
}
