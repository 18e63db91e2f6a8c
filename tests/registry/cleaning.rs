//! What is put outside is taken away again.

use axum::http::Method;
use canship::{
    plan::Timeouts,
    record::Cleaning,
    registry::{Credentials, Fault, Image, Ledger},
};

use crate::{
    quiet,
    support::{
        HASTY, PATIENT, client, image, login, noise, platform,
        proxy::{Proxy, Trouble},
        server::{PASSWORD, Registry},
        token::Guarded,
        write_artifacts,
    },
};

fn all_gone(cleanings: &[Cleaning]) -> bool {
    cleanings.iter().all(|cleaning| matches!(cleaning, Cleaning::Gone { .. }))
}

#[tokio::test]
async fn nothing_is_left_after_a_probe() {
    let registry = Registry::open();
    let there = client(&registry.address, "acme/api", Credentials::Anonymous, &PATIENT);
    assert!(there.probe_push().await.unwrap().is_empty());
    assert!(there.ledger().is_empty());
    assert_eq!(registry.uploads("acme/api"), 0);
}

#[tokio::test]
async fn a_probe_that_cannot_be_cancelled_proves_the_right_and_names_what_is_left() {
    let registry = Registry::open();
    let proxy = Proxy::before(&registry.address).await;
    proxy.always(Method::DELETE, "/blobs/uploads/", Trouble::Answer(405, vec![], ""));
    let there = client(&proxy.address, "acme/api", Credentials::Anonymous, &PATIENT);
    let left = there.probe_push().await.unwrap();
    assert_eq!(left.len(), 1);
    assert!(left[0].reason.as_str().contains("405 Method Not Allowed"), "{left:?}");
    assert!(registry.uploads("acme/api") > 0);

    proxy.repent();
    assert!(all_gone(&there.clean(&there.ledger()).await));
    assert_eq!(registry.uploads("acme/api"), 0);
}

#[tokio::test]
async fn nothing_is_left_after_cleaning() {
    let registry = Registry::open();
    let (_folder, image) = image().await;
    let there = client(&registry.address, "acme/api", Credentials::Anonymous, &PATIENT);
    there.push(&image, "x", &quiet).await.unwrap();
    let cleanings = there.clean(&there.ledger()).await;
    assert!(all_gone(&cleanings), "{cleanings:?}");
    assert_eq!(cleanings.len(), 4, "manifest, tag, layer, configuration: {cleanings:?}");
    assert!(there.ledger().is_empty());
    assert_eq!(registry.uploads("acme/api"), 0);
    for part in ["_manifests/revisions", "_manifests/tags", "_layers"] {
        let files = registry.files("acme/api", part);
        assert!(files.iter().all(|file| !file.ends_with("link")), "{files:?}");
    }
    assert!(there.clean(&there.ledger()).await.is_empty());
}

#[tokio::test]
async fn what_was_there_before_stays() {
    let registry = Registry::open();
    let (folder, image) = image().await;
    let release = client(&registry.address, "acme/api", Credentials::Anonymous, &PATIENT);
    let digest = release.push(&image, "v1", &quiet).await.unwrap().digest;

    let there = client(&registry.address, "acme/api", Credentials::Anonymous, &PATIENT);
    let again = Image::from_artifacts(folder.path(), platform()).await.unwrap();
    there.push(&again, "drill", &quiet).await.unwrap();
    let cleanings = there.clean(&there.ledger()).await;
    // This registry does not delete tags; the manifest is not ours.
    assert!(matches!(&cleanings[..], [Cleaning::Left(left)] if left.what.as_str().starts_with("tag drill in")), "{cleanings:?}");
    let into = tempfile::tempdir().unwrap();
    release.pull(&digest, into.path(), 1 << 20, &quiet).await.unwrap();
}

