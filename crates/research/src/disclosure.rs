//! Disclosure control: groups of people who are alike, rare codes, and tables of counts.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::hash::{DefaultHasher, Hash, Hasher};

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// What anybody may know of a person: band of the year of birth, sex, district, and whether the person has died.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Quasi {
    band: Option<String>,
    sex: Option<String>,
    district: Option<String>,
    dead: bool,
}

/// How much of [`Quasi`] a person keeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Level {
    /// All.
    All,
    /// Without the district.
    NoDistrict,
    /// The sex alone.
    SexOnly,
    /// None of it.
    Nothing,
    /// The person is left out: even so the group would be too small.
    Out,
}

const LEVELS: [Level; 4] = [Level::All, Level::NoDistrict, Level::SexOnly, Level::Nothing];

impl Quasi {
    /// Of a de-identified Patient.
    pub fn of(patient: &Value) -> Self {
        let text = |value: Option<&Value>| value.and_then(Value::as_str).map(str::to_owned);
        Self {
            band: text(patient.get("birthDate")),
            sex: text(patient.get("gender")),
            district: text(patient.pointer("/address/0/postalCode")),
            dead: patient.get("deceasedBoolean").and_then(Value::as_bool) == Some(true),
        }
    }

    fn at(&self, level: Level) -> Self {
        match level {
            Level::All => self.clone(),
            Level::NoDistrict => Self { district: None, ..self.clone() },
            Level::SexOnly => Self { sex: self.sex.clone(), ..Self::default() },
            Level::Nothing | Level::Out => Self::default(),
        }
    }
}

/// Counts of the first pass: people by quasi-identifiers, and people by code.
#[derive(Debug, Default)]
pub struct Counts {
    people: BTreeMap<Quasi, u64>,
    /// Codes of conditions by group, for diversity.
    conditions: HashMap<Quasi, BTreeSet<u64>>,
    /// People by code.
    codes: HashMap<(String, String), u64>,
}

/// What was measured of a pseudonymised extract.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Measured {
    /// Fewest people who are alike.
    pub k: u64,
    /// Fewest different conditions among people who are alike and have any.
    pub l: u64,
    /// People by how much of age band, sex and district they keep.
    pub kept: BTreeMap<String, u64>,
    /// Codes left out because too few people have them.
    pub rare_codes: u64,
}

/// People by whom two extracts of a project may differ without a group becoming smaller than was promised: a group or
/// code that is told for the first time has so many more.
pub const MARGIN: u64 = 1;

/// What an extract decided about groups and codes, kept beside the data for the next one of the project: what was told
/// stays told while enough people are alike, what was left out stays left out. It holds counts and no person.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decided {
    /// What each group keeps, and of how many people it was.
    levels: Vec<(Quasi, Level, u64)>,
    /// Codes with their system: whether they were told, and how many people had them.
    codes: Vec<(String, String, bool, u64)>,
}

/// What the counts decide.
#[derive(Debug)]
pub struct Plan {
    levels: HashMap<Quasi, Level>,
    /// Codes that are left out, by system.
    rare: HashMap<String, HashSet<String>>,
    /// For the report.
    pub measured: Measured,
    /// For the next extract of the project.
    pub decided: Decided,
}

fn codings<'v>(value: &'v Value, found: &mut BTreeSet<(&'v str, &'v str)>) {
    match value {
        Value::Object(object) => {
            let text = |name: &str| object.get(name).and_then(Value::as_str);
            if let (Some(system), Some(code)) = (text("system"), text("code")) {
                found.insert((system, code));
            }
            object.values().for_each(|v| codings(v, found));
        }
        Value::Array(list) => list.iter().for_each(|v| codings(v, found)),
        _ => {}
    }
}

fn kind(resource: &Value) -> &str {
    resource.get("resourceType").and_then(Value::as_str).unwrap_or_default()
}

/// Systems whose codes everybody has: units, and HL7's own small sets.
fn is_common(system: &str) -> bool {
    system == "http://unitsofmeasure.org"
        || system.starts_with("http://terminology.hl7.org/")
        || system.starts_with("http://hl7.org/fhir/")
}

/// What is counted of one person.
pub struct Seen {
    quasi: Quasi,
    codes: Vec<(String, String)>,
    conditions: Vec<u64>,
}

