//! Resource types: their names in STU3 and R4, and the elements that R4 gives each.

use std::collections::{HashMap, HashSet};
use std::sync::LazyLock;

/// A resource type of R4 with its own elements and those of them that repeat.
pub(crate) struct Kind {
    pub name: &'static str,
    pub elements: Vec<&'static str>,
    pub lists: Vec<&'static str>,
}

/// The resource types that are written, by name.
static KINDS: LazyLock<HashMap<&'static str, Kind>> = LazyLock::new(|| {
    let lines = include_str!("../maps/r4-elements.txt").lines().filter(|l| !l.starts_with('#'));
    lines.filter_map(read).map(|kind| (kind.name, kind)).collect()
});

/// One line: the type, a colon, its elements; those that repeat have a star.
fn read(line: &'static str) -> Option<Kind> {
    let (name, elements) = line.split_once(':')?;
    let all = || elements.split_whitespace();
    Some(Kind {
        name,
        elements: all().map(|e| e.trim_end_matches('*')).collect(),
        lists: all().filter_map(|e| e.strip_suffix('*')).collect(),
    })
}

/// The R4 type of an STU3 resource; `None` where this adapter writes none for it.
pub(crate) fn of(stu3: &str) -> Option<&'static Kind> {
    let name = match stu3 {
        "ProcedureRequest" | "ReferralRequest" => "ServiceRequest",
        other => other,
    };
    KINDS.get(name)
}

/// Types of STU3 that are not records of a person's care: messages about messages, definitions, conformance.
const OTHERS: [&str; 12] = [
    "OperationOutcome",
    "MessageHeader",
    "Parameters",
    "Provenance",
    "AuditEvent",
    "Endpoint",
    "Group",
    "Person",
    "Substance",
    "Claim",
    "Account",
    "Basic",
];

/// The types of STU3 that are not written and may say something of a person or their care. Source: FHIR STU3, resource list.
const NOT_WRITTEN: &str = "ActivityDefinition AdverseEvent AppointmentResponse BodySite CapabilityStatement ChargeItem \
    ClaimResponse CodeSystem CommunicationRequest CompartmentDefinition ConceptMap \
    Contract DataElement DetectedIssue DeviceComponent DeviceMetric DeviceRequest \
    DeviceUseStatement DocumentManifest EligibilityRequest EligibilityResponse EnrollmentRequest EnrollmentResponse \
    ExpansionProfile ExplanationOfBenefit GraphDefinition GuidanceResponse ImagingManifest ImmunizationRecommendation \
    ImplementationGuide Library Linkage Measure MeasureReport MessageDefinition \
    NamingSystem NutritionOrder OperationDefinition PaymentNotice PaymentReconciliation PlanDefinition \
    ProcessRequest ProcessResponse RequestGroup ResearchStudy ResearchSubject RiskAssessment \
    SearchParameter Sequence ServiceDefinition StructureDefinition StructureMap Subscription \
    SupplyDelivery SupplyRequest TestReport TestScript ValueSet VisionPrescription";

/// Whether STU3 has such a type.
pub(crate) fn known(stu3: &str) -> bool {
    of(stu3).is_some() || OTHERS.contains(&stu3) || is_left_out(stu3)
}

/// Whether a resource of this type is left out, and told to be.
pub(crate) fn is_left_out(stu3: &str) -> bool {
    static NAMES: LazyLock<HashSet<&str>> = LazyLock::new(|| NOT_WRITTEN.split_whitespace().collect());
    NAMES.contains(stu3)
}
