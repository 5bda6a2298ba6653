//! Parts that several records have: values, identifiers, references, names, addresses, contacts, details.

use causeway_core::{Issue, IssueCode, Leaf, NhsNumber, Outcome, Severity, When};
use causeway_fhir::types::{self, Verification, ukcore_extension};
use causeway_fhir::{Coding, Writer, systems};
use causeway_json::shape::token;
use causeway_json::{Kind, Node};
use causeway_terminology::Map;
use jiff::tz::TimeZone;

/// Extension: what R4 has no element for, by its name in the standard.
pub const DETAIL: &str = "https://fhir.causeway.example/StructureDefinition/care-act-detail";
/// Extension: a detail that is an identifier.
pub const DETAIL_IDENTIFIER: &str =
    "https://fhir.causeway.example/StructureDefinition/care-act-detail-identifier";
/// R4's extension for the episode that something belongs to.
pub const EPISODE: &str = "http://hl7.org/fhir/StructureDefinition/workflow-episodeOfCare";

/// The values of a property: JSON-LD takes one value and a list of one for the same.
pub fn values<'t>(node: Node<'t>, name: &str) -> Vec<Node<'t>> {
    match node.get(name) {
        Some(found) if found.is_array() => found.elements().collect(),
        Some(found) if !found.is_null() => vec![found],
        _ => Vec::new(),
    }
}

/// The first value of a property.
pub fn value<'t>(node: Node<'t>, name: &str) -> Option<Node<'t>> {
    values(node, name).into_iter().next()
}

/// The leaf of the first value of a property.
pub fn leaf<'t>(node: Node<'t>, name: &str) -> Option<Leaf<'t>> {
    value(node, name).and_then(Node::leaf).filter(|leaf| !leaf.is_blank())
}

/// The leaves of all values of a property.
pub fn leaves<'t>(node: Node<'t>, name: &str) -> Vec<Leaf<'t>> {
    values(node, name).into_iter().filter_map(Node::leaf).filter(|leaf| !leaf.is_blank()).collect()
}

/// An issue about a leaf, of severity warning.
pub fn warn(w: &mut Writer, leaf: Leaf<'_>, code: IssueCode, rule: &'static str, text: &'static str) {
    w.issue(Some(leaf.id), Issue::new(Severity::Warning, code, rule, text));
}

/// A point in time; what is doubtful about it is said.
pub fn when(w: &mut Writer, leaf: Leaf<'_>, zone: &TimeZone) -> Option<When> {
    let when = When::iso(leaf.text, zone).ok()?;
    if let Some(doubt) = when.doubt() {
        warn(w, leaf, IssueCode::Value, "local-time-doubtful", doubt);
    } else if matches!(when.offset(), causeway_core::Offset::Assumed(_)) {
        let text = "the time has no offset; that of the United Kingdom was taken";
        w.issue(Some(leaf.id), Issue::new(Severity::Information, IssueCode::Value, "offset-assumed", text));
    }
    Some(when)
}

/// The content of an `Identifier`. An NHS number that fails its check is kept as stated: nobody matches by it.
pub fn identifier_body(w: &mut Writer, id: Node<'_>, patient: bool) {
    let (Some(value), system) = (leaf(id, "value"), leaf(id, "system")) else { return };
    if system.is_some_and(|s| s.text.trim() == systems::NHS_NUMBER) {
        match NhsNumber::parse(value.text) {
            Ok(number) => {
                if patient {
                    w.array("extension", |w| {
                        types::extension(w, &ukcore_extension("NHSNumberVerificationStatus"), |w| {
                            types::concept(
                                w,
                                "valueCodeableConcept",
                                Verification::PresentNotTraced.coding(),
                                (),
                            );
                        });
                    });
                }
                types::tell_spaced(w, value);
                w.string("system", systems::NHS_NUMBER, system);
                w.string("value", number.as_str(), value);
            }
            Err(error) => types::invalid_nhs_number(w, value, system, error),
        }
        return;
    }
    w.leaf_opt("system", system);
    types::tell_doubt(w, value.text, &value);
    w.leaf("value", value);
}

