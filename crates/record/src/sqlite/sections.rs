//! The sections of a person's record, after the PRSB Core Information Standard, social care first.

use std::collections::{HashMap, HashSet};

use causeway_core::{Sector, Telling};
use rusqlite::Connection;
use serde_json::{Map, Value};

use crate::error::Result;
use crate::facts::Times;
use crate::model::{Entry, ExpectedSource, Notice, OtherSource, Section, Sections, SourceSummary, Version};
use crate::{dates, demographics, describe, facts, limits, policy};

use super::{groups, people, person, read};

/// Code, heading, and whether it is social care's, in the order of display.
const SECTIONS: &[(&str, &str, bool)] = &[
    ("about-me", "About me", true),
    ("services-and-care", "Services and care", true),
    ("assessments", "Assessments", true),
    ("support-reasons", "Reasons for support", true),
    ("carers-and-contacts", "Carers and contacts", true),
    ("accommodation", "Accommodation", true),
    ("equipment", "Equipment and adaptations", true),
    ("alerts", "Alerts", false),
    ("choices", "Consent and advance decisions", false),
    ("allergies", "Allergies and adverse reactions", false),
    ("medicines", "Medicines", false),
    ("problems", "Problems and diagnoses", false),
    ("results", "Results and observations", false),
    ("vaccinations", "Vaccinations", false),
    ("procedures", "Procedures", false),
    ("encounters", "Contacts with services", false),
    ("referrals", "Referrals and requests", false),
    ("documents", "Documents", false),
    ("plans", "Care and support plans", false),
    ("other", "Other", false),
];

/// SNOMED CT concept of an About Me record (PRSB).
const ABOUT_ME: &str = "1515851000000101";

/// SNOMED CT findings that say there is no allergy: no known allergy, drug, food, environmental, latex; no
/// history of drug allergy.
const NO_KNOWN_ALLERGY: &[&str] = &[
    "716186003",
    "409137002",
    "429625007",
    "428607008",
    "1003774007",
    "160244002",
    "716184000",
    "716185004",
];

/// The section of a resource; `None` for what is no entry of its own.
fn section_of(kind: &str, map: &Map<String, Value>, sector: Sector) -> Option<&'static str> {
    let social = sector == Sector::SocialCare;
    let has_code = |code: &str| {
        let mut found = false;
        for path in ["code.coding.code", "type.coding.code", "category.coding.code", "questionnaire"] {
            crate::paths::walk(map, path, &mut |v| found |= v.as_str().is_some_and(|t| t.ends_with(code)));
        }
        found
    };
    if matches!(
        kind,
        "QuestionnaireResponse" | "Composition" | "Observation" | "DocumentReference" | "CarePlan"
    ) && has_code(ABOUT_ME)
    {
        return Some("about-me");
    }
    Some(match kind {
        // A list orders facts that are entries themselves; one that is empty for a reason is announced.
        "Patient" | "Provenance" | "AuditEvent" | "MessageHeader" | "List" => return None,
        "EpisodeOfCare" => "services-and-care",
        "ServiceRequest" | "ReferralRequest" if social => "services-and-care",
        "Task" if social => "assessments",
        "QuestionnaireResponse" | "RiskAssessment" | "ClinicalImpression" => "assessments",
        "Condition" if social => "support-reasons",
        "RelatedPerson" => "carers-and-contacts",
        "Device" | "DeviceRequest" | "DeviceUseStatement" | "SupplyRequest" | "SupplyDelivery" => "equipment",
        "Flag" | "DetectedIssue" => "alerts",
        "Consent" => "choices",
        "AllergyIntolerance" => "allergies",
        "MedicationRequest" | "MedicationStatement" | "MedicationDispense" | "MedicationAdministration" => {
            "medicines"
        }
        "Condition" => "problems",
        "Observation" if is_accommodation(map) => "accommodation",
        "Observation" if social && !has_code("vital-signs") && !has_code("laboratory") => "assessments",
        "Observation" | "DiagnosticReport" | "Specimen" => "results",
        "Immunization" | "ImmunizationRecommendation" => "vaccinations",
        "Procedure" => "procedures",
        "Encounter" | "Appointment" | "AppointmentResponse" | "Communication" | "CommunicationRequest" => {
            "encounters"
        }
        "ServiceRequest" | "ReferralRequest" => "referrals",
        "DocumentReference" | "DocumentManifest" | "Composition" | "Media" => "documents",
        "CarePlan" | "CareTeam" | "Goal" | "Task" | "NutritionOrder" => "plans",
        _ => "other",
    })
}

