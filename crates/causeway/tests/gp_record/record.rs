//! Whole records that come again, and the same results told by laboratory and practice.

use std::collections::BTreeSet;

use causeway_record::{Key, PersonQuery, SearchOptions, VersionState};
use causeway_synth::formats::edifact_pathology;
use causeway_synth::{Event, edith};
use serde_json::Value;

use crate::message::extract;
use crate::world::{World, open};

async fn send(world: &World, sender: &str, media_type: &str, bytes: Vec<u8>) -> (String, String) {
    let sent = world.send(sender, media_type, bytes).await;
    let id = sent["id"].as_str().expect("an id").to_owned();
    let recorded = |view: &Value| {
        let events = view["timeline"].as_array().into_iter().flatten();
        events.filter(|e| e["event"] == "recorded").find_map(|e| e["detail"].as_str().map(str::to_owned))
    };
    for _ in 0..3_000 {
        if let Some(detail) = recorded(&world.json(&format!("/messages/{id}")).await) {
            return (id, detail);
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    panic!("not recorded: {}", world.json(&format!("/messages/{id}")).await);
}

fn edith_extract() -> String {
    let (person, journey) = edith();
    extract(&person, &journey, 0)
}

/// Start and end of the n-th composition with its component.
fn composition(text: &str, number: usize) -> std::ops::Range<usize> {
    let (open, close) = ("<component typeCode=\"COMP\"><ehrComposition", "</ehrComposition></component>");
    let start = text.match_indices(open).nth(number).expect("a composition").0;
    start..start + text[start..].find(close).expect("its end") + close.len()
}

/// The GUID of the first thing of a kind in a text.
fn first_id(text: &str, element: &str) -> String {
    let from = text.find(&format!("<{element} ")).expect("the element");
    let at = from + text[from..].find("<id root=\"").expect("an id") + "<id root=\"".len();
    text[at..at + 36].to_owned()
}

fn patient(world: &World, person: &str) -> Vec<String> {
    let view = world.state.behind().0.person(person).expect("a record").expect("a person");
    view.members.into_iter().map(|m| m.patient).collect()
}

/// The resource of a type that a practice told with this source id.
fn find(world: &World, practice: &str, kind: &str, source_id: &str) -> String {
    let (record, _) = world.state.behind();
    let params = [("identifier".to_owned(), source_id.to_owned())];
    let page = record.search(kind, &params, &SearchOptions::default()).expect("found");
    let own: Vec<_> = page.matches.into_iter().filter(|key| teller(world, key) == practice).collect();
    assert_eq!(own.len(), 1, "{kind} {source_id}");
    own[0].id.clone()
}

/// Who told a resource.
fn teller(world: &World, key: &Key) -> String {
    let version = world.state.behind().0.read_resource(&key.kind, &key.id).expect("a record");
    version.expect("a resource").source.organisation_code
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_again_changes_nothing_and_a_newer_one_supersedes() {
    let world = World::new(open()).await;
    let (record, _) = world.state.behind();
    let old = edith_extract();
    send(&world, "ZP401", "application/xml", old.clone().into_bytes()).await;
    let before = record.figures().expect("figures");
    let (_, again) = send(&world, "ZP401", "application/xml", old.clone().into_bytes()).await;
    assert!(again.contains("0 new, 0 changed") || again.contains("nothing changed"), "{again}");
    assert!(!again.contains("no longer told"), "{again}");
    let after = record.figures().expect("figures");
    assert_eq!(
        (before.persons, before.resources, before.versions),
        (after.persons, after.resources, after.versions)
    );

    // Another practice tells the same woman's record too: the newer one of the first takes nothing of it.
    let other = old.replace("ZP401", "ZP402");
    send(&world, "ZP402", "application/xml", other.into_bytes()).await;
    let of_other = record.figures().expect("figures");

    // The newer record: its last consultation is gone, a weight is corrected, one consultation is new.
    let count = old.matches("<ehrComposition ").count();
    let gone =
        (0..count).rev().find(|n| old[composition(&old, *n)].contains("Body weight")).expect("a weight");
    let changed =
        (0..gone).rev().find(|n| old[composition(&old, *n)].contains("Body weight")).expect("another");
    let gone_text = old[composition(&old, gone)].to_owned();
    let changed_text = old[composition(&old, changed)].to_owned();
    let encounter_gone = find(&world, "ZP401", "Encounter", &first_id(&gone_text, "ehrComposition"));
    let at = changed_text.find("Body weight").expect("a weight");
    let weight_id = {
        let start = changed_text[..at].rfind("<ObservationStatement").expect("its statement");
        first_id(&changed_text[start..], "ObservationStatement")
    };
    let weight = find(&world, "ZP401", "Observation", &weight_id);
    let value = changed_text[at..].find("value xsi:type=\"PQ\" value=\"").expect("a value") + at + 27;
    let mut corrected = changed_text.clone();
    let end = value + corrected[value..].find('"').expect("its end");
    corrected.replace_range(value..end, "61.5");
    let new_id = "7B1E0000-0000-4000-8000-0000000000FF";
    let mut added = changed_text.replace(&first_id(&changed_text, "ehrComposition"), new_id);
    added = renumbered(&added, new_id);
    let newer = old.replace(&gone_text, &added).replace(&changed_text, &corrected);
    let newer = newer.replacen("20261102090000", "20261109090000", 1);
    let (_, told) = send(&world, "ZP401", "application/xml", newer.into_bytes()).await;
    assert!(told.contains("no longer told by their source"), "{told}");

    let gone = record.read_resource("Encounter", &encounter_gone).expect("a record").expect("kept");
    assert_eq!(gone.state, VersionState::Superseded);
    let history = record.history("Encounter", &encounter_gone).expect("a history");
    assert!(history.len() == 2 && history[1].resource["resourceType"] == "Encounter", "its history is kept");
    let history = record.history("Observation", &weight).expect("a history");
    assert_eq!(history.len(), 2, "the older value is kept");
    assert_eq!(history[0].resource["valueQuantity"]["value"].to_string(), "61.5");
    assert_ne!(history[1].resource["valueQuantity"]["value"].to_string(), "61.5");
    find(&world, "ZP401", "Encounter", new_id);

    // The other practice's stand as they stood, and all of it is one person.
    let page = record.search("Encounter", &[], &SearchOptions::default()).expect("found");
    assert!(page.matches.iter().any(|k| teller(&world, k) == "ZP402"));
    let persons = record.persons(&PersonQuery { limit: 9, ..Default::default() }).expect("persons");
    assert_eq!(persons.len(), 1);
    assert_eq!(patient(&world, &persons[0].id).len(), 2, "one Patient of each practice");
    assert_eq!(record.figures().expect("figures").persons, of_other.persons);

    // The other practice sends its own again: nothing changes.
    let state = record.figures().expect("figures");
    let (_, late) =
        send(&world, "ZP402", "application/xml", old.replace("ZP401", "ZP402").into_bytes()).await;
    assert!(late.contains("0 new, 0 changed") || late.contains("nothing changed"), "{late}");
    assert_eq!(record.figures().expect("figures").versions, state.versions);
}

/// Gives every statement of a copied composition an id of its own.
fn renumbered(text: &str, keep: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    let mut number = 0;
    while let Some(at) = rest.find("<id root=\"") {
        let start = at + "<id root=\"".len();
        let id = &rest[start..start + 36];
        out.push_str(&rest[..start]);
        // References to people stay.
        let reference = rest[..at].ends_with("<agentRef classCode=\"AGNT\">");
        if reference || id == keep || id.contains('"') {
            out.push_str(id);
        } else {
            number += 1;
            out.push_str(&format!("7B1E0000-0000-4000-8000-00000000F{number:03}"));
        }
        rest = &rest[start + 36..];
    }
    out + rest
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_result_from_laboratory_and_practice_is_one_group_with_both_sources() {
    let world = World::new(open()).await;
    let (person, journey) = edith();
    for event in &journey.events {
        for report in edifact_pathology::of_event(&person, event) {
            send(&world, "ZL701", report.media_type, report.bytes).await;
        }
    }
    send(&world, "ZP401", "application/xml", edith_extract().into_bytes()).await;
    let (record, _) = world.state.behind();
    let persons = record.persons(&PersonQuery { limit: 9, ..Default::default() }).expect("persons");
    assert_eq!(persons.len(), 1, "one woman");
    let id = persons[0].id.clone();
    let lines = journey.events.iter().rev().find_map(|e| match e {
        Event::Results { lines, .. } => Some(lines.len()),
        _ => None,
    });
    let query = causeway_record::SummaryQuery::default();
    let summary = record.summary(&id, &query, None).expect("a summary").expect("the person");
    let part = summary.part("results").expect("results");
    let joined = |f: &&causeway_record::Fact| f.kind == "result" && f.tellings.len() > 1;
    let results: Vec<_> = part.facts.iter().filter(joined).collect();
    let observed = |f: &&&causeway_record::Fact| f.lead().is_some_and(|t| t.key.kind == "Observation");
    assert_eq!(Some(results.iter().filter(observed).count()), lines, "{results:#?}");
    for fact in &results {
        let told: BTreeSet<(&str, &str)> = fact
            .tellings
            .iter()
            .map(|t| (t.source.organisation_code.as_str(), t.source.system.as_str()))
            .collect();
        assert_eq!(told, BTreeSet::from([("ZL701", "edifact-pathology"), ("ZP401", "gp2gp")]));
        // The laboratory corrected it and the practice holds it as final: that much is shown, and nothing else.
        for difference in &fact.differences {
            assert_eq!(difference.aspect, "status", "{:?}", fact.differences);
            let told: BTreeSet<&str> = difference.values.iter().map(|(value, _)| value.as_str()).collect();
            assert_eq!(told, BTreeSet::from(["corrected", "final"]));
        }
        // Each leads to its own resource, which is kept whole.
        for telling in &fact.tellings {
            let kept =
                record.read_resource(&telling.key.kind, &telling.key.id).expect("a record").expect("kept");
            assert!(kept.is_current());
        }
    }
    let page = world.page(&format!("/people/{id}?section=results")).await;
    assert!(page.contains("edifact-pathology") && page.contains("gp2gp"));
    assert!(page.contains("joined into"), "not on the person's page");
}
