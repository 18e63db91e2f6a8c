//! What is pushed comes back the same.

use std::{
    fs,
    path::Path,
    process::Command,
    sync::atomic::{AtomicU64, Ordering},
};

use axum::http::Method;
use canship::{
    archive::{Writer, unpack},
    record::Digest,
    registry::{Base, Client, Credentials, Fault, Image, Platform, Pulled, Which},
};

use crate::{
    quiet,
    support::{
        PATIENT, client, image, noise, platform,
        proxy::{Proxy, Trouble},
        server::Registry,
        write_artifacts,
    },
};

const LIMIT: u64 = 1 << 30;

fn anonymous(registry: &Registry, name: &str) -> Client {
    client(&registry.address, name, Credentials::Anonymous, &PATIENT)
}

/// The paths and contents of what came back.
fn unpacked(pulled: &Pulled) -> Vec<(String, Digest, bool)> {
    let mut archive = Vec::new();
    let mut writer = Writer::new(&mut archive, "", 0);
    pulled.content()(&mut writer).unwrap();
    writer.finish().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let files = unpack(&archive[..], folder.path(), LIMIT, &mut |_| true).unwrap();
    files.into_iter().map(|file| (file.path.display().to_string(), file.digest, file.executable)).collect()
}

fn skopeo(arguments: &[&str]) -> Vec<u8> {
    let out = Command::new("skopeo").args(arguments).output().expect("`skopeo` is needed");
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    out.stdout
}

#[tokio::test]
async fn what_is_pushed_comes_back_and_other_tools_can_use_it() {
    let registry = Registry::open();
    let (_folder, image) = image().await;
    let sent = AtomicU64::new(0);
    let pushed =
        anonymous(&registry, "acme/api").push(&image, "drill-1", &|bytes| sent.store(bytes, Ordering::Relaxed)).await.unwrap();
    assert_eq!(pushed.reference, format!("{}/acme/api:drill-1", registry.address));
    assert_eq!(pushed.bytes_sent, pushed.size);
    assert!(sent.load(Ordering::Relaxed) > 300_000);

    let into = tempfile::tempdir().unwrap();
    let pulled = anonymous(&registry, "acme/api").pull(&pushed.digest, into.path(), LIMIT, &quiet).await.unwrap();
    assert_eq!((&pulled.digest, pulled.bytes), (&pushed.digest, pushed.size));
    let files = unpacked(&pulled);
    let names: Vec<(&str, bool)> = files.iter().map(|(path, _, executable)| (path.as_str(), *executable)).collect();
    assert_eq!(names, [("share/doc", false), ("tool", true)]);

    let reference = format!("docker://{}", pushed.reference);
    let seen: serde_json::Value = serde_json::from_slice(&skopeo(&["inspect", "--tls-verify=false", &reference])).unwrap();
    assert_eq!(seen["Digest"], pushed.digest.as_str());
    let config: serde_json::Value =
        serde_json::from_slice(&skopeo(&["inspect", "--config", "--tls-verify=false", &reference])).unwrap();
    assert_eq!(config["config"]["Entrypoint"], serde_json::json!(["/app/tool"]));
    let copy = into.path().join("copy");
    skopeo(&["copy", "--src-tls-verify=false", &reference, &format!("oci:{}:x", copy.display())]);
    assert!(copy.join("index.json").exists());
}

#[tokio::test]
async fn the_same_artifacts_have_the_same_digest_whatever_the_order_they_were_made_in() {
    let registry = Registry::open();
    let (one, two) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    write_artifacts(one.path(), &["tool", "a/b", "c"]);
    write_artifacts(two.path(), &["c", "a/b", "tool"]);
    let mut digests = Vec::new();
    for (folder, name) in [(&one, "one"), (&two, "two")] {
        let image = Image::from_artifacts(folder.path(), platform()).await.unwrap();
        digests.push(anonymous(&registry, name).push(&image, "x", &quiet).await.unwrap().digest);
    }
    assert_eq!(digests[0], digests[1]);
}

#[tokio::test]
async fn a_second_push_sends_nothing_but_the_manifest() {
    let registry = Registry::open();
    let (_folder, image) = image().await;
    let there = anonymous(&registry, "acme/api");
    let first = there.push(&image, "one", &quiet).await.unwrap();
    let second = there.push(&image, "two", &quiet).await.unwrap();
    assert_eq!(second.digest, first.digest);
    assert!(second.bytes_sent < 2000, "{second:?}");
    // Another registry needs all of it again, though its digest is known by now.
    let other = Registry::open();
    let third = anonymous(&other, "acme/api").push(&image, "one", &quiet).await.unwrap();
    assert_eq!((third.digest, third.bytes_sent), (first.digest, first.bytes_sent));
}

