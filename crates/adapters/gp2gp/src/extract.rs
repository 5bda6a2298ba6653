//! The extract as a whole: consultations, statements and who refers to whom, found once and indexed by id.

use std::collections::{HashMap, HashSet};

use causeway_adapter::Composer;
use causeway_core::{Issue, IssueCode, Leaf, Severity};
use causeway_fhir::Ref;
use causeway_xml::Element;
use jiff::tz::TimeZone;

use crate::attachment::Attachments;
use crate::hl7::{self, Time};
use crate::limits;
use crate::role::Role;

/// The classes of statement in RCMR_MT030101.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Observation,
    Narrative,
    Compound,
    LinkSet,
    Plan,
    Request,
    Medication,
}

impl Kind {
    fn of(name: &str) -> Option<Self> {
        Some(match name {
            "ObservationStatement" => Self::Observation,
            "NarrativeStatement" => Self::Narrative,
            "CompoundStatement" => Self::Compound,
            "LinkSet" => Self::LinkSet,
            "PlanStatement" => Self::Plan,
            "RequestStatement" => Self::Request,
            "MedicationStatement" => Self::Medication,
            _ => return None,
        })
    }
}

/// A consultation or another entry of the record (`ehrComposition`).
#[derive(Debug)]
pub(crate) struct Composition<'d> {
    pub element: Element<'d>,
    /// The statements directly within it.
    pub children: Vec<usize>,
    /// Its head, found once: a composition may hold thousands of statements.
    pub author: Option<Element<'d>>,
    pub availability: Option<Element<'d>>,
    pub participants: Vec<Element<'d>>,
    pub marks: Vec<Element<'d>>,
    pub encounter: Option<Ref>,
    pub list: Option<Ref>,
}

/// One statement.
#[derive(Debug)]
pub(crate) struct Statement<'d> {
    pub element: Element<'d>,
    pub kind: Kind,
    pub composition: usize,
    pub parent: Option<usize>,
    pub children: Vec<usize>,
    pub role: Role,
    /// Source key of the resource that it becomes.
    pub key: String,
    /// The resource that it becomes, if any.
    pub target: Option<Ref>,
    /// Link sets whose problem this statement names.
    pub names: Vec<usize>,
    /// The link set that makes this entry a problem: it says when the entry was made.
    pub noted: Option<usize>,
    /// Its confidentiality markings.
    pub marks: Vec<Element<'d>>,
}

/// Authorisation, issue or stop of a medicine, with its resource.
#[derive(Debug)]
pub(crate) struct Supply<'d> {
    pub statement: usize,
    pub element: Element<'d>,
    pub request: Option<Ref>,
    pub key: String,
}

/// What an agent of the directory became.
#[derive(Clone, Debug, Default)]
pub(crate) struct Agent {
    pub person: Option<Ref>,
    pub role: Option<Ref>,
    pub organisation: Option<Ref>,
}

impl Agent {
    /// The resource that stands for the agent where a person is wanted.
    pub fn individual(&self) -> Option<&Ref> {
        self.person.as_ref().or(self.role.as_ref())
    }

    /// The resource that stands for the agent where an organisation will do as well.
    pub fn anyone(&self) -> Option<&Ref> {
        self.person.as_ref().or(self.organisation.as_ref()).or(self.role.as_ref())
    }
}

