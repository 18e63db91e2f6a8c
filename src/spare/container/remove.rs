//! Removes a room with all that belongs to it.

use std::{collections::HashMap, time::Duration};

use bollard::{
    errors::Error,
    query_parameters::{
        ListVolumesOptionsBuilder, RemoveContainerOptionsBuilder, RemoveVolumeOptionsBuilder, WaitContainerOptionsBuilder,
    },
};
use futures_util::StreamExt as _;

use super::{
    super::RoomPlan,
    connect::{Connection, status, words},
    create::{DRILL_LABEL, PURPOSE_LABEL, container_name},
};
use crate::record::{Leftover, Text};

/// How long removing may take.
pub(super) const REMOVAL: Duration = Duration::from_mins(1);

/// Removes the room's container and volumes, whatever state they are in. Returns what is left.
pub(super) async fn remove(connection: &Connection, plan: &RoomPlan, container: &str) -> Vec<Leftover> {
    let name = container_name(plan);
    let removing = async {
        let mut left = Vec::new();
        if let Err(reason) = remove_container(connection, container).await {
            left.push(left_container(connection, &name, &reason));
        }
        left.extend(remove_volumes(connection, plan).await);
        left
    };
    let late = |_| vec![left_container(connection, &name, &format!("the engine did not remove it within {} s", REMOVAL.as_secs()))];
    tokio::time::timeout(REMOVAL, removing).await.unwrap_or_else(late)
}

/// Removes a container with its anonymous volumes; one that is gone already is fine.
pub(super) async fn remove_container(connection: &Connection, container: &str) -> Result<(), String> {
    let options = RemoveContainerOptionsBuilder::default().force(true).v(true).build();
    match connection.docker.remove_container(container, Some(options)).await {
        Ok(()) => Ok(()),
        Err(e) if status(&e) == Some(404) => Ok(()),
        // The engine is removing it already, by itself.
        Err(e) if status(&e) == Some(409) => {
            let options = WaitContainerOptionsBuilder::default().condition("removed").build();
            match connection.docker.wait_container(container, Some(options)).next().await {
                // An exit code other than 0 comes as an error.
                None | Some(Ok(_) | Err(Error::DockerContainerWaitError { .. })) => Ok(()),
                Some(Err(gone)) if status(&gone) == Some(404) => Ok(()),
                Some(Err(_)) => Err(words(&e)),
            }
        }
        Err(e) => Err(words(&e)),
    }
}

/// Volumes go with their container; an engine that failed at that keeps silent about it, so it is read back.
async fn remove_volumes(connection: &Connection, plan: &RoomPlan) -> Vec<Leftover> {
    let docker = &connection.docker;
    let labels = [format!("{DRILL_LABEL}={}", plan.drill), format!("{PURPOSE_LABEL}={}", plan.purpose)];
    let client = &connection.client;
    let remedy = || format!("{client} volume ls -q --filter label={} | xargs {client} volume rm", labels[0]);
    let filters = HashMap::from([("label", labels.to_vec())]);
    let volumes = match docker.list_volumes(Some(ListVolumesOptionsBuilder::default().filters(&filters).build())).await {
        Ok(listed) => listed.volumes.unwrap_or_default(),
        Err(e) => return vec![leftover(format!("volumes of `{}`, if any", container_name(plan)), &words(&e), remedy())],
    };
    let removing = volumes.into_iter().map(async |volume| {
        let options = RemoveVolumeOptionsBuilder::default().force(true).build();
        let refused = docker.remove_volume(&volume.name, Some(options)).await.err().filter(|e| status(e) != Some(404))?;
        Some(leftover(format!("volume `{}`", volume.name), &words(&refused), format!("{client} volume rm -f {}", volume.name)))
    });
    futures_util::future::join_all(removing).await.into_iter().flatten().collect()
}

fn left_container(connection: &Connection, name: &str, reason: &str) -> Leftover {
    leftover(format!("container `{name}` with its volumes"), reason, format!("{} rm -f -v {name}", connection.client))
}

fn leftover(what: String, reason: &str, remedy: String) -> Leftover {
    Leftover { what: what.into(), reason: Text::new(reason), remedy: remedy.into() }
}