#[tokio::test]
async fn a_tag_that_leads_elsewhere_is_not_moved() {
    let registry = Registry::open();
    let (_folder, image) = image().await;
    let there = anonymous(&registry, "acme/api");
    there.push(&image, "x", &quiet).await.unwrap();
    let other = tempfile::tempdir().unwrap();
    write_artifacts(other.path(), &["other"]);
    let other = Image::from_artifacts(other.path(), platform()).await.unwrap();
    let error = there.push(&other, "x", &quiet).await.unwrap_err();
    assert!(matches!(error.fault(), Fault::Refused { status: None, .. }), "{error}");
}

/// Pushes two images and an index of both; gives the index's digest.
async fn push_index(registry: &Registry) -> Digest {
    let mut entries = Vec::new();
    for architecture in ["arm64", "amd64"] {
        let folder = tempfile::tempdir().unwrap();
        write_artifacts(folder.path(), &["etc/base", architecture]);
        let platform = Platform { os: "linux".to_owned(), architecture: architecture.to_owned() };
        let image = Image::from_artifacts(folder.path(), platform).await.unwrap();
        let pushed = anonymous(registry, "base/os").push(&image, architecture, &quiet).await.unwrap();
        let raw = skopeo(&["inspect", "--raw", "--tls-verify=false", &format!("docker://{}", pushed.reference)]);
        entries.push(serde_json::json!({
            "mediaType": "application/vnd.oci.image.manifest.v1+json", "digest": pushed.digest.as_str(), "size": raw.len(),
            "platform": { "os": "linux", "architecture": architecture },
        }));
    }
    let kind = "application/vnd.oci.image.index.v1+json";
    let index = serde_json::json!({ "schemaVersion": 2, "mediaType": kind, "manifests": entries });
    let answer = reqwest::Client::new()
        .put(format!("http://{}/v2/base/os/manifests/12", registry.address))
        .header("content-type", kind)
        .body(index.to_string())
        .send()
        .await
        .unwrap();
    assert_eq!(answer.status(), 201);
    answer.headers()["docker-content-digest"].to_str().unwrap().parse().unwrap()
}

async fn on_base(registry: &Registry, which: &Which, folder: &Path) -> Image {
    let base = Base::resolve(&anonymous(registry, "base/os"), which, platform()).await.unwrap();
    Image::on_base(folder, base).await.unwrap()
}

#[tokio::test]
async fn a_base_is_found_by_index_digest_or_plain_tag_and_goes_along_to_another_registry() {
    let (bases, target) = (Registry::open(), Registry::open());
    let index = push_index(&bases).await;
    let folder = tempfile::tempdir().unwrap();
    write_artifacts(folder.path(), &["tool"]);
    let mut digests = Vec::new();
    for (name, which) in [("a", Which::Tag("12".to_owned())), ("b", Which::Digest(index)), ("c", Which::Tag("amd64".to_owned()))] {
        let image = on_base(&bases, &which, folder.path()).await;
        let pushed = anonymous(&target, name).push(&image, "x", &quiet).await.unwrap();
        assert!(pushed.bytes_sent > 900_000, "the base has 600 kB and the artifacts 300: {pushed:?}");
        let into = tempfile::tempdir().unwrap();
        let pulled = anonymous(&target, name).pull(&pushed.digest, into.path(), LIMIT, &quiet).await.unwrap();
        assert_eq!(pulled.bytes, pushed.size, "the base is fetched and hashed too");
        assert_eq!(unpacked(&pulled).len(), 1, "but only the artifacts are handed on");
        digests.push(pushed.digest);
    }
    assert!(digests.iter().all(|digest| *digest == digests[0]), "{digests:?}");
    let reference = format!("docker://{}/a:x", target.address);
    let config: serde_json::Value =
        serde_json::from_slice(&skopeo(&["inspect", "--config", "--tls-verify=false", &reference])).unwrap();
    assert_eq!(config["rootfs"]["diff_ids"].as_array().unwrap().len(), 2);
    assert_eq!(config["config"]["Entrypoint"], serde_json::json!(["/app/tool"]));
}

