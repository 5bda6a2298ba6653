//! StructureDefinition: whether a constraint can stand on its base, and whether an extension says its own URL.

use super::{items, text};
use crate::base::{Base, Element, Kind, Type};
use crate::invariants::Object;
use crate::limits::MAX_BASES;
use crate::report::Step;
use crate::urls::FHIR_STRUCTURE;
use crate::walk::Walker;
use serde_json::Value;
use std::collections::{HashMap, HashSet};

/// Where a path of a definition leads to in the base specification.
enum Leads<'b> {
    /// An element, and its number among those of its parent.
    To(&'b Element, usize),
    /// Somewhere that the base leaves open: within any resource or type.
    Open,
    Nowhere,
}

impl<'a> Walker<'a> {
    pub(super) fn structure(&mut self, object: &'a Object) {
        let name = text(object, "type").unwrap_or_default();
        let extends = name == "Extension";
        let constrains = text(object, "derivation") == Some("constraint");
        for (number, context) in items(object, "context").enumerate() {
            let wrong = if !extends {
                "only an extension says where it may stand"
            } else if text(context, "type") == Some("element")
                && !self.is_place(text(context, "expression").unwrap_or_default())
            {
                "R4 has no such element, so the extension could stand nowhere"
            } else {
                continue;
            };
            self.below(&[Step::Name("context"), Step::Index(number)], |w| {
                w.error("r4/extension-context", wrong)
            });
        }
        let Some(base) = text(object, "baseDefinition").filter(|_| constrains) else { return };
        let core = base.strip_prefix(FHIR_STRUCTURE).filter(|b| self.defs.base.by_name.contains_key(*b));
        let described = self.defs.profile(base).map(|p| p.ty.as_str()).or(core);
        if described.is_some_and(|base| base != name && !self.is_built_on(base, name)) {
            self.error("r4/structure-base", "a constraint must be of the type that its base is of");
            return;
        }
        if extends {
            self.own_url(object, base, core.is_some());
        }
        let Some(ty) = self.defs.base.by_name.get(name).and_then(|id| self.defs.base.ty(*id)) else { return };
        self.differential(object, ty, core == Some(name));
    }

    /// True for the name of a profiled data type (`SimpleQuantity` is a Quantity), either way round.
    pub(crate) fn is_built_on(&self, name: &str, other: &str) -> bool {
        let base = self.defs.base;
        derives(base, name, other) || derives(base, other, name)
    }

    /// An extension is told by its URL: what it fixes must be its own, or that of the extension it narrows.
    fn own_url(&mut self, object: &'a Object, base: &'a str, core: bool) {
        let view = ["differential", "snapshot"].iter().find_map(|v| object.get(*v)?.as_object());
        let mut elements = view.into_iter().flat_map(|v| items(v, "element"));
        let fixed =
            elements.find(|e| text(e, "path") == Some("Extension.url")).and_then(|e| text(e, "fixedUri"));
        let own = text(object, "url");
        let wrong = match (fixed, core) {
            (None, true) => "the extension must fix Extension.url to its own url",
            (Some(fixed), true) if Some(fixed) != own => {
                "Extension.url is fixed to another url than the definition's own"
            }
            (Some(fixed), false) if self.defs.profile(base).is_some() && fixed != base => {
                "the extension narrows another, so Extension.url is fixed to that one's url already"
            }
            _ => return,
        };
        self.error("r4/extension-own-url", wrong);
    }

    /// Holds each element of a differential to the base type: that it is there, in order, and only narrowed.
    fn differential(&mut self, object: &'a Object, ty: &'a Type, core: bool) {
        let Some(view) = object.get("differential").and_then(Value::as_object) else { return };
        // Where a snapshot is given it is what counts, and what made it knew the elements and types.
        let alone = !object.contains_key("snapshot");
        let mut last: HashMap<&str, usize> = HashMap::new();
        let mut sliced: HashSet<&str> = HashSet::new();
        for (number, element) in items(view, "element").enumerate() {
            let path = text(element, "path").unwrap_or_default();
            let id = text(element, "id").unwrap_or(path);
            if !path.contains('.') {
                continue;
            }
            let place = [Step::Name("differential"), Step::Name("element"), Step::Index(number)];
            let leads = self.leads(ty, path);
            let Leads::To(base, position) = leads else {
                if alone && matches!(leads, Leads::Nowhere) {
                    self.below(&place, |w| {
                        w.error("r4/structure-path", "the type that is constrained has no such element")
                    });
                }
                continue;
            };
            let (parent, leaf) = id.rsplit_once('.').unwrap_or(("", id));
            self.below(&place, |w| {
                if last.get(parent).is_some_and(|before| *before > position) {
                    w.error(
                        "r4/structure-order",
                        "the elements of a differential stand in the order of the base",
                    );
                }
                w.narrows(element, base, leaf.contains(':'), alone);
                let extension = matches!(base.name.as_str(), "extension" | "modifierExtension");
                let whole =
                    id.split_once(':').map_or(id, |_| id.rsplit_once(':').map_or(id, |(front, _)| front));
                if core && leaf.contains(':') && !extension && !base.is_choice() && !sliced.contains(whole) {
                    w.error(
                        "r4/structure-slicing",
                        "a slice stands here, and nothing before says how slices are told apart",
                    );
                }
            });
            if element.contains_key("slicing") {
                sliced.insert(id);
            }
            let furthest = last.entry(parent).or_default();
            *furthest = position.max(*furthest);
        }
    }

