//! `causeway backup` and `causeway restore`.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io::Read as _;
use std::path::{Path, PathBuf};

use causeway_exchange::{NewAudit, hex};
use causeway_postgres::Postgres;
use causeway_record::Record;
use causeway_seal::Key;
use clap::Args;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::exchange::{Exchange, configured, postgres_options};
use super::{EXCHANGE, KEY, POINTERS, RECORD, said};
use crate::process::print;

/// The list of what a backup holds.
const MANIFEST: &str = "backup.json";
/// The keyed digest of that list.
const SEAL: &str = "backup.seal";
/// Folder of a backup with the tables of an exchange in PostgreSQL.
const TABLES: &str = "exchange-postgres";
/// Version of a backup's layout.
const VERSION: u32 = 1;
/// Files beside exchange and record that a restored exchange needs. The key of the seals is not among them: a restored
/// exchange gets a key of its own, and who has the backup can't make seals of the first.
const BESIDE: [&str; 2] = ["person.key", "mesh-tokens.log"];

/// Arguments of `backup`.
#[derive(Args, Debug)]
#[command(
    after_help = "The exchange may run. The copy is one moment of messages, record and audit trail; every content in it has been \
compared with its digest before this says so. It holds people's records in clear and the key of the queues' order: keep it as \
you keep the data. Nothing is overwritten.\n\n\
Messages in PostgreSQL are copied table by table, in one transaction that sees one moment; the copy goes into any empty database. \
What the record beside it lacks of that moment is taken in when the restored exchange starts.\n\nExit: 0 made, 2 not made."
)]
pub struct BackupArgs {
    /// Folder that the exchange keeps its data in.
    #[arg(long, value_name = "DIR", env = "CAUSEWAY_DATA")]
    data: PathBuf,
    /// The exchange's configuration, where it is not in that folder: it says which engine has the messages.
    #[arg(long, value_name = "FILE", env = "CAUSEWAY_CONFIG")]
    config: Option<PathBuf>,
    /// New folder for the copy, or new file that ends in .tar.
    #[arg(long, value_name = "FILE|DIR")]
    out: PathBuf,
}

/// Arguments of `restore`.
#[derive(Args, Debug)]
#[command(
    after_help = "Every file is compared with the backup's list, the list with its seal where --key is given, and the \
restored data are read whole. Nothing is overwritten. Messages of a backup from PostgreSQL go into the empty database that \
[postgres] of the configuration names.\n\nExit: 0 restored, 2 not restored."
)]
pub struct RestoreArgs {
    /// The backup.
    #[arg(long, value_name = "FILE|DIR")]
    from: PathBuf,
    /// New or empty folder for the data.
    #[arg(long, value_name = "DIR", env = "CAUSEWAY_DATA")]
    data: PathBuf,
    /// The configuration of the restored exchange, where its messages go into PostgreSQL.
    #[arg(long, value_name = "FILE", env = "CAUSEWAY_CONFIG")]
    config: Option<PathBuf>,
    /// The evidence.key of the exchange that made the backup: also finds a backup that somebody else has written.
    #[arg(long, value_name = "FILE")]
    key: Option<PathBuf>,
}

/// What a backup holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Manifest {
    version: u32,
    made_at: Timestamp,
    messages: u64,
    audit_entries: u64,
    audit_head: String,
    /// Digest over all that the exchange holds.
    exchange: String,
    /// Digest over what the record says.
    record: String,
    /// Path and SHA-256 of each file.
    files: BTreeMap<String, String>,
}

fn at(path: &Path, error: &dyn std::fmt::Display) -> String {
    format!("{}: {error}", path.display())
}

fn digest_of(path: &Path) -> Result<String, String> {
    let mut file = File::open(path).map_err(|e| at(path, &e))?;
    let (mut hash, mut buffer) = (Sha256::new(), vec![0; 256 * 1024]);
    loop {
        match file.read(&mut buffer).map_err(|e| at(path, &e))? {
            0 => return Ok(hex(&hash.finalize())),
            count => hash.update(buffer.get(..count).unwrap_or_default()),
        }
    }
}

fn empty(folder: &Path) -> Result<bool, String> {
    match fs::read_dir(folder) {
        Ok(mut list) => Ok(list.next().is_none()),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(true),
        Err(error) => Err(at(folder, &error)),
    }
}

fn is_tar(path: &Path) -> bool {
    path.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("tar"))
}

/// Runs `backup`.
///
/// # Errors
/// A sentence that says what could not be done.
pub fn run(args: &BackupArgs) -> Result<u8, String> {
    let exchange = Exchange::of(&args.data, &configured(&args.data, args.config.as_deref())?)?;
    let out = &args.out;
    if is_tar(out) {
        if out.exists() {
            return Err(at(out, &"is there already; a backup overwrites nothing"));
        }
        let folder = out.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let draft = tempfile::tempdir_in(folder).map_err(|e| at(folder, &e))?;
        let copied = draft.path().join("backup");
        let manifest = copy(&args.data, &exchange, &copied)?;
        let packed = draft.path().join("backup.tar");
        pack(&copied, &packed).map_err(|e| at(out, &e))?;
        // Never over one that has come meanwhile.
        fs::hard_link(&packed, out).map_err(|e| at(out, &e))?;
        tell(&manifest, out);
    } else {
        if !empty(out)? {
            return Err(at(out, &"is not empty; a backup overwrites nothing"));
        }
        let manifest = copy(&args.data, &exchange, out)?;
        tell(&manifest, out);
    }
    Ok(0)
}

