//! `causeway extract`: data for research and planning, by an approved project and under everybody's choices.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use causeway_record::Record;
use causeway_research::office::{Office, Order, key_file};
use causeway_research::omop::Vocabulary;
use causeway_research::{EXAMPLE, Error, Format, Project};
use causeway_store::{Options, Store};
use clap::{Args, ValueEnum};
use jiff::Timestamp;
use serde_json::Value;

use crate::process::{EXIT_REFUSED, print};

/// A format of tables.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum TableFormat {
    Csv,
    Ndjson,
    Parquet,
}

/// Arguments of `extract`.
#[derive(Args, Debug)]
#[command(
    after_help = "The exchange that keeps the data must not be running. A run that was killed goes on where it was when it is \
started again with the same arguments on the same day, and ends with the same bytes.\n\n\
Exit: 0 made, 1 refused (the project may not run, or choices changed meanwhile), 2 wrong call, 3 not read or written."
)]
pub struct ExtractArgs {
    /// The project, TOML or JSON; `--print-example` shows one.
    #[arg(value_name = "FILE", required_unless_present = "print_example")]
    project: Option<PathBuf>,
    /// Folder that the exchange keeps its data in.
    #[arg(long, value_name = "DIR", env = "CAUSEWAY_DATA", required_unless_present = "print_example")]
    data: Option<PathBuf>,
    /// Key of the project's pseudonyms; made where there is none. Keep it apart from the data: another key makes other
    /// pseudonyms.
    #[arg(long, value_name = "FILE", required_unless_present = "print_example")]
    key: Option<PathBuf>,
    /// Folder that takes the files and the report.
    #[arg(long, value_name = "DIR", required_unless_present = "print_example")]
    out: Option<PathBuf>,
    /// Format of tables. Resources are NDJSON; counts are CSV.
    #[arg(long = "format", value_enum, value_delimiter = ',', default_values_t = [TableFormat::Parquet, TableFormat::Csv])]
    formats: Vec<TableFormat>,
    /// Consents to this project: CSV with the columns nhs_number and covers_gp (yes or no).
    #[arg(long, value_name = "FILE")]
    consents: Option<PathBuf>,
    /// Folder of vocabularies for OMOP tables: CONCEPT.csv, CONCEPT_RELATIONSHIP.csv and VOCABULARY.csv as Athena hands
    /// them out.
    #[arg(long, value_name = "DIR")]
    vocabulary: Option<PathBuf>,
    /// People of one file: as much as a killed extract has to do again.
    #[arg(long, value_name = "NUMBER", default_value_t = causeway_research::limits::BLOCK_PEOPLE)]
    people_per_file: usize,
    /// Folder of a policy set; the built-in one where not given.
    #[arg(long, value_name = "DIR")]
    policy: Option<PathBuf>,
    /// Print a project with comments, and end.
    #[arg(long)]
    print_example: bool,
}

fn read(path: &Path) -> Result<String, String> {
    std::fs::read_to_string(path).map_err(|e| format!("{}: {e}", path.display()))
}

/// The project of a file, with the views that it names as files beside it.
fn project_of(path: &Path) -> Result<Project, String> {
    let mut project = Project::read(&read(path)?).map_err(|e| format!("{}: {e}", path.display()))?;
    for view in &mut project.views {
        if let Value::String(name) = view {
            let path = path.parent().unwrap_or(Path::new("")).join(name);
            *view = serde_json::from_str(&read(&path)?).map_err(|e| format!("{}: {e}", path.display()))?;
        }
    }
    Ok(project)
}

/// Makes an extract. The exit code.
///
/// # Errors
/// A sentence that says what could not be read or written.
pub fn run(args: &ExtractArgs) -> Result<u8, String> {
    if args.print_example {
        print(EXAMPLE);
        return Ok(0);
    }
    let (Some(project), Some(data), Some(key), Some(out)) = (&args.project, &args.data, &args.key, &args.out)
    else {
        return Err("a project, --data, --key and --out are needed".to_owned());
    };
    let said = |e: &dyn std::fmt::Display| e.to_string();
    let project = project_of(project)?;
    let policies = crate::policy::load(args.policy.as_deref())?;
    // Opening would make one that is not there.
    if !data.join("record.sqlite").exists() {
        return Err(format!("{}: no exchange keeps its data here", data.display()));
    }
    let store = Store::open(Options::new(data.join("exchange"))).map_err(|e| said(&e))?;
    let record = Record::open(data.join("record.sqlite")).map_err(|e| said(&e))?;
    let office = Office { engine: Arc::new(store), record: &record, policies: &policies };
    let consents = match &args.consents {
        Some(path) => office.consents(&read(path)?).map_err(|e| said(&e))?,
        None => HashMap::new(),
    };
    let formats: Vec<Format> = args
        .formats
        .iter()
        .map(|format| match format {
            TableFormat::Csv => Format::Csv,
            TableFormat::Ndjson => Format::Ndjson,
            TableFormat::Parquet => Format::Parquet,
        })
        .collect();
    let key = key_file(key).map_err(|e| format!("{}: {e}", key.display()))?;
    let vocabulary = args.vocabulary.as_deref().map(Vocabulary::read).transpose().map_err(|e| said(&e))?;
    let state = data.join(crate::demo_research::STATE_FOLDER);
    let order = Order {
        vocabulary: vocabulary.as_ref(),
        selection: None,
        block_people: args.people_per_file.max(1),
        state: Some(&state),
        project: &project,
        key: &key,
        consents: &consents,
        formats: &formats,
        folder: out,
        actor: "operator",
        now: Timestamp::now(),
    };
    match office.extract(&order) {
        Ok(report) => {
            let text = serde_json::to_string_pretty(&report).map_err(|e| said(&e))?;
            print(&format!("{text}\n"));
            Ok(0)
        }
        Err(error @ (Error::NotApproved(_) | Error::Changed)) => {
            print(&format!("Nothing left: {error}.\n"));
            Ok(EXIT_REFUSED)
        }
        Err(error) => Err(error.to_string()),
    }
}
