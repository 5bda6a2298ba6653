//! Medication: what was authorised (`MedicationRequest` as a plan, with its `MedicationStatement`), what was
//! issued (`MedicationRequest` as an order), and what was stopped.

use causeway_adapter::{Composer, Profile};
use causeway_core::{Leaf, When};
use causeway_fhir::types::{Coding, concept, extension, ukcore_extension};
use causeway_fhir::{Ref, Writer, systems};
use causeway_xml::Element;

use crate::annotation;
use crate::codes::PRESCRIPTION;
use crate::confidentiality::{self, Markings};
use crate::extract::{Extract, Statement, Supply, prior_refs};
use crate::hl7::{self, Effective, Time};
use crate::write::Note;
use crate::{rules, write};

/// Labels of a supply's text (national adaptor).
const LABELS: [&str; 6] = [
    "Expected Supply Duration: ",
    "Patient Instruction: ",
    "Patient Text: ",
    "Pharmacy Text: ",
    "Notes: ",
    "Prescription type: ",
];

/// What is known of one supply.
struct Facts<'x, 'd> {
    statement: &'x Statement<'d>,
    supply: &'x Supply<'d>,
    authorises: bool,
    /// The authorisation that an issue fulfils, itself for an authorisation.
    authorisation: Option<&'x Supply<'d>>,
    /// Why and when it was stopped.
    stop: Option<&'x Supply<'d>>,
}

/// Writes every resource of a medication statement.
pub(crate) fn medication(c: &mut Composer<'_>, x: &Extract<'_>, number: usize) {
    let statement = &x.statements[number];
    let markings = confidentiality::of_statement(x, number);
    tell_doubts(c, x, number);
    for supply in x.supplies_of(number).filter(|s| !is_known(s.element)) {
        if let Some(item) = supply.element.items().next() {
            c.issue_at(item, rules::SUPPLY_UNKNOWN.issue());
        }
    }
    if !x.supplies_of(number).any(|s| s.request.is_some() || stops_something(x, s)) {
        lone_statement(c, x, number, &markings);
    }
    for supply in x.supplies_of(number) {
        let Some(request) = &supply.request else { continue };
        let facts = facts(x, statement, supply);
        c.resource_with("MedicationRequest", &supply.key, &markings.meta(Profile::Default), |w| {
            request_body(w, x, &facts);
        });
        if facts.authorises {
            statement_resource(c, x, &facts, request, &markings);
        }
    }
}

/// Tells of a medicine without a name, and of an issue whose authorisation is not in the extract.
fn tell_doubts(c: &mut Composer<'_>, x: &Extract<'_>, number: usize) {
    let statement = &x.statements[number];
    if code_of(statement).is_none()
        && let Some(item) = statement.element.items().next()
    {
        c.issue_at(item, rules::MEDICINE_UNNAMED.issue());
    }
    let priors = x.supplies_of(number).flat_map(|s| prior_refs(s.element, "inFulfillmentOf"));
    for id in priors.filter(|id| !x.supply_by_id.contains_key(&hl7::key(id.text))) {
        c.issue_at(id.id, rules::AUTHORISATION_ABSENT.issue());
    }
}

/// The code of a medicine, where it says anything.
fn code_of<'d>(statement: &Statement<'d>) -> Option<Element<'d>> {
    let code = material(statement)?.child("code")?;
    (hl7::words(code).is_some() || hl7::codes(code).next().is_some()).then_some(code)
}

/// The parts of a medication (RCMR_MT030101, MedicationStatement/component).
fn is_known(supply: Element<'_>) -> bool {
    matches!(supply.name(), "ehrSupplyAuthorise" | "ehrSupplyPrescribe" | "ehrSupplyDiscontinue")
}

/// Whether a stop is told of a medicine of the extract.
fn stops_something(x: &Extract<'_>, supply: &Supply<'_>) -> bool {
    let stopped = prior_refs(supply.element, "reversalOf");
    stopped.iter().any(|id| x.supply_by_id.contains_key(&hl7::key(id.text)))
}

