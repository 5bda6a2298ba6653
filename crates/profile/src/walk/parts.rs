//! Bundles that are checked entry by entry: what must be known of all entries before one can be checked.

use super::Walker;
use crate::Options;
use crate::base::Fnv;
use crate::definitions::Definitions;
use crate::places::{Part, parts};
use crate::report::{About, Finding, Report, Severity, Unchecked};
use crate::tree::Tree;
use serde::Deserialize;
use serde_json::Value;
use std::borrow::Cow;
use std::cell::{OnceCell, RefCell};
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

/// How many entries have one fullUrl, and the first of them with its type.
#[derive(Clone, Copy, Debug)]
struct Known {
    ty: u16,
    count: u16,
    entry: u32,
}

/// The entries of a Bundle by digests of their names: about 70 bytes an entry, whatever its size.
#[derive(Debug, Default)]
pub struct BundleDigest<'t> {
    pub(crate) kind: String,
    /// The type of the first entry's resource.
    pub(crate) first: Option<String>,
    /// The text of each entry, where it is in memory: what references lead to is read again from it.
    pub(super) texts: Vec<&'t str>,
    /// What was asked of entries that references lead to: whether one conforms to rules; `true` while it is being found out.
    pub(super) probes: RefCell<HashMap<(usize, usize), bool>>,
    /// Ids and names that links within narratives may lead to, once one leads out of its entry.
    anchors: OnceCell<HashSet<u64>>,
    keys: RandomState,
    types: Vec<String>,
    by_url: HashMap<u64, Known, BuildHasherDefault<Fnv>>,
    by_id: HashMap<u64, u32, BuildHasherDefault<Fnv>>,
    /// fullUrl and version, to find those that stand twice.
    versions: HashSet<u64, BuildHasherDefault<Fnv>>,
    /// Entries whose fullUrl and version another has before them.
    repeated: HashSet<usize>,
    entries: usize,
}

