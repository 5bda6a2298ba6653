//! The JSON writer. What it writes from a source item, it claims in the ledger as mapped: the account is a
//! by-product of writing, so it can't drift from the output.

use std::fmt;

use causeway_core::identifier::visible;
use causeway_core::issue::Beyond;
use causeway_core::limits::ISSUES_MAX;
use causeway_core::text::{first_escaped, trim};
use causeway_core::{Issue, ItemId, Leaf, Ledger, Outcome, Rule, Sources, When, common};

/// A reference to a resource of the same bundle, or to one known by identifier alone.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Ref {
    /// Resource type.
    pub kind: &'static str,
    /// Id of the resource: a UUID in lower case.
    pub id: String,
}

impl Ref {
    /// The text of `Reference.reference` within the bundle.
    pub fn url(&self) -> String {
        format!("urn:uuid:{}", self.id)
    }
}

/// A claim that is held back, in 8 bytes: a long record has millions.
#[derive(Clone, Copy)]
struct Claim {
    item: ItemId,
    /// Its place in [`Writer::reasons`], counted from 1; 0 for none.
    reason: u16,
    outcome: Outcome,
}

/// That an item went to a path of a resource.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// The source item.
    pub item: ItemId,
    /// The resource, as its place in [`Trail::resources`].
    pub resource: u32,
    /// Path from the resource's type on: `Patient.name[0].family`.
    pub path: Box<str>,
}

/// Where items went, resource by resource: what [`Writer::follow`] keeps.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Trail {
    /// Ids of resources, in order of writing.
    pub resources: Vec<String>,
    /// In the order of writing.
    pub steps: Vec<Step>,
}

#[derive(Default)]
struct Tracer {
    path: String,
    /// Element count of each open array, by depth of nesting.
    counters: Vec<usize>,
    traced: Vec<Step>,
    /// Ids of the resources begun.
    resources: Vec<String>,
    /// Whether the ledger is told the paths.
    told: bool,
    /// Where what is settled is kept, where somebody asks for it.
    trail: Option<Vec<Step>>,
}

/// Writes one JSON value after another into a buffer, leaving out what turns out to be empty.
///
/// Claims are held back until [`Writer::settle`], so that what is rolled back claims nothing.
#[derive(Default)]
pub struct Writer {
    out: Vec<u8>,
    claims: Vec<Claim>,
    /// The different reasons of claims: sentences of the program, so there are few.
    reasons: Vec<&'static str>,
    /// Bytes that it may hold, where there is a limit.
    limit: Option<usize>,
    full: bool,
    tracer: Option<Tracer>,
    issues: Vec<(Option<ItemId>, Issue)>,
    /// Of what was told beyond [`ISSUES_MAX`] the first of each sentence, and how often it was told again.
    beyond: Beyond,
    /// The last day on which something that is told can have happened: [`causeway_core::likely::last_day`].
    last_day: Option<(i16, u8, u8)>,
    /// Whether what is written is a vaccination, whose `occurrence[x]` has happened; that of a request is a wish.
    vaccination: bool,
}

impl fmt::Debug for Writer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Writer").field("bytes", &self.out.len()).field("claims", &self.claims.len()).finish()
    }
}

/// A state to return to: what was written after it disappears, claims included.
#[derive(Clone, Copy, Debug)]
pub struct Mark {
    bytes: usize,
    claims: usize,
    traced: usize,
}

impl Mark {
    /// The same state once the claims made before have been settled ([`Writer::settle`]): what is claimed from then on comes after it.
    #[must_use]
    pub fn after_settling(self) -> Self {
        Self { claims: 0, traced: 0, ..self }
    }
}

impl Writer {
    /// A writer; with `explain` it also records the path that each item went to.
    pub fn new(explain: bool) -> Self {
        Self { tracer: explain.then(|| Tracer { told: true, ..Tracer::default() }), ..Self::default() }
    }

    /// Keeps from now on where items go, for [`Writer::take_trail`].
    pub fn follow(&mut self) {
        self.tracer.get_or_insert_default().trail = Some(Vec::new());
    }

