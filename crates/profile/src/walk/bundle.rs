//! Rules on whole Bundles: bdl-1 to bdl-12, fullUrls, ids.

use super::Walker;
use super::address::restful;
use super::parts::BundleDigest;
use crate::invariants::Object;
use crate::report::Step;
use serde_json::Value;
use std::collections::{HashMap, HashSet};

/// The entries of a Bundle by what refers to them.
pub(crate) struct BundleIndex<'a> {
    /// The Bundle's type.
    pub(crate) kind: &'a str,
    /// Entries by fullUrl: resource and type; several where the Bundle holds versions, or is ambiguous.
    by_url: HashMap<&'a str, Vec<(&'a Value, &'a str)>>,
    by_id: HashMap<(&'a str, &'a str), &'a Value>,
    /// fullUrls by the address of the resource.
    urls: HashMap<usize, &'a str>,
    /// What stands for the entries where they are not held.
    digest: Option<&'a BundleDigest<'a>>,
}

/// What a reference leads to within a Bundle.
#[derive(Clone, Copy)]
pub(crate) enum Resolved<'a> {
    /// The entry whose fullUrl is what the reference leads to.
    One(&'a Value),
    /// An entry of this type and id, under another base.
    ById(&'a Value),
    /// An entry that is not held: the Bundle is read in parts.
    Apart(usize),
    /// The same, under another base.
    ApartById(usize),
    /// Several entries of that fullUrl.
    Many,
    No,
}

impl<'a> Resolved<'a> {
    /// The entry that is not held.
    pub(crate) fn apart(self) -> Option<usize> {
        match self {
            Self::Apart(entry) | Self::ApartById(entry) => Some(entry),
            _ => None,
        }
    }

    pub(crate) fn found(self) -> Option<&'a Value> {
        match self {
            Self::One(resource) | Self::ById(resource) => Some(resource),
            Self::Apart(_) | Self::ApartById(_) | Self::Many | Self::No => None,
        }
    }
}

fn text<'a>(value: &'a Value, key: &str) -> Option<&'a str> {
    value.get(key).and_then(Value::as_str)
}

impl<'a> BundleIndex<'a> {
    pub(crate) fn of(bundle: &'a Object) -> Self {
        let mut index = Self {
            kind: bundle.get("type").and_then(Value::as_str).unwrap_or_default(),
            by_url: HashMap::new(),
            by_id: HashMap::new(),
            urls: HashMap::new(),
            digest: None,
        };
        for entry in entries(bundle) {
            let Some(resource) = entry.get("resource") else { continue };
            let Some(ty) = text(resource, "resourceType") else { continue };
            if let Some(url) = text(entry, "fullUrl") {
                index.by_url.entry(url).or_default().push((resource, ty));
                index.urls.insert(std::ptr::from_ref(resource) as usize, url);
                if let Some((_, ty, id)) = restful(url) {
                    index.by_id.entry((ty, id)).or_insert(resource);
                }
            }
            if let Some(id) = text(resource, "id") {
                index.by_id.entry((ty, id)).or_insert(resource);
            }
        }
        index
    }

    /// A Bundle whose entries are read in parts.
    pub(crate) fn of_parts(digest: &'a BundleDigest<'a>) -> Self {
        Self {
            kind: &digest.kind,
            by_url: HashMap::new(),
            by_id: HashMap::new(),
            urls: HashMap::new(),
            digest: Some(digest),
        }
    }

