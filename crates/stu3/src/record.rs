//! What the whole input says of its parts: entries, their keys and references, and what makes it refusable.

use std::collections::HashMap;

use causeway_adapter::Composer;
use causeway_core::{Issue, IssueCode, NhsNumber, NhsNumberError, Severity};
use causeway_fhir::{Ref, systems};
use causeway_json::{Kind as JsonKind, Node};

use crate::{Reading, kinds, rules};

/// One resource of the input.
#[derive(Debug)]
pub(crate) struct Entry<'t> {
    pub resource: Node<'t>,
    /// Its STU3 type.
    pub stu3: &'t str,
    /// Where it will be written; `None` where it won't.
    pub target: Option<Ref>,
    /// The key of `target`.
    pub key: String,
    /// The identifier of the document that a composition stands for.
    pub document: Option<Node<'t>>,
}

/// The resources of an input and how they are found.
#[derive(Debug)]
pub(crate) struct Record<'t> {
    pub entries: Vec<Entry<'t>>,
    /// By `Type/id` and by `fullUrl`.
    index: HashMap<String, usize>,
    /// How many resources had this type and key.
    seen: HashMap<String, usize>,
    /// Ids that another resource of the type had already.
    pub repeated: Vec<Node<'t>>,
    /// Whether the input is one person's record, whole in itself (a collection, as GP Connect gives it).
    pub whole: bool,
    /// The entry of the patient, where there is one.
    pub patient: Option<usize>,
}

/// Why an input is refused as a whole.
#[derive(Debug)]
pub(crate) struct Refusal(pub Issue);

fn refusal(code: IssueCode, rule: &'static str, text: impl Into<String>, at: Node<'_>) -> Refusal {
    Refusal(Issue::new(Severity::Error, code, rule, text.into()).at(at.position()))
}

impl<'t> Record<'t> {
    /// Reads what a document holds.
    ///
    /// # Errors
    /// Where it is no record, or one that must not be carried on.
    pub fn read(c: &Composer<'_>, root: Node<'t>, reading: Reading) -> Result<Self, Refusal> {
        let kind = root.string_of("resourceType").unwrap_or("");
        if kind.is_empty() {
            let text = "the document is no FHIR resource: it has no resourceType";
            return Err(refusal(IssueCode::Structure, "resource-type-absent", text, root));
        }
        let mut record = Self {
            entries: Vec::new(),
            index: HashMap::new(),
            seen: HashMap::new(),
            repeated: Vec::new(),
            whole: false,
            patient: None,
        };
        if kind == "Bundle" {
            record.whole = root.string_of("type") == Some("collection");
            match reading {
                Reading::Record => record.entries_of(c, root, reading)?,
                Reading::Envelope => {
                    shape(root)?;
                    record.entries_of(c, root, reading)?;
                    record.focus(root)?;
                }
            }
        } else {
            record.add(c, root, None, reading)?;
        }
        if !record.entries.is_empty() && record.entries.iter().all(|e| e.target.is_none()) {
            let at = root.get("resourceType").unwrap_or(root);
            return Err(Refusal(crate::rules::NO_RECORD.issue().at(at.position())));
        }
        record.one_patient(root, reading)?;
        record.check(root)?;
        Ok(record)
    }

    fn entries_of(&mut self, c: &Composer<'_>, bundle: Node<'t>, reading: Reading) -> Result<(), Refusal> {
        for entry in bundle.get("entry").into_iter().flat_map(Node::elements) {
            let Some(resource) = entry.get("resource").filter(|r| r.is_object()) else { continue };
            let url = entry.string_of("fullUrl");
            if reading == Reading::Record || resource.string_of("resourceType") != Some("Bundle") {
                self.add(c, resource, url, reading)?;
                continue;
            }
            // A document within the message: its entries are entries, and what refers to it means its composition.
            let first = self.entries.len();
            for entry in resource.get("entry").into_iter().flat_map(Node::elements) {
                let Some(inner) = entry.get("resource").filter(|r| r.is_object()) else { continue };
                self.add(c, inner, entry.string_of("fullUrl"), reading)?;
            }
            if let Some(composition) = self.entries.get_mut(first) {
                composition.document = resource.get("identifier");
                let id = resource.string_of("id").map(|id| format!("Bundle/{id}"));
                for name in url.map(str::to_owned).into_iter().chain(id) {
                    self.index.entry(name).or_insert(first);
                }
            }
        }
        if let Some(first) = self.entries.first_mut().filter(|e| e.stu3 == "Composition") {
            first.document = bundle.get("identifier");
        }
        Ok(())
    }

