//! A drill as it is followed live.

use std::{
    io::{self, Write},
    sync::{Arc, Mutex},
};

use canship::{
    record::{EventKind, Phase, Sink as _},
    report::{
        Colour,
        terminal::{Live, Mode},
    },
};

use super::{DRILLS, drills, fixtures, same_as};

/// A writer that can be looked into.
#[derive(Clone, Default)]
pub(crate) struct Shared(Arc<Mutex<Vec<u8>>>);

impl Shared {
    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

impl Write for Shared {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn shown(drill: drills::Drill, mode: Mode, colour: Colour) -> String {
    let out = Shared::default();
    let mut live = Live::new(Box::new(out.clone()), mode, colour);
    for event in drill.events {
        live.take(&event).unwrap();
    }
    drop(live);
    out.text()
}

#[test]
fn elsewhere_than_on_a_terminal_there_are_plain_lines() {
    for (name, drill) in DRILLS {
        same_as(&fixtures().join(format!("snapshots/{name}.live.txt")), &shown(drill(), Mode::Plain, Colour::Off));
    }
}

#[test]
fn what_moves_much_is_told_elsewhere_each_time_it_has_doubled() {
    let moved = |drill: drills::Drill, mebibytes: u64| {
        let (what, total) = ("taking the image out".into(), None);
        drill.after(100, EventKind::Progress { phase: Phase::Build, what, done: mebibytes << 20, total })
    };
    let drill = [4, 15, 16, 17, 31, 40, 200, 200, 255, 256].into_iter().fold(drills::Drill::start(drills::facts()), moved);
    let told = shown(drill, Mode::Plain, Colour::Off);
    let lines: Vec<_> = told.lines().filter(|line| line.contains("taking")).map(str::trim).collect();
    let over = ["16.0 MiB", "32.0 MiB", "128.0 MiB", "256.0 MiB"];
    assert_eq!(lines, over.map(|bytes| format!("taking the image out: over {bytes} …")));
}

#[test]
fn quiet_shows_nothing() {
    assert_eq!(shown(drills::cannot_ship(), Mode::Quiet, Colour::On), "");
}

#[test]
fn bars_leave_every_line_but_build_output_behind_and_a_clean_last_line() {
    let out = shown(drills::cannot_ship(), Mode::Bars(|| 100), Colour::Off);
    for line in
        ["fetch … ok 1.2 s", "build … failed 1 m 33 s", "  BLOCKER build step 1 `cargo build", "tag … skipped: the build failed"]
    {
        assert!(out.contains(line), "{line:?} is not in {out:?}");
    }
    let last = out.rsplit('\n').next().unwrap_or_default();
    assert_eq!(anstream::adapter::strip_str(last).to_string().trim(), "", "{last:?}");
}

#[test]
fn a_drill_that_just_ends_leaves_no_bar_behind() {
    let out = shown(drills::crashed(), Mode::Bars(|| 80), Colour::On);
    assert!(out.trim_end().ends_with("\u{1b}[2K") || out.ends_with('\n'), "{out:?}");
}
