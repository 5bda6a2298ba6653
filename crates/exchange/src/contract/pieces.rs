//! Clause 13.

use super::{Place, accept, hours, id, letter, start};
use crate::effects::{Effects, Piece, PieceKind, StoredOutput, Translation, TranslationDigests};
use crate::engine::{Engine, retention};
use crate::error::EngineError;
use crate::message::{Checksum, NewMessage, Staged};
use crate::work::{NewWork, WorkKind};
use jiff::SignedDuration;
use sha2::{Digest, Sha256};

fn stage(engine: &dyn Engine, mut bytes: &[u8]) -> Staged {
    engine.stage(&mut bytes, 1 << 20).expect("stages")
}

/// A translation in pieces: two of outputs (five and two) and one of the ledger.
fn in_pieces(engine: &dyn Engine, words: [&str; 3]) -> Translation {
    let piece = |kind, first, count, bytes: &str| Piece {
        kind,
        first,
        count,
        content: stage(engine, bytes.as_bytes()),
    };
    Translation {
        adapter: "table".to_owned(),
        ledger: b"{}".to_vec(),
        issues: b"[]".to_vec(),
        pieces: vec![
            piece(PieceKind::Outputs, 0, 5, words[0]),
            piece(PieceKind::Outputs, 5, 2, words[1]),
            piece(PieceKind::Ledger, 0, 9, words[2]),
        ],
        ..Translation::default()
    }
}

/// Clause 13: what is too large for memory is kept in pieces that are durable before the translation names them,
/// read one at a time, verified, and gone with the translation; outputs of any other are read one at a time too.
pub fn translation_in_pieces(place: &dyn Place) {
    let engine = place.open().expect("opens");
    for name in ["BIG", "SMALL"] {
        let mut one = accept(NewMessage::new(id(name), "A99990", "http"), b"x");
        one.effects.work = vec![NewWork::new(WorkKind::Translate, "")];
        engine.accept(one, start()).expect("accepts");
    }
    let minute = SignedDuration::from_mins(1);
    let leases = engine.claim(WorkKind::Translate, None, "w", minute, 2, start()).expect("claims");
    let made = in_pieces(&*engine, ["one", "two", "items"]);
    let output = |name: &str| StoredOutput {
        name: name.to_owned(),
        media_type: "text/plain".to_owned(),
        bytes: name.as_bytes().to_vec(),
    };
    let small = Translation { outputs: vec![output("a"), output("bc")], ..Translation::default() };
    let ends = [made.clone(), small.clone()]
        .map(|translation| Effects { translation: Some(translation), ..Effects::default() });
    for ended in engine.complete_all(leases.into_iter().zip(ends).collect(), start()) {
        ended.expect("completes");
    }
    // Staged and given up: gone. Named meanwhile: stays.
    let given_up = stage(&*engine, b"given up");
    engine.unstage(&[given_up, made.pieces[0].content]).expect("gives up");
    let late = Effects {
        translation: Some(Translation {
            pieces: vec![Piece { kind: PieceKind::Outputs, first: 0, count: 1, content: given_up }],
            ..Translation::default()
        }),
        ..Effects::default()
    };
    assert!(engine.apply(&id("SMALL"), late, start()).is_err(), "nothing names what is not there");
    drop(engine);

    let engine = place.open().expect("opens again");
    let (big, little) = (id("BIG"), id("SMALL"));
    let kept = engine.translation(&big).expect("reads").expect("there");
    assert_eq!(kept, made);
    assert_eq!(kept.output_count(), 7);
    let head = engine.translation_head(&big).expect("reads").expect("there");
    assert_eq!((head.output_count(), head.outputs.len()), (7, 0));
    let read = |kind, number| engine.piece(&big, kind, number).expect("reads");
    assert_eq!(read(PieceKind::Outputs, 1).as_deref(), Some(b"two".as_slice()));
    assert_eq!(read(PieceKind::Ledger, 0).as_deref(), Some(b"items".as_slice()));
    assert_eq!((read(PieceKind::Outputs, 2), read(PieceKind::Ledger, 1)), (None, None));
    assert_eq!(engine.output(&big, 0), Ok(None), "its outputs are in pieces");

    let head = engine.translation_head(&little).expect("reads").expect("there");
    assert_eq!(
        head.outputs.iter().map(|o| (o.name.as_str(), o.size)).collect::<Vec<_>>(),
        [("a", 1), ("bc", 2)]
    );
    assert!(head.translation.outputs.is_empty());
    let digests = engine.translation_digests(&little).expect("reads").expect("there");
    let digest = |bytes: &[u8]| Checksum::from(Sha256::digest(bytes));
    let outputs: Vec<Checksum> = small.outputs.iter().map(|o| digest(&o.bytes)).collect();
    assert_eq!(digests, TranslationDigests { outputs, issues: digest(&small.issues) });
    let digests = engine.translation_digests(&big).expect("reads").expect("there");
    assert!(digests.outputs.is_empty(), "its outputs are in pieces");
    assert_eq!(engine.output(&little, 1), Ok(Some(output("bc"))));
    assert_eq!((engine.output(&little, 2), engine.output(&little, u64::MAX)), (Ok(None), Ok(None)));
    assert_eq!(engine.translation(&little).expect("reads"), Some(small));
    assert!(matches!(engine.piece(&id("NONE"), PieceKind::Ledger, 0), Err(EngineError::NotFound(_))));

    // A new translation replaces the pieces.
    let work = vec![NewWork::new(WorkKind::Translate, "")];
    engine.replay(&big, work, "a person", "better mapping", hours(1)).expect("replays");
    let lease = engine.claim(WorkKind::Translate, None, "w", minute, 1, hours(1)).expect("claims").remove(0);
    let again = in_pieces(&*engine, ["one", "other", "items"]);
    let effects = Effects { translation: Some(again.clone()), ..Effects::default() };
    engine.complete(&lease, effects, hours(1)).expect("completes");
    assert_eq!(engine.translation(&big).expect("reads"), Some(again));
    let report = engine.verify().expect("verifies");
    assert!(report.is_clean() && report.messages == 2);

    // The first events of a message and of those derived from it, within bounds.
    let copies = (0..3).map(|n| {
        let mut copy = accept(letter(&format!("COPY{n}")), b"x");
        copy.message.linked = Some(big.clone());
        copy
    });
    engine
        .apply(&big, Effects { messages: copies.collect(), ..Effects::default() }, hours(2))
        .expect("derives");
    let whole = engine.timeline(&big).expect("timeline");
    assert_eq!(engine.timeline_start(&big, 100).expect("timeline"), whole);
    let start = engine.timeline_start(&big, 2).expect("timeline");
    let derived: Vec<_> = start.iter().filter(|e| e.message != big).map(|e| e.message.as_str()).collect();
    assert_eq!(derived, ["COPY0", "COPY1"]);
    assert_eq!(start[0], whole[0]);
    assert!(start.len() < whole.len());

    assert_eq!(engine.purge(retention(), hours(24 * 32)).expect("purges"), 2);
    assert_eq!(engine.piece(&big, PieceKind::Outputs, 0), Ok(None));
}
