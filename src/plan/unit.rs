//! Lengths of time and sizes, as people write them.

use std::time::Duration;

/// Why a value is no time or size, and what to write instead.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct UnitFlaw {
    pub(super) message: String,
    pub(super) help: String,
}

const TIME_UNITS: &str = "the units are `ms`, `s`, `m`, `h` and `d`, as in `45s` or `1h30m`";
const SIZE_UNITS: &str =
    "the units are `KiB`, `MiB`, `GiB`, `TiB`, `KB`, `MB`, `GB`, `TB` and `B`; `K`, `M`, `G` and `T` are as in Docker, by 1024";
/// Longer waits are a mistake, and could not be added to a clock.
const LONGEST: Duration = Duration::from_hours(366 * 24);

/// Units of time, largest first, in milliseconds.
const TIMES: [(&str, u64); 5] = [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1000), ("ms", 1)];
/// What people write for a unit of time.
const TIME_WORDS: &[(&str, &[&str])] = &[
    ("d", &["day", "days"]),
    ("h", &["hr", "hrs", "hour", "hours"]),
    ("m", &["min", "mins", "minute", "minutes"]),
    ("s", &["sec", "secs", "second", "seconds"]),
    ("ms", &["msec", "msecs", "millis", "millisecond", "milliseconds"]),
];
const SIZES: [(&str, u64); 13] = [
    ("TiB", 1 << 40),
    ("GiB", 1 << 30),
    ("MiB", 1 << 20),
    ("KiB", 1 << 10),
    ("TB", 1_000_000_000_000),
    ("GB", 1_000_000_000),
    ("MB", 1_000_000),
    ("KB", 1000),
    ("T", 1 << 40),
    ("G", 1 << 30),
    ("M", 1 << 20),
    ("K", 1 << 10),
    ("B", 1),
];

/// Reads `30m`, `1h30m`, `45s`, `500ms`, `2d`. `usual` is the unit that a bare number most likely meant.
pub(super) fn duration(text: &str, usual: &str) -> Result<Duration, UnitFlaw> {
    match exact_duration(text) {
        Some(duration) if duration <= LONGEST => Ok(duration),
        Some(_) => Err(UnitFlaw { message: "this is longer than a year".into(), help: TIME_UNITS.into() }),
        None => Err(duration_flaw(&parts(text), usual)),
    }
}

/// Reads a length of time as plans write it, where it is not part of one: `30d`, `1h30m`.
///
/// # Errors
/// It is no length of time, or longer than a year; the text says what to write.
pub fn parse_duration(text: &str) -> Result<Duration, String> {
    duration(text, "d").map_err(|UnitFlaw { message, help }| format!("{message}: {help}"))
}

fn exact_duration(text: &str) -> Option<Duration> {
    let parts = parts(text);
    let mut rest = TIMES.as_slice();
    let mut millis: Option<u64> = (!parts.is_empty()).then_some(0);
    for (number, unit) in &parts {
        let known = rest.iter().position(|(name, _)| name == unit);
        let value = known.and_then(|at| number.parse::<u64>().ok()?.checked_mul(rest[at].1));
        millis = millis.zip(value).and_then(|(sum, value)| sum.checked_add(value));
        rest = known.map_or(&[], |at| &rest[at + 1..]);
    }
    millis.map(Duration::from_millis)
}

fn duration_flaw(parts: &[(&str, &str)], usual: &str) -> UnitFlaw {
    let message = match parts {
        [(number, "")] if !number.is_empty() => "this length of time has no unit",
        _ => "this is no length of time",
    };
    let better: Option<String> = parts
        .iter()
        .map(|(number, unit)| {
            let digits = !number.is_empty() && number.len() < 10 && number.bytes().all(|b| b.is_ascii_digit());
            digits.then(|| nearest_time(unit.trim(), usual)).flatten().map(|unit| format!("{number}{unit}"))
        })
        .collect();
    let better = better.filter(|text| exact_duration(text).is_some());
    UnitFlaw { message: message.into(), help: instead(better, TIME_UNITS) }
}

fn nearest_time<'u>(unit: &str, usual: &'u str) -> Option<&'u str> {
    if unit.is_empty() {
        return (!usual.is_empty()).then_some(usual);
    }
    let lower = unit.to_ascii_lowercase();
    TIME_WORDS.iter().find(|(name, words)| *name == lower || words.contains(&lower.as_str())).map(|(name, _)| *name)
}

/// Reads `4GiB`, `500MB`, `20G`.
pub(super) fn size(text: &str) -> Result<u64, UnitFlaw> {
    exact_size(text).ok_or_else(|| size_flaw(&parts(text)))
}

fn exact_size(text: &str) -> Option<u64> {
    let parts = parts(text);
    let [(number, unit)] = parts.as_slice() else { return None };
    let factor = SIZES.iter().find(|(name, _)| name == unit)?.1;
    let bytes = number.parse::<u64>().ok()?.checked_mul(factor)?;
    // Engines take signed numbers.
    i64::try_from(bytes).is_ok().then_some(bytes)
}

fn size_flaw(parts: &[(&str, &str)]) -> UnitFlaw {
    let (message, better) = match parts {
        [(number, "")] if !number.is_empty() => ("this size has no unit", nearest_size(number, "MiB")),
        [(number, unit)] => ("this is no size", nearest_size(number, unit.trim())),
        _ => ("this is no size", None),
    };
    UnitFlaw { message: message.into(), help: instead(better, SIZE_UNITS) }
}

