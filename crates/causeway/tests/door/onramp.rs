//! The form, the table and the terminal: one note, three ways, the same record.

use std::process::Command;

use serde_json::Value;

use crate::world::{World, open};

/// A fresh token of a form.
async fn token(world: &World, path: &str) -> String {
    let page = world.page(path).await;
    let (_, rest) = page.split_once("name=\"token\" value=\"").expect("a token");
    rest.split('"').next().expect("its end").to_owned()
}

fn fields(changes: &[(&str, &str)]) -> Vec<(String, String)> {
    let mut all: Vec<(String, String)> = [
        ("nhs_number", "999 000 0018"),
        ("first_name", "Edith"),
        ("family_name", "Larkspur"),
        ("date_of_birth", "9/3/1942"),
        ("address_line_1", "14 Heron Close"),
        ("postcode", "ZZ99 3VZ"),
        ("home_cqc_id", "1-9990000201"),
        ("home_name", "Steady Steps Home Care"),
        ("date", "1/10/2026"),
        ("time", "9:30"),
        ("kind", "mobility"),
        ("note", "Needs one person's help to stand,\nsince yesterday"),
        ("written_by", "Jo Fenwick"),
        ("role", "Care worker"),
    ]
    .iter()
    .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
    .collect();
    for (name, value) in changes {
        all.retain(|(known, _)| known != name);
        all.push(((*name).to_owned(), (*value).to_owned()));
    }
    all
}

async fn submit(world: &World, fields: &[(String, String)]) -> reqwest::Response {
    let request = world.client.post(world.server.url("/care-note")).header("Accept", "text/html");
    let request = request.header("Content-Type", "application/x-www-form-urlencoded").body(encoded(fields));
    request.send().await.expect("an answer")
}

/// As a browser writes a form.
pub fn encoded(fields: &[(String, String)]) -> String {
    let one = |text: &str| -> String { text.bytes().map(|b| format!("%{b:02X}")).collect() };
    let pairs: Vec<String> = fields.iter().map(|(n, v)| format!("{}={}", one(n), one(v))).collect();
    pairs.join("&")
}

