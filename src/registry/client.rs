//! A client for one repository, and the checks that leave nothing behind.

use std::sync::Arc;

use reqwest::{Method, StatusCode};

use super::{
    Credentials, Fault, Ledger, RegistryError, Repository,
    auth::Scope,
    transport::{Call, Transport},
};
use crate::{network::Network, plan::Timeouts, record::Leftover, state::Journal};

/// Speaks to one repository of one registry, with connections and tokens of its own. Clones share them.
#[derive(Clone, Debug)]
pub struct Client {
    pub(super) transport: Arc<Transport>,
    pub(super) ledger: Ledger,
}

/// What a login should be good for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Reading.
    Pull,
    /// Reading and writing.
    Push,
}

/// What a registry did with a login.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Login {
    /// It asked for one and took it.
    Accepted,
    /// It asked for none.
    NotAsked,
}

impl Client {
    /// A fresh client; nothing is sent yet.
    ///
    /// # Errors
    /// TLS could not be set up.
    pub fn new(
        repository: Repository,
        credentials: Credentials,
        timeouts: &Timeouts,
        network: &Network,
    ) -> Result<Self, RegistryError> {
        let transport = Arc::new(Transport::new(repository, credentials, *timeouts, network)?);
        Ok(Self { transport, ledger: Ledger::default() })
    }

    /// The repository it speaks to.
    #[must_use]
    pub fn repository(&self) -> &Repository {
        self.transport.repository()
    }

    /// What this client and its clones have put outside. Kept by the caller, it can be cleaned after whoever was
    /// pushing is gone.
    #[must_use]
    pub fn ledger(&self) -> Ledger {
        self.ledger.clone()
    }

    /// From now on everything it puts outside is noted in the drill's journal, before it is put there.
    pub fn note_in(&self, journal: Arc<Journal>) {
        self.ledger.copy_to(journal, self.repository());
    }

    /// Logs in and makes a call at the repository, which need not exist yet. A token service may hand out a token that
    /// lacks the right to push: only [`Client::probe_push`] proves that.
    ///
    /// # Errors
    /// The login is not accepted or may not read, or there is no registry.
    pub async fn check_login(&self, access: Access) -> Result<Login, RegistryError> {
        let scope = match access {
            Access::Pull => Scope::pull(self.repository()),
            Access::Push => Scope::push(self.repository()),
        };
        let call = Call::new(Method::GET, self.transport.root()?, scope.clone(), "logging in");
        let response = self.transport.read(&call).await?;
        match response.status() {
            StatusCode::OK => drop(response),
            StatusCode::NOT_FOUND => {
                return Err(self.transport.failed(&call, Fault::protocol("there is no registry: `/v2/` is not found")));
            }
            _ => return Err(self.transport.refused(&call, response).await),
        }
        let call = Call::new(Method::GET, self.transport.url("tags/list?n=1")?, scope, "reading the list of tags");
        let response = self.transport.read(&call).await?;
        if matches!(response.status(), StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN) {
            return Err(self.transport.refused(&call, response).await);
        }
        Ok(if self.transport.logs_in().await { Login::Accepted } else { Login::NotAsked })
    }

    /// Proves the right to push: opens an upload, cancels it, and reads back that it is gone. What could not be
    /// cancelled is returned; the right is proved all the same.
    ///
    /// # Errors
    /// No upload could be opened.
    pub async fn probe_push(&self) -> Result<Vec<Leftover>, RegistryError> {
        let upload = self.open_upload().await?;
        Ok(self.cancel(upload).await.into_iter().collect())
    }
}
