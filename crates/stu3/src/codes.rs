//! Mapping tables and the systems that they name.

use std::borrow::Cow;

use causeway_terminology::Map;

/// URLs of code systems and identifier systems that were renamed.
pub static SYSTEMS: Map = Map::new("careconnect-systems", include_str!("../maps/systems.csv"));
/// Extensions, by their name without version and publisher.
pub static EXTENSIONS: Map = Map::new("careconnect-extensions", include_str!("../maps/extensions.csv"));
/// Kind of prescription: the official conversion table of medicines.
pub(crate) static PRESCRIPTION_TYPE: Map =
    Map::new("careconnect-prescription-type", include_str!("../maps/prescription-type.csv"));
/// Clinical status of conditions.
pub(crate) static CLINICAL_STATUS: Map =
    Map::new("careconnect-clinical-status", include_str!("../maps/clinical-status.csv"));
/// Verification status of conditions.
pub(crate) static VERIFICATION_STATUS: Map =
    Map::new("careconnect-verification-status", include_str!("../maps/verification-status.csv"));
/// Clinical status of allergies.
pub(crate) static ALLERGY_CLINICAL: Map =
    Map::new("careconnect-allergy-clinical", include_str!("../maps/allergy-clinical.csv"));
/// Verification status of allergies.
pub(crate) static ALLERGY_VERIFICATION: Map =
    Map::new("careconnect-allergy-verification", include_str!("../maps/allergy-verification.csv"));
/// Status of procedure and referral requests.
pub(crate) static REQUEST_STATUS: Map =
    Map::new("careconnect-request-status", include_str!("../maps/request-status.csv"));
/// Status of procedures and communications.
pub(crate) static EVENT_STATUS: Map =
    Map::new("careconnect-event-status", include_str!("../maps/event-status.csv"));

/// All tables.
pub static MAPS: [&Map; 9] = [
    &ALLERGY_CLINICAL,
    &ALLERGY_VERIFICATION,
    &CLINICAL_STATUS,
    &EVENT_STATUS,
    &EXTENSIONS,
    &PRESCRIPTION_TYPE,
    &REQUEST_STATUS,
    &SYSTEMS,
    &VERIFICATION_STATUS,
];

/// Root of HL7's terminology.
pub const TERMINOLOGY: &str = "http://terminology.hl7.org/CodeSystem/";

/// The R4 URL of a system that STU3 names.
pub(crate) fn system(url: &str) -> Cow<'_, str> {
    if let Some(rest) = url.strip_prefix("http://hl7.org/fhir/v3/") {
        return Cow::Owned(format!("{TERMINOLOGY}v3-{rest}"));
    }
    if let Some(rest) = url.strip_prefix("http://hl7.org/fhir/v2/") {
        return Cow::Owned(format!("{TERMINOLOGY}v2-{rest}"));
    }
    let candidate = url.starts_with("http://hl7.org/fhir/")
        || url.contains("/STU3/")
        || url.starts_with("http://fhir.nhs.net/");
    match SYSTEMS.lookup(url).filter(|_| candidate) {
        Some(target) => Cow::Borrowed(target.code),
        None => Cow::Borrowed(url),
    }
}

/// Whether a code system of R4 or UK Core that is known whole lacks a code.
pub(crate) fn lacks(system: &str, code: &str) -> bool {
    causeway_profile::Definitions::uk_core().lacks(system, code)
}

/// An extension's name without publisher, profile and version:
/// `https://fhir.nhs.uk/STU3/StructureDefinition/Extension-CareConnect-GPC-PrescriptionType-1` is
/// `PrescriptionType`.
pub(crate) fn extension_name(url: &str) -> &str {
    let name = url.trim_end_matches('/').rsplit('/').next().unwrap_or(url);
    let name = name.strip_prefix("Extension-").unwrap_or(name);
    let name = ["CareConnect-GPC-", "CareConnect-", "GPConnect-", "GPC-"]
        .iter()
        .find_map(|prefix| name.strip_prefix(prefix))
        .unwrap_or(name);
    match name.rsplit_once('-') {
        Some((stem, version)) if !version.is_empty() && version.bytes().all(|b| b.is_ascii_digit()) => stem,
        _ => name,
    }
}

/// The R4 URL of an extension; `None` where it has none and is kept as it is. Only what CareConnect, GP Connect
/// or HL7 published is looked up: an extension of somebody else may have the same name.
pub(crate) fn extension_url(url: &str) -> Option<&'static str> {
    let published = ["https://fhir.nhs.uk/STU3/", "https://fhir.hl7.org.uk/STU3/", "http://hl7.org/fhir/"]
        .iter()
        .any(|root| url.starts_with(root));
    EXTENSIONS.lookup(extension_name(url)).filter(|_| published).map(|target| target.code)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_extensions() {
        let root = "https://fhir.nhs.uk/STU3/StructureDefinition/";
        for (url, name) in [
            ("Extension-CareConnect-GPC-PrescriptionType-1", "PrescriptionType"),
            ("Extension-CareConnect-ActualProblem-1", "ActualProblem"),
            ("Extension-GPConnect-DeliveryChannel-2", "DeliveryChannel"),
            ("Extension-coding-sctdescid", "coding-sctdescid"),
        ] {
            assert_eq!(extension_name(&format!("{root}{url}")), name);
        }
        assert!(extension_url("https://elsewhere.example/Extension-CareConnect-ActualProblem-1").is_none());
    }

    #[test]
    fn systems_that_moved() {
        assert_eq!(system("http://hl7.org/fhir/v3/NullFlavor"), format!("{TERMINOLOGY}v3-NullFlavor"));
        assert_eq!(system("http://hl7.org/fhir/v2/0443"), format!("{TERMINOLOGY}v2-0443"));
        assert_eq!(system("http://snomed.info/sct"), "http://snomed.info/sct");
    }
}