/// A parsed extract.
#[derive(Debug)]
pub(crate) struct Extract<'d> {
    pub zone: TimeZone,
    pub element: Element<'d>,
    pub folders: Vec<Element<'d>>,
    /// System of the sender's own ids.
    pub ids: String,
    pub patient: Ref,
    /// The practice that authored the extract, with the items that say so.
    pub author: Option<(Ref, Vec<Leaf<'d>>)>,
    pub compositions: Vec<Composition<'d>>,
    pub statements: Vec<Statement<'d>>,
    /// Confidentiality markings of the whole extract.
    pub marks: Vec<Element<'d>>,
    /// Statements by id in upper case; the first of several.
    pub by_id: HashMap<String, usize>,
    pub agents: HashMap<String, Agent>,
    pub supplies: Vec<Supply<'d>>,
    pub supply_by_id: HashMap<String, usize>,
    /// Stops by the id of what they stop.
    pub stops: HashMap<String, usize>,
    /// Issues by the id of the authorisation that they fulfil.
    pub issues: HashMap<String, Vec<usize>>,
    pub attachments: Attachments<'d>,
    /// Organisations by the name that the directory gives them; the first of several.
    pub organisations: HashMap<String, Ref>,
    /// Problems that other problems hold, by the number of the held one.
    pub holders: HashMap<usize, Vec<usize>>,
    /// Topics of consultations by their code.
    pub topics: HashMap<String, Vec<usize>>,
    /// Problems by the code of the entry that they name; several where several have it.
    problems: HashMap<String, Vec<usize>>,
    /// What link sets connect to a request: link set and the refs within it, by the request's statement.
    links: HashMap<usize, Vec<usize>>,
    /// What stands in the place of a statement and is none that is known.
    pub unknown: Vec<Element<'d>>,
}

impl<'d> Extract<'d> {
    /// Finds everything that has an id.
    pub fn read(element: Element<'d>, c: &mut Composer<'_>, attachments: Attachments<'d>) -> Self {
        let mut extract = Self {
            zone: c.context.zone.clone(),
            element,
            folders: Vec::new(),
            ids: causeway_fhir::systems::local(&c.context.sender.code, "gp2gp"),
            patient: c.reference("Patient", &patient_key(element)),
            author: None,
            compositions: Vec::new(),
            statements: Vec::new(),
            marks: marks(element),
            by_id: HashMap::new(),
            agents: HashMap::new(),
            supplies: Vec::new(),
            supply_by_id: HashMap::new(),
            stops: HashMap::new(),
            issues: HashMap::new(),
            attachments,
            organisations: HashMap::new(),
            holders: HashMap::new(),
            topics: HashMap::new(),
            problems: HashMap::new(),
            links: HashMap::new(),
            unknown: Vec::new(),
        };
        for component in element.children_named("component") {
            extract.folders.extend(component.children_named("ehrFolder"));
        }
        for folder in extract.folders.clone() {
            extract.marks.extend(marks(folder));
            for component in folder.children_named("component") {
                for composition in component.children_named("ehrComposition") {
                    extract.composition(composition);
                }
            }
        }
        extract
    }

    fn composition(&mut self, element: Element<'d>) {
        let number = self.compositions.len();
        self.compositions.push(Composition {
            element,
            children: Vec::new(),
            author: element.child("author"),
            availability: element.child("availabilityTime"),
            participants: element.children_named("Participant2").collect(),
            marks: marks(element),
            encounter: None,
            list: None,
        });
        self.components(element, number, None, 0);
    }

    fn components(&mut self, holder: Element<'d>, composition: usize, parent: Option<usize>, depth: usize) {
        if depth > limits::NESTING_MAX {
            return;
        }
        for component in holder.children_named("component") {
            for element in component.children() {
                let Some(kind) = Kind::of(element.name()) else {
                    self.unknown.push(element);
                    continue;
                };
                let number = self.statements.len();
                self.statements.push(Statement {
                    element,
                    kind,
                    composition,
                    parent,
                    children: Vec::new(),
                    role: Role::Nothing,
                    key: String::new(),
                    target: None,
                    names: Vec::new(),
                    noted: None,
                    marks: marks(element),
                });
                match parent {
                    Some(parent) => self.statements[parent].children.push(number),
                    None => self.compositions[composition].children.push(number),
                }
                if let Some(id) = hl7::guid(element) {
                    self.by_id.entry(hl7::key(id.text)).or_insert(number);
                }
                match kind {
                    Kind::Compound => self.components(element, composition, Some(number), depth + 1),
                    Kind::Medication => self.medication(element, number),
                    _ => {}
                }
            }
        }
    }

