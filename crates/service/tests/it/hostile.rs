//! What means no good, at every address: bodies that are bombs, mazes or not what they are called; ids that are paths, line
//! ends or statements; floods of header fields. Nothing breaks, nothing of a body comes back or is logged.

use std::io::Write as _;

use causeway_service::testing::TestServer;

use crate::disclosures::{CASES, First, fill_in};
use crate::orders::ORDERS;
use crate::support::*;

/// A word that every hostile body holds where it holds any.
const MARK: &str = "Zebrawort";
/// Seconds in which each is answered, on a machine that does other things too.
const PATIENCE_SECONDS: u64 = 20;

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    packed.write_all(bytes).unwrap();
    packed.finish().unwrap()
}

/// Name, body, and whether it is gzip.
fn bodies() -> Vec<(&'static str, Vec<u8>, bool)> {
    let deep = |open: &str, close: &str| open.repeat(20_000) + MARK + &close.repeat(20_000);
    let of = |name, text: String| (name, text.into_bytes(), false);
    let mut all = vec![
        of("nothing", String::new()),
        of("deep arrays", deep("[", "]")),
        of("deep objects", deep("{\"a\":", "}")),
        of("deep elements", deep("<a>", "</a>")),
        of(
            "a name twice",
            format!(
                "{{\"resourceType\":\"Basic\",\"resourceType\":\"Bundle\",\"id\":\"{MARK}\",\"type\":\"batch\"}}"
            ),
        ),
        of(
            "huge numbers",
            format!("{{\"resourceType\":\"Basic\",\"{MARK}\":1e999999,\"n\":{}}}", "9".repeat(50_000)),
        ),
        of(
            "not a string",
            format!("{{\"resourceType\":[\"{MARK}\"],\"id\":{{}},\"entry\":7,\"type\":null}}"),
        ),
        of(
            "many entries",
            format!(
                "{{\"resourceType\":\"Bundle\",\"type\":\"batch\",\"entry\":[{}{{}}]}}",
                "{\"request\":{\"method\":\"GET\",\"url\":\"Patient\"}},".repeat(2_000)
            ),
        ),
        of(
            "an entity of a file",
            format!(
                "<?xml version=\"1.0\"?><!DOCTYPE a [<!ENTITY x SYSTEM \"file:///etc/passwd\">]><mrq><ref>{MARK}&x;</ref></mrq>"
            ),
        ),
        of(
            "entities of entities",
            format!(
                "<!DOCTYPE a [<!ENTITY a \"{MARK}\"><!ENTITY b \"&a;&a;&a;&a;&a;&a;&a;&a;\"><!ENTITY c \"&b;&b;&b;&b;&b;&b;&b;&b;\">]><mrq>&c;</mrq>"
            ),
        ),
        of("line ends", format!("number={MARK}%0d%0aSet-Cookie:%20a=b&text={MARK}%0d%0a&csrf=%00")),
        of("many fields", format!("a={MARK}&").repeat(5_000)),
        of(
            "a boundary that never ends",
            format!(
                "--x\r\nContent-Disposition: form-data; name=\"file\"; filename=\"../../{MARK}\"\r\n\r\n{MARK}"
            ),
        ),
    ];
    all.push(("no text at all", [&[0xff, 0xfe, 0, 0xc3, 0x28][..], MARK.as_bytes()].concat(), false));
    all.push(("a bomb", gzip(&vec![b' '; 20_000_000]), true));
    all.push(("half a gzip", gzip(MARK.as_bytes())[..12].to_vec(), true));
    all.push(("no gzip", format!("It is {MARK}.").into_bytes(), true));
    all
}

/// What is wrong with an answer.
fn wrong(reply: &Reply) -> Option<String> {
    if reply.status >= 500 && !matches!(reply.status, 502 | 503) {
        return Some(format!("{}: {}", reply.status, reply.text()));
    }
    if reply.header("set-cookie").is_some_and(|cookie| cookie.contains("a=b"))
        || reply.text().contains("root:x:0")
    {
        return Some("what was sent in is obeyed".to_owned());
    }
    // A form shows its sender what was typed; programs get words of ours alone.
    let is_page = reply.header("content-type").is_some_and(|t| t.starts_with("text/html"));
    (reply.status >= 400 && !is_page && reply.text().contains(MARK))
        .then(|| format!("{} says it back: {}", reply.status, reply.text()))
}

