//! NTE: notes of results, orders, specimens and the like, and of the patient.

use causeway_adapter::{Meta, Profile};
use causeway_core::Leaf;
use causeway_fhir::{Ref, Writer};
use causeway_hl7v2::{Part, Segment};

use crate::env::Env;
use crate::patient::Patient;
use crate::people::{Ctx, Who};
use crate::rules;

/// Items of an NTE that have no element in FHIR: source, type, validity, code.
const MORE: &[u16] = &[2, 4, 7, 8, 9];

/// One note with the person who entered it.
pub struct Note<'m> {
    nte: Segment<'m>,
    by: Option<Who>,
}

/// Makes notes ready to be written.
pub fn prepare<'m>(ctx: &mut Ctx<'_, '_, 'm>, segments: &[Segment<'m>]) -> Vec<Note<'m>> {
    segments.iter().map(|nte| Note { nte: *nte, by: ctx.practitioner(nte.first(5)) }).collect()
}

/// Writes notes as elements of an open array of annotations.
pub fn elements(env: &Env<'_>, w: &mut Writer, notes: &[Note<'_>]) {
    for note in notes {
        if !note.nte.field(3).says() {
            continue;
        }
        let since = w.mark();
        w.element(|w| {
            if let Some(who) = &note.by {
                w.reference("authorReference", &who.target, &who.from);
            }
            env.date_time(w, "time", note.nte.leaf(6));
            let (text, leaves) = lines(env, w, note.nte.field(3));
            w.string("text", &text, &leaves);
            w.array("extension", |w| env.leftover_fields(w, since, note.nte, MORE));
        });
    }
}

/// A text that may repeat: each repetition is a line. Blank lines within it stay.
pub fn lines<'m>(env: &Env<'_>, w: &mut Writer, field: Part<'m>) -> (String, Vec<Leaf<'m>>) {
    let leaves: Vec<Leaf<'m>> = field.leaves().collect();
    let mut reps = field.reps();
    let mut text = reps.next().map_or(String::new(), Part::text);
    let mut repeats = false;
    for part in reps {
        repeats = true;
        text.push('\n');
        text.push_str(&part.text());
    }
    if repeats && let Some(first) = leaves.first() {
        env.tell(w, &rules::TEXT_REPEATS, first.id);
    }
    (text.trim().to_owned(), leaves)
}

/// Notes that belong to the patient and to nothing else: R4's Patient has no place for them, so they are a
/// Communication about the patient, each a part of it.
pub fn of_patient<'m>(
    ctx: &mut Ctx<'_, '_, 'm>,
    segments: &[Segment<'m>],
    patient: &Patient,
    encounter: Option<&Ref>,
    key: &str,
) {
    let said: Vec<Segment<'m>> = segments.iter().copied().filter(|nte| nte.field(3).says()).collect();
    if said.is_empty() {
        return;
    }
    let env = ctx.env;
    let notes = prepare(ctx, &said);
    let meta = Meta { profile: Profile::None, ..Meta::default() };
    ctx.c.resource_with("Communication", &format!("{}|notes|{key}", patient.key), &meta, |w| {
        w.fixed("status", "completed");
        w.reference("subject", &patient.target, ());
        if let Some(encounter) = encounter {
            w.reference("encounter", encounter, ());
        }
        if let [note] = notes.as_slice() {
            env.date_time(w, "sent", note.nte.leaf(6));
            if let Some(who) = &note.by {
                w.reference("sender", &who.target, &who.from);
            }
        }
        w.array("payload", |w| {
            for note in &notes {
                let since = w.mark();
                w.element(|w| {
                    let (text, leaves) = lines(&env, w, note.nte.field(3));
                    w.string("contentString", &text, &leaves);
                    let mut more = MORE.to_vec();
                    if notes.len() > 1 {
                        more.extend([5, 6]);
                    }
                    w.array("extension", |w| env.leftover_fields(w, since, note.nte, &more));
                });
            }
        });
    });
}
