//! What a lease says, and how it is held: created atomically, compared before it is written over or deleted.
//!
//! A lease is a drill's, never a user's. A foreign or unreadable one is never patched over: what is written over is looked
//! at just before, and read back. No forge compares and swaps, though, so that a write that nobody answered may come over the
//! lease of another drill that was created meanwhile: that drill notices (it compares before each change), and gives back
//! all that it took.

use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use tokio::time::sleep;

use super::{trouble::Trouble, wire::Wire};
use crate::{
    forge::{Created, LEASE_MAX},
    record::{Control, DrillId, HostId, Text},
};

/// The version of its form.
const VERSION: u32 = 1;

/// How long others wait for a drill that has stopped renewing it.
pub(super) const LASTS: Duration = Duration::from_mins(10);

/// How often what was written is read back, and how soon it is for the second time.
const READS: u32 = 4;
const AGAIN: Duration = Duration::from_millis(200);

/// How often it is renewed.
pub(super) const RENEWED: Duration = Duration::from_mins(4);

/// What a lease says to everybody who may read it: that a drill has taken parts of the primary path away, and how any
/// machine gives them back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Lease {
    /// The version of this form.
    #[serde(rename = "canship_lease")]
    form: u32,
    /// The drill that holds it.
    pub(super) drill: DrillId,
    /// Its host.
    pub(super) host: HostId,
    /// Who cuts.
    pub(super) who: Text,
    /// What for.
    pub(super) why: Text,
    /// When the cut began.
    pub(super) cut_at: Timestamp,
    /// When it is given back at the latest.
    pub(super) deadline: Timestamp,
    /// Until then nobody else acts on it, unless a person says so.
    #[serde(rename = "lease_until")]
    pub(super) until: Timestamp,
    /// Until then a call that turns something off may take effect, though its drill is dead.
    pub(super) late_until: Timestamp,
    /// What is turned off, one after the other, each of which was on.
    pub(super) was_on: Vec<Control>,
    /// So many of them, from the first on, may be off: written before the call that turns each off goes out.
    begun: usize,
}

/// What a lease is made of.
pub(super) struct Terms<'t> {
    pub(super) drill: &'t DrillId,
    pub(super) host: &'t HostId,
    pub(super) who: &'t Text,
    pub(super) why: &'t Text,
    pub(super) max_cut: Duration,
    /// How long after it was begun a call may take effect.
    pub(super) longest: Duration,
}

/// Whose lease there is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Held {
    /// Nobody's.
    Nobody,
    /// A drill's.
    By(Box<Lease>),
    /// It cannot be read.
    Unreadable {
        /// What it is.
        text: Text,
        /// Why not.
        reason: String,
    },
}

impl Lease {
    pub(super) fn new(terms: &Terms<'_>, was_on: Vec<Control>, now: Timestamp) -> Self {
        Self {
            form: VERSION,
            drill: terms.drill.clone(),
            host: terms.host.clone(),
            who: terms.who.clone(),
            why: terms.why.clone(),
            cut_at: now,
            deadline: later(now, terms.max_cut),
            until: later(now, LASTS),
            late_until: later(now, terms.longest),
            was_on,
            begun: 0,
        }
    }

    /// The same, to be held for some time more.
    pub(super) fn renewed(&self, now: Timestamp) -> Self {
        Self { until: later(now, LASTS), ..self.clone() }
    }

    /// The same, once the part with this number is about to be turned off by a call that may take effect so much later.
    pub(super) fn begun(&self, number: usize, longest: Duration, now: Timestamp) -> Self {
        let late_until = self.late_until.max(later(now, longest));
        Self { begun: self.begun.max(number.saturating_add(1)), late_until, ..self.renewed(now) }
    }

    /// What may be off. What the drill has not come to is not: if that is off, somebody else has turned it off.
    pub(super) fn may_be_off(&self) -> &[Control] {
        self.was_on.get(..self.begun).unwrap_or(&self.was_on)
    }

    /// The text that is kept at the forge; none if it would be too long for one, now or once everything is off.
    pub(super) fn text(&self) -> Option<String> {
        let longest = serde_json::to_string(&Self { begun: self.was_on.len(), ..self.clone() }).ok()?;
        serde_json::to_string(self).ok().filter(|_| longest.len() <= LEASE_MAX)
    }

    /// Reads the text of one, or says why it is none.
    pub(super) fn read(text: &str) -> Result<Self, String> {
        let lease: Self = serde_json::from_str(text).map_err(|reason| format!("it is no lease of canship's: {reason}"))?;
        match (lease.form, lease.was_on.len()) {
            (VERSION, parts) if lease.begun <= parts => Ok(lease),
            (VERSION, parts) => Err(format!("it says that {} of {parts} parts may be off", lease.begun)),
            (form, _) => Err(format!("it has the form {form}")),
        }
    }
}

