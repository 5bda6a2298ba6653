//! `causeway generate`: invented people, their journeys, and their messages in every format, with a manifest that
//! says what is expected of each file.

use std::io::{BufWriter, Write};
use std::path::Path;

use causeway_synth::plan::{Expected, write_plan};
use serde_json::json;

/// Writes the messages of a population and `manifest.ndjson`; returns the number of messages.
///
/// # Errors
/// A sentence that names the file that could not be written.
pub fn run(people: usize, seed: u64, out: &Path) -> Result<usize, String> {
    let said = |path: &Path, e: std::io::Error| format!("{}: {e}", path.display());
    std::fs::create_dir_all(out).map_err(|e| said(out, e))?;
    let manifest = out.join("manifest.ndjson");
    let file = std::fs::File::create(&manifest).map_err(|e| said(&manifest, e))?;
    let mut lines = BufWriter::new(file);
    let mut count = 0;
    for planned in write_plan(seed, people) {
        let path = out.join(&planned.path);
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder).map_err(|e| said(folder, e))?;
        }
        std::fs::write(&path, &planned.message.bytes).map_err(|e| said(&path, e))?;
        let expected = match planned.expected {
            Expected::Taken => json!("taken"),
            Expected::Defect { name, rule, outcome } => {
                json!({"defect": name, "rule": rule, "outcome": format!("{outcome:?}")})
            }
        };
        let line = json!({
            "file": planned.path,
            "format": planned.message.format,
            "title": planned.message.title,
            "sender": planned.message.sender.code,
            "at": planned.message.at.to_string(),
            "journey": planned.journey.map(|kind| format!("{kind:?}")),
            "people": planned.people,
            "nhsNumbers": planned.nhs_numbers,
            "expected": expected,
        });
        writeln!(lines, "{line}").map_err(|e| said(&manifest, e))?;
        count += 1;
    }
    lines.flush().map_err(|e| said(&manifest, e))?;
    Ok(count)
}
