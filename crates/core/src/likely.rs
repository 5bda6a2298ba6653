//! Moments that are dates by their form and can't be meant: they are carried as stated, and told.

use crate::common;
use crate::rule::Rule;
use crate::when::When;

/// Years that a record of somebody alive or lately dead can speak of.
const YEARS: std::ops::RangeInclusive<i16> = 1800..=2199;

/// Elements that say when something happened: a date after the day of receipt is a slip there. Which elements hold plans
/// too is for their owner to know (`occurrenceDateTime` of a vaccination and of a request), so those are not here.
const HAPPENED: [&str; 12] = [
    "authoredOn",
    "collectedDateTime",
    "date",
    "dateAsserted",
    "effectiveDateTime",
    "issued",
    "onsetDateTime",
    "performedDateTime",
    "received",
    "receivedTime",
    "recordedDate",
    "sent",
];

/// The last day on which something that is told can have happened, for [`When::unlikely`]: a year after receipt, for clocks
/// run fast and a slip in a year is what is looked for.
pub fn last_day(received: jiff::Timestamp) -> (i16, u8, u8) {
    let day = crate::london().to_datetime(received).date();
    (day.year() + 1, day.month() as u8, day.day() as u8)
}

impl When {
    /// The rule that a moment breaks as the value of an element of FHIR, by its name: a day that systems write for none, a
    /// year that no record speaks of, or something that happened long after it was told. Whether the end of a period is
    /// one is decided where the period is written. `last` as of [`last_day`].
    pub fn unlikely(&self, element: &str, last: (i16, u8, u8)) -> Option<&'static Rule> {
        // Of a date of birth other rules tell.
        if element == "birthDate" {
            return None;
        }
        if self.is_sentinel() {
            return Some(&common::DATE_SENTINEL);
        }
        if !YEARS.contains(&self.ymd().0) {
            return Some(&common::DATE_IMPLAUSIBLE);
        }
        (self.ymd() > last && HAPPENED.contains(&element)).then_some(&common::DATE_IN_FUTURE)
    }

    /// Whether its year is one that a record can speak of. Digits in another form (`261012`) read as a year and a month are
    /// found by it.
    pub(crate) fn is_of_our_time(year: i16) -> bool {
        YEARS.contains(&year)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_can_t_be_meant_is_named() {
        let last = last_day("2026-11-02T09:30:00Z".parse().unwrap());
        assert_eq!(last, (2027, 11, 2));
        let rule = |text: &str, element: &str| {
            When::iso(text, &crate::london()).unwrap().unlikely(element, last).map(|rule| rule.id)
        };
        assert_eq!(rule("1900-01-01", "effectiveDateTime"), Some("date-sentinel"));
        assert_eq!(rule("9999-12-31T00:00", "performedDateTime"), Some("date-sentinel"));
        assert_eq!(rule("0202-10-12", "start"), Some("date-implausible"));
        assert_eq!(rule("2062-10-12", "issued"), Some("date-in-future"));
        assert_eq!(rule("2062-10-12", "start"), None);
        assert_eq!(rule("2027-11-02", "issued"), None);
        assert_eq!(rule("2026", "issued"), None);
    }
}
