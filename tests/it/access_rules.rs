//! Each rule of access that has an acceptance test has a test with that id: IG-01 to IG-20 and IG-23 to IG-26. (IG-21 is of
//! research, IG-22 of retention.)

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use causeway_adapter::contract::project_root;

/// Ids in the names of tests, as in `fn ig_10_and_ig_12_…`, with the files they are in.
fn tested(folder: &Path, found: &mut BTreeMap<u8, BTreeSet<String>>) {
    for path in std::fs::read_dir(folder).into_iter().flatten().flatten().map(|e| e.path()) {
        if path.is_dir() {
            tested(&path, found);
        } else if path.extension().is_some_and(|e| e == "rs")
            && path.components().any(|c| c.as_os_str() == "tests")
        {
            let text = std::fs::read_to_string(&path).unwrap_or_default();
            for name in text.split("fn ").skip(1).filter_map(|rest| rest.split('(').next()) {
                for id in name.split("ig_").skip(1).filter_map(|rest| rest.get(..2)?.parse().ok()) {
                    found.entry(id).or_default().insert(path.display().to_string());
                }
            }
        }
    }
}

#[test]
fn every_rule_of_access_has_a_test_of_its_id() {
    let mut found = BTreeMap::new();
    tested(&project_root().join("crates"), &mut found);
    let missing: Vec<u8> = (1..=20).chain(23..=26).filter(|id| !found.contains_key(id)).collect();
    assert!(missing.is_empty(), "no test is called after rule {missing:?}");
    assert!(!found.contains_key(&99), "the control: no rule has this id");
}