fn tell(manifest: &Manifest, out: &Path) {
    print(&format!(
        "{} messages, {} audit entries in {}\nexchange {}\nrecord   {}\n",
        manifest.messages,
        manifest.audit_entries,
        out.display(),
        manifest.exchange,
        manifest.record
    ));
}

fn pack(folder: &Path, file: &Path) -> std::io::Result<()> {
    let mut archive = tar::Builder::new(File::create_new(file)?);
    archive.append_dir_all(".", folder)?;
    archive.into_inner()?.sync_all()
}

fn copy(data: &Path, exchange: &Exchange, out: &Path) -> Result<Manifest, String> {
    private(out)?;
    let key = Key::read(data).map_err(|e| said(data, &e))?;
    // The record first: what is taken into it later is ordered again in the copy of the exchange.
    let mut in_record = BTreeSet::new();
    let mut record = String::new();
    if data.join(RECORD).exists() {
        let copied = out.join(RECORD);
        causeway_record::copy(&data.join(RECORD), &copied).map_err(|e| said(data, &e))?;
        in_record = causeway_record::told(&copied)
            .map_err(|e| said(data, &e))?
            .into_iter()
            .map(|one| one.message)
            .collect();
        record = hex(&causeway_record::digest_of(&copied).map_err(|e| said(data, &e))?);
    }
    let (messages, audit_entries, audit_head, digest) = match exchange {
        Exchange::Embedded(folder) => {
            let copied = causeway_store::copy(folder, &out.join(EXCHANGE), &in_record);
            let copied = copied.map_err(|e| said(data, &e))?;
            (copied.messages, copied.audit_entries, copied.audit_head, copied.digest)
        }
        Exchange::Postgres(options, _) => {
            let reader = causeway_postgres::Reader::open(options.clone());
            let copied = reader.and_then(|reader| reader.copy(&out.join(TABLES)));
            let copied = copied.map_err(|e| exchange.failed(data, &e))?;
            (copied.messages, copied.audit_entries, copied.audit_head, copied.digest)
        }
    };
    if data.join(POINTERS).exists() {
        let pointers = causeway_locator::Store::open(data.join(POINTERS)).map_err(|e| said(data, &e))?;
        pointers.copy_to(&out.join(POINTERS)).map_err(|e| said(data, &e))?;
    }
    for name in BESIDE {
        if data.join(name).exists() {
            fs::copy(data.join(name), out.join(name)).map_err(|e| at(&data.join(name), &e))?;
        }
    }
    let mut files = BTreeMap::new();
    list(out, out, &mut files)?;
    let manifest = Manifest {
        version: VERSION,
        made_at: Timestamp::now(),
        messages,
        audit_entries,
        audit_head,
        exchange: digest,
        record,
        files,
    };
    let text = serde_json::to_string_pretty(&manifest).map_err(|e| e.to_string())?;
    write(&out.join(MANIFEST), text.as_bytes())?;
    if let Some(key) = key {
        write(&out.join(SEAL), hex(&key.sum(*b"bkup", 0, text.as_bytes())).as_bytes())?;
    }
    File::open(out).and_then(|f| f.sync_all()).map_err(|e| at(out, &e))?;
    Ok(manifest)
}

/// Makes a folder that only its user can look into.
fn private(folder: &Path) -> Result<(), String> {
    fs::create_dir_all(folder).map_err(|e| at(folder, &e))?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        fs::set_permissions(folder, fs::Permissions::from_mode(0o700)).map_err(|e| at(folder, &e))?;
    }
    Ok(())
}

fn write(path: &Path, bytes: &[u8]) -> Result<(), String> {
    fs::write(path, bytes).and_then(|()| File::open(path)?.sync_all()).map_err(|e| at(path, &e))
}

/// Every file below a folder with its digest; not what a database makes beside itself when it is read.
fn list(root: &Path, folder: &Path, into: &mut BTreeMap<String, String>) -> Result<(), String> {
    for entry in fs::read_dir(folder).map_err(|e| at(folder, &e))? {
        let path = entry.map_err(|e| at(folder, &e))?.path();
        let name = path.strip_prefix(root).unwrap_or(&path).to_string_lossy().into_owned();
        if path.is_dir() {
            list(root, &path, into)?;
        } else if ![MANIFEST, SEAL].contains(&name.as_str())
            && !name.ends_with("-wal")
            && !name.ends_with("-shm")
        {
            into.insert(name, digest_of(&path)?);
        }
    }
    Ok(())
}

