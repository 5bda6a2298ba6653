//! Safe access through the doors: sign-in, the one gate, who has looked, and what each role is shown.

use causeway_service::access::session::SignedIn;
use causeway_service::config::{Config, Organisation};
use causeway_service::pages::portal::cast::CAST;
use causeway_service::testing::TestServer;
use serde_json::Value;

use crate::support::*;

/// A person of the line format with a practice, a restricted item and what has nothing to do with it.
const RECORD: &str = "LINE|1\nPAT|9990000018|Quillfeather|Agnes|1942-03-07|female\n\
    OBS|2026-10-03T09:30:00Z|Gait speed|0.4 m/s\n\
    OBS|2026-10-04T09:30:00Z|Stand-in sexual health test|positive\n\
    CARE|2026-10-10|Home care, four visits a day";

/// Words that would tell of the restricted item.
const TELLING: &[&str] = &["sexual", "Stand-in", "stand-in", "positive"];

fn organisation(code: &str, name: &str) -> Organisation {
    Organisation { name: name.to_owned(), ..Organisation::of_code(code).unwrap() }
}

fn config() -> Config {
    Config {
        organisations: vec![
            organisation("ZZ901", "Example Council"),
            organisation("ZZ902", "Example Hospital"),
        ],
        ..open_config()
    }
}

/// The cast: role and organisation of each. ZZ901 gives the care, ZZ902 has nothing to do with her.
const PEOPLE: &[(&str, &str, &str, &str)] = &[
    ("gp", "R8000", "ZZ901", ""),
    ("nurse", "R8001", "ZZ901", ""),
    ("therapist", "R8003", "ZZ901", ""),
    ("student", "R8004", "ZZ901", ""),
    ("social-worker", "R8014", "ZZ901", ""),
    ("clerk", "R8010", "ZZ901", ""),
    ("manager", "care-home-manager", "ZZ901", ""),
    ("care-worker", "care-worker", "ZZ901", ""),
    ("technician", "council-technician", "ZZ902", ""),
    ("researcher", "R1860", "ZZ901", ""),
    ("officer", "R0001", "ZZ901", ""),
    ("outsider", "R8000", "ZZ902", ""),
    ("herself", "person", "", "9990000018"),
    ("daughter", "person", "", ""),
];

struct Place {
    _world: World,
    server: TestServer,
    message: String,
    patient: String,
    person: String,
}

async fn place() -> Place {
    let world = World::new();
    let state = world.state(config());
    for (subject, role, organisation, number) in PEOPLE {
        let one = SignedIn {
            issuer: "demonstration".to_owned(),
            subject: (*subject).to_owned(),
            name: format!("The {subject}"),
            role: (*role).to_owned(),
            organisation: (*organisation).to_owned(),
            nhs_number: (*number).to_owned(),
            ..SignedIn::default()
        };
        let json = serde_json::to_string(&one).unwrap();
        state.engine.put_config(CAST, subject, Some(&json), None, "test", state.clock.now()).unwrap();
    }
    let server = TestServer::start(state).await.unwrap();
    let message = send(&server, RECORD).await;
    until(&server, &message, "recorded").await;
    let found = get(&server, "/fhir/Patient?family=Quillfeather").await.json();
    let patient = found["entry"][0]["resource"]["id"].as_str().unwrap().to_owned();
    let person = get(&server, "/people/").await.json()["people"][0]["id"].as_str().unwrap().to_owned();
    Place { _world: world, server, message, patient, person }
}

/// Signs in as one of the cast; gives the cookie.
async fn look_as(server: &TestServer, subject: &str) -> String {
    let headers = [("Content-Type", "application/x-www-form-urlencoded")];
    let reply = call(server, "POST", "/look-as", &headers, format!("subject={subject}").as_bytes()).await;
    assert_eq!(reply.status, 303, "{}", reply.text());
    let set = reply.header("set-cookie").unwrap();
    assert!(set.contains("HttpOnly") && set.contains("SameSite=Lax"), "{set}");
    set.split(';').next().unwrap().to_owned()
}

async fn as_json(server: &TestServer, cookie: &str, path: &str) -> Reply {
    call(server, "GET", path, &[("Accept", "application/json"), ("Cookie", cookie)], b"").await
}

