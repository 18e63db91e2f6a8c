//! What drills have left on an engine, found by their label.
//!
//! Invariants: nothing without the label of a drill whose id canship could have made is ever shown or removed; of an
//! image, names that others gave it stay. Looking and removing are separate, and what was removed is read back.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use bollard::query_parameters::{
    InspectContainerOptions, InspectNetworkOptions, ListContainersOptionsBuilder, ListImagesOptionsBuilder,
    ListNetworksOptionsBuilder, ListVolumesOptionsBuilder, RemoveImageOptionsBuilder, RemoveVolumeOptionsBuilder,
};
use futures_util::{StreamExt as _, stream};
use jiff::Timestamp;

use super::{
    super::SpareError,
    Engine,
    connect::{Connection, failed, status, words},
    create::{self, DEADLINE_LABEL, DRILL_LABEL},
    images,
    remove::{REMOVAL, remove_container},
};
use crate::record::{Cleaning, DRILL_IMAGES, DrillId, Leftover, Text};

/// How many things are removed side by side.
const SIDE_BY_SIDE: usize = 16;

/// Something on an engine that is a drill's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Labelled {
    /// The drill.
    pub drill: DrillId,
    /// When the drill has ended; none if it was one of an older canship, which did not say.
    pub until: Option<Timestamp>,
    kind: Kind,
    id: String,
    name: String,
}

/// In the order in which they are removed: what comes first uses what comes later.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    Container,
    Image,
    Volume,
    Network,
}

impl Labelled {
    fn of(kind: Kind, id: Option<String>, name: String, labels: &HashMap<String, String>) -> Option<Self> {
        let drill = DrillId::made(labels.get(DRILL_LABEL)?)?;
        let seconds = labels.get(DEADLINE_LABEL).and_then(|text| text.parse().ok());
        Some(Self { drill, until: seconds.and_then(|seconds| Timestamp::from_second(seconds).ok()), kind, id: id?, name })
    }

    /// What it is, for people.
    #[must_use]
    pub fn what(&self, engine: &Engine) -> Text {
        let (name, at) = (&self.name, engine.located.place().address);
        match self.kind {
            Kind::Container => format!("container `{name}` with its volumes, on the engine at {at}"),
            Kind::Image => format!("image `{name}`, on the engine at {at}"),
            Kind::Volume => format!("volume `{name}`, on the engine at {at}"),
            Kind::Network => format!("network `{name}`, on the engine at {at}"),
        }
        .into()
    }

    /// How a person removes it, with the engine's own `client`.
    fn by_hand(&self, client: &str) -> Text {
        let name = &self.name;
        match self.kind {
            Kind::Container => format!("{client} rm -f -v {name}"),
            Kind::Image => format!("{client} rmi {name}"),
            Kind::Volume => format!("{client} volume rm -f {name}"),
            Kind::Network => format!("{client} network rm {name}"),
        }
        .into()
    }
}

impl Engine {
    /// Everything on the engine that drills have made, in whatever state: containers, images, volumes that are no
    /// container's, networks.
    ///
    /// # Errors
    /// The engine does not answer.
    pub async fn labelled(&self) -> Result<Vec<Labelled>, SpareError> {
        let connection = self.connection().await?;
        let (containers, images, volumes, networks) =
            tokio::try_join!(containers(&connection), images(&connection), volumes(&connection), networks(&connection))
                .map_err(failed("listing what drills have left"))?;
        let (containers, mounted): (Vec<_>, Vec<_>) = containers.into_iter().unzip();
        let mounted: BTreeSet<_> = mounted.into_iter().flatten().collect();
        let free = volumes.into_iter().filter(|volume| !mounted.contains(&volume.name));
        Ok(containers.into_iter().chain(images).chain(free).chain(networks).collect())
    }

    /// Removes these things, side by side where one does not need the other, and reads back that they are gone.
    pub async fn remove(&self, things: Vec<Labelled>) -> Vec<Cleaning> {
        let connection = match self.connection().await {
            Ok(connection) => connection,
            Err(error) => return things.iter().map(|thing| self.left(thing, &error.to_string())).collect(),
        };
        let drills: BTreeSet<_> = things.iter().map(|thing| thing.drill.clone()).collect();
        let mut kinds: BTreeMap<Kind, Vec<Labelled>> = BTreeMap::new();
        for thing in things {
            kinds.entry(thing.kind).or_default().push(thing);
        }
        if kinds.contains_key(&Kind::Container) {
            kinds.entry(Kind::Volume).or_default();
        }
        let mut cleanings = Vec::new();
        for (kind, mut things) in kinds {
            if kind == Kind::Volume {
                // An engine that did not remove a container's volumes with it keeps silent about that.
                let there = volumes(&connection).await.unwrap_or_default();
                let more = there.into_iter().filter(|volume| drills.contains(&volume.drill) && !things.contains(volume));
                things.extend(more.collect::<Vec<_>>());
            }
            let connection = &connection;
            let removing = things.into_iter().map(async |thing| match gone(connection, &thing).await {
                Ok(()) => Cleaning::Gone { what: thing.what(self) },
                Err(reason) => self.left(&thing, &reason),
            });
            cleanings.extend(stream::iter(removing).buffer_unordered(SIDE_BY_SIDE).collect::<Vec<_>>().await);
        }
        cleanings
    }

