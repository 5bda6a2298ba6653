//! FHIR's `$validate`: what was asked, and the OperationOutcome that answers it.
//!
//! Source: FHIR R4 (4.0.1), OperationDefinition/Resource-validate. The content is judged; nothing is stored, so the modes
//! `create` and `update` are told to make no difference, and `delete` is refused.

use crate::Checked;
use crate::report::outcome;
use causeway_profile::{About, Definitions, Finding, Options, Report, Severity, UnknownExtensions, is_xml};
use serde_json::Value;

/// What the address and the query of a call say.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Asked {
    /// The type in the address of `Type/$validate`.
    pub of_type: Option<String>,
    /// Canonical URLs of profiles that the resource is held to besides those it claims.
    pub profiles: Vec<String>,
    /// FHIR's `resource-validation-mode`.
    pub mode: Option<String>,
}

/// Why a call can't be answered, as opposed to a resource that is not valid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// Nothing was sent.
    Empty,
    /// The content is neither JSON nor XML that can be read; the findings say where.
    Unreadable,
    /// `Parameters` without a resource among them.
    NoResource,
    /// A mode that this server can't judge by.
    Mode,
}

impl Refused {
    /// In plain words.
    pub fn words(self) -> &'static str {
        match self {
            Self::Empty => "send the resource to check, or Parameters with a parameter named resource",
            Self::Unreadable => "the content can't be read as JSON or XML",
            Self::NoResource => "Parameters need a parameter named resource that holds the resource to check",
            Self::Mode => {
                "only the content of a resource is checked: the modes are create, update and profile"
            }
        }
    }
}

/// Answers `$validate`: the outcome is of what the body holds.
///
/// # Errors
/// [`Refused`] where there is nothing to judge.
pub fn validate(definitions: &Definitions, body: &[u8], mut asked: Asked) -> Result<Report, Refused> {
    if body.iter().all(u8::is_ascii_whitespace) {
        return Err(Refused::Empty);
    }
    let parameters = parameters(definitions, body)
        .filter(|p| asked.of_type.as_deref() != Some("Parameters") || resource(p).is_some());
    if let Some(parameters) = &parameters {
        for parameter in list(parameters) {
            let value = parameter.as_object().into_iter().flatten();
            let value = value.filter(|(key, _)| key.starts_with("value")).find_map(|(_, v)| v.as_str());
            match (parameter["name"].as_str(), value) {
                (Some("profile"), Some(url)) => asked.profiles.push(url.to_owned()),
                (Some("mode"), Some(code)) => asked.mode = Some(code.to_owned()),
                _ => {}
            }
        }
    }
    if !matches!(asked.mode.as_deref(), None | Some("create" | "update" | "profile")) {
        return Err(Refused::Mode);
    }
    let options = options(asked.profiles);
    let (mut report, kind) = match &parameters {
        Some(parameters) => {
            let resource = resource(parameters).ok_or(Refused::NoResource)?;
            (definitions.check_value(resource, &options), kind_of(resource))
        }
        None => {
            let report = definitions.check_located(body, &options);
            let kind = read(definitions, body).map(|value| kind_of(&value)).unwrap_or_default();
            (report, kind)
        }
    };
    if let Some(wanted) = asked.of_type.filter(|wanted| !kind.is_empty() && *wanted != kind) {
        let text = format!("the address is that of {wanted}/$validate, the resource is of another type");
        report.push(finding(Severity::Error, "operation/type", text, &kind));
    }
    if matches!(asked.mode.as_deref(), Some("create" | "update")) {
        let text = "the content was checked; whether the server would store it was not (mode)".to_owned();
        report.push(finding(Severity::Information, "operation/mode", text, &kind));
    }
    Ok(report)
}

/// How `$validate` and the page check: as `causeway check` does where nothing else is said.
pub fn options(profiles: Vec<String>) -> Options {
    Options {
        profiles,
        refuse_unknown_profiles: true,
        unknown_extensions: UnknownExtensions::Note,
        ..Options::default()
    }
}

/// The OperationOutcome of a report.
pub fn answer(definitions: &Definitions, report: Report) -> Value {
    let checked = Checked { name: String::new(), report };
    let shown: Vec<&Finding> = checked.report.findings.iter().collect();
    outcome(definitions, &checked, &shown)
}

/// True where the document could not be read at all.
pub fn is_unreadable(report: &Report) -> bool {
    report.findings.iter().any(|f| matches!(f.rule.as_str(), "r4/json" | "r4/xml" | "r4/size"))
}

fn finding(severity: Severity, rule: &str, text: String, path: &str) -> Finding {
    Finding {
        severity,
        path: path.to_owned(),
        rule: rule.to_owned(),
        text,
        about: About::Nothing,
        place: None,
    }
}

fn read(definitions: &Definitions, body: &[u8]) -> Option<Value> {
    if is_xml(body) {
        return definitions.from_xml(body).ok();
    }
    serde_json::from_slice(body.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(body)).ok()
}

