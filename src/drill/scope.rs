//! A phase or a check under way: tells the bus when it starts, what it finds, and how it ends.
//!
//! Invariant: the outcome is what the findings add up to, so that no part of a drill can pass with a blocker in it.

use std::sync::{
    OnceLock,
    atomic::{AtomicU8, Ordering},
};

use super::bus::Bus;
use crate::record::{CheckKind, EventKind, Finding, Outcome, Phase, Severity, Text};

/// Something that can find things and has an outcome.
pub(super) struct Scope {
    bus: Bus,
    phase: Phase,
    worst: AtomicU8,
    /// The most that a finding of it can be.
    most: AtomicU8,
    /// Why nothing of it was done, if so.
    skipped: OnceLock<Text>,
}

const PASSED: u8 = 0;
const ERRORED: u8 = 1;
const FAILED: u8 = 2;

impl Scope {
    fn new(bus: &Bus, phase: Phase) -> Self {
        Self { bus: bus.clone(), phase, worst: AtomicU8::new(PASSED), most: AtomicU8::new(FAILED), skipped: OnceLock::new() }
    }

    /// A phase begins; [`Scope::finish`] ends it.
    pub(super) fn phase(bus: &Bus, phase: Phase) -> Self {
        bus.emit(EventKind::PhaseStarted { phase });
        Self::new(bus, phase)
    }

    /// The phase ends with what it found.
    pub(super) fn finish(self) {
        self.bus.emit(EventKind::PhaseFinished { phase: self.phase, outcome: self.outcome() });
    }

    /// Runs a check of access within this phase; what it finds counts for both.
    pub(super) async fn check<T>(&self, check: CheckKind, subject: impl Into<Text>, body: impl AsyncFnOnce(&Self) -> T) -> T {
        let subject = subject.into();
        let scope = Self::new(&self.bus, self.phase);
        self.bus.emit(EventKind::CheckStarted { check, subject: subject.clone() });
        let result = body(&scope).await;
        self.bus.emit(EventKind::CheckFinished { check, subject, outcome: scope.outcome() });
        self.worst.fetch_max(scope.worst.load(Ordering::Relaxed), Ordering::Relaxed);
        result
    }

    /// A check of access that is not tried.
    pub(super) fn skip_check(&self, check: CheckKind, subject: impl Into<Text>, reason: &str) {
        let subject = subject.into();
        self.bus.emit(EventKind::CheckStarted { check, subject: subject.clone() });
        self.bus.emit(EventKind::CheckFinished { check, subject, outcome: Outcome::Skipped { reason: reason.into() } });
    }

    /// A phase that is not tried.
    pub(super) fn skip(bus: &Bus, phase: Phase, reason: impl Into<Text>) {
        bus.emit(EventKind::PhaseFinished { phase, outcome: Outcome::Skipped { reason: reason.into() } });
    }

    /// From now on what is found here keeps nobody from shipping: it only leaves open what was to be shown.
    pub(super) fn proves_no_blocker(&self) {
        self.most.store(ERRORED, Ordering::Relaxed);
    }

    /// Something is wanting.
    pub(super) fn found(&self, mut finding: Finding) {
        if self.most.load(Ordering::Relaxed) < FAILED {
            finding.severity = finding.severity.min(Severity::Unverified);
        }
        self.weigh(finding.severity);
        self.bus.emit(EventKind::Found(finding));
    }

    /// Something of this severity is wanting, which is told elsewhere.
    pub(super) fn weigh(&self, severity: Severity) {
        match severity {
            Severity::Gap => {}
            Severity::Unverified => self.errored(),
            Severity::Blocker => self.failed(),
        }
    }

    /// What this scope is for failed for a reason that was found elsewhere.
    pub(super) fn failed(&self) {
        self.worst.fetch_max(self.most.load(Ordering::Relaxed), Ordering::Relaxed);
    }

    /// It was done, and shows a gap: the release path is wanting, though a release could ship.
    pub(super) fn differs(&self) {
        self.worst.fetch_max(FAILED, Ordering::Relaxed);
    }

    /// Nothing of it was done, for this reason: what did not happen has not passed.
    pub(super) fn skipped(&self, reason: impl Into<Text>) {
        self.skipped.get_or_init(|| reason.into());
    }

    /// What this scope is for could not be measured.
    pub(super) fn errored(&self) {
        self.worst.fetch_max(ERRORED, Ordering::Relaxed);
    }

    /// Something happened in it.
    pub(super) fn emit(&self, kind: EventKind) {
        self.bus.emit(kind);
    }

    /// Tells of something that takes long, from whatever thread.
    pub(super) fn progress(&self, what: &'static str) -> impl Fn(u64) + Send + Sync + use<> {
        let (bus, phase) = (self.bus.clone(), self.phase);
        move |done| bus.emit(EventKind::Progress { phase, what: what.into(), done, total: None })
    }

    /// The phase it belongs to.
    pub(super) fn of(&self) -> Phase {
        self.phase
    }

    fn outcome(&self) -> Outcome {
        match self.worst.load(Ordering::Relaxed) {
            PASSED => self.skipped.get().map_or(Outcome::Passed, |reason| Outcome::Skipped { reason: reason.clone() }),
            ERRORED => Outcome::Errored,
            _ => Outcome::Failed,
        }
    }
}
