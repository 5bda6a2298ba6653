use causeway_record::{RecordError, SearchOptions};
use serde_json::{Value, json};

use crate::support::*;

/// Two people: one with a few things of many kinds, another whose data must not be found.
fn filled() -> Scratch {
    let s = scratch();
    let r = |id: &str| json!({"reference": format!("urn:uuid:{id}")});
    let mut one = with_local(patient("p1", &number(1), "Ångström-Hill", "1941-02-03"), "H1234");
    one["address"] = json!([{"line": ["1 Nowhere"], "city": "Testham", "postalCode": "ZZ99 1AA"}]);
    let concept =
        |system: &str, code: &str| json!({"coding": [{"system": system, "code": code}], "text": "wording"});
    let all = [
        one,
        observation("o1", "p1", "Sodium", "2025-06-01T10:00:00+01:00", "140"),
        observation("o2", "p1", "Potassium", "2025-06-15", "4.1"),
        observation("o3", "p1", "Urea", "2025-07", "5"),
        json!({"resourceType": "DiagnosticReport", "id": "r1", "status": "final", "code": concept("s", "c"), "subject": r("p1"),
            "identifier": [{"system": "urn:lab", "value": "L1"}], "result": [r("o1")], "effectiveDateTime": "2025-06-01", "issued": "2025-06-02T10:00:00Z"}),
        json!({"resourceType": "Condition", "id": "c1", "code": concept("http://snomed.info/sct", "73211009"), "subject": r("p1"),
            "clinicalStatus": {"coding": [{"code": "active"}]}, "onsetDateTime": "2001", "encounter": r("e1")}),
        json!({"resourceType": "Encounter", "id": "e1", "status": "finished", "class": {"code": "IMP"}, "subject": r("p1"),
            "period": {"start": "2025-06-01", "end": "2025-06-10"}}),
        json!({"resourceType": "AllergyIntolerance", "id": "a1", "code": concept("s", "pen"), "patient": r("p1"), "criticality": "high"}),
        json!({"resourceType": "MedicationRequest", "id": "mr1", "status": "active", "intent": "order", "subject": r("p1"),
            "medicationCodeableConcept": concept("s", "med"), "authoredOn": "2025-05-01"}),
        json!({"resourceType": "MedicationStatement", "id": "ms1", "status": "active", "subject": r("p1"), "context": r("e1"),
            "medicationCodeableConcept": concept("s", "med"), "effectivePeriod": {"start": "2025-05-01"}}),
        json!({"resourceType": "Immunization", "id": "i1", "status": "completed", "patient": r("p1"), "vaccineCode": concept("s", "flu"), "occurrenceDateTime": "2024-10-01"}),
        json!({"resourceType": "ServiceRequest", "id": "sr1", "status": "active", "intent": "order", "subject": r("p1"), "authoredOn": "2025-06-03", "code": concept("s", "ref")}),
        json!({"resourceType": "Task", "id": "t1", "status": "accepted", "intent": "plan", "for": r("p1"), "authoredOn": "2025-06-04", "code": concept("s", "task")}),
        json!({"resourceType": "EpisodeOfCare", "id": "ep1", "status": "active", "patient": r("p1"), "period": {"start": "2025-06-05"}, "type": [concept("s", "HS")]}),
        json!({"resourceType": "DocumentReference", "id": "d1", "status": "current", "subject": r("p1"), "date": "2025-06-06T00:00:00Z", "type": concept("s", "letter")}),
        json!({"resourceType": "Appointment", "id": "ap1", "status": "booked", "start": "2025-08-01T09:00:00Z",
            "participant": [{"actor": r("p1"), "status": "accepted"}, {"actor": {"reference": "Practitioner/x"}, "status": "accepted"}]}),
        json!({"resourceType": "RelatedPerson", "id": "rp1", "patient": r("p1"), "name": [{"family": "Hill"}], "relationship": [concept("s", "NOK")]}),
        json!({"resourceType": "Flag", "id": "f1", "status": "active", "subject": r("p1"), "code": concept("s", "DOLS"), "period": {"start": "2025-01-01"}}),
        json!({"resourceType": "CarePlan", "id": "cp1", "status": "active", "intent": "plan", "subject": r("p1"), "period": {"start": "2025-06-01"}}),
        json!({"resourceType": "QuestionnaireResponse", "id": "q1", "status": "completed", "subject": r("p1"), "authored": "2025-06-07"}),
    ];
    apply(&s.record, &message("m1", "ZZ1", "careconnect", 0), &all);
    let other = [
        patient("x1", &number(2), "Other", "1990-01-01"),
        observation("x2", "x1", "Sodium", "2025-06-01T10:00:00+01:00", "140"),
        json!({"resourceType": "Organization", "id": "org1", "name": "Testham Surgery", "identifier": [{"system": "urn:ods", "value": "A1"}]}),
    ];
    apply(&s.record, &message("m2", "ZZ2", "careconnect", 1), &other);
    s
}

