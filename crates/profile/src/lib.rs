//! Checks FHIR R4 resources and Bundles against R4 4.0.1 and UK Core, offline.
//!
//! The definitions are compact tables (`data/`) made from the published ones by `cargo run -p xtask -- profile-tables`;
//! more can be loaded with [`Definitions::load_all`]. One walk over the document checks structure, cardinality, types,
//! formats, required codes, profiles, extensions, invariants and references, in time linear in its size.
//!
//! ```
//! let report = causeway_profile::check(br#"{"resourceType":"Patient","gender":"M"}"#);
//! assert_eq!(report.findings[0].rule, "r4/binding-required");
//! assert_eq!(report.findings[0].path, "Patient.gender");
//! ```

mod advice;
mod base;
mod codes;
mod definitions;
mod duplicates;
mod expression;
mod invariants;
mod languages;
pub mod limits;
mod meaning;
mod places;
mod primitive;
mod profiles;
mod quantity;
mod report;
pub mod rows;
pub mod schema;
mod slices;
mod snomed;
mod tree;
mod urls;
mod values;
mod walk;
mod xml;
mod xml_write;

pub use advice::Advice;
pub use definitions::{Definitions, LoadError, Loaded};
pub use report::{About, Coverage, Finding, Place, Report, Severity, Unchecked};
pub use walk::parts::{BundleDigest, CUT_RULE, EntryHead};

pub use values::{is_relative, size_differs};
pub use xml::is_xml;
pub use xml_write::ToXmlError;

use serde_json::Value;

use tree::Tree;

/// How a check is done.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Canonical URLs of profiles that the resource is held to besides those it claims.
    pub profiles: Vec<String>,
    /// Report each mustSupport element that is absent, as information.
    pub must_support: bool,
    /// Report best-practice rules (`dom-6`: a resource should have a narrative) as warnings.
    pub best_practice: bool,
    /// A claimed profile that is not known is an error instead of a warning.
    pub refuse_unknown_profiles: bool,
    /// What is said of an extension whose definition is not known.
    pub unknown_extensions: UnknownExtensions,
    /// Bytes of memory that the values of one entry may take where a Bundle is read in parts; `None` for no bound. What has no
    /// room is not checked, and that is told ([`CUT_RULE`]).
    pub room: Option<usize>,
}

/// What is said of an extension whose definition is not known. One that may change the meaning
/// (`modifierExtension`) is a warning at least.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum UnknownExtensions {
    /// It is counted in the report's coverage only.
    #[default]
    Allow,
    /// It is told as information.
    Note,
    /// It is an error.
    Refuse,
}

/// Whether the XHTML of a narrative keeps to what FHIR allows in one and says something (rules txt-1 and txt-2).
pub fn is_narrative(div: &str) -> bool {
    invariants::is_narrative(div)
}

/// Checks a JSON document against R4 and UK Core.
pub fn check(json: &[u8]) -> Report {
    Definitions::uk_core().check(json, &Options::default())
}

/// Checks a parsed document against R4 and UK Core.
///
/// Numbers are judged by their text, so parse with serde_json's `arbitrary_precision`, which this crate turns on.
pub fn check_value(resource: &Value) -> Report {
    Definitions::uk_core().check_value(resource, &Options::default())
}

impl Definitions {
    /// Checks a JSON document.
    pub fn check(&self, json: &[u8], options: &Options) -> Report {
        if json.len() > limits::MAX_BYTES {
            let text = format!("the document is larger than {} bytes", limits::MAX_BYTES);
            return Report::refusal("r4/size", text);
        }
        match Tree::read(json) {
            Ok(tree) => {
                let mut report = self.check_value(&tree.value, options);
                if tree.repeats {
                    duplicates::report(json, &mut report);
                }
                report
            }
            // The parser's own message may quote the document, so only its place is given.
            Err(e) => {
                let (line, column) = (e.line(), e.column());
                let text = format!("not readable as json at line {line}, column {column}");
                let mut report = Report::refusal("r4/json", text);
                report.findings.iter_mut().for_each(|f| f.place = Some(Place { line, column }));
                report
            }
        }
    }

    /// Checks a document in JSON or XML; findings have their line and column.
    pub fn check_located(&self, text: &[u8], options: &Options) -> Report {
        if is_xml(text) {
            return self.check_xml(text, options);
        }
        let text = text.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(text);
        let mut report = self.check(text, options);
        places::locate_json(text, &mut report);
        report
    }

    /// Checks a parsed document.
    pub fn check_value(&self, resource: &Value, options: &Options) -> Report {
        walk::check(self, options, resource)
    }
}
