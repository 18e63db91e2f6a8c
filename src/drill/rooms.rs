//! Opens rooms and sees to it that every one of them is closed, also those whose opening a signal cut short.

use std::{
    path::PathBuf,
    sync::{
        Arc, Mutex, OnceLock, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use tokio::task::JoinHandle;
use tokio_util::task::TaskTracker;

use super::{Drill, bus::Bus, output::Output, steps::Ran};
use crate::{
    plan::BuildImage,
    record::{Cleaning, EventKind, Phase, StepId, Text},
    registry::Loadable,
    secret::Scrubber,
    spare::{BuildOrder, ImageBuilt, Images, Room, RoomPlan, Spare, SpareError, TakeImage},
    state::{Entry, Item, Journal},
};

/// A room on its way.
pub(super) type Opening = JoinHandle<Result<Box<dyn Room>, SpareError>>;

/// A room that is going away.
pub(super) struct Closing {
    /// What it is.
    pub(super) what: Text,
    /// How a person removes it.
    pub(super) remedy: Text,
    /// Ends when it is gone, or when it is known that it cannot be removed.
    pub(super) task: JoinHandle<Vec<Cleaning>>,
}

/// The rooms of one drill.
pub(super) struct Rooms {
    builder: Arc<dyn Spare>,
    bus: Bus,
    plan: RoomPlan,
    /// How much is kept of what a build prints.
    output: u64,
    notes: Notes,
    closing: Mutex<Vec<Closing>>,
    /// Everything that uses images: they are removed when all of it has ended.
    using_images: TaskTracker,
    /// Whether an image may be there.
    has_made_images: AtomicBool,
    /// What came of the plan's Dockerfile: what later rooms are made from.
    image: OnceLock<String>,
    /// What came back from a registry: what the smoke room is made from then.
    returned: OnceLock<String>,
}

/// What a drill has on a spare.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Purpose {
    /// To build in.
    Build,
    /// To run what came back.
    Smoke,
    /// To build once more.
    Repeat,
    /// Images to make them from.
    Image,
}

impl Rooms {
    pub(super) fn new(drill: &Drill, builder: Arc<dyn Spare>) -> Self {
        Self {
            builder,
            bus: drill.bus.clone(),
            plan: plan(drill, Purpose::Build),
            output: drill.plan.build.output,
            notes: Notes::new(drill),
            closing: Mutex::default(),
            using_images: TaskTracker::new(),
            has_made_images: AtomicBool::new(false),
            image: OnceLock::new(),
            returned: OnceLock::new(),
        }
    }

    /// Begins to open a room, in a task of its own: dropping the future half-way could leave parts of a room.
    pub(super) fn open(&self, purpose: Purpose) -> Opening {
        let (builder, bus) = (Arc::clone(&self.builder), self.bus.clone());
        let mut plan = self.plan_for(purpose.name());
        let returned = self.returned.get().filter(|_| matches!(purpose, Purpose::Smoke));
        if let Some(image) = returned.or(self.image.get()) {
            plan.image = Some(BuildImage::Image(image.clone()));
        }
        let notes = self.notes.clone();
        tokio::spawn(async move {
            notes.will_open(purpose, &*builder)?;
            let phase = purpose.phase();
            let progress = |what: &str, done, total| bus.emit(EventKind::Progress { phase, what: what.into(), done, total });
            builder.open(&plan, &progress).await
        })
    }

    /// Whether images can be made there.
    pub(super) fn has_images(&self) -> bool {
        self.builder.images().is_some()
    }

    /// Builds the image of the plan's Dockerfile, as a step that tells its output; in a task of its own: what was begun
    /// must be known to have ended before it can be removed.
    pub(super) async fn build_image(
        &self,
        (order, purpose): (BuildOrder, Purpose),
        (step, arguments): (StepId, String),
        scrubber: Arc<Scrubber>,
    ) -> Result<(Ran, Option<ImageBuilt>), SpareError> {
        let (builder, plan, bus) = (Arc::clone(&self.builder), self.plan_for(purpose.name()), self.bus.clone());
        let limit = self.output;
        let built = self.to_its_end(async move {
            let images = images_of(&*builder)?;
            // What a person would type.
            let command = format!("{} build {arguments}", images.client().await?);
            bus.emit(EventKind::StepStarted { step, command: command.as_str().into() });
            let mut output = Output::new(&bus, (step, &command), &scrubber, limit);
            let (end, image) = images.build(&plan, order, &mut |stream, chunk| output.push(stream, chunk)).await?;
            let tail = output.finish();
            bus.emit(EventKind::StepFinished { step, end: end.clone() });
            Ok((Ran { end, tail }, image))
        });
        let built = built.await?;
        if let (_, Some(image)) = &built {
            self.image.get_or_init(|| image.name.clone());
        }
        Ok(built)
    }

    /// Gives an image to `take`.
    pub(super) async fn save_image(&self, name: &str, take: TakeImage) -> Result<(), SpareError> {
        images_of(&*self.builder)?.save(name, take).await
    }

    /// Puts the image of this layout on the spare: the smoke room is made from it.
    pub(super) async fn load_image(&self, layout: PathBuf) -> Result<(), SpareError> {
        let (builder, plan) = (Arc::clone(&self.builder), self.plan_for("returned"));
        let name = self.to_its_end(async move {
            let images = images_of(&*builder)?;
            let (name, labels) = (images.name(&plan), images.labels(&plan));
            let broken = |reason: String| SpareError::Failed { what: "what came back cannot be loaded".to_owned(), reason };
            let called = name.clone();
            let image = tokio::task::spawn_blocking(move || Loadable::new(&layout, called, labels)).await;
            let image = image.map_err(|e| broken(e.to_string()))?;
            images.load(&plan, Arc::new(image.map_err(|e| broken(e.to_string()))?)).await?;
            Ok(name)
        });
        let name = name.await?;
        self.returned.get_or_init(|| name);
        Ok(())
    }

    /// Makes an image, to its end even if nobody waits for it any more.
    async fn to_its_end<T: Send + 'static>(
        &self,
        act: impl Future<Output = Result<T, SpareError>> + Send + 'static,
    ) -> Result<T, SpareError> {
        if !self.has_made_images.swap(true, Ordering::Relaxed) {
            self.notes.will_open(Purpose::Image, &*self.builder)?;
        }
        let stopped = |e: tokio::task::JoinError| SpareError::Failed { what: "making an image".to_owned(), reason: e.to_string() };
        self.using_images.spawn(act).await.unwrap_or_else(|e| Err(stopped(e)))
    }

    fn plan_for(&self, purpose: &'static str) -> RoomPlan {
        RoomPlan { purpose, ..self.plan.clone() }
    }

    /// Begins to close a room.
    pub(super) fn close(&self, room: Box<dyn Room>, purpose: Purpose) {
        let notes = self.notes.clone();
        self.note(purpose, |what| self.using_images.spawn(async move { close(room, what, (&notes, purpose)).await }));
    }

    /// Closes a room that is not open yet, once it is. One whose opening fails removes its own parts.
    pub(super) fn close_unopened(&self, opening: Opening, purpose: Purpose) {
        let notes = self.notes.clone();
        self.note(purpose, |what| {
            self.using_images.spawn(async move {
                match opening.await {
                    Ok(Ok(room)) => close(room, what, (&notes, purpose)).await,
                    Ok(Err(_)) | Err(_) => Vec::new(),
                }
            })
        });
    }

    /// Every room that is being closed, and the images that go after them.
    pub(super) fn into_closing(self) -> Vec<Closing> {
        let mut closing = self.closing.into_inner().unwrap_or_else(PoisonError::into_inner);
        if self.has_made_images.into_inner()
            && let Some(images) = self.builder.images()
        {
            let remedy = images.by_hand(&self.plan);
            let (builder, plan, users, notes) = (Arc::clone(&self.builder), self.plan, self.using_images, self.notes);
            users.close();
            let task = tokio::spawn(async move {
                users.wait().await;
                let Some(images) = builder.images() else { return Vec::new() };
                let cleaned = images.remove(&plan).await;
                if cleaned.iter().all(|one| matches!(one, Cleaning::Gone { .. })) {
                    notes.closed(Purpose::Image);
                }
                cleaned
            });
            closing.push(Closing { what: "the drill's images".into(), remedy, task });
        }
        closing
    }

    fn note(&self, purpose: Purpose, begin: impl FnOnce(Text) -> JoinHandle<Vec<Cleaning>>) {
        let what: Text = format!("the {} room", purpose.name()).into();
        let remedy = self.builder.by_hand(&self.plan_for(purpose.name()));
        let task = begin(what.clone());
        self.closing.lock().unwrap_or_else(PoisonError::into_inner).push(Closing { what, remedy, task });
    }
}

