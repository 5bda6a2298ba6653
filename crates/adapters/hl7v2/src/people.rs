//! Practitioners, organisations and places: resources that several items of a message may mean.

use causeway_adapter::{Composer, Rule};
use causeway_core::{ItemId, Leaf, OdsCode};
use causeway_fhir::{Coding, Ref, Writer, systems};
use causeway_hl7v2::Part;

use crate::datatypes::{Cx, NameParts, name_parts, oid_type, system_of};
use crate::env::Env;
use crate::rules;

/// One message's translation: composer, surroundings, and who has been written already.
pub struct Ctx<'x, 'c, 'm> {
    /// The composer.
    pub c: &'x mut Composer<'c>,
    /// The surroundings.
    pub env: Env<'m>,
    known: Vec<Known>,
}

struct Known {
    kind: &'static str,
    key: String,
    content: String,
    /// What the first mention says beyond that.
    more: String,
    target: Ref,
}

/// A resource that an item means, and the items that said so.
pub struct Who {
    /// The resource.
    pub target: Ref,
    /// Items to claim with each reference.
    pub from: Vec<ItemId>,
}

impl<'x, 'c, 'm> Ctx<'x, 'c, 'm> {
    /// A translation into the composer's open bundle.
    pub fn new(c: &'x mut Composer<'c>, env: Env<'m>) -> Self {
        Self { c, env, known: Vec::new() }
    }