impl Seen {
    /// Of a person's de-identified resources; nothing without a Patient.
    pub fn of(resources: &[Value]) -> Option<Self> {
        let quasi = Quasi::of(resources.iter().find(|r| kind(r) == "Patient")?);
        let mut all = BTreeSet::new();
        resources.iter().for_each(|resource| codings(resource, &mut all));
        let codes = all.iter().filter(|(system, _)| !is_common(system));
        let codes = codes.map(|(system, code)| ((*system).to_owned(), (*code).to_owned())).collect();
        let mut conditions = BTreeSet::new();
        resources.iter().filter(|r| kind(r) == "Condition").for_each(|r| {
            if let Some(code) = r.get("code") {
                codings(code, &mut conditions);
            }
        });
        let hashed = conditions.iter().map(|coding| {
            let mut hasher = DefaultHasher::new();
            coding.hash(&mut hasher);
            hasher.finish()
        });
        Some(Self { quasi, codes, conditions: hashed.collect() })
    }
}

impl Counts {
    /// Counts one person.
    pub fn add(&mut self, seen: Seen) {
        *self.people.entry(seen.quasi.clone()).or_default() += 1;
        for code in seen.codes {
            *self.codes.entry(code).or_default() += 1;
        }
        self.conditions.entry(seen.quasi).or_default().extend(seen.conditions);
    }

    /// Which groups stand as they were in the extract before, and how many people each shape has.
    fn standing(&self, smallest: u64, before: &Decided) -> (HashMap<Quasi, Level>, HashMap<Quasi, u64>) {
        let mut shapes: HashMap<Quasi, u64> = HashMap::new();
        for (quasi, level, _) in before.levels.iter().filter(|(_, level, _)| *level != Level::Out) {
            *shapes.entry(quasi.at(*level)).or_default() += self.people.get(quasi).copied().unwrap_or(0);
        }
        shapes.retain(|_, people| *people >= smallest);
        let stands = before.levels.iter().filter(|(quasi, level, _)| {
            *level != Level::Out && self.people.contains_key(quasi) && shapes.contains_key(&quasi.at(*level))
        });
        (stands.map(|(quasi, level, _)| (quasi.clone(), *level)).collect(), shapes)
    }

    /// Decides what each group keeps, so that at least `smallest` people are alike, and which codes are too rare. Where
    /// there was an extract before, it changes as little as that allows: two extracts that differ by one person tell of
    /// the others what each tells alone.
    pub fn plan(&self, smallest: u64, before: &Decided) -> Plan {
        let (mut levels, standing) = self.standing(smallest, before);
        let mut left: Vec<&Quasi> = self.people.keys().filter(|quasi| !levels.contains_key(*quasi)).collect();
        for level in LEVELS {
            let mut groups: HashMap<Quasi, u64> = HashMap::new();
            for quasi in &left {
                *groups.entry(quasi.at(level)).or_default() += self.people.get(*quasi).copied().unwrap_or(0);
            }
            left.retain(|quasi| {
                let shape = quasi.at(level);
                let enough = standing.contains_key(&shape)
                    || groups.get(&shape).is_some_and(|n| *n >= smallest + MARGIN);
                if enough {
                    levels.insert((*quasi).clone(), level);
                }
                !enough
            });
        }
        let mut measured = Measured::default();
        let mut published: HashMap<Quasi, (u64, BTreeSet<u64>)> = HashMap::new();
        for (quasi, people) in &self.people {
            let level = levels.get(quasi).copied().unwrap_or(Level::Out);
            let word = match level {
                Level::All => "band, sex and district",
                Level::NoDistrict => "band and sex",
                Level::SexOnly => "sex",
                Level::Nothing => "nothing",
                Level::Out => "left out",
            };
            *measured.kept.entry(word.to_owned()).or_default() += people;
            if level != Level::Out {
                let group = published.entry(quasi.at(level)).or_default();
                group.0 += people;
                group.1.extend(self.conditions.get(quasi).into_iter().flatten());
            }
        }
        measured.k = published.values().map(|(people, _)| *people).min().unwrap_or(0);
        measured.l =
            published.values().map(|(_, c)| c.len() as u64).filter(|count| *count > 0).min().unwrap_or(0);
        let known: HashMap<(&str, &str), (bool, u64)> =
            before.codes.iter().map(|(s, c, told, n)| ((s.as_str(), c.as_str()), (*told, *n))).collect();
        let rare: BTreeSet<(String, String)> = self
            .codes
            .iter()
            .filter(|((system, code), people)| match known.get(&(system.as_str(), code.as_str())) {
                Some((true, _)) => **people < smallest,
                // Those who had it before would be told from those who came since.
                Some((false, had)) => *had < smallest || **people < smallest + MARGIN,
                None => **people < smallest + MARGIN,
            })
            .map(|(code, _)| code.clone())
            .collect();
        measured.rare_codes = rare.len() as u64;
        let decided = self.decided(&levels, &rare, before);
        let mut by_system: HashMap<String, HashSet<String>> = HashMap::new();
        for (system, code) in rare {
            by_system.entry(system).or_default().insert(code);
        }
        Plan { levels, rare: by_system, measured, decided }
    }

