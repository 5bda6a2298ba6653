//! `causeway translate`: files in, bundles, ledgers, issues and acknowledgements out.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use causeway_adapter::{Acknowledgement, Adapter, Context, Output, Sink, budget, render};
use causeway_core::{Issue, Ledger, Outcome, Severity, Totals, limits};

/// What became of one input.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// Name of the adapter that read it, empty where none did.
    pub adapter: &'static str,
    /// Version that it saw.
    pub version: String,
    /// Bundles written.
    pub bundles: usize,
    /// Items by outcome.
    pub totals: Totals,
    /// Issues by severity: error and fatal, warning, information.
    pub issues: [usize; 3],
    /// The first issues, for the summary.
    pub first: Vec<Issue>,
    /// Files of an earlier run that were replaced.
    pub replaced: usize,
    /// Nothing could be read.
    pub unreadable: bool,
    /// Of each bundle that was written in another format too: its bytes, and the elements left behind.
    pub written: Vec<(usize, usize)>,
    /// The answer to the sender, if the format has one: whether it is positive.
    pub acknowledged: Option<bool>,
}

impl Report {
    /// Whether any record of the input was refused.
    pub fn rejected(&self) -> bool {
        self.unreadable || self.issues[0] > 0 || self.totals.of(Outcome::Rejected) > 0
    }
}

/// Issues that a summary shows in full.
const ISSUES_SHOWN: usize = 8;

/// Which part of the memory that the check of a bundle may take bundles may that wait for their check.
const WAITING_SHARE: usize = 4;

/// Where the pieces of a translation go: files under a folder, or nowhere (a summary alone).
struct Files {
    report: Report,
    /// Output files' path without ending; `None` writes nothing.
    base: Option<PathBuf>,
    /// The first bundle, until it is known whether there is a second.
    first: Option<Output>,
    ledger: Option<BufWriter<File>>,
    items: usize,
    issues: Vec<Issue>,
    dropped: usize,
    failed: Option<io::Error>,
    /// The format that each bundle is written in too, and what is known beside it.
    to: Option<(&'static dyn Adapter, Context)>,
    /// Bytes of memory that the check of a bundle may take as values.
    room: usize,
    /// Bundles that are checked and written when the translation has ended: what it held of its source is free then.
    waiting: Vec<Output>,
    waiting_bytes: usize,
    /// Whether the translation goes on holding what it holds: nothing waits for its end.
    streams: bool,
}

impl Files {
    fn new(base: Option<PathBuf>, input: usize) -> Self {
        Self {
            room: crate::checked::room(input),
            waiting: Vec::new(),
            waiting_bytes: 0,
            streams: false,
            report: Report::default(),
            base,
            first: None,
            ledger: None,
            items: 0,
            issues: Vec::new(),
            dropped: 0,
            failed: None,
            to: None,
        }
    }

    fn path(&self, ending: &str) -> Option<PathBuf> {
        let base = self.base.as_ref()?;
        let mut name = base.file_name().unwrap_or_default().to_os_string();
        name.push(".");
        name.push(ending);
        Some(base.with_file_name(name))
    }

    fn write(&mut self, ending: &str, bytes: &[u8]) {
        let Some(path) = self.path(ending) else { return };
        self.report.replaced += usize::from(path.exists());
        if let Err(error) = std::fs::write(path, bytes) {
            self.failed.get_or_insert(error);
        }
    }

    /// Writes a bundle in the other format, with what that has no place for.
    fn write_back(&mut self, output: &Output) {
        let Some((to, context)) = self.to.clone() else { return };
        let number = self.report.bundles;
        let name = if number > 1 {
            format!("{number}.to-{}", to.written().0)
        } else {
            format!("to-{}", to.written().0)
        };
        let written = serde_json::from_slice(&output.json)
            .map_err(|_| causeway_adapter::common::NO_ENCODER.issue())
            .and_then(|bundle| to.encode(&bundle, &context));
        match written {
            Ok(encoded) => {
                self.report.written.push((encoded.bytes.len(), encoded.left_behind.len()));
                self.write(&name, &encoded.bytes);
                let list: Vec<_> = encoded
                    .left_behind
                    .iter()
                    .map(|i| serde_json::json!({"element": i.position.as_ref().map(|p| &p.path), "why": i.text}))
                    .collect();
                let text = serde_json::to_vec_pretty(&list).unwrap_or_default();
                self.write(&format!("{name}.left-behind.json"), &text);
            }
            Err(issue) => self.issue(issue),
        }
    }

