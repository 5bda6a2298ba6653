//! What the columns of meters' files hold, by their headings: a name, and mostly a unit or the form of a time behind it.
//! Sources: files that the programs of Omron, Withings, iHealth, A&D, Beurer, Accu-Chek, mySugr, Contour, FreeStyle Libre
//! (LibreView) and Dexcom (Clarity) write.

use crate::kinds::Kind;

/// What a column holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Column {
    NhsNumber,
    Moment(Order),
    Date(Order),
    Time,
    /// The zone of the times beside it.
    Zone,
    /// Both numbers of a blood pressure in one cell: `142/88`.
    Pressure,
    Reading(Kind, Unit),
    /// A number of which the column of units says what it is.
    Result,
    Unit,
    /// What kind of row it is.
    Event,
    /// Whether the row is a test of the meter.
    Control,
    Mood,
    Note,
    /// What the meter says of a reading, and in which words.
    Mark(&'static str),
    Device,
    Serial,
}

/// How a time is written, as far as its heading says it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Order {
    Unsaid,
    DayFirst,
    MonthFirst,
    Utc,
}

/// A unit as UCUM has it, and in words; empty where nothing says it.
pub(crate) type Unit = (&'static str, &'static str);

pub(crate) const NONE: Unit = ("", "");

impl Column {
    /// What it holds in words, for the places of the account.
    pub(crate) fn words(self) -> &'static str {
        match self {
            Self::NhsNumber => "NHS number",
            Self::Moment(_) => "date and time",
            Self::Date(_) => "date",
            Self::Time => "time",
            Self::Zone => "time zone",
            Self::Pressure => "blood pressure",
            Self::Reading(Kind::Systolic, _) => "systolic blood pressure",
            Self::Reading(Kind::Diastolic, _) => "diastolic blood pressure",
            Self::Reading(Kind::Oxygen, _) => "oxygen saturation",
            Self::Reading(kind, _) => kind.name(),
            Self::Result => "result",
            Self::Unit => "unit",
            Self::Event => "kind of row",
            Self::Control => "test of the meter",
            Self::Mood => "mood",
            Self::Note => "note",
            Self::Mark(words) => words,
            Self::Device => "device",
            Self::Serial => "serial number of the device",
        }
    }

    /// Whether it holds a reading.
    pub(crate) fn reads(self) -> bool {
        matches!(self, Self::Pressure | Self::Reading(..) | Self::Mood)
    }
}

/// Letters and digits alone, in small letters: `Systolic (mmHg)` and `systolic_mmhg` are one.
fn plain(text: &str) -> String {
    let spelt = text.replace('%', "percent");
    spelt.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_lowercase()).collect()
}

