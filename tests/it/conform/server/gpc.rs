//! A GP system that answers GP Connect Access Record: Structured (FHIR STU3) for one patient.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use super::nrl::is_nhs_number;
use super::{Answer, Asked, Control};

/// The patient.
const NUMBER: &str = "9990000018";
const NHS_NUMBER: &str = "https://fhir.nhs.uk/Id/nhs-number";
const PROFILE: &str = "https://fhir.nhs.uk/STU3/StructureDefinition/GPConnect-StructuredRecord-Bundle-1";
const INTERACTION: &str = "urn:nhs:names:services:gpconnect:fhir:operation:gpc.getstructuredrecord-1";

fn item(kind: &str, id: &str, fields: &Value) -> Value {
    let mut resource = json!({"resourceType": kind, "id": id, "meta": {"versionId": "1",
        "profile": [format!("https://fhir.nhs.uk/STU3/StructureDefinition/CareConnect-GPC-{kind}-1")]}});
    for (name, value) in fields.as_object().into_iter().flatten() {
        resource[name] = value.clone();
    }
    resource
}

fn list(id: &str, code: &str, title: &str, of: &[String]) -> Value {
    let entries: Vec<Value> = of.iter().map(|id| json!({"item": {"reference": id}})).collect();
    item(
        "List",
        id,
        &json!({"status": "current", "mode": "snapshot", "title": title, "subject": {"reference": "Patient/1"},
        "code": {"coding": [{"system": "http://snomed.info/sct", "code": code}]}, "entry": entries}),
    )
}

impl Control {
    fn gpc_refuse(&self, status: u16, issue: &str, code: &str, text: &str) -> Answer {
        let mut issue = json!({"severity": "error", "code": issue, "diagnostics": text});
        if !self.bad("gpc-no-code") {
            issue["details"] = json!({"coding": [{"code": code,
                "system": "https://fhir.nhs.uk/STU3/CodeSystem/Spine-ErrorOrWarningCode-1"}]});
        }
        let profile = "https://fhir.nhs.uk/STU3/StructureDefinition/GPConnect-OperationOutcome-1";
        let outcome =
            json!({"resourceType": "OperationOutcome", "meta": {"profile": [profile]}, "issue": [issue]});
        Answer::fhir(status, &outcome)
    }

    pub(super) fn gp_connect(&self, asked: &Asked, rest: &[&str]) -> Answer {
        match (asked.method.as_str(), rest) {
            ("GET", ["metadata"]) if !self.bad("gpc-metadata-away") => Answer::fhir(
                200,
                &json!({"resourceType": "CapabilityStatement", "fhirVersion": "3.0.1", "status": "active", "kind": "instance",
                    "acceptUnknown": "both", "date": "2026-01-01", "format": ["application/fhir+json"],
                    "rest": [{"mode": "server", "operation": [{"name": "gpc.getstructuredrecord",
                        "definition": {"reference": "https://fhir.nhs.uk/STU3/OperationDefinition/GPConnect-GetStructuredRecord-Operation-1"}}]}]}),
            ),
            ("POST", ["Patient", "$gpc.getstructuredrecord"]) => {
                self.structured(asked).unwrap_or_else(|refused| refused)
            }
            _ => self.gpc_refuse(404, "not-found", "RESOURCE_NOT_FOUND", "there is nothing here"),
        }
    }

    fn gpc_headers(&self, asked: &Asked) -> Result<(), Answer> {
        let bad = |text: &str| Err(self.gpc_refuse(400, "invalid", "BAD_REQUEST", text));
        let interaction = asked.header("ssp-interactionid");
        if interaction.is_empty() && !self.bad("gpc-no-interaction") {
            return bad("Ssp-InteractionID is missing");
        }
        if !interaction.is_empty() && interaction != INTERACTION && !self.bad("gpc-other-interaction") {
            return bad("the interaction is another's");
        }
        if asked.header("ssp-traceid").is_empty() && !self.bad("gpc-no-trace") {
            return bad("Ssp-TraceID is missing");
        }
        let token = asked.header("authorization").strip_prefix("Bearer ").unwrap_or_default();
        let claims = token.split('.').nth(1).and_then(|part| URL_SAFE_NO_PAD.decode(part).ok());
        let claims: Option<Value> = claims.and_then(|bytes| serde_json::from_slice(&bytes).ok());
        let Some(claims) = claims else {
            return if self.bad("gpc-no-token") { Ok(()) } else { bad("the token is missing") };
        };
        let now = jiff::Timestamp::now().as_second();
        if claims["exp"].as_i64().is_none_or(|exp| exp < now) && !self.bad("gpc-token-old") {
            return bad("the token ran out");
        }
        if claims["requested_scope"] != "patient/*.read" && !self.bad("gpc-token-scope") {
            return bad("the token is for something else");
        }
        if claims["reason_for_request"] != "directcare" && !self.bad("gpc-token-reason") {
            return bad("the token is for something else than direct care");
        }
        Ok(())
    }