    /// What was followed and settled since the last time.
    pub fn take_trail(&mut self) -> Trail {
        let Some(tracer) = &mut self.tracer else { return Trail::default() };
        let steps = tracer.trail.as_mut().map(std::mem::take).unwrap_or_default();
        Trail { resources: std::mem::take(&mut tracer.resources), steps }
    }

    /// Tells from now on of dates that can't be meant ([`When::unlikely`]), given the last day on which anything can have
    /// happened ([`causeway_core::likely::last_day`]).
    #[must_use]
    pub fn telling_of_dates(self, last_day: (i16, u8, u8)) -> Self {
        Self { last_day: Some(last_day), ..self }
    }

    /// Makes room for so many bytes more: a hint for outputs whose size can be told.
    pub fn reserve(&mut self, bytes: usize) {
        self.out.reserve(bytes);
    }

    /// Sets how many bytes it may hold from now on. Beyond it no further element of any list is written, and
    /// [`Writer::is_full`] says so: what is written then is not whole, and whoever set the limit must take it back.
    pub fn limit(&mut self, bytes: usize) {
        self.limit = Some(bytes);
        self.full = false;
    }

    /// Whether more was to be written than the limit allows.
    pub fn is_full(&self) -> bool {
        self.full
    }

    /// Whether nothing more may be written. Room is made once for all that may be: to double a large text holds it twice.
    pub fn at_limit(&mut self) -> bool {
        let Some(limit) = self.limit else { return false };
        let written = self.out.len();
        if written >= GROWN_BYTES && self.out.capacity() < limit && limit <= RESERVED_BYTES_MAX {
            self.out.reserve_exact(limit - written + GROWN_BYTES);
        }
        self.full |= written > limit;
        self.full
    }

    /// The item that was claimed last.
    pub fn last_claimed(&self) -> Option<ItemId> {
        self.claims.last().map(|claim| claim.item)
    }

