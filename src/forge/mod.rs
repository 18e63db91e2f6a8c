//! The forge that holds the primary path, GitHub or GitLab, behind one small seam.
//!
//! A primary path is a list of [`Control`]s, each in a [`State`]. A cut turns some of them off, a restore sets each back
//! to the state it was found in; a lease, a variable of the repository or project, keeps two drills apart and lets any
//! machine give back. When and in what order that is done is for whoever calls; here is how it is said to a forge.
//!
//! Invariants: reading and changing are separate methods. A change is one call that is sent once: what became of it
//! after a lost answer ([`Effect::Unknown`]) only a look can tell. Reads are tried again, within the plan's bounds, and
//! heed what the forge says of its rate limits. A "no such thing" is only told where the forge said it to somebody who
//! may see it. The token goes to the forge's own origin only. Nothing that a forge says is shown before the token was
//! taken out of it, and before it was made harmless and short. Nothing here reads the clock.

mod call;
mod control;
mod error;
mod github;
mod gitlab;
mod lease;
mod run;
mod spare;
mod wire;

use std::sync::Arc;

use async_trait::async_trait;

pub use control::{Cut, Expiry, Found, Missing, Turned, Wanted, WantedSpare, WayBack};
pub use error::{Effect, ForgeError, ForgeFault};
pub use lease::{Created, LEASE, LEASE_MAX, LeaseStore};
pub use run::{Cancel, Happened, Missed, Own, Run, Snapshot};
pub use spare::{JobSight, Left, Ready, RunRef, Runners, Sight, SpareRunners, Unready, Wish};

use self::{call::Call, github::Github, gitlab::Gitlab, lease::NO_VARIABLE, wire::Wire};
pub use crate::record::{Control, ForgeKind, Place, State};
use crate::{network::Network, plan::Timeouts, secret::Secret};

/// What a forge is reached with.
#[derive(Clone, Debug)]
pub struct Access {
    /// Where it is.
    pub place: Place,
    /// Who asks.
    pub token: Secret,
    /// What else must not be seen in an error: a forge may repeat what it knows.
    pub secrets: Vec<Secret>,
    /// What canship itself runs in there.
    pub own: Own,
    /// Bounds for every wait.
    pub timeouts: Timeouts,
    /// How servers are reached.
    pub network: Network,
}

/// Makes ready to speak with a forge; asks it for nothing. To be called within a Tokio runtime.
///
/// # Errors
/// The place is none to send a token to, or the token cannot be sent.
pub fn connect(access: &Access) -> Result<Arc<dyn Forge>, ForgeError> {
    let Access { place, token, secrets, own, timeouts, network } = access;
    let call = Call::new("getting ready", "");
    if !is_named(place) {
        return Err(call.declined(place, "its name is not that of a repository or project"));
    }
    let wire = Wire::new(place, token, secrets, *timeouts, network).map_err(|failed| call.failed(place, failed))?;
    Ok(match place.kind {
        ForgeKind::Github => Arc::new(Github::new(place, wire, own.clone())),
        ForgeKind::Gitlab => Arc::new(Gitlab::new(place, wire, own.clone())),
    })
}

/// Whether the name is a repository's: it becomes part of addresses, and may come from a lease.
fn is_named(place: &Place) -> bool {
    let plain = |part: &str| {
        !matches!(part, "" | "." | "..") && part.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'))
    };
    let parts: Vec<&str> = place.repository.as_str().split('/').collect();
    let enough = match place.kind {
        ForgeKind::Github => parts.len() == 2,
        ForgeKind::Gitlab => parts.len() >= 2,
    };
    enough && parts.into_iter().all(plain)
}

/// The primary path at its forge.
#[async_trait]
pub trait PrimaryPath: Send + Sync {
    /// Where it is.
    fn place(&self) -> &Place;

    /// How many requests were sent, and what the forge still allows.
    fn budget(&self) -> Budget;

    /// Everything that the plan wants off, in the state it is in, each with what a cut would make of it or why it is
    /// left.
    ///
    /// # Errors
    /// Something that the plan names is not there, or is canship's own; the forge does not say.
    async fn controls(&self, wanted: &Wanted) -> Result<Vec<Found>, ForgeError>;

    /// The state that it is in now.
    ///
    /// # Errors
    /// The forge does not say.
    async fn look(&self, control: &Control) -> Result<State, ForgeError>;

    /// Exercises, without effect, every right that giving back needs: for what of `found` a cut would turn off, and for
    /// the lease. What is missing is named as the forge names it. `found` must be fresh: a control is set to the state
    /// that it is said to be in.
    ///
    /// # Errors
    /// The forge does not say; a right that is missing is no error.
    async fn way_back(&self, found: &[Found]) -> Result<WayBack, ForgeError>;

    /// What is queued or in progress on the part of the primary path that a cut would turn off, without canship's own
    /// run.
    ///
    /// # Errors
    /// The forge does not say, or not all of it.
    async fn in_flight(&self, found: &[Found]) -> Result<Vec<Run>, ForgeError>;

    /// What [`Self::missed`] is measured against: taken before the cut.
    ///
    /// # Errors
    /// The forge does not say.
    async fn snapshot(&self, found: &[Found]) -> Result<Snapshot, ForgeError>;

    /// What happened since and started nothing, each with how to start it, and required checks left pending. Asked
    /// after everything was given back.
    ///
    /// # Errors
    /// The forge does not say anything; what it says only in part is told.
    async fn missed(&self, before: &Snapshot) -> Result<Missed, ForgeError>;

    /// Asks once to set it to [`State::On`] or [`State::Off`]; any other state is refused without asking. `Ok` says that
    /// the forge took it, or that it was so already; only [`Self::look`] tells whether it is.
    ///
    /// # Errors
    /// The forge did not take it, or its answer was lost.
    async fn set(&self, control: &Control, state: &State) -> Result<Turned, ForgeError>;

    /// Asks once to cancel it. `Ok` says that the forge took it, or that it has ended already; it ends later, and is
    /// [`Self::in_flight`] until then.
    ///
    /// # Errors
    /// The forge did not take it, or its answer was lost.
    async fn cancel(&self, run: &Run, how: Cancel) -> Result<(), ForgeError>;

    /// Whether what had, or has, this other name is what is here today: it was renamed or moved since.
    ///
    /// # Errors
    /// The forge does not say.
    async fn was_called(&self, name: &str) -> Result<bool, ForgeError>;

    /// A command for `sh` that sets it to [`State::On`] or [`State::Off`], with the token in `$CANSHIP_TOKEN`.
    fn by_hand(&self, control: &Control, state: &State) -> String;
}

/// A forge: the primary path, the store of its lease, and its spare runners.
pub trait Forge: PrimaryPath + LeaseStore + SpareRunners {}

impl<F: PrimaryPath + LeaseStore + SpareRunners> Forge for F {}

/// Requests to a forge.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Budget {
    /// How many were sent.
    pub sent: u64,
    /// How many the forge still allows in this window, if it says so.
    pub remaining: Option<u64>,
    /// When the window ends.
    pub resets: Option<jiff::Timestamp>,
}

#[cfg(test)]
mod tests;
