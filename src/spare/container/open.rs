//! Makes a room.

use std::{sync::Arc, time::Duration};

use bollard::{
    container::{AttachContainerResults, LogOutput},
    query_parameters::{AttachContainerOptionsBuilder, CreateContainerOptionsBuilder},
};
use futures_util::StreamExt as _;

use super::{
    super::{RoomPlan, SpareError},
    connect::{Connection, failed, words},
    create, held, remove,
    room::{ContainerRoom, Started},
};
use crate::record::{ImageFacts, Text};

/// How long a started room may take to say so.
const READY: Duration = Duration::from_mins(1);

/// More than all that the first process has to say.
const LONGEST_HELLO: usize = 64 * 1024;

/// How long giving the writable paths to the steps' user may take.
const GIVING: Duration = Duration::from_mins(5);

/// Makes the room in a task of its own: whoever asked may stop waiting at any time, and what was made by then is
/// still finished and then dropped, which ends it, rather than left behind half-made.
pub(super) async fn open(connection: Arc<Connection>, plan: RoomPlan, image: ImageFacts) -> Result<ContainerRoom, SpareError> {
    let what = format!("opening clean room `{}`", create::container_name(&plan));
    let made = tokio::spawn(async move {
        let container = create(&connection, &plan, &image).await?;
        match furnish(&connection, &plan, &image, &container).await {
            Ok(started) => Ok(ContainerRoom::new(connection, plan, image, container, started)),
            Err(e) => {
                // What could not be removed is found by its labels; why the room did not open is what is told.
                drop(remove::remove(&connection, &plan, &container).await);
                Err(e)
            }
        }
    });
    made.await.unwrap_or_else(|e| Err(SpareError::Failed { what, reason: e.to_string() }))
}

async fn create(connection: &Connection, plan: &RoomPlan, image: &ImageFacts) -> Result<String, SpareError> {
    let name = create::container_name(plan);
    let body = create::container(plan, &connection.capacity, image.id.as_str());
    let options = CreateContainerOptionsBuilder::default().name(&name).build();
    let made = connection.docker.create_container(Some(options), body).await;
    made.map(|made| made.id).map_err(failed(format!("creating clean room `{name}`")))
}

/// Starts the room and makes its paths writable, side by side. Both are waited for even if one fails: a helper that is
/// given up half-way would be left behind.
async fn furnish(connection: &Connection, plan: &RoomPlan, image: &ImageFacts, container: &str) -> Result<Started, SpareError> {
    let giving = async { if plan.writable.is_empty() { Ok(()) } else { give_away(connection, plan, image, container).await } };
    let (started, given) = tokio::join!(start(connection, plan, image, container), giving);
    given.and(started)
}

/// Starts the room and waits until its first process says that it is there: an engine takes a container for started
/// even if its image has no shell to start. Attached before it starts: else it could read the end of an input that
/// nobody had opened yet.
async fn start(connection: &Connection, plan: &RoomPlan, image: &ImageFacts, container: &str) -> Result<Started, SpareError> {
    let what = format!("starting the clean room from image `{}`", image.name);
    let options = AttachContainerOptionsBuilder::default().stream(true).stdin(true).stdout(true).stderr(true).build();
    let attached = connection.docker.attach_container(container, Some(options)).await;
    let mut lifeline = attached.map_err(failed(what.clone()))?;
    connection.docker.start_container(container, None).await.map_err(failed(what.clone()))?;
    let said = tokio::time::timeout(READY, hello(&mut lifeline)).await;
    match said.unwrap_or_else(|_| Err(format!("its shell did not start within {} s", READY.as_secs()))) {
        Ok(hello) => Ok(Started {
            _lifeline: lifeline,
            lacking: held::lacking(&hello, plan, &connection.capacity),
            is_rootless: held::is_rootless(&hello),
        }),
        Err(reason) => Err(SpareError::Failed { what, reason }),
    }
}

/// All that the first process says until it is ready; the reason if it never is.
async fn hello(lifeline: &mut AttachContainerResults) -> Result<String, String> {
    let mut hello = String::new();
    while !hello.lines().any(|line| line.trim_end() == held::READY) {
        match lifeline.output.next().await {
            Some(Ok(LogOutput::StdOut { message })) if hello.len() < LONGEST_HELLO => {
                hello.push_str(&String::from_utf8_lossy(&message));
            }
            Some(Ok(other)) => return Err(Text::from_bytes(other.as_ref()).one_line()),
            Some(Err(e)) => return Err(words(&e)),
            None => return Err(String::from("its shell ended at once")),
        }
    }
    Ok(hello)
}

/// The engine has copied the image's content into the writable volumes, owned as it was in the image.
async fn give_away(connection: &Connection, plan: &RoomPlan, image: &ImageFacts, room: &str) -> Result<(), SpareError> {
    let what = "making the plan's `writable:` paths writable";
    let name = format!("{}-give", create::container_name(plan));
    let options = CreateContainerOptionsBuilder::default().name(&name).build();
    let made = connection.docker.create_container(Some(options), create::giver(plan, image.id.as_str(), room)).await;
    let container = made.map_err(failed(what))?.id;
    let ended = tokio::time::timeout(GIVING, give(connection, &container)).await;
    // It removes itself; waiting for that keeps it from holding the room's volumes any longer.
    let removed = remove::remove_container(connection, &container).await;
    let reason = match ended {
        Ok(Ok(said)) if said.trim_end().ends_with("given") => match removed {
            Ok(()) => return Ok(()),
            Err(reason) => reason,
        },
        Ok(Ok(said)) => Text::new(&said).one_line(),
        Ok(Err(e)) => words(&e),
        Err(_) => format!("not done within {} s", GIVING.as_secs()),
    };
    Err(SpareError::Failed { what: what.to_owned(), reason })
}

/// Runs the giver and returns all that it said. Its output ends when it does.
async fn give(connection: &Connection, giver: &str) -> Result<String, bollard::errors::Error> {
    let options = AttachContainerOptionsBuilder::default().stream(true).stdout(true).stderr(true).build();
    let mut attached = connection.docker.attach_container(giver, Some(options)).await?;
    connection.docker.start_container(giver, None).await?;
    let mut said = Vec::new();
    while let Some(chunk) = attached.output.next().await {
        said.extend_from_slice(chunk.as_ref().map_or(&[][..], LogOutput::as_ref));
        // Only the last words count.
        said.drain(..said.len().saturating_sub(4096));
    }
    Ok(String::from_utf8_lossy(&said).into_owned())
}
