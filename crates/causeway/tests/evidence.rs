//! `causeway evidence`: one run, two packs, the same bytes; one changed byte is found; a failure is on the first page.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

fn causeway(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_causeway")).args(arguments).output().expect("the binary runs")
}

fn code(output: &Output) -> i32 {
    output.status.code().expect("a code")
}

fn text(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).expect("a folder").flatten() {
        if entry.path().is_dir() { found.extend(files(&entry.path())) } else { found.push(entry.path()) }
    }
    found.sort();
    found
}

/// An Ed25519 pair as OpenSSL writes it: the seed 01 02 … 20 (nobody's key).
fn keys(folder: &Path, first: u8) -> (String, String) {
    use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};
    use base64::Engine as _;
    let seed: Vec<u8> = (first..first + 32).collect();
    let pair = Ed25519KeyPair::from_seed_unchecked(&seed).expect("a pair");
    let pem = |name: &str, label: &str, head: &[u8], key: &[u8]| {
        let der: Vec<u8> = [head, key].concat();
        let body = base64::engine::general_purpose::STANDARD.encode(der);
        let path = folder.join(name);
        std::fs::write(&path, format!("-----BEGIN {label}-----\n{body}\n-----END {label}-----\n"))
            .expect("written");
        path.display().to_string()
    };
    // RFC 8410, sections 4 and 7.
    let private =
        [0x30, 0x2E, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2B, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20];
    let public = [0x30, 0x2A, 0x30, 0x05, 0x06, 0x03, 0x2B, 0x65, 0x70, 0x03, 0x21, 0x00];
    (
        pem(&format!("key-{first}.pem"), "PRIVATE KEY", &private, &seed),
        pem(&format!("public-{first}.pem"), "PUBLIC KEY", &public, pair.public_key().as_ref()),
    )
}

#[test]
fn a_pack_is_deterministic_and_every_change_is_found() {
    let folder = tempfile::tempdir().expect("a folder");
    let at = |name: &str| folder.path().join(name).display().to_string();
    let told = causeway(&["demo", "--json", "--listen", "127.0.0.1:0", "--data", &at("data")]);
    assert_eq!(code(&told), 0, "{}", text(&told));
    // Whoever is shown the story can open what it began with, however long ago that is.
    let database = Path::new(&at("data")).join("exchange/causeway.db");
    let database = rusqlite::Connection::open(database).expect("the database");
    let count = |which: &str| -> u32 {
        let sql = format!("SELECT count(*) FROM message WHERE {which}");
        database.query_row(&sql, [], |r| r.get(0)).expect("a count")
    };
    assert_eq!(count("content_deleted_at IS NOT NULL"), 0, "contents that are no longer kept");
    // What came into a mailbox was collected: after weeks of the story it would be undeliverable.
    assert_eq!(count("inbox = 1 AND state <> 'acknowledged'"), 0);
    assert!(count("inbox = 1") > 10);
    drop(database);
    let (private, public) = keys(folder.path(), 1);
    let (_, other) = keys(folder.path(), 40);
    for name in ["one", "two"] {
        let made = causeway(&["evidence", "--data", &at("data"), "--out", &at(name), "--key", &private]);
        assert_eq!(code(&made), 0, "{}", text(&made));
    }
    let (one, two) = (files(Path::new(&at("one"))), files(Path::new(&at("two"))));
    assert!(one.len() > 60 && one.len() == two.len(), "{} {}", one.len(), two.len());
    for (a, b) in one.iter().zip(&two) {
        assert_eq!(std::fs::read(a).expect("a"), std::fs::read(b).expect("b"), "{}", a.display());
    }
    assert_eq!(code(&causeway(&["evidence", "diff", &at("one"), &at("two")])), 0);
    // A file that is no longer what its pack's manifest says is no sameness.
    let page = Path::new(&at("two")).join("index.html");
    let kept = std::fs::read(&page).expect("a page");
    std::fs::write(&page, [kept.as_slice(), b" "].concat()).expect("written");
    let touched = causeway(&["evidence", "diff", &at("one"), &at("two")]);
    assert_eq!(code(&touched), 1);
    assert!(text(&touched).contains("two: index.html: was changed"), "{}", text(&touched));
    std::fs::write(&page, kept).expect("written");
    let index = std::fs::read_to_string(Path::new(&at("one")).join("index.html")).expect("a page");
    assert!(index.contains("Nothing failed in this run"), "{index}");
    let sums =
        std::fs::read_to_string(Path::new(&at("one")).join("04-transfers/reconciliation.csv")).expect("sums");
    assert!(sums.lines().count() > 10);

    let verify = |key: &str| causeway(&["evidence", "verify", &at("one"), "--key", key]);
    let good = verify(&public);
    assert_eq!(code(&good), 0, "{}", text(&good));
    assert!(text(&good).contains("unbroken") && text(&good).contains("signed by key"));
    assert_eq!(code(&verify(&other)), 1, "another's key");

    // One byte of any file, also of the manifest, its digest and its signature; one file more; one file less.
    for path in &one {
        let kept = std::fs::read(path).expect("bytes");
        for place in [0, kept.len() / 2] {
            let mut changed = kept.clone();
            changed[place] ^= 0x81;
            std::fs::write(path, &changed).expect("written");
            let found = verified(&at("one"), &public);
            assert_eq!(found, 1, "{} was changed at {place} and not found", path.display());
        }
        std::fs::write(path, &kept).expect("written");
    }
    std::fs::write(Path::new(&at("one")).join("more.txt"), "x").expect("written");
    assert_eq!(code(&verify(&public)), 1);
    std::fs::remove_file(Path::new(&at("one")).join("more.txt")).expect("gone");
    std::fs::remove_file(Path::new(&at("one")).join("08-audit/chain.ndjson")).expect("gone");
    assert_eq!(code(&verify(&public)), 1);

    // A red test stays visible, and the pack says so first.
    std::fs::write(at("red.xml"), "<testsuites><testsuite><testcase name=\"a\"><failure message=\"no\"/></testcase></testsuite></testsuites>")
        .expect("written");
    let red =
        causeway(&["evidence", "--data", &at("data"), "--out", &at("three"), "--results", &at("red.xml")]);
    assert_eq!(code(&red), 1, "{}", text(&red));
    let index = std::fs::read_to_string(Path::new(&at("three")).join("index.html")).expect("a page");
    assert!(index.contains("This run has failures: 1") && index.contains("1 tests failed"), "{index}");
    let diff = causeway(&["evidence", "diff", &at("two"), &at("three")]);
    assert_eq!(code(&diff), 1);
    assert!(text(&diff).contains("+ 03-conformance/given/01-red.xml"), "{}", text(&diff));
    assert_eq!(code(&causeway(&["evidence", "--data", &at("absent"), "--out", &at("four")])), 2);
    assert_eq!(code(&causeway(&["evidence", "--data", &at("data"), "--out", &at("two")])), 2, "not empty");
}