    /// The items claimed since a state, each as often as it was.
    pub fn claimed_since(&self, since: Mark) -> impl Iterator<Item = ItemId> + '_ {
        self.claims.get(since.claims..).unwrap_or_default().iter().map(|claim| claim.item)
    }

    /// Issues that wait to be taken.
    pub fn issues_waiting(&self) -> usize {
        self.issues.len()
    }

    fn reason(&mut self, text: &'static str) -> u16 {
        if text.is_empty() {
            return 0;
        }
        let same = |known: &&'static str| std::ptr::eq(*known, text);
        let at = self.reasons.iter().rposition(same).unwrap_or_else(|| {
            self.reasons.push(text);
            self.reasons.len() - 1
        });
        u16::try_from(at + 1).unwrap_or(u16::MAX)
    }

    /// Bytes written.
    pub fn bytes(&self) -> &[u8] {
        &self.out
    }

    /// Takes the bytes out and leaves the writer empty (claims stay until settled).
    pub fn take(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.out)
    }

    /// A state to return to.
    pub fn mark(&self) -> Mark {
        Mark {
            bytes: self.out.len(),
            claims: self.claims.len(),
            traced: self.tracer.as_ref().map_or(0, |t| t.traced.len()),
        }
    }

    /// Returns to a state.
    pub fn rollback(&mut self, mark: Mark) {
        self.out.truncate(mark.bytes);
        self.claims.truncate(mark.claims);
        if let Some(tracer) = &mut self.tracer {
            tracer.traced.truncate(mark.traced);
        }
    }

    /// Puts bytes back that were taken out with [`Writer::take`], before anything else is written.
    pub fn restore(&mut self, bytes: Vec<u8>) {
        self.out = bytes;
    }

    /// An entry of a bundle: an object within an array that leaves the traced path alone, for the path starts
    /// at the resource.
    pub fn entry(&mut self, f: impl FnOnce(&mut Self)) {
        self.comma();
        self.out.push(b'{');
        f(self);
        self.out.push(b'}');
    }

    /// The resource within an entry; leaves the traced path alone.
    pub fn resource_scope(&mut self, f: impl FnOnce(&mut Self)) {
        self.key("resource");
        self.out.push(b'{');
        f(self);
        self.out.push(b'}');
    }

    /// Whether anything was written since a state.
    pub fn wrote_since(&self, mark: Mark) -> bool {
        self.out.len() > mark.bytes
    }

    /// Raises an issue about a source item, whose position is filled in later. Issues survive a rollback:
    /// they speak of the source, not of the output. Beyond [`ISSUES_MAX`] those that say what was said are counted.
    pub fn issue(&mut self, about: Option<ItemId>, issue: Issue) {
        if self.issues.len() < ISSUES_MAX || !self.beyond.is_again(&issue) {
            self.issues.push((about, issue));
        }
    }

    /// Takes how often what was told beyond [`ISSUES_MAX`] was told again. Take the issues first: the first of each is among them.
    pub fn take_beyond(&mut self) -> impl Iterator<Item = (Issue, u64)> + use<> {
        self.beyond.take()
    }

    /// Takes the issues raised so far.
    pub fn take_issues(&mut self) -> Vec<(Option<ItemId>, Issue)> {
        std::mem::take(&mut self.issues)
    }

    /// Which items of a range have been claimed since a state, in order of the range. For what is left of a source
    /// record when its resource is nearly written.
    pub fn claimed(&self, since: Mark, range: std::ops::Range<ItemId>) -> Vec<bool> {
        let mut out = vec![false; range.end.saturating_sub(range.start) as usize];
        for claim in self.claims.get(since.claims..).unwrap_or_default() {
            let at = claim.item.checked_sub(range.start).map(|at| at as usize);
            if let Some(slot) = at.and_then(|at| out.get_mut(at)) {
                *slot = true;
            }
        }
        out
    }

    /// Enters all claims made so far into the ledger.
    pub fn settle(&mut self, ledger: &mut Ledger) {
        for claim in self.claims.drain(..) {
            let reason = usize::from(claim.reason).checked_sub(1).and_then(|at| self.reasons.get(at));
            ledger.claim(claim.item, claim.outcome, reason.copied().unwrap_or(""));
        }
        if let Some(tracer) = &mut self.tracer {
            for step in tracer.traced.drain(..) {
                if tracer.told {
                    ledger.trace(step.item, &step.path);
                }
                if let Some(trail) = &mut tracer.trail {
                    trail.push(step);
                }
            }
        }
    }

    /// Starts a resource: its path in explain mode (`Patient`) is reset.
    pub fn root(&mut self, kind: &str, id: &str) {
        self.vaccination = kind == "Immunization";
        if let Some(tracer) = &mut self.tracer {
            if tracer.trail.is_some() {
                tracer.resources.push(id.to_owned());
            }
            tracer.path.clear();
            tracer.path.push_str(kind);
            tracer.counters.clear();
        }
    }

    /// Claims an outcome without writing: a value that decided something, was lost, or was withheld.
    pub fn claim(&mut self, from: impl Sources, outcome: Outcome, reason: &'static str) {
        let reason = self.reason(reason);
        let claims = &mut self.claims;
        from.each(&mut |item| claims.push(Claim { item, outcome, reason }));
    }

    /// Claims that these items reached the output (written by other means than this writer's own calls).
    pub fn mapped(&mut self, from: impl Sources) {
        self.trace_sources(&from, "");
        self.claim(from, Outcome::Mapped, "");
    }

    /// Claims that these items are not written themselves and decide what is written of others; `what` says of which
    /// (`the type of OBX-5`).
    pub fn decides(&mut self, from: impl Sources, what: &'static str) {
        self.trace_sources(&from, "");
        self.claim(from, Outcome::Decides, what);
    }

    /// Claims that these items reached the output with a loss; `what` names it.
    pub fn lossy(&mut self, from: impl Sources, what: &'static str) {
        self.claim(from, Outcome::MappedWithLoss, what);
    }

    fn trace_sources(&mut self, from: &impl Sources, key: &str) {
        let Some(tracer) = &mut self.tracer else { return };
        let mut path = tracer.path.clone();
        if !key.is_empty() {
            path.push('.');
            path.push_str(key);
        }
        let resource = tracer.resources.len().saturating_sub(1) as u32;
        from.each(&mut |item| {
            tracer.traced.push(Step { item, resource, path: path.as_str().into() });
        });
    }

    fn comma(&mut self) {
        if !matches!(self.out.last(), None | Some(b'{' | b'[')) {
            self.out.push(b',');
        }
    }

    fn key(&mut self, key: &str) {
        let first = matches!(self.out.last(), None | Some(b'{' | b'['));
        self.out.reserve(key.len() + 4);
        self.out.extend_from_slice(if first { b"\"" } else { b",\"" });
        self.out.extend_from_slice(key.as_bytes());
        self.out.extend_from_slice(b"\":");
    }

    fn scope(&mut self, key: &str, open: u8, close: u8, f: impl FnOnce(&mut Self)) -> bool {
        let start = self.mark();
        let depth = self.tracer.as_mut().map(|tracer| {
            let depth = tracer.path.len();
            tracer.path.push('.');
            tracer.path.push_str(key);
            if open == b'[' {
                tracer.counters.push(0);
            }
            depth
        });
        self.key(key);
        self.out.push(open);
        let inside = self.out.len();
        f(self);
        let wrote = self.out.len() > inside;
        if wrote {
            self.out.push(close);
        } else {
            self.out.truncate(start.bytes);
        }
        if let (Some(tracer), Some(depth)) = (&mut self.tracer, depth) {
            tracer.path.truncate(depth);
            if open == b'[' {
                tracer.counters.pop();
            }
        }
        wrote
    }

    /// An object under a key; left out where `f` writes nothing. Returns whether it was written.
    ///
    /// Claims made inside an object that was left out stay: use [`Writer::rollback`] to take them back.
    pub fn object(&mut self, key: &str, f: impl FnOnce(&mut Self)) -> bool {
        self.scope(key, b'{', b'}', f)
    }

    /// An array under a key; left out where `f` writes nothing.
    pub fn array(&mut self, key: &str, f: impl FnOnce(&mut Self)) -> bool {
        self.scope(key, b'[', b']', f)
    }

    /// An object within an array; left out where `f` writes nothing.
    pub fn element(&mut self, f: impl FnOnce(&mut Self)) -> bool {
        if self.at_limit() {
            return false;
        }
        let start = self.out.len();
        let depth = self.enter_element();
        self.comma();
        self.out.push(b'{');
        let inside = self.out.len();
        f(self);
        let wrote = self.out.len() > inside;
        if wrote {
            self.out.push(b'}');
        } else {
            self.out.truncate(start);
        }
        self.leave_element(depth, wrote);
        wrote
    }

    fn enter_element(&mut self) -> usize {
        let Some(tracer) = &mut self.tracer else { return 0 };
        let depth = tracer.path.len();
        let index = tracer.counters.last().copied().unwrap_or(0);
        tracer.path.push_str(&format!("[{index}]"));
        depth
    }

    fn leave_element(&mut self, depth: usize, wrote: bool) {
        if let Some(tracer) = &mut self.tracer {
            tracer.path.truncate(depth);
            if wrote && let Some(counter) = tracer.counters.last_mut() {
                *counter += 1;
            }
        }
    }

    /// A string within an array.
    pub fn value(&mut self, text: &str, from: impl Sources) {
        if self.at_limit() || !self.has_text(text, &from) {
            return;
        }
        let depth = self.enter_element();
        self.trace_sources(&from, "");
        self.comma();
        self.quoted(text, &from);
        self.claim(from, Outcome::Mapped, "");
        self.leave_element(depth, true);
    }

    /// A string of our own, not from the source (a system, a fixed code).
    pub fn fixed(&mut self, key: &str, text: &str) {
        self.key(key);
        self.quote(text);
    }

    /// A string that comes from source items: as it was, or derived. Empty text is not written and claims
    /// nothing.
    ///
    /// Control characters that FHIR forbids in a string are left out; the items are claimed as mapped with loss, and an
    /// issue names the first of them. A text of nothing else is not written.
    pub fn string(&mut self, key: &str, text: &str, from: impl Sources) {
        if !self.has_text(text, &from) {
            return;
        }
        // Of an identifier or a telephone number what doesn't show is no part.
        if key == "value" && !text.is_ascii() {
            let shown = visible(text);
            if shown != text {
                let mut first = None;
                from.each(&mut |item| first = first.or(Some(item)));
                self.issue(first, common::IDENTIFIER_INVISIBLE.issue());
                return self.text(key, &shown, from);
            }
        }
        self.text(key, text, from);
    }

    fn text(&mut self, key: &str, text: &str, from: impl Sources) {
        self.trace_sources(&from, key);
        self.key(key);
        self.quoted(text, &from);
        self.claim(from, Outcome::Mapped, "");
    }

    /// Whether a text holds anything that may be written; one of forbidden control characters alone is told.
    fn has_text(&mut self, text: &str, from: &impl Sources) -> bool {
        // Most text begins with a letter or a digit, and is decided by its first byte.
        let blank = text.as_bytes().first().is_none_or(|b| *b <= b' ');
        let only_controls = blank && text.bytes().all(|b| b <= b' ') && text.bytes().any(forbidden);
        if only_controls {
            self.dropped(from);
        }
        !text.is_empty() && !only_controls
    }

    /// Writes a text of source items, and tells what it lost, here or on its way.
    fn quoted(&mut self, text: &str, from: &impl Sources) {
        if self.quote(text) {
            self.dropped(from);
        }
        self.tell_lost(text, from);
    }

    /// Tells of a text of source items that a character of it was lost on its way.
    pub(crate) fn tell_lost(&mut self, text: &str, from: &impl Sources) {
        if !text.is_ascii() && text.contains(char::REPLACEMENT_CHARACTER) {
            self.tell_once(&common::CHARACTER_LOST, from);
        }
    }

    /// Says of items that control characters were left out of their text.
    fn dropped(&mut self, from: &impl Sources) {
        self.lossy(from, "control characters that FHIR forbids in a text were left out");
        self.tell_once(&common::CONTROL_CHARACTER, from);
    }

    /// Tells that items break a rule, at the first of them, unless that was told of it just now: an item may be written several times.
    fn tell_once(&mut self, rule: &Rule, from: &impl Sources) {
        let mut first = None;
        from.each(&mut |item| first = first.or(Some(item)));
        let told = |(item, issue): &(Option<ItemId>, Issue)| *item == first && issue.rule == rule.id;
        if first.is_some() && !self.issues.iter().rev().take(ISSUES_COMPARED).any(told) {
            self.issue(first, rule.issue());
        }
    }

    /// The text of a source item, with blanks cut off both ends.
    pub fn leaf(&mut self, key: &str, leaf: Leaf<'_>) {
        self.string(key, trim(leaf.text), leaf);
    }

    /// The text of a source item where there is one.
    pub fn leaf_opt(&mut self, key: &str, leaf: Option<Leaf<'_>>) {
        if let Some(leaf) = leaf {
            self.leaf(key, leaf);
        }
    }

    /// A number, written with exactly the digits given. The caller has checked that it is a JSON number:
    /// see [`decimal`].
    pub fn number(&mut self, key: &str, digits: &str, from: impl Sources) {
        self.trace_sources(&from, key);
        self.key(key);
        self.out.extend_from_slice(digits.as_bytes());
        self.claim(from, Outcome::Mapped, "");
    }

    /// JSON of our own making, in pieces that together are one valid value: what every resource has alike.
    pub fn verbatim(&mut self, key: &str, parts: &[&str]) {
        self.key(key);
        parts.iter().for_each(|part| self.out.extend_from_slice(part.as_bytes()));
    }

    /// A boolean.
    pub fn boolean(&mut self, key: &str, value: bool, from: impl Sources) {
        self.trace_sources(&from, key);
        self.key(key);
        self.out.extend_from_slice(if value { b"true" } else { b"false" });
        self.claim(from, Outcome::Mapped, "");
    }

    /// JSON that is known to be one valid value.
    pub fn raw(&mut self, key: &str, json: &[u8], from: impl Sources) {
        self.trace_sources(&from, key);
        self.key(key);
        self.out.extend_from_slice(json);
        self.claim(from, Outcome::Mapped, "");
    }

    /// JSON that is known to be one valid value, within an array.
    pub fn raw_value(&mut self, json: &[u8], from: impl Sources) {
        if self.at_limit() {
            return;
        }
        let depth = self.enter_element();
        self.trace_sources(&from, "");
        self.comma();
        self.out.extend_from_slice(json);
        self.claim(from, Outcome::Mapped, "");
        self.leave_element(depth, true);
    }

    /// A FHIR `dateTime` at the source's own precision; a loss is claimed where FHIR can't carry it all.
    pub fn date_time(&mut self, key: &str, when: &When, from: impl Sources) {
        if let Some(what) = when.lossy() {
            self.lossy(&from, what);
        }
        self.tell_unlikely(key, when, &from);
        self.string(key, &when.fhir(), from);
    }

    /// A FHIR `instant`, where the moment is exact enough to be one. Whether it was written.
    pub fn instant(&mut self, key: &str, when: &When, from: impl Sources) -> bool {
        let Some(text) = when.fhir_instant() else { return false };
        self.tell_unlikely(key, when, &from);
        self.string(key, &text, from);
        true
    }

    /// Tells of a moment that can't be meant as the value of an element.
    pub fn tell_unlikely(&mut self, key: &str, when: &When, from: &impl Sources) {
        // What a vaccination calls its occurrence, other resources call the time when it was performed.
        let key = if self.vaccination && key == "occurrenceDateTime" { "performedDateTime" } else { key };
        if let Some(rule) = self.last_day.and_then(|last| when.unlikely(key, last)) {
            self.tell_once(rule, from);
        }
    }

    /// A FHIR `date`. A time of day that the source states beside it is lost, and claimed so.
    pub fn date(&mut self, key: &str, when: &When, from: impl Sources) {
        if when.precision() > causeway_core::Precision::Day {
            self.lossy(&from, "the element holds a date, so the time of day was not carried");
        }
        self.tell_unlikely(key, when, &from);
        self.string(key, &when.fhir_date(), from);
    }

    /// `Reference` to a resource of the same bundle.
    pub fn reference(&mut self, key: &str, target: &Ref, from: impl Sources) {
        self.object(key, |w| w.reference_body(target, from));
    }

    /// `Reference` within an array.
    pub fn reference_element(&mut self, target: &Ref, from: impl Sources) {
        self.element(|w| w.reference_body(target, from));
    }

    /// The content of a `Reference`, for callers that add a display.
    pub fn reference_body(&mut self, target: &Ref, from: impl Sources) {
        self.trace_sources(&from, "reference");
        self.key("reference");
        self.out.extend_from_slice(b"\"urn:uuid:");
        self.out.extend_from_slice(target.id.as_bytes());
        self.out.push(b'"');
        self.claim(from, Outcome::Mapped, "");
    }

    fn quote(&mut self, text: &str) -> bool {
        quote_into(&mut self.out, text)
    }
}

