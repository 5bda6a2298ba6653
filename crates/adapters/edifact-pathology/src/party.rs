//! Parties (S01): who asked for the report, who made it, and whom the message is for.
//!
//! NAD says the role: PO ordered the service, SLA provided it, MR receives the message (UN/EDIFACT 3035). SPR says
//! the kind: PRO a professional, ORG an organisation, DPT a department of one.

use std::borrow::Cow;

use causeway_adapter::Composer;
use causeway_core::{IssueCode, ItemId, Leaf, Outcome};
use causeway_fhir::types::data_absent;
use causeway_fhir::{Ref, Writer, systems};

use crate::codes::{PARTY_CODE_LIST, joined_parts, warning};
use crate::message::{Party, Report};

const ORGANIZATION_TYPE: &str = "http://terminology.hl7.org/CodeSystem/organization-type";

/// What a party is in FHIR.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Professional,
    Organisation,
    Department,
}

/// A party with its role, kind, code and name read.
#[derive(Debug)]
pub(crate) struct Read<'r, 's> {
    party: &'r Party<'s>,
    role: &'s str,
    kind: Kind,
    code: Option<Leaf<'s>>,
    list: Option<Leaf<'s>>,
    name: Cow<'s, str>,
    name_from: Vec<Leaf<'s>>,
}

/// The parties of a report, after the resources of them are written.
#[derive(Debug, Default)]
pub(crate) struct Written {
    /// `ServiceRequest.requester`.
    pub requester: Option<Ref>,
    /// `performer` of the report and its results.
    pub performers: Vec<Ref>,
    /// Which of the performers is the organisation of the department.
    pub department: Option<(Ref, String, Vec<ItemId>)>,
}

/// Reads the parties; one whose role or kind is not known is told of and stays in the original.
pub(crate) fn read<'r, 's>(c: &mut Composer<'_>, report: &'r Report<'s>) -> Vec<Read<'r, 's>> {
    let mut found = Vec::new();
    for party in &report.parties {
        let Some(nad) = &party.nad else { continue };
        let kind = match party.kind.map_or("", |l| l.text.trim()) {
            "PRO" => Some(Kind::Professional),
            "ORG" => Some(Kind::Organisation),
            "DPT" => Some(Kind::Department),
            _ => None,
        };
        let role = nad.text(1, 1).trim();
        let known = matches!(role, "PO" | "MR" | "SLA") && (role == "SLA" || kind != Some(Kind::Department));
        let (Some(kind), true) = (kind, known) else {
            let text = "a party has a role or kind that this format does not know; it was not carried";
            let issue = warning(IssueCode::CodeInvalid, "party-unknown", text);
            if let Some(id) = nad.first() {
                c.issue_at(id, issue);
            }
            continue;
        };
        let (name, name_from) = joined_parts(nad.element(4));
        let filled = |at: u8| nad.get(2, at).filter(|l| !l.is_blank());
        found.push(Read { party, role, kind, code: filled(1), list: filled(2), name, name_from });
    }
    found
}

impl<'s> Read<'_, 's> {
    /// How the source names it: by code, or else by name. A professional's name alone is one within a report
    /// only: two people may share it.
    fn key(&self, report: &str) -> String {
        let list = self.list.map_or("", |l| l.text);
        match (self.code, self.kind) {
            (Some(code), _) => format!("{list}|{}", code.text),
            (None, Kind::Professional) => format!("{report}|{}", self.name),
            (None, _) => format!("name|{}", self.name),
        }
    }

    fn same_as(&self, other: &Read<'_, '_>) -> bool {
        let pair = |r: &Read<'_, '_>| (r.code.map(|l| l.text.to_owned()), r.list.map(|l| l.text.to_owned()));
        self.kind == other.kind && self.code.is_some() && pair(self) == pair(other)
    }

    /// Qualifier of role and of kind: what decides where the party goes.
    fn decides(&self) -> (Option<Leaf<'s>>, Option<Leaf<'s>>) {
        (self.party.nad.as_ref().and_then(|nad| nad.get(1, 1)), self.party.kind)
    }

    /// The identifier system of its code, and the items that say it.
    fn system(&self, sender: &str) -> String {
        let list = self.list.map_or("", |l| l.text.trim());
        match PARTY_CODE_LIST.lookup(list).filter(|t| !t.system.is_empty()) {
            Some(target) => target.system.to_owned(),
            None => systems::local(sender, &format!("party-code-list-{list}")),
        }
    }

    fn code_body(&self, w: &mut Writer, sender: &str) {
        let Some(code) = self.code else { return };
        if self.list.is_none_or(|list| PARTY_CODE_LIST.row(list.text.trim()).is_none()) {
            w.issue(
                Some(code.id),
                warning(
                    IssueCode::CodeInvalid,
                    "party-code-list-unknown",
                    "the code of a party is of no list that this format knows; it was kept as a local identifier",
                ),
            );
        }
        w.string("system", &self.system(sender), self.list);
        w.leaf("value", code);
    }
}