/// Reads whose lease there is.
pub(super) async fn held(wire: &Wire) -> Result<Held, Trouble> {
    Ok(match wire.lease().await? {
        None => Held::Nobody,
        Some(text) => match Lease::read(&text) {
            Ok(lease) => Held::By(Box::new(lease)),
            Err(reason) => Held::Unreadable { text: Text::new(&text.chars().take(200).collect::<String>()), reason },
        },
    })
}

impl Held {
    pub(super) fn is_of(&self, drill: &DrillId) -> bool {
        matches!(self, Self::By(lease) if lease.drill == *drill)
    }

    /// Whose it is, in words.
    pub(super) fn whose(&self) -> String {
        match self {
            Self::Nobody => "there is none".to_owned(),
            Self::By(lease) => {
                let Lease { drill, who, why, cut_at, until, .. } = &**lease;
                format!("drill {drill} of {who} ({why}) holds it since {cut_at}, and until {until} if it dies")
            }
            Self::Unreadable { text, reason } => format!("{reason}; it begins with `{}`", text.one_line()),
        }
    }
}

/// Creates the lease, if there is none.
///
/// # Errors
/// The forge did not take it, or it is not known whether it did, or will yet, and a look does not tell either.
pub(super) async fn take(wire: &Wire, lease: &Lease) -> Result<Result<(), Held>, Trouble> {
    let Some(text) = lease.text() else { return Err(Trouble::LeaseTooLong { most: LEASE_MAX }) };
    match wire.create_lease(&text).await {
        Ok(Created::Yes) => return Ok(Ok(())),
        Ok(Created::AlreadyThere) => {}
        // Never sent again: if it was done, there is a lease of this drill's; if there is none, it may be done yet.
        Err(trouble) if trouble.may_have_worked() => {
            return if held(wire).await.is_ok_and(|held| held.is_of(&lease.drill)) { Ok(Ok(())) } else { Err(trouble) };
        }
        Err(trouble) => return Err(trouble),
    }
    let held = held(wire).await?;
    Ok(if held.is_of(&lease.drill) { Ok(()) } else { Err(held) })
}

/// Holds it for some time more, if it is still this drill's, and reads that back; gives whose it is otherwise.
pub(super) async fn renew(wire: &Wire, lease: &Lease) -> Result<Result<(), Held>, Trouble> {
    let held = held(wire).await?;
    if held.is_of(&lease.drill) { write(wire, lease).await } else { Ok(Err(held)) }
}

/// Writes this into the drill's lease, which it must just have seen to be its own, and reads it back: a
/// few times, since a forge may answer from what it knew before.
///
/// # Errors
/// It does not read back so. What was written may come to be there yet.
pub(super) async fn write(wire: &Wire, lease: &Lease) -> Result<Result<(), Held>, Trouble> {
    let Some(text) = lease.text() else { return Err(Trouble::LeaseTooLong { most: LEASE_MAX }) };
    let written = wire.replace_lease(&text).await;
    if let Err(trouble) = &written
        && !trouble.may_have_worked()
    {
        return written.map(Ok);
    }
    let mut pause = AGAIN;
    for _ in 1..READS {
        if matches!(held(wire).await, Ok(Held::By(seen)) if *seen == *lease) {
            return Ok(Ok(()));
        }
        sleep(pause).await;
        pause *= 2;
    }
    match held(wire).await? {
        Held::By(seen) if *seen == *lease => Ok(Ok(())),
        seen if seen.is_of(&lease.drill) => Err(written.err().unwrap_or(Trouble::Unwritten)),
        seen => Ok(Err(seen)),
    }
}

/// What a release came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Released {
    /// It was this drill's, and is gone.
    Deleted,
    /// There is none of this drill's.
    NotThere,
}

/// Deletes it if it is this drill's, and reads back that it is gone. What is somebody else's stays.
pub(super) async fn release(wire: &Wire, drill: &DrillId) -> Result<Released, Trouble> {
    let (mut deleted, mut released) = (Ok(()), Released::NotThere);
    // Looked at once more after an answer that was lost.
    for _ in 0..2 {
        if !held(wire).await?.is_of(drill) {
            return Ok(released);
        }
        released = Released::Deleted;
        if let Err(trouble) = &deleted
            && !Trouble::may_have_worked(trouble)
        {
            break;
        }
        deleted = wire.delete_lease().await;
    }
    deleted?;
    if held(wire).await?.is_of(drill) { Err(Trouble::StillThere) } else { Ok(released) }
}

pub(super) fn later(now: Timestamp, time: Duration) -> Timestamp {
    now.checked_add(time).unwrap_or(Timestamp::MAX)
}
