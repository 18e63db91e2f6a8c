//! A clean room on a container engine: a hardened container that waits, into which the source is streamed, in which
//! steps run one by one, and out of which artifacts are streamed. Nothing is shared with the engine's machine but its
//! kernel and, until the network is sealed, its network.
//!
//! Invariants:
//! - Nothing of any machine is mounted into a room: it writes to volumes of its own, made with it and gone with it.
//! - A room lives no longer than the connection that holds its standard input: when canship ends in whatever way, the
//!   first process reads its end and the engine removes container and volumes by itself (`AutoRemove`; the volumes are
//!   anonymous because only those go with their container). A deadline ends the room should that connection hang.
//! - A secret is part of one exec's environment, never of a container's configuration, labels or arguments.

mod collect;
mod connect;
mod create;
mod dockerfile;
mod fill;
mod held;
mod image;
mod images;
mod left;
mod limits;
mod open;
mod remove;
mod room;
mod step;
mod usage;

pub use left::Labelled;

use std::sync::{
    Arc, OnceLock,
    atomic::{AtomicBool, Ordering},
};

use async_trait::async_trait;
use tokio::sync::OnceCell;

pub use self::connect::{Located, Surroundings};
use self::{connect::Connection, create::Disk, held::Limit};
use super::{BuildOrder, ImageBuilt, Images, OnOutput, Room, RoomPlan, Spare, SpareError, TakeImage};
use crate::{
    plan::BuildImage,
    record::{Cleaning, EnginePlace, RoomFacts, StepEnd, Text},
    registry::Loadable,
};

/// A container engine as a spare. Connects when it is first asked, once.
#[derive(Debug)]
pub struct Engine {
    located: Located,
    connection: OnceCell<Arc<Connection>>,
    /// Whether the image was there before this drill asked for it.
    warm: OnceLock<bool>,
    /// The limits that its rooms turned out not to be held to.
    lacking: OnceLock<Vec<Limit>>,
    /// Whether a build may go on that the engine does not end.
    has_build_under_way: AtomicBool,
}

impl Engine {
    /// The engine that is meant. Does not connect yet; a flaw in what names it is told when it is used.
    #[must_use]
    pub fn new(located: Located) -> Self {
        Self {
            located,
            connection: OnceCell::new(),
            warm: OnceLock::new(),
            lacking: OnceLock::new(),
            has_build_under_way: AtomicBool::new(false),
        }
    }

    async fn connection(&self) -> Result<Arc<Connection>, SpareError> {
        self.connection.get_or_try_init(async || Connection::new(&self.located).await.map(Arc::new)).await.cloned()
    }

    /// How a person's own client is called for this engine.
    fn client(&self) -> String {
        let known = self.connection.get().map(|connection| connection.client.clone());
        known.unwrap_or_else(|| self.located.client())
    }
}

#[async_trait]
impl Spare for Engine {
    async fn look(&self, plan: &RoomPlan) -> Result<RoomFacts, SpareError> {
        let connection = self.connection().await?;
        // What a Dockerfile makes is not there before.
        let image = if let Some(BuildImage::Dockerfile(_)) = &plan.image {
            None
        } else {
            let image = image::find(&connection, image::name(plan)?).await?;
            self.warm.get_or_init(|| image.is_some());
            image
        };
        // A new tmpfs is empty: all that it may hold is free. What a plain volume may hold the engine does not tell.
        let disk_free = Disk::choose(plan, &connection.capacity).free();
        Ok(RoomFacts { engine: Some(connection.facts.clone()), image, disk_free })
    }

    async fn open(
        &self,
        plan: &RoomPlan,
        progress: &(dyn Fn(&str, u64, Option<u64>) + Send + Sync),
    ) -> Result<Box<dyn Room>, SpareError> {
        let name = image::name(plan)?;
        let connection = self.connection().await?;
        let image = match image::find(&connection, name).await? {
            Some(image) => image,
            None => image::pull(&connection, name, progress).await?,
        };
        self.warm.get_or_init(|| image.warm);
        let room = open::open(connection, plan.clone(), image).await?;
        self.lacking.get_or_init(|| room.lacking().to_vec());
        Ok(Box::new(room))
    }

    fn engine(&self) -> Option<String> {
        self.located.name()
    }

    fn place(&self) -> Option<EnginePlace> {
        Some(self.located.place())
    }

    /// After [`Spare::look`] also what is known of this very engine, after [`Spare::open`] what its rooms are not held to.
    fn limits(&self, plan: &RoomPlan) -> Vec<Text> {
        let warm = self.warm.get().copied().unwrap_or(false);
        let lacking = self.lacking.get().map_or(&[][..], Vec::as_slice);
        limits::limits(plan, self.connection.get().map(Arc::as_ref), warm, lacking)
    }

    fn by_hand(&self, plan: &RoomPlan) -> Text {
        let client = self.client();
        format!("{client} ps -aq --filter label={}={} | xargs {client} rm -fv", create::DRILL_LABEL, plan.drill).into()
    }

    fn images(&self) -> Option<&dyn Images> {
        Some(self)
    }
}

#[async_trait]
impl Images for Engine {
    async fn build(
        &self,
        plan: &RoomPlan,
        order: BuildOrder,
        output: OnOutput<'_>,
    ) -> Result<(StepEnd, Option<ImageBuilt>), SpareError> {
        let Some(BuildImage::Dockerfile(dockerfile)) = &plan.image else {
            return Err(SpareError::Unsupported(String::from("the plan names no Dockerfile")));
        };
        let connection = self.connection().await?;
        let ended = dockerfile::build(&connection, (plan, dockerfile), order, output).await;
        if dockerfile::may_go_on(&connection, &ended) {
            self.has_build_under_way.store(true, Ordering::Relaxed);
        }
        ended
    }

    async fn save(&self, image: &str, take: TakeImage) -> Result<(), SpareError> {
        images::save(&*self.connection().await?, image, take).await
    }

    async fn load(&self, plan: &RoomPlan, image: Arc<Loadable>) -> Result<(), SpareError> {
        images::load(&*self.connection().await?, plan, image).await
    }

    fn name(&self, plan: &RoomPlan) -> String {
        images::name(plan)
    }

    async fn client(&self) -> Result<String, SpareError> {
        Ok(self.connection().await?.client.clone())
    }

    fn labels(&self, plan: &RoomPlan) -> Vec<(String, String)> {
        create::labels(plan).into_iter().collect()
    }

    async fn remove(&self, plan: &RoomPlan) -> Vec<Cleaning> {
        match self.connection.get() {
            Some(connection) => {
                let mut cleaned = images::remove(connection, plan).await;
                if self.has_build_under_way.load(Ordering::Relaxed) {
                    cleaned.push(Cleaning::Left(dockerfile::going_on(plan)));
                }
                cleaned
            }
            None => Vec::new(),
        }
    }

    fn by_hand(&self, plan: &RoomPlan) -> Text {
        images::by_hand(&self.client(), plan).into()
    }
}