/// Writes the resources of those who asked for the report and made it.
pub(crate) fn write(c: &mut Composer<'_>, parties: &[Read<'_, '_>], report: &str) -> Written {
    let mut written = Written::default();
    let of =
        |role: &'static str, kind: Kind| parties.iter().filter(move |p| p.role == role && p.kind == kind);
    let professional = of("PO", Kind::Professional).next();
    let own = of("PO", Kind::Organisation).next();
    // The recipient's organisation is the requester's where both name the same professional: then the report
    // goes back to who asked for it.
    let employs = professional.is_some_and(|p| of("MR", Kind::Professional).any(|m| m.same_as(p)));
    let organisation = own.or_else(|| of("MR", Kind::Organisation).next().filter(|_| employs));
    for party in of("PO", Kind::Professional).chain(of("PO", Kind::Organisation)) {
        resource(c, party, parties, report);
    }
    let professional = professional.map(|p| resource(c, p, parties, report));
    let organisation = organisation.map(|p| resource(c, p, parties, report));
    written.requester = match (professional, organisation) {
        (Some(professional), Some(organisation)) => {
            let key = format!("{}|{}", professional.id, organisation.id);
            Some(c.once("PractitionerRole", &key, |w| {
                w.reference("practitioner", &professional, ());
                w.reference("organization", &organisation, ());
            }))
        }
        (one, other) => one.or(other),
    };
    for party in of("SLA", Kind::Organisation) {
        written.performers.push(resource(c, party, parties, report));
    }
    match (sole_department(parties), written.performers.first()) {
        (Some(department), Some(at)) => {
            let mut from: Vec<ItemId> = department.name_from.iter().map(|l| l.id).collect();
            let (role, kind) = department.decides();
            from.extend(role.into_iter().chain(kind).map(|l| l.id));
            written.department = Some((at.clone(), department.name.clone().into_owned(), from));
        }
        _ => {
            for department in of("SLA", Kind::Department) {
                written.performers.push(resource(c, department, parties, report));
            }
        }
    }
    for party in of("SLA", Kind::Professional) {
        written.performers.push(resource(c, party, parties, report));
    }
    written.performers.dedup();
    written
}

/// The department that made the report, where there is one and it has no code of its own.
fn sole_department<'p, 'r, 's>(parties: &'p [Read<'r, 's>]) -> Option<&'p Read<'r, 's>> {
    let mut all = parties.iter().filter(|p| p.role == "SLA" && p.kind == Kind::Department);
    all.next().filter(|first| first.code.is_none() && all.next().is_none())
}

/// Writes a party once, with what every mention of it says.
///
/// A provider that a department (SPR+DPT) is named beside is that department of an organisation, so its type is
/// `dept`; the department's own name stands as `display` of the references to it.
fn resource(c: &mut Composer<'_>, party: &Read<'_, '_>, all: &[Read<'_, '_>], report: &str) -> Ref {
    let department = match party.kind {
        Kind::Department => Some(party),
        Kind::Organisation if party.role == "SLA" => sole_department(all),
        _ => None,
    };
    let department = department.map(|d| d.party.kind);
    let sender = c.context.sender.code.clone();
    let key = party.key(report);
    let kind = if party.kind == Kind::Professional { "Practitioner" } else { "Organization" };
    let mentions: Vec<_> = all
        .iter()
        .filter(|p| {
            (p.kind == Kind::Professional) == (party.kind == Kind::Professional) && p.key(report) == key
        })
        .collect();
    c.once(kind, &key, |w| {
        w.array("identifier", |w| {
            w.element(|w| party.code_body(w, &sender));
            for mention in &mentions {
                references(w, mention, &sender);
            }
        });
        let names = distinct_names(&mentions);
        if kind == "Practitioner" {
            w.array("name", |w| {
                for (name, from) in &names {
                    w.element(|w| w.string("text", name, from));
                }
            });
        } else {
            if let Some(department) = department {
                let coding = causeway_fhir::Coding::new(ORGANIZATION_TYPE, "dept", "Hospital Department");
                w.array("type", |w| causeway_fhir::types::concept_element(w, coding, department));
            }
            if let Some((name, from)) = names.first() {
                w.string("name", name, from);
            }
            w.array("alias", |w| {
                for (name, from) in names.iter().skip(1) {
                    w.value(name, from);
                }
            });
        }
        for mention in &mentions {
            // Which mention of one party a code stands in makes no difference while they agree.
            w.mapped((mention.decides(), mention.code, mention.list));
        }
    })
}

