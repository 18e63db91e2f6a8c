//! Opens rooms and sees to it that every one of them is closed, also those whose opening a signal cut short.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::task::JoinHandle;

use super::{Drill, bus::Bus};
use crate::{
    record::{Cleaning, EventKind, Phase, Text},
    spare::{Room, RoomPlan, Spare, SpareError},
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
    notes: Notes,
    closing: Mutex<Vec<Closing>>,
}

/// What a drill has rooms for.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Purpose {
    Build,
    Smoke,
    Repeat,
}

impl Rooms {
    pub(super) fn new(drill: &Drill, builder: Arc<dyn Spare>) -> Self {
        Self {
            builder,
            bus: drill.bus.clone(),
            plan: plan(drill, Purpose::Build),
            notes: Notes::new(drill),
            closing: Mutex::default(),
        }
    }

    /// Begins to open a room, in a task of its own: dropping the future half-way could leave parts of a room.
    pub(super) fn open(&self, purpose: Purpose) -> Opening {
        let (builder, bus) = (Arc::clone(&self.builder), self.bus.clone());
        let plan = RoomPlan { purpose: purpose.name(), ..self.plan.clone() };
        let notes = self.notes.clone();
        tokio::spawn(async move {
            notes.will_open(purpose, &*builder)?;
            let phase = purpose.phase();
            let progress = |what: &str, done, total| bus.emit(EventKind::Progress { phase, what: what.into(), done, total });
            builder.open(&plan, &progress).await
        })
    }

    /// Begins to close a room.
    pub(super) fn close(&self, room: Box<dyn Room>, purpose: Purpose) {
        let notes = self.notes.clone();
        self.note(purpose, |what| tokio::spawn(async move { close(room, what, (&notes, purpose)).await }));
    }

    /// Closes a room that is not open yet, once it is. One whose opening fails removes its own parts.
    pub(super) fn close_unopened(&self, opening: Opening, purpose: Purpose) {
        let notes = self.notes.clone();
        self.note(purpose, |what| {
            tokio::spawn(async move {
                match opening.await {
                    Ok(Ok(room)) => close(room, what, (&notes, purpose)).await,
                    Ok(Err(_)) | Err(_) => Vec::new(),
                }
            })
        });
    }

    /// Every room that is being closed.
    pub(super) fn into_closing(self) -> Vec<Closing> {
        self.closing.into_inner().unwrap_or_else(PoisonError::into_inner)
    }

    fn note(&self, purpose: Purpose, begin: impl FnOnce(Text) -> JoinHandle<Vec<Cleaning>>) {
        let what: Text = format!("the {} room", purpose.name()).into();
        let remedy = self.builder.by_hand(&RoomPlan { purpose: purpose.name(), ..self.plan.clone() });
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
        }
    }

    fn phase(self) -> Phase {
        match self {
            Self::Build => Phase::Build,
            Self::Smoke => Phase::Smoke,
            Self::Repeat => Phase::Repeat,
        }
    }
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
            what: "a room was not opened, since that could not be written into the drill's journal first".to_owned(),
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
