//! Every environment variable that canship reads, each named once.

use std::{
    env,
    ffi::{OsStr, OsString},
    path::PathBuf,
    time::Duration,
};

use crate::{
    forge::Own,
    network::ProxyVariables,
    record::{ForgeKind, Place},
    spare::container::Surroundings,
};

use crate::secret::Secret;

/// An environment variable: its name and what it is for, as the README's table has it.
#[derive(Clone, Copy, Debug)]
pub struct Variable {
    /// Its name.
    pub name: &'static str,
    /// What it does.
    pub purpose: &'static str,
}

const AWS_ACCESS_KEY_ID: Variable =
    Variable { name: "AWS_ACCESS_KEY_ID", purpose: "the id of the key to the store of `history:`, unless the plan names secrets" };
const AWS_DEFAULT_REGION: Variable = Variable { name: "AWS_DEFAULT_REGION", purpose: "as `AWS_REGION`, where that is not set" };
const AWS_ENDPOINT_URL: Variable =
    Variable { name: "AWS_ENDPOINT_URL", purpose: "as `AWS_ENDPOINT_URL_S3`, where that is not set" };
const AWS_ENDPOINT_URL_S3: Variable =
    Variable { name: "AWS_ENDPOINT_URL_S3", purpose: "the address of the store of `history:`, unless the plan names it" };
const AWS_REGION: Variable = Variable { name: "AWS_REGION", purpose: "the region of that store, unless the plan names it" };
const AWS_SECRET_ACCESS_KEY: Variable =
    Variable { name: "AWS_SECRET_ACCESS_KEY", purpose: "the key to that store, unless the plan names secrets" };
const AWS_SESSION_TOKEN: Variable = Variable { name: "AWS_SESSION_TOKEN", purpose: "the token that goes with a key for a while" };
const TERM: Variable = Variable { name: "TERM", purpose: "if it is `dumb`, nothing is coloured and no line is drawn over" };
const NO_COLOR: Variable = Variable { name: "NO_COLOR", purpose: "if set and not empty, nothing is coloured" };
const GITHUB_STEP_SUMMARY: Variable =
    Variable { name: "GITHUB_STEP_SUMMARY", purpose: "a file that the Markdown report is appended to, as GitHub Actions sets it" };
const CANSHIP_TOKEN: Variable = Variable {
    name: "CANSHIP_TOKEN",
    purpose: "the forge's token for `canship recover` without a plan, and for the commands it prints",
};
const CI_PIPELINE_ID: Variable =
    Variable { name: "CI_PIPELINE_ID", purpose: "the pipeline that canship runs in on GitLab: never cancelled" };
const CI_PROJECT_PATH: Variable = Variable { name: "CI_PROJECT_PATH", purpose: "the project of that pipeline" };
const GITHUB_ACTOR: Variable = Variable { name: "GITHUB_ACTOR", purpose: "who started the workflow, for the lease of a cut" };
const GITHUB_REPOSITORY: Variable =
    Variable { name: "GITHUB_REPOSITORY", purpose: "the repository of the workflow that canship runs in" };
const GITHUB_RUN_ID: Variable =
    Variable { name: "GITHUB_RUN_ID", purpose: "the run that canship is part of on GitHub: never cancelled" };
const GITHUB_WORKFLOW_REF: Variable =
    Variable { name: "GITHUB_WORKFLOW_REF", purpose: "the workflow that canship runs in on GitHub: never disabled" };
const GITLAB_USER_LOGIN: Variable =
    Variable { name: "GITLAB_USER_LOGIN", purpose: "who started the pipeline, for the lease of a cut" };
const LOGNAME: Variable = Variable { name: "LOGNAME", purpose: "as `USER`, where that is not set" };
const RUNNER_TRACKING_ID: Variable = Variable {
    name: "RUNNER_TRACKING_ID",
    purpose: "by which GitHub's runner finds what it ends with a job: not given to the watchdog of a cut",
};
const USER: Variable = Variable { name: "USER", purpose: "who cuts, for the lease, where no CI says who it is" };
const DOCKER_HOST: Variable =
    Variable { name: "DOCKER_HOST", purpose: "the address of the container engine, unless the spare names one" };
