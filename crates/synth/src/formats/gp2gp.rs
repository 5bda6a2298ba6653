//! GP2GP EHR extracts (RCMR_IN030000UK06) of any size.

use std::fmt::Write as _;

use jiff::civil::DateTime;

use super::{guid, message, xml};
use crate::clinical::{
    Allergy, Coded, Condition, Consultation, Facts, Immunisation, Medicine, consultations, facts,
};
use crate::journey::{GpRecord, ResultLine};
use crate::people::{PRACTICES, Person};
use crate::random::Random;
use crate::{Event, Journey, Message};

const KIND: (&str, &str) = ("gp2gp", "application/xml");
const SNOMED: &str = "2.16.840.1.113883.2.1.3.2.4.15";
const READ: &str = "2.16.840.1.113883.2.1.6.2";
/// What every statement says of its state and that it gives no time range.
const COMPLETE: &str =
    "<statusCode code=\"COMPLETE\"/><effectiveTime><center nullFlavor=\"NI\"/></effectiveTime>";

/// The extract that a transfer of the record causes.
pub fn of_event(person: &Person, journey: &Journey, event: &Event) -> Vec<Message> {
    match event {
        Event::GpRecord { at, form: GpRecord::Transfer } => vec![extract(person, journey, *at, 0)],
        _ => Vec::new(),
    }
}

/// A person's whole record as of a time, at least `bytes` long: consultations of earlier years fill it up.
pub fn extract(person: &Person, journey: &Journey, at: DateTime, bytes: usize) -> Message {
    written(person, (&facts(person, journey).as_of(at.date()), journey), at, bytes)
}

/// The record of a practice that knows these facts, and has filed the journey's reports.
pub fn of_facts(person: &Person, facts: &Facts, journey: &Journey, at: DateTime) -> Message {
    written(person, (facts, journey), at, 0)
}

fn written(person: &Person, (facts, journey): (&Facts, &Journey), at: DateTime, bytes: usize) -> Message {
    let mut out = String::with_capacity(bytes + 40_000);
    let x = &mut Extract { person, out: &mut out, count: 0, at };
    x.head();
    x.record(facts);
    for event in &journey.events {
        if let Event::Results { collected, report, lines, .. } = event
            && last_of_report(journey, event)
        {
            x.report(*collected, report, lines);
        }
    }
    let mut r = Random::new(0xB16, person.number as u64);
    let mut last = jiff::civil::date(2026, 2, 20);
    while x.out.len() + 800 < bytes {
        for consultation in consultations(&mut r, 200, last) {
            if x.out.len() + 800 < bytes {
                x.consultation(&consultation);
            }
        }
        last = last.yesterday().unwrap_or(last);
    }
    x.tail();
    let names = ("gp2gp.xml", "Her whole GP record, on changing practice");
    let title =
        if person.sex == crate::Sex::Male { "His whole GP record, on changing practice" } else { names.1 };
    message(person, KIND, (names.0, title), (person.practice, at), out)
}

/// Whether no later report of the journey has the same number: the practice files the last.
fn last_of_report(journey: &Journey, event: &Event) -> bool {
    let Event::Results { at, report, .. } = event else { return false };
    !journey.events.iter().any(|other| {
        matches!(other, Event::Results { at: later, report: same, .. } if same == report && later > at)
    })
}

fn stamp(at: DateTime) -> String {
    at.strftime("%Y%m%d%H%M%S").to_string()
}

/// A coded thing as an element of this name: Read with its SNOMED CT translation, SNOMED CT, or text.
fn code(name: &str, what: &Coded) -> String {
    let text = xml(what.text);
    match (what.read, what.snomed) {
        ("", "") => format!("<{name} nullFlavor=\"UNK\"><originalText>{text}</originalText></{name}>"),
        ("", snomed) => {
            format!("<{name} code=\"{snomed}\" codeSystem=\"{SNOMED}\" displayName=\"{text}\"/>")
        }
        (read, "") => format!("<{name} code=\"{read}00\" codeSystem=\"{READ}\" displayName=\"{text}\"/>"),
        (read, snomed) => format!(
            "<{name} code=\"{read}00\" codeSystem=\"{READ}\" displayName=\"{text}\"><translation code=\"{snomed}\" codeSystem=\"{SNOMED}\" displayName=\"{text}\"/></{name}>"
        ),
    }
}