fn nearest_size(number: &str, unit: &str) -> Option<String> {
    let known = SIZES.iter().map(|(name, _)| *name);
    let words = [("bytes", "B"), ("byte", "B"), ("gigabytes", "GB"), ("megabytes", "MB"), ("kilobytes", "KB")];
    let word = words.iter().find(|(word, _)| unit.eq_ignore_ascii_case(word)).map(|(_, unit)| *unit);
    let unit = word.or_else(|| known.clone().find(|name| name.eq_ignore_ascii_case(unit))).or_else(|| {
        known
            .filter(|name| name.len() > 1)
            .max_by(|a, b| strsim::jaro(a, unit).total_cmp(&strsim::jaro(b, unit)))
            .filter(|name| strsim::jaro(name, unit) > 0.7)
    })?;
    let whole = format!("{number}{unit}");
    if exact_size(&whole).is_some() {
        return Some(whole);
    }
    // Half a unit is a whole number of the next smaller one.
    let (before, after) = number.split_once('.')?;
    let smaller = SIZES.iter().position(|(name, _)| *name == unit).and_then(|at| SIZES.get(at + 1))?;
    let step = SIZES.iter().find(|(name, _)| *name == unit)?.1 / smaller.1;
    let tenths = after.get(..1)?.parse::<u64>().ok()?;
    let count = before.parse::<u64>().ok()?.checked_mul(step)?.checked_add(tenths * step / 10)?;
    (step > 1 && after.len() == 1).then(|| format!("{count}{}", smaller.0))
}

fn instead(better: Option<String>, units: &str) -> String {
    better.map_or_else(|| units.to_owned(), |better| format!("write `{better}`; {units}"))
}

/// Splits into numbers and what follows each. No part of a text that is far too long to be a value.
fn parts(text: &str) -> Vec<(&str, &str)> {
    let mut parts = Vec::new();
    let mut rest = text.trim();
    if rest.len() > 64 {
        return parts;
    }
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !(c.is_ascii_digit() || c == '.')).unwrap_or(rest.len());
        let (number, after) = rest.split_at(digits);
        let word = after.find(|c: char| c.is_ascii_digit()).unwrap_or(after.len());
        let (unit, next) = after.split_at(word);
        // A space stays with the unit: it is refused, but understood for the help.
        parts.push((number, unit));
        rest = next;
    }
    parts
}

/// The length of time as a person writes it.
pub(super) fn show_duration(duration: Duration) -> String {
    let mut millis = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
    let parts = TIMES.iter().filter_map(|(unit, factor)| {
        let count = millis / factor;
        millis %= factor;
        (count > 0).then(|| format!("{count}{unit}"))
    });
    let text = parts.collect::<Vec<_>>().concat();
    if text.is_empty() { "0s".to_owned() } else { text }
}

/// The size as a person writes it, exactly.
pub(super) fn show_size(bytes: u64) -> String {
    let fits = SIZES.iter().filter(|(name, _)| name.len() > 1).find(|(_, factor)| bytes > 0 && bytes.is_multiple_of(*factor));
    fits.map_or_else(|| format!("{bytes}B"), |(unit, factor)| format!("{}{unit}", bytes / factor))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_and_shown_in_the_same_form() {
        for text in ["30m", "1h30m", "45s", "500ms", "2d", "1d2h3m4s5ms"] {
            assert_eq!(show_duration(duration(text, "m").unwrap()), text);
        }
        assert_eq!(duration("90m", "m").unwrap(), Duration::from_mins(90));
        assert_eq!(show_duration(Duration::from_mins(90)), "1h30m");
        assert_eq!(duration("0s", "m").unwrap(), Duration::ZERO);
    }

    #[test]
    fn a_wrong_time_names_what_to_write() {
        let cases = [
            ("30", Some("30m")),
            ("30 m", Some("30m")),
            ("30min", Some("30m")),
            ("1hour30minutes", Some("1h30m")),
            ("30M", Some("30m")),
            ("", None),
            ("m", None),
            ("1.5h", None),
            ("-5m", None),
            ("5m1h", None),
            ("5m5m", None),
            ("3 fortnights", None),
            ("99999999999999999999d", None),
            ("500d", None),
        ];
        for (text, better) in cases {
            let flaw = duration(text, "m").unwrap_err();
            let written = flaw.help.strip_prefix("write `").and_then(|help| help.split('`').next());
            assert_eq!(written, better, "{text}: {flaw:?}");
            assert!(flaw.help.contains("`1h30m`"), "{text}");
        }
    }

    #[test]
    fn sizes_are_read_by_both_systems() {
        let cases =
            [("4GiB", 4 << 30), ("500MB", 500_000_000), ("20G", 20 << 30), ("1KiB", 1024), ("7B", 7), ("1TB", 1_000_000_000_000)];
        for (text, bytes) in cases {
            assert_eq!(size(text).unwrap(), bytes, "{text}");
        }
        for (bytes, text) in [(4 << 30, "4GiB"), (500_000_000, "500MB"), (20 << 30, "20GiB"), (7, "7B"), (0, "0B")] {
            assert_eq!(show_size(bytes), text);
        }
    }

    #[test]
    fn a_wrong_size_names_what_to_write() {
        let cases = [
            ("4", Some("4MiB")),
            ("4gb", Some("4GB")),
            ("4 GiB", Some("4GiB")),
            ("4GIB", Some("4GiB")),
            ("4Gib", Some("4GiB")),
            ("4Gi", Some("4GiB")),
            ("1.5GiB", Some("1536MiB")),
            ("", None),
            ("much", None),
            ("99999999999TiB", None),
        ];
        for (text, better) in cases {
            let flaw = size(text).unwrap_err();
            let written = flaw.help.strip_prefix("write `").and_then(|help| help.split('`').next());
            assert_eq!(written, better, "{text}: {flaw:?}");
        }
    }
}
