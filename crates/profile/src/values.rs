//! Rules on single values: fixed values, patterns, required codes, extensions, identifiers.

use crate::UnknownExtensions;
use crate::base::{Binding, Element, ElementType, Strength, Type};
use crate::codes::{Belongs, ValueSet};
use crate::invariants::Object;
use crate::invariants::data_types::UCUM;
use crate::invariants::narrative::{collect_anchors, local_links, misplaced};
use crate::primitive::Primitive;
use crate::profiles::{Expected, Node};
use crate::report::{About, Severity, Step, Unchecked};
use crate::walk::Walker;
use serde_json::Value;
use std::collections::HashSet;

/// Choices that R4 binds to no codes.
const OPEN_CHOICES: &[&str] = &["value", "defaultValue", "fixed", "pattern"];

impl<'a> Walker<'a> {
    /// Checks a value against its element's binding and the profile's fixed values, patterns and bindings.
    pub(crate) fn value_rules(
        &mut self,
        element: &'a Element,
        kind: &ElementType,
        value: &'a Value,
        rules: &[&'a Node],
    ) {
        // R4 lets the formats of a CapabilityStatement be named in short.
        let short = matches!(element.name.as_str(), "format" | "patchFormat")
            && matches!(value.as_str(), Some("xml" | "json" | "ttl"));
        if let Some(binding) = element.binding.as_ref().filter(|_| !short) {
            self.binding(binding, "r4/binding-required", kind, value);
        }
        // R4 binds each coded element to codes; an element of no definite meaning (a value) only where a profile does.
        let open = element.is_choice() && OPEN_CHOICES.contains(&element.stem.as_str());
        let coded = match kind.code.as_str() {
            "CodeableConcept" => true,
            "Coding" => element.name != "coding",
            _ => false,
        };
        if coded && (!open || rules.iter().any(|r| r.binding.is_some())) {
            self.codes_missing(value);
        }
        for rule in rules {
            if let Some(expected) = &rule.value
                && !expected.is_met(value)
            {
                let text = match expected {
                    Expected::Fixed(_) => "the value is not the one that the profile fixes",
                    Expected::Pattern(_) => "the value doesn't have all that the profile's pattern asks for",
                };
                let wanted = expected.words().map_or_else(|| text.to_owned(), |w| format!("{text}: {w}"));
                self.error(&rule.rule, wanted);
            }
            for binding in rule.binding.iter().chain(&rule.more_bindings) {
                self.binding(binding, &rule.rule, kind, value);
            }
            self.limits(rule, value);
        }
    }

    /// Reports a coding of a system that is known whole without any code of it: as the reference validator does. R4 lets a
    /// code be left out, but then the system says nothing.
    fn codes_missing(&mut self, value: &Value) {
        let alone = std::slice::from_ref(value);
        let codings = value.get("coding").and_then(Value::as_array).map_or(alone, Vec::as_slice);
        let missing = codings.iter().any(|coding| {
            let system = coding.get("system").and_then(Value::as_str);
            coding.get("code").is_none()
                && coding.get("_code").is_none()
                && system.is_some_and(|system| self.defs.knows_system(system))
        });
        if missing {
            let text = "a coding names a code system that is known whole, and no code of it";
            self.error("terminology/no-code", text);
        }
    }

    /// Checks the least and the most that a profile lets a value be.
    fn limits(&mut self, rule: &'a Node, value: &'a Value) {
        let limits = &rule.limits;
        if let (Some(most), Some(text)) = (limits.length, value.as_str())
            && text.chars().count() > most
        {
            self.error(
                &rule.rule,
                format!("the text is longer than the {most} characters that the profile allows"),
            );
        }
        for (limit, low) in [(&limits.min, true), (&limits.max, false)] {
            let Some(limit) = limit else { continue };
            let order = crate::quantity::compare(value, limit);
            let (wrong, words) = if low {
                (std::cmp::Ordering::Less, "less than the least")
            } else {
                (std::cmp::Ordering::Greater, "more than the most")
            };
            match order {
                Some(order) if order == wrong => {
                    let shown = limit.get("value").unwrap_or(limit);
                    self.error(&rule.rule, format!("the value is {words} that the profile allows ({shown})"));
                }
                Some(_) => {}
                None => self.find(
                    Severity::Warning,
                    &rule.rule,
                    "the value can't be compared with the limit that the profile sets (unit or precision)",
                ),
            }
        }
    }

    fn binding(&mut self, binding: &'a Binding, rule: &str, kind: &ElementType, value: &Value) {
        let strict = binding.strength != Strength::Extensible;
        let name = binding.value_set.rsplit('/').next().unwrap_or_default();
        if !matches!(
            kind.code.as_str(),
            "code" | "Coding" | "CodeableConcept" | "Quantity" | "string" | "uri"
        ) {
            return;
        }
        let has_code = match kind.code.as_str() {
            "CodeableConcept" => value
                .get("coding")
                .is_some_and(|c| c.as_array().is_some_and(|c| c.iter().any(|c| c.get("code").is_some()))),
            "Coding" | "Quantity" => value.get("code").is_some(),
            _ => true,
        };
        let Some(set) = self.defs.value_set(&binding.value_set) else {
            // Whatever the codes of the set are, each has a system: words alone and a code of no system are none of them.
            if binding.strength == Strength::Required
                && matches!(kind.code.as_str(), "Coding" | "CodeableConcept")
                && !names_a_code(value)
            {
                let text = format!("a code from the required value set {name} is missing");
                return self.tell(Severity::Error, rule, text, About::ValueSet(binding.value_set.clone()));
            }
            if strict || has_code {
                self.skip(Unchecked::ValueSet, &binding.value_set);
            }
            if strict && !rule.starts_with("r4/") {
                let text = format!("the codes of {name} are not known here, so they were not checked");
                self.find(Severity::Information, "profile/binding-not-checked", text);
            }
            return;
        };
        let about = || About::ValueSet(binding.value_set.clone());
        match self.is_bound(set, value) {
            Belongs::Yes => {
                let media =
                    name == "mimetypes" && value.as_str().is_some_and(crate::codes::is_unregistered_media);
                if media {
                    self.find(
                        Severity::Warning,
                        rule,
                        "the media type's first half is not registered with IANA",
                    );
                }
                return;
            }
            Belongs::Unknown if has_code => return self.skip(Unchecked::ValueSet, &binding.value_set),
            Belongs::Unknown | Belongs::No => {}
        }
        if !strict {
            // An extensible binding allows other codes and plain text where none fits; only a code is worth a word.
            if has_code {
                let text =
                    format!("the code is not from {name}, which should be used where it has one that fits");
                self.tell(Severity::Warning, rule, text, about());
            }
        } else if has_code {
            let text = format!("the code is not from the required value set {name}");
            self.tell(Severity::Error, rule, text, about());
        } else if kind.code != "Quantity" {
            let text = format!("a code from the required value set {name} is missing");
            // An outermost set bounds the codes that may stand there; text alone is what the weaker binding around it allows.
            let words = binding.strength == Strength::Max && value.get("text").is_some();
            let severity = if words { Severity::Warning } else { Severity::Error };
            self.tell(severity, rule, text, about());
        }
    }

    /// Whether the value (a code, Coding, CodeableConcept or Quantity) has a code of the set.
    pub(crate) fn is_bound(&self, set: &ValueSet, value: &Value) -> Belongs {
        match value {
            Value::String(code) => set.has(None, code),
            Value::Object(object) => match object.get("coding") {
                Some(Value::Array(codings)) => {
                    let mut answer = Belongs::No;
                    for coding in codings {
                        match self.is_bound(set, coding) {
                            Belongs::Yes => return Belongs::Yes,
                            Belongs::Unknown => answer = Belongs::Unknown,
                            Belongs::No => {}
                        }
                    }
                    answer
                }
                _ => {
                    let text = |key: &str| object.get(key).and_then(Value::as_str);
                    text("code")
                        .map_or(Belongs::No, |code| set.has(Some(text("system").unwrap_or_default()), code))
                }
            },
            _ => Belongs::No,
        }
    }

    /// Rules of single data types that need the definitions or are no invariant of the specification.
    pub(crate) fn known_type(&mut self, name: &str, object: &'a Object) {
        let text = |key: &str| object.get(key).and_then(Value::as_str);
        match name {
            "Coding" | "Quantity" | "SimpleQuantity" | "Identifier" => {
                let Some(system) = text("system") else { return };
                if is_relative(system) && !system.is_empty() {
                    self.at(Step::Name("system"), |w| {
                        w.error("r4/system-absolute", "the system must be an absolute URI")
                    });
                }
                if name == "Coding"
                    && let Some(code) = text("code")
                {
                    self.coding(system, code);
                }
                if system == UCUM
                    && text("code").is_some_and(|code| !causeway_terminology::ucum::is_unit(code))
                {
                    self.at(Step::Name("code"), |w| {
                        w.error("terminology/ucum", "the code is no unit of UCUM")
                    });
                }
                // The example of a definition identifies nothing.
                let example = matches!(self.steps.get(..1), Some([Step::Root("StructureDefinition")]))
                    && self.steps.iter().any(|step| matches!(step, Step::Name("example")));
                if name == "Identifier" && !example && !text("value").is_none_or(|value| suits(system, value))
                {
                    self.at(Step::Name("value"), |w| {
                        w.error(
                            "r4/identifier-system",
                            "the value doesn't have the form that its system names",
                        )
                    });
                }
            }
            "Narrative" => {
                if let Some(div) = text("div")
                    && let Some(wrong) = misplaced(div)
                {
                    self.at(Step::Name("div"), |w| w.error("r4/narrative-nesting", wrong));
                }
                let Some(div) = text("div").filter(|div| div.contains("=\"#") || div.contains("='#")) else {
                    return;
                };
                // Of a Bundle that is read in parts from a file the rest is not at hand.
                if self.digest.is_some_and(|digest| !digest.has_texts()) {
                    return;
                }
                if local_links(div).any(|to| !to.is_empty() && !self.is_anchor(to)) {
                    self.at(Step::Name("div"), |w| {
                        w.error("r4/narrative-link", "a link within the narrative leads nowhere")
                    });
                }
            }
            "Attachment" => {
                let size = object.get("size").and_then(Value::as_u64);
                if let (Some(data), Some(size)) = (text("data"), size)
                    && size_differs(data, size)
                {
                    self.at(Step::Name("size"), |w| {
                        w.error("r4/attachment-size", "the size is not that of the data")
                    });
                }
            }
            _ => {}
        }
    }

    /// Whether something in the document has this id or name.
    fn is_anchor(&mut self, name: &str) -> bool {
        let root = self.values.first().copied();
        self.anchors.get_or_insert_with(|| {
            let mut anchors = HashSet::new();
            root.into_iter().for_each(|root| collect_anchors(root, 0, &mut anchors));
            anchors
        });
        self.anchors.as_ref().is_some_and(|anchors| anchors.contains(name))
            || self.digest.is_some_and(|digest| digest.is_anchor(name))
    }

    /// What a code says of itself: whether its system has it, and whether it can be one of SNOMED CT at all.
    fn coding(&mut self, system: &'a str, code: &str) {
        if self.defs.is_unknown_code(system, code) {
            return self.at(Step::Name("code"), |w| {
                w.error("terminology/unknown-code", "the code system is known whole and has no such code");
            });
        }
        if self.defs.knows_system(system) || system == UCUM {
            return;
        }
        self.skip(Unchecked::CodeSystem, system);
        let fault = match system {
            crate::snomed::SYSTEM => crate::snomed::fault(code, false),
            crate::snomed::DMD => crate::snomed::fault(code, true),
            _ => None,
        };
        if let Some(fault) = fault {
            self.at(Step::Name("code"), |w| w.find(Severity::Warning, "terminology/snomed-form", fault));
        }
    }

    /// The rules of a known extension; reports one that stands where it may not, and one that is not known.
    pub(crate) fn extension(&mut self, owner: &'a Type, key: &str, url: &'a str) -> Option<&'a Node> {
        if is_relative(url) {
            if self.extensions.is_empty() && !url.is_empty() {
                self.at(Step::Name("url"), |w| {
                    w.error("r4/extension-url", "the url of an extension must be absolute")
                });
            }
            return None;
        }
        if url.contains('|') {
            self.at(Step::Name("url"), |w| {
                w.error("r4/extension-url", "the url of an extension names no version")
            });
        }
        let Some(profile) = self.defs.profile(url).filter(|p| p.ty == "Extension") else {
            self.unknown_extension(key, url);
            return None;
        };
        if profile.modifier != (key == "modifierExtension") {
            let text = if profile.modifier {
                "the extension changes what the element means, so it must stand among modifierExtension"
            } else {
                "the extension doesn't change what the element means, so it must not stand among modifierExtension"
            };
            self.error(&format!("{}/modifier", profile.root.rule), text);
        }
        if !profile.contexts.is_empty() && !profile.contexts.iter().any(|c| self.is_context(owner, c)) {
            let id = profile.root.rule.clone();
            let places: Vec<&str> = profile.contexts.iter().map(|(_, e)| e.as_str()).collect();
            let text = format!("the extension is not meant for this element, but for {}", places.join(", "));
            self.error(&format!("{id}/context"), text);
        }
        Some(&profile.root)
    }

