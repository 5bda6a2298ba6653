//! Translates messages and writes `NAME.r4.json`, `NAME.ledger.json` and `NAME.issues.json` into a folder:
//! `translate OUT FILE…`

use std::path::Path;

use causeway_adapter::{Adapter, contract, render};
use causeway_adapter_gp2gp::Gp2gp;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let out = arguments.next().ok_or("usage: translate OUT FILE…")?;
    std::fs::create_dir_all(&out)?;
    for file in arguments {
        let path = Path::new(&file);
        let mut input = std::fs::read(path)?;
        let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        if let Some(part) = Gp2gp.part(&input) {
            input = Gp2gp.join(&[(part.id, input)]).map_err(|missing| format!("missing: {missing:?}"))?;
        }
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
