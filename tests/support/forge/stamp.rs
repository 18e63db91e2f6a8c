//! Points in time as the forges write them.

use jiff::{Timestamp, Unit};

/// To the second, as GitHub does it.
pub(super) fn seconds(time: Timestamp) -> String {
    time.round(Unit::Second).unwrap().strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// To the millisecond, as GitLab does it.
pub(super) fn millis(time: Timestamp) -> String {
    time.strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string()
}
