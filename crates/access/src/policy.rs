//! The policy set: files that an information-governance lead reads and owns, loaded, checked and asked.
//!
//! The rules are Cedar policies (a forbid outweighs every permit, the default is deny, checked against a schema); the
//! matrix of roles and sections and the restricted codes are tables beside them.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::str::FromStr;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use cedar_policy::{
    Authorizer, Context, Decision as Verdict, Entities, Entity, EntityId, EntityTypeName, EntityUid, Policy,
    PolicyId, PolicySet as Policies, Request, RestrictedExpression, Schema, ValidationMode, Validator,
};
use serde::Deserialize;

use crate::marks::Marks;
use crate::restricted::Restricted;

/// What is wrong with a policy set.
#[derive(Debug, thiserror::Error)]
#[error("{file}: {text}")]
pub struct PolicyError {
    /// Which file of the set.
    pub file: String,
    /// What is wrong with it.
    pub text: String,
}

fn wrong(file: &str, text: impl ToString) -> PolicyError {
    PolicyError { file: file.to_owned(), text: text.to_string() }
}

/// The head of a policy set (`policy.toml`).
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Head {
    /// Version of the set.
    pub version: String,
    /// Date from which it is in force.
    pub date: toml::value::Datetime,
    /// Who owns it.
    pub owner: String,
    /// Whether anybody approved it.
    pub status: String,
    /// Name of the file of restricted codes in force.
    pub restricted: String,
    /// How long emergency access lasts.
    pub break_glass_minutes: i64,
    /// Fewest people in a published count.
    pub smallest_count: u32,
    /// `leave-out` or `include`.
    pub pseudonymised_opt_out: String,
    /// `leave-out` or `include`.
    pub pseudonymised_restricted: String,
}

/// For whom a role speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Audience {
    /// Somebody of a care organisation.
    Staff,
    /// The person whose record it is.
    Person,
    /// Somebody whom the person let in.
    Carer,
    /// A program of a care organisation.
    System,
}

impl Audience {
    /// The word in policies.
    pub fn word(self) -> &'static str {
        match self {
            Audience::Staff => "staff",
            Audience::Person => "person",
            Audience::Carer => "carer",
            Audience::System => "system",
        }
    }
}

/// A role (`roles.csv`): the national role-based access codes where there is one.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Role {
    /// Code, such as `R8000`.
    pub code: String,
    /// Code system.
    pub system: String,
    /// Its name in that system.
    pub name: String,
    /// In plain words, after "seen by".
    pub plain: String,
    /// For whom it speaks.
    pub audience: Audience,
}

/// How much of a section a role sees.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Depth {
    /// Nothing.
    None,
    /// What is active or current, what other sources say of its end, and the last three contacts.
    Summary,
    /// All of it.
    Whole,
}

impl Depth {
    /// The word in the matrix.
    pub fn word(self) -> &'static str {
        match self {
            Depth::None => "none",
            Depth::Summary => "summary",
            Depth::Whole => "whole",
        }
    }
}

/// A row of the matrix.
#[derive(Clone, Debug)]
pub struct SectionRow {
    /// Code, such as `medicines`.
    pub code: String,
    /// Heading.
    pub title: String,
    /// Cell by role code.
    pub cells: BTreeMap<String, Depth>,
}

/// One rule as written, for pages, documents and comparison.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// `@id`.
    pub id: String,
    /// `@rule`: which of the access rules it implements.
    pub rule: String,
    /// `@because`.
    pub because: String,
    /// Whether it permits.
    pub permits: bool,
    /// Which actions it speaks of.
    pub text: String,
    /// `@obligation`: what must be done where it permits.
    pub obligation: Option<String>,
}

/// What the policies say to one question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// Whether it is permitted.
    pub permit: bool,
    /// Ids of the policies that decided; empty where nothing permits.
    pub rules: Vec<String>,
}

/// The texts of a policy set, by file name.
pub type Files = BTreeMap<String, String>;

/// A loaded policy set. It can be shared between threads.
pub struct PolicySet {
    /// Version, owner, date.
    pub head: Head,
    /// Roles in the order of the file.
    pub roles: Vec<Role>,
    /// The matrix in the order of the file.
    pub sections: Vec<SectionRow>,
    /// The restricted codes in force.
    pub restricted: Restricted,
    /// What in a text decides.
    pub(crate) marks: Marks,
    rules: BTreeMap<String, Rule>,
    policies: Policies,
    schema: Schema,
    entities: Entities,
    authorizer: Authorizer,
    /// What was answered: the same question has the same answer.
    answers: Mutex<HashMap<Question, Answer>>,
}

