//! What a message says: its patients, each with visit, contacts, orders and results, then the appointment.

use std::collections::HashMap;

use causeway_core::{NhsNumber, common, identifier};
use causeway_fhir::Ref;
use causeway_hl7v2::Segment;

use crate::about::About;
use crate::administration;
use crate::appointment;
use crate::care_team;
use crate::clinical;
use crate::datatypes::Cx;
use crate::document;
use crate::encounter;
use crate::env::Env;
use crate::family::{Family, Within};
use crate::header::{Header, Refusal};
use crate::immunization;
use crate::limits::{ALIKE_MAX, LINKED_MAX, PATIENTS_MAX};
use crate::merge::{self, Merges};
use crate::note;
use crate::observation;
use crate::orders::{self, Grouped};
use crate::patient::{self, Patient};
use crate::people::Ctx;
use crate::related;
use crate::report;
use crate::rules;
use crate::uk;

/// A message without PID: an appointment is still one; anything else that needs a patient is refused.
pub fn without_patient(header: &Header<'_>) -> Result<(), Refusal> {
    if header.kind == "SIU" {
        return Ok(());
    }
    if header.needs_patient() {
        return Err(Refusal {
            code: "AE",
            condition: ("100", "Segment sequence error"),
            location: ("PID", 0),
            rule: &rules::PID_MISSING,
            text: rules::PID_MISSING.text,
            item: header.decided.0.map(|l| l.id),
        });
    }
    Err(Refusal {
        code: "AR",
        condition: ("200", "Unsupported message type"),
        location: ("MSH", 9),
        rule: &rules::TYPE_UNSUPPORTED,
        text: rules::TYPE_UNSUPPORTED.text,
        item: header.decided.0.map(|l| l.id),
    })
}

