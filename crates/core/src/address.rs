//! Percent-encoding of what stands in an address (RFC 3986).

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// All but the unreserved characters (section 2.3).
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
/// The same without those that a query may hold as they are (section 3.4) and that addresses of FHIR are full of.
const IN_QUERY: &AsciiSet = &RESERVED.remove(b'/').remove(b':').remove(b',');

/// A text as one segment of a path: all but the unreserved characters is encoded.
#[must_use]
pub fn segment(text: &str) -> String {
    utf8_percent_encode(text, RESERVED).to_string()
}

/// A text as a name or a value in a query.
#[must_use]
pub fn in_query(text: &str) -> String {
    utf8_percent_encode(text, IN_QUERY).to_string()
}

/// An address with its parameters, in their order.
#[must_use]
pub fn with_query<'p>(address: &str, parameters: impl IntoIterator<Item = (&'p str, &'p str)>) -> String {
    let mut out = address.to_owned();
    for (number, (name, value)) in parameters.into_iter().enumerate() {
        out.push(if number == 0 { '?' } else { '&' });
        out.extend(utf8_percent_encode(name, IN_QUERY));
        out.push('=');
        out.extend(utf8_percent_encode(value, IN_QUERY));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_may_stand_there_is_left_as_it_is() {
        assert_eq!(segment("a-b.c_d~e/f:é"), "a-b.c_d~e%2Ff%3A%C3%A9");
        let asked = [("code", "http://snomed.info/sct|22298006,a"), ("_sort", "-date&x=1")];
        assert_eq!(
            with_query("/fhir/Observation", asked),
            "/fhir/Observation?code=http://snomed.info/sct%7C22298006,a&_sort=-date%26x%3D1"
        );
    }
}
