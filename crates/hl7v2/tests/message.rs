//! The index of values against what HL7 says.

use causeway_core::{Ledger, Outcome};
use causeway_hl7v2::{FaultKind, Message, ParseError};

const TEXT: &str = "MSH|^~\\&|PAS|ZV801|||||ADT^A01\rPID|1||A1^^^PAS&1.2.3&ISO^PI~9990000018^^^NHS^NH||LARK\\T\\SPUR^EDITH||  |\"\"\rZZ1|x\r";

fn leaf<'m>(
    message: &'m Message<'m>,
    segment: usize,
    field: u16,
    rep: u16,
    comp: u8,
    sub: u8,
) -> Option<&'m str> {
    let part = message.segment_at(segment)?.field(field).rep(rep).comp(comp).subcomp(sub);
    part.leaf().map(|l| l.text)
}

#[test]
fn values_are_found_where_they_stand() {
    let message = Message::parse(TEXT.as_bytes(), 0).unwrap();
    assert_eq!(leaf(&message, 0, 3, 1, 1, 1), Some("PAS"));
    assert_eq!(leaf(&message, 0, 9, 1, 2, 1), Some("A01"));
    assert_eq!(leaf(&message, 1, 3, 1, 4, 2), Some("1.2.3"));
    assert_eq!(leaf(&message, 1, 3, 2, 1, 1), Some("9990000018"));
    assert_eq!(leaf(&message, 1, 5, 1, 1, 1), Some("LARK&SPUR"));
    assert_eq!(leaf(&message, 1, 7, 1, 1, 1), None, "blank");
    let pid = message.segment_at(1).unwrap();
    assert!(pid.field(8).leaf().is_none() && pid.field(8).deleted().is_some());
    assert_eq!(pid.field(3).reps().count(), 2);
    assert_eq!(pid.field(4).reps().count(), 0);
    assert_eq!(message.segment_at(2).map(|s| s.name()), Some(*b"ZZ1"));
}

#[test]
fn the_ledger_names_each_value_and_its_bytes() {
    let bytes = format!("\u{b}{TEXT}");
    let mut message = Message::parse(&bytes.as_bytes()[1..], 1).unwrap();
    let mut ledger = Ledger::new();
    let range = message.enter(&mut ledger);
    assert_eq!(range.len(), ledger.len());
    let places: Vec<String> = ledger.items().iter().map(|i| i.place.render(None)).collect();
    for place in
        ["MSH-1", "MSH-2", "MSH-9.2", "PID-3.1", "PID-3.4.3", "PID-3[2].1", "PID-5.2", "PID-8", "ZZ1-1"]
    {
        assert!(places.iter().any(|p| p == place), "{place} is not in {places:?}");
    }
    for item in ledger.items() {
        let text = item.span.of(bytes.as_bytes());
        assert!(!text.is_empty() && !text.contains(&b'\r'));
    }
    let structural = ledger.totals().of(Outcome::Structural);
    assert_eq!(structural, 2, "MSH-1 and a blank");
    assert_eq!(ledger.totals().of(Outcome::Decides), 1, "MSH-2");
    let at = places.iter().position(|p| p == "PID-5.2").unwrap();
    assert_eq!(ledger.items()[at].span.of(bytes.as_bytes()), b"EDITH");
}

#[test]
fn lines_that_no_field_can_take_are_kept_and_told() {
    let message = Message::parse(b"MSH|^~\\&|A|||||||||2.4\rfree text\r\r\nPID|1\n", 0).unwrap();
    assert_eq!(message.segments().map(|s| s.name()).collect::<Vec<_>>(), [*b"MSH", *b"???", *b"PID"]);
    assert_eq!(message.faults()[0].kind, FaultKind::NoSegment);
}

/// The texts of all values of the last segment, the names of the segments, and how often a fault was told.
fn lines(body: &str) -> (Vec<String>, String, usize) {
    let bytes = format!("MSH|^~\\&|A|||||||||2.4{body}");
    let mut message = Message::parse(bytes.as_bytes(), 0).unwrap();
    let mut ledger = Ledger::new();
    message.enter(&mut ledger);
    let names: Vec<String> =
        message.segments().map(|s| String::from_utf8_lossy(&s.name()).into_owned()).collect();
    let last = message.segment_at(names.len() - 1).unwrap();
    let texts = last.all().leaves().map(|l| l.text.to_owned()).collect();
    let told = message.faults().iter().filter(|f| f.kind == FaultKind::Continued).count();
    // Every byte of a word is an item's.
    for word in ["NAD", "RGS", "mm in", "block 3"] {
        let all: Vec<&[u8]> = ledger.items().iter().map(|i| i.span.of(bytes.as_bytes())).collect();
        let found = all.iter().any(|text| String::from_utf8_lossy(text).contains(word));
        assert!(!bytes.contains(word) || found, "{word} is no item");
    }
    (texts, names.join(" "), told)
}

