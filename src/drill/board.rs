//! What the checks of access have come to: each part is set once, and whoever needs it waits for it.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::SetOnce;

use super::vault::Vault;
use crate::{
    plan::Plan,
    record::Severity,
    secret::{Known, Secret},
};

/// The results of the checks. Waiting ends with the check or with the drill, never by itself.
pub(super) struct Board {
    /// The secrets, once all sources were asked.
    pub(super) vault: SetOnce<Arc<Vault>>,
    /// The secrets so far.
    read: Mutex<Vec<Secret>>,
    /// Set once what dead drills have cut was given back, as far as that goes: why nothing may be cut now, if so.
    pub(super) recovered: SetOnce<Option<String>>,
    /// Whether a room can be opened.
    pub(super) spare: SetOnce<bool>,
    /// The worst that is wrong with the tag's place, if anything is.
    pub(super) tag_place: SetOnce<Option<Severity>>,
    /// Set once nothing of earlier drills is being removed in scratch repositories any more: what is pushed may be the same.
    pub(super) scratch_cleaned: SetOnce<()>,
    /// Set once the logins of all registries that the plan speaks of were read, as far as they can be: what the build prints
    /// and makes is searched for those too.
    pub(super) logins: SetOnce<()>,
    /// For each publish target of the plan, the worst that keeps a release from it, if anything does.
    pub(super) targets: Vec<SetOnce<Option<Severity>>>,
    /// Set when every image that is published is published, whatever came of it.
    pub(super) published: SetOnce<()>,
}

impl Board {
    pub(super) fn new(plan: &Plan) -> Self {
        Self {
            vault: SetOnce::new(),
            read: Mutex::default(),
            recovered: SetOnce::new(),
            spare: SetOnce::new(),
            tag_place: SetOnce::new(),
            published: SetOnce::new(),
            scratch_cleaned: SetOnce::new(),
            logins: SetOnce::new(),
            targets: plan.publish.iter().map(|_| SetOnce::new()).collect(),
        }
    }

    /// A secret was read.
    pub(super) fn read(&self, secret: &Secret) {
        self.read.lock().unwrap_or_else(PoisonError::into_inner).push(secret.clone());
    }

    /// Makes known what was read of the secrets if the drill ended before all were.
    pub(super) fn give_up_reading(&self, known: &Known) {
        if self.vault.get().is_none() {
            drop(known.add_plan(self.read.lock().unwrap_or_else(PoisonError::into_inner).iter()));
        }
    }
}

/// Somebody who still reads a login: when all of them are gone, all are read.
pub(super) struct Reading<'b>(pub(super) &'b Board);

impl Drop for Reading<'_> {
    fn drop(&mut self) {
        drop(self.0.logins.set(()));
    }
}
