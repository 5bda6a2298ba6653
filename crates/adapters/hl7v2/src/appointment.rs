//! SCH with its resources: Appointment.

use causeway_core::{Leaf, When};
use causeway_fhir::types::extension;
use causeway_fhir::{Ref, Writer, systems};
use causeway_hl7v2::Segment;

use crate::codes::{self, concept, concept_element};
use crate::datatypes::Ei;
use crate::env::{Env, absent, source_code};
use crate::header::Header;
use crate::maps;
use crate::people::{Ctx, Who};
use crate::rules;

/// The segments that an appointment is made of.
#[derive(Default)]
pub struct Sources<'m> {
    /// SCH.
    pub sch: Option<Segment<'m>>,
    /// TQ1 after SCH.
    pub timing: Option<Segment<'m>>,
    /// NTE.
    pub notes: Vec<Segment<'m>>,
    /// AIS.
    pub services: Vec<Segment<'m>>,
    /// AIP.
    pub personnel: Vec<Segment<'m>>,
    /// AIL.
    pub locations: Vec<Segment<'m>>,
    /// AIG.
    pub resources: Vec<Segment<'m>>,
}

impl<'m> Sources<'m> {
    /// Collects them from a message.
    pub fn collect(segments: &[Segment<'m>]) -> Self {
        let mut out = Self::default();
        for segment in segments.iter().copied() {
            match &segment.name() {
                b"SCH" if out.sch.is_none() => out.sch = Some(segment),
                b"TQ1" if out.timing.is_none() => out.timing = Some(segment),
                b"NTE" => out.notes.push(segment),
                b"AIS" => out.services.push(segment),
                b"AIP" => out.personnel.push(segment),
                b"AIL" => out.locations.push(segment),
                b"AIG" => out.resources.push(segment),
                _ => {}
            }
        }
        out
    }
}

/// The key of the appointment: the filler's number, else the placer's, else the message.
pub fn key(env: &Env<'_>, sch: Segment<'_>, header: &Header<'_>) -> String {
    let filler = Ei::read(sch.first(2)).map(|ei| ei.key(env, "appointment"));
    filler
        .or_else(|| Ei::read(sch.first(1)).map(|ei| ei.key(env, "appointment-request")))
        .unwrap_or_else(|| format!("message|{}", header.control.text))
}

/// Status by the event, else by SCH-25, else booked; and the item that decided it.
fn status<'m>(header: &Header<'m>, sch: Segment<'m>) -> (&'static str, Option<Leaf<'m>>) {
    match header.trigger {
        "S15" | "S16" => ("cancelled", None),
        "S17" => ("entered-in-error", None),
        "S26" => ("noshow", None),
        _ => {
            let said = sch.comp(25, 1);
            let found = said.and_then(|l| maps::APPOINTMENT_STATUS.lookup(&l.text.to_ascii_uppercase()));
            match found {
                Some(target) => (target.code, said),
                None => ("booked", None),
            }
        }
    }
}

