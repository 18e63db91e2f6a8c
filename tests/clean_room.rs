//! Clean rooms on real engines, from outside: Docker at `DOCKER_HOST` or its usual socket, Podman as root and as a user
//! without rights, each with an image with a shell, core utilities and a C compiler. Without one of them its tests fail:
//! a clean room that was not tried is not known to be clean.
#![cfg(test)]

#[path = "support/engines.rs"]
#[expect(dead_code, reason = "drills ask more")]
mod engines;
#[path = "support/on_each_engine.rs"]
mod on_each_engine;
#[path = "support/services.rs"]
#[expect(dead_code, reason = "drills need more")]
mod services;

use std::{
    collections::HashMap,
    io::{BufRead as _, Write as _},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::Mutex,
    time::{Duration, Instant},
};

use bollard::{
    API_DEFAULT_VERSION, Docker,
    exec::StartExecOptions,
    query_parameters::{ListContainersOptionsBuilder, ListVolumesOptionsBuilder, WaitContainerOptionsBuilder},
};
use canship::{
    archive::{Fill, Refused},
    plan::{BuildImage, Limits},
    record::{Claim, DrillId, HostId, StepEnd, Stream},
    secret::Secret,
    spare::{
        Room, RoomPlan, RoomStep, Spare as _, SpareError,
        container::{Engine, Located, Surroundings},
    },
};
use engines::On;
use futures_util::StreamExt as _;
use on_each_engine::on_each_engine;
use services::service;
use sha2::Digest as _;
use tokio::sync::Notify;

const MIB: u64 = 1 << 20;

fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

tokio::task_local! {
    /// The engine that this test runs on.
    static ON: On;
}

fn run_on<T: Future<Output = ()>>(on: On, test: impl FnOnce() -> T) {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(ON.scope(on, test()));
}

fn engine() -> Engine {
    at(&ON.get().address())
}

fn at(address: &str) -> Engine {
    Engine::new(Located::new(Some(address), Surroundings::default()))
}

fn docker() -> Docker {
    let address = ON.get().address();
    let Some(path) = address.strip_prefix("unix://") else { return Docker::connect_with_defaults().unwrap() };
    Docker::connect_with_unix(path, 120, API_DEFAULT_VERSION).unwrap()
}

/// A plan of a drill of its own, with a disk small enough for memory.
fn plan() -> RoomPlan {
    RoomPlan {
        drill: DrillId::try_from(format!("test-{}", uuid::Uuid::now_v7().simple())).unwrap(),
        claim: Claim { host: HostId::new(1), until: jiff::Timestamp::MAX },
        purpose: "build",
        image: Some(BuildImage::Image(service("CANSHIP_TEST_IMAGE"))),
        writable: Vec::new(),
        limits: Limits { time: Duration::from_mins(10), cpus: Some(1.5), memory: None, pids: 256, disk: 64 * MIB },
    }
}

async fn open(plan: &RoomPlan) -> Box<dyn Room> {
    engine().open(plan, &|_, _, _| {}).await.expect("this test needs an engine and its image")
}

fn step(command: &str) -> RoomStep {
    RoomStep { command: command.to_owned(), env: Vec::new(), secrets: Vec::new(), time: Duration::from_mins(2) }
}

struct Ran {
    end: StepEnd,
    stdout: Vec<u8>,
    stderr: Vec<u8>,
}

impl Ran {
    fn out(&self) -> &str {
        std::str::from_utf8(&self.stdout).unwrap()
    }

    fn err(&self) -> &str {
        std::str::from_utf8(&self.stderr).unwrap()
    }
}

async fn try_run(room: &mut dyn Room, step: RoomStep) -> Result<Ran, SpareError> {
    let (mut stdout, mut stderr) = (Vec::new(), Vec::new());
    let mut output = |stream: Stream, bytes: &[u8]| match stream {
        Stream::Stdout => stdout.extend_from_slice(bytes),
        Stream::Stderr => stderr.extend_from_slice(bytes),
    };
    let end = room.run(step, &mut output).await?;
    Ok(Ran { end, stdout, stderr })
}

async fn run(room: &mut dyn Room, command: &str) -> Ran {
    try_run(room, step(command)).await.unwrap()
}

async fn close(room: Box<dyn Room>) {
    assert_eq!(room.close().await, [], "nothing is left");
}

/// Names of containers and volumes of a drill, whatever their state. Podman labels no volume that a container brought.
async fn left_of(plan: &RoomPlan) -> Vec<String> {
    let filters = HashMap::from([("label", vec![format!("dev.canship.drill={}", plan.drill)])]);
    let containers = ListContainersOptionsBuilder::default().all(true).filters(&filters).build();
    let volumes = ListVolumesOptionsBuilder::default().filters(&filters).build();
    let containers = docker().list_containers(Some(containers)).await.unwrap();
    let volumes = docker().list_volumes(Some(volumes)).await.unwrap().volumes.unwrap_or_default();
    let containers = containers.into_iter().map(|container| container.names.unwrap_or_default().concat());
    containers.chain(volumes.into_iter().map(|volume| volume.name)).collect()
}

