//! Parameters of an address.

use causeway_core::address;

/// Parameters as given, decoded, in order.
pub(super) type Params = Vec<(String, String)>;

/// Bytes of a parameter's name: chains and reverse chains have the longest.
const NAME_BYTES_MAX: usize = 256;

/// Whether a parameter can have this name: letters, digits and what chains and modifiers are written with.
pub(super) fn is_name(name: &str) -> bool {
    name.len() <= NAME_BYTES_MAX && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"_-.:$".contains(&b))
}

/// An address with its parameters.
pub(super) fn url(path: &str, params: &[(String, String)]) -> String {
    address::with_query(path, params.iter().map(|(name, value)| (name.as_str(), value.as_str())))
}
