//! Takes away what was put outside, and reads back that it is gone.
//!
//! A registry that does not let go of something is no error: many never do. What is left is listed with the reason
//! and with what a person can do.

use std::collections::BTreeSet;

use futures_util::future::join_all;
use reqwest::{Method, StatusCode};
use url::Url;

use super::{
    Client, Fault, Ledger, RegistryError,
    auth::Scope,
    error::words,
    ledger::{Entry, Put},
    push::MANIFESTS,
    transport::{Call, Content},
    upload::said_digest,
};
use crate::record::{Cleaning, Digest, Leftover};

const BY_HAND: &str = "delete it in the registry's own interface, or let a retention rule there remove the tags `canship-*`";
const BY_GARBAGE: &str = "the registry's garbage collection removes it once no manifest names it; there is nothing more to do";
const NEEDED: &str = "another drill has pushed the same and may still need it";
const BY_NEXT: &str = "the next drill removes it, or `canship clean`";
const BY_TIME: &str = "registries remove abandoned uploads by themselves after some days; there is nothing more to do";
const NEVER_CAME: &str = "the answer that would have told its address never came";

/// How a deletion ended, if the thing is gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Gone {
    Deleted,
    WasNotThere,
}

/// Why something is still there, or why that is not known.
#[derive(Debug)]
struct Kept {
    reason: String,
    why: Why,
}

/// What is to be done about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Why {
    /// The login lacks the right to delete.
    Forbidden,
    /// Nobody can ever find it but the registry.
    Lost,
    Other,
}

/// Whether what nobody can find any more is tried again the next time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Lost {
    Kept,
    GivenUp,
}

/// What came of one thing: what is told of it, and whether anybody could do more.
#[derive(Debug)]
struct Removal {
    cleaning: Cleaning,
    end: End,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Gone(Gone),
    Kept(Why),
}

impl From<&RegistryError> for Kept {
    fn from(error: &RegistryError) -> Self {
        let why = if matches!(error.fault(), Fault::Forbidden { .. }) { Why::Forbidden } else { Why::Other };
        Self { reason: error.fault().to_string(), why }
    }
}

impl From<String> for Kept {
    fn from(reason: String) -> Self {
        Self { reason, why: Why::Other }
    }
}

impl Kept {
    fn lost(reason: &str) -> Self {
        Self { reason: reason.to_owned(), why: Why::Lost }
    }
}

impl Client {
    /// Removes everything that the ledger lists, side by side where the order does not matter. What is gone is struck
    /// out, so that cleaning again only tries the rest.
    pub async fn clean(&self, ledger: &Ledger) -> Vec<Cleaning> {
        self.clean_but(ledger, &BTreeSet::new(), Lost::Kept).await
    }

    /// The same, but for what other drills have use for: that is told as left.
    pub(super) async fn clean_but(&self, ledger: &Ledger, needed: &BTreeSet<Digest>, lost: Lost) -> Vec<Cleaning> {
        ledger.settled().await;
        let is_needed = |put: &Put| matches!(put, Put::Blob { digest, .. } | Put::Manifest(digest) if needed.contains(digest));
        let spared = |put| match put {
            Put::Upload { location, blob: Some(digest) } if needed.contains(&digest) => Put::Upload { location, blob: None },
            put => put,
        };
        let (kept, entries): (Vec<_>, Vec<_>) = ledger.entries().into_iter().partition(|(_, put)| is_needed(put));
        let entries = entries.into_iter().map(|(entry, put)| (entry, spared(put)));
        let kept = kept.into_iter().flat_map(|(_, put)| self.names(put));
        let kept = kept.map(|(what, _)| Leftover { what: what.into(), reason: NEEDED.into(), remedy: BY_NEXT.into() });
        let mut cleanings: Vec<_> = kept.map(Cleaning::Left).collect();
        // Manifests go first: some registries keep blobs that a manifest still names.
        let (manifests, rest): (Vec<_>, Vec<_>) = entries.partition(|(_, put)| matches!(put, Put::Manifest(_)));
        let (tags, rest): (Vec<_>, Vec<_>) = rest.into_iter().partition(|(_, put)| matches!(put, Put::Tag(..)));
        for group in [manifests, tags, rest] {
            for (entry, removed) in join_all(group.into_iter().map(|(entry, put)| self.clean_one(entry, put))).await {
                let is_done = |end| matches!(end, End::Gone(_)) || (lost == Lost::GivenUp && end == End::Kept(Why::Lost));
                if removed.iter().all(|removal| is_done(removal.end)) {
                    ledger.strike(entry);
                }
                cleanings.extend(removed.into_iter().map(|removal| removal.cleaning));
            }
        }
        cleanings
    }

