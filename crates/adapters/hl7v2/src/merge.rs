//! MRG: who the patient was. Of the merges of one message the later one stands where two contradict each other, as of
//! two messages; a chain keeps one Patient for each person that it names.

use std::collections::{HashMap, HashSet};

use causeway_core::ItemId;
use causeway_fhir::{Ref, Writer};
use causeway_hl7v2::Segment;

use crate::datatypes::{Cx, name};
use crate::env::Env;
use crate::people::{Ctx, key_of, link};
use crate::rules;

/// ADT events that merge.
pub const EVENTS: [&str; 8] = ["A18", "A30", "A34", "A36", "A39", "A40", "A46", "A47"];

/// What a message says of merges, all its persons together.
#[derive(Default)]
pub struct Merges {
    /// By the key of who is gone: who survives, and the number of the MRG that says so.
    gone: HashMap<String, (String, usize)>,
    /// Those who have a PID of their own.
    told: HashSet<String>,
}

impl Merges {
    /// Reads who survives (key) and the MRG segments under each PID, in the order of the message.
    pub fn read<'m>(env: &Env<'m>, groups: &[(String, Vec<Segment<'m>>)]) -> Self {
        let told = groups.iter().map(|(survivor, _)| survivor.clone()).collect();
        let mut merges = Self { gone: HashMap::new(), told };
        for (survivor, mrgs) in groups {
            for mrg in mrgs {
                if let Some(gone) = key_of(env, &prior(*mrg)).filter(|gone| gone != survivor) {
                    merges.add(gone, survivor, mrg.index());
                }
            }
        }
        merges
    }

    /// A merge that would close a circle takes back what was said of its survivor.
    fn add(&mut self, gone: String, survivor: &str, mrg: usize) {
        let mut at = survivor;
        let mut steps = 0;
        while let Some((next, _)) = self.gone.get(at).filter(|_| steps <= self.gone.len()) {
            if *next == gone {
                self.gone.remove(survivor);
                break;
            }
            (at, steps) = (next.as_str(), steps + 1);
        }
        self.gone.insert(gone, (survivor.to_owned(), mrg));
    }

    /// Who survives this person, where somebody does.
    pub fn survivor(&self, key: &str) -> Option<&str> {
        self.gone.get(key).map(|(survivor, _)| survivor.as_str())
    }
}

/// One whom the patient replaces.
pub struct Old<'m> {
    /// Its Patient.
    pub target: Ref,
    /// The items that name it.
    pub from: Vec<ItemId>,
    key: String,
    mrg: Segment<'m>,
}

/// The identifiers that an MRG names: MRG-1, and MRG-4 of older versions.
fn prior<'m>(mrg: Segment<'m>) -> Vec<Cx<'m>> {
    [1, 4].into_iter().flat_map(|f| mrg.field(f).reps()).filter_map(Cx::read).collect()
}

/// The patients that MRG segments name, each once. An issue for each that names the survivor itself or nobody, or that
/// another merge of the message takes back.
pub fn merged<'m>(
    ctx: &mut Ctx<'_, '_, 'm>,
    mrgs: &[Segment<'m>],
    merges: &Merges,
    survivor: &str,
) -> Vec<Old<'m>> {
    let mut found: Vec<Old<'m>> = Vec::new();
    for mrg in mrgs.iter().copied() {
        let ids = prior(mrg);
        let first = mrg.all().leaves().next().map(|l| l.id);
        let Some(key) = key_of(&ctx.env, &ids).filter(|key| key != survivor) else {
            let issue = ctx.env.breach(&rules::MERGE_NOBODY, first);
            ctx.c.issue(issue);
            continue;
        };
        if merges.survivor(&key) != Some(survivor) {
            let issue = ctx.env.breach(&rules::MERGE_CONTRADICTED, first);
            ctx.c.issue(issue);
            decides(ctx, mrg);
            continue;
        }
        if let Some(same) = found.iter_mut().find(|old| old.key == key) {
            same.from.extend(ids.iter().map(|cx| cx.id.id));
            decides(ctx, mrg);
            continue;
        }
        let target = ctx.c.reference("Patient", &key);
        let from = ids.iter().map(|cx| cx.id.id).collect();
        found.push(Old { target, key, from, mrg });
    }
    found
}

/// What an MRG names decides who is merged, also where it is written in another place.
fn decides<'m>(ctx: &mut Ctx<'_, '_, 'm>, mrg: Segment<'m>) {
    let w = ctx.c.writer();
    for leaf in [1, 4].into_iter().flat_map(|field| mrg.field(field).leaves()) {
        w.decides(leaf, "who is merged into whom");
    }
}

/// The Patient of one who is gone. One who has a PID in the message is written there.
pub fn predecessor<'m>(ctx: &mut Ctx<'_, '_, 'm>, old: &Old<'m>, merges: &Merges, survivor: &Ref) {
    if merges.told.contains(&old.key) {
        return decides(ctx, old.mrg);
    }
    let env = ctx.env;
    let mrg = old.mrg;
    ctx.c.resource("Patient", &old.key, |w| {
        let since = w.mark();
        w.array("identifier", |w| {
            prior(mrg).iter().for_each(|cx| cx.write(&env, w, None));
            // The account that is merged with the person.
            mrg.field(3).reps().filter_map(Cx::read).for_each(|cx| cx.write(&env, w, None));
        });
        w.boolean("active", false, ());
        w.array("name", |w| mrg.field(7).reps().for_each(|part| name(&env, w, part, None)));
        replaced_by(w, survivor);
        w.array("extension", |w| env.leftover_fields(w, since, mrg, &[2, 5, 6]));
    });
}

fn replaced_by(w: &mut Writer, survivor: &Ref) {
    w.array("link", |w| link(w, survivor, "replaced-by", &[]));
}