#[tokio::test]
async fn a_refused_delete_is_a_leftover_and_no_failure() {
    let registry = Registry::open();
    let proxy = Proxy::before(&registry.address).await;
    let (_folder, image) = image().await;
    let there = client(&proxy.address, "acme/api", Credentials::Anonymous, &PATIENT);
    there.push(&image, "x", &quiet).await.unwrap();
    let body = r#"{"errors":[{"code":"UNSUPPORTED","message":"The operation is unsupported."}]}"#;
    proxy.always(Method::DELETE, "/", Trouble::Answer(405, vec![], body));
    let cleanings = there.clean(&there.ledger()).await;
    assert_eq!(cleanings.len(), 4);
    for cleaning in &cleanings {
        let Cleaning::Left(left) = cleaning else { panic!("{cleaning:?}") };
        assert!(left.reason.as_str().contains("UNSUPPORTED The operation is unsupported"), "{left:?}");
        assert!(!left.remedy.is_empty());
    }

    proxy.repent();
    assert!(all_gone(&there.clean(&there.ledger()).await));
}

#[tokio::test]
async fn a_delete_that_deleted_nothing_is_seen() {
    let registry = Registry::open();
    let proxy = Proxy::before(&registry.address).await;
    let (_folder, image) = image().await;
    let there = client(&proxy.address, "acme/api", Credentials::Anonymous, &PATIENT);
    there.push(&image, "x", &quiet).await.unwrap();
    proxy.always(Method::DELETE, "/", Trouble::Answer(202, vec![], ""));
    // Whoever pulls asks by GET: a no to HEAD is none.
    proxy.always(Method::HEAD, "/", Trouble::Answer(404, vec![], ""));
    let cleanings = there.clean(&there.ledger()).await;
    assert!(!cleanings.is_empty());
    for cleaning in &cleanings {
        assert!(matches!(cleaning, Cleaning::Left(left) if left.reason.as_str().contains("still there")), "{cleaning:?}");
    }
}

#[tokio::test]
async fn a_login_that_may_not_delete_leaves_a_list() {
    let guarded = Guarded::start(&["pull", "push"], &[]).await;
    let (_folder, image) = image().await;
    let there = client(&guarded.registry.address, "acme/api", login(PASSWORD), &PATIENT);
    there.push(&image, "x", &quiet).await.unwrap();
    let cleanings = there.clean(&there.ledger()).await;
    assert!(
        cleanings.iter().all(|c| matches!(c, Cleaning::Left(left) if left.reason.as_str().contains("right to delete"))),
        "{cleanings:?}"
    );
}

/// The calls of a push that change something.
const CALLS: [(Method, &str); 3] =
    [(Method::PATCH, "/blobs/uploads/"), (Method::PUT, "/blobs/uploads/"), (Method::PUT, "/manifests/")];

/// A push that is dropped as soon as the registry has got this call; what it put outside until then.
async fn dropped_at(registry: &Registry, call: &(Method, &str), trouble: Trouble, timeouts: &Timeouts) -> (Proxy, Ledger) {
    let (method, path) = call;
    let proxy = Proxy::before(&registry.address).await;
    let (_folder, image) = image().await;
    proxy.always(method.clone(), *path, trouble);
    let there = client(&proxy.address, "acme/api", Credentials::Anonymous, timeouts);
    let reached = async {
        while proxy.count(method, path) == 0 {
            tokio::task::yield_now().await;
        }
    };
    tokio::select! {
        pushed = there.push(&image, "x", &quiet) => panic!("{pushed:?}"),
        () = reached => {}
    }
    assert!(!there.ledger().is_empty(), "{method}");
    proxy.repent();
    (proxy, there.ledger())
}

#[tokio::test]
async fn a_push_that_is_dropped_in_the_middle_can_be_cleaned() {
    let registry = Registry::open();
    // The registry goes on afterwards, or never answers.
    let afterwards = [(Trouble::Hold, PATIENT), (Trouble::StopReading, HASTY)];
    for (call, (trouble, timeouts)) in CALLS.iter().flat_map(|call| afterwards.clone().map(|after| (call, after))) {
        let (proxy, ledger) = dropped_at(&registry, call, trouble, &timeouts).await;
        let cleanings = client(&proxy.address, "acme/api", Credentials::Anonymous, &PATIENT).clean(&ledger).await;
        assert!(all_gone(&cleanings), "{cleanings:?}");
        assert_eq!(registry.uploads("acme/api"), 0);
        assert!(registry.files("acme/api", "_layers").iter().all(|file| !file.ends_with("link")), "{call:?}");
    }
}

