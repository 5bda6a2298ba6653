//! Loops of imports between the modules of one crate: there are none. `causeway` is left out: its commands and the command
//! line name each other.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// First names of the paths that begin with `root` (`crate::`, `super::`) in a text: `a::b`, or each of `{a::b, c}`.
fn named(text: &str, root: &str) -> BTreeSet<String> {
    let word = |text: &str| -> String {
        text.chars().take_while(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || *c == '_').collect()
    };
    let mut found = BTreeSet::new();
    for rest in text.split(root).skip(1) {
        let Some(group) = rest.strip_prefix('{') else {
            found.insert(word(rest));
            continue;
        };
        let mut depth = 0;
        let mut begins = true;
        for (at, c) in group.char_indices() {
            match c {
                '{' => depth += 1,
                '}' if depth == 0 => break,
                '}' => depth -= 1,
                ',' if depth == 0 => begins = true,
                _ if begins && !c.is_whitespace() => {
                    found.extend(group.get(at..).map(word));
                    begins = false;
                }
                _ => {}
            }
        }
    }
    found
}

/// What each module of a crate imports of its other modules. A module is a file or folder right under `src`.
fn imports(src: &Path) -> BTreeMap<String, BTreeSet<String>> {
    let mut of: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for file in crate::layers::sources(src) {
        let inside = file.strip_prefix(src).expect("a file below");
        let module = inside.iter().next().and_then(|part| Path::new(part).file_stem()).expect("a name");
        let module = module.to_string_lossy().into_owned();
        let text = std::fs::read_to_string(&file).expect("a source");
        let code = text.split("#[cfg(test)]").next().unwrap_or_default();
        let lines = code.lines().filter(|line| !line.trim_start().starts_with("//"));
        let code: String = lines.flat_map(|line| [line, "\n"]).collect();
        let needs = of.entry(module).or_default();
        needs.extend(named(&code, "crate::"));
        if inside.components().count() == 1 {
            needs.extend(named(&code, "super::"));
        }
    }
    of.remove("lib");
    of.remove("main");
    let all: BTreeSet<String> = of.keys().cloned().collect();
    for (module, needs) in &mut of {
        needs.retain(|need| need != module && all.contains(need));
    }
    of
}

/// The modules that lead back to themselves.
fn in_loops(imports: &BTreeMap<String, BTreeSet<String>>) -> BTreeSet<String> {
    let reached = |from: &String| {
        let mut seen = BTreeSet::new();
        let mut next: Vec<&String> = imports.get(from).into_iter().flatten().collect();
        while let Some(module) = next.pop() {
            if seen.insert(module.clone()) {
                next.extend(imports.get(module).into_iter().flatten());
            }
        }
        seen
    };
    imports.keys().filter(|module| reached(module).contains(*module)).cloned().collect()
}

#[test]
fn no_modules_of_a_crate_import_each_other_in_a_loop() {
    let crates = causeway_adapter::contract::project_root().join("crates");
    let folders = |under: &Path| -> Vec<_> {
        let entries = std::fs::read_dir(under).expect("crates").flatten().map(|entry| entry.path());
        entries.filter(|path| path.join("src").is_dir()).collect()
    };
    let mut all = folders(&crates);
    all.extend(folders(&crates.join("adapters")));
    assert!(all.len() > 30, "the crates were not found");
    let (mut modules, mut new) = (0, Vec::new());
    for folder in all {
        let name = folder.strip_prefix(&crates).expect("below").to_string_lossy().into_owned();
        if name == "causeway" {
            continue;
        }
        let imports = imports(&folder.join("src"));
        modules += imports.len();
        for module in &in_loops(&imports) {
            new.push(format!("{name}: {module} imports {:?} and is led back to", imports[module]));
        }
    }
    assert!(modules > 200, "{modules} modules: the sources were not read");
    assert!(new.is_empty(), "{new:#?}");
}

#[test]
fn a_loop_is_found() {
    let texts =
        [("a", "use crate::{b::{x, y}, d};"), ("b", "use crate::c;"), ("c", "crate::a::z()"), ("d", "")];
    let imports = texts.map(|(name, text)| (name.to_owned(), named(text, "crate::")));
    assert_eq!(in_loops(&imports.into()), ["a", "b", "c"].map(str::to_owned).into());
}
