//! Search by a reader whom a decision limits: always within one person's record, over what is shown of it. Totals and pages
//! are made after filtering, so that they tell nothing of what is withheld.

use std::collections::BTreeSet;

use axum::http::StatusCode;
use axum::response::Response;
use causeway_access::audit_event::Act;
use causeway_access::opened::{self, Opened, announcement};
use causeway_access::record::{PersonQuery, SearchOptions, View};
use causeway_access::{Reach, Reader, Sealed, patient_of, record_problem};
use causeway_broker::state::Shared;
use causeway_host::problem::{Answer, Problem};
use serde_json::{Value, json};

use super::query::{Params, url};
use super::{answer, golden, guard, param};

/// Most people whom a search for a Patient looks at.
const PEOPLE_MAX: usize = 50;
/// Most pages of the record that one search goes through.
const PAGES_MAX: usize = 200;
/// Entries of a page where the client does not say.
const COUNT_DEFAULT: usize = 50;
/// Most entries of a page.
const COUNT_MAX: usize = 500;

/// Parameters that name the person.
const PERSON: &[&str] = &["patient", "subject", "patient.identifier", "subject.identifier"];

fn refuse(rule: &'static str, text: &'static str) -> Problem {
    Problem::new(StatusCode::FORBIDDEN, "forbidden", rule, text)
}

pub(super) async fn search(
    state: &Shared,
    reader: &Reader,
    kind: String,
    params: Params,
    options: SearchOptions,
    raw: String,
) -> Answer {
    // A chain asks about other resources, which may be withheld: their answer would tell.
    let chained = |name: &str| name.contains('.') && !PERSON.contains(&name);
    if params.iter().any(|(name, _)| chained(name) || name == "_has") {
        return Err(refuse(
            "chained-search",
            "chained parameters are not answered within one person's record",
        ));
    }
    let mut opened = match person_param(state, &params).await? {
        Some(patients) if kind != "Patient" => match patients.as_slice() {
            [] => Vec::new(),
            [patient, ..] => guard::open(state, reader, patient, &kind).await?.into_iter().collect(),
        },
        None if kind != "Patient" => {
            return Err(refuse(
                "name-the-person",
                "say whose record is meant: patient=[id] or patient.identifier",
            ));
        }
        _ => found(state, reader, &params, &options).await?,
    };
    let mut entries = Sealed::new(Vec::new());
    for (at, one) in opened.iter().enumerate() {
        let mut found = within(state, one, &kind, &params, &options).await?;
        if kind == "Patient" {
            found = one_patient(state, one, found, &options).await?;
        }
        entries = entries.zip(found).map(|(mut entries, mut found)| {
            // What is included is no wider than the token.
            found.retain(|e| {
                let kind = e["resource"]["resourceType"].as_str().unwrap_or_default();
                e["search"]["mode"] != "include" || reader.require_scope(kind, false).is_ok()
            });
            entries.extend(found.into_iter().map(|entry| (at, entry)));
            entries
        });
    }
    let mut people = None;
    let page = entries.map(|entries| Page::of(entries, &params)).transpose()?.map(|page| {
        people = (!page.only_count).then(|| page.people.clone());
        page
    });
    if let Some(people) = people.as_ref().filter(|_| kind == "Patient") {
        // Whoever is on another page is told there, to whoever asks for it.
        let mut at = 0..;
        opened.retain(|_| at.next().is_some_and(|at| people.contains(&at)));
    }
    let announced = people.is_some() && opened.iter().any(Opened::announces);
    let bundle = page.map(|mut page| {
        if announced {
            page.shown.push(announcement());
        }
        let mut bundle = page.bundle(&kind, &params, &options);
        cut(&mut bundle, &params).map(|()| bundle)
    });
    let bundle = bundle.transpose()?;
    let mut reader = reader.clone();
    reader.line = raw;
    let tell = |_: &Value| Vec::new();
    let bundle = opened::disclose_all(&mut opened, &state.gate, &reader, Act::Query, bundle, tell).await?;
    Ok::<Response, Problem>(answer(StatusCode::OK, &bundle))
}