/// Identifiers as an array of a resource.
pub fn identifiers(w: &mut Writer, record: Node<'_>, patient: bool) {
    w.array("identifier", |w| {
        for id in values(record, "identifier") {
            w.element(|w| identifier_body(w, id, patient));
        }
    });
}

/// A logical reference by an identifier of the record.
pub fn reference(w: &mut Writer, key: &str, kind: &str, id: Option<Node<'_>>) {
    let Some(id) = id else { return };
    w.object(key, |w| reference_body(w, kind, id));
}

/// Its content.
pub fn reference_body(w: &mut Writer, kind: &str, id: Node<'_>) {
    if !kind.is_empty() {
        w.fixed("type", kind);
    }
    w.object("identifier", |w| identifier_body(w, id, false));
}

/// The key of an identifier: system and value.
pub fn key(id: Option<Node<'_>>) -> String {
    let text = |name| id.and_then(|id| leaf(id, name)).map_or("", |leaf| leaf.text);
    format!("{}|{}", text("system"), text("value"))
}

/// An element of `name`.
pub fn human_name(w: &mut Writer, name: Node<'_>) {
    w.element(|w| {
        if let Some(usage) = leaf(name, "use") {
            w.string("use", &token(usage.text), usage);
        }
        let family = leaves(name, "familyName");
        let joined = family.iter().map(|l| l.text.trim()).collect::<Vec<_>>().join(" ");
        w.string("family", &joined, family);
        w.array("given", |w| {
            for given in leaves(name, "givenName") {
                w.value(given.text.trim(), given);
            }
        });
    });
    if let Some(preferred) = leaf(name, "preferredName") {
        w.element(|w| {
            w.fixed("use", "nickname");
            w.leaf("text", preferred);
        });
    }
}

/// `address`.
pub fn addresses(w: &mut Writer, record: Node<'_>) {
    w.array("address", |w| {
        for address in values(record, "address") {
            w.element(|w| {
                w.array("extension", |w| {
                    if let Some(uprn) = leaf(address, "UPRN") {
                        property_number(w, uprn);
                    }
                    detail(w, "USRN", address);
                });
                if let Some(usage) = leaf(address, "use") {
                    w.string("use", &token(usage.text), usage);
                }
                w.array("line", |w| {
                    for line in ["line1", "line2"].iter().filter_map(|name| leaf(address, name)) {
                        w.value(line.text.trim(), line);
                    }
                });
                w.leaf_opt("city", leaf(address, "city"));
                w.leaf_opt("postalCode", leaf(address, "postcode"));
            });
        }
    });
}

fn property_number(w: &mut Writer, uprn: Leaf<'_>) {
    w.element(|w| {
        w.fixed("url", &ukcore_extension("AddressKey"));
        w.array("extension", |w| {
            types::extension(w, "type", |w| {
                let system = "https://fhir.hl7.org.uk/CodeSystem/UKCore-AddressKeyType";
                let coding = Coding::new(system, "UPRN", "Unique Property Reference Number");
                types::concept_fixed(w, "valueCodeableConcept", coding);
            });
            types::extension(w, "value", |w| w.leaf("valueString", uprn));
        });
    });
}

/// Elements of `telecom`.
pub fn telecom(w: &mut Writer, record: Node<'_>) {
    w.array("telecom", |w| {
        for contact in values(record, "contact") {
            let label = leaf(contact, "name");
            let usage =
                label.map(|l| token(l.text)).filter(|t| matches!(t.as_str(), "home" | "work" | "mobile"));
            for (system, name) in [("phone", "telephone"), ("email", "email")] {
                for point in leaves(contact, name) {
                    w.element(|w| {
                        if usage.is_none() {
                            w.array("extension", |w| detail(w, "name", contact));
                        }
                        w.fixed("system", system);
                        w.leaf("value", point);
                        // A mobile is no use of an email address.
                        if let Some(usage) = usage.as_deref().filter(|u| system == "phone" || *u != "mobile")
                        {
                            w.string("use", usage, label);
                        }
                    });
                }
            }
        }
    });
}

