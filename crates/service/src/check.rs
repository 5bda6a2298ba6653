//! `serve --check`, and the same at start: what a configuration names must exist. A route to a mailbox that nobody has
//! would carry messages to where nobody collects them, and nothing would say so.

use std::collections::BTreeSet;

use causeway_access::CodeSystem;
use causeway_broker::delivery::config::Kind;
use causeway_broker::state::Adapters;
use causeway_exchange::route::{Destination, SEND_BUNDLE, SEND_DOCUMENT};

use crate::config::Config;
use crate::finding::{Finding, Step, of};
use crate::named::{files, listeners};

/// What a configuration may name.
struct Known<'c> {
    config: &'c Config,
    formats: Vec<String>,
    written: Vec<String>,
    options: BTreeSet<&'static str>,
    endpoints: BTreeSet<String>,
    mailboxes: BTreeSet<String>,
    senders: BTreeSet<String>,
    found: Vec<Finding>,
}

/// Everything in a configuration that names what does not exist. `endpoints`: those kept with the data.
pub fn findings(config: &Config, adapters: Adapters, endpoints: &[String]) -> Vec<Finding> {
    let mailboxes: BTreeSet<String> =
        config.mesh.iter().flat_map(|mesh| &mesh.mailboxes).map(|m| m.id.clone()).collect();
    let ods = config.mesh.iter().flat_map(|mesh| &mesh.mailboxes).map(|m| match m.ods_code.as_str() {
        "" => m.id.clone(),
        code => code.to_owned(),
    });
    let mut known = Known {
        config,
        formats: adapters.iter().map(|a| a.name().to_owned()).collect(),
        written: adapters.iter().filter(|a| a.encodes()).map(|a| a.written().0.to_owned()).collect(),
        options: adapters.iter().flat_map(|a| a.options()).copied().collect(),
        endpoints: config.endpoints.iter().map(|e| e.name.clone()).chain(endpoints.iter().cloned()).collect(),
        senders: config.organisations.iter().map(|o| o.code.clone()).chain(ods).collect(),
        mailboxes,
        found: Vec::new(),
    };
    known.organisations();
    known.listeners();
    known.routes();
    known.endpoints();
    known.addresses();
    for (at, gateway) in config.nrl.gateways.iter().enumerate() {
        let path = vec![Step::Key("nrl"), Step::Key("gateways"), Step::At(at)];
        known.sender(path, "nrl, gateways".to_owned(), gateway);
    }
    known.research();
    known.found
}