    /// Holds an element of a differential to the element of the base that it narrows.
    fn narrows(&mut self, element: &'a Object, base: &Element, slice: bool, alone: bool) {
        let min = element.get("min").and_then(Value::as_u64);
        let max = text(element, "max").and_then(crate::base::max);
        if !slice && min.is_some_and(|m| m < base.min as u64) && max != Some(0) {
            self.error(
                "r4/structure-cardinality",
                "the base asks for more of the element than the least that is allowed here",
            );
        }
        if max.is_some_and(|m| m > base.max) {
            self.error(
                "r4/structure-cardinality",
                "the base allows fewer of the element than the most that is allowed here",
            );
        }
        let types: Vec<&str> = items(element, "type").filter_map(|t| text(t, "code")).collect();
        for code in &types {
            if alone && !self.may_be(base, code) {
                let allowed: Vec<&str> = base.types.iter().map(|t| t.code.as_str()).take(12).collect();
                self.error(
                    "r4/structure-type",
                    format!("the base allows other types only: {}", allowed.join(", ")),
                );
            }
        }
        for (key, _) in element {
            let Some(kind) = ["fixed", "pattern"].iter().find_map(|stem| key.strip_prefix(*stem)) else {
                continue;
            };
            let of = |code: &str| {
                code.eq_ignore_ascii_case(kind) || (code.starts_with("http") && kind == "String")
            };
            let fits = if types.is_empty() {
                base.types.is_empty() || base.types.iter().any(|t| of(&t.code) || self.is_open(&t.code))
            } else {
                types.iter().any(|code| of(code))
            };
            if !fits {
                self.error(
                    "r4/structure-value",
                    "the fixed value or pattern is of another type than the element",
                );
            }
        }
    }

    fn may_be(&self, base: &Element, code: &str) -> bool {
        if base.types.is_empty() || code.starts_with("http://hl7.org/fhirpath/") {
            return true;
        }
        base.types.iter().any(|ty| self.is_open(&ty.code) || derives(self.defs.base, code, &ty.code))
    }

    /// True for a type of which others may stand in its place: any element or resource, and the parts of a resource.
    fn is_open(&self, code: &str) -> bool {
        let part = self.defs.base.by_name.get(code).and_then(|id| self.defs.base.ty(*id));
        matches!(code, "*" | "Element" | "Resource") || part.is_none_or(|t| t.kind == Kind::Backbone)
    }

    /// Follows a path such as `Observation.value[x].unit` from a type.
    fn leads(&self, ty: &'a Type, path: &str) -> Leads<'a> {
        let base = self.defs.base;
        let mut at: Vec<&'a Type> = vec![ty];
        let mut found = Leads::Nowhere;
        let mut names = path.split('.').skip(1).peekable();
        while let Some(name) = names.next() {
            if at.iter().any(|t| matches!(t.name.as_str(), "Resource" | "DomainResource")) {
                return Leads::Open;
            }
            let hit = at.iter().find_map(|t| {
                let by_key = || t.keys.get(name).map(|k| k.element);
                let position = t.elements.iter().position(|e| e.name == name).or_else(by_key)?;
                Some((*t, position))
            });
            let Some((owner, position)) = hit else {
                // The system value of a primitive.
                let primitive = name == "value" && at.iter().any(|t| matches!(t.kind, Kind::Primitive(_)));
                return if primitive { Leads::Open } else { Leads::Nowhere };
            };
            let Some(element) = owner.elements.get(position) else { return Leads::Nowhere };
            found = Leads::To(element, position);
            if names.peek().is_some() {
                let chosen = owner.keys.get(name).filter(|_| element.is_choice()).map(|k| k.kind);
                let types = element.types.iter().enumerate().filter(|(n, _)| chosen.is_none_or(|c| c == *n));
                at = types.filter_map(|(_, t)| base.ty(t.id)).collect();
                if at.is_empty() {
                    return Leads::Open;
                }
            }
        }
        found
    }

    /// True where R4 has the element or type that an extension's context names, or where that can't be told.
    fn is_place(&self, expression: &str) -> bool {
        let expression = expression.split('#').next_back().unwrap_or(expression);
        if expression.contains([':', '(', ' ', '/']) || expression.is_empty() {
            return true;
        }
        let first = expression.split('.').next().unwrap_or_default();
        let Some(ty) = self.defs.base.by_name.get(first).and_then(|id| self.defs.base.ty(*id)) else {
            return false;
        };
        !expression.contains('.') || !matches!(self.leads(ty, expression), Leads::Nowhere)
    }

    /// Does something some steps further down.
    pub(super) fn below(&mut self, steps: &[Step<'a>], act: impl FnOnce(&mut Self)) {
        self.steps.extend_from_slice(steps);
        act(self);
        self.steps.truncate(self.steps.len() - steps.len());
    }
}

/// True where a type is another, or built on it.
fn derives(base: &Base, name: &str, from: &str) -> bool {
    let mut at = base.by_name.get(name).and_then(|id| base.ty(*id));
    for _ in 0..MAX_BASES {
        let Some(ty) = at else { return false };
        if ty.name == from {
            return true;
        }
        at = ty.base.and_then(|id| base.ty(id));
    }
    false
}
