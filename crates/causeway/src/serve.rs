//! `causeway serve`: the exchange as one process.

use std::future::Future;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use causeway_broker::traces::Traces;
use causeway_exchange::Engine;
use causeway_service::app::Service;
use causeway_service::config::Config;
use causeway_service::pages::pack::Packs;
use causeway_service::state::{Adapters, Shared};
use causeway_service::{bulk, delivery, mesh, mllp, nrl, scaip, tls};
use causeway_store::{Options, Store};
use tokio::net::TcpListener;

use crate::opening::{Opened, folder, open_both};
use crate::{conform, keep, waiting};

/// A service ready to serve, with the address it listens on.
pub struct Ready {
    /// The service.
    pub service: Service,
    /// What it works with.
    pub state: Shared,
    listener: TcpListener,
    engine: Arc<dyn Engine>,
    data: PathBuf,
    /// Its address.
    pub address: std::net::SocketAddr,
    superseded: Option<Arc<AtomicBool>>,
}

/// Makes an evidence pack of an exchange and its data directory, as one archive.
pub type Pack = fn(&dyn Engine, &Path) -> Result<Vec<u8>, String>;

impl Ready {
    /// Lets the pages of the demonstration give evidence packs away.
    #[must_use]
    pub fn packing(mut self, pack: Pack) -> Self {
        let (engine, data) = (self.engine.clone(), self.data.clone());
        self.service = self.service.evidence(Packs::new(Box::new(move || pack(&*engine, &data))));
        self
    }
}

impl std::fmt::Debug for Ready {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Ready({})", self.address)
    }
}

/// Opens the data directory, binds the address and puts the service together. On PostgreSQL it waits its turn before: see
/// [`crate::waiting`].
///
/// # Errors
/// A sentence that says what could not be done.
pub async fn prepare(config: Config, adapters: Adapters) -> Result<Ready, String> {
    prepare_checked(config, adapters, &|_| Ok(())).await
}

/// The same, where the configuration holds: `check` is given the names of the endpoints kept with the data.
///
/// # Errors
/// As [`prepare`], and what `check` says.
pub async fn prepare_checked(
    config: Config,
    adapters: Adapters,
    check: &dyn Fn(&[String]) -> Result<(), String>,
) -> Result<Ready, String> {
    let data = config.data_directory.clone();
    let bind = || async {
        let bound = TcpListener::bind(&config.listen).await;
        bound.map_err(|e| format!("{}: {e}", config.listen))
    };
    let (opened, listener) = match &config.postgres {
        None => (open_both(config.clone(), adapters)?, None),
        Some(settings) => {
            folder(&data)?;
            let socket = bind().await?.into_std().map_err(|e| format!("{}: {e}", config.listen))?;
            let opened = waiting::opened(&config, settings, adapters, check, &socket).await?;
            (opened, Some(TcpListener::from_std(socket).map_err(|e| format!("{}: {e}", config.listen))?))
        }
    };
    let Opened { state, superseded, engine, .. } = opened;
    let kept = state.engine.configs(delivery::config::DOCUMENT).map_err(|e| said(&data, &e))?;
    check(&kept.into_iter().map(|(name, ..)| name).collect::<Vec<_>>())?;
    let listener = match listener {
        Some(listener) => listener,
        None => bind().await?,
    };
    let address = listener.local_addr().map_err(|e| e.to_string())?;
    if let Some(settings) = &config.traces {
        state.trace_with(Traces::start(settings, Arc::clone(&state.counters)).await?);
    }
    let durability = state.engine.durability();
    tracing::info!(
        %address,
        data = %data.display(),
        engine = durability.engine,
        mode = durability.mode,
        durable = durability.durable,
        flush_p50_us = durability.flush_p50_us,
        "ready"
    );
    let board = conform::board(config.providers, &data)?;
    let mut service = Service::new(state.clone());
    for settings in config.mllp_listeners {
        let listener =
            TcpListener::bind(&settings.listen).await.map_err(|e| format!("{}: {e}", settings.listen))?;
        tracing::info!(address = settings.listen, sender = settings.sender, "MLLP listener");
        service = service.task(move |state, stop| mllp::serve(state, stop, listener, settings, None));
    }
    if let Some(settings) = config.mesh {
        service = service.door(mesh::router(mesh::open(settings, &state).map_err(|e| e.to_string())?));
    }
    service = service.door(nrl::router(nrl::open(config.nrl, &state).map_err(|e| e.to_string())?));
    service = service.door(bulk::router(bulk::open(config.research, &state)?));
    for settings in config.scaip_listeners {
        let listener =
            TcpListener::bind(&settings.listen).await.map_err(|e| format!("{}: {e}", settings.listen))?;
        let wrap = settings.tls.as_ref().map(tls::wrap).transpose().map_err(|e| e.to_string())?;
        tracing::info!(address = settings.listen, sender = settings.sender, "SCAIP listener");
        service = service.task(move |state, stop| scaip::serve(state, stop, listener, settings, wrap));
    }
    Ok(Ready { service: service.onboarding(board), state, listener, engine, data, address, superseded })
}

/// Whether no other process has the data: an error where one has.
///
/// # Errors
/// A sentence that says so.
pub fn lock(data: &Path) -> Result<(), String> {
    let exchange = data.join(keep::EXCHANGE);
    drop(Store::open(Options::new(exchange)).map_err(|e| said(data, &e))?);
    Ok(())
}

fn said(data: &Path, error: &dyn std::fmt::Display) -> String {
    format!("data directory {}: {error}", data.display())
}

impl Ready {
    /// Serves until `shutdown` is ready, then drains. Ends too where another broker has taken the database over: its record
    /// has what this one's lacks.
    ///
    /// # Errors
    /// Where the listener fails, and where another broker has taken over.
    pub async fn run(self, shutdown: impl Future<Output = ()> + Send + 'static) -> io::Result<()> {
        let Some(superseded) = self.superseded else {
            return self.service.serve(self.listener, shutdown).await;
        };
        let seen = Arc::clone(&superseded);
        let end = async move {
            tokio::select! {
                () = shutdown => {}
                () = set(&seen) => tracing::error!("another broker has taken over the database; this one ends"),
            }
        };
        self.service.serve(self.listener, end).await?;
        if superseded.load(Ordering::SeqCst) {
            return Err(io::Error::other(
                "another broker has taken over the database: to be started again, as one that waits its turn",
            ));
        }
        Ok(())
    }
}

/// Pause between two looks at whether another broker has taken over.
const LOOK: Duration = Duration::from_millis(200);

/// Ready once a flag is set.
async fn set(flag: &AtomicBool) {
    while !flag.load(Ordering::SeqCst) {
        tokio::time::sleep(LOOK).await;
    }
}

/// Ready when the process is asked to end: ctrl-c or SIGTERM.
pub async fn asked_to_end() {
    let interrupt = tokio::signal::ctrl_c();
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        match signal(SignalKind::terminate()) {
            Ok(mut terminate) => {
                tokio::select! {
                    _ = interrupt => {}
                    _ = terminate.recv() => {}
                }
            }
            Err(_) => drop(interrupt.await),
        }
    }
    #[cfg(not(unix))]
    drop(interrupt.await);
}
