//! What is measured, its codes, and the units of an Apple Health export.

use causeway_fhir::systems;

/// What a record measures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Systolic,
    Diastolic,
    Weight,
    Height,
    Bmi,
    BodyFat,
    HeartRate,
    RestingHeartRate,
    RespiratoryRate,
    Oxygen,
    Temperature,
    Glucose,
    /// Of the fluid between the cells, by a sensor under the skin.
    SensorGlucose,
}

/// The kind of a record's `type`.
pub(crate) fn kind(name: &str) -> Option<Kind> {
    Some(match name.strip_prefix("HKQuantityTypeIdentifier")? {
        "BloodPressureSystolic" => Kind::Systolic,
        "BloodPressureDiastolic" => Kind::Diastolic,
        "BodyMass" => Kind::Weight,
        "Height" => Kind::Height,
        "BodyMassIndex" => Kind::Bmi,
        "BodyFatPercentage" => Kind::BodyFat,
        "HeartRate" => Kind::HeartRate,
        "RestingHeartRate" => Kind::RestingHeartRate,
        "RespiratoryRate" => Kind::RespiratoryRate,
        "OxygenSaturation" => Kind::Oxygen,
        "BodyTemperature" => Kind::Temperature,
        "BloodGlucose" => Kind::Glucose,
        _ => return None,
    })
}

impl Kind {
    /// Name in keys.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Systolic | Self::Diastolic => "blood pressure",
            Self::Weight => "weight",
            Self::Height => "height",
            Self::Bmi => "bmi",
            Self::BodyFat => "body fat",
            Self::HeartRate => "pulse",
            Self::RestingHeartRate => "resting pulse",
            Self::RespiratoryRate => "respiratory rate",
            Self::Oxygen => "oxygen",
            Self::Temperature => "temperature",
            Self::Glucose => "glucose",
            Self::SensorGlucose => "sensor glucose",
        }
    }

    /// LOINC's code and words. Glucose has one for each kind of unit.
    pub(crate) fn code(self, unit: &str) -> Option<(&'static str, &'static str, &'static str)> {
        let (code, words) = match self {
            Self::Systolic => ("8480-6", "Systolic blood pressure"),
            Self::Diastolic => ("8462-4", "Diastolic blood pressure"),
            Self::Weight => ("29463-7", "Body weight"),
            Self::Height => ("8302-2", "Body height"),
            Self::Bmi => ("39156-5", "Body mass index (BMI) [Ratio]"),
            Self::BodyFat => ("41982-0", "Percentage of body fat Measured"),
            Self::HeartRate => ("8867-4", "Heart rate"),
            Self::RestingHeartRate => ("40443-4", "Heart rate --resting"),
            Self::RespiratoryRate => ("9279-1", "Respiratory rate"),
            Self::Oxygen => ("59408-5", "Oxygen saturation in Arterial blood by Pulse oximetry"),
            Self::Temperature => ("8310-5", "Body temperature"),
            Self::Glucose if unit == "mmol/L" => ("15074-8", "Glucose [Moles/volume] in Blood"),
            Self::Glucose if unit == "mg/dL" => ("2339-0", "Glucose [Mass/volume] in Blood"),
            Self::SensorGlucose if unit == "mmol/L" => {
                ("105272-9", "Glucose [Moles/volume] in Interstitial fluid")
            }
            Self::SensorGlucose if unit == "mg/dL" => {
                ("99504-3", "Glucose [Mass/volume] in Interstitial fluid")
            }
            Self::Glucose | Self::SensorGlucose => return None,
        };
        Some((systems::LOINC, code, words))
    }

    /// Whether FHIR counts it among the vital signs.
    pub(crate) fn vital(self) -> bool {
        !matches!(self, Self::Glucose | Self::SensorGlucose | Self::BodyFat)
    }

    /// Whether the export writes a share of one where people say per cent.
    pub(crate) fn is_share(self) -> bool {
        matches!(self, Self::Oxygen | Self::BodyFat)
    }

    /// The unit of an export in UCUM.
    pub(crate) fn ucum(self, unit: &str) -> Option<&'static str> {
        Some(match (self, unit) {
            (Self::Systolic | Self::Diastolic, "mmHg") => "mm[Hg]",
            (Self::Weight, "kg") => "kg",
            (Self::Weight, "g") => "g",
            (Self::Weight, "lb") => "[lb_av]",
            (Self::Weight, "st") => "[stone_av]",
            (Self::Height, "cm") => "cm",
            (Self::Height, "m") => "m",
            (Self::Height, "in") => "[in_i]",
            (Self::Height, "ft") => "[ft_i]",
            (Self::Bmi, "count" | "kg/m^2") => "kg/m2",
            (Self::BodyFat | Self::Oxygen, "%") => "%",
            (Self::HeartRate | Self::RestingHeartRate | Self::RespiratoryRate, "count/min") => "/min",
            (Self::Temperature, "degC") => "Cel",
            (Self::Temperature, "degF") => "[degF]",
            (Self::Glucose, "mg/dL") => "mg/dL",
            // The export names the molar mass: mmol<180.1558800000541>/L.
            (Self::Glucose, molar) if molar.starts_with("mmol") && molar.ends_with("/L") => "mmol/L",
            _ => return None,
        })
    }
}

/// A share of one as per cent, by its digits: `0.975` is `97.5`. What is above one is per cent already.
pub(crate) fn percent(share: &str) -> Option<String> {
    let (whole, rest) = share.split_once('.').unwrap_or((share, ""));
    if !rest.bytes().all(|b| b.is_ascii_digit()) || !matches!(whole, "0" | "1" | "") {
        return None;
    }
    if whole == "1" && rest.bytes().any(|b| b != b'0') {
        return None;
    }
    let (two, after) = rest.split_at(rest.len().min(2));
    let digits = format!("{whole}{two:0<2}");
    let digits = digits.trim_start_matches('0');
    let digits = if digits.is_empty() { "0" } else { digits };
    Some(if after.is_empty() { digits.to_owned() } else { format!("{digits}.{after}") })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_keep_their_digits() {
        for (share, said) in
            [("0.97", "97"), ("0.975", "97.5"), ("1", "100"), ("0.9", "90"), ("0", "0"), ("0.05", "5")]
        {
            assert_eq!(percent(share).as_deref(), Some(said), "{share}");
        }
        for other in ["97", "1.2", "-0.1", "x"] {
            assert_eq!(percent(other), None, "{other}");
        }
    }
}
