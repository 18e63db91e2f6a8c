//! What is packed in a release is looked through for secrets too: most releases are archives.

use std::path::{Path, PathBuf};

use futures_util::{StreamExt as _, stream};
use tokio::task::spawn_blocking;
use tokio_util::sync::CancellationToken;

use super::{Drill, scope::Scope, vault::Vault};
use crate::{
    archive::{Inside, Refused, Unpacked, look_inside},
    record::EventKind,
    spare::{self, SpareError},
};

/// Files that are looked into side by side; each takes a thread.
const SIDE_BY_SIDE: usize = 4;

/// Whether the artifacts below `folder` may be published; what cannot be opened is told as a limit.
pub(super) async fn are_clean(drill: &Drill, scope: &Scope, vault: &Vault, (folder, files): (&Path, &[Unpacked])) -> bool {
    let packed = files.iter().filter(|file| file.format.is_some());
    let packed = packed.map(|file| (file.path.display().to_string(), folder.join(&file.path))).collect();
    let mut clean = true;
    for (path, inside) in look(drill, vault, packed).await {
        match inside {
            Inside::Seen => {}
            Inside::Closed(reason) => limit(scope, &format!("what is in the artifact `{path}`"), &reason),
            Inside::Refused => {
                let refused = SpareError::Refused(Refused::Secret { path, part: "packed content" });
                scope.found(spare::finding(&refused, scope.of()));
                clean = false;
            }
        }
    }
    clean
}

/// Whether nothing that is packed in the layers of an image layout keeps it from being published.
pub(super) async fn is_clean(drill: &Drill, scope: &Scope, vault: &Vault, layers: Vec<PathBuf>) -> bool {
    let layers = layers.into_iter().map(|layer| (String::new(), layer)).collect();
    let looked = look(drill, vault, layers).await;
    if let Some(reason) =
        looked.iter().find_map(|(_, inside)| if let Inside::Closed(reason) = inside { Some(reason) } else { None })
    {
        limit(scope, "some of what is packed in the image's layers", reason);
    }
    looked.iter().all(|(_, inside)| *inside != Inside::Refused)
}

fn limit(scope: &Scope, what: &str, reason: &str) {
    scope.emit(EventKind::Limited { limit: format!("{what} was not searched for secrets: {reason}").into() });
}

/// Looks into each of these files. Whoever stops waiting ends it.
async fn look(drill: &Drill, vault: &Vault, files: Vec<(String, PathBuf)>) -> Vec<(String, Inside)> {
    if vault.search().seeks_nothing() {
        return Vec::new();
    }
    let stop = CancellationToken::new();
    let _stop = stop.clone().drop_guard();
    let one = |(name, path): (String, PathBuf)| {
        let (search, stop, limits) = (vault.searches(), stop.clone(), (drill.plan.build.limits.disk, drill.workspace.clone()));
        async move {
            let looking = spawn_blocking(move || {
                look_inside(&path, (limits.0, &limits.1), &|| {
                    let (mut search, stop) = (search(), stop.clone());
                    Box::new(move |piece| {
                        search.push(piece);
                        !search.has_found() && !stop.is_cancelled()
                    })
                })
            });
            let inside = looking.await.unwrap_or_else(|_| Inside::Closed("looking into it failed".to_owned()));
            (name, inside)
        }
    };
    stream::iter(files).map(one).buffered(SIDE_BY_SIDE).collect().await
}
