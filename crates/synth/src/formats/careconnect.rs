//! GP Connect structured records: CareConnect profiles of FHIR STU3.

use jiff::civil::{Date, DateTime};
use serde_json::{Value, json};

use super::{message, offset, uuid};
use crate::clinical::{Coded, Consultation, Facts, Medicine, facts};
use crate::journey::GpRecord;
use crate::people::{Person, Sex};
use crate::{Event, Journey, Message};

const KIND: (&str, &str) = ("careconnect", "application/fhir+json; fhirVersion=3.0");
const PROFILES: &str = "https://fhir.nhs.uk/STU3/StructureDefinition/";
const SNOMED: &str = "http://snomed.info/sct";
const READ: &str = "http://read.info/readv2";

/// The structured record that a hospital's query gives.
pub fn of_event(person: &Person, journey: &Journey, event: &Event) -> Vec<Message> {
    let Event::GpRecord { at, form: GpRecord::Read } = event else { return Vec::new() };
    vec![of_facts(person, &facts(person, journey).as_of(at.date()), *at)]
}

/// The structured record of a practice that knows these facts.
pub fn of_facts(person: &Person, facts: &Facts, at: DateTime) -> Message {
    let value = Structured { person, at }.bundle(facts);
    let names = ("gp-connect.json", "The hospital reads the GP's structured record");
    message(person, KIND, names, (person.practice, at), format!("{value:#}\n"))
}

struct Structured<'a> {
    person: &'a Person,
    at: DateTime,
}

fn concept(what: &Coded) -> Value {
    let mut coding = Vec::new();
    if !what.read.is_empty() {
        coding.push(json!({"system": READ, "code": format!("{}00", what.read), "display": what.text, "userSelected": true}));
    }
    if !what.snomed.is_empty() {
        coding.push(json!({"system": SNOMED, "code": what.snomed, "display": what.text}));
    }
    match coding.is_empty() {
        true => json!({"text": what.text}),
        false => json!({"coding": coding}),
    }
}

fn profile(name: &str) -> Value {
    json!({"profile": [format!("{PROFILES}CareConnect-GPC-{name}-1")]})
}

