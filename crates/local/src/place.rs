//! A row of the table of places: where a value goes for which the adapter has no place.

use causeway_profile::schema::TypeRef;

use crate::code::is_uri;
use crate::row::Row;
use crate::value::Kind;

/// One row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) source: String,
    /// Type of the resource.
    pub(crate) resource: String,
    /// Name of the element; `extension` for one.
    pub(crate) element: String,
    /// URL of the extension; empty for an element of the resource's own.
    pub(crate) url: String,
    pub(crate) kind: Kind,
    /// What the type needs beside the value: system of an identifier or a contact, source system of codes, unit.
    pub(crate) system: String,
    /// Whether the element repeats.
    pub(crate) repeats: bool,
    pub(crate) condition: Option<Condition>,
}

/// When a row applies: another place of the same segment or row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Condition {
    pub(crate) place: String,
    /// The text that it has to have, or not to have; any where there is none.
    pub(crate) text: Option<String>,
    pub(crate) negated: bool,
}

/// Elements that say who somebody is, what a resource is about, or how it is to be taken: the adapter's alone.
const THE_ADAPTERS: [&str; 22] = [
    "id",
    "meta",
    "implicitRules",
    "language",
    "text",
    "contained",
    "modifierExtension",
    "status",
    "statusReason",
    "intent",
    "active",
    "name",
    "gender",
    "birthDate",
    "address",
    "clinicalStatus",
    "verificationStatus",
    "dataAbsentReason",
    "code",
    "class",
    "subject",
    "patient",
];

/// Beginnings of elements of which the same is true.
const THE_ADAPTERS_CHOICES: [&str; 5] = ["deceased", "value", "medication", "multipleBirth", "vaccine"];

/// Resources that say who sent what, and what people decided.
const NO_TARGETS: [&str; 7] =
    ["Provenance", "AuditEvent", "MessageHeader", "Consent", "Bundle", "OperationOutcome", "Parameters"];

/// Beginnings of systems and URLs that are not a site's to give.
const NOT_A_SITES: [&str; 6] = [
    "https://fhir.nhs.uk/Id/",
    "http://fhir.nhs.net/Id/",
    "https://fhir.causeway.example/",
    "http://hl7.org/",
    "https://hl7.org/",
    "http://terminology.hl7.org/",
];

impl Place {
    /// Columns of the table.
    pub(crate) const COLUMNS: [&'static str; 7] =
        ["source_place", "element", "type", "system", "condition", "authority", "note"];

    /// The ones that must be there.
    pub(crate) const NEEDED: [&'static str; 4] = ["source_place", "element", "type", "authority"];

    /// Reads a row; the error says what is wrong with it.
    pub(crate) fn read(row: &Row<'_>) -> Result<Self, String> {
        for column in Self::NEEDED {
            if row.cell(column).is_empty() {
                return Err(format!("{column} is empty"));
            }
        }
        let kind =
            Kind::parse(row.cell("type")).ok_or_else(|| format!("type is none of: {}", Kind::names()))?;
        let (path, url) = match row.cell("element").split_once('(') {
            Some((path, rest)) => (path, rest.strip_suffix(')').unwrap_or("")),
            None => (row.cell("element"), ""),
        };
        let (resource, element) = path
            .split_once('.')
            .filter(|(_, element)| !element.contains('.'))
            .ok_or("element is not RESOURCE.ELEMENT or RESOURCE.extension(URL)")?;
        if NO_TARGETS.contains(&resource) {
            return Err(format!("element: {resource} is not a site's to write"));
        }
        let field = TypeRef::named(resource)
            .filter(|ty| ty.field("meta").is_some())
            .ok_or_else(|| format!("element: {resource} is no resource of R4"))?
            .field(element)
            .ok_or_else(|| format!("element: {resource} has no element {element} in R4"))?;
        let system = row.cell("system");
        let repeats = field.repeats();
        if element == "extension" {
            if !is_uri(url) {
                return Err(
                    "element: an extension needs its URL, as in Patient.extension(https://…)".to_owned()
                );
            }
            if NOT_A_SITES.iter().any(|start| url.starts_with(start)) {
                return Err("element: the extension's URL is not a site's to use".to_owned());
            }
            if !kind.in_extension() {
                return Err(format!("type: an extension does not take {} here", kind.name()));
            }
        } else {
            if !url.is_empty() {
                return Err("element: a URL belongs to an extension".to_owned());
            }
            let taken = THE_ADAPTERS.contains(&element)
                || THE_ADAPTERS_CHOICES.iter().any(|start| element.starts_with(start));
            if taken || kind == Kind::Boolean {
                return Err(format!(
                    "element: {resource}.{element} decides what the resource means; use an extension"
                ));
            }
            if field.ty().name() != kind.name() {
                return Err(format!("type: {resource}.{element} is of type {}", field.ty().name()));
            }
        }
        kind.needs(system).map_err(|what| format!("system: {what}"))?;
        if kind == Kind::Identifier && NOT_A_SITES.iter().any(|start| system.starts_with(start)) {
            return Err("system is not a site's to give identifiers in".to_owned());
        }
        Ok(Self {
            source: row.cell("source_place").to_owned(),
            resource: resource.to_owned(),
            element: element.to_owned(),
            url: url.to_owned(),
            kind,
            system: system.to_owned(),
            repeats,
            condition: Condition::read(row.cell("condition"))?,
        })
    }

    /// Whether two rows put the same place to the same element under the same condition.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        let of = |p: &Self| {
            (p.source.clone(), p.resource.clone(), p.element.clone(), p.url.clone(), p.condition.clone())
        };
        of(self) == of(other)
    }

    /// Whether it takes a value from a place, or looks at it.
    pub(crate) fn names(&self, place: &str) -> bool {
        self.source == place || self.condition.as_ref().is_some_and(|c| c.place == place)
    }
}

impl Condition {
    fn read(text: &str) -> Result<Option<Self>, String> {
        if text.is_empty() {
            return Ok(None);
        }
        let (place, rest, negated) = match (text.split_once("!="), text.split_once('=')) {
            (Some((place, rest)), _) => (place, Some(rest), true),
            (None, Some((place, rest))) => (place, Some(rest), false),
            (None, None) => (text, None, false),
        };
        let rest = rest.map(|r| r.trim().to_owned());
        if place.trim().is_empty() || rest.as_ref().is_some_and(String::is_empty) {
            return Err("condition is not PLACE, PLACE = VALUE or PLACE != VALUE".to_owned());
        }
        Ok(Some(Self { place: place.trim().to_owned(), text: rest, negated }))
    }

    /// Whether it holds of the text at its place; nothing holds of what is absent.
    pub(crate) fn holds(&self, text: Option<&str>) -> bool {
        match (text, &self.text) {
            (None, _) => false,
            (Some(_), None) => true,
            (Some(text), Some(wanted)) => (text.trim() == wanted) != self.negated,
        }
    }
}
