//! `/faults`: in the open demonstration a message is sent again with one fault, to see that nothing is lost in silence.

use std::io::Read as _;

use askama::Template;
use axum::Router;
use axum::extract::{Form, Query, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::get;
use causeway_access::caller::{Caller, same_origin};
use causeway_access::{Disclosure, Grant, Told};
use causeway_broker::accept::{self, Typed};
use causeway_broker::state::{AppState, Shared};
use causeway_broker::view::{self, ListQuery, id_of};
use causeway_exchange::EngineError;
use causeway_host::problem::{Answer, Problem};
use serde::Deserialize;
use serde_json::json;

use super::limits::{FAULT_MESSAGES_LISTED, PAGE_MESSAGE_BYTES_MAX};
use super::words::{organisation, short};
use super::{Frame, render};

/// A way to go wrong.
struct Fault {
    code: &'static str,
    title: &'static str,
    /// What to look for.
    look: &'static str,
    /// The broken content; `None` where the message has nothing of the kind.
    make: fn(&[u8]) -> Option<Vec<u8>>,
}

const FAULTS: [Fault; 6] = [
    Fault {
        code: "again",
        title: "The same a second time, as after an answer that was lost",
        look: "the person's record holds each fact once, as before",
        make: |bytes| Some(bytes.to_vec()),
    },
    Fault {
        code: "cut",
        title: "Cut off before its end",
        look: "it is refused as a whole, or what is there is taken and what is missing told; the bytes are kept",
        make: |bytes| Some(bytes[..bytes.len() * 3 / 5].to_vec()),
    },
    Fault {
        code: "date",
        title: "Its last date is one that there is not: the 45th of a 13th month",
        look: "the date is kept as its words with an issue, or its record refused; no date is made up",
        make: impossible_date,
    },
    Fault {
        code: "number",
        title: "A slip in an NHS number",
        look: "nobody's record takes it: the number is told to be wrong and the message waits or stands apart",
        make: wrong_number,
    },
    Fault {
        code: "clock",
        title: "The sender's clock is ten years fast",
        look: "times in the future are told as issues; the record does not show them as the latest news",
        make: fast_clock,
    },
    Fault {
        code: "nonsense",
        title: "Nonsense instead of a message",
        look: "it is kept, refused with a reason, and stands under What failed",
        make: |_| Some(b"\x00\xFEthis is no message of any format".to_vec()),
    },
];

/// Where a date begins (`20261130` or `2026-11-30`, of this century and the last) and where its month is.
fn dates(bytes: &[u8]) -> impl DoubleEndedIterator<Item = (usize, usize)> {
    let digits = |from: usize, count: usize| {
        bytes.get(from..from + count).is_some_and(|part| part.iter().all(u8::is_ascii_digit))
    };
    let month = |at: usize| matches!(bytes.get(at..at + 2), Some([b'0', b'1'..=b'9'] | [b'1', b'0'..=b'2']));
    (0..bytes.len()).filter_map(move |at| {
        let begins = at == 0 || !bytes[at - 1].is_ascii_alphanumeric();
        let century = matches!(bytes.get(at..at + 2), Some(b"19" | b"20"));
        if !(begins && century && digits(at, 4)) {
            return None;
        }
        let parted = bytes.get(at + 4) == Some(&b'-') && bytes.get(at + 7) == Some(&b'-');
        let whole = if parted { digits(at + 5, 2) && digits(at + 8, 2) } else { digits(at + 4, 4) };
        let place = if parted { at + 5 } else { at + 4 };
        (whole && month(place)).then_some((at, place))
    })
}

fn impossible_date(bytes: &[u8]) -> Option<Vec<u8>> {
    let (at, month) = dates(bytes).next_back()?;
    let mut out = bytes.to_vec();
    let day = if month == at + 5 { month + 3 } else { month + 2 };
    out[month..month + 2].copy_from_slice(b"13");
    out[day..day + 2].copy_from_slice(b"45");
    Some(out)
}

fn fast_clock(bytes: &[u8]) -> Option<Vec<u8>> {
    let mut out = bytes.to_vec();
    let mut changed = false;
    // The clock of a sender writes times of this century; years of birth of the last stay.
    for (at, _) in dates(bytes).filter(|(at, _)| bytes[*at..].starts_with(b"202")) {
        out[at + 2] = b'3';
        changed = true;
    }
    changed.then_some(out)
}

/// The last digit of every number of the range that is nobody's is another.
fn wrong_number(bytes: &[u8]) -> Option<Vec<u8>> {
    const DIGITS: usize = 10;
    let mut out = bytes.to_vec();
    let mut changed = false;
    for at in 0..bytes.len().saturating_sub(DIGITS - 1) {
        let part = &bytes[at..at + DIGITS];
        let apart = |byte: Option<&u8>| !byte.is_some_and(u8::is_ascii_digit);
        let alone =
            apart(at.checked_sub(1).and_then(|before| bytes.get(before))) && apart(bytes.get(at + DIGITS));
        if alone && part.starts_with(b"999") && part.iter().all(u8::is_ascii_digit) {
            let last = &mut out[at + DIGITS - 1];
            *last = b'0' + (*last - b'0' + 1) % 10;
            changed = true;
        }
    }
    changed.then_some(out)
}

pub(super) fn router() -> Router<Shared> {
    Router::new().route("/faults", get(page).post(send))
}

struct MessageChoice {
    id: String,
    words: String,
    chosen: bool,
}

#[derive(Template)]
#[template(path = "faults.html")]
struct Page {
    frame: Frame,
    messages: Vec<MessageChoice>,
    faults: &'static [Fault],
}

/// Which message is offered first.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Offered {
    message: String,
}