const DOCKER_CONTEXT: Variable = Variable {
    name: "DOCKER_CONTEXT",
    purpose: "the Docker context that names the engine, if neither the spare nor `DOCKER_HOST` does",
};
const DOCKER_TLS_VERIFY: Variable = Variable {
    name: "DOCKER_TLS_VERIFY",
    purpose: "if set and not empty, an engine at `tcp://` is reached by TLS and must prove who it is",
};
const DOCKER_CERT_PATH: Variable = Variable {
    name: "DOCKER_CERT_PATH",
    purpose: "the folder with `ca.pem`, `cert.pem` and `key.pem` for `DOCKER_TLS_VERIFY`; without it the one of `DOCKER_CONFIG`",
};
const DOCKER_CONFIG: Variable = Variable {
    name: "DOCKER_CONFIG",
    purpose: "the folder with Docker's `config.json`, which knows logins and the current context; without it `~/.docker`",
};
const XDG_RUNTIME_DIR: Variable =
    Variable { name: "XDG_RUNTIME_DIR", purpose: "where sockets of this user's own engines are; without it `/run/user/<uid>`" };
const HOME: Variable = Variable { name: "HOME", purpose: "where `~` is" };
const LANG: Variable = Variable { name: "LANG", purpose: "as `LC_ALL`, where neither that nor `LC_CTYPE` is set" };
const LC_ALL: Variable =
    Variable { name: "LC_ALL", purpose: "if it names UTF-8, charts on a terminal are drawn with blocks, else with ASCII" };
const LC_CTYPE: Variable = Variable { name: "LC_CTYPE", purpose: "as `LC_ALL`, where that is not set" };
const ALL_PROXY: Variable = Variable {
    name: "ALL_PROXY",
    purpose: "the proxy for whatever `HTTPS_PROXY` and `HTTP_PROXY` leave open; also in small letters",
};
const HTTPS_PROXY: Variable =
    Variable { name: "HTTPS_PROXY", purpose: "the proxy through which https servers are reached; also in small letters" };
const HTTP_PROXY: Variable =
    Variable { name: "HTTP_PROXY", purpose: "the proxy for plain http, which only git and the steps speak; also in small letters" };
const NO_PROXY: Variable =
    Variable { name: "NO_PROXY", purpose: "hosts that are reached without a proxy, with commas; also in small letters" };
const SSL_CERT_DIR: Variable =
    Variable { name: "SSL_CERT_DIR", purpose: "folders with certificates of authorities, in place of the system's" };
const SSL_CERT_FILE: Variable =
    Variable { name: "SSL_CERT_FILE", purpose: "a file with certificates of authorities, in place of the system's" };
const GIT_SSL_CAINFO: Variable = Variable {
    name: "GIT_SSL_CAINFO",
    purpose: "a file with certificates of authorities, for git; those of the plan's `trust` are added to it",
};
const PATH: Variable = Variable { name: "PATH", purpose: "where a host spare finds its tools" };
const TMPDIR: Variable = Variable { name: "TMPDIR", purpose: "where clones and artifacts lie while a drill runs" };

const XDG_STATE_HOME: Variable = Variable {
    name: "XDG_STATE_HOME",
    purpose: "where the folder `canship` lies that says which drills live and what they put where; without it `~/.local/state`",
};

/// Every variable, in the order of the README's table.
pub const VARIABLES: [Variable; 41] = [
    ALL_PROXY,
    AWS_ACCESS_KEY_ID,
    AWS_DEFAULT_REGION,
    AWS_ENDPOINT_URL,
    AWS_ENDPOINT_URL_S3,
    AWS_REGION,
    AWS_SECRET_ACCESS_KEY,
    AWS_SESSION_TOKEN,
    CANSHIP_TOKEN,
    CI_PIPELINE_ID,
    CI_PROJECT_PATH,
    DOCKER_CERT_PATH,
    DOCKER_CONFIG,
    DOCKER_CONTEXT,
    DOCKER_HOST,
    DOCKER_TLS_VERIFY,
    GITHUB_ACTOR,
    GITHUB_REPOSITORY,
    GITHUB_RUN_ID,
    GITHUB_STEP_SUMMARY,
    GITHUB_WORKFLOW_REF,
    GITLAB_USER_LOGIN,
    GIT_SSL_CAINFO,
    HOME,
    HTTPS_PROXY,
    HTTP_PROXY,
    LANG,
    LC_ALL,
    LC_CTYPE,
    LOGNAME,
    NO_COLOR,
    NO_PROXY,
    PATH,
    RUNNER_TRACKING_ID,
    SSL_CERT_DIR,
    SSL_CERT_FILE,
    TERM,
    TMPDIR,
    USER,
    XDG_RUNTIME_DIR,
    XDG_STATE_HOME,
];

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

