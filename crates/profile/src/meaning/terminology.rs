//! CodeSystem, ValueSet and ConceptMap against the code systems that are known whole.

use super::{items, text};
use crate::invariants::Object;
use crate::limits::MAX_CONCEPT_DEPTH;
use crate::report::Step;
use crate::walk::Walker;
use serde_json::Value;

impl<'a> Walker<'a> {
    pub(super) fn code_system(&mut self, object: &'a Object) {
        let content = text(object, "content");
        match (content, object.contains_key("supplements")) {
            (Some("supplement"), false) => self
                .error("r4/code-system-supplement", "a supplement must name the code system that it adds to"),
            (Some(content), true) if content != "supplement" => self.at(Step::Name("content"), |w| {
                w.error(
                    "r4/code-system-supplement",
                    "a code system that names another in supplements must be a supplement",
                )
            }),
            _ => {}
        }
        if content == Some("not-present") && items(object, "concept").next().is_some() {
            self.at(Step::Name("concept"), |w| {
                w.error(
                    "r4/code-system-content",
                    "the code system says that it holds no concepts (content not-present), and holds some",
                )
            });
        }
        if content == Some("complete")
            && let Some(stated) = object.get("count").and_then(Value::as_u64)
            && stated != concepts(object, 0)
        {
            self.at(Step::Name("count"), |w| {
                w.error(
                    "r4/code-system-count",
                    "the code system is complete, and its count is not that of its concepts",
                )
            });
        }
    }

    pub(super) fn value_set(&mut self, object: &'a Object) {
        let Some(compose) = object.get("compose").and_then(Value::as_object) else { return };
        for part in ["include", "exclude"] {
            for (number, include) in items(compose, part).enumerate() {
                let Some(system) = text(include, "system").filter(|s| !s.is_empty()) else { continue };
                let wrong = if !system.contains(':') {
                    "the system must be an absolute URI"
                } else if self.defs.value_set(system).is_some() {
                    "the system is a value set: name it in valueSet, or name its code system"
                } else {
                    continue;
                };
                let place =
                    [Step::Name("compose"), Step::Name(part), Step::Index(number), Step::Name("system")];
                self.below(&place, |w| w.error("r4/value-set-system", wrong));
            }
        }
    }

    pub(super) fn concept_map(&mut self, object: &'a Object) {
        for (number, group) in items(object, "group").enumerate() {
            for (row, element) in items(group, "element").enumerate() {
                let place =
                    [Step::Name("group"), Step::Index(number), Step::Name("element"), Step::Index(row)];
                self.below(&place, |w| {
                    w.mapped(group, "source", element);
                    for (number, target) in items(element, "target").enumerate() {
                        w.below(&[Step::Name("target"), Step::Index(number)], |w| {
                            w.mapped(group, "target", target)
                        });
                    }
                });
            }
        }
    }

    /// Holds a code of a map to the system of its side.
    fn mapped(&mut self, group: &'a Object, side: &str, holder: &'a Object) {
        let (Some(system), Some(code)) = (text(group, side), text(holder, "code")) else { return };
        if self.defs.is_unknown_code(system, code) {
            self.at(Step::Name("code"), |w| {
                w.error("terminology/unknown-code", "the code system is known whole and has no such code")
            });
        }
    }
}

/// How many concepts there are, at any depth.
fn concepts(object: &Object, depth: usize) -> u64 {
    if depth > MAX_CONCEPT_DEPTH {
        return 0;
    }
    items(object, "concept").map(|concept| 1 + concepts(concept, depth + 1)).sum()
}
