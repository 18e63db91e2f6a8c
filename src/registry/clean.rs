//! Takes away what was put outside, and reads back that it is gone.
//!
//! A registry that does not let go of something is no error: many never do. What is left is listed with the reason
//! and with what a person can do.

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

const BY_HAND: &str = "delete it in the registry's own interface; a login with the right to delete would let canship do it";
const BY_TIME: &str = "registries remove abandoned uploads by themselves after some days; there is nothing more to do";

impl Client {
    /// Removes everything that the ledger lists, side by side where the order does not matter. What is gone is struck
    /// out, so that cleaning again only tries the rest.
    pub async fn clean(&self, ledger: &Ledger) -> Vec<Cleaning> {
        ledger.settled().await;
        let entries = ledger.entries();
        let mut cleanings = Vec::new();
        // Manifests go first: some registries keep blobs that a manifest still names.
        let (manifests, rest): (Vec<_>, Vec<_>) = entries.into_iter().partition(|(_, put)| matches!(put, Put::Manifest(_)));
        let (tags, rest): (Vec<_>, Vec<_>) = rest.into_iter().partition(|(_, put)| matches!(put, Put::Tag(..)));
        for group in [manifests, tags, rest] {
            for (entry, removed) in join_all(group.into_iter().map(|(entry, put)| self.clean_one(entry, put))).await {
                if removed.iter().all(|cleaning| matches!(cleaning, Cleaning::Gone { .. })) {
                    ledger.strike(entry);
                }
                cleanings.extend(removed);
            }
        }
        cleanings
    }

    async fn clean_one(&self, entry: Entry, put: Put) -> (Entry, Vec<Cleaning>) {
        let cleanings = match put {
            Put::Manifest(digest) => vec![self.remove(&format!("manifests/{digest}"), &format!("manifest {digest}")).await],
            Put::Tag(tag, digest) => vec![self.remove_tag(&tag, &digest).await],
            Put::Blob(digest) => vec![self.remove(&format!("blobs/{digest}"), &format!("blob {digest}")).await],
            Put::Upload { location, blob } => {
                // While an upload was being ended, either may be there.
                let mut cleanings = Vec::new();
                match (&location, &blob) {
                    (Some(location), _) => cleanings.push(self.remove_upload(location).await),
                    (None, _) => cleanings.push(Cleaning::Left(Leftover {
                        what: format!("perhaps an open upload in {}", self.repository()).into(),
                        reason: "the answer that would have told its address never came".into(),
                        remedy: BY_TIME.into(),
                    })),
                }
                if let Some(digest) = blob {
                    cleanings.push(self.remove(&format!("blobs/{digest}"), &format!("blob {digest}")).await);
                }
                cleanings
            }
        };
        (entry, cleanings)
    }

    /// Deletes what stands at a path of the repository, unless it is gone already.
    async fn remove(&self, path: &str, what: &str) -> Cleaning {
        let what = format!("{what} in {}", self.repository());
        let reason = match self.transport.url(path) {
            Ok(url) => self.delete(url.clone(), Method::HEAD, &what).await,
            Err(error) => Some(error.fault().to_string()),
        };
        cleaned(what, reason, BY_HAND)
    }

    /// Cancels an upload.
    pub(super) async fn remove_upload(&self, location: &Url) -> Cleaning {
        let reason = self.delete(location.clone(), Method::GET, "the upload").await;
        // The last part of the path names the upload; what follows it only the registry should know.
        let name = location.path_segments().and_then(|mut parts| parts.next_back()).unwrap_or_default();
        cleaned(format!("the open upload {name} in {}", self.repository()), reason, BY_TIME)
    }

    /// A tag mostly goes with its manifest; where it stays, it is deleted itself. One that leads elsewhere by now is
    /// not ours to delete.
    async fn remove_tag(&self, tag: &str, digest: &Digest) -> Cleaning {
        let what = format!("tag {tag} in {}", self.repository());
        let reason = match self.tag_target(tag, Scope::pull(self.repository())).await {
            Ok(None) => None,
            Ok(Some(Some(other))) if other != digest.as_str() => Some(format!("it leads to another image by now: {other}")),
            Ok(Some(_)) => match self.transport.url(&format!("manifests/{tag}")) {
                Ok(url) => self.delete(url, Method::HEAD, &what).await,
                Err(error) => Some(error.fault().to_string()),
            },
            Err(error) => Some(error.fault().to_string()),
        };
        cleaned(what, reason, BY_HAND)
    }

    /// Where a tag leads: no such tag, or the digest if the registry says it.
    pub(super) async fn tag_target(&self, tag: &str, scope: Scope) -> Result<Option<Option<String>>, RegistryError> {
        let url = self.transport.url(&format!("manifests/{tag}"))?;
        let call = Call::new(Method::HEAD, url, scope, format!("looking for tag {tag}")).accepting(MANIFESTS);
        let response = self.transport.read(&call).await?;
        match response.status() {
            StatusCode::NOT_FOUND => Ok(None),
            status if status.is_success() => Ok(Some(said_digest(&response).map(|digest| words(digest).one_line()))),
            _ => Err(self.transport.refused(&call, response).await),
        }
    }

    /// Deletes and reads back, whatever the answer to the deletion was. None if it is gone, else why it is not, or why
    /// that is not known.
    async fn delete(&self, url: Url, look: Method, what: &str) -> Option<String> {
        let call = Call::new(Method::DELETE, url.clone(), Scope::delete(self.repository()), format!("deleting {what}"));
        let refused = match self.transport.change(&call, Content::Empty).await {
            Ok(response) if response.status().is_success() => None,
            Ok(response) => Some(self.transport.refused(&call, response).await.fault().to_string()),
            Err(error) if matches!(error.fault(), Fault::Unavailable { reached: false, .. }) => {
                return Some(error.fault().to_string());
            }
            Err(error) => Some(error.fault().to_string()),
        };
        let call = Call::new(look, url, Scope::pull(self.repository()), format!("looking for {what}")).accepting(MANIFESTS);
        let seen = match self.transport.read(&call).await {
            Ok(response) if response.status() == StatusCode::NOT_FOUND => return None,
            Ok(response) if response.status().is_success() => {
                refused.unwrap_or_else(|| "the registry said that it was deleted, but it is still there".to_owned())
            }
            Ok(response) => not_known(refused, &self.transport.refused(&call, response).await),
            Err(error) => not_known(refused, &error),
        };
        Some(seen)
    }
}

fn not_known(refused: Option<String>, error: &RegistryError) -> String {
    let deleted = refused.unwrap_or_else(|| "the registry said that it was deleted".to_owned());
    format!("{deleted}; whether it is gone could not be read back: {}", error.fault())
}

fn cleaned(what: String, reason: Option<String>, remedy: &str) -> Cleaning {
    match reason {
        None => Cleaning::Gone { what: what.into() },
        Some(reason) => Cleaning::Left(Leftover { what: what.into(), reason: reason.into(), remedy: remedy.into() }),
    }
}