/// An extract that is being written.
struct Extract<'a> {
    person: &'a Person,
    out: &'a mut String,
    /// How many ids were given.
    count: usize,
    at: DateTime,
}

impl Extract<'_> {
    fn put(&mut self, text: &str) {
        self.out.push_str(text);
    }

    /// The next id.
    fn id(&mut self) -> String {
        self.count += 1;
        guid(self.person, &format!("gp2gp {}", self.count))
    }

    fn doctor(&self) -> String {
        guid(self.person, "gp2gp doctor")
    }

    fn head(&mut self) {
        let at = stamp(self.at);
        let (practice, nhs) = (self.person.practice, &self.person.nhs_number);
        let other = PRACTICES.iter().find(|p| **p != practice).map_or("", |p| p.code);
        let device = |asid: &str| {
            format!(
                "<device classCode=\"DEV\" determinerCode=\"INSTANCE\"><id root=\"1.2.826.0.1285.0.2.0.107\" extension=\"{asid}\"/></device>"
            )
        };
        let (to, from) = (device("999999999902"), device("999999999901"));
        let organisation = |code: &str| {
            format!(
                "<AgentOrgSDS classCode=\"AGNT\"><agentOrganizationSDS classCode=\"ORG\" determinerCode=\"INSTANCE\"><id root=\"1.2.826.0.1285.0.1.10\" extension=\"{code}\"/></agentOrganizationSDS></AgentOrgSDS>"
            )
        };
        let system = from.replace("<device ", "<agentSystemSDS ").replace("</device>", "</agentSystemSDS>");
        let (message, extract, folder) = (self.id(), self.id(), self.id());
        let (author, destination) = (organisation(practice.code), organisation(other));
        let text = format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<RCMR_IN030000UK06 xmlns=\"urn:hl7-org:v3\" xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\">\n<id root=\"{message}\"/><creationTime value=\"{at}\"/><versionCode code=\"V3NPfIT3.1.10\"/><interactionId root=\"2.16.840.1.113883.2.1.3.2.4.12\" extension=\"RCMR_IN030000UK06\"/><processingCode code=\"P\"/><processingModeCode code=\"T\"/><acceptAckCode code=\"NE\"/>\n<communicationFunctionRcv typeCode=\"RCV\">{to}</communicationFunctionRcv>\n<communicationFunctionSnd typeCode=\"SND\">{from}</communicationFunctionSnd>\n<ControlActEvent classCode=\"CACT\" moodCode=\"EVN\"><author1 typeCode=\"AUT\"><AgentSystemSDS classCode=\"AGNT\">{system}</AgentSystemSDS></author1>\n<subject typeCode=\"SUBJ\" contextConductionInd=\"false\"><EhrExtract classCode=\"EXTRACT\" moodCode=\"EVN\"><id root=\"{extract}\"/><statusCode code=\"COMPLETE\"/><availabilityTime value=\"{at}\"/>\n<recordTarget typeCode=\"RCT\"><patient classCode=\"PAT\"><id root=\"2.16.840.1.113883.2.1.4.1\" extension=\"{nhs}\"/></patient></recordTarget>\n<author typeCode=\"AUT\"><time value=\"{at}\"/><signatureCode code=\"S\"/><signatureText>X</signatureText>{author}</author>\n<destination typeCode=\"DST\">{destination}</destination>\n<component typeCode=\"COMP\" contextConductionInd=\"true\"><ehrFolder classCode=\"FOLDER\" moodCode=\"EVN\"><id root=\"{folder}\"/><statusCode code=\"COMPLETE\"/><effectiveTime><low value=\"19700101\"/><high value=\"{at}\"/></effectiveTime><availabilityTime value=\"{at}\"/><author typeCode=\"AUT\"><time value=\"{at}\"/>{author}</author>"
        );
        self.put(&text);
        let doctor = self.doctor();
        let agent = format!(
            "<responsibleParty typeCode=\"RESP\"><agentDirectory classCode=\"AGNT\">\n<part typeCode=\"PART\"><Agent classCode=\"AGNT\"><id root=\"{doctor}\"/><id root=\"2.16.840.1.113883.2.1.4.2\" extension=\"9990401\"/><code code=\"309394004\" codeSystem=\"{SNOMED}\" displayName=\"General Practitioner Principal\"><originalText>General Medical Practitioner</originalText></code><agentPerson classCode=\"PSN\" determinerCode=\"INSTANCE\"><name><prefix>Dr</prefix><given>Tamsin</given><family>Sorrel</family></name></agentPerson><representedOrganization classCode=\"ORG\" determinerCode=\"INSTANCE\"><id root=\"2.16.840.1.113883.2.1.4.3\" extension=\"{}\"/><name>{}</name></representedOrganization></Agent></part>\n</agentDirectory></responsibleParty>\n",
            practice.code,
            xml(practice.name),
        );
        self.put(&agent);
    }

    fn tail(&mut self) {
        let (request, limitation) = (self.id(), self.id());
        let text = format!(
            "</ehrFolder></component>\n<inFulfillmentOf typeCode=\"FLFS\"><priorEhrRequest classCode=\"EXTRACT\" moodCode=\"RQO\"><id root=\"{request}\"/></priorEhrRequest></inFulfillmentOf>\n<limitation typeCode=\"LIMIT\" inversionInd=\"true\"><limitingEhrExtractSpecification classCode=\"OBS\" moodCode=\"EVN.CRT\"><id root=\"{limitation}\"/><code code=\"37241000000102\" codeSystem=\"{SNOMED}\" displayName=\"Entire record available to originator\"/></limitingEhrExtractSpecification></limitation>\n</EhrExtract></subject></ControlActEvent></RCMR_IN030000UK06>\n"
        );
        self.put(&text);
    }

    /// One composition of a kind (code and words) at a time, with what `f` writes within it.
    fn composition(&mut self, kind: (&str, &str), at: &str, f: impl FnOnce(&mut Self)) {
        let (id, doctor) = (self.id(), self.doctor());
        let authored = if at.len() == 8 { format!("{at}090000") } else { at.to_owned() };
        let text = format!(
            "<component typeCode=\"COMP\"><ehrComposition classCode=\"COMPOSITION\" moodCode=\"EVN\"><id root=\"{id}\"/><code code=\"{}\" codeSystem=\"{SNOMED}\" displayName=\"{}\"/>{COMPLETE}<availabilityTime value=\"{at}\"/><author typeCode=\"AUT\" contextControlCode=\"OP\"><time value=\"{authored}\"/><agentRef classCode=\"AGNT\"><id root=\"{doctor}\"/></agentRef></author><Participant2 typeCode=\"PRF\" contextControlCode=\"OP\"><agentRef classCode=\"AGNT\"><id root=\"{doctor}\"/></agentRef></Participant2>",
            kind.0, kind.1
        );
        self.put(&text);
        f(self);
        self.put("</ehrComposition></component>\n");
    }

    /// A compound statement (class, code element) with what `f` writes within it.
    fn compound(&mut self, (class, code): (&str, &str), at: &str, f: impl FnOnce(&mut Self)) {
        let id = self.id();
        let text = format!(
            "<component typeCode=\"COMP\" contextConductionInd=\"true\"><CompoundStatement classCode=\"{class}\" moodCode=\"EVN\"><id root=\"{id}\"/>{code}{COMPLETE}<availabilityTime value=\"{at}\"/>"
        );
        self.put(&text);
        f(self);
        self.put("</CompoundStatement></component>");
    }

    /// An observation; `rest` is what comes after its time. Gives its id.
    fn observation(&mut self, what: &Coded, at: &str, rest: &str) -> String {
        let id = self.id();
        let text = format!(
            "<component typeCode=\"COMP\" contextConductionInd=\"true\"><ObservationStatement classCode=\"OBS\" moodCode=\"EVN\"><id root=\"{id}\"/>{}{COMPLETE}<availabilityTime value=\"{at}\"/>{rest}</ObservationStatement></component>",
            code("code", what)
        );
        self.put(&text);
        id
    }

    fn record(&mut self, facts: &Facts) {
        for condition in &facts.conditions {
            self.problem(condition);
        }
        self.medicines(&facts.medicines);
        self.allergies(&facts.allergies);
        for immunisation in &facts.immunisations {
            self.immunisation(immunisation);
        }
        for consultation in &facts.consultations {
            self.consultation(consultation);
        }
    }

    fn problem(&mut self, condition: &Condition) {
        let day = condition.onset.strftime("%Y%m%d").to_string();
        let at = format!("{day}103000");
        self.composition(("25671000000102", "Surgery Consultation Note"), &at, |x| {
            let mut named = String::new();
            x.compound(("TOPIC", &code("code", &condition.what)), &at, |x| {
                let history = "<code code=\"15621000000105\" codeSystem=\"2.16.840.1.113883.2.1.3.2.4.15\" displayName=\"History\"/>";
                x.compound(("CATEGORY", history), &at, |x| {
                    named = x.observation(&condition.what, &at, &annotation(condition.note));
                });
            });
            let id = x.id();
            let text = format!(
                "<component typeCode=\"COMP\" contextConductionInd=\"true\"><LinkSet classCode=\"OBS\" moodCode=\"EVN\"><id root=\"{id}\"/><code code=\"394774009\" codeSystem=\"{SNOMED}\" displayName=\"Active problem\"><originalText>Active Problem, Significant</originalText><qualifier inverted=\"false\"><name code=\"386134007\" codeSystem=\"{SNOMED}\" displayName=\"Significant\"/></qualifier></code><statusCode code=\"COMPLETE\"/><effectiveTime><low value=\"{day}\"/></effectiveTime><availabilityTime value=\"{at}\"/><conditionNamed typeCode=\"NAME\" inversionInd=\"true\"><namedStatementRef classCode=\"OBS\" moodCode=\"EVN\"><id root=\"{named}\"/></namedStatementRef></conditionNamed></LinkSet></component>"
            );
            x.put(&text);
        });
    }

    fn allergies(&mut self, allergies: &[Allergy]) {
        let heading = "<code code=\"14L..00\" codeSystem=\"2.16.840.1.113883.2.1.6.2\" displayName=\"H/O: drug allergy\"/>";
        let kind = ("196401000000100", "Non-consultation data");
        for allergy in allergies {
            let day = allergy.recorded.strftime("%Y%m%d").to_string();
            self.composition(kind, &day, |x| {
                x.compound(("CATEGORY", heading), &day, |x| {
                    let text = format!("Status: Active {}", allergy.reaction);
                    x.observation(&allergy.what, &day, &annotation(&text));
                });
            });
        }
        if allergies.is_empty() {
            let none = Coded { read: "", snomed: "716186003", text: "No known allergy" };
            self.composition(kind, "20240312", |x| {
                x.compound(("CATEGORY", heading), "20240312", |x| {
                    x.observation(&none, "20240312", "");
                });
            });
        }
    }

    fn immunisation(&mut self, immunisation: &Immunisation) {
        let at = format!("{}1500", immunisation.on.strftime("%Y%m%d"));
        let text =
            format!("[Manufacturer: Imagined Biologicals], [Batch Number: {}], Left arm", immunisation.batch);
        self.composition(("25671000000102", "Surgery Consultation Note"), &at, |x| {
            x.observation(&immunisation.what, &at, &annotation(&text));
        });
    }

    fn consultation(&mut self, consultation: &Consultation) {
        let at = stamp(consultation.at);
        let kind = match consultation.reason.text.starts_with("Telephone") {
            true => ("24671000000101", "Telephone Call From A Patient"),
            false => ("25671000000102", "Surgery Consultation Note"),
        };
        self.composition(kind, &at, |x| {
            x.compound(("TOPIC", &code("code", &consultation.reason)), &at, |x| {
                x.note(consultation.text, &at, "");
                if kind.0 == "25671000000102" {
                    x.measurements(consultation, &at);
                }
            });
        });
    }

    fn measurements(&mut self, consultation: &Consultation, at: &str) {
        let reading = Coded { read: "", snomed: "163020007", text: "O/E - blood pressure reading" };
        let systolic = Coded { read: "2469.", snomed: "72313002", text: "Systolic blood pressure" };
        let diastolic = Coded { read: "246A.", snomed: "1091811000000102", text: "Diastolic blood pressure" };
        let weight = Coded { read: "22A..", snomed: "27113001", text: "Body weight" };
        self.compound(("BATTERY", &code("code", &reading)), at, |x| {
            x.observation(&systolic, at, &quantity(&consultation.pressure.0.to_string(), "mmHg"));
            x.observation(&diastolic, at, &quantity(&consultation.pressure.1.to_string(), "mmHg"));
        });
        let tenths = format!("{}.{}", consultation.weight / 10, consultation.weight % 10);
        self.observation(&weight, at, &quantity(&tenths, "kg"));
    }

    fn note(&mut self, text: &str, at: &str, media: &str) {
        let id = self.id();
        let text = format!(
            "<component typeCode=\"COMP\" contextConductionInd=\"true\"><NarrativeStatement classCode=\"OBS\" moodCode=\"EVN\"><id root=\"{id}\"/><text{media}>{}</text><statusCode code=\"COMPLETE\"/><availabilityTime value=\"{at}\"/></NarrativeStatement></component>",
            xml(text)
        );
        self.put(&text);
    }

    fn report(&mut self, collected: DateTime, report: &str, lines: &[ResultLine]) {
        let at = collected.strftime("%Y%m%d%H%M").to_string();
        let coded = |code: &str, words: &str| {
            format!("<code code=\"{code}\" codeSystem=\"{SNOMED}\" displayName=\"{words}\"/>")
        };
        let (laboratory, specimen) =
            (coded("16488004", "Laboratory reporting"), coded("123038009", "Specimen"));
        self.composition(("24591000000103", "Other report"), &at, |x| {
            x.compound(("CLUSTER", &laboratory), &at, |x| {
                x.compound(("CLUSTER", &specimen), &at, |x| {
                    let role = x.id();
                    let text = format!(
                        "<specimen typeCode=\"SPC\"><specimenRole classCode=\"SPEC\"><id root=\"{role}\"/><id root=\"2.16.840.1.113883.2.1.4.5.2\" extension=\"{report}A\"/><effectiveTime><center value=\"{at}\"/></effectiveTime><specimenSpecimenMaterial classCode=\"MAT\" determinerCode=\"KIND\"><desc>Venous blood</desc></specimenSpecimenMaterial></specimenRole></specimen>"
                    );
                    x.put(&text);
                    for line in lines {
                        let what = Coded { read: line.read, snomed: "", text: line.name };
                        x.observation(&what, &at, &result(line));
                    }
                });
            });
        });
    }

    fn medicines(&mut self, medicines: &[Medicine]) {
        for medicine in medicines {
            let first = medicine.first.strftime("%Y%m%d").to_string();
            self.composition(("196391000000103", "Non-consultation medication data"), &first, |x| {
                let plan = x.authorise(medicine, &first);
                if let Some((on, why)) = medicine.stopped {
                    x.discontinue(medicine, &plan, (&on.strftime("%Y%m%d").to_string(), why));
                }
            });
        }
    }

    /// A medication statement with the supply that `f` writes within it.
    fn medication(&mut self, medicine: &Medicine, status: &str, at: &str, supply: &str) {
        let (id, doctor) = (self.id(), self.doctor());
        let text = format!(
            "<component typeCode=\"COMP\" contextConductionInd=\"true\"><MedicationStatement classCode=\"SBADM\" moodCode=\"INT\"><id root=\"{id}\"/><statusCode code=\"{status}\"/><effectiveTime><center nullFlavor=\"NI\"/></effectiveTime><availabilityTime value=\"{at}\"/><consumable typeCode=\"CSM\"><manufacturedProduct classCode=\"MANU\"><manufacturedMaterial classCode=\"MMAT\" determinerCode=\"KIND\">{}</manufacturedMaterial></manufacturedProduct></consumable>{supply}<pertinentInformation typeCode=\"PERT\"><pertinentMedicationDosage classCode=\"SBADM\" moodCode=\"RMD\"><text>{}</text></pertinentMedicationDosage></pertinentInformation><Participant typeCode=\"PRF\" contextControlCode=\"OP\"><agentRef classCode=\"AGNT\"><id root=\"{doctor}\"/></agentRef></Participant></MedicationStatement></component>",
            code("code", &medicine.what),
            xml(medicine.dose),
        );
        self.put(&text);
    }

    /// The authorisation and one issue that fulfils it. Gives the authorisation's id.
    fn authorise(&mut self, medicine: &Medicine, at: &str) -> String {
        let (plan, issue) = (self.id(), self.id());
        let active = medicine.stopped.is_none() && medicine.repeat;
        let status = if active { "ACTIVE" } else { "COMPLETE" };
        let ending = jiff::ToSpan::days(i64::from(medicine.days));
        let high = match (medicine.repeat, medicine.stopped) {
            (_, Some((on, _))) => format!("<high value=\"{}\"/>", on.strftime("%Y%m%d")),
            (false, None) => format!("<high value=\"{}\"/>", (medicine.first + ending).strftime("%Y%m%d")),
            (true, None) => String::new(),
        };
        let quantity = format!(
            "<quantity value=\"{0}\" unit=\"1\"><translation value=\"{0}\"><originalText>{1}</originalText></translation></quantity>",
            medicine.quantity, medicine.unit
        );
        let kind =
            format!("<code code=\"394823007\" codeSystem=\"{SNOMED}\" displayName=\"NHS Prescription\"/>");
        let authorise = format!(
            "<component typeCode=\"COMP\"><ehrSupplyAuthorise classCode=\"SPLY\" moodCode=\"INT\"><id root=\"{plan}\"/>{kind}<statusCode code=\"{status}\"/><effectiveTime><low value=\"{at}\"/>{high}</effectiveTime><availabilityTime value=\"{at}\"/><repeatNumber value=\"{}\"/>{quantity}<pertinentInformation typeCode=\"PERT\"><pertinentSupplyAnnotation classCode=\"OBS\" moodCode=\"EVN\"><text>Expected Supply Duration: {} day</text></pertinentSupplyAnnotation></pertinentInformation></ehrSupplyAuthorise></component>",
            if medicine.repeat { 6 } else { 0 },
            medicine.days,
        );
        self.medication(medicine, status, at, &authorise);
        let prescribe = format!(
            "<component typeCode=\"COMP\"><ehrSupplyPrescribe classCode=\"SPLY\" moodCode=\"RQO\"><id root=\"{issue}\"/>{kind}<statusCode code=\"COMPLETE\"/><availabilityTime value=\"{at}\"/>{quantity}<inFulfillmentOf typeCode=\"FLFS\"><priorMedicationRef classCode=\"SBADM\" moodCode=\"INT\"><id root=\"{plan}\"/></priorMedicationRef></inFulfillmentOf></ehrSupplyPrescribe></component>"
        );
        self.medication(medicine, "COMPLETE", at, &prescribe);
        plan
    }

    fn discontinue(&mut self, medicine: &Medicine, plan: &str, (at, why): (&str, &str)) {
        let id = self.id();
        let why = xml(why);
        let text = format!(
            "<component typeCode=\"COMP\"><ehrSupplyDiscontinue classCode=\"SPLY\" moodCode=\"RQO\"><id root=\"{id}\"/><code nullFlavor=\"UNK\"><originalText>{why}</originalText></code><statusCode code=\"COMPLETE\"/><availabilityTime value=\"{at}\"/><reversalOf typeCode=\"FLFS\"><priorMedicationRef classCode=\"SBADM\" moodCode=\"INT\"><id root=\"{plan}\"/></priorMedicationRef></reversalOf></ehrSupplyDiscontinue></component>"
        );
        self.medication(medicine, "COMPLETE", at, &text);
    }
}

