//! From a report to a bundle: request, report, and the message's own facts.

use causeway_adapter::Composer;
use causeway_core::{IssueCode, Leaf, Outcome};
use causeway_fhir::{Coding, Ref, Writer, systems, types};

use crate::codes::{self, Coded, STATUS, warning};
use crate::message::{self, Report};
use crate::moment::{self, Moment, Stated};
use crate::specimen::Specimens;
use crate::{investigation, party, patient, specimen};

/// Event codes of `MessageHeader`: the variants of MEDRPT.
const VARIANT: &str = "https://fhir.causeway.example/CodeSystem/medrpt-variant";
const NOTE_R5: &str = "http://hl7.org/fhir/5.0/StructureDefinition/extension-DiagnosticReport.note";
const PARTIAL_DATE: &str = "https://fhir.causeway.example/StructureDefinition/partial-date";

/// Writes the resources of a report into the open bundle. Returns the ODS code of the recipient.
pub(crate) fn write(
    c: &mut Composer<'_>,
    report: &Report<'_>,
    reference: Leaf<'_>,
    number: &str,
    mark: u8,
) -> Option<String> {
    let key = reference.text.trim();
    let parties = party::read(c, report);
    let patient = patient::write(c, report, key);
    let written = party::write(c, &parties, key);
    let request = request(c, report, key, &patient, written.requester.as_ref());
    let specimens = specimen::write(c, report, key, &patient, mark);
    let results = investigation::write(
        c,
        &investigation::Around {
            report,
            reference: key,
            patient: &patient,
            performers: &written.performers,
            specimens: &specimens,
            mark,
        },
    );
    let parts = Parts { patient, written, request, specimens, results };
    let target = diagnostic_report(c, report, key, &parts);
    header(c, report, &parties, &format!("{key}|{number}"), &target);
    told(c, report);
    party::recipient_code(&parties)
}

struct Parts<'s> {
    patient: Ref,
    written: party::Written,
    request: Ref,
    specimens: Specimens<'s>,
    results: Vec<Ref>,
}

fn request(
    c: &mut Composer<'_>,
    report: &Report<'_>,
    key: &str,
    patient: &Ref,
    requester: Option<&Ref>,
) -> Ref {
    c.resource("ServiceRequest", key, |w| {
        // The message says that results came of a request and nothing of where the request stands.
        w.fixed("status", "unknown");
        w.fixed("intent", "order");
        if let Some(document) = report.document {
            if document.text.trim() == "LSR" {
                let coding = Coding::new(systems::SNOMED, "15220000", "Laboratory test");
                types::concept(w, "code", coding, document);
            } else {
                codes::unknown_code(w, document);
            }
        }
        w.reference("subject", patient, ());
        if let Some(requester) = requester {
            w.reference("requester", requester, ());
        }
        w.array("reasonCode", |w| {
            for cin in &report.clinical {
                // CIN-1 says of which kind the information is; UN, unspecified, in every message seen.
                w.claim(cin.get(1, 1), Outcome::Structural, "");
                w.element(|w| Coded::read(cin, 2, 1).body(w));
            }
        });
        w.array("note", |w| {
            for ftx in &report.clinical_texts {
                let (text, from) = message::text(ftx);
                w.element(|w| w.string("text", &text, from));
                w.claim(ftx.get(1, 1), Outcome::Structural, "");
            }
        });
    })
}

fn diagnostic_report(c: &mut Composer<'_>, report: &Report<'_>, key: &str, parts: &Parts<'_>) -> Ref {
    let zone = c.context.zone.clone();
    let sender = c.context.sender.code.clone();
    c.resource("DiagnosticReport", key, |w| {
        w.array("extension", |w| {
            for ftx in &report.notes {
                let (text, from) = message::text(ftx);
                types::extension(w, NOTE_R5, |w| {
                    w.object("valueAnnotation", |w| w.string("text", &text, from));
                });
                w.claim(ftx.get(1, 1), Outcome::Structural, "");
            }
        });
        w.array("identifier", |w| {
            for rff in &report.references {
                let Some(value) = rff.get(1, 2).filter(|l| !l.is_blank()) else { continue };
                let qualifier = rff.get(1, 1);
                let name = format!("report-{}", qualifier.map_or("", |l| l.text.trim()).to_ascii_lowercase());
                w.element(|w| {
                    w.string("system", &systems::local(&sender, &name), qualifier);
                    w.leaf("value", value);
                });
            }
        });
        w.array("basedOn", |w| w.reference_element(&parts.request, ()));
        report_status(w, report);
        types::concept_fixed(
            w,
            "code",
            Coding::new(systems::SNOMED, "721981007", "Diagnostic studies report"),
        );
        w.reference("subject", &parts.patient, ());
        effective(w, report, &zone);
        issued(w, report, &zone);
        performers(w, &parts.written);
        w.array("specimen", |w| {
            for specimen in &parts.specimens.all {
                w.reference_element(specimen, ());
            }
        });
        w.array("result", |w| {
            for result in &parts.results {
                w.reference_element(result, ());
            }
        });
    })
}

