//! The contexts that `docker context` keeps in the folder of Docker's configuration.
//! Source: <https://docs.docker.com/engine/manage-resources/contexts/>.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use serde::Deserialize;
use sha2::{Digest as _, Sha256};

use super::{
    Fault,
    address::Address,
    keys::Keys,
    locate::{End, Surroundings},
};
use crate::record::{Digest, Text};

/// The name that stands for no context at all.
pub(super) const DEFAULT: &str = "default";

/// Docker's `config.json`, as far as it is about contexts.
#[derive(Deserialize)]
struct Config {
    #[serde(default, rename = "currentContext")]
    current: Option<String>,
}

/// A context's `meta.json`.
#[derive(Deserialize)]
struct Meta {
    #[serde(rename = "Name")]
    name: String,
    #[serde(default, rename = "Endpoints")]
    endpoints: Endpoints,
}

#[derive(Default, Deserialize)]
struct Endpoints {
    docker: Option<Endpoint>,
}

#[derive(Deserialize)]
struct Endpoint {
    #[serde(default, rename = "Host")]
    host: String,
    #[serde(default, rename = "SkipTLSVerify")]
    skip_verify: bool,
}

/// The context that is in use and who names it; none if that is the default one. An error also says who names it.
pub(super) fn named(around: &Surroundings) -> Result<Option<(String, String)>, (String, Fault)> {
    let meant = |name: &String| !name.is_empty() && name != DEFAULT;
    if let Some(name) = around.docker_context.as_ref().filter(|name| !name.is_empty()) {
        return Ok(Some(name.clone()).filter(meant).map(|name| (name, String::from("DOCKER_CONTEXT"))));
    }
    let Some(file) = &around.context_file else { return Ok(None) };
    let by = format!("`currentContext` of `{}`", file.display());
    match read::<Config>(file) {
        Ok(config) => Ok(config.current.filter(meant).map(|name| (name, by))),
        Err(Unread::Absent) => Ok(None),
        Err(Unread::Broken(reason)) => {
            let advice = "mend or remove that file, or name the engine by `engine:` or DOCKER_HOST";
            Err((by, Fault::new(format!("which Docker context is in use cannot be read: `{}`: {reason}", file.display()), advice)))
        }
    }
}

/// Where a context leads.
pub(super) fn end(name: &str, by: &str, around: &Surroundings) -> Result<End, Fault> {
    let shown = Text::new(name).one_line();
    let Some(folder) = around.docker_config.as_ref().map(|folder| folder.join("contexts")) else {
        return Err(Fault::new(
            format!("there is no folder of Docker's configuration that the context `{shown}` could be in"),
            "set DOCKER_CONFIG or HOME",
        ));
    };
    let digest = Digest::from_sha256(&Sha256::digest(name));
    let id = digest.as_str().trim_start_matches("sha256:");
    let file = folder.join("meta").join(id).join("meta.json");
    let broken = |reason: String| {
        Fault::new(
            format!("the Docker context `{shown}` is broken: `{}`: {reason}", file.display()),
            format!("mend it with `docker context update {shown}`, or make {by} name another one"),
        )
    };
    let meta: Meta = read(&file).map_err(|unread| match unread {
        Unread::Absent => Fault::new(
            format!("there is no Docker context `{shown}`: there is no file `{}`", file.display()),
            format!("see `docker context ls`; make {by} name one of these, or make it with `docker context create {shown}`"),
        ),
        Unread::Broken(reason) => broken(reason),
    })?;
    if meta.name != name {
        return Err(broken(format!("it is about a context `{}`", Text::new(&meta.name).one_line())));
    }
    let Some(endpoint) = meta.endpoints.docker.filter(|docker| !docker.host.is_empty()) else {
        return Err(broken(String::from("it names no address of an engine (`Endpoints.docker.Host`)")));
    };
    let address = Address::parse(&endpoint.host).map_err(|flaw| broken(flaw.reason))?;
    let keys = match &address {
        Address::Tcp(tcp) => Keys::of_context(tcp, &tls_folder(&folder, id), endpoint.skip_verify)?,
        Address::Unix(_) | Address::Ssh(_) => None,
    };
    Ok(End { address, keys })
}

fn tls_folder(contexts: &Path, id: &str) -> PathBuf {
    contexts.join("tls").join(id).join("docker")
}

enum Unread {
    Absent,
    Broken(String),
}

fn read<T: for<'de> Deserialize<'de>>(file: &Path) -> Result<T, Unread> {
    let bytes = fs::read(file).map_err(|e| match e.kind() {
        io::ErrorKind::NotFound => Unread::Absent,
        _ => Unread::Broken(e.to_string()),
    })?;
    // The reason names a place in the file, never its content: logins lie there.
    serde_json::from_slice(&bytes)
        .map_err(|e| Unread::Broken(format!("it is no such JSON as Docker writes (line {}, column {})", e.line(), e.column())))
}
