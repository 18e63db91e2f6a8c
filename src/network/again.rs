//! How often and how long what a server did not do is waited for and asked again.

use std::{
    collections::hash_map::RandomState,
    hash::{BuildHasher as _, Hasher as _},
    time::Duration,
};

use reqwest::header::{DATE, HeaderMap, RETRY_AFTER};
use tokio::time::sleep;

/// How often what changes nothing is tried again.
const TRIES_MORE: u32 = 2;

/// How often a rate limit is waited for in one call, however short each wait.
const WAITS: u32 = 5;

/// Counts how often something that changes nothing was tried again.
#[derive(Debug, Default)]
pub struct Tries(u32);

impl Tries {
    /// Whether it may be tried once more; waits a moment before it says so.
    pub async fn more(&mut self) -> bool {
        if self.0 >= TRIES_MORE {
            return false;
        }
        // Spread, so that many clients do not come back at the same moment.
        let spread = RandomState::new().build_hasher().finish() % 200;
        sleep(Duration::from_millis((100 + spread) << (2 * self.0))).await;
        self.0 += 1;
        true
    }
}

/// Waits for rate limits, in one call never longer than allowed.
#[derive(Debug)]
pub struct Patience {
    left: Duration,
    waits: u32,
}

impl Patience {
    /// As much as is allowed.
    #[must_use]
    pub fn new(allowed: Duration) -> Self {
        Self { left: allowed, waits: 0 }
    }

    /// Waits as long as was asked for, or says at once that it is too long or too often.
    pub async fn wait(&mut self, asked: Duration) -> bool {
        if asked > self.left || self.waits >= WAITS {
            return false;
        }
        self.left -= asked;
        self.waits += 1;
        sleep(asked).await;
        true
    }
}

/// How long an answer asks to wait: in seconds, or up to a date, which is measured from the answer's own. None if it
/// does not say.
#[must_use]
pub fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok()).map(str::trim);
    let asked = text(RETRY_AFTER)?;
    if let Ok(seconds) = asked.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let date = |text: &str| jiff::fmt::rfc2822::parse(text).ok().map(|date| date.timestamp());
    let (then, now) = (date(asked)?, text(DATE).and_then(date)?);
    Some(Duration::try_from(then.duration_since(now)).unwrap_or(Duration::ZERO))
}

#[cfg(test)]
mod tests {
    use reqwest::header::{HeaderName, HeaderValue};

    use super::*;

    fn wait(pairs: &[(HeaderName, &'static str)]) -> Option<Duration> {
        retry_after(&pairs.iter().map(|(name, value)| (name.clone(), HeaderValue::from_static(value))).collect())
    }

    #[test]
    fn a_rate_limit_speaks_in_seconds_or_dates() {
        assert_eq!(wait(&[(RETRY_AFTER, "120")]), Some(Duration::from_mins(2)));
        let date = (DATE, "Sun, 06 Nov 1994 08:49:37 GMT");
        assert_eq!(wait(&[(RETRY_AFTER, "Sun, 06 Nov 1994 08:50:07 GMT"), date.clone()]), Some(Duration::from_secs(30)));
        assert_eq!(wait(&[(RETRY_AFTER, "Sun, 06 Nov 1994 08:00:00 GMT"), date]), Some(Duration::ZERO));
        assert_eq!(wait(&[(RETRY_AFTER, "soon")]), None);
        assert_eq!(wait(&[]), None);
    }

    #[tokio::test(start_paused = true)]
    async fn a_server_that_always_asks_to_wait_a_little_is_given_up_on() {
        let mut patience = Patience::new(Duration::from_mins(1));
        for _ in 0..WAITS {
            assert!(patience.wait(Duration::ZERO).await);
        }
        assert!(!patience.wait(Duration::ZERO).await);
    }

    #[tokio::test(start_paused = true)]
    async fn all_waits_together_are_no_longer_than_allowed() {
        let mut patience = Patience::new(Duration::from_mins(1));
        assert!(patience.wait(Duration::from_secs(40)).await);
        assert!(!patience.wait(Duration::from_secs(21)).await);
        assert!(patience.wait(Duration::from_secs(20)).await);
    }
}
