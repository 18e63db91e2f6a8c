//! GitLab, .com and self-managed under any relative root: project runners, the runners of the instance and of groups,
//! schedules, and a variable of the project. Never `builds_access_level`: it would end the drill itself, and nothing that
//! is queued could be cancelled any more.
//!
//! Requests are the gitlab crate's, read into types of our own. All of it goes out over [`Wire`], which turns every answer
//! but yes into an error.

mod answers;
mod controls;
mod lease;
mod missed;
mod rights;
mod runs;
mod schedules;
mod service;
mod spare;

use std::{fmt::Display, sync::Arc};

use async_trait::async_trait;
use gitlab::api::{self, ApiError, AsyncQuery as _, Endpoint, Pageable, Pagination};
use serde::de::DeserializeOwned;

use super::{
    Budget, Cancel, Control, Created, Effect, ForgeError, ForgeFault, Found, LEASE, LeaseStore, Missed, Own, Place, PrimaryPath,
    Run, Snapshot, State, Turned, Wanted, WayBack,
    call::{Call, curl, is_same, part},
    wire::{Failed, Wire},
};

/// The most entries of one list; a longer one is not read at all.
const MOST: usize = 1000;

const REPORTER: &str = "role Reporter of the project";
const DEVELOPER: &str = "role Developer of the project";
const MAINTAINER: &str = "role Maintainer of the project";

/// The primary path at GitLab.
#[derive(Debug)]
pub(super) struct Gitlab {
    exchanges: service::Exchanges,
    place: Place,
    own: Own,
    /// The project as a part of a path.
    id: String,
}

impl Gitlab {
    pub(super) fn new(place: &Place, wire: Wire, own: Own) -> Self {
        let id = part(place.repository.as_str());
        Self { exchanges: service::Exchanges(Arc::new(wire)), place: place.clone(), own, id }
    }

    fn wire(&self) -> &Wire {
        &self.exchanges.0
    }

    /// The project, as the gitlab crate names it.
    fn project(&self) -> &str {
        self.place.repository.as_str()
    }

    /// The address of an endpoint, for commands by hand.
    fn address(&self, below: &str) -> String {
        format!("{}/api/v4{below}", self.place.url.as_str().trim_end_matches('/'))
    }

    /// The address of an endpoint of the project, for commands by hand.
    fn project_address(&self, below: &str) -> String {
        self.address(&format!("/projects/{}{below}", self.id))
    }

    /// Asks, and reads the answer.
    async fn ask<T, E>(&self, call: &Call, endpoint: Result<E, impl Display>) -> Result<T, ForgeError>
    where
        T: DeserializeOwned + Send + 'static,
        E: Endpoint + Sync + Send,
    {
        let endpoint = self.made(call, endpoint)?;
        endpoint.query_async(&self.exchanges).await.map_err(|error| self.failed(call, error))
    }

    /// Asks for every page of a list.
    async fn ask_all<T, E>(&self, call: &Call, endpoint: Result<E, impl Display>) -> Result<Vec<T>, ForgeError>
    where
        T: DeserializeOwned + Send + Sync + 'static,
        E: Endpoint + Pageable + Sync + Send,
    {
        let pages = api::paged(self.made(call, endpoint)?, Pagination::Limit(MOST + 1));
        let all: Vec<T> = pages.query_async(&self.exchanges).await.map_err(|error| self.failed(call, error))?;
        if all.len() > MOST {
            let fault = self.wire().unreadable(&format!("it goes on after {MOST} entries"));
            return Err(call.failed(&self.place, Failed::harmless(fault)));
        }
        Ok(all)
    }

    /// Tells, and reads nothing of the answer but that it is yes.
    async fn tell<E>(&self, call: &Call, endpoint: Result<E, impl Display>) -> Result<(), ForgeError>
    where
        E: Endpoint + Sync + Send,
    {
        let endpoint = api::ignore(self.made(call, endpoint)?);
        let told = endpoint.query_async(&self.exchanges).await.map_err(|error| self.failed(call, error));
        match told {
            // Of an archived project GitLab says no more than that it is forbidden.
            Err(error) if matches!(error.fault(), ForgeFault::NoRights { .. }) => {
                self.is_not_archived(call).await?;
                Err(error)
            }
            told => told,
        }
    }

    /// An error if the project is archived: only a part of it could be changed then.
    async fn is_not_archived(&self, call: &Call) -> Result<(), ForgeError> {
        match self.see_project().await {
            Ok(project) if project.archived == Some(true) => {
                let words = "`archived` is true".into();
                Err(call.failed(&self.place, Failed::harmless(ForgeFault::Archived { words })))
            }
            // What was answered first says more.
            Ok(_) | Err(_) => Ok(()),
        }
    }

    fn made<E>(&self, call: &Call, endpoint: Result<E, impl Display>) -> Result<E, ForgeError> {
        endpoint.map_err(|reason| call.declined(&self.place, &format!("the request could not be made: {reason}")))
    }

    /// The error below the gitlab crate's.
    fn failed(&self, call: &Call, error: ApiError<Failed>) -> ForgeError {
        let failed = match error {
            ApiError::Client { source } => source,
            other => Failed { fault: self.wire().unreadable(&other.to_string()), effect: Effect::Unknown },
        };
        call.failed(&self.place, failed)
    }

    /// The project; that it is seen at all makes "not found" an answer.
    async fn see_project(&self) -> Result<answers::Project, ForgeError> {
        let call = Call::new("looking at the project", MAINTAINER);
        self.ask(&call, api::projects::Project::builder().project(self.project()).build()).await
    }
}

#[async_trait]
impl PrimaryPath for Gitlab {
    fn place(&self) -> &Place {
        &self.place
    }

    fn budget(&self) -> Budget {
        self.wire().budget()
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

    async fn in_flight(&self, _found: &[Found]) -> Result<Vec<Run>, ForgeError> {
        self.pipelines_in_flight().await
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
        self.cancel_pipeline(run, how).await
    }

    async fn was_called(&self, name: &str) -> Result<bool, ForgeError> {
        let call = Call::new(format!("looking what `{name}` is called today"), MAINTAINER);
        let id = self.see_project().await?.id;
        let other = api::projects::Project::builder().project(name).build();
        is_same(self.ask::<answers::Project, _>(&call, other).await.map(|other| other.id), ("projects", id))
    }

    fn by_hand(&self, control: &Control, state: &State) -> String {
        self.turn_by_hand(control, state)
    }
}

#[async_trait]
impl LeaseStore for Gitlab {
    async fn lease(&self) -> Result<Option<String>, ForgeError> {
        self.read_lease().await
    }

    async fn create_lease(&self, text: &str) -> Result<Created, ForgeError> {
        self.post_lease(text).await
    }

    async fn replace_lease(&self, text: &str) -> Result<(), ForgeError> {
        self.put_lease(text).await
    }

    async fn delete_lease(&self) -> Result<(), ForgeError> {
        self.drop_variable(&Call::new("deleting the lease", MAINTAINER), LEASE).await
    }

    fn delete_lease_by_hand(&self) -> String {
        curl("DELETE", &self.project_address(&format!("/variables/{LEASE}")), None)
    }
}
