//! Limits of one XML document. Beyond one of them it is refused.

/// Elements within elements.
pub const DEPTH_MAX: usize = 200;

/// Attributes of one element, namespace declarations included.
pub const ATTRIBUTES_MAX: usize = 64;

/// Elements and texts of one document.
pub const NODES_MAX: usize = 16_000_000;

/// Bytes of one text or attribute value: a scanned letter in base64 fits.
pub const VALUE_BYTES_MAX: usize = 128 * 1024 * 1024;

/// Bytes of one element or attribute name.
pub const NAME_BYTES_MAX: usize = 256;

/// Different names among the children of one element up to which places carry the child's ordinal. Beyond, the
/// byte span alone tells siblings apart.
pub const COUNTED_NAMES_MAX: usize = 48;