async fn as_page(server: &TestServer, cookie: &str, path: &str) -> Reply {
    call(server, "GET", path, &[("Accept", "text/html"), ("Cookie", cookie)], b"").await
}

async fn form(server: &TestServer, cookie: &str, path: &str, body: &str) -> Reply {
    let headers = [
        ("Content-Type", "application/x-www-form-urlencoded"),
        ("Accept", "text/html"),
        ("Cookie", cookie),
        ("Sec-Fetch-Site", "same-origin"),
    ];
    call(server, "POST", path, &headers, body.as_bytes()).await
}

/// The form token on a page.
fn csrf(page: &Reply) -> String {
    let text = page.text();
    let at = text.find("name=\"csrf\" value=\"").expect("a form with a token") + 19;
    text[at..at + 64].to_owned()
}

/// Every address that shows something of her.
fn routes(place: &Place) -> Vec<String> {
    let (patient, person, message) = (&place.patient, &place.person, &place.message);
    let mut out = vec![
        format!("/fhir/Patient/{patient}"),
        format!("/fhir/Patient/{patient}/_history"),
        format!("/fhir/Patient/{patient}/$everything"),
        "/fhir/Patient?identifier=9990000018".to_owned(),
        format!("/fhir/Observation?patient={patient}"),
        format!(
            "/fhir/Observation?patient={patient}&_include=Observation:subject&_revinclude=Provenance:target"
        ),
        format!("/fhir/Observation?patient={patient}&code:text=Stand-in"),
        format!("/fhir/Observation?patient={patient}&_summary=count"),
        format!("/fhir/Provenance?patient={patient}"),
        format!("/fhir/EpisodeOfCare?patient={patient}"),
        format!("/fhir/AuditEvent?patient={patient}"),
        format!("/messages/{message}"),
        format!("/messages/{message}/original"),
        format!("/messages/{message}/bundles/1"),
        format!("/messages/{message}/explain"),
        format!("/messages/{message}/ledger"),
        "/people/".to_owned(),
        format!("/people/{person}"),
        format!("/me/{person}"),
        format!("/me/{person}/looked"),
        "/messages/".to_owned(),
        "/metrics".to_owned(),
    ];
    out.extend(
        ["/access", "/access/try", "/access/choices", "/access/sensitive", "/privacy"].map(str::to_owned),
    );
    out
}

