//! Framing, in every portion that a network may deliver.

use causeway_hl7v2::mllp::{Decoder, Oversize, encode};

fn all(decoder: &mut Decoder) -> Vec<Result<Vec<u8>, Oversize>> {
    let mut out = Vec::new();
    loop {
        match decoder.frame() {
            Ok(None) => return out,
            Ok(Some(frame)) => out.push(Ok(frame)),
            Err(error) => out.push(Err(error)),
        }
    }
}

fn stream() -> Vec<u8> {
    let mut bytes = b"\r\nnoise".to_vec();
    encode(b"MSH|1\rPID|1", &mut bytes);
    encode(b"MSH|2", &mut bytes);
    bytes.extend_from_slice(b"\x0bMSH|broken");
    encode(b"MSH|3", &mut bytes);
    bytes.extend_from_slice(b"\x0bMSH|4\rPID|\x0bM|\x0b\x0b\x1c\r");
    bytes
}

#[test]
fn pipelined_frames_in_portions_of_any_size() {
    let expected: Vec<Result<Vec<u8>, Oversize>> =
        [&b"MSH|1\rPID|1"[..], b"MSH|2", b"MSH|broken\x0b", b"MSH|3", b"MSH|4\rPID|\x0bM|\x0b\x0b"]
            .iter()
            .map(|f| Ok(f.to_vec()))
            .collect();
    let bytes = stream();
    for size in 1..=bytes.len() {
        let mut decoder = Decoder::new(100);
        let mut found = Vec::new();
        for portion in bytes.chunks(size) {
            decoder.extend(portion);
            found.extend(all(&mut decoder));
        }
        assert_eq!(found, expected, "portions of {size}");
        assert_eq!(decoder.discarded(), 5, "noise");
        assert!(!decoder.is_midway());
    }
}

#[test]
fn an_oversized_frame_is_told_once_and_its_neighbours_arrive() {
    let mut bytes = Vec::new();
    encode(&[b'x'; 50], &mut bytes);
    encode(b"MSH|good", &mut bytes);
    for size in [1, 7, bytes.len()] {
        let mut decoder = Decoder::new(20);
        let mut found = Vec::new();
        for portion in bytes.chunks(size) {
            decoder.extend(portion);
            found.extend(all(&mut decoder));
        }
        assert_eq!(found, [Err(Oversize { max: 20 }), Ok(b"MSH|good".to_vec())], "portions of {size}");
    }
}

#[test]
fn a_frame_that_never_ends_is_seen() {
    let mut decoder = Decoder::default();
    decoder.extend(b"\x0bMSH|");
    assert_eq!(decoder.frame(), Ok(None));
    assert!(decoder.is_midway());
}

#[test]
fn the_encoder_never_breaks_its_own_frame() {
    let mut bytes = Vec::new();
    encode(b"a\x0bb\x1cc", &mut bytes);
    assert_eq!(bytes, b"\x0babc\x1c\r");
}
