//! `canship report`, on whole logs and on what is none.

#![cfg(test)]

use std::{
    fs,
    path::{Path, PathBuf},
    sync::OnceLock,
};

use serde_json::Value;

use super::{
    refused,
    support::{Canship, run::Ran},
};

const FORMATS: [&str; 4] = ["text", "json", "markdown", "junit"];

/// The log of a drill that can ship.
fn log() -> &'static str {
    static LOG: OnceLock<String> = OnceLock::new();
    LOG.get_or_init(|| {
        let canship = Canship::new(&["demo", "--host", "--quiet", "demo"]);
        let ran = canship.run_as_is();
        assert_eq!(ran.code, Some(0), "{}\n{}", ran.stderr, ran.stdout);
        fs::read_to_string(canship.folder().join("demo/drill.jsonl")).unwrap()
    })
}

struct Reports {
    folder: tempfile::TempDir,
}

impl Reports {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    fn write(&self, content: impl AsRef<[u8]>) -> PathBuf {
        let file = self.folder.path().join("drill.jsonl");
        fs::write(&file, content).unwrap();
        file
    }

    fn of(&self, content: impl AsRef<[u8]>, format: &str) -> Ran {
        report(&self.write(content), format)
    }
}

fn report(file: &Path, format: &str) -> Ran {
    Canship::new(&["report", "--format", format, "--from"]).argument(file).run_as_is()
}

#[test]
fn a_whole_log_is_rendered_in_every_format() {
    let reports = Reports::new();
    for (format, told) in
        [("text", "CAN SHIP"), ("json", "\"verdict\": \"can-ship\""), ("markdown", "## CAN SHIP"), ("junit", "<testsuites")]
    {
        let ran = reports.of(log(), format);
        assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""), "{format}");
        assert!(ran.stdout.contains(told), "{format}: {}", ran.stdout);
        assert_eq!(reports.of(log(), format).stdout, ran.stdout, "the same bytes each time");
    }
}

#[test]
fn a_log_that_was_cut_off_anywhere_is_unknown_and_never_a_yes() {
    let reports = Reports::new();
    let ends: Vec<usize> = log().match_indices('\n').map(|(at, _)| at + 1).collect();
    for end in &ends[..ends.len() - 1] {
        // At the end of a line, and within the next.
        for cut in [*end, end + 10] {
            let ran = reports.of(&log()[..cut], "json");
            assert_eq!(ran.code, Some(0), "{}", ran.stderr);
            let json: Value = serde_json::from_str(&ran.stdout).unwrap();
            assert_eq!(json["verdict"], "unknown", "after {cut} bytes");
        }
    }
    let cut = &log()[..ends[ends.len() / 2] + 10];
    for format in FORMATS {
        let ran = reports.of(cut, format);
        assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""), "{format}");
    }
    assert!(reports.of(cut, "text").stdout.contains("UNKNOWN"));
}

#[test]
fn a_damaged_log_is_refused_with_the_line() {
    let lines: Vec<&str> = log().lines().collect();
    let with = |line: usize, text: &str| {
        let mut lines = lines.clone();
        lines[line - 1] = text;
        lines.join("\n") + "\n"
    };
    let reports = Reports::new();
    for (content, told) in [
        (with(3, "{\"at\":\"2026-"), "line 3 of"),
        (with(4, "null"), "line 4 of"),
        (with(5, &lines[4].replace("event", "evnt")), "line 5 of"),
        (with(6, "\u{1b}[31m"), "line 6 of"),
        (with(7, &"x".repeat(2 << 20)), "line 7 of"),
        (format!("{0}{0}", log()), "belongs to another drill"),
        (with(1, &lines[0].replace("\"log\":1", "\"log\":99")), "version 99"),
    ] {
        for format in FORMATS {
            let ran = reports.of(&content, format);
            let said = refused(&ran);
            assert!(said.contains(told) && said.contains("drill.jsonl"), "{told}: {said}");
            assert!(said.len() < 2000 && !said.contains('\u{1b}'), "{said}");
        }
    }
}

#[test]
fn what_is_no_log_is_refused_with_what_one_is() {
    let reports = Reports::new();
    let report = reports.of(log(), "json").stdout;
    let first = log().lines().next().unwrap();
    for content in [
        "",
        "\n",
        "root:x:0:0\n",
        "{}\n",
        "[1, 2]\n",
        "\u{0}\u{1}\u{2}",
        &report,
        "<xml/>",
        &first[..40],
        &log()[first.len() + 1..],
    ] {
        let ran = reports.of(content, "text");
        assert!(refused(&ran).contains("canship drill --events"), "{}", ran.stderr);
    }
}

#[test]
fn a_log_that_cannot_be_read_is_named_with_the_reason() {
    let reports = Reports::new();
    let nowhere = reports.folder.path().join("nowhere.jsonl");
    for (path, told) in [(nowhere.as_path(), "No such file"), (reports.folder.path(), "Is a directory")] {
        let ran = report(path, "text");
        let said = refused(&ran);
        assert!(said.contains(told) && said.contains(&*path.to_string_lossy()), "{said}");
    }
}
