//! One person's record as a reader may see it: the decision, what is withheld, and the entries of the access log that are
//! written before anything is shown. Pages, FHIR, originals and accounts all go through here.

use std::collections::HashMap;
use std::sync::Arc;

use axum::http::StatusCode;
use causeway_exchange::Message;
use causeway_host::{Answer, Problem};
use causeway_record::{PersonView, Summary, TextEntry};
use serde_json::{Value, json};

use crate::audit_event::{Act, Event};
use crate::caller::Caller;
use crate::decide::{self, Decision, Interface, Item, Reach, Request};
use crate::disclosure::{self, Grant};
use crate::flags::sourced_choices;
use crate::gate::{Gate, HasGate};
use crate::labels::Labels;
use crate::meta::{adapter_of, nhs_number_of};
use crate::policy::{Depth, PolicySet};
use crate::reader::Reader;
use crate::relationship::{self, Kind, Relationship, Told};
use crate::sealed::Sealed;
use crate::shelf::record_problem;
use crate::skim::{self, Skimmed};
use crate::standing::Standing;
use crate::trail::entry;
use crate::withhold::{ANNOUNCEMENT, ANNOUNCEMENT_CODE, Fact, Withheld, key};

/// What stands in place of allergies where the reader may see none.
const NONE_TO_SEE: &str =
    "No source has told anything about allergies that you may see. That does not mean that there are none.";
/// The same where the reader's role is shown none.
const NOT_FOR_ROLE: &str = "Your role is not shown allergies, so this does not say whether there are any. Ask somebody whose role is.";

/// A person's record, opened for one reader.
#[derive(Debug, Default)]
pub struct Opened {
    /// Id of the person.
    pub person: String,
    /// Ids of her Patient resources.
    pub patients: Vec<String>,
    nhs_number: String,
    /// The decision; `None` for the operator, whom no decision limits.
    pub decision: Option<Decision>,
    /// When the relationship ends on which the decision rests, where that is known.
    pub until: Option<jiff::Timestamp>,
    standing: Standing,
    withheld: Withheld,
    contact: bool,
    /// What was read to decide.
    all: Option<Vec<Skimmed>>,
    /// Whether that is not the whole, as it is too much.
    incomplete: bool,
}

/// Opens a person's record. Blocks: the whole of it is read, as what is withheld can only be told from the whole.
///
/// # Errors
/// 404 where there is no such person; 503 where a store can't be read. A refusal is an `Opened` whose decision says no.
pub fn open(gate: &Gate, reader: &Reader, person: &str, reach: Reach) -> Answer<Opened> {
    open_as(gate, reader, person, reach, &gate.access.policies)
}

/// The same by another policy set, to try it.
///
/// # Errors
/// As [`open`].
pub fn open_as(
    gate: &Gate,
    reader: &Reader,
    person: &str,
    reach: Reach,
    policies: &Arc<PolicySet>,
) -> Answer<Opened> {
    if reader.operator {
        return whole(gate, person);
    }
    let (all, incomplete) = skimmed(gate, person, policies)?;
    let mut opened = decided(gate, reader, person, reach, policies, &all)?;
    if let Some(decision) = opened.decision.as_mut().filter(|decision| decision.permit) {
        opened.withheld = withheld(&all, decision)?;
        opened.contact = decision.item("contact-details", &Labels::new()) == Item::Show;
    }
    opened.incomplete = incomplete;
    opened.all = Some(all);
    Ok(opened)
}

/// Whether a reader may find a person in a list: the same decision, for which only that is read on which it rests.
///
/// # Errors
/// As [`open`].
pub fn may_find(gate: &Gate, reader: &Reader, person: &str) -> Answer<bool> {
    if reader.operator {
        return Ok(true);
    }
    let texts = gate.shelf.record.texts_of_types(person, skim::DECIDING, skim::NAMED);
    let texts = texts.map_err(record_problem)?.ok_or_else(|| Problem::not_found("person"))?;
    let policies = &gate.access.policies;
    let all = skim::all(texts, &policies.marks).map_err(record_problem)?;
    Ok(decided(gate, reader, person, Reach::Find, policies, &all)?.permit())
}

