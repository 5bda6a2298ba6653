//! Confidentiality markings. UK07 marks an entry that must not be shown to the patient with NOPAT; whatever an
//! entry, or what it lies within, is marked with stays on every resource made of it.

use causeway_adapter::{Meta, Profile};
use causeway_core::ItemId;
use causeway_fhir::systems;
use causeway_xml::Element;

use crate::codes::CONFIDENTIALITY_OID;
use crate::extract::Extract;
use crate::role::Role;

/// The markings of one resource.
#[derive(Clone, Debug, Default)]
pub(crate) struct Markings<'d> {
    found: Vec<(String, &'d str, &'d str, Vec<ItemId>)>,
}

impl<'d> Markings<'d> {
    /// Adds markings.
    pub fn add(&mut self, marks: &[Element<'d>]) {
        for marking in marks {
            let Some(code) = marking.attribute("code").filter(|c| !c.is_blank()) else { continue };
            let oid = marking.attribute("codeSystem");
            let system = match oid.map_or("", |s| s.text.trim()) {
                // The value set's own id, whose codes are those of ActCode.
                CONFIDENTIALITY_OID => systems::ACT_CODE.to_owned(),
                "2.16.840.1.113883.5.25" => systems::CONFIDENTIALITY.to_owned(),
                "" => String::new(),
                other => systems::of_oid(other).into_owned(),
            };
            let display = marking.attribute("displayName");
            let items: Vec<ItemId> = [Some(code), oid, display].into_iter().flatten().map(|l| l.id).collect();
            let words = display.map_or("", |d| d.text.trim());
            match self
                .found
                .iter_mut()
                .find(|(s, c, w, _)| *s == system && *c == code.text.trim() && *w == words)
            {
                Some((_, _, _, known)) => known.extend::<Vec<ItemId>>(items),
                None => self.found.push((system, code.text.trim(), words, items)),
            }
        }
    }

    /// As `meta` of a resource.
    pub fn meta(&self, profile: Profile<'static>) -> Meta<'_> {
        let security = self.found.iter().map(|(s, c, d, i)| (s.as_str(), *c, *d, i.clone())).collect();
        Meta { profile, security }
    }
}

/// The markings of a composition and of what holds it.
pub(crate) fn of_composition<'d>(x: &Extract<'d>, composition: usize) -> Markings<'d> {
    let mut markings = Markings::default();
    markings.add(&x.compositions[composition].marks);
    markings.add(&x.marks);
    markings
}

/// The markings of a statement: its own, of what was folded into it, and of all that holds it.
pub(crate) fn of_statement<'d>(x: &Extract<'d>, number: usize) -> Markings<'d> {
    let mut markings = Markings::default();
    let statement = &x.statements[number];
    markings.add(&statement.marks);
    for child in &statement.children {
        if matches!(x.statements[*child].role, Role::Note | Role::Component) {
            markings.add(&x.statements[*child].marks);
        }
    }
    let mut at = statement.parent;
    while let Some(parent) = at {
        markings.add(&x.statements[parent].marks);
        if x.statements[parent].role == Role::Cluster {
            // The comments within a cluster are folded into its result.
            for child in &x.statements[parent].children {
                markings.add(&x.statements[*child].marks);
            }
        }
        at = x.statements[parent].parent;
    }
    markings.add(&x.compositions[statement.composition].marks);
    markings.add(&x.marks);
    markings
}
