//! The check of a translated bundle against R4 and UK Core, told on the command line as the exchange tells it.

use causeway_core::{Issue, IssueCode, Position, Severity, Span};

/// Findings of one bundle that are told.
const FINDINGS_MAX: usize = 50;

/// Id of the rule under which the command line tells that a bundle breaks R4.
pub const RULE: &str = "r4-invalid";

/// What the check finds of a bundle, errors alone: each with the rule that is broken and the FHIR path where.
pub fn issues(bundle: &[u8]) -> Vec<Issue> {
    let report = causeway_profile::check(bundle);
    let errors = report.findings.iter().filter(|f| f.severity == causeway_profile::Severity::Error);
    errors
        .take(FINDINGS_MAX)
        .map(|finding| {
            let text =
                format!("the bundle breaks a rule of R4 or UK Core, {}: {}", finding.rule, finding.text);
            let issue = Issue::new(Severity::Error, IssueCode::BusinessRule, RULE, text);
            issue.at(Position::new(finding.path.clone(), Span::default()))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_breaks_r4_is_told_with_its_path() {
        let sound = br#"{"resourceType":"Bundle","type":"collection","entry":[{"fullUrl":"urn:uuid:0f0e0d0c-0000-4000-8000-000000000001","resource":{"resourceType":"Patient","gender":"female"}}]}"#;
        assert!(issues(sound).is_empty());
        let broken = String::from_utf8_lossy(sound).replace("female", "F");
        let found = issues(broken.as_bytes());
        assert_eq!(found.len(), 1);
        assert!(found[0].position.as_ref().is_some_and(|p| p.path.ends_with("gender")));
    }
}
