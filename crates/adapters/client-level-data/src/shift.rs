//! Rows whose cells have moved: a comma that stands in a value without quotation marks pushes every cell after it
//! one column to the right. Where the last cells are blank, nothing falls off the end, and the count of cells
//! alone does not tell such a row from one to which a spreadsheet has appended blank cells. What the cells hold
//! does: dates, codes, numbers and identifiers have their columns.

use causeway_core::{CqcLocationId, OdsCode};

use crate::columns::{Column, Heading};
use crate::dates;
use crate::file::is_null;
use crate::limits::SHIFT_MAX;
use crate::person::is_postcode;
use crate::records::View;
use crate::values::{self, Codes, Found};

/// The place of the first cell that stands in the wrong column, where the cells of a row fit their columns better
/// if values of it held commas; `None` where they stand as well as they can. `cells` is the number of cells of the
/// row, at least that of the heading.
///
/// A comma is only believed in where it explains more misfits than one, for one may be a value that is merely
/// unknown; but one cell too many and one misfit are enough, for a spreadsheet seldom appends a single cell.
pub fn first_moved(heading: &Heading, view: View<'_>, cells: usize) -> Option<usize> {
    let width = heading.width();
    let surplus = cells.saturating_sub(width);
    let blank_end = || width.checked_sub(1).is_some_and(|last| view.text(last).trim().is_empty());
    let (room, doubt) = match surplus {
        // As long as the heading: one comma too many, and a blank cell lost at the end.
        0 if blank_end() => (1, 1),
        0 => return None,
        1 => (1, 0),
        _ => (surplus.min(SHIFT_MAX), 1),
    };
    // Nearly every row is sound and as long as the heading. Before the event type nothing need be looked at there: a
    // row whose event type has moved is refused for that.
    let after = heading.at(Column::EventType).map_or(0, |place| usize::from(place) + 1);
    let misfit = |place: &usize| !fits(heading, *place, view.text(*place));
    if surplus == 0 && (after..width).filter(misfit).nth(1).is_none() {
        return None;
    }
    let mut misfits = (0..width).filter(misfit);
    let first = misfits.next()?;
    let stated = 1 + misfits.count() as u32;
    (least_cost(heading, view, width, room) + doubt <= stated).then_some(first)
}

/// The least number of misfits and commas, over all ways in which values may have been torn apart by one to `room`
/// commas: `best[n]` is the number of misfits in the columns so far with `n` commas in them.
fn least_cost(heading: &Heading, view: View<'_>, width: usize, room: usize) -> u32 {
    const NONE: u32 = u32::MAX / 2;
    let mut best = [NONE; SHIFT_MAX + 1];
    best[0] = 0;
    let mut joined = String::new();
    for place in 0..width {
        let mut next = [NONE; SHIFT_MAX + 1];
        for (before, misfits) in best.iter().enumerate().take(room + 1).filter(|(_, cost)| **cost < NONE) {
            joined.clear();
            for (now, slot) in next.iter_mut().enumerate().take(room + 1).skip(before) {
                if now > before {
                    joined.push(',');
                }
                joined.push_str(view.text(place + now));
                *slot = (*slot).min(misfits + u32::from(!fits(heading, place, &joined)));
            }
        }
        best = next;
    }
    best.into_iter().zip(0..).skip(1).map(|(misfits, commas)| misfits + commas).min().unwrap_or(NONE)
}

/// Whether a text may stand in a column. What is blank may stand in any, and a comma at the edge of a text is one
/// cell too many rather than a part of it; names, references and descriptions may be any text.
fn fits(heading: &Heading, place: usize, text: &str) -> bool {
    let text = text.trim_matches(|c: char| c == ',' || c.is_whitespace());
    let Some(column) = heading.places.get(place).copied().flatten() else { return true };
    if text.is_empty() || is_null(text) {
        return true;
    }
    let digits = || text.bytes().any(|b| b.is_ascii_digit());
    match column {
        Column::LaCode => text.len() <= 3 && text.bytes().all(|b| b.is_ascii_digit()),
        Column::PeriodStart
        | Column::PeriodEnd
        | Column::Born
        | Column::Died
        | Column::EventStart
        | Column::EventEnd => dates::read(text).is_ok(),
        Column::NhsNumber => digits() && !text.bytes().any(|b| b.is_ascii_alphabetic() && b != b'E'),
        Column::GpCode => OdsCode::parse(text).is_some(),
        Column::Postcode => is_postcode(text),
        Column::ProviderId => CqcLocationId::parse(text).is_some(),
        Column::HoursCaring => digits(),
        Column::CaredFor | Column::UnitCost | Column::PlannedUnits => {
            digits() && text.trim_start_matches(['£', '-']).bytes().all(|b| b.is_ascii_digit() || b == b'.')
        }
        Column::LaPersonId
        | Column::FirstName
        | Column::LastName
        | Column::GpName
        | Column::EventReference
        | Column::Description
        | Column::Linked1
        | Column::Linked2
        | Column::Linked3
        | Column::ProviderName => true,
        _ => value_set(column).is_none_or(|codes| !matches!(codes.find(text), Found::Unknown)),
    }
}

/// The value set of a column that has one.
fn value_set(column: Column) -> Option<&'static Codes> {
    Some(match column {
        Column::Gender => &values::GENDER,
        Column::Ethnicity => &values::ETHNICITY,
        Column::ClientType => &values::CLIENT_TYPE,
        Column::SupportReason => &values::SUPPORT_REASON,
        Column::Accommodation => &values::ACCOMMODATION,
        Column::Employment => &values::EMPLOYMENT,
        Column::HasCarer | Column::Autism | Column::Dementia => &values::YES_NO,
        Column::Visual => &values::VISUAL,
        Column::Hearing => &values::HEARING,
        Column::Funding => &values::FUNDING,
        Column::EventType => &values::EVENT_TYPE,
        Column::Outcome => &values::OUTCOME,
        Column::Route => &values::ROUTE,
        Column::AssessmentType => &values::ASSESSMENT_TYPE,
        Column::EligibleNeeds => &values::ELIGIBLE_NEEDS,
        Column::AssessmentMethod | Column::ReviewMethod => &values::METHOD,
        Column::ServiceType => &values::SERVICE_TYPE,
        Column::Component => &values::COMPONENT,
        Column::Delivery => &values::DELIVERY,
        Column::ReviewReason => &values::REVIEW_REASON,
        Column::OutcomesAchieved => &values::OUTCOMES_ACHIEVED,
        Column::CostFrequency => &values::COST_FREQUENCY,
        _ => return None,
    })
}
