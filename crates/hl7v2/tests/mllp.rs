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

/// An end byte within a field, as text copied from a control system has it: with what follows it in the same portion it
/// is content; cut off from it, the frame ends there and the rest is kept.
#[test]
fn nothing_behind_an_end_byte_is_lost() {
    let read = |portions: &[&[u8]]| {
        let mut decoder = Decoder::default().keeping_strays();
        let mut found = Vec::new();
        for portion in portions {
            decoder.extend(portion);
            found.extend(all(&mut decoder).into_iter().flatten().map(|f| String::from_utf8(f).unwrap()));
            found.extend(
                decoder.strays().into_iter().map(|s| format!("stray {}", String::from_utf8(s).unwrap())),
            );
        }
        found.extend(decoder.rest().map(|s| format!("rest {}", String::from_utf8(s).unwrap())));
        found
    };
    for end in ["\x1c", "\x1c\r"] {
        let whole = format!("\x0bMSH|1\rOBX|Lung{end} clear|F\r\x1c\r\x0bMSH|2\r\x1c\r");
        let kept = format!("MSH|1\rOBX|Lung{end} clear|F\r");
        assert_eq!(read(&[whole.as_bytes()]), [kept.as_str(), "MSH|2\r"]);
        let (first, second) = whole.split_at(whole.find(" clear").unwrap());
        assert_eq!(
            read(&[first.as_bytes(), second.as_bytes()]),
            ["MSH|1\rOBX|Lung", "MSH|2\r", "stray  clear|F\r"]
        );
    }
    // Ends without CR, padding, a message without its start byte, and a rest that never ends.
    assert_eq!(read(&[b"\x0bMSH|1\x1c\x0bMSH|2\x1c"]), ["MSH|1", "MSH|2"]);
    assert_eq!(read(&[b"\x0bMSH|1\x1c\r\0\0 \n", b"\r\x0bMSH|2\x1c\r"]), ["MSH|1", "MSH|2"]);
    assert_eq!(read(&[b"\x0bMSH|1\x1cMSH|2\x1c\r"]), ["MSH|1", "stray MSH|2"]);
    assert_eq!(read(&[b"\x0bMSH|1\x1c\rlost"]), ["MSH|1", "rest lost"]);
    // What comes before the first frame is noise of a connection, not of a message.
    assert_eq!(read(&[b"GET / HTTP/1.1\r\n\r\n"]), [""; 0]);
    assert_eq!(read(&[b"noise\x0bMSH|1\x1c\r"]), ["MSH|1"]);
    assert_eq!(read(&[b"\nMS", b"H|1\rPID\x1c\rMSH|2\r"]), ["stray MSH|1\rPID", "rest MSH|2\r"]);
    // Without being asked nothing is kept, nor grows.
    let mut decoder = Decoder::default();
    decoder.extend(b"\x0bMSH|1\x1c\rlost\x0bMSH|2\x1c\r");
    assert_eq!(all(&mut decoder).len(), 2);
    assert_eq!((decoder.strays().len(), decoder.rest(), decoder.discarded()), (0, None, 4));
}

/// What can't be known yet is said, so that who reads from a line can wait for more.
#[test]
fn a_bare_end_byte_is_undecided_until_something_follows() {
    for (arrived, undecided) in [
        ("\x0bMSH|a", false),
        ("\x0bMSH|a\x1c", true),
        ("\x0bMSH|a\x1cb", true),
        ("\x0bMSH|a\x1cb|c\r", true),
        ("\x0bMSH|a\x1cb\x1c", false),
        ("\x0bMSH|a\x1c\r", false),
        ("\x0bMSH|a\x1c\x0b", false),
        ("\x0bMSH|a\x1cMSH|b", false),
        ("noise\x1c", false),
    ] {
        let mut decoder = Decoder::new(100);
        decoder.extend(arrived.as_bytes());
        assert_eq!(decoder.is_undecided(), undecided, "{arrived:?}");
    }
}
