//! Services: EpisodeOfCare after Interweave's SocialCareService, and DeviceRequest for equipment.

use causeway_core::{CqcLocationId, Leaf, Outcome};
use causeway_fhir::writer::decimal;
use causeway_fhir::{Ref, systems, types};

use crate::columns::Column;
use crate::event::Event;
use crate::file::{Coded, File, Row};
use crate::group::Group;
use crate::limits::COST_DIGITS_MAX;
use crate::rules;
use crate::{terms, values};

/// Components that the Care Quality Commission does not register.
const UNREGISTERED: [&str; 8] = ["M", "TRAN", "EQ", "DP", "DS", "LEES", "PS-SW", "C-US"];

/// Outcomes with which a service goes on.
const GOING_ON: [&str; 4] = ["POS", "CON", "NCP", "ADMH"];

/// The cost columns of a row, where they are to be written.
struct Cost<'a> {
    amount: Option<(Leaf<'a>, String)>,
    frequency: Option<Coded<'a>>,
    units: Option<(Leaf<'a>, String)>,
}

/// Writes a service.
pub fn write(
    file: &mut File<'_>,
    group: &Group,
    row: &Row<'_>,
    event: &Event<'_>,
    patient: &Ref,
    reason: Option<&Ref>,
) {
    let delivery = file.coded(row, Column::Delivery, &values::DELIVERY);
    check_delivery(file, row, event, delivery);
    let provider = provider(file, row, event);
    let cost = cost(file, row, event, delivery);
    let component = event.main;
    file.c.resource("EpisodeOfCare", &event.key, |w| {
        w.array("extension", |w| {
            event.extensions(w, row, &group.person);
            if let Some(category) = event.category {
                category.extension(w, terms::CATEGORY);
            }
            if let Some(delivery) = delivery {
                delivery.extension(w, terms::DELIVERY);
            }
            write_cost(w, cost.as_ref());
        });
        event.identifiers(w, &group.person);
        w.string("status", status(event), (event.end.map(|e| e.1), event.outcome.map(|o| o.leaf)));
        w.array("type", |w| {
            let known = component.is_some_and(|component| component.target.is_some());
            if let Some(component) = component {
                w.element(|w| component.body(w, event.description));
            }
            if !known && let Some(description) = event.description {
                w.element(|w| w.leaf("text", description));
            }
        });
        w.reference("patient", patient, ());
        match &provider {
            Provider::Known(provider) => w.reference("managingOrganization", provider, ()),
            Provider::Named(name) => {
                w.object("managingOrganization", |w| w.leaf("display", *name));
            }
            Provider::None => {
                w.object("managingOrganization", |w| {
                    w.reference_body(&group.council, ());
                    w.fixed("display", "The council; the provider is not stated");
                });
            }
        }
        event.period(w, "period");
    });
    if component.is_some_and(|component| component.is("EQ")) {
        equipment(file, group, event, patient, reason);
    }
}

/// A service has ended where it has an end, or where its outcome says so.
fn status(event: &Event<'_>) -> &'static str {
    let goes_on = event
        .outcome
        .is_none_or(|outcome| outcome.target.is_none_or(|target| GOING_ON.contains(&target.code)));
    if event.end.is_none() && goes_on { "active" } else { "finished" }
}

fn check_delivery(file: &mut File<'_>, row: &Row<'_>, event: &Event<'_>, delivery: Option<Coded<'_>>) {
    let is = |value: Option<Coded<'_>>, code| value.is_some_and(|value| value.is(code));
    let direct = is(delivery, "DP") || is(event.main, "DP");
    if direct && is(event.category, "LTS-P") {
        let at = if is(delivery, "DP") { Column::Delivery } else { Column::Component };
        file.tell(row, at, &rules::DP_PRISON);
    }
    if is(delivery, "SFM") {
        file.tell(row, Column::Delivery, &rules::METERING);
    }
}

enum Provider<'a> {
    Known(Ref),
    Named(Leaf<'a>),
    None,
}

fn provider<'a>(file: &mut File<'_>, row: &Row<'a>, event: &Event<'_>) -> Provider<'a> {
    let name = row.cell(Column::ProviderName);
    let Some(leaf) = row.cell(Column::ProviderId) else {
        return name.map_or(Provider::None, Provider::Named);
    };
    let Some(id) = CqcLocationId::parse(leaf.text) else {
        file.tell(row, Column::ProviderId, &rules::PROVIDER_ID);
        file.claim(Some(leaf), (Outcome::Rejected, "not a CQC location id"));
        return name.map_or(Provider::None, Provider::Named);
    };
    let unregistered = |main: Coded<'_>| main.target.is_some_and(|t| UNREGISTERED.contains(&t.code));
    if event.main.is_some_and(unregistered) {
        file.tell(row, Column::ProviderId, &rules::PROVIDER_UNREGULATED);
    }
    // The name is part of the key: one id under two names is two statements, and both are kept.
    let key = format!("cqc/{}/{}", id.as_str(), name.map_or("", |name| name.text));
    if file.c.has("Organization", &key) {
        file.claim(Some(leaf), crate::file::MAPPED);
        file.claim(name, crate::file::MAPPED);
    }
    Provider::Known(file.c.once("Organization", &key, |w| {
        w.array("identifier", |w| {
            w.element(|w| types::identifier_body(w, systems::CQC_LOCATION, id.as_str(), leaf));
        });
        w.leaf_opt("name", name);
    }))
}