/// What is asked of the policies.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Question {
    role: String,
    action: &'static str,
    resource: (&'static str, String),
    facts: Facts,
}

impl std::fmt::Debug for PolicySet {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "PolicySet {}", self.head.version)
    }
}

const CEDAR: [&str; 2] = ["care.cedar", "extract.cedar"];

/// The files of the set that is built in.
pub fn built_in_files() -> Files {
    [
        ("policy.toml", include_str!("../policy/policy.toml")),
        ("roles.csv", include_str!("../policy/roles.csv")),
        ("matrix.csv", include_str!("../policy/matrix.csv")),
        ("schema.cedarschema", include_str!("../policy/schema.cedarschema")),
        ("care.cedar", include_str!("../policy/care.cedar")),
        ("extract.cedar", include_str!("../policy/extract.cedar")),
        ("restricted-2026-11.csv", include_str!("../policy/restricted-2026-11.csv")),
        ("restricted-2026-06.csv", include_str!("../policy/restricted-2026-06.csv")),
    ]
    .into_iter()
    .map(|(name, text)| (name.to_owned(), text.to_owned()))
    .collect()
}

/// An entity id.
fn uid(kind: &str, id: &str) -> EntityUid {
    // The type names are constants of this crate; Cedar accepts them.
    let kind = EntityTypeName::from_str(kind).unwrap_or_else(|_| unreachable!("constant type name"));
    EntityUid::from_type_name_and_id(kind, EntityId::new(id))
}

impl PolicySet {
    /// The set that is built in. Its own test holds that it loads and passes the check.
    ///
    /// # Errors
    /// The files that are built in are wrong.
    pub fn built_in() -> Result<Self, PolicyError> {
        Self::load(&built_in_files())
    }

    /// The built-in set, loaded once in a process: checking it takes a while.
    ///
    /// # Errors
    /// As [`PolicySet::built_in`].
    pub fn shared() -> Result<Arc<Self>, PolicyError> {
        static SET: OnceLock<Arc<PolicySet>> = OnceLock::new();
        if let Some(set) = SET.get() {
            return Ok(Arc::clone(set));
        }
        let set = Arc::new(Self::built_in()?);
        Ok(Arc::clone(SET.get_or_init(|| set)))
    }

    /// Loads a set and checks it: files there, tables square, policies valid against the schema, every policy with its
    /// rule and reason.
    ///
    /// # Errors
    /// The first thing that is wrong, with its file.
    pub fn load(files: &Files) -> Result<Self, PolicyError> {
        let text = |name: &str| {
            files.get(name).map(String::as_str).ok_or_else(|| wrong(name, "the file is missing"))
        };
        let head: Head = toml::from_str(text("policy.toml")?).map_err(|e| wrong("policy.toml", e))?;
        for (key, value) in [
            ("pseudonymised_opt_out", &head.pseudonymised_opt_out),
            ("pseudonymised_restricted", &head.pseudonymised_restricted),
        ] {
            if value != "leave-out" && value != "include" {
                return Err(wrong("policy.toml", format!("{key} is neither leave-out nor include")));
            }
        }
        if !(1..=60).contains(&head.break_glass_minutes) {
            return Err(wrong("policy.toml", "break_glass_minutes is not between 1 and 60"));
        }
        let roles = roles(text("roles.csv")?)?;
        let sections = matrix(text("matrix.csv")?, &roles)?;
        let restricted_name = format!("{}.csv", head.restricted);
        let restricted = Restricted::read(&head.restricted, text(&restricted_name)?)
            .map_err(|e| wrong(&restricted_name, e))?;
        let (schema, _) = Schema::from_cedarschema_str(text("schema.cedarschema")?)
            .map_err(|e| wrong("schema.cedarschema", e))?;
        let mut policies = Policies::new();
        let mut rules = BTreeMap::new();
        for file in CEDAR {
            let parsed = Policies::from_str(text(file)?).map_err(|e| wrong(file, e))?;
            for policy in parsed.policies() {
                let rule = rule_of(file, policy)?;
                let policy = policy.new_id(PolicyId::new(&rule.id));
                policies.add(policy).map_err(|e| wrong(file, e))?;
                rules.insert(rule.id.clone(), rule);
            }
        }
        let checked = Validator::new(schema.clone()).validate(&policies, ValidationMode::Strict);
        if let Some(error) = checked.validation_errors().next() {
            return Err(wrong("*.cedar", error));
        }
        if let Some(warning) = checked.validation_warnings().next() {
            return Err(wrong("*.cedar", warning));
        }
        let entities = entities(&roles, &sections, &schema)?;
        Ok(Self {
            head,
            roles,
            sections,
            marks: Marks::of(&restricted),
            restricted,
            rules,
            policies,
            schema,
            entities,
            authorizer: Authorizer::new(),
            answers: Mutex::default(),
        })
    }

