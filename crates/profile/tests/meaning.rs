//! Rules on what a resource means as a whole, each with what keeps it and what breaks it. All of it is invented.

use causeway_profile::{Definitions, Options, Report, Severity};
use serde_json::{Value, json};

fn check(resource: &Value) -> Report {
    Definitions::r4().check_value(resource, &Options::default())
}

fn errors(report: &Report) -> Vec<&str> {
    report.findings.iter().filter(|f| f.severity == Severity::Error).map(|f| f.rule.as_str()).collect()
}

/// The good one has no error; each change, by JSON pointer, breaks the rule that is named. `null` takes a member away.
#[track_caller]
fn broken(good: &Value, changes: &[(&str, Value, &str)]) {
    assert_eq!(errors(&check(good)), Vec::<&str>::new(), "the good one");
    for (pointer, value, rule) in changes {
        let mut bad = good.clone();
        let (holder, key) = pointer.rsplit_once('/').expect("a pointer");
        match bad.pointer_mut(holder).expect("a holder") {
            Value::Object(object) if value.is_null() => drop(object.shift_remove(key)),
            Value::Object(object) => drop(object.insert(key.to_owned(), value.clone())),
            Value::Array(items) if key == "-" => items.push(value.clone()),
            Value::Array(items) => items[key.parse::<usize>().expect("a number")] = value.clone(),
            _ => panic!("{pointer}"),
        }
        let report = check(&bad);
        assert!(errors(&report).contains(rule), "{pointer} {value}: {:?}", report.findings);
    }
}

fn questionnaire() -> Value {
    json!({"resourceType": "Questionnaire", "id": "q", "url": "https://care.example/Questionnaire/q", "status": "active", "item": [
        {"linkId": "falls", "type": "boolean", "required": true},
        {"linkId": "how", "type": "choice", "required": true,
         "enableWhen": [{"question": "falls", "operator": "=", "answerBoolean": true}],
         "answerOption": [{"valueCoding": {"system": "https://care.example/how", "code": "stairs"}}, {"valueCoding": {"system": "https://care.example/how", "code": "bed"}}]},
        {"linkId": "note", "type": "string", "maxLength": 5},
        {"linkId": "meals", "type": "group", "repeats": true, "item": [{"linkId": "meal", "type": "integer"}]}
    ]})
}

fn response() -> Value {
    json!({"resourceType": "QuestionnaireResponse", "status": "completed", "contained": [questionnaire()], "questionnaire": "#q", "item": [
        {"linkId": "falls", "answer": [{"valueBoolean": true}]},
        {"linkId": "how", "answer": [{"valueCoding": {"system": "https://care.example/how", "code": "bed"}}]},
        {"linkId": "note", "answer": [{"valueString": "short"}]},
        {"linkId": "meals", "item": [{"linkId": "meal", "answer": [{"valueInteger": 1}]}]},
        {"linkId": "meals", "item": [{"linkId": "meal", "answer": [{"valueInteger": 2}]}]}
    ]})
}

#[test]
fn a_response_is_held_to_its_questionnaire() {
    broken(
        &response(),
        &[
            ("/item/0/answer/0", json!({"valueString": "yes"}), "r4/response-type"),
            (
                "/item/1/answer/0",
                json!({"valueCoding": {"system": "https://care.example/how", "code": "roof"}}),
                "r4/response-option",
            ),
            ("/item/2/answer/0", json!({"valueString": "too long"}), "r4/response-length"),
            ("/item/2/answer/-", json!({"valueString": "two"}), "r4/response-repeat"),
            ("/item/3/answer", json!([{"valueInteger": 1}]), "r4/response-answer"),
            ("/item/2/linkId", json!("nobody"), "r4/response-item"),
            ("/item/2", json!({"linkId": "meal", "answer": [{"valueInteger": 1}]}), "r4/response-item"),
            ("/item/1", json!({"linkId": "how"}), "r4/response-required"),
            ("/item/0/answer/0/valueBoolean", json!(false), "r4/response-disabled"),
            ("/item/-", json!({"linkId": "note", "answer": [{"valueString": "late"}]}), "r4/response-order"),
        ],
    );
    // What is not asked need not be answered, and a response that is not finished may lack anything.
    let mut no_falls = response();
    no_falls["item"] = json!([{"linkId": "falls", "answer": [{"valueBoolean": false}]}]);
    assert_eq!(errors(&check(&no_falls)), Vec::<&str>::new());
    let mut begun = response();
    (begun["status"], begun["item"]) = (json!("in-progress"), json!([{"linkId": "note"}]));
    assert_eq!(errors(&check(&begun)), Vec::<&str>::new());
}

