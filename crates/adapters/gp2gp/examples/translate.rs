//! Translates messages and writes `NAME.r4.json`, `NAME.ledger.json` and `NAME.issues.json` into a folder:
//! `gp2gp-translate OUT FILE…`. A folder is a message of several parts, which are put together first.

use std::path::Path;

use causeway_adapter::{Adapter, contract, render};
use causeway_adapter_gp2gp::Gp2gp;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let out = arguments.next().ok_or("usage: gp2gp-translate OUT FILE…")?;
    std::fs::create_dir_all(&out)?;
    for file in arguments {
        let path = Path::new(&file);
        let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let input = read(path)?;
        let translation = causeway_adapter::translate(&Gp2gp, &input, &contract::test_context());
        let to = |ending: &str| Path::new(&out).join(format!("{name}.{ending}"));
        for output in translation.outputs.iter().take(1) {
            std::fs::write(to("r4.json"), &output.json)?;
        }
        let ledger = serde_json::to_vec(&render::ledger_json(&translation.ledger))?;
        std::fs::write(to("ledger.json"), ledger)?;
        let issues = render::operation_outcome(&translation.issues, translation.issues_dropped);
        std::fs::write(to("issues.json"), serde_json::to_vec(&issues)?)?;
    }
    Ok(())
}

/// A file, or the parts in a folder put together.
fn read(path: &Path) -> Result<Vec<u8>, Box<dyn std::error::Error>> {
    let mut files = vec![path.to_path_buf()];
    if path.is_dir() {
        files = std::fs::read_dir(path)?.map(|e| e.map(|e| e.path())).collect::<Result<_, _>>()?;
        files.sort();
    }
    let mut parts = Vec::new();
    for file in files {
        let input = std::fs::read(&file)?;
        match Gp2gp.part(&input) {
            Some(part) => parts.push((part.id, input)),
            None => return Ok(input),
        }
    }
    Ok(Gp2gp.join(&parts).map_err(|missing| format!("missing: {missing:?}"))?)
}
