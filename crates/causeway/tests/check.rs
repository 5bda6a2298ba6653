//! `causeway check` as people call it: every way in, every form of the report, every exit code.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use serde_json::Value;

/// Line 3 has a code that is not allowed.
const BAD: &str = "{\n  \"resourceType\": \"Patient\",\n  \"gender\": \"M\"\n}\n";
const GOOD: &str = r#"{"resourceType":"Basic","code":{"text":"x"}}"#;
const BAD_XML: &str = "<Patient xmlns=\"http://hl7.org/fhir\">\n  <gender value=\"M\"/>\n</Patient>\n";

fn causeway(folder: &Path, arguments: &[&str]) -> Output {
    run(folder, arguments, "")
}

fn run(folder: &Path, arguments: &[&str], input: &str) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_causeway"))
        .arg("check")
        .args(arguments)
        .current_dir(folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary starts");
    // The command may end before it reads: that is no fault here.
    let _ = child.stdin.take().expect("standard input").write_all(input.as_bytes());
    child.wait_with_output().expect("an end")
}

fn text(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn code(output: &Output) -> i32 {
    output.status.code().expect("a code")
}

/// `bad.json`, `good.json`, `in/bad.xml` and `in/lines.ndjson` (one good, one bad), and what a folder's check leaves alone.
fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    let write =
        |name: &str, content: &str| std::fs::write(folder.path().join(name), content).expect("written");
    std::fs::create_dir(folder.path().join("in")).expect("a folder");
    write("bad.json", BAD);
    write("good.json", GOOD);
    write("in/bad.xml", BAD_XML);
    write("in/lines.ndjson", &format!("{GOOD}\n{}\n", BAD.replace('\n', "")));
    write("in/readme.md", "no FHIR");
    write(".hidden.json", "no FHIR");
    folder
}

/// The lines of the `jsonl` form: name and number of errors.
fn errors(output: &Output) -> Vec<(String, u64)> {
    let lines = text(output);
    lines
        .lines()
        .map(|line| {
            let line: Value = serde_json::from_str(line).expect("a line of JSON");
            (line["file"].as_str().expect("a file").to_owned(), line["errors"].as_u64().expect("a number"))
        })
        .collect()
}

#[test]
fn every_way_in_reaches_the_same_checker() {
    let folder = folder();
    let at = folder.path();
    let check = |paths: &[&str], input: &str| {
        let mut arguments = vec!["--format", "jsonl"];
        arguments.extend(paths);
        let output = run(at, &arguments, input);
        assert_eq!(code(&output), 1, "{paths:?}: {}", String::from_utf8_lossy(&output.stderr));
        errors(&output)
    };
    let named = |list: &[(&str, u64)]| list.iter().map(|(n, e)| ((*n).to_owned(), *e)).collect::<Vec<_>>();
    assert_eq!(check(&["bad.json"], ""), named(&[("bad.json", 1)]));
    assert_eq!(check(&["-"], BAD), named(&[("-", 1)]));
    assert_eq!(check(&["-"], BAD_XML), named(&[("-", 1)]));
    assert_eq!(check(&["-"], &format!("{GOOD}\n{GOOD}\n{}\n", BAD.replace('\n', ""))).len(), 3);
    assert_eq!(
        check(&["in"], ""),
        named(&[("in/bad.xml", 1), ("in/lines.ndjson#1", 0), ("in/lines.ndjson#2", 1)])
    );
    assert_eq!(check(&["*.json"], ""), named(&[("bad.json", 1), ("good.json", 0)]));
    assert_eq!(check(&["**/*.xml", "good.json"], ""), named(&[("in/bad.xml", 1), ("good.json", 0)]));
    assert_eq!(check(&["."], "").len(), 5);
}

#[test]
fn a_url_is_fetched() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    let server = std::thread::spawn(move || {
        for status in ["200 OK", "404 Not Found"] {
            let (mut stream, _) = listener.accept().expect("a caller");
            let mut request = [0; 4096];
            let read = stream.read(&mut request).expect("a request");
            assert!(String::from_utf8_lossy(&request[..read]).contains("application/fhir+json"));
            let length = BAD.len();
            write!(stream, "HTTP/1.1 {status}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{BAD}")
                .expect("answered");
        }
    });
    let folder = folder();
    let url = format!("http://{address}/Patient/1");
    let output = causeway(folder.path(), &["--format", "jsonl", &url]);
    assert_eq!((errors(&output), code(&output)), (vec![(url.clone(), 1)], 1));
    let output = causeway(folder.path(), &[&url]);
    assert_eq!(code(&output), 3);
    assert!(text(&output).contains("the server answered 404"), "{}", text(&output));
    server.join().expect("the server");
}

