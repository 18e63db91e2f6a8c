//! What a repository says beside its pipelines: where it was cloned from, what its manifests call it.

use std::{
    fs::File,
    io::Read as _,
    path::{Path, PathBuf},
};

/// More than any manifest has.
const LARGEST: u64 = 1024 * 1024;

/// A manifest: which, and where in it the version stands.
#[derive(Clone, Debug)]
struct Manifest {
    file: &'static str,
    key: Option<&'static str>,
    name: Option<String>,
    has_version: bool,
    /// The programs that it makes, where it names them.
    programs: Vec<String>,
}

/// What a repository says of itself.
#[derive(Clone, Debug, Default)]
pub struct Repository {
    /// The host and the path of the origin: `github.com`, `acme/api`.
    pub origin: Option<(String, String)>,
    folder: PathBuf,
    branch: Option<String>,
    manifests: Vec<Manifest>,
}

impl Repository {
    /// Reads what is there.
    #[must_use]
    pub fn read(folder: &Path) -> Self {
        let mut found = Self { folder: folder.to_path_buf(), ..Self::default() };
        found.origin = found.text(".git/config").as_deref().and_then(origin);
        let head = found.text(".git/refs/remotes/origin/HEAD").or_else(|| found.text(".git/HEAD"));
        found.branch = head.as_deref().and_then(branch);
        found.manifests = [cargo, package, pyproject, go].into_iter().filter_map(|read| read(&found)).collect();
        found
    }

    /// The text of a file of the repository, if it is one.
    pub(super) fn text(&self, path: &str) -> Option<String> {
        let root = std::fs::canonicalize(&self.folder).ok()?;
        let real = std::fs::canonicalize(root.join(path)).ok()?;
        if !real.starts_with(&root) || !real.is_file() {
            return None;
        }
        let mut text = String::new();
        File::open(real).ok()?.take(LARGEST).read_to_string(&mut text).ok()?;
        Some(text)
    }

    pub(super) fn has(&self, path: &str) -> bool {
        self.folder.join(path).is_file()
    }

    /// Whether this is an address, or a folder that is there.
    pub(super) fn is_place(&self, place: &str) -> bool {
        let is_at_host = |(host, path): (&str, &str)| !host.is_empty() && !host.contains('/') && !path.is_empty();
        place.split_once(':').is_some_and(is_at_host) || self.folder.join(place).is_dir()
    }

    /// The name of what is released, and who says so.
    pub(super) fn release(&self) -> (String, String) {
        let manifest = self.manifests.iter().find_map(|manifest| Some((manifest.name.clone()?, manifest.file.to_owned())));
        let origin = || self.origin.as_ref().map(|(_, path)| (last(path).to_owned(), "the origin's name".to_owned()));
        let folder = || {
            let folder = std::fs::canonicalize(&self.folder).ok()?;
            Some((folder.file_name()?.to_str()?.to_owned(), "the folder's name".to_owned()))
        };
        manifest
            .or_else(origin)
            .or_else(folder)
            .unwrap_or_else(|| ("release".to_owned(), "nothing says what it is called".to_owned()))
    }

    /// What the programs are called that are built: as a manifest says, else as what is released.
    pub(super) fn programs(&self) -> Vec<String> {
        let named = self.manifests.iter().map(|manifest| &manifest.programs).find(|programs| !programs.is_empty());
        named.map_or_else(|| vec![self.release().0], Vec::clone)
    }

    /// The name that a manifest has, with the file.
    pub(super) fn name_in(&self, file: &str) -> Option<String> {
        self.manifests.iter().find(|manifest| manifest.file == file)?.name.clone()
    }

    /// The branch of releases, and who says so.
    pub(super) fn branch(&self) -> (String, String) {
        match &self.branch {
            Some(branch) => (branch.clone(), "the branch of this clone".to_owned()),
            None => ("main".to_owned(), "the default".to_owned()),
        }
    }

    /// Whether a file `VERSION` has a version and nothing else.
    fn has_version_file(&self) -> bool {
        let text = self.text("VERSION").unwrap_or_default();
        let text = text.trim();
        text.trim_start_matches('v').starts_with(|c: char| c.is_ascii_digit())
            && text.chars().all(|c| c.is_ascii_alphanumeric() || "._-+".contains(c))
    }

    /// How the version is read, and who says so.
    pub(super) fn version(&self) -> (String, String) {
        let manifest = self.manifests.iter().find(|manifest| manifest.has_version);
        match manifest.and_then(|manifest| Some((manifest, manifest.key?))) {
            Some((manifest, key)) => (format!("{{ file: {}, key: {key} }}", manifest.file), format!("{} has it", manifest.file)),
            None if self.has_version_file() => {
                ("{ file: VERSION }".to_owned(), "it is here, and no manifest has a version".to_owned())
            }
            None => ("{ tag: latest }".to_owned(), "no manifest and no file `VERSION` has one: the newest tag".to_owned()),
        }
    }
}

