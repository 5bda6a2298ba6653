//! Copies what STU3 and R4 have alike: values with their digits, references resolved, systems renamed.

pub(crate) mod extension;

use causeway_adapter::Context;
use causeway_core::{Issue, IssueCode, ItemId, Leaf, Outcome, Severity, When, common};
use causeway_fhir::writer::{decimal, ordered};
use causeway_fhir::{Writer, systems, types};
use causeway_json::{Kind, Node};
use causeway_profile::schema::TypeRef;

use crate::record::Record;
use crate::{codes, rules};

/// What copying needs to know.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Copier<'r, 't> {
    pub record: &'r Record<'t>,
    /// Code of the sender, for identifiers of what lies elsewhere.
    pub sender: &'r str,
    /// When it was received, and in which zone.
    pub context: &'r Context,
    /// The R4 type of the object that is being written, where it is known: see [`crate::typed`].
    pub ty: Option<TypeRef>,
    /// The item to hang an issue on that concerns the resource.
    pub about: Option<ItemId>,
}

/// A warning, for [`Writer::issue`].
pub(crate) fn warning(code: IssueCode, rule: &'static str, text: &'static str) -> Issue {
    Issue::new(Severity::Warning, code, rule, text)
}

impl<'t> Copier<'_, 't> {
    /// Tells of a date of birth after the day of receipt. Whether it has been kept as its text, and is not to be written.
    pub fn born_in_future(self, w: &mut Writer, owner: Node<'t>, node: Node<'t>) -> bool {
        let Some(leaf) = node.leaf() else { return false };
        let Ok(when) = When::iso(leaf.text.trim(), &self.context.zone) else { return false };
        if owner.get("_birthDate").is_none() {
            return causeway_adapter::birth::is_in_future(w, self.context.received, &when, leaf);
        }
        // Its place is taken by what the sender says of the date.
        if when.earliest() > self.context.received.as_second() {
            w.issue(Some(leaf.id), common::BIRTH_FUTURE.issue());
        }
        false
    }

    /// Whether a date of death is none: a day that systems write for none. Tells of one that can't be.
    pub fn is_no_death(self, w: &mut Writer, owner: Node<'t>, node: Node<'t>) -> bool {
        let date = |text: &str| When::iso(text.trim(), &self.context.zone).ok();
        let Some(leaf) = node.leaf() else { return false };
        let Some(died) = date(leaf.text) else { return false };
        if owner.get("_deceasedDateTime").is_none() && causeway_adapter::birth::is_no_death(w, &died, leaf) {
            return true;
        }
        let born = owner.string_of("birthDate").and_then(date);
        causeway_adapter::birth::tell_death(w, self.context.received, &died, born.as_ref(), leaf);
        false
    }

    /// A member under a key of R4, as its type there demands.
    pub fn member(self, w: &mut Writer, key: &str, node: Node<'t>) {
        match self.ty {
            Some(ty) => self.typed(w, ty, key, node),
            None => self.untyped(w, key, node),
        }
    }

    /// A member under a key, as it is.
    pub fn untyped(self, w: &mut Writer, key: &str, node: Node<'t>) {
        match node.kind() {
            Kind::Object => {
                w.object(key, |w| self.body(w, node));
            }
            Kind::Array => {
                w.array(key, |w| node.elements().for_each(|e| self.element(w, e)));
            }
            Kind::Null => {}
            _ => self.scalar(w, key, node),
        }
    }

    /// A string, number or boolean under a key.
    pub fn scalar(self, w: &mut Writer, key: &str, node: Node<'t>) {
        let Some(leaf) = node.leaf() else { return };
        match node.kind() {
            Kind::Text => w.string(key, leaf.text, leaf),
            Kind::Number => w.number(key, leaf.text, leaf),
            _ => w.boolean(key, leaf.text == "true", leaf),
        }
    }

    /// A value within an array.
    pub fn element(self, w: &mut Writer, node: Node<'t>) {
        match (node.kind(), node.leaf()) {
            (Kind::Object, _) => {
                w.element(|w| self.body(w, node));
            }
            (Kind::Text, Some(leaf)) => w.value(leaf.text, leaf),
            (Kind::Number | Kind::True | Kind::False, Some(leaf)) => {
                w.raw_value(leaf.text.as_bytes(), leaf);
            }
            // Only beside extensions of its own does a null stand for a value.
            (Kind::Null, _) if is_extended(node) => w.raw_value(b"null", ()),
            _ => {}
        }
    }

    /// The members of an object, written into an open one.
    pub fn body(self, w: &mut Writer, node: Node<'t>) {
        let start = w.bytes().len();
        if node.get("reference").is_some_and(|r| matches!(r.kind(), Kind::Text | Kind::Number)) {
            self.reference(w, node);
            return;
        }
        if self.is_reversed_range(w, node) {
            return;
        }
        for (name, child) in node.members() {
            self.field(w, node, name, child);
        }
        if self.ty.is_some_and(|ty| ty.name() == "Questionnaire.item.enableWhen") {
            enable_when(w, node);
        }
        self.complete(w, start);
    }

    /// One member of an object, by what its name means in every data type.
    pub fn field(self, w: &mut Writer, owner: Node<'t>, name: &str, child: Node<'t>) {
        match name {
            "extension" | "modifierExtension" => extension::list(self, w, name, child),
            "hasAnswer" if self.ty.is_some_and(|ty| ty.name() == "Questionnaire.item.enableWhen") => {}
            // Of a telephone it is a code, of money another element.
            "system" if self.ty.is_none_or(|ty| !matches!(ty.name(), "Money" | "ContactPoint")) => {
                self.system(w, owner, child);
            }
            "value" if self.is_incomparable(owner) => self.invalid_all(w, child),
            "end" if self.is_no_end(w, owner, child) => {}
            "fhir_comments" => {}
            "div" if self.ty.is_some_and(|ty| ty.name() == "Narrative") => self.narrative(w, child),
            "value" if self.ty.is_some_and(|ty| ty.name() == "Identifier") => {
                if let Some(leaf) = child.leaf() {
                    types::tell_doubt(w, leaf.text, &leaf);
                }
                self.member(w, name, child);
            }
            _ => self.member(w, name, child),
        }
    }

    /// The text of a narrative. What FHIR forbids in one (programs, forms, markup of another kind) is left out and told; the words
    /// are carried.
    fn narrative(self, w: &mut Writer, node: Node<'t>) {
        let plain = node.leaf().filter(|leaf| !causeway_profile::is_narrative(leaf.text));
        match plain.map(|leaf| (leaf, words_of(leaf.text))) {
            None => self.member(w, "div", node),
            Some((leaf, words)) => {
                w.issue(Some(leaf.id), rules::NARRATIVE_PLAIN.issue());
                let div = format!("<div xmlns=\"http://www.w3.org/1999/xhtml\"><p>{words}</p></div>");
                if !words.is_empty() && causeway_profile::is_narrative(&div) {
                    w.string("div", &div, leaf);
                    w.lossy(leaf, "markup that FHIR forbids was left out");
                }
            }
        }
    }

    /// Whether the end of a period is before its start, or a day that systems write for none; it is left out and told.
    fn is_no_end(self, w: &mut Writer, owner: Node<'t>, end: Node<'t>) -> bool {
        if self.ty.is_none_or(|ty| ty.name() != "Period") {
            return false;
        }
        self.left_out_end(w, owner.leaf_of("start"), end.leaf())
    }

    /// The same of any two dates, from when and until when something was so.
    pub fn left_out_end(self, w: &mut Writer, start: Option<Leaf<'t>>, end: Option<Leaf<'t>>) -> bool {
        let when = |leaf: Option<Leaf<'t>>| When::iso(leaf?.text.trim(), &self.context.zone).ok();
        when(end).is_some_and(|last| types::left_out_end(w, when(start).as_ref(), &last, &end))
    }

    /// A range that ends below where it begins, which R4 forbids: told, and kept as its words. Whether it was one.
    fn is_reversed_range(self, w: &mut Writer, range: Node<'t>) -> bool {
        let end = |name: &str| range.get(name)?.leaf_of("value");
        let Some((low, high)) = end("low").zip(end("high")) else { return false };
        let numbers = decimal(low.text).zip(decimal(high.text));
        let ty = self.ty.map_or("", |ty| ty.name());
        let is_reference = ty.ends_with(".referenceRange");
        if !(ty == "Range" || is_reference) || numbers.is_none_or(|(a, b)| ordered(&a, &b)) {
            return false;
        }
        w.issue(Some(high.id), common::RANGE_REVERSED.issue());
        let unit = range.get("high").and_then(|high| high.leaf_of("unit"));
        let words = format!("{} - {} {}", low.text, high.text, unit.map_or("", |unit| unit.text));
        if is_reference {
            let ends = || ["low", "high"].into_iter().filter_map(|end| range.get(end)).flat_map(Node::leaves);
            let text = range.leaf_of("text");
            for (name, child) in range.members().filter(|(name, _)| !matches!(*name, "low" | "high" | "text"))
            {
                self.field(w, range, name, child);
            }
            let said = text
                .map_or(words.trim_end().to_owned(), |text| format!("{} ({})", text.text, words.trim_end()));
            w.string("text", &said, (ends().collect::<Vec<_>>(), text));
            return true;
        }
        w.array("extension", |w| {
            types::extension(w, types::SOURCE_TEXT, |w| {
                w.string("valueString", words.trim_end(), range.leaves());
            });
        });
        true
    }

    /// `system`, renamed where R4 or UK Core renamed it.
    fn system(self, w: &mut Writer, owner: Node<'t>, node: Node<'t>) {
        let Some(leaf) = node.leaf() else { return };
        let url = match owner.string_of("code") {
            // UK Core keeps two of the codes; the others are HL7's own.
            Some("presenting-complaint" | "co-morbidity") if is_condition_category(leaf.text) => {
                "https://fhir.hl7.org.uk/CodeSystem/UKCore-ConditionCategory".into()
            }
            _ if is_condition_category(leaf.text) => systems::CONDITION_CATEGORY.into(),
            _ => codes::system(leaf.text),
        };
        // A code that the system of R4 does not have stays with the system that the source names.
        let lacking = owner.string_of("code").filter(|code| *url != *leaf.text && codes::lacks(&url, code));
        if lacking.is_some() {
            w.issue(Some(leaf.id), rules::CODE_OF_SYSTEM.issue());
            w.string("system", leaf.text, leaf);
            return;
        }
        let code = owner.leaf_of("code").filter(|_| self.ty.is_none_or(|ty| ty.name() != "Quantity"));
        if let Some((code, rule)) = code.and_then(|c| Some((c, causeway_core::snomed::doubt(&url, c.text)?)))
        {
            w.issue(Some(code.id), rule.issue());
        }
        if code.is_some_and(|code| causeway_core::snomed::is_no_code(&url, code.text)) {
            w.lossy(leaf, "the code can be none of this system, so it was not called one");
            return;
        }
        match systems::is_oid(leaf.text.trim()) {
            true => {
                w.issue(Some(leaf.id), rules::VALUE_REPAIRED.issue());
                w.string("system", &format!("urn:oid:{}", leaf.text.trim()), leaf);
            }
            false if causeway_profile::is_relative(&url) && !url.trim().is_empty() => {
                self.text_beside(w, "system", node, leaf, &common::SYSTEM_RELATIVE);
            }
            false => w.string("system", &url, leaf),
        }
    }

    /// The content of a `Reference`: within the record by its id; elsewhere as the sender names it.
    pub fn reference(self, w: &mut Writer, node: Node<'t>) {
        let Some(leaf) = node.leaf_of("reference") else { return };
        match self.record.find(leaf.text).map(|e| e.target.as_ref()) {
            Some(Some(target)) => w.reference_body(target, leaf),
            Some(None) => {
                let text = "the resource that is referred to is of a type that is not carried";
                w.issue(Some(leaf.id), warning(IssueCode::NotSupported, "reference-not-carried", text));
                w.claim(leaf, Outcome::Unsupported, "refers to a resource that is not carried");
            }
            None if self.record.dangling(leaf.text) => self.dangling(w, leaf, node),
            None => self.outside(w, leaf, node),
        }
        for (name, child) in node.members().filter(|(name, _)| *name != "reference") {
            // What the sender's server calls the target is told below where it lies outside.
            self.typed_as("Reference").field(w, node, name, child);
        }
    }

    /// A reference that leads to nothing in a record that should hold its target: what refers stays, and says by
    /// identifier and in words what is missing. A medicine that is missing is an error, for nobody can tell what
    /// was prescribed.
    fn dangling(self, w: &mut Writer, leaf: Leaf<'t>, node: Node<'t>) {
        let mut parts = leaf.text.rsplit('/');
        let (id, kind) = (parts.next().unwrap_or(""), parts.next().unwrap_or(""));
        if node.get("identifier").is_none() {
            w.object("identifier", |w| match kind {
                "" => {
                    w.fixed("system", "urn:ietf:rfc:3986");
                    w.string("value", leaf.text, leaf);
                }
                _ => {
                    w.string("system", &systems::local(self.sender, kind), leaf);
                    w.string("value", id, leaf);
                }
            });
        }
        let missing = "the target of the reference is not in the record; only its identifier was kept";
        w.lossy(leaf, missing);
        if node.name() == "medicationReference" {
            if node.get("display").is_none() {
                w.fixed("display", "not in the record that was sent");
            }
            let text = "the medicine that is referred to is not in the record, so what it is can't be told; the \
                        rest of the entry was carried";
            let issue = Issue::new(Severity::Error, IssueCode::NotFound, "reference-dangling", text);
            w.issue(Some(leaf.id), issue);
        } else {
            let text = "the reference leads to nothing in the record; what refers was carried, with the \
                        identifier of what is missing";
            w.issue(Some(leaf.id), warning(IssueCode::NotFound, "reference-dangling", text));
        }
    }

    /// A reference to what lies outside of the input, with the identifier that this exchange gives to such ids.
    fn outside(self, w: &mut Writer, leaf: Leaf<'t>, node: Node<'t>) {
        // Neither a type with an id nor an address: R4 can't hold it as a reference.
        if !leaf.text.contains(['/', ':', '#']) {
            w.issue(Some(leaf.id), rules::VALUE_WORDS.issue());
            if node.get("display").is_none() {
                w.string("display", leaf.text, leaf);
            }
            return;
        }
        w.string("reference", leaf.text, leaf);
        let mut parts = leaf.text.rsplit('/');
        let (Some(id), Some(kind)) = (parts.next(), parts.next()) else { return };
        let relative = !leaf.text.contains(':') && parts.next().is_none();
        if relative && node.get("identifier").is_none() {
            w.object("identifier", |w| {
                w.string("system", &systems::local(self.sender, kind), leaf);
                w.string("value", id, leaf);
            });
        }
    }

    /// A `Reference` to the target of a wrapper (`{"agent": {…}}`), under a key.
    pub fn unwrapped(self, w: &mut Writer, key: &str, node: Node<'t>, part: &str) {
        if let Some(inner) = node.get(part) {
            self.member(w, key, inner);
        }
    }

    /// What can't be a value of its element, or would say something else without its neighbour.
    fn invalid_all(self, w: &mut Writer, node: Node<'t>) {
        w.issue(node.first_leaf().map(|l| l.id), rules::VALUE_INVALID.issue());
        w.claim(node.leaves(), Outcome::Rejected, "its comparator can't be read, so it was left out");
    }

    /// Everything below a node has no place in R4.
    pub fn lost(self, w: &mut Writer, node: Node<'t>, reason: &'static str) {
        w.claim(node.leaves(), Outcome::Unsupported, reason);
    }
}

