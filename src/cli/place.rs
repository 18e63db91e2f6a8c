//! The place that a command has on this machine while it runs: its journal in the state folder, and its folder for
//! temporary files. Both go with it; what keeps them from going is for the next cleaning.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use tempfile::TempDir;

use super::{Failure, environment, output};
use crate::{
    drill,
    plan::Plan,
    record::Claim,
    state::{Entry, Item, Journal, State, StateError},
};

/// A journal and a folder.
pub(super) struct Place {
    pub(super) journal: Arc<Journal>,
    /// None only while it is removed.
    folder: Option<TempDir>,
    noted: Option<Entry>,
}

impl Place {
    /// Makes both, for a drill of this plan or for cleaning up after some.
    pub(super) fn open(plan: &Plan) -> Result<Self, Failure> {
        let journal = begin(plan).map_err(|error| refused(&error))?;
        let mut place = Self { journal: Arc::new(journal), folder: None, noted: None };
        let path = environment::temporary().join(format!("canship-{}", place.journal.drill()));
        let failed = |reason: &std::io::Error| {
            Failure::failed(format!("no folder for the drill could be made at `{}`; nothing was changed", path.display()), reason)
        };
        let path = std::path::absolute(&path).map_err(|reason| failed(&reason))?;
        let noted = place.journal.put(&Item::Folder { path: path.clone() });
        place.noted = Some(noted.map_err(|reason| refused(&reason))?);
        place.folder = Some(make(&path).map_err(|reason| failed(&reason))?);
        Ok(place)
    }

    /// A new folder below its own.
    pub(super) fn folder(&self, name: &str) -> Result<PathBuf, Failure> {
        let folder = self.root().join(name);
        fs::create_dir(&folder).map_err(|reason| Failure::failed(format!("`{}` cannot be made", folder.display()), &reason))?;
        Ok(folder)
    }

    /// Its folder.
    pub(super) fn root(&self) -> &Path {
        self.folder.as_ref().map_or(Path::new("/nowhere"), TempDir::path)
    }
}

/// A limit of what is known about earlier drills, if the state is kept where it may get lost.
pub(super) fn makeshift() -> Option<String> {
    let place = environment::state();
    place.is_makeshift.then(|| {
        format!(
            "there is neither `XDG_STATE_HOME` nor `HOME`: what a killed drill left is written down in `{}`, which may not last",
            place.path.display()
        )
    })
}

fn begin(plan: &Plan) -> Result<Journal, StateError> {
    let state = State::open(environment::state().path)?;
    let id = drill::new_id();
    let claim = Claim { host: state.host()?, until: drill::deadline(&id, plan) };
    state.begin(&id, &claim)
}

fn refused(reason: &dyn std::error::Error) -> Failure {
    Failure::refused(format!(
        "it did not start and nothing was changed: what it puts outside could not be written down first: {reason}"
    ))
    .advise("make room on that disk, or set XDG_STATE_HOME to a folder of your own that can be written")
}

fn make(path: &Path) -> std::io::Result<TempDir> {
    let (above, name) = (path.parent().unwrap_or(path), path.file_name().unwrap_or_default());
    let permissions = std::os::unix::fs::PermissionsExt::from_mode(0o700);
    tempfile::Builder::new().prefix(name).rand_bytes(0).permissions(permissions).tempdir_in(above)
}

impl Drop for Place {
    fn drop(&mut self) {
        let removed = self.folder.take().map(TempDir::close).transpose();
        match (removed, self.noted) {
            (Err(reason), _) => {
                output::warn(&format!("warning: a folder of this drill is left: {reason}; `canship clean` tries again"));
            }
            (Ok(_), Some(noted)) => self.journal.gone(noted),
            (Ok(_), None) => {}
        }
        if let Err(reason) = self.journal.finish() {
            output::warn(&format!("warning: {reason}"));
        }
    }
}