/// A message of more patients than anybody sends in one: each takes many times the memory of its few bytes.
pub fn few_patients(segments: &[Segment<'_>]) -> Result<(), Refusal> {
    match segments.iter().filter(|s| &s.name() == b"PID").nth(PATIENTS_MAX) {
        None => Ok(()),
        Some(pid) => Err(Refusal {
            code: "AE",
            condition: ("207", "Application internal error"),
            location: ("PID", 0),
            rule: &rules::PATIENTS_TOO_MANY,
            text: rules::PATIENTS_TOO_MANY.text,
            item: pid.all().leaves().next().map(|leaf| leaf.id),
        }),
    }
}

/// Every patient of the message, then the appointment. Returns what the event is about.
pub fn body<'m>(
    ctx: &mut Ctx<'_, '_, 'm>,
    header: &Header<'m>,
    segments: &[Segment<'m>],
    first_pid: usize,
) -> Vec<Ref> {
    let mut starts: Vec<usize> =
        segments.iter().enumerate().filter(|(_, s)| &s.name() == b"PID").map(|(at, _)| at).collect();
    starts.push(segments.len());
    let sources = appointment::Sources::collect(if header.kind == "SIU" { segments } else { &[] });
    let appointment_key = sources.sch.map(|sch| appointment::key(&ctx.env, sch, header));
    let appointment = appointment_key.as_ref().map(|key| ctx.c.reference("Appointment", key));
    doubtful(ctx, segments);
    let evn = segments.iter().take(first_pid).copied().find(|s| &s.name() == b"EVN");
    let notes: Vec<Segment<'m>> =
        segments.iter().take(first_pid).copied().filter(|s| &s.name() == b"NTE").collect();
    let mut groups: Vec<Group<'_, 'm>> = Vec::new();
    for (number, pair) in starts.windows(2).enumerate() {
        let (from, to) = (pair.first().copied().unwrap_or(0), pair.get(1).copied().unwrap_or(0));
        let segments = segments.get(from..to).unwrap_or_default();
        let Some(pid) = segments.first().copied() else { continue };
        let before = if number == 0 { notes.as_slice() } else { &[] };
        let appointment = appointment.as_ref();
        groups.push(Group { header, evn, segments, before, pid, number, appointment });
    }
    let same = same_people(&ctx.env, &groups);
    let links = links(ctx, header, &groups, &same);
    let merges = groups.first().filter(|group| group.is_adt(&merge::EVENTS)).map(|_| {
        let said = |group: &Group<'_, 'm>| (group.key(&ctx.env), group.all(b"MRG").collect());
        Merges::read(&ctx.env, &groups.iter().map(said).collect::<Vec<_>>())
    });
    let mut about = Vec::new();
    let mut written: Vec<Written<'m>> = Vec::new();
    let mut places: HashMap<usize, usize> = HashMap::new();
    let mut members: HashMap<usize, Vec<&Group<'_, 'm>>> = HashMap::new();
    for (group, of) in groups.iter().zip(&same) {
        members.entry(*of).or_default().push(group);
    }
    for (at, group) in groups.iter().enumerate() {
        let of = same.get(at).copied().unwrap_or(at);
        match places.get(&of).and_then(|known| written.get_mut(*known)) {
            // The same person again: one Patient, and what follows is theirs too.
            Some(known) => {
                said_again(ctx, group.pid);
                let Written { patient, seen } = known;
                group.rest(ctx, patient, seen, &mut about);
            }
            None => {
                let all = members.remove(&of).unwrap_or_default();
                let others: Vec<Ref> =
                    links.iter().filter(|(at, _)| *at != of).map(|(_, r)| r.clone()).collect();
                let patient = group.patient(ctx, &all, others, merges.as_ref());
                about.push(patient.target.clone());
                let mut seen = Seen::default();
                group.rest(ctx, &patient, &mut seen, &mut about);
                places.insert(of, written.len());
                written.push(Written { patient, seen });
            }
        }
    }
    let patients: Vec<Ref> = written.iter().map(|w| w.patient.target.clone()).collect();
    if let Some(key) = appointment_key {
        about.extend(appointment::appointment(ctx, header, &sources, &key, &patients));
    }
    about
}

/// Tells of identifiers that are doubtful as they are written: [`causeway_core::identifier::doubt`].
fn doubtful(ctx: &mut Ctx<'_, '_, '_>, segments: &[Segment<'_>]) {
    for segment in segments {
        let fields: &[u16] = match &segment.name() {
            b"PID" => &[2, 3, 4, 18, 19, 20],
            b"MRG" => &[1, 2, 3, 4, 5, 6],
            b"PV1" => &[5, 7, 8, 9, 17, 19, 50, 52],
            b"NK1" => &[12, 33],
            b"ORC" => &[2, 3, 4, 8, 10, 11, 12, 19],
            b"OBR" => &[2, 3, 10, 16, 28, 29],
            b"RXA" => &[10],
            b"TXA" => &[12, 13],
            b"SCH" => &[1, 2],
            _ => continue,
        };
        rounded_numbers(ctx, *segment);
        let reps = fields.iter().flat_map(|field| segment.field(*field).reps());
        // A parent's number (EIP) stands in the subcomponents of two components.
        let leaves = reps.flat_map(|part| {
            let nhs = Cx::any(part).is_some_and(|cx| cx.nhs);
            [1, 2].map(|n| part.comp(n).leaves().next().map(|leaf| (leaf, nhs)))
        });
        for (leaf, nhs) in leaves.flatten() {
            let rule = match identifier::doubt(leaf.text) {
                Some(rule) if *rule == common::IDENTIFIER_ROUNDED => &rules::IDENTIFIER_ROUNDED,
                // An NHS number has rules of its own for the others.
                Some(rule) if !nhs => rule,
                _ => continue,
            };
            let issue = ctx.env.breach(rule, Some(leaf.id));
            ctx.c.issue(issue);
        }
    }
}

/// Tells of telephone numbers that a spreadsheet rounded: who is called may be somebody else.
fn rounded_numbers(ctx: &mut Ctx<'_, '_, '_>, segment: Segment<'_>) {
    let fields: &[u16] = match &segment.name() {
        b"PID" => &[13, 14, 40],
        b"NK1" => &[5, 6, 31, 40, 41],
        _ => return,
    };
    let numbers =
        fields.iter().flat_map(|field| segment.field(*field).reps()).filter_map(|part| part.comp(1).leaf());
    for leaf in numbers.filter(|leaf| identifier::is_scientific(leaf.text)) {
        let issue = ctx.env.breach(&rules::IDENTIFIER_ROUNDED, Some(leaf.id));
        ctx.c.issue(issue);
    }
}

/// A patient that was written, and the segments of theirs that were read: an equal one says nothing new.
struct Written<'m> {
    patient: Patient,
    seen: Seen<'m>,
}

/// Accounts for a segment that says what another one said: all but its set id.
fn said_again<'m>(ctx: &mut Ctx<'_, '_, 'm>, segment: Segment<'m>) {
    let w = ctx.c.writer();
    segment.by_field().filter(|(field, _)| *field != 1).for_each(|(_, leaf)| w.mapped(leaf));
}