#[test]
fn a_field_goes_on_in_a_line_without_segment_name() {
    let text = |texts: &(Vec<String>, String, usize)| texts.0.join("/");
    for (end, told) in [("\r", 1), ("\n", 1), ("\r\n", 1)] {
        let found = lines(&format!("{end}OBX|1|TX|C||six {end}mm in|||A|||F"));
        assert_eq!((text(&found).as_str(), found.2), ("1/TX/C/six \nmm in/A/F", told), "{end:?}");
        let found = lines(&format!("{end}OBX|1|TX|C||Chest{end}NAD{end}{end}"));
        assert_eq!(text(&found), "1/TX/C/Chest\nNAD", "{end:?}");
        let found = lines(&format!("{end}OBX|1|TX|C||Chest{end}NAD||||||F{end}"));
        assert_eq!(text(&found), "1/TX/C/Chest\nNAD/F", "{end:?}");
        let found = lines(&format!("{end}OBX|1|TX|C||a{end}  b{end}{end}c|x{end}  NTE|1||n{end}"));
        assert_eq!((text(&found).as_str(), found.1.as_str()), ("1/n", "MSH OBX NTE"), "{end:?}");
        let found = lines(&format!("{end}OBX|1|TX|C||No sign of {end}ADD|it in block 3|u{end}ADD|nit|F"));
        assert_eq!(
            (text(&found).as_str(), found.2),
            ("1/TX/C/No sign of it in block 3/unit/F", 0),
            "{end:?}"
        );
        let found = lines(&format!("{end}PV1|1{end}RGS{end}"));
        assert_eq!((text(&found).as_str(), found.1.as_str()), ("", "MSH PV1 RGS"), "{end:?}");
    }
    // In a message whose segments end with CR, LF is a character and nothing to be told of.
    let found = lines("\rNTE|1||haemolysed.\nRGS\n\nPlease repeat.|x\r");
    assert_eq!((text(&found).as_str(), found.2), ("1/haemolysed.\nRGS\n\nPlease repeat./x", 0));
    // A header that is broken as in a document is put together.
    let broken = "MSH|^~\\&|A|B\n|C|D|2026\n0101||ADT^A0\n1|7|P|2.4\nPID|1";
    let message = Message::parse(broken.as_bytes(), 0).unwrap();
    assert_eq!(leaf(&message, 0, 7, 1, 1, 1), Some("20260101"));
    assert_eq!((leaf(&message, 0, 9, 1, 2, 1), message.segments().count()), (Some("A01"), 2));
}

#[test]
fn a_separator_is_a_character_where_the_type_has_none() {
    for (segment, expected) in [
        ("OBX|1|TX|C||10^9/L & so ~ on", "1/TX/C/10^9/L & so/on"),
        ("OBX|1|ST|C||&lt;5", "1/ST/C/&lt;5"),
        ("OBX|1|NM|C||4|x10^9/L|3~5&7^", "1/NM/C/4/x10^9/L/3~5&7^"),
        ("OBX|1|NM|C||4|10*9/L^x10\\S\\9/L^UCUM", "1/NM/C/4/10*9/L/x10^9/L/UCUM"),
        ("OBX|1|CE|A^R & D^L||B^T & U", "1/CE/A/R & D/L/B/T & U"),
        ("NTE|1||A & B ^ C", "1/A & B ^ C"),
        ("PID|1||1^^^A&1.2&ISO||Van&der^Ann & Jo|||||||0117 & 9", "1/1/A/1.2/ISO/Van/der/Ann & Jo/0117 & 9"),
    ] {
        assert_eq!(lines(&format!("\r{segment}")).0.join("/"), expected, "{segment}");
    }
    // With other encoding characters the usual ones are letters, and the declared ones are kept.
    let message = Message::parse(b"MSH|*~\\#|A\rOBX|1|ST|C||10^9 & 2*3 # 4", 0).unwrap();
    assert_eq!(leaf(&message, 1, 5, 1, 1, 1), Some("10^9 & 2*3 # 4"));
    assert_eq!(message.faults().iter().filter(|f| f.kind == FaultKind::SeparatorKept).count(), 1);
}

#[test]
fn character_sets() {
    let latin = b"MSH|^~\\&|A\rPID|||||Bront\xEB";
    let message = Message::parse(latin, 0).unwrap();
    assert_eq!(leaf(&message, 1, 5, 1, 1, 1), Some("Bront\u{eb}"));
    assert_eq!(message.faults()[0].kind, FaultKind::CharsetGuessed);
    let declared = [b"MSH|^~\\&||||||||||||||||8859/1", &latin[10..]].concat();
    let mut message = Message::parse(&declared, 0).unwrap();
    assert!(message.faults().is_empty());
    let mut ledger = Ledger::new();
    message.enter(&mut ledger);
    assert_eq!(ledger.items().last().unwrap().span.of(&declared), b"Bront\xEB");
    let error = Message::parse(b"MSH|^~\\&||||||||||||||||UNICODE UTF-16", 0).unwrap_err();
    assert_eq!(error, ParseError::Charset);
}

#[test]
fn hostile_numbers_of_delimiters_are_bounded() {
    let many =
        format!("MSH|^~\\&|A\rPID|{}x{}y\rOBX|{}z", "^".repeat(400), "&".repeat(400), "|".repeat(70_000));
    let mut message = Message::parse(many.as_bytes(), 0).unwrap();
    assert!(message.faults().iter().any(|f| f.kind == FaultKind::TooMany));
    let mut ledger = Ledger::new();
    message.enter(&mut ledger);
    assert!(ledger.items().iter().all(|i| (i.span.end as usize) <= many.len()));
}

#[test]
fn what_is_no_message_is_refused() {
    assert_eq!(Message::parse(b"PID|1", 0).unwrap_err(), ParseError::NoHeader);
    assert_eq!(Message::parse(b"MSH", 0).unwrap_err(), ParseError::Delimiters);
    assert_eq!(Message::parse(b"MSH\r|^~", 0).unwrap_err(), ParseError::Delimiters);
}
