//! The demonstration's chapter on access: who is let in and who is not, through the pages that these people would use.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use causeway_synth::Person;
use reqwest::{Method, StatusCode, Url, header};
use serde_json::{Value, json};

use crate::cast::{cast, neighbour};

/// For how long it is waited until what somebody writes has reached those who care for her; how long it took is said.
const WAITED: Duration = Duration::from_secs(60);

/// What each asked for and what came of it.
#[derive(Debug, Default)]
pub struct Outcome {
    steps: Vec<Step>,
    /// Her id on the pages.
    person: String,
}

#[derive(Debug)]
struct Step {
    words: String,
    holds: bool,
}

/// Somebody at a browser.
struct Visitor {
    client: reqwest::Client,
    base: String,
    cookie: String,
}

/// What a browser was shown.
struct Shown {
    status: StatusCode,
    text: String,
}

impl Shown {
    fn opened(&self) -> bool {
        self.status == StatusCode::OK
    }

    fn refused(&self) -> bool {
        self.status == StatusCode::FORBIDDEN
    }

    /// What stands between two texts of a page, each time.
    fn between(&self, before: &str, after: &str) -> Vec<&str> {
        let parts = self.text.split(before).skip(1);
        parts.filter_map(|part| part.split_once(after).map(|(found, _)| found)).collect()
    }
}

impl Visitor {
    async fn sign_in(client: &reqwest::Client, base: &str, subject: &str) -> Result<Self, String> {
        let mut visitor = Self { client: client.clone(), base: base.to_owned(), cookie: String::new() };
        let answer = visitor.request(Method::POST, "/look-as", &[("subject", subject)]).await?;
        let cookie = answer.headers().get(header::SET_COOKIE).and_then(|c| c.to_str().ok());
        let pair = cookie.and_then(|c| c.split(';').next());
        pair.ok_or_else(|| format!("nobody can look as {subject}"))?.clone_into(&mut visitor.cookie);
        Ok(visitor)
    }

    async fn request(
        &self,
        method: Method,
        path: &str,
        form: &[(&str, &str)],
    ) -> Result<reqwest::Response, String> {
        let address = format!("{}{path}", self.base);
        let mut request = self.client.request(method, &address).header(header::ACCEPT, "text/html");
        if !self.cookie.is_empty() {
            request = request.header(header::COOKIE, &self.cookie);
        }
        if !form.is_empty() {
            let mut url = Url::parse(&address).map_err(|e| e.to_string())?;
            url.query_pairs_mut().clear().extend_pairs(form);
            let body = url.query().unwrap_or_default().to_owned();
            request = request.header(header::CONTENT_TYPE, "application/x-www-form-urlencoded").body(body);
        }
        request.send().await.map_err(|e| e.to_string())
    }

    async fn see(&self, path: &str) -> Result<Shown, String> {
        let answer = self.request(Method::GET, path, &[]).await?;
        Ok(Shown { status: answer.status(), text: answer.text().await.map_err(|e| e.to_string())? })
    }

    /// Fills in the form of a page and sends it.
    async fn send(&self, page: &str, to: &str, fields: &[(&str, &str)]) -> Result<Shown, String> {
        let shown = self.see(page).await?;
        let token = shown.between("name=\"csrf\" value=\"", "\"").first().map(|t| (*t).to_owned());
        let token = token.ok_or_else(|| format!("{page} has no form"))?;
        let form: Vec<(&str, &str)> =
            [("csrf", token.as_str())].into_iter().chain(fields.iter().copied()).collect();
        let answer = self.request(Method::POST, to, &form).await?;
        let status = answer.status();
        if status.is_client_error() || status.is_server_error() {
            return Err(format!("{to} answered {status}"));
        }
        Ok(Shown { status, text: answer.text().await.map_err(|e| e.to_string())? })
    }
}

impl Outcome {
    fn step(&mut self, words: impl Into<String>, holds: bool) {
        self.steps.push(Step { words: words.into(), holds });
    }

    /// Whether each was let in or refused as it must be.
    pub fn holds(&self) -> bool {
        !self.steps.is_empty() && self.steps.iter().all(|s| s.holds)
    }

    /// In words.
    pub fn text(&self) -> String {
        let mut out = "\nWho may look, each signed in and through the pages of theirs:\n".to_owned();
        for step in &self.steps {
            let wrong = if step.holds { "" } else { "NOT as it must be: " };
            out.push_str(&format!("    {wrong}{}\n", step.words));
        }
        out.push_str(&format!(
            "  All ten side by side: /access/side-by-side   who has looked: /me/{}/looked   (sign in at /look-as)\n",
            self.person
        ));
        out
    }

    /// For scripts.
    pub fn json(&self) -> Value {
        let steps: Vec<Value> =
            self.steps.iter().map(|s| json!({"step": s.words, "holds": s.holds})).collect();
        json!({"holds": self.holds(), "steps": steps})
    }
}

/// The privacy officer's answer to the alert that waits.
async fn review(officer: &Visitor, accepted: bool, note: &str) -> Result<(), String> {
    let page = officer.see("/privacy").await?;
    let waiting: Vec<String> =
        page.between("action=\"/privacy/", "\"").into_iter().map(str::to_owned).collect();
    let [alert] = waiting.as_slice() else {
        return Err(format!("{} alerts wait for the privacy officer, not one", waiting.len()));
    };
    let accepted = if accepted { "yes" } else { "no" };
    officer.send("/privacy", &format!("/privacy/{alert}"), &[("accepted", accepted), ("note", note)]).await?;
    Ok(())
}

