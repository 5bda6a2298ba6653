//! Content on its way: headers, compression, chunks and their retries, large bodies.

use std::io::{Read, Write};

use causeway_service::mesh::{MeshConfig, Mode};
use flate2::Compression;
use flate2::read::MultiGzDecoder;
use flate2::write::GzEncoder;

use crate::client::{KEY, Mesh, PASSWORD, V1, config, said};
use crate::support::{Reply, logged, open_config};

fn packed(text: &[u8]) -> Vec<u8> {
    let mut packer = GzEncoder::new(Vec::new(), Compression::default());
    packer.write_all(text).unwrap();
    packer.finish().unwrap()
}

/// The content of an answer: chunked transfer coding and gzip undone.
fn content(reply: &Reply) -> Vec<u8> {
    let mut body = reply.body.clone();
    if reply.header("transfer-encoding") == Some("chunked") {
        let mut whole = Vec::new();
        let mut rest = body.as_slice();
        while let Some(line) = rest.windows(2).position(|w| w == b"\r\n") {
            let size = usize::from_str_radix(std::str::from_utf8(&rest[..line]).unwrap(), 16).unwrap();
            if size == 0 {
                break;
            }
            whole.extend_from_slice(&rest[line + 2..line + 2 + size]);
            rest = &rest[line + 2 + size + 2..];
        }
        body = whole;
    }
    if reply.header("content-encoding") == Some("gzip") {
        let mut unpacked = Vec::new();
        MultiGzDecoder::new(body.as_slice()).read_to_end(&mut unpacked).unwrap();
        return unpacked;
    }
    body
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_sender_says_comes_out_again() {
    let mesh = Mesh::new(Mode::Strict).await;
    let sent = [
        ("Mex-LocalID", "local#1"),
        ("Mex-PartnerID", "partner"),
        ("Mex-Subject", "Gr\u{fc}\u{df}e"),
        ("Mex-FileName", "letter.txt"),
        ("Mex-Content-Checksum", "sha256: ab"),
        ("Mex-Content-Encrypted", "yes"),
        ("Mex-Content-Compressed", "no"),
        ("Content-Type", "text/plain; charset=UTF-8"),
    ];
    let id = mesh.send("W", &sent, b"text").await;
    let reply = mesh.get("B1", &format!("/inbox/{id}")).await;
    for (name, value) in [
        ("mex-from", "A1"),
        ("mex-to", "B1"),
        ("mex-workflowid", "W"),
        ("mex-chunk-range", "1:1"),
        ("mex-total-chunks", "1"),
        ("mex-addresstype", "ALL"),
        ("mex-localid", "local#1"),
        ("mex-partnerid", "partner"),
        ("mex-subject", "Gr\u{fc}\u{df}e"),
        ("mex-filename", "letter.txt"),
        ("mex-version", "1.0"),
        ("mex-messagetype", "DATA"),
        ("mex-messageid", id.as_str()),
        ("mex-statuscode", "00"),
        ("mex-statusevent", "TRANSFER"),
        ("mex-statussuccess", "SUCCESS"),
        ("mex-content-encrypted", "Y"),
        ("mex-content-checksum", "sha256: ab"),
        ("content-type", "text/plain; charset=UTF-8"),
    ] {
        assert_eq!(reply.header(name), Some(value), "{name}");
    }
    assert_eq!(reply.header("mex-content-compressed"), None);
    assert!(reply.header("last-modified").is_some_and(|t| t.ends_with("GMT")));
    let plain = mesh.ask("B1", "GET", &format!("/inbox/{id}"), &[("Accept", V1)], b"").await;
    assert_eq!(plain.header("content-type"), Some("application/octet-stream"));
    let unnamed = mesh.send("W", &[], b"text").await;
    let head = mesh.ask("B1", "HEAD", &format!("/inbox/{unnamed}"), &[], b"").await;
    assert_eq!(head.header("mex-filename"), Some(format!("{unnamed}.dat").as_str()));
}

#[tokio::test(flavor = "multi_thread")]
async fn compression() {
    let mesh = Mesh::new(Mode::Strict).await;
    let gzip = [("Accept-Encoding", "deflate, gzip")];
    let text = "plain text ".repeat(2_000).into_bytes();
    let plain = mesh.send("W", &[], &text).await;
    let path = format!("/inbox/{plain}");
    let reply = mesh.ask("B1", "GET", &path, &gzip, b"").await;
    assert_eq!(reply.header("content-encoding"), Some("gzip"));
    assert_eq!(content(&reply), text);
    assert!(reply.body.len() < text.len());
    let reply = mesh.ask("B1", "GET", &path, &[("Accept", V1), gzip[0]], b"").await;
    assert_eq!((reply.header("content-encoding"), reply.body.as_slice()), (None, text.as_slice()));
    // What is tiny, or gets no smaller, goes as it is.
    let noise: Vec<u8> =
        (0..20_000u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8 ^ (n % 251) as u8).collect();
    let noise = packed(&noise);
    for body in [&b"tiny"[..], &noise] {
        let id = mesh.send("W", &[], body).await;
        let reply = mesh.ask("B1", "GET", &format!("/inbox/{id}"), &gzip, b"").await;
        assert_eq!((reply.header("content-encoding"), reply.body.as_slice()), (None, body));
    }

    // Each chunk is a member of its own, as it was sent.
    let encoded = [("Content-Encoding", "gzip"), ("Mex-Chunk-Range", "1:2")];
    let id = mesh.send("W", &encoded, &packed(b"first ")).await;
    let second = [("Content-Encoding", "gzip"), ("Mex-Chunk-Range", "2:2")];
    let path = format!("/outbox/{id}/2");
    let changed = mesh.post("A1", &path, &second[1..], b"second").await;
    assert_eq!((changed.status, said(&changed).2.as_str()), (417, "cannot change content encoding"));
    assert_eq!(mesh.post("A1", &path, &second, &packed(b"second")).await.status, 202);
    for (number, text) in [(1, &b"first "[..]), (2, b"second")] {
        let path = format!("/inbox/{id}/{number}");
        let reply = mesh.ask("B1", "GET", &path, &gzip, b"").await;
        assert_eq!((reply.header("content-encoding"), content(&reply).as_slice()), (Some("gzip"), text));
        let reply = mesh.get("B1", &path).await;
        assert_eq!((reply.header("content-encoding"), content(&reply).as_slice()), (None, text));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn chunks_may_be_sent_again() {
    let mesh = Mesh::new(Mode::Strict).await;
    let id = mesh.send("W", &[("Mex-Chunk-Range", "1:3")], b"one").await;
    for _ in 0..2 {
        let reply = mesh.chunk(&id, "2:3", b"two").await;
        assert_eq!((reply.status, reply.body.as_slice()), (202, &b"null"[..]));
    }
    for (range, body, status) in [
        ("2:3", &b"TWO"[..], 417),
        ("2:4", b"two", 417),
        ("4:4", b"four", 406),
        ("3:2", b"three", 417),
        ("3:3", b"", 417),
    ] {
        assert_eq!(mesh.chunk(&id, range, body).await.status, status, "{range}");
    }
    assert_eq!(mesh.post("A1", &format!("/outbox/{id}/3"), &[], b"three").await.status, 417);
    assert_eq!(mesh.post("A1", &format!("/outbox/{id}/x"), &[], b"three").await.status, 400);
    assert_eq!(mesh.chunk("NOT-THERE", "2:3", b"two").await.status, 404);

    // The last one three times at once: one message. And once more, its answer having been lost.
    let last = || mesh.chunk(&id, "3:3", b"three");
    let three = tokio::join!(last(), last(), last());
    assert_eq!([three.0.status, three.1.status, three.2.status], [202; 3]);
    assert_eq!(mesh.inbox("B1").await, std::slice::from_ref(&id));
    assert_eq!(mesh.chunk(&id, "3:3", b"three").await.status, 202);
    let late = mesh.chunk(&id, "3:3", b"THREE").await;
    assert_eq!((late.status, said(&late).1.as_str()), (423, "Message already accepted"));
    assert_eq!(late.json()["message_id"], id.as_str());
    let path = format!("/outbox/{id}/3");
    let reply = mesh.post("A1", &path, &[("Accept", V1), ("Mex-Chunk-Range", "3:3")], b"three").await;
    assert_eq!(reply.json(), serde_json::json!({"messageID": id, "blockID": 3}));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_local_id_may_mean_a_retry() {
    let mesh =
        Mesh::of(MeshConfig { same_local_id_is_retry: true, ..config(Mode::Strict) }, open_config()).await;
    let headers = [("Mex-LocalID", "L1")];
    let send = || mesh.send("W", &headers, b"text");
    let (one, two, three) = tokio::join!(send(), send(), send());
    assert_eq!((&one, &one), (&two, &three));
    assert_eq!(mesh.inbox("B1").await, std::slice::from_ref(&one));
    // Other content is another message: local ids may repeat.
    let other = mesh.send("W", &headers, b"other").await;
    assert_eq!(mesh.inbox("B1").await, [one, other]);
}

#[tokio::test(flavor = "multi_thread")]
async fn large_bodies_are_streamed_whole() {
    let mesh = Mesh::new(Mode::Strict).await;
    let large: Vec<u8> = (0..3_000_000u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    let id = mesh.send("W", &[], &large).await;
    let reply = mesh.get("B1", &format!("/inbox/{id}")).await;
    assert_eq!(reply.header("content-length"), Some("3000000"));
    assert!(reply.body == large);
    let reply = mesh.ask("B1", "GET", &format!("/inbox/{id}"), &[("Accept-Encoding", "gzip")], b"").await;
    assert!(content(&reply) == large);
    assert_eq!(mesh.track(&id).await["status"], "accepted");

    let packed = packed(&large);
    let id = mesh.send("W", &[("Content-Encoding", "gzip")], &packed).await;
    assert!(content(&mesh.get("B1", &format!("/inbox/{id}")).await) == large);
    let reply = mesh.ask("B1", "GET", &format!("/inbox/{id}"), &[("Accept-Encoding", "gzip")], b"").await;
    assert!(reply.body == packed);
}

/// What does not unpack is handed out as it came: it blocks no inbox.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_gzip_is_handed_out_as_stored() {
    for mode in [Mode::Strict, Mode::Sandbox] {
        let mesh = Mesh::new(mode).await;
        let whole = packed(b"A letter about a walking frame. ".repeat(40).as_slice());
        let (cut, tail) = whole.split_at(whole.len() - 20);
        let mut trailing = whole.clone();
        trailing.extend_from_slice(b"and more");
        let large: Vec<u8> = (0..600_000u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
        for body in [&[b'x'; 900][..], cut, tail, &trailing, &large] {
            let id = mesh.send("W", &[("Content-Encoding", "gzip")], body).await;
            let reply = mesh.get("B1", &format!("/inbox/{id}")).await;
            assert_eq!((reply.status, reply.header("content-encoding")), (200, Some("gzip")));
            assert!(reply.body == body);
        }
        // One stream that was cut into chunks, not each chunk a stream.
        let first = [("Content-Encoding", "gzip"), ("Mex-Chunk-Range", "1:2")];
        let id = mesh.send("W", &first, cut).await;
        let second = [("Content-Encoding", "gzip"), ("Mex-Chunk-Range", "2:2")];
        assert_eq!(mesh.post("A1", &format!("/outbox/{id}/2"), &second, tail).await.status, 202);
        for (number, body, status) in [(1, cut, 206), (2, tail, 200)] {
            let reply = mesh.get("B1", &format!("/inbox/{id}/{number}")).await;
            assert_eq!((reply.status, reply.header("content-encoding")), (status, Some("gzip")));
            assert!(reply.body == body);
        }
        let id = mesh.send("W", &[("Content-Encoding", "gzip")], &whole).await;
        let reply = mesh.get("B1", &format!("/inbox/{id}")).await;
        assert_eq!(reply.header("content-encoding"), None);
        assert!(content(&reply).starts_with(b"A letter"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn logs_hold_nothing_of_a_message() {
    let mesh = Mesh::new(Mode::Strict).await;
    let sent = [("Mex-Subject", "Quillfeather-subject"), ("Mex-LocalID", "Quillfeather-local")];
    mesh.send("W", &sent, b"Quillfeather-content").await;
    let by_name = [("Mex-To", "9990000018_07031942_Quillfeather"), ("Mex-WorkflowID", "W")];
    assert_eq!(mesh.post("A1", "/outbox", &by_name, b"text").await.status, 417);
    let logged = logged();
    for hidden in ["Quillfeather-", "9990000018_", KEY, PASSWORD] {
        assert!(!logged.contains(hidden), "{hidden}");
    }
}
