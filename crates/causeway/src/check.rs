//! `causeway check`: holds FHIR documents to R4, UK Core and the packages given.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufWriter, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use causeway_conformance::package::Package;
use causeway_conformance::report::Totals;
use causeway_conformance::stream::Checker;
use causeway_conformance::{Checked, Format, Renderer};
use causeway_profile::{Definitions, Loaded, Options, Report, Severity, UnknownExtensions, is_xml, limits};
use clap::Args;
use clap::builder::PossibleValuesParser;
use serde_json::Value;

use crate::process;
use crate::process::{EXIT_REFUSED, EXIT_UNREADABLE};

const LEVELS: [&str; 3] = ["error", "warning", "information"];
/// Endings of the files that are taken from a folder.
const ENDINGS: [&str; 4] = ["json", "xml", "ndjson", "jsonl"];
/// Folders deeper than this are not looked into.
const FOLDER_DEPTH_MAX: usize = 16;

/// Arguments of `check`.
#[derive(Args, Debug)]
#[command(
    after_help = "Reads FHIR R4 as JSON, XML or NDJSON (each line a document). A resource is held to the profiles that it \
claims, else to UK Core's default profile of its type. No text of a finding quotes the document. A local map (NAME.toml) is judged with its \
tables, row by row.\n\n\
Exit: 0 nothing found that --fail-on names, 1 something was, 2 wrong call, 3 nothing could be read."
)]
pub struct CheckArgs {
    /// Files, folders, patterns such as 'out/**/*.json', http(s) URLs, or - for standard input.
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<String>,
    /// Hold every document to this profile too (canonical URL), as often as needed.
    #[arg(long, value_name = "URL")]
    profile: Vec<String>,
    /// Definitions of an implementation guide: a FHIR package (.tgz), or a folder of JSON or XML; as often as needed.
    #[arg(long, alias = "definitions", value_name = "FILE-OR-FOLDER")]
    package: Vec<PathBuf>,
    /// Base R4 alone, without UK Core.
    #[arg(long)]
    r4: bool,
    /// What makes the exit code 1.
    #[arg(long, value_name = "LEVEL", default_value = "error", value_parser = ["error", "warning", "information", "never"])]
    fail_on: String,
    /// Show findings from this level on.
    #[arg(long, value_name = "LEVEL", default_value = "information", value_parser = LEVELS)]
    show: String,
    /// Tell each must-support element of the profile that is absent.
    #[arg(long)]
    must_support: bool,
    /// Hold to best-practice rules too (a narrative in each resource).
    #[arg(long)]
    best_practice: bool,
    /// What a claimed profile that is not known is.
    #[arg(long, value_name = "LEVEL", default_value = "error", value_parser = ["error", "warning"])]
    unknown_profile: String,
    /// What an extension is whose definition is not known.
    #[arg(long, value_name = "HOW", default_value = "information", value_parser = ["allow", "information", "error"])]
    unknown_extension: String,
    /// Form of the report.
    #[arg(long, value_name = "FORM", default_value = "text", value_parser = PossibleValuesParser::new(Format::NAMES))]
    format: String,
    /// Write the report here instead of to standard output.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

/// Runs the command.
///
/// # Errors
/// Where a package can't be read or the report can't be written.
pub fn run(args: &CheckArgs) -> Result<u8, String> {
    let (maps, paths): (Vec<&String>, Vec<&String>) =
        args.paths.iter().partition(|path| path.ends_with(".toml"));
    let mut of_maps = 0;
    for map in maps {
        of_maps = of_maps.max(local_map(Path::new(map)));
    }
    if paths.is_empty() {
        return Ok(of_maps);
    }
    let definitions = definitions(args)?;
    let options = Options {
        profiles: args.profile.clone(),
        must_support: args.must_support,
        best_practice: args.best_practice,
        refuse_unknown_profiles: args.unknown_profile == "error",
        unknown_extensions: match args.unknown_extension.as_str() {
            "allow" => UnknownExtensions::Allow,
            "error" => UnknownExtensions::Refuse,
            _ => UnknownExtensions::Note,
        },
        room: None,
    };
    let checker = Checker { definitions: &definitions, options: &options };
    let written = |e: io::Error| format!("the report can't be written: {e}");
    let out: Box<dyn Write> = match &args.out {
        Some(path) => Box::new(File::create(path).map_err(|e| format!("{}: {e}", path.display()))?),
        None => Box::new(io::stdout().lock()),
    };
    let format = Format::of(&args.format).unwrap_or_default();
    let least = Severity::of(&args.show).unwrap_or(Severity::Information);
    let mut renderer = Renderer::new(&definitions, format, least, BufWriter::with_capacity(1 << 16, out))
        .map_err(written)?;
    let mut unread = 0;
    let mut inputs = Vec::new();
    for path in paths {
        match find(path) {
            Ok(found) => inputs.extend(found),
            Err(e) => inputs.push(Input::Failed(path.clone(), e)),
        }
    }
    for input in inputs {
        let name = input.name();
        let result = input.open().and_then(|mut file| {
            checker
                .file(&name, &mut file, &mut |checked| renderer.document(&checked))
                .map_err(|e| e.to_string())
        });
        match result {
            Err(e) if e.contains("Broken pipe") => return Ok(0),
            Err(e) => {
                unread += 1;
                let report = Report::refusal("r4/unreadable", format!("the file can't be read: {e}"));
                renderer.document(&Checked { name, report }).map_err(written)?;
            }
            Ok(()) => {}
        }
    }
    let totals = match renderer.end() {
        Err(e) if e.kind() == io::ErrorKind::BrokenPipe => return Ok(0),
        other => other.map_err(written)?,
    };
    Ok(code(&totals, unread, &args.fail_on).max(of_maps))
}

/// Judges a local map and prints what is wrong with it, a line each, or what it holds. The exit code.
fn local_map(path: &Path) -> u8 {
    match causeway_service::local::read(&[path.to_owned()]) {
        Ok(maps) => {
            let mut code = 0;
            for map in maps.maps() {
                let (codes, places) = map.rows();
                let senders = map.senders().join(", ");
                process::print(&format!("{}: {codes} codes, {places} places, for {senders}\n", map.label()));
                for format in causeway_service::local::unknown_formats(map, crate::ADAPTERS) {
                    process::print(&format!("{}: there is no format {format}\n", path.display()));
                    code = EXIT_REFUSED;
                }
            }
            code
        }
        Err(faults) => {
            for (_, fault) in faults {
                process::print(&format!("{fault}\n"));
            }
            EXIT_REFUSED
        }
    }
}

fn code(totals: &Totals, unread: usize, fail_on: &str) -> u8 {
    if totals.documents == unread {
        return EXIT_UNREADABLE;
    }
    let failed = Severity::of(fail_on).is_some_and(|level| totals.reaches(level));
    if failed || (unread > 0 && fail_on != "never") { EXIT_REFUSED } else { 0 }
}

/// Something to check.
enum Input {
    File(PathBuf),
    Standard,
    Url(String),
    /// A path that leads nowhere, and why.
    Failed(String, String),
}

impl Input {
    fn name(&self) -> String {
        match self {
            Self::File(path) => path.display().to_string(),
            Self::Standard => "-".to_owned(),
            Self::Url(url) | Self::Failed(url, _) => url.clone(),
        }
    }

