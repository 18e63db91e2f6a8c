//! Who logs in to a registry.

use super::{Draft, MADE, sheet};
use crate::pipeline::{At, Forge, Job, Site, Step, Topic, Words, login_of};

/// Who logs in to a registry: the user's name as it is written, the secret, and where.
pub(super) struct Login {
    pub(super) user: Option<String>,
    pub(super) secret: Option<String>,
    pub(super) at: At,
}

impl Draft<'_> {
    /// Who logs in to this registry on the release's path: by an action, or by a command.
    pub(super) fn login(&self, host: &str) -> Option<Login> {
        self.pipeline.path().find_map(|(release, job)| {
            job.steps.iter().find_map(|step| {
                let by_command = || self.by_command(host, (job, step), release.forge);
                self.by_action(host, job, step).or_else(by_command)
            })
        })
    }

    fn by_action(&self, host: &str, job: &Job, step: &Step) -> Option<Login> {
        if !step.is("docker/login-action") && !step.is("redhat-actions/podman-login") {
            return None;
        }
        let registry = self.filled(step.input("registry").unwrap_or("docker.io"), step, 0);
        let registry = registry.trim_start_matches("https://").split('/').next().unwrap_or_default().to_ascii_lowercase();
        let registry =
            if matches!(registry.as_str(), "" | "index.docker.io" | "registry-1.docker.io") { "docker.io" } else { &registry };
        let user = step.input("username").filter(|user| !user.contains("${{") && !user.is_empty()).map(str::to_owned);
        let own = || self.secrets_of(job, step, |key| key == "password").into_iter().next();
        let secret = own().or_else(|| self.passed(job, step.input("password")?));
        (registry == host).then(|| Login { user, secret, at: step.at.clone() })
    }

    /// The secret that is given to an input of a local action, which the action hands on.
    fn passed(&self, job: &Job, text: &str) -> Option<String> {
        let (_, rest) = text.split_once("inputs.")?;
        let name = rest.split(|c: char| !c.is_alphanumeric() && c != '_' && c != '-').next()?;
        let is_given = |site: &Site| {
            &*site.role == "with" && site.job.as_deref() == Some(job.id.as_str()) && site.under.as_deref() == Some(name)
        };
        let mut secrets = self.pipeline.facts.of(Topic::Secrets).filter(|(secret, _)| !MADE.contains(secret));
        secrets.find(|(_, sites)| sites.iter().any(is_given)).map(|(secret, _)| secret.to_owned())
    }

    fn by_command(&self, host: &str, (job, step): (&Job, &Step), forge: Forge) -> Option<Login> {
        step.commands.iter().enumerate().find_map(|(number, command)| {
            let (registry, _) = self.with_own_registry(self.filled(&login_of(&command.words)?, step, 0));
            if registry != host {
                return None;
            }
            let user = option(command, &["-u", "--username", "--user"]).filter(|user| !user.contains('$')).map(str::to_owned);
            let piped = || number.checked_sub(1).and_then(|before| step.commands.get(before)).and_then(printed);
            let password = option(command, &["-p", "--password", "--pass"]).or_else(piped);
            let secret = password.and_then(|password| self.behind(password, (job, step), forge));
            Some(Login { user, secret, at: command.at.clone() })
        })
    }

    /// The secret that a variable of a script holds, by the name that its owner knows; those that the forge gives aside.
    fn behind(&self, word: &str, (job, step): (&Job, &Step), forge: Forge) -> Option<String> {
        let name = variable(word)?;
        match forge {
            Forge::Github => self.secrets_of(job, step, |key| key == name).into_iter().next(),
            Forge::Gitlab => {
                let name = step.variable(name).and_then(variable).unwrap_or(name);
                (!name.starts_with("CI_")).then(|| name.to_owned())
            }
        }
    }

    /// The secrets that a script's own variables hold: the variable, and the name that the secret's owner knows.
    pub(super) fn given(&self, job: &Job, step: &Step) -> Vec<(String, String)> {
        let names: Vec<&str> = step.env.first().into_iter().flat_map(|map| map.iter()).map(|(name, _)| &**name).collect();
        let secret = |name: &str| self.secrets_of(job, step, |key| key == name).into_iter().next();
        names.into_iter().filter_map(|name| Some((sheet::variable(name), sheet::variable(&secret(name)?)))).collect()
    }
}

/// The value of an option.
fn option<'c>(command: &'c Words, names: &[&str]) -> Option<&'c str> {
    command.words.iter().enumerate().find_map(|(at, word)| {
        names.iter().find_map(|name| {
            if word == name {
                return command.words.get(at + 1).map(String::as_str);
            }
            word.strip_prefix(name)?.strip_prefix('=')
        })
    })
}

/// What a command prints for the next one to read.
fn printed(command: &Words) -> Option<&str> {
    let (program, rest) = command.words.split_first()?;
    rest.last().filter(|_| matches!(program.as_str(), "echo" | "printf" | "cat")).map(String::as_str)
}

/// The variable that a word is.
fn variable(word: &str) -> Option<&str> {
    let name = word.strip_prefix('$')?;
    let name = name.strip_prefix('{').and_then(|name| name.strip_suffix('}')).unwrap_or(name);
    (!name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')).then_some(name)
}
