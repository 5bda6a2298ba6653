//! Connections to others' servers: a client trusts only the authorities that it is given, uses no proxy and follows no redirect.

use std::path::Path;
use std::time::Duration;

/// A client that is to be built.
///
/// # Errors
/// The file of authorities can't be used.
pub(crate) async fn client(
    authorities: Option<&Path>,
    connect: Duration,
    whole: Duration,
) -> Result<reqwest::ClientBuilder, String> {
    let mut trusted = Vec::new();
    if let Some(path) = authorities {
        let pem = tokio::fs::read(path).await.map_err(|_| "the file of authorities can't be read")?;
        trusted = reqwest::Certificate::from_pem_bundle(&pem)
            .map_err(|_| "the file of authorities holds no certificates")?;
    }
    Ok(reqwest::Client::builder()
        .tls_certs_only(trusted)
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .connect_timeout(connect)
        .timeout(whole)
        .user_agent(concat!("causeway/", env!("CARGO_PKG_VERSION"))))
}

/// Reads a body up to a limit; what is beyond is left.
pub(crate) async fn read(mut response: reqwest::Response, limit: usize) -> reqwest::Result<Vec<u8>> {
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
