//! A project as data: who asks for what, why, on which legal basis, and who approved it.

use std::borrow::Cow;

use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::error::Error;
use crate::limits::SMALL_CELL;
use crate::noise::Noise;
use crate::omop_tables::TABLES;
use crate::view::View;

/// In which form data leave.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Tier {
    /// With who it is: only with consent or another legal basis.
    Identifiable,
    /// With keys of the project instead.
    Pseudonymised,
    /// Counts alone.
    Aggregate,
}

impl Tier {
    /// In plain words.
    pub fn words(self) -> &'static str {
        match self {
            Self::Identifiable => "with names",
            Self::Pseudonymised => "with a code instead of a name",
            Self::Aggregate => "counts only",
        }
    }
}

/// What becomes of dates.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Dates {
    /// Cut to the month.
    #[default]
    Month,
    /// Cut to the year.
    Year,
    /// Moved by a number of days of each person's own: intervals stay.
    Shift,
}

/// The legal basis.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum LegalBasis {
    /// The explicit consent of each person.
    Consent,
    /// Support under section 251 of the NHS Act 2006, a statute, or another basis: its reference.
    Other {
        /// Number or title under which it can be looked up.
        reference: String,
    },
    /// None: enough for what is not identifiable.
    None,
}

/// Somebody's approval.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Approval {
    /// Who.
    pub by: String,
    /// In which role.
    pub role: String,
    /// When.
    pub on: Date,
}

/// Who asks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Requester {
    /// Name.
    pub name: String,
    /// Organisation.
    pub organisation: String,
    /// Role code of the access policies, such as `R1860` for a researcher.
    pub role: String,
    /// Code of the organisation in the exchange's list, whose systems may ask for the data themselves (Bulk Data).
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub code: String,
}

/// A project.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Project {
    /// Short name, `[a-z0-9-]+`: part of keys and file names.
    pub id: String,
    /// Title for the register.
    pub title: String,
    /// Why, in plain words, for the register.
    pub why: String,
    /// `HRESCH`, `HOPERAT` or `PUBHLTH` of HL7's ActReason.
    pub purpose: String,
    /// On which legal basis.
    pub legal_basis: LegalBasis,
    /// Who asks.
    pub requester: Requester,
    /// In which form.
    pub tier: Tier,
    /// The people: a FHIRPath condition over Patient; everybody where it is empty.
    #[serde(default)]
    pub cohort: String,
    /// What is asked: ViewDefinitions, one table each.
    #[serde(default)]
    pub views: Vec<Value>,
    /// Resources that are asked, as NDJSON by type: `Condition` for all of each, `Condition.code` for an element of each.
    #[serde(default)]
    pub elements: Vec<String>,
    /// Tables of the OMOP Common Data Model 5.4 that are asked, by name.
    #[serde(default)]
    pub omop: Vec<String>,
    /// Differential privacy, for counts alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub noise: Option<Noise>,
    /// What becomes of dates.
    #[serde(default)]
    pub dates: Dates,
    /// Fewest people who may be alike in age band, sex and district, and fewest who may share a code.
    #[serde(default = "smallest")]
    pub smallest: u64,
    /// Approvals.
    #[serde(default)]
    pub approvals: Vec<Approval>,
    /// Last day on which an extract may be made.
    pub expires: Date,
}

fn smallest() -> u64 {
    SMALL_CELL
}

/// Purposes for which extracts are.
const PURPOSES: &[&str] = &["HRESCH", "HOPERAT", "PUBHLTH"];

impl Project {
    /// Reads a project from TOML or JSON.
    ///
    /// # Errors
    /// [`Error::Definition`] with what is wrong.
    pub fn read(text: &str) -> Result<Self, Error> {
        let project: Self = if text.trim_start().starts_with('{') {
            serde_json::from_str(text).map_err(|e| Error::Definition(e.to_string()))?
        } else {
            toml::from_str(text).map_err(|e| Error::Definition(e.to_string()))?
        };
        let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
        if project.id.is_empty() || !project.id.bytes().all(plain) {
            return Err(Error::Definition("id must be of lower-case letters, digits and hyphens".to_owned()));
        }
        if let Some(unknown) = project.omop.iter().find(|name| !TABLES.iter().any(|t| t.name == **name)) {
            let known: Vec<&str> = TABLES.iter().map(|t| t.name).collect();
            return Err(Error::Definition(format!(
                "omop: no table {unknown}; there are {}",
                known.join(", ")
            )));
        }
        Ok(project)
    }

