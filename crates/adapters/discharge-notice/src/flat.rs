//! Reads the flat JSON, `discharge-notice/0.1`.

use causeway_adapter::Composer;
use causeway_core::{Issue, IssueCode, Leaf, Outcome, Severity};
use causeway_json::{Kind as Json, Node};

use crate::notice::{Answer, Kind, Link, Notice, Party, Person, refusal};

/// Reads a notice.
///
/// # Errors
/// Where it is no notice: no object, no or an unknown `noticeType`, no person.
pub fn read<'t>(root: Node<'t>, c: &mut Composer<'_>) -> Result<Notice<'t>, Issue> {
    if !root.is_object() {
        return Err(refusal(IssueCode::Structure, "wrong-object-type", "a notice is a JSON object")
            .at(root.position()));
    }
    c.claim(root.leaf_of("$schema"), Outcome::Structural, "");
    c.claim(root.leaf_of("format"), Outcome::Structural, "");
    let Some(word) = root.leaf_of("noticeType") else {
        return Err(refusal(IssueCode::Required, "required-field-missing", "noticeType is missing")
            .at(root.position()));
    };
    let Some(kind) = Kind::parse(word.text) else {
        let node = root.get("noticeType").unwrap_or(root);
        let text = "noticeType is none of assessment, discharge, withdrawal, accept, reject";
        return Err(refusal(IssueCode::CodeInvalid, "value-not-allowed", text).at(node.position()));
    };
    let Some(who) = root.get("person").filter(|p| p.is_object()) else {
        return Err(
            refusal(IssueCode::Required, "required-field-missing", "person is missing").at(root.position())
        );
    };
    let part = |name: &str| root.get(name).filter(|n| n.is_object());
    let of = |object: Option<Node<'t>>, name: &str| object.and_then(|o| text(o, name));
    let (admission, referral) = (part("admission"), part("referral"));
    let mut reasons = Vec::new();
    for (object, name) in [("withdrawal", "reason"), ("withdrawal", "otherReason"), ("reply", "reason")] {
        reasons.extend(of(part(object), name));
    }
    let mut notice = Notice {
        kind: (kind, word),
        event: of(part("withdrawal"), "type"),
        id: text(root, "noticeId"),
        referral: text(root, "referralId"),
        issued: text(root, "issued"),
        reasons,
        person: person(who),
        hospital: party(part("hospital"), "siteCode", "ward"),
        council: party(part("council"), "odsCode", "team"),
        clinician: party(part("leadClinician"), "code", "role"),
        liaison: party(part("liaison"), "code", "role"),
        carer: party(part("carer"), "code", "relationship"),
        admitted: of(admission, "date"),
        admission_reason: of(admission, "reason"),
        admission_type: of(admission, "type"),
        proposed: of(admission, "proposedDischargeDate"),
        discharged: of(admission, "dischargeDate"),
        referral_reason: of(referral, "reason"),
        supporting: of(referral, "supportingInformation"),
        consent: (part("consent").and_then(|n| n.get("given")), of(part("consent"), "source")),
        safeguarding: (
            part("safeguarding").and_then(|n| n.get("concern")),
            of(part("safeguarding"), "details"),
        ),
        answers: Vec::new(),
    };
    answers(root, &mut notice);
    let interpreter = root.get("person").and_then(|person| person.get("interpreterRequired"));
    types(&[notice.consent.0, notice.safeguarding.0, interpreter], c);
    Ok(notice)
}

/// The names of the format, of whatever object.
const NAMES: &str = " $schema address admission answers carer code concern consent considered consultation \
    continuingHealthcare council date dateOfBirth details dischargeDate email familyName format gender given givenName \
    hospital hospitalId id interpreterRequired issued language leadClinician liaison lines name nhsNumber nhsNumberStatus \
    noticeId noticeType odsCode otherReason person phone postcode proposedDischargeDate reason referral referralId \
    relationship reply result role safeguarding siteCode source supportingInformation team type ward withdrawal ";

/// Tells of members that the format does not have: what they say may matter.
pub fn tell_unknown(object: Node<'_>, c: &mut Composer<'_>) {
    for (name, node) in object.members() {
        let known = NAMES.split_whitespace().any(|known| known == name);
        if !known && !node.is_null() {
            c.issue(crate::rules::MEMBER_UNKNOWN.issue().at(node.position()));
        } else if node.is_object() {
            tell_unknown(node, c);
        }
    }
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

fn list<'t>(object: Node<'t>, name: &str) -> Vec<Leaf<'t>> {
    let texts =
        |node: Node<'t>| node.elements().filter(|n| n.kind() == Json::Text).filter_map(Node::leaf).collect();
    object.get(name).map(texts).unwrap_or_default()
}

fn person(who: Node<'_>) -> Person<'_> {
    let address = who.get("address").filter(|a| a.is_object());
    Person {
        nhs_number: text(who, "nhsNumber"),
        nhs_number_status: text(who, "nhsNumberStatus"),
        hospital_id: text(who, "hospitalId"),
        hospital_system: None,
        family: text(who, "familyName"),
        given: text(who, "givenName").into_iter().collect(),
        born: text(who, "dateOfBirth"),
        gender: text(who, "gender"),
        lines: address.map(|a| list(a, "lines")).unwrap_or_default(),
        postcode: address.and_then(|a| text(a, "postcode")),
        phone: text(who, "phone"),
        email: text(who, "email"),
        language: text(who, "language"),
        interpreter: who.get("interpreterRequired").filter(|n| n.boolean().is_some()).and_then(Node::leaf),
    }
}

fn party<'t>(object: Option<Node<'t>>, code: &str, part: &str) -> Party<'t> {
    let Some(object) = object else { return Party::default() };
    Party {
        code: text(object, code),
        name: text(object, "name"),
        part: text(object, part),
        phone: text(object, "phone"),
        email: text(object, "email"),
    }
}

/// The questions of the data set that have no place of their own in FHIR.
fn answers<'t>(root: Node<'t>, notice: &mut Notice<'t>) {
    let questions = [
        ("consultation", "person", "person-consulted", "Has the person been consulted?"),
        ("consultation", "carer", "carer-consulted", "Has the carer been consulted?"),
        (
            "continuingHealthcare",
            "considered",
            "chc-considered",
            "Has NHS continuing healthcare been considered?",
        ),
        ("continuingHealthcare", "result", "chc-result", "What was decided about NHS continuing healthcare?"),
    ];
    for (object, name, id, words) in questions {
        let value = root.get(object).and_then(|o| o.get(name)).filter(|n| n.leaf().is_some());
        if let Some(value) = value {
            notice.answers.push(Answer { link: Link::Ours(id, words), text: None, values: vec![value] });
        }
    }
}

fn types(booleans: &[Option<Node<'_>>], c: &mut Composer<'_>) {
    for node in booleans.iter().flatten().filter(|n| n.boolean().is_none() && !n.is_null()) {
        let text = "true or false was expected; the item was not understood";
        c.issue(Issue::new(Severity::Warning, IssueCode::Value, "wrong-type", text).at(node.position()));
    }
}
