//! Translates files: `care-provider-record-translate OUT FILE…` writes `S.r4.json`, `S.ledger.json` and
//! `S.issues.json` for each, S being the file's stem, or its folder's name where it is `input`. With `OPEN=1` every
//! option is on.
#![allow(clippy::print_stdout)]

use causeway_adapter::contract::test_context;
use causeway_adapter::{Adapter, render, translate};
use causeway_adapter_care_provider_record::CareProviderRecord;

fn main() -> std::io::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let out = std::path::PathBuf::from(arguments.next().unwrap_or_else(|| ".".to_owned()));
    std::fs::create_dir_all(&out)?;
    let mut context = test_context();
    if std::env::var_os("OPEN").is_some() {
        context.options = ["legal-items", "safeguarding-items", "sensitive-items", "incident-text"]
            .map(str::to_owned)
            .to_vec();
    }
    for file in arguments {
        let path = std::path::Path::new(&file);
        let stem = path.file_stem().unwrap_or_default().to_string_lossy();
        let folder = path.parent().and_then(|p| p.file_name()).unwrap_or_default().to_string_lossy();
        let stem = if stem == "input" { folder.into_owned() } else { stem.into_owned() };
        let bytes = std::fs::read(path)?;
        if let Ok(bundle) = serde_json::from_slice::<serde_json::Value>(&bytes)
            && bundle["resourceType"] == "Bundle"
        {
            if let Ok(encoded) = CareProviderRecord.encode(&bundle, &context) {
                std::fs::write(out.join(format!("{stem}.dscr.json")), &encoded.bytes)?;
                let left: Vec<String> = encoded
                    .left_behind
                    .iter()
                    .map(|i| format!("{}: {}", i.position.as_ref().map_or("", |p| p.path.as_str()), i.text))
                    .collect();
                std::fs::write(out.join(format!("{stem}.left.txt")), left.join("\n"))?;
                println!("{stem}: {} elements left behind", left.len());
            }
            continue;
        }
        let translation = translate(&CareProviderRecord, &bytes, &context);
        for output in &translation.outputs {
            std::fs::write(out.join(format!("{stem}.r4.json")), &output.json)?;
        }
        std::fs::write(
            out.join(format!("{stem}.ledger.json")),
            render::ledger_json(&translation.ledger).to_string(),
        )?;
        let issues = render::operation_outcome(&translation.issues, translation.issues_dropped);
        std::fs::write(out.join(format!("{stem}.issues.json")), issues.to_string())?;
        println!("{stem}: {}", render::totals_json(&translation.ledger.totals()));
    }
    Ok(())
}
