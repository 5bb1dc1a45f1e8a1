//! When a limit ends, as programs write it: `resets 7pm (UTC)`, `resets Nov 28, 9am (Europe/Prague)`,
//! `try again at Nov 28th, 2026 9:12 AM`, `try again in 2 hours 5 minutes`.

use std::sync::LazyLock;
use std::time::Duration;

use jiff::civil::{Date, Time};
use jiff::{SignedDuration, Span, Timestamp, Zoned};
use regex_lite::{Captures, Regex};

/// A limit's end, as it was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reset {
    /// After this long.
    In(Duration),
    /// At a time of day.
    At {
        /// The month and day, with the year if that is written.
        date: Option<(i8, i8, Option<i16>)>,
        /// The time.
        time: Time,
        /// The IANA name of the time zone; that of the machine without one.
        zone: Option<String>,
    },
}

static AT: LazyLock<Regex> = LazyLock::new(|| {
    let pattern = r"(?i)\b(?:resets?|try again|available)(?: (?:at|on))? (?:(?P<month>[a-z]{3})[a-z]*\.? (?P<day>\d{1,2})(?:st|nd|rd|th)?(?:,? (?P<year>\d{4}))?,? (?:at )?)?(?P<hour>\d{1,2})(?::(?P<minute>\d\d))? ?(?P<half>[ap])\.?m\b\.?(?: \((?P<zone>[\w/+-]+)\))?";
    Regex::new(pattern).expect("a test reads by it")
});

static IN: LazyLock<Regex> = LazyLock::new(|| {
    let pattern = r"(?i)\b(?:resets?|try again|available) in (?P<first>\d+) ?(?P<unit>[dhms])[a-z]*(?:,? (?:and )?(?P<second>\d+) ?(?P<part>[hms])[a-z]*)?";
    Regex::new(pattern).expect("a test reads by it")
});

const MONTHS: [&str; 12] = [
    "jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec",
];

impl Reset {
    /// Finds one in a text.
    pub fn find(text: &str) -> Option<Self> {
        match (IN.captures(text), AT.captures(text)) {
            (Some(found), _) => after(&found),
            (None, Some(found)) => at(&found),
            (None, None) => None,
        }
    }

    /// The name of its time zone, if it has one.
    pub fn zone(&self) -> Option<&str> {
        match self {
            Self::In(_) => None,
            Self::At { zone, .. } => zone.as_deref(),
        }
    }

    /// The moment that was meant when it was written at `seen`, a time in its zone. A time of day alone
    /// is the nearest one: no limit that is told of without a date lasts half a day. None where there
    /// is no such date.
    pub fn moment(&self, seen: &Zoned) -> Option<Timestamp> {
        match self {
            Self::In(duration) => {
                let duration = SignedDuration::try_from(*duration).ok()?;
                seen.timestamp().checked_add(duration).ok()
            }
            Self::At { date, time, .. } => {
                let written = match date {
                    Some((month, day, year)) => {
                        Date::new(year.unwrap_or(seen.year()), *month, *day).ok()?
                    }
                    None => seen.date(),
                };
                let moment = written
                    .to_datetime(*time)
                    .to_zoned(seen.time_zone().clone())
                    .ok()?;
                let distance = moment.timestamp().duration_since(seen.timestamp());
                let moved = match date {
                    None if distance < -HALF_A_DAY => Span::new().days(1),
                    None if distance > HALF_A_DAY => Span::new().days(-1),
                    Some((_, _, None)) if distance < -HALF_A_YEAR => Span::new().years(1),
                    _ => Span::new(),
                };
                Some(moment.checked_add(moved).ok()?.timestamp())
            }
        }
    }
}

const HALF_A_DAY: SignedDuration = SignedDuration::from_hours(12);
const HALF_A_YEAR: SignedDuration = SignedDuration::from_hours(24 * 182);

fn after(found: &Captures<'_>) -> Option<Reset> {
    let part = |number: &str, unit: &str| {
        let number: u64 = found.name(number)?.as_str().parse().ok()?;
        let seconds = match found.name(unit)?.as_str().to_ascii_lowercase().as_str() {
            "d" => 24 * 60 * 60,
            "h" => 60 * 60,
            "m" => 60,
            _ => 1,
        };
        Some(Duration::from_secs(number.checked_mul(seconds)?))
    };
    let first = part("first", "unit")?;
    let second = part("second", "part").unwrap_or_default();
    first.checked_add(second).map(Reset::In)
}

