//! Composes bundles: ids, references, `meta`, `Provenance`, and the ledger beside them.

use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasherDefault, Hasher};

use causeway_core::issue::Beyond;
use causeway_core::{Issue, IssueCode, ItemId, Leaf, Ledger, Outcome, Sources, common, limits};
use causeway_fhir::profiles::default_profile;
use causeway_fhir::writer::Mark;
use causeway_fhir::{Ref, Writer, systems};
use sha1::{Digest, Sha1};
use uuid::Uuid;

use crate::local::{LocalMaps, Offered, Work, generic};
use crate::{Context, Output, Sink, budget};

/// Which profile a resource claims.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Profile<'a> {
    /// UK Core's general profile of its type, where there is one.
    #[default]
    Default,
    /// None.
    None,
    /// This one.
    Url(&'a str),
}

/// What a resource's `meta` says beyond source and tags.
#[derive(Clone, Debug, Default)]
pub struct Meta<'a> {
    /// Profile claimed.
    pub profile: Profile<'a>,
    /// Security labels: system, code, display, and the items that demanded them. Never lost.
    pub security: Vec<(&'a str, &'a str, &'a str, Vec<ItemId>)>,
}

#[derive(Debug)]
struct Open {
    id: String,
    /// Ids of the resources written: an id stands for one (type, key).
    written: HashSet<String, BuildHasherDefault<IdHasher>>,
    /// The same, in order of writing.
    order: Vec<Ref>,
    /// How often an id has been asked for beyond the first time: where the search for a free one begins.
    repeats: HashMap<String, u32>,
    start: Mark,
    first_item: ItemId,
    /// Items whose claims of it were settled before it ended.
    settled: Vec<ItemId>,
}

/// Ids are UUIDs made by a hash already: their bytes are as even as any hash of them would be.
#[derive(Debug, Default)]
struct IdHasher(u64);

impl Hasher for IdHasher {
    fn write(&mut self, bytes: &[u8]) {
        for chunk in bytes.chunks(8) {
            let mut word = [0; 8];
            for (to, from) in word.iter_mut().zip(chunk) {
                *to = *from;
            }
            self.0 = self.0.rotate_left(7) ^ u64::from_le_bytes(word).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        }
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

/// Room for the first bundle of an input, in bytes: a hospital's admission makes about 20 kB.
const FIRST_BUNDLE_BYTES: usize = 24 * 1024;

/// Composes the bundles of one translation. One bundle is open at a time.
#[derive(Debug)]
pub struct Composer<'c> {
    /// What the adapter was given.
    pub context: &'c Context,
    /// The account. Parsers enter items here; writing claims them.
    pub ledger: Ledger,
    adapter: &'static str,
    writer: Writer,
    issues: Vec<Issue>,
    /// Issues beyond [`limits::ISSUES_MAX`] by their sentence: one of each, and how many more there are.
    beyond: Beyond,
    outputs: Vec<Output>,
    /// Bytes of the last finished bundle: how large the next will be.
    last_bytes: usize,
    open: Option<Open>,
    /// Whether a bundle was refused for its size: what nobody said of its items is said when they are handed over.
    refused: bool,
    /// The fixed text of every `meta` before profile and security.
    meta_source: String,
    meta_tags: String,
    received: String,
    /// SHA-1 of namespace, sender and adapter: the start of every id.
    id_start: Sha1,
    /// The site's tables, where some are for this sender and format.
    local: Option<&'c dyn LocalMaps>,
    /// Values that the adapter has no place for, since the last bundle.
    offered: Vec<Offered>,
}

/// Text of a JSON string, quotation marks included.
fn quoted(text: &str) -> String {
    let mut out = Vec::new();
    causeway_fhir::writer::quote_into(&mut out, text);
    String::from_utf8(out).unwrap_or_default()
}

impl<'c> Composer<'c> {
    /// A composer for one input of an adapter.
    pub fn new(adapter: &'static str, context: &'c Context) -> Self {
        let sender = &context.sender;
        let name = if sender.name.is_empty() { &sender.code } else { &sender.name };
        let meta_tags = format!(
            "[{{\"system\":{},\"code\":{}}},{{\"system\":{},\"code\":{},\"display\":{}}}]",
            quoted(systems::TAG_SOURCE),
            quoted(adapter),
            quoted(systems::TAG_PROVENANCE),
            quoted(&sender.code),
            quoted(name),
        );
        let mut writer =
            Writer::new(context.explain).telling_of_dates(causeway_core::likely::last_day(context.received));
        let local = context.local.as_ref().map(|local| &*local.0);
        let local = local.filter(|local| local.concern(sender, adapter));
        if local.is_some() {
            writer.follow();
        }
        Self {
            context,
            ledger: Ledger::new(),
            adapter,
            writer,
            local,
            offered: Vec::new(),
            issues: Vec::new(),
            beyond: Beyond::default(),
            outputs: Vec::new(),
            last_bytes: FIRST_BUNDLE_BYTES,
            open: None,
            refused: false,
            id_start: Sha1::new_with_prefix(context.namespace.as_bytes())
                .chain_update([sender.code.as_str(), "|", adapter, "|"].concat()),
            meta_source: quoted(&context.original),
            meta_tags,
            received: context.received.to_string(),
        }
    }

