//! GP Summary uploads of the Summary Care Record (REPC_RM150007UK05 GPSummary).

use jiff::civil::{Date, DateTime};

use super::{guid, message, xml};
use crate::clinical::{Coded, Facts, Medicine, facts};
use crate::journey::GpRecord;
use crate::people::Person;
use crate::{Event, Journey, Message};

const KIND: (&str, &str) = ("summary-care-record", "application/xml");
const SNOMED: &str = "2.16.840.1.113883.2.1.3.2.4.15";

/// The upload that an event causes.
pub fn of_event(person: &Person, journey: &Journey, event: &Event) -> Vec<Message> {
    let Event::GpRecord { at, form: GpRecord::Summary } = event else { return Vec::new() };
    vec![of_facts(person, &facts(person, journey).as_of(at.date()), *at)]
}

/// The upload of a practice that knows these facts.
pub fn of_facts(person: &Person, facts: &Facts, at: DateTime) -> Message {
    let names = ("summary-care-record.xml", "The practice uploads the summary care record");
    message(person, KIND, names, (person.practice, at), summary(person, facts, at))
}

fn stamp(at: DateTime) -> String {
    at.strftime("%Y%m%d%H%M%S").to_string()
}

fn code(what: &Coded) -> String {
    match what.snomed {
        "" => format!("<code nullFlavor=\"UNK\"><originalText>{}</originalText></code>", xml(what.text)),
        snomed => {
            format!("<code code=\"{snomed}\" codeSystem=\"{SNOMED}\" displayName=\"{}\"/>", xml(what.text))
        }
    }
}

fn summary(person: &Person, facts: &Facts, at: DateTime) -> String {
    let (sent, practice) = (stamp(at), person.practice);
    let (id, text_id) = (guid(person, "scr"), guid(person, "scr text"));
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<GPSummary xmlns=\"urn:hl7-org:v3\" classCode=\"COMPOSITION\" moodCode=\"EVN\"><id root=\"{id}\"/><code code=\"196981000000101\" codeSystem=\"{SNOMED}\" displayName=\"General Practice Summary\"/><statusCode code=\"active\"/><effectiveTime value=\"{sent}\"/>\n<author typeCode=\"AUT\" contextControlCode=\"OP\"><time value=\"{sent}\"/><UKCT_MT160017UK01.AgentOrgSDS classCode=\"AGNT\"><agentOrganizationSDS classCode=\"ORG\" determinerCode=\"INSTANCE\"><id root=\"1.2.826.0.1285.0.1.10\" extension=\"{}\"/><name>{}</name></agentOrganizationSDS></UKCT_MT160017UK01.AgentOrgSDS></author>\n<excerptFrom typeCode=\"XCRPT\" contextConductionInd=\"true\" inversionInd=\"false\" negationInd=\"false\"><templateId root=\"2.16.840.1.113883.2.1.3.2.4.18.2\" extension=\"CSAT_RM-NPfITUK10.excerptFrom\"/><seperatableInd value=\"false\"/><UKCT_MT144051UK01.CareProfessionalDocumentationCRE classCode=\"CATEGORY\" moodCode=\"EVN\"><code code=\"163171000000105\" codeSystem=\"{SNOMED}\" displayName=\"Care Professional Documentation\"/><component typeCode=\"COMP\" inversionInd=\"false\" negationInd=\"false\"><templateId root=\"2.16.840.1.113883.2.1.3.2.4.18.2\" extension=\"CSAB_RM-NPfITUK10.component\"/><seperatableInd value=\"false\"/><presentationText classCode=\"OBS\" moodCode=\"EVN\"><id root=\"{text_id}\"/><value><html xmlns=\"xhtml:NPfIT:PresentationText\"><head/><body>{}</body></html></value></presentationText></component></UKCT_MT144051UK01.CareProfessionalDocumentationCRE></excerptFrom>\n{}<recordTarget typeCode=\"RCT\"><patient classCode=\"PAT\"><id root=\"2.16.840.1.113883.2.1.4.1\" extension=\"{}\"/></patient></recordTarget>\n</GPSummary>\n",
        practice.code,
        xml(practice.name),
        narrative(facts, at),
        entries(person, facts, &sent),
        person.nhs_number,
    )
}

