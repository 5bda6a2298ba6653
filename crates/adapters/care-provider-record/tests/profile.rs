//! Every output is checked against R4 and UK Core by the project's own checker.

mod common;

use causeway_adapter::contract::test_context;
use causeway_adapter::translate;
use causeway_adapter_care_provider_record::CareProviderRecord;
use causeway_profile::Severity;

#[test]
fn outputs_are_valid() {
    let mut faults = Vec::new();
    for (case, input) in common::cases() {
        for context in [test_context(), common::open_context()] {
            for output in translate(&CareProviderRecord, &input, &context).outputs {
                for finding in causeway_profile::check(&output.json).findings {
                    if finding.severity >= Severity::Error {
                        faults.push(format!("{case}: {} {}: {}", finding.path, finding.rule, finding.text));
                    }
                }
            }
        }
    }
    faults.sort();
    faults.dedup();
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}
