//! Files as the programs of common meters write them, with invented readings: what each gives, and what is refused.

use std::collections::BTreeSet;

use causeway_adapter::contract::{Suite, test_context};
use causeway_adapter::{Adapter, Confidence, Translation, translate};
use causeway_adapter_personal_readings::PersonalReadings;
use serde_json::Value;

const OWNER: &str = "NHS number,9990000018\n";

fn run(file: &str) -> Translation {
    translate(&PersonalReadings, [OWNER, file].concat().as_bytes(), &test_context())
}

/// Readings, each as `code time value unit`.
fn readings(translation: &Translation) -> Vec<String> {
    let bundles = translation.outputs.iter().map(|o| serde_json::from_slice::<Value>(&o.json).expect("JSON"));
    let entries = bundles.flat_map(|b| b["entry"].as_array().cloned().unwrap_or_default());
    let all = entries.map(|e| e["resource"].clone()).filter(|r| r["resourceType"] == "Observation");
    let text = |v: &Value| v.as_str().map_or_else(|| v.to_string(), str::to_owned);
    all.map(|r| {
        let code = r["code"]["coding"][0]["code"]
            .as_str()
            .or(r["code"]["text"].as_str())
            .unwrap_or_default()
            .to_owned();
        let parts: Vec<Value> = r["component"].as_array().cloned().unwrap_or_else(|| vec![r.clone()]);
        let values = parts.iter().map(|part| match part["valueString"].as_str() {
            Some(words) => words.to_owned(),
            None => {
                let quantity = &part["valueQuantity"];
                let unit = quantity["code"].as_str().unwrap_or("?");
                format!(
                    "{}{} {unit}",
                    quantity["comparator"].as_str().unwrap_or(""),
                    text(&quantity["value"])
                )
            }
        });
        let notes = r["note"].as_array().into_iter().flatten().map(|n| format!(" ({})", text(&n["text"])));
        let values: Vec<String> = values.collect();
        format!(
            "{code} {} {}{}",
            text(&r["effectiveDateTime"]),
            values.join(" / "),
            notes.collect::<String>()
        )
    })
    .collect()
}

fn rules(translation: &Translation) -> Vec<&'static str> {
    translation.issues.iter().map(|i| i.rule).collect()
}

