//! ROL of a person: who cares for them, in which role. Source: v2-to-FHIR, ROL to CareTeam.

use causeway_fhir::{Ref, Writer};
use causeway_hl7v2::Segment;

use crate::codes::concept_element;
use crate::env::Env;
use crate::patient::Patient;
use crate::people::{Ctx, Who};

/// Items of a ROL beyond person, role and time: kind of provider and of unit, numbers, place, organisation.
const MORE: &[u16] = &[2, 7, 8, 9, 10, 12, 13, 14];

/// One ROL with its person.
pub struct Role<'m> {
    rol: Segment<'m>,
    who: Who,
}

/// The ROL segments that name somebody. One that takes a role away (ROL-2 `DE`) names nobody any more.
pub fn read<'m>(ctx: &mut Ctx<'_, '_, 'm>, roles: &[Segment<'m>]) -> Vec<Role<'m>> {
    let mut found = Vec::new();
    for rol in roles.iter().copied().filter(|rol| rol.leaf(2).is_none_or(|l| l.text != "DE")) {
        let address = rol.first(11);
        for part in rol.field(4).reps() {
            let who = ctx.practitioner_at(part, Some(address).filter(|a| a.says()));
            found.extend(who.map(|who| Role { rol, who }));
        }
    }
    found
}

impl Role<'_> {
    /// Writes it as an element: `types` is the name of the list of roles or of the one role, `member` that of the person.
    pub fn write(&self, env: &Env<'_>, w: &mut Writer, list: Option<&str>, member: &str) {
        let since = w.mark();
        w.element(|w| {
            match list {
                Some(list) => {
                    w.array(list, |w| concept_element(env, w, self.rol.first(3), "ROL-3"));
                }
                None => crate::codes::concept(env, w, "function", self.rol.first(3), "ROL-3"),
            }
            w.reference(member, &self.who.target, &self.who.from);
            if list.is_some() {
                env.period(w, "period", self.rol.leaf(5), self.rol.leaf(6));
            }
            w.array("extension", |w| {
                env.leftover_fields(w, since, self.rol, MORE);
                env.leftover_fields(w, since, self.rol, &[1, 5, 6]);
            });
        });
    }
}

/// Writes the team of a person's ROL segments.
pub fn care_team<'m>(ctx: &mut Ctx<'_, '_, 'm>, roles: &[Segment<'m>], patient: &Patient) -> Option<Ref> {
    let env = ctx.env;
    let members = read(ctx, roles);
    if members.is_empty() {
        return None;
    }
    Some(ctx.c.resource("CareTeam", &format!("{}|roles", patient.key), |w| {
        w.fixed("status", "active");
        w.reference("subject", &patient.target, ());
        w.array("participant", |w| members.iter().for_each(|m| m.write(&env, w, Some("role"), "member")));
    }))
}
