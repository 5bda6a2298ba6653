//! `Patient/[id]/$everything`, by GET and by POST, whole or in parts.

use std::collections::VecDeque;
use std::io::{self, Cursor, Read};

use axum::body::Bytes;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::IntoResponse as _;
use causeway_access::audit_event::Act;
use causeway_access::record::{TextEntry, Written};
use causeway_access::{Reader, Sealed};
use causeway_broker::state::Shared;
use causeway_host::problem::{Answer, Problem};
use serde_json::{Value, json};

use super::query::{self, Params};
use super::{MEDIA_TYPE, base, format, golden, guard, json_answer, negotiate, param};
use crate::mesh::body::Outgoing;
use crate::operation;

/// Bytes of an answer that are read at a time.
const PIECE_BYTES: usize = 256 * 1024;

/// Bytes of an entry beside its resource and the base of its address, about.
const ENTRY_BYTES: usize = 160;

/// Most entries of a page that is cut to what a reader may see.
const COUNT_MAX: usize = 500;

pub(super) async fn by_query(
    State(state): State<Shared>,
    reader: Reader,
    headers: HeaderMap,
    Query(params): Query<Params>,
    Path((kind, id)): Path<(String, String)>,
) -> Answer {
    everything(state, reader, headers, kind, id, params).await
}

/// As every operation is invoked: by POST of a Parameters resource, which may be absent where nothing is said.
pub(super) async fn by_parameters(
    State(state): State<Shared>,
    reader: Reader,
    headers: HeaderMap,
    Query(mut params): Query<Params>,
    Path((kind, id)): Path<(String, String)>,
    body: Bytes,
) -> Answer {
    params.extend(posted(&body)?);
    everything(state, reader, headers, kind, id, params).await
}

/// Names and primitive values of what an operation is invoked with by POST; nothing where nothing is said.
pub(super) fn posted(body: &[u8]) -> Answer<Params> {
    if body.iter().all(u8::is_ascii_whitespace) {
        return Ok(Params::new());
    }
    parameters(&format::resource_of(body)?)
}

/// Names and primitive values of a Parameters resource.
fn parameters(resource: &Value) -> Answer<Params> {
    let text = |value: Option<&Value>| match value {
        Some(Value::String(text)) => Ok(text.clone()),
        Some(value @ (Value::Number(_) | Value::Bool(_))) => Ok(value.to_string()),
        _ => Err(Problem::invalid("parameters", "a parameter of this operation has one primitive value")),
    };
    let named = operation::parameters(resource)?;
    named.into_iter().map(|(name, value)| Ok((name.to_owned(), text(value)?))).collect()
}

async fn everything(
    state: Shared,
    reader: Reader,
    headers: HeaderMap,
    kind: String,
    id: String,
    params: Params,
) -> Answer {
    let form = negotiate(&headers, param(&params, "_format"))?;
    if kind != "Patient" {
        return Err(Problem::not_found("operation of this type"));
    }
    reader.require_scope("*", true)?;
    let entity = format!("Patient/{id}");
    let opened = guard::open(&state, &reader, &id, &entity).await?;
    let Some(sources) = golden::sources(&state, &id).await? else {
        return Err(guard::absent(&state, &reader, Act::Read, &entity).await?);
    };
    let (person, patients) = sources.ids();
    let base = base(&state, &headers);
    let types = params.iter().filter(|(name, _)| name == "_type").flat_map(|(_, value)| value.split(','));
    let types: Vec<&str> = types.collect();
    let with_golden =
        person == id && (types.is_empty() || types.contains(&"Patient")) && param(&params, "_page").is_none();
    let first = sources.map(|sources| {
        let one = golden::shown(&sources, opened.as_ref()).filter(|_| with_golden)?;
        let mut entry =
            json!({"fullUrl": format!("{base}/Patient/{id}"), "resource": null, "search": {"mode": "match"}});
        entry["resource"] = one;
        Some(entry)
    });
    let Some(mut opened) = opened else {
        return whole(&state, &reader, id, base, params, (first, patients))
            .await
            .map(|r| format::in_form(r, form));
    };
    // A reader whom a decision limits gets pages of what is left when it is cut.
    let form_only = |name: &str| matches!(name, "_count" | "_page" | "_format" | "_pretty");
    let asked: Params = params.iter().filter(|(name, _)| !form_only(name)).cloned().collect();
    let found = if asked.is_empty() {
        opened.take_everything()?.map(|(entries, said)| Found {
            entries: entries.into_iter().map(Entry::Text).collect(),
            said,
            base: base.clone(),
            ..Found::default()
        })
    } else {
        let (wanted, root) = (id.clone(), base.clone());
        let bundle = state.blocking(move |s| s.gate.shelf.everything(&wanted, &root, &asked)).await?;
        let Some(bundle) = bundle.present() else {
            return Err(guard::absent(&state, &reader, Act::Read, &entity).await?);
        };
        bundle.map(|bundle| Found::of(opened.show_bundle(bundle)))
    };
    let url = format!("{base}/Patient/{id}/$everything");
    let paged = found.zip(first).map(|(mut found, first)| {
        if let Some(first) = first {
            found.entries.push_front(Entry::Made(first));
        }
        found.page(&url, &params).map(|()| found)
    });
    let tell = |_: &Found| (vec![entity], Vec::new());
    let paged = paged.transpose()?;
    let written =
        opened.disclose_made(&state.gate, &reader, Act::Read, paged, tell, Found::written).await??;
    Ok(format::in_form(json_answer(StatusCode::OK, written), form))
}

