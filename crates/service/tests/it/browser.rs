//! What leaves to a browser, and what a browser may send.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use causeway_service::config::Config;

use crate::support::*;

/// An XML document that runs a script where a browser shows it.
const SCRIPT: &[u8] =
    b"<x:html xmlns:x=\"http://www.w3.org/1999/xhtml\"><x:script>fetch('/people/')</x:script></x:html>";

fn basic(user: &str, token: &str) -> String {
    format!("Basic {}", STANDARD.encode(format!("{user}:{token}")))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_senders_file_never_runs_in_the_operators_session() {
    let world = World::new();
    let server = world.serve(closed_config()).await;
    let kinds = [
        "text/html",
        "Text/HTML",
        "TEXT/HTML; charset=utf-8",
        "application/xhtml+xml",
        "image/SVG+xml",
        "image/svg+xml;a=b",
        "application/xml",
        "Text/Xml",
        "text/xml; charset=\"utf-8\"",
        "application/rss+xml",
        "text/javascript",
        "application/pdf",
        "multipart-x",
        "text/plain,text/html",
        "nonsense",
        "x/y; text/plain",
    ];
    for kind in kinds {
        let headers = [("Content-Type", kind), ("Authorization", "Bearer token-902")];
        let sent = call(&server, "POST", "/messages", &headers, SCRIPT).await;
        assert_eq!(sent.status, 202, "{kind}: {}", sent.text());
        let path = format!("/messages/{}/original", sent.json()["id"].as_str().unwrap());
        let operator = basic("ZZ900", "token-900");
        let reply =
            call(&server, "GET", &path, &[("Authorization", &operator), ("Accept", "text/html")], b"").await;
        assert_eq!((reply.status, reply.body.as_slice()), (200, SCRIPT), "{kind}");
        assert_eq!(reply.header("content-type"), Some("application/octet-stream"), "{kind}");
        assert!(reply.header("content-disposition").unwrap().starts_with("attachment"), "{kind}");
        assert!(reply.header("content-security-policy").unwrap().starts_with("sandbox; default-src 'none'"));
        assert_eq!(reply.header("x-content-type-options"), Some("nosniff"));
    }
    // The control: a text is shown, for that is what an operator reads.
    let headers = [("Content-Type", "Text/Plain"), ("Authorization", "Bearer token-902")];
    let sent = call(&server, "POST", "/messages", &headers, b"LINE|1").await.json();
    let path = format!("/messages/{}/original", sent["id"].as_str().unwrap());
    let reply = call(&server, "GET", &path, &[("Authorization", "Bearer token-900")], b"").await;
    assert_eq!(reply.header("content-type"), Some("text/plain; charset=utf-8"));
    assert_eq!(reply.header("content-disposition"), None);
    server.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn every_answer_says_what_a_browser_may_do_with_it() {
    let world = World::new();
    let server =
        world.serve(Config { public_url: Some("https://care.example".to_owned()), ..open_config() }).await;
    let id = send(&server, AGNES).await;
    until(&server, &id, "recorded").await;
    let mut seen = 0;
    for accept in ["text/html", "application/json", "*/*"] {
        for path in [
            "/",
            "/health",
            "/metrics",
            "/adapters",
            "/assets/causeway.css",
            "/messages",
            "/people/",
            "/parked",
            "/overdue",
            "/fhir/metadata",
            "/fhir/Patient",
            "/fhir/Nothing",
            "/nowhere",
            "/notes",
            "/access",
            "/messages/x",
            &format!("/messages/{id}"),
            &format!("/messages/{id}/original"),
            &format!("/messages/{id}/ledger"),
            &format!("/messages/{id}/issues"),
            &format!("/messages/{id}/bundles/1"),
            &format!("/messages/{id}/explain"),
        ] {
            let reply = call(&server, "GET", path, &[("Accept", accept)], b"").await;
            for (name, part) in [
                ("x-content-type-options", "nosniff"),
                ("content-security-policy", "default-src 'none'"),
                ("cross-origin-resource-policy", "same-origin"),
                ("referrer-policy", if reply.text().starts_with("<!") { "same-origin" } else { "" }),
                ("x-frame-options", "DENY"),
                ("cache-control", ""),
                ("strict-transport-security", "max-age="),
            ] {
                assert!(
                    reply.header(name).is_some_and(|v| v.contains(part)),
                    "{path}: {name} {:?}",
                    reply.header(name)
                );
            }
            seen += 1;
        }
    }
    assert_eq!(seen, 66);
    server.stop().await.unwrap();
    // The control: no promise of TLS where there is none.
    let world = World::new();
    let server = world.serve(open_config()).await;
    assert_eq!(get(&server, "/health").await.header("strict-transport-security"), None);
    server.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn another_sites_page_can_send_nothing_in_the_operators_name() {
    let world = World::new();
    let server = world.serve(closed_config()).await;
    let operator = basic("ZZ900", "token-900");
    let own = format!("http://{}", server.address());
    let doors = [
        ("POST", "/messages", "text/plain"),
        ("POST", "/scaip", "text/plain"),
        ("POST", "/fhir/Patient/_search", "application/x-www-form-urlencoded"),
        ("POST", "/fhir/$process-message", "text/plain"),
        ("POST", "/people", "application/x-www-form-urlencoded"),
        ("POST", "/notes", "application/x-www-form-urlencoded"),
        ("PUT", "/fhir/Patient/1", "application/fhir+json"),
        ("DELETE", "/fhir/Patient/1", "text/plain"),
        ("GET", "/fhir/Patient", ""),
        ("GET", "/messages", ""),
        ("POST", "/nowhere", "text/plain"),
    ];
    for (method, path, kind) in doors {
        let base =
            [("Authorization", operator.as_str()), ("Content-Type", kind), ("Accept", "application/json")];
        for extra in [
            vec![("Origin", "http://evil.example"), ("Sec-Fetch-Site", "cross-site")],
            vec![("Origin", "null")],
            vec![("Sec-Fetch-Site", "same-site")],
        ] {
            let headers: Vec<_> = base.iter().copied().chain(extra.iter().copied()).collect();
            let reply = call(&server, method, path, &headers, b"LINE|1").await;
            assert_eq!(
                (reply.status, reply.rule().as_str()),
                (403, "cross-site"),
                "{method} {path} {extra:?}"
            );
        }
        // The control: from our own page, and from a program, the door itself answers.
        for extra in [vec![("Origin", own.as_str()), ("Sec-Fetch-Site", "same-origin")], vec![]] {
            let headers: Vec<_> = base.iter().copied().chain(extra.iter().copied()).collect();
            let reply = call(&server, method, path, &headers, b"LINE|1").await;
            assert!(!reply.text().contains("cross-site"), "{method} {path} {extra:?}: {}", reply.text());
        }
    }
    let headers = [("Authorization", operator.as_str()), ("Accept", "application/json")];
    let sent = call(&server, "GET", "/messages", &headers, b"").await.json();
    assert!(sent["messages"].as_array().unwrap().len() <= 4, "only the controls were taken: {sent}");
    server.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_that_was_made_to_lead_here_opens_nothing() {
    let world = World::new();
    let server = world.serve(Config { hosts: vec!["care.example".to_owned()], ..open_config() }).await;
    for (host, status) in [("evil.example", 421), ("care.example:80", 200), ("localhost", 200)] {
        let raw = format!(
            "GET /people HTTP/1.1\r\nHost: {host}\r\nAccept: application/json\r\nConnection: close\r\n\r\n"
        );
        assert_eq!(raw_call(&server, raw.as_bytes()).await.status, status, "{host}");
    }
    server.stop().await.unwrap();
}