    fn write_items(&mut self, ledger: &Ledger) -> io::Result<()> {
        let Some(path) = self.path("ledger.json") else { return Ok(()) };
        let file = match &mut self.ledger {
            Some(file) => file,
            None => {
                self.report.replaced += usize::from(path.exists());
                let mut file = BufWriter::new(File::create(path)?);
                file.write_all(b"{\"items\":[")?;
                self.ledger.insert(file)
            }
        };
        let items = &mut self.items;
        render::each_item(ledger, &mut |item| {
            file.write_all(if *items == 0 { b"\n" } else { b",\n" })?;
            *items += 1;
            file.write_all(item)
        })
    }

    /// Checks and writes a bundle.
    fn take(&mut self, output: Output) {
        self.report.bundles += 1;
        for issue in crate::checked::issues(&output.json, self.room) {
            self.issue(issue);
        }
        self.write_back(&output);
        match self.report.bundles {
            1 => self.first = self.base.is_some().then_some(output),
            number => {
                if let Some(first) = self.first.take() {
                    self.write("1.r4.json", &first.json);
                }
                self.write(&format!("{number}.r4.json"), &output.json);
            }
        }
    }

    fn take_waiting(&mut self) {
        self.waiting_bytes = 0;
        std::mem::take(&mut self.waiting).into_iter().for_each(|output| self.take(output));
    }

    fn finish(mut self) -> io::Result<Report> {
        self.take_waiting();
        if let Some(only) = self.first.take() {
            self.write("r4.json", &only.json);
        }
        if let Some(mut file) = self.ledger.take() {
            let totals = &self.report.totals;
            let unexplained = totals.of(Outcome::Unexplained);
            write!(file, "\n],\"totals\":{},\"unexplained\":{unexplained}}}\n", render::totals_json(totals))?;
            file.flush()?;
        }
        if let Some(path) = self.path("issues.json") {
            self.report.replaced += usize::from(path.exists());
            let told = render::told(&self.issues, &self.report.totals);
            let written = File::create(path).and_then(|file| {
                let mut file = BufWriter::new(file);
                render::write_outcome(told.iter().map(std::borrow::Cow::as_ref), self.dropped, &mut file)?;
                file.flush()
            });
            if let Err(error) = written {
                self.failed.get_or_insert(error);
            }
        }
        match self.failed {
            Some(error) => Err(error),
            None => Ok(self.report),
        }
    }
}

impl Sink for Files {
    fn output(&mut self, output: Output) {
        if self.streams {
            return self.take(output);
        }
        // A long one waits alone, and many do not.
        if self.waiting_bytes > 0 && self.waiting_bytes + output.json.len() > self.room / WAITING_SHARE {
            self.take_waiting();
        }
        self.waiting_bytes += output.json.len();
        self.waiting.push(output);
    }

    fn issue(&mut self, issue: Issue) {
        let class = match issue.severity {
            Severity::Fatal | Severity::Error => 0,
            Severity::Warning => 1,
            Severity::Information => 2,
        };
        self.report.issues[class] += 1;
        if self.report.first.len() < ISSUES_SHOWN {
            self.report.first.push(issue.clone());
        }
        if self.issues.len() < limits::ISSUES_MAX {
            self.issues.push(issue);
        } else {
            self.dropped += 1;
        }
    }

    fn ledger(&mut self, ledger: Ledger) {
        self.report.totals.merge(&ledger.totals());
        if let Err(error) = self.write_items(&ledger) {
            self.failed.get_or_insert(error);
        }
    }

