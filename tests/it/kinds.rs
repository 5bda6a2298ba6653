//! Kinds of fault that are closed over all adapters, tried on every case that has the place for it.

use std::collections::{BTreeMap, BTreeSet};

use causeway_adapter::{Output, Translation, translate};
use causeway_core::{Item, Outcome};
use causeway_tests::{Case, cases};
use serde_json::Value;

/// Formats that no spreadsheet ever opens: messages between machines, with ids that are no numbers.
const BY_MACHINE: [&str; 7] =
    ["edifact-pathology", "eps", "gp2gp", "itk-cda", "nhais", "summary-care-record", "personal-readings"];

/// A case with one item changed.
fn mutant(case: &Case, span: (usize, usize), text: &str) -> Translation {
    let input = [&case.input[..span.0], text.as_bytes(), &case.input[span.1..]].concat();
    translate(case.adapter(), &input, &case.context())
}

fn resources(outputs: &[Output]) -> Vec<Value> {
    let bundles = outputs.iter().map(|o| serde_json::from_slice::<Value>(&o.json).unwrap_or_default());
    bundles
        .flat_map(|b| b["entry"].as_array().cloned().unwrap_or_default())
        .map(|entry| entry["resource"].clone())
        .collect()
}

fn births(outputs: &[Output]) -> Vec<String> {
    resources(outputs).iter().filter_map(|r| r["birthDate"].as_str().map(str::to_owned)).collect()
}

/// The local identifiers: not those of people and organisations that have a form of their own.
fn identifiers(outputs: &[Output]) -> Vec<String> {
    let mut found = Vec::new();
    for resource in resources(outputs) {
        for identifier in resource["identifier"].as_array().into_iter().flatten() {
            let own = identifier["system"].as_str().unwrap_or_default().contains("/Id/local/")
                || identifier["system"].as_str().unwrap_or_default().contains("/Id/la/");
            found.extend(identifier["value"].as_str().filter(|v| own && v.len() > 3).map(str::to_owned));
        }
    }
    found
}

/// Items whose own text is one of these values.
fn items_of(
    case: &Case,
    before: &Translation,
    wanted: impl Fn(&str) -> Option<String>,
) -> Vec<((usize, usize), String, String)> {
    let mut found = Vec::new();
    // Of what is refused or left out nothing is told.
    let written = |item: &&Item| matches!(item.outcome, Outcome::Mapped | Outcome::MappedWithLoss);
    for item in before.ledger.items().iter().filter(written) {
        let span = (item.span.start as usize, item.span.end as usize);
        let own = String::from_utf8_lossy(&case.input[span.0..span.1]).into_owned();
        if let Some(changed) = wanted(&own) {
            let at = item.place.render(before.ledger.outline());
            found.push((span, changed, format!("{}/{}: {at}", case.adapter, case.name)));
        }
    }
    found
}

fn all_tried(tried: &BTreeMap<String, usize>, adapters: &[&str]) {
    for adapter in adapters {
        assert!(tried.contains_key(*adapter), "{adapter}: no place was tried: {tried:?}");
    }
}

#[test]
fn nobody_is_born_after_the_message() {
    let mut tried: BTreeMap<String, usize> = BTreeMap::new();
    for case in cases() {
        let before = case.translate();
        let births_before = births(&before.outputs);
        let items = items_of(&case, &before, |own| {
            let digits: String = own.chars().filter(char::is_ascii_digit).collect();
            let year =
                births_before.iter().find(|b| digits.starts_with(&b.replace('-', "")))?.get(..4)?.to_owned();
            Some(own.replacen(&year, "2042", 1))
        });
        for (span, changed, at) in items {
            let after = mutant(&case, span, &changed);
            assert!(births(&after.outputs).iter().all(|b| !b.starts_with("2042")), "{at}: carried");
            assert!(
                after.issues.iter().any(|i| i.rule.contains("birth") || i.rule.contains("date-invalid"))
                    || after.outputs.len() < before.outputs.len(),
                "{at}: not told"
            );
            *tried.entry(case.adapter.clone()).or_default() += 1;
        }
    }
    let adapters = ["care-act-assessment", "care-provider-record", "careconnect", "discharge-notice"];
    all_tried(&tried, &adapters);
    all_tried(
        &tried,
        &["edifact-pathology", "eps", "fhir-r4", "hl7v2", "itk-cda", "nhais", "transfer-of-care"],
    );
}

