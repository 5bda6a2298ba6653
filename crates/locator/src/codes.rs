//! Code lists: types of pointers with the category that each demands, categories, and the codes of answers.

use serde::Deserialize;

/// SNOMED CT.
pub const SNOMED: &str = "http://snomed.info/sct";
/// National Interim Clinical Imaging Procedures.
pub const NICIP: &str = "https://nicip.nhs.uk";

/// Which state of the national service's rules is followed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
pub enum Edition {
    /// October 2024: rule failures are 400; displays of types are not compared; author and practice setting are optional.
    #[default]
    #[serde(rename = "2024")]
    Of2024,
    /// 2025/26: rule failures are 422, displays are compared, author, practice setting and content stability are demanded.
    #[serde(rename = "2025")]
    Of2025,
}

/// A type of pointers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Type {
    /// Code system.
    pub system: &'static str,
    /// Code.
    pub code: &'static str,
    /// Display.
    pub display: &'static str,
    /// Code of the category, in SNOMED CT.
    pub category: &'static str,
    /// First edition that has it.
    pub since: Edition,
}

const fn snomed(code: &'static str, display: &'static str, category: &'static str) -> Type {
    Type { system: SNOMED, code, display, category, since: Edition::Of2024 }
}

const CARE_PLAN: &str = "734163000";

/// Types, by the national service's list.
pub const TYPES: &[Type] = &[
    snomed("736253002", "Mental health crisis plan", CARE_PLAN),
    snomed("887701000000100", "Emergency health care plan", CARE_PLAN),
    snomed("861421000000109", "End of life care coordination summary", CARE_PLAN),
    snomed(
        "1382601000000107",
        "ReSPECT (Recommended Summary Plan for Emergency Care and Treatment) form",
        CARE_PLAN,
    ),
    snomed("325691000000100", "Contingency plan", CARE_PLAN),
    snomed("736373009", "End of life care plan", CARE_PLAN),
    snomed("16521000000101", "Lloyd George record folder", CARE_PLAN),
    snomed("736366004", "Advance care plan", CARE_PLAN),
    snomed("735324008", "Treatment escalation plan", CARE_PLAN),
    snomed("2181441000000107", "Personalised Care and Support Plan", CARE_PLAN),
    snomed(
        "1363501000000100",
        "Royal College of Physicians NEWS2 (National Early Warning Score 2) chart",
        "1102421000000108",
    ),
    snomed("824321000000109", "Summary record", "823651000000106"),
    Type {
        system: NICIP,
        code: "MAULR",
        display: "MRA Upper Limb Rt",
        category: "721981007",
        since: Edition::Of2024,
    },
    Type {
        system: NICIP,
        code: "MAXIB",
        display: "MRI Axilla Both",
        category: "103693007",
        since: Edition::Of2024,
    },
    Type {
        system: SNOMED,
        code: "749001000000101",
        display: "Appointment",
        category: "419891008",
        since: Edition::Of2025,
    },
    Type {
        system: SNOMED,
        code: "887181000000106",
        display: "Clinical summary",
        category: "716931000000107",
        since: Edition::Of2025,
    },
];

/// Categories: code in SNOMED CT, display, first edition.
pub const CATEGORIES: &[(&str, &str, Edition)] = &[
    (CARE_PLAN, "Care plan", Edition::Of2024),
    ("1102421000000108", "Observations", Edition::Of2024),
    ("823651000000106", "Clinical note", Edition::Of2024),
    ("721981007", "Diagnostic studies report", Edition::Of2024),
    ("103693007", "Diagnostic procedure", Edition::Of2024),
    ("419891008", "Record artifact", Edition::Of2025),
    ("716931000000107", "Record headings", Edition::Of2025),
];

/// The type with this key (`system|code`) in an edition.
pub fn type_of(key: &str, edition: Edition) -> Option<&'static Type> {
    let (system, code) = key.split_once('|')?;
    TYPES.iter().find(|t| t.system == system && t.code == code && t.since <= edition)
}

/// The display of a category in an edition.
pub fn category_display(code: &str, edition: Edition) -> Option<&'static str> {
    CATEGORIES.iter().find(|(c, _, since)| *c == code && *since <= edition).map(|(_, display, _)| *display)
}

/// Keys (`system|code`) of every type of an edition.
pub fn all_types(edition: Edition) -> Vec<String> {
    TYPES.iter().filter(|t| t.since <= edition).map(|t| format!("{}|{}", t.system, t.code)).collect()
}

/// Formats of a content: code, display, and how a media type must begin for it. Later edition only.
pub const FORMATS: &[(&str, &str, &[&str])] = &[
    ("urn:nhs-ic:record-contact", "Contact details (HTTP Unsecured)", &["text/html"]),
    ("urn:nhs-ic:unstructured", "Unstructured Document", &["application/pdf"]),
    (
        "urn:nhs-ic:structured",
        "Structured Document",
        &["application/json", "application/fhir+json", "text/html"],
    ),
];
/// Code system of the formats.
pub const FORMAT_SYSTEM: &str = "https://fhir.nhs.uk/England/CodeSystem/England-NRLFormatCode";
/// Extension of a content that says whether it changes.
pub const STABILITY: &str =
    "https://fhir.nhs.uk/England/StructureDefinition/Extension-England-ContentStability";
/// Code system of that.
pub const STABILITY_SYSTEM: &str = "https://fhir.nhs.uk/England/CodeSystem/England-NRLContentStability";
/// Extension of a content that says how it is fetched.
pub const RETRIEVAL: &str =
    "https://fhir.nhs.uk/England/StructureDefinition/Extension-England-RetrievalMechanism";
/// Code system of that.
pub const RETRIEVAL_SYSTEM: &str = "https://fhir.nhs.uk/England/CodeSystem/England-NRLRetrievalMechanism";
/// Ways of fetching: code and display.
pub const RETRIEVALS: &[(&str, &str)] = &[
    ("Direct", "Direct"),
    ("SSP", "Spine Secure Proxy"),
    ("LDR", "Large Document Retrieval"),
    ("InContext", "Direct using In-Context"),
    ("NDR", "National Document Repository"),
    ("Direct_InContext", "Direct using In-Context"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_type_has_a_category_with_a_display() {
        for edition in [Edition::Of2024, Edition::Of2025] {
            for key in all_types(edition) {
                let found = type_of(&key, edition).unwrap();
                assert!(category_display(found.category, edition).is_some(), "{key}");
            }
        }
        assert_eq!((all_types(Edition::Of2024).len(), all_types(Edition::Of2025).len()), (14, 16));
        assert!(type_of("http://snomed.info/sct|749001000000101", Edition::Of2024).is_none());
    }
}