    /// Its views, compiled.
    ///
    /// # Errors
    /// [`Error::Definition`]; two views of one name.
    pub fn compiled(&self) -> Result<Vec<View>, Error> {
        let mut views: Vec<View> = Vec::new();
        for (number, definition) in self.views.iter().enumerate() {
            let mut view = View::compile(definition)?;
            if view.name.is_empty() {
                view.name = format!("view_{}", number + 1);
            }
            let plain = view.name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-');
            if !plain || views.iter().any(|v| v.name == view.name) {
                return Err(Error::Definition("each view needs a plain name of its own".to_owned()));
            }
            views.push(view);
        }
        Ok(views)
    }

    /// The part of a resource that the project asks for; none where it asks for nothing of its type.
    pub fn asked<'v>(&self, resource: &'v Value) -> Option<Cow<'v, Value>> {
        let object = resource.as_object()?;
        let kind = object.get("resourceType")?.as_str()?;
        let mut elements = Vec::new();
        for element in &self.elements {
            match element.split_once('.') {
                None if element == kind => return Some(Cow::Borrowed(resource)),
                Some((of, name)) if of == kind => elements.push(name),
                _ => {}
            }
        }
        let model = causeway_fhirpath::Model::r4();
        let ty = model.resource(kind);
        // `effective` is the element of `effectiveDateTime`.
        let wanted = |key: &str| {
            let own = key.strip_prefix('_').unwrap_or(key);
            let element = model.member(ty, own).map(|(element, _)| element.name.as_str());
            matches!(own, "resourceType" | "id") || element.is_some_and(|name| elements.contains(&name))
        };
        let part = object.iter().filter(|(key, _)| wanted(key)).map(|(k, v)| (k.clone(), v.clone()));
        (!elements.is_empty()).then(|| Cow::Owned(Value::Object(part.collect())))
    }

    /// Holds the project against the rules under which an extract may be made on a day.
    ///
    /// # Errors
    /// [`Error::NotApproved`] with all that is missing.
    pub fn may_run(&self, today: Date) -> Result<(), Error> {
        let mut missing = Vec::new();
        if !PURPOSES.contains(&self.purpose.as_str()) {
            missing.push("a purpose of research, planning or public health".to_owned());
        }
        if self.why.trim().is_empty() {
            missing.push("the reason in plain words".to_owned());
        }
        let mut people: Vec<String> = self
            .approvals
            .iter()
            .filter(|a| a.on <= today && !a.role.trim().is_empty())
            .map(|a| a.by.trim().to_lowercase())
            .filter(|by| !by.is_empty() && *by != self.requester.name.trim().to_lowercase())
            .collect();
        people.sort();
        people.dedup();
        if people.len() < 2 {
            missing.push("approval by two people who are not the requester".to_owned());
        }
        if today > self.expires {
            missing.push("a date of expiry that has not passed".to_owned());
        }
        if self.tier == Tier::Identifiable && self.legal_basis == LegalBasis::None {
            missing.push("a legal basis for identifiable data".to_owned());
        }
        if self.smallest < SMALL_CELL {
            missing.push(format!("a smallest group of {SMALL_CELL} or more"));
        }
        if self.views.is_empty() && self.elements.is_empty() && self.omop.is_empty() {
            missing.push("something that is asked: views, resources or OMOP tables".to_owned());
        }
        if self.tier == Tier::Aggregate && !(self.elements.is_empty() && self.omop.is_empty()) {
            missing.push("views alone: counts can't be resources or rows".to_owned());
        }
        if let Some(noise) = &self.noise {
            match self.compiled() {
                Ok(views) if self.tier == Tier::Aggregate => missing.extend(noise.missing(&views)),
                Ok(_) => missing.push("counts alone, where it asks for noise".to_owned()),
                Err(error) => missing.push(format!("views that can be read: {error}")),
            }
        }
        if missing.is_empty() {
            return Ok(());
        }
        Err(Error::NotApproved(format!("the project may not run; it lacks {}", missing.join("; "))))
    }
}
