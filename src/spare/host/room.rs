//! A room: one folder with the source, a home and a place for temporary files.

use std::{
    ffi::OsString,
    io::{self, BufWriter},
    ops::ControlFlow,
    os::unix::process::ExitStatusExt as _,
    path::{Path, PathBuf},
    process::{ExitStatus, Stdio},
    sync::Arc,
    time::Duration,
};

use async_trait::async_trait;
use tokio::{io::AsyncWriteExt as _, process::Command, task::spawn_blocking, time::timeout};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::{
    collect, failed,
    group::{Bound, Counts, Group},
    processes,
    watch::{Overstepped, Watch},
};
use crate::{
    archive::{self, Fill, Refused, Unpacked, Writer},
    erase,
    network::Ways,
    plan::Limits,
    process::Child,
    record::{Leftover, RoomFacts, StepEnd, Stream, Text},
    spare::{AUTHORITIES, OnOutput, OwnLook, Room, RoomStep, SpareError},
};

/// A room on this machine.
#[derive(Debug)]
pub(super) struct HostRoom {
    folder: PathBuf,
    path: OsString,
    /// Bytes that content and artifacts may have.
    disk: u64,
    /// Shared with the thread that ends what a step has left.
    group: Arc<Group>,
    watch: Watch,
    facts: RoomFacts,
    ways: Ways,
    ended: Option<String>,
    /// What works in the room's folder: a thread goes on when nobody waits for it any more.
    busy: TaskTracker,
}

/// What a step was waited for until.
enum Until {
    /// Its own end.
    Ended(io::Result<()>),
    Overstepped(Overstepped),
    Late,
}

impl HostRoom {
    pub(super) fn new((folder, path): (PathBuf, OsString), limits: &Limits, group: Arc<Group>, facts: RoomFacts) -> Self {
        let unheld = (!group.bounds(Bound::Processes)).then_some(limits.pids);
        let watch = Watch::new(folder.clone(), limits.disk, unheld);
        Self { folder, path, disk: limits.disk, group, watch, facts, ways: Ways::default(), ended: None, busy: TaskTracker::new() }
    }

    fn source(&self) -> PathBuf {
        self.folder.join("src")
    }

    fn command(&self, step: &RoomStep) -> Command {
        let mut command = Command::new("/bin/sh");
        command.arg("-c").arg(GATE).arg(&step.command).current_dir(self.source());
        command.env_clear().env("PATH", &self.path).env("LANG", "C.UTF-8");
        command.env("HOME", self.folder.join("home")).env("TMPDIR", self.folder.join("tmp"));
        command.env(processes::MARKER, &self.folder);
        command.envs(step.env.iter().map(|(name, value)| (name, value)));
        command.envs(step.secrets.iter().map(|(name, secret)| (name, secret.expose())));
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    /// Starts the step, within its bounds from its first moment on.
    async fn start(&self, step: &RoomStep) -> io::Result<Child> {
        let mut child = Child::start(self.command(step))?;
        if let Some(id) = child.id() {
            self.group.join(id)?;
            self.watch.bound(id)?;
        }
        if let Some(mut gate) = child.stdin() {
            gate.write_all(b"\n").await?;
        }
        Ok(child)
    }

    /// Tells the ends that a limit has brought about from others.
    async fn judge(&self, code: i64, began: Counts) -> StepEnd {
        let counts = self.group.counts();
        if self.watch.is_disk_overstepped().await {
            return StepEnd::OutOfDisk { code };
        }
        match code {
            _ if counts.oom_kills > began.oom_kills => StepEnd::OutOfMemory { code },
            0 => StepEnd::Exited { code },
            _ if counts.refused > began.refused => StepEnd::OutOfProcesses { code: Some(code) },
            _ if self.watch.is_disk_full() => StepEnd::OutOfDisk { code },
            _ => StepEnd::Exited { code },
        }
    }

    /// Ends everything that a step has left behind.
    async fn sweep(&self) -> Result<(), SpareError> {
        let (group, folder) = (self.group.clone(), self.folder.clone());
        // What has gone to another group is found by its environment.
        let sweep = move || group.end_all().and_then(|()| processes::end_all(&folder));
        let swept = spawn_blocking(sweep).await.map_err(io::Error::from).flatten();
        swept.map_err(|reason| failed("ending what the step had left running".to_owned(), &reason))
    }
}

#[async_trait]
impl Room for HostRoom {
    fn facts(&self) -> RoomFacts {
        self.facts.clone()
    }

    async fn fill(&mut self, content: Fill) -> Result<u64, SpareError> {
        let what = || "filling the working folder".to_owned();
        let (from, to) = io::pipe().map_err(|reason| failed(what(), &reason))?;
        let writing = spawn_blocking(move || {
            let mut writer = Writer::new(BufWriter::with_capacity(PIPE, to), "", 0);
            content(&mut writer)?;
            let written = writer.written();
            writer.finish().map(|()| written)
        });
        let (into, limit) = (self.source(), self.disk);
        let stop = CancellationToken::new();
        let from = io::BufReader::with_capacity(PIPE, Stoppable(from, stop.clone()));
        let _stop = stop.drop_guard();
        let reading = self.busy.spawn_blocking(move || archive::unpack_source(from, &into, limit));
        let (written, unpacked) = tokio::join!(writing, reading);
        let written = written.map_err(io::Error::from).flatten();
        match unpacked.map_err(|stopped| failed(what(), &stopped.into()))? {
            Ok(_) => written.map_err(|reason| failed(what(), &reason)),
            // The stream ends early when its writer fails, which then knows why.
            Err(Refused::Read(_)) if let Err(reason) = &written => Err(failed(what(), reason)),
            Err(Refused::Write { reason, .. }) => Err(failed(what(), &reason)),
            Err(refused) => Err(SpareError::Failed { what: what(), reason: refused.to_string() }),
        }
    }