    fn left(&self, thing: &Labelled, reason: &str) -> Cleaning {
        let known = self.connection.get().map(|connection| connection.client.clone());
        let client = known.unwrap_or_else(|| self.located.client());
        Cleaning::Left(Leftover { what: thing.what(self), reason: Text::new(reason), remedy: thing.by_hand(&client) })
    }
}

fn has_label() -> HashMap<&'static str, Vec<&'static str>> {
    HashMap::from([("label", vec![DRILL_LABEL])])
}

type Listed<T> = Result<Vec<T>, bollard::errors::Error>;

/// Each with the names of the volumes that it uses. A container has its image's label too, whoever has started it: only one
/// with a name that canship gives is a drill's.
async fn containers(connection: &Connection) -> Listed<(Labelled, Vec<String>)> {
    let options = ListContainersOptionsBuilder::default().all(true).filters(&has_label()).build();
    let listed = connection.docker.list_containers(Some(options)).await?;
    let one = |container: bollard::models::ContainerSummary| {
        let name = container.names.unwrap_or_default().first().map(|name| name.trim_start_matches('/').to_owned());
        let name = name.or_else(|| container.id.clone())?;
        let volumes = container.mounts.unwrap_or_default().into_iter().filter_map(|mount| mount.name).collect();
        let thing = Labelled::of(Kind::Container, container.id, name, &container.labels?)?;
        thing.name.starts_with(&create::container_names(&thing.drill)).then_some((thing, volumes))
    };
    Ok(listed.into_iter().filter_map(one).collect())
}

async fn volumes(connection: &Connection) -> Listed<Labelled> {
    let options = ListVolumesOptionsBuilder::default().filters(&has_label()).build();
    let listed = connection.docker.list_volumes(Some(options)).await?.volumes.unwrap_or_default();
    let one = |volume: bollard::models::Volume| Labelled::of(Kind::Volume, Some(volume.name.clone()), volume.name, &volume.labels);
    Ok(listed.into_iter().filter_map(one).collect())
}

async fn networks(connection: &Connection) -> Listed<Labelled> {
    let options = ListNetworksOptionsBuilder::default().filters(&has_label()).build();
    let listed = connection.docker.list_networks(Some(options)).await?;
    let one = |network: bollard::models::Network| {
        Labelled::of(Kind::Network, network.id, network.name.unwrap_or_default(), &network.labels?)
    };
    Ok(listed.into_iter().filter_map(one).collect())
}

/// An image carries its label on to every image that is made from it: only what has no name but the drill's is a
/// drill's. Each name is one thing.
async fn images(connection: &Connection) -> Listed<Labelled> {
    let options = ListImagesOptionsBuilder::default().filters(&has_label()).build();
    let listed = images::all(connection, options).await?;
    let one = |image: bollard::models::ImageSummary| {
        let names: Vec<_> = image.repo_tags.into_iter().filter(|name| !name.contains("<none>")).collect();
        let labelled = |name: &str| Labelled::of(Kind::Image, Some(image.id.clone()), name.to_owned(), &image.labels);
        if names.is_empty() {
            return labelled(&image.id).into_iter().collect();
        }
        let of_drill = |thing: &Labelled| thing.name.contains(&format!("{DRILL_IMAGES}:{}-", thing.drill));
        names.iter().filter_map(|name| labelled(name)).filter(of_drill).collect::<Vec<_>>()
    };
    Ok(listed.into_iter().flat_map(one).collect())
}

/// Removes one thing and reads back that it is gone; the reason if it is not.
async fn gone(connection: &Connection, thing: &Labelled) -> Result<(), String> {
    let removing = async {
        let removed = remove(connection, thing).await;
        match is_there(connection, thing).await {
            Ok(false) => Ok(()),
            Ok(true) => {
                Err(removed.err().unwrap_or_else(|| "the engine said that it was removed, but it is still there".to_owned()))
            }
            Err(reason) => Err(format!("whether it is gone could not be read back: {reason}")),
        }
    };
    let late = |_| Err(format!("the engine did not remove it within {} s", REMOVAL.as_secs()));
    tokio::time::timeout(REMOVAL, removing).await.unwrap_or_else(late)
}

async fn remove(connection: &Connection, thing: &Labelled) -> Result<(), String> {
    let docker = &connection.docker;
    let removed = match thing.kind {
        Kind::Container => return remove_container(connection, &thing.id).await,
        Kind::Volume => {
            let options = RemoveVolumeOptionsBuilder::default().force(true).build();
            docker.remove_volume(&thing.id, Some(options)).await
        }
        Kind::Network => docker.remove_network(&thing.id).await,
        Kind::Image => {
            // By its name: others that the image has stay.
            let options = RemoveImageOptionsBuilder::default().build();
            docker.remove_image(&thing.name, Some(options), None).await.map(drop)
        }
    };
    removed.map_err(|error| words(&error))
}

async fn is_there(connection: &Connection, thing: &Labelled) -> Result<bool, String> {
    let docker = &connection.docker;
    let seen = match thing.kind {
        Kind::Container => docker.inspect_container(&thing.id, None::<InspectContainerOptions>).await.map(drop),
        Kind::Volume => docker.inspect_volume(&thing.id).await.map(drop),
        Kind::Network => docker.inspect_network(&thing.id, None::<InspectNetworkOptions>).await.map(drop),
        Kind::Image => super::image::inspect(docker, &thing.name).await.map(drop),
    };
    match seen {
        Ok(()) => Ok(true),
        Err(error) if status(&error) == Some(404) => Ok(false),
        Err(error) => Err(words(&error)),
    }
}
