//! What can go wrong with a call.

use std::time::Duration;

/// What goes wrong with a call.
#[derive(Clone, Debug)]
pub(crate) enum Trouble {
    /// It is refused, and has no effect.
    Refused(Refusal),
    /// It is answered so, and has no effect.
    Answered(u16, &'static str),
    /// A gateway's 5xx page, and no effect.
    Fault(u16),
    /// A gateway's 5xx page after the call took effect.
    FaultAfter(u16),
    /// The connection ends without an answer, and the call has no effect.
    HangUp,
    /// The call takes effect, and the connection ends without an answer.
    LostAnswer,
    /// The connection ends in the middle of the answer, after the effect.
    Reset,
    /// No answer, no effect, and no end.
    Stall,
    /// No answer and no end after the call took effect.
    StallAfter,
    /// The usual answer, and no effect.
    NothingChanged,
    /// The answer that a read had before the last change.
    Stale,
    /// The usual answer, and the usual effect, after so long.
    Slow(Duration),
    /// The connection ends at once without an answer, and the call takes effect after so long.
    Late(Duration),
    /// A 5xx whose body holds the token that was sent.
    SecretInBody,
}

/// How a forge says no. Each forge has its own words and headers for them.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Refusal {
    /// 401: the token is unknown, expired or revoked.
    Credentials,
    /// 403: the token may not do this.
    Rights,
    /// 404: the place is private, and hidden from this token.
    Hidden,
    /// 403 on GitHub, with nothing left and the second in which there will be; GitLab has 429.
    PrimaryLimit { status: u16, reset_in: u64 },
    /// 403 or 429; after so many seconds, if it is told.
    SecondaryLimit { status: u16, retry_after: Option<u64> },
    /// 409.
    Conflict,
    /// 422 (GitHub) or 400 (GitLab) with this text.
    Invalid(&'static str),
}
