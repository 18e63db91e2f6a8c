//! What `uses` names: a file of this repository, or something of others.

use crate::pipeline::source::Files;

/// A call taken apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Uses {
    /// A file or a folder of this repository.
    Local(String),
    /// An image.
    Image(String),
    /// Something of another repository: `owner/name[/path]` and its ref.
    Remote { name: String, version: String },
}

/// Takes apart what a job or a step uses.
///
/// `./` starts at the checked out folder, `$/` at this repository whatever is checked out.
pub(super) fn read(uses: &str) -> Uses {
    let uses = uses.trim();
    if let Some(image) = uses.strip_prefix("docker://") {
        return Uses::Image(image.to_owned());
    }
    let (name, version) = uses.rsplit_once('@').unwrap_or((uses, ""));
    if let Some(path) = uses.strip_prefix("./").or_else(|| name.strip_prefix("$/")).or_else(|| uses.strip_prefix(".\\")) {
        return Uses::Local(path.replace('\\', "/"));
    }
    Uses::Remote { name: name.to_owned(), version: version.to_owned() }
}

/// The file of a workflow that is called, if it is in this repository: `own` is `owner/name`, if it is known.
///
/// A workflow of this repository may be called by its full name, at whatever ref; the file that is here stands for it.
pub(super) fn workflow(uses: &Uses, own: Option<&str>, files: &Files) -> Option<String> {
    match uses {
        Uses::Local(path) => Some(path.clone()),
        Uses::Image(_) => None,
        Uses::Remote { name, .. } => {
            let (owner, rest) = name.split_once('/')?;
            let (repository, path) = rest.split_once('/')?;
            let is_own = match own {
                Some(own) => own.eq_ignore_ascii_case(&format!("{owner}/{repository}")),
                // Nobody says whose this is: a file of that name that can be called is taken for the one that is meant.
                None => true,
            };
            let can_be_called = || {
                files.yaml(path).is_some_and(|file| {
                    file.documents.first().is_some_and(|workflow| super::triggers::Triggers::read(workflow).is_callable())
                })
            };
            (is_own && path.starts_with(".github/workflows/") && can_be_called()).then(|| path.to_owned())
        }
    }
}

/// The file of an action in this repository: the folder may stand below a checkout's own path.
pub(super) fn action(path: &str, files: &Files) -> Option<String> {
    let file = |folder: &str| {
        ["action.yml", "action.yaml"]
            .iter()
            .map(|name| if folder.is_empty() { (*name).to_owned() } else { format!("{folder}/{name}") })
            .find(|file| files.has(file))
    };
    let path = path.trim_end_matches('/');
    let mut folder = path;
    loop {
        if let Some(found) = file(folder) {
            return Some(found);
        }
        match folder.split_once('/') {
            Some((_, rest)) => folder = rest,
            None => return None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_spelling_of_this_repository_is_local() {
        assert_eq!(read("./.github/actions/a"), Uses::Local(".github/actions/a".into()));
        assert_eq!(read("$/.github/workflows/b.yml"), Uses::Local(".github/workflows/b.yml".into()));
        assert_eq!(read("docker://alpine:3"), Uses::Image("alpine:3".into()));
        assert_eq!(read("Acme/tool/sub@v1"), Uses::Remote { name: "Acme/tool/sub".into(), version: "v1".into() });
    }
}