/// A medication of which neither an authorisation nor an issue is told: drug and dose are, and must not be lost.
fn lone_statement(c: &mut Composer<'_>, x: &Extract<'_>, number: usize, markings: &Markings<'_>) {
    let statement = &x.statements[number];
    if let Some(item) = statement.element.items().next() {
        c.issue_at(item, rules::SUPPLY_MISSING.issue());
    }
    let key = hl7::guid(statement.element)
        .map_or_else(|| format!("node {}", statement.element.index()), |id| hl7::key(id.text));
    let stop = x.supplies_of(number).find(|s| s.element.name() == "ehrSupplyDiscontinue");
    c.resource_with("MedicationStatement", &format!("{key}-MS"), &markings.meta(Profile::Default), |w| {
        write::identifiers(w, &x.ids, statement.element);
        match (x.nullified(statement), stop) {
            (Some(leaf), _) => w.string("status", "entered-in-error", leaf),
            (None, Some(_)) => w.fixed("status", "stopped"),
            (None, None) => w.fixed("status", "unknown"),
        }
        medicine(w, statement);
        w.reference("subject", &x.patient, ());
        if let Some(encounter) = x.encounter(statement) {
            w.reference("context", encounter, ());
        }
        write::effective(w, "effective", hl7::effective(statement.element, &x.zone));
        if let Some(time) = x.entered(statement) {
            write::moment(w, "dateAsserted", time);
        }
        let within = x.supplies_of(number).map(|s| s.element);
        let texts: Vec<Note<'_>> = within.flat_map(texts).map(Note::of).collect();
        write::notes(w, &texts);
        w.array("dosage", |w| {
            w.element(|w| dosage_body(w, statement, &Instructions::default()));
        });
    });
}

fn facts<'x, 'd>(x: &'x Extract<'d>, statement: &'x Statement<'d>, supply: &'x Supply<'d>) -> Facts<'x, 'd> {
    let authorises = supply.element.name() == "ehrSupplyAuthorise";
    let authorisation = if authorises {
        Some(supply)
    } else {
        prior_refs(supply.element, "inFulfillmentOf")
            .iter()
            .find_map(|id| x.supply_by_id.get(&hl7::key(id.text)))
            .map(|n| &x.supplies[*n])
            .filter(|s| s.element.name() == "ehrSupplyAuthorise")
    };
    let stop = ids(x, supply).find_map(|id| x.stops.get(&id)).map(|n| &x.supplies[*n]);
    Facts { statement, supply, authorises, authorisation, stop }
}

/// The ids by which others may refer to a supply: its own, and its statement's.
fn ids<'x>(x: &'x Extract<'_>, supply: &'x Supply<'_>) -> impl Iterator<Item = String> + use<'x> {
    let own = hl7::guid(supply.element).map(|id| hl7::key(id.text));
    let around = hl7::guid(x.statements[supply.statement].element).map(|id| hl7::key(id.text));
    own.into_iter().chain(around)
}

fn material<'d>(statement: &Statement<'d>) -> Option<Element<'d>> {
    statement.element.path(&["consumable", "manufacturedProduct", "manufacturedMaterial"])
}

/// The time a supply covers: its own, else the statement's.
fn covers<'d>(x: &Extract<'d>, facts: &Facts<'_, 'd>) -> (Option<Time<'d>>, Option<Time<'d>>) {
    for element in [facts.supply.element, facts.statement.element] {
        let times = element.child("effectiveTime");
        if !hl7::states(times) {
            continue;
        }
        return match hl7::interval(times, &x.zone) {
            Effective::None => (None, None),
            Effective::At(time) => (Some(time), None),
            Effective::Between(start, end) => (start, end),
        };
    }
    (available(x, facts), None)
}