/// The segments of one person that were read, found by what they say.
#[derive(Default)]
struct Seen<'m>(HashMap<u64, Vec<Segment<'m>>>);

impl<'m> Seen<'m> {
    fn find(&self, segment: Segment<'m>) -> Option<Segment<'m>> {
        self.0.get(&segment.fingerprint(1))?.iter().copied().find(|s| s.equals(segment, 1))
    }

    fn add(&mut self, segment: Segment<'m>) {
        self.0.entry(segment.fingerprint(1)).or_default().push(segment);
    }
}

/// For each group the first one of the same person: PID segments that are equal, set id aside, or of which one says all
/// that the other says.
fn same_people<'m>(env: &Env<'m>, groups: &[Group<'_, 'm>]) -> Vec<usize> {
    let mut same: Vec<usize> = Vec::new();
    let mut by_id: HashMap<String, Vec<usize>> = HashMap::new();
    for (at, group) in groups.iter().enumerate() {
        let Some(id) = patient::key(env, group.pid) else {
            same.push(at);
            continue;
        };
        let others = by_id.entry(id).or_default();
        let equal = others.iter().take(ALIKE_MAX).find(|other| {
            let Some(other) = groups.get(**other) else { return false };
            let (a, b) = (group.pid, other.pid);
            a.says_no_more_than(b, 1, is_same) || b.says_no_more_than(a, 1, is_same)
        });
        same.push(equal.and_then(|other| same.get(*other)).copied().unwrap_or(at));
        others.push(at);
    }
    same
}

/// Whether two values say the same: NHS numbers whatever stands between their digits.
fn is_same(one: &str, other: &str) -> bool {
    one == other || NhsNumber::parse(one).is_ok_and(|number| NhsNumber::parse(other) == Ok(number))
}

/// A24 links two patients, A37 takes that back: for each group the reference that the others name.
fn links(
    ctx: &mut Ctx<'_, '_, '_>,
    header: &Header<'_>,
    groups: &[Group<'_, '_>],
    same: &[usize],
) -> Vec<(usize, Ref)> {
    if header.kind != "ADT" || !matches!(header.trigger, "A24" | "A37") {
        return Vec::new();
    }
    if same.iter().all(|of| *of == 0) {
        let issue = ctx.env.breach(&rules::LINKED_NOBODY, header.decided.1.map(|l| l.id));
        ctx.c.issue(issue);
        return Vec::new();
    }
    let rule = if header.trigger == "A24" { &rules::LINKED } else { &rules::UNLINKED };
    let issue = ctx.env.breach(rule, header.decided.1.map(|l| l.id));
    ctx.c.issue(issue);
    let mut found = Vec::new();
    for (at, group) in groups.iter().enumerate().filter(|(at, _)| same.get(*at) == Some(at)) {
        let key = group.key(&ctx.env);
        if found.len() == LINKED_MAX {
            let issue = ctx.env.breach(&rules::LINKED_MANY, header.decided.1.map(|l| l.id));
            ctx.c.issue(issue);
            break;
        }
        found.push((at, ctx.c.reference("Patient", &key)));
    }
    found
}

/// One PID with all that follows it.
struct Group<'g, 'm> {
    header: &'g Header<'m>,
    evn: Option<Segment<'m>>,
    segments: &'g [Segment<'m>],
    /// Notes that stand before it: those of the message.
    before: &'g [Segment<'m>],
    pid: Segment<'m>,
    number: usize,
    appointment: Option<&'g Ref>,
}

