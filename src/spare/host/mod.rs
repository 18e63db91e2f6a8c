//! A clean checkout on this machine: the trusted engineer's laptop.
//!
//! A host is no clean machine, and says so ([`Host`]'s limits). What it does give: a fresh working folder, home and
//! folder for temporary files, an environment of only what the plan names, and the end of everything that a step has
//! started when the step ends.

mod collect;
mod group;
mod left;
mod processes;
mod room;
mod watch;

pub use left::{DRILL_MARKER, IsDead, count_left, end_left, is_own_folder, remove_folder};

use std::{
    ffi::OsString,
    io,
    os::unix::fs::DirBuilderExt as _,
    path::{Path, PathBuf},
    sync::{Arc, OnceLock},
};

use async_trait::async_trait;

use self::group::{Bound, Group};
use super::{Room, RoomPlan, Spare, SpareError};
use crate::{
    erase,
    record::{RoomFacts, Text},
};

/// Builds in folders of this machine.
#[derive(Clone, Debug)]
pub struct Host {
    base: PathBuf,
    path: OsString,
    /// What this machine cannot hold steps to, once that was tried, each with the reason.
    unheld: OnceLock<Vec<(Bound, String)>>,
}

impl Host {
    /// Rooms are made below `base`; steps find programs by `path`, this machine's `PATH`.
    #[must_use]
    pub fn new(base: impl Into<PathBuf>, path: impl Into<OsString>) -> Self {
        Self { base: base.into(), path: path.into(), unheld: OnceLock::new() }
    }

    fn folder(&self, plan: &RoomPlan) -> PathBuf {
        self.base.join(format!("{}-{}", plan.drill, plan.purpose))
    }

    fn name(plan: &RoomPlan) -> String {
        format!("canship-{}-{}", plan.drill, plan.purpose)
    }

    /// Tries out what this machine can hold steps to; leaves nothing of that.
    fn unheld(&self, plan: &RoomPlan) -> &[(Bound, String)] {
        self.unheld.get_or_init(|| Group::try_out(&format!("{}-look", Self::name(plan)), &plan.limits))
    }

    /// The control group of a room: it bounds all that was found to be possible.
    fn group(&self, plan: &RoomPlan) -> Result<Group, SpareError> {
        let unheld = self.unheld(plan);
        let (group, lacks) = Group::make(&Self::name(plan), &plan.limits, |bound| !unheld.iter().any(|(lack, _)| *lack == bound));
        let Some((bound, reason)) = lacks.into_iter().next() else { return Ok(group) };
        group.remove().unwrap_or_default();
        Err(SpareError::Failed { what: format!("bounding the {} of the room", bound.name()), reason })
    }

    /// What every room on this machine is made of.
    fn facts(&self) -> Result<RoomFacts, SpareError> {
        // A base that is not there yet will lie on the file system of the folder that it is made in.
        let there = self.base.ancestors().find(|folder| folder.exists()).unwrap_or(Path::new("/"));
        let failed = |reason: io::Error| failed(format!("reading the free disk space at `{}`", there.display()), &reason);
        let seen = rustix::fs::statvfs(there).map_err(|errno| failed(errno.into()))?;
        Ok(RoomFacts { engine: None, image: None, disk_free: Some(seen.f_bavail.saturating_mul(seen.f_frsize)) })
    }
}

#[async_trait]
impl Spare for Host {
    async fn look(&self, plan: &RoomPlan) -> Result<RoomFacts, SpareError> {
        self.unheld(plan);
        self.facts()
    }

    async fn open(
        &self,
        plan: &RoomPlan,
        _progress: &(dyn Fn(&str, u64, Option<u64>) + Send + Sync),
    ) -> Result<Box<dyn Room>, SpareError> {
        let folder = self.folder(plan);
        let made = std::fs::create_dir_all(&self.base).and_then(|()| private_folder(&folder));
        made.map_err(|reason| failed(format!("making the folder `{}`", folder.display()), &reason))?;
        let made = ["src", "home", "tmp"].iter().try_for_each(|name| private_folder(&folder.join(name)));
        // Names in the room must be those that the system tells: links on the way to it are resolved.
        let opened = made.and_then(|()| folder.canonicalize()).map_err(|reason| failed("opening the room".to_owned(), &reason));
        let opened = opened.and_then(|folder| {
            let facts = self.facts()?;
            let group = Arc::new(self.group(plan)?);
            Ok(room::HostRoom::new((folder, self.path.clone()), &plan.limits, group, facts))
        });
        if opened.is_err() {
            drop(erase::folder(&folder));
        }
        Ok(Box::new(opened?))
    }

    /// After [`Spare::look`] also what this very machine cannot hold steps to.
    fn limits(&self, plan: &RoomPlan) -> Vec<Text> {
        let mut limits = vec![
            "a host is no clean machine: tools, caches and settings of this machine took part in the build, but for what lies in \
             the user's home: HOME was an empty folder"
                .to_owned(),
            "on a host, steps run with the rights of the user: nothing kept them from files and network of this machine".to_owned(),
            "on a host, the plan's limit of disk is watched and not held: a step that writes more is ended once that is seen, and \
             what it writes outside of its room is not counted"
                .to_owned(),
        ];
        let unheld = self.unheld.get().map_or(&[][..], Vec::as_slice);
        limits.extend(unheld.iter().map(|(bound, reason)| told(*bound, reason)));
        let is_held = |bound: &Bound| bound.is_asked(&plan.limits) && !unheld.iter().any(|(lack, _)| lack == bound);
        limits.push(escapes(if Bound::ALL.iter().any(is_held) { " and its control group" } else { "" }));
        limits.into_iter().map(Text::from).collect()
    }

    fn by_hand(&self, plan: &RoomPlan) -> Text {
        let folder = self.folder(plan);
        format!("run `canship clean`: it ends what still runs in `{}`, and removes that folder", folder.display()).into()
    }
}

/// That this machine cannot hold steps to a limit.
fn told(bound: Bound, reason: &str) -> String {
    let instead = match bound {
        Bound::Processes => "; they are watched, and a step with more is ended once that is seen",
        Bound::Memory | Bound::Processors => "",
    };
    format!("this machine cannot hold steps to the plan's limit of {}{instead} ({reason})", bound.name())
}

/// What gets away, also from a control group: whoever may make one may move processes out of it.
fn escapes(group: &str) -> String {
    if cfg!(target_os = "linux") {
        format!("a process that leaves its step's session{group} and wipes its environment is not found when the step ends")
    } else {
        "a process that leaves its step's session is not found when the step ends: only Linux shows them".to_owned()
    }
}

/// A folder that only its owner may look into.
fn private_folder(path: &Path) -> io::Result<()> {
    std::fs::DirBuilder::new().mode(0o700).create(path)
}

fn failed(what: String, reason: &io::Error) -> SpareError {
    SpareError::Machine { what, reason: io::Error::new(reason.kind(), reason.to_string()) }
}
