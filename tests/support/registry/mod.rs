//! Real registries, a token service and a registry that lies, for the tests.

pub(crate) mod proxy;
pub(crate) mod server;
pub(crate) mod token;

use std::{fs, os::unix::fs::PermissionsExt as _, path::Path, time::Duration};

use canship::{
    network::{Network, Proxies, Trust},
    plan::Timeouts,
    registry::{Client, Credentials, Image, Platform},
    secret::{Known, Secret},
};

/// Long enough for a busy machine.
pub(crate) const PATIENT: Timeouts = Timeouts { api: Duration::from_mins(1), retry_after_max: Duration::from_secs(10) };

/// For registries that never go on.
pub(crate) const HASTY: Timeouts = Timeouts { api: Duration::from_secs(3), retry_after_max: Duration::from_secs(10) };

pub(crate) fn login(password: &str) -> Credentials {
    Credentials::Password { username: server::USER.to_owned(), password: Secret::new(password.to_owned()) }
}

pub(crate) fn client(address: &str, name: &str, credentials: Credentials, timeouts: &Timeouts) -> Client {
    let network = Network { trust: Trust::new(&[]), proxies: Proxies::default(), known: Known::default() };
    Client::new(format!("{address}/{name}").parse().unwrap(), credentials, timeouts, &network).unwrap()
}

pub(crate) fn platform() -> Platform {
    Platform { os: "linux".to_owned(), architecture: "amd64".to_owned() }
}

/// Writes artifacts: `tool` may be executed.
pub(crate) fn write_artifacts(folder: &Path, names: &[&str]) {
    for name in names {
        let path = folder.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        // Long enough to be cut in the middle, and hard to compress.
        let content: Vec<u8> = noise(name.len() as u64).take(300_000).collect();
        fs::write(&path, content).unwrap();
        let mode = if *name == "tool" { 0o755 } else { 0o644 };
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
    }
}

/// Bytes that do not compress; the same for the same seed.
pub(crate) fn noise(seed: u64) -> impl Iterator<Item = u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    std::iter::repeat_with(move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()[4]
    })
}

/// An image of a few artifacts, and the folder that holds them.
pub(crate) async fn image() -> (tempfile::TempDir, Image) {
    let folder = tempfile::tempdir().unwrap();
    write_artifacts(folder.path(), &["tool", "share/doc"]);
    let image = Image::from_artifacts(folder.path(), platform()).await.unwrap();
    (folder, image)
}
