//! Which must-support elements an endpoint has shown: each element that a resource's profile marks is counted where a
//! resource has it. A run can't make an endpoint have data, so an element that was never seen is open, not broken, until
//! somebody approves an exception and says why.

use std::collections::BTreeMap;

use causeway_profile::Definitions;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// An approved exception: this element need not be shown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "snake_case")]
pub struct Exception {
    /// Name of the profile (the last part of its URL), such as `UKCore-Patient`.
    pub profile: String,
    /// The element below the resource type, such as `telecom`.
    pub element: String,
    /// Why it need not be shown.
    pub reason: String,
    /// Who approved that.
    pub approved_by: String,
}

/// One must-support element and how often it was seen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Element {
    /// Name of the profile.
    pub profile: String,
    /// The element below the resource type.
    pub element: String,
    /// Answers with a resource of the profile.
    pub resources: u64,
    /// Of these, with the element. Absent where that can't be told: a slice needs its discriminator.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shown: Option<u64>,
    /// The exception that was approved.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exception: Option<Exception>,
}

impl Element {
    /// Whether it was shown or need not be.
    pub fn settled(&self) -> bool {
        self.shown.is_some_and(|n| n > 0) || self.exception.is_some()
    }
}

/// What was seen of a profile.
#[derive(Debug, Default)]
struct Of {
    resources: u64,
    /// Each marked element, and in how many it was.
    elements: Vec<(String, u64)>,
}

/// What a run has seen.
#[derive(Debug, Default)]
pub(super) struct Seen(BTreeMap<String, Of>);

impl Seen {
    /// Looks at an answer: a resource, or the entries of a Bundle.
    pub(super) fn look(&mut self, answer: &Value) {
        match answer["entry"].as_array() {
            Some(entries) if answer["resourceType"] == "Bundle" => {
                entries.iter().for_each(|entry| self.resource(&entry["resource"]));
            }
            _ => self.resource(answer),
        }
    }

    fn resource(&mut self, resource: &Value) {
        let definitions = Definitions::uk_core();
        let Some(kind) = resource["resourceType"].as_str() else { return };
        let claimed = resource["meta"]["profile"].as_array().into_iter().flatten().filter_map(Value::as_str);
        let known = |url: &&str| definitions.profile_urls().any(|known| known == *url);
        let mut urls: Vec<&str> =
            claimed.map(|url| url.split('|').next().unwrap_or(url)).filter(known).collect();
        if urls.is_empty() {
            urls.extend(definitions.default_profile(kind));
        }
        for url in urls {
            let of = self.0.entry(url.to_owned()).or_insert_with(|| Of {
                resources: 0,
                elements: definitions.must_support(url).into_iter().map(|e| (e, 0)).collect(),
            });
            of.resources += 1;
            for (element, shown) in &mut of.elements {
                let steps: Vec<&str> = element.split('.').collect();
                *shown += u64::from(has(resource, &steps));
            }
        }
    }

    /// The matrix: each marked element of each profile that was seen.
    pub(super) fn matrix(self, exceptions: &[Exception]) -> Vec<Element> {
        let mut out = Vec::new();
        for (url, of) in self.0 {
            let profile = url.rsplit('/').next().unwrap_or(&url).to_owned();
            for (element, shown) in of.elements {
                let of_this = |e: &&Exception| e.profile == profile && e.element == element;
                out.push(Element {
                    resources: of.resources,
                    shown: (!element.contains(':')).then_some(shown),
                    exception: exceptions.iter().find(of_this).cloned(),
                    profile: profile.clone(),
                    element,
                });
            }
        }
        out
    }
}

/// Whether something is at a path: names, lists looked through, `value[x]` of any type.
fn has(value: &Value, steps: &[&str]) -> bool {
    if let Value::Array(list) = value {
        return list.iter().any(|item| has(item, steps));
    }
    let Some((step, rest)) = steps.split_first() else {
        return !value.is_null() && value.as_object().is_none_or(|o| !o.is_empty());
    };
    let Value::Object(members) = value else { return false };
    let name = step.split(':').next().unwrap_or(step);
    let choice = name.strip_suffix("[x]");
    members.iter().any(|(key, inner)| {
        let here = match choice {
            Some(stem) => {
                let tail = key.strip_prefix(stem);
                tail.is_some_and(|tail| tail.starts_with(|c: char| c.is_ascii_uppercase()))
            }
            None => key == name || key.strip_prefix('_') == Some(name),
        };
        here && has(inner, rest)
    })
}

/// The matrix in one sentence; nothing where the suite makes none.
pub fn summary(matrix: &[Element]) -> Option<String> {
    if matrix.is_empty() {
        return None;
    }
    let shown = matrix.iter().filter(|e| e.shown.is_some_and(|n| n > 0)).count();
    let excepted = matrix.iter().filter(|e| e.settled()).count() - shown;
    let open = matrix.len() - shown - excepted;
    Some(format!(
        "Must-support: {shown} of {} elements shown, {excepted} with an approved exception, {open} open",
        matrix.len()
    ))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_element_counts_where_it_is_and_an_exception_settles_it() {
        let mut seen = Seen::default();
        let patient = |more: Value| {
            let mut patient = json!({"resourceType": "Patient", "name": [{"family": "Wren"}]});
            for (key, value) in more.as_object().into_iter().flatten() {
                patient[key] = value.clone();
            }
            patient
        };
        seen.look(&patient(json!({})));
        seen.look(&json!({"resourceType": "Bundle", "entry": [{"resource": patient(json!({"birthDate": "1950"}))}]}));
        let exception = Exception {
            profile: "UKCore-Patient".to_owned(),
            element: "telecom".to_owned(),
            reason: "the test system keeps none".to_owned(),
            approved_by: "the onboarding team".to_owned(),
        };
        let matrix = seen.matrix(&[exception]);
        let of = |element: &str| matrix.iter().find(|e| e.element == element).expect("marked by UK Core");
        assert_eq!((of("name").shown, of("name").resources), (Some(2), 2));
        assert_eq!(of("birthDate").shown, Some(1));
        assert!(of("telecom").settled() && of("telecom").shown == Some(0));
        assert!(!of("address").settled());
        assert!(summary(&matrix).is_some_and(|s| s.contains("1 with an approved exception")));
        assert_eq!(summary(&[]), None);
    }

    #[test]
    fn a_choice_is_shown_by_any_of_its_types() {
        let value = json!({"effectivePeriod": {"start": "2026"}, "dosageInstruction": [{}, {"timing": {"code": {}}}]});
        assert!(has(&value, &["effective[x]"]));
        assert!(!has(&value, &["effect[x]"]));
        assert!(has(&value, &["dosageInstruction", "timing"]));
        assert!(!has(&value, &["dosageInstruction", "timing", "code"]));
    }
}