#[test]
fn parameters_of_each_type() {
    let s = filled();
    let n = number(1);
    let nhs = format!("identifier={NHS}|{n}");
    let by_nhs = format!("patient:identifier={NHS}|{n}");
    let chained = format!("subject.identifier={NHS}|{n}");
    let cases: &[(&str, &str, &[&str])] = &[
        ("Patient", &nhs, &["p1"]),
        ("Patient", &format!("identifier={n}"), &["p1"]),
        ("Patient", &format!("identifier={MRN}|"), &["p1"]),
        ("Patient", "identifier=|H1234", &[]),
        ("Patient", "family=angst", &["p1"]),
        ("Patient", "family:exact=angst", &[]),
        ("Patient", "family:exact=Ångström-Hill", &["p1"]),
        ("Patient", "family:contains=hill", &["p1"]),
        ("Patient", "given=TESTA", &["p1", "x1"]),
        ("Patient", "name=hil,oth", &["x1"]),
        ("Patient", "birthdate=1941-02-03", &["p1"]),
        ("Patient", "birthdate=ge1990", &["x1"]),
        ("Patient", "birthdate=1941&gender=male", &[]),
        ("Patient", "gender=female&_id=x1", &["x1"]),
        ("Patient", "address-postalcode=ZZ99", &["p1"]),
        ("Organization", "name=testham&identifier=urn:ods|A1", &["org1"]),
        ("Observation", "patient=p1", &["o1", "o2", "o3"]),
        ("Observation", "subject=Patient/p1", &["o1", "o2", "o3"]),
        ("Observation", "patient=http://any/Patient/p1", &["o1", "o2", "o3"]),
        ("Observation", &by_nhs, &["o1", "o2", "o3"]),
        ("Observation", &chained, &["o1", "o2", "o3"]),
        ("Observation", "patient=nobody", &[]),
        ("Observation", "patient:identifier=urn:x|nobody", &[]),
        ("Observation", "patient=p1&patient=x1", &[]),
        ("Observation", "patient=p1,x1", &["o1", "o2", "o3", "x2"]),
        ("Observation", "patient=p1&code=http://read.info/readv2|44J3.00", &["o1", "o2", "o3"]),
        ("Observation", "code=44J3.00", &["o1", "o2", "o3", "x2"]),
        ("Observation", "patient=p1&category=laboratory&status=final", &["o1", "o2", "o3"]),
        ("Observation", "patient=p1&status:not=final", &[]),
        ("Observation", "patient=p1&date=2025-06", &["o1", "o2"]),
        ("Observation", "patient=p1&date=2025-06-01", &["o1"]),
        ("Observation", "patient=p1&date=ne2025-06-01", &["o2", "o3"]),
        ("Observation", "patient=p1&date=gt2025-06-15", &["o3"]),
        ("Observation", "patient=p1&date=ge2025-06-15", &["o2", "o3"]),
        ("Observation", "patient=p1&date=lt2025-06-15", &["o1"]),
        ("Observation", "patient=p1&date=le2025-06-15&date=ge2025-06-02", &["o2"]),
        ("Observation", "patient=p1&date=sa2025-06-30", &["o3"]),
        ("Observation", "patient=p1&date=eb2025-06-02", &["o1"]),
        ("Observation", "patient=p1&date=2025-06-01T09:00Z", &["o1"]),
        ("Observation", "patient=p1&_id=o1,o3", &["o1", "o3"]),
        ("Observation", "patient=p1&_lastUpdated=ge2020-01-01", &["o1", "o2", "o3"]),
        ("Observation", "_lastUpdated=lt2020-01-01", &[]),
        ("Observation", "patient=p1&date:missing=true", &[]),
        ("DiagnosticReport", "identifier=urn:lab|L1", &["r1"]),
        ("DiagnosticReport", "result=Observation/o1&patient=p1", &["r1"]),
        ("DiagnosticReport", "result=o1", &["r1"]),
        ("DiagnosticReport", "patient=p1&issued=2025-06-02", &["r1"]),
        ("Condition", "patient=p1&clinical-status=active&code=73211009", &["c1"]),
        ("Condition", "encounter=Encounter/e1", &["c1"]),
        ("Condition", "onset-date=le2001", &["c1"]),
        ("Encounter", "patient=p1&class=IMP&date=ge2025-06-10", &["e1"]),
        ("Encounter", "patient=p1&date=2025-06-05", &[]),
        ("Encounter", "patient=p1&date=ap2025-06-05", &["e1"]),
        ("AllergyIntolerance", "patient=p1&criticality=high", &["a1"]),
        ("MedicationRequest", "patient=p1&intent=order&authoredon=2025-05-01&code=med", &["mr1"]),
        ("MedicationStatement", "patient=p1&effective=ge2025-06-01", &["ms1"]),
        ("MedicationStatement", "encounter=e1", &["ms1"]),
        ("Immunization", "patient=p1&vaccine-code=flu&date=2024", &["i1"]),
        ("ServiceRequest", "patient=p1&authored=2025-06-03", &["sr1"]),
        ("Task", "patient=p1&status=accepted&authored-on=2025-06-04", &["t1"]),
        ("EpisodeOfCare", "patient=p1&type=HS&date=ge2025", &["ep1"]),
        ("DocumentReference", "subject=p1&type=letter&date=2025-06-06", &["d1"]),
        ("Appointment", "patient=p1&status=booked&date=2025-08-01", &["ap1"]),
        ("Appointment", "actor=Practitioner/x", &["ap1"]),
        ("RelatedPerson", "patient=p1&name=hill", &["rp1"]),
        ("Flag", "subject=p1&status=active&date=ge2025", &["f1"]),
        ("CarePlan", "patient=p1&status=active", &["cp1"]),
        ("QuestionnaireResponse", "patient=p1&authored=2025-06-07", &["q1"]),
    ];
    for (kind, query, expected) in cases {
        let page = find(&s.record, kind, query);
        assert_eq!(&ids(&page), expected, "{kind}?{query}");
        let said =
            page.bundle["entry"].as_array().into_iter().flatten().any(|e| e["search"]["mode"] == "outcome");
        assert!(!said, "{kind}?{query} is said to be unknown");
        if query.contains("patient=") {
            assert_eq!(page.total, Some(expected.len() as u64), "{kind}?{query}");
        }
    }
}

