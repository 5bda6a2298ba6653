//! Data points of Open mHealth and of IEEE 1752: a header that says which schema, when and how, and a body with the
//! measure. Sources: Open mHealth schemas 1.x to 3.x (`header-1.x`, `data-point-1.0`), IEEE 1752.1-2021 (header, metadata).

use causeway_adapter::{Composer, Context, Rule, Sink};
use causeway_core::{Issue, Leaf, NhsNumber, Outcome, When};
use causeway_fhir::writer::decimal;
use causeway_fhir::{Ref, Writer, systems};
use causeway_json::{Node, Tree};
use jiff::tz::TimeZone;

use crate::apple::{self, reading};
use crate::kinds::Kind;
use crate::limits::RECORDS_PER_BUNDLE;
use crate::rules;

/// Members of a body that are measures: its name, what it is.
const MEASURES: [(&str, Kind); 11] = [
    ("systolic_blood_pressure", Kind::Systolic),
    ("diastolic_blood_pressure", Kind::Diastolic),
    ("heart_rate", Kind::HeartRate),
    ("respiratory_rate", Kind::RespiratoryRate),
    ("body_weight", Kind::Weight),
    ("body_height", Kind::Height),
    ("body_mass_index", Kind::Bmi),
    ("body_fat_percentage", Kind::BodyFat),
    ("body_temperature", Kind::Temperature),
    ("oxygen_saturation", Kind::Oxygen),
    ("blood_glucose", Kind::Glucose),
];

/// Members of a body that say how a measure is to be read. They stand with it in words, for no code says all of them.
const CIRCUMSTANCES: [&str; 12] = [
    "descriptive_statistic",
    "body_posture",
    "position_during_measurement",
    "measurement_location",
    "measurement_method",
    "measurement_system",
    "specimen_source",
    "temporal_relationship_to_meal",
    "temporal_relationship_to_physical_activity",
    "temporal_relationship_to_sleep",
    "supplemental_oxygen_flow_rate",
    "user_notes",
];

/// The unit of a measure in UCUM.
fn ucum(kind: Kind, unit: &str) -> Option<&'static str> {
    Some(match (kind, unit) {
        (Kind::Systolic | Kind::Diastolic, "mmHg") => "mm[Hg]",
        (Kind::HeartRate, "beats/min") | (Kind::RespiratoryRate, "breaths/min") => "/min",
        (Kind::Weight, "kg") => "kg",
        (Kind::Weight, "g") => "g",
        (Kind::Weight, "lb") => "[lb_av]",
        (Kind::Height, "cm") => "cm",
        (Kind::Height, "m") => "m",
        (Kind::Height, "in") => "[in_i]",
        (Kind::Height, "ft") => "[ft_i]",
        (Kind::Bmi, "kg/m2") => "kg/m2",
        (Kind::BodyFat | Kind::Oxygen, "%") => "%",
        (Kind::Temperature, "C") => "Cel",
        (Kind::Temperature, "F") => "[degF]",
        (Kind::Glucose, "mg/dL") => "mg/dL",
        (Kind::Glucose, "mmol/L") => "mmol/L",
        _ => return None,
    })
}

/// Whether an input is data points: JSON, behind a line that says whose they are, with a header that names a schema.
pub(crate) fn is_form(head: &[u8]) -> bool {
    let (_, rest) = apple::line(head);
    let start = rest.strip_prefix(b"\xef\xbb\xbf").unwrap_or(rest).trim_ascii_start();
    let has = |what: &[u8]| start.windows(what.len()).any(|w| w == what);
    matches!(start.first(), Some(b'{' | b'[')) && has(b"\"schema_id\"") && has(b"\"header\"")
}

/// Translates data points: one, or an array of them.
///
/// # Errors
/// Where it does not say whose they are, or is no JSON.
pub(crate) fn translate(
    name: &'static str,
    input: &[u8],
    context: &Context,
    sink: &mut dyn Sink,
) -> Result<(), Issue> {
    let mut c = Composer::new(name, context);
    let first = apple::line(input).0.to_vec();
    let person = apple::person(&mut c, &first)?;
    // Blanks in place of the line, so that places are those of the input.
    let mut document = input.to_vec();
    document.iter_mut().take(first.len()).for_each(|byte| *byte = b' ');
    let tree = Tree::parse(&document, &mut c.ledger)?;
    let root = tree.root();
    let points: Vec<Node<'_>> = if root.is_array() { root.elements().collect() } else { vec![root] };
    for (number, some) in points.chunks(RECORDS_PER_BUNDLE).enumerate() {
        c.begin(&format!("{}|{number}", person.as_str()));
        reading::patient(&mut c, person, (None, None), None);
        for point in some {
            if let Err((rule, about)) = data_point(&mut c, person, *point) {
                let leaves = point.leaves();
                if let Some(leaf) = about.or(point.first_leaf()) {
                    c.issue_at(leaf.id, rule.issue());
                }
                if rule.severity >= causeway_core::Severity::Error {
                    c.claim(leaves, Outcome::Rejected, "the data point was refused");
                }
            }
        }
        c.end(format!("data points from {}", number * RECORDS_PER_BUNDLE + 1), "readings", None);
        c.hand_over(sink);
    }
    let all = 0..c.ledger.next_id();
    c.ledger.claim_rest(all, Outcome::Unsupported, "not a reading that is known; kept only in the original");
    c.flush(sink);
    Ok(())
}