    /// A resource that is written once for all items that say the same of it. Two items with one id and
    /// different content are two resources, and an issue: which of the two is right is not ours to say. `more` is
    /// what else an item says (types, dates, addresses): one that contradicts it makes a resource of its own too.
    fn shared(
        &mut self,
        kind: &'static str,
        key: String,
        (leaves, more): (&[Leaf<'m>], &[Leaf<'m>]),
        f: impl FnOnce(&mut Writer, &Env<'m>),
    ) -> Who {
        let mut from: Vec<ItemId> = leaves.iter().map(|l| l.id).collect();
        let text = |leaves: &[Leaf<'m>]| leaves.iter().map(|l| l.text).collect::<Vec<_>>().join("\u{1f}");
        let (content, more_content) = (text(leaves), text(more));
        let mut same_key = self.known.iter().filter(|k| k.kind == kind && k.key == key).peekable();
        let conflict = same_key.peek().is_some();
        let says = |k: &&Known| {
            k.content == content && (more_content.is_empty() || k.more.is_empty() || k.more == more_content)
        };
        if let Some(found) = same_key.find(says) {
            if found.more == more_content {
                from.extend(more.iter().map(|l| l.id));
            }
            return Who { target: found.target.clone(), from };
        }
        from.extend(more.iter().map(|l| l.id));
        let env = self.env;
        let full = if conflict { format!("{key}|{content}|{more_content}") } else { key.clone() };
        if conflict {
            let at = from.first().copied();
            self.c.issue(env.breach(&rules::DETAILS_DIFFER, at));
        }
        let target = self.c.resource(kind, &full, |w| f(w, &env));
        self.known.push(Known { kind, key, content, more: more_content, target: target.clone() });
        Who { target, from }
    }

    /// A person who works in care (XCN, or a CN of version 2.3). Consultant codes (`C` and seven digits) and
    /// GMC numbers, general practitioners' codes (`G` and seven digits): NHS Data Dictionary.
    pub fn practitioner(&mut self, part: Part<'m>) -> Option<Who> {
        self.practitioner_at(part, None)
    }

    /// As [`Ctx::practitioner`], with the address that another item states (ORC-24, ROL-11).
    pub fn practitioner_at(&mut self, part: Part<'m>, address: Option<Part<'m>>) -> Option<Who> {
        let comps = [1, 2, 3, 4, 5, 6, 7].map(|n| part.comp(n).leaf());
        let id = comps.first().copied().flatten();
        if comps.iter().all(Option::is_none) {
            return None;
        }
        let (system, decided) = practitioner_system(&self.env, part, id);
        let key = match id {
            Some(id) => format!("{system}|{}", id.text),
            None => comps.iter().flatten().map(|l| l.text).collect::<Vec<_>>().join("|"),
        };
        let leaves: Vec<Leaf<'m>> =
            comps.iter().copied().flatten().chain(decided.filter(|_| id.is_some())).collect();
        let family = (2..=5).map(|sub| part.comp(2).subcomp(sub));
        let more: Vec<Leaf<'m>> = MORE_OF_XCN
            .iter()
            .flat_map(|n| part.comp(*n).leaves())
            .chain(family.filter_map(Part::leaf))
            .chain(part.comp(9).subcomp(1).leaf().filter(|l| decided.is_none_or(|d| d.id != l.id)))
            .chain(address.into_iter().flat_map(Part::leaves))
            .filter(|l| !leaves.iter().any(|known| known.id == l.id))
            .collect();
        Some(self.shared("Practitioner", key, (&leaves, &more), |w, env| {
            let since = w.mark();
            w.array("identifier", |w| {
                if let Some(id) = id {
                    w.element(|w| {
                        if let Some(kind) = part.comp(13).leaf() {
                            w.object("type", |w| crate::datatypes::identifier_type(w, kind));
                        }
                        w.string("system", &system, decided);
                        w.leaf("value", id);
                        let facility = part.comp(14).subcomp(1).leaf();
                        let name = part.comp(9).subcomp(1).leaf();
                        let name = name.filter(|l| decided.is_none_or(|d| d.id != l.id));
                        w.object("assigner", |w| w.leaf_opt("display", facility.or(name)));
                    });
                }
            });
            w.array("name", |w| {
                w.element(|w| {
                    name_parts(w, part, NameParts::XCN);
                    env.period(w, "period", part.comp(19).leaf(), part.comp(20).leaf());
                });
            });
            if let Some(address) = address.filter(|a| a.says()) {
                w.array("address", |w| crate::datatypes::address(env, w, address));
            }
            oid_type(w, part.comp(9));
            w.array("extension", |w| {
                env.leftovers(w, since, MORE_OF_XCN.iter().map(|n| part.comp(*n)));
                env.leftovers(w, since, id.is_none().then(|| part.comp(9)));
            });
        }))
    }

    /// A person in the subcomponents of one component (NDL.1): id, family, given, further, suffix, prefix, degree.
    pub fn practitioner_sub(&mut self, part: Part<'m>) -> Option<Who> {
        let subs = [1, 2, 3, 4, 5, 6, 7].map(|n| part.subcomp(n).leaf());
        let [id, family, given, further, suffix, prefix, degree] = subs;
        let leaves: Vec<Leaf<'m>> = subs.iter().copied().flatten().collect();
        if leaves.is_empty() {
            return None;
        }
        let system = self.env.local("staff");
        let key = match id {
            Some(id) => format!("{system}|{}", id.text),
            None => leaves.iter().map(|l| l.text).collect::<Vec<_>>().join("|"),
        };
        Some(self.shared("Practitioner", key, (&leaves, &[]), |w, _| {
            w.array("identifier", |w| {
                if let Some(id) = id {
                    causeway_fhir::types::identifier(w, &system, id);
                }
            });
            w.array("name", |w| {
                w.element(|w| {
                    w.leaf_opt("family", family);
                    for (key, found) in [
                        ("given", [given, further]),
                        ("prefix", [prefix, None]),
                        ("suffix", [suffix, degree]),
                    ] {
                        w.array(key, |w| found.into_iter().flatten().for_each(|l| w.value(l.text, l)));
                    }
                });
            });
        }))
    }

    /// An organisation (XON). `ods` says that a code without an authority is an ODS code, as UK senders mean it
    /// in this item.
    pub fn organisation(&mut self, part: Part<'m>, ods: bool) -> Option<Who> {
        self.organisation_at(part, ods, &Contacts::default())
    }

    /// As [`Ctx::organisation`], with the address and the numbers that other items state.
    pub fn organisation_at(&mut self, part: Part<'m>, ods: bool, contacts: &Contacts<'m>) -> Option<Who> {
        let name = part.comp(1).leaf();
        let id = part.comp(3).leaf().or(part.comp(10).leaf());
        if name.is_none() && id.is_none() {
            return None;
        }
        let authority = part.comp(6);
        let named = authority.subcomp(1).leaf().filter(|_| authority.subcomp(2).leaf().is_none());
        let is_ods = match named {
            Some(leaf) => matches!(leaf.text, "ODS" | "NACS"),
            None => ods && !authority.says(),
        };
        let code = id.filter(|_| is_ods).and_then(|l| OdsCode::parse(l.text));
        let (system, decided) = match code {
            Some(_) => (systems::ODS_ORGANISATION.into(), named),
            None => system_of(&self.env, authority, "organisation"),
        };
        let key = match id {
            Some(id) => format!("{system}|{}", id.text),
            None => name.map_or(String::new(), |l| l.text.to_owned()),
        };
        let leaves: Vec<Leaf<'m>> =
            [name, id, decided.filter(|_| id.is_some())].into_iter().flatten().collect();
        let mut more: Vec<Leaf<'m>> =
            [2, 3, 7, 8, 9, 10].iter().flat_map(|n| part.comp(*n).leaves()).collect();
        more.extend(contacts.all().flat_map(Part::leaves));
        more.retain(|l| !leaves.iter().any(|known| known.id == l.id));
        Some(self.shared("Organization", key, (&leaves, &more), |w, env| {
            let since = w.mark();
            w.array("identifier", |w| {
                if let Some(id) = id {
                    w.element(|w| {
                        if let Some(kind) = part.comp(7).leaf() {
                            w.object("type", |w| crate::datatypes::identifier_type(w, kind));
                        }
                        w.string("system", &system, decided);
                        w.string("value", code.as_ref().map_or(id.text, OdsCode::as_str), id);
                    });
                }
            });
            w.leaf_opt("name", name);
            contacts.write(env, w);
            oid_type(w, authority);
            w.array("extension", |w| env.leftovers(w, since, [2, 3, 7, 8, 9, 10].map(|n| part.comp(n))));
        }))
    }

    /// A place (PL): point of care, room, bed, building, floor, facility, in words.
    pub fn place(&mut self, part: Part<'m>) -> Option<Who> {
        self.place_of(part, None)
    }

    /// As [`Ctx::place`], with the status of the bed (PV1-40).
    pub fn place_of(&mut self, part: Part<'m>, bed_status: Option<Leaf<'m>>) -> Option<Who> {
        let words = [
            part.comp(1).subcomp(1).leaf(),
            part.comp(2).subcomp(1).leaf(),
            part.comp(3).subcomp(1).leaf(),
            part.comp(7).leaf(),
            part.comp(8).leaf(),
            part.comp(4).subcomp(1).leaf(),
        ];
        let description = part.comp(9).leaf();
        let bed = part.comp(3).subcomp(1).leaf();
        let leaves: Vec<Leaf<'m>> = words.iter().copied().chain([description]).flatten().collect();
        if leaves.is_empty() {
            return None;
        }
        let key = words.iter().map(|l| l.map_or("", |l| l.text)).collect::<Vec<_>>().join("|");
        let known: Vec<Leaf<'m>> = words.iter().copied().flatten().collect();
        let mut more: Vec<Leaf<'m>> =
            part.leaves().filter(|l| !leaves.iter().any(|k| k.id == l.id)).collect();
        let halves = [1, 2, 3, 4].map(|n| part.comp(n));
        // The third part of an HD says only that the second is an OID.
        let is_oid = |l: &Leaf<'m>| {
            halves.iter().any(|h| {
                h.subcomp(3).leaf().is_some_and(|t| t.id == l.id)
                    && h.subcomp(2).leaf().is_some_and(|o| systems::is_oid(o.text))
            })
        };
        more.retain(|l| !is_oid(l));
        more.extend(bed_status);
        Some(self.shared("Location", key, (&leaves, &more), |w, env| {
            let since = w.mark();
            if let Some(status) = bed_status.filter(|l| matches!(l.text, "C" | "H" | "I" | "K" | "O" | "U")) {
                let system = "http://terminology.hl7.org/CodeSystem/v2-0116";
                w.object("operationalStatus", |w| Coding::new(system, status.text, "").body(w, status));
            }
            let name = known.iter().map(|l| l.text).collect::<Vec<_>>().join(", ");
            w.string("name", &name, &known);
            w.leaf_opt("description", description);
            if bed.is_some() {
                w.object("physicalType", |w| {
                    let system = "http://terminology.hl7.org/CodeSystem/location-physical-type";
                    w.array("coding", |w| {
                        w.element(|w| Coding::new(system, "bd", "Bed").body(w, ()));
                    });
                });
            }
            halves.iter().for_each(|half| oid_type(w, *half));
            w.array("extension", |w| {
                env.leftover_leaves(w, since, &more);
            });
        }))
    }

    /// Tells that an item breaks a rule.
    pub fn tell(&mut self, rule: &Rule, item: Option<ItemId>) {
        let issue = self.env.breach(rule, item);
        self.c.issue(issue);
    }
}

/// Components of an XCN beyond id and name that are kept: source table, authority, kind of name, kind of id, facility,
/// representation, context, validity, professional suffix. Check digits and schemes are not.
const MORE_OF_XCN: &[u8] = &[8, 10, 13, 14, 15, 16, 17, 19, 20, 21, 22, 23];

/// Addresses, numbers and people of an organisation.
#[derive(Clone, Default)]
pub struct Contacts<'m> {
    /// XAD.
    pub addresses: Vec<Part<'m>>,
    /// XTN.
    pub telecoms: Vec<Part<'m>>,
}

