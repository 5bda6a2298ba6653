//! The orders of one message: what each belongs to, and what it may follow.

use std::collections::HashMap;

use causeway_core::ItemId;
use causeway_fhir::Ref;
use causeway_hl7v2::Segment;

use crate::datatypes::Ei;
use crate::limits::PARENTS_MAX;
use crate::patient::Patient;

/// What an order belongs to.
pub struct Within<'a, 'm> {
    /// The patient.
    pub patient: &'a Patient,
    /// The encounter, where there is one.
    pub encounter: Option<&'a Ref>,
    /// Control id of the message and number of the order in it, for orders without a number.
    pub fallback: String,
    /// Whether what stands below an order reports on it; else it belongs to the order: questions that it answers.
    pub reports: bool,
    /// Whether the message reports results, so that an order without any is a report too.
    pub results: bool,
    /// Notes below specimens, by the number of their segment.
    pub notes: &'a HashMap<usize, Vec<Segment<'m>>>,
}

/// The orders of a message that were written: what later ones may follow.
#[derive(Default)]
pub struct Family<'m> {
    requests: Vec<Ref>,
    /// Place of an order's request, by its numbers: the last one counts.
    by_number: HashMap<&'m str, usize>,
    /// Results by their code, each with the place of its order.
    by_code: HashMap<&'m str, Vec<(usize, Ref, Segment<'m>)>>,
}

impl<'m> Family<'m> {
    /// Adds an order by its numbers, placer's and filler's, with its request and results.
    pub fn add(&mut self, numbers: [Option<Ei<'m>>; 2], request: Ref, results: Vec<(Ref, Segment<'m>)>) {
        let at = self.requests.len();
        self.requests.push(request);
        for ei in numbers.into_iter().flatten() {
            self.by_number.insert(ei.id.text, at);
        }
        for (target, obx) in results {
            if let Some(code) = obx.first(3).leaves().next() {
                self.by_code.entry(code.text).or_default().push((at, target, obx));
            }
        }
    }

    /// The request of the order that has this number.
    pub fn request(&self, number: Ei<'m>) -> Option<Ref> {
        self.requests.get(*self.by_number.get(number.id.text)?).cloned()
    }

    /// The result that OBR-26 names by code and sub-id: in the order that OBR-29 names, else the last one.
    pub fn result(&self, obr: Segment<'m>) -> Option<(Ref, Vec<ItemId>)> {
        let (code, sub) = (obr.comp(26, 1)?, obr.comp(26, 2));
        let parent = obr.first(29);
        let halves = [Ei::read_sub(parent.comp(1)), Ei::read_sub(parent.comp(2))];
        let named = halves.into_iter().flatten().find_map(|ei| self.by_number.get(ei.id.text)).copied();
        let alike = self.by_code.get(code.text)?.iter().rev().take(PARENTS_MAX);
        let fits = |(_, _, obx): &&(usize, Ref, Segment<'m>)| {
            sub.is_none_or(|sub| obx.leaf(4).is_some_and(|own| own.text == sub.text))
        };
        let mut fitting = alike.filter(fits).peekable();
        let last = fitting.peek().map(|(_, target, _)| target.clone());
        let own = fitting.find(|(at, _, _)| Some(*at) == named).map(|(_, target, _)| target.clone());
        let from = [Some(code), sub].into_iter().flatten().map(|l| l.id).collect();
        own.or(last).map(|target| (target, from))
    }
}
