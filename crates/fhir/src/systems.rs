//! Identifiers of code systems and identifier systems. Each says who defines it.

/// NHS number (NHS England).
pub const NHS_NUMBER: &str = "https://fhir.nhs.uk/Id/nhs-number";
/// Organisation code (Organisation Data Service).
pub const ODS_ORGANISATION: &str = "https://fhir.nhs.uk/Id/ods-organization-code";
/// Site code (Organisation Data Service).
pub const ODS_SITE: &str = "https://fhir.nhs.uk/Id/ods-site-code";
/// Spine user (SDS).
pub const SDS_USER: &str = "https://fhir.nhs.uk/Id/sds-user-id";
/// General Medical Council number (UK Core).
pub const GMC_NUMBER: &str = "https://fhir.hl7.org.uk/Id/gmc-number";
/// General practitioner's national number (UK Core).
pub const GMP_NUMBER: &str = "https://fhir.hl7.org.uk/Id/gmp-number";
/// SNOMED CT.
pub const SNOMED: &str = "http://snomed.info/sct";
/// LOINC.
pub const LOINC: &str = "http://loinc.org";
/// UCUM units.
pub const UCUM: &str = "http://unitsofmeasure.org";
/// NHS dictionary of medicines and devices.
pub const DMD: &str = "https://dmd.nhs.uk";
/// Read codes version 2 (as CareConnect and UK Core examples name it).
pub const READ_V2: &str = "http://read.info/readv2";
/// Clinical Terms Version 3.
pub const CTV3: &str = "http://read.info/ctv3";
/// EGTON (EMIS) local codes.
pub const EGTON: &str = "https://fhir.hl7.org.uk/Id/egton-codes";
/// EMIS drug codes.
pub const EMIS_DRUG: &str = "https://fhir.hl7.org.uk/Id/emis-drug-codes";
/// ICD-10.
pub const ICD10: &str = "http://hl7.org/fhir/sid/icd-10-uk";
/// OPCS-4.
pub const OPCS4: &str = "https://fhir.hl7.org.uk/Id/opcs-4";
/// Verification of an NHS number (UK Core).
pub const NHS_NUMBER_VERIFICATION: &str =
    "https://fhir.hl7.org.uk/CodeSystem/UKCore-NHSNumberVerificationStatusEngland";
/// Act codes (HL7 v3), used by `Encounter.class`.
pub const ACT_CODE: &str = "http://terminology.hl7.org/CodeSystem/v3-ActCode";
/// Confidentiality (HL7 v3).
pub const CONFIDENTIALITY: &str = "http://terminology.hl7.org/CodeSystem/v3-Confidentiality";
/// Null flavours (HL7 v3).
pub const NULL_FLAVOR: &str = "http://terminology.hl7.org/CodeSystem/v3-NullFlavor";
/// Interpretation of observations.
pub const INTERPRETATION: &str = "http://terminology.hl7.org/CodeSystem/v3-ObservationInterpretation";
/// Category of observations.
pub const OBSERVATION_CATEGORY: &str = "http://terminology.hl7.org/CodeSystem/observation-category";
/// Clinical status of conditions.
pub const CONDITION_CLINICAL: &str = "http://terminology.hl7.org/CodeSystem/condition-clinical";
/// Verification status of conditions.
pub const CONDITION_VERIFICATION: &str = "http://terminology.hl7.org/CodeSystem/condition-ver-status";
/// Category of conditions.
pub const CONDITION_CATEGORY: &str = "http://terminology.hl7.org/CodeSystem/condition-category";
/// Clinical status of allergies.
pub const ALLERGY_CLINICAL: &str = "http://terminology.hl7.org/CodeSystem/allergyintolerance-clinical";
/// Verification status of allergies.
pub const ALLERGY_VERIFICATION: &str =
    "http://terminology.hl7.org/CodeSystem/allergyintolerance-verification";
/// Absent data.
pub const DATA_ABSENT: &str = "http://terminology.hl7.org/CodeSystem/data-absent-reason";
/// Root of HL7 v2 tables; the table number, four digits, follows.
pub const HL7_V2_TABLE: &str = "http://terminology.hl7.org/CodeSystem/v2-";

/// Language tags. Source: BCP 47.
pub const BCP_47: &str = "urn:ietf:bcp:47";

