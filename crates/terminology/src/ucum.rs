//! Units that laboratories write, as UCUM. Only spellings whose meaning is certain are listed: another unit
//! stays text.

mod unit;

use std::borrow::Cow;

use causeway_core::{Leaf, Sources, common};
use causeway_fhir::{Writer, systems, types};
pub use unit::is_unit;

/// The UCUM code of a unit as laboratories write it; `None` where it is not known for certain.
///
/// Source: UCUM 2.1 for the codes; spellings from pathology messages. Letter case is kept apart where it
/// matters (`mmol` and `Mmol`).
pub fn ucum(unit: &str) -> Option<&'static str> {
    let unit = unit.trim();
    known(unit).or_else(|| match plain(unit) {
        Cow::Owned(plain) => known(&plain).or_else(|| capitals(&plain)),
        Cow::Borrowed(unit) => capitals(unit),
    })
}

/// The usual code of a unit that is said to be UCUM and is spelt otherwise: laboratories declare `mmHg`, `10^9/L` or `IU/L` to be.
/// `None` where it is UCUM's code as it stands; it has a litre in either letter.
pub fn respelt(code: &str) -> Option<&'static str> {
    ucum(code).filter(|known| known.replace('l', "L") != code.replace('l', "L"))
}

/// `system` and `code` of a quantity whose unit a source says in UCUM: in UCUM's usual spelling, and what UCUM has not as words.
/// Whether there are `words` of the unit beside it; `called` is what names the system.
pub fn stated_unit(w: &mut Writer, code: Leaf<'_>, words: bool, called: impl Sources) {
    if let Some(known) = respelt(code.text) {
        w.issue(Some(code.id), common::UNIT_RESPELT.issue());
        if !words {
            w.leaf("unit", code);
        }
        w.string("system", systems::UCUM, called);
        w.string("code", known, code);
    } else if is_unit(code.text) {
        w.string("system", systems::UCUM, called);
        w.leaf("code", code);
    } else {
        not_a_unit(w, code, words);
        w.lossy(&called, "the code is none of this system, so it was not called one");
    }
}

/// A code that is called UCUM and is none: words of the unit, or beside those that there are.
pub fn not_a_unit(w: &mut Writer, code: Leaf<'_>, words: bool) {
    w.issue(Some(code.id), common::UNIT_UNKNOWN.issue());
    if words {
        types::source_text(w, "code", code);
    } else {
        w.leaf("unit", code);
    }
}

/// The spelling of a unit without what only its type setting or its writer's habit makes different: superscript digits,
/// the two letters mu, signs of multiplication before a power of ten, blanks around a stroke or within a power.
fn plain(unit: &str) -> Cow<'_, str> {
    if unit.is_ascii() && !unit.contains([' ', '*', 'x', 'X']) {
        return Cow::Borrowed(unit);
    }
    let mut text = String::with_capacity(unit.len() + 4);
    let mut raised = false;
    for c in unit.chars() {
        let digit = match c {
            '⁰' => Some('0'),
            '¹' => Some('1'),
            '²' => Some('2'),
            '³' => Some('3'),
            '⁴'..='⁹' => char::from_digit(u32::from(c) - 0x2070, 10),
            _ => None,
        };
        if let Some(digit) = digit {
            if !raised {
                text.push('^');
            }
            text.push(digit);
        } else {
            match c {
                'µ' | 'μ' => text.push('u'),
                '×' => text.push('x'),
                '⁄' | '∕' => text.push('/'),
                '*' => text.push('^'),
                'º' => text.push('°'),
                '\u{200b}'..='\u{200f}' | '\u{2060}' | '\u{feff}' => {}
                c if c.is_whitespace() => text.push(' '),
                c => text.push(c),
            }
        }
        raised = digit.is_some();
    }
    for (blank, none) in
        [(" /", "/"), ("/ ", "/"), ("^^", "^"), ("x ", "x"), ("X", "x"), (" ^", "^"), ("^ ", "^")]
    {
        while text.contains(blank) {
            text = text.replace(blank, none);
        }
    }
    match text.strip_prefix(['x', '^']).filter(|rest| rest.starts_with("10^")) {
        Some(power) => Cow::Owned(power.to_owned()),
        None => Cow::Owned(text),
    }
}