#[test]
fn a_rounded_identifier_is_told() {
    let mut tried: BTreeMap<String, usize> = BTreeMap::new();
    let mut untold = Vec::new();
    for case in cases().into_iter().filter(|case| !BY_MACHINE.contains(&case.adapter.as_str())) {
        let before = case.translate();
        let known = identifiers(&before.outputs);
        for (span, changed, at) in items_of(&case, &before, |own| {
            let bare = own.trim_matches('"');
            known.iter().any(|id| id == bare).then(|| own.replacen(bare, "4.47E+06", 1))
        }) {
            let after = mutant(&case, span, &changed);
            let told = after.issues.iter().any(|i| i.rule.contains("rounded") || i.rule.contains("pattern"));
            let written = after.outputs.iter().any(|o| String::from_utf8_lossy(&o.json).contains("4.47E+06"));
            untold.extend((written && !told).then_some(at));
            *tried.entry(case.adapter.clone()).or_default() += 1;
        }
    }
    assert!(untold.is_empty(), "not told: {untold:#?}");
    all_tried(
        &tried,
        &["care-provider-record", "client-level-data", "council-case-extract", "discharge-notice", "hl7v2"],
    );
}

#[test]
fn a_word_for_none_is_told_in_the_place_of_an_identifier() {
    let mut tried: BTreeMap<String, usize> = BTreeMap::new();
    let mut untold = Vec::new();
    for case in cases().into_iter().filter(|case| !BY_MACHINE.contains(&case.adapter.as_str())) {
        let before = case.translate();
        let known = identifiers(&before.outputs);
        for said in ["NULL", "#REF!", "Unknown"] {
            let items = items_of(&case, &before, |own| {
                let bare = own.trim_matches('"');
                known.iter().any(|id| id == bare).then(|| own.replacen(bare, said, 1))
            });
            for (span, changed, at) in items.into_iter().take(TRIED_MAX) {
                let after = mutant(&case, span, &changed);
                let told = tells(&before, &after, &["filler", "null-literal", "pattern", "code"]);
                let written = identifiers(&after.outputs).iter().any(|id| id == said);
                untold.extend((written && !told).then(|| format!("{at}: {said}")));
                *tried.entry(case.adapter.clone()).or_default() += 1;
            }
        }
    }
    assert!(untold.is_empty(), "not told: {untold:#?}");
    all_tried(
        &tried,
        &["care-provider-record", "client-level-data", "council-case-extract", "discharge-notice", "hl7v2"],
    );
}