impl Purpose {
    fn name(self) -> &'static str {
        match self {
            Self::Build => "build",
            Self::Smoke => "smoke",
            Self::Repeat => "repeat",
            Self::Image => "image",
        }
    }

    fn phase(self) -> Phase {
        match self {
            Self::Build | Self::Image => Phase::Build,
            Self::Smoke => Phase::Smoke,
            Self::Repeat => Phase::Repeat,
        }
    }
}

fn images_of(builder: &dyn Spare) -> Result<&dyn Images, SpareError> {
    builder.images().ok_or_else(|| SpareError::Unsupported("this spare cannot work on images".to_owned()))
}

/// What a room of this drill is made for.
pub(super) fn plan(drill: &Drill, purpose: Purpose) -> RoomPlan {
    let build = &drill.plan.build;
    RoomPlan {
        drill: drill.journal.drill().clone(),
        claim: drill.journal.claim().clone(),
        purpose: purpose.name(),
        image: build.image.clone(),
        writable: build.writable.clone(),
        limits: build.limits,
    }
}

async fn close(room: Box<dyn Room>, what: Text, (notes, purpose): (&Notes, Purpose)) -> Vec<Cleaning> {
    let left = room.close().await;
    if left.is_empty() {
        notes.closed(purpose);
        return vec![Cleaning::Gone { what }];
    }
    left.into_iter().map(Cleaning::Left).collect()
}

/// What the journal has of rooms: the engine on which one is made, by whose labels it is found.
#[derive(Clone)]
struct Notes {
    journal: Arc<Journal>,
    open: Arc<Mutex<Vec<(Purpose, Entry)>>>,
}

impl Notes {
    fn new(drill: &Drill) -> Self {
        Self { journal: Arc::clone(&drill.journal), open: Arc::default() }
    }

    fn will_open(&self, purpose: Purpose, builder: &dyn Spare) -> Result<(), SpareError> {
        let Some(address) = builder.engine() else { return Ok(()) };
        let entry = self.journal.put(&Item::Engine { address }).map_err(|reason| SpareError::Failed {
            what: "nothing was made on the engine, since that could not be written into the drill's journal first".to_owned(),
            reason: reason.to_string(),
        })?;
        self.open.lock().unwrap_or_else(PoisonError::into_inner).push((purpose, entry));
        Ok(())
    }

    /// One that could not be opened is never struck out: whoever cleans next looks whether anything of it is left.
    fn closed(&self, purpose: Purpose) {
        let open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        open.iter().filter(|(of, _)| *of == purpose).for_each(|(_, entry)| self.journal.gone(*entry));
    }
}
