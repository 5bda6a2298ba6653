//! Bundles that are checked entry by entry: what must be known of all entries before one can be checked.

use super::Walker;
use crate::Options;
use crate::base::Fnv;
use crate::definitions::Definitions;
use crate::report::{Report, Unchecked};
use crate::tree::Tree;
use serde::Deserialize;
use serde_json::Value;
use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasher, BuildHasherDefault, Hash, RandomState};

/// What an entry is called, without the rest of it.
#[derive(Deserialize, Debug)]
pub struct EntryHead<'t> {
    #[serde(borrow, rename = "fullUrl")]
    full_url: Option<Cow<'t, str>>,
    #[serde(borrow)]
    resource: Option<ResourceHead<'t>>,
}

#[derive(Deserialize, Debug)]
struct ResourceHead<'t> {
    #[serde(borrow, rename = "resourceType")]
    resource_type: Option<Cow<'t, str>>,
    #[serde(borrow)]
    id: Option<Cow<'t, str>>,
    #[serde(borrow)]
    meta: Option<MetaHead<'t>>,
}

#[derive(Deserialize, Debug)]
struct MetaHead<'t> {
    #[serde(borrow, rename = "versionId")]
    version_id: Option<Cow<'t, str>>,
}

/// How many entries have one fullUrl, and the type of the first.
#[derive(Clone, Copy, Debug)]
struct Known {
    ty: u16,
    count: u16,
}

/// The entries of a Bundle by digests of their names: about 60 bytes an entry, whatever its size.
#[derive(Debug, Default)]
pub struct BundleDigest {
    pub(crate) kind: String,
    keys: RandomState,
    types: Vec<String>,
    by_url: HashMap<u64, Known, BuildHasherDefault<Fnv>>,
    by_id: HashSet<u64, BuildHasherDefault<Fnv>>,
    /// fullUrl and version, to find those that stand twice.
    versions: HashSet<u64, BuildHasherDefault<Fnv>>,
    /// Entries whose fullUrl and version another has before them.
    repeated: HashSet<usize>,
    entries: usize,
}

impl BundleDigest {
    fn digest(&self, what: impl Hash) -> u64 {
        self.keys.hash_one(what)
    }

    /// Takes the next entry.
    pub fn add(&mut self, head: &EntryHead<'_>) {
        let number = self.entries;
        self.entries += 1;
        let resource = head.resource.as_ref();
        let version = resource.and_then(|r| r.meta.as_ref()?.version_id.as_deref());
        if let Some(url) = head.full_url.as_deref() {
            let key = self.digest((url, version));
            if !self.versions.insert(key) {
                self.repeated.insert(number);
            }
        }
        let Some(resource) = resource else { return };
        let Some(ty) = resource.resource_type.as_deref() else { return };
        let place = self.types.iter().position(|t| t == ty).unwrap_or_else(|| {
            self.types.push(ty.chars().take(64).collect());
            self.types.len() - 1
        });
        if let Some(url) = head.full_url.as_deref() {
            let key = self.digest(url);
            let known = self
                .by_url
                .entry(key)
                .or_insert(Known { ty: u16::try_from(place).unwrap_or(u16::MAX), count: 0 });
            known.count = known.count.saturating_add(1);
            if let Some((_, ty, id)) = super::address::restful(url) {
                let key = self.digest((ty, id));
                self.by_id.insert(key);
            }
        }
        if let Some(id) = resource.id.as_deref() {
            let key = self.digest((ty, id));
            self.by_id.insert(key);
        }
    }

    /// Passes over an entry whose names can't be read.
    pub fn pass(&mut self) {
        self.entries += 1;
    }

    /// Says what type the Bundle is of, when all entries are known.
    pub fn begin(&mut self, kind: &str) {
        kind.clone_into(&mut self.kind);
    }

    pub(crate) fn by_url(&self, url: &str) -> Option<(&str, usize)> {
        let known = self.by_url.get(&self.digest(url))?;
        Some((self.types.get(usize::from(known.ty)).map_or("", String::as_str), usize::from(known.count)))
    }

    pub(crate) fn has(&self, ty: &str, id: &str) -> bool {
        self.by_id.contains(&self.digest((ty, id)))
    }

    pub(crate) fn is_repeated(&self, entry: usize) -> bool {
        self.repeated.contains(&entry)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.entries == 0
    }
}

impl Definitions {
    /// Checks what stands in a Bundle outside its entries. `bundle` holds an empty list of entries.
    pub fn check_shell(&self, bundle: &Value, options: &Options, digest: &BundleDigest) -> Report {
        let mut walker = Walker::new(self, options);
        walker.shell(bundle, digest);
        walker.skip(Unchecked::Bundle, "a profile's rules on the list of entries");
        walker.skip(Unchecked::Bundle, "profiles of what references lead to");
        walker.finish()
    }

    /// Checks one entry of a Bundle; `None` where its text is no JSON. `line` is where it begins.
    pub fn check_entry(
        &self,
        text: &[u8],
        number: usize,
        line: usize,
        options: &Options,
        digest: &BundleDigest,
    ) -> Option<Report> {
        let tree = Tree::read(text).ok()?;
        let mut walker = Walker::new(self, options);
        walker.part(&tree.value, number, digest);
        let mut report = walker.finish();
        if tree.repeats {
            crate::duplicates::report(text, &mut report);
        }
        crate::places::locate_part(text, &mut report, line);
        Some(report)
    }
}
