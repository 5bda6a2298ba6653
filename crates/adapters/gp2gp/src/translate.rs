//! From bytes to bundles.

use causeway_adapter::{Composer, Context, Sink};
use causeway_core::{Issue, IssueCode, Outcome, Position, Rule, Severity};
use causeway_xml::{Document, Element};

use crate::attachment::Attachments;
use crate::extract::{Extract, Kind};
use crate::role::Role;
use crate::{
    account, allergy, assign, consultation, directory, document, hl7, immunisation, medication, observation,
    parts, pathology, problem, request, rules,
};

/// Name of the adapter.
pub(crate) const ADAPTER: &str = "gp2gp";

/// Statements after which claims are entered into the ledger, so that they don't pile up.
const SETTLE_EVERY: usize = 64;

/// Translates one message: XML alone, or in its MIME envelope with attachments.
pub(crate) fn translate(input: &[u8], context: &Context, sink: &mut dyn Sink) -> Result<(), Issue> {
    let mut c = Composer::new(ADAPTER, context);
    let message = parts::open(input, &mut c.ledger)?;
    let decoded = causeway_xml::decode(message.payload).map_err(|e| e.issue())?;
    let document = Document::parse_within(&decoded, message.offset, &mut c.ledger).map_err(|e| e.issue())?;
    parts::name_places(&message, &mut c.ledger);
    let attachments = parts::attachments(&message, &mut c);
    let root = document.root();
    let extracts = extracts(root);
    if extracts.is_empty() {
        return Err(not_an_extract(root));
    }
    let mut attachments = Some(attachments);
    for (number, extract) in extracts.iter().enumerate() {
        if let Some(rule) = unusable(*extract) {
            reject(&mut c, *extract, rule);
            continue;
        }
        let attachments = attachments.take().unwrap_or_default();
        record(&mut c, *extract, root, number, attachments);
    }
    account::close(&mut c, root, &context.zone.clone());
    c.flush(sink);
    Ok(())
}

/// The extracts of a message. There should be one; a message with more holds as many records.
fn extracts<'d>(root: Element<'d>) -> Vec<Element<'d>> {
    if root.name() == "EhrExtract" {
        return vec![root];
    }
    root.children_named("ControlActEvent")
        .flat_map(|e| e.children_named("subject"))
        .flat_map(|s| s.children_named("EhrExtract"))
        .collect()
}

/// Why an extract can't be taken: it has neither a patient nor a record, or it names two patients.
fn unusable(extract: Element<'_>) -> Option<Rule> {
    if extract.child("recordTarget").is_none() && extract.child("component").is_none() {
        return Some(rules::EXTRACT_EMPTY);
    }
    let mut keys = extract.children_named("recordTarget").map(crate::extract::key_of_target);
    let first = keys.next()?;
    keys.any(|key| key != first).then_some(rules::PATIENTS_SEVERAL)
}

fn not_an_extract(root: Element<'_>) -> Issue {
    let issue = Issue::new(
        Severity::Fatal,
        IssueCode::NotSupported,
        "not-an-extract",
        "the message holds no EHR extract",
    );
    issue.at(Position::new(format!("/{}", safe(root.name())), root.span()))
}

fn safe(name: &str) -> String {
    name.chars().filter(|c| c.is_ascii_alphanumeric() || *c == '_').take(64).collect()
}

fn reject(c: &mut Composer<'_>, extract: Element<'_>, rule: Rule) {
    c.issue(rule.issue().at(Position::new("EhrExtract", extract.span())));
    c.ledger.overrule(extract.items(), Outcome::Rejected, rule.text);
}

