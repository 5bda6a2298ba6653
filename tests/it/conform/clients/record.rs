//! A sender of a person's record: one FHIR transaction, sent until it is taken or refused, then sent anew.

use serde_json::{Value, json};

use super::{Client, PAUSE};

/// The story as this client sends it.
fn record(client: &Client, attempt: usize) -> Value {
    let mut story: Value = serde_json::from_str(&client.story).expect("the story is JSON");
    let entries = story["entry"].as_array_mut().expect("entries");
    let of = |entry: &Value, kind: &str| entry["resource"]["resourceType"] == kind;
    let first =
        |entries: &[Value], kind: &str| entries.iter().position(|e| of(e, kind)).expect("one of its type");
    match () {
        () if client.bad("record-loses-allergy") => entries.retain(|e| !of(e, "AllergyIntolerance")),
        () if client.bad("record-loses-care-plan") => entries.retain(|e| !of(e, "CarePlan")),
        () if client.bad("record-invalid") => {
            let at = first(entries, "Patient");
            entries[at]["resource"]["birthDate"] = json!("09/03/1942");
        }
        () if client.bad("record-other-number") => {
            let at = first(entries, "Patient");
            entries[at]["resource"]["identifier"][0]["value"] = json!("9990000018");
        }
        () if client.bad("record-changes-dose") => {
            let at = first(entries, "MedicationStatement");
            entries[at]["resource"]["dosage"][0]["text"] = json!("ten times a day");
        }
        () if client.bad("record-doubles") => {
            let again: Vec<Value> = entries.iter().filter(|e| of(e, "Condition")).cloned().collect();
            entries.extend(again.into_iter().enumerate().map(|(n, mut e)| {
                e["fullUrl"] = json!(format!("urn:uuid:00000000-0000-4000-8000-00000000000{n}"));
                e
            }));
        }
        () if client.bad("record-invents") => {
            let mut other = entries[first(entries, "Condition")].clone();
            other["fullUrl"] = json!("urn:uuid:00000000-0000-4000-8000-000000000001");
            other["resource"]["code"] = json!({"text": "Something else"});
            entries.push(other);
        }
        () if client.bad("record-turns-status") => {
            for entry in entries.iter_mut().filter(|e| of(e, "Condition")) {
                let status = &mut entry["resource"]["verificationStatus"]["coding"][0];
                if status["code"] == "refuted" {
                    status["code"] = json!("confirmed");
                }
            }
        }
        () if client.bad("record-cuts-time") => {
            for entry in entries.iter_mut().filter(|e| of(e, "Observation")) {
                let time = &mut entry["resource"]["effectiveDateTime"];
                if let Some(day) = time.as_str().and_then(|t| t.get(..10)).map(str::to_owned) {
                    *time = json!(day);
                }
            }
        }
        () if client.bad("record-loses-unit") => {
            for entry in entries.iter_mut().filter(|e| of(e, "Observation")) {
                if let Some(quantity) = entry["resource"]["valueQuantity"].as_object_mut() {
                    quantity.remove("unit");
                    quantity.remove("code");
                }
            }
        }
        () if client.bad("record-loses-words") => {
            for entry in entries.iter_mut() {
                if let Some(code) = entry["resource"]["code"].as_object_mut() {
                    code.remove("text");
                }
            }
        }
        () if client.bad("record-retry-changes") && attempt > 0 => {
            let at = first(entries, "Patient");
            entries[at]["resource"]["birthDate"] = json!("1942-03-10");
        }
        () => {}
    }
    story
}

pub fn run(client: &Client) {
    let http =
        reqwest::Client::builder().no_proxy().tls_certs_only([]).timeout(std::time::Duration::from_secs(10));
    let http = http.build().expect("a client");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let media = if client.bad("record-type") { "application/json" } else { "application/fhir+json" };
    let mut attempt = 0;
    while !client.stopped() {
        let request = http
            .post(format!("http://{}/", client.at))
            .header("content-type", media)
            .header("accept", "application/fhir+json")
            .body(record(client, attempt).to_string());
        let status = runtime.block_on(async { request.send().await }).map_or(0, |a| a.status().as_u16());
        let over = match status {
            200..300 => true,
            400..500 => !client.bad("record-refused-forever"),
            _ => client.bad("record-no-retry"),
        };
        attempt = if over { 0 } else { attempt + 1 };
        // A record that was taken or refused is the tester's business; the next that he sends comes a little later.
        std::thread::sleep(PAUSE * if over { 20 } else { 1 });
        if status > 0 && over && client.bad("record-no-retry") && status >= 500 {
            return;
        }
    }
}
