//! What is dangerous is said aloud: demonstration and test mode, doors without TLS on an address that other machines
//! reach, and secrets that others may read need a second word in the configuration (`accept_risk`), and warn at every
//! start and in `/health`.

use std::net::{IpAddr, SocketAddr};
use std::path::Path;

use crate::config::{Config, Risk};
use crate::finding::{Finding, Step};
use crate::named::{files, listeners};

/// One danger that a configuration holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Danger {
    /// Which; `None` where it is no more than worth saying.
    pub risk: Option<Risk>,
    /// Where.
    pub path: Vec<Step>,
    /// Where, in words.
    pub place: String,
    /// One plain sentence, for start and `/health`. Names no file and no person.
    pub text: String,
}

/// Whether an address to listen on is this machine's alone. A name that is not `localhost` counts as reachable.
pub fn is_loopback(listen: &str) -> bool {
    if let Ok(address) = listen.parse::<SocketAddr>() {
        return address.ip().is_loopback();
    }
    let host = listen.rsplit_once(':').map_or(listen, |(host, _)| host);
    host.eq_ignore_ascii_case("localhost")
        || host.trim_matches(['[', ']']).parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

/// Everything dangerous in a configuration. `file`: the configuration's own, which may hold secrets.
pub fn dangers(config: &Config, file: Option<&Path>) -> Vec<Danger> {
    let mut all = Vec::new();
    let reachable: Vec<_> =
        listeners(config).into_iter().filter(|(_, _, listen, _)| !is_loopback(listen)).collect();
    let http = !is_loopback(&config.listen);
    let mut add = |risk, path, place: String, text: String| all.push(Danger { risk, path, place, text });
    if config.open {
        let text =
            "demonstration mode: whoever reaches this server reads and sends everything without signing in";
        let path = vec![Step::Key("open")];
        add(http.then_some(Risk::Open), path, "open".to_owned(), text.to_owned());
    }
    if config.test_mode {
        let text =
            "test mode: whoever may use the administration door can move time, and with it delete messages";
        let path = vec![Step::Key("test_mode")];
        add(http.then_some(Risk::TestMode), path, "test_mode".to_owned(), text.to_owned());
    }
    for (path, place, listen, tls) in reachable {
        if !tls {
            let text = format!(
                "{listen} is reached from other machines and speaks without TLS: what passes can be read"
            );
            add(Some(Risk::ClearText), path, place, text);
        }
    }
    let own = file.filter(|_| has_secrets(config)).map(|f| (Vec::new(), "this file".to_owned(), f, true));
    for (path, place, file, secret) in files(config).into_iter().chain(own) {
        if secret && others_may_read(file) {
            let text = "a file with a secret may be read by every user of this machine (chmod 600 mends it)"
                .to_owned();
            add(Some(Risk::ReadableSecrets), path, place, text);
        }
    }
    all
}

fn has_secrets(config: &Config) -> bool {
    config.mesh.as_ref().is_some_and(|m| {
        !m.shared_key.reveal().is_empty() || m.mailboxes.iter().any(|b| !b.password.reveal().is_empty())
    })
}

/// Whether others than owner and group may read a file, or others than the owner may write it.
#[cfg(unix)]
fn others_may_read(file: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::metadata(file).is_ok_and(|m| m.permissions().mode() & 0o026 != 0)
}

#[cfg(not(unix))]
fn others_may_read(_: &Path) -> bool {
    false
}

/// Dangers that the configuration does not accept: refused at start.
pub fn refused(config: &Config, file: Option<&Path>) -> Vec<Finding> {
    dangers(config, file)
        .into_iter()
        .filter_map(|danger| {
            let risk = danger.risk.filter(|risk| !config.accept_risk.contains(risk))?;
            let text =
                format!("{}; if that is meant, accept_risk = [\"{}\"] says so", danger.text, risk.word());
            Some(Finding { path: danger.path, place: danger.place, text, allowed: Vec::new() })
        })
        .collect()
}
