//! One GP summary: patient, entries, and the `Composition` that holds its text.

use std::collections::HashMap;

use causeway_adapter::{Composer, Meta, Profile};
use causeway_core::{Issue, IssueCode, Leaf, Outcome, Severity};
use causeway_fhir::{Ref, Writer};
use causeway_xml::Element;

use crate::codes::{COMPOSITION_STATUS, GUID};
use crate::entry;
use crate::narrative::{self, Div, Section};
use crate::parts::{Entry, Scope};
use crate::people::Number;
use crate::{hl7, people, write};

/// Why a summary is refused.
pub(crate) struct Refusal {
    pub issue: Issue,
    pub about: Option<u32>,
}

/// Translates one summary, or the fragment of one that has neither code nor patient.
///
/// # Errors
/// Where its patient can't be told.
pub(crate) fn translate(c: &mut Composer<'_>, root: Element<'_>) -> Result<(), Refusal> {
    let patient = who(c, root)?;
    let zone = c.context.zone.clone();
    let mut scope = Scope { zone, patient: None, targets: HashMap::new(), seen: HashMap::new() };
    match patient {
        Some((holder, number, from)) => scope.patient = Some(people::patient(c, holder, &number, from)),
        None => c.issue_at(
            root.items().start,
            write::warning(
                IssueCode::Required,
                "patient-absent",
                "the summary names no patient; its entries were carried without one",
            ),
        ),
    }
    let mut entries = entry::find(root);
    entry::write(c, &mut scope, &mut entries);
    let texts = texts(root);
    for notice in texts.iter().filter_map(|t| narrative::withheld(*t)) {
        let text = "the summary says that entries were deliberately withheld from it";
        c.issue_at(notice.id, write::warning(IssueCode::Suppressed, "entries-withheld", text));
    }
    let whole = root.child("code").is_some() || !texts.is_empty();
    if whole {
        composition(c, root, &scope, &entries, &texts);
    }
    Ok(())
}

type Who<'d> = Option<(Element<'d>, Number<'d>, (Leaf<'d>, Leaf<'d>))>;

/// The patient of the summary: absent, believed, or a reason to refuse.
///
/// A number that fails its check refuses the summary, for its coded entries must not reach a wrong record. A
/// summary that is text alone is carried as a document, its patient known by a number that is not called an
/// NHS number: somebody has to file it.
fn who<'d>(c: &mut Composer<'_>, root: Element<'d>) -> Result<Who<'d>, Refusal> {
    let Some(holder) = root.path(&["recordTarget", "patient"]) else { return Ok(None) };
    let Some((oid, value, number)) = people::number(holder) else {
        let text = "the patient of the summary has no NHS number; the summary was refused";
        let issue = Issue::new(Severity::Error, IssueCode::Required, "nhs-number-absent", text);
        return Err(Refusal { issue, about: holder.items().next() });
    };
    let number = match number {
        Ok(number) => Number::Nhs(number),
        Err(error) if entry::find(root).is_empty() => Number::Other(value, error),
        Err(error) => {
            let text = format!("{error}; the summary was refused");
            let issue = Issue::new(Severity::Error, IssueCode::Value, error.rule(), text);
            return Err(Refusal { issue, about: Some(value.id) });
        }
    };
    let mut up = root.parent();
    while let Some(element) = up {
        if element.name() == "queryResponseEvent" {
            envelope_patient(c, element, &number);
        }
        up = element.parent();
    }
    Ok(Some((holder, number, (oid, value))))
}

/// The answer's envelope names the patient who was asked for: a difference is told.
fn envelope_patient(c: &mut Composer<'_>, event: Element<'_>, number: &Number<'_>) {
    let named = event.path(&["recordTarget", "patient"]).and_then(people::number);
    if let Some((_, value, asked)) = named
        && !matches!((asked, number), (Ok(asked), Number::Nhs(number)) if asked == *number)
    {
        let text = "the answer names another patient than the summary within it; the summary's was taken";
        c.issue_at(value.id, write::warning(IssueCode::Conflict, "patient-conflict", text));
    }
}

