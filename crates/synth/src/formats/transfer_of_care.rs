//! The hospital's discharge summary to the practice: an ITK3 message (FHIR STU3, XML).

use jiff::ToSpan;
use jiff::civil::DateTime;

use super::{message, offset, uuid, xml};
use crate::clinical::{Coded, facts};
use crate::people::{Organisation, Person, Sex};
use crate::{Event, Journey, Message};

const KIND: (&str, &str) = ("transfer-of-care", "application/fhir+xml");
const STRUCTURE: &str = "https://fhir.nhs.uk/STU3/StructureDefinition";

/// The summary of a discharge, an hour after it.
pub fn of_event(person: &Person, journey: &Journey, event: &Event) -> Vec<Message> {
    let Event::Discharge { at, admitted, .. } = event else { return Vec::new() };
    let sent = *at + 1.hour();
    let names = ("discharge-summary.xml", "The hospital sends the practice its discharge summary");
    vec![message(person, KIND, names, (person.hospital, sent), itk3(person, journey, (*admitted, *at), sent))]
}

/// A resource with its place in a Bundle.
fn entry(id: &str, kind: &str, body: &str) -> String {
    format!(
        "<entry><fullUrl value=\"urn:uuid:{id}\"/><resource><{kind}><id value=\"{id}\"/>{body}</{kind}></resource></entry>\n"
    )
}

fn organisation(id: &str, o: Organisation) -> String {
    let body = format!(
        "<identifier><system value=\"https://fhir.nhs.uk/Id/ods-organization-code\"/><value value=\"{}\"/></identifier><name value=\"{}\"/>",
        o.code,
        xml(o.name)
    );
    entry(id, "Organization", &body)
}

fn concept(name: &str, what: &Coded) -> String {
    match what.snomed {
        "" => format!("<{name}><text value=\"{}\"/></{name}>", xml(what.text)),
        code => format!(
            "<{name}><coding><system value=\"http://snomed.info/sct\"/><code value=\"{code}\"/><display value=\"{}\"/></coding></{name}>",
            xml(what.text)
        ),
    }
}

fn section((code, title): (&str, &str), lines: &[String], entries: &[String]) -> String {
    let paragraphs: String = lines.iter().map(|line| format!("<p>{}</p>", xml(line))).collect();
    let entries: String =
        entries.iter().map(|id| format!("<entry><reference value=\"urn:uuid:{id}\"/></entry>")).collect();
    format!(
        "<section><title value=\"{title}\"/><code><coding><system value=\"http://snomed.info/sct\"/><code value=\"{code}\"/><display value=\"{title}\"/></coding></code><text><status value=\"generated\"/><div xmlns=\"http://www.w3.org/1999/xhtml\">{paragraphs}</div></text>{entries}</section>"
    )
}

