//! The on-ramp's pages where senders must sign in, and what the log may hold of a note.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use causeway_exchange::MessageQuery;
use causeway_service::config::{CodeSystem, Organisation};
use causeway_service::testing::TestServer;

use crate::html;
use crate::support::*;

const HOME: &str = "1-9990000101";
const FORM: &str = "application/x-www-form-urlencoded";

fn home(code: &str, token: &str) -> Organisation {
    let mut home = Organisation::of_code(code).unwrap().with_token(token);
    home.system = CodeSystem::Cqc;
    home.name = "Larchwood House".to_owned();
    home
}

fn basic(token: &str) -> String {
    format!("Basic {}", STANDARD.encode(format!(":{token}")))
}

async fn token(server: &TestServer, sign_in: &str) -> String {
    let headers = [("Accept", "text/html"), ("Authorization", sign_in)];
    let reply = call(server, "GET", "/care-note", &headers, b"").await;
    assert_eq!(reply.status, 200, "{}", reply.text());
    html::check("/care-note", &reply.text());
    assert!(reply.text().contains("Larchwood House"), "the home is filled in");
    let text = reply.text();
    let (_, rest) = text.split_once("name=\"token\" value=\"").unwrap();
    rest.split('"').next().unwrap().to_owned()
}

async fn submit(server: &TestServer, sign_in: &str, token: &str, home: &str) -> Reply {
    let body = format!(
        "token={token}&first_name=Wilhelmina&family_name=Oakapple&date_of_birth=4%2F5%2F1931&home_cqc_id={home}\
         &date=1%2F10%2F2026&kind=mood&note=Hummed+barcarolles&written_by=Zebedee"
    );
    let headers = [("Accept", "text/html"), ("Authorization", sign_in), ("Content-Type", FORM)];
    call(server, "POST", "/care-note", &headers, body.as_bytes()).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_home_writes_for_itself_and_the_log_names_nobody() {
    let world = World::new();
    let mut config = closed_config();
    config.organisations.push(home(HOME, "token-home"));
    config.organisations.push(home("1-9990000102", "token-other"));
    let server = world.serve(config).await;
    let led = page(&server, "/care-note").await;
    assert_eq!((led.status, led.header("location")), (303, Some("/sign-in/choose?to=/care-note")));

    let own = basic("token-home");
    let given = token(&server, &own).await;
    let other = submit(&server, &basic("token-other"), &given, "1-9990000102").await;
    assert_eq!(other.status, 422, "a form of another organisation");
    let foreign = submit(&server, &own, &given, "1-9990000102").await;
    assert_eq!(foreign.status, 422);
    html::check("/care-note", &foreign.text());
    assert!(foreign.text().contains("signed in for another home"));

    let sent = submit(&server, &own, &given, HOME).await;
    assert_eq!(sent.status, 303, "{}", sent.text());
    let place = sent.header("location").unwrap().to_owned();
    assert!(place.starts_with("/messages/"));
    let again = submit(&server, &own, &given, HOME).await;
    assert_eq!(again.header("location"), Some(place.as_str()), "a double click is one note");
    let all = server.state.engine.search(&MessageQuery { limit: 10, ..MessageQuery::default() }).unwrap();
    assert_eq!(all.len(), 1);
    let audit = server.state.engine.audit_entries(Some(all[0].new.id.as_str()), None, 100).unwrap();
    assert!(audit.iter().any(|a| a.audit.action == "care-note-written" && a.audit.actor == HOME));

    let log = logged();
    // The year alone may be a number of anything; the log is that of all tests.
    for secret in ["Wilhelmina", "Oakapple", "barcarolles", "Zebedee", "/1931", "2F1931", "1931-05-04"] {
        assert!(!log.contains(secret), "the log names {secret}");
    }
    server.stop().await.unwrap();
}
