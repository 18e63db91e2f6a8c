//! Registries that refuse, fail, reset, stall or send elsewhere.

use std::{net::TcpListener, time::Duration};

use axum::http::Method;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use canship::{
    plan::Timeouts,
    registry::{Access, Client, Credentials, Fault, Image, Login, Pushed, RegistryError},
};

use crate::{
    quiet,
    support::{
        HASTY, PATIENT, client, image, login,
        proxy::{Proxy, Trouble},
        server::{Auth, PASSWORD, Registry, USER},
    },
};

struct Scene {
    registry: Registry,
    proxy: Proxy,
    _folder: tempfile::TempDir,
    image: Image,
}

impl Scene {
    async fn new() -> Self {
        let registry = Registry::open();
        let proxy = Proxy::before(&registry.address).await;
        let (folder, image) = image().await;
        Self { registry, proxy, _folder: folder, image }
    }

    fn client(&self, timeouts: &Timeouts) -> Client {
        client(&self.proxy.address, "acme/api", Credentials::Anonymous, timeouts)
    }

    async fn push(&self, timeouts: &Timeouts) -> Result<Pushed, RegistryError> {
        self.client(timeouts).push(&self.image, "x", &quiet).await
    }

    async fn pull(&self, timeouts: &Timeouts, pushed: &Pushed) -> Result<(), RegistryError> {
        let into = tempfile::tempdir().unwrap();
        self.client(timeouts).pull(&pushed.digest, into.path(), 1 << 20, &quiet).await.map(|_| ())
    }
}

type Is = fn(&Fault) -> bool;

fn answer(status: u16) -> Trouble {
    Trouble::Answer(status, vec![], "")
}

fn wait(seconds: &str) -> Trouble {
    Trouble::Answer(429, vec![("retry-after", seconds.to_owned())], "")
}

#[tokio::test]
async fn refusals_are_told_apart() {
    let scene = Scene::new().await;
    let denied = r#"{"errors":[{"code":"DENIED","message":"requested access to the resource is denied"}]}"#;
    let full = r#"{"errors":[{"code":"TOOMANYREQUESTS","message":"the project is full"}]}"#;
    let cases: [(Trouble, Is, &str); 6] = [
        (answer(401), |f| matches!(f, Fault::Protocol { .. }), "asks for a login but offers nothing"),
        (
            Trouble::Answer(401, vec![("www-authenticate", "Basic realm=x".to_owned())], ""),
            |f| matches!(f, Fault::Unauthorized { .. }),
            "neither the plan nor Docker",
        ),
        (Trouble::Answer(403, vec![], denied), |f| matches!(f, Fault::Forbidden { action: "push", .. }), "DENIED requested access"),
        (answer(404), |f| matches!(f, Fault::NotFound { .. }), "404 Not Found"),
        (Trouble::Answer(413, vec![], full), |f| matches!(f, Fault::Refused { status: Some(413), .. }), "the project is full"),
        (answer(302), |f| matches!(f, Fault::Protocol { .. }), "302 Found"),
    ];
    for (trouble, is, words) in cases {
        scene.proxy.always(Method::POST, "/blobs/uploads/", trouble);
        let error = scene.client(&PATIENT).probe_push().await.unwrap_err();
        assert!(is(error.fault()), "{error:?}");
        assert!(error.to_string().contains(words), "{error}");
        scene.proxy.repent();
        assert!(scene.client(&PATIENT).probe_push().await.unwrap().is_empty());
    }
}

#[tokio::test]
async fn a_token_service_in_plain_text_elsewhere_gets_no_login() {
    let scene = Scene::new().await;
    let realm = "Bearer realm=\"http://registry.example/token\",service=\"x\"".to_owned();
    scene.proxy.always(Method::GET, "/v2/", Trouble::Answer(401, vec![("www-authenticate", realm)], ""));
    let there = client(&scene.proxy.address, "acme/api", login(PASSWORD), &PATIENT);
    let error = there.check_login(Access::Pull).await.unwrap_err();
    assert!(error.to_string().contains("is not at https, and no login is sent there"), "{error}");
}

