//! Durations and ages, computed from times that come in as data.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

/// How old `stamp` is at `now`, counted from `epoch` at the earliest.
///
/// `epoch` is when the daemon started or the clock last jumped or the machine last slept: no age
/// is counted across it. A stamp in the future (a bad writer, a clock set back) says nothing about
/// its age and counts from `epoch` too, so it can never be "fresh for ever".
pub fn age(stamp: Timestamp, epoch: Timestamp, now: Timestamp) -> Duration {
    let from = if stamp > now { epoch } else { stamp.max(epoch) };
    elapsed(from, now)
}

/// The time from `from` to `now`; zero when `from` is later.
pub fn elapsed(from: Timestamp, now: Timestamp) -> Duration {
    Duration::try_from(now.duration_since(from)).unwrap_or(Duration::ZERO)
}

/// `time + delay`, held at the last representable time.
pub fn after(time: Timestamp, delay: Duration) -> Timestamp {
    SignedDuration::try_from(delay)
        .ok()
        .and_then(|delay| time.checked_add(delay).ok())
        .unwrap_or(Timestamp::MAX)
}

/// A time for programs: RFC 3339 with exactly three digits of a second, so that columns line up and
/// texts sort.
pub fn stamp(time: Timestamp) -> String {
    format!("{time:.3}")
}

/// A time for people: RFC 3339 to the second.
pub fn shown(time: Timestamp) -> String {
    format!("{time:.0}")
}

/// A sentence, or a bare time, with each time in it as people read it.
pub fn shown_in(text: &str) -> String {
    let words = text.split_inclusive([' ', '\n']).map(|word| {
        let time = word.trim_end_matches([',', ';', ':', ')', ' ', '\n']);
        let end = &word[time.len()..];
        time.parse()
            .map_or_else(|_| word.to_owned(), |time| shown(time) + end)
    });
    words.collect()
}

/// A length of time as town.toml has it: `1h30m`; `1.5s` is `1s500ms`.
pub fn short(duration: Duration) -> String {
    let shown = [
        ("h", 3_600_000_000_000),
        ("m", 60_000_000_000),
        ("s", 1_000_000_000),
        ("ms", 1_000_000),
        ("us", 1_000),
        ("ns", 1),
    ];
    let mut left = duration.as_nanos();
    let mut text = String::new();
    for (unit, nanoseconds) in shown {
        if left >= nanoseconds {
            text.push_str(&format!("{}{unit}", left / nanoseconds));
            left %= nanoseconds;
        }
    }
    if text.is_empty() {
        "0s".to_owned()
    } else {
        text
    }
}

/// A length of time in milliseconds, to the microsecond: `1.204 ms`.
pub fn milliseconds(duration: Duration) -> String {
    format!("{:.3} ms", duration.as_secs_f64() * 1e3)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_has_the_same_form_whatever_its_digits() {
        let time = |text: &str| text.parse::<Timestamp>().unwrap();
        assert_eq!(
            stamp(time("2025-12-20T10:00:00Z")),
            "2025-12-20T10:00:00.000Z"
        );
        assert_eq!(
            stamp(time("2025-12-20T10:00:00.120456789Z")),
            "2025-12-20T10:00:00.120Z"
        );
        assert_eq!(
            shown_in(
                "since 2025-12-20T10:00:00.120456789Z, and
  2025 is over"
            ),
            "since 2025-12-20T10:00:00Z, and
  2025 is over"
        );
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    /// Covers D8: a future stamp ages like any other.
    #[test]
    fn a_future_stamp_is_not_fresh_for_ever() {
        assert_eq!(age(at(9_999), at(100), at(700)), Duration::from_secs(600));
    }

    #[test]
    fn no_age_is_counted_across_a_gap() {
        assert_eq!(age(at(10), at(650), at(700)), Duration::from_secs(50));
        assert_eq!(age(at(680), at(650), at(700)), Duration::from_secs(20));
    }
}
