//! Images that the primary path has released.

use std::{fs, path::Path};

use canship::{
    network::{Network, Proxies, Trust},
    plan::Timeouts,
    record::Digest,
    registry::{Client, Credentials, Image, Platform, Repository},
    secret::Known,
};
use serde_json::json;
use sha2::{Digest as _, Sha256};

use crate::{
    packing::{TOOL, gzip, tar},
    support::{
        Canship, Project, Services,
        project::{Plan, unique},
    },
    urls::{differs, is_not_compared, is_same},
};

/// A repository of a test's own, with an image in it.
struct Released(String);

impl Released {
    /// The image with these layers, and this label for the commit.
    fn layers(layers: &[Vec<u8>], revision: Option<&str>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        write_layout(folder.path(), layers, revision);
        Self::push(|| async { Image::from_layout(folder.path()).await.unwrap() })
    }

    fn push<F: Future<Output = Image>>(image: impl FnOnce() -> F) -> Self {
        let name = format!("{}/{}/released", Services::get().open, unique());
        let runtime = tokio::runtime::Runtime::new().unwrap();
        runtime.block_on(async {
            let timeouts = Timeouts { api: std::time::Duration::from_mins(1), retry_after_max: std::time::Duration::ZERO };
            let repository: Repository = name.parse().unwrap();
            let network = Network { trust: Trust::new(&[]), proxies: Proxies::default(), known: Known::default() };
            let client = Client::new(repository, Credentials::Anonymous, &timeouts, &network).unwrap();
            client.push(&image().await, "v1.2.3", &|_| {}).await.unwrap();
        });
        Self(name)
    }

    fn entry(&self, more: &str) -> String {
        format!("primary:\n  artifacts:\n    - {{ image: \"{}:v{{version}}\"{more} }}\n", self.0)
    }

    fn drill(&self, more: &str) -> crate::support::run::Ran {
        Canship::drill(&self.project(more)).run()
    }

    fn project(&self, more: &str) -> Project {
        Project::new(&Plan { more: self.entry(more), ..Plan::on_host(&Services::get()) })
    }
}

/// Writes an image as it lies in a folder.
fn write_layout(folder: &Path, layers: &[Vec<u8>], revision: Option<&str>) {
    let blobs = folder.join("blobs/sha256");
    fs::create_dir_all(&blobs).unwrap();
    let blob = |content: &[u8], kind: &str| {
        let digest = Digest::from_sha256(&Sha256::digest(content));
        fs::write(blobs.join(digest.as_str().trim_start_matches("sha256:")), content).unwrap();
        json!({ "mediaType": kind, "digest": digest, "size": content.len() })
    };
    let layers: Vec<_> = layers.iter().map(|layer| blob(layer, "application/vnd.oci.image.layer.v1.tar+gzip")).collect();
    let labels = revision.map(|revision| json!({ "org.opencontainers.image.revision": revision })).unwrap_or_default();
    let architecture = if cfg!(target_arch = "aarch64") { "arm64" } else { "amd64" };
    let config = json!({ "os": "linux", "architecture": architecture, "config": { "Labels": labels }, "rootfs": { "type": "layers", "diff_ids": [] } });
    let config = blob(config.to_string().as_bytes(), "application/vnd.oci.image.config.v1+json");
    let kind = "application/vnd.oci.image.manifest.v1+json";
    let manifest = json!({ "schemaVersion": 2, "mediaType": kind, "config": config, "layers": layers });
    let manifest = blob(manifest.to_string().as_bytes(), kind);
    fs::write(folder.join("oci-layout"), "{\"imageLayoutVersion\":\"1.0.0\"}").unwrap();
    fs::write(folder.join("index.json"), json!({ "schemaVersion": 2, "manifests": [manifest] }).to_string()).unwrap();
}

/// A system in one layer, and the release over it in another.
fn layers(tool: &[u8]) -> Vec<Vec<u8>> {
    let system = tar(&[("usr/bin/sh", b"shell", 0o755), ("opt/old/tool", b"old", 0o755), ("usr/local/bin/tool", b"older", 0o755)]);
    let release = tar(&[("opt/.wh.old", b"", 0o644), ("./usr/local/bin/tool", tool, 0o755)]);
    vec![gzip(&system), gzip(&release)]
}

#[test]
fn an_image_is_compared_file_by_file_through_its_layers() {
    // An older `tool` is below the release, and another is hidden by it.
    let same = Released::layers(&layers(TOOL), None);
    is_same(same.drill(""));
    is_same(same.drill(", artifact: tool, inside: usr/local/bin/tool"));
    is_same(same.drill(", inside: /usr/local/bin"));
    let other = Released::layers(&layers(b"#!/bin/sh\necho tool 1.2.9\n"), None);
    let told = differs(other.drill(""));
    assert_eq!(told, "`tool` has other bytes (26 B in both), the first difference at byte 24: in line 2\n");
}

#[test]
fn an_image_that_the_drill_makes_itself_is_the_same_by_its_digest() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("tool"), TOOL).unwrap();
    fs::set_permissions(folder.path().join("tool"), std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let architecture = if cfg!(target_arch = "aarch64") { "arm64" } else { "amd64" };
    let platform = Platform { os: "linux".to_owned(), architecture: architecture.to_owned() };
    let released = Released::push(|| async { Image::from_artifacts(folder.path(), platform).await.unwrap() });
    is_same(released.drill(""));
}

#[test]
fn an_image_of_another_commit_or_that_is_not_there_is_not_compared() {
    let other = Released::layers(&layers(TOOL), Some("0123456789abcdef"));
    let reason = is_not_compared(other.drill(""));
    assert!(reason.starts_with("it says that it is built from the commit 0123456789abcdef"), "{reason}");

    let mut absent = Released::layers(&layers(TOOL), None);
    absent.0.push_str("-not");
    let ran = absent.drill("");
    let advice = ran.first_advice().to_owned();
    assert!(is_not_compared(ran).contains("not found"));
    assert!(advice.contains("once the primary path has released this version"), "{advice}");
}

#[test]
fn a_layer_that_is_not_what_its_digest_says_is_not_compared() {
    let mut cut = layers(TOOL);
    cut[1].truncate(20);
    let reason = is_not_compared(Released::layers(&cut, None).drill(""));
    assert!(reason.starts_with("it cannot be read"), "{reason}");
}