/// Checks the cost columns. They serve the payment of care and not care: without the option `cld-costs` they
/// are withheld.
fn cost<'a>(
    file: &mut File<'_>,
    row: &Row<'a>,
    event: &Event<'_>,
    delivery: Option<Coded<'_>>,
) -> Option<Cost<'a>> {
    let amount = read_amount(file, row, Column::UnitCost);
    let units = read_amount(file, row, Column::PlannedUnits);
    let frequency = file.coded(row, Column::CostFrequency, &values::COST_FREQUENCY);
    demand_cost(file, row, event, delivery);
    if file.c.context.enabled("cld-costs") {
        return Some(Cost { amount, frequency, units });
    }
    for column in [Column::UnitCost, Column::CostFrequency, Column::PlannedUnits] {
        let why =
            "purpose limitation: costs are not part of a care record; the option cld-costs lets them pass";
        file.claim(row.cell(column), (Outcome::Withheld, why));
    }
    None
}

fn read_amount<'a>(file: &mut File<'_>, row: &Row<'a>, column: Column) -> Option<(Leaf<'a>, String)> {
    let leaf = row.cell(column)?;
    let plain = leaf.text.trim_start_matches('£');
    let rule = match decimal(plain) {
        None => &rules::COST_FORM,
        Some(digits) => {
            let whole = digits.trim_start_matches('-').split('.').next().map_or(0, str::len);
            if whole <= COST_DIGITS_MAX {
                if digits.starts_with('-') {
                    file.tell(row, column, &rules::COST_NEGATIVE);
                }
                return Some((leaf, digits.into_owned()));
            }
            &rules::COST_IMPLAUSIBLE
        }
    };
    file.tell(row, column, rule);
    file.claim(Some(leaf), (Outcome::Rejected, "not a plausible amount"));
    None
}

/// DHSC's condition: mandatory where the council did not commission the service itself and it is long term, a
/// short stay in a home, respite or support of a carer.
fn demand_cost(file: &mut File<'_>, row: &Row<'_>, event: &Event<'_>, delivery: Option<Coded<'_>>) {
    if delivery.is_some_and(|delivery| delivery.is("COM")) {
        return;
    }
    let starts = |value: Option<Coded<'_>>, prefixes: &[&str]| {
        value
            .and_then(|value| value.target)
            .is_some_and(|target| prefixes.iter().any(|prefix| target.code.starts_with(prefix)))
    };
    let concerned = starts(event.category, &["LTS-", "CS-"]) || starts(event.main, &["STRC", "STNC", "C-R"]);
    if concerned && (row.cell(Column::UnitCost).is_none() || row.cell(Column::CostFrequency).is_none()) {
        file.tell(row, Column::UnitCost, &rules::COST_MISSING);
    }
}

fn write_cost(w: &mut causeway_fhir::Writer, cost: Option<&Cost<'_>>) {
    let Some(cost) = cost else { return };
    if cost.amount.is_none() && cost.units.is_none() && cost.frequency.is_none() {
        return;
    }
    types::extension(w, terms::COST, |w| {
        w.array("extension", |w| {
            if let Some((leaf, digits)) = &cost.amount {
                types::extension(w, "unitCost", |w| w.number("valueDecimal", digits, *leaf));
            }
            if let Some(frequency) = cost.frequency {
                frequency.extension(w, "frequency");
            }
            if let Some((leaf, digits)) = &cost.units {
                types::extension(w, "plannedUnitsPerWeek", |w| w.number("valueDecimal", digits, *leaf));
            }
        });
    });
}

/// Equipment is also something ordered for a person; which equipment, the file does not say in codes.
fn equipment(file: &mut File<'_>, group: &Group, event: &Event<'_>, patient: &Ref, reason: Option<&Ref>) {
    let Some(component) = event.main else { return };
    file.c.resource("DeviceRequest", &event.key, |w| {
        w.fixed("status", if status(event) == "active" { "active" } else { "completed" });
        w.fixed("intent", "order");
        w.object("codeCodeableConcept", |w| component.body(w, event.description));
        w.reference("subject", patient, ());
        event.period(w, "occurrencePeriod");
        if let Some((day, leaf)) = event.start {
            w.date_time("authoredOn", &day, leaf);
        }
        w.reference("requester", &group.council, ());
        w.array("reasonReference", |w| {
            if let Some(reason) = reason {
                w.reference_element(reason, ());
            }
        });
    });
}