/// The names of the volumes that the drill's container has.
async fn volumes_of(plan: &RoomPlan) -> Vec<String> {
    let seen = docker().inspect_container(&container_of(plan), None).await.unwrap();
    let mounts = seen.mounts.unwrap();
    assert!(mounts.iter().all(|mount| mount.typ.as_deref() == Some("volume")), "{mounts:?}");
    mounts.into_iter().map(|mount| mount.name.unwrap()).collect()
}

/// Closes the room and sees that its volumes went with it.
async fn close_with_volumes(room: Box<dyn Room>, plan: &RoomPlan) {
    let volumes = volumes_of(plan).await;
    close(room).await;
    assert_eq!(left_of(plan).await, Vec::<String>::new());
    for volume in volumes {
        assert!(docker().inspect_volume(&volume).await.is_err(), "volume {volume} is left");
    }
}

fn container_of(plan: &RoomPlan) -> String {
    format!("canship-{}-{}", plan.drill, plan.purpose)
}

/// Waits for the engine to say that the drill's container is gone.
async fn gone(plan: &RoomPlan) {
    let options = WaitContainerOptionsBuilder::default().condition("removed").build();
    let client = docker();
    let mut waiting = client.wait_container(&container_of(plan), Some(options));
    // Both an exit code other than 0 and "no such container" come as errors.
    tokio::time::timeout(Duration::from_mins(1), waiting.next()).await.expect("the room ends by itself");
    assert_eq!(left_of(plan).await, Vec::<String>::new());
}

async fn looking_tells_engine_and_image_and_changes_nothing() {
    let (engine, plan) = (engine(), plan());
    let facts = engine.look(&plan).await.unwrap();
    let about = facts.engine.unwrap();
    assert_eq!(about.name.as_str(), if ON.get() == On::Docker { "Docker" } else { "Podman" });
    assert!(about.platform.as_str().starts_with("linux/"), "{about:?}");
    assert!(!about.version.is_empty() && !about.api.is_empty() && about.address.as_str().contains("://"), "{about:?}");
    let seen = facts.image.unwrap();
    assert!(seen.warm && seen.id.as_str().starts_with("sha256:"), "{seen:?}");
    assert_eq!(facts.disk_free, Some(64 * MIB));
    assert!(engine.limits(&plan).iter().any(|limit| limit.as_str().contains("was on the engine already")));
    assert_eq!(left_of(&plan).await, Vec::<String>::new());
}

async fn an_image_whose_name_only_ends_alike_is_another_one() {
    let mut plan = plan();
    let whole = service("CANSHIP_TEST_TINY_IMAGE");
    let end = whole.rsplit('/').next().unwrap();
    assert_ne!(end, whole);
    plan.image = Some(BuildImage::Image(end.to_owned()));
    assert_eq!(engine().look(&plan).await.unwrap().image, None);
}

async fn a_missing_image_is_no_error_to_look_for_but_one_to_open() {
    let mut plan = plan();
    // Port 9 of loopback is nobody's: the engine fails to pull at once.
    plan.image = Some(BuildImage::Image(String::from("127.0.0.1:9/canship/missing:1")));
    assert_eq!(engine().look(&plan).await.unwrap().image, None);
    match engine().open(&plan, &|_, _, _| {}).await.map(drop) {
        Err(SpareError::NoImage { image, reason }) => {
            assert_eq!(image, "127.0.0.1:9/canship/missing:1");
            assert!(reason.contains("127.0.0.1:9"), "the engine's words: {reason}");
        }
        other => panic!("{other:?}"),
    }
}

async fn an_image_that_is_not_there_is_pulled_with_progress_and_one_without_a_shell_is_told() {
    let mut plan = plan();
    let image = registry_with_an_image(plan.drill.as_str()).await;
    plan.image = Some(BuildImage::Image(image.clone()));
    let engine = engine();
    assert_eq!(engine.look(&plan).await.unwrap().image, None);
    let told = Mutex::new(Vec::new());
    let progress = |what: &str, done: u64, all: Option<u64>| told.lock().unwrap().push((what.to_owned(), done, all));
    let opened = engine.open(&plan, &progress).await.map(drop);
    let looked = engine.look(&plan).await.unwrap().image;
    let removed = docker().remove_image(&image, None::<bollard::query_parameters::RemoveImageOptions>, None).await;
    assert!(matches!(&opened, Err(SpareError::Failed { reason, .. }) if reason.contains("/bin/sh")), "{opened:?}");
    assert!(looked.is_some() && removed.is_ok(), "{removed:?}");
    let told = told.into_inner().unwrap();
    // Podman tells no bytes.
    let tells_bytes = |done: &u64, all: &Option<u64>| ON.get() != On::Docker || (*done > 0 && *all >= Some(*done));
    assert!(told.iter().any(|(what, done, all)| what == "pulling the image" && tells_bytes(done, all)), "{told:?}");
    assert!(!engine.limits(&plan).iter().any(|limit| limit.as_str().contains("already")), "its pull was proved");
    assert_eq!(left_of(&plan).await, Vec::<String>::new());
}

