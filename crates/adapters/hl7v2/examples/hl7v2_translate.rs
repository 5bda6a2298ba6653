//! Translates files into a folder: `translate OUT FILE…`. For looking at outputs while working on the adapter.
#![allow(clippy::print_stdout)]

use causeway_adapter::contract::test_context;
use causeway_adapter::{render, translate};
use causeway_adapter_hl7v2::Hl7v2;

fn main() -> std::io::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let out = std::path::PathBuf::from(arguments.next().unwrap_or_else(|| "out".to_owned()));
    std::fs::create_dir_all(&out)?;
    for file in arguments {
        let path = std::path::Path::new(&file);
        let stem = path.file_stem().unwrap_or_default().to_string_lossy();
        let folder = path.parent().and_then(|p| p.file_name()).unwrap_or_default().to_string_lossy();
        let stem = if stem == "input" { folder.into_owned() } else { stem.into_owned() };
        let translation = translate(&Hl7v2, &std::fs::read(path)?, &test_context());
        for (number, output) in translation.outputs.iter().enumerate() {
            std::fs::write(out.join(format!("{stem}.{}.json", number + 1)), &output.json)?;
        }
        let issues = render::operation_outcome(&translation.issues, translation.issues_dropped);
        std::fs::create_dir_all(out.join("side"))?;
        std::fs::write(out.join(format!("side/{stem}.issues.txt")), format!("{issues:#}"))?;
        std::fs::write(
            out.join(format!("side/{stem}.ledger.txt")),
            format!("{:#}", render::ledger_json(&translation.ledger)),
        )?;
        if let Some(ack) = &translation.acknowledgement {
            std::fs::write(out.join(format!("side/{stem}.ack.txt")), &ack.bytes)?;
        }
        println!("{stem}: {}", render::totals_json(&translation.ledger.totals()));
    }
    Ok(())
}