fn available<'d>(x: &Extract<'d>, facts: &Facts<'_, 'd>) -> Option<Time<'d>> {
    available_of(x, facts.supply.element, facts.statement.element)
}

fn available_of<'d>(x: &Extract<'d>, supply: Element<'d>, statement: Element<'d>) -> Option<Time<'d>> {
    hl7::first_time(&[supply.child("availabilityTime"), statement.child("availabilityTime")], &x.zone)
}

fn texts<'d>(element: Element<'d>) -> Vec<Leaf<'d>> {
    element
        .children_named("pertinentInformation")
        .filter(|p| p.child("pertinentSupplyAnnotation").is_some())
        .filter_map(annotation::text)
        .collect()
}

fn status(w: &mut Writer, x: &Extract<'_>, facts: &Facts<'_, '_>) {
    let (word, from) = word_of(x, facts);
    w.string("status", word, from);
}

/// Status of the request, and the items that decide it.
fn word_of<'d>(x: &Extract<'d>, facts: &Facts<'_, 'd>) -> (&'static str, Vec<Leaf<'d>>) {
    // What was entered in error was neither given nor stopped: the statement, the supply, or what authorised it.
    let supplies = [Some(facts.supply), facts.authorisation].into_iter().flatten();
    let error = x.nullified(facts.statement).or_else(|| supplies.map(|s| s.element).find_map(hl7::nullified));
    if let Some(error) = error {
        return ("entered-in-error", vec![error]);
    }
    if let Some(stop) = facts.stop {
        return ("stopped", prior_refs(stop.element, "reversalOf"));
    }
    let code = hl7::child_code(facts.supply.element, "statusCode");
    let word = match code.map_or("", |c| c.text.trim()).to_ascii_uppercase().as_str() {
        "ACTIVE" => "active",
        "COMPLETE" | "COMPLETED" => "completed",
        "HELD" | "SUSPENDED" => "on-hold",
        "ABORTED" => "stopped",
        _ => "unknown",
    };
    (word, code.into_iter().collect())
}

fn request_body(w: &mut Writer, x: &Extract<'_>, facts: &Facts<'_, '_>) {
    w.array("extension", |w| repeat_information(w, x, facts));
    w.array("identifier", |w| {
        write::identifier_elements(w, &x.ids, facts.supply.element);
        write::identifier_elements(w, &x.ids, facts.statement.element);
    });
    status(w, x, facts);
    let stop_texts = facts.stop.map(|s| stop_reason(w, s)).unwrap_or_default();
    w.fixed("intent", if facts.authorises { "plan" } else { "order" });
    medicine(w, facts.statement);
    w.reference("subject", &x.patient, ());
    if let Some(encounter) = x.encounter(facts.statement) {
        w.reference("encounter", encounter, ());
    }
    if let Some(time) = available(x, facts) {
        write::moment(w, "authoredOn", time);
    }
    people(w, x, facts.statement);
    w.array("basedOn", |w| {
        for id in prior_refs(facts.supply.element, "inFulfillmentOf") {
            if let Some(target) =
                x.supply_by_id.get(&hl7::key(id.text)).and_then(|n| x.supplies[*n].request.as_ref())
            {
                w.reference_element(target, id);
            }
        }
    });
    course(w, facts);
    let mut notes: Vec<Note<'_>> = stop_texts;
    if let Some(time) = facts.stop.and_then(|stop| stopped(x, stop)) {
        w.mapped(time.leaf);
        notes.push(Note { text: "Stopped".to_owned(), leaf: time.leaf, time: Some(time), also: None });
    }
    let instructions = annotations(facts, &mut notes);
    write::notes(w, &notes);
    dosage(w, facts.statement, instructions);
    dispense(w, x, facts);
    // The profile demands a word on substitution, and the message has none.
    w.object("substitution", |w| causeway_fhir::types::unknown_concept(w, "allowedCodeableConcept"));
    prior(w, x, facts);
}

