//! What a room is made of, as the engine is told. Pure functions of the plan and of what the engine has.

use std::{collections::HashMap, path::PathBuf};

use bollard::models::{
    ContainerCreateBody, HealthConfig, HostConfig, HostConfigLogConfig, Mount, MountType, MountVolumeOptions,
    MountVolumeOptionsDriverConfig, ResourcesUlimits,
};

use super::{
    super::RoomPlan,
    connect::{Capacity, InMemory},
    held::HELLO,
};
use crate::record::DrillId;

/// The volume that belongs to the steps.
pub(super) const WORK: &str = "/work";
/// Where steps run and source goes, below [`WORK`].
pub(super) const SRC: &str = "src";
/// Where programs keep their own things, below [`WORK`].
pub(super) const HOME: &str = "home";
/// The user and group of every step: nobody special, and the same on every engine.
pub(super) const OWNER: u64 = 1000;

/// The label that says which drill something belongs to.
pub(super) const DRILL_LABEL: &str = "dev.canship.drill";
/// The label that says what it is for.
pub(super) const PURPOSE_LABEL: &str = "dev.canship.purpose";
/// The label that says on which host the drill runs.
const HOST_LABEL: &str = "dev.canship.host";
/// The label that says when the drill has ended, in seconds since 1970.
pub(super) const DEADLINE_LABEL: &str = "dev.canship.deadline";

/// How much longer than its steps a room may be there: for filling, collecting and removing it.
const MARGIN_SECONDS: u64 = 15 * 60;

/// The first process, once it has said [`HELLO`]: it reaps what steps leave behind, and ends when its input does, or at
/// the deadline. Engines bring a program for reaping, or lack it; a shell that waits does it as well. It waits for a
/// second one, because the first process of a container cannot be killed from inside. `sleep` is the only program that
/// the image must have; one without it has no deadline, only the end of input.
const WAIT: &str = r#"exec 3<&0
while read -r line; do :; done <&3 &
reader=$!
(sleep "$1" && kill -9 "$reader") &
wait "$reader"
"#;

/// Gives volumes to the owner of the steps. The last line is the proof that it came to its end.
pub(super) const GIVE_AWAY: &str = r#"chown -R -h "$0" -- "$@" && echo given"#;

/// What lies under [`WORK`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Disk {
    /// A tmpfs that holds this many bytes: fast, and its bound is kept by the kernel.
    Memory { size: u64 },
    /// A folder on the engine's disk, without a bound.
    Plain,
}

impl Disk {
    /// Memory as long as a full disk leaves half of it for the steps.
    pub(super) fn choose(plan: &RoomPlan, capacity: &Capacity) -> Self {
        let size = plan.limits.disk;
        if capacity.memory.is_some_and(|memory| size <= memory / 2) { Self::Memory { size } } else { Self::Plain }
    }

    /// Bytes that are free in the beginning; none if only the engine's machine knows.
    pub(super) fn free(self) -> Option<u64> {
        match self {
            Self::Memory { size } => Some(size),
            Self::Plain => None,
        }
    }
}

/// The name of the room's container.
pub(super) fn container_name(plan: &RoomPlan) -> String {
    container_names(&plan.drill) + plan.purpose
}

/// What the names of a drill's containers begin with.
pub(super) fn container_names(drill: &DrillId) -> String {
    format!("canship-{drill}-")
}

/// What everything of the room is labelled with.
pub(super) fn labels(plan: &RoomPlan) -> HashMap<String, String> {
    let until = plan.claim.until.as_second().to_string();
    [
        (DRILL_LABEL, plan.drill.as_str()),
        (PURPOSE_LABEL, plan.purpose),
        (HOST_LABEL, plan.claim.host.as_str()),
        (DEADLINE_LABEL, &until),
    ]
    .map(|(key, value)| (key.to_owned(), value.to_owned()))
    .into()
}

/// The room's container.
pub(super) fn container(plan: &RoomPlan, capacity: &Capacity, image_id: &str) -> ContainerCreateBody {
    let deadline = plan.limits.time.as_secs().saturating_add(MARGIN_SECONDS);
    ContainerCreateBody {
        image: Some(image_id.to_owned()),
        entrypoint: Some(texts(&["/bin/sh", "-c", &format!("{HELLO}{WAIT}"), "canship-room"])),
        cmd: Some(vec![deadline.to_string()]),
        user: Some(format!("{OWNER}:{OWNER}")),
        working_dir: Some(String::from(WORK)),
        env: Some(environment()),
        open_stdin: Some(true),
        stdin_once: Some(true),
        host_config: Some(HostConfig {
            network_mode: Some(String::from("bridge")),
            pid_mode: own_processes(capacity),
            pids_limit: Some(signed(plan.limits.pids)),
            nano_cpus: processors(plan, capacity).map(nano_cpus),
            memory: memory(plan, capacity).map(signed),
            // As much with swap as without: none.
            memory_swap: memory(plan, capacity).map(signed),
            tmpfs: Some(in_memory_mounts(plan, capacity)),
            mounts: Some(mounts(plan, capacity)),
            ..hardened(plan)
        }),
        ..common(plan)
    }
}