#[tokio::test]
async fn a_push_that_is_dropped_while_it_is_sent_ends_there_and_can_be_cleaned() {
    let registry = Registry::open();
    let proxy = Proxy::before(&registry.address).await;
    let folder = tempfile::tempdir().unwrap();
    // More than fits into the buffers on the way.
    std::fs::write(folder.path().join("data"), noise(3).take(20_000_000).collect::<Vec<u8>>()).unwrap();
    let image = Image::from_artifacts(folder.path(), platform()).await.unwrap();
    proxy.always(Method::PATCH, "/blobs/uploads/", Trouble::SlowRequest);
    let there = client(&proxy.address, "acme/api", Credentials::Anonymous, &PATIENT);
    let ledger = there.ledger();
    let (moving, moved) = tokio::sync::watch::channel(0);
    let tell = |bytes| {
        moving.send_replace(bytes);
    };
    let mut moved = moved;
    tokio::select! {
        pushed = there.push(&image, "x", &tell) => panic!("{pushed:?}"),
        _ = moved.wait_for(|bytes| *bytes > 0) => {}
    }
    let cleanings = there.clean(&ledger).await;
    assert!(all_gone(&cleanings), "{cleanings:?}");
    assert_eq!(registry.uploads("acme/api"), 0);
}

#[tokio::test]
async fn an_upload_that_moved_on_unseen_is_named_and_not_called_gone() {
    let registry = Registry::open();
    let proxy = Proxy::before(&registry.address).await;
    proxy.always(Method::PATCH, "/blobs/uploads/", Trouble::LoseAnswer);
    let (_folder, image) = image().await;
    let there = client(&proxy.address, "acme/api", Credentials::Anonymous, &PATIENT);
    there.push(&image, "x", &quiet).await.unwrap_err();
    assert!(registry.uploads("acme/api") > 0);
    let cleanings = there.clean(&there.ledger()).await;
    assert!(
        matches!(&cleanings[..], [Cleaning::Left(left)] if left.what.as_str().starts_with("the open upload ")),
        "{cleanings:?}"
    );
}

#[tokio::test]
async fn an_upload_that_was_only_said_to_be_a_blob_is_cancelled() {
    let registry = Registry::open();
    let proxy = Proxy::before(&registry.address).await;
    proxy.always(Method::PUT, "/blobs/uploads/", Trouble::Answer(201, vec![], ""));
    let (_folder, image) = image().await;
    let there = client(&proxy.address, "acme/api", Credentials::Anonymous, &PATIENT);
    there.push(&image, "x", &quiet).await.unwrap_err();
    assert!(registry.uploads("acme/api") > 0);
    assert!(all_gone(&there.clean(&there.ledger()).await));
    assert_eq!(registry.uploads("acme/api"), 0);
}

#[tokio::test]
async fn an_upload_whose_address_never_came_is_named() {
    let registry = Registry::open();
    let proxy = Proxy::before(&registry.address).await;
    proxy.always(Method::POST, "/blobs/uploads/", Trouble::Answer(500, vec![], ""));
    let there = client(&proxy.address, "acme/api", Credentials::Anonymous, &PATIENT);
    let error = there.probe_push().await.unwrap_err();
    assert!(matches!(error.fault(), Fault::Unavailable { .. }), "{error}");
    assert!(error.to_string().ends_with("whether it was done all the same is not known"), "{error}");
    let cleanings = there.clean(&there.ledger()).await;
    assert!(
        matches!(&cleanings[..], [Cleaning::Left(left)] if left.what.as_str().starts_with("perhaps an open upload")),
        "{cleanings:?}"
    );
}

#[tokio::test]
async fn several_artifacts_of_one_content_are_cleaned_once() {
    let registry = Registry::open();
    let folder = tempfile::tempdir().unwrap();
    write_artifacts(folder.path(), &["ab", "cd"]);
    let image = Image::from_artifacts(folder.path(), platform()).await.unwrap();
    let there = client(&registry.address, "acme/api", Credentials::Anonymous, &PATIENT);
    there.push(&image, "x", &quiet).await.unwrap();
    assert_eq!(there.clean(&there.ledger()).await.len(), 4);
}