/// How many of the last issues a new one is compared with.
const ISSUES_COMPARED: usize = 16;

/// Bytes from which room is made for all that a limit allows.
const GROWN_BYTES: usize = 512 * 1024;

/// Bytes of room that are made at once at most; what is not written to takes no memory, but addresses.
const RESERVED_BYTES_MAX: usize = 64 * 1024 * 1024;

/// A control character that FHIR forbids in strings: all below U+0020 except tab, line feed and carriage return.
fn forbidden(byte: u8) -> bool {
    byte < 0x20 && !matches!(byte, b'\t' | b'\n' | b'\r')
}

/// Writes a JSON string. Control characters that FHIR forbids in strings are left out; returns whether there were any.
pub fn quote_into(out: &mut Vec<u8>, text: &str) -> bool {
    let mut dropped = false;
    out.reserve(text.len() + 2);
    out.push(b'"');
    let mut rest = text.as_bytes();
    // Most text has nothing to escape: it is copied in one piece.
    while let Some(at) = first_escaped(rest) {
        let (clean, tail) = rest.split_at(at);
        out.extend_from_slice(clean);
        let Some((byte, after)) = tail.split_first() else { break };
        match byte {
            b'"' => out.extend_from_slice(b"\\\""),
            b'\\' => out.extend_from_slice(b"\\\\"),
            b'\n' => out.extend_from_slice(b"\\n"),
            b'\r' => out.extend_from_slice(b"\\r"),
            b'\t' => out.extend_from_slice(b"\\t"),
            _ => dropped = true,
        }
        rest = after;
    }
    out.extend_from_slice(rest);
    out.push(b'"');
    dropped
}

