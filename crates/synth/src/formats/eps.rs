//! The prescription that a practice signs after a stay in hospital (EPS, `ParentPrescription`).

use causeway_core::prescription::check_character;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

use super::{guid, message, xml};
use crate::clinical::{Medicine, facts};
use crate::journey::GpRecord;
use crate::people::{Person, Sex};
use crate::{Event, Journey, Message};

const KIND: (&str, &str) = ("eps", "application/xml");
const SNOMED: &str = "2.16.840.1.113883.2.1.3.2.4.15";
const PERTINENT: &str = "2.16.840.1.113883.2.1.3.2.4.17.30";
/// Items of one prescription.
const ITEMS_MAX: usize = 4;
/// Hours and minutes after the record was summed up.
const AFTER: i64 = 35;

/// The prescription of what the person takes, where there is anything with a code of dm+d.
pub fn of_event(person: &Person, journey: &Journey, event: &Event) -> Vec<Message> {
    let Event::GpRecord { at, form: GpRecord::Summary } = event else { return Vec::new() };
    let known = facts(person, journey).as_of(at.date());
    let items: Vec<&Medicine> = known
        .medicines
        .iter()
        .filter(|m| m.stopped.is_none() && !m.what.snomed.is_empty())
        .take(ITEMS_MAX)
        .collect();
    if items.is_empty() {
        return Vec::new();
    }
    let at = at.saturating_add(jiff::Span::new().minutes(AFTER));
    let names = ("prescription.xml", "The practice signs a prescription");
    vec![message(person, KIND, names, (person.practice, at), order(person, &items, at))]
}

/// Digits in UTC, as these messages state times.
fn utc(at: DateTime) -> String {
    let zoned = causeway_core::london().to_zoned_datetime(at);
    zoned
        .map_or_else(|_| at, |z| z.with_time_zone(TimeZone::UTC).datetime())
        .strftime("%Y%m%d%H%M%S")
        .to_string()
}

/// The id of a prescription with its check character.
fn short_id(person: &Person) -> String {
    let body = format!("{:06X}-{}A-{:05X}", person.number, person.practice.code, person.number);
    let check = check_character(&body).unwrap_or('0');
    format!("{body}{check}")
}

fn said(relation: &str, name: &str, kind: &str, value: &str) -> String {
    format!(
        "<{relation} contextConductionInd=\"true\" typeCode=\"PERT\"><seperatableInd value=\"false\"/><{name} classCode=\"OBS\" moodCode=\"EVN\"><code code=\"{kind}\" codeSystem=\"{PERTINENT}\"/>{value}</{name}></{relation}>"
    )
}

fn item(person: &Person, medicine: &Medicine) -> String {
    let id = guid(person, &format!("eps item {}", medicine.what.text));
    let amount = medicine.quantity;
    format!(
        "<pertinentInformation2 contextConductionInd=\"true\" inversionInd=\"false\" negationInd=\"false\" typeCode=\"PERT\"><seperatableInd value=\"true\"/><templateId extension=\"CSAB_RM-NPfITUK10.sourceOf2\" root=\"2.16.840.1.113883.2.1.3.2.4.18.2\"/>\n<pertinentLineItem classCode=\"SBADM\" moodCode=\"RQO\"><id root=\"{id}\"/><code code=\"225426007\" codeSystem=\"{SNOMED}\" displayName=\"Administration of therapeutic substance (procedure)\"/><effectiveTime nullFlavor=\"NA\"/><product contextControlCode=\"OP\" typeCode=\"PRD\"><manufacturedProduct classCode=\"MANU\"><manufacturedRequestedMaterial classCode=\"MMAT\" determinerCode=\"KIND\"><code code=\"{}\" codeSystem=\"{SNOMED}\" displayName=\"{}\"/></manufacturedRequestedMaterial></manufacturedProduct></product><component typeCode=\"COMP\"><seperatableInd value=\"false\"/><lineItemQuantity classCode=\"SPLY\" moodCode=\"RQO\"><code code=\"373784005\" codeSystem=\"{SNOMED}\" displayName=\"Dispensing medication (procedure)\"/><quantity unit=\"1\" value=\"{amount}\"><translation code=\"428673006\" codeSystem=\"{SNOMED}\" displayName=\"tablet\" value=\"{amount}\"/></quantity></lineItemQuantity></component>{}</pertinentLineItem></pertinentInformation2>\n",
        medicine.what.snomed,
        xml(medicine.what.text),
        said(
            "pertinentInformation2",
            "pertinentDosageInstructions",
            "DI",
            &format!("<value>{}</value>", xml(medicine.dose))
        ),
    )
}