impl Known<'_> {
    fn add(&mut self, path: Vec<Step>, place: String, text: String, allowed: Vec<String>) {
        self.found.push(Finding { path, place, text, allowed });
    }

    fn mailbox(&mut self, path: Vec<Step>, place: String, id: &str) {
        if self.mailboxes.contains(id) {
            return;
        }
        let allowed: Vec<String> = self.mailboxes.iter().cloned().collect();
        let none = if allowed.is_empty() { ": there is none (the section [mesh] has them)" } else { "" };
        self.add(path, place, format!("there is no mailbox {id}{none}"), allowed);
    }

    fn endpoint(&mut self, path: Vec<Step>, place: String, name: &str) {
        if self.endpoints.contains(name) {
            return;
        }
        let allowed: Vec<String> = self.endpoints.iter().cloned().collect();
        let none = if allowed.is_empty() { ": there is none ([[endpoint]] makes one)" } else { "" };
        self.add(path, place, format!("there is no endpoint {name}{none}"), allowed);
    }

    fn format(&mut self, path: Vec<Step>, place: String, name: &str) {
        if !self.formats.iter().any(|f| f == name) {
            let allowed = self.formats.clone();
            self.add(path, place, format!("there is no format {name}"), allowed);
        }
    }

    /// What goes to a mailbox or endpoint.
    fn send(&mut self, path: Vec<Step>, place: String, send: &str, words: &[&str]) {
        if words.contains(&send) || self.written.iter().any(|f| f == send) {
            return;
        }
        let read = self.formats.iter().any(|f| f == send);
        let text = match read {
            true => format!("{send} is a format that is read and not written"),
            false => format!("{send} is nothing that can be sent"),
        };
        let allowed = words.iter().map(|w| (*w).to_owned()).chain(self.written.iter().cloned()).collect();
        self.add(path, place, text, allowed);
    }

    fn sender(&mut self, path: Vec<Step>, place: String, code: &str) {
        if self.senders.contains(code) {
            return;
        }
        if let Some(near) = self.senders.iter().find(|s| s.eq_ignore_ascii_case(code)) {
            let text = format!("no organisation is called {code}; one is called {near}");
            return self.add(path, place, text, Vec::new());
        }
        // In demonstration mode senders name themselves.
        if self.config.open && CodeSystem::of(code).is_some() {
            return;
        }
        let allowed: Vec<String> = self.senders.iter().cloned().collect();
        let none = if allowed.is_empty() { ": there is none ([[organisation]] makes one)" } else { "" };
        self.add(path, place, format!("there is no organisation {code}{none}"), allowed);
    }

    fn organisations(&mut self) {
        let config = self.config;
        for (number, organisation) in config.organisations.iter().enumerate() {
            let place = |key: &str| format!("organisation {}, {key}", organisation.code);
            if let Some(mailbox) = &organisation.mailbox {
                self.mailbox(of("organisation", number, "mailbox"), place("mailbox"), mailbox);
            }
            if let Some(endpoint) = &organisation.endpoint {
                self.endpoint(of("organisation", number, "endpoint"), place("endpoint"), endpoint);
            }
            for (at, option) in organisation.options.iter().enumerate() {
                if !self.options.contains(option.as_str()) {
                    let mut path = of("organisation", number, "options");
                    path.push(Step::At(at));
                    let allowed = self.options.iter().map(|o| (*o).to_owned()).collect();
                    let text = format!("no adapter knows an option {option}");
                    self.add(path, place("options"), text, allowed);
                }
            }
        }
    }

    fn research(&mut self) {
        let folders = &self.config.research;
        let path = |key: &'static str| vec![Step::Key("research"), Step::Key(key)];
        if folders.projects.as_ref().is_some_and(|folder| !folder.is_dir()) {
            let text = "there is no such folder".to_owned();
            self.add(path("projects"), "research, projects".to_owned(), text, Vec::new());
        }
        if folders.projects.is_some() && folders.keys.is_none() {
            let text =
                "research.keys must name a folder for the projects' keys, apart from the data".to_owned();
            self.add(path("projects"), "research, projects".to_owned(), text, Vec::new());
        }
    }

    fn listeners(&mut self) {
        let config = self.config;
        for (number, listener) in config.mllp_listeners.iter().enumerate() {
            let place = |key: &str| format!("mllp listener {}, {key}", listener.listen);
            self.sender(of("mllp", number, "sender"), place("sender"), &listener.sender);
            self.format(of("mllp", number, "format"), place("format"), &listener.format);
        }
        for (number, listener) in config.scaip_listeners.iter().enumerate() {
            let place = |key: &str| format!("scaip listener {}, {key}", listener.listen);
            self.sender(of("scaip", number, "sender"), place("sender"), &listener.sender);
            self.format(of("scaip", number, "format"), place("format"), &listener.format);
        }
    }

    fn routes(&mut self) {
        let config = self.config;
        for (number, route) in config.routes.iter().enumerate() {
            let place = |key: &str| format!("route {}, {key}", route.id);
            let when = |key: &'static str, at: usize| {
                vec![Step::Key("route"), Step::At(number), Step::Key("when"), Step::Key(key), Step::At(at)]
            };
            for (at, sender) in route.when.sender.iter().enumerate() {
                self.sender(when("sender", at), place("when.sender"), sender);
            }
            for (at, format) in route.when.format.iter().enumerate() {
                self.format(when("format", at), place("when.format"), format);
            }
            for (at, destination) in route.to.iter().enumerate() {
                let to = |key: &'static str| {
                    vec![Step::Key("route"), Step::At(number), Step::Key("to"), Step::At(at), Step::Key(key)]
                };
                let send = match destination {
                    Destination::Mailbox { mailbox, send } => {
                        self.mailbox(to("mailbox"), place("to.mailbox"), mailbox);
                        send
                    }
                    Destination::Endpoint { endpoint } => {
                        self.endpoint(to("endpoint"), place("to.endpoint"), endpoint);
                        continue;
                    }
                    Destination::Recipient { send } | Destination::RegisteredPractice { send } => send,
                    Destination::Record {} => continue,
                };
                self.send(to("send"), place("to.send"), send, &[SEND_BUNDLE, SEND_DOCUMENT]);
            }
        }
    }

    fn endpoints(&mut self) {
        let config = self.config;
        for (number, endpoint) in config.endpoints.iter().enumerate() {
            let place = |key: &str| format!("endpoint {}, {key}", endpoint.name);
            let path = |key| of("endpoint", number, key);
            self.send(path("send"), place("send"), &endpoint.send, &[SEND_BUNDLE, "original"]);
            if let Some(through) = endpoint.through.as_ref().filter(|_| endpoint.kind == Kind::Fault) {
                self.endpoint(path("through"), place("through"), through);
            }
        }
    }

    /// Two listeners of one address can't be; an address that is none can't be listened on.
    fn addresses(&mut self) {
        let config = self.config;
        let mut seen = BTreeSet::new();
        for (path, place, listen, _) in listeners(config) {
            match listen.rsplit_once(':').map(|(host, port)| (host.is_empty(), port.parse::<u16>())) {
                Some((false, Ok(0))) => {}
                Some((false, Ok(_))) if seen.insert(listen.to_owned()) => {}
                Some((false, Ok(_))) => {
                    self.add(path, place, format!("{listen} is listened on twice"), Vec::new());
                }
                _ => self.add(path, place, format!("{listen} is no ADDRESS:PORT"), Vec::new()),
            }
        }
    }
}

/// Files that a configuration names and that can't be read.
pub fn missing_files(config: &Config) -> Vec<Finding> {
    files(config)
        .into_iter()
        .filter_map(|(path, place, file, _)| {
            let error = std::fs::File::open(file).err()?;
            let text = format!("{} can't be read: {error}", file.display());
            Some(Finding { path, place, text, allowed: Vec::new() })
        })
        .collect()
}