/// Whether a range may stand in FHIR: R4's rule rng-2 has no low end above its high end. Both are decimals.
pub fn ordered(low: &str, high: &str) -> bool {
    matches!((low.parse::<f64>(), high.parse::<f64>()), (Ok(low), Ok(high)) if low <= high)
}

/// Reads a decimal as sources write it and returns it as JSON allows, digits untouched: a leading plus and
/// leading zeros go, `.5` becomes `0.5`, `5.` becomes `5`. `None` where it is no decimal.
pub fn decimal(text: &str) -> Option<std::borrow::Cow<'_, str>> {
    use std::borrow::Cow;
    let text = text.trim();
    let (sign, body) = match text.strip_prefix('-') {
        Some(rest) => ("-", rest),
        None => ("", text.strip_prefix('+').unwrap_or(text)),
    };
    let (whole, fraction) = match body.split_once('.') {
        Some((whole, fraction)) => (whole, fraction),
        None => (body, ""),
    };
    let digits = |t: &str| t.bytes().all(|b| b.is_ascii_digit());
    if !digits(whole) || !digits(fraction) || (whole.is_empty() && fraction.is_empty()) {
        return None;
    }
    let plain = !whole.is_empty()
        && (whole.len() == 1 || !whole.starts_with('0'))
        && body.contains('.') != fraction.is_empty()
        && !text.starts_with('+');
    if plain {
        return Some(Cow::Borrowed(text));
    }
    let whole = whole.trim_start_matches('0');
    let whole = if whole.is_empty() { "0" } else { whole };
    let mut out = format!("{sign}{whole}");
    if !fraction.is_empty() {
        out.push('.');
        out.push_str(fraction);
    }
    Some(Cow::Owned(out))
}

