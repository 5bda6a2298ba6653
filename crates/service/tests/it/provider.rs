//! Sign-in at a provider that others wrote: the published `oidc-provider`, unmodified, started by the test. Skipped, and said
//! so, where Node.js or the package registry is absent.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};

use causeway_service::access::oidc;
use causeway_service::config::Config;
use causeway_service::testing::TestServer;
use jiff::SignedDuration;

use crate::support::*;

fn scripts() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/oidc")
}

struct Provider {
    child: Child,
    issuer: String,
    _input: Option<ChildStdin>,
}

impl Provider {
    /// `None` where it can't be installed here.
    #[allow(clippy::print_stderr, reason = "what is skipped must be seen")]
    fn start() -> Option<Self> {
        let installed = Command::new(scripts().join("install")).output().ok()?;
        let said = String::from_utf8_lossy(&installed.stdout).trim().to_owned();
        if !installed.status.success() {
            eprintln!("SKIPPED: sign-in at a published provider: {said}");
            return None;
        }
        let mut node = Command::new("node");
        node.arg(Path::new(&said).join("provider.mjs")).current_dir(&said);
        let mut child =
            node.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().ok()?;
        let input = child.stdin.take();
        let lines = BufReader::new(child.stdout.take()?).lines();
        let issuer = lines.map_while(Result::ok).find(|line| line.starts_with("http://"));
        Some(Self { child, issuer: issuer.expect("the provider says where it is"), _input: input })
    }

    async fn set(&self, what: &str) {
        let done = reqwest::Client::new().post(format!("{}/{what}", self.issuer)).send().await.unwrap();
        assert_eq!(done.status(), 204);
    }
}

impl Drop for Provider {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// A browser at the provider: it keeps cookies and follows nothing by itself.
struct Browser {
    client: reqwest::Client,
    cookies: Vec<(String, String)>,
}

impl Browser {
    fn new() -> Self {
        drop(rustls::crypto::aws_lc_rs::default_provider().install_default());
        let client = reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none());
        Self { client: client.build().unwrap(), cookies: Vec::new() }
    }

    /// One request; where it leads.
    async fn go(&mut self, url: &str, form: Option<&'static str>) -> String {
        let (status, place, _) = self.ask(url, form).await;
        place.unwrap_or_else(|| panic!("{url} leads nowhere: {status}"))
    }

    /// One request: status, where it leads, and its page.
    async fn ask(&mut self, url: &str, form: Option<&'static str>) -> (u16, Option<String>, String) {
        let request = match form {
            Some(form) => {
                let post = self.client.post(url).body(form);
                post.header("Content-Type", "application/x-www-form-urlencoded")
            }
            None => self.client.get(url),
        };
        let cookies: Vec<String> = self.cookies.iter().map(|(n, v)| format!("{n}={v}")).collect();
        let answer = request.header("Cookie", cookies.join("; ")).send().await.unwrap();
        for set in answer.headers().get_all("set-cookie") {
            let (name, value) = set.to_str().unwrap().split(';').next().unwrap().split_once('=').unwrap();
            self.cookies.retain(|(known, _)| known != name);
            self.cookies.push((name.to_owned(), value.to_owned()));
        }
        let place = answer.headers().get("location").map(|l| l.to_str().unwrap().to_owned());
        let place = place.map(|place| answer.url().join(&place).unwrap().to_string());
        (answer.status().as_u16(), place, answer.text().await.unwrap())
    }

    /// Signs in at the provider as its nurse, from the address to which it was sent; where it is sent back to.
    async fn sign_in(&mut self, url: &str) -> String {
        let mut place = self.go(url, None).await;
        // Name and password where nobody is known yet, then leave to tell who it is.
        while place.contains("/interaction/") {
            let (_, _, page) = self.ask(&place, None).await;
            let asked = page.contains("name=\"login\"");
            let form = if asked { "prompt=login&login=nurse-1&password=any" } else { "prompt=consent" };
            let on = self.go(&place, Some(form)).await;
            place = self.go(&on, None).await;
        }
        place
    }
}

/// Begins a sign-in here: our cookie, and the address at the provider.
async fn begin(server: &TestServer) -> (String, String) {
    let reply = call(server, "GET", "/sign-in", &[("Accept", "text/html")], b"").await;
    assert_eq!(reply.status, 303, "{}", reply.text());
    let cookie = reply.header("set-cookie").unwrap().split(';').next().unwrap().to_owned();
    (cookie, reply.header("location").unwrap().to_owned())
}

/// Comes back to us.
async fn back(server: &TestServer, cookie: &str, place: &str) -> Reply {
    let path = place.strip_prefix(&server.url("")).unwrap_or_else(|| panic!("sent to {place}"));
    call(server, "GET", path, &[("Accept", "text/html"), ("Cookie", cookie)], b"").await
}

