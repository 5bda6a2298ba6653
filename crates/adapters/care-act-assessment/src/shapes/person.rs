//! Person: the subject of care, of whom much is demanded, and the connected person, of whom a name is.

use causeway_json::shape::{Object, Shape};

use super::{ACCURACY, ADDRESS, CONTACT, DATE, ID, NAME, TEXT, many, may, must, one};

/// Genders and phenotypic sexes (NHS Data Dictionary).
const GENDER: Shape = Shape::Token(&["1", "2", "9", "x", "male", "female", "indeterminate", "notknown"]);

/// ONS Census 2021, classification 20b.
const ETHNICITY: Shape = Shape::Code(&[
    "1", "2", "3", "4", "5", "6", "7", "8", "9", "10", "11", "12", "13", "14", "15", "16", "17", "18", "19",
    "-8",
]);

/// HL7 v3 role codes, as far as the standard takes them.
pub const RELATIONSHIPS: Shape = Shape::Code(&[
    "FAMMEMB",
    "CHILD",
    "NCHILD",
    "CHLDADOPT",
    "DAUADOPT",
    "SONADOPT",
    "CHLDFOST",
    "DAUFOST",
    "SONFOST",
    "DAUC",
    "DAU",
    "STPDAU",
    "SON",
    "SONC",
    "STPSON",
    "STPCHLD",
    "EXT",
    "AUNT",
    "MAUNT",
    "PAUNT",
    "UNCLE",
    "MUNCLE",
    "PUNCLE",
    "COUSN",
    "MCOUSN",
    "PCOUSN",
    "NIENEPH",
    "NEPHEW",
    "NIECE",
    "GGRPRN",
    "GGRFTH",
    "MGGRFTH",
    "PGGRFTH",
    "GGRMTH",
    "MGGRMTH",
    "PGGRMTH",
    "MGGRPRN",
    "PGGRPRN",
    "GRPRN",
    "GRFTH",
    "MGRFTH",
    "PGRFTH",
    "GRMTH",
    "MGRMTH",
    "PGRMTH",
    "MGRPRN",
    "PGRPRN",
    "GRNDCHILD",
    "GRNDDAU",
    "GRNDSON",
    "INLAW",
    "CHLDINLAW",
    "DAUINLAW",
    "SONINLAW",
    "PRNINLAW",
    "FTHINLAW",
    "MTHINLAW",
    "SIBINLAW",
    "BROINLAW",
    "SISINLAW",
    "PRN",
    "NPRN",
    "ADOPTP",
    "ADOPTF",
    "ADOPTM",
    "PRNFOST",
    "STPPRN",
    "FTH",
    "NFTH",
    "FTHFOST",
    "STPFTH",
    "MTH",
    "NMTH",
    "GESTM",
    "MTHFOST",
    "STPMTH",
    "SIB",
    "NSIB",
    "HSIB",
    "STPSIB",
    "BRO",
    "NBRO",
    "HBRO",
    "STPBRO",
    "SIS",
    "NSIS",
    "HSIS",
    "STPSIS",
    "TWIN",
    "TWINBRO",
    "TWINSIS",
    "ITWIN",
    "ITWINBRO",
    "ITWINSIS",
    "FTWIN",
    "FTWINBRO",
    "FTWINSIS",
    "SPS",
    "HUSB",
    "WIFE",
    "FMRSPS",
    "DOMPART",
    "SIGOTHR",
    "FRND",
    "NBOR",
    "ROOM",
    "ONESELF",
]);

static PARTIAL_DATE: Object = Object {
    fields: &[must("date", one(&Shape::Form(&DATE))), may("accuracyIndicator", one(&Shape::Form(&ACCURACY)))],
    any_of: &[],
    classes: &["PartialDate"],
};
const PARTIAL: Shape = Shape::Object(&PARTIAL_DATE);

static RELATION: Object = Object {
    fields: &[must("identifier", one(&ID)), must("relationship", many(&RELATIONSHIPS, 1))],
    any_of: &[],
    classes: &["PersonRelationship"],
};
const RELATION_SHAPE: Shape = Shape::Object(&RELATION);

static LANGUAGE: Object = Object {
    fields: &[must("languageCode", one(&TEXT)), may("proficiencyLevel", one(&TEXT))],
    any_of: &[],
    classes: &["Language"],
};

static COMMUNICATION: Object = Object {
    fields: &[
        may("specialCommunicationNeeds", one(&TEXT)),
        may("communicationNeeds", one(&TEXT)),
        may("language", many(&Shape::Object(&LANGUAGE), 0)),
    ],
    any_of: &[],
    classes: &["Communication"],
};
const COMMUNICATION_SHAPE: Shape = Shape::Object(&COMMUNICATION);

/// A subject of care.
pub static SUBJECT: Object = Object {
    fields: &[
        must("identifier", many(&ID, 1)),
        must("name", one(&NAME)),
        must("dateOfBirth", one(&PARTIAL)),
        must("isDeceased", one(&Shape::Boolean)),
        may("deceasedDate", one(&PARTIAL)),
        must("address", many(&ADDRESS, 1)),
        may("contact", many(&CONTACT, 0)),
        must("genderCode", one(&GENDER)),
        may("sexCode", one(&GENDER)),
        must("ethnicityCode", one(&ETHNICITY)),
        may("relatedPerson", many(&RELATION_SHAPE, 0)),
        may("primaryContactProfessional", many(&ID, 0)),
        may("matchedPersonRef", many(&ID, 0)),
        may("aboutMe", one(&ID)),
        may("communication", many(&COMMUNICATION_SHAPE, 0)),
    ],
    any_of: &[],
    classes: &["Person"],
};

/// A connected person.
pub static CONNECTED: Object = Object {
    fields: &[
        may("identifier", many(&ID, 0)),
        must("name", one(&NAME)),
        may("dateOfBirth", one(&PARTIAL)),
        may("isDeceased", one(&Shape::Boolean)),
        may("deceasedDate", one(&PARTIAL)),
        may("address", many(&ADDRESS, 0)),
        may("contact", one(&CONTACT)),
        may("genderCode", one(&GENDER)),
        may("sexCode", one(&GENDER)),
        may("ethnicityCode", one(&ETHNICITY)),
        may("relatedPerson", one(&RELATION_SHAPE)),
        may("primaryContactProfessional", many(&ID, 0)),
        may("matchedPersonRef", many(&ID, 0)),
        may("aboutMe", one(&ID)),
        may("communication", many(&COMMUNICATION_SHAPE, 0)),
    ],
    any_of: &[],
    classes: &["Person"],
};

/// What is demanded of a subject of care and not of a connected person.
pub const DEMANDED: [&str; 6] =
    ["identifier", "dateOfBirth", "isDeceased", "address", "genderCode", "ethnicityCode"];
