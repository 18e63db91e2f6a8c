//! Takes away what drills that live no more have left in a repository: what their journals say, and what their tags lead
//! to.
//!
//! Invariant: what any other tag of the repository leads to stays, also if a drill had put it there. Where that cannot be
//! read, nothing is deleted.

use std::collections::BTreeSet;

use futures_util::{StreamExt as _, stream};
use reqwest::{Method, StatusCode, header::LINK};
use serde::Deserialize;
use serde_json::Value;

use super::{
    Client, Fault, RegistryError, Which,
    auth::Scope,
    clean::Lost,
    image::Document,
    ledger::{Entry, Put},
    transport::Call,
};
use crate::{
    record::{Cleaning, Digest, DrillId, Leftover},
    state::Item,
};

/// What the tag of a drill begins with.
pub(super) const TAG: &str = "canship-";

/// How many other tags are looked at before a repository is taken for one that is not for drills alone.
const MOST_TAGS: usize = 1000;

/// So many tags are looked at side by side.
const AT_ONCE: usize = 8;

/// The longest page of a list of tags.
const LONGEST_PAGE: usize = 8 * 1024 * 1024;

/// What an earlier drill's journal speaks of, in the ledger of this client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Inherited(Entry);

/// What tags of a repository lead to.
#[derive(Debug, Default)]
struct Shared {
    by_others: BTreeSet<Digest>,
    by_drills: BTreeSet<Digest>,
}

/// The tag that a drill pushes under.
#[must_use]
pub fn tag_of(drill: &DrillId) -> String {
    format!("{TAG}{drill}")
}

fn is_of_drill(tag: &str) -> bool {
    tag.strip_prefix(TAG).is_some_and(|id| DrillId::made(id).is_some())
}

impl Client {
    /// Takes over what an earlier drill's journal speaks of, if that is in this client's repository.
    #[must_use]
    pub fn inherit(&self, item: &Item) -> Option<Inherited> {
        let (repository, put) = Put::of_item(item)?;
        if repository != self.repository().to_string() {
            return None;
        }
        let put = match put {
            // An address elsewhere was never written down.
            Put::Upload { location: Some(location), blob } if !self.transport.is_ours(&location) => {
                Put::Upload { location: None, blob }
            }
            put => put,
        };
        self.take_over(put).map(Inherited)
    }

    /// Whether it is still there, for all that is known.
    #[must_use]
    pub fn is_left(&self, inherited: Inherited) -> bool {
        self.ledger.has(inherited.0)
    }

    /// The drills that have a tag in the repository.
    ///
    /// # Errors
    /// The list of tags cannot be read.
    pub async fn tagged_drills(&self) -> Result<Vec<DrillId>, RegistryError> {
        let tags = self.tags().await?;
        Ok(tags.iter().filter_map(|tag| DrillId::made(tag.strip_prefix(TAG)?)).collect())
    }

    /// Takes over the tag of a drill, with the manifest and blobs that it leads to.
    ///
    /// # Errors
    /// What it leads to cannot be read.
    pub async fn inherit_tag(&self, drill: &DrillId) -> Result<(), RegistryError> {
        let tag = tag_of(drill);
        let Some((digest, named)) = self.closure(&tag).await? else { return Ok(()) };
        self.take_over(Put::Tag(tag, digest));
        for put in named {
            self.take_over(put);
        }
        Ok(())
    }

    /// Removes all that was taken over and that no other tag leads to. What nobody can find any more is told, and given up.
    pub async fn clean_left(&self) -> Vec<Cleaning> {
        let tags = self.tags_beside().await;
        self.clean_unless(tags, Lost::GivenUp).await
    }

    /// Removes what this client has pushed, but for what another drill has pushed as well: it may still live. What somebody
    /// else's tag leads to by now is theirs.
    pub async fn clean_own(&self) -> Vec<Cleaning> {
        self.ledger.settled().await;
        // A registry that tells nobody what it has is cleaned all the same: what was pushed was not there before.
        let tags = self.tags_beside().await.or_else(|error| if is_untold(error.fault()) { Ok(Vec::new()) } else { Err(error) });
        self.clean_unless(tags, Lost::Kept).await
    }