fn typed(world: &World) -> usize {
    world.messages().iter().filter(|m| m.new.door == "form").count()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_note_in_the_form_becomes_a_record_and_a_double_click_is_one() {
    let world = World::new(open()).await;
    let token = token(&world, "/care-note?home=1-9990000201").await;
    let form = fields(&[("token", &token)]);
    let answer = submit(&world, &form).await;
    assert_eq!(answer.status(), 303);
    let place = answer.headers()["location"].to_str().expect("text").to_owned();
    assert!(place.starts_with("/messages/") && !place.contains("9990000018"));
    assert_eq!(submit(&world, &form).await.headers()["location"].to_str().expect("text"), place);
    assert_eq!(typed(&world), 1);

    let message = world.json(&place).await;
    assert_eq!(message["sender"], "1-9990000201");
    assert_eq!(message["translation"]["adapter"], "care-provider-record");
    assert_eq!(message["translation"]["errors"], 0, "{message:#}");
    assert_eq!(message["translation"]["ledger"]["unexplained"], 0);
    let page = world.page(&place).await;
    assert!(
        page.contains("/dailyNotes/0/text") && page.contains("Each item, in the order of the note"),
        "{page}"
    );

    // The same form with other words is another note, and is asked about.
    let changed = fields(&[("token", &token), ("note", "Walks alone again")]);
    let answer = submit(&world, &changed).await;
    assert_eq!(answer.status(), 422);
    let page = answer.text().await.expect("text");
    assert!(page.contains("was sent before") && page.contains("Walks alone again"));
    assert_eq!(typed(&world), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn mistakes_are_said_beside_the_fields_and_nothing_typed_is_lost() {
    let world = World::new(open()).await;
    let token = token(&world, "/care-note").await;
    let wrong =
        fields(&[("token", &token), ("nhs_number", "999 000 0019"), ("kind", ""), ("note", "<b>Slow</b>")]);
    let answer = submit(&world, &wrong).await;
    assert_eq!(answer.status(), 422);
    let page = answer.text().await.expect("text");
    for part in [
        "<title>Error: Write a care note",
        "There is a problem",
        "href=\"#nhs_number\"",
        "href=\"#kind-daily\"",
        "id=\"nhs_number-error\"",
        "aria-invalid=\"true\"",
        "value=\"999 000 0019\"",
        "&#60;b&#62;Slow",
    ] {
        assert!(page.contains(part), "{part}: {page}");
    }
    assert_eq!(typed(&world), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn forms_of_others_are_refused() {
    let world = World::new(open()).await;
    for forged in ["", "1.2.3", "x"] {
        let answer = submit(&world, &fields(&[("token", forged)])).await;
        assert_eq!(answer.status(), 422);
        assert!(answer.text().await.expect("text").contains("open for too long"));
    }
    let old = token(&world, "/care-note").await;
    world.state.clock.advance(jiff::SignedDuration::from_hours(25)).expect("test mode");
    assert_eq!(submit(&world, &fields(&[("token", &old)])).await.status(), 422);
    let fresh = token(&world, "/care-note").await;
    let request =
        world.client.post(world.server.url("/care-note")).body(encoded(&fields(&[("token", &fresh)])));
    let request = request.header("Content-Type", "application/x-www-form-urlencoded");
    let answer = request.header("Origin", "https://elsewhere.example").send().await.expect("an answer");
    assert_eq!(answer.status(), 403);
    assert_eq!(typed(&world), 0);
}

const TABLE: &str = "nhs_number,first_name,family_name,date_of_birth,address_line_1,postcode,home_cqc_id,home_name,date,time,kind,note,written_by,role\r\n\
9990000018,Edith,Larkspur,9/3/1942,14 Heron Close,ZZ99 3VZ,1-9990000201,Steady Steps Home Care,1/10/2026,9:30,mobility,\"Needs one person's help to stand,\nsince yesterday\",Jo Fenwick,Care worker\r\n\
9990000019,,,,,,home,,1/10/2026,,daily,Slept,Jo Fenwick,\r\n\
9990000018,,,,,,1-9990000201,,2/10/2026,,fall,On the stairs,Jo Fenwick,\r\n";

async fn upload(world: &World, table: &str) -> Value {
    let token = token(world, "/care-notes").await;
    let body = format!(
        "--b\r\nContent-Disposition: form-data; name=\"token\"\r\n\r\n{token}\r\n--b\r\nContent-Disposition: form-data; \
         name=\"file\"; filename=\"n.csv\"\r\nContent-Type: text/csv\r\n\r\n{table}\r\n--b--\r\n"
    );
    let request = world.client.post(world.server.url("/care-notes")).header("Accept", "application/json");
    let request = request.header("Content-Type", "multipart/form-data; boundary=b").body(body);
    request.send().await.expect("an answer").json().await.expect("JSON")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_is_taken_row_by_row_and_a_second_time_sends_nothing_twice() {
    let world = World::new(open()).await;
    let answer = upload(&world, TABLE).await;
    assert_eq!((&answer["taken"], &answer["refused"]), (&Value::from(2), &Value::from(1)), "{answer:#}");
    let bad = &answer["rows"][1];
    assert_eq!(bad["row"], 3);
    let columns: Vec<_> =
        bad["faults"].as_array().expect("faults").iter().map(|f| f["column"].clone()).collect();
    assert_eq!(columns, ["nhs_number", "home_cqc_id"]);
    let repaired = TABLE.replace("9990000019,,,,,,home", "9990000018,,,,,,1-9990000201");
    let answer = upload(&world, &repaired).await;
    assert_eq!((&answer["taken"], &answer["before"]), (&Value::from(1), &Value::from(2)));
    assert_eq!(typed(&world), 3);

    let template = world.page("/care-notes.csv").await;
    assert!(template.starts_with("nhs_number,") && template.contains("10 digits"));
}

#[tokio::test(flavor = "multi_thread")]
async fn form_table_and_terminal_write_the_same_record() {
    let world = World::new(open()).await;
    let token = token(&world, "/care-note").await;
    assert_eq!(submit(&world, &fields(&[("token", &token)])).await.status(), 303);
    upload(&world, TABLE).await;
    let translated = |w: &World| w.messages().iter().all(|m| m.state.as_str() == "translated");
    world.until("all are translated", translated).await;
    let url = world.server.url("");
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("notes.csv");
    std::fs::write(&file, TABLE).expect("a file");
    let causeway = |arguments: &[&str]| {
        let run = Command::new(env!("CARGO_BIN_EXE_causeway")).arg("send").args(arguments).output();
        let run = run.expect("the binary runs");
        let text =
            format!("{}{}", String::from_utf8_lossy(&run.stdout), String::from_utf8_lossy(&run.stderr));
        (run.status.code(), text)
    };
    let note = [
        "care-note",
        "--server",
        &url,
        "--nhs-number",
        "9990000018",
        "--first-name",
        "Edith",
        "--family-name",
        "Larkspur",
        "--date-of-birth",
        "1942-03-09",
        "--address",
        "14 Heron Close",
        "--postcode",
        "ZZ99 3VZ",
        "--home",
        "1-9990000201",
        "--home-name",
        "Steady Steps Home Care",
        "--date",
        "1/10/2026",
        "--time",
        "09:30",
        "--kind",
        "mobility",
        "--text",
        "Needs one person's help to stand,\nsince yesterday",
        "--by",
        "Jo Fenwick",
        "--role",
        "Care worker",
    ];
    let (code, text) = causeway(&note);
    assert_eq!(code, Some(0), "{text}");
    assert!(text.contains("translated"), "{text}");
    let (code, text) = causeway(&["care-notes", "--server", &url, &file.to_string_lossy()]);
    assert_eq!(code, Some(1), "{text}");
    assert!(
        text.contains("row 3, nhs_number: Check the NHS number") && text.contains("2 of 3 notes taken"),
        "{text}"
    );
    let (code, text) = causeway(&["care-note", "--server", &url, "--home", "x"]);
    assert_eq!(code, Some(2));
    assert!(text.contains("--home: ") && text.contains("--text: "), "{text}");
    let (code, text) = causeway(&["care-notes", "--template"]);
    assert_eq!(code, Some(0), "{text}");

    let records: Vec<Vec<u8>> = world
        .messages()
        .iter()
        .map(|m| world.content(&m.new.id))
        .filter(|bytes| bytes.windows(8).any(|w| w == b"mobility"))
        .collect();
    assert_eq!(records.len(), 2, "one by the form, and one that table and terminal sent under one key");
    assert!(records.iter().all(|r| r == &records[0]), "they are the same, byte for byte");
}
