//! One resource in the other direction.

use serde_json::{Map, Value, json};

use super::values::{code, dosages, extension, object_of, stu3_kind, value};
use super::{Encoding, kind};

/// A resource that is being written.
struct Stu3<'e> {
    encoding: &'e mut Encoding,
    out: Map<String, Value>,
    extensions: Vec<Value>,
    path: String,
}

const R4_ONLY: &str = "STU3 has no such element";

/// Writes an R4 resource as STU3.
pub(super) fn write(e: &mut Encoding, resource: &Map<String, Value>, path: &str) -> Value {
    let stu3 = stu3_kind(resource).to_owned();
    let mut to = Stu3 { encoding: e, out: Map::new(), extensions: Vec::new(), path: path.to_owned() };
    to.out.insert("resourceType".to_owned(), json!(stu3));
    for (name, child) in resource {
        match name.as_str() {
            "resourceType" => {}
            "id" => to.put("id", child.clone()),
            "meta" => to.meta(child, &stu3),
            "extension" => to.resource_extensions(child),
            _ => to.element(kind(resource), &stu3, name, child),
        }
    }
    to.finish(&stu3);
    if !to.extensions.is_empty() {
        let list = std::mem::take(&mut to.extensions);
        to.put("extension", Value::Array(list));
    }
    Value::Object(to.out)
}

