//! What is left on this machine.

use std::path::{Path, PathBuf};

use futures_util::FutureExt as _;

use super::{Ground, Known, LATE, Mode, Noted, Outcome, Seen, Task, unseen};
use crate::{
    record::{Cleaning, DrillId, Leftover, count},
    spare::host,
    state::{Drills, Item},
};

/// What the folder of a drill is called.
const FOLDER: &str = "canship-";

/// Ends what drills have left running.
pub(super) fn end_processes(known: &Known, mode: Mode) -> Option<Seen> {
    let what = |number: usize| format!("{} that drills have left running on this machine", count(number, "process")).into();
    let is_dead = |drill: &DrillId| known.is_dead(drill, None);
    let counted = tokio::task::block_in_place(|| match mode {
        Mode::Look => host::count_left(&is_dead),
        Mode::Remove => host::end_left(&is_dead),
    });
    match (counted, mode) {
        (Ok(0), _) => None,
        (Ok(count), Mode::Look) => Some(Seen::Found(what(count))),
        (Ok(count), Mode::Remove) => Some(Seen::Cleaned(Cleaning::Gone { what: what(count) })),
        (Err(reason), _) => Some(Seen::Cleaned(Cleaning::Left(Leftover {
            what: "processes that drills have left running on this machine".into(),
            reason: reason.to_string().into(),
            remedy: "end those that have CANSHIP_ROOM or CANSHIP_DRILL in their environment".into(),
        }))),
    }
}

/// Removes folders of temporary files.
pub(super) fn folders<'t>(
    ground: &'t Ground<'t>,
    known: &'t Known,
    mode: Mode,
    (drills, noted): (&Drills, &[Noted<'t>]),
) -> Task<'t> {
    let temporary = &ground.surroundings.temporary;
    let place = format!("in `{}`", temporary.display());
    let noted: Vec<_> = noted
        .iter()
        .filter_map(|(at, entry, item)| match item {
            Item::Folder { path } => Some(((*at, *entry), path.clone(), drills.dead[*at].drill().clone())),
            _ => None,
        })
        .collect();
    let late = unseen(&place, LATE, !noted.is_empty());
    let work = async move {
        let mut outcome = Outcome::default();
        let (ours, strange): (Vec<_>, Vec<_>) =
            noted.into_iter().partition(|(_, path, drill)| drill_of(path).as_ref() == Some(drill));
        outcome.seen.extend(strange.iter().map(|(_, path, _)| strange_folder(path)));
        let mut folders: Vec<PathBuf> = ours.iter().map(|(_, path, _)| path.clone()).collect();
        match listed(temporary) {
            Ok(listed) => {
                let dead =
                    |path: &PathBuf| drill_of(path).is_some_and(|drill| known.is_dead(&drill, None)) && host::is_own_folder(path);
                folders.extend(listed.into_iter().filter(dead));
            }
            Err(reason) => outcome.seen.push(unseen(&place, &reason.to_string(), false)),
        }
        folders.sort();
        folders.dedup();
        for folder in folders {
            let (removed, seen) = remove(folder.clone(), mode).await;
            outcome.seen.extend(seen);
            if removed {
                outcome.gone.extend(ours.iter().filter(|(_, path, _)| *path == folder).map(|(entry, ..)| *entry));
            }
        }
        outcome
    };
    Task { late, is_scratch: false, work: work.boxed() }
}

async fn remove(folder: PathBuf, mode: Mode) -> (bool, Option<Seen>) {
    if folder.symlink_metadata().is_err_and(|reason| reason.kind() == std::io::ErrorKind::NotFound) {
        return (true, None);
    }
    let what = format!("the folder `{}`", folder.display()).into();
    if mode == Mode::Look {
        return (false, Some(Seen::Found(what)));
    }
    match host::remove_folder(folder.clone()).await {
        // Somebody else who cleans was faster.
        Err(kept) if folder.symlink_metadata().is_ok() => {
            let left = Leftover { what, reason: kept.to_string().into(), remedy: kept.remedy() };
            (false, Some(Seen::Cleaned(Cleaning::Left(left))))
        }
        _ => (true, Some(Seen::Cleaned(Cleaning::Gone { what }))),
    }
}

fn listed(temporary: &Path) -> std::io::Result<Vec<PathBuf>> {
    // As a journal has it.
    let temporary = std::path::absolute(temporary)?;
    std::fs::read_dir(temporary)?.map(|entry| entry.map(|entry| entry.path())).collect()
}

/// The drill whose folder has this name.
fn drill_of(folder: &Path) -> Option<DrillId> {
    DrillId::made(folder.file_name()?.to_str()?.strip_prefix(FOLDER)?)
}

fn strange_folder(path: &Path) -> Seen {
    Seen::Unseen(Leftover {
        what: format!("`{}`, which a journal names as a drill's folder", path.display()).into(),
        reason: "no folder of that drill is called so".into(),
        remedy: "look at it by hand: canship does not touch it".into(),
    })
}
