//! GitHub, .com and Enterprise Server: workflows, labels of self-hosted runners, and a variable of the repository.
//!
//! Reads go by raw routes into types of our own, because octocrab's fail on valid answers; changes without an answer to
//! speak of go by octocrab's calls. All of it goes out over [`Wire`], which turns every answer but yes into an error.

mod answers;
mod controls;
mod lease;
mod missed;
mod own;
mod rights;
mod runs;
mod service;
mod spare;

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use async_trait::async_trait;
use bytes::Bytes;
use http::{
    HeaderMap, HeaderValue, StatusCode,
    header::{ETAG, IF_NONE_MATCH},
};
use http_body_util::BodyExt as _;
use octocrab::{AuthState, Octocrab, OctocrabBuilder};
use serde::de::DeserializeOwned;

use self::answers::Repository;
use super::{
    Budget, Cancel, Control, Created, ForgeError, ForgeFault, Found, LEASE, LeaseStore, Missed, Own, Place, PrimaryPath, Run,
    Snapshot, State, Turned, Wanted, WayBack,
    call::{Call, curl, is_same, part},
    wire::{Failed, Wire},
};

/// As many as GitHub gives at once.
const PAGE: usize = 100;

/// As many pages as are read of one list; a longer one is not read at all.
const PAGES: usize = 10;

/// The right to see what GitHub lets everybody see who may see the repository.
const METADATA_READ: &str = "metadata: read";
const ACTIONS_READ: &str = "actions: read";
const ACTIONS_WRITE: &str = "actions: write";
const ADMINISTRATION_READ: &str = "administration: read";
const ADMINISTRATION_WRITE: &str = "administration: write";
const CONTENTS_READ: &str = "contents: read";
const VARIABLES_READ: &str = "variables: read";
const VARIABLES_WRITE: &str = "variables: write";

/// The primary path at GitHub.
#[derive(Debug)]
pub(super) struct Github {
    crab: Octocrab,
    wire: Arc<Wire>,
    place: Place,
    own: Own,
    owner: String,
    name: String,
    known: Mutex<Known>,
}

/// What was answered last to what is asked again and again, by its route.
type Known = BTreeMap<String, (HeaderValue, Bytes)>;

/// An answer as octocrab hands it on.
type Answer = http::Response<http_body_util::combinators::BoxBody<Bytes, octocrab::Error>>;

impl Github {
    /// Must be made within a Tokio runtime.
    pub(super) fn new(place: &Place, wire: Wire, own: Own) -> Self {
        let wire = Arc::new(wire);
        let service = service::Exchanges(Arc::clone(&wire));
        let Ok(crab) = OctocrabBuilder::new_empty().with_service(service).with_auth(AuthState::None).build();
        let (owner, name) = place.repository.as_str().split_once('/').unwrap_or_default();
        Self { crab, wire, place: place.clone(), own, owner: owner.to_owned(), name: name.to_owned(), known: Mutex::default() }
    }

    /// A route of the repository.
    fn route(&self, below: &str) -> String {
        format!("/repos/{}/{}{below}", self.owner, self.name)
    }

    /// The address of a route of the repository, for commands by hand.
    fn address(&self, below: &str) -> String {
        format!("{}{}", self.place.url.as_str().trim_end_matches('/'), self.route(below))
    }

    async fn get<T: DeserializeOwned>(&self, call: &Call, below: &str) -> Result<T, ForgeError> {
        self.get_at(call, self.route(below)).await
    }

    /// What stands at a route that is not of the repository.
    async fn get_at<T: DeserializeOwned>(&self, call: &Call, route: String) -> Result<T, ForgeError> {
        let answer = self.crab._get(route).await.map_err(|error| self.failed(call, error))?;
        let body = self.body_of(call, answer).await?;
        self.parse(call, &body)
    }

    async fn body_of(&self, call: &Call, answer: Answer) -> Result<Bytes, ForgeError> {
        Ok(answer.into_body().collect().await.map_err(|error| self.failed(call, error))?.to_bytes())
    }