/// Writes the appointment.
pub fn appointment<'m>(
    ctx: &mut Ctx<'_, '_, 'm>,
    header: &Header<'m>,
    from: &Sources<'m>,
    key: &str,
    patients: &[Ref],
) -> Option<Ref> {
    let env = ctx.env;
    let sch = from.sch?;
    let people: Vec<(Segment<'m>, Who)> = from
        .personnel
        .iter()
        .filter_map(|aip| ctx.practitioner(aip.first(3)).map(|who| (*aip, who)))
        .collect();
    let places: Vec<(Segment<'m>, Who)> =
        from.locations.iter().filter_map(|ail| ctx.place(ail.first(3)).map(|who| (*ail, who))).collect();
    // Contacts of placer and filler and who entered it, each with its address.
    let mut contacts: Vec<(&'static str, Who)> = Vec::new();
    for (field, address, role) in
        [(12, Some(14), "placer contact"), (16, Some(18), "filler contact"), (20, None, "entered by")]
    {
        let address = address.map(|n| sch.first(n)).filter(|part| part.says());
        contacts.extend(
            sch.field(field)
                .reps()
                .filter_map(|part| ctx.practitioner_at(part, address))
                .map(|who| (role, who)),
        );
    }
    let seats = [15, 19].map(|field| ctx.place(sch.first(field)));
    let (code, decided) = status(header, sch);
    Some(ctx.c.resource("Appointment", key, |w| {
        let since = w.mark();
        w.array("identifier", |w| {
            for (field, kind, system) in [(2, "FILL", "appointment"), (1, "PLAC", "appointment-request")] {
                if let Some(ei) = Ei::read(sch.first(field)) {
                    ei.write(&env, w, Some(kind), system);
                }
            }
        });
        w.string("status", code, decided);
        let by_event = matches!(header.trigger, "S15" | "S16" | "S17" | "S26");
        let unread = sch.comp(25, 1).filter(|l| {
            !by_event
                && decided.is_none()
                && maps::APPOINTMENT_STATUS.lookup(&l.text.to_ascii_uppercase()).is_none()
        });
        if let Some(leaf) = unread {
            codes::unknown_code(&env, w, leaf);
            w.object("_status", |w| source_code(w, Some(leaf)));
        }
        let gone = code == "cancelled";
        if gone && sch.first(6).says() {
            concept(&env, w, "cancelationReason", sch.first(6), "SCH-6");
        }
        w.array("serviceType", |w| {
            from.services.iter().for_each(|ais| concept_element(&env, w, ais.first(3), "AIS-3"))
        });
        kind(&env, w, sch);
        w.array("reasonCode", |w| {
            concept_element(&env, w, sch.first(7), "SCH-7");
            if !gone {
                concept_element(&env, w, sch.first(6), "SCH-6");
            }
        });
        times(&env, w, from, sch, matches!(code, "cancelled" | "waitlist" | "proposed"));
        comment(w, &from.notes);
        w.array("basedOn", |w| {
            for (field, name) in [(26, "placer"), (27, "filler")] {
                for ei in sch.field(field).reps().filter_map(Ei::read) {
                    let (system, decided) = ei.system(&env, name);
                    w.element(|w| {
                        w.fixed("type", "ServiceRequest");
                        w.object("identifier", |w| {
                            w.string("system", &system, decided);
                            w.leaf("value", ei.id);
                        });
                    });
                }
            }
        });
        participants(
            &env,
            w,
            from,
            code,
            patients,
            &People { people: &people, places: &places, contacts: &contacts },
        );
        w.array("extension", |w| {
            env.deletions(w, sch);
            for (name, seat) in ["SCH-15", "SCH-19"].iter().zip(&seats) {
                if let Some(who) = seat {
                    let name = name.to_ascii_lowercase();
                    extension(
                        w,
                        &format!("{}/StructureDefinition/contact-place-{name}", systems::CAUSEWAY),
                        |w| {
                            w.reference("valueReference", &who.target, &who.from);
                        },
                    );
                }
            }
            env.leftover_fields(w, since, sch, MORE_OF_SCH);
            from.services
                .iter()
                .for_each(|ais| env.leftover_fields(w, since, *ais, &[2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]));
            if let Some(tq1) = from.timing {
                env.leftover_fields(w, since, tq1, &[2, 3, 4, 5, 6, 9, 10, 11, 12, 13, 14]);
            }
        });
    }))
}

/// Who and what takes part beside the patients, each with the segment or the role that says so.
#[derive(Clone, Copy)]
struct People<'a, 'm> {
    people: &'a [(Segment<'m>, Who)],
    places: &'a [(Segment<'m>, Who)],
    contacts: &'a [(&'static str, Who)],
}

