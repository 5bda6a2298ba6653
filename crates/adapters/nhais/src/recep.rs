//! RECEP: the receipt of an interchange, read and written.

use causeway_adapter::{Composer, Context};
use causeway_core::Leaf;
use causeway_edifact::{Message, Source, View, escape_into};
use causeway_fhir::Writer;
use causeway_fhir::types::identifier_body;

use crate::codes::{HA_CIPHER, RECEP, TRADING_PARTNER, unknown_code};
use crate::limits::NUMBER_DIGITS;
use crate::refusal::Refusal;
use crate::rules;
use crate::transaction::account;
use crate::transaction::moment;

/// What became of a message: its reference, and whether any of it was refused.
#[derive(Debug, Default)]
pub(crate) struct Verdict {
    pub reference: String,
    pub authority: String,
    pub gp: String,
    pub refused: bool,
}

impl Verdict {
    pub(crate) fn new(reference: &str) -> Self {
        Self { reference: reference.trim().to_owned(), ..Self::default() }
    }
}

/// Writes the receipt of an interchange: CP for a message that was taken, CA for one with anything refused; OK, ER
/// (some) or NA (none) for the whole. Its own numbers are those of the interchange, so that the same interchange gets
/// the same receipt.
pub(crate) fn write(out: &mut String, unb: &View<'_>, verdicts: &[Verdict], context: &Context) -> bool {
    let received = context.zone.to_datetime(context.received);
    let (long, short) = (received.strftime("%Y%m%d%H%M"), received.strftime("%y%m%d:%H%M"));
    let theirs = number(unb.text(5, 1).trim());
    let refused = verdicts.iter().filter(|v| v.refused).count();
    let whole = match refused {
        0 => "OK",
        all if all == verdicts.len() => "NA",
        _ => "ER",
    };
    let known = |f: fn(&Verdict) -> &str| verdicts.iter().map(f).find(|text| !text.is_empty()).unwrap_or("");
    let mut body = vec![
        "UNH+00000001+RECEP:0:2:FH".to_owned(),
        format!("BGM++600+243:{long}:306+64"),
        format!("NHS+{}:819:201+{}:814:202", escaped(known(|v| &v.authority)), escaped(known(|v| &v.gp))),
        format!("DTM+815:{long}:306"),
    ];
    for verdict in verdicts {
        let word = if verdict.refused { "CA" } else { "CP" };
        body.push(format!("RFF+MIS:{} {word}", escaped(&number(&verdict.reference))));
    }
    body.push(format!("RFF+RIS:{} {whole}:{}", escaped(&theirs), verdicts.len()));
    body.push(format!("UNT+{}+00000001", body.len() + 1));
    if !out.is_empty() {
        out.push('\n');
    }
    let (sender, recipient) = (escaped(unb.text(3, 1)), escaped(unb.text(2, 1)));
    out.push_str(&format!(
        "UNB+UNOA:2+{sender}+{recipient}+{short}+{}++RECEP+++EDIFACT TRANSFER'\n",
        escaped(&theirs)
    ));
    for segment in body {
        out.push_str(&segment);
        out.push_str("'\n");
    }
    out.push_str(&format!("UNZ+1+{}'", escaped(&theirs)));
    refused == 0
}

/// A number as GP Links writes it: eight digits. What is no number is given back as it stood.
fn number(text: &str) -> String {
    match text.is_empty() || !text.bytes().all(|b| b.is_ascii_digit()) {
        true => text.to_owned(),
        false => format!("{text:0>NUMBER_DIGITS$}"),
    }
}

fn escaped(text: &str) -> String {
    let mut out = String::new();
    escape_into(&mut out, text.trim());
    out
}

