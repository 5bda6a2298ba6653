//! `AuditEvent?patient=…&date=…`: who has looked. For the person herself, for oversight, and for the operator. With `_profile`
//! of NHS England's Patient Audit Record Service, one person's events as that profile wants them.

use axum::http::StatusCode;
use causeway_access::audit_event::{Act, Event, PARS, Party, Product, balp, pars};
use causeway_access::meta::nhs_number_of;
use causeway_access::policy::Depth;
use causeway_access::{Reader, Sealed};
use causeway_broker::state::Shared;
use causeway_host::problem::{Answer, Problem};
use jiff::Timestamp;
use serde_json::{Value, json};

use super::query::Params;
use super::{answer, guard};

/// Entries of a page.
const COUNT_MAX: usize = 200;
/// Entries read of the log at once.
const READ: usize = 1000;

pub(super) async fn search(
    state: &Shared,
    reader: &Reader,
    params: &Params,
    raw: &str,
    base: &str,
) -> Answer {
    let known = ["patient", "entity", "date", "agent", "_count", "_page", "action", "outcome", "_profile"];
    if params.iter().any(|(name, _)| !known.contains(&name.as_str())) {
        return Err(Problem::invalid(
            "search",
            "AuditEvent is searched by patient, date, agent, action, outcome and _profile",
        ));
    }
    let value = |name: &str| params.iter().find(|(n, _)| n == name).map(|(_, v)| v.as_str());
    let patient = value("patient").or(value("entity")).map(|v| v.rsplit('/').next().unwrap_or(v).to_owned());
    let dates =
        params.iter().filter(|(n, _)| n == "date").map(|(_, v)| date(v)).collect::<Answer<Vec<_>>>()?;
    let mut patients = Vec::new();
    let mut opened = None;
    match &patient {
        Some(patient) => {
            patients.push(patient.clone());
            if let Some(one) = guard::open(state, reader, patient, "AuditEvent").await? {
                let log = one.decision.as_ref().map_or(Depth::None, |d| d.depth("access-log"));
                if log != Depth::Whole {
                    return Err(Problem::new(
                        StatusCode::FORBIDDEN,
                        "forbidden",
                        "access-log",
                        "the access log is for the person herself and for oversight",
                    ));
                }
                patients.clone_from(&one.patients);
                opened = Some(one);
            }
        }
        None if !reader.operator => {
            return Err(Problem::new(
                StatusCode::FORBIDDEN,
                "forbidden",
                "name-the-person",
                "say whose access log is meant: patient=[id]",
            ));
        }
        None => {}
    }
    let wrong = || Problem::invalid("search", "_count is a number, and _page one that was given out");
    let count = value("_count").map_or(Ok(50), |n| n.parse::<usize>().map_err(|_| wrong()))?.min(COUNT_MAX);
    let start = value("_page").map_or(Some(Start::default()), Start::read).ok_or_else(wrong)?;
    let form = match (value("_profile"), &patient) {
        (None, _) => Sealed::new(Form::Balp),
        (Some(PARS), Some(patient)) => {
            let patient = patient.clone();
            let sources = state.blocking(move |s| s.gate.shelf.sources(&patient)).await?;
            sources.map(|sources| {
                let own = sources.iter().flat_map(|s| &s.patients).map(|v| nhs_number_of(&v.resource));
                let number = own.into_iter().find(|n| !n.is_empty()).unwrap_or_default().to_owned();
                Form::Pars { number, product: product(state) }
            })
        }
        _ => {
            return Err(Problem::invalid(
                "search",
                "_profile is that of the Patient Audit Record Service, for one patient",
            ));
        }
    };
    let sealed = read(state, patients).await?.zip(form).map(|(mut events, form)| {
        // An entry says that somebody tried; it does not lead to what is withheld.
        if let Some(opened) = &opened {
            for event in &mut events {
                event.data.retain(|of| !opened.is_secret(of));
            }
        }
        page(events, params, &form, &dates, base, (start, count))
    });
    let patient: Vec<String> = patient.into_iter().collect();
    let bundle = match opened {
        None => {
            let events = |_: &Value| guard::events(state, reader, Act::Query, "", raw, &patient);
            sealed.open(&state.gate, events).await?
        }
        Some(mut one) => {
            let tell = |_: &Value| (Vec::new(), vec!["access-log".to_owned()]);
            one.disclose(&state.gate, reader, Act::Query, sealed, tell).await?
        }
    };
    Ok(answer(StatusCode::OK, &bundle))
}

/// Where a page begins: after so many entries, of those that the log had when the first page was read. Each page read
/// makes an entry of its own, which no later page may count.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Start {
    from: usize,
    /// Microseconds since 1970 of the newest entry of the first page's log.
    until: Option<i64>,
}

impl Start {
    /// As it was given out: `50.1764424000000000`. A number alone is taken for a beginning.
    fn read(text: &str) -> Option<Self> {
        let (from, until) = match text.split_once('.') {
            Some((from, until)) => (from, Some(until.parse().ok()?)),
            None => (text, None),
        };
        Some(Self { from: from.parse().ok()?, until })
    }
}