#[tokio::test]
async fn a_short_rate_limit_is_waited_for_and_a_long_one_is_not() {
    let scene = Scene::new().await;
    for method in [Method::POST, Method::PATCH, Method::PUT] {
        scene.proxy.times(1, method, "/", wait("0"));
    }
    let pushed = scene.push(&PATIENT).await.unwrap();
    scene.proxy.times(2, Method::GET, "/", wait("0"));
    scene.pull(&PATIENT, &pushed).await.unwrap();

    scene.proxy.always(Method::GET, "/", wait("3600"));
    let error = scene.pull(&PATIENT, &pushed).await.unwrap_err();
    assert!(matches!(error.fault(), Fault::RateLimited { asked, .. } if *asked == Duration::from_hours(1)), "{error}");
    assert!(error.to_string().contains("asked to wait 1 h 00 m; at most 10.0 s are waited"), "{error}");
}

#[tokio::test]
async fn a_failing_server_is_asked_again_twice_where_that_changes_nothing() {
    let scene = Scene::new().await;
    let pushed = scene.push(&PATIENT).await.unwrap();
    for status in [500, 503] {
        scene.proxy.times(2, Method::GET, "/manifests/", answer(status));
        scene.pull(&PATIENT, &pushed).await.unwrap();

        scene.proxy.repent();
        scene.proxy.always(Method::GET, "/manifests/", answer(status));
        let before = scene.proxy.count(&Method::GET, "/manifests/");
        let error = scene.pull(&PATIENT, &pushed).await.unwrap_err();
        assert!(matches!(error.fault(), Fault::Unavailable { .. }), "{error}");
        assert_eq!(scene.proxy.count(&Method::GET, "/manifests/") - before, 3);
        scene.proxy.repent();
    }
}

#[tokio::test]
async fn what_changes_something_is_sent_once() {
    for (method, path) in
        [(Method::POST, "/blobs/"), (Method::PATCH, "/blobs/"), (Method::PUT, "/blobs/"), (Method::PUT, "/manifests/")]
    {
        let scene = Scene::new().await;
        scene.proxy.always(method.clone(), path, answer(502));
        let error = scene.push(&PATIENT).await.unwrap_err();
        assert!(matches!(error.fault(), Fault::Unavailable { .. }), "{error}");
        assert_eq!(error.outside(), Some("whether it was done all the same is not known"));
        assert_eq!(scene.proxy.count(&method, path), 1, "{method} {path}");
        scene.proxy.repent();
        scene.push(&PATIENT).await.unwrap();
    }
}

#[tokio::test]
async fn a_connection_that_breaks_in_the_middle_is_made_anew() {
    let scene = Scene::new().await;
    let pushed = scene.push(&PATIENT).await.unwrap();
    for path in ["/manifests/", "/blobs/"] {
        scene.proxy.times(2, Method::GET, path, Trouble::Reset);
        scene.pull(&PATIENT, &pushed).await.unwrap();
        scene.proxy.repent();
        scene.proxy.always(Method::GET, path, Trouble::Reset);
        let error = scene.pull(&PATIENT, &pushed).await.unwrap_err();
        assert!(matches!(error.fault(), Fault::Unavailable { .. }), "{error}");
        scene.proxy.repent();
    }
}

#[tokio::test]
async fn a_transfer_that_stops_is_given_up() {
    let scene = Scene::new().await;
    scene.proxy.always(Method::PATCH, "/blobs/", Trouble::StopReading);
    let error = scene.push(&HASTY).await.unwrap_err();
    assert!(matches!(error.fault(), Fault::Stalled { .. }), "{error}");
    assert!(error.outside().is_some());
    scene.proxy.repent();
    let pushed = scene.push(&PATIENT).await.unwrap();

    let stops = [("/manifests/", Trouble::StopAnswer), ("/blobs/", Trouble::StopAnswer), ("/blobs/", Trouble::Trickle)];
    for (path, trouble) in stops {
        scene.proxy.always(Method::GET, path, trouble);
        let error = scene.pull(&HASTY, &pushed).await.unwrap_err();
        assert!(matches!(error.fault(), Fault::Stalled { .. }), "{error}");
        scene.proxy.repent();
        scene.pull(&PATIENT, &pushed).await.unwrap();
    }
}

