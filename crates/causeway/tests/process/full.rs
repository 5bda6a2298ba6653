//! With the disk really full: a small file system in memory of its own, filled to the last byte while the exchange runs on it.
//! What is given out meanwhile is written down, what can't be written down is not given out, and it goes on by itself.

use std::collections::BTreeSet;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::{Value, json};

use crate::{client, runtime};

/// The exchange keeps 256 MB free before it takes anything in; there is a little more.
const MEGABYTES: usize = 320;
/// A word that only answers about the person hold.
const MARK: &str = "Harebellx";

/// A child in name spaces of its own, ended with the test.
struct Enclosed(Child);

impl Drop for Enclosed {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

/// Whether this machine lets us mount a file system in a name space of our own.
fn may_mount(folder: &Path) -> bool {
    let script = "mount -t tmpfs -o size=1m tmpfs \"$1\"";
    let tried = Command::new("unshare").args(["-rm", "sh", "-c", script, "sh"]).arg(folder).output();
    tried.is_ok_and(|output| output.status.success())
}

/// Starts the exchange on a file system of that size at `folder`; gives its address.
fn serve(folder: &Path) -> (Enclosed, String) {
    let script = format!(
        "mount -t tmpfs -o size={MEGABYTES}m tmpfs \"$1\" && \
         exec \"$2\" serve --open --data \"$1/data\" --listen 127.0.0.1:0"
    );
    let mut command = Command::new("unshare");
    command.args(["-rm", "sh", "-c", &script, "sh"]).arg(folder).arg(env!("CARGO_BIN_EXE_causeway"));
    listening(command)
}

/// Starts an exchange; gives its address.
fn listening(mut command: Command) -> (Enclosed, String) {
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().expect("it starts");
    let mut line = String::new();
    let stdout = child.stdout.take().expect("standard output");
    BufReader::new(stdout).read_line(&mut line).expect("a line");
    let base = line.trim().strip_prefix("listening on ").expect("an address").to_owned();
    (Enclosed(child), base)
}

/// Writes until nothing more goes on the disk.
fn fill(file: &Path) {
    let mut out = std::fs::File::create(file).expect("a file");
    let mut piece = vec![b'x'; 1 << 20];
    while !piece.is_empty() {
        if out.write_all(&piece).is_err() {
            piece.truncate(piece.len() / 2);
        }
    }
}

/// Asks for something; status and text.
async fn ask(client: &reqwest::Client, base: &str, path: &str, id: &str) -> (u16, String) {
    let request = client.get(format!("{base}{path}")).header("Accept", "application/json");
    let answer = request.header("X-Request-Id", id).send().await.expect("an answer");
    let status = answer.status().as_u16();
    (status, answer.text().await.expect("its text"))
}

/// Tells of somebody, and waits until she is in the record. The id of her Patient, and addresses of each kind that lead to her.
async fn tell(client: &reqwest::Client, base: &str) -> (String, [String; 6]) {
    let patient = json!({"resourceType": "Patient", "id": "p", "birthDate": "1950-01-02",
        "identifier": [{"system": "https://fhir.nhs.uk/Id/nhs-number", "value": "9990000018"}],
        "name": [{"family": MARK, "given": ["Orla"]}]});
    let bundle = json!({"resourceType": "Bundle", "type": "collection",
        "entry": [{"fullUrl": "https://sender.example/Patient/p", "resource": patient}]});
    let sent = client
        .post(format!("{base}/messages"))
        .header("Causeway-Sender", "ZZ901")
        .header("Content-Type", "application/fhir+json; fhirVersion=4.0")
        .body(bundle.to_string());
    let sent: Value = sent.send().await.expect("an answer").json().await.expect("JSON");
    let message = sent["id"].as_str().expect("an id").to_owned();
    for _ in 0..900 {
        let (_, list) = ask(client, base, "/people/", "before").await;
        let list: Value = serde_json::from_str(&list).expect("JSON");
        if let Some(id) = list["people"][0]["display_patient"].as_str() {
            let paths = [
                format!("/fhir/Patient/{id}"),
                format!("/fhir/Patient/{id}/$everything"),
                "/fhir/Patient?identifier=9990000018".to_owned(),
                "/people/".to_owned(),
                format!("/messages/{message}/original"),
                format!("/messages/{message}/bundles/1"),
            ];
            return (id.to_owned(), paths);
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("she did not come into the record");
}

#[test]
#[allow(clippy::print_stdout, clippy::print_stderr)]
fn with_the_disk_full_nothing_is_given_out_that_is_not_written_down() {
    let folder = tempfile::tempdir().expect("a folder");
    if !may_mount(folder.path()) {
        eprintln!("SKIPPED: this machine mounts no file system for a test (unshare, tmpfs)");
        return;
    }
    let (exchange, base) = serve(folder.path());
    // The folder as the exchange sees it.
    let inside = Path::new("/proc").join(exchange.0.id().to_string()).join("root");
    let filler = inside.join(folder.path().strip_prefix("/").expect("absolute")).join("filler");
    let (runtime, client) = (runtime(), client());
    runtime.block_on(async {
        let (id, paths) = tell(&client, &base).await;
        let ask = async |path: &str, id: &str| ask(&client, &base, path, id).await;
        fill(&filler);
        let (mut given, mut refused, mut number) = (BTreeSet::new(), 0, 0);
        // The write-ahead log may have room left in the file: until none is, and then of each kind.
        while refused < 2 * paths.len() && number < 20_000 {
            let path = &paths[number % paths.len()];
            let request = format!("full-{number}");
            let (status, text) = ask(path, &request).await;
            if text.contains(MARK) {
                assert_eq!(status, 200, "{path}");
                given.insert(request);
            } else {
                assert!(status == 503 || status == 500, "{path}: {status} {text}");
                refused += 1;
            }
            number += 1;
        }
        assert!(refused >= 2 * paths.len(), "the disk was never full: {number} answers");
        // Room again: it goes on by itself, and the trail has each of what was given out and nothing else.
        std::fs::remove_file(&filler).expect("removed");
        let mut good = false;
        for again in 0..900 {
            good = ask(&paths[0], &format!("again-{again}")).await.0 == 200;
            if good {
                break;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        assert!(good, "with room it goes on by itself");
        let mut told = BTreeSet::new();
        let mut next = format!("/fhir/AuditEvent?patient={id}&_count=200");
        loop {
            let (status, text) = ask(&next, "after").await;
            assert_eq!(status, 200, "{text}");
            let bundle: Value = serde_json::from_str(&text).expect("JSON");
            for entry in bundle["entry"].as_array().into_iter().flatten() {
                let event = &entry["resource"];
                let entities = event["entity"].as_array().into_iter().flatten();
                let mut ids = entities.filter(|e| e["type"]["code"] == "XrequestId");
                let id = ids.next().and_then(|e| e["what"]["identifier"]["value"].as_str());
                if let Some(id) = id.filter(|id| id.starts_with("full-")) {
                    assert_eq!(event["outcome"], "0", "{event}");
                    told.insert(id.to_owned());
                }
            }
            let links = bundle["link"].as_array().cloned().unwrap_or_default();
            let link = links.iter().find(|l| l["relation"] == "next").and_then(|l| l["url"].as_str());
            let Some(link) = link else { break };
            next = link.split_once("/fhir/").map(|(_, rest)| format!("/fhir/{rest}")).expect("ours");
        }
        // Messages are told without the request's number: the FHIR API and the pages are held to theirs.
        let of_messages = |id: &String| {
            let number: usize = id.trim_start_matches("full-").parse().expect("a number");
            paths[number % paths.len()].starts_with("/messages")
        };
        given.retain(|id| !of_messages(id));
        told.retain(|id| !of_messages(id));
        println!(
            "{number} answers: {} given out and written down, {refused} refused with the disk full",
            given.len()
        );
        assert_eq!(given, told);
    });
    drop(exchange);
}

/// All files and folders of a folder, itself first.
fn below(folder: &Path) -> Vec<PathBuf> {
    let mut found = vec![folder.to_owned()];
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        match entry.file_type() {
            Ok(kind) if kind.is_dir() => found.extend(below(&entry.path())),
            _ => found.push(entry.path()),
        }
    }
    found
}

/// Lets nobody change what is in a folder, or lets them again; `false` where this machine can't do that.
fn frozen(folder: &Path, on: bool) -> bool {
    let done = Command::new("chattr").arg(if on { "+i" } else { "-i" }).args(below(folder)).output();
    done.is_ok_and(|output| output.status.success())
}

/// What was frozen can be taken away at the end of the test, however it ends.
struct Thaw<'f>(&'f Path);

impl Drop for Thaw<'_> {
    fn drop(&mut self) {
        frozen(self.0, false);
    }
}

/// The files turn read-only under the running exchange: each write of its open files fails too. It goes on after a start.
#[test]
#[allow(clippy::print_stdout, clippy::print_stderr)]
fn with_a_disk_that_turned_read_only_nothing_is_given_out() {
    let folder = tempfile::tempdir().expect("a folder");
    let may = folder.path().join("may");
    std::fs::create_dir(&may).expect("a folder");
    if !(frozen(&may, true) && frozen(&may, false)) {
        eprintln!("SKIPPED: this machine makes no file read-only for a test (chattr)");
        return;
    }
    let data = folder.path().join("data");
    let start = || {
        let mut command = Command::new(env!("CARGO_BIN_EXE_causeway"));
        command.args(["serve", "--open", "--listen", "127.0.0.1:0", "--data"]).arg(&data);
        listening(command)
    };
    let (exchange, base) = start();
    let (runtime, client) = (runtime(), client());
    runtime.block_on(async {
        let (_, paths) = tell(&client, &base).await;
        // The control: each gives her out.
        for path in &paths {
            let (status, text) = ask(&client, &base, path, "control").await;
            assert!(status == 200 && text.contains(MARK), "{path}: {status} {text}");
        }
        let _thaw = Thaw(&data);
        assert!(frozen(&data, true), "nothing can be written any more");
        for round in 0..3 {
            for path in &paths {
                let (status, text) = ask(&client, &base, path, &format!("frozen-{round}")).await;
                assert!(!text.contains(MARK), "{path}: given out and not written down: {status} {text}");
                assert!(status >= 500, "{path}: {status} {text}");
            }
        }
        assert!(frozen(&data, false), "it can be written again");
        drop(exchange);
        let (_exchange, base) = start();
        for path in &paths {
            let (status, text) = ask(&client, &base, path, "again").await;
            assert!(status == 200 && text.contains(MARK), "{path}: after a start: {status} {text}");
        }
    });
}