impl<'m> Contacts<'m> {
    fn all(&self) -> impl Iterator<Item = Part<'m>> {
        self.addresses.iter().chain(&self.telecoms).copied()
    }

    fn write(&self, env: &Env<'m>, w: &mut Writer) {
        w.array("telecom", |w| {
            self.telecoms.iter().for_each(|part| crate::datatypes::telecom(env, w, *part, "work"));
        });
        w.array("address", |w| {
            self.addresses.iter().for_each(|part| crate::datatypes::address(env, w, *part))
        });
    }
}

fn practitioner_system<'m>(
    env: &Env<'m>,
    part: Part<'m>,
    id: Option<Leaf<'m>>,
) -> (std::borrow::Cow<'static, str>, Option<Leaf<'m>>) {
    let authority = part.comp(9);
    let text = id.map_or("", |l| l.text);
    let digits = |t: &str, n: usize| t.len() == n && t.bytes().all(|b| b.is_ascii_digit());
    let lettered = |letter| text.strip_prefix(letter).is_some_and(|rest| digits(rest, 7));
    let named = authority.subcomp(1).leaf().filter(|_| authority.subcomp(2).leaf().is_none());
    match named.map(|l| l.text) {
        Some("GMC" | "GMP" | "PPD" | "NHS") if lettered('G') => (systems::GMP_NUMBER.into(), named),
        Some("GMC" | "NHS") if lettered('C') || digits(text, 7) => (systems::GMC_NUMBER.into(), named),
        Some("SDS") => (systems::SDS_USER.into(), named),
        _ => system_of(env, authority, "staff"),
    }
}

/// The key of a patient: the local hospital number, else the NHS number, else what the caller gives.
pub fn key_of<'m>(env: &Env<'m>, ids: &[Cx<'m>]) -> Option<String> {
    ids.iter()
        .find(|cx| !cx.nhs)
        .or_else(|| ids.iter().find(|cx| cx.number().is_some()))
        .map(|cx| cx.key(env))
}

/// Writes one link of a Patient.
pub fn link(w: &mut Writer, other: &Ref, kind: &str, from: &[ItemId]) {
    w.element(|w| {
        w.reference("other", other, from);
        w.fixed("type", kind);
    });
}
