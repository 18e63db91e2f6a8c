//! Builds that are ended from outside. An instruction that runs is ended by `BuildKit`; `Podman` lets it come to its own
//! end, which is said.

use std::{fs, os::fd::OwnedFd};

use rustix::{
    event::{PollFd, PollFlags, poll},
    process::{Pid, PidfdFlags, Signal, pidfd_open},
};

use crate::{
    lab::{Engine, drill, drill_until, engines, project},
    support::{
        Canship,
        project::{Plan, unique},
        run::Ran,
    },
};

/// A process of a build, known by an argument that no other has.
struct Process(OwnedFd);

impl Process {
    fn find(argument: &str) -> Option<Self> {
        let all = fs::read_dir("/proc").unwrap().filter_map(|entry| entry.unwrap().file_name().to_str()?.parse::<i32>().ok());
        let mut own = all.filter(|pid| {
            let line = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
            line.starts_with(b"/bin/sh\0") && line.windows(argument.len()).any(|part| part == argument.as_bytes())
        });
        Some(Self(pidfd_open(Pid::from_raw(own.next()?)?, PidfdFlags::empty()).ok()?))
    }

    /// Waits until it has ended.
    fn await_end(&self) {
        poll(&mut [PollFd::new(&self.0, PollFlags::IN)], None).unwrap();
    }

    fn has_ended(&self) -> bool {
        poll(&mut [PollFd::new(&self.0, PollFlags::IN)], Some(&rustix::event::Timespec::default())).unwrap() == 1
    }
}

/// Instructions that run until they are ended, and the argument that tells their process.
fn endless() -> (String, String) {
    let name = unique();
    (format!("COPY tool.sh /\nRUN echo running; : {name}; sleep 20; :"), name)
}

fn begun(engine: &Engine) -> (crate::support::run::Running, Process, crate::support::Project) {
    let (text, argument) = endless();
    let project = project(&engine.plan(), &text);
    let running = drill_until(&project, "running");
    let process = Process::find(&argument).expect("the instruction runs");
    (running, process, project)
}

#[test]
fn ctrl_c_in_a_build_ends_it_on_the_engine_too_and_leaves_nothing() {
    for engine in engines() {
        let (running, process, _project) = begun(&engine);
        running.signal(Signal::INT);
        let ran = running.finish().ends(130, "unknown");
        let left = ran.json["leftovers"].as_array().unwrap();
        if engine.builder == "BuildKit" {
            assert!(process.has_ended(), "the build goes on");
            assert_eq!(left.len(), 0, "{}", ran.stdout);
        } else {
            assert!(left[0]["what"].as_str().unwrap().starts_with("the instruction that ran"), "{}", ran.stdout);
        }
        engine.has_nothing_of(&ran.drill());
    }
}

#[test]
fn a_build_over_its_time_is_ended_and_told_as_a_limit() {
    for engine in engines() {
        let (text, _) = endless();
        let plan = Plan { limits: "{ disk: 64MiB, time: 5s }".to_owned(), ..engine.plan() };
        let ran = drill(&project(&plan, &text)).ends(10, "cannot-ship");
        assert_eq!(ran.rules()[0], "limit-reached", "{}", ran.stdout);
        engine.has_nothing_of(&ran.drill());
    }
}

#[test]
fn a_build_ends_when_its_drill_is_killed_and_all_that_is_left_is_labelled() {
    for engine in engines() {
        let (running, process, _project) = begun(&engine);
        let drill = running.drill().to_owned();
        running.signal(Signal::KILL);
        assert_eq!(running.finish().code, Some(-9));
        process.await_end();
        engine.remove_images(&drill);
        engine.has_nothing_of(&drill);
    }
}

/// A drill that was killed once its image was built and `then` was done with it: its id, and how its leftovers are cleaned.
fn killed_with_image(engine: &Engine, then: &dyn Fn(&str)) -> (String, impl Fn() -> Ran + use<>) {
    let project = project(&engine.plan(), "COPY tool.sh /");
    let state = tempfile::tempdir().unwrap();
    let mut running = Canship::drill(&project).variable("XDG_STATE_HOME", state.path()).start();
    running.await_event(|event| event["event"] == "image-built");
    let drill = running.drill().to_owned();
    // It does nothing more by itself.
    running.signal(Signal::STOP);
    then(&drill);
    running.signal(Signal::KILL);
    running.finish();
    let clean = move || {
        let clean = Canship::new(&["clean", "--plan"]).argument(project.plan_file());
        clean.variable("XDG_STATE_HOME", state.path()).run_as_is()
    };
    (drill, clean)
}

#[test]
fn the_image_of_a_drill_that_was_killed_after_its_build_is_removed_by_cleaning() {
    for engine in engines() {
        let (drill, clean) = killed_with_image(&engine, &|_| ());
        assert_ne!(engine.images(&drill), "", "{engine:?}");
        let cleaned = clean();
        assert_eq!(cleaned.code, Some(0), "{}", cleaned.stdout);
        assert!(cleaned.stdout.contains(&format!("canship-drill:{drill}-image")), "{}", cleaned.stdout);
        engine.has_nothing_of(&drill);
    }
}

#[test]
fn a_container_that_the_user_made_from_a_drills_image_is_left_alone() {
    for engine in engines() {
        let (drill, clean) = killed_with_image(&engine, &|drill| {
            let image = format!("localhost/canship-drill:{drill}-image");
            engine.ask(&["create", "--net=none", "--name", &format!("mine-{drill}"), &image, "sleep", "1000"]);
        });
        let (cleaned, mine) = (clean(), format!("mine-{drill}"));
        let there = engine.ask(&["ps", "-aq", "--filter", &format!("name={mine}")]);
        engine.ask(&["rm", "-f", &mine]);
        assert_ne!(there, "", "{engine:?}: {}", cleaned.stdout);
        assert_eq!(clean().code, Some(0));
        engine.has_nothing_of(&drill);
    }
}
