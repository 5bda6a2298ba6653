//! Where a disclosure is written down before it is made.

use std::future::Future;

use causeway_exchange::NewAudit;
use causeway_host::{Answer, Problem};

use crate::audit_event::Event;

/// What writes entries durably. Only [`crate::Gate`] is one, so that nothing is opened by something that writes nowhere.
pub trait Trail: only::Gate {
    /// Writes all of these in one commit.
    ///
    /// # Errors
    /// 503: then nothing may be disclosed.
    fn write(&self, entries: Vec<NewAudit>) -> impl Future<Output = Answer<()>> + Send;
}

pub(crate) mod only {
    /// Keeps [`super::Trail`] to this crate.
    pub trait Gate {}
}

/// The audit entry of an event: under the Patient whom it is about, or under `access`.
///
/// # Errors
/// 500 where the event can't be written down: nothing may be shown.
pub fn entry(event: &Event) -> Answer<NewAudit> {
    let entity = match event.patient.as_str() {
        "" => "access".to_owned(),
        patient => format!("Patient/{patient}"),
    };
    Ok(NewAudit {
        actor: event.user.as_ref().map_or(&event.client.value, |u| &u.who.value).clone(),
        action: "access".to_owned(),
        entity,
        detail: serde_json::to_string(event).map_err(|_| Problem::internal())?,
    })
}
