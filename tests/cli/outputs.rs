//! Where output goes: pipes that nobody reads, files that cannot be written, terminals and what is none.

#![cfg(test)]

use std::{
    fs::{self, File},
    io,
    process::{Command, Stdio},
};

use super::support::{
    Canship, Project, Services,
    project::{Plan, oci},
};

/// A release on this machine that publishes nowhere near: it cannot ship, and needs nothing but git.
fn project() -> Project {
    let nothing = Services {
        image: String::new(),
        open: "127.0.0.1:1".into(),
        basic: String::new(),
        token: String::new(),
        user: String::new(),
        password: String::new(),
        reader: String::new(),
        reader_password: String::new(),
    };
    Project::new(&Plan::on_host(&nothing).publish(oci("127.0.0.1:1", None)))
}

#[test]
fn nobody_needs_to_read_what_is_printed() {
    let plan = Canship::new(&["plan"]);
    fs::write(plan.folder().join("canship.yaml"), include_str!("../../pipelines/canship.yaml")).unwrap();
    let schema = || Canship::new(&["schema"]);
    for canship in [plan, schema(), Canship::new(&["man"]), Canship::new(&["completions", "zsh"]), Canship::new(&["--help"])] {
        let (reader, writer) = io::pipe().unwrap();
        drop(reader);
        let output = canship.command().stdout(writer).stderr(Stdio::piped()).output().unwrap();
        assert_eq!((output.status.code(), String::from_utf8_lossy(&output.stderr).as_ref()), (Some(0), ""));
    }
    let piped = Command::new("sh").arg("-c").arg("\"$0\" schema | head -c 1").arg(env!("CARGO_BIN_EXE_canship")).output().unwrap();
    assert_eq!((piped.stdout.as_slice(), piped.stderr.as_slice()), (&b"{"[..], &b""[..]));
}

#[test]
fn a_drill_goes_on_to_its_end_when_nobody_reads_any_more() {
    let project = project();
    let canship = Canship::drill(&project).argument("--events").argument("log.jsonl");
    let (reader, writer) = io::pipe().unwrap();
    drop(reader);
    let status = canship.command().stdout(writer.try_clone().unwrap()).stderr(writer).status().unwrap();
    assert_ne!(status.code(), Some(101), "no panic");
    let log = fs::read_to_string(canship.folder().join("log.jsonl")).unwrap();
    let last = format!("\"event\":\"drill-finished\",\"events\":{}}}", log.lines().count() - 1);
    assert!(log.trim_end().ends_with(&last), "{log}");
    assert_eq!(status.code(), Some(20), "the verdict is what it was found to be");
    assert_eq!(project.mirror_refs(), "refs/heads/main\n", "and everything was given back");
}

#[test]
fn a_release_that_ships_has_shipped_also_if_nobody_reads_it() {
    let canship = Canship::new(&["demo", "--host", "--json", "report.json", "demo"]);
    let (reader, writer) = io::pipe().unwrap();
    drop(reader);
    let status = canship.command().stdout(writer.try_clone().unwrap()).stderr(writer).status().unwrap();
    assert_eq!(status.code(), Some(0));
    let report = fs::read_to_string(canship.folder().join("report.json")).unwrap();
    assert!(report.contains("\"verdict\": \"can-ship\""), "{report}");
}

#[test]
fn a_yes_that_nobody_can_be_shown_says_last_that_it_ends_with_1_and_why() {
    let canship = Canship::new(&["demo", "--host", "-q", "--events", "/dev/full", "--json", "report.json", "demo"]);
    let ran = canship.run_as_is();
    let last = ran.stderr.lines().last().unwrap_or_default();
    assert_eq!(ran.code, Some(1), "{}", ran.stderr);
    assert!(last.starts_with("error: exit code 1: the drill can ship, but ") && last.contains("/dev/full"), "{}", ran.stderr);
}