impl<'m> Group<'_, 'm> {
    fn one(&self, name: &[u8; 3]) -> Option<Segment<'m>> {
        self.segments.iter().copied().find(|s| &s.name() == name)
    }

    fn all(&self, name: &'static [u8; 3]) -> impl Iterator<Item = Segment<'m>> {
        self.segments.iter().copied().filter(move |s| &s.name() == name)
    }

    /// Segments of a name that say something new: a repeated one is accounted for and passed over.
    fn unseen(
        &self,
        ctx: &mut Ctx<'_, '_, 'm>,
        seen: &mut Seen<'m>,
        name: &'static [u8; 3],
    ) -> Vec<Segment<'m>> {
        let mut out = Vec::new();
        for segment in self.all(name) {
            if let Some(first) = seen.find(segment) {
                said_again(ctx, segment);
                said_again(ctx, first);
            } else {
                seen.add(segment);
                out.push(segment);
            }
        }
        out
    }

    fn is_adt(&self, triggers: &[&str]) -> bool {
        self.header.kind == "ADT" && triggers.contains(&self.header.trigger)
    }

    fn key(&self, env: &Env<'m>) -> String {
        patient::key(env, self.pid).unwrap_or_else(|| self.fallback())
    }

    fn fallback(&self) -> String {
        format!("message|{}|{}", self.header.control.text, self.number)
    }

    /// The ROL segments by what they stand below.
    fn roles(&self) -> Roles<'m> {
        let mut roles = Roles::default();
        let mut of: Option<[u8; 3]> = None;
        for segment in self.segments.iter().copied() {
            match &segment.name() {
                b"ROL" => match of.as_ref() {
                    None => roles.person.push(segment),
                    Some(b"PV1") => roles.visit.push(segment),
                    Some(b"PR1") => roles.procedures.push(segment),
                    Some(_) => {}
                },
                b"PV1" | b"PV2" => of = Some(*b"PV1"),
                b"PID" | b"PD1" | b"ARV" => of = None,
                b"PR1" => of = Some(*b"PR1"),
                b"IN1" | b"GT1" | b"OBR" | b"ORC" => of = Some(*b"???"),
                _ => {}
            }
        }
        roles
    }

    fn patient(
        &self,
        ctx: &mut Ctx<'_, '_, 'm>,
        all: &[&Group<'_, 'm>],
        links: Vec<Ref>,
        merges: Option<&Merges>,
    ) -> Patient {
        let deleted = self.is_adt(&["A29"]);
        if deleted {
            patient::deleted_issue(ctx);
        }
        // Of several PID segments of one person the one that says most.
        let fullest = |pid: Segment<'m>| pid.all().leaves().count();
        let pid =
            all.iter().map(|g| g.pid).fold(self.pid, |a, b| if fullest(b) > fullest(a) { b } else { a });
        if pid.index() != self.pid.index() {
            said_again(ctx, self.pid);
        }
        if all.len() > 1 {
            // Each of its values decides that they are one person.
            said_again(ctx, pid);
        }
        let from = patient::Sources {
            pid,
            pd1: all.iter().find_map(|g| g.one(b"PD1")),
            roles: self.roles().person,
            restrictions: all.iter().flat_map(|g| g.all(b"ARV")).collect(),
            merged: if merges.is_some() {
                all.iter().flat_map(|g| g.all(b"MRG")).collect()
            } else {
                Vec::new()
            },
            merges,
            deleted,
            links,
            unlinks: self.is_adt(&["A37"]),
            more: all.iter().flat_map(|g| g.segments.iter().copied().filter(|s| uk::of_person(*s))).collect(),
        };
        let patient = patient::patient(ctx, &from, &self.fallback());
        care_team::care_team(ctx, &from.roles, &patient);
        patient
    }

    /// All of a group but its patient.
    fn rest(&self, ctx: &mut Ctx<'_, '_, 'm>, patient: &Patient, seen: &mut Seen<'m>, about: &mut Vec<Ref>) {
        let grouped = orders::group(self.segments, self.header.kind == "MDM");
        for nk1 in self.unseen(ctx, seen, b"NK1") {
            related::related(ctx, nk1, patient);
        }
        for al1 in self.unseen(ctx, seen, b"AL1") {
            clinical::allergy(ctx, al1, patient, &grouped);
        }
        for iam in self.unseen(ctx, seen, b"IAM") {
            clinical::adverse(ctx, iam, patient, &grouped);
        }
        let encounter = self.encounter(ctx, patient, &grouped, seen);
        let encounter = encounter.map(|(_, target)| target);
        about.extend(encounter.clone());
        if self.header.kind != "SIU" {
            let notes = [self.before, grouped.notes.as_slice()].concat();
            note::of_patient(ctx, &notes, patient, encounter.as_ref(), &self.fallback());
        }
        self.results(ctx, patient, encounter.as_ref(), &grouped, about);
    }

    /// Diagnoses, procedures and the encounter that they belong to.
    fn encounter(
        &self,
        ctx: &mut Ctx<'_, '_, 'm>,
        patient: &Patient,
        grouped: &Grouped<'m>,
        seen: &mut Seen<'m>,
    ) -> Option<(String, Ref)> {
        let roles = self.roles();
        let sources = self.one(b"PV1").map(|pv1| encounter::Sources {
            header: *self.header,
            pv1,
            pv2: self.one(b"PV2"),
            evn: self.evn,
            roles: roles.visit.clone(),
            more: self.segments.iter().copied().filter(|s| uk::of_visit(*s)).collect(),
        });
        let key = sources.as_ref().and_then(|from| encounter::key(&ctx.env, from, patient));
        let reserved = key.map(|key| (key.clone(), ctx.c.reference("Encounter", &key)));
        let known = reserved.as_ref().is_some_and(|(key, _)| ctx.c.has("Encounter", key));
        let first = sources.as_ref().and_then(|from| seen.find(from.pv1));
        let again = first.is_some();
        if known
            && again
            && let Some(from) = sources.as_ref()
        {
            // The same visit again: what follows belongs to it too.
            said_again(ctx, from.pv1);
            first.into_iter().for_each(|pv1| said_again(ctx, pv1));
        }
        // A second group with the same visit would be a second resource: its reference is taken when written.
        let free = reserved.clone().filter(|_| !known || again);
        let mut diagnoses = Vec::new();
        for dg1 in self.unseen(ctx, seen, b"DG1") {
            diagnoses.extend(clinical::diagnosis(ctx, dg1, patient, free.as_ref(), grouped));
        }
        for pr1 in self.unseen(ctx, seen, b"PR1") {
            let mine = |rol: &&Segment<'m>| self.procedure_of(**rol) == Some(pr1.index());
            let roles: Vec<Segment<'m>> = roles.procedures.iter().filter(mine).copied().collect();
            clinical::procedure(ctx, pr1, patient, free.as_ref(), grouped, &roles);
        }
        let from = sources.as_ref()?;
        if known && again {
            return reserved;
        }
        let Some((key, _)) = free else {
            ctx.c.writer().mapped(from.pv1.leaf(2));
            return None;
        };
        seen.add(from.pv1);
        let target = encounter::encounter(ctx, from, &key, patient, &diagnoses, self.appointment);
        if self.is_adt(&["A11", "A12", "A13", "A23", "A27", "A38"]) {
            encounter::cancelled_issue(ctx, self.header.decided.1);
        }
        Some((key, target))
    }

    /// The PR1 that a ROL stands below.
    fn procedure_of(&self, rol: Segment<'m>) -> Option<usize> {
        let before = self.segments.iter().filter(|s| s.index() < rol.index());
        before.filter(|s| &s.name() == b"PR1").map(|s| s.index()).next_back()
    }

    fn results(
        &self,
        ctx: &mut Ctx<'_, '_, 'm>,
        patient: &Patient,
        encounter: Option<&Ref>,
        grouped: &Grouped<'m>,
        about: &mut Vec<Ref>,
    ) {
        let reports =
            !matches!(self.header.kind, "ORM" | "OML" | "OMG" | "OMP" | "OMN" | "OMS" | "OMI" | "OMD");
        let results = matches!(self.header.kind, "ORU" | "OUL" | "ORF" | "OPU");
        let control = self.header.control.text;
        let mut family = Family::default();
        for (at, order) in grouped.orders.iter().enumerate() {
            let fallback = format!("{control}|order|{}|{at}", self.number);
            let within = Within { patient, encounter, fallback, reports, results, notes: &grouped.below };
            about.push(report::order(ctx, order, &within, &mut family));
        }
        for (at, vaccination) in grouped.vaccinations.iter().enumerate() {
            let fallback = format!("{control}|vaccination|{}|{at}", self.number);
            // RXA is what was given: a vaccine in a message about vaccinations, else a medicine.
            let vaccines = matches!(self.header.kind, "VXU" | "VXR" | "VXX" | "RSP");
            let write = if vaccines { immunization::immunization } else { administration::administration };
            about.push(write(ctx, vaccination, (patient, encounter), &fallback));
        }
        for (at, (txa, results)) in grouped.documents.iter().enumerate() {
            let fallback = format!("{control}|document|{}|{at}", self.number);
            let within = document::Within { patient, encounter, fallback };
            about.push(document::document(ctx, *txa, results, &within, self.header.trigger));
        }
        let key = format!("{}|{control}|{}", patient.key, self.number);
        let loose = About { key: &key, ..About::of(patient, encounter) };
        observation::results(ctx, &grouped.loose, &loose);
    }
}

/// ROL segments by what they belong to.
#[derive(Default)]
struct Roles<'m> {
    person: Vec<Segment<'m>>,
    visit: Vec<Segment<'m>>,
    procedures: Vec<Segment<'m>>,
}
