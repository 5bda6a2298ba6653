//! Questionnaire: what its conditions ask about is there.

use super::{items, text};
use crate::invariants::Object;
use crate::limits::MAX_DEPTH;
use crate::report::Step;
use crate::walk::Walker;
use std::collections::HashSet;

impl<'a> Walker<'a> {
    pub(super) fn questionnaire(&mut self, object: &'a Object) {
        let mut links = HashSet::new();
        collect(object, 0, &mut links);
        self.conditions(object, 0, &links);
    }

    fn conditions(&mut self, holder: &'a Object, depth: usize, links: &HashSet<&'a str>) {
        if depth > MAX_DEPTH {
            return;
        }
        for (number, item) in items(holder, "item").enumerate() {
            self.below(&[Step::Name("item"), Step::Index(number)], |w| {
                for (number, condition) in items(item, "enableWhen").enumerate() {
                    let Some(question) = text(condition, "question") else { continue };
                    let wrong = if !links.contains(question) {
                        "the condition asks about an item that the questionnaire doesn't have"
                    } else if text(item, "linkId") == Some(question) {
                        "the condition asks about the item itself"
                    } else {
                        continue;
                    };
                    w.below(&[Step::Name("enableWhen"), Step::Index(number), Step::Name("question")], |w| {
                        w.error("r4/questionnaire-condition", wrong)
                    });
                }
                w.conditions(item, depth + 1, links);
            });
        }
    }
}

fn collect<'o>(holder: &'o Object, depth: usize, links: &mut HashSet<&'o str>) {
    if depth > MAX_DEPTH {
        return;
    }
    for item in items(holder, "item") {
        links.extend(text(item, "linkId"));
        collect(item, depth + 1, links);
    }
}
