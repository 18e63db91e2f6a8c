//! Rooms on this machine: real processes, real files.
#![expect(clippy::unwrap_used, reason = "a test that cannot be set up fails")]

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use canship::{
    archive::Refused,
    plan::Limits,
    record::{Claim, DrillId, HostId, Leftover, StepEnd, Stream},
    secret::Secret,
    spare::{Room, RoomPlan, RoomStep, Spare, SpareError, host::Host},
};

struct Test {
    folder: tempfile::TempDir,
    host: Host,
    plan: RoomPlan,
}

impl Test {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let host = Host::new(folder.path().join("rooms"), std::env::var_os("PATH").unwrap());
        let minute = Duration::from_mins(1);
        let limits = Limits { time: minute, cpus: None, memory: None, pids: 100, disk: 1_000_000 };
        // Control groups are the machine's: each test needs a name of its own, and none that any cleaning takes for a drill.
        let drill = DrillId::try_from(format!("test-{}", uuid::Uuid::now_v7().simple())).unwrap();
        let claim = Claim { host: HostId::new(1), until: jiff::Timestamp::MAX };
        Self { folder, host, plan: RoomPlan { drill, claim, purpose: "build", image: None, writable: Vec::new(), limits } }
    }

    async fn open(&self) -> Box<dyn Room> {
        self.host.open(&self.plan, &|_, _, _| {}).await.unwrap()
    }

    fn rooms(&self) -> PathBuf {
        self.folder.path().join("rooms")
    }

    fn room(&self) -> PathBuf {
        self.rooms().canonicalize().unwrap().join(format!("{}-build", self.plan.drill))
    }

    async fn collect(&self, room: &mut Box<dyn Room>, artifact: &str) -> Result<Vec<String>, SpareError> {
        let into = tempfile::tempdir_in(self.folder.path()).unwrap();
        let files = room.collect(Path::new(artifact), into.path(), Box::new(|_| true)).await?;
        Ok(files.iter().map(|file| format!("{} {} {}", file.path.display(), file.size, file.executable)).collect())
    }

    /// Closes the room and sees that nothing is left of it.
    async fn close(&self, room: Box<dyn Room>) {
        assert_eq!(room.close().await, Vec::<Leftover>::new());
        assert_eq!(fs::read_dir(self.rooms()).unwrap().count(), 0);
    }
}

fn step(command: &str) -> RoomStep {
    RoomStep { command: command.to_owned(), env: Vec::new(), secrets: Vec::new(), time: Duration::from_mins(1) }
}

/// Runs a step that must end with 0, and gives its output.
async fn printed(room: &mut Box<dyn Room>, step: RoomStep) -> String {
    let mut out = Vec::new();
    let end = room.run(step, &mut |_, chunk| out.extend_from_slice(chunk)).await.unwrap();
    let out = String::from_utf8(out).unwrap();
    assert_eq!(end, StepEnd::Exited { code: 0 }, "{out}");
    out
}

/// Whether the process that wrote its id into this file is still there.
fn runs(file: &Path) -> bool {
    let id = fs::read_to_string(file).unwrap();
    let state = fs::read_to_string(format!("/proc/{}/stat", id.trim())).unwrap_or_default();
    !state.is_empty() && !state.contains(") Z ")
}

/// A process that leaves its session by a double fork, holds the output open, and has written its id when this returns.
const ESCAPE: &str =
    "mkfifo ready; setsid sh -c '(echo $$ >\"$TMPDIR/../../../escaped\"; echo >ready; exec sleep 1000)' & read x <ready;";

#[tokio::test]
async fn a_step_sees_only_what_it_is_given() {
    let test = Test::new();
    let mut room = test.open().await;
    let mut with = step("env | cut -d= -f1 | sort | tr '\\n' ' '");
    with.env = vec![("MODE".to_owned(), "release".to_owned())];
    with.secrets = vec![("TOKEN".to_owned(), Secret::new("hush-hush".to_owned()))];
    assert_eq!(printed(&mut room, with).await, "CANSHIP_ROOM HOME LANG MODE PATH PWD TMPDIR TOKEN ");
    let folder = test.room();
    let said =
        printed(&mut room, step("pwd; echo $HOME; echo $TMPDIR; echo \"<$TOKEN>\"; ls -A . $HOME $TMPDIR | grep -v :")).await;
    let places = ["src", "home", "tmp"].map(|name| folder.join(name).display().to_string()).join("\n");
    assert_eq!(said.trim(), format!("{places}\n<>"), "the folders are fresh, and a secret is there only for its step");
    assert_eq!(fs::metadata(&folder).unwrap().permissions().mode() & 0o777, 0o700);
    test.close(room).await;
}

