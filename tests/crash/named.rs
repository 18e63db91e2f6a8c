//! Calls by what they are. Which number a call has depends on how fast its neighbours are where some go out side by side.

use std::{collections::BTreeMap, fmt};

use super::simulator::call::{Call, When};

/// The n-th call of its method and path.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Named {
    method: String,
    path: String,
    nth: usize,
    /// Whether it can change anything.
    pub(super) is_change: bool,
}

impl Named {
    /// Names all calls, in the order of their arrival.
    pub(super) fn all(calls: &[Call]) -> Vec<Self> {
        let mut counts = BTreeMap::new();
        let name = |call: &Call| {
            let (method, path) = (call.method.to_string(), call.path.clone());
            let nth = counts.entry((method.clone(), path.clone())).or_insert(0);
            *nth += 1;
            Self { method, path, nth: *nth, is_change: call.is_change() }
        };
        calls.iter().map(name).collect()
    }

    /// This call, counted from when the rule was made.
    pub(super) fn when(&self) -> When {
        When::exactly(&self.method, &self.path).nth(self.nth)
    }

    /// Whether it is among these calls.
    pub(super) fn is_among(&self, calls: &[Call]) -> bool {
        Self::all(calls).contains(self)
    }

    /// Whether it may be a look whether a call takes effect late: the path was read before. How many of these there are is a
    /// matter of time.
    pub(super) fn is_late_look(&self) -> bool {
        !self.is_change && self.nth > 1
    }

    /// Whether it deletes something of which the path speaks.
    pub(super) fn deletes(&self, what: &str) -> bool {
        self.method == "DELETE" && self.path.contains(what)
    }
}

impl fmt::Debug for Named {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(to, "{} {} no. {}", self.method, self.path, self.nth)
    }
}