    /// A message is about something that it holds, unless it answers another.
    fn focus(&self, root: Node<'_>) -> Result<(), Refusal> {
        let Some(header) = self.entries.first().filter(|e| e.stu3 == "MessageHeader") else { return Ok(()) };
        if header.resource.get("response").is_some() {
            return Ok(());
        }
        let focus = header.resource.get("focus");
        let all =
            || focus.into_iter().flat_map(|f| if f.is_array() { f.elements().collect() } else { vec![f] });
        if all().filter_map(|f| f.string_of("reference")).any(|r| self.find(r).is_some()) {
            return Ok(());
        }
        let at = all().find_map(|f| f.get("reference")).unwrap_or(root);
        // One document is what the message is about, whatever the slip in its name; an id that nobody filled in is no name.
        let documents = self.entries.iter().filter(|e| e.stu3 == "Composition").count();
        if documents == 1 && !unfilled(at.text()) {
            return Ok(());
        }
        Err(Refusal(rules::FOCUS_ABSENT.issue().at(at.position())))
    }

    fn add(
        &mut self,
        c: &Composer<'_>,
        resource: Node<'t>,
        url: Option<&str>,
        reading: Reading,
    ) -> Result<(), Refusal> {
        let stu3 = resource.string_of("resourceType").unwrap_or("");
        if !kinds::known(stu3) {
            let at = resource.get("resourceType").unwrap_or(resource);
            let text = "FHIR STU3 has no such resource type, or it holds no record; the input was refused";
            return Err(refusal(IssueCode::NotSupported, "resource-type-unknown", text, at));
        }
        if self.entries.len() >= crate::limits::ENTRIES_MAX {
            let text = "the bundle has more resources than are read";
            return Err(refusal(IssueCode::TooLong, "entries-too-many", text, resource));
        }
        let at = self.entries.len();
        let mut key = match resource.string_of("id") {
            Some(id) => id.to_owned(),
            None => without_id(resource),
        };
        let kind = kinds::of(stu3).map(|k| k.name);
        // Two STU3 types become ServiceRequest: the same id in both must stay two.
        if stu3 == "ReferralRequest" {
            key = format!("referral|{key}");
        }
        // Those alike in id, or in name without an id, are told apart by their order.
        let alike = self.seen.entry(format!("{stu3}|{key}")).or_insert(0);
        *alike += 1;
        if *alike > 1 {
            key = format!("{key}#{alike}");
            self.repeated.extend(resource.get("id"));
        }
        if let Some(id) = resource.string_of("id") {
            self.index.entry(format!("{stu3}/{id}")).or_insert(at);
        }
        if let Some(url) = url {
            self.index.entry(url.to_owned()).or_insert(at);
        }
        if stu3 == "Patient" && self.patient.is_none() {
            self.patient = Some(at);
        }
        // The header of a message is part of what an envelope tells; of a record it tells nothing.
        let told = reading == Reading::Envelope || stu3 != "MessageHeader";
        let target = kind.filter(|_| told).map(|kind| c.reference(kind, &key));
        self.entries.push(Entry { resource, stu3, target, key, document: None });
        Ok(())
    }

    /// The entry that a reference names, within this input: as it stands, or without the version that it names.
    pub fn find(&self, reference: &str) -> Option<&Entry<'t>> {
        let plain = reference.split("/_history/").next().unwrap_or(reference);
        let at = self.index.get(reference).or_else(|| self.index.get(plain))?;
        self.entries.get(*at)
    }

    fn one_patient(&self, root: Node<'_>, reading: Reading) -> Result<(), Refusal> {
        let mut patients = self.entries.iter().filter(|e| e.stu3 == "Patient");
        let first = patients.next();
        // A document may hold the same person twice: by the NHS number, and by nothing less.
        let same = |other: &&Entry<'_>| {
            let number = |e: &Entry<'_>| nhs_numbers(e.resource).next().map(|n| n.text().replace(' ', ""));
            reading == Reading::Envelope && first.and_then(number).is_some_and(|n| number(other) == Some(n))
        };
        if let Some(second) = patients.find(|other| !same(other)) {
            let at = second.resource.get("id").unwrap_or(second.resource);
            let text = "the record holds two patients; which of them its facts concern can't be relied on";
            return Err(refusal(IssueCode::BusinessRule, "patient-repeated", text, at));
        }
        let Some(first) = first else {
            if self.whole {
                let at = root.get("type").unwrap_or(root);
                let text = "the record holds no patient";
                return Err(refusal(IssueCode::Required, "patient-absent", text, at));
            }
            return Ok(());
        };
        // A document's number that fails its check is carried as no NHS number, so that it can reach no wrong record.
        for value in nhs_numbers(first.resource).filter(|_| reading == Reading::Record) {
            let Err(error) = NhsNumber::parse(value.text()) else { continue };
            if !placeholder(value.text(), error) {
                let text = format!("{error}; the record was refused");
                return Err(refusal(IssueCode::Value, error.rule(), text, value));
            }
        }
        Ok(())
    }

    /// No reference says that something is about another person.
    fn check(&self, root: Node<'t>) -> Result<(), Refusal> {
        let mut open = vec![root];
        while let Some(node) = open.pop() {
            match node.kind() {
                JsonKind::Object | JsonKind::Array => {
                    let start = open.len();
                    open.extend(node.children());
                    if let Some(added) = open.get_mut(start..) {
                        added.reverse();
                    }
                }
                JsonKind::Text => self.check_text(node)?,
                _ => {}
            }
        }
        Ok(())
    }

    fn check_text(&self, node: Node<'_>) -> Result<(), Refusal> {
        let (name, text) = (node.name(), node.text());
        if name == "reference" && self.dangling(text) && names_the_person(node) {
            let text = "the reference names a person who is not in the record; whom the facts concern can't be \
                        relied on, and the record was refused";
            return Err(refusal(IssueCode::NotFound, "patient-reference-dangling", text, node));
        }
        Ok(())
    }

    /// Whether a reference must lead to a resource of this input and leads to none. What is called by a URN alone
    /// can be nowhere else; in a record that is whole in itself everything is here.
    pub fn dangling(&self, reference: &str) -> bool {
        let here = reference.starts_with("urn:uuid:")
            || (self.whole && !reference.starts_with('#') && !reference.contains("://"));
        here && self.find(reference).is_none()
    }
}