#[test]
fn unknown_parameters_are_said_and_strictly_refused() {
    let s = filled();
    let page = find(&s.record, "Observation", "patient=p1&colour=blue&shape=round");
    assert_eq!(page.matches.len(), 3);
    let last = page.bundle["entry"].as_array().unwrap().last().unwrap().clone();
    assert_eq!(last["resource"]["resourceType"], "OperationOutcome");
    assert_eq!(last["resource"]["issue"].as_array().unwrap().len(), 2);
    assert!(!page.bundle["link"][0]["url"].as_str().unwrap().contains("colour"));
    let strict = SearchOptions { strict: true, ..SearchOptions::default() };
    assert!(matches!(
        s.record.search("Observation", &params("colour=blue"), &strict),
        Err(RecordError::Search(_))
    ));
    for bad in ["date=nonsense", "date=zz2025-01-01", "_count=x", "_page=x", "_lastUpdated=no"] {
        assert!(s.record.search("Observation", &params(bad), &strict).is_err(), "{bad}");
    }
    assert!(s.record.search("no type", &[], &strict).is_err());
}

#[test]
fn pages_sort_and_lose_nothing() {
    let s = scratch();
    let mut all = vec![patient("p1", &number(1), "Ashdown", "1941-02-03")];
    for n in 0..25 {
        let time = format!("2025-06-{:02}", 1 + (n * 7) % 25);
        all.push(observation(&format!("o{n}"), "p1", "Sodium", &time, "140"));
    }
    let mut undated = observation("none", "p1", "Sodium", "2025", "1");
    undated.as_object_mut().unwrap().shift_remove("effectiveDateTime");
    all.push(undated);
    apply(&s.record, &message("m1", "ZZ1", "careconnect", 0), &all);
    for sort in ["", "&_sort=date", "&_sort=-date", "&_sort=_lastUpdated", "&_sort=-_id"] {
        let mut seen = Vec::new();
        let mut dates = Vec::new();
        let mut token: Option<String> = None;
        for _ in 0..10 {
            let page_param = token.as_ref().map_or(String::new(), |t| format!("&_page={t}"));
            let page = find(&s.record, "Observation", &format!("patient=p1&_count=7{sort}{page_param}"));
            assert_eq!(page.total, Some(26));
            seen.extend(page.matches.iter().map(|k| k.id.clone()));
            dates.extend(
                page.bundle["entry"]
                    .as_array()
                    .unwrap()
                    .iter()
                    .map(|e| e["resource"]["effectiveDateTime"].as_str().map(str::to_owned)),
            );
            token = page.next;
            if token.is_none() {
                break;
            }
        }
        assert_eq!(seen.len(), 26, "{sort}");
        seen.sort();
        seen.dedup();
        assert_eq!(seen.len(), 26, "{sort}");
        let dated: Vec<_> = dates.iter().flatten().cloned().collect();
        let mut sorted = dated.clone();
        sorted.sort();
        match sort {
            "&_sort=date" => assert_eq!(dated, sorted),
            "&_sort=-date" => assert!(dated.iter().eq(sorted.iter().rev())),
            _ => {}
        }
        if sort.ends_with("date") {
            assert_eq!(dates.last(), Some(&None), "what has no date comes last");
        }
    }
    let count = find(&s.record, "Observation", "patient=p1&_summary=count");
    assert_eq!((count.total, count.matches.len(), count.bundle.get("entry")), (Some(26), 0, None));
    assert_eq!(find(&s.record, "Observation", "_count=0").total, Some(26));
}