    /// What the next extract is told: this one's decisions, and those of before about what is not there now.
    fn decided(
        &self,
        levels: &HashMap<Quasi, Level>,
        rare: &BTreeSet<(String, String)>,
        before: &Decided,
    ) -> Decided {
        let level = |quasi: &Quasi| levels.get(quasi).copied().unwrap_or(Level::Out);
        let mut out = Decided::default();
        out.levels.extend(self.people.iter().map(|(quasi, n)| (quasi.clone(), level(quasi), *n)));
        let gone = before.levels.iter().filter(|(quasi, ..)| !self.people.contains_key(quasi));
        out.levels.extend(gone.cloned());
        let had: HashMap<(&str, &str), u64> = before
            .codes
            .iter()
            .filter(|(.., told, _)| !told)
            .map(|(s, c, _, n)| ((s.as_str(), c.as_str()), *n))
            .collect();
        for (code @ (system, name), people) in &self.codes {
            let told = !rare.contains(code);
            // The fewest who had it while it was left out: of them it must not be told.
            let fewest = had.get(&(system.as_str(), name.as_str())).filter(|_| !told).copied();
            out.codes.push((system.clone(), name.clone(), told, fewest.unwrap_or(*people).min(*people)));
        }
        let gone = before.codes.iter().filter(|(s, c, ..)| !self.codes.contains_key(&(s.clone(), c.clone())));
        out.codes.extend(gone.cloned());
        out.levels.sort();
        out.codes.sort();
        out
    }
}

impl Plan {
    /// Takes out of a person's de-identified resources what would single the person out; `false` where the person is
    /// left out whole.
    pub fn apply(&self, resources: &mut [Value]) -> bool {
        let Some(patient) = resources.iter_mut().find(|r| kind(r) == "Patient") else { return false };
        let level = self.levels.get(&Quasi::of(patient)).copied().unwrap_or(Level::Out);
        if let Value::Object(object) = patient {
            if level >= Level::NoDistrict {
                object.remove("address");
            }
            if level >= Level::SexOnly {
                object.remove("birthDate");
                object.remove("deceasedBoolean");
            }
            if level >= Level::Nothing {
                object.remove("gender");
            }
        }
        if level == Level::Out {
            return false;
        }
        resources.iter_mut().for_each(|resource| self.without_rare(resource));
        true
    }

    fn without_rare(&self, value: &mut Value) {
        match value {
            Value::Object(object) => {
                let text = |name: &str| object.get(name).and_then(Value::as_str).unwrap_or_default();
                let is_rare = object.contains_key("code")
                    && self.rare.get(text("system")).is_some_and(|codes| codes.contains(text("code")));
                if is_rare {
                    object.remove("system");
                    object.remove("code");
                }
                object.values_mut().for_each(|v| self.without_rare(v));
                object.retain(|_, v| !is_empty(v));
            }
            Value::Array(list) => {
                list.iter_mut().for_each(|v| self.without_rare(v));
                list.retain(|v| !is_empty(v));
            }
            _ => {}
        }
    }
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Object(object) => object.is_empty(),
        Value::Array(list) => list.is_empty(),
        _ => false,
    }
}

/// The people of each cell of a table of counts, by their marks, which say nothing to anybody without the key.
pub type Cells = BTreeMap<Vec<String>, BTreeSet<u64>>;

/// A table of counts as published: a row of categories and a count, or none where it is suppressed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Published {
    /// Category values → count, a multiple of the base; `None` for a suppressed cell.
    pub counts: BTreeMap<String, Option<u64>>,
    /// What is kept apart with the project, so that the next table can be held against this one: the people counted.
    #[serde(default)]
    pub members: BTreeMap<String, BTreeSet<u64>>,
}

/// Base to which counts are rounded.
pub const BASE: u64 = 5;
/// Counts from one to this are told as one number.
pub const FEW: u64 = 7;

/// A count of people or items as others may see it, after the rule for hospital statistics (NHS England, HES disclosure
/// control): none is none, one to [`FEW`] are told as [`BASE`], the rest to the nearest multiple of it. Totals and parts are
/// rounded alike, so that no difference of two says what a small number was.
pub fn told(count: u64) -> u64 {
    match count {
        0 => 0,
        1..=FEW => BASE,
        _ => (count + BASE / 2) / BASE * BASE,
    }
}