/// Patients, personnel, places and other resources, each as a participant.
fn participants<'m>(
    env: &Env<'m>,
    w: &mut Writer,
    from: &Sources<'m>,
    code: &str,
    patients: &[Ref],
    who: &People<'_, 'm>,
) {
    let People { people, places, contacts } = *who;
    w.array("participant", |w| {
        let answer = if matches!(code, "pending" | "waitlist") { "needs-action" } else { "accepted" };
        for patient in patients {
            participant(w, answer, |w| w.reference("actor", patient, ()));
        }
        for (aip, who) in people {
            let since = w.mark();
            w.element(|w| {
                w.array("type", |w| concept_element(env, w, aip.first(4), "AIP-4"));
                w.reference("actor", &who.target, &who.from);
                answered(w, aip.first(12), answer);
                span(env, w, *aip, 6);
                w.array("extension", |w| {
                    env.leftover_fields(w, since, *aip, &[2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12])
                });
            });
        }
        for (ail, who) in places {
            let since = w.mark();
            w.element(|w| {
                w.array("type", |w| concept_element(env, w, ail.first(4), "AIL-4"));
                w.reference("actor", &who.target, &who.from);
                answered(w, ail.first(12), answer);
                span(env, w, *ail, 6);
                w.array("extension", |w| {
                    env.leftover_fields(w, since, *ail, &[2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12])
                });
            });
        }
        for aig in &from.resources {
            if let Some(words) = aig.comp(3, 2).or(aig.comp(3, 1)) {
                let since = w.mark();
                w.element(|w| {
                    w.array("type", |w| concept_element(env, w, aig.first(4), "AIG-4"));
                    w.object("actor", |w| w.leaf("display", words));
                    answered(w, aig.first(14), answer);
                    span(env, w, *aig, 8);
                    let more = [2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14];
                    w.array("extension", |w| env.leftover_fields(w, since, *aig, &more));
                });
            }
        }
        for (role, who) in contacts {
            w.element(|w| {
                w.array("type", |w| {
                    w.element(|w| w.fixed("text", role));
                });
                w.reference("actor", &who.target, &who.from);
                w.fixed("required", "information-only");
                w.fixed("status", answer);
            });
        }
        if patients.is_empty() && people.is_empty() && places.is_empty() && contacts.is_empty() {
            // FHIR demands a participant; this one says that the source names none.
            participant(w, "needs-action", |w| {
                w.object("actor", |w| w.fixed("display", "no participant is named in the source"));
            });
        }
    });
}

/// Filler status of a participant (HL7 table 0278), where it says more than the appointment does.
fn answered(w: &mut Writer, part: causeway_hl7v2::Part<'_>, answer: &str) {
    let said = part.comp(1).leaf();
    match said.map(|l| l.text.to_ascii_uppercase()).as_deref() {
        Some("BOOKED" | "COMPLETE" | "STARTED") => w.string("status", "accepted", said),
        Some("CANCELLED" | "DELETED" | "DC" | "BLOCKED") => w.string("status", "declined", said),
        Some("PENDING" | "WAITLIST" | "OVERBOOK") => w.string("status", "tentative", said),
        _ => w.fixed("status", answer),
    }
}

/// Start (field `at`), offset, duration and unit of one participant: AIP-6 to 10, AIL-6 to 10, AIG-8 to 12.
fn span<'m>(env: &Env<'m>, w: &mut Writer, segment: Segment<'m>, at: u16) {
    let Some(start) = segment.leaf(at) else { return };
    let (amount, unit) = (segment.leaf(at + 3), segment.comp(at + 4, 1));
    let minutes = amount.and_then(|amount| minutes(amount, unit)).filter(|n| *n > 0);
    let end = env.when_silently(start).zip(minutes).and_then(|(when, n)| later(&when, n));
    w.object("period", |w| {
        env.date_time(w, "start", Some(start));
        if let Some(end) = end {
            w.string("end", &end, (start, amount, unit));
        }
    });
}

/// Items of SCH that have no element in FHIR R4 and are kept with their names: occurrence, slot, event, schedule, numbers
/// and kinds beyond what is written, and how to reach the contacts.
const MORE_OF_SCH: &[u16] =
    &[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27];

fn participant(w: &mut Writer, status: &str, actor: impl FnOnce(&mut Writer)) {
    w.element(|w| {
        let before = w.mark();
        actor(w);
        if w.wrote_since(before) {
            w.fixed("status", status);
        }
    });
}

/// SCH-8. Codes of HL7 table 0276 are UK Core's own; others stay the sender's.
fn kind(env: &Env<'_>, w: &mut Writer, sch: Segment<'_>) {
    let part = sch.first(8);
    let Some(leaf) = part.comp(1).leaf() else { return concept(env, w, "appointmentType", part, "SCH-8") };
    let known = matches!(leaf.text, "ROUTINE" | "WALKIN" | "CHECKUP" | "FOLLOWUP" | "EMERGENCY");
    if known {
        w.object("appointmentType", |w| {
            let system = "http://terminology.hl7.org/CodeSystem/v2-0276";
            causeway_fhir::types::concept_body(w, causeway_fhir::Coding::new(system, leaf.text, ""), leaf);
            w.leaf_opt("text", part.comp(2).leaf());
        });
    } else {
        codes::unknown_code(env, w, leaf);
        concept(env, w, "appointmentType", part, "SCH-8");
    }
}

