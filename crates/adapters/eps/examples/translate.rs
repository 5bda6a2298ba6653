//! Translates files into a folder: `NAME.r4.json` (or `NAME.1.r4.json` and so on), `NAME.ledger.json`,
//! `NAME.issues.json` and, where the sender asked for one, `NAME.ack.xml`.
//!
//! `cargo run -p causeway-adapter-eps --example eps-translate -- OUT FILE…`
#![allow(clippy::print_stderr, clippy::print_stdout)]

use std::path::Path;

use causeway_adapter::{Context, Sender, render};
use causeway_adapter_eps::Eps;

fn main() -> std::io::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let Some(out) = arguments.next() else {
        eprintln!("usage: translate OUT FILE…");
        return Ok(());
    };
    let out = Path::new(&out);
    std::fs::create_dir_all(out)?;
    for file in arguments {
        let input = std::fs::read(&file)?;
        let name = Path::new(&file).file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let sender = Sender {
            system: causeway_fhir::systems::ODS_ORGANISATION.to_owned(),
            code: "ZH701".to_owned(),
            name: "Test authority".to_owned(),
        };
        let received = "2026-11-02T09:30:00Z".parse().unwrap_or_default();
        let context = Context::new(sender, received, "urn:uuid:00000000-0000-5000-8000-000000000000");
        let translation = causeway_adapter::translate(&Eps, &input, &context);
        let many = translation.outputs.len() > 1;
        for (number, output) in translation.outputs.iter().enumerate() {
            let suffix = if many { format!(".{}", number + 1) } else { String::new() };
            std::fs::write(out.join(format!("{name}{suffix}.r4.json")), &output.json)?;
        }
        let ledger = render::ledger_json(&translation.ledger);
        std::fs::write(out.join(format!("{name}.ledger.json")), format!("{ledger:#}"))?;
        let issues = render::operation_outcome(&translation.issues, translation.issues_dropped);
        std::fs::write(out.join(format!("{name}.issues.json")), format!("{issues:#}"))?;
        if let Some(ack) = &translation.acknowledgement {
            std::fs::write(out.join(format!("{name}.ack.xml")), &ack.bytes)?;
        }
        println!(
            "{name}: {} bundles, {} items, {} issues",
            translation.outputs.len(),
            translation.ledger.len(),
            translation.issues.len()
        );
        for issue in &translation.issues {
            let at = issue.position.as_ref().map_or_else(String::new, ToString::to_string);
            println!("    {} {} {}: {}", issue.severity.code(), issue.rule, at, issue.text);
        }
    }
    Ok(())
}
