//! What real senders write and the model does not expect: each statement alone, in a small extract.
#![allow(missing_docs)]

use causeway_adapter::contract::{project_root, test_context};
use causeway_adapter::{Adapter, Translation, translate};
use causeway_adapter_gp2gp::Gp2gp;
use serde_json::Value;

const SCT: &str = r#"codeSystem="2.16.840.1.113883.2.1.3.2.4.15""#;
const READ: &str = r#"codeSystem="2.16.840.1.113883.2.1.6.2""#;

fn extract(statements: &str) -> String {
    format!(
        r#"<EhrExtract xmlns="urn:hl7-org:v3"><id root="0F0E0D0C-0000-4000-8000-000000000001"/><recordTarget typeCode="RCT"><patient classCode="PAT"><id root="2.16.840.1.113883.2.1.4.1" extension="9990000018"/></patient></recordTarget><component typeCode="COMP"><ehrFolder classCode="FOLDER"><id root="0F0E0D0C-0000-4000-8000-000000000002"/><component typeCode="COMP"><ehrComposition classCode="COMPOSITION"><id root="0F0E0D0C-0000-4000-8000-000000000003"/><code code="196401000000100" {SCT} displayName="Non-consultation data"/><statusCode code="COMPLETE"/><effectiveTime><center nullFlavor="NI"/></effectiveTime><availabilityTime value="20240402"/>{statements}</ehrComposition></component></ehrFolder></component></EhrExtract>"#
    )
}

fn component(inner: &str) -> String {
    format!(r#"<component typeCode="COMP">{inner}</component>"#)
}

fn run(statements: &str) -> (Translation, Vec<Value>) {
    let translation = translate(&Gp2gp, extract(&component(statements)).as_bytes(), &test_context());
    let resources = translation.outputs.iter().flat_map(|o| {
        let bundle: Value = serde_json::from_slice(&o.json).unwrap();
        let entries = bundle["entry"].as_array().cloned().unwrap_or_default();
        entries.into_iter().map(|mut e| e["resource"].take())
    });
    let resources = resources.collect();
    for output in &translation.outputs {
        let report = causeway_profile::check(&output.json);
        let bad = report.findings.iter().filter(|f| f.severity == causeway_profile::Severity::Error);
        assert_eq!(bad.map(|f| format!("{f:?}")).collect::<Vec<_>>(), Vec::<String>::new());
    }
    (translation, resources)
}

fn only<'r>(all: &'r [Value], kind: &str) -> &'r Value {
    let mut of = all.iter().filter(|r| r["resourceType"] == kind);
    let first = of.next().unwrap_or_else(|| panic!("no {kind}: {all:#?}"));
    assert!(of.next().is_none(), "more than one {kind}");
    first
}

fn rules(translation: &Translation) -> Vec<&'static str> {
    translation.issues.iter().map(|i| i.rule).collect()
}

const FINDING_ID: &str = "0F0E0D0C-0000-4000-8000-00000000000A";

fn finding(status: &str, code: &str, rest: &str) -> String {
    format!(
        r#"<ObservationStatement classCode="OBS" moodCode="EVN"><id root="{FINDING_ID}"/>{code}<statusCode code="{status}"/>{rest}</ObservationStatement>"#
    )
}

