//! What the writer and the readers share.

use crate::conn::{Conn, Reach, Readers, p};
use crate::fault::Result;
use crate::limits;
use crate::{Options, conn};
use causeway_exchange::EngineError;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Counters since open.
#[derive(Default)]
pub(crate) struct Stats {
    pub(crate) accepted: AtomicU64,
    pub(crate) duplicates: AtomicU64,
    pub(crate) acknowledged: AtomicU64,
    pub(crate) expired: AtomicU64,
    pub(crate) refused_space: AtomicU64,
    pub(crate) commits: AtomicU64,
    pub(crate) requests: AtomicU64,
    pub(crate) corrupt: AtomicU64,
}

/// Shared by all of an engine's threads.
pub(crate) struct Shared {
    pub(crate) options: Options,
    pub(crate) reach: Reach,
    pub(crate) readers: r2d2::Pool<Readers>,
    pub(crate) stats: Stats,
    /// Bytes that the database may still grow by, and when that was measured.
    size: Mutex<Option<(Instant, u64)>>,
    /// Number of this engine's reign, where it was opened alone.
    reign: Option<i64>,
    /// Set once another engine has begun to reign.
    pub(crate) superseded: Arc<AtomicBool>,
}

impl Shared {
    pub(crate) fn new(options: Options, reach: Reach, reign: Option<i64>) -> Result<Self> {
        let readers = r2d2::Pool::builder()
            .max_size(limits::READERS)
            .min_idle(Some(1))
            .connection_timeout(limits::CONNECT_WAIT)
            .build(Readers(reach.clone()))
            .map_err(|_| EngineError::Storage("PostgreSQL could not be reached".to_owned()))?;
        Ok(Self {
            options,
            reach,
            readers,
            stats: Stats::default(),
            size: Mutex::new(None),
            reign,
            superseded: Arc::default(),
        })
    }

    /// A connection of the pool.
    pub(crate) fn reader(&self) -> Result<r2d2::PooledConnection<Readers>> {
        self.readers.get().map_err(|_| EngineError::Storage("PostgreSQL could not be reached".to_owned()))
    }

    /// Reads with a connection of the pool.
    pub(crate) fn read<T: Send>(&self, work: impl FnOnce(&mut Conn) -> Result<T> + Send) -> Result<T> {
        conn::apart(|| work(&mut *self.reader()?))
    }

    /// Refuses to write where this engine was opened alone and another one reigns now: its leases and what it knows of the
    /// data are void. Once and for all.
    pub(crate) fn reigns(&self, now: i64) -> Result<()> {
        if self.reign.is_some_and(|own| own != now) {
            self.superseded.store(true, Ordering::SeqCst);
        }
        self.still_reigns()
    }

    /// The same by what is known.
    pub(crate) fn still_reigns(&self) -> Result<()> {
        if self.superseded.load(Ordering::SeqCst) {
            return Err(EngineError::Stopped("another broker has taken over the database".to_owned()));
        }
        Ok(())
    }

    /// Refuses to write where a standby is asked for and the server would acknowledge with one copy: Patroni takes the
    /// names away when no standby is left, unless it is strict.
    pub(crate) fn judge(&self, standbys: &str) -> Result<()> {
        if self.options.require_standby && standbys.trim().is_empty() {
            return Err(EngineError::Storage(
                "the server waits for no standby, and one is required".to_owned(),
            ));
        }
        Ok(())
    }

    /// Bytes that the database may still grow by.
    pub(crate) fn free(&self) -> Result<u64> {
        let Some(most) = self.options.bytes_max else { return Ok(u64::MAX) };
        let mut known = self.size.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((at, free)) = *known
            && at.elapsed() < Duration::from_secs(limits::SIZE_SECONDS)
        {
            return Ok(free);
        }
        let used = self
            .read(|c| c.first("SELECT pg_database_size(current_database())", p![], |r| conn::count(r, 0)))?
            .unwrap_or(u64::MAX);
        let free = most.saturating_sub(used);
        *known = Some((Instant::now(), free));
        Ok(free)
    }

    /// Refuses below the reserve.
    pub(crate) fn admit(&self) -> Result<()> {
        let (free, reserve) = (self.free()?, self.options.reserve);
        if free < reserve {
            self.stats.refused_space.fetch_add(1, Ordering::Relaxed);
            return Err(EngineError::SpaceLow { free, reserve });
        }
        Ok(())
    }

    pub(crate) fn corrupt(&self, what: &'static str) -> EngineError {
        self.stats.corrupt.fetch_add(1, Ordering::Relaxed);
        EngineError::Corrupt(what)
    }
}