    /// What the ledger lists, each as left for this reason: for when cleaning is given up.
    #[must_use]
    pub fn left(&self, ledger: &Ledger, reason: &str) -> Vec<Leftover> {
        let names = ledger.entries().into_iter().flat_map(|(_, put)| self.names(put));
        names.map(|(what, remedy)| Leftover { what: what.into(), reason: reason.into(), remedy: remedy.into() }).collect()
    }

    /// What people call it, each with what to do about it.
    fn names(&self, put: Put) -> Vec<(String, &'static str)> {
        match put {
            Put::Manifest(digest) => vec![(self.manifest_name(&digest), BY_HAND)],
            Put::Tag(tag, _) => vec![(self.tag_name(&tag), BY_HAND)],
            Put::Blob { digest, .. } => vec![(self.blob_name(&digest), BY_GARBAGE)],
            Put::Upload { location, blob } => {
                let upload = location.as_ref().map_or_else(|| self.unknown_upload_name(), |location| self.upload_name(location));
                std::iter::once((upload, BY_TIME)).chain(blob.map(|digest| (self.blob_name(&digest), BY_GARBAGE))).collect()
            }
        }
    }

    async fn clean_one(&self, entry: Entry, put: Put) -> (Entry, Vec<Removal>) {
        let removals = match put {
            Put::Manifest(digest) => {
                vec![self.cleaned(self.manifest_name(&digest), self.remove(&format!("manifests/{digest}")).await, BY_HAND)]
            }
            Put::Tag(tag, digest) => vec![self.remove_tag(&tag, &digest).await],
            Put::Blob { digest, upload } => self.remove_blob(&digest, upload.as_ref()).await,
            Put::Upload { location: None, blob } => {
                let upload = self.cleaned(self.unknown_upload_name(), Err(Kept::lost(NEVER_CAME)), BY_TIME);
                match blob {
                    None => vec![upload],
                    // It may have been mounted instead.
                    Some(digest) => std::iter::once(upload).chain(self.remove_blob(&digest, None).await).collect(),
                }
            }
            Put::Upload { location: Some(location), blob: None } => vec![self.remove_upload(&location).await],
            // While an upload was being ended, either may be there. What never was is not spoken of.
            Put::Upload { location: Some(location), blob: Some(digest) } => {
                let (mut removals, upload) = futures_util::join!(self.remove_blob(&digest, None), self.remove_upload(&location));
                removals.push(upload);
                removals.retain(|removal| removal.end != End::Gone(Gone::WasNotThere));
                removals
            }
        };
        (entry, removals)
    }

    /// Deletes a blob. If there is none, then the upload that should have become it is still open, whatever the
    /// registry said.
    async fn remove_blob(&self, digest: &Digest, upload: Option<&Url>) -> Vec<Removal> {
        let removed = self.remove(&format!("blobs/{digest}")).await;
        let upload = upload.filter(|_| matches!(removed, Ok(Gone::WasNotThere)));
        let mut removals = vec![self.cleaned(self.blob_name(digest), removed, BY_GARBAGE)];
        if let Some(location) = upload {
            removals.push(self.remove_upload(location).await);
        }
        removals
    }

    /// Deletes what stands at a path of the repository, unless it is gone already.
    async fn remove(&self, path: &str) -> Result<Gone, Kept> {
        let url = self.transport.url(path).map_err(|error| Kept::from(&error))?;
        self.delete(url).await
    }

    /// Cancels an upload.
    pub(super) async fn cancelled(&self, location: &Url) -> Cleaning {
        self.remove_upload(location).await.cleaning
    }

    async fn remove_upload(&self, location: &Url) -> Removal {
        self.cleaned(self.upload_name(location), self.delete(location.clone()).await, BY_TIME)
    }

    /// A tag mostly goes with its manifest; where it stays, it is deleted itself. One that leads elsewhere by now is
    /// not ours to delete.
    async fn remove_tag(&self, tag: &str, digest: &Digest) -> Removal {
        let removed = match self.tag_target((Method::GET, tag), Scope::pull(self.repository())).await {
            Ok(None) => Ok(Gone::WasNotThere),
            Ok(Some(Some(other))) if other != digest.as_str() => Err(format!("it leads to another image by now: {other}").into()),
            Ok(Some(_)) => self.remove(&format!("manifests/{tag}")).await,
            Err(error) => Err(Kept::from(&error)),
        };
        self.cleaned(self.tag_name(tag), removed, BY_HAND)
    }