/// The decision about a person of whom this is told, with nothing read for what it permits.
fn decided(
    gate: &Gate,
    reader: &Reader,
    person: &str,
    reach: Reach,
    policies: &Arc<PolicySet>,
    all: &[Skimmed],
) -> Answer<Opened> {
    // Of the others nothing but type and adapter says anything here.
    let all_read = || all.iter().filter(|one| !one.value.is_null());
    let resources: Vec<&Value> = all_read().map(|one| &one.value).collect();
    let mut opened = Opened { person: person.to_owned(), contact: true, ..Opened::default() };
    for resource in resources.iter().filter(|r| r["resourceType"] == "Patient") {
        opened.patients.push(resource["id"].as_str().unwrap_or_default().to_owned());
        if opened.nhs_number.is_empty() {
            nhs_number_of(resource).clone_into(&mut opened.nhs_number);
        }
    }
    let now = gate.clock.now();
    let told: Vec<Told<'_>> =
        all_read().map(|one| Told { resource: &one.value, by: &one.by, adapter: &one.adapter }).collect();
    let mut relationships = relationship::derive(&told);
    let mut standing = gate.access.standings.of(person)?;
    sourced_choices(&resources, &mut standing);
    let minutes = policies.head.break_glass_minutes;
    relationships.extend(gate.access.standings.relationships(person, &standing, minutes)?);
    let mut asker = reader.asker.clone();
    let mut purpose = reader.purpose();
    let is_own = !asker.own_number.is_empty() && asker.own_number == opened.nhs_number;
    // Somebody of the public who opens another's record is there as a carer, if as anything.
    if asker.role == "person" && !is_own {
        asker.role = "carer".to_owned();
        purpose = "FAMRQT";
    }
    let own = is_own.then(|| Relationship {
        kind: Kind::Own,
        holder: asker.user.clone(),
        start: None,
        end: None,
        source: "sign-in".to_owned(),
        reason: String::new(),
        scope: Vec::new(),
    });
    let emergency = relationships.iter().find(|r| {
        r.kind == Kind::BreakGlass && !asker.user.is_empty() && r.holder == asker.user && r.in_force(now)
    });
    if emergency.is_some() {
        purpose = "ETREAT";
    }
    let best = relationship::best(&relationships, &asker.organisation.code, &asker.user, now);
    let relationship = own.as_ref().filter(|_| asker.role == "person").or(emergency).or(best);
    opened.until = relationship.and_then(|r| r.end);
    opened.decision = Some(decide::decide(
        policies,
        &Request {
            asker: &asker,
            purpose,
            interface: Interface::Care,
            reach,
            choices: &standing.choices,
            safeguarded_child: skim::is_safeguarded_child(all, now),
            relationship,
            now,
        },
    ));
    opened.standing = standing;
    Ok(opened)
}

/// What is withheld by a decision that permits.
fn withheld(all: &[Skimmed], decision: &mut Decision) -> Answer<Withheld> {
    if skim::shows_all(all, decision) {
        return Ok(Withheld::nothing(decision.policies()));
    }
    let facts: Result<Vec<Fact<'_>>, _> = all.iter().map(Skimmed::fact).collect();
    facts.and_then(|facts| Withheld::of(&facts, decision)).map_err(record_problem)
}

/// A record of which nothing is withheld: whose it is, and no more is read.
fn whole(gate: &Gate, person: &str) -> Answer<Opened> {
    let sources = gate.shelf.record.sources(person).map_err(record_problem)?;
    // An id of a Patient is none of a person.
    let sources = sources.filter(|sources| sources.patients.iter().all(|p| p.key.id != person));
    let mut told = sources.ok_or_else(|| Problem::not_found("person"))?.patients;
    told.sort_by(|a, b| a.key.id.cmp(&b.key.id));
    let numbers = told.iter().map(|patient| nhs_number_of(&patient.resource));
    Ok(Opened {
        person: person.to_owned(),
        nhs_number: numbers.into_iter().find(|number| !number.is_empty()).unwrap_or_default().to_owned(),
        patients: told.into_iter().map(|patient| patient.key.id).collect(),
        contact: true,
        ..Opened::default()
    })
}

