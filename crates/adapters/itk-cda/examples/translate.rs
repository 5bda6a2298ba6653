//! Translates files into a folder: `NAME.r4.json` (or `NAME.1.r4.json` and so on), `NAME.ledger.json` and
//! `NAME.issues.json`. Files below a folder keep their path.
//!
//! `cargo run -p causeway-adapter-itk-cda --example itk-cda-translate -- OUT FOLDER`
#![allow(clippy::print_stderr, clippy::print_stdout)]

use std::path::{Path, PathBuf};

use causeway_adapter::{Context, Sender, render};
use causeway_adapter_itk_cda::ItkCda;

fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    let mut entries: Vec<_> =
        std::fs::read_dir(folder).into_iter().flatten().flatten().map(|e| e.path()).collect();
    entries.sort();
    for path in entries {
        match path.is_dir() {
            true => files(&path, found),
            false => found.push(path),
        }
    }
}

fn main() -> std::io::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let (Some(out), Some(folder)) = (arguments.next(), arguments.next()) else {
        eprintln!("usage: translate OUT FOLDER");
        return Ok(());
    };
    let folder = PathBuf::from(folder);
    let mut inputs = Vec::new();
    files(&folder, &mut inputs);
    for file in inputs {
        let input = std::fs::read(&file)?;
        let name = file.strip_prefix(&folder).unwrap_or(&file).with_extension("");
        let target = Path::new(&out).join(&name);
        std::fs::create_dir_all(target.parent().unwrap_or(Path::new(".")))?;
        let sender = Sender {
            system: causeway_fhir::systems::ODS_ORGANISATION.to_owned(),
            code: "ZP401".to_owned(),
            name: "Millpond Surgery".to_owned(),
        };
        let received = "2026-11-02T09:30:00Z".parse().unwrap_or_default();
        let context = Context::new(sender, received, "urn:uuid:00000000-0000-5000-8000-000000000000");
        let translation = causeway_adapter::translate(&ItkCda, &input, &context);
        let many = translation.outputs.len() > 1;
        let write =
            |ending: String, bytes: &[u8]| std::fs::write(format!("{}.{ending}", target.display()), bytes);
        for (number, output) in translation.outputs.iter().enumerate() {
            let suffix = if many { format!("{}.r4.json", number + 1) } else { "r4.json".to_owned() };
            write(suffix, &output.json)?;
        }
        let ledger = render::ledger_json(&translation.ledger);
        write("ledger.json".to_owned(), format!("{ledger:#}").as_bytes())?;
        let issues = render::operation_outcome(&translation.issues, translation.issues_dropped);
        write("issues.json".to_owned(), format!("{issues:#}").as_bytes())?;
        println!(
            "{}: {} bundles, {} items, {} issues, totals {}",
            name.display(),
            translation.outputs.len(),
            translation.ledger.len(),
            translation.issues.len(),
            render::totals_json(&translation.ledger.totals())
        );
        for issue in &translation.issues {
            let at = issue.position.as_ref().map_or_else(String::new, ToString::to_string);
            println!("    {} {} {}: {}", issue.severity.code(), issue.rule, at, issue.text);
        }
    }
    Ok(())
}
