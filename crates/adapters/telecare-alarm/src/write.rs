//! The alarm as FHIR: the unit as Device, what it said as Observation.

use causeway_adapter::Composer;
use causeway_core::{Issue, IssueCode, Leaf, Outcome, Severity};
use causeway_fhir::types::{concept_text, identifier, reference_by_identifier};
use causeway_fhir::{Coding, Ref, Writer, systems, types};
use causeway_terminology::{Map, Target};

use crate::fields::Fields;

/// Device types (`dty`).
pub static DEVICE_TYPE: Map = Map::new("scaip-device-type", include_str!("../maps/device-type.csv"));
/// Statuses (`stc`).
pub static STATUS: Map = Map::new("scaip-status", include_str!("../maps/status.csv"));
/// Locations (`lco`).
pub static LOCATION: Map = Map::new("scaip-location", include_str!("../maps/location.csv"));

/// Identifier system of controllers: a person is known to the record by it.
pub const CONTROLLER: &str = "https://fhir.causeway.example/Id/telecare-controller";
const DEVICE: &str = "https://fhir.causeway.example/Id/telecare-device";
const REFERENCE: &str = "https://fhir.causeway.example/Id/telecare-message";
const MESSAGE_TYPE: &str = "https://fhir.causeway.example/CodeSystem/scaip-message-type";
const PART: &str = "https://fhir.causeway.example/CodeSystem/scaip-part";

/// Writes the alarm. Whether its device type and status are known codes.
pub fn alarm(fields: &Fields<'_>, c: &mut Composer<'_>) -> bool {
    let (Some(controller), Some(device_type)) = (fields.get("cid"), fields.get("dty")) else { return false };
    let reference = fields.get("ref");
    let received = c.context.received.to_string();
    let key = match reference {
        Some(reference) => format!("{}|{}", controller.text, reference.text),
        None => format!("{}|{received}", controller.text),
    };
    c.begin(&key);
    let known = known(&DEVICE_TYPE, Some(device_type)) && self::known(&STATUS, fields.get("stc"));
    let device = device(fields, c, controller, device_type);
    let position = c.context.enabled("telecare-position");
    c.resource("Observation", &key, |w| observation(w, fields, &device, &received, position));
    c.issue(Issue::new(
        Severity::Information,
        IssueCode::Informational,
        "scaip-time-of-receipt",
        "the protocol carries no time; the time of receipt was used",
    ));
    c.claim(fields.get("crd"), Outcome::Withheld, "a caller's address is never passed on");
    known
}

/// A code of a table. The codes are numbers: units write them with fewer zeros in front, or with none.
fn look_up<'m>(map: &'m Map, code: &str) -> Option<&'m Target> {
    let number = |text: &str| {
        text.trim().parse::<u16>().ok().filter(|_| text.trim().bytes().all(|b| b.is_ascii_digit()))
    };
    map.lookup(code).or_else(|| {
        let wanted = number(code)?;
        [3, 4].iter().find_map(|width| map.lookup(&format!("{wanted:0width$}")))
    })
}

fn known(map: &Map, code: Option<Leaf<'_>>) -> bool {
    code.is_none_or(|code| look_up(map, code.text).is_some())
}

fn device(fields: &Fields<'_>, c: &mut Composer<'_>, controller: Leaf<'_>, device_type: Leaf<'_>) -> Ref {
    let own = fields.get("did");
    let key = format!("{}|{}|{}", controller.text, own.map_or("", |d| d.text), device_type.text);
    c.resource("Device", &key, |w| {
        w.array("identifier", |w| {
            identifier(w, CONTROLLER, controller);
            if let Some(own) = own {
                identifier(w, DEVICE, own);
            }
        });
        w.array("deviceName", |w| {
            if let Some(name) = fields.get("dte") {
                w.element(|w| {
                    w.leaf("name", name);
                    w.fixed("type", "user-friendly-name");
                });
            }
        });
        coded(w, "type", &DEVICE_TYPE, device_type, "scaip-device-type");
    })
}

/// A concept from a table, or the code as text with an issue.
fn coded(w: &mut Writer, key: &str, map: &Map, code: Leaf<'_>, rule: &'static str) {
    if let Some(target) = look_up(map, code.text) {
        types::concept(w, key, Coding::new(target.system, target.code, target.display), code);
        return;
    }
    let text = "the code is not in the list of the protocol; it was kept as text";
    w.issue(Some(code.id), Issue::new(Severity::Warning, IssueCode::CodeInvalid, rule, text));
    concept_text(w, key, code);
}