    fn acknowledgement(&mut self, acknowledgement: Acknowledgement) {
        self.report.acknowledged = Some(acknowledgement.positive);
        self.write(&format!("ack.{}", acknowledgement.extension), &acknowledgement.bytes);
    }
}

/// Translates one input and writes its files beside `base`; without `base` only the report is made.
///
/// # Errors
/// Where a file can't be written.
pub fn one(
    adapter: &'static dyn Adapter,
    version: String,
    input: &[u8],
    context: &Context,
    base: Option<&Path>,
    to: Option<&'static dyn Adapter>,
) -> io::Result<Report> {
    if let Some(folder) = base.and_then(Path::parent) {
        std::fs::create_dir_all(folder)?;
    }
    let mut files = Files::new(base.map(Path::to_path_buf), input.len());
    files.to = to.map(|to| (to, context.clone()));
    files.report.adapter = adapter.name();
    files.streams = adapter.streams();
    files.report.version = version;
    let affordable = budget::within(adapter, input, budget::MEMORY_BYTES);
    if let Err(issue) = affordable.and_then(|()| adapter.translate(input, context, &mut files)) {
        refuse(&mut files, input, issue);
    }
    files.finish()
}

/// The adapter that writes a format.
///
/// # Errors
/// Which formats are written, where this one is not.
pub fn writer(name: &str) -> Result<&'static dyn Adapter, String> {
    let mut written = crate::ADAPTERS.iter().copied().filter(|a| a.encodes());
    written.clone().find(|a| a.written().0 == name).ok_or_else(|| {
        let known: Vec<&str> = written.by_ref().map(|a| a.written().0).collect();
        format!("--to {name}: no format of this name is written; these are: {}", known.join(", "))
    })
}

/// Writes the account of an input that no adapter could read: one item, rejected.
///
/// # Errors
/// Where a file can't be written.
pub fn unrecognised(input: &[u8], base: Option<&Path>, why: Issue) -> io::Result<Report> {
    if let Some(folder) = base.and_then(Path::parent) {
        std::fs::create_dir_all(folder)?;
    }
    let mut files = Files::new(base.map(Path::to_path_buf), input.len());
    refuse(&mut files, input, why);
    files.finish()
}

fn refuse(files: &mut Files, input: &[u8], issue: Issue) {
    files.report.unreadable = true;
    if files.report.totals.total() == 0 {
        let mut ledger = Ledger::new();
        let id = ledger.add(causeway_core::Place::Whole, causeway_core::Span::new(0, input.len()));
        ledger.claim(id, Outcome::Rejected, "the input could not be read");
        files.ledger(ledger);
    }
    files.issue(issue);
}

/// The readable summary of one input.
pub fn summary(name: &str, report: &Report) -> String {
    let mut out = String::new();
    let format = if report.adapter.is_empty() { "not recognised" } else { report.adapter };
    let state = match (report.unreadable, report.rejected()) {
        (true, _) => "refused",
        // Nothing came out of it.
        (false, true) if report.bundles == 0 => "refused",
        (false, true) => "translated in part",
        (false, false) => "translated",
    };
    out.push_str(&format!("{name}\n  {format} {}: {state}, {} bundle(s)\n", report.version, report.bundles));
    let counts: Vec<String> = Outcome::ALL
        .iter()
        .filter(|o| report.totals.of(**o) > 0)
        .map(|o| format!("{} {}", report.totals.of(*o), o.word()))
        .collect();
    out.push_str(&format!("  {} source items: {}\n", report.totals.total(), counts.join(", ")));
    if let Some(positive) = report.acknowledged {
        out.push_str(if positive {
            "  answer to the sender: accepted\n"
        } else {
            "  answer to the sender: refused\n"
        });
    }
    if !report.written.is_empty() {
        let (bytes, left) = report.written.iter().fold((0, 0), |sum, one| (sum.0 + one.0, sum.1 + one.1));
        let count = report.written.len();
        out.push_str(&format!(
            "  written back: {count} message(s), {bytes} bytes, {left} FHIR elements left behind\n"
        ));
    }
    if report.replaced > 0 {
        out.push_str(&format!("  replaced {} file(s) of an earlier run\n", report.replaced));
    }
    for issue in &report.first {
        let at = issue.position.as_ref().map(|p| format!(" at {p}")).unwrap_or_default();
        out.push_str(&format!("  {} [{}]{at}: {}\n", issue.severity.code(), issue.rule, issue.text));
    }
    let more = report.issues.iter().sum::<usize>().saturating_sub(report.first.len());
    if more > 0 {
        out.push_str(&format!("  … and {more} more issues\n"));
    }
    out
}