/// Only where everybody is invented.
pub(super) fn demonstration(state: &AppState) -> Answer<()> {
    if state.config.open && state.config.test_mode {
        return Ok(());
    }
    Err(Problem::not_found("page: it is for the demonstration, where everybody is invented"))
}

async fn page(State(state): State<Shared>, caller: Caller, Query(offered): Query<Offered>) -> Answer {
    demonstration(&state)?;
    caller.require_operator()?;
    let query = ListQuery { limit: Some(FAULT_MESSAGES_LISTED), ..ListQuery::default() };
    let list = view::list(&state, &caller, query, true).await?;
    // Copies for mailboxes were made here; only what came from outside can come wrong.
    let came = list.messages.iter().filter(|(message, _)| message.new.linked.is_none());
    let mut messages: Vec<MessageChoice> = came
        .filter_map(|(message, translation)| {
            let translation = translation.as_ref().filter(|t| !t.adapter.is_empty())?;
            let id = message.new.id.to_string();
            let from = organisation(&state.config, &message.new.sender);
            let words = format!("{} from {from} (…{})", translation.format, short(&id));
            Some(MessageChoice { chosen: id == offered.message, id, words })
        })
        .collect();
    if !offered.message.is_empty() && !messages.iter().any(|m| m.chosen) {
        let id = id_of(&offered.message)?.to_string();
        messages.push(MessageChoice { words: format!("message …{}", short(&id)), id, chosen: true });
    }
    render(&Page { frame: Frame::new("When things fail", ""), messages, faults: &FAULTS })
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Wanted {
    message: String,
    fault: String,
}

async fn send(
    State(state): State<Shared>,
    caller: Caller,
    headers: HeaderMap,
    Form(wanted): Form<Wanted>,
) -> Answer {
    demonstration(&state)?;
    caller.require_operator()?;
    same_origin(&headers)?;
    let fault = FAULTS.iter().find(|fault| fault.code == wanted.fault);
    let fault = fault.ok_or_else(|| Problem::invalid("fault", "choose what goes wrong"))?;
    let id = id_of(&wanted.message)?;
    let asked = id.clone();
    let message = state.blocking(move |s| s.engine.message(&asked)).await?;
    let message = message.ok_or_else(|| Problem::not_found("message"))?;
    if message.size > PAGE_MESSAGE_BYTES_MAX {
        return Err(EngineError::TooLarge(PAGE_MESSAGE_BYTES_MAX).into());
    }
    let grant = Grant::of_message(&state, &caller, &message).await?;
    let bytes = Disclosure::of(&state, grant)
        .message(Told::part(json!({"part": "fault"})), |opened| -> Result<Vec<u8>, Problem> {
            let mut bytes = Vec::new();
            let payload = opened.payload()?;
            payload
                .reader
                .take(PAGE_MESSAGE_BYTES_MAX)
                .read_to_end(&mut bytes)
                .map_err(|_| Problem::internal())?;
            Ok(bytes)
        })
        .await?;
    let content = (fault.make)(&bytes).ok_or_else(|| {
        Problem::invalid(
            "fault",
            "this message holds nothing that this fault could be made of: choose another",
        )
    })?;
    let new = message.new;
    let typed = Typed {
        sender: &new.sender,
        content,
        media_type: new.media_type.as_deref().unwrap_or("application/octet-stream"),
        file_name: new.file_name.as_deref().unwrap_or("message"),
        local_id: None,
        action: "fault-injected",
        detail: json!({"fault": fault.code, "of": id.as_str()}),
        key: format!("fault-{}-{}-{}", fault.code, id.as_str(), state.clock.now().as_nanosecond()),
    };
    let (_, sent) = accept::typed(&state, typed).await?;
    accept::settled(&state, &sent).await?;
    let location = HeaderValue::from_str(&format!("/messages/{sent}")).map_err(|_| Problem::internal())?;
    Ok((StatusCode::SEE_OTHER, [(header::LOCATION, location)]).into_response())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn made(code: &str, from: &str) -> Option<String> {
        let fault = FAULTS.iter().find(|fault| fault.code == code).expect("a fault");
        (fault.make)(from.as_bytes()).map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
    }

    #[test]
    fn each_fault_changes_what_it_says() {
        for (code, from, to) in [
            ("date", "PID|1||9990000018|19420309|20261005", Some("PID|1||9990000018|19420309|20261345")),
            ("date", r#"{"birthDate":"1942-03-09"}"#, Some(r#"{"birthDate":"1942-13-45"}"#)),
            ("date", "id 20269930 and A20261130", None),
            ("clock", "19420309|20261005|202x", Some("19420309|20361005|202x")),
            ("clock", "19420309", None),
            ("number", "9990000018^NHS 99900000180", Some("9990000019^NHS 99900000180")),
            ("number", "9434765919", None),
            ("again", "as it was", Some("as it was")),
            ("cut", "0123456789", Some("012345")),
        ] {
            assert_eq!(made(code, from).as_deref(), to, "{code} of {from}");
        }
        assert!(made("nonsense", "x").is_some_and(|made| made != "x"));
    }

    #[test]
    fn a_message_of_nothing_breaks_nothing() {
        for fault in &FAULTS {
            let _ = (fault.make)(b"");
            let _ = (fault.make)(b"999");
            let _ = (fault.make)(b"2026-1");
        }
    }
}
