//! Steps that print more than anybody reads.

use std::fs;

use serde_json::Value;

use super::{MAKE, on_every_spare, spares};
use crate::support::{Canship, Project, Services, run::Ran};

const MIB: u64 = 1 << 20;

/// The most memory that a process had by now, in bytes, less the program itself: a build for tests is large.
fn peak_memory(process: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let of = |key: &str| -> u64 {
        let value = status.lines().find_map(|line| line.strip_prefix(key)).unwrap();
        value.trim().strip_suffix(" kB").unwrap().parse::<u64>().unwrap() * 1024
    };
    of("VmHWM:") - of("RssFile:")
}

/// The events of one step, in their order.
fn of_step(ran: &Ran, number: u64) -> Vec<Value> {
    let events = ran.log.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    events.filter(|event| event["step"]["number"] == number && event["step"]["phase"] == "build").collect()
}

fn lines(events: &[Value]) -> Vec<&str> {
    events.iter().filter_map(|event| event["line"].as_str()).collect()
}

#[test]
fn of_a_huge_log_the_beginning_and_the_end_are_kept_in_bounded_memory() {
    // 340 MB in 12 million numbered lines.
    let step = "seq -f 'this is line number %.0f' 10000000; echo the end";
    for (name, mut plan) in spares(&Services::get()) {
        // The image's own `seq` knows no format.
        let other = "yes 'this is a line of a log that nobody reads to its end' | head -n 5000000; echo the end";
        plan = plan.run(&[if name == "host" { step } else { other }, MAKE]);
        plan.limits = "{ disk: 8MiB, time: 5m, output: 2MiB }".into();
        let project = Project::new(&plan);
        let mut running = Canship::drill(&project).start();
        running.await_event(|event| event["event"] == "step-finished");
        let peak = peak_memory(running.id());
        assert!(peak < 40 * MIB, "{name}: {peak}");

        let ran = running.finish().ends(11, "degraded");
        assert_eq!(ran.rules(), ["output-cut"]);
        let summary = ran.json["findings"][0]["summary"].as_str().unwrap();
        assert!(
            summary.starts_with("build step 1") && summary.contains("the 2.0 MiB that `build.limits.output` keeps"),
            "{summary}"
        );
        let events = of_step(&ran, 1);
        let gap = events.iter().position(|event| event["event"] == "step-output-left-out").unwrap();
        let (before, after) = (lines(&events[..gap]), lines(&events[gap..]));
        assert!(before[0].starts_with("this is "), "{}", before[0]);
        assert_eq!(after.last(), Some(&"the end"));
        let left_out = events[gap]["lines"].as_u64().unwrap();
        let all = if name == "host" { 10_000_001 } else { 5_000_001 };
        assert_eq!(before.len() as u64 + left_out + after.len() as u64, all, "{name}: no line is lost uncounted");
        if name == "host" {
            assert_eq!(before.last().unwrap(), &format!("this is line number {}", before.len()), "none is missing at the start");
            assert_eq!(after[0], format!("this is line number {}", before.len() as u64 + left_out + 1), "nor at the end");
        }
        // As the log has them.
        let told: u64 = before.iter().chain(&after).map(|line| line.len() as u64 + 121).sum();
        assert!((MIB..=2 * MIB + 64 * 1024).contains(&told), "{name}: {told} bytes are kept");
        let of_report = &ran.json["steps"][0];
        assert_eq!((&of_report["lines"], &of_report["lines_left_out"]), (&Value::from(all), &Value::from(left_out)));
    }
}

#[test]
fn a_line_without_end_is_bounded_too() {
    on_every_spare("{ disk: 8MiB, time: 2m, output: 1MiB }", &["head -c 60000000 /dev/zero | tr '\\0' x", MAKE], |_, ran| {
        let ran = ran.ends(11, "degraded");
        assert_eq!(ran.rules(), ["output-cut"]);
        assert!(ran.log.len() < 3_000_000, "{}", ran.log.len());
        assert!(ran.stderr.contains(" left out …"), "the gap is told live");
        let longest = of_step(&ran, 1).iter().filter_map(|event| event["line"].as_str().map(str::len)).max().unwrap();
        assert!(longest <= 128 * 1024, "{longest}");
    });
}

#[test]
fn what_is_just_within_the_limit_is_all_kept() {
    let step = "yes '123456789' | head -n 12000; yes 'abcdefghi' | head -n 2 >&2";
    on_every_spare("{ disk: 8MiB, time: 2m, output: 2MiB }", &[step, MAKE], |_, ran| {
        let ran = ran.ends(0, "can-ship");
        assert_eq!(of_step(&ran, 1).iter().filter(|event| event["event"] == "step-output").count(), 12_002);
        assert_eq!(ran.json["steps"][0]["lines_left_out"], 0);
    });
}

#[test]
fn many_short_lines_make_no_log_that_is_many_times_as_long_as_what_is_kept() {
    on_every_spare("{ disk: 8MiB, time: 2m, output: 1MiB }", &["yes | head -c 6000000", MAKE], |_, ran| {
        assert_eq!(ran.rules(), ["output-cut"], "{}", ran.stdout);
        assert!(ran.log.len() < 2 << 20, "{} bytes", ran.log.len());
    });
}
