//! What a clean room on an engine can never prove.

use super::{
    super::RoomPlan,
    connect::{Connection, Exposure},
    create::{Disk, in_memory, processors},
    dockerfile::Builder,
    held::Limit,
    image,
};
use crate::{
    plan::{BuildImage, Dockerfile},
    record::Text,
};

/// What holds for every engine, what holds for this one if it was asked already, and what its rooms were seen to lack.
pub(super) fn limits(plan: &RoomPlan, connection: Option<&Connection>, warm: bool, lacking: &[Limit]) -> Vec<Text> {
    let mut limits = Vec::new();
    let kernel =
        connection.and_then(|known| known.capacity.kernel.as_deref()).map(|kernel| format!(" ({kernel})")).unwrap_or_default();
    limits.push(format!("the clean room shares the kernel of the engine's machine{kernel}: a clean machine is not proved"));
    if warm && let Ok(name) = image::name(plan) {
        limits.push(format!("image {name} was on the engine already: that it can still be pulled is not proved"));
    }
    if let Some(BuildImage::Dockerfile(dockerfile)) = &plan.image {
        of_dockerfile(plan, dockerfile, connection, &mut limits);
    }
    if let Some(connection) = connection {
        of_engine(plan, connection, &mut limits);
    }
    limits.extend(lacking.iter().map(|limit| not_held(*limit)));
    limits.into_iter().map(Text::from).collect()
}

/// A builder uses what the engine has, and keeps to fewer limits than a room.
fn of_dockerfile(plan: &RoomPlan, dockerfile: &Dockerfile, connection: Option<&Connection>, limits: &mut Vec<String>) {
    let file = dockerfile.file.display();
    limits.push(format!(
        "the images that `{file}` starts from may have been on the engine already: that they can be pulled is not proved"
    ));
    limits.push(format!(
        "the image of `{file}` is the same the next time only if its instructions make the same files, times included"
    ));
    let Some(connection) = connection else { return };
    if Builder::of(connection) == Builder::Buildah {
        limits.push(format!(
            "Podman ends no instruction of `{file}` that is under way when a build is given up, nor when canship is killed"
        ));
    }
    if Builder::of(connection) == Builder::BuildKit {
        limits.push(String::from(
            "what BuildKit made of each instruction stays in the engine's build cache, which the engine bounds by itself \
             (`docker builder prune` empties it)",
        ));
        if plan.limits.memory.is_some() || plan.limits.cpus.is_some() {
            limits.push(format!("BuildKit holds no build to memory or cpus: the plan's limits were not enforced for `{file}`"));
        }
    }
}

fn of_engine(plan: &RoomPlan, connection: &Connection, limits: &mut Vec<String>) {
    let (capacity, asked) = (&connection.capacity, &plan.limits);
    let address = &connection.facts.address;
    match connection.exposure {
        Exposure::Nobody => {}
        Exposure::Impostors => limits.push(format!(
            "the engine at {address} does not have to prove who it is (`SkipTLSVerify` of its Docker context): whoever stands in \
             between can read source, artifacts and the secrets of steps, and change what is built"
        )),
        Exposure::Everybody => limits.push(format!(
            "the engine at {address} is reached without encryption: source, artifacts and the secrets of steps can be read on the way"
        )),
    }
    if connection.facts.name.as_str() == "Podman" {
        limits.push(String::from(
            "Podman keeps the environment of a step, and so its secrets, in its state on the engine's machine while the room is there",
        ));
    }
    if processors(plan, capacity) != asked.cpus
        && let (Some(asked), Some(there)) = (asked.cpus, capacity.processors)
    {
        limits.push(format!("the engine has {there} processors where the plan allows {asked}: times can be longer than elsewhere"));
    }
    match Disk::choose(plan, capacity) {
        Disk::Plain => {
            limits.push(String::from(
                "the clean room's files lie on the engine's disk, which has no limit for them: the plan's was not enforced",
            ));
        }
        Disk::Memory { .. } if asked.memory.is_some() => {
            let more = in_memory(plan, capacity) >> 20;
            let until =
                if connection.facts.name == "Podman".into() { "" } else { "; a step that uses it for some seconds is ended" };
            limits.push(format!(
                "the clean room's files lie in memory: a step may use up to {more} MiB more than `limits.memory`, which is what \
                 they may fill{until}"
            ));
        }
        Disk::Memory { .. } => {}
    }
}

fn not_held(limit: Limit) -> String {
    let (key, what) = match limit {
        Limit::Pids => ("pids", "start as many processes as the engine's machine allows"),
        Limit::Memory => ("memory", "use as much memory as the engine's machine has"),
        Limit::Swap => ("memory", "also swap, beyond it"),
        Limit::Cpus => ("cpus", "use all processors of the engine's machine"),
        Limit::Disk => ("disk", "fill the disk that the engine has its volumes on"),
    };
    format!("the engine did not hold the clean room to `limits.{key}`, as seen from inside: a step could {what}")
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use bollard::{API_DEFAULT_VERSION, Docker};

    use super::{
        super::connect::{Capacity, InMemory},
        *,
    };
    use crate::{
        plan::{BuildImage, Limits},
        record::{Claim, DrillId, EngineFacts, HostId},
    };

    fn plan(disk: u64) -> RoomPlan {
        RoomPlan {
            drill: DrillId::try_from(String::from("a")).unwrap(),
            claim: Claim { host: HostId::new(7), until: jiff::Timestamp::MAX },
            purpose: "build",
            image: Some(BuildImage::Image(String::from("debian:12"))),
            writable: Vec::new(),
            limits: Limits { time: Duration::from_mins(1), cpus: Some(4.0), memory: Some(1 << 30), pids: 1, disk },
        }
    }

    fn connection() -> Connection {
        let text = |raw: &str| raw.into();
        let (name, version, api) = (text("Docker"), text("1"), text("1.41"));
        Connection {
            dial: super::super::connect::Line::nowhere(),
            docker: Docker::connect_with_http("localhost:1", 1, API_DEFAULT_VERSION).unwrap(),
            facts: EngineFacts {
                name,
                version,
                api,
                platform: text("linux/amd64"),
                address: text("tcp://localhost:1"),
                rootless: None,
            },
            capacity: Capacity {
                memory: Some(8 << 30),
                processors: Some(2),
                kernel: Some(String::from("6.1")),
                in_memory: InMemory::Volume,
            },
            exposure: Exposure::Everybody,
            client: String::from("docker -H tcp://localhost:1"),
        }
    }

    fn shown(plan: &RoomPlan, connection: Option<&Connection>, lacking: &[Limit]) -> String {
        limits(plan, connection, connection.is_some(), lacking).iter().map(Text::as_str).collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn nothing_is_said_of_an_engine_that_was_not_asked() {
        assert_eq!(
            shown(&plan(1), None, &[]),
            "the clean room shares the kernel of the engine's machine: a clean machine is not proved"
        );
    }

    #[tokio::test]
    async fn an_engine_that_cannot_hold_limits_is_named_for_each() {
        let said = shown(&plan(1 << 40), Some(&connection()), &[Limit::Swap, Limit::Pids]);
        for words in [
            "debian:12 was on the engine",
            "without encryption",
            "could also swap",
            "`limits.pids`, as seen from inside",
            "has 2 processors",
            "on the engine's disk",
        ] {
            assert!(said.contains(words), "{words} in {said}");
        }
    }

    #[tokio::test]
    async fn a_raised_memory_limit_is_said() {
        let said = shown(&plan(1 << 30), Some(&connection()), &[]);
        assert!(said.contains("up to 2048 MiB more than `limits.memory`"), "{said}");
    }
}
