//! `$validate` and the checking page: the checker's words by both ways, nothing kept, nobody unknown served.

use crate::html;
use crate::support::*;

const BAD: &str = "{\n  \"resourceType\": \"Patient\",\n  \"gender\": \"Zelkova\"\n}";
const BAD_XML: &str = r#"<Patient xmlns="http://hl7.org/fhir"><gender value="Zelkova"/></Patient>"#;

#[tokio::test(flavor = "multi_thread")]
async fn the_operation_answers_with_an_outcome() {
    let world = World::new();
    let server = world.serve(open_config()).await;
    let ask = async |path: &str, headers: &[(&str, &str)], body: &str| {
        call(&server, "POST", path, headers, body.as_bytes()).await
    };
    let json = [("Content-Type", "application/fhir+json")];
    let parameters =
        format!(r#"{{"resourceType":"Parameters","parameter":[{{"name":"resource","resource":{BAD}}}]}}"#);
    for (path, body) in [
        ("/fhir/$validate", BAD),
        ("/fhir/%24validate", BAD),
        ("/fhir/Patient/$validate", BAD),
        ("/fhir/$validate", BAD_XML),
        ("/fhir/Patient/$validate", &parameters),
    ] {
        let reply = ask(path, &json, body).await;
        assert_eq!(reply.status, 200, "{path}: {}", reply.text());
        let issue = &reply.json()["issue"][0];
        assert_eq!((&issue["severity"], &issue["code"]), (&"error".into(), &"code-invalid".into()), "{path}");
        assert_eq!(issue["expression"][0], "Patient.gender");
        assert!(issue["diagnostics"].as_str().unwrap().contains("female, male"), "{issue}");
        assert!(!reply.text().contains("Zelkova"), "no text quotes the document");
    }
    let good = ask("/fhir/$validate", &json, r#"{"resourceType":"Basic","code":{"text":"x"}}"#).await;
    assert!(!good.text().contains("\"error\""), "{}", good.text());
    let other = ask("/fhir/Observation/$validate", &json, BAD).await;
    assert!(other.text().contains("operation/type"), "{}", other.text());
    let profile = "/fhir/$validate?profile=https://fhir.hl7.org.uk/StructureDefinition/Absent";
    assert!(ask(profile, &json, BAD).await.text().contains("profile/unknown"));

    let xml = ask("/fhir/$validate", &[("Accept", "application/fhir+xml")], BAD).await;
    assert_eq!(xml.header("content-type"), Some("application/fhir+xml"));
    assert!(xml.text().contains("<severity value=\"error\"/>"), "{}", xml.text());

    assert_eq!(ask("/fhir/$validate", &json, "{").await.status, 400);
    assert_eq!(ask("/fhir/$validate", &json, "").await.status, 400);
    assert_eq!(ask("/fhir/$validate?mode=delete", &json, BAD).await.status, 400);
    assert_eq!(ask("/fhir/$validate?unknown=x", &json, BAD).await.status, 400);
    assert_eq!(ask("/fhir/$validate", &[("Accept", "image/png")], BAD).await.status, 406);
    let large = vec![b' '; 17 * 1024 * 1024];
    assert_eq!(call(&server, "POST", "/fhir/$validate", &json, &large).await.status, 413);
    let statement = get(&server, "/fhir/metadata").await.json();
    let operations = statement["rest"][0]["operation"].as_array().unwrap().clone();
    assert!(operations.iter().any(|o| o["name"] == "validate"), "{operations:?}");
    assert_eq!(server.state.engine.metrics().unwrap().accepted, 0, "nothing is kept");
}

#[tokio::test(flavor = "multi_thread")]
async fn only_those_who_are_known_are_served() {
    let world = World::new();
    let server = world.serve(closed_config()).await;
    for path in ["/fhir/$validate", "/check"] {
        assert_eq!(call(&server, "POST", path, &[], BAD.as_bytes()).await.status, 401, "{path}");
    }
    let token = [("Authorization", "Bearer token-901")];
    assert_eq!(call(&server, "POST", "/fhir/$validate", &token, BAD.as_bytes()).await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_page_takes_a_paste_or_a_file() {
    let world = World::new();
    let server = world.serve(open_config()).await;
    let send = async |parts: &[(&str, &str)]| {
        let mut body = String::new();
        for (name, value) in parts {
            let file = if *name == "file" { "; filename=\"a.json\"" } else { "" };
            body.push_str(&format!(
                "--edge\r\nContent-Disposition: form-data; name=\"{name}\"{file}\r\n\r\n{value}\r\n"
            ));
        }
        body.push_str("--edge--\r\n");
        let headers = [("Content-Type", "multipart/form-data; boundary=edge"), ("Accept", "text/html")];
        call(&server, "POST", "/check", &headers, body.as_bytes()).await
    };
    for parts in [[("document", BAD), ("file", "")], [("document", ""), ("file", BAD)]] {
        let reply = send(&parts).await;
        let text = reply.text();
        assert_eq!(reply.status, 200, "{text}");
        html::check("/check", &text);
        for words in
            ["1 error found", "line 3, column 3", "female, male", "Patient.gender", "To mend", "Held against"]
        {
            assert!(text.to_lowercase().contains(&words.to_lowercase()), "no {words:?} in {text}");
        }
    }
    let good = send(&[("document", r#"{"resourceType":"Basic","code":{"text":"x"}}"#)]).await;
    assert!(good.text().contains("No errors found"));
    // What was pasted comes back as text, not as markup.
    let markup = send(&[("document", "<b onclick=x>")]).await.text();
    assert!(!markup.contains("<b onclick"));
    for parts in [&[("document", " "), ("file", "")][..], &[("document", BAD), ("file", BAD)]] {
        let reply = send(parts).await;
        assert_eq!(reply.status, 422);
        html::check("/check", &reply.text());
        assert!(reply.text().contains("There is a problem"));
    }
}