/// Opens a record for a role with a relationship, to count what a policy set withholds; nothing of it is shown.
///
/// # Errors
/// As [`open`].
pub fn open_with(
    gate: &Gate,
    person: &str,
    policies: &Arc<PolicySet>,
    role: &str,
    kind: Kind,
) -> Answer<Opened> {
    let who = crate::session::SignedIn { role: role.to_owned(), ..crate::session::SignedIn::default() };
    let mut reader = Reader::of_session(gate, &who);
    reader.operator = true;
    let mut opened = whole(gate, person)?;
    let (all, _) = skimmed(gate, person, policies)?;
    let asker = crate::decide::Asker {
        organisation: crate::decide::OrganisationFacts {
            registered: true,
            live: true,
            gates_in_date: true,
            ..crate::decide::OrganisationFacts::default()
        },
        ..reader.asker.clone()
    };
    let relationship = Relationship {
        kind,
        holder: String::new(),
        start: None,
        end: None,
        source: "trial".to_owned(),
        reason: "trial".to_owned(),
        scope: Vec::new(),
    };
    let mut decision = decide::decide(
        policies,
        &Request {
            asker: &asker,
            purpose: "TREAT",
            interface: Interface::Care,
            reach: Reach::Open,
            choices: &crate::choices::Choices::default(),
            safeguarded_child: false,
            relationship: Some(&relationship),
            now: gate.clock.now(),
        },
    );
    opened.withheld = withheld(&all, &mut decision)?;
    opened.all = Some(all);
    opened.decision = Some(decision);
    Ok(opened)
}

impl Opened {
    /// Whether anything may be shown.
    pub fn permit(&self) -> bool {
        self.decision.as_ref().is_none_or(|d| d.permit)
    }

    /// Whether a resource, by `Type/id`, is withheld.
    pub fn hides(&self, reference: &str) -> bool {
        !self.permit() || self.withheld.hides(reference)
    }

    /// Whether a reference leads to what is withheld for what it is: then nothing may name it.
    pub fn is_secret(&self, reference: &str) -> bool {
        self.withheld.is_secret(reference.split("/_history").next().unwrap_or(reference))
    }

    /// Whether a message told something that is withheld, or its original is not for the role: its bytes, its bundle and
    /// its account can't be cut, so they are withheld whole.
    pub fn hides_message(&self, message: &str) -> bool {
        match &self.decision {
            None => false,
            Some(decision) => self.withheld.message(message) || decision.depth("originals") != Depth::Whole,
        }
    }

    /// Whether something is held back that readers must be told of.
    pub fn announces(&self) -> bool {
        self.withheld.confidential()
    }

    /// How many items are held back by which rule: for the privacy officer and the trial page.
    pub fn by_rule(&self) -> std::collections::HashMap<String, usize> {
        self.withheld.by_rule()
    }

    /// A resource as the reader may see it; `None` where it is withheld.
    pub fn show(&self, mut resource: Value) -> Option<Value> {
        if self.decision.is_none() {
            return Some(resource);
        }
        if self.hides(&key(&resource)) {
            return None;
        }
        self.withheld.strip(&mut resource);
        if !self.contact
            && let Value::Object(map) = &mut resource
        {
            if map.get("resourceType").and_then(Value::as_str) == Some("Patient") {
                for name in
                    ["address", "telecom", "generalPractitioner", "managingOrganization", "contact", "text"]
                {
                    map.remove(name);
                }
            } else {
                map.remove("location");
            }
        }
        Some(resource)
    }

    /// A searchset as the reader may see it: entries, references and totals after filtering, withheld items announced.
    pub fn show_bundle(&self, mut bundle: Value) -> Value {
        if self.decision.is_none() {
            return bundle;
        }
        let entries = bundle["entry"].as_array_mut().map(std::mem::take).unwrap_or_default();
        let mut shown = Vec::with_capacity(entries.len());
        for mut entry in entries {
            // What the record says of withdrawn entries would count withheld ones.
            if entry["resource"]["resourceType"] == "OperationOutcome" {
                continue;
            }
            let resource = entry["resource"].take();
            if resource.is_null() {
                // An entry of a history that says only that something was deleted.
                continue;
            }
            if let Some(resource) = self.show(resource) {
                entry["resource"] = resource;
                shown.push(entry);
            }
        }
        if bundle.get("total").is_some() {
            let matches = shown.iter().filter(|e| e["search"]["mode"] != "include").count();
            bundle["total"] = matches.into();
        }
        if self.announces() {
            shown.push(announcement());
        }
        bundle["entry"] = shown.into();
        bundle
    }

