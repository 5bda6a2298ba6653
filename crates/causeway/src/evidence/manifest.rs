//! The list of a pack's files with their digests, its signature, its verification and its comparison with another.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use aws_lc_rs::signature::{ED25519, Ed25519KeyPair, UnparsedPublicKey};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use causeway_exchange::{AuditEntry, NewAudit, hex};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// Name of the manifest.
pub const MANIFEST: &str = "manifest.json";
/// SHA-256 of the manifest, as `sha256sum` writes it.
pub const DIGEST: &str = "manifest.sha256";
/// Ed25519 signature of the manifest: 64 bytes.
pub const SIGNATURE: &str = "manifest.sig";
/// The audit chain of the run.
pub const CHAIN: &str = "08-audit/chain.ndjson";
/// The folder that an archive holds.
const ARCHIVED: &str = "causeway-evidence";
const FORMAT: &str = "causeway-evidence/1";
/// Head of an Ed25519 public key in DER (RFC 8410, SubjectPublicKeyInfo); 32 bytes follow.
const SPKI: [u8; 12] = [0x30, 0x2A, 0x30, 0x05, 0x06, 0x03, 0x2B, 0x65, 0x70, 0x03, 0x21, 0x00];
/// Largest file of a pack that is read, in bytes.
const FILE_MAX: u64 = 256 * 1024 * 1024;

/// A file of the pack.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Where, with `/`.
    pub path: String,
    /// SHA-256 of its bytes, hex.
    pub sha256: String,
    /// Its bytes.
    pub size: u64,
    /// What made it.
    pub made_by: String,
}

/// What a pack holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// Version of the pack's form.
    pub format: String,
    /// Program and version that made it.
    pub program: String,
    /// Whether everything in it went well.
    pub complete: bool,
    /// Files by path.
    pub files: Vec<Entry>,
}

/// The files of a pack before they are written: path, bytes, and what made them.
pub type Files = BTreeMap<String, (Vec<u8>, String)>;

