//! What real senders write and the standard does not foresee: separators, line ends and control characters within text,
//! merges that follow from one another, dates that can't be.

use causeway_adapter::contract::test_context;
use causeway_adapter::{Translation, translate};
use causeway_adapter_hl7v2::Hl7v2;
use serde_json::Value;

const PID: &str = "PID|1||L1^^^RZZ01^MR||GULL^ANN||19440101|F\r";
const OBR: &str = "OBR|1||R1|GLU^Glucose^L|||20260301\r";

fn run(kind: &str, body: &str) -> Translation {
    let message = format!("MSH|^~\\&|LAB|RZZ01|TIE|RZZ02|20260301120000||{kind}|C1|P|2.4\r{body}");
    translate(&Hl7v2, message.as_bytes(), &test_context())
}

fn output(found: &Translation) -> String {
    found.outputs.iter().map(|o| String::from_utf8_lossy(&o.json)).collect()
}

fn patients(found: &Translation) -> Vec<Value> {
    let bundle: Value = serde_json::from_slice(&found.outputs[0].json).unwrap();
    let entries = bundle["entry"].as_array().unwrap().iter().map(|e| e["resource"].clone());
    entries.filter(|r| r["resourceType"] == "Patient").collect()
}

fn tells(found: &Translation, rule: &str) -> bool {
    found.issues.iter().any(|i| i.rule == rule)
}

