//! The person, the provider, and the people around the person.

use causeway_json::shape::{Field, Object, Shape};

use crate::bind::{Bind, Codes, Kind, SUPPORT_ROLE, Section, bind, detail};
use crate::forms::*;
use crate::limits;

const PART: Shape = Shape::Text { min: 1, max: limits::NAME_CHARS_MAX };
const LINE: Shape = Shape::Text { min: 1, max: limits::ADDRESS_LINE_CHARS_MAX };

/// Ethnic categories of the NHS Data Dictionary (ETHNIC CATEGORY 2001).
pub static ETHNICITY: Codes = Codes {
    system: "https://fhir.hl7.org.uk/CodeSystem/UKCore-EthnicCategoryEngland",
    list: &[
        ("A", "White - British"),
        ("B", "White - Irish"),
        ("C", "White - Any other White background"),
        ("D", "Mixed - White and Black Caribbean"),
        ("E", "Mixed - White and Black African"),
        ("F", "Mixed - White and Asian"),
        ("G", "Mixed - Any other mixed background"),
        ("H", "Asian or Asian British - Indian"),
        ("J", "Asian or Asian British - Pakistani"),
        ("K", "Asian or Asian British - Bangladeshi"),
        ("L", "Asian or Asian British - Any other Asian background"),
        ("M", "Black or Black British - Caribbean"),
        ("N", "Black or Black British - African"),
        ("P", "Black or Black British - Any other Black background"),
        ("R", "Other Ethnic Groups - Chinese"),
        ("S", "Other Ethnic Groups - Any other ethnic group"),
        ("Z", "Not stated"),
        ("99", "Not known"),
    ],
};

/// Person stated gender (NHS Data Dictionary) and FHIR's administrative gender.
pub static GENDER: [(&str, &str); 4] = [("1", "male"), ("2", "female"), ("9", "other"), ("X", "unknown")];

/// Shape of an item.
pub static TELEPHONE: Object = Object {
    fields: &[
        Field::required("number", "telephone number", PART),
        Field::optional("use", "what kind", Shape::Code(&["home", "work", "temp", "old", "mobile"])),
    ],
    any_of: &[],
    classes: &[],
};

/// Shape of an item.
pub static EMAIL: Object = Object {
    fields: &[
        Field::required("address", "email address", Shape::Text { min: 1, max: 255 }),
        Field::optional("use", "what kind", Shape::Code(&["home", "work", "temp", "old"])),
    ],
    any_of: &[],
    classes: &[],
};

/// Shape of an item.
pub static LOCAL_IDENTIFIER: Object = Object {
    fields: &[
        Field::optional(
            "system",
            "URI of the system that issued it; the provider's own where absent",
            Shape::Form(&URI),
        ),
        Field::required("value", "the identifier", Shape::Text { min: 1, max: limits::UID_CHARS_MAX }),
    ],
    any_of: &[],
    classes: &[],
};

/// Shape of an item.
pub static ADDRESS: Object = Object {
    fields: &[
        Field::required("line1", "address line 1", LINE),
        Field::optional("line2", "address line 2", LINE),
        Field::optional("line3", "address line 3", LINE),
        Field::optional("line4", "address line 4", LINE),
        Field::optional("line5", "address line 5", LINE),
        Field::required("postcode", "postcode", Shape::Text { min: 1, max: limits::POSTCODE_CHARS_MAX }),
    ],
    any_of: &[],
    classes: &[],
};