/// What decides how an engine is reached. What is not text is kept as well as text can hold it, so that it is told.
pub(super) fn surroundings(secrets: &[&str], patience: Duration) -> Surroundings {
    let text = |variable| set(variable).map(|value| value.to_string_lossy().into_owned());
    Surroundings {
        docker_host: text(DOCKER_HOST),
        docker_context: text(DOCKER_CONTEXT),
        docker_config: docker_folder(),
        context_file: docker_config(),
        tls_verify: set(DOCKER_TLS_VERIFY).is_some(),
        cert_path: set(DOCKER_CERT_PATH).map(PathBuf::from),
        runtime: set(XDG_RUNTIME_DIR).map(PathBuf::from),
        temporary: temporary(),
        environment: without(secrets),
        patience,
    }
}

/// The file in which Docker keeps logins.
pub(super) fn docker_config() -> Option<PathBuf> {
    docker_folder().map(|folder| folder.join("config.json"))
}

fn docker_folder() -> Option<PathBuf> {
    set(DOCKER_CONFIG).map(PathBuf::from).or_else(|| Some(PathBuf::from(set(HOME)?).join(".docker")))
}

/// What is said of proxies.
pub(super) fn proxies() -> Result<ProxyVariables, &'static str> {
    let value = |variable: Variable| -> Result<Option<String>, &'static str> {
        // One in capitals outranks the other also where it is empty: so it is switched off.
        let value = env::var_os(variable.name).or_else(|| env::var_os(variable.name.to_ascii_lowercase()));
        value.map(OsString::into_string).transpose().map_err(|_| variable.name)
    };
    Ok(ProxyVariables { https: value(HTTPS_PROXY)?, http: value(HTTP_PROXY)?, all: value(ALL_PROXY)?, no: value(NO_PROXY)? })
}

/// Whether this is one of the variables that say something of proxies.
pub(super) fn is_of_proxies(name: &OsStr) -> bool {
    [ALL_PROXY, HTTPS_PROXY, HTTP_PROXY, NO_PROXY].iter().any(|variable| name.eq_ignore_ascii_case(variable.name))
}

/// The file with the certificates that git trusts, if the user names one.
pub(super) fn git_authorities() -> Option<PathBuf> {
    set(GIT_SSL_CAINFO).map(PathBuf::from)
}

/// What canship itself runs in, if it runs at this place.
pub(super) fn own_run(place: &Place) -> Own {
    let text = |variable| set(variable).and_then(|value| value.into_string().ok());
    let is_here = |variable| text(variable).is_some_and(|name| name.eq_ignore_ascii_case(place.repository.as_str()));
    match place.kind {
        ForgeKind::Github if is_here(GITHUB_REPOSITORY) => Own {
            run: text(GITHUB_RUN_ID).and_then(|id| id.parse().ok()),
            // `owner/name/.github/workflows/drill.yml@refs/heads/main`
            workflow: text(GITHUB_WORKFLOW_REF).and_then(|path| Some(path.split_once('@')?.0.splitn(3, '/').nth(2)?.to_owned())),
        },
        ForgeKind::Gitlab if is_here(CI_PROJECT_PATH) => {
            Own { run: text(CI_PIPELINE_ID).and_then(|id| id.parse().ok()), workflow: None }
        }
        ForgeKind::Github | ForgeKind::Gitlab => Own::default(),
    }
}

