//! What a configuration names that is outside of it: files, and addresses to listen on.

use std::path::Path;

use causeway_broker::delivery::Endpoint;
use causeway_broker::delivery::config::Auth;

use crate::config::Config;
use crate::finding::{Step, of};

/// Files that a configuration names: (path, place, file, whether it is a secret).
pub(crate) fn files(config: &Config) -> Vec<(Vec<Step>, String, &Path, bool)> {
    let mut all: Vec<(Vec<Step>, String, &Path, bool)> = Vec::new();
    let key = |table: &'static str, key: &'static str| vec![Step::Key(table), Step::Key(key)];
    if let Some(tls) = &config.tls {
        all.push((key("tls", "certificate"), "tls, certificate".to_owned(), &tls.certificate, false));
        all.push((key("tls", "key"), "tls, key".to_owned(), &tls.key, true));
        if let Some(ca) = &tls.client_ca {
            all.push((key("tls", "client_ca"), "tls, client_ca".to_owned(), ca, false));
        }
    }
    for (number, listener) in config.scaip_listeners.iter().enumerate() {
        if let Some(tls) = &listener.tls {
            let place = |key: &str| format!("scaip listener {}, tls.{key}", listener.listen);
            let path = |key| vec![Step::Key("scaip"), Step::At(number), Step::Key("tls"), Step::Key(key)];
            all.push((path("certificate"), place("certificate"), &tls.certificate, false));
            all.push((path("key"), place("key"), &tls.key, true));
            if let Some(ca) = &tls.client_ca {
                all.push((path("client_ca"), place("client_ca"), ca, false));
            }
        }
    }
    if let Some(postgres) = &config.postgres {
        let place = "postgres, connection_file".to_owned();
        all.push((key("postgres", "connection_file"), place, &postgres.connection_file, true));
        if let Some(file) = &postgres.audit_key_file {
            let place = "postgres, audit_key_file".to_owned();
            all.push((key("postgres", "audit_key_file"), place, file, true));
        }
    }
    if let Some(traces) = &config.traces {
        if let Some(ca) = &traces.ca {
            all.push((key("traces", "ca"), "traces, ca".to_owned(), ca, false));
        }
        if let Some(token) = &traces.token_file {
            all.push((key("traces", "token_file"), "traces, token_file".to_owned(), token, true));
        }
    }
    if let Some(secret) = config.sign_in.as_ref().and_then(|s| s.client_secret_file.as_deref()) {
        let place = "sign_in, client_secret_file".to_owned();
        all.push((key("sign_in", "client_secret_file"), place, secret, true));
    }
    for (number, endpoint) in config.endpoints.iter().enumerate() {
        of_endpoint(&mut all, number, endpoint);
    }
    all
}

/// Every listener of a configuration: path, place, address, whether it speaks TLS.
pub(crate) fn listeners(config: &Config) -> Vec<(Vec<Step>, String, &str, bool)> {
    let at = |list: &'static str, number| vec![Step::Key(list), Step::At(number), Step::Key("listen")];
    let mut all =
        vec![(vec![Step::Key("listen")], "listen".to_owned(), config.listen.as_str(), config.tls.is_some())];
    for (number, mllp) in config.mllp_listeners.iter().enumerate() {
        let tls = config.tls.as_ref().is_some_and(|t| t.mllp);
        all.push((at("mllp", number), format!("mllp listener {}", mllp.listen), &mllp.listen, tls));
    }
    for (number, scaip) in config.scaip_listeners.iter().enumerate() {
        let place = format!("scaip listener {}", scaip.listen);
        all.push((at("scaip", number), place, &scaip.listen, scaip.tls.is_some()));
    }
    all
}

fn of_endpoint<'c>(
    all: &mut Vec<(Vec<Step>, String, &'c Path, bool)>,
    number: usize,
    endpoint: &'c Endpoint,
) {
    let place = |key: &str| format!("endpoint {}, {key}", endpoint.name);
    let given = [
        ("ca", &endpoint.ca, false),
        ("certificate", &endpoint.certificate, false),
        ("key", &endpoint.key, true),
    ];
    for (name, file, secret) in given {
        if let Some(file) = file {
            all.push((of("endpoint", number, name), place(name), file, secret));
        }
    }
    let (name, file) = match &endpoint.auth {
        Auth::None {} => return,
        Auth::Bearer { token_file } => ("token_file", token_file),
        Auth::Oauth2 { key_file, .. } => ("key_file", key_file),
    };
    let mut path = of("endpoint", number, "auth");
    path.push(Step::Key(name));
    all.push((path, place(&format!("auth.{name}")), file, true));
}