/// Serves an image of one useless file from loopback, where engines take plain HTTP. Returns the image's name.
async fn registry_with_an_image(unique: &str) -> String {
    let mut layer = tar::Builder::new(Vec::new());
    let content = unique.repeat(100_000);
    let mut header = tar::Header::new_gnu();
    header.set_size(content.len() as u64);
    header.set_mode(0o644);
    layer.append_data(&mut header, "file", content.as_bytes()).unwrap();
    let layer = layer.into_inner().unwrap();
    let digest = |bytes: &[u8]| canship::record::Digest::from_sha256(&sha2::Sha256::digest(bytes)).to_string();
    let config = serde_json::json!({
        "architecture": "amd64", "os": "linux", "config": {}, "rootfs": { "type": "layers", "diff_ids": [digest(&layer)] },
    });
    let config = config.to_string().into_bytes();
    let kind = |part: &str| format!("application/vnd.oci.image.{part}");
    let manifest = serde_json::json!({
        "schemaVersion": 2, "mediaType": kind("manifest.v1+json"),
        "config": { "mediaType": kind("config.v1+json"), "digest": digest(&config), "size": config.len() },
        "layers": [{ "mediaType": kind("layer.v1.tar"), "digest": digest(&layer), "size": layer.len() }],
    });
    let manifest = manifest.to_string().into_bytes();
    let by_digest = HashMap::from([manifest.clone(), config, layer].map(|bytes| (digest(&bytes), bytes)));
    let serve = move |uri: http::Uri| {
        let name = uri.path().rsplit('/').next().unwrap_or_default();
        let bytes = if name == "1" { Some(&manifest) } else { by_digest.get(name) };
        let status = if bytes.is_some() || uri.path() == "/v2/" { 200 } else { 404 };
        let kind = if uri.path().contains("/manifests/") {
            "application/vnd.oci.image.manifest.v1+json"
        } else {
            "application/octet-stream"
        };
        let answer = http::Response::builder().status(status).header("content-type", kind);
        let answer = answer.body(axum::body::Body::from(bytes.cloned().unwrap_or_default())).unwrap();
        std::future::ready(answer)
    };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let name = format!("{}/canship/{unique}:1", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, axum::Router::new().fallback(serve)).await });
    name
}

#[tokio::test]
async fn an_engine_that_is_not_there_is_told_at_once() {
    let plan = plan();
    let began = Instant::now();
    for (address, words) in [("unix:///nowhere/docker.sock", "no socket"), ("tcp://127.0.0.1:9", "refused")] {
        match at(address).look(&plan).await {
            Err(SpareError::Unreachable { address: told, reason, .. }) => {
                assert_eq!(told, address);
                assert!(reason.contains(words), "{reason}");
            }
            other => panic!("{other:?}"),
        }
    }
    assert!(began.elapsed() < Duration::from_secs(10), "no bound of time had to run out");
}

#[tokio::test]
async fn an_address_of_no_known_kind_is_named() {
    let looked = at("npipe:////./pipe/docker_engine").look(&plan()).await;
    assert!(matches!(&looked, Err(SpareError::Unlocated { reason, .. }) if reason.contains("npipe:////./pipe")), "{looked:?}");
}

async fn steps_run_without_rights_as_seen_from_inside() {
    let plan = plan();
    let mut room = open(&plan).await;
    let status = run(&mut *room, "cat /proc/self/status; id").await;
    for line in ["CapEff:\t0000000000000000", "CapBnd:\t0000000000000000", "NoNewPrivs:\t1", "Seccomp:\t2", "uid=1000", "gid=1000"]
    {
        assert!(status.out().contains(line), "{line} in {}", status.out());
    }
    let limits = run(&mut *room, "cat /proc/self/limits").await;
    // A Podman without rights takes no numbers for these and gives its own.
    assert!(
        ON.get() == On::RootlessPodman
            || limits.out().lines().any(|line| line.starts_with("Max open files") && line.contains("8192")),
        "{}",
        limits.out()
    );

    for path in ["/", "/usr", "/etc", "/var/tmp", "/work"] {
        let tried = run(&mut *room, &format!("touch {path}/x")).await;
        // The root of a tmpfs volume belongs to the steps, that of a plain one does not.
        assert!(path == "/work" || tried.err().contains("Read-only file system"), "{path}: {}", tried.err());
    }
    let written = "touch src here $HOME/there $TMPDIR/too && stat -c %a /tmp && pwd && printf '#!/bin/sh\\necho ran' >/tmp/x && chmod +x /tmp/x && /tmp/x";
    let written = run(&mut *room, written).await;
    assert_eq!((written.out(), written.end.is_success()), ("1777\n/work/src\nran\n", true), "{}", written.err());

    let sockets = run(&mut *room, "ls /var/run/docker.sock /run/docker.sock; grep -c docker.sock /proc/self/mountinfo").await;
    assert_eq!((sockets.out(), &sockets.end), ("0\n", &StepEnd::Exited { code: 1 }));
    close(room).await;
}

