//! Registries that lie: each lie is seen, and the honest registry is believed.

use axum::http::Method;
use canship::registry::{Client, Credentials, Fault, Image, Pushed, RegistryError};

use crate::{
    quiet,
    support::{
        PATIENT, client, image,
        proxy::{Proxy, Trouble},
        server::Registry,
    },
};

const OTHER: &str = "sha256:0000000000000000000000000000000000000000000000000000000000000000";

struct Scene {
    _registry: Registry,
    proxy: Proxy,
    _folder: tempfile::TempDir,
    image: Image,
}

impl Scene {
    async fn new() -> Self {
        let registry = Registry::open();
        let proxy = Proxy::before(&registry.address).await;
        let (folder, image) = image().await;
        Self { _registry: registry, proxy, _folder: folder, image }
    }

    fn client(&self) -> Client {
        client(&self.proxy.address, "acme/api", Credentials::Anonymous, &PATIENT)
    }

    async fn push(&self) -> Result<Pushed, RegistryError> {
        self.client().push(&self.image, "x", &quiet).await
    }

    async fn pull(&self, pushed: &Pushed) -> Result<(), RegistryError> {
        let into = tempfile::tempdir().unwrap();
        self.client().pull(&pushed.digest, into.path(), 1 << 20, &quiet).await.map(|_| ())
    }

    /// A push that is lied about, and the same with the honest registry.
    async fn push_lied(&self, method: Method, path: &str, trouble: Trouble) {
        self.proxy.always(method, path, trouble);
        let error = self.push().await.unwrap_err();
        assert!(matches!(error.fault(), Fault::Lied { .. } | Fault::Lost { .. }), "{error}");
        self.proxy.repent();
        self.push().await.unwrap();
    }

    async fn pull_lied(&self, path: &str, trouble: Trouble) {
        let pushed = self.push().await.unwrap();
        self.proxy.always(Method::GET, path, trouble);
        let error = self.pull(&pushed).await.unwrap_err();
        assert!(matches!(error.fault(), Fault::Lied { .. } | Fault::Lost { .. }), "{error}");
        self.proxy.repent();
        self.pull(&pushed).await.unwrap();
    }
}

#[tokio::test]
async fn a_wrong_digest_for_what_was_pushed_is_seen() {
    let wrong = || Trouble::Header("docker-content-digest", OTHER.to_owned());
    Scene::new().await.push_lied(Method::PUT, "/manifests/", wrong()).await;
    Scene::new().await.push_lied(Method::GET, "/manifests/x", wrong()).await;
    Scene::new().await.push_lied(Method::PUT, "/blobs/uploads/", wrong()).await;
}

#[tokio::test]
async fn a_wrong_length_for_what_was_pushed_is_seen() {
    let scene = Scene::new().await;
    scene.push().await.unwrap();
    scene.push_lied(Method::HEAD, "/blobs/sha256", Trouble::Header("content-length", "7".to_owned())).await;
}

#[tokio::test]
async fn a_manifest_that_was_not_stored_is_seen() {
    Scene::new().await.push_lied(Method::PUT, "/manifests/", Trouble::Answer(201, vec![], "")).await;
}

#[tokio::test]
async fn a_tag_that_leads_to_something_else_is_seen_though_its_header_says_the_right_digest() {
    let change = |mut body: Vec<u8>| {
        body.push(b' ');
        body
    };
    Scene::new().await.push_lied(Method::GET, "/manifests/x", Trouble::Body(change)).await;
}

#[tokio::test]
async fn a_blob_that_was_not_stored_is_seen() {
    Scene::new().await.push_lied(Method::PUT, "/blobs/uploads/", Trouble::Answer(201, vec![], "")).await;
}

#[tokio::test]
async fn a_wrong_digest_for_what_comes_back_is_seen() {
    Scene::new().await.pull_lied("/manifests/", Trouble::Header("docker-content-digest", OTHER.to_owned())).await;
}

#[tokio::test]
async fn a_changed_manifest_is_seen() {
    let change = |mut body: Vec<u8>| {
        body.push(b' ');
        body
    };
    Scene::new().await.pull_lied("/manifests/", Trouble::Body(change)).await;
}

#[tokio::test]
async fn a_short_blob_is_seen() {
    let short = |mut body: Vec<u8>| {
        body.pop();
        body
    };
    Scene::new().await.pull_lied("/blobs/", Trouble::Body(short)).await;
}

#[tokio::test]
async fn a_long_blob_is_seen() {
    let long = |mut body: Vec<u8>| {
        body.push(0);
        body
    };
    Scene::new().await.pull_lied("/blobs/", Trouble::Body(long)).await;
}

#[tokio::test]
async fn a_corrupted_blob_is_seen() {
    let corrupt = |mut body: Vec<u8>| {
        let middle = body.len() / 2;
        body[middle] ^= 1;
        body
    };
    Scene::new().await.pull_lied("/blobs/", Trouble::Body(corrupt)).await;
}

#[tokio::test]
async fn a_blob_that_got_lost_is_seen() {
    Scene::new().await.pull_lied("/blobs/", Trouble::Answer(404, vec![], "")).await;
}
