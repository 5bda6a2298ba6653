//! Takes what an adapter gives, bundle by bundle: checks it, counts it, and keeps it in memory or, where an adapter
//! streams and it becomes too much, in pieces that the engine makes durable while the translation goes on.

use std::cell::RefCell;
use std::io::{self, Read};
use std::time::{Duration, Instant};

use causeway_adapter::{Acknowledgement, Adapter, Output, Sink, render};
use causeway_core::{Issue, Ledger, Severity, Totals, limits::ISSUES_MAX};
use causeway_exchange::message::Checksum;
use causeway_exchange::route::Routes;
use causeway_exchange::{EngineError, Lease, Message, Piece, PieceKind, StoredOutput};
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use sha2::{Digest, Sha256};
use tokio_util::sync::CancellationToken;

use super::check::Checked;
use super::content::cause;
use super::pieces::{Entry, Filling};
use super::route;
use crate::limits::{HANDED_MESSAGE_BYTES, LEASE_SECONDS, PIECE_BYTES};
use crate::state::AppState;

/// Why a translation was broken off: the program, and not the input.
#[derive(Debug)]
pub(super) enum Broken {
    /// The service is being stopped.
    Stopped,
    /// The engine, or the content.
    Failed(EngineError),
}

/// Whether a translation goes on: shared by what it reads from and what it writes to.
#[derive(Default)]
pub(super) struct Gate {
    broken: RefCell<Option<Broken>>,
    stop: Option<CancellationToken>,
}

impl Gate {
    /// One that a stopping service closes.
    pub(super) fn new(stop: Option<&CancellationToken>) -> Self {
        Self { broken: RefCell::default(), stop: stop.cloned() }
    }

    fn close(&self, why: Broken) {
        self.broken.borrow_mut().get_or_insert(why);
    }

    fn is_closed(&self) -> bool {
        if self.stop.as_ref().is_some_and(CancellationToken::is_cancelled) {
            self.close(Broken::Stopped);
        }
        self.broken.borrow().is_some()
    }

    /// Why it was closed.
    pub(super) fn broken(&self) -> Option<Broken> {
        self.broken.borrow_mut().take()
    }
}

/// Reads as long as the gate is open. An adapter that finds it closed gives up.
pub(super) struct Gated<'g, R> {
    pub(super) gate: &'g Gate,
    pub(super) reader: R,
}

impl<R: Read> Read for Gated<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.gate.is_closed() {
            return Err(io::ErrorKind::ConnectionAborted.into());
        }
        self.reader.read(buffer).inspect_err(|error| {
            if error.kind() != io::ErrorKind::Interrupted {
                self.gate.close(Broken::Failed(cause(error)));
            }
        })
    }
}

/// What one translation is made with.
pub(super) struct Job<'a> {
    pub(super) state: &'a AppState,
    pub(super) routes: &'a Routes,
    pub(super) message: &'a Message,
    pub(super) adapter: &'static dyn Adapter,
    /// The lease to be kept while it takes long.
    pub(super) lease: Option<&'a Lease>,
    pub(super) gate: &'a Gate,
}

/// The sink.
pub(super) struct Collect<'a> {
    job: &'a Job<'a>,
    until: Option<Timestamp>,
    /// Bundles held in memory; none once they are kept in pieces.
    pub(super) entries: Vec<Entry>,
    /// The same bundles as they were read for the check; none where they are too large to be kept so.
    pub(super) read: Option<Vec<Value>>,
    /// Bytes held.
    held: usize,
    outputs: Filling,
    ledger: Filling,
    /// Stretches of the ledger that are full and held in memory.
    stretches: Vec<Filling>,
    /// What is durable. Not empty: the translation is kept in pieces.
    pub(super) pieces: Vec<Piece>,
    in_pieces: bool,
    /// Whether any bundle in a piece goes anywhere but to the record.
    pub(super) routed: bool,
    pub(super) count: u64,
    digests: Sha256,
    /// The digest of each bundle that is held in memory.
    pub(super) each_digest: Vec<Checksum>,
    pub(super) checked: Checked,
    /// When the check of the first bundle began, and that of the last ended.
    pub(super) checking: Option<(Timestamp, Timestamp)>,
    /// Time that was spent here and not by the adapter.
    pub(super) spent: Duration,
    pub(super) issues: Vec<Issue>,
    pub(super) issues_dropped: usize,
    pub(super) refused: u64,
    pub(super) warnings: u64,
    pub(super) totals: Totals,
    pub(super) acknowledgement: Option<Acknowledgement>,
}

