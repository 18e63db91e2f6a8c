//! The event log.

use std::{fs, io::Cursor, os::unix::fs::PermissionsExt as _};

use canship::{
    history::log::{LogError, LogSink, read, read_file},
    record::{Event, EventKind, Record, Rule, Sink as _, Verdict},
    report::{self, Format},
};

use super::{DRILLS, drills, fixtures, same_as};

/// The log as the sink writes it.
fn written(events: &[Event]) -> String {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("events.jsonl");
    let mut sink = LogSink::create(&path).unwrap();
    for event in events {
        sink.take(event).unwrap();
    }
    fs::read_to_string(path).unwrap()
}

/// The log of a drill that was killed while it wrote.
fn cut(log: &str) -> &str {
    &log[..log.len() - 25]
}

#[test]
fn the_fixtures_are_what_the_sink_writes() {
    for (name, drill) in DRILLS {
        let log = written(&drill().events);
        let log = if name == "crashed" { cut(&log) } else { &log };
        same_as(&fixtures().join(format!("{name}.jsonl")), log);
    }
}

#[test]
fn a_report_made_later_from_the_log_has_the_same_bytes() {
    for (name, drill) in DRILLS {
        let live = Record::fold(drill().events).unwrap();
        let later = read_file(&fixtures().join(format!("{name}.jsonl"))).unwrap();
        for format in Format::ALL {
            let [live, later] = [&live, &later].map(|record| report::render(record, format, Verdict::CanShip));
            // The last line of this one is cut off, which its log cannot know.
            if name != "crashed" {
                assert_eq!(live, later, "{name}");
            }
        }
    }
}

#[test]
fn every_kind_of_event_comes_back_from_the_log_as_it_was() {
    let events = super::cut::everything("a `text` | \"with\" ## ::marks\nand lines").events;
    for event in &events {
        let json = serde_json::to_string(event).unwrap();
        assert_eq!(&serde_json::from_str::<Event>(&json).unwrap(), event, "{json}");
    }
    let from_log = read("log", Cursor::new(written(&events))).unwrap();
    assert_eq!(from_log, Record::fold(events).unwrap());
}

#[test]
fn progress_is_not_kept() {
    let log = written(&drills::can_ship().events);
    assert!(!log.contains("\"progress\""));
}

#[test]
fn the_log_is_for_its_owner_only_even_where_a_file_was() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("events.jsonl");
    fs::write(&path, "what stood here before").unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
    LogSink::create(&path).unwrap();
    let metadata = fs::metadata(&path).unwrap();
    assert_eq!((metadata.len(), metadata.permissions().mode() & 0o777), (0, 0o600));
    assert!(LogSink::create(&folder.path().join("missing/events.jsonl")).is_err());
}

#[test]
fn a_log_cut_anywhere_gives_what_had_happened_and_is_unknown() {
    let log = written(&drills::can_ship().events);
    let first = log.find('\n').unwrap();
    for end in (first..log.len() - 1).step_by(97) {
        let Some(start) = log.get(..end) else { continue };
        let record = read("log", Cursor::new(start)).unwrap();
        assert_eq!((record.verdict, record.finished), (Verdict::Unknown, false), "cut at {end}");
    }
}

#[test]
fn a_log_that_lacks_any_of_its_lines_or_has_one_more_is_no_yes() {
    for name in ["can-ship", "degraded", "compared", "cut", "on-runner"] {
        let log = fs::read_to_string(fixtures().join(format!("{name}.jsonl"))).unwrap();
        let lines: Vec<_> = log.split_inclusive('\n').collect();
        assert!(read(name, Cursor::new(&log)).unwrap().verdict.is_yes(), "{name}");
        for at in 0..lines.len() {
            let without = [&lines[..at], &lines[at + 1..]].concat().concat();
            let twice = [&lines[..=at], &lines[at..]].concat().concat();
            for changed in [without, twice] {
                let Ok(record) = read(name, Cursor::new(changed)) else { continue };
                assert_eq!(record.verdict, Verdict::Unknown, "{name}, line {}", at + 1);
                let is_told = record.findings.iter().any(|finding| finding.rule == Rule::LogIncomplete);
                assert!(is_told || !record.finished, "{name}, line {}", at + 1);
            }
        }
    }
}

#[test]
fn a_log_without_its_first_event_is_refused() {
    let log = written(&drills::can_ship().events);
    let (first, rest) = log.split_once('\n').unwrap();
    for wrong in ["", rest, &first[..60], "{}", "not a log at all\n"] {
        let error = read("log.jsonl", Cursor::new(wrong)).unwrap_err();
        assert!(matches!(error, LogError::NoStart { .. }), "{wrong}: {error}");
    }
}

#[test]
fn a_damaged_line_in_the_middle_is_named() {
    let log = written(&drills::can_ship().events);
    let mut lines: Vec<_> = log.lines().collect();
    lines[4] = "{\"at\":\"2026-11-20T23:35:12Z\",\"event\":\"\\u001b[31msurprise\"}";
    let error = read("log.jsonl", Cursor::new(lines.join("\n") + "\n")).unwrap_err().to_string();
    assert!(error.starts_with("line 5 of `log.jsonl` is damaged: unknown variant"), "{error}");
    assert!(!error.contains('\u{1b}'), "{error:?}");
}

#[test]
fn a_log_of_a_newer_canship_is_refused_with_what_to_do() {
    let log = written(&drills::can_ship().events).replacen("\"log\":1", "\"log\":2,\"news\":true", 1);
    let error = read("log.jsonl", Cursor::new(log)).unwrap_err();
    assert!(matches!(error, LogError::TooNew { version: 2, .. }));
    assert_eq!(
        error.to_string(),
        "`log.jsonl` is an event log of version 2, this canship reads up to version 1: use the canship that wrote it"
    );
}

#[test]
fn two_logs_in_one_file_are_not_one_drill() {
    let log = written(&drills::can_ship().events);
    let error = read("log.jsonl", Cursor::new(log.repeat(2))).unwrap_err().to_string();
    assert!(error.contains("belongs to another drill"), "{error}");
}

#[test]
fn a_line_without_end_is_refused_before_it_fills_the_memory() {
    let mut log = written(&drills::can_ship().events);
    log.push_str(&"x".repeat(3 << 20));
    let error = read("log.jsonl", Cursor::new(log)).unwrap_err();
    assert!(matches!(error, LogError::Damaged { .. }), "{error}");
}

#[test]
fn an_endless_line_of_output_is_kept_up_to_a_limit() {
    let mut drill = drills::crashed();
    let Some(Event { kind: EventKind::StepOutput { line, .. }, .. }) = drill.events.last_mut() else { panic!("no output") };
    *line = "y".repeat(2 << 20).into();
    let log = written(&drill.events);
    assert!(log.len() < 1 << 17);
    let record = read("log.jsonl", Cursor::new(log)).unwrap();
    assert!(record.steps[0].tail.back().unwrap().1.as_str().ends_with("yyy … (cut)"));
}

#[test]
fn a_log_whose_publishing_passed_without_anything_pushed_is_no_yes() {
    let told = |events: Vec<Event>| Record::fold(events).unwrap().verdict;
    let mut drill = drills::can_ship();
    assert_eq!(told(drill.events.clone()), Verdict::CanShip);
    drill.events.retain(|event| !matches!(event.kind, EventKind::ImagePushed(_) | EventKind::ImagePulled(_)));
    assert_eq!(told(drill.counted().events), Verdict::Unknown);
}