#[test]
fn a_questionnaire_may_be_loaded() {
    let mut held = Definitions::r4().clone();
    assert_eq!(held.load_all([&questionnaire()]).skipped, []);
    let mut answer = response();
    answer.as_object_mut().expect("an object").shift_remove("contained");
    answer["questionnaire"] = json!("https://care.example/Questionnaire/q|1");
    let report = held.check_value(&answer, &Options::default());
    assert_eq!(errors(&report), Vec::<&str>::new());
    answer["item"][0]["answer"] = json!([{"valueInteger": 1}]);
    assert!(errors(&held.check_value(&answer, &Options::default())).contains(&"r4/response-type"));
    // One that is not known is said to be.
    let report = check(&answer);
    assert!(
        report.is_valid()
            && report
                .coverage
                .not_checked
                .keys()
                .any(|(kind, _)| *kind == causeway_profile::Unchecked::Questionnaire)
    );
}

#[test]
fn conditions_ask_about_what_is_there() {
    broken(
        &questionnaire(),
        &[("/item/1/enableWhen/0/question", json!("nobody"), "r4/questionnaire-condition")],
    );
}

#[test]
fn code_lists_agree_with_themselves_and_with_others() {
    let system = json!({"resourceType": "CodeSystem", "url": "https://care.example/s", "status": "draft", "content": "complete", "count": 2,
        "concept": [{"code": "a", "concept": [{"code": "b"}]}]});
    broken(
        &system,
        &[
            ("/count", json!(3), "r4/code-system-count"),
            ("/content", json!("not-present"), "r4/code-system-content"),
            ("/supplements", json!("https://care.example/other"), "r4/code-system-supplement"),
            ("/url", json!("local"), "r4/canonical-absolute"),
            ("/valueSet", json!("local"), "r4/canonical-absolute"),
        ],
    );
    let supplement = json!({"resourceType": "CodeSystem", "url": "https://care.example/s", "status": "draft", "content": "supplement",
        "supplements": "https://care.example/other", "concept": [{"code": "a"}]});
    broken(&supplement, &[("/supplements", Value::Null, "r4/code-system-supplement")]);
    let set = json!({"resourceType": "ValueSet", "url": "https://care.example/v", "status": "draft",
        "compose": {"include": [{"system": "http://hl7.org/fhir/administrative-gender"}]}});
    broken(
        &set,
        &[
            ("/compose/include/0/system", json!("gender"), "r4/value-set-system"),
            (
                "/compose/include/0/system",
                json!("http://hl7.org/fhir/ValueSet/administrative-gender"),
                "r4/value-set-system",
            ),
        ],
    );
    let gender = "http://hl7.org/fhir/administrative-gender";
    let map = json!({"resourceType": "ConceptMap", "url": "https://care.example/m", "status": "draft", "group": [{"source": gender, "target": gender,
        "element": [{"code": "male", "target": [{"code": "male", "equivalence": "equal"}]}]}]});
    broken(
        &map,
        &[
            ("/group/0/element/0/code", json!("m"), "terminology/unknown-code"),
            ("/group/0/element/0/target/0/code", json!("m"), "terminology/unknown-code"),
        ],
    );
}

