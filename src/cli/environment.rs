//! Every environment variable that canship reads, each named once.

use std::{env, ffi::OsString, path::PathBuf};

/// An environment variable: its name and what it is for, as the README's table has it.
#[derive(Clone, Copy, Debug)]
pub struct Variable {
    /// Its name.
    pub name: &'static str,
    /// What it does.
    pub purpose: &'static str,
}

const NO_COLOR: Variable = Variable { name: "NO_COLOR", purpose: "if set and not empty, nothing is coloured" };
const GITHUB_STEP_SUMMARY: Variable =
    Variable { name: "GITHUB_STEP_SUMMARY", purpose: "a file that the Markdown report is appended to, as GitHub Actions sets it" };
const DOCKER_HOST: Variable =
    Variable { name: "DOCKER_HOST", purpose: "the address of the container engine, unless the spare names one" };
const DOCKER_CONFIG: Variable = Variable {
    name: "DOCKER_CONFIG",
    purpose: "the folder with Docker's `config.json`, which knows logins; without it `~/.docker`",
};
const HOME: Variable = Variable { name: "HOME", purpose: "where `~` is" };
const PATH: Variable = Variable { name: "PATH", purpose: "where a host spare finds its tools" };
const TMPDIR: Variable = Variable { name: "TMPDIR", purpose: "where clones and artifacts lie while a drill runs" };

const XDG_STATE_HOME: Variable = Variable {
    name: "XDG_STATE_HOME",
    purpose: "where the folder `canship` lies that says which drills live and what they put where; without it `~/.local/state`",
};

/// Every variable, in the order of the README's table.
pub const VARIABLES: [Variable; 8] =
    [DOCKER_CONFIG, DOCKER_HOST, GITHUB_STEP_SUMMARY, HOME, NO_COLOR, PATH, TMPDIR, XDG_STATE_HOME];

/// Where canship's own state lies.
pub(super) struct StatePlace {
    pub(super) path: PathBuf,
    /// Whether it may be gone when this machine starts anew, since no better place is known.
    pub(super) is_makeshift: bool,
}

/// Where canship's own state lies. A relative folder is none (XDG Base Directory Specification).
pub(super) fn state() -> StatePlace {
    let absolute = |variable| set(variable).map(PathBuf::from).filter(|path| path.is_absolute());
    if let Some(known) = absolute(XDG_STATE_HOME).or_else(|| Some(absolute(HOME)?.join(".local/state"))) {
        return StatePlace { path: known.join("canship"), is_makeshift: false };
    }
    let name = format!("canship-state-{}", rustix::process::geteuid().as_raw());
    StatePlace { path: temporary().join(name), is_makeshift: true }
}

/// Where the container engine is, if the user says so.
pub(super) fn docker_host() -> Option<String> {
    set(DOCKER_HOST).and_then(|address| address.into_string().ok())
}

/// The file in which Docker keeps logins.
pub(super) fn docker_config() -> Option<PathBuf> {
    let folder = set(DOCKER_CONFIG).map(PathBuf::from).or_else(|| Some(PathBuf::from(set(HOME)?).join(".docker")))?;
    Some(folder.join("config.json"))
}

/// The file that takes the step summary.
pub(super) fn step_summary() -> Option<PathBuf> {
    set(GITHUB_STEP_SUMMARY).map(PathBuf::from)
}

/// Whether colour is unwanted.
pub(super) fn no_color() -> bool {
    set(NO_COLOR).is_some()
}

/// Where tools are found.
pub(super) fn path() -> OsString {
    set(PATH).unwrap_or_else(|| "/usr/local/bin:/usr/bin:/bin".into())
}

/// Where temporary files go.
pub(super) fn temporary() -> PathBuf {
    set(TMPDIR).map_or_else(|| PathBuf::from("/tmp"), PathBuf::from)
}

/// All of it but these, for git: the user's keys, proxies and credential helpers stay in use, and no secret of the plan
/// goes to what git starts.
pub(super) fn without(variables: &[&str]) -> Vec<(OsString, OsString)> {
    env::vars_os().filter(|(name, _)| !variables.iter().any(|variable| name == variable)).collect()
}

fn set(variable: Variable) -> Option<OsString> {
    env::var_os(variable.name).filter(|value| !value.is_empty())
}