type Refused<'t> = (Rule, Option<Leaf<'t>>);

/// When a measure was taken.
enum Taken<'t> {
    At(When, Leaf<'t>),
    During(Option<(When, Leaf<'t>)>, Option<(When, Leaf<'t>)>),
}

fn time<'t>(node: Option<Node<'t>>, zone: &TimeZone) -> Result<Option<(When, Leaf<'t>)>, Refused<'t>> {
    let Some(leaf) = node.and_then(Node::leaf) else { return Ok(None) };
    let when = When::iso(leaf.text, zone).map_err(|_| (rules::TIME_INVALID, Some(leaf)))?;
    Ok(Some((when, leaf)))
}

fn taken<'t>(body: Node<'t>, zone: &TimeZone) -> Result<Taken<'t>, Refused<'t>> {
    let frame = body.get("effective_time_frame").ok_or((rules::TIME_ABSENT, None))?;
    if let Some((when, leaf)) = time(frame.get("date_time"), zone)? {
        return Ok(Taken::At(when, leaf));
    }
    let interval = frame.get("time_interval").ok_or((rules::TIME_ABSENT, None))?;
    let start = time(interval.get("start_date_time"), zone)?;
    let end = time(interval.get("end_date_time"), zone)?;
    match (start, end) {
        (None, None) => Err((rules::TIME_ABSENT, None)),
        // Of a duration alone the other end is not reckoned: it stays in the original.
        (start, end) => Ok(Taken::During(start, end)),
    }
}

fn data_point<'t>(c: &mut Composer<'_>, person: NhsNumber, point: Node<'t>) -> Result<(), Refused<'t>> {
    let (header, body) = (point.get("header"), point.get("body"));
    let header = header.ok_or((rules::HEADER_ABSENT, None))?;
    let body = body.filter(|b| b.is_object()).ok_or((rules::HEADER_ABSENT, None))?;
    let schema = header.get("schema_id");
    let schema_name = schema.and_then(|s| s.leaf_of("name"));
    let found: Vec<(Kind, Node<'t>)> =
        MEASURES.iter().filter_map(|(name, kind)| Some((*kind, body.get(name)?))).collect();
    if found.is_empty() {
        return Err((rules::KIND_UNKNOWN, schema_name));
    }
    let zone = c.context.zone.clone();
    let taken = taken(body, &zone)?;
    let id = header.leaf_of("id").or(header.leaf_of("uuid"));
    let about = About { header, body, id, taken, person };
    let device = about.device(c);
    let pressures: Vec<_> =
        found.iter().copied().filter(|(kind, _)| matches!(kind, Kind::Systolic | Kind::Diastolic)).collect();
    if !pressures.is_empty() {
        about.observation(
            c,
            "blood pressure",
            true,
            device.as_ref(),
            |w| {
                w.object("code", |w| {
                    w.array("coding", |w| {
                        for (system, code, words) in [crate::write::LOINC_BP, crate::write::SNOMED_BP] {
                            w.element(|w| causeway_fhir::Coding::new(system, code, words).body(w, ()));
                        }
                    });
                });
            },
            |w| {
                w.array("component", |w| {
                    for (kind, node) in &pressures {
                        w.element(|w| {
                            reading::code(w, *kind, None, None);
                            value(w, *kind, *node);
                        });
                    }
                });
            },
        );
    }
    for (kind, node) in
        found.into_iter().filter(|(kind, _)| !matches!(kind, Kind::Systolic | Kind::Diastolic))
    {
        let unit = node.string_of("unit").and_then(|unit| ucum(kind, unit));
        about.observation(
            c,
            kind.name(),
            kind.vital(),
            device.as_ref(),
            |w| {
                reading::code(w, kind, unit, None);
            },
            |w| value(w, kind, node),
        );
    }
    let w = c.writer();
    w.decides(id, "the id of what is made of the data point");
    // Which measures are there says what it is; the schema's name says the same.
    for name in ["namespace", "name", "version"] {
        if let Some(leaf) = schema.and_then(|s| s.leaf_of(name)) {
            c.claim(leaf, Outcome::Structural, "");
        }
    }
    Ok(())
}

struct About<'t> {
    header: Node<'t>,
    body: Node<'t>,
    id: Option<Leaf<'t>>,
    taken: Taken<'t>,
    person: NhsNumber,
}