    /// Where a tag leads: no such tag, or the digest if the registry says it.
    pub(super) async fn tag_target(
        &self,
        (method, tag): (Method, &str),
        scope: Scope,
    ) -> Result<Option<Option<String>>, RegistryError> {
        let url = self.transport.url(&format!("manifests/{tag}"))?;
        let call = Call::new(method, url, scope, format!("looking for tag {tag}")).accepting(MANIFESTS);
        let response = self.transport.read(&call).await?;
        match response.status() {
            StatusCode::NOT_FOUND => Ok(None),
            status if status.is_success() => Ok(Some(said_digest(&response).map(|digest| words(digest).one_line()))),
            _ => Err(self.transport.refused(&call, response).await),
        }
    }

    /// Deletes and reads back, whatever the answer to the deletion was. An error says why it is not gone, or why that
    /// is not known. It is looked for as whoever pulls would: an answer to HEAD may come from elsewhere.
    async fn delete(&self, url: Url) -> Result<Gone, Kept> {
        let call = Call::new(Method::DELETE, url.clone(), Scope::delete(self.repository()), "deleting");
        let refused = match self.transport.change(&call, Content::Empty).await {
            Ok(response) if response.status().is_success() => None,
            Ok(response) => Some(self.transport.refused(&call, response).await),
            Err(error) if !error.fault().has_reached() => return Err(Kept::from(&error)),
            Err(error) => Some(error),
        };
        let refused = refused.as_ref().map(Kept::from);
        let call = Call::new(Method::GET, url, Scope::pull(self.repository()), "looking for it").accepting(MANIFESTS);
        match self.transport.read(&call).await {
            Ok(response) if response.status() == StatusCode::NOT_FOUND => match refused {
                None => Ok(Gone::Deleted),
                Some(_) if is_stale(self.transport.refused(&call, response).await.fault()) => Err(Kept::lost(STALE)),
                Some(_) => Ok(Gone::WasNotThere),
            },
            Ok(response) if response.status().is_success() => Err(refused.unwrap_or_else(|| LIED.to_owned().into())),
            Ok(response) => Err(not_known(refused, &self.transport.refused(&call, response).await)),
            Err(error) => Err(not_known(refused, &error)),
        }
    }

    fn cleaned(&self, what: String, removed: Result<Gone, Kept>, remedy: &str) -> Removal {
        match removed {
            Ok(gone) => Removal { cleaning: Cleaning::Gone { what: what.into() }, end: End::Gone(gone) },
            Err(Kept { reason, why }) => {
                let grant = why == Why::Forbidden && remedy == BY_HAND;
                let grant = grant.then(|| format!("grant the login the right to delete in `{}`, or ", self.repository()));
                let remedy = grant.unwrap_or_default() + remedy;
                let left = Leftover { what: what.into(), reason: reason.into(), remedy: remedy.into() };
                Removal { cleaning: Cleaning::Left(left), end: End::Kept(why) }
            }
        }
    }

    fn manifest_name(&self, digest: &Digest) -> String {
        format!("manifest {digest} in {}", self.repository())
    }

    fn tag_name(&self, tag: &str) -> String {
        format!("tag {tag} in {}", self.repository())
    }

    fn blob_name(&self, digest: &Digest) -> String {
        format!("blob {digest} in {}", self.repository())
    }

    fn upload_name(&self, location: &Url) -> String {
        // The last part of the path names the upload; what follows it only the registry should know.
        let name = location.path_segments().and_then(|mut parts| parts.next_back()).unwrap_or_default();
        format!("the open upload {name} in {}", self.repository())
    }

    fn unknown_upload_name(&self) -> String {
        lost_upload_name(&self.repository().to_string())
    }
}

fn lost_upload_name(repository: &str) -> String {
    format!("perhaps an open upload in {repository}")
}

/// An upload whose address nobody knows, if it was opened at all: it can be spoken of, not looked for.
#[must_use]
pub fn lost_upload(repository: &str) -> Leftover {
    Leftover { what: lost_upload_name(repository).into(), reason: NEVER_CAME.into(), remedy: BY_TIME.into() }
}

/// An upload's address changes with each part that it takes. One that is out of date is not found, though the upload is
/// still there.
fn is_stale(fault: &Fault) -> bool {
    matches!(fault, Fault::NotFound { words } if words.as_str().contains("BLOB_UPLOAD_INVALID"))
}

const STALE: &str = "it took a part of what was sent, and the answer that would have told its new address never came";

const LIED: &str = "the registry said that it was deleted, but it is still there";

fn not_known(refused: Option<Kept>, error: &RegistryError) -> Kept {
    let Kept { reason, why } = refused.unwrap_or_else(|| "the registry said that it was deleted".to_owned().into());
    Kept { reason: format!("{reason}; whether it is gone could not be read back: {}", error.fault()), why }
}
