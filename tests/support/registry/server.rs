//! A `docker-registry` of its own for each test, on a free port of the loopback, with storage that is removed.

use std::{
    fs,
    net::{TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use tempfile::TempDir;

/// Who may log in.
pub(crate) const USER: &str = "acme-bot";
/// With this.
pub(crate) const PASSWORD: &str = "correct horse";

/// How a registry asks for a login.
pub(crate) enum Auth<'a> {
    Open,
    Htpasswd,
    Token { realm: &'a str, certificate: &'a Path },
}

/// A running registry; killed when dropped.
pub(crate) struct Registry {
    child: Child,
    folder: TempDir,
    pub(crate) address: String,
}

impl Registry {
    pub(crate) fn open() -> Self {
        Self::start(&Auth::Open)
    }

    pub(crate) fn start(auth: &Auth<'_>) -> Self {
        Self::start_at("127.0.0.1", auth, None)
    }

    /// One at this address of this machine; with TLS if it has a certificate and a key.
    pub(crate) fn start_at(ip: &str, auth: &Auth<'_>, tls: Option<(&Path, &Path)>) -> Self {
        // The port is free only until somebody else takes it.
        (0..5).find_map(|_| Self::try_start(ip, auth, tls)).expect("no registry could be started")
    }

    fn try_start(ip: &str, auth: &Auth<'_>, tls: Option<(&Path, &Path)>) -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let port = TcpListener::bind((ip, 0)).unwrap().local_addr().unwrap().port();
        let address = format!("{ip}:{port}");
        let auth = match auth {
            Auth::Open => String::new(),
            Auth::Htpasswd => {
                let line = Command::new("htpasswd").args(["-Bbn", USER, PASSWORD]).output().unwrap();
                assert!(line.status.success());
                fs::write(folder.path().join("htpasswd"), line.stdout).unwrap();
                format!("auth: {{ htpasswd: {{ realm: test, path: {}/htpasswd }} }}\n", folder.path().display())
            }
            Auth::Token { realm, certificate } => format!(
                "auth: {{ token: {{ realm: \"{realm}\", service: test, issuer: test, rootcertbundle: {} }} }}\n",
                certificate.display()
            ),
        };
        let tls = tls.map_or_else(String::new, |(certificate, key)| {
            format!(", tls: {{ certificate: {}, key: {} }}", certificate.display(), key.display())
        });
        let config = format!(
            "version: 0.1\nlog: {{ level: error, accesslog: {{ disabled: true }} }}\n\
             storage: {{ filesystem: {{ rootdirectory: {}/data }}, delete: {{ enabled: true }}, \
             maintenance: {{ uploadpurging: {{ enabled: false }} }} }}\n\
             http: {{ addr: \"{address}\"{tls} }}\n{auth}",
            folder.path().display()
        );
        let file = folder.path().join("config.yml");
        fs::write(&file, config).unwrap();
        let child = Command::new("docker-registry")
            .arg("serve")
            .arg(&file)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("`docker-registry` is needed (Debian: docker-registry)");
        let mut registry = Self { child, folder, address };
        registry.answers().then_some(registry)
    }

    /// Waits until the port is open; not for ever, and not for a process that ended.
    fn answers(&mut self) -> bool {
        let until = Instant::now() + Duration::from_secs(30);
        while Instant::now() < until {
            if TcpStream::connect(&self.address).is_ok() {
                return true;
            }
            if self.child.try_wait().unwrap().is_some() {
                return false;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        false
    }

    /// Where a repository's links are kept.
    pub(crate) fn repository(&self, name: &str) -> PathBuf {
        self.folder.path().join("data/docker/registry/v2/repositories").join(name)
    }

    /// The files below a part of a repository: `_uploads`, `_layers`, `_manifests`.
    pub(crate) fn files(&self, name: &str, part: &str) -> Vec<PathBuf> {
        let mut found = Vec::new();
        let mut folders = vec![self.repository(name).join(part)];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).into_iter().flatten() {
                let path = entry.unwrap().path();
                if path.is_dir() { folders.push(path) } else { found.push(path) }
            }
        }
        found
    }

    /// The uploads that are open in a repository: those with a beginning or content. Of a cancelled one this registry
    /// forgets to remove the state of its hash, which it does itself in time; nobody else can see or reach it.
    pub(crate) fn uploads(&self, name: &str) -> usize {
        let files = self.files(name, "_uploads");
        files.iter().filter(|file| file.ends_with("startedat") || file.ends_with("data")).count()
    }
}

impl Drop for Registry {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}
