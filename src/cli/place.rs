//! The place that a drill has on this machine while it runs: its journal in the state folder, and its folder for
//! temporary files. Both go with it; what keeps them from going is for the next cleaning.

use std::{
    ffi::OsString,
    fs::{self, DirBuilder},
    os::unix::fs::DirBuilderExt as _,
    path::{Path, PathBuf},
    sync::Arc,
};

use super::{Failure, environment, output};
use crate::{
    drill::{self, leftovers::Surroundings},
    erase,
    plan::{Plan, SecretSource},
    record::{Claim, DrillId, Mode},
    source::Git,
    spare::{
        container::{self, Engine, Located},
        host,
    },
    state::{Entry, Item, Journal, State, StateError},
};

/// A journal and a folder.
pub(super) struct Place {
    pub(super) state: State,
    pub(super) journal: Arc<Journal>,
    /// None only while it is removed.
    folder: Option<PathBuf>,
    noted: Option<Entry>,
}

impl Place {
    /// Makes both, for a drill of this plan.
    pub(super) fn open(plan: &Plan) -> Result<Self, Failure> {
        let (state, journal) = begin(plan).map_err(|error| refused(&error))?;
        let mut place = Self { state, journal: Arc::new(journal), folder: None, noted: None };
        let path = environment::temporary().join(format!("canship-{}", place.journal.drill()));
        let failed = |reason: &std::io::Error| {
            Failure::refused(format!(
                "it did not start and nothing was changed: no folder for the drill could be made at `{}`: {reason}",
                path.display()
            ))
            .advise("make the folder that this lies in, or set TMPDIR to one that is there and can be written")
        };
        let path = std::path::absolute(&path).map_err(|reason| failed(&reason))?;
        let noted = place.journal.put(&Item::Folder { path: path.clone() });
        place.noted = Some(noted.map_err(|reason| refused(&reason))?);
        DirBuilder::new().mode(0o700).create(&path).map_err(|reason| failed(&reason))?;
        place.folder = Some(path);
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
        self.folder.as_ref().map_or(Path::new("/nowhere"), PathBuf::as_path)
    }
}

/// Where leftovers of earlier drills are looked for.
pub(super) fn surroundings(state: &State, plan: &Plan) -> Surroundings {
    let around = around(plan);
    let engines = move |address: Option<String>| Engine::new(Located::new(address.as_deref(), around.clone()));
    Surroundings { state: state.clone(), temporary: environment::temporary(), engines: Arc::new(engines) }
}

/// The engine that is meant by what a spare of the plan names, or by its silence. A rehearsal does not look up which of
/// Docker's contexts is in use: the file that says so holds logins.
pub(super) fn locate(engine: Option<&str>, plan: &Plan, mode: Mode) -> Located {
    let around = around(plan);
    let context_file = around.context_file.clone().filter(|_| mode == Mode::Drill);
    Located::new(engine, container::Surroundings { context_file, ..around })
}

/// What decides how an engine is reached. `ssh` gets no more of the environment than git.
fn around(plan: &Plan) -> container::Surroundings {
    let hidden: Vec<_> = secret_variables(plan).chain(environment::AWS_KEY).collect();
    environment::surroundings(&hidden, plan.timeouts.api)
}

/// The variables that the plan takes secrets from.
pub(super) fn secret_variables(plan: &Plan) -> impl Iterator<Item = &str> {
    let sources = plan.secrets.values();
    sources.filter_map(|source| if let SecretSource::Env(name) = source { Some(name.as_str()) } else { None })
}

/// The git of this machine, for a drill of this plan: what it starts gets none of the plan's secrets, and is known by the
/// drill. `hidden` are more variables that it gets not; `ways` lead it to servers, in place of what the environment says.
pub(super) fn git<'h>(
    plan: &'h Plan,
    drill: &DrillId,
    hidden: impl IntoIterator<Item = &'h str>,
    ways: Vec<(OsString, OsString)>,
) -> Git {
    let mut variables = environment::without(&secret_variables(plan).chain(hidden).collect::<Vec<_>>());
    variables.retain(|(name, _)| !environment::is_of_proxies(name) && !ways.iter().any(|(other, _)| other == name));
    variables.extend(ways);
    variables.push((host::DRILL_MARKER.into(), drill.as_str().into()));
    Git::new(variables, plan.timeouts.api)
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

fn begin(plan: &Plan) -> Result<(State, Journal), StateError> {
    let state = State::open(environment::state().path)?;
    let id = drill::new_id();
    let claim = Claim { host: state.host()?, until: drill::deadline(&id, plan) };
    let journal = state.begin(&id, &claim)?;
    Ok((state, journal))
}

fn refused(reason: &dyn std::error::Error) -> Failure {
    Failure::refused(format!(
        "it did not start and nothing was changed: what it puts outside could not be written down first: {reason}"
    ))
    .advise("make room on that disk, or set XDG_STATE_HOME to a folder of your own that can be written")
}

impl Drop for Place {
    fn drop(&mut self) {
        let removed = self.folder.take().map(|folder| erase::folder(&folder)).transpose();
        match (removed, self.noted) {
            (Err(kept), _) => output::warn(&format!("warning: the folder of this drill is left: {kept}; {}", kept.remedy())),
            (Ok(_), Some(noted)) => self.journal.gone(noted),
            (Ok(_), None) => {}
        }
        if let Err(reason) = self.journal.finish() {
            output::warn(&format!("warning: {reason}"));
        }
    }
}
