//! Reads the DSTU2 message bundle of `sc-fhir-5.3`.

use causeway_adapter::Composer;
use causeway_core::{Issue, IssueCode, Leaf, Outcome};
use causeway_json::{Kind as Json, Node};

use crate::limits::ANSWERS_MAX;
use crate::notice::{Answer, EVENT, Kind, Link, Notice, Party, Person, refusal};

/// Reads a notice.
///
/// # Errors
/// Where the bundle has no MessageHeader with a known event, or no Patient.
pub fn read<'t>(root: Node<'t>, c: &mut Composer<'_>) -> Result<Notice<'t>, Issue> {
    let entries: Vec<Node<'t>> =
        root.get("entry").into_iter().flat_map(Node::elements).filter_map(|e| e.get("resource")).collect();
    structure(root, &entries, c);
    let all = |kind: &'static str| {
        entries.iter().copied().filter(move |r| r.string_of("resourceType") == Some(kind))
    };
    let first = |kind: &'static str| all(kind).next();
    let header = first("MessageHeader").ok_or_else(|| {
        refusal(IssueCode::Required, "required-field-missing", "the bundle has no MessageHeader")
            .at(root.position())
    })?;
    let patient = first("Patient").ok_or_else(|| {
        refusal(IssueCode::Required, "required-field-missing", "the bundle has no Patient")
            .at(root.position())
    })?;
    let (kind, event) = kind_of(header)?;
    let referral = first("ReferralRequest");
    let encounter = first("Encounter");
    let period = encounter.and_then(|e| e.get("period"));
    let organisations: Vec<Node<'t>> = all("Organization").collect();
    let practitioners: Vec<Node<'t>> = all("Practitioner").collect();
    let bundle = Bundle { root, entries: &entries };
    let clinician =
        encounter.and_then(|e| bundle.referred(e, &["participant", "individual"], &practitioners, c));
    let liaison = referral.and_then(|r| bundle.referred(r, &["requester"], &practitioners, c));
    let council = referral.and_then(|r| bundle.referred(r, &["recipient"], &organisations, c));
    deciding(&entries, c);
    let hospital = organisations.iter().copied().find(|o| Some(o.index()) != council.map(Node::index));
    Ok(Notice {
        kind: (kind, event),
        event: Some(event),
        id: text(header, "id").or_else(|| text(root, "id")),
        referral: referral.and_then(|r| at(r, &["identifier", "value"])),
        issued: text(header, "timestamp"),
        reasons: at(header, &["reason", "text"])
            .or_else(|| at(header, &["reason", "coding", "display"]))
            .into_iter()
            .collect(),
        person: person(patient),
        hospital: organisation(hospital, first("Location")),
        council: organisation(council, None),
        clinician: practitioner(clinician),
        liaison: practitioner(liaison.filter(|l| clinician.map(Node::index) != Some(l.index()))),
        carer: contact(patient),
        admitted: period.and_then(|p| text(p, "start")),
        admission_reason: first("Condition").and_then(|r| at(r, &["code", "text"])),
        admission_type: encounter.and_then(|e| at(e, &["priority", "coding", "code"])),
        // A proposed date: the notice goes out before the discharge.
        proposed: period.and_then(|p| text(p, "end")),
        discharged: None,
        referral_reason: referral.and_then(|r| at(r, &["reason", "text"])),
        supporting: referral.and_then(|r| text(r, "description")),
        consent: (None, None),
        safeguarding: (None, None),
        answers: first("QuestionnaireResponse").map(answers).unwrap_or_default(),
    })
}

/// What belongs to the envelope and says nothing of a person.
fn structure(root: Node<'_>, entries: &[Node<'_>], c: &mut Composer<'_>) {
    for name in ["resourceType", "type"] {
        c.claim(root.leaf_of(name), Outcome::Structural, "");
    }
    for entry in root.get("entry").into_iter().flat_map(Node::elements) {
        c.claim(entry.leaf_of("fullUrl"), Outcome::Structural, "");
    }
    for resource in entries {
        c.claim(resource.leaf_of("resourceType"), Outcome::Structural, "");
        if let Some(meta) = resource.get("meta") {
            c.claim(meta.leaves(), Outcome::Structural, "");
        }
    }
}