fn annotation(text: &str) -> String {
    format!(
        "<pertinentInformation typeCode=\"PERT\"><sequenceNumber value=\"+1\"/><pertinentAnnotation classCode=\"OBS\" moodCode=\"EVN\"><text>{}</text></pertinentAnnotation></pertinentInformation>",
        xml(text)
    )
}

fn quantity(value: &str, unit: &str) -> String {
    format!(
        "<value xsi:type=\"PQ\" value=\"{value}\" unit=\"1\"><translation value=\"{value}\"><originalText>{}</originalText></translation></value>",
        xml(unit)
    )
}

fn result(line: &ResultLine) -> String {
    let mut text = quantity(&line.value, line.unit);
    let flag = match line.flag {
        "H" => Some(("HI", "Above high reference limit")),
        "L" => Some(("LO", "Below low reference limit")),
        _ => None,
    };
    // Writing to a text never fails.
    if let Some((code, words)) = flag {
        let _ = write!(
            text,
            "<interpretationCode code=\"{code}\" codeSystem=\"2.16.840.1.113883.2.1.6.5\" displayName=\"{words}\"/>"
        );
    }
    let _ = write!(
        text,
        "<referenceRange typeCode=\"REFV\"><referenceInterpretationRange classCode=\"OBS\" moodCode=\"EVN.CRT\"><value><low value=\"{}\"/><high value=\"{}\"/></value></referenceInterpretationRange></referenceRange>",
        line.range.0, line.range.1
    );
    text
}
