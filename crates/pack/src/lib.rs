//! Texts kept small: what the exchange and the record store is packed where that makes it smaller.
//!
//! A packed text is one frame of Zstandard (RFC 8878) with a dictionary of what translations say again and again:
//! profiles, code systems, names of elements. A resource of 1,300 bytes is about 300 then, which no method does without
//! a dictionary, as hardly anything comes twice in one resource. Frames name their dictionary; **a dictionary that was
//! ever released stays**, for what was packed with it can be read with nothing else.

use std::cell::RefCell;
use std::io;
use std::sync::LazyLock;

use zstd::bulk::{Compressor, Decompressor};
use zstd::dict::{DecoderDictionary, EncoderDictionary};
use zstd::zstd_safe;

/// Number 32769: trained on the translated messages of invented people by `zstd --train --maxdict=32768
/// --dictID=32769`, one resource a file.
const DICTIONARY: &[u8] = include_bytes!("../data/1.zdict");

/// The fastest level that has no special mode: higher ones make 4 % less of a resource.
const LEVEL: i32 = 1;

/// What is shorter is not packed: it would hardly get smaller.
const SHORTEST: usize = 64;

/// How a frame begins (RFC 8878, 3.1.1). No text in UTF-8 begins so, as its second byte begins none.
const MAGIC: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];

static PACKING: LazyLock<EncoderDictionary<'static>> =
    LazyLock::new(|| EncoderDictionary::copy(DICTIONARY, LEVEL));
static UNPACKING: LazyLock<DecoderDictionary<'static>> =
    LazyLock::new(|| DecoderDictionary::copy(DICTIONARY));

/// What a thread packs with, and the room that it packs into.
struct Packer {
    compressor: Compressor<'static>,
    room: Vec<u8>,
}

thread_local! {
    static PACKER: RefCell<Option<Packer>> = const { RefCell::new(None) };
    static UNPACKER: RefCell<Option<Decompressor<'static>>> = const { RefCell::new(None) };
}

/// Packed, where that is smaller; `None` where it is not.
#[must_use]
pub fn pack(bytes: &[u8]) -> Option<Vec<u8>> {
    if bytes.len() < SHORTEST {
        return None;
    }
    PACKER.with_borrow_mut(|kept| {
        let packer = match kept {
            Some(packer) => packer,
            None => {
                let compressor = Compressor::with_prepared_dictionary(&PACKING).ok()?;
                kept.insert(Packer { compressor, room: Vec::new() })
            }
        };
        packer.room.clear();
        packer.room.reserve(zstd_safe::compress_bound(bytes.len()));
        packer.compressor.compress_to_buffer(bytes, &mut packer.room).ok()?;
        let packed = (packer.room.len() < bytes.len()).then(|| packer.room.clone());
        if packer.room.capacity() > ROOM_KEPT {
            packer.room = Vec::new();
        }
        packed
    })
}

/// Room that a thread keeps for the next text, in bytes.
const ROOM_KEPT: usize = 1 << 20;

/// Whether a text, which in itself is UTF-8, is packed.
#[must_use]
pub fn is_packed(bytes: &[u8]) -> bool {
    bytes.starts_with(&MAGIC)
}

/// The text of what was packed, up to `most` bytes.
///
/// # Errors
/// It is no frame, is damaged, names a dictionary that this program has not, or would be longer.
pub fn unpack(packed: &[u8], most: usize) -> io::Result<Vec<u8>> {
    let size = zstd_safe::get_frame_content_size(packed).ok().flatten();
    let size = size.and_then(|size| usize::try_from(size).ok()).filter(|size| *size <= most);
    let size = size.ok_or_else(|| io::Error::from(io::ErrorKind::InvalidData))?;
    UNPACKER.with_borrow_mut(|kept| {
        let unpacker = match kept {
            Some(unpacker) => unpacker,
            None => kept.insert(Decompressor::with_prepared_dictionary(&UNPACKING)?),
        };
        unpacker.decompress(packed, size)
    })
}

/// The texts of all frames in some bytes: for whoever looks for a text that must not be there.
pub fn texts_in(bytes: &[u8]) -> impl Iterator<Item = Vec<u8>> {
    let begins = bytes.windows(MAGIC.len()).enumerate().filter(|(_, start)| **start == MAGIC);
    begins.filter_map(|(at, _)| {
        let rest = bytes.get(at..)?;
        let size = zstd_safe::find_frame_compressed_size(rest).ok()?;
        unpack(rest.get(..size)?, SEARCHED_MOST).ok()
    })
}

/// Bytes of a text that [`texts_in`] looks at.
const SEARCHED_MOST: usize = 1 << 26;

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = r#"{"resourceType":"Observation","id":"2ff47e1f-2dfc-58e9-8523-5d69150403d3","meta":{"profile":
        ["https://fhir.hl7.org.uk/StructureDefinition/UKCore-Observation"]},"status":"final","code":{"coding":
        [{"system":"http://snomed.info/sct","code":"1022541000000102"}]},"valueQuantity":{"value":1.50}}"#;

    #[test]
    fn what_was_packed_comes_back_to_the_byte() {
        let long = TEXT.repeat(5_000);
        for text in [TEXT, &long, &"x".repeat(SHORTEST), &"µ".repeat(ROOM_KEPT)] {
            let packed = pack(text.as_bytes()).expect("smaller");
            assert!(packed.len() * 3 < text.len() * 2 && is_packed(&packed) && !is_packed(text.as_bytes()));
            assert_eq!(unpack(&packed, text.len()).expect("unpacks"), text.as_bytes());
            assert!(unpack(&packed, text.len() - 1).is_err(), "longer than allowed");
        }
    }

    #[test]
    fn what_is_packed_anywhere_in_a_file_is_found() {
        let (one, other) = (pack(TEXT.as_bytes()).expect("smaller"), pack(&[b'x'; 100]).expect("smaller"));
        let file = [b"\x28\xb5\x2f\xfd page ".as_slice(), &one, b"between", &other, b"\x28\xb5"].concat();
        let found: Vec<_> = texts_in(&file).collect();
        assert_eq!(found, [TEXT.as_bytes().to_vec(), vec![b'x'; 100]]);
    }

    #[test]
    fn what_gets_no_smaller_is_left() {
        // Numbers of a generator: nothing comes twice.
        let mut number = 1_u64;
        let random: Vec<u8> = std::iter::repeat_with(|| {
            number = number.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (number >> 56) as u8
        })
        .take(4_096)
        .collect();
        assert_eq!(pack(&random), None);
        assert_eq!(pack(b"short"), None);
    }

    #[test]
    fn what_is_damaged_is_refused_and_harms_nothing_after() {
        let packed = pack(TEXT.as_bytes()).expect("smaller");
        let mut short = packed.clone();
        short.truncate(packed.len() - 1);
        for damaged in [&short[..], b"", b"\x28\xb5\x2f\xfd", TEXT.as_bytes()] {
            assert!(unpack(damaged, usize::MAX).is_err());
        }
        assert_eq!(unpack(&packed, TEXT.len()).expect("unpacks"), TEXT.as_bytes());
    }

    /// Packed by the first version of this program.
    #[test]
    fn what_was_packed_by_an_earlier_program_is_read() {
        let packed = include_bytes!("../data/packed-by-1.zst");
        assert_eq!(unpack(packed, TEXT.len()).expect("unpacks"), TEXT.as_bytes());
    }
}