/// Translates a receipt: a MessageHeader that answers an interchange, with an outcome for each message within.
pub(crate) fn translate(
    c: &mut Composer<'_>,
    source: &Source<'_>,
    message: &Message,
    unb: Option<View<'_>>,
) -> Result<(), Refusal> {
    let views: Vec<_> = message.body.clone().filter_map(|at| source.view(at)).collect();
    let find = |tag: &[u8; 3], q: &str| {
        views.iter().find(|v| v.tag == tag && (q.is_empty() || v.text(1, 1).trim() == q)).copied()
    };
    let first = source.view(message.header).and_then(|v| v.first());
    let Some((whole, (reference, word))) =
        find(b"RFF", "RIS").and_then(|v| Some((v, v.get(1, 2)?))).map(|(v, leaf)| (v, split(leaf)))
    else {
        let words = "the interchange that it answers (RFF+RIS)";
        return Err(Refusal { rule: &rules::ITEM_MISSING, words, at: first });
    };
    let own = source.view(message.header).map_or("", |v| v.text(1, 1).trim());
    let sender = unb.and_then(|unb| unb.get(2, 1));
    let partner = sender.map_or("", |l| l.text.trim());
    let sequence = unb.map_or("", |unb| unb.text(5, 1).trim());
    let key = format!("{partner}|{sequence}|{own}|{}", reference.text);
    let zone = c.context.zone.clone();
    c.begin(&key);
    c.resource("MessageHeader", &key, |w| {
        w.array("contained", |w| {
            w.element(|w| {
                w.fixed("resourceType", "OperationOutcome");
                w.fixed("id", "messages");
                w.array("issue", |w| {
                    for rff in views.iter().filter(|v| v.tag == b"RFF" && v.text(1, 1).trim() == "MIS") {
                        outcome(w, *rff);
                    }
                    // OperationOutcome needs one issue.
                    w.element(|w| {
                        w.fixed("severity", "information");
                        w.fixed("code", "informational");
                        w.object("details", |w| w.fixed("text", "receipt of an interchange"));
                        w.array("location", |w| {
                            if let Some(count) = whole.get(1, 3) {
                                w.value(&format!("{} messages", count.text.trim()), count);
                            }
                        });
                    });
                });
            });
        });
        w.object("eventCoding", |w| {
            w.fixed("system", "https://fhir.causeway.example/CodeSystem/nhais-message");
            w.fixed("code", "RECEP");
        });
        w.array("destination", |w| {
            if let Some(to) = unb.and_then(|unb| unb.get(3, 1)) {
                w.element(|w| w.string("endpoint", &format!("urn:x-nhais:{}", percent(to.text.trim())), to));
            }
        });
        w.object("responsible", |w| {
            if let Some(body) = find(b"NHS", "").and_then(|v| v.get(1, 1)) {
                w.fixed("type", "Organization");
                w.object("identifier", |w| identifier_body(w, HA_CIPHER, body.text.trim(), body));
            }
        });
        w.object("source", |w| match sender {
            Some(from) => w.string("endpoint", &format!("urn:x-nhais:{}", percent(from.text.trim())), from),
            None => w.fixed("endpoint", "urn:x-nhais:unknown"),
        });
        w.object("sender", |w| {
            if let Some(from) = sender.filter(|l| !l.is_blank()) {
                w.fixed("type", "Organization");
                w.object("identifier", |w| identifier_body(w, TRADING_PARTNER, from.text.trim(), from));
            }
        });
        w.object("response", |w| {
            w.string("identifier", reference.text, (reference, whole.get(1, 1)));
            match RECEP.lookup(word) {
                Some(target) => w.string("code", target.code, reference),
                None => {
                    w.fixed("code", "fatal-error");
                    unknown_code(w, reference);
                }
            }
            w.object("details", |w| w.fixed("reference", "#messages"));
        });
        if let Some(dtm) = find(b"DTM", "815") {
            match moment(dtm, &zone) {
                Ok(Some(at)) => {
                    w.array("extension", |w| {
                        causeway_fhir::types::extension(w, RECEIVED, |w| {
                            w.date_time("valueDateTime", &at.when, at.from);
                        });
                    });
                }
                Ok(None) => {}
                Err(at) => w.issue(Some(at.id), rules::DATE_LEFT_OUT.issue()),
            }
        }
    });
    c.end(format!("message {}", message.number), "RECEP", None);
    account(c, source, message);
    Ok(())
}

/// Extension: when what is answered was received.
const RECEIVED: &str = "https://fhir.causeway.example/StructureDefinition/nhais-received";

/// `00000100 CP` as number and word; the number as leaf of the same item.
fn split(leaf: Leaf<'_>) -> (Leaf<'_>, &str) {
    let text = leaf.text.trim();
    let (number, word) = text.split_once(' ').unwrap_or((text, ""));
    (leaf.with(number.trim()), word.trim())
}

/// The outcome of one message (RFF+MIS).
fn outcome(w: &mut Writer, rff: View<'_>) {
    let Some(leaf) = rff.get(1, 2).filter(|l| !l.is_blank()) else { return };
    let (number, word) = split(leaf);
    let taken = RECEP.lookup(word).is_some_and(|t| t.code == "ok");
    w.element(|w| {
        w.fixed("severity", if taken { "information" } else { "error" });
        w.fixed("code", if taken { "informational" } else { "processing" });
        w.object("details", |w| {
            w.array("coding", |w| {
                w.element(|w| {
                    w.fixed("system", "https://fhir.causeway.example/CodeSystem/nhais-recep");
                    w.string("code", word, leaf);
                });
            });
            w.string("text", &format!("message {}", number.text), (leaf, rff.get(1, 1)));
        });
    });
}

/// What a URI may hold.
fn percent(text: &str) -> String {
    let keep = |c: char| if c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_') { c } else { '-' };
    text.chars().map(keep).collect()
}
