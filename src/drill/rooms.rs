//! Opens rooms and sees to it that every one of them is closed, also those whose opening a signal cut short.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::task::JoinHandle;

use super::{Drill, bus::Bus};
use crate::{
    record::{Cleaning, EventKind, Phase, Text},
    spare::{Room, RoomPlan, Spare, SpareError},
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
    closing: Mutex<Vec<Closing>>,
}

/// What a drill has rooms for.
#[derive(Clone, Copy)]
pub(super) enum Purpose {
    Build,
    Smoke,
}

impl Rooms {
    pub(super) fn new(drill: &Drill, builder: Arc<dyn Spare>) -> Self {
        Self { builder, bus: drill.bus.clone(), plan: plan(drill, Purpose::Build), closing: Mutex::default() }
    }

    /// Begins to open a room, in a task of its own: dropping the future half-way could leave parts of a room.
    pub(super) fn open(&self, purpose: Purpose) -> Opening {
        let (builder, bus) = (Arc::clone(&self.builder), self.bus.clone());
        let plan = RoomPlan { purpose: purpose.name(), ..self.plan.clone() };
        tokio::spawn(async move {
            let phase = purpose.phase();
            let progress = |what: &str, done, total| bus.emit(EventKind::Progress { phase, what: what.into(), done, total });
            builder.open(&plan, &progress).await
        })
    }

    /// Begins to close a room.
    pub(super) fn close(&self, room: Box<dyn Room>, purpose: Purpose) {
        self.note(purpose, |what| tokio::spawn(close(room, what)));
    }

    /// Closes a room that is not open yet, once it is. One whose opening fails removes its own parts.
    pub(super) fn close_unopened(&self, opening: Opening, purpose: Purpose) {
        self.note(purpose, |what| {
            tokio::spawn(async move {
                match opening.await {
                    Ok(Ok(room)) => close(room, what).await,
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
        }
    }

    fn phase(self) -> Phase {
        match self {
            Self::Build => Phase::Build,
            Self::Smoke => Phase::Smoke,
        }
    }
}

/// What a room of this drill is made for.
pub(super) fn plan(drill: &Drill, purpose: Purpose) -> RoomPlan {
    let build = &drill.plan.build;
    RoomPlan {
        drill: drill.id.clone(),
        purpose: purpose.name(),
        image: build.image.clone(),
        writable: build.writable.clone(),
        limits: build.limits,
    }
}

async fn close(room: Box<dyn Room>, what: Text) -> Vec<Cleaning> {
    let left = room.close().await;
    if left.is_empty() { vec![Cleaning::Gone { what }] } else { left.into_iter().map(Cleaning::Left).collect::<Vec<_>>() }
}
