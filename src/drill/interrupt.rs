//! Signals: the first asks the drill to give everything back and end, the second to stop waiting for that.
//!
//! Nothing is done inside a signal handler: a task waits for signals and cancels tokens that the phases look at.

use std::{
    io,
    sync::{Arc, OnceLock},
};

use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use crate::record::Signal;

/// What signals have asked for so far. Clones speak of the same signals.
#[derive(Clone, Debug, Default)]
pub struct Interrupts {
    first: CancellationToken,
    second: CancellationToken,
    any: CancellationToken,
    which: Arc<OnceLock<Signal>>,
}

impl Interrupts {
    /// Listens for SIGINT, SIGTERM, SIGQUIT and SIGHUP from now on; the last not if whoever started canship ignores it, as
    /// `nohup` does.
    ///
    /// # Errors
    /// The system does not let signals be caught.
    pub fn listen() -> io::Result<Self> {
        let interrupts = Self::default();
        let (mut int, mut term) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
        let mut quit = signal(SignalKind::quit())?;
        let mut hangup = if ignores_hangup() { None } else { Some(signal(SignalKind::hangup())?) };
        let mut hung_up = async move || match &mut hangup {
            Some(hangup) => hangup.recv().await,
            None => std::future::pending().await,
        };
        let told = interrupts.clone();
        tokio::spawn(async move {
            loop {
                let which = tokio::select! {
                    Some(()) = int.recv() => Signal::Sigint,
                    Some(()) = term.recv() => Signal::Sigterm,
                    Some(()) = quit.recv() => Signal::Sigquit,
                    Some(()) = hung_up() => Signal::Sighup,
                    else => return,
                };
                told.tell(which);
            }
        });
        Ok(interrupts)
    }

    fn tell(&self, which: Signal) {
        if self.which.set(which).is_ok() {
            self.first.cancel();
        } else {
            self.second.cancel();
        }
        self.any.cancel();
    }

    /// Ends the drill early though no signal came.
    pub(super) fn cut_off(&self) {
        self.first.cancel();
    }

    /// The signal that came first, if one came.
    #[must_use]
    pub fn which(&self) -> Option<Signal> {
        self.which.get().copied()
    }

    /// Ends when a signal has come, and tells the first.
    pub async fn signalled(&self) -> Option<Signal> {
        self.any.cancelled().await;
        self.which()
    }

    /// Ends when a signal comes, or the drill is cut off.
    pub(super) async fn came(&self) {
        self.first.cancelled().await;
    }

    /// What `work` gives, or none if a signal comes before; then `work` is dropped.
    pub async fn unless<T>(&self, work: impl Future<Output = T>) -> Option<T> {
        self.first.run_until_cancelled(work).await
    }

    /// What `work` gives, or none if a second signal comes before.
    pub(super) async fn unless_impatient<T>(&self, work: impl Future<Output = T>) -> Option<T> {
        self.second.run_until_cancelled(work).await
    }
}

/// Whether SIGHUP is ignored. Only Linux tells.
fn ignores_hangup() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    // Signals are counted from 1, and SIGHUP is the first.
    ignored.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).is_some_and(|mask| mask & 1 == 1)
}