    /// Removes what is in the ledger, unless one of these tags or of those that come meanwhile leads there.
    async fn clean_unless(&self, tags: Result<Vec<String>, RegistryError>, lost: Lost) -> Vec<Cleaning> {
        let shared = match tags {
            Ok(tags) => self.shared(tags).await,
            Err(error) => Err(error),
        };
        match shared {
            Ok(shared) => {
                self.strike(&shared.by_others);
                self.clean_but(&self.ledger(), &shared.by_drills, lost).await
            }
            Err(error) => {
                let reason = format!("what else needs it could not be read: {}", error.fault());
                self.left(&self.ledger(), &reason).into_iter().map(Cleaning::Left).collect()
            }
        }
    }

    /// Strikes out what is somebody else's.
    fn strike(&self, others: &BTreeSet<Digest>) {
        let ledger = self.ledger();
        for (entry, put) in ledger.entries() {
            if put.digest().is_some_and(|digest| others.contains(digest)) {
                match put {
                    Put::Upload { location, .. } => ledger.change(entry, Put::Upload { location, blob: None }),
                    _ => ledger.strike(entry),
                }
            }
        }
    }

    /// The tags that may lead to something in the ledger; none if nothing in it can be led to.
    async fn tags_beside(&self) -> Result<Vec<String>, RegistryError> {
        let is_led_to = self.ledger().entries().iter().any(|(_, put)| put.digest().is_some());
        if is_led_to { self.tags().await } else { Ok(Vec::new()) }
    }

    /// What these tags lead to, but our own. Reading takes its time: they are listed anew until none has come meanwhile.
    async fn shared(&self, mut tags: Vec<String>) -> Result<Shared, RegistryError> {
        let entries = self.ledger().entries();
        let (mut shared, mut seen) = (Shared::default(), BTreeSet::new());
        let is_own = |tag: &String| entries.iter().any(|(_, put)| matches!(put, Put::Tag(own, _) if own == tag));
        loop {
            tags.retain(|tag| !is_own(tag) && seen.insert(tag.clone()));
            if tags.is_empty() {
                return Ok(shared);
            }
            if seen.len() > MOST_TAGS {
                let what = format!("the repository has {} other tags, too many to look at each", seen.len());
                let fault = Fault::Refused { status: None, words: what.into() };
                return Err(RegistryError::new(self.repository(), "looking for what is shared", fault));
            }
            let read = |tag: String| async move { (is_of_drill(&tag), self.closure(&tag).await) };
            let mut closures = stream::iter(tags).map(read).buffer_unordered(AT_ONCE);
            while let Some((is_of_drill, closure)) = closures.next().await {
                let Some((digest, named)) = closure? else { continue };
                let led_to = if is_of_drill { &mut shared.by_drills } else { &mut shared.by_others };
                led_to.insert(digest);
                led_to.extend(named.iter().filter_map(|put| put.digest().cloned()));
            }
            drop(closures);
            tags = self.tags().await?;
        }
    }

    /// What is there of what was taken over, without removing it.
    #[must_use]
    pub fn inherited(&self) -> Vec<Leftover> {
        self.left(&self.ledger(), "")
    }

    fn take_over(&self, put: Put) -> Option<Entry> {
        let entries = self.ledger.entries();
        // A ledger without a copy on the disk takes everything.
        entries.iter().find(|(_, known)| *known == put).map(|(entry, _)| *entry).or_else(|| self.ledger.add(put).ok())
    }

    /// The manifest that a tag leads to, and it with all that it names, nested ones too; none if there is no such tag.
    async fn closure(&self, tag: &str) -> Result<Option<(Digest, Vec<Put>)>, RegistryError> {
        let first = match self.manifest(&Which::Tag(tag.to_owned())).await {
            Ok(first) => first,
            Err(error) if matches!(error.fault(), Fault::NotFound { .. }) => return Ok(None),
            Err(error) => return Err(error),
        };
        let digest = first.blob.digest.clone();
        let (mut named, mut next) = (vec![Put::Manifest(digest.clone())], vec![first]);
        while let Some(document) = next.pop() {
            let (manifests, blobs) = names(&document);
            named.extend(blobs.into_iter().map(|digest| Put::Blob { digest, upload: None }));
            for digest in manifests {
                if named.contains(&Put::Manifest(digest.clone())) {
                    continue;
                }
                match self.manifest(&Which::Digest(digest.clone())).await {
                    Ok(nested) => next.push(nested),
                    // An index may name what was never pushed along.
                    Err(error) if matches!(error.fault(), Fault::NotFound { .. }) => continue,
                    Err(error) => return Err(error),
                }
                named.push(Put::Manifest(digest));
            }
        }
        Ok(Some((digest, named)))
    }

