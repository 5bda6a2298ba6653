use causeway_record::{ExpectedSource, Notice, Standing, SummaryQuery};
use serde_json::json;

use crate::support::*;

#[test]
fn each_part_holds_its_facts_with_their_sources_and_conflicts() {
    let s = scratch();
    let n = number(1);
    let text = |t: &str| json!({"text": t});
    let subject = |p: &str| json!({"reference": format!("urn:uuid:{p}")});
    let council = [
        patient("c1", &n, "Ashdown", "1941-02-03"),
        json!({"resourceType": "EpisodeOfCare", "id": "ep", "status": "active", "patient": subject("c1"), "type": [text("Reablement at home")], "period": {"start": "2025-06-10"}}),
        json!({"resourceType": "Task", "id": "as", "status": "completed", "intent": "plan", "for": subject("c1"), "code": text("Care Act assessment"), "authoredOn": "2025-06-05"}),
        json!({"resourceType": "Condition", "id": "rs", "subject": subject("c1"), "code": text("Physical support: personal care")}),
        json!({"resourceType": "RelatedPerson", "id": "ca", "patient": subject("c1"), "name": [{"given": ["Ida"], "family": "Ashdown"}], "relationship": [text("daughter")]}),
        json!({"resourceType": "Observation", "id": "ac", "status": "final", "subject": subject("c1"), "code": text("Accommodation status"), "valueCodeableConcept": text("Tenant")}),
        json!({"resourceType": "DeviceRequest", "id": "eq", "status": "active", "intent": "order", "subject": subject("c1"), "codeCodeableConcept": text("Walking frame")}),
    ];
    let mut conflict = observation("na2", "g1", "Serum sodium", "2025-06-01T09:00:00+01:00", "104");
    conflict["meta"] = json!({"source": "m2", "security": [{"system": "http://terminology.hl7.org/CodeSystem/v3-Confidentiality", "code": "R"}]});
    let gp = [
        patient("g1", &n, "Ashdown", "1941-02-03"),
        conflict,
        observation("k2", "g1", "Serum potassium", "2025-06-01", "4.1"),
        json!({"resourceType": "AllergyIntolerance", "id": "no", "patient": subject("g1"), "code": {"coding": [{"system": "http://snomed.info/sct", "code": "716186003", "display": "No known allergy"}]}}),
        json!({"resourceType": "List", "id": "li", "status": "current", "mode": "snapshot", "subject": subject("g1"), "emptyReason": {"coding": [{"code": "withheld"}]}}),
    ];
    let hospital = [
        patient("h1", &n, "Ashdown", "1941-02-03"),
        observation("na1", "h1", "Serum sodium", "2025-06-01T09:00:00+01:00", "140"),
        observation("k1", "h1", "Serum potassium", "2025-06-01", "4.10"),
        json!({"resourceType": "AllergyIntolerance", "id": "pen", "patient": subject("h1"), "code": text("Penicillin"), "clinicalStatus": {"coding": [{"code": "active"}]}}),
        json!({"resourceType": "Encounter", "id": "en", "status": "finished", "class": {"code": "IMP", "display": "inpatient encounter"}, "subject": subject("h1"), "period": {"start": "2025-06-01"}}),
    ];
    apply(&s.record, &message("m1", "ZZ1", "client-level-data", 0), &council);
    let mut told = message("m2", "ZZ2", "gp2gp", 1);
    told.notices = vec![Notice {
        code: "attachment-missing".into(),
        text: "an attachment was announced and did not come".into(),
    }];
    apply(&s.record, &told, &gp);
    apply(&s.record, &message("m3", "ZZ3", "hl7v2", 2), &hospital);
    let person = s.record.person_of("c1").unwrap().unwrap();
    let expected = |code: &str, name: &str| ExpectedSource {
        organisation_code: code.into(),
        organisation: name.into(),
        system: String::new(),
    };
    let query = SummaryQuery {
        today: "2025-11-01".into(),
        expected: vec![expected("ZZ8", "Ambulance"), expected("ZZ1", "Council")],
        ..SummaryQuery::default()
    };
    let all = s.record.summary(&person, &query, None).unwrap().unwrap();
    let filled: Vec<(&str, u64, Vec<Vec<String>>)> = all
        .parts
        .iter()
        .filter(|p| !p.facts.is_empty())
        .map(|p| (p.code, p.total, p.facts.iter().map(ids_of).collect()))
        .collect();
    let ids = |all: &[&[&str]]| -> Vec<Vec<String>> {
        all.iter().map(|f| f.iter().map(|i| (*i).to_owned()).collect()).collect()
    };
    assert_eq!(
        filled,
        [
            ("allergies", 2, ids(&[&["no"], &["pen"]])),
            ("support-reasons", 1, ids(&[&["rs"]])),
            ("services-and-care", 1, ids(&[&["ep"]])),
            ("assessments", 1, ids(&[&["as"]])),
            ("results", 4, ids(&[&["na1", "na2"], &["k1", "k2"]])),
            ("encounters", 1, ids(&[&["en"]])),
            ("carers-and-contacts", 1, ids(&[&["ca"]])),
            ("accommodation", 1, ids(&[&["ac"]])),
            ("equipment", 1, ids(&[&["eq"]])),
        ]
    );
    let fact = |part: &str, n: usize| all.part(part).unwrap().facts.get(n).unwrap();
    let lead = |part: &str, n: usize| fact(part, n).lead().unwrap();
    assert_eq!(
        (lead("services-and-care", 0).title.as_str(), lead("services-and-care", 0).source.message.as_str()),
        ("Reablement at home", "m1")
    );
    assert_eq!(
        (lead("carers-and-contacts", 0).title.as_str(), lead("accommodation", 0).detail.as_str()),
        ("Ida Ashdown (daughter)", "Tenant")
    );
    // The same minute with another value is shown and not resolved; the same value joins.
    let sodium = &fact("results", 0).differences;
    assert_eq!(sodium.len(), 1);
    let values: Vec<&str> = sodium[0].values.iter().map(|(v, _)| v.as_str()).collect();
    assert_eq!((sodium[0].aspect, values), ("value", vec!["104 mmol/l", "140 mmol/l"]));
    assert!(fact("results", 1).differences.is_empty());
    assert!(fact("results", 0).tellings.iter().any(|t| t.security.iter().any(|(_, code)| code == "R")));
    // An allergy and "none known" of another source both stand on top.
    let safety: Vec<(&str, &str)> = all.safety.iter().map(|l| (l.text.as_str(), l.by[0].as_str())).collect();
    assert_eq!(
        safety,
        [
            ("Penicillin", "Organisation ZZ3"),
            ("Another source says that no allergy is known", "Organisation ZZ2")
        ]
    );
    let codes: Vec<&str> = all.gaps.iter().map(|g| g.code.as_str()).collect();
    assert_eq!(codes, ["list-withheld", "source-silent", "attachment-missing"]);
    assert_eq!(
        all.sources.iter().map(|s| (s.latest.organisation_code.as_str(), s.resources)).collect::<Vec<_>>(),
        [("ZZ3", 6), ("ZZ2", 6), ("ZZ1", 8)]
    );
}

