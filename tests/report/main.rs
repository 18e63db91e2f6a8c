//! The views of a drill: what they show, that they are the same each time, and that nothing from outside can take
//! part in them.

#![expect(clippy::unwrap_used, reason = "what goes wrong in a test should stop it there")]

mod cut;
mod drills;
mod hostile;
mod live;
mod log;
mod spare;

use std::path::{Path, PathBuf};

use canship::{
    record::{Exit, Record, Verdict},
    report::{self, Format, Layout},
};
use drills::Drill;
use snapbox::{Assert, Data, data::DataFormat};

type Make = fn() -> Drill;

/// The drills that have a snapshot in every format.
const DRILLS: [(&str, Make); 10] = [
    ("can-ship", drills::can_ship),
    ("degraded", drills::degraded),
    ("compared", drills::compared),
    ("cannot-ship", drills::cannot_ship),
    ("unknown", drills::unknown),
    ("interrupted", drills::interrupted),
    ("crashed", drills::crashed),
    ("cut", cut::cut),
    ("still-cut", cut::still_cut),
    ("on-runner", spare::on_runner),
];

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures")
}

/// The same bytes as the file; `SNAPSHOTS=overwrite` writes it anew.
fn same_as(path: &Path, actual: &str) {
    let expected = Data::read_from(path, Some(DataFormat::Text)).raw();
    Assert::new().action_env("SNAPSHOTS").eq(Data::text(actual).raw(), expected);
}

fn record(drill: Drill) -> Record {
    Record::fold(drill.events).unwrap()
}

#[test]
fn every_format_shows_every_drill_as_it_should() {
    let endings = [(Format::Text, "txt"), (Format::Json, "json"), (Format::Markdown, "md"), (Format::Junit, "xml")];
    for (name, drill) in DRILLS {
        for (format, ending) in endings {
            let report = report::render(&record(drill()), format, Verdict::CanShip);
            same_as(&fixtures().join("snapshots").join(format!("{name}.{ending}")), &report);
        }
    }
}

#[test]
fn the_schema_in_the_tree_is_the_one_of_the_code() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("pipelines/record.schema.json");
    same_as(&path, &report::json_schema());
}

#[test]
fn every_json_report_is_valid_against_the_schema() {
    let schema = serde_json::from_str(&report::json_schema()).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    for (name, drill) in DRILLS.into_iter().chain([("everything", (|| cut::everything("x")) as Make)]) {
        let report = report::render(&record(drill()), Format::Json, Verdict::CanShip);
        let report = serde_json::from_str(&report).unwrap();
        let errors: Vec<_> = validator.iter_errors(&report).map(|error| error.to_string()).collect();
        assert!(errors.is_empty(), "{name}: {errors:?}");
    }
}

#[test]
fn accepting_degraded_changes_the_exit_code_and_never_hides_the_gap() {
    let degraded = record(drills::degraded());
    let text = report::render(&degraded, Format::Text, Verdict::Degraded);
    assert!(text.starts_with("CAN SHIP, DEGRADED"), "{text}");
    assert!(text.ends_with("exit code 0: degraded, which was accepted\n"), "{text}");
    let xml = report::render(&degraded, Format::Junit, Verdict::Degraded);
    assert!(xml.contains("failures=\"0\"") && xml.contains("accepted: the release took 10.4 s"), "{xml}");
}

#[test]
fn nothing_that_was_not_done_passes_in_junit() {
    for drill in [drills::unknown, drills::interrupted, drills::crashed] {
        let xml = report::render(&record(drill()), Format::Junit, Verdict::CanShip);
        let report = quick_junit::Report::deserialize_from_str(&xml).unwrap();
        let green = report.test_suites.iter().flat_map(|suite| &suite.test_cases).filter(|case| {
            matches!(case.status, quick_junit::TestCaseStatus::Success { .. })
                && (["publish", "smoke", "can ship"].contains(&case.name.as_str()))
        });
        assert_eq!(green.count(), 0, "{xml}");
    }
}

#[test]
fn lines_keep_to_the_width_that_is_asked_for() {
    for (name, drill) in DRILLS {
        let layout = Layout { width: 72, ..Layout::default() };
        let text = report::render_text(&record(drill()), Exit::CanShip, layout);
        // What is to be run as it stands is never wrapped, nor is a digest.
        let prose = text.lines().filter(|line| !line.starts_with("    printf ") && !line.trim_start().starts_with("`sha256:"));
        let wide: Vec<_> = prose.filter(|line| line.chars().count() > 72).collect();
        assert!(wide.is_empty(), "{name}: {wide:?}");
    }
}

#[test]
fn colour_adds_escapes_and_nothing_else() {
    let record = record(drills::cannot_ship());
    let plain = report::render_text(&record, Exit::CannotShip, Layout::default());
    let layout = Layout { colour: report::Colour::On, ..Layout::default() };
    let coloured = report::render_text(&record, Exit::CannotShip, layout);
    assert!(coloured.contains("\u{1b}["));
    assert_eq!(anstream::adapter::strip_str(&coloured).to_string(), plain);
}
