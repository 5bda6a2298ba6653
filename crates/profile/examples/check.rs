//! Checks files or folders of FHIR JSON against UK Core: `check [--r4] [--strict-profiles] [--profile URL] [--definitions DIR] [--bench N] PATH…`.
//!
//! Prints one line of JSON a file: `{"file", "errors", "warnings", "issues": [{"severity", "location", "id", "text"}]}`.
#![allow(clippy::print_stdout, clippy::print_stderr, clippy::disallowed_methods)]

use causeway_profile::{Definitions, Options, Report};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::time::Instant;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut base = Definitions::uk_core();
    let mut options = Options::default();
    let mut folders: Vec<PathBuf> = Vec::new();
    let mut files: Vec<PathBuf> = Vec::new();
    let mut rounds = 0;
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--strict-profiles" => options.refuse_unknown_profiles = true,
            "--r4" => base = Definitions::r4(),
            "--profile" => options.profiles.extend(arguments.next()),
            "--definitions" => folders.extend(arguments.next().map(PathBuf::from)),
            "--bench" => rounds = arguments.next().and_then(|n| n.parse().ok()).unwrap_or(4),
            path => collect(Path::new(path), &mut files)?,
        }
    }
    let mut definitions = base.clone();
    for folder in &folders {
        let mut found = Vec::new();
        collect(folder, &mut found)?;
        let values: Vec<Value> =
            found.iter().filter_map(|f| serde_json::from_slice(&std::fs::read(f).ok()?).ok()).collect();
        let usable = values.iter().filter(|v| v.get("url").is_some());
        definitions.load_all(usable);
    }
    let texts: Vec<Vec<u8>> = files.iter().map(std::fs::read).collect::<Result<_, _>>()?;
    if rounds > 0 {
        let bytes: usize = texts.iter().map(Vec::len).sum();
        let values: Vec<Value> = texts.iter().filter_map(|t| serde_json::from_slice(t).ok()).collect();
        for _ in 0..rounds {
            let start = Instant::now();
            let errors: usize = texts.iter().map(|t| definitions.check(t, &options).errors()).sum();
            let whole = start.elapsed();
            let start = Instant::now();
            let again: usize = values.iter().map(|v| definitions.check_value(v, &options).errors()).sum();
            let walk = start.elapsed();
            let per = |d: std::time::Duration| d.as_secs_f64() * 1e6 / texts.len().max(1) as f64;
            eprintln!(
                "{} files, {bytes} bytes, {errors} {again} errors: {:.1} us a file, {:.1} us without parsing",
                texts.len(),
                per(whole),
                per(walk)
            );
        }
        return Ok(());
    }
    for (file, text) in files.iter().zip(&texts) {
        println!("{}", line(file, &definitions.check_located(text, &options)));
    }
    Ok(())
}

fn line(file: &Path, report: &Report) -> Value {
    let issues: Vec<Value> = report
        .findings
        .iter()
        .map(|f| json!({"severity": f.severity.code(), "location": f.path, "id": f.rule, "text": f.text}))
        .collect();
    json!({"file": file.display().to_string(), "errors": report.errors(), "warnings": report.warnings(), "issues": issues})
}

fn collect(path: &Path, into: &mut Vec<PathBuf>) -> std::io::Result<()> {
    if path.is_dir() {
        let mut inside: Vec<PathBuf> =
            std::fs::read_dir(path)?.filter_map(|e| e.ok().map(|e| e.path())).collect();
        inside.sort();
        for entry in inside {
            collect(&entry, into)?;
        }
    } else if path.extension().is_some_and(|e| e == "json" || e == "xml") {
        into.push(path.to_owned());
    }
    Ok(())
}
