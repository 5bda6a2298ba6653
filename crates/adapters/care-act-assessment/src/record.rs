//! The records of a document: each is checked, and taken or refused, by itself.

use std::collections::HashSet;

use causeway_adapter::{Composer, Sink};
use causeway_core::{Issue, IssueCode, ItemId, Outcome, Severity};
use causeway_json::shape::{self, Object, Shape, token};
use causeway_json::{Node, Tree};

use crate::parts::{leaf, leaves, value};
use crate::shapes::placements::OTHER_RULES;
use crate::shapes::{assessments, person as people, placements, safeguarding as safe};
use crate::{assessment, limits, parts, person, placement, plan, safeguarding, vocabulary};

const REFUSED: &str = "the record breaks the standard and was refused; an issue says where";
const NO_CONSENT: &str =
    "the person does not consent to information sharing, so nothing of the record is passed on";
const UNKNOWN: &str =
    "the standard has no such property, or it has no place here; it was kept only in the original";

/// What a record is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Class {
    Assessment,
    Plan,
    Subject,
    Connected,
    Organisation,
    Service,
    Professional,
    Episode,
    LifeEvent,
    Placement,
}

impl Class {
    fn of(record: Node<'_>) -> Option<Self> {
        let class = parts::values(record, "@type").into_iter().find_map(Node::string)?;
        let class = class.rsplit([':', '/', '#']).next().unwrap_or(class);
        Some(match class {
            "CareNeedsAssessment" => Self::Assessment,
            "CarePlan" => Self::Plan,
            "Person" if person::is_subject(record) => Self::Subject,
            "Person" => Self::Connected,
            "Organisation" => Self::Organisation,
            "Service" => Self::Service,
            "Professional" => Self::Professional,
            "ServiceEpisode" => Self::Episode,
            "LifeEvent" => Self::LifeEvent,
            "Placement" => Self::Placement,
            _ => return None,
        })
    }

    fn shape(self) -> &'static Object {
        match self {
            Self::Assessment => &assessments::ASSESSMENT,
            Self::Plan => &assessments::PLAN,
            Self::Subject => &people::SUBJECT,
            Self::Connected => &people::CONNECTED,
            Self::Organisation => &safe::ORGANISATION,
            Self::Service => &safe::SERVICE,
            Self::Professional => &safe::PROFESSIONAL,
            Self::Episode => &safe::EPISODE,
            Self::LifeEvent => &safe::LIFE_EVENT,
            Self::Placement => &placements::PLACEMENT,
        }
    }

    fn word(self) -> &'static str {
        match self {
            Self::Assessment => "CareNeedsAssessment",
            Self::Plan => "CarePlan",
            Self::Subject | Self::Connected => "Person",
            Self::Organisation => "Organisation",
            Self::Service => "Service",
            Self::Professional => "Professional",
            Self::Episode => "ServiceEpisode",
            Self::LifeEvent => "LifeEvent",
            Self::Placement => "Placement",
        }
    }
}

/// Translates every record of a document.
pub fn translate(tree: &Tree<'_>, c: &mut Composer<'_>, sink: &mut dyn Sink) {
    let root = tree.root();
    let ledger = &mut c.ledger;
    parts::envelope(root, &mut |leaf, outcome| ledger.claim(leaf.id, outcome, ""));
    let records: Vec<Node<'_>> = match root.get("@graph") {
        Some(graph) if graph.is_array() => graph.elements().collect(),
        Some(graph) => vec![graph],
        None if root.is_array() => root.elements().collect(),
        None => vec![root],
    };
    let doubles: HashSet<u32> = tree.duplicates().map(Node::index).collect();
    let mut children = HashSet::new();
    for (number, record) in records.into_iter().take(limits::RECORDS_MAX).enumerate() {
        one(record, number + 1, c, &mut children, &doubles);
        c.hand_over(sink);
    }
    let all = 0..c.ledger.next_id();
    for (id, item) in c.ledger.items().to_vec().iter().enumerate() {
        if item.outcome == Outcome::Unexplained && item.span.is_empty() {
            c.claim(id as ItemId, Outcome::Structural, "");
        }
    }
    let left = c.ledger.items().iter().zip(0..).filter(|(item, _)| item.outcome == Outcome::Unexplained);
    let left: Vec<ItemId> = left.map(|(_, id)| id).collect();
    for id in left.into_iter().take_while(|_| !c.crowded()).collect::<Vec<_>>() {
        c.issue_at(id, crate::rules::PROPERTY_UNKNOWN.issue());
    }
    c.ledger.claim_rest(all, Outcome::Unsupported, UNKNOWN);
    c.flush(sink);
}