/// Runs `restore`.
///
/// # Errors
/// A sentence that says what could not be done.
pub fn restore(args: &RestoreArgs) -> Result<u8, String> {
    let data = &args.data;
    if !empty(data)? {
        return Err(at(data, &"is not empty; a backup is put into an empty folder only"));
    }
    if args.from.is_dir() {
        put(&args.from, args)?;
    } else {
        let folder = data.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let unpacked = tempfile::tempdir_in(folder).map_err(|e| at(folder, &e))?;
        let mut archive = tar::Archive::new(File::open(&args.from).map_err(|e| at(&args.from, &e))?);
        // Refuses paths that lead out of the folder.
        archive.unpack(unpacked.path()).map_err(|e| at(&args.from, &e))?;
        put(unpacked.path(), args)?;
    }
    Ok(0)
}

fn put(from: &Path, args: &RestoreArgs) -> Result<(), String> {
    let data = &args.data;
    let text = fs::read(from.join(MANIFEST))
        .map_err(|e| at(&args.from, &format!("is no backup: {MANIFEST}: {e}")))?;
    if let Some(path) = &args.key {
        let folder = path.parent().filter(|_| path.file_name().is_some_and(|name| name == KEY));
        let folder = folder.ok_or_else(|| at(path, &format!("the key's file is called {KEY}")))?;
        let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
        let key = Key::read(folder).map_err(|e| e.to_string())?.ok_or_else(|| at(path, &"is not there"))?;
        let seal = fs::read_to_string(from.join(SEAL)).unwrap_or_default();
        if seal.trim() != hex(&key.sum(*b"bkup", 0, &text)) {
            return Err(at(
                &args.from,
                &"the list of the backup was not written by the exchange with this key",
            ));
        }
    }
    let manifest: Manifest =
        serde_json::from_slice(&text).map_err(|e| at(&args.from, &format!("{MANIFEST}: {e}")))?;
    if manifest.version != VERSION {
        return Err(at(&args.from, &format!("backups of version {} are not known", manifest.version)));
    }
    let mut files = BTreeMap::new();
    list(from, from, &mut files)?;
    for (name, digest) in &manifest.files {
        match files.get(name) {
            None => return Err(at(&args.from, &format!("{name} is missing"))),
            Some(found) if found != digest => {
                return Err(at(&args.from, &format!("{name} does not have its digest")));
            }
            Some(_) => {}
        }
    }
    // Where to is known, and that it is there, before anything is written.
    let exchange = if from.join(TABLES).exists() {
        let config = configured(data, args.config.as_deref())?;
        let settings = config.postgres.as_ref().ok_or_else(|| {
            at(&args.from, &"its messages were in PostgreSQL: --config names a configuration with [postgres]")
        })?;
        Exchange::Postgres(postgres_options(settings)?, settings.connection_file.clone())
    } else {
        Exchange::Embedded(data.join(EXCHANGE))
    };
    private(data)?;
    if let Exchange::Postgres(options, _) = &exchange {
        // In one transaction: nothing of it stays where it fails.
        Postgres::restore(&from.join(TABLES), options.clone())
            .map(drop)
            .map_err(|e| exchange.failed(data, &e))?;
    }
    for name in manifest.files.keys().filter(|name| !Path::new(name).starts_with(TABLES)) {
        let to = data.join(name);
        if let Some(folder) = to.parent() {
            fs::create_dir_all(folder).map_err(|e| at(folder, &e))?;
        }
        fs::copy(from.join(name), &to).map_err(|e| at(&to, &e))?;
        File::open(&to).and_then(|f| f.sync_all()).map_err(|e| at(&to, &e))?;
    }
    let digest = exchange.read().and_then(|reader| reader.digest()).map_err(|e| exchange.failed(data, &e))?;
    let record = match data.join(RECORD).exists() {
        true => hex(&causeway_record::digest_of(&data.join(RECORD)).map_err(|e| said(data, &e))?),
        false => String::new(),
    };
    if digest != manifest.exchange || record != manifest.record {
        return Err(said(data, &"the restored data do not have the backup's digests"));
    }
    super::seal_key(data).map_err(|e| said(data, &e))?;
    let entry = NewAudit {
        actor: "operator".to_owned(),
        action: "restored".to_owned(),
        entity: "exchange".to_owned(),
        detail: format!("backup of {}, list sha256={}", manifest.made_at, hex(&Sha256::digest(&text))),
    };
    exchange
        .write()
        .and_then(|engine| engine.audit(vec![entry], Timestamp::now()))
        .map_err(|e| exchange.failed(data, &e))?;
    drop(Record::open(data.join(RECORD)).map_err(|e| said(data, &e))?);
    let found = super::verify::examine(data, &exchange);
    if let Some(first) = found.first() {
        return Err(said(data, &format!("restored, and not as it was written: {first}")));
    }
    tell(&manifest, data);
    Ok(())
}