async fn the_engine_is_told_the_limits_and_nothing_is_mounted_from_its_machine() {
    let mut plan = plan();
    plan.limits.memory = Some(256 * MIB);
    let room = open(&plan).await;
    assert_eq!(room.facts().engine.unwrap().rootless, Some(ON.get() == On::RootlessPodman));
    let seen = docker().inspect_container(&container_of(&plan), None).await.unwrap();
    let host = seen.host_config.unwrap();
    assert_eq!((host.binds.unwrap_or_default(), host.privileged, host.devices.unwrap_or_default()), (vec![], Some(false), vec![]));
    assert_eq!((host.network_mode.as_deref(), host.readonly_rootfs), (Some("bridge"), Some(true)));
    assert!(["", "private"].contains(&host.pid_mode.as_deref().unwrap_or_default()), "{:?}", host.pid_mode);
    // A Podman without rights says itself that it has dropped them; whether it is told is another test's matter.
    if ON.get() != On::RootlessPodman {
        assert_eq!((host.pids_limit, host.nano_cpus), (Some(256), Some(1_500_000_000)));
        assert!(host.memory.unwrap() >= 256 << 20);
        assert_eq!(host.memory, host.memory_swap);
    }
    assert_eq!(host.security_opt.unwrap(), ["no-new-privileges"]);
    // Podman names each.
    let dropped = host.cap_drop.unwrap();
    assert!(dropped == ["ALL"] || dropped.iter().any(|capability| capability == "CHOWN"), "{dropped:?}");
    let labels = seen.config.unwrap().labels.unwrap();
    assert_eq!(labels.get("dev.canship.drill").map(String::as_str), Some(plan.drill.as_str()));
    assert_eq!(labels.get("dev.canship.purpose").map(String::as_str), Some("build"));
    let labelled = if ON.get() == On::Docker { 2 } else { 1 };
    assert_eq!(left_of(&plan).await.len(), labelled, "the container, and the volume if it has one, carry the label");
    close_with_volumes(room, &plan).await;
}

async fn a_step_sees_its_own_environment_and_secrets_and_no_later_step_does() {
    let plan = plan();
    let mut room = open(&plan).await;
    assert!(run(&mut *room, "mkfifo /tmp/go").await.end.is_success());
    let mut with = step("echo $MODE $TOKEN; printenv HOME TMPDIR CARGO_HOME LANG; read -r _ </tmp/go");
    with.env = vec![(String::from("MODE"), String::from("release"))];
    with.secrets = vec![(String::from("TOKEN"), Secret::new(String::from("t0p-s3cret")))];

    let (mut said, runs) = (Vec::new(), Notify::new());
    let mut output = |_: Stream, bytes: &[u8]| {
        said.extend_from_slice(bytes);
        runs.notify_one();
    };
    let inspecting = async {
        runs.notified().await;
        let told = told_while_running(&plan).await;
        exec(&plan, "echo >/tmp/go").await;
        told
    };
    let (end, told) = tokio::join!(room.run(with, &mut output), inspecting);
    assert!(end.unwrap().is_success());
    assert!(told.contains("running: Some(true)") && !told.contains("t0p-s3cret"), "{told}");
    assert_eq!(String::from_utf8(said).unwrap(), "release t0p-s3cret\n/work/home\n/tmp\n/work/home/.cargo\nC.UTF-8\n");

    let later = run(&mut *room, "env; cat /proc/*/environ | tr '\\0' '\\n'").await;
    assert!(later.out().contains("HOME=/work/home"), "{}", later.err());
    assert!(!later.out().contains("TOKEN") && !later.out().contains("MODE"), "{}", later.out());
    close(room).await;
}

/// All that the engine tells of the drill's container and of what runs in it.
async fn told_while_running(plan: &RoomPlan) -> String {
    let container = docker().inspect_container(&container_of(plan), None).await.unwrap();
    let mut told = vec![format!("{container:?}")];
    for id in container.exec_ids.unwrap_or_default() {
        told.push(format!("{:?}", docker().inspect_exec(&id).await.unwrap()));
    }
    told.concat()
}

/// Runs a command in the drill's container beside the drill.
async fn exec(plan: &RoomPlan, command: &str) {
    let cmd = ["/bin/sh", "-c", command].map(String::from).to_vec();
    let config = bollard::models::ExecConfig { cmd: Some(cmd), ..Default::default() };
    let id = docker().create_exec(&container_of(plan), config).await.unwrap().id;
    let options = StartExecOptions { detach: true, ..Default::default() };
    docker().start_exec(&id, Some(options)).await.unwrap();
}

