//! The check of a translated bundle against R4 and UK Core, told on the command line as the exchange tells it.

use causeway_adapter::budget;
use causeway_conformance::stream::Checker;
use causeway_core::{Issue, IssueCode, Position, Severity, Span};
use causeway_profile::{CUT_RULE, Definitions, Options, Unchecked};

/// Findings of one bundle that are told.
const FINDINGS_MAX: usize = 50;

/// How many times as much memory as the input has bytes the values of a check may take: a good part of the twenty times
/// ([`budget::MEMORY_TIMES`]) that a translation may take in all. As values a bundle takes about ten times its bytes.
const ROOM_TIMES: usize = 4;

/// Bytes of memory that the values of a check may take, however large the input is. A bundle that takes more is checked entry by
/// entry.
const ROOM_MAX: usize = 48 * 1024 * 1024;

/// Id of the rule under which the command line tells that a bundle breaks R4.
pub const RULE: &str = "r4-invalid";

/// Id of the rule under which it tells what of a large bundle was not checked.
pub const RULE_PARTS: &str = "checked-in-parts";

/// Bytes of memory that the check of what an input of so many bytes became may take as values.
pub fn room(input: usize) -> usize {
    let least = usize::try_from(budget::INPUT_BYTES_LEAST).unwrap_or(usize::MAX);
    input.max(least).saturating_mul(ROOM_TIMES).min(ROOM_MAX)
}

