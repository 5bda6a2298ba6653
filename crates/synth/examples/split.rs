//! A whole country split by person: how even the parts are, and what no longer lies within one of them.
//!
//! ```sh
//! cargo run --release -p causeway-synth --example split
//! ```
//!
//! Everybody is invented: numbers, households and practices of the sizes that they have in the United Kingdom, and messages a year
//! that are as uneven as people's illnesses are. The same run gives the same figures. It stands for no measurement: what is split
//! is a number of people and messages, not a running exchange.

use std::io::{self, Write as _};

/// People.
const PEOPLE: u64 = 60_000_000;
/// Messages a year of all of them.
const MESSAGES: f64 = 1_500_000_000.0;
/// Seconds of a year.
const YEAR: f64 = 365.25 * 24.0 * 3_600.0;
/// How many times the average the busiest hour is.
const BUSIEST: f64 = 7.0;
/// GP practices.
const PRACTICES: usize = 6_300;
/// Of a hundred households, those of one, two, … six people (ONS, Families and households, rounded).
const HOUSEHOLDS: [u64; 6] = [30, 34, 16, 14, 4, 2];
/// Standard deviation of the logarithm of a person's messages: one in a hundred has 9 times the average or more, and these
/// together a sixth of all messages.
const UNEVEN: f64 = 1.35;
/// The same of a practice's list.
const UNEVEN_PRACTICES: f64 = 0.6;
/// Parts that are tried.
const PARTS: [usize; 5] = [4, 16, 64, 256, 1_024];

/// A number that says nothing of the one it is made of (splitmix64): stands for the keyed digest of a person's number.
fn mixed(number: u64) -> u64 {
    let mut x = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

/// Numbers drawn one after the other, the same in each run.
struct Drawn(u64);

impl Drawn {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(1);
        mixed(mixed(self.0) ^ 0x5bf0_3635)
    }

    /// From 0 up to 1.
    fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1u64 << 53) as f64
    }

    /// About 1 on average, and the more uneven the larger `deviation` is.
    fn uneven(&mut self, deviation: f64) -> f64 {
        let (a, b) = (self.unit().max(f64::MIN_POSITIVE), self.unit());
        let normal = (-2.0 * a.ln()).sqrt() * (std::f64::consts::TAU * b).cos();
        (deviation * normal - deviation * deviation / 2.0).exp()
    }
}

/// Where a number lies among so many parts.
fn part(number: u64, parts: usize) -> usize {
    usize::try_from(number % parts as u64).unwrap_or(0)
}

/// What lies in each part.
struct Split {
    people: Vec<u64>,
    messages: Vec<f64>,
}

impl Split {
    fn new(parts: usize) -> Self {
        Self { people: vec![0; parts], messages: vec![0.0; parts] }
    }

    fn add(&mut self, part: usize, messages: f64) {
        if let (Some(people), Some(sum)) = (self.people.get_mut(part), self.messages.get_mut(part)) {
            *people += 1;
            *sum += messages;
        }
    }

    /// The fullest part over the average one: people, messages.
    fn fullest(&self) -> (f64, f64) {
        let over = |most: f64, all: f64| most * self.people.len() as f64 / all;
        let people = self.people.iter().copied().max().unwrap_or(0) as f64;
        let messages = self.messages.iter().copied().fold(0.0, f64::max);
        (over(people, self.people.iter().sum::<u64>() as f64), over(messages, self.messages.iter().sum()))
    }
}

/// One number of parts, split by person and by practice.
struct Tried {
    parts: usize,
    by_person: Split,
    by_practice: Split,
    /// Households of two or more whose people all lie in one part.
    together: u64,
    /// Parts that the people of each practice lie in, a bit each.
    touched: Vec<Vec<u64>>,
}

fn main() -> io::Result<()> {
    let mut drawn = Drawn(999);
    // Where each practice's share of the country ends.
    let mut ends = Vec::with_capacity(PRACTICES);
    let mut all = 0.0;
    for _ in 0..PRACTICES {
        all += drawn.uneven(UNEVEN_PRACTICES);
        ends.push(all);
    }
    let mut tried: Vec<Tried> = PARTS
        .iter()
        .map(|&parts| Tried {
            parts,
            by_person: Split::new(parts),
            by_practice: Split::new(parts),
            together: 0,
            touched: vec![vec![0; parts.div_ceil(64)]; PRACTICES],
        })
        .collect();
    let (mut person, mut shared) = (0u64, 0u64);
    while person < PEOPLE {
        let mut at = drawn.next() % 100;
        let size = HOUSEHOLDS.iter().position(|share| match at.checked_sub(*share) {
            Some(rest) => {
                at = rest;
                false
            }
            None => true,
        });
        let members = person..(person + size.unwrap_or(0) as u64 + 1).min(PEOPLE);
        let where_ = drawn.unit() * all;
        let practice = ends.partition_point(|end| *end < where_).min(PRACTICES - 1);
        shared += u64::from(members.end - members.start > 1);
        for one in &mut tried {
            let home = part(mixed(members.start), one.parts);
            let within = members.clone().all(|member| part(mixed(member), one.parts) == home);
            one.together += u64::from(within && members.end - members.start > 1);
        }
        for member in members.clone() {
            let messages = drawn.uneven(UNEVEN);
            for one in &mut tried {
                let own = part(mixed(member), one.parts);
                one.by_person.add(own, messages);
                one.by_practice.add(part(mixed(practice as u64 ^ 0x00ff_ff00_0000), one.parts), messages);
                if let Some(word) = one.touched.get_mut(practice).and_then(|words| words.get_mut(own / 64)) {
                    *word |= 1 << (own % 64);
                }
            }
        }
        person = members.end;
    }
    let mut out = io::stdout().lock();
    writeln!(
        out,
        "{PEOPLE} people, {:.0} messages a second on average, {:.0} in the busiest hour; {PRACTICES} practices; {shared} households of two \
         and more\n\n\
         | parts | people of a part | fullest, people | fullest, messages | its messages a second, busiest hour | the same split by practice | \
         households within one part | parts that a practice's people lie in, median and least |\n|---|---|---|---|---|---|---|---|",
        MESSAGES / YEAR,
        BUSIEST * MESSAGES / YEAR
    )?;
    for one in &tried {
        let (people, messages) = one.by_person.fullest();
        let (_, by_practice) = one.by_practice.fullest();
        let mut touched: Vec<u32> =
            one.touched.iter().map(|words| words.iter().map(|w| w.count_ones()).sum()).collect();
        touched.sort_unstable();
        writeln!(
            out,
            "| {} | {} | {people:.4} × | {messages:.4} × | {:.1} | {by_practice:.2} × | {:.1} % | {} and {} |",
            one.parts,
            PEOPLE / one.parts as u64,
            BUSIEST * MESSAGES / YEAR / one.parts as f64 * messages,
            100.0 * one.together as f64 / shared as f64,
            touched.get(touched.len() / 2).copied().unwrap_or(0),
            touched.first().copied().unwrap_or(0),
        )?;
    }
    Ok(())
}