/// A container that gives the room's writable paths to the owner of the steps: root, but with no right beyond that,
/// and gone as soon as it is done.
pub(super) fn giver(plan: &RoomPlan, image_id: &str, room: &str) -> ContainerCreateBody {
    let paths = plan.writable.iter().map(|path| path.to_string_lossy().into_owned());
    ContainerCreateBody {
        image: Some(image_id.to_owned()),
        entrypoint: Some(texts(&["/bin/sh", "-c", GIVE_AWAY])),
        cmd: Some(std::iter::once(format!("{OWNER}:{OWNER}")).chain(paths).collect()),
        user: Some(String::from("0:0")),
        host_config: Some(HostConfig {
            network_mode: Some(String::from("none")),
            cap_add: Some(texts(&["CHOWN", "FOWNER", "DAC_OVERRIDE"])),
            pids_limit: Some(16),
            volumes_from: Some(vec![room.to_owned()]),
            ..hardened(plan)
        }),
        ..common(plan)
    }
}

fn common(plan: &RoomPlan) -> ContainerCreateBody {
    ContainerCreateBody {
        labels: Some(labels(plan)),
        // The image's own check would run as one more process, again and again.
        healthcheck: Some(HealthConfig { test: Some(texts(&["NONE"])), ..Default::default() }),
        ..Default::default()
    }
}

fn hardened(plan: &RoomPlan) -> HostConfig {
    HostConfig {
        auto_remove: Some(true),
        readonly_rootfs: Some(true),
        cap_drop: Some(texts(&["ALL"])),
        security_opt: Some(texts(&["no-new-privileges"])),
        ulimits: Some(ulimits(plan)),
        log_config: Some(HostConfigLogConfig { typ: Some(String::from("none")), config: None }),
        ..Default::default()
    }
}

/// Processes of its own: a step's end ends those that it left. Podman can be configured to share the machine's unless it is
/// told; Docker never does, and takes no such word.
fn own_processes(capacity: &Capacity) -> Option<String> {
    (capacity.in_memory == InMemory::Mount).then(|| String::from("private"))
}

/// What every step finds, beside the image's own variables: a home and caches that it can write to, and neutral text.
fn environment() -> Vec<String> {
    [
        ("HOME", ""),
        ("CARGO_HOME", "/.cargo"),
        ("GOPATH", "/go"),
        ("XDG_CACHE_HOME", "/.cache"),
        ("XDG_CONFIG_HOME", "/.config"),
        ("XDG_DATA_HOME", "/.local/share"),
    ]
    .map(|(name, below)| format!("{name}={WORK}/{HOME}{below}"))
    .into_iter()
    .chain([String::from("TMPDIR=/tmp"), String::from("LANG=C.UTF-8")])
    .collect()
}

/// File systems in memory that are the container's own. Podman would fill them from the image, and lay more of them, without
/// a bound, over places of a read-only root unless something else is there.
fn in_memory_mounts(plan: &RoomPlan, capacity: &Capacity) -> HashMap<String, String> {
    let open = |path: &str, size, more| (path.to_owned(), format!("rw,exec,nosuid,nodev,mode=1777,size={size}{more}"));
    let tmp = tmp_size(plan, capacity);
    let InMemory::Mount = capacity.in_memory else { return [open("/tmp", tmp, "")].into() };
    let shut = ["/run", "/var/tmp"].into_iter().filter(|path| !plan.writable.contains(&PathBuf::from(path)));
    let shut = shut.map(|path| (path.to_owned(), String::from("ro,size=4096,notmpcopyup")));
    let work = Disk::choose(plan, capacity).free().map(|size| open(WORK, size, ",notmpcopyup"));
    shut.chain(work).chain([open("/tmp", tmp, ",notmpcopyup")]).collect()
}

fn mounts(plan: &RoomPlan, capacity: &Capacity) -> Vec<Mount> {
    let volume = |target: String, no_copy, driver_config| Mount {
        target: Some(target),
        typ: Some(MountType::VOLUME),
        volume_options: Some(MountVolumeOptions {
            no_copy: Some(no_copy),
            labels: Some(labels(plan)),
            driver_config,
            subpath: None,
        }),
        ..Default::default()
    };
    let work = match (Disk::choose(plan, capacity), capacity.in_memory) {
        (Disk::Memory { .. }, InMemory::Mount) => None,
        (Disk::Memory { size }, InMemory::Volume) => Some(volume(WORK.to_owned(), true, Some(in_memory_driver(size)))),
        (Disk::Plain, _) => Some(volume(WORK.to_owned(), true, None)),
    };
    let writable = plan.writable.iter().map(|path| volume(path.to_string_lossy().into_owned(), false, None));
    work.into_iter().chain(writable).collect()
}

fn in_memory_driver(size: u64) -> MountVolumeOptionsDriverConfig {
    let mount = format!("size={size},mode=0755,uid={OWNER},gid={OWNER},nosuid,nodev");
    let options = [("type", "tmpfs"), ("device", "tmpfs"), ("o", &mount)];
    MountVolumeOptionsDriverConfig {
        name: Some(String::from("local")),
        options: Some(options.map(|(key, value)| (key.to_owned(), value.to_owned())).into()),
    }
}