    /// All tags of the repository; none if there is no such repository.
    /// Source: <https://github.com/opencontainers/distribution-spec/blob/main/spec.md#listing-tags>.
    async fn tags(&self) -> Result<Vec<String>, RegistryError> {
        #[derive(Deserialize)]
        struct Page {
            tags: Option<Vec<String>>,
        }
        let scope = || Scope::pull(self.repository());
        let mut url = self.transport.url("tags/list?n=1000")?;
        let mut all = Vec::new();
        loop {
            let call = Call::new(Method::GET, url.clone(), scope(), "reading the list of tags");
            let response = self.transport.read(&call).await?;
            if response.status() == StatusCode::NOT_FOUND {
                return Ok(all);
            }
            if !response.status().is_success() {
                return Err(self.transport.refused(&call, response).await);
            }
            let next = response.headers().get(LINK).and_then(|link| next_page(link.to_str().ok()?)).map(str::to_owned);
            let page =
                self.transport.wire().read(response, LONGEST_PAGE).await.map_err(|fault| self.transport.failed(&call, fault))?;
            let page: Page = serde_json::from_slice(&page)
                .map_err(|reason| self.transport.failed(&call, Fault::protocol(format!("its list of tags: {reason}"))))?;
            all.extend(page.tags.unwrap_or_default());
            let Some(next) = next else { return Ok(all) };
            let following = url.join(&next).ok().filter(|next| self.transport.is_ours(next) && *next != url);
            url = following.ok_or_else(|| self.transport.failed(&call, Fault::protocol("its list of tags goes on nowhere")))?;
        }
    }
}

/// Whether the registry answers whoever asks for its tags that it does not tell them.
fn is_untold(fault: &Fault) -> bool {
    match fault {
        Fault::Unauthorized { .. } | Fault::Forbidden { .. } | Fault::NotFound { .. } => true,
        Fault::Refused { status, .. } => status.is_some_and(|status| (400..500).contains(&status) || status == 501),
        _ => false,
    }
}

/// The manifests and the blobs that a manifest names, whatever its kind.
fn names(document: &Document) -> (Vec<Digest>, Vec<Digest>) {
    let content: Value = serde_json::from_slice(&document.content).unwrap_or_default();
    let digest = |descriptor: &Value| descriptor["digest"].as_str().and_then(|text| text.parse().ok());
    let all = |key: &str| content[key].as_array().into_iter().flatten().filter_map(digest).collect::<Vec<Digest>>();
    let mut blobs = all("layers");
    blobs.extend(all("blobs"));
    blobs.extend(digest(&content["config"]));
    blobs.sort();
    blobs.dedup();
    (all("manifests"), blobs)
}

/// Where a list goes on: `<url>; rel="next"` (RFC 8288).
fn next_page(link: &str) -> Option<&str> {
    link.split(',').find_map(|part| {
        let (url, parameters) = part.trim().strip_prefix('<')?.split_once('>')?;
        parameters.contains("next").then_some(url)
    })
}

impl Put {
    /// The content that it speaks of.
    fn digest(&self) -> Option<&Digest> {
        match self {
            Self::Upload { blob, .. } => blob.as_ref(),
            Self::Blob { digest, .. } | Self::Manifest(digest) => Some(digest),
            Self::Tag(..) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_goes_on_where_its_link_says() {
        assert_eq!(next_page("</v2/a/tags/list?n=2&last=b>; rel=\"next\""), Some("/v2/a/tags/list?n=2&last=b"));
        assert_eq!(next_page("</v2/>; rel=\"first\""), None);
        assert_eq!(next_page("nonsense"), None);
    }
}