/// When a medicine was entered: with its composition, or else when it was available.
fn asserted<'d>(x: &Extract<'d>, facts: &Facts<'_, 'd>) -> Option<Time<'d>> {
    let composition = &x.compositions[facts.statement.composition];
    let times = [
        composition.author.and_then(|a| a.child("time")),
        composition.availability,
        facts.supply.element.child("availabilityTime"),
        facts.statement.element.child("availabilityTime"),
    ];
    hl7::first_time(&times, &x.zone)
}

/// When a medicine was stopped.
fn stopped<'d>(x: &Extract<'d>, stop: &Supply<'d>) -> Option<Time<'d>> {
    available_of(x, stop.element, x.statements[stop.statement].element)
}

/// `priorPrescription`: what this authorisation follows.
fn prior(w: &mut Writer, x: &Extract<'_>, facts: &Facts<'_, '_>) {
    for id in prior_refs(facts.supply.element, "predecessor") {
        let target = x.supply_by_id.get(&hl7::key(id.text)).and_then(|n| x.supplies[*n].request.as_ref());
        if let Some(target) = target {
            w.reference("priorPrescription", target, id);
            return;
        }
    }
}

fn medicine(w: &mut Writer, statement: &Statement<'_>) {
    match code_of(statement) {
        Some(code) => {
            write::concept(w, "medicationCodeableConcept", code, "medication");
        }
        None => {
            let unknown = Coding::new(systems::NULL_FLAVOR, "UNK", "unknown");
            causeway_fhir::types::concept_fixed(w, "medicationCodeableConcept", unknown);
        }
    }
}

fn people(w: &mut Writer, x: &Extract<'_>, statement: &Statement<'_>) {
    if let Some((agent, id)) = x.performers(statement).into_iter().next()
        && let Some(who) = agent.individual()
    {
        w.reference("requester", who, id);
    }
    if let Some((agent, id)) = x.recorder(statement)
        && let Some(who) = agent.individual()
    {
        w.reference("recorder", who, id);
    }
}

/// Why it was stopped. Returns what is said beyond the reason.
fn stop_reason<'d>(w: &mut Writer, stop: &Supply<'d>) -> Vec<Note<'d>> {
    let code = stop.element.child("code");
    let coded = code.is_some_and(|c| hl7::words(c).is_some() || hl7::codes(c).next().is_some());
    let texts = texts(stop.element);
    if let Some(code) = code.filter(|_| coded) {
        let words = hl7::words(code).map_or("", |l| l.text.trim());
        // A text that says no more than the code is the same reason twice.
        let (same, other): (Vec<Leaf<'_>>, Vec<Leaf<'_>>) =
            texts.iter().partition(|t| t.text.trim() == words);
        w.mapped(same);
        // The code says that the course ended, the doctor's words say why: they are the reason's text where the code
        // keeps its own words.
        let coded = hl7::codes(code).any(|c| c.attribute("displayName").is_some_and(|d| !d.is_blank()));
        let Some((first, rest)) = other.split_first().filter(|_| coded) else {
            write::concept(w, "statusReason", code, "");
            return other.into_iter().map(Note::of).collect();
        };
        w.object("statusReason", |w| {
            write::codings(w, code);
            w.string("text", &hl7::dedent(first.text), *first);
        });
        return rest.iter().map(|t| Note::of(*t)).collect();
    }
    match texts.split_first() {
        Some((first, rest)) => {
            w.object("statusReason", |w| w.string("text", &hl7::dedent(first.text), *first));
            rest.iter().map(|t| Note::of(*t)).collect()
        }
        None => Vec::new(),
    }
}

/// The number of repeats that were authorised; 0 says that it is an acute prescription.
fn repeats<'d>(facts: &Facts<'_, 'd>) -> Option<Leaf<'d>> {
    facts.authorisation?.element.child("repeatNumber")?.attribute("value")
}