fn record<'d>(
    c: &mut Composer<'_>,
    extract: Element<'d>,
    root: Element<'d>,
    number: usize,
    attachments: Attachments<'d>,
) {
    let id = hl7::guid(extract);
    let key = id.map_or_else(|| format!("extract {number}"), |id| hl7::key(id.text));
    c.begin(&key);
    // What is written is about twice as long as what is read.
    c.writer().reserve(extract.span().len().saturating_mul(2));
    let mut x = Extract::read(extract, c, attachments);
    assign::assign(&mut x, c);
    x.assign(c);
    x.link();
    x.index_topics();
    problem::note_entries(&mut x);
    let organisations = directory::agents(c, &mut x);
    directory::author(c, &mut x, &organisations);
    x.organisations = organisations.by_name;
    directory::patient(c, &x);
    let names = problem::names(&x);
    for composition in 0..x.compositions.len() {
        consultation::write(c, &x, composition);
    }
    for statement in 0..x.statements.len() {
        write_statement(c, &x, &names, statement);
        if statement % SETTLE_EVERY == 0 {
            c.settle();
        }
    }
    c.writer().decides(id, "the ids of what the extract makes");
    for element in &x.unknown {
        if let Some(item) = element.items().next() {
            let registration = element.name() == "RegistrationStatement";
            let rule = if registration { rules::REGISTRATION } else { rules::STATEMENT_UNKNOWN };
            c.issue_at(item, rule.issue());
        }
    }
    let recipient = directory::recipient(&x);
    c.writer().decides(recipient, "for whom the bundle is");
    let event = if root.name().starts_with("RCMR_") { safe(root.name()) } else { "EhrExtract".to_owned() };
    c.end(format!("extract {}", number + 1), event, recipient.map(|r| r.text.trim().to_owned()));
}

fn write_statement(c: &mut Composer<'_>, x: &Extract<'_>, names: &problem::Names, number: usize) {
    participants(c, x, number);
    if x.statements[number].kind == Kind::Compound {
        let status = hl7::child_code(x.statements[number].element, "statusCode");
        c.writer().decides(status, "whether what the group holds was made in error");
    }
    match x.statements[number].role {
        Role::Observation | Role::SelfReferral => observation::observation(c, x, number),
        Role::Group => observation::group(c, x, number),
        Role::BloodPressure => observation::blood_pressure(c, x, number),
        Role::Comment => observation::comment(c, x, number),
        Role::Cluster => observation::cluster(c, x, number),
        Role::Allergy => allergy::allergy(c, x, number),
        Role::Immunisation => immunisation::immunisation(c, x, number),
        Role::Topic | Role::Category => consultation::list(c, x, number),
        Role::Report => pathology::report(c, x, number),
        Role::Specimen => pathology::specimen(c, x, number),
        Role::Problem => problem::problem(c, x, names, number),
        Role::Diary => request::diary(c, x, number),
        Role::Referral => request::referral(c, x, number),
        Role::Document => document::document(c, x, number),
        Role::Medication => medication::medication(c, x, number),
        Role::Link => link(c, x, number),
        Role::ProblemName => problem::name(c, x, number),
        Role::Nothing | Role::Component | Role::Note | Role::AllergyHeading(_) => {}
    }
}

/// A link set's code decides that it is a link and no problem.
fn link(c: &mut Composer<'_>, x: &Extract<'_>, number: usize) {
    let element = x.statements[number].element;
    if let Some(code) = element.child("code").filter(|_| element.child("conditionNamed").is_some()) {
        c.writer().mapped((code.attribute("code"), code.attribute("codeSystem")));
    }
}

/// Claims the participants' types where they decide anything: who entered an entry and who did it go to
/// different elements, and some resources have room for one person only.
fn participants(c: &mut Composer<'_>, x: &Extract<'_>, number: usize) {
    let statement = &x.statements[number];
    let all: Vec<Element<'_>> = statement.element.children_named("Participant").collect();
    let is_author = |p: &Element<'_>| p.attribute("typeCode").is_some_and(|t| t.text.trim() == "AUT");
    let Some(author) = all.iter().find(|p| is_author(p)) else { return };
    let who = |p: Element<'_>| x.agent(p).and_then(|(agent, _)| agent.anyone().cloned());
    let differs =
        x.performers(statement).first().and_then(|(agent, _)| agent.anyone()) != who(*author).as_ref();
    let decides = match statement.role {
        Role::Allergy | Role::Medication => differs,
        Role::Referral | Role::Diary | Role::Problem => differs && all.first() == Some(author),
        Role::Document | Role::Nothing | Role::Note | Role::Component | Role::Link | Role::ProblemName => {
            false
        }
        _ => who(*author).is_some(),
    };
    if decides {
        c.writer().mapped(author.attribute("typeCode"));
    }
}
