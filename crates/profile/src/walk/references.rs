//! References: their form, their targets, and whether what they point to inside the document is there.

use super::Walker;
use super::bundle::Resolved;
use crate::invariants::Object;
use crate::profiles::{Node, Profile};
use crate::report::{Severity, Step};
use serde_json::Value;
use std::cell::Cell;
use std::collections::{HashMap, HashSet};

/// A resource that may hold contained resources.
pub(crate) struct Container<'a> {
    /// The container itself, which `#` refers to.
    whole: &'a Value,
    /// Contained resources by id: the resource, its type, and whether something refers to it.
    contained: HashMap<&'a str, (&'a Value, &'a str, Cell<bool>)>,
}

impl<'a> Container<'a> {
    pub(crate) fn of(whole: &'a Value) -> Self {
        let list = whole.get("contained").and_then(Value::as_array).into_iter().flatten();
        let contained = list
            .filter_map(|r| {
                let text = |key: &str| r.get(key).and_then(Value::as_str);
                Some((text("id")?, (r, text("resourceType")?, Cell::new(false))))
            })
            .collect();
        Self { whole, contained }
    }

    /// The container itself.
    pub(crate) fn whole(&self) -> &'a Value {
        self.whole
    }

    /// True for one of the contained resources themselves.
    pub(crate) fn holds(&self, resource: &Value) -> bool {
        let id = resource.get("id").and_then(Value::as_str);
        id.and_then(|id| self.contained.get(id)).is_some_and(|(held, _, _)| std::ptr::eq(*held, resource))
    }
}

