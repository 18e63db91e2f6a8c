//! What runs on a primary path, and what should have run while it was cut.

use std::{collections::BTreeMap, fmt};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::Control;
use crate::record::Text;

/// What canship itself runs in, if it runs at this forge: never cut, never cancelled.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Own {
    /// The run's or pipeline's number.
    pub run: Option<u64>,
    /// The workflow's file, `.github/workflows/drill.yml`.
    pub workflow: Option<String>,
}

/// A run of a workflow on GitHub, a pipeline on GitLab.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Run {
    /// Its number.
    pub id: u64,
    /// Which workflow or source it is of, for people: `Release`.
    pub name: Text,
    /// The forge's word for how far it is.
    pub status: Text,
    /// The branch or tag.
    pub reference: Option<Text>,
    /// The commit.
    pub commit: Option<Text>,
    /// When it was created.
    pub created: Option<Timestamp>,
    /// Where people look at it.
    pub url: Option<Text>,
}

impl fmt::Display for Run {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { id, name, status, .. } = self;
        write!(f, "`{name}` (run {id}, {status}")?;
        if let Some(reference) = &self.reference {
            write!(f, ", on `{reference}`")?;
        }
        f.write_str(")")
    }
}

/// How a run is cancelled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cancel {
    /// Steps and jobs that are to run always still do.
    Asked,
    /// Nothing of it runs any more, where the forge can do that.
    Forced,
}

/// What there was before a cut.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Snapshot {
    /// The commit, or the tag's object, that each full reference points to.
    pub references: BTreeMap<String, String>,
    /// What could not be read, so that something may be missing here: one sentence each.
    pub unread: Vec<Text>,
    /// What a cut turns off.
    pub turned_off: Vec<Control>,
    /// The newest run or pipeline, where references say too little.
    pub newest_run: Option<u64>,
    /// When each schedule that a cut turns off would start next: its number, its description, the moment.
    pub schedules: Vec<(u64, Text, Timestamp)>,
}

/// What should have started something while the primary path was cut, and did not.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Missed {
    /// What happened, each once.
    pub happened: Vec<Happened>,
    /// Required checks that nothing will report, as sentences.
    pub pending_checks: Vec<Text>,
    /// What could not be read, so that something may be missing here: one sentence each.
    pub unread: Vec<Text>,
}

/// One thing that started nothing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Happened {
    /// What: `` pushed to `main`: 1a2b3c4 → 5d6e7f8 ``.
    pub what: Text,
    /// How it is started now.
    pub start: Text,
}
