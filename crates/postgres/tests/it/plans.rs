//! How the server plans what a broker asks of it.

use crate::server::{self, Server};
use causeway_exchange::NewAudit;
use causeway_exchange::engine::Audit as _;
use causeway_postgres::{Options, Postgres};
use jiff::Timestamp;
use postgres::{Client, NoTls};
use std::io::Write as _;

/// Files of what the server translated into machine code: it writes one for each time.
fn translated(server: &Server) -> usize {
    let entries = std::fs::read_dir(server.data()).expect("its folder").flatten();
    entries.filter(|entry| entry.path().extension().is_some_and(|extension| extension == "bc")).count()
}

#[test]
fn no_plan_is_translated_into_machine_code() {
    let Some(server) = server::started() else { return };
    // Whatever it costs, so that a small table shows what a dear plan would.
    for setting in ["jit = on", "jit_above_cost = 0", "jit_dump_bitcode = on"] {
        server.sql(&format!("ALTER SYSTEM SET {setting}"));
    }
    server.sql("SELECT pg_reload_conf()");
    let engine = Postgres::open(Options::new(server.connection("postgres"))).expect("opens");
    for number in 1..=5 {
        let entry = NewAudit {
            actor: "ZZ901".to_owned(),
            action: "read".to_owned(),
            entity: format!("person {number}"),
            detail: String::new(),
        };
        engine.audit(vec![entry], Timestamp::now()).expect("written");
    }
    assert_eq!(translated(&server), 0);
    // The control: a session that says nothing of it.
    let mut client = Client::connect(&server.connection("postgres"), NoTls).expect("connects");
    client.query("SELECT seq FROM audit WHERE actor = 'ZZ901' ORDER BY detail", &[]).expect("read");
    if translated(&server) == 0 {
        let _ = writeln!(std::io::stderr(), "SKIPPED: this server has nothing to translate plans with");
    }
}
