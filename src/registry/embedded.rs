//! A registry of our own, in memory, for the demo.
//!
//! It proves the mechanics of a release and nothing else: it is on this machine's loopback. It keeps every blob whole
//! in memory, which the demo's small project allows.

use std::{net::SocketAddr, sync::Arc};

use axum::{
    Router,
    extract::{Request, State},
    http::{HeaderValue, Method, StatusCode, header},
    middleware::{self, Next},
    response::{IntoResponse as _, Response},
};
use base64::{
    Engine as _,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use ferro_blob_store::InMemoryBlobStore;
use ferro_oci_server::{AppState, InMemoryRegistryMeta};
use serde_json::json;
use tokio::{net::TcpListener, sync::oneshot};

use super::{Credentials, Fault, LocalError};
use crate::secret::Secret;

/// What the one user of the embedded registry may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rights {
    /// Everything.
    ReadWrite,
    /// Pull only: each upload is refused, as a registry refuses a login that may not push.
    ReadOnly,
}

/// A running registry; it ends when this is dropped.
#[derive(Debug)]
pub struct Embedded {
    address: SocketAddr,
    password: Secret,
    _stop: oneshot::Sender<()>,
}

impl Embedded {
    /// The name of its one user.
    pub const USERNAME: &'static str = "demo";

    /// Starts it on a free port of the loopback, with a password made for this run.
    ///
    /// # Errors
    /// The port could not be opened, or the system gives no random numbers.
    pub async fn start(rights: Rights) -> Result<Self, LocalError> {
        let failed = |e| Fault::io("the embedded registry cannot be started", e);
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        let password = make_password()?;
        let expected = Secret::new(format!("Basic {}", STANDARD.encode(format!("{}:{}", Self::USERNAME, password.expose()))));
        let gate = Arc::new(Gate { expected, rights });
        let state = AppState::new(Arc::new(InMemoryBlobStore::new()), Arc::new(InMemoryRegistryMeta::new()));
        let router: Router = ferro_oci_server::router(state).layer(middleware::from_fn_with_state(gate, admit));
        let (stop, stopped) = oneshot::channel::<()>();
        tokio::spawn(async move {
            let until = async {
                // Ends when the sender is dropped.
                drop(stopped.await);
            };
            // Whoever uses it sees that it ended; there is nobody else to tell.
            drop(axum::serve(listener, router).with_graceful_shutdown(until).await);
        });
        Ok(Self { address, password, _stop: stop })
    }

    /// Host and port: `127.0.0.1:40123`.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The password of its one user.
    #[must_use]
    pub fn password(&self) -> &Secret {
        &self.password
    }

    /// The login of its one user.
    #[must_use]
    pub fn credentials(&self) -> Credentials {
        Credentials::Password { username: Self::USERNAME.to_owned(), password: self.password.clone() }
    }
}

fn make_password() -> Result<Secret, Fault> {
    let mut random = [0_u8; 24];
    let source = rustls::crypto::aws_lc_rs::default_provider().secure_random;
    source.fill(&mut random).map_err(|_| Fault::io("no password can be made", std::io::Error::other("no random numbers")))?;
    Ok(Secret::new(URL_SAFE_NO_PAD.encode(random)))
}

struct Gate {
    expected: Secret,
    rights: Rights,
}

async fn admit(State(gate): State<Arc<Gate>>, request: Request, next: Next) -> Response {
    let given = request.headers().get(header::AUTHORIZATION).map_or(&b""[..], HeaderValue::as_bytes);
    if !same(given, gate.expected.expose().as_bytes()) {
        let mut response = refusal(StatusCode::UNAUTHORIZED, "UNAUTHORIZED", "authentication required");
        let challenge = HeaderValue::from_static("Basic realm=\"canship demo\"");
        response.headers_mut().insert(header::WWW_AUTHENTICATE, challenge);
        return response;
    }
    let reads = matches!(*request.method(), Method::GET | Method::HEAD);
    if gate.rights == Rights::ReadOnly && !reads {
        return refusal(StatusCode::FORBIDDEN, "DENIED", "requested access to the resource is denied: this user may only pull");
    }
    next.run(request).await
}

fn refusal(status: StatusCode, code: &str, message: &str) -> Response {
    let body = json!({ "errors": [{ "code": code, "message": message }] }).to_string();
    (status, [(header::CONTENT_TYPE, "application/json")], body).into_response()
}

/// Compares in a time that does not tell where the two differ.
fn same(one: &[u8], two: &[u8]) -> bool {
    one.len() == two.len() && one.iter().zip(two).fold(0, |seen, (a, b)| seen | (a ^ b)) == 0
}