#[test]
fn blanks_of_any_script_within_an_nhs_number_are_read() {
    let system = "https://fhir.nhs.uk/Id/nhs-number";
    let numbers = |outputs: &[Output]| -> BTreeSet<String> {
        let of = |r: &Value| -> Vec<String> {
            let list = r["identifier"].as_array().cloned().unwrap_or_default();
            list.iter()
                .filter(|i| i["system"] == system)
                .filter_map(|i| i["value"].as_str().map(str::to_owned))
                .collect()
        };
        resources(outputs).iter().filter(|r| r["resourceType"] == "Patient").flat_map(of).collect()
    };
    let mut tried: BTreeMap<String, usize> = BTreeMap::new();
    for case in cases() {
        let before = case.translate();
        let known = numbers(&before.outputs);
        // One place of each case: a second one may be another statement of the number.
        let items = items_of(&case, &before, |own| {
            let bare = own.trim_matches('"');
            let number = known.iter().find(|n| *n == bare)?;
            let spaced = format!("{}\u{a0}{}\u{200b}{}", &number[..3], &number[3..6], &number[6..]);
            Some(own.replacen(bare, &spaced, 1))
        });
        for (span, changed, at) in items.into_iter().take(1) {
            let after = mutant(&case, span, &changed);
            assert_eq!(numbers(&after.outputs), known, "{at}: {:?}", after.issues);
            *tried.entry(case.adapter.clone()).or_default() += 1;
        }
    }
    let adapters =
        ["care-act-assessment", "care-provider-record", "client-level-data", "council-case-extract"];
    all_tried(&tried, &adapters);
    all_tried(&tried, &["discharge-notice", "eps", "gp2gp", "hl7v2", "itk-cda"]);
}

/// Items of each case that are tried for a kind that many items have: more show nothing new.
const TRIED_MAX: usize = 6;

/// Whether a rule whose name has one of these parts is told that was not, or more often.
fn tells(before: &Translation, after: &Translation, parts: &[&str]) -> bool {
    let count = |t: &Translation, rule: &str| t.issues.iter().filter(|i| i.rule == rule).count();
    let rules = after.issues.iter().map(|i| i.rule);
    rules
        .filter(|rule| parts.iter().any(|part| rule.contains(part)))
        .any(|rule| count(after, rule) > count(before, rule))
}

fn json(outputs: &[Output]) -> String {
    outputs.iter().map(|o| String::from_utf8_lossy(&o.json)).collect()
}

#[test]
fn a_date_that_can_t_be_meant_is_told() {
    // What the date becomes, how FHIR has it, and what tells.
    let said: [(&str, &str, &[&str]); 2] = [
        ("0202", "\"0202-", &["date-implausible", "invalid", "birth", "death", "date", "period", "sentinel"]),
        ("1900-01-01", "\"1900-01-01", &["sentinel", "death", "date", "period", "birth"]),
    ];
    let mut tried: BTreeMap<String, usize> = BTreeMap::new();
    let mut untold = Vec::new();
    for case in cases() {
        let before = case.translate();
        let known = json(&before.outputs);
        for (digits, shown, rules) in said {
            let items = items_of(&case, &before, |own| {
                let year = own.get(..4).filter(|y| y.starts_with("19") || y.starts_with("20"))?;
                let rest = own.get(4..)?;
                let is_date = rest.bytes().filter(u8::is_ascii_digit).count() >= 4
                    && rest.bytes().all(|b| b.is_ascii_digit() || b"-:T+.Z ".contains(&b));
                let iso = known.contains(&format!("\"{year}-"));
                let parts: Vec<&str> = digits.split('-').collect();
                match parts.as_slice() {
                    _ if !is_date || !iso => None,
                    [year] => Some(format!("{year}{rest}")),
                    _ if rest.starts_with('-') => Some(format!("{digits}{}", rest.get(6..)?)),
                    _ => Some(format!("{}{}", parts.concat(), rest.get(4..)?)),
                }
            });
            for (span, changed, at) in items.into_iter().take(TRIED_MAX) {
                let after = mutant(&case, span, &changed);
                let more = json(&after.outputs).matches(shown).count() > known.matches(shown).count();
                untold.extend((more && !tells(&before, &after, rules)).then(|| format!("{at}: {digits}")));
                *tried.entry(case.adapter.clone()).or_default() += usize::from(more);
            }
        }
    }
    // Kept word by word in an extension and not as a date: the time of an export, and what is no day of any year.
    let words = ["apple-health: row 4,", "impossible-date"];
    untold.retain(|at| !words.iter().any(|word| at.contains(word)));
    assert!(untold.is_empty(), "not told: {untold:#?}");
    all_tried(&tried, &["edifact-pathology", "gp2gp", "hl7v2", "careconnect", "fhir-r4"]);
}