/// A segment, what the output holds, what it must not hold, the rules told.
type Segment = (&'static str, &'static [&'static str], &'static [&'static str], &'static [&'static str]);

/// OBX and other segments.
const SEGMENTS: [Segment; 31] = [
    // A number that can't be read as one keeps its unit; "about five" is not five.
    (
        "OBX|1|NM|X^Y^L||1,200|mg/L|||||F",
        &[r#""valueString":"1,200 mg/L""#],
        &["valueQuantity"],
        &["value-type"],
    ),
    ("OBX|1|NM|X^Y^L||NEG|mg/L|||||F", &[r#""valueString":"NEG""#], &["NEG mg/L"], &["value-type"]),
    (
        "OBX|1|NM|X^Y^L||~5|mmol/L|||||F",
        &[r#""valueString":"~5 mmol/L""#],
        &["valueQuantity"],
        &["value-type"],
    ),
    // The second component is the laboratory's table, which is no litre.
    (
        "OBX|1|NM|X^Y^L||5.4|10^12/L^L|||||F",
        &[r#""unit":"10^12/L""#, r#""code":"10*12/L""#],
        &[r#""unit":"L""#],
        &["unit-contradicted"],
    ),
    // A number has no components: ten to the ninth is not ten.
    (
        "OBX|1|NM|X^Y^L||10^9|/L|||||F",
        &[r#""valueString":"10^9 /L""#],
        &["valueQuantity"],
        &["separator-in-text", "value-type"],
    ),
    ("OBX|1|NM|X^Y^L||5&6|mg|||||F", &[r#""valueString":"5&6 mg""#], &["valueQuantity"], &["value-type"]),
    (
        "OBX|1|NM|X^Y^L||62|mL/min/1.73^m^2|||||F",
        &[r#""unit":"mL/min/1.73^m^2""#],
        &[r#""unit":"m^2""#],
        &["separator-in-text"],
    ),
    ("OBX|1|IS|X^Y^L||R&D^1||||||F", &[r#""valueString":"R&D^1""#], &[], &["separator-in-text"]),
    // A text that came as a document: "hello & bye ^ a ~ b".
    (
        "OBX|1|ED|D^Doc^L||^TEXT^PLAIN^A^hello & bye ^ a ~ b||||||F",
        &["aGVsbG8gJiBieWUgXiBhIH4gYg==", "text/plain"],
        &["source-value"],
        &["separator-in-text"],
    ),
    (
        "OBX|1|RP|D^Doc^L||https://images.example/?study=1&series=2^^AP^PDF||||||F",
        &["https://images.example/?study=1&series=2"],
        &[],
        &["separator-in-text"],
    ),
    // R4 wants a type beside data, and the bytes say which.
    (
        "OBX|1|ED|D^Doc^L||^AP^^Base64^JVBERi0xLjQgaW52ZW50ZWQgYSBtZXNz||||||F",
        &[r#""contentType":"application/pdf""#],
        &[],
        &[],
    ),
    (
        "OBX|1|ED|D^Doc^L||^AP^^Base64^aW52ZW50ZWQgYSBtZXNzYWdl||||||F",
        &[r#""contentType":"application/octet-stream""#],
        &[],
        &[],
    ),
    // A new page is a new line, other control characters go, and both are told.
    ("OBX|1|TX|X^Y^L||one\u{c}two||||||F", &[r"one\ntwo"], &["onetwo"], &["control-character"]),
    ("OBX|1|TX|X^Y^L||one\\X0C\\two||||||F", &[r"one\ntwo"], &[], &["control-character"]),
    ("NTE|1|L|a\u{7}b", &["ab"], &["u0007"], &["control-character"]),
    (
        "OBX|1|TX|X^Y^L||Chest\rMRI of the brain: clear||||||F",
        &[r"Chest\nMRI of the brain: clear"],
        &[],
        &["line-continued"],
    ),
    (
        "OBX|1|TX|X^Y^L||history of\rPID\rin the past||||||F",
        &[r"history of\nPID\nin the past"],
        &[],
        &["line-continued"],
    ),
    (
        "OBX|1|TX|X^Y^L||No\rADD| evidence & none||||||F",
        &["No evidence & none", r#""status":"final""#],
        &[],
        &[],
    ),
    ("OBX|1|SN|X^Y^L||<^5^-^10|mg/L|||||F", &["<5-10 mg/L"], &["valueQuantity"], &["value-type"]),
    // Two numbers with nothing between them are never one, and a number is nothing without its unit.
    ("OBX|1|SN|X^Y^L||^5^^6|mmol/L|||||F", &[r#""5 6 mmol/L""#], &["56"], &["value-type"]),
    ("OBX|1|SN|X^Y^L||approx^5|mmol/L|||||F", &[r#""approx 5 mmol/L""#], &["valueQuantity"], &["value-type"]),
    ("OBX|1|SN|X^Y^L||>=^1,000|mg/L|||||F", &[r#"">= 1,000 mg/L""#], &["valueQuantity"], &["value-type"]),
    ("OBX|1|SN|X^Y^L||≥^5|mg/L|||||F", &[r#""comparator":">=""#, r#""value":5"#], &["≥"], &[]),
    ("OBX|1|NM|X^Y^L||½|mmol/L|||||F", &[r#""½ mmol/L""#], &["valueQuantity"], &["value-type"]),
    ("OBX|1|NM|X^Y^L||5 mmol/L|mmol/L|||||F", &[r#""5 mmol/L""#], &["mmol/L mmol/L"], &["value-type"]),
    // R4 has no range that ends below where it begins.
    ("OBX|1|SN|X^Y^L||^128^-^7|mg/L|||||F", &[r#""128-7 mg/L""#], &["valueRange"], &["value-type"]),
    // UCUM writes no caret and no superscript.
    ("OBX|1|NM|X^Y^L||5|10\\S\\9/L^^UCUM|||||F", &[r#""unit":"10^9/L""#, r#""code":"10*9/L""#], &[], &[]),
    ("OBX|1|NM|X^Y^L||5|×10⁹/L|||||F", &[r#""unit":"×10⁹/L""#, r#""code":"10*9/L""#], &[], &[]),
    // A share of a network is no URL.
    (
        "OBX|1|RP|D^Doc^L||\\E\\\\E\\server\\E\\scan 1.pdf||||||F",
        &[r#""_url":"#, "scan 1.pdf"],
        &[r#""url":"\\"#],
        &["pointer-no-address"],
    ),
    // A code in another letter case is that code, and told.
    ("OBX|1|NM|X^Y^L||5|mg|||||f", &[r#""status":"final""#], &["source-code"], &["code-case"]),
    ("OBX|1|NM|X^Y^L||5|mg||h|||F", &[r#""code":"H""#], &[], &["code-case"]),
];

#[test]
fn text_arrives_as_it_was_sent_or_is_told() {
    for (segment, holds, lacks, told) in SEGMENTS {
        let found = run("ORU^R01", &format!("{PID}{OBR}OBX|9|ST|Z^Z^L||z||||||F\r{segment}\r"));
        let output = output(&found);
        for text in holds {
            assert!(output.contains(text), "{segment}: lacks {text}: {output}");
        }
        for text in lacks {
            assert!(!output.contains(text), "{segment}: holds {text}");
        }
        for rule in told {
            assert!(tells(&found, rule), "{segment}: does not tell {rule}: {:?}", found.issues);
        }
    }
}

/// The ward that British hospitals call A&E is one ward, wherever a message names it.
#[test]
fn a_sex_is_a_code_of_fhir_with_the_senders_own_beside_what_no_table_has() {
    for (said, gender, rule) in [
        ("f", "female", "code-case"),
        ("Male", "male", "code-case"),
        ("Q", "unknown", "code-unknown"),
        ("Not asked", "unknown", "code-unknown"),
    ] {
        let found = run("ADT^A28", &format!("EVN|A28\rPID|1||L1^^^RZZ01^MR||GULL^ANN||19440101|{said}\r"));
        let patient = &patients(&found)[0];
        assert_eq!(patient["gender"], gender, "{said}");
        assert!(tells(&found, rule), "{said}: {:?}", found.issues);
        let own = &patient["_gender"]["extension"][0]["valueString"];
        assert_eq!(own == said, rule == "code-unknown", "{said}: {own}");
    }
}

#[test]
fn the_nhs_number_s_authority_is_known_under_each_of_its_names() {
    for authority in [
        "NHS",
        "2.16.840.1.113883.2.1.4.1",
        "&2.16.840.1.113883.2.1.4.1&ISO",
        "&urn:oid:2.16.840.1.113883.2.1.4.1&URI",
        "&https://fhir.nhs.uk/Id/nhs-number&URI",
    ] {
        let pid = format!("PID|1||9990000018^^^{authority}^NH||GULL^ANN||19440101|F\r");
        let found = run("ADT^A28", &format!("EVN|A28\r{pid}"));
        let identifier = &patients(&found)[0]["identifier"][0];
        assert_eq!(identifier["system"], "https://fhir.nhs.uk/Id/nhs-number", "{authority}");
    }
}

#[test]
fn an_ampersand_in_a_ward_or_service_divides_nothing() {
    let visit = "PV1|1|E|A&E^Bay 1 & 2^3^RZZ01|A&E|||||||A&E|||A&E\r";
    let found = run("ADT^A01", &format!("EVN|A01|20260301120000\r{PID}{visit}"));
    let output = output(&found);
    for text in [r#""name":"A&E, Bay 1 & 2"#, r#""code":"A&E""#] {
        assert!(output.contains(text), "{text}: {output}");
    }
    assert!(!output.contains(r#""code":"A""#) && !output.contains(r#""valueString":"E""#), "{output}");
    assert!(tells(&found, "separator-in-text"));
}

#[test]
fn a_null_with_blanks_around_it_deletes_too() {
    let found = run("ADT^A31", "EVN|A31|20260301\rPID|1||L1^^^RZZ01^MR||GULL^ \"\" ||19440101|F\r");
    let output = output(&found);
    assert!(tells(&found, "deleted-by-source") && !output.contains(r#"\"\""#), "{output}");
}

/// Received on 2 November 2026. The last day of the year 9999 is beyond what a timestamp holds.
#[test]
fn nobody_is_born_after_the_message_was_received() {
    for (birth, is_taken) in [
        ("20260301", true),
        ("2026", true),
        ("20261103", false),
        ("202612", false),
        ("20300412", false),
        ("99991231", false),
        ("29991231", false),
    ] {
        let found = run("ADT^A31", &format!("EVN|A31|20260301\rPID|1||L1^^^RZZ01^MR||GULL^ANN||{birth}|F\r"));
        assert_eq!(output(&found).contains(r#""birthDate":"#), is_taken, "{birth}");
        assert_eq!(tells(&found, "birth-date-in-future"), !is_taken, "{birth}");
        assert!(output(&found).contains(&birth[..4]), "{birth}: its text is kept");
    }
}

#[test]
fn a_birth_before_anybody_alive_is_told() {
    for (birth, is_told) in [("18500101", true), ("18991230", false), ("18951231", true), ("19440101", false)]
    {
        let found = run("ADT^A31", &format!("EVN|A31|20260301\rPID|1||L1^^^RZZ01^MR||GULL^ANN||{birth}|F\r"));
        assert!(output(&found).contains(r#""birthDate":"#), "{birth}: carried");
        assert_eq!(tells(&found, "birth-date-long-past"), is_told, "{birth}");
    }
}

/// Who survives (letter) and who is merged away; then for each letter whom it replaces and by whom it is replaced.
type Merge = (
    &'static [(&'static str, &'static [&'static str])],
    &'static [(&'static str, &'static str, &'static str)],
    bool,
);

const MERGES: [Merge; 9] = [
    // A chain in both orders: three people, each once.
    (&[("A", &["B"]), ("B", &["C"])], &[("A", "B", ""), ("B", "C", "A"), ("C", "", "B")], false),
    (&[("B", &["C"]), ("A", &["B"])], &[("A", "B", ""), ("B", "C", "A"), ("C", "", "B")], false),
    // The opposite of what was said before: the later one stands, and that is told.
    (&[("A", &["B"]), ("B", &["A"])], &[("A", "", "B"), ("B", "A", "")], true),
    (
        &[("A", &["B"]), ("B", &["C"]), ("C", &["A"])],
        &[("A", "B", "C"), ("B", "", "A"), ("C", "A", "")],
        true,
    ),
    // One record into two.
    (&[("A", &["B"]), ("C", &["B"])], &[("A", "", ""), ("B", "", "C"), ("C", "B", "")], true),
    // Said again, in two ways.
    (&[("A", &["B"]), ("A", &["B"])], &[("A", "B", ""), ("B", "", "A")], false),
    (&[("A", &["B", "B"])], &[("A", "B", ""), ("B", "", "A")], false),
    (&[("A", &["B", "C"])], &[("A", "BC", ""), ("B", "", "A"), ("C", "", "A")], false),
    (
        &[("A", &["B"]), ("C", &["D"])],
        &[("A", "B", ""), ("B", "", "A"), ("C", "D", ""), ("D", "", "C")],
        false,
    ),
];

#[test]
fn merges_of_one_message_leave_one_patient_for_each() {
    for (said, expected, is_told) in MERGES {
        let mut body = "EVN|A40|20260301\r".to_owned();
        for (survivor, gone) in said {
            body += &format!("PID|1||{survivor}^^^RZZ01^MR||GULL^ANN||19440101|F\r");
            gone.iter().for_each(|gone| body += &format!("MRG|{gone}^^^RZZ01^MR\r"));
        }
        let found = run("ADT^A40", &body);
        let all = patients(&found);
        let letter = |p: &Value| p["identifier"][0]["value"].as_str().unwrap().to_owned();
        let by_id = |reference: &Value| {
            let id = reference.as_str().unwrap().trim_start_matches("urn:uuid:").to_owned();
            all.iter().find(|p| p["id"] == id.as_str()).map(letter).unwrap_or_default()
        };
        let linked = |p: &Value, kind: &str| -> String {
            let links = p["link"].as_array().cloned().unwrap_or_default();
            let mut names: Vec<String> =
                links.iter().filter(|l| l["type"] == kind).map(|l| by_id(&l["other"]["reference"])).collect();
            names.sort();
            names.concat()
        };
        let mut read: Vec<(String, String, String)> =
            all.iter().map(|p| (letter(p), linked(p, "replaces"), linked(p, "replaced-by"))).collect();
        read.sort();
        let expected: Vec<(String, String, String)> =
            expected.iter().map(|(a, b, c)| ((*a).to_owned(), (*b).to_owned(), (*c).to_owned())).collect();
        assert_eq!(read, expected, "{said:?}");
        let gone = |p: &&Value| p["active"] == false;
        assert_eq!(all.iter().filter(gone).count(), expected.iter().filter(|e| !e.2.is_empty()).count());
        assert_eq!(tells(&found, "merge-contradicted"), is_told, "{said:?}: {:?}", found.issues);
        assert!(
            !tells(&found, "source-id-repeated") && !tells(&found, "items-unsupported"),
            "{said:?}: {:?}",
            found.issues
        );
    }
}

#[test]
fn a_medicine_that_was_given_or_refused_is_no_vaccination() {
    // RXA-18 to RXA-21, what becomes of it.
    let said = [
        ("||CP|A", "completed"),
        ("||PA|A", "stopped"),
        ("^Refused by the patient||RE|A", "not-done"),
        ("||NA|A", "not-done"),
        ("^Nil by mouth|||A", "not-done"),
        ("|||A", "unknown"),
        ("||XX|A", "unknown"),
        ("||CP|D", "entered-in-error"),
    ];
    for (tail, status) in said {
        let body = format!(
            "{PID}ORC|RE|P1|F1\rRXA|0|1|202603010900||W3^Warfarin 3mg tablets^L|3|mg|||||||||||{tail}\r"
        );
        let found = run("RAS^O17", &body);
        let bundle: Value = serde_json::from_slice(&found.outputs[0].json).unwrap();
        let of = |kind: &str| -> Vec<Value> {
            let entries = bundle["entry"].as_array().unwrap().iter().map(|e| e["resource"].clone());
            entries.filter(|r| r["resourceType"] == kind).collect()
        };
        assert!(of("Immunization").is_empty(), "{tail}");
        let given = of("MedicationAdministration");
        assert_eq!(given.len(), 1, "{tail}");
        assert_eq!(given[0]["status"], status, "{tail}");
        assert_eq!(
            given[0]["medicationCodeableConcept"]["coding"][0]["display"], "Warfarin 3mg tablets",
            "{tail}"
        );
        assert_eq!(tells(&found, "code-unknown"), tail.contains("XX"), "{tail}");
    }
}

#[test]
fn a_vaccination_that_was_not_given_has_a_reason() {
    let body = format!("{PID}RXA|0|1|20260301||207^Vaccine^L|0.3|mL|||||||||||||NA|A\r");
    let found = run("VXU^V04", &body);
    let output = output(&found);
    assert!(output.contains(r#""status":"not-done""#), "{output}");
    assert!(output.contains(
        r#""statusReason":{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/data-absent-reason""#
    ));
    let later = format!("{PID}RXA|0|1|20460301||207^Vaccine^L|0.3|mL|||||||||||||CP|A\r");
    assert!(tells(&run("VXU^V04", &later), "date-in-future"), "a vaccination of 2046 is told");
}

#[test]
fn an_order_whose_control_code_is_in_no_table_is_told() {
    for (control, told) in [("NW", false), ("SC", false), ("UA", false), ("ZZ", true)] {
        let found = run("ORM^O01", &format!("{PID}ORC|{control}|P1|F1\r{OBR}"));
        assert_eq!(tells(&found, "code-unknown"), told, "{control}: {:?}", found.issues);
    }
}

#[test]
fn words_for_none_name_nobody() {
    for id in ["NULL", "#N/A", "unknown", "-", "0"] {
        let found = run("ADT^A08", &format!("PID|1||{id}^^^RZZ01^MR||GULL^ANN||19440101|F\r"));
        assert!(tells(&found, "identifier-filler"), "{id}: {:?}", found.issues);
        assert!(patients(&found)[0]["identifier"].is_null(), "{id}");
    }
    let found = run("ADT^A08", &format!("{PID}PV1|1|I|W1||||||||||||||||NULL\r"));
    assert!(tells(&found, "identifier-filler") && !output(&found).contains(r#""value":"NULL","#));
    let found = run("ADT^A08", "PID|1||104772.0^^^RZZ01^MR||GULL^ANN||19440101|F\r");
    assert!(tells(&found, "identifier-point-zero"));
    // A filler that is called an NHS number is told as such, and `.0` behind one is read over.
    let found = run("ADT^A08", "PID|1||9990000018.0^^^NHS^NH||GULL^ANN||19440101|F\r");
    assert_eq!(patients(&found)[0]["identifier"][0]["value"], "9990000018");
    assert!(tells(&found, "nhs-number-spaced"));
}

#[test]
fn words_that_deny_an_allergy_are_read_or_told() {
    for (words, code, rule) in [
        ("NONE", "716186003", "no-known-allergy"),
        ("Nil known", "716186003", "no-known-allergy"),
        ("No allergies.", "716186003", "no-known-allergy"),
        ("Nil known drug allergies", "409137002", "no-known-allergy"),
        ("Denies penicillin allergy", "", "allergy-denied"),
        ("Not allergic to latex", "", "allergy-denied"),
        ("Penicillin", "", ""),
    ] {
        for segment in ["AL1|1|DA|^{}", "IAM|1|DA|^{}||||1"] {
            let found = run("ADT^A01", &format!("{PID}PV1|1|I\r{}\r", segment.replace("{}", words)));
            let text = output(&found);
            assert!(text.contains(words), "{text}");
            let coded = text.contains(&format!("\"http://snomed.info/sct\",\"code\":\"{code}"));
            assert_eq!(coded, !code.is_empty(), "{words}: {text}");
            let told: Vec<&str> =
                found.issues.iter().map(|i| i.rule).filter(|r| r.contains("allergy")).collect();
            assert_eq!(told.is_empty(), rule.is_empty(), "{words}: {told:?}");
            assert!(rule.is_empty() || told.contains(&rule), "{words}: {told:?}");
        }
    }
}

/// What is declared to be UCUM and is another spelling gets UCUM's code.
#[test]
fn a_unit_that_is_said_to_be_ucum_has_its_usual_code() {
    for (unit, code) in [
        ("mmHg^^UCUM", "mm[Hg]"),
        ("IU/L^^UCUM", "[IU]/L"),
        ("mmol/l^^UCUM", "mmol/l"),
        ("10*9/L^^UCUM", "10*9/L"),
    ] {
        let found = run("ORU^R01", &format!("{PID}{OBR}OBX|1|NM|X^Y^L||5|{unit}|||||F\r"));
        let text = output(&found);
        assert!(
            text.contains(&format!("\"system\":\"http://unitsofmeasure.org\",\"code\":\"{code}\"")),
            "{unit}: {text}"
        );
    }
}

/// A24 speaks of two patients. A message of very many costs no more than its size: it was the square of their number.
#[test]
fn patients_beyond_the_two_of_a_link_name_the_first_two() {
    let of = |people: usize| {
        let pids: String =
            (1..=people).map(|n| format!("PID|{n}||L{n}^^^RZZ01^MR||GULL^ANN{n}||19440101|F\r")).collect();
        run("ADT^A24", &format!("EVN|A24|20260301113000\r{pids}"))
    };
    let links = |found: &Translation| -> Vec<usize> {
        patients(found).iter().map(|p| p["link"].as_array().map_or(0, Vec::len)).collect()
    };
    assert_eq!((links(&of(2)), tells(&of(2), "patients-linked-many")), (vec![1, 1], false));
    assert_eq!((links(&of(4)), tells(&of(4), "patients-linked-many")), (vec![1, 1, 2, 2], true));
    let bytes = |people: usize| output(&of(people)).len() / people;
    assert!(bytes(400) < 2 * bytes(20), "{} and {} bytes each", bytes(400), bytes(20));
}

#[test]
fn one_person_told_twice_is_one_whatever_the_order_of_their_numbers() {
    let first = "PID|1||L1^^^RZZ01^MR~9990000018^^^NHS^NH||GULL^ANN||19440101|F\r";
    for (second, people) in [
        ("PID|2||9990000018^^^NHS^NH~L1^^^RZZ01^MR||GULL^ANN||19440101|F\r", 1),
        ("PID|2||L1^^^RZZ01^MR~999 000 0018^^^NHS^NH||GULL^ANN||19440101\r", 1),
        ("PID|2||9990000018^^^NHS^NH~L1^^^RZZ01^MR||GULL^BEA||19440101|F\r", 2),
        ("PID|2||L1^^^RZZ01^MR~9990000026^^^NHS^NH||GULL^ANN||19440101|F\r", 2),
    ] {
        let found = run("ORU^R01", &format!("{first}{OBR}OBX|1|NM|X^Y^L||5|mg|||||F\r{second}{OBR}"));
        assert_eq!(patients(&found).len(), people, "{second}");
    }
}

#[test]
fn an_event_of_two_people_that_names_one_is_told() {
    for event in ["A24", "A37"] {
        assert!(tells(&run(&format!("ADT^{event}"), PID), "patients-linked-nobody"), "{event}");
    }
}

#[test]
fn notes_before_the_patient_arrive() {
    let found = run("ORU^R01", &format!("NTE|1||Line insertion failed twice\r{PID}{OBR}"));
    assert!(output(&found).contains("Line insertion failed twice"));
}

#[test]
fn what_only_reads_as_a_separator_stays_a_character() {
    let found = run(
        "ADT^A31",
        "PID|1||L1^^^RZZ01^MR||GULL^ANN||19440101|F|||FLAT 2 & 3, QUAY^^PORT\rNK1|1|BRAMBLE & SON^JOAN|FND^Friend\r",
    );
    let text = output(&found);
    assert!(text.contains("FLAT 2 & 3, QUAY") && text.contains("BRAMBLE & SON"), "{text}");
    // Without blanks it divides, as HL7 has it.
    let found = run("ADT^A31", "PID|1||L1^^^RZZ01^MR||VAN&GULL^ANN||19440101|F\r");
    assert!(output(&found).contains("humanname-own-prefix"));
}

#[test]
fn a_sentinel_makes_nobody_dead() {
    let person = |date: &str, flag: &str| format!("{}{}{date}|{flag}\r", PID.trim_end(), "|".repeat(21));
    for (date, flag, written) in
        [("99991231", "", false), ("19000101", "", false), ("99991231", "Y", true), ("20260105", "", true)]
    {
        let found = run("ADT^A31", &person(date, flag));
        assert_eq!(output(&found).contains("\"deceasedDateTime\""), written, "{date} {flag}");
        assert_eq!(tells(&found, "death-date-sentinel"), !written, "{date} {flag}");
    }
}

#[test]
fn results_documents_and_segments_that_can_t_be_right_are_told() {
    let pdf = "JVBERi0xLjQgYW4gaW52ZW50ZWQg";
    for (segments, rule) in [
        // Which sensitivity is whose, no sub-id says.
        ("OBX|1|CE|ORG^O^L||A^A^L||||||F\rOBX|2|ST|AMP^P^L||R||||||F\rOBX|3|CE|ORG^O^L||B^B^L||||||F\rOBX|4|ST|AMP^P^L||S||||||F\r".to_owned(), Some("results-loose")),
        ("OBX|1|CE|ORG^O^L|1|A^A^L||||||F\rOBX|2|ST|AMP^P^L|1|R||||||F\rOBX|3|CE|ORG^O^L|2|B^B^L||||||F\rOBX|4|ST|AMP^P^L|2|S||||||F\r".to_owned(), None),
        ("OBX|1|TX|REP^R^L||a||||||F\rOBX|2|TX|REP^R^L||b||||||F\rOBX|3|TX|IMP^I^L||c||||||F\rOBX|4|TX|IMP^I^L||d||||||F\r".to_owned(), None),
        // The second half of a file.
        ("OBX|1|ED|P^D^L||^application^pdf^Base64^bGV0dGVyIG9mIGEgY2xpbmlj||||||F\r".to_owned(), Some("document-kind")),
        (format!("OBX|1|ED|P^D^L||^application^pdf^Base64^{pdf}||||||F\r"), None),
        // A field separator within a text.
        ("OBX|1|TX|R^R^L||Seen|discharged||||||F\r".to_owned(), Some("fields-shifted")),
        ("AL1|1|\"\"|\"\"|\"\"\r".to_owned(), Some("segment-deleted")),
    ] {
        let found = run("ORU^R01", &format!("{PID}{OBR}{segments}"));
        for known in ["results-loose", "document-kind", "fields-shifted", "segment-deleted"] {
            assert_eq!(tells(&found, known), rule == Some(known), "{segments} {known}");
        }
    }
    // What the source deletes is no text.
    let found = run("ORU^R01", &format!("{PID}{OBR}OBX|1|CE|X^Y^L||\"\"^\"\"^L||||||F\r"));
    assert!(!output(&found).contains("\\\"\\\""));
    let found = run("ADT^A31", "PID|1||L1^^^RZZ01^MR||GULL^ANN||19440101|F|||||1.63E+09^PRN^PH\r");
    assert!(tells(&found, "identifier-rounded"));
}

#[test]
fn a_contact_s_number_and_a_vaccine_that_is_none() {
    let contact = format!("{PID}NK1|1|BRAMBLE^JOAN|FND^Friend{}9990000034^^^NHS^NH\r", "|".repeat(30));
    let found = run("ADT^A31", &contact);
    assert!(output(&found).contains("9990000034"));
    let report = causeway_profile::check(&found.outputs[0].json);
    assert!(!report.findings.iter().any(|f| f.severity == causeway_profile::Severity::Error));
    let found = run(
        "VXU^V04",
        &format!(
            "{PID}ORC|RE|V1\rRXA|0|1|20260101||998^No vaccine administered^CVX|999|||00||||||||||||CP|A\r"
        ),
    );
    assert!(output(&found).contains("\"status\":\"not-done\""));
}

#[test]
fn a_structure_that_is_none_is_told_and_not_called_read() {
    for (structure, told) in [
        ("ADT_A01", false),
        ("ACK", false),
        ("", false),
        ("ADT_A1", true),
        ("adt_A01", true),
        ("ward 7", true),
    ] {
        let found = run(&format!("ADT^A01^{structure}"), &format!("{PID}PV1|1|I\r"));
        assert_eq!(tells(&found, "message-structure-unknown"), told, "{structure}");
        let place = |item: &&causeway_core::Item| item.place.render(None) == "MSH-9.3";
        let outcome = found.ledger.items().iter().find(place).map(|item| item.outcome.word());
        let due = if told { "unsupported" } else { "structural" };
        assert_eq!(outcome, (!structure.is_empty()).then_some(due), "{structure}");
    }
}

#[test]
fn what_two_places_of_a_message_say_otherwise_is_told() {
    for (said, other) in [("A01", None), ("a01", None), ("", None), ("A08", Some("event-differs"))] {
        let found = run("ADT^A01", &format!("EVN|{said}|20260301\r{PID}PV1|1|I\r"));
        assert_eq!(tells(&found, "event-differs"), other.is_some(), "{said}");
        assert!(output(&found).contains("ADT^A01"));
    }
    for (report, result, told) in [("X", "F", true), ("X", "C", true), ("X", "X", false), ("F", "F", false)] {
        let order = format!("OBR|1||R1|GLU^Glucose^L|||20260301{}{report}", "|".repeat(18));
        let found = run("ORU^R01", &format!("{PID}{order}\rOBX|1|NM|X^Y^L||5|mmol/L|||||{result}\r"));
        assert_eq!(tells(&found, "report-status-contradicted"), told, "{report} {result}");
        assert!(output(&found).contains("\"value\":5"), "{report} {result}");
    }
}

#[test]
fn a_character_that_was_lost_on_the_way_is_told_once() {
    let lost = run("ORU^R01", &format!("{PID}{OBR}OBX|1|TX|X^Y^L||37 \u{FFFD}C||||||F\r"));
    assert_eq!(lost.issues.iter().filter(|i| i.rule == "character-lost").count(), 1);
    assert!(output(&lost).contains("37 \u{FFFD}C"));
    assert!(!tells(&run("ORU^R01", &format!("{PID}{OBR}OBX|1|TX|X^Y^L||37 °C||||||F\r")), "character-lost"));
}