async fn exit_codes_and_both_streams_come_back_as_they_are() {
    let mut room = open(&plan()).await;
    for code in [0, 1, 3, 126, 127, 255] {
        assert_eq!(run(&mut *room, &format!("exit {code}")).await.end, StepEnd::Exited { code });
    }
    assert_eq!(run(&mut *room, "no-such-command").await.end, StepEnd::Exited { code: 127 });
    let killed = run(&mut *room, "kill -9 $$").await;
    assert_eq!((&killed.end, killed.err()), (&StepEnd::Exited { code: 137 }, ""));
    let both = run(&mut *room, "echo to-out; echo to-err >&2").await;
    assert_eq!((both.out(), both.err()), ("to-out\n", "to-err\n"));
    // The bytes are the same ones that the engine's own protocol uses, and many.
    let binary = run(&mut *room, "head -c 3000000 /dev/zero; printf '\\001\\000\\000\\377\\n'").await;
    assert_eq!(binary.stdout.len(), 3_000_005);
    assert_eq!(binary.stdout[3_000_000..], [1, 0, 0, 255, b'\n']);
    close(room).await;
}

async fn a_step_ends_with_its_own_process_whatever_it_leaves_or_closes() {
    let mut room = open(&plan()).await;
    let left = run(&mut *room, "sleep 600 & echo started; exit 4").await;
    assert_eq!((left.out(), &left.end), ("started\n", &StepEnd::Exited { code: 4 }));
    let closed = run(&mut *room, "exec >&- 2>&-; sleep 1; exit 5").await;
    assert_eq!(closed.end, StepEnd::Exited { code: 5 });
    let group = run(&mut *room, "trap 'trap \"\" TERM; kill 0; exit 6' EXIT; sleep 600 &").await;
    assert_eq!(group.end, StepEnd::Exited { code: 6 });
    close(room).await;
}

/// Leaves this running, out of reach of its session and its output, and goes on when it has written into `file`.
fn leave(what: &str, file: &str) -> String {
    format!("(setsid sh -c '{what}' >/dev/null 2>&1 &); while [ ! -s {file} ]; do :; done")
}

async fn what_a_step_leaves_running_sees_no_later_step_and_no_later_step_sees_it() {
    let mut room = open(&plan()).await;
    let before = run(&mut *room, "set -- /proc/[0-9]*; echo $#").await;
    let spy = "trap \"\" TERM HUP; while :; do cat /proc/*/environ >>seen; done";
    let mut leaves = step(&leave(spy, "seen"));
    leaves.secrets = vec![(String::from("EARLIER"), Secret::new(String::from("t0p-s3cret")))];
    assert!(try_run(&mut *room, leaves).await.unwrap().end.is_success());

    let mut later =
        step("cat /proc/*/environ | tr '\\0' '\\n' | grep EARLIER; sleep 1; grep -c LATER seen; set -- /proc/[0-9]*; echo $#");
    later.secrets = vec![(String::from("LATER"), Secret::new(String::from("h1dden")))];
    let later = try_run(&mut *room, later).await.unwrap();
    assert_eq!(later.out(), format!("0\n{}", before.out()), "{}", later.err());
    close(room).await;
}

async fn a_file_that_a_left_process_goes_on_writing_is_whole_when_it_is_taken_out() {
    let mut room = open(&plan()).await;
    let ended = run(&mut *room, &leave("while :; do echo more; done >app", "app")).await;
    assert!(ended.end.is_success(), "{}", ended.err());
    let mut digests = Vec::new();
    for _ in 0..2 {
        let into = tempfile::tempdir().unwrap();
        let files = room.collect(Path::new("app"), into.path(), Box::new(|_| true)).await.unwrap();
        digests.push(files[0].digest.clone());
    }
    assert_eq!(digests[0], digests[1]);
    close(room).await;
}

async fn a_step_over_its_limit_ends_the_room_and_all_that_runs_in_it() {
    let plan = plan();
    let mut room = open(&plan).await;
    let limit = Duration::from_secs(10);
    let over = RoomStep { time: limit, ..step("setsid sleep 600 & trap '' TERM INT; echo started; sleep 600; sleep 600") };
    let ran = try_run(&mut *room, over).await.unwrap();
    assert_eq!((ran.out(), &ran.end), ("started\n", &StepEnd::TimedOut { limit }));
    gone(&plan).await;
    assert!(matches!(try_run(&mut *room, step("true")).await, Err(SpareError::Ended { .. })));
    let into = tempfile::tempdir().unwrap();
    assert!(matches!(room.collect(Path::new("x"), into.path(), Box::new(|_| true)).await, Err(SpareError::Ended { .. })));
    close(room).await;
}

async fn a_step_that_ends_the_room_is_told_as_that() {
    let plan = plan();
    let mut room = open(&plan).await;
    let ended = try_run(&mut *room, step("kill -9 -1; sleep 600")).await.map(|ran| ran.end);
    assert!(matches!(ended, Err(SpareError::Ended { .. })), "{ended:?}");
    assert!(matches!(room.fill(Box::new(|_| Ok(()))).await, Err(SpareError::Ended { .. })));
    close(room).await;
}