fn kind_of(header: Node<'_>) -> Result<(Kind, Leaf<'_>), Issue> {
    let code = at(header, &["event", "code"]).ok_or_else(|| {
        refusal(IssueCode::Required, "required-field-missing", "the MessageHeader has no event")
            .at(header.position())
    })?;
    let display = at(header, &["event", "display"]).map_or("", |d| d.text).to_ascii_lowercase();
    let by_code = EVENT.lookup(code.text).and_then(|t| Kind::parse(t.code));
    // The discharge notice's and the rejection's codes are not in the sources; their words are.
    let by_words = || match display.as_str() {
        d if d.contains("withdraw") => Some(Kind::Withdrawal),
        d if d.contains("reject") => Some(Kind::Reject),
        d if d.contains("accept") => Some(Kind::Accept),
        d if d.contains("discharge notice") => Some(Kind::Discharge),
        d if d.contains("assessment notice") => Some(Kind::Assessment),
        _ => None,
    };
    let kind = by_code.or_else(by_words).ok_or_else(|| {
        let text = "the event is none of assessment, discharge, withdrawal, acceptance, rejection";
        refusal(IssueCode::CodeInvalid, "value-not-allowed", text).at(header.position())
    })?;
    Ok((kind, code))
}

fn text<'t>(object: Node<'t>, name: &str) -> Option<Leaf<'t>> {
    // Programs write an NHS number, or a hospital's, as a number.
    object
        .get(name)
        .filter(|n| matches!(n.kind(), Json::Text | Json::Number))
        .and_then(Node::leaf)
        .filter(|l| !l.is_blank())
        .map(Leaf::trim)
}

/// The text at the end of a path; of arrays the first element.
fn at<'t>(object: Node<'t>, path: &[&str]) -> Option<Leaf<'t>> {
    let single = |node: Node<'t>| if node.is_array() { node.elements().next() } else { Some(node) };
    let mut node = single(object)?;
    for name in path {
        node = single(node.get(name)?)?;
    }
    Some(node)
        .filter(|n| n.kind() == Json::Text)
        .and_then(Node::leaf)
        .filter(|l| !l.is_blank())
        .map(Leaf::trim)
}

/// The bundle, for following references.
struct Bundle<'b, 't> {
    root: Node<'t>,
    entries: &'b [Node<'t>],
}

impl<'t> Bundle<'_, 't> {
    /// The resource that a reference at a path points to. What leads there is claimed: it decides who is who.
    fn referred(
        &self,
        from: Node<'t>,
        path: &[&str],
        among: &[Node<'t>],
        c: &mut Composer<'_>,
    ) -> Option<Node<'t>> {
        let full: Vec<&str> = path.iter().copied().chain(["reference"]).collect();
        let target = at(from, &full)?;
        let mut entries = self.root.get("entry").into_iter().flat_map(Node::elements);
        let by_url = entries.find(|e| e.string_of("fullUrl") == Some(target.text));
        let found = by_url.and_then(|e| e.get("resource")).or_else(|| {
            let id = target.text.rsplit('/').next().unwrap_or(target.text);
            self.entries.iter().copied().find(|r| r.string_of("id") == Some(id))
        });
        let found = found.filter(|found| among.iter().any(|a| a.index() == found.index()))?;
        let url = by_url.and_then(|e| e.leaf_of("fullUrl"));
        let id = found.leaf_of("id").filter(|_| url.is_none());
        c.claim((target, url, id), Outcome::Mapped, "");
        Some(found)
    }
}

