//! What the council of the story adds without a developer: columns and codes of its own, and the local map that says what
//! they mean (docs/guides/local-maps.md).

use std::path::{Path, PathBuf};

use causeway_adapter::local::Local;
use causeway_synth::Message;
use serde_json::Value;

/// The format whose file has the council's own columns.
pub const FORMAT: &str = "client-level-data";
/// What the account of an item says that the map placed.
const REASON: &str = "local map ashmarsh version 1";

/// The map and its tables, as the council's own people keep them.
const FILES: [(&str, &str); 3] = [
    ("ashmarsh.toml", include_str!("../demo/ashmarsh.toml")),
    ("ashmarsh-codes.csv", include_str!("../demo/ashmarsh-codes.csv")),
    ("ashmarsh-places.csv", include_str!("../demo/ashmarsh-places.csv")),
];

/// The council's own columns behind those of the specification, and what its system says in them.
const COLUMNS: [(&str, &str); 3] =
    [("Key Safe Fitted", "Y"), ("Home Visit File", "HV-20931"), ("Frailty Register", "FRAIL")];

/// Puts the map beside the data; its file.
///
/// # Errors
/// Where it can't be written.
pub fn map(data: &Path) -> Result<PathBuf, String> {
    let folder = data.join("local-maps");
    let fail = |e: std::io::Error| format!("{}: {e}", folder.display());
    std::fs::create_dir_all(&folder).map_err(fail)?;
    for (name, text) in FILES {
        std::fs::write(folder.join(name), text).map_err(fail)?;
    }
    Ok(folder.join(FILES[0].0))
}

/// The map as translations are given it.
///
/// # Errors
/// What is wrong with it.
pub fn read(map: &Path) -> Result<Option<Local>, String> {
    let maps = causeway_service::local::read(&[map.to_path_buf()])
        .map_err(|faults| faults.iter().map(|(_, fault)| fault.to_string()).collect::<Vec<_>>().join("; "))?;
    Ok(maps.shared())
}

/// The council's file with its own columns.
pub fn with_own_columns(mut message: Message) -> Message {
    let text = String::from_utf8_lossy(&message.bytes).into_owned();
    let mut out = String::with_capacity(text.len() * 2);
    for (number, line) in text.split_inclusive("\r\n").enumerate() {
        let row = line.trim_end_matches("\r\n");
        out.push_str(row);
        for (heading, value) in COLUMNS {
            out.push(',');
            out.push_str(if number == 0 { heading } else { value });
        }
        out.push_str("\r\n");
    }
    message.bytes = out.into_bytes();
    message.title = "The council's Client Level Data, with three columns of its own".to_owned();
    message
}

/// How many source items of a message the map gave a place or a meaning, by the exchange's own account.
///
/// # Errors
/// Where the exchange doesn't answer.
pub async fn items(client: &reqwest::Client, base: &str, id: &str) -> Result<usize, String> {
    let answer =
        client.get(format!("{base}/messages/{id}/ledger")).send().await.map_err(|e| e.to_string())?;
    let ledger: Value = answer.json().await.map_err(|e| e.to_string())?;
    let by_map = |item: &&Value| item["reason"].as_str().is_some_and(|reason| reason == REASON);
    Ok(ledger["items"].as_array().into_iter().flatten().filter(by_map).count())
}

/// What the map did, for the story.
pub fn text(items: usize) -> String {
    format!("    {items} of the items in columns of the council's own, understood by its {REASON}\n\n")
}