    /// Older versions as the reader may see them: an item that is withheld now, or was then, shows none of its versions; what
    /// a version itself tells is looked at again.
    pub fn show_version(&mut self, mut bundle: Value) -> Value {
        let policies = match &self.decision {
            None => return bundle,
            Some(decision) => Arc::clone(decision.policies()),
        };
        let entries = bundle["entry"].as_array_mut().map(std::mem::take).unwrap_or_default();
        let mut shown = Vec::with_capacity(entries.len());
        for mut entry in entries {
            let resource = entry["resource"].take();
            if resource.is_null() {
                continue;
            }
            let labels = crate::labels::of(&resource, &policies.restricted);
            let section = crate::sections::section_of(&resource, adapter_of(&resource));
            let item = self.decision.as_mut().map(|d| d.item(section, &labels));
            let whole = matches!(item, Some(Item::Show));
            let summary = matches!(item, Some(Item::ShowInSummary)) && crate::sections::in_summary(&resource);
            if !(whole || summary) {
                // One version that is withheld: the item's other versions would tell of it.
                shown.clear();
                break;
            }
            if let Some(resource) = self.show(resource) {
                entry["resource"] = resource;
                shown.push(entry);
            }
        }
        if bundle.get("total").is_some() {
            bundle["total"] = shown.len().into();
        }
        bundle["entry"] = shown.into();
        bundle
    }

    /// Every resource that the reader may see.
    ///
    /// # Errors
    /// 503 where the record can't be read.
    pub fn resources(&self, gate: &Gate) -> Answer<Sealed<Vec<Value>>> {
        let read;
        let all = match &self.all {
            Some(all) => all,
            // For whom nothing is withheld it was not read to decide.
            None => {
                read = skimmed(gate, &self.person, &gate.access.policies)?.0;
                &read
            }
        };
        let whole = all.iter().map(|one| one.whole().map_err(record_problem));
        let shown = whole.filter_map(|one| one.map(|one| self.show(one)).transpose());
        shown.collect::<Answer<_>>().map(Sealed::new)
    }

    /// Everything that was read to decide, as the reader may see it, and what must be said besides, as entries; taken out, so
    /// that nothing of it is read twice.
    ///
    /// # Errors
    /// As [`Opened::resources`].
    pub fn take_everything(&mut self) -> Answer<Sealed<(Vec<TextEntry>, Vec<Value>)>> {
        let mut shown = Vec::new();
        for one in self.all.take().into_iter().flatten() {
            let none = self.permit() && self.withheld.is_empty();
            if !none && self.hides(&one.entry.key.reference()) {
                continue;
            }
            if self.leaves(&one) {
                shown.push(one.entry);
            } else if let Some(resource) = self.show(one.whole().map_err(record_problem)?) {
                shown.push(one.entry.with(&resource));
            }
        }
        let mut said = Vec::new();
        if self.announces() {
            said.push(announcement());
        }
        if self.incomplete {
            said.push(json!({"resource": {"resourceType": "OperationOutcome", "issue": [{
                "severity": "warning", "code": "incomplete",
                "diagnostics": "there is more than can be given at once; search by type for the rest",
            }]}, "search": {"mode": "outcome"}}));
        }
        Ok(Sealed::new((shown, said)))
    }

    /// Whether [`Opened::show`] would change nothing of a resource that is not withheld, as far as its text tells.
    fn leaves(&self, one: &Skimmed) -> bool {
        one.is_plain() && (self.contact || !tells_where(&one.entry)) && self.withheld.leaves(&one.entry.text)
    }

    /// What stands about her access: her choices, and whom she let in.
    pub fn standing(&self) -> Sealed<Standing> {
        Sealed::new(self.standing.clone())
    }

    /// Whether the reader's role is shown anything of a section.
    pub fn shows(&self, section: &str) -> bool {
        self.decision.as_ref().is_none_or(|d| d.depth(section) != Depth::None)
    }

    /// What a page of the record says of its whole, as the reader may see it. Its facts were read through [`Opened::show`].
    pub fn filter_summary(&self, summary: &mut Summary) {
        if self.decision.is_none() {
            return;
        }
        // That no source told of allergies would be untrue where the reader is not shown what they told.
        for line in summary.safety.iter_mut().filter(|l| l.kind == "allergy" && l.key.is_none()) {
            let text = if self.shows("allergies") { NONE_TO_SEE } else { NOT_FOR_ROLE };
            text.clone_into(&mut line.text);
        }
        // Notices of messages could count or name what is withheld.
        if self.announces() {
            summary.sources.iter_mut().for_each(|source| source.notices.clear());
            summary.gaps.clear();
            summary.gaps.push(causeway_record::Notice {
                code: ANNOUNCEMENT_CODE.to_owned(),
                text: ANNOUNCEMENT.to_owned(),
            });
        }
        let mut told: HashMap<(String, String), u64> = HashMap::new();
        for telling in summary.parts.iter().flat_map(|p| &p.facts).flat_map(|f| &f.tellings) {
            let source = (telling.source.organisation_code.clone(), telling.source.system.clone());
            *told.entry(source).or_insert(0) += 1;
        }
        for source in &mut summary.sources {
            let key = (source.latest.organisation_code.clone(), source.latest.system.clone());
            source.resources = told.get(&key).copied().unwrap_or(0);
        }
        summary.sources.retain(|source| source.resources > 0);
    }