async fn an_artifact_of_a_room_that_was_taken_away_is_not_called_missing() {
    let plan = plan();
    let mut room = open(&plan).await;
    assert!(run(&mut *room, "touch app").await.end.is_success());
    docker().kill_container(&container_of(&plan), None).await.unwrap();
    gone(&plan).await;
    let into = tempfile::tempdir().unwrap();
    let collected = room.collect(Path::new("app"), into.path(), Box::new(|_| true)).await;
    assert!(matches!(collected, Err(SpareError::Ended { .. })), "{collected:?}");
    close(room).await;
}

async fn a_step_over_the_memory_limit_is_told_from_one_that_fails() {
    let mut plan = plan();
    plan.limits.memory = Some(32 * MIB);
    plan.limits.disk = 8 * MIB;
    let mut room = open(&plan).await;
    assert_eq!(run(&mut *room, "exit 9").await.end, StepEnd::Exited { code: 9 });
    if ON.get() == On::RootlessPodman {
        // Without rights on this machine it has no limit to be over; that this is said is another test's matter.
        close(room).await;
        return;
    }
    // The shell keeps all of it in one variable.
    let hog = "x=$(head -c 300000000 /dev/zero | tr '\\0' x); echo ${#x}";
    assert!(matches!(run(&mut *room, hog).await.end, StepEnd::OutOfMemory { .. }));
    assert_eq!(run(&mut *room, &format!("({hog}) || true")).await.end, StepEnd::OutOfMemory { code: 0 }, "it made do without");
    assert_eq!(run(&mut *room, "exit 9").await.end, StepEnd::Exited { code: 9 }, "an earlier lack is not this step's");
    close(room).await;
}

/// Each limit is tried: it holds, or the report says that it did not.
async fn a_limit_that_an_engine_does_not_enforce_is_named_and_no_other() {
    let (mut plan, engine) = (plan(), engine());
    plan.limits = Limits { pids: 64, memory: Some(32 * MIB), disk: 8 * MIB, ..plan.limits };
    let mut room = engine.open(&plan, &|_, _, _| {}).await.unwrap();
    let said = engine.limits(&plan).iter().map(ToString::to_string).collect::<Vec<_>>().join("\n");
    let is_named = |key: &str| said.contains(&format!("did not hold the clean room to `limits.{key}`"));

    let quota = run(&mut *room, "cat /sys/fs/cgroup/cpu.max /sys/fs/cgroup/cpu/cpu.cfs_quota_us").await;
    assert_eq!(quota.out().contains("150000"), !is_named("cpus"), "{}\n{said}", quota.out());
    let disk = run(&mut *room, "head -c 20000000 /dev/zero >big; rm -f big").await;
    assert_eq!(disk.err().contains("No space left on device"), !is_named("disk"), "{}\n{said}", disk.err());
    let bomb = "for n in $(seq 100); do sleep 5 & done; echo all";
    assert_eq!(run(&mut *room, bomb).await.out() != "all\n", !is_named("pids"), "{said}");
    let hog = "x=$(head -c 300000000 /dev/zero | tr '\\0' x); echo ${#x}";
    let mut hogged = engine.open(&RoomPlan { purpose: "smoke", ..plan.clone() }, &|_, _, _| {}).await.unwrap();
    assert_eq!(run(&mut *hogged, hog).await.out() != "300000000\n", !is_named("memory"), "{said}");
    close(hogged).await;
    close(room).await;
}

async fn what_steps_leave_behind_is_reaped() {
    let mut room = open(&plan()).await;
    // Twice as many as there may be at a time, each an orphan when it ends.
    let orphans = "for n in $(seq 128); do (sleep 0.1 &) ; done; sleep 1";
    for _ in 0..4 {
        let ran = run(&mut *room, orphans).await;
        assert!(ran.end.is_success(), "{}", ran.err());
    }
    close(room).await;
}

async fn a_full_disk_is_seen_by_the_step_and_told_when_filling() {
    let mut plan = plan();
    plan.limits.disk = 4 * MIB;
    plan.limits.memory = Some(64 * MIB);
    let mut room = open(&plan).await;
    let full = run(&mut *room, "head -c 8000000 /dev/zero >big").await;
    assert_eq!(full.end, StepEnd::OutOfDisk { code: 1 });
    assert!(full.err().contains("No space left on device"), "{}", full.err());
    run(&mut *room, "rm big").await;
    let big: Fill = Box::new(|archive| archive.file(Path::new("big"), 80_000_000, false, std::io::repeat(1)));
    let told = room.fill(big).await.unwrap_err().to_string();
    assert!(told.contains("its disk is full: `limits.disk` is 4 MiB"), "{told}");
    close(room).await;
}