#[test]
fn a_section_follows_the_sector_of_the_format_and_not_a_name() {
    use causeway_core::Sector;
    let s = scratch();
    let about = |p: &str| json!({"reference": format!("urn:uuid:{p}")});
    for (id, sector, section) in
        [("a", Sector::SocialCare, "services-and-care"), ("b", Sector::Health, "referrals")]
    {
        let mut told = message(id, &format!("ZZ-{id}"), "some-format", 0);
        told.sector = sector;
        let (patient_id, request) = (format!("p-{id}"), format!("r-{id}"));
        let number = number(if id == "a" { 1 } else { 2 });
        apply(
            &s.record,
            &told,
            &[
                patient(&patient_id, &number, "Ashdown", "1941-02-03"),
                json!({"resourceType": "ServiceRequest", "id": request, "status": "active", "intent": "order",
                "subject": about(&patient_id), "code": {"text": "Assessment before discharge"}}),
            ],
        );
        let all = summary(&s.record, &patient_id);
        let found =
            all.parts.iter().find(|p| p.facts.iter().any(|f| ids_of(f) == [request.as_str()])).unwrap();
        assert_eq!(found.code, section);
    }
}

#[test]
fn medicines_are_reconciled_over_plan_issue_home_and_hospital() {
    let s = scratch();
    let n = number(1);
    let about = |p: &str| json!({"reference": format!("urn:uuid:{p}")});
    let gp = [
        patient("g1", &n, "Ashdown", "1941-02-03"),
        json!({"resourceType": "Medication", "id": "med", "code": {"coding": [{"system": "http://snomed.info/sct", "code": "1", "display": "Apixaban 5mg tablets"}]}}),
        json!({"resourceType": "MedicationStatement", "id": "g-api", "status": "active", "subject": about("g1"),
            "medicationReference": {"reference": "urn:uuid:med"}, "dosage": [{"text": "One twice a day"}], "effectivePeriod": {"start": "2024-01-01"}}),
        json!({"resourceType": "MedicationRequest", "id": "g-issue", "status": "completed", "intent": "order", "subject": about("g1"),
            "basedOn": [{"reference": "urn:uuid:plan"}], "medicationReference": {"reference": "urn:uuid:med"}, "authoredOn": "2025-09-01"}),
        json!({"resourceType": "MedicationStatement", "id": "g-aml", "status": "active", "subject": about("g1"),
            "medicationCodeableConcept": {"text": "Amlodipine 5mg tablets"}, "dosage": [{"text": "One daily"}]}),
        json!({"resourceType": "MedicationStatement", "id": "g-old", "status": "completed", "subject": about("g1"),
            "medicationCodeableConcept": {"text": "Chloramphenicol 1% eye ointment"}, "effectivePeriod": {"start": "2020-01-01", "end": "2020-02-01"}}),
    ];
    let home = [
        patient("c1", &n, "Ashdown", "1941-02-03"),
        json!({"resourceType": "MedicationStatement", "id": "c-api", "status": "active", "subject": about("c1"),
            "medicationCodeableConcept": {"text": "APIXABAN 5 mg tabs"}, "dosage": [{"text": "1 tablet BD"}]}),
        json!({"resourceType": "MedicationStatement", "id": "c-aml", "status": "active", "subject": about("c1"),
            "medicationCodeableConcept": {"text": "Amlodipine 10mg tablets"}, "dosage": [{"text": "One tablet once a day"}]}),
    ];
    let hospital = [
        patient("h1", &n, "Ashdown", "1941-02-03"),
        json!({"resourceType": "MedicationStatement", "id": "h-aml", "status": "stopped", "subject": about("h1"),
            "medicationCodeableConcept": {"text": "Amlodipine"}, "effectivePeriod": {"end": "2025-10-03"}}),
    ];
    apply(&s.record, &message("m1", "ZZ1", "gp2gp", 0), &gp);
    apply(&s.record, &message("m2", "ZZ2", "care-provider-record", 1), &home);
    apply(&s.record, &message("m3", "ZZ3", "hl7v2", 2), &hospital);
    let all = summary(&s.record, "g1");
    let facts = &all.part("medicines").unwrap().facts;
    let find = |id: &str| facts.iter().find(|f| f.tellings.iter().any(|t| t.key.id == id)).unwrap();
    let apixaban = find("g-api");
    assert_eq!(
        (ids_of(apixaban), apixaban.standing),
        (vec!["c-api".to_owned(), "g-api".into(), "g-issue".into()], Standing::Current)
    );
    assert!(apixaban.differences.is_empty(), "{:?}", apixaban.differences);
    assert!(apixaban.tellings.iter().all(|t| t.title.to_lowercase().starts_with("apixaban")));
    let amlodipine = find("g-aml");
    assert_eq!(amlodipine.standing, Standing::Unclear);
    assert_eq!(amlodipine.tellings.len(), 3);
    let differ: Vec<&str> = amlodipine.differences.iter().map(|d| d.aspect).collect();
    assert_eq!(differ, ["dose", "state"]);
    assert_eq!(find("g-old").standing, Standing::Past);
    assert_eq!(all.part("medicines").unwrap().total, 7);
}

