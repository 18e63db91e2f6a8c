//! Logging in, in each of the ways that registries ask for it.

use canship::{
    registry::{Access, Credentials, Fault, Login, RegistryError},
    secret::Secret,
};

use crate::{
    quiet,
    support::{
        PATIENT, client, image, login,
        server::{Auth, PASSWORD, Registry},
        token::{Guarded, IDENTITY},
    },
};

fn is_unauthorized(error: &RegistryError) -> bool {
    matches!(error.fault(), Fault::Unauthorized { .. })
}

#[tokio::test]
async fn an_open_registry_asks_for_no_login() {
    let registry = Registry::open();
    for credentials in [Credentials::Anonymous, login("whatever")] {
        let there = client(&registry.address, "acme/api", credentials, &PATIENT);
        assert_eq!(there.check_login(Access::Push).await.unwrap(), Login::NotAsked);
    }
}

#[tokio::test]
async fn a_password_is_accepted_or_refused() {
    let registry = Registry::start(&Auth::Htpasswd);
    let good = client(&registry.address, "acme/api", login(PASSWORD), &PATIENT);
    assert_eq!(good.check_login(Access::Pull).await.unwrap(), Login::Accepted);
    assert!(good.probe_push().await.unwrap().is_empty());

    for credentials in [login("wrong horse"), Credentials::Anonymous, Credentials::IdentityToken(Secret::new("t".to_owned()))] {
        let bad = client(&registry.address, "acme/api", credentials, &PATIENT);
        for error in [bad.check_login(Access::Pull).await.unwrap_err(), bad.probe_push().await.unwrap_err()] {
            assert!(is_unauthorized(&error), "{error}");
            assert!(!error.to_string().contains("horse"), "{error}");
        }
        assert!(bad.ledger().is_empty());
    }
}

#[tokio::test]
async fn a_token_service_gives_the_rights_that_the_login_has() {
    let guarded = Guarded::start(&["pull", "push", "delete"], &["pull"]).await;
    let address = &guarded.registry.address;
    let (_folder, image) = image().await;
    let there = client(address, "acme/api", login(PASSWORD), &PATIENT);
    assert_eq!(there.check_login(Access::Push).await.unwrap(), Login::Accepted);
    assert!(there.probe_push().await.unwrap().is_empty());
    let pushed = there.push(&image, "x", &quiet).await.unwrap();

    let wrong = client(address, "acme/api", login("wrong horse"), &PATIENT);
    assert!(is_unauthorized(&wrong.check_login(Access::Pull).await.unwrap_err()));
    assert!(is_unauthorized(&wrong.probe_push().await.unwrap_err()));

    // Anybody may read here, nobody may write.
    let nobody = client(address, "acme/api", Credentials::Anonymous, &PATIENT);
    let into = tempfile::tempdir().unwrap();
    nobody.pull(&pushed.digest, into.path(), 1 << 20, &quiet).await.unwrap();
    let error = nobody.probe_push().await.unwrap_err();
    assert!(is_unauthorized(&error), "{error}");
}

#[tokio::test]
async fn a_login_without_the_right_to_push_is_told_from_a_wrong_login() {
    let guarded = Guarded::start(&["pull"], &[]).await;
    let there = client(&guarded.registry.address, "acme/api", login(PASSWORD), &PATIENT);
    assert_eq!(there.check_login(Access::Push).await.unwrap(), Login::Accepted, "the token is good, as far as one can read");
    let error = there.probe_push().await.unwrap_err();
    assert!(matches!(error.fault(), Fault::Forbidden { action: "push", .. }), "{error}");
    assert!(there.ledger().is_empty());
}

#[tokio::test]
async fn deleting_asks_for_a_token_of_its_own() {
    let guarded = Guarded::start(&["pull", "push", "delete"], &[]).await;
    let there = client(&guarded.registry.address, "acme/api", login(PASSWORD), &PATIENT);
    let (_folder, image) = image().await;
    there.push(&image, "x", &quiet).await.unwrap();
    assert!(guarded.asked().iter().all(|scope| !scope.contains("delete")), "{:?}", guarded.asked());
    there.clean(&there.ledger()).await;
    assert!(there.ledger().is_empty());
    assert!(guarded.asked().contains(&"repository:acme/api:pull,push,delete".to_owned()), "{:?}", guarded.asked());
}

#[tokio::test]
async fn a_token_is_kept_for_its_scope_and_renewed_when_it_ran_out() {
    let guarded = Guarded::start(&["pull", "push"], &[]).await;
    let there = client(&guarded.registry.address, "acme/api", login(PASSWORD), &PATIENT);
    let (_folder, image) = image().await;
    there.push(&image, "x", &quiet).await.unwrap();
    let scopes = guarded.asked();
    let pushing = scopes.iter().filter(|scope| scope.ends_with("pull,push")).count();
    assert_eq!(pushing, 1, "{scopes:?}");

    // Tokens that ran out as soon as they were given are fetched for each call.
    guarded.say_lasts(0);
    let there = client(&guarded.registry.address, "acme/other", login(PASSWORD), &PATIENT);
    there.push(&image, "x", &quiet).await.unwrap();
    let again = guarded.asked().len() - scopes.len();
    assert!(again > scopes.len(), "{again}");
}

#[tokio::test]
async fn an_identity_token_is_traded_for_tokens() {
    let guarded = Guarded::start(&["pull", "push"], &[]).await;
    let with = |token: &str| {
        let credentials = Credentials::IdentityToken(Secret::new(token.to_owned()));
        client(&guarded.registry.address, "acme/api", credentials, &PATIENT)
    };
    let (_folder, image) = image().await;
    with(IDENTITY).push(&image, "x", &quiet).await.unwrap();
    assert!(is_unauthorized(&with("another").check_login(Access::Pull).await.unwrap_err()));
}

#[tokio::test]
async fn a_base_of_the_same_registry_is_mounted_with_the_right_to_read_it() {
    use canship::registry::{Base, Image, Which};
    let guarded = Guarded::start(&["pull", "push"], &[]).await;
    let there = |name: &str| client(&guarded.registry.address, name, login(PASSWORD), &PATIENT);
    let (folder, image) = image().await;
    there("base/os").push(&image, "12", &quiet).await.unwrap();
    let base = Base::resolve(&there("base/os"), &Which::Tag("12".to_owned()), crate::support::platform()).await.unwrap();
    let artifacts = tempfile::tempdir().unwrap();
    crate::support::write_artifacts(artifacts.path(), &["other"]);
    let image = Image::on_base(artifacts.path(), base).await.unwrap();
    let pushed = there("acme/api").push(&image, "x", &quiet).await.unwrap();
    assert!(pushed.bytes_sent < 400_000 && pushed.size > 900_000, "{pushed:?}");
    drop(folder);
}
