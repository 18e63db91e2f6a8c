//! Where the logs of drills are kept and read back: a folder, or an object store that several machines share.
//!
//! A drill's log is written live into a folder of this machine, whatever becomes of the drill; a store gets it once the
//! drill has ended, and what a store does not take waits in that folder for the next drill.
//!
//! Invariants: nothing that is there is ever written over or cut; a log that is not whole never has the name of one that
//! is; what is derived (the index) is used only for the very bytes it was made from, and may be lost or wrong without
//! harm; a record that cannot be read is named and hides no other; no credential is in any message.

mod bucket;
mod error;
mod folder;
mod index;
pub mod log;
mod output;
mod sink;
mod spool;
mod store_error;

use async_trait::async_trait;
use jiff::Timestamp;

pub use bucket::{Access, Bucket, Key};
pub use error::HistoryError;
pub use folder::Folder;
pub use store_error::{StoreError, StoreFault};

use crate::record::{DrillId, Shelf, Sink, Text};

/// Where records are kept, as a drill and a look back need it.
#[async_trait]
pub trait History: Send + Sync {
    /// What people call the place.
    fn place(&self) -> Text;

    /// Makes ready to write on this machine.
    ///
    /// # Errors
    /// Nothing can be written there; nothing was left behind.
    fn prepare(&self) -> Result<(), HistoryError>;

    /// Takes a drill's events as they happen.
    fn sink(&self) -> Box<dyn Sink>;

    /// Brings what waits on this machine to where it belongs, the record of this drill first.
    async fn deliver(&self, drill: &DrillId) -> Delivery;

    /// All that is on record; changes no record.
    ///
    /// # Errors
    /// The place as a whole cannot be read.
    async fn read(&self, now: Timestamp) -> Result<Shelf, HistoryError>;
}

/// What became of a drill's record, and of others that waited on this machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivery {
    /// Where the record of the drill is.
    pub record: Whereabouts,
    /// How many records still wait on this machine.
    pub waiting: usize,
    /// Why something is not where it belongs, each reason once.
    pub problems: Vec<String>,
}

/// Where a record is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Whereabouts {
    /// Where it belongs.
    InPlace,
    /// On this machine, to be brought to where it belongs.
    Waiting,
    /// Nowhere: it could not be written.
    Lost,
}
