//! A server with the locator, and somebody who asks by way of a gateway.

use causeway_locator::Store;
use causeway_service::nrl::{self, Settings};
use causeway_service::testing::TestServer;
use causeway_service::{Config, Service};
use serde_json::json;

use crate::support::*;

/// A server whose gateway is the operator `ZZ900`, that speaks for everybody.
pub async fn server(world: &World, settings: Settings) -> TestServer {
    serve(world, closed_config(), settings).await
}

pub async fn serve(world: &World, config: Config, settings: Settings) -> TestServer {
    let state = world.state(config);
    let settings = Settings { gateways: vec!["ZZ900".to_owned()], ..settings };
    let door = nrl::router(nrl::open(settings, &state).unwrap());
    TestServer::start_service(state.clone(), Service::new(state).door(door)).await.unwrap()
}

/// The server's pointers, from beside it.
pub fn store(world: &World) -> Store {
    Store::open(world.directory.join("pointers.sqlite")).unwrap()
}

/// Id of a request, where a test says no other.
pub const REQUEST: &str = "60E0B220-8136-4CA5-AE46-1D97EF59D068";

/// An organisation that asks.
pub struct Asks {
    pub who: String,
    pub types: Vec<String>,
    pub permissions: Vec<String>,
    /// Id of its requests.
    pub request: &'static str,
}

impl Asks {
    pub fn of(who: &str, types: &[&str]) -> Self {
        let types = types.iter().map(|t| (*t).to_owned()).collect();
        Self { who: who.to_owned(), types, permissions: Vec::new(), request: REQUEST }
    }

    pub async fn call(&self, server: &TestServer, method: &str, path: &str, body: &[u8]) -> Reply {
        let (code, extension) = match self.who.split_once('.') {
            Some((code, extension)) => (code, Some(extension)),
            None => (self.who.as_str(), None),
        };
        let metadata = json!({
            "nrl.ods-code": code, "nrl.ods-code-extension": extension, "nrl.app-id": "app-1",
            "nrl.permissions": self.permissions, "nrl.pointer-types": self.types,
        });
        let application = json!({"developer.app.name": "Test", "developer.app.id": "app-1"}).to_string();
        let metadata = metadata.to_string();
        let headers = [
            ("Authorization", "Bearer token-900"),
            ("NHSD-Connection-Metadata", metadata.as_str()),
            ("NHSD-Client-RP-Details", application.as_str()),
            ("X-Request-Id", self.request),
            ("NHSD-Correlation-Id", "corr-1"),
            ("Content-Type", "application/json"),
        ];
        call(server, method, path, &headers, body).await
    }
}