/// Title, file, readings, rules that are told.
const FILES: &[(&str, &str, &[&str], &[&str])] = &[
    (
        "Omron connect",
        "Measurement Date,Time Zone,SYS(mmHg),DIA(mmHg),Pulse(bpm),Irregular heartbeat detected,Body Movement,Temperature,Device\n\
         2026/10/20 07:31,Europe/London,142,88,71,-,-,-,BP7000\n2026/07/01 08:00,America/New_York,138,84,70,Yes,-,21,BP7000\n",
        &[
            "75367002 2026-10-20T07:31:00+01:00 142 mm[Hg] / 88 mm[Hg]",
            "8867-4 2026-10-20T07:31:00+01:00 71 /min",
            "75367002 2026-07-01T08:00:00-04:00 138 mm[Hg] / 84 mm[Hg] (irregular heartbeat: Yes)",
            "8867-4 2026-07-01T08:00:00-04:00 70 /min (irregular heartbeat: Yes)",
        ],
        &["column-unknown"],
    ),
    (
        "Omron connect, American program",
        "Date,Time,Systolic (mmHg),Diastolic (mmHg),Pulse (bpm),Symptoms,Consumed,TruRead,Notes\nOct 20 2026,19:25,127,79,66,,,,\n",
        &[
            "75367002 2026-10-20T19:25:00+01:00 127 mm[Hg] / 79 mm[Hg]",
            "8867-4 2026-10-20T19:25:00+01:00 66 /min",
        ],
        &["column-unknown"],
    ),
    (
        "iHealth",
        "Date,Time,SYS(mmHg),DIA(mmHg),Pulse(Beats/Min),Note\n\"Oct 20, 2026\",7:31 PM,131,82,64,after walk\n",
        &[
            "75367002 2026-10-20T19:31:00+01:00 131 mm[Hg] / 82 mm[Hg] (after walk)",
            "8867-4 2026-10-20T19:31:00+01:00 64 /min (after walk)",
        ],
        &[],
    ),
    (
        "Withings, blood pressure",
        "Date,\"Heart rate\",Systolic,Diastolic,Comments\n\"2026-10-20 07:31:22\",71,142,88,\n",
        &[
            "75367002 2026-10-20T07:31:22+01:00 142 mm[Hg] / 88 mm[Hg]",
            "8867-4 2026-10-20T07:31:22+01:00 71 /min",
        ],
        &[],
    ),
    (
        "Withings, weight",
        "Date,\"Weight (kg)\",\"Fat mass (kg)\",\"Bone mass (kg)\",Comments\n\"2026-10-20 07:31:22\",71.50,18.2,3.1,\n",
        &["29463-7 2026-10-20T07:31:22+01:00 71.50 kg"],
        &["column-unknown"],
    ),
    (
        "Accu-Chek: a unit in a column, a test with control solution, days with points",
        "Serial No.;Download Date;Download Time\nU100000001;28.10.2026;09:00\n\
         Date;Time;Result;Unit;Temperature warning;Out of target range;Other;Before meal;After meal;Control test\n\
         20.10.2026;07:31;6.8;mmol/L;;;;X;;\n20.10.2026;13:10;HI;mmol/L;;X;;;X;\n21.10.2026;07:31;5.5;mmol/L;;;;;;X\n",
        &[
            "15074-8 2026-10-20T07:31:00+01:00 6.8 mmol/L (before meal: X)",
            "15074-8 2026-10-20T13:10:00+01:00 HI (out of target range: X) (after meal: X)",
        ],
        &["column-unknown", "reading-not-a-number", "control-test"],
    ),
    (
        "mySugr: both numbers in a cell, blood sugar, weight",
        "Date,Time,Tags,Blood Sugar Measurement (mmol/L),Insulin Injection Units (Pen),Blood pressure,Body weight (kg)\n\
         20 Oct 2026,7:31:00 am,Breakfast,6.8,4,,\n20 Oct 2026,9:00:00 pm,,,,142/88,71.5\n",
        &[
            "15074-8 2026-10-20T07:31:00+01:00 6.8 mmol/L (tags: Breakfast)",
            "75367002 2026-10-20T21:00:00+01:00 142 mm[Hg] / 88 mm[Hg]",
            "29463-7 2026-10-20T21:00:00+01:00 71.5 kg",
        ],
        &["column-unknown"],
    ),
    (
        "Contour",
        "Date/Time,Blood Glucose Reading (mmol/L),Meal Marker,Notes\n20/10/2026 07:31,6.8,Fasting,slept badly\n",
        &["15074-8 2026-10-20T07:31:00+01:00 6.8 mmol/L (meal marker: Fasting) (slept badly)"],
        &[],
    ),
    (
        "LibreView: what the sensor measured is no glucose of blood",
        "Glucose Data,Generated on,28-10-2026 09:00 UTC,Generated by,Edith Larkspur\n\
         Device,Serial Number,Device Timestamp,Record Type,Historic Glucose mmol/L,Scan Glucose mmol/L,Notes,Strip Glucose mmol/L,Ketone mmol/L\n\
         FreeStyle LibreLink,a1,20-10-2026 07:31,0,5.4,,,,\nFreeStyle LibreLink,a1,20-10-2026 07:40,1,,5.6,,,\n\
         FreeStyle LibreLink,a1,20-10-2026 07:41,2,,,,5.9,\nFreeStyle LibreLink,a1,20-10-2026 08:00,6,,,,,\n",
        &[
            "105272-9 2026-10-20T07:31:00+01:00 5.4 mmol/L",
            "105272-9 2026-10-20T07:40:00+01:00 5.6 mmol/L",
            "15074-8 2026-10-20T07:41:00+01:00 5.9 mmol/L",
        ],
        &["column-unknown"],
    ),
    (
        "Dexcom Clarity: thresholds of alerts are no readings",
        "\u{feff}Index,Timestamp (YYYY-MM-DDThh:mm:ss),Event Type,Event Subtype,Patient Info,Device Info,Source Device ID,Glucose Value (mmol/L),Insulin Value (u)\n\
         1,,FirstName,,Edith,,,,\n2,2026-10-20T07:00:00,Alert,High,,,,12.0,\n3,2026-10-20T07:31:00,EGV,,,,iOS G7,6.8,\n\
         4,2026-10-20T07:36:00,EGV,Low,,,iOS G7,Low,\n5,2026-10-20T07:40:00,Calibration,,,,iOS G7,7.1,\n",
        &[
            "105272-9 2026-10-20T07:31:00+01:00 6.8 mmol/L",
            "105272-9 2026-10-20T07:36:00+01:00 Low",
            "15074-8 2026-10-20T07:40:00+01:00 7.1 mmol/L",
        ],
        &["column-unknown", "record-kind-not-taken", "reading-not-a-number"],
    ),
    (
        "an oximeter and a thermometer, units in the cells",
        "Date,Time,SpO2 (%),PR(bpm),Temperature (°C)\n20/10/2026,07:31,97%,72 bpm,36.9 °C\n20/10/2026,19:31,<70,,\n",
        &[
            "59408-5 2026-10-20T07:31:00+01:00 97 %",
            "8867-4 2026-10-20T07:31:00+01:00 72 /min",
            "8310-5 2026-10-20T07:31:00+01:00 36.9 Cel",
            "59408-5 2026-10-20T19:31:00+01:00 <70 %",
        ],
        &[],
    ),
    (
        "a decimal comma; a unit that is not that of the heading",
        "Date;Weight (kg);Notes\n20.10.2026;71,5;\n21.10.2026;157 lb;\n22.10.2026;1,234;\n",
        &["29463-7 2026-10-20 71.5 kg", "29463-7 2026-10-21 157 lb", "29463-7 2026-10-22 1,234"],
        &["unit-conflict", "reading-not-a-number"],
    ),
    (
        "the month first in one row: then no other can be told",
        "Date,Time,Systolic,Diastolic\n10/20/2026,07:31,142,88\n05/10/2026,07:31,140,86\n2026-10-22,07:31,139,85\n05/05/2026,07:31,138,84\n",
        &[
            "75367002 2026-10-22T07:31:00+01:00 139 mm[Hg] / 85 mm[Hg]",
            "75367002 2026-05-05T07:31:00+01:00 138 mm[Hg] / 84 mm[Hg]",
        ],
        &["time-invalid", "time-order"],
    ),
    (
        "the month first, as the heading says",
        "Date (MM/DD/YYYY),Time,Systolic,Diastolic\n10/20/2026,07:31,142,88\n05/10/2026,07:31,140,86\n",
        &[
            "75367002 2026-10-20T07:31:00+01:00 142 mm[Hg] / 88 mm[Hg]",
            "75367002 2026-05-10T07:31:00+01:00 140 mm[Hg] / 86 mm[Hg]",
        ],
        &[],
    ),
    (
        "times of UTC, as the heading says",
        "Timestamp (UTC),Pulse\n2026-07-01 07:31,71\n",
        &["8867-4 2026-07-01T07:31:00+00:00 71 /min"],
        &[],
    ),
    ("a zone that is none", "Date,Time,Time zone,Pulse\n2026-07-01,07:31,Home,71\n", &[], &["time-zone"]),
    (
        "two tables below each other: a weight is no blood pressure",
        "Date,Time,Systolic,Diastolic\n20/10/2026,07:31,142,88\n\nDate,Time,Weight (kg),Notes\n20/10/2026,07:35,71.5,in clothes\n",
        &[
            "75367002 2026-10-20T07:31:00+01:00 142 mm[Hg] / 88 mm[Hg]",
            "29463-7 2026-10-20T07:35:00+01:00 71.5 kg (in clothes)",
        ],
        &[],
    ),
    (
        "two readings in a row of a diary",
        "Date,Systolic,Diastolic,Systolic,Diastolic\n20/10/2026,142,88,138,86\n",
        &["75367002 2026-10-20 142 mm[Hg] / 88 mm[Hg]", "75367002 2026-10-20 138 mm[Hg] / 86 mm[Hg]"],
        &[],
    ),
    (
        "a quotation mark that nothing closes",
        "Date,Pulse,Notes\n20/10/2026,71,fine\n21/10/2026,72,\"tired\n22/10/2026,73,\n",
        &["8867-4 2026-10-20 71 /min (fine)"],
        &["quotation-unclosed"],
    ),
    (
        "a spreadsheet's midnight behind each day",
        "Date,Time,Pulse\n20/10/2026 00:00:00,07:31:00,71\n",
        &["8867-4 2026-10-20T07:31:00+01:00 71 /min"],
        &[],
    ),
];