/// Whether an observation tells where somebody lives.
fn is_accommodation(map: &Map<String, Value>) -> bool {
    let text = describe::title("Observation", map).to_lowercase();
    ["accommodation", "housing", "place of residence"].iter().any(|word| text.contains(word))
}

/// One resource on its way into a section.
struct Loaded {
    rid: i64,
    section: &'static str,
    entry: Entry,
    source: (String, String),
    facts: facts::Facts,
    /// For an allergy: whether it says that there is none.
    denies: Option<bool>,
}

/// The sections of a person; `None` where there is none.
pub(crate) fn sections(db: &Connection, id: &str, expected: &[ExpectedSource]) -> Result<Option<Sections>> {
    let Some(pid) = people::pid_of_id(db, id)? else { return Ok(None) };
    let patients = people::members(db, pid)?;
    let (rows, more) = read::rows_of(db, &patients, limits::EVERYTHING_MAX)?;
    let mut gaps = Vec::new();
    let versions = rows
        .into_iter()
        .map(|rid| Ok((rid, read::by_rid(db, rid)?)))
        .collect::<Result<Vec<(i64, Version)>>>()?;
    let times = Times::of(versions.iter().filter_map(|(_, v)| Some((&v.key, v.resource.as_object()?))));
    let mut loaded = Vec::new();
    for (rid, version) in versions {
        gaps.extend(version.resource.as_object().and_then(|map| emptied(&version, map)));
        loaded.extend(load(rid, version, &times));
    }
    mark_groups(db, &patients, &mut loaded)?;
    mark_conflicts(&mut loaded);
    overall_gaps(db, &patients, more, expected, &mut gaps)?;
    let sources = sources(db, &patients)?;
    for source in &sources {
        gaps.extend(source.notices.iter().cloned());
    }
    let mut unique = HashSet::new();
    gaps.retain(|n| unique.insert((n.code.clone(), n.text.clone())));
    Ok(Some(Sections { person: people::person_id(db, pid)?, sections: arranged(loaded), sources, gaps }))
}

fn load(rid: i64, version: Version, times: &Times) -> Option<Loaded> {
    let map = version.resource.as_object()?;
    let kind = version.key.kind.as_str();
    let section = section_of(kind, map, version.source.sector)?;
    let mut denies = None;
    if kind == "AllergyIntolerance" {
        let mut none = false;
        crate::paths::walk(map, "code.coding.code", &mut |v| {
            none |= v.as_str().is_some_and(|code| NO_KNOWN_ALLERGY.contains(&code));
        });
        denies = Some(none);
    }
    Some(Loaded {
        rid,
        section,
        facts: facts::of(kind, map, times.get(&version.key)),
        source: (version.source.organisation_code.clone(), version.source.system.clone()),
        denies,
        entry: Entry {
            title: describe::title(kind, map),
            detail: describe::detail(map),
            date: match describe::date(map) {
                none if none.is_empty() => times.get(&version.key).to_owned(),
                date => date,
            },
            status: describe::status(map),
            corrected: policy::is_corrected(map),
            security: demographics::labels(map),
            version: version.version,
            key: version.key.clone(),
            source: version.source.clone(),
            same_as: Vec::new(),
            conflicts: Vec::new(),
        },
    })
}