/// Publishes a table: counts below `smallest` are suppressed; where exactly one cell of a row or column of a table of
/// two categories is, the next smallest goes with it, so that no total gives it away; what is left is rounded to 5. A
/// cell whose people differ by fewer than `smallest` from the table before keeps what that table said: two tables that
/// differ by one person tell nothing of the person.
pub fn publish(cells: &Cells, smallest: u64, before: Option<&Published>) -> Published {
    let name = |key: &[String]| serde_json::to_string(key).unwrap_or_default();
    let count = |key: &[String]| cells.get(key).map_or(0, |people| people.len() as u64);
    let mut suppressed: BTreeSet<&[String]> =
        cells.keys().map(Vec::as_slice).filter(|key| count(key) < smallest).collect();
    let width = cells.keys().map(Vec::len).max().unwrap_or(0);
    // Until nothing changes: a second suppression in a row may be the first of a column.
    loop {
        let mut more = Vec::new();
        for place in 0..width {
            let mut lines: BTreeMap<Vec<&String>, Vec<&[String]>> = BTreeMap::new();
            for key in cells.keys() {
                let line = key.iter().enumerate().filter(|(n, _)| *n != place).map(|(_, v)| v).collect();
                lines.entry(line).or_default().push(key);
            }
            for line in lines.values() {
                let hidden = line.iter().filter(|key| suppressed.contains(**key)).count();
                if hidden == 1 {
                    let next =
                        line.iter().filter(|key| !suppressed.contains(**key)).min_by_key(|key| count(key));
                    more.extend(next.copied());
                }
            }
        }
        if more.is_empty() {
            break;
        }
        suppressed.extend(more);
    }
    let mut published = Published::default();
    for (key, people) in cells {
        let label = name(key);
        let shown = (!suppressed.contains(key.as_slice())).then(|| told(people.len() as u64));
        let old = before.and_then(|b| Some((b.counts.get(&label)?, b.members.get(&label)?)));
        let (shown, members) = match old {
            Some((count, members)) if (members.symmetric_difference(people).count() as u64) < smallest => {
                (*count, members.clone())
            }
            _ => (shown, people.clone()),
        };
        published.counts.insert(label.clone(), shown);
        published.members.insert(label, members);
    }
    // A cell that is gone would tell of who left it.
    for (label, count) in before.map(|b| &b.counts).into_iter().flatten() {
        if !published.counts.contains_key(label) {
            let members = before.and_then(|b| b.members.get(label)).cloned().unwrap_or_default();
            if (members.len() as u64) < smallest {
                published.counts.insert(label.clone(), *count);
                published.members.insert(label.clone(), members);
            }
        }
    }
    published
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cells(list: &[(&str, &str, u64)]) -> Cells {
        let mut next = 0;
        list.iter()
            .map(|(a, b, n)| {
                let people = (next..next + n).collect();
                next += n;
                (vec![(*a).to_owned(), (*b).to_owned()], people)
            })
            .collect()
    }

    #[test]
    fn small_cells_take_a_second_one_along() {
        let table = cells(&[("f", "x", 3), ("f", "y", 12), ("m", "x", 20), ("m", "y", 31)]);
        let published = publish(&table, 5, None);
        let shown: Vec<u64> = published.counts.values().flatten().copied().collect();
        assert!(shown.len() <= 1, "one suppressed cell of four must hide all but at most one: {published:?}");
        assert!(published.counts.values().flatten().all(|n| n % 5 == 0 && *n >= 5));
    }

    #[test]
    fn what_is_told_of_a_total_and_its_parts_tells_no_small_number() {
        let mut seen: BTreeMap<[u64; 3], BTreeSet<u64>> = BTreeMap::new();
        // Up to a total that rounds down: the last step would be cut short.
        for total in 20..298_u64 {
            for removed in 1..=12 {
                let shown = [told(total), told(total - removed), told(removed)];
                seen.entry(shown).or_default().insert(removed);
            }
        }
        assert!(seen.values().all(|removed| removed.len() > 1), "{seen:?}");
        assert_eq!([0, 1, 7, 8, 12, 13].map(told), [0, 5, 5, 10, 10, 15]);
    }

    #[test]
    fn tables_that_differ_by_one_person_are_the_same() {
        let table = cells(&[("f", "x", 8), ("f", "y", 12), ("m", "x", 20), ("m", "y", 33)]);
        let first = publish(&table, 5, None);
        let mut differs = false;
        for key in table.keys() {
            for person in table.get(key).into_iter().flatten() {
                let mut without = table.clone();
                without.get_mut(key).map(|people| people.remove(person));
                assert_eq!(publish(&without, 5, Some(&first)).counts, first.counts);
                // The control: without the table before, a difference shows.
                differs |= publish(&without, 5, None).counts != first.counts;
            }
        }
        assert!(differs);
    }
}
