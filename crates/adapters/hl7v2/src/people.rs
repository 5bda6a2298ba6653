//! Practitioners, organisations and places: resources that several items of a message may mean.

use causeway_adapter::Composer;
use causeway_core::{Issue, IssueCode, ItemId, Leaf, OdsCode, Severity};
use causeway_fhir::{Coding, Ref, Writer, systems};
use causeway_hl7v2::Part;

use crate::datatypes::{name_parts, system_of};
use crate::env::Env;

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
    /// different content are two resources, and an issue: which of the two is right is not ours to say.
    fn shared(
        &mut self,
        kind: &'static str,
        key: String,
        leaves: &[Leaf<'m>],
        f: impl FnOnce(&mut Writer, &Env<'m>),
    ) -> Who {
        let from: Vec<ItemId> = leaves.iter().map(|l| l.id).collect();
        let content = leaves.iter().map(|l| l.text).collect::<Vec<_>>().join("\u{1f}");
        let mut same_key = self.known.iter().filter(|k| k.kind == kind && k.key == key).peekable();
        let conflict = same_key.peek().is_some();
        if let Some(found) = same_key.find(|k| k.content == content) {
            return Who { target: found.target.clone(), from };
        }
        let env = self.env;
        let full = if conflict { format!("{key}|{content}") } else { key.clone() };
        if conflict {
            let text = "the same id stands beside different details in one message; both were kept apart";
            let at = from.first().copied();
            self.c.issue(env.issue(Severity::Warning, IssueCode::Conflict, "details-differ", text, at));
        }
        let target = self.c.resource(kind, &full, |w| f(w, &env));
        self.known.push(Known { kind, key, content, target: target.clone() });
        Who { target, from }
    }

    /// A person who works in care (XCN, or a CN of version 2.3). Consultant codes (`C` and seven digits) and
    /// GMC numbers, general practitioners' codes (`G` and seven digits): NHS Data Dictionary.
    pub fn practitioner(&mut self, part: Part<'m>) -> Option<Who> {
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
        Some(self.shared("Practitioner", key, &leaves, |w, _| {
            w.array("identifier", |w| {
                if let Some(id) = id {
                    w.element(|w| {
                        w.string("system", &system, decided);
                        w.leaf("value", id);
                    });
                }
            });
            w.array("name", |w| {
                w.element(|w| name_parts(w, part, [2, 3, 4, 5, 6, 7]));
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
        Some(self.shared("Practitioner", key, &leaves, |w, _| {
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
        Some(self.shared("Organization", key, &leaves, |w, _| {
            w.array("identifier", |w| {
                if let Some(id) = id {
                    w.element(|w| {
                        w.string("system", &system, decided);
                        w.string("value", code.as_ref().map_or(id.text, OdsCode::as_str), id);
                    });
                }
            });
            w.leaf_opt("name", name);
        }))
    }

    /// A place (PL): point of care, room, bed, building, floor, facility, in words.
    pub fn place(&mut self, part: Part<'m>) -> Option<Who> {
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
        Some(self.shared("Location", key, &leaves, |w, _| {
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
        }))
    }

    /// Raises an issue at an item.
    pub fn warn(&mut self, item: Option<ItemId>, code: IssueCode, rule: &'static str, text: &'static str) {
        let issue: Issue = self.env.issue(Severity::Warning, code, rule, text, item);
        self.c.issue(issue);
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
