//! Somebody who calls a simulator, and what runners work on.

use std::{fs, io::Read as _, path::Path, process::Command};

use serde_json::Value;
use tempfile::TempDir;

/// A client of a simulator.
pub(crate) struct Caller {
    http: reqwest::Client,
    url: String,
    token: Option<String>,
}

/// How a call was answered.
#[derive(Debug)]
pub(crate) struct Answered {
    pub(crate) status: u16,
    pub(crate) headers: reqwest::header::HeaderMap,
    pub(crate) text: String,
    pub(crate) body: Value,
}

impl Answered {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    pub(crate) fn message(&self) -> &str {
        self.body["message"].as_str().unwrap_or_default()
    }
}

impl Caller {
    pub(crate) fn new(url: &str, token: &str) -> Self {
        let policy = reqwest::redirect::Policy::none();
        let http = reqwest::Client::builder().no_proxy().redirect(policy).user_agent("canship-tests").build().unwrap();
        Self { http, url: url.to_owned(), token: Some(token.to_owned()) }
    }

    /// Somebody without a token.
    pub(crate) fn nobody(url: &str) -> Self {
        Self { token: None, ..Self::new(url, "") }
    }

    /// A request that is not sent yet, of a path below the base, or of a whole URL.
    pub(crate) fn request(&self, method: &str, path: &str) -> reqwest::RequestBuilder {
        let url = if path.starts_with("http") { path.to_owned() } else { format!("{}{path}", self.url) };
        let request = self.http.request(method.parse().unwrap(), url);
        match &self.token {
            Some(token) => request.bearer_auth(token),
            None => request,
        }
    }

    pub(crate) async fn send(&self, request: reqwest::RequestBuilder) -> Result<Answered, reqwest::Error> {
        let response = request.send().await?;
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let text = response.text().await?;
        let body = serde_json::from_str(&text).unwrap_or_default();
        Ok(Answered { status, headers, text, body })
    }

    pub(crate) async fn call(&self, method: &str, path: &str, body: Option<&Value>) -> Answered {
        let request = self.request(method, path);
        let request = if let Some(body) = body { request.json(body) } else { request };
        self.send(request).await.unwrap()
    }

    pub(crate) async fn get(&self, path: &str) -> Answered {
        self.call("GET", path, None).await
    }
}

/// A git repository with one commit.
pub(crate) fn repository(files: &[(&str, &str)]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in files {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    let git = |arguments: &[&str]| {
        let who = ["-c", "user.name=t", "-c", "user.email=t@example.com"];
        let done = Command::new("git").arg("-C").arg(folder.path()).args(who).args(arguments).output().unwrap();
        assert!(done.status.success(), "{done:?}");
    };
    git(&["init", "--quiet", "-b", "main"]);
    git(&["add", "."]);
    git(&["commit", "--quiet", "-m", "one"]);
    folder
}

/// The files of an archive.
pub(crate) fn unzipped(bytes: &[u8]) -> Vec<(String, String)> {
    let mut archive = zip::ZipArchive::new(std::io::Cursor::new(bytes)).unwrap();
    let all = 0..archive.len();
    let read = |at| {
        let mut file = archive.by_index(at).unwrap();
        let mut text = String::new();
        file.read_to_string(&mut text).unwrap();
        (file.name().unwrap().into_owned(), text)
    };
    all.map(read).collect()
}

/// A FIFO, by which a process tells that it is there.
pub(crate) fn fifo(folder: &Path) -> String {
    let path = folder.join("fifo");
    rustix::fs::mknodat(rustix::fs::CWD, &path, rustix::fs::FileType::Fifo, 0o600.into(), 0).unwrap();
    path.display().to_string()
}
