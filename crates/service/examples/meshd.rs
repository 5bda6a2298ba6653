//! Serves only the MESH door over the embedded engine, for clients' and the sandbox's own tests:
//!
//! `meshd [listen=127.0.0.1:8700] [data=DIR] [mode=strict|sandbox] [auth=full|canned|none] [store=kept|canned]
//! [mirror=DIR] [key=TestKey] [memory=auto|engine|journal] [config=FILE] [tls_cert=FILE tls_key=FILE]`
//!
//! Without `config=` it has the mailboxes and workflows of the published sandbox (X26ABC1 to X26ABC3, password
//! `password`), and 80 pairs of mailboxes for measurements (LOADA1, LOADB1, …).

use std::sync::Arc;

use causeway_record::Record;
use causeway_service::mesh::{self, AuthMode, Mailbox, MeshConfig, Mode, TokenMemory};
use causeway_service::{AppState, Config, Service, tls};
use causeway_store::{Options, Store};
use tokio::net::TcpListener;

type Failure = Box<dyn std::error::Error + Send + Sync>;

/// Pairs of mailboxes for measurements.
const LOAD_PAIRS: usize = 80;

fn mailbox(id: &str, name: &str, ods: &str, send: &[&str], receive: &[&str]) -> Mailbox {
    let list = |l: &[&str]| Some(l.iter().map(|w| (*w).to_owned()).collect());
    Mailbox {
        id: id.to_owned(),
        name: name.to_owned(),
        password: "password".into(),
        ods_code: ods.to_owned(),
        billing_entity: Some(if id == "X26ABC2" { "Wales" } else { "England" }.to_owned()),
        send: list(send),
        receive: list(receive),
        ..Mailbox::default()
    }
}

fn mailboxes() -> Vec<Mailbox> {
    let mut all = vec![
        mailbox(
            "X26ABC1",
            "TESTMB1",
            "X26",
            &["TEST_WORKFLOW", "TEST_WORKFLOW2"],
            &["TEST_WORKFLOW_ACK", "TEST_WORKFLOW2"],
        ),
        mailbox("X26ABC2", "TESTMB2", "X26", &["TEST_WORKFLOW_ACK"], &["TEST_WORKFLOW", "TEST_WORKFLOW2"]),
        mailbox("X26ABC3", "TESTMB3", "X27", &[], &["TEST_WORKFLOW_ACK", "TEST_WORKFLOW2"]),
    ];
    for pair in 1..=LOAD_PAIRS {
        all.push(mailbox(&format!("LOADA{pair}"), "load", "X28", &["LOAD*"], &["LOAD_ACK"]));
        all.push(mailbox(&format!("LOADB{pair}"), "load", "X29", &["LOAD*"], &["LOAD*"]));
    }
    all
}

fn main() -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(serve())
}

async fn serve() -> Result<(), Failure> {
    let mut config = MeshConfig { shared_key: "TestKey".into(), admin: true, ..MeshConfig::default() };
    config.mailboxes = mailboxes();
    let mut service = Config { listen: "127.0.0.1:8700".to_owned(), test_mode: true, ..Config::default() };
    service.data_directory = std::env::temp_dir().join("causeway-meshd");
    let (mut certificate, mut key) = (None, None);
    for argument in std::env::args().skip(1) {
        let (name, value) = argument.split_once('=').ok_or("arguments are NAME=VALUE")?;
        match (name, value) {
            ("listen", _) => service.listen = value.to_owned(),
            ("data", _) => service.data_directory = value.into(),
            ("mode", "strict") => config.mode = Mode::Strict,
            ("mode", "sandbox") => config.mode = Mode::Sandbox,
            ("auth", "full") => config.auth = AuthMode::Full,
            ("auth", "canned") => config.auth = AuthMode::Canned,
            ("auth", "none") => config.auth = AuthMode::None,
            ("store", "kept") => config.canned = false,
            ("store", "canned") => config.canned = true,
            ("mirror", _) => config.mirror_directory = Some(value.into()),
            ("key", _) => config.shared_key = value.into(),
            ("memory", "auto") => config.token_memory = TokenMemory::Auto,
            ("memory", "engine") => config.token_memory = TokenMemory::Engine,
            ("memory", "journal") => config.token_memory = TokenMemory::Journal,
            ("tls_cert", _) => certificate = Some(value.into()),
            ("tls_key", _) => key = Some(value.into()),
            ("config", _) => config = toml::from_str(&std::fs::read_to_string(value)?)?,
            _ => return Err(format!("{name}={value} is not known").into()),
        }
    }
    if let (Some(certificate), Some(key)) = (certificate, key) {
        let settings =
            tls::Settings { certificate, key, client_ca: None, client_required: true, mllp: false };
        service.tls = Some(settings);
    }
    let data = service.data_directory.clone();
    let store = Store::open(Options::new(data.join("exchange")))?;
    let record = Record::open(data.join("record.sqlite"))?;
    let listener = TcpListener::bind(&service.listen).await?;
    let state = AppState::new(service, Arc::new(store), Arc::new(record), &[])?;
    let door = mesh::router(mesh::open(config, &state)?);
    Service::new(state).door(door).serve(listener, async { drop(tokio::signal::ctrl_c().await) }).await?;
    Ok(())
}
