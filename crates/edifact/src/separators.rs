//! The service characters of an interchange, by default or from its UNA segment.

use crate::error::ReadError;

/// Service characters. Source: ISO 9735 version 3, annex A and UNA.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Separators {
    /// Between components, `:`.
    pub component: u8,
    /// Between data elements, `+`.
    pub element: u8,
    /// Decimal mark, `.` or `,`.
    pub decimal: u8,
    /// Takes the meaning off the character after it, `?`; `None` where UNA says that it is not used.
    pub release: Option<u8>,
    /// Ends a segment, `'`.
    pub terminator: u8,
}

impl Default for Separators {
    fn default() -> Self {
        Self { component: b':', element: b'+', decimal: b'.', release: Some(b'?'), terminator: b'\'' }
    }
}

impl Separators {
    /// Reads UNA at the start of a text, and says how many bytes it takes (0 where there is none).
    ///
    /// The standard has six characters after `UNA`, the fifth of them reserved and sent as a blank. Some
    /// laboratories leave the blank out; both spellings are read, told apart by where the next segment begins.
    ///
    /// # Errors
    /// [`ReadError::Una`] where the characters can't serve: letters or digits, or two alike.
    pub fn read(text: &[u8]) -> Result<(Self, usize), ReadError> {
        let Some(rest) = text.strip_prefix(b"UNA") else { return Ok((Self::default(), 0)) };
        let [component, element, decimal, release, fifth, tail @ ..] = rest else {
            return Err(ReadError::Una);
        };
        let begins = |t: &[u8]| t.trim_ascii_start().starts_with(b"UN");
        let (terminator, length) = match tail {
            [sixth, after @ ..] if !begins(tail) || begins(after) && !fifth.is_ascii_punctuation() => {
                (*sixth, 9)
            }
            _ => (*fifth, 8),
        };
        let found = Self {
            component: *component,
            element: *element,
            decimal: *decimal,
            release: (*release != b' ').then_some(*release),
            terminator,
        };
        if found.usable() { Ok((found, length)) } else { Err(ReadError::Una) }
    }

    fn usable(&self) -> bool {
        let all = [Some(self.component), Some(self.element), self.release, Some(self.terminator)];
        let used: Vec<u8> = all.into_iter().flatten().collect();
        let fits = |b: &u8| b.is_ascii_graphic() && !b.is_ascii_alphanumeric();
        let distinct = used.iter().enumerate().all(|(at, b)| !used.iter().skip(at + 1).any(|o| o == b));
        used.iter().all(fits) && distinct && matches!(self.decimal, b'.' | b',')
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn una_with_and_without_its_blank() {
        let standard = (Separators::default(), 9);
        assert_eq!(Separators::read(b"UNA:+.? 'UNB+UNOC:3"), Ok(standard));
        assert_eq!(Separators::read(b"UNA:+.? '\r\nUNH+1"), Ok(standard));
        assert_eq!(Separators::read(b"UNA:+.?'UNB+UNOC:3"), Ok((Separators::default(), 8)));
        assert_eq!(Separators::read(b"UNA:+.?'\nUNB+UNOC:3"), Ok((Separators::default(), 8)));
        assert_eq!(Separators::read(b"UNB+UNOC:3"), Ok((Separators::default(), 0)));
    }

    #[test]
    fn other_characters() {
        let (found, length) = Separators::read(b"UNA|^,\\ ~UNB^UNOC|3~").unwrap();
        assert_eq!(length, 9);
        assert_eq!((found.component, found.element, found.terminator), (b'|', b'^', b'~'));
        assert_eq!((found.decimal, found.release), (b',', Some(b'\\')));
        assert_eq!(Separators::read(b"UNA:+.  'UNB").unwrap().0.release, None);
    }

    #[test]
    fn what_cannot_serve() {
        for text in [&b"UNA"[..], b"UNA:+.?", b"UNA::.? 'UNB", b"UNAA+.? 'UNB", b"UNA:+;? 'UNB"] {
            assert_eq!(Separators::read(text), Err(ReadError::Una));
        }
    }
}
