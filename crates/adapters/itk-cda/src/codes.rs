//! Code systems, identifier systems and mapping tables.

use std::borrow::Cow;

use causeway_fhir::systems;
use causeway_terminology::Map;

/// OID of NHS numbers that were traced and verified.
pub(crate) const NHS_VERIFIED: &str = "2.16.840.1.113883.2.1.4.1";
/// OID of NHS numbers that were not.
pub(crate) const NHS_UNVERIFIED: &str = "2.16.840.1.113883.2.1.3.2.4.18.23";
/// OID of local identifiers; whose they are says `assigningAuthorityName`.
pub(crate) const LOCAL_ID: &str = "2.16.840.1.113883.2.1.3.2.4.18.24";
/// Identifier system of the GUIDs by which HL7 v3 messages call their acts.
pub(crate) const GUID: &str = "https://fhir.causeway.example/Id/hl7v3-instance";
/// How somebody took part (HL7 v3).
pub(crate) const PARTICIPATION: &str = "http://terminology.hl7.org/CodeSystem/v3-ParticipationType";

/// Gender of the NHS Data Dictionary.
pub(crate) static GENDER: Map = Map::new("itk-cda-gender", include_str!("../maps/gender.csv"));
/// Status of an observation.
pub(crate) static OBSERVATION_STATUS: Map =
    Map::new("itk-cda-observation-status", include_str!("../maps/observation-status.csv"));
/// Status of what was done.
pub(crate) static EVENT_STATUS: Map =
    Map::new("itk-cda-event-status", include_str!("../maps/event-status.csv"));
/// Status of what was asked for.
pub(crate) static REQUEST_STATUS: Map =
    Map::new("itk-cda-request-status", include_str!("../maps/request-status.csv"));
/// What a consent code permits.
pub(crate) static CONSENT: Map = Map::new("itk-cda-consent", include_str!("../maps/consent.csv"));

/// All tables.
pub(crate) static MAPS: [&Map; 5] = [&CONSENT, &EVENT_STATUS, &GENDER, &OBSERVATION_STATUS, &REQUEST_STATUS];

/// The FHIR URI of an OID of these documents; `None` where the text is no OID.
pub(crate) fn system(oid: &str) -> Option<Cow<'static, str>> {
    let known = match oid {
        "2.16.840.1.113883.2.1.3.2.4.19.2" => systems::ODS_SITE,
        "2.16.840.1.113883.2.1.3.2.4.18.44" => "https://fhir.nhs.uk/Id/dos-service-id",
        "2.16.840.1.113883.5.25" | "2.16.840.1.113883.1.11.16926" => systems::CONFIDENTIALITY,
        "2.16.840.1.113883.5.83" => systems::INTERPRETATION,
        "2.16.840.1.113883.2.1.3.2.4.18.27" | "2.16.840.1.113883.2.1.3.2.4.18.28" => systems::SDS_USER,
        _ => return causeway_hl7v3::write::any_system(oid),
    };
    Some(Cow::Borrowed(known))
}

/// The OID of a FHIR URI: the way back of [`system`].
pub(crate) fn oid(uri: &str) -> Option<&str> {
    Some(match uri {
        systems::ODS_SITE => "2.16.840.1.113883.2.1.3.2.4.19.2",
        "https://fhir.nhs.uk/Id/dos-service-id" => "2.16.840.1.113883.2.1.3.2.4.18.44",
        systems::CONFIDENTIALITY => "2.16.840.1.113883.1.11.16926",
        systems::INTERPRETATION => "2.16.840.1.113883.5.83",
        systems::SDS_USER => "2.16.840.1.113883.2.1.3.2.4.18.27",
        _ => return causeway_hl7v3::build::oid_of(uri),
    })
}