/// Names of readings, and whether the name alone, without a unit, is enough to know it by.
const READINGS: &[(&str, Kind, bool)] = &[
    ("systolic", Kind::Systolic, true),
    ("sys", Kind::Systolic, true),
    ("systolicbloodpressure", Kind::Systolic, true),
    ("systolicpressure", Kind::Systolic, true),
    ("systolicbp", Kind::Systolic, true),
    ("bloodpressuresystolic", Kind::Systolic, true),
    ("bpsystolic", Kind::Systolic, true),
    ("sbp", Kind::Systolic, true),
    ("diastolic", Kind::Diastolic, true),
    ("dia", Kind::Diastolic, true),
    ("diastolicbloodpressure", Kind::Diastolic, true),
    ("diastolicpressure", Kind::Diastolic, true),
    ("diastolicbp", Kind::Diastolic, true),
    ("bloodpressurediastolic", Kind::Diastolic, true),
    ("bpdiastolic", Kind::Diastolic, true),
    ("dbp", Kind::Diastolic, true),
    ("pulse", Kind::HeartRate, true),
    ("pulserate", Kind::HeartRate, true),
    ("heartrate", Kind::HeartRate, true),
    ("hr", Kind::HeartRate, false),
    ("pr", Kind::HeartRate, false),
    ("restingheartrate", Kind::RestingHeartRate, true),
    ("restingpulse", Kind::RestingHeartRate, true),
    ("respiratoryrate", Kind::RespiratoryRate, true),
    ("respirationrate", Kind::RespiratoryRate, true),
    ("breathingrate", Kind::RespiratoryRate, true),
    ("weight", Kind::Weight, true),
    ("bodyweight", Kind::Weight, true),
    ("height", Kind::Height, false),
    ("bodyheight", Kind::Height, false),
    ("bmi", Kind::Bmi, true),
    ("bodymassindex", Kind::Bmi, true),
    ("bodyfat", Kind::BodyFat, false),
    ("bodyfatpercentage", Kind::BodyFat, true),
    ("spo2", Kind::Oxygen, true),
    ("oxygensaturation", Kind::Oxygen, true),
    ("bloodoxygen", Kind::Oxygen, true),
    ("bloodoxygensaturation", Kind::Oxygen, true),
    ("o2saturation", Kind::Oxygen, true),
    // A meter of blood pressure has the temperature of the room: a name alone is not enough.
    ("temperature", Kind::Temperature, false),
    ("temp", Kind::Temperature, false),
    ("bodytemperature", Kind::Temperature, true),
    ("glucose", Kind::Glucose, true),
    ("bloodglucose", Kind::Glucose, true),
    ("bloodsugar", Kind::Glucose, true),
    ("bg", Kind::Glucose, false),
    ("bgreading", Kind::Glucose, true),
    ("bgvalue", Kind::Glucose, true),
    ("stripglucose", Kind::Glucose, true),
    ("glucosevalue", Kind::Glucose, true),
    ("glucosereading", Kind::Glucose, true),
    ("glucoselevel", Kind::Glucose, true),
    ("glucoseresult", Kind::Glucose, true),
    ("bloodglucosereading", Kind::Glucose, true),
    ("bloodglucosevalue", Kind::Glucose, true),
    ("bloodglucoselevel", Kind::Glucose, true),
    ("bloodglucoseresult", Kind::Glucose, true),
    ("bloodsugarlevel", Kind::Glucose, true),
    ("bloodsugarmeasurement", Kind::Glucose, true),
    // What a sensor under the skin measures is no glucose of blood.
    ("historicglucose", Kind::SensorGlucose, true),
    ("scanglucose", Kind::SensorGlucose, true),
    ("sensorglucose", Kind::SensorGlucose, true),
    ("interstitialglucose", Kind::SensorGlucose, true),
    ("cgmglucose", Kind::SensorGlucose, true),
];

/// What meters say of a reading beside its number, in the words in which it is told.
const MARKS: &[(&str, &str)] = &[
    ("mealmarker", "meal marker"),
    ("mealtag", "meal marker"),
    ("mealmark", "meal marker"),
    ("mealrelation", "meal marker"),
    ("beforemeal", "before meal"),
    ("aftermeal", "after meal"),
    ("fasting", "fasting"),
    ("tags", "tags"),
    ("tag", "tags"),
    ("symptoms", "symptoms"),
    ("irregularheartbeat", "irregular heartbeat"),
    ("irregularheartbeatdetected", "irregular heartbeat"),
    ("irregularheartbeatihb", "irregular heartbeat"),
    ("ihb", "irregular heartbeat"),
    ("irregularpulse", "irregular heartbeat"),
    ("arrhythmia", "irregular heartbeat"),
    ("ihbdetectioncount", "irregular heartbeats counted"),
    ("afib", "atrial fibrillation"),
    ("possibleafib", "atrial fibrillation"),
    ("atrialfibrillation", "atrial fibrillation"),
    ("bodymovement", "body movement"),
    ("movementdetected", "body movement"),
    ("cuffwrapguide", "cuff wrap guide"),
    ("cufffit", "cuff wrap guide"),
    ("measurementpositionindicator", "position"),
    ("positioningindicator", "position"),
    ("bodyposition", "position"),
    ("posture", "position"),
    ("arm", "arm"),
    ("measurementarm", "arm"),
    ("measurementmode", "measurement mode"),
    ("truread", "TruRead"),
    ("temperaturewarning", "temperature warning"),
    ("outoftargetrange", "out of target range"),
];

/// Spellings of units that stand behind a name without brackets, the longest first.
const BEHIND: &[&str] = &[
    "breathsmin",
    "beatsmin",
    "percent",
    "mmoll",
    "mmhg",
    "mgdl",
    "degc",
    "degf",
    "kgm2",
    "bpm",
    "lbs",
    "kg",
    "lb",
    "cm",
    "c",
    "f",
    "m",
];

