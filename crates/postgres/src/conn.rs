//! A connection with its prepared statements, and how rows become values.

use crate::fault::{Result, db};
use crate::later::{Due, Later, Place, Table, Values};
use crate::limits;
use crate::tls::Tls;
use causeway_exchange::EngineError;
use causeway_exchange::message::Checksum;
use jiff::Timestamp;
use postgres::types::{FromSql, ToSql};
use postgres::{Client, Config, Row, Statement};
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

/// Parameters of a statement.
pub(crate) type Params<'a> = &'a [&'a (dyn ToSql + Sync)];

/// Parameters of a statement, `$1` first.
macro_rules! p {
    ($($value:expr),* $(,)?) => { &[$(&$value as &(dyn postgres::types::ToSql + Sync)),*] };
}
pub(crate) use p;

/// Held by a writer that is to be alone. Any number that nothing else in the database uses.
pub(crate) const WRITER_LOCK: i64 = 0x6361_7573_7772;

/// Whether some session of this database holds that lock: `pg_locks` has the number's halves apart.
pub(crate) const HELD: &str =
    "EXISTS(SELECT 1 FROM pg_locks WHERE locktype='advisory' AND granted AND objsubid=1
  AND ((classid::bigint << 32) | objid::bigint) = $1
  AND database=(SELECT oid FROM pg_database WHERE datname=current_database()))";

/// What a writer is told that is to be alone and is not.
pub(crate) fn taken() -> EngineError {
    EngineError::Storage("another broker writes to this database".to_owned())
}

/// Has the server find out as soon that this side is gone as this side finds out of the server: until then its session
/// holds the lock of the one writer.
fn missed() -> String {
    format!(
        "SET tcp_keepalives_idle = {}; SET tcp_keepalives_interval = {}; SET tcp_keepalives_count = {};
         SET tcp_user_timeout = {}",
        limits::SILENCE.as_secs(),
        limits::SILENCE_ASKED.as_secs(),
        limits::SILENCE_RETRIES,
        limits::UNANSWERED.as_millis()
    )
}

/// How to reach the database.
#[derive(Clone)]
pub(crate) struct Reach {
    pub(crate) config: Config,
    pub(crate) tls: Tls,
    /// Whether the server is to refuse whatever writes.
    pub(crate) reads_only: bool,
}

/// Runs what waits for the server where it may wait: the client can't be used on a thread of an asynchronous runtime, and
/// callers of an engine need not know. Within one it is done on a thread of its own, which costs a few microseconds beside
/// a round trip.
pub(crate) fn apart<T: Send>(work: impl FnOnce() -> T + Send) -> T {
    if tokio::runtime::Handle::try_current().is_err() {
        return work();
    }
    let joined = std::thread::scope(|scope| scope.spawn(work).join());
    joined.unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}

impl Drop for Conn {
    /// Saying good-bye waits for the server too.
    fn drop(&mut self) {
        if let Some(client) = self.client.take() {
            apart(move || drop(client));
        }
    }
}

/// One connection.
pub(crate) struct Conn {
    /// Taken when it is dropped, and never before.
    client: Option<Client>,
    prepared: HashMap<String, Statement>,
    /// Set by a warning of the server: a commit that was cut short while it waited for its standby says so.
    warned: Arc<AtomicBool>,
    /// Rows changed so far.
    pub(crate) changes: u64,
    /// Rows that are written later.
    later: Later,
}

impl Conn {
    /// Connects to whichever host accepts writes, and sees to it that a commit waits for the flush.
    pub(crate) fn open(reach: &Reach) -> Result<Self> {
        let warned = Arc::new(AtomicBool::new(false));
        let mut config = reach.config.clone();
        let flag = Arc::clone(&warned);
        config.notice_callback(move |notice| {
            if notice.severity() == "WARNING" {
                flag.store(true, Ordering::SeqCst);
            }
        });
        let mut client = config.connect(reach.tls.clone()).map_err(|e| db(&e))?;
        // `local` or `off` in a role's settings would acknowledge what one machine alone has, or none. And a plan without a
        // choice counts as so dear that the server would translate it into machine code first, a tenth of a second each time.
        client
            .batch_execute(
                "SET synchronous_commit = on; SET client_min_messages = warning; SET lock_timeout = 0; SET jit = off",
            )
            .and_then(|()| client.batch_execute(&missed()))
            .map_err(|e| db(&e))?;
        if reach.reads_only {
            client.batch_execute("SET default_transaction_read_only = on").map_err(|e| db(&e))?;
        }
        Ok(Self {
            client: Some(client),
            prepared: HashMap::new(),
            warned,
            changes: 0,
            later: Later::default(),
        })
    }

