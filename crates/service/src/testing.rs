//! A whole service on a free port, for tests: `TestServer::start(state)`, then talk to [`TestServer::url`].

use std::net::SocketAddr;

use causeway_broker::state::Shared;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::app::Service;

/// A service that runs until it is stopped or dropped.
#[derive(Debug)]
pub struct TestServer {
    /// The state, to look behind the doors.
    pub state: Shared,
    address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    running: Option<JoinHandle<std::io::Result<()>>>,
}

impl TestServer {
    /// Starts the standard service.
    ///
    /// # Errors
    /// Where no port can be had.
    pub async fn start(state: Shared) -> std::io::Result<Self> {
        Self::start_service(state.clone(), Service::new(state)).await
    }

    /// Starts a service with further doors.
    ///
    /// # Errors
    /// Where no port can be had.
    pub async fn start_service(state: Shared, service: Service) -> std::io::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let address = listener.local_addr()?;
        let (stop, stopped) = oneshot::channel::<()>();
        let running = tokio::spawn(service.serve(listener, async move {
            drop(stopped.await);
        }));
        Ok(Self { state, address, stop: Some(stop), running: Some(running) })
    }

    /// Its address.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The URL of a path.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// Stops it and waits until it is drained.
    ///
    /// # Errors
    /// What [`Service::serve`] ended with.
    pub async fn stop(mut self) -> std::io::Result<()> {
        drop(self.stop.take());
        match self.running.take() {
            Some(running) => running.await.unwrap_or_else(|_| Err(std::io::ErrorKind::Other.into())),
            None => Ok(()),
        }
    }
}
