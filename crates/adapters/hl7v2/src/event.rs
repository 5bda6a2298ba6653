//! MSH and EVN as a Provenance of the event: what happened, when, recorded by whom.

use causeway_adapter::{Meta, Profile};
use causeway_core::Leaf;
use causeway_fhir::{Ref, Writer};
use causeway_hl7v2::Segment;

use crate::codes::concept_element;
use crate::header::Header;
use crate::people::Ctx;

/// Writes the event's Provenance. `about` are the resources that the event is about.
pub fn event<'m>(ctx: &mut Ctx<'_, '_, 'm>, header: &Header<'m>, evn: Option<Segment<'m>>, about: &[Ref]) {
    if about.is_empty() {
        return;
    }
    let env = ctx.env;
    let msh = header.msh;
    let operator = evn.and_then(|evn| ctx.practitioner(evn.first(5)));
    let meta = Meta { profile: Profile::None, ..Meta::default() };
    let received = ctx.c.context.received.to_string();
    ctx.c.resource_with("Provenance", &format!("event|{}", header.control.text), &meta, |w| {
        let since = w.mark();
        w.array("target", |w| about.iter().for_each(|target| w.reference_element(target, ())));
        env.date_time(w, "occurredDateTime", evn.and_then(|evn| evn.leaf(6)));
        let recorded = evn.and_then(|evn| evn.leaf(2));
        let sent = msh.leaf(7);
        let instant = |leaf: Option<Leaf<'m>>| {
            leaf.and_then(|leaf| {
                env.when_silently(leaf).filter(|when| when.fhir_instant().is_some()).map(|when| (leaf, when))
            })
        };
        let (first, second) = (instant(recorded), instant(sent));
        let unread = recorded.filter(|_| first.is_none());
        match first.or(second) {
            Some((leaf, when)) => {
                w.instant("recorded", &when, leaf);
            }
            None => w.fixed("recorded", &received),
        }
        if let Some(leaf) = unread {
            crate::env::source_text(w, "recorded", leaf);
        }
        w.array("reason", |w| {
            if let Some(evn) = evn {
                concept_element(&env, w, evn.first(4), "EVN-4");
            }
        });
        w.object("activity", |w| w.string("text", &header.event(), header.decided));
        w.array("agent", |w| {
            w.element(|w| {
                kind(w, "author");
                let names: Vec<Leaf<'m>> = [msh.comp(3, 1), msh.comp(4, 1)].into_iter().flatten().collect();
                let words = names.iter().map(|l| l.text).collect::<Vec<_>>().join(", ");
                w.object("who", |w| {
                    if words.is_empty() {
                        w.fixed("display", "sending application, not named");
                    } else {
                        w.string("display", &words, &names);
                    }
                });
            });
            if let Some(operator) = &operator {
                w.element(|w| {
                    kind(w, "enterer");
                    w.reference("who", &operator.target, &operator.from);
                });
            }
        });
        w.array("extension", |w| {
            if let Some(evn) = evn {
                // When it was planned, more of the operator, and where it happened.
                env.leftover_fields(w, since, evn, &[1, 3, 4, 5, 7]);
            }
        });
    });
}

/// The type of an agent.
pub fn kind(w: &mut Writer, code: &str) {
    w.object("type", |w| {
        w.array("coding", |w| {
            w.element(|w| {
                w.fixed("system", "http://terminology.hl7.org/CodeSystem/provenance-participant-type");
                w.fixed("code", code);
            });
        });
    });
}