    fn unknown_extension(&mut self, key: &str, url: &'a str) {
        self.skip(Unchecked::Extension, url);
        if names_no_element(url) {
            let text =
                "the url stands for an element of another version of FHIR, and no element has such a path";
            return self.at(Step::Name("url"), |w| w.error("r4/extension-url", text));
        }
        let (severity, text) = if url.starts_with("https://fhir.hl7.org.uk/STU3/")
            || url.contains("/Extension-CareConnect-")
        {
            (Severity::Warning, "the extension is CareConnect's, made for STU3; UK Core has its own")
        } else if url.starts_with("https://fhir.hl7.org.uk/StructureDefinition/") {
            (Severity::Warning, "UK Core has no extension of this name: it may be misspelt or retired")
        } else if url.starts_with(crate::urls::FHIR_STRUCTURE) {
            (Severity::Warning, "R4 has no extension of this name: it may be misspelt or of another version")
        } else if key == "modifierExtension" {
            (
                Severity::Warning,
                "the extension may change what the element means and its definition is not known here: whoever \
                 doesn't know it must not use the element",
            )
        } else if self.options.unknown_extensions == UnknownExtensions::Allow {
            return;
        } else {
            (
                Severity::Information,
                "the definition of the extension is not known here, so it was not held to it",
            )
        };
        let refuse = self.options.unknown_extensions == UnknownExtensions::Refuse;
        let severity = if refuse { Severity::Error } else { severity };
        let rule =
            if key == "modifierExtension" { "extension/unknown-modifier" } else { "extension/unknown" };
        self.find(severity, rule, text);
    }

