//! What goes wrong on the wire while a path is cut or given back.

use jiff::Timestamp;

use crate::{
    forge::{Effect, ForgeError, ForgeFault},
    record::Measure,
};

/// A call to the forge, or what stands for its answer.
#[derive(Debug, thiserror::Error)]
pub(super) enum Trouble {
    /// The forge did not do it.
    #[error(transparent)]
    Forge(#[from] ForgeError),
    /// There was no time to wait for its answer.
    #[error("{tried}: no answer came within {limit}; whether it was done all the same is not known")]
    Late {
        /// What was tried.
        tried: String,
        /// How long was waited.
        limit: Measure,
    },
    /// The forge took it, but it reads back as before.
    #[error("{tried}: the forge took it, but it reads back as `{seen}`")]
    Unmoved {
        /// What was tried.
        tried: String,
        /// Its state.
        seen: String,
    },
    /// It is so, and a call may still change that.
    #[error(
        "it was set and read back, but the call that turned it off was not answered and may take effect until {until}: it must \
         be looked at again after that"
    )]
    MayTurnOff {
        /// When that is over.
        until: Timestamp,
    },
    /// There is none, and a call may still create it.
    #[error("there is none now, but the call that creates it was not answered: it may appear until {until}")]
    MayAppear {
        /// When that is over.
        until: Timestamp,
    },
    /// The lease reads back as there after it was deleted.
    #[error("the lease is still there after the forge took its deletion")]
    StillThere,
    /// The lease reads back as before after it was written over.
    #[error("the forge took what was written into the lease, but it reads back as before")]
    Unwritten,
    /// The lease names more than a forge keeps.
    #[error("the lease would be longer than the {most} bytes that a forge keeps: the plan names too much")]
    LeaseTooLong {
        /// What is allowed.
        most: usize,
    },
}

impl Trouble {
    /// Whether the call may have done what was asked.
    pub(super) fn may_have_worked(&self) -> bool {
        match self {
            Self::Forge(error) => error.effect() == Effect::Unknown,
            Self::Late { .. }
            | Self::Unmoved { .. }
            | Self::StillThere
            | Self::Unwritten
            | Self::MayTurnOff { .. }
            | Self::MayAppear { .. } => true,
            Self::LeaseTooLong { .. } => false,
        }
    }

    /// Whether the forge refuses whoever asks: what was taken from a token may be given to it again.
    pub(super) fn is_of_the_token(&self) -> bool {
        let Self::Forge(error) = self else { return false };
        matches!(error.fault(), ForgeFault::Unauthorized { .. } | ForgeFault::NoRights { .. })
    }

    /// Whether asking again soon is of no use.
    pub(super) fn is_final(&self) -> bool {
        let Self::Forge(error) = self else { return false };
        matches!(
            error.fault(),
            ForgeFault::Unauthorized { .. }
                | ForgeFault::NoRights { .. }
                | ForgeFault::Archived { .. }
                | ForgeFault::Moved { .. }
                | ForgeFault::Declined { .. }
                | ForgeFault::Certificate(_)
        )
    }
}
