//! NK1: next of kin and other contacts, as RelatedPerson.

use causeway_fhir::{Coding, Writer};
use causeway_hl7v2::{Part, Segment};

use crate::codes::{gender, mapped_body};
use crate::datatypes::{Cx, address, name, telecom};
use crate::env::Env;
use crate::maps;
use crate::patient::Patient;
use crate::people::Ctx;

/// Writes the person that an NK1 names.
pub fn related<'m>(ctx: &mut Ctx<'_, '_, 'm>, nk1: Segment<'m>, patient: &Patient) {
    let env = ctx.env;
    let content =
        [2, 3, 4, 5, 6, 7, 12, 13, 15, 16, 20, 30, 31, 32, 33, 40, 41].iter().any(|f| nk1.field(*f).says());
    if !content {
        return;
    }
    let id = nk1.first(33).comp(1).leaf().map(|l| l.text.to_owned());
    let name_of = |n| nk1.first(2).comp(n).leaf().map_or("", |l| l.text);
    let who = id.unwrap_or_else(|| {
        format!("{} {} {}|{}", name_of(1), name_of(2), name_of(3), crate::codes::words(nk1.first(3)))
    });
    ctx.c.resource("RelatedPerson", &format!("{}|{who}", patient.key), |w| {
        let since = w.mark();
        w.array("identifier", |w| {
            for field in [33, 12] {
                nk1.field(field).reps().filter_map(Cx::read).for_each(|cx| cx.write_of_other(&env, w));
            }
            if let Some(number) = nk1.leaf(37) {
                causeway_fhir::types::identifier(w, &env.local("NK1-37"), number);
            }
        });
        w.reference("patient", &patient.target, ());
        w.array("relationship", |w| {
            for part in nk1.field(3).reps() {
                w.element(|w| {
                    mapped_body(&env, w, &maps::RELATIONSHIP, part, "relationship");
                });
            }
            contact_role(&env, w, nk1.first(7));
        });
        w.array("name", |w| {
            for field in [2, 30] {
                nk1.field(field).reps().for_each(|part| name(&env, w, part, None));
            }
            // A contact that is an organisation has only its name.
            if let Some(organisation) =
                nk1.comp(13, 1).filter(|_| !nk1.field(2).says() && !nk1.field(30).says())
            {
                w.element(|w| w.leaf("text", organisation));
            }
        });
        w.array("telecom", |w| {
            nk1.field(5).reps().for_each(|part| telecom(&env, w, part, "home"));
            nk1.field(6).reps().for_each(|part| telecom(&env, w, part, "work"));
            nk1.field(40).reps().for_each(|part| telecom(&env, w, part, ""));
            for field in [31, 41] {
                nk1.field(field).reps().for_each(|part| telecom(&env, w, part, ""));
            }
        });
        gender(&env, w, nk1.leaf(15));
        crate::patient::birth_date(&env, w, nk1.leaf(16));
        w.array("address", |w| {
            [4, 32].iter().for_each(|field| nk1.field(*field).reps().for_each(|part| address(&env, w, part)));
        });
        env.period(w, "period", nk1.leaf(8), nk1.leaf(9));
        crate::patient::communication(w, nk1, 20);
        w.array("extension", |w| {
            if let Some(leaf) =
                nk1.comp(20, 1).filter(|l| maps::LANGUAGE.lookup(&l.text.to_ascii_uppercase()).is_none())
            {
                crate::codes::unknown_value(&env, w, "NK1-20", leaf);
            }
            env.deletions(w, nk1);
            // Job, organisation, marital status, protection, living arrangement and what else has no element here.
            let more = [10, 11, 12, 13, 14, 18, 19, 20, 21, 22, 23, 25, 26, 27, 28, 29, 33, 35, 36, 38];
            env.leftover_fields(w, since, nk1, &more);
        });
    });
}

/// HL7 table 0131; UK Core takes its codes as they are.
fn contact_role(env: &Env<'_>, w: &mut Writer, part: Part<'_>) {
    let Some(leaf) = part.comp(1).leaf() else {
        return crate::codes::concept_element(env, w, part, "contact-role");
    };
    if matches!(leaf.text, "BP" | "C" | "CP" | "E" | "EP" | "F" | "I" | "N" | "PR" | "S" | "U") {
        w.element(|w| {
            w.array("coding", |w| {
                w.element(|w| {
                    Coding::new("http://terminology.hl7.org/CodeSystem/v2-0131", leaf.text, "").body(w, leaf)
                });
            });
            w.leaf_opt("text", part.comp(2).leaf());
        });
    } else {
        crate::codes::unknown_code(env, w, leaf);
        crate::codes::concept_element(env, w, part, "contact-role");
    }
}