/// Details of a property, one for each value: text, number and boolean as they are.
pub fn detail(w: &mut Writer, name: &str, node: Node<'_>) {
    for value in values(node, name) {
        if let Some(leaf) = value.leaf() {
            detail_leaf(w, name, value, leaf);
        }
    }
}

/// One detail under a name.
pub fn detail_leaf(w: &mut Writer, name: &str, value: Node<'_>, leaf: Leaf<'_>) {
    if leaf.is_blank() {
        return;
    }
    if name.ends_with("DateTime")
        && let Ok(when) = When::iso(leaf.text, &causeway_core::london())
    {
        w.tell_unlikely(name, &when, &leaf);
    }
    w.element(|w| {
        w.fixed("url", DETAIL);
        w.array("extension", |w| {
            w.element(|w| {
                w.fixed("url", "name");
                w.fixed("valueString", name);
            });
            w.element(|w| {
                w.fixed("url", "value");
                match value.kind() {
                    Kind::Number => w.number("valueDecimal", leaf.text, leaf),
                    Kind::True | Kind::False => w.boolean("valueBoolean", leaf.text == "true", leaf),
                    _ => w.leaf("valueString", leaf),
                }
            });
        });
    });
}

/// Details of a property whose values are identifiers.
pub fn detail_identifiers(w: &mut Writer, name: &str, node: Node<'_>) {
    for id in values(node, name) {
        detail_identifier(w, name, id);
    }
}

/// One identifier under a name.
pub fn detail_identifier(w: &mut Writer, name: &str, id: Node<'_>) {
    w.element(|w| {
        w.fixed("url", DETAIL_IDENTIFIER);
        w.array("extension", |w| {
            w.element(|w| {
                w.fixed("url", "name");
                w.fixed("valueString", name);
            });
            w.element(|w| {
                w.fixed("url", "value");
                w.object("valueIdentifier", |w| identifier_body(w, id, false));
            });
        });
    });
}

/// Every leaf below a node as a detail, named by its path within the node.
pub fn details_below(w: &mut Writer, name: &str, node: Node<'_>) {
    let root = node.pointer().len();
    let mut open = vec![node];
    while let Some(at) = open.pop() {
        let mut below: Vec<Node<'_>> = at.children().filter(|child| !child.name().starts_with('@')).collect();
        below.reverse();
        open.extend(below);
        if let Some(leaf) = at.leaf() {
            let path = at.pointer().get(root..).unwrap_or("").replace('/', ".");
            detail_leaf(w, &format!("{name}{path}"), at, leaf);
        }
    }
}

/// The episodes that a record belongs to.
pub fn episodes(w: &mut Writer, record: Node<'_>) {
    for id in values(record, "serviceEpisodeId") {
        types::extension(w, EPISODE, |w| reference(w, "valueReference", "EpisodeOfCare", Some(id)));
    }
}

/// A concept from a table, or the code as text with an issue.
pub fn coded(w: &mut Writer, map: &Map, code: Leaf<'_>) {
    if let Some(target) = map.lookup(&token(code.text)) {
        types::concept_body(w, Coding::new(target.system, target.code, target.display), code);
        return;
    }
    warn(w, code, IssueCode::CodeInvalid, "code-unknown", "the code is in no table; it was kept as text");
    w.leaf("text", code);
}

/// The target code of a table, or nothing with an issue.
pub fn code_of(w: &mut Writer, map: &'static Map, code: Leaf<'_>) -> Option<&'static str> {
    let found = map.lookup(&token(code.text)).map(|target| target.code);
    if found.is_none() {
        warn(w, code, IssueCode::CodeInvalid, "code-unknown", "the code has no equal in FHIR");
    }
    found
}

/// Envelope of JSON-LD: contexts are never fetched, node ids name nodes within the document only, and classes have
/// decided what the record is.
pub fn envelope(record: Node<'_>, claim: &mut dyn FnMut(Leaf<'_>, Outcome)) {
    let mut open = vec![record];
    while let Some(node) = open.pop() {
        for (name, member) in node.members() {
            if matches!(name, "@id" | "@type" | "@context") {
                member.leaves().for_each(|leaf| claim(leaf, Outcome::Structural));
            }
        }
        open.extend(node.children());
    }
}