    /// The id that a resource of this sender with this source key always has.
    pub fn id(&self, kind: &str, key: &str) -> String {
        // UUIDv5 (RFC 9562, 5.5): SHA-1 of namespace and name.
        let mut hash = self.id_start.clone();
        hash.update(kind);
        hash.update("|");
        // What looks the same is the same record.
        hash.update(causeway_core::identifier::visible(key).as_ref());
        let mut bytes = [0; 16];
        bytes.iter_mut().zip(hash.finalize()).for_each(|(to, from)| *to = from);
        let id = uuid::Builder::from_sha1_bytes(bytes).into_uuid();
        id.hyphenated().encode_lower(&mut Uuid::encode_buffer()).to_owned()
    }

    /// A reference to a resource by its source key, whether or not it is written yet. The caller sees to it
    /// that it will be.
    pub fn reference(&self, kind: &'static str, key: &str) -> Ref {
        Ref { kind, id: self.id(kind, key) }
    }

    /// Opens a bundle for one record. `key` is the record's own id in the source: the same record sent again
    /// makes the same bundle id. A bundle that is still open is closed away unseen.
    pub fn begin(&mut self, key: &str) {
        if self.open.is_some() {
            self.abandon();
        }
        let id = self.id("Bundle", key);
        let start = self.writer.mark();
        let first_item = self.ledger.next_id();
        let mut head = self.writer.take();
        // Records of one input are much alike, so the last one says how large the next will be.
        head.reserve(self.last_bytes + self.last_bytes / 8);
        head.extend_from_slice(b"{\"resourceType\":\"Bundle\",\"id\":\"");
        head.extend_from_slice(id.as_bytes());
        head.extend_from_slice(b"\",\"type\":\"transaction\",\"timestamp\":\"");
        head.extend_from_slice(self.received.as_bytes());
        head.extend_from_slice(b"\",\"entry\":[");
        self.writer.restore(head);
        let waiting = self.outputs.iter().map(|output| output.json.len()).sum();
        self.writer.limit(budget::output_bytes(&self.ledger, waiting));
        self.open = Some(Open {
            id,
            written: HashSet::default(),
            order: Vec::new(),
            repeats: HashMap::new(),
            start,
            first_item,
            settled: Vec::new(),
        });
    }

    /// Whether a resource with this key has been written into the open bundle.
    pub fn has(&self, kind: &'static str, key: &str) -> bool {
        self.has_id(&self.id(kind, key))
    }

    fn has_id(&self, id: &str) -> bool {
        self.open.as_ref().is_some_and(|open| open.written.contains(id))
    }

