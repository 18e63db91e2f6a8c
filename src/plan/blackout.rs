//! Windows of a week in which nothing is cut, in the time of a place: `Fri 12:00 - Mon 06:00 Europe/Berlin`.

use std::fmt;

use jiff::{Timestamp, ToSpan as _, civil::Weekday, tz::TimeZone};

const DAYS: [&str; 7] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];
const DAY: u32 = 24 * 60;

/// A window of the week.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Blackout {
    text: String,
    /// Minutes from Monday 00:00 on.
    from: u32,
    until: u32,
    zone: String,
}

/// This machine does not know the window's time zone, so that nobody can say whether it is now.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "this machine does not know the time zone `{zone}` of the blackout `{window}`: install the system's time zones (the package `tzdata`)"
)]
pub struct UnknownZone {
    window: String,
    zone: String,
}

impl Blackout {
    /// Reads a window, or says why it is none.
    pub(super) fn parse(text: &str) -> Result<Self, &'static str> {
        let words: Vec<&str> = text.split_whitespace().collect();
        let [from_day, from, "-", until_day, until, zone] = words.as_slice() else {
            return Err("it must have the form `Fri 12:00 - Mon 06:00 Europe/Berlin`");
        };
        let day = |name: &str| DAYS.iter().zip(0_u32..).find(|(day, _)| **day == name).map(|(_, index)| index * DAY);
        let (Some(from_day), Some(until_day)) = (day(from_day), day(until_day)) else {
            return Err("its days must be Mon, Tue, Wed, Thu, Fri, Sat or Sun");
        };
        let (Some(from), Some(until)) = (minutes(from), minutes(until)) else {
            return Err("its times must be between 00:00 and 23:59");
        };
        if !is_zone(zone) {
            return Err("its time zone must be named as in `Europe/Berlin` or `UTC`");
        }
        let (from, until) = (from_day + from, until_day + until);
        if from == until {
            return Err("it ends when it begins");
        }
        Ok(Self { text: words.join(" "), from, until, zone: (*zone).to_owned() })
    }

    /// When the window ends that `now` is in; none if it is in none.
    ///
    /// # Errors
    /// This machine does not know the window's time zone.
    pub fn until(&self, now: Timestamp) -> Result<Option<Timestamp>, UnknownZone> {
        let unknown = || UnknownZone { window: self.text.clone(), zone: self.zone.clone() };
        let zone = if self.zone == "UTC" { TimeZone::UTC } else { TimeZone::get(&self.zone).map_err(|_| unknown())? };
        let local = now.to_zoned(zone.clone()).datetime();
        let minute_of_day = u32::from(local.hour().unsigned_abs()) * 60 + u32::from(local.minute().unsigned_abs());
        let minute = day_index(local.weekday()) * DAY + minute_of_day;
        let inside = if self.from < self.until {
            (self.from..self.until).contains(&minute)
        } else {
            minute >= self.from || minute < self.until
        };
        if !inside {
            return Ok(None);
        }
        let week = 7 * DAY;
        let days = (self.until / DAY + 7 - minute / DAY) % 7;
        // On the day on which it ends, but after that time: a week later.
        let days = if days == 0 && self.until <= minute { week / DAY } else { days };
        let (hour, minute) = ((self.until % DAY) / 60, self.until % 60);
        let clock = jiff::civil::time(i8::try_from(hour).unwrap_or(0), i8::try_from(minute).unwrap_or(0), 0, 0);
        let end = local.date().checked_add(i64::from(days).days()).map(|date| date.to_datetime(clock).to_zoned(zone));
        // Only at the end of all times is there no such day: the window then has no end.
        Ok(Some(end.ok().and_then(Result::ok).map_or(Timestamp::MAX, |end| end.timestamp())))
    }
}

impl fmt::Display for Blackout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

fn day_index(day: Weekday) -> u32 {
    u32::from(day.to_monday_zero_offset().unsigned_abs())
}

/// The minute of the day that `12:30` is.
fn minutes(clock: &str) -> Option<u32> {
    let number = |text: &str, below: u32| {
        let digits = text.len() == 2 && text.bytes().all(|b| b.is_ascii_digit());
        digits.then(|| text.parse().ok()).flatten().filter(|number: &u32| *number < below)
    };
    let (hour, minute) = clock.split_once(':')?;
    Some(number(hour, 24)? * 60 + number(minute, 60)?)
}

fn is_zone(zone: &str) -> bool {
    let part = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'+'));
    zone.split('/').all(part) && (zone.contains('/') || zone == "UTC")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn until(window: &str, now: &str) -> Option<String> {
        Blackout::parse(window).unwrap().until(now.parse().unwrap()).unwrap().map(|end| end.to_string())
    }

    #[test]
    fn only_what_has_the_form_of_a_window_is_one() {
        for good in
            ["Fri 12:00 - Mon 06:00 Europe/Berlin", "Sat 00:00 - Sat 23:59 UTC", "Mon 08:00 - Mon 09:00 America/Argentina/Salta"]
        {
            assert_eq!(Blackout::parse(good).unwrap().to_string(), good);
        }
        for bad in [
            "",
            "Fri 12:00",
            "Fry 12:00 - Mon 06:00 UTC",
            "Fri 24:00 - Mon 06:00 UTC",
            "Fri 1:00 - Mon 06:00 UTC",
            "Fri 12:60 - Mon 06:00 UTC",
            "Fri 12:00 - Fri 12:00 UTC",
            "Fri 12:00 - Mon 06:00 berlin",
        ] {
            assert!(Blackout::parse(bad).is_err(), "{bad}");
        }
    }

    // 2026-11-27 is a Friday.
    #[test]
    fn a_window_over_the_end_of_a_week_holds_from_its_first_minute_to_the_last() {
        let window = "Fri 12:00 - Mon 06:00 UTC";
        let end = Some("2026-11-30T06:00:00Z".to_owned());
        assert_eq!(until(window, "2026-11-27T11:59:59Z"), None);
        assert_eq!(until(window, "2026-11-27T12:00:00Z"), end);
        assert_eq!(until(window, "2026-11-29T23:30:00Z"), end);
        assert_eq!(until(window, "2026-11-30T05:59:59Z"), end);
        assert_eq!(until(window, "2026-11-30T06:00:00Z"), None);
    }

    #[test]
    fn a_window_that_spares_an_hour_of_its_day_ends_a_week_later() {
        assert_eq!(until("Wed 10:00 - Wed 09:00 UTC", "2026-11-25T10:00:00Z").as_deref(), Some("2026-12-02T09:00:00Z"));
        assert_eq!(until("Wed 10:00 - Wed 09:00 UTC", "2026-11-25T09:30:00Z"), None);
        assert_eq!(until("Wed 10:00 - Wed 09:00 UTC", "2026-11-25T08:30:00Z").as_deref(), Some("2026-11-25T09:00:00Z"));
    }

    #[test]
    fn a_window_is_in_the_time_of_its_place_in_summer_and_winter() {
        let window = "Fri 12:00 - Fri 14:00 Europe/Berlin";
        assert_eq!(until(window, "2026-11-27T11:30:00Z").as_deref(), Some("2026-11-27T13:00:00Z"));
        assert_eq!(until(window, "2026-07-03T11:30:00Z").as_deref(), Some("2026-07-03T12:00:00Z"));
    }

    #[test]
    fn a_zone_that_nobody_knows_is_no_window_that_is_not_now() {
        let window = Blackout::parse("Fri 12:00 - Mon 06:00 Middle/Earth").unwrap();
        assert!(window.until(Timestamp::UNIX_EPOCH).unwrap_err().to_string().contains("tzdata"));
    }
}
