//! An invariant that a definition states as FHIRPath.

use std::sync::{Arc, OnceLock};

use crate::report::Severity;

/// An invariant that a definition states as FHIRPath.
#[derive(Clone, Debug)]
pub(crate) struct Expression {
    pub(crate) key: String,
    pub(crate) severity: Severity,
    pub(crate) path: String,
    /// What it asks for, in the definition's words.
    pub(crate) human: String,
    compiled: OnceLock<Option<Arc<causeway_fhirpath::Expression>>>,
}

impl Expression {
    /// Reads `["key","severity","expression","human"]`.
    pub(crate) fn parse(row: &str) -> Option<Self> {
        let [key, severity, path, human] = serde_json::from_str::<[String; 4]>(row).ok()?;
        let severity = if severity == "warning" { Severity::Warning } else { Severity::Error };
        Some(Self { key, severity, path, human, compiled: OnceLock::new() })
    }

    /// The expression, read when first needed; `None` where it is no FHIRPath that the engine knows.
    pub(crate) fn compiled(&self) -> Option<&causeway_fhirpath::Expression> {
        let read = || causeway_fhirpath::Expression::parse(&self.path).ok().map(Arc::new);
        self.compiled.get_or_init(read).as_deref()
    }
}