    /// Writes a resource with the default profile. See [`Composer::resource_with`].
    pub fn resource(&mut self, kind: &'static str, key: &str, f: impl FnOnce(&mut Writer)) -> Ref {
        self.resource_with(kind, key, &Meta::default(), f)
    }

    /// Writes a resource that several records may share (an organisation, a practitioner): once per bundle.
    /// The items of a later mention are claimed as mapped through the reference that the caller writes.
    pub fn once(&mut self, kind: &'static str, key: &str, f: impl FnOnce(&mut Writer)) -> Ref {
        let id = self.id(kind, key);
        if self.has_id(&id) {
            return Ref { kind, id };
        }
        self.write(Ref { kind, id }, &Meta::default(), f)
    }

    /// Writes a resource into the open bundle: `f` writes what follows `resourceType`, `id` and `meta`. Two
    /// resources of one type with the same key are two resources: the second gets an id of its own and an
    /// issue is raised, nothing is merged.
    pub fn resource_with(
        &mut self,
        kind: &'static str,
        key: &str,
        meta: &Meta<'_>,
        f: impl FnOnce(&mut Writer),
    ) -> Ref {
        let target = Ref { kind, id: self.id(kind, key) };
        self.resource_at(target, key, meta, f)
    }

    /// Writes a resource whose reference was made before with [`Composer::reference`] and the same key. Else as
    /// [`Composer::resource_with`].
    pub fn resource_at(
        &mut self,
        target: Ref,
        key: &str,
        meta: &Meta<'_>,
        f: impl FnOnce(&mut Writer),
    ) -> Ref {
        let target = if self.has_id(&target.id) { self.second(target.kind, key) } else { target };
        self.write(target, meta, f)
    }

    fn write(&mut self, target: Ref, meta: &Meta<'_>, f: impl FnOnce(&mut Writer)) -> Ref {
        // What is too large is refused when it ends; until then it takes no more memory, its references too.
        if self.writer.at_limit() {
            return Ref { kind: target.kind, id: String::new() };
        }
        let kind = target.kind;
        let source = &self.meta_source;
        let tags = &self.meta_tags;
        let w = &mut self.writer;
        w.root(kind, &target.id);
        w.entry(|w| {
            w.verbatim("fullUrl", &["\"urn:uuid:", &target.id, "\""]);
            w.resource_scope(|w| {
                w.verbatim("resourceType", &["\"", kind, "\",\"id\":\"", &target.id, "\""]);
                let profile = match meta.profile {
                    Profile::Default => default_profile(kind),
                    Profile::None => None,
                    Profile::Url(url) => Some(url),
                };
                match (profile, meta.security.is_empty()) {
                    (Some(url), true) => {
                        let parts =
                            ["{\"source\":", source, ",\"profile\":[\"", url, "\"],\"tag\":", tags, "}"];
                        w.verbatim("meta", &parts);
                    }
                    (None, true) => w.verbatim("meta", &["{\"source\":", source, ",\"tag\":", tags, "}"]),
                    (profile, false) => {
                        w.object("meta", |w| {
                            w.verbatim("source", &[source]);
                            if let Some(url) = profile {
                                w.array("profile", |w| w.value(url, ()));
                            }
                            w.array("security", |w| {
                                for (system, code, display, from) in &meta.security {
                                    w.element(|w| {
                                        causeway_fhir::Coding::new(system, code, display).body(w, from)
                                    });
                                }
                            });
                            w.verbatim("tag", &[tags]);
                        });
                    }
                }
                f(w);
            });
            w.verbatim("request", &["{\"method\":\"PUT\",\"url\":\"", kind, "/", &target.id, "\"}"]);
        });
        if let Some(open) = &mut self.open {
            open.written.insert(target.id.clone());
            open.order.push(target.clone());
        }
        if self.writer.issues_waiting() > limits::ISSUES_MAX {
            self.take_issues();
        }
        target
    }

