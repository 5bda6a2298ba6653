//! Dates and times (DTM), in the formats that MEDRPT uses.

use causeway_core::{IssueCode, Leaf, When};
use causeway_edifact::View;
use causeway_fhir::{Writer, types};
use jiff::tz::TimeZone;

use crate::codes::warning;
use crate::rules;

/// A point in time, or a time span (formats 718 and 719), or what is no date in the format that it names.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Moment {
    At(When),
    Span(When, When),
    Unread,
}

/// A moment with the items that it came from: qualifier, value, format.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stated<'s> {
    pub moment: Moment,
    pub from: [Option<Leaf<'s>>; 3],
}

/// Reads a DTM segment. Local times get the offset of the zone; a time that the change of the clocks makes
/// doubtful is told. A value that is no date, or a format that is not known, is told; its text is for whoever writes it.
pub(crate) fn read<'s>(w: &mut Writer, dtm: &View<'s>, zone: &TimeZone) -> Option<Stated<'s>> {
    let from = [dtm.get(1, 1), dtm.get(1, 2), dtm.get(1, 3)];
    let value = dtm.get(1, 2).filter(|value| !value.is_blank())?;
    let moment = parse(value.text, dtm.text(1, 3), zone).unwrap_or(Moment::Unread);
    let doubt = match moment {
        Moment::At(when) => when.doubt(),
        Moment::Span(start, end) => start.doubt().or(end.doubt()),
        Moment::Unread => {
            w.issue(Some(value.id), rules::DATE_INVALID.issue());
            None
        }
    };
    if let Some(doubt) = doubt {
        w.issue(Some(value.id), warning(IssueCode::Value, "local-time-doubtful", doubt));
    }
    Some(Stated { moment, from })
}

/// Formats of UN/EDIFACT 2379: 102 CCYYMMDD, 203 CCYYMMDDHHMM, 204 with seconds, 602 CCYY, 610 CCYYMM,
/// 718 CCYYMMDD-CCYYMMDD, 719 CCYYMMDDHHMM-CCYYMMDDHHMM (the hyphen may be missing).
fn parse(value: &str, format: &str, zone: &TimeZone) -> Option<Moment> {
    let value = value.trim();
    let point = |text: &str, digits: usize| {
        (text.len() == digits && text.bytes().all(|b| b.is_ascii_digit()))
            .then(|| When::hl7(text, zone).ok())
            .flatten()
    };
    let span = |digits: usize| {
        let start = value.get(..digits)?;
        let end = value.get(digits..)?;
        let end = end.strip_prefix('-').unwrap_or(end);
        Some(Moment::Span(point(start, digits)?, point(end, digits)?))
    };
    match format.trim() {
        "102" => point(value, 8).map(Moment::At),
        "203" => point(value, 12).map(Moment::At),
        "204" => point(value, 14).map(Moment::At),
        "602" => point(value, 4).map(Moment::At),
        "610" => point(value, 6).map(Moment::At),
        "718" => span(8),
        "719" => span(12),
        _ => None,
    }
}

/// Keeps the text of what can't be read as a date beside the element `key`.
pub(crate) fn unread(w: &mut Writer, key: &str, from: [Option<Leaf<'_>>; 3]) {
    if let Some(value) = from[1] {
        types::source_text(w, key, value);
        w.lossy(from, "not a date or time in the format that it names; its text was kept");
    }
}

/// Writes a `dateTime` under a key; of a span its start, the end being lost.
pub(crate) fn date_time(w: &mut Writer, key: &str, stated: &Stated<'_>) {
    match stated.moment {
        Moment::At(when) => w.date_time(key, &when, stated.from),
        Moment::Span(start, _) => {
            w.date_time(key, &start, stated.from);
            w.lossy(stated.from, "the element holds one time, so the end of the period was not carried");
        }
        Moment::Unread => unread(w, key, stated.from),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fhir(value: &str, format: &str) -> Option<String> {
        match parse(value, format, &causeway_core::london())? {
            Moment::At(when) => Some(when.fhir()),
            Moment::Span(start, end) => Some(format!("{}/{}", start.fhir(), end.fhir())),
            Moment::Unread => None,
        }
    }

    #[test]
    fn formats() {
        for (value, format, expected) in [
            ("20100223", "102", Some("2010-02-23")),
            ("201006231541", "203", Some("2010-06-23T15:41:00+01:00")),
            ("20010330", "203", None),
            ("2010", "602", Some("2010")),
            ("201002", "610", Some("2010-02")),
            ("20100223-20100224", "718", Some("2010-02-23/2010-02-24")),
            ("2010022320100224", "718", Some("2010-02-23/2010-02-24")),
            ("20100230", "102", None),
            ("20100223", "999", None),
            ("é0100223", "718", None),
        ] {
            assert_eq!(fhir(value, format).as_deref(), expected, "{value} {format}");
        }
    }
}
