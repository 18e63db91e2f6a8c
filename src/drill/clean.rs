//! Takes away what the drill put outside, all of it side by side, and reads back that it is gone. What cannot be taken
//! away is a leftover that is listed, never a failure.

use futures_util::{StreamExt as _, stream::FuturesUnordered};

use super::{Drill, outside::Outside, rooms::Rooms, scope::Scope};
use crate::record::{Cleaning, EventKind, Leftover, Phase};

/// Cleans; ends early at a second signal, and then names what may still be there.
pub(super) async fn clean(drill: &Drill, mut rooms: Rooms, outside: Outside) {
    let scope = Scope::phase(&drill.bus, Phase::Clean);
    let tell = |cleaned: Vec<Cleaning>| cleaned.into_iter().for_each(|one| scope.emit(EventKind::Cleaned(one)));
    let mut waiting: Vec<String> = Vec::new();
    let everything = async {
        let mut tasks = FuturesUnordered::new();
        if let Some(tag) = &outside.tag {
            waiting.push(format!("the tag `{}` at `{}`", tag.name(), tag.url()));
        }
    };
    scope.finish();
}