    fn medication(&mut self, element: Element<'d>, statement: usize) {
        for supply in element.children_named("component").flat_map(Element::children) {
            let number = self.supplies.len();
            self.supplies.push(Supply { statement, element: supply, request: None, key: String::new() });
            if let Some(id) = hl7::guid(supply) {
                self.supply_by_id.entry(hl7::key(id.text)).or_insert(number);
            }
            // Some senders refer to the statement where they mean the supply within it.
            if let Some(id) = hl7::guid(element) {
                self.supply_by_id.entry(hl7::key(id.text)).or_insert(number);
            }
            let (relation, stop) = match supply.name() {
                "ehrSupplyDiscontinue" => ("reversalOf", true),
                _ => ("inFulfillmentOf", false),
            };
            for prior in prior_refs(supply, relation) {
                if stop {
                    self.stops.entry(hl7::key(prior.text)).or_insert(number);
                } else {
                    self.issues.entry(hl7::key(prior.text)).or_default().push(number);
                }
            }
        }
    }

    /// Gives every statement that becomes a resource its key and reference; a repeated id gets a key of its own.
    pub fn assign(&mut self, c: &mut Composer<'_>) {
        let mut used: HashSet<(&'static str, String)> = HashSet::new();
        for number in 0..self.compositions.len() {
            let composition = &self.compositions[number];
            let element = composition.element;
            let key = source_key(element);
            if crate::composition::is_encounter(composition.element) {
                let key = free(c, &mut used, "Encounter", key.clone(), element);
                let reference = c.reference("Encounter", &key);
                self.compositions[number].encounter = Some(reference);
                let list = free(c, &mut used, "List", format!("{key}-CONS"), element);
                let reference = c.reference("List", &list);
                self.compositions[number].list = Some(reference);
            }
        }
        for number in 0..self.statements.len() {
            let statement = &self.statements[number];
            let element = statement.element;
            let Some(kind) = statement.role.resource() else { continue };
            let key = free(c, &mut used, kind, source_key(element), element);
            let target = c.reference(kind, &key);
            let statement = &mut self.statements[number];
            statement.key = key;
            statement.target = Some(target);
        }
        for number in 0..self.supplies.len() {
            let element = self.supplies[number].element;
            if !matches!(element.name(), "ehrSupplyAuthorise" | "ehrSupplyPrescribe") {
                continue;
            }
            let key = free(c, &mut used, "MedicationRequest", source_key(element), element);
            let target = c.reference("MedicationRequest", &key);
            self.supplies[number].request = Some(target);
            self.supplies[number].key = key;
        }
    }

    /// Finds what link sets connect requests to.
    pub fn link(&mut self) {
        for (number, statement) in self.statements.iter().enumerate() {
            if statement.role != Role::Link {
                continue;
            }
            let named = statement.element.path(&["conditionNamed", "namedStatementRef"]).and_then(hl7::guid);
            if let Some(target) = named.and_then(|id| self.by_id.get(&hl7::key(id.text))) {
                self.links.entry(*target).or_default().push(number);
            }
        }
    }

    /// Indexes topics and problems by their codes.
    pub fn index_topics(&mut self) {
        for (number, statement) in self.statements.iter().enumerate() {
            if statement.role != Role::Topic && statement.names.is_empty() {
                continue;
            }
            let Some(code) = statement.element.child("code").and_then(|c| c.attribute("code")) else {
                continue;
            };
            let code = code.text.trim();
            if statement.role == Role::Topic {
                self.topics.entry(code.to_owned()).or_default().push(number);
            }
            if let Some(link_set) = statement.names.first() {
                self.problems.entry(code.to_owned()).or_default().push(*link_set);
            }
        }
    }

    /// The problem that a topic is about: the only one with the topic's code.
    pub fn problem_of_topic(&self, topic: &Statement<'d>) -> Option<&Ref> {
        self.problem_of_code(topic.element.child("code")?.attribute("code")?.text.trim())
    }

    /// The only problem with a code.
    pub fn problem_of_code(&self, code: &str) -> Option<&Ref> {
        match self.problems.get(code)?.as_slice() {
            [only] => self.statements[*only].target.as_ref(),
            _ => None,
        }
    }

    /// The resources that link sets connect a request to, with the items that do.
    pub fn linked(&self, request: usize) -> Vec<(&Ref, Vec<Leaf<'d>>)> {
        let mut out = Vec::new();
        for link in self.links.get(&request).into_iter().flatten() {
            let element = self.statements[*link].element;
            let named = element.path(&["conditionNamed", "namedStatementRef"]).and_then(hl7::guid);
            for component in
                element.children_named("component").flat_map(|c| c.children_named("statementRef"))
            {
                let Some(id) = hl7::guid(component) else { continue };
                if let Some(target) = self.resource(id.text) {
                    out.push((target, named.into_iter().chain([id]).collect()));
                }
            }
        }
        out
    }

    /// The agent that an element's `agentRef` names, with the item that names it.
    pub fn agent(&self, holder: Element<'d>) -> Option<(&Agent, Leaf<'d>)> {
        let id = hl7::guid(holder.child("agentRef")?)?;
        self.agents.get(&hl7::key(id.text)).map(|agent| (agent, id))
    }

    /// The participants of a statement that did it (`PRF`, `PPRF`, `RESP`); where it names none, those of its
    /// composition.
    pub fn performers(&self, statement: &Statement<'d>) -> Vec<(&Agent, Leaf<'d>)> {
        let named = |p: Element<'_>| p.attribute("typeCode").is_none_or(|t| t.text.trim() != "AUT");
        if statement.element.children_named("Participant").any(named) {
            return self.participants(statement.element, "Participant", |t| t != "AUT");
        }
        let composition = &self.compositions[statement.composition];
        let mut shared: Vec<_> =
            composition.participants.iter().filter_map(|p| self.agent(*p)).take(1).collect();
        if composition.participants.is_empty() {
            shared.extend(composition.author.and_then(|a| self.agent(a)));
        }
        shared
    }

    /// Participants of an element under a name whose type passes a test.
    pub fn participants(
        &self,
        element: Element<'d>,
        name: &str,
        test: impl Fn(&str) -> bool,
    ) -> Vec<(&Agent, Leaf<'d>)> {
        element
            .children_named(name)
            .filter(|p| test(p.attribute("typeCode").map_or("", |t| t.text.trim())))
            .filter_map(|p| self.agent(p))
            .collect()
    }

    /// Who stands for a statement's entry: its own author, else who did it.
    pub fn recorder(&self, statement: &Statement<'d>) -> Option<(&Agent, Leaf<'d>)> {
        let author = |p: &Element<'_>| p.attribute("typeCode").is_some_and(|t| t.text.trim() == "AUT");
        match statement.element.children_named("Participant").find(author) {
            Some(author) => self.agent(author),
            None => self.performers(statement).into_iter().next(),
        }
    }

    /// What says that a statement was made in error: its own status, or that of a group or the consultation around it.
    pub fn nullified(&self, statement: &Statement<'d>) -> Option<Leaf<'d>> {
        let mut at = Some(statement);
        while let Some(statement) = at {
            if let Some(leaf) = hl7::nullified(statement.element) {
                return Some(leaf);
            }
            at = statement.parent.map(|parent| &self.statements[parent]);
        }
        hl7::nullified(self.compositions[statement.composition].element)
    }

    /// Encounter of a statement's composition.
    pub fn encounter(&self, statement: &Statement<'d>) -> Option<&Ref> {
        self.compositions[statement.composition].encounter.as_ref()
    }

    /// When a statement was entered: what the link set says that makes it a problem,
    /// else the author time of its composition, else the composition's own time.
    pub fn entered(&self, statement: &Statement<'d>) -> Option<Time<'d>> {
        let composition = &self.compositions[statement.composition];
        let noted = statement.noted.map(|n| self.statements[n].element);
        hl7::first_time(
            &[
                noted.and_then(|link_set| link_set.child("availabilityTime")),
                composition.author.and_then(|a| a.child("time")),
                composition.availability,
            ],
            &self.zone,
        )
    }

    /// Statements within a statement at any depth, in document order.
    pub fn descendants(&self, statement: &Statement<'d>) -> Vec<usize> {
        let mut out = Vec::new();
        let mut todo: Vec<usize> = statement.children.iter().rev().copied().collect();
        while let Some(number) = todo.pop() {
            out.push(number);
            todo.extend(self.statements[number].children.iter().rev());
        }
        out
    }

    /// The supplies of a medication statement.
    pub fn supplies_of(&self, statement: usize) -> impl Iterator<Item = &Supply<'d>> {
        let start = self.supplies.partition_point(|s| s.statement < statement);
        self.supplies.iter().skip(start).take_while(move |s| s.statement == statement)
    }

    /// The resource of a statement, a supply or the first supply of a medication statement, by id.
    pub fn resource(&self, id: &str) -> Option<&Ref> {
        let key = hl7::key(id);
        let statement = self.by_id.get(&key).map(|n| &self.statements[*n]);
        statement
            .and_then(|s| s.target.as_ref())
            .or_else(|| self.supply_by_id.get(&key).and_then(|n| self.supplies[*n].request.as_ref()))
            .or_else(|| {
                // A wrapper stands for the one statement within it.
                let within = self.statements.get(*statement?.children.first()?)?;
                within.target.as_ref()
            })
    }
}

/// The confidentiality markings of an element itself.
fn marks<'d>(element: Element<'d>) -> Vec<Element<'d>> {
    // A document is marked where it is referred to (RCMR_MT030101, referredToExternalDocument).
    let document = element.path(&["reference", "referredToExternalDocument"]).into_iter();
    let holders = std::iter::once(element).chain(document);
    holders.flat_map(|holder| holder.children_named("confidentialityCode")).collect()
}