    /// A role by its code.
    pub fn role(&self, code: &str) -> Option<&Role> {
        self.roles.iter().find(|r| r.code == code)
    }

    /// Every rule, by id.
    pub fn rules(&self) -> impl Iterator<Item = &Rule> {
        self.rules.values()
    }

    /// A rule by id.
    pub fn rule(&self, id: &str) -> Option<&Rule> {
        self.rules.get(id)
    }

    /// Asks the policies, each question once. What can't be evaluated is refused.
    pub(crate) fn ask(
        &self,
        role: &str,
        action: &'static str,
        (kind, id): (&'static str, &str),
        facts: Facts,
    ) -> Answer {
        let question = Question { role: role.to_owned(), action, resource: (kind, id.to_owned()), facts };
        let answers = || self.answers.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = answers().get(&question) {
            return known.clone();
        }
        let answer = self.answer(&question);
        // A section that the matrix does not name is not kept: the names come from outside.
        if kind != "Section" || self.sections.iter().any(|row| row.code == id) {
            let mut answers = answers();
            if answers.len() >= ANSWERS_KEPT {
                answers.clear();
            }
            answers.insert(question, answer.clone());
        }
        answer
    }

    fn answer(&self, question: &Question) -> Answer {
        let refused = Answer { permit: false, rules: Vec::new() };
        let facts = question.facts.0.iter().map(|(name, said)| ((*name).to_owned(), said.expression()));
        let Ok(context) = Context::from_pairs(facts) else { return refused };
        let Ok(request) = Request::new(
            uid("Role", &question.role),
            uid("Action", question.action),
            uid(question.resource.0, &question.resource.1),
            context,
            None,
        ) else {
            return refused;
        };
        let response = self.authorizer.is_authorized(&request, &self.policies, &self.entities);
        let mut rules: Vec<String> =
            response.diagnostics().reason().map(|id| AsRef::<str>::as_ref(id).to_owned()).collect();
        rules.sort_unstable();
        let failed = response.diagnostics().errors().next().is_some();
        Answer { permit: response.decision() == Verdict::Allow && !failed, rules }
    }

    /// How much of each section a role sees, and by which rules: it depends on role, purpose and activities only.
    pub(crate) fn depth(
        &self,
        role: &str,
        purpose: &str,
        activities: &BTreeSet<String>,
        section: &str,
    ) -> (Depth, Vec<String>) {
        let facts = || Facts::new().text("purpose", purpose).texts("activities", activities.iter());
        let whole = self.ask(role, "see", ("Section", section), facts());
        if whole.permit {
            return (Depth::Whole, whole.rules);
        }
        let summary = self.ask(role, "see-summary", ("Section", section), facts());
        if summary.permit { (Depth::Summary, summary.rules) } else { (Depth::None, whole.rules) }
    }

    /// The schema, for tools.
    pub fn schema(&self) -> &Schema {
        &self.schema
    }
}

/// Answers that are kept in memory. A request has a few hundred questions, and most requests the same.
const ANSWERS_KEPT: usize = 16_384;

/// Facts of a question, built up by name.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Facts(Vec<(&'static str, Said)>);

/// The value of one.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Said {
    Flag(bool),
    Text(String),
    Texts(Vec<String>),
}

impl Said {
    fn expression(&self) -> RestrictedExpression {
        let text = |text: &String| RestrictedExpression::new_string(text.clone());
        match self {
            Self::Flag(value) => RestrictedExpression::new_bool(*value),
            Self::Text(value) => text(value),
            Self::Texts(values) => RestrictedExpression::new_set(values.iter().map(text)),
        }
    }
}

impl Facts {
    pub(crate) fn new() -> Self {
        Self::default()
    }
    pub(crate) fn flag(mut self, name: &'static str, value: bool) -> Self {
        self.0.push((name, Said::Flag(value)));
        self
    }
    pub(crate) fn text(mut self, name: &'static str, value: &str) -> Self {
        self.0.push((name, Said::Text(value.to_owned())));
        self
    }
    pub(crate) fn texts<'a>(mut self, name: &'static str, values: impl Iterator<Item = &'a String>) -> Self {
        self.0.push((name, Said::Texts(values.cloned().collect())));
        self
    }
}