#[test]
fn what_is_printed_of_a_yes_ends_with_the_code_that_comes() {
    for option in ["--json", "--events"] {
        let ran = Canship::new(&["demo", "--host", option, "/dev/full", "demo"]).run_as_is();
        assert_eq!(ran.code, Some(1), "{}", ran.stderr);
        let told: Vec<_> = ran.stdout.lines().filter(|line| line.contains("exit code ")).collect();
        assert_eq!(told, ["  exit code 1: can ship, but what shows that could not be written"], "{option}: {}", ran.stdout);
    }
    let project = project();
    let ran = Canship::drill(&project).argument("--json").argument("/dev/full").run_as_is();
    assert_eq!(ran.code, Some(20), "{}", ran.stderr);
    assert!(ran.stdout.contains("exit code 20: unknown"), "{}", ran.stdout);
}

#[test]
fn a_report_is_there_whole_or_not_at_all() {
    let project = project();
    let canship = Canship::drill(&project).argument("--json").argument("report.json").argument("--junit").argument("/dev/full");
    let report = canship.folder().join("report.json");
    fs::write(&report, "of another drill").unwrap();
    let ran = canship.run_as_is();
    assert!(ran.stderr.contains("error: report `/dev/full` could not be written: No space left"), "{}", ran.stderr);
    let json: serde_json::Value = serde_json::from_str(&fs::read_to_string(report).unwrap()).unwrap();
    assert_eq!(json["exit_code"], 20);
    // One that does not start leaves no report of another drill to be taken for its own, and no file of its own.
    let canship = Canship::drill(&project).argument("--json").argument("report.json").variable("TMPDIR", "/nowhere");
    fs::write(canship.folder().join("report.json"), "of another drill").unwrap();
    canship.run_as_is();
    let left: Vec<_> = fs::read_dir(canship.folder()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert!(left.iter().all(|name| !name.to_string_lossy().contains("report") && !name.to_string_lossy().starts_with(".canship-")));
}

#[test]
fn a_drill_that_does_not_start_ends_with_20_and_says_what_to_do() {
    let project = project();
    let ran = Canship::drill(&project).variable("TMPDIR", "/nowhere/at/all").run_as_is();
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(20), ""), "{}", ran.stderr);
    assert!(ran.stderr.contains("nothing was changed") && ran.stderr.contains("fix: make the folder"), "{}", ran.stderr);
    fs::write(project.path().join(".canship"), "in the way").unwrap();
    let ran = Canship::drill(&project).run_as_is();
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(20), ""), "{}", ran.stderr);
    assert!(ran.stderr.contains("nothing was changed") && ran.stderr.contains("fix: make it writable"), "{}", ran.stderr);
}

#[test]
fn a_full_disk_under_standard_output_is_an_error() {
    let output = Canship::new(&["schema"]).command().stdout(File::create("/dev/full").unwrap()).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.starts_with("error: standard output could not be written: No space left"), "{said}");
}

#[test]
fn a_report_that_cannot_be_written_is_told_before_anything_is_done() {
    let project = project();
    for option in ["--events", "--json", "--markdown", "--junit"] {
        for (path, told) in [("nowhere/report", "No such file"), (".", "Is a directory")] {
            let ran = Canship::drill(&project).argument(option).argument(path).run_as_is();
            assert_eq!((ran.code, ran.stdout.as_str()), (Some(2), ""), "{option}: {}", ran.stderr);
            assert!(ran.stderr.starts_with("error: ") && ran.stderr.contains(&format!("`{path}`")), "{}", ran.stderr);
            assert!(ran.stderr.contains(told) && !ran.stderr.contains("probe"), "{}", ran.stderr);
        }
    }
    let ran = Canship::drill(&project).variable("GITHUB_STEP_SUMMARY", "nowhere/summary").run_as_is();
    assert_eq!(ran.code, Some(2), "{}", ran.stderr);
    assert!(ran.stderr.contains("nowhere/summary") && !ran.stderr.contains("probe"), "{}", ran.stderr);
}