fn one<'t>(
    record: Node<'t>,
    number: usize,
    c: &mut Composer<'_>,
    children: &mut HashSet<&'t str>,
    doubles: &HashSet<u32>,
) {
    let Some(class) = Class::of(record) else {
        let text = "the record's @type is no class of the standard";
        let issue = Issue::new(Severity::Error, IssueCode::Structure, "wrong-object-type", text);
        c.issue(issue.at(vocabulary::below(record, "@type")));
        refuse(record, c);
        return;
    };
    if !check(record, class, c, children, doubles) {
        refuse(record, c);
        return;
    }
    if matches!(class, Class::Assessment | Class::Plan)
        && let Some(consent) = leaf(record, "consentToInformationSharing").filter(|l| l.text != "true")
    {
        let issue = Issue::new(Severity::Information, IssueCode::Suppressed, "consent-refused", NO_CONSENT);
        c.issue_at(consent.id, issue);
        for leaf in record.leaves() {
            c.claim(leaf, Outcome::Withheld, NO_CONSENT);
        }
        return;
    }
    let key = match class {
        Class::Subject | Class::Connected => person::key(record),
        Class::Placement => {
            leaf(record, "placementId").or(leaf(record, "childId")).map_or("", |l| l.text).to_owned()
        }
        _ => parts::key(value(record, "identifier")),
    };
    c.begin(&format!("{}|{key}", class.word()));
    // The class has decided what is written.
    c.writer().mapped(parts::leaves(record, "@type"));
    let named_by_node = match class {
        Class::Subject | Class::Connected => value(record, "identifier").is_none(),
        Class::Placement => leaf(record, "placementId").is_none(),
        _ => false,
    };
    if named_by_node {
        // Where the record has no identifier of its own, its node id names its resources.
        c.writer().decides(leaf(record, "@id"), "the ids of what the record makes");
    }
    match class {
        Class::Assessment => assessment::write(record, c),
        Class::Plan => plan::write(record, c),
        Class::Subject => person::subject(record, c),
        Class::Connected => person::connected(record, c),
        Class::Organisation => safeguarding::organisation(record, c),
        Class::Service => safeguarding::service(record, c),
        Class::Professional => safeguarding::professional(record, c),
        Class::Episode => safeguarding::episode(record, c),
        Class::LifeEvent => {
            safeguarding::life_event(record, c);
        }
        Class::Placement => placement::write(record, c),
    }
    c.end(format!("record {number}"), class.word(), None);
}

fn refuse(record: Node<'_>, c: &mut Composer<'_>) {
    for leaf in record.leaves() {
        c.claim(leaf, Outcome::Rejected, REFUSED);
    }
}

/// Whether the record keeps the standard; each fault is an issue in the standard's own vocabulary.
fn check<'t>(
    record: Node<'t>,
    class: Class,
    c: &mut Composer<'_>,
    children: &mut HashSet<&'t str>,
    doubles: &HashSet<u32>,
) -> bool {
    let findings = shape::check(record, &Shape::Object(class.shape()));
    let mut sound = findings.is_empty();
    for finding in &findings {
        c.issue(vocabulary::issue(finding));
    }
    if !doubles.is_empty() {
        let mut open = vec![record];
        while let Some(node) = open.pop() {
            if doubles.contains(&node.index()) {
                let text = "the property occurs twice in its object: which one is meant is not known";
                let issue = Issue::new(Severity::Error, IssueCode::Duplicate, "too-many-values", text);
                c.issue(issue.at(node.position()));
                sound = false;
            }
            open.extend(node.children());
        }
    }
    if class == Class::Placement {
        sound &= placement_rules(record, c);
        if let Some(child) = leaf(record, "childId")
            && !children.insert(child.text)
        {
            let text = "another record of the document is of the same child";
            c.issue_at(
                child.id,
                Issue::new(Severity::Error, IssueCode::Duplicate, "duplicate-child-id", text),
            );
            sound = false;
        }
    }
    sound
}

/// "Other" needs words: the conditional rules that the standard keeps by hand beside its generated shapes.
fn placement_rules(record: Node<'_>, c: &mut Composer<'_>) -> bool {
    let mut sound = true;
    for (object, property, others, words) in OTHER_RULES {
        let Some(part) = value(record, object) else { continue };
        let other = leaves(part, property).iter().any(|l| others.contains(&token(l.text).as_str()));
        if other && leaves(part, words).is_empty() {
            let text = "the code for other is chosen and its free text is missing";
            let issue = Issue::new(Severity::Error, IssueCode::BusinessRule, "rule-violation", text);
            c.issue(issue.at(vocabulary::below(part, property)));
            sound = false;
        }
    }
    sound
}
