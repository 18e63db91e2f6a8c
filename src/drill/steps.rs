//! Runs the plan's steps in a room, one by one: each with its own end, time and output.

use std::{collections::VecDeque, time::Duration};

use super::{Drill, output::Output, vault::Vault};
use crate::{
    plan::Step,
    record::{EventKind, StepEnd, StepId, Stream, Text, shell_word},
    spare::{Room, RoomStep, SpareError},
};

/// How a step went.
pub(super) struct Ran {
    pub(super) end: StepEnd,
    /// The last lines it printed.
    pub(super) tail: VecDeque<Text>,
}

/// Runs one step; `time` is what is left for it.
pub(super) async fn run(
    drill: &Drill,
    room: &mut dyn Room,
    (id, step): (StepId, &Step),
    vault: &Vault,
    time: Duration,
) -> Result<Ran, SpareError> {
    drill.bus.emit(EventKind::StepStarted { step: id, command: step.run.as_str().into() });
    let told = RoomStep {
        command: step.run.clone(),
        env: step.env.clone().into_iter().collect(),
        secrets: vault.hand_out(&step.secrets),
        time: time.min(step.time),
    };
    let (scrubber, command) = (vault.scrubber(), one_line(&step.run));
    let mut output = Output::new(&drill.bus, (id, &command), &scrubber, drill.plan.build.output);
    let end = room.run(told, &mut |stream, chunk| output.push(stream, chunk)).await?;
    let tail = output.finish();
    drill.bus.emit(EventKind::StepFinished { step: id, end: end.clone() });
    Ok(Ran { end, tail })
}

/// The first line of a command.
pub(super) fn one_line(command: &str) -> String {
    let mut lines = command.lines().map(str::trim).filter(|line| !line.is_empty());
    let first = lines.next().unwrap_or_default().to_owned();
    if lines.next().is_some() { first + " …" } else { first }
}

/// Runs a command whose output is wanted, not told: all of its standard output.
pub(super) async fn read(room: &mut dyn Room, command: &[String], time: Duration) -> Result<(StepEnd, Vec<u8>), SpareError> {
    /// A version is a line; more is not one.
    const MOST: usize = 4096;
    let quoted: Vec<_> = command.iter().map(|word| shell_word(word)).collect();
    let told = RoomStep { command: format!("exec {}", quoted.join(" ")), env: Vec::new(), secrets: Vec::new(), time };
    let mut printed = Vec::new();
    let end = room
        .run(told, &mut |stream, chunk| {
            if stream == Stream::Stdout {
                printed.extend_from_slice(&chunk[..chunk.len().min(MOST - printed.len())]);
            }
        })
        .await?;
    Ok((end, printed))
}
