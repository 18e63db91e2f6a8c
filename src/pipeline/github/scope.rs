//! What names mean inside of a workflow that was called, or of an action.

use std::collections::HashMap;

use super::eval::Val;

/// Whose secrets a workflow sees.
#[derive(Clone, Debug)]
pub(super) enum Secrets {
    /// The repository's, by their own names: in a workflow that was started, or called with `secrets: inherit` from one.
    Own,
    /// What the caller passes: the name here, in lower case, and the names at their owner.
    Passed(HashMap<String, Vec<String>>),
}

/// The inputs and secrets of one call.
#[derive(Clone, Debug)]
pub(super) struct Scope {
    pub(super) secrets: Secrets,
    inputs: HashMap<String, Vec<Val>>,
    /// Whether an input that is not there is empty, as in a call, or unknown.
    called: bool,
}

impl Scope {
    /// A workflow that was started.
    pub(super) fn started(inputs: HashMap<String, Vec<Val>>) -> Self {
        Self { secrets: Secrets::Own, inputs, called: false }
    }

    /// A workflow or an action that was called.
    pub(super) fn called(secrets: Secrets, inputs: HashMap<String, Vec<Val>>) -> Self {
        Self { secrets, inputs, called: true }
    }

    /// What an input can be; none if nobody can know.
    pub(super) fn input(&self, name: &str) -> Option<Vec<Val>> {
        let found = self.inputs.get(&name.to_ascii_lowercase()).cloned();
        if self.called { Some(found.unwrap_or_else(|| vec![Val::Known(String::new())])) } else { found }
    }

    /// The names that a secret has at its owner: none if the caller does not pass it.
    pub(super) fn owners(&self, name: &str) -> Vec<String> {
        match &self.secrets {
            Secrets::Own => vec![name.to_owned()],
            Secrets::Passed(_) if name.eq_ignore_ascii_case("GITHUB_TOKEN") => vec!["GITHUB_TOKEN".to_owned()],
            Secrets::Passed(passed) => passed.get(&name.to_ascii_lowercase()).cloned().unwrap_or_default(),
        }
    }
}