fn rule_of(file: &str, policy: &Policy) -> Result<Rule, PolicyError> {
    let text = policy.to_cedar().unwrap_or_default();
    let note = |key: &str| {
        policy.annotation(key).filter(|v| !v.is_empty()).map(str::to_owned).ok_or_else(|| {
            wrong(file, format!("a policy has no @{key}: {}", text.chars().take(120).collect::<String>()))
        })
    };
    Ok(Rule {
        id: note("id")?,
        rule: note("rule")?,
        because: note("because")?,
        permits: policy.effect() == cedar_policy::Effect::Permit,
        obligation: policy.annotation("obligation").map(str::to_owned),
        text,
    })
}

fn roles(text: &str) -> Result<Vec<Role>, PolicyError> {
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    let roles: Vec<Role> =
        reader.deserialize().collect::<Result<_, _>>().map_err(|e| wrong("roles.csv", e))?;
    let mut seen = HashSet::new();
    match roles.iter().find(|r| !seen.insert(r.code.clone())) {
        Some(twice) => Err(wrong("roles.csv", format!("{} is there twice", twice.code))),
        None => Ok(roles),
    }
}

fn matrix(text: &str, roles: &[Role]) -> Result<Vec<SectionRow>, PolicyError> {
    let file = "matrix.csv";
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    let header: Vec<String> =
        reader.headers().map_err(|e| wrong(file, e))?.iter().map(str::to_owned).collect();
    for role in roles {
        if !header.contains(&role.code) {
            return Err(wrong(file, format!("no column for the role {}", role.code)));
        }
    }
    if let Some(unknown) = header.iter().skip(2).find(|h| !roles.iter().any(|r| r.code == **h)) {
        return Err(wrong(file, format!("the column {unknown} is no role of roles.csv")));
    }
    let mut rows: Vec<SectionRow> = Vec::new();
    for record in reader.records() {
        let record = record.map_err(|e| wrong(file, e))?;
        let mut cells = BTreeMap::new();
        for (role, cell) in header.iter().zip(record.iter()).skip(2) {
            let depth = match cell {
                "whole" => Depth::Whole,
                "summary" => Depth::Summary,
                "none" => Depth::None,
                other => return Err(wrong(file, format!("{other} is neither whole, summary nor none"))),
            };
            cells.insert(role.clone(), depth);
        }
        let text = |n: usize| record.get(n).unwrap_or_default().to_owned();
        if rows.iter().any(|row| row.code == text(0)) {
            return Err(wrong(file, format!("{} is there twice", text(0))));
        }
        rows.push(SectionRow { code: text(0), title: text(1), cells });
    }
    Ok(rows)
}

fn entities(roles: &[Role], sections: &[SectionRow], schema: &Schema) -> Result<Entities, PolicyError> {
    let set = |row: &SectionRow, depth: Depth| {
        let members = row.cells.iter().filter(|(_, d)| **d == depth);
        RestrictedExpression::new_set(
            members.map(|(role, _)| RestrictedExpression::new_entity_uid(uid("Role", role))),
        )
    };
    let mut all = Vec::new();
    for role in roles {
        all.push(Entity::new_no_attrs(uid("Role", &role.code), HashSet::new()));
    }
    for row in sections {
        let attributes = HashMap::from([
            ("whole".to_owned(), set(row, Depth::Whole)),
            ("summary".to_owned(), set(row, Depth::Summary)),
        ]);
        let entity = Entity::new(uid("Section", &row.code), attributes, HashSet::new());
        all.push(entity.map_err(|e| wrong("matrix.csv", e))?);
    }
    Entities::from_entities(all, Some(schema)).map_err(|e| wrong("matrix.csv", e))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_question_is_asked_once_and_names_from_outside_are_not_kept() {
        let set = PolicySet::built_in().unwrap();
        let kept = || set.answers.lock().unwrap().len();
        let activities = ["B0107".to_owned()];
        let see = |role: &str, section: &str, active: bool| {
            let activities = activities.iter().filter(|_| active);
            let facts = Facts::new().text("purpose", "TREAT").texts("activities", activities);
            set.ask(role, "see", ("Section", section), facts)
        };
        let first = see("R8000", "medicines", false);
        assert!(first.permit);
        assert_eq!((see("R8000", "medicines", false), kept()), (first, 1));
        // Another role, another fact, another section: other questions, with their own answers.
        assert!(!see("council-technician", "medicines", false).permit);
        see("R8000", "medicines", true);
        see("R8000", "results", false);
        assert_eq!(kept(), 4);
        assert!(!see("R8000", "a section that nobody named", false).permit);
        assert_eq!(kept(), 4);
    }
}