/// The person.
pub static SUBJECT: Object = Object {
    fields: &[
        Field::optional("nhsNumber", "NHS number, never traced by this format", Shape::Form(&NHS_NUMBER)),
        Field::optional(
            "localIdentifiers",
            "other identifiers",
            Shape::List { of: &Shape::Object(&LOCAL_IDENTIFIER), min: 1, max: 20 },
        ),
        Field::required("familyName", "family name", PART),
        Field::required("givenName", "first name", PART),
        Field::optional("middleNames", "other given names", Shape::List { of: &PART, min: 1, max: 10 }),
        Field::optional("preferredName", "what the person wants to be called", NAME),
        Field::optional("title", "title", PART),
        Field::optional("suffix", "suffix", PART),
        Field::required("dateOfBirth", "date of birth", DAY),
        Field::optional("dateOfDeath", "date of death", WHEN),
        Field::optional("gender", "person stated gender: 1, 2, 9 or X", Shape::Code(&["1", "2", "9", "X"])),
        Field::optional("genderIdentity", "gender identity, in the person's words", SHORT),
        Field::optional(
            "ethnicity",
            "ethnic category of the NHS Data Dictionary",
            Shape::Code(&[
                "A", "B", "C", "D", "E", "F", "G", "H", "J", "K", "L", "M", "N", "P", "R", "S", "Z", "99",
            ]),
        ),
        Field::optional("religion", "religion or belief", CODED),
        Field::optional("firstLanguage", "first language, ISO 639 as in BCP 47", Shape::Form(&LANGUAGE)),
        Field::optional("interpreterRequired", "whether an interpreter is needed", Shape::Boolean),
        Field::optional("sexualOrientation", "sexual orientation (sensitive)", SHORT),
        Field::optional("immigrationStatus", "immigration status (sensitive, never passed on)", SHORT),
        Field::optional("pregnancyStatus", "pregnancy status (sensitive)", SHORT),
        Field::required("address", "usual address", Shape::Object(&ADDRESS)),
        Field::optional(
            "telephones",
            "telephone numbers",
            Shape::List { of: &Shape::Object(&TELEPHONE), min: 1, max: 20 },
        ),
        Field::optional(
            "emails",
            "email addresses",
            Shape::List { of: &Shape::Object(&EMAIL), min: 1, max: 20 },
        ),
        Field::optional("gpPracticeCode", "code of the GP practice", Shape::Form(&ODS)),
        Field::optional("gpPracticeName", "name of the GP practice", SHORT),
        Field::optional("gpName", "name of the GP", NAME),
    ],
    any_of: &[],
    classes: &[],
};

/// The organisation whose record it is.
pub static PROVIDER: Object = Object {
    fields: &[
        Field::optional("cqcLocationId", "CQC location id", Shape::Form(&CQC)),
        Field::optional("odsCode", "ODS code", Shape::Form(&ODS)),
        Field::optional("name", "name", SHORT),
        Field::optional("telephone", "telephone number", PART),
    ],
    any_of: &["cqcLocationId", "odsCode"],
    classes: &[],
};

/// Code system of [`ROLES`].
pub const ROLES_SYSTEM: &str = "https://fhir.causeway.example/CodeSystem/social-care-support-role";
/// Roles in a person's support, as the Interweave guide lists them.
pub static ROLES: Codes = Codes {
    system: ROLES_SYSTEM,
    list: &[
        ("ADV", "Advocate"),
        ("AF", "Appointed For"),
        ("AS", "Appointeeship"),
        ("CAR", "Carer"),
        ("CF", "Cared For"),
        ("DEP", "Dependant"),
        ("EC", "Emergency Contact"),
        ("FA", "Financial Agent"),
        ("HM", "Household Member"),
        ("IC", "Informal Carer"),
        ("INV", "Invoicee"),
        ("KH", "Key Holder"),
        ("LPA", "Lasting Power of Attorney"),
        ("MC", "Main Carer"),
        ("NOK", "Next of Kin"),
        ("NR", "Nearest Relative"),
        ("OTH", "Other"),
    ],
};

const ROLE_CODES: Shape = Shape::List {
    of: &Shape::Code(&[
        "ADV", "AF", "AS", "CAR", "CF", "DEP", "EC", "FA", "HM", "IC", "INV", "KH", "LPA", "MC", "NOK", "NR",
        "OTH",
    ]),
    min: 1,
    max: 17,
};

/// HL7 v3 role codes of personal relationships that a contact may have.
const RELATIONSHIPS: Shape = Shape::Code(&[
    "AUNT",
    "BRO",
    "CHILD",
    "COUSN",
    "DAU",
    "DAUC",
    "DAUINLAW",
    "DOMPART",
    "EXT",
    "FAMMEMB",
    "FMRSPS",
    "FRND",
    "FTH",
    "GRFTH",
    "GRMTH",
    "GRNDCHILD",
    "GRNDDAU",
    "GRNDSON",
    "GRPRN",
    "HUSB",
    "INLAW",
    "MTH",
    "NBOR",
    "NEPHEW",
    "NIECE",
    "PRN",
    "ROOM",
    "SIB",
    "SIGOTHR",
    "SIS",
    "SON",
    "SONC",
    "SONINLAW",
    "SPS",
    "STPCHLD",
    "UNCLE",
    "WIFE",
]);