#[tokio::test]
async fn a_step_has_no_input_and_no_terminal() {
    let test = Test::new();
    let mut room = test.open().await;
    assert_eq!(printed(&mut room, step("cat; (: </dev/tty) 2>/dev/null || echo none")).await, "none\n");
    test.close(room).await;
}

#[tokio::test]
async fn a_step_ends_with_its_own_exit_code() {
    let test = Test::new();
    let mut room = test.open().await;
    for (command, code) in [("exit 0", 0), ("exit 3", 3), ("kill -9 $$", 137), ("no-such-program", 127)] {
        let end = room.run(step(command), &mut |_, _| {}).await.unwrap();
        assert_eq!(end, StepEnd::Exited { code }, "{command}");
    }
    test.close(room).await;
}

#[tokio::test]
async fn output_comes_as_it_is_printed_and_by_its_stream() {
    let test = Test::new();
    let mut room = test.open().await;
    let go = test.room().join("src/go");
    let mut seen = Vec::new();
    // The step goes on only after its first output has come out.
    let waits = step("mkfifo go; echo first; read word <go; echo $word >&2");
    let mut take = |stream, chunk: &[u8]| {
        if seen.is_empty() {
            let go = go.clone();
            std::thread::spawn(move || fs::write(go, "second\n").unwrap());
        }
        seen.push((stream, String::from_utf8(chunk.to_vec()).unwrap()));
    };
    let end = room.run(waits, &mut take).await.unwrap();
    assert_eq!(end, StepEnd::Exited { code: 0 });
    assert_eq!(seen, [(Stream::Stdout, "first\n".to_owned()), (Stream::Stderr, "second\n".to_owned())]);
    test.close(room).await;
}

