//! Whether a code is a unit of UCUM, the Unified Code for Units of Measure (grammar of section 2, case sensitive).

use std::collections::HashSet;
use std::sync::OnceLock;

/// The longest code that is read as a unit, in bytes.
const MAX_UNIT: usize = 256;

#[derive(Default)]
struct Symbols {
    prefixes: Vec<&'static str>,
    metric: HashSet<&'static str>,
    plain: HashSet<&'static str>,
}

fn symbols() -> &'static Symbols {
    static HELD: OnceLock<Symbols> = OnceLock::new();
    HELD.get_or_init(|| {
        let mut held = Symbols::default();
        for line in include_str!("../../data/ucum.txt").lines() {
            let mut words = line.split(' ');
            match words.next() {
                Some("prefixes") => held.prefixes = words.collect(),
                Some("metric") => held.metric = words.collect(),
                Some("plain") => held.plain = words.collect(),
                _ => {}
            }
        }
        held
    })
}

/// True where the code is a unit: components joined by `.` and `/`, with brackets, exponents and annotations.
pub fn is_unit(code: &str) -> bool {
    if code.is_empty() || code.len() > MAX_UNIT || !code.bytes().all(|b| (33..=126).contains(&b)) {
        return false;
    }
    let mut open = 0usize;
    let mut operand_due = true;
    let mut start = true;
    let mut rest = code;
    while let Some(first) = rest.bytes().next() {
        match first {
            b'/' | b'.' => {
                // A term may begin with a slash, but not with a dot.
                if operand_due && !(start && first == b'/') {
                    return false;
                }
                (operand_due, start) = (true, false);
                rest = rest.get(1..).unwrap_or_default();
            }
            b'(' if operand_due => {
                open += 1;
                start = true;
                rest = rest.get(1..).unwrap_or_default();
            }
            b')' if !operand_due && open > 0 => {
                open -= 1;
                rest = rest.get(1..).unwrap_or_default();
            }
            _ if operand_due => {
                let Some(length) = component(rest) else { return false };
                rest = rest.get(length..).unwrap_or_default();
                (operand_due, start) = (false, false);
            }
            _ => return false,
        }
    }
    open == 0 && !operand_due
}

/// The length of the simple unit, number or annotation at the start; `None` where there is none.
fn component(text: &str) -> Option<usize> {
    let mut square = false;
    let mut end = text.len();
    let mut annotation = None;
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            b'[' => square = true,
            b']' => square = false,
            b'{' if !square => {
                annotation = Some(at);
                break;
            }
            b'.' | b'/' | b'(' | b')' if !square => {
                end = at;
                break;
            }
            _ => {}
        }
    }
    let Some(at) = annotation else {
        return simple(text.get(..end)?).then_some(end);
    };
    let length = text.get(at..)?.find('}')? + 1;
    let unit = text.get(..at)?;
    (unit.is_empty() || simple(unit)).then_some(at + length)
}

/// A number, or a symbol with an optional prefix and exponent.
fn simple(unit: &str) -> bool {
    if unit.bytes().all(|b| b.is_ascii_digit()) {
        return !unit.is_empty();
    }
    if is_symbol(unit) {
        return true;
    }
    let bare = unit.trim_end_matches(|c: char| c.is_ascii_digit());
    let bare = if bare.len() < unit.len() { bare.strip_suffix(['+', '-']).unwrap_or(bare) } else { bare };
    bare.len() < unit.len() && is_symbol(bare)
}

fn is_symbol(text: &str) -> bool {
    let known = symbols();
    known.metric.contains(text)
        || known.plain.contains(text)
        || known.prefixes.iter().any(|p| text.strip_prefix(p).is_some_and(|rest| known.metric.contains(rest)))
}

#[cfg(test)]
mod tests {
    use super::is_unit;

    #[test]
    fn units() {
        for good in [
            "mm[Hg]",
            "mg/dL",
            "10*9/L",
            "10*3/uL",
            "/min",
            "%",
            "1",
            "mL/min/{1.73_m2}",
            "kg/m2",
            "Cel",
            "[degF]",
            "U/L",
            "m[IU]/L",
            "{score}",
            "umol/L",
            "g.m-2",
            "mmol/(8.h.kg)",
            "ug{Hb}",
            "[pH]",
            "ng/mL",
            "fL",
            "wk",
            "[in_i'H2O]",
        ] {
            assert!(is_unit(good), "{good}");
        }
        for bad in [
            "mmHg",
            "10^9/L ",
            "x10*9/L",
            "mg/",
            ".g",
            "tablet",
            "zz-unknown",
            "(g",
            "g)",
            "{x",
            "",
            "m//s",
            "k%",
        ] {
            assert!(!is_unit(bad), "{bad}");
        }
    }
}
