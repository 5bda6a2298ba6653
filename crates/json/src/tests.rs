use causeway_core::Ledger;

use crate::{Kind, Tree};

fn error(text: &str) -> &'static str {
    Tree::parse(text.as_bytes(), &mut Ledger::new()).err().map_or("", |e| e.text)
}

#[test]
fn values_keep_digits_order_and_place() {
    let source = "\u{feff}{\"a\": [7.10, \"x\\ny \\ud83d\\ude00\", true, null, \"\"], \"b/c\": {\"d~\": \"e\"}, \"a\": 1}";
    let mut ledger = Ledger::new();
    let tree = Tree::parse(source.as_bytes(), &mut ledger).unwrap();
    let root = tree.root();
    let list: Vec<_> = root.get("a").unwrap().elements().collect();
    assert_eq!(list[0].text(), "7.10");
    assert_eq!(list[1].text(), "x\ny 😀");
    assert_eq!(list[2].boolean(), Some(true));
    assert!(list[3].is_null() && list[3].leaf().is_none() && list[4].leaf().is_none());
    let e = root.get("b/c").unwrap().get("d~").unwrap();
    assert_eq!(e.pointer(), "/b~1c/d~0");
    assert_eq!(e.span().of(source.as_bytes()), b"e");
    assert_eq!(tree.duplicates().map(|d| d.text()).collect::<Vec<_>>(), ["1"]);
    let places: Vec<_> = (0..ledger.len() as u32).map(|i| ledger.position(i).unwrap().path).collect();
    assert_eq!(places, ["/a/0", "/a/1", "/a/2", "/b~1c/d~0", "/a"]);
    assert_eq!(root.leaves().count(), 5);
    assert_eq!(root.kind(), Kind::Object);
}

#[test]
fn what_is_not_json_is_refused_at_its_byte() {
    for (text, word) in [
        ("", "ends too early"),
        ("{\"a\":1,}", "name of a member"),
        ("[1,]", "a value"),
        ("[1 2]", "a comma"),
        ("{\"a\" 1}", "a colon"),
        ("[01]", "not a JSON number"),
        ("[1.]", "not a JSON number"),
        ("\"a", "not closed"),
        ("\"\\ud800\"", "surrogate"),
        ("\"\\x\"", "unknown escape"),
        ("1 2", "follows"),
        ("\"a\u{1}\"", "control character"),
        ("[tru]", "a value"),
    ] {
        assert!(error(text).contains(word), "{text}: {}", error(text));
    }
    assert_eq!(Tree::parse(b"[\"\xff\"]", &mut Ledger::new()).err().unwrap().at, 2);
}

#[test]
fn depth_is_limited() {
    assert!(error(&"[".repeat(100_000)).contains("nested too deeply"));
}

#[test]
fn random_bytes_do_not_panic() {
    let seed = b"{\"a\":[1,2.5,\"x\\u00e9\",{\"b\":null}],\"c\":true}";
    let mut state = 1u64;
    for _ in 0..50_000 {
        let mut bytes = seed.to_vec();
        for _ in 0..3 {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let at = (state >> 33) as usize % bytes.len();
            bytes[at] = (state >> 20) as u8;
        }
        let mut ledger = Ledger::new();
        if let Ok(tree) = Tree::parse(&bytes, &mut ledger) {
            assert_eq!(tree.root().leaves().count(), ledger.len());
        }
    }
}
