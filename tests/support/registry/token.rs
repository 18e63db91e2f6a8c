//! A token service like those of the big registries, and a `docker-registry` that trusts it.
//! Source: <https://distribution.github.io/distribution/spec/auth/jwt/>.

use std::{
    collections::HashMap,
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::{Arc, Mutex},
    time::{SystemTime, UNIX_EPOCH},
};

use axum::{
    Form, Json, Router,
    extract::{Request, State},
    http::{StatusCode, header},
    response::{IntoResponse as _, Response},
    routing::get,
};
use base64::{
    Engine as _,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::server::{Auth, PASSWORD, Registry, USER};

/// The identity token that it takes.
pub(crate) const IDENTITY: &str = "an identity token";

/// Rights that a login has.
#[derive(Clone)]
pub(crate) struct Rights {
    pub(crate) user: Vec<&'static str>,
    pub(crate) anonymous: Vec<&'static str>,
}

struct Service {
    keys: PathBuf,
    rights: Mutex<Rights>,
    lasts: Mutex<u64>,
    asked: Mutex<Vec<String>>,
}

/// A registry with a token service.
pub(crate) struct Guarded {
    pub(crate) registry: Registry,
    service: Arc<Service>,
    _keys: TempDir,
}

impl Guarded {
    pub(crate) async fn start(user: &[&'static str], anonymous: &[&'static str]) -> Self {
        let keys = tempfile::tempdir().unwrap();
        make_keys(keys.path());
        let service = Arc::new(Service {
            keys: keys.path().to_owned(),
            rights: Mutex::new(Rights { user: user.to_vec(), anonymous: anonymous.to_vec() }),
            lasts: Mutex::new(300),
            asked: Mutex::default(),
        });
        let router = Router::new().route("/token", get(by_password).post(by_refresh_token)).with_state(Arc::clone(&service));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let realm = format!("http://{}/token", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, router).await });
        let certificate = keys.path().join("certificate.pem");
        let registry = Registry::start(&Auth::Token { realm: &realm, certificate: &certificate });
        Self { registry, service, _keys: keys }
    }

    /// How many seconds the tokens from now on say that they last.
    pub(crate) fn say_lasts(&self, seconds: u64) {
        *self.service.lasts.lock().unwrap() = seconds;
    }

    /// The scopes that tokens were asked for.
    pub(crate) fn asked(&self) -> Vec<String> {
        self.service.asked.lock().unwrap().clone()
    }
}

fn make_keys(folder: &Path) {
    let made = Command::new("openssl")
        .args(["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=test"])
        .args(["-keyout", "key.pem", "-out", "certificate.pem"])
        .current_dir(folder)
        .stderr(Stdio::null())
        .status()
        .expect("`openssl` is needed");
    assert!(made.success());
}

async fn by_password(State(service): State<Arc<Service>>, request: Request) -> Response {
    let url = url::Url::parse(&format!("http://x{}", request.uri())).unwrap();
    let scopes: Vec<String> = url.query_pairs().filter(|(name, _)| name == "scope").map(|(_, scope)| scope.into_owned()).collect();
    let given = request.headers().get(header::AUTHORIZATION).map(|value| value.to_str().unwrap().to_owned());
    let right = format!("Basic {}", STANDARD.encode(format!("{USER}:{PASSWORD}")));
    let rights = service.rights.lock().unwrap().clone();
    match given {
        None => service.token(&scopes, &rights.anonymous, "token"),
        Some(given) if given == right => service.token(&scopes, &rights.user, "token"),
        Some(_) => refused(),
    }
}

async fn by_refresh_token(State(service): State<Arc<Service>>, Form(form): Form<HashMap<String, String>>) -> Response {
    let is = |name: &str, value: &str| form.get(name).is_some_and(|given| given == value);
    if !is("grant_type", "refresh_token") || !is("refresh_token", IDENTITY) || !is("service", "test") {
        return refused();
    }
    let rights = service.rights.lock().unwrap().clone();
    let scopes: Vec<String> = form["scope"].split(' ').map(str::to_owned).collect();
    service.token(&scopes, &rights.user, "access_token")
}

fn refused() -> Response {
    let body = json!({ "errors": [{ "code": "UNAUTHORIZED", "message": "incorrect username or password" }] });
    (StatusCode::UNAUTHORIZED, Json(body)).into_response()
}

impl Service {
    fn token(&self, scopes: &[String], rights: &[&str], field: &str) -> Response {
        self.asked.lock().unwrap().extend(scopes.iter().cloned());
        let access: Vec<Value> = scopes.iter().map(|scope| grant(scope, rights)).collect();
        let lasts = *self.lasts.lock().unwrap();
        let answer = json!({ field: self.signed(&access), "expires_in": lasts });
        Json(answer).into_response()
    }

    fn signed(&self, access: &[Value]) -> String {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
        let pem = fs::read_to_string(self.keys.join("certificate.pem")).unwrap();
        let certificate: String = pem.lines().filter(|line| !line.starts_with('-')).collect();
        let head = json!({ "alg": "RS256", "typ": "JWT", "x5c": [certificate] });
        let claims = json!({
            "iss": "test", "sub": USER, "aud": "test", "jti": "1", "access": access,
            "exp": now + 300, "nbf": now - 10, "iat": now - 10,
        });
        let text = [head, claims].map(|part| URL_SAFE_NO_PAD.encode(part.to_string())).join(".");
        let plain = tempfile::NamedTempFile::new().unwrap();
        fs::write(plain.path(), &text).unwrap();
        let signed = Command::new("openssl")
            .args(["dgst", "-sha256", "-sign"])
            .arg(self.keys.join("key.pem"))
            .arg(plain.path())
            .output()
            .unwrap();
        assert!(signed.status.success());
        format!("{text}.{}", URL_SAFE_NO_PAD.encode(signed.stdout))
    }
}

/// What of a scope is given, as the specification wants it: what may be, and no error for the rest.
fn grant(scope: &str, rights: &[&str]) -> Value {
    let (kind, rest) = scope.split_once(':').unwrap();
    let (name, actions) = rest.rsplit_once(':').unwrap();
    let actions: Vec<&str> = actions.split(',').filter(|action| rights.contains(action)).collect();
    json!({ "type": kind, "name": name, "actions": actions })
}