#[test]
fn search_parameters_can_be_evaluated() {
    let parameter = json!({"resourceType": "SearchParameter", "url": "https://care.example/p", "name": "P", "status": "draft", "description": "x",
        "code": "p", "base": ["Patient"], "type": "string", "expression": "Patient.name.family"});
    broken(
        &parameter,
        &[
            ("/expression", json!("Patient.name("), "r4/search-expression"),
            ("/expression", json!("Patient.colour"), "r4/search-expression"),
            ("/expression", json!("colour"), "r4/search-expression"),
            ("/type", json!("composite"), "r4/search-parameter"),
        ],
    );
    let mut of_an_element = parameter;
    of_an_element["expression"] = json!("name.where(use = 'official').family");
    assert_eq!(errors(&check(&of_an_element)), Vec::<&str>::new());
}

fn profile() -> Value {
    json!({"resourceType": "StructureDefinition", "url": "https://care.example/StructureDefinition/p", "name": "P", "status": "draft",
        "fhirVersion": "4.0.1", "kind": "resource", "abstract": false, "type": "Patient",
        "baseDefinition": "http://hl7.org/fhir/StructureDefinition/Patient", "derivation": "constraint", "differential": {"element": [
        {"id": "Patient", "path": "Patient"},
        {"id": "Patient.identifier", "path": "Patient.identifier", "slicing": {"rules": "open", "discriminator": [{"type": "value", "path": "system"}]}},
        {"id": "Patient.identifier:a", "path": "Patient.identifier", "sliceName": "a", "min": 1},
        {"id": "Patient.identifier:a.system", "path": "Patient.identifier.system", "min": 1, "fixedUri": "https://care.example/a"},
        {"id": "Patient.gender", "path": "Patient.gender", "min": 1},
        {"id": "Patient.deceased[x]", "path": "Patient.deceased[x]", "type": [{"code": "boolean"}]},
        {"id": "Patient.link.other", "path": "Patient.link.other", "min": 1}
    ]}})
}

#[test]
fn a_profile_narrows_what_its_base_has() {
    broken(
        &profile(),
        &[
            ("/differential/element/1/slicing", Value::Null, "r4/structure-slicing"),
            (
                "/differential/element/4",
                json!({"id": "Patient.colour", "path": "Patient.colour", "min": 1}),
                "r4/structure-path",
            ),
            ("/differential/element/4/max", json!("*"), "r4/structure-cardinality"),
            ("/differential/element/4/type", json!([{"code": "Quantity"}]), "r4/structure-type"),
            ("/differential/element/4/fixedString", json!("male"), "r4/structure-value"),
            ("/differential/element/6/min", json!(0), "r4/structure-cardinality"),
            (
                "/differential/element/-",
                json!({"id": "Patient.gender", "path": "Patient.gender", "min": 1}),
                "r4/structure-order",
            ),
            ("/type", json!("Person"), "r4/structure-base"),
        ],
    );
}

#[test]
fn an_extension_says_its_own_url_and_where_it_stands() {
    let extension = json!({"resourceType": "StructureDefinition", "url": "https://care.example/StructureDefinition/e", "name": "E", "status": "draft",
        "fhirVersion": "4.0.1", "kind": "complex-type", "abstract": false, "context": [{"type": "element", "expression": "Patient.contact"}],
        "type": "Extension", "baseDefinition": "http://hl7.org/fhir/StructureDefinition/Extension", "derivation": "constraint", "differential": {"element": [
        {"id": "Extension", "path": "Extension"},
        {"id": "Extension.url", "path": "Extension.url", "fixedUri": "https://care.example/StructureDefinition/e"},
        {"id": "Extension.value[x]", "path": "Extension.value[x]", "type": [{"code": "string"}]}]}});
    broken(
        &extension,
        &[
            ("/differential/element/1/fixedUri", json!("https://care.example/other"), "r4/extension-own-url"),
            (
                "/differential/element/1",
                json!({"id": "Extension.extension", "path": "Extension.extension", "max": "0"}),
                "r4/extension-own-url",
            ),
            ("/context/0/expression", json!("Patient.colour"), "r4/extension-context"),
            ("/context/0/expression", json!("Pateint"), "r4/extension-context"),
        ],
    );
    // One that narrows another is still told by that one's url.
    let mut held = Definitions::r4().clone();
    assert_eq!(held.load_all([&extension]).skipped, []);
    let mut derived = extension.clone();
    (derived["url"], derived["baseDefinition"]) =
        (json!("https://care.example/StructureDefinition/d"), extension["url"].clone());
    let errors_of = |value: &Value| errors(&held.check_value(value, &Options::default())).len();
    assert_eq!(errors_of(&derived), 0);
    derived["differential"]["element"][1]["fixedUri"] = derived["url"].clone();
    assert_eq!(errors(&held.check_value(&derived, &Options::default())), ["r4/extension-own-url"]);
}