    /// From now on single rows are looked for: a plan that was made while a table was empty must not read all of it.
    pub(crate) fn look_for_rows(&mut self) -> Result<()> {
        self.say("SET enable_seqscan = off; SET enable_hashjoin = off; SET enable_mergejoin = off")
    }

    /// The same for a writer. One that is to be alone holds a lock of its session; the server gives it back when the
    /// connection ends, however it ends. Of one that has just ended it may not know yet: that is waited for.
    pub(crate) fn open_to_write(reach: &Reach, alone: bool) -> Result<Self> {
        let mut conn = Self::open(reach)?;
        let begun = Instant::now();
        while alone && !conn.lock()? {
            if begun.elapsed() > limits::TAKEN_WAIT {
                return Err(taken());
            }
            std::thread::sleep(limits::TAKEN_LOOK);
        }
        Ok(conn)
    }

    /// Takes the lock of the one writer; `false` where another session has it.
    pub(crate) fn lock(&mut self) -> Result<bool> {
        let held = self.first("SELECT pg_try_advisory_lock($1)", p![WRITER_LOCK], |r| get::<bool>(r, 0))?;
        Ok(held == Some(true))
    }

    /// Gives that lock back, so that whoever opens next need not wait until the server has seen this session end.
    pub(crate) fn unlock(&mut self) {
        // Not given back here, it is when the session ends.
        let _ = self.run("SELECT pg_advisory_unlock($1)", p![WRITER_LOCK]);
    }

    fn statement(&mut self, sql: &str) -> Result<Statement> {
        if let Some(known) = self.prepared.get(sql) {
            return Ok(known.clone());
        }
        if self.prepared.len() >= limits::PREPARED_STATEMENTS {
            self.prepared.clear();
        }
        let client = self.client()?;
        let statement = apart(|| client.prepare(sql)).map_err(|e| db(&e))?;
        self.prepared.insert(sql.to_owned(), statement.clone());
        Ok(statement)
    }

    /// Runs a statement; the number of rows it changed.
    pub(crate) fn run(&mut self, sql: &str, params: Params<'_>) -> Result<u64> {
        self.catch_up()?;
        let statement = self.statement(sql)?;
        let client = self.client()?;
        let changed = apart(|| client.execute(&statement, params)).map_err(|e| db(&e))?;
        self.changes += changed;
        Ok(changed)
    }

    /// First row, if any.
    pub(crate) fn first<T>(
        &mut self,
        sql: &str,
        params: Params<'_>,
        read: impl FnOnce(&Row) -> Result<T>,
    ) -> Result<Option<T>> {
        self.catch_up()?;
        let statement = self.statement(sql)?;
        let client = self.client()?;
        let row = apart(|| client.query_opt(&statement, params)).map_err(|e| db(&e))?;
        row.map(|row| read(&row)).transpose()
    }

    /// All rows.
    pub(crate) fn all<T>(
        &mut self,
        sql: &str,
        params: Params<'_>,
        read: impl FnMut(&Row) -> Result<T>,
    ) -> Result<Vec<T>> {
        self.catch_up()?;
        let statement = self.statement(sql)?;
        let client = self.client()?;
        let rows = apart(|| client.query(&statement, params)).map_err(|e| db(&e))?;
        rows.iter().map(read).collect()
    }

    /// Runs statements without parameters.
    pub(crate) fn batch(&mut self, sql: &str) -> Result<()> {
        self.catch_up()?;
        self.say(sql)
    }

    /// A request of a batch begins. `apart`: it is undone alone where it fails.
    pub(crate) fn begin_request(&mut self, apart: bool) {
        self.later.begin(apart);
    }

    /// It ends. Where it is not kept, nothing of it is left.
    pub(crate) fn end_request(&mut self, kept: bool) -> Result<()> {
        self.later.end(kept).map_or(Ok(()), |words| self.say(words))
    }

    /// Writes a row, before anything else is said.
    pub(crate) fn later(&mut self, table: Table, row: Values) -> Result<()> {
        match self.later.put(table, row) {
            Place::Waits => Ok(()),
            Place::Full => self.catch_up(),
            Place::AtOnce(row) => {
                self.catch_up()?;
                self.write(table, &[row])
            }
        }
    }

    /// Writes the rows that wait.
    fn catch_up(&mut self) -> Result<()> {
        for due in self.later.due() {
            match due {
                Due::Words(words) => self.say(words)?,
                Due::Rows(table, rows) => self.write(table, &rows)?,
            }
        }
        Ok(())
    }

