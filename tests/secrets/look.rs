//! Looks at what everybody on this machine could look at while a drill runs: processes, containers, images.

#![cfg(test)]

use std::{collections::BTreeMap, fs, io::Read as _};

use bollard::{Docker, query_parameters::ListContainersOptionsBuilder};
use serde_json::Value;

/// The command line of every process of this machine.
pub(crate) fn arguments() -> Vec<(u32, Vec<u8>)> {
    // A process may end while it is looked at.
    processes().into_iter().filter_map(|id| Some((id, fs::read(format!("/proc/{id}/cmdline")).ok()?))).collect()
}

/// The environment that a process was started with; nothing if it has ended.
pub(crate) fn environment(process: u32) -> Vec<u8> {
    fs::read(format!("/proc/{process}/environ")).unwrap_or_default()
}

fn processes() -> Vec<u32> {
    let entries = fs::read_dir("/proc").unwrap();
    entries.filter_map(|entry| entry.unwrap().file_name().to_str()?.parse().ok()).collect()
}

/// All that a process has started.
pub(crate) struct Children {
    steps: Vec<u32>,
    others: Vec<u32>,
}

impl Children {
    pub(crate) fn of(process: u32) -> Self {
        let parents: BTreeMap<u32, u32> = processes().into_iter().filter_map(|id| Some((id, parent(id)?))).collect();
        let mut family = vec![process];
        loop {
            let more: Vec<u32> =
                parents.iter().filter(|(id, parent)| family.contains(parent) && !family.contains(id)).map(|(id, _)| *id).collect();
            if more.is_empty() {
                break;
            }
            family.extend(more);
        }
        let of_step = |id: &u32| environment(*id).split(|byte| *byte == 0).any(|variable| variable.starts_with(b"CANSHIP_ROOM="));
        let (steps, others) = family.into_iter().filter(|id| *id != process).partition(of_step);
        Self { steps, others }
    }

    /// The processes of a step on this machine, which have the room's marker.
    pub(crate) fn of_steps(&self) -> &[u32] {
        &self.steps
    }

    pub(crate) fn but_the_steps(&self) -> &[u32] {
        &self.others
    }
}

fn parent(process: u32) -> Option<u32> {
    let status = fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    status.lines().find_map(|line| line.strip_prefix("PPid:"))?.trim().parse().ok()
}

/// Runs to its end what only talks to the engine and a registry.
fn wait<T>(asking: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(asking)
}

/// All that the engine tells of a drill's containers, of their processes, and of what was started in them.
pub(crate) fn engine(drill: &str) -> String {
    wait(async {
        let docker = Docker::connect_with_defaults().unwrap();
        let filters = [("label".to_owned(), vec![format!("dev.canship.drill={drill}")])].into();
        let options = ListContainersOptionsBuilder::default().all(true).filters(&filters).build();
        let mut told = Vec::new();
        for container in docker.list_containers(Some(options)).await.unwrap() {
            let inspected = docker.inspect_container(container.id.as_deref().unwrap(), None).await.unwrap();
            for exec in inspected.exec_ids.iter().flatten() {
                told.push(format!("{:?}", docker.inspect_exec(exec).await.unwrap()));
            }
            told.push(serde_json::to_string(&inspected).unwrap());
        }
        told.join("\n")
    })
}

/// Manifest, configuration and unpacked layers of an image, one after the other.
pub(crate) fn image(reference: &str, digest: &str) -> String {
    let (host, rest) = reference.split_once('/').unwrap();
    let (repository, _tag) = rest.rsplit_once(':').unwrap();
    let ask = async |what: &str, digest: &str| {
        let url = format!("http://{host}/v2/{repository}/{what}/{digest}");
        let request = reqwest::Client::builder().no_proxy().build().unwrap().get(url);
        let answer = request.header("Accept", "application/vnd.oci.image.manifest.v1+json").send().await.unwrap();
        answer.error_for_status().unwrap().bytes().await.unwrap()
    };
    wait(async {
        drop(rustls::crypto::aws_lc_rs::default_provider().install_default());
        let manifest: Value = serde_json::from_slice(&ask("manifests", digest).await).unwrap();
        let mut told = manifest.to_string();
        let config = ask("blobs", manifest["config"]["digest"].as_str().unwrap()).await;
        told += &String::from_utf8_lossy(&config);
        for layer in manifest["layers"].as_array().unwrap() {
            let packed = ask("blobs", layer["digest"].as_str().unwrap()).await;
            let mut unpacked = Vec::new();
            flate2::read::GzDecoder::new(&*packed).read_to_end(&mut unpacked).unwrap();
            told += &String::from_utf8_lossy(&unpacked);
        }
        told
    })
}
