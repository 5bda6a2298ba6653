//! Parameters of an address.

use causeway_core::address;

/// Parameters as given, decoded, in order.
pub(super) type Params = Vec<(String, String)>;

/// An address with its parameters.
pub(super) fn url(path: &str, params: &[(String, String)]) -> String {
    address::with_query(path, params.iter().map(|(name, value)| (name.as_str(), value.as_str())))
}