fn comment(w: &mut Writer, notes: &[Segment<'_>]) {
    let leaves: Vec<Leaf<'_>> = notes.iter().flat_map(|nte| nte.field(3).leaves()).collect();
    let parts = notes.iter().flat_map(|nte| nte.field(3).reps());
    let text = parts.map(causeway_hl7v2::Part::text).collect::<Vec<_>>().join("\n");
    w.string("comment", text.trim(), &leaves);
}

/// Start and end. An end that is not stated follows from start and duration. FHIR demands both of everything
/// that is booked: where the source has them not, the elements say that they are not known.
fn times<'m>(env: &Env<'m>, w: &mut Writer, from: &Sources<'m>, sch: Segment<'m>, optional: bool) {
    let of = |segments: &[Segment<'m>], field: u16| segments.iter().find_map(|s| s.leaf(field));
    let start = sch
        .comp(11, 4)
        .or(from.timing.and_then(|tq1| tq1.leaf(7)))
        .or(of(&from.services, 4))
        .or(of(&from.personnel, 6))
        .or(of(&from.locations, 6))
        .or(of(&from.resources, 8));
    let end = sch.comp(11, 5).or(from.timing.and_then(|tq1| tq1.leaf(8)));
    let service = from.services.first().copied();
    let (amount, unit) = match sch.leaf(9) {
        Some(amount) => (Some(amount), sch.comp(10, 1)),
        None => (service.and_then(|s| s.leaf(7)), service.and_then(|s| s.comp(8, 1))),
    };
    let minutes = amount.and_then(|amount| minutes(amount, unit));
    let begun = start.and_then(|l| env.when_silently(l));
    match start {
        Some(leaf) => {
            env.instant(w, "start", Some(leaf));
        }
        None if !optional => {
            w.object("_start", |w| absent(w, "unknown"));
        }
        None => {}
    }
    let derived = begun.zip(minutes).and_then(|(when, minutes)| later(&when, minutes));
    match (end, derived) {
        (Some(leaf), _) => {
            let before = begun.zip(env.when_silently(leaf)).is_some_and(|(s, e)| e.earliest() < s.earliest());
            if before {
                env.tell(w, &rules::PERIOD_REVERSED, leaf.id);
                crate::env::source_text(w, "end", leaf);
            } else {
                env.instant(w, "end", Some(leaf));
            }
        }
        (None, Some(text)) => w.string("end", &text, (start, amount, unit)),
        (None, None) if start.is_some() || !optional => {
            w.object("_end", |w| absent(w, "unknown"));
        }
        (None, None) => {}
    }
    if let Some(minutes) = minutes.filter(|m| *m > 0) {
        w.number("minutesDuration", &minutes.to_string(), (amount, unit));
    } else if let Some(amount) = amount {
        env.tell(w, &rules::DURATION, amount.id);
        w.object("_minutesDuration", |w| source_code(w, Some(amount)));
    }
}

fn minutes(amount: Leaf<'_>, unit: Option<Leaf<'_>>) -> Option<u32> {
    let number: u32 = amount.text.parse().ok().filter(|n| *n <= 100_000)?;
    match unit.map_or(String::from("MIN"), |u| u.text.to_ascii_uppercase()).as_str() {
        "MIN" | "MINS" | "MINUTES" => Some(number),
        "H" | "HR" | "HRS" | "HOUR" | "HOURS" => Some(number * 60),
        "S" | "SEC" if number.is_multiple_of(60) => Some(number / 60),
        _ => None,
    }
}

/// An instant some minutes after a point in time, at the offset of that point.
pub fn later(when: &When, minutes: u32) -> Option<String> {
    when.fhir_instant()?;
    let seconds = when.earliest().checked_add(i64::from(minutes) * 60)?;
    let offset = jiff::tz::Offset::from_seconds(when.offset().seconds()?).ok()?;
    let at = jiff::Timestamp::from_second(seconds).ok()?;
    Some(offset.to_datetime(at).strftime("%Y-%m-%dT%H:%M:%S").to_string() + &hours(offset.seconds()))
}

fn hours(seconds: i32) -> String {
    let minutes = seconds.unsigned_abs() / 60;
    format!("{}{:02}:{:02}", if seconds < 0 { '-' } else { '+' }, minutes / 60, minutes % 60)
}