    fn write(&mut self, table: Table, rows: &[Values]) -> Result<()> {
        let Self { client, later, .. } = self;
        let client = client.as_mut().ok_or_else(no_connection)?;
        self.changes += apart(|| later.write(client, table, rows))?;
        Ok(())
    }

    /// Undoes the transaction.
    pub(crate) fn roll_back(&mut self) -> Result<()> {
        self.later.forget();
        self.say("ROLLBACK")
    }

    /// The same, whatever waits to be written.
    pub(crate) fn say(&mut self, sql: &str) -> Result<()> {
        let client = self.client()?;
        apart(|| client.batch_execute(sql)).map_err(|e| db(&e))
    }

    /// Commits, and is sure of it: a wait for the standby that was broken off is an error, though the server committed.
    pub(crate) fn commit(&mut self) -> Result<()> {
        self.warned.store(false, Ordering::SeqCst);
        self.batch("COMMIT")?;
        if self.warned.swap(false, Ordering::SeqCst) {
            return Err(EngineError::Storage("the commit may not have reached its standby".to_owned()));
        }
        Ok(())
    }

    /// Does something in a transaction of its own.
    pub(crate) fn transaction<T>(&mut self, work: impl FnOnce(&mut Self) -> Result<T>) -> Result<T> {
        self.within("BEGIN", work)
    }

    /// Reads several times of one state.
    pub(crate) fn snapshot<T>(&mut self, work: impl FnOnce(&mut Self) -> Result<T>) -> Result<T> {
        self.within("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY", work)
    }

    fn within<T>(&mut self, begin: &str, work: impl FnOnce(&mut Self) -> Result<T>) -> Result<T> {
        self.batch(begin)?;
        match work(self) {
            Ok(done) => self.commit().map(|()| done),
            Err(error) => {
                // Where the connection is gone the server rolls back by itself.
                let _ = self.roll_back();
                Err(error)
            }
        }
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.client.as_ref().is_none_or(Client::is_closed)
    }

    pub(crate) fn client(&mut self) -> Result<&mut Client> {
        self.client.as_mut().ok_or_else(no_connection)
    }
}

pub(crate) fn no_connection() -> EngineError {
    EngineError::Storage("no connection to PostgreSQL".to_owned())
}

/// A pool's way to make connections.
pub(crate) struct Readers(pub(crate) Reach);

/// Why a reader could not be had, for the pool.
#[derive(Debug)]
pub(crate) struct Unreachable(pub(crate) EngineError);

impl std::fmt::Display for Unreachable {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

impl std::error::Error for Unreachable {}

impl r2d2::ManageConnection for Readers {
    type Connection = Conn;
    type Error = Unreachable;

    fn connect(&self) -> std::result::Result<Conn, Unreachable> {
        Conn::open(&self.0).map_err(Unreachable)
    }

    fn is_valid(&self, conn: &mut Conn) -> std::result::Result<(), Unreachable> {
        conn.batch("").map_err(Unreachable)
    }

    fn has_broken(&self, conn: &mut Conn) -> bool {
        conn.is_closed()
    }
}

/// A column's value.
pub(crate) fn get<'a, T: FromSql<'a>>(row: &'a Row, column: usize) -> Result<T> {
    row.try_get(column).map_err(|_| EngineError::Corrupt("row"))
}

/// A stored word as a value.
pub(crate) fn word<T>(row: &Row, column: usize, parse: impl Fn(&str) -> Option<T>) -> Result<T> {
    parse(get::<&str>(row, column)?).ok_or(EngineError::Corrupt("row"))
}

/// A stored count.
pub(crate) fn count(row: &Row, column: usize) -> Result<u64> {
    get::<i64>(row, column).map(i64::cast_unsigned)
}

/// A stored small count.
pub(crate) fn small<T: TryFrom<i64>>(row: &Row, column: usize) -> Result<T> {
    T::try_from(get::<i64>(row, column)?).map_err(|_| EngineError::Corrupt("row"))
}

/// A stored time.
pub(crate) fn time(row: &Row, column: usize) -> Result<Timestamp> {
    at_us(get(row, column)?)
}

/// A stored time, or none.
pub(crate) fn maybe_time(row: &Row, column: usize) -> Result<Option<Timestamp>> {
    get::<Option<i64>>(row, column)?.map(at_us).transpose()
}

/// A stored digest.
pub(crate) fn digest(row: &Row, column: usize) -> Result<Checksum> {
    get::<&[u8]>(row, column)?.try_into().map_err(|_| EngineError::Corrupt("digest"))
}

/// Microseconds as a time.
pub(crate) fn at_us(us: i64) -> Result<Timestamp> {
    Timestamp::from_microsecond(us).map_err(|_| EngineError::Corrupt("time"))
}