#[tokio::test]
async fn a_base_of_the_same_registry_is_mounted() {
    let registry = Registry::open();
    push_index(&registry).await;
    let folder = tempfile::tempdir().unwrap();
    write_artifacts(folder.path(), &["tool"]);
    let image = on_base(&registry, &Which::Tag("12".to_owned()), folder.path()).await;
    let there = anonymous(&registry, "acme/api");
    let pushed = there.push(&image, "x", &quiet).await.unwrap();
    assert!(pushed.bytes_sent < 400_000, "{pushed:?}");
    assert!(pushed.size > 900_000, "{pushed:?}");
    there.clean(&there.ledger()).await;
    assert!(registry.files("acme/api", "_layers").iter().all(|file| !file.ends_with("link")), "mounted blobs are ours to remove");
    assert!(!registry.files("base/os", "_layers").is_empty(), "the base's own are not");
}

#[tokio::test]
async fn a_base_that_cannot_be_mounted_is_copied() {
    let registry = Registry::open();
    push_index(&registry).await;
    let folder = tempfile::tempdir().unwrap();
    write_artifacts(folder.path(), &["tool"]);
    // One registry opens an upload instead of mounting, as it may; the other does not know what is meant.
    for (name, trouble) in [("one", Trouble::WithoutQuery), ("two", Trouble::Answer(405, vec![], ""))] {
        let proxy = Proxy::before(&registry.address).await;
        proxy.always(Method::POST, "mount=", trouble);
        let there = |name: &str| client(&proxy.address, name, Credentials::Anonymous, &PATIENT);
        let base = Base::resolve(&there("base/os"), &Which::Tag("12".to_owned()), platform()).await.unwrap();
        let image = Image::on_base(folder.path(), base).await.unwrap();
        let pushed = there(name).push(&image, "x", &quiet).await.unwrap();
        assert!(pushed.bytes_sent > 900_000, "{pushed:?}");
        let into = tempfile::tempdir().unwrap();
        there(name).pull(&pushed.digest, into.path(), LIMIT, &quiet).await.unwrap();
    }
}

#[tokio::test]
async fn a_base_that_is_not_what_its_digest_says_goes_nowhere() {
    let (bases, target) = (Registry::open(), Registry::open());
    push_index(&bases).await;
    let proxy = Proxy::before(&bases.address).await;
    let base = client(&proxy.address, "base/os", Credentials::Anonymous, &PATIENT);
    let base = Base::resolve(&base, &Which::Tag("12".to_owned()), platform()).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    write_artifacts(folder.path(), &["tool"]);
    let image = Image::on_base(folder.path(), base).await.unwrap();
    let corrupt = |mut body: Vec<u8>| {
        let last = body.len() - 1;
        body[last] ^= 1;
        body
    };
    proxy.always(Method::GET, "/blobs/", Trouble::Body(corrupt));
    let there = anonymous(&target, "acme/api");
    let error = there.push(&image, "x", &quiet).await.unwrap_err();
    assert!(matches!(error.fault(), Fault::Lied { .. }), "{error}");
    assert_eq!(error.repository(), format!("{}/base/os", proxy.address), "the base is to blame, not the target");

    proxy.repent();
    there.push(&image, "x", &quiet).await.unwrap();
    let left = there.clean(&there.ledger()).await;
    assert!(there.ledger().is_empty(), "{left:?}");
}

#[tokio::test]
async fn transfers_can_be_moved_between_threads() {
    fn movable<T: Send>(_: &T) {}
    let (_folder, image) = image().await;
    let there = client("127.0.0.1:1", "acme/api", Credentials::Anonymous, &PATIENT);
    let digest: Digest = format!("sha256:{}", "0".repeat(64)).parse().unwrap();
    let ledger = there.ledger();
    movable(&there.push(&image, "x", &quiet));
    movable(&there.pull(&digest, Path::new(""), LIMIT, &quiet));
    movable(&there.clean(&ledger));
    movable(&there.probe_push());
}

#[tokio::test]
async fn a_base_for_another_platform_is_not_taken() {
    let registry = Registry::open();
    push_index(&registry).await;
    let base = anonymous(&registry, "base/os");
    let mips = Platform { os: "linux".to_owned(), architecture: "mips".to_owned() };
    let error = Base::resolve(&base, &Which::Tag("12".to_owned()), mips).await.unwrap_err();
    assert!(matches!(error.fault(), Fault::NotFound { .. }), "{error}");
    assert!(error.to_string().contains("none for linux/mips, only for linux/arm64, linux/amd64"), "{error}");
    let error = Base::resolve(&base, &Which::Tag("arm64".to_owned()), platform()).await.unwrap_err();
    assert!(error.to_string().contains("it is for linux/arm64, not for linux/amd64"), "{error}");
    let error = Base::resolve(&base, &Which::Tag("none".to_owned()), platform()).await.unwrap_err();
    assert!(matches!(error.fault(), Fault::NotFound { .. }), "{error}");
}