fn digest(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

impl Manifest {
    /// The manifest of files.
    pub fn of(files: &Files, complete: bool) -> Self {
        let entry = |(path, (bytes, made_by)): (&String, &(Vec<u8>, String))| Entry {
            path: path.clone(),
            sha256: digest(bytes),
            size: bytes.len() as u64,
            made_by: made_by.clone(),
        };
        Self {
            format: FORMAT.to_owned(),
            program: format!("causeway {}", env!("CARGO_PKG_VERSION")),
            complete,
            files: files.iter().map(entry).collect(),
        }
    }

    fn of_this_form(self) -> Result<Self, String> {
        if self.format == FORMAT { Ok(self) } else { Err(format!("{MANIFEST}: not in the form {FORMAT}")) }
    }

    fn text(&self) -> Result<String, String> {
        let text = serde_json::to_string_pretty(self).map_err(|e| e.to_string())?;
        Ok(format!("{text}\n"))
    }
}

/// Writes a pack into a folder that is empty or not there. Gives the manifest's SHA-256.
///
/// # Errors
/// Where a file can't be written or the key can't be used.
pub fn write(folder: &Path, files: &Files, complete: bool, key: Option<&Path>) -> Result<String, String> {
    let said = |path: &Path, e: std::io::Error| format!("{}: {e}", path.display());
    std::fs::create_dir_all(folder).map_err(|e| said(folder, e))?;
    if std::fs::read_dir(folder).map_err(|e| said(folder, e))?.next().is_some() {
        return Err(format!("{} is not empty", folder.display()));
    }
    let (text, root) = listed(files, complete)?;
    let signature = key.map(|key| sign(key, text.as_bytes())).transpose()?;
    let put = |name: &str, bytes: &[u8]| {
        let path = folder.join(name);
        let above = path.parent().unwrap_or(folder);
        std::fs::create_dir_all(above).and_then(|()| std::fs::write(&path, bytes)).map_err(|e| said(&path, e))
    };
    for (name, (bytes, _)) in files {
        put(name, bytes)?;
    }
    put(MANIFEST, text.as_bytes())?;
    put(DIGEST, digest_line(&root).as_bytes())?;
    if let Some(signature) = signature {
        put(SIGNATURE, &signature)?;
    }
    Ok(root)
}

/// The manifest's text and its SHA-256.
fn listed(files: &Files, complete: bool) -> Result<(String, String), String> {
    let text = Manifest::of(files, complete).text()?;
    let root = digest(text.as_bytes());
    Ok((text, root))
}

fn digest_line(root: &str) -> String {
    format!("{root}  {MANIFEST}\n")
}

/// A pack as one archive (tar, gzip), not signed. No times are in it: the same files make the same bytes.
///
/// # Errors
/// Where the archive can't be made.
pub fn archive(files: &Files, complete: bool) -> Result<Vec<u8>, String> {
    let (text, root) = listed(files, complete)?;
    let packed = flate2::GzBuilder::new().mtime(0).write(Vec::new(), flate2::Compression::default());
    let mut tar = tar::Builder::new(packed);
    let line = digest_line(&root);
    let own = [(MANIFEST, text.as_bytes()), (DIGEST, line.as_bytes())];
    for (name, bytes) in files.iter().map(|(name, (bytes, _))| (name.as_str(), bytes.as_slice())).chain(own) {
        let mut head = tar::Header::new_gnu();
        head.set_size(bytes.len() as u64);
        head.set_mode(0o644);
        head.set_mtime(0);
        let path = format!("{ARCHIVED}/{name}");
        tar.append_data(&mut head, path, bytes).map_err(|e| format!("{name}: {e}"))?;
    }
    tar.into_inner().and_then(flate2::write::GzEncoder::finish).map_err(|e| e.to_string())
}

/// The content of a PEM block.
fn pem(path: &Path, label: &str) -> Result<Vec<u8>, String> {
    let text = std::fs::read_to_string(path).map_err(|e| format!("{}: {e}", path.display()))?;
    let (begin, end) = (format!("-----BEGIN {label}-----"), format!("-----END {label}-----"));
    let body = text.split_once(&begin).and_then(|(_, rest)| rest.split_once(&end)).map(|(body, _)| body);
    let body: String = body
        .ok_or_else(|| format!("{}: no PEM block {label}", path.display()))?
        .split_ascii_whitespace()
        .collect();
    STANDARD.decode(body).map_err(|_| format!("{}: the PEM block can't be read", path.display()))
}

fn sign(key: &Path, bytes: &[u8]) -> Result<Vec<u8>, String> {
    let der = pem(key, "PRIVATE KEY")?;
    let pair = Ed25519KeyPair::from_pkcs8_maybe_unchecked(&der)
        .map_err(|_| format!("{}: no Ed25519 private key (PKCS#8)", key.display()))?;
    Ok(pair.sign(bytes).as_ref().to_vec())
}

/// What a verification found.
#[derive(Debug, Default)]
pub struct Verified {
    /// What is wrong; nothing where the pack is as it was made.
    pub faults: Vec<String>,
    /// What was seen, in words.
    pub notes: Vec<String>,
}

/// Holds a pack to its manifest, its audit chain to itself, and its signature to a key. Needs nothing but the folder.
///
/// # Errors
/// Where the folder is no pack that can be read.
pub fn verify(folder: &Path, key: Option<&Path>) -> Result<Verified, String> {
    let text = std::fs::read(folder.join(MANIFEST)).map_err(|e| format!("{MANIFEST}: {e}"))?;
    let mut out = Verified::default();
    let root = digest(&text);
    let kept = std::fs::read(folder.join(DIGEST)).unwrap_or_default();
    if kept != digest_line(&root).as_bytes() {
        out.faults.push(format!("{DIGEST}: is not the digest of {MANIFEST}"));
    }
    let parsed = serde_json::from_slice(&text).map_err(|e| format!("{MANIFEST}: {e}"));
    let manifest: Manifest = match parsed.and_then(Manifest::of_this_form) {
        Ok(manifest) => manifest,
        // It was one when its digest was taken: the pack was changed, the call is right.
        Err(e) if !out.faults.is_empty() => {
            out.faults.push(e);
            return Ok(out);
        }
        Err(e) => return Err(e),
    };
    let listed: BTreeMap<&str, &Entry> = manifest.files.iter().map(|e| (e.path.as_str(), e)).collect();
    let mut present = Vec::new();
    walk(folder, folder, &mut present)?;
    for path in &present {
        let own = [MANIFEST, DIGEST, SIGNATURE].contains(&path.as_str());
        if !own && !listed.contains_key(path.as_str()) {
            out.faults.push(format!("{path}: is not in the manifest"));
        }
    }
    for entry in listed.values() {
        if !present.contains(&entry.path) {
            out.faults.push(format!("{}: is missing", entry.path));
            continue;
        }
        match read(&folder.join(&entry.path)) {
            Ok(bytes) if digest(&bytes) == entry.sha256 => {}
            Ok(_) => out.faults.push(format!("{}: was changed", entry.path)),
            Err(e) => out.faults.push(format!("{}: {e}", entry.path)),
        }
    }
    out.notes.push(format!("{} files, manifest {root}", listed.len()));
    match std::fs::read(folder.join(CHAIN)) {
        Ok(chain) => match follow(&chain) {
            Ok(entries) => out.notes.push(format!("audit chain: {entries} entries, unbroken")),
            Err(at) => out.faults.push(format!("{CHAIN}: the chain is broken at line {at}")),
        },
        Err(_) => out.notes.push("no audit chain in it".to_owned()),
    }
    if !manifest.complete {
        out.notes.push("the run itself had failures: read index.html".to_owned());
    }
    signature(folder, &text, key, &mut out)?;
    Ok(out)
}

fn signature(folder: &Path, manifest: &[u8], key: Option<&Path>, out: &mut Verified) -> Result<(), String> {
    let signature = std::fs::read(folder.join(SIGNATURE)).ok();
    match (key, signature) {
        (None, None) => out.notes.push("not signed".to_owned()),
        (None, Some(_)) => out.notes.push("signed; give --key to check by whom".to_owned()),
        (Some(_), None) => out.faults.push("not signed, and a key was given to check it by".to_owned()),
        (Some(path), Some(signature)) => {
            let der = pem(path, "PUBLIC KEY")?;
            let public = der
                .strip_prefix(&SPKI)
                .filter(|k| k.len() == 32)
                .ok_or_else(|| format!("{}: no Ed25519 public key", path.display()))?;
            match UnparsedPublicKey::new(&ED25519, public).verify(manifest, &signature) {
                Ok(()) => out.notes.push(format!("signed by key {}", digest(public))),
                Err(_) => out.faults.push(format!("{SIGNATURE}: was not made by this key")),
            }
        }
    }
    Ok(())
}

/// An entry of the audit chain in the pack.
#[derive(Debug, Serialize, Deserialize)]
pub struct Link {
    /// Position, from 1.
    pub seq: u64,
    /// When, in microseconds of the Unix epoch: what the hash is made of.
    pub at_us: i64,
    /// The same for people.
    pub at: String,
    /// Who.
    pub actor: String,
    /// What.
    pub action: String,
    /// On what.
    pub entity: String,
    /// The rest.
    pub detail: String,
    /// Hash of the entry before.
    pub previous: String,
    /// Its own.
    pub hash: String,
}

impl Link {
    /// An entry as the pack writes it.
    pub fn of(entry: &AuditEntry) -> Self {
        Self {
            seq: entry.seq,
            at_us: entry.at.as_microsecond(),
            at: entry.at.to_string(),
            actor: entry.audit.actor.clone(),
            action: entry.audit.action.clone(),
            entity: entry.audit.entity.clone(),
            detail: entry.audit.detail.clone(),
            previous: hex(&entry.previous),
            hash: hex(&entry.hash),
        }
    }
}

/// Follows a chain from its first entry. Number of entries, or the line at which it breaks.
fn follow(chain: &[u8]) -> Result<u64, usize> {
    let mut previous = [0; 32];
    let mut entries = 0;
    for (number, line) in chain.split(|b| *b == b'\n').filter(|l| !l.is_empty()).enumerate() {
        let broken = number + 1;
        let link: Link = serde_json::from_slice(line).map_err(|_| broken)?;
        let at = Timestamp::from_microsecond(link.at_us).map_err(|_| broken)?;
        let audit =
            NewAudit { actor: link.actor, action: link.action, entity: link.entity, detail: link.detail };
        let hash = AuditEntry::hash_of(link.seq, at, &audit, &previous);
        entries += 1;
        if link.seq != entries
            || link.at != at.to_string()
            || link.previous != hex(&previous)
            || link.hash != hex(&hash)
        {
            return Err(broken);
        }
        previous = hash;
    }
    Ok(entries)
}

fn read(path: &Path) -> Result<Vec<u8>, String> {
    let size = std::fs::metadata(path).map_err(|e| e.to_string())?.len();
    if size > FILE_MAX {
        return Err(format!("is larger than {FILE_MAX} bytes"));
    }
    std::fs::read(path).map_err(|e| e.to_string())
}

/// Paths of the files below a folder, with `/`. Links are not followed: they are told as files that are not listed.
fn walk(root: &Path, folder: &Path, found: &mut Vec<String>) -> Result<(), String> {
    let entries = std::fs::read_dir(folder).map_err(|e| format!("{}: {e}", folder.display()))?;
    let mut paths: Vec<(PathBuf, bool)> = Vec::new();
    for entry in entries {
        let entry = entry.map_err(|e| e.to_string())?;
        paths.push((entry.path(), entry.file_type().is_ok_and(|t| t.is_dir())));
    }
    paths.sort();
    for (path, is_folder) in paths {
        if is_folder {
            walk(root, &path, found)?;
        } else if let Ok(inner) = path.strip_prefix(root) {
            let parts: Vec<_> = inner.iter().map(|p| p.to_string_lossy()).collect();
            found.push(parts.join("/"));
        }
    }
    Ok(())
}

/// What differs between two packs: `+` new, `-` gone, `~` changed, by path; first `!`, what one of them no longer is as it was
/// made, as the two are compared by their manifests.
///
/// # Errors
/// Where one is no pack.
pub fn diff(old: &Path, new: &Path) -> Result<Vec<String>, String> {
    let mut out = Vec::new();
    for folder in [old, new] {
        let faults = verify(folder, None)?.faults;
        out.extend(faults.into_iter().map(|fault| format!("! {}: {fault}", folder.display())));
    }
    let load = |folder: &Path| -> Result<BTreeMap<String, String>, String> {
        let path = folder.join(MANIFEST);
        let text = std::fs::read(&path).map_err(|e| format!("{}: {e}", path.display()))?;
        let manifest: Manifest =
            serde_json::from_slice(&text).map_err(|e| format!("{}: {e}", path.display()))?;
        Ok(manifest.files.into_iter().map(|e| (e.path, e.sha256)).collect())
    };
    let (old, new) = (load(old)?, load(new)?);
    let mut lines = Vec::new();
    for (path, digest) in &new {
        match old.get(path) {
            None => lines.push(format!("+ {path}")),
            Some(before) if before != digest => lines.push(format!("~ {path}")),
            Some(_) => {}
        }
    }
    lines.extend(old.keys().filter(|path| !new.contains_key(*path)).map(|path| format!("- {path}")));
    lines.sort_by(|a, b| a[2..].cmp(&b[2..]));
    out.extend(lines);
    Ok(out)
}