/// The agents of a folder's directory.
pub(crate) fn directory_agents<'d>(folder: Element<'d>) -> impl Iterator<Item = Element<'d>> {
    let directories = folder.children_named("responsibleParty").filter_map(|r| r.child("agentDirectory"));
    directories.flat_map(|d| d.children_named("part")).filter_map(|p| p.child("Agent"))
}

/// `priorMedicationRef` ids of a supply under one relation.
pub(crate) fn prior_refs<'d>(supply: Element<'d>, relation: &str) -> Vec<Leaf<'d>> {
    let refs = supply.children_named(relation).flat_map(|r| r.children_named("priorMedicationRef"));
    refs.filter_map(hl7::guid).collect()
}

/// The key of a patient: the id, with its root where it is no NHS number.
pub(crate) fn patient_key(extract: Element<'_>) -> String {
    extract.child("recordTarget").map_or_else(|| "|".to_owned(), key_of_target)
}

/// The key of the patient that a `recordTarget` names.
pub(crate) fn key_of_target(target: Element<'_>) -> String {
    let id = target.path(&["patient", "id"]);
    let part = |name: &str| id.and_then(|i| i.attribute(name)).map_or("", |l| l.text.trim());
    format!("{}|{}", part("root"), part("extension"))
}

fn source_key(element: Element<'_>) -> String {
    match hl7::guid(element).filter(|id| id.text.len() <= limits::ID_CHARS_MAX) {
        Some(id) => hl7::key(id.text),
        None => format!("node {}", element.index()),
    }
}

fn free(
    c: &mut Composer<'_>,
    used: &mut HashSet<(&'static str, String)>,
    kind: &'static str,
    key: String,
    element: Element<'_>,
) -> String {
    if used.insert((kind, key.clone())) {
        return key;
    }
    let issue = Issue::new(
        Severity::Warning,
        IssueCode::Duplicate,
        "source-id-repeated",
        "two entries of the record that become the same kind of resource have one id; both were kept",
    );
    match hl7::guid(element) {
        Some(id) => c.issue_at(id.id, issue),
        None => c.issue(issue),
    }
    // The node's number is unique, so the key is.
    let key = format!("{key}#{}", element.index());
    used.insert((kind, key.clone()));
    key
}
