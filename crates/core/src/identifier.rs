//! Identifiers of people and organisations, with their rules.

use std::borrow::Cow;
use std::fmt;

use crate::{Rule, common};

/// Why a text is not a valid NHS number. Source: NHS Data Dictionary, NHS NUMBER (modulus 11).
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NhsNumberError {
    /// Not ten digits once blanks and hyphens are taken out.
    #[error("an NHS number has ten digits")]
    Shape,
    /// The last digit is not the one that the first nine require.
    #[error("the check digit of the NHS number is wrong")]
    CheckDigit,
    /// All digits are alike, a filler.
    #[error("the NHS number is a filler of ten equal digits")]
    Filler,
}

impl NhsNumberError {
    /// Id of the rule that is broken, the same in every adapter's issues.
    pub fn rule(self) -> &'static str {
        match self {
            Self::Shape => "nhs-number-shape",
            Self::CheckDigit => "nhs-number-check-digit",
            Self::Filler => "nhs-number-filler",
        }
    }
}

/// An NHS number that passes the modulus 11 check. That says nothing of whether it was ever issued or
/// belongs to the person beside it: verification is a status of its own.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct NhsNumber([u8; 10]);

impl NhsNumber {
    /// Reads ten digits; what only spaces them out ([`is_spacing`]) may stand before, between and behind them, and `.0`
    /// behind them as programs write a column of numbers with an empty cell ([`point_zero`]).
    ///
    /// # Errors
    /// [`NhsNumberError`] says which rule is broken.
    pub fn parse(text: &str) -> Result<Self, NhsNumberError> {
        let mut digits = [0u8; 10];
        let mut count = 0;
        for character in point_zero(text).unwrap_or(text).chars() {
            match character {
                '0'..='9' => {
                    *digits.get_mut(count).ok_or(NhsNumberError::Shape)? = character as u8;
                    count += 1;
                }
                _ if is_spacing(character) => {}
                _ => return Err(NhsNumberError::Shape),
            }
        }
        if count != 10 {
            return Err(NhsNumberError::Shape);
        }
        if digits.iter().all(|d| *d == digits[0]) {
            return Err(NhsNumberError::Filler);
        }
        let mut first_nine = [0; 9];
        first_nine.copy_from_slice(&digits[..9]);
        match Self::check_digit(first_nine) {
            Some(check) if check == digits[9] => Ok(Self(digits)),
            _ => Err(NhsNumberError::CheckDigit),
        }
    }

    /// The check digit (as an ASCII digit) of nine ASCII digits; `None` where the nine can't be used.
    pub fn check_digit(nine: [u8; 9]) -> Option<u8> {
        let sum: u32 = nine.iter().zip((2..=10).rev()).map(|(d, w)| u32::from(d - b'0') * w).sum();
        match 11 - sum % 11 {
            11 => Some(b'0'),
            10 => None,
            digit => Some(b'0' + digit as u8),
        }
    }

    /// The ten digits.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or_default()
    }

    /// Whether a text that is an NHS number holds more than its ten digits: the digits are certain, and the sender
    /// should know. ASCII blanks around it, which every format pads with, do not count.
    pub fn is_spaced(text: &str) -> bool {
        text.trim_matches(' ').len() != 10
    }

    /// Whether it lies in the range that is never issued and kept for tests (999 …).
    pub fn is_test(self) -> bool {
        self.0.starts_with(b"999")
    }
}

/// Never prints the number: an NHS number has no business in a log.
impl fmt::Debug for NhsNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("NhsNumber(..)")
    }
}

/// Whether a character only spaces an identifier out or stays from copying it: white space of any script, hyphens and
/// dashes, zero-width characters, direction marks, a byte order mark, control characters (fixed-width exports pad with
/// NUL).
pub fn is_spacing(character: char) -> bool {
    character.is_whitespace()
        || character.is_control()
        || matches!(
            character,
            '-' | '\u{ad}'
                | '\u{200b}'..='\u{200f}'
                | '\u{2010}'..='\u{2015}'
                | '\u{202a}'..='\u{202e}'
                | '\u{2060}'..='\u{2069}'
                | '\u{2212}'
                | '\u{fe58}'
                | '\u{fe63}'
                | '\u{feff}'
                | '\u{ff0d}'
        )
}

