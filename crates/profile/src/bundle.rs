//! Rules on whole Bundles: bdl-1 to bdl-12, fullUrls, ids.

use crate::report::Step;
use crate::walk::{Object, Walker};
use serde_json::Value;
use std::collections::{HashMap, HashSet};

/// The entries of a Bundle by what refers to them.
pub(crate) struct BundleIndex<'a> {
    /// The Bundle's type.
    pub(crate) kind: &'a str,
    by_url: HashMap<&'a str, &'a str>,
    by_id: HashSet<(&'a str, &'a str)>,
}

fn text<'a>(value: &'a Value, key: &str) -> Option<&'a str> {
    value.get(key).and_then(Value::as_str)
}

impl<'a> BundleIndex<'a> {
    pub(crate) fn of(bundle: &'a Object) -> Self {
        let mut index = Self {
            kind: bundle.get("type").and_then(Value::as_str).unwrap_or_default(),
            by_url: HashMap::new(),
            by_id: HashSet::new(),
        };
        for entry in entries(bundle) {
            let Some(resource) = entry.get("resource") else { continue };
            let Some(ty) = text(resource, "resourceType") else { continue };
            if let Some(url) = text(entry, "fullUrl") {
                index.by_url.insert(url, ty);
                if let Some((front, id)) = url.rsplit_once('/') {
                    index.by_id.insert((front.rsplit('/').next().unwrap_or(front), id));
                }
            }
            if let Some(id) = text(resource, "id") {
                index.by_id.insert((ty, id));
            }
        }
        index
    }

    /// The type of the entry with this fullUrl.
    pub(crate) fn by_url(&self, url: &str) -> Option<&'a str> {
        let bare = url.split('#').next().unwrap_or(url);
        self.by_url.get(bare).copied()
    }

    /// True where an entry has this type and id.
    pub(crate) fn has(&self, ty: &str, id: &str) -> bool {
        self.by_id.contains(&(ty, id))
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
        let mut seen = HashSet::new();
        for (number, entry) in all.iter().enumerate() {
            self.steps.push(Step::Name("entry"));
            self.steps.push(Step::Index(number));
            self.entry(kind, entry);
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
            let tail = url.rsplit_once('/').filter(|(front, _)| front.rsplit('/').next() == Some(ty));
            if tail.is_some_and(|(_, last)| last != id) {
                self.error("bundle/full-url-id", "the fullUrl ends with another id than the resource has");
            }
        }
    }
}
