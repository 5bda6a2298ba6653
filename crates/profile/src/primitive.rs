//! The formats of FHIR's primitive types (R4 datatypes page, section "Primitive Types").

/// A primitive type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Primitive {
    Base64Binary,
    Boolean,
    Canonical,
    Code,
    Date,
    DateTime,
    Decimal,
    Id,
    Instant,
    Integer,
    Markdown,
    Oid,
    PositiveInt,
    Text,
    Time,
    UnsignedInt,
    Uri,
    Url,
    Uuid,
    Xhtml,
}

/// The JSON kind that carries a primitive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum JsonKind {
    Boolean,
    Number,
    Text,
}

impl Primitive {
    /// The primitive type of this name.
    pub(crate) fn of(name: &str) -> Option<Self> {
        Some(match name {
            "base64Binary" => Self::Base64Binary,
            "boolean" => Self::Boolean,
            "canonical" => Self::Canonical,
            "code" => Self::Code,
            "date" => Self::Date,
            "dateTime" => Self::DateTime,
            "decimal" => Self::Decimal,
            "id" => Self::Id,
            "instant" => Self::Instant,
            "integer" => Self::Integer,
            "markdown" => Self::Markdown,
            "oid" => Self::Oid,
            "positiveInt" => Self::PositiveInt,
            "string" => Self::Text,
            "time" => Self::Time,
            "unsignedInt" => Self::UnsignedInt,
            "uri" => Self::Uri,
            "url" => Self::Url,
            "uuid" => Self::Uuid,
            "xhtml" => Self::Xhtml,
            _ => return None,
        })
    }

    /// How JSON carries it.
    pub(crate) fn json(self) -> JsonKind {
        match self {
            Self::Boolean => JsonKind::Boolean,
            Self::Decimal | Self::Integer | Self::PositiveInt | Self::UnsignedInt => JsonKind::Number,
            _ => JsonKind::Text,
        }
    }

    /// True where the text (of a JSON string or number) has the type's format. The empty text is judged elsewhere.
    pub(crate) fn accepts(self, text: &str) -> bool {
        match self {
            Self::Boolean => matches!(text, "true" | "false"),
            Self::Base64Binary => base64(text),
            Self::Canonical | Self::Uri | Self::Url => uri(text),
            Self::Code => code(text),
            Self::Date => matches!(date_part(text.as_bytes()), Some((_, b""))),
            Self::DateTime => date_time(text, false),
            Self::Instant => date_time(text, true),
            Self::Decimal => decimal(text),
            Self::Id => id(text),
            Self::Integer => integer(text).is_some(),
            Self::UnsignedInt => integer(text).is_some_and(|n| n >= 0),
            Self::PositiveInt => integer(text).is_some_and(|n| n > 0),
            Self::Oid => text.strip_prefix("urn:oid:").is_some_and(oid),
            Self::Uuid => text.strip_prefix("urn:uuid:").is_some_and(uuid),
            Self::Time => time(text.as_bytes()).is_some_and(<[u8]>::is_empty),
            Self::Text | Self::Markdown | Self::Xhtml => characters(text) && !text.trim().is_empty(),
        }
    }
}

/// No control characters but tab and line ends.
fn characters(text: &str) -> bool {
    !text.bytes().any(|b| b < 0x20 && !matches!(b, b'\t' | b'\n' | b'\r'))
}

fn uri(text: &str) -> bool {
    if text.chars().any(char::is_whitespace) {
        return false;
    }
    if let Some(rest) = text.strip_prefix("urn:uuid:") {
        return uuid(rest.split('#').next().unwrap_or(rest));
    }
    text.strip_prefix("urn:oid:").is_none_or(oid)
}

/// Words parted by single spaces: the specification's prose lets no other white space stand in a code.
fn code(text: &str) -> bool {
    !text.is_empty() && text.split(' ').all(|word| !word.is_empty() && !word.contains(char::is_whitespace))
}

/// `[A-Za-z0-9\-.]{1,64}`
pub(crate) fn id(text: &str) -> bool {
    (1..=64).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.'))
}

fn oid(text: &str) -> bool {
    causeway_core::identifier::arcs(text).is_some_and(|arcs| arcs >= 2)
}

/// R4 writes UUIDs in lower case.
fn uuid(text: &str) -> bool {
    text.len() == 36
        && text.bytes().enumerate().all(|(at, b)| match at {
            8 | 13 | 18 | 23 => b == b'-',
            _ => b.is_ascii_digit() || matches!(b, b'a'..=b'f'),
        })
}

/// `-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?`, the JSON number grammar.
fn decimal(text: &str) -> bool {
    let (mantissa, exponent) = text.split_once(['e', 'E']).map_or((text, None), |(m, e)| (m, Some(e)));
    let digits = |t: &str| !t.is_empty() && t.bytes().all(|b| b.is_ascii_digit());
    let unsigned = mantissa.strip_prefix('-').unwrap_or(mantissa);
    let (whole, fraction) = unsigned.split_once('.').map_or((unsigned, None), |(w, f)| (w, Some(f)));
    digits(whole)
        && (whole == "0" || !whole.starts_with('0'))
        && fraction.is_none_or(digits)
        && exponent.is_none_or(|e| digits(e.strip_prefix(['+', '-']).unwrap_or(e)))
}

