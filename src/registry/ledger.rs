//! What was put outside, written down before it is done.

use std::{
    io,
    sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError},
};

use tokio_util::task::TaskTracker;
use url::Url;

use super::Repository;
use crate::{
    record::Digest,
    state::{self, Item, Journal},
};

/// What one client put into its repository and must take away again. Clones share one list, so that it can be cleaned
/// even when whoever was pushing is gone.
#[derive(Clone, Debug, Default)]
pub struct Ledger {
    list: Arc<Mutex<List>>,
    acts: TaskTracker,
    copy: Arc<OnceLock<Copy>>,
}

#[derive(Debug, Default)]
struct List {
    entries: Vec<Listed>,
    last: u64,
}

#[derive(Debug)]
struct Listed {
    entry: Entry,
    put: Put,
    /// The same in the drill's journal.
    noted: Option<state::Entry>,
}

/// A second list on the disk, for when whoever was pushing was killed.
#[derive(Debug)]
struct Copy {
    journal: Arc<Journal>,
    repository: Repository,
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
    /// From now on everything is also noted in the drill's journal, before it is done.
    pub(super) fn copy_to(&self, journal: Arc<Journal>, repository: &Repository) {
        drop(self.copy.set(Copy { journal, repository: repository.clone() }));
    }

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

    /// Writes down what is about to be done. What cannot be written down must not be done.
    pub(super) fn add(&self, put: Put) -> io::Result<Entry> {
        // A name that is put once more, after somebody took it away, is still one thing.
        let is_name = matches!(put, Put::Manifest(_) | Put::Tag(..));
        if let Some(listed) = self.list().entries.iter().find(|listed| is_name && listed.put == put) {
            return Ok(listed.entry);
        }
        let noted = self.copy.get().map(|copy| copy.journal.put(&copy.item(&put))).transpose()?;
        let mut list = self.list();
        list.last += 1;
        let entry = Entry(list.last);
        list.entries.push(Listed { entry, put, noted });
        Ok(entry)
    }

    /// Writes down what it has become. If that cannot be kept on the disk, what is there leads to less, but not astray.
    pub(super) fn change(&self, entry: Entry, put: Put) {
        let mut list = self.list();
        let Some(listed) = list.entries.iter_mut().find(|listed| listed.entry == entry) else { return };
        listed.put = put;
        let changed = (listed.put.clone(), listed.noted);
        drop(list);
        if let ((put, Some(noted)), Some(copy)) = (changed, self.copy.get()) {
            copy.journal.change(noted, &copy.item(&put)).unwrap_or_default();
        }
    }

    /// Strikes out what is not outside.
    pub(super) fn strike(&self, entry: Entry) {
        let mut list = self.list();
        let Some(at) = list.entries.iter().position(|listed| listed.entry == entry) else { return };
        let noted = list.entries.remove(at).noted;
        drop(list);
        if let (Some(noted), Some(copy)) = (noted, self.copy.get()) {
            copy.journal.gone(noted);
        }
    }

    /// Whether it is outside, for all that is known.
    pub(super) fn has(&self, entry: Entry) -> bool {
        self.list().entries.iter().any(|listed| listed.entry == entry)
    }

    pub(super) fn entries(&self) -> Vec<(Entry, Put)> {
        self.list().entries.iter().map(|listed| (listed.entry, listed.put.clone())).collect()
    }

    /// A panic elsewhere must not keep us from cleaning.
    fn list(&self) -> MutexGuard<'_, List> {
        self.list.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Copy {
    fn item(&self, put: &Put) -> Item {
        let repository = self.repository.to_string();
        match put {
            Put::Upload { location, blob } => {
                let location = location.as_ref().filter(|location| self.may_keep(location)).map(Url::to_string);
                Item::Upload { repository, location, blob: blob.clone() }
            }
            Put::Blob { digest, .. } => Item::Blob { repository, digest: digest.clone() },
            Put::Manifest(digest) => Item::Manifest { repository, digest: digest.clone() },
            Put::Tag(tag, digest) => Item::ImageTag { repository, tag: tag.clone(), digest: digest.clone() },
        }
    }

    /// At the registry itself an address is good for nothing without a login. An address elsewhere is not kept: it may
    /// be signed, and whoever has it can write there.
    fn may_keep(&self, location: &Url) -> bool {
        self.repository.origin().is_ok_and(|origin| origin.origin() == location.origin())
    }
}

impl Put {
    /// What an item of an earlier drill's journal speaks of, with its repository; none if it is no registry's.
    pub(super) fn of_item(item: &Item) -> Option<(&str, Self)> {
        match item {
            Item::Upload { repository, location, blob } => {
                let location = location.as_ref().and_then(|location| location.parse().ok());
                Some((repository, Self::Upload { location, blob: blob.clone() }))
            }
            Item::Blob { repository, digest } => Some((repository, Self::Blob { digest: digest.clone(), upload: None })),
            Item::Manifest { repository, digest } => Some((repository, Self::Manifest(digest.clone()))),
            Item::ImageTag { repository, tag, digest } => Some((repository, Self::Tag(tag.clone(), digest.clone()))),
            Item::Folder { .. }
            | Item::Engine { .. }
            | Item::Lease { .. }
            | Item::Cut { .. }
            | Item::Run { .. }
            | Item::GitTag { .. } => None,
        }
    }
}