/// What a literal reference points to.
enum Target<'t> {
    /// `#id`; the empty id is the container itself.
    Contained(&'t str),
    /// `Type/id`, perhaps with `/_history/version`: the type.
    Relative(&'t str),
    /// An absolute URL that ends in `Type/id`.
    Url(&'t str),
    /// `urn:uuid:` or `urn:oid:`.
    Urn,
    /// Any other absolute URI.
    Other,
    /// No form that FHIR knows.
    Malformed,
}

impl<'a> Walker<'a> {
    fn parse<'t>(&self, text: &'t str) -> Target<'t> {
        if let Some(id) = text.strip_prefix('#') {
            return Target::Contained(id);
        }
        if text.contains(char::is_whitespace) {
            return Target::Malformed;
        }
        if text.starts_with("urn:") {
            return Target::Urn;
        }
        let bare = text.split(['?', '#']).next().unwrap_or(text);
        let bare = bare.split("/_history/").next().unwrap_or(bare);
        let typed = bare.rsplit_once('/').and_then(|(front, id)| {
            let ty = front.rsplit('/').next().unwrap_or(front);
            (self.defs.base.resource(ty).is_some() && crate::primitive::id(id)).then_some((ty, id))
        });
        let scheme = text
            .split_once("://")
            .is_some_and(|(s, _)| s.bytes().all(|b| b.is_ascii_alphanumeric() || b"+-.".contains(&b)));
        match typed {
            _ if scheme => typed.map_or(Target::Other, |(ty, _)| Target::Url(ty)),
            Some((ty, id)) if bare.len() == ty.len() + 1 + id.len() => Target::Relative(ty),
            _ if text.contains('?') => Target::Other,
            _ if text.contains(':') && !text.contains('/') => Target::Other,
            _ => Target::Malformed,
        }
    }

    /// The resource type that a Reference points to, as far as it can be told.
    pub(crate) fn target_type<'v>(&'v self, reference: &'v Value) -> Option<&'v str> {
        let literal = reference.get("reference").and_then(Value::as_str)?;
        match self.parse(literal) {
            Target::Contained(id) => self.containers.last()?.contained.get(id).map(|(_, ty, _)| *ty),
            Target::Urn => self.bundles.iter().rev().find_map(|b| b.by_url(literal)),
            Target::Relative(ty) | Target::Url(ty) => Some(ty),
            Target::Other | Target::Malformed => None,
        }
    }

    /// The resource that a Reference points to, where it is in the document.
    pub(crate) fn resolve(&self, reference: &Value) -> Option<&'a Value> {
        let literal = reference.get("reference").and_then(Value::as_str)?;
        self.resolve_literal(literal)
    }

    pub(crate) fn resolve_literal(&self, literal: &str) -> Option<&'a Value> {
        let container = self.containers.last();
        match self.parse(literal) {
            Target::Contained("") => container.map(|c| c.whole),
            Target::Contained(id) => container?.contained.get(id).map(|(resource, _, _)| *resource),
            _ => {
                let from = self.full_urls.last().copied();
                self.bundles.iter().rev().find_map(|b| b.resolve(literal, from).found())
            }
        }
    }

    /// The entry that a reference leads to in a Bundle that is read in parts.
    pub(crate) fn resolve_apart(&self, literal: &str) -> Option<usize> {
        let from = self.full_urls.last().copied();
        match self.parse(literal) {
            Target::Contained(_) => None,
            _ => self.bundles.iter().rev().find_map(|b| b.resolve(literal, from).apart()),
        }
    }

    /// Remembers that something refers to a contained resource.
    pub(crate) fn mark_contained(&self, text: &str) {
        if let (Some(id), Some(container)) = (text.strip_prefix('#'), self.containers.last())
            && let Some((_, _, used)) = container.contained.get(id)
        {
            used.set(true);
        }
    }

    /// Checks a Reference: form, presence of the target, and its type.
    pub(crate) fn reference(&mut self, object: &'a Object, targets: &'a [String], rules: &[&'a Node]) {
        let stated = object.get("type").and_then(Value::as_str);
        if let Some(literal) = object.get("reference").and_then(Value::as_str).filter(|l| !l.is_empty()) {
            self.at(Step::Name("reference"), |w| w.literal(literal, stated, targets, rules));
        } else if let Some(stated) = stated {
            self.target(stated, targets, rules, None);
        }
    }

    fn literal(
        &mut self,
        literal: &'a str,
        stated: Option<&'a str>,
        targets: &'a [String],
        rules: &[&'a Node],
    ) {
        let mut actual = stated;
        match self.parse(literal) {
            Target::Contained("") => return,
            Target::Contained(id) => {
                let found = self.containers.last().and_then(|c| c.contained.get(id)).map(|(_, ty, used)| {
                    used.set(true);
                    *ty
                });
                match found {
                    Some(ty) => actual = Some(ty),
                    None => {
                        return self.error(
                            "inv/ref-1",
                            "the reference points to a contained resource that is not there",
                        );
                    }
                }
            }
            Target::Urn => match self.bundles.iter().rev().find_map(|b| b.by_url(literal)) {
                Some(ty) => actual = Some(ty),
                None if self.bundles.last().is_none_or(|b| !b.is_closed()) => {
                    self.find(
                        Severity::Warning,
                        "bundle/reference-unresolved",
                        "a urn reference can only be resolved within a bundle, and none here has it",
                    );
                }
                None => {
                    self.error("bundle/reference-unresolved", "the bundle has no entry with this fullUrl")
                }
            },
            Target::Relative(ty) => {
                actual = Some(ty);
                self.within_bundle(literal);
            }
            Target::Url(ty) => {
                actual = Some(ty);
                self.ambiguous(literal);
            }
            Target::Other => {}
            Target::Malformed => {
                return self.error(
                    "r4/reference-format",
                    "a reference must be Type/id, an absolute URI, or # and the id of a contained resource",
                );
            }
        }
        if let Some(actual) = actual {
            self.target(actual, targets, rules, Some(literal));
        }
        if let (Some(stated), Some(actual)) = (stated, actual)
            && stated != actual
            && !stated.contains('/')
        {
            self.error("r4/reference-type", "the type stated for the reference is not that of its target");
        }
    }

    /// Checks how a relative reference resolves within the innermost Bundle.
    fn within_bundle(&mut self, literal: &'a str) {
        let Some(bundle) = self.bundles.last() else { return };
        let found = bundle.resolve(literal, self.full_urls.last().copied());
        let document = matches!(bundle.kind, "document" | "message");
        match found {
            Resolved::One(_) | Resolved::Apart(_) => {}
            Resolved::Many => self.ambiguous(literal),
            Resolved::ById(_) | Resolved::ApartById(_) => self.find(
                Severity::Warning,
                "bundle/reference-base",
                "an entry has this type and id, but its fullUrl is not the one that the reference leads to",
            ),
            Resolved::No => {
                let severity = if document { Severity::Warning } else { Severity::Information };
                self.find(
                    severity,
                    "bundle/reference-elsewhere",
                    "the resource referred to is not in the bundle",
                );
            }
        }
    }

    /// Refuses a reference that two entries of the Bundle match.
    fn ambiguous(&mut self, literal: &'a str) {
        let Some(bundle) = self.bundles.last() else { return };
        if matches!(bundle.resolve(literal, self.full_urls.last().copied()), Resolved::Many) {
            self.error(
                "bundle/reference-ambiguous",
                "several entries of the bundle match the reference, so it doesn't say which is meant",
            );
        }
    }

    /// Checks that the element may refer to a resource of this type.
    fn target(&mut self, actual: &str, targets: &[String], rules: &[&'a Node], literal: Option<&str>) {
        if !targets.is_empty() && !targets.iter().any(|t| t == actual) {
            return self.error(
                "r4/reference-target",
                format!("the element may refer to {} only", targets.join(", ")),
            );
        }
        for rule in rules {
            let allowed: Vec<&'a String> =
                rule.types.iter().filter(|t| t.code == "Reference").flat_map(|t| &t.targets).collect();
            if allowed.is_empty() {
                continue;
            }
            let fits = |url: &&&String| {
                let name = self.defs.described_type(url);
                name == actual || name == "Resource" || self.defs.base.resource(name).is_none()
            };
            let fitting: Vec<&'a String> = allowed.iter().filter(fits).copied().collect();
            if fitting.is_empty() {
                let names: Vec<&str> = allowed.iter().map(|u| u.rsplit('/').next().unwrap_or(u)).collect();
                let text = format!(
                    "the profile doesn't allow references to {actual} here: it allows {}",
                    names.join(", ")
                );
                self.error(&rule.rule, text);
            } else if let Some(resource) = literal.and_then(|l| self.resolve_literal(l)) {
                self.target_profile(rule, &fitting, actual, |w, root| w.conforms(resource, root));
            } else if let Some(entry) = literal.and_then(|l| self.resolve_apart(l)) {
                self.target_profile(rule, &fitting, actual, |w, root| w.conforms_apart(entry, root));
            }
        }
    }

    /// Checks that the target, which is in the document, conforms to one of the profiles that the rule names.
    fn target_profile(
        &mut self,
        rule: &'a Node,
        allowed: &[&'a String],
        actual: &str,
        conforms: impl Fn(&mut Self, &'a Node) -> bool,
    ) {
        let mut profiles: Vec<&'a Profile> = Vec::new();
        for url in allowed {
            match self.defs.profile(url) {
                Some(profile) if profile.ty == actual => profiles.push(profile),
                // Any resource of the type will do, or what is asked for is not known.
                _ => return,
            }
        }
        if !profiles.iter().any(|p| conforms(self, &p.root)) {
            let names: Vec<&str> = allowed.iter().map(|u| u.rsplit('/').next().unwrap_or(u)).collect();
            let text = format!("the resource referred to doesn't conform to {}", names.join(" or "));
            self.error(&rule.rule, text);
        }
    }

    /// Checks the rules on contained resources (dom-2 to dom-5) when their container has been walked.
    pub(crate) fn close_container(&mut self, object: &'a Object) {
        let Some(container) = self.containers.pop() else { return };
        let Some(list) = object.get("contained").and_then(Value::as_array) else { return };
        let mut ids = HashSet::new();
        for (number, resource) in list.iter().enumerate() {
            self.steps.push(Step::Name("contained"));
            self.steps.push(Step::Index(number));
            if resource.get("contained").is_some() {
                self.error("inv/dom-2", "a contained resource must not contain others");
            }
            let meta = |key: &str| resource.get("meta").is_some_and(|m| m.get(key).is_some());
            if meta("versionId") || meta("lastUpdated") {
                self.error("inv/dom-4", "a contained resource must not have a version or time of update");
            }
            if meta("security") {
                self.error("inv/dom-5", "a contained resource must not have a security label");
            }
            match resource.get("id").and_then(Value::as_str) {
                None => self.error("r4/contained-id", "a contained resource must have an id"),
                Some(id) => {
                    if !ids.insert(id) {
                        self.error("r4/contained-id", "another contained resource has this id too");
                    }
                    let used = container.contained.get(id).is_some_and(|(_, _, used)| used.get());
                    if !used && !refers_to_container(resource, 0) {
                        self.error("inv/dom-3", "nothing refers to the contained resource");
                    }
                }
            }
            self.steps.pop();
            self.steps.pop();
        }
    }
}

/// True where a contained resource refers to its container, `#`.
fn refers_to_container(value: &Value, depth: usize) -> bool {
    if depth > crate::limits::MAX_DEPTH {
        return false;
    }
    match value {
        Value::Object(object) => {
            object.get("reference").and_then(Value::as_str) == Some("#")
                || object.values().any(|v| refers_to_container(v, depth + 1))
        }
        Value::Array(items) => items.iter().any(|v| refers_to_container(v, depth + 1)),
        _ => false,
    }
}