#[test]
fn every_form_says_what_is_wrong() {
    let folder = folder();
    let form = |name: &str| {
        let output = causeway(folder.path(), &["--format", name, "bad.json", "good.json"]);
        assert_eq!(code(&output), 1, "{name}");
        text(&output)
    };
    let words = form("text");
    for part in
        ["bad.json: 1 error", "3:3  Patient.gender", "allowed: female, male, other, unknown", "to mend:"]
    {
        assert!(words.contains(part), "no {part:?} in:\n{words}");
    }
    let line: Value = serde_json::from_str(form("jsonl").lines().next().expect("a line")).expect("JSON");
    assert_eq!(line["issues"][0]["location"], "Patient.gender");
    assert_eq!(line["issues"][0]["id"], "r4/binding-required");
    assert_eq!((&line["issues"][0]["severity"], &line["issues"][0]["line"]), (&"error".into(), &3.into()));
    for outcome in form("outcome").lines() {
        let report = causeway_profile::check(outcome.as_bytes());
        assert!(report.is_valid(), "{outcome}: {:?}", report.findings);
    }
    assert!(form("junit").contains("<failure"));
    let sarif: Value = serde_json::from_str(&form("sarif")).expect("JSON");
    assert_eq!(sarif["runs"][0]["results"][0]["ruleId"], "r4/binding-required");
    assert!(form("html").contains("<html lang=\"en-GB\""));
    let out = folder.path().join("report.html");
    let output =
        causeway(folder.path(), &["--format", "html", "--out", &out.display().to_string(), "bad.json"]);
    assert_eq!((code(&output), text(&output).as_str()), (1, ""));
    assert!(std::fs::read_to_string(out).expect("a report").contains("Patient.gender"));
}

#[test]
fn the_exit_code_says_how_it_went() {
    let folder = folder();
    let at = |arguments: &[&str]| code(&causeway(folder.path(), arguments));
    assert_eq!(at(&["good.json"]), 0);
    assert_eq!(at(&["good.json", "--fail-on", "information"]), 0);
    assert_eq!(at(&["bad.json"]), 1);
    assert_eq!(at(&["bad.json", "--fail-on", "never"]), 0);
    assert_eq!(at(&["bad.json", "--fail-on", "fatal"]), 2);
    assert_eq!(at(&[]), 2);
    assert_eq!(at(&["good.json", "--package", "absent.tgz"]), 2);
    assert_eq!(at(&["absent.json"]), 3);
    assert_eq!(at(&["*.absent"]), 3);
    assert_eq!(at(&["absent.json", "good.json"]), 1);
    assert_eq!(at(&["absent.json", "good.json", "--fail-on", "never"]), 0);
}

#[test]
fn profiles_are_chosen_and_packages_loaded() {
    let folder = folder();
    let url = "https://example.org/StructureDefinition/coded";
    let profile = format!(
        r#"{{"resourceType":"StructureDefinition","id":"coded","url":"{url}","type":"Basic","derivation":"constraint",
        "baseDefinition":"http://hl7.org/fhir/StructureDefinition/Basic",
        "differential":{{"element":[{{"id":"Basic.subject","path":"Basic.subject","min":1}}]}}}}"#
    );
    std::fs::create_dir(folder.path().join("guide")).expect("a folder");
    std::fs::write(folder.path().join("guide/coded.json"), profile).expect("written");
    std::fs::write(
        folder.path().join("guide/SearchParameter.json"),
        r#"{"resourceType":"SearchParameter","id":"s"}"#,
    )
    .expect("written");
    let at = |arguments: &[&str]| causeway(folder.path(), arguments);
    // Not known: an error, unless it is asked to be a warning.
    assert_eq!(code(&at(&["good.json", "--profile", url])), 1);
    for package in ["guide", "guide/coded.json"] {
        let output = at(&["good.json", "--profile", url, "--package", package]);
        assert_eq!(code(&output), 1);
        assert!(text(&output).contains("the profile requires subject"), "{}", text(&output));
        assert!(String::from_utf8_lossy(&output.stderr).contains("definitions taken: 1 StructureDefinition"));
    }
    let output = at(&["good.json", "--package", "guide"]);
    assert!(String::from_utf8_lossy(&output.stderr).contains("left out"), "what is no definition is listed");
    // UK Core asks for what base R4 doesn't.
    std::fs::write(
        folder.path().join("patient.json"),
        r#"{"resourceType":"Patient","identifier":[{"system":"https://fhir.nhs.uk/Id/nhs-number"}]}"#,
    )
    .expect("written");
    assert_eq!(code(&at(&["patient.json", "--r4"])), 0);
    assert_eq!(code(&at(&["patient.json"])), 1);
    assert!(text(&at(&["good.json", "--must-support"])).len() >= text(&at(&["good.json"])).len());
}
