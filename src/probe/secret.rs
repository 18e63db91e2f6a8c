//! A secret is there, not empty, and long enough to be kept out of every output.

use std::path::Path;

use crate::{
    plan::{SecretName, SecretSource},
    record::{Finding, Phase, Rule},
    secret::{self, Secret},
};

/// Reads a secret from its source; relative files and commands stand in `folder`.
///
/// # Errors
/// The finding that it is not there or cannot be used.
pub async fn secret(name: &SecretName, source: &SecretSource, folder: &Path) -> Result<Secret, Finding> {
    let value = secret::read(source, folder).await.map_err(|missing| {
        let advice = format!("give `{name}` to whoever runs this spare: {}", wanted(source));
        Finding::new(Rule::SecretMissing, Phase::Probe, format!("the secret `{name}` is missing: {missing}"), advice)
    })?;
    if value.is_scrubbable() {
        return Ok(value);
    }
    let summary = format!("the secret `{name}` has fewer than four characters: it cannot be kept out of the output");
    Err(Finding::new(Rule::SecretTooShort, Phase::Probe, summary, "use a longer secret"))
}

fn wanted(source: &SecretSource) -> String {
    match source {
        SecretSource::Env(variable) => format!("set the environment variable `{variable}`"),
        SecretSource::File(path) => format!("put it into the file `{}`", path.display()),
        SecretSource::Command(words) => {
            format!("make the command `{}` print it", words.first().map_or("", String::as_str))
        }
    }
}