impl Stu3<'_> {
    fn put(&mut self, name: &str, value: Value) {
        let empty = matches!(&value, Value::Null)
            || matches!(&value, Value::Object(o) if o.is_empty())
            || matches!(&value, Value::Array(a) if a.is_empty());
        if !empty {
            self.out.insert(name.to_owned(), value);
        }
    }

    fn at(&self, name: &str) -> String {
        format!("{}.{name}", self.path)
    }

    fn leave(&mut self, name: &str, text: &'static str) {
        let at = self.at(name);
        self.encoding.leave(&at, text);
    }

    fn copy(&mut self, to: &str, name: &str, child: &Value) {
        let at = self.at(name);
        let written = value(self.encoding, child, &at);
        self.put(to, written);
    }

    /// The first of a list; the others are left behind.
    fn first(&mut self, to: &str, name: &str, child: &Value) {
        let Some(list) = child.as_array() else {
            self.copy(to, name, child);
            return;
        };
        for (number, item) in list.iter().enumerate() {
            let at = format!("{name}[{number}]");
            match number {
                0 => self.copy(to, &at, item),
                _ => self.leave(&at, "STU3 has one of these"),
            }
        }
    }

    fn meta(&mut self, meta: &Value, stu3: &str) {
        let mut out = Map::new();
        if let Some(url) = (self.encoding.profile)(stu3) {
            out.insert("profile".to_owned(), json!([url]));
        }
        if let Some(labels) = meta.get("security") {
            let at = self.at("meta.security");
            let written = value(self.encoding, labels, &at);
            out.insert("security".to_owned(), written);
        }
        for name in ["source", "tag", "versionId", "lastUpdated"] {
            if meta.get(name).is_some() {
                self.leave(&format!("meta.{name}"), "said of this exchange's own copy");
            }
        }
        self.put("meta", Value::Object(out));
    }

    fn resource_extensions(&mut self, list: &Value) {
        for (number, item) in list.as_array().into_iter().flatten().enumerate() {
            let Some(item) = item.as_object() else { continue };
            let at = self.at(&format!("extension[{number}]"));
            let written = extension(self.encoding, item, &at);
            self.add_extension(written);
        }
    }

    /// Adds an extension; parts of one that is there already are joined to it.
    fn add_extension(&mut self, written: Value) {
        let same = self.extensions.iter_mut().find(|x| {
            let complex = |v: &Value| v["extension"].is_array();
            let joins = ["MedicationRepeatInformation-1", "MedicationStatusReason-1"];
            let url = x["url"].as_str().unwrap_or("");
            x["url"] == written["url"]
                && complex(x)
                && complex(&written)
                && joins.iter().any(|j| url.ends_with(j))
        });
        match same {
            Some(existing) => {
                let more = written["extension"].as_array().cloned().unwrap_or_default();
                if let Some(list) = existing["extension"].as_array_mut() {
                    list.extend(more);
                }
            }
            None => self.extensions.push(written),
        }
    }

    fn nhs_extension(&mut self, name: &str, body: Value) {
        let mut out = json!({"url": format!("https://fhir.nhs.uk/STU3/StructureDefinition/Extension-CareConnect-GPC-{name}-1")});
        if let (Some(to), Value::Object(from)) = (out.as_object_mut(), body) {
            to.extend(from);
        }
        self.add_extension(out);
    }

    /// One element, by what STU3 has for it.
    fn element(&mut self, r4: &str, stu3: &str, name: &str, child: &Value) {
        if self.shared(r4, stu3, name, child) {
            return;
        }
        match r4 {
            "AllergyIntolerance" | "Condition" | "Immunization" => self.record(r4, name, child),
            "MedicationRequest" | "MedicationStatement" | "Medication" => self.medicine(r4, name, child),
            "Observation" | "DiagnosticReport" | "Specimen" => self.finding(r4, name, child),
            "ServiceRequest" => self.request(stu3, name, child),
            _ => self.other(r4, name, child),
        }
    }

    /// Elements that several types have alike. Whether it was one.
    fn shared(&mut self, r4: &str, stu3: &str, name: &str, child: &Value) -> bool {
        match (r4, name) {
            ("List" | "Immunization", "encounter") => self.copy("encounter", name, child),
            ("AllergyIntolerance", "encounter") => {
                let at = self.at(name);
                let written = value(self.encoding, child, &at);
                let url = "http://hl7.org/fhir/StructureDefinition/encounter-associatedEncounter";
                self.add_extension(json!({"url": url, "valueReference": written}));
            }
            (_, "encounter") => self.copy("context", name, child),
            (_, "clinicalStatus" | "verificationStatus") => self.flat(name, child),
            (_, "dosageInstruction" | "dosage") => {
                let at = self.at(name);
                let written = dosages(self.encoding, child, &at);
                self.put(name, written);
            }
            ("ServiceRequest" | "MedicationRequest", "requester") => {
                let at = self.at(name);
                let Some(object) = child.as_object() else { return true };
                let mut plain = object.clone();
                let behalf = plain.remove("extension");
                let mut out = json!({"agent": object_of(self.encoding, &plain, &at)});
                let behalf = behalf.as_ref().and_then(|b| b[0].get("valueReference"));
                if let (Some(behalf), Some(out)) = (behalf, out.as_object_mut()) {
                    out.insert("onBehalfOf".to_owned(), value(self.encoding, behalf, &at));
                }
                self.put("requester", out);
            }
            _ => {
                let _ = stu3;
                return false;
            }
        }
        true
    }

    /// A concept as the flat code that STU3 has.
    fn flat(&mut self, name: &str, child: &Value) {
        match code(child) {
            Some(code) => self.put(name, json!(code)),
            None => self.leave(name, "STU3 has a code here, and the concept has none"),
        }
        for (number, ext) in child["extension"].as_array().into_iter().flatten().enumerate() {
            let Some(ext) = ext.as_object() else { continue };
            let at = self.at(&format!("{name}.extension[{number}]"));
            let written = extension(self.encoding, ext, &at);
            self.add_extension(written);
        }
        if child["text"].is_string() {
            self.leave(&format!("{name}.text"), "STU3 has a code here and no words");
        }
    }

    fn record(&mut self, r4: &str, name: &str, child: &Value) {
        match (r4, name) {
            (_, "recordedDate") => self.copy("assertedDate", name, child),
            ("Condition", "stage") => self.first("stage", name, child),
            ("Condition", "recorder") => self.leave(name, R4_ONLY),
            ("Immunization", "occurrenceDateTime") => self.copy("date", name, child),
            ("Immunization", "_occurrenceDateTime") => {}
            ("Immunization", "occurrenceString") => self.leave(name, "STU3 has a date here and no words"),
            ("Immunization", "recorded") => {
                let url =
                    "https://fhir.hl7.org.uk/STU3/StructureDefinition/Extension-CareConnect-DateRecorded-1";
                self.add_extension(json!({"url": url, "valueDateTime": child}));
            }
            ("Immunization", "status") => {
                let not_done = child == "not-done";
                self.put("status", if not_done { json!("completed") } else { child.clone() });
                self.put("notGiven", json!(not_done));
            }
            ("Immunization", "performer") => self.renamed("practitioner", name, child, ("function", "role")),
            ("Immunization", "reasonCode") => self.explain("reason", name, child.clone()),
            ("Immunization", "statusReason") => self.explain("reasonNotGiven", name, json!([child])),
            ("Immunization", "protocolApplied") => self.protocols(name, child),
            (
                "Immunization",
                "reasonReference" | "isSubpotent" | "subpotentReason" | "education" | "programEligibility"
                | "fundingSource",
            ) => self.leave(name, R4_ONLY),
            _ => self.copy(name, name, child),
        }
    }

    fn explain(&mut self, part: &str, name: &str, list: Value) {
        let at = self.at(name);
        let written = value(self.encoding, &list, &at);
        let explanation = self.out.entry("explanation").or_insert_with(|| json!({}));
        if let Some(explanation) = explanation.as_object_mut() {
            explanation.insert(part.to_owned(), written);
        }
    }

    /// A list of objects with one member renamed.
    fn renamed(&mut self, to: &str, name: &str, child: &Value, (from, into): (&str, &str)) {
        let at = self.at(name);
        let mut written = value(self.encoding, child, &at);
        for item in written.as_array_mut().into_iter().flatten().filter_map(Value::as_object_mut) {
            if let Some(moved) = item.remove(from) {
                item.insert(into.to_owned(), moved);
            }
        }
        self.put(to, written);
    }

    fn protocols(&mut self, name: &str, child: &Value) {
        let at = self.at(name);
        let mut written = value(self.encoding, child, &at);
        for item in written.as_array_mut().into_iter().flatten().filter_map(Value::as_object_mut) {
            item.remove("_doseNumberString");
            for (from, to) in
                [("doseNumberPositiveInt", "doseSequence"), ("seriesDosesPositiveInt", "seriesDoses")]
            {
                if let Some(moved) = item.remove(from) {
                    item.insert(to.to_owned(), moved);
                }
            }
            for words in ["doseNumberString", "seriesDosesString"] {
                if item.remove(words).is_some() {
                    self.encoding.leave(&format!("{at}.{words}"), "STU3 has a number here and no words");
                }
            }
        }
        self.put("vaccinationProtocol", written);
    }

    fn medicine(&mut self, r4: &str, name: &str, child: &Value) {
        match (r4, name) {
            ("MedicationRequest", "category") => self.first(name, name, child),
            ("MedicationRequest", "courseOfTherapyType") => self.course(name, child),
            ("MedicationRequest", "statusReason") => {
                let at = self.at(name);
                let written = value(self.encoding, child, &at);
                let part = json!({"url": "statusReason", "valueCodeableConcept": written});
                self.nhs_extension("MedicationStatusReason", json!({"extension": [part]}));
            }
            ("MedicationRequest", "dispenseRequest") => self.dispense(name, child),
            ("MedicationRequest", "substitution") => {
                let allowed = child.get("allowedBoolean").cloned();
                let mut out = Map::new();
                if let Some(allowed) = allowed {
                    out.insert("allowed".to_owned(), allowed);
                }
                if let Some(reason) = child.get("reason") {
                    out.insert("reason".to_owned(), reason.clone());
                }
                if child.get("allowedCodeableConcept").is_some() {
                    self.leave("substitution.allowedCodeableConcept", "STU3 has a boolean here");
                }
                self.put(name, Value::Object(out));
            }
            (
                "MedicationRequest",
                "doNotPerform"
                | "reportedBoolean"
                | "reportedReference"
                | "performer"
                | "performerType"
                | "instantiatesCanonical"
                | "instantiatesUri"
                | "insurance",
            ) => self.leave(name, R4_ONLY),
            ("MedicationStatement", "status") => {
                let taken = child != "not-taken";
                let status = match child.as_str() {
                    // STU3 says it by `taken`; of its statuses only this one can't be read as "takes it".
                    Some("not-taken") => json!("stopped"),
                    Some("unknown") => Value::Null,
                    _ => child.clone(),
                };
                if status.is_null() {
                    self.leave(name, "STU3 has no status for what is not known");
                }
                self.put("status", status);
                self.put("taken", json!(if taken { "unk" } else { "n" }));
            }
            ("MedicationStatement", "statusReason") => self.copy("reasonNotTaken", name, child),
            ("Medication", "identifier" | "amount" | "batch") => self.leave(name, R4_ONLY),
            _ => self.copy(name, name, child),
        }
    }

    /// The kind of prescription, by the conversion table read backwards.
    fn course(&mut self, name: &str, child: &Value) {
        let system = "https://fhir.nhs.uk/STU3/CodeSystem/CareConnect-PrescriptionType-1";
        let mut codings = Vec::new();
        for coding in child["coding"].as_array().into_iter().flatten() {
            codings.push(match coding["code"].as_str() {
                Some("acute") => json!({"system": system, "code": "acute", "display": "Acute"}),
                Some("continuous") => json!({"system": system, "code": "repeat", "display": "Repeat"}),
                Some("continuous-repeat-dispensing" | "continuous-repeating-dispensing") => {
                    json!({"system": system, "code": "repeat-dispensing", "display": "Repeat dispensing"})
                }
                _ => coding.clone(),
            });
        }
        let mut concept = json!({});
        if !codings.is_empty() {
            concept["coding"] = Value::Array(codings);
        }
        if child["text"].is_string() {
            concept["text"] = child["text"].clone();
        }
        let _ = name;
        self.nhs_extension("PrescriptionType", json!({"valueCodeableConcept": concept}));
    }

    fn dispense(&mut self, name: &str, child: &Value) {
        let at = self.at(name);
        let mut written = value(self.encoding, child, &at);
        if let Some(object) = written.as_object_mut() {
            if let Some(number) = object.remove("numberOfRepeatsAllowed") {
                let part = json!({"url": "numberOfRepeatPrescriptionsAllowed", "valuePositiveInt": number});
                self.nhs_extension("MedicationRepeatInformation", json!({"extension": [part]}));
            }
            for gone in ["initialFill", "dispenseInterval"] {
                if object.remove(gone).is_some() {
                    self.leave(&format!("{name}.{gone}"), R4_ONLY);
                }
            }
        }
        self.put(name, written);
    }

    fn finding(&mut self, r4: &str, name: &str, child: &Value) {
        match (r4, name) {
            ("Observation", "interpretation") => self.first(name, name, child),
            ("Observation", "note") => {
                let texts: Vec<&str> =
                    child.as_array().into_iter().flatten().filter_map(|n| n["text"].as_str()).collect();
                self.put("comment", json!(texts.join("\n")));
                for (number, note) in child.as_array().into_iter().flatten().enumerate() {
                    for part in note.as_object().into_iter().flat_map(Map::keys).filter(|k| *k != "text") {
                        self.leave(
                            &format!("note[{number}].{part}"),
                            "STU3 has the words of a comment alone",
                        );
                    }
                }
            }
            ("Observation", "hasMember") => self.related("has-member", name, child),
            ("Observation", "derivedFrom") => self.related("derived-from", name, child),
            ("Observation", "component") => {
                let at = self.at(name);
                let mut written = value(self.encoding, child, &at);
                for item in written.as_array_mut().into_iter().flatten().filter_map(Value::as_object_mut) {
                    if let Some(Value::Array(list)) = item.remove("interpretation") {
                        item.extend(list.into_iter().next().map(|v| ("interpretation".to_owned(), v)));
                    }
                }
                self.put(name, written);
            }
            ("Observation", "partOf" | "focus" | "effectiveTiming" | "effectiveInstant" | "valueInteger") => {
                self.leave(name, R4_ONLY);
            }
            ("DiagnosticReport", "category") => self.first(name, name, child),
            ("DiagnosticReport", "performer") => {
                let at = self.at(name);
                let written = value(self.encoding, child, &at);
                let actors = written.as_array().into_iter().flatten().map(|a| json!({"actor": a})).collect();
                self.put(name, Value::Array(actors));
            }
            ("DiagnosticReport", "conclusionCode") => self.copy("codedDiagnosis", name, child),
            ("DiagnosticReport", "media") => self.copy("image", name, child),
            ("DiagnosticReport", "resultsInterpreter") | ("Specimen", "condition") => {
                self.leave(name, R4_ONLY)
            }
            _ => self.copy(name, name, child),
        }
    }

    fn related(&mut self, kind: &str, name: &str, child: &Value) {
        let at = self.at(name);
        let written = value(self.encoding, child, &at);
        let list = self.out.entry("related").or_insert_with(|| json!([]));
        if let Some(list) = list.as_array_mut() {
            for target in written.as_array().into_iter().flatten() {
                list.push(json!({"type": kind, "target": target}));
            }
        }
    }

    fn request(&mut self, stu3: &str, name: &str, child: &Value) {
        let referral = stu3 == "ReferralRequest";
        match name {
            "status" => {
                let status = match child.as_str() {
                    Some("on-hold") => json!("suspended"),
                    Some("revoked") => json!("cancelled"),
                    _ => child.clone(),
                };
                self.put(name, status);
            }
            "category" if referral => self.first("type", name, child),
            "code" if referral => {
                let at = self.at(name);
                let written = value(self.encoding, child, &at);
                self.put("serviceRequested", json!([written]));
            }
            "performer" if referral => self.copy("recipient", name, child),
            "performerType" if referral => self.copy("specialty", name, child),
            "requisition" if referral => self.copy("groupIdentifier", name, child),
            "performer" => self.first(name, name, child),
            "orderDetail"
            | "quantityQuantity"
            | "quantityRatio"
            | "quantityRange"
            | "locationCode"
            | "locationReference"
            | "insurance"
            | "patientInstruction"
            | "instantiatesCanonical"
            | "instantiatesUri" => self.leave(name, R4_ONLY),
            "doNotPerform" | "specimen" | "bodySite" if referral => self.leave(name, R4_ONLY),
            _ => self.copy(name, name, child),
        }
    }

    fn other(&mut self, r4: &str, name: &str, child: &Value) {
        match (r4, name) {
            ("Encounter", "class") => {
                let absent = code(&json!({"coding": [child]})) == Some("UNK");
                if !absent {
                    self.copy(name, name, child);
                }
            }
            ("Encounter" | "Appointment", "reasonCode") => self.copy("reason", name, child),
            ("Encounter" | "Appointment", "basedOn") => self.copy("incomingReferral", name, child),
            ("Appointment", "reasonReference") => self.copy("indication", name, child),
            ("Encounter", "diagnosis") => self.renamed(name, name, child, ("use", "role")),
            ("Encounter", "appointment") => self.first(name, name, child),
            ("Encounter", "serviceType" | "reasonReference") => self.leave(name, R4_ONLY),
            ("Appointment" | "Schedule" | "Slot", "serviceCategory") => self.first(name, name, child),
            ("Appointment", "cancelationReason") => {
                let words = child["text"].as_str().or_else(|| child["coding"][0]["display"].as_str());
                let url = "https://fhir.nhs.uk/STU3/StructureDefinition/Extension-GPConnect-AppointmentCancellationReason-1";
                match words {
                    Some(words) => self.add_extension(json!({"url": url, "valueString": words})),
                    None => self.leave(name, "GP Connect has words here"),
                }
            }
            ("Appointment", "patientInstruction") => self.leave(name, R4_ONLY),
            ("DocumentReference", "category") => self.first("class", name, child),
            ("DocumentReference", "date") => self.copy("indexed", name, child),
            ("DocumentReference", "context") => self.document_context(name, child),
            ("DocumentReference", "content") => self.document_content(name, child),
            ("QuestionnaireResponse", "partOf") => self.copy("parent", name, child),
            ("QuestionnaireResponse", "questionnaire") => self.put(name, json!({"reference": child})),
            ("Binary", "data") => self.copy("content", name, child),
            ("Location", "type") | ("HealthcareService", "category") => self.first(name, name, child),
            ("Location", "hoursOfOperation" | "availabilityExceptions")
            | ("HealthcareService", "offeredIn" | "communication")
            | ("RelatedPerson", "communication") => self.leave(name, R4_ONLY),
            ("RelatedPerson", "relationship") => self.first(name, name, child),
            ("HealthcareService", "program") => {
                let names = child.as_array().into_iter().flatten().filter_map(|p| p["text"].as_str());
                let names: Vec<&str> = names.collect();
                self.put("programName", json!(names));
            }
            ("Patient", "communication") => self.languages(name, child),
            _ => self.copy(name, name, child),
        }
    }

    /// Languages that CareConnect's own extension says already are not said twice.
    fn languages(&mut self, name: &str, child: &Value) {
        let told =
            self.extensions.iter().any(|x| x["url"].as_str().is_some_and(|u| u.contains("NHSCommunication")));
        if !told {
            self.copy(name, name, child);
        }
    }

    fn document_context(&mut self, name: &str, child: &Value) {
        let at = self.at(name);
        let mut written = value(self.encoding, child, &at);
        if let Some(object) = written.as_object_mut() {
            if let Some(Value::Array(list)) = object.remove("encounter") {
                if list.len() > 1 {
                    self.leave("context.encounter[1]", "STU3 has one encounter of a document");
                }
                object.extend(list.into_iter().next().map(|v| ("encounter".to_owned(), v)));
            }
            if let Some(Value::Array(list)) = object.remove("related") {
                let related: Vec<Value> = list.into_iter().map(|r| json!({"ref": r})).collect();
                object.insert("related".to_owned(), Value::Array(related));
            }
        }
        self.put(name, written);
    }

    fn document_content(&mut self, name: &str, child: &Value) {
        let at = self.at(name);
        let written = value(self.encoding, child, &at);
        let created = written[0]["attachment"]["creation"].clone();
        self.put(name, written);
        self.put("created", created);
    }

    /// What STU3 demands and R4 does not, and nothing that STU3 does not have.
    fn finish(&mut self, stu3: &str) {
        if stu3 == "DocumentReference" && !self.out.contains_key("indexed") {
            // STU3 demands when it was indexed, as an instant; the time that is there is the nearest that is known.
            let created = self.out.get("created").filter(|c| c.as_str().is_some_and(|c| c.contains('T')));
            if let Some(created) = created.cloned() {
                self.put("indexed", created);
            }
        }
        let path = self.path.clone();
        super::prune::prune(self.encoding, &mut self.out, stu3, &path);
        super::prune::demand(&mut self.out, stu3);
    }
}