#[test]
fn an_extension_stands_among_its_kind() {
    let order = json!({"resourceType": "NutritionOrder", "status": "active", "intent": "order", "patient": {"display": "x"}, "dateTime": "2024",
        "oralDiet": {"instruction": "soft"},
        "modifierExtension": [{"url": "http://hl7.org/fhir/StructureDefinition/request-doNotPerform", "valueBoolean": true}]});
    assert_eq!(errors(&check(&order)), Vec::<&str>::new());
    let mut wrong = order.clone();
    let list = wrong.as_object_mut().expect("an object").shift_remove("modifierExtension").expect("a list");
    wrong["extension"] = list;
    assert_eq!(errors(&check(&wrong)), ["r4/request-doNotPerform/modifier"]);
    let patient = json!({"resourceType": "Patient", "extension": [{"url": "http://hl7.org/fhir/StructureDefinition/patient-birthPlace", "valueAddress": {"city": "x"}}]});
    broken(
        &patient,
        &[(
            "/extension/0/url",
            json!("http://hl7.org/fhir/StructureDefinition/patient-birthPlace|4.0.1"),
            "r4/extension-url",
        )],
    );
    let mut plain = patient.clone();
    let list = plain.as_object_mut().expect("an object").shift_remove("extension").expect("a list");
    plain["modifierExtension"] = list;
    assert_eq!(errors(&check(&plain)), ["r4/patient-birthPlace/modifier"]);
}

fn entry(base: &str, resource: Value) -> Value {
    json!({"fullUrl": format!("{base}/{}/{}", resource["resourceType"].as_str().expect("a type"), resource["id"].as_str().expect("an id")), "resource": resource})
}

const BASE: &str = "https://care.example/fhir";

#[test]
fn a_document_holds_what_it_is_about_and_nothing_else() {
    let composition = json!({"resourceType": "Composition", "id": "c", "status": "final", "type": {"text": "x"}, "date": "2024", "title": "x",
        "author": [{"display": "x"}], "subject": {"reference": "Patient/p"}, "section": [{"title": "x", "entry": [{"reference": "Observation/o"}]}]});
    let observation =
        json!({"resourceType": "Observation", "id": "o", "status": "final", "code": {"text": "x"}});
    // It refers to the document's observation, and nothing refers to it: that joins it.
    let backwards = json!({"resourceType": "Provenance", "id": "v", "target": [{"reference": "Observation/o"}], "recorded": "2024-01-01T00:00:00Z", "agent": [{"who": {"display": "x"}}]});
    let document = json!({"resourceType": "Bundle", "type": "document", "timestamp": "2024-01-01T00:00:00Z",
        "identifier": {"system": "https://care.example/documents", "value": "1"},
        "entry": [entry(BASE, composition), entry(BASE, json!({"resourceType": "Patient", "id": "p"})), entry(BASE, observation), entry(BASE, backwards)]});
    broken(
        &document,
        &[
            ("/entry/0/resource/subject/reference", json!("Patient/elsewhere"), "bundle/not-in-document"),
            (
                "/entry/0/resource/section/0/entry/0/reference",
                json!("Observation/elsewhere"),
                "bundle/not-in-document",
            ),
            (
                "/entry/-",
                entry(BASE, json!({"resourceType": "Patient", "id": "stray"})),
                "bundle/entry-apart",
            ),
            ("/entry/1/fullUrl", json!("https://care.example/fhir/Person/p"), "bundle/full-url-type"),
        ],
    );
}

