//! The key that hides people in queues: made at random, in a file of its own, never with the data, never silently again.

use causeway_core::NhsNumber;
use causeway_service::AppState;
use causeway_service::config::Config;

use crate::line_adapter::ADAPTERS;
use crate::support::*;

fn digest(world: &World) -> String {
    world.state(open_config()).person_digest(NhsNumber::parse("9990000018").unwrap())
}

#[test]
fn it_has_a_file_of_its_own_and_outlives_the_process() {
    let (world, other) = (World::new(), World::new());
    let first = digest(&world);
    assert_eq!(first, digest(&world), "the same after a restart");
    assert_ne!(first, digest(&other), "another exchange hides the same person otherwise");
    let path = world.directory.join("person.key");
    let text = std::fs::read_to_string(&path).unwrap();
    assert!(text.len() == 64 && text.bytes().all(|b| b.is_ascii_hexdigit()));
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    }
    assert!(world.engine().configs("service").unwrap().is_empty(), "nothing of it is in the database");
    let left = std::fs::read_dir(&world.directory).unwrap().flatten();
    let left = left.filter(|e| e.file_name().to_string_lossy().starts_with("person.key")).count();
    assert_eq!(left, 1, "no draft stays behind");
}

#[test]
fn a_key_that_was_in_the_database_moves_out_of_it() {
    let world = World::new();
    let document = format!("{{\"key\":\"{}\"}}", "ab".repeat(32));
    let engine = world.engine();
    let now = "2026-10-10T10:00:00Z".parse().unwrap();
    engine.put_config("service", "person-key", Some(&document), Some(0), "causeway", now).unwrap();
    drop(engine);
    let first = digest(&world);
    assert!(world.engine().configs("service").unwrap().is_empty());
    assert_eq!(first, digest(&world));
}

#[tokio::test(flavor = "multi_thread")]
async fn data_without_their_key_are_not_opened() {
    let world = World::new();
    let server = world.serve(open_config()).await;
    send(&server, AGNES).await;
    server.stop().await.unwrap();
    let path = world.directory.join("person.key");
    let key = std::fs::read_to_string(&path).unwrap();
    let open = || {
        let config = Config { data_directory: world.directory.clone(), ..open_config() };
        let record = causeway_record::Record::open(world.directory.join("record.db")).unwrap();
        AppState::new(config, world.engine(), std::sync::Arc::new(record), ADAPTERS)
    };
    for wrong in [None, Some(""), Some("not a key")] {
        match wrong {
            None => std::fs::remove_file(&path).unwrap(),
            Some(text) => std::fs::write(&path, text).unwrap(),
        }
        assert!(open().is_err(), "{wrong:?}");
    }
    std::fs::write(&path, key).unwrap();
    assert!(open().is_ok());
}
