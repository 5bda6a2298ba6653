//! Who is who: Patients of different senders joined into persons, with refusals instead of false joins.
//!
//! The Patient resources stay as their senders told them; a person is the list of Patients that belong to it.
//! Rules, in order of strength:
//!
//! 1. What a user said: joined, or kept apart for ever.
//! 2. What a source said of its own Patients: merged (`Patient.link` replaced-by or replaces, HL7 v2 A40).
//! 3. A valid NHS number in common.
//! 4. A superseded NHS number (`use` old, or ended) in common, only where date of birth and family name agree.
//! 5. A local identifier (system and value) in common, unless the NHS numbers differ.
//!
//! From 2 on, what contradicts holds the two apart and asks a person: see [`crate::matching`]. Two persons are joined
//! only if no pair of their Patients speaks against it, unless a user joined that one with one that agrees.
//!
//! A source that tells another human under an identifier it gave before (another NHS number, or two of name, date of
//! birth and sex) is not believed without a person either: the new telling becomes a Patient of its own, so that
//! what was told before stays with whom it was told of ([`alias_id`]).
//!
//! Every refusal becomes a review for a person; every decision is recorded with its reason. Look-alikes without an
//! identifier in common are offered as a review and never joined.

use causeway_core::identifier::names_nobody;
use causeway_core::{Issue, IssueCode, NhsNumber, Severity};
use causeway_fhir::systems;
use serde_json::{Map, Value};
use uuid::Uuid;

use crate::error::{RecordError, Result};
use crate::limits;
use crate::matching::{self, Basis, Known, Refusal, judge};
use crate::paths::{first_text, fold, walk};
use crate::tables::{Decided, Identifier, Raised, Tables, Who, Word};

const ACROSS: &str = "a source asks to merge its Patient with another source's; nothing was merged";
/// Reason and sentence where a source tells somebody else under an identifier that it gave before.
pub(crate) const SOMEONE_ELSE: Refusal = (
    "identity-changed-at-source",
    "a source now tells another NHS number, or two of name, date of birth and sex differently, under its own identifier; what it told before and what it tells now are held apart",
);

/// The identifiers of a Patient that can join it. NHS numbers that fail their check, fillers and values
/// without a system join nothing.
pub(crate) fn identifiers_of(map: &Map<String, Value>) -> Vec<Identifier> {
    let mut out = Vec::new();
    for identifier in map.get("identifier").and_then(Value::as_array).into_iter().flatten() {
        let text = |name: &str| identifier.get(name).and_then(Value::as_str).unwrap_or("").trim();
        let (system, value) = (text("system"), text("value"));
        let ended = identifier.get("period").and_then(|p| p.get("end")).is_some();
        let old = text("use") == "old" || ended;
        let found = if system == systems::NHS_NUMBER {
            let Ok(number) = NhsNumber::parse(value) else { continue };
            let kind = if old { "old-nhs" } else { "nhs" };
            Identifier { kind: kind.into(), system: system.into(), value: number.as_str().into() }
        } else {
            // A number that a source states as an NHS number and that fails its check joins nobody.
            let stated = system == causeway_fhir::systems::STATED_NHS_NUMBER;
            if system.is_empty() || stated || text("use") == "temp" || is_filler(value) {
                continue;
            }
            Identifier { kind: "local".into(), system: system.into(), value: value.into() }
        };
        if !out.contains(&found) {
            out.push(found);
        }
    }
    out.sort();
    out
}

/// Values that identify nobody: too short, one character over and over, a word for none, or rounded by a spreadsheet.
fn is_filler(value: &str) -> bool {
    let mut chars = value.chars().filter(|c| c.is_alphanumeric());
    let first = chars.next();
    first.is_none_or(|first| chars.all(|c| c == first)) || names_nobody(value)
}

/// Words in place of a name that is not known yet.
const NO_NAME: &[&str] = &[
    "baby", "infant", "newborn", "boy", "girl", "twin", "one", "two", "male", "female", "unknown", "of",
    "unnamed",
];