fn itk3(person: &Person, journey: &Journey, (from, to): (DateTime, DateTime), sent: DateTime) -> String {
    let id = |what: &str| uuid(person, &format!("itk3 {what}")).to_string();
    let at = |what: &str| format!("urn:uuid:{}", id(what));
    let known = facts(person, journey).as_of(to.date());
    let subject = format!("<subject><reference value=\"{}\"/></subject>", at("patient"));
    // What the stay was for: what was found while it lasted.
    let found: Vec<_> = known.conditions.iter().filter(|c| c.onset >= from.date()).collect();
    let diagnoses: String = found
        .iter()
        .map(|c| {
            let body = format!(
                "<clinicalStatus value=\"active\"/><verificationStatus value=\"confirmed\"/>{}{subject}<onsetDateTime value=\"{}\"/>",
                concept("code", &c.what),
                c.onset
            );
            entry(&id(c.what.text), "Condition", &body)
        })
        .collect();
    let allergies: String = known
        .allergies
        .iter()
        .map(|a| {
            let body = format!(
                "<clinicalStatus value=\"active\"/><verificationStatus value=\"confirmed\"/>{}<patient><reference value=\"{}\"/></patient><assertedDate value=\"{}\"/>",
                concept("code", &a.what),
                at("patient"),
                a.recorded
            );
            entry(&id(a.what.text), "AllergyIntolerance", &body)
        })
        .collect();
    let ids = |texts: Vec<&str>| texts.into_iter().map(id).collect::<Vec<_>>();
    let stopped = known.medicines.iter().filter_map(|m| Some(format!("{}: {}", m.what.text, m.stopped?.1)));
    let lines = |texts: Vec<String>, none: &str| if texts.is_empty() { vec![none.to_owned()] } else { texts };
    let sections = [
        section(
            ("887161000000102", "Diagnoses"),
            &lines(found.iter().map(|c| format!("{}. {}", c.what.text, c.note)).collect(), "None recorded"),
            &ids(found.iter().map(|c| c.what.text).collect()),
        ),
        section(
            ("933361000000108", "Medications and medical devices"),
            &lines(stopped.collect(), "No medicine was changed"),
            &[],
        ),
        section(
            ("886921000000105", "Allergies and adverse reactions"),
            &lines(
                known.allergies.iter().map(|a| format!("{}: {}", a.what.text, a.reaction)).collect(),
                "No known allergies",
            ),
            &ids(known.allergies.iter().map(|a| a.what.text).collect()),
        ),
        section(
            ("887201000000105", "Plan and requested actions"),
            &["Please look at the blood pressure in two weeks".to_owned()],
            &[],
        ),
    ]
    .concat();
    let composition = format!(
        "<status value=\"final\"/><type><coding><system value=\"http://snomed.info/sct\"/><code value=\"373942005\"/><display value=\"Discharge summary\"/></coding></type>{subject}<encounter><reference value=\"{}\"/></encounter><date value=\"{}\"/><author><reference value=\"{}\"/></author><title value=\"Discharge summary\"/><custodian><reference value=\"{}\"/></custodian>{sections}",
        at("stay"),
        offset(sent),
        at("doctor"),
        at("hospital")
    );
    let gender = if person.sex == Sex::Female { "female" } else { "male" };
    let patient = format!(
        "<identifier><extension url=\"https://fhir.hl7.org.uk/STU3/StructureDefinition/Extension-CareConnect-NHSNumberVerificationStatus-1\"><valueCodeableConcept><coding><system value=\"https://fhir.hl7.org.uk/STU3/CodeSystem/CareConnect-NHSNumberVerificationStatus-1\"/><code value=\"01\"/><display value=\"Number present and verified\"/></coding></valueCodeableConcept></extension><system value=\"https://fhir.nhs.uk/Id/nhs-number\"/><value value=\"{}\"/></identifier><name><use value=\"official\"/><family value=\"{}\"/><given value=\"{}\"/><prefix value=\"{}\"/></name><gender value=\"{gender}\"/><birthDate value=\"{}\"/><address><use value=\"home\"/><line value=\"{}\"/><city value=\"{}\"/><postalCode value=\"{}\"/></address>",
        person.nhs_number,
        xml(&person.family),
        xml(&person.given),
        xml(person.title),
        person.born,
        xml(&person.street),
        xml(person.town),
        xml(&person.postcode)
    );
    let stay = format!(
        "<identifier><system value=\"https://fhir.{}.example/Id/stay\"/><value value=\"{}-{}\"/></identifier><status value=\"finished\"/><class><system value=\"http://hl7.org/fhir/v3/ActCode\"/><code value=\"IMP\"/><display value=\"inpatient encounter\"/></class>{subject}<period><start value=\"{}\"/><end value=\"{}\"/></period>",
        person.hospital.code.to_lowercase(),
        person.hospital_number,
        from.strftime("%Y%m%d"),
        offset(from),
        offset(to)
    );
    let doctor = "<identifier><system value=\"https://fhir.nhs.uk/Id/sds-user-id\"/><value value=\"999990801017\"/></identifier><name><family value=\"Thorne\"/><given value=\"Wren\"/><prefix value=\"Dr\"/></name>";
    let document = [
        entry(&id("composition"), "Composition", &composition),
        entry(&id("patient"), "Patient", &patient),
        entry(&id("doctor"), "Practitioner", doctor),
        organisation(&id("hospital"), person.hospital),
        entry(&id("stay"), "Encounter", &stay),
        diagnoses,
        allergies,
    ]
    .concat();
    let bundle = |what: &str, kind: &str, entries: &str| {
        format!(
            "<id value=\"{}\"/><meta><profile value=\"{STRUCTURE}/{kind}\"/></meta><identifier><system value=\"https://tools.ietf.org/html/rfc4122\"/><value value=\"{}\"/></identifier><type value=\"{what}\"/>\n{entries}",
            id(what),
            id(what)
        )
    };
    let flag = |key: &str| format!("<extension url=\"{key}\"><valueBoolean value=\"true\"/></extension>");
    let header = format!(
        "<meta><profile value=\"{STRUCTURE}/ITK-MessageHeader-2\"/></meta><extension url=\"{STRUCTURE}/Extension-ITK-MessageHandling-2\">{}{}<extension url=\"RecipientType\"><valueCoding><system value=\"https://fhir.nhs.uk/STU3/CodeSystem/ITK-RecipientType-1\"/><code value=\"FA\"/><display value=\"For Action\"/></valueCoding></extension></extension><event><system value=\"https://fhir.nhs.uk/STU3/CodeSystem/ITK-MessageEvent-2\"/><code value=\"ITK003D\"/><display value=\"ITK eDischarge\"/></event><receiver><reference value=\"{}\"/></receiver><sender><reference value=\"{}\"/></sender><timestamp value=\"{}\"/><source><endpoint value=\"{}OT001\"/></source><focus><reference value=\"{}\"/></focus>",
        flag("BusAckRequested"),
        flag("InfAckRequested"),
        at("practice"),
        at("sender"),
        offset(sent),
        person.hospital.code,
        at("document")
    );
    let entries = [
        entry(&id("header"), "MessageHeader", &header),
        organisation(&id("sender"), person.hospital),
        organisation(&id("practice"), person.practice),
        format!(
            "<entry><fullUrl value=\"{}\"/><resource><Bundle>{}</Bundle></resource></entry>\n",
            at("document"),
            bundle("document", "ITK-Document-Bundle-1", &document)
        ),
    ]
    .concat();
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Bundle xmlns=\"http://hl7.org/fhir\">{}</Bundle>\n",
        bundle("message", "ITK-Message-Bundle-1", &entries)
    )
}