    /// The same as [`Self::get`], for what is asked again and again: what has not changed since the last time is not sent
    /// again, and does not count as a request.
    async fn get_if_new<T: DeserializeOwned>(&self, call: &Call, below: &str) -> Result<T, ForgeError> {
        let route = self.route(below);
        let known = self.known().get(&route).cloned();
        let mut headers = HeaderMap::new();
        if let Some((tag, _)) = &known {
            headers.insert(IF_NONE_MATCH, tag.clone());
        }
        let answer = self.crab._get_with_headers(&route, Some(headers)).await.map_err(|error| self.failed(call, error))?;
        if let (StatusCode::NOT_MODIFIED, Some((_, body))) = (answer.status(), known) {
            return self.parse(call, &body);
        }
        let tag = answer.headers().get(ETAG).cloned();
        let body = self.body_of(call, answer).await?;
        if let Some(tag) = tag {
            self.known().insert(route, (tag, body.clone()));
        }
        self.parse(call, &body)
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Every page of a list; `items` takes them out of one.
    async fn get_all<T, P>(&self, call: &Call, below: &str, items: fn(P) -> Vec<T>) -> Result<Vec<T>, ForgeError>
    where
        P: DeserializeOwned,
    {
        let (mut all, join) = (Vec::new(), if below.contains('?') { '&' } else { '?' });
        for page in 1..=PAGES {
            let items = items(self.get(call, &format!("{below}{join}per_page={PAGE}&page={page}")).await?);
            let is_last = items.len() < PAGE;
            all.extend(items);
            if is_last {
                return Ok(all);
            }
        }
        let fault = self.wire.unreadable(&format!("it goes on after {} entries", PAGE * PAGES));
        Err(call.failed(&self.place, Failed::harmless(fault)))
    }

    fn parse<T: DeserializeOwned>(&self, call: &Call, body: &Bytes) -> Result<T, ForgeError> {
        serde_json::from_slice(body).map_err(|error| {
            let fault = self.wire.unreadable(&error.to_string());
            call.failed(&self.place, Failed::harmless(fault))
        })
    }

    /// The error below octocrab's.
    fn failed(&self, call: &Call, error: octocrab::Error) -> ForgeError {
        let failed = match error {
            octocrab::Error::Service { source, .. } => match source.downcast::<Failed>() {
                Ok(failed) => *failed,
                Err(other) => Failed { fault: self.wire.unreadable(&other.to_string()), effect: super::Effect::Unknown },
            },
            other => Failed { fault: self.wire.unreadable(&other.to_string()), effect: super::Effect::Unknown },
        };
        call.failed(&self.place, failed)
    }

    /// Whether the token may see the repository: only then "not found" says that something is not there.
    async fn is_visible(&self) -> Result<(), ForgeError> {
        self.see_repository().await.map(drop)
    }

    async fn see_repository(&self) -> Result<Repository, ForgeError> {
        self.get(&Call::new("looking at the repository", METADATA_READ), "").await
    }
}

#[async_trait]
impl PrimaryPath for Github {
    fn place(&self) -> &Place {
        &self.place
    }

    fn budget(&self) -> Budget {
        self.wire.budget()
    }

    async fn controls(&self, wanted: &Wanted) -> Result<Vec<Found>, ForgeError> {
        self.find_controls(wanted).await
    }

    async fn look(&self, control: &Control) -> Result<State, ForgeError> {
        self.look_at(control).await
    }

    async fn way_back(&self, found: &[Found]) -> Result<WayBack, ForgeError> {
        self.prove_way_back(found).await
    }

    async fn in_flight(&self, found: &[Found]) -> Result<Vec<Run>, ForgeError> {
        self.runs_in_flight(found).await
    }

    async fn snapshot(&self, found: &[Found]) -> Result<Snapshot, ForgeError> {
        self.take_snapshot(found).await
    }

    async fn missed(&self, before: &Snapshot) -> Result<Missed, ForgeError> {
        self.missed_since(before).await
    }

    async fn set(&self, control: &Control, state: &State) -> Result<Turned, ForgeError> {
        self.turn(control, state).await
    }

    async fn cancel(&self, run: &Run, how: Cancel) -> Result<(), ForgeError> {
        self.cancel_run(run, how).await
    }

    async fn was_called(&self, name: &str) -> Result<bool, ForgeError> {
        let call = Call::new(format!("looking what `{name}` is called today"), METADATA_READ);
        let route = format!("/repos/{}", name.split('/').map(part).collect::<Vec<_>>().join("/"));
        let id = self.see_repository().await?.id;
        is_same(self.get_at::<Repository>(&call, route).await.map(|other| other.id), ("repositories", id))
    }

    fn by_hand(&self, control: &Control, state: &State) -> String {
        self.turn_by_hand(control, state)
    }
}

#[async_trait]
impl LeaseStore for Github {
    async fn lease(&self) -> Result<Option<String>, ForgeError> {
        self.read_lease().await
    }

    async fn create_lease(&self, text: &str) -> Result<Created, ForgeError> {
        self.post_lease(text).await
    }

    async fn replace_lease(&self, text: &str) -> Result<(), ForgeError> {
        self.patch_lease(text).await
    }

    async fn delete_lease(&self) -> Result<(), ForgeError> {
        self.drop_variable(&Call::new("deleting the lease", VARIABLES_WRITE), LEASE).await
    }

    fn delete_lease_by_hand(&self) -> String {
        curl("DELETE", &self.address(&format!("/actions/variables/{LEASE}")), None)
    }
}

/// Whether the answer was this kind of no, for what is not an error to whoever asked.
fn was(error: &ForgeError, wanted: fn(&ForgeFault) -> bool) -> bool {
    wanted(error.fault())
}

#[cfg(test)]
mod tests;
