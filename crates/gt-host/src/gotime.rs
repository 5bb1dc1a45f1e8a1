//! The original's times in JSON: RFC 3339 with up to nine digits of a second, `Z` or an offset, and
//! a zero time that means "never".

use jiff::Timestamp;

/// What the original writes for a time that was never set.
const ZERO: &str = "0001-01-01T00:00:00Z";

/// A text that is no RFC 3339 time.
#[derive(Debug, thiserror::Error)]
#[error("`{}` is not a time", text.escape_default())]
pub struct GoTimeError {
    /// As found.
    pub text: String,
    /// What the parser said.
    #[source]
    pub source: jiff::Error,
}

/// Reads a time; none for the zero time.
///
/// # Errors
/// [`GoTimeError`] when the text is not RFC 3339.
pub fn parse(text: &str) -> Result<Option<Timestamp>, GoTimeError> {
    let time: Timestamp = text.parse().map_err(|source| GoTimeError {
        text: text.to_owned(),
        source,
    })?;
    Ok(Some(time).filter(|time| Some(*time) != ZERO.parse().ok()))
}

/// Writes a time in UTC; the zero time for none.
pub fn format(time: Option<Timestamp>) -> String {
    time.map_or_else(|| ZERO.to_owned(), |time| time.to_string())
}

/// For `#[serde(with = "crate::gotime::serde")]` on an `Option<Timestamp>`.
pub(crate) mod serde {
    use jiff::Timestamp;
    use serde::{Deserialize as _, Deserializer, Serializer, de::Error as _};

    #[expect(
        clippy::ref_option,
        reason = "serde calls it with a reference to the field"
    )]
    pub(crate) fn serialize<S: Serializer>(
        time: &Option<Timestamp>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&super::format(*time))
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<Timestamp>, D::Error> {
        match Option::<String>::deserialize(deserializer)? {
            Some(text) => super::parse(&text).map_err(D::Error::custom),
            None => Ok(None),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expect: &str) {
        assert_eq!(format(parse(text).unwrap()), expect);
    }

    #[test]
    fn nanoseconds_and_offsets_are_read_and_written_in_utc() {
        check(
            "2025-12-20T10:00:00.123456789+01:00",
            "2025-12-20T09:00:00.123456789Z",
        );
        check("2025-12-20T10:00:00.5Z", "2025-12-20T10:00:00.5Z");
        check("2025-12-20T10:00:00-08:00", "2025-12-20T18:00:00Z");
    }

    #[test]
    fn the_zero_time_is_never() {
        assert_eq!(parse(ZERO).unwrap(), None);
        check(ZERO, ZERO);
    }

    #[test]
    fn what_is_no_time_is_refused_by_its_text() {
        let error = parse("yesterday\u{1b}").unwrap_err();
        assert_eq!(error.to_string(), "`yesterday\\u{1b}` is not a time");
    }
}
