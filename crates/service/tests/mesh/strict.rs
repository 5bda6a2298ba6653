//! What the specification demands and the published sandbox lets pass.

use causeway_service::mesh::{MeshConfig, Mode, TokenMemory};

use crate::client::{Mesh, V2, config, ids, said, serve, token_at};
use crate::support::{World, call, open_config};

const SHAKE: [(&str, &str); 3] = [("Mex-ClientVersion", "1"), ("Mex-OSName", "x"), ("Mex-OSVersion", "1")];

async fn shake(mesh: &Mesh, token: &str) -> crate::support::Reply {
    let mut headers = vec![("Authorization", token), ("Accept", V2)];
    headers.extend_from_slice(&SHAKE);
    call(&mesh.server, "POST", "/messageexchange/A1", &headers, b"").await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_is_good_once() {
    let mesh = Mesh::new(Mode::Strict).await;
    let token = mesh.token("A1");
    assert_eq!(shake(&mesh, &token).await.status, 200);
    let again = shake(&mesh, &token).await;
    assert_eq!((again.status, said(&again).2.as_str()), (403, "Error Duplicated Authentication Token"));
    assert_eq!(shake(&mesh, &mesh.token("A1")).await.status, 200);

    // The same request three times at once: one message.
    let token = mesh.token("A1");
    let headers = [("Authorization", token.as_str()), ("Mex-To", "B1"), ("Mex-WorkflowID", "W")];
    let send = || call(&mesh.server, "POST", "/messageexchange/A1/outbox", &headers, b"once");
    let three = tokio::join!(send(), send(), send());
    let mut statuses = [three.0.status, three.1.status, three.2.status];
    statuses.sort_unstable();
    assert_eq!(statuses, [202, 403, 403]);
    assert_eq!(mesh.inbox("B1").await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn failed_sign_ins_are_slowed_and_a_mailbox_that_got_in_goes_on() {
    let mesh = Mesh::new(Mode::Strict).await;
    assert_eq!(shake(&mesh, &mesh.token("A1")).await.status, 200);
    let mut statuses = Vec::new();
    for count in 0..16 {
        let good = token_at("B1", count, 0);
        let wrong = format!("{}0", &good[..good.len() - 1].replace('0', "1"));
        let headers = [("Authorization", wrong.as_str()), ("Accept", V2)];
        statuses.push(call(&mesh.server, "GET", "/messageexchange/B1/inbox", &headers, b"").await.status);
    }
    assert_eq!(statuses[..5], [403; 5], "a few are free");
    assert_eq!(statuses.last(), Some(&429), "{statuses:?}");
    // Whoever got in from there before goes on, and after a while so does the other.
    assert_eq!(shake(&mesh, &mesh.token("A1")).await.status, 200);
    mesh.server.state.clock.advance(jiff::SignedDuration::from_mins(2)).unwrap();
    assert_eq!(mesh.get("B1", "/inbox").await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_used_token_stays_used_over_a_restart() {
    for token_memory in [TokenMemory::Engine, TokenMemory::Journal, TokenMemory::Auto] {
        let world = World::new();
        let mesh = || MeshConfig { token_memory, ..config(Mode::Strict) };
        let token = token_at("A1", 1, 0);
        let headers = [("Authorization", token.as_str())];
        let mut statuses = Vec::new();
        for _ in 0..2 {
            let server = serve(&world, open_config(), mesh()).await;
            statuses.push(call(&server, "GET", "/messageexchange/A1/inbox", &headers, b"").await.status);
            server.stop().await.unwrap();
        }
        assert_eq!(statuses, [200, 403], "{token_memory:?}");
    }
}

/// The journal of used tokens flushes none of its own: after another start of the machine it can't know which tokens
/// of the last minutes were used, and refuses them all.
#[tokio::test(flavor = "multi_thread")]
async fn after_a_power_cut_no_token_that_may_have_been_used_is_good() {
    // In the place of a token's minute: the record names the start of the machine (`journal`).
    const BOOT: i64 = i64::MIN;
    let world = World::new();
    let inbox = async |token: &str| {
        let server = serve(&world, open_config(), config(Mode::Strict)).await;
        let headers = [("Authorization", token), ("Accept", V2)];
        let reply = call(&server, "GET", "/messageexchange/A1/inbox", &headers, b"").await;
        server.stop().await.unwrap();
        (reply.status, said(&reply).2)
    };
    assert_eq!(inbox(&token_at("A1", 1, 0)).await.0, 200);
    let path = world.directory.join("mesh-tokens.log");
    let mut journal = std::fs::read(&path).unwrap();
    journal.extend(BOOT.to_be_bytes());
    journal.extend([7; 8]);
    std::fs::write(&path, journal).unwrap();
    let refused = (403, "Invalid Authentication Token".to_owned());
    // Neither one that was used nor one that was not.
    assert_eq!(inbox(&token_at("A1", 1, 0)).await, refused);
    assert_eq!(inbox(&token_at("A1", 2, 0)).await, refused);
    // Some minutes later tokens are good again, once.
    let later = token_at("A1", 3, 5);
    assert_eq!(inbox(&later).await.0, 200);
    assert_eq!(inbox(&later).await, (403, "Error Duplicated Authentication Token".to_owned()));
}

#[tokio::test(flavor = "multi_thread")]
async fn anothers_message_is_not_acknowledged() {
    for mode in [Mode::Strict, Mode::Sandbox] {
        let mesh = Mesh::new(mode).await;
        let id = mesh.send("W", &[], b"text").await;
        assert_eq!(mesh.acknowledge("C1", &id).await.status, 403, "{mode:?}");
        assert_eq!(mesh.acknowledge("A1", &id).await.status, 403, "{mode:?}");
        for none in ["20260302090000000000_00C0DE", "no-id-at-all!"] {
            assert_eq!(mesh.acknowledge("B1", none).await.status, 404, "{mode:?}");
        }
        assert_eq!(mesh.inbox("B1").await, std::slice::from_ref(&id));
        assert_eq!(mesh.acknowledge("B1", &id).await.status, 200, "{mode:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_is_good_within_two_hours() {
    let mesh = Mesh::new(Mode::Strict).await;
    for (minutes, status) in [(-118, 200), (118, 200), (-122, 403), (122, 403)] {
        let reply = shake(&mesh, &token_at("A1", 7, minutes)).await;
        assert_eq!(reply.status, status, "{minutes}");
    }
    // The exchange's time may be moved for a test; the clients' clocks stay.
    mesh.travel("{\"days\": 4}").await;
    assert_eq!(shake(&mesh, &mesh.token("A1")).await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_with_a_missing_chunk_waits_for_it() {
    let mesh = Mesh::new(Mode::Strict).await;
    let id = mesh.send("W", &[("Mex-Chunk-Range", "1:3")], b"one ").await;
    assert_eq!(mesh.chunk(&id, "3:3", b"three").await.status, 202);
    assert_eq!(mesh.inbox("B1").await, Vec::<String>::new());
    assert_eq!(mesh.track(&id).await["status"], "uploading");
    assert_eq!(mesh.get("B1", &format!("/inbox/{id}")).await.status, 410);
    assert_eq!(mesh.acknowledge("B1", &id).await.status, 410);
    assert_eq!(mesh.chunk(&id, "2:3", b"two ").await.status, 202);
    assert_eq!(mesh.inbox("B1").await, std::slice::from_ref(&id));
    let mut whole = Vec::new();
    for (number, status) in [(1, 206), (2, 206), (3, 200)] {
        let reply = mesh.get("B1", &format!("/inbox/{id}/{number}")).await;
        assert_eq!(reply.status, status);
        assert_eq!(reply.header("mex-chunk-range"), Some(format!("{number}:3").as_str()));
        whole.extend(reply.body);
    }
    assert_eq!(whole, b"one two three");
    assert_eq!(mesh.get("B1", &format!("/inbox/{id}/4")).await.status, 404);
    assert_eq!(mesh.get("B1", &format!("/inbox/{id}/0")).await.status, 400);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_acknowledged_is_gone() {
    let mesh = Mesh::new(Mode::Strict).await;
    let id = mesh.send("W", &[], b"text").await;
    assert_eq!(mesh.get("B1", &format!("/inbox/{id}")).await.body, b"text");
    assert_eq!(mesh.get("B1", &format!("/inbox/{id}")).await.status, 200);
    assert_eq!(mesh.acknowledge("B1", &id).await.status, 200);
    assert_eq!(mesh.get("B1", &format!("/inbox/{id}")).await.status, 410);
    // Idempotent, and it never comes back.
    assert_eq!(mesh.acknowledge("B1", &id.to_lowercase()).await.status, 200);
    assert_eq!(mesh.inbox("B1").await, Vec::<String>::new());
    assert_eq!(mesh.track(&id).await["status"], "acknowledged");
    assert_eq!(mesh.get("B1", "/count").await.json()["count"], 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn workflows_must_be_registered() {
    let mesh = Mesh::new(Mode::Strict).await;
    for (from, to, workflow, status, code) in [
        ("A1", "B1", "OTHER", 403, "17"),
        ("A1", "C1", "W2", 417, "17"),
        ("A1", "NOBODY", "W", 417, "12"),
        ("A1", "OFF", "W", 417, "12"),
        ("B1", "A1", "W", 403, "17"),
        ("B1", "A1", "W_ACK", 202, ""),
        ("A1", "C1", "W", 202, ""),
    ] {
        let headers = [("Mex-To", to), ("Mex-WorkflowID", workflow)];
        let reply = mesh.post(from, "/outbox", &headers, b"text").await;
        assert_eq!((reply.status, said(&reply).1.as_str()), (status, code), "{from} {to} {workflow}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn uncollected_messages_expire_with_one_report() {
    let mesh = Mesh::new(Mode::Strict).await;
    let headers = [("Mex-LocalID", "L1"), ("Mex-Subject", "about something")];
    let id = mesh.send("W", &headers, b"text").await;
    mesh.travel("{\"days\": 4, \"hours\": 23}").await;
    assert_eq!(mesh.inbox("B1").await, std::slice::from_ref(&id));
    mesh.travel("{\"hours\": 1, \"minutes\": 1}").await;
    assert_eq!(mesh.inbox("B1").await, Vec::<String>::new());
    assert_eq!(mesh.get("B1", &format!("/inbox/{id}")).await.status, 410);
    let tracked = mesh.track(&id).await;
    assert_eq!(tracked["status"], "undeliverable");
    assert_eq!((&tracked["status_success"], &tracked["status_code"]), (&false.into(), &"14".into()));

    let [report] = mesh.inbox("A1").await.try_into().unwrap();
    let reply = mesh.get("A1", &format!("/inbox/{report}")).await;
    assert_eq!((reply.status, reply.body.len()), (200, 0));
    for (name, value) in [
        ("mex-messagetype", "REPORT"),
        ("mex-chunk-range", "1:0"),
        ("mex-linkedmsgid", id.as_str()),
        ("mex-to", "A1"),
        ("mex-localid", "L1"),
        ("mex-statuscode", "14"),
        ("mex-statusevent", "SEND"),
        ("mex-statusdescription", "Message not collected by recipient after 5 days"),
        ("mex-statussuccess", "ERROR"),
        ("mex-subject", "NDR: about something"),
        ("content-length", "0"),
    ] {
        assert_eq!(reply.header(name), Some(value), "{name}");
    }
    assert_eq!(reply.header("mex-from"), None);

    // A second round makes no second one, and a report that nobody collects makes none about itself.
    mesh.travel("{\"minutes\": 1}").await;
    assert_eq!(mesh.inbox("A1").await, [report]);
    mesh.travel("{\"days\": 6}").await;
    assert_eq!(mesh.inbox("A1").await, Vec::<String>::new());
    assert_eq!(ids(&mesh.get("A1", "/inbox/rich").await.json()).len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn content_is_deleted_after_thirty_days() {
    let mesh = Mesh::new(Mode::Strict).await;
    let id = mesh.send("W", &[], b"text").await;
    assert_eq!(mesh.acknowledge("B1", &id).await.status, 200);
    let kept = causeway_exchange::MessageId::new(&id).unwrap();
    let (_, engine) = mesh.server.state.behind();
    mesh.travel("{\"days\": 29}").await;
    assert_eq!(engine.content(&kept, 10).unwrap().bytes, b"text");
    mesh.travel("{\"days\": 2}").await;
    assert_eq!(engine.content(&kept, 10), Err(causeway_exchange::EngineError::ContentDeleted));
    // What happened to it is still known.
    assert_eq!(mesh.track(&id).await["status"], "acknowledged");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_inactive_mailbox_is_closed() {
    let mesh = Mesh::new(Mode::Strict).await;
    let reply = mesh.get("OFF", "/inbox").await;
    assert_eq!((reply.status, said(&reply).2.as_str()), (403, "Request Received from Inactive Mailbox"));
}

#[tokio::test(flavor = "multi_thread")]
async fn another_mailboxes_message_is_not_shown() {
    let mesh = Mesh::new(Mode::Strict).await;
    let id = mesh.send("W", &[], b"text").await;
    assert_eq!(mesh.get("C1", &format!("/inbox/{id}")).await.status, 403);
    assert_eq!(mesh.ask("C1", "HEAD", &format!("/inbox/{id}"), &[], b"").await.status, 404);
    assert_eq!(mesh.ask("A1", "HEAD", &format!("/inbox/{id}"), &[], b"").await.status, 200);
    assert_eq!(mesh.get("C1", &format!("/outbox/tracking?messageID={id}")).await.status, 404);
    assert_eq!(mesh.acknowledge("C1", &id).await.status, 403);
    assert_eq!(mesh.acknowledge("A1", &id).await.status, 403);
    assert_eq!(mesh.inbox("B1").await, std::slice::from_ref(&id));
    let upload = mesh.send("W", &[("Mex-Chunk-Range", "1:2")], b"1").await;
    let foreign = [("Mex-Chunk-Range", "2:2")];
    assert_eq!(mesh.post("C1", &format!("/outbox/{upload}/2"), &foreign, b"2").await.status, 403);
    assert_eq!(mesh.get("B1", "/inbox/NOT-THERE").await.status, 404);
    assert_eq!(mesh.get("B1", "/inbox/not%20an%20id").await.status, 404);

    // The token is for the mailbox in the address.
    let token = mesh.token("A1");
    let headers = [("Authorization", token.as_str()), ("Accept", V2)];
    let reply = call(&mesh.server, "GET", "/messageexchange/B1/inbox", &headers, b"").await;
    assert_eq!((reply.status, said(&reply).2.as_str()), (403, "Mailbox id does not match token"));
    let reply = call(&mesh.server, "GET", "/messageexchange/B1/inbox", &[("Accept", V2)], b"").await;
    assert_eq!((reply.status, said(&reply).2.as_str()), (403, "Error reading from Authorization header"));
    let reply = mesh.get("NOBODY", "/inbox").await;
    assert_eq!((reply.status, said(&reply).1.as_str()), (403, "EPL-151"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mailbox_may_want_its_certificate() {
    let mesh = Mesh::new(Mode::Strict).await;
    let reply = mesh.get("CERT", "/inbox").await;
    assert_eq!(
        (reply.status, said(&reply).2.as_str()),
        (403, "Client certificate does not belong to mailbox")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn administration_needs_a_test() {
    let mut service = open_config();
    service.test_mode = false;
    let mesh = Mesh::of(config(Mode::Strict), service).await;
    for (method, path) in [
        ("DELETE", "/admin/reset"),
        ("GET", "/admin/mailbox/A1"),
        ("POST", "/admin/time"),
        ("GET", "/admin/time"),
    ] {
        assert_eq!(call(&mesh.server, method, path, &[], b"{}").await.status, 404, "{path}");
    }
    let mut closed = config(Mode::Strict);
    closed.admin = false;
    let mesh = Mesh::of(closed, open_config()).await;
    assert_eq!(call(&mesh.server, "DELETE", "/admin/reset", &[], b"").await.status, 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn unfinished_uploads_of_one_organisation_have_bounds_and_an_end() {
    let mut service = open_config();
    (service.limits.uploads, service.limits.upload_bytes, service.limits.message_bytes) = (3, 400, 300);
    let mesh = Mesh::of(config(Mode::Strict), service).await;
    let begin = async |from: &str, to: &str, workflow: &str, bytes: usize| {
        let headers = [("Mex-To", to), ("Mex-WorkflowID", workflow), ("Mex-Chunk-Range", "1:9")];
        mesh.post(from, "/outbox", &headers, &vec![b'x'; bytes]).await
    };
    let refused = |reply: &crate::support::Reply| {
        let (_, _, text) = said(reply);
        assert_eq!(reply.status, 429, "{}", reply.text());
        assert!(
            text.starts_with("Too many unfinished uploads") && reply.header("retry-after").is_some(),
            "{text}"
        );
    };
    let mut begun = Vec::new();
    for _ in 0..3 {
        let reply = begin("A1", "B1", "W", 50).await;
        assert_eq!(reply.status, 202, "{}", reply.text());
        begun.push(reply.json()["message_id"].as_str().unwrap().to_owned());
    }
    // By count; another organisation has its own, and what is whole is not asked about.
    refused(&begin("A1", "B1", "W", 1).await);
    assert_eq!(begin("B1", "A1", "W_ACK", 1).await.status, 202);
    mesh.send("W", &[], &[b'y'; 500]).await;
    // One message has its limit, and all of them have one: 400 and the size of one message.
    for (number, status) in [(2, 202), (3, 202), (4, 413)] {
        let reply = mesh.chunk(&begun[0], &format!("{number}:9"), &[b'x'; 200]).await;
        assert_eq!(reply.status, status, "{}", reply.text());
    }
    assert_eq!(mesh.chunk(&begun[1], "2:9", &[b'x'; 200]).await.status, 202);
    refused(&mesh.chunk(&begun[2], "2:9", &[b'x'; 200]).await);
    // They end when nothing came for five days, and there is room again.
    mesh.travel("{\"days\": 5, \"seconds\": 1}").await;
    assert_eq!(begin("A1", "B1", "W", 50).await.status, 202);
}
