//! Images that a drill has on the engine for a while: the one that a Dockerfile makes, and what came back from a
//! registry. All of them carry the drill's labels and a name of their own; an image of the user is never touched.

use std::{collections::HashMap, io, sync::Arc};

use bollard::{
    errors::Error,
    models::ImageSummary,
    query_parameters::{ImportImageOptionsBuilder, ListImagesOptions, ListImagesOptionsBuilder, RemoveImageOptionsBuilder},
};
use bytes::Bytes;
use futures_util::StreamExt as _;
use tokio::sync::mpsc;

use super::{
    super::{RoomPlan, SpareError, TakeImage},
    collect::ChunkReader,
    connect::{Connection, STALL, failed, status, words},
    create::DRILL_LABEL,
    fill::{CHUNKS, Chunks, UPLOAD},
};
use crate::{
    record::{Cleaning, DRILL_IMAGES, Leftover},
    registry::Loadable,
};

/// How often images are listed before it is given up.
const TRIES: usize = 20;

/// The name of the drill's image for this purpose. With a host, which no engine then asks for it, so that all engines
/// take it alike.
pub(super) fn name(plan: &RoomPlan) -> String {
    format!("{DRILL_IMAGES}:{}-{}", plan.drill, plan.purpose)
}

/// Gives `take` the image as the engine saves it, as it comes.
pub(super) async fn save(connection: &Connection, image: &str, take: TakeImage) -> Result<(), SpareError> {
    let failure = |reason| SpareError::Failed { what: format!("saving the image `{image}`"), reason };
    let (chunks, archive) = mpsc::channel(CHUNKS);
    let taking = tokio::task::spawn_blocking(move || take(&mut ChunkReader::new(archive)));
    let mut saved = connection.docker.export_image(image).boxed();
    let passed_on = loop {
        match tokio::time::timeout(STALL, saved.next()).await {
            Ok(None) => break Ok(()),
            Ok(Some(Ok(bytes))) => {
                if chunks.send(Ok(bytes)).await.is_err() {
                    break Ok(()); // It takes no more: it has refused the image, or is at its end.
                }
            }
            Ok(Some(Err(e))) => break Err(words(&e)),
            Err(_) => break Err(format!("nothing moved for {} s", STALL.as_secs())),
        }
    };
    if passed_on.is_err() {
        // Else what came so far could be taken for the whole.
        drop(chunks.send(Err(io::ErrorKind::ConnectionAborted.into())).await);
    }
    drop(chunks);
    taking.await.map_err(|e| failure(e.to_string()))?;
    passed_on.map_err(failure)
}

/// Puts the image on the engine and sees that it is the one that is there.
pub(super) async fn load(connection: &Connection, plan: &RoomPlan, image: Arc<Loadable>) -> Result<(), SpareError> {
    let name = name(plan);
    let what = format!("loading what came back as `{name}`");
    let failure = |reason| SpareError::Failed { what: what.clone(), reason };
    let (chunks, body) = mpsc::channel::<io::Result<Bytes>>(CHUNKS);
    let (end, written) = (chunks.clone(), Arc::clone(&image));
    let writing = tokio::task::spawn_blocking(move || {
        let written = written.write(Chunks::new(chunks));
        if let Err(e) = &written {
            drop(end.blocking_send(Err(io::Error::new(e.kind(), e.to_string()))));
        }
        written
    });
    let body = futures_util::stream::unfold(body, async |mut body| body.recv().await.map(|chunk| (chunk, body)));
    let docker = connection.docker.clone().with_timeout(UPLOAD);
    let options = ImportImageOptionsBuilder::default().quiet(true).build();
    let mut said = docker.import_image(options, bollard::body_try_stream(body), None).boxed();
    while let Some(told) = said.next().await {
        told.map_err(failed(what.clone()))?;
    }
    drop(said);
    writing.await.map_err(|e| failure(e.to_string()))?.map_err(|e| failure(e.to_string()))?;
    let seen = super::image::inspect(&connection.docker, &name).await.map_err(failed(what.clone()))?;
    let layers = seen.root_fs.and_then(|root| root.layers).unwrap_or_default();
    if layers == image.diff_ids() {
        return Ok(());
    }
    Err(failure(format!("the engine has other layers then: {}", layers.join(", "))))
}

/// Removes every image that carries the drill's label, and reads back that none is left.
pub(super) async fn remove(connection: &Connection, plan: &RoomPlan) -> Vec<Cleaning> {
    let found = match list(connection, plan).await {
        Ok(found) => found,
        Err(reason) => return vec![Cleaning::Left(left("the drill's images, if any".to_owned(), &reason, (connection, plan)))],
    };
    let mut cleaned = Vec::new();
    for image in &found {
        let options = RemoveImageOptionsBuilder::default().force(true).build();
        let removed = connection.docker.remove_image(image, Some(options), None).await;
        let refused = removed.err().filter(|e| status(e) != Some(404)).map(|e| words(&e));
        let what = format!("image `{image}`");
        cleaned.push(match refused {
            None => Cleaning::Gone { what: what.into() },
            Some(reason) => Cleaning::Left(left(what, &reason, (connection, plan))),
        });
    }
    match list(connection, plan).await {
        Ok(left) if left.is_empty() => cleaned,
        Ok(still) => still
            .into_iter()
            .map(|image| {
                Cleaning::Left(left(format!("image `{image}`"), "it is still there after it was removed", (connection, plan)))
            })
            .collect(),
        Err(reason) => vec![Cleaning::Left(left("the drill's images, if any".to_owned(), &reason, (connection, plan)))],
    }
}

/// The drill's images, each by a name of its own or else by its id.
async fn list(connection: &Connection, plan: &RoomPlan) -> Result<Vec<String>, String> {
    let filters = HashMap::from([("label", vec![format!("{DRILL_LABEL}={}", plan.drill)])]);
    let options = ListImagesOptionsBuilder::default().filters(&filters).build();
    let images = all(connection, options).await.map_err(|e| words(&e))?;
    let own = |image: ImageSummary| {
        let named: Vec<_> = image.repo_tags.into_iter().filter(|tag| tag.starts_with(DRILL_IMAGES)).collect();
        if named.is_empty() { vec![image.id] } else { named }
    };
    Ok(images.into_iter().flat_map(own).collect())
}

/// Lists images. Podman (4.3) fails with "image not known" or "layer not known" if one that it has listed is removed before it
/// has read what it tells of it (<https://github.com/containers/podman/pull/18980>): then it is asked again.
pub(super) async fn all(connection: &Connection, options: ListImagesOptions) -> Result<Vec<ImageSummary>, Error> {
    let mut asked = 0;
    loop {
        asked += 1;
        match connection.docker.list_images(Some(options.clone())).await {
            Err(error) if asked < TRIES && status(&error) == Some(500) && words(&error).contains("not known") => {}
            listed => return listed,
        }
    }
}

fn left(what: String, reason: &str, (connection, plan): (&Connection, &RoomPlan)) -> Leftover {
    Leftover { what: what.into(), reason: reason.into(), remedy: by_hand(&connection.client, plan).into() }
}

/// How a person removes the drill's images with this client.
pub(super) fn by_hand(client: &str, plan: &RoomPlan) -> String {
    format!("{client} images -q --filter label={DRILL_LABEL}={} | xargs {client} rmi -f", plan.drill)
}