async fn paths_of_the_image_become_writable_with_their_content_when_the_plan_says_so() {
    let mut plan = plan();
    plan.writable = vec![PathBuf::from("/usr/share/base-files"), PathBuf::from("/opt/not there")];
    let mut room = open(&plan).await;
    let wrote = run(
        &mut *room,
        "cd /usr/share/base-files && echo x >>dot.profile && echo y >new && wc -c <dot.profile && touch '/opt/not there/z'",
    )
    .await;
    assert!(wrote.end.is_success(), "{}", wrote.err());
    assert!(wrote.out().trim().parse::<u64>().unwrap() > 2, "the image's content is there");
    assert!(run(&mut *room, "touch /usr/share/x").await.err().contains("Read-only"));
    let (volumes, labelled) = if ON.get() == On::Docker { (3, 4) } else { (2, 1) };
    assert_eq!(volumes_of(&plan).await.len(), volumes);
    assert_eq!(left_of(&plan).await.len(), labelled, "who made the volumes writable is gone");
    close_with_volumes(room, &plan).await;
}

async fn ten_thousand_files_go_in_and_belong_to_the_steps() {
    let mut plan = plan();
    plan.limits.disk = 512 * MIB;
    let mut room = open(&plan).await;
    let tree: Fill = Box::new(|archive| {
        let content = [b'x'; 10_000];
        for folder in 0..100 {
            archive.folder(Path::new(&format!("d{folder}")))?;
            for file in 0..100 {
                archive.file(Path::new(&format!("d{folder}/f{file}")), 10_000, file == 0, &content[..])?;
            }
        }
        archive.link(Path::new("link"), Path::new("d0/f0"))
    });
    assert_eq!(room.fill(tree).await.unwrap(), 100_000_000);
    let count = "find . -type f -user 1000 -size 10000c | wc -l; test -x link && test ! -x d0/f1 && echo y >>d7/f7 && rm -r d8";
    let seen = run(&mut *room, count).await;
    assert_eq!((seen.out().trim(), seen.end.is_success()), ("10000", true), "{}", seen.err());
    close(room).await;
}

async fn a_source_that_breaks_off_is_told_in_its_own_words() {
    let mut room = open(&plan()).await;
    let broken: Fill = Box::new(|archive| archive.file(Path::new("short"), 10, false, &b"short"[..]));
    let told = room.fill(broken).await.unwrap_err().to_string();
    assert!(told.contains("`short` became shorter while it was read"), "{told}");
    close(room).await;
}

async fn files_and_folders_come_out_under_their_last_name() {
    let mut room = open(&plan()).await;
    run(&mut *room, "mkdir -p out/deep/bin && echo app >out/deep/bin/app && chmod +x out/deep/bin/app && ln -s bin/app out/deep/link && ln -s out/deep latest").await;
    let into = tempfile::tempdir().unwrap();
    let files = room.collect(Path::new("out/deep/bin/app"), into.path(), Box::new(|_| true)).await.unwrap();
    assert_eq!((files[0].path.as_path(), files[0].size, files[0].executable), (Path::new("app"), 4, true));
    assert_eq!(std::fs::read(into.path().join("app")).unwrap(), b"app\n");
    let files = room.collect(Path::new("./out/deep"), into.path(), Box::new(|_| true)).await.unwrap();
    assert_eq!(files.iter().map(|file| file.path.as_path()).collect::<Vec<_>>(), [Path::new("deep/bin/app")]);
    assert_eq!(std::fs::read(into.path().join("deep/link")).unwrap(), b"app\n");
    let files = room.collect(Path::new("latest"), into.path(), Box::new(|_| true)).await.unwrap();
    assert_eq!(files[0].path, Path::new("latest/bin/app"), "a link within the source is what it leads to");
    close(room).await;
}

async fn artifacts_that_are_missing_or_lead_out_are_refused() {
    let mut room = open(&plan()).await;
    run(
        &mut *room,
        "ln -s /etc/passwd out; ln -s ../home up; ln -s nothing dangling; mkdir dir; ln -s /etc/passwd dir/passwd; mkfifo pipe",
    )
    .await;
    let into = tempfile::tempdir().unwrap();
    let mut refused = async |artifact: &str| room.collect(Path::new(artifact), into.path(), Box::new(|_| true)).await.unwrap_err();
    for missing in ["nothing", "dangling", "dir/nothing", "nothing/below"] {
        assert!(matches!(refused(missing).await, SpareError::NoSuchArtifact { path } if path == missing), "{missing}");
    }
    for link in ["out", "up", "dir"] {
        assert!(matches!(refused(link).await, SpareError::Refused(Refused::Link { .. })), "{link}");
    }
    for path in ["/etc/passwd", "../home", "dir/../../home", "."] {
        assert!(matches!(refused(path).await, SpareError::Refused(Refused::Path(_))), "{path}");
    }
    assert!(matches!(refused("pipe").await, SpareError::Refused(Refused::Kind { .. })));
    assert_eq!(std::fs::read_dir(into.path()).unwrap().count(), 0, "nothing was written");
    close(room).await;
}

async fn an_artifact_larger_than_the_disk_limit_is_refused() {
    let mut room = open(&plan()).await;
    run(&mut *room, "truncate -s 1G sparse").await;
    let into = tempfile::tempdir().unwrap();
    let collected = room.collect(Path::new("sparse"), into.path(), Box::new(|_| true)).await;
    assert!(matches!(collected, Err(SpareError::Refused(Refused::TooLarge { .. }))), "{collected:?}");
    close(room).await;
}