#[test]
fn include_and_revinclude() {
    let s = filled();
    let modes = |page: &causeway_record::SearchPage| -> Vec<(String, String)> {
        let entries = page.bundle["entry"].as_array().cloned().unwrap_or_default();
        entries
            .iter()
            .map(|e| {
                (
                    e["resource"]["id"].as_str().unwrap_or("").to_owned(),
                    e["search"]["mode"].as_str().unwrap().to_owned(),
                )
            })
            .collect()
    };
    let has = |query: (&str, &str), id: &str| {
        modes(&find(&s.record, query.0, query.1)).contains(&(id.to_owned(), "include".to_owned()))
    };
    assert!(has(("DiagnosticReport", "patient=p1&_include=DiagnosticReport:result"), "o1"));
    assert!(has(("Condition", "patient=p1&_include=Condition:subject"), "p1"));
    assert!(has(("Condition", "patient=p1&_include=Condition:encounter"), "e1"));
    assert!(has(("Observation", "_id=o1&_revinclude=Provenance:target"), "prov-ZZ1-careconnect"));
    assert!(has(("Observation", "_id=o1&_revinclude=DiagnosticReport:result"), "r1"));
    assert!(has(("Patient", "_id=p1&_revinclude=Observation:patient"), "o2"));
    let unknown = find(&s.record, "Observation", "_id=o1&_include=Observation:nonsense");
    assert_eq!(modes(&unknown).last().unwrap().1, "outcome");
}

#[test]
fn the_searchset_has_its_parts() {
    let s = filled();
    let page = find(&s.record, "Observation", "patient=p1&_count=1");
    let bundle: Value = page.bundle;
    assert_eq!(
        (&bundle["resourceType"], &bundle["type"], &bundle["total"]),
        (&json!("Bundle"), &json!("searchset"), &json!(3))
    );
    assert_eq!(bundle["entry"][0]["fullUrl"], "https://record.example/Observation/o1");
    assert_eq!(bundle["link"][0]["relation"], "self");
    let next = bundle["link"][1]["url"].as_str().unwrap();
    assert!(next.starts_with("https://record.example/Observation?patient=p1&_count=1&_page="), "{next}");
}