#[test]
fn a_page_reads_what_it_shows_and_leads_on_without_losing_any() {
    let s = scratch();
    let n = number(1);
    let mut all = vec![patient("p1", &n, "Ashdown", "1941-02-03")];
    for k in 0..1_500 {
        let time = format!("20{:02}-{:02}-{:02}", k / 300 + 10, k / 25 % 12 + 1, k % 25 + 1);
        all.push(observation(&format!("o{k}"), "p1", &format!("Test {}", k % 7), &time, "140"));
    }
    apply(&s.record, &message("m1", "ZZ9", "edifact-pathology", 0), &all);
    let whole = summary(&s.record, "p1");
    let part = whole.part("results").unwrap();
    assert_eq!((part.total, part.read <= 300, part.older.is_some()), (1_500, true, true));
    let person = s.record.person_of("p1").unwrap().unwrap();
    let mut seen = std::collections::HashSet::new();
    let mut before = None;
    loop {
        let query = SummaryQuery { part: "results".into(), before, ..SummaryQuery::default() };
        let page = s.record.summary(&person, &query, None).unwrap().unwrap();
        let part = page.parts.first().unwrap();
        seen.extend(part.facts.iter().flat_map(ids_of));
        before = part.older;
        if before.is_none() {
            break;
        }
    }
    assert_eq!(seen.len(), 1_500);
}

