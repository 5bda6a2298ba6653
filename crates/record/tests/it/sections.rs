use causeway_record::{ExpectedSource, Notice};
use serde_json::json;

use crate::support::*;

#[test]
fn social_care_comes_first_and_every_entry_names_its_source() {
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
    let silent = ExpectedSource {
        organisation_code: "ZZ8".into(),
        organisation: "Ambulance".into(),
        system: String::new(),
    };
    let heard = ExpectedSource {
        organisation_code: "ZZ1".into(),
        organisation: "Council".into(),
        system: String::new(),
    };
    let all = s.record.sections(&person, &[silent, heard]).unwrap().unwrap();
    let filled: Vec<(&str, Vec<&str>)> = all
        .sections
        .iter()
        .filter(|s| !s.entries.is_empty())
        .map(|s| (s.code, s.entries.iter().map(|e| e.key.id.as_str()).collect()))
        .collect();
    assert_eq!(
        filled,
        [
            ("services-and-care", vec!["ep"]),
            ("assessments", vec!["as"]),
            ("support-reasons", vec!["rs"]),
            ("carers-and-contacts", vec!["ca"]),
            ("accommodation", vec!["ac"]),
            ("equipment", vec!["eq"]),
            ("allergies", vec!["no", "pen"]),
            ("results", vec!["na1", "na2", "k1", "k2"]),
            ("encounters", vec!["en"]),
        ]
    );
    let entry = |id: &str| all.sections.iter().flat_map(|s| &s.entries).find(|e| e.key.id == id).unwrap();
    assert_eq!(
        (entry("ep").title.as_str(), entry("ep").date.as_str(), entry("ep").source.message.as_str()),
        ("Reablement at home", "2025-06-10", "m1")
    );
    assert_eq!(
        (entry("ca").title.as_str(), entry("ac").detail.as_str()),
        ("Ida Ashdown (daughter)", "Tenant")
    );
    assert_eq!((entry("na1").detail.as_str(), entry("k1").detail.as_str()), ("140 mmol/L", "4.10 mmol/L"));
    assert_eq!(
        (entry("k1").same_as[0].key.id.as_str(), entry("k2").same_as[0].key.id.as_str()),
        ("k2", "k1")
    );
    assert_eq!(
        (entry("na1").conflicts[0].reason, entry("na2").conflicts[0].key.id.as_str()),
        ("same-time-other-value", "na1")
    );
    assert_eq!(entry("pen").conflicts[0].reason, "allergy-and-none-known");
    assert_eq!(entry("na2").security[0].1, "R");
    let codes: Vec<&str> = all.gaps.iter().map(|g| g.code.as_str()).collect();
    assert_eq!(codes, ["list-withheld", "source-silent", "attachment-missing"]);
    assert!(all.sections.iter().filter(|s| s.entries.is_empty()).all(|s| s.gaps[0].code == "nothing-told"));
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
        let person = s.record.person_of(&patient_id).unwrap().unwrap();
        let sections = s.record.sections(&person, &[]).unwrap().unwrap();
        let found = sections.sections.iter().find(|s| s.entries.iter().any(|e| e.key.id == request)).unwrap();
        assert_eq!(found.code, section);
    }
}