/// What is compared of a Patient.
pub(crate) fn known_of(map: &Map<String, Value>, identifiers: &[Identifier]) -> Known {
    let mut known = Known {
        birth_date: first_text(map, &["birthDate"]).to_owned(),
        sex: first_text(map, &["gender"]).to_owned(),
        ..Known::default()
    };
    let add = |to: &mut Vec<String>, text: &str| {
        let text: String = text.chars().filter(|c| c.is_alphanumeric()).collect();
        if !text.is_empty() && !NO_NAME.contains(&text.as_str()) && !to.contains(&text) {
            to.push(text);
        }
    };
    walk(map, "name.family", &mut |value| {
        let family = fold(value.as_str().unwrap_or(""));
        std::iter::once(family.as_str())
            .chain(family.split('-'))
            .for_each(|part| add(&mut known.families, part));
    });
    walk(map, "name.given", &mut |value| {
        fold(value.as_str().unwrap_or(""))
            .split([' ', '-', '.'])
            .for_each(|part| add(&mut known.givens, part));
    });
    let postcode = fold(first_text(map, &["address.postalCode"]));
    known.postcode = postcode.chars().filter(|c| c.is_alphanumeric()).collect();
    let of = |kind: &str| {
        identifiers.iter().filter(|i| i.kind == kind).map(|i| i.value.clone()).collect::<Vec<_>>()
    };
    (known.numbers, known.old_numbers) = (of("nhs"), of("old-nhs"));
    known
}

/// Patients that the resource says it was replaced by (first) or replaces (second).
fn links_of(map: &Map<String, Value>) -> (Vec<String>, Vec<String>) {
    let mut out = (Vec::new(), Vec::new());
    for link in map.get("link").and_then(Value::as_array).into_iter().flatten() {
        let reference = link.get("other").and_then(|o| o.get("reference")).and_then(Value::as_str);
        let Some(key) = reference.and_then(crate::reference::key_of).filter(|k| k.kind == "Patient") else {
            continue;
        };
        match link.get("type").and_then(Value::as_str) {
            Some("replaced-by") => out.0.push(key.id),
            Some("replaces") => out.1.push(key.id),
            _ => {}
        }
    }
    out
}

/// The id under which the record keeps somebody else whom a source tells under a Patient's id: the first such, the
/// second and so on.
pub(crate) fn alias_id(patient: &str, number: usize) -> String {
    let namespace = Uuid::new_v5(&Uuid::NAMESPACE_URL, systems::CAUSEWAY.as_bytes());
    Uuid::new_v5(&namespace, format!("patient|{patient}|{number}").as_bytes()).to_string()
}

/// Who acts, when, because of what, on which tables.
pub(crate) struct Act<'a, T: Tables> {
    pub tables: &'a T,
    pub who: Who<'a>,
    pub issues: Vec<Issue>,
}

impl<'a, T: Tables> Act<'a, T> {
    pub(crate) fn new(tables: &'a T, who: Who<'a>) -> Self {
        Self { tables, who, issues: Vec::new() }
    }

    /// Takes in what a new version of a Patient says about who it is.
    pub(crate) fn refresh(
        &mut self,
        patient: &str,
        rid: i64,
        map: &Map<String, Value>,
    ) -> Result<Vec<Identifier>> {
        let identifiers = identifiers_of(map);
        let now = known_of(map, &identifiers);
        let before = self.tables.known(patient)?;
        let person = self.tables.person_of(patient)?;
        let new_in = match person {
            None => Some(self.new_person(patient)?),
            Some(_) => None,
        };
        self.tables.keep_known(patient, rid, &now, new_in)?;
        self.tables.keep_identifiers(patient, &identifiers)?;
        match (new_in, person) {
            (Some(new), _) => {
                let id = self.tables.person_id(new)?;
                self.decide("created", &id, "", patient, "new-patient", "a source told of a new Patient")?;
            }
            (_, Some(person)) if before.as_ref() != Some(&now) => {
                self.leave_if_unsupported(patient, person)?
            }
            _ => {}
        }
        self.take_links(patient, map)?;
        self.join_candidates(patient)?;
        if new_in.is_some() || before.as_ref() != Some(&now) {
            self.offer_look_alikes(patient, &now)?;
        }
        Ok(identifiers)
    }