/// An identifier without the characters that don't show (zero-width, direction marks, byte order mark, soft hyphen), which
/// stay from copying, and with plain blanks: two that look the same are the same.
pub fn visible(text: &str) -> Cow<'_, str> {
    let hidden = |c: char| is_spacing(c) && !c.is_ascii();
    if text.is_ascii() || !text.contains(hidden) {
        return Cow::Borrowed(text);
    }
    let shown = |c: char| match c {
        _ if !hidden(c) || c.is_alphanumeric() => Some(c),
        _ if c.is_whitespace() => Some(' '),
        '\u{2010}'..='\u{2015}' | '\u{2212}' | '\u{fe58}' | '\u{fe63}' | '\u{ff0d}' => Some(c),
        _ => None,
    };
    let shown: String = text.chars().filter_map(shown).collect();
    Cow::Owned(shown.trim().to_owned())
}

/// How many arcs an object identifier has; `None` where the text is none: its root is 0, 1 or 2, and no arc begins with a zero but
/// zero itself. Source: FHIR R4, data types, oid.
pub fn arcs(text: &str) -> Option<usize> {
    let is_arc = |arc: &str| {
        !arc.is_empty() && arc.bytes().all(|b| b.is_ascii_digit()) && (arc == "0" || !arc.starts_with('0'))
    };
    let mut arcs = text.split('.');
    let is_one = matches!(arcs.next(), Some("0" | "1" | "2")) && arcs.clone().all(is_arc);
    is_one.then(|| 1 + arcs.count())
}

/// Whether a text is a number in the scientific notation of a spreadsheet (`4.47E+06`): what was an identifier of digits
/// has lost digits, and two people may have become one. Codes such as `12E5` are none.
pub fn is_scientific(text: &str) -> bool {
    let text = text.trim();
    let Some((mantissa, exponent)) = text.split_once(['E', 'e']) else { return false };
    let digits = |t: &str| !t.is_empty() && t.bytes().all(|b| b.is_ascii_digit());
    let (whole, fraction) = match mantissa.split_once(['.', ',']) {
        Some((whole, fraction)) => (whole, Some(fraction)),
        None => (mantissa, None),
    };
    let signed = exponent.strip_prefix('+');
    digits(whole)
        && fraction.is_none_or(digits)
        && digits(signed.unwrap_or(exponent))
        && (fraction.is_some() || signed.is_some())
}

/// Words that stand where an identifier is not known, and a spreadsheet's errors.
const NOBODY: [&str; 26] = [
    "#div/0!",
    "#n/a",
    "#name?",
    "#null!",
    "#num!",
    "#ref!",
    "#value!",
    "(null)",
    "<null>",
    "n/a",
    "na",
    "nan",
    "nil",
    "no id",
    "none",
    "not applicable",
    "not available",
    "not known",
    "null",
    "tba",
    "tbc",
    "tbd",
    "to follow",
    "undefined",
    "unk",
    "unknown",
];

/// Whether a text in the place of an identifier says that there is none (`NULL`, `unknown`, `#REF!`, `-`, `0`): many people
/// have the same one.
pub fn is_filler(text: &str) -> bool {
    let text = text.trim();
    !text.is_empty()
        && (text.chars().all(|c| c == '0' || !c.is_alphanumeric())
            || NOBODY.iter().any(|word| text.eq_ignore_ascii_case(word)))
}

/// Whether a text in the place of an identifier can be many people's: rounded, or a filler.
pub fn names_nobody(text: &str) -> bool {
    is_scientific(text) || is_filler(text)
}