/// An entry of what a reader may see.
enum Entry {
    /// In its text.
    Text(TextEntry),
    /// As a value, with its address.
    Made(Value),
}

impl Entry {
    fn is_match(&self) -> bool {
        match self {
            Entry::Text(entry) => entry.mode == "match",
            Entry::Made(entry) => entry["search"]["mode"] != "include",
        }
    }

    fn write(self, base: &str, out: &mut Vec<u8>) -> serde_json::Result<()> {
        match self {
            Entry::Text(TextEntry { key, mode, text, .. }) => {
                out.extend_from_slice(br#"{"fullUrl":"#);
                serde_json::to_writer(&mut *out, &format!("{base}/{}/{}", key.kind, key.id))?;
                out.extend_from_slice(br#","resource":"#);
                out.extend_from_slice(text.as_bytes());
                out.extend_from_slice(format!(r#","search":{{"mode":"{mode}"}}}}"#).as_bytes());
            }
            Entry::Made(entry) => serde_json::to_writer(out, &entry)?,
        }
        Ok(())
    }
}

/// What a reader whom a decision limits may see.
#[derive(Default)]
struct Found {
    entries: VecDeque<Entry>,
    /// Entries that say something about the answer.
    said: Vec<Value>,
    links: Vec<Value>,
    /// Matches, on this page and others.
    total: usize,
    base: String,
}

impl Found {
    /// Of a searchset.
    fn of(mut bundle: Value) -> Self {
        let all = bundle["entry"].as_array_mut().map(std::mem::take).unwrap_or_default();
        let (said, entries): (Vec<Value>, Vec<Value>) =
            all.into_iter().partition(|e| e["search"]["mode"] == "outcome");
        Self { entries: entries.into_iter().map(Entry::Made).collect(), said, ..Self::default() }
    }

    /// Cuts it to the page that was asked for, with its links.
    fn page(&mut self, url: &str, params: &Params) -> Answer<()> {
        self.total = self.entries.iter().filter(|entry| entry.is_match()).count();
        let number = |name: &str| param(params, name).map(str::parse::<usize>).transpose();
        let wrong = |_| Problem::invalid("search", "_count and _page are numbers that were given out");
        let count = number("_count").map_err(wrong)?;
        let from = number("_page").map_err(wrong)?.unwrap_or(0);
        let given: Params = params.iter().filter(|(name, _)| name != "_page").cloned().collect();
        self.links.push(json!({"relation": "self", "url": query::url(url, params)}));
        let Some(count) = count else { return Ok(()) };
        if count == 0 {
            return Err(Problem::invalid("search", "_count is no number above 0"));
        }
        let length = self.entries.len();
        let all = std::mem::take(&mut self.entries);
        self.entries = all.into_iter().skip(from).take(count.min(COUNT_MAX)).collect();
        let next = from.saturating_add(self.entries.len());
        if next < length && !self.entries.is_empty() {
            let mut given = given;
            given.push(("_page".to_owned(), next.to_string()));
            self.links.push(json!({"relation": "next", "url": query::url(url, &given)}));
        }
        Ok(())
    }

    /// As a Bundle, each entry given back once it is written.
    fn written(self) -> Answer<Vec<u8>> {
        let texts = self.entries.iter().map(|entry| match entry {
            Entry::Text(entry) => entry.text.len() + self.base.len() + ENTRY_BYTES,
            Entry::Made(_) => 0,
        });
        let mut out = Vec::with_capacity(texts.sum::<usize>() + ENTRY_BYTES);
        out.extend_from_slice(
            format!(r#"{{"resourceType":"Bundle","type":"searchset","total":{},"link":"#, self.total)
                .as_bytes(),
        );
        self.write(&mut out).map_err(|_| Problem::internal())?;
        Ok(out)
    }

    fn write(self, out: &mut Vec<u8>) -> serde_json::Result<()> {
        serde_json::to_writer(&mut *out, &self.links)?;
        let mut begun = false;
        for entry in self.entries.into_iter().chain(self.said.into_iter().map(Entry::Made)) {
            out.extend_from_slice(if begun { b"," } else { br#","entry":["# });
            begun = true;
            entry.write(&self.base, out)?;
        }
        out.extend_from_slice(if begun { b"]}" } else { b"}" });
        Ok(())
    }
}

/// All of it, for the operator, whom nothing limits: written from the texts that the record keeps, and sent once that is
/// written down.
async fn whole(
    state: &Shared,
    reader: &Reader,
    id: String,
    base: String,
    params: Params,
    (first, mut patients): (Sealed<Option<Value>>, Vec<String>),
) -> Answer {
    let entity = format!("Patient/{id}");
    // It goes into what is written, and is opened with that.
    let written = state
        .blocking(move |s| {
            let written =
                first.map(|first| s.gate.shelf.everything_written(&id, &base, &params, first.as_ref()));
            written.transpose().map(Sealed::flatten)
        })
        .await?;
    let Some(written) = written.present() else {
        return Err(guard::absent(state, reader, Act::Read, &entity).await?);
    };
    let about = written.patients();
    if about.is_empty() {
        patients.truncate(1);
    } else {
        patients = about;
    }
    let written = guard::tell(state, reader, Act::Read, &entity, "", (written, patients)).await?;
    sent(state, written).await
}

/// Sends what is disclosed as it is read: at once where one piece holds it, else no faster than the reader takes it.
async fn sent(state: &Shared, mut written: Written) -> Answer {
    let (first, written) = state
        .blocking(move |s| {
            let first = s.gate.shelf.write_piece(&mut written, PIECE_BYTES)?;
            Ok::<_, Problem>((first, written))
        })
        .await?;
    if written.is_done() {
        return Ok(json_answer(StatusCode::OK, first));
    }
    let pieces = PiecesOf { state: state.clone(), written, piece: Cursor::new(first) };
    let mut response = Outgoing::Stream(Box::new(pieces), None).body().into_response();
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(MEDIA_TYPE));
    Ok(response)
}

/// An answer that is read from the record while it is sent.
struct PiecesOf {
    state: Shared,
    written: Written,
    piece: Cursor<Vec<u8>>,
}

impl Read for PiecesOf {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if self.piece.position() >= self.piece.get_ref().len() as u64 && !self.written.is_done() {
            let next = self.state.gate.shelf.write_piece(&mut self.written, PIECE_BYTES);
            let next = next.map_err(|problem| {
                tracing::error!(rule = problem.rule, "an answer broke off");
                io::Error::other("the record can't be read")
            })?;
            self.piece = Cursor::new(next);
        }
        self.piece.read(into)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_those_of_a_query() {
        let given = json!({"resourceType": "Parameters", "parameter": [
            {"name": "_count", "valueInteger": 10}, {"name": "start", "valueDate": "2026-01-01"}]});
        let expected = [("_count", "10"), ("start", "2026-01-01")].map(|(n, v)| (n.to_owned(), v.to_owned()));
        assert_eq!(parameters(&given).unwrap(), expected);
        assert!(parameters(&json!({"resourceType": "Patient"})).is_err());
        let part = json!({"resourceType": "Parameters", "parameter": [{"name": "a", "part": []}]});
        assert!(parameters(&part).is_err());
    }
}
