//! Where a release is built: a clean room on an engine, or a clean checkout on this machine.
//!
//! Invariants: looking ([`Spare::look`]) changes nothing; what [`Spare::open`] makes carries the drill's name and is
//! gone after [`Room::close`], or listed; a step gets an environment of only what it is given; a step over its limit
//! is ended with everything it started.

pub mod container;
mod finding;
pub mod host;

pub use finding::finding;

use std::{io::Read, path::Path, sync::Arc, time::Duration};

use async_trait::async_trait;
use tokio_util::sync::CancellationToken;

use crate::{
    archive::{Fill, Refused, Unpacked},
    network::Ways,
    plan::BuildImage,
    record::{Claim, Cleaning, DrillId, EnginePlace, Leftover, RoomFacts, Rule, StepEnd, Stream, Text},
    registry::Loadable,
    secret::Secret,
};

/// What a room is made for and what it may use.
#[derive(Clone, Debug)]
pub struct RoomPlan {
    /// The drill it belongs to.
    pub drill: DrillId,
    /// Who uses it, and until when.
    pub claim: Claim,
    /// `build` or `smoke`: part of every name, so that a drill can have both rooms at once.
    pub purpose: &'static str,
    /// What it is made from; a host has no use for it.
    pub image: Option<BuildImage>,
    /// Absolute paths of the image that steps must write to.
    pub writable: Vec<std::path::PathBuf>,
    /// What the steps may use.
    pub limits: crate::plan::Limits,
}

/// One way to build a release.
#[async_trait]
pub trait Spare: Send + Sync {
    /// Looks whether a room could be opened: engine, image, disk. Pulls nothing, changes nothing. An image that is
    /// not there is no error: `RoomFacts::image` is then none.
    ///
    /// # Errors
    /// The spare does not answer.
    async fn look(&self, plan: &RoomPlan) -> Result<RoomFacts, SpareError>;

    /// Opens a fresh room, empty but for what its image holds. Pulls the image if it is not there and tells
    /// `progress` (what, bytes done, bytes in all).
    ///
    /// # Errors
    /// The room could not be opened; whatever had been made for it is removed again.
    async fn open(
        &self,
        plan: &RoomPlan,
        progress: &(dyn Fn(&str, u64, Option<u64>) + Send + Sync),
    ) -> Result<Box<dyn Room>, SpareError>;

    /// Where the engine is sought that rooms are made on, if it has one. Asks nobody.
    fn place(&self) -> Option<EnginePlace> {
        None
    }

    /// The address of the engine that rooms are made on, as a journal keeps it; none if it is no engine.
    fn engine(&self) -> Option<String> {
        None
    }

    /// What this kind of spare can never prove, each in a sentence.
    fn limits(&self, plan: &RoomPlan) -> Vec<Text>;

    /// How a person removes what a room of this drill left, if canship could not wait for that.
    fn by_hand(&self, plan: &RoomPlan) -> Text;

    /// What works on images there, if anything does.
    fn images(&self) -> Option<&dyn Images> {
        None
    }
}

/// Makes images out of Dockerfiles, gives them out and takes them in. Each is named after the drill and its purpose.
#[async_trait]
pub trait Images: Send + Sync {
    /// Builds the plan's Dockerfile. Gives how that ended and, if it went well, what was built.
    ///
    /// # Errors
    /// How it ended could not be learned, or the engine cannot build this at all.
    async fn build(
        &self,
        plan: &RoomPlan,
        order: BuildOrder,
        output: OnOutput<'_>,
    ) -> Result<(StepEnd, Option<ImageBuilt>), SpareError>;

    /// Gives an image to `take` as it comes.
    ///
    /// # Errors
    /// The engine does not give all of it; what `take` makes of it is its own matter.
    async fn save(&self, image: &str, take: TakeImage) -> Result<(), SpareError>;

    /// Puts an image on the spare that rooms can be made from, under the name that [`Images::name`] says.
    ///
    /// # Errors
    /// The engine does not take it, or has another image then.
    async fn load(&self, plan: &RoomPlan, image: Arc<Loadable>) -> Result<(), SpareError>;

    /// The name of the drill's image for the plan's purpose.
    fn name(&self, plan: &RoomPlan) -> String;

    /// How a person's own client is called for where images are built.
    ///
    /// # Errors
    /// Nobody answers there.
    async fn client(&self) -> Result<String, SpareError>;

    /// What it is labelled with.
    fn labels(&self, plan: &RoomPlan) -> Vec<(String, String)>;

    /// Removes every image of the drill, whatever its purpose. No room may stand on one any more.
    async fn remove(&self, plan: &RoomPlan) -> Vec<Cleaning>;

    /// How a person removes them.
    fn by_hand(&self, plan: &RoomPlan) -> Text;
}

/// Reads an image as the engine saves it. Runs on a thread that may block.
pub type TakeImage = Box<dyn FnOnce(&mut dyn Read) + Send>;