    /// Makes the person of a Patient that stands alone. Its id follows from the Patient's; where that person had
    /// been merged away and nothing belongs to it, it stands again.
    fn new_person(&self, patient: &str) -> Result<i64> {
        let namespace = Uuid::new_v5(&Uuid::NAMESPACE_URL, systems::CAUSEWAY.as_bytes());
        for number in 0u32.. {
            let name =
                if number == 0 { format!("person|{patient}") } else { format!("person|{patient}|{number}") };
            let id = Uuid::new_v5(&namespace, name.as_bytes()).to_string();
            match self.tables.person_with_id(&id)? {
                None => return self.tables.add_person(&id, self.who.at),
                Some((person, true)) => {
                    self.tables.revive(person)?;
                    return Ok(person);
                }
                Some((_, false)) => {}
            }
        }
        Err(RecordError::Damaged)
    }

    /// Whether somebody's word or an identifier holds the Patient in its person; if nothing does any more, or what
    /// is told of it now contradicts the others, it leaves and someone is told.
    fn leave_if_unsupported(&mut self, patient: &str, person: i64) -> Result<()> {
        let others: Vec<String> =
            self.tables.patients(person)?.into_iter().filter(|m| m != patient).collect();
        if others.is_empty() {
            return Ok(());
        }
        let (mut supported, mut against) = (false, None);
        for other in &others {
            let basis = self.tables.basis(patient, other)?;
            match self.objection(patient, &others, other, basis.unwrap_or(Basis::Local))? {
                None => supported |= basis.is_some(),
                Some(_) if against.is_none() => against = Some(other.clone()),
                Some(_) => {}
            }
        }
        if supported && against.is_none() {
            return Ok(());
        }
        let before = self.tables.person_id(person)?;
        let after = self.separate(patient)?;
        let text = "what is told of the Patient changed, so that nothing holds it in this person any more";
        self.decide("left", &before, &after, patient, "identifier-changed", text)?;
        let other = against.as_ref().or(others.first()).map_or("", String::as_str);
        self.ask("identifier-changed", text, patient, other)
    }

    /// What speaks against a pair, with the numbers of the whole other side in mind.
    fn objection(
        &self,
        patient: &str,
        others: &[String],
        other: &str,
        basis: Basis,
    ) -> Result<Option<Refusal>> {
        if basis != Basis::User && self.tables.is_alias(patient, other)? {
            return Ok(Some(SOMEONE_ELSE));
        }
        let (Some(one), Some(two)) = (self.tables.known(patient)?, self.tables.known(other)?) else {
            return Ok(None);
        };
        let differ = one.numbers_differ(&two) && !self.any_has_number(others, &one)?;
        let Some(refusal) = judge(&one, &two, basis, differ) else { return Ok(None) };
        // A user may have said that the other is one with somebody who agrees.
        for third in others.iter().filter(|third| *third != other) {
            if self.tables.word(other, third)? == Some(Word::User)
                && let Some(agreeing) = self.tables.known(third)?
                && agreeing.contradiction(&one).is_none()
                && !agreeing.numbers_differ(&one)
            {
                return Ok(None);
            }
        }
        Ok(Some(refusal))
    }

