//! An engine on a machine that `ssh` leads to, by the user's own `ssh`: its configuration, keys, agent and known hosts.
//!
//! One connection of ssh (the [`Master`]) carries everything. Over it, each connection to the engine is either a channel
//! that sshd joins to the engine's socket there, which costs one round trip and no program, or, where sshd forwards no
//! sockets, the standard input and output of the engine's own `system dial-stdio` in one more session of the same
//! connection. Both hold bytes back when the other side does, and both pass on the end of one direction alone.
//!
//! Invariants: nothing is ever asked of a person; the connection ends with canship, however that ends; its files lie in a
//! folder of our own that only this user may enter.

mod master;
mod probe;
mod session;
mod words;

use std::{io, sync::Arc};

use bollard::errors::Error;
use futures_util::future::BoxFuture;
use tokio::{net::UnixStream, sync::Semaphore};

use self::{master::Master, probe::Route, session::Session};
use super::{
    Fault, HELLO,
    address::Ssh,
    locate::Surroundings,
    wire::{Clients, Dial, Wire},
    words as engine_words,
};

/// sshd allows ten sessions for one connection unless it is told otherwise; one of them is the master's own, and one may
/// still be ending.
const SESSIONS: usize = 8;

/// An engine's client, and where exactly it ends.
pub(super) struct Reached {
    pub(super) clients: Clients,
    /// The socket there, if it is known.
    pub(super) socket: Option<String>,
}

/// Finds the way to the engine on that machine and proves that it answers there.
pub(super) async fn reach(ssh: &Ssh, around: &Surroundings) -> Result<Reached, Fault> {
    let (master, seen) = Master::start(ssh, around).await?;
    let master = Arc::new(master);
    let mut fault = None;
    for route in seen.routes(ssh)? {
        match try_route(&master, &route).await {
            Ok(clients) => return Ok(Reached { clients, socket: route.socket().map(str::to_owned) }),
            // The next way tells more about why.
            Err(Tried::NotOpened(flaw)) => fault = Some(flaw),
            Err(Tried::Failed(flaw)) => return Err(flaw),
        }
    }
    Err(fault.unwrap_or_else(|| words::nothing_there(ssh)))
}

enum Tried {
    /// sshd does not join the two sockets.
    NotOpened(Fault),
    Failed(Fault),
}

async fn try_route(master: &Arc<Master>, route: &Route) -> Result<Clients, Tried> {
    let dial: Arc<dyn Dial> = match route {
        Route::Socket(path) => {
            master.forward(path).await.map_err(Tried::Failed)?;
            Arc::new(Channels(Arc::clone(master)))
        }
        Route::Program { command, .. } => {
            Arc::new(Sessions { master: Arc::clone(master), command: command.clone(), free: Arc::new(Semaphore::new(SESSIONS)) })
        }
    };
    let failed = |e: &Error| Tried::Failed(words::engine(master.ssh(), &engine_words(e)));
    let clients = Clients::new(dial, HELLO);
    match clients.greet().await {
        Ok(()) => Ok(clients),
        Err(e @ Error::DockerResponseServerError { .. }) => Err(failed(&e)),
        Err(e) => Err(match route {
            // sshd says the same whether it may not connect there or cannot.
            Route::Socket(path) => match master.why_not_opened().await {
                Some(said) => Tried::NotOpened(words::not_opened(master.ssh(), path, &said)),
                None => failed(&e),
            },
            Route::Program { .. } => failed(&e),
        }),
    }
}

/// Connections that sshd makes to the engine's socket.
struct Channels(Arc<Master>);

impl Dial for Channels {
    fn dial(&self) -> BoxFuture<'static, io::Result<Wire>> {
        let master = Arc::clone(&self.0);
        Box::pin(async move {
            master.alive()?;
            match UnixStream::connect(master.local_socket()).await {
                Ok(stream) => Ok(Wire::new(stream)),
                Err(e) => Err(master.why_not_connected(e).await),
            }
        })
    }

    fn spare_connections(&self) -> usize {
        8
    }
}

/// Connections that a program there makes.
struct Sessions {
    master: Arc<Master>,
    command: String,
    free: Arc<Semaphore>,
}

impl Dial for Sessions {
    fn dial(&self) -> BoxFuture<'static, io::Result<Wire>> {
        let (master, command, free) = (Arc::clone(&self.master), self.command.clone(), Arc::clone(&self.free));
        Box::pin(async move {
            let permit = free.acquire_owned().await.map_err(io::Error::other)?;
            master.alive()?;
            Session::start(master.session(&command), permit).map(Wire::new)
        })
    }

    fn spare_connections(&self) -> usize {
        // One that waits holds one of the few sessions.
        1
    }
}