/// The Patients that a parameter names; `None` where none does.
async fn person_param(state: &Shared, params: &Params) -> Answer<Option<Vec<String>>> {
    let Some((name, value)) = params.iter().find(|(name, _)| PERSON.contains(&name.as_str())).cloned() else {
        return Ok(None);
    };
    if !name.ends_with(".identifier") {
        let id = value.rsplit('/').next().unwrap_or_default().to_owned();
        return Ok(Some(vec![id]));
    }
    let text = value.rsplit('|').next().unwrap_or_default().to_owned();
    let query = PersonQuery { text, ..PersonQuery::default() };
    let found = state.blocking(move |s| s.gate.shelf.only_person(&query)).await?;
    Ok(Some(found.map(|(_, patient)| patient).into_iter().collect()))
}

/// Everyone whom a search for Patients finds and the reader may see. Whom a reader may not see is not there.
async fn found(
    state: &Shared,
    reader: &Reader,
    params: &Params,
    options: &SearchOptions,
) -> Answer<Vec<Opened>> {
    if params.iter().all(|(name, _)| name.starts_with('_') && name != "_id") {
        return Err(refuse("name-the-person", "say who is meant: identifier, _id, or name and birthdate"));
    }
    let mut asked: Params = params.iter().filter(|(name, _)| !paging(name)).cloned().collect();
    asked.push(("_count".to_owned(), PEOPLE_MAX.to_string()));
    let options = options.clone();
    let page = state.blocking(move |s| s.gate.shelf.search("Patient", &asked, &options)).await?;
    let mut out: Vec<Opened> = Vec::new();
    for patient in &page.matches() {
        if out.iter().any(|o| o.patients.contains(patient)) {
            continue;
        }
        let Some(opened) = guard::person_of(state, reader, patient, Reach::Find).await? else { continue };
        if opened.permit() {
            out.push(opened);
        } else {
            // Written down as a refusal; the answer is as if there were nobody.
            let refused = opened.require(&state.gate, reader, "Patient").await;
            if let Err(problem) = refused
                && problem.status != StatusCode::FORBIDDEN
            {
                return Err(problem);
            }
        }
    }
    Ok(out)
}

/// The part of each match that `_elements` or `_summary` asks for; no total where `_total=none`.
fn cut(bundle: &mut Value, params: &Params) -> Answer<()> {
    let view = View::of(params).map_err(record_problem)?;
    for entry in bundle["entry"].as_array_mut().into_iter().flatten() {
        if entry["search"]["mode"] == "match" {
            view.apply(&mut entry["resource"]);
        }
    }
    match param(params, "_total").or_else(|| param(params, "_totalMethod")) {
        None | Some("accurate" | "estimate" | "count") => {}
        Some("none") => {
            if let Some(map) = bundle.as_object_mut() {
                map.remove("total");
            }
        }
        Some(_) => return Err(Problem::invalid("search", "_total is none of none, estimate, accurate")),
    }
    Ok(())
}

fn paging(name: &str) -> bool {
    matches!(name, "_count" | "_page" | "_total" | "_totalMethod" | "_summary" | "_elements")
}

/// Every match of a person's record that is shown, and what it includes, in the order of the search.
async fn within(
    state: &Shared,
    opened: &Opened,
    kind: &str,
    params: &Params,
    options: &SearchOptions,
) -> Answer<Sealed<Vec<Value>>> {
    // A value that names a withheld item finds nothing, as if it did not exist.
    let names_hidden = |value: &str| {
        let reference = value.rsplit("/fhir/").next().unwrap_or(value);
        reference.contains('/') && opened.hides(reference)
    };
    if params.iter().any(|(_, value)| names_hidden(value)) {
        return Ok(Sealed::new(Vec::new()));
    }
    let mut asked: Params = params.iter().filter(|(name, _)| !paging(name)).cloned().collect();
    asked.push(("_count".to_owned(), COUNT_MAX.to_string()));
    let mut out: Sealed<Vec<Value>> = Sealed::new(Vec::new());
    let mut next: Option<String> = None;
    for _ in 0..PAGES_MAX {
        let mut params = asked.clone();
        if let Some(token) = next.take() {
            params.push(("_page".to_owned(), token));
        }
        let (kind, options) = (kind.to_owned(), SearchOptions { each_source: true, ..options.clone() });
        let page = state.blocking(move |s| s.gate.shelf.search(&kind, &params, &options)).await?;
        next = page.next();
        out = out.zip(page).map(|(mut out, page)| {
            take_shown(opened, page.bundle, &mut out);
            out
        });
        if next.is_none() {
            break;
        }
    }
    Ok(out)
}