impl<'a> Collect<'a> {
    pub(super) fn new(job: &'a Job<'a>) -> Self {
        Self {
            job,
            until: job.lease.map(|lease| lease.until),
            entries: Vec::new(),
            read: Some(Vec::new()),
            held: 0,
            outputs: Filling::new(PieceKind::Outputs),
            ledger: Filling::new(PieceKind::Ledger),
            stretches: Vec::new(),
            pieces: Vec::new(),
            in_pieces: false,
            routed: false,
            count: 0,
            digests: Sha256::new(),
            each_digest: Vec::new(),
            checked: Checked::default(),
            checking: None,
            spent: Duration::ZERO,
            issues: Vec::new(),
            issues_dropped: 0,
            refused: 0,
            warnings: 0,
            totals: Totals::default(),
            acknowledgement: None,
        }
    }

    /// Bytes of one piece.
    fn piece_bytes(&self) -> usize {
        let budget = usize::try_from(self.job.state.config.limits.spill_bytes).unwrap_or(usize::MAX);
        PIECE_BYTES.min(budget)
    }

    /// Keeps what is held in pieces from now on, where it is too much for memory and the adapter allows it.
    fn relieve(&mut self) {
        if self.in_pieces
            || (self.held as u64) < self.job.state.config.limits.spill_bytes
            || !self.job.adapter.streams()
        {
            return;
        }
        self.in_pieces = true;
        for entry in std::mem::take(&mut self.entries) {
            self.place(entry);
        }
        for stretch in std::mem::take(&mut self.stretches) {
            self.stage(stretch);
        }
        self.held = 0;
    }

    /// Puts a bundle where bundles are kept.
    fn place(&mut self, entry: Entry) {
        let job = self.job;
        if !self.in_pieces {
            self.held += entry.output.bytes.len();
            self.entries.push(entry);
            return;
        }
        self.routed =
            self.routed || route::goes_anywhere(job.routes, job.message, job.adapter.name(), &entry);
        self.outputs.push(entry);
        if self.outputs.len() >= self.piece_bytes() {
            let full = self.outputs.next();
            self.stage(full);
        }
    }

    fn stage(&mut self, full: Filling) {
        if full.count() == 0 || self.job.gate.is_closed() {
            return;
        }
        let staged = self.keep_lease().and_then(|()| full.stage(self.job.state));
        match staged {
            Ok(piece) => self.pieces.push(piece),
            Err(error) => self.job.gate.close(Broken::Failed(error)),
        }
    }

    /// Makes the lease last where half of it is over.
    fn keep_lease(&mut self) -> Result<(), EngineError> {
        let (Some(lease), Some(until)) = (self.job.lease, self.until) else { return Ok(()) };
        let now = self.job.state.clock.now();
        let full = SignedDuration::from_secs(LEASE_SECONDS);
        if until.duration_since(now) > full / 2 {
            return Ok(());
        }
        self.job.state.engine.extend(lease, now + full, now)?;
        self.until = Some(now + full);
        Ok(())
    }