impl std::fmt::Display for Start {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.until {
            Some(until) => write!(f, "{}.{until}", self.from),
            None => write!(f, "{}", self.from),
        }
    }
}

/// How events are written.
enum Form {
    /// As they are kept: after BALP.
    Balp,
    /// For the Patient Audit Record Service, of the person with this NHS number.
    Pars { number: String, product: Product },
}

impl Form {
    /// The AuditEvent; `None` where the form has no place for it.
    fn write(&self, event: &Event) -> Option<Value> {
        match self {
            Self::Balp => Some(balp(event)),
            Self::Pars { number, product } => {
                pars(&Event { nhs_number: number.clone(), ..event.clone() }, product)
            }
        }
    }
}

/// This exchange, as the organisation that operates it.
fn product(state: &Shared) -> Product {
    let operator = state.config.organisations.iter().find(|o| o.operator);
    let organisation = operator.map(|o| Party {
        system: o.system.url().to_owned(),
        value: o.code.clone(),
        name: o.label().to_owned(),
    });
    Product { organisation: organisation.unwrap_or_default(), ..Product::default() }
}

/// The page that was asked for: where it begins, and how many entries.
fn page(
    events: Vec<Event>,
    params: &Params,
    form: &Form,
    dates: &[(Timestamp, Timestamp)],
    base: &str,
    (start, count): (Start, usize),
) -> Value {
    let value = |name: &str| params.iter().find(|(n, _)| n == name).map(|(_, v)| v.as_str());
    let wanted = |e: &&Event| {
        let agent = value("agent").is_none_or(|a| {
            e.client.value == a || e.user.as_ref().is_some_and(|u| u.who.value == a || u.who.name.contains(a))
        });
        let outcome = value("outcome").is_none_or(|o| (o == "0") == e.refused.is_empty());
        let action = value("action").is_none_or(|a| balp(e)["action"] == a);
        agent && outcome && action && dates.iter().all(|range| range.0 <= e.recorded && e.recorded < range.1)
    };
    let newest = || events.iter().map(|e| e.recorded.as_microsecond()).max();
    let until = start.until.or_else(newest);
    let before = |e: &&Event| until.is_none_or(|until| e.recorded.as_microsecond() <= until);
    let mut found: Vec<&Event> = events.iter().filter(before).filter(wanted).collect();
    let from = start.from;
    found.sort_by_key(|e| std::cmp::Reverse(e.recorded));
    let all = found.len();
    found.retain(|e| matches!(form, Form::Balp) || form.write(e).is_some());
    let without = all - found.len();
    let mut entries: Vec<Value> = found
        .iter()
        .skip(from)
        .take(count)
        .filter_map(|e| Some((e, form.write(e)?)))
        .map(|(e, written)| json!({"fullUrl": format!("urn:uuid:{}", e.id), "resource": written, "search": {"mode": "match"}}))
        .collect();
    let url = |from: usize| {
        let page = Start { from, until };
        let given = params.iter().filter(|(n, _)| n != "_page").map(|(n, v)| format!("{n}={v}&"));
        format!("{base}/AuditEvent?{}_page={page}", given.collect::<String>())
    };
    let mut links = vec![json!({"relation": "self", "url": url(from)})];
    if from + entries.len() < found.len() && count > 0 {
        links.push(json!({"relation": "next", "url": url(from + count)}));
    }
    if without > 0 {
        let text = format!("{without} events have no place in this profile and are not here");
        entries.push(json!({"resource": {"resourceType": "OperationOutcome", "issue": [{
            "severity": "information", "code": "incomplete", "details": {"text": text}}]},
            "search": {"mode": "outcome"}}));
    }
    let mut bundle =
        json!({"resourceType": "Bundle", "type": "searchset", "total": found.len(), "link": links});
    if !entries.is_empty() {
        bundle["entry"] = entries.into();
    }
    bundle
}

/// Events about these Patients, or all where none is named.
async fn read(state: &Shared, patients: Vec<String>) -> Answer<Sealed<Vec<Event>>> {
    state.blocking(move |s| causeway_access::opened::events(&s.gate, &patients, READ)).await
}

/// The instants that a date parameter allows: from (including) and to (excluding).
fn date(text: &str) -> Answer<(Timestamp, Timestamp)> {
    let wrong = || Problem::invalid("search", "date is like ge2026-11-01 or 2026-11-29");
    let (prefix, rest) = match text.get(..2) {
        Some(p @ ("eq" | "ge" | "gt" | "le" | "lt")) => (p, text.get(2..).unwrap_or_default()),
        _ => ("eq", text),
    };
    let (low, high) = causeway_access::record::date_range(rest).ok_or_else(wrong)?;
    let (first, last) = (Timestamp::MIN, Timestamp::MAX);
    Ok(match prefix {
        "ge" => (low, last),
        "gt" => (high, last),
        "le" => (first, high),
        "lt" => (first, low),
        _ => (low, high),
    })
}
