//! Resource types: their names in STU3 and R4, and the elements that R4 gives each (R4 4.0.1, top level).

/// A resource type of R4 with its own elements and those of them that repeat.
pub(crate) struct Kind {
    pub name: &'static str,
    pub elements: &'static [&'static str],
    pub lists: &'static [&'static str],
}

/// The resource types that are written.
pub(crate) static KINDS: &[Kind] = &[
    Kind {
        name: "AllergyIntolerance",
        elements: &["language", "identifier", "clinicalStatus", "verificationStatus", "type", "category", "criticality", "code", "patient", "encounter", "onsetDateTime", "onsetAge", "onsetPeriod", "onsetRange", "onsetString", "recordedDate", "recorder", "asserter", "lastOccurrence", "note", "reaction"],
        lists: &["identifier", "category", "note", "reaction"],
    },
    Kind {
        name: "Appointment",
        elements: &["language", "identifier", "status", "cancelationReason", "serviceCategory", "serviceType", "specialty", "appointmentType", "reasonCode", "reasonReference", "priority", "description", "supportingInformation", "start", "end", "minutesDuration", "slot", "created", "comment", "patientInstruction", "basedOn", "participant", "requestedPeriod"],
        lists: &["identifier", "serviceCategory", "serviceType", "specialty", "reasonCode", "reasonReference", "supportingInformation", "slot", "basedOn", "participant", "requestedPeriod"],
    },
    Kind {
        name: "Binary",
        elements: &["language", "contentType", "securityContext", "data"],
        lists: &[],
    },
    Kind {
        name: "CarePlan",
        elements: &["language", "identifier", "instantiatesCanonical", "instantiatesUri", "basedOn", "replaces", "partOf", "status", "intent", "category", "title", "description", "subject", "encounter", "period", "created", "author", "contributor", "careTeam", "addresses", "supportingInfo", "goal", "activity", "note"],
        lists: &["identifier", "instantiatesCanonical", "instantiatesUri", "basedOn", "replaces", "partOf", "category", "contributor", "careTeam", "addresses", "supportingInfo", "goal", "activity", "note"],
    },
    Kind {
        name: "CareTeam",
        elements: &["language", "identifier", "status", "category", "name", "subject", "encounter", "period", "participant", "reasonCode", "reasonReference", "managingOrganization", "telecom", "note"],
        lists: &["identifier", "category", "participant", "reasonCode", "reasonReference", "managingOrganization", "telecom", "note"],
    },
    Kind {
        name: "Communication",
        elements: &["language", "identifier", "instantiatesCanonical", "instantiatesUri", "basedOn", "partOf", "inResponseTo", "status", "statusReason", "category", "priority", "medium", "subject", "topic", "about", "encounter", "sent", "received", "recipient", "sender", "reasonCode", "reasonReference", "payload", "note"],
        lists: &["identifier", "instantiatesCanonical", "instantiatesUri", "basedOn", "partOf", "inResponseTo", "category", "medium", "about", "recipient", "reasonCode", "reasonReference", "payload", "note"],
    },
    Kind {
        name: "Composition",
        elements: &["language", "identifier", "status", "type", "category", "subject", "encounter", "date", "author", "title", "confidentiality", "attester", "custodian", "relatesTo", "event", "section"],
        lists: &["category", "author", "attester", "relatesTo", "event", "section"],
    },
    Kind {
        name: "Condition",
        elements: &["language", "identifier", "clinicalStatus", "verificationStatus", "category", "severity", "code", "bodySite", "subject", "encounter", "onsetDateTime", "onsetAge", "onsetPeriod", "onsetRange", "onsetString", "abatementDateTime", "abatementAge", "abatementPeriod", "abatementRange", "abatementString", "recordedDate", "recorder", "asserter", "stage", "evidence", "note"],
        lists: &["identifier", "category", "bodySite", "stage", "evidence", "note"],
    },
    Kind {
        name: "Consent",
        elements: &["language", "identifier", "status", "scope", "category", "patient", "dateTime", "performer", "organization", "sourceAttachment", "sourceReference", "policy", "policyRule", "verification", "provision"],
        lists: &["identifier", "category", "performer", "organization", "policy", "verification"],
    },
    Kind {
        name: "Coverage",
        elements: &["language", "identifier", "status", "type", "policyHolder", "subscriber", "subscriberId", "beneficiary", "dependent", "relationship", "period", "payor", "class", "order", "network", "costToBeneficiary", "subrogation", "contract"],
        lists: &["identifier", "payor", "class", "costToBeneficiary", "contract"],
    },
    Kind {
        name: "Device",
        elements: &["language", "identifier", "definition", "udiCarrier", "status", "statusReason", "distinctIdentifier", "manufacturer", "manufactureDate", "expirationDate", "lotNumber", "serialNumber", "deviceName", "modelNumber", "partNumber", "type", "specialization", "version", "property", "patient", "owner", "contact", "location", "url", "note", "safety", "parent"],
        lists: &["identifier", "udiCarrier", "statusReason", "deviceName", "specialization", "version", "property", "contact", "note", "safety"],
    },
    Kind {
        name: "DiagnosticReport",
        elements: &["language", "identifier", "basedOn", "status", "category", "code", "subject", "encounter", "effectiveDateTime", "effectivePeriod", "issued", "performer", "resultsInterpreter", "specimen", "result", "imagingStudy", "media", "conclusion", "conclusionCode", "presentedForm"],
        lists: &["identifier", "basedOn", "category", "performer", "resultsInterpreter", "specimen", "result", "imagingStudy", "media", "conclusionCode", "presentedForm"],
    },
    Kind {
        name: "DocumentReference",
        elements: &["language", "masterIdentifier", "identifier", "status", "docStatus", "type", "category", "subject", "date", "author", "authenticator", "custodian", "relatesTo", "description", "securityLabel", "content", "context"],
        lists: &["identifier", "category", "author", "relatesTo", "securityLabel", "content"],
    },
    Kind {
        name: "Encounter",
        elements: &["language", "identifier", "status", "statusHistory", "class", "classHistory", "type", "serviceType", "priority", "subject", "episodeOfCare", "basedOn", "participant", "appointment", "period", "length", "reasonCode", "reasonReference", "diagnosis", "account", "hospitalization", "location", "serviceProvider", "partOf"],
        lists: &["identifier", "statusHistory", "classHistory", "type", "episodeOfCare", "basedOn", "participant", "appointment", "reasonCode", "reasonReference", "diagnosis", "account", "location"],
    },
    Kind {
        name: "EpisodeOfCare",
        elements: &["language", "identifier", "status", "statusHistory", "type", "diagnosis", "patient", "managingOrganization", "period", "referralRequest", "careManager", "team", "account"],
        lists: &["identifier", "statusHistory", "type", "diagnosis", "referralRequest", "team", "account"],
    },
    Kind {
        name: "FamilyMemberHistory",
        elements: &["language", "identifier", "instantiatesCanonical", "instantiatesUri", "status", "dataAbsentReason", "patient", "date", "name", "relationship", "sex", "bornPeriod", "bornDate", "bornString", "ageAge", "ageRange", "ageString", "estimatedAge", "deceasedBoolean", "deceasedAge", "deceasedRange", "deceasedDate", "deceasedString", "reasonCode", "reasonReference", "note", "condition"],
        lists: &["identifier", "instantiatesCanonical", "instantiatesUri", "reasonCode", "reasonReference", "note", "condition"],
    },
    Kind {
        name: "Flag",
        elements: &["language", "identifier", "status", "category", "code", "subject", "period", "encounter", "author"],
        lists: &["identifier", "category"],
    },
    Kind {
        name: "Goal",
        elements: &["language", "identifier", "lifecycleStatus", "achievementStatus", "category", "priority", "description", "subject", "startDate", "startCodeableConcept", "target", "statusDate", "statusReason", "expressedBy", "addresses", "note", "outcomeCode", "outcomeReference"],
        lists: &["identifier", "category", "target", "addresses", "note", "outcomeCode", "outcomeReference"],
    },
    Kind {
        name: "HealthcareService",
        elements: &["language", "identifier", "active", "providedBy", "offeredIn", "category", "type", "specialty", "location", "name", "comment", "extraDetails", "photo", "telecom", "coverageArea", "serviceProvisionCode", "eligibility", "program", "characteristic", "communication", "referralMethod", "appointmentRequired", "availableTime", "notAvailable", "availabilityExceptions", "endpoint"],
        lists: &["identifier", "offeredIn", "category", "type", "specialty", "location", "telecom", "coverageArea", "serviceProvisionCode", "eligibility", "program", "characteristic", "communication", "referralMethod", "availableTime", "notAvailable", "endpoint"],
    },
    Kind {
        name: "ImagingStudy",
        elements: &["language", "identifier", "status", "modality", "subject", "encounter", "started", "basedOn", "referrer", "interpreter", "endpoint", "numberOfSeries", "numberOfInstances", "procedureReference", "procedureCode", "location", "reasonCode", "reasonReference", "note", "description", "series"],
        lists: &["identifier", "modality", "basedOn", "interpreter", "endpoint", "procedureCode", "reasonCode", "reasonReference", "note", "series"],
    },
    Kind {
        name: "Immunization",
        elements: &["language", "identifier", "status", "statusReason", "vaccineCode", "patient", "encounter", "occurrenceDateTime", "occurrenceString", "recorded", "primarySource", "reportOrigin", "location", "manufacturer", "lotNumber", "expirationDate", "site", "route", "doseQuantity", "performer", "note", "reasonCode", "reasonReference", "isSubpotent", "subpotentReason", "education", "programEligibility", "fundingSource", "reaction", "protocolApplied"],
        lists: &["identifier", "performer", "note", "reasonCode", "reasonReference", "subpotentReason", "education", "programEligibility", "reaction", "protocolApplied"],
    },
    Kind {
        name: "List",
        elements: &["language", "identifier", "status", "mode", "title", "code", "subject", "encounter", "date", "source", "orderedBy", "note", "entry", "emptyReason"],
        lists: &["identifier", "note", "entry"],
    },
    Kind {
        name: "Location",
        elements: &["language", "identifier", "status", "operationalStatus", "name", "alias", "description", "mode", "type", "telecom", "address", "physicalType", "position", "managingOrganization", "partOf", "hoursOfOperation", "availabilityExceptions", "endpoint"],
        lists: &["identifier", "alias", "type", "telecom", "hoursOfOperation", "endpoint"],
    },
    Kind {
        name: "Media",
        elements: &["language", "identifier", "basedOn", "partOf", "status", "type", "modality", "view", "subject", "encounter", "createdDateTime", "createdPeriod", "issued", "operator", "reasonCode", "bodySite", "deviceName", "device", "height", "width", "frames", "duration", "content", "note"],
        lists: &["identifier", "basedOn", "partOf", "reasonCode", "note"],
    },
    Kind {
        name: "Medication",
        elements: &["language", "identifier", "code", "status", "manufacturer", "form", "amount", "ingredient", "batch"],
        lists: &["identifier", "ingredient"],
    },
    Kind {
        name: "MedicationAdministration",
        elements: &["language", "identifier", "instantiates", "partOf", "status", "statusReason", "category", "medicationCodeableConcept", "medicationReference", "subject", "context", "supportingInformation", "effectiveDateTime", "effectivePeriod", "performer", "reasonCode", "reasonReference", "request", "device", "note", "dosage", "eventHistory"],
        lists: &["identifier", "instantiates", "partOf", "statusReason", "supportingInformation", "performer", "reasonCode", "reasonReference", "device", "note", "eventHistory"],
    },
    Kind {
        name: "MedicationDispense",
        elements: &["language", "identifier", "partOf", "status", "statusReasonCodeableConcept", "statusReasonReference", "category", "medicationCodeableConcept", "medicationReference", "subject", "context", "supportingInformation", "performer", "location", "authorizingPrescription", "type", "quantity", "daysSupply", "whenPrepared", "whenHandedOver", "destination", "receiver", "note", "dosageInstruction", "substitution", "detectedIssue", "eventHistory"],
        lists: &["identifier", "partOf", "supportingInformation", "performer", "authorizingPrescription", "receiver", "note", "dosageInstruction", "detectedIssue", "eventHistory"],
    },
    Kind {
        name: "MedicationRequest",
        elements: &["language", "identifier", "status", "statusReason", "intent", "category", "priority", "doNotPerform", "reportedBoolean", "reportedReference", "medicationCodeableConcept", "medicationReference", "subject", "encounter", "supportingInformation", "authoredOn", "requester", "performer", "performerType", "recorder", "reasonCode", "reasonReference", "instantiatesCanonical", "instantiatesUri", "basedOn", "groupIdentifier", "courseOfTherapyType", "insurance", "note", "dosageInstruction", "dispenseRequest", "substitution", "priorPrescription", "detectedIssue", "eventHistory"],
        lists: &["identifier", "category", "supportingInformation", "reasonCode", "reasonReference", "instantiatesCanonical", "instantiatesUri", "basedOn", "insurance", "note", "dosageInstruction", "detectedIssue", "eventHistory"],
    },
    Kind {
        name: "MedicationStatement",
        elements: &["language", "identifier", "basedOn", "partOf", "status", "statusReason", "category", "medicationCodeableConcept", "medicationReference", "subject", "context", "effectiveDateTime", "effectivePeriod", "dateAsserted", "informationSource", "derivedFrom", "reasonCode", "reasonReference", "note", "dosage"],
        lists: &["identifier", "basedOn", "partOf", "statusReason", "derivedFrom", "reasonCode", "reasonReference", "note", "dosage"],
    },
    Kind {
        name: "Observation",
        elements: &["language", "identifier", "basedOn", "partOf", "status", "category", "code", "subject", "focus", "encounter", "effectiveDateTime", "effectivePeriod", "effectiveTiming", "effectiveInstant", "issued", "performer", "valueQuantity", "valueCodeableConcept", "valueString", "valueBoolean", "valueInteger", "valueRange", "valueRatio", "valueSampledData", "valueTime", "valueDateTime", "valuePeriod", "dataAbsentReason", "interpretation", "note", "bodySite", "method", "specimen", "device", "referenceRange", "hasMember", "derivedFrom", "component"],
        lists: &["identifier", "basedOn", "partOf", "category", "focus", "performer", "interpretation", "note", "referenceRange", "hasMember", "derivedFrom", "component"],
    },
    Kind {
        name: "Organization",
        elements: &["language", "identifier", "active", "type", "name", "alias", "telecom", "address", "partOf", "contact", "endpoint"],
        lists: &["identifier", "type", "alias", "telecom", "address", "contact", "endpoint"],
    },
    Kind {
        name: "Patient",
        elements: &["language", "identifier", "active", "name", "telecom", "gender", "birthDate", "deceasedBoolean", "deceasedDateTime", "address", "maritalStatus", "multipleBirthBoolean", "multipleBirthInteger", "photo", "contact", "communication", "generalPractitioner", "managingOrganization", "link"],
        lists: &["identifier", "name", "telecom", "address", "photo", "contact", "communication", "generalPractitioner", "link"],
    },
    Kind {
        name: "Practitioner",
        elements: &["language", "identifier", "active", "name", "telecom", "address", "gender", "birthDate", "photo", "qualification", "communication"],
        lists: &["identifier", "name", "telecom", "address", "photo", "qualification", "communication"],
    },
    Kind {
        name: "PractitionerRole",
        elements: &["language", "identifier", "active", "period", "practitioner", "organization", "code", "specialty", "location", "healthcareService", "telecom", "availableTime", "notAvailable", "availabilityExceptions", "endpoint"],
        lists: &["identifier", "code", "specialty", "location", "healthcareService", "telecom", "availableTime", "notAvailable", "endpoint"],
    },
    Kind {
        name: "Procedure",
        elements: &["language", "identifier", "instantiatesCanonical", "instantiatesUri", "basedOn", "partOf", "status", "statusReason", "category", "code", "subject", "encounter", "performedDateTime", "performedPeriod", "performedString", "performedAge", "performedRange", "recorder", "asserter", "performer", "location", "reasonCode", "reasonReference", "bodySite", "outcome", "report", "complication", "complicationDetail", "followUp", "note", "focalDevice", "usedReference", "usedCode"],
        lists: &["identifier", "instantiatesCanonical", "instantiatesUri", "basedOn", "partOf", "performer", "reasonCode", "reasonReference", "bodySite", "report", "complication", "complicationDetail", "followUp", "note", "focalDevice", "usedReference", "usedCode"],
    },
    Kind {
        name: "Questionnaire",
        elements: &["language", "url", "identifier", "version", "name", "title", "derivedFrom", "status", "experimental", "subjectType", "date", "publisher", "contact", "description", "useContext", "jurisdiction", "purpose", "copyright", "approvalDate", "lastReviewDate", "effectivePeriod", "code", "item"],
        lists: &["identifier", "derivedFrom", "subjectType", "contact", "useContext", "jurisdiction", "code", "item"],
    },
    Kind {
        name: "QuestionnaireResponse",
        elements: &["language", "identifier", "basedOn", "partOf", "questionnaire", "status", "subject", "encounter", "authored", "author", "source", "item"],
        lists: &["basedOn", "partOf", "item"],
    },
    Kind {
        name: "RelatedPerson",
        elements: &["language", "identifier", "active", "patient", "relationship", "name", "telecom", "gender", "birthDate", "address", "photo", "period", "communication"],
        lists: &["identifier", "relationship", "name", "telecom", "address", "photo", "communication"],
    },
    Kind {
        name: "Schedule",
        elements: &["language", "identifier", "active", "serviceCategory", "serviceType", "specialty", "actor", "planningHorizon", "comment"],
        lists: &["identifier", "serviceCategory", "serviceType", "specialty", "actor"],
    },
    Kind {
        name: "ServiceRequest",
        elements: &["language", "identifier", "instantiatesCanonical", "instantiatesUri", "basedOn", "replaces", "requisition", "status", "intent", "category", "priority", "doNotPerform", "code", "orderDetail", "quantityQuantity", "quantityRatio", "quantityRange", "subject", "encounter", "occurrenceDateTime", "occurrencePeriod", "occurrenceTiming", "asNeededBoolean", "asNeededCodeableConcept", "authoredOn", "requester", "performerType", "performer", "locationCode", "locationReference", "reasonCode", "reasonReference", "insurance", "supportingInfo", "specimen", "bodySite", "note", "patientInstruction", "relevantHistory"],
        lists: &["identifier", "instantiatesCanonical", "instantiatesUri", "basedOn", "replaces", "category", "orderDetail", "performer", "locationCode", "locationReference", "reasonCode", "reasonReference", "insurance", "supportingInfo", "specimen", "bodySite", "note", "relevantHistory"],
    },
    Kind {
        name: "Slot",
        elements: &["language", "identifier", "serviceCategory", "serviceType", "specialty", "appointmentType", "schedule", "status", "start", "end", "overbooked", "comment"],
        lists: &["identifier", "serviceCategory", "serviceType", "specialty"],
    },
    Kind {
        name: "Specimen",
        elements: &["language", "identifier", "accessionIdentifier", "status", "type", "subject", "receivedTime", "parent", "request", "collection", "processing", "container", "condition", "note"],
        lists: &["identifier", "parent", "request", "processing", "container", "condition", "note"],
    },
    Kind {
        name: "Task",
        elements: &["language", "identifier", "instantiatesCanonical", "instantiatesUri", "basedOn", "groupIdentifier", "partOf", "status", "statusReason", "businessStatus", "intent", "priority", "code", "description", "focus", "for", "encounter", "executionPeriod", "authoredOn", "lastModified", "requester", "performerType", "owner", "location", "reasonCode", "reasonReference", "insurance", "note", "relevantHistory", "restriction", "input", "output"],
        lists: &["identifier", "basedOn", "partOf", "performerType", "insurance", "note", "relevantHistory", "input", "output"],
    },
];

/// The R4 type of an STU3 resource; `None` where this adapter writes none for it.
pub(crate) fn of(stu3: &str) -> Option<&'static Kind> {
    let name = match stu3 {
        "ProcedureRequest" | "ReferralRequest" => "ServiceRequest",
        other => other,
    };
    KINDS.iter().find(|k| k.name == name)
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

/// Whether STU3 has such a type, as far as this adapter knows.
pub(crate) fn known(stu3: &str) -> bool {
    of(stu3).is_some() || OTHERS.contains(&stu3)
}
