//! The handover that an ambulance crew gives a hospital: a clinical document (CDA) of the Interoperability Toolkit.

use jiff::ToSpan;
use jiff::civil::DateTime;

use super::{guid, message, xml};
use crate::people::{AMBULANCE, Organisation, Person, Sex};
use crate::random::Random;
use crate::{Event, Message};

const KIND: (&str, &str) = ("itk-cda", "application/xml");
const SNOMED: &str = "2.16.840.1.113883.2.1.3.2.4.15";

/// The handover of an emergency admission, some minutes before it.
pub fn of_event(person: &Person, event: &Event) -> Vec<Message> {
    let Event::Admission { at, reason, .. } = event else { return Vec::new() };
    let at = *at - 12.minutes();
    let names = ("ambulance-handover.xml", "The ambulance crew hands over to the hospital");
    vec![message(person, KIND, names, (AMBULANCE, at), document(person, reason.1, at))]
}

fn stamp(at: DateTime) -> String {
    let zoned = causeway_core::london().to_zoned_datetime(at);
    zoned.map_or_else(
        |_| at.strftime("%Y%m%d%H%M%S").to_string(),
        |zoned| zoned.strftime("%Y%m%d%H%M%S%z").to_string(),
    )
}

fn finding(person: &Person, (code, words): (&str, &str), (value, unit): (i64, &str), at: DateTime) -> String {
    format!(
        "<entry typeCode=\"COMP\"><observation classCode=\"OBS\" moodCode=\"EVN\"><id root=\"{}\"/><code code=\"{code}\" codeSystem=\"{SNOMED}\" displayName=\"{words}\"/><statusCode code=\"completed\"/><effectiveTime value=\"{}\"/><value xsi:type=\"PQ\" value=\"{value}\" unit=\"{unit}\"/></observation></entry>",
        guid(person, &format!("ambulance {words}")),
        stamp(at)
    )
}

fn section(person: &Person, (code, title): (&str, &str), text: &str, entries: &str) -> String {
    let code = match code {
        "" => String::new(),
        code => format!("<code code=\"{code}\" codeSystem=\"{SNOMED}\" displayName=\"{title}\"/>"),
    };
    format!(
        "<component typeCode=\"COMP\" contextConductionInd=\"true\"><section classCode=\"DOCSECT\" moodCode=\"EVN\"><id root=\"{}\"/>{code}<title>{title}</title><text><paragraph>{}</paragraph></text>{entries}</section></component>\n",
        guid(person, &format!("ambulance section {title}")),
        xml(text)
    )
}

fn document(person: &Person, reason: &str, at: DateTime) -> String {
    let mut r = Random::new(0xA3B0, person.number as u64);
    let (time, id) = (stamp(at), guid(person, "ambulance handover"));
    let seen = at - 25.minutes();
    let sex = if person.sex == Sex::Female { ("2", "Female") } else { ("1", "Male") };
    let (pulse, breaths) = (r.between(64, 124), r.between(14, 28));
    let findings = [
        finding(person, ("364075005", "Heart rate"), (pulse, "/min"), seen),
        finding(person, ("86290005", "Respiratory rate"), (breaths, "/min"), seen),
    ]
    .concat();
    let organisation = |o: Organisation| {
        format!(
            "classCode=\"ORG\" determinerCode=\"INSTANCE\"><id root=\"2.16.840.1.113883.2.1.3.2.4.19.1\" extension=\"{}\"/><name>{}</name>",
            o.code,
            xml(o.name)
        )
    };
    let crew = organisation(AMBULANCE);
    format!(
        "<ClinicalDocument xmlns=\"urn:hl7-org:v3\" xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\" classCode=\"DOCCLIN\" moodCode=\"EVN\"><typeId root=\"2.16.840.1.113883.1.3\" extension=\"POCD_HD000040\"/><id root=\"{id}\"/><code nullFlavor=\"OTH\"><originalText>Ambulance handover</originalText></code><title>Ambulance Service Patient Summary</title><effectiveTime value=\"{time}\"/><confidentialityCode code=\"N\" codeSystem=\"2.16.840.1.113883.1.11.16926\" displayName=\"normal\"/><setId root=\"{id}\"/><versionNumber value=\"1\"/>\n<recordTarget typeCode=\"RCT\" contextControlCode=\"OP\"><patientRole classCode=\"PAT\"><id root=\"2.16.840.1.113883.2.1.4.1\" extension=\"{}\"/><addr use=\"H\"><streetAddressLine>{}</streetAddressLine><city>{}</city><postalCode>{}</postalCode></addr><patient classCode=\"PSN\" determinerCode=\"INSTANCE\"><name use=\"L\"><prefix>{}</prefix><given>{}</given><family>{}</family></name><administrativeGenderCode code=\"{}\" codeSystem=\"2.16.840.1.113883.2.1.3.2.4.16.25\" displayName=\"{}\"/><birthTime value=\"{}\"/></patient></patientRole></recordTarget>\n<author typeCode=\"AUT\" contextControlCode=\"OP\"><time value=\"{time}\"/><assignedAuthor classCode=\"ASSIGNED\"><id root=\"2.16.840.1.113883.2.1.3.2.4.18.24\" extension=\"pstoat\"/><code code=\"NR0990\" codeSystem=\"2.16.840.1.113883.2.1.3.2.4.17.196\" displayName=\"Paramedic\"/><assignedPerson classCode=\"PSN\" determinerCode=\"INSTANCE\"><name><given>Percival</given><family>Stoat</family></name></assignedPerson><representedOrganization {crew}</representedOrganization></assignedAuthor></author>\n<custodian typeCode=\"CST\"><assignedCustodian classCode=\"ASSIGNED\"><representedCustodianOrganization {crew}</representedCustodianOrganization></assignedCustodian></custodian>\n<informationRecipient typeCode=\"PRCP\"><intendedRecipient classCode=\"ASSIGNED\"><receivedOrganization {}</receivedOrganization></intendedRecipient></informationRecipient>\n<component typeCode=\"COMP\" contextConductionInd=\"true\"><structuredBody classCode=\"DOCBODY\" moodCode=\"EVN\">\n{}{}</structuredBody></component></ClinicalDocument>\n",
        person.nhs_number,
        xml(&person.street),
        xml(person.town),
        xml(&person.postcode),
        xml(person.title),
        xml(&person.given),
        xml(&person.family),
        sex.0,
        sex.1,
        person.born.strftime("%Y%m%d"),
        organisation(person.hospital),
        section(
            person,
            ("", "Reason for the call"),
            &format!("Fall at home, found by the telecare responder. Suspected: {reason}"),
            ""
        ),
        section(
            person,
            ("1102421000000108", "Observations"),
            &format!("Pulse {pulse}, breathing {breaths} a minute"),
            &findings
        ),
    )
}
