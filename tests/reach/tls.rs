//! Engines behind TLS with client certificates.

use std::{fs, path::Path, time::Duration};

use canship::{
    plan::{BuildImage, Limits},
    record::{Claim, DrillId, HostId, Rule},
    spare::{
        RoomPlan, Spare as _, SpareError,
        container::{Engine, Located, Surroundings},
    },
};

use crate::{
    contexts::{contexts, make_current},
    digest, digest_on, plan,
    relay::{self, Authority, NOW, Pair, self_signed},
    support::{Canship, Project, services::service},
};

const DOCKER: &str = "/var/run/docker.sock";

/// Looks at the engine at this port with what lies in the folder.
fn look(address: &str, folder: &Path) -> Result<(), SpareError> {
    let around = Surroundings {
        tls_verify: true,
        cert_path: Some(folder.to_owned()),
        patience: Duration::from_secs(10),
        ..Surroundings::default()
    };
    let room = RoomPlan {
        drill: DrillId::try_from(String::from("test-tls")).unwrap(),
        claim: Claim { host: HostId::new(1), until: jiff::Timestamp::MAX },
        purpose: "build",
        image: Some(BuildImage::Image(service("CANSHIP_TEST_TINY_IMAGE"))),
        writable: Vec::new(),
        limits: Limits { time: Duration::from_mins(1), cpus: None, memory: None, pids: 64, disk: 1 << 20 },
    };
    let engine = Engine::new(Located::new(Some(address), around));
    tokio::runtime::Runtime::new().unwrap().block_on(async { engine.look(&room).await.map(drop) })
}

#[track_caller]
fn refused(address: &str, folder: &Path, words: &[&str]) -> (Rule, String) {
    let (told, rule, advice) = match look(address, folder).unwrap_err() {
        SpareError::Unreachable { reason, advice, rule, .. } => (reason, rule, advice),
        SpareError::Unlocated { reason, advice } => (reason, Rule::EngineUnreachable, advice),
        other => panic!("{other:?}"),
    };
    assert!(words.iter().all(|word| told.contains(word)), "{words:?}: {told}");
    (rule, advice)
}

#[test]
fn a_release_ships_through_tls_with_a_client_certificate_and_is_the_same() {
    let authority = Authority::new("Acme CA");
    let port = relay::start(DOCKER.as_ref(), &authority.issue("engine", &["localhost"], NOW), &authority);
    let own = authority.issue("canship", &[], NOW);
    let project = Project::new(&plan(""));
    let folder = project.beside("keys");
    relay::write(&folder, Some(&authority.pem), Some(&own));
    let call = Canship::drill(&project).variable("DOCKER_HOST", format!("tcp://localhost:{port}"));
    let ran = call.variable("DOCKER_TLS_VERIFY", "1").variable("DOCKER_CERT_PATH", &folder).run().ends(0, "can-ship");
    assert_eq!(digest(&ran.json), digest_on(""));
    assert!(!ran.stdout.contains("without encryption"), "{}", ran.stdout);
    for line in own.key.lines().filter(|line| !line.starts_with('-')) {
        assert!(!ran.everything().contains(line), "a line of the key is told");
    }

    // A context as Docker's own client makes it has its own copies.
    let path = |name: &str| folder.join(name).display().to_string();
    let context = format!("host=tcp://localhost:{port},ca={},cert={},key={}", path("ca.pem"), path("cert.pem"), path("key.pem"));
    let careless = format!("{context},skip-tls-verify=true").replace(&format!("ca={},", path("ca.pem")), "");
    let config = contexts(&project, &[("secured", &context), ("careless", &careless)]);
    fs::remove_dir_all(&folder).unwrap();
    for (name, is_verified) in [("secured", true), ("careless", false)] {
        make_current(&config, name);
        let ran = Canship::drill(&project).variable("DOCKER_CONFIG", &config).run().ends(0, "can-ship");
        assert_eq!(ran.stdout.contains("does not have to prove who it is"), !is_verified, "{name}: {}", ran.stdout);
    }
}

#[test]
fn faults_of_the_engines_certificate_are_told_apart_with_dates() {
    let authority = Authority::new("Acme CA");
    let other = Authority::new("Other CA");
    let folder = tempfile::tempdir().unwrap();
    relay::write(folder.path(), Some(&authority.pem), Some(&authority.issue("canship", &[], NOW)));
    for (server, rule, words) in [
        (authority.issue("engine", &["localhost"], (2019, 2020)), Rule::CertificateExpired, "expired at 2020-01-01"),
        (authority.issue("engine", &["localhost"], (2100, 2101)), Rule::CertificateNotYetValid, "not valid before 2100-01-01"),
        (authority.issue("engine", &["engine.example"], NOW), Rule::CertificateWrongHost, "engine.example"),
        (self_signed(&["localhost"]), Rule::CertificateSelfSigned, "self-signed"),
        (other.issue("engine", &["localhost"], NOW), Rule::CertificateUntrusted, "Other CA"),
    ] {
        let port = relay::start(DOCKER.as_ref(), &server, &authority);
        let (told, advice) = refused(&format!("tcp://localhost:{port}"), folder.path(), &[words, "valid from"]);
        assert_eq!(told, rule, "{words}");
        assert!(
            rule != Rule::CertificateUntrusted || advice.contains(&folder.path().join("ca.pem").display().to_string()),
            "{advice}"
        );
    }
}

#[test]
fn faults_of_canships_own_certificate_are_told_apart() {
    let authority = Authority::new("Acme CA");
    let port = relay::start(DOCKER.as_ref(), &authority.issue("engine", &["localhost"], NOW), &authority);
    let address = format!("tcp://localhost:{port}");
    let own = authority.issue("canship", &[], NOW);
    let folder = tempfile::tempdir().unwrap();
    let with = |authority_pem: Option<&str>, own: Option<&Pair>| {
        relay::write(folder.path(), authority_pem, own);
        folder.path()
    };
    let ca = Some(authority.pem.as_str());
    look(&address, with(ca, Some(&own))).unwrap();

    refused(&address, with(ca, None), &["demands a client certificate", "no `cert.pem`"]);
    let expired = authority.issue("canship of old", &[], (2019, 2020));
    refused(&address, with(ca, Some(&expired)), &["refuses the client certificate", "canship of old", "to 2020-01-01"]);
    let stranger = Authority::new("Other CA").issue("stranger", &[], NOW);
    refused(&address, with(ca, Some(&stranger)), &["refuses the client certificate", "stranger", "Other CA"]);

    refused(&address, with(None, Some(&own)), &["ca.pem` is missing"]);
    with(ca, Some(&own));
    fs::remove_file(folder.path().join("key.pem")).unwrap();
    refused(&address, folder.path(), &["key.pem` is missing"]);
    let mixed = Pair { key: stranger.key.clone(), ..own.clone() };
    refused(&address, with(ca, Some(&mixed)), &["key.pem", "does not belong to the certificate"]);
    let broken = Pair { key: own.key.replace("PRIVATE KEY", "SOMETHING"), ..own.clone() };
    refused(&address, with(ca, Some(&broken)), &["key.pem` holds no private key"]);
    let locked = Pair { key: own.key.replace("PRIVATE KEY", "ENCRYPTED PRIVATE KEY"), ..own.clone() };
    refused(&address, with(ca, Some(&locked)), &["key.pem", "passphrase"]);
    with(ca, Some(&own));
    fs::remove_file(folder.path().join("key.pem")).unwrap();
    fs::create_dir(folder.path().join("key.pem")).unwrap();
    refused(&address, folder.path(), &["key.pem` cannot be read"]);
}
