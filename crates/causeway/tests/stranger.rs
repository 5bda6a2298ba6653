//! A stranger's path with the real binary, by the words that it prints: from nothing to an own organisation, a first
//! message by curl, MLLP and MESH, what became of it, a planted mistake in the configuration and a planted failure, both
//! found and mended. `STRANGER_WORDS=FILE` writes down what the stranger sees.

use std::fmt::Write as _;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Output, Stdio};
use std::time::{Duration, Instant};

use aws_lc_rs::hmac;
use serde_json::Value;

const PROGRAM: &str = env!("CARGO_BIN_EXE_causeway");

/// What the stranger sees.
struct Seen(String);

impl Seen {
    fn command(&mut self, shown: &str, output: &Output) -> String {
        let text =
            String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
        let _ = write!(self.0, "\n$ {shown}\n{text}");
        text
    }

    /// Runs the program.
    fn run(&mut self, arguments: &[&str]) -> (i32, String) {
        let output = Command::new(PROGRAM).args(arguments).output().expect("the program runs");
        let text = self.command(&format!("causeway {}", arguments.join(" ")), &output);
        (output.status.code().unwrap_or(-1), text)
    }

    /// Runs a command line as it was printed.
    fn shell(&mut self, line: &str) -> String {
        let output = Command::new("sh").args(["-c", line]).output().expect("a shell");
        assert!(output.status.success(), "{line}: {}", String::from_utf8_lossy(&output.stderr));
        self.command(line, &output)
    }
}

struct Running {
    child: Child,
    out: BufReader<ChildStdout>,
    base: String,
}

impl Running {
    fn start(data: &Path, seen: &mut Seen) -> Self {
        let mut child = Command::new(PROGRAM)
            .args(["serve", "--data"])
            .arg(data)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("the program runs");
        let mut out = BufReader::new(child.stdout.take().expect("standard output"));
        let mut line = String::new();
        out.read_line(&mut line).expect("a line");
        let _ = write!(seen.0, "\n$ causeway serve --data {}\n{line}", data.display());
        let base = line.trim().strip_prefix("listening on ").expect("an address").to_owned();
        Self { child, out, base }
    }

    /// As ctrl-c does.
    fn stop(mut self, seen: &mut Seen) {
        let killed = Command::new("kill").args(["-INT", &self.child.id().to_string()]).status();
        assert!(killed.expect("kill").success());
        let mut rest = String::new();
        self.out.read_to_string(&mut rest).expect("the rest");
        assert!(self.child.wait().expect("ends").success());
        assert!(rest.ends_with("stopped\n"), "{rest}");
        seen.0.push_str("^C\n");
        seen.0.push_str(&rest);
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// The printed command that begins so.
fn printed<'t>(text: &'t str, start: &str) -> &'t str {
    text.lines()
        .map(str::trim)
        .find(|l| l.starts_with(start))
        .unwrap_or_else(|| panic!("no {start} in {text}"))
}

fn until<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + Duration::from_secs(90);
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < deadline, "{what}");
        std::thread::sleep(Duration::from_millis(100));
    }
}

fn mllp(address: &str, message: &[u8]) -> String {
    let mut stream = TcpStream::connect(address).expect("the MLLP door");
    stream.set_read_timeout(Some(Duration::from_secs(20))).expect("a timeout");
    stream.write_all(&[&[0x0B], message, &[0x1C, 0x0D]].concat()).expect("sent");
    let mut got = Vec::new();
    let mut byte = [0];
    while !got.ends_with(&[0x1C, 0x0D]) && stream.read(&mut byte).expect("an answer") == 1 {
        got.push(byte[0]);
    }
    String::from_utf8_lossy(&got).replace('\r', "\n")
}

/// The configuration as the stranger reads it.
struct Setup {
    file: PathBuf,
    config: toml::Value,
}

impl Setup {
    fn read(data: &Path) -> Self {
        let file = data.join("causeway.toml");
        let text = std::fs::read_to_string(&file).expect("a configuration");
        Self { config: toml::from_str(&text).expect("TOML"), file }
    }

    /// Authorization of the MESH API: `NHSMESH mailbox:nonce:count:timestamp:hash`.
    fn mesh_token(&self, mailbox: &str) -> String {
        let mesh = &self.config["mesh"];
        let boxes = mesh["mailbox"].as_array().expect("mailboxes");
        let mine = boxes.iter().find(|b| b["id"].as_str() == Some(mailbox)).expect("a mailbox");
        let text = |value: &toml::Value| value.as_str().expect("a text").to_owned();
        let nonce = format!("{:?}", Instant::now()).chars().filter(char::is_ascii_digit).collect::<String>();
        let time = jiff::Timestamp::now().strftime("%Y%m%d%H%M").to_string();
        let signed = format!("{mailbox}:{nonce}:0:{}:{time}", text(&mine["password"]));
        let key = hmac::Key::new(hmac::HMAC_SHA256, text(&mesh["shared_key"]).as_bytes());
        let hash = hmac::sign(&key, signed.as_bytes());
        let hash = hash.as_ref().iter().fold(String::new(), |mut out, b| {
            let _ = write!(out, "{b:02x}");
            out
        });
        format!("NHSMESH {mailbox}:{nonce}:0:{time}:{hash}")
    }