async fn a_room_on_the_engines_disk_works_as_one_in_memory() {
    let mut plan = plan();
    plan.limits.disk = 1 << 50;
    let mut room = open(&plan).await;
    assert_eq!(room.facts().disk_free, None);
    let file: Fill = Box::new(|archive| archive.file(Path::new("a"), 1, false, &b"a"[..]));
    assert_eq!(room.fill(file).await.unwrap(), 1);
    assert_eq!(run(&mut *room, "cat a && echo b >b && touch $HOME/c").await.out(), "a");
    let into = tempfile::tempdir().unwrap();
    assert_eq!(room.collect(Path::new("b"), into.path(), Box::new(|_| true)).await.unwrap()[0].size, 2);
    close_with_volumes(room, &plan).await;
}

async fn a_room_that_is_dropped_or_given_up_while_it_opens_goes_by_itself() {
    let dropped = plan();
    drop(open(&dropped).await);
    gone(&dropped).await;

    let given_up = plan();
    let engine = engine();
    engine.look(&given_up).await.unwrap();
    // Podman tells that it was created only when it is long open, so it is looked for.
    let created = async { while docker().inspect_container(&container_of(&given_up), None).await.is_err() {} };
    tokio::select! {
        () = created => {}
        _ = engine.open(&given_up, &|_, _, _| {}) => panic!("opened before it was created"),
    }
    gone(&given_up).await;
}

async fn a_room_that_cannot_start_leaves_nothing() {
    let mut plan = plan();
    plan.writable = vec![PathBuf::from("/proc")];
    let opened = engine().open(&plan, &|_, _, _| {}).await.map(drop);
    assert!(matches!(opened, Err(SpareError::Failed { .. })), "{opened:?}");
    assert_eq!(left_of(&plan).await, Vec::<String>::new());
}

/// The test runs itself once more as another process, which opens a room and is then killed.
async fn a_room_ends_by_itself_when_canship_is_killed() {
    const DRILL: &str = "CANSHIP_TEST_HOLD_ROOM_OF";
    let mut plan = plan();
    if let Some(drill) = variable(DRILL) {
        plan.drill = DrillId::try_from(drill).unwrap();
        let _room = open(&plan).await;
        let mut stderr = std::io::stderr();
        writeln!(stderr, "the room is open").unwrap();
        return std::future::pending().await;
    }
    let mut holder = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", std::thread::current().name().unwrap(), "--nocapture"])
        .env(DRILL, plan.drill.as_str())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = std::io::BufReader::new(holder.stderr.take().unwrap()).lines();
    assert!(lines.any(|line| line.unwrap() == "the room is open"));
    let running = docker().inspect_container(&container_of(&plan), None).await.unwrap();
    assert_eq!(running.state.unwrap().running, Some(true));
    // SIGKILL: nothing of canship runs after it.
    holder.kill().unwrap();
    holder.wait().unwrap();
    gone(&plan).await;
}

on_each_engine!(
    looking_tells_engine_and_image_and_changes_nothing,
    an_image_whose_name_only_ends_alike_is_another_one,
    a_missing_image_is_no_error_to_look_for_but_one_to_open,
    an_image_that_is_not_there_is_pulled_with_progress_and_one_without_a_shell_is_told,
    steps_run_without_rights_as_seen_from_inside,
    the_engine_is_told_the_limits_and_nothing_is_mounted_from_its_machine,
    a_step_sees_its_own_environment_and_secrets_and_no_later_step_does,
    exit_codes_and_both_streams_come_back_as_they_are,
    a_step_ends_with_its_own_process_whatever_it_leaves_or_closes,
    what_a_step_leaves_running_sees_no_later_step_and_no_later_step_sees_it,
    a_file_that_a_left_process_goes_on_writing_is_whole_when_it_is_taken_out,
    a_step_over_its_limit_ends_the_room_and_all_that_runs_in_it,
    a_step_that_ends_the_room_is_told_as_that,
    an_artifact_of_a_room_that_was_taken_away_is_not_called_missing,
    a_step_over_the_memory_limit_is_told_from_one_that_fails,
    a_limit_that_an_engine_does_not_enforce_is_named_and_no_other,
    what_steps_leave_behind_is_reaped,
    a_full_disk_is_seen_by_the_step_and_told_when_filling,
    paths_of_the_image_become_writable_with_their_content_when_the_plan_says_so,
    ten_thousand_files_go_in_and_belong_to_the_steps,
    a_source_that_breaks_off_is_told_in_its_own_words,
    files_and_folders_come_out_under_their_last_name,
    artifacts_that_are_missing_or_lead_out_are_refused,
    an_artifact_larger_than_the_disk_limit_is_refused,
    a_room_on_the_engines_disk_works_as_one_in_memory,
    a_room_that_is_dropped_or_given_up_while_it_opens_goes_by_itself,
    a_room_that_cannot_start_leaves_nothing,
    a_room_ends_by_itself_when_canship_is_killed,
);
