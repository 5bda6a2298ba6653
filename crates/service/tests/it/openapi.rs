//! The OpenAPI document has every address and method that the router serves, and none more.

use std::collections::{BTreeMap, BTreeSet};

use causeway_service::openapi::{OPERATIONS, document};
use causeway_service::testing::TestServer;
use causeway_service::{Service, bulk, mesh, nrl};

use crate::disclosures::{addresses, exchange};
use crate::support::*;

/// Addresses written in another way that lead to the same.
fn is_double(address: &str) -> bool {
    address.contains("%24")
}

#[tokio::test(flavor = "multi_thread")]
async fn every_address_and_method_is_there_and_none_more() {
    let world = World::new();
    let state = world.state(open_config());
    let service = Service::new(state.clone())
        .door(mesh::router(mesh::open(exchange(), &state).unwrap()))
        .door(nrl::router(nrl::open(nrl::Settings::default(), &state).unwrap()))
        .door(bulk::router(bulk::open(bulk::Settings::default(), &state).unwrap()));
    let served: BTreeSet<String> =
        addresses(&service.router()).into_iter().filter(|a| !is_double(a)).collect();
    let mut documented: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for (path, method, ..) in OPERATIONS {
        assert!(documented.entry(path).or_default().insert(method), "{method} {path} stands twice");
    }
    let named: BTreeSet<String> = documented.keys().map(|p| (*p).to_owned()).collect();
    assert_eq!(served.difference(&named).collect::<Vec<_>>(), Vec::<&String>::new(), "not documented");
    assert_eq!(
        named.difference(&served).collect::<Vec<_>>(),
        Vec::<&String>::new(),
        "documented and not served"
    );
    // Method by method: what is not there is answered 405.
    let server = TestServer::start_service(state, service).await.unwrap();
    let mut asked = 0;
    for (path, methods) in &documented {
        let filled: String = path
            .split('{')
            .map(|p| p.split_once('}').map_or(p.to_owned(), |(_, rest)| format!("1{rest}")))
            .collect();
        for method in ["get", "post", "put", "delete", "patch"] {
            let reply =
                call(&server, &method.to_uppercase(), &filled, &[("Accept", "application/json")], b"").await;
            let there = reply.status != 405;
            assert_eq!(there, methods.contains(method), "{method} {path} answered {}", reply.status);
            asked += 1;
        }
    }
    assert!(asked > 300, "{asked}");
    server.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_document_is_served_and_its_references_resolve() {
    let world = World::new();
    let server = world.serve(closed_config()).await;
    let served = get(&server, "/openapi.json").await.json();
    assert_eq!(served, document());
    assert_eq!(served["openapi"], "3.1.0");
    let text = served.to_string();
    for reference in text.split("\"$ref\":\"#").skip(1).filter_map(|part| part.split('"').next()) {
        assert!(served.pointer(reference).is_some(), "{reference}");
    }
    server.stop().await.unwrap();
}