/// R4's rules of search, one row each. What can't be honoured is refused: left out, it would answer about other people.
#[test]
fn rules_of_r4() {
    let s = filled();
    let n = number(1);
    let lab = json!({"resourceType": "Observation", "id": "q1", "status": "final", "subject": {"reference": "urn:uuid:p1"},
        "code": {"coding": [{"system": "s", "code": "bp", "display": "Blood pressure"}], "text": "BP seated"},
        "valueQuantity": {"value": 5.40, "unit": "mmol/L", "system": "http://unitsofmeasure.org", "code": "mmol/L"},
        "component": [{"code": {"coding": [{"system": "s", "code": "sys"}]}, "valueQuantity": {"value": 128}}],
        "identifier": [{"type": {"coding": [{"system": "t", "code": "FILL"}]}, "system": "urn:f", "value": "F9"}],
        "method": {"coding": [{"code": "auto"}]}, "effectiveDateTime": "2025-07-07"});
    let answers = json!({"resourceType": "QuestionnaireResponse", "id": "qr", "status": "completed", "subject": {"reference": "urn:uuid:p1"},
        "questionnaire": "https://q.example/about-me|1.0"});
    let seen = json!({"resourceType": "Encounter", "id": "ev", "status": "finished", "class": {"code": "AMB"}, "subject": {"reference": "urn:uuid:p1"},
        "serviceProvider": {"reference": "urn:uuid:hosp"}});
    let place = json!({"resourceType": "Organization", "id": "hosp", "name": "Ferndale Hospital"});
    let p1 = with_local(patient("p1", &number(1), "Ångström-Hill", "1941-02-03"), "H1234");
    apply(&s.record, &message("m9", "ZZ1", "careconnect", 5), &[p1, lab, answers, seen, place]);
    let typed = format!("subject:Patient.identifier={NHS}|{n}");
    for (kind, query, expected) in [
        // Chains.
        ("Observation", typed.as_str(), &["o1", "o2", "o3", "q1"][..]),
        ("Observation", "subject:Patient.identifier=0000000000", &[]),
        ("Observation", "patient.name=zzz", &[]),
        ("Observation", "patient.family=hill&code=s|bp", &[]),
        ("Observation", "patient.family=angst&code=s|bp", &["q1"]),
        ("Observation", "subject:Patient.birthdate=1990-01-01", &["x2"]),
        ("Observation", "subject:Group.name=angst", &[]),
        ("Condition", "encounter.class=IMP", &["c1"]),
        ("Condition", "encounter.class=AMB", &[]),
        ("Encounter", "service-provider.name=fern", &["ev"]),
        ("Encounter", "service-provider:Organization.name:exact=Ferndale Hospital", &["ev"]),
        // Reverse chains.
        ("Patient", "_has:Observation:patient:code=s|bp", &["p1"]),
        ("Patient", "_has:Observation:subject:value-quantity=gt1000", &[]),
        ("Patient", "_has:Observation:subject:value-quantity=gt100", &["p1", "x1"]),
        ("Organization", "_has:Encounter:service-provider:class=AMB", &["hosp"]),
        // Absence.
        ("Observation", "patient:missing=true", &[]),
        ("Observation", "subject:missing=false&code=s|bp", &["q1"]),
        ("Observation", "patient=p1&method:missing=false", &["q1"]),
        ("Observation", "patient=p1&method:missing=true", &["o1", "o2", "o3"]),
        ("Condition", "patient=p1&encounter:missing=true", &[]),
        // Tokens.
        ("Observation", "patient=p1&code:text=seated", &["q1"]),
        ("Observation", "patient=p1&code:text=blood", &["q1"]),
        ("Observation", "patient=p1&code:not=s|bp", &["o1", "o2", "o3"]),
        ("Observation", "patient=p1&identifier:of-type=t|FILL|F9", &["q1"]),
        ("Observation", "patient=p1&identifier:of-type=t|FILL|F8", &[]),
        ("Observation", "patient=p1&method=auto", &["q1"]),
        // Quantities, numbers, composites.
        ("Observation", "patient=p1&code=s|bp&value-quantity=5.4", &["q1"]),
        ("Observation", "patient=p1&code=s|bp&value-quantity=5.45", &[]),
        (
            "Observation",
            "patient=p1&code=s|bp&value-quantity=ge5.4|http://unitsofmeasure.org|mmol/L",
            &["q1"],
        ),
        ("Observation", "patient=p1&code-value-quantity=s|bp$gt5", &["q1"]),
        ("Observation", "patient=p1&code-value-quantity=s|bp$gt6", &[]),
        ("Observation", "patient=p1&component-code-value-quantity=s|sys$128", &["q1"]),
        ("Observation", "patient=p1&combo-code=s|sys", &["q1"]),
        // A canonical with and without its version.
        ("QuestionnaireResponse", "patient=p1&questionnaire=https://q.example/about-me", &["qr"]),
        ("QuestionnaireResponse", "questionnaire=https://q.example/about-me|1.0", &["qr"]),
        ("QuestionnaireResponse", "questionnaire=https://q.example/other", &[]),
    ] {
        assert_eq!(ids(&find(&s.record, kind, query)), expected, "{kind}?{query}");
    }
    for (kind, query) in [
        ("Observation", "code:in=http://v"),
        ("Observation", "code:wrong=x"),
        ("Observation", "date:exact=2025"),
        ("Observation", "patient:missing=maybe"),
        ("Observation", "subject.colour=blue"),
        ("Observation", "subject:Medication.code=x"),
        ("Observation", "colour.name=blue"),
        ("Observation", "patent=p1"),
        ("Observation", "_filter=code eq x"),
        ("Observation", "_content=x"),
        ("Observation", "_id:exact=x"),
        ("Observation", "value-quantity=heavy"),
        ("Observation", "code-value-quantity=s|bp"),
        ("Observation", "_summary=everything"),
        ("Observation", "_total=maybe"),
        ("Observation", "_totalMethod=maybe"),
        ("Patient", "_has:Observation:patient=x"),
        ("Patient", "_has:Nonsense:patient:code=x"),
        ("Patient", "_has:Observation:colour:code=x"),
    ] {
        let refused = s.record.search(kind, &params(query), &SearchOptions::default());
        assert!(matches!(refused, Err(RecordError::Search(_))), "{kind}?{query}");
    }
    // fhirpy's `count()`.
    let counted =
        s.record.search("Patient", &params("_count=0&_totalMethod=count"), &SearchOptions::default());
    assert!(counted.is_ok_and(|page| page.total.is_some()));
}