/// Types of resources and systems of identifiers and contacts decide what their neighbours mean.
fn deciding(entries: &[Node<'_>], c: &mut Composer<'_>) {
    const READ: [&str; 9] = [
        "MessageHeader",
        "ReferralRequest",
        "Encounter",
        "Patient",
        "Practitioner",
        "Organization",
        "Location",
        "Condition",
        "QuestionnaireResponse",
    ];
    for resource in
        entries.iter().filter(|r| r.string_of("resourceType").is_some_and(|kind| READ.contains(&kind)))
    {
        c.claim(resource.leaf_of("resourceType"), Outcome::Mapped, "");
        let contacts = resource.get("contact").into_iter().flat_map(Node::elements);
        for holder in contacts.chain([*resource]) {
            for name in ["identifier", "telecom"] {
                for element in
                    holder.get(name).into_iter().flat_map(Node::elements).filter(|e| e.get("value").is_some())
                {
                    let system = element.string_of("system").unwrap_or_default();
                    let decides = name == "telecom" || system.ends_with("nhs-number");
                    c.claim(element.leaf_of("system").filter(|_| decides), Outcome::Mapped, "");
                }
            }
        }
    }
}

fn person(patient: Node<'_>) -> Person<'_> {
    let mut person =
        Person { born: text(patient, "birthDate"), gender: text(patient, "gender"), ..Person::default() };
    for identifier in patient.get("identifier").into_iter().flat_map(Node::elements) {
        let value = text(identifier, "value");
        if identifier.string_of("system").is_some_and(|s| s.ends_with("nhs-number")) {
            person.nhs_number = value;
            let codes = identifier.get("extension").into_iter().flat_map(Node::elements);
            person.nhs_number_status =
                codes.filter_map(|e| e.get("valueCodeableConcept")).find_map(|v| at(v, &["coding", "code"]));
        } else if person.hospital_id.is_none() {
            person.hospital_id = value;
            person.hospital_system = text(identifier, "system");
        }
    }
    person.family = at(patient, &["name", "family"]);
    person.given = at(patient, &["name", "given"]).into_iter().collect();
    if let Some(address) = patient.get("address").and_then(|a| a.elements().next()) {
        let lines = address.get("line").into_iter().flat_map(Node::elements).filter_map(Node::leaf);
        person.lines = lines.chain(text(address, "city")).chain(text(address, "district")).collect();
        person.postcode = text(address, "postalCode");
    }
    (person.phone, person.email) = telecom(patient);
    let spoken = patient.get("communication").and_then(|c| c.elements().next());
    person.language = spoken.and_then(|c| at(c, &["language", "coding", "code"]));
    person
}

fn telecom(holder: Node<'_>) -> (Option<Leaf<'_>>, Option<Leaf<'_>>) {
    let of = |system: &str| {
        let list = holder.get("telecom").into_iter().flat_map(Node::elements);
        list.filter(|t| t.string_of("system") == Some(system)).find_map(|t| text(t, "value"))
    };
    (of("phone"), of("email"))
}

fn organisation<'t>(organisation: Option<Node<'t>>, location: Option<Node<'t>>) -> Party<'t> {
    let Some(node) = organisation else { return Party::default() };
    let (phone, email) = telecom(node);
    Party {
        code: at(node, &["identifier", "value"]),
        name: text(node, "name"),
        part: location.and_then(|l| text(l, "name")),
        phone,
        email,
    }
}

fn practitioner(practitioner: Option<Node<'_>>) -> Party<'_> {
    let Some(node) = practitioner else { return Party::default() };
    let (phone, email) = telecom(node);
    let name = at(node, &["name", "text"]).or_else(|| at(node, &["name", "family"]));
    Party { code: at(node, &["identifier", "value"]), name, part: None, phone, email }
}

fn contact(patient: Node<'_>) -> Party<'_> {
    let Some(node) = patient.get("contact").and_then(|c| c.elements().next()) else {
        return Party::default();
    };
    let (phone, email) = telecom(node);
    let name = at(node, &["name", "text"]).or_else(|| at(node, &["name", "family"]));
    Party { code: None, name, part: at(node, &["relationship", "text"]), phone, email }
}

/// DSTU2 nests questions in groups; R4 has items.
fn answers(response: Node<'_>) -> Vec<Answer<'_>> {
    let mut found = Vec::new();
    let mut open: Vec<Node<'_>> = response.get("group").into_iter().collect();
    while let Some(group) = open.pop() {
        if group.is_array() {
            open.extend(group.elements());
            continue;
        }
        open.extend(group.get("group"));
        for question in group.get("question").into_iter().flat_map(Node::elements) {
            let values: Vec<Node<'_>> = question
                .get("answer")
                .into_iter()
                .flat_map(Node::elements)
                .flat_map(Node::members)
                .filter(|(name, _)| name.starts_with("value"))
                .map(|(_, value)| value)
                .collect();
            if let Some(link) = text(question, "linkId")
                && !values.is_empty()
                && found.len() < ANSWERS_MAX
            {
                found.push(Answer { link: Link::Theirs(link), text: text(question, "text"), values });
            }
        }
    }
    found
}