/// Adds the entries of a page that the reader may see, each once.
fn take_shown(opened: &Opened, mut bundle: Value, out: &mut Vec<Value>) {
    for mut entry in bundle["entry"].as_array_mut().map(std::mem::take).unwrap_or_default() {
        let resource = entry["resource"].take();
        if resource["resourceType"] == "OperationOutcome" {
            continue;
        }
        // A search for people may find others on the same page: each is shown by their own decision.
        let other = patient_of(&resource).is_some_and(|p| !opened.patients.iter().any(|o| o == p));
        if other {
            continue;
        }
        if let Some(resource) = opened.show(resource) {
            entry["resource"] = resource;
            let twice =
                entry["search"]["mode"] == "include" && out.iter().any(|e| e["fullUrl"] == entry["fullUrl"]);
            if !twice {
                out.push(entry);
            }
        }
    }
}

/// One Patient for the person, made of what is shown of her sources' Patients, where they were not asked for by their ids.
async fn one_patient(
    state: &Shared,
    opened: &Opened,
    found: Sealed<Vec<Value>>,
    options: &SearchOptions,
) -> Answer<Sealed<Vec<Value>>> {
    let sources = golden::sources(state, &opened.person).await?;
    let Some(sources) = sources else { return Ok(found.map(|found| split(found).1)) };
    let url = format!("{}/Patient/{}", options.base, opened.person);
    Ok(found.zip(sources).map(|(found, sources)| {
        let (matches, mut out) = split(found);
        let one = golden::shown(&sources, Some(opened)).filter(|_| !matches.is_empty());
        if let Some(one) = one {
            out.insert(0, json!({"fullUrl": url, "resource": one, "search": {"mode": "match"}}));
        }
        out
    }))
}

/// What matches, and what it includes.
fn split(found: Vec<Value>) -> (Vec<Value>, Vec<Value>) {
    found.into_iter().partition(|e| e["search"]["mode"] != "include")
}

/// The page that was asked for.
struct Page {
    /// Matches, and what they include.
    shown: Vec<Value>,
    /// Places of the people of whom something is shown: each page is told of those on it.
    people: BTreeSet<usize>,
    /// How many matches there are on all pages.
    total: usize,
    /// After how many matches the next page begins.
    next: Option<usize>,
    /// Whether the answer is how many there are: that tells of each.
    only_count: bool,
}

impl Page {
    /// Cuts the page out of every entry with the place of its person. What the record of somebody on the page includes goes
    /// with it, whichever of their matches includes it: that is allowed and simple.
    fn of(entries: Vec<(usize, Value)>, params: &Params) -> Answer<Self> {
        let number =
            |name: &str| params.iter().find(|(n, _)| n == name).map(|(_, v)| v.parse::<usize>()).transpose();
        let wrong = |_| Problem::invalid("search", "_count and _page are numbers that were given out");
        let count = number("_count").map_err(wrong)?.unwrap_or(COUNT_DEFAULT).min(COUNT_MAX);
        let from = number("_page").map_err(wrong)?.unwrap_or(0);
        let only_count = count == 0 || params.iter().any(|(n, v)| n == "_summary" && v == "count");
        let (matches, included): (Vec<_>, Vec<_>) =
            entries.into_iter().partition(|(_, e)| e["search"]["mode"] != "include");
        let total = matches.len();
        let mut page = Self { shown: Vec::new(), people: BTreeSet::new(), total, next: None, only_count };
        if only_count {
            return Ok(page);
        }
        for (person, entry) in matches.into_iter().skip(from).take(count) {
            page.people.insert(person);
            page.shown.push(entry);
        }
        page.next = Some(from.saturating_add(page.shown.len())).filter(|reached| *reached < total);
        page.shown.extend(included.into_iter().filter(|(at, _)| page.people.contains(at)).map(|(_, e)| e));
        Ok(page)
    }

    fn bundle(self, kind: &str, params: &Params, options: &SearchOptions) -> Value {
        let mut given: Params = params.iter().filter(|(name, _)| name != "_page").cloned().collect();
        let path = format!("{}/{kind}", options.base);
        let mut links = vec![json!({"relation": "self", "url": url(&path, &given)})];
        if let Some(next) = self.next {
            given.push(("_page".to_owned(), next.to_string()));
            links.push(json!({"relation": "next", "url": url(&path, &given)}));
        }
        let mut bundle =
            json!({"resourceType": "Bundle", "type": "searchset", "total": self.total, "link": links});
        if !self.shown.is_empty() {
            bundle["entry"] = self.shown.into();
        }
        bundle
    }
}