    /// A reference for a resource whose key is taken.
    fn second(&mut self, kind: &'static str, key: &str) -> Ref {
        self.issue(common::SOURCE_ID_REPEATED.with(kind));
        // Thousands of records may share one id, so the search goes on where it ended the last time.
        let own = self.id(kind, key);
        let mut number = self.open.as_ref().and_then(|open| open.repeats.get(&own)).copied().unwrap_or(1);
        let id = loop {
            number = number.saturating_add(1);
            let id = self.id(kind, &format!("{key}#{number}"));
            if number == u32::MAX || !self.has_id(&id) {
                break id;
            }
        };
        if let Some(open) = &mut self.open {
            open.repeats.insert(own, number);
        }
        Ref { kind, id }
    }

    /// The writer, for claims that belong to no resource.
    pub fn writer(&mut self) -> &mut Writer {
        &mut self.writer
    }

    /// Claims an outcome for items outside any resource.
    pub fn claim(&mut self, from: impl Sources, outcome: Outcome, reason: &'static str) {
        let ledger = &mut self.ledger;
        from.each(&mut |item| ledger.claim(item, outcome, reason));
    }

    /// Raises an issue.
    pub fn issue(&mut self, issue: Issue) {
        self.keep(None, issue);
    }

    /// Keeps an issue, with the position of its item where it has none. Beyond [`limits::ISSUES_MAX`] the first of each
    /// sentence is kept, and the others are counted.
    fn keep(&mut self, item: Option<ItemId>, mut issue: Issue) {
        if self.crowded() && self.beyond.is_again(&issue) {
            return;
        }
        if issue.position.is_none() {
            issue.position = item.and_then(|item| self.ledger.position(item));
        }
        self.issues.push(issue);
    }

    /// Raises an issue at a source item.
    pub fn issue_at(&mut self, item: ItemId, issue: Issue) {
        self.keep(Some(item), Issue { position: None, ..issue });
    }

    /// A state within the open bundle to return to: see [`Composer::undo_to`].
    pub fn checkpoint(&self) -> (Mark, usize) {
        (self.writer.mark(), self.open.as_ref().map_or(0, |open| open.order.len()))
    }

    /// Takes back every resource written since a checkpoint, with its claims. Issues stay.
    pub fn undo_to(&mut self, checkpoint: (Mark, usize)) {
        self.writer.rollback(checkpoint.0);
        if let Some(open) = &mut self.open {
            for gone in open.order.drain(checkpoint.1.min(open.order.len())..) {
                open.written.remove(&gone.id);
                open.repeats.clear();
            }
        }
    }

    /// Closes the open bundle with its `Provenance` and makes it an output. A bundle in which nothing was
    /// written is no output. Returns whether there is one.
    pub fn end(
        &mut self,
        label: impl Into<String>,
        event: impl Into<String>,
        recipient: Option<String>,
    ) -> bool {
        let Some(open) = self.open.take() else { return false };
        if open.order.is_empty() {
            self.writer.rollback(open.start);
            self.settle();
            self.writer.take_trail();
            self.offered.clear();
            return false;
        }
        self.provenance(&open);
        if self.writer.is_full() {
            self.refuse(&open);
            return false;
        }
        let mut json = self.writer.take();
        json.extend_from_slice(b"]}");
        self.settle();
        self.localise(&mut json);
        self.last_bytes = json.len();
        self.outputs.push(Output {
            json,
            id: open.id,
            label: label.into(),
            event: event.into(),
            recipient,
            resources: open.order.len() as u32 + 1,
        });
        true
    }

    /// Takes back a bundle that is larger than its source allows, and says so. All that it had claimed was of it.
    fn refuse(&mut self, open: &Open) {
        let at = self.writer.last_claimed();
        let mut items = open.settled.clone();
        items.extend(self.writer.claimed_since(open.start));
        self.writer.rollback(open.start);
        drop(self.writer.take());
        self.settle();
        self.writer.take_trail();
        self.offered.clear();
        items.sort_unstable();
        items.dedup();
        items
            .into_iter()
            .for_each(|item| self.ledger.overrule(item..item + 1, Outcome::Rejected, budget::TOO_LARGE));
        self.refused = true;
        let issue = common::OUTPUT_TOO_LARGE.with(&budget::MEMORY_TIMES.to_string());
        self.keep(at, issue);
    }

