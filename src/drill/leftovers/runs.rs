//! Runs of a forge that dead drills have asked for.

use std::sync::Arc;

use futures_util::FutureExt as _;

use super::{Ground, LATE, Mode, Noted, Outcome, Seen, Task};
use crate::{
    drill::runner::orphan::{Fate, Orphan},
    forge::Forge,
    record::{Cleaning, Leftover},
    state::Entry,
};

/// One for each run that a journal lists.
pub(super) fn tasks<'t>(ground: &Ground<'t>, mode: Mode, noted: &[Noted<'t>]) -> Vec<Task<'t>> {
    let task = |(at, entry, item): &Noted<'t>| {
        let (run, entry) = (Orphan::of(item)?, (*at, *entry));
        let late = left(&run, LATE);
        let forge = ground.forge.clone().filter(|forge| forge.place() == run.place());
        Some(Task { late, is_scratch: false, work: end(run, forge, mode, entry).boxed() })
    };
    noted.iter().filter_map(task).collect()
}

fn left(run: &Orphan, reason: &str) -> Seen {
    Seen::Unseen(Leftover {
        what: run.named().into(),
        reason: format!("the drill that had asked for it died; {reason}").into(),
        remedy: "run `canship recover`, which cancels it unless it has ended, or look for it at the forge".into(),
    })
}

async fn end(run: Orphan, forge: Option<Arc<dyn Forge>>, mode: Mode, entry: (usize, Entry)) -> Outcome {
    let outcome = |seen: Option<Seen>, gone: bool| Outcome {
        seen: seen.into_iter().collect(),
        gone: if gone && mode == Mode::Remove { vec![entry] } else { Vec::new() },
    };
    let Some(forge) = forge else { return outcome(Some(left(&run, "the forge was not asked")), false) };
    let ended = match mode {
        Mode::Remove => run.end(&forge).await,
        Mode::Look => match run.look(&forge).await {
            Ok(Ok(_)) => return outcome(Some(Seen::Found(run.named().into())), false),
            Ok(Err(fate)) => Ok(fate),
            Err(error) => Err(error),
        },
    };
    match ended {
        Ok(Fate::Cancelled) => outcome(Some(Seen::Cleaned(Cleaning::Gone { what: run.named().into() })), true),
        Ok(Fate::Over) => outcome(None, true),
        Ok(Fate::NotThere) => outcome(Some(left(&run, "it is not to be found, if it ever was")), true),
        Ok(Fate::Awaited) => outcome(Some(left(&run, "it is not to be found, and may appear yet")), false),
        Ok(Fate::Ending) => outcome(Some(left(&run, "it was cancelled, and goes on for now")), false),
        Err(error) => outcome(Some(left(&run, &error.to_string())), false),
    }
}
