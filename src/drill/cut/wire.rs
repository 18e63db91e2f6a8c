//! The forge as a cut uses it: every call bounded, so that one that stalls holds nothing else up.

use std::{sync::Arc, time::Duration};

use super::{back::Calls, trouble::Trouble};
use crate::{
    forge::{Created, Forge, ForgeError, State, Turned},
    plan::LATE_EFFECT,
    record::{Control, Measure},
};

/// A forge, and how long is waited for each of its answers.
#[derive(Clone)]
pub(super) struct Wire {
    pub(super) forge: Arc<dyn Forge>,
    patience: Duration,
    /// The longest that is waited for one.
    most: Duration,
    /// How long after it was given up a call may still take effect.
    late_effect: Duration,
    is_stubborn: bool,
}

impl Wire {
    pub(super) fn new(forge: Arc<dyn Forge>, patience: Duration) -> Self {
        Self { forge, patience, most: patience, late_effect: LATE_EFFECT, is_stubborn: false }
    }

    /// The same forge, of which the plan says how long a call that was given up may still take effect.
    pub(super) fn taking_effect(self, late_effect: Duration) -> Self {
        Self { late_effect, ..self }
    }

    /// The same forge for one who has time, and whom nobody follows: what the forge refuses it may allow later.
    pub(super) fn stubborn(self) -> Self {
        Self { is_stubborn: true, ..self }
    }

    /// Whether what the forge refuses is tried again.
    pub(super) fn is_stubborn(&self) -> bool {
        self.is_stubborn
    }

    /// What is known of a call that was given up now, by whoever waited for its answer.
    pub(super) fn given_up(&self) -> Calls {
        Calls::UnderWay(tokio::time::Instant::now() + self.late_effect)
    }

    /// How long a call that goes out now may take until it has taken effect or never will, whatever becomes of its sender.
    pub(super) fn longest(&self) -> Duration {
        self.most.saturating_add(self.late_effect)
    }

    /// The same forge with less patience at first, or as much.
    pub(super) fn hurried(&self, patience: Duration) -> Self {
        Self { patience: patience.min(self.patience), ..self.clone() }
    }

    /// The same forge with twice the patience, as far as it goes: what stalled is asked again soon, and what is only slow
    /// is waited for in the end.
    pub(super) fn patient(&self) -> Self {
        Self { patience: self.patience.saturating_mul(2).min(self.most), ..self.clone() }
    }

    pub(super) async fn look(&self, control: &Control) -> Result<State, Trouble> {
        self.within(|| format!("reading the state of {control}"), self.forge.look(control)).await
    }

    pub(super) async fn set(&self, control: &Control, state: &State) -> Result<Turned, Trouble> {
        self.within(|| format!("setting {control} to `{}`", control.word(state)), self.forge.set(control, state)).await
    }

    /// Reads back that a control is in this state.
    pub(super) async fn confirm(&self, control: &Control, state: &State) -> Result<(), Trouble> {
        let seen = self.look(control).await?;
        if seen == *state {
            return Ok(());
        }
        let tried = format!("setting {control} to `{}`", control.word(state));
        Err(Trouble::Unmoved { tried, seen: control.word(&seen).to_owned() })
    }

    /// Whether what had this other name is what is here today.
    pub(super) async fn was_called(&self, name: &str) -> Result<bool, Trouble> {
        self.within(|| format!("looking what `{name}` is called today"), self.forge.was_called(name)).await
    }

    pub(super) async fn lease(&self) -> Result<Option<String>, Trouble> {
        self.within(|| "reading the lease".to_owned(), self.forge.lease()).await
    }

    pub(super) async fn create_lease(&self, text: &str) -> Result<Created, Trouble> {
        self.within(|| "creating the lease".to_owned(), self.forge.create_lease(text)).await
    }

    pub(super) async fn replace_lease(&self, text: &str) -> Result<(), Trouble> {
        self.within(|| "renewing the lease".to_owned(), self.forge.replace_lease(text)).await
    }

    pub(super) async fn delete_lease(&self) -> Result<(), Trouble> {
        self.within(|| "deleting the lease".to_owned(), self.forge.delete_lease()).await
    }

    async fn within<T>(
        &self,
        tried: impl FnOnce() -> String,
        call: impl Future<Output = Result<T, ForgeError>>,
    ) -> Result<T, Trouble> {
        match tokio::time::timeout(self.patience, call).await {
            Ok(answer) => Ok(answer?),
            Err(_) => Err(Trouble::Late { tried: tried(), limit: Measure(self.patience) }),
        }
    }
}