    /// Ends the last pieces. The ledger's items as text where they are held in memory, and in how many pieces they are
    /// where they are not.
    pub(super) fn finish(&mut self) -> (Vec<u8>, usize) {
        if self.in_pieces {
            let (outputs, ledger) = (self.outputs.next(), self.ledger.next());
            self.stage(outputs);
            self.stage(ledger);
            let pages = self.pieces.iter().filter(|p| p.kind == PieceKind::Ledger).count();
            return (Vec::new(), pages);
        }
        if self.stretches.is_empty() {
            return (self.ledger.next().into_text(), 0);
        }
        let mut text = Vec::with_capacity(self.held);
        self.stretches.push(self.ledger.next());
        for stretch in self.stretches.drain(..).filter(|s| s.count() > 0) {
            if !text.is_empty() {
                text.extend_from_slice(b",\n");
            }
            text.extend_from_slice(stretch.text());
        }
        (text, 0)
    }

    /// One digest over all outputs.
    pub(super) fn digest(&self) -> [u8; 32] {
        self.digests.clone().finalize().into()
    }

    pub(super) fn is_in_pieces(&self) -> bool {
        self.in_pieces
    }

    /// Source items so far.
    pub(super) fn items(&self) -> u64 {
        self.ledger.total()
    }

    /// Counts an issue and keeps it. The last one, that nothing could be read, is kept in any case.
    pub(super) fn note(&mut self, issue: Issue, always: bool) {
        match issue.severity {
            Severity::Error | Severity::Fatal => self.refused += 1,
            Severity::Warning => self.warnings += 1,
            Severity::Information => {}
        }
        if always || self.issues.len() < ISSUES_MAX {
            self.issues.push(issue);
        } else {
            self.issues_dropped += 1;
        }
    }
}

impl Drop for Collect<'_> {
    /// Gives up what was made durable for nothing, also where the program failed.
    fn drop(&mut self) {
        if self.pieces.is_empty() {
            return;
        }
        let staged: Vec<_> = self.pieces.drain(..).map(|p| p.content).collect();
        if let Err(error) = self.job.state.engine.unstage(&staged) {
            tracing::warn!(error = %error, "pieces of a translation stay until the next start");
        }
    }
}

impl Sink for Collect<'_> {
    fn output(&mut self, output: Output) {
        let started = Instant::now();
        let number = self.count;
        self.count += 1;
        let began = self.job.state.clock.now();
        let (bytes, read) = self.checked.bundle(self.job.state, number, output.json);
        let first = self.checking.map_or(began, |(first, _)| first);
        self.checking = Some((first, self.job.state.clock.now()));
        let fits = self.held + bytes.len() <= HANDED_MESSAGE_BYTES;
        self.read = match (self.read.take(), read) {
            (Some(mut all), Some(one)) if fits && !self.in_pieces => {
                all.push(one);
                Some(all)
            }
            _ => None,
        };
        let digest = Sha256::digest(&bytes);
        self.digests.update(digest);
        if self.read.is_some() {
            self.each_digest.push(digest.into());
        }
        let name = if output.label.is_empty() { format!("bundle {}", number + 1) } else { output.label };
        let output_kept = StoredOutput { name, media_type: causeway_fhir::MEDIA_TYPE.to_owned(), bytes };
        self.place(Entry { output: output_kept, event: output.event, recipient: output.recipient });
        self.relieve();
        self.spent += started.elapsed();
    }

    fn issue(&mut self, issue: Issue) {
        self.note(issue, false);
    }

    fn ledger(&mut self, ledger: Ledger) {
        let started = Instant::now();
        self.totals.merge(&ledger.totals());
        let full = self.piece_bytes();
        self.ledger.reserve(ledger.len(), full);
        for item in ledger.items() {
            let before = self.ledger.len();
            self.ledger.item(|text| render::write_item(&ledger, item, text));
            self.held += self.ledger.len() - before;
            if self.ledger.len() < full {
                continue;
            }
            let stretch = self.ledger.next();
            if self.in_pieces {
                self.stage(stretch);
            } else {
                self.stretches.push(stretch);
                self.relieve();
            }
        }
        self.relieve();
        self.spent += started.elapsed();
    }

    fn acknowledgement(&mut self, acknowledgement: Acknowledgement) {
        self.acknowledgement = Some(acknowledgement);
    }
}