/// Digits from which `.0` behind a number is told: a shorter one may be a version.
const POINT_ZERO_DIGITS: usize = 4;

/// The rule that an identifier breaks as it is written: rounded, a filler, or a number with `.0` behind it.
pub fn doubt(text: &str) -> Option<&'static Rule> {
    if is_scientific(text) {
        return Some(&common::IDENTIFIER_ROUNDED);
    }
    if is_filler(text) {
        return Some(&common::IDENTIFIER_FILLER);
    }
    point_zero(text)
        .filter(|digits| digits.len() >= POINT_ZERO_DIGITS)
        .map(|_| &common::IDENTIFIER_POINT_ZERO)
}

/// The digits of a whole number that a program wrote as a decimal (`4471002.0`); `None` where it is not so written.
pub fn point_zero(text: &str) -> Option<&str> {
    let (whole, fraction) = text.trim().split_once('.')?;
    let digits = |t: &str| !t.is_empty() && t.bytes().all(|b| b.is_ascii_digit());
    (digits(whole) && digits(fraction) && fraction.bytes().all(|b| b == b'0')).then_some(whole)
}

macro_rules! code {
    ($(#[$meta:meta])* $name:ident, $what:literal, $test:expr) => {
        $(#[$meta])*
        #[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(String);

        impl $name {
            /// Reads the code in its canonical spelling; `None` where the shape is wrong. Shape only:
            /// whether it was issued is for a directory to say.
            pub fn parse(text: &str) -> Option<Self> {
                let canonical = text.trim().to_ascii_uppercase();
                let test: fn(&str) -> bool = $test;
                test(&canonical).then_some(Self(canonical))
            }

            #[doc = concat!("The ", $what, ".")]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

code!(
    /// Code of an organisation or site in the Organisation Data Service: 3 to 12 letters and digits.
    OdsCode,
    "ODS code",
    |t| (3..=12).contains(&t.len()) && t.bytes().all(|b| b.is_ascii_alphanumeric())
);
code!(
    /// Location id of the Care Quality Commission: `1-` and digits.
    CqcLocationId,
    "CQC location id",
    |t| {
        t.strip_prefix("1-").is_some_and(|d| (6..=12).contains(&d.len()) && d.bytes().all(|b| b.is_ascii_digit()))
    }
);
code!(
    /// Code of a council with adult social services responsibilities: three digits.
    CassrCode,
    "CASSR code",
    |t| t.len() == 3 && t.bytes().all(|b| b.is_ascii_digit())
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modulus_eleven() {
        assert_eq!(
            NhsNumber::parse("999 000 0018").map(|n| n.as_str().to_owned()),
            Ok("9990000018".to_owned())
        );
        assert!(NhsNumber::parse("9990000018").is_ok_and(NhsNumber::is_test));
        assert_eq!(NhsNumber::parse("9990000019"), Err(NhsNumberError::CheckDigit));
        assert_eq!(NhsNumber::parse("999000001"), Err(NhsNumberError::Shape));
        assert_eq!(NhsNumber::parse("9.99000001E9"), Err(NhsNumberError::Shape));
        assert_eq!(NhsNumber::parse("0000000000"), Err(NhsNumberError::Filler));
    }

    #[test]
    fn identifiers_that_look_the_same_are_the_same() {
        assert_eq!(visible("AV\u{200b}104\u{feff}772"), "AV104772");
        assert_eq!(visible("\u{200e}AV 104\u{a0}772\u{a0}"), "AV 104 772");
        assert_eq!(visible("AV\u{2013}1"), "AV\u{2013}1");
        assert!(matches!(visible("caf\u{e9}"), Cow::Borrowed(_)));
    }

    #[test]
    fn what_only_spaces_the_digits_out() {
        let plain = NhsNumber::parse("9990000018").unwrap();
        for space in [
            " ", "\u{a0}", "\u{2007}", "\u{2009}", "\u{202f}", "\u{3000}", "\u{200b}", "\u{200d}",
            "\u{200e}", "\u{200f}", "\u{202a}", "\u{202c}", "\u{2066}", "\u{2069}", "\u{feff}", "\u{ad}",
            "-", "\u{2010}", "\u{2011}", "\u{2013}", "\u{2212}", "\t", "\r\n", "\0",
        ] {
            let text = format!("{space}999{space}000{space}0018{space}");
            assert_eq!(NhsNumber::parse(&text), Ok(plain), "{space:?}");
            assert!(NhsNumber::is_spaced(&text), "{space:?}");
        }
        assert!(!NhsNumber::is_spaced(" 9990000018 "));
        assert_eq!(NhsNumber::parse("9990000018.0"), Ok(plain));
        assert!(NhsNumber::is_spaced("9990000018.0"));
        assert_eq!(NhsNumber::parse("9990000018.5"), Err(NhsNumberError::Shape));
        for other in [".", ",", "/", "_", "'", "\u{ff10}", "x"] {
            let text = format!("999{other}0000018");
            assert_eq!(NhsNumber::parse(&text), Err(NhsNumberError::Shape), "{other:?}");
        }
    }

    #[test]
    fn nine_digits_that_would_need_ten_as_check_are_unusable() {
        let unusable = (0..1000u32).find(|n| {
            let text = format!("999000{n:03}");
            let mut nine = [0; 9];
            nine.copy_from_slice(text.as_bytes());
            NhsNumber::check_digit(nine).is_none()
        });
        let text = format!("999000{:03}0", unusable.unwrap());
        assert_eq!(NhsNumber::parse(&text), Err(NhsNumberError::CheckDigit));
    }

    #[test]
    fn the_number_is_not_printed_by_debug() {
        assert_eq!(format!("{:?}", NhsNumber::parse("9990000018").unwrap()), "NhsNumber(..)");
    }

    #[test]
    fn numbers_that_a_spreadsheet_wrote() {
        for text in ["4.47E+06", "4,47E+06", "4E+06", "4.471002e6", " 4.47E+06 ", "1.0E10"] {
            assert!(is_scientific(text), "{text}");
        }
        for text in ["4471002", "12E5", "E10", "4.47", "A1.5E+3", "4.47E", "4.47E+", "1.5E+3X", "", "8E02"] {
            assert!(!is_scientific(text), "{text}");
        }
        assert_eq!(point_zero("4471002.0"), Some("4471002"));
        assert_eq!(point_zero("2.00"), Some("2"));
        for text in ["4471002", "2.5", ".0", "2.", "1.2.0", "A.0"] {
            assert_eq!(point_zero(text), None, "{text}");
        }
    }

    #[test]
    fn identifiers_that_many_people_have() {
        for text in [
            "NULL", "null", " #N/A", "#REF!", "Unknown", "-", "--", "?", "0", "000", "TBC", "########", "NaN",
        ] {
            assert!(names_nobody(text), "{text}");
            assert_eq!(doubt(text).map(|r| r.id), Some("identifier-filler"), "{text}");
        }
        for text in ["", "NULL1", "4471", "NA12", "A0", "100", "X", "UNKNOWN-4471"] {
            assert!(!names_nobody(text), "{text}");
            assert!(doubt(text).is_none(), "{text}");
        }
        assert_eq!(doubt("104772.0").map(|r| r.id), Some("identifier-point-zero"));
        assert_eq!(doubt("4.47E+06").map(|r| r.id), Some("identifier-rounded"));
        assert!(doubt("2.0").is_none());
    }

    #[test]
    fn codes_of_organisations() {
        assert_eq!(OdsCode::parse(" rx1ra ").unwrap().as_str(), "RX1RA");
        assert!(OdsCode::parse("R-1").is_none());
        assert!(CqcLocationId::parse("1-1234567890").is_some());
        assert!(CqcLocationId::parse("1234567890").is_none());
        assert!(CassrCode::parse("503").is_some());
        assert!(CassrCode::parse("E5034").is_none());
    }
}