/// The names that mentions give, each once, with all items that give it.
fn distinct_names<'p>(mentions: &[&'p Read<'_, '_>]) -> Vec<(&'p str, Vec<ItemId>)> {
    let mut names: Vec<(&str, Vec<ItemId>)> = Vec::new();
    for mention in mentions.iter().filter(|m| !m.name.is_empty()) {
        let from = mention.name_from.iter().map(|l| l.id);
        match names.iter_mut().find(|(name, _)| *name == mention.name) {
            Some((_, sources)) => sources.extend(from),
            None => names.push((&mention.name, from.collect())),
        }
    }
    names
}

/// References of a party (RFF+AHI …) as identifiers. The word UNKNOWN is no identifier: two parties must not
/// become one by it.
fn references(w: &mut Writer, party: &Read<'_, '_>, sender: &str) {
    for rff in &party.party.references {
        w.element(|w| reference_body(w, rff, sender));
    }
}

fn reference_body(w: &mut Writer, rff: &causeway_edifact::View<'_>, sender: &str) {
    let (qualifier, Some(value)) = (rff.get(1, 1), rff.get(1, 2)) else { return };
    if value.text.trim() == "UNKNOWN" {
        w.object("_value", |w| data_absent(w, "unknown", value));
        w.claim(qualifier, Outcome::Structural, "");
        return;
    }
    let system = systems::local(sender, &qualifier.map_or("", |l| l.text).to_ascii_lowercase());
    w.string("system", &system, qualifier);
    w.leaf("value", value);
}

/// Writes the parties that the message is for, as `MessageHeader.destination`.
pub(crate) fn destinations(w: &mut Writer, parties: &[Read<'_, '_>], sender: &str) {
    let practice = recipient(parties);
    for party in parties.iter().filter(|p| p.role == "MR") {
        w.element(|w| {
            w.string("name", &party.name, &party.name_from);
            match practice {
                Some((code, list)) => {
                    w.string(
                        "endpoint",
                        &format!("urn:nhs-uk:addressing:ods:{}", code.text.trim()),
                        (code, list),
                    );
                }
                None => {
                    w.object("_endpoint", |w| data_absent(w, "unknown", ()));
                }
            }
            w.object("receiver", |w| {
                let kind = if party.kind == Kind::Professional { "Practitioner" } else { "Organization" };
                w.string("type", kind, party.decides());
                w.object("identifier", |w| match party.party.references.first() {
                    Some(rff) if party.code.is_none() => reference_body(w, rff, sender),
                    _ => party.code_body(w, sender),
                });
                w.string("display", &party.name, &party.name_from);
            });
        });
    }
}

/// Code and list of the recipient organisation, where it is an ODS code.
fn recipient<'s>(parties: &[Read<'_, 's>]) -> Option<(Leaf<'s>, Leaf<'s>)> {
    parties.iter().filter(|p| p.role == "MR" && p.kind == Kind::Organisation).find_map(|p| {
        let list = p.list.filter(|list| {
            PARTY_CODE_LIST.lookup(list.text.trim()).is_some_and(|t| t.system == systems::ODS_ORGANISATION)
        })?;
        Some((p.code?, list))
    })
}

/// ODS code of the organisation that the message is for.
pub(crate) fn recipient_code(parties: &[Read<'_, '_>]) -> Option<String> {
    recipient(parties).map(|(code, _)| code.text.trim().to_owned())
}
