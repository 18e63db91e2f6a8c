//! Runs one step by exec.
//!
//! No API kills an exec, so whoever runs a step and wants it ended ends the container. A step has ended when its own
//! process has and all that it left running is ended. Docker keeps a step's output open until then even if the step closes it.
//! An end of output without an end of the exec (the two are told by different parts of the engine) is settled by the
//! engine's events, which are kept, so that none is missed and nothing is asked again and again.

use std::{collections::HashMap, time::Duration};

use bollard::{
    container::LogOutput,
    exec::{StartExecOptions, StartExecResults},
    models::ExecConfig,
    query_parameters::{EventsOptionsBuilder, WaitContainerOptionsBuilder},
};
use futures_util::StreamExt as _;

use super::{
    super::{OnOutput, RoomStep, SpareError},
    connect::{Connection, failed, status, words},
    create::{SRC, WORK},
    usage,
};
use crate::record::Stream;

/// How long an engine may take to tell the end of what has ended.
const TOLD: Duration = Duration::from_secs(30);

/// How long a container takes to end once its first process has.
const ENDING: Duration = Duration::from_secs(5);

/// How an exec ended.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum End {
    /// By itself, or by a signal.
    Exited(i64),
    /// With its container, which is no more.
    Gone,
}

/// Runs the step and gives its output on as it comes.
pub(super) async fn run(
    connection: &Connection,
    container: &str,
    step: &RoomStep,
    output: OnOutput<'_>,
) -> Result<End, SpareError> {
    let secrets = step.secrets.iter().map(|(name, secret)| format!("{name}={}", secret.expose()));
    let env = step.env.iter().map(|(name, value)| format!("{name}={value}")).chain(secrets).collect();
    let arguments = vec![usage::STEP.to_owned(), step.command.clone()];
    exec(connection, container, arguments, env, output).await
}

/// Whether the container is about to be no more.
pub(super) async fn is_ending(connection: &Connection, container: &str) -> bool {
    let options = WaitContainerOptionsBuilder::default().condition("not-running").build();
    let mut ending = connection.docker.wait_container(container, Some(options));
    tokio::time::timeout(ENDING, ending.next()).await.is_ok()
}

/// Runs the container's shell with these arguments: a script, and what it calls `$0`, `$1`…
pub(super) async fn exec(
    connection: &Connection,
    container: &str,
    script: Vec<String>,
    env: Vec<String>,
    output: OnOutput<'_>,
) -> Result<End, SpareError> {
    let config = ExecConfig {
        cmd: Some([String::from("/bin/sh"), String::from("-c")].into_iter().chain(script).collect()),
        env: Some(env),
        working_dir: Some(format!("{WORK}/{SRC}")),
        attach_stdout: Some(true),
        attach_stderr: Some(true),
        ..Default::default()
    };
    let id = match connection.docker.create_exec(container, config).await {
        Ok(created) => created.id,
        Err(e) if is_gone(&e) => return Ok(End::Gone),
        Err(e) => return Err(failed("preparing a step")(e)),
    };
    let options = StartExecOptions { output_capacity: Some(64 * 1024), ..Default::default() };
    match connection.docker.start_exec(&id, Some(options)).await {
        // The step's input is never opened; the writing half is kept so that the connection stays whole.
        Ok(StartExecResults::Attached { output: mut stream, input: _input }) => {
            // An error is the end as well: what became of the step is asked for below.
            while let Some(Ok(chunk)) = stream.next().await {
                match chunk {
                    LogOutput::StdOut { message } => output(Stream::Stdout, &message),
                    // Bytes outside of the protocol are the engine's own words on a step that could not start.
                    LogOutput::StdErr { message } | LogOutput::Console { message } => output(Stream::Stderr, &message),
                    LogOutput::StdIn { .. } => {}
                }
            }
        }
        Ok(StartExecResults::Detached) => {}
        Err(e) if is_gone(&e) => return Ok(End::Gone),
        Err(e) => return Err(failed("starting a step")(e)),
    }
    end(connection, container, &id).await
}

/// Podman tells a container that went while it looked as a fault of its own.
fn is_gone(error: &bollard::errors::Error) -> bool {
    matches!(status(error), Some(404 | 409)) || (status(error) == Some(500) && words(error).ends_with("no such container"))
}

async fn end(connection: &Connection, container: &str, id: &str) -> Result<End, SpareError> {
    const WHAT: &str = "learning how a step ended";
    match connection.docker.inspect_exec(id).await {
        Ok(seen) if seen.running != Some(true) => {
            let unsaid = || SpareError::Failed { what: WHAT.to_owned(), reason: String::from("the engine tells no exit code") };
            seen.exit_code.map(End::Exited).ok_or_else(unsaid)
        }
        Ok(_) => told(connection, container, id).await,
        Err(e) if is_gone(&e) => Ok(End::Gone),
        Err(e) => Err(SpareError::Failed { what: WHAT.to_owned(), reason: words(&e) }),
    }
}

/// Waits until the engine tells the end of the exec or of its container.
async fn told(connection: &Connection, container: &str, id: &str) -> Result<End, SpareError> {
    let mut events = std::pin::pin!(events(connection, container));
    while let Some(Ok(event)) = events.next().await {
        let told = event.actor.and_then(|actor| actor.attributes).unwrap_or_default();
        match event.action.as_deref() {
            Some("die") => return Ok(End::Gone),
            Some("exec_die") if told.get("execID").is_some_and(|told| told == id) => {
                if let Some(code) = told.get("exitCode").and_then(|code| code.parse().ok()) {
                    return Ok(End::Exited(code));
                }
                break;
            }
            _ => {}
        }
    }
    Err(SpareError::Failed { what: String::from("learning how a step ended"), reason: String::from("the engine does not tell") })
}

/// Whether the kernel ended a process of this container, which is no more, for want of memory.
pub(super) async fn died_of_memory(connection: &Connection, container: &str) -> bool {
    let seek = async {
        let mut events = std::pin::pin!(events(connection, container));
        while let Some(Ok(event)) = events.next().await {
            match event.action.as_deref() {
                Some("oom") => return true,
                Some("die") => return false,
                _ => {}
            }
        }
        false
    };
    tokio::time::timeout(TOLD, seek).await.unwrap_or(false)
}

/// The container's events: first those that the engine remembers, then those to come, none missed in between.
fn events(
    connection: &Connection,
    container: &str,
) -> impl futures_util::Stream<Item = Result<bollard::models::EventMessage, bollard::errors::Error>> {
    let filters = HashMap::from([("container", vec![container]), ("event", vec!["exec_die", "oom", "die"])]);
    // Any time in the past: the engine remembers its last 256 events.
    let options = EventsOptionsBuilder::default().since("1").filters(&filters).build();
    connection.docker.events(Some(options))
}
