//! What can go wrong with a forge, in the kinds that callers decide on.

use std::{error::Error, fmt, time::Duration};

use crate::{
    network::{CertificateFault, ProxyFault},
    record::{Measure, Place, Text},
};

/// Something that was asked of a forge and did not work. Holds no secret.
#[derive(Clone, Debug)]
pub struct ForgeError(Box<Parts>);

#[derive(Clone, Debug)]
struct Parts {
    place: Place,
    tried: String,
    fault: ForgeFault,
    effect: Effect,
}

/// Whether a call that failed may have changed something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// It changed nothing.
    None,
    /// Its answer was lost, or does not say: only a look can tell.
    Unknown,
}

/// Why it did not work. The words of a forge are without secrets, short and harmless.
#[derive(Clone, Debug, thiserror::Error)]
pub enum ForgeFault {
    /// The token is not accepted: wrong, expired or taken back.
    #[error("the token is not accepted: {words}")]
    Unauthorized {
        /// The forge's own words.
        words: Text,
    },
    /// The token is accepted, but lacks a right.
    #[error("the token lacks `{missing}`: {words}")]
    NoRights {
        /// The right that is missing, by the forge's exact name for it.
        missing: Text,
        /// The forge's own words.
        words: Text,
    },
    /// It is not there, or this token may not see it: forges do not tell these apart.
    #[error("it is not there, or the token may not see it: {words}")]
    NotFoundOrHidden {
        /// The forge's own words.
        words: Text,
    },
    /// It is in a state in which this cannot be done.
    #[error("it cannot be done as things are: {words}")]
    Conflict {
        /// The forge's own words.
        words: Text,
    },
    /// The repository or project is archived: nothing in it can be changed.
    #[error("it is archived, and nothing in it can be changed: unarchive it first, in its settings: {words}")]
    Archived {
        /// The forge's own words.
        words: Text,
    },
    /// It has another name by now.
    #[error("the forge refused it: {words}")]
    Moved {
        /// The address that the forge leads to.
        to: Text,
        /// The forge's own words.
        words: Text,
    },
    /// The forge refused it for another reason.
    #[error("the forge refused it: {words}")]
    Refused {
        /// The HTTP status.
        status: u16,
        /// The forge's own words.
        words: Text,
    },
    /// canship refuses it, and asked the forge for nothing.
    #[error("{reason}")]
    Declined {
        /// Why, and what to do: a sentence.
        reason: Text,
    },
    /// The forge asked to wait longer than the plan allows.
    #[error("the forge limits the rate of requests and asks to wait {}; at most {} are waited: {words}", Measure(*wait), Measure(*allowed))]
    RateLimited {
        /// How long from now on.
        wait: Duration,
        /// How long is waited at most.
        allowed: Duration,
        /// The forge's own words.
        words: Text,
    },
    /// No connection, or one that broke off.
    #[error("{reason}")]
    Unreachable {
        /// What was seen.
        reason: Text,
    },
    /// The certificate of the forge or of a proxy is not trusted; nothing was sent.
    #[error("{0}")]
    Certificate(CertificateFault),
    /// A proxy did not lead to the forge; nothing was sent to it.
    #[error("{0}")]
    Proxy(Box<ProxyFault>),
    /// No answer came in time.
    #[error("no answer came within {}", Measure(*limit))]
    Stalled {
        /// How long was waited.
        limit: Duration,
    },
    /// The forge, or something in front of it, says that it failed.
    #[error("the forge failed: {words}")]
    ServerFault {
        /// The HTTP status.
        status: u16,
        /// The forge's own words.
        words: Text,
    },
    /// The answer is not what the forge's documentation says.
    #[error("the answer cannot be read: {what}")]
    Unreadable {
        /// What was seen.
        what: Text,
    },
}

impl ForgeError {
    pub(super) fn new(place: &Place, tried: impl Into<String>, fault: ForgeFault, effect: Effect) -> Self {
        Self(Box::new(Parts { place: place.clone(), tried: tried.into(), fault, effect }))
    }

    /// Why it did not work.
    #[must_use]
    pub fn fault(&self) -> &ForgeFault {
        &self.0.fault
    }

    /// Whether the call may have changed something all the same.
    #[must_use]
    pub fn effect(&self) -> Effect {
        self.0.effect
    }

    /// Where it was tried.
    #[must_use]
    pub fn place(&self) -> &Place {
        &self.0.place
    }

    /// What was tried: `` disabling workflow `release.yml` ``.
    #[must_use]
    pub fn tried(&self) -> &str {
        &self.0.tried
    }
}

impl fmt::Display for ForgeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Parts { place, tried, fault, effect } = &*self.0;
        write!(f, "{tried} at {place}: {fault}")?;
        match effect {
            Effect::None => Ok(()),
            Effect::Unknown => f.write_str("; whether it was done all the same is not known"),
        }
    }
}

impl Error for ForgeError {}