/// A List that its source left empty for a reason, such as withheld.
fn emptied(version: &Version, map: &Map<String, Value>) -> Option<Notice> {
    if version.key.kind != "List" {
        return None;
    }
    let code = crate::paths::first_text(map, &["emptyReason.coding.code"]);
    let text = match code {
        "withheld" => "a source withholds a list of this person",
        "notasked" => "a source has not asked for what a list of this person would hold",
        "unavailable" => "a source has a list of this person but it was not available",
        "closed" => "a source has closed a list of this person",
        "notstarted" => "a source has not begun a list of this person",
        _ => return None,
    };
    Some(Notice { code: format!("list-{code}"), text: format!("{text} ({})", version.source.organisation) })
}

fn mark_groups(db: &Connection, patients: &[String], loaded: &mut [Loaded]) -> Result<()> {
    let at: HashMap<i64, usize> = loaded.iter().enumerate().map(|(n, l)| (l.rid, n)).collect();
    for group in groups::rows(db, patients)? {
        let members: Vec<usize> = group.iter().filter_map(|rid| at.get(rid).copied()).collect();
        let labels: Vec<(usize, OtherSource)> =
            members.iter().filter_map(|n| loaded.get(*n).map(|l| (*n, other(l, "same-fact")))).collect();
        for n in &members {
            let others = labels.iter().filter(|(m, _)| m != n).map(|(_, label)| label.clone());
            if let Some(one) = loaded.get_mut(*n) {
                one.entry.same_as.extend(others);
            }
        }
    }
    Ok(())
}

fn other(of: &Loaded, reason: &'static str) -> OtherSource {
    OtherSource { key: of.entry.key.clone(), source: of.entry.source.clone(), reason }
}

