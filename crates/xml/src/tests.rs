//! Tests of the parser.

use causeway_core::{Ledger, Outcome};

use super::*;

fn fault(input: &str) -> Fault {
    let decoded = decode(input.as_bytes()).expect("text");
    let mut ledger = Ledger::new();
    Document::parse(&decoded, &mut ledger).expect_err("refused").fault
}

#[test]
fn paths_spans_and_items() {
    let input = "<?xml version=\"1.0\"?>\r\n<x:A xmlns:x='urn:u' k=\"1 &lt; 2\"><!-- c --><B>t&#233;xt<![CDATA[<&]]></B><B v='é'/>tail</x:A>";
    let decoded = decode(input.as_bytes()).unwrap();
    let mut ledger = Ledger::new();
    let document = Document::parse(&decoded, &mut ledger).unwrap();
    let root = document.root();
    assert_eq!((root.name(), root.namespace()), ("A", "urn:u"));
    assert_eq!(root.attribute("k").unwrap().text, "1 < 2");
    let b: Vec<_> = root.children_named("B").collect();
    assert_eq!(b[0].text().unwrap().text, "téxt<&");
    let v = b[1].attribute("v").unwrap();
    assert_eq!(v.text, "é");
    let position = ledger.position(v.id).unwrap();
    assert_eq!(position.path, "/A/B[2]/@v");
    assert_eq!(position.span.of(input.as_bytes()), "é".as_bytes());
    let text = b[0].text().unwrap();
    let span = ledger.items()[text.id as usize].span;
    assert_eq!(span.of(input.as_bytes()), b"t&#233;xt<![CDATA[<&]]>");
    assert_eq!(root.text_content().0, "téxt<& tail");
    assert_eq!(root.items(), 0..5);
    assert_eq!(b[1].items(), 3..4);
    assert_eq!(ledger.items()[0].outcome, Outcome::Structural);
    assert_eq!(b[1].parent(), Some(root));
    assert_eq!(b[1].span().of(input.as_bytes()), "<B v='é'/>".as_bytes());
    assert_eq!(root.span().end as usize, input.len());
}

#[test]
fn a_single_byte_document_keeps_its_offsets() {
    let input = b"<?xml version='1.0' encoding='ISO-8859-1'?><a b='\xE9' c='2'/>";
    let decoded = decode(input).unwrap();
    let mut ledger = Ledger::new();
    let document = Document::parse(&decoded, &mut ledger).unwrap();
    let c = document.root().attribute("c").unwrap();
    assert_eq!(ledger.items()[c.id as usize].span.of(input), b"2");
}

#[test]
fn names_of_every_script_are_read() {
    for name in ["_b", "b-1.c", "é", "Ωmega", "名", "x:b", "x:b-2", "b·c"] {
        let input = format!("<a xmlns:x='urn:x' {name}='1'><{name}/></a>");
        let decoded = decode(input.as_bytes()).unwrap();
        assert!(Document::parse(&decoded, &mut Ledger::new()).is_ok(), "{name}");
    }
}

#[test]
fn what_is_refused() {
    assert_eq!(fault(""), Fault::Empty);
    assert_eq!(fault("  "), Fault::Empty);
    assert_eq!(fault("plain"), Fault::OutsideRoot);
    assert_eq!(fault("<!DOCTYPE a [<!ENTITY x 'y'>]><a>&x;</a>"), Fault::Doctype);
    assert_eq!(fault("<a>&x;</a>"), Fault::Entity);
    assert_eq!(fault("<a b='&x;'/>"), Fault::Entity);
    assert_eq!(fault("<a>&#0;</a>"), Fault::Character);
    assert_eq!(fault("<a><b></a>"), Fault::EndTag);
    assert_eq!(fault("<a><b/>"), Fault::Truncated);
    assert_eq!(fault("<a b='1' b='2'/>"), Fault::Attribute);
    assert_eq!(fault("<a b/>"), Fault::Attribute);
    for name in ["b<c", "b&c", "1b", "-b", "b=c", "x<:b", "b:", "b\u{1}"] {
        assert_eq!(fault(&format!("<a><{name}/></a>")), Fault::Name, "{name:?}");
        if name != "b=c" {
            assert_eq!(fault(&format!("<a {name}='1'/>")), Fault::Attribute, "{name:?}");
        }
    }
    assert_eq!(fault("<a ='1'/>"), Fault::Attribute);
    assert_eq!(fault("<a/><b/>"), Fault::OutsideRoot);
    assert_eq!(fault(&"<a>".repeat(limits::DEPTH_MAX + 1)), Fault::Depth);
    assert_eq!(decode(b"\xFF\xFE<\0").err().map(|e| e.fault), Some(Fault::Charset));
    assert_eq!(decode(b"<a>\xE9</a>").err().map(|e| (e.fault, e.offset)), Some((Fault::Charset, 3)));
}

#[test]
fn a_refusal_says_where() {
    let decoded = decode(b"<a><b><c>&nbsp;</c></b></a>").unwrap();
    let error = Document::parse(&decoded, &mut Ledger::new()).unwrap_err();
    assert_eq!((error.offset, error.path.as_str()), (9, "/a/b/c"));
    assert_eq!(error.issue().rule, "xml-entity");
}

#[test]
fn every_cut_and_flip_is_survived() {
    let input = b"<a x='1'><b>t&amp;u</b><![CDATA[z]]><!-- c --><?p q?><c:d xmlns:c='u'/></a>";
    for at in 0..input.len() {
        let _ = decode(&input[..at]).map(|d| Document::parse(&d, &mut Ledger::new()).is_ok());
        for byte in [b'<', b'>', b'&', b'"', b'\'', 0, 0xFF, b'/', b'!', b'[', b' '] {
            let mut mutant = input.to_vec();
            mutant[at] = byte;
            if let Ok(decoded) = decode(&mutant) {
                let _ = Document::parse(&decoded, &mut Ledger::new());
            }
        }
    }
}