/// Units written in capitals alone, as systems without small letters do. Those are left out that are another unit in
/// capitals: `MG` is a megagauss, `ML` a megalitre, `PG` a petagauss.
fn capitals(unit: &str) -> Option<&'static str> {
    Some(match unit {
        "MMOL/L" => "mmol/L",
        "UMOL/L" => "umol/L",
        "NMOL/L" => "nmol/L",
        "PMOL/L" => "pmol/L",
        "MMOL/MOL" => "mmol/mol",
        "G/DL" => "g/dL",
        "MG/DL" => "mg/dL",
        "UG/L" => "ug/L",
        "NG/ML" => "ng/mL",
        "KG" | "KGS" => "kg",
        "LB" | "LBS" => "[lb_av]",
        "KG/M2" | "KG/M^2" => "kg/m2",
        "CM" => "cm",
        "FL" => "fL",
        "MMHG" => "mm[Hg]",
        "KPA" => "kPa",
        "BPM" => "/min",
        _ => return None,
    })
}

fn known(unit: &str) -> Option<&'static str> {
    Some(match unit {
        "%" => "%",
        "g" => "g",
        "kg" | "Kg" => "kg",
        "lb" | "lbs" => "[lb_av]",
        "oz" => "[oz_av]",
        "mg" => "mg",
        "ug" | "mcg" => "ug",
        "ng" => "ng",
        "pg" => "pg",
        "mmol" => "mmol",
        "umol" => "umol",
        "nmol" => "nmol",
        "pmol" => "pmol",
        "L" | "l" => "L",
        "mL" | "ml" => "mL",
        "uL" | "ul" => "uL",
        "fL" | "fl" => "fL",
        "m" => "m",
        "cm" => "cm",
        "mm" => "mm",
        "um" => "um",
        "m2" | "m^2" => "m2",
        "cm2" | "cm^2" => "cm2",
        "mm2" | "mm^2" => "mm2",
        "cm3" | "cm^3" => "cm3",
        "mm3" | "mm^3" => "mm3",
        "s" | "sec" | "secs" => "s",
        "min" => "min",
        "h" | "hr" => "h",
        "mmHg" | "mm[Hg]" | "mm Hg" => "mm[Hg]",
        "kPa" => "kPa",
        "beats/min" | "bpm" | "/min" => "/min",
        "kg/m2" | "kg/m^2" => "kg/m2",
        "g/L" | "g/l" => "g/L",
        "g/dL" | "g/dl" => "g/dL",
        "mg/L" | "mg/l" => "mg/L",
        "mg/dL" | "mg/dl" => "mg/dL",
        "ug/L" | "ug/l" | "mcg/L" | "mcg/l" => "ug/L",
        "ug/dL" | "ug/dl" => "ug/dL",
        "ug/mL" | "ug/ml" => "ug/mL",
        "ug/g" => "ug/g",
        "ng/L" | "ng/l" => "ng/L",
        "ng/mL" | "ng/ml" => "ng/mL",
        "pg/mL" | "pg/ml" => "pg/mL",
        "mmol/L" | "mmol/l" => "mmol/L",
        "umol/L" | "umol/l" => "umol/L",
        "nmol/L" | "nmol/l" => "nmol/L",
        "pmol/L" | "pmol/l" => "pmol/L",
        "mmol/mol" => "mmol/mol",
        "mg/mmol" => "mg/mmol",
        "U/L" | "u/L" | "U/l" | "u/l" => "U/L",
        "IU/L" | "iu/L" | "IU/l" | "iu/l" => "[IU]/L",
        "IU/mL" | "iu/mL" | "IU/ml" | "iu/ml" => "[IU]/mL",
        "mU/L" | "mu/L" | "mU/l" | "mu/l" => "mU/L",
        "mIU/L" | "miu/L" | "mIU/l" | "miu/l" => "m[IU]/L",
        "kU/L" | "KU/L" | "ku/L" | "kU/l" | "ku/l" => "kU/L",
        "10*9/L" | "10^9/L" | "10*9/l" | "10^9/l" => "10*9/L",
        "10*12/L" | "10^12/L" | "10*12/l" | "10^12/l" => "10*12/L",
        "10*6/L" | "10^6/L" | "10*6/l" | "10^6/l" => "10*6/L",
        "10*3/L" | "10^3/L" | "10*3/l" | "10^3/l" => "10*3/L",
        "10*3/uL" | "10^3/uL" | "10^3/ul" => "10*3/uL",
        "10*6/uL" | "10^6/uL" | "10^6/ul" => "10*6/uL",
        "10*6/mL" | "10^6/mL" | "10^6/ml" => "10*6/mL",
        "L/L" | "l/l" => "L/L",
        "L/min" | "l/min" => "L/min",
        "mL/min" | "ml/min" => "mL/min",
        "mL/min/1.73m2" | "ml/min/1.73m2" | "mL/min/1.73m^2" | "ml/min/1.73m^2" | "mL/min/1.73 m2"
        | "ml/min/1.73 m2" | "mL/min/1.73 m^2" | "ml/min/1.73 m^2" => "mL/min/{1.73_m2}",
        "mm/h" | "mm/hr" | "mm/hour" => "mm/h",
        "mosm/kg" | "mOsm/kg" => "mosm/kg",
        "Cel" | "°C" | "℃" | "degC" | "deg C" | "° C" => "Cel",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::{respelt, ucum};

    #[test]
    fn what_is_no_code_of_ucum_has_one() {
        for (code, usual) in [
            ("10^9/L", Some("10*9/L")),
            ("×10⁹/L", Some("10*9/L")),
            ("mmHg", Some("mm[Hg]")),
            ("IU/L", Some("[IU]/L")),
            ("MMOL/L", Some("mmol/L")),
            ("°C", Some("Cel")),
            ("mmol/l", None),
            ("mmol/L", None),
            ("10*9/L", None),
            ("{score}", None),
            ("mmol/kg", None),
        ] {
            assert_eq!(respelt(code), usual, "{code}");
        }
    }

    #[test]
    fn only_what_is_certain() {
        for (unit, code) in [
            ("mmol/l", Some("mmol/L")),
            (" mmol / L ", Some("mmol/L")),
            ("10*9/L", Some("10*9/L")),
            ("10⁹/L", Some("10*9/L")),
            ("×10⁹/L", Some("10*9/L")),
            ("x10⁹/l", Some("10*9/L")),
            ("x 10^9/L", Some("10*9/L")),
            ("X10*9/l", Some("10*9/L")),
            ("×10*9/L", Some("10*9/L")),
            ("*10^9/L", Some("10*9/L")),
            ("x10^9 / l", Some("10*9/L")),
            ("10**9/L", Some("10*9/L")),
            ("10 ^ 9/L", Some("10*9/L")),
            ("10¹²/L", Some("10*12/L")),
            ("10³/µL", Some("10*3/uL")),
            ("10³/μl", Some("10*3/uL")),
            ("µmol/L", Some("umol/L")),
            ("μmol/l", Some("umol/L")),
            ("µg", Some("ug")),
            ("kg/m²", Some("kg/m2")),
            ("kg/m*2", Some("kg/m2")),
            ("m²", Some("m2")),
            ("cm³", Some("cm3")),
            ("mL/min/1.73m²", Some("mL/min/{1.73_m2}")),
            ("ml/min/1.73 m²", Some("mL/min/{1.73_m2}")),
            ("MMOL/L", Some("mmol/L")),
            ("MMHG", Some("mm[Hg]")),
            ("ºC", Some("Cel")),
            // Another power, a megamole, a megagauss, a megalitre, words, a unit of something else.
            ("10⁹⁹/L", None),
            ("10⁻⁹/L", None),
            ("9/L", None),
            ("109/L", None),
            ("10 9/L", None),
            ("10E9/L", None),
            ("Mmol/L", None),
            ("MG", None),
            ("ML", None),
            ("mmol/kg", None),
            ("m^9", None),
            ("ratio", None),
            ("", None),
        ] {
            assert_eq!(ucum(unit), code, "{unit}");
        }
    }
}