fn asthma() -> String {
    format!(r#"<code code="H33..00" {READ} displayName="Asthma"/>"#)
}

fn problem(status: &str, times: &str) -> String {
    let entry = finding("COMPLETE", &asthma(), r#"<availabilityTime value="20001004"/>"#);
    let set = format!(
        r#"<LinkSet classCode="OBS" moodCode="EVN"><id root="0F0E0D0C-0000-4000-8000-00000000000B"/><code code="{status}" {SCT} displayName="Problem"/><statusCode code="COMPLETE"/><effectiveTime>{times}</effectiveTime><availabilityTime value="20001004"/><conditionNamed typeCode="NAME"><namedStatementRef classCode="OBS"><id root="{FINDING_ID}"/></namedStatementRef></conditionNamed></LinkSet>"#
    );
    format!("{entry}</component><component typeCode=\"COMP\">{set}")
}

const ACTIVE: &str = "394774009";
const INACTIVE: &str = "394775005";

#[test]
fn an_end_that_is_none_ends_nothing() {
    for (high, rule) in [
        ("19000101000000", "end-sentinel"),
        ("19000101", "end-sentinel"),
        ("99991231", "end-sentinel"),
        ("19990301", "period-reversed"),
        ("20001003235900", "period-reversed"),
    ] {
        let times = format!(r#"<low value="20001004"/><high value="{high}"/>"#);
        let (translation, all) = run(&problem(INACTIVE, &times));
        let condition = only(&all, "Condition");
        assert_eq!(condition["onsetDateTime"], "2000-10-04", "{high}");
        assert!(condition["abatementDateTime"].is_null(), "{high}");
        assert!(rules(&translation).contains(&rule), "{high}: {:?}", rules(&translation));
        // The entry itself, as a period.
        let code = finding("COMPLETE", &asthma(), &format!("<effectiveTime>{times}</effectiveTime>"));
        let (translation, all) = run(&code);
        assert_eq!(only(&all, "Observation")["effectivePeriod"], serde_json::json!({"start": "2000-10-04"}));
        assert!(rules(&translation).contains(&rule), "{high}");
    }
    // The same day is no reversal, at any precision.
    let (translation, all) =
        run(&problem(INACTIVE, r#"<low value="20001004103000"/><high value="20001004"/>"#));
    assert_eq!(only(&all, "Condition")["abatementDateTime"], "2000-10-04");
    assert!(!rules(&translation).contains(&"period-reversed"));
}

#[test]
fn an_active_problem_with_an_end_keeps_both_and_says_so() {
    let ended = r#"<low value="20001004"/><high value="20101209"/>"#;
    let (translation, all) = run(&problem(ACTIVE, ended));
    let condition = only(&all, "Condition");
    assert_eq!(condition["clinicalStatus"]["coding"][0]["code"], "active");
    assert!(condition["abatementDateTime"].is_null());
    let stated = condition["extension"].as_array().unwrap().iter().find(|e| e["valueDateTime"].is_string());
    assert_eq!(stated.unwrap()["valueDateTime"], "2010-12-09");
    assert!(rules(&translation).contains(&"active-problem-ended"));
    // One that is over, or of which nothing is said, has its end where readers look.
    for status in [INACTIVE, "394776006", "999"] {
        let (translation, all) = run(&problem(status, ended));
        let condition = only(&all, "Condition");
        assert_eq!(condition["abatementDateTime"], "2010-12-09", "{status}");
        assert_eq!(condition["clinicalStatus"]["coding"][0]["code"], "inactive", "{status}");
        assert!(!rules(&translation).contains(&"active-problem-ended"), "{status}");
    }
}

fn drug(components: &str) -> String {
    format!(
        r#"<MedicationStatement classCode="SBADM" moodCode="INT"><id root="0F0E0D0C-0000-4000-8000-0000000000AA"/><statusCode code="COMPLETE"/><effectiveTime><low value="20240301"/></effectiveTime><availabilityTime value="20240301"/><consumable typeCode="CSM"><manufacturedProduct classCode="MANU"><manufacturedMaterial classCode="MMAT"><code code="322236009" {SCT} displayName="Paracetamol 500mg tablets"/></manufacturedMaterial></manufacturedProduct></consumable>{components}<pertinentInformation typeCode="PERT"><pertinentMedicationDosage classCode="SBADM"><text>Two to be taken four times a day</text></pertinentMedicationDosage></pertinentInformation></MedicationStatement>"#
    )
}

#[test]
fn a_medicine_without_supply_is_not_lost() {
    let dispense = r#"<component typeCode="COMP"><ehrSupplyDispense classCode="SPLY"><id root="0F0E0D0C-0000-4000-8000-0000000000AC"/><statusCode code="COMPLETE"/></ehrSupplyDispense></component>"#;
    for (components, told) in [("", vec![]), (dispense, vec!["supply-unknown"])] {
        let (translation, all) = run(&drug(components));
        let statement = only(&all, "MedicationStatement");
        assert_eq!(statement["medicationCodeableConcept"]["text"], "Paracetamol 500mg tablets");
        assert_eq!(statement["dosage"][0]["text"], "Two to be taken four times a day");
        assert_eq!(statement["status"], "unknown");
        let rules = rules(&translation);
        assert!(rules.contains(&"medication-without-supply"), "{rules:?}");
        assert!(told.iter().all(|rule| rules.contains(rule)), "{rules:?}");
    }
    let authorise = r#"<component typeCode="COMP"><ehrSupplyAuthorise classCode="SPLY"><id root="0F0E0D0C-0000-4000-8000-0000000000AD"/><statusCode code="ACTIVE"/><availabilityTime value="20240301"/></ehrSupplyAuthorise></component>"#;
    let (translation, all) = run(&drug(authorise));
    assert_eq!(only(&all, "MedicationRequest")["status"], "active");
    assert!(!rules(&translation).contains(&"medication-without-supply"));
}

#[test]
fn what_is_unknown_or_in_error_is_told() {
    let unknown = r#"<ProcedureStatement classCode="PROC"><id root="0F0E0D0C-0000-4000-8000-0000000000CC"/><text>Removal of sutures</text></ProcedureStatement>"#;
    let (translation, _) = run(unknown);
    let told = translation.issues.iter().find(|i| i.rule == "statement-unknown").expect("an issue");
    assert!(told.position.as_ref().is_some_and(|p| p.path.contains("ProcedureStatement")));
    for (status, expected, told) in [
        ("nullified", "entered-in-error", false),
        ("NULLIFIED", "entered-in-error", false),
        ("COMPLETE", "final", false),
        ("completed", "final", false),
        ("aborted", "cancelled", false),
        ("held", "registered", false),
        ("nonsense", "unknown", true),
    ] {
        let (translation, all) = run(&finding(status, &asthma(), r#"<availabilityTime value="20240301"/>"#));
        assert_eq!(only(&all, "Observation")["status"], expected, "{status}");
        assert_eq!(rules(&translation).contains(&"status-unknown"), told, "{status}");
    }
    let (_, all) =
        run(&drug("").replace(r#"<statusCode code="COMPLETE"/>"#, r#"<statusCode code="nullified"/>"#));
    assert_eq!(only(&all, "MedicationStatement")["status"], "entered-in-error");
}

#[test]
fn a_qualifier_with_a_value_says_what_its_name_says() {
    let code =
        |qualifiers: &str| format!(r#"<code code="H33..00" {READ} displayName="Asthma">{qualifiers}</code>"#);
    let valued = r#"<qualifier><name code="XE0" displayName="Private"/><value code="N" displayName="No"/></qualifier>"#;
    let (_, all) = run(&finding("COMPLETE", &code(valued), ""));
    let notes = only(&all, "Observation")["note"].clone();
    assert_eq!(notes, serde_json::json!([{"text": "Private : No"}]));
    let plain = r#"<qualifier><name code="303350001" displayName="Ongoing episode"/></qualifier>"#;
    let (_, all) = run(&finding("COMPLETE", &code(plain), ""));
    assert_eq!(only(&all, "Observation")["note"][0]["text"], "Episodicity : Ongoing episode");
}

#[test]
fn a_vaccination_has_the_date_that_the_message_states() {
    let code = format!(r#"<code code="65a1." {READ} displayName="First 5-in-1 vaccination"/>"#);
    let times = r#"<effectiveTime><high value="20240110101500"/></effectiveTime>"#;
    let at = r#"<availabilityTime value="20240110101500"/>"#;
    for rest in [format!("{times}{at}"), times.to_owned()] {
        let (_, all) = run(&finding("COMPLETE", &code, &rest));
        assert_eq!(only(&all, "Immunization")["occurrenceDateTime"], "2024-01-10T10:15:00+00:00");
    }
    let (_, all) = run(&finding("nullified", &code, ""));
    let given = only(&all, "Immunization");
    // A choice that every reader takes.
    assert_eq!(
        (&given["occurrenceString"], &given["status"]),
        (&"unknown".into(), &"entered-in-error".into())
    );
    let detail = r#"<pertinentInformation><pertinentAnnotation><text>[Manufacturer: Fernvax], [Batch Number: F12]</text></pertinentAnnotation></pertinentInformation>"#;
    let (_, all) = run(&finding("COMPLETE", &asthma(), &format!("{at}{detail}")));
    assert_eq!(only(&all, "Immunization")["lotNumber"], "F12");
}

#[test]
fn a_document_keeps_its_marking() {
    let marking = r#"<confidentialityCode code="NOPAT" codeSystem="2.16.840.1.113883.4.642.3.47" displayName="no disclosure to patient"/>"#;
    let document = format!(
        r#"<NarrativeStatement classCode="OBS"><id root="0F0E0D0C-0000-4000-8000-0000000000DD"/><text mediaType="text/x-h7uk-pmip">A letter</text><statusCode code="COMPLETE"/><availabilityTime value="20240301"/><reference typeCode="REFR"><referredToExternalDocument classCode="DOC"><id root="0F0E0D0C-0000-4000-8000-0000000000DE"/><code code="25831000000103" {SCT} displayName="Record attachment"/>{marking}<text mediaType="text/plain"><reference value="file://localhost/letter.txt"/></text></referredToExternalDocument></reference></NarrativeStatement>"#
    );
    let (_, all) = run(&document);
    assert_eq!(only(&all, "DocumentReference")["meta"]["security"][0]["code"], "NOPAT");
    let (_, all) = run(&document.replace(marking, ""));
    assert!(only(&all, "DocumentReference")["meta"]["security"].is_null());
}

#[test]
fn the_agent_of_an_allergy_is_in_its_code() {
    let allergy = format!(
        r#"<CompoundStatement classCode="CATEGORY"><id root="0F0E0D0C-0000-4000-8000-0000000000EE"/><code code="14L..00" {READ} displayName="H/O: drug allergy"/><statusCode code="COMPLETE"/>{}</CompoundStatement>"#,
        component(&finding(
            "COMPLETE",
            &format!(r#"<code code="14L..00" {READ} displayName="H/O: drug allergy"/>"#),
            &format!(
                r#"<availabilityTime value="20240301"/><value xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:type="CD" code="372687004" {SCT} displayName="Amoxicillin"/>"#
            )
        ))
    );
    let (_, all) = run(&allergy);
    let code = &only(&all, "AllergyIntolerance")["code"];
    assert_eq!(code["coding"][0]["code"], "372687004");
    assert_eq!(code["text"], "Amoxicillin (H/O: drug allergy)");
}

fn narrative(id: &str, text: &str) -> String {
    component(&format!(
        r#"<NarrativeStatement classCode="OBS"><id root="0F0E0D0C-0000-4000-8000-0000000000{id}"/><text>{text}</text><statusCode code="COMPLETE"/><availabilityTime value="20240301"/></NarrativeStatement>"#
    ))
}

#[test]
fn labels_of_a_report_are_read_wherever_they_stand() {
    let specimen = |text: &str| {
        format!(
            r#"<CompoundStatement classCode="CLUSTER"><id root="0F0E0D0C-0000-4000-8000-0000000000F2"/><code code="123038009" {SCT} displayName="specimen (specimen)"/><statusCode code="COMPLETE"/><specimen typeCode="SPC"><specimenRole classCode="SPEC"><id root="0F0E0D0C-0000-4000-8000-0000000000F3"/><specimenSpecimenMaterial classCode="MAT"><desc>URINE</desc></specimenSpecimenMaterial></specimenRole></specimen>{}{}</CompoundStatement>"#,
            narrative("F4", text),
            component(&finding(
                "COMPLETE",
                &format!(r#"<code code="44J3." {READ} displayName="Serum creatinine"/>"#),
                r#"<availabilityTime value="20240301"/><pertinentInformation><pertinentAnnotation><text>Interpretation(s): Abnormal&#10;Repeat in a week</text></pertinentAnnotation></pertinentInformation>"#
            )),
        )
    };
    let report = |specimen: &str, comment: &str| {
        format!(
            r#"<CompoundStatement classCode="BATTERY"><id root="0F0E0D0C-0000-4000-8000-0000000000F1"/><code code="16488004" {SCT} displayName="laboratory reporting"/><statusCode code="COMPLETE"/><availabilityTime value="20240301100000"/>{}{}</CompoundStatement>"#,
            component(specimen),
            narrative("F5", comment)
        )
    };
    let words =
        "24 hour collection\nQuantity: 1750.000 mL\nFasting Status: F\nReceived Date: 2024-03-01 09:21";
    let comment = "ReportStatus: Preliminary (interim) result\nInterpretation: Mild impairment\nParticipants: LaboratoryServiceProvider-Ferndale Infirmary, Blood Sciences, OrderingParty-Dr Oakhollow";
    let (_, all) = run(&report(&specimen(words), comment));
    let specimen = only(&all, "Specimen");
    assert_eq!(specimen["receivedTime"], "2024-03-01T09:21:00+00:00");
    assert_eq!(specimen["collection"]["quantity"]["value"].to_string(), "1750.000");
    assert_eq!(specimen["collection"]["fastingStatusCodeableConcept"]["coding"][0]["code"], "F");
    assert_eq!(specimen["note"][0]["text"], "24 hour collection");
    let report = only(&all, "DiagnosticReport");
    assert_eq!(report["status"], "preliminary");
    assert_eq!(report["performer"][0]["display"], "Ferndale Infirmary, Blood Sciences");
    assert_eq!(report["conclusion"], "Mild impairment\nParticipants: OrderingParty-Dr Oakhollow");
    let result = only(&all, "Observation");
    assert_eq!(result["interpretation"][0]["coding"][0]["code"], "A");
    assert_eq!(result["note"][0]["text"], "Repeat in a week");
}

fn envelope(message: &str, action: &str, references: &str) -> String {
    format!(
        r#"<s:Envelope xmlns:s="s" xmlns:e="e" xmlns:xlink="http://www.w3.org/1999/xlink"><e:MessageHeader/><e:ConversationId>CONV-1</e:ConversationId><e:MessageId>{message}</e:MessageId><e:Action>{action}</e:Action>{references}</s:Envelope>"#
    )
}

fn mime(parts: &[(&str, &str)]) -> Vec<u8> {
    let mut out = String::from("Content-Type: multipart/related; boundary=\"--=_b\"\r\n\r\n");
    for (id, body) in parts {
        out.push_str(&format!("----=_b\r\nContent-Id: <{id}>\r\nContent-Type: text/xml\r\n\r\n{body}\r\n"));
    }
    out.push_str("----=_b--\r\n");
    out.into_bytes()
}

/// A payload whose record was taken out comes back whole, however the flag is written and whoever says it.
#[test]
fn a_skeleton_is_filled() {
    let record = finding("COMPLETE", &asthma(), r#"<availabilityTime value="20240301"/>"#);
    let hollow = extract(&component(
        r#"<NarrativeStatement classCode="OBS"><id root="0F0E0D0C-0000-4000-8000-0000000000A1"/><statusCode code="COMPLETE"/><reference typeCode="REFR"><referredToExternalDocument classCode="DOC"><id root="D0C00000-0000-4000-8000-000000000001"/></referredToExternalDocument></reference></NarrativeStatement>"#,
    ));
    let payload = r#"<e:Reference xlink:href="cid:payload"><e:Payload/></e:Reference>"#;
    let described = |href: &str, words: &str| {
        format!(
            r#"<e:Reference xlink:href="{href}" e:id="_D0C00000-0000-4000-8000-000000000001"><e:Description>Filename="rest.xml" ContentType=application/xml {words}</e:Description></e:Reference>"#
        )
    };
    let flag = r#"Compressed=No DomainData="X-GP2GP-Skeleton: Yes""#;
    let record = record.as_str();
    // In a message of its own: said by the first message, or by the part alone.
    for (first, second) in [(flag, ""), ("", flag)] {
        let main = mime(&[
            (
                "ebxml",
                &envelope("M-1", "RCMR_IN030000UK06", &format!("{payload}{}", described("mid:M-2", first))),
            ),
            ("payload", &hollow),
        ]);
        let rest = mime(&[
            ("ebxml", &envelope("M-2", "COPC_IN000001UK01", &described("cid:rest", second))),
            ("rest", record),
        ]);
        let part = |bytes: &[u8]| Gp2gp.part(bytes).expect("a part");
        assert_eq!(part(&main).awaits, ["M-2"]);
        let joined = Gp2gp.join(&[(part(&rest).id, rest), (part(&main).id, main)]).expect("whole");
        let translation = translate(&Gp2gp, &joined, &test_context());
        assert_eq!(translation.outputs.len(), 1, "{:?}", translation.issues);
        let text = String::from_utf8_lossy(&translation.outputs[0].json).into_owned();
        assert!(text.contains("H33..00") && !text.contains("DocumentReference"), "{first:?} {second:?}");
    }
    // In the same message.
    let main = mime(&[
        (
            "ebxml",
            &envelope("M-1", "RCMR_IN030000UK06", &format!("{payload}{}", described("cid:rest", flag))),
        ),
        ("payload", &hollow),
        ("rest", record),
    ]);
    let part = Gp2gp.part(&main).expect("it is put together before it is translated");
    assert!(part.awaits.is_empty());
    let joined = Gp2gp.join(&[(part.id, main)]).expect("whole");
    let translation = translate(&Gp2gp, &joined, &test_context());
    assert!(String::from_utf8_lossy(&translation.outputs[0].json).contains("H33..00"));
}

/// Attachments that stand in another order than the manifest names them keep their own names, and so does what fills a skeleton.
#[test]
fn attachments_in_any_order_are_those_that_the_manifest_means() {
    let record = finding("COMPLETE", &asthma(), r#"<availabilityTime value="20240301"/>"#);
    let reference = |id: &str, statement: &str| {
        component(&format!(
            r#"<NarrativeStatement classCode="OBS"><id root="0F0E0D0C-0000-4000-8000-0000000000{statement}"/><statusCode code="COMPLETE"/><reference typeCode="REFR"><referredToExternalDocument classCode="DOC"><id root="{id}"/></referredToExternalDocument></reference></NarrativeStatement>"#
        ))
    };
    let ids = ["D0C00000-0000-4000-8000-000000000001", "D0C00000-0000-4000-8000-000000000002"];
    let hollow = extract(&format!("{}{}", reference(ids[0], "A1"), reference(ids[1], "A2")));
    let described = |href: &str, id: &str, words: &str| {
        format!(
            r#"<e:Reference xlink:href="cid:{href}" e:id="_{id}"><e:Description>{words}</e:Description></e:Reference>"#
        )
    };
    let manifest = [
        r#"<e:Reference xlink:href="cid:payload"><e:Payload/></e:Reference>"#.to_owned(),
        described("rest", ids[0], r#"Filename="rest.xml" ContentType=application/xml Compressed=No DomainData="X-GP2GP-Skeleton: Yes""#),
        described("letter", ids[1], r#"Filename="letter.txt" ContentType=text/plain Compressed=No"#),
    ]
    .concat();
    let ebxml = envelope("M-1", "RCMR_IN030000UK06", &manifest);
    let (ebxml, rest, letter) =
        (("ebxml", ebxml.as_str()), ("rest", record.as_str()), ("letter", "RGVhciBBbGw="));
    for order in [
        [ebxml, ("payload", &hollow), rest, letter],
        [ebxml, letter, ("payload", &hollow), rest],
        [letter, rest, ebxml, ("payload", &hollow)],
    ] {
        let main = mime(&order);
        let part = Gp2gp.part(&main).expect("it is put together before it is translated");
        let joined = Gp2gp.join(&[(part.id, main)]).expect("whole");
        let translation = translate(&Gp2gp, &joined, &test_context());
        let text = String::from_utf8_lossy(&translation.outputs[0].json).into_owned();
        assert!(text.contains("H33..00") && text.contains("RGVhciBBbGw="), "{text}");
    }
}

#[test]
fn why_a_medicine_was_stopped_is_in_the_doctor_s_words() {
    let authorise = r#"<component typeCode="COMP"><ehrSupplyAuthorise classCode="SPLY"><id root="0F0E0D0C-0000-4000-8000-0000000000AD"/><statusCode code="COMPLETE"/><availabilityTime value="20240301"/></ehrSupplyAuthorise></component>"#;
    let stop = format!(
        r#"<component typeCode="COMP"><ehrSupplyDiscontinue classCode="SPLY"><id root="0F0E0D0C-0000-4000-8000-0000000000AE"/><code code="EMISDRUG_DISCONTINUATION" {READ} displayName="Medication Course Ended"/><statusCode code="COMPLETE"/><availabilityTime value="20240315"/><reversalOf typeCode="REV"><priorMedicationRef classCode="SBADM"><id root="0F0E0D0C-0000-4000-8000-0000000000AD"/></priorMedicationRef></reversalOf><pertinentInformation typeCode="PERT"><pertinentSupplyAnnotation classCode="OBS"><text>Rash on both arms</text></pertinentSupplyAnnotation></pertinentInformation></ehrSupplyDiscontinue></component>"#
    );
    let (_, all) = run(&drug(&format!("{authorise}{stop}")));
    let request = only(&all, "MedicationRequest");
    assert_eq!(request["status"], "stopped");
    assert_eq!(request["statusReason"]["text"], "Rash on both arms");
    assert_eq!(request["statusReason"]["coding"][0]["display"], "Medication Course Ended");
    let words = request["substitution"]["allowedCodeableConcept"]["coding"][0]["code"].clone();
    assert_eq!(words, "unknown", "a choice that every reader takes");
}

#[test]
fn what_is_negated_is_not_written_as_if_it_were_so() {
    for case in ["immunisation", "consultation-with-problem", "medication-chain"] {
        let path = project_root().join("fixtures/gp2gp").join(case).join("input.xml");
        let input = std::fs::read_to_string(path).unwrap();
        for name in ["ObservationStatement", "MedicationStatement"] {
            let plain = format!("<{name} classCode");
            if !input.contains(&plain) {
                continue;
            }
            let count = |text: &str| {
                let found = translate(&Gp2gp, text.as_bytes(), &test_context());
                let bundle = String::from_utf8_lossy(&found.outputs[0].json).into_owned();
                let kinds = ["Observation", "Immunization", "MedicationStatement"];
                let written: usize =
                    kinds.iter().map(|k| bundle.matches(&format!("\"resourceType\":\"{k}\"")).count()).sum();
                (written, found.issues.iter().filter(|i| i.rule == "statement-negated").count())
            };
            let (before, _) = count(&input);
            let negated = input.replacen(&plain, &format!("<{name} negationInd=\"true\" classCode"), 1);
            let (after, told) = count(&negated);
            assert_eq!(told, 1, "{case} {name}");
            assert!(after < before, "{case} {name}: {after} of {before}");
        }
    }
}

/// A finding, an allergy or a heading that was wished, planned or ordered has not happened.
#[test]
fn what_has_not_happened_is_not_written_as_a_fact() {
    for (case, resource) in [
        ("allergies", "AllergyIntolerance"),
        ("immunisation", "Immunization"),
        ("consultation-with-problem", "Observation"),
    ] {
        let path = project_root().join("fixtures/gp2gp").join(case).join("input.xml");
        let input = std::fs::read_to_string(path).unwrap();
        let marks: Vec<_> = input.match_indices("<ObservationStatement ").map(|(at, _)| at).collect();
        let count = |text: &str| {
            let found = translate(&Gp2gp, text.as_bytes(), &test_context());
            let bundle = String::from_utf8_lossy(&found.outputs[0].json).into_owned();
            let told = found.issues.iter().filter(|i| i.rule == "statement-not-happened").count();
            (bundle.matches(&format!("\"resourceType\":\"{resource}\"")).count(), told)
        };
        let (before, _) = count(&input);
        let mut fewer = 0;
        for at in marks {
            let end = at + input[at..].find('>').expect("its end");
            let tag = &input[at..end];
            let planned = match tag.find("moodCode=\"EVN\"") {
                Some(_) => tag.replace("moodCode=\"EVN\"", "moodCode=\"RQO\""),
                None => format!("{tag} moodCode=\"RQO\""),
            };
            let (after, told) = count(&format!("{}{planned}{}", &input[..at], &input[end..]));
            assert_eq!(told, 1, "{case} at {at}");
            fewer += usize::from(after < before);
        }
        assert!(fewer > 0, "{case}: no {resource} was left out");
    }
}

/// A prescription that was entered in error is no prescription: whichever of its parts says so.
#[test]
fn a_medicine_entered_in_error_does_not_read_as_prescribed() {
    let authorise = |status: &str| {
        format!(
            r#"<component typeCode="COMP"><ehrSupplyAuthorise classCode="SPLY"><id root="0F0E0D0C-0000-4000-8000-0000000000AD"/><statusCode code="{status}"/><availabilityTime value="20240301"/></ehrSupplyAuthorise></component>"#
        )
    };
    let issue = r#"<component typeCode="COMP"><ehrSupplyPrescribe classCode="SPLY"><id root="0F0E0D0C-0000-4000-8000-0000000000AF"/><statusCode code="ACTIVE"/><availabilityTime value="20240302"/><inFulfillmentOf typeCode="FLFS"><priorMedicationRef classCode="SBADM"><id root="0F0E0D0C-0000-4000-8000-0000000000AD"/></priorMedicationRef></inFulfillmentOf></ehrSupplyPrescribe></component>"#;
    let statuses = |supplies: &str, statement: Option<&str>| {
        let mut text = drug(supplies);
        if let Some(status) = statement {
            let at = text.find("<statusCode code=\"").expect("a status") + "<statusCode code=\"".len();
            let end = at + text[at..].find('"').expect("its end");
            text.replace_range(at..end, status);
        }
        let (_, all) = run(&text);
        let medicines =
            all.iter().filter(|r| r["resourceType"].as_str().is_some_and(|t| t.starts_with("Medication")));
        medicines.filter_map(|r| r["status"].as_str().map(str::to_owned)).collect::<Vec<_>>()
    };
    let both = format!("{}{issue}", authorise("ACTIVE"));
    assert!(!statuses(&both, None).iter().any(|s| s == "entered-in-error"), "the control");
    for found in [
        statuses(&both, Some("nullified")),
        statuses(&authorise("NULLIFIED"), None),
        statuses(&format!("{}{issue}", authorise("nullified")), None),
    ] {
        assert!(!found.is_empty() && found.iter().all(|s| s == "entered-in-error"), "{found:?}");
    }
}

/// A referral that the person makes herself is an observation, which has no priority; what its code is qualified with is no less
/// said than the code.
#[test]
fn how_urgent_a_self_referral_is_and_of_which_kind_a_request_is_stays() {
    let request = |text: &str| {
        format!(
            r#"<RequestStatement classCode="OBS" moodCode="RQO"><id root="{FINDING_ID}"/><code code="8H62.00" {READ} displayName="Referral to G.P."><qualifier inverted="false"><name code="RequestType" displayName="RequestType"/><value code="K1" displayName="Kindling"/></qualifier></code><text>{text}</text><statusCode code="COMPLETE"/><availabilityTime value="20240119"/><priorityCode code="394848005" {SCT} displayName="Normal"><originalText>Within the month</originalText></priorityCode></RequestStatement>"#
        )
    };
    let notes = |resource: &Value| -> Vec<String> {
        let notes = resource["note"].as_array().cloned().unwrap_or_default();
        notes.iter().filter_map(|n| n["text"].as_str().map(str::to_owned)).collect()
    };
    let (_, herself) = run(&request("Purpose: SelfReferral, Reason: Dry eyes"));
    let said = notes(only(&herself, "Observation"));
    assert!(said.contains(&"Priority: Within the month".to_owned()), "{said:?}");
    assert!(said.contains(&"RequestType : Kindling".to_owned()), "{said:?}");
    let (_, referred) = run(&request("Dry eyes"));
    let referral = only(&referred, "ServiceRequest");
    assert_eq!(referral["priority"], "routine");
    assert!(notes(referral).contains(&"RequestType : Kindling".to_owned()), "{referral}");
}

/// The finding in a component or a consultation that says `negationInd`, which takes back what it holds.
#[test]
fn what_holds_a_statement_may_negate_it() {
    let plain = extract(&component(&finding("COMPLETE", &asthma(), "")));
    let held = plain.replace(
        "<component typeCode=\"COMP\"><ObservationStatement",
        "<component typeCode=\"COMP\" negationInd=\"true\"><ObservationStatement",
    );
    let consultation = plain.replace(
        "<component typeCode=\"COMP\"><ehrComposition",
        "<component typeCode=\"COMP\" negationInd=\"1\"><ehrComposition",
    );
    for (text, written, told) in [(plain, 1, 0), (held, 0, 1), (consultation, 0, 1)] {
        let found = translate(&Gp2gp, text.as_bytes(), &test_context());
        let output = found.outputs.iter().map(|o| String::from_utf8_lossy(&o.json)).collect::<String>();
        assert_eq!(output.matches("\"resourceType\":\"Observation\"").count(), written, "{text}");
        assert_eq!(rules(&found).iter().filter(|rule| **rule == "statement-negated").count(), told, "{text}");
    }
}

#[test]
fn what_a_group_or_a_consultation_takes_back_is_in_error() {
    let inner = finding("COMPLETE", &asthma(), "");
    let topic = format!(
        r#"<CompoundStatement classCode="TOPIC" moodCode="EVN"><id root="0F0E0D0C-0000-4000-8000-00000000000C"/>{}<statusCode code="nullified"/><availabilityTime value="20240402"/>{}</CompoundStatement>"#,
        asthma(),
        component(&inner)
    );
    let (_, all) = run(&topic);
    assert_eq!(only(&all, "Observation")["status"], "entered-in-error");
    assert_eq!(all.iter().find(|r| r["title"] == "Asthma").expect("the topic")["status"], "entered-in-error");
    let text = extract(&component(&inner)).replace(
        "displayName=\"Non-consultation data\"/><statusCode code=\"COMPLETE\"/>",
        "displayName=\"Non-consultation data\"/><statusCode code=\"NULLIFIED\"/>",
    );
    let found = translate(&Gp2gp, text.as_bytes(), &test_context());
    assert!(String::from_utf8_lossy(&found.outputs[0].json).contains("entered-in-error"));
}

#[test]
fn two_patients_are_no_record_and_two_numbers_are_told() {
    let one = extract(&component(&finding("COMPLETE", &asthma(), "")));
    let target = |number: &str| {
        format!(
            r#"<recordTarget typeCode="RCT"><patient classCode="PAT"><id root="2.16.840.1.113883.2.1.4.1" extension="{number}"/></patient></recordTarget>"#
        )
    };
    for (number, outputs) in [("9990000018", 1), ("9990000026", 0)] {
        let text = one.replacen("</recordTarget>", &format!("</recordTarget>{}", target(number)), 1);
        let found = translate(&Gp2gp, text.as_bytes(), &test_context());
        assert_eq!(found.outputs.len(), outputs, "{number}");
        assert_eq!(rules(&found).contains(&"patients-several"), outputs == 0, "{number}");
    }
    for (number, told) in [("9990000018", false), ("9990000026", true)] {
        let second = format!(r#"/><id root="2.16.840.1.113883.2.1.4.1" extension="{number}"/></patient>"#);
        let found = translate(&Gp2gp, one.replace("/></patient>", &second).as_bytes(), &test_context());
        let report = causeway_profile::check(&found.outputs[0].json);
        assert!(!report.findings.iter().any(|f| f.severity == causeway_profile::Severity::Error), "{number}");
        assert_eq!(rules(&found).contains(&"nhs-number-second"), told, "{number}");
    }
}

#[test]
fn no_words_and_no_value_are_lost_in_silence() {
    let body = |rest: &str| finding("COMPLETE", &asthma(), rest);
    for (rest, rule, words) in [
        (r#"<text>Only here</text>"#, "text-not-carried", ""),
        (
            r#"<value xsi:type="RTO"><numerator value="1"/><denominator value="128"/></value>"#,
            "value-not-carried",
            "",
        ),
        (r#"<value xsi:type="PQ" value="1.2E3" unit="mmol/L"/>"#, "value-not-a-number", "1.2E3 mmol/L"),
        (r#"<value xsi:type="PQ" value="5,5" unit="mmol/L"/>"#, "value-not-a-number", "5,5 mmol/L"),
        (
            r#"<value xsi:type="PQ" value="5" unit="1"><translation value="6"><originalText>mg</originalText></translation></value>"#,
            "amounts-differ",
            "",
        ),
        (
            r#"<value xsi:type="PQ" value="5" unit="mg"/><referenceRange typeCode="REFV"><referenceInterpretationRange classCode="OBS"><text>adult</text><value><low value="10"/><high value="2"/></value></referenceInterpretationRange></referenceRange>"#,
            "range-reversed",
            "adult (10 - 2)",
        ),
    ] {
        let rest = rest.replace("xsi:type", "type");
        let (translation, all) = run(&body(&rest));
        assert!(rules(&translation).contains(&rule), "{rest}: {:?}", rules(&translation));
        assert!(serde_json::to_string(&all).unwrap().contains(words), "{rest}");
    }
    let (translation, _) = run(
        r#"<RegistrationStatement classCode="OBS"><id root="0F0E0D0C-0000-4000-8000-00000000000D"/><text>Temporary</text></RegistrationStatement>"#,
    );
    assert!(rules(&translation).contains(&"registration-statement"));
}

#[test]
fn a_medicine_keeps_all_that_is_said_of_its_dose() {
    let medicine = |code: &str, supply: &str| {
        format!(
            r#"<MedicationStatement classCode="SBADM" moodCode="INT"><id root="0F0E0D0C-0000-4000-8000-00000000000E"/><statusCode code="ACTIVE"/><availabilityTime value="20240402"/><consumable><manufacturedProduct><manufacturedMaterial>{code}</manufacturedMaterial></manufacturedProduct></consumable><component>{supply}</component><pertinentInformation><pertinentMedicationDosage><text>One daily</text></pertinentMedicationDosage></pertinentInformation><pertinentInformation><pertinentMedicationDosage><text>Stop if bleeding</text></pertinentMedicationDosage></pertinentInformation></MedicationStatement>"#
        )
    };
    let warfarin = format!(r#"<code code="319733000" {SCT} displayName="Warfarin 3mg tablets"/>"#);
    let issue = r#"<ehrSupplyPrescribe classCode="SPLY"><id root="0F0E0D0C-0000-4000-8000-00000000000F"/><statusCode code="ACTIVE"/><inFulfillmentOf><priorMedicationRef><id root="0F0E0D0C-0000-4000-8000-0000000000FF"/></priorMedicationRef></inFulfillmentOf></ehrSupplyPrescribe>"#;
    let (translation, all) = run(&medicine(&warfarin, issue));
    assert_eq!(
        only(&all, "MedicationRequest")["dosageInstruction"][0]["text"],
        "One daily\nStop if bleeding"
    );
    assert_eq!(rules(&translation), ["authorisation-absent"]);
    let (translation, _) = run(&medicine("", issue));
    assert!(rules(&translation).contains(&"medicine-unnamed"));
}

#[test]
fn a_vaccine_that_a_qualifier_or_a_remark_takes_back_was_not_given() {
    let vaccine = |qualifier: &str| {
        format!(
            r#"<code code="65ED.00" {READ} displayName="Seasonal influenza vaccination">{qualifier}</code>"#
        )
    };
    let absent = format!(
        r#"<qualifier><name code="408729009" {SCT} displayName="Finding context"/><value code="410516002" {SCT} displayName="Known absent"/></qualifier>"#
    );
    let remark = |text: &str| {
        format!(
            r#"<pertinentInformation><pertinentAnnotation><text>{text}</text></pertinentAnnotation></pertinentInformation>"#
        )
    };
    for (code, rest, given) in [
        (vaccine(""), String::new(), true),
        (vaccine(""), remark("Left arm. Refused the other one"), true),
        (vaccine(&absent), String::new(), false),
        (vaccine(""), remark("Vaccination refused by parent"), false),
    ] {
        let (_, all) = run(&finding("COMPLETE", &code, &rest));
        assert_eq!(all.iter().any(|r| r["resourceType"] == "Immunization"), given, "{code} {rest}");
    }
    let side = format!(
        r#"<qualifier><name code="1" {SCT} displayName="Laterality"/><value code="2" {SCT} displayName="Left"/></qualifier>"#
    );
    let (_, all) = run(&finding("COMPLETE", &vaccine(&side), ""));
    assert_eq!(only(&all, "Immunization")["note"][0]["text"], "Laterality : Left");
}

#[test]
fn a_place_that_is_no_address_and_a_code_system_that_is_no_oid_are_told() {
    let document = |place: &str| {
        format!(
            r#"<NarrativeStatement classCode="OBS"><id root="0F0E0D0C-0000-4000-8000-0000000000DD"/><text mediaType="text/x-h7uk-pmip">A letter</text><statusCode code="COMPLETE"/><availabilityTime value="20240301"/><reference typeCode="REFR"><referredToExternalDocument classCode="DOC"><id root="0F0E0D0C-0000-4000-8000-0000000000DE"/><code code="25831000000103" {SCT} displayName="Record attachment"/><text mediaType="text/plain"><reference value="{place}"/></text></referredToExternalDocument></reference></NarrativeStatement>"#
        )
    };
    for (place, told) in [("file://localhost/a letter.txt", true), ("file://localhost/letter.txt", false)] {
        let (found, all) = run(&document(place));
        assert_eq!(rules(&found).contains(&"attachment-address"), told, "{place}");
        let attachment = &only(&all, "DocumentReference")["content"][0]["attachment"];
        let said = if told { &attachment["_url"]["extension"][0]["valueString"] } else { &attachment["url"] };
        assert_eq!(said, place, "{attachment}");
    }
    for (system, told) in [("CodeSystem", true), ("1.2.3.4", false)] {
        let coded = format!(r#"<code code="X1" codeSystem="{system}" displayName="Words"/>"#);
        let (found, all) = run(&finding("COMPLETE", &coded, ""));
        assert_eq!(rules(&found).contains(&"code-system-unknown"), told, "{system}");
        let observation = only(&all, "Observation").to_string();
        assert!(observation.contains("X1") && !observation.contains("urn:oid:CodeSystem"), "{observation}");
    }
}