/// Verification in this process: the files are many.
fn verified(folder: &str, key: &str) -> i32 {
    match causeway::evidence::manifest::verify(Path::new(folder), Some(Path::new(key))) {
        Ok(verified) => i32::from(!verified.faults.is_empty()),
        Err(_) => 2,
    }
}

/// A visitor of the demonstration takes the pack from the page; it is verified as any other, and not offered to another site's page.
#[test]
fn the_pack_of_a_running_demonstration_is_taken_from_its_page() {
    use std::io::{BufRead, BufReader, Read, Write};
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path().join("data").display().to_string();
    let mut demo = Command::new(env!("CARGO_BIN_EXE_causeway"))
        .args(["demo", "--listen", "127.0.0.1:0", "--data", &data])
        .stdout(std::process::Stdio::piped())
        .spawn()
        .expect("the demonstration runs");
    let lines = BufReader::new(demo.stdout.take().expect("its output")).lines();
    let host = lines
        .map_while(Result::ok)
        .find_map(|line| line.strip_prefix("Pages: http://")?.split('/').next().map(str::to_owned))
        .expect("the address of its pages");
    let ask = |method: &str, path: &str, more: &str| {
        let mut stream = std::net::TcpStream::connect(&host).expect("a connection");
        let head = format!(
            "{method} {path} HTTP/1.1\r\nHost: {host}\r\nContent-Length: 0\r\nConnection: close\r\n{more}\r\n"
        );
        stream.write_all(head.as_bytes()).expect("asked");
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).expect("an answer");
        let end = answer.windows(4).position(|part| part == b"\r\n\r\n").expect("a head") + 4;
        (String::from_utf8_lossy(&answer[..end]).into_owned(), answer[end..].to_vec())
    };
    let packs = [0, 1].map(|_| ask("POST", "/commitment/evidence", ""));
    let foreign = ask("POST", "/commitment/evidence", "Origin: https://elsewhere.example\r\n");
    let (_, board) = ask("GET", "/onboarding", "Accept: text/html\r\n");
    demo.kill().expect("ended");
    demo.wait().expect("ended");
    let (head, packed) = &packs[0];
    assert!(head.starts_with("HTTP/1.1 200") && head.contains("causeway-evidence.tar.gz"), "{head}");
    assert!(packed == &packs[1].1, "two packs of one state differ");
    assert!(foreign.0.starts_with("HTTP/1.1 403"), "{}", foreign.0);
    assert!(
        String::from_utf8_lossy(&board).contains(&format!("http://{host}/fhir")),
        "a provider to test at its own port"
    );
    tar::Archive::new(flate2::read::GzDecoder::new(packed.as_slice()))
        .unpack(folder.path())
        .expect("an archive");
    let pack = folder.path().join("causeway-evidence");
    let verified = causeway(&["evidence", "verify", &pack.display().to_string()]);
    assert_eq!(code(&verified), 0, "{}", text(&verified));
    std::fs::write(pack.join("index.html"), "x").expect("changed");
    assert_eq!(code(&causeway(&["evidence", "verify", &pack.display().to_string()])), 1);
}