/// The container's memory limit: what the plan allows, and on top all that its file systems in memory may hold, since
/// the kernel charges their pages to the container. So a full disk is told as a full disk and not as a lack of memory.
pub(super) fn memory(plan: &RoomPlan, capacity: &Capacity) -> Option<u64> {
    plan.limits.memory.map(|memory| memory.saturating_add(in_memory(plan, capacity)))
}

/// Bytes of the room's file systems that lie in memory.
pub(super) fn in_memory(plan: &RoomPlan, capacity: &Capacity) -> u64 {
    Disk::choose(plan, capacity).free().unwrap_or(0).saturating_add(tmp_size(plan, capacity))
}

/// `/tmp` holds as much as the disk, but never more than an eighth of the engine's memory.
fn tmp_size(plan: &RoomPlan, capacity: &Capacity) -> u64 {
    const UNKNOWN_MEMORY: u64 = 8 << 30;
    plan.limits.disk.min(capacity.memory.unwrap_or(UNKNOWN_MEMORY) / 8)
}

/// No more than the engine has: it would refuse that.
pub(super) fn processors(plan: &RoomPlan, capacity: &Capacity) -> Option<f64> {
    plan.limits.cpus.map(|cpus| capacity.processors.map_or(cpus, |there| cpus.min(f64::from(there))))
}

#[expect(clippy::cast_possible_truncation, reason = "a float of processors becomes whole billionths; `as` saturates")]
fn nano_cpus(processors: f64) -> i64 {
    (processors * 1e9) as i64
}

/// Set, because their defaults differ from engine to engine. Processes are bounded by `pids_limit`: `nproc` counts all
/// of this user on the engine's machine, so it is only ever a far bound.
fn ulimits(plan: &RoomPlan) -> Vec<ResourcesUlimits> {
    let both = |name: &str, n: i64| ResourcesUlimits { name: Some(name.to_owned()), soft: Some(n), hard: Some(n) };
    vec![both("nofile", 8192), both("nproc", signed(plan.limits.pids).max(16384))]
}

fn signed(n: u64) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
}

fn texts(list: &[&str]) -> Vec<String> {
    list.iter().map(|&text| text.to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::{
        plan::Limits,
        record::{Claim, DrillId, HostId},
    };

    fn plan(disk: u64, memory: Option<u64>) -> RoomPlan {
        RoomPlan {
            drill: DrillId::try_from(String::from("20261120-233512-1f0c9a7e")).unwrap(),
            claim: Claim { host: HostId::new(7), until: jiff::Timestamp::from_second(1_800_000_000).unwrap() },
            purpose: "build",
            image: None,
            writable: vec!["/usr/local/cargo".into()],
            limits: Limits { time: Duration::from_mins(20), cpus: Some(4.0), memory, pids: 2048, disk },
        }
    }

    fn capacity(memory: u64) -> Capacity {
        Capacity { memory: Some(memory), processors: Some(2), kernel: None, in_memory: InMemory::Volume }
    }

    #[test]
    fn the_disk_lies_in_memory_only_if_half_of_it_stays_free() {
        assert_eq!(Disk::choose(&plan(50, None), &capacity(100)), Disk::Memory { size: 50 });
        assert_eq!(Disk::choose(&plan(51, None), &capacity(100)), Disk::Plain);
    }

    #[test]
    fn a_memory_limit_grows_by_what_file_systems_in_memory_may_hold() {
        let host = container(&plan(400, Some(1000)), &capacity(800), "id").host_config.unwrap();
        assert_eq!(host.memory, Some(1000 + 400 + 100), "the plan's, the working folder's, an eighth of the engine's for /tmp");
        assert_eq!(host.memory_swap, host.memory);
        assert_eq!(container(&plan(400, None), &capacity(800), "id").host_config.unwrap().memory, None);
    }

    #[test]
    fn the_first_process_ends_at_its_deadline_though_its_input_is_open() {
        use std::process;
        let mut waits = process::Command::new("/bin/sh")
            .args(["-c", WAIT, "room", "0"])
            .stdin(process::Stdio::piped())
            .stdout(process::Stdio::null())
            .spawn()
            .unwrap();
        let _input = waits.stdin.take();
        assert_eq!(waits.wait().unwrap().code(), Some(128 + 9));
    }

    #[test]
    fn processors_are_never_more_than_the_engine_has() {
        assert_eq!(container(&plan(1, None), &capacity(800), "id").host_config.unwrap().nano_cpus, Some(2_000_000_000));
    }

    #[test]
    fn a_room_mounts_nothing_but_its_own_anonymous_volumes() {
        let host = container(&plan(1, None), &capacity(800), "id").host_config.unwrap();
        assert!(host.binds.is_none() && host.devices.is_none() && host.privileged.is_none());
        for mount in host.mounts.unwrap() {
            assert_eq!((mount.typ, mount.source), (Some(MountType::VOLUME), None), "{:?}", mount.target);
        }
    }
}