fn is_condition_category(system: &str) -> bool {
    system.ends_with("/CareConnect-ConditionCategory-1")
}

/// Whether an element of a list has extensions: a sibling of the list, its name with `_` in front.
fn is_extended(node: Node<'_>) -> bool {
    let Some(list) = node.parent() else { return false };
    list.parent().is_some_and(|owner| owner.get(&format!("_{}", list.name())).is_some())
}

/// The operator of a condition on another answer, which STU3 leaves to be understood: there, or equal.
fn enable_when(w: &mut Writer, node: Node<'_>) {
    if let Some(there) = node.leaf_of("hasAnswer") {
        w.fixed("operator", "exists");
        match there.text.trim() {
            "true" => w.boolean("answerBoolean", true, there),
            "false" => w.boolean("answerBoolean", false, there),
            _ => {
                w.issue(Some(there.id), rules::ANSWER_UNKNOWN.issue());
                w.claim(there, Outcome::Unsupported, rules::ANSWER_UNKNOWN.text);
                w.boolean("answerBoolean", true, ());
            }
        }
        return;
    }
    if node.get("operator").is_some() {
        return;
    }
    let answer = node.members().find(|(name, _)| name.starts_with("answer"));
    match answer.filter(|(name, _)| *name == "answerAttachment") {
        // R4 can't compare with an attachment: that there is an answer is what is left of the condition.
        Some((_, attachment)) => {
            w.issue(attachment.first_leaf().map(|l| l.id), rules::ANSWER_UNKNOWN.issue());
            w.fixed("operator", "exists");
            w.boolean("answerBoolean", true, ());
        }
        None => w.fixed("operator", "="),
    }
}

