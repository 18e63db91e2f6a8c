//! What a drill saw of the primary path, took away and gave back.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Control, Place, State, Text};

/// The primary path as it was found, before anything was changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PrimaryFacts {
    /// Where it is.
    pub place: Place,
    /// Its parts, in the plan's order.
    pub parts: Vec<PartFacts>,
}

/// One part of the primary path as it was found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PartFacts {
    /// Which.
    pub control: Control,
    /// Its state.
    pub state: State,
    /// Why a cut leaves it as it is; none if it is cut.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub left: Option<Text>,
}

/// A cut began: from here on the primary path may not be as it was.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CutFacts {
    /// Who cuts, as the lease says it to others.
    pub who: Text,
    /// When it is given back at the latest.
    pub until: Timestamp,
}

/// A part of the primary path that could not be given back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NotBack {
    /// What.
    pub what: Text,
    /// Why not.
    pub reason: Text,
    /// A line for `sh` that gives it back by hand.
    pub by_hand: Text,
}

/// Something that happened at the forge while the path was cut, and started nothing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Missed {
    /// What: a push, a tag, a merge, a required check that waits.
    pub what: Text,
    /// How a person makes up for it.
    pub start: Text,
}

/// What a record knows of the primary path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PrimaryRecord {
    /// As it was found.
    pub found: PrimaryFacts,
    /// The cut, if it began: when, by whom, and until when at the latest.
    pub cut: Option<(Timestamp, CutFacts)>,
    /// The parts that were taken away, read back as such.
    pub taken: Vec<TakenRecord>,
    /// The parts that somebody removed while they were away, and when that was seen.
    pub gone: Vec<(Control, Timestamp)>,
    /// Runs that were cancelled; nobody can give them back.
    pub cancelled: Vec<Text>,
    /// When nothing of it was away any more, read back.
    pub back: Option<Timestamp>,
    /// What happened meanwhile and started nothing.
    pub missed: Vec<Missed>,
    /// Requests to the forge, and how many it still allows.
    pub asked: Option<(u64, Option<u64>)>,
}

/// A part that was taken away.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TakenRecord {
    /// Which.
    pub control: Control,
    /// When it was read back as off.
    pub off: Timestamp,
    /// When it was read back as it had been; none if it was not.
    pub back: Option<Timestamp>,
}

impl PrimaryRecord {
    pub(super) fn new(found: PrimaryFacts) -> Self {
        Self {
            found,
            cut: None,
            taken: Vec::new(),
            gone: Vec::new(),
            cancelled: Vec::new(),
            back: None,
            missed: Vec::new(),
            asked: None,
        }
    }

    pub(super) fn give_back(&mut self, control: &Control, at: Timestamp) {
        for taken in self.taken.iter_mut().filter(|taken| taken.control == *control) {
            taken.back = Some(at);
        }
    }

    /// When it was seen that somebody had removed this part, if somebody had.
    #[must_use]
    pub fn gone_at(&self, control: &Control) -> Option<Timestamp> {
        self.gone.iter().find(|(gone, _)| gone == control).map(|(_, at)| *at)
    }

    /// How long each part was away that came back.
    #[must_use]
    pub fn longest_away(&self) -> Option<std::time::Duration> {
        let away = self.taken.iter().filter_map(|taken| std::time::Duration::try_from(taken.back?.duration_since(taken.off)).ok());
        away.max()
    }
}

impl PartFacts {
    pub(super) fn for_each_text(&mut self, visit: &mut dyn FnMut(&mut Text)) {
        self.control.for_each_text(visit);
        if let State::Other(word) = &mut self.state {
            visit(word);
        }
        self.left.iter_mut().for_each(visit);
    }
}

impl Control {
    pub(super) fn for_each_text(&mut self, visit: &mut dyn FnMut(&mut Text)) {
        match self {
            Self::Workflow { path, name, .. } => [path, name].into_iter().for_each(visit),
            Self::RunnerLabel { name, label, .. } => [name, label].into_iter().for_each(visit),
            Self::ProjectRunner { name, .. } | Self::Schedule { name, .. } => visit(name),
            Self::SharedRunners | Self::GroupRunners => {}
        }
    }
}