#[test]
fn what_can_be_no_snomed_code_is_not_called_one() {
    let mut tried: BTreeMap<String, usize> = BTreeMap::new();
    let mut wrong = Vec::new();
    for case in cases() {
        let before = case.translate();
        let known = json(&before.outputs);
        let items = items_of(&case, &before, |own| {
            let bare = own.trim_matches('"');
            let coded = known.contains(&format!("\"system\":\"http://snomed.info/sct\",\"code\":\"{bare}\""));
            (coded && bare.len() >= 6).then(|| own.replacen(bare, "1.10811E+15", 1))
        });
        for (span, changed, at) in items.into_iter().take(TRIED_MAX) {
            let after = mutant(&case, span, &changed);
            let output = json(&after.outputs);
            let called = output.contains("\"system\":\"http://snomed.info/sct\",\"code\":\"1.10811E+15\"");
            // A value of a list of codes is told as unknown instead.
            let told = tells(&before, &after, &["snomed-no-code", "unknown", "invalid", "pattern", "code"]);
            wrong.extend((called || output.contains("1.10811E+15") && !told).then_some(at));
            *tried.entry(case.adapter.clone()).or_default() += 1;
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    all_tried(&tried, &["care-provider-record", "careconnect", "eps", "gp2gp", "hl7v2", "itk-cda"]);
}

#[test]
fn characters_that_do_not_show_make_no_other_identifier() {
    let mut tried: BTreeMap<String, usize> = BTreeMap::new();
    let mut wrong = Vec::new();
    for case in cases() {
        let before = case.translate();
        let known = identifiers(&before.outputs);
        let items = items_of(&case, &before, |own| {
            let bare = own.trim_matches('"');
            let found = known.iter().any(|id| id == bare) && bare.is_ascii();
            found.then(|| own.replacen(bare, &format!("{}\u{200b}{}", &bare[..1], &bare[1..]), 1))
        });
        for (span, changed, at) in items.into_iter().take(TRIED_MAX) {
            let after = mutant(&case, span, &changed);
            let hidden = identifiers(&after.outputs).iter().any(|id| id.contains('\u{200b}'));
            wrong.extend(hidden.then_some(at));
            *tried.entry(case.adapter.clone()).or_default() += 1;
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    all_tried(&tried, &["careconnect", "council-case-extract", "edifact-pathology", "hl7v2"]);
}

/// Keys of a required code that stand without one: an extension alone breaks the binding.
fn codes_without_value(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::Object(members) => {
            for (key, inner) in members {
                let bare = key.strip_prefix('_').filter(|bare| !members.contains_key(*bare));
                found.extend(bare.filter(|bare| REQUIRED_CODES.contains(bare)).map(str::to_owned));
                codes_without_value(inner, found);
            }
        }
        Value::Array(list) => list.iter().for_each(|inner| codes_without_value(inner, found)),
        _ => {}
    }
}

/// Elements of type `code` that R4 binds to a list and that some adapter fills by a table.
const REQUIRED_CODES: [&str; 12] = [
    "comparator",
    "criticality",
    "docStatus",
    "gender",
    "intent",
    "lifecycleStatus",
    "mode",
    "priority",
    "severity",
    "status",
    "type",
    "use",
];

#[test]
fn an_unknown_sex_is_a_valid_code_and_told() {
    let mut tried: BTreeMap<String, usize> = BTreeMap::new();
    let mut wrong = Vec::new();
    for case in cases() {
        let before = case.translate();
        let genders: BTreeSet<String> = resources(&before.outputs)
            .iter()
            .flat_map(|r| {
                [
                    r["gender"].as_str().map(str::to_owned),
                    r["contact"][0]["gender"].as_str().map(str::to_owned),
                ]
            })
            .flatten()
            .collect();
        if genders.is_empty() {
            continue;
        }
        let short = |own: &str| own.trim_matches('"').len() <= 12;
        // An item is a sex if another sex in its place makes another one of the output.
        let items = items_of(&case, &before, |own| short(own).then(|| own.to_owned()));
        for (span, own, at) in items {
            let bare = own.trim_matches('"').to_owned();
            let known =
                ["M", "F", "1", "2", "0", "9", "U", "male", "female", "Male", "Female", "other", "unknown"];
            let found = known.iter().find(|k| **k == bare);
            let Some(said) = found else { continue };
            let is_word = said.len() > 1;
            let other = match *said {
                "1" => "2",
                "2" | "9" | "0" => "1",
                "M" => "F",
                "F" | "U" => "M",
                "male" | "other" | "unknown" => "female",
                "Male" => "Female",
                _ if said.starts_with('F') => "Male",
                _ => "male",
            };
            let count = |t: &Translation, code: &str| {
                json(&t.outputs).matches(&format!("\"gender\":\"{code}\"")).count()
            };
            let turned = mutant(&case, span, &own.replacen(&bare, other, 1));
            let same =
                ["male", "female", "other", "unknown"].iter().all(|g| count(&turned, g) == count(&before, g));
            if same {
                continue;
            }
            let strange = if is_word { "Quolm" } else { "Q" };
            let after = mutant(&case, span, &own.replacen(&bare, strange, 1));
            *tried.entry(case.adapter.clone()).or_default() += 1;
            let told =
                tells(&before, &after, &["unknown", "code", "gender", "pattern", "value", "sex", "invalid"]);
            if !told {
                wrong.push(format!("{at}: not told"));
            }
            let shown = json(&after.outputs).contains(&format!("\"{strange}\""));
            if !shown
                && !refuses(&after, span)
                && after.outputs.len() == before.outputs.len()
                && after.outputs.iter().map(|o| o.resources).sum::<u32>()
                    == before.outputs.iter().map(|o| o.resources).sum::<u32>()
            {
                wrong.push(format!("{at}: not readable"));
            }
            for resource in resources(&after.outputs) {
                let mut bare = Vec::new();
                codes_without_value(&resource, &mut bare);
                if !bare.is_empty() {
                    wrong.push(format!("{at}: {bare:?}"));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    all_tried(&tried, &SEXED);
}

/// Formats that state a sex by a code of a list, with cases of it.
const SEXED: [&str; 9] = [
    "careconnect",
    "client-level-data",
    "council-case-extract",
    "discharge-notice",
    "edifact-pathology",
    "eps",
    "fhir-r4",
    "hl7v2",
    "itk-cda",
];

/// Whether the item that begins here is refused: it is told as an error and is in the original.
fn refuses(after: &Translation, span: (usize, usize)) -> bool {
    after.ledger.items().iter().any(|i| i.span.start as usize == span.0 && i.outcome == Outcome::Rejected)
}

#[test]
fn a_birth_date_that_can_t_be_read_is_told_and_stays() {
    let mut tried: BTreeMap<String, usize> = BTreeMap::new();
    let mut wrong = Vec::new();
    for case in cases() {
        let before = case.translate();
        let births = births(&before.outputs);
        let items = items_of(&case, &before, |own| {
            let bare = own.trim_matches('"');
            let digits: String = bare.chars().filter(char::is_ascii_digit).collect();
            births.iter().any(|b| digits == b.replace('-', "")).then(|| own.replacen(bare, "31Jun48", 1))
        });
        for (span, changed, at) in items.into_iter().take(TRIED_MAX) {
            let after = mutant(&case, span, &changed);
            *tried.entry(case.adapter.clone()).or_default() += 1;
            let births_after = self::births(&after.outputs);
            let written = births_after.iter().any(|b| !births.contains(b));
            let told =
                tells(&before, &after, &["date", "birth", "invalid", "pattern", "value", "format", "time"]);
            let shown = json(&after.outputs).contains("31Jun48");
            let count = |t: &Translation| t.outputs.iter().map(|o| o.resources).sum::<u32>();
            if written {
                wrong.push(format!("{at}: carried"));
            }
            if !told {
                wrong.push(format!(
                    "{at}: not told {:?}",
                    after.issues.iter().map(|i| i.rule).collect::<Vec<_>>()
                ));
            }
            if !shown && !refuses(&after, span) && count(&after) >= count(&before) {
                wrong.push(format!("{at}: not readable"));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    all_tried(
        &tried,
        &["careconnect", "edifact-pathology", "eps", "hl7v2", "itk-cda", "nhais", "personal-readings"],
    );
}

/// Programs that end texts with a NUL send it along: what comes before it is the message.
#[test]
fn a_nul_behind_a_document_changes_nothing() {
    let (mut tried, mut wrong) = (0, Vec::new());
    for case in cases() {
        let start = case.input.iter().find(|b| !b.is_ascii_whitespace()).copied().unwrap_or_default();
        let is_document = matches!(start, b'<' | b'{' | b'[')
            || case.input.starts_with(b"UN")
            || case.input.starts_with(b"MSH");
        let before = case.translate();
        if !is_document || before.unreadable {
            continue;
        }
        let mut input = case.input.clone();
        input.extend_from_slice(b"\0\0");
        let after = translate(case.adapter(), &input, &case.context());
        tried += 1;
        if after.outputs != before.outputs || after.rejected() != before.rejected() {
            wrong.push(format!("{}/{}: {:?}", case.adapter, case.name, after.issues.last()));
        }
    }
    assert!(wrong.is_empty() && tried > 100, "{tried}: {wrong:#?}");
}

/// The code of each quantity that is called UCUM's.
fn units(value: &Value, found: &mut BTreeSet<String>) {
    match value {
        Value::Object(members) => {
            if members.get("system").and_then(Value::as_str) == Some("http://unitsofmeasure.org") {
                found.extend(members.get("code").and_then(Value::as_str).map(str::to_owned));
            }
            members.values().for_each(|inner| units(inner, found));
        }
        Value::Array(list) => list.iter().for_each(|inner| units(inner, found)),
        _ => {}
    }
}

#[test]
fn what_is_no_unit_of_ucum_is_not_called_one() {
    let mut tried: BTreeMap<String, usize> = BTreeMap::new();
    let mut wrong = Vec::new();
    let all = |outputs: &[Output]| {
        let mut found = BTreeSet::new();
        resources(outputs).iter().for_each(|r| units(r, &mut found));
        found
    };
    for case in cases() {
        let before = case.translate();
        let known = all(&before.outputs);
        for (said, meant) in [("Kg", Some("kg")), ("lb", Some("[lb_av]")), ("zonks", None)] {
            let items = items_of(&case, &before, |own| {
                let bare = own.trim_matches('"');
                known.contains(bare).then(|| own.replacen(bare, said, 1))
            });
            for (span, changed, at) in items.into_iter().take(TRIED_MAX) {
                let after = mutant(&case, span, &changed);
                let codes = all(&after.outputs);
                *tried.entry(case.adapter.clone()).or_default() += 1;
                if codes.iter().any(|code| !causeway_terminology::ucum::is_unit(code)) {
                    wrong.push(format!("{at}: {said} is called a unit of UCUM: {codes:?}"));
                }
                let shown = json(&after.outputs).contains(said);
                let read = meant.is_some_and(|meant| codes.contains(meant));
                if !shown && !read && !refuses(&after, span) && after.issues.len() <= before.issues.len() {
                    wrong.push(format!("{at}: {said} is neither read, readable nor told"));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    all_tried(
        &tried,
        &["care-provider-record", "careconnect", "edifact-pathology", "fhir-r4", "gp2gp", "hl7v2"],
    );
}
