//! The resources of a bundle that is written as a message, by number, type and address.

use std::collections::HashSet;

use serde_json::Value;

use crate::build::list;

/// Resources by the addresses that others refer to them by.
#[derive(Debug)]
pub struct Bundle<'b> {
    /// Each resource with its number in the bundle and its `fullUrl`.
    pub all: Vec<(usize, &'b str, &'b Value)>,
    /// Numbers of those that are not written: the message would turn their sense.
    pub skip: HashSet<usize>,
}

impl<'b> Bundle<'b> {
    /// The entries of a bundle, those of the numbers in `skip` not to be written.
    pub fn new(bundle: &'b Value, skip: HashSet<usize>) -> Self {
        let entry =
            |(n, e): (usize, &'b Value)| (n, e["fullUrl"].as_str().unwrap_or_default(), &e["resource"]);
        Self { all: list(bundle, "entry").iter().enumerate().map(entry).collect(), skip }
    }

    /// Resources of a type with their numbers, in their order.
    pub fn of(&self, kind: &str) -> impl Iterator<Item = (usize, &'b Value)> {
        self.all.iter().filter(move |(_, _, r)| r["resourceType"] == *kind).map(|(n, _, r)| (*n, *r))
    }

    /// The resource that a reference leads to, with its number.
    pub fn find(&self, reference: &Value) -> Option<(usize, &'b Value)> {
        let to = reference["reference"].as_str()?;
        let found = self.all.iter().find(|(_, url, r)| {
            *url == to
                || to.split_once('/').is_some_and(|(kind, id)| r["resourceType"] == *kind && r["id"] == *id)
        });
        found.map(|(n, _, r)| (*n, *r))
    }
}