fn british(day: Date) -> String {
    day.strftime("%d-%b-%Y").to_string()
}

fn table(heading: &str, columns: [&str; 3], rows: Vec<[String; 3]>) -> String {
    let cells = |row: [String; 3], tag: &str| {
        let cells: String = row.iter().map(|cell| format!("<{tag}>{}</{tag}>", xml(cell))).collect();
        format!("<tr>{cells}</tr>")
    };
    if rows.is_empty() {
        return String::new();
    }
    let body: String = rows.into_iter().map(|row| cells(row, "td")).collect();
    format!(
        "<h2>{heading}</h2><table><thead>{}</thead><tbody>{body}</tbody></table>",
        cells(columns.map(str::to_owned), "th")
    )
}

fn narrative(facts: &Facts, at: DateTime) -> String {
    let allergies = match facts.allergies.is_empty() {
        true => "<h2>Allergies and Adverse Reactions</h2><p>No known allergies</p>".to_owned(),
        false => table(
            "Allergies and Adverse Reactions",
            ["Date", "Description", "Reaction"],
            facts
                .allergies
                .iter()
                .map(|a| [british(a.recorded), a.what.text.to_owned(), a.reaction.to_owned()])
                .collect(),
        ),
    };
    let medicines = |heading: &str, which: &dyn Fn(&Medicine) -> bool| {
        let rows = facts.medicines.iter().filter(|m| which(m));
        table(
            heading,
            ["Date", "Medication Item", "Dosage instructions"],
            rows.map(|m| [british(m.first), m.what.text.to_owned(), m.dose.to_owned()]).collect(),
        )
    };
    let diagnoses =
        facts.conditions.iter().map(|c| [british(c.onset), c.what.text.to_owned(), c.note.to_owned()]);
    [
        "<h2>General Practice Summary</h2>".to_owned(),
        format!("<p>Time of summary creation {}</p>", at.strftime("%H.%M %d-%b-%Y")),
        allergies,
        medicines("Repeat Medication", &|m| m.repeat && m.stopped.is_none()),
        medicines("Acute Medication", &|m| !m.repeat),
        medicines("Discontinued Repeat Medication", &|m| m.stopped.is_some()),
        table("Diagnoses", ["Date", "Description", "Supporting Information"], diagnoses.collect()),
    ]
    .concat()
}

/// A group of coded entries under its category.
fn group((category, words): (&str, &str), acts: Vec<String>) -> String {
    if acts.is_empty() {
        return String::new();
    }
    // Where the category's code is not known for sure it is text.
    let category = match category {
        "" => format!("<code nullFlavor=\"OTH\"><originalText>{words}</originalText></code>"),
        code => format!("<code code=\"{code}\" codeSystem=\"{SNOMED}\" displayName=\"{words}\"/>"),
    };
    let components: String = acts
        .iter()
        .map(|act| {
            format!("<component typeCode=\"COMP\" contextConductionInd=\"true\"><templateId root=\"2.16.840.1.113883.2.1.3.2.4.18.2\" extension=\"CSAT_RM-NPfITUK10.component\"/><seperatableInd value=\"false\"/>{act}</component>")
        })
        .collect();
    format!(
        "<pertinentInformation2 typeCode=\"PERT\" inversionInd=\"false\" contextConductionInd=\"true\" negationInd=\"false\"><templateId root=\"2.16.840.1.113883.2.1.3.2.4.18.2\" extension=\"CSAT_RM-NPfITUK10.pertinentInformation1\"/><seperatableInd value=\"true\"/><pertinentCREType classCode=\"CATEGORY\" moodCode=\"EVN\">{category}{components}</pertinentCREType></pertinentInformation2>\n"
    )
}

