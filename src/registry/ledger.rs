//! What was put outside, written down before it is done.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio_util::task::TaskTracker;
use url::Url;

use crate::record::Digest;

/// What one client put into its repository and must take away again. Clones share one list, so that it can be cleaned
/// even when whoever was pushing is gone.
#[derive(Clone, Debug, Default)]
pub struct Ledger {
    list: Arc<Mutex<List>>,
    acts: TaskTracker,
}

#[derive(Debug, Default)]
struct List {
    entries: Vec<(Entry, Put)>,
    last: u64,
}

/// Names an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Entry(u64);

/// One thing that was put outside, or may have been.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Put {
    /// An upload, open unless it became a blob.
    Upload {
        /// Where; none as long as the registry has not said so.
        location: Option<Url>,
        /// The blob that it may have become, or that may have been mounted instead.
        blob: Option<Digest>,
    },
    /// A blob that was not there before.
    Blob {
        /// The blob.
        digest: Digest,
        /// The upload that became it, if the registry is to be believed.
        upload: Option<Url>,
    },
    /// A manifest that was not there before.
    Manifest(Digest),
    /// A tag that was not there before, and the manifest it leads to.
    Tag(String, Digest),
}

impl Ledger {
    /// Whether nothing is outside.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.list().entries.is_empty()
    }

    /// Does something outside, to its end even if whoever waits for it is gone: a request that is given up half-way may
    /// still be carried out, after cleaning has looked.
    pub(super) async fn act<T: Send + 'static>(&self, act: impl Future<Output = T> + Send + 'static) -> T {
        match self.acts.spawn(act).await {
            Ok(done) => done,
            Err(stopped) => match stopped.try_into_panic() {
                Ok(panic) => std::panic::resume_unwind(panic),
                // The runtime ends, and this with it.
                Err(_) => std::future::pending().await,
            },
        }
    }

    /// Waits until nothing is being done any more. Every act has a bound of its own.
    pub(super) async fn settled(&self) {
        self.acts.close();
        self.acts.wait().await;
    }

    /// Writes down what is about to be done.
    pub(super) fn add(&self, put: Put) -> Entry {
        let mut list = self.list();
        list.last += 1;
        let entry = Entry(list.last);
        list.entries.push((entry, put));
        entry
    }

    /// Writes down what it has become.
    pub(super) fn change(&self, entry: Entry, put: Put) {
        if let Some((_, old)) = self.list().entries.iter_mut().find(|(known, _)| *known == entry) {
            *old = put;
        }
    }

    /// Strikes out what is not outside.
    pub(super) fn strike(&self, entry: Entry) {
        self.list().entries.retain(|(known, _)| *known != entry);
    }

    pub(super) fn entries(&self) -> Vec<(Entry, Put)> {
        self.list().entries.clone()
    }

    /// A panic elsewhere must not keep us from cleaning.
    fn list(&self) -> MutexGuard<'_, List> {
        self.list.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
