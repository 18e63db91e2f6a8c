//! The secrets of one drill: read once, handed only to what names them, and kept out of what is released.

use std::{collections::BTreeMap, sync::Arc};

use crate::{
    plan::{OciTarget, SecretName},
    secret::{Known, Scrubber, Search, Secret},
};

/// The secrets that are there, and the scrubber that knows them.
pub(super) struct Vault {
    secrets: BTreeMap<SecretName, Secret>,
    scrubber: Arc<Scrubber>,
    known: Known,
}

impl Vault {
    /// From now on they are known, and kept out of every event.
    pub(super) fn new(secrets: BTreeMap<SecretName, Secret>, known: &Known) -> Self {
        let scrubber = known.add_plan(secrets.values());
        Self { secrets, scrubber, known: known.clone() }
    }

    pub(super) fn scrubber(&self) -> Arc<Scrubber> {
        Arc::clone(&self.scrubber)
    }

    /// Looks for every credential that is known by now in what is to be published, those that are not of the plan too.
    pub(super) fn search(&self) -> Search {
        self.known.search()
    }

    /// The same for other threads.
    pub(super) fn searches(&self) -> impl Fn() -> Search + Send + Sync + use<> {
        let known = self.known.clone();
        move || known.search()
    }

    /// Whether there is a credential in the text.
    pub(super) fn holds_secret(&self, text: &str) -> bool {
        self.known.scrub(text) != text
    }

    /// The password of this target's login, if there is one and it is there.
    pub(super) fn password(&self, target: &OciTarget) -> Option<&Secret> {
        self.secrets.get(&target.login.as_ref()?.password)
    }

    /// The secret of this name.
    pub(super) fn get(&self, name: &SecretName) -> Option<&Secret> {
        self.secrets.get(name)
    }

    /// The secrets whose value stands in this text.
    pub(super) fn standing_in(&self, text: &str) -> Vec<&SecretName> {
        if !self.holds_secret(text) {
            return Vec::new();
        }
        let stands = |secret: &Secret| Scrubber::new([secret]).scrub(text) != text;
        self.secrets.iter().filter(|(_, secret)| stands(secret)).map(|(name, _)| name).collect()
    }

    /// Secrets that cannot be looked for in what is published.
    pub(super) fn not_telling(&self) -> Vec<&SecretName> {
        self.secrets.iter().filter(|(_, secret)| !secret.is_telling()).map(|(name, _)| name).collect()
    }

    /// The first of these names that is not there.
    pub(super) fn lacks<'n>(&self, names: &'n [SecretName]) -> Option<&'n SecretName> {
        names.iter().find(|name| !self.secrets.contains_key(name))
    }

    /// The secrets of these names, each with its name.
    pub(super) fn hand_out(&self, names: &[SecretName]) -> Vec<(String, Secret)> {
        names.iter().filter_map(|name| Some((name.to_string(), self.secrets.get(name)?.clone()))).collect()
    }
}