/// The value of a parameter in an address.
fn value(url: &str, name: &str) -> String {
    let found = url.split(['?', '&']).find_map(|p| p.strip_prefix(&format!("{name}=")));
    found.unwrap_or_else(|| panic!("{name} in {url}")).to_owned()
}

fn refused(reply: &Reply, what: &str) {
    assert!(matches!(reply.status, 403 | 503), "{what}: {} {}", reply.status, reply.text());
    let session = reply.headers.iter().any(|(n, v)| n == "set-cookie" && v.starts_with("causeway-session"));
    assert!(!session, "{what}: a session all the same");
}

#[tokio::test(flavor = "multi_thread")]
async fn ig_01_people_sign_in_at_a_published_provider() {
    let Some(provider) = Provider::start() else { return };
    let world = World::new();
    let settings = oidc::Settings {
        issuer: provider.issuer.clone(),
        client_id: "causeway".to_owned(),
        client_secret_file: None,
        scopes: vec!["profile".to_owned()],
    };
    let server = world.serve(Config { sign_in: Some(settings), ..closed_config() }).await;
    provider.set(&format!("client?back={}", server.url("/sign-in/return"))).await;

    let mut browser = Browser::new();
    let (cookie, url) = begin(&server).await;
    let there = browser.sign_in(&url).await;
    let signed = back(&server, &cookie, &there).await;
    assert_eq!(signed.status, 303, "{}", signed.text());
    let session = signed.header("set-cookie").unwrap().split(';').next().unwrap().to_owned();
    let page = call(&server, "GET", "/access", &[("Accept", "text/html"), ("Cookie", &session)], b"").await;
    for part in ["Ada Fern", "Nurse Access Role"] {
        assert!(page.text().contains(part), "{part}: {}", page.text());
    }

    // The same answer again: the state is used, and with a new state the provider takes the code for what it is.
    refused(&back(&server, &cookie, &there).await, "the answer again");
    let (cookie, url) = begin(&server).await;
    let (code, state) = (value(&there, "code"), value(&url, "state"));
    let stale = format!("{}?code={code}&state={state}", server.url("/sign-in/return"));
    refused(&back(&server, &cookie, &stale).await, "a used code with a fresh state");
    // The answer to another browser's sign-in, and to none.
    let (mine, _) = begin(&server).await;
    let (_, others) = begin(&server).await;
    let there = browser.sign_in(&others).await;
    refused(&back(&server, &mine, &there).await, "another browser's state");
    refused(&back(&server, "a=b", &there).await, "no sign-in under way");
    // Somebody changes the nonce, the challenge or the state on the way to the provider.
    for name in ["nonce", "code_challenge", "state"] {
        let (cookie, url) = begin(&server).await;
        let changed = url.replace(&value(&url, name), &"A".repeat(43));
        let there = browser.sign_in(&changed).await;
        refused(&back(&server, &cookie, &there).await, name);
    }
    // New keys at the provider are asked for.
    provider.set("rotate").await;
    let mut browser = Browser::new();
    let (cookie, url) = begin(&server).await;
    let there = browser.sign_in(&url).await;
    assert_eq!(back(&server, &cookie, &there).await.status, 303, "after the keys were changed");
    // An id token that is out of date when it comes.
    provider.set("short").await;
    let (cookie, url) = begin(&server).await;
    let there = browser.sign_in(&url).await;
    server.state.clock.advance(SignedDuration::from_mins(5)).unwrap();
    refused(&back(&server, &cookie, &there).await, "an id token that is out of date");

    // Signing out ends it: the cookie opens nothing more.
    let page = call(&server, "GET", "/access", &[("Accept", "text/html"), ("Cookie", &session)], b"").await;
    let text = page.text();
    let csrf =
        text.split("name=\"csrf\" value=\"").nth(1).and_then(|r| r.split('"').next()).unwrap().to_owned();
    let headers = [
        ("Content-Type", "application/x-www-form-urlencoded"),
        ("Cookie", session.as_str()),
        ("Sec-Fetch-Site", "same-origin"),
    ];
    let out = call(&server, "POST", "/sign-out", &headers, format!("csrf={csrf}").as_bytes()).await;
    assert_eq!(out.status, 303, "{}", out.text());
    let after = call(&server, "GET", "/me", &[("Accept", "text/html"), ("Cookie", &session)], b"").await;
    assert_eq!((after.status, after.header("location")), (303, Some("/sign-in/choose?to=/me")));
    // Every failure is in the trail.
    let entries = server.state.engine.audit_entries(Some("access"), None, 1000).unwrap();
    let failed = entries.iter().filter(|e| e.audit.detail.contains("sign-in-failed")).count();
    assert!(failed >= 8, "{failed} failures in the log");
    server.stop().await.unwrap();
}
