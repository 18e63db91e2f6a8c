//! An engine behind TLS: what stands before a socket, demands a client certificate, and passes on what comes.

use std::{fs, net::TcpListener, path::Path, sync::Arc};

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, date_time_ymd};
use rustls::{
    RootCertStore, ServerConfig,
    crypto::aws_lc_rs,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _},
    server::WebPkiClientVerifier,
};
use tokio::net::{TcpStream, UnixStream};
use tokio_rustls::TlsAcceptor;

/// A private authority.
pub(crate) struct Authority {
    issuer: Issuer<'static, KeyPair>,
    certificate: CertificateDer<'static>,
    pub(crate) pem: String,
}

/// A certificate and its key, in PEM form.
#[derive(Clone)]
pub(crate) struct Pair {
    pub(crate) certificate: String,
    pub(crate) key: String,
}

/// From which year to which a certificate is valid.
pub(crate) const NOW: (i32, i32) = (2020, 2120);

fn params(name: &str, hosts: &[&str], (from, to): (i32, i32)) -> CertificateParams {
    let mut params = CertificateParams::new(hosts.iter().map(|&host| host.to_owned()).collect::<Vec<_>>()).unwrap();
    params.distinguished_name.push(DnType::CommonName, name);
    (params.not_before, params.not_after) = (date_time_ymd(from, 1, 1), date_time_ymd(to, 1, 1));
    params
}

impl Authority {
    pub(crate) fn new(name: &str) -> Self {
        let mut params = params(name, &[], NOW);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        let own = params.self_signed(&key).unwrap();
        Self { pem: own.pem(), certificate: own.der().clone(), issuer: Issuer::new(params, key) }
    }

    pub(crate) fn issue(&self, name: &str, hosts: &[&str], years: (i32, i32)) -> Pair {
        let key = KeyPair::generate().unwrap();
        let certificate = params(name, hosts, years).signed_by(&key, &self.issuer).unwrap();
        Pair { certificate: certificate.pem(), key: key.serialize_pem() }
    }
}

pub(crate) fn self_signed(hosts: &[&str]) -> Pair {
    let key = KeyPair::generate().unwrap();
    let certificate = params("itself", hosts, NOW).self_signed(&key).unwrap();
    Pair { certificate: certificate.pem(), key: key.serialize_pem() }
}

/// Starts it on a free port of loopback, for as long as the test runs. Clients must be known to `clients`.
pub(crate) fn start(socket: &Path, server: &Pair, clients: &Authority) -> u16 {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let mut roots = RootCertStore::empty();
    roots.add(clients.certificate.clone()).unwrap();
    let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider)).build().unwrap();
    let config = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let chain = vec![CertificateDer::from_pem_slice(server.certificate.as_bytes()).unwrap()];
    let key = PrivateKeyDer::from_pem_slice(server.key.as_bytes()).unwrap();
    let config = config.with_client_cert_verifier(verifier).with_single_cert(chain, key).unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));

    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    listener.set_nonblocking(true).unwrap();
    let socket = socket.to_owned();
    std::thread::spawn(move || {
        tokio::runtime::Runtime::new().unwrap().block_on(async move {
            let listener = tokio::net::TcpListener::from_std(listener).unwrap();
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(pass(acceptor.clone(), stream, socket.clone()));
            }
        });
    });
    port
}

async fn pass(acceptor: TlsAcceptor, stream: TcpStream, socket: std::path::PathBuf) -> std::io::Result<()> {
    let mut outside = acceptor.accept(stream).await?;
    let mut inside = UnixStream::connect(socket).await?;
    // Passes on the end of one direction as well.
    tokio::io::copy_bidirectional(&mut outside, &mut inside).await.map(drop)
}

/// Writes the files that Docker's client looks for.
pub(crate) fn write(folder: &Path, authority: Option<&str>, own: Option<&Pair>) {
    fs::create_dir_all(folder).unwrap();
    let files = [
        ("ca.pem", authority),
        ("cert.pem", own.map(|own| own.certificate.as_str())),
        ("key.pem", own.map(|own| own.key.as_str())),
    ];
    for (name, content) in files {
        match content {
            Some(content) => fs::write(folder.join(name), content).unwrap(),
            // It may be there from before.
            None => fs::remove_file(folder.join(name)).unwrap_or_default(),
        }
    }
}