fn resources(bundle: Node<'_>) -> Vec<Node<'_>> {
    let entries = bundle.get("entry").into_iter().flat_map(Node::elements);
    entries.filter_map(|e| e.get("resource")).collect()
}

/// What stands where in a message or document.
fn shape(bundle: Node<'_>) -> Result<(), Refusal> {
    let refuse = |rule: causeway_adapter::Rule, at: Node<'_>| Err(Refusal(rule.issue().at(at.position())));
    let of = |resource: Option<&Node<'_>>| {
        resource.and_then(|r| r.string_of("resourceType")).unwrap_or("").to_owned()
    };
    let all = resources(bundle);
    match bundle.string_of("type") {
        Some("message") if of(all.first()) != "MessageHeader" => refuse(rules::HEADER_ABSENT, bundle),
        Some("document") if of(all.first()) != "Composition" => refuse(rules::COMPOSITION_ABSENT, bundle),
        Some("message") => {
            for inner in all.iter().filter(|r| r.string_of("resourceType") == Some("Bundle")) {
                if inner.string_of("type") != Some("document") {
                    return refuse(rules::BUNDLE_TYPE, inner.get("type").unwrap_or(*inner));
                }
                if of(resources(*inner).first()) != "Composition" {
                    return refuse(rules::COMPOSITION_ABSENT, *inner);
                }
            }
            Ok(())
        }
        Some("document") => Ok(()),
        _ => refuse(rules::BUNDLE_TYPE, bundle.get("type").unwrap_or(bundle)),
    }
}

/// Whether an id is that of a template: empty, or hardly any digit but zeros.
fn unfilled(reference: &str) -> bool {
    let id = reference.rsplit([':', '/']).next().unwrap_or("");
    id.bytes().filter(|b| b.is_ascii_alphanumeric() && *b != b'0').count() <= 2
}

/// Whether a reference says whom something is about.
fn names_the_person(reference: Node<'_>) -> bool {
    let element = reference.parent().map_or("", Node::name);
    matches!(element, "subject" | "patient") || reference.text().starts_with("Patient/")
}

/// Key of a resource that the sender gave no id: what it is about.
fn without_id(resource: Node<'_>) -> String {
    let code = resource.get("code").and_then(|c| c.get("coding")).and_then(|c| c.elements().next());
    let code = code.and_then(|c| c.string_of("code")).unwrap_or("");
    format!("without id|{code}|{}", resource.string_of("title").unwrap_or(""))
}

/// Values of a patient's identifiers that are called NHS numbers.
pub(crate) fn nhs_numbers<'t>(patient: Node<'t>) -> impl Iterator<Item = Node<'t>> {
    patient
        .get("identifier")
        .into_iter()
        .flat_map(Node::elements)
        .filter(|i| crate::codes::system(i.string_of("system").unwrap_or("")) == systems::NHS_NUMBER)
        .filter_map(|i| i.get("value"))
}

/// Whether what stands in the place of an NHS number is plainly none: a template that nobody filled, or a filler.
/// It is carried without being called an NHS number; anything else that fails is refused.
pub(crate) fn placeholder(text: &str, error: NhsNumberError) -> bool {
    match error {
        NhsNumberError::Filler => true,
        NhsNumberError::Shape => !text.chars().any(|c| c.is_ascii_digit()) || text.contains("{{"),
        NhsNumberError::CheckDigit => {
            let digits: Vec<u8> = text.bytes().filter(u8::is_ascii_digit).collect();
            digits.windows(2).all(|pair| matches!(pair, [a, b] if (a + 1 - b'0') % 10 == b - b'0'))
        }
    }
}
