//! Removes what drills that live no more have left, wherever this plan's drills or their journals lead: processes and
//! folders of this machine, engines, tags at git servers, repositories at registries, runs of the forge.
//!
//! Invariants: what belongs to a drill that may still live is never touched (`Known` decides, by locks on this host and
//! by deadlines elsewhere); what is removed is read back; a place that does not answer is named and keeps no other from
//! being cleaned; a journal goes only when all that it lists is known to be gone. All of it may be done twice, also by two
//! at once.

mod engine;
mod known;
mod machine;
mod registry;
mod runs;
mod tags;

use std::{collections::BTreeSet, path::Path, path::PathBuf, sync::Arc, time::Duration};

use futures_util::{FutureExt as _, StreamExt as _, future::BoxFuture, stream::FuturesUnordered};

use self::known::Known;
use super::{clock::Clock, deadline};
use crate::{
    forge::Forge,
    network::Network,
    plan::{OciTarget, Plan},
    record::{Cleaning, DrillId, Leftover, Text},
    secret::Secret,
    source::Git,
    spare::container::Engine,
    state::{Damaged, Dead, Drills, Entry, Item, State, StateError},
};

/// How long cleaning at one place may take. Its own waits are bounded, but there can be many in a row.
const LIMIT: Duration = Duration::from_mins(2);

/// Gives the engine at an address, or the user's own.
pub type Engines = Arc<dyn Fn(Option<String>) -> Engine + Send + Sync>;

/// Where leftovers are looked for, but for what the plan says.
#[derive(Clone)]
pub struct Surroundings {
    /// What is known of the drills of this host.
    pub state: State,
    /// Where temporary files go.
    pub temporary: PathBuf,
    /// How engines are reached.
    pub engines: Engines,
}

/// All that cleaning works with.
pub struct Ground<'g> {
    /// Who cleans.
    pub own: &'g DrillId,
    /// Where.
    pub surroundings: &'g Surroundings,
    /// The plan that says where drills put things.
    pub plan: &'g Plan,
    /// The plan's folder.
    pub folder: &'g Path,
    /// The git of this machine.
    pub git: &'g Git,
    /// How servers are reached.
    pub network: &'g Network,
    /// The file in which Docker keeps logins, if it has a place.
    pub docker_config: Option<&'g Path>,
    /// The password of a target's login, if it is there.
    pub password: &'g (dyn Fn(&OciTarget) -> Option<Secret> + Sync),
    /// The plan's forge, if runs that drills have asked of it are to be ended.
    pub forge: Option<Arc<dyn Forge>>,
}

/// Whether what is found is removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// It is.
    Remove,
    /// It is only told.
    Look,
}

/// What cleaning tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Seen {
    /// It was removed, or could not be.
    Cleaned(Cleaning),
    /// It would be removed.
    Found(Text),
    /// Whether there is something could not be seen, at a place where a journal says that there may be.
    Unseen(Leftover),
    /// Whether there is something could not be seen, at a place of the plan.
    Unknown(Leftover),
}

/// Something that a journal lists.
type Noted<'d> = (usize, Entry, &'d Item);

/// What came of one place.
#[derive(Default)]
struct Outcome {
    seen: Vec<Seen>,
    /// What a journal lists and is gone.
    gone: Vec<(usize, Entry)>,
}

/// One place to clean.
struct Task<'t> {
    /// Told if it takes too long.
    late: Seen,
    /// Whether it is one of the plan's scratch repositories.
    is_scratch: bool,
    work: BoxFuture<'t, Outcome>,
}

