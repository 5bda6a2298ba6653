//! The truth of the ledger at random: [`Suite::lies`] tries a fixed set of values at each item, this tries any, by the ten
//! thousand: other values of the shape, values that other messages have, separators alone, doubled and mixed, at the
//! beginning, between and at the end of a text, repeated lines, and two words in two repetitions.

use std::collections::BTreeMap;

use causeway_core::{Item, Outcome, Place};

use super::mutate::{Random, mutate_value};
use super::truth::{BETWEEN, Lies, Pools, WORDS, escape, kind_of, lost, others, refused, spliced, strings};
use super::{CASE_BYTES_MAX, Suite};
use crate::Translation;

/// Shapes of values that an item is given at a time.
const SHAPES: usize = 3;
/// Numbers by which a value's letters and digits are changed.
const ATTEMPTS: usize = 40;
/// Separators that are put into a text at a time.
const SEPARATORS_MAX: usize = 3;
/// Texts with separators that an item is given at a time.
const TEXTS: usize = 6;

/// What a run at random found.
#[derive(Debug, Default)]
pub struct AtRandom {
    /// Changed inputs that were translated.
    pub mutants: u64,
    /// Items that were tried.
    pub items: u64,
    /// `case: place`, and what is wrong.
    pub lies: BTreeMap<String, String>,
}

/// A case with what became of it.
struct Known<'a> {
    name: &'a str,
    input: &'a [u8],
    before: Translation,
    said: String,
}

impl Suite<'_> {
    /// No claim is untrue of so many changed inputs.
    ///
    /// # Panics
    /// With the claims that are.
    pub fn tells_the_truth_at_random(&self, mutants: u64, seed: u64) {
        let found = self.lies_at_random(mutants, seed);
        let list: String = found.lies.iter().map(|(at, what)| format!("  {at}: {what}\n")).collect();
        let (tried, count) = (found.mutants, found.lies.len());
        assert!(
            count == 0,
            "the ledger does not tell the truth ({count} lies in {tried}, seed {seed}):\n{list}"
        );
    }

    /// Tries items at random until so many changed inputs were translated. The same seed tries the same.
    pub fn lies_at_random(&self, mutants: u64, seed: u64) -> AtRandom {
        let pools = self.pools();
        let small = self.cases.iter().filter(|(_, input)| input.len() <= CASE_BYTES_MAX);
        let known: Vec<Known<'_>> = small
            .map(|(name, input)| {
                let before = self.run(input);
                let said = strings(&before);
                Known { name, input, before, said }
            })
            .filter(|known| !known.before.ledger.is_empty())
            .collect();
        let mut random = Random(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1);
        let mut found = AtRandom::default();
        let begun = self.translated();
        while found.mutants < mutants && !known.is_empty() {
            let one = &known[random.below(known.len())];
            let items = one.before.ledger.items();
            let item = &items[random.below(items.len())];
            if item.place == Place::Whole || item.span.is_empty() {
                found.mutants += 1;
                continue;
            }
            found.items += 1;
            match random.below(2) {
                0 => self.value(one, item, &pools, &mut random, &mut found.lies),
                _ => self.text(one, item, &mut random, &mut found.lies),
            }
            found.mutants = self.translated() - begun;
        }
        found
    }

    fn value(&self, one: &Known<'_>, item: &Item, pools: &Pools, random: &mut Random, lies: &mut Lies) {
        let (start, end) = (item.span.start as usize, item.span.end as usize);
        let attempts: Vec<u8> = (0..SHAPES).map(|_| random.below(ATTEMPTS) as u8).collect();
        let shaped =
            attempts.iter().map_while(|attempt| mutate_value(one.input, start, end, *attempt)).collect();
        let pool: Vec<&Vec<u8>> = others(one.input, &one.before, item, pools).collect();
        let mut others = Vec::new();
        for _ in 0..SHAPES.min(pool.len()) {
            others.push(spliced(one.input, start, end, pool[random.below(pool.len())]));
        }
        self.changed(one.name, &one.before, item, (shaped, others), lies);
    }

    fn text(&self, one: &Known<'_>, item: &Item, random: &mut Random, lies: &mut Lies) {
        let (start, end) = (item.span.start as usize, item.span.end as usize);
        let value = String::from_utf8_lossy(item.span.of(one.input));
        let letters = value.chars().filter(|c| c.is_alphabetic()).count();
        if item.outcome != Outcome::Mapped || letters < 3 || !one.said.contains(value.trim()) {
            return;
        }
        let plain = self.run(&spliced(one.input, start, end, WORDS[0].as_bytes()));
        // Only what takes any word is text: a code would be told as unknown.
        if refused(&one.before, &plain) || !strings(&plain).contains(WORDS[0]) {
            return;
        }
        let at = format!("{}: {}", one.name, item.place.render(one.before.ledger.outline()));
        for _ in 0..TEXTS {
            let mut signs = || {
                let count = random.below(SEPARATORS_MAX + 1);
                let sign = |random: &mut Random| {
                    let plain = BETWEEN[random.below(BETWEEN.len())];
                    let escaped = escape(one.input, start, plain).filter(|_| random.below(2) == 0);
                    escaped.unwrap_or_else(|| plain.to_owned())
                };
                (0..count).map(|_| sign(random)).collect::<String>()
            };
            let text = format!("{}{}{}{}{}", signs(), WORDS[0], signs(), WORDS[1], signs());
            let mutant = spliced(one.input, start, end, text.as_bytes());
            if let Some(what) = lost(&plain, &self.run(&mutant), &mutant) {
                lies.entry(format!("{at} with {text:?}")).or_insert(what);
            }
        }
        self.both(&at, one, item, random, lies);
        self.repeated(&at, one.input, item, &plain, lies);
        self.moved(&at, one.input, item, &one.before, &one.said, lies);
    }

    /// Two words in two items of one kind: two repetitions, two rows, two components of two lines.
    fn both(&self, at: &str, one: &Known<'_>, item: &Item, random: &mut Random, lies: &mut Lies) {
        let kind = kind_of(&item.place.render(one.before.ledger.outline()));
        let is_other = |other: &&Item| {
            other.span.start >= item.span.end
                && other.outcome == Outcome::Mapped
                && kind_of(&other.place.render(one.before.ledger.outline())) == kind
        };
        let all: Vec<&Item> = one.before.ledger.items().iter().filter(is_other).collect();
        if all.is_empty() {
            return;
        }
        let other = all[random.below(all.len())];
        let (start, end) = (other.span.start as usize, other.span.end as usize);
        let mutant = spliced(one.input, start, end, WORDS[1].as_bytes());
        let alone = self.run(&mutant);
        if refused(&one.before, &alone) || !strings(&alone).contains(WORDS[1]) {
            return;
        }
        let (start, end) = (item.span.start as usize, item.span.end as usize);
        let mutant = spliced(&mutant, start, end, WORDS[0].as_bytes());
        if let Some(what) = lost(&alone, &self.run(&mutant), &mutant) {
            let other = other.place.render(one.before.ledger.outline());
            lies.entry(format!("{at} and {other}")).or_insert(what);
        }
    }
}
