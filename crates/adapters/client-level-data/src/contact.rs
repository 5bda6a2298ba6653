//! A request for support: ServiceRequest, after Interweave's SocialCareContact.

use causeway_fhir::{Coding, Ref, types};

use crate::event::Event;
use crate::file::{File, Row};
use crate::group::Group;
use crate::terms;

/// The reason for a contact that a route of access states. Interweave demands one, and client level data has
/// the route only: hospital discharge and transition are said by it, nothing else is.
fn reason(route: Option<&str>) -> Coding<'static> {
    let (code, display) = match route {
        Some("HOS-DIS") => ("HD", "Hospital discharge"),
        Some("TRA") => ("TC", "Transition from children’s services"),
        _ => ("OTH", "Other"),
    };
    Coding::new(terms::CS_CONTACT_REASON, code, display)
}

/// Writes a request.
pub fn write(
    file: &mut File<'_>,
    group: &Group,
    row: &Row<'_>,
    event: &Event<'_>,
    patient: &Ref,
    support_reason: Option<&Ref>,
) {
    let route = event.main;
    file.c.resource("ServiceRequest", &event.key, |w| {
        w.array("extension", |w| {
            event.extensions(w, row, &group.person);
            if let Some(route) = &route {
                route.extension(w, terms::ROUTE);
            }
            types::extension(w, terms::REQUESTER_TYPE, |w| {
                // The file never says who asked.
                let unknown = Coding::new(terms::CS_REQUESTER_TYPE, "UKN", "Unknown");
                types::concept_fixed(w, "valueCodeableConcept", unknown);
            });
        });
        event.identifiers(w, &group.person);
        // Requests are reported when complete; without an end nothing says that this one is.
        w.string("status", if event.end.is_some() { "completed" } else { "active" }, event.end.map(|e| e.1));
        w.fixed("intent", "plan");
        if let Some(description) = event.description {
            types::concept_text(w, "code", description);
        }
        w.reference("subject", patient, ());
        event.period(w, "occurrencePeriod");
        if let Some((day, leaf)) = event.start {
            w.date_time("authoredOn", &day, leaf);
        }
        w.array("performer", |w| w.reference_element(&group.council, ()));
        w.array("reasonCode", |w| {
            let reason = reason(route.and_then(|route| route.target).map(|target| target.code));
            types::concept_element(w, reason, route.map(|route| route.leaf));
        });
        w.array("reasonReference", |w| {
            if let Some(reason) = support_reason {
                w.reference_element(reason, ());
            }
        });
    });
}