/// What a Dockerfile is built with.
pub struct BuildOrder {
    /// The source.
    pub content: Fill,
    /// The text of its `.dockerignore`.
    pub ignore: String,
    /// The secrets that it may mount, each by its name.
    pub secrets: Vec<(String, Secret)>,
    /// The variables that lead instructions through proxies. Builders keep them out of the image and its history.
    pub proxies: Vec<(String, Secret)>,
    /// How long it may take.
    pub time: Duration,
    /// Gives it up.
    pub halt: CancellationToken,
}

/// An image that a Dockerfile made.
#[derive(Clone, Debug)]
pub struct ImageBuilt {
    /// The name it has for the time of the drill.
    pub name: String,
    /// What the engine calls it.
    pub id: Text,
    /// What built it.
    pub builder: &'static str,
}

/// A step as a room runs it.
#[derive(Debug)]
pub struct RoomStep {
    /// The command, for `/bin/sh -c`.
    pub command: String,
    /// Environment variables of this step.
    pub env: Vec<(String, String)>,
    /// Secrets of this step, each as the environment variable of that name.
    pub secrets: Vec<(String, Secret)>,
    /// How long it may take.
    pub time: Duration,
}

impl RoomStep {
    /// The step led out by these ways; `file` is where the authorities lie. Its own variables outrank that.
    fn led(mut self, ways: &Ways, file: Option<&str>) -> Self {
        let is_own = |name: &str| self.env.iter().any(|(own, _)| own == name) || self.secrets.iter().any(|(own, _)| own == name);
        let more = ways.variables(file, is_own);
        self.secrets.extend(more);
        self
    }
}

/// The file of the authorities, beside the working folder so that it is no part of what is built.
const AUTHORITIES: &str = "authorities.pem";

/// Takes a step's output as it comes: any bytes, split anywhere.
pub type OnOutput<'a> = &'a mut (dyn FnMut(Stream, &[u8]) + Send);

/// Looks at artifacts as they pass, on a thread that may block: an [`archive::Look`](crate::archive::Look) of its own.
pub type OwnLook = Box<dyn FnMut(&[u8]) -> bool + Send>;

/// An open room: a working folder, and steps that run in it.
#[async_trait]
pub trait Room: Send {
    /// What the room is made of.
    fn facts(&self) -> RoomFacts;

    /// Fills the working folder. Returns the number of bytes that went in.
    ///
    /// # Errors
    /// The content could not be read, or the room did not take it.
    async fn fill(&mut self, content: Fill) -> Result<u64, SpareError>;

    /// Puts the authorities into a file of the room, beside the working folder. From now on every step finds the
    /// ways in its environment.
    ///
    /// # Errors
    /// The room did not take the file.
    async fn lead(&mut self, ways: Ways) -> Result<(), SpareError>;

    /// Runs one step in the working folder and waits for its end. A step over its limit ends the room: later steps
    /// are an error.
    ///
    /// # Errors
    /// How the step ended could not be learned.
    async fn run(&mut self, step: RoomStep, output: OnOutput<'_>) -> Result<StepEnd, SpareError>;

    /// Takes a file or folder out of the working folder and puts it under `into`, named by its last name. All of it passes
    /// `look`.
    ///
    /// # Errors
    /// It is not there ([`SpareError::NoSuchArtifact`]), is refused ([`SpareError::Refused`]), or the room broke.
    async fn collect(&mut self, artifact: &Path, into: &Path, look: OwnLook) -> Result<Vec<Unpacked>, SpareError>;

    /// Removes the room with all that is in it, whatever state it is in. What could not be removed is returned.
    async fn close(self: Box<Self>) -> Vec<Leftover>;
}

/// Why a spare did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum SpareError {
    /// The engine does not answer at its address.
    #[error("no container engine answers at `{address}`: {reason}")]
    Unreachable {
        /// Where it was sought.
        address: String,
        /// What was seen.
        reason: String,
        /// What to do about it.
        advice: String,
        /// What kind of finding that is.
        rule: Rule,
    },
    /// What names the engine is wrong.
    #[error("it is not known where the container engine is: {reason}")]
    Unlocated {
        /// What is wrong with it.
        reason: String,
        /// What to do about it.
        advice: String,
    },
    /// The image is not there and could not be pulled.
    #[error("image `{image}` is not on the engine and could not be pulled: {reason}")]
    NoImage {
        /// The image.
        image: String,
        /// The engine's words.
        reason: String,
    },
    /// The engine answered, but refused or broke what was asked of it.
    #[error("{what}: {reason}")]
    Failed {
        /// What was tried, on what.
        what: String,
        /// The engine's or system's words.
        reason: String,
    },
    /// This machine refused what was asked of it.
    #[error("{what}: {reason}")]
    Machine {
        /// What was tried, on what.
        what: String,
        /// The system's words.
        reason: std::io::Error,
    },
    /// The room was ended by a limit before this could be done.
    #[error("the room has ended: {reason}")]
    Ended {
        /// Why.
        reason: String,
    },
    /// The artifact is not there.
    #[error("`{path}` is not there after the build")]
    NoSuchArtifact {
        /// The artifact.
        path: String,
    },
    /// The artifact's archive would have done harm.
    #[error(transparent)]
    Refused(#[from] Refused),
    /// This spare cannot do it at all.
    #[error("{0}")]
    Unsupported(String),
}