/// The unit of a reading, by any of its spellings.
pub(crate) fn unit(kind: Kind, spelt: &str) -> Option<Unit> {
    Some(match (kind, plain(spelt).as_str()) {
        (Kind::Systolic | Kind::Diastolic, "mmhg") => ("mm[Hg]", "mmHg"),
        (
            Kind::HeartRate | Kind::RestingHeartRate,
            "bpm" | "beatsmin" | "beatsperminute" | "beatsperminutebpm" | "min" | "permin" | "countmin",
        ) => ("/min", "beats/min"),
        (Kind::RespiratoryRate, "breathsmin" | "breathsperminute" | "brpm" | "min" | "permin") => {
            ("/min", "breaths/min")
        }
        (Kind::Weight, "kg" | "kgs") => ("kg", "kg"),
        (Kind::Weight, "lb" | "lbs") => ("[lb_av]", "lb"),
        (Kind::Weight, "st") => ("[stone_av]", "st"),
        (Kind::Height, "cm") => ("cm", "cm"),
        (Kind::Height, "m") => ("m", "m"),
        (Kind::Height, "in") => ("[in_i]", "in"),
        (Kind::Height, "ft") => ("[ft_i]", "ft"),
        (Kind::Bmi, "kgm2") => ("kg/m2", "kg/m2"),
        (Kind::BodyFat | Kind::Oxygen, "percent") => ("%", "%"),
        (Kind::Temperature, "c" | "degc" | "celsius") => ("Cel", "°C"),
        (Kind::Temperature, "f" | "degf" | "fahrenheit") => ("[degF]", "°F"),
        (Kind::Glucose | Kind::SensorGlucose, "mmoll") => ("mmol/L", "mmol/L"),
        (Kind::Glucose | Kind::SensorGlucose, "mgdl") => ("mg/dL", "mg/dL"),
        _ => return None,
    })
}

/// The unit that a reading has where nothing says it, because no meter uses another.
fn usual(kind: Kind) -> Unit {
    let spelt = match kind {
        Kind::Systolic | Kind::Diastolic => "mmHg",
        Kind::HeartRate | Kind::RestingHeartRate | Kind::RespiratoryRate => "/min",
        Kind::Bmi => "kg/m2",
        Kind::Oxygen | Kind::BodyFat => "%",
        _ => return NONE,
    };
    unit(kind, spelt).unwrap_or(NONE)
}

/// A reading by its name and by what is said of its unit.
fn reading(name: &str, spelt: Option<&str>) -> Option<Column> {
    let (_, kind, alone) = *READINGS.iter().find(|(known, ..)| *known == name)?;
    match spelt {
        Some(spelt) => Some(Column::Reading(kind, unit(kind, spelt)?)),
        None => alone.then(|| Column::Reading(kind, usual(kind))),
    }
}

/// How times of a column are written, by what stands behind its name: `YYYY-MM-DDThh:mm:ss`, `UTC`.
fn order(spelt: &str) -> Option<Order> {
    let spelt = plain(spelt);
    match spelt.as_str() {
        "" | "local" | "localtime" => return Some(Order::Unsaid),
        "utc" | "gmt" | "z" => return Some(Order::Utc),
        _ => {}
    }
    // The letters of a pattern, and nothing else.
    if !spelt.bytes().all(|b| matches!(b, b'y' | b'm' | b'd' | b'h' | b's' | b't' | b'a' | b'2' | b'4')) {
        return None;
    }
    Some(match spelt.as_bytes().first() {
        Some(b'd') => Order::DayFirst,
        Some(b'm') if spelt.contains('d') => Order::MonthFirst,
        _ => Order::Unsaid,
    })
}