/// The body where it is Parameters. Most calls send the resource itself, which is then parsed once only.
fn parameters(definitions: &Definitions, body: &[u8]) -> Option<Value> {
    let mentions = body.windows(10).any(|part| part == b"Parameters");
    mentions.then(|| read(definitions, body)).flatten().filter(|value| kind_of(value) == "Parameters")
}

fn list(parameters: &Value) -> impl Iterator<Item = &Value> {
    parameters["parameter"].as_array().into_iter().flatten()
}

fn resource(parameters: &Value) -> Option<&Value> {
    list(parameters).find(|p| p["name"] == "resource").and_then(|p| p.get("resource"))
}

fn kind_of(resource: &Value) -> String {
    resource["resourceType"].as_str().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn rules(body: &str, asked: Asked) -> Result<Vec<String>, Refused> {
        let report = validate(Definitions::uk_core(), body.as_bytes(), asked)?;
        Ok(report.findings.into_iter().filter(|f| f.severity != Severity::Warning).map(|f| f.rule).collect())
    }

    const BAD: &str = r#"{"resourceType":"Patient","gender":"M"}"#;
    const BAD_XML: &str = r#"<Patient xmlns="http://hl7.org/fhir"><gender value="M"/></Patient>"#;
    const URL: &str = "https://fhir.hl7.org.uk/StructureDefinition/UKCore-Absent";

    #[test]
    fn a_resource_and_parameters_give_the_same() {
        let wrapped = format!(
            r#"{{"resourceType":"Parameters","parameter":[{{"name":"resource","resource":{BAD}}}]}}"#
        );
        let wrapped_xml = format!(
            r#"<Parameters xmlns="http://hl7.org/fhir"><parameter><name value="resource"/><resource>{BAD_XML}</resource></parameter></Parameters>"#
        );
        for body in [BAD, BAD_XML, &wrapped, &wrapped_xml] {
            let found = rules(body, Asked::default()).expect("an answer");
            assert_eq!(found, ["r4/binding-required"], "{body}");
        }
    }

    #[test]
    fn profiles_modes_and_types_are_heeded() {
        let ask = |of_type: Option<&str>, profile: Option<&str>, mode: Option<&str>| Asked {
            of_type: of_type.map(str::to_owned),
            profiles: profile.into_iter().map(str::to_owned).collect(),
            mode: mode.map(str::to_owned),
        };
        let good = r#"{"resourceType":"Basic","code":{"text":"x"}}"#;
        assert_eq!(rules(good, ask(Some("Basic"), None, Some("profile"))), Ok(vec![]));
        assert_eq!(rules(good, ask(Some("Patient"), None, None)), Ok(vec!["operation/type".to_owned()]));
        assert_eq!(rules(good, ask(None, Some(URL), None)), Ok(vec!["profile/unknown".to_owned()]));
        assert_eq!(rules(good, ask(None, None, Some("create"))), Ok(vec!["operation/mode".to_owned()]));
        assert_eq!(rules(good, ask(None, None, Some("delete"))), Err(Refused::Mode));
        let said = json!({"resourceType": "Parameters", "parameter": [
            {"name": "profile", "valueCanonical": URL},
            {"name": "mode", "valueCode": "update"},
            {"name": "resource", "resource": {"resourceType": "Basic", "code": {"text": "x"}}}
        ]});
        let found = rules(&said.to_string(), Asked::default());
        assert_eq!(found, Ok(vec!["profile/unknown".to_owned(), "operation/mode".to_owned()]));
        assert_eq!(rules(" \n", Asked::default()), Err(Refused::Empty));
        let bare = r#"{"resourceType":"Parameters","parameter":[{"name":"x","valueString":"y"}]}"#;
        assert_eq!(rules(bare, Asked::default()), Err(Refused::NoResource));
        // Parameters are a resource too: under their own address they are what is checked.
        assert_eq!(rules(bare, ask(Some("Parameters"), None, None)), Ok(vec![]));
        assert_eq!(rules("{", Asked::default()), Ok(vec!["r4/json".to_owned()]));
    }

    #[test]
    fn the_answer_is_valid_in_both_forms() {
        let held = Definitions::uk_core();
        for body in [BAD, "{", r#"{"resourceType":"Basic","code":{"text":"x"}}"#] {
            let report = validate(held, body.as_bytes(), Asked::default()).expect("an answer");
            let json = answer(held, report);
            assert!(causeway_profile::check_value(&json).is_valid(), "{json}");
            let xml = crate::report::outcome_xml(&json);
            let report = held.check_xml(xml.as_bytes(), &Options::default());
            assert!(report.is_valid(), "{xml}: {:?}", report.findings);
            assert_eq!(held.from_xml(xml.as_bytes()).expect("read back"), json);
        }
    }
}