/// A 32-bit integer without fraction, exponent, sign `+` or leading zeros.
fn integer(text: &str) -> Option<i32> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let plain = !digits.is_empty()
        && digits.bytes().all(|b| b.is_ascii_digit())
        && (digits == "0" || !digits.starts_with('0'));
    plain.then(|| text.parse().ok()).flatten()
}

/// Standard base64, white space allowed, padded.
fn base64(text: &str) -> bool {
    let mut length = 0usize;
    let mut padding = 0usize;
    for byte in text.bytes().filter(|b| !b.is_ascii_whitespace()) {
        match byte {
            b'=' => padding += 1,
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'+' | b'/' if padding == 0 => {}
            _ => return false,
        }
        length += 1;
    }
    length > 0 && length.is_multiple_of(4) && padding <= 2
}

fn number(bytes: &[u8], length: usize) -> Option<(u32, &[u8])> {
    let (digits, rest) = bytes.split_at_checked(length)?;
    let value =
        digits.iter().try_fold(0u32, |n, b| b.is_ascii_digit().then(|| n * 10 + u32::from(b - b'0')))?;
    Some((value, rest))
}

/// How many days the month has.
fn days(year: u32, month: u32) -> u32 {
    match month {
        2 if year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400)) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// `YYYY`, `YYYY-MM` or `YYYY-MM-DD` at the start: how many parts, and what follows. Days must exist.
fn date_part(text: &[u8]) -> Option<(usize, &[u8])> {
    let (year, rest) = number(text, 4)?;
    if year == 0 {
        return None;
    }
    let Some(rest) = rest.strip_prefix(b"-") else { return Some((1, rest)) };
    let (month, rest) = number(rest, 2)?;
    if !(1..=12).contains(&month) {
        return None;
    }
    let Some(rest) = rest.strip_prefix(b"-") else { return Some((2, rest)) };
    let (day, rest) = number(rest, 2)?;
    (1..=days(year, month)).contains(&day).then_some((3, rest))
}

/// `hh:mm:ss` with an optional fraction at the start: what follows.
fn time(text: &[u8]) -> Option<&[u8]> {
    let (hour, rest) = number(text, 2)?;
    let (minute, rest) = number(rest.strip_prefix(b":")?, 2)?;
    let (second, rest) = number(rest.strip_prefix(b":")?, 2)?;
    if hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    let Some(fraction) = rest.strip_prefix(b".") else { return Some(rest) };
    let digits = fraction.iter().take_while(|b| b.is_ascii_digit()).count();
    fraction.get(digits..).filter(|_| digits > 0)
}

/// `Z` or an offset up to 14 hours.
fn zone(text: &[u8]) -> bool {
    if text == b"Z" {
        return true;
    }
    let Some(rest) = text.strip_prefix(b"+").or_else(|| text.strip_prefix(b"-")) else { return false };
    let Some((hour, rest)) = number(rest, 2) else { return false };
    let Some((minute, rest)) = rest.strip_prefix(b":").and_then(|r| number(r, 2)) else { return false };
    rest.is_empty() && minute < 60 && (hour < 14 || (hour == 14 && minute == 0))
}

fn date_time(text: &str, whole: bool) -> bool {
    match date_part(text.as_bytes()) {
        Some((_, b"")) => !whole,
        Some((3, rest)) => rest.strip_prefix(b"T").and_then(time).is_some_and(zone),
        _ => false,
    }
}

/// The parts of a date and time that can be compared: year to fraction, shifted to UTC; `None` where malformed.
pub(crate) struct Moment {
    /// Number of parts that the text gives: 1 year, 2 month, 3 day, 6 with a time.
    parts: usize,
    year: u32,
    month: u32,
    day: u32,
    /// Milliseconds since midnight before 0001-01-01, UTC, where there is a time.
    instant: i64,
}

