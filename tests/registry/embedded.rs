//! The registry of the demo.

use canship::{
    record::Cleaning,
    registry::{Access, Credentials, Embedded, Fault, Login, Rights},
};

use crate::{
    quiet,
    support::{PATIENT, client, image, login},
};

#[tokio::test]
async fn an_image_goes_out_comes_back_and_is_removed() {
    let registry = Embedded::start(Rights::ReadWrite).await.unwrap();
    let address = registry.address().to_string();
    let (_folder, image) = image().await;
    let there = || client(&address, "demo/tool", registry.credentials(), &PATIENT);
    let pushing = there();
    assert_eq!(pushing.check_login(Access::Push).await.unwrap(), Login::Accepted);
    assert!(pushing.probe_push().await.unwrap().is_empty());
    let pushed = pushing.push(&image, "x", &quiet).await.unwrap();
    let into = tempfile::tempdir().unwrap();
    let pulled = there().pull(&pushed.digest, into.path(), 1 << 20, &quiet).await.unwrap();
    assert_eq!(pulled.digest, pushed.digest);
    let cleanings = pushing.clean(&pushing.ledger()).await;
    assert!(cleanings.iter().all(|cleaning| matches!(cleaning, Cleaning::Gone { .. })), "{cleanings:?}");
    assert!(there().pull(&pushed.digest, into.path(), 1 << 20, &quiet).await.is_err());
}

#[tokio::test]
async fn its_login_is_real() {
    let registry = Embedded::start(Rights::ReadWrite).await.unwrap();
    let address = registry.address().to_string();
    for credentials in [Credentials::Anonymous, login("wrong")] {
        let error = client(&address, "demo/tool", credentials, &PATIENT).check_login(Access::Pull).await.unwrap_err();
        assert!(matches!(error.fault(), Fault::Unauthorized { .. }), "{error}");
    }
}

#[tokio::test]
async fn a_user_without_the_right_to_push_is_refused_as_registries_do() {
    let registry = Embedded::start(Rights::ReadOnly).await.unwrap();
    let there = client(&registry.address().to_string(), "demo/tool", registry.credentials(), &PATIENT);
    assert_eq!(there.check_login(Access::Pull).await.unwrap(), Login::Accepted);
    let error = there.probe_push().await.unwrap_err();
    assert!(matches!(error.fault(), Fault::Forbidden { action: "push", .. }), "{error}");
    assert!(error.to_string().contains("DENIED"), "{error}");
}

#[tokio::test]
async fn it_ends_when_it_is_dropped() {
    let registry = Embedded::start(Rights::ReadWrite).await.unwrap();
    let address = registry.address();
    drop(registry);
    // The port is closed as soon as its task has seen it.
    while tokio::net::TcpStream::connect(address).await.is_ok() {
        tokio::task::yield_now().await;
    }
}
