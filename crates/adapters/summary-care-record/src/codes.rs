//! Code systems and mapping tables.

use std::borrow::Cow;

use causeway_fhir::systems;
use causeway_terminology::Map;

/// OID of NHS numbers.
pub(crate) const NHS_NUMBER_OID: &str = "2.16.840.1.113883.2.1.4.1";
/// Identifier system of the GUIDs by which HL7 v3 messages call their acts. The Summary Care Record FHIR API
/// names RFC 4122 as their system, which R4 refuses for values that are no URN.
pub(crate) const GUID: &str = "https://fhir.causeway.example/Id/hl7v3-instance";
/// How an author took part (HL7 v3).
pub(crate) const PARTICIPATION: &str = "http://terminology.hl7.org/CodeSystem/v3-ParticipationType";
/// In which way somebody took part, as the Summary Care Record FHIR API carries it.
pub(crate) const MODE_EXTENSION: &str = "https://fhir.nhs.uk/StructureDefinition/Extension-SCR-ModeCode";
/// Course of a therapy.
pub(crate) const COURSE: &str = "http://terminology.hl7.org/CodeSystem/medicationrequest-course-of-therapy";

/// OID of the codes of organisations in these messages.
pub(crate) const ODS_OID: &str = "1.2.826.0.1285.0.1.10";
/// Identifier system of a role of the Spine's directory.
pub(crate) const ROLE_PROFILE: &str = "https://fhir.nhs.uk/Id/sds-role-profile-id";
/// SNOMED CT: what a summary is, the first of a patient or a later one.
pub(crate) const SUMMARIES: [&str; 2] = ["196981000000101", "196971000000103"];

/// Status of an observation.
pub(crate) static OBSERVATION_STATUS: Map =
    Map::new("scr-observation-status", include_str!("../maps/observation-status.csv"));
/// Status of a procedure, communication or administration.
pub(crate) static EVENT_STATUS: Map = Map::new("scr-event-status", include_str!("../maps/event-status.csv"));
/// Clinical status of a diagnosis, problem or allergy.
pub(crate) static CLINICAL_STATUS: Map =
    Map::new("scr-clinical-status", include_str!("../maps/clinical-status.csv"));
/// Status of a medicine.
pub(crate) static MEDICINE_STATUS: Map =
    Map::new("scr-medicine-status", include_str!("../maps/medicine-status.csv"));
/// Status of the summary itself.
pub(crate) static COMPOSITION_STATUS: Map =
    Map::new("scr-composition-status", include_str!("../maps/composition-status.csv"));
/// Which act of the message becomes which resource.
pub(crate) static ACT: Map = Map::new("scr-act", include_str!("../maps/act.csv"));

/// All tables.
pub(crate) static MAPS: [&Map; 6] =
    [&ACT, &CLINICAL_STATUS, &COMPOSITION_STATUS, &EVENT_STATUS, &MEDICINE_STATUS, &OBSERVATION_STATUS];

/// The FHIR URI of an OID of this message; `None` where the text is no OID.
pub(crate) fn system(oid: &str) -> Option<Cow<'static, str>> {
    let known = match oid {
        "2.16.840.1.113883.2.1.3.2.4.17.124" | "2.16.840.1.113883.2.1.3.2.4.17.125" => {
            "https://fhir.nhs.uk/CodeSystem/HL7v3-SDSJobRoleName"
        }
        "2.16.840.1.113883.5.1064" => "http://terminology.hl7.org/CodeSystem/v3-ParticipationMode",
        "1.2.826.0.1285.0.2.0.67" => ROLE_PROFILE,
        "1.2.826.0.1285.0.2.0.107" => "https://fhir.nhs.uk/Id/nhsSpineASID",
        _ => {
            return causeway_hl7v3::write::any_system(oid);
        }
    };
    Some(Cow::Borrowed(known))
}

/// The OID of a FHIR URI: the way back of [`system`].
pub(crate) fn oid(uri: &str) -> Option<&str> {
    Some(match uri {
        "https://fhir.nhs.uk/CodeSystem/HL7v3-SDSJobRoleName" => "2.16.840.1.113883.2.1.3.2.4.17.124",
        "http://terminology.hl7.org/CodeSystem/v3-ParticipationMode" => "2.16.840.1.113883.5.1064",
        ROLE_PROFILE => "1.2.826.0.1285.0.2.0.67",
        "https://fhir.nhs.uk/Id/nhsSpineASID" => "1.2.826.0.1285.0.2.0.107",
        systems::ODS_ORGANISATION => ODS_OID,
        _ => return causeway_hl7v3::build::oid_of(uri),
    })
}