/// The words of a narrative, still escaped, without its markup and without what a program or a style sheet says.
fn words_of(div: &str) -> String {
    let mut out = String::with_capacity(div.len());
    let mut rest = div;
    while let Some(at) = rest.find('<') {
        out.push_str(rest.get(..at).unwrap_or_default());
        let tag = rest.get(at..).unwrap_or_default();
        let end = tag.find('>').map_or(tag.len(), |end| end + 1);
        let name = tag.get(1..end).unwrap_or_default().to_ascii_lowercase();
        let hidden =
            ["script", "style"].into_iter().find(|hidden| name.starts_with(hidden) && !name.ends_with("/>"));
        let end = match hidden {
            Some(hidden) => {
                let close = format!("</{hidden}");
                let is_close = |found: &[u8]| found.eq_ignore_ascii_case(close.as_bytes());
                let after = tag.as_bytes().windows(close.len()).position(is_close).unwrap_or(tag.len());
                let closed =
                    tag.get(after..).and_then(|t| t.find('>')).map_or(tag.len(), |end| after + end + 1);
                closed.max(end)
            }
            None => end,
        };
        out.push(' ');
        rest = tag.get(end..).unwrap_or_default();
    }
    out.push_str(rest);
    out.split_whitespace().collect::<Vec<_>>().join(" ")
}