#[test]
fn what_changed_since_is_told_with_earlier_values_beside() {
    let s = scratch();
    let n = number(1);
    let p = patient("p1", &n, "Ashdown", "1941-02-03");
    let sodium = |value: &str, status: &str| {
        let mut o = observation("na", "p1", "Serum sodium", "2025-06-01T09:00:00Z", value);
        o["status"] = json!(status);
        o
    };
    let other = observation("k", "p1", "Serum potassium", "2025-06-01T09:00:00Z", "4.1");
    apply(
        &s.record,
        &message("m1", "ZZ9", "edifact-pathology", 0),
        &[p.clone(), sodium("140", "final"), other],
    );
    let mut gone = observation("k", "p1", "Serum potassium", "2025-06-01T09:00:00Z", "4.1");
    gone["status"] = json!("entered-in-error");
    apply(&s.record, &message("m2", "ZZ9", "edifact-pathology", 5), &[p, sodium("104", "corrected"), gone]);
    let person = s.record.person_of("p1").unwrap().unwrap();
    let query = SummaryQuery { since: Some(at(1)), ..SummaryQuery::default() };
    let all = s.record.summary(&person, &query, None).unwrap().unwrap();
    let mut changes: Vec<(&str, &str)> = all.changes.iter().map(|c| (c.kind, c.key.id.as_str())).collect();
    changes.sort_unstable();
    assert_eq!(changes, [("changed", "na"), ("withdrawn", "k")]);
    let test = &all.tests[0];
    assert_eq!(
        (test.points[0].value.as_str(), test.points[0].earlier.as_slice()),
        ("104", &["140 mmol/L".to_owned()][..])
    );
}

#[test]
fn what_a_reader_may_not_see_is_neither_told_counted_joined_nor_hinted_at() {
    let s = scratch();
    let n = number(1);
    let about = |p: &str| json!({"reference": format!("urn:uuid:{p}")});
    let problem = |id: &str, p: &str, status: &str| {
        json!({"resourceType": "Condition", "id": id, "subject": about(p), "code": {"text": "Secret illness"},
            "clinicalStatus": {"coding": [{"code": status}]}, "onsetDateTime": "2025-01-01"})
    };
    let clinic = [
        patient("c1", &n, "Ashdown", "1941-02-03"),
        json!({"resourceType": "Organization", "id": "org", "name": "Marigold Clinic"}),
        problem("hidden", "c1", "resolved"),
        json!({"resourceType": "AllergyIntolerance", "id": "rash", "patient": about("c1"), "code": {"text": "Secret medicine"}}),
        json!({"resourceType": "Encounter", "id": "visit", "status": "finished", "subject": about("c1"),
            "type": [{"text": "Consultation"}], "period": {"start": "2025-02-01"}, "serviceProvider": {"reference": "urn:uuid:org"}}),
    ];
    apply(&s.record, &message("m1", "ZZ1", "hl7v2", 0), &clinic);
    apply(
        &s.record,
        &message("m2", "ZZ2", "gp2gp", 1),
        &[patient("g1", &n, "Ashdown", "1941-02-03"), problem("seen", "g1", "active")],
    );
    let person = s.record.person_of("c1").unwrap().unwrap();
    let query = SummaryQuery { today: "2025-11-01".into(), since: Some(at(0)), ..SummaryQuery::default() };
    let withheld = ["hidden", "rash", "org"];
    let show = |resource: serde_json::Value| {
        let hidden = resource["id"].as_str().is_some_and(|id| withheld.contains(&id));
        (!hidden).then_some(resource)
    };
    let text = |all: &causeway_record::Summary| serde_json::to_string(all).unwrap();
    let whole = s.record.summary(&person, &query, None).unwrap().unwrap();
    // The control: without the rule it is all there.
    for word in ["hidden", "Secret medicine", "Marigold"] {
        assert!(text(&whole).contains(word), "{word}");
    }
    assert_eq!(whole.part("problems").unwrap().facts[0].differences.len(), 1);
    let shown = s.record.summary(&person, &query, Some(&show)).unwrap().unwrap();
    for word in ["hidden", "Secret medicine", "Marigold", "rash"] {
        assert!(!text(&shown).contains(word), "{word}");
    }
    let problems = shown.part("problems").unwrap();
    assert_eq!((problems.total, problems.read, problems.facts.len()), (1, 1, 1));
    assert!(problems.facts[0].differences.is_empty());
    assert_eq!(problems.facts[0].standing, Standing::Current);
    assert_eq!(shown.part("allergies").unwrap().total, 0);
}