/// The last part of a path.
pub(super) fn last(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

fn origin(config: &str) -> Option<(String, String)> {
    let section = config.split("[remote \"origin\"]").nth(1)?;
    let lines = section.lines().skip(1).take_while(|line| !line.trim_start().starts_with('['));
    let url = lines.filter_map(|line| line.trim().split_once('=')).find(|(key, _)| key.trim() == "url")?.1.trim();
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let rest = rest.rsplit_once('@').map_or(rest, |(_, rest)| rest);
    let (host, path) = rest.split_once([':', '/'])?;
    // `ssh://host:22/path`
    let path = path.trim_start_matches(|c: char| c.is_ascii_digit()).trim_start_matches('/').trim_end_matches('/');
    let path = path.strip_suffix(".git").unwrap_or(path);
    let is_name = |text: &str| !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || "._-/".contains(c));
    (host.contains('.') && is_name(host) && path.contains('/') && is_name(path))
        .then(|| (host.to_ascii_lowercase(), path.to_owned()))
}

fn branch(head: &str) -> Option<String> {
    let reference = head.trim().strip_prefix("ref: ")?;
    let branch = reference.strip_prefix("refs/heads/").or_else(|| reference.strip_prefix("refs/remotes/origin/"))?;
    Some(branch.to_owned())
}

fn cargo(repository: &Repository) -> Option<Manifest> {
    let manifest: toml::Table = repository.text("Cargo.toml")?.parse().ok()?;
    let package = manifest.get("package").and_then(toml::Value::as_table);
    let name = package.and_then(|package| package.get("name")?.as_str()).map(str::to_owned);
    let own = package.is_some_and(|package| package.get("version").is_some_and(toml::Value::is_str));
    let shared =
        manifest.get("workspace").and_then(|workspace| workspace.get("package")?.get("version")).is_some_and(toml::Value::is_str);
    let key = if own { "package.version" } else { "workspace.package.version" };
    Some(Manifest { file: "Cargo.toml", key: Some(key), name, has_version: own || shared, programs: programs(&manifest) })
}

/// The programs of a package: the one that is run by default, or all that are built by default and have a name of their own.
fn programs(manifest: &toml::Table) -> Vec<String> {
    let package = manifest.get("package").and_then(toml::Value::as_table);
    let default = package.and_then(|package| package.get("default-run")?.as_str());
    let all = manifest.get("bin").and_then(toml::Value::as_array).into_iter().flatten();
    let built = all.filter(|bin| bin.get("required-features").is_none()).filter_map(|bin| bin.get("name")?.as_str());
    default.map_or_else(|| built.map(str::to_owned).collect(), |default| vec![default.to_owned()])
}

fn package(repository: &Repository) -> Option<Manifest> {
    let manifest: serde_json::Value = serde_json::from_str(&repository.text("package.json")?).ok()?;
    let name = manifest.get("name").and_then(serde_json::Value::as_str).map(str::to_owned);
    let version = manifest.get("version").and_then(serde_json::Value::as_str).filter(|version| !version.starts_with("0.0.0"));
    let has_version = version.is_some();
    Some(Manifest { file: "package.json", key: Some("version"), name, has_version, programs: Vec::new() })
}

fn pyproject(repository: &Repository) -> Option<Manifest> {
    let manifest: toml::Table = repository.text("pyproject.toml")?.parse().ok()?;
    let project = manifest.get("project").and_then(toml::Value::as_table);
    let name = project.and_then(|project| project.get("name")?.as_str()).map(str::to_owned);
    let has_version = project.is_some_and(|project| project.get("version").is_some_and(toml::Value::is_str));
    Some(Manifest { file: "pyproject.toml", key: Some("project.version"), name, has_version, programs: Vec::new() })
}

fn go(repository: &Repository) -> Option<Manifest> {
    let text = repository.text("go.mod")?;
    let module = text.lines().find_map(|line| line.trim().strip_prefix("module "))?.trim().trim_matches('"');
    // `example.com/tool/v2` is called `tool`.
    let path = module
        .rsplit_once('/')
        .filter(|(_, last)| last.strip_prefix('v').is_some_and(|n| n.parse::<u32>().is_ok()))
        .map_or(module, |(path, _)| path);
    Some(Manifest { file: "go.mod", key: None, name: Some(last(path).to_owned()), has_version: false, programs: Vec::new() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_is_read_in_every_spelling_and_never_with_its_password() {
        let of = |url: &str| origin(&format!("[core]\n\tbare = false\n[remote \"origin\"]\n\turl = {url}\n\tfetch = x\n"));
        let acme = Some(("github.com".to_owned(), "acme/api".to_owned()));
        for url in [
            "https://github.com/acme/api.git",
            "https://user:pass@github.com/acme/api",
            "git@github.com:acme/api.git",
            "ssh://git@github.com:22/acme/api.git",
        ] {
            assert_eq!(of(url), acme, "{url}");
        }
        assert_eq!(of("../origin.git"), None);
        assert_eq!(of("/srv/git/acme/api.git"), None);
    }
}
