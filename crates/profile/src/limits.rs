//! Bounds on the work one check may do.

/// Largest document accepted, in bytes.
pub const MAX_BYTES: usize = 64 * 1024 * 1024;
/// Deepest nesting of elements that is followed, counted in objects.
pub const MAX_DEPTH: usize = 96;
/// Most findings of each severity kept in one report; all are counted.
pub const MAX_KEPT: usize = 1_000;
/// Longest text of one element, in bytes (R4: a string must not exceed 1 MB).
pub const MAX_TEXT: usize = 1024 * 1024;
/// Most nested looks at whether a value conforms to a profile (targets of references, slices told by profile).
pub const MAX_PROBES: usize = 6;
/// Most profiles and kinds of unchecked things that one report names; what is beyond is counted under `…`.
pub const MAX_COVERED: usize = 500;
/// Most profiles of one resource's `meta.profile` that are followed.
pub const MAX_PROFILES: usize = 16;
/// Longest chain of `baseDefinition` that is followed.
pub const MAX_BASES: usize = 16;
/// Deepest nesting of one value set or code system definition.
pub const MAX_CONCEPT_DEPTH: usize = 24;
/// Most codes taken from one definition.
pub const MAX_CODES: usize = 200_000;
/// Most objects with a repeated member that one report names.
pub const MAX_DUPLICATES: usize = 20;