    /// True where the element that carries the extension is the one that the context names.
    fn is_context(&self, owner: &'a Type, (kind, expression): &(String, String)) -> bool {
        match kind.as_str() {
            "extension" => self.extensions.last().is_some_and(|url| url == expression),
            // R4's own definitions give a type of an element the extensions made for the element (`regex`).
            "element" if expression == "ElementDefinition" && owner.name == "ElementDefinition.type" => true,
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
        // Any element, the root of a resource too: that is how the specification's own extensions use it.
        if matches!(expression, "Element" | "Resource" | "DomainResource") {
            return expression == "Element";
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

/// True where a Coding or a CodeableConcept has a code with its system, or something in their place.
fn names_a_code(value: &Value) -> bool {
    let named =
        |coding: &Value, key: &str| coding.get(key).is_some() || coding.get(format!("_{key}")).is_some();
    let codings = value.get("coding").and_then(Value::as_array);
    codings
        .map_or(std::slice::from_ref(value), Vec::as_slice)
        .iter()
        .any(|c| named(c, "system") && named(c, "code"))
}

/// True for the URL of an extension that stands for an element of another version of FHIR
/// (`http://hl7.org/fhir/5.0/StructureDefinition/extension-Type.element`), where no element can have such a path.
fn names_no_element(url: &str) -> bool {
    let Some((version, path)) = url
        .strip_prefix("http://hl7.org/fhir/")
        .and_then(|rest| rest.split_once("/StructureDefinition/extension-"))
    else {
        return false;
    };
    let word = |step: &str| !step.is_empty() && step.bytes().all(|b| b.is_ascii_alphanumeric());
    version.starts_with(|c: char| c.is_ascii_digit())
        && !(path.contains('.') && path.split('.').all(|step| word(step.strip_suffix("[x]").unwrap_or(step))))
}

/// True where an identifier's value has the form that the system stands for: a URI, or a UUID.
fn suits(system: &str, value: &str) -> bool {
    match system {
        // R4 asks for a full URI: that of an OID or a UUID may be none and is one all the same.
        "urn:ietf:rfc:3986" => value.contains(':') && !value.contains(char::is_whitespace),
        "https://tools.ietf.org/html/rfc4122" => {
            Primitive::Uuid.accepts(&format!("urn:uuid:{}", value.to_ascii_lowercase()))
        }
        _ => true,
    }
}

/// Whether a text is no absolute URI, which the system of a code and the URL of an extension must be: it names no scheme.
/// Source: FHIR R4, data types, uri; extensibility.
pub fn is_relative(uri: &str) -> bool {
    !uri.contains(':')
}

/// Whether the size that an attachment states is not that of its data; of data that are no base64 nothing is said.
/// `size` in bytes. Source: FHIR R4, Attachment.size.
pub fn size_differs(data: &str, size: u64) -> bool {
    Primitive::Base64Binary.accepts(data) && decoded_length(data) != size
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
