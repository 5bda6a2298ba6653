//! Each data type as it stands in a message, beside the FHIR that it becomes.

use causeway_core::Ledger;
use causeway_fhir::Writer;
use causeway_hl7v3::{effective, party, unreadable, write};
use causeway_xml::{Document, Element, decode};

/// What a function writes of an element, and the ids of the rules that it tells.
fn written(xml: &str, body: impl Fn(&mut Writer, Element<'_>)) -> (String, Vec<&'static str>) {
    let text = decode(xml.as_bytes()).unwrap();
    let mut ledger = Ledger::new();
    let document = Document::parse(&text, &mut ledger).unwrap();
    let mut w = Writer::new(false);
    w.element(|w| body(w, document.root()));
    let told = w.take_issues().iter().map(|(_, issue)| issue.rule).collect();
    (String::from_utf8(w.take()).unwrap(), told)
}

fn no_table(oid: &str) -> Option<std::borrow::Cow<'static, str>> {
    write::any_system(oid)
}

#[test]
fn identifiers_of_both_kinds() {
    let xml = "<a><id root='1.2.826.0.1285.0.1.10' extension='ZZ901'/><id root='3D1B-G'/><id nullFlavor='UNK'/></a>";
    let (json, told) = written(xml, |w, e| {
        w.array("identifier", |w| write::identifier_elements(w, "urn:x", no_table, e));
    });
    assert_eq!(
        json,
        r#"{"identifier":[{"system":"https://fhir.nhs.uk/Id/ods-organization-code","value":"ZZ901"},{"system":"urn:x","value":"3D1B-G"}]}"#
    );
    assert!(told.is_empty());
}

#[test]
fn a_description_is_no_code_and_a_text_no_system() {
    let xml = "<code code='360300017' codeSystem='2.16.840.1.113883.2.1.3.2.4.15' displayName='d'>
        <translation code='22298006' codeSystem='2.16.840.1.113883.2.1.3.2.4.15'/>
        <translation code='X' codeSystem='local codes'/><translation code=' '/></code>";
    let (json, told) = written(xml, |w, e| write::codings(w, no_table, e));
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json["coding"].as_array().map(Vec::len), Some(3));
    assert!(json["coding"][0].get("code").is_none());
    let id = &json["coding"][0]["extension"][0]["extension"][0]["valueIdentifier"]["value"];
    assert_eq!(id, "360300017");
    assert_eq!(json["coding"][1]["code"], "22298006");
    assert_eq!(json["coding"][2], serde_json::json!({"code": "X"}));
    assert_eq!(told, ["code-system-unknown"]);
}

#[test]
fn times_points_intervals_and_doubts() {
    let zone = causeway_core::london();
    let both = |xml: &str| {
        let (a, told) =
            written(xml, |w, e| write::effective(w, "effective", effective(e, &causeway_core::london())));
        let (b, _) = written(xml, |w, e| {
            write::effective_or_start(w, "effective", effective(e, &causeway_core::london()));
        });
        (a, b, told)
    };
    let (a, b, _) = both("<s><effectiveTime><low value='20200102'/></effectiveTime></s>");
    assert_eq!(a, r#"{"effectivePeriod":{"start":"2020-01-02"}}"#);
    assert_eq!(b, r#"{"effectiveDateTime":"2020-01-02"}"#);
    let (a, b, told) = both("<s><effectiveTime value='20211031013000'/></s>");
    assert_eq!(a, b);
    assert_eq!(told, ["local-time-doubtful"]);
    let (a, ..) = both("<s><effectiveTime/><availabilityTime value='20200102000000'/></s>");
    assert_eq!(a, r#"{"effectiveDateTime":"2020-01-02"}"#);
    // A time that is stated and can't be read is not replaced by another.
    let xml = "<s><effectiveTime value='2020-13'/><availabilityTime value='20200102'/></s>";
    assert_eq!(both(xml).0, "");
    let text = decode(xml.as_bytes()).unwrap();
    let mut ledger = Ledger::new();
    let document = Document::parse(&text, &mut ledger).unwrap();
    let found = document.root().child("effectiveTime").and_then(|e| unreadable(e, &zone));
    assert_eq!(found.map(|l| l.text), Some("2020-13"));
}

#[test]
fn amounts_keep_their_digits_and_units_their_words() {
    let own = |xml: &str| written(xml, |w, e| write::quantity(w, e, ("", None), None)).0;
    assert_eq!(
        own("<v value='7.10' unit='mmol/L'/>"),
        r#"{"value":7.10,"unit":"mmol/L","system":"http://unitsofmeasure.org","code":"mmol/L"}"#
    );
    let words =
        "<v value='2' unit='1'><translation value='2'><originalText>tablets</originalText></translation></v>";
    assert_eq!(own(words), r#"{"value":2,"unit":"tablets"}"#);
    assert_eq!(own("<v value='about two'/>"), "");
    let authored = |xml: &str| {
        written(xml, |w, e| {
            write::authored_quantity(w, "quantity", e);
        })
    };
    let (json, told) = authored(
        "<v value='1' unit='1'><translation value='28'><originalText>tablet</originalText></translation></v>",
    );
    assert_eq!(json, r#"{"quantity":{"value":28,"unit":"tablet"}}"#);
    assert_eq!(told, ["amounts-differ"]);
    assert_eq!(authored("<v value='x'/>").1, ["amount-invalid"]);
}

#[test]
fn names_and_contacts() {
    let xml = "<a><name use='L'><prefix>Mrs</prefix><given>Edith</given><given>May</given><family>Larkspur</family></name>
        <telecom value='tel:01632960001' use='HP'/><telecom value='mailto:a@example.org'/><telecom value='x 1'/>
        <addr use='WP'><streetAddressLine>1 Mill Lane</streetAddressLine><postalCode>ZZ9 9ZZ</postalCode></addr></a>";
    let (json, _) = written(xml, |w, e| {
        w.array("name", |w| {
            w.element(|w| party::human_name(w, e.child("name").unwrap()));
        });
        party::contacts(w, &[e], true);
    });
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json["name"][0]["use"], "official");
    assert_eq!(json["name"][0]["given"], serde_json::json!(["Edith", "May"]));
    assert_eq!(
        json["telecom"][0],
        serde_json::json!({"system": "phone", "value": "01632960001", "use": "home"})
    );
    assert_eq!(json["telecom"][1]["system"], "email");
    assert_eq!(json["telecom"][2], serde_json::json!({"system": "other", "value": "x 1"}));
    assert_eq!(json["address"][0]["postalCode"], "ZZ9 9ZZ");
    // R4 allows no organisation a telecom of a home.
    let (json, _) = written(xml, |w, e| party::contacts(w, &[e], false));
    assert!(!json.contains("home"));
}
