//! The way back, proved before anything is cut: whatever is missing refuses the cut, all of it at once, with nothing
//! changed.

use std::time::Duration;

use jiff::Timestamp;

use super::{
    lease::{self, Held, later},
    trouble::Trouble,
    wire::Wire,
};
use crate::{
    forge::{Cut, Expiry, ForgeFault, Found, Run, Snapshot, Wanted},
    plan::{Primary, Running},
    record::{Control, PartFacts, PrimaryFacts},
};

/// So many runs are named when there are more.
const NAMED: usize = 5;

/// A path that may be cut.
pub(super) struct Proved {
    pub(super) found: Vec<Found>,
    pub(super) before: Snapshot,
    /// Runs that are queued or in progress, to be cancelled.
    pub(super) running: Vec<Run>,
    /// What is not known for certain, each in a sentence.
    pub(super) limits: Vec<String>,
}

/// Why a path is not cut, and what to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Refusal {
    pub(super) reason: String,
    pub(super) advice: String,
}

impl Refusal {
    pub(super) fn new(reason: impl Into<String>, advice: impl Into<String>) -> Self {
        Self { reason: reason.into(), advice: advice.into() }
    }

    fn of(trouble: &Trouble) -> Self {
        let is_archived = matches!(trouble, Trouble::Forge(error) if matches!(error.fault(), ForgeFault::Archived { .. }));
        let advice = if is_archived {
            "unarchive it if it is to release again, then drill again; a drill without `--cut` changes nothing in it"
        } else {
            "see to it that the forge can be asked, then drill again"
        };
        Self::new(trouble.to_string(), advice)
    }
}

impl Proved {
    /// What is turned off.
    pub(super) fn to_cut(&self) -> Vec<Control> {
        let cut = self.found.iter().filter(|found| found.cut == Cut::TurnedOff);
        cut.map(|found| found.control.clone()).collect()
    }
}

/// The path as the record has it.
pub(super) fn facts(wire: &Wire, found: &[Found]) -> PrimaryFacts {
    let parts = found.iter().map(|found| PartFacts {
        control: found.control.clone(),
        state: found.state.clone(),
        left: match &found.cut {
            Cut::TurnedOff => None,
            Cut::Left(reason) => Some(reason.clone()),
        },
    });
    PrimaryFacts { place: wire.forge.place().clone(), parts: parts.collect() }
}

/// Looks whether the path may be cut now and can be given back. `found` is told as soon as it is known. Whether there is
/// a lease is not asked: creating one tells.
pub(super) async fn prove(
    wire: &Wire,
    (primary, wanted): (&Primary, &Wanted),
    now: Timestamp,
    found: impl FnOnce(PrimaryFacts),
) -> Result<Proved, Vec<Refusal>> {
    let mut refusals = blackout(primary, now);
    let controls = match wire.forge.controls(wanted).await {
        Ok(controls) => controls,
        Err(error) => {
            refusals.push(Refusal::of(&error.into()));
            return Err(refusals);
        }
    };
    found(facts(wire, &controls));
    if !controls.iter().any(|found| found.cut == Cut::TurnedOff) {
        let reason = "nothing of the primary path is on, so there is nothing to take away";
        refusals.push(Refusal::new(reason, "look above why each part is left, and correct `primary` in the plan"));
        return Err(refusals);
    }
    let (way_back, running, before) =
        tokio::join!(wire.forge.way_back(&controls), wire.forge.in_flight(&controls), wire.forge.snapshot(&controls));
    let mut limits = Vec::new();
    match way_back {
        Ok(way_back) => {
            refusals.extend(way_back.missing.iter().map(|missing| {
                Refusal::new(format!("the way back is not open: {missing}"), format!("grant the token `{}`", missing.right))
            }));
            refusals.extend(outlives(way_back.expires, now, primary.max_cut));
            if way_back.expires == Expiry::Unsaid {
                limits.push("the forge does not say how long the token lasts: it may end before the path is given back".to_owned());
            }
        }
        Err(error) => refusals.push(Refusal::of(&error.into())),
    }
    let running = running.unwrap_or_else(|error| {
        refusals.push(Refusal::of(&error.into()));
        Vec::new()
    });
    if primary.running == Running::Refuse {
        refusals.extend(in_flight(&running));
    }
    let before = before.unwrap_or_else(|error| {
        limits.push(format!("what is pushed meanwhile will not be known: {error}"));
        Snapshot::default()
    });
    if refusals.is_empty() { Ok(Proved { found: controls, before, running, limits }) } else { Err(refusals) }
}

/// What runs that must not be cut off, if anything does.
pub(super) fn in_flight(running: &[Run]) -> Option<Refusal> {
    if running.is_empty() {
        return None;
    }
    let named: Vec<_> = running.iter().take(NAMED).map(ToString::to_string).collect();
    let more = running.len().checked_sub(NAMED).filter(|more| *more > 0).map(|more| format!(" and {more} more"));
    let reason = format!("a release may be in flight: {}{}", named.join(", "), more.unwrap_or_default());
    Some(Refusal::new(reason, "wait until it has ended, or say `running: cancel` in the plan"))
}

/// Why nothing may be cut, if there is a lease or none can be seen.
pub(super) async fn leased(wire: &Wire) -> Option<Refusal> {
    match lease::held(wire).await {
        Ok(held) => of_others(&held),
        Err(trouble) => Some(Refusal::of(&trouble)),
    }
}

/// Why somebody's lease forbids a cut.
pub(super) fn of_others(held: &Held) -> Option<Refusal> {
    let advice = match held {
        Held::Nobody => return None,
        Held::By(_) => "wait until that drill has ended; if it is dead, `canship recover --now` gives back what it took",
        Held::Unreadable { .. } => {
            "look at the variable at the forge: nobody but a person knows what it means; delete it once nothing is cut"
        }
    };
    Some(Refusal::new(format!("there is a lease on this primary path: {}", held.whose()), advice))
}

/// The windows in which nothing is cut: none may be now, nor begin while the path may be cut.
fn blackout(primary: &Primary, now: Timestamp) -> Vec<Refusal> {
    const STEP: Duration = Duration::from_mins(1);
    let mut refusals = Vec::new();
    for window in &primary.blackout {
        let steps = u32::try_from(primary.max_cut.as_secs().div_ceil(STEP.as_secs())).unwrap_or(u32::MAX).min(24 * 60);
        let moments = (0..=steps).map(|step| later(now, STEP.saturating_mul(step)));
        let met = moments.map(|moment| window.until(moment)).find(|until| !matches!(until, Ok(None)));
        match met {
            Some(Ok(Some(until))) => refusals.push(Refusal::new(
                format!("the plan's blackout `{window}` is now, or would begin while the path is cut"),
                format!("drill after {until}, or lower `primary.max_cut`"),
            )),
            Some(Err(unknown)) => refusals.push(Refusal::new(unknown.to_string(), "install the system's time zones")),
            _ => {}
        }
    }
    refusals
}

fn outlives(expires: Expiry, now: Timestamp, max_cut: Duration) -> Option<Refusal> {
    let Expiry::At(end) = expires else { return None };
    (end <= later(now, max_cut)).then(|| {
        Refusal::new(
            format!("the token lasts until {end} only, not for as long as the path may be cut"),
            "give the plan a token that lasts longer, or lower `primary.max_cut`",
        )
    })
}
