//! The client of an engine over connections that something of ours makes.
//!
//! Invariant: a connection ends with what holds it: a request that is given up, or a stream that is dropped, closes it.

use std::{
    io,
    pin::Pin,
    sync::{Arc, OnceLock},
    task::{Context, Poll},
    time::Duration,
};

use axum::http::{HeaderMap, Uri};
use bollard::{API_DEFAULT_VERSION, BollardRequest, ClientVersion, Docker, errors::Error};
use futures_util::future::BoxFuture;
use hyper_util::{
    client::legacy::{
        Client,
        connect::{Connected, Connection},
    },
    rt::{TokioExecutor, TokioIo, TokioTimer},
};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::{TcpStream, UnixStream},
};
use tower_service::Service;

/// How long a connection may wait for its next request.
const IDLE: Duration = Duration::from_secs(20);

/// Makes connections to one engine.
pub(super) trait Dial: Send + Sync {
    /// A new connection.
    fn dial(&self) -> BoxFuture<'static, io::Result<Wire>>;

    /// How many connections may wait for their next request.
    fn spare_connections(&self) -> usize;
}

/// Makes connections of its own to an engine, beside those of its client.
pub(in super::super) struct Line(pub(super) Arc<dyn Dial>);

impl Line {
    /// One that leads to no engine.
    #[cfg(test)]
    pub(in super::super) fn nowhere() -> Self {
        Self(Arc::new(Plain::Unix(String::from("/nowhere"))))
    }

    /// A new connection.
    pub(in super::super) async fn dial(&self) -> io::Result<Wire> {
        self.0.dial().await
    }
}

impl std::fmt::Debug for Line {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Line")
    }
}

/// Connections that need nothing but an address.
pub(super) enum Plain {
    /// A socket on this machine.
    Unix(String),
    /// A host and port.
    Tcp(String),
}

impl Dial for Plain {
    fn dial(&self) -> BoxFuture<'static, io::Result<Wire>> {
        match self {
            Self::Unix(path) => {
                let path = path.clone();
                Box::pin(async move { UnixStream::connect(path).await.map(Wire::new) })
            }
            Self::Tcp(host) => {
                let host = host.clone();
                Box::pin(async move {
                    let stream = TcpStream::connect(host).await?;
                    stream.set_nodelay(true)?;
                    Ok(Wire::new(stream))
                })
            }
        }
    }

    fn spare_connections(&self) -> usize {
        8
    }
}

/// A connection, of whatever it is made.
pub(in super::super) struct Wire(Pin<Box<dyn Duplex>>);

pub(super) trait Duplex: AsyncRead + AsyncWrite + Send {}
impl<T: AsyncRead + AsyncWrite + Send> Duplex for T {}

impl Wire {
    pub(super) fn new(stream: impl Duplex + 'static) -> Self {
        Self(Box::pin(stream))
    }
}

/// Makes clients of an engine, over connections that something of ours makes.
#[derive(Clone)]
pub(super) struct Clients {
    dial: Arc<dyn Dial>,
    make: Arc<Make>,
    said: Arc<OnceLock<Greeting>>,
}

/// Makes the client that speaks a version of the API.
type Make = dyn Fn(&ClientVersion) -> Result<Docker, Error> + Send + Sync;

/// What an engine says of itself with each answer.
#[derive(Clone, Debug, Default)]
pub(super) struct Greeting {
    /// The newest version of the API that it knows.
    pub(super) api: Option<ClientVersion>,
    /// Its name and version, `Docker/20.10.24 (linux)`.
    pub(super) server: String,
}

impl Clients {
    /// Each wait for an answer lasts no longer than `timeout`.
    pub(super) fn new(dial: Arc<dyn Dial>, timeout: Duration) -> Self {
        let mut builder = Client::builder(TokioExecutor::new());
        builder.pool_max_idle_per_host(dial.spare_connections()).pool_idle_timeout(IDLE).pool_timer(TokioTimer::new());
        let client = Arc::new(builder.build(Dialer(Arc::clone(&dial))));
        let said = Arc::<OnceLock<Greeting>>::default();
        let hears = Arc::clone(&said);
        let transport = move |request: BollardRequest| {
            let (client, said) = (Arc::clone(&client), Arc::clone(&hears));
            let sent: BoxFuture<'_, _> = Box::pin(async move {
                let answer = client.request(request).await.map_err(Error::from)?;
                said.get_or_init(|| Greeting::of(answer.headers()));
                Ok(answer)
            });
            sent
        };
        let make = move |version: &ClientVersion| {
            // The name is only what requests carry as their host: the connection is made by `dial`.
            Docker::connect_with_custom_transport(transport.clone(), Some("http://engine"), timeout.as_secs(), version)
        };
        Self { dial, make: Arc::new(make), said }
    }

    /// Connections to the same engine, beside those of its clients.
    pub(super) fn line(&self) -> Line {
        Line(Arc::clone(&self.dial))
    }

    /// Greets the engine, which shows that it answers.
    pub(super) async fn greet(&self) -> Result<(), Error> {
        (self.make)(API_DEFAULT_VERSION)?.ping().await.map(drop)
    }

    /// What the engine said of itself, if it was greeted.
    pub(super) fn greeting(&self) -> Greeting {
        self.said.get().cloned().unwrap_or_default()
    }

    /// The client that speaks the newest version that both sides know. Asking for the engine's own version, which some take
    /// long to tell, is only for engines that do not say it with every answer.
    pub(super) async fn docker(&self) -> Result<Docker, Error> {
        match self.greeting().api {
            Some(api) if api < *API_DEFAULT_VERSION => (self.make)(&api),
            Some(_) => (self.make)(API_DEFAULT_VERSION),
            None => (self.make)(API_DEFAULT_VERSION)?.negotiate_version().await,
        }
    }
}

impl Greeting {
    fn of(headers: &HeaderMap) -> Self {
        let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let version = text("api-version").split_once('.').and_then(|(major, minor)| {
            Some(ClientVersion { major_version: major.parse().ok()?, minor_version: minor.parse().ok()? })
        });
        Self { api: version, server: text("server").to_owned() }
    }
}

#[derive(Clone)]
struct Dialer(Arc<dyn Dial>);

impl Service<Uri> for Dialer {
    type Response = TokioIo<Wire>;
    type Error = io::Error;
    type Future = BoxFuture<'static, io::Result<TokioIo<Wire>>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Uri) -> Self::Future {
        let dialing = self.0.dial();
        Box::pin(async move { dialing.await.map(TokioIo::new) })
    }
}

impl Connection for Wire {
    fn connected(&self) -> Connected {
        Connected::new()
    }
}

impl AsyncRead for Wire {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        self.0.as_mut().poll_read(context, buffer)
    }
}

impl AsyncWrite for Wire {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.0.as_mut().poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.0.as_mut().poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.0.as_mut().poll_shutdown(context)
    }
}
