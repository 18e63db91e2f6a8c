//! Secrets: the one type that holds them, where they come from, and the scrubber that keeps them out of every stream.
//!
//! Invariants: a [`Secret`] cannot be printed, serialised or compared in variable time, and is wiped when dropped;
//! no error of this module holds any part of a value, nor of what a secret's command printed.

mod dumps;
mod escapes;
mod finder;
mod forms;
mod known;
mod parts;
mod scrub;
mod search;
mod source;
mod value;

pub use known::Known;
pub use scrub::{ScrubStream, Scrubber};
pub use search::Search;
pub use source::{Missing, Place, read};
pub use value::Secret;