    /// Who the person is, as the reader may see it.
    pub fn filter_person(&self, person: &mut PersonView) {
        if self.decision.is_none() {
            return;
        }
        // Other identifiers, decisions and reviews tell of services that the reader may not know of.
        person.members.retain(|m| !self.hides(&format!("Patient/{}", m.patient)));
        person.decisions.clear();
        person.reviews.clear();
        person.merged.clear();
        if !self.contact {
            let hide = |told: &mut causeway_record::Demographics| {
                told.address.clear();
                told.telecom.clear();
                told.general_practice.clear();
                told.identifiers.clear();
            };
            hide(&mut person.display);
            person.members.iter_mut().for_each(|m| hide(&mut m.demographics));
        }
    }

    /// Refuses where the decision does, after the refusal is written down.
    ///
    /// # Errors
    /// 403 with the step's reason; it says nothing about the person.
    pub async fn require(&self, gate: &Gate, reader: &Reader, what: &str) -> Answer<()> {
        let Some(decision) = self.decision.as_ref().filter(|d| !d.permit) else { return Ok(()) };
        let mut event = self.event(gate, reader, Act::Read);
        event.refused = decision.reason.to_owned();
        event.text = decision.refusal().to_owned();
        event.data = vec![what.to_owned()];
        write(gate, &[event]).await?;
        Err(Problem::new(StatusCode::FORBIDDEN, "forbidden", decision.reason, decision.refusal()))
    }

    fn event(&self, gate: &Gate, reader: &Reader, act: Act) -> Event {
        let mut event = reader.event(gate, act);
        event.patient = self.patients.first().cloned().unwrap_or_default();
        if let Some(decision) = &self.decision {
            event.purpose = decision.purpose.clone();
            event.relationship = decision.relationship.word().to_owned();
        }
        event
    }

    /// Gives out what was read for this reader, after it is written down. `tell` says what it is (`Type/id`, or the page) and
    /// of which sections.
    ///
    /// # Errors
    /// 503: nothing is given out.
    pub async fn disclose<T>(
        &mut self,
        gate: &Gate,
        reader: &Reader,
        act: Act,
        sealed: Sealed<T>,
        tell: impl FnOnce(&T) -> (Vec<String>, Vec<String>),
    ) -> Answer<T> {
        self.disclose_made(gate, reader, act, sealed, tell, |content| content).await
    }

    /// The same of what is made of it, which is made while it is being written down.
    ///
    /// # Errors
    /// As [`Opened::disclose`].
    pub async fn disclose_made<T, U>(
        &mut self,
        gate: &Gate,
        reader: &Reader,
        act: Act,
        sealed: Sealed<T>,
        tell: impl FnOnce(&T) -> (Vec<String>, Vec<String>),
        make: impl FnOnce(T) -> U,
    ) -> Answer<U> {
        let event = self.event(gate, reader, act);
        let events = |content: &T| {
            let (data, sections) = tell(content);
            vec![Event { data, sections, ..event }]
        };
        let opened = sealed.open_made(gate, events, make).await;
        if let Some(decision) = &mut self.decision {
            let by_rule = self.withheld.by_rule();
            decision.audited(&by_rule, opened.is_ok());
        }
        opened
    }

    /// The same for a page that is about the person and holds nothing of her record.
    ///
    /// # Errors
    /// As [`Opened::disclose`].
    pub async fn disclose_page(&mut self, gate: &Gate, reader: &Reader, page: &str) -> Answer<()> {
        self.disclose(gate, reader, Act::Read, Sealed::new(()), |()| (vec![page.to_owned()], Vec::new()))
            .await
    }
}

