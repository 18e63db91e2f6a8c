//! Takes away what the drill put outside, all of it side by side, and reads back that it is gone. What cannot be taken
//! away is a leftover that is listed, never a failure.

use std::time::Duration;

use futures_util::{FutureExt as _, StreamExt as _, future::BoxFuture, stream::FuturesUnordered};

use super::{
    Drill,
    outside::Outside,
    rooms::{Closing, Rooms},
    scope::Scope,
};
use crate::{
    record::{Cleaning, EventKind, Leftover, Phase, Text},
    registry::Client,
    source::DrillTag,
};

/// How long taking away one thing may take. Its own waits are bounded, but there can be many in a row.
const LIMIT: Duration = Duration::from_mins(2);

/// One thing to take away.
struct Task {
    what: Text,
    remedy: Text,
    work: BoxFuture<'static, Vec<Cleaning>>,
}

/// Cleans; a second signal ends the wait, and what may still be there is then named.
pub(super) async fn clean(drill: &Drill, rooms: Rooms, outside: Outside) {
    let scope = Scope::phase(&drill.bus, Phase::Clean);
    let (tag, registries) = outside.into_parts();
    let tasks = rooms.into_closing().into_iter().map(close);
    let tasks = tasks.chain(tag.map(remove_tag)).chain(registries.into_iter().map(empty));

    let mut names = Vec::new();
    let mut running: FuturesUnordered<_> = tasks
        .enumerate()
        .map(|(at, task)| {
            names.push(Some((task.what, task.remedy)));
            tokio::time::timeout(LIMIT, task.work).map(move |cleaned| (at, cleaned))
        })
        .collect();
    drill
        .interrupts
        .unless_impatient(async {
            while let Some((at, cleaned)) = running.next().await {
                let name = names[at].take();
                let cleaned = cleaned.unwrap_or_else(|_| name.map(|name| left(name, "it took too long")).into_iter().collect());
                for one in cleaned {
                    scope.emit(EventKind::Cleaned(one));
                }
            }
        })
        .await;
    for name in names.into_iter().flatten() {
        scope.emit(EventKind::Cleaned(left(name, "a second signal ended the wait for its removal")));
    }
    scope.finish();
}

fn left((what, remedy): (Text, Text), reason: &str) -> Cleaning {
    Cleaning::Left(Leftover { what, reason: reason.into(), remedy })
}

fn close(Closing { what, remedy, task }: Closing) -> Task {
    let name = (what.clone(), remedy.clone());
    let work = task.map(move |closed| closed.unwrap_or_else(|stopped| vec![left(name, &stopped.to_string())]));
    Task { what, remedy, work: work.boxed() }
}

fn remove_tag(tag: DrillTag) -> Task {
    let what: Text = format!("the tag `{}` at `{}`", tag.name(), tag.url()).into();
    let remedy: Text = format!("git push {} --delete {}", tag.url(), tag.name()).into();
    let (told, by_hand) = (what.clone(), remedy.clone());
    let work = async move {
        vec![match tag.remove().await {
            Ok(()) => Cleaning::Gone { what: told },
            Err(error) => Cleaning::Left(Leftover { what: told, reason: error.to_string().into(), remedy: by_hand }),
        }]
    };
    Task { what, remedy, work: work.boxed() }
}

fn empty(client: Client) -> Task {
    let what = format!("what the drill pushed to `{}`", client.repository()).into();
    let remedy = "delete the tag that begins with `canship-` in the registry's own interface".into();
    Task { what, remedy, work: async move { client.clean(&client.ledger()).await }.boxed() }
}
