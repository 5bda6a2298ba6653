//! Connections to endpoints: one client for each, which trusts only the endpoint's own authorities, uses no proxy and follows
//! no redirect.

use std::time::Duration;

use super::config::Endpoint;
use super::limits::CONNECT_SECONDS;

/// A client for an endpoint.
pub(super) async fn client(endpoint: &Endpoint) -> Result<reqwest::Client, String> {
    let mut authorities = Vec::new();
    if let Some(path) = &endpoint.ca {
        let pem = tokio::fs::read(path).await.map_err(|_| "the file of authorities can't be read")?;
        authorities = reqwest::Certificate::from_pem_bundle(&pem)
            .map_err(|_| "the file of authorities holds no certificates")?;
    }
    let mut builder = reqwest::Client::builder()
        .tls_certs_only(authorities)
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .connect_timeout(Duration::from_secs(CONNECT_SECONDS.min(endpoint.timeout_seconds)))
        .timeout(Duration::from_secs(endpoint.timeout_seconds))
        .user_agent(concat!("causeway/", env!("CARGO_PKG_VERSION")));
    if let (Some(certificate), Some(key)) = (&endpoint.certificate, &endpoint.key) {
        let mut pem =
            tokio::fs::read(certificate).await.map_err(|_| "the client certificate can't be read")?;
        pem.push(b'\n');
        pem.extend(tokio::fs::read(key).await.map_err(|_| "the client certificate's key can't be read")?);
        let identity =
            reqwest::Identity::from_pem(&pem).map_err(|_| "the client certificate can't be used")?;
        builder = builder.identity(identity);
    }
    builder.build().map_err(|_| "the client could not be built".to_owned())
}

/// Reads a body up to a limit; what is beyond is left.
pub(super) async fn read(mut response: reqwest::Response, limit: usize) -> reqwest::Result<Vec<u8>> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await? {
        let room = limit.saturating_sub(body.len()).min(chunk.len());
        body.extend_from_slice(chunk.get(..room).unwrap_or_default());
        if body.len() >= limit {
            break;
        }
    }
    Ok(body)
}