impl<'t> BundleDigest<'t> {
    /// Of a Bundle whose entries are in memory, each as its text.
    pub fn of_texts(texts: Vec<&'t str>) -> Self {
        let mut digest = Self { texts, ..Self::default() };
        for text in digest.texts.clone() {
            match serde_json::from_str::<EntryHead<'_>>(text) {
                Ok(head) => digest.add(&head),
                Err(_) => digest.pass(),
            }
        }
        digest
    }

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
        if number == 0 {
            self.first = Some(ty.to_owned());
        }
        let entry = u32::try_from(number).unwrap_or(u32::MAX);
        let place = self.types.iter().position(|t| t == ty).unwrap_or_else(|| {
            self.types.push(ty.chars().take(64).collect());
            self.types.len() - 1
        });
        if let Some(url) = head.full_url.as_deref() {
            let key = self.digest(url);
            let known = self.by_url.entry(key).or_insert(Known {
                ty: u16::try_from(place).unwrap_or(u16::MAX),
                count: 0,
                entry,
            });
            known.count = known.count.saturating_add(1);
            if let Some((_, ty, id)) = super::address::restful(url) {
                let key = self.digest((ty, id));
                self.by_id.entry(key).or_insert(entry);
            }
        }
        if let Some(id) = resource.id.as_deref() {
            let key = self.digest((ty, id));
            self.by_id.entry(key).or_insert(entry);
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

    /// The first entry of a fullUrl, its type, and how many have it.
    pub(crate) fn by_url(&self, url: &str) -> Option<(usize, &str, usize)> {
        let known = self.by_url.get(&self.digest(url))?;
        let ty = self.types.get(usize::from(known.ty)).map_or("", String::as_str);
        Some((known.entry as usize, ty, usize::from(known.count)))
    }

    /// The first entry of this type and id.
    pub(crate) fn by_id(&self, ty: &str, id: &str) -> Option<usize> {
        self.by_id.get(&self.digest((ty, id))).map(|entry| *entry as usize)
    }

    /// Whether the entries' texts are at hand.
    pub(crate) fn has_texts(&self) -> bool {
        !self.texts.is_empty()
    }

    /// Whether something in an entry has this id or name.
    pub(crate) fn is_anchor(&self, name: &str) -> bool {
        let anchors = self.anchors.get_or_init(|| {
            let mut all = HashSet::new();
            for text in &self.texts {
                let Ok(tree) = Tree::read(text.as_bytes()) else { continue };
                let mut anchors = HashSet::new();
                crate::invariants::narrative::collect_anchors(&tree.value, 0, &mut anchors);
                all.extend(anchors.into_iter().map(|anchor| self.digest(anchor)));
            }
            all
        });
        anchors.contains(&self.digest(name))
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
    pub fn check_shell(&self, bundle: &Value, options: &Options, digest: &BundleDigest<'_>) -> Report {
        let mut walker = Walker::new(self, options);
        walker.shell(bundle, digest);
        walker.skip(Unchecked::Bundle, "a profile's rules on the list of entries");
        if !digest.has_texts() {
            walker.skip(Unchecked::Bundle, "profiles of what references lead to");
        }
        if matches!(digest.kind.as_str(), "document" | "message") {
            walker.skip(Unchecked::Bundle, "what a document or message must hold of what it refers to");
        }
        walker.finish()
    }

    /// Checks a JSON document whose values take no more memory than the options have room for; `None` where they take more.
    pub fn check_within(&self, json: &[u8], options: &Options) -> Option<Report> {
        let tree = Tree::read_within(json, options.room.unwrap_or(usize::MAX)).ok();
        match tree {
            Some(tree) if tree.cut.is_some() => None,
            Some(tree) => {
                let mut report = self.check_value(&tree.value, options);
                if tree.repeats {
                    crate::duplicates::report(json, &mut report);
                }
                Some(report)
            }
            None => Some(self.check(json, options)),
        }
    }

    /// Checks one entry of a Bundle; `None` where its text is no JSON. `line` is where it begins.
    pub fn check_entry(
        &self,
        text: &[u8],
        number: usize,
        line: usize,
        options: &Options,
        digest: &BundleDigest<'_>,
    ) -> Option<Report> {
        let tree = Tree::read_within(text, options.room.unwrap_or(usize::MAX)).ok()?;
        let mut walker = Walker::new(self, options);
        walker.part(&tree.value, number, digest);
        let mut report = walker.finish();
        if tree.repeats {
            crate::duplicates::report(text, &mut report);
        }
        if let Some(cut) = &tree.cut {
            lacking(&mut report, number, cut);
        }
        crate::places::locate_part(text, &mut report, line);
        Some(report)
    }
}

/// Rule under which it is told that a resource has more values than there is room for.
pub const CUT_RULE: &str = "r4/not-all-checked";

/// Takes back what was found of elements that were not read to their end, and says where that is: what they lack may stand in the
/// rest.
fn lacking(report: &mut Report, entry: usize, cut: &[Part]) {
    let is_above = |path: &str| {
        let path = parts(path);
        path.get(2..).is_some_and(|below| cut.starts_with(below)) || path.len() < 2
    };
    // Who is referred to, or refers to it, may stand in the rest too.
    let is_of_contained = |rule: &str| matches!(rule, "inv/ref-1" | "inv/dom-3");
    report.withdraw(|finding| is_above(&finding.path) || is_of_contained(&finding.rule));
    let mut path = format!("Bundle.entry[{entry}]");
    for part in cut {
        match part {
            Part::Name(name) => path.extend([".", name]),
            Part::Index(number) => path.push_str(&format!("[{number}]")),
        }
    }
    report.push(Finding {
        severity: Severity::Warning,
        path,
        rule: CUT_RULE.to_owned(),
        text: "the entry has more values than are checked at once: what follows here in it was not checked"
            .to_owned(),
        about: About::Nothing,
        place: None,
    });
    report.settle();
}