#[tokio::test]
async fn a_registry_that_is_not_there_is_unavailable() {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let there = client(&format!("127.0.0.1:{port}"), "acme/api", Credentials::Anonymous, &PATIENT);
    let error = there.probe_push().await.unwrap_err();
    assert!(matches!(error.fault(), Fault::Unavailable { reached: false, .. }), "{error}");
    assert!(error.to_string().contains("Connection refused"), "{error}");
    assert!(there.ledger().is_empty(), "nothing can be there");
}

#[tokio::test]
async fn a_login_does_not_follow_a_redirect_to_another_host() {
    let registry = Registry::start(&Auth::Htpasswd);
    let elsewhere = Proxy::presigned(&registry.address, format!("Basic {}", STANDARD.encode(format!("{USER}:{PASSWORD}")))).await;
    let proxy = Proxy::before(&registry.address).await;
    let (_folder, image) = image().await;
    let there = || client(&proxy.address, "acme/api", login(PASSWORD), &PATIENT);
    let pushed = there().push(&image, "x", &quiet).await.unwrap();
    let layer = proxy.seen().into_iter().find(|seen| seen.method == Method::HEAD && seen.path.contains("/blobs/")).unwrap().path;
    let moved = format!("http://{}{layer}", elsewhere.address);
    proxy.always(Method::GET, layer.clone(), Trouble::Answer(307, vec![("location", moved)], ""));

    let into = tempfile::tempdir().unwrap();
    there().pull(&pushed.digest, into.path(), 1 << 20, &quiet).await.unwrap();
    let seen = elsewhere.seen();
    assert_eq!(seen.len(), 1, "{seen:?}");
    assert_eq!((seen[0].path.as_str(), seen[0].login.as_deref()), (layer.as_str(), None));
}

#[tokio::test]
async fn an_upload_at_another_host_gets_no_login() {
    let registry = Registry::start(&Auth::Htpasswd);
    let proxy = Proxy::before(&registry.address).await;
    let elsewhere = Proxy::before(&registry.address).await;
    let location = format!("http://{}/elsewhere/1?state=x", elsewhere.address);
    proxy.always(Method::POST, "/blobs/uploads/", Trouble::Answer(202, vec![("location", location)], ""));
    elsewhere.always(Method::DELETE, "/elsewhere/1", answer(204));
    elsewhere.always(Method::GET, "/elsewhere/1", answer(404));
    let there = client(&proxy.address, "acme/api", login(PASSWORD), &PATIENT);
    // From here on the client sends its login along without being asked.
    assert_eq!(there.check_login(Access::Push).await.unwrap(), Login::Accepted);
    assert!(there.probe_push().await.unwrap().is_empty());
    let seen = elsewhere.seen();
    assert_eq!(seen.len(), 2, "{seen:?}");
    assert!(seen.iter().all(|seen| seen.login.is_none()), "{seen:?}");
}

#[tokio::test]
async fn an_upload_in_plain_text_elsewhere_is_not_made() {
    let scene = Scene::new().await;
    let location = vec![("location", "http://registry.example/upload/1".to_owned())];
    scene.proxy.always(Method::POST, "/blobs/uploads/", Trouble::Answer(202, location, ""));
    let error = scene.push(&PATIENT).await.unwrap_err();
    assert!(error.to_string().contains("sends us on to `http://registry.example`, which is not safe"), "{error}");
    assert_eq!(scene.registry.uploads("acme/api"), 0);
}

#[tokio::test]
async fn redirects_that_never_end_are_left() {
    let scene = Scene::new().await;
    let pushed = scene.push(&PATIENT).await.unwrap();
    let round = Trouble::Answer(307, vec![("location", "/v2/acme/api/blobs/x".to_owned())], "");
    scene.proxy.always(Method::GET, "/blobs/", round);
    let error = scene.pull(&PATIENT, &pushed).await.unwrap_err();
    assert!(error.to_string().contains("redirects more than 5 times"), "{error}");
}