    /// Throws the open bundle away, with its claims; issues stay. The caller says what became of the items,
    /// usually by [`Ledger::overrule`].
    pub fn abandon(&mut self) {
        if let Some(open) = self.open.take() {
            self.writer.rollback(open.start);
        }
        self.settle();
        self.writer.take_trail();
        self.offered.clear();
    }

    /// Whether the site's own tables name a place of the source (`ZPI-3.1`, a heading).
    pub fn is_named(&self, place: &str) -> bool {
        self.local.is_some_and(|local| local.name(&self.context.sender, self.adapter, place))
    }

    /// Offers a value that has no place in what the adapter writes to the site's own tables. They are asked when the bundle
    /// that is open, or the next one, ends; what is refused by then is passed over.
    pub fn offer(&mut self, leaf: Leaf<'_>) {
        if self.local.is_none() || leaf.is_blank() {
            return;
        }
        let place = self.ledger.items().get(leaf.id as usize);
        let place = place.map(|item| generic(&item.place.render(self.ledger.outline())));
        if place.is_some_and(|place| self.is_named(&place)) {
            self.offered.push(Offered { item: leaf.id, text: leaf.text.to_owned() });
        }
    }

    /// Lets the site's own tables add to a finished bundle.
    fn localise(&mut self, json: &mut Vec<u8>) {
        let Some(local) = self.local else { return };
        let trail = self.writer.take_trail();
        let offered = std::mem::take(&mut self.offered);
        let applied = local.apply(&Work {
            sender: &self.context.sender,
            adapter: self.adapter,
            zone: &self.context.zone,
            bundle: json,
            trail: &trail,
            offered: &offered,
            ledger: &self.ledger,
        });
        let mut known = HashSet::new();
        // What a table wrote did not go through the writer, which tells of characters that were lost.
        let mut lossy: Vec<ItemId> = Vec::new();
        for one in offered.iter().filter(|one| one.text.contains(char::REPLACEMENT_CHARACTER)) {
            lossy.extend(applied.claims.iter().map(|claim| claim.item).find(|item| *item == one.item));
        }
        for claim in applied.claims {
            self.ledger.claim(claim.item, claim.outcome, claim.reason);
            self.ledger.note(claim.item, claim.reason);
            if self.context.explain && !claim.path.is_empty() {
                self.ledger.trace(claim.item, &claim.path);
            }
            if claim.outcome == Outcome::Mapped {
                known.extend(self.ledger.position(claim.item).map(|at| (at.span, at.path)));
            }
        }
        // What no table of the adapter knew is known now.
        let unknown = |issue: &Issue| {
            issue.code == IssueCode::CodeInvalid
                && issue.position.as_ref().is_some_and(|at| known.contains(&(at.span, at.path.clone())))
        };
        if !known.is_empty() {
            self.issues.retain(|issue| !unknown(issue));
        }
        for (item, issue) in applied.issues {
            self.issue_at(item, issue);
        }
        for item in lossy {
            self.issue_at(item, common::CHARACTER_LOST.issue());
        }
        if let Some(bundle) = applied.bundle {
            *json = bundle;
        }
    }

    /// Number of the first item entered since the open bundle was begun.
    pub fn first_item(&self) -> ItemId {
        self.open.as_ref().map_or(0, |open| open.first_item)
    }

