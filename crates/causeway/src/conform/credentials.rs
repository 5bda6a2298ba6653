//! The tester's credentials: a bearer token, a key of SMART Backend Services, a client certificate.

use std::path::{Path, PathBuf};

use causeway_service::delivery::config::Algorithm;
use causeway_service::delivery::sign_assertion;
use causeway_service::pages::onboarding::Held;
use clap::Args;
use serde_json::Value;

/// Credentials on the command line.
#[derive(Args, Debug, Default)]
pub struct Credentials {
    /// Bearer token.
    #[arg(long, value_name = "TOKEN", env = "CAUSEWAY_CONFORM_TOKEN", hide_env_values = true)]
    token: Option<String>,
    /// File that holds the bearer token.
    #[arg(long, value_name = "FILE", conflicts_with = "token")]
    token_file: Option<PathBuf>,
    /// Private key (PEM) of a client of SMART Backend Services; with --client-id.
    #[arg(long, value_name = "FILE", requires = "client_id", conflicts_with_all = ["token", "token_file"])]
    smart_key: Option<PathBuf>,
    /// Id of that client.
    #[arg(long, value_name = "ID")]
    client_id: Option<String>,
    /// Id of the key.
    #[arg(long, value_name = "ID", default_value = "conform")]
    key_id: String,
    /// Signature: RS384, ES384 or RS512.
    #[arg(long, value_name = "NAME", default_value = "RS384", value_parser = ["RS384", "ES384", "RS512"])]
    algorithm: String,
    /// Token endpoint; asked of URL/.well-known/smart-configuration unless given.
    #[arg(long, value_name = "URL")]
    token_url: Option<String>,
    /// Scope to ask for.
    #[arg(long, value_name = "SCOPE", default_value = "system/*.rs")]
    scope: String,
    /// Client certificate and its key, PEM in one file.
    #[arg(long, value_name = "FILE")]
    client_certificate: Option<PathBuf>,
    /// Authority (PEM) that signed the endpoint's certificate; those of the system unless given.
    #[arg(long, value_name = "FILE")]
    ca: Option<PathBuf>,
    /// Certificate and its key (PEM in one file) with which a client under test is waited for at https:// or mllps://.
    #[arg(long, value_name = "FILE")]
    listen_certificate: Option<PathBuf>,
    /// Authority (PEM) whose certificate a client under test must present; none is asked for unless given.
    #[arg(long, value_name = "FILE", requires = "listen_certificate")]
    listen_ca: Option<PathBuf>,
}

fn read(path: &Path) -> Result<Vec<u8>, String> {
    std::fs::read(path).map_err(|e| format!("{}: {e}", path.display()))
}

impl Credentials {
    /// Those that the onboarding board has for a suite.
    pub fn of_board(held: &Held) -> Self {
        Self {
            token_file: held.token_file.clone(),
            ca: held.ca.clone(),
            client_certificate: held.client_certificate.clone(),
            listen_certificate: held.listen_certificate.clone(),
            listen_ca: held.listen_ca.clone(),
            ..Self::default()
        }
    }

    /// What a client under test is shown and asked for; none where it is waited for in the clear.
    ///
    /// # Errors
    /// Where a file can't be read or holds something else.
    pub fn listen_tls(&self) -> Result<Option<rustls::ServerConfig>, String> {
        let Some(certificate) = &self.listen_certificate else { return Ok(None) };
        let settings = causeway_service::tls::Settings {
            certificate: certificate.clone(),
            key: certificate.clone(),
            client_ca: self.listen_ca.clone(),
            client_required: true,
            mllp: false,
        };
        causeway_service::tls::server_config(&settings).map(Some).map_err(|e| e.to_string())
    }