    /// The fullUrl under which a resource stands in the Bundle.
    pub(crate) fn url_of(&self, resource: &Value) -> Option<&'a str> {
        self.urls.get(&(std::ptr::from_ref(resource) as usize)).copied()
    }

    /// The type of the entry with this fullUrl.
    pub(crate) fn by_url(&self, url: &str) -> Option<&'a str> {
        let bare = url.split('#').next().unwrap_or(url);
        if let Some(digest) = self.digest {
            return digest.by_url(bare).map(|(_, ty, _)| ty);
        }
        self.by_url.get(bare).and_then(|found| found.first()).map(|(_, ty)| *ty)
    }

    /// True for a Bundle that must hold what its urn references name: others may be pages of something larger.
    pub(crate) fn is_closed(&self) -> bool {
        matches!(self.kind, "document" | "message" | "transaction" | "batch")
    }

    /// Follows a literal reference by the rules of R4 (Bundle, "Resolving references in Bundles"): the fullUrl of the
    /// entry that refers gives the base of a relative one.
    pub(crate) fn resolve(&self, literal: &str, from: Option<&str>) -> Resolved<'a> {
        let (bare, version) =
            literal.split_once("/_history/").map_or((literal, None), |(front, v)| (front, Some(v)));
        let bare = bare.split('#').next().unwrap_or(bare);
        if bare.contains(':') {
            return self.exact(bare, version);
        }
        let Some((_, ty, id)) = restful(bare) else { return Resolved::No };
        let base = from.filter(|f| f.starts_with("http")).and_then(restful).map(|(base, _, _)| base);
        if let Some(base) = base {
            let exact = self.exact(&format!("{base}/{ty}/{id}"), version);
            if !matches!(exact, Resolved::No) {
                return exact;
            }
        }
        if let Some(digest) = self.digest {
            return match (digest.by_id(ty, id), base) {
                (Some(entry), Some(_)) => Resolved::ApartById(entry),
                (Some(entry), None) => Resolved::Apart(entry),
                (None, _) => Resolved::No,
            };
        }
        match self.by_id.get(&(ty, id)) {
            Some(found) if base.is_some() => Resolved::ById(found),
            Some(found) => Resolved::One(found),
            None => Resolved::No,
        }
    }

    /// Every entry that a literal reference may mean.
    pub(crate) fn candidates(&self, literal: &str, from: Option<&str>) -> Vec<&'a Value> {
        match self.resolve(literal, from) {
            Resolved::One(resource) | Resolved::ById(resource) => vec![resource],
            Resolved::Many => {
                let bare = literal.split('#').next().unwrap_or(literal);
                let bare = bare.split("/_history/").next().unwrap_or(bare);
                let base = from.and_then(restful).map(|(base, _, _)| format!("{base}/{bare}"));
                let named = [Some(bare), base.as_deref()].into_iter().flatten();
                named
                    .filter_map(|url| self.by_url.get(url))
                    .flatten()
                    .map(|(resource, _)| *resource)
                    .collect()
            }
            Resolved::Apart(_) | Resolved::ApartById(_) | Resolved::No => Vec::new(),
        }
    }

    fn exact(&self, url: &str, version: Option<&str>) -> Resolved<'a> {
        if let Some(digest) = self.digest {
            return match digest.by_url(url) {
                None => Resolved::No,
                Some((_, _, count)) if count > 1 && version.is_none() => Resolved::Many,
                Some((entry, ..)) => Resolved::Apart(entry),
            };
        }
        let found = self.by_url.get(url).map_or(&[][..], Vec::as_slice);
        let mut fitting = found.iter().filter(|(resource, _)| {
            version.is_none_or(|v| resource.get("meta").and_then(|m| text(m, "versionId")) == Some(v))
        });
        match (fitting.next(), fitting.next()) {
            (None, _) => Resolved::No,
            (Some((resource, _)), None) => Resolved::One(resource),
            (Some(_), Some(_)) => Resolved::Many,
        }
    }
}

