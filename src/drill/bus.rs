//! Puts the events of a drill in one line: stamps them, takes secrets out, folds them and hands them to every sink.
//!
//! Invariants: all sinks and the record see the same events in the same order; no event passes with a secret in it,
//! so none passes before it is known which there are; a sink that fails is dropped and named, and never stops the drill.

use std::sync::{Arc, Mutex, PoisonError};

use crate::{
    drill::clock::Clock,
    record::{Event, EventKind, Record, Sink},
    secret::Known,
};

/// Where a drill's parts report to. Clones report to the same line.
#[derive(Clone)]
pub(super) struct Bus(Arc<Mutex<Line>>);

struct Line {
    clock: Clock,
    known: Known,
    sinks: Vec<Box<dyn Sink>>,
    record: Option<Record>,
    broken: Vec<String>,
    /// What happened while the secrets are not all known.
    waiting: Option<Vec<Event>>,
}

impl Bus {
    pub(super) fn new(clock: Clock, sinks: Vec<Box<dyn Sink>>, known: Known) -> Self {
        Self(Arc::new(Mutex::new(Line { clock, known, sinks, record: None, broken: Vec::new(), waiting: Some(Vec::new()) })))
    }

    /// Something happened.
    pub(super) fn emit(&self, kind: EventKind) {
        self.with(|line| line.emit(kind));
    }

    /// All secrets are known: what has happened passes on, as will whatever happens from now on.
    pub(super) fn open(&self) {
        self.with(|line| line.waiting.take().into_iter().flatten().for_each(|event| line.pass(event)));
    }

    /// Nothing more happens: the last event says how many came before it.
    pub(super) fn finish(&self) {
        self.with(|line| line.emit(EventKind::DrillFinished { events: line.record.as_ref().map_or(0, |record| record.events) }));
    }

    /// The record of all events that passed so far; none before the first.
    pub(super) fn record(&self) -> Option<Record> {
        self.with(|line| line.record.clone().map(Record::conclude))
    }

    /// Sinks that failed, each with the reason.
    pub(super) fn broken_sinks(&self) -> Vec<String> {
        self.with(|line| line.broken.clone())
    }

    fn with<T>(&self, act: impl FnOnce(&mut Line) -> T) -> T {
        // A sink that panicked half-way leaves nothing that the next event could not go on from.
        act(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Line {
    fn emit(&mut self, kind: EventKind) {
        let event = Event { at: self.clock.now(), kind };
        match &mut self.waiting {
            Some(waiting) => waiting.push(event),
            None => self.pass(event),
        }
    }

    fn pass(&mut self, mut event: Event) {
        event.kind.for_each_text(&mut |text| self.known.hide(text));
        // Not before: else a part of a secret could be left of which nobody knows that it is one.
        event.kind.shorten();
        let broken = &mut self.broken;
        self.sinks.retain_mut(|sink| match sink.take(&event) {
            Ok(()) => true,
            Err(reason) => {
                broken.push(format!("{} could not be written and is incomplete: {reason}", sink.name()));
                false
            }
        });
        match &mut self.record {
            Some(record) => record.add(event),
            None => self.record = Record::start(event),
        }
    }
}