fn entries(person: &Person, facts: &Facts, sent: &str) -> String {
    let author = |sent: &str| {
        format!(
            "<author typeCode=\"AUT\" contextControlCode=\"OP\"><time value=\"{sent}\"/><UKCT_MT160018UK01.AgentPersonSDS classCode=\"AGNT\"><id root=\"1.2.826.0.1285.0.2.0.67\" extension=\"999990401000\"/><agentPersonSDS classCode=\"PSN\" determinerCode=\"INSTANCE\"><id root=\"1.2.826.0.1285.0.2.0.65\" extension=\"999990401001\"/><name>Dr Tamsin Sorrel</name></agentPersonSDS></UKCT_MT160018UK01.AgentPersonSDS></author>"
        )
    };
    let act = |name: &str, class: &str, what: &Coded, status: &str, day: Date| {
        let id = guid(person, &format!("scr {name} {} {day}", what.text));
        let day = day.strftime("%Y%m%d");
        format!(
            "<{name} classCode=\"{class}\" moodCode=\"EVN\"><id root=\"{id}\"/>{}<statusCode code=\"{status}\"/><effectiveTime><low value=\"{day}\"/></effectiveTime>{}</{name}>",
            code(what),
            author(sent)
        )
    };
    let diagnoses = facts
        .conditions
        .iter()
        .map(|c| act("UKCT_MT144042UK01.Diagnosis", "CON", &c.what, "active", c.onset))
        .collect();
    let allergies = facts
        .allergies
        .iter()
        .map(|a| act("UKCT_MT144038UK02.Allergy", "OBS", &a.what, "completed", a.recorded))
        .collect();
    let medicines = facts.medicines.iter().map(|m| medicine(person, m)).collect();
    [
        group(("163001000000103", "Diagnoses"), diagnoses),
        group(("", "Allergies and Adverse Reactions"), allergies),
        group(("", "Medication"), medicines),
    ]
    .concat()
}

fn medicine(person: &Person, medicine: &Medicine) -> String {
    let (name, kind) = match (medicine.repeat, medicine.stopped) {
        (_, Some(_)) => ("UKCT_MT144055UK01.DiscontinuedRepeatMedication", "Discontinued repeat"),
        (true, None) => ("UKCT_MT144055UK01.CurrentRepeatMedication", "Current repeat"),
        (false, None) => ("UKCT_MT144054UK01.AcuteMedication", "Acute"),
    };
    let status = if medicine.stopped.is_some() { "completed" } else { "active" };
    let id = guid(person, &format!("scr {kind} {}", medicine.what.text));
    let high = medicine
        .stopped
        .map_or(String::new(), |(on, _)| format!("<high value=\"{}\"/>", on.strftime("%Y%m%d")));
    format!(
        "<{name} classCode=\"SBADM\" moodCode=\"RQO\"><id root=\"{id}\"/><statusCode code=\"{status}\"/><effectiveTime><low value=\"{}\"/>{high}</effectiveTime><consumable typeCode=\"CSM\" contextControlCode=\"OP\"><manufacturedProduct classCode=\"MANU\"><manufacturedManufacturedMaterial classCode=\"MMAT\" determinerCode=\"KIND\">{}</manufacturedManufacturedMaterial></manufacturedProduct></consumable><pertinentInformation2 typeCode=\"PERT\" contextConductionInd=\"true\"><templateId root=\"2.16.840.1.113883.2.1.3.2.4.18.2\" extension=\"CSAB_RM-NPfITUK10.pertinentInformation2\"/><seperatableInd value=\"false\"/><pertinentDosageInstructions classCode=\"OBS\" moodCode=\"EVN\"><code code=\"DI\" codeSystem=\"2.16.840.1.113883.2.1.3.2.4.17.30\"/><value>{}</value></pertinentDosageInstructions></pertinentInformation2></{name}>",
        medicine.first.strftime("%Y%m%d"),
        code(&medicine.what),
        xml(medicine.dose),
    )
}