/// Leak search over roles × routes, with the control.
#[tokio::test(flavor = "multi_thread")]
async fn ig_10_no_role_is_told_of_a_restricted_item_on_any_route() {
    let place = place().await;
    // The control: with the gate off (the keeper of the demonstration) each of the words is found.
    let everything = get(&place.server, &format!("/fhir/Patient/{}/$everything", place.patient)).await.text();
    let secret: Value = serde_json::from_str(&everything).unwrap();
    let secret =
        secret["entry"].as_array().unwrap().iter().find(|e| e.to_string().contains("sexual")).unwrap();
    let hidden = format!("Observation/{}", secret["resource"]["id"].as_str().unwrap());
    for word in TELLING.iter().filter(|w| **w != "stand-in") {
        assert!(everything.contains(word), "the record has {word}");
    }
    let mut shown = 0;
    for (subject, role, ..) in PEOPLE.iter().filter(|p| p.1 != "person" || p.0 == "daughter") {
        let cookie = look_as(&place.server, subject).await;
        let mut paths = routes(&place);
        paths.push(format!("/fhir/{hidden}"));
        paths.push(format!("/fhir/{hidden}/_history"));
        paths.push(format!("/fhir/{hidden}/_history/1"));
        for path in &paths {
            for reply in
                [as_json(&place.server, &cookie, path).await, as_page(&place.server, &cookie, path).await]
            {
                let mut text = reply.text();
                // The address asked for comes back in the link of a search, and the policy page names its own stand-ins.
                text = text.replace("code:text=Stand-in", "");
                if path.starts_with("/access") {
                    continue;
                }
                for word in TELLING {
                    assert!(!text.contains(word), "{role} is told {word} at {path}: {text}");
                }
                assert!(!text.contains(&hidden), "{role} is led to it at {path}");
                if path.contains(&hidden) {
                    assert!(reply.status == 404 || reply.status == 403, "{role} {path}: {}", reply.status);
                }
                shown += usize::from(reply.status == 200);
            }
        }
    }
    assert!(shown > 100, "{shown} answers were shown: the search looked at something");
    // Nor does the log.
    assert!(!logged().contains("sexual health"));
    place.server.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn ig_04_and_ig_12_who_may_open_and_what_is_announced() {
    let place = place().await;
    let mut lists = 0;
    let record = format!("/people/{}", place.person);
    for (subject, _, _, _) in PEOPLE {
        let cookie = look_as(&place.server, subject).await;
        let status = as_page(&place.server, &cookie, &record).await.status;
        let opens = !matches!(*subject, "outsider" | "researcher" | "daughter");
        assert_eq!(status, if opens { 200 } else { 403 }, "{subject}");
        // A list reads only what decides, and finds whom a search that reads the whole finds.
        let listed = as_json(&place.server, &cookie, "/people/").await;
        if listed.status == 200 {
            let found = as_json(&place.server, &cookie, "/fhir/Patient?identifier=9990000018").await.json();
            let listed = listed.json()["people"].as_array().unwrap().len();
            assert_eq!(Some(listed as u64), found["total"].as_u64(), "{subject}: {found:#}");
            lists += listed;
        }
    }
    assert!(lists > 4, "{lists} lists");
    let gp = look_as(&place.server, "gp").await;
    let page = as_page(&place.server, &gp, &record).await.text();
    assert!(page.contains("Gait speed") && page.contains("Items excluded due to confidentiality"), "{page}");
    let search = format!("/fhir/Observation?patient={}", place.patient);
    let found = as_json(&place.server, &gp, &search).await.json();
    assert_eq!(found["total"], 1, "totals are made after filtering: {found:#}");
    assert!(found.to_string().contains("confidential-items"));
    // The technician finds the person and nothing else.
    let technician = look_as(&place.server, "technician").await;
    let patients = as_json(&place.server, &technician, "/fhir/Patient?identifier=9990000018").await.json();
    assert_eq!(patients["total"], 1);
    assert_eq!(as_json(&place.server, &technician, &search).await.json()["total"], 0);
    // What the role is not shown is not called untold: of allergies that would be dangerous.
    let page = as_page(&place.server, &technician, &record).await.text();
    for words in
        ["Not shown to your role", "Your role is not shown allergies", "Your role is not shown this."]
    {
        assert!(page.contains(words), "{words}: {page}");
    }
    assert!(!page.contains("No source has told") && !page.contains("No connected source"), "{page}");
    let page = as_page(&place.server, &gp, &record).await.text();
    assert!(!page.contains("Not shown to your role") && page.contains("that you may see"), "{page}");
    // The outsider's search finds nobody; opening is refused with the step's reason.
    let outsider = look_as(&place.server, "outsider").await;
    let patients = as_json(&place.server, &outsider, "/fhir/Patient?identifier=9990000018").await.json();
    assert_eq!(patients["total"], 0, "{patients:#}");
    let refused = as_json(&place.server, &outsider, &search).await;
    assert_eq!((refused.status, refused.rule().as_str()), (403, "no-relationship"));
    // Herself: her own restricted item is hers to see.
    let herself = look_as(&place.server, "herself").await;
    assert!(
        as_page(&place.server, &herself, &format!("/me/{}", place.person)).await.text().contains("sexual")
    );
    place.server.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn ig_18_she_sees_who_looked_and_refusals_are_there() {
    let place = place().await;
    let gp = look_as(&place.server, "gp").await;
    let outsider = look_as(&place.server, "outsider").await;
    as_page(&place.server, &gp, &format!("/people/{}", place.person)).await;
    as_page(&place.server, &outsider, &format!("/people/{}", place.person)).await;
    let herself = look_as(&place.server, "herself").await;
    let looked = as_page(&place.server, &herself, &format!("/me/{}/looked", place.person)).await;
    let text = looked.text();
    assert_eq!(looked.status, 200, "{text}");
    for part in ["The gp", "Example Council", "give you care", "The outsider", "refused, nothing was shown"] {
        assert!(text.contains(part), "{part} in {text}");
    }
    let found =
        as_json(&place.server, &herself, &format!("/fhir/AuditEvent?patient={}", place.patient)).await.json();
    let all = found["entry"].as_array().unwrap();
    assert!(all.iter().any(|e| e["resource"]["outcome"] == "4"));
    assert!(
        all.iter().any(|e| e["resource"]["meta"]["profile"][0]
            .as_str()
            .is_some_and(|p| p.ends_with("PatientRead")))
    );
    let none = format!("/fhir/AuditEvent?patient={}&date=lt2020-01-01", place.patient);
    assert_eq!(as_json(&place.server, &herself, &none).await.json()["total"], 0);
    // Neither the doctor nor the daughter reads the log; oversight does.
    for (subject, status) in [("gp", 403), ("daughter", 403), ("officer", 200)] {
        let cookie = look_as(&place.server, subject).await;
        let reply =
            as_json(&place.server, &cookie, &format!("/fhir/AuditEvent?patient={}", place.patient)).await;
        assert_eq!(reply.status, status, "{subject}");
    }
    place.server.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn ig_24_the_daughter_is_let_in_and_out() {
    let place = place().await;
    let record = format!("/me/{}", place.person);
    let daughter = look_as(&place.server, "daughter").await;
    assert_eq!(as_page(&place.server, &daughter, &record).await.status, 403);
    let home = as_page(&place.server, &daughter, "/me").await;
    let page = form(&place.server, &daughter, "/me/code", &format!("csrf={}", csrf(&home))).await.text();
    let code = page.split("Your code is <strong>").nth(1).unwrap().split('<').next().unwrap().to_owned();
    let herself = look_as(&place.server, "herself").await;
    let people = format!("/me/{}/people", place.person);
    let token = csrf(&as_page(&place.server, &herself, &people).await);
    let wrong = form(&place.server, &herself, &people, &format!("csrf={token}&code=NOPE1234")).await;
    assert!(wrong.text().contains("not known"));
    let given = form(&place.server, &herself, &people, &format!("csrf={token}&code={code}")).await;
    assert_eq!(given.status, 303, "{}", given.text());
    let seen = as_page(&place.server, &daughter, &record).await;
    assert_eq!(seen.status, 200);
    assert!(!seen.text().contains("sexual"));
    // A code lets in once.
    let again = form(&place.server, &herself, &people, &format!("csrf={token}&code={code}")).await;
    assert!(again.text().contains("not known"));
    let revoke = format!("csrf={token}&revoke=demonstration%23daughter");
    assert_eq!(form(&place.server, &herself, &people, &revoke).await.status, 303);
    assert_eq!(as_page(&place.server, &daughter, &record).await.status, 403, "at once");
    place.server.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn ig_05_emergency_and_claim_are_alerted_reviewed_and_end() {
    let place = place().await;
    let record = format!("/people/{}", place.person);
    let outsider = look_as(&place.server, "outsider").await;
    let ask = as_page(&place.server, &outsider, "/access/ask").await;
    let token = csrf(&ask);
    let body = |kind: &str, reason: &str| {
        format!("csrf={token}&number=9990000018&born=1942-03-07&kind={kind}&reason={reason}")
    };
    let short = form(&place.server, &outsider, "/access/ask", &body("claim", "x")).await;
    assert_eq!(short.status, 200, "a reason is asked for");
    assert!(short.text().contains("value=\"1942-03-07\"") && short.text().contains(">x</textarea>"), "kept");
    let no_date = body("emergency", "found+unconscious").replace("1942-03-07", "in+March");
    let again = form(&place.server, &outsider, "/access/ask", &no_date).await.text();
    assert!(again.contains("date of birth, like") && again.contains("value=\"in March\""), "{again}");
    assert!(again.contains("value=\"emergency\" checked"), "{again}");
    let refused = as_page(&place.server, &outsider, &record).await;
    assert_eq!(refused.status, 403);
    assert!(refused.text().contains("href=\"/access/ask\""), "a refusal leads on: {}", refused.text());
    let technician = look_as(&place.server, "technician").await;
    let refused = as_page(&place.server, &technician, "/parked").await.text();
    assert!(!refused.contains("/access/ask"), "the control: not those who give no care");
    let claimed =
        form(&place.server, &outsider, "/access/ask", &body("claim", "she+came+to+our+clinic+today")).await;
    assert_eq!(claimed.status, 303, "{}", claimed.text());
    let page = as_page(&place.server, &outsider, &record).await;
    assert_eq!(page.status, 200);
    assert!(
        page.text().contains("because you said that you care for")
            && !page.text().contains("Emergency access")
    );
    // The officer sees it, not all clear, and refuses it: it ends at once.
    let officer = look_as(&place.server, "officer").await;
    let queue = as_page(&place.server, &officer, "/privacy").await;
    let text = queue.text();
    assert!(text.contains("not all clear") && text.contains("she came to our clinic today"), "{text}");
    assert!(!text.contains("Quillfeather") && !text.contains("9990000018"), "a notification names nobody");
    let id = text.split("action=\"/privacy/").nth(1).unwrap().split('"').next().unwrap().to_owned();
    let refuse = format!("csrf={}&accepted=no&note=no+such+clinic", csrf(&queue));
    assert_eq!(form(&place.server, &officer, &format!("/privacy/{id}"), &refuse).await.status, 303);
    assert_eq!(as_page(&place.server, &outsider, &record).await.status, 403);
    assert!(as_page(&place.server, &officer, "/privacy").await.text().contains("All clear"));
    // Emergency: at once, for a while, marked in her log, and the restricted item stays closed.
    let opened =
        form(&place.server, &outsider, "/access/ask", &body("emergency", "found+unconscious+on+the+road"))
            .await;
    assert_eq!(opened.status, 303);
    let page = as_page(&place.server, &outsider, &record).await;
    assert_eq!(page.status, 200);
    assert!(!page.text().contains("sexual"));
    assert!(page.text().contains("<strong>Emergency access.</strong> It ends at "), "{}", page.text());
    let gp = look_as(&place.server, "gp").await;
    assert!(!as_page(&place.server, &gp, &record).await.text().contains("Emergency access"), "the control");
    let herself = look_as(&place.server, "herself").await;
    let looked = as_page(&place.server, &herself, &format!("/me/{}/looked", place.person)).await.text();
    assert!(looked.contains("emergency"), "{looked}");
    place.server.state.clock.advance(jiff::SignedDuration::from_mins(16)).unwrap();
    let outsider = look_as(&place.server, "outsider").await;
    assert_eq!(as_page(&place.server, &outsider, &record).await.status, 403, "after fifteen minutes");
    place.server.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn ig_09_her_choice_counts_from_the_next_look() {
    let place = place().await;
    let record = format!("/people/{}", place.person);
    let gp = look_as(&place.server, "gp").await;
    let herself = look_as(&place.server, "herself").await;
    let choices = format!("/me/{}/choices", place.person);
    let token = csrf(&as_page(&place.server, &herself, &choices).await);
    let set = |choice: &str, on: &str| format!("csrf={token}&choice={choice}&on={on}");
    // The national opt-out changes nothing in care; the objection closes it.
    assert_eq!(form(&place.server, &herself, &choices, &set("national-opt-out", "yes")).await.status, 303);
    assert_eq!(as_page(&place.server, &gp, &record).await.status, 200);
    assert_eq!(form(&place.server, &herself, &choices, &set("objection", "yes")).await.status, 303);
    assert_eq!(as_page(&place.server, &gp, &record).await.status, 403);
    assert_eq!(as_page(&place.server, &herself, &format!("/me/{}", place.person)).await.status, 200);
    assert_eq!(form(&place.server, &herself, &choices, &set("objection", "no")).await.status, 303);
    assert_eq!(as_page(&place.server, &gp, &record).await.status, 200);
    // What is not hers to set, and a form without its token, are refused.
    assert_eq!(form(&place.server, &herself, &choices, &set("sensitive", "yes")).await.status, 400);
    assert_eq!(form(&place.server, &herself, &choices, "csrf=&choice=objection&on=yes").await.status, 403);
    let other = look_as(&place.server, "gp").await;
    assert_eq!(form(&place.server, &other, &choices, &set("objection", "yes")).await.status, 403);
    place.server.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn sessions_are_new_end_when_idle_and_end_on_sign_out() {
    let place = place().await;
    let record = format!("/people/{}", place.person);
    // Fixation: a cookie from before the sign-in is not the one after it, and opens nothing.
    let fixed = format!("causeway-session={}", "a".repeat(64));
    let headers = [("Content-Type", "application/x-www-form-urlencoded"), ("Cookie", fixed.as_str())];
    let reply = call(&place.server, "POST", "/look-as", &headers, b"subject=gp").await;
    let cookie = reply.header("set-cookie").unwrap().split(';').next().unwrap().to_owned();
    assert_ne!(cookie, fixed);
    let page = as_page(&place.server, &cookie, "/access").await;
    assert!(page.text().contains("You are <strong>The gp</strong>"));
    for (name, part) in [
        ("x-frame-options", "DENY"),
        ("cache-control", "no-store"),
        ("content-security-policy", "frame-ancestors 'none'"),
    ] {
        assert!(page.header(name).is_some_and(|v| v.contains(part)), "{name}");
    }
    // From elsewhere: refused.
    let away = [
        ("Content-Type", "application/x-www-form-urlencoded"),
        ("Cookie", cookie.as_str()),
        ("Origin", "http://evil.example"),
        ("Sec-Fetch-Site", "cross-site"),
    ];
    assert_eq!(call(&place.server, "POST", "/look-as", &away, b"subject=herself").await.status, 403);
    let body = format!("csrf={}", csrf(&page));
    assert_eq!(form(&place.server, &cookie, "/sign-out", &body).await.status, 303);
    assert_eq!(form(&place.server, &cookie, "/sign-out", &body).await.status, 401, "it is over");
    // Idle.
    let cookie = look_as(&place.server, "gp").await;
    assert_eq!(as_page(&place.server, &cookie, &record).await.status, 200);
    place.server.state.clock.advance(jiff::SignedDuration::from_mins(21)).unwrap();
    let after = as_page(&place.server, &cookie, "/me").await;
    assert_eq!((after.status, after.header("location")), (303, Some("/sign-in/choose?to=/me")));
    place.server.stop().await.unwrap();
}

/// Addresses of the navigation of a page.
fn navigation(page: &Reply) -> Vec<String> {
    let text = page.text();
    let (_, from) = text.split_once("<nav aria-label=\"Main\">").expect("a page with a navigation");
    let (menu, _) = from.split_once("</nav>").expect("its end");
    menu.split("<a href=\"").skip(1).filter_map(|rest| rest.split('"').next()).map(str::to_owned).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn each_role_sees_its_own_navigation_and_may_open_all_of_it() {
    use causeway_service::pages::navigation::of_role;
    const OPERATORS: &[&str] = &["/messages/", "/failed", "/overdue", "/parked", "/adapters"];
    let place = place().await;
    for (subject, role, ..) in PEOPLE {
        let cookie = look_as(&place.server, subject).await;
        let expected: Vec<&str> = of_role(Some(role)).iter().map(|(address, _)| *address).collect();
        // On a page of everybody, on a refusal, and on what is not there.
        for path in ["/access", "/parked", "/no-such-page"] {
            let page = as_page(&place.server, &cookie, path).await;
            assert_eq!(navigation(&page), expected, "{subject} {path}");
        }
        assert!(!expected.iter().any(|address| OPERATORS.contains(address)), "{subject}");
        for address in expected {
            let page = as_page(&place.server, &cookie, address).await;
            assert_eq!(page.status, 200, "{subject} {address}: {}", page.text());
            // On a screen that several use it must be seen whose turn it is, and how it is ended.
            let (name, out) = (format!("You are <strong>The {subject}</strong>"), "action=\"/sign-out\"");
            assert!(page.text().contains(&name) && page.text().contains(out), "{subject} {address}");
        }
        // The start page is about the exchange: they begin where their role does.
        let start = as_page(&place.server, &cookie, "/").await;
        assert_eq!(start.status, 303, "{subject}");
        let home = start.header("location").unwrap().to_owned();
        assert_eq!(as_page(&place.server, &cookie, &home).await.status, 200, "{subject} {home}");
    }
    // The control: who keeps the exchange has what it needs.
    let own = navigation(&page(&place.server, "/").await);
    assert!(OPERATORS.iter().all(|address| own.iter().any(|o| o == address)), "{own:?}");
    place.server.stop().await.unwrap();
}

/// Those whom a reader may find are found behind any number of others, of whom nothing is told.
#[tokio::test(flavor = "multi_thread")]
async fn a_list_goes_on_behind_those_whom_the_reader_may_not_find() {
    let place = place().await;
    let mut others = "LINE|1".to_owned();
    for at in 0..410 {
        others.push_str(&format!(
            "\nPAT|S{at:04}|Stranger{at:03}|Ann|19{:02}-{:02}-01|female",
            30 + at % 60,
            1 + at % 12
        ));
    }
    let message = send(&place.server, &others).await;
    until(&place.server, &message, "recorded").await;
    let last = RECORD.replace("9990000018", "9990000026").replace("Quillfeather", "Quillwort");
    let message = send(&place.server, &last).await;
    until(&place.server, &message, "recorded").await;
    let gp = look_as(&place.server, "gp").await;
    let list = as_page(&place.server, &gp, "/people/").await.text();
    assert!(list.contains("Quillfeather") && list.contains("Quillwort"), "{list}");
    assert!(!list.contains("Stranger") && list.contains("2 people on this page"), "{list}");
    assert!(list.contains("href=\"/access/ask\"") && !list.contains("/identity"), "{list}");
    let outsider = look_as(&place.server, "outsider").await;
    let list = as_page(&place.server, &outsider, "/people/").await.text();
    assert!(list.contains("Nobody is in your list") && !list.contains("Quill"), "{list}");
    // The control: who keeps the exchange sees them.
    assert!(page(&place.server, "/people/").await.text().contains("Stranger"));
    place.server.stop().await.unwrap();
}

/// A search that finds several people is told of those on the page that is answered: once each, and of the others when their
/// page is read.
#[tokio::test(flavor = "multi_thread")]
async fn ig_17_a_page_of_people_is_told_of_those_on_it() {
    let place = place().await;
    let mut patients = vec![place.patient.clone()];
    for (number, family) in [("9990000026", "Quillback"), ("9990000034", "Quillwort")] {
        let other = RECORD.replace("9990000018", number).replace("Quillfeather", family);
        let message = send(&place.server, &other).await;
        until(&place.server, &message, "recorded").await;
        let found = get(&place.server, &format!("/fhir/Patient?family={family}")).await.json();
        patients.push(found["entry"][0]["resource"]["id"].as_str().unwrap().to_owned());
    }
    let gp = look_as(&place.server, "gp").await;
    let officer = look_as(&place.server, "officer").await;
    let mut seen = 0;
    for (request, page, expected) in [("p-0", "", 2), ("p-2", "&_page=2", 1), ("p-9", "&_page=9", 0)] {
        let path = format!("/fhir/Patient?birthdate=1942-03-07&_count=2{page}");
        let headers = [("Accept", "application/json"), ("Cookie", gp.as_str()), ("X-Request-Id", request)];
        let bundle = call(&place.server, "GET", &path, &headers, b"").await.json();
        let shown: Vec<String> = bundle["entry"]
            .as_array()
            .into_iter()
            .flatten()
            .filter(|e| e["search"]["mode"] == "match")
            .map(|e| e["resource"]["name"][0]["family"].as_str().unwrap().to_owned())
            .collect();
        assert_eq!((shown.len(), bundle["total"].as_u64()), (expected, Some(3)), "{bundle:#}");
        let mut told = 0;
        for patient in &patients {
            let log =
                as_json(&place.server, &officer, &format!("/fhir/AuditEvent?patient={patient}&_count=200"))
                    .await
                    .json();
            let entries = log["entry"].as_array().into_iter().flatten();
            told += entries
                .filter(|e| {
                    let mut entities = e["resource"]["entity"].as_array().unwrap().iter();
                    entities.any(|one| one["what"]["identifier"]["value"] == request)
                })
                .count();
        }
        assert_eq!(told, shown.len(), "{request}: {shown:?}");
        seen += told;
    }
    assert_eq!(seen, 3);
    place.server.stop().await.unwrap();
}

/// Who has looked, as NHS England's Patient Audit Record Service wants it.
#[tokio::test(flavor = "multi_thread")]
async fn ig_16_who_has_looked_is_exported_for_pars() {
    use causeway_service::access::audit_event::PARS;
    let place = place().await;
    let gp = look_as(&place.server, "gp").await;
    assert_eq!(as_page(&place.server, &gp, &format!("/people/{}", place.person)).await.status, 200);
    let asked = format!("/fhir/AuditEvent?patient={}&_profile={PARS}", place.patient);
    let officer = look_as(&place.server, "officer").await;
    let answer = as_json(&place.server, &officer, &asked).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let bundle = answer.json();
    let events: Vec<&Value> =
        bundle["entry"].as_array().unwrap().iter().filter(|e| e["search"]["mode"] == "match").collect();
    assert_eq!(bundle["total"], events.len());
    let of_gp: Vec<&Value> = events
        .iter()
        .map(|e| &e["resource"]["agent"])
        .filter(|agents| agents[1]["who"]["display"] == "The gp")
        .collect();
    assert!(!of_gp.is_empty(), "{bundle:#}");
    for agents in of_gp {
        assert_eq!(agents[0]["who"]["identifier"]["value"], "ZZ901", "{agents:#}");
    }
    for event in events.iter().map(|e| &e["resource"]) {
        assert_eq!(event["meta"]["profile"][0], PARS);
        assert_eq!(event["entity"][0]["what"]["identifier"]["value"], "9990000018");
        assert_eq!(event["agent"][0]["who"]["type"], "Organization");
        assert!(event["entity"][1]["what"]["identifier"]["value"].as_str().is_some_and(|v| !v.is_empty()));
    }
    // Nobody else's, of nobody in particular, and no other profile.
    let outsider = look_as(&place.server, "outsider").await;
    assert_eq!(as_json(&place.server, &outsider, &asked).await.status, 403);
    assert_eq!(as_json(&place.server, &gp, &asked).await.status, 403);
    for wrong in [
        format!("/fhir/AuditEvent?_profile={PARS}"),
        format!("/fhir/AuditEvent?patient={}&_profile=https://example.org/other", place.patient),
    ] {
        assert_eq!(get(&place.server, &wrong).await.status, 400, "{wrong}");
    }
    place.server.stop().await.unwrap();
}

/// Every fact that is shown says who told it, by which system, when, and leads to the original in one step.
#[tokio::test(flavor = "multi_thread")]
async fn ig_25_every_fact_leads_to_its_source_and_original() {
    let place = place().await;
    let path = format!("/fhir/Patient/{}/$everything", place.patient);
    let all = get(&place.server, &path).await.json();
    let told: Vec<&Value> = all["entry"]
        .as_array()
        .unwrap()
        .iter()
        .map(|e| &e["resource"])
        .filter(|r| !matches!(r["resourceType"].as_str(), Some("OperationOutcome" | "Provenance")))
        // The one Patient that is made of the sources' has links to them in the place of a source.
        .filter(|r| r["resourceType"] != "Patient" || r["meta"]["source"].is_string())
        .collect();
    assert!(told.len() >= 4, "{all:#}");
    for resource in told {
        let tags = resource["meta"]["tag"].as_array().cloned().unwrap_or_default();
        let tag = |ending: &str| {
            let found = tags.iter().find(|t| t["system"].as_str().is_some_and(|s| s.ends_with(ending)));
            found.and_then(|t| t["code"].as_str()).unwrap_or_default().to_owned()
        };
        assert_eq!(tag("/provenance-organisation"), "ZZ901", "{resource:#}");
        assert!(!tag("/source-system").is_empty(), "{resource:#}");
        assert!(resource["meta"]["lastUpdated"].is_string(), "{resource:#}");
        let source = resource["meta"]["source"].as_str().unwrap_or_default();
        let message = source.strip_prefix("urn:causeway:message:").and_then(|s| s.split('#').next());
        let message = message.unwrap_or_else(|| panic!("no message in {source}"));
        let original = get(&place.server, &format!("/messages/{message}/original")).await;
        assert_eq!((original.status, original.text().as_str()), (200, RECORD));
    }
    let page = page(&place.server, &format!("/people/{}", place.person)).await.text();
    assert!(page.contains(&format!("href=\"/messages/{}\"", place.message)), "{page}");
    assert!(page.contains("Example Council") && page.contains("<time datetime="), "{page}");
    place.server.stop().await.unwrap();
}