/// Root of what this project defines itself.
pub const CAUSEWAY: &str = "https://fhir.causeway.example";
/// Issue rules of this project.
pub const CAUSEWAY_ISSUE: &str = "https://fhir.causeway.example/CodeSystem/issue";
/// Tag: the system that a resource's facts came from.
pub const TAG_SOURCE: &str = "https://fhir.causeway.example/CodeSystem/source-system";
/// Tag: the organisation that sent them.
pub const TAG_PROVENANCE: &str = "https://fhir.causeway.example/CodeSystem/provenance-organisation";
/// Identifier of an original message: its SHA-256 or the exchange's id.
pub const ORIGINAL: &str = "https://fhir.causeway.example/Id/original";
/// What a source calls an NHS number and is none: see [`crate::types::stated_nhs_number`]. Nobody may match by it.
pub const STATED_NHS_NUMBER: &str = "https://fhir.causeway.example/Id/number-not-valid";
/// CQC location id.
pub const CQC_LOCATION: &str = "https://fhir.causeway.example/Id/cqc-location";
/// Council code (CASSR).
pub const CASSR: &str = "https://fhir.causeway.example/Id/cassr-code";

/// Prefix of identifiers that a local system issues; the organisation's code and a name follow.
pub fn local(organisation: &str, name: &str) -> String {
    const START: &str = "/Id/local/";
    let mut out = String::with_capacity(CAUSEWAY.len() + START.len() + organisation.len() + 1 + name.len());
    out.push_str(CAUSEWAY);
    out.push_str(START);
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_');
    let clean = |out: &mut String, text: &str| match text.bytes().all(plain) {
        true => out.push_str(text),
        false => out.extend(text.chars().map(|c| if u8::try_from(c).is_ok_and(plain) { c } else { '-' })),
    };
    clean(&mut out, organisation);
    out.push('/');
    clean(&mut out, name);
    out
}

/// Whether a text is an object identifier of at least three arcs: shorter ones are version numbers and the like. Source: FHIR R4,
/// data types, oid; HL7 v3, UID (128 characters at most).
pub fn is_oid(text: &str) -> bool {
    text.len() <= 128 && causeway_core::identifier::arcs(text).is_some_and(|arcs| arcs >= 3)
}

/// The FHIR URI of an OID, as UK messages use them; unknown ones become `urn:oid:…`. A root that is a GUID becomes `urn:uuid:…`, a URI
/// stays, and any other text is a name that its sender gives.
pub fn of_oid(oid: &str) -> std::borrow::Cow<'static, str> {
    let known = match oid {
        "2.16.840.1.113883.2.1.4.1" => NHS_NUMBER,
        "2.16.840.1.113883.2.1.3.2.4.15" | "2.16.840.1.113883.6.96" => SNOMED,
        "2.16.840.1.113883.2.1.6.2" | "2.16.840.1.113883.2.1.3.2.4.20" => READ_V2,
        "2.16.840.1.113883.2.1.3.2.4.14" => CTV3,
        "2.16.840.1.113883.2.1.6.3" => EGTON,
        "2.16.840.1.113883.2.1.6.9" => EMIS_DRUG,
        "2.16.840.1.113883.6.1" => LOINC,
        "2.16.840.1.113883.6.3" => ICD10,
        "1.2.826.0.1285.0.1.10" | "2.16.840.1.113883.2.1.3.2.4.19.1" => ODS_ORGANISATION,
        "1.2.826.0.1285.0.2.0.65" => SDS_USER,
        _ => {
            return std::borrow::Cow::Owned(if is_oid(oid) {
                format!("urn:oid:{oid}")
            } else if oid.len() == 36 && oid.bytes().all(|b| b.is_ascii_hexdigit() || b == b'-') {
                format!("urn:uuid:{}", oid.to_ascii_lowercase())
            } else if oid.contains(':') && !oid.contains(char::is_whitespace) {
                oid.to_owned()
            } else {
                local("unspecified", oid)
            });
        }
    };
    std::borrow::Cow::Borrowed(known)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn object_identifiers_and_what_only_looks_like_them() {
        for oid in ["2.16.840.1.113883.2.1.3.2.4.18.99", "1.2.3", "0.4.0"] {
            assert!(is_oid(oid), "{oid}");
            assert_eq!(of_oid(oid), format!("urn:oid:{oid}"));
        }
        for other in ["", "1", "1.2", "3.1.4", "1..2", "1.2.", "1.02.3", "1.2.x", " 1.2.3", "2024.10.1a"] {
            assert!(!is_oid(other), "{other}");
            assert!(!of_oid(other).starts_with("urn:oid:"), "{other}");
        }
    }
}
