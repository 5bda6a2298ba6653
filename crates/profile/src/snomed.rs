//! What a SNOMED CT identifier must look like, whether or not its concept is known here.
//!
//! SNOMED CT Release File Specifications, 6.1 to 6.3: 6 to 18 digits without a leading zero; the last is a Verhoeff
//! check digit, the two before it name the partition (`00` and `10` are concepts). dm+d uses the same identifiers.

use causeway_core::snomed::verhoeff;
pub(crate) use causeway_core::snomed::{DMD, SYSTEM};

/// What is wrong with a code; an expression of several concepts (`only` = false) is judged concept by concept.
pub(crate) fn fault(code: &str, only: bool) -> Option<&'static str> {
    let code = code.trim();
    if !only && code.bytes().any(|b| matches!(b, b':' | b'=' | b'+' | b'{' | b'|' | b'(')) {
        // Terms between bars may hold digits of their own.
        let ids = code.split('|').step_by(2).flat_map(|t| t.split(|c: char| !c.is_ascii_digit()));
        return ids.filter(|t| t.len() >= 6).find_map(identifier);
    }
    identifier(code)
}

fn identifier(code: &str) -> Option<&'static str> {
    let digits = code.as_bytes();
    if !digits.iter().all(u8::is_ascii_digit) {
        return Some("a code of SNOMED CT or dm+d is a number of 6 to 18 digits");
    }
    if !(6..=18).contains(&digits.len()) || digits.first() == Some(&b'0') {
        return Some("a code of SNOMED CT or dm+d has 6 to 18 digits and doesn't begin with 0");
    }
    if !verhoeff(digits) {
        return Some("the check digit is wrong, so this can't be a code of SNOMED CT or dm+d");
    }
    let partition = digits.get(digits.len().saturating_sub(3)..digits.len() - 1);
    (!matches!(partition, Some(b"00" | b"10")))
        .then_some("the number is that of a description or relationship, not of a concept")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identifiers() {
        // Concepts of the international release, the UK extension and dm+d; an expression.
        for good in ["271649006", "138875005", "999000011000001104", "84114007", "322236009"] {
            assert_eq!(fault(good, true), None, "{good}");
        }
        assert_eq!(fault("83152002 |Oophorectomy| : 260686004 |Method| = 129304002", false), None);
        for bad in
            ["271649007", "ABC", "12345", "0271649006", "1234567890123456789", "", "83152002:271649007"]
        {
            assert!(fault(bad, true).is_some(), "{bad}");
        }
        assert!(fault("83152002:271649007", false).is_some());
        assert!(fault("680946014", false).is_some_and(|f| f.contains("description")));
    }
}
