//! Git over HTTP: one request, answered by git's own `http-backend`.

use std::{path::PathBuf, process::Stdio};

use axum::{
    body::{Body, Bytes, to_bytes},
    extract::{Request, State},
    http::Response,
};
use tokio::{io::AsyncWriteExt as _, process::Command};

/// One call of the program, by the rules of CGI (RFC 3875).
pub(crate) async fn backend(State(root): State<PathBuf>, request: Request) -> Response<Body> {
    let (parts, body) = request.into_parts();
    let body = to_bytes(body, 64 << 20).await.unwrap();
    let header = |name: &str| parts.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned();
    let mut command = Command::new("git");
    command.args(["-c", "http.receivepack=true", "-c", "safe.directory=*", "http-backend"]).env_clear();
    command.env("PATH", std::env::var_os("PATH").unwrap()).env("GIT_PROJECT_ROOT", root).env("GIT_HTTP_EXPORT_ALL", "1");
    command.env("REQUEST_METHOD", parts.method.as_str()).env("PATH_INFO", parts.uri.path());
    command.env("QUERY_STRING", parts.uri.query().unwrap_or_default()).env("CONTENT_TYPE", header("content-type"));
    command.env("CONTENT_LENGTH", body.len().to_string()).env("HTTP_CONTENT_ENCODING", header("content-encoding"));
    command.env("GIT_PROTOCOL", header("git-protocol"));
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::inherit());
    let mut child = command.spawn().unwrap();
    let mut input = child.stdin.take().unwrap();
    let write = async move { input.write_all(&body).await.ok() };
    let (_, output) = tokio::join!(write, child.wait_with_output());
    answer(&Bytes::from(output.unwrap().stdout))
}

fn answer(printed: &Bytes) -> Response<Body> {
    let end = printed.windows(4).position(|four| four == b"\r\n\r\n").expect("the program prints headers");
    let mut response = Response::builder();
    for (name, value) in std::str::from_utf8(&printed[..end]).unwrap().lines().filter_map(|line| line.split_once(": ")) {
        response = match name {
            "Status" => response.status(value[..3].parse::<u16>().unwrap()),
            _ => response.header(name, value),
        };
    }
    response.body(Body::from(printed.slice(end + 4..))).unwrap()
}