/// Lets who typed a message into a form read it, so that they may correct it: the organisation that sent it, or a person who
/// signed in for it, where the decision about the person's record (`opened`) lets them read care notes and nothing of this
/// message is withheld from them. The visitor of an open demonstration writes as whom the note names.
///
/// # Errors
/// 404 for anybody else, after the refusal is in the audit trail.
pub async fn grant_to_writer(
    state: &impl HasGate,
    caller: &Caller,
    reader: &Reader,
    opened: Option<&Opened>,
    message: &Message,
) -> Answer<Grant> {
    let own = caller.named && message.new.sender.eq_ignore_ascii_case(&caller.organisation.code);
    let visitor = !caller.named && !caller.proven;
    let decided = !caller.person
        || opened.is_some_and(|o| {
            let depth = o.decision.as_ref().map_or(Depth::None, |d| d.depth("care-notes"));
            o.permit() && depth == Depth::Whole && !o.withheld.message(message.new.id.as_str())
        });
    if !(own || visitor) || !decided || caller.scopes.is_some() {
        disclosure::refuse(state, caller, message).await?;
        return Err(Problem::not_found("care note"));
    }
    Ok(Grant::writer(caller, reader.event(state.gate(), Act::Read).user, message))
}

/// Gives out what was read of several people, or of nobody, after one entry for each. `tell` says what it is.
///
/// # Errors
/// 503: nothing is given out.
pub async fn disclose_all<T>(
    opened: &mut [Opened],
    gate: &Gate,
    reader: &Reader,
    act: Act,
    sealed: Sealed<T>,
    tell: impl FnOnce(&T) -> Vec<String>,
) -> Answer<T> {
    let mut events: Vec<Event> = opened.iter().map(|one| one.event(gate, reader, act)).collect();
    if events.is_empty() {
        events.push(reader.event(gate, act));
    }
    let given = sealed.open(gate, |content| {
        let data = tell(content);
        events.iter_mut().for_each(|event| event.data.clone_from(&data));
        events
    });
    let given = given.await;
    for one in opened {
        let by_rule = one.withheld.by_rule();
        if let Some(decision) = &mut one.decision {
            decision.audited(&by_rule, given.is_ok());
        }
    }
    given
}

/// Writes events, one entry each, under the Patient whom it is about, or under `access`.
///
/// # Errors
/// 503: nothing may be shown.
pub async fn write(gate: &Gate, events: &[Event]) -> Answer<()> {
    gate.audit_all(events.iter().map(entry).collect::<Answer<_>>()?).await
}

/// The OperationOutcome that says that items are held back, without their kind or number.
pub fn announcement() -> Value {
    json!({"resource": {"resourceType": "OperationOutcome", "issue": [{
        "severity": "warning", "code": "suppressed",
        "details": {"coding": [{"system": "https://fhir.causeway.example/CodeSystem/notice", "code": ANNOUNCEMENT_CODE}],
            "text": ANNOUNCEMENT},
    }]}, "search": {"mode": "outcome"}})
}

/// Everything that is told of a person, and whether there is more than is read at once.
fn skimmed(gate: &Gate, person: &str, policies: &PolicySet) -> Answer<(Vec<Skimmed>, bool)> {
    let texts = gate.shelf.record.texts_of_person(person).map_err(record_problem)?;
    let texts = texts.ok_or_else(|| Problem::not_found("person"))?;
    let incomplete = texts.incomplete;
    Ok((skim::all(texts, &policies.marks).map_err(record_problem)?, incomplete))
}

/// Whether [`Opened::show`] could take out of it where the person is.
fn tells_where(entry: &TextEntry) -> bool {
    entry.key.kind == "Patient" || entry.text.contains("\"location\":")
}

/// Events of the access log about these Patients, or all where none is named, in the order in which they were written.
/// `read` entries are read at a time.
///
/// # Errors
/// 503 where the log can't be read.
pub fn events(gate: &Gate, patients: &[String], read: usize) -> Answer<Sealed<Vec<Event>>> {
    let mut out = Vec::new();
    let entities: Vec<Option<String>> = if patients.is_empty() {
        vec![None]
    } else {
        patients.iter().map(|p| Some(format!("Patient/{p}"))).collect()
    };
    for entity in entities {
        let mut after = None;
        loop {
            let page = gate.trail.audit_entries(entity.as_deref(), after, read)?;
            let full = page.len() >= read;
            after = page.last().map(|e| e.seq);
            let accesses = page.iter().filter(|e| e.audit.action == "access");
            for entry in accesses {
                let event = serde_json::from_str::<Event>(&entry.audit.detail).map_err(|_| {
                    tracing::error!(seq = entry.seq, "an entry of the access log can't be read");
                    Problem::internal()
                })?;
                out.push(event);
            }
            if !full {
                break;
            }
        }
    }
    out.sort_by_key(|e| e.recorded);
    Ok(Sealed::new(out))
}