#[tokio::test]
async fn all_of_a_large_output_comes() {
    let test = Test::new();
    let mut room = test.open().await;
    assert_eq!(printed(&mut room, step("head -c 3000000 /dev/zero | tr '\\0' x")).await.len(), 3_000_000);
    test.close(room).await;
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_step_over_its_limit_is_ended_with_all_it_started_and_ends_the_room() {
    let test = Test::new();
    let mut room = test.open().await;
    let mut endless = step(&format!("{ESCAPE} echo $$ >\"$TMPDIR/../../../main\"; echo begun; sleep 1000"));
    endless.time = Duration::from_secs(2);
    let (began, mut out) = (Instant::now(), Vec::new());
    let end = room.run(endless, &mut |_, chunk| out.extend_from_slice(chunk)).await.unwrap();
    assert_eq!(end, StepEnd::TimedOut { limit: Duration::from_secs(2) });
    assert!(began.elapsed() < Duration::from_secs(500), "what holds the output open is not waited for");
    assert_eq!(String::from_utf8(out).unwrap(), "begun\n");
    for name in ["main", "escaped"] {
        assert!(!runs(&test.folder.path().join(name)), "{name} was ended");
    }
    let error = room.run(step("true"), &mut |_, _| {}).await.unwrap_err();
    assert!(matches!(error, SpareError::Ended { .. }), "{error}");
    test.close(room).await;
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn what_a_step_leaves_running_does_not_hold_it_up_and_is_ended() {
    let test = Test::new();
    let mut room = test.open().await;
    let end = room.run(step(&format!("{ESCAPE} exit 4")), &mut |_, _| {}).await.unwrap();
    assert_eq!(end, StepEnd::Exited { code: 4 });
    assert!(!runs(&test.folder.path().join("escaped")));
    test.close(room).await;
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_step_that_nobody_waits_for_any_more_is_ended_by_closing() {
    let test = Test::new();
    let mut room = test.open().await;
    let waiting = step(&format!("{ESCAPE} echo begun; sleep 1000"));
    let (begun, mut begins) = tokio::sync::mpsc::unbounded_channel();
    let mut told = move |_, _: &[u8]| begun.send(()).unwrap_or_default();
    tokio::select! {
        end = room.run(waiting, &mut told) => panic!("{end:?}"),
        _ = begins.recv() => {}
    }
    test.close(room).await;
    assert!(!runs(&test.folder.path().join("escaped")));
}

#[tokio::test]
async fn the_source_keeps_permissions_and_links_also_those_that_lead_out() {
    let test = Test::new();
    let mut room = test.open().await;
    let filled = room.fill(Box::new(|writer| {
        writer.folder(Path::new("bin"))?;
        writer.file(Path::new("bin/run"), 12, true, &b"#!/bin/sh\n:\n"[..])?;
        writer.link(Path::new("out"), Path::new("/etc/hostname"))?;
        writer.link(Path::new("run"), Path::new("bin/run"))
    }));
    assert_eq!(filled.await.unwrap(), 12);
    assert_eq!(printed(&mut room, step("./run && readlink out && test -x bin/run && touch bin/new")).await, "/etc/hostname\n");
    test.close(room).await;
}

#[tokio::test]
async fn a_source_that_breaks_off_is_told_in_its_own_words() {
    let test = Test::new();
    let mut room = test.open().await;
    let broken = room.fill(Box::new(|writer| writer.file(Path::new("a"), 10, false, &b"short"[..]))).await.unwrap_err();
    assert!(broken.to_string().contains("became shorter"), "{broken}");
    let large = room.fill(Box::new(|writer| writer.file(Path::new("b"), 1_000_001, false, std::io::repeat(1)))).await.unwrap_err();
    assert!(large.to_string().contains("more than the 1000000 bytes"), "{large}");
    test.close(room).await;
}

#[tokio::test]
async fn files_and_folders_are_collected_by_their_last_name() {
    let test = Test::new();
    let mut room = test.open().await;
    let makes = "mkdir -p out/app; echo 12345 >out/app/data; printf x >out/tool; chmod +x out/tool; ln -s data out/app/link;
        mkdir -p ~/cache; echo cached >~/cache/b; ln -s ~/cache bazel-bin";
    printed(&mut room, step(makes)).await;
    assert_eq!(test.collect(&mut room, "out/tool").await.unwrap(), ["tool 1 true"]);
    assert_eq!(test.collect(&mut room, "out/app").await.unwrap(), ["app/data 6 false"]);
    assert_eq!(test.collect(&mut room, "bazel-bin/b").await.unwrap(), ["b 7 false"]);
    test.close(room).await;
}

#[tokio::test]
async fn artifacts_that_would_do_harm_are_refused() {
    let test = Test::new();
    let mut room = test.open().await;
    let makes = "mkdir pipe out big; mkfifo pipe/p; ln -s /etc/passwd out/l; ln -s /etc direct; truncate -s 1000001 big/b";
    printed(&mut room, step(makes)).await;
    assert!(matches!(test.collect(&mut room, "none").await, Err(SpareError::NoSuchArtifact { .. })));
    assert!(matches!(test.collect(&mut room, "pipe").await, Err(SpareError::Refused(Refused::Kind { .. }))));
    assert!(matches!(test.collect(&mut room, "out").await, Err(SpareError::Refused(Refused::Link { .. }))));
    assert!(matches!(test.collect(&mut room, "direct/passwd").await, Err(SpareError::Refused(Refused::Link { .. }))));
    assert!(matches!(
        test.collect(&mut room, "../../../../etc/passwd").await,
        Err(SpareError::Refused(Refused::Link { .. }) | SpareError::NoSuchArtifact { .. })
    ));
    assert!(matches!(test.collect(&mut room, "big").await, Err(SpareError::Refused(Refused::TooLarge { .. }))));
    test.close(room).await;
}

#[tokio::test]
async fn closing_removes_what_tools_have_made_read_only() {
    let test = Test::new();
    let mut room = test.open().await;
    printed(&mut room, step("mkdir -p ~/go/mod/a; touch ~/go/mod/a/f; ln -s / ~/go/root; chmod -R a-w ~/go/mod; chmod 0 ~/go/mod"))
        .await;
    test.close(room).await;
}

#[tokio::test]
async fn two_rooms_of_one_drill_live_side_by_side_and_none_twice() {
    let mut test = Test::new();
    let build = test.open().await;
    let twice = test.host.open(&test.plan, &|_, _, _| {}).await;
    assert!(matches!(twice, Err(SpareError::Machine { .. })));
    test.plan.purpose = "smoke";
    let smoke = test.open().await;
    assert_eq!(build.close().await, Vec::<Leftover>::new());
    test.close(smoke).await;
}

#[tokio::test]
async fn looking_changes_nothing_and_tells_the_free_disk() {
    let test = Test::new();
    let facts = test.host.look(&test.plan).await.unwrap();
    assert!(facts.disk_free.unwrap() > 0 && facts.engine.is_none() && facts.image.is_none());
    assert!(!test.rooms().exists());
    let limits = test.host.limits(&test.plan);
    for limit in ["a host is no clean machine", "a process that leaves its step's session"] {
        assert!(limits.iter().any(|told| told.as_str().starts_with(limit)), "whatever holds the steps, {limit}: {limits:?}");
    }
}
