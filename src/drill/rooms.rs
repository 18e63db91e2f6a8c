//! Opens rooms and sees to it that every one of them is closed, also those whose opening a signal cut short.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio::task::{JoinHandle, JoinSet};

use super::{Drill, bus::Bus};
use crate::{
    plan::{BuildImage, Limits},
    record::{Cleaning, DrillId, EventKind, Leftover, Phase},
    spare::{Room, RoomPlan, Spare, SpareError},
};

/// How long a room may take to close; engines answer in well under a second, but one under load may not.
const CLOSE_LIMIT: Duration = Duration::from_secs(60);

/// A room on its way.
pub(super) type Opening = JoinHandle<Result<Box<dyn Room>, SpareError>>;

/// The rooms of one drill.
pub(super) struct Rooms {
    builder: Arc<dyn Spare>,
    drill: DrillId,
    bus: Bus,
    image: Option<BuildImage>,
    writable: Vec<std::path::PathBuf>,
    limits: Limits,
    closing: Mutex<JoinSet<Vec<Cleaning>>>,
}

impl Rooms {
    pub(super) fn new(drill: &Drill, builder: Arc<dyn Spare>) -> Self {
        let build = &drill.plan.build;
        Self {
            builder,
            drill: drill.id.clone(),
            bus: drill.bus.clone(),
            image: build.image.clone(),
            writable: build.writable.clone(),
            limits: build.limits,
            closing: Mutex::default(),
        }
    }

    /// What a room of this drill is made for.
    pub(super) fn plan(&self, purpose: &'static str) -> RoomPlan {
        RoomPlan {
            drill: self.drill.clone(),
            purpose,
            image: self.image.clone(),
            writable: self.writable.clone(),
            limits: self.limits,
        }
    }

    /// Begins to open a room, in a task of its own: dropping the future half-way could leave parts of a room.
    pub(super) fn open(&self, purpose: &'static str, phase: Phase) -> Opening {
        let (builder, plan, bus) = (Arc::clone(&self.builder), self.plan(purpose), self.bus.clone());
        tokio::spawn(async move {
            let progress = |what: &str, done, total| bus.emit(EventKind::Progress { phase, what: what.into(), done, total });
            builder.open(&plan, &progress).await
        })
    }

    /// Begins to close a room.
    pub(super) fn close(&self, room: Box<dyn Room>, purpose: &'static str) {
        self.closing().spawn(close(room, purpose, self.drill.clone()));
    }

    /// Closes a room that is not open yet, once it is; the wait is bounded.
    pub(super) fn close_unopened(&self, opening: Opening, purpose: &'static str) {
        let drill = self.drill.clone();
        self.closing().spawn(async move {
            let abort = opening.abort_handle();
            match tokio::time::timeout(CLOSE_LIMIT, opening).await {
                Ok(Ok(Ok(room))) => close(room, purpose, drill).await,
                // A room that could not be opened has removed its own parts.
                Ok(Ok(Err(_))) => Vec::new(),
                Ok(Err(_)) | Err(_) => {
                    abort.abort();
                    vec![stuck(purpose, &drill)]
                }
            }
        });
    }

    /// The next room that has closed, with what became of it; none when all have.
    pub(super) async fn next_closed(&mut self) -> Option<Vec<Cleaning>> {
        let closing = self.closing.get_mut().unwrap_or_else(PoisonError::into_inner);
        match closing.join_next().await? {
            Ok(cleaned) => Some(cleaned),
            Err(_) => Some(vec![stuck("some", &self.drill)]),
        }
    }

    fn closing(&self) -> std::sync::MutexGuard<'_, JoinSet<Vec<Cleaning>>> {
        self.closing.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn close(room: Box<dyn Room>, purpose: &'static str, drill: DrillId) -> Vec<Cleaning> {
    match tokio::time::timeout(CLOSE_LIMIT, room.close()).await {
        Ok(left) if left.is_empty() => vec![Cleaning::Gone { what: format!("the {purpose} room").into() }],
        Ok(left) => left.into_iter().map(Cleaning::Left).collect(),
        Err(_) => vec![stuck(purpose, &drill)],
    }
}

fn stuck(purpose: &str, drill: &DrillId) -> Cleaning {
    Cleaning::Left(Leftover {
        what: format!("the {purpose} room of drill {drill}").into(),
        reason: format!("it did not close within {} s", CLOSE_LIMIT.as_secs()).into(),
        remedy: format!("remove what carries its label: docker ps -aq --filter label=dev.canship.drill={drill} | xargs docker rm -fv").into(),
    })
}