fn at(found: &Captures<'_>) -> Option<Reset> {
    let number = |name: &str| found.name(name)?.as_str().parse::<i16>().ok();
    let small = |name: &str| i8::try_from(number(name)?).ok();
    let is_afternoon = found.name("half")?.as_str().eq_ignore_ascii_case("p");
    let hour = small("hour").filter(|hour| (1..=12).contains(hour))? % 12;
    let hour = if is_afternoon { hour + 12 } else { hour };
    let date = match found.name("month") {
        Some(month) => {
            let month = month.as_str().to_ascii_lowercase();
            let place = MONTHS.iter().position(|known| *known == month)?;
            Some((i8::try_from(place).ok()? + 1, small("day")?, number("year")))
        }
        None => None,
    };
    Some(Reset::At {
        date,
        time: Time::new(hour, small("minute").unwrap_or(0), 0, 0).ok()?,
        zone: found.name("zone").map(|zone| zone.as_str().to_owned()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Friday noon in UTC.
    fn noon() -> Zoned {
        "2026-11-27T12:00:00[UTC]".parse().unwrap()
    }

    #[track_caller]
    fn check(text: &str, expect: &str) {
        let moment = Reset::find(text).and_then(|reset| reset.moment(&noon()));
        let moment = moment.map_or_else(|| "none".to_owned(), |moment| moment.to_string());
        assert_eq!(moment, expect, "{text}");
    }

    #[test]
    fn a_limit_says_when_it_ends() {
        check(
            "● You've hit your session limit · resets 7pm (UTC)",
            "2026-11-27T19:00:00Z",
        );
        check(
            "limit reached · resets 3:45pm (UTC)",
            "2026-11-27T15:45:00Z",
        );
        check(
            "You've hit your weekly limit · resets Nov 28, 9am (UTC)",
            "2026-11-28T09:00:00Z",
        );
        check("resets Jan 2, 9am", "2027-01-02T09:00:00Z");
        check(
            "or try again at Nov 28th, 2026 9:12 AM.",
            "2026-11-28T09:12:00Z",
        );
        check("try again at 9:12 PM.", "2026-11-27T21:12:00Z");
        check("Try again in 2 hours 5 minutes.", "2026-11-27T14:05:00Z");
        check("try again in 5 days 3 hours", "2026-12-02T15:00:00Z");
        check("resets in 42m", "2026-11-27T12:42:00Z");
        for nothing in [
            "Please try again later.",
            "resets 13pm",
            "resets Foo 3, 9am",
            "resets soon",
        ] {
            check(nothing, "none");
        }
    }

    /// What stood there before the moment that it names is over then, and not due tomorrow.
    #[test]
    fn a_time_that_is_too_long_is_none() {
        let longest = u64::MAX;
        for text in [
            format!("limit reached, resets in {longest}s and 9m"),
            format!("limit reached, resets in {longest}d"),
        ] {
            assert_eq!(Reset::find(&text), None, "{text}");
        }
    }

    #[test]
    fn a_time_of_day_is_the_nearest_one() {
        check("resets 11am (UTC)", "2026-11-27T11:00:00Z");
        check("resets 12am (UTC)", "2026-11-27T00:00:00Z");
        let night: Zoned = "2026-11-27T23:00:00[UTC]".parse().unwrap();
        let moment = Reset::find("resets 2am").unwrap().moment(&night).unwrap();
        assert_eq!(moment.to_string(), "2026-11-28T02:00:00Z");
    }

    #[test]
    fn its_zone_is_told() {
        let reset = Reset::find("resets 7pm (Europe/Prague)").unwrap();
        assert_eq!(reset.zone(), Some("Europe/Prague"));
        let seen = noon().with_time_zone(jiff::tz::TimeZone::fixed(jiff::tz::offset(1)));
        assert_eq!(
            reset.moment(&seen).unwrap().to_string(),
            "2026-11-27T18:00:00Z"
        );
    }
}
