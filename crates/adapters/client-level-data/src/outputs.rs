//! What an event of a row becomes.

use causeway_fhir::Ref;

use crate::columns::Column;
use crate::event::{Event, Kind};
use crate::file::{File, Row};
use crate::group::Group;
use crate::person::Role;
use crate::{characteristics, contact, rules, service, task, values};

/// Ages at which the employment status is mandatory for people with learning disability support.
const WORKING_AGE: std::ops::RangeInclusive<i32> = 18..=64;

/// Writes the event of a row and everything that hangs on it.
pub fn write(file: &mut File<'_>, group: &mut Group, row: &Row<'_>, event: &Event<'_>, patient: &Ref) {
    group.kinds |= 1 << (event.kind as u8);
    let reason = file.coded(row, Column::SupportReason, &values::SUPPORT_REASON);
    if reason.is_some_and(|reason| reason.is("LDS"))
        && group.person.role == Role::ServiceUser
        && row.cell(Column::Employment).is_none()
        && group
            .person
            .period
            .1
            .or(file.today)
            .and_then(|day| group.person.age_on(day))
            .is_some_and(|age| WORKING_AGE.contains(&age))
    {
        file.tell(row, Column::Employment, &rules::EMPLOYMENT_MISSING);
    }
    characteristics::write(file, group, row, patient);
    let reason = characteristics::support_reason(file, group, event, reason, patient);
    match event.kind {
        Kind::Request => contact::write(file, group, row, event, patient, reason.as_ref()),
        Kind::Assessment | Kind::Review => task::write(file, group, row, event, patient, reason.as_ref()),
        Kind::Service => service::write(file, group, row, event, patient, reason.as_ref()),
    }
}
