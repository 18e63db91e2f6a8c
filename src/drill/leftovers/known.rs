//! Whether a drill lives.

use std::{collections::BTreeSet, time::Duration};

use jiff::Timestamp;

use crate::{record::DrillId, state::Drills};

/// How far the clocks of two machines may be apart.
const SKEW: Duration = Duration::from_mins(15);

/// What is known of drills. On this host their locks tell, whatever its clock says; of others only deadlines do.
pub(super) struct Known {
    living: BTreeSet<DrillId>,
    dead: BTreeSet<DrillId>,
    now: Timestamp,
    without_label: Duration,
}

impl Known {
    /// `without_label` is how long a drill may last that says nothing itself.
    pub(super) fn new(own: &DrillId, drills: &Drills, without_label: Duration, now: Timestamp) -> Self {
        let mut living = drills.living.clone();
        living.insert(own.clone());
        let dead = drills.dead.iter().map(|dead| dead.drill().clone());
        let damaged = drills.damaged.iter().filter_map(|damaged| damaged.drill.clone());
        let dead = dead.chain(damaged).chain(drills.buried.iter().cloned()).collect();
        Self { living, dead, now, without_label }
    }

    /// Whether the drill certainly lives no more; `until` is what it said itself.
    pub(super) fn is_dead(&self, drill: &DrillId, until: Option<Timestamp>) -> bool {
        if self.living.contains(drill) {
            return false;
        }
        let until = until.or_else(|| drill.started()?.checked_add(self.without_label).ok());
        let is_past = until.and_then(|until| until.checked_add(SKEW).ok()).is_some_and(|until| until < self.now);
        self.dead.contains(drill) || is_past
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: Duration = Duration::from_hours(1);

    fn at(hours: i64) -> Timestamp {
        Timestamp::from_second(1_795_000_000 + hours * 3600).unwrap()
    }

    fn known(living: &DrillId, buried: &DrillId) -> Known {
        let drills = Drills { living: [living.clone()].into(), buried: [buried.clone()].into(), ..Drills::default() };
        Known::new(&DrillId::new(at(0), 9), &drills, 30 * HOUR, at(0))
    }

    #[test]
    fn a_lock_outranks_every_clock() {
        let (living, buried) = (DrillId::new(at(-5000), 1), DrillId::new(at(5000), 2));
        let known = known(&living, &buried);
        assert!(!known.is_dead(&living, Some(at(-4000))));
        assert!(known.is_dead(&buried, Some(at(6000))));
        assert!(!known.is_dead(&DrillId::new(at(0), 9), Some(at(-1))), "who cleans lives");
    }

    #[test]
    fn of_other_hosts_only_the_deadline_tells() {
        let nobody = DrillId::new(at(0), 3);
        let known = known(&nobody, &nobody);
        let other = DrillId::new(at(-20), 4);
        assert!(!known.is_dead(&other, Some(at(1))));
        assert!(!known.is_dead(&other, Some(at(0))), "clocks are not that exact");
        assert!(known.is_dead(&other, Some(at(-1))));
        assert!(!known.is_dead(&other, None), "it may last 30 hours");
        assert!(known.is_dead(&DrillId::new(at(-31), 5), None));
    }
}