/// Everybody comes and asks; at the end she opts out of research and planning.
///
/// # Errors
/// A sentence that says which page did not answer as a page.
pub async fn visits(client: &reqwest::Client, base: &str, her: &Person) -> Result<Outcome, String> {
    let mut outcome = Outcome::default();
    let name = format!("{} {}", her.given, her.family);
    let names: BTreeMap<String, String> = cast(&her.nhs_number, &name)
        .into_iter()
        .chain([neighbour()])
        .map(|one| (one.subject, one.name))
        .collect();
    let name_of = |subject: &'static str| names.get(subject).map_or(subject, String::as_str);

    let herself = Visitor::sign_in(client, base, "herself").await?;
    let page = herself.see("/me").await?;
    let id = page.between("href=\"/me/", "\"").first().map(|id| (*id).to_owned());
    let id = id.ok_or("her own page does not lead to her record")?;
    let own = herself.see(&format!("/me/{id}")).await?;
    outcome.step(format!("{name} reads her own record."), own.opened());
    outcome.person.clone_from(&id);
    let (record, lets_in) = (format!("/me/{id}"), format!("/me/{id}/people"));

    // Her daughter.
    let daughter = Visitor::sign_in(client, base, "daughter").await?;
    let before = daughter.see(&record).await?;
    let code = daughter.send("/me", "/me/code", &[]).await?;
    let code = code.between("Your code is <strong>", "<").first().map(|c| (*c).to_owned());
    let code = code.ok_or("her daughter got no code")?;
    herself.send(&lets_in, &lets_in, &[("code", &code)]).await?;
    let after = daughter.see(&record).await?;
    outcome.step(
        format!(
            "{}, her daughter, is refused; {} lets her in, and she reads it.",
            name_of("daughter"),
            her.given
        ),
        before.refused() && after.opened(),
    );

    // A neighbour who works elsewhere says that she cares for her.
    let seen = format!("/people/{id}");
    let (born, number) = (her.born.strftime("%-d/%-m/%Y").to_string(), her.nhs_number.as_str());
    let neighbour = Visitor::sign_in(client, base, "neighbour").await?;
    let officer = Visitor::sign_in(client, base, "privacy-officer").await?;
    let before = neighbour.see(&seen).await?;
    let why = "I have taken over her physiotherapy at home";
    let claim = [("number", number), ("born", born.as_str()), ("kind", "claim"), ("reason", why)];
    neighbour.send("/access/ask", "/access/ask", &claim).await?;
    let meanwhile = neighbour.see(&seen).await?;
    review(&officer, false, "No referral, and she lives next door").await?;
    let after = neighbour.see(&seen).await?;
    outcome.step(
        format!(
            "{}, a neighbour at another practice, is refused, claims to care for her and is let in under alert; {}, the \
privacy officer, refuses the claim, and she is out.",
            name_of("neighbour"),
            name_of("privacy-officer"),
        ),
        before.refused() && meanwhile.opened() && after.refused(),
    );

    // An emergency on the ward that she left weeks ago.
    let nurse = Visitor::sign_in(client, base, "ward-nurse").await?;
    let before = nurse.see(&seen).await?;
    let why = "Brought in unconscious, no one with her";
    let emergency = [("number", number), ("born", born.as_str()), ("kind", "emergency"), ("reason", why)];
    nurse.send("/access/ask", "/access/ask", &emergency).await?;
    let after = nurse.see(&seen).await?;
    review(&officer, true, "Seen in the emergency department's list").await?;
    outcome.step(
        format!(
            "{}, a nurse of the ward that she left weeks ago, is refused; in an emergency she opens it with a reason, for \
minutes, and the privacy officer reviews it.",
            name_of("ward-nurse"),
        ),
        before.refused() && after.opened(),
    );

    // What she measures at home reaches those who care for her.
    let readings = format!("/me/{id}/readings");
    let gp = Visitor::sign_in(client, base, "gp").await?;
    let reading =
        [("date", "27/11/2026"), ("time", "08:10"), ("systolic", "131"), ("diastolic", "78"), ("once", "1")];
    herself.send(&readings, &readings, &reading).await?;
    let begun = Instant::now();
    let mut seen_by_gp = false;
    while !seen_by_gp && begun.elapsed() < WAITED {
        tokio::time::sleep(Duration::from_millis(20)).await;
        seen_by_gp = gp.see(&seen).await?.text.contains(", self-measured");
    }
    outcome.step(
        format!(
            "{} types in a blood pressure that she took at home; {} sees it, marked as her own, {} ms later.",
            her.given,
            name_of("gp"),
            begun.elapsed().as_millis(),
        ),
        seen_by_gp,
    );

    let choices = format!("/me/{id}/choices");
    herself.send(&choices, &choices, &[("choice", "national-opt-out"), ("on", "yes")]).await?;
    let worker = Visitor::sign_in(client, base, "care-worker").await?;
    let (doctor, carer) = (gp.see(&seen).await?, worker.see(&seen).await?);
    outcome.step(
        format!(
            "{} opts out of research and planning; care goes on: {} and {}, her care worker, still read what is theirs.",
            her.given,
            name_of("gp"),
            name_of("care-worker"),
        ),
        doctor.opened() && carer.opened(),
    );

    let looked = herself.see(&format!("/me/{id}/looked")).await?;
    let told = [name_of("neighbour"), name_of("ward-nurse"), name_of("daughter"), name_of("gp")];
    outcome.step(
        format!("{} sees all of it on her page: who looked, why, what was refused.", her.given),
        looked.opened() && told.iter().all(|one| looked.text.contains(one)),
    );
    Ok(outcome)
}
