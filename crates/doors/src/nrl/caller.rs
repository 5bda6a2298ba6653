//! Who asks: an organisation with its types and permissions.

use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::HeaderMap;
use axum::http::request::Parts;
use causeway_access::{Asker, Caller, OrganisationFacts, Reader, Shown};
use causeway_broker::state::Shared;
use causeway_host::problem::Problem;
use causeway_locator::outcome::Code;
use causeway_locator::rules::{ALL_TYPES, Organisation};
use causeway_locator::{Refusal, codes};
use serde_json::Value;

use super::Nrl;
use super::answer::Fault;

/// Header with the organisation and its permissions, set by a gateway, never by a client.
const METADATA: &str = "nhsd-connection-metadata";
/// Header with the application, likewise.
const APPLICATION: &str = "nhsd-client-rp-details";
/// Header in which a client names the organisation that it asks for.
const END_USER: &str = "nhsd-end-user-organisation-ods";

/// An organisation at this door.
pub(super) struct Client {
    pub(super) who: Organisation,
    /// As the access decision and the access log know it.
    pub(super) reader: Reader,
    /// The request's id, which a client keeps when it sends it again.
    pub(super) request: Option<String>,
}

fn unread() -> Refusal {
    let text = "Unable to parse metadata about the requesting application. Contact the onboarding team.";
    Refusal::new(401, "invalid", Code::MissingOrInvalidHeader, text, "")
}

fn text<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    headers.get(name).and_then(|v| v.to_str().ok()).map(str::trim).filter(|v| !v.is_empty())
}

/// Organisation and permissions of a gateway's headers.
fn metadata(headers: &HeaderMap) -> Option<Organisation> {
    let read = |name: &str| serde_json::from_str::<Value>(text(headers, name)?).ok();
    let (who, application) = (read(METADATA)?, read(APPLICATION)?);
    let word = |value: &Value, name: &str| value[name].as_str().map(str::to_owned);
    word(&application, "developer.app.name")?;
    word(&application, "developer.app.id")?;
    word(&who, "nrl.app-id")?;
    let words = |name: &str| -> Vec<String> {
        let list = who[name].as_array().map(Vec::as_slice).unwrap_or_default();
        list.iter().filter_map(|v| v.as_str().map(str::to_owned)).collect()
    };
    Some(Organisation {
        code: word(&who, "nrl.ods-code").filter(|code| !code.is_empty())?,
        extension: word(&who, "nrl.ods-code-extension").filter(|e| !e.is_empty()),
        types: words("nrl.pointer-types"),
        permissions: words("nrl.permissions"),
    })
}

/// The organisation of a client that speaks for itself; a suffix is what it says in its header.
fn own(caller: &Caller, headers: &HeaderMap) -> Result<Organisation, Refusal> {
    if !caller.named || caller.person {
        return Err(unread());
    }
    let code = caller.organisation.code.clone();
    let named = text(headers, END_USER).unwrap_or(&code);
    let (whole, extension) = match named.split_once('.') {
        Some((whole, extension)) => (whole, Some(extension.to_owned())),
        None => (named, None),
    };
    if !whole.eq_ignore_ascii_case(&code) {
        let text = "The organisation that is named is not the one that the token or certificate proves";
        return Err(Refusal::denied(text));
    }
    Ok(Organisation { code, extension, ..Organisation::default() })
}

impl Nrl {
    /// Finds out who asks, and what for.
    fn client(&self, state: &Shared, parts: &Parts, shown: &Shown) -> Result<Client, Fault> {
        let headers = &parts.headers;
        let caller = Caller::of(state, shown, headers)?;
        caller.take_rate(state)?;
        if self.settings.require_request_ids {
            for (name, said) in
                [("x-request-id", "X-Request-Id"), ("nhsd-correlation-id", "NHSD-Correlation-Id")]
            {
                if text(headers, name).is_none() {
                    let said = format!("The {said} header is missing or invalid");
                    let code = Code::MissingOrInvalidHeader;
                    return Err(self.refuse(Refusal::new(400, "invalid", code, said, "")));
                }
            }
        }
        let mut reader = Reader::of(state, parts)?;
        let is = |code: &String| code.eq_ignore_ascii_case(&caller.organisation.code);
        let gateway = caller.proven && caller.scopes.is_none() && self.settings.gateways.iter().any(is);
        let unproven = state.config.open && !caller.proven;
        let mut who = match headers.contains_key(METADATA) {
            true if gateway || unproven => metadata(headers).ok_or_else(|| self.refuse(unread()))?,
            true => {
                let text = "NHSD-Connection-Metadata is set by a gateway, not by a client";
                return Err(self.refuse(Refusal::denied(text)));
            }
            false if gateway => return Err(self.refuse(unread())),
            false => own(&caller, headers).map_err(|refusal| self.refuse(refusal))?,
        };
        let granted = self
            .settings
            .permissions
            .iter()
            .filter(|p| p.organisation.eq_ignore_ascii_case(&who.code) && p.extension == who.extension);
        for permission in granted {
            who.types.extend(permission.types.iter().cloned());
            who.permissions.extend(permission.permissions.iter().cloned());
        }
        // Whoever names itself in a demonstration may try everything.
        if who.may(ALL_TYPES) || (unproven && !headers.contains_key(METADATA)) {
            who.types = codes::all_types(self.edition());
            who.permissions.push(ALL_TYPES.to_owned());
        }
        if who.types.is_empty() {
            return Err(self.refuse(Refusal::no_permission(&who.code)));
        }
        if headers.contains_key(METADATA) {
            // The gateway asks for somebody: that one reads, and it is no operator.
            reader.operator &= unproven;
            let known = state.config.organisation(&who.code);
            reader.organisation_system = known.map_or(causeway_locator::ODS, |o| o.system.url()).to_owned();
            reader.asker = Asker {
                name: known.map_or(&*who.code, |o| o.label()).to_owned(),
                role: "system".to_owned(),
                organisation: OrganisationFacts {
                    code: who.code.clone(),
                    name: known.map_or(&*who.code, |o| o.label()).to_owned(),
                    registered: known.is_some(),
                    live: known.is_some(),
                    gates_in_date: true,
                    demonstration: state.config.open,
                },
                ..Asker::default()
            };
        }
        let request = text(headers, "x-request-id").map(str::to_owned);
        Ok(Client { who, reader, request })
    }
}

impl FromRequestParts<Shared> for Client {
    type Rejection = Fault;
    async fn from_request_parts(parts: &mut Parts, state: &Shared) -> Result<Self, Fault> {
        let nrl = parts.extensions.get::<Arc<Nrl>>().cloned().ok_or_else(Problem::internal)?;
        let shown = match Shown::from_request_parts(parts, state).await {
            Ok(shown) => shown,
            Err(never) => match never {},
        };
        nrl.client(state, parts, &shown)
    }
}