/// Cleans, places side by side, and tells each thing as it is done. `after_scratch` is called when nothing is removed in
/// the plan's scratch repositories any more: what is pushed there may be the same.
///
/// # Errors
/// The state folder cannot be read: then nothing is known, and nothing is done.
pub async fn clean(
    ground: &Ground<'_>,
    mode: Mode,
    tell: &(dyn Fn(Seen) + Sync),
    after_scratch: &(dyn Fn() + Sync),
) -> Result<(), StateError> {
    let now = Clock::start().started();
    let drills = ground.surroundings.state.drills(now)?;
    let known = Known::new(ground.own, &drills, deadline::without_label(ground.plan), now);
    for damaged in &drills.damaged {
        tell(Seen::Unseen(of_damaged(damaged)));
    }
    drills.dead.iter().filter_map(of_cut).for_each(tell);
    // First: what still runs could put more outside.
    machine::end_processes(&known, mode).into_iter().for_each(tell);

    let tasks = tasks(ground, &known, mode, &drills);
    let mut scratches = tasks.iter().filter(|task| task.is_scratch).count();
    if scratches == 0 {
        after_scratch();
    }
    let mut running: FuturesUnordered<_> = tasks
        .into_iter()
        .map(|Task { late, is_scratch, work }| {
            tokio::time::timeout(LIMIT, work)
                .map(move |outcome| (is_scratch, outcome.unwrap_or_else(|_| Outcome { seen: vec![late], gone: Vec::new() })))
        })
        .collect();
    let mut gone = BTreeSet::new();
    while let Some((is_scratch, outcome)) = running.next().await {
        outcome.seen.into_iter().for_each(tell);
        for (at, entry) in outcome.gone {
            drills.dead[at].gone(entry);
            gone.insert((at, entry));
        }
        scratches -= usize::from(is_scratch);
        if is_scratch && scratches == 0 {
            after_scratch();
        }
    }
    if mode == Mode::Remove {
        bury(ground, &drills, &gone).into_iter().for_each(tell);
    }
    Ok(())
}

fn tasks<'t>(ground: &'t Ground<'t>, known: &'t Known, mode: Mode, drills: &'t Drills) -> Vec<Task<'t>> {
    let noted: Vec<Noted<'t>> = drills
        .dead
        .iter()
        .enumerate()
        .flat_map(|(at, dead)| dead.items().iter().map(move |(entry, item)| (at, *entry, item)))
        .collect();
    let mut tasks = vec![machine::folders(ground, known, mode, (drills, &noted))];
    tasks.extend(tags::task(ground, known, mode, (drills, &noted)));
    tasks.extend(engine::tasks(ground, known, mode, &noted));
    tasks.extend(registry::tasks(ground, known, mode, &noted));
    tasks.extend(runs::tasks(ground, mode, &noted));
    tasks
}

/// Removes the journals of drills of which nothing is left.
fn bury(ground: &Ground<'_>, drills: &Drills, gone: &BTreeSet<(usize, Entry)>) -> Vec<Seen> {
    let is_clean = |at: usize, items: &[(Entry, Item)]| items.iter().all(|(entry, _)| gone.contains(&(at, *entry)));
    let clean = drills.dead.iter().enumerate().filter(|(at, dead)| is_clean(*at, dead.items()));
    let buried = clean.filter_map(|(_, dead)| {
        let reason = ground.surroundings.state.bury(dead).err()?;
        Some(Seen::Cleaned(Cleaning::Left(Leftover {
            what: format!("the journal of drill {}", dead.drill()).into(),
            reason: reason.to_string().into(),
            remedy: format!("remove `{}`", dead.folder().display()).into(),
        })))
    });
    buried.collect()
}

fn of_damaged(Damaged { path, reason, .. }: &Damaged) -> Leftover {
    Leftover {
        what: format!("what a drill noted in `{}`", path.display()).into(),
        reason: reason.as_str().into(),
        remedy: "look into it, remove by hand what it names, and then that file with its folder".into(),
    }
}

/// A primary path that a dead drill may have left cut: giving it back is not for who cleans.
fn of_cut(dead: &Dead) -> Option<Seen> {
    let is_cut = |(_, item): &(Entry, Item)| matches!(item, Item::Cut { .. } | Item::Lease { .. });
    dead.items().iter().any(is_cut).then(|| {
        Seen::Unseen(Leftover {
            what: format!("the primary path that drill {} has cut", dead.drill()).into(),
            reason: "the drill died, and nobody has noted that it was given back".into(),
            remedy: "run `canship recover` now".into(),
        })
    })
}

/// A place that could not be looked at.
fn unseen(place: &str, reason: &str, is_noted: bool) -> Seen {
    let gone = if is_noted {
        "remove the drill's folder below `canship/drills` in the state folder"
    } else {
        "no drill of this machine has left anything there: name another place in the plan"
    };
    let remedy = format!(
        "see to it that this place can be reached, and with the plan's secrets, then run `canship clean` again; if it is gone for good, {gone}"
    );
    let leftover =
        Leftover { what: format!("what drills may have left {place}").into(), reason: reason.into(), remedy: remedy.into() };
    if is_noted { Seen::Unseen(leftover) } else { Seen::Unknown(leftover) }
}

const LATE: &str = "it took too long";