#[test]
fn elements_summary_and_several_sort_keys() {
    let s = filled();
    let resource = |query: &str| find(&s.record, "Observation", query).bundle["entry"][0]["resource"].clone();
    let names = |value: &Value| value.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    let part = resource("_id=o1&_elements=value");
    assert_eq!(names(&part), ["resourceType", "id", "status", "code", "valueQuantity", "meta"]);
    assert_eq!(part["meta"]["tag"].as_array().unwrap().last().unwrap()["code"], "SUBSETTED");
    assert!(resource("_id=o1&_summary=text").get("valueQuantity").is_none());
    assert!(resource("_id=o1&_summary=true").get("valueQuantity").is_some());
    assert!(resource("_id=o1&_summary=true").get("category").is_none());
    assert_eq!(resource("_id=o1&_summary=data")["category"], resource("_id=o1")["category"]);
    for (query, expected) in [
        ("family=angst,other&_sort=family", ["p1", "x1"]),
        ("family=angst,other&_sort=-family", ["x1", "p1"]),
        ("family=angst,other&_sort=-birthdate,family", ["x1", "p1"]),
        ("family=angst,other&_sort=birthdate,family", ["p1", "x1"]),
    ] {
        assert_eq!(ids(&find(&s.record, "Patient", query)), expected, "{query}");
        let first = find(&s.record, "Patient", &format!("{query}&_count=1"));
        let second = format!("{query}&_count=1&_page={}", first.next.as_deref().unwrap());
        assert_eq!([ids(&first), ids(&find(&s.record, "Patient", &second))].concat(), expected, "{query}");
    }
}