    fn provenance(&mut self, open: &Open) {
        let id = self.id("Provenance", &open.id);
        let context = self.context;
        let adapter = self.adapter;
        let received = &self.received;
        let source = &self.meta_source;
        let tags = &self.meta_tags;
        let w = &mut self.writer;
        w.root("Provenance", &id);
        w.entry(|w| {
            w.fixed("fullUrl", &format!("urn:uuid:{id}"));
            w.resource_scope(|w| {
                w.fixed("resourceType", "Provenance");
                w.fixed("id", &id);
                w.object("meta", |w| {
                    w.raw("source", source.as_bytes(), ());
                    w.raw("tag", tags.as_bytes(), ());
                });
                w.array("target", |w| {
                    for target in &open.order {
                        w.reference_element(target, ());
                    }
                });
                w.fixed("recorded", received);
                w.array("agent", |w| {
                    agent(w, "author", |w| {
                        w.object("identifier", |w| {
                            w.fixed("system", &context.sender.system);
                            w.fixed("value", &context.sender.code);
                        });
                        if !context.sender.name.is_empty() {
                            w.fixed("display", &context.sender.name);
                        }
                    });
                    agent(w, "assembler", |w| {
                        let version = env!("CARGO_PKG_VERSION");
                        w.fixed("display", &format!("Causeway {version}, adapter {adapter}"));
                    });
                });
                w.array("entity", |w| {
                    w.element(|w| {
                        w.fixed("role", "source");
                        w.object("what", |w| {
                            w.object("identifier", |w| {
                                w.fixed("system", systems::ORIGINAL);
                                w.fixed("value", &context.original);
                            });
                        });
                    });
                });
            });
            w.object("request", |w| {
                w.fixed("method", "PUT");
                w.fixed("url", &format!("Provenance/{id}"));
            });
        });
    }

    /// Enters the claims and issues made so far for good: nothing written before can be taken back after it. For
    /// long records, whose claims would otherwise pile up until the bundle ends.
    pub fn settle(&mut self) {
        if let Some(open) = &mut self.open {
            open.settled.extend(self.writer.claimed_since(open.start));
            open.start = open.start.after_settling();
        }
        self.writer.settle(&mut self.ledger);
        self.take_issues();
    }

    fn take_issues(&mut self) {
        for (item, issue) in self.writer.take_issues() {
            self.keep(item, issue);
        }
        for (issue, times) in self.writer.take_beyond() {
            if !self.beyond.count(&issue, times) {
                (0..times).for_each(|_| self.keep(None, issue.clone()));
            }
        }
    }

    /// Hands the finished bundles over, so that they need not be kept while others are made. Only between bundles; items
    /// stay as they are.
    pub fn hand_over(&mut self, sink: &mut dyn Sink) {
        self.outputs.drain(..).for_each(|output| sink.output(output));
    }

    /// Hands everything that is finished to the sink. Only between bundles. Items entered so far are
    /// accounted for with this: their ids are not valid after it.
    pub fn flush(&mut self, sink: &mut dyn Sink) {
        self.settle();
        if std::mem::take(&mut self.refused) {
            self.ledger.claim_rest(0..self.ledger.next_id(), Outcome::Rejected, budget::TOO_LARGE);
        }
        self.hand_over(sink);
        for issue in self.issues.drain(..) {
            sink.issue(issue);
        }
        for (issue, count) in self.beyond.take() {
            (0..count).for_each(|_| sink.issue(issue.clone()));
        }
        let mut next = Ledger::new();
        if let Some(outline) = self.ledger.outline() {
            next.set_outline(outline.clone());
        }
        sink.ledger(std::mem::replace(&mut self.ledger, next));
    }

    /// Finished bundles that have not been handed over.
    pub fn outputs(&self) -> &[Output] {
        &self.outputs
    }

    /// Issues raised so far and not handed over.
    pub fn issues(&self) -> &[Issue] {
        &self.issues
    }

    /// Whether the issues are so many that more would only be counted.
    pub fn crowded(&self) -> bool {
        self.issues.len() >= limits::ISSUES_MAX
    }
}

fn agent(w: &mut Writer, code: &str, who: impl FnOnce(&mut Writer)) {
    w.element(|w| {
        w.object("type", |w| {
            w.array("coding", |w| {
                w.element(|w| {
                    w.fixed("system", "http://terminology.hl7.org/CodeSystem/provenance-participant-type");
                    w.fixed("code", code);
                });
            });
        });
        w.object("who", who);
    });
}
