//! Translates files: `translate OUT FILE...` writes `CASE.N.r4.json`, `CASE.ledger.json` and
//! `CASE.issues.json` for each, CASE being the folder that the file is in.

use causeway_adapter::{contract::test_context, render, translate};
use causeway_adapter_council_case_extract::CouncilCaseExtract;

#[allow(clippy::print_stdout)]
fn main() -> std::io::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let out = std::path::PathBuf::from(arguments.next().unwrap_or_else(|| ".".to_owned()));
    std::fs::create_dir_all(&out)?;
    for file in arguments {
        let path = std::path::Path::new(&file);
        let parent = path.parent().and_then(std::path::Path::file_name).unwrap_or_default();
        let case = parent.to_string_lossy().into_owned();
        let translation = translate(&CouncilCaseExtract, &std::fs::read(path)?, &test_context());
        for (output, n) in translation.outputs.iter().zip(1..) {
            std::fs::write(out.join(format!("{case}.{n}.r4.json")), &output.json)?;
            println!("{case}: {} [{}], {} resources", output.label, output.event, output.resources);
        }
        for issue in &translation.issues {
            let at = issue.position.as_ref().map_or("", |p| p.path.as_str());
            println!("{case}: {} {} at {at}: {}", issue.severity.code(), issue.rule, issue.text);
        }
        println!("{case}: {}", render::totals_json(&translation.ledger.totals()));
        let ledger = render::ledger_json(&translation.ledger).to_string();
        std::fs::write(out.join(format!("{case}.ledger.json")), ledger)?;
        let issues = render::operation_outcome(&translation.issues, translation.issues_dropped).to_string();
        std::fs::write(out.join(format!("{case}.issues.json")), issues)?;
    }
    Ok(())
}
