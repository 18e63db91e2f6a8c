//! Git over https: git's own `http-backend` behind a small server with TLS.

use std::{net::SocketAddr, path::PathBuf, sync::Arc};

use axum::Router;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::{TlsAcceptor, server::TlsStream};

use crate::git_backend::backend;

/// Serves the repositories below `root`, also to push to, and gives the address.
pub(crate) async fn start(root: PathBuf, tls: Arc<rustls::ServerConfig>) -> String {
    let tcp = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = tcp.local_addr().unwrap().to_string();
    let app = Router::new().fallback(backend).with_state(root);
    let listener = Secure { tcp, tls: TlsAcceptor::from(tls) };
    tokio::spawn(async move { axum::serve(listener, app).await });
    address
}

struct Secure {
    tcp: TcpListener,
    tls: TlsAcceptor,
}

impl axum::serve::Listener for Secure {
    type Io = TlsStream<TcpStream>;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        loop {
            let (tcp, from) = self.tcp.accept().await.unwrap();
            // Who does not trust it hangs up.
            if let Ok(way) = self.tls.accept(tcp).await {
                return (way, from);
            }
        }
    }

    fn local_addr(&self) -> std::io::Result<Self::Addr> {
        self.tcp.local_addr()
    }
}