/// Who cuts, as others read it: a person, and the machine or the run.
pub(super) fn who() -> String {
    let text = |variable| set(variable).and_then(|value| value.into_string().ok());
    let person = [GITHUB_ACTOR, GITLAB_USER_LOGIN, USER, LOGNAME].into_iter().find_map(text);
    let person = person.unwrap_or_else(|| format!("user {}", rustix::process::geteuid().as_raw()));
    let run = text(GITHUB_RUN_ID).map(|id| format!("run {id}"));
    let run = run.or_else(|| text(CI_PIPELINE_ID).map(|id| format!("pipeline {id}")));
    let machine = rustix::system::uname().nodename().to_string_lossy().into_owned();
    format!("{person} ({})", run.unwrap_or(machine))
}

/// The token for what has no plan.
pub(super) fn token() -> Option<Secret> {
    set(CANSHIP_TOKEN).and_then(|value| value.into_string().ok()).map(Secret::new)
}

/// The environment of a watchdog: none of these variables, and not that by which a runner finds what it ends.
pub(super) fn of_watchdog(hidden: &[&str]) -> Vec<(OsString, OsString)> {
    let hidden: Vec<_> = hidden.iter().copied().chain([RUNNER_TRACKING_ID.name, CANSHIP_TOKEN.name]).collect();
    without(&hidden)
}

/// The file that takes the step summary.
pub(super) fn step_summary() -> Option<PathBuf> {
    set(GITHUB_STEP_SUMMARY).map(PathBuf::from)
}

/// Whether colour is unwanted.
pub(super) fn no_color() -> bool {
    set(NO_COLOR).is_some() || is_dumb()
}

/// Whether the terminal only takes lines.
pub(super) fn is_dumb() -> bool {
    set(TERM).is_some_and(|terminal| terminal == "dumb")
}

/// The variables that open a store.
pub(super) const AWS_KEY: [&str; 3] = [AWS_ACCESS_KEY_ID.name, AWS_SECRET_ACCESS_KEY.name, AWS_SESSION_TOKEN.name];

/// A key's id, the key, and a session's token, as far as they are set.
pub(super) type AwsKey = (Option<Secret>, Option<Secret>, Option<Secret>);

/// What AWS's variables say of a store.
pub(super) struct Aws {
    pub(super) endpoint: Option<String>,
    pub(super) region: Option<String>,
    pub(super) key: AwsKey,
}

/// What AWS's variables say of a store.
pub(super) fn aws() -> Aws {
    let text = |variable| set(variable).and_then(|value| value.into_string().ok());
    let secret = |variable| text(variable).map(Secret::new);
    Aws {
        endpoint: text(AWS_ENDPOINT_URL_S3).or_else(|| text(AWS_ENDPOINT_URL)),
        region: text(AWS_REGION).or_else(|| text(AWS_DEFAULT_REGION)),
        key: (secret(AWS_ACCESS_KEY_ID), secret(AWS_SECRET_ACCESS_KEY), secret(AWS_SESSION_TOKEN)),
    }
}

/// Whether the terminal is said to show more than ASCII.
pub(super) fn is_utf8() -> bool {
    let locale = [LC_ALL, LC_CTYPE, LANG].into_iter().find_map(set).unwrap_or_default();
    let locale = locale.to_string_lossy().to_ascii_lowercase();
    locale.contains("utf-8") || locale.contains("utf8")
}

/// Where tools are found.
pub(super) fn path() -> OsString {
    set(PATH).unwrap_or_else(|| "/usr/local/bin:/usr/bin:/bin".into())
}

/// Where temporary files go.
pub(super) fn temporary() -> PathBuf {
    set(TMPDIR).map_or_else(|| PathBuf::from("/tmp"), PathBuf::from)
}

/// All of it but these, for git and ssh: the user's keys, proxies and credential helpers stay in use, and no secret of the
/// plan goes to what they start.
pub(super) fn without(variables: &[&str]) -> Vec<(OsString, OsString)> {
    env::vars_os().filter(|(name, _)| !variables.iter().any(|variable| name == variable)).collect()
}

fn set(variable: Variable) -> Option<OsString> {
    env::var_os(variable.name).filter(|value| !value.is_empty())
}