fn course(w: &mut Writer, facts: &Facts<'_, '_>) {
    let Some(number) = repeats(facts) else { return };
    let (code, words) = match number.text.trim() {
        "0" => ("acute", "Short course (acute) therapy"),
        _ => ("continuous", "Continuous long term therapy"),
    };
    let system = "http://terminology.hl7.org/CodeSystem/medicationrequest-course-of-therapy";
    concept(w, "courseOfTherapyType", Coding::new(system, code, words), number);
}

/// How often a repeat has been issued so far.
fn repeat_information(w: &mut Writer, x: &Extract<'_>, facts: &Facts<'_, '_>) {
    if !facts.authorises || repeats(facts).is_none_or(|n| n.text.trim() == "0") {
        return;
    }
    let issued = ids(x, facts.supply).find_map(|id| x.issues.get(&id)).map_or(0, Vec::len);
    w.element(|w| {
        w.array("extension", |w| {
            extension(w, "numberOfPrescriptionsIssued", |w| {
                w.number("valueUnsignedInt", &issued.to_string(), ())
            });
        });
        w.fixed("url", &ukcore_extension("MedicationRepeatInformation"));
    });
}

/// Splits a supply's text: what is said of duration and to the patient has a place of its own.
#[derive(Default)]
struct Instructions<'d> {
    patient: Vec<(Leaf<'d>, String)>,
}

fn annotations<'d>(facts: &Facts<'_, 'd>, notes: &mut Vec<Note<'d>>) -> Instructions<'d> {
    let mut instructions = Instructions::default();
    for leaf in texts(facts.supply.element) {
        for (label, text) in annotation::sections(leaf.text, &LABELS) {
            match label {
                "Expected Supply Duration: " if duration(text).is_some() => {
                    let rest = text.split_whitespace().skip(2).collect::<Vec<_>>().join(" ");
                    notes.push(Note::part(leaf, &rest));
                }
                "Patient Instruction: " | "Patient Text: " => {
                    instructions.patient.push((leaf, text.to_owned()))
                }
                "Notes: " | "" => notes.push(Note::part(leaf, text)),
                label => notes.push(Note::part(leaf, &format!("{label}{text}"))),
            }
        }
    }
    instructions
}

fn dosage(w: &mut Writer, statement: &Statement<'_>, instructions: Instructions<'_>) {
    w.array("dosageInstruction", |w| {
        w.element(|w| dosage_body(w, statement, &instructions));
    });
}

fn dosage_body(w: &mut Writer, statement: &Statement<'_>, instructions: &Instructions<'_>) {
    let dosages: Vec<Leaf<'_>> = statement
        .element
        .children_named("pertinentInformation")
        .filter_map(|p| p.child("pertinentMedicationDosage"))
        .filter_map(|d| d.child("text").and_then(|t| t.text()))
        .collect();
    let lines: Vec<String> = dosages.iter().map(|text| hl7::dedent(text.text)).collect();
    w.string("text", &lines.join("\n"), &dosages);
    if let Some((leaf, text)) = instructions.patient.first() {
        w.string("patientInstruction", text, *leaf);
    }
}

fn dispense(w: &mut Writer, x: &Extract<'_>, facts: &Facts<'_, '_>) {
    w.object("dispenseRequest", |w| {
        let (start, end) = covers(x, facts);
        write::period(w, "validityPeriod", start, end);
        if facts.authorises
            && let Some(number) = repeats(facts).filter(|n| !matches!(n.text.trim(), "" | "0"))
        {
            let text = number.text.trim();
            match causeway_core::identifier::point_zero(text).unwrap_or(text).parse::<u32>() {
                Ok(count) => w.number("numberOfRepeatsAllowed", &count.to_string(), number),
                Err(_) => w.issue(Some(number.id), causeway_core::common::AMOUNT_INVALID.issue()),
            }
        }
        let quantity = facts.supply.element.child("quantity");
        let quantity = quantity.or_else(|| material(facts.statement).and_then(|m| m.child("quantity")));
        if let Some(quantity) = quantity {
            w.object("quantity", |w| write::quantity(w, quantity, ("", None), None));
        }
        for leaf in texts(facts.supply.element) {
            let sections = annotation::sections(leaf.text, &LABELS);
            if let Some((number, unit, code)) =
                duration(annotation::labelled(&sections, "Expected Supply Duration: "))
            {
                w.object("expectedSupplyDuration", |w| {
                    w.number("value", &number, leaf);
                    w.string("unit", unit, leaf);
                    w.fixed("system", systems::UCUM);
                    w.fixed("code", code);
                });
                return;
            }
        }
    });
}

