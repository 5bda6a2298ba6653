//! The table of attacks names tests that exist.

use std::path::Path;

#[test]
fn every_test_that_the_table_of_attacks_names_exists() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let text = std::fs::read_to_string(root.join("docs/attacks.md")).unwrap();
    let rows = text.lines().filter(|line| line.starts_with("| ")).skip(1).count();
    let (mut named, mut missing) = (0, Vec::new());
    for part in text.split('`').skip(1).step_by(2).filter(|part| part.contains('/') && !part.starts_with('/'))
    {
        let (file, test) = part.split_once("::").unwrap_or((part, ""));
        let source = std::fs::read_to_string(root.join(file)).unwrap_or_default();
        named += 1;
        if source.is_empty() || !(test.is_empty() || source.contains(&format!("fn {test}("))) {
            missing.push(part);
        }
    }
    assert_eq!(missing, Vec::<&str>::new(), "the control: {named} named in {rows} rows");
    assert!(named > rows && rows > 15, "{named} in {rows}");
}
