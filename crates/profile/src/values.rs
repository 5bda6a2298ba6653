//! Rules on single values: fixed values, patterns, required codes, extensions, identifiers.

use crate::base::{Binding, Element, ElementType, Strength, Type};
use crate::codes::ValueSet;
use crate::primitive::Primitive;
use crate::profiles::Node;
use crate::report::{Severity, Step};
use crate::walk::{Object, Walker};
use serde_json::Value;

impl<'a> Walker<'a> {
    /// Checks a value against its element's binding and the profile's fixed values, patterns and bindings.
    pub(crate) fn value_rules(
        &mut self,
        element: &'a Element,
        kind: &ElementType,
        value: &'a Value,
        rules: &[&'a Node],
    ) {
        if let Some(binding) = &element.binding {
            self.binding(binding, "r4/binding-required", kind, value);
        }
        for rule in rules {
            if let Some(expected) = &rule.value
                && !expected.is_met(value)
            {
                self.error(&rule.rule, "the value is not the one that the profile fixes");
            }
            if let Some(binding) = &rule.binding {
                self.binding(binding, &rule.rule, kind, value);
            }
        }
    }

    fn binding(&mut self, binding: &Binding, rule: &str, kind: &ElementType, value: &Value) {
        let strict = binding.strength != Strength::Extensible;
        let name = binding.value_set.rsplit('/').next().unwrap_or_default();
        if !matches!(
            kind.code.as_str(),
            "code" | "Coding" | "CodeableConcept" | "Quantity" | "string" | "uri"
        ) {
            return;
        }
        let Some(set) = self.defs.value_set(&binding.value_set) else {
            if strict && !rule.starts_with("r4/") {
                let text = format!("the codes of {name} are not known here, so they were not checked");
                self.find(Severity::Information, "profile/binding-not-checked", text);
            }
            return;
        };
        let has_code = match kind.code.as_str() {
            "CodeableConcept" => value
                .get("coding")
                .is_some_and(|c| c.as_array().is_some_and(|c| c.iter().any(|c| c.get("code").is_some()))),
            "Coding" | "Quantity" => value.get("code").is_some(),
            _ => true,
        };
        if self.is_bound(set, value) {
            return;
        }
        if !strict {
            // An extensible binding allows other codes and plain text where none fits; only a code is worth a word.
            if has_code {
                self.find(
                    Severity::Warning,
                    rule,
                    format!("the code is not from {name}, which should be used where it has one that fits"),
                );
            }
        } else if has_code {
            self.error(rule, format!("the code is not from the required value set {name}"));
        } else if kind.code != "Quantity" {
            self.error(rule, format!("a code from the required value set {name} is missing"));
        }
    }

    /// True where the value (a code, Coding, CodeableConcept or Quantity) has a code of the set.
    pub(crate) fn is_bound(&self, set: &ValueSet, value: &Value) -> bool {
        match value {
            Value::String(code) => set.has(None, code),
            Value::Object(object) => match object.get("coding") {
                Some(Value::Array(codings)) => codings.iter().any(|c| self.is_bound(set, c)),
                _ => {
                    let text = |key: &str| object.get(key).and_then(Value::as_str);
                    text("code").is_some_and(|code| set.has(Some(text("system").unwrap_or_default()), code))
                }
            },
            _ => false,
        }
    }

    /// Rules of single data types that need the definitions or are no invariant of the specification.
    pub(crate) fn known_type(&mut self, name: &str, object: &'a Object) {
        let text = |key: &str| object.get(key).and_then(Value::as_str);
        match name {
            "Coding" | "Quantity" | "SimpleQuantity" | "Identifier" => {
                let Some(system) = text("system") else { return };
                if !system.contains(':') && !system.is_empty() {
                    self.at(Step::Name("system"), |w| {
                        w.error("r4/system-absolute", "the system must be an absolute URI")
                    });
                }
                if name == "Coding"
                    && text("code").is_some_and(|code| self.defs.is_unknown_code(system, code))
                {
                    self.at(Step::Name("code"), |w| {
                        w.error(
                            "terminology/unknown-code",
                            "the code system is known whole and has no such code",
                        )
                    });
                }
                if system == crate::ucum::SYSTEM
                    && text("code").is_some_and(|code| !crate::ucum::is_unit(code))
                {
                    self.at(Step::Name("code"), |w| {
                        w.error("terminology/ucum", "the code is no unit of UCUM")
                    });
                }
                if name == "Identifier" && !text("value").is_none_or(|value| suits(system, value)) {
                    self.at(Step::Name("value"), |w| {
                        w.error(
                            "r4/identifier-system",
                            "the value doesn't have the form that its system names",
                        )
                    });
                }
            }
            "Attachment" => {
                let size = object.get("size").and_then(Value::as_u64);
                if let (Some(data), Some(size)) = (text("data"), size)
                    && Primitive::Base64Binary.accepts(data)
                    && decoded_length(data) != size
                {
                    self.at(Step::Name("size"), |w| {
                        w.error("r4/attachment-size", "the size is not that of the data")
                    });
                }
            }
            _ => {}
        }
    }

    /// The rules of a known extension; reports one that stands where it may not.
    pub(crate) fn extension(&mut self, owner: &'a Type, url: &str) -> Option<&'a Node> {
        if !url.contains(':') {
            if self.extensions.is_empty() && !url.is_empty() {
                self.at(Step::Name("url"), |w| {
                    w.error("r4/extension-url", "the url of an extension must be absolute")
                });
            }
            return None;
        }
        let profile = self.defs.profile(url).filter(|p| p.ty == "Extension")?;
        if !profile.contexts.is_empty() && !profile.contexts.iter().any(|c| self.is_context(owner, c)) {
            let id = profile.root.rule.clone();
            self.error(&format!("{id}/context"), "the extension is not meant for this element");
        }
        Some(&profile.root)
    }

    /// True where the element that carries the extension is the one that the context names.
    fn is_context(&self, owner: &'a Type, (kind, expression): &(String, String)) -> bool {
        match kind.as_str() {
            "extension" => self.extensions.last().is_some_and(|url| url == expression),
            "element" => self.is_element(owner, expression),
            // A FHIRPath context is not evaluated, so the extension is let through.
            _ => true,
        }
    }

    fn is_element(&self, owner: &'a Type, expression: &str) -> bool {
        // Types: the owner's own name and those it is built on; backbone types are named by their path.
        let mut at = Some(owner);
        while let Some(ty) = at {
            if ty.name == expression {
                return true;
            }
            at = ty.base.and_then(|b| self.defs.base.ty(b));
        }
        if matches!(expression, "Element" | "Resource" | "DomainResource") {
            return expression == "Element" && owner.kind != crate::base::Kind::Resource;
        }
        // Paths: the steps from the resource, or from any type on the way, to the carrying element.
        let Some((resource, from)) = self.resources.last() else { return false };
        let mut names: Vec<&str> = vec![resource];
        let mut kinds: Vec<&str> = Vec::new();
        for step in self.steps.get(*from..).unwrap_or_default() {
            match step {
                Step::Name(name) => names.push(name),
                Step::Choice(stem, kind) => {
                    names.push(stem);
                    kinds.push(kind);
                }
                Step::Root(_) | Step::Index(_) => {}
            }
        }
        names.pop(); // `extension` itself
        let wanted: Vec<&str> = expression.split('.').map(|s| s.strip_suffix("[x]").unwrap_or(s)).collect();
        if wanted == names || kinds.last().is_some_and(|k| *k == expression) {
            return true;
        }
        // `Identifier.assigner` and the like: the type at the start is that of an element on the way.
        self.ends_with(resource, &names, &wanted)
    }

    /// True where `names` (from a resource) leads through an element of type `wanted[0]` and ends with the rest.
    fn ends_with(&self, resource: &str, names: &[&str], wanted: &[&str]) -> bool {
        let Some((first, rest)) = wanted.split_first() else { return false };
        let Some(split) = names.len().checked_sub(rest.len()).filter(|s| *s > 0) else { return false };
        if names.get(split..) != Some(rest) {
            return false;
        }
        let mut ty = self.defs.base.by_name.get(resource).and_then(|id| self.defs.base.ty(*id));
        for name in names.get(1..split).unwrap_or_default() {
            ty = ty.and_then(|t| {
                let element = t.elements.iter().find(|e| e.stem == **name)?;
                self.defs.base.ty(element.types.first()?.id)
            });
        }
        let mut steps = 0;
        while let Some(at) = ty.filter(|_| steps < crate::limits::MAX_BASES) {
            if at.name == **first {
                return true;
            }
            ty = at.base.and_then(|b| self.defs.base.ty(b));
            steps += 1;
        }
        false
    }
}

/// True where an identifier's value has the form that the system stands for: a URI, or a UUID.
fn suits(system: &str, value: &str) -> bool {
    match system {
        "urn:ietf:rfc:3986" => value.contains(':') && Primitive::Uri.accepts(value),
        "https://tools.ietf.org/html/rfc4122" => Primitive::Uuid.accepts(&format!("urn:uuid:{value}")),
        _ => true,
    }
}

/// How many bytes valid base64 stands for.
fn decoded_length(data: &str) -> u64 {
    let (digits, padding) = data.bytes().fold((0u64, 0u64), |(digits, padding), b| match b {
        b'=' => (digits + 1, padding + 1),
        b if b.is_ascii_whitespace() => (digits, padding),
        _ => (digits + 1, padding),
    });
    (digits / 4 * 3).saturating_sub(padding)
}