impl<'t> About<'t> {
    /// What the header says of how it was acquired; IEEE 1752 has it in the header itself.
    fn modality(&self) -> Option<Leaf<'t>> {
        let acquired = self.header.get("acquisition_provenance");
        acquired.and_then(|a| a.leaf_of("modality")).or(self.header.leaf_of("modality"))
    }

    fn device(&self, c: &mut Composer<'_>) -> Option<Ref> {
        let name = self.header.get("acquisition_provenance")?.leaf_of("source_name")?;
        let key = format!("{}|{}", self.person.as_str(), name.text);
        if c.has("Device", &key) {
            c.writer().mapped(name);
            return Some(c.reference("Device", &key));
        }
        Some(c.resource("Device", &key, |w| {
            w.array("deviceName", |w| {
                w.element(|w| {
                    w.leaf("name", name);
                    w.fixed("type", "user-friendly-name");
                });
            });
        }))
    }

    fn observation(
        &self,
        c: &mut Composer<'_>,
        name: &str,
        vital: bool,
        device: Option<&Ref>,
        code: impl FnOnce(&mut Writer),
        value: impl FnOnce(&mut Writer),
    ) {
        let moment = match &self.taken {
            Taken::At(when, _) => when.fhir(),
            Taken::During(start, end) => {
                let text =
                    |end: &Option<(When, Leaf<'_>)>| end.as_ref().map_or(String::new(), |(w, _)| w.fhir());
                format!("{}/{}", text(start), text(end))
            }
        };
        let id = self.id.map_or("", |id| id.text);
        let key = [self.person.as_str(), name, &moment, id].join("|");
        let subject = c.reference("Patient", self.person.as_str());
        let created =
            self.header.leaf_of("creation_date_time").or(self.header.leaf_of("source_creation_date_time"));
        let instant = created.and_then(|l| When::iso(l.text, &c.context.zone).ok()?.fhir_instant());
        c.resource("Observation", &key, |w| {
            if let Some(id) = self.id {
                w.array("identifier", |w| {
                    w.element(|w| w.leaf("value", id));
                });
            }
            reading::head(w, vital);
            code(w);
            w.reference("subject", &subject, ());
            match &self.taken {
                Taken::At(when, leaf) => w.date_time("effectiveDateTime", when, *leaf),
                Taken::During(start, end) => {
                    causeway_fhir::types::period(w, "effectivePeriod", *start, *end);
                }
            }
            if let (Some(instant), Some(leaf)) = (&instant, created) {
                w.string("issued", instant, leaf);
            }
            w.array("performer", |w| w.reference_element(&subject, ()));
            value(w);
            w.array("note", |w| {
                for name in CIRCUMSTANCES {
                    let Some(leaf) = self.body.leaf_of(name) else { continue };
                    w.element(|w| {
                        w.string("text", &format!("{}: {}", name.replace('_', " "), leaf.text.trim()), leaf)
                    });
                }
            });
            self.method(w);
            if let Some(device) = device {
                w.reference("device", device, ());
            }
        });
    }

    /// That the person took it, or said it.
    fn method(&self, w: &mut Writer) {
        let modality = self.modality();
        let text = match modality.map(|m| m.text) {
            Some("self-reported") => "Reported by the person",
            _ => "Self-measured by the person",
        };
        w.object("method", |w| w.fixed("text", text));
        w.decides(modality, "whether the person took or reported it");
    }
}

/// A measure: a number with its unit.
fn value(w: &mut Writer, kind: Kind, node: Node<'_>) {
    let Some(number) = node.leaf_of("value").or(node.leaf()) else { return };
    let Some(digits) = decimal(number.text) else {
        w.issue(Some(number.id), rules::NOT_A_NUMBER.issue());
        w.leaf("valueString", number);
        return;
    };
    let unit = node.leaf_of("unit");
    w.object("valueQuantity", |w| {
        w.number("value", &digits, number);
        let Some(unit) = unit else { return };
        w.leaf("unit", unit);
        if let Some(code) = ucum(kind, unit.text) {
            w.fixed("system", systems::UCUM);
            w.fixed("code", code);
        }
    });
    if unit.is_none() {
        w.issue(Some(number.id), rules::UNIT_ABSENT.issue());
    }
}
