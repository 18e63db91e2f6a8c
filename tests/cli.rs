//! The command line: what each command prints, how it refuses what is wrong, and with which exit code.

#[path = "cli/logs.rs"]
mod logs;
#[path = "cli/outputs.rs"]
mod outputs;
#[path = "cli/plans.rs"]
mod plans;
#[path = "cli/recover.rs"]
mod recover;
mod support;

use std::process::Command;

use support::{Canship, run::Ran};

const COMMANDS: [&str; 11] =
    ["drill", "clean", "recover", "plan", "pipeline", "report", "status", "schema", "demo", "completions", "man"];
const SHELLS: [&str; 5] = ["bash", "elvish", "fish", "powershell", "zsh"];

/// A call that does what it should.
#[track_caller]
fn prints(arguments: &[&str]) -> String {
    let ran = Canship::new(arguments).run_as_is();
    assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""), "{arguments:?}");
    ran.stdout
}

/// A call that is refused as wrong, with nothing on standard output.
#[track_caller]
fn refused(ran: &Ran) -> &str {
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(2), ""), "{}", ran.stderr);
    assert!(ran.stderr.starts_with("error: ") && !ran.stderr.contains("error: error"), "it has one heading: {}", ran.stderr);
    &ran.stderr
}

#[test]
fn the_version_is_the_packages() {
    for flag in ["--version", "-V"] {
        assert_eq!(prints(&[flag]), format!("canship {}\n", env!("CARGO_PKG_VERSION")));
    }
}

#[test]
fn help_names_every_command_and_every_exit_code() {
    let help = prints(&["--help"]);
    for command in COMMANDS {
        assert!(help.lines().any(|line| line.trim_start().starts_with(command)), "{command} is missing in {help}");
        assert!(prints(&[command, "--help"]).contains("Usage: canship"), "{command}");
    }
    let help = help.split_whitespace().collect::<Vec<_>>().join(" ");
    let codes = help.split_once("Exit codes: ").unwrap().1.split_once("Start with").unwrap().0;
    for code in canship::record::Exit::ALL.map(canship::record::Exit::code) {
        let is_told = |word: &str| word.trim_end_matches(',').parse() == Ok(code);
        assert!(codes.split(' ').any(is_told), "{code} is missing in {codes}");
    }
}

#[test]
fn a_wrong_command_line_is_told_on_standard_error_with_exit_code_2() {
    for (arguments, told) in [
        (&["dril"][..], "drill"),
        (&["drill", "--spar", "x"], "--spare"),
        (&["drill", "--accept", "no"], "degraded"),
        (&["drill", "more"], "more"),
        (&["plan", "--format", "xml"], "json"),
        (&["report"], "--from"),
        (&["report", "--from", "x", "--format", "html"], "markdown"),
        (&["status", "--max-age", "30"], "30d"),
        (&["status", "--format", "junit"], "json"),
        (&["schema", "drill"], "record"),
        (&["demo", "--break", "all"], "registry"),
        (&["demo", "--host", "--image", "debian"], "cannot be used with"),
        (&["completions"], "<SHELL>"),
        (&["completions", "tcsh"], "fish"),
        (&["man", "--all"], "--all"),
    ] {
        let ran = Canship::new(arguments).run_as_is();
        let told_all = refused(&ran);
        assert!(told_all.contains(told), "{arguments:?}: {told_all}");
    }
    let nothing = Canship::new(&[]).run_as_is();
    assert_eq!((nothing.code, nothing.stdout.as_str()), (Some(2), ""));
    assert!(nothing.stderr.contains("Usage: canship <COMMAND>"), "{}", nothing.stderr);
}

#[test]
fn the_schemas_are_the_files_in_the_tree() {
    assert_eq!(prints(&["schema"]), include_str!("../pipelines/canship.schema.json"));
    assert_eq!(prints(&["schema", "plan"]), prints(&["schema"]));
    assert_eq!(prints(&["schema", "record"]), include_str!("../pipelines/record.schema.json"));
    assert_eq!(prints(&["schema", "pipeline"]), include_str!("../pipelines/pipeline.schema.json"));
    assert_eq!(prints(&["schema", "status"]), include_str!("../pipelines/status.schema.json"));
}

#[test]
fn every_shell_has_completions_of_every_command() {
    for shell in SHELLS {
        let script = prints(&["completions", shell]);
        for word in COMMANDS.into_iter().chain(["spare", "events", "break"]) {
            assert!(script.contains(word), "{word} is missing for {shell}");
        }
    }
}

#[test]
fn the_completions_are_no_errors_to_their_shells() {
    let folder = tempfile::tempdir().unwrap();
    for shell in ["bash", "fish", "zsh"] {
        let file = folder.path().join(shell);
        std::fs::write(&file, prints(&["completions", shell])).unwrap();
        match Command::new(shell).arg("-n").arg(&file).output() {
            Ok(output) => assert!(output.status.success(), "{shell}: {}", String::from_utf8_lossy(&output.stderr)),
            // A machine need not have every shell, but one that has no bash has none of the scripts of `ci/`.
            Err(reason) => assert!(shell != "bash", "{reason}"),
        }
    }
}

#[test]
fn the_manual_is_one_page_with_every_command_and_its_options() {
    let page = prints(&["man"]);
    assert!(page.contains("\n.TH canship 1 "), "{page}");
    let plain = page.replace("\\-", "-").replace("\\fB", "").replace("\\fR", "").replace("\\fI", "");
    for command in COMMANDS {
        assert!(plain.lines().any(|line| line.starts_with(&format!(".SS canship {command}"))), "{command} is missing in {plain}");
    }
    for word in ["--spare <NAME>", "--break <WHAT>", "--from <FILE>", ".SH EXIT STATUS", ".SH ENVIRONMENT"] {
        assert!(plain.contains(word), "{word} is missing in {plain}");
    }
    assert!(!plain.contains("(1)"), "pages that are not there are not named: {plain}");
}
