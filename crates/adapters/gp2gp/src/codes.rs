//! Code systems, fixed codes and mapping tables.

use causeway_fhir::Coding;
use causeway_terminology::Map;

/// OID of SNOMED CT.
pub(crate) const SNOMED_OID: &str = "2.16.840.1.113883.2.1.3.2.4.15";
/// OID of Read codes version 2 (four- and five-byte).
pub(crate) const READ_OID: &str = "2.16.840.1.113883.2.1.6.2";
/// OID of NHS numbers.
pub(crate) const NHS_NUMBER_OID: &str = "2.16.840.1.113883.2.1.4.1";
/// OID of general practitioners' national numbers.
pub(crate) const GMP_OID: &str = "2.16.840.1.113883.2.1.4.2";
/// OID of practices' national codes, which are ODS codes.
pub(crate) const PRACTICE_OID: &str = "2.16.840.1.113883.2.1.4.3";
/// OID of the confidentiality codes of UK07.
pub(crate) const CONFIDENTIALITY_OID: &str = "2.16.840.1.113883.4.642.3.47";

/// What kind of consultation, as the class of an encounter.
pub(crate) static ENCOUNTER_CLASS: Map =
    Map::new("gp2gp-encounter-class", include_str!("../maps/encounter-class.csv"));
/// Markers of degraded entries, by what the entry is.
pub(crate) static DEGRADED: Map = Map::new("gp2gp-degraded", include_str!("../maps/degraded.csv"));
/// Interpretation of a result.
pub(crate) static INTERPRETATION: Map =
    Map::new("gp2gp-interpretation", include_str!("../maps/interpretation.csv"));
/// Priority of a request.
pub(crate) static PRIORITY: Map = Map::new("gp2gp-priority", include_str!("../maps/priority.csv"));
/// Stems of Read codes and SNOMED CT concepts that say that a vaccine was given.
pub(crate) static IMMUNISATION: Map =
    Map::new("gp2gp-immunisation", include_str!("../maps/immunisation.csv"));
/// Kind of prescription.
pub(crate) static PRESCRIPTION: Map =
    Map::new("gp2gp-prescription", include_str!("../maps/prescription.csv"));

/// All tables.
pub(crate) static MAPS: [&Map; 6] =
    [&ENCOUNTER_CLASS, &DEGRADED, &INTERPRETATION, &PRIORITY, &IMMUNISATION, &PRESCRIPTION];

const SNOMED: &str = causeway_fhir::systems::SNOMED;

/// A consultation's list.
pub(crate) const CONSULTATION: Coding<'static> = Coding::new(SNOMED, "325851000000107", "Consultation");
/// A topic within a consultation.
pub(crate) const TOPIC: Coding<'static> = Coding::new(SNOMED, "25851000000105", "Topic (EHR)");
/// A heading within a topic.
pub(crate) const CATEGORY: Coding<'static> = Coding::new(SNOMED, "24781000000107", "Category (EHR)");
/// A comment of its own.
pub(crate) const COMMENT: Coding<'static> = Coding::new(SNOMED, "37331000000100", "Comment note");
/// A laboratory report.
pub(crate) const REPORT: Coding<'static> = Coding::new(SNOMED, "721981007", "Diagnostic studies report");

/// Composition codes that say that there was no consultation.
pub(crate) const NOT_CONSULTATIONS: [&str; 3] = ["196401000000100", "196391000000103", "109341000000100"];
/// Codes of a systolic blood pressure, SNOMED CT.
pub(crate) const SYSTOLIC: [&str; 3] = ["72313002", "163030003", "271649006"];
/// Codes of a systolic blood pressure, Read.
pub(crate) const SYSTOLIC_READ: [&str; 2] = ["2469.00", "2469."];
/// Codes of a diastolic blood pressure, SNOMED CT.
pub(crate) const DIASTOLIC: [&str; 3] = ["1091811000000102", "163031004", "271650006"];
/// Codes of a diastolic blood pressure, Read.
pub(crate) const DIASTOLIC_READ: [&str; 2] = ["246A.00", "246A."];