/// STS of the report. `UN`, unspecified, is what laboratories send; where every result says that it is final, so
/// is the report.
fn report_status(w: &mut Writer, report: &Report<'_>) {
    let said = report.status.filter(|l| !l.is_blank());
    let unspecified = said.is_none_or(|l| l.text.trim() == "UN");
    let finals = report
        .investigations
        .iter()
        .all(|i| i.status.is_some_and(|l| STATUS.lookup(l.text.trim()).is_some_and(|t| t.code == "final")));
    match said {
        Some(leaf) if unspecified && finals => w.string("status", "final", leaf),
        None if finals => w.fixed("status", "final"),
        // A supplement: R4 has a status for it, of reports alone.
        Some(leaf) if leaf.text.trim() == "SR" => w.string("status", "appended", leaf),
        said => codes::status(w, said),
    }
}

/// The time that the results are about: that of collection, where all specimens share it.
fn effective(w: &mut Writer, report: &Report<'_>, zone: &jiff::tz::TimeZone) {
    let mut collected = report
        .specimens
        .iter()
        .map(|specimen| specimen.times.iter().find(|dtm| dtm.text(1, 1).trim() == "SCO"));
    let Some(Some(first)) = collected.next() else { return };
    let value = (first.text(1, 2), first.text(1, 3));
    if !collected.all(|other| other.is_some_and(|dtm| (dtm.text(1, 2), dtm.text(1, 3)) == value)) {
        return;
    }
    // The specimen has told already what is wrong with it.
    let mut quiet = Writer::new(false);
    let Some(stated) = moment::read(&mut quiet, first, zone) else { return };
    match stated.moment {
        Moment::At(when) => w.date_time("effectiveDateTime", &when, stated.from),
        Moment::Span(start, end) => {
            types::period(w, "effectivePeriod", Some((start, stated.from)), Some((end, stated.from)));
        }
        Moment::Unread => {}
    }
}

/// DTM+ISR; where it is missing, the time of the message (DTM+137), which else is envelope.
fn issued(w: &mut Writer, report: &Report<'_>, zone: &jiff::tz::TimeZone) {
    if let Some(dtm) = &report.message_time
        && report.issued.is_some()
    {
        w.claim([dtm.get(1, 1), dtm.get(1, 2), dtm.get(1, 3)], Outcome::Structural, "");
    }
    let dtm = report.issued.as_ref().or(report.message_time.as_ref());
    let Some(Stated { moment, from }) = dtm.and_then(|dtm| moment::read(w, dtm, zone)) else { return };
    let when = match moment {
        Moment::At(when) | Moment::Span(_, when) => when,
        Moment::Unread => return moment::unread(w, "issued", from),
    };
    if !w.instant("issued", &when, from) {
        w.object("_issued", |w| {
            w.array("extension", |w| {
                types::extension(w, PARTIAL_DATE, |w| w.date_time("valueDateTime", &when, from));
            });
        });
    }
}

fn performers(w: &mut Writer, written: &party::Written) {
    w.array("performer", |w| {
        for performer in &written.performers {
            w.element(|w| {
                w.reference_body(performer, ());
                if let Some((at, name, from)) = &written.department
                    && at == performer
                {
                    w.string("display", name, from);
                }
            });
        }
    });
}

/// The message itself: which variant, for whom, from whom, about which report.
fn header(
    c: &mut Composer<'_>,
    report: &Report<'_>,
    parties: &[party::Read<'_, '_>],
    key: &str,
    focus: &Ref,
) {
    let sender = c.context.sender.clone();
    c.resource("MessageHeader", key, |w| {
        if let Some(variant) = report.variant {
            w.object("eventCoding", |w| {
                w.fixed("system", VARIANT);
                w.leaf("code", variant);
            });
        }
        w.array("destination", |w| party::destinations(w, parties, &sender.code));
        w.object("source", |w| {
            if sender.system == systems::ODS_ORGANISATION {
                w.fixed("endpoint", &format!("urn:nhs-uk:addressing:ods:{}", sender.code));
            } else {
                w.fixed("endpoint", &format!("{}/{}", sender.system, sender.code));
            }
        });
        w.array("focus", |w| w.reference_element(focus, ()));
    });
}

/// Tells of segments and indicators that this format has no place for.
fn told(c: &mut Composer<'_>, report: &Report<'_>) {
    for item in &report.unplaced {
        let text =
            "a segment has no place in this message or stands in it twice; it was kept in the original only";
        c.issue_at(*item, warning(IssueCode::NotSupported, "segment-unplaced", text));
    }
    for leaf in &report.indicators {
        let text = "a processing indicator (GIS) is not the usual one; what it asks for was not done";
        c.issue_at(leaf.id, warning(IssueCode::NotSupported, "processing-indicator", text));
    }
}
