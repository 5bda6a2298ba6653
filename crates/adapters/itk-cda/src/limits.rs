//! Named limits of this format.

/// Bytes at the head of an input among which the names of the format are looked for. A SOAP header stands before them.
pub const DETECT_BYTES: usize = 16 * 1024;

/// Clinical documents of one envelope. A repeat caller's history brings six.
pub const DOCUMENTS_MAX: usize = 200;

/// Markup within markup of a section's text; what lies deeper is kept as plain text.
pub const NARRATIVE_DEPTH_MAX: usize = 40;

/// Sections within sections, and statements within statements; what lies deeper is kept only in the original.
pub const DEPTH_MAX: usize = 24;

/// Bytes of a triage record within a document (base64 taken off); a larger one is carried as an attachment only.
pub const PATHWAYS_BYTES_MAX: usize = 8 * 1024 * 1024;

/// Questions of a triage; those beyond are in the attachment only.
pub const QUESTIONS_MAX: usize = 2000;
