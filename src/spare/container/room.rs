//! An open room.

use std::{path::Path, sync::Arc};

use async_trait::async_trait;
use bollard::{container::AttachContainerResults, query_parameters::KillContainerOptionsBuilder};

use super::{
    super::{AUTHORITIES, OnOutput, OwnLook, Room, RoomPlan, RoomStep, SpareError},
    collect,
    connect::{Connection, failed, status},
    create::{Disk, WORK, container_name},
    fill,
    held::Limit,
    remove,
    step::{self, End},
    usage::{self, Beginning, Counts, Told, Usage},
};
use crate::{
    archive::{Fill, Unpacked},
    network::Ways,
    record::{EngineFacts, ImageFacts, Leftover, RoomFacts, StepEnd},
};

/// What a started container holds and told.
pub(super) struct Started {
    /// Holds the first process's input open; dropping it ends the container.
    pub(super) _lifeline: AttachContainerResults,
    /// The limits that it is not held to.
    pub(super) lacking: Vec<Limit>,
    /// Whether its root has no rights on the engine's machine.
    pub(super) is_rootless: bool,
}

/// A container that waits.
pub(super) struct ContainerRoom {
    connection: Arc<Connection>,
    plan: RoomPlan,
    image: ImageFacts,
    container: String,
    started: Started,
    /// Whether the folders are there in which steps run; they come with the first filling.
    has_folders: bool,
    ways: Ways,
    /// Why the room is no more.
    ended: Option<String>,
}

impl ContainerRoom {
    pub(super) fn new(connection: Arc<Connection>, plan: RoomPlan, image: ImageFacts, container: String, started: Started) -> Self {
        let ways = Ways::default();
        Self { connection, plan, image, container, started, has_folders: false, ways, ended: None }
    }

    /// The limits of the plan that this room is not held to.
    pub(super) fn lacking(&self) -> &[Limit] {
        &self.started.lacking
    }

    /// Whether what the kernel counts is this room's own: a room without a limit of processes, which is always asked for,
    /// has no group of its own, and sees what the whole machine does.
    fn is_counted(&self) -> bool {
        !self.lacking().contains(&Limit::Pids)
    }

    fn alive(&self) -> Result<(), SpareError> {
        self.ended.as_ref().map_or(Ok(()), |reason| Err(SpareError::Ended { reason: reason.clone() }))
    }

    /// Makes a room that was never filled fit for steps.
    async fn furnish(&mut self) -> Result<(), SpareError> {
        self.alive()?;
        if !self.has_folders {
            self.fill(Box::new(|_| Ok(()))).await?;
        }
        Ok(())
    }

    /// Tells the ends that a limit has brought about from others.
    async fn judge(&mut self, end: End, began: Counts) -> Result<StepEnd, SpareError> {
        let code = match end {
            // Only a limit of memory ends parts of a step that then ends well, as in a pipe.
            End::Exited(0) if self.plan.limits.memory.is_none() => return Ok(StepEnd::Exited { code: 0 }),
            End::Exited(code) => code,
            End::Gone => return self.judge_gone().await,
        };
        match usage::read(&self.connection, &self.container, &self.plan.writable).await {
            Told::Gone => self.judge_gone().await,
            Told::Usage(usage) if self.is_counted() && usage.counts.oom_kills > began.oom_kills => {
                Ok(StepEnd::OutOfMemory { code })
            }
            Told::Usage(_) if code == 0 => Ok(StepEnd::Exited { code }),
            Told::Usage(usage) if refused_since(&usage, began) => Ok(StepEnd::OutOfProcesses { code: Some(code) }),
            Told::Usage(usage) if usage.is_disk_full => Ok(StepEnd::OutOfDisk { code }),
            Told::Usage(_) => Ok(StepEnd::Exited { code }),
        }
    }

    /// Ends the room, in which a step still runs at its time limit: no API ends an exec.
    async fn end_late(&mut self, limit: std::time::Duration, began: Counts) -> Result<StepEnd, SpareError> {
        self.ended = Some(String::from("a step was still running at its time limit, and was ended with the room"));
        let told = usage::read(&self.connection, &self.container, &[]).await;
        self.kill().await?;
        Ok(match told {
            Told::Usage(usage) if refused_since(&usage, began) => StepEnd::OutOfProcesses { code: None },
            Told::Usage(_) | Told::Gone => StepEnd::TimedOut { limit },
        })
    }