/// The prescriber, as author and as the one who is responsible.
fn agent(person: &Person) -> String {
    let practice = person.practice;
    format!(
        "<AgentPerson classCode=\"AGNT\"><id extension=\"999990401000\" root=\"1.2.826.0.1285.0.2.0.67\"/><code code=\"S8000:G8000:R8000\" codeSystem=\"1.2.826.0.1285.0.2.1.104\"/><telecom use=\"WP\" value=\"tel:01632960101\"/><agentPerson classCode=\"PSN\" determinerCode=\"INSTANCE\"><id extension=\"9100017\" root=\"1.2.826.0.1285.0.2.1.54\"/><name><prefix>DR</prefix><given>Tamsin</given><family>SORREL</family></name></agentPerson><representedOrganization classCode=\"ORG\" determinerCode=\"INSTANCE\"><id extension=\"{}\" root=\"1.2.826.0.1285.0.1.10\"/><code code=\"999\" codeSystem=\"2.16.840.1.113883.2.1.3.2.4.17.94\"/><name>{}</name><telecom use=\"WP\" value=\"tel:01632960100\"/></representedOrganization></AgentPerson>",
        practice.code,
        xml(practice.name)
    )
}

fn order(person: &Person, items: &[&Medicine], at: DateTime) -> String {
    let time = utc(at);
    let sex = if person.sex == Sex::Female { "2" } else { "1" };
    let value = |code: &str, system: &str| format!("<value code=\"{code}\" codeSystem=\"{system}\"/>");
    let lines: String = items.iter().map(|m| item(person, m)).collect();
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<ParentPrescription xmlns=\"urn:hl7-org:v3\" classCode=\"INFO\" moodCode=\"EVN\"><id root=\"{}\"/><code code=\"163501000000109\" codeSystem=\"{SNOMED}\" displayName=\"Prescription - FocusActOrEvent (record artifact)\"/><effectiveTime value=\"{time}\"/><typeId extension=\"PORX_MT132004UK31\" root=\"2.16.840.1.113883.2.1.3.2.4.18.7\"/>\n<recordTarget typeCode=\"RCT\"><Patient classCode=\"PAT\"><id extension=\"{}\" root=\"2.16.840.1.113883.2.1.4.1\"/><addr use=\"H\"><streetAddressLine>{}</streetAddressLine><streetAddressLine>{}</streetAddressLine><postalCode>{}</postalCode></addr><patientPerson classCode=\"PSN\" determinerCode=\"INSTANCE\"><name use=\"L\"><prefix>{}</prefix><given>{}</given><family>{}</family></name><administrativeGenderCode code=\"{sex}\" codeSystem=\"2.16.840.1.113883.2.1.3.2.4.16.25\"/><birthTime value=\"{}\"/><playedProviderPatient classCode=\"PAT\"><subjectOf typeCode=\"SBJ\"><patientCareProvision classCode=\"PCPR\" moodCode=\"EVN\"><code code=\"1\" codeSystem=\"2.16.840.1.113883.2.1.3.2.4.17.37\"/><responsibleParty typeCode=\"RESP\"><healthCareProvider classCode=\"PROV\"><id extension=\"{}\" root=\"1.2.826.0.1285.0.1.10\"/></healthCareProvider></responsibleParty></patientCareProvision></subjectOf></playedProviderPatient></patientPerson></Patient></recordTarget>\n<pertinentInformation1 contextConductionInd=\"true\" typeCode=\"PERT\"><templateId extension=\"CSAB_RM-NPfITUK10.pertinentInformation\" root=\"2.16.840.1.113883.2.1.3.2.4.18.2\"/><pertinentPrescription classCode=\"SBADM\" moodCode=\"RQO\"><id root=\"{}\"/><id extension=\"{}\" root=\"2.16.840.1.113883.2.1.3.2.4.18.8\"/><code code=\"225426007\" codeSystem=\"{SNOMED}\" displayName=\"Administration of therapeutic substance (procedure)\"/><effectiveTime nullFlavor=\"NA\"/>\n<author contextControlCode=\"OP\" typeCode=\"AUT\"><time value=\"{time}\"/><signatureText nullFlavor=\"NA\"/>{}</author>\n<responsibleParty contextControlCode=\"OP\" typeCode=\"RESP\">{}</responsibleParty>\n{}{lines}{}{}</pertinentPrescription></pertinentInformation1>\n</ParentPrescription>\n",
        guid(person, "eps"),
        person.nhs_number,
        xml(&person.street),
        xml(person.town),
        xml(&person.postcode),
        xml(person.title),
        xml(&person.given),
        xml(&person.family),
        person.born.strftime("%Y%m%d"),
        person.practice.code,
        guid(person, "eps prescription"),
        short_id(person),
        agent(person),
        agent(person),
        said(
            "pertinentInformation5",
            "pertinentPrescriptionTreatmentType",
            "PTT",
            &value("0001", "2.16.840.1.113883.2.1.3.2.4.16.36")
        ),
        said("pertinentInformation8", "pertinentTokenIssued", "TI", "<value value=\"false\"/>"),
        said(
            "pertinentInformation4",
            "pertinentPrescriptionType",
            "PT",
            &value("0101", "2.16.840.1.113883.2.1.3.2.4.17.25")
        ),
    )
}