/// `28 day`
fn duration(text: &str) -> Option<(String, &'static str, &'static str)> {
    let mut words = text.split_whitespace();
    let number = causeway_fhir::writer::decimal(words.next()?)?.into_owned();
    let (unit, code) = match words.next()?.trim_end_matches(['.', ',']) {
        "day" | "days" => ("day", "d"),
        "week" | "weeks" => ("week", "wk"),
        "month" | "months" => ("month", "mo"),
        _ => return None,
    };
    Some((number, unit, code))
}

fn statement_resource(
    c: &mut Composer<'_>,
    x: &Extract<'_>,
    facts: &Facts<'_, '_>,
    request: &Ref,
    markings: &Markings<'_>,
) {
    let key = format!("{}-MS", facts.supply.key);
    c.resource_with("MedicationStatement", &key, &markings.meta(Profile::Default), |w| {
        w.array("extension", |w| statement_extensions(w, x, facts));
        w.array("identifier", |w| {
            if let Some(id) = hl7::guid(facts.supply.element) {
                w.element(|w| {
                    w.fixed("system", &x.ids);
                    w.string("value", &format!("{}-MS", id.text.trim()), id);
                });
            }
        });
        w.array("basedOn", |w| w.reference_element(request, ()));
        status(w, x, facts);
        medicine(w, facts.statement);
        w.reference("subject", &x.patient, ());
        if let Some(encounter) = x.encounter(facts.statement) {
            w.reference("context", encounter, ());
        }
        let (start, end) = covers(x, facts);
        write::period(w, "effectivePeriod", start, end);
        if let Some(time) = asserted(x, facts) {
            write::moment(w, "dateAsserted", time);
        }
        let mut notes = Vec::new();
        let instructions = annotations(facts, &mut notes);
        write::notes(w, &notes);
        w.array("dosage", |w| {
            w.element(|w| dosage_body(w, facts.statement, &instructions));
        });
    });
}

fn statement_extensions(w: &mut Writer, x: &Extract<'_>, facts: &Facts<'_, '_>) {
    if let Some((when, leaf)) = last_issue(x, facts) {
        extension(w, &ukcore_extension("MedicationStatementLastIssueDate"), |w| {
            w.date_time("valueDateTime", &when, leaf);
        });
    }
    if let Some(code) = hl7::child_code(facts.supply.element, "code")
        && let Some(target) = PRESCRIPTION.lookup(code.text.trim())
    {
        extension(w, &ukcore_extension("MedicationPrescribingOrganizationType"), |w| {
            concept(w, "valueCodeableConcept", Coding::new(target.system, target.code, target.display), code);
        });
    }
}

fn last_issue<'d>(x: &Extract<'d>, facts: &Facts<'_, 'd>) -> Option<(When, Leaf<'d>)> {
    let issues = ids(x, facts.supply).find_map(|id| x.issues.get(&id))?;
    let times = issues.iter().filter_map(|n| {
        let supply = &x.supplies[*n];
        available_of(x, supply.element, x.statements[supply.statement].element)
    });
    times.max_by_key(|t| t.when.earliest()).map(|t| (t.when, t.leaf))
}
