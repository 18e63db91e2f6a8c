//! Tags that are left at git servers: at the place of this plan's tags, and where journals say.

use futures_util::FutureExt as _;

use super::{Ground, Known, LATE, Mode, Noted, Outcome, Seen, Task, unseen};
use crate::{
    plan::TagAt,
    record::{Cleaning, Leftover},
    source::{self, LeftTag},
    state::{Drills, Entry, Item},
};

const PLACE: &str = "as tags at the place of this plan's tags";

/// A tag that a journal names.
type NotedTag = ((usize, Entry), LeftTag);

/// One for all servers; none if there is none.
pub(super) fn task<'t>(
    ground: &'t Ground<'t>,
    known: &'t Known,
    mode: Mode,
    (drills, noted): (&Drills, &[Noted<'t>]),
) -> Option<Task<'t>> {
    let (mut tags, mut strange) = (Vec::new(), Vec::new());
    let mut gone = Vec::new();
    for (at, entry, item) in noted {
        let Item::GitTag { url, name, object } = item else { continue };
        match LeftTag::noted(ground.git, drills.dead[*at].drill(), (url, name, object)) {
            Some(tag) if tag.went_with_its_server() => gone.push((*at, *entry)),
            Some(tag) => tags.push(((*at, *entry), tag)),
            None => strange.push(strange_tag(url, name)),
        }
    }
    let is_drilled = ground.plan.tag.is_some() && ground.plan.tag_at != TagAt::Nowhere;
    if !is_drilled && tags.is_empty() && strange.is_empty() && gone.is_empty() {
        return None;
    }
    let late = unseen(PLACE, LATE, !tags.is_empty());
    let work = async move {
        let mut outcome = Outcome { seen: strange, gone };
        let mut dead = Vec::new();
        if is_drilled {
            let source = &ground.plan.source;
            match source::left_tags(ground.git, ground.folder, source.mirror.as_deref(), ground.plan.tag_at).await {
                Ok(listed) => dead.extend(listed.into_iter().filter(|tag| known.is_dead(&tag.drill, None))),
                Err(error) => outcome.seen.push(unseen(PLACE, &error.to_string(), false)),
            }
        }
        // What was listed knows how this server is reached.
        dead.extend(
            tags.iter().filter(|(_, tag)| !dead.iter().any(|known| known.is(tag))).map(|(_, tag)| tag.clone()).collect::<Vec<_>>(),
        );
        if mode == Mode::Look {
            outcome.seen.extend(dead.iter().map(|tag| Seen::Found(tag.what())));
        } else if !dead.is_empty() {
            remove(ground, dead, &tags, &mut outcome).await;
        }
        outcome
    };
    Some(Task { late, is_scratch: false, work: work.boxed() })
}

async fn remove(ground: &Ground<'_>, dead: Vec<LeftTag>, noted: &[NotedTag], outcome: &mut Outcome) {
    let repository = ground.surroundings.state.repository();
    if let Err(error) = source::empty_repository(ground.git, &repository).await {
        outcome.seen.push(unseen(PLACE, &error.to_string(), !noted.is_empty()));
        return;
    }
    for (tag, removed) in source::remove_tags(dead, &repository).await {
        let what = tag.what();
        outcome.seen.push(Seen::Cleaned(match removed {
            Ok(()) => {
                outcome.gone.extend(noted.iter().filter(|(_, noted)| noted.is(&tag)).map(|(entry, _)| *entry));
                Cleaning::Gone { what }
            }
            Err(reason) => Cleaning::Left(Leftover { what, reason, remedy: tag.by_hand() }),
        }));
    }
}

fn strange_tag(url: &str, name: &str) -> Seen {
    Seen::Unseen(Leftover {
        what: format!("`{name}` at `{url}`, which a journal names as a drill's tag").into(),
        reason: "no tag of that drill is called so".into(),
        remedy: "look at it by hand: canship does not touch it".into(),
    })
}
