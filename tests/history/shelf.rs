//! A plan with a folder of records that were never drilled.
#![cfg(test)]

use std::{fs, path::PathBuf, time::Duration};

use canship::{
    history::log::LogSink,
    plan,
    record::{Digest, DrillId, Event, EventKind, Sink as _, Verdict},
};
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use crate::{
    drills::{self, Drill},
    support::{Canship, run::Ran},
};

const PLAN: &str = "\
release: acme-api
target: 30m
build: { image: debian, run: [make], artifacts: [api] }
publish: [{ oci: registry.example/api }]
spares: [{ name: laptop, container: {} }, { name: box, container: {} }]
";

/// A plan, its folder of records, and calls of `canship status`.
pub(crate) struct Shelf {
    folder: tempfile::TempDir,
    now: Timestamp,
    count: u32,
}

/// How a drill was, as far as a status tells it.
pub(crate) struct Was {
    pub(crate) verdict: Verdict,
    pub(crate) spare: &'static str,
    pub(crate) days_ago: i64,
}

impl Shelf {
    pub(crate) fn new() -> Self {
        Self::of_plan(PLAN)
    }

    /// With one spare only.
    pub(crate) fn of_laptop() -> Self {
        Self::of_plan(&PLAN.replace(", { name: box, container: {} }", ""))
    }

    fn of_plan(text: &str) -> Self {
        let shelf = Self { folder: tempfile::tempdir().unwrap(), now: Timestamp::now(), count: 0 };
        fs::write(shelf.plan(), text).unwrap();
        fs::create_dir_all(shelf.records()).unwrap();
        shelf
    }

    pub(crate) fn plan(&self) -> PathBuf {
        self.folder.path().join("canship.yaml")
    }

    pub(crate) fn records(&self) -> PathBuf {
        self.folder.path().join(".canship/history")
    }

    /// The events of such a drill of today's plan.
    pub(crate) fn events(&mut self, was: &Was) -> Vec<Event> {
        self.count += 1;
        let mut events = drill(was.verdict).events;
        let start = self.now - SignedDuration::from_hours(24 * was.days_ago) - SignedDuration::from_mins(20);
        let moved = start.duration_since(events[0].at);
        for event in &mut events {
            event.at += moved;
        }
        if let EventKind::DrillStarted(facts) = &mut events[0].kind {
            facts.drill = DrillId::new(start, self.count);
            facts.spare.name = was.spare.into();
            facts.plan_digest = plan::load(&self.plan()).unwrap().digest;
        }
        events
    }

    /// Puts such a drill on record. Gives its file.
    pub(crate) fn add(&mut self, verdict: Verdict, spare: &'static str, days_ago: i64) -> PathBuf {
        let events = self.events(&Was { verdict, spare, days_ago });
        self.put(&events, ".jsonl")
    }

    pub(crate) fn put(&self, events: &[Event], ending: &str) -> PathBuf {
        let EventKind::DrillStarted(facts) = &events[0].kind else { panic!("no start") };
        let path = self.records().join(format!("{}{ending}", facts.drill));
        let mut sink = LogSink::create(&path).unwrap();
        for event in events {
            sink.take(event).unwrap();
        }
        path
    }

    pub(crate) fn status(&self, options: &[&str]) -> Ran {
        self.call(options).run_as_is()
    }

    pub(crate) fn call(&self, options: &[&str]) -> Canship {
        let call = Canship::new(&["status", "--plan"]).argument(self.plan());
        options.iter().fold(call, Canship::argument)
    }

    pub(crate) fn json(&self, options: &[&str]) -> Value {
        let ran = self.status(&[options, &["--format", "json"]].concat());
        let json: Value = serde_json::from_str(&ran.stdout).unwrap_or_else(|_| panic!("{}{}", ran.stdout, ran.stderr));
        assert_eq!(json["exit_code"], ran.code.unwrap());
        json
    }
}

/// A drill that comes to this.
fn drill(verdict: Verdict) -> Drill {
    match verdict {
        Verdict::CanShip => drills::can_ship(),
        Verdict::Degraded => drills::degraded(),
        Verdict::CannotShip => drills::cannot_ship(),
        Verdict::Unknown => drills::unknown(),
    }
}

/// Another plan's digest.
pub(crate) fn other_digest() -> Digest {
    Digest::from_sha256(&[7; 32])
}

/// A length of time that is longer than any test.
pub(crate) const LONG: Duration = Duration::from_hours(1);