/// Marks what contradicts: the same thing measured at the same minute with another value, and allergies
/// beside "no known allergy", where different sources tell them.
fn mark_conflicts(loaded: &mut [Loaded]) {
    let mut slots: HashMap<Vec<u8>, Vec<usize>> = HashMap::new();
    let mut allergies = Vec::new();
    for (n, one) in loaded.iter().enumerate() {
        for slot in &one.facts.slots {
            slots.entry(slot.clone()).or_default().push(n);
        }
        if one.denies.is_some() && one.entry.status != "inactive" && one.entry.status != "resolved" {
            allergies.push(n);
        }
    }
    let mut pairs: HashSet<(usize, usize, &'static str)> = HashSet::new();
    for members in slots.values() {
        each_pair(members, &mut |a, b| {
            let (Some(x), Some(y)) = (loaded.get(a), loaded.get(b)) else { return };
            let same_value = x.facts.keys.iter().any(|k| y.facts.keys.contains(k));
            if x.source != y.source && !same_value {
                pairs.insert((a, b, "same-time-other-value"));
            }
        });
    }
    each_pair(&allergies, &mut |a, b| {
        let (Some(x), Some(y)) = (loaded.get(a), loaded.get(b)) else { return };
        if x.source != y.source && x.denies != y.denies {
            pairs.insert((a, b, "allergy-and-none-known"));
        }
    });
    let mut pairs: Vec<_> = pairs.into_iter().collect();
    pairs.sort_unstable();
    for (a, b, reason) in pairs {
        for (at, from) in [(a, b), (b, a)] {
            let Some(label) = loaded.get(from).map(|l| other(l, reason)) else { continue };
            if let Some(one) = loaded.get_mut(at) {
                one.entry.conflicts.push(label);
            }
        }
    }
}

/// Calls `f` with each pair, of not more members than a page shows: beyond that a mark helps nobody.
fn each_pair(members: &[usize], f: &mut dyn FnMut(usize, usize)) {
    let members = members.get(..members.len().min(limits::PAGE_MAX)).unwrap_or_default();
    for (n, a) in members.iter().enumerate() {
        for b in members.iter().skip(n + 1) {
            f(*a, *b);
        }
    }
}

/// Entries into their sections, newest first, what has no date last.
fn arranged(loaded: Vec<Loaded>) -> Vec<Section> {
    let mut by_section: HashMap<&'static str, Vec<Entry>> = HashMap::new();
    for one in loaded {
        by_section.entry(one.section).or_default().push(one.entry);
    }
    SECTIONS
        .iter()
        .map(|&(code, title, social_care)| {
            let mut entries = by_section.remove(code).unwrap_or_default();
            entries.sort_by_cached_key(|e| {
                let low = dates::range(&e.date).map_or(i64::MIN, |(low, _)| low);
                (std::cmp::Reverse(low), e.key.clone())
            });
            let mut gaps = Vec::new();
            if entries.is_empty() {
                gaps.push(Notice {
                    code: "nothing-told".to_owned(),
                    text: "no connected source has told anything for this part".to_owned(),
                });
            }
            Section { code, title, social_care, entries, gaps }
        })
        .collect()
}

fn overall_gaps(
    db: &Connection,
    patients: &[String],
    more: bool,
    expected: &[ExpectedSource],
    gaps: &mut Vec<Notice>,
) -> Result<()> {
    for source in expected {
        if !person::has_told(db, patients, &source.organisation_code, &source.system)? {
            gaps.push(Notice {
                code: "source-silent".to_owned(),
                text: format!("{} is connected but has told nothing of this person", source.organisation),
            });
        }
    }
    let hidden = read::withdrawn(db, patients)?;
    if hidden > 0 {
        gaps.push(Notice {
            code: "withdrawn".to_owned(),
            text: format!(
                "{hidden} entries were withdrawn by their source and are shown only with their history"
            ),
        });
    }
    if more {
        gaps.push(Notice {
            code: "incomplete".to_owned(),
            text: "there is more than this page can show; search by type for the rest".to_owned(),
        });
    }
    Ok(())
}

/// Every source of these Patients, the latest heard first.
fn sources(db: &Connection, patients: &[String]) -> Result<Vec<SourceSummary>> {
    let mut list = db.prepare_cached(
        "SELECT s.code, s.system, m.name, s.adapter, m.received, m.id, s.sector, s.telling, m.mid, s.source
         FROM resource r INDEXED BY resource_patient JOIN mention n ON n.rid=r.rid JOIN message m ON m.mid=n.mid
         JOIN source s ON s.source=m.source WHERE r.patient=?1
         GROUP BY m.mid",
    )?;
    let mut count = db.prepare_cached(
        "SELECT count(*) FROM resource INDEXED BY resource_patient WHERE patient=?1 AND source=?2 AND state='told' AND withdrawn=0",
    )?;
    let mut notices = db.prepare_cached(
        "SELECT DISTINCT n.code, n.text FROM notice n JOIN message m ON m.mid=n.mid
         WHERE n.patient=?1 AND m.source=?2 AND (?3 IS NULL OR n.mid=?3) ORDER BY 1, 2",
    )?;
    let mut latest: HashMap<i64, (i64, SourceSummary)> = HashMap::new();
    for patient in patients {
        let mut rows = list.query([patient])?;
        while let Some(row) = rows.next()? {
            let (mid, source): (i64, i64) = (row.get(8)?, row.get(9)?);
            let label = read::source_of(row, 0)?;
            let is_newer =
                latest.get(&source).is_none_or(|(_, known)| known.latest.received <= label.received);
            if is_newer {
                let summary = SourceSummary { latest: label, resources: 0, notices: Vec::new() };
                latest.insert(source, (mid, summary));
            }
        }
    }
    let mut out = Vec::new();
    for (source, (mid, mut summary)) in latest {
        for patient in patients {
            summary.resources +=
                count.query_row(rusqlite::params![patient, source], |row| read::count_at(row, 0))?;
            // A whole record replaces what an older one announced; other messages add to each other.
            let only = (summary.latest.telling == Telling::Whole).then_some(mid);
            let rows = notices.query_map(rusqlite::params![patient, source, only], |row| {
                Ok(Notice { code: row.get(0)?, text: row.get(1)? })
            })?;
            for notice in rows {
                let notice = notice?;
                if !summary.notices.contains(&notice) {
                    summary.notices.push(notice);
                }
            }
        }
        out.push(summary);
    }
    out.sort_by(|a, b| {
        let key = |s: &SourceSummary| {
            (
                std::cmp::Reverse(s.latest.received),
                s.latest.organisation_code.clone(),
                s.latest.system.clone(),
            )
        };
        key(a).cmp(&key(b))
    });
    Ok(out)
}
