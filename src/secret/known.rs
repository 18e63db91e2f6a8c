//! The one place where every credential is made known as soon as it is read, so that none is told, whoever repeats it.

use std::{
    borrow::Cow,
    sync::{Arc, PoisonError, RwLock},
};

use super::{Scrubber, Search, Secret};
use crate::record::Text;

/// Every secret that this process has come to know. Clones share it.
///
/// What programs print in masses passes the scrubber of the plan's secrets; whatever else is told passes [`Known`], and what is
/// released is searched for all of it: it also knows logins of Docker's, tokens of token services, passwords in addresses, and keys of stores.
#[derive(Clone, Debug, Default)]
pub struct Known(Arc<RwLock<Inner>>);

#[derive(Debug, Default)]
struct Inner {
    /// The plan's secrets, with all that was known by then.
    plan: Option<Arc<Scrubber>>,
    /// All others.
    others: Vec<Secret>,
    others_scrubber: Option<Arc<Scrubber>>,
}

impl Known {
    /// From now on none of these is told.
    pub fn add<'s>(&self, secrets: impl IntoIterator<Item = &'s Secret>) {
        let mut inner = self.0.write().unwrap_or_else(PoisonError::into_inner);
        let before = inner.others.len();
        for secret in secrets {
            if !inner.others.iter().any(|known| known.expose() == secret.expose()) {
                inner.others.push(secret.clone());
            }
        }
        if inner.others.len() > before {
            inner.others_scrubber = Some(Arc::new(Scrubber::of_others(&inner.others)));
        }
    }

    /// From now on none of the plan's secrets is told; what comes back knows them and all that was known before, in every
    /// form.
    #[must_use]
    pub fn add_plan<'s>(&self, secrets: impl IntoIterator<Item = &'s Secret>) -> Arc<Scrubber> {
        let mut inner = self.0.write().unwrap_or_else(PoisonError::into_inner);
        let mut all: Vec<&Secret> = secrets.into_iter().collect();
        all.extend(&inner.others);
        let scrubber = Arc::new(Scrubber::new(all));
        inner.plan = Some(Arc::clone(&scrubber));
        scrubber
    }

    /// Looks for any of them in what is to be published.
    #[must_use]
    pub fn search(&self) -> Search {
        Search::new(self.scrubbers())
    }

    fn scrubbers(&self) -> impl Iterator<Item = Arc<Scrubber>> + use<> {
        let inner = self.0.read().unwrap_or_else(PoisonError::into_inner);
        [inner.plan.clone(), inner.others_scrubber.clone()].into_iter().flatten()
    }

    /// The text without any of them.
    #[must_use]
    pub fn scrub<'t>(&self, text: &'t str) -> Cow<'t, str> {
        self.scrubbers().fold(Cow::Borrowed(text), |text, scrubber| match text {
            Cow::Borrowed(text) => scrubber.scrub(text),
            Cow::Owned(text) => Cow::Owned(scrubber.scrub(&text).into_owned()),
        })
    }

    /// Takes all of them out of a text.
    pub fn hide(&self, text: &mut Text) {
        text.rewrite(|raw| self.scrub(raw));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_is_added_is_hidden_from_then_on_by_every_clone() {
        let (known, secret) = (Known::default(), |value: &str| Secret::new(value.to_owned()));
        let other = known.clone();
        assert_eq!(other.scrub("hunter22 and token99"), "hunter22 and token99");
        known.add([&secret("token99")]);
        assert_eq!(other.scrub("hunter22 and token99"), "hunter22 and ***");
        let of_plan = other.add_plan([&secret("hunter22")]);
        assert_eq!(known.scrub("hunter22 and token99"), "*** and ***");
        assert_eq!(of_plan.scrub("hunter22 and token99"), "*** and ***");
        known.add([&secret("later-77")]);
        assert_eq!(other.scrub("hunter22, later-77"), "***, ***");
    }
}