fn entries(bundle: &Object) -> &[Value] {
    bundle.get("entry").and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

impl<'a> Walker<'a> {
    /// Checks what concerns the Bundle as a whole.
    pub(crate) fn bundle(&mut self, bundle: &'a Object) {
        let kind = bundle.get("type").and_then(Value::as_str).unwrap_or_default();
        let all = entries(bundle);
        if bundle.contains_key("total") && !matches!(kind, "searchset" | "history") {
            self.error("inv/bdl-1", "a total is for searchset and history bundles only");
        }
        let first = all.first().and_then(|e| e.get("resource")).and_then(|r| text(r, "resourceType"));
        let first = first.or_else(|| self.digest.and_then(|digest| digest.first.as_deref()));
        if kind == "document" {
            let identifier = bundle.get("identifier");
            if !identifier.is_some_and(|i| i.get("system").is_some() && i.get("value").is_some()) {
                self.error("inv/bdl-9", "a document must have an identifier with a system and a value");
            }
            if !bundle.contains_key("timestamp") {
                self.error("inv/bdl-10", "a document must have a timestamp");
            }
            if first != Some("Composition") {
                self.error("inv/bdl-11", "the first resource of a document must be a Composition");
            }
        }
        if kind == "message" && first != Some("MessageHeader") {
            self.error("inv/bdl-12", "the first resource of a message must be a MessageHeader");
        }
        self.links(bundle);
        if matches!(kind, "document" | "message") && self.digest.is_none() {
            self.joined(kind, all);
        }
        let mut seen = HashSet::new();
        for (number, entry) in all.iter().enumerate() {
            self.steps.push(Step::Name("entry"));
            self.steps.push(Step::Index(number));
            self.entry(kind, entry);
            if kind == "searchset" {
                self.search_entry(bundle, entry);
            }
            if let Some(url) = text(entry, "fullUrl") {
                let version =
                    entry.get("resource").and_then(|r| r.get("meta")).and_then(|m| text(m, "versionId"));
                if !seen.insert((url, version)) && kind != "history" {
                    self.error("inv/bdl-7", "another entry has the same fullUrl");
                }
            }
            self.steps.pop();
            self.steps.pop();
        }
    }

    fn links(&mut self, bundle: &'a Object) {
        let mut relations = HashSet::new();
        for (number, link) in bundle.get("link").and_then(Value::as_array).into_iter().flatten().enumerate() {
            if text(link, "relation").is_some_and(|r| !relations.insert(r)) {
                self.steps.push(Step::Name("link"));
                self.at(Step::Index(number), |w| {
                    w.error("bundle/link-duplicate", "another link has the same relation")
                });
                self.steps.pop();
            }
        }
    }

    /// Checks one entry of a Bundle that is read in parts.
    pub(crate) fn part(&mut self, entry: &'a Value, number: usize, digest: &'a BundleDigest<'a>) {
        self.digest = Some(digest);
        self.steps.extend([Step::Root("Bundle"), Step::Name("entry"), Step::Index(number)]);
        if !entry.is_object() {
            return self.error("r4/type", "the element must be an object");
        }
        self.bundles.push(BundleIndex::of_parts(digest));
        self.enter_bundle();
        self.entry(&digest.kind, entry);
        if digest.is_repeated(number) && digest.kind != "history" {
            self.error("inv/bdl-7", "another entry has the same fullUrl");
        }
        self.full_urls.extend(text(entry, "fullUrl"));
        if let Some(ty) = self.defs.base.by_name.get("Bundle.entry") {
            self.object(entry, *ty, &[]);
        }
    }

    /// Checks a Bundle without its entries.
    pub(crate) fn shell(&mut self, bundle: &'a Value, digest: &'a BundleDigest<'a>) {
        self.digest = Some(digest);
        self.resource(bundle, super::Place::Root, &[]);
    }

    fn entry(&mut self, kind: &str, entry: &'a Value) {
        let has = |key: &str| entry.get(key).is_some();
        if has("search") && kind != "searchset" {
            self.error("inv/bdl-2", "search is for entries of searchset bundles only");
        }
        if has("request") != matches!(kind, "batch" | "transaction" | "history") {
            self.error(
                "inv/bdl-3",
                "request is required in batch, transaction and history bundles and not allowed in others",
            );
        }
        if has("response") != matches!(kind, "batch-response" | "transaction-response" | "history") {
            self.error("inv/bdl-4", "response is required in batch-response, transaction-response and history bundles and not allowed in others");
        }
        if !has("resource") && !has("request") && !has("response") {
            self.error("inv/bdl-5", "an entry must have a resource, a request or a response");
        }
        let posted = matches!(kind, "batch" | "transaction" | "batch-response" | "transaction-response");
        match text(entry, "fullUrl") {
            None if !posted && has("resource") => {
                self.error("bundle/full-url-missing", "the entry must have a fullUrl")
            }
            Some(url) => self.full_url(url, entry, posted),
            None => {}
        }
    }

    fn full_url(&mut self, url: &str, entry: &'a Value, posted: bool) {
        if url.contains("/_history/") {
            self.error("inv/bdl-8", "a fullUrl must not name a version");
        }
        if !url.contains(':') {
            return self.error("bundle/full-url-absolute", "a fullUrl must be absolute");
        }
        let Some(resource) = entry.get("resource") else { return };
        let (ty, id) = (text(resource, "resourceType"), text(resource, "id"));
        let restful = url.starts_with("http") && !posted;
        if let (Some(ty), Some(id), true) = (ty, id, restful) {
            let tail =
                url.rsplit_once('/').map(|(front, last)| (front.rsplit('/').next().unwrap_or(front), last));
            let named = tail.filter(|(name, _)| self.defs.base.resource(name).is_some());
            if named.is_some_and(|(name, _)| name != ty) {
                self.error("bundle/full-url-type", "the fullUrl names another type than the resource is of");
            } else if named.is_some_and(|(_, last)| last != id) {
                self.error("bundle/full-url-id", "the fullUrl ends with another id than the resource has");
            }
        }
    }
}