/// Parts of larger messages, by group, until all are there.
#[derive(Debug, Default)]
pub struct Parts {
    groups: BTreeMap<(&'static str, String), Vec<PartFile>>,
}

#[derive(Debug)]
struct PartFile {
    id: String,
    bytes: Vec<u8>,
    stem: PathBuf,
    path: PathBuf,
}

/// A message put together from parts: adapter, bytes, the stem of the first part, its path.
pub type Joined = (String, Result<(Vec<u8>, PathBuf, PathBuf), Vec<String>>);

impl Parts {
    /// Keeps an input for later where its adapter says that it is a part.
    pub fn keep(&mut self, adapter: &'static dyn Adapter, bytes: &[u8], stem: &Path, path: &Path) -> bool {
        let Some(part) = adapter.part(bytes) else { return false };
        let file = PartFile {
            id: part.id,
            bytes: bytes.to_vec(),
            stem: stem.to_path_buf(),
            path: path.to_path_buf(),
        };
        self.groups.entry((adapter.name(), part.group)).or_default().push(file);
        true
    }

    /// Puts each group together, or says which parts are missing. The order in which the files were named does
    /// not matter. Parts are looked for in one folder first, for the files of several exchanges may carry one
    /// conversation id; what is incomplete there is put together across folders.
    pub fn join(self, adapters: &'static [&'static dyn Adapter]) -> Vec<Joined> {
        let mut joined = Vec::new();
        for ((name, _), mut files) in self.groups {
            let Some(adapter) = adapters.iter().find(|a| a.name() == name) else { continue };
            files.sort_by(|a, b| (&a.stem, &a.path).cmp(&(&b.stem, &b.path)));
            let mut folders: BTreeMap<PathBuf, Vec<PartFile>> = BTreeMap::new();
            for file in files {
                let folder = file.path.parent().map(Path::to_path_buf).unwrap_or_default();
                folders.entry(folder).or_default().push(file);
            }
            let mut rest = Vec::new();
            for (_, files) in folders {
                match together(*adapter, &files) {
                    Ok(whole) => joined.push((name.to_owned(), Ok(whole))),
                    Err(_) => rest.extend(files),
                }
            }
            if !rest.is_empty() {
                joined.push((name.to_owned(), together(*adapter, &rest)));
            }
        }
        joined
    }
}

fn together(adapter: &dyn Adapter, files: &[PartFile]) -> Result<(Vec<u8>, PathBuf, PathBuf), Vec<String>> {
    let parts: Vec<_> = files.iter().map(|f| (f.id.clone(), f.bytes.clone())).collect();
    let whole = adapter.join(&parts)?;
    // Named after the part that announces the others, where one does.
    let announces = |f: &&PartFile| adapter.part(&f.bytes).is_some_and(|p| !p.awaits.is_empty());
    let lead = files.iter().find(announces).or_else(|| files.first());
    let (stem, path) = lead.map(|f| (f.stem.clone(), f.path.clone())).unwrap_or_default();
    let stem = folder_of_parts(&stem, &path, files.len()).unwrap_or(stem);
    Ok((whole, stem, path))
}

/// A folder below the one that was named, and that holds the parts of one message and nothing else, is that
/// message: its name is the message's.
fn folder_of_parts(stem: &Path, path: &Path, parts: usize) -> Option<PathBuf> {
    let below = stem.parent().filter(|folder| !folder.as_os_str().is_empty())?;
    let present =
        std::fs::read_dir(path.parent()?).ok()?.flatten().filter(|entry| entry.path().is_file()).count();
    (present == parts).then(|| below.to_path_buf())
}
