//! `causeway migrate`: the exchange from its embedded engine to PostgreSQL.

use std::io::{IsTerminal as _, Write as _};
use std::path::PathBuf;

use causeway_exchange::{Audit as _, NewAudit, hex};
use causeway_postgres::{Postgres, Taken};
use causeway_service::config::Config;
use causeway_store::Outgoing;
use clap::{Args, ValueEnum};
use jiff::Timestamp;

use crate::keep::exchange::{configured, embedded, postgres_options};
use crate::keep::said;
use crate::process::print;
use crate::serve;

/// Arguments of `migrate`.
#[derive(Args, Debug)]
#[command(
    after_help = "The exchange must not be running. Messages, work, audit trail and configuration kept with the data go into an \
empty PostgreSQL database, the one that [postgres] of the configuration names; what lies beside them in the folder (record, \
pointers, keys) stays and is used on. A run that was killed goes on when it is started again. At the end every table is read \
on both sides and compared by count and digest, every content is compared with its digest and the audit trail is read to its \
end; before that no exchange opens the database. Nothing in the folder is changed: keep it until you have a backup of the \
database, and don't start an exchange on it again.\n\n\
Exit: 0 moved and compared, 2 not moved."
)]
pub struct MigrateArgs {
    /// Folder that the exchange keeps its data in.
    #[arg(long, value_name = "DIR", env = "CAUSEWAY_DATA")]
    data: PathBuf,
    /// Where to.
    #[arg(long, value_name = "ENGINE")]
    to: Target,
    /// The exchange's configuration, with [postgres] in it.
    #[arg(long, value_name = "FILE", env = "CAUSEWAY_CONFIG")]
    config: PathBuf,
}

/// An engine to move to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Target {
    /// The PostgreSQL database of the configuration.
    Postgres,
}

/// Runs the command.
///
/// # Errors
/// A sentence that says what could not be done.
pub fn run(args: &MigrateArgs) -> Result<u8, String> {
    let data = &args.data;
    let Target::Postgres = args.to;
    let exchange = embedded(data)?;
    let config: Config = configured(data, Some(&args.config))?;
    let settings = config.postgres.as_ref();
    let settings = settings.ok_or_else(|| format!("{} has no [postgres]", args.config.display()))?;
    // Brings data of an earlier version up to date, and says so where another process has them.
    serve::lock(data)?;
    let from = Outgoing::open(&exchange).map_err(|e| said(data, &e))?;
    let options = postgres_options(settings)?;
    let mut progress = Progress { shown: std::io::stderr().is_terminal(), begun: false };
    let failed =
        |e: &dyn std::fmt::Display| format!("PostgreSQL ({}): {e}", settings.connection_file.display());
    let taken =
        causeway_postgres::take_over(&options, &from, &mut |table, count| progress.tell(table, count));
    progress.end();
    let taken = taken.map_err(|e| failed(&e))?;
    let engine = Postgres::open(options).map_err(|e| failed(&e))?;
    let messages = taken.iter().find(|one| one.table == "message").map_or(0, |one| one.sum.rows);
    let entry = NewAudit {
        actor: "operator".to_owned(),
        action: "moved".to_owned(),
        entity: "exchange".to_owned(),
        detail: format!("to PostgreSQL, {messages} messages"),
    };
    engine.audit(vec![entry], Timestamp::now()).map_err(|e| failed(&e))?;
    drop(engine);
    tell(&taken);
    Ok(0)
}

fn tell(taken: &[Taken]) {
    for one in taken {
        let before = match one.before {
            0 => String::new(),
            before => format!(" ({before} by an earlier run)"),
        };
        print(&format!("{:<12} {:>10} rows{before}  {}\n", one.table, one.sum.rows, hex(&one.sum.digest)));
    }
    print("moved: the same rows on both sides, every content has its digest, the audit trail holds\n");
}

/// A line on a terminal that says how far it is.
struct Progress {
    shown: bool,
    begun: bool,
}

impl Progress {
    fn tell(&mut self, table: &str, count: u64) {
        if self.shown {
            self.begun = true;
            let _ = write!(std::io::stderr(), "\r{table}: {count}          ");
        }
    }

    fn end(&self) {
        if self.begun {
            let _ = writeln!(std::io::stderr());
        }
    }
}