impl Structured<'_> {
    fn id(&self, what: &str) -> String {
        uuid(self.person, &format!("careconnect {what}")).to_string().to_uppercase()
    }

    fn to(&self, kind: &str, what: &str) -> Value {
        json!({"reference": format!("{kind}/{}", self.id(what))})
    }

    fn patient(&self) -> Value {
        self.to("Patient", "patient")
    }

    fn doctor(&self) -> Value {
        self.to("Practitioner", "doctor")
    }

    /// A resource with its id, profile and identifier.
    fn start(&self, kind: &str, profile_name: &str, what: &str) -> Value {
        let id = self.id(what);
        let system = format!("https://gp.invalid/{}", self.person.practice.code);
        json!({
            "resourceType": kind, "id": id, "meta": profile(profile_name),
            "identifier": [{"system": system, "value": id}],
        })
    }

    fn bundle(&self, facts: &Facts) -> Value {
        let mut resources = self.people();
        let mut lists = Vec::new();
        let mut add = |title: &str, code: &str, kind: &str, made: Vec<Value>| {
            let items: Vec<Value> = made
                .iter()
                .filter(|r| r["resourceType"] == kind)
                .map(|r| json!({"item": {"reference": format!("{kind}/{}", r["id"].as_str().unwrap_or_default())}}))
                .collect();
            lists.push(self.list(title, code, items));
            resources.extend(made);
        };
        add(
            "Allergies and adverse reactions",
            "886921000000105",
            "AllergyIntolerance",
            self.allergies(facts),
        );
        let medicines = facts.medicines.iter().flat_map(|m| self.medicine(m)).collect();
        add("Medications and medical devices", "933361000000108", "MedicationStatement", medicines);
        add("Problems", "717711000000103", "Condition", self.problems(facts));
        add("Immunisations", "1102181000000102", "Immunization", self.immunisations(facts));
        let observations = facts.consultations.iter().flat_map(|c| self.measurements(c)).collect();
        add("Investigations and results", "887191000000108", "Observation", observations);
        resources.extend(lists);
        let entries: Vec<Value> = resources.into_iter().map(|r| json!({"resource": r})).collect();
        json!({
            "resourceType": "Bundle", "id": self.id("bundle"),
            "meta": {"profile": [format!("{PROFILES}GPConnect-StructuredRecord-Bundle-1")]},
            "type": "collection", "entry": entries,
        })
    }

    fn people(&self) -> Vec<Value> {
        let person = self.person;
        let mut given = vec![person.given.clone()];
        given.extend(Some(person.middle.clone()).filter(|m| !m.is_empty()));
        let verified = json!({
            "url": format!("{PROFILES}Extension-CareConnect-GPC-NHSNumberVerificationStatus-1"),
            "valueCodeableConcept": {"coding": [{
                "system": "https://fhir.nhs.uk/STU3/CodeSystem/CareConnect-NHSNumberVerificationStatus-1",
                "code": "01", "display": "Number present and verified",
            }]},
        });
        let organisation = self.to("Organization", "practice");
        vec![
            json!({
                "resourceType": "Patient", "id": self.id("patient"), "meta": profile("Patient"),
                "identifier": [{"extension": [verified], "system": "https://fhir.nhs.uk/Id/nhs-number", "value": person.nhs_number}],
                "active": true,
                "name": [{"use": "official", "family": person.family, "given": given, "prefix": [person.title]}],
                "telecom": [{"system": "phone", "value": person.phone, "use": "home"}],
                "gender": if person.sex == Sex::Female { "female" } else { "male" },
                "birthDate": person.born.to_string(),
                "address": [{"use": "home", "type": "physical", "line": [person.street], "city": person.town, "postalCode": person.postcode}],
                "generalPractitioner": [self.doctor()],
                "managingOrganization": organisation,
            }),
            json!({
                "resourceType": "Organization", "id": self.id("practice"), "meta": profile("Organization"),
                "identifier": [{"system": "https://fhir.nhs.uk/Id/ods-organization-code", "value": person.practice.code}],
                "name": person.practice.name,
            }),
            json!({
                "resourceType": "Practitioner", "id": self.id("doctor"), "meta": profile("Practitioner"),
                "name": [{"use": "official", "family": "Sorrel", "given": ["Tamsin"], "prefix": ["Dr"]}],
            }),
        ]
    }

    fn list(&self, title: &str, code: &str, entry: Vec<Value>) -> Value {
        let mut list = json!({
            "resourceType": "List", "id": self.id(title), "meta": profile("List"),
            "status": "current", "mode": "snapshot", "title": title,
            "code": {"coding": [{"system": SNOMED, "code": code, "display": title}]},
            "subject": self.patient(), "date": offset(self.at),
        });
        match entry.is_empty() {
            true => {
                list["emptyReason"] = json!({"coding": [{
                    "system": "https://fhir.nhs.uk/STU3/CodeSystem/CareConnect-ListEmptyReasonCode-1",
                    "code": "no-content-recorded", "display": "No Content Recorded",
                }]})
            }
            false => list["entry"] = Value::from(entry),
        }
        list
    }

    fn allergies(&self, facts: &Facts) -> Vec<Value> {
        let allergies = facts.allergies.iter().map(|allergy| {
            let mut value = self.start("AllergyIntolerance", "AllergyIntolerance", allergy.what.text);
            let drug = allergy.what.text.contains("penicillin");
            value["clinicalStatus"] = json!("active");
            value["verificationStatus"] = json!("unconfirmed");
            value["category"] = json!([if drug { "medication" } else { "environment" }]);
            value["code"] = concept(&allergy.what);
            value["patient"] = self.patient();
            value["assertedDate"] = json!(offset(allergy.recorded.at(9, 0, 0, 0)));
            value["recorder"] = self.doctor();
            value["note"] = json!([{"text": allergy.reaction}]);
            value
        });
        allergies.collect()
    }

    fn problems(&self, facts: &Facts) -> Vec<Value> {
        let problems = facts.conditions.iter().map(|condition| {
            let mut value = self.start("Condition", "ProblemHeader-Condition", condition.what.text);
            value["extension"] = json!([{
                "url": "https://fhir.hl7.org.uk/STU3/StructureDefinition/Extension-CareConnect-ProblemSignificance-1",
                "valueCode": "major",
            }]);
            value["clinicalStatus"] = json!("active");
            value["category"] = json!([{"coding": [{
                "system": "https://fhir.hl7.org.uk/STU3/CodeSystem/CareConnect-ConditionCategory-1",
                "code": "problem-list-item", "display": "Problem List Item",
            }]}]);
            value["code"] = concept(&condition.what);
            value["subject"] = self.patient();
            value["onsetDateTime"] = json!(condition.onset.to_string());
            value["assertedDate"] = json!(offset(condition.onset.at(10, 30, 0, 0)));
            value["asserter"] = self.doctor();
            value["note"] = json!([{"text": condition.note}]);
            value
        });
        problems.collect()
    }

    /// Medication, the plan and the statement that rests on it.
    fn medicine(&self, medicine: &Medicine) -> Vec<Value> {
        let name = medicine.what.text;
        let (product, plan) = (format!("product {name}"), format!("plan {name}"));
        let drug = self.to("Medication", &product);
        let mut period = json!({"start": medicine.first.to_string()});
        let end: Option<Date> = medicine.stopped.map(|(on, _)| on);
        if let Some(end) = end {
            period["end"] = json!(end.to_string());
        }
        let state = if end.is_some() { "stopped" } else { "active" };
        let kind = if medicine.repeat { ("repeat", "Repeat") } else { ("acute", "Acute") };
        let mut request = self.start("MedicationRequest", "MedicationRequest", &plan);
        let mut extensions = vec![json!({
            "url": format!("{PROFILES}Extension-CareConnect-GPC-PrescriptionType-1"),
            "valueCodeableConcept": {"coding": [{
                "system": "https://fhir.nhs.uk/STU3/CodeSystem/CareConnect-PrescriptionType-1",
                "code": kind.0, "display": kind.1,
            }]},
        })];
        if let Some((on, why)) = medicine.stopped {
            extensions.push(json!({
                "url": format!("{PROFILES}Extension-CareConnect-GPC-MedicationStatusReason-1"),
                "extension": [
                    {"url": "statusReason", "valueCodeableConcept": {"text": why}},
                    {"url": "statusChangeDate", "valueDateTime": on.to_string()},
                ],
            }));
        }
        request["extension"] = Value::from(extensions);
        request["status"] = json!(state);
        request["intent"] = json!("plan");
        request["medicationReference"] = drug.clone();
        request["subject"] = self.patient();
        request["authoredOn"] = json!(offset(medicine.first.at(9, 0, 0, 0)));
        request["recorder"] = self.doctor();
        request["dosageInstruction"] = json!([{"text": medicine.dose}]);
        request["dispenseRequest"] = json!({
            "validityPeriod": period,
            "quantity": {"value": medicine.quantity, "unit": medicine.unit},
            "expectedSupplyDuration": {"value": medicine.days, "unit": "day", "system": "http://unitsofmeasure.org", "code": "d"},
        });
        let mut statement =
            self.start("MedicationStatement", "MedicationStatement", &format!("statement {name}"));
        statement["extension"] = json!([{
            "url": format!("{PROFILES}Extension-CareConnect-GPC-PrescribingAgency-1"),
            "valueCodeableConcept": {"coding": [{
                "system": "https://fhir.nhs.uk/STU3/CodeSystem/CareConnect-PrescribingAgency-1",
                "code": "prescribed-at-gp-practice", "display": "Prescribed at GP practice",
            }]},
        }]);
        statement["basedOn"] = json!([self.to("MedicationRequest", &plan)]);
        statement["status"] = json!(if end.is_some() { "stopped" } else { "active" });
        statement["medicationReference"] = drug;
        statement["effectivePeriod"] = period;
        statement["dateAsserted"] = json!(offset(medicine.first.at(9, 0, 0, 0)));
        statement["subject"] = self.patient();
        statement["taken"] = json!("unk");
        statement["dosage"] = json!([{"text": medicine.dose}]);
        let product = json!({
            "resourceType": "Medication", "id": self.id(&product), "meta": profile("Medication"),
            "code": concept(&medicine.what),
        });
        vec![product, request, statement]
    }

    fn immunisations(&self, facts: &Facts) -> Vec<Value> {
        let given = facts.immunisations.iter().map(|given| {
            let mut value = self.start("Immunization", "Immunization", given.what.text);
            value["extension"] = json!([
                {
                    "url": format!("{PROFILES}Extension-CareConnect-GPC-VaccinationProcedure-1"),
                    "valueCodeableConcept": concept(&given.what),
                },
                {
                    "url": format!("{PROFILES}Extension-CareConnect-GPC-DateRecorded-1"),
                    "valueDateTime": offset(given.on.at(15, 0, 0, 0)),
                },
            ]);
            value["status"] = json!("completed");
            value["notGiven"] = json!(false);
            value["vaccineCode"] = concept(&given.what);
            value["patient"] = self.patient();
            value["date"] = json!(offset(given.on.at(15, 0, 0, 0)));
            value["primarySource"] = json!(true);
            value["lotNumber"] = json!(given.batch);
            value
        });
        given.collect()
    }

    fn measurements(&self, consultation: &Consultation) -> Vec<Value> {
        let at = offset(consultation.at);
        let start = |what: &str, concept_of: &Coded| {
            let mut value = self.start("Observation", "Observation", &format!("{what} {at}"));
            value["status"] = json!("final");
            value["code"] = concept(concept_of);
            value["subject"] = self.patient();
            value["effectiveDateTime"] = json!(at);
            value["issued"] = json!(at);
            value["performer"] = json!([self.doctor()]);
            value
        };
        let quantity = |text: String, unit: &str| {
            let number: Value = serde_json::from_str(&text).unwrap_or_default();
            json!({"value": number, "unit": unit})
        };
        let mut weight = start("weight", &Coded { read: "22A..", snomed: "27113001", text: "Body weight" });
        weight["valueQuantity"] =
            quantity(format!("{}.{}", consultation.weight / 10, consultation.weight % 10), "kg");
        let reading = Coded { read: "", snomed: "163020007", text: "O/E - blood pressure reading" };
        let mut pressure = start("pressure", &reading);
        let part = |what: Coded, value: i64| json!({"code": concept(&what), "valueQuantity": quantity(value.to_string(), "mmHg")});
        let systolic = Coded { read: "2469.", snomed: "72313002", text: "Systolic blood pressure" };
        let diastolic = Coded { read: "246A.", snomed: "1091811000000102", text: "Diastolic blood pressure" };
        pressure["component"] =
            json!([part(systolic, consultation.pressure.0), part(diastolic, consultation.pressure.1)]);
        vec![weight, pressure]
    }
}