#[test]
fn a_message_holds_its_focus() {
    let header = json!({"resourceType": "MessageHeader", "id": "h", "eventUri": "https://care.example/e", "source": {"endpoint": "https://care.example"}, "focus": [{"reference": "Patient/p"}]});
    let message = json!({"resourceType": "Bundle", "type": "message", "entry": [entry(BASE, header), entry(BASE, json!({"resourceType": "Patient", "id": "p"}))]});
    broken(
        &message,
        &[("/entry/0/resource/focus/0/reference", json!("Patient/elsewhere"), "bundle/not-in-document")],
    );
}

#[test]
fn a_search_finds_what_was_asked_for() {
    let mut found = entry(BASE, json!({"resourceType": "Patient", "id": "p"}));
    found["search"] = json!({"mode": "match"});
    let set = json!({"resourceType": "Bundle", "type": "searchset", "link": [{"relation": "self", "url": "https://care.example/fhir/Patient?name=x"}], "entry": [found]});
    broken(
        &set,
        &[
            ("/link/0/url", json!("https://care.example/fhir/Group?code=x"), "bundle/search-type"),
            ("/entry/0/search/mode", json!("outcome"), "bundle/search-type"),
        ],
    );
    let mut included = set;
    included["link"][0]["url"] = json!("https://care.example/fhir/Group?code=x");
    included["entry"][0]["search"]["mode"] = json!("include");
    assert_eq!(errors(&check(&included)), Vec::<&str>::new());
}

/// An outermost value set bounds which codes may stand there; whether there is one is the weaker binding's matter.
#[test]
fn text_alone_is_told_and_taken_where_only_the_outermost_set_is_bound() {
    let speaks =
        |language: Value| json!({"resourceType": "Patient", "communication": [{"language": language}]});
    let of = |language: Value| {
        let found = Definitions::r4().check_value(&speaks(language), &Options::default()).findings;
        found.into_iter().map(|f| (f.severity, f.rule)).collect::<Vec<_>>()
    };
    assert_eq!(of(json!({"text": "Welsh"})), [(Severity::Warning, "r4/binding-required".to_owned())]);
    let coded = |code: &str| json!({"coding": [{"system": "urn:ietf:bcp:47", "code": code}]});
    assert_eq!(of(coded("cy")), []);
    assert_eq!(of(coded("no language")), [(Severity::Error, "r4/binding-required".to_owned())]);
}

/// The definitions are HL7's own: what a vendor's copy of them adds or changes is not part of R4.
#[test]
fn the_base_is_that_of_hl7_and_nothing_is_added() {
    let study =
        |key: &str, value: Value| json!({"resourceType": "ResearchStudy", "status": "active", key: value});
    for (resource, rule) in [
        (study("title", json!("x")), None),
        (study("label", json!([{"value": "x"}])), Some("r4/unknown-element")),
        (study("whyStopped", json!({"text": "x"})), Some("r4/unknown-element")),
        (json!({"resourceType": "Patient", "meta": {"deleted": true}}), Some("r4/unknown-element")),
        (
            json!({"resourceType": "Binary", "contentType": "text/plain", "url": "https://care.example"}),
            Some("r4/unknown-element"),
        ),
        (json!({"resourceType": "DetectedIssue", "status": "registered"}), None),
        (json!({"resourceType": "DetectedIssue", "status": "mitigated"}), Some("r4/binding-required")),
        (
            json!({"resourceType": "EvidenceVariable", "status": "draft",
            "characteristic": [{"definitionCodeableConcept": {"text": "x"}, "participantEffectivePeriod": {"start": "2026"}}]}),
            None,
        ),
        (json!({"resourceType": "EvidenceVariable", "status": "draft"}), Some("r4/cardinality-min")),
    ] {
        let found = Definitions::r4().check_value(&resource, &Options::default()).findings;
        let rules: Vec<_> =
            found.iter().filter(|f| f.severity == Severity::Error).map(|f| f.rule.as_str()).collect();
        assert_eq!(rules.first().copied(), rule, "{resource}: {found:?}");
    }
}