    /// Ends the room, in which a step holds more memory than it may.
    async fn end_beyond(&mut self) -> Result<StepEnd, SpareError> {
        self.ended = Some(String::from("a step held more memory than it may, and was ended with the room"));
        self.kill().await?;
        Ok(StepEnd::OutOfMemory { code: 128 + 9 })
    }

    async fn judge_gone(&mut self) -> Result<StepEnd, SpareError> {
        let reason = String::from("its container ended while a step ran");
        self.ended = Some(reason.clone());
        if step::died_of_memory(&self.connection, &self.container).await {
            return Ok(StepEnd::OutOfMemory { code: 128 + 9 });
        }
        Err(SpareError::Ended { reason })
    }

    /// Ends every process of the room. The engine removes it then.
    async fn kill(&mut self) -> Result<(), SpareError> {
        let options = KillContainerOptionsBuilder::default().signal("SIGKILL").build();
        match self.connection.docker.kill_container(&self.container, Some(options)).await {
            Ok(()) => Ok(()),
            Err(e) if matches!(status(&e), Some(404 | 409)) => Ok(()),
            Err(e) => Err(failed(format!("ending clean room `{}` at a limit of a step", container_name(&self.plan)))(e)),
        }
    }
}

/// Whether the room was refused a process since the step began.
fn refused_since(usage: &Usage, began: Counts) -> bool {
    usage.is_out_of_processes || usage.counts.refused > began.refused
}

#[async_trait]
impl Room for ContainerRoom {
    fn facts(&self) -> RoomFacts {
        let disk = Disk::choose(&self.plan, &self.connection.capacity);
        let disk_free = disk.free().filter(|_| !self.lacking().contains(&Limit::Disk));
        let rootless = self.connection.facts.rootless.or(Some(self.started.is_rootless));
        RoomFacts {
            engine: Some(EngineFacts { rootless, ..self.connection.facts.clone() }),
            image: Some(self.image.clone()),
            disk_free,
        }
    }

    async fn fill(&mut self, content: Fill) -> Result<u64, SpareError> {
        self.alive()?;
        let bytes = fill::fill(&self.connection, &self.container, content, self.plan.limits.disk).await?;
        self.has_folders = true;
        Ok(bytes)
    }

    async fn lead(&mut self, ways: Ways) -> Result<(), SpareError> {
        self.alive()?;
        if let Some(authorities) = &ways.authorities {
            fill::put(&self.connection, &self.container, AUTHORITIES, authorities.as_bytes()).await?;
        }
        self.ways = ways;
        Ok(())
    }

    async fn run(&mut self, step: RoomStep, output: OnOutput<'_>) -> Result<StepEnd, SpareError> {
        self.furnish().await?;
        let file = self.ways.authorities.as_ref().map(|_| format!("{WORK}/{AUTHORITIES}"));
        let step = step.led(&self.ways, file.as_deref());
        let mut beginning = Beginning::default();
        let mut take = |stream, chunk: &[u8]| beginning.take(stream, chunk, output);
        let running = tokio::time::timeout(step.time, step::run(&self.connection, &self.container, &step, &mut take));
        let ended = tokio::select! {
            ended = running => Some(ended),
            () = usage::beyond(&self.connection, &self.container, self.plan.limits.memory) => None,
        };
        beginning.finish(output);
        let began = beginning.counts.unwrap_or_default();
        let Some(ended) = ended else { return self.end_beyond().await };
        match ended {
            Ok(Ok(end)) => self.judge(end, began).await,
            // An engine that needs a process in the room to start a step cannot when there may be no more.
            Ok(Err(_)) if usage::has_all_processes(&self.connection, &self.container).await => {
                Ok(StepEnd::OutOfProcesses { code: None })
            }
            Ok(Err(broken)) => Err(broken),
            Err(_) => self.end_late(step.time, began).await,
        }
    }

    async fn collect(&mut self, artifact: &Path, into: &Path, look: OwnLook) -> Result<Vec<Unpacked>, SpareError> {
        self.furnish().await?;
        let into = (into, self.plan.limits.disk, look);
        collect::collect(&self.connection, &self.container, artifact, into).await
    }

    async fn close(self: Box<Self>) -> Vec<Leftover> {
        // The lifeline is held until then: else the engine would remove the room at the same time.
        remove::remove(&self.connection, &self.plan, &self.container).await
    }
}
