//! Cells of a table of text with their bytes, and what its columns hold.

use std::borrow::Cow;

use causeway_core::Span;

/// One cell.
#[derive(Clone, Debug)]
pub(crate) struct Cell<'a> {
    pub text: Cow<'a, str>,
    pub span: Span,
}

/// Reads a table: cells parted by the separator that the heading uses, in quotation marks where they hold one.
pub(crate) fn read(source: &str, separator: u8) -> Vec<Vec<Cell<'_>>> {
    let bytes = source.as_bytes();
    let mut rows = vec![Vec::new()];
    let mut at = 0;
    loop {
        let start = at;
        let quoted = bytes.get(at) == Some(&b'"');
        let (text, end) = if quoted {
            at += 1;
            let from = at;
            loop {
                match (bytes.get(at), bytes.get(at + 1)) {
                    (Some(b'"'), Some(b'"')) => at += 2,
                    (Some(b'"') | None, _) => break,
                    _ => at += 1,
                }
            }
            let inner = source.get(from..at.min(bytes.len())).unwrap_or_default();
            at = (at + 1).min(bytes.len());
            // What stands after the closing mark belongs to no cell.
            while bytes.get(at).is_some_and(|b| *b != separator && !matches!(b, b'\n' | b'\r')) {
                at += 1;
            }
            (if inner.contains("\"\"") { Cow::Owned(inner.replace("\"\"", "\"")) } else { inner.into() }, at)
        } else {
            while bytes.get(at).is_some_and(|b| *b != separator && !matches!(b, b'\n' | b'\r')) {
                at += 1;
            }
            (Cow::Borrowed(source.get(start..at).unwrap_or_default()), at)
        };
        if let Some(row) = rows.last_mut() {
            row.push(Cell { text, span: Span::new(start, end) });
        }
        match bytes.get(at) {
            None => return rows,
            Some(b'\r') => {
                at += if bytes.get(at + 1) == Some(&b'\n') { 2 } else { 1 };
                rows.push(Vec::new());
            }
            Some(b'\n') => {
                at += 1;
                rows.push(Vec::new());
            }
            Some(_) => at += 1,
        }
    }
}

/// What a column holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Column {
    NhsNumber,
    Moment,
    Date,
    Time,
    Systolic,
    Diastolic,
    Pulse,
    Weight(Unit),
    Glucose(Unit),
    Temperature,
    Oxygen,
    Mood,
    Note,
    Device,
    Serial,
}

impl Column {
    /// What it holds in words, for the places of the account.
    pub(crate) fn words(self) -> &'static str {
        match self {
            Self::NhsNumber => "NHS number",
            Self::Moment => "date and time",
            Self::Date => "date",
            Self::Time => "time",
            Self::Systolic => "systolic blood pressure",
            Self::Diastolic => "diastolic blood pressure",
            Self::Pulse => "pulse",
            Self::Weight(_) => "weight",
            Self::Glucose(_) => "glucose",
            Self::Temperature => "temperature",
            Self::Oxygen => "oxygen saturation",
            Self::Mood => "mood",
            Self::Note => "note",
            Self::Device => "device",
            Self::Serial => "serial number of the device",
        }
    }
}

/// A unit as UCUM has it, and in words; empty where the heading has none.
pub(crate) type Unit = (&'static str, &'static str);

const KG: Unit = ("kg", "kg");
const LB: Unit = ("[lb_av]", "lb");
const MMOL: Unit = ("mmol/L", "mmol/L");
const MG_DL: Unit = ("mg/dL", "mg/dL");
const NONE: Unit = ("", "");

/// The column that a heading names: letters and digits alone count, so that `Systolic (mmHg)` and `systolic_mmhg` are one.
pub(crate) fn column(heading: &str) -> Option<Column> {
    let plain: String =
        heading.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_lowercase()).collect();
    Some(match plain.as_str() {
        "nhsnumber" | "nhsno" => Column::NhsNumber,
        "datetime"
        | "dateandtime"
        | "timestamp"
        | "takenat"
        | "devicetimestamp"
        | "measuredat"
        | "measurementdatetime"
        | "readingdatetime"
        | "timeofreading" => Column::Moment,
        "date" | "measurementdate" | "readingdate" => Column::Date,
        "time" | "measurementtime" | "readingtime" => Column::Time,
        "systolic" | "systolicmmhg" | "sys" | "sysmmhg" | "systolicbloodpressuremmhg" => Column::Systolic,
        "diastolic" | "diastolicmmhg" | "dia" | "diammhg" | "diastolicbloodpressuremmhg" => Column::Diastolic,
        "pulse" | "pulsebpm" | "heartrate" | "heartratebpm" | "pulseratebpm" => Column::Pulse,
        "weightkg" => Column::Weight(KG),
        "weightlb" | "weightlbs" => Column::Weight(LB),
        "weight" => Column::Weight(NONE),
        "glucosemmoll"
        | "historicglucosemmoll"
        | "scanglucosemmoll"
        | "bloodglucosemmoll"
        | "stripglucosemmoll"
        | "glucosevaluemmoll" => Column::Glucose(MMOL),
        "glucosemgdl"
        | "historicglucosemgdl"
        | "scanglucosemgdl"
        | "bloodglucosemgdl"
        | "stripglucosemgdl"
        | "glucosevaluemgdl" => Column::Glucose(MG_DL),
        "glucose" | "bloodglucose" => Column::Glucose(NONE),
        "temperaturec" | "bodytemperaturec" => Column::Temperature,
        "spo2" | "oxygensaturation" | "oxygensaturationpercent" => Column::Oxygen,
        "mood" => Column::Mood,
        "note" | "notes" | "comment" | "comments" | "memo" => Column::Note,
        "device" | "devicename" | "model" | "devicemodel" => Column::Device,
        "serialnumber" | "deviceserialnumber" => Column::Serial,
        _ => return None,
    })
}

/// Whether a column holds a reading.
pub(crate) fn reads(column: Column) -> bool {
    !matches!(
        column,
        Column::NhsNumber
            | Column::Moment
            | Column::Date
            | Column::Time
            | Column::Note
            | Column::Device
            | Column::Serial
    )
}

/// Whether a row is the heading: a time and a reading.
pub(crate) fn is_heading(row: &[Cell<'_>]) -> bool {
    let columns = || row.iter().filter_map(|cell| column(cell.text.trim()));
    let timed = columns().any(|c| matches!(c, Column::Moment | Column::Date));
    timed && columns().any(reads)
}

/// The separator of a file's heading, with the number of the heading's row; `None` where no row is one.
pub(crate) fn heading(source: &str) -> Option<(u8, usize)> {
    let head = source.get(..source.floor_char_boundary(crate::limits::HEAD_BYTES)).unwrap_or(source);
    [b',', b';', b'\t'].into_iter().find_map(|separator| {
        let rows = read(head, separator);
        let at = rows.iter().take(crate::limits::PREAMBLE_ROWS).position(|row| is_heading(row))?;
        Some((separator, at))
    })
}