async fn ask(server: &TestServer, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Reply {
    let asked = call(server, method, path, headers, body);
    let patience = std::time::Duration::from_secs(PATIENCE_SECONDS);
    tokio::time::timeout(patience, asked).await.unwrap_or_else(|_| panic!("{method} {path} was not answered"))
}

#[tokio::test(flavor = "multi_thread")]
async fn no_body_breaks_an_address_or_comes_back_from_it() {
    let world = World::new();
    let First { server, id, person, patient } = First::tells(&world).await;
    let known = [
        ("{id}", id.clone()),
        ("{patient}", patient),
        ("{person}", person),
        ("{mesh}", id),
        ("{subject}", String::new()),
        ("{pointer}", "ZZ901-1".to_owned()),
        ("{csrf}", "x".to_owned()),
    ];
    let (mut asked, mut found) = (0, Vec::new());
    let bodies = bodies();
    for (_, method, path, kind, ..) in ORDERS {
        let path = fill_in(path, &known);
        for (name, body, gzip) in &bodies {
            // As what the address takes, and as something else.
            let other = if kind.contains("json") {
                "application/fhir+xml"
            } else {
                "application/fhir+json; charset=utf-7"
            };
            for kind in [*kind, other] {
                let mut headers = vec![
                    ("Accept", "application/json"),
                    ("Authorization", "Bearer token-900"),
                    ("Causeway-Reason", "tried"),
                    ("Content-Type", kind),
                ];
                headers.extend(gzip.then_some(("Content-Encoding", "gzip")));
                let reply = ask(&server, method, &path, &headers, body).await;
                asked += 1;
                found.extend(wrong(&reply).map(|what| format!("{method} {path}, {name} as {kind}: {what}")));
            }
        }
    }
    assert!(found.is_empty(), "{} of {asked}:\n{}", found.len(), found.join("\n"));
    assert!(asked > 1_500, "{asked}");
    assert!(!logged().contains(MARK), "a body is in the log");
    server.stop().await.unwrap();
    // Here sign-ins are slowed by now; another exchange for the control.
    let other = World::new();
    let server = other.serve(closed_config()).await;
    // The control: kept, and told to who may read it; and what is looked for in answers and log would be found.
    let headers = [
        ("Authorization", "Bearer token-900"),
        ("Content-Type", "text/plain"),
        ("Accept", "application/json"),
    ];
    let kept = ask(&server, "POST", "/messages", &headers, format!("It is {MARK}").as_bytes()).await;
    assert_eq!(kept.status, 202, "{}", kept.text());
    let original = format!("/messages/{}/original", kept.json()["id"].as_str().unwrap());
    assert!(ask(&server, "GET", &original, &headers[..1], b"").await.text().contains(MARK));
    let echo = Reply { status: 400, headers: Vec::new(), body: format!("no {MARK} here").into_bytes() };
    assert!(wrong(&echo).is_some() && wrong(&Reply { status: 500, ..echo }).is_some());
    tracing::trace!("the control: {}wort", "Zebra");
    assert!(logged().contains(MARK));
    server.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn ids_are_no_paths_lines_or_statements() {
    let world = World::new();
    let First { server, .. } = First::tells(&world).await;
    let long = "A".repeat(8_000);
    let ids = [
        "..%2f..%2f..%2f..%2fetc%2fpasswd",
        "%2e%2e%2fexchange%2fcauseway.db",
        "a%00b",
        "x%0d%0aSet-Cookie:%20a=b",
        "'%20OR%201=1--",
        "%25",
        "%ff%fe",
        "%F0%9F%92%A9",
        "-1",
        "99999999999999999999999",
        "*",
        &long,
    ];
    let orders = ORDERS.iter().map(|o| (o.0, o.1));
    let cases = CASES.iter().map(|case| (case.0, "GET"));
    let (mut asked, mut found) = (0, Vec::new());
    for (address, method) in cases.chain(orders).filter(|(address, _)| address.contains('{')) {
        for id in ids {
            let parts = address.split('{').enumerate();
            let path: String = parts
                .map(|(at, part)| {
                    if at == 0 {
                        part.to_owned()
                    } else {
                        format!("{id}{}", part.split_once('}').unwrap_or_default().1)
                    }
                })
                .collect();
            for accept in ["application/json", "text/html"] {
                let headers =
                    [("Accept", accept), ("Authorization", "Bearer token-900"), ("Causeway-Reason", "tried")];
                let reply = ask(&server, method, &path, &headers, b"").await;
                asked += 1;
                found.extend(wrong(&reply).map(|what| format!("{method} {path}: {what}")));
                if (200..300).contains(&reply.status) && reply.text().contains("SQLite format 3") {
                    found.push(format!("{method} {path} gives a file of the exchange"));
                }
            }
        }
    }
    assert!(found.is_empty(), "{} of {asked}:\n{}", found.len(), found.join("\n"));
    assert!(asked > 1_500, "{asked}");
    server.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn floods_of_header_fields_are_refused_and_others_served() {
    let world = World::new();
    let server = world.serve(open_config()).await;
    let line = |name: String, value: &str| format!("{name}: {value}\r\n");
    let many: String = (0..150).map(|n| line(format!("X-{n}"), "y")).collect();
    let of = |bytes| line("X-Long".to_owned(), &"y".repeat(bytes));
    // The last is the control: a header below the limit of 64 KiB.
    for (name, fields, allowed) in [
        ("many", many, &[0, 400, 431][..]),
        ("long", of(500_000), &[0, 400, 431]),
        ("a little too long", of(66_000), &[431]),
        ("long enough", of(60_000), &[200, 401, 403, 404]),
    ] {
        for path in ["/health", "/messages", "/fhir/Patient", "/messageexchange/A/inbox"] {
            let request =
                format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{fields}\r\n");
            let mut stream = tokio::net::TcpStream::connect(server.address()).await.unwrap();
            let mut raw = Vec::new();
            // It may be refused before all of it is sent.
            drop(tokio::io::AsyncWriteExt::write_all(&mut stream, request.as_bytes()).await);
            drop(tokio::io::AsyncReadExt::read_to_end(&mut stream, &mut raw).await);
            let status = parse(&raw).status;
            assert!(allowed.contains(&status), "{name} {path}: {status}");
        }
    }
    assert_eq!(get(&server, "/health").await.status, 200);
    server.stop().await.unwrap();
}
