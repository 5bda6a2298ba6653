//! `causeway send care-note` and `causeway send care-notes`: the notes of the form and the table, from a terminal.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use causeway_service::onramp::note::{self, CareNote, Fault, Raw};
use causeway_service::onramp::{limits, table};
use clap::Args;
use jiff::civil::DateTime;

use crate::client::{Exchange, message_text};

/// One note. What a flag leaves out is told by the exchange's own rules, as in the form.
#[derive(Args, Debug)]
pub struct NoteArgs {
    /// The person's NHS number.
    #[arg(long, value_name = "NUMBER")]
    nhs_number: Option<String>,
    /// The person's first name; needed without NHS number.
    #[arg(long, value_name = "NAME")]
    first_name: Option<String>,
    /// The person's family name; needed without NHS number.
    #[arg(long, value_name = "NAME")]
    family_name: Option<String>,
    /// The person's date of birth, like 9/3/1942; needed without NHS number.
    #[arg(long, value_name = "DATE")]
    date_of_birth: Option<String>,
    /// First line of the person's address.
    #[arg(long, value_name = "TEXT")]
    address: Option<String>,
    /// Postcode of that address.
    #[arg(long, value_name = "POSTCODE")]
    postcode: Option<String>,
    /// CQC location id of the home or service.
    #[arg(long, value_name = "CODE")]
    home: Option<String>,
    /// Its name.
    #[arg(long, value_name = "NAME")]
    home_name: Option<String>,
    /// When it was so, like 24/11/2026.
    #[arg(long, value_name = "DATE")]
    date: Option<String>,
    /// Time of day, like 14:30.
    #[arg(long, value_name = "TIME")]
    time: Option<String>,
    /// daily, mobility, fall, incident, weight, mood, food or other.
    #[arg(long, value_name = "KIND")]
    kind: Option<String>,
    /// The note.
    #[arg(long, value_name = "TEXT")]
    text: Option<String>,
    /// Weight in kilograms, with a note about weight.
    #[arg(long, value_name = "KILOGRAMS")]
    weight: Option<String>,
    /// Who wrote it.
    #[arg(long, value_name = "NAME")]
    by: Option<String>,
    /// What that person is.
    #[arg(long, value_name = "ROLE")]
    role: Option<String>,
    /// Print the record and send nothing.
    #[arg(long)]
    print: bool,
}

/// A table of notes.
#[derive(Args, Debug)]
pub struct NotesArgs {
    /// The CSV file.
    #[arg(value_name = "FILE.csv", required_unless_present = "template")]
    path: Option<PathBuf>,
    /// Print the template with its column help, and send nothing.
    #[arg(long)]
    template: bool,
}

impl NoteArgs {
    /// As the form would have it. A flag is named in faults by the field's name.
    fn raw(&self) -> Raw {
        let mut raw = Raw::default();
        for (name, value) in [
            ("nhs_number", &self.nhs_number),
            ("first_name", &self.first_name),
            ("family_name", &self.family_name),
            ("date_of_birth", &self.date_of_birth),
            ("address_line_1", &self.address),
            ("postcode", &self.postcode),
            ("home_cqc_id", &self.home),
            ("home_name", &self.home_name),
            ("date", &self.date),
            ("time", &self.time),
            ("kind", &self.kind),
            ("note", &self.text),
            ("weight_kg", &self.weight),
            ("written_by", &self.by),
            ("role", &self.role),
        ] {
            raw.set(name, value.as_deref().unwrap_or_default());
        }
        raw
    }
}

fn flag(field: &str) -> String {
    let name = match field {
        "address_line_1" => "address",
        "home_cqc_id" => "home",
        "note" => "text",
        "weight_kg" => "weight",
        "written_by" => "by",
        other => other,
    };
    format!("--{}", name.replace('_', "-"))
}

fn now() -> DateTime {
    jiff::Timestamp::now().to_zoned_datetime(causeway_core::london()).datetime()
}

fn of_home(exchange: &Exchange, note: &CareNote) -> Exchange {
    Exchange { sender: exchange.sender.clone().or_else(|| Some(note.home.clone())), ..exchange.clone() }
}

/// Sends one note. The text to print, and whether all of it was taken.
///
/// # Errors
/// What has to be put right, or what the exchange answers where it refuses.
pub async fn send_one(args: &NoteArgs, exchange: &Exchange) -> Result<(String, bool), String> {
    let note = note::check(&args.raw(), now()).map_err(|faults| {
        let lines: Vec<String> = faults.iter().map(|f| format!("{}: {}", flag(f.field), f.text)).collect();
        format!("the note was not sent\n  {}", lines.join("\n  "))
    })?;
    if args.print {
        return Ok((String::from_utf8_lossy(&note.json).into_owned(), true));
    }
    let exchange = of_home(exchange, &note);
    let (body, _) = exchange.post(note.json, note::MEDIA_TYPE, Some(&note.uid), true).await?;
    // A standard that asks for more than was known makes issues; refused is only what was not taken.
    let refused = body["translation"]["ledger"]["rejected"].as_u64().unwrap_or(0) > 0;
    Ok((message_text(&body), body["state"] != "error" && !refused))
}

/// Sends a table, row by row. The text to print, and whether every row was taken.
///
/// # Errors
/// Where the table can't be read at all, or the exchange does not answer.
pub async fn send_table(args: &NotesArgs, exchange: &Exchange) -> Result<(String, bool), String> {
    let Some(path) = args.path.as_deref().filter(|_| !args.template) else {
        return Ok((table::template(), true));
    };
    let rows = table::read(&content(path)?, now()).map_err(|e| format!("{}: {e}", path.display()))?;
    let mut out = String::new();
    let mut good = true;
    let (mut taken, all) = (0, rows.len());
    for row in rows {
        let line = match row.note {
            Ok(note) => {
                let exchange = of_home(exchange, &note);
                match exchange.post(note.json, note::MEDIA_TYPE, Some(&note.uid), false).await {
                    Ok((body, replayed)) => {
                        taken += 1;
                        let word = if replayed { "taken before" } else { "taken" };
                        format!(
                            "row {}: {word}, message {}\n",
                            row.number,
                            body["id"].as_str().unwrap_or_default()
                        )
                    }
                    Err(why) => {
                        good = false;
                        format!("row {}: not taken, {why}\n", row.number)
                    }
                }
            }
            Err(faults) => {
                good = false;
                faults.iter().map(|f| row_fault(row.number, f)).collect()
            }
        };
        out.push_str(&line);
    }
    // Writing to a String can't fail.
    let _ = writeln!(out, "{taken} of {all} notes taken");
    Ok((out, good))
}

fn row_fault(row: usize, fault: &Fault) -> String {
    format!("row {row}, {}: {}\n", fault.field, fault.text)
}

/// A file, no more of it than a table may have.
fn content(path: &Path) -> Result<Vec<u8>, String> {
    use std::io::Read as _;
    let said = |e: std::io::Error| format!("{}: {e}", path.display());
    let file = std::fs::File::open(path).map_err(said)?;
    let mut bytes = Vec::new();
    file.take(limits::FILE_BYTES_MAX as u64 + 1).read_to_end(&mut bytes).map_err(said)?;
    Ok(bytes)
}