/// The values of the presentation texts of a summary.
fn texts(root: Element<'_>) -> Vec<Element<'_>> {
    if root.name() == "html" {
        return vec![root];
    }
    let excerpts = root.children_named("excerptFrom").flat_map(Element::descendants);
    excerpts.filter(|e| e.name() == "presentationText").filter_map(|p| p.child("value")).collect()
}

/// Writes the `Composition`.
fn composition(
    c: &mut Composer<'_>,
    root: Element<'_>,
    scope: &Scope,
    entries: &[Entry<'_>],
    texts: &[Element<'_>],
) {
    let key = people::record_key(root);
    let mut authors = Vec::new();
    for author in root.children_named("author") {
        if let Some(agent) = people::agent(c, author, scope.patient.as_ref(), &key, true) {
            authors.push(agent.target);
        }
    }
    let sections: Vec<Section<'_>> = texts.iter().flat_map(|t| narrative::sections(*t)).collect();
    let plan = plan(&sections, entries);
    let meta = Meta { profile: Profile::Default, security: entry::confidentiality(root) };
    c.resource_with("Composition", &key, &meta, |w| {
        w.object("identifier", |w| {
            if let Some(id) = hl7::guid(root) {
                w.fixed("system", GUID);
                w.leaf("value", id);
            }
        });
        write::status(w, &COMPOSITION_STATUS, root, "preliminary");
        if !write::code(w, "type", root.child("code")) {
            w.object("type", write::absent);
        }
        let category = root.path(&["pertinentInformation1", "pertinentRootCREType", "code"]);
        write::code_list(w, "category", &[category]);
        match &scope.patient {
            Some(patient) => w.reference("subject", patient, ()),
            None => {
                w.object("subject", write::absent);
            }
        }
        dates(w, root, scope);
        w.array("author", |w| {
            for author in &authors {
                w.reference_element(author, ());
            }
            if authors.is_empty() {
                w.element(write::absent);
            }
        });
        if !w_title(w, root, &sections) {
            w.fixed("title", "General Practice Summary");
        }
        replaces(w, root);
        w.array("section", |w| {
            for planned in &plan {
                section(w, planned, &sections);
            }
        });
    });
}

/// `title`: the words of the summary's own code, else its first heading.
fn w_title(w: &mut Writer, root: Element<'_>, sections: &[Section<'_>]) -> bool {
    if let Some(words) = root.child("code").and_then(|c| c.attribute("displayName")) {
        w.leaf("title", words);
        return !words.is_blank();
    }
    let Some((title, items)) = sections.iter().map(Section::title).find(|(t, _)| !t.is_empty()) else {
        return false;
    };
    w.string("title", &title, items);
    true
}

/// `date` is when it was authored; when it took effect is the end of what it documents.
fn dates(w: &mut Writer, root: Element<'_>, scope: &Scope) {
    let authored = root.children_named("author").find_map(|a| hl7::time(a.child("time"), &scope.zone));
    let effective = hl7::effective(root, &scope.zone).start();
    match authored.or(effective) {
        Some(time) => write::moment(w, "date", time),
        None => {
            w.object("_date", write::absent);
        }
    }
    if let Some(time) = authored.and(effective) {
        w.array("event", |w| {
            w.element(|w| write::period(w, "period", None, Some(time)));
        });
    }
}

fn replaces(w: &mut Writer, root: Element<'_>) {
    w.array("relatesTo", |w| {
        for prior in root.children_named("replacementOf").filter_map(|r| r.child("priorMessageRef")) {
            let Some(id) = hl7::guid(prior) else { continue };
            w.element(|w| {
                w.fixed("code", "replaces");
                w.object("targetIdentifier", |w| {
                    w.fixed("system", GUID);
                    w.leaf("value", id);
                });
            });
        }
    });
}

/// One section of the composition: a section of the text, entries, or both.
struct Planned<'e, 'd> {
    text: Option<usize>,
    category: Option<Element<'d>>,
    entries: Vec<&'e Ref>,
    /// Items whose words decided that the entries are here.
    named: Vec<u32>,
}

/// Which heading an entry belongs under, where the name of its category does not say it.
const HEADINGS: [(&str, &str); 3] = [
    ("AcuteMedication", "AcuteMedsHeader"),
    ("CurrentRepeatMedication", "RepeatMedsHeader"),
    ("DiscontinuedRepeatMedication", "DiscRepeatMedsHeader"),
];

/// Files the entries under the sections of the text; categories without a section get one of their own.
fn plan<'e, 'd>(sections: &[Section<'d>], entries: &'e [Entry<'d>]) -> Vec<Planned<'e, 'd>> {
    let mut planned: Vec<Planned<'e, 'd>> = (0..sections.len())
        .map(|at| Planned { text: Some(at), category: None, entries: Vec::new(), named: Vec::new() })
        .collect();
    let (mut titles, mut ids) = (HashMap::new(), HashMap::new());
    for (at, section) in sections.iter().enumerate() {
        titles.entry(section.title().0.to_lowercase()).or_insert(at);
        if let Some(id) = section.id() {
            ids.entry(id.text.trim()).or_insert(at);
        }
    }
    let mut places: HashMap<(String, &str), usize> = HashMap::new();
    for entry in entries {
        let Some(target) = &entry.target else { continue };
        let leaf = entry.category.and_then(|c| c.attribute("displayName")).filter(|w| !w.is_blank());
        let leaf = leaf.or_else(|| entry.category.and_then(|c| c.attribute("code")));
        let words = leaf.map_or_else(String::new, |w| w.text.trim().to_lowercase());
        let heading = HEADINGS.iter().find(|(name, _)| *name == entry.name).map_or("", |(_, id)| *id);
        let found = ids.get(heading).copied().filter(|_| !heading.is_empty());
        let by_title = || titles.get(&words).copied().filter(|_| heading.is_empty() && !words.is_empty());
        let at = *places.entry((words.clone(), heading)).or_insert_with(|| {
            found.or_else(by_title).unwrap_or_else(|| {
                planned.push(Planned { text: None, category: None, entries: Vec::new(), named: Vec::new() });
                planned.len() - 1
            })
        });
        if let Some(section) = planned.get_mut(at) {
            section.category = section.category.or(entry.category);
            section.entries.push(target);
            section.named.extend(leaf.filter(|_| found.is_none()).map(|l| l.id));
        }
    }
    planned
}

fn section(w: &mut Writer, planned: &Planned<'_, '_>, sections: &[Section<'_>]) {
    let text = planned.text.and_then(|at| sections.get(at));
    let div = text.map(|t| Div::new(&t.content));
    w.element(|w| {
        match text {
            Some(text) => {
                let (title, items) = text.title();
                w.string("title", &title, items);
            }
            None => {
                if let Some(words) = planned.category.and_then(|c| c.attribute("displayName")) {
                    w.leaf("title", words);
                }
            }
        }
        w.object("code", |w| {
            w.array("coding", |w| {
                if let Some(id) = text.and_then(Section::id) {
                    w.element(|w| w.leaf("code", id));
                }
            });
        });
        w.mapped(&planned.named);
        let before = w.mark();
        if let Some(div) = div {
            div.write(w);
        }
        w.array("entry", |w| {
            for target in &planned.entries {
                w.reference_element(target, ());
            }
        });
        if !w.wrote_since(before) {
            empty(w);
        }
    });
}

/// A section must say something (R4 cmp-1): a heading that nothing follows says so.
fn empty(w: &mut Writer) {
    w.object("text", |w| {
        w.fixed("status", "empty");
        let words =
            "<div xmlns=\"http://www.w3.org/1999/xhtml\">Nothing follows this heading in the summary.</div>";
        w.fixed("div", words);
    });
}

/// Says what became of everything in a summary that no resource took.
pub(crate) fn account(c: &mut Composer<'_>, root: Element<'_>) {
    for element in std::iter::once(root).chain(root.descendants()) {
        if matches!(element.name(), "templateId" | "seperatableInd") {
            c.ledger.claim_rest(element.items(), Outcome::Structural, "");
            continue;
        }
        for (name, leaf) in element.attributes() {
            match name {
                "classCode"
                | "moodCode"
                | "typeCode"
                | "determinerCode"
                | "contextControlCode"
                | "contextConductionInd"
                | "inversionInd"
                | "negationInd"
                | "type"
                | "schemaLocation" => {
                    c.claim(leaf, Outcome::Structural, "");
                }
                "nullFlavor" => {
                    let reason = "the sender says that it has no information here";
                    c.claim(leaf, Outcome::Unsupported, reason);
                }
                _ => {}
            }
        }
    }
    for element in std::iter::once(root).chain(root.descendants()).filter(|e| e.name() == "text") {
        for content in element.contents() {
            let causeway_xml::Content::Text(leaf) = content else { continue };
            let left =
                c.ledger.items().get(leaf.id as usize).is_some_and(|i| i.outcome == Outcome::Unexplained);
            if left && !leaf.is_blank() && !c.crowded() {
                c.issue_at(leaf.id, crate::rules::TEXT_LEFT.issue());
            }
        }
    }
    c.ledger.claim_rest(root.items(), Outcome::Unsupported, "no place in FHIR; kept only in the original");
    for item in causeway_hl7v3::repeated::repeated(root, c.ledger.items()) {
        c.issue_at(item, causeway_core::common::ELEMENT_REPEATED.issue());
    }
}
