//! The adapter contract, and the numeric replies.

use causeway_adapter::contract::{Suite, project_root, test_context};
use causeway_adapter::translate;
use causeway_adapter_telecare_alarm::TelecareAlarm;

#[test]
fn keeps_the_contract() {
    Suite::new(&TelecareAlarm).folder("fixtures/telecare-alarm").check();
}

#[test]
fn replies_by_number() {
    for (case, number) in [
        ("fall-detector", "<snu>0</snu>"),
        ("pendant-scaip-root", "<snu>0</snu>"),
        ("heartbeat", "<snu>0</snu>"),
        ("missing-device-type", "<snu>7</snu>"),
        ("unknown-codes", "<snu>3</snu>"),
        ("entity-expansion", "<snu>2</snu>"),
        ("unclosed-tag", "<snu>2</snu>"),
        ("too-long", "<snu>1</snu>"),
    ] {
        let path = project_root().join("fixtures/telecare-alarm").join(case).join("input.xml");
        let input = std::fs::read(path).expect("fixture");
        let translation = translate(&TelecareAlarm, &input, &test_context());
        let reply = translation.acknowledgement.map(|a| a.bytes).unwrap_or_default();
        let reply = String::from_utf8(reply).expect("UTF-8");
        assert!(reply.contains(number), "{case}: {reply}");
    }
}

#[test]
fn what_is_larger_than_any_alarm_is_not_read() {
    let of = |notes: usize| {
        let many = "<ico>x</ico>".repeat(notes);
        translate(
            &TelecareAlarm,
            format!("<mrq><ref>5</ref><cid>12</cid><dty>0003</dty>{many}</mrq>").as_bytes(),
            &test_context(),
        )
    };
    let said = |t: &causeway_adapter::Translation| {
        (
            t.acknowledgement.as_ref().map(|a| a.positive),
            t.issues.iter().any(|i| i.rule == "scaip-message-too-long"),
            t.ledger.len(),
        )
    };
    let (alarm, flood) = (of(5_000), of(6_000));
    assert_eq!((said(&alarm).0, said(&alarm).1), (Some(true), false));
    assert!(said(&alarm).2 > 5_000);
    assert_eq!(said(&flood), (Some(false), true, 1), "one item: the whole input");
}

#[test]
fn codes_are_numbers_whatever_their_zeros() {
    let run = |dty: &str, stc: &str, lco: &str| {
        let text =
            format!("<mrq><ref>5</ref><cid>12</cid><dty>{dty}</dty><stc>{stc}</stc><lco>{lco}</lco></mrq>");
        let found = translate(&TelecareAlarm, text.as_bytes(), &test_context());
        let reply = found.acknowledgement.map(|a| a.bytes).unwrap_or_default();
        let json = found.outputs.first().map(|o| String::from_utf8_lossy(&o.json).into_owned());
        (String::from_utf8(reply).expect("UTF-8"), json.unwrap_or_default())
    };
    let (full, bundle) = run("0003", "0010", "011");
    assert!(full.contains("<snu>0</snu>"));
    let codes = |json: &str| {
        ["Personal trigger", "Manual alarm", "Bathroom"].map(|words| json.matches(words).count())
    };
    for (dty, stc, lco) in [("3", "10", "11"), ("03", "010", "0011"), ("003", "0010", "11")] {
        let (reply, json) = run(dty, stc, lco);
        assert_eq!(reply, full, "{dty} {stc}");
        assert_eq!(codes(&json), codes(&bundle), "{dty} {stc} {lco}");
    }
    // The unit itself, as most makers name it.
    for dty in ["2", "02", "0002"] {
        let (reply, json) = run(dty, "010", "2");
        assert_eq!(reply, full, "{dty}");
        assert!(json.contains("Local unit and controller"), "{dty}");
    }
    for (dty, stc) in [("3x", "10"), ("+3", "10"), ("9999", "10"), ("3", "1O")] {
        assert!(run(dty, stc, "11").0.contains("<snu>3</snu>"), "{dty} {stc}");
    }
}

#[test]
fn a_retransmission_is_the_same_observation() {
    let input = b"<mrq><ref>5</ref><cid>12</cid><dty>0003</dty><stc>0010</stc></mrq>";
    let first = translate(&TelecareAlarm, input, &test_context());
    let mut later = test_context();
    later.received = "2026-11-03T10:00:00Z".parse().expect("a time");
    let second = translate(&TelecareAlarm, input, &later);
    assert_eq!(first.outputs[0].id, second.outputs[0].id);
}
