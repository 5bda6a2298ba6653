//! Units that laboratories write, as UCUM. Only spellings whose meaning is certain are listed: another unit
//! stays text.

/// The UCUM code of a unit as laboratories write it; `None` where it is not known for certain.
///
/// Source: UCUM 2.1 for the codes; spellings from pathology messages. Letter case is kept apart where it
/// matters (`mmol` and `Mmol`).
pub fn ucum(unit: &str) -> Option<&'static str> {
    Some(match unit.trim() {
        "%" => "%",
        "g" => "g",
        "kg" | "Kg" => "kg",
        "mg" => "mg",
        "ug" | "mcg" | "µg" | "μg" => "ug",
        "ng" => "ng",
        "pg" => "pg",
        "L" | "l" => "L",
        "mL" | "ml" => "mL",
        "fL" | "fl" => "fL",
        "m" => "m",
        "cm" => "cm",
        "mm" => "mm",
        "s" | "sec" | "secs" => "s",
        "min" => "min",
        "h" | "hr" => "h",
        "mmHg" | "mm[Hg]" | "mm Hg" => "mm[Hg]",
        "kPa" => "kPa",
        "beats/min" | "bpm" | "/min" => "/min",
        "kg/m2" | "kg/m^2" | "kg/m²" => "kg/m2",
        "g/L" | "g/l" => "g/L",
        "g/dL" | "g/dl" => "g/dL",
        "mg/L" | "mg/l" => "mg/L",
        "mg/dL" | "mg/dl" => "mg/dL",
        "ug/L" | "ug/l" | "µg/L" | "μg/L" => "ug/L",
        "ng/L" | "ng/l" => "ng/L",
        "ng/mL" | "ng/ml" => "ng/mL",
        "mmol/L" | "mmol/l" => "mmol/L",
        "umol/L" | "umol/l" | "µmol/L" | "μmol/L" => "umol/L",
        "nmol/L" | "nmol/l" => "nmol/L",
        "pmol/L" | "pmol/l" => "pmol/L",
        "mmol/mol" => "mmol/mol",
        "mg/mmol" => "mg/mmol",
        "U/L" | "u/L" | "U/l" | "u/l" => "U/L",
        "IU/L" | "iu/L" | "IU/l" | "iu/l" => "[IU]/L",
        "mU/L" | "mu/L" | "mU/l" | "mu/l" => "mU/L",
        "mIU/L" | "miu/L" => "m[IU]/L",
        "kU/L" | "KU/L" | "ku/L" => "kU/L",
        "10*9/L" | "10^9/L" | "10*9/l" | "10^9/l" | "x10^9/L" | "x10*9/L" => "10*9/L",
        "10*12/L" | "10^12/L" | "10*12/l" | "10^12/l" | "x10^12/L" | "x10*12/L" => "10*12/L",
        "L/L" | "l/l" => "L/L",
        "mL/min" | "ml/min" => "mL/min",
        "mL/min/1.73m2" | "ml/min/1.73m2" | "mL/min/1.73m^2" => "mL/min/{1.73_m2}",
        "mm/h" | "mm/hr" | "mm/hour" => "mm/h",
        "mosm/kg" | "mOsm/kg" | "mmol/kg" if unit.contains("osm") || unit.contains("Osm") => "mosm/kg",
        "Cel" | "°C" | "degC" => "Cel",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::ucum;

    #[test]
    fn only_what_is_certain() {
        assert_eq!(ucum("mmol/l"), Some("mmol/L"));
        assert_eq!(ucum("10*9/L"), Some("10*9/L"));
        assert_eq!(ucum("mmol/kg"), None);
        assert_eq!(ucum("ratio"), None);
    }
}
