//! Connections to endpoints: one client for each, which trusts only the endpoint's own authorities, uses no proxy and follows
//! no redirect.

use std::time::Duration;

use super::config::Endpoint;
use super::limits::CONNECT_SECONDS;
use crate::link;

/// A client for an endpoint.
pub(super) async fn client(endpoint: &Endpoint) -> Result<reqwest::Client, String> {
    let connect = Duration::from_secs(CONNECT_SECONDS.min(endpoint.timeout_seconds));
    let whole = Duration::from_secs(endpoint.timeout_seconds);
    let mut builder = link::client(endpoint.ca.as_deref(), connect, whole).await?;
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