    /// A client that presents the certificate and trusts the authority.
    ///
    /// # Errors
    /// Where a file can't be read or holds something else.
    pub fn client(&self, endpoint: &str) -> Result<reqwest::Client, String> {
        let mut builder = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none());
        let here = ["http://127.0.0.1", "http://localhost", "http://[::1]"];
        if here.iter().any(|local| endpoint.starts_with(local)) {
            builder = builder.no_proxy().tls_certs_only([]);
        }
        if let Some(path) = &self.ca {
            let authorities = reqwest::Certificate::from_pem_bundle(&read(path)?)
                .map_err(|_| format!("{}: no certificates", path.display()))?;
            builder = builder.tls_certs_only(authorities);
        }
        if let Some(path) = &self.client_certificate {
            let identity = reqwest::Identity::from_pem(&read(path)?)
                .map_err(|_| format!("{}: no certificate with its key", path.display()))?;
            builder = builder.identity(identity);
        }
        builder.build().map_err(|e| e.to_string())
    }

    /// The same for MLLP within TLS.
    ///
    /// # Errors
    /// As [`Credentials::client`].
    pub fn tls(&self) -> Result<Option<rustls::ClientConfig>, String> {
        let Some(ca) = &self.ca else { return Ok(None) };
        let identity = self.client_certificate.as_deref().map(|file| (file, file));
        causeway_service::tls::client_config(ca, identity).map(Some).map_err(|e| e.to_string())
    }

    /// The `Authorization` header.
    ///
    /// # Errors
    /// Where a file can't be read, or no token is given for the key.
    pub async fn authorization(
        &self,
        client: &reqwest::Client,
        endpoint: &str,
    ) -> Result<Option<String>, String> {
        if let Some(token) = &self.token {
            return Ok(Some(format!("Bearer {}", token.trim())));
        }
        if let Some(path) = &self.token_file {
            let text = String::from_utf8(read(path)?).map_err(|_| format!("{}: no text", path.display()))?;
            return Ok(Some(format!("Bearer {}", text.trim())));
        }
        let (Some(path), Some(client_id)) = (&self.smart_key, &self.client_id) else { return Ok(None) };
        let token_url = match &self.token_url {
            Some(url) => url.clone(),
            None => discover(client, endpoint).await?,
        };
        let algorithm = match self.algorithm.as_str() {
            "ES384" => Algorithm::ES384,
            "RS512" => Algorithm::RS512,
            _ => Algorithm::RS384,
        };
        let now = jiff::Timestamp::now();
        let assertion = sign_assertion(algorithm, &read(path)?, &self.key_id, client_id, &token_url, now)?;
        let mut form = reqwest::Url::parse("form:").map_err(|e| e.to_string())?;
        form.query_pairs_mut()
            .append_pair("grant_type", "client_credentials")
            .append_pair("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer")
            .append_pair("client_assertion", &assertion)
            .append_pair("scope", &self.scope);
        let request = client
            .post(&token_url)
            .header("content-type", "application/x-www-form-urlencoded")
            .header("accept", "application/json")
            .body(form.query().unwrap_or_default().to_owned());
        let answer = json(request).await.map_err(|why| format!("no token: {why}"))?;
        let token = answer["access_token"].as_str().ok_or("the token endpoint's answer holds no token")?;
        Ok(Some(format!("Bearer {token}")))
    }
}

async fn json(request: reqwest::RequestBuilder) -> Result<Value, String> {
    let answer = request.send().await.map_err(|_| "no answer".to_owned())?;
    let status = answer.status().as_u16();
    if status != 200 {
        return Err(format!("the answer is {status}"));
    }
    answer.json().await.map_err(|_| "the answer is no JSON".to_owned())
}

async fn discover(client: &reqwest::Client, endpoint: &str) -> Result<String, String> {
    let url = format!("{}/.well-known/smart-configuration", endpoint.trim_end_matches('/'));
    let found = json(client.get(url)).await.map_err(|why| format!("no SMART configuration: {why}"))?;
    let url = found["token_endpoint"].as_str().map(str::to_owned);
    url.ok_or_else(|| "the SMART configuration names no token endpoint; give --token-url".to_owned())
}
