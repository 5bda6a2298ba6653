//! URLs of what this project defines for social care. The definitions lie in `definitions/`.

macro_rules! url {
    ($($name:ident $path:literal $what:literal;)*) => {
        $(#[doc = $what] pub const $name: &str = concat!("https://fhir.causeway.example/", $path);)*
        /// All of them, for the test that each is defined.
        pub const ALL: &[&str] = &[$($name,)*];
    };
}

url! {
    REPORTING_PERIOD "StructureDefinition/cld-reporting-period" "Extension: reporting period of the file.";
    CLIENT_TYPE "StructureDefinition/cld-client-type" "Extension: role in which the person is supported.";
    ROUTE "StructureDefinition/cld-route-of-access" "Extension: route of access.";
    FUNDING "StructureDefinition/cld-funding-status" "Extension: who pays.";
    DELIVERY "StructureDefinition/cld-delivery-mechanism" "Extension: how support is bought.";
    METHOD "StructureDefinition/cld-method" "Extension: who took part.";
    REVIEW_REASON "StructureDefinition/cld-review-reason" "Extension: why support was reviewed.";
    GENDER_TEXT "StructureDefinition/cld-gender-text" "Extension: gender in words that no code expresses.";
    COST "StructureDefinition/cld-cost" "Extension: cost of support.";
    REQUESTER_TYPE "StructureDefinition/social-care-requester-type" "Extension: who made a request.";
    OUTCOME "StructureDefinition/social-care-outcome" "Extension: outcome of an event.";
    CATEGORY "StructureDefinition/social-care-service-category" "Extension: kind of support.";
    REASON_PERIOD "StructureDefinition/social-care-support-reason-period" "Extension: when a reason applied.";
    PRIMARY_REASON "StructureDefinition/social-care-primary-support-reason" "Extension: the primary reason.";
    CS_CHARACTERISTIC "CodeSystem/social-care-characteristic" "Codes of what a council records of a person.";
    CS_CONTACT_REASON "CodeSystem/social-care-contact-reason" "Codes of reasons for a contact.";
    CS_REQUESTER_TYPE "CodeSystem/social-care-requester-type" "Codes of requesters.";
    CS_ASSESSMENT_TYPE "CodeSystem/social-care-assessment-type" "Codes of assessments.";
    CS_SERVICE_TYPE "CodeSystem/social-care-service-type" "Codes of services.";
}

/// Carer, in UK Core's relationship roles.
pub const RELATIONSHIP_ROLE: &str =
    "https://fhir.hl7.org.uk/CodeSystem/UKCore-AdditionalPersonRelationshipRole";
/// Ethnic categories of England, in UK Core.
pub const ETHNIC_ENGLAND: &str = "https://fhir.hl7.org.uk/CodeSystem/UKCore-EthnicCategoryEngland";
