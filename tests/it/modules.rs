//! Loops of imports between the modules of one crate, and between those of one folder in it: there are none.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

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

/// What each module right under a folder of a crate's sources imports of its neighbours. `path` is the folder's own module
/// (`crate::`, `crate::pages::`).
fn imports(folder: &Path, path: &str) -> BTreeMap<String, BTreeSet<String>> {
    let mut of: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for file in crate::layers::sources(folder) {
        let inside = file.strip_prefix(folder).expect("a file below");
        let module = inside.iter().next().and_then(|part| Path::new(part).file_stem()).expect("a name");
        let module = module.to_string_lossy().into_owned();
        let text = std::fs::read_to_string(&file).expect("a source");
        let code = text.split("#[cfg(test)]").next().unwrap_or_default();
        let lines = code.lines().filter(|line| !line.trim_start().starts_with("//"));
        let code: String = lines.flat_map(|line| [line, "\n"]).collect();
        let needs = of.entry(module).or_default();
        needs.extend(named(&code, path));
        // As many `super::` as lead to the folder, and no more.
        let up = inside.components().count() - usize::from(inside.ends_with("mod.rs"));
        let (exactly, more) = ("super::".repeat(up), "super::".repeat(up + 1));
        needs.extend(named(&code.replace(&more, ""), &exactly));
    }
    for own in ["lib", "main", "mod", "tests"] {
        of.remove(own);
    }
    let all: BTreeSet<String> = of.keys().cloned().collect();
    for (module, needs) in &mut of {
        needs.retain(|need| need != module && all.contains(need));
    }
    of
}

/// A crate's sources and the folders in them, each with its module's path.
fn folders_of(src: &Path) -> Vec<(PathBuf, String)> {
    let mut all = vec![(src.to_owned(), "crate::".to_owned())];
    let mut at = 0;
    while let Some((folder, path)) = all.get(at).cloned() {
        at += 1;
        for entry in std::fs::read_dir(folder).expect("sources").flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            if entry.path().is_dir() && name != "tests" && name != "bin" {
                all.push((entry.path(), format!("{path}{name}::")));
            }
        }
    }
    all
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
        for (folder, path) in folders_of(&folder.join("src")) {
            let imports = imports(&folder, &path);
            modules += imports.len();
            for module in &in_loops(&imports) {
                new.push(format!("{name}: {path}{module} imports {:?} and is led back to", imports[module]));
            }
        }
    }
    assert!(modules > 600, "{modules} modules: the sources were not read");
    assert!(new.is_empty(), "{new:#?}");
}

#[test]
fn a_loop_is_found() {
    let texts =
        [("a", "use crate::{b::{x, y}, d};"), ("b", "use crate::c;"), ("c", "crate::a::z()"), ("d", "")];
    let imports = texts.map(|(name, text)| (name.to_owned(), named(text, "crate::")));
    assert_eq!(in_loops(&imports.into()), ["a", "b", "c"].map(str::to_owned).into());
}
