//! A forward proxy that opens tunnels, writes down what it was asked, and can be told to refuse.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, copy_bidirectional},
    net::{TcpListener, TcpStream},
};
use tokio_rustls::TlsAcceptor;

/// How a proxy behaves.
#[derive(Default)]
pub(crate) struct Manners {
    /// Who may use it: `user:password`. Nobody is asked without.
    pub(crate) login: Option<String>,
    /// Its own TLS.
    pub(crate) tls: Option<Arc<rustls::ServerConfig>>,
    /// What it answers to everything.
    pub(crate) answer: Option<&'static str>,
    /// Where names lead that no name server knows: `host:port` to an address.
    pub(crate) names: HashMap<String, String>,
}

/// A running proxy, as long as the runtime that it was started on.
pub(crate) struct Forward {
    pub(crate) address: String,
    heads: Arc<Mutex<Vec<String>>>,
}

trait Way: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Way for T {}

impl Forward {
    /// Starts it on a free port of this address.
    pub(crate) async fn start(address: &str, manners: Manners) -> Self {
        let listener = TcpListener::bind((address, 0)).await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let heads = Arc::new(Mutex::new(Vec::new()));
        let (seen, manners) = (Arc::clone(&heads), Arc::new(manners));
        tokio::spawn(async move {
            while let Ok((tcp, _)) = listener.accept().await {
                let (seen, manners) = (Arc::clone(&seen), Arc::clone(&manners));
                tokio::spawn(async move {
                    let way: Box<dyn Way> = match &manners.tls {
                        // Who does not trust it hangs up.
                        Some(tls) => match TlsAcceptor::from(Arc::clone(tls)).accept(tcp).await {
                            Ok(way) => Box::new(way),
                            Err(_) => return,
                        },
                        None => Box::new(tcp),
                    };
                    serve(way, &manners, &seen).await;
                });
            }
        });
        Self { address, heads }
    }

    /// Everything that it was asked, word by word.
    pub(crate) fn heads(&self) -> Vec<String> {
        self.heads.lock().unwrap().clone()
    }

    /// The hosts to which it opened or refused a tunnel.
    pub(crate) fn sought(&self) -> Vec<String> {
        let heads = self.heads();
        let mut sought: Vec<_> = heads.iter().map(|head| head.split(' ').nth(1).unwrap_or_default().to_owned()).collect();
        sought.sort();
        sought.dedup();
        sought
    }
}

async fn serve(mut way: Box<dyn Way>, manners: &Manners, seen: &Mutex<Vec<String>>) {
    // Git asks without a login first, and once more on the same connection.
    while let Some(head) = next(&mut way).await {
        seen.lock().unwrap().push(head.clone());
        if answer(&mut way, manners, &head).await.is_none() {
            return;
        }
    }
}

async fn next(way: &mut Box<dyn Way>) -> Option<String> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(way.read_u8().await.ok()?);
    }
    String::from_utf8(head).ok()
}

/// Answers, and opens the tunnel if it may be; none once the connection has ended.
async fn answer(way: &mut Box<dyn Way>, manners: &Manners, head: &str) -> Option<()> {
    let mut words = head.split(' ');
    let (method, sought) = (words.next().unwrap(), words.next().unwrap());
    let login = manners.login.as_ref().map(|login| format!("basic {}", STANDARD.encode(login)));
    let shown =
        head.lines().filter_map(|line| line.split_once(": ")).find(|(name, _)| name.eq_ignore_ascii_case("proxy-authorization"));
    let is_let_in =
        login.is_none_or(|login| shown.is_some_and(|(_, value)| value.len() == login.len() && value[6..] == login[6..]));
    let answer = match manners.answer {
        _ if !is_let_in => Some(
            "HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Basic realm=\"the way out\"\r\nContent-Length: 0\r\n\r\n",
        ),
        Some(answer) => Some(answer),
        None if method != "CONNECT" => Some("HTTP/1.1 405 Method Not Allowed\r\nContent-Length: 0\r\n\r\n"),
        None => None,
    };
    if let Some(answer) = answer {
        way.write_all(answer.as_bytes()).await.ok()?;
        return way.flush().await.ok();
    }
    let at = manners.names.get(sought).map_or(sought, String::as_str);
    let Ok(mut to) = TcpStream::connect(at).await else {
        return way.write_all(b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n").await.ok();
    };
    way.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n").await.ok()?;
    way.flush().await.ok()?;
    copy_bidirectional(way, &mut to).await.ok();
    None
}
