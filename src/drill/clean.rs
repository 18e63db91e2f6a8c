//! Takes away what the drill put outside, all of it side by side, and reads back that it is gone. What cannot be taken
//! away is a leftover that is listed, never a failure.

use std::{sync::Arc, time::Duration};

use futures_util::{FutureExt as _, StreamExt as _, future::BoxFuture, stream::FuturesUnordered};

use super::{
    Drill,
    outside::{Outside, Parts},
    rooms::{Closing, Rooms},
    runner::Abroad,
    scope::Scope,
};
use crate::{
    record::{Cleaning, EventKind, Leftover, Phase, Text},
    registry::Client,
    source::{DrillTag, SourceError},
    state::{Entry, Journal},
};

/// How long taking away one thing may take. Its own waits are bounded, but there can be many in a row.
const LIMIT: Duration = Duration::from_mins(2);

/// What is left if the work is given up for a reason.
type Left = Box<dyn Fn(&str) -> Vec<Leftover> + Send>;

/// One thing to take away, or several at one place.
struct Task {
    left: Left,
    work: BoxFuture<'static, Vec<Cleaning>>,
}

/// Cleans; a second signal ends the wait, and what may still be there is then named.
pub(super) async fn clean(drill: &Drill, rooms: Option<Rooms>, outside: Outside) {
    let scope = Scope::phase(&drill.bus, Phase::Clean);
    let Parts { tag, mut registries, promised, run } = outside.into_parts();
    if has_kept_promise(drill) {
        hand_over(&scope, &promised);
    } else {
        registries.extend(promised);
    }
    let tasks = rooms.into_iter().flat_map(Rooms::into_closing).map(close);
    let tag = tag.map(|(entry, tag)| remove_tag(Arc::clone(&drill.journal), entry, tag));
    let tasks = tasks
        .chain(tag)
        .chain(registries.into_iter().map(empty))
        .chain(run.map(|(entry, run)| end_run(Arc::clone(&drill.journal), entry, run)));

    let mut undone = Vec::new();
    let mut running: FuturesUnordered<_> = tasks
        .enumerate()
        .map(|(at, task)| {
            undone.push(Some(task.left));
            tokio::time::timeout(LIMIT, task.work).map(move |cleaned| (at, cleaned))
        })
        .collect();
    drill
        .interrupts
        .unless_impatient(async {
            while let Some((at, cleaned)) = running.next().await {
                let left = undone[at].take();
                let too_long = |_| left.iter().flat_map(|left| unfinished(left, "it took too long")).collect();
                for one in cleaned.unwrap_or_else(too_long) {
                    scope.emit(EventKind::Cleaned(one));
                }
            }
        })
        .await;
    for left in undone.into_iter().flatten() {
        scope.errored();
        for one in unfinished(&left, "a second signal ended the wait for its removal") {
            scope.emit(EventKind::Cleaned(one));
        }
    }
    scope.finish();
}

/// What is left of work that was given up. The journal has it, so the next cleaning goes on.
fn unfinished(left: &Left, reason: &str) -> Vec<Cleaning> {
    let goes_on = |one: Leftover| {
        let remedy = format!("run `canship clean`, which removes what is still there; by hand: {}", one.remedy);
        Cleaning::Left(Leftover { remedy: remedy.into(), ..one })
    };
    left(reason).into_iter().map(goes_on).collect()
}

/// Whether whoever asked for the drill gets what it was promised: only then it reads that back, and deletes it.
fn has_kept_promise(drill: &Drill) -> bool {
    drill.interrupts.which().is_none() && drill.bus.record().is_some_and(|record| record.time_to_ship.is_some())
}

/// What stays for whoever asked. The journal keeps it: should nobody delete it, the next cleaning on this machine does.
fn hand_over(scope: &Scope, promised: &[Client]) {
    for client in promised {
        let left = client.left(&client.ledger(), "").into_iter().map(|left| left.what);
        let what = left.map(|what| what.to_string()).collect::<Vec<_>>().join(", ");
        scope.emit(EventKind::HandedOver { what: what.into() });
    }
}

fn end_run(journal: Arc<Journal>, entry: Entry, run: Abroad) -> Task {
    let (what, remedy) = run.named();
    let work = async move {
        let ended = run.end().await;
        if !ended.iter().any(|one| matches!(one, Cleaning::Left(_))) {
            journal.gone(entry);
        }
        ended
    };
    Task { left: Box::new(one(what, remedy)), work: work.boxed() }
}

/// One leftover of which all but the reason is known.
fn one(what: Text, remedy: Text) -> impl Fn(&str) -> Vec<Leftover> {
    move |reason| vec![Leftover { what: what.clone(), reason: reason.into(), remedy: remedy.clone() }]
}

fn close(Closing { what, remedy, task }: Closing) -> Task {
    let stopped = one(what.clone(), remedy.clone());
    let work = task
        .map(move |closed| closed.unwrap_or_else(|reason| stopped(&reason.to_string()).into_iter().map(Cleaning::Left).collect()));
    Task { left: Box::new(one(what, remedy)), work: work.boxed() }
}

fn remove_tag(journal: Arc<Journal>, entry: Entry, tag: DrillTag) -> Task {
    let what: Text = format!("the tag `{}` at `{}`", tag.name(), tag.url()).into();
    let remedy: Text = format!("git push {} --delete {}", tag.url(), tag.name()).into();
    let (told, by_hand) = (what.clone(), remedy.clone());
    let work = async move {
        vec![match tag.remove().await {
            Ok(()) => {
                journal.gone(entry);
                Cleaning::Gone { what: told }
            }
            Err(error) => {
                let is_to_come = matches!(error, SourceError::Unanswered { .. });
                let remedy = if is_to_come { "run `canship clean`, which removes it once it is there".into() } else { by_hand };
                Cleaning::Left(Leftover { what: told, reason: error.to_string().into(), remedy })
            }
        }]
    };
    Task { left: Box::new(one(what, remedy)), work: work.boxed() }
}

fn empty(client: Client) -> Task {
    let cleaner = client.clone();
    let work = async move { cleaner.clean_own().await };
    // What is gone by then is struck out of the ledger.
    Task { left: Box::new(move |reason| client.left(&client.ledger(), reason)), work: work.boxed() }
}
