//! Files and folders given on the command line, and the context that a file is translated in.

use std::collections::{HashMap, HashSet};
use std::path::{Component, Path, PathBuf};

use base64::Engine as _;
use causeway_adapter::{Context, Sender};
use causeway_fhir::systems;
use sha2::{Digest, Sha256};

/// One file to translate, and where its outputs go relative to the output folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Input {
    /// The file.
    pub path: PathBuf,
    /// Its path below the folder that was named, without the last ending.
    pub stem: PathBuf,
    /// Whether that is another name than the file's own, to keep it apart from other inputs.
    pub apart: bool,
}

/// Files deeper than this below a folder that was named are not looked for.
const FOLDER_DEPTH_MAX: usize = 16;

/// Finds the files: a file as it is, a folder with all that is in it, in the order of their names. Hidden files
/// are left out.
///
/// # Errors
/// Where a path does not exist or a folder can't be read; the text names the path.
pub fn find(paths: &[PathBuf]) -> Result<Vec<Input>, String> {
    let mut inputs = Vec::new();
    for path in paths {
        if path.is_dir() {
            walk(path, Path::new(""), 0, &mut inputs)?;
        } else if path.is_file() {
            inputs.push(Input {
                path: path.clone(),
                stem: path.file_stem().map(PathBuf::from).unwrap_or_default(),
                apart: false,
            });
        } else {
            return Err(format!("{}: no such file or folder", path.display()));
        }
    }
    name_apart(&mut inputs);
    Ok(inputs)
}

/// Sees to it that no two inputs have one stem, for the outputs of the second would replace those of the first: such
/// inputs keep their ending (`letter.xml`), and where that is not enough the folders that they lie in, from the
/// innermost (`north/letter`). An input named twice is read once.
fn name_apart(inputs: &mut Vec<Input>) {
    let mut seen = HashSet::new();
    inputs.retain(|one| seen.insert(one.path.clone()));
    let named_after = |with: &dyn Fn(&Input) -> PathBuf, inputs: &mut [Input]| {
        let mut users: HashMap<PathBuf, usize> = HashMap::new();
        for one in inputs.iter() {
            *users.entry(one.stem.clone()).or_default() += 1;
        }
        // `letter.1` is also what the first of several bundles of `letter` is called.
        let numbered = |stem: &Path| {
            let number = stem.extension().is_some_and(|e| e.to_string_lossy().parse::<u32>().is_ok());
            number && users.contains_key(&stem.with_extension(""))
        };
        let clash = |one: &Input| users.get(&one.stem).is_some_and(|n| *n > 1) || numbered(&one.stem);
        let clashing: Vec<bool> = inputs.iter().map(clash).collect();
        for (one, _) in inputs.iter_mut().zip(&clashing).filter(|(_, clash)| **clash) {
            one.stem = with(one);
            one.apart = true;
        }
        clashing.contains(&true)
    };
    let whole = |one: &Input| match one.path.file_name() {
        Some(name) => one.stem.with_file_name(name),
        None => one.stem.clone(),
    };
    if !named_after(&whole, inputs) {
        return;
    }
    for folders in 1..=FOLDER_DEPTH_MAX {
        let below = |one: &Input| {
            let names: Vec<_> = one.path.components().filter(|c| matches!(c, Component::Normal(_))).collect();
            let from = names.len().saturating_sub(folders + 1);
            names.get(from..).into_iter().flatten().collect::<PathBuf>()
        };
        if !named_after(&below, inputs) {
            return;
        }
    }
}

fn walk(folder: &Path, below: &Path, depth: usize, inputs: &mut Vec<Input>) -> Result<(), String> {
    if depth > FOLDER_DEPTH_MAX {
        return Err(format!("{}: more than {FOLDER_DEPTH_MAX} folders deep", folder.display()));
    }
    let entries = std::fs::read_dir(folder).map_err(|e| format!("{}: {e}", folder.display()))?;
    let mut paths: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    paths.sort();
    for path in paths {
        let Some(name) = path.file_name().filter(|n| !n.to_string_lossy().starts_with('.')) else { continue };
        if path.is_dir() {
            walk(&path, &below.join(name), depth + 1, inputs)?;
        } else if let Some(stem) = path.file_stem() {
            inputs.push(Input { stem: below.join(stem), path, apart: false });
        }
    }
    Ok(())
}

/// The name of an original by its content: RFC 6920, `ni:///sha-256;…`.
pub fn original_name(bytes: &[u8]) -> String {
    let digest = Sha256::digest(bytes);
    format!("ni:///sha-256;{}", base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(digest))
}

/// The sender named on the command line: `CODE`, or `SYSTEM|CODE`; unspecified where none is.
pub fn sender(text: Option<&str>) -> Sender {
    let (system, code) = match text {
        None => (format!("{}/Id/sender", systems::CAUSEWAY), "unspecified".to_owned()),
        Some(text) => match text.rsplit_once('|') {
            Some((system, code)) => (system.to_owned(), code.to_owned()),
            None if causeway_core::CqcLocationId::parse(text).is_some() => {
                (systems::CQC_LOCATION.to_owned(), text.to_owned())
            }
            None if causeway_core::CassrCode::parse(text).is_some() => {
                (systems::CASSR.to_owned(), text.to_owned())
            }
            None => (systems::ODS_ORGANISATION.to_owned(), text.to_owned()),
        },
    };
    Sender { system, code, name: String::new() }
}

/// The context of a file: it was received when it was last written, so that two runs give the same bytes.
pub fn context(path: &Path, bytes: &[u8], sender: Sender) -> Context {
    let modified = std::fs::metadata(path).and_then(|m| m.modified()).ok();
    let seconds = modified
        .and_then(|t| t.duration_since(std::time::UNIX_EPOCH).ok())
        .map_or(0, |d| i64::try_from(d.as_secs()).unwrap_or(0));
    let received = jiff::Timestamp::from_second(seconds).unwrap_or_default();
    Context::new(sender, received, original_name(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stems(paths: &[&str]) -> Vec<String> {
        let input = |path: &&str| {
            let path = PathBuf::from(path);
            Input { stem: path.file_stem().map(PathBuf::from).unwrap_or_default(), path, apart: false }
        };
        let mut inputs: Vec<Input> = paths.iter().map(input).collect();
        name_apart(&mut inputs);
        inputs.iter().map(|one| one.stem.to_string_lossy().into_owned()).collect()
    }

    #[test]
    fn no_two_inputs_have_one_name() {
        for (paths, expected) in [
            (&["a.csv", "b.csv"][..], &["a", "b"][..]),
            (&["a.csv", "a.json", "b.csv"], &["a.csv", "a.json", "b"]),
            (&["north/a.csv", "south/a.csv"], &["north/a.csv", "south/a.csv"]),
            (&["x/n/a.csv", "y/n/a.csv", "z/a.csv"], &["x/n/a.csv", "y/n/a.csv", "z/a.csv"]),
            (&["../n/a.csv", "n/a.csv", "n/a.csv"], &["n/a.csv", "n/a.csv"]),
            (&["a.edi", "a.1.edi"], &["a", "a.1.edi"]),
        ] {
            assert_eq!(stems(paths), expected, "{paths:?}");
        }
    }
}