#[test]
fn everything_in_parts() {
    let s = filled();
    let get = |asked: &str| {
        let base = "https://record.example";
        let bundle = s.record.everything_asked("p1", base, &params(asked)).unwrap().unwrap();
        let written = s.record.everything_written("p1", base, &params(asked), None).unwrap().unwrap();
        assert_eq!(in_pieces(&s.record, written, 500), bundle.to_string(), "{asked}");
        bundle
    };
    let ids = |bundle: &Value| -> Vec<String> {
        let entries = bundle["entry"].as_array().cloned().unwrap_or_default();
        let matches = entries.iter().filter(|e| e["search"]["mode"] == "match");
        matches.map(|e| e["resource"]["id"].as_str().unwrap().to_owned()).collect()
    };
    let whole = get("");
    let all = ids(&whole);
    assert!(all.len() > 15);
    assert_eq!(whole["total"].as_u64(), Some(all.len() as u64));
    let mut seen = Vec::new();
    let mut page = get("_count=4");
    for _ in 0..20 {
        seen.extend(ids(&page));
        assert_eq!(page["total"], whole["total"]);
        let next = page["link"].as_array().unwrap().iter().find(|l| l["relation"] == "next").cloned();
        let Some(next) = next else { break };
        let url = next["url"].as_str().unwrap().to_owned();
        let (path, query) = url.split_once('?').unwrap();
        assert_eq!(path, "https://record.example/Patient/p1/$everything");
        page = get(query);
    }
    seen.sort();
    let mut sorted = all.clone();
    sorted.sort();
    assert_eq!(seen, sorted, "pages lose and double nothing");
    assert_eq!(ids(&get("_type=Observation,Condition")), ["o1", "o2", "o3", "c1"]);
    assert_eq!(ids(&get("_type=Observation&start=2025-06-10&end=2025-06-30")), ["o2"]);
    assert_eq!(ids(&get("_since=2999-01-01")), [""; 0]);
    for bad in ["colour=blue", "_count=0", "start=soon", "_type=Nonsense", "_page=x"] {
        let refused = s.record.everything_asked("p1", "", &params(bad));
        assert!(matches!(refused, Err(RecordError::Search(_))), "{bad}");
    }
}

/// A chain of many steps would be a search within a search for each: it is refused by its length, before any is made.
#[test]
fn long_chains_are_refused() {
    let s = filled();
    let search = |query: &str| s.record.search("Organization", &params(query), &SearchOptions::default());
    assert!(search("partof.partof.partof.name=x").is_ok());
    for steps in [4, 50, 9_000] {
        for step in ["partof.", "_has:Organization:partof:"] {
            let refused = search(&format!("{}name=x", step.repeat(steps)));
            assert!(matches!(refused, Err(RecordError::Search(_))), "{steps} of {step}");
        }
    }
}

/// A search for a code of a person begins with what that person has of it, whatever the resource was before.
#[test]
fn a_code_is_found_of_whom_it_is_about_now() {
    let s = scratch();
    let people = [
        patient("p1", &number(1), "Ashdown", "1941-02-03"),
        patient("p2", &number(2), "Beech", "1950-01-01"),
    ];
    let told = |minute: i64, about: &str, code: &str, status: &str| {
        let mut o = observation("o1", about, "Sodium", "2025-06-01", "1");
        o["code"]["coding"][0]["code"] = json!(code);
        o["status"] = json!(status);
        let all = [people[0].clone(), people[1].clone(), o];
        apply(&s.record, &message(&format!("m{minute}"), "ZZ1", "careconnect", minute), &all);
    };
    let found = |query: &str| find(&s.record, "Observation", query).matches.len();
    told(0, "p1", "A", "final");
    assert_eq!(found("patient=p1&code=A"), 1);
    assert_eq!(found("patient=p1&code=B,A&date=2025&_sort=-date"), 1);
    assert_eq!(found("patient=p1&code=http://read.info/readv2|A"), 1);
    assert_eq!(found("patient=p1&code=urn:other|A"), 0);
    assert_eq!(found("patient=p1&code=A&code=B"), 0);
    assert_eq!(found("patient=p2&code=A"), 0);
    told(1, "p2", "B", "final");
    assert_eq!(found("patient=p1&code=A,B"), 0);
    assert_eq!(found("patient=p2&code=A"), 0);
    assert_eq!(found("patient=p2&code=B"), 1);
    assert_eq!(found("patient=p1,p2&code=B"), 1);
    told(2, "p2", "B", "entered-in-error");
    assert_eq!(found("patient=p2&code=B"), 0);
    assert_eq!(found("patient=p2&code=B&status=entered-in-error"), 1);
}
