//! Mapping tables.

use causeway_core::Leaf;
use causeway_fhir::Writer;
use causeway_terminology::Map;

use crate::rules;

/// Sex of the person (PDI).
pub(crate) static SEX: Map = Map::new("nhais-sex", include_str!("../maps/sex.csv"));
/// Kind of transaction (RFF+950) to the status of its Task.
pub(crate) static TRANSACTION: Map = Map::new("nhais-transaction", include_str!("../maps/transaction.csv"));
/// What a receipt says of a message or an interchange.
pub(crate) static RECEP: Map = Map::new("nhais-recep", include_str!("../maps/recep.csv"));

/// All tables.
pub(crate) static ALL: [&Map; 3] = [&SEX, &TRANSACTION, &RECEP];

/// Code system of the kinds of transaction.
pub(crate) const TRANSACTION_SYSTEM: &str = "https://fhir.causeway.example/CodeSystem/nhais-transaction";
/// Identifier system of transaction numbers.
pub(crate) const TRANSACTION_NUMBER: &str = "https://fhir.causeway.example/Id/nhais-transaction-number";
/// Identifier system of GP trading partner codes (mailboxes).
pub(crate) const TRADING_PARTNER: &str = "https://fhir.causeway.example/Id/nhais-trading-partner";
/// Identifier system of GP codes as NHAIS states them: national code, comma, local code. Not a GMC number.
pub(crate) const GP_CODE: &str = "https://fhir.causeway.example/Id/nhais-gp-code";
/// Identifier system of health authority ciphers. Source: NHSDigital/integration-adaptor-nhais.
pub(crate) const HA_CIPHER: &str =
    "https://digital.nhs.uk/services/nhais/guide-to-nhais-gp-links-documentation";
/// Whether the practice dispenses drugs to the person. Source: NHSDigital/integration-adaptor-nhais.
pub(crate) const DRUGS_DISPENSED: &str =
    "https://fhir.nhs.uk/R4/StructureDefinition/Extension-UKCore-NHAIS-DrugsDispensedMarker";
/// Code of the institution that the person lives in. Source: NHSDigital/integration-adaptor-nhais.
pub(crate) const RESIDENTIAL_INSTITUTE: &str =
    "https://fhir.nhs.uk/R4/StructureDefinition/Extension-UKCore-NHAIS-ResidentialInstituteCode";
/// FHIR R4 patient-birthPlace.
pub(crate) const BIRTH_PLACE: &str = "http://hl7.org/fhir/StructureDefinition/patient-birthPlace";
/// Extension: an element that the source removed.
pub(crate) const SOURCE_DELETED: &str = "https://fhir.causeway.example/StructureDefinition/source-deleted";

/// Extension: which line of an address this is: 1 house name, 2 number and road, 3 locality.
pub(crate) const ADDRESS_LINE: &str = "https://fhir.causeway.example/StructureDefinition/nhais-address-line";

/// Raises that a code is in no table.
pub(crate) fn unknown_code(w: &mut Writer, leaf: Leaf<'_>) {
    w.issue(Some(leaf.id), rules::CODE_UNKNOWN.issue());
}
