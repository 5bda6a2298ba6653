//! The token of the MESH API: HMAC-SHA256 over mailbox, nonce, count, password and time.
//!
//! Source: NHS England, MESH API, "Authorization header".

use hmac::{Hmac, KeyInit, Mac};
use jiff::Timestamp;
use sha2::Sha256;

use super::model::MeshAuth;

/// The `Authorization` header of a request at this time (seconds since 1970).
pub fn token(auth: &MeshAuth, now: i64) -> String {
    let at = Timestamp::from_second(now - auth.hours_old * 3600).unwrap_or_default();
    let time = at.strftime("%Y%m%d%H%M").to_string();
    let (mailbox, nonce) = (&auth.mailbox, &auth.nonce);
    let text = format!("{mailbox}:{nonce}:0:{}:{time}", auth.password);
    let mac = <Hmac<Sha256> as KeyInit>::new_from_slice(auth.key.as_bytes())
        .map(|hmac| hmac.chain_update(text.as_bytes()).finalize().into_bytes())
        .map(|bytes| bytes.iter().map(|b| format!("{b:02x}")).collect::<String>())
        .unwrap_or_default();
    format!("NHSMESH {mailbox}:{nonce}:0:{time}:{mac}")
}
