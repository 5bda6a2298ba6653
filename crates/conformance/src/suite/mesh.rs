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
    let hash = hash(auth, mailbox, nonce, "0", &time);
    format!("NHSMESH {mailbox}:{nonce}:0:{time}:{hash}")
}

fn hash(auth: &MeshAuth, mailbox: &str, nonce: &str, count: &str, time: &str) -> String {
    let text = format!("{mailbox}:{nonce}:{count}:{}:{time}", auth.password);
    <Hmac<Sha256> as KeyInit>::new_from_slice(auth.key.as_bytes())
        .map(|hmac| hmac.chain_update(text.as_bytes()).finalize().into_bytes())
        .map(|bytes| bytes.iter().map(|b| format!("{b:02x}")).collect::<String>())
        .unwrap_or_default()
}

/// A header of a client, read: its mailbox, what must not come twice, whether the hash is right, and by how many
/// minutes its time is off. None where it has not the form of a token.
pub fn read(auth: &MeshAuth, header: &str, now: i64) -> Option<(String, String, bool, i64)> {
    let parts: Vec<&str> = header.strip_prefix("NHSMESH ")?.split(':').collect();
    let [mailbox, nonce, count, time, signed] = parts.as_slice() else { return None };
    let at = jiff::civil::DateTime::strptime("%Y%m%d%H%M", time).ok()?;
    let at = jiff::tz::TimeZone::UTC.to_timestamp(at).ok()?;
    let right = hash(auth, mailbox, nonce, count, time).eq_ignore_ascii_case(signed);
    let off = (at.as_second() - now).abs() / 60;
    Some(((*mailbox).to_owned(), format!("{mailbox}:{nonce}:{count}"), right, off))
}