fn observation(w: &mut Writer, fields: &Fields<'_>, device: &Ref, received: &str, position: bool) {
    w.array("identifier", |w| {
        if let Some(reference) = fields.get("ref") {
            identifier(w, REFERENCE, reference);
        }
    });
    w.fixed("status", "final");
    w.array("category", |w| {
        if let Some(kind) = fields.get("mty") {
            w.element(|w| match message_type(kind.text) {
                Some(words) => types::concept_body(w, Coding::new(MESSAGE_TYPE, kind.text, words), kind),
                None => w.leaf("text", kind),
            });
        }
    });
    if let Some(device_type) = fields.get("dty") {
        coded(w, "code", &DEVICE_TYPE, device_type, "scaip-device-type");
    }
    if let Some(controller) = fields.get("cid") {
        reference_by_identifier(w, "subject", "Patient", CONTROLLER, controller.text, controller);
    }
    w.fixed("effectiveDateTime", received);
    status(w, fields);
    w.array("note", |w| {
        for tag in ["ico", "ite"] {
            if let Some(text) = fields.get(tag) {
                w.element(|w| w.leaf("text", text));
            }
        }
    });
    w.reference("device", device, ());
    w.array("component", |w| components(w, fields));
    satellite(w, fields, position);
}

fn message_type(code: &str) -> Option<&'static str> {
    Some(match code {
        "ME" => "Message (alarm)",
        "RE" => "Reset",
        "IN" => "Information",
        _ => return None,
    })
}

fn status(w: &mut Writer, fields: &Fields<'_>) {
    let (code, text) = (fields.get("stc"), fields.get("stt"));
    if code.is_none() && text.is_none() {
        w.object("dataAbsentReason", |w| {
            types::concept_body(w, Coding::new(systems::DATA_ABSENT, "not-asked", "Not Asked"), ());
        });
        return;
    }
    w.object("valueCodeableConcept", |w| {
        let target = code.and_then(|code| look_up(&STATUS, code.text).map(|t| (code, t)));
        if let Some((code, target)) = target {
            w.array("coding", |w| {
                w.element(|w| Coding::new(target.system, target.code, target.display).body(w, code));
            });
        } else if let Some(code) = code {
            let words = "the code is not in the list of the protocol; it was kept as text";
            w.issue(
                Some(code.id),
                Issue::new(Severity::Warning, IssueCode::CodeInvalid, "scaip-status", words),
            );
        }
        let unknown = code.filter(|_| target.is_none());
        match (unknown, text) {
            (Some(code), Some(text)) => {
                w.string("text", &format!("{} {}", code.text, text.text), (code, text))
            }
            (Some(code), None) => w.leaf("text", code),
            (None, text) => w.leaf_opt("text", text),
        }
    });
}

fn components(w: &mut Writer, fields: &Fields<'_>) {
    if let Some(part) = fields.get("dco") {
        component(w, "dco", "Device component", |w| w.leaf("valueString", part));
    }
    if let Some(place) = fields.get("lco") {
        component(w, "lco", "Location", |w| {
            coded(w, "valueCodeableConcept", &LOCATION, place, "scaip-location")
        });
    }
    for (tag, words) in [("lva", "Location value"), ("lte", "Location text")] {
        if let Some(text) = fields.get(tag) {
            component(w, tag, words, |w| w.leaf("valueString", text));
        }
    }
}

fn component(w: &mut Writer, code: &str, words: &str, value: impl FnOnce(&mut Writer)) {
    w.element(|w| {
        types::concept_fixed(w, "code", Coding::new(PART, code, words));
        value(w);
    });
}

/// A position needs consent: it is withheld unless the feed's option says that there is one.
fn satellite(w: &mut Writer, fields: &Fields<'_>, allowed: bool) {
    let reason = "a satellite position is passed on only with consent (option telecare-position)";
    for leaf in fields.position() {
        if allowed {
            w.claim(leaf, Outcome::Unsupported, "the position is kept only in the original");
        } else {
            w.claim(leaf, Outcome::Withheld, reason);
        }
    }
}