    fn any_has_number(&self, patients: &[String], known: &Known) -> Result<bool> {
        for patient in patients {
            let Some(other) = self.tables.known(patient)? else { continue };
            let shares = |n: &String| other.numbers.contains(n) || other.old_numbers.contains(n);
            if known.numbers.iter().any(shares) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Moves a Patient into a person of its own; gives that person's id.
    fn separate(&self, patient: &str) -> Result<String> {
        let person = self.new_person(patient)?;
        self.tables.place(patient, person)?;
        self.tables.person_id(person)
    }

    /// Takes in a source's merges of its own Patients. Of merges that contradict one another the later one says
    /// who survives.
    fn take_links(&mut self, patient: &str, map: &Map<String, Value>) -> Result<()> {
        let (replaced_by, replaces) = links_of(map);
        let gone_for = replaced_by.iter().map(|survivor| (patient.to_owned(), survivor.clone()));
        let pairs: Vec<_> =
            gone_for.chain(replaces.iter().map(|gone| (gone.clone(), patient.to_owned()))).collect();
        for (gone, survivor) in pairs {
            if gone == survivor || self.tables.is_apart(&gone, &survivor)? {
                continue;
            }
            let other = if gone == patient { &survivor } else { &gone };
            if !self.tables.same_sender(patient, other)? {
                self.ask("merge-across-sources", ACROSS, patient, other)?;
                continue;
            }
            if matches!(self.tables.word(&gone, &survivor)?, None | Some(Word::Replaces)) {
                self.tables.set_word(&gone, &survivor, Some(Word::ReplacedBy))?;
            }
            self.open_circle(&gone, &survivor)?;
            self.tables.set_replaced_by(&gone, &survivor)?;
        }
        Ok(())
    }

    /// Where those who replaced the survivor lead back to the one who is gone now, the survivor stands again: of merges in a
    /// circle, over however many messages, the last one says who survives.
    fn open_circle(&self, gone: &str, survivor: &str) -> Result<()> {
        let mut at = self.tables.replaced_by(survivor)?;
        for _ in 0..limits::MEMBERS_MAX {
            if at.is_empty() {
                return Ok(());
            }
            if at == gone {
                return self.tables.set_replaced_by(survivor, "");
            }
            at = self.tables.replaced_by(&at)?;
        }
        Ok(())
    }

    /// Joins a Patient with everyone whom something says it is.
    fn join_candidates(&mut self, patient: &str) -> Result<()> {
        for (other, basis) in self.tables.candidates(patient)? {
            let (Some(mine), Some(theirs)) =
                (self.tables.person_of(patient)?, self.tables.person_of(&other)?)
            else {
                continue;
            };
            if mine == theirs {
                continue;
            }
            // The other Patient may have come after the merge that named it.
            if basis == Basis::Merge && !self.tables.same_sender(patient, &other)? {
                self.ask("merge-across-sources", ACROSS, patient, &other)?;
                continue;
            }
            match self.judge_persons((mine, patient), (theirs, &other), basis)? {
                Some(refusal) => self.refuse((mine, patient), (theirs, &other), refusal)?,
                None => {
                    let (keep, give) = self.keeper(mine, theirs, patient, &other)?;
                    self.join(keep, give, patient, basis.reason(), basis.text())?;
                }
            }
        }
        Ok(())
    }

    /// What speaks against joining two persons, if anything: any pair of their Patients may object.
    fn judge_persons(&self, mine: (i64, &str), theirs: (i64, &str), basis: Basis) -> Result<Option<Refusal>> {
        let (ours, others) = (self.tables.patients(mine.0)?, self.tables.patients(theirs.0)?);
        if ours.len() + others.len() > limits::MEMBERS_MAX {
            return Ok(Some(("too-many-patients", "more Patients would be one person than is believable")));
        }
        let mut found = None;
        for a in &ours {
            for b in &others {
                if self.tables.is_apart(a, b)? {
                    let text = "a user declared two of the Patients to be different people";
                    return Ok(Some(("kept-apart", text)));
                }
                if found.is_some() || basis == Basis::User {
                    continue;
                }
                let named = a == mine.1 && b == theirs.1;
                let basis = if named {
                    basis
                } else {
                    self.tables.basis(a, b)?.unwrap_or(if basis == Basis::Merge {
                        Basis::Merge
                    } else {
                        Basis::Local
                    })
                };
                found = self.objection(a, &others, b, basis)?;
                if found.is_some() && self.objection(b, &ours, a, basis)?.is_none() {
                    found = None;
                }
            }
        }
        Ok(found)
    }

    /// Which of two persons stays: the one whose Patient survives a merge, else the older.
    fn keeper(&self, mine: i64, theirs: i64, patient: &str, other: &str) -> Result<(i64, i64)> {
        if self.tables.replaced_by(patient)? == other {
            return Ok((theirs, mine));
        }
        let survives = self.tables.replaced_by(other)? == patient;
        Ok(if survives || mine < theirs { (mine, theirs) } else { (theirs, mine) })
    }

    /// Joins two persons.
    fn join(&mut self, keep: i64, give: i64, patient: &str, reason: &str, text: &str) -> Result<()> {
        let (kept, given) = (self.tables.person_id(keep)?, self.tables.person_id(give)?);
        self.tables.merge(keep, give)?;
        self.tables.close_within(keep, self.who.at)?;
        let merged = [Basis::Merge.reason(), Basis::User.reason()].contains(&reason);
        self.decide(if merged { "merged" } else { "joined" }, &kept, &given, patient, reason, text)
    }

    fn refuse(&mut self, mine: (i64, &str), theirs: (i64, &str), refusal: Refusal) -> Result<()> {
        let (reason, text) = refusal;
        // What a user decided needs no second look.
        if reason == "kept-apart" || !self.raise(reason, text, mine.1, theirs.1, 0)? {
            return Ok(());
        }
        let (a, b) = (self.tables.person_id(mine.0)?, self.tables.person_id(theirs.0)?);
        self.decide("refused", &a, &b, mine.1, reason, text)
    }

    /// Offers to a person whoever looks like this Patient and has no identifier in common with it.
    fn offer_look_alikes(&mut self, patient: &str, now: &Known) -> Result<()> {
        for other in self.tables.alike(patient, now)? {
            if self.tables.person_of(&other)? == self.tables.person_of(patient)?
                || self.tables.is_apart(patient, &other)?
                || self.tables.basis(patient, &other)?.is_some()
                || self.tables.is_alias(patient, &other)?
            {
                continue;
            }
            let Some(known) = self.tables.known(&other)? else { continue };
            let score = matching::likeness(now, &known);
            if score >= matching::LOOK_ALIKE {
                let text = "two Patients look like one person but have no identifier in common; they were not joined";
                self.raise_quietly("look-alike", text, patient, &other, score)?;
            }
        }
        Ok(())
    }

    /// Raises a review with its issue.
    fn ask(&mut self, reason: &'static str, text: &'static str, patient: &str, other: &str) -> Result<()> {
        self.raise(reason, text, patient, other, 0).map(drop)
    }

    fn raise(
        &mut self,
        reason: &'static str,
        text: &'static str,
        patient: &str,
        other: &str,
        score: i64,
    ) -> Result<bool> {
        let new = self.raise_quietly(reason, text, patient, other, score)?;
        if new {
            self.issues.push(Issue::new(Severity::Warning, IssueCode::Conflict, reason, text));
        }
        Ok(new)
    }

    fn raise_quietly(
        &self,
        reason: &str,
        text: &str,
        patient: &str,
        other: &str,
        score: i64,
    ) -> Result<bool> {
        self.tables.raise(&self.who, &Raised { reason, text, patient, other, score })
    }

    /// Records that a source told somebody else under a Patient's id, whom the record keeps as another Patient.
    pub(crate) fn hold_apart(&mut self, patient: &str, alias: &str) -> Result<()> {
        let person = |patient: &str| -> Result<String> {
            match self.tables.person_of(patient)? {
                Some(person) => self.tables.person_id(person),
                None => Ok(String::new()),
            }
        };
        let (a, b) = (person(patient)?, person(alias)?);
        if self.raise(SOMEONE_ELSE.0, SOMEONE_ELSE.1, patient, alias, 0)? {
            self.decide("refused", &a, &b, alias, SOMEONE_ELSE.0, SOMEONE_ELSE.1)?;
        }
        Ok(())
    }

    fn decide(
        &self,
        kind: &str,
        person: &str,
        other: &str,
        patient: &str,
        reason: &str,
        text: &str,
    ) -> Result<()> {
        self.tables.decide(&self.who, &Decided { kind, person, other, patient, reason, text })
    }
}

// ---- What a user decides.

impl<T: Tables> Act<'_, T> {
    fn standing(&self, patient: &str) -> Result<i64> {
        self.tables.person_of(patient)?.ok_or(RecordError::NotFound)
    }

    /// Takes a Patient out of its person for good.
    pub(crate) fn unmerge(&mut self, patient: &str, reason: &str) -> Result<String> {
        let person = self.standing(patient)?;
        let others: Vec<String> =
            self.tables.patients(person)?.into_iter().filter(|m| m != patient).collect();
        if others.is_empty() {
            return Err(RecordError::Identity("the Patient is alone in its person".to_owned()));
        }
        let before = self.tables.person_id(person)?;
        for other in &others {
            self.tables.set_apart(patient, other, true)?;
            self.tables.set_word(patient, other, None)?;
            for (a, b) in [(patient, other.as_str()), (other.as_str(), patient)] {
                if self.tables.replaced_by(a)? == b {
                    self.tables.set_replaced_by(a, "")?;
                }
            }
        }
        let after = self.separate(patient)?;
        self.decide("unmerged", &before, &after, patient, "user-unmerge", reason)?;
        Ok(after)
    }

    /// Joins two persons because a user says so.
    pub(crate) fn merge_by_user(&mut self, patient: &str, other: &str, reason: &str) -> Result<String> {
        let (mine, theirs) = (self.standing(patient)?, self.standing(other)?);
        if mine == theirs {
            return Err(RecordError::Identity("the Patients are one person already".to_owned()));
        }
        for a in self.tables.patients(mine)? {
            for b in self.tables.patients(theirs)? {
                self.tables.set_apart(&a, &b, false)?;
            }
        }
        self.tables.set_word(patient, other, Some(Word::User))?;
        let (keep, give) = (mine.min(theirs), mine.max(theirs));
        self.join(keep, give, patient, Basis::User.reason(), reason)?;
        self.tables.person_id(keep)
    }

    /// Keeps the two Patients of a review apart for good, with all of their persons' Patients.
    fn keep_apart(&mut self, patient: &str, other: &str, reason: &str) -> Result<()> {
        let (mine, theirs) = (self.standing(patient)?, self.standing(other)?);
        if mine == theirs {
            self.unmerge(patient, reason)?;
            return Ok(());
        }
        for a in self.tables.patients(mine)? {
            for b in self.tables.patients(theirs)? {
                self.tables.set_apart(&a, &b, true)?;
            }
        }
        let (a, b) = (self.tables.person_id(mine)?, self.tables.person_id(theirs)?);
        self.decide("kept-apart", &a, &b, patient, "user-kept-apart", reason)
    }

    /// Answers a review: the two are one person, are two people, or it is closed without either.
    pub(crate) fn answer(&mut self, number: i64, answer: crate::Answer, reason: &str) -> Result<()> {
        let review = self.tables.review(number)?.filter(|r| r.open).ok_or(RecordError::NotFound)?;
        match answer {
            crate::Answer::SamePerson => drop(self.merge_by_user(&review.patient, &review.other, reason)?),
            crate::Answer::DifferentPeople => self.keep_apart(&review.patient, &review.other, reason)?,
            crate::Answer::Close => {}
        }
        let outcome = format!("{}: {reason} ({})", answer.word(), self.who.actor);
        self.tables.set_closed(number, self.who.at, Some(&outcome))?;
        Ok(())
    }

    /// Brings what was decided elsewhere about two Patients into this record; `None`: taken back. Gives whether it lacked it.
    pub(crate) fn settle(
        &mut self,
        patient: &str,
        other: &str,
        answer: Option<crate::Answer>,
        reason: &str,
    ) -> Result<bool> {
        let (mine, theirs) = (self.standing(patient)?, self.standing(other)?);
        let reviews = self.tables.reviews_of(patient, other)?;
        let Some(answer) = answer else {
            let closed = reviews.iter().find(|(_, open)| !open);
            return closed
                .map(|(number, _)| self.undo(*number, reason))
                .transpose()
                .map(|done| done.is_some());
        };
        let known = match answer {
            crate::Answer::SamePerson => self.tables.word(patient, other)? == Some(Word::User),
            crate::Answer::DifferentPeople => mine != theirs && self.tables.is_apart(patient, other)?,
            crate::Answer::Close => true,
        };
        if let Some((number, _)) = reviews.iter().find(|(_, open)| *open) {
            self.answer(*number, answer, reason)?;
            return Ok(true);
        }
        match answer {
            _ if known => return Ok(false),
            crate::Answer::DifferentPeople => self.keep_apart(patient, other, reason)?,
            // One person already, by an identifier: a user's word holds them beside it.
            crate::Answer::SamePerson if mine == theirs => {
                self.tables.set_word(patient, other, Some(Word::User))?;
            }
            crate::Answer::SamePerson | crate::Answer::Close => {
                self.merge_by_user(patient, other, reason)?;
            }
        }
        Ok(true)
    }

    /// Takes back how a review was answered and opens it again. Patients that the answer had joined are parted, those
    /// that it had kept apart may be joined again.
    pub(crate) fn undo(&mut self, number: i64, reason: &str) -> Result<()> {
        let review = self.tables.review(number)?.filter(|r| !r.open).ok_or(RecordError::NotFound)?;
        let (patient, other) = (review.patient.as_str(), review.other.as_str());
        let (mine, theirs) = (self.standing(patient)?, self.standing(other)?);
        let mut after = String::new();
        if mine == theirs && self.tables.word(patient, other)? == Some(Word::User) {
            self.tables.set_word(patient, other, None)?;
            // Whatever came with the second goes with it: what nothing but the user's word held.
            let members = self.tables.patients(mine)?;
            let moving = self.held_with(other, patient, &members)?;
            after = self.separate(other)?;
            let person = self.standing(other)?;
            for member in moving.iter().filter(|m| *m != other) {
                self.tables.place(member, person)?;
            }
        } else if mine != theirs {
            for a in self.tables.patients(mine)? {
                for b in self.tables.patients(theirs)? {
                    self.tables.set_apart(&a, &b, false)?;
                }
            }
        }
        self.tables.set_closed(number, self.who.at, None)?;
        let before = self.tables.person_id(mine)?;
        self.decide("undone", &before, &after, other, "user-undo", reason)
    }

    /// The Patients that hang together with one by basis, without going through another.
    fn held_with(&self, start: &str, without: &str, members: &[String]) -> Result<Vec<String>> {
        let mut held = vec![start.to_owned()];
        let mut at = 0;
        while let Some(current) = held.get(at).cloned() {
            for next in members.iter().filter(|m| *m != without) {
                if !held.contains(next)
                    && let Some(basis) = self.tables.basis(&current, next)?
                    && self.objection(&current, members, next, basis)?.is_none()
                    // What hangs together with the first as well stays there.
                    && !self.agrees(next, without)?
                {
                    held.push(next.clone());
                }
            }
            at += 1;
        }
        Ok(held)
    }

    fn agrees(&self, a: &str, b: &str) -> Result<bool> {
        Ok(match self.tables.basis(a, b)? {
            Some(basis) => self.objection(a, &[b.to_owned()], b, basis)?.is_none(),
            None => false,
        })
    }
}