/// What the check finds of a bundle, errors alone: each with the rule that is broken and the FHIR path where; and what of it was not
/// checked, because its values take more than `room` bytes of memory.
pub fn issues(bundle: &[u8], room: usize) -> Vec<Issue> {
    let options = Options { room: Some(room), ..Options::default() };
    let report = Checker { definitions: Definitions::uk_core(), options: &options }.within(bundle);
    let errors = report.findings.iter().filter(|f| f.severity == causeway_profile::Severity::Error);
    let mut issues: Vec<Issue> = errors
        .take(FINDINGS_MAX)
        .map(|finding| {
            let text =
                format!("the bundle breaks a rule of R4 or UK Core, {}: {}", finding.rule, finding.text);
            let issue = Issue::new(Severity::Error, IssueCode::BusinessRule, RULE, text);
            issue.at(Position::new(finding.path.clone(), Span::default()))
        })
        .collect();
    let cut = report.findings.iter().filter(|f| f.rule == CUT_RULE).take(FINDINGS_MAX);
    issues.extend(cut.map(|finding| {
        let issue = Issue::new(Severity::Warning, IssueCode::Incomplete, RULE_PARTS, finding.text.clone());
        issue.at(Position::new(finding.path.clone(), Span::default()))
    }));
    let unasked = report.coverage.not_checked.keys().filter(|(kind, _)| *kind == Unchecked::Bundle);
    let unasked: Vec<&str> = unasked.map(|(_, what)| what.as_str()).collect();
    if !unasked.is_empty() {
        let text = format!(
            "the bundle was checked entry by entry, for whole it would take more memory than there is; not checked were: {}",
            unasked.join("; ")
        );
        issues.push(Issue::new(Severity::Information, IssueCode::Incomplete, RULE_PARTS, text));
    }
    issues
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_breaks_r4_is_told_with_its_path() {
        let sound = br#"{"resourceType":"Bundle","type":"collection","entry":[{"fullUrl":"urn:uuid:0f0e0d0c-0000-4000-8000-000000000001","resource":{"resourceType":"Patient","gender":"female"}}]}"#;
        assert!(issues(sound, ROOM_MAX).is_empty());
        let broken = String::from_utf8_lossy(sound).replace("female", "F");
        let found = issues(broken.as_bytes(), ROOM_MAX);
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
        for (entries, room) in [(2, ROOM_MAX), (3, ROOM_MAX), (2_000, 1 << 18), (2_001, 1 << 18)] {
            let found = issues(bundle(entries).as_bytes(), room);
            let (parts, rest): (Vec<_>, Vec<_>) = found.into_iter().partition(|i| i.rule == RULE_PARTS);
            // What was not asked of a large one is told.
            assert_eq!(parts.len(), usize::from(entries > 1_000), "{parts:?}");
            let paths: Vec<String> = rest.into_iter().filter_map(|i| i.position).map(|p| p.path).collect();
            let broken = format!("Bundle.entry[{}].resource.gender", entries - 1);
            assert_eq!(paths, if entries.is_multiple_of(2) { vec![broken] } else { Vec::new() });
        }
    }

    #[test]
    fn what_a_reference_leads_to_is_checked_in_parts_too() {
        // UK Core wants the performer of a vaccination to be one of its own practitioners: a practitioner without a name is none.
        let bundle = |filler: usize, name: &str| {
            let observation = |n: usize| {
                format!(
                    r#"{{"fullUrl":"urn:uuid:0f0e0d0c-0000-4000-8000-{n:012}","resource":{{"resourceType":"Basic","code":{{"text":"x"}}}}}}"#
                )
            };
            let list: Vec<String> = (10..10 + filler).map(observation).collect();
            format!(
                r#"{{"resourceType":"Bundle","type":"collection","entry":[{}{}{{"fullUrl":"urn:uuid:0f0e0d0c-0000-4000-8000-000000000001","resource":{{"resourceType":"Condition","clinicalStatus":{{"coding":[{{"system":"http://terminology.hl7.org/CodeSystem/condition-clinical","code":"active"}}]}},"category":[{{"coding":[{{"system":"http://terminology.hl7.org/CodeSystem/condition-category","code":"problem-list-item"}}]}}],"code":{{"text":"x"}},"subject":{{"reference":"urn:uuid:0f0e0d0c-0000-4000-8000-000000000002"}}}}}},{{"fullUrl":"urn:uuid:0f0e0d0c-0000-4000-8000-000000000002","resource":{{"resourceType":"Patient"{name}}}}}]}}"#,
                list.join(","),
                if filler > 0 { "," } else { "" },
            )
        };
        for name in ["", r#","gender":"F""#] {
            let found = |filler, room| -> Vec<String> {
                let all = issues(bundle(filler, name).as_bytes(), room);
                let all = all.into_iter().filter(|i| i.rule == RULE);
                all.map(|i| format!("{} {}", i.position.map_or(0, |p| p.path.len()), i.text)).collect()
            };
            let whole = found(1_000, ROOM_MAX);
            assert_eq!(whole.is_empty(), name.is_empty());
            assert_eq!(whole, found(1_000, 1 << 16));
        }
    }

    #[test]
    fn what_has_no_room_is_told_and_nothing_false_is_said_of_it() {
        // The names come before what the rules ask for, and one of them is broken before the room ends.
        let names: Vec<String> = (0..5_000)
            .map(|n| format!(r#"{{"given":["Edith"],"use":"{}"}}"#, if n == 3 { "x" } else { "usual" }))
            .collect();
        let names = names.join(",");
        let kind = r#""resourceType":"Patient""#;
        // By the type what was read is checked; where the room ends before it, nothing is.
        for (known, found) in [(true, 1), (false, 0)] {
            let (before, after) =
                if known { (format!("{kind},"), String::new()) } else { (String::new(), format!(",{kind}")) };
            let bundle = format!(
                r##"{{"resourceType":"Bundle","type":"collection","entry":[{{"fullUrl":"urn:uuid:0f0e0d0c-0000-4000-8000-000000000001","resource":{{{before}"name":[{names}],"managingOrganization":{{"reference":"#o"}},"contained":[{{"resourceType":"Organization","id":"o","name":"O"}}],"gender":"F"{after}}}}}]}}"##
            );
            let told = |room| -> Vec<(&'static str, String)> {
                let all = issues(bundle.as_bytes(), room).into_iter();
                all.map(|i| (i.rule, i.position.map(|p| p.path).unwrap_or_default())).collect()
            };
            let whole = told(ROOM_MAX);
            assert_eq!(whole.len(), 2, "{whole:?}");
            let cut = told(1 << 18);
            let (broken, parts) = cut.split_at(found);
            assert!(broken.iter().all(|issue| whole.contains(issue)), "{cut:?}");
            assert!(parts[0].1.starts_with("Bundle.entry[0].resource.name["), "{cut:?}");
            assert!(!parts.is_empty() && parts.iter().all(|(rule, _)| *rule == RULE_PARTS), "{cut:?}");
        }
    }
}
