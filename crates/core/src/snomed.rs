//! What a SNOMED CT identifier must look like, whether or not its concept is known here. dm+d uses the same identifiers.
//!
//! Source: SNOMED CT Release File Specifications, 6.1 to 6.3: 6 to 18 digits without a leading zero; the last is a Verhoeff
//! check digit.

use crate::common;
use crate::rule::Rule;

/// The code system SNOMED CT.
pub const SYSTEM: &str = "http://snomed.info/sct";
/// The NHS dictionary of medicines and devices.
pub const DMD: &str = "https://dmd.nhs.uk";

/// The rule that a code of one of these two systems breaks: by its form it can be none (cut short, rounded by a spreadsheet
/// to `1.10811E+15`), or its check digit is wrong. An expression of several concepts is not judged.
pub fn doubt(system: &str, code: &str) -> Option<&'static Rule> {
    let code = code.trim();
    if is_no_code(system, code) {
        return Some(&common::SNOMED_NO_CODE);
    }
    let judged = matches!(system, SYSTEM | DMD) && code.bytes().all(|b| b.is_ascii_digit());
    (judged && !is_identifier(code)).then_some(&common::SNOMED_CHECK_DIGIT)
}

/// Whether a text can be no code of its system by its form, so that it is not to be called one.
pub fn is_no_code(system: &str, code: &str) -> bool {
    let code = code.trim();
    let expression = || {
        system == SYSTEM
            && code.contains(|c: char| c.is_ascii_digit())
            && code.bytes().any(|b| matches!(b, b':' | b'=' | b'{' | b'|' | b'('))
    };
    matches!(system, SYSTEM | DMD) && !has_form(code) && !expression()
}

fn has_form(code: &str) -> bool {
    (6..=18).contains(&code.len()) && code.bytes().all(|b| b.is_ascii_digit()) && !code.starts_with('0')
}

/// Whether a text has the form of an identifier, check digit included.
pub fn is_identifier(code: &str) -> bool {
    has_form(code) && verhoeff(code.as_bytes())
}

/// Verhoeff's check over all digits, the check digit included.
pub fn verhoeff(digits: &[u8]) -> bool {
    const PERMUTE: [u8; 10] = [1, 5, 7, 6, 2, 8, 3, 0, 9, 4];
    // The dihedral group of order 10: 0-4 rotations, 5-9 reflections.
    let multiply = |a: u8, b: u8| match (a < 5, b < 5) {
        (true, true) => (a + b) % 5,
        (true, false) => 5 + (a + b - 5) % 5,
        (false, true) => 5 + (a - 5 + 5 - b) % 5,
        (false, false) => (a - 5 + 5 - (b - 5)) % 5,
    };
    let sum = digits.iter().rev().enumerate().fold(0u8, |sum, (at, digit)| {
        let mut value = digit.wrapping_sub(b'0');
        for _ in 0..at % 8 {
            value = PERMUTE.get(usize::from(value)).copied().unwrap_or(0);
        }
        multiply(sum, value)
    });
    sum == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_can_be_no_code() {
        for good in ["22298006", "827241000000103", "73211009", "999004351000000109", "138875005"] {
            assert!(is_identifier(good) && !is_no_code(SYSTEM, good), "{good}");
        }
        assert!(!is_no_code(SYSTEM, "83152002 |Oophorectomy| : 260686004 |Method| = 129304002"));
        assert!(!is_no_code("http://loinc.org", "718-7"));
        assert_eq!(doubt(SYSTEM, "22298006"), None);
        assert_eq!(doubt(SYSTEM, "22298007"), Some(&common::SNOMED_CHECK_DIGIT));
        assert!(!is_no_code(SYSTEM, "22298007"));
        for bad in ["1.10811E+15", "73211009.0", "7321\u{200b}1009", "ABC", "12345", "073211009", ""] {
            assert!(is_no_code(SYSTEM, bad) && is_no_code(DMD, bad), "{bad}");
        }
    }
}
