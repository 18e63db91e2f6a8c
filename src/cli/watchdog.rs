//! `canship watchdog`, which a drill that cuts starts: reads what it must know from its input, and waits.

use serde::de::DeserializeOwned;
use tokio::io::{AsyncBufRead, AsyncBufReadExt as _, BufReader, Lines, stdin};

use super::{Failure, drill::runtime, forge, network, output};
use crate::{
    drill::{
        Interrupts,
        cut::{self, WatchOrder},
    },
    plan::Timeouts,
    record::Exit,
    secret::Secret,
};

/// The command's name.
pub(super) const ARGUMENT: &str = "watchdog";

pub(super) fn run() -> Result<Exit, Failure> {
    let runtime = runtime()?;
    let ended = runtime.block_on(watch());
    // A read of its input may hang for ever.
    runtime.shutdown_background();
    ended
}

async fn watch() -> Result<Exit, Failure> {
    let failed = |reason: &dyn std::error::Error| Failure::failed("the watchdog", reason);
    // Caught and not looked at: only the drill's own end, or the deadline, lets it act.
    let _signals = Interrupts::listen().map_err(|reason| failed(&reason))?;
    let mut lines = BufReader::new(stdin()).lines();
    let order: WatchOrder = line(&mut lines).await?;
    let token = Secret::new(line(&mut lines).await?);
    let network = network::of_files(&order.trust)?;
    let timeouts = Timeouts { api: order.api, retry_after_max: order.retry_after_max };
    let forges = forge::forges(&network, timeouts, Vec::new());
    let forge = forges(&order.place, token).map_err(|error| failed(&error))?;
    output::result("ready\n")?;
    let say = |text: &str| output::warn(text);
    cut::watch(&order, forge, lines, &say).await;
    Ok(Exit::CanShip)
}

async fn line<T: DeserializeOwned>(lines: &mut Lines<impl AsyncBufRead + Unpin>) -> Result<T, Failure> {
    let missing = || Failure::invalid("the watchdog is started by a drill, which tells it what it must know");
    let line = lines.next_line().await.ok().flatten().ok_or_else(missing)?;
    // No reason is told: the line may be the token.
    serde_json::from_str(&line).map_err(|_| missing())
}