    fn open(&self) -> Result<File, String> {
        match self {
            Self::File(path) => File::open(path).map_err(|e| e.to_string()),
            Self::Standard => spool(io::stdin().lock()),
            Self::Url(url) => spool(fetch(url)?.as_slice()),
            Self::Failed(_, why) => Err(why.clone()),
        }
    }
}

/// Puts what can be read once only into a file that vanishes.
fn spool(mut from: impl Read) -> Result<File, String> {
    let mut file = tempfile::tempfile().map_err(|e| e.to_string())?;
    io::copy(&mut from, &mut file).and_then(|_| file.seek(SeekFrom::Start(0))).map_err(|e| e.to_string())?;
    Ok(file)
}

fn fetch(url: &str) -> Result<Vec<u8>, String> {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(|e| e.to_string())?;
    runtime.block_on(async {
        let accept = "application/fhir+json, application/fhir+xml;q=0.8, */*;q=0.1";
        let request = process::client()?.get(url).header("Accept", accept);
        let mut answer = request.send().await.map_err(|e| e.without_url().to_string())?;
        if !answer.status().is_success() {
            return Err(format!("the server answered {}", answer.status()));
        }
        let mut body = Vec::new();
        while let Some(part) = answer.chunk().await.map_err(|e| e.without_url().to_string())? {
            if body.len() + part.len() > limits::MAX_BYTES {
                return Err(format!("the answer is larger than {} bytes", limits::MAX_BYTES));
            }
            body.extend_from_slice(&part);
        }
        Ok(body)
    })
}

/// What a path on the command line stands for.
fn find(path: &str) -> Result<Vec<Input>, String> {
    if path == "-" {
        return Ok(vec![Input::Standard]);
    }
    if path.starts_with("http://") || path.starts_with("https://") {
        return Ok(vec![Input::Url(path.to_owned())]);
    }
    let plain = Path::new(path);
    if plain.is_dir() {
        let mut files = Vec::new();
        walk(plain, 0, &mut files)?;
        if files.is_empty() {
            return Err(format!("no file that ends in .{} is in the folder", ENDINGS.join(", .")));
        }
        return Ok(files.into_iter().map(Input::File).collect());
    }
    if plain.exists() || !path.contains(['*', '?', '[']) {
        return Ok(vec![Input::File(plain.to_owned())]);
    }
    let visible = glob::MatchOptions { require_literal_leading_dot: true, ..glob::MatchOptions::new() };
    let matches = glob::glob_with(path, visible).map_err(|e| e.to_string())?;
    let files: Vec<Input> = matches.flatten().filter(|p| p.is_file()).map(Input::File).collect();
    if files.is_empty() { Err("no file has a name of this pattern".to_owned()) } else { Ok(files) }
}

/// The FHIR files of a folder and those in it, by name.
fn walk(folder: &Path, depth: usize, files: &mut Vec<PathBuf>) -> Result<(), String> {
    if depth > FOLDER_DEPTH_MAX {
        return Err(format!("{}: more than {FOLDER_DEPTH_MAX} folders deep", folder.display()));
    }
    let entries = std::fs::read_dir(folder).map_err(|e| format!("{}: {e}", folder.display()))?;
    let mut paths: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    paths.sort();
    for path in paths {
        let hidden = path.file_name().is_none_or(|n| n.to_string_lossy().starts_with('.'));
        let ending = path.extension().and_then(|e| e.to_str()).unwrap_or_default();
        if path.is_dir() && !hidden {
            walk(&path, depth + 1, files)?;
        } else if !hidden && ENDINGS.contains(&ending) {
            files.push(path);
        }
    }
    Ok(())
}

/// The definitions that the documents are held to; what was not taken of the packages is said on standard error.
fn definitions(args: &CheckArgs) -> Result<Definitions, String> {
    let built_in = if args.r4 { Definitions::r4() } else { Definitions::uk_core() };
    let mut held = built_in.clone();
    let mut packages = Vec::new();
    for path in &args.package {
        let name = path.display().to_string();
        if path.is_dir() {
            let package = Package { name, resources: resources(path, &held)?, ..Package::default() };
            packages.push(package);
        } else {
            let bytes = std::fs::read(path).map_err(|e| format!("{name}: {e}"))?;
            let package = match Package::read(&bytes) {
                Ok(package) => package,
                Err(_) if path.extension().is_some_and(|e| e == "json" || e == "xml") => Package {
                    resources: resource(&bytes, &held).into_iter().collect(),
                    name,
                    ..Package::default()
                },
                Err(e) => return Err(format!("{}: {e}", path.display())),
            };
            packages.push(package);
        }
    }
    let given: Vec<&str> = packages.iter().map(|p| p.name.as_str()).collect();
    // What others are built on comes first; with all in one call their order doesn't matter.
    let loaded = held.load_all(packages.iter().flat_map(|p| &p.resources));
    for package in &packages {
        for (name, version) in package.missing(&given) {
            tell(&format!("{} needs the package {name} {version}, which was not given", package.name));
        }
        for (file, why) in &package.unread {
            tell(&format!("{}: {file} was left out: {why}", package.name));
        }
    }
    if !packages.is_empty() {
        say_loaded(&loaded);
    }
    Ok(held)
}

fn say_loaded(loaded: &Loaded) {
    let taken: Vec<String> = loaded.taken.iter().map(|(kind, count)| format!("{count} {kind}")).collect();
    tell(&format!(
        "definitions taken: {}",
        if taken.is_empty() { "none".to_owned() } else { taken.join(", ") }
    ));
    let mut skipped: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (what, _) in &loaded.skipped {
        let (kind, name) = what.split_once(' ').unwrap_or((what, ""));
        skipped.entry(kind).or_default().push(name);
    }
    for (kind, names) in skipped {
        tell(&format!("left out, no definition that a check goes by: {kind} {}", names.join(", ")));
    }
    if !loaded.open_value_sets.is_empty() {
        tell(&format!("value sets whose codes are not all known: {}", loaded.open_value_sets.join(", ")));
    }
}

fn tell(text: &str) {
    let _ = writeln!(io::stderr(), "causeway: {text}");
}

fn resource(text: &[u8], definitions: &Definitions) -> Option<Value> {
    if is_xml(text) {
        return definitions.from_xml(text).ok();
    }
    serde_json::from_slice(text.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(text)).ok()
}

fn resources(folder: &Path, definitions: &Definitions) -> Result<Vec<Value>, String> {
    let mut files = Vec::new();
    walk(folder, 0, &mut files)?;
    let mut found = Vec::new();
    for file in files {
        let text = std::fs::read(&file).map_err(|e| format!("{}: {e}", file.display()))?;
        match resource(&text, definitions) {
            Some(value) if value.get("resourceType").is_some() => found.push(value),
            _ => tell(&format!("{} was left out: no FHIR resource", file.display())),
        }
    }
    Ok(found)
}