    async fn lead(&mut self, ways: Ways) -> Result<(), SpareError> {
        if let Some(authorities) = &ways.authorities {
            let file = self.folder.join(AUTHORITIES);
            let written = tokio::fs::write(&file, authorities.as_bytes()).await;
            written.map_err(|reason| failed(format!("writing `{}`", file.display()), &reason))?;
        }
        self.ways = ways;
        Ok(())
    }

    async fn run(&mut self, step: RoomStep, output: OnOutput<'_>) -> Result<StepEnd, SpareError> {
        if let Some(reason) = &self.ended {
            return Err(SpareError::Ended { reason: reason.clone() });
        }
        let file = self.ways.authorities.as_ref().map(|_| self.folder.join(AUTHORITIES));
        let step = step.led(&self.ways, file.as_deref().and_then(Path::to_str));
        let broken = |reason: io::Error| failed("running the step".to_owned(), &reason);
        let began = self.group.counts();
        let mut child = self.start(&step).await.map_err(broken)?;
        let mut forward = |stream: Stream, chunk: &[u8]| {
            output(stream, chunk);
            ControlFlow::Continue(())
        };
        let until = tokio::select! {
            ended = child.follow(Duration::MAX, &mut forward) => Until::Ended(ended),
            overstepped = self.watch.overstepped() => Until::Overstepped(overstepped),
            () = tokio::time::sleep(step.time) => Until::Late,
        };
        if matches!(until, Until::Late) {
            child.ask_to_end();
            // How it ends then makes no difference: it was late.
            drop(timeout(GRACE, child.follow(Duration::MAX, &mut forward)).await);
        }
        let status = child.finish().await.map_err(broken)?;
        self.sweep().await?;
        let end = match until {
            Until::Ended(followed) => {
                followed.map_err(broken)?;
                return Ok(self.judge(code(status), began).await);
            }
            Until::Overstepped(overstepped) => overstepped.end(code(status)),
            Until::Late if self.group.counts().refused > began.refused => StepEnd::OutOfProcesses { code: None },
            Until::Late => StepEnd::TimedOut { limit: step.time },
        };
        child.drain(&mut forward).map_err(broken)?;
        self.ended = Some(end.to_string());
        Ok(end)
    }

    async fn collect(&mut self, artifact: &Path, into: &Path, mut look: OwnLook) -> Result<Vec<Unpacked>, SpareError> {
        let (room, source, artifact) = (self.folder.clone(), self.source(), artifact.to_owned());
        let (into, limit) = (into.to_owned(), self.disk);
        let collected = self.busy.spawn_blocking(move || collect::collect(&room, &source, &artifact, ((&into, limit), &mut look)));
        collected.await.map_err(|stopped| failed("collecting the artifact".to_owned(), &stopped.into()))?
    }

    async fn close(self: Box<Self>) -> Vec<Leftover> {
        let named = |what: &str| Text::new(&format!("{what} `{}`", self.folder.display()));
        let mut left = Vec::new();
        if let Err(reason) = self.sweep().await {
            let what = named("processes of the room");
            left.push(Leftover { what, reason: reason.to_string().into(), remedy: "end them by hand".into() });
        }
        let group = self.group.clone();
        if let Err(reason) = spawn_blocking(move || group.remove()).await.map_err(io::Error::from).flatten() {
            let what = named("the control group of the room");
            left.push(Leftover { what, reason: reason.to_string().into(), remedy: "remove it with `rmdir`".into() });
        }
        // What still writes there would keep it.
        self.busy.close();
        self.busy.wait().await;
        if let Err(kept) = erase::folder_aside(self.folder.clone()).await {
            left.push(Leftover { what: named("the folder"), reason: kept.to_string().into(), remedy: kept.remedy() });
        }
        left
    }
}

/// Ends with an error once it is stopped.
struct Stoppable<R>(R, CancellationToken);

impl<R: io::Read> io::Read for Stoppable<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.1.is_cancelled() { Err(io::Error::other("nobody waits for it any more")) } else { self.0.read(buffer) }
    }
}

/// Waits until the step may begin: until this process has put it into its bounds.
const GATE: &str = r#"read -r canship_gate && exec /bin/sh -c "$0" </dev/null"#;

/// How long a step that is late may take to end by itself once it was asked to.
const GRACE: Duration = Duration::from_secs(2);

/// Bytes that are passed on at once when the room is filled.
const PIPE: usize = 256 * 1024;

/// The exit code as a shell tells it: 128 + n for signal n.
fn code(status: ExitStatus) -> i64 {
    status.code().or_else(|| status.signal().map(|signal| 128 + signal)).unwrap_or(-1).into()
}
