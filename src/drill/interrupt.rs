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
    which: Arc<OnceLock<Signal>>,
}

impl Interrupts {
    /// Listens for SIGINT, SIGTERM and SIGHUP from now on.
    ///
    /// # Errors
    /// The system does not let signals be caught.
    pub fn listen() -> io::Result<Self> {
        let interrupts = Self::default();
        let (mut int, mut term) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
        let mut hangup = signal(SignalKind::hangup())?;
        let told = interrupts.clone();
        tokio::spawn(async move {
            loop {
                let which = tokio::select! {
                    Some(()) = int.recv() => Signal::Sigint,
                    Some(()) = term.recv() => Signal::Sigterm,
                    Some(()) = hangup.recv() => Signal::Sighup,
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

    /// Ends when a signal comes.
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
