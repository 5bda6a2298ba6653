//! Translates files: `care-act-assessment-translate OUT FILE…` writes `S.N.r4.json`, `S.ledger.json` and
//! `S.issues.json` for each, S being the file's stem, or its folder's name where it is `input`. With `OPEN=1` every
//! option is on.
#![allow(clippy::print_stdout)]

use causeway_adapter::contract::test_context;
use causeway_adapter::{render, translate};
use causeway_adapter_care_act_assessment::CareActAssessment;

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
        let translation = translate(&CareActAssessment, &std::fs::read(path)?, &context);
        for (number, output) in translation.outputs.iter().enumerate() {
            std::fs::write(out.join(format!("{stem}.{}.r4.json", number + 1)), &output.json)?;
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