#[tokio::test]
async fn an_image_goes_from_layout_to_registry_and_back() {
    let registry = Registry::open();
    let (_folder, image) = image().await;
    let there = anonymous(&registry, "acme/api");
    let digest = there.push(&image, "x", &quiet).await.unwrap().digest;
    let (one, two) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let pulled = there.pull_layout(&Which::Tag("x".to_owned()), one.path(), LIMIT, &quiet).await.unwrap();
    assert_eq!(pulled.0, digest);

    let ready = Image::from_layout(one.path()).await.unwrap();
    let other = anonymous(&registry, "acme/other");
    assert_eq!(other.push(&ready, "x", &quiet).await.unwrap().digest, digest);
    assert_eq!(other.pull_layout(&Which::Digest(digest.clone()), two.path(), LIMIT, &quiet).await.unwrap().0, digest);
    skopeo(&["inspect", &format!("oci:{}", two.path().display())]);

    // A layout with a blob that is not what its name says never gets far.
    let blobs = one.path().join("blobs/sha256");
    let largest = fs::read_dir(blobs).unwrap().map(|entry| entry.unwrap().path()).max_by_key(|path| path.metadata().unwrap().len());
    let largest = largest.unwrap();
    let mut content = fs::read(&largest).unwrap();
    content[1000] ^= 1;
    fs::write(&largest, content).unwrap();
    let third = anonymous(&registry, "acme/third");
    let error = third.push(&Image::from_layout(one.path()).await.unwrap(), "x", &quiet).await.unwrap_err();
    assert!(matches!(error.fault(), Fault::Io { .. }), "{error}");
}

#[tokio::test]
async fn more_than_may_be_pulled_is_not_pulled() {
    let registry = Registry::open();
    let (_folder, image) = image().await;
    let there = anonymous(&registry, "acme/api");
    let pushed = there.push(&image, "x", &quiet).await.unwrap();
    let into = tempfile::tempdir().unwrap();
    let error = there.pull(&pushed.digest, into.path(), 1000, &quiet).await.unwrap_err();
    assert!(matches!(error.fault(), Fault::Refused { .. }), "{error}");
    assert!(fs::read_dir(into.path()).unwrap().next().is_none());
}

/// Peak memory of this process in bytes.
fn peak_memory() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() * 1024
}

#[test]
fn a_large_artifact_goes_out_and_comes_back_in_little_memory() {
    if !cfg!(target_os = "linux") {
        return;
    }
    // In a process of its own, whose memory no other test uses.
    let name = "images::a_large_artifact_in_this_process";
    let out = Command::new(std::env::current_exe().unwrap()).args(["--exact", name, "--ignored"]).output().unwrap();
    let text = String::from_utf8_lossy(&out.stdout);
    assert!(out.status.success() && text.contains("1 passed"), "{text}");
}

#[tokio::test]
#[ignore = "is run by the test above in a process of its own"]
async fn a_large_artifact_in_this_process() {
    const SIZE: usize = 200 << 20;
    let registry = Registry::open();
    let folder = tempfile::tempdir().unwrap();
    let block: Vec<u8> = noise(1).take(1 << 20).collect();
    let mut file = fs::File::create(folder.path().join("large")).unwrap();
    for _ in 0..SIZE / block.len() {
        std::io::Write::write_all(&mut file, &block).unwrap();
    }
    drop((file, block));
    let image = Image::from_artifacts(folder.path(), platform()).await.unwrap();
    let pushed = anonymous(&registry, "acme/api").push(&image, "x", &quiet).await.unwrap();
    let into = tempfile::tempdir().unwrap();
    let pulled = anonymous(&registry, "acme/api").pull(&pushed.digest, into.path(), LIMIT, &quiet).await.unwrap();
    assert_eq!(pulled.bytes, pushed.size);
    assert!(pushed.size > SIZE as u64 / 2, "{pushed:?}");
    let peak = peak_memory();
    assert!(peak < 64 << 20, "{} MiB", peak >> 20);
}
