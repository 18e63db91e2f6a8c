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
mod fill;
mod held;
mod image;
mod left;
mod limits;
mod open;
mod remove;
mod room;
mod step;
mod usage;

pub use left::Labelled;

use std::sync::{Arc, OnceLock};

use async_trait::async_trait;
use tokio::sync::OnceCell;

pub use self::connect::{Located, Surroundings};
use self::{connect::Connection, create::Disk, held::Limit};
use super::{Room, RoomPlan, Spare, SpareError};
use crate::record::{EnginePlace, RoomFacts, Text};

/// A container engine as a spare. Connects when it is first asked, once.
#[derive(Debug)]
pub struct Engine {
    located: Located,
    connection: OnceCell<Arc<Connection>>,
    /// Whether the image was there before this drill asked for it.
    warm: OnceLock<bool>,
    /// The limits that its rooms turned out not to be held to.
    lacking: OnceLock<Vec<Limit>>,
}

impl Engine {
    /// The engine that is meant. Does not connect yet; a flaw in what names it is told when it is used.
    #[must_use]
    pub fn new(located: Located) -> Self {
        Self { located, connection: OnceCell::new(), warm: OnceLock::new(), lacking: OnceLock::new() }
    }

    async fn connection(&self) -> Result<Arc<Connection>, SpareError> {
        self.connection.get_or_try_init(async || Connection::new(&self.located).await.map(Arc::new)).await.cloned()
    }
}

#[async_trait]
impl Spare for Engine {
    async fn look(&self, plan: &RoomPlan) -> Result<RoomFacts, SpareError> {
        let name = image::name(plan)?;
        let connection = self.connection().await?;
        let image = image::find(&connection, name).await?;
        self.warm.get_or_init(|| image.is_some());
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
        let known = self.connection.get().map(|connection| connection.client.clone());
        let client = known.unwrap_or_else(|| self.located.client());
        format!("{client} ps -aq --filter label={}={} | xargs {client} rm -fv", create::DRILL_LABEL, plan.drill).into()
    }
}