impl Moment {
    /// Reads a valid date or dateTime.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (parts, rest) = date_part(text.as_bytes())?;
        let (year, after) = number(text.as_bytes(), 4)?;
        let month = after.get(1..).and_then(|a| number(a, 2)).map_or(1, |(m, _)| m);
        let day = after.get(4..).and_then(|a| number(a, 2)).map_or(1, |(d, _)| d);
        let mut moment = Self { parts, year, month, day, instant: 0 };
        if let Some(clock) = rest.strip_prefix(b"T") {
            let tail = time(clock)?;
            let (hour, _) = number(clock, 2)?;
            let (minute, _) = number(clock.get(3..)?, 2)?;
            let (second, _) = number(clock.get(6..)?, 2)?;
            let milli = clock.get(9..).and_then(|f| number(f, 3)).map_or(0, |(m, _)| m);
            let offset = match tail.first() {
                Some(sign @ (b'+' | b'-')) => {
                    let (hours, _) = number(tail.get(1..)?, 2)?;
                    let (minutes, _) = number(tail.get(4..)?, 2)?;
                    let minutes = i64::from(hours * 60 + minutes);
                    if *sign == b'-' { -minutes } else { minutes }
                }
                _ => 0,
            };
            let seconds =
                moment.days() * 86_400 + i64::from(hour * 3600 + minute * 60 + second) - offset * 60;
            moment.instant = seconds * 1000 + i64::from(milli);
            moment.parts = 6;
        }
        Some(moment)
    }

    /// Days since 1 January of year 1 (proleptic Gregorian calendar).
    fn days(&self) -> i64 {
        let before = i64::from(self.year) - 1;
        let of_years = before * 365 + before / 4 - before / 100 + before / 400;
        let of_months: i64 = (1..self.month).map(|m| i64::from(days(self.year, m))).sum();
        of_years + of_months + i64::from(self.day) - 1
    }

    /// FHIRPath's `<=`: `None` where the two have different precision and are the same as far as both go.
    pub(crate) fn is_at_most(&self, other: &Self) -> Option<bool> {
        if self.parts == 6 && other.parts == 6 {
            return Some(self.instant <= other.instant);
        }
        let parts = self.parts.min(other.parts);
        let key = |m: &Self| (m.year, if parts > 1 { m.month } else { 0 }, if parts > 2 { m.day } else { 0 });
        match key(self).cmp(&key(other)) {
            std::cmp::Ordering::Less => Some(true),
            std::cmp::Ordering::Greater => Some(false),
            std::cmp::Ordering::Equal => (self.parts == other.parts).then_some(true),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates() {
        for good in ["2024", "2024-02", "2024-02-29"] {
            assert!(Primitive::Date.accepts(good), "{good}");
        }
        for bad in ["2023-02-29", "2020-13-45", "24", "2024-2", "2024-01-01T00:00:00Z", "0000", "2024-01-01 "]
        {
            assert!(!Primitive::Date.accepts(bad), "{bad}");
        }
        for good in
            ["2024", "2024-01-31T23:59:60Z", "2024-01-31T10:00:00.123+01:00", "2024-01-31T10:00:00-14:00"]
        {
            assert!(Primitive::DateTime.accepts(good), "{good}");
        }
        for bad in [
            "2024-01-31T10:00Z",
            "2024-01-31T10:00:00",
            "2024-01T10:00:00Z",
            "2024-01-31T24:00:00Z",
            "2024-01-31T10:00:00.Z",
        ] {
            assert!(!Primitive::DateTime.accepts(bad), "{bad}");
        }
        assert!(!Primitive::Instant.accepts("2024-01-31"));
    }

    #[test]
    fn numbers_and_names() {
        assert!(Primitive::Decimal.accepts("-0.10") && Primitive::Decimal.accepts("1e-9"));
        assert!(
            !Primitive::Decimal.accepts("01")
                && !Primitive::Decimal.accepts(".5")
                && !Primitive::Decimal.accepts("1.")
        );
        assert!(Primitive::PositiveInt.accepts("1") && !Primitive::PositiveInt.accepts("0"));
        assert!(Primitive::Integer.accepts("-2147483648") && !Primitive::Integer.accepts("2147483648"));
        assert!(
            Primitive::Code.accepts("a b")
                && !Primitive::Code.accepts(" a")
                && !Primitive::Code.accepts("a  b")
        );
        assert!(Primitive::Id.accepts("a.B-9") && !Primitive::Id.accepts("a_b"));
        assert!(Primitive::Oid.accepts("urn:oid:1.2.826") && !Primitive::Oid.accepts("1.2.826"));
        assert!(Primitive::Base64Binary.accepts("aGk=") && !Primitive::Base64Binary.accepts("aGk"));
        assert!(!Primitive::Uri.accepts("a b") && !Primitive::Uri.accepts("urn:uuid:7"));
        let uuid = "urn:uuid:c757873d-ec9a-4326-a141-556f43239520";
        assert!(Primitive::Uri.accepts(uuid) && !Primitive::Uri.accepts(&uuid.replace("ec9a", "EC9A")));
        assert!(!Primitive::Code.accepts("a\tb"));
    }

    #[test]
    fn moments_compare_at_shared_precision() {
        let at_most =
            |a: &str, b: &str| Moment::parse(a).zip(Moment::parse(b)).and_then(|(a, b)| a.is_at_most(&b));
        assert_eq!(at_most("2024-03", "2024-02-28"), Some(false));
        assert_eq!(at_most("2024-02", "2024-02-28"), None);
        assert_eq!(at_most("2024-01-02", "2024-01-02T10:00:00Z"), None);
        assert_eq!(at_most("2024-01-01", "2024-01-02T10:00:00Z"), Some(true));
        assert_eq!(at_most("2024-01-01T00:00:00Z", "2024-01-01T00:30:00+01:00"), Some(false));
        assert_eq!(at_most("2024-01-01T00:30:00+01:00", "2024-01-01T00:00:00Z"), Some(true));
    }
}
