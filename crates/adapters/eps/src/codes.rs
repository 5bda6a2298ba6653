//! Identifier systems, code systems and tables.

use std::borrow::Cow;

use causeway_fhir::systems;
use causeway_terminology::Map;

/// Treatment type to course of therapy.
pub(crate) static TREATMENT: Map = Map::new("eps-treatment-type", include_str!("../maps/treatment.csv"));
/// Status of a dispensed item.
pub(crate) static ITEM_STATUS: Map = Map::new("eps-item-status", include_str!("../maps/item-status.csv"));
/// Administrative gender.
pub(crate) static SEX: Map = Map::new("eps-sex", include_str!("../maps/sex.csv"));

/// All tables.
pub(crate) static MAPS: [&Map; 3] = [&TREATMENT, &ITEM_STATUS, &SEX];

/// Short form id of a prescription.
pub(crate) const ORDER_NUMBER: &str = "https://fhir.nhs.uk/Id/prescription-order-number";
/// Long form id of a prescription.
pub(crate) const PRESCRIPTION: &str = "https://fhir.nhs.uk/Id/prescription";
/// Id of an item of a prescription.
pub(crate) const ORDER_ITEM: &str = "https://fhir.nhs.uk/Id/prescription-order-item-number";
/// Id of a dispensed item.
pub(crate) const DISPENSE_ITEM: &str = "https://fhir.nhs.uk/Id/prescription-dispense-item-number";
/// Registration numbers of nurses and midwives.
pub(crate) const NMC: &str = "https://fhir.hl7.org.uk/Id/nmc-number";
/// Root of codes that a professional body gave.
pub(crate) const PROFESSIONAL: &str = "1.2.826.0.1285.0.2.1.54";
/// Root of ODS codes, as these messages write it.
pub(crate) const ODS_ROOT: &str = "1.2.826.0.1285.0.1.10";
/// Code systems and extensions of NHS Digital.
pub(crate) const NHS_CODES: &str = "https://fhir.nhs.uk/CodeSystem/";
/// Extensions of NHS Digital.
pub(crate) const NHS_EXTENSION: &str = "https://fhir.nhs.uk/StructureDefinition/Extension-";

/// OIDs of prescriptions and the FHIR URIs that NHS Digital has for them.
const SYSTEMS: [(&str, &str); 12] = [
    ("1.2.826.0.1285.0.2.0.67", "https://fhir.nhs.uk/Id/sds-role-profile-id"),
    ("1.2.826.0.1285.0.2.1.104", "https://fhir.nhs.uk/CodeSystem/NHSDigital-SDS-JobRoleCode"),
    ("2.16.840.1.113883.2.1.3.2.4.18.8", ORDER_NUMBER),
    ("2.16.840.1.113883.2.1.3.2.4.17.25", "https://fhir.nhs.uk/CodeSystem/prescription-type"),
    ("2.16.840.1.113883.2.1.3.2.4.17.21", "https://fhir.nhs.uk/CodeSystem/dispensing-site-preference"),
    ("2.16.840.1.113883.2.1.3.2.4.16.32", "https://fhir.nhs.uk/CodeSystem/medicationrequest-endorsement"),
    ("2.16.840.1.113883.2.1.3.2.4.16.27", "https://fhir.nhs.uk/CodeSystem/medicationrequest-status-reason"),
    ("2.16.840.1.113883.2.1.3.2.4.16.29", "https://fhir.nhs.uk/CodeSystem/medicationdispense-endorsement"),
    ("2.16.840.1.113883.2.1.3.2.4.16.31", "https://fhir.nhs.uk/CodeSystem/medicationdispense-status-reason"),
    ("2.16.840.1.113883.2.1.3.2.4.16.33", "https://fhir.nhs.uk/CodeSystem/prescription-charge-exemption"),
    ("2.16.840.1.113883.2.1.3.2.4.16.35", "https://fhir.nhs.uk/CodeSystem/EPS-task-business-status"),
    ("2.16.840.1.113883.2.1.3.2.4.17.23", "https://fhir.nhs.uk/CodeSystem/medicationdispense-type"),
];

/// The FHIR URI of an OID as prescriptions use them.
pub(crate) fn system(oid: &str) -> Option<Cow<'static, str>> {
    let own = SYSTEMS.iter().find(|(known, _)| *known == oid);
    Some(own.map_or_else(|| systems::of_oid(oid), |(_, uri)| Cow::Borrowed(*uri)))
}

/// The OID of a FHIR URI: the way back of [`system`].
pub(crate) fn oid(uri: &str) -> Option<&str> {
    let own = SYSTEMS.iter().find(|(_, known)| *known == uri).map(|(oid, _)| *oid);
    own.or_else(|| (uri == systems::ODS_ORGANISATION).then_some(ODS_ROOT))
        .or_else(|| causeway_hl7v3::build::oid_of(uri))
}
