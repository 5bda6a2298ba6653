//! The check of a translated bundle against R4 and UK Core, told on the command line as the exchange tells it.

use causeway_conformance::stream::Checker;
use causeway_core::{Issue, IssueCode, Position, Severity, Span};
use causeway_profile::{Definitions, Options};

/// Findings of one bundle that are told.
const FINDINGS_MAX: usize = 50;

/// Bytes of a bundle that is checked whole, as the exchange checks it. As values it takes ten times as much memory as it has bytes,
/// so a larger one is checked entry by entry: what its references lead to is not held to anything then.
const WHOLE_BYTES_MAX: usize = 4 * 1024 * 1024;

/// Id of the rule under which the command line tells that a bundle breaks R4.
pub const RULE: &str = "r4-invalid";

/// What the check finds of a bundle, errors alone: each with the rule that is broken and the FHIR path where.
pub fn issues(bundle: &[u8]) -> Vec<Issue> {
    let report = match bundle.len() <= WHOLE_BYTES_MAX {
        true => causeway_profile::check(bundle),
        false => {
            let options = Options::default();
            Checker { definitions: Definitions::uk_core(), options: &options }.in_parts(bundle)
        }
    };
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

    #[test]
    fn a_large_bundle_is_told_of_as_a_small_one_is() {
        let entry = |number: usize, gender: &str| {
            format!(
                r#"{{"fullUrl":"urn:uuid:0f0e0d0c-0000-4000-8000-{number:012}","resource":{{"resourceType":"Patient","gender":"{gender}"}}}}"#
            )
        };
        let bundle = |entries: usize| {
            let last = if entries.is_multiple_of(2) { "F" } else { "female" };
            let list: Vec<String> =
                (1..=entries).map(|n| entry(n, if n == entries { last } else { "male" })).collect();
            format!(r#"{{"resourceType":"Bundle","type":"collection","entry":[{}]}}"#, list.join(","))
        };
        for entries in [2, 3, 40_000, 40_001] {
            let text = bundle(entries);
            assert_eq!(text.len() > WHOLE_BYTES_MAX, entries > 1_000);
            let paths: Vec<String> =
                issues(text.as_bytes()).into_iter().filter_map(|i| i.position).map(|p| p.path).collect();
            let broken = format!("Bundle.entry[{}].resource.gender", entries - 1);
            assert_eq!(paths, if entries.is_multiple_of(2) { vec![broken] } else { Vec::new() });
        }
    }
}
