//! Connections to an engine's port that are secured with TLS, and why one is not made.
//!
//! Invariant: nothing is sent before the engine has proved who it is, unless a Docker context gives that up by itself.

use std::{io, sync::Arc};

use bollard::errors::Error;
use futures_util::future::BoxFuture;
use rustls::{AlertDescription, ClientConfig, pki_types::ServerName};
use tokio::{io::AsyncReadExt as _, net::TcpStream};
use tokio_rustls::TlsConnector;

use super::{
    Fault, HELLO,
    address::{Tcp, Tls},
    deepest,
    keys::{Keys, Loaded},
    reach::START,
    wire::{Clients, Dial, Line, Wire},
    words,
};
use crate::{
    network::{Certificate, certificate_fault},
    record::Text,
};

/// A client of the engine at this port.
pub(super) async fn reach(tcp: &Tcp, keys: &Keys) -> Result<Clients, Fault> {
    let Loaded { config, own } = keys.load()?;
    let name = ServerName::try_from(tcp.host().to_owned())
        .map_err(|_| Fault::new(format!("no certificate can be for `{}`", tcp.host()), "correct the engine's address"))?;
    let dial = Secured { authority: tcp.authority(Tls::Yes), name, config: Arc::new(config) };
    let clients = Clients::new(Arc::new(dial), HELLO);
    // What is wrong with a certificate comes out with the first request.
    match clients.greet().await {
        Ok(()) => Ok(clients),
        Err(Error::HyperLegacyError { err }) => {
            // The connection was made, and then lost.
            let told = if err.is_connect() || tls_error(&err).is_some() { None } else { last_words(&clients.line()).await };
            Err(told.map_or_else(|| explain(&err, keys, own.as_ref()), |told| explain(&told, keys, own.as_ref())))
        }
        Err(error) => Err(Fault::new(words(&error), START)),
    }
}

/// What the engine says to somebody who only listens. What it says before it cuts a connection may get lost with a request
/// that is on its way then; and a client that has not come to send it tells only that the connection is gone.
async fn last_words(line: &Line) -> Option<io::Error> {
    let heard = async { line.dial().await?.read_u8().await };
    tokio::time::timeout(HELLO, heard).await.ok()?.err()
}

/// Makes connections to one port.
struct Secured {
    authority: String,
    name: ServerName<'static>,
    config: Arc<ClientConfig>,
}

impl Dial for Secured {
    fn dial(&self) -> BoxFuture<'static, io::Result<Wire>> {
        let (authority, name) = (self.authority.clone(), self.name.clone());
        let connector = TlsConnector::from(Arc::clone(&self.config));
        Box::pin(async move {
            let stream = TcpStream::connect(authority).await?;
            stream.set_nodelay(true)?;
            connector.connect(name, stream).await.map(Wire::new)
        })
    }

    fn spare_connections(&self) -> usize {
        8
    }
}

/// Why the engine did not answer.
fn explain(cause: &(dyn std::error::Error + 'static), keys: &Keys, own: Option<&Certificate>) -> Fault {
    let words = Text::new(&deepest(cause)).one_line();
    if let Some(fault) = certificate_fault(cause) {
        return Fault::new(fault.to_string(), fault.advice(&keys.place())).with_rule(fault.rule());
    }
    match (tls_error(cause), own) {
        (Some(rustls::Error::AlertReceived(alert)), own) if is_about_ours(*alert) => refused(*alert, keys, own),
        (Some(rustls::Error::InvalidMessage(_)), _) => Fault::new(
            format!("it does not speak TLS: {words}"),
            "write `tcp://` for an engine without TLS, without DOCKER_TLS_VERIFY; or correct the port",
        ),
        // What is said before a connection is cut may get lost with it.
        (None, Some(own)) if is_cut(cause) => Fault::new(
            format!("it cut the connection, as an engine does that refuses the client certificate {own}: {words}"),
            valid_pair(&keys.own_place()),
        ),
        // Some engines only cut the connection.
        (None, None) if is_cut(cause) => Fault::new(
            format!("it cut the connection, as an engine does that demands a client certificate: {words}"),
            format!("if it does, put `cert.pem` and `key.pem` into {}", keys.own_place()),
        ),
        _ => Fault::new(words, START),
    }
}

/// The engine does not take what canship showed of itself.
fn refused(alert: AlertDescription, keys: &Keys, own: Option<&Certificate>) -> Fault {
    let place = keys.own_place();
    match own {
        None => Fault::new(
            format!("it demands a client certificate, and there is no `cert.pem` in {place} ({alert:?})"),
            format!("put `cert.pem` and `key.pem`, issued by the authority that the engine trusts, into {place}"),
        ),
        Some(own) => Fault::new(format!("it refuses the client certificate {own} ({alert:?})"), valid_pair(&place)),
    }
}

fn valid_pair(place: &str) -> String {
    format!("put a certificate that is valid now and issued by the authority that the engine trusts, with its key, into {place}")
}

fn is_about_ours(alert: AlertDescription) -> bool {
    matches!(
        alert,
        AlertDescription::NoCertificate
            | AlertDescription::BadCertificate
            | AlertDescription::UnsupportedCertificate
            | AlertDescription::CertificateRevoked
            | AlertDescription::CertificateExpired
            | AlertDescription::CertificateUnknown
            | AlertDescription::UnknownCA
            | AlertDescription::AccessDenied
            | AlertDescription::CertificateRequired
            | AlertDescription::HandshakeFailure
    )
}

/// Every cause of an error, also those that an `io::Error` wraps.
fn causes<'e>(error: &'e (dyn std::error::Error + 'static)) -> impl Iterator<Item = &'e (dyn std::error::Error + 'static)> {
    std::iter::successors(Some(error), |error| {
        let error: &'e (dyn std::error::Error + 'static) = *error;
        let wrapped = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        wrapped.map(|inner| inner as &(dyn std::error::Error + 'static)).or_else(|| error.source())
    })
}

fn tls_error<'e>(error: &'e (dyn std::error::Error + 'static)) -> Option<&'e rustls::Error> {
    causes(error).find_map(|cause| cause.downcast_ref())
}

fn is_cut(error: &(dyn std::error::Error + 'static)) -> bool {
    let kinds = [io::ErrorKind::ConnectionReset, io::ErrorKind::BrokenPipe, io::ErrorKind::UnexpectedEof];
    causes(error).filter_map(|cause| cause.downcast_ref::<io::Error>()).any(|cause| kinds.contains(&cause.kind()))
}
