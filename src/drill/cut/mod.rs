//! Takes the primary path away for real, and gives it back whatever happens.
//!
//! Who owns what: `Cut` owns what was taken away, outside of every future that a signal drops; `gate` proves the way
//! back; `take` turns parts off one by one; `back` gives back, for drill, watchdog and `canship recover` alike; `keep`
//! holds the lease; `watchdog` is the child that outlives this process; `recover` acts for drills that are dead, by
//! what is `noted` of them and by their lease, `blind` tells what may be cut where it cannot.
//!
//! Invariants: nothing is changed before the way back is proved, the watchdog stands and the lease is this drill's; each
//! part is in the lease, and in the journal on disk, before the call that turns it off goes out; that call is sent once,
//! and what became of it is looked at; the lease is compared before each change; what was taken away is given back after every end of
//! the phases, and until that was read back the record says that the path may be cut. A call that nobody answered may take
//! effect after its sender is gone: until that was seen or can be no more (`late_effect`), journal, lease and watchdog stay,
//! and whoever gives back goes on looking.

mod back;
pub mod blind;
mod gate;
mod keep;
mod lease;
mod look;
mod named;
mod noted;
pub mod recover;
mod restore;
mod take;
mod trouble;
mod watchdog;
mod wire;

use std::{
    ffi::OsString,
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use jiff::Timestamp;
use tokio::sync::SetOnce;

use self::{
    back::{Away, Calls},
    lease::Lease,
    watchdog::Watchdog,
    wire::Wire,
};
use super::clock::Clock;
use crate::{
    forge::{Forge, ForgeError, Snapshot, Wanted},
    record::{Control, Place, Text},
    secret::Secret,
    state::Entry,
};

pub use look::{Looked, look};
pub use watchdog::{Order as WatchOrder, watch};

pub(super) use keep::{guard, see_that_it_lasted};
pub(super) use restore::restore;
pub(super) use take::take;

/// Opens the forge at a place with a token.
pub type Forges = Arc<dyn Fn(&Place, Secret) -> Result<Arc<dyn Forge>, ForgeError> + Send + Sync>;

/// How a drill cuts, chosen by the command line.
pub struct Order {
    /// What is taken away.
    pub wanted: Wanted,
    /// Who cuts, as others read it at the forge.
    pub who: Text,
    /// How the watchdog is started.
    pub program: Program,
}

/// How the watchdog is started: this program once more.
#[derive(Clone, Debug)]
pub struct Program {
    /// This program.
    pub path: PathBuf,
    /// The argument that makes it the watchdog.
    pub argument: &'static str,
    /// All of its environment: no secret of the plan, and nothing by which a CI runner finds what it ends with a job.
    pub environment: Vec<(OsString, OsString)>,
    /// Files with the certificates of private authorities.
    pub trust: Vec<PathBuf>,
    /// The state folder, where it notes what it gave back.
    pub state: PathBuf,
}

/// How long is waited for the answer to each call of a restore at first: one that stalls is asked again.
const PATIENCE: Duration = Duration::from_secs(2);

/// How often is looked at the clock on the wall, which may be set.
const LOOK: Duration = Duration::from_secs(5);

/// A cut of one drill, from its order to its end.
pub(super) struct Cut {
    order: Order,
    taken: Mutex<Taken>,
    /// Set once the lease is this drill's.
    begun: SetOnce<()>,
    /// Set once everything is off: from then on nothing but time changes in the lease.
    settled: SetOnce<()>,
}

/// What is away, and what it takes to give it back.
#[derive(Default)]
struct Taken {
    wire: Option<Wire>,
    lease: Option<Leased>,
    away: Vec<(Entry, Away)>,
    /// What was on, and then off by nobody knows whom: not given back, and told.
    contested: Vec<Control>,
    before: Option<Snapshot>,
    watchdog: Option<Watchdog>,
}

/// A lease that is this drill's, or may be.
#[derive(Clone)]
struct Leased {
    entry: Entry,
    lease: Lease,
    calls: Calls,
}

impl Cut {
    pub(super) fn new(order: Order) -> Self {
        Self { order, taken: Mutex::default(), begun: SetOnce::new(), settled: SetOnce::new() }
    }

    fn taken(&self) -> MutexGuard<'_, Taken> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The last part is not this drill's to give back.
    fn forget_last(&self) -> Option<(Entry, Away)> {
        self.taken().away.pop()
    }

    /// What is known of the call that turned the last part off; gives the part's entry in the journal.
    fn settle_last(&self, calls: Calls) -> Option<Entry> {
        let mut taken = self.taken();
        let (entry, away) = taken.away.last_mut()?;
        away.calls = calls;
        Some(*entry)
    }
}

/// The time on the wall, in whole seconds, which others read the lease by.
fn now() -> Timestamp {
    let now = Clock::start().started();
    Timestamp::from_second(now.as_second()).unwrap_or(now)
}

/// Ends at a moment by the wall, which goes on while a machine sleeps, or once as much time has gone by as there was left,
/// whichever is first: a clock that is set back keeps nothing cut for longer.
async fn until(moment: Timestamp) {
    let left = || Duration::try_from(moment.duration_since(now())).unwrap_or_default();
    let end = tokio::time::Instant::now() + left();
    while !left().is_zero() && tokio::time::Instant::now() < end {
        tokio::time::sleep_until(end.min(tokio::time::Instant::now() + left().min(LOOK))).await;
    }
}

#[cfg(test)]
mod tests;