#[test]
fn files_of_meters() {
    let mut wrong = Vec::new();
    for (title, file, expected, told) in FILES {
        let translation = run(file);
        let found = readings(&translation);
        if found != *expected {
            wrong.push(format!("{title}: {found:#?}"));
        }
        let (rules, told): (BTreeSet<_>, BTreeSet<_>) =
            (rules(&translation).into_iter().collect(), told.iter().copied().collect());
        if rules != told {
            wrong.push(format!("{title}: {rules:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn files_of_meters_keep_the_contract() {
    let suite = Suite::new(&PersonalReadings);
    FILES
        .iter()
        .fold(suite, |suite, (title, file, ..)| suite.case(*title, [OWNER, file].concat().into_bytes()))
        .check();
}

#[test]
fn letters_of_windows_arrive() {
    let file = b"NHS number,9990000018\nDate,Temperature (\xb0C),Notes\n20/10/2026,36.9,na\xefve\n";
    let translation = translate(&PersonalReadings, file, &test_context());
    assert_eq!(readings(&translation), ["8310-5 2026-10-20 36.9 Cel (naïve)"]);
}

/// A table of a laboratory, of staff or of visits is no diary of readings.
#[test]
fn tables_of_others_are_left_to_them() {
    for file in [
        "Test,Date,Result,Unit\nHbA1c,2026-10-20,48,mmol/mol\n",
        "Date,HR,Manager\n2026-10-20,Jane,Tom\n",
        "Date,BMI calculated by,Height\n2026-10-20,a,b\n",
        "Date,Time,Visit,Carer\n2026-10-20,07:31,morning,A\n",
        "Date,Temperature\n2026-10-20,21\n",
    ] {
        assert_eq!(PersonalReadings.detect(file.as_bytes()).confidence, Confidence::No, "{file}");
    }
}

#[test]
fn a_time_that_came_twice_or_never_is_told() {
    for (day, told) in [("2026-03-29", true), ("2026-10-25", true), ("2026-10-26", false)] {
        let found = run(&format!("Date,Time,Weight (kg)\n{day},01:30,61.5\n"));
        assert_eq!(rules(&found).contains(&"local-time-doubtful"), told, "{day}");
    }
}