    fn append(&self, text: &str) {
        let whole = std::fs::read_to_string(&self.file).expect("a configuration");
        std::fs::write(&self.file, whole + text).expect("written");
    }
}

/// Inbox of a mailbox through curl, as a client of MESH would.
fn mesh(setup: &Setup, base: &str, mailbox: &str, path: &str, more: &[&str]) -> Value {
    let output = Command::new("curl")
        .args(["-sS", "-H", &format!("Authorization: {}", setup.mesh_token(mailbox))])
        .args(["-H", "Mex-ClientVersion: stranger", "-H", "Mex-OSName: any", "-H", "Mex-OSVersion: 1"])
        .args(["-H", "Accept: application/vnd.mesh.v2+json"])
        .args(more)
        .arg(format!("{base}/messageexchange/{mailbox}{path}"))
        .output()
        .expect("curl");
    // An acknowledgement is answered without a body.
    if output.stdout.is_empty() {
        return Value::Null;
    }
    serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&output.stdout)))
}

fn first_inbox(setup: &Setup, base: &str, mailbox: &str) -> Option<String> {
    let inbox = mesh(setup, base, mailbox, "/inbox", &[]);
    inbox["messages"].as_array()?.first()?.as_str().map(str::to_owned)
}

#[test]
fn from_nothing_to_a_mended_failure() {
    if Command::new("curl").arg("--version").output().is_err() {
        drop(std::io::stderr().write_all(b"SKIPPED: a stranger's path: curl is absent\n"));
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path().join("my exchange");
    let mut seen = Seen(String::new());

    // An own organisation.
    let place = data.to_string_lossy().into_owned();
    let (code, words) = seen.run(&["init", &place, "--organisation", "ZZ907", "--name", "Fern Bank Surgery"]);
    assert_eq!(code, 0, "{words}");
    let setup = Setup::read(&data);
    let token = data.join("token").to_string_lossy().into_owned();
    let running = Running::start(&data, &mut seen);
    let base = running.base.clone();

    // The first message by curl, exactly as printed.
    let sent: Value = serde_json::from_str(seen.shell(printed(&words, "curl ")).trim()).expect("JSON");
    assert_eq!(
        (sent["state"].as_str(), sent["sender"].as_str()),
        (Some("translated"), Some("ZZ907")),
        "{sent}"
    );
    assert_eq!(sent["translation"]["errors"], 0, "{sent}");

    // What became of it, by the command as printed, and by the number that is in the message.
    let list = seen.shell(printed(&words, &format!("{PROGRAM} messages")));
    assert!(list.contains("translated") && list.contains("1 in all"), "{list}");
    let number = sent["controlId"].as_str().expect("its number");
    let at = ["--token-file", token.as_str(), "--server", base.as_str()];
    let (code, found) = seen.run(&[&["messages", "--number", number], &at[..]].concat());
    assert!(code == 0 && found.contains(sent["id"].as_str().expect("an id")), "{found}");

    // By MLLP.
    let message = std::fs::read(data.join("first-message.hl7")).expect("the message");
    let other = String::from_utf8_lossy(&message).replace(number, "STRANGER-2").into_bytes();
    let mllp_at = setup.config["mllp"][0]["listen"].as_str().expect("an address");
    let answer = mllp(mllp_at, &other);
    // The message asks for the commit acknowledgement (MSH-15).
    assert!(answer.contains("MSA|CA|STRANGER-2"), "{answer}");

    // By MESH, and back into the own mailbox, translated.
    let mailbox = "ZZ907OT001";
    let file = folder.path().join("message.hl7");
    std::fs::write(&file, String::from_utf8_lossy(&message).replace(number, "STRANGER-3")).expect("written");
    let body = format!("@{}", file.display());
    let by_mesh = |workflow: &str, more: &[&str]| {
        let workflow = format!("Mex-WorkflowID: {workflow}");
        let basic = [
            "-X",
            "POST",
            "-H",
            "Mex-To: CAUSEWAY",
            "-H",
            &workflow,
            "-H",
            "Content-Type: application/hl7-v2",
        ];
        mesh(&setup, &base, mailbox, "/outbox", &[&basic[..], more, &["--data-binary", &body]].concat())
    };
    let told = by_mesh("TRANSLATE", &["-H", "Mex-LocalID: local-3"]);
    assert!(told["message_id"].is_string(), "{told}");
    // The acknowledgement of the format comes first or second, the bundle is the other.
    let bundle = until("a bundle in the mailbox", || {
        let id = first_inbox(&setup, &base, mailbox)?;
        let raw = Command::new("curl")
            .args(["-sS", "-H", &format!("Authorization: {}", setup.mesh_token(mailbox))])
            .arg(format!("{base}/messageexchange/{mailbox}/inbox/{id}"))
            .output()
            .expect("curl");
        mesh(&setup, &base, mailbox, &format!("/inbox/{id}/status/acknowledged"), &["-X", "PUT"]);
        serde_json::from_slice::<Value>(&raw.stdout).ok().filter(|v| v["resourceType"] == "Bundle")
    });
    assert_eq!(bundle["type"], "transaction");
    let (_, found) = seen.run(&[&["messages", "--number", "STRANGER-3"], &at[..]].concat());
    assert!(found.contains("mesh"), "{found}");

    // A planted failure: what nobody can read, and a letter to somebody whom nobody knows.
    let (_, nothing) = seen.run(&[&["messages", "--failed"], &at[..]].concat());
    assert!(nothing.ends_with("nothing failed\n"), "{nothing}");
    running.stop(&mut seen);
    setup.append("\n[[route]]\nid = \"letters\"\nwhen = { workflow = [\"LETTER\"] }\nto = [{ kind = \"recipient\" }, { kind = \"mailbox\", mailbox = \"NOPE\" }]\n");
    // A mistake in the configuration is said with its place, by the check and at start.
    let (code, wrong) = seen.run(&["serve", "--data", &place, "--check"]);
    assert_eq!(code, 1, "{wrong}");
    assert!(
        wrong.contains("causeway.toml:")
            && wrong.contains(
                "route letters, to.mailbox: there is no mailbox NOPE; allowed: CAUSEWAY, ZZ907OT001"
            ),
        "{wrong}"
    );
    let (code, wrong) = seen.run(&["serve", "--data", &place]);
    assert!(code == 2 && wrong.contains("no mailbox NOPE"), "{code} {wrong}");
    let text = std::fs::read_to_string(&setup.file).expect("a configuration");
    std::fs::write(&setup.file, text.replace(", { kind = \"mailbox\", mailbox = \"NOPE\" }", ""))
        .expect("written");
    let (code, good) = seen.run(&["serve", "--data", &place, "--check"]);
    assert!(code == 0 && good.contains("good: 1 organisation, 2 mailboxes, 2 routes"), "{good}");

    let running = Running::start(&data, &mut seen);
    let base = running.base.clone();
    let at = ["--token-file", token.as_str(), "--server", base.as_str()];
    let send = |kind: &str, extra: &[&str], body: &str| {
        let bearer =
            format!("Authorization: Bearer {}", std::fs::read_to_string(&token).expect("a token").trim());
        let output = Command::new("curl")
            .args(["-sS", "-H", &bearer, "-H", &format!("Content-Type: {kind}"), "--data-binary", body])
            .args(extra)
            .arg(format!("{base}/messages"))
            .output()
            .expect("curl");
        serde_json::from_slice::<Value>(&output.stdout).expect("JSON")
    };
    let refused = send("text/plain", &["-H", "Prefer: respond-sync"], "hello");
    assert_eq!(refused["state"], "error", "{refused}");
    // The recipient that the message names (MSH-6).
    let to_nobody =
        String::from_utf8_lossy(&message).replace("|EXCHANGE|", "|ZZ908|").replace(number, "STRANGER-4");
    std::fs::write(&file, to_nobody).expect("written");
    send("application/hl7-v2", &["-H", "Causeway-Workflow: LETTER"], &body);
    let failed = until("both failures", || {
        let output = Command::new(PROGRAM).args(["messages", "--failed"]).args(at).output().expect("runs");
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        (text.contains("1 refused") && text.contains("1 need a decision")).then_some(text)
    });
    let _ = write!(seen.0, "\n$ causeway messages --failed\n{failed}");
    assert!(failed.contains("why   no adapter knows this format"), "{failed}");
    assert!(failed.contains("do    ") && failed.contains("/parked/"), "{failed}");
    running.stop(&mut seen);

    // Mended: the recipient is made known, and the step is tried again.
    setup.append("\n[[organisation]]\ncode = \"ZZ908\"\nname = \"Larch House\"\nmailbox = \"ZZ907OT001\"\n");
    let running = Running::start(&data, &mut seen);
    let base = running.base.clone();
    let at = ["--token-file", token.as_str(), "--server", base.as_str()];
    let (_, listed) = seen.run(&[&["messages", "--failed", "--json"], &at[..]].concat());
    let listed: Value = serde_json::from_str(&listed).expect("JSON");
    let decide = listed["needDecision"][0]["href"].as_str().expect("where to decide");
    let bearer =
        format!("Authorization: Bearer {}", std::fs::read_to_string(&token).expect("a token").trim());
    let again = Command::new("curl")
        .args(["-sS", "-o", "/dev/null", "-w", "%{http_code}", "-H", &bearer])
        .args(["-d", "action=release&confirm=yes"])
        .arg(format!("{base}{decide}"))
        .output()
        .expect("curl");
    assert_eq!(String::from_utf8_lossy(&again.stdout), "303");
    until("nothing needs a decision", || {
        let output = Command::new(PROGRAM).args(["messages", "--failed"]).args(at).output().expect("runs");
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        (!text.contains("need a decision")).then_some(())
    });
    until("the letter in the mailbox", || first_inbox(&setup, &base, mailbox));
    running.stop(&mut seen);
    if let Ok(file) = std::env::var("STRANGER_WORDS") {
        std::fs::write(file, seen.0.replace(&place, "DIR")).expect("written");
    }
}
