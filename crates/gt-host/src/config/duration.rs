//! Lengths of time as people and Go write them: `300ms`, `1h30m`, `1.5h`. [`gt_core::time::short`]
//! writes them.

use std::time::Duration;

/// Units by name with their nanoseconds. `ms` stands before `m` and `s`: the first that fits wins.
const UNITS: &[(&str, u64)] = &[
    ("ns", 1),
    ("us", 1_000),
    ("µs", 1_000),
    ("ms", 1_000_000),
    ("s", 1_000_000_000),
    ("m", 60_000_000_000),
    ("h", 3_600_000_000_000),
    ("d", 86_400_000_000_000),
];

/// Reads a length of time; none for anything else, a negative one included.
pub fn parse(text: &str) -> Option<Duration> {
    if text == "0" {
        return Some(Duration::ZERO);
    }
    let mut rest = text;
    let mut total = Duration::ZERO;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let (number, after) = rest.split_at(digits);
        let (unit, nanoseconds) = UNITS.iter().find(|(unit, _)| after.starts_with(unit))?;
        total = total.checked_add(scaled(number, *nanoseconds)?)?;
        rest = &after[unit.len()..];
    }
    (!text.is_empty()).then_some(total)
}

fn scaled(number: &str, nanoseconds: u64) -> Option<Duration> {
    let Some((whole, fraction)) = number.split_once('.') else {
        return Some(Duration::from_nanos(
            number.parse::<u64>().ok()?.checked_mul(nanoseconds)?,
        ));
    };
    let whole: u64 = whole.parse().ok()?;
    let exact = u32::try_from(fraction.len())
        .ok()
        .and_then(|digits| 10_u64.checked_pow(digits))?;
    let part = u128::from(fraction.parse::<u64>().ok()?) * u128::from(nanoseconds);
    let part = u64::try_from(part / u128::from(exact)).ok()?;
    Some(Duration::from_nanos(
        whole.checked_mul(nanoseconds)?.checked_add(part)?,
    ))
}

#[cfg(test)]
mod tests {
    use gt_core::time::short;

    use super::*;

    #[track_caller]
    fn check(text: &str, expect: Option<&str>) {
        assert_eq!(parse(text).map(short).as_deref(), expect, "{text:?}");
    }

    #[test]
    fn people_and_go_are_understood() {
        check("5m", Some("5m"));
        check("300ms", Some("300ms"));
        check("1h30m", Some("1h30m"));
        check("1.5h", Some("1h30m"));
        check("2d", Some("48h"));
        check("1m0s", Some("1m"));
        check("0.25s", Some("250ms"));
        check("0", Some("0s"));
        check("1µs", Some("1us"));
    }

    #[test]
    fn anything_else_is_no_time() {
        for bad in [
            "",
            "5",
            "m",
            "-5m",
            "5 m",
            "5x",
            "1.2.3s",
            "5m3",
            "99999999999999999999s",
            ".s",
        ] {
            check(bad, None);
        }
    }
}