    fn structured(&self, asked: &Asked) -> Result<Answer, Answer> {
        self.gpc_headers(asked)?;
        let Some(body) = asked.json().filter(|b| b["resourceType"] == "Parameters") else {
            return Err(match self.bad("gpc-html") {
                true => Answer::new(500, "text/html", "<h1>Server error</h1>"),
                false => self.gpc_refuse(422, "invalid", "INVALID_RESOURCE", "the body is no Parameters"),
            });
        };
        let parameters = body["parameter"].as_array().cloned().unwrap_or_default();
        let named = |name: &str| parameters.iter().find(|p| p["name"] == name).cloned();
        let number = named("patientNHSNumber").unwrap_or_default();
        let (system, value) = (&number["valueIdentifier"]["system"], &number["valueIdentifier"]["value"]);
        let mut value = value.as_str().unwrap_or_default();
        if value.is_empty() {
            if !self.bad("gpc-without-number") {
                return Err(self.gpc_refuse(422, "invalid", "INVALID_PARAMETER", "the patient is missing"));
            }
            value = NUMBER;
        } else if system != NHS_NUMBER && !self.bad("gpc-system-free") {
            return Err(self.gpc_refuse(
                400,
                "value",
                "INVALID_IDENTIFIER_SYSTEM",
                "the system is not the NHS number's",
            ));
        }
        if !is_nhs_number(value) && !self.bad("gpc-number-unchecked") {
            return Err(self.gpc_refuse(400, "value", "INVALID_NHS_NUMBER", "the number is none"));
        }
        if value != NUMBER && !self.bad("gpc-unknown-is-empty") {
            return Err(self.gpc_refuse(
                404,
                "not-found",
                "PATIENT_NOT_FOUND",
                "nobody here has this number",
            ));
        }
        let known = ["patientNHSNumber", "includeAllergies", "includeMedication"];
        let unknown: Vec<&str> =
            parameters.iter().filter_map(|p| p["name"].as_str()).filter(|n| !known.contains(n)).collect();
        let mut resources = Vec::new();
        if value == NUMBER {
            let shown = if self.bad("gpc-other-patient") { "9990000026" } else { NUMBER };
            resources.push(item(
                "Patient",
                "1",
                &json!({"identifier": [{"system": NHS_NUMBER, "value": shown}]}),
            ));
        }
        if let Some(include) = named("includeAllergies") {
            self.allergies(&include, &mut resources);
        }
        if named("includeMedication").is_some() || self.bad("gpc-more-than-asked") {
            self.medicines(&mut resources);
        }
        if !unknown.is_empty() && !self.bad("gpc-extra-silent") {
            let issue = json!({"severity": "warning", "code": "not-supported", "diagnostics": unknown.join(", "),
                "details": {"coding": [{"system": "https://fhir.nhs.uk/STU3/CodeSystem/Spine-ErrorOrWarningCode-1", "code": "NOT_IMPLEMENTED"}]}});
            resources.push(json!({"resourceType": "OperationOutcome", "issue": [issue]}));
        }
        let entries: Vec<Value> = resources.into_iter().map(|r| json!({"resource": r})).collect();
        let kind = if self.bad("gpc-searchset") { "searchset" } else { "collection" };
        let mut bundle = json!({"resourceType": "Bundle", "type": kind, "entry": entries});
        if !self.bad("gpc-profile") {
            bundle["meta"] = json!({"profile": [PROFILE]});
        }
        let media = if self.bad("gpc-media") { "application/json" } else { "application/fhir+json" };
        let answer = Answer::new(200, media, bundle.to_string());
        let caching = if self.bad("gpc-kept") { "public, max-age=3600" } else { "no-store" };
        Ok(answer.with("cache-control", caching))
    }

    fn allergies(&self, include: &Value, resources: &mut Vec<Value>) {
        let parts = include["part"].as_array().into_iter().flatten();
        let asked =
            parts.filter(|p| p["name"] == "includeResolvedAllergies").any(|p| p["valueBoolean"] == true);
        let ended = (asked || self.bad("gpc-resolved-told")) && !self.bad("gpc-resolved-lost");
        let patient = if self.bad("gpc-allergy-of-other") { "Patient/2" } else { "Patient/1" };
        for (id, status) in [("a", "active"), ("b", "active"), ("c", "resolved")] {
            if status == "active" || ended {
                let fields = json!({"clinicalStatus": status, "verificationStatus": "unconfirmed",
                    "patient": {"reference": patient}, "code": {"text": "Penicillin"}});
                resources.push(item("AllergyIntolerance", id, &fields));
            }
        }
        let named: &[&str] = if self.bad("gpc-list-short") { &["a"] } else { &["a", "b"] };
        let named: Vec<String> = named.iter().map(|id| format!("AllergyIntolerance/{id}")).collect();
        if !self.bad("gpc-list-missing") {
            resources.push(list("l1", "886921000000105", "Allergies and adverse reactions", &named));
        }
        if ended {
            resources.push(list(
                "l2",
                "1103671000000101",
                "Ended allergies",
                &["AllergyIntolerance/c".to_owned()],
            ));
        }
    }

    fn medicines(&self, resources: &mut Vec<Value>) {
        let intent = if self.bad("gpc-no-plan") { "order" } else { "plan" };
        let fields = json!({"status": "active", "taken": "unk", "subject": {"reference": "Patient/1"},
            "medicationReference": {"reference": "Medication/m"}, "basedOn": [{"reference": "MedicationRequest/r"}]});
        resources.push(item("MedicationStatement", "s", &fields));
        let fields = json!({"status": "active", "intent": intent, "subject": {"reference": "Patient/1"},
            "medicationReference": {"reference": "Medication/m"}});
        resources.push(item("MedicationRequest", "r", &fields));
        if !self.bad("gpc-medicine-missing") {
            resources.push(item("Medication", "m", &json!({"code": {"text": "Amlodipine 5mg tablets"}})));
        }
        let named = ["MedicationStatement/s".to_owned()];
        resources.push(list("l3", "933361000000108", "Medications and medical devices", &named));
    }
}
