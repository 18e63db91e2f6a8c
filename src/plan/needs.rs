//! What of a plan needs which secret.

use super::{History, OciTarget, Plan, Release, ReleaseAccess, ReleasePlace, SecretName, Store, Target};

impl Plan {
    /// Whether nothing but the history has a use for this secret, so that a release can do without it.
    #[must_use]
    pub fn only_history_needs(&self, name: &SecretName) -> bool {
        let History::Store(Store { key: Some(key), .. }) = &self.history else { return false };
        let of_history = [Some(&key.id), Some(&key.secret), key.session.as_ref()].contains(&Some(name));
        of_history && !self.releases_with(name)
    }

    /// Whether nothing but the primary path's forge has a use for this secret: a release on the spare runner can do
    /// without it.
    #[must_use]
    pub fn only_forge_needs(&self, name: &SecretName) -> bool {
        let of_forge = self.primary.as_ref().is_some_and(|primary| primary.token.as_ref() == Some(name));
        of_forge && !self.releases_with(name)
    }

    /// Whether a step or a login of a release needs it.
    fn releases_with(&self, name: &SecretName) -> bool {
        let logs_in =
            |target: &Target| matches!(target, Target::Oci(OciTarget { login: Some(login), .. }) if login.password == *name);
        let compares = |release: &Release| match &release.place {
            ReleasePlace::Url { access: ReleaseAccess::Token(token), .. } => token == name,
            ReleasePlace::Url { access: ReleaseAccess::Login(login), .. } | ReleasePlace::Image { login: Some(login), .. } => {
                login.password == *name
            }
            _ => false,
        };
        self.build.run.iter().chain(&self.build.smoke).any(|step| step.secrets.contains(name))
            || self.publish.iter().any(logs_in)
            || self.released.iter().any(compares)
    }
}