#[cfg(test)]
mod tests {
    use super::*;
    use causeway_core::{Place, Span};

    fn leaf(text: &str) -> Leaf<'_> {
        Leaf { text, id: 0 }
    }

    #[test]
    fn what_is_empty_is_left_out() {
        let mut w = Writer::new(false);
        w.element(|w| {
            w.array("name", |w| {
                w.element(|w| w.leaf("family", leaf("  ")));
            });
            w.object("meta", |_| {});
            w.leaf("gender", leaf("female"));
        });
        assert_eq!(w.bytes(), br#"{"gender":"female"}"#);
    }

    #[test]
    fn writing_is_claiming_and_rolling_back_unclaims() {
        let mut ledger = Ledger::new();
        for _ in 0..3 {
            ledger.add(Place::Whole, Span::default());
        }
        let mut w = Writer::new(true);
        w.root("Patient", "");
        w.element(|w| {
            w.array("name", |w| {
                w.element(|w| w.string("family", "X", 0u32));
                w.element(|w| {
                    w.array("given", |w| w.value("Y", 1u32));
                });
            });
        });
        let mark = w.mark();
        w.element(|w| w.string("gender", "male", 2u32));
        w.rollback(mark);
        w.settle(&mut ledger);
        assert_eq!(ledger.items()[2].outcome, Outcome::Unexplained);
        assert_eq!(ledger.items()[1].outcome, Outcome::Mapped);
        let paths: Vec<&str> = ledger.paths().iter().map(|(_, p)| &**p).collect();
        assert_eq!(paths, ["Patient[0].name[0].family", "Patient[0].name[1].given[0]"]);
    }

    #[test]
    fn beyond_the_limit_lists_end_and_it_is_told() {
        let write = |limit: usize| {
            let mut w = Writer::new(false);
            w.limit(limit);
            w.array("list", |w| (0..50u32).for_each(|item| w.value("0123456789", item)));
            w.array("more", |w| {
                w.element(|w| w.string("a", "b", 50u32));
            });
            (w.bytes().len(), w.is_full(), w.claimed_since(Writer::new(false).mark()).count())
        };
        let (whole, full, claims) = write(10_000);
        assert_eq!((full, claims), (false, 51));
        let (cut, full, claims) = write(100);
        assert!(full && cut < 150 && whole > 500, "{cut} of {whole}");
        // What was left out claims nothing.
        assert!(claims < 12, "{claims}");
    }

    #[test]
    fn decimals_keep_their_digits() {
        for (text, out) in [
            ("7.10", Some("7.10")),
            ("0", Some("0")),
            ("-0.50", Some("-0.50")),
            (".5", Some("0.5")),
            ("5.", Some("5")),
            ("+3", Some("3")),
            ("007", Some("7")),
            ("1e2", None),
            ("", None),
            (".", None),
            ("1,5", None),
        ] {
            assert_eq!(decimal(text).as_deref(), out, "{text}");
        }
    }

    #[test]
    fn control_characters_are_left_out_and_told() {
        let mut ledger = Ledger::new();
        for _ in 0..3 {
            ledger.add(Place::Whole, Span::default());
        }
        let mut w = Writer::new(false);
        w.element(|w| {
            w.string("family", "Thistle\u{0}wood\u{1f}", 0u32);
            w.string("text", "\u{0}\u{0} \u{7}", 1u32);
            w.array("given", |w| w.value("A\tB\r\nC\u{1}", 2u32));
            w.fixed("use", "offi\u{2}cial");
        });
        assert_eq!(w.bytes(), br#"{"family":"Thistlewood","given":["A\tB\r\nC"],"use":"official"}"#);
        let issues = w.take_issues();
        assert!(issues.iter().all(|(_, issue)| issue.rule == common::CONTROL_CHARACTER.id));
        assert_eq!(issues.iter().filter_map(|(item, _)| *item).collect::<Vec<_>>(), [0, 1, 2]);
        w.settle(&mut ledger);
        assert!(ledger.items().iter().all(|i| i.outcome == Outcome::MappedWithLoss));
    }

    #[test]
    fn strings_are_escaped() {
        let mut out = Vec::new();
        assert!(!quote_into(&mut out, "a\"b\\c\ndé"));
        assert_eq!(out, "\"a\\\"b\\\\c\\ndé\"".as_bytes());
    }

    #[test]
    fn what_is_told_again_beyond_the_limit_is_counted() {
        let mut w = Writer::default();
        let rule = common::CONTROL_CHARACTER;
        for item in 0..(ISSUES_MAX as u32 + 20) {
            w.issue(Some(item), rule.issue());
        }
        w.issue(
            None,
            Issue::new(
                causeway_core::Severity::Warning,
                causeway_core::IssueCode::Value,
                "another",
                "another",
            ),
        );
        let issues = w.take_issues();
        // Up to the limit each with its item, then the first of each sentence.
        assert_eq!(issues.len(), ISSUES_MAX + 2);
        assert_eq!(issues.last().map(|(_, issue)| issue.rule), Some("another"));
        let beyond: Vec<_> = w.take_beyond().map(|(issue, times)| (issue.rule, times)).collect();
        assert_eq!(beyond, [(rule.id, 19), ("another", 0)]);
        assert_eq!(w.take_beyond().count(), 0);
    }
}