/// The column that a heading names.
pub(crate) fn column(heading: &str) -> Option<Column> {
    // What stands in brackets is a unit or the form of a time.
    let (name, spelt) = match heading.find(['(', '[']) {
        Some(at) => {
            let (name, rest) = heading.split_at(at);
            let inside = rest.get(1..).unwrap_or_default();
            let end = inside.find([')', ']']).unwrap_or(inside.len());
            (name, Some(inside.get(..end).unwrap_or_default()))
        }
        None => (heading, None),
    };
    let name = plain(name);
    if let Some(found) = reading(&name, spelt) {
        return Some(found);
    }
    if spelt.is_none() {
        let behind = BEHIND.iter().find_map(|spelt| reading(name.strip_suffix(spelt)?, Some(spelt)));
        if behind.is_some() {
            return behind;
        }
    }
    if let Some((_, words)) = MARKS.iter().find(|(known, _)| *known == name) {
        return Some(Column::Mark(words));
    }
    let moment = |of: fn(Order) -> Column| order(spelt.unwrap_or_default()).map(of);
    match name.as_str() {
        "nhsnumber" | "nhsno" => Some(Column::NhsNumber),
        "datetime"
        | "dateandtime"
        | "timestamp"
        | "takenat"
        | "devicetimestamp"
        | "measuredat"
        | "measuredon"
        | "recordedat"
        | "measurementtimestamp"
        | "measurementdatetime"
        | "measurementdateandtime"
        | "readingdatetime"
        | "readingdateandtime"
        | "dateandtimeofreading"
        | "timeofreading" => moment(Column::Moment),
        "date" | "measurementdate" | "readingdate" | "dateofreading" | "dateofmeasurement" | "datetaken"
        | "testdate" => moment(Column::Date),
        "time" | "measurementtime" | "readingtime" | "timetaken" | "timeofmeasurement" | "testtime" => {
            order(spelt.unwrap_or_default()).filter(|o| *o == Order::Unsaid).map(|_| Column::Time)
        }
        "timezone" | "utcoffset" => Some(Column::Zone),
        "bloodpressure" | "bp" | "bloodpressurereading" if spelt.is_none_or(|s| plain(s) == "mmhg") => {
            Some(Column::Pressure)
        }
        "bloodpressuremmhg" => Some(Column::Pressure),
        "result" | "value" if spelt.is_none() => Some(Column::Result),
        "unit" | "units" | "resultunit" => Some(Column::Unit),
        "eventtype" => Some(Column::Event),
        "controltest" | "controlsolution" | "control" => Some(Column::Control),
        "mood" => Some(Column::Mood),
        "note" | "notes" | "comment" | "comments" | "memo" => Some(Column::Note),
        "device" | "devicename" | "model" | "devicemodel" => Some(Column::Device),
        "serialnumber" | "serialno" | "deviceserialnumber" => Some(Column::Serial),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headings_of_meters() {
        let systolic = Column::Reading(Kind::Systolic, ("mm[Hg]", "mmHg"));
        let mmol = ("mmol/L", "mmol/L");
        for (heading, column) in [
            ("Systolic (mmHg)", Some(systolic)),
            ("systolic_mmhg", Some(systolic)),
            ("SYS", Some(systolic)),
            ("SYS(mmHg)", Some(systolic)),
            ("Systolic (kPa)", None),
            ("Pulse(Beats/Min)", Some(Column::Reading(Kind::HeartRate, ("/min", "beats/min")))),
            ("HR", None),
            ("PR(bpm)", Some(Column::Reading(Kind::HeartRate, ("/min", "beats/min")))),
            ("Temperature", None),
            ("room temperature(°C", None),
            ("Temperature (°C)", Some(Column::Reading(Kind::Temperature, ("Cel", "°C")))),
            ("glucose_mmol_l", Some(Column::Reading(Kind::Glucose, mmol))),
            ("Historic Glucose mmol/L", Some(Column::Reading(Kind::SensorGlucose, mmol))),
            ("Strip Glucose mmol/L", Some(Column::Reading(Kind::Glucose, mmol))),
            ("Ketone mmol/L", None),
            ("Fat mass (kg)", None),
            ("Body Fat (%)", Some(Column::Reading(Kind::BodyFat, ("%", "%")))),
            ("Timestamp (YYYY-MM-DDThh:mm:ss)", Some(Column::Moment(Order::Unsaid))),
            ("Date (MM/DD/YYYY)", Some(Column::Date(Order::MonthFirst))),
            ("Date/Time (UTC)", Some(Column::Moment(Order::Utc))),
            ("Date (of birth)", None),
            ("Time (hh:mm)", Some(Column::Time)),
            ("Glucose Rate of Change (mmol/L/min)", None),
        ] {
            assert_eq!(super::column(heading), column, "{heading}");
        }
    }
}