#[test]
fn a_file_is_written_for_one_thing_and_never_in_place_of_the_plan() {
    let project = project();
    let plan = project.plan_file().to_str().unwrap().to_owned();
    let before = fs::read_to_string(&plan).unwrap();
    for (options, named) in
        [(["--events", "one", "--json", "./one"], "`./one`"), (["--junit", "two", "--markdown", &plan], &*format!("`{plan}`"))]
    {
        let drill = options.iter().fold(Canship::drill(&project), Canship::argument);
        let ran = drill.run_as_is();
        assert_eq!((ran.code, ran.stdout.as_str()), (Some(2), ""), "{}", ran.stderr);
        assert!(ran.stderr.contains(named) && ran.stderr.contains("a file of its own"), "{}", ran.stderr);
    }
    assert_eq!(fs::read_to_string(&plan).unwrap(), before);
}

#[test]
fn the_step_summary_keeps_what_other_steps_have_written() {
    let project = project();
    let canship = Canship::drill(&project).variable("GITHUB_STEP_SUMMARY", "summary.md");
    fs::write(canship.folder().join("summary.md"), "before\n").unwrap();
    canship.run_as_is();
    let summary = fs::read_to_string(canship.folder().join("summary.md")).unwrap();
    assert!(summary.starts_with("before\n") && summary.contains("## "), "{summary}");
}

#[test]
fn without_a_terminal_there_are_no_colours_and_no_bars() {
    let project = project();
    let canship = Canship::drill(&project).variable("TERM", "xterm-256color").variable("CLICOLOR", "1");
    let ran = canship.run_as_is();
    for text in [ran.stdout, ran.stderr] {
        assert!(text.contains("registry-unavailable") && !text.contains(['\u{1b}', '\r']), "{text:?}");
    }
    let wrong = Canship::new(&["plan", "--plan", "nowhere.yaml"]).variable("TERM", "xterm-256color").run_as_is();
    assert!(!wrong.stderr.contains('\u{1b}'), "{:?}", wrong.stderr);
}

/// Whether a text has an escape that changes colours or weights: `ESC [ … m`.
fn is_coloured(text: &str) -> bool {
    text.split("\u{1b}[").skip(1).any(|rest| rest.trim_start_matches(|c: char| c.is_ascii_digit() || c == ';').starts_with('m'))
}

#[test]
fn a_terminal_has_colours_and_bars_no_color_takes_the_colours_and_a_dumb_one_has_neither() {
    let project = project();
    let drill = || Canship::drill(&project).variable("TERM", "xterm-256color");
    let wrong = || Canship::new(&["plan", "--plan", "nowhere.yaml"]).variable("TERM", "xterm-256color");
    let (drilled, refused) = (drill().on_terminal(), wrong().on_terminal());
    assert!(is_coloured(&drilled) && drilled.contains("\u{1b}[2K"), "colours and bars: {drilled:?}");
    assert!(is_coloured(&refused), "{refused:?}");
    let (drilled, refused) = (drill().variable("NO_COLOR", "1").on_terminal(), wrong().variable("NO_COLOR", "1").on_terminal());
    assert!(drilled.contains("registry-unavailable") && !is_coloured(&drilled), "{drilled:?}");
    assert!(drilled.contains("\u{1b}[2K"), "bars are no colours: {drilled:?}");
    assert!(refused.contains("No such file") && !is_coloured(&refused), "{refused:?}");
    assert!(is_coloured(&wrong().variable("NO_COLOR", "").on_terminal()), "an empty variable says nothing");
    let (drilled, refused) = (drill().variable("TERM", "dumb").on_terminal(), wrong().variable("TERM", "dumb").on_terminal());
    assert!(drilled.contains("registry-unavailable") && !drilled.contains('\u{1b}'), "{drilled:?}");
    assert!(refused.contains("No such file") && !refused.contains('\u{1b}'), "{refused:?}");
}