/// Shape of an item.
pub static PERSONAL_CONTACT: Object = Object {
    fields: &[
        RECORD_UID,
        VERSION,
        RECORDED_AT,
        RECORDED_BY,
        Field::required("name", "full name", NAME),
        Field::optional("relationshipCode", "relationship, HL7 v3 RoleCode", RELATIONSHIPS),
        Field::optional("relationship", "relationship in words", SHORT),
        Field::optional("roles", "roles in the person's support", ROLE_CODES),
        Field::optional("parentalResponsibility", "whether with parental responsibility", Shape::Boolean),
        Field::optional("householdMember", "whether of the same household", Shape::Boolean),
        Field::optional("telephone", "telephone number", PART),
        Field::optional("email", "email address", Shape::Text { min: 1, max: 255 }),
        Field::optional("address", "address in one line", Shape::Text { min: 1, max: 255 }),
        Field::optional("nhsNumber", "NHS number of the contact", Shape::Form(&NHS_NUMBER)),
        COMMENT,
    ],
    any_of: &[],
    classes: &[],
};

const ROLE_CODE_SYSTEM: &str = "http://terminology.hl7.org/CodeSystem/v3-RoleCode";

/// Contacts of the person.
pub static PERSONAL_CONTACTS: Section =
    Section::new("personalContacts", &PERSONAL_CONTACT, "RelatedPerson", "patient", PERSONAL_CONTACT_BINDS)
        .open_to_others();

const PERSONAL_CONTACT_BINDS: &[Bind] = &[
    bind("roles", "", Kind::Extension(SUPPORT_ROLE, &ROLES)),
    detail("parentalResponsibility"),
    detail("householdMember"),
    detail("comment"),
    Bind { from: "recordedAt", to: "", kind: Kind::DetailDate },
    detail("recordedBy.name"),
    detail("recordedBy.role"),
    detail("recordedBy.contact"),
    bind("relationshipCode", "relationship[].coding[].system", Kind::FixedIf(ROLE_CODE_SYSTEM)),
    bind("relationshipCode", "relationship[].coding[].code", Kind::Text),
    bind("relationship", "relationship[].text", Kind::Text),
    bind("name", "name[].text", Kind::Text),
    bind("telephone", "telecom[system=phone].value", Kind::Text),
    bind("email", "telecom[system=email].value", Kind::Text),
    bind("address", "address[].text", Kind::Text),
];

/// Contacts among professionals, and whom a plan says to call.
pub static PROFESSIONAL_CONTACT: Object = Object {
    fields: &[
        RECORD_UID,
        VERSION,
        Field::required("name", "full name", NAME),
        Field::optional("role", "role", SHORT),
        Field::optional("speciality", "speciality", SHORT),
        Field::optional("team", "team", SHORT),
        Field::optional("organisation", "organisation", SHORT),
        Field::optional("keyWorker", "whether the person's key worker", Shape::Boolean),
        Field::optional("telephone", "telephone number", PART),
        Field::optional("email", "email address", Shape::Text { min: 1, max: 255 }),
        Field::optional("contact", "other contact details", NAME),
        Field::optional("startDate", "from when", WHEN),
        Field::optional("endDate", "until when", WHEN),
        COMMENT,
    ],
    any_of: &[],
    classes: &[],
};

/// The role of a professional contact; the name goes to the Practitioner it refers to.
pub static PROFESSIONAL_CONTACTS: Section = Section::new(
    "professionalContacts",
    &PROFESSIONAL_CONTACT,
    "PractitionerRole",
    "",
    PROFESSIONAL_CONTACT_BINDS,
)
.open_to_others();

const PROFESSIONAL_CONTACT_BINDS: &[Bind] = &[
    detail("team"),
    detail("keyWorker"),
    detail("contact"),
    detail("comment"),
    bind("startDate", "period.start", Kind::DateTime),
    bind("endDate", "period.end", Kind::DateTime),
    bind("organisation", "organization", Kind::Display),
    bind("role", "code[]", Kind::ConceptText),
    bind("speciality", "specialty[]", Kind::ConceptText),
    bind("telephone", "telecom[system=phone].value", Kind::Text),
    bind("email", "telecom[system=email].value", Kind::Text),
];
